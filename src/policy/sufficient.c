/* policy/sufficient.c: the largest share |ready(t)| / |F_t| of the type's own frontier (Chen et
 * al., ICML 2023); at 1 running t now cannot hurt.
 *
 * F_t: unfinished nodes of type t without an unfinished ancestor of type t. A node counts, per type
 * of its component, through how many of its edges an unfinished node of the type is reached
 * backwards; at zero it is clear of the type and tells its users. Every edge is thus looked at once
 * per type. */
#include "policy/rules.h"

#include <string.h>

/* 512 MiB; beyond it (many types on cycles of types) the rule is not the one to choose. */
#define MAX_COUNTERS (UINT64_C(1) << 27)

typedef struct shares {
  const edb_problem *p;
  uint32_t *row;      /* [n_nodes] where a node's counters begin */
  uint32_t *frontier; /* [n_types] |F_t| */
  uint32_t *stack;    /* [n_nodes] nodes that became clear */
  uint32_t *behind;   /* counters, one per node and type of its component */
} shares;

static inline bool same_component(const edb_problem *p, uint32_t u, uint32_t v) {
  return p->component[p->type[u]] == p->component[p->type[v]];
}

static void count_behind(shares *s, uint32_t v) {
  const edb_problem *p = s->p;
  uint32_t width = p->component_size[p->component[p->type[v]]];
  uint32_t *behind = s->behind + s->row[v];
  memset(behind, 0, width * sizeof *behind);
  for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++) {
    uint32_t u = p->in[e];
    if (!same_component(p, u, v)) continue;
    const uint32_t *other = s->behind + s->row[u];
    uint32_t own = p->column[p->type[u]];
    for (uint32_t c = 0; c < width; c++) behind[c] += other[c] > 0 || c == own;
  }
}

static void count_all(shares *s) {
  const edb_problem *p = s->p;
  uint32_t next = 0;
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    s->row[v] = next;
    next += p->component_size[p->component[p->type[v]]];
  }
  memset(s->frontier, 0, p->n_types * sizeof *s->frontier);
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? p->n_nodes - 1 - i : i, t = p->type[v];
    count_behind(s, v);
    s->frontier[t] += s->behind[s->row[v] + p->column[t]] == 0;
  }
}

/* `v` ran, or became clear of `type`: one edge less for its users. */
static uint32_t clear_users(shares *s, uint32_t v, uint32_t type, uint32_t depth) {
  const edb_problem *p = s->p;
  for (uint32_t e = p->out_start[v]; e < p->out_start[v + 1]; e++) {
    uint32_t u = p->out[e];
    if (!same_component(p, u, v)) continue;
    if (--s->behind[s->row[u] + p->column[type]] > 0) continue;
    if (p->type[u] == type) {
      s->frontier[type]++;
    } else {
      s->stack[depth++] = u;
    }
  }
  return depth;
}

static void ran(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
                uint32_t count) {
  shares *s = self;
  (void)state;
  s->frontier[type] -= count;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t depth = clear_users(s, nodes[i], type, 0);
    while (depth > 0) depth = clear_users(s, s->stack[depth - 1], type, depth - 1);
  }
}

static uint32_t choose(void *self, const edb_state *state) {
  const shares *s = self;
  uint32_t best = edb_state_next_ready(state, 0);
  for (uint32_t t = edb_state_next_ready(state, best + 1); t != EDB_TYPE_NONE;
       t = edb_state_next_ready(state, t + 1)) {
    uint64_t share = (uint64_t)state->ready_count[t] * s->frontier[best];
    uint64_t best_share = (uint64_t)state->ready_count[best] * s->frontier[t];
    if (share > best_share) best = t;
  }
  return best;
}

edb_status edb_sufficient_pass(edb_context *ctx, edb_state *state, edb_batches *out,
                               edb_error *error) {
  const edb_problem *p = state->problem;
  uint64_t counters = 0;
  for (uint32_t t = 0; t < p->n_types; t++)
    counters += (uint64_t)p->type_count[t] * p->component_size[p->component[t]];
  EDB_FAIL_IF(
      counters > MAX_COUNTERS, error, EDB_ERROR_LIMIT,
      "the policy \"sufficient\" would need %llu counters for %u nodes of %u types, at most "
      "%llu are allowed",
      (unsigned long long)counters, p->n_nodes, p->n_types, (unsigned long long)MAX_COUNTERS);
  size_t bytes = ((size_t)p->n_nodes * 2 + p->n_types + counters) * sizeof(uint32_t);
  uint32_t *memory = edb_alloc(ctx, bytes);
  if (memory == NULL && bytes > 0) return edb_fail_memory(error, bytes, "the frontiers of types");
  shares s = {.p = p, .row = memory, .stack = memory + p->n_nodes};
  s.frontier = s.stack + p->n_nodes;
  s.behind = s.frontier + p->n_types;
  if (bytes > 0) count_all(&s);
  edb_chooser chooser = {.choose = choose, .ran = ran, .self = &s};
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
  edb_free(ctx, memory, bytes);
  return EDB_OK;
}
