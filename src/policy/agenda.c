/* policy/agenda.c: the ready type of lowest mean depth (Neubig, Goldberg and Dyer, NeurIPS 2017).
 *
 * Two variants are in use: the mean over all nodes of the type, as in DyNet, or over those that
 * remain. */
#include "policy/agenda.h"

static bool beats(void *self, const edb_state *state, uint32_t type, uint32_t other) {
  const edb_agenda *a = self;
  (void)state;
  return a->sum[type] / a->count[type] < a->sum[other] / a->count[other];
}

static uint32_t choose(void *self, const edb_state *s) {
  uint32_t best = edb_state_next_ready(s, 0);
  for (uint32_t t = edb_state_next_ready(s, best + 1); t != EDB_TYPE_NONE;
       t = edb_state_next_ready(s, t + 1)) {
    if (beats(self, s, t, best)) best = t;
  }
  return best;
}

static void ran(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
                uint32_t count) {
  edb_agenda *a = self;
  (void)state;
  for (uint32_t i = 0; i < count; i++) a->sum[type] -= a->depth[nodes[i]];
  a->count[type] -= count;
}

edb_status edb_agenda_init(edb_context *ctx, const edb_problem *p, edb_agenda *out,
                           edb_error *error) {
  size_t types = p->n_types;
  edb_agenda a = {.memory_bytes = types * 2 * sizeof(double) + p->n_nodes * sizeof(uint32_t)};
  *out = a;
  if (a.memory_bytes == 0) return EDB_OK;
  a.memory = edb_alloc(ctx, a.memory_bytes);
  if (a.memory == NULL) return edb_fail_memory(error, a.memory_bytes, "the depths of a graph");
  a.sum = a.memory;
  a.count = a.sum + types;
  a.depth = (uint32_t *)(a.count + types);
  edb_node_depths(p, a.depth);
  for (uint32_t t = 0; t < p->n_types; t++) {
    a.sum[t] = 0;
    a.count[t] = p->type_count[t];
  }
  for (uint32_t v = 0; v < p->n_nodes; v++) a.sum[p->type[v]] += a.depth[v];
  *out = a;
  return EDB_OK;
}

void edb_agenda_free(edb_context *ctx, edb_agenda *agenda) {
  edb_free(ctx, agenda->memory, agenda->memory_bytes);
  *agenda = (edb_agenda){0};
}

void edb_agenda_pass(edb_agenda *agenda, edb_state *state, bool running, uint32_t limit,
                     edb_batches *out) {
  edb_chooser chooser = {
      .choose = choose, .beats = beats, .ran = running ? ran : NULL, .self = agenda};
  edb_pass(state, &chooser, limit, out);
}
