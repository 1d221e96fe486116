/* layout/reduce_impl.h: what the files of the reduction share. */
#ifndef EDB_LAYOUT_REDUCE_IMPL_H
#define EDB_LAYOUT_REDUCE_IMPL_H

#include "layout/reduce.h"

#define EDB_NO_NODE UINT32_MAX

typedef struct edb_reducer {
  edb_context *ctx;
  const edb_reduce_params *params;
  const edb_graph *source;
  const edb_schedule *schedule;
  edb_graph *graph; /* that is made */
  edb_reduced *to;
  uint32_t *taker;      /* [nodes] of those that take the node, and nothing newer: the last one */
  uint32_t *next_taker; /* [nodes] and the one before it */
  uint32_t *slots;      /* [mask + 1] node + 1, or 0 */
  size_t mask;
  uint32_t *early_of;   /* [pending nodes] node of the early part of each */
  uint32_t *order;      /* [batches] in which they run */
  uint32_t *head;       /* [cells] first batch of the type */
  uint32_t *next;       /* [batches] the next one of its type */
  uint32_t *cursor;     /* [cells] first batch whose early parts are not made, or none */
  uint32_t *cursor_row; /* [cells] and the first node in it */
  void *memory;         /* of these arrays */
  size_t memory_bytes;
  edb_error *error;
} edb_reducer;

static inline bool edb_has_early(const edb_reducer *r, uint32_t type) {
  return r->params->split->early[type].cell != EDB_NO_CELL;
}

/* The inputs that ran earlier become nodes without records. */
void edb_reduce_imports(edb_reducer *r);
/* Early parts of the nodes of a type, from where the last call stopped, in the order of the
 * schedule, as long as what they take has run. */
void edb_reduce_early(edb_reducer *r, uint32_t type);
/* The nodes of one batch as the cell, or what is left of it; false when the schedule is not one of
 * the graph. */
bool edb_reduce_batch(edb_reducer *r, uint32_t batch);

#endif
