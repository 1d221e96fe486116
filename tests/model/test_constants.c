/* tests/model/test_constants.c: constants as numbers in the lines of a cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

static double number(const edb_model *model, uint32_t index) {
  return model->cells.data[0].numbers[index];
}

static void a_constant_is_a_number_where_a_value_stands(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model =
      parse_cell_model(ctx, "x[n]", "h[n], m", "  h = x / sqrt(n) * 2 - n\n  m = k\n");
  assert_int_equal(model->cells.data[0].n_numbers, 4);
  assert_true(number(model, 0) == 4 && number(model, 1) == 2 && number(model, 2) == 4);
  assert_true(number(model, 3) == 3);
  assert_round_trip(ctx, model);
  char *text = print_model(model);
  assert_non_null(strstr(text, "  h = x / sqrt(n) * 2 - n\n  m = k\n"));
  edb_free(ctx, text, strlen(text) + 1);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void numbers_follow_when_a_constant_is_overridden(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, "x[n]", "h[n]", "  h = x * n + k\n");
  assert_int_equal(edb_model_set_constant(model, "n", 7, NULL), EDB_OK);
  assert_true(number(model, 0) == 7 && number(model, 1) == 3);
  assert_int_equal(edb_model_set_constant(model, "k", 1, NULL), EDB_OK);
  assert_true(number(model, 0) == 7 && number(model, 1) == 1);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void values_of_a_cell_come_before_constants(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, "n[k]", "h[k]", "  k = n + n\n  h = k\n");
  assert_int_equal(model->cells.data[0].n_numbers, 0);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void the_name_of_a_constant_in_use_is_taken(void **state) {
  (void)state;
  assert_cell_refused("x[n]", "h[n]", "  h = x * k\n  k = x + x\n", EDB_ERROR_NAME,
                      "m.edb:9:3: cell f: \"k\" has a value already");
  assert_cell_refused("x[n]", "h[n], k", "  h = x * k\n", EDB_ERROR_NAME,
                      "m.edb:7:24: cell f: output k is a constant");
}

static void vocabularies_are_no_numbers(void **state) {
  (void)state;
  assert_cell_refused("x[n]", "h[n]", "  h = x / words\n", EDB_ERROR_NAME,
                      "m.edb:8:11: cell f: \"words\" is a vocabulary, which is no value");
}

static void cells_can_be_built_with_constants(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, "x[n]", "h[n]", "  h = x * n\n");
  edb_cell *cell = NULL;
  assert_int_equal(edb_cell_begin(model, "g", &cell, NULL), EDB_OK);
  edb_expr x = edb_cell_input(cell, "x", "n");
  edb_expr n = edb_cell_constant(cell, "n");
  assert_int_equal(edb_cell_constant(cell, "n"), n);
  edb_expr all[2] = {x, n};
  edb_cell_output(cell, edb_cell_op(cell, "div", all, 2), "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void constants_that_are_none_fail_the_cell(void **state) {
  (void)state;
  static const char *const names[] = {"W", "words", "nothing", "n"};
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, "x[n]", "h[n]", "  h = x\n");
  for (size_t i = 0; i < 4; i++) {
    edb_cell *cell = NULL;
    assert_int_equal(edb_cell_begin(model, "g", &cell, NULL), EDB_OK);
    (void)edb_cell_input(cell, "n", "n");
    assert_int_equal(edb_cell_constant(cell, names[i]), EDB_EXPR_NONE);
    assert_int_equal(edb_cell_end(cell, NULL), EDB_ERROR_NAME);
  }
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_constant_is_a_number_where_a_value_stands),
      cmocka_unit_test(numbers_follow_when_a_constant_is_overridden),
      cmocka_unit_test(values_of_a_cell_come_before_constants),
      cmocka_unit_test(the_name_of_a_constant_in_use_is_taken),
      cmocka_unit_test(vocabularies_are_no_numbers),
      cmocka_unit_test(cells_can_be_built_with_constants),
      cmocka_unit_test(constants_that_are_none_fail_the_cell),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
