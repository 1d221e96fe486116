/* tests/data/test_raw_graph.c: the text form of raw graphs, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edbatch/data.h>

#include <edbatch/data.h>

#include "base/rng.h"
#include "data/raw_graph.h"
#include "support/faulty.h"

static edb_status parse(edb_context *ctx, const char *text, edb_raw_graph *out, edb_error *error) {
  return edb_raw_graph_parse(ctx, text, strlen(text), "g.txt", out, error);
}

static void nodes_types_and_arguments_are_read(void **state) {
  edb_raw_graph graph;
  assert_int_equal(parse(*state, "4\n0 0 \n3 1 0\r\n\t1  2 0 1\n3 3 2 2 0", &graph, NULL), EDB_OK);
  edb_dag dag = edb_raw_graph_dag(&graph);
  assert_int_equal(dag.n_nodes, 4);
  assert_int_equal(dag.n_types, 4);
  assert_int_equal(dag.origin, 0);
  assert_int_equal(dag.type[3], 3);
  assert_int_equal(dag.in_start[4], 6);
  assert_int_equal(dag.in_node[5], 0);
  assert_int_equal(dag.unbatchable[0], 1);
  assert_int_equal(dag.unbatchable[3], 0);
  edb_raw_graph_free(&graph);
}

static void a_graph_without_nodes_is_one(void **state) {
  edb_raw_graph graph;
  assert_int_equal(parse(*state, "0\n\n", &graph, NULL), EDB_OK);
  assert_int_equal(edb_raw_graph_dag(&graph).n_nodes, 0);
  assert_int_equal(edb_raw_graph_dag(&graph).n_types, 1);
  edb_raw_graph_free(&graph);
}

static void malformed_texts_are_refused_with_their_position(void **state) {
  static const struct {
    const char *text, *position, *says;
    edb_status status;
  } cases[] = {
      {"", "g.txt:1:1:", "expected the number of nodes, found the end of the text",
       EDB_ERROR_FORMAT},
      {"\n", "g.txt:1:1:", "found the end of the line", EDB_ERROR_FORMAT},
      {"x", "g.txt:1:1:", "found \"x\"", EDB_ERROR_FORMAT},
      {"-1\n", "g.txt:1:1:", "found \"-1\"", EDB_ERROR_FORMAT},
      {"2 2\n0 0\n0 0\n", "g.txt:1:3:", "end of the line after the number of nodes",
       EDB_ERROR_FORMAT},
      {"4294967294\n0 0\n", "g.txt:1:1:", "4294967294 nodes announced, but only 5 bytes",
       EDB_ERROR_FORMAT},
      {"99999999999999999999\n", "g.txt:1:1:", "must be below", EDB_ERROR_FORMAT},
      {"2\n0 0\n", "g.txt:3:1:", "expected the type of a node, found the end of the text",
       EDB_ERROR_FORMAT},
      {"1\n0 0\n0 0\n", "g.txt:3:1:", "end of the text after 1 node", EDB_ERROR_FORMAT},
      {"2\n0 0\n1 2 0\n", "g.txt:3:6:", "expected an argument, found the end of the line",
       EDB_ERROR_FORMAT},
      {"2\n0 0\n1 1 0 0\n", "g.txt:3:7:", "end of the line after a node, found \"0\"",
       EDB_ERROR_FORMAT},
      {"2\n0 0\n1 1 1\n", "g.txt:3:6:", "node 1 takes node 1", EDB_ERROR_FORMAT},
      {"2\n1 1 1\n1 1 0\n", "g.txt:2:6:", "node 0 takes node 1", EDB_ERROR_FORMAT},
      {"1\n1\n", "g.txt:2:2:", "expected the number of arguments", EDB_ERROR_FORMAT},
      {"1\n1 4294967295\n", "g.txt:2:3:", "must be below", EDB_ERROR_FORMAT},
      {"1\n65536 0\n", "g.txt:2:6:", "type 65536 is too large", EDB_ERROR_LIMIT},
      {"1\n1 0 \xff\n", "g.txt:2:5:", "found byte 0xff", EDB_ERROR_FORMAT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    edb_raw_graph graph;
    edb_error error = {0};
    edb_status status = parse(*state, cases[i].text, &graph, &error);
    if (status != cases[i].status || strstr(error.text, cases[i].position) != error.text ||
        strstr(error.text, cases[i].says) == NULL)
      fail_msg("\"%s\" gives %d, \"%s\"", cases[i].text, status, error.text);
  }
}

static void bytes_changed_at_random_never_do_harm(void **state) {
  static const char good[] = "6\n0 0\n1 1 0\n1 2 0 1\n2 1 2\n1 2 1 3\n2 3 0 4 4\n";
  static const char bytes[] = "0123456789 \n\t-x";
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  for (int i = 0; i < 20000; i++) {
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    size_t length = edb_rng_below(&rng, sizeof good);
    for (uint32_t k = edb_rng_below(&rng, 5); k > 0 && length > 0; k--)
      text[edb_rng_below(&rng, (uint32_t)length)] = bytes[edb_rng_below(&rng, sizeof bytes - 1)];
    edb_raw_graph graph;
    if (edb_raw_graph_parse(*state, text, length, "g.txt", &graph, NULL) != EDB_OK) continue;
    edb_dag dag = edb_raw_graph_dag(&graph);
    for (uint32_t v = 0; v < dag.n_nodes; v++)
      for (uint32_t e = dag.in_start[v]; e < dag.in_start[v + 1]; e++)
        assert_true(dag.in_node[e] < v);
    edb_raw_graph_free(&graph);
  }
}

static void a_missing_file_is_named(void **state) {
  edb_raw_graph graph;
  edb_error error;
  assert_int_equal(edb_raw_graph_load(*state, "/nonexistent/g.txt", &graph, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "/nonexistent/g.txt"));
}

static void learning_needs_graphs(void **state) {
  const edb_raw_graph *none = NULL;
  edb_policy *policy = NULL;
  edb_error error;
  assert_int_equal(edb_raw_graph_learn(*state, NULL, 0, NULL, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_string_equal(error.text, "learning needs at least one graph");
  assert_int_equal(edb_raw_graph_learn(*state, &none, 1, NULL, &policy, &error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "graphs[0] is NULL"));
  assert_null(policy);
}

static void every_failing_allocation_is_survived(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_raw_graph graph;
    edb_status status = parse(ctx, "3\n0 0\n1 1 0\n2 2 0 1\n", &graph, NULL);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) edb_raw_graph_free(&graph);
  }
}

static int make_context(void **state) {
  return edb_context_create(NULL, (edb_context **)state, NULL) == EDB_OK ? 0 : -1;
}

static int destroy_context(void **state) {
  edb_context_destroy(*state);
  return 0;
}

static void a_graph_in_a_file_is_scheduled_and_learned_from(void **state) {
  (void)state;
  char path[] = "/tmp/edbatch-raw-XXXXXX";
  int file = mkstemp(path);
  static const char text[] = "4\n1 0\n2 0\n1 1 1\n2 1 2\n";
  assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
  close(file);
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_raw_graph *graph = NULL;
    edb_policy *fsm = NULL;
    edb_schedule *schedule = NULL;
    edb_status status = edb_raw_graph_open(ctx, path, &graph, NULL);
    if (status == EDB_OK) {
      assert_int_equal(edb_raw_graph_node_count(graph), 4);
      const edb_raw_graph *graphs[] = {graph};
      status = edb_raw_graph_learn(ctx, graphs, 1, NULL, &fsm, NULL);
    }
    if (status == EDB_OK) status = edb_raw_graph_schedule(graph, fsm, &schedule, NULL);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) assert_int_equal(edb_schedule_describe(schedule).n_batches, 3);
    edb_schedule_destroy(schedule);
    edb_policy_destroy(fsm);
    edb_raw_graph_close(graph);
  }
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_graph_in_a_file_is_scheduled_and_learned_from),
      cmocka_unit_test(nodes_types_and_arguments_are_read),
      cmocka_unit_test(a_graph_without_nodes_is_one),
      cmocka_unit_test(malformed_texts_are_refused_with_their_position),
      cmocka_unit_test(bytes_changed_at_random_never_do_harm),
      cmocka_unit_test(a_missing_file_is_named),
      cmocka_unit_test(learning_needs_graphs),
      cmocka_unit_test(every_failing_allocation_is_survived),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
