/* layout/strands.c: see strands.h. */
#include "layout/strands.h"

/* The first instance that has not run to its end. */
static uint32_t first_pending(const edb_graph *g) {
  uint32_t low = 0, high = g->n_instances;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (edb_graph_instance_begin(g, middle + 1) > g->first)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* A strand ends behind the instance where those so far have nearest to their share. */
uint32_t edb_strands_cut(const edb_graph *g, uint32_t wanted, edb_strand *out) {
  uint32_t n = 0, pending = edb_graph_pending_count(g);
  edb_node first = g->first, end = edb_graph_node_count(g);
  for (uint32_t i = first_pending(g); i < g->n_instances && n + 1 < wanted; i++) {
    edb_node begin = edb_graph_instance_begin(g, i), next = edb_graph_instance_begin(g, i + 1);
    uint64_t share = (uint64_t)pending * (n + 1) / wanted, middle = begin + (next - begin) / 2;
    if (begin <= first || middle - g->first < share) continue;
    out[n++] = (edb_strand){first, begin};
    first = begin;
  }
  if (first < end) out[n++] = (edb_strand){first, end};
  return n;
}

bool edb_strand_is_apart(const edb_graph *g, const edb_strand *strand) {
  uint32_t before = strand->first - g->first, crossing = 0;
  const uint32_t *node = g->edge_node + g->edge_start[strand->first - g->base];
  const uint32_t *end = g->edge_node + g->edge_start[strand->end - g->base];
  for (; node < end; node++) crossing += *node - g->first < before; /* wraps for earlier runs */
  return crossing == 0;
}

edb_graph edb_strand_view(const edb_graph *graph, const edb_strand *strand) {
  edb_graph view = *graph;
  uint32_t end = strand->end - graph->base;
  view.first = strand->first;
  view.n_nodes = end;
  view.edge_count = graph->edge_start[end];
  view.int_count = graph->int_start[end];
  if (graph->lowest_pending_use >= graph->first) view.lowest_pending_use = strand->first;
  return view;
}
