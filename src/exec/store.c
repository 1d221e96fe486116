/* exec/store.c: addresses of values, slabs. */
#include "exec/store.h"

#include <string.h>

void edb_store_init(edb_store *store, edb_context *ctx) {
  *store = (edb_store){.ctx = ctx};
}

void edb_store_free(edb_store *store) {
  for (size_t i = 0; i < store->slabs.length; i++)
    edb_free(store->ctx, store->slabs.data[i].data, store->slabs.data[i].bytes);
  edb_vec_free(store->ctx, &store->slabs);
  edb_vec_free(store->ctx, &store->start);
  edb_vec_free(store->ctx, &store->rows);
  edb_vec_free(store->ctx, &store->slab_of);
}

static void forget(edb_store *store, const edb_graph *graph) {
  store->start.length = store->rows.length = store->slab_of.length = 0;
  store->base = graph->base;
  store->graph = graph;
  store->generation = graph->generation;
  store->stepped = false;
  for (size_t i = 0; i < store->slabs.length; i++) store->slabs.data[i].live = 0;
}

/* Drops the tables' rows of nodes that the graph has dropped; amortised, by halves. */
static void trim(edb_store *store, uint32_t graph_base) {
  size_t drop = graph_base - store->base;
  if (drop < 1024 || drop * 2 < store->slab_of.length) return;
  if (drop > store->slab_of.length) drop = store->slab_of.length;
  uint32_t values = store->start.data[drop];
  size_t left = store->slab_of.length - drop;
  memmove(store->rows.data, store->rows.data + values,
          (store->rows.length - values) * sizeof *store->rows.data);
  store->rows.length -= values;
  memmove(store->slab_of.data, store->slab_of.data + drop, left * sizeof *store->slab_of.data);
  store->slab_of.length = left;
  for (size_t i = 0; i <= left; i++) store->start.data[i] = store->start.data[i + drop] - values;
  store->start.length = left + 1;
  store->base += (uint32_t)drop;
}

edb_status edb_store_sync(edb_store *store, const edb_graph *graph, edb_error *error) {
  if (!edb_store_follows(store, graph))
    forget(store, graph);
  else if (graph->base > store->base)
    trim(store, graph->base);
  size_t end = graph->base + graph->n_nodes - store->base, have = store->slab_of.length;
  if (have == end && store->start.length) return EDB_OK;
  if (!edb_vec_reserve(store->ctx, &store->start, end + 1) ||
      !edb_vec_reserve(store->ctx, &store->slab_of, end + 1))
    return edb_fail_memory(error, end * sizeof *store->start.data, "the table of values");
  const edb_type_sig *types = graph->schema->types;
  uint32_t shift = store->base - graph->base; /* wraps where the graph has dropped more rows */
  size_t values = store->rows.length;
  for (size_t i = have; i < end; i++) {
    store->start.data[i] = (uint32_t)values;
    values += types[graph->type[(uint32_t)i + shift]].n_outputs;
  }
  EDB_FAIL_IF(values > UINT32_MAX, error, EDB_ERROR_LIMIT, "more than 2^32 values in one graph");
  if (!edb_vec_reserve(store->ctx, &store->rows, values + 1))
    return edb_fail_memory(error, values * sizeof *store->rows.data, "the table of values");
  store->start.data[end] = (uint32_t)values;
  store->start.length = end + 1;
  memset(store->rows.data + store->rows.length, 0,
         (values - store->rows.length) * sizeof *store->rows.data);
  memset(store->slab_of.data + have, 0xff, (end - have) * sizeof *store->slab_of.data);
  store->rows.length = values;
  store->slab_of.length = end;
  return EDB_OK;
}

edb_status edb_store_take(edb_store *store, size_t bytes, uint32_t live, uint32_t *slab,
                          edb_error *error) {
  size_t best = SIZE_MAX, spare = SIZE_MAX;
  for (size_t i = 0; i < store->slabs.length; i++) {
    const edb_slab *s = &store->slabs.data[i];
    if (s->live) continue;
    spare = i;
    if (s->bytes >= bytes && (best == SIZE_MAX || s->bytes < store->slabs.data[best].bytes))
      best = i;
  }
  if (best == SIZE_MAX) {
    /* A free slab that is too small is replaced, so that their number does not grow. */
    if (spare == SIZE_MAX) {
      if (!edb_vec_push(store->ctx, &store->slabs, (edb_slab){0}))
        return edb_fail_memory(error, sizeof(edb_slab), "a slab of values");
      spare = store->slabs.length - 1;
    }
    edb_slab *s = &store->slabs.data[spare];
    edb_free(store->ctx, s->data, s->bytes);
    *s = (edb_slab){0};
    s->data = edb_alloc(store->ctx, bytes);
    if (!s->data && bytes) return edb_fail_memory(error, bytes, "the values of a mini-batch");
    s->bytes = bytes;
    best = spare;
  }
  store->slabs.data[best].live = live;
  *slab = (uint32_t)best;
  return EDB_OK;
}

void edb_store_release(edb_store *store, edb_node node) {
  if (!edb_store_has(store, node)) return;
  size_t i = node - store->base;
  uint32_t slab = store->slab_of.data[i];
  if (slab == UINT32_MAX) return; /* has none */
  for (uint32_t v = store->start.data[i]; v < store->start.data[i + 1]; v++)
    store->rows.data[v] = NULL;
  store->slab_of.data[i] = UINT32_MAX;
  EDB_ASSERT(store->slabs.data[slab].live > 0);
  store->slabs.data[slab].live--;
}
