/* model/sizes.c: from expressions to sizes: constants, parameters, cells, and the interned shapes
 * of the signatures. All of it writes in place and allocates nothing, so it can be done again
 * whenever a constant or a vocabulary changes. */
#include <string.h>

#include "model/model.h"

/* ---- Interned shapes ------------------------------------------------------------------------- */

void edb_shape_table_init(edb_shape_table *table, edb_context *ctx) {
  *table = (edb_shape_table){.ctx = ctx, .seed = edb_hash_seed(ctx, table)};
}

void edb_shape_table_free(edb_shape_table *table) {
  edb_vec_free(table->ctx, &table->shapes);
  edb_free(table->ctx, table->slots, table->slot_count * sizeof *table->slots);
  table->slots = NULL;
  table->slot_count = 0;
}

static size_t slot_of(const edb_shape_table *table, edb_shape shape) {
  size_t slot = (size_t)edb_hash_from(table->seed, &shape, sizeof shape) & (table->slot_count - 1);
  while (table->slots[slot] &&
         !edb_shape_equal(table->shapes.data[table->slots[slot] - 1], shape)) {
    slot = (slot + 1) & (table->slot_count - 1);
  }
  return slot;
}

bool edb_shape_table_reserve(edb_shape_table *table, size_t wanted) {
  size_t slots = table->slot_count ? table->slot_count : 16;
  while (slots / 2 < wanted) slots *= 2;
  if (!edb_vec_reserve(table->ctx, &table->shapes, wanted)) return false;
  if (slots == table->slot_count) return true;
  uint32_t *fresh = edb_alloc_zero(table->ctx, slots * sizeof *fresh);
  if (!fresh) return false;
  edb_free(table->ctx, table->slots, table->slot_count * sizeof *table->slots);
  table->slots = fresh;
  table->slot_count = slots;
  for (size_t i = 0; i < table->shapes.length; i++) {
    table->slots[slot_of(table, table->shapes.data[i])] = (uint32_t)i + 1;
  }
  return true;
}

/* The number of a shape; room for one more must be there. */
static edb_shape_id intern_shape(edb_shape_table *table, edb_shape shape) {
  size_t slot = slot_of(table, shape);
  if (!table->slots[slot]) {
    EDB_ASSERT(table->shapes.length < table->shapes.capacity);
    table->shapes.data[table->shapes.length++] = shape;
    table->slots[slot] = (uint32_t)table->shapes.length;
  }
  return table->slots[slot] - 1;
}

void edb_shape_table_clear(edb_shape_table *table) {
  memset(table->slots, 0, table->slot_count * sizeof *table->slots);
  table->shapes.length = 0;
  edb_shape_id scalar = intern_shape(table, (edb_shape){.rank = 0, .dim = {1, 1, 1}});
  EDB_ASSERT(scalar == 0);
  (void)scalar;
}

/* ---- One cell -------------------------------------------------------------------------------- */

edb_status edb_bound_value(const edb_model *model, const edb_dim *bound, uint32_t *out,
                           edb_error *error) {
  int64_t value = 0;
  EDB_TRY(edb_dim_value(model, bound, 0, &value, error));
  /* Nothing can be indexed in a vocabulary that is still empty, but it may grow. */
  bool empty = edb_dim_vocab(bound) != UINT32_MAX && value == 0;
  if ((value < 1 && !empty) || value > EDB_DIM_MAX) {
    return edb_fail_at(error, EDB_ERROR_LIMIT, model->file, bound->line, bound->column,
                       "the bound of an index must be from 1 to %lld; \"%.200s\" is %lld",
                       (long long)EDB_DIM_MAX, bound->text, (long long)value);
  }
  *out = (uint32_t)value;
  return EDB_OK;
}

edb_status edb_op_set_dims(const edb_model *model, edb_ir_op *op, const edb_op_dims *dims,
                           edb_error *error) {
  int64_t low = op->kind == EDB_OP_SLICE ? 0 : 1;
  for (uint32_t i = 0; i < dims->count; i++) {
    EDB_TRY(edb_dim_range(model, &dims->dim[i], low, EDB_DIM_MAX,
                          op->kind == EDB_OP_SLICE ? "an end of a range" : "a dimension",
                          &op->immediate[i], error));
  }
  return EDB_OK;
}

edb_status edb_output_check(const edb_model *model, const edb_ir_cell *cell, edb_ir_output *output,
                            const edb_dims *declared, edb_error *error) {
  bool variadic;
  output->shape = edb_ir_ref_shape(&model->program, cell, output->value, &variadic);
  const edb_dim *at = &declared->dim[0];
  /* Only a parameter can be larger than a value. */
  if (output->shape.rank > 2 || edb_shape_size(output->shape) > EDB_VALUE_ELEMENTS_MAX) {
    return edb_fail_at(error, EDB_ERROR_SHAPE, model->file, at->line, at->column,
                       "cell %s: output %s is a table or has more than 2^31 - 1 elements",
                       cell->name, output->name);
  }
  if (declared->rank == EDB_DIMS_UNDECLARED) return EDB_OK;
  edb_shape wanted = {0};
  EDB_TRY(edb_dims_shape(model, declared, EDB_VALUE_ELEMENTS_MAX, &wanted, error));
  if (edb_shape_equal(wanted, output->shape)) return EDB_OK;
  char a[EDB_SHAPE_TEXT_BYTES], b[EDB_SHAPE_TEXT_BYTES];
  return edb_fail_at(error, EDB_ERROR_SHAPE, model->file, at->line, at->column,
                     "cell %s: output %s is declared %s, and its value is %s", cell->name,
                     output->name, edb_shape_text(wanted, a, sizeof a),
                     edb_shape_text(output->shape, b, sizeof b));
}

static edb_status refresh_arguments(const edb_model *model, edb_ir_cell *cell,
                                    const edb_cell_source *source, edb_error *error) {
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++) {
    EDB_TRY(edb_dims_shape(model, &source->inputs[i], EDB_VALUE_ELEMENTS_MAX,
                           &cell->input_shapes[i], error));
  }
  for (uint32_t i = 0; i < cell->sig.n_dense; i++) {
    EDB_TRY(edb_dims_shape(model, &source->dense[i], EDB_VALUE_ELEMENTS_MAX, &cell->dense_shapes[i],
                           error));
    source->dense_sigs[i].length = (uint32_t)edb_shape_size(cell->dense_shapes[i]);
  }
  for (uint32_t i = 0; i < cell->sig.n_indices; i++) {
    EDB_TRY(edb_bound_value(model, &source->bounds[i], &source->index_sigs[i].bound, error));
  }
  return EDB_OK;
}

edb_status edb_cell_refresh(const edb_model *model, edb_ir_cell *cell,
                            const edb_cell_source *source, edb_error *error) {
  EDB_TRY(refresh_arguments(model, cell, source, error));
  for (uint32_t i = 0; i < source->n_op_dims; i++) {
    const edb_op_dims *dims = &source->op_dims[i];
    EDB_TRY(edb_op_set_dims(model, &cell->ops[dims->op], dims, error));
  }
  for (uint32_t i = 0; i < cell->n_numbers; i++) {
    uint32_t constant = source->constants[i];
    if (constant != UINT32_MAX) cell->numbers[i] = (double)model->constants.data[constant].value;
  }
  cell->flops = cell->flops_per_element = 0;
  for (uint32_t i = 0; i < cell->n_ops; i++) {
    edb_ir_op *op = &cell->ops[i];
    EDB_TRY(edb_op_infer(model, cell, op, error));
    double flops = edb_ir_op_flops(&model->program, cell, op);
    if (op->variadic) {
      cell->flops_per_element += flops;
    } else {
      cell->flops += flops;
    }
  }
  for (uint32_t i = 0; i < cell->sig.n_outputs; i++) {
    EDB_TRY(edb_output_check(model, cell, &cell->outputs[i], &source->outputs[i], error));
  }
  return EDB_OK;
}

void edb_cell_intern(edb_model *model, const edb_ir_cell *cell, const edb_cell_source *source) {
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++) {
    source->input_sigs[i].shape = intern_shape(&model->shapes, cell->input_shapes[i]);
  }
  for (uint32_t i = 0; i < cell->sig.n_outputs; i++) {
    source->output_sigs[i].shape = intern_shape(&model->shapes, cell->outputs[i].shape);
  }
}

/* ---- The whole model ------------------------------------------------------------------------- */

edb_status edb_param_count(edb_model *model, edb_shape shape, edb_error *error) {
  uint64_t total = model->param_elements + edb_shape_size(shape); /* each at most 2^40 */
  EDB_FAIL_IF(total > EDB_PARAM_ELEMENTS_MAX, error, EDB_ERROR_LIMIT,
              "model %s: the parameters have more than %llu elements", model->name,
              (unsigned long long)EDB_PARAM_ELEMENTS_MAX);
  model->param_elements = total;
  return EDB_OK;
}

static edb_status refresh_params(edb_model *model, edb_error *error) {
  model->param_elements = 0;
  for (size_t i = 0; i < model->params.length; i++) {
    edb_shape *shape = &model->params.data[i].shape;
    EDB_TRY(edb_dims_shape(model, &model->param_decls.data[i].dims, EDB_PARAM_ELEMENTS_MAX, shape,
                           error));
    EDB_TRY(edb_param_count(model, *shape, error));
  }
  return EDB_OK;
}

edb_status edb_model_refresh(edb_model *model, edb_error *error) {
  model->dirty = true;
  for (size_t i = 0; i < model->constants.length; i++) {
    edb_constant_decl *constant = &model->constants.data[i];
    EDB_TRY(edb_dim_value(model, &constant->expression, 1, &constant->value, error));
  }
  EDB_TRY(refresh_params(model, error));
  for (size_t i = 0; i < model->cells.length; i++) {
    EDB_TRY(edb_cell_refresh(model, &model->cells.data[i], &model->sources.data[i], error));
  }
  edb_shape_table_clear(&model->shapes);
  for (size_t i = 0; i < model->cells.length; i++) {
    edb_cell_intern(model, &model->cells.data[i], &model->sources.data[i]);
  }
  edb_model_publish(model);
  model->dirty = false;
  return EDB_OK;
}
