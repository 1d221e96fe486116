/* Files that edbatch cannot read or write, or that do not belong together. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

static void data_can_come_from_stdin(void **state) {
  (void)state;
  expect(run("schedule " TREE_LSTM SMALL " --data - --policy depth <trees.txt"), 0, "batches ");
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
         "1 bad instance skipped, 1 read");
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
                                      "--man",
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
      cmocka_unit_test(data_can_come_from_stdin),
      cmocka_unit_test(missing_files_exit_with_1_and_are_named),
      cmocka_unit_test(bad_data_names_file_line_and_column),
      cmocka_unit_test(bad_instances_can_be_skipped),
      cmocka_unit_test(a_bad_model_names_line_and_column),
      cmocka_unit_test(a_policy_of_another_model_is_refused),
      cmocka_unit_test(the_granularity_is_that_of_the_policy_file),
      cmocka_unit_test(a_policy_file_that_is_not_used_is_no_secret),
      cmocka_unit_test(an_output_that_cannot_be_written_fails),
      cmocka_unit_test(every_command_says_when_its_output_cannot_be_written),
      cmocka_unit_test(a_closed_output_does_not_end_up_in_a_file),
  };
  return cmocka_run_group_tests(tests, command_begin, command_end);
}
