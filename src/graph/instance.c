/* graph/instance.c: instances, and copies of whole instances from another graph. */
#include "graph/store.h"

#include <string.h>

edb_status edb_graph_begin_instance(edb_graph *graph, edb_error *error) {
  EDB_REQUIRE(error, graph);
  return edb_graph_push_instance(graph, error);
}

/* The rows of an instance, by index, and what belongs to them. */
typedef struct extent {
  uint32_t node, n_nodes;
  size_t edge, n_edges, word, n_words, number, n_numbers;
} extent;

/* Numbers of the nodes [node, end) stand together, because nodes are appended in order. */
static void find_numbers(const edb_graph *g, uint32_t end, extent *x) {
  for (uint32_t i = x->node; i < end; i++) {
    const edb_type_sig *sig = &g->schema->types[g->type[i]];
    if (sig->n_dense == 0) continue;
    size_t at = (uint32_t)*edb_graph_dense_offset(g, i);
    if (x->n_numbers == 0) x->number = at;
    x->n_numbers = at + edb_type_dense_length(sig) - x->number;
  }
}

static edb_status find_extent(const edb_graph *g, uint32_t instance, extent *x, edb_error *error) {
  EDB_FAIL_IF(instance >= g->n_instances, error, EDB_ERROR_ARGUMENT,
              "there is no instance %u, expected a number below %u", instance, g->n_instances);
  uint32_t begin = edb_graph_instance_begin(g, instance);
  uint32_t end = edb_graph_instance_begin(g, instance + 1);
  EDB_FAIL_IF(begin < g->base && begin < end, error, EDB_ERROR_ARGUMENT,
              "nodes of instance %u were released, from node %u on", instance, begin);
  *x = (extent){0};
  if (begin == end) return EDB_OK;
  x->node = begin - g->base;
  x->n_nodes = end - begin;
  x->edge = g->edge_start[x->node];
  x->n_edges = g->edge_start[x->node + x->n_nodes] - x->edge;
  x->word = g->int_start[x->node];
  x->n_words = g->int_start[x->node + x->n_nodes] - x->word;
  if (g->float_count > 0) find_numbers(g, x->node + x->n_nodes, x);
  return EDB_OK;
}

/* Inputs keep their distance; one from outside of the instance has no counterpart here. */
static edb_status copy_edges(edb_graph *g, const edb_graph *source, const extent *x,
                             edb_error *error) {
  uint32_t begin = source->base + x->node;
  uint32_t shift = g->base + g->n_nodes - begin;
  uint32_t *target = g->edge_node + g->edge_count;
  for (size_t e = 0; e < x->n_edges; e++) {
    uint32_t input = source->edge_node[x->edge + e];
    EDB_FAIL_IF(input < begin, error, EDB_ERROR_ARGUMENT,
                "the instance at node %u uses node %u, which is not part of it", begin, input);
    target[e] = input + shift;
  }
  memcpy(g->edge_output + g->edge_count, source->edge_output + x->edge,
         x->n_edges * sizeof *g->edge_output);
  return EDB_OK;
}

static void copy_nodes(edb_graph *g, const edb_graph *source, const extent *x) {
  uint32_t edge_shift = (uint32_t)(g->edge_count - x->edge);
  uint32_t word_shift = (uint32_t)(g->int_count - x->word);
  memcpy(g->type + g->n_nodes, source->type + x->node, x->n_nodes * sizeof *g->type);
  for (uint32_t i = 1; i <= x->n_nodes; i++) {
    g->edge_start[g->n_nodes + i] = source->edge_start[x->node + i] + edge_shift;
    g->int_start[g->n_nodes + i] = source->int_start[x->node + i] + word_shift;
  }
}

static void copy_attributes(edb_graph *g, const edb_graph *source, const extent *x) {
  if (x->n_words > 0)
    memcpy(g->ints + g->int_count, source->ints + x->word, x->n_words * sizeof *g->ints);
  if (x->n_numbers == 0) return;
  memcpy(g->floats + g->float_count, source->floats + x->number, x->n_numbers * sizeof *g->floats);
  uint32_t shift = (uint32_t)(g->float_count - x->number);
  for (uint32_t i = g->n_nodes; i < g->n_nodes + x->n_nodes; i++) {
    if (g->schema->types[g->type[i]].n_dense == 0) continue;
    int32_t *offset = edb_graph_dense_offset(g, i);
    *offset = (int32_t)((uint32_t)*offset + shift);
  }
}

edb_status edb_graph_append_instance(edb_graph *g, const edb_graph *source, uint32_t instance,
                                     edb_error *error) {
  EDB_FAIL_IF(g->schema != source->schema, error, EDB_ERROR_MISMATCH,
              "an instance can be appended only to a graph over the same model");
  extent x = {0};
  EDB_TRY(find_extent(source, instance, &x, error));
  EDB_TRY(edb_graph_reserve(g, x.n_nodes, x.n_edges, x.n_words, x.n_numbers, error));
  if (x.n_edges > 0) EDB_TRY(copy_edges(g, source, &x, error));
  EDB_TRY(edb_graph_push_instance(g, error));
  if (x.n_nodes == 0) return EDB_OK;
  copy_nodes(g, source, &x);
  copy_attributes(g, source, &x);
  uint32_t first_new = g->base + g->n_nodes;
  if (x.n_edges > 0 && first_new < g->lowest_pending_use) g->lowest_pending_use = first_new;
  g->n_nodes += x.n_nodes;
  g->edge_count += x.n_edges;
  g->int_count += x.n_words;
  g->float_count += x.n_numbers;
  return EDB_OK;
}
