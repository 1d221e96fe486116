/* layout/batching_types.c: when two operators of a cell can be one kernel. */
#include <string.h>

#include "layout/batching_impl.h"

enum { DOMAIN_STATIC, DOMAIN_NODE, DOMAIN_GROUP };

static edb_ref operand_of(const edb_batcher *b, uint32_t op, uint32_t i) {
  return edb_batching_operand(b->batching, op, i);
}

static edb_shape ref_shape(const edb_batching *b, edb_ref ref) {
  bool variadic;
  return edb_ir_ref_shape(b->program, b->cell, ref, &variadic);
}

static edb_shape shape_of(const edb_batcher *b, edb_ref ref) {
  return ref_shape(b->batching, ref);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static uint32_t ref_domain(const edb_batcher *b, edb_ref ref) {
  const edb_input_sig *input;
  switch (ref.kind) {
  case EDB_REF_OP:
    return b->domain[ref.index];
  case EDB_REF_INPUT:
    input = &b->cell->sig.inputs[ref.index];
    return input->variadic ? DOMAIN_GROUP + input->group : DOMAIN_NODE;
  case EDB_REF_INDEX:
  case EDB_REF_DENSE:
    return DOMAIN_NODE;
  case EDB_REF_PARAM:
  case EDB_REF_NUMBER:
    break;
  }
  return DOMAIN_STATIC;
}

static uint32_t op_domain(const edb_batcher *b, uint32_t op) {
  const edb_ir_op *o = &b->cell->ops[op];
  if (o->variadic) return DOMAIN_GROUP + o->group;
  if (edb_op_is_over(o->kind)) return DOMAIN_NODE;
  for (uint32_t i = 0; i < o->n_operands; i++)
    if (ref_domain(b, operand_of(b, op, i)) != DOMAIN_STATIC) return DOMAIN_NODE;
  return DOMAIN_STATIC;
}

/* ---- Roles ----------------------------------------------------------------------------------- */

/* Values that a concat puts behind each other for this one of its operands, if they can be made in
 * places of its choice: computed for its rows, inputs, which are gathered there, or those of
 * another concat; else 0. */
static uint32_t count_parts(const edb_batcher *b, uint32_t op, edb_ref ref) {
  if (ref_domain(b, ref) != b->domain[op]) return 0;
  ref = edb_batching_value(b->batching, ref);
  if (ref.kind != EDB_REF_OP) return ref.kind == EDB_REF_INPUT || ref.kind == EDB_REF_DENSE;
  if (b->batching->role[ref.index] == EDB_ROLE_SEQUENCE) return b->batching->parts[ref.index];
  return b->batching->role[ref.index] == EDB_ROLE_KERNEL;
}

static edb_op_role role_of(const edb_batcher *b, uint32_t op) {
  const edb_ir_op *o = &b->cell->ops[op];
  if (b->domain[op] == DOMAIN_STATIC) return EDB_ROLE_STATIC;
  if (o->kind == EDB_OP_SLICE || o->kind == EDB_OP_RESHAPE || o->kind == EDB_OP_DROPOUT)
    return EDB_ROLE_VIEW;
  if (o->kind != EDB_OP_CONCAT) return EDB_ROLE_KERNEL;
  uint64_t sum = 0;
  bool nested = false;
  for (uint32_t i = 0; i < o->n_operands; i++) {
    uint32_t parts = count_parts(b, op, operand_of(b, op, i));
    if (parts == 0) return EDB_ROLE_KERNEL;
    nested |= parts > 1;
    sum += parts;
  }
  if (nested && sum > EDB_BATCHING_MOST_NESTED) return EDB_ROLE_KERNEL;
  b->batching->parts[op] = (uint32_t)sum;
  return EDB_ROLE_SEQUENCE;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static edb_status add(edb_batcher *b, uint32_t word) {
  if (edb_vec_push(b->ctx, &b->key, word)) return EDB_OK;
  return edb_fail_memory(b->error, sizeof word, "the types of a cell's operators");
}

static edb_status add_shape(edb_batcher *b, edb_shape s) {
  EDB_TRY(add(b, s.rank));
  for (uint32_t i = 0; i < 3; i++) EDB_TRY(add(b, s.dim[i]));
  return EDB_OK;
}

static edb_status put(edb_batcher *b, edb_map *map, uint32_t value) {
  if (edb_map_put(map, b->key.data, b->key.length * sizeof *b->key.data, value)) return EDB_OK;
  return edb_fail_memory(b->error, b->key.length * sizeof *b->key.data,
                         "the types of a cell's operators");
}

static uint32_t get(const edb_batcher *b, const edb_map *map) {
  return edb_map_get(map, b->key.data, b->key.length * sizeof *b->key.data);
}

bool edb_batching_is_elementwise(edb_op_kind kind) {
  return kind >= EDB_OP_ADD && kind <= EDB_OP_COS;
}

/* Adding and multiplying round the same either way. */
static bool is_commutative(edb_op_kind kind) {
  return kind == EDB_OP_ADD || kind == EDB_OP_MUL;
}

/* Of two operands of a commutative operator the lower rank goes first, so that `b + W @ x` and
 * `W @ y + c` are of one type, and results stand with results where they can. */
static uint32_t operand_rank(const edb_batcher *b, edb_ref ref) {
  if (ref.kind == EDB_REF_NUMBER) return 3;
  if (ref_domain(b, ref) == DOMAIN_STATIC) return 2;
  return ref.kind == EDB_REF_OP ? 0 : 1;
}

/* An elementwise kernel runs over the columns of all its operators at once, so widths do not
 * matter, unless an operand is stretched. */
bool edb_batching_is_wide(const edb_batching *b, uint32_t op) {
  const edb_ir_op *o = &b->cell->ops[op];
  if (!edb_batching_is_elementwise(o->kind)) return false;
  for (uint32_t i = 0; i < o->n_operands; i++) {
    edb_ref ref = edb_batching_operand(b, op, i);
    if (ref.kind != EDB_REF_NUMBER && !edb_shape_equal(ref_shape(b, ref), o->shape)) return false;
  }
  return true;
}

static edb_status add_number(edb_batcher *b, double number) {
  uint32_t words[2];
  memcpy(words, &number, sizeof words);
  EDB_TRY(add(b, words[0]));
  return add(b, words[1]);
}

/* A product with a parameter: rows of one operand times a matrix that is known beforehand. */
static bool is_packed(const edb_batcher *b, uint32_t op, uint32_t *weights) {
  if (b->cell->ops[op].kind != EDB_OP_PRODUCT) return false;
  for (uint32_t i = 0; i < 2; i++) {
    edb_ref ref = operand_of(b, op, i);
    *weights = i;
    if (ref.kind == EDB_REF_PARAM && shape_of(b, ref).rank == 2) return true;
  }
  return false;
}

bool edb_batching_product_form(const edb_batching *b, uint32_t op, edb_product_form *form) {
  const edb_ir_op *o = &b->cell->ops[op];
  *form = (edb_product_form){.repeat = 1};
  if (o->kind != EDB_OP_PRODUCT) return false;
  const edb_ref *operands = &b->cell->operands[o->operand_start];
  edb_shape left = ref_shape(b, operands[0]), right = ref_shape(b, operands[1]);
  if (operands[0].kind == EDB_REF_PARAM && left.rank == 2 && right.rank == 1) {
    form->param = operands[0].index;
    form->operand = operands[1];
    form->depth = left.dim[1];
    form->columns = left.dim[0];
    return true;
  }
  if (operands[1].kind != EDB_REF_PARAM || right.rank != 2) return false;
  form->transposed = true;
  form->param = operands[1].index;
  form->operand = operands[0];
  form->depth = right.dim[0];
  form->columns = right.dim[1];
  form->repeat = left.rank == 2 ? left.dim[0] : 1;
  return true;
}

/* A vector's products with rows and with columns of parameters stack: weights are packed either
 * way. All are taken as `W @ x`. */
static bool takes_columns(const edb_batcher *b, uint32_t op) {
  edb_product_form form;
  return edb_batching_product_form(b->batching, op, &form) && form.transposed &&
         shape_of(b, form.operand).rank == 1;
}

/* Columns and depth of packed weights. */
static edb_shape weights_shape(const edb_batcher *b, uint32_t op, uint32_t weights) {
  edb_shape shape = shape_of(b, operand_of(b, op, weights));
  if (!takes_columns(b, op)) return shape;
  uint32_t depth = shape.dim[0];
  shape.dim[0] = shape.dim[1];
  shape.dim[1] = depth;
  return shape;
}

/* The key of a product's operand: all products with it are ready at the same time. */
static edb_status key_stack(edb_batcher *b, uint32_t op, uint32_t weights) {
  edb_ref operand = operand_of(b, op, 1 - weights);
  b->key.length = 0;
  EDB_TRY(add(b, weights));
  EDB_TRY(add(b, operand.kind));
  EDB_TRY(add(b, operand.index));
  return add(b, b->cell->ops[op].needs_labels);
}

static edb_status note_stack(edb_batcher *b, uint32_t op) {
  uint32_t weights;
  if (b->domain[op] == DOMAIN_STATIC || !is_packed(b, op, &weights)) return EDB_OK;
  edb_shape shape = weights_shape(b, op, weights);
  EDB_TRY(key_stack(b, op, weights));
  uint32_t found = get(b, &b->stacks);
  if (found != EDB_MAP_NONE) {
    if (!edb_shape_equal(b->stack_shapes.data[found], shape)) b->stack_shapes.data[found].rank = 0;
    return EDB_OK;
  }
  EDB_TRY(put(b, &b->stacks, (uint32_t)b->stack_shapes.length));
  if (edb_vec_push(b->ctx, &b->stack_shapes, shape)) return EDB_OK;
  return edb_fail_memory(b->error, sizeof shape, "the types of a cell's operators");
}

/* Products with weights of one shape, or else with one operand. */
static edb_status key_product(edb_batcher *b, uint32_t op, uint32_t weights) {
  edb_ref operand = operand_of(b, op, 1 - weights);
  EDB_TRY(key_stack(b, op, weights));
  edb_shape shape = b->stack_shapes.data[get(b, &b->stacks)];
  if (shape.rank != 0) b->key.length = 0;
  EDB_TRY(add(b, EDB_OP_PRODUCT));
  EDB_TRY(add(b, weights));
  EDB_TRY(add(b, b->domain[op]));
  EDB_TRY(add(b, b->cell->ops[op].needs_labels));
  if (shape.rank == 0) return EDB_OK;
  EDB_TRY(add_shape(b, shape));
  return add_shape(b, shape_of(b, operand));
}

/* Whether it differs per node decides how a kernel reads it, so it is part of the type; which value
 * it is is not, but for numbers. */
static edb_status key_operand(edb_batcher *b, edb_ref ref, bool with_shape) {
  uint32_t domain = ref_domain(b, ref);
  EDB_TRY(add(b, ref.kind == EDB_REF_INDEX || ref.kind == EDB_REF_NUMBER ? ref.kind : EDB_REF_OP));
  EDB_TRY(add(b, domain));
  if (ref.kind == EDB_REF_NUMBER) return add_number(b, b->cell->numbers[ref.index]);
  return with_shape ? add_shape(b, shape_of(b, ref)) : EDB_OK;
}

/* All that must agree for one kernel to serve: what it computes, on rows of what, for whom. */
static edb_status key_op(edb_batcher *b, uint32_t op) {
  const edb_ir_op *o = &b->cell->ops[op];
  uint32_t weights;
  b->key.length = 0;
  if (is_packed(b, op, &weights)) return key_product(b, op, weights);
  bool with_shape = !edb_batching_is_wide(b->batching, op);
  EDB_TRY(add(b, o->kind));
  EDB_TRY(add(b, b->domain[op]));
  EDB_TRY(add(b, o->needs_labels));
  EDB_TRY(add(b, o->group));
  EDB_TRY(add(b, o->n_operands));
  if (o->kind == EDB_OP_CONCAT) EDB_TRY(add(b, op)); /* copies, each as it is */
  if (o->kind == EDB_OP_LOOKUP) EDB_TRY(add(b, operand_of(b, op, 0).index)); /* one table */
  if (with_shape) EDB_TRY(add_shape(b, o->shape));
  for (uint32_t i = 0; i < o->n_operands; i++)
    EDB_TRY(key_operand(b, operand_of(b, op, i), with_shape));
  return EDB_OK;
}

static edb_status find_type(edb_batcher *b, uint32_t op) {
  if (b->batching->role[op] != EDB_ROLE_KERNEL) {
    b->type[op] = 0;
    return EDB_OK;
  }
  EDB_TRY(key_op(b, op));
  uint32_t type = get(b, &b->types);
  if (type == EDB_MAP_NONE) {
    type = b->n_types++;
    EDB_TRY(put(b, &b->types, type));
  }
  b->type[op] = type;
  return EDB_OK;
}

edb_status edb_batching_find_types(edb_batcher *b) {
  edb_batching *batching = b->batching;
  b->n_types = 1;
  for (uint32_t op = 0; op < b->cell->n_ops; op++) {
    b->domain[op] = op_domain(b, op);
    batching->role[op] = (uint8_t)role_of(b, op);
    batching->swapped[op] = takes_columns(b, op) || (is_commutative(b->cell->ops[op].kind) &&
                                                     operand_rank(b, operand_of(b, op, 0)) >
                                                         operand_rank(b, operand_of(b, op, 1)));
    EDB_TRY(note_stack(b, op));
  }
  for (uint32_t op = 0; op < b->cell->n_ops; op++) EDB_TRY(find_type(b, op));
  return EDB_OK;
}
