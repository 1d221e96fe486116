/* tests/model/test_parser.c: what the language accepts, and errors with their positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

static void accept(const char *text) {
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, text);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

/* The body `  r = EXPRESSION` prints as `  r = PRINTED`. */
static void assert_prints(const char *expression, const char *printed) {
  char body[512], line[512];
  (void)snprintf(body, sizeof body, "  r = %s\n", expression);
  (void)snprintf(line, sizeof line, "  r = %s\n", printed);
  edb_context *ctx = new_context();
  edb_model *model =
      parse_cell_model(ctx, "x[n], y[n], q, m[n, n], vs[n]..., i: index k", "r[...]", body);
  char *text = print_model(model);
  if (!strstr(text, line)) fail_msg("expected \"%s\" in\n%s", line, text);
  edb_string_destroy(ctx, text);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void refuse(const char *expression, edb_status status, const char *start) {
  char body[2048];
  (void)snprintf(body, sizeof body, "  r = %s\n", expression);
  assert_cell_refused("x[n], y[n], q, vs[n]..., i: index k", "r[...]", body, status, start);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void layout_does_not_matter(void **state) {
  (void)state;
  accept("edb 1\nmodel m");
  accept("\n\n# first\nedb 1 # one\n\nmodel m # two");
  accept("\xef\xbb\xbf"
         "edb 1\r\nmodel m\r\nconst a = 1,\r\n\r\n  b = 2\r\n");
  accept("edb 1\nmodel m\nconst a = (\n 1 +\n2\n)\n");
  accept("edb 1\nmodel m\nparam W[\n  2,\n # rows\n 3\n], b[3\n] = ones,\n c[1]\n");
  accept("edb 1\nmodel m\ncell f(x[2],\n  y[2],\n) -> (z[2],):\n\t# sum\n\tz = (x\n+ y)\n\n\n");
  accept("edb 1\nmodel m\ncell f(x[2]) -> (x[2]):\ncell g(x) -> (y):\n y = x\n# \xc3\xa9\n");
}

static void the_head_is_required(void **state) {
  (void)state;
  assert_refused("", EDB_ERROR_FORMAT, "m.edb:1:1: expected \"edb 1\"");
  assert_refused("model m", EDB_ERROR_FORMAT, "m.edb:1:1: expected \"edb 1\"");
  assert_refused("edb", EDB_ERROR_FORMAT, "m.edb:1:4: expected the version");
  assert_refused("edb 2\nmodel m", EDB_ERROR_UNSUPPORTED, "m.edb:1:5: the file has version 2");
  assert_refused("edb 1", EDB_ERROR_FORMAT, "m.edb:1:6: expected \"model NAME\"");
  assert_refused("edb 1 1", EDB_ERROR_FORMAT,
                 "m.edb:1:7: expected the end of the line after the version");
  assert_refused("edb 1\nmodel", EDB_ERROR_FORMAT, "m.edb:2:6: expected the name of the model");
  assert_refused("edb 1\nmodel cell", EDB_ERROR_NAME,
                 "m.edb:2:7: the name \"cell\" is a word of the language");
}

static void statements_are_known_and_not_indented(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\nparm W[2]", EDB_ERROR_FORMAT,
                 "m.edb:3:1: expected const, vocab, param, cell or read, found \"parm\"");
  assert_refused("edb 1\nmodel m\n  const a = 1", EDB_ERROR_FORMAT,
                 "m.edb:3:3: this line is indented");
  assert_refused("edb 1\nmodel m\nconst a 1", EDB_ERROR_FORMAT,
                 "m.edb:3:9: expected \"=\" after the name of a constant, found \"1\"");
  assert_refused("edb 1\nmodel m\nparam W", EDB_ERROR_FORMAT,
                 "m.edb:3:8: expected \"[\" after the name of a parameter");
  assert_refused("edb 1\nmodel m\nparam W[2] = one", EDB_ERROR_FORMAT,
                 "m.edb:3:14: expected an initialiser");
  assert_refused("edb 1\nmodel m\nparam W[2] = uniform", EDB_ERROR_FORMAT,
                 "m.edb:3:21: expected \"(\" after the initialiser");
  assert_refused("edb 1\nmodel m\nparam W[2] = default", EDB_ERROR_FORMAT,
                 "m.edb:3:14: expected an initialiser");
  assert_refused("edb 1\nmodel m\nvocab 1", EDB_ERROR_FORMAT,
                 "m.edb:3:7: expected the name of a vocabulary, found \"1\"");
}

static void names_are_declared_once(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\nconst a = 1\nvocab a", EDB_ERROR_NAME,
                 "m.edb:4:7: vocabulary: the name \"a\" is taken already");
  assert_refused("edb 1\nmodel m\nparam a[1], a[2]", EDB_ERROR_NAME,
                 "m.edb:3:13: parameter: the name \"a\" is taken already");
  assert_refused("edb 1\nmodel m\nconst index = 1", EDB_ERROR_NAME,
                 "m.edb:3:7: constant: the name \"index\" is a word of the language");
  assert_refused("edb 1\nmodel m\ncell f(x) -> (x):\ncell f(x) -> (x):", EDB_ERROR_NAME,
                 "m.edb:4:6: there is a cell \"f\" already");
  assert_refused("edb 1\nmodel m\ncell f(x, x) -> (x):", EDB_ERROR_NAME,
                 "m.edb:3:11: cell f: \"x\" has a value already");
  assert_refused("edb 1\nmodel m\ncell f(x) -> (y, y):\n y = x", EDB_ERROR_NAME,
                 "m.edb:3:18: cell f: output \"y\" is declared twice");
  assert_refused("edb 1\nmodel m\nparam x[1]\ncell f(x) -> (x):", EDB_ERROR_NAME,
                 "m.edb:4:8: cell f: \"x\" is the name of a parameter");
  assert_refused("edb 1\nmodel m\ncell f(x) -> (x):\nparam x[1]", EDB_ERROR_NAME,
                 "m.edb:4:7: parameter: \"x\" is the name of a value in a cell above");
  accept("edb 1\nmodel m\nconst x = 2\ncell x(x[x]) -> (x[x]):\n");
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static void heads_of_cells_are_checked(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\ncell f(x)", EDB_ERROR_FORMAT,
                 "m.edb:3:10: expected \"->\" and the outputs");
  assert_refused("edb 1\nmodel m\ncell f(x) -> ():\n", EDB_ERROR_FORMAT,
                 "m.edb:3:6: cell f has no outputs");
  assert_refused("edb 1\nmodel m\ncell f(x) -> (x)\n", EDB_ERROR_FORMAT,
                 "m.edb:3:17: expected \":\" after the head");
  assert_refused("edb 1\nmodel m\ncell f(x) -> (x): y = x\n", EDB_ERROR_FORMAT,
                 "m.edb:3:19: expected the end of the line after the head");
  assert_refused("edb 1\nmodel m\ncell f(x: float) -> (x):\n", EDB_ERROR_FORMAT,
                 "m.edb:3:11: expected \"index\" or \"dense\", found \"float\"");
  assert_refused("edb 1\nmodel m\ncell f(i: index 0) -> (x):\n", EDB_ERROR_LIMIT,
                 "m.edb:3:17: the bound of an index must be from 1");
  assert_refused("edb 1\nmodel m\ncell f(x[1, 2, 3]) -> (x):\n", EDB_ERROR_SHAPE,
                 "m.edb:3:8: cell f: x: values have at most 2 dimensions");
  assert_refused("edb 1\nmodel m\ncell f(x) -> (y):\n", EDB_ERROR_NAME,
                 "m.edb:3:15: cell f: there is no value or parameter \"y\"");
}

static void arguments_stand_in_any_order_and_print_in_that_of_a_call(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model =
      parse_model(ctx, "edb 1\nmodel m\ncell f(d: dense, i: index 3, x, j: index 2, y) -> (x):\n");
  char *text = print_model(model);
  assert_non_null(strstr(text, "cell f(x, y, i: index 3, j: index 2, d: dense) -> (x):\n"));
  edb_string_destroy(ctx, text);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void outputs_are_anything_but_indices_tables_and_variadic_values(void **state) {
  (void)state;
  accept("edb 1\nmodel m\nparam W[2]\ncell f(d: dense[3], x) -> (x, w[2], d[3], e[3], two, z, "
         "three):\n"
         "  w = W\n  e = d\n  two = 2\n  z = x * 5\n  three = -3\n");
  assert_refused("edb 1\nmodel m\nparam W[2]\ncell f(x) -> (W[2]):\n", EDB_ERROR_NAME,
                 "m.edb:4:15: cell f: \"W\" is the name of a parameter");
  assert_refused("edb 1\nmodel m\nparam W[2, 2, 2]\ncell f(x) -> (y[...]):\n y = W\n",
                 EDB_ERROR_SHAPE, "m.edb:4:15: cell f: output y is a table");
  assert_refused("edb 1\nmodel m\nparam W[2, 2, 2]\ncell f(x) -> (y[2]):\n y = W\n",
                 EDB_ERROR_SHAPE, "m.edb:4:17: cell f: output y is a table");
  assert_refused("edb 1\nmodel m\ncell f(i: index 3) -> (i):\n", EDB_ERROR_FORMAT,
                 "m.edb:3:24: cell f: output i is an index attribute");
  assert_refused("edb 1\nmodel m\ncell f(v[2]...) -> (v[2]):\n", EDB_ERROR_SHAPE,
                 "m.edb:3:21: cell f: output v is variadic; reduce it first");
}

static void lines_of_bodies_are_checked(void **state) {
  (void)state;
  assert_cell_refused("x[n]", "r[n]", "  r x\n", EDB_ERROR_FORMAT,
                      "m.edb:8:5: expected \"=\" after the name of a value, found \"x\"");
  assert_cell_refused("x[n]", "r[n]", "  r = x y\n", EDB_ERROR_FORMAT,
                      "m.edb:8:9: expected the end of the line after an expression, found \"y\"");
  assert_cell_refused("x[n]", "r[n]", "  r = -x\n  r = x\n", EDB_ERROR_NAME,
                      "m.edb:9:3: cell f: \"r\" has a value already, and names are given once");
  assert_cell_refused("x[n]", "r[n]", "  2 = x\n", EDB_ERROR_FORMAT,
                      "m.edb:8:3: expected a line of the form \"name = expression\", found \"2\"");
  assert_cell_refused("x[n]", "r[n]", "  index = x\n", EDB_ERROR_NAME,
                      "m.edb:8:3: cell f: the name \"index\" is a word of the language");
  assert_cell_refused("x[n]", "r[n]", "r = x\n", EDB_ERROR_NAME,
                      "m.edb:7:18: cell f: there is no value or parameter \"r\"");
}

/* ---- Expressions ----------------------------------------------------------------------------- */

static void precedence_is_kept_and_parentheses_are_minimal(void **state) {
  (void)state;
  assert_prints("((x) + (y))", "x + y");
  assert_prints("x + y * q", "x + y * q");
  assert_prints("(x + y) * q", "(x + y) * q");
  assert_prints("x - (y - x)", "x - (y - x)");
  assert_prints("(x - y) - x", "x - y - x");
  assert_prints("x / (y * x)", "x / (y * x)");
  assert_prints("q * (m @ x)", "q * m @ x");
  assert_prints("(q * m) @ x", "(q * m) @ x");
  assert_prints("(m @ m) @ x", "m @ m @ x");
  assert_prints("m @ (m @ x)", "m @ (m @ x)");
  assert_prints("-(m @ x)", "-m @ x");
  assert_prints("(-m) @ x", "(-m) @ x");
  assert_prints("-(x * y)", "-(x * y)");
  assert_prints("-x * y", "-x * y");
  assert_prints("x * -y", "x * -y");
  assert_prints("- -x", "--x");
  assert_prints("x - -2", "x - -2");
  assert_prints("-2 * x", "-2 * x");
  assert_prints("neg(2) * x", "neg(2) * x");
  assert_prints("(x + y)[0:2]", "(x + y)[0:2]");
  assert_prints("[x; y][1 : 2 * n]", "[x; y][1:2*n]");
  assert_prints("tanh((x))[0:n][1:2]", "tanh(x)[0:n][1:2]");
  assert_prints("W[i] @ (V @ m)[0:k] + 0.10", "W[i] @ (V @ m)[0:k] + 0.1");
}

static void a_cell_is_no_operator_of_another(void **state) {
  (void)state;
  const char *text = "edb 1\nmodel m\ncell leaf(x[2]) -> (h[2]):\n  h = tanh(x)\n"
                     "cell node(x[2]) -> (h[2]):\n  h = %s(x)\n";
  char model[256];
  snprintf(model, sizeof model, text, "leaf");
  assert_refused(model, EDB_ERROR_NAME,
                 "m.edb:6:7: cell node: \"leaf\" is a cell, and cells are not called in cells");
  snprintf(model, sizeof model, text, "node");
  assert_refused(model, EDB_ERROR_NAME, "m.edb:6:7: cell node: \"node\" is a cell");
}

static void refuse_minus_after_at(void **state) {
  (void)state;
  refuse("W @ -x", EDB_ERROR_FORMAT, "m.edb:8:11: expected a value, found \"-\"");
}

static void names_of_operators_can_be_called(void **state) {
  (void)state;
  assert_prints("add(x, mul(y, 2))", "x + y * 2");
  assert_prints("product(m, x)", "m @ x");
  assert_prints("lookup(W, i)[0:2]", "W[i][0:2]");
  assert_prints("concat(x, y)", "[x; y]");
  assert_prints("slice(x, 0, k)", "x[0:k]");
  assert_prints("sum_over(vs)", "sum(vs)");
  assert_prints("max(x)", "maximum(x)");
  assert_prints("max(vs)", "max(vs)");
  assert_prints("reshape(x, [2, 2])", "reshape(x, [2, 2])");
  assert_prints("broadcast(x, 2*k)", "broadcast(x, 2*k)");
  assert_prints("dropout(x, 5e-1)", "dropout(x, 0.5)");
}

static void numbers_survive(void **state) {
  (void)state;
  assert_prints("x * 1e300", "x * 1e+300");
  assert_prints("x * 0.1", "x * 0.1");
  assert_prints("x * -0", "x * -0");
  assert_prints("x * 123456789.123456789", "x * 123456789.12345679");
  refuse("x * 1e999", EDB_ERROR_FORMAT,
         "m.edb:8:11: \"1e999\" is not a number that float64 can hold");
  refuse("x * 007", EDB_ERROR_FORMAT, "m.edb:8:11: \"007\" is not a number");
  refuse("x * 1.", EDB_ERROR_FORMAT, "m.edb:8:12: expected the end of the line");
}

static void malformed_expressions_are_refused_with_their_position(void **state) {
  (void)state;
  refuse("", EDB_ERROR_FORMAT, "m.edb:8:6: expected a value, found the end of the line");
  refuse("x +", EDB_ERROR_FORMAT, "m.edb:8:10: expected a value, found the end of the line");
  refuse("(x", EDB_ERROR_FORMAT,
         "m.edb:9:1: expected \")\" after the expression, found the end of the text");
  refuse("[x; ]", EDB_ERROR_FORMAT, "m.edb:8:11: expected a value, found \"]\"");
  refuse("[x, y]", EDB_ERROR_FORMAT,
         "m.edb:8:9: expected \"]\" or \";\" in a concatenation, found \",\"");
  refuse("W[i", EDB_ERROR_FORMAT, "m.edb:9:1: expected \"]\" after the index");
  refuse("x[0:]", EDB_ERROR_FORMAT, "m.edb:8:11: expected a whole number");
  refuse("x $ y", EDB_ERROR_FORMAT, "m.edb:8:9: byte 0x24 has no meaning here");
  refuse("x * hidden", EDB_ERROR_NAME,
         "m.edb:8:11: cell f: there is no value or parameter \"hidden\"");
  refuse("x * words", EDB_ERROR_NAME, "m.edb:8:11: cell f: \"words\" is a vocabulary");
  refuse("sigmiod(x)", EDB_ERROR_NAME,
         "m.edb:8:7: cell f: there is no operator \"sigmiod\"; did you mean \"sigmoid\"?");
  refuse("tanh(x, y)", EDB_ERROR_FORMAT, "m.edb:8:7: cell f: \"tanh\" takes 1 operand; found 2");
  refuse("tanh()", EDB_ERROR_FORMAT, "m.edb:8:7: cell f: \"tanh\" takes 1 operand; found 0");
  refuse("min(x)", EDB_ERROR_FORMAT, "m.edb:8:7: cell f: \"min\" takes 2 operands; found 1");
  refuse("concat()", EDB_ERROR_FORMAT,
         "m.edb:8:7: cell f: \"concat\" takes at least 1 operand; found 0");
  refuse("dropout(x, 1)", EDB_ERROR_FORMAT,
         "m.edb:8:7: cell f: \"dropout\": the rate must be at least 0 and less than 1");
  refuse("dropout(x, y)", EDB_ERROR_FORMAT, "m.edb:8:18: expected the rate of dropout");
  refuse("dropout(x)", EDB_ERROR_FORMAT, "m.edb:8:16: expected \",\" before the immediates");
  refuse("reshape(x, 2)", EDB_ERROR_FORMAT, "m.edb:8:18: expected \"[\" before the new dimensions");
  refuse("slice(x, 0)", EDB_ERROR_FORMAT,
         "m.edb:8:7: cell f: \"slice\" takes 2 dimensions; found 1");
  refuse("broadcast(x, 1, 2)", EDB_ERROR_FORMAT,
         "m.edb:8:7: cell f: \"broadcast\" takes 1 dimension; found 2");
}

static void long_chains_are_read_and_survive_printing(void **state) {
  (void)state;
  static char body[20000];
  strcpy(body, "  r = x");
  for (int i = 0; i < 2000; i++) strcat(body, " + y");
  strcat(body, "\n");
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, "x[n], y[n]", "r[n]", body);
  assert_int_equal(edb_model_program(model)->cells[0].n_ops, 2000);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layout_does_not_matter),
      cmocka_unit_test(the_head_is_required),
      cmocka_unit_test(statements_are_known_and_not_indented),
      cmocka_unit_test(names_are_declared_once),
      cmocka_unit_test(heads_of_cells_are_checked),
      cmocka_unit_test(arguments_stand_in_any_order_and_print_in_that_of_a_call),
      cmocka_unit_test(outputs_are_anything_but_indices_tables_and_variadic_values),
      cmocka_unit_test(lines_of_bodies_are_checked),
      cmocka_unit_test(precedence_is_kept_and_parentheses_are_minimal),
      cmocka_unit_test(a_cell_is_no_operator_of_another),
      cmocka_unit_test(refuse_minus_after_at),
      cmocka_unit_test(names_of_operators_can_be_called),
      cmocka_unit_test(numbers_survive),
      cmocka_unit_test(malformed_expressions_are_refused_with_their_position),
      cmocka_unit_test(long_chains_are_read_and_survive_printing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
