/* edbatch bench and paper: what is measured, and the tables of it. */
#include "command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void bench_lets_best_count_its_own_time(void **state) {
  (void)state;
  static const struct {
    const char *options, *aim;
  } cases[] = {{"", "total"},
               {"-g op", "total"},
               {"--policy best --minimise time", "time"},
               {"--minimise batches", "batches"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *object = expect_json(run("bench " TREE_LSTM SMALL " --data trees.txt -b 4 %s "
                                     "--seconds 0.02 --json 2>/dev/null",
                                     cases[i].options));
    assert_string_equal(json_string_value(json_object_get(object, "minimise")), cases[i].aim);
    json_decref(object);
  }
  json_t *object = expect_json(run("bench " TREE_LSTM SMALL " --data trees.txt -b 4 -p depth "
                                   "--seconds 0.02 --json 2>/dev/null"));
  assert_null(json_object_get(object, "minimise"));
  json_decref(object);
}

static void bench_prints_all_that_it_measures(void **state) {
  (void)state;
  static const char *const fields[] = {
      "instances_per_s", "gflops",   "peak_gflops", "share_of_peak", "batches",   "bound",
      "bytes_copied",    "graph_ns", "schedule_ns", "placement_ns",  "peak_bytes"};
  static const char *const ways[] = {"", "--granularity op", "--threads 2", "--threads 2 --pin",
                                     "--sessions 2 --threads 2"};
  for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
    json_t *object = expect_json(run("bench " TREE_LSTM SMALL
                                     " --data trees.txt -b 8 --seconds 0.05 --json %s 2>/dev/null",
                                     ways[w]));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
      json_t *value = json_object_get(object, fields[i]);
      if (!json_is_number(value)) fail_msg("no number %s", fields[i]);
      assert_true(json_number_value(value) > 0);
    }
    json_decref(object);
  }
}

static void a_mini_batch_is_no_larger_than_the_data_unless_asked_for(void **state) {
  (void)state;
  json_t *object = expect_json(run("bench " TREE_LSTM SMALL " --data trees.txt -n 12 "
                                   "--seconds 0.02 --json 2>/dev/null"));
  assert_int_equal(json_integer_value(json_object_get(object, "batch")), 12);
  json_decref(object);
  expect(run("bench " TREE_LSTM SMALL " --data trees.txt -n 12 -b 32 2>&1"), 2, "12 instances");
}

static void bench_says_what_was_saved(void **state) {
  (void)state;
  static const char *const fields[] = {"shared", "looked_up", "instances_per_s_cold"};
  static const char *const options[] = {"", "--no-hoist --no-share --no-table"};
  for (int off = 0; off < 2; off++) {
    json_t *object = expect_json(run("bench " TREE_LSTM SMALL
                                     " --data trees.txt -b 8 --seconds 0.05 --json %s 2>/dev/null",
                                     options[off]));
    for (int i = 0; i < 3; i++) {
      json_t *value = json_object_get(object, fields[i]);
      assert_true(json_is_number(value));
      assert_int_equal(json_number_value(value) > 0, i == 2 || !off);
    }
    json_decref(object);
  }
}

static void bench_measures_the_machine_and_the_memory(void **state) {
  (void)state;
  static const char *const levels[] = {"peak_gflops", "l2_gbs", "l3_gbs", "memory_gbs"};
  static const char *const parts[] = {"nodes",        "data_bytes",         "weights_bytes",
                                      "packed_bytes", "schedule_bytes",     "placement_bytes",
                                      "run_bytes",    "library_peak_bytes", "resident_peak_bytes"};
  json_t *object = expect_json(
      run("bench " TREE_LSTM SMALL " --data trees.txt -b 8 --seconds 0.02 --json 2>/dev/null"));
  json_t *machine = json_object_get(object, "machine"), *memory = json_object_get(object, "memory");
  json_t *one = json_object_get(machine, "one_thread"),
         *all = json_object_get(machine, "all_threads");
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    assert_true(json_number_value(json_object_get(one, levels[i])) > 0);
    assert_true(json_number_value(json_object_get(all, levels[i])) > 0);
  }
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    assert_true(json_integer_value(json_object_get(memory, parts[i])) > 0);
  const char *phase;
  json_t *share;
  double sum = 0;
  json_object_foreach(json_object_get(object, "time_split"), phase, share) sum +=
      json_number_value(share);
  assert_true(sum > 0.999 && sum < 1.001);
  assert_true(json_number_value(json_object_get(object, "share_of_roofline")) > 0);
  json_decref(object);
}

static void a_sweep_gives_a_row_per_combination(void **state) {
  (void)state;
  result r = run("bench " TREE_LSTM " --data trees.txt --seconds 0.02 --policy depth --json "
                 "--sweep hidden=8,16 --sweep batch=1,2,4 2>/dev/null");
  expect_code(r, 0);
  const char *at = r.text;
  for (int i = 0; i < 6; i++) {
    static const int hidden[] = {8, 8, 8, 16, 16, 16}, batch[] = {1, 2, 4, 1, 2, 4};
    json_t *row = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(row);
    assert_int_equal(json_integer_value(json_object_get(row, "hidden")), hidden[i]);
    assert_int_equal(json_integer_value(json_object_get(row, "batch")), batch[i]);
    json_decref(row);
    at = strchr(at, '\n') + 1;
  }
  assert_int_equal(*at, 0);
  free(r.text);
}

static void a_sweep_over_nodes_fills_a_mini_batch_and_draws_it(void **state) {
  (void)state;
  expect(run("bench " TREE_LSTM SMALL " --data trees.txt --seconds 0.02 --policy depth "
             "--sweep nodes=100,1000 --plot growth.svg 2>/dev/null"),
         0, "bytes/node");
  result svg = run("--version; cat growth.svg");
  assert_non_null(strstr(svg.text, "</svg>"));
  assert_non_null(strstr(svg.text, "ns per node"));
  free(svg.text);
}

static void wrong_sweeps_are_named(void **state) {
  (void)state;
  static const char bench[] = "bench " TREE_LSTM SMALL " --data trees.txt";
  expect(run("%s --sweep batch 2>&1", bench), 2, "NAME=VALUE");
  expect(run("%s --sweep batch=1,x 2>&1", bench), 2, "whole numbers");
  expect(run("%s --sweep batch=0 2>&1", bench), 2, "whole numbers");
  expect(run("%s --sweep batch=1, 2>&1", bench), 2, "whole numbers");
  expect(run("%s --sweep nodes=1000000 2>&1", bench), 2, "the data has");
  result late = run("%s --sweep batch=4,41 --seconds 0.02 2>&1", bench); /* nothing is measured */
  assert_null(strstr(late.text, "of peak"));
  expect(late, 2, "40 instances");
  expect(run("%s --sweep batch=4 --data - <trees.txt 2>&1", bench), 2, "more than once");
  expect(run("%s --sweep nothing=4 2>&1", bench), 2, "nothing");
  expect(run("%s --plot a.svg 2>&1", bench), 2, "--sweep");
  expect(run("%s --sessions 2 --pin 2>&1", bench), 2, "--pin is for one session");
  expect(run("%s --sweep batch=1 --sweep threads=1 --plot a.svg 2>&1", bench), 2, "one --sweep");
}

static void bench_shows_a_table_over_all_policies(void **state) {
  (void)state;
  result r = run("bench " TREE_LSTM SMALL " --data trees.txt -b 8 --seconds 0.02 2>/dev/null");
  expect_code(r, 0);
  static const char *const policies[] = {"unbatched",  "depth", "agenda-static", "agenda-running",
                                         "sufficient", "tight", "fsm",           "best"};
  for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
    assert_non_null(strstr(r.text, policies[i]));
  free(r.text);
}

static void paper_compares_the_ways_of_batching(void **state) {
  (void)state;
  json_t *results =
      expect_json(run("paper " EDB_SOURCE_DIR "/models --models tree_gru --quick --count 200 "
                      "--seconds 2 --json -o results 2>/dev/null"));
  /* What a slow machine does not finish in the time is listed as skipped. */
  static const char *const tables[] = {"schedules", "cells", "speeds", "learning"};
  size_t skipped = json_array_size(json_object_get(results, "skipped"));
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    json_t *table = json_object_get(results, tables[i]);
    assert_true(json_is_array(table));
    assert_true(json_array_size(table) + skipped > 0);
  }
  bool measured = json_array_size(json_object_get(results, "speeds")) > 0;
  json_t *row;
  size_t i;
  json_array_foreach(json_object_get(results, "schedules"), i, row) {
    double batches = json_number_value(json_object_get(row, "batches"));
    assert_true(batches >= json_number_value(json_object_get(row, "bound")));
  }
  json_decref(results);
  static const char *const files[] = {"paper.md", "paper.json", "speed_h64_b32.svg"};
  for (i = 0; i < sizeof files / sizeof *files - !measured; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/results/%s", command_folder(), files[i]);
    if (access(path, R_OK) != 0) fail_msg("no %s", files[i]);
  }
}

static void paper_takes_data_sets_as_they_are_kept(void **state) {
  (void)state;
  static const char data[] = EDB_SOURCE_DIR "/../shared/data";
  static const char *const forms[] = {"trees", "lattices", "tags", "pairs"};
  if (access(data, R_OK) != 0) {
    print_message("skipped: there is no %s\n", data);
    skip();
  }
  json_t *results = expect_json(
      run("paper " EDB_SOURCE_DIR "/models --models tree_lstm,lattice_gru,"
          "bilstm_tagger,lstm_nmt --quick --seconds 1 --limit 200 --data-dir " EDB_SOURCE_DIR
          "/../shared/data --json 2>/dev/null"));
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    const char *file =
        json_string_value(json_object_get(json_object_get(results, "data"), forms[i]));
    assert_non_null(file);
    assert_non_null(strstr(file, "/train."));
  }
  json_decref(results);
}

static void paper_says_what_it_had_no_data_for(void **state) {
  (void)state;
  expect(run("paper " EDB_SOURCE_DIR "/models --models tree_gru --quick --count 200 --seconds 1"),
         0, "- too few instances: speed of tree_gru, hidden 64, batch 256");
  expect(run("paper " EDB_SOURCE_DIR "/models --models tree_gru --quick --count 9 2>&1"), 2,
         "has 9 instances");
  expect(run("paper --models none 2>&1"), 2, "names none of");
  expect(run("paper nowhere --models tree_gru 2>&1"), 1, "nowhere/tree_gru.edb");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bench_lets_best_count_its_own_time),
      cmocka_unit_test(bench_prints_all_that_it_measures),
      cmocka_unit_test(a_mini_batch_is_no_larger_than_the_data_unless_asked_for),
      cmocka_unit_test(bench_says_what_was_saved),
      cmocka_unit_test(bench_measures_the_machine_and_the_memory),
      cmocka_unit_test(a_sweep_gives_a_row_per_combination),
      cmocka_unit_test(a_sweep_over_nodes_fills_a_mini_batch_and_draws_it),
      cmocka_unit_test(wrong_sweeps_are_named),
      cmocka_unit_test(bench_shows_a_table_over_all_policies),
      cmocka_unit_test(paper_compares_the_ways_of_batching),
      cmocka_unit_test(paper_takes_data_sets_as_they_are_kept),
      cmocka_unit_test(paper_says_what_it_had_no_data_for),
  };
  return cmocka_run_group_tests(tests, command_begin, command_end);
}
