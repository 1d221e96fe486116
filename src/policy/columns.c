/* policy/columns.c: see columns.h. */
#include "policy/columns.h"

#include <string.h>

/* root[v]: the lowest node of the instance of v. */
static void find_instances(const edb_problem *p, uint32_t *root) {
  for (uint32_t v = 0; v < p->n_nodes; v++) root[v] = v;
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    uint32_t component = p->component[p->type[v]], low = edb_find_root(root, v);
    for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++) {
      if (p->component[p->type[p->in[e]]] != component) continue;
      uint32_t other = edb_find_root(root, p->in[e]);
      uint32_t high = other < low ? low : other;
      low = other < low ? other : low;
      root[high] = low;
    }
  }
  for (uint32_t v = 0; v < p->n_nodes; v++) root[v] = root[root[v]] = edb_find_root(root, v);
}

/* Nodes by instance: next[v] is the next node of the instance of v, EDB_TYPE_NONE behind the last.
 * A root comes first. */
static void chain_instances(const edb_problem *p, const uint32_t *root, uint32_t *next,
                            uint32_t *last) {
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    next[v] = EDB_TYPE_NONE;
    if (root[v] != v) next[last[root[v]]] = v;
    last[root[v]] = v;
  }
}

/* The columns of one instance. `count`: [n_types] zeros, and again afterwards; `number`: [n_types].
 */
static void number_types(const edb_problem *p, uint32_t first, const uint32_t *next,
                         uint32_t *count, uint32_t *number, edb_columns *out) {
  uint32_t columns = 0;
  for (uint32_t v = first; v != EDB_TYPE_NONE; v = next[v]) {
    uint32_t t = p->type[v], k = ++count[t];
    if (k == 2) number[t] = columns++;
    if (k > out->most) out->most = k;
  }
  for (uint32_t v = first; v != EDB_TYPE_NONE; v = next[v]) {
    uint32_t t = p->type[v];
    out->column[v] = count[t] > 1 ? number[t] : EDB_COLUMN_NONE;
  }
  for (uint32_t v = first; v != EDB_TYPE_NONE; v = next[v]) count[p->type[v]] = 0;
  if (columns > out->widest) out->widest = columns;
}

edb_status edb_columns_init(edb_context *ctx, const edb_problem *p, edb_columns *out,
                            edb_error *error) {
  size_t n = p->n_nodes, types = p->n_types;
  edb_columns c = {.memory_bytes = (n * 3 + types * 2) * sizeof(uint32_t)};
  c.memory = edb_alloc(ctx, c.memory_bytes);
  if (c.memory == NULL) return edb_fail_memory(error, c.memory_bytes, "the columns of a graph");
  c.column = c.memory;
  uint32_t *root = c.column + n, *next = root + n, *count = next + n, *number = count + types;
  find_instances(p, root);
  chain_instances(p, root, next, c.column);
  memset(count, 0, types * sizeof *count);
  for (uint32_t v = 0; v < p->n_nodes; v++)
    if (root[v] == v) number_types(p, v, next, count, number, &c);
  *out = c;
  return EDB_OK;
}

void edb_columns_free(edb_context *ctx, edb_columns *columns) {
  edb_free(ctx, columns->memory, columns->memory_bytes);
  *columns = (edb_columns){0};
}
