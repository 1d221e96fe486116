/* policy/unbatched.c: every node alone, in order: what batching is measured against. */
#include "policy/rules.h"

void edb_unbatched_pass(const edb_problem *p, edb_batches *out) {
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? p->n_nodes - 1 - i : i;
    out->nodes[i] = v;
    out->type[i] = p->type[v];
    out->start[i] = i;
  }
  out->start[p->n_nodes] = p->n_nodes;
  out->count = p->n_nodes;
}
