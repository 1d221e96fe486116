/* model/canonical.c: a cell in the form in which reading and printing are each other's inverse.
 *
 * A model file writes an unnamed operator inside the line that uses it, so it can be unnamed only
 * if it is used once and if the order of evaluation of that line (operands from left to right, then
 * the operator) is the order of the operators. Any other gets a name here, once and for all. */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* Unnamed operators nest less deeply than what the reader of files accepts. */
#define NESTING_MAX 64

typedef struct namer {
  edb_cell *cell;
  uint32_t *uses;    /* of each operator's result, as operand; outputs are always named */
  uint32_t *nesting; /* unnamed operators above each other */
  uint32_t *stack;   /* unnamed ones that no operator has used yet */
  uint32_t depth;
  uint32_t next; /* number of the next name */
} namer;

static bool is_unnamed(const namer *n, edb_ref ref) {
  return ref.kind == EDB_REF_OP && !n->cell->ops.data[ref.index].name;
}

static bool give_name(namer *n, uint32_t op) {
  edb_cell *cell = n->cell;
  char name[24];
  size_t length;
  do {
    length = (size_t)snprintf(name, sizeof name, "t%u", ++n->next);
  } while (edb_map_get(&cell->names, name, length) != EDB_MAP_NONE ||
           edb_map_get(&cell->model->names, name, length) != EDB_MAP_NONE);
  const char *copy = edb_arena_strdup(&cell->model->arena, name, length);
  if (!copy || !edb_map_put(&cell->names, name, length, 0)) return false;
  cell->ops.data[op].name = copy;
  return true;
}

/* Every operator that waits becomes a line of its own. */
static bool flush(namer *n) {
  while (n->depth > 0) {
    if (!give_name(n, n->stack[--n->depth])) return false;
  }
  return true;
}

/* Takes the unnamed operands of `op` off the stack, if they are on its top in the order in which
 * they are written; names everything that waits if not. */
static bool take_operands(namer *n, const edb_ir_op *op, uint32_t *nesting) {
  const edb_ref *operands = n->cell->operands.data + op->operand_start;
  uint32_t count = 0, matched = 0;
  *nesting = 0;
  for (uint32_t i = 0; i < op->n_operands; i++) count += is_unnamed(n, operands[i]);
  for (uint32_t i = 0; i < op->n_operands && count <= n->depth; i++) {
    if (!is_unnamed(n, operands[i])) continue;
    if (n->stack[n->depth - count + matched] != operands[i].index) break;
    uint32_t inner = n->nesting[operands[i].index] + 1;
    if (inner > *nesting) *nesting = inner;
    matched++;
  }
  if (matched == count && *nesting <= NESTING_MAX) {
    n->depth -= count;
    return true;
  }
  *nesting = 0;
  return flush(n);
}

static bool name_ops(namer *n) {
  edb_cell *cell = n->cell;
  if (!n->uses) return true; /* no operators */
  for (size_t i = 0; i < cell->operands.length; i++) {
    edb_ref ref = cell->operands.data[i];
    if (ref.kind == EDB_REF_OP) n->uses[ref.index]++;
  }
  for (uint32_t i = 0; i < cell->ops.length; i++) {
    edb_ir_op *op = &cell->ops.data[i];
    if (!op->name && n->uses[i] != 1 && !give_name(n, i)) return false;
    if (!take_operands(n, op, &n->nesting[i])) return false;
    if (!op->name) {
      n->stack[n->depth++] = i;
    } else if (!flush(n)) { /* a line ends here */
      return false;
    }
  }
  return flush(n);
}

typedef struct numbers {
  EDB_VEC(double) values;
  EDB_VEC(uint32_t) constants;
} numbers;

/* Number `index` of the cell, again, behind those that were used before. */
static bool move_number(const edb_cell *cell, uint32_t *index, numbers *ordered) {
  edb_context *ctx = cell->model->ctx;
  uint32_t old = *index;
  *index = (uint32_t)ordered->values.length;
  return edb_vec_push(ctx, &ordered->values, cell->numbers.data[old]) &&
         edb_vec_push(ctx, &ordered->constants, cell->constants.data[old]);
}

static bool move_ref(const edb_cell *cell, edb_ref *ref, numbers *ordered) {
  return ref->kind != EDB_REF_NUMBER || move_number(cell, &ref->index, ordered);
}

/* Literals get the order of their use, one for each use. */
static bool order_numbers(edb_cell *cell) {
  numbers ordered = {.values = {0}};
  edb_context *ctx = cell->model->ctx;
  bool fine = true;
  for (size_t i = 0; i < cell->ops.length && fine; i++) {
    edb_ir_op *op = &cell->ops.data[i];
    for (uint32_t j = 0; j < op->n_operands && fine; j++)
      fine = move_ref(cell, &cell->operands.data[op->operand_start + j], &ordered);
    if (op->kind == EDB_OP_DROPOUT && fine) fine = move_number(cell, &op->immediate[0], &ordered);
  }
  for (size_t i = 0; i < cell->outputs.length && fine; i++)
    fine = move_ref(cell, &cell->outputs.data[i].value, &ordered);
  if (fine) {
    edb_vec_swap(&cell->numbers, &ordered.values);
    edb_vec_swap(&cell->constants, &ordered.constants);
  }
  edb_vec_free(ctx, &ordered.values);
  edb_vec_free(ctx, &ordered.constants);
  return fine;
}

edb_status edb_cell_canonicalise(edb_cell *cell, edb_error *error) {
  size_t count = cell->ops.length;
  size_t bytes = 3 * count * sizeof(uint32_t);
  uint32_t *memory = edb_alloc_zero(cell->model->ctx, bytes);
  if (!memory && bytes) return edb_fail_memory(error, bytes, "a cell");
  namer n = {.cell = cell, .uses = memory};
  if (memory) {
    n.nesting = memory + count;
    n.stack = n.nesting + count;
  }
  bool fine = name_ops(&n) && order_numbers(cell);
  edb_free(cell->model->ctx, memory, bytes);
  return fine ? EDB_OK : edb_fail_memory(error, bytes, "a cell");
}
