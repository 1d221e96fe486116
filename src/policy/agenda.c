/* policy/agenda.c: the ready type of lowest mean depth (Neubig, Goldberg and Dyer, NeurIPS 2017).
 *
 * Two variants are in use: the mean over all nodes of the type, as in DyNet, or over those that
 * remain. */
#include "policy/rules.h"

#include <string.h>

/* Per type; the sums of whole numbers stay exact in a double. */
typedef struct agenda {
  const uint32_t *depth;
  double *sum, *count;
} agenda;

static uint32_t choose(void *self, const edb_state *s) {
  const agenda *a = self;
  uint32_t best = EDB_TYPE_NONE;
  double best_mean = 0;
  for (uint32_t t = edb_state_next_ready(s, 0); t != EDB_TYPE_NONE;
       t = edb_state_next_ready(s, t + 1)) {
    double mean = a->sum[t] / a->count[t];
    if (best == EDB_TYPE_NONE || mean < best_mean) {
      best = t;
      best_mean = mean;
    }
  }
  return best;
}

static void ran(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
                uint32_t count) {
  agenda *a = self;
  (void)state;
  for (uint32_t i = 0; i < count; i++) a->sum[type] -= a->depth[nodes[i]];
  a->count[type] -= count;
}

edb_status edb_agenda_pass(edb_context *ctx, edb_state *state, bool running, uint32_t limit,
                           edb_batches *out, edb_error *error) {
  const edb_problem *p = state->problem;
  size_t types = p->n_types;
  size_t bytes = types * 2 * sizeof(double) + p->n_nodes * sizeof(uint32_t);
  double *memory = edb_alloc(ctx, bytes);
  if (memory == NULL) return edb_fail_memory(error, bytes, "the depths of a graph");
  memset(memory, 0, types * 2 * sizeof *memory);
  uint32_t *depth = (uint32_t *)(memory + types * 2);
  agenda a = {.depth = depth, .sum = memory, .count = memory + types};
  edb_node_depths(p, depth);
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    a.sum[p->type[v]] += depth[v];
    a.count[p->type[v]]++;
  }
  edb_chooser chooser = {.choose = choose, .ran = running ? ran : NULL, .self = &a};
  edb_pass(state, &chooser, limit, out);
  edb_free(ctx, memory, bytes);
  return EDB_OK;
}
