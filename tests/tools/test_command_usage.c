/* What the edbatch command says of itself, and of a command line that it does not understand. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const commands[] = {"run",  "learn",    "schedule",  "check", "bench", "inspect",
                                       "init", "generate", "calibrate", "plan",  "paper"};

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

/* Of the page the part on a command, to the next one; the caller frees it. */
static char *section_of(const char *page, const char *name) {
  char title[64];
  snprintf(title, sizeof title, "\n.SS edbatch %s\n", name);
  const char *begin = strstr(page, title);
  if (!begin) {
    fail_msg("no section of %s", name);
    return NULL;
  }
  const char *end = strstr(begin + 1, "\n.S");
  return strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
}

static void the_manual_page_has_every_option_of_every_command(void **state) {
  (void)state;
  result page = run("--man");
  expect_code(page, 0);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    char *section = section_of(page.text, commands[i]);
    result help = run("%s --help | sed -n '/^Options:/,/^$/s/^[ a-zA-Z,-]*--\\([a-z-]*\\).*/\\1/p'",
                      commands[i]);
    expect_code(help, 0);
    unsigned n = 0;
    for (char *name = strtok(help.text, "\n"); name; name = strtok(NULL, "\n"), n++) {
      char wanted[128] = "\\fB\\-\\-";
      size_t used = strlen(wanted);
      for (const char *c = name; *c && used < sizeof wanted - 8; c++) {
        if (*c == '-') wanted[used++] = '\\';
        wanted[used++] = *c;
      }
      strcpy(wanted + used, "\\fR");
      if (!strstr(section, wanted)) fail_msg("no --%s of %s", name, commands[i]);
    }
    assert_true(n >= 2); /* --help is one */
    free(help.text);
    free(section);
  }
  free(page.text);
}

static void the_manual_page_is_roff_without_warnings(void **state) {
  (void)state;
  result groff = run("--version >/dev/null; command -v groff");
  free(groff.text);
  if (groff.code != 0) {
    print_message("skipped: there is no groff\n");
    skip();
  }
  result warnings = run("--man | groff -man -ww -z 2>&1");
  expect_code(warnings, 0);
  assert_string_equal(warnings.text, "");
  free(warnings.text);
}

static void the_version_is_printed(void **state) {
  (void)state;
  expect(run("--version"), 0, "edbatch 0.");
}

static void wrong_usage_exits_with_2(void **state) {
  (void)state;
  expect(run("2>&1"), 2, "Usage");
  expect(run("fly 2>&1"), 2, "no command \"fly\"");
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
  expect(run("run " TREE_LSTM " --data trees.txt --outputs q 2>&1"), 2, "output \"q\"");
  expect(run("run " TREE_LSTM " --data trees.txt --table-mib 0 2>&1"), 2, "at least 1");
  expect(run("learn " TREE_LSTM " --data trees.txt 2>&1"), 2, "-o FILE");
  expect(run("generate trees 2>&1"), 2, "-o FILE");
  expect(run("calibrate " TREE_LSTM " --data trees.txt 2>&1"), 2, "-o FILE");
  expect(run("run " TREE_LSTM " --data trees.txt --minimise money 2>&1"), 2, "batches, time");
  expect(run("run " TREE_LSTM " --data trees.txt --minimise time --costs c.json -p depth 2>&1"), 2,
         "--policy best");
}

static void options_are_named_whole(void **state) {
  (void)state;
  expect(run("check " TREE_LSTM " --data trees.txt --policy depth 2>&1"), 2,
         "no option --policy; did you mean \"--policy-file\"?");
  expect(run("bench " TREE_LSTM " --bach=8 2>&1"), 2,
         "no option --bach; did you mean \"--batch\"?");
  expect(run("inspect " TREE_LSTM " --js 2>&1"), 2, "did you mean \"--json\"?");
  expect(run("inspect -q " TREE_LSTM " 2>&1"), 2, "no option -q");
  expect(run("inspect " TREE_LSTM " --set=hidden=4 -j"), 0, "\"tree_lstm\"");
}

static void mistyped_names_are_answered_with_the_nearest(void **state) {
  (void)state;
  expect(run("shedule 2>&1"), 2, "no command \"shedule\"; did you mean \"schedule\"?");
  expect(run("help insect 2>&1"), 2, "did you mean \"inspect\"?");
  expect(run("schedule " TREE_LSTM SMALL " --data trees.txt --policy bestt 2>&1"), 2,
         "did you mean \"best\"?");
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
         "jsonl, trees, grids, tags, text, pairs, lattices, dags or plans; found \"foo\"");
}

static void seeds_have_63_bits(void **state) {
  (void)state;
  expect(run("generate trees -c 1 --seed 9223372036854775807 -o seeded.txt --json"), 0,
         "9223372036854775807");
  expect(run("generate trees -c 1 --seed 9223372036854775808 -o seeded.txt 2>&1"), 2,
         "at most 9223372036854775807");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_lists_every_command),
      cmocka_unit_test(help_of_every_command_has_an_example),
      cmocka_unit_test(help_says_what_an_option_is_for_this_command),
      cmocka_unit_test(the_manual_page_has_every_option_of_every_command),
      cmocka_unit_test(the_manual_page_is_roff_without_warnings),
      cmocka_unit_test(the_version_is_printed),
      cmocka_unit_test(wrong_usage_exits_with_2),
      cmocka_unit_test(options_are_named_whole),
      cmocka_unit_test(mistyped_names_are_answered_with_the_nearest),
      cmocka_unit_test(help_of_a_command_is_printed_by_help_as_well),
      cmocka_unit_test(wrong_values_of_options_are_wrong_usage),
      cmocka_unit_test(all_forms_of_data_are_named),
      cmocka_unit_test(seeds_have_63_bits),
  };
  return cmocka_run_group_tests(tests, command_begin, command_end);
}
