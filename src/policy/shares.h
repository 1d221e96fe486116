/* policy/shares.h: how large the frontier of each type's own graph is, kept up while batches run.
 *
 * F_t: unfinished nodes of type t without an unfinished ancestor of type t. |ready(t)| / |F_t| is
 * the quantity of the sufficient condition and of the published reward (Chen et al., ICML 2023); at
 * 1 running t now cannot hurt. */
#ifndef EDB_POLICY_SHARES_H
#define EDB_POLICY_SHARES_H

#include "policy/state.h"

typedef struct edb_shares {
  const edb_problem *p;
  uint32_t *row;      /* [n_nodes] where a node's counters begin */
  uint32_t *frontier; /* [n_types] |F_t| */
  uint32_t *stack;    /* [n_nodes] nodes that became clear */
  uint32_t *behind;   /* counters, one per node and type of its component */
  void *memory;
  size_t memory_bytes;
} edb_shares;

/* Must be reset before use. EDB_ERROR_LIMIT: too many counters (many types on cycles of types). */
EDB_MUST_CHECK edb_status edb_shares_init(edb_context *ctx, const edb_problem *problem,
                                          edb_shares *out, edb_error *error);
void edb_shares_free(edb_context *ctx, edb_shares *shares);
/* Nothing is done. O(edges x types of a component). */
void edb_shares_reset(edb_shares *shares);
/* A batch of a type ran. */
void edb_shares_ran(edb_shares *shares, uint32_t type, const uint32_t *nodes, uint32_t count);

#endif
