/* edbatch learn, schedule and calibrate: batches, their bound and what they cost. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The raw graphs of this file, and what batches of their types cost. */
static int write_graphs(void **state) {
  int failed = command_begin(state);
  write_file("v1.txt", "4\n1 0\n2 0\n1 1 1\n2 1 2\n"); /* B() A() B(1) A(2) */
  write_file("two_chains.txt", "6\n2 0\n2 1 0\n1 1 1\n1 0\n2 1 3\n2 1 4\n");
  write_file("raw.costs.json",
             "{\"edbatch-costs\": 1, \"granularity\": \"raw\",\n"
             " \"mini_batch\": {\"batch_ns\": 0, \"node_ns\": 0},\n"
             " \"types\": [{\"name\": \"1\", \"batch_ns\": 1000, \"node_ns\": 1},\n"
             "           {\"name\": \"2\", \"batch_ns\": 100, \"node_ns\": 1}]}\n");
  return failed;
}

static void learned_policies_are_the_same_for_a_seed(void **state) {
  (void)state;
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -e sort --seed 9 -o a.json"), 0,
         "batches");
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -e sort --seed 9 -o b.json"), 0,
         "batches");
  char line[256];
  snprintf(line, sizeof line, "cmp %s/a.json %s/b.json", command_folder(), command_folder());
  assert_int_equal(system(line), 0);
  expect(run("inspect a.json"), 0, "encoding sort");
}

static void schedules_end_with_batches_and_bound(void **state) {
  (void)state;
  static const char *const policies[] = {"depth", "agenda-static", "agenda-running", "sufficient",
                                         "tight", "fsm",           "best",           "unbatched"};
  for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
    result r =
        run("schedule " TREE_LSTM SMALL " --data trees.txt --policy %s 2>/dev/null", policies[i]);
    expect_code(r, 0);
    unsigned batches, bound;
    char *last = strstr(r.text, "batches ");
    assert_non_null(last);
    assert_int_equal(sscanf(last, "batches %u bound %u", &batches, &bound), 2);
    assert_true(batches >= bound);
    free(r.text);
  }
}

static void beams_are_as_wide_as_asked(void **state) {
  (void)state;
  static const unsigned widths[] = {1, 4, 1024};
  for (size_t i = 0; i < 3; i++) {
    unsigned w = widths[i];
    expect(run("schedule --graph v1.txt --policy beam --width %u", w), 0, "batches 3 bound 3");
    expect(run("run " TREE_LSTM SMALL " --data trees.txt --policy beam --width %u", w), 0, "\n");
  }
  expect(run("schedule --graph v1.txt --compare --width 4"), 0, "beam ");
  expect(run("bench " TREE_LSTM SMALL " --data trees.txt --policy beam --width 4 --seconds 0.02 "
             "--json 2>/dev/null"),
         0, "\"beam\"");
  expect(run("learn --graph v1.txt --teacher beam -o beam.json"), 0, "batches 3 bound 3");
  expect(run("schedule --graph v1.txt --policy beam --width 0 2>&1"), 2, "--width");
  expect(run("schedule --graph v1.txt --policy beam --width 1025 2>&1"), 2, "at most 1024");
}

static void raw_graphs_are_scheduled_and_learned_from(void **state) {
  (void)state;
  expect(run("schedule --graph v1.txt --policy depth"), 0, "batches 4 bound 3");
  expect(run("schedule --graph v1.txt --policy best"), 0, "batches 3 bound 3");
  expect(run("schedule --graph v1.txt --policy exact"), 0, "batches 3 bound 3");
  expect(run("learn --graph v1.txt -o raw.json"), 0, "batches 3 bound 3");
  expect(run("schedule --graph v1.txt --policy fsm --policy-file raw.json"), 0,
         "batches 3 bound 3");
  write_file("other.txt", "2\n7 0\n9 1 0\n");
  expect(run("schedule --graph other.txt --policy fsm --policy-file raw.json"), 0,
         "batches 2 bound 2");
  write_file("cycle.txt", "2\n1 1 1\n1 0\n");
  expect(run("schedule --graph cycle.txt 2>&1"), 1, "cycle.txt:2:");
}

static void costs_are_measured_and_minimised(void **state) {
  (void)state;
  static const char *const ways[] = {"cell", "op"};
  for (size_t i = 0; i < 2; i++) {
    json_t *object = expect_json(run("calibrate " TREE_LSTM SMALL
                                     " --data trees.txt -b 4 --batches 1 -g %s -o c.json --json",
                                     ways[i]));
    assert_true(json_number_value(json_object_get(object, "measured_ns")) > 0);
    assert_true(json_array_size(json_object_get(object, "types")) >= 3);
    json_decref(object);
    expect(run("schedule " TREE_LSTM SMALL " --data trees.txt -g %s --minimise time", ways[i]), 0,
           "batches ");
    expect(run("schedule " TREE_LSTM SMALL " --data trees.txt -g %s --minimise time --costs c.json",
               ways[i]),
           0, "batches ");
    expect(run("run " TREE_LSTM SMALL " --data trees.txt -g %s --minimise total --costs c.json",
               ways[i]),
           0, "\n");
    expect(run("bench " TREE_LSTM SMALL " --data trees.txt -g %s --minimise time --costs c.json "
               "--seconds 0.02 --json 2>/dev/null",
               ways[i]),
           0, "\"best\"");
  }
  expect(run("run " TREE_LSTM SMALL " --data two.txt --minimise time --costs c.json 2>&1"), 1,
         "costs of other batches");
  expect(run("run " TREE_GRU SMALL " --data two.txt --minimise time --costs c.json 2>&1"), 1,
         "c.json:");
}

static void the_fewest_batches_are_not_always_the_fastest(void **state) {
  (void)state;
  expect(run("schedule --graph two_chains.txt"), 0, "batches 4 bound 3");
  expect(run("schedule --graph two_chains.txt --minimise time 2>&1"), 2, "--costs FILE");
  expect(run("schedule --graph two_chains.txt --minimise time --costs raw.costs.json"), 0,
         "batches 5 bound 3");
}

static json_t *find_policy(json_t *object, const char *name) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(object, "policies"), i, row) {
    if (strcmp(json_string_value(json_object_get(row, "policy")), name) == 0) return row;
  }
  fail_msg("no policy %s", name);
  return NULL;
}

static void compare_shows_all_policies_of_raw_graphs(void **state) {
  (void)state;
  json_t *object = expect_json(run("schedule --graph v1.txt two_chains.txt --compare --json"));
  assert_int_equal(json_integer_value(json_object_get(object, "graphs")), 2);
  assert_int_equal(json_integer_value(json_object_get(object, "nodes")), 10);
  assert_int_equal(json_integer_value(json_object_get(object, "proven")), 3 + 4);
  assert_true(json_is_true(json_object_get(object, "optimum_known")));
  json_t *best = find_policy(object, "best"), *depth = find_policy(object, "depth");
  assert_int_equal(json_integer_value(json_object_get(best, "batches")), 7);
  assert_true(json_number_value(json_object_get(best, "over_optimum")) == 0);
  assert_true(json_number_value(json_object_get(depth, "over_optimum")) > 0);
  assert_true(json_is_null(json_object_get(best, "measured_ns")));
  json_decref(object);
  object =
      expect_json(run("schedule --graph two_chains.txt --compare --json --costs raw.costs.json"));
  double count = json_number_value(json_object_get(find_policy(object, "best"), "predicted_ns"));
  double time =
      json_number_value(json_object_get(find_policy(object, "best-time"), "predicted_ns"));
  assert_true(count == 2206 && time == 1406);
  json_decref(object);
}

static void compare_measures_runs_of_a_model(void **state) {
  (void)state;
  expect(run("calibrate " TREE_LSTM SMALL " --data trees.txt -b 4 --batches 1 -o c.json"), 0,
         "calibrated c.json");
  json_t *object = expect_json(run("schedule " TREE_LSTM SMALL
                                   " --data trees.txt -b 8 --batches 2 --compare --costs c.json "
                                   "--json 2>/dev/null"));
  static const char *const policies[] = {"unbatched", "depth", "fsm", "exact", "best-time"};
  for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
    json_t *row = find_policy(object, policies[i]);
    assert_true(json_number_value(json_object_get(row, "measured_ns")) > 0);
    assert_true(json_number_value(json_object_get(row, "predicted_ns")) > 0);
    assert_true(json_number_value(json_object_get(row, "schedule_ns_per_node")) > 0);
  }
  json_decref(object);
  expect(run("schedule " TREE_LSTM SMALL " --data trees.txt -b 8 --batches 1 --compare "
             "2>/dev/null"),
         0, "optimum");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(learned_policies_are_the_same_for_a_seed),
      cmocka_unit_test(schedules_end_with_batches_and_bound),
      cmocka_unit_test(beams_are_as_wide_as_asked),
      cmocka_unit_test(raw_graphs_are_scheduled_and_learned_from),
      cmocka_unit_test(costs_are_measured_and_minimised),
      cmocka_unit_test(the_fewest_batches_are_not_always_the_fastest),
      cmocka_unit_test(compare_shows_all_policies_of_raw_graphs),
      cmocka_unit_test(compare_measures_runs_of_a_model),
  };
  return cmocka_run_group_tests(tests, write_graphs, command_end);
}
