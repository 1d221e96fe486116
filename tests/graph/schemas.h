/* tests/graph/schemas.h: a schema with every kind of input, output and attribute. */
#ifndef EDB_TESTS_GRAPH_SCHEMAS_H
#define EDB_TESTS_GRAPH_SCHEMAS_H

#include "graph/graph.h"

enum { LEAF, NODE, MERGE, PAIRS, SCORE, SENSE, TYPE_COUNT };
enum { SHAPE_SCALAR, SHAPE_H, SHAPE_M, SHAPE_COUNT };

static const edb_shape test_shapes[SHAPE_COUNT] = {
    [SHAPE_SCALAR] = {0, {1, 1, 1}}, [SHAPE_H] = {1, {32, 1, 1}}, [SHAPE_M] = {2, {3, 4, 1}}};

static const edb_output_sig states_out[] = {{"h", SHAPE_H, false}, {"c", SHAPE_H, false}};
static const edb_output_sig matrix_out[] = {{"m", SHAPE_M, false}};
static const edb_output_sig score_out[] = {{"logits", SHAPE_H, false},
                                           {"loss", SHAPE_SCALAR, true}};
static const edb_index_sig leaf_index[] = {{"word", 100, false}};
static const edb_index_sig score_index[] = {{"label", 5, true}};
static const edb_dense_sig sense_dense[] = {{"features", 3, false}, {"target", 2, true}};
static const edb_input_sig node_in[] = {{"h1", SHAPE_H, false, false, 0},
                                        {"c1", SHAPE_H, false, false, 0},
                                        {"h2", SHAPE_H, false, false, 0},
                                        {"c2", SHAPE_H, false, false, 0}};
static const edb_input_sig merge_in[] = {{"bias", SHAPE_SCALAR, false, false, 0},
                                         {"h", SHAPE_H, true, false, 1},
                                         {"c", SHAPE_H, true, false, 1}};
static const edb_input_sig pairs_in[] = {{"a", SHAPE_H, true, true, 1},
                                         {"b", SHAPE_H, true, false, 2}};
static const edb_input_sig score_in[] = {{"h", SHAPE_H, false, false, 0}};

static const edb_type_sig test_types[TYPE_COUNT] = {
    [LEAF] = {"leaf", "leaf", 0, 0, 2, 1, 0, NULL, states_out, leaf_index, NULL},
    [NODE] = {"node", "node", 4, 0, 2, 0, 0, node_in, states_out, NULL, NULL},
    [MERGE] = {"merge", "merge", 3, 2, 2, 0, 0, merge_in, states_out, NULL, NULL},
    [PAIRS] = {"pairs", "pairs", 2, 2, 1, 0, 0, pairs_in, matrix_out, NULL, NULL},
    [SCORE] = {"score", "score", 1, 0, 2, 1, 0, score_in, score_out, score_index, NULL},
    [SENSE] = {"sense", "sense", 0, 0, 2, 0, 2, NULL, score_out, NULL, sense_dense},
};
static const edb_schema test_schema = {
    .n_types = TYPE_COUNT, .types = test_types, .n_shapes = SHAPE_COUNT, .shapes = test_shapes};

static inline edb_graph *make_graph(edb_context *ctx) {
  edb_graph *graph = NULL;
  assert_int_equal(edb_graph_create_schema(ctx, &test_schema, &graph, NULL), EDB_OK);
  return graph;
}

static inline edb_node append(edb_graph *graph, const edb_call *call) {
  edb_node node = UINT32_MAX;
  edb_error error = {0};
  if (edb_graph_append(graph, call, &node, &error) != EDB_OK) fail_msg("%s", error.text);
  return node;
}

static inline edb_node append_leaf(edb_graph *graph, int32_t word) {
  return append(graph, &(edb_call){.cell = LEAF, .indices = &word});
}

static inline edb_node append_node(edb_graph *graph, edb_node left, edb_node right) {
  edb_value inputs[] = {{left, 0}, {left, 1}, {right, 0}, {right, 1}};
  return append(graph, &(edb_call){.cell = NODE, .inputs = inputs, .n_inputs = 4});
}

static inline edb_node append_score(edb_graph *graph, edb_node of, int32_t label) {
  edb_value input = {of, 0};
  return append(graph,
                &(edb_call){.cell = SCORE, .inputs = &input, .n_inputs = 1, .indices = &label});
}

static inline edb_node append_sense(edb_graph *graph, const float *features, const float *target) {
  const float *dense[] = {features, target};
  return append(graph, &(edb_call){.cell = SENSE, .dense = dense});
}

static inline int make_context(void **state) {
  return edb_context_create(NULL, (edb_context **)state, NULL) == EDB_OK ? 0 : -1;
}

static inline int destroy_context(void **state) {
  edb_context_destroy(*state);
  return 0;
}

#endif
