/* graph/graph.h: the dataflow graph as a struct of arrays, and the view that policies see.
 *
 * This layer does not know what a cell is: it knows types, each with a signature (edb_type_sig).
 * The model layer makes the signatures, one edb_schema per model.
 *
 * Node ids are absolute: id = base + index, where `base` counts the released nodes at the front
 * whose rows were dropped. All arrays are indexed by `index`. */
#ifndef EDB_GRAPH_GRAPH_H
#define EDB_GRAPH_GRAPH_H

#include <edbatch/graph.h>

#include "base/memory.h"
#include "graph/shape.h"

/* Interned shape of a value: equal ids = equal shapes. Shape 0 is the scalar. */
typedef uint32_t edb_shape_id;

typedef struct edb_input_sig {
  const char *name;
  edb_shape_id shape;
  bool variadic;
  bool nonempty;  /* variadic only: its mean, max or softmax is taken */
  uint32_t group; /* variadic inputs with the same group must have equal arity */
} edb_input_sig;

typedef struct edb_output_sig {
  const char *name;
  edb_shape_id shape;
  bool needs_labels; /* does not exist for a node whose labels are absent */
} edb_output_sig;

typedef struct edb_index_sig {
  const char *name;
  uint32_t bound; /* values 0 .. bound - 1 */
  bool is_label;  /* may be absent (-1) */
} edb_index_sig;

/* For errors. */
#define EDB_ABSENT_LABELS \
  "only labels may be absent: attributes that a loss takes as they are and nothing else takes"

typedef struct edb_dense_sig {
  const char *name;
  uint32_t length; /* elements */
  bool is_label;   /* may be absent (NULL) */
} edb_dense_sig;

typedef struct edb_type_sig {
  const char *name; /* "node"; at operator granularity e.g. "add[hidden](row, b_i)" */
  const char *key;  /* structure without sizes and weights: what a policy is keyed by */
  uint32_t n_inputs, n_variadic, n_outputs, n_indices, n_dense;
  const edb_input_sig *inputs;
  const edb_output_sig *outputs;
  const edb_index_sig *indices;
  const edb_dense_sig *dense;
} edb_type_sig;

typedef struct edb_schema {
  uint32_t n_types;
  const edb_type_sig *types;
  uint32_t n_shapes;
  const edb_shape *shapes; /* [n_shapes], by edb_shape_id: all that inputs and outputs have */
  bool of_operators;       /* the types are operators (operator granularity), not cells */
} edb_schema;

/* Per node: a record in `ints`: [arity of each variadic input][index attributes][1 if all labels
 * are present, only when the type has labels][offset into `floats`, only when the type has dense
 * attributes]. Inputs of one node stand together in edge_node / edge_output, in the cell's order.
 */
struct edb_graph {
  edb_context *ctx;
  const edb_schema *schema;
  uint32_t base;        /* id of index 0 */
  uint32_t n_nodes;     /* rows present; node count = base + n_nodes */
  uint32_t first;       /* ids below this have been run */
  uint32_t *type;       /* [n_nodes] */
  uint32_t *edge_start; /* [n_nodes + 1] */
  uint32_t *int_start;  /* [n_nodes + 1] */
  uint32_t *edge_node;  /* absolute ids */
  uint16_t *edge_output;
  int32_t *ints;
  float *floats;
  uint64_t *released;       /* bit set over indices */
  uint32_t *instance_start; /* absolute ids */
  uint32_t n_instances;
  uint64_t
      generation; /* new with every graph and every clear; a session forgets the values of others */
  /* Private to this layer from here on. */
  uint32_t released_front;     /* indices below this are all released; their rows can be dropped */
  uint32_t lowest_pending_use; /* no node below this id is an input of a pending node */
  void *node_memory;           /* type, edge_start, int_start, released */
  void *edge_memory;           /* edge_node, edge_output */
  size_t node_capacity, edge_count, edge_capacity, int_count, int_capacity, float_count,
      float_capacity, instance_capacity;
};

/* The graph over an explicit schema (operator granularity, tests); edb_graph_create is this over
 * the model's. */
EDB_MUST_CHECK edb_status edb_graph_create_schema(edb_context *ctx, const edb_schema *schema,
                                                  edb_graph **out, edb_error *error);

/* Appends all nodes of instance `instance` of `source` (same schema) as a new instance: block
 * copies with the node numbers shifted. No checks of attributes: they were checked when the source
 * was built. */
EDB_MUST_CHECK edb_status edb_graph_append_instance(edb_graph *graph, const edb_graph *source,
                                                    uint32_t instance, edb_error *error);

/* Bytes that the graph holds. */
size_t edb_graph_memory_bytes(const edb_graph *graph);

/* Called by a session once everything pending has run. */
void edb_graph_mark_run(edb_graph *graph);

/* Record access; node given by index. */
static inline const int32_t *edb_graph_arities(const edb_graph *g, uint32_t index) {
  return g->ints + g->int_start[index];
}
const int32_t *edb_graph_indices(const edb_graph *graph, uint32_t index);
const float *edb_graph_dense(const edb_graph *graph, uint32_t index,
                             uint32_t attribute);                  /* NULL = absent */
bool edb_graph_has_labels(const edb_graph *graph, uint32_t index); /* true when the type has none */
/* The same of a node whose type has some. */
static inline bool edb_graph_label_flag(const edb_graph *g, const edb_type_sig *sig,
                                        uint32_t index) {
  return edb_graph_arities(g, index)[sig->n_variadic + sig->n_indices] != 0;
}

/* What a policy sees: nodes to be scheduled, with their inputs. Local numbering: node i here is id
 * `origin + i` of the graph; inputs below `origin` are done. Raw graphs (data/raw_graph.h) give the
 * same view. */
typedef struct edb_dag {
  uint32_t n_nodes;
  uint32_t n_types;
  uint32_t origin;            /* id of local node 0 */
  const uint32_t *type;       /* [n_nodes] */
  const uint32_t *in_start;   /* [n_nodes + 1], indices into in_node */
  const uint32_t *in_node;    /* ids; done if < origin, else local = id - origin */
  const uint8_t *unbatchable; /* [n_types], or NULL: nodes of the type run alone, as soon as ready,
                                 each one batch */
} edb_dag;

edb_dag edb_graph_pending(const edb_graph *graph);

#endif
