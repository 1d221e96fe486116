/* exec/store.h: where the values of a session's graph are: one address per value, slabs of memory.
 *
 * A slab holds the rows of one run (or one step); it is given back when all its nodes are released,
 * or with the whole graph, and reused by the next run that fits into it. */
#ifndef EDB_EXEC_STORE_H
#define EDB_EXEC_STORE_H

#include "base/vec.h"
#include "layout/placement.h"
#include "model/ir.h"

typedef struct edb_slab {
  char *data;
  size_t bytes;
  uint32_t live; /* nodes with rows here; 0: free for reuse */
} edb_slab;

/* The batch that runs, as it was placed. */
typedef struct edb_placed {
  const edb_placement *placement;
  uint32_t batch;
  char *slab;
} edb_placed;

typedef struct edb_store {
  edb_context *ctx;
  const edb_graph *graph; /* that it follows, or NULL; told from others by its generation too */
  uint64_t generation;
  uint32_t base;             /* id of the first node in the tables */
  EDB_VEC(uint32_t) start;   /* per node, and one more: its first value */
  EDB_VEC(char *) rows;      /* per value; NULL: not run, not kept or released */
  EDB_VEC(uint32_t) slab_of; /* per node; UINT32_MAX: none */
  EDB_VEC(edb_slab) slabs;
  edb_placed placed;       /* placement NULL: rows are known by their addresses only */
  const edb_rows *outputs; /* of the batch that runs, where some are borrowed; NULL: all are made */
  size_t run_bytes;        /* of the slab of the run, and of the tables that it takes rows from */
  size_t table_bytes;      /* of these tables */
  bool stepped;            /* nodes that count as pending may have rows: those of steps */
} edb_store;

void edb_store_init(edb_store *store, edb_context *ctx);
void edb_store_free(edb_store *store);

/* Follows a graph: forgets everything when it was cleared (or is another), adds its new nodes. */
EDB_MUST_CHECK edb_status edb_store_sync(edb_store *store, const edb_graph *graph,
                                         edb_error *error);

/* A slab of at least `bytes` for `live` nodes. */
EDB_MUST_CHECK edb_status edb_store_take(edb_store *store, size_t bytes, uint32_t live,
                                         uint32_t *slab, edb_error *error);

/* The node has no values any more. */
void edb_store_release(edb_store *store, edb_node node);

static inline bool edb_store_follows(const edb_store *store, const edb_graph *graph) {
  return store->graph == graph && store->generation == graph->generation;
}
static inline char **edb_store_rows(const edb_store *store, edb_node node) {
  return store->rows.data + store->start.data[node - store->base];
}
static inline char *edb_store_row(const edb_store *store, edb_node node, uint32_t output) {
  return store->rows.data[store->start.data[node - store->base] + output];
}
/* Whether the tables know the node. */
static inline bool edb_store_has(const edb_store *store, edb_node node) {
  return node >= store->base && node - store->base < store->slab_of.length;
}

#endif
