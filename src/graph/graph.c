/* graph/graph.c: what a graph holds, for its readers. */
#include "graph/graph.h"

#include "graph/store.h"

uint32_t edb_graph_node_count(const edb_graph *graph) {
  return graph->base + graph->n_nodes;
}

uint32_t edb_graph_pending_count(const edb_graph *graph) {
  return graph->base + graph->n_nodes - graph->first;
}

uint32_t edb_graph_instance_count(const edb_graph *graph) {
  return graph->n_instances;
}

uint32_t edb_graph_node_cell(const edb_graph *graph, edb_node node) {
  uint32_t index = node - graph->base; /* wraps beyond n_nodes for rows that were dropped */
  return index < graph->n_nodes ? graph->type[index] : UINT32_MAX;
}

edb_node edb_graph_instance_begin(const edb_graph *graph, uint32_t instance) {
  return instance < graph->n_instances ? graph->instance_start[instance]
                                       : edb_graph_node_count(graph);
}

static bool has_labels(const edb_type_sig *sig) {
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    if (sig->indices[i].is_label) return true;
  }
  for (uint32_t i = 0; i < sig->n_dense; i++) {
    if (sig->dense[i].is_label) return true;
  }
  return false;
}

size_t edb_type_dense_length(const edb_type_sig *sig) {
  size_t length = 0;
  for (uint32_t i = 0; i < sig->n_dense; i++) length += sig->dense[i].length;
  return length;
}

const int32_t *edb_graph_indices(const edb_graph *graph, uint32_t index) {
  return edb_graph_arities(graph, index) + graph->schema->types[graph->type[index]].n_variadic;
}

bool edb_graph_has_labels(const edb_graph *graph, uint32_t index) {
  const edb_type_sig *sig = &graph->schema->types[graph->type[index]];
  return !has_labels(sig) || edb_graph_label_flag(graph, sig, index);
}

const float *edb_graph_dense(const edb_graph *graph, uint32_t index, uint32_t attribute) {
  const edb_type_sig *sig = &graph->schema->types[graph->type[index]];
  if (sig->dense[attribute].is_label && !edb_graph_has_labels(graph, index)) return NULL;
  const float *values = graph->floats + (uint32_t)*edb_graph_dense_offset(graph, index);
  for (uint32_t i = 0; i < attribute; i++) values += sig->dense[i].length;
  return values;
}

edb_dag edb_graph_pending(const edb_graph *graph) {
  uint32_t done = graph->first - graph->base;
  return (edb_dag){.n_nodes = graph->n_nodes - done,
                   .n_types = graph->schema->n_types,
                   .origin = graph->first,
                   .type = graph->type + done,
                   .in_start = graph->edge_start + done,
                   .in_node = graph->edge_node};
}

void edb_graph_mark_run(edb_graph *graph) {
  graph->first = graph->base + graph->n_nodes;
  graph->lowest_pending_use = UINT32_MAX;
}
