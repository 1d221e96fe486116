/* tests/model/test_builder.c: models built call by call, equal to those from files, and misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

static edb_context *ctx;
static edb_model *model;
static edb_cell *cell;

/* A model with n = 4, words, W[n, n], E[words, n], and a cell `f` begun. */
static int set_up(void **state) {
  (void)state;
  ctx = new_context();
  bool fine = edb_model_create(ctx, "m", NULL, &model, NULL) == EDB_OK &&
              edb_model_add_constant(model, "n", "4", NULL) == EDB_OK &&
              edb_model_add_vocab(model, "words", NULL) == EDB_OK &&
              edb_model_add_param(model, "W", "n, n", NULL, NULL) == EDB_OK &&
              edb_model_add_param(model, "E", "words, n", "uniform(0.5)", NULL) == EDB_OK &&
              edb_cell_begin(model, "f", &cell, NULL) == EDB_OK;
  return fine ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  edb_model_destroy(model);
  drop_context(ctx);
  return 0;
}

static edb_expr op2(const char *name, edb_expr a, edb_expr b) {
  edb_expr operands[2] = {a, b};
  return edb_cell_op(cell, name, operands, 2);
}

static void assert_printed(const char *body) {
  char *text = print_model(model);
  if (!strstr(text, body)) fail_msg("expected\n%s\nin\n%s", body, text);
  edb_string_destroy(ctx, text);
  assert_round_trip(ctx, model);
}

static void assert_end_fails(edb_status status, const char *start) {
  edb_error error = {0};
  edb_status found = edb_cell_end(cell, &error);
  if (strncmp(error.text, start, strlen(start)) != 0) {
    fail_msg("expected \"%s\", found \"%s\"", start, error.text);
  }
  assert_string_equal(edb_status_name(found), edb_status_name(status));
  assert_int_equal(edb_model_cell_count(model), 0);
  assert_int_equal(edb_model_cell(model, "f"), UINT32_MAX);
}

static void calls_say_what_a_file_says(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n"), i = edb_cell_index(cell, "word", "words");
  edb_expr wx = op2("product", edb_cell_param(cell, "W"), x);
  edb_expr row = op2("lookup", edb_cell_param(cell, "E"), i);
  edb_expr y = op2("add", wx, op2("mul", edb_cell_number(cell, -2), row));
  edb_cell_output(cell, y, "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_int_equal(edb_model_add_read(model, "trees", "leaf(a...) -> f(a.y, word)", NULL), EDB_OK);
  edb_model *read = parse_model(
      ctx, "edb 1\nmodel m\nconst n = 4\nvocab words\nparam W[n, n], E[words, n] = uniform(0.5)\n"
           "cell f(x[n], word: index words) -> (y[...]):\n  y = W @ x + -2 * E[word]\n"
           "read trees:\n  leaf(a...) -> f(a.y, word)\n");
  /* The lookup was made before the product in neither; the order of calls is that of the file. */
  assert_same_model(model, read);
  edb_model_destroy(read);
}

static void a_value_that_is_used_twice_gets_a_name(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n"), t = edb_cell_op(cell, "tanh", &x, 1);
  edb_cell_output(cell, op2("mul", t, t), "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_printed("  t1 = tanh(x)\n  y = t1 * t1\n");
}

static void an_order_that_no_line_has_is_kept_by_names(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  edb_expr right = edb_cell_op(cell, "exp", &x, 1), left = edb_cell_op(cell, "tanh", &x, 1);
  edb_cell_output(cell, op2("sub", left, right), "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  const edb_ir_cell *ir = &edb_model_program(model)->cells[0];
  assert_int_equal(ir->ops[0].kind, EDB_OP_EXP);
  assert_printed("  t2 = exp(x)\n  t1 = tanh(x)\n  y = t1 - t2\n");
}

static void a_value_that_is_not_used_gets_a_name(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "t1", "n");
  (void)edb_cell_op(cell, "exp", &x, 1);
  edb_cell_output(cell, x, "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_printed("cell f(t1[n]) -> (y[...]):\n  t2 = exp(t1)\n  y = t1\n");
}

static void deep_nesting_is_cut_by_names(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  for (int i = 0; i < 1000; i++) x = edb_cell_op(cell, "neg", &x, 1);
  edb_cell_output(cell, x, "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_round_trip(ctx, model);
}

static void immediates_are_texts(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "2*n");
  const char *range[] = {"n", "2*n"}, *dims[] = {"2, n"}, *two[] = {"n", "2"}, *rate[] = {"0.25"};
  edb_cell_output(cell, edb_cell_op_with(cell, "slice", &x, 1, range, 2), "a");
  edb_cell_output(cell, edb_cell_op_with(cell, "reshape", &x, 1, dims, 1), "b");
  edb_cell_output(cell, edb_cell_op_with(cell, "reshape", &x, 1, two, 2), "c");
  edb_cell_output(cell, edb_cell_op_with(cell, "dropout", &x, 1, rate, 1), "d");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_printed("  a = x[n:2*n]\n  b = reshape(x, [2, n])\n  c = reshape(x, [n, 2])\n"
                 "  d = dropout(x, 0.25)\n");
}

static void the_first_error_sticks(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  assert_int_equal(op2("add", x, edb_cell_input(cell, "x", "n")), EDB_EXPR_NONE);
  assert_int_equal(edb_cell_op(cell, "nothing", &x, 1), EDB_EXPR_NONE);
  edb_cell_output(cell, x, "y");
  assert_end_fails(EDB_ERROR_NAME, "cell f: \"x\" has a value already");
}

static void a_wrong_operator_is_reported_at_the_end(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  (void)edb_cell_op(cell, "sigmoyd", &x, 1);
  assert_end_fails(EDB_ERROR_NAME,
                   "cell f: there is no operator \"sigmoyd\"; did you mean \"sigmoid\"?");
}

static void a_value_of_no_cell_is_refused(void **state) {
  (void)state;
  edb_expr wild = 77;
  (void)edb_cell_op(cell, "tanh", &wild, 1);
  assert_end_fails(EDB_ERROR_ARGUMENT, "cell f: operand 1 of \"tanh\" is no value of this cell");
}

static void wrong_shapes_are_refused(void **state) {
  (void)state;
  (void)op2("product", edb_cell_param(cell, "W"), edb_cell_input(cell, "x", "n + 1"));
  assert_end_fails(EDB_ERROR_SHAPE, "cell f: \"@\": left operand W is [4, 4], so the right one");
}

static void wrong_texts_are_refused(void **state) {
  (void)state;
  (void)edb_cell_input(cell, "x", "n +");
  assert_end_fails(EDB_ERROR_FORMAT, "x: expected a whole number");
}

static void a_bound_ends_where_its_size_does(void **state) {
  (void)state;
  assert_int_equal(edb_cell_index(cell, "i", "n 4"), EDB_EXPR_NONE);
  assert_end_fails(EDB_ERROR_FORMAT, "i: expected the end of the bound");
}

static void immediates_are_two_at_most(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  const char *three[] = {"0", "1, 2"};
  assert_int_equal(edb_cell_op_with(cell, "slice", &x, 1, three, 2), EDB_EXPR_NONE);
  assert_end_fails(EDB_ERROR_FORMAT, "cell f: \"slice\" has more than 2 immediates");
}

static void only_a_value_of_the_cell_takes_a_name(void **state) {
  (void)state;
  assert_int_equal(edb_cell_name(cell, 77, "x"), EDB_EXPR_NONE);
  assert_end_fails(EDB_ERROR_ARGUMENT, "cell f: \"x\" names no value of this cell");
}

static void what_follows_a_declaration_is_refused(void **state) {
  (void)state;
  edb_error error = {0};
  char name[200];
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = 0;
  assert_int_equal(edb_model_add_constant(model, "k", "4 5", &error), EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, "the end of the value"));
  assert_int_equal(edb_model_add_param(model, "P", "n n", NULL, &error), EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, "the end of the dimensions"));
  assert_int_equal(edb_model_add_param(model, "P", "n", "uniform(0.5) n", &error),
                   EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, "the end of the initialiser"));
  assert_int_equal(edb_model_add_read(model, name, "leaf -> f(word)", &error), EDB_ERROR_NAME);
  assert_string_equal(error.text, "the name of a reader is longer than 128 bytes");
  assert_int_equal(edb_model_param_count(model), 2);
  assert_false(edb_model_constant(model, "k", NULL));
}

static void a_cell_needs_a_name_that_a_file_could_have(void **state) {
  (void)state;
  edb_error error = {0};
  edb_cell *other = NULL;
  edb_cell_output(cell, edb_cell_input(cell, "x", "n"), "x");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_int_equal(edb_cell_begin(model, "9f", &other, &error), EDB_ERROR_NAME);
  assert_non_null(strstr(error.text, "cell: the name \"9f\" "));
  assert_null(other);
}

static void a_wrong_rate_is_refused(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  const char *rate[] = {"half"};
  (void)edb_cell_op_with(cell, "dropout", &x, 1, rate, 1);
  assert_end_fails(EDB_ERROR_FORMAT, "cell f: \"dropout\": the rate must be");
}

static void numbers_must_be_finite(void **state) {
  (void)state;
  (void)edb_cell_number(cell, 1.0 / 0.0);
  assert_end_fails(EDB_ERROR_ARGUMENT, "cell f: a number must be finite");
}

static void a_cell_needs_an_output(void **state) {
  (void)state;
  (void)edb_cell_input(cell, "x", "n");
  assert_end_fails(EDB_ERROR_FORMAT, "cell f has no outputs");
}

static void a_failed_cell_can_be_built_anew(void **state) {
  (void)state;
  (void)edb_cell_param(cell, "V");
  assert_end_fails(EDB_ERROR_NAME, "cell f: there is no parameter \"V\"");
  assert_int_equal(edb_cell_begin(model, "f", &cell, NULL), EDB_OK);
  edb_cell_output(cell, edb_cell_input(cell, "x", ""), "x");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_int_equal(edb_model_cell(model, "f"), 0);
}

static void a_constant_may_change_while_a_cell_is_built(void **state) {
  (void)state;
  edb_expr x = edb_cell_input(cell, "x", "n");
  edb_expr y = op2("product", edb_cell_param(cell, "W"), x);
  assert_int_equal(edb_model_set_constant(model, "n", 7, NULL), EDB_OK);
  edb_cell_output(cell, y, "y");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_int_equal(edb_model_output_size(model, 0, 0), 7);
}

static void a_sealed_model_does_not_change(void **state) {
  (void)state;
  uint32_t id = 0;
  edb_cell_output(cell, edb_cell_input(cell, "x", "n"), "x");
  assert_int_equal(edb_cell_end(cell, NULL), EDB_OK);
  assert_int_equal(edb_model_vocab_add(model, 0, "a", 1, &id, NULL), EDB_OK);
  assert_int_equal(edb_model_seal(model, NULL), EDB_OK);
  assert_int_equal(edb_model_seal(model, NULL), EDB_OK);
  assert_true(edb_model_is_sealed(model));
  assert_int_equal(edb_model_add_constant(model, "k", "1", NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_model_add_vocab(model, "k", NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_model_add_param(model, "k", "1", NULL, NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_cell_begin(model, "g", &cell, NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_model_add_read(model, "r", "a -> f(b)", NULL), EDB_ERROR_STATE);
}

static void wrong_parameters_of_a_model_are_refused(void **state) {
  (void)state;
  edb_model *other = NULL;
  edb_model_params params = EDB_PARAMS(edb_model_params);
  assert_int_equal(edb_model_create(ctx, "cell", NULL, &other, NULL), EDB_ERROR_NAME);
  assert_int_equal(edb_model_create(ctx, NULL, NULL, &other, NULL), EDB_ERROR_ARGUMENT);
  params.n_set = 1;
  assert_int_equal(edb_model_create(ctx, "m", &params, &other, NULL), EDB_ERROR_ARGUMENT);
  params.set = (const edb_constant[]){{NULL, 5}};
  assert_int_equal(edb_model_create(ctx, "m", &params, &other, NULL), EDB_ERROR_ARGUMENT);
  params.set = (const edb_constant[]){{"k", INT64_MIN}};
  assert_int_equal(edb_model_create(ctx, "m", &params, &other, NULL), EDB_ERROR_LIMIT);
  params.struct_bytes = 1;
  assert_int_equal(edb_model_create(ctx, "m", &params, &other, NULL), EDB_ERROR_ARGUMENT);
  assert_null(other);
}

static void an_override_waits_for_its_constant_until_the_seal(void **state) {
  (void)state;
  edb_model *other = NULL;
  const edb_constant set[] = {{"k", 5}, {"missing", 1}};
  edb_model_params params = EDB_PARAMS(edb_model_params);
  int64_t value = 0;
  params.set = set;
  params.n_set = 2;
  assert_int_equal(edb_model_create(ctx, "m", &params, &other, NULL), EDB_OK);
  assert_int_equal(edb_model_add_constant(other, "k", "1", NULL), EDB_OK);
  assert_true(edb_model_constant(other, "k", &value));
  assert_int_equal(value, 5);
  assert_int_equal(edb_model_seal(other, NULL), EDB_ERROR_NAME);
  edb_model_destroy(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
      TEST(calls_say_what_a_file_says),
      TEST(a_value_that_is_used_twice_gets_a_name),
      TEST(an_order_that_no_line_has_is_kept_by_names),
      TEST(a_value_that_is_not_used_gets_a_name),
      TEST(deep_nesting_is_cut_by_names),
      TEST(immediates_are_texts),
      TEST(the_first_error_sticks),
      TEST(a_wrong_operator_is_reported_at_the_end),
      TEST(a_value_of_no_cell_is_refused),
      TEST(wrong_shapes_are_refused),
      TEST(wrong_texts_are_refused),
      TEST(a_bound_ends_where_its_size_does),
      TEST(immediates_are_two_at_most),
      TEST(only_a_value_of_the_cell_takes_a_name),
      TEST(what_follows_a_declaration_is_refused),
      TEST(a_cell_needs_a_name_that_a_file_could_have),
      TEST(a_wrong_rate_is_refused),
      TEST(numbers_must_be_finite),
      TEST(a_cell_needs_an_output),
      TEST(a_failed_cell_can_be_built_anew),
      TEST(a_constant_may_change_while_a_cell_is_built),
      TEST(a_sealed_model_does_not_change),
      TEST(wrong_parameters_of_a_model_are_refused),
      TEST(an_override_waits_for_its_constant_until_the_seal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
