/* model/recipe.c: makes the recipes of a lowering. */
#include "model/recipe.h"

#include "model/model.h"

typedef struct builder {
  edb_lowering *lowering;
  const edb_ir_cell *cell;
  edb_recipe *recipe;
  uint32_t *op_slot; /* slot of each operator's result */
  edb_error *error;
} builder;

/* A row operand of a step: a slot, its shape, and whether it is variadic. */
typedef struct row {
  uint32_t slot;
  edb_shape shape;
  bool variadic;
} row;

static bool is_row(edb_ref ref) {
  return ref.kind == EDB_REF_OP || ref.kind == EDB_REF_INPUT;
}

static row row_of(const builder *b, edb_ref ref) {
  EDB_ASSERT(is_row(ref));
  row r = {.slot = ref.kind == EDB_REF_OP ? b->op_slot[ref.index] : ref.index};
  r.shape = edb_ir_ref_shape(b->lowering->model, b->cell, ref, &r.variadic);
  return r;
}

/* The first variadic input of the group: all of a group have the same arity. */
static uint32_t counter_of(const edb_ir_cell *cell, uint32_t group) {
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++) {
    if (cell->sig.inputs[i].variadic && cell->sig.inputs[i].group == group) return i;
  }
  EDB_ASSERT(false);
  return 0;
}

static edb_op_operand describe(const builder *b, edb_ref ref) {
  const edb_ir_cell *cell = b->cell;
  edb_op_operand operand = {.kind = ref.kind};
  switch (ref.kind) {
  case EDB_REF_PARAM:
    operand.param = ref.index;
    break;
  case EDB_REF_NUMBER:
    operand.number = cell->numbers[ref.index];
    break;
  case EDB_REF_INDEX:
    operand.bound = cell->sig.indices[ref.index].bound;
    operand.is_label = cell->sig.indices[ref.index].is_label;
    break;
  case EDB_REF_DENSE:
    operand.shape = cell->dense_shapes[ref.index];
    operand.is_label = cell->sig.dense[ref.index].is_label;
    break;
  default:
    operand.kind = EDB_REF_INPUT;
    operand.shape = row_of(b, ref).shape;
  }
  return operand;
}

static bool add_source(edb_lowering *l, edb_recipe_step *s, row r) {
  edb_source from = {.slot = r.slot, .stride = r.variadic && s->repeat == EDB_REPEAT_EACH ? 1 : 0};
  s->n_sources++;
  return edb_vec_push(l->ctx, &l->sources, from);
}

/* Where the operands come from: rows, then index attributes, then dense attributes. */
static bool add_operands(builder *b, const edb_ref *refs, uint32_t n, edb_recipe_step *s) {
  edb_lowering *l = b->lowering;
  s->first_source = (uint32_t)l->sources.length;
  for (uint32_t i = 0; i < n; i++) {
    if (is_row(refs[i]) && !add_source(l, s, row_of(b, refs[i]))) return false;
  }
  s->first_index = (uint32_t)l->attributes.length;
  for (uint32_t i = 0; i < n; i++) {
    if (refs[i].kind != EDB_REF_INDEX) continue;
    if (!edb_vec_push(l->ctx, &l->attributes, refs[i].index)) return false;
    s->n_indices++;
  }
  s->first_dense = (uint32_t)l->attributes.length;
  for (uint32_t i = 0; i < n; i++) {
    if (refs[i].kind != EDB_REF_DENSE) continue;
    if (!edb_vec_push(l->ctx, &l->attributes, refs[i].index)) return false;
    s->n_dense++;
  }
  return true;
}

/* Gives the step the next slot. */
static uint32_t push_step(builder *b, edb_recipe_step s) {
  edb_lowering *l = b->lowering;
  edb_recipe *r = b->recipe;
  uint32_t slot = r->n_inputs + r->n_steps, attributes = s.n_indices + s.n_dense;
  r->steps[r->n_steps++] = s;
  if (slot + 1 > l->max_slots) l->max_slots = slot + 1;
  if (s.n_sources > l->max_sources) l->max_sources = s.n_sources;
  if (attributes > l->max_attributes) l->max_attributes = attributes;
  return slot;
}

/* 2 M K N of a product, else 0. */
static double flops_of(const builder *b, const edb_ir_op *op, const edb_ref *refs) {
  if (op->kind != EDB_OP_PRODUCT) return 0;
  bool variadic;
  edb_shape right = edb_ir_ref_shape(b->lowering->model, b->cell, refs[1], &variadic);
  return 2.0 * (double)edb_shape_size(op->shape) * right.dim[0];
}

/* One operator with any operands but SOFTMAX_OVER. */
static edb_status add_op(builder *b, const edb_ir_op *op, const edb_ref *refs, uint32_t n,
                         uint32_t *slot) {
  edb_lowering *l = b->lowering;
  size_t bytes = n * sizeof(edb_op_operand);
  edb_op_operand *operands = edb_alloc(l->ctx, bytes);
  if (!operands) return edb_fail_memory(b->error, bytes, "operands");
  for (uint32_t i = 0; i < n; i++) operands[i] = describe(b, refs[i]);
  edb_op_spec spec = {.op = op,
                      .rate = op->kind == EDB_OP_DROPOUT ? b->cell->numbers[op->immediate[0]] : 0,
                      .flops = flops_of(b, op, refs),
                      .n_operands = n,
                      .operands = operands};
  bool over = edb_op_is_over(op->kind);
  edb_recipe_step s = {.repeat = op->variadic ? EDB_REPEAT_EACH
                                 : over       ? EDB_REPEAT_OVER
                                              : EDB_REPEAT_ONCE,
                       .needs_labels = op->needs_labels};
  if (s.repeat != EDB_REPEAT_ONCE) s.counter = counter_of(b->cell, op->group);
  edb_status status = edb_op_cells_find(&l->cells, &spec, &s.cell, b->error);
  edb_free(l->ctx, operands, bytes);
  EDB_TRY(status);
  if (!add_operands(b, refs, n, &s)) return edb_fail_memory(b->error, bytes, "operands");
  *slot = push_step(b, s);
  return EDB_OK;
}

/* A part of a softmax over elements: an operator on rows that are no operators of the file. */
static edb_status add_part(builder *b, const edb_ir_op *softmax, edb_op_kind kind, row first,
                           const row *second, uint32_t *slot) {
  edb_lowering *l = b->lowering;
  edb_ir_op op = *softmax;
  op.kind = kind;
  op.variadic = kind != EDB_OP_MAX_OVER && kind != EDB_OP_SUM_OVER;
  edb_op_operand operands[2] = {{.kind = EDB_REF_INPUT, .shape = op.shape},
                                {.kind = EDB_REF_INPUT, .shape = op.shape}};
  edb_op_spec spec = {.op = &op, .n_operands = second ? 2 : 1, .operands = operands};
  edb_recipe_step s = {.repeat = op.variadic ? EDB_REPEAT_EACH : EDB_REPEAT_OVER,
                       .counter = counter_of(b->cell, op.group),
                       .needs_labels = op.needs_labels,
                       .first_source = (uint32_t)l->sources.length};
  EDB_TRY(edb_op_cells_find(&l->cells, &spec, &s.cell, b->error));
  if (!add_source(l, &s, first) || (second && !add_source(l, &s, *second)))
    return edb_fail_memory(b->error, sizeof(edb_source), "operands");
  *slot = push_step(b, s);
  return EDB_OK;
}

/* y_e = exp(x_e - max x) / sum exp(x - max x). */
static edb_status add_softmax_over(builder *b, const edb_ir_op *op, const edb_ref *refs,
                                   uint32_t *slot) {
  row x = row_of(b, refs[0]);
  row largest = {.shape = op->shape}, centred = {.shape = op->shape, .variadic = true};
  row power = centred, total = largest;
  EDB_TRY(add_part(b, op, EDB_OP_MAX_OVER, x, NULL, &largest.slot));
  EDB_TRY(add_part(b, op, EDB_OP_SUB, x, &largest, &centred.slot));
  EDB_TRY(add_part(b, op, EDB_OP_EXP, centred, NULL, &power.slot));
  EDB_TRY(add_part(b, op, EDB_OP_SUM_OVER, power, NULL, &total.slot));
  return add_part(b, op, EDB_OP_DIV, power, &total, slot);
}

/* An output that is a parameter, an attribute or a number needs a node that has it as its value: a
 * reshape to the shape that it has. */
static edb_status add_identity(builder *b, const edb_ir_output *output, uint32_t *slot) {
  edb_shape shape = output->shape;
  edb_ir_op op = {.kind = EDB_OP_RESHAPE,
                  .n_operands = 1,
                  .immediate = {shape.dim[0], shape.rank == 2 ? shape.dim[1] : 0},
                  .shape = shape};
  return add_op(b, &op, &output->value, 1, slot);
}

/* A softmax over elements takes five steps; each output may need one. */
static size_t most_steps(const edb_ir_cell *cell) {
  size_t n = (size_t)cell->n_ops + cell->sig.n_outputs;
  for (uint32_t i = 0; i < cell->n_ops; i++) n += cell->ops[i].kind == EDB_OP_SOFTMAX_OVER ? 4 : 0;
  return n;
}

static edb_status build_recipe(builder *b) {
  const edb_ir_cell *cell = b->cell;
  edb_recipe *r = b->recipe;
  r->n_inputs = cell->sig.n_inputs;
  r->n_outputs = cell->sig.n_outputs;
  if (r->n_inputs > b->lowering->max_slots) b->lowering->max_slots = r->n_inputs;
  for (uint32_t i = 0; i < cell->n_ops; i++) {
    const edb_ir_op *op = &cell->ops[i];
    const edb_ref *refs = cell->operands + op->operand_start;
    EDB_TRY(op->kind == EDB_OP_SOFTMAX_OVER ? add_softmax_over(b, op, refs, &b->op_slot[i])
                                            : add_op(b, op, refs, op->n_operands, &b->op_slot[i]));
  }
  for (uint32_t o = 0; o < r->n_outputs; o++) {
    const edb_ir_output *output = &cell->outputs[o];
    if (is_row(output->value))
      r->output_slot[o] = row_of(b, output->value).slot;
    else
      EDB_TRY(add_identity(b, output, &r->output_slot[o]));
  }
  return EDB_OK;
}

edb_status edb_recipes_build(edb_lowering *l, edb_error *error) {
  const edb_program *model = l->model;
  size_t bytes = model->n_cells * sizeof *l->recipes;
  l->recipes = edb_arena_alloc_zero(&l->arena, bytes);
  if (!l->recipes) return edb_fail_memory(error, bytes, "recipes");
  for (uint32_t c = 0; c < model->n_cells; c++) {
    const edb_ir_cell *cell = &model->cells[c];
    edb_recipe *r = &l->recipes[c];
    builder b = {.lowering = l, .cell = cell, .recipe = r, .error = error};
    bytes = (most_steps(cell) + 1) * sizeof *r->steps;
    r->steps = edb_arena_alloc_zero(&l->arena, bytes);
    r->output_slot = edb_arena_alloc_zero(&l->arena, (cell->sig.n_outputs + 1) * sizeof(uint32_t));
    b.op_slot = edb_arena_alloc_zero(&l->arena, (cell->n_ops + 1) * sizeof(uint32_t));
    if (!r->steps || !r->output_slot || !b.op_slot)
      return edb_fail_memory(error, bytes, "a recipe");
    EDB_TRY(build_recipe(&b));
  }
  l->program = edb_op_cells_program(&l->cells);
  return EDB_OK;
}
