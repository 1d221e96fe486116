/* tests/data/test_jsonl.c: JSON lines: every form of inputs and attributes, and every error. */
#include "data/data_support.h"

#define LEAF(word) "{\"cell\":\"leaf\",\"word\":\"" word "\"}"
#define NODES(...) "{\"nodes\":[" __VA_ARGS__ "]}"
#define TWO        LEAF("a") "," LEAF("b")

static const char *read(fixture *f, const char *text) {
  static char out[8192];
  edb_dataset *dataset = dataset_of(f->ctx, f->model, text);
  strcpy(out, describe(dataset, edb_dataset_count(dataset) - 1));
  edb_dataset_destroy(dataset);
  return out;
}

static void nodes_become_calls_in_order(void **state) {
  assert_string_equal(read(*state, NODES(LEAF("good") "," LEAF(
                                       "film") ",{\"cell\":\"node\",\"inputs\":[0,1]}"
                                               ",{\"cell\":\"score\",\"inputs\":[2],\"label\":3}")),
                      "leaf<1> leaf<2> node(0.h 0.c 1.h 1.c) score<3>(2.h)");
}

static void inputs_are_written_in_many_ways(void **state) {
  fixture *f = *state;
  static const struct {
    const char *inputs, *call;
  } cases[] = {
      {"\"node\",\"inputs\":[1,0]", "node(1.h 1.c 0.h 0.c)"},
      {"\"node\",\"inputs\":[\"0.c\",\"0.h\",1]", "node(0.c 0.h 1.h 1.c)"},
      {"\"node\",\"inputs\":[0,{\"node\":1}]", "node(0.h 0.c 1.h 1.c)"},
      {"\"node\",\"inputs\":[{\"output\":\"c\",\"node\":1},\"1.h\",0]", "node(1.c 1.h 0.h 0.c)"},
      {"\"node\",\"inputs\":{\"h1\":0,\"c1\":\"1.c\",\"c2\":1,\"h2\":{\"node\":0,\"output\":\"h\"}"
       "}",
       "node(0.h 1.c 0.h 1.c)"},
      {"\"merge\",\"inputs\":[0,1,0]", "merge(0.h 1.h 0.h 0.c 1.c 0.c)"},
      {"\"merge\",\"inputs\":[[0,1]]", "merge(0.h 1.h 0.c 1.c)"},
      {"\"merge\",\"inputs\":[[0,1],[1,0]]", "merge(0.h 1.h 1.c 0.c)"},
      {"\"merge\",\"inputs\":[[\"0.c\",\"1.c\"],[1,0]]", "merge(0.c 1.c 1.c 0.c)"},
      {"\"merge\",\"inputs\":{\"h_\":[0,1],\"c_\":[\"0.h\",\"1.h\"]}", "merge(0.h 1.h 0.h 1.h)"},
      {"\"merge\",\"inputs\":{\"h_\":0,\"c_\":0}", "merge(0.h 0.c)"},
      {"\"merge\",\"inputs\":[]", "merge"},
      {"\"merge\",\"inputs\":{}", "merge"},
      {"\"merge\"", "merge"},
      {"\"fold\",\"inputs\":[\"0.c\",1,0]", "fold(0.c 1.h 0.h)"},
      {"\"fold\",\"inputs\":[1,[0,1]]", "fold(1.h 0.h 1.h)"},
      {"\"fold\",\"inputs\":[1,[]]", "fold(1.h)"},
      {"\"fold\",\"inputs\":{\"x\":\"1.c\"}", "fold(1.c)"},
      {"\"score\",\"inputs\":[0]", "score<-1>(0.h)"},
      {"\"score\",\"inputs\":[\"0.c\"],\"label\":null", "score<-1>(0.c)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[512], wanted[256];
    snprintf(text, sizeof text, "{\"nodes\":[" TWO ",{\"cell\":%s}]}", cases[i].inputs);
    snprintf(wanted, sizeof wanted, "leaf<1> leaf<2> %s", cases[i].call);
    assert_string_equal(read(f, text), wanted);
  }
}

static void keys_come_in_any_order_and_ids_are_allowed(void **state) {
  fixture *f = *state;
  assert_string_equal(read(f, "{\"id\":\"x-1\",\"nodes\":[{\"word\":\"a\",\"cell\":\"leaf\"}]}"),
                      "leaf<1>");
  assert_string_equal(read(f, "{\"nodes\":[{\"word\":0,\"cell\":\"leaf\"}],\"id\":7}\r\n"),
                      "leaf<0>");
}

static void nodes_may_refer_to_later_nodes(void **state) {
  fixture *f = *state;
  edb_dataset *dataset = dataset_of(f->ctx, f->model,
                                    NODES("{\"cell\":\"score\",\"inputs\":[1],\"label\":2}"
                                          ",{\"cell\":\"node\",\"inputs\":[3,2]}," LEAF(
                                              "a") "," LEAF("b")) "\n" NODES(LEAF("c")));
  assert_string_equal(describe(dataset, 0), "leaf<1> leaf<2> node(0.h 0.c 1.h 1.c) score<2>(2.h)");
  static const uint32_t order[] = {3, 2, 1, 0};
  for (uint32_t i = 0; i < 4; i++) assert_int_equal(edb_dataset_node(dataset, 0, i), order[i]);
  assert_int_equal(edb_dataset_node(dataset, 0, 4), UINT32_MAX);
  assert_int_equal(edb_dataset_node(dataset, 1, 0), 0);
  assert_int_equal(edb_dataset_node(dataset, 2, 0), UINT32_MAX);
  edb_dataset_destroy(dataset);
}

static void dense_attributes_are_taken_in_their_shape(void **state) {
  fixture *f = *state;
  edb_dataset *dataset =
      dataset_of(f->ctx, f->model,
                 NODES("{\"cell\":\"plan\",\"x\":[1,-2.5],\"m\":[[1,2,3],[4,5,6e0]],\"s\":7}"));
  const edb_graph *g = dataset->graph;
  assert_true(edb_graph_dense(g, 0, 0)[1] == -2.5f);
  assert_true(edb_graph_dense(g, 0, 1)[5] == 6.0f);
  assert_true(edb_graph_dense(g, 0, 2)[0] == 7.0f);
  edb_dataset_destroy(dataset);
}

static void blank_lines_are_no_instances(void **state) {
  fixture *f = *state;
  edb_dataset *dataset =
      dataset_of(f->ctx, f->model, "\n  \r\n" NODES(LEAF("a")) "\n\n\t\n" NODES(LEAF("b")) "\n");
  assert_int_equal(edb_dataset_count(dataset), 2);
  edb_dataset_destroy(dataset);
}

/* What is wrong with one more node after two leaves; columns count from its '{'. */
static void bad_nodes_are_refused_with_their_position(void **state) {
  fixture *f = *state;
  static const struct {
    const char *node;
    edb_status status;
    uint32_t column; /* from the node's brace, which is 1; 0: not checked */
    const char *error;
  } cases[] = {
      {"3", EDB_ERROR_FORMAT, 1, "found a number, expected a node"},
      {"{}", EDB_ERROR_FORMAT, 1, "node 2 has no key \"cell\""},
      {"{\"cell\":7}", EDB_ERROR_FORMAT, 9, "expected a string"},
      {"{\"cell\":\"lef\"}", EDB_ERROR_NAME, 9, "found cell \"lef\", expected one of: leaf, node"},
      {"{\"cell\":\"lef\"}", EDB_ERROR_NAME, 9, "did you mean \"leaf\"?"},
      {"{\"cell\":\"leaf\\u0000\"}", EDB_ERROR_NAME, 9, "found cell"},
      {"{\"cell\":\"leaf\",\"cell\":\"leaf\"}", EDB_ERROR_NAME, 23, "found the key \"cell\" twice"},
      {"{\"cell\":\"node\",\"inputs\":[],\"inputs\":[]}", EDB_ERROR_NAME, 0, "\"inputs\" twice"},
      {"{\"cell\":\"leaf\",\"word\":1,\"word\":1}", EDB_ERROR_NAME, 25, "the key \"word\" twice"},
      {"{\"cell\":\"leaf\",\"wrd\":\"x\"}", EDB_ERROR_NAME, 16,
       "found the key \"wrd\" in a call of cell \"leaf\", expected one of: cell, inputs, word"},
      {"{\"cell\":\"leaf\"}", EDB_ERROR_FORMAT, 1,
       "attribute \"word\" of cell \"leaf\" is missing; only labels may be absent"},
      {"{\"cell\":\"leaf\",\"word\":1,\"wrd\":{\"a\":[1]}}", EDB_ERROR_NAME, 25,
       "found the key \"wrd\" in a call of cell \"leaf\", expected one of: cell, inputs, word"},
      {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"cell\":\"leaf\"}", EDB_ERROR_NAME, 0,
       "more than any cell of the model has attributes"},
      {"{\"cell\":\"leaf\",\"word\":null}", EDB_ERROR_FORMAT, 1, "is missing"},
      {"{\"cell\":\"leaf\",\"word\":1.5}", EDB_ERROR_FORMAT, 23, "expected an id or a word"},
      {"{\"cell\":\"leaf\",\"word\":[1]}", EDB_ERROR_FORMAT, 23, "found an array as attribute"},
      {"{\"cell\":\"leaf\",\"word\":true}", EDB_ERROR_FORMAT, 23, "true or false"},
      {"{\"cell\":\"leaf\",\"word\":-1}", EDB_ERROR_ARGUMENT, 23, "found -1, expected 0 to 2"},
      {"{\"cell\":\"leaf\",\"word\":3}", EDB_ERROR_ARGUMENT, 23, "found 3, expected 0 to 2"},
      {"{\"cell\":\"leaf\",\"word\":\"a\\u0000\"}", EDB_ERROR_FORMAT, 23, "the byte 0x00"},
      {"{\"cell\":\"score\",\"inputs\":[0],\"label\":5}", EDB_ERROR_ARGUMENT, 38,
       "found 5, expected 0 to 4: attribute \"label\" of cell \"score\""},
      {"{\"cell\":\"score\",\"inputs\":[0],\"label\":\"good\"}", EDB_ERROR_FORMAT, 38,
       "found the word \"good\", expected a number below 5"},
      {"{\"cell\":\"node\",\"inputs\":3}", EDB_ERROR_FORMAT, 25, "expected an array of references"},
      {"{\"cell\":\"node\",\"inputs\":[0,9]}", EDB_ERROR_ARGUMENT, 28,
       "found a reference to node 9, expected 0 to 2"},
      {"{\"cell\":\"node\",\"inputs\":[0,-1]}", EDB_ERROR_ARGUMENT, 28, "reference to node -1"},
      {"{\"cell\":\"node\",\"inputs\":[0,\"99999999999999999999999.h\"]}", EDB_ERROR_ARGUMENT, 28,
       ""},
      {"{\"cell\":\"node\",\"inputs\":[0,1.5]}", EDB_ERROR_FORMAT, 28, "expected a reference"},
      {"{\"cell\":\"node\",\"inputs\":[0,true]}", EDB_ERROR_FORMAT, 28, "expected a reference"},
      {"{\"cell\":\"node\",\"inputs\":[0,\"h\"]}", EDB_ERROR_FORMAT, 28,
       "found \"h\", expected a ref"},
      {"{\"cell\":\"node\",\"inputs\":[0,\"1.\"]}", EDB_ERROR_FORMAT, 28, "found \"1.\""},
      {"{\"cell\":\"node\",\"inputs\":[0,{\"node\":\"1\"}]}", EDB_ERROR_FORMAT, 36,
       "the number of"},
      {"{\"cell\":\"node\",\"inputs\":[0,{\"node\":1,\"output\":2}]}", EDB_ERROR_FORMAT, 47,
       "the name"},
      {"{\"cell\":\"node\",\"inputs\":[0,{\"nod\":1}]}", EDB_ERROR_FORMAT, 29, "found \"nod\""},
      {"{\"cell\":\"node\",\"inputs\":[0,{\"output\":\"h\"}]}", EDB_ERROR_FORMAT, 41,
       "\"node\" before"},
      {"{\"cell\":\"node\",\"inputs\":[{\"node\":0,\"node\":1}]}", EDB_ERROR_NAME, 0, "twice"},
      {"{\"cell\":\"node\",\"inputs\":[[[0]]]}", EDB_ERROR_FORMAT, 27, "groups do not nest"},
      {"{\"cell\":\"merge\",\"inputs\":[[0,\"1.h\"]]}", EDB_ERROR_FORMAT, 0,
       "a group of whole nodes"},
      {"{\"cell\":\"merge\",\"inputs\":[[0],[1],[0]]}", EDB_ERROR_FORMAT, 1,
       "the 2 variadic inputs of cell \"merge\" (h_, c_) cannot be shared evenly: found 3 whole"},
      {"{\"cell\":\"zip\",\"inputs\":[[0],[1,0]]}", EDB_ERROR_ARGUMENT, 1,
       "variadic inputs \"a\" and \"b\" of cell \"zip\" must have the same number of values"},
      {"{\"cell\":\"fold\",\"inputs\":[0,1]}", EDB_ERROR_FORMAT, 1,
       "found 0 arguments for the 1 single input of cell \"fold\" (x, h_)"},
      {"{\"cell\":\"merge\",\"inputs\":[\"0.h\"]}", EDB_ERROR_FORMAT, 1,
       "which has no single inputs"},
      {"{\"cell\":\"node\",\"inputs\":[0,1,0]}", EDB_ERROR_FORMAT, 1,
       "the 4 inputs of cell \"node\" (h1, c1, h2, c2) cannot be shared evenly"},
      {"{\"cell\":\"node\",\"inputs\":[0]}", EDB_ERROR_NAME, 26, "no output for input \"h2\""},
      {"{\"cell\":\"node\"}", EDB_ERROR_FORMAT, 1, "found 0 arguments for the 4 inputs"},
      {"{\"cell\":\"node\",\"inputs\":[\"0.h\",\"0.c\",\"0.h\",\"0.c\",\"0.h\"]}", EDB_ERROR_FORMAT,
       1, "found 5 arguments for the 4 inputs"},
      {"{\"cell\":\"leaf\",\"word\":1,\"inputs\":[0]}", EDB_ERROR_FORMAT, 1,
       "found 1 argument for cell \"leaf\", which has no inputs"},
      {"{\"cell\":\"node\",\"inputs\":[0,{\"node\":1,\"output\":\"x\"},\"1.c\"]}", EDB_ERROR_NAME,
       28, "node 1 is a call of cell \"leaf\", which has no output \"x\"; it has: h, c"},
      {"{\"cell\":\"node\",\"inputs\":{\"h1\":0,\"h1\":0}}", EDB_ERROR_NAME, 0,
       "input \"h1\" twice"},
      {"{\"cell\":\"node\",\"inputs\":{\"h1\":0,\"c1\":0,\"h2\":0}}", EDB_ERROR_FORMAT, 1,
       "input \"c2\" of cell \"node\" is missing"},
      {"{\"cell\":\"node\",\"inputs\":{\"h3\":0}}", EDB_ERROR_NAME, 0,
       "cell \"node\" has no input \"h3\"; its inputs are: h1, c1, h2, c2"},
      {"{\"cell\":\"node\",\"inputs\":{\"h1\":[0]}}", EDB_ERROR_FORMAT, 0, "which is not variadic"},
      {"{\"cell\":\"node\",\"inputs\":{\"a\":0,\"b\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0}}",
       EDB_ERROR_NAME, 0, "more than any cell of the model has"},
      {"{\"cell\":\"plan\",\"x\":[1],\"m\":[[1,2,3],[4,5,6]],\"s\":1}", EDB_ERROR_SHAPE, 20,
       "found the shape [1] as attribute \"x\" of cell \"plan\", expected [2]"},
      {"{\"cell\":\"plan\",\"x\":[1,2],\"m\":[[1,2],[3,4]],\"s\":1}", EDB_ERROR_SHAPE, 30,
       "found the shape [2, 2]"},
      {"{\"cell\":\"plan\",\"x\":[1,2],\"m\":[[1,2,3],[4,5]],\"s\":1}", EDB_ERROR_SHAPE, 39,
       "found a row of 2 numbers, expected 3"},
      {"{\"cell\":\"plan\",\"x\":[[1,2],3]}", EDB_ERROR_FORMAT, 27, "expected another row"},
      {"{\"cell\":\"plan\",\"x\":[1,[2]]}", EDB_ERROR_FORMAT, 23, "expected a number"},
      {"{\"cell\":\"plan\",\"x\":[[[1]]]}", EDB_ERROR_FORMAT, 22, "expected a number"},
      {"{\"cell\":\"plan\",\"x\":[1,1e39]}", EDB_ERROR_FORMAT, 23, "within the range of fp32"},
      {"{\"cell\":\"plan\",\"x\":[1,1e400]}", EDB_ERROR_FORMAT, 23, "within the range of a double"},
      {"{\"cell\":\"plan\",\"x\":[1,NaN]}", EDB_ERROR_FORMAT, 23, "NaN"},
      {"{\"cell\":\"plan\",\"x\":\"a\"}", EDB_ERROR_FORMAT, 20,
       "found a string as attribute \"x\""},
      {"{\"cell\":\"plan\",\"x\":[]}", EDB_ERROR_SHAPE, 20, "found the shape [0]"},
      {"{\"cell\":\"plan\",\"x\":[1,2]}", EDB_ERROR_FORMAT, 1, "attribute \"m\" of cell"},
  };
  int wrong = 0;
  static const char before[] = "{\"nodes\":[" TWO ",";
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[1024];
    edb_dataset *dataset = NULL;
    edb_error error = {.text = ""};
    snprintf(text, sizeof text, "\n%s%s]}", before, cases[i].node);
    edb_status status = parse_with(f->ctx, f->model, text, NULL, &dataset, &error);
    uint32_t column =
        cases[i].column == 0 ? error.column : cases[i].column + (uint32_t)sizeof before - 1;
    const char *wanted = cases[i].error != NULL ? cases[i].error : "";
    if (status != cases[i].status || strstr(error.text, wanted) == NULL || error.line != 2 ||
        error.column != column || strncmp(error.text, "d:2:", 4) != 0) {
      print_error("%s\nfound    %s (%s; column %u of the node)\nexpected %s\n", cases[i].node,
                  error.text, edb_status_name(status), error.column - (uint32_t)(sizeof before - 1),
                  wanted);
      wrong++;
    }
  }
  assert_int_equal(wrong, 0);
}

static void bad_lines_are_refused_with_their_position(void **state) {
  fixture *f = *state;
  static const struct {
    const char *line;
    edb_status status;
    const char *error;
  } cases[] = {
      {"{", EDB_ERROR_FORMAT, "d:2:2: found the end"},
      {"{}", EDB_ERROR_FORMAT, "d:2:1: found an instance without the key \"nodes\""},
      {"[]", EDB_ERROR_FORMAT, "d:2:1: "},
      {"nodes", EDB_ERROR_FORMAT, "d:2:1: "},
      {"{\"nodes\":[]}", EDB_ERROR_FORMAT, "d:2:10: found an instance of no nodes"},
      {"{\"nodes\":{}}", EDB_ERROR_FORMAT, "d:2:10: "},
      {"{\"nods\":[]}", EDB_ERROR_NAME, "d:2:2: found the key \"nods\", expected \"nodes\" or"},
      {"{\"id\":1,\"id\":2}", EDB_ERROR_NAME, "d:2:9: found the key \"id\" twice"},
      {"{\"id\":1,\"nodes\":[" LEAF("a") "],\"id\":2}", EDB_ERROR_NAME,
       "d:2:46: found the key \"id\" twice"},
      {"{\"nodes\":[" LEAF("a") "],\"id\":1,\"nodes\":[]}", EDB_ERROR_NAME,
       "d:2:46: found the key \"nodes\" twice"},
      {"{\"id\":[1]}", EDB_ERROR_FORMAT, "d:2:7: found an array, expected a string or a number"},
      {"{\"nodes\\u0000\":[]}", EDB_ERROR_FORMAT, "d:2:2: found a key with a 0"},
      {NODES(LEAF("a")) " {}", EDB_ERROR_FORMAT,
       "d:2:40: found \"{\", expected the end of the text"},
      {NODES("{\"cell\":\"score\",\"inputs\":[0]}"), EDB_ERROR_FORMAT,
       "d:2:11: found node 0 as its own input"},
      {NODES("{\"cell\":\"score\",\"inputs\":[\"1.h\"]},{\"cell\":\"merge\",\"inputs\":[2]},"
             "{\"cell\":\"merge\",\"inputs\":[1]}"),
       EDB_ERROR_FORMAT,
       "d:2:45: found a cycle: each of the nodes 1, 2 refers to the next, the last "
       "to node 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[512];
    snprintf(text, sizeof text, NODES(LEAF("a")) "\n%s\n", cases[i].line);
    assert_refused(f->ctx, f->model, text, cases[i].status, cases[i].error);
  }
}

static void deep_nesting_is_an_error(void **state) {
  fixture *f = *state;
  char text[2048];
  strcpy(text, "{\"nodes\":[{\"x\":{\"a\":");
  memset(text + strlen(text) + 1, 0, 1);
  size_t at = strlen(text);
  memset(text + at, '[', 1000);
  text[at + 1000] = 0;
  assert_refused(f->ctx, f->model, text, EDB_ERROR_LIMIT, "d:1:");
}

static void bad_lines_are_skipped_and_leave_nothing(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.skip_bad = true;
  static const char text[] = NODES(LEAF("a")) "\nnot json\n" NODES(
      TWO
      ",{\"cell\":\"node\","
      "\"inputs\":[0,7]}") "\n" NODES(TWO
                                      ",{\"cell\":\"none\"}") "\n" NODES("{\"cell\":\"plan\",\"x\":"
                                                                         "[1,2],\"m\":[[1,2,3],[4,"
                                                                         "5,6]],"
                                                                         "\"s\":1},{\"cell\":"
                                                                         "\"score\"}") "\n" NODES(LEAF("b")) "\n";
  edb_dataset *dataset = NULL;
  assert_int_equal(parse_with(f->ctx, f->model, text, &params, &dataset, NULL), EDB_OK);
  assert_int_equal(edb_dataset_count(dataset), 2);
  assert_int_equal(edb_dataset_skipped(dataset), 4);
  assert_string_equal(describe(dataset, 0), "leaf<1>");
  assert_string_equal(describe(dataset, 1), "leaf<2>");
  assert_int_equal(dataset->graph->n_nodes, 2);
  edb_dataset_destroy(dataset);
}

static void labels_are_dropped_for_inference(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.no_labels = true;
  edb_dataset *dataset = NULL;
  static const char text[] = NODES(LEAF("a") ",{\"cell\":\"score\",\"inputs\":[0],\"label\":77}");
  assert_int_equal(parse_with(f->ctx, f->model, text, &params, &dataset, NULL), EDB_OK);
  assert_string_equal(describe(dataset, 0), "leaf<1> score<-1>(0.h)");
  edb_dataset_destroy(dataset);
}

static void a_chain_written_backwards_is_read(void **state) {
  fixture *f = *state;
  enum { N = 20000 };
  char *text = malloc(N * 48);
  assert_non_null(text);
  size_t at = (size_t)sprintf(text, "{\"nodes\":[");
  for (int i = 0; i < N; i++) {
    at += (size_t)sprintf(text + at, "{\"cell\":\"merge\",\"inputs\":[%d]},", i + 1);
  }
  sprintf(text + at, LEAF("a") "]}");
  edb_dataset *dataset = dataset_of(f->ctx, f->model, text);
  free(text);
  assert_int_equal(edb_dataset_node_count(dataset, 0), N + 1);
  assert_int_equal(edb_dataset_node(dataset, 0, 0), N);
  assert_int_equal(edb_dataset_node(dataset, 0, N), 0);
  edb_dataset_destroy(dataset);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_binary, teardown)
  const struct CMUnitTest tests[] = {
      TEST(nodes_become_calls_in_order),
      TEST(inputs_are_written_in_many_ways),
      TEST(keys_come_in_any_order_and_ids_are_allowed),
      TEST(nodes_may_refer_to_later_nodes),
      TEST(dense_attributes_are_taken_in_their_shape),
      TEST(blank_lines_are_no_instances),
      TEST(bad_nodes_are_refused_with_their_position),
      TEST(bad_lines_are_refused_with_their_position),
      TEST(deep_nesting_is_an_error),
      TEST(bad_lines_are_skipped_and_leave_nothing),
      TEST(labels_are_dropped_for_inference),
      TEST(a_chain_written_backwards_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
