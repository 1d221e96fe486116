/* model/builder.c: cells, call by call. The reader of model files goes through the same functions,
 * so a file and a program can say the same. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* ---- Failing --------------------------------------------------------------------------------- */

void edb_cell_fail(edb_cell *cell, edb_status status, const char *format, ...) {
  if (cell->failure.status != EDB_OK) return;
  char text[EDB_ERROR_TEXT_BYTES / 2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (void)edb_fail_at(&cell->failure, status, cell->model->file, cell->line, cell->column,
                    "cell %s: %s", cell->name, text);
}

edb_expr edb_cell_fail_memory(edb_cell *cell, size_t bytes) {
  if (cell->failure.status == EDB_OK) (void)edb_fail_memory(&cell->failure, bytes, "a cell");
  return EDB_EXPR_NONE;
}

bool edb_cell_given(edb_cell *cell, const void *pointer, const char *what) {
  if (!pointer) edb_cell_fail(cell, EDB_ERROR_ARGUMENT, "%s is NULL", what);
  return pointer != NULL;
}

void edb_cell_at(edb_cell *cell, uint32_t line, uint32_t column) {
  cell->line = line;
  cell->column = column;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static edb_status check_cell_name(const edb_model *model, edb_named name, edb_error *error) {
  edb_name_problem problem = edb_name_check(name.text, name.length);
  int shown = edb_name_shown(name.length);
  if (problem != EDB_NAME_FINE) {
    return edb_fail_at(error, EDB_ERROR_NAME, model->file, name.line, name.column,
                       "cell: the name \"%.*s\" %s", shown, name.text,
                       edb_name_problem_text(problem));
  }
  bool taken = edb_map_get(&model->cell_names, name.text, name.length) != EDB_MAP_NONE;
  for (const edb_cell *open = model->open; open && !taken; open = open->next) {
    taken = strlen(open->name) == name.length && memcmp(open->name, name.text, name.length) == 0;
  }
  if (!taken) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_NAME, model->file, name.line, name.column,
                     "there is a cell \"%.*s\" already", shown, name.text);
}

edb_status edb_cell_open(edb_model *model, edb_named name, edb_cell **out, edb_error *error) {
  EDB_TRY(edb_model_check_open(model, error));
  EDB_TRY(check_cell_name(model, name, error));
  EDB_FAIL_IF(model->cells.length >= EDB_DECLARATIONS_MAX, error, EDB_ERROR_LIMIT,
              "model %s has too many cells", model->name);
  const char *copy = edb_arena_strdup(&model->arena, name.text, name.length);
  edb_cell *cell = copy ? edb_alloc_zero(model->ctx, sizeof *cell) : NULL;
  if (!cell) return edb_fail_memory(error, sizeof *cell, "a cell");
  cell->model = model;
  cell->name = copy;
  cell->line = cell->source.line = name.line;
  cell->column = cell->source.column = name.column;
  edb_map_init(&cell->names, model->ctx);
  edb_map_init(&cell->output_names, model->ctx);
  cell->next = model->open;
  cell->link = &model->open;
  if (cell->next) cell->next->link = &cell->next;
  model->open = cell;
  *out = cell;
  return EDB_OK;
}

edb_status edb_cell_begin(edb_model *model, const char *name, edb_cell **out, edb_error *error) {
  EDB_REQUIRE(error, model, name, out);
  edb_named named = {.text = name, .length = strlen(name)};
  return edb_cell_open(model, named, out, error);
}

void edb_cell_discard(edb_cell *cell) {
  edb_context *ctx = cell->model->ctx;
  *cell->link = cell->next;
  if (cell->next) cell->next->link = cell->link;
  edb_map_free(&cell->names);
  edb_map_free(&cell->output_names);
  edb_vec_free(ctx, &cell->values);
  edb_vec_free(ctx, &cell->inputs);
  edb_vec_free(ctx, &cell->input_shapes);
  edb_vec_free(ctx, &cell->input_dims);
  edb_vec_free(ctx, &cell->indices);
  edb_vec_free(ctx, &cell->bounds);
  edb_vec_free(ctx, &cell->dense);
  edb_vec_free(ctx, &cell->dense_shapes);
  edb_vec_free(ctx, &cell->dense_dims);
  edb_vec_free(ctx, &cell->ops);
  edb_vec_free(ctx, &cell->op_dims);
  edb_vec_free(ctx, &cell->operands);
  edb_vec_free(ctx, &cell->numbers);
  edb_vec_free(ctx, &cell->constants);
  edb_vec_free(ctx, &cell->outputs);
  edb_vec_free(ctx, &cell->output_dims);
  edb_vec_free(ctx, &cell->group_numbers);
  edb_free(ctx, cell, sizeof *cell);
}

const edb_ir_cell *edb_cell_view(edb_cell *cell) {
  cell->ir = (edb_ir_cell){.name = cell->name,
                           .sig = {.name = cell->name,
                                   .n_inputs = (uint32_t)cell->inputs.length,
                                   .n_outputs = (uint32_t)cell->outputs.length,
                                   .n_indices = (uint32_t)cell->indices.length,
                                   .n_dense = (uint32_t)cell->dense.length,
                                   .inputs = cell->inputs.data,
                                   .indices = cell->indices.data,
                                   .dense = cell->dense.data},
                           .input_shapes = cell->input_shapes.data,
                           .dense_shapes = cell->dense_shapes.data,
                           .ops = cell->ops.data,
                           .n_ops = (uint32_t)cell->ops.length,
                           .operands = cell->operands.data,
                           .n_operands = (uint32_t)cell->operands.length,
                           .numbers = cell->numbers.data,
                           .n_numbers = (uint32_t)cell->numbers.length,
                           .outputs = cell->outputs.data};
  return &cell->ir;
}

/* ---- Names ----------------------------------------------------------------------------------- */

edb_expr edb_cell_value(edb_cell *cell, edb_ref_kind kind, size_t index) {
  edb_ref ref = {kind, (uint32_t)index};
  if (cell->values.length >= 4 * (size_t)EDB_DECLARATIONS_MAX) {
    edb_cell_fail(cell, EDB_ERROR_LIMIT, "there are too many values");
    return EDB_EXPR_NONE;
  }
  if (!edb_vec_push(cell->model->ctx, &cell->values, ref))
    return edb_cell_fail_memory(cell, sizeof ref);
  return (edb_expr)(cell->values.length - 1);
}

/* The name must be one, and mean nothing else in the cell; gives a lasting copy, or NULL. */
static const char *take_name(edb_cell *cell, const char *name, size_t length) {
  edb_name_problem problem = edb_name_check(name, length);
  if (problem != EDB_NAME_FINE) {
    edb_cell_fail(cell, EDB_ERROR_NAME, "the name \"%.*s\" %s", edb_name_shown(length), name,
                  edb_name_problem_text(problem));
    return NULL;
  }
  if (edb_map_get(&cell->names, name, length) != EDB_MAP_NONE) {
    edb_cell_fail(cell, EDB_ERROR_NAME, "\"%.*s\" has a value already, and names are given once",
                  edb_name_shown(length), name);
    return NULL;
  }
  uint32_t global = edb_map_get(&cell->model->names, name, length);
  if (global != EDB_MAP_NONE && EDB_NAME_KIND(global) == EDB_NAME_PARAM) {
    edb_cell_fail(cell, EDB_ERROR_NAME, "\"%.*s\" is the name of a parameter",
                  edb_name_shown(length), name);
    return NULL;
  }
  const char *copy = edb_arena_strdup(&cell->model->arena, name, length);
  if (!copy) edb_cell_fail_memory(cell, length + 1);
  return copy;
}

bool edb_cell_reserve_number(edb_cell *cell) {
  size_t wanted = cell->numbers.length + 1;
  return edb_vec_reserve(cell->model->ctx, &cell->numbers, wanted) &&
         edb_vec_reserve(cell->model->ctx, &cell->constants, wanted);
}

uint32_t edb_cell_add_number(edb_cell *cell, double value, uint32_t constant) {
  cell->constants.data[cell->constants.length++] = constant;
  cell->numbers.data[cell->numbers.length++] = value;
  return (uint32_t)cell->numbers.length - 1;
}

/* Whether a value is the constant of this name. */
static bool is_constant(const edb_cell *cell, edb_ref ref, const char *name) {
  if (ref.kind != EDB_REF_NUMBER || cell->constants.data[ref.index] == UINT32_MAX) return false;
  return strcmp(cell->model->constants.data[cell->constants.data[ref.index]].name, name) == 0;
}

static edb_expr bind(edb_cell *cell, const char *name, size_t length, edb_expr value) {
  if (value == EDB_EXPR_NONE) return value;
  return edb_map_put(&cell->names, name, length, value) ? value
                                                        : edb_cell_fail_memory(cell, length);
}

static void suggest_values(const edb_cell *cell, edb_suggestion *suggestion) {
  for (size_t i = 0; i < cell->names.length; i++) {
    edb_suggest(suggestion, edb_map_key(&cell->names, i));
  }
  for (size_t i = 0; i < cell->model->params.length; i++) {
    edb_suggest(suggestion, cell->model->params.data[i].name);
  }
}

/* The name is taken in the cell from here on, so that it means the constant in every line. */
static edb_expr add_constant(edb_cell *cell, uint32_t number) {
  const edb_constant_decl *constant = &cell->model->constants.data[number];
  size_t length = strlen(constant->name);
  if (!edb_cell_reserve_number(cell)) return edb_cell_fail_memory(cell, sizeof(double));
  uint32_t at = edb_cell_add_number(cell, (double)constant->value, number);
  return bind(cell, constant->name, length, edb_cell_value(cell, EDB_REF_NUMBER, at));
}

edb_expr edb_cell_constant(edb_cell *cell, const char *name) {
  if (edb_cell_failed(cell) || !edb_cell_given(cell, name, "the name of a constant"))
    return EDB_EXPR_NONE;
  size_t length = strlen(name);
  uint32_t global = edb_map_get(&cell->model->names, name, length);
  uint32_t local = edb_map_get(&cell->names, name, length);
  if (global == EDB_MAP_NONE || EDB_NAME_KIND(global) != EDB_NAME_CONSTANT) {
    (void)edb_fail_unknown_constant(cell->model, name, &cell->failure);
    return EDB_EXPR_NONE;
  }
  if (local == EDB_MAP_NONE) return add_constant(cell, EDB_NAME_NUMBER(global));
  edb_ref ref = cell->values.data[local];
  if (is_constant(cell, ref, name)) return local;
  edb_cell_fail(cell, EDB_ERROR_NAME,
                "\"%.128s\" is a value of the cell, so the constant of that name is none", name);
  return EDB_EXPR_NONE;
}

edb_expr edb_cell_find(edb_cell *cell, const char *name, size_t length) {
  if (edb_cell_failed(cell)) return EDB_EXPR_NONE;
  uint32_t local = edb_map_get(&cell->names, name, length);
  if (local != EDB_MAP_NONE) return local;
  uint32_t global = edb_map_get(&cell->model->names, name, length);
  if (global != EDB_MAP_NONE && EDB_NAME_KIND(global) == EDB_NAME_PARAM) {
    return edb_cell_value(cell, EDB_REF_PARAM, EDB_NAME_NUMBER(global));
  }
  if (global != EDB_MAP_NONE && EDB_NAME_KIND(global) == EDB_NAME_CONSTANT)
    return add_constant(cell, EDB_NAME_NUMBER(global));
  if (global != EDB_MAP_NONE) {
    edb_cell_fail(cell, EDB_ERROR_NAME,
                  "\"%.*s\" is a vocabulary, which is no value: it stands in dimensions",
                  edb_name_shown(length), name);
    return EDB_EXPR_NONE;
  }
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, name, length);
  suggest_values(cell, &suggestion);
  edb_cell_fail(cell, EDB_ERROR_NAME, "there is no value or parameter \"%.*s\"%s",
                edb_name_shown(length), name, edb_suggest_text(&suggestion, buffer, sizeof buffer));
  return EDB_EXPR_NONE;
}

edb_expr edb_cell_param(edb_cell *cell, const char *name) {
  if (edb_cell_failed(cell) || !edb_cell_given(cell, name, "the name of a parameter"))
    return EDB_EXPR_NONE;
  uint32_t global = edb_map_get(&cell->model->names, name, strlen(name));
  if (global != EDB_MAP_NONE && EDB_NAME_KIND(global) == EDB_NAME_PARAM) {
    return edb_cell_value(cell, EDB_REF_PARAM, EDB_NAME_NUMBER(global));
  }
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, name, strlen(name));
  suggest_values(cell, &suggestion);
  edb_cell_fail(cell, EDB_ERROR_NAME, "there is no parameter \"%.*s\"%s",
                edb_name_shown(strlen(name)), name,
                edb_suggest_text(&suggestion, buffer, sizeof buffer));
  return EDB_EXPR_NONE;
}

edb_expr edb_cell_add_name(edb_cell *cell, edb_expr value, const char *name, size_t length) {
  if (edb_cell_failed(cell)) return EDB_EXPR_NONE;
  if (value >= cell->values.length) {
    edb_cell_fail(cell, EDB_ERROR_ARGUMENT, "\"%.*s\" names no value of this cell",
                  edb_name_shown(length), name);
    return EDB_EXPR_NONE;
  }
  const char *copy = take_name(cell, name, length);
  if (!copy) return EDB_EXPR_NONE;
  edb_ref ref = cell->values.data[value];
  /* Any further name is only another word for the same value. */
  if (ref.kind == EDB_REF_OP && !cell->ops.data[ref.index].name) {
    cell->ops.data[ref.index].name = copy;
  }
  return bind(cell, name, length, value);
}

edb_expr edb_cell_name(edb_cell *cell, edb_expr value, const char *name) {
  if (!edb_cell_given(cell, name, "the name of a value")) return EDB_EXPR_NONE;
  return edb_cell_add_name(cell, value, name, strlen(name));
}

/* ---- Inputs and attributes ------------------------------------------------------------------- */

static edb_expr add_plain_input(edb_cell *cell, bool variadic, const char *name,
                                const edb_dims *dims, edb_shape shape) {
  edb_context *ctx = cell->model->ctx;
  size_t count = cell->inputs.length;
  /* Until the cell ends, `group` is the parent in a forest of inputs that are mapped together. */
  edb_input_sig sig = {.name = name, .variadic = variadic, .group = (uint32_t)count};
  if (!edb_vec_reserve(ctx, &cell->input_shapes, count + 1) ||
      !edb_vec_reserve(ctx, &cell->input_dims, count + 1) ||
      !edb_vec_push(ctx, &cell->inputs, sig)) {
    return edb_cell_fail_memory(cell, sizeof sig);
  }
  cell->input_shapes.data[cell->input_shapes.length++] = shape;
  cell->input_dims.data[cell->input_dims.length++] = *dims;
  return edb_cell_value(cell, EDB_REF_INPUT, count);
}

static edb_expr add_dense(edb_cell *cell, const char *name, const edb_dims *dims, edb_shape shape) {
  edb_context *ctx = cell->model->ctx;
  size_t count = cell->dense.length;
  edb_dense_sig sig = {.name = name, .length = (uint32_t)edb_shape_size(shape)};
  if (!edb_vec_reserve(ctx, &cell->dense_shapes, count + 1) ||
      !edb_vec_reserve(ctx, &cell->dense_dims, count + 1) ||
      !edb_vec_push(ctx, &cell->dense, sig)) {
    return edb_cell_fail_memory(cell, sizeof sig);
  }
  cell->dense_shapes.data[cell->dense_shapes.length++] = shape;
  cell->dense_dims.data[cell->dense_dims.length++] = *dims;
  return edb_cell_value(cell, EDB_REF_DENSE, count);
}

edb_expr edb_cell_add_input(edb_cell *cell, edb_input_kind kind, const char *name, size_t length,
                            const edb_dims *dims) {
  if (edb_cell_failed(cell)) return EDB_EXPR_NONE;
  if (dims->rank > 2) {
    edb_cell_fail(cell, EDB_ERROR_SHAPE, "%.*s: values have at most 2 dimensions",
                  edb_name_shown(length), name);
    return EDB_EXPR_NONE;
  }
  if (cell->inputs.length >= EDB_DECLARATIONS_MAX || cell->dense.length >= EDB_DECLARATIONS_MAX) {
    edb_cell_fail(cell, EDB_ERROR_LIMIT, "there are too many inputs");
    return EDB_EXPR_NONE;
  }
  edb_shape shape;
  if (edb_dims_shape(cell->model, dims, EDB_VALUE_ELEMENTS_MAX, &shape, &cell->failure) != EDB_OK) {
    return EDB_EXPR_NONE;
  }
  const char *copy = take_name(cell, name, length);
  if (!copy) return EDB_EXPR_NONE;
  edb_expr value = kind == EDB_INPUT_DENSE
                       ? add_dense(cell, copy, dims, shape)
                       : add_plain_input(cell, kind == EDB_INPUT_VARIADIC, copy, dims, shape);
  return bind(cell, name, length, value);
}

static edb_expr add_input_text(edb_cell *cell, edb_input_kind kind, const char *name,
                               const char *text) {
  if (edb_cell_failed(cell) || !edb_cell_given(cell, name, "the name of an input") ||
      !edb_cell_given(cell, text, "the dimensions of an input"))
    return EDB_EXPR_NONE;
  edb_lexer lexer;
  edb_dims dims;
  if (edb_lexer_init(&lexer, cell->model->ctx, text, strlen(text), name, false, &cell->failure) ||
      edb_dims_parse(cell->model, &lexer, 0, &dims, &cell->failure)) {
    return EDB_EXPR_NONE;
  }
  return edb_cell_add_input(cell, kind, name, strlen(name), &dims);
}

edb_expr edb_cell_input(edb_cell *cell, const char *name, const char *dims) {
  return add_input_text(cell, EDB_INPUT_PLAIN, name, dims);
}

edb_expr edb_cell_variadic(edb_cell *cell, const char *name, const char *dims) {
  return add_input_text(cell, EDB_INPUT_VARIADIC, name, dims);
}

edb_expr edb_cell_dense(edb_cell *cell, const char *name, const char *dims) {
  return add_input_text(cell, EDB_INPUT_DENSE, name, dims);
}

edb_expr edb_cell_add_index(edb_cell *cell, const char *name, size_t length, const edb_dim *bound) {
  if (edb_cell_failed(cell)) return EDB_EXPR_NONE;
  edb_context *ctx = cell->model->ctx;
  edb_index_sig sig = {.bound = 0};
  if (cell->indices.length >= EDB_DECLARATIONS_MAX) {
    edb_cell_fail(cell, EDB_ERROR_LIMIT, "there are too many attributes");
    return EDB_EXPR_NONE;
  }
  if (edb_bound_value(cell->model, bound, &sig.bound, &cell->failure) != EDB_OK) {
    return EDB_EXPR_NONE;
  }
  sig.name = take_name(cell, name, length);
  if (!sig.name) return EDB_EXPR_NONE;
  if (!edb_vec_reserve(ctx, &cell->bounds, cell->indices.length + 1) ||
      !edb_vec_push(ctx, &cell->indices, sig)) {
    return edb_cell_fail_memory(cell, sizeof sig);
  }
  cell->bounds.data[cell->bounds.length++] = *bound;
  return bind(cell, name, length, edb_cell_value(cell, EDB_REF_INDEX, cell->indices.length - 1));
}

edb_expr edb_cell_index(edb_cell *cell, const char *name, const char *bound) {
  if (edb_cell_failed(cell) || !edb_cell_given(cell, name, "the name of an attribute") ||
      !edb_cell_given(cell, bound, "the bound of an attribute"))
    return EDB_EXPR_NONE;
  edb_lexer lexer;
  edb_dim dim;
  if (edb_lexer_init(&lexer, cell->model->ctx, bound, strlen(bound), name, false, &cell->failure) ||
      edb_dim_parse(cell->model, &lexer, false, &dim, &cell->failure)) {
    return EDB_EXPR_NONE;
  }
  if (lexer.token.kind != EDB_TOKEN_END) {
    (void)edb_lexer_unexpected(&lexer, &cell->failure, "the end of the bound");
    return EDB_EXPR_NONE;
  }
  return edb_cell_add_index(cell, name, strlen(name), &dim);
}

edb_expr edb_cell_number(edb_cell *cell, double value) {
  if (edb_cell_failed(cell)) return EDB_EXPR_NONE;
  if (!isfinite(value)) {
    edb_cell_fail(cell, EDB_ERROR_ARGUMENT, "a number must be finite; found %g", value);
    return EDB_EXPR_NONE;
  }
  if (!edb_cell_reserve_number(cell)) return edb_cell_fail_memory(cell, sizeof value);
  return edb_cell_value(cell, EDB_REF_NUMBER, edb_cell_add_number(cell, value, UINT32_MAX));
}

/* ---- Outputs --------------------------------------------------------------------------------- */

static bool output_is_allowed(edb_cell *cell, edb_ref ref, const char *name) {
  if (edb_ref_group(cell, ref) != UINT32_MAX) {
    edb_cell_fail(cell, EDB_ERROR_SHAPE, "output %s is variadic; reduce it first (sum, mean, max)",
                  name);
    return false;
  }
  if (ref.kind != EDB_REF_INDEX) return true;
  edb_cell_fail(
      cell, EDB_ERROR_FORMAT,
      "output %s is an index attribute; only vectors, matrices and numbers can be outputs", name);
  return false;
}

void edb_cell_add_output(edb_cell *cell, edb_expr value, const char *name, size_t length,
                         const edb_dims *dims) {
  if (edb_cell_failed(cell)) return;
  uint32_t known = edb_map_get(&cell->names, name, length);
  edb_ref ref = {EDB_REF_NUMBER, 0};
  if (value < cell->values.length) ref = cell->values.data[value];
  bool same = known != EDB_MAP_NONE && value < cell->values.length &&
              cell->values.data[known].kind == ref.kind &&
              cell->values.data[known].index == ref.index;
  if (!same && edb_cell_add_name(cell, value, name, length) == EDB_EXPR_NONE) return;
  if (edb_map_get(&cell->output_names, name, length) != EDB_MAP_NONE) {
    edb_cell_fail(cell, EDB_ERROR_NAME, "output \"%.*s\" is declared twice", edb_name_shown(length),
                  name);
    return;
  }
  const char *copy = edb_arena_strdup(&cell->model->arena, name, length);
  edb_ir_output output = {.name = copy, .value = ref};
  if (copy && is_constant(cell, ref, copy)) {
    edb_cell_fail(cell, EDB_ERROR_NAME, "output %s is a constant; give it another name", copy);
    return;
  }
  if (!copy || !edb_vec_reserve(cell->model->ctx, &cell->outputs, cell->outputs.length + 1) ||
      !edb_map_put(&cell->output_names, name, length, 0) ||
      !edb_vec_push(cell->model->ctx, &cell->output_dims, *dims)) {
    edb_cell_fail_memory(cell, sizeof output);
    return;
  }
  if (!output_is_allowed(cell, ref, copy)) return;
  if (cell->outputs.length >= UINT16_MAX) {
    edb_cell_fail(cell, EDB_ERROR_LIMIT, "there are more than 65535 outputs");
    return;
  }
  if (edb_output_check(cell->model, edb_cell_view(cell), &output, dims, &cell->failure) != EDB_OK) {
    return;
  }
  cell->outputs.data[cell->outputs.length++] = output;
}

void edb_cell_output(edb_cell *cell, edb_expr value, const char *name) {
  if (!edb_cell_given(cell, name, "the name of an output")) return;
  edb_dims undeclared = {.rank = EDB_DIMS_UNDECLARED};
  edb_cell_add_output(cell, value, name, strlen(name), &undeclared);
}
