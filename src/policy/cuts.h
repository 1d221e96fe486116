/* policy/cuts.h: smaller mini-batches out of a large one, to learn from.
 *
 * How many batches a mini-batch needs is decided by its few most critical instances, so a table
 * that is fitted to one mini-batch fits those alone. Each cut has other instances deciding, and a
 * table that serves all of them serves mini-batches that were not seen, of other sizes too. */
#ifndef EDB_POLICY_CUTS_H
#define EDB_POLICY_CUTS_H

#include "base/rng.h"
#include "policy/state.h"

typedef struct edb_cuts {
  edb_dag *dags;
  uint32_t count;
  void *memory;
  size_t memory_bytes;
} edb_cuts;

/* Deals the instances of one component to as many cuts, at most 8, as leave each at least two; none
 * where the component has one type, and so no choice. `dag` is the problem's; the cuts use its
 * types and must not outlive it. */
EDB_MUST_CHECK edb_status edb_cuts_init(edb_context *ctx, const edb_problem *problem,
                                        uint32_t component, const edb_dag *dag, edb_rng *rng,
                                        edb_cuts *out, edb_error *error);
void edb_cuts_free(edb_context *ctx, edb_cuts *cuts);

#endif
