/* layout/reduce_impl.h: what the files of the reduction share: the state of one, and drafts of
 * calls. */
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
  uint64_t *slots; /* [mask + 1] hash << 32 | node + 1, or 0 */
  size_t mask;
  uint32_t *early_of;   /* [pending nodes] node of the early part of each */
  uint32_t *order;      /* [batches] in which they run */
  uint32_t *head;       /* [cells] first batch of the type */
  uint32_t *next;       /* [batches] the next one of its type */
  uint32_t *cursor;     /* [cells] first batch whose early parts are not made, or none */
  uint32_t *cursor_row; /* [cells] and the first node in it */
  edb_error *error;
} edb_reducer;

/* A call written behind the arrays of the graph; it counts once it is found to be new. */
typedef struct edb_draft {
  uint32_t type;
  size_t n_edges, n_ints, n_floats; /* ints: without the offset of the floats */
} edb_draft;

static inline bool edb_has_early(const edb_reducer *r, uint32_t type) {
  return r->params->split->early[type].cell != EDB_NO_CELL;
}

/* The inputs that ran earlier become nodes without records. */
void edb_reduce_imports(edb_reducer *r);
/* Drafts the call of a node (by index) as the cell that is left of its own, or its early part;
 * false when an input has not run. `dense`: numbers of all its dense attributes. */
bool edb_draft_call(const edb_reducer *r, uint32_t index, size_t dense, edb_draft *draft);
bool edb_draft_early(const edb_reducer *r, uint32_t index, edb_draft *draft);
/* The node of the call that was drafted: an equal one that is there, or a new one. */
edb_node edb_reduce_intern(edb_reducer *r, const edb_draft *draft, bool *is_new);

#endif
