/* tests/graph/test_append.c: what a graph takes, what it refuses, and that a refusal changes
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "graph/schemas.h"

/* Appends to a graph of a leaf (0), a score without label (1) and a pairs node (2); expects the
 * error and that nothing changed. */
static void expect_refused(edb_context *ctx, const edb_call *call, edb_status status,
                           const char *text) {
  edb_graph *g = make_graph(ctx);
  append_leaf(g, 1);
  append_score(g, 0, -1);
  edb_value a = {0, 0};
  append(g, &(edb_call){.cell = PAIRS, .inputs = &a, .n_inputs = 1, .arities = (uint32_t[]){1, 0}});
  edb_error error = {0};
  edb_node node = 77;
  assert_int_equal(edb_graph_append(g, call, &node, &error), status);
  if (strstr(error.text, text) == NULL) fail_msg("\"%s\" has no \"%s\"", error.text, text);
  assert_int_equal(error.status, status);
  assert_int_equal(node, 77);
  assert_int_equal(edb_graph_node_count(g), 3);
  assert_int_equal(edb_graph_append(g, call, &node, NULL), status);
  assert_int_equal(append_leaf(g, 2), 3);
  assert_int_equal(edb_graph_indices(g, 3)[0], 2);
  edb_graph_destroy(g);
}

static void nodes_are_numbered_and_their_inputs_kept(void **state) {
  edb_graph *g = make_graph(*state);
  assert_int_equal(append_leaf(g, 10), 0);
  assert_int_equal(append_leaf(g, 99), 1);
  assert_int_equal(append_node(g, 0, 1), 2);
  assert_int_equal(edb_graph_node_count(g), 3);
  assert_int_equal(edb_graph_node_cell(g, 2), NODE);
  assert_int_equal(edb_graph_node_cell(g, 3), UINT32_MAX);
  assert_int_equal(edb_graph_indices(g, 1)[0], 99);
  uint32_t from = g->edge_start[2];
  assert_int_equal(g->edge_start[3] - from, 4);
  assert_int_equal(g->edge_node[from + 3], 1);
  assert_int_equal(g->edge_output[from + 3], 1);
  edb_graph_destroy(g);
}

static void arities_are_given_or_shared_equally(void **state) {
  edb_graph *g = make_graph(*state);
  append_leaf(g, 0);
  append_score(g, 0, 3);
  edb_value in[] = {{1, 1}, {0, 0}, {0, 0}, {0, 1}, {0, 1}};
  edb_node shared = append(g, &(edb_call){.cell = MERGE, .inputs = in, .n_inputs = 5});
  edb_node given = append(
      g, &(edb_call){.cell = MERGE, .inputs = in, .n_inputs = 5, .arities = (uint32_t[]){2, 2}});
  edb_node none = append(g, &(edb_call){.cell = MERGE, .inputs = in, .n_inputs = 1});
  for (uint32_t k = 0; k < 2; k++) {
    assert_int_equal(edb_graph_arities(g, shared)[k], 2);
    assert_int_equal(edb_graph_arities(g, given)[k], 2);
    assert_int_equal(edb_graph_arities(g, none)[k], 0);
  }
  edb_graph_destroy(g);
}

static void labels_may_be_absent(void **state) {
  edb_graph *g = make_graph(*state);
  append_leaf(g, 0);
  uint32_t with = append_score(g, 0, 4), without = append_score(g, 0, -1);
  edb_value in = {0, 0};
  uint32_t bare = append(g, &(edb_call){.cell = SCORE, .inputs = &in, .n_inputs = 1});
  assert_true(edb_graph_has_labels(g, with));
  assert_false(edb_graph_has_labels(g, without));
  assert_false(edb_graph_has_labels(g, bare));
  assert_true(edb_graph_has_labels(g, 0));
  assert_int_equal(edb_graph_indices(g, bare)[0], -1);
  edb_graph_destroy(g);
}

static void dense_attributes_are_copied(void **state) {
  edb_graph *g = make_graph(*state);
  float features[] = {1, 2, 3}, target[] = {4, 5};
  uint32_t with = append_sense(g, features, target), without = append_sense(g, features, NULL);
  features[0] = 9;
  assert_true(edb_graph_dense(g, with, 0)[0] == 1);
  assert_true(edb_graph_dense(g, with, 1)[1] == 5);
  assert_true(edb_graph_dense(g, without, 0)[2] == 3);
  assert_null(edb_graph_dense(g, without, 1));
  edb_graph_destroy(g);
}

static void an_unknown_cell_is_refused(void **state) {
  expect_refused(*state, &(edb_call){.cell = TYPE_COUNT}, EDB_ERROR_ARGUMENT, "no cell 6");
  expect_refused(*state, &(edb_call){.cell = UINT32_MAX}, EDB_ERROR_ARGUMENT,
                 "gives for an unknown name");
  expect_refused(*state, &(edb_call){.cell = UINT32_MAX - 1}, EDB_ERROR_ARGUMENT, "below 6");
}

static void wrong_numbers_of_inputs_are_refused(void **state) {
  edb_value in[8] = {{0, 0}};
  expect_refused(*state, &(edb_call){.cell = NODE, .inputs = in, .n_inputs = 3}, EDB_ERROR_ARGUMENT,
                 "\"node\" takes 4 inputs, found 3");
  expect_refused(*state, &(edb_call){.cell = LEAF, .inputs = in, .n_inputs = UINT32_MAX},
                 EDB_ERROR_ARGUMENT, "takes 0 inputs");
  expect_refused(*state, &(edb_call){.cell = MERGE}, EDB_ERROR_ARGUMENT,
                 "at least 1 input, found 0");
  expect_refused(*state, &(edb_call){.cell = MERGE, .inputs = in, .n_inputs = 4},
                 EDB_ERROR_ARGUMENT, "cannot be shared equally by 2");
  expect_refused(*state, &(edb_call){.cell = PAIRS, .inputs = in, .n_inputs = 2},
                 EDB_ERROR_ARGUMENT, "needs arities: its variadic inputs \"a\" and \"b\"");
}

static void wrong_arities_are_refused(void **state) {
  edb_value in[8] = {{0, 0}};
  edb_call call = {.cell = MERGE, .inputs = in, .n_inputs = 4, .arities = (uint32_t[]){1, 1}};
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "come to 3 inputs, found 4");
  call.arities = (uint32_t[]){1, 2};
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "the same number of values, found 1 and 2");
  call.arities = (uint32_t[]){UINT32_MAX, 4};
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "come to 4294967300 inputs");
  call = (edb_call){.cell = PAIRS, .inputs = in, .n_inputs = 2, .arities = (uint32_t[]){0, 2}};
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "\"a\" of cell \"pairs\" is empty");
}

static void inputs_that_do_not_exist_are_refused(void **state) {
  edb_value missing = {3, 0}, far = {UINT32_MAX, 0}, output = {0, 2}, unlabelled[] = {{1, 1}};
  edb_call call = {.cell = SCORE, .inputs = &missing, .n_inputs = 1};
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "\"h\" of cell \"score\": there is no node 3");
  call.inputs = &far;
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "expected one below 3");
  call.inputs = &output;
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT,
                 "\"leaf\" with 2 outputs, there is no output 2");
  call = (edb_call){.cell = MERGE, .inputs = unlabelled, .n_inputs = 1};
  expect_refused(*state, &call, EDB_ERROR_ARGUMENT, "\"loss\" of node 1 needs labels");
}

static void a_wrong_shape_is_refused(void **state) {
  edb_value in = {2, 0};
  expect_refused(
      *state, &(edb_call){.cell = SCORE, .inputs = &in, .n_inputs = 1}, EDB_ERROR_SHAPE,
      "input \"h\" of cell \"score\": output \"m\" of node 2, a call of \"pairs\", has the "
      "shape [3, 4], expected [32]");
  in = (edb_value){0, 0};
  expect_refused(*state, &(edb_call){.cell = MERGE, .inputs = &in, .n_inputs = 1}, EDB_ERROR_SHAPE,
                 "has the shape [32], expected scalar");
}

static void an_index_into_an_empty_vocabulary_says_so(void **state) {
  const edb_index_sig index[] = {{"word", 0, false}};
  const edb_type_sig type = {.name = "leaf", .key = "leaf", .n_indices = 1, .indices = index};
  const edb_schema schema = {.n_types = 1, .types = &type};
  edb_graph *g = NULL;
  edb_error error;
  assert_int_equal(edb_graph_create_schema(*state, &schema, &g, &error), EDB_OK);
  const int32_t word = 3;
  const edb_call call = {.indices = &word};
  assert_int_equal(edb_graph_append(g, &call, NULL, &error), EDB_ERROR_ARGUMENT);
  assert_string_equal(error.text,
                      "attribute \"word\" of cell \"leaf\" is 3, and its vocabulary is empty: "
                      "read data or set its size first");
  edb_graph_destroy(g);
}

static void wrong_attributes_are_refused(void **state) {
  edb_value in = {0, 0};
  float features[3] = {0};
  const float *dense[] = {NULL, features};
  expect_refused(*state, &(edb_call){.cell = LEAF}, EDB_ERROR_ARGUMENT,
                 "\"word\" of cell \"leaf\" is missing");
  expect_refused(*state, &(edb_call){.cell = LEAF, .indices = (int32_t[]){100}}, EDB_ERROR_ARGUMENT,
                 "is 100, expected 0 <= index < 100");
  expect_refused(*state, &(edb_call){.cell = LEAF, .indices = (int32_t[]){-2}}, EDB_ERROR_ARGUMENT,
                 "is -2");
  expect_refused(
      *state, &(edb_call){.cell = SCORE, .inputs = &in, .n_inputs = 1, .indices = (int32_t[]){-2}},
      EDB_ERROR_ARGUMENT, "\"label\"");
  expect_refused(*state, &(edb_call){.cell = SENSE}, EDB_ERROR_ARGUMENT, "\"features\"");
  expect_refused(*state, &(edb_call){.cell = SENSE, .dense = dense}, EDB_ERROR_ARGUMENT,
                 "is missing");
}

static void nodes_and_edges_are_limited(void **state) {
  edb_graph *g = make_graph(*state);
  edb_error error;
  edb_node node = 0;
  int32_t word = 0;
  g->base = g->first = UINT32_MAX - 2; /* as if that many were released already */
  assert_int_equal(append_leaf(g, 0), UINT32_MAX - 2);
  edb_call leaf = {.cell = LEAF, .indices = &word};
  assert_int_equal(edb_graph_append(g, &leaf, &node, &error), EDB_ERROR_LIMIT);
  assert_non_null(strstr(error.text, "at most 4294967294 nodes"));
  g->base = g->first = 0;
  size_t edges = g->edge_count;
  g->edge_count = UINT32_MAX - 3;
  edb_value in[4] = {{0, 0}};
  edb_call call = {.cell = NODE, .inputs = in, .n_inputs = 4};
  assert_int_equal(edb_graph_append(g, &call, &node, &error), EDB_ERROR_LIMIT);
  assert_non_null(strstr(error.text, "edges"));
  g->edge_count = edges;
  edb_graph_destroy(g);
}

static void attribute_values_are_limited(void **state) {
  edb_graph *g = make_graph(*state);
  edb_error error;
  edb_node node = 0;
  int32_t word = 0;
  float features[16] = {0};
  const float *dense[] = {features, features};
  edb_call leaf = {.cell = LEAF, .indices = &word};
  edb_call sense = {.cell = SENSE, .dense = dense};
  size_t ints = g->int_count, floats = g->float_count;
  g->int_count = UINT32_MAX - 1;
  assert_int_equal(edb_graph_append(g, &leaf, &node, &error), EDB_ERROR_LIMIT);
  assert_non_null(strstr(error.text, "attribute values; it has 4294967294 indices"));
  g->int_count = ints;
  g->float_count = UINT32_MAX - 1;
  assert_int_equal(edb_graph_append(g, &sense, &node, &error), EDB_ERROR_LIMIT);
  assert_non_null(strstr(error.text, "4294967294 numbers"));
  g->float_count = floats;
  assert_int_equal(edb_graph_append(g, &leaf, &node, &error), EDB_OK);
  edb_graph_destroy(g);
}

static void a_cell_with_too_many_outputs_is_refused(void **state) {
  edb_type_sig type = {.name = "wide", .n_outputs = 65536};
  edb_schema schema = {.n_types = 1, .types = &type};
  edb_graph *g = NULL;
  assert_int_equal(edb_graph_create_schema(*state, &schema, &g, NULL), EDB_ERROR_LIMIT);
  assert_null(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nodes_are_numbered_and_their_inputs_kept),
      cmocka_unit_test(arities_are_given_or_shared_equally),
      cmocka_unit_test(labels_may_be_absent),
      cmocka_unit_test(dense_attributes_are_copied),
      cmocka_unit_test(an_unknown_cell_is_refused),
      cmocka_unit_test(wrong_numbers_of_inputs_are_refused),
      cmocka_unit_test(wrong_arities_are_refused),
      cmocka_unit_test(inputs_that_do_not_exist_are_refused),
      cmocka_unit_test(a_wrong_shape_is_refused),
      cmocka_unit_test(an_index_into_an_empty_vocabulary_says_so),
      cmocka_unit_test(wrong_attributes_are_refused),
      cmocka_unit_test(nodes_and_edges_are_limited),
      cmocka_unit_test(attribute_values_are_limited),
      cmocka_unit_test(a_cell_with_too_many_outputs_is_refused),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
