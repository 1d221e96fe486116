/* exec/session_steps.c: a session that runs step by step, as a frontier says. */
#include "base/clock.h"
#include "exec/session.h"

/* Rows for the nodes of one step: the outputs of a batch stand together, as in a placement. Those
 * that another frontier's step gave them go back. */
static edb_status bind_step(edb_session *s, uint32_t type, const edb_node *nodes, uint32_t count,
                            edb_error *error) {
  const edb_ir_cell *cell = &s->program->cells[type];
  size_t element = s->backend->element_bytes, floats = 0;
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++)
    floats += (edb_row_stride(edb_shape_size(cell->outputs[o].shape)) * count + 15) / 16 * 16;
  uint32_t slab;
  for (uint32_t i = 0; i < count; i++) edb_store_release(&s->store, nodes[i]);
  EDB_TRY(edb_store_take(&s->store, floats * element, count, &slab, error));
  s->store.stepped = true;
  char *at = s->store.slabs.data[slab].data;
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
    size_t stride = edb_row_stride(edb_shape_size(cell->outputs[o].shape));
    for (uint32_t i = 0; i < count; i++)
      edb_store_rows(&s->store, nodes[i])[o] = at + i * stride * element;
    at += (stride * count + 15) / 16 * 16 * element;
  }
  for (uint32_t i = 0; i < count; i++) s->store.slab_of.data[nodes[i] - s->store.base] = slab;
  return EDB_OK;
}

/* A frontier of another graph, or one that went on after a step that failed, must do no harm. */
static edb_status check_step(const edb_session *s, const edb_graph *g, uint32_t type,
                             const edb_node *nodes, uint32_t count, edb_error *error) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t index = nodes[i] - g->base;
    EDB_FAIL_IF(nodes[i] < g->first || index >= g->n_nodes || g->type[index] != type, error,
                EDB_ERROR_ARGUMENT, "the frontier is not one of this graph");
    for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++)
      EDB_FAIL_IF(!edb_store_has(&s->store, g->edge_node[e]) ||
                      !edb_store_row(&s->store, g->edge_node[e], g->edge_output[e]),
                  error, EDB_ERROR_STATE,
                  "output %u of node %u is an input of node %u but was not kept by its run",
                  g->edge_output[e], g->edge_node[e], nodes[i]);
  }
  return EDB_OK;
}

/* Once nothing is ready the graph counts as run, if all of it was. */
static edb_status finish_steps(const edb_session *s, edb_graph *g, edb_error *error) {
  for (edb_node n = g->first; n < edb_graph_node_count(g); n++)
    EDB_FAIL_IF(
        s->store.slab_of.data[n - s->store.base] == UINT32_MAX, error, EDB_ERROR_STATE,
        "nothing is ready, but node %u has not run: its step failed, or the frontier is one "
        "of another graph",
        n);
  edb_graph_mark_run(g);
  return EDB_OK;
}

static edb_status run_step(edb_session *s, const edb_graph *graph, const edb_schedule *one,
                           edb_error *error) {
  uint32_t type = one->batch_type[0], n = one->info.n_nodes;
  void *state;
  EDB_TRY(edb_session_open_whole(s, &state, error));
  size_t scratch = s->backend->scratch_bytes(state, graph, one);
  EDB_TRY(check_step(s, graph, type, one->nodes, n, error));
  EDB_TRY(s->backend->begin(state, scratch, s->timing, error));
  EDB_TRY(bind_step(s, type, one->nodes, n, error));
  s->stats = (edb_run_stats){.nodes = n, .batches = 1, .bound = 1};
  uint64_t begin = edb_clock_ns();
  edb_status status =
      s->backend->run_batch(state, graph, &s->store, type, one->nodes, n, &s->stats, error);
  s->stats.run_ns = edb_clock_ns() - begin;
  for (uint32_t i = 0; status != EDB_OK && i < n; i++) edb_store_release(&s->store, one->nodes[i]);
  return status;
}

edb_status edb_session_step(edb_session *s, edb_graph *graph, edb_frontier *frontier,
                            uint32_t *count, edb_error *error) {
  EDB_REQUIRE(error, s, graph, frontier, count);
  EDB_FAIL_IF(s->granularity != EDB_GRANULARITY_CELL, error, EDB_ERROR_UNSUPPORTED,
              "step by step runs at cell granularity only");
  const edb_graph *same;
  uint32_t type = 0, n = 0;
  const edb_node *nodes = NULL;
  EDB_TRY(edb_session_lower(s, graph, &same, error));
  EDB_TRY(edb_store_sync(&s->store, graph, error));
  EDB_TRY(edb_frontier_sync(frontier, error));
  EDB_TRY(edb_frontier_next(frontier, &type, &nodes, &n, error));
  if (n == 0) {
    EDB_TRY(finish_steps(s, graph, error));
    *count = 0;
    return EDB_OK;
  }
  uint32_t starts[2] = {0, n};
  edb_schedule one = {.info = {.n_batches = 1, .n_nodes = n},
                      .batch_type = &type,
                      .batch_start = starts,
                      .nodes = (edb_node *)(uintptr_t)nodes};
  EDB_TRY(run_step(s, graph, &one, error));
  *count = n;
  return EDB_OK;
}

edb_status edb_session_release(edb_session *s, edb_graph *graph, edb_node node, edb_error *error) {
  EDB_REQUIRE(error, s, graph);
  EDB_TRY(edb_graph_release(graph, node, error));
  if (s->granularity == EDB_GRANULARITY_CELL && edb_store_follows(&s->store, graph))
    edb_store_release(&s->store, node);
  return EDB_OK;
}
