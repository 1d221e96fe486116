/* model/schema.c: what the graph and the policies know of a cell: which attributes are labels,
 * which results need them, groups of variadic inputs, the policy key; and the end of building a
 * cell. */
#include <string.h>

#include "model/model.h"

/* ---- Groups and labels ----------------------------------------------------------------------- */

/* From a forest of inputs to numbers 0, 1, ... by the first input of each group. */
static void number_groups(edb_cell *cell) {
  for (size_t i = 0; i < cell->ops.length; i++) {
    edb_ir_op *op = &cell->ops.data[i];
    if (op->variadic || edb_op_is_over(op->kind)) op->group = edb_cell_group(cell, op->group);
    bool nonempty = edb_op_is_over(op->kind) && op->kind != EDB_OP_SUM_OVER;
    if (nonempty) cell->inputs.data[op->group].nonempty = true;
  }
  uint32_t next = 0;
  uint32_t *number = cell->group_numbers.data; /* of roots */
  for (uint32_t i = 0; i < cell->inputs.length; i++) {
    edb_input_sig *input = &cell->inputs.data[i];
    if (!input->variadic) continue;
    uint32_t root = edb_cell_group(cell, i);
    if (root == i) number[i] = next++;
    input->nonempty = cell->inputs.data[root].nonempty;
  }
  for (size_t i = 0; i < cell->ops.length; i++) {
    edb_ir_op *op = &cell->ops.data[i];
    if (op->variadic || edb_op_is_over(op->kind)) op->group = number[op->group];
  }
  /* Roots come before the rest of their group, so going down reads no group that is numbered. */
  for (size_t i = cell->inputs.length; i-- > 0;) {
    edb_input_sig *input = &cell->inputs.data[i];
    input->group = input->variadic ? number[edb_cell_group(cell, (uint32_t)i)] : 0;
  }
}

static bool is_label_use(const edb_ir_op *op, uint32_t operand) {
  return operand == 1 && (op->kind == EDB_OP_CROSS_ENTROPY || op->kind == EDB_OP_SQUARED_ERROR);
}

/* An attribute is a label if it is used, and only as the second operand of a loss. */
static void find_labels(edb_cell *cell, uint8_t *used_else) {
  uint8_t *dense_else = used_else ? used_else + cell->indices.length : NULL;
  for (size_t i = 0; i < cell->ops.length; i++) {
    const edb_ir_op *op = &cell->ops.data[i];
    for (uint32_t j = 0; j < op->n_operands; j++) {
      edb_ref ref = cell->operands.data[op->operand_start + j];
      bool label = is_label_use(op, j);
      if (ref.kind == EDB_REF_INDEX) {
        cell->indices.data[ref.index].is_label |= label;
        used_else[ref.index] |= !label;
      } else if (ref.kind == EDB_REF_DENSE) {
        cell->dense.data[ref.index].is_label |= label;
        dense_else[ref.index] |= !label;
      }
    }
  }
  for (size_t i = 0; i < cell->outputs.length; i++) {
    edb_ref ref = cell->outputs.data[i].value;
    if (ref.kind == EDB_REF_DENSE) dense_else[ref.index] = true;
  }
  for (size_t i = 0; i < cell->indices.length; i++) {
    cell->indices.data[i].is_label &= !used_else[i];
  }
  for (size_t i = 0; i < cell->dense.length; i++) cell->dense.data[i].is_label &= !dense_else[i];
}

static bool ref_needs_labels(const edb_cell *cell, edb_ref ref) {
  switch (ref.kind) {
  case EDB_REF_INDEX:
    return cell->indices.data[ref.index].is_label;
  case EDB_REF_DENSE:
    return cell->dense.data[ref.index].is_label;
  case EDB_REF_OP:
    return cell->ops.data[ref.index].needs_labels;
  case EDB_REF_INPUT:
  case EDB_REF_PARAM:
  case EDB_REF_NUMBER:
    break;
  }
  return false;
}

/* Groups, and which operators need labels. */
static edb_status mark_labels(edb_cell *cell, edb_error *error) {
  edb_context *ctx = cell->model->ctx;
  size_t bytes = cell->indices.length + cell->dense.length;
  uint8_t *used_else = edb_alloc_zero(ctx, bytes);
  if ((!used_else && bytes) || !edb_vec_reserve(ctx, &cell->group_numbers, cell->inputs.length)) {
    edb_free(ctx, used_else, bytes);
    return edb_fail_memory(error, bytes + cell->inputs.length * sizeof(uint32_t), "a cell");
  }
  number_groups(cell);
  find_labels(cell, used_else);
  edb_free(ctx, used_else, bytes);
  for (size_t i = 0; i < cell->ops.length; i++) {
    edb_ir_op *op = &cell->ops.data[i];
    for (uint32_t j = 0; j < op->n_operands; j++) {
      op->needs_labels |= ref_needs_labels(cell, cell->operands.data[op->operand_start + j]);
    }
  }
  return EDB_OK;
}

/* ---- Policy key ------------------------------------------------------------------------------ */

static const char *rank_text(edb_shape shape) {
  static const char *const texts[] = {"", "[.]", "[.,.]", "[.,.,.]"};
  return texts[shape.rank];
}

/* "node(h1[.], c1[.]; label: index) -> (h[.], c[.]) {concat; product; add}": no sizes, no names of
 * parameters. Two types with one key are scheduled alike. */
static edb_status make_key(const edb_model *model, const edb_ir_cell *cell, edb_text *key,
                           edb_error *error) {
  edb_text_init(key, model->ctx);
  edb_text_printf(key, "%s(", cell->name);
  const char *comma = "";
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++, comma = ", ") {
    const edb_input_sig *input = &cell->sig.inputs[i];
    edb_text_printf(key, "%s%s%s%s", comma, input->name, rank_text(cell->input_shapes[i]),
                    input->variadic ? "..." : "");
  }
  for (uint32_t i = 0; i < cell->sig.n_indices; i++, comma = ", ") {
    edb_text_printf(key, "%s%s: index", comma, cell->sig.indices[i].name);
  }
  for (uint32_t i = 0; i < cell->sig.n_dense; i++, comma = ", ") {
    edb_text_printf(key, "%s%s: dense%s", comma, cell->sig.dense[i].name,
                    rank_text(cell->dense_shapes[i]));
  }
  edb_text_printf(key, ") -> (");
  comma = "";
  for (uint32_t i = 0; i < cell->sig.n_outputs; i++, comma = ", ") {
    edb_text_printf(key, "%s%s%s", comma, cell->outputs[i].name, rank_text(cell->outputs[i].shape));
  }
  edb_text_printf(key, ") {");
  for (uint32_t i = 0; i < cell->n_ops; i++) {
    edb_text_printf(key, "%s%s", i ? "; " : "", edb_op_get(cell->ops[i].kind)->name);
  }
  edb_text_printf(key, "}");
  if (!key->failed) return EDB_OK;
  edb_text_free(key);
  return edb_fail_memory(error, 0, "the key of a cell");
}

/* ---- The end of a cell ----------------------------------------------------------------------- */

/* A copy of an array in the model's arena; an empty one is NULL. */
static void *keep(edb_model *model, const void *data, size_t count, size_t element, bool *fine) {
  if (count == 0) return NULL;
  void *copy = edb_arena_alloc(&model->arena, count * element);
  if (copy) memcpy(copy, data, count * element);
  *fine = *fine && copy;
  return copy;
}

#define KEEP(model, vec, fine) keep((model), (vec).data, (vec).length, sizeof *(vec).data, (fine))

static void fill_outputs(edb_output_sig *sigs, const edb_cell *cell) {
  for (size_t i = 0; i < cell->outputs.length; i++) {
    const edb_ir_output *output = &cell->outputs.data[i];
    sigs[i] = (edb_output_sig){.name = output->name,
                               .needs_labels = ref_needs_labels(cell, output->value)};
  }
}

/* Copies all of the cell into the arena: what is written and what follows. */
static bool copy_cell(edb_cell *cell, edb_ir_cell *ir, edb_cell_source *source) {
  edb_model *model = cell->model;
  bool fine = true;
  *ir = *edb_cell_view(cell);
  *source = cell->source;
  source->inputs = KEEP(model, cell->input_dims, &fine);
  source->dense = KEEP(model, cell->dense_dims, &fine);
  source->outputs = KEEP(model, cell->output_dims, &fine);
  source->bounds = KEEP(model, cell->bounds, &fine);
  source->op_dims = KEEP(model, cell->op_dims, &fine);
  source->n_op_dims = (uint32_t)cell->op_dims.length;
  source->input_sigs = KEEP(model, cell->inputs, &fine);
  source->index_sigs = KEEP(model, cell->indices, &fine);
  source->dense_sigs = KEEP(model, cell->dense, &fine);
  source->output_sigs =
      edb_arena_alloc(&model->arena, cell->outputs.length * sizeof *source->output_sigs);
  ir->input_shapes = KEEP(model, cell->input_shapes, &fine);
  ir->dense_shapes = KEEP(model, cell->dense_shapes, &fine);
  ir->ops = KEEP(model, cell->ops, &fine);
  ir->operands = KEEP(model, cell->operands, &fine);
  ir->numbers = KEEP(model, cell->numbers, &fine);
  source->constants = KEEP(model, cell->constants, &fine);
  ir->outputs = KEEP(model, cell->outputs, &fine);
  if (!fine || !source->output_sigs) return false;
  fill_outputs(source->output_sigs, cell);
  ir->sig.inputs = source->input_sigs;
  ir->sig.outputs = source->output_sigs;
  ir->sig.indices = source->index_sigs;
  ir->sig.dense = source->dense_sigs;
  for (uint32_t i = 0; i < ir->sig.n_inputs; i++) ir->sig.n_variadic += ir->sig.inputs[i].variadic;
  return true;
}

static edb_status set_key(edb_model *model, edb_ir_cell *ir, edb_error *error) {
  edb_text key;
  EDB_TRY(make_key(model, ir, &key, error));
  ir->sig.key = edb_arena_strdup(&model->arena, key.data, key.length);
  size_t length = key.length;
  edb_text_free(&key);
  return ir->sig.key ? EDB_OK : edb_fail_memory(error, length + 1, "the key of a cell");
}

/* Room in every array of the model, and the names; after it nothing can fail. */
static bool reserve_cell(edb_cell *cell, size_t shape_uses) {
  edb_model *model = cell->model;
  edb_context *ctx = model->ctx;
  size_t cells = model->cells.length + 1;
  bool fine = edb_vec_reserve(ctx, &model->cells, cells) &&
              edb_vec_reserve(ctx, &model->sources, cells) &&
              edb_vec_reserve(ctx, &model->types, cells) &&
              edb_vec_reserve(ctx, &model->vocab_bounds,
                              model->vocab_bounds.length + cell->bounds.length) &&
              edb_shape_table_reserve(&model->shapes, shape_uses);
  for (size_t i = 0; i < cell->names.length && fine; i++) {
    const char *name = edb_map_key(&cell->names, i);
    fine = edb_map_put(&model->locals, name, strlen(name), 1);
  }
  return fine && edb_map_put(&model->cell_names, cell->name, strlen(cell->name),
                             (uint32_t)model->cells.length);
}

static void add_cell(edb_model *model, const edb_ir_cell *ir, const edb_cell_source *source) {
  edb_cell_intern(model, ir, source);
  model->cells.data[model->cells.length++] = *ir;
  model->sources.data[model->sources.length++] = *source;
  model->types.data[model->types.length++] = ir->sig;
  for (uint32_t i = 0; i < ir->sig.n_indices; i++) {
    if (edb_dim_vocab(&source->bounds[i]) == UINT32_MAX) continue;
    model->vocab_bounds.data[model->vocab_bounds.length++] =
        (edb_vocab_bound){&source->index_sigs[i], source->bounds[i]};
  }
  edb_model_publish(model);
}

static edb_status end_cell(edb_cell *cell, edb_error *error) {
  edb_model *model = cell->model;
  if (edb_cell_failed(cell)) {
    if (error) *error = cell->failure;
    return cell->failure.status;
  }
  EDB_TRY(edb_model_check_open(model, error));
  if (cell->outputs.length == 0) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, model->file, cell->source.line, cell->source.column,
                       "cell %s has no outputs", cell->name);
  }
  if (model->dirty) EDB_TRY(edb_model_refresh(model, error));
  EDB_TRY(edb_cell_canonicalise(cell, error));
  EDB_TRY(mark_labels(cell, error));
  edb_ir_cell ir;
  edb_cell_source source;
  if (!copy_cell(cell, &ir, &source)) return edb_fail_memory(error, sizeof ir, "a cell");
  EDB_TRY(edb_cell_refresh(model, &ir, &source, error));
  EDB_TRY(set_key(model, &ir, error));
  size_t shape_uses = model->shape_uses + cell->inputs.length + cell->outputs.length;
  if (!reserve_cell(cell, shape_uses)) return edb_fail_memory(error, sizeof ir, "a cell");
  model->shape_uses = shape_uses;
  add_cell(model, &ir, &source);
  return EDB_OK;
}

edb_status edb_cell_end(edb_cell *cell, edb_error *error) {
  EDB_REQUIRE(error, cell);
  edb_status status = end_cell(cell, error);
  edb_cell_discard(cell);
  return status;
}
