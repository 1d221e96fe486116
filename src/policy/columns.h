/* policy/columns.h: which types need to be told apart when path lengths are found.
 *
 * A path stays inside one instance: nodes of one component of types that edges connect. A type of
 * which an instance has a single node has paths of one such node there; the others are numbered per
 * instance, so that all instances of a graph share few columns, however many types it has. */
#ifndef EDB_POLICY_COLUMNS_H
#define EDB_POLICY_COLUMNS_H

#include "policy/state.h"

#define EDB_COLUMN_NONE UINT32_MAX

typedef struct edb_columns {
  uint32_t *column; /* [n_nodes] EDB_COLUMN_NONE: the only node of its type in its instance */
  uint32_t widest;  /* columns of the instance that has most */
  uint32_t most;    /* nodes of one type in one instance */
  void *memory;
  size_t memory_bytes;
} edb_columns;

/* Of a problem whose edges and components are known. O(n + E), nearly. */
EDB_MUST_CHECK edb_status edb_columns_init(edb_context *ctx, const edb_problem *problem,
                                           edb_columns *out, edb_error *error);
void edb_columns_free(edb_context *ctx, edb_columns *columns);

/* Union-find by the lowest number, paths halved: the lowest of what x is joined with. */
static inline uint32_t edb_find_root(uint32_t *parent, uint32_t x) {
  while (parent[x] != x) x = parent[x] = parent[parent[x]];
  return x;
}

#endif
