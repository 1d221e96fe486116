/* edbatch/graph.h: the dataflow graph of one mini-batch. Nodes are calls of cells.
 *
 * A graph grows by appending; the inputs of a node are outputs of earlier nodes, so it is acyclic
 * by construction. Node numbers are never reused. After a run more nodes can be appended: the next
 * run runs only those. Nodes whose values are not needed any more are released; their memory comes
 * back. A graph is not thread-safe; one graph and a session that runs another are independent. */
#ifndef EDBATCH_GRAPH_H
#define EDBATCH_GRAPH_H

#include <edbatch/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct edb_graph edb_graph;
typedef uint32_t edb_node;

/* One output of one node. */
typedef struct edb_value {
  edb_node node;
  uint32_t output;
} edb_value;

/* One call of a cell. Everything is copied. */
typedef struct edb_call {
  uint32_t cell;           /* from edb_model_cell */
  const edb_value *inputs; /* in the cell's order; a variadic input's values stand together */
  uint32_t n_inputs;
  /* One per variadic input, in order; may be NULL if the cell has exactly one variadic input, or
   * several that must agree and share the rest equally. */
  const uint32_t *arities;
  const int32_t *indices;    /* one per index attribute, in order; -1 = absent (labels only) */
  const float *const *dense; /* one per dense attribute, row-major; NULL = absent (labels only) */
} edb_call;

/* A graph of calls of the cells of `model`, which must outlive it. */
EDB_API EDB_MUST_CHECK edb_status edb_graph_create(edb_context *ctx, const edb_model *model,
                                                   edb_graph **out, edb_error *error);
EDB_API void edb_graph_destroy(edb_graph *graph);

/* Appends one call; *node (NULL: nobody asks) gets its number (0, 1, 2, ...). Errors (the graph is
 * then as it was): EDB_ERROR_ARGUMENT (cell, arity, an input that does not exist or was released,
 * an index out of range, a missing attribute), EDB_ERROR_SHAPE, EDB_ERROR_MEMORY, EDB_ERROR_LIMIT
 * (2^32 - 2 nodes or edges). */
EDB_API EDB_MUST_CHECK edb_status edb_graph_append(edb_graph *graph, const edb_call *call,
                                                   edb_node *node, edb_error *error);

/* Marks where the next instance begins. Instances are used for reporting only. */
EDB_API EDB_MUST_CHECK edb_status edb_graph_begin_instance(edb_graph *graph, edb_error *error);

/* Drops everything, keeps the memory for the next mini-batch. Node numbers start at 0 again. */
EDB_API void edb_graph_clear(edb_graph *graph);

/* The node's values will not be read or used as inputs any more. Nodes released from the front give
 * their memory in the graph back as well. EDB_ERROR_ARGUMENT, EDB_ERROR_STATE (released twice, or
 * not run yet). */
EDB_API EDB_MUST_CHECK edb_status edb_graph_release(edb_graph *graph, edb_node node,
                                                    edb_error *error);

EDB_API uint32_t edb_graph_node_count(const edb_graph *graph); /* appended since create or clear */
EDB_API uint32_t edb_graph_pending_count(const edb_graph *graph); /* of these, not run yet */
EDB_API uint32_t edb_graph_instance_count(const edb_graph *graph);
/* UINT32_MAX: there is no such node. */
EDB_API uint32_t edb_graph_node_cell(const edb_graph *graph, edb_node node);
/* First node of an instance; for i == instance_count the node count. */
EDB_API edb_node edb_graph_instance_begin(const edb_graph *graph, uint32_t instance);

#ifdef __cplusplus
}
#endif
#endif
