/* layout/split.c: finds the early part of each cell and makes two cells of it. */
#include "layout/split.h"

#include <string.h>

/* A value that crosses is written once and read once more: worth so many operations of a product
 * per float. */
#define FLOPS_PER_FLOAT 16.0

/* When an operator can be computed: from parameters alone, early, or only when its node's turn
 * comes. */
typedef enum when { WHEN_ANY, WHEN_EARLY, WHEN_LATE } when;

typedef struct splitter {
  edb_split *split;
  edb_split_scope scope;
  const edb_ir_cell *cell; /* that is being split */
  const uint8_t *known;    /* [n_inputs] of it, or NULL */
  uint8_t *when;           /* [n_ops] */
  uint8_t *taken;          /* [n_ops] computed by the early part only */
  uint8_t *crosses;        /* [n_ops] and used by the late part */
  uint8_t *needed;         /* [n_ops] by the part that is being looked at */
  edb_ref *value;          /* [n_ops] what it became in the cell that is being made */
  edb_shape *shapes;       /* of the program, with room for one per cell */
  edb_ir_cell *cells;      /* of the program */
  edb_error *error;
} splitter;

static edb_ref operand_of(const splitter *s, uint32_t op, uint32_t i) {
  return s->cell->operands[s->cell->ops[op].operand_start + i];
}

static size_t size_of(const splitter *s, uint32_t op) {
  return edb_shape_size(s->cell->ops[op].shape);
}

static edb_status no_memory(const splitter *s) {
  return edb_fail_memory(s->error, sizeof(edb_ir_cell), "the parts of a cell");
}

/* ---- What is early ----------------------------------------------------------------------------
 */

static when when_of(const splitter *s, edb_ref ref) {
  const edb_type_sig *sig = &s->cell->sig;
  switch (ref.kind) {
  case EDB_REF_PARAM:
  case EDB_REF_NUMBER:
    return WHEN_ANY;
  case EDB_REF_INDEX:
    return sig->indices[ref.index].is_label ? WHEN_LATE : WHEN_EARLY;
  case EDB_REF_DENSE:
    return sig->dense[ref.index].is_label ? WHEN_LATE : WHEN_EARLY;
  case EDB_REF_INPUT:
    return s->known && s->known[ref.index] && !sig->inputs[ref.index].variadic ? WHEN_EARLY
                                                                               : WHEN_LATE;
  case EDB_REF_OP:
    break;
  }
  return (when)s->when[ref.index];
}

/* Indices that a cell computes do not cross, and neither do values that may be absent. */
static void mark_when(splitter *s) {
  for (uint32_t i = 0; i < s->cell->n_ops; i++) {
    const edb_ir_op *op = &s->cell->ops[i];
    when latest = WHEN_ANY;
    for (uint32_t k = 0; k < op->n_operands; k++) {
      when w = when_of(s, operand_of(s, i, k));
      if (w > latest) latest = w;
    }
    bool stays = op->needs_labels || op->variadic || edb_op_is_over(op->kind) || op->is_index;
    s->when[i] = (uint8_t)(stays && latest == WHEN_EARLY ? WHEN_LATE : latest);
  }
}

/* The early operators: all of them, or only products and what these need. */
static void take(splitter *s, bool products_only) {
  for (uint32_t i = s->cell->n_ops; i-- > 0;) {
    bool early = s->when[i] == WHEN_EARLY;
    s->taken[i] = early && (!products_only || s->cell->ops[i].kind == EDB_OP_PRODUCT);
  }
  for (uint32_t i = s->cell->n_ops; i-- > 0 && products_only;) {
    if (!s->taken[i]) continue;
    for (uint32_t k = 0; k < s->cell->ops[i].n_operands; k++) {
      edb_ref ref = operand_of(s, i, k);
      if (ref.kind == EDB_REF_OP) s->taken[ref.index] = s->when[ref.index] == WHEN_EARLY;
    }
  }
}

/* A row of a parameter is read as easily from there. */
static bool is_row_of_param(const splitter *s, uint32_t op) {
  return s->cell->ops[op].kind == EDB_OP_LOOKUP && operand_of(s, op, 0).kind == EDB_REF_PARAM &&
         operand_of(s, op, 1).kind == EDB_REF_INDEX;
}

static void need_operands(splitter *s, uint32_t op) {
  for (uint32_t k = 0; k < s->cell->ops[op].n_operands; k++) {
    edb_ref ref = operand_of(s, op, k);
    if (ref.kind == EDB_REF_OP) s->needed[ref.index] = true;
  }
}

/* Marks what the late part computes (needed) and what it takes from the early part (crosses);
 * returns the floats that cross. */
static size_t mark_crossing(splitter *s) {
  size_t floats = 0;
  for (uint32_t i = 0; i < s->cell->n_ops; i++) {
    s->needed[i] = s->when[i] == WHEN_LATE;
    s->crosses[i] = false;
  }
  for (uint32_t o = 0; o < s->cell->sig.n_outputs; o++) {
    edb_ref ref = s->cell->outputs[o].value;
    if (ref.kind == EDB_REF_OP) s->needed[ref.index] = true;
  }
  for (uint32_t i = s->cell->n_ops; i-- > 0;) {
    if (!s->needed[i]) continue;
    if (s->taken[i] && !is_row_of_param(s, i)) {
      s->needed[i] = false;
      s->crosses[i] = true;
      floats += size_of(s, i);
    } else {
      need_operands(s, i);
    }
  }
  return floats;
}

static double flops_taken(const splitter *s) {
  double sum = 0;
  for (uint32_t i = 0; i < s->cell->n_ops; i++)
    if (s->taken[i]) sum += edb_ir_op_flops(&s->split->program, s->cell, &s->cell->ops[i]);
  return sum;
}

/* Whether the cell is worth splitting; `taken`, `crosses` and `needed` say how. A cell all of which
 * is early has no late part. */
static bool choose(splitter *s) {
  bool any_late = false;
  if (s->scope == EDB_SPLIT_NOTHING) return false;
  mark_when(s);
  for (uint32_t i = 0; i < s->cell->n_ops; i++) any_late |= s->when[i] == WHEN_LATE;
  if (!any_late) return false;
  take(s, true);
  size_t few = mark_crossing(s);
  take(s, false);
  size_t all = mark_crossing(s);
  if (few < all) {
    take(s, true);
    all = mark_crossing(s);
  }
  return all > 0 && flops_taken(s) >= FLOPS_PER_FLOAT * (double)all;
}

/* ---- Making a cell ----------------------------------------------------------------------------
 */

/* Appends to a list unless it is there; its place in the list. */
static uint32_t place_in(uint32_t *list, uint32_t *count, uint32_t item) {
  uint32_t i = 0;
  while (i < *count && list[i] != item) i++;
  if (i == *count) list[(*count)++] = item;
  return i;
}

/* The inputs and attributes that an early part takes, while it is made; NULL for a late part, which
 * keeps all. */
typedef struct taking {
  uint32_t *inputs, *indices, *dense;
  uint32_t n_inputs, n_indices, n_dense;
} taking;

static edb_ref translate(const splitter *s, taking *t, edb_ref ref) {
  if (ref.kind == EDB_REF_OP) return s->value[ref.index];
  if (!t) return ref;
  if (ref.kind == EDB_REF_INPUT) ref.index = place_in(t->inputs, &t->n_inputs, ref.index);
  if (ref.kind == EDB_REF_INDEX) ref.index = place_in(t->indices, &t->n_indices, ref.index);
  if (ref.kind == EDB_REF_DENSE) ref.index = place_in(t->dense, &t->n_dense, ref.index);
  return ref;
}

static edb_ref push_op(edb_ir_cell *to, edb_ir_op op) {
  op.operand_start = to->n_operands;
  to->n_operands += op.n_operands;
  to->ops[to->n_ops] = op;
  return (edb_ref){EDB_REF_OP, to->n_ops++};
}

static edb_ref push_unary(edb_ir_cell *to, edb_op_kind kind, edb_ref of, edb_shape shape,
                          uint32_t first, uint32_t second) {
  to->operands[to->n_operands] = of;
  return push_op(
      to, (edb_ir_op){.kind = kind, .n_operands = 1, .shape = shape, .immediate = {first, second}});
}

/* The operators that are needed, in their order. */
static void copy_ops(splitter *s, taking *t, edb_ir_cell *to) {
  for (uint32_t i = 0; i < s->cell->n_ops; i++) {
    if (!s->needed[i]) continue;
    const edb_ir_op *op = &s->cell->ops[i];
    for (uint32_t k = 0; k < op->n_operands; k++)
      to->operands[to->n_operands + k] = translate(s, t, operand_of(s, i, k));
    s->value[i] = push_op(to, *op);
    double flops = edb_ir_op_flops(&s->split->program, s->cell, op);
    if (op->variadic)
      to->flops_per_element += flops;
    else
      to->flops += flops;
  }
}

static edb_shape vector_shape(size_t size) {
  return (edb_shape){.rank = 1, .dim = {(uint32_t)size, 1, 1}};
}

static edb_shape_id find_shape(splitter *s, edb_shape shape) {
  edb_schema *schema = &s->split->program.schema;
  uint32_t id = 0;
  while (id < schema->n_shapes && !edb_shape_equal(s->shapes[id], shape)) id++;
  if (id == schema->n_shapes) s->shapes[schema->n_shapes++] = shape;
  return id;
}

/* Room for the operators of a part: those of the cell, and two for each value that crosses. */
static edb_status alloc_ops(splitter *s, edb_ir_cell *to) {
  edb_arena *arena = &s->split->arena;
  size_t n_ops = 3 * (size_t)s->cell->n_ops + 1;
  size_t n_operands = s->cell->n_operands + 3 * (size_t)s->cell->n_ops + 1;
  to->n_ops = to->n_operands = 0;
  to->flops = to->flops_per_element = 0;
  to->ops = edb_arena_alloc(arena, n_ops * sizeof *to->ops);
  to->operands = edb_arena_alloc(arena, n_operands * sizeof *to->operands);
  return to->ops && to->operands ? EDB_OK : no_memory(s);
}

/* ---- The early part ---------------------------------------------------------------------------
 */

/* All values that cross as one vector. */
static edb_ref join_crossing(splitter *s, edb_ir_cell *to, size_t floats) {
  uint32_t n = 0;
  edb_ref last = {EDB_REF_OP, 0};
  for (uint32_t i = 0; i < s->cell->n_ops; i++) {
    if (!s->crosses[i]) continue;
    if (s->cell->ops[i].shape.rank != 1)
      s->value[i] = push_unary(to, EDB_OP_RESHAPE, s->value[i], vector_shape(size_of(s, i)),
                               (uint32_t)size_of(s, i), 0);
    last = s->value[i];
    n++;
  }
  if (n == 1) return last;
  uint32_t k = to->n_operands;
  for (uint32_t i = 0; i < s->cell->n_ops; i++)
    if (s->crosses[i]) to->operands[k++] = s->value[i];
  return push_op(
      to, (edb_ir_op){.kind = EDB_OP_CONCAT, .n_operands = n, .shape = vector_shape(floats)});
}

static void need_for_crossing(splitter *s) {
  for (uint32_t i = 0; i < s->cell->n_ops; i++) s->needed[i] = s->crosses[i];
  for (uint32_t i = s->cell->n_ops; i-- > 0;)
    if (s->needed[i]) need_operands(s, i);
}

/* Its signature: what it takes, and the one output. */
static edb_status sign_early(splitter *s, const taking *t, edb_ref crossing, size_t floats,
                             edb_ir_cell *to) {
  edb_arena *arena = &s->split->arena;
  const edb_type_sig *sig = &s->cell->sig;
  edb_input_sig *inputs = edb_arena_alloc(arena, t->n_inputs * sizeof *inputs);
  edb_shape *input_shapes = edb_arena_alloc(arena, t->n_inputs * sizeof *input_shapes);
  edb_index_sig *indices = edb_arena_alloc(arena, t->n_indices * sizeof *indices);
  edb_dense_sig *dense = edb_arena_alloc(arena, t->n_dense * sizeof *dense);
  edb_shape *dense_shapes = edb_arena_alloc(arena, t->n_dense * sizeof *dense_shapes);
  edb_output_sig *output = edb_arena_alloc(arena, sizeof *output);
  edb_ir_output *result = edb_arena_alloc(arena, sizeof *result);
  if (!inputs || !input_shapes || !indices || !dense || !dense_shapes || !output || !result)
    return no_memory(s);
  for (uint32_t i = 0; i < t->n_inputs; i++) {
    inputs[i] = sig->inputs[t->inputs[i]];
    input_shapes[i] = s->cell->input_shapes[t->inputs[i]];
  }
  for (uint32_t i = 0; i < t->n_indices; i++) indices[i] = sig->indices[t->indices[i]];
  for (uint32_t i = 0; i < t->n_dense; i++) {
    dense[i] = sig->dense[t->dense[i]];
    dense_shapes[i] = s->cell->dense_shapes[t->dense[i]];
  }
  *output = (edb_output_sig){.name = "", .shape = find_shape(s, vector_shape(floats))};
  *result = (edb_ir_output){.name = "", .value = crossing, .shape = vector_shape(floats)};
  to->input_shapes = input_shapes;
  to->dense_shapes = dense_shapes;
  to->outputs = result;
  to->sig = (edb_type_sig){.name = sig->name,
                           .key = sig->key,
                           .n_inputs = t->n_inputs,
                           .n_outputs = 1,
                           .n_indices = t->n_indices,
                           .n_dense = t->n_dense,
                           .inputs = inputs,
                           .outputs = output,
                           .indices = indices,
                           .dense = dense};
  return EDB_OK;
}

static edb_status make_early(splitter *s, size_t floats, edb_early_part *part) {
  edb_arena *arena = &s->split->arena;
  const edb_type_sig *sig = &s->cell->sig;
  edb_ir_cell to = *s->cell;
  taking t = {.inputs = edb_arena_alloc(arena, sig->n_inputs * sizeof(uint32_t)),
              .indices = edb_arena_alloc(arena, sig->n_indices * sizeof(uint32_t)),
              .dense = edb_arena_alloc(arena, sig->n_dense * sizeof(uint32_t))};
  if (!t.inputs || !t.indices || !t.dense) return no_memory(s);
  EDB_TRY(alloc_ops(s, &to));
  need_for_crossing(s);
  copy_ops(s, &t, &to);
  edb_ref crossing = join_crossing(s, &to, floats);
  EDB_TRY(sign_early(s, &t, crossing, floats, &to));
  *part = (edb_early_part){.cell = s->split->program.n_cells,
                           .inputs = t.inputs,
                           .indices = t.indices,
                           .dense = t.dense};
  s->cells[s->split->program.n_cells++] = to;
  return EDB_OK;
}

/* ---- The late part ----------------------------------------------------------------------------
 */

/* The values that cross, cut out of the input that brings them. */
static void cut_crossing(splitter *s, edb_ir_cell *to, size_t floats) {
  edb_ref input = {EDB_REF_INPUT, s->cell->sig.n_inputs};
  size_t at = 0;
  for (uint32_t i = 0; i < s->cell->n_ops; i++) {
    if (!s->crosses[i]) continue;
    size_t size = size_of(s, i);
    edb_shape shape = s->cell->ops[i].shape;
    s->value[i] = input;
    if (size < floats)
      s->value[i] = push_unary(to, EDB_OP_SLICE, input, vector_shape(size), (uint32_t)at,
                               (uint32_t)(at + size));
    if (shape.rank != 1)
      s->value[i] = push_unary(to, EDB_OP_RESHAPE, s->value[i], shape, shape.dim[0],
                               shape.rank == 2 ? shape.dim[1] : 0);
    at += size;
  }
}

/* The cell's signature with one input more. */
static edb_status sign_late(splitter *s, size_t floats, edb_ir_cell *to) {
  edb_arena *arena = &s->split->arena;
  uint32_t n = s->cell->sig.n_inputs;
  edb_input_sig *inputs = edb_arena_alloc(arena, (n + 1) * sizeof *inputs);
  edb_shape *shapes = edb_arena_alloc(arena, (n + 1) * sizeof *shapes);
  edb_ir_output *outputs = edb_arena_alloc(arena, s->cell->sig.n_outputs * sizeof *outputs);
  if (!inputs || !shapes || !outputs) return no_memory(s);
  for (uint32_t i = 0; i < n; i++) {
    inputs[i] = s->cell->sig.inputs[i];
    shapes[i] = s->cell->input_shapes[i];
  }
  shapes[n] = vector_shape(floats);
  inputs[n] = (edb_input_sig){.name = "", .shape = find_shape(s, shapes[n])};
  for (uint32_t o = 0; o < s->cell->sig.n_outputs; o++) {
    outputs[o] = s->cell->outputs[o];
    outputs[o].value = translate(s, NULL, outputs[o].value);
  }
  to->sig.inputs = inputs;
  to->sig.n_inputs = n + 1;
  to->input_shapes = shapes;
  to->outputs = outputs;
  return EDB_OK;
}

static edb_status make_late(splitter *s, size_t floats, edb_ir_cell *to) {
  *to = *s->cell;
  EDB_TRY(alloc_ops(s, to));
  cut_crossing(s, to, floats);
  copy_ops(s, NULL, to);
  return sign_late(s, floats, to);
}

static edb_status split_cell(splitter *s, uint32_t index) {
  edb_early_part *part = &s->split->early[index];
  size_t bytes = s->cell->n_ops * (sizeof *s->value + 4);
  *part = (edb_early_part){.cell = EDB_NO_CELL};
  s->cells[index] = *s->cell;
  if (s->cell->n_ops == 0) return EDB_OK;
  s->value = edb_alloc_zero(s->split->ctx, bytes);
  if (!s->value) return no_memory(s);
  s->when = (uint8_t *)(s->value + s->cell->n_ops);
  s->taken = s->when + s->cell->n_ops;
  s->crosses = s->taken + s->cell->n_ops;
  s->needed = s->crosses + s->cell->n_ops;
  edb_status status = EDB_OK;
  if (choose(s)) {
    size_t floats = mark_crossing(s);
    status = make_late(s, floats, &s->cells[index]);
    if (status == EDB_OK) status = make_early(s, floats, part);
  }
  edb_free(s->split->ctx, s->value, bytes);
  return status;
}

/* ---- The program ------------------------------------------------------------------------------
 */

static edb_status split_cells(edb_split *split, const edb_program *source, edb_split_scope scope,
                              const uint8_t *known, edb_error *error) {
  uint32_t n = source->n_cells;
  splitter s = {.split = split, .scope = scope, .error = error};
  s.cells = edb_arena_alloc(&split->arena, 2 * (size_t)n * sizeof *s.cells);
  s.shapes =
      edb_arena_alloc(&split->arena, ((size_t)source->schema.n_shapes + n) * sizeof *s.shapes);
  split->early = edb_arena_alloc(&split->arena, n * sizeof *split->early);
  edb_type_sig *types = edb_arena_alloc(&split->arena, 2 * (size_t)n * sizeof *types);
  if (!s.cells || !s.shapes || !split->early || !types) return no_memory(&s);
  for (uint32_t i = 0; i < source->schema.n_shapes; i++) s.shapes[i] = source->schema.shapes[i];
  split->program = *source;
  split->program.cells = s.cells;
  for (uint32_t i = 0; i < n; i++) {
    s.cell = &source->cells[i];
    s.known = known;
    if (known) known += s.cell->sig.n_inputs;
    EDB_TRY(split_cell(&s, i));
  }
  for (uint32_t i = 0; i < split->program.n_cells; i++) types[i] = s.cells[i].sig;
  split->program.schema.n_types = split->program.n_cells;
  split->program.schema.types = types;
  split->program.schema.shapes = s.shapes;
  return EDB_OK;
}

edb_status edb_split_create(edb_context *ctx, const edb_program *source, edb_split_scope scope,
                            const uint8_t *known, edb_split **out, edb_error *error) {
  edb_split *split = edb_alloc_zero(ctx, sizeof *split);
  if (!split) return edb_fail_memory(error, sizeof *split, "the parts of cells");
  split->ctx = ctx;
  split->n_source = source->n_cells;
  edb_arena_init(&split->arena, ctx, 4096);
  edb_status status = split_cells(split, source, scope, known, error);
  if (status != EDB_OK) {
    edb_split_destroy(split);
    return status;
  }
  *out = split;
  return EDB_OK;
}

void edb_split_destroy(edb_split *split) {
  if (!split) return;
  edb_arena_free(&split->arena);
  edb_free(split->ctx, split, sizeof *split);
}
