/* graph/release.c: giving nodes back. Rows of released nodes at the front are dropped once they are
 * half of all, so a graph that grows and is released for ever keeps its size, at O(1) per node. */
#include "graph/store.h"

#include <string.h>

#include "base/context.h"

/* Whole words of the bit set `released` are dropped. */
#define DROP_UNIT 64

static void drop_numbers(edb_graph *g, uint32_t dropped) {
  size_t first = g->float_count;
  for (uint32_t i = dropped; i < g->n_nodes; i++) {
    if (g->schema->types[g->type[i]].n_dense == 0) continue;
    int32_t *offset = edb_graph_dense_offset(g, i);
    size_t at = (uint32_t)*offset;
    if (at < first) first = at; /* at the first node only: offsets ascend */
    *offset = (int32_t)(uint32_t)(at - first);
  }
  memmove(g->floats, g->floats + first, (g->float_count - first) * sizeof *g->floats);
  g->float_count -= first;
}

/* Moves edges and records of the rows that stay to the front. */
static void drop_contents(edb_graph *g, uint32_t dropped) {
  uint32_t edge = g->edge_start[dropped], word = g->int_start[dropped];
  if (g->float_count > 0) drop_numbers(g, dropped);
  if (g->edge_count > 0) {
    g->edge_count -= edge;
    memmove(g->edge_node, g->edge_node + edge, g->edge_count * sizeof *g->edge_node);
    memmove(g->edge_output, g->edge_output + edge, g->edge_count * sizeof *g->edge_output);
  }
  if (g->int_count > 0) {
    g->int_count -= word;
    memmove(g->ints, g->ints + word, g->int_count * sizeof *g->ints);
  }
}

static void drop_front(edb_graph *g, uint32_t dropped) {
  uint32_t edge = g->edge_start[dropped], word = g->int_start[dropped];
  uint32_t kept = g->n_nodes - dropped;
  drop_contents(g, dropped);
  memmove(g->type, g->type + dropped, kept * sizeof *g->type);
  for (uint32_t i = 0; i <= kept; i++) {
    g->edge_start[i] = g->edge_start[dropped + i] - edge;
    g->int_start[i] = g->int_start[dropped + i] - word;
  }
  size_t words = g->node_capacity / 64, gone = dropped / 64;
  memmove(g->released, g->released + gone, (words - gone) * sizeof *g->released);
  memset(g->released + words - gone, 0, gone * sizeof *g->released);
  g->base += dropped;
  g->n_nodes = kept;
  g->released_front -= dropped;
}

/* Appending checks inputs against what is released; this is the same check the other way round. */
static bool used_by_pending(const edb_graph *g, edb_node node) {
  if (node < g->lowest_pending_use) return false;
  for (size_t e = g->edge_start[g->first - g->base]; e < g->edge_count; e++) {
    if (g->edge_node[e] == node) return true;
  }
  return false;
}

edb_status edb_graph_release(edb_graph *graph, edb_node node, edb_error *error) {
  EDB_REQUIRE(error, graph);
  EDB_FAIL_IF(node >= edb_graph_node_count(graph), error, EDB_ERROR_ARGUMENT,
              "there is no node %u to release, expected one below %u", node,
              edb_graph_node_count(graph));
  EDB_FAIL_IF(node >= graph->first, error, EDB_ERROR_STATE,
              "node %u cannot be released before it has run", node);
  EDB_FAIL_IF(node < graph->base || edb_graph_is_released(graph, node - graph->base), error,
              EDB_ERROR_STATE, "node %u was released already", node);
  EDB_FAIL_IF(used_by_pending(graph, node), error, EDB_ERROR_STATE,
              "node %u cannot be released: a node that has not run yet takes its values", node);
  uint32_t index = node - graph->base;
  graph->released[index >> 6] |= UINT64_C(1) << (index & 63);
  if (index != graph->released_front) return EDB_OK;
  while (graph->released_front < graph->n_nodes &&
         edb_graph_is_released(graph, graph->released_front))
    graph->released_front++;
  uint32_t dropped = graph->released_front / DROP_UNIT * DROP_UNIT;
  if (dropped > 0 && dropped >= graph->n_nodes / 2) drop_front(graph, dropped);
  return EDB_OK;
}

void edb_graph_clear(edb_graph *g) {
  memset(g->released, 0, g->node_capacity / 8);
  g->base = g->n_nodes = g->first = 0;
  g->edge_start[0] = g->int_start[0] = 0;
  g->edge_count = g->int_count = g->float_count = 0;
  g->n_instances = 0;
  g->released_front = 0;
  g->lowest_pending_use = UINT32_MAX;
  g->generation = edb_context_new_id(g->ctx);
}
