/* tests/model/test_read.c: rules of read sections, as parsed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

#define CELLS "edb 1\nmodel m\ncell f(x[2]) -> (x[2]):\ncell g(x[2]...) -> (y[2]):\n  y = sum(x)\n"

static void rules_are_kept_as_written(void **state) {
  (void)state;
  uint32_t count = 0;
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, CELLS "read trees:\n  leaf -> f(word)\n"
                                            "  inner(first, rest...) -> g(first.x, rest)\n"
                                            "read other:\n  any() -> f()\n");
  const edb_read_rule *rules = edb_model_read_rules(model, &count);
  assert_int_equal(count, 3);
  assert_string_equal(rules[0].reader, "trees");
  assert_string_equal(rules[0].pattern, "leaf");
  assert_int_equal(rules[0].n_bound, 0);
  assert_int_equal(rules[0].cell, 0);
  assert_string_equal(rules[0].arguments[0].name, "word");
  assert_null(rules[0].arguments[0].output);
  assert_int_equal(rules[1].line, 8);
  assert_int_equal(rules[1].column, 3);
  assert_int_equal(rules[1].cell, 1);
  assert_false(rules[1].bound[0].rest);
  assert_true(rules[1].bound[1].rest);
  assert_string_equal(rules[1].arguments[0].output, "x");
  assert_string_equal(rules[1].arguments[1].name, "rest");
  assert_string_equal(rules[2].reader, "other");
  assert_int_equal(rules[2].n_arguments, 0);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void refuse(const char *rule, edb_status status, const char *start) {
  char text[512];
  (void)snprintf(text, sizeof text, CELLS "read trees:\n  %s\n", rule);
  assert_refused(text, status, start);
}

static void malformed_rules_are_refused_with_their_position(void **state) {
  (void)state;
  refuse("leaf f(x)", EDB_ERROR_FORMAT,
         "m.edb:7:8: expected \"->\" after the pattern, found \"f\"");
  refuse("leaf -> (x)", EDB_ERROR_FORMAT, "m.edb:7:11: expected the name of a cell");
  refuse("leaf -> ff(x)", EDB_ERROR_NAME,
         "m.edb:7:11: there is no cell \"ff\"; did you mean \"f\"?");
  refuse("leaf -> f", EDB_ERROR_FORMAT, "m.edb:7:12: expected \"(\" before the names of a rule");
  refuse("leaf -> f(x", EDB_ERROR_FORMAT, "m.edb:8:1: expected \")\" or \",\" after a name");
  refuse("leaf -> f(x.)", EDB_ERROR_FORMAT, "m.edb:7:15: expected the name of an output");
  refuse("leaf -> f(x...)", EDB_ERROR_FORMAT, "m.edb:7:14: expected \")\" or \",\" after a name");
  refuse("a(b, b) -> f(b)", EDB_ERROR_NAME, "m.edb:7:8: \"b\" is bound twice");
  refuse("a(b..., c) -> f(b)", EDB_ERROR_FORMAT, "m.edb:7:9: expected \")\" after \"...\"");
  refuse("a(b.x) -> f(b)", EDB_ERROR_FORMAT, "m.edb:7:6: expected \")\" or \",\"");
  refuse("a(cell) -> f(b)", EDB_ERROR_NAME, "m.edb:7:5: the name \"cell\" is a word");
  refuse("a -> f(x) y", EDB_ERROR_FORMAT, "m.edb:7:13: expected the end of the line after a rule");
}

static void a_read_section_has_a_name_and_rules(void **state) {
  (void)state;
  assert_refused(CELLS "read trees:\n", EDB_ERROR_FORMAT,
                 "m.edb:7:1: expected an indented rule of the reader");
  assert_refused(CELLS "read:\n", EDB_ERROR_FORMAT, "m.edb:6:5: expected the name of a reader");
  assert_refused(CELLS "read index:\n a -> f(x)\n", EDB_ERROR_NAME,
                 "m.edb:6:6: the name \"index\" is a word");
}

static void a_refused_call_adds_no_rule(void **state) {
  (void)state;
  uint32_t count = 0;
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, CELLS);
  assert_int_equal(edb_model_add_read(model, "trees", "a -> f(x)", NULL), EDB_OK);
  assert_int_equal(edb_model_add_read(model, "trees", "a -> f(x) y", NULL), EDB_ERROR_FORMAT);
  assert_int_equal(edb_model_add_read(model, "trees", "", NULL), EDB_ERROR_FORMAT);
  assert_int_equal(edb_model_add_read(model, "two words", "a -> f(x)", NULL), EDB_ERROR_NAME);
  assert_int_equal(edb_model_add_read(model, NULL, "a -> f(x)", NULL), EDB_ERROR_ARGUMENT);
  (void)edb_model_read_rules(model, &count);
  assert_int_equal(count, 1);
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rules_are_kept_as_written),
      cmocka_unit_test(malformed_rules_are_refused_with_their_position),
      cmocka_unit_test(a_read_section_has_a_name_and_rules),
      cmocka_unit_test(a_refused_call_adds_no_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
