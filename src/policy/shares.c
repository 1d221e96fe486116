/* policy/shares.c: keeps account of which unfinished nodes have unfinished ancestors of their type.
 *
 * A node counts, per type of its component, through how many of its edges an unfinished node of the
 * type is reached backwards; at zero it is clear of the type and tells its users. Every edge is
 * thus looked at once per type. */
#include "policy/shares.h"

#include <string.h>

/* 512 MiB; beyond it (many types on cycles of types) the rule is not the one to choose. */
#define MAX_COUNTERS (UINT64_C(1) << 27)

static inline bool same_component(const edb_problem *p, uint32_t u, uint32_t v) {
  return p->component[p->type[u]] == p->component[p->type[v]];
}

static void count_behind(edb_shares *s, uint32_t v) {
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

void edb_shares_reset(edb_shares *s) {
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
static uint32_t clear_users(edb_shares *s, uint32_t v, uint32_t type, uint32_t depth) {
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

void edb_shares_ran(edb_shares *s, uint32_t type, const uint32_t *nodes, uint32_t count) {
  s->frontier[type] -= count;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t depth = clear_users(s, nodes[i], type, 0);
    while (depth > 0) depth = clear_users(s, s->stack[depth - 1], type, depth - 1);
  }
}

edb_status edb_shares_init(edb_context *ctx, const edb_problem *p, edb_shares *out,
                           edb_error *error) {
  uint64_t counters = 0;
  for (uint32_t t = 0; t < p->n_types; t++)
    counters += (uint64_t)p->type_count[t] * p->component_size[p->component[t]];
  EDB_FAIL_IF(
      counters > MAX_COUNTERS, error, EDB_ERROR_LIMIT,
      "the frontiers of types would need %llu counters for %u nodes of %u types, at most %llu "
      "are allowed",
      (unsigned long long)counters, p->n_nodes, p->n_types, (unsigned long long)MAX_COUNTERS);
  size_t bytes = ((size_t)p->n_nodes * 2 + p->n_types + counters + 1) * sizeof(uint32_t);
  uint32_t *memory = edb_alloc(ctx, bytes);
  if (memory == NULL) return edb_fail_memory(error, bytes, "the frontiers of types");
  edb_shares s = {.p = p, .row = memory, .memory = memory, .memory_bytes = bytes};
  s.stack = s.row + p->n_nodes;
  s.frontier = s.stack + p->n_nodes;
  s.behind = s.frontier + p->n_types;
  *out = s;
  return EDB_OK;
}

void edb_shares_free(edb_context *ctx, edb_shares *shares) {
  edb_free(ctx, shares->memory, shares->memory_bytes);
  *shares = (edb_shares){0};
}
