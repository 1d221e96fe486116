/* graph/store.h: how the arrays of a graph grow, and the layout of a node's record; shared by the
 * files of this layer. */
#ifndef EDB_GRAPH_STORE_H
#define EDB_GRAPH_STORE_H

#include "graph/graph.h"

/* Node ids and edge numbers stay below this, so that UINT32_MAX can mean "none". */
#define EDB_GRAPH_LIMIT (UINT32_MAX - 1)

/* Room for so many more rows of each kind. On failure (EDB_ERROR_LIMIT, EDB_ERROR_MEMORY) the graph
 * holds what it held. */
EDB_MUST_CHECK edb_status edb_graph_grow(edb_graph *graph, size_t nodes, size_t edges, size_t ints,
                                         size_t floats, edb_error *error);

/* The same, without a call when room is there already. */
static inline edb_status edb_graph_reserve(edb_graph *g, size_t nodes, size_t edges, size_t ints,
                                           size_t floats, edb_error *error) {
  if (g->n_nodes + nodes <= g->node_capacity && g->edge_count + edges <= g->edge_capacity &&
      g->int_count + ints <= g->int_capacity && g->float_count + floats <= g->float_capacity &&
      g->base + (uint64_t)g->n_nodes + nodes <= EDB_GRAPH_LIMIT)
    return EDB_OK;
  return edb_graph_grow(g, nodes, edges, ints, floats, error);
}

/* An instance begins at the next node. */
EDB_MUST_CHECK edb_status edb_graph_push_instance(edb_graph *graph, edb_error *error);

static inline bool edb_graph_is_released(const edb_graph *g, uint32_t index) {
  return (g->released[index >> 6] >> (index & 63)) & 1;
}

/* Elements of all dense attributes of a node; they stand together in `floats`. */
size_t edb_type_dense_length(const edb_type_sig *sig);

/* Where they begin; the last int of the record of a type that has dense attributes. */
static inline int32_t *edb_graph_dense_offset(const edb_graph *g, uint32_t index) {
  return g->ints + g->int_start[index + 1] - 1;
}

#endif
