/* edbatch inspect, plan, init and generate: what is in a file, and what is written into one. */
#include "command.h"

#include <stdlib.h>

static void inspect_shows_a_model_that_reads_again(void **state) {
  (void)state;
  json_t *object = expect_json(run("inspect " TREE_LSTM " --json"));
  assert_string_equal(json_string_value(json_object_get(object, "name")), "tree_lstm");
  assert_int_equal(json_array_size(json_object_get(object, "cells")), 3);
  json_decref(object);
  result r = run("inspect " TREE_LSTM);
  expect_code(r, 0);
  write_file("printed.edb", r.text); /* what follows the model is a comment */
  free(r.text);
  expect(run("run printed.edb" SMALL " --data two.txt 2>/dev/null"), 0, "loss");
}

static void inspect_shows_costs(void **state) {
  (void)state;
  expect(run("calibrate " TREE_LSTM SMALL " --data trees.txt -b 4 --batches 1 -o c.json"), 0,
         "calibrated c.json");
  expect(run("inspect c.json"), 0, "a mini-batch, besides");
  expect(run("run " TREE_LSTM SMALL " --data trees.txt -n 1 --costs c.json 2>/dev/null"), 0,
         "\"loss\"");
  json_t *object = expect_json(run("inspect c.json --json"));
  assert_int_equal(json_integer_value(json_object_get(object, "edbatch-costs")), 1);
  json_decref(object);
  write_file("neither.json", "{}\n");
  expect(run("inspect neither.json 2>&1"), 1, "neither a policy nor costs");
}

static void a_learned_table_is_shown_with_what_tells_its_states_apart(void **state) {
  (void)state;
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -o a.json"), 0,
         "0 states (the rule alone is as good)");
  expect(run("inspect a.json"), 0, "0 states: the rule decides alone");
  expect(run("learn " EDB_SOURCE_DIR "/models/tree_lstm_2type.edb --data trees.txt -o a.json"), 0,
         "learned");
  expect(run("inspect a.json"), 0, "  node0 node1* -> node");
  write_file("max.json", "{\"edbatch-policy\": 2, \"states\": [{\"ready\": [\"a\", \"b\"], "
                         "\"most\": \"b\", \"run\": null}]}\n");
  expect(run("inspect max.json"), 0, "  a b, most of b -> as the rule says");
}

static void initial_weights_are_the_seeded_values_of_a_run(void **state) {
  (void)state;
  expect(run("init " TREE_LSTM SMALL " --data trees.txt --seed 5 -o w.safetensors 2>&1"), 0,
         "words");
  result a = run("run " TREE_LSTM SMALL " --data trees.txt --seed 5 --outputs h 2>/dev/null");
  result b = run("run " TREE_LSTM " --data trees.txt -w w.safetensors --outputs h 2>/dev/null");
  expect_code(a, 0);
  expect_code(b, 0);
  assert_string_equal(a.text, b.text);
  free(a.text);
  free(b.text);
  expect(run("inspect w.safetensors"), 0, "edbatch.vocab.words");
  expect(run("run " TREE_LSTM " --data trees.txt -w w.safetensors --set hidden=8 2>&1"), 1,
         "hidden");
}

static void generate_and_init_say_in_json_what_they_wrote(void **state) {
  (void)state;
  json_t *object = expect_json(run("generate tags --count 5 --seed 2 -o tags.txt --json"));
  assert_string_equal(json_string_value(json_object_get(object, "data")), "tags.txt");
  assert_int_equal(json_integer_value(json_object_get(object, "count")), 5);
  json_decref(object);
  object = expect_json(run("init " TREE_LSTM SMALL " --data trees.txt -o w.safetensors --json"));
  assert_string_equal(json_string_value(json_object_get(object, "weights")), "w.safetensors");
  json_t *words = json_object_get(json_object_get(object, "vocabs"), "words");
  assert_true(json_integer_value(words) > 100);
  json_decref(object);
}

static double number(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_number(value)) fail_msg("no number %s", key);
  return json_number_value(value);
}

static void plan_counts_kernels_and_copies_of_every_cell(void **state) {
  (void)state;
  json_t *cells = expect_json(run("plan " TREE_LSTM SMALL " --json"));
  assert_int_equal(json_array_size(cells), 3);
  const json_t *node = json_array_get(cells, 1);
  assert_string_equal(json_string_value(json_object_get(node, "cell")), "node");
  assert_int_equal(number(node, "operators"), 22);
  assert_int_equal(number(node, "kernels"), 11);
  assert_int_equal(number(node, "gathers"), 0);
  assert_int_equal(number(node, "bytes_copied"), 0);
  assert_int_equal(number(node, "naive_kernels"), 11);
  assert_true(number(node, "naive_gathers") > 0);
  assert_true(number(node, "naive_bytes_copied") > 0);
  assert_true(number(node, "fused_kernels") < 11);
  assert_true(number(node, "plan_us") > 0);
  json_decref(cells);
}

static void plan_maps_the_memory_of_cells(void **state) {
  (void)state;
  expect(run("plan " TREE_LSTM SMALL), 0, "cell node: 22 operators");
  expect(run("plan " TREE_LSTM SMALL), 0, "|h1   |h2   | 32 floats");
  expect(run("plan " TREE_LSTM SMALL " --no-fuse"), 0, "|c2   |c1   | 32 floats");
  expect(run("plan " EDB_SOURCE_DIR "/models/plan_cost.edb"), 0, "cell hash_join");
  expect(run("plan 2>&1"), 2, "needs one MODEL");
}

static void plan_says_why_it_copies(void **state) {
  (void)state;
  write_file("copies.edb", "edb 1\nmodel m\ncell f(h[4], ks[4]...) -> (y[4], z[8], s[8]):\n"
                           "  y = tanh(h)\n  z = [y; y]\n  s = sum(tanh([ks; y]))\n");
  expect(run("plan copies.edb"), 0, "copied: y (16 bytes per node) to concat z: the concat has it");
  expect(run("plan copies.edb"), 0, "copied: y (16 bytes per element) to concat concat_2: it is a");
  expect(run("plan " TREE_LSTM SMALL), 0, "copied: h1 (64 bytes per node) to concat e: kernel 4");
  json_t *cells = expect_json(run("plan copies.edb --json"));
  const json_t *copies = json_object_get(json_array_get(cells, 0), "copies");
  assert_true(json_array_size(copies) >= 2);
  for (size_t i = 0; i < json_array_size(copies); i++) {
    const json_t *copy = json_array_get(copies, i);
    assert_true(number(copy, "bytes") > 0);
    assert_true(json_string_length(json_object_get(copy, "reason")) > 0);
    assert_true(json_string_length(json_object_get(copy, "text")) > 0);
  }
  json_decref(cells);
}

static void plan_draws_cells_with_batches_as_clusters(void **state) {
  (void)state;
  expect(run("plan " TREE_LSTM SMALL " --dot"), 0, "digraph \"node\"");
  expect(run("plan " TREE_LSTM SMALL " --dot"), 0, "subgraph cluster_");
}

static void what_there_is_one_of_is_named_in_the_singular(void **state) {
  (void)state;
  write_file("one.edb", "edb 1\nmodel one\nparam p[1]\ncell add(x: dense[1]) -> (y[1]):\n"
                        "  y = p + sum(x)\n");
  write_file("one.jsonl", "{\"nodes\": [{\"cell\": \"add\", \"x\": [2]}]}\n");
  expect(run("inspect one.edb"), 0, "# 1 parameter\n");
  expect(run("init one.edb --data one.jsonl -o one.safetensors 2>&1"), 0, "1 parameter\n");
  expect(run("inspect one.safetensors"), 0, "1 parameter in 1 tensor\n");
  expect(run("plan one.edb"), 0, "2 operators,");
  expect(run("plan one.edb"), 0, "| 1 float,");
  expect(run("check one.edb --data one.jsonl"), 0, " runs of 1 instance (");
  expect(run("check one.edb --data one.jsonl"), 0, "1 value each");
  expect(run("schedule --compare one.edb --data one.jsonl"), 0, "1 graph, 1 node, ");
  expect(run("bench one.edb --data one.jsonl -b 2 2>&1"), 2, "has 1 instance,");
  write_file("one.json", "{\"edbatch-policy\": 2, \"types\": [\"a\"], \"states\": "
                         "[{\"ready\": [\"a\"], \"run\": \"a\"}]}\n");
  expect(run("inspect one.json"), 0, "1 type\n");
  expect(run("inspect one.json"), 0, "1 state: ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inspect_shows_a_model_that_reads_again),
      cmocka_unit_test(inspect_shows_costs),
      cmocka_unit_test(a_learned_table_is_shown_with_what_tells_its_states_apart),
      cmocka_unit_test(initial_weights_are_the_seeded_values_of_a_run),
      cmocka_unit_test(generate_and_init_say_in_json_what_they_wrote),
      cmocka_unit_test(plan_counts_kernels_and_copies_of_every_cell),
      cmocka_unit_test(plan_maps_the_memory_of_cells),
      cmocka_unit_test(plan_says_why_it_copies),
      cmocka_unit_test(plan_draws_cells_with_batches_as_clusters),
      cmocka_unit_test(what_there_is_one_of_is_named_in_the_singular),
  };
  return cmocka_run_group_tests(tests, command_begin, command_end);
}
