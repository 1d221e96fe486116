/* model/model.c: the model object: its life, constants and what can be asked of it. */
#include "model/model.h"

#include <string.h>

#include "base/sized.h"

#define ARENA_CHUNK_BYTES 16384

static edb_status copy_overrides(edb_model *model, const edb_model_params *params,
                                 edb_error *error) {
  uint32_t count = params->n_set;
  if (!edb_vec_reserve(model->ctx, &model->overrides, count)) {
    return edb_fail_memory(error, count * sizeof(edb_override), "overrides of constants");
  }
  for (uint32_t i = 0; i < count; i++) {
    const char *name = params->set[i].name;
    EDB_FAIL_IF(!name, error, EDB_ERROR_ARGUMENT, "edb_model_params: set[%u].name is NULL", i);
    EDB_FAIL_IF(params->set[i].value == INT64_MIN, error, EDB_ERROR_LIMIT,
                "constant %.128s: -2^63 cannot be written", name);
    char *copy = edb_arena_strdup(&model->arena, name, strlen(name));
    if (!copy) return edb_fail_memory(error, strlen(name) + 1, "an override");
    edb_override item = {.name = copy, .value = params->set[i].value};
    (void)edb_vec_push(model->ctx, &model->overrides, item); /* reserved above */
  }
  return EDB_OK;
}

static edb_status set_name(edb_model *model, const char *name, edb_error *error) {
  edb_name_problem problem = edb_name_check(name, strlen(name));
  EDB_FAIL_IF(problem != EDB_NAME_FINE, error, EDB_ERROR_NAME, "model: the name \"%.40s\" %s", name,
              edb_name_problem_text(problem));
  model->name = edb_arena_strdup(&model->arena, name, strlen(name));
  return model->name ? EDB_OK : edb_fail_memory(error, strlen(name) + 1, "the name of a model");
}

edb_status edb_model_create(edb_context *ctx, const char *name, const edb_model_params *given,
                            edb_model **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, name, out);
  EDB_TAKE_PARAMS(edb_model_params, params, given, error);
  EDB_FAIL_IF(params.n_set && !params.set, error, EDB_ERROR_ARGUMENT,
              "edb_model_params: n_set is %u and set is NULL", params.n_set);
  edb_model *model = edb_alloc_zero(ctx, sizeof *model);
  if (!model) return edb_fail_memory(error, sizeof *model, "a model");
  model->ctx = ctx;
  edb_arena_init(&model->arena, ctx, ARENA_CHUNK_BYTES);
  edb_map_init(&model->names, ctx);
  edb_map_init(&model->cell_names, ctx);
  edb_map_init(&model->locals, ctx);
  edb_shape_table_init(&model->shapes, ctx);
  edb_status status;
  EDB_TRY_GOTO(status, set_name(model, name, error), cleanup);
  EDB_TRY_GOTO(status, copy_overrides(model, &params, error), cleanup);
  if (!edb_shape_table_reserve(&model->shapes, 1)) {
    status = edb_fail_memory(error, sizeof(edb_shape), "the shapes of a model");
    goto cleanup;
  }
  edb_shape_table_clear(&model->shapes);
  model->shape_uses = 1;
  edb_model_publish(model);
  *out = model;
  return EDB_OK;
cleanup:
  edb_model_destroy(model);
  return status;
}

void edb_model_destroy(edb_model *model) {
  if (!model) return;
  edb_context *ctx = model->ctx;
  while (model->open) edb_cell_discard(model->open);
  for (size_t i = 0; i < model->vocabs.length; i++) edb_map_free(&model->vocabs.data[i].words);
  edb_map_free(&model->names);
  edb_map_free(&model->cell_names);
  edb_map_free(&model->locals);
  edb_vec_free(ctx, &model->constants);
  edb_vec_free(ctx, &model->vocabs);
  edb_vec_free(ctx, &model->param_decls);
  edb_vec_free(ctx, &model->params);
  edb_vec_free(ctx, &model->sources);
  edb_vec_free(ctx, &model->cells);
  edb_vec_free(ctx, &model->types);
  edb_vec_free(ctx, &model->vocab_bounds);
  edb_vec_free(ctx, &model->rules);
  edb_vec_free(ctx, &model->overrides);
  edb_shape_table_free(&model->shapes);
  edb_arena_free(&model->arena);
  edb_free(ctx, model, sizeof *model);
}

void edb_model_publish(edb_model *model) {
  model->program = (edb_program){.n_cells = (uint32_t)model->cells.length,
                                 .n_params = (uint32_t)model->params.length,
                                 .cells = model->cells.data,
                                 .params = model->params.data,
                                 .schema = {.n_types = (uint32_t)model->types.length,
                                            .types = model->types.data,
                                            .n_shapes = (uint32_t)model->shapes.shapes.length,
                                            .shapes = model->shapes.shapes.data}};
}

edb_status edb_model_check_open(const edb_model *model, edb_error *error) {
  EDB_FAIL_IF(model->sealed, error, EDB_ERROR_STATE, "model %s is sealed: weights were made for it",
              model->name);
  return EDB_OK;
}

/* ---- Sealing and constants ------------------------------------------------------------------- */

edb_status edb_model_check_overrides(const edb_model *model, edb_error *error) {
  for (size_t i = 0; i < model->overrides.length; i++) {
    const edb_override *o = &model->overrides.data[i];
    if (!o->used) return edb_fail_unknown_constant(model, o->name, error);
  }
  return EDB_OK;
}

edb_status edb_model_seal(edb_model *model, edb_error *error) {
  EDB_REQUIRE(error, model);
  if (model->sealed) return EDB_OK;
  EDB_FAIL_IF(model->open, error, EDB_ERROR_STATE, "model %s: cell %s is begun and not ended",
              model->name, model->open->name);
  EDB_TRY(edb_model_check_overrides(model, error));
  for (size_t i = 0; i < model->vocabs.length; i++) {
    const edb_vocab *vocab = &model->vocabs.data[i];
    EDB_FAIL_IF(
        vocab->size == 0, error, EDB_ERROR_STATE,
        "model %s: vocabulary %s is empty, so nothing can be learned for it: read data that "
        "use it, load weights that have it, or set its size first",
        model->name, vocab->name);
  }
  if (model->dirty) EDB_TRY(edb_model_refresh(model, error));
  model->sealed = true;
  return EDB_OK;
}

bool edb_model_is_sealed(const edb_model *model) {
  return model->sealed;
}

edb_status edb_fail_unknown_constant(const edb_model *model, const char *name, edb_error *error) {
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, name, strlen(name));
  for (size_t i = 0; i < model->constants.length; i++) {
    edb_suggest(&suggestion, model->constants.data[i].name);
  }
  return edb_fail(error, EDB_ERROR_NAME, "model %s has no constant \"%.128s\"%s", model->name, name,
                  edb_suggest_text(&suggestion, buffer, sizeof buffer));
}

static uint32_t find_name(const edb_model *model, edb_name_kind kind, const char *name) {
  uint32_t value = edb_map_get(&model->names, name, strlen(name));
  if (value == EDB_MAP_NONE || EDB_NAME_KIND(value) != kind) return UINT32_MAX;
  return EDB_NAME_NUMBER(value);
}

edb_status edb_model_set_constant(edb_model *model, const char *name, int64_t value,
                                  edb_error *error) {
  EDB_REQUIRE(error, model, name);
  EDB_TRY(edb_model_check_open(model, error));
  uint32_t number = find_name(model, EDB_NAME_CONSTANT, name);
  if (number == UINT32_MAX) return edb_fail_unknown_constant(model, name, error);
  EDB_FAIL_IF(value == INT64_MIN, error, EDB_ERROR_LIMIT, "constant %s: -2^63 cannot be written",
              name);
  edb_constant_decl *constant = &model->constants.data[number];
  edb_constant_decl old = *constant;
  EDB_TRY(edb_dim_integer(model, value, &constant->expression, error));
  constant->given = true;
  edb_status status = edb_model_refresh(model, error);
  if (status == EDB_OK) return EDB_OK;
  *constant = old;
  edb_error ignored;
  if (edb_model_refresh(model, &ignored) != EDB_OK) model->dirty = true;
  return status;
}

bool edb_model_constant(const edb_model *model, const char *name, int64_t *value) {
  uint32_t number = find_name(model, EDB_NAME_CONSTANT, name);
  if (number == UINT32_MAX) return false;
  *value = model->constants.data[number].value;
  return true;
}

/* ---- What can be asked ----------------------------------------------------------------------- */

const edb_program *edb_model_program(const edb_model *model) {
  if (model->dirty) {
    /* Sizes are a cache of what is written. If they do not fit (only a vocabulary that grew can do
     * that) they stay as far as they came, and sealing reports it. */
    edb_error ignored;
    if (edb_model_refresh((edb_model *)model, &ignored) != EDB_OK) return &model->program;
  }
  return &model->program;
}

edb_context *edb_model_context(const edb_model *model) {
  return model->ctx;
}

const char *edb_model_file_name(const edb_model *model) {
  return model->file ? model->file : model->name;
}

const char *edb_model_name(const edb_model *model) {
  return model->name;
}

uint32_t edb_model_cell_count(const edb_model *model) {
  return (uint32_t)model->cells.length;
}

uint32_t edb_model_cell(const edb_model *model, const char *name) {
  return edb_map_get(&model->cell_names, name, strlen(name));
}

static const edb_ir_cell *cell_at(const edb_model *model, uint32_t cell) {
  return cell < model->cells.length ? &model->cells.data[cell] : NULL;
}

const char *edb_model_cell_name(const edb_model *model, uint32_t cell) {
  const edb_ir_cell *c = cell_at(model, cell);
  return c ? c->name : NULL;
}

uint32_t edb_model_output_count(const edb_model *model, uint32_t cell) {
  const edb_ir_cell *c = cell_at(model, cell);
  return c ? c->sig.n_outputs : 0;
}

uint32_t edb_model_output(const edb_model *model, uint32_t cell, const char *name) {
  const edb_ir_cell *c = cell_at(model, cell);
  for (uint32_t i = 0; c && i < c->sig.n_outputs; i++) {
    if (strcmp(c->outputs[i].name, name) == 0) return i;
  }
  return UINT32_MAX;
}

const char *edb_model_output_name(const edb_model *model, uint32_t cell, uint32_t output) {
  const edb_ir_cell *c = cell_at(model, cell);
  return c && output < c->sig.n_outputs ? c->outputs[output].name : NULL;
}

size_t edb_model_output_size(const edb_model *model, uint32_t cell, uint32_t output) {
  if (!edb_model_output_name(model, cell, output)) return 0;
  return edb_shape_size(edb_model_program(model)->cells[cell].outputs[output].shape);
}

uint32_t edb_model_output_rank(const edb_model *model, uint32_t cell, uint32_t output) {
  if (!edb_model_output_name(model, cell, output)) return 0;
  return edb_model_program(model)->cells[cell].outputs[output].shape.rank;
}

size_t edb_model_output_dim(const edb_model *model, uint32_t cell, uint32_t output, uint32_t axis) {
  if (axis >= edb_model_output_rank(model, cell, output)) return 0;
  return edb_model_program(model)->cells[cell].outputs[output].shape.dim[axis];
}

double edb_model_cell_flops(const edb_model *model, uint32_t cell) {
  return cell_at(model, cell) ? edb_model_program(model)->cells[cell].flops : 0;
}

/* Whether a product before number `end` of the operands has this parameter too. */
static bool is_factor_before(const edb_ir_cell *cell, uint32_t param, uint32_t op, uint32_t end) {
  for (uint32_t i = 0; i <= op; i++) {
    if (cell->ops[i].kind != EDB_OP_PRODUCT) continue;
    for (uint32_t k = 0; k < 2 && cell->ops[i].operand_start + k < end; k++) {
      edb_ref ref = cell->operands[cell->ops[i].operand_start + k];
      if (ref.kind == EDB_REF_PARAM && ref.index == param) return true;
    }
  }
  return false;
}

double edb_model_cell_weight_bytes(const edb_model *model, uint32_t cell) {
  const edb_ir_cell *c = cell_at(model, cell);
  double bytes = 0;
  for (uint32_t i = 0; c && i < c->n_ops; i++) {
    if (c->ops[i].kind != EDB_OP_PRODUCT) continue;
    for (uint32_t k = 0; k < 2; k++) {
      uint32_t at = c->ops[i].operand_start + k;
      edb_ref ref = c->operands[at];
      if (ref.kind != EDB_REF_PARAM || is_factor_before(c, ref.index, i, at)) continue;
      bytes += 4 * (double)edb_shape_size(edb_model_program(model)->params[ref.index].shape);
    }
  }
  return bytes;
}

uint32_t edb_model_param_count(const edb_model *model) {
  return (uint32_t)model->params.length;
}

const char *edb_model_param_name(const edb_model *model, uint32_t param) {
  return param < model->params.length ? model->params.data[param].name : NULL;
}

uint32_t edb_model_param_rank(const edb_model *model, uint32_t param) {
  return param < model->params.length ? model->params.data[param].shape.rank : 0;
}

size_t edb_model_param_dim(const edb_model *model, uint32_t param, uint32_t axis) {
  if (param >= model->params.length || axis >= model->params.data[param].shape.rank) return 0;
  return edb_model_program(model)->params[param].shape.dim[axis];
}

edb_init edb_model_param_init(const edb_model *model, uint32_t param) {
  EDB_ASSERT(param < model->params.length);
  return model->param_decls.data[param].init;
}

const edb_read_rule *edb_model_read_rules(const edb_model *model, uint32_t *count) {
  *count = (uint32_t)model->rules.length;
  return model->rules.data;
}

uint32_t edb_model_index_vocab(const edb_model *model, uint32_t cell, uint32_t index_attribute) {
  const edb_ir_cell *c = cell_at(model, cell);
  if (!c || index_attribute >= c->sig.n_indices) return UINT32_MAX;
  return edb_dim_vocab(&model->sources.data[cell].bounds[index_attribute]);
}

void edb_string_destroy(edb_context *ctx, char *text) {
  if (text) edb_free(ctx, text, strlen(text) + 1);
}
