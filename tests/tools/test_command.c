/* The edbatch command as users run it: its output, its messages, its exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TREE_LSTM EDB_SOURCE_DIR "/models/tree_lstm.edb"
#define TREE_GRU  EDB_SOURCE_DIR "/models/tree_gru.edb"
#define SMALL     " --set hidden=16"

static char folder[64]; /* of this run's files; the working directory of every command */

/* What a command printed (stdout and stderr together) and its exit code. */
typedef struct result {
  char *text;
  int code;
} result;

static result run(const char *format, ...) {
  char arguments[2048], line[4096];
  va_list list;
  va_start(list, format);
  vsnprintf(arguments, sizeof arguments, format, list);
  va_end(list);
  snprintf(line, sizeof line, "cd %s && </dev/null %s %s", folder, EDB_COMMAND, arguments);
  FILE *pipe = popen(line, "r");
  assert_non_null(pipe);
  result r = {.text = calloc(1, 1)};
  size_t length = 0;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0; length += n) {
    r.text = realloc(r.text, length + n + 1);
    assert_non_null(r.text);
    memcpy(r.text + length, buffer, n);
    r.text[length + n] = 0;
  }
  int status = pclose(pipe);
  r.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return r;
}

static void expect_code(result r, int code) {
  if (r.code != code) fail_msg("exit code %d instead of %d:\n%s", r.code, code, r.text);
}

/* Exit code and a part of the text. */
static void expect(result r, int code, const char *part) {
  expect_code(r, code);
  if (!strstr(r.text, part)) fail_msg("no \"%s\" in:\n%s", part, r.text);
  free(r.text);
}

static json_t *expect_json(result r) {
  expect_code(r, 0);
  json_error_t error;
  json_t *object = json_loads(r.text, 0, &error);
  if (!object) fail_msg("%s in:\n%s", error.text, r.text);
  free(r.text);
  return object;
}

static void write_file(const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/edbatch-test-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  result r = run("generate trees --count 40 --seed 3 -o trees.txt 2>&1");
  free(r.text);
  return r.code;
}

static int remove_folder(void **state) {
  (void)state;
  char line[128];
  snprintf(line, sizeof line, "rm -r %s", folder);
  return system(line);
}

/* ---- Help and usage -----------------------------------------------------------------------------
 */

static const char *const commands[] = {"run",     "learn", "schedule", "check",     "bench",
                                       "inspect", "init",  "generate", "calibrate", "plan"};

static void help_lists_every_command(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    expect(run("--help"), 0, commands[i]);
}

static void help_of_every_command_has_an_example(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    expect(run("%s --help", commands[i]), 0, "Example:\n  edbatch ");
    expect(run("%s -h", commands[i]), 0, "Usage: edbatch ");
  }
}

static void help_says_what_an_option_is_for_this_command(void **state) {
  (void)state;
  expect(run("bench --help"), 0, "time per policy (default 1)");
  expect(run("schedule --help"), 0, "for exact, per graph (default 10");
  expect(run("paper --help"), 0, "for the whole of it (default 3000");
  expect(run("calibrate --help"), 0, "mini-batches of each size (default 4)");
}

static void the_version_is_printed(void **state) {
  (void)state;
  expect(run("--version"), 0, "edbatch 0.");
}

static void wrong_usage_exits_with_2(void **state) {
  (void)state;
  expect(run("2>&1"), 2, "Usage");
  expect(run("fly 2>&1"), 2, "no command `fly`");
  expect(run("run --fly 2>&1"), 2, "no option --fly");
  expect(run("run 2>&1"), 2, "MODEL");
  expect(run("run " TREE_LSTM " 2>&1"), 2, "--data");
  expect(run("run " TREE_LSTM " --data 2>&1"), 2, "--data needs a value");
  expect(run("bench " TREE_LSTM " --data trees.txt --batch zero 2>&1"), 2, "whole number");
  expect(run("bench " TREE_LSTM " --data trees.txt --batch 0 2>&1"), 2, "at least 1");
  expect(run("bench " TREE_LSTM " --data trees.txt --batch 4294967296 2>&1"), 2,
         "at most 4294967295");
  expect(run("bench " TREE_LSTM " --data trees.txt --threads -1 2>&1"), 2, "whole number");
  expect(run("bench " TREE_LSTM " --data trees.txt --sessions 100000 2>&1"), 2, "at most 1024");
  expect(run("bench " TREE_LSTM " --data trees.txt --seconds nan 2>&1"), 2, "needs a time");
  expect(run("inspect " TREE_LSTM " --set hidden=99999999999999999999 2>&1"), 2, "out of range");
  expect(run("bench " TREE_LSTM " --data trees.txt --batch 41 2>&1"), 2, "40 instances");
  expect(run("run " TREE_LSTM " --data trees.txt --set hidden 2>&1"), 2, "NAME=VALUE");
  expect(run("run " TREE_LSTM " --data trees.txt --device gpu 2>&1"), 2, "cpu, reference");
  expect(run("run " TREE_LSTM " --data trees.txt --policy none 2>&1"), 2, "neither a policy");
  expect(run("run " TREE_LSTM " --data trees.txt --outputs q 2>&1"), 2, "output `q`");
  expect(run("run " TREE_LSTM " --data trees.txt --table-mib 0 2>&1"), 2, "at least 1");
  expect(run("learn " TREE_LSTM " --data trees.txt 2>&1"), 2, "-o FILE");
  expect(run("generate trees 2>&1"), 2, "-o FILE");
  expect(run("calibrate " TREE_LSTM " --data trees.txt 2>&1"), 2, "-o FILE");
  expect(run("run " TREE_LSTM " --data trees.txt --minimise time 2>&1"), 2, "--costs FILE");
  expect(run("run " TREE_LSTM " --data trees.txt --minimise money 2>&1"), 2, "batches, time");
  expect(run("run " TREE_LSTM " --data trees.txt --minimise time --costs c.json -p depth 2>&1"), 2,
         "--policy best");
}

static void options_are_named_whole(void **state) {
  (void)state;
  expect(run("check " TREE_LSTM " --data trees.txt --policy depth 2>&1"), 2,
         "no option --policy; did you mean `--policy-file`?");
  expect(run("bench " TREE_LSTM " --bach=8 2>&1"), 2, "no option --bach; did you mean `--batch`?");
  expect(run("inspect " TREE_LSTM " --js 2>&1"), 2, "did you mean `--json`?");
  expect(run("inspect -q " TREE_LSTM " 2>&1"), 2, "no option -q");
  expect(run("inspect " TREE_LSTM " --set=hidden=4 -j"), 0, "\"tree_lstm\"");
}

static void mistyped_names_are_answered_with_the_nearest(void **state) {
  (void)state;
  expect(run("shedule 2>&1"), 2, "no command `shedule`; did you mean `schedule`?");
  expect(run("help insect 2>&1"), 2, "did you mean `inspect`?");
  expect(run("schedule " TREE_LSTM SMALL " --data trees.txt --policy bestt 2>&1"), 2,
         "did you mean `best`?");
  expect(run("schedule " TREE_LSTM SMALL " --data trees.txt --policy nine 2>&1"), 2,
         "best or exact");
}

static void help_of_a_command_is_printed_by_help_as_well(void **state) {
  (void)state;
  expect(run("help run"), 0, "Usage: edbatch run ");
  expect(run("help"), 0, "Usage: edbatch COMMAND");
}

static void wrong_values_of_options_are_wrong_usage(void **state) {
  (void)state;
  expect(run("inspect " TREE_LSTM " --set hiden=3 2>&1"), 2, "hiden");
  expect(run("inspect " TREE_LSTM " --set hidden=0 2>&1"), 2, "from 1");
  expect(run("generate foo -o x 2>&1"), 2, "foo");
  expect(run("plan " TREE_LSTM " --json --dot 2>&1"), 2, "not both");
  write_file("broken.edb", "edb 1\nmodel m\nconst hidden = x\n");
  expect(run("inspect broken.edb --set hidden=3 2>&1"), 1, "broken.edb:3:");
}

static void all_forms_of_data_are_named(void **state) {
  (void)state;
  expect(run("run " TREE_LSTM " --data trees.txt --format foo 2>&1"), 2,
         "jsonl, trees, grids, tags, text, pairs, lattices, dags or plans; found `foo`");
}

static void data_can_come_from_stdin(void **state) {
  (void)state;
  expect(run("schedule " TREE_LSTM SMALL " --data - --policy depth <trees.txt"), 0, "batches ");
}

/* ---- Bad files ----------------------------------------------------------------------------------
 */

static void seeds_have_63_bits(void **state) {
  (void)state;
  expect(run("generate trees -c 1 --seed 9223372036854775807 -o seeded.txt --json"), 0,
         "9223372036854775807");
  expect(run("generate trees -c 1 --seed 9223372036854775808 -o seeded.txt 2>&1"), 2,
         "at most 9223372036854775807");
}

static void missing_files_exit_with_1_and_are_named(void **state) {
  (void)state;
  expect(run("run nothing.edb --data trees.txt 2>&1"), 1, "nothing.edb");
  expect(run("run " TREE_LSTM " --data nothing.txt 2>&1"), 1, "nothing.txt");
  expect(run("run " TREE_LSTM " --data trees.txt --weights nothing.st 2>&1"), 1, "nothing.st");
  expect(run("inspect nothing 2>&1"), 1, "nothing");
  expect(run("schedule --graph nothing 2>&1"), 1, "nothing");
}

static void bad_data_names_file_line_and_column(void **state) {
  (void)state;
  write_file("bad.txt", "(1 (2 a) (1 b))\n(1 (2 a) (1 b)\n");
  expect(run("run " TREE_LSTM SMALL " --data bad.txt 2>&1"), 1, "bad.txt:");
  write_file("bad.jsonl", "{\"nodes\":[{\"cell\":\"leef\",\"word\":\"a\"}]}\n");
  expect(run("run " TREE_LSTM SMALL " --data bad.jsonl 2>&1"), 1, "bad.jsonl:1:");
  write_file("empty.txt", "");
  expect(run("run " TREE_LSTM SMALL " --data empty.txt 2>&1"), 1, "empty.txt");
}

static void bad_instances_can_be_skipped(void **state) {
  (void)state;
  write_file("some.jsonl", "{\"nodes\":[{\"cell\":\"leaf\",\"word\":\"a\"}]}\n{\"nodes\":7}\n");
  expect(run("run " TREE_LSTM SMALL " --data some.jsonl --skip-bad 2>&1"), 0,
         "1 bad instances skipped, 1 read");
}

static void a_bad_model_names_line_and_column(void **state) {
  (void)state;
  write_file("bad.edb", "edb 1\nmodel m\ncell a(x[4]) -> (y[4]):\n  y = tanhh(x)\n");
  expect(run("inspect bad.edb 2>&1"), 1, "bad.edb:4:7");
}

static void a_policy_of_another_model_is_refused(void **state) {
  (void)state;
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -o lstm.json"), 0, "learned");
  result r = run("run " TREE_GRU SMALL " --data trees.txt --policy lstm.json 2>&1");
  expect(r, 1, "lstm.json");
}

static void the_granularity_is_that_of_the_policy_file(void **state) {
  (void)state;
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -g op -o op.json"), 0, "learned");
  result given = run("schedule " TREE_LSTM SMALL " --data trees.txt -g op --policy op.json 2>&1");
  expect(run("schedule " TREE_LSTM SMALL " --data trees.txt --policy op.json 2>&1"), 0, given.text);
  expect(given, 0, "batches ");
  expect(run("run " TREE_LSTM SMALL " --data trees.txt --policy-file op.json 2>&1"), 0, "loss");
  expect(run("check " TREE_LSTM SMALL " --data trees.txt -n 3 --policy-file op.json 2>&1"), 0,
         "identical");
  expect(run("run " TREE_LSTM SMALL " --data trees.txt -g cell --policy op.json 2>&1"), 2,
         "op.json is a policy of granularity op, but --granularity is cell");
}

static void a_policy_file_that_is_not_used_is_no_secret(void **state) {
  (void)state;
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -o lstm.json"), 0, "learned");
  expect(run("schedule " TREE_LSTM SMALL " --data trees.txt -p depth -P lstm.json 2>&1"), 0,
         "warning: --policy depth makes no use of --policy-file");
  result r = run("schedule " TREE_LSTM SMALL " --data trees.txt -p fsm -P lstm.json 2>&1");
  expect_code(r, 0);
  assert_null(strstr(r.text, "warning"));
  free(r.text);
}

/* ---- The main job -------------------------------------------------------------------------------
 */

static void run_prints_one_object_per_instance(void **state) {
  (void)state;
  write_file("two.txt", "(3 (2 good) (2 film))\n(1 (2 bad) (1 (2 , ) (2 film)))\n");
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
  expect(run("%s --cells score,leef 2>&1", print), 2, "no cell `leef`");
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

static void learned_policies_are_the_same_for_a_seed(void **state) {
  (void)state;
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -e sort --seed 9 -o a.json"), 0,
         "batches");
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -e sort --seed 9 -o b.json"), 0,
         "batches");
  char line[256];
  snprintf(line, sizeof line, "cmp %s/a.json %s/b.json", folder, folder);
  assert_int_equal(system(line), 0);
  expect(run("inspect a.json"), 0, "encoding sort");
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
  write_file("v1.txt", "4\n1 0\n2 0\n1 1 1\n2 1 2\n"); /* B() A() B(1) A(2) */
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
  write_file("v1.txt", "4\n1 0\n2 0\n1 1 1\n2 1 2\n"); /* B() A() B(1) A(2) */
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

static void the_fewest_batches_are_not_always_the_fastest(void **state) {
  (void)state;
  write_file("two_chains.txt", "6\n2 0\n2 1 0\n1 1 1\n1 0\n2 1 3\n2 1 4\n");
  write_file("raw.costs.json",
             "{\"edbatch-costs\": 1, \"granularity\": \"raw\",\n"
             " \"mini_batch\": {\"batch_ns\": 0, \"node_ns\": 0},\n"
             " \"types\": [{\"name\": \"1\", \"batch_ns\": 1000, \"node_ns\": 1},\n"
             "           {\"name\": \"2\", \"batch_ns\": 100, \"node_ns\": 1}]}\n");
  expect(run("schedule --graph two_chains.txt"), 0, "batches 4 bound 3");
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

static void check_says_identical(void **state) {
  (void)state;
  json_t *object =
      expect_json(run("check " TREE_LSTM SMALL " --data trees.txt -n 12 --threads 2 --json"));
  assert_true(json_is_true(json_object_get(object, "identical")));
  assert_true(json_real_value(json_object_get(object, "largest_error")) < 1e-5);
  assert_true(json_integer_value(json_object_get(object, "runs")) > 50);
  json_decref(object);
}

static void check_tries_every_placement(void **state) {
  (void)state;
  static const char check[] = "check " TREE_LSTM SMALL " --data trees.txt -n 4";
  json_t *all = expect_json(run("%s --json", check));
  json_t *one = expect_json(run("%s --json --placement ordered", check));
  assert_true(json_is_true(json_object_get(all, "identical")));
  assert_true(json_is_true(json_object_get(one, "identical")));
  /* Batches of 1, 2 and 8; two policies, two granularities, three placements. */
  assert_int_equal(json_integer_value(json_object_get(all, "runs")),
                   json_integer_value(json_object_get(one, "runs")) + 3 * 2 * 2 * 3);
  json_decref(all);
  json_decref(one);
  expect(run("%s --placement diagonal 2>&1", check), 2, "auto, arrival, ordered, direct");
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
    snprintf(path, sizeof path, "%s/results/%s", folder, files[i]);
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
  json_t *results =
      expect_json(run("paper " EDB_SOURCE_DIR "/models --models tree_lstm,lattice_gru,"
                      "bilstm_tagger,lstm_nmt --quick --seconds 1 --data-dir " EDB_SOURCE_DIR
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
  expect(run("plan copies.edb"), 0, "copied: y into a concat");
  expect(run("plan copies.edb"), 0, "copied: y, of a node, to each element");
}

static void plan_draws_cells_with_batches_as_clusters(void **state) {
  (void)state;
  expect(run("plan " TREE_LSTM SMALL " --dot"), 0, "digraph \"node\"");
  expect(run("plan " TREE_LSTM SMALL " --dot"), 0, "subgraph cluster_");
}

static void an_output_that_cannot_be_written_fails(void **state) {
  (void)state;
  expect(run("run " TREE_LSTM SMALL " --data two.txt 2>&1 >/dev/full"), 1, "cannot write");
  expect(run("learn " TREE_LSTM SMALL " --data trees.txt -o no/where.json 2>&1"), 1,
         "no/where.json");
  expect(run("run " TREE_LSTM SMALL " --data two.txt -o no/where 2>&1"), 1,
         "cannot write no/where: No such file");
  expect(run("run " TREE_LSTM SMALL " --data two.txt -o /dev/full 2>&1"), 1,
         "cannot write /dev/full: No space left on device");
}

static void every_command_says_when_its_output_cannot_be_written(void **state) {
  (void)state;
  free(run("init " TREE_LSTM SMALL " --data two.txt -o full.st 2>&1").text);
  static const char *const lines[] = {"--help",
                                      "--version",
                                      "help run",
                                      "run --help",
                                      "inspect " TREE_LSTM,
                                      "inspect full.st",
                                      "inspect -j full.st",
                                      "run " TREE_LSTM SMALL " --data two.txt --outputs h"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    expect(run("%s 2>&1 >/dev/full", lines[i]), 1, "cannot write the output");
    expect(run("%s 2>&1 >&-", lines[i]), 1, "cannot write the output");
  }
  expect(run("run " TREE_LSTM SMALL " --data two.txt 2>&1 >/dev/full"), 1,
         "No space left on device");
}

static void a_closed_output_does_not_end_up_in_a_file(void **state) {
  (void)state;
  result r = run("run " TREE_LSTM SMALL " --data two.txt -o closed.json 2>/dev/null >&-");
  expect_code(r, 0);
  free(r.text);
  json_t *object = expect_json(run("2>/dev/null; head -n 1 closed.json"));
  json_decref(object);
  expect(run("inspect " TREE_LSTM " <&- | head -n 1"), 0, "edb 1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_lists_every_command),
      cmocka_unit_test(help_of_every_command_has_an_example),
      cmocka_unit_test(help_says_what_an_option_is_for_this_command),
      cmocka_unit_test(the_version_is_printed),
      cmocka_unit_test(wrong_usage_exits_with_2),
      cmocka_unit_test(options_are_named_whole),
      cmocka_unit_test(mistyped_names_are_answered_with_the_nearest),
      cmocka_unit_test(help_of_a_command_is_printed_by_help_as_well),
      cmocka_unit_test(wrong_values_of_options_are_wrong_usage),
      cmocka_unit_test(all_forms_of_data_are_named),
      cmocka_unit_test(data_can_come_from_stdin),
      cmocka_unit_test(seeds_have_63_bits),
      cmocka_unit_test(missing_files_exit_with_1_and_are_named),
      cmocka_unit_test(bad_data_names_file_line_and_column),
      cmocka_unit_test(bad_instances_can_be_skipped),
      cmocka_unit_test(a_bad_model_names_line_and_column),
      cmocka_unit_test(a_policy_of_another_model_is_refused),
      cmocka_unit_test(the_granularity_is_that_of_the_policy_file),
      cmocka_unit_test(a_policy_file_that_is_not_used_is_no_secret),
      cmocka_unit_test(run_prints_one_object_per_instance),
      cmocka_unit_test(run_prints_the_nodes_that_are_asked_for),
      cmocka_unit_test(without_labels_there_is_no_loss),
      cmocka_unit_test(numbers_that_are_not_finite_are_null),
      cmocka_unit_test(all_policies_and_devices_print_the_same_values),
      cmocka_unit_test(bf16_is_checked_and_is_not_fp32),
      cmocka_unit_test(learned_policies_are_the_same_for_a_seed),
      cmocka_unit_test(a_learned_table_is_shown_with_what_tells_its_states_apart),
      cmocka_unit_test(schedules_end_with_batches_and_bound),
      cmocka_unit_test(beams_are_as_wide_as_asked),
      cmocka_unit_test(raw_graphs_are_scheduled_and_learned_from),
      cmocka_unit_test(costs_are_measured_and_minimised),
      cmocka_unit_test(bench_lets_best_count_its_own_time),
      cmocka_unit_test(inspect_shows_costs),
      cmocka_unit_test(the_fewest_batches_are_not_always_the_fastest),
      cmocka_unit_test(compare_shows_all_policies_of_raw_graphs),
      cmocka_unit_test(compare_measures_runs_of_a_model),
      cmocka_unit_test(check_says_identical),
      cmocka_unit_test(check_tries_every_placement),
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
      cmocka_unit_test(inspect_shows_a_model_that_reads_again),
      cmocka_unit_test(initial_weights_are_the_seeded_values_of_a_run),
      cmocka_unit_test(generate_and_init_say_in_json_what_they_wrote),
      cmocka_unit_test(plan_counts_kernels_and_copies_of_every_cell),
      cmocka_unit_test(plan_maps_the_memory_of_cells),
      cmocka_unit_test(plan_says_why_it_copies),
      cmocka_unit_test(plan_draws_cells_with_batches_as_clusters),
      cmocka_unit_test(an_output_that_cannot_be_written_fails),
      cmocka_unit_test(every_command_says_when_its_output_cannot_be_written),
      cmocka_unit_test(a_closed_output_does_not_end_up_in_a_file),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
