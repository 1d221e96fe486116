/* layout/plan_order.c: the order in which the batches of a cell run: as their operands are there,
 * products as early as they can be, so that the elementwise steps between them come together. Order
 * does not change values.
 *
 * Operators are passed in the order of the cell, in turn those that are not tiled and those that
 * are; a batch runs when a pass comes to one of its operators and all its operands are there. So
 * what is due is kept by pass and operator in a heap. */
#include "layout/plan_impl.h"

/* What runs at once: a batch, or an operator that is in none. */
typedef struct unit {
  const uint32_t *ops;
  uint32_t n_ops;
} unit;

typedef struct orderer {
  edb_planner *p;
  uint32_t *waits;                  /* [n_batches + n_ops] of units: operands that are not there */
  uint32_t *reader_start, *readers; /* [n_ops + 1], [n_operands]: operators that take a result */
  EDB_VEC(uint64_t) due;            /* heap of passes and operators, the least on top */
} orderer;

static uint32_t unit_of(const orderer *o, uint32_t op) {
  uint32_t batch = o->p->op_batch[op];
  return batch == UINT32_MAX ? o->p->batching->n_batches + op : batch;
}

/* `op`: in the unit, and kept by the caller while the unit is used. */
static unit unit_with(const orderer *o, const uint32_t *op) {
  const edb_batching *b = o->p->batching;
  uint32_t batch = o->p->op_batch[*op];
  if (batch == UINT32_MAX) return (unit){op, 1};
  return (unit){b->ops + b->batch_start[batch], b->batch_start[batch + 1] - b->batch_start[batch]};
}

/* Steps that work row by row can share a tile; reductions over inputs and products with packed
 * weights cannot. */
static bool is_tiled(const edb_planner *p, uint32_t op) {
  edb_product_form form;
  return !edb_op_is_over(p->cell->ops[op].kind) &&
         !edb_batching_product_form(p->batching, op, &form);
}

/* ---- The heap -------------------------------------------------------------------------------- */

static edb_status push(orderer *o, uint32_t pass, uint32_t op) {
  uint64_t key = (uint64_t)pass << 32 | op;
  if (!edb_vec_push(o->p->ctx, &o->due, key))
    return edb_fail_memory(o->p->error, sizeof key, "the order of a cell's operators");
  size_t at = o->due.length - 1;
  for (; at > 0 && o->due.data[(at - 1) / 2] > key; at = (at - 1) / 2)
    o->due.data[at] = o->due.data[(at - 1) / 2];
  o->due.data[at] = key;
  return EDB_OK;
}

static uint64_t pop(orderer *o) {
  uint64_t least = o->due.data[0], key = o->due.data[--o->due.length];
  size_t at = 0, child;
  for (; (child = 2 * at + 1) < o->due.length; at = child) {
    if (child + 1 < o->due.length && o->due.data[child + 1] < o->due.data[child]) child++;
    if (o->due.data[child] >= key) break;
    o->due.data[at] = o->due.data[child];
  }
  o->due.data[at] = key;
  return least;
}

/* ---- The order ------------------------------------------------------------------------------- */

/* The unit of `op` can run: in this pass if one of its operators is still to come, else in the next
 * one for such. */
static edb_status note_due(orderer *o, uint32_t op, uint32_t pass, uint32_t passed) {
  unit u = unit_with(o, &op);
  uint32_t first = UINT32_MAX, coming = UINT32_MAX;
  bool in_pass = is_tiled(o->p, op) == (pass % 2 == 1);
  for (uint32_t k = 0; k < u.n_ops; k++) {
    if (u.ops[k] < first) first = u.ops[k];
    if (u.ops[k] > passed && u.ops[k] < coming) coming = u.ops[k];
  }
  if (!in_pass) return push(o, pass + 1, first);
  return coming != UINT32_MAX ? push(o, pass, coming) : push(o, pass + 2, first);
}

static edb_status run_unit(orderer *o, uint32_t op, uint32_t pass) {
  unit u = unit_with(o, &op);
  EDB_TRY(edb_plan_add_kernel(o->p, op));
  for (uint32_t k = 0; k < u.n_ops; k++)
    for (uint32_t i = o->reader_start[u.ops[k]]; i < o->reader_start[u.ops[k] + 1]; i++)
      if (--o->waits[unit_of(o, o->readers[i])] == 0) EDB_TRY(note_due(o, o->readers[i], pass, op));
  return EDB_OK;
}

static void note_operands(orderer *o) {
  const edb_ir_cell *cell = o->p->cell;
  uint32_t *next = o->reader_start + 1; /* counts, then where readers go, then ends */
  for (uint32_t i = 0; i < cell->n_operands; i++)
    if (cell->operands[i].kind == EDB_REF_OP) next[cell->operands[i].index]++;
  for (uint32_t op = 0, start = 0; op < cell->n_ops; op++) {
    uint32_t count = next[op];
    next[op] = start;
    start += count;
  }
  for (uint32_t op = 0; op < cell->n_ops; op++)
    for (uint32_t i = 0; i < cell->ops[op].n_operands; i++) {
      edb_ref ref = cell->operands[cell->ops[op].operand_start + i];
      if (ref.kind != EDB_REF_OP) continue;
      o->readers[next[ref.index]++] = op;
      o->waits[unit_of(o, op)]++;
    }
}

/* Units that wait for nothing, each by its first operator. */
static edb_status note_ready(orderer *o) {
  for (uint32_t op = 0; op < o->p->cell->n_ops; op++) {
    uint32_t *waits = &o->waits[unit_of(o, op)];
    if (*waits > 0) continue;
    *waits = UINT32_MAX;
    EDB_TRY(push(o, is_tiled(o->p, op), op));
  }
  return EDB_OK;
}

static edb_status run_units(orderer *o) {
  note_operands(o);
  EDB_TRY(note_ready(o));
  while (o->due.length > 0) {
    uint64_t due = pop(o);
    EDB_TRY(run_unit(o, (uint32_t)due, (uint32_t)(due >> 32)));
  }
  return EDB_OK;
}

edb_status edb_plan_add_kernels(edb_planner *p) {
  size_t n_ops = p->cell->n_ops, units = p->batching->n_batches + n_ops;
  size_t bytes = (units + n_ops + 1 + p->cell->n_operands) * sizeof(uint32_t);
  uint32_t *memory = edb_alloc_zero(p->ctx, bytes);
  if (!memory) return edb_fail_memory(p->error, bytes, "the order of a cell's operators");
  orderer o = {.p = p,
               .waits = memory,
               .reader_start = memory + units,
               .readers = memory + units + n_ops + 1};
  edb_status status = run_units(&o);
  edb_vec_free(p->ctx, &o.due);
  edb_free(p->ctx, memory, bytes);
  return status;
}
