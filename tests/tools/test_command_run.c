/* edbatch run and check: values are printed, and are the same however they are computed. */
#include "command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void run_prints_one_object_per_instance(void **state) {
  (void)state;
  result r = run("run " TREE_LSTM SMALL " --data two.txt --outputs h,logits 2>/dev/null");
  expect_code(r, 0);
  char *second = strchr(r.text, '\n');
  assert_non_null(second);
  *second++ = 0;
  json_t *object = json_loads(r.text, 0, NULL);
  assert_non_null(object);
  assert_true(json_real_value(json_object_get(object, "loss")) > 0);
  json_t *nodes = json_object_get(object, "nodes");
  assert_int_equal(json_array_size(nodes), 6); /* leaf, score, leaf, score, node, score */
  static const char *const cells[] = {"leaf", "score", "leaf", "score", "node", "score"};
  for (size_t i = 0; i < 6; i++) {
    json_t *node = json_array_get(nodes, i);
    assert_string_equal(json_string_value(json_object_get(node, "cell")), cells[i]);
    bool score = i % 2 == 1;
    json_t *value = json_object_get(node, score ? "logits" : "h");
    assert_int_equal(json_array_size(value), score ? 5 : 16);
  }
  json_decref(object);
  object = json_loads(second, 0, NULL);
  assert_non_null(object);
  json_decref(object);
  free(r.text);
}

static void run_prints_the_nodes_that_are_asked_for(void **state) {
  (void)state;
  static const char print[] = "run " TREE_LSTM SMALL " --data two.txt -n 1 --outputs logits";
  static const int scores[] = {1, 3, 5};
  json_t *all = expect_json(run("%s 2>/dev/null", print));
  json_t *some = expect_json(run("%s --cells score 2>/dev/null", print));
  json_t *root = expect_json(run("%s --cells score,node --last 2>/dev/null", print));
  json_t *from = json_object_get(all, "nodes"), *nodes = json_object_get(some, "nodes");
  assert_int_equal(json_array_size(nodes), 3);
  for (size_t i = 0; i < 3; i++) {
    json_t *node = json_array_get(nodes, i), *same = json_array_get(from, (size_t)scores[i]);
    assert_int_equal(json_integer_value(json_object_get(node, "node")), scores[i]);
    assert_true(json_equal(json_object_get(node, "logits"), json_object_get(same, "logits")));
  }
  nodes = json_object_get(root, "nodes");
  assert_int_equal(json_array_size(nodes), 2);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(nodes, 0), "node")), 4);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(nodes, 1), "node")), 5);
  assert_true(json_equal(json_object_get(root, "loss"), json_object_get(all, "loss")));
  json_decref(all);
  json_decref(some);
  json_decref(root);
  expect(run("%s --cells score,leef 2>&1", print), 2, "no cell \"leef\"");
}

static void without_labels_there_is_no_loss(void **state) {
  (void)state;
  result r = run("run " TREE_LSTM SMALL " --data two.txt --no-labels --outputs logits 2>/dev/null");
  expect_code(r, 0);
  assert_null(strstr(r.text, "loss"));
  assert_non_null(strstr(r.text, "logits"));
  free(r.text);
}

static void numbers_that_are_not_finite_are_null(void **state) {
  (void)state;
  write_file("infinite.edb", "edb 1\nmodel infinite\ncell c(x: dense[1]) -> (y[1], loss):\n"
                             "  y = log(x)\n  loss = sum(y)\n");
  write_file("zero.jsonl", "{\"nodes\": [{\"cell\": \"c\", \"x\": [0]}]}\n");
  json_t *object = expect_json(run("run infinite.edb --data zero.jsonl --outputs y 2>/dev/null"));
  assert_true(json_is_null(json_object_get(object, "loss")));
  json_t *node = json_array_get(json_object_get(object, "nodes"), 0);
  assert_true(json_is_null(json_array_get(json_object_get(node, "y"), 0)));
  json_decref(object);
  object = expect_json(run("check infinite.edb --data zero.jsonl --json"));
  assert_true(json_is_true(json_object_get(object, "identical")));
  assert_true(json_number_value(json_object_get(object, "largest_error")) == 0);
  assert_true(json_number_value(json_object_get(object, "largest_value")) == 0);
  json_decref(object);
}

static void all_policies_and_devices_print_the_same_values(void **state) {
  (void)state;
  result expected = run("run " TREE_GRU SMALL " --data trees.txt --outputs h --policy unbatched "
                        "2>/dev/null");
  expect_code(expected, 0);
  static const char *const ways[] = {"--policy depth",
                                     "--policy best --batch 7",
                                     "--policy fsm",
                                     "--policy tight --granularity op",
                                     "--policy sufficient -b 1",
                                     "--simd portable -b 40",
                                     "--no-hoist --no-table",
                                     "--placement arrival",
                                     "--placement direct -g op",
                                     "--no-share --table-mib 1",
                                     "--no-hoist --no-share --no-table",
                                     "--threads 3 -b 5",
                                     "--threads 2 --pin",
                                     "--threads 2 --threads-by instance",
                                     "--threads 2 --threads-by batch -b 9",
                                     "--threads 2 --threads-by instance -g op -b 6",
                                     "--threads 2 --granularity op"};
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    result r = run("run " TREE_GRU SMALL " --data trees.txt --outputs h %s 2>/dev/null", ways[i]);
    expect_code(r, 0);
    assert_string_equal(r.text, expected.text);
    free(r.text);
  }
  free(expected.text);
}

static void bf16_is_checked_and_is_not_fp32(void **state) {
  (void)state;
  result exact = run("run " TREE_GRU SMALL " --data trees.txt --outputs h 2>/dev/null");
  result near = run("run " TREE_GRU SMALL " --data trees.txt --outputs h --precision bf16 "
                    "2>/dev/null");
  expect_code(exact, 0);
  expect_code(near, 0);
  assert_string_not_equal(exact.text, near.text);
  free(exact.text);
  free(near.text);
  expect(run("check " TREE_GRU SMALL " --data trees.txt --precision bf16 -n 8"), 0,
         "largest error against float64");
  expect(run("check " TREE_GRU SMALL " --data trees.txt --precision half 2>&1"), 2, "f32, bf16");
}

static void check_says_identical(void **state) {
  (void)state;
  json_t *object =
      expect_json(run("check " TREE_LSTM SMALL " --data trees.txt -n 12 --threads 2 --json"));
  assert_true(json_is_true(json_object_get(object, "identical")));
  assert_true(json_real_value(json_object_get(object, "largest_error")) < 1e-5);
  assert_true(json_integer_value(json_object_get(object, "runs")) > 50);
  json_decref(object);
}

/* NaN of either sign: which one comes out of an operation on both is left open. */
static void check_takes_one_nan_for_another(void **state) {
  (void)state;
  static const char *const levels[] = {"auto", "avx2", "portable"};
  write_file("nan.edb", "edb 1\nmodel nan\nconst n = 33\n"
                        "param W[n, n] = normal(1), V[n, n] = normal(1), E[7, n] = normal(1)\n"
                        "cell leaf(w: index 7) -> (h[n], c[n]):\n"
                        "  x = E[w]\n  h = log(x)\n  y = 1 / (x - x)\n  c = (y - y) * x\n"
                        "cell node(a[n], b[n], c[n], d[n]) -> (h[n], c2[n]):\n"
                        "  h = W @ max(c, a) + V @ (d * a) + (a + b)\n"
                        "  c2 = -((b + a) * d + c) + (a * b - c * d)\n");
  write_file("nan.jsonl",
             "{\"nodes\": [{\"cell\": \"leaf\", \"w\": 1}, {\"cell\": \"leaf\", \"w\": 2}, "
             "{\"cell\": \"node\", \"inputs\": [0, 1]}, {\"cell\": \"node\", \"inputs\": [2, 0]}, "
             "{\"cell\": \"node\", \"inputs\": [3, 2]}]}\n");
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    result r = run("check nan.edb --data nan.jsonl --simd %s 2>&1", levels[i]);
    assert_null(strstr(r.text, "DIFFERENT"));
    if (i != 1) expect_code(r, 0);
    free(r.text);
  }
}

static void check_tries_every_placement(void **state) {
  (void)state;
  static const char check[] = "check " TREE_LSTM SMALL " --data trees.txt -n 4";
  json_t *all = expect_json(run("%s --json", check));
  json_t *one = expect_json(run("%s --json --placement ordered", check));
  assert_true(json_is_true(json_object_get(all, "identical")));
  assert_true(json_is_true(json_object_get(one, "identical")));
  /* Batches of 1, 2 and 8; two policies, two granularities, three placements:
   * 36 runs more. */
  assert_int_equal(json_integer_value(json_object_get(all, "runs")),
                   json_integer_value(json_object_get(one, "runs")) + 36);
  json_decref(all);
  json_decref(one);
  expect(run("%s --placement diagonal 2>&1", check), 2, "auto, arrival, ordered, direct");
  expect(run("%s --threads-by turns 2>&1", check), 2, "auto, batch, instance");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(run_prints_one_object_per_instance),
      cmocka_unit_test(run_prints_the_nodes_that_are_asked_for),
      cmocka_unit_test(without_labels_there_is_no_loss),
      cmocka_unit_test(numbers_that_are_not_finite_are_null),
      cmocka_unit_test(all_policies_and_devices_print_the_same_values),
      cmocka_unit_test(bf16_is_checked_and_is_not_fp32),
      cmocka_unit_test(check_says_identical),
      cmocka_unit_test(check_takes_one_nan_for_another),
      cmocka_unit_test(check_tries_every_placement),
  };
  return cmocka_run_group_tests(tests, command_begin, command_end);
}
