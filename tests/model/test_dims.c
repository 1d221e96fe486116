/* tests/model/test_dims.c: dimension expressions, constants and their overrides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

/* The value of constant c in a file that says `const a = 6, b = 7` and then `const c = TEXT`. */
static int64_t value_of(const char *expression) {
  char text[4096];
  int64_t value = 0;
  (void)snprintf(text, sizeof text, "edb 1\nmodel m\nconst a = 6, b = 7\nconst c = %s\n",
                 expression);
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, text);
  assert_true(edb_model_constant(model, "c", &value));
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
  return value;
}

static void refuse(const char *expression, edb_status status, const char *start) {
  char text[4096];
  (void)snprintf(text, sizeof text, "edb 1\nmodel m\nconst a = 6, b = 7\nconst c = %s\n",
                 expression);
  assert_refused(text, status, start);
}

static void precedence_and_parentheses_are_as_in_arithmetic(void **state) {
  (void)state;
  assert_int_equal(value_of("2 + 3 * 4"), 14);
  assert_int_equal(value_of("(2 + 3) * 4"), 20);
  assert_int_equal(value_of("2 * 3 + 4"), 10);
  assert_int_equal(value_of("10 - 3 - 2"), 5);
  assert_int_equal(value_of("10 - (3 - 2)"), 9);
  assert_int_equal(value_of("a * b - (a - b) * 2"), 44);
  assert_int_equal(value_of("((((a))))"), 6);
  assert_int_equal(value_of("2*(3+4*(5-(6-7)))"), 54);
  assert_int_equal(value_of("-5"), -5);
  assert_int_equal(value_of("0"), 0);
}

static void values_may_be_as_large_as_64_bits_and_no_larger(void **state) {
  (void)state;
  assert_true(value_of("9223372036854775807") == INT64_MAX);
  refuse("9223372036854775808", EDB_ERROR_LIMIT, "m.edb:4:11: the whole number does not fit");
  refuse("9223372036854775807 + 1", EDB_ERROR_LIMIT,
         "m.edb:4:11: \"9223372036854775807+1\" does not");
  refuse("0 - 9223372036854775807 - 2", EDB_ERROR_LIMIT, "m.edb:4:11:");
  refuse("4294967296 * 4294967296", EDB_ERROR_LIMIT, "m.edb:4:11:");
}

static void malformed_expressions_are_refused_with_their_position(void **state) {
  (void)state;
  refuse("", EDB_ERROR_FORMAT,
         "m.edb:4:10: expected a whole number, a constant or \"(\", found the end of the line");
  refuse("2 +", EDB_ERROR_FORMAT, "m.edb:4:14: expected a whole number");
  refuse("(2", EDB_ERROR_FORMAT, "m.edb:5:1: expected \")\", found the end of the text");
  refuse("2)", EDB_ERROR_FORMAT, "m.edb:4:12: expected the end of the line or \",\"");
  refuse("2 3", EDB_ERROR_FORMAT, "m.edb:4:13: expected the end of the line or \",\"");
  refuse("1.5", EDB_ERROR_FORMAT, "m.edb:4:11: expected a whole number, found \"1.5\"");
  refuse("a / 2", EDB_ERROR_FORMAT, "m.edb:4:13: expected the end of the line or \",\"");
  refuse("- a", EDB_ERROR_FORMAT, "m.edb:4:13: expected a whole number after \"-\"");
}

static void unknown_names_are_refused_and_a_close_one_is_suggested(void **state) {
  (void)state;
  assert_refused(
      "edb 1\nmodel m\nconst hidden = 4\nparam W[hiden]\n", EDB_ERROR_NAME,
      "m.edb:4:9: \"hiden\" is not a constant or a vocabulary; did you mean \"hidden\"?");
  refuse("c", EDB_ERROR_NAME, "m.edb:4:11: \"c\" is not a constant");
  refuse("zzz", EDB_ERROR_NAME, "m.edb:4:11: \"zzz\" is not a constant");
}

static void constants_depend_on_constants_only(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\nvocab words\nconst c = words\n", EDB_ERROR_NAME,
                 "m.edb:4:11: \"words\" is not a constant");
}

static void nesting_and_length_are_bounded(void **state) {
  (void)state;
  char deep[256] = "", longest[3000] = "1";
  for (int i = 0; i < 33; i++) strcat(deep, "(");
  refuse(deep, EDB_ERROR_LIMIT, "m.edb:4:43: a dimension expression has more than 32 nested");
  for (int i = 0; i < 128; i++) strcat(longest, "+1");
  refuse(longest, EDB_ERROR_LIMIT, "m.edb:4:268: a dimension expression has more than 256");
  memset(longest, 0, sizeof longest);
  for (int i = 0; i < 1100; i++) strcat(longest, i % 2 ? "1" : "0");
  refuse(longest, EDB_ERROR_LIMIT, "m.edb:4:11: ");
}

/* Alternating brackets and both precedences let as many operators wait as can. */
static void the_deepest_expression_allowed_is_evaluated(void **state) {
  (void)state;
  char text[1024] = "";
  for (int i = 0; i < 32; i++) strcat(text, "1+1*(");
  strcat(text, "1+1*1");
  for (int i = 0; i < 32; i++) strcat(text, ")");
  assert_int_equal(value_of(text), 34);
}

static void shapes_must_have_positive_dimensions_of_31_bits(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\nparam W[0]\n", EDB_ERROR_LIMIT,
                 "m.edb:3:9: a dimension must be from 1 to 2147483647; \"0\" is 0");
  assert_refused("edb 1\nmodel m\nconst n = 2\nparam W[3, n - 4]\n", EDB_ERROR_LIMIT,
                 "m.edb:4:12: a dimension must be from 1 to 2147483647; \"n-4\" is -2");
  assert_refused("edb 1\nmodel m\nparam W[2147483648]\n", EDB_ERROR_LIMIT, "m.edb:3:9: ");
  assert_refused("edb 1\nmodel m\nparam W[1, 1, 1, 1]\n", EDB_ERROR_FORMAT,
                 "m.edb:3:18: a shape has at most 3 dimensions");
}

static void parameters_are_bounded_one_by_one_and_in_all(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\nparam W[2147483647, 2147483647, 2147483647]\n", EDB_ERROR_LIMIT,
                 "m.edb:3:21: a shape with more than 1099511627776 elements");
  assert_refused("edb 1\nmodel m\nparam W[1048576, 1048576], b[1]\n", EDB_ERROR_LIMIT,
                 "model m: the parameters have more than 1099511627776 elements");
}

/* ---- Overrides ------------------------------------------------------------------------------- */

static edb_status parse_with(edb_context *ctx, const char *text, const edb_constant *set,
                             uint32_t n_set, edb_model **out, edb_error *error) {
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = set;
  params.n_set = n_set;
  return edb_model_parse(ctx, text, strlen(text), "m.edb", &params, out, error);
}

static const char sized[] = "edb 1\nmodel m\nconst hidden = 8, embed = hidden\n"
                            "param W[hidden, 2*embed]\n"
                            "cell f(x[2*embed]) -> (h[hidden]):\n  h = W @ x\n";

static void an_override_changes_what_follows_from_it(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  int64_t value = 0;
  const edb_constant set[] = {{"hidden", 16}};
  assert_int_equal(parse_with(ctx, sized, set, 1, &model, NULL), EDB_OK);
  assert_true(edb_model_constant(model, "embed", &value));
  assert_int_equal(value, 16);
  assert_int_equal(edb_model_param_dim(model, 0, 1), 32);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void an_override_of_a_derived_constant_cuts_it_loose(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  const edb_constant set[] = {{"embed", 3}};
  assert_int_equal(parse_with(ctx, sized, set, 1, &model, NULL), EDB_OK);
  assert_int_equal(edb_model_param_dim(model, 0, 0), 8);
  assert_int_equal(edb_model_param_dim(model, 0, 1), 6);
  assert_int_equal(edb_model_set_constant(model, "hidden", 5, NULL), EDB_OK);
  assert_int_equal(edb_model_param_dim(model, 0, 0), 5);
  assert_int_equal(edb_model_param_dim(model, 0, 1), 6);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void an_override_of_an_unknown_constant_is_refused(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  edb_error error = {0};
  const edb_constant set[] = {{"hiden", 3}};
  assert_int_equal(parse_with(ctx, sized, set, 1, &model, &error), EDB_ERROR_NAME);
  assert_string_equal(error.text, "model m has no constant \"hiden\"; did you mean \"hidden\"?");
  assert_null(model);
  drop_context(ctx);
}

static void a_constant_can_be_changed_until_the_model_is_sealed(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, sized);
  assert_int_equal(edb_model_set_constant(model, "hidden", 32, NULL), EDB_OK);
  const edb_program *program = edb_model_program(model);
  assert_int_equal(program->cells[0].outputs[0].shape.dim[0], 32);
  assert_int_equal(program->cells[0].input_shapes[0].dim[0], 64);
  assert_true(program->cells[0].flops == 2.0 * 32 * 64);
  assert_int_equal(edb_model_seal(model, NULL), EDB_OK);
  assert_int_equal(edb_model_set_constant(model, "hidden", 8, NULL), EDB_ERROR_STATE);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void a_change_that_does_not_fit_leaves_the_model_as_it_was(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, "edb 1\nmodel m\nconst n = 4, k = 4\nparam W[n, k]\n"
                                      "cell f(x[n]) -> (y[n]):\n  y = W @ x\n");
  char *before = print_model(model);
  edb_error error = {0};
  assert_int_equal(edb_model_set_constant(model, "k", 5, &error), EDB_ERROR_SHAPE);
  assert_non_null(strstr(error.text, "m.edb:6:9: cell f: \"@\": left operand W is [4, 5]"));
  assert_int_equal(edb_model_set_constant(model, "k", 0, &error), EDB_ERROR_LIMIT);
  assert_int_equal(edb_model_set_constant(model, "k", INT64_MIN, &error), EDB_ERROR_LIMIT);
  assert_int_equal(edb_model_set_constant(model, "kk", 4, &error), EDB_ERROR_NAME);
  char *after = print_model(model);
  assert_string_equal(before, after);
  assert_int_equal(edb_model_param_dim(model, 0, 1), 4);
  edb_string_destroy(ctx, before);
  edb_string_destroy(ctx, after);
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(precedence_and_parentheses_are_as_in_arithmetic),
      cmocka_unit_test(values_may_be_as_large_as_64_bits_and_no_larger),
      cmocka_unit_test(malformed_expressions_are_refused_with_their_position),
      cmocka_unit_test(unknown_names_are_refused_and_a_close_one_is_suggested),
      cmocka_unit_test(constants_depend_on_constants_only),
      cmocka_unit_test(nesting_and_length_are_bounded),
      cmocka_unit_test(the_deepest_expression_allowed_is_evaluated),
      cmocka_unit_test(shapes_must_have_positive_dimensions_of_31_bits),
      cmocka_unit_test(parameters_are_bounded_one_by_one_and_in_all),
      cmocka_unit_test(an_override_changes_what_follows_from_it),
      cmocka_unit_test(an_override_of_a_derived_constant_cuts_it_loose),
      cmocka_unit_test(an_override_of_an_unknown_constant_is_refused),
      cmocka_unit_test(a_constant_can_be_changed_until_the_model_is_sealed),
      cmocka_unit_test(a_change_that_does_not_fit_leaves_the_model_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
