/* tests/model/test_shapes.c: the shape of every operator's result, and what each operator refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

/* Inputs of the cells below; with the parameters of cell_text: n = 4, k = 3. */
#define ARGUMENTS                                                                           \
  "x[n], y[n], z[k], a[n, k], c[k, n], q, vs[n]..., ss..., i: index words, j: index 3, d: " \
  "dense[n]"

/* The shape of `y = EXPRESSION` as a text, its output left open. */
static void assert_shape(const char *expression, const char *shape) {
  char body[512], found[EDB_SHAPE_TEXT_BYTES];
  (void)snprintf(body, sizeof body, "  r = %s\n", expression);
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, ARGUMENTS, "r[...]", body);
  const edb_program *program = edb_model_program(model);
  edb_shape_text(program->cells[0].outputs[0].shape, found, sizeof found);
  if (strcmp(found, shape) != 0) fail_msg("%s: expected %s, found %s", expression, shape, found);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
}

/* "m.edb:8:COLUMN: cell f: " begins the error. */
static void refuse(const char *expression, unsigned column, const char *error) {
  char body[512], start[512];
  (void)snprintf(body, sizeof body, "  r = %s\n", expression);
  (void)snprintf(start, sizeof start, "m.edb:8:%u: cell f: %s", column, error);
  assert_cell_refused(ARGUMENTS, "r[...]", body, EDB_ERROR_SHAPE, start);
}

static void products(void **state) {
  (void)state;
  assert_shape("W @ z", "[4]");
  assert_shape("z @ V", "[4]");
  assert_shape("W @ V", "[4, 4]");
  assert_shape("W @ c @ x", "[4]");
  assert_shape("a @ z", "[4]");
  refuse(
      "W @ x", 9,
      "\"@\": left operand W is [4, 3], so the right one must be a vector or matrix with 3 rows; "
      "found x of shape [4]");
  refuse("W @ a", 9, "\"@\": left operand W is [4, 3], so the right one");
  refuse("x @ V", 9, "\"@\": left operand x is [4], so the right one must be a matrix with 4 rows");
  refuse("x @ y", 9,
         "\"@\": left operand x is [4], so the right one must be a matrix with 4 rows (\"dot\" "
         "multiplies two vectors)");
  refuse("W @ q", 9,
         "\"@\": both operands must be vectors or matrices (\"*\" multiplies by a scalar)");
  refuse(
      "2 @ x", 9,
      "\"@\": both operands must be vectors or matrices (\"*\" multiplies by a scalar); found 2 of "
      "shape scalar");
  refuse("T @ x", 9,
         "\"@\": a table of matrices can only be looked up in; found T of shape [1, 4, 3]");
  refuse(
      "W @ tanh(x)", 9,
      "\"@\": left operand W is [4, 3], so the right one must be a vector or matrix with 3 rows; "
      "found the result of \"tanh\" of shape [4]");
}

static void entry_by_entry(void **state) {
  (void)state;
  assert_shape("x + y", "[4]");
  assert_shape("x - b", "[4]");
  assert_shape("2 * x", "[4]");
  assert_shape("a / q", "[4, 3]");
  assert_shape("x * a", "[4, 3]");
  assert_shape("a + b", "[4, 3]");
  assert_shape("1 - q", "scalar");
  assert_shape("1 + 2", "scalar");
  assert_shape("min(x, 1)", "[4]");
  assert_shape("max(x, y)", "[4]");
  assert_shape("-x", "[4]");
  assert_shape("s * x", "[4]");
  refuse("x + z", 9,
         "\"+\": the operands must have equal shapes, or one is a scalar, or one a vector with as "
         "many entries as the other has rows; found x of shape [4] and z of shape [3]");
  refuse("z * a", 9, "\"*\": the operands must have equal shapes");
  refuse("a - c", 9, "\"-\": the operands must have equal shapes");
  refuse("min(x, z)", 7, "\"min\": the operands must have equal shapes");
}

static void functions_of_one_operand_keep_the_shape(void **state) {
  (void)state;
  static const char *const names[] = {"neg", "sigmoid", "tanh", "relu", "gelu", "exp",
                                      "log", "sqrt",    "abs",  "sin",  "cos"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char text[64];
    (void)snprintf(text, sizeof text, "%s(a)", names[i]);
    assert_shape(text, "[4, 3]");
    (void)snprintf(text, sizeof text, "%s(q)", names[i]);
    assert_shape(text, "scalar");
  }
}

static void functions_of_rows(void **state) {
  (void)state;
  assert_shape("softmax(x)", "[4]");
  assert_shape("log_softmax(a)", "[4, 3]");
  assert_shape("layer_norm(x, g, b)", "[4]");
  refuse("softmax(q)", 7,
         "\"softmax\": the operand must be a vector or a matrix; found q of shape scalar");
  refuse("layer_norm(a, g, b)", 7, "\"layer_norm\": the first operand must be a vector");
  refuse("layer_norm(x, z, b)", 7,
         "\"layer_norm\": the gain must have the shape [4] of x; found z of shape [3]");
  refuse("layer_norm(x, g, z)", 7,
         "\"layer_norm\": the bias must have the shape [4] of x; found z");
}

static void reductions(void **state) {
  (void)state;
  assert_shape("sum(x)", "scalar");
  assert_shape("mean(a)", "scalar");
  assert_shape("max(x)", "scalar");
  assert_shape("maximum(a)", "scalar");
  assert_shape("dot(x, y)", "scalar");
  assert_shape("squared_error(x, d)", "scalar");
  assert_shape("squared_error(q, 1)", "scalar");
  assert_shape("argmax(x)", "scalar");
  refuse("sum(q)", 7, "\"sum\": the operand must be a vector or a matrix");
  refuse("argmax(a)", 7, "\"argmax\": the operand must be a vector");
  refuse("dot(x, z)", 7,
         "\"dot\": the operands must have equal shapes; found x of shape [4] and z of shape [3]");
  refuse("dot(a, a)", 7, "\"dot\": the first operand must be a vector");
  refuse("squared_error(x, z)", 7, "\"squared_error\": the operands must have equal shapes");
}

static void moving_entries(void **state) {
  (void)state;
  assert_shape("[x; z]", "[7]");
  assert_shape("[q; 1; x]", "[6]");
  assert_shape("[q]", "[1]");
  assert_shape("[a; a; W]", "[12, 3]");
  assert_shape("x[0:2]", "[2]");
  assert_shape("x[n - 1:n]", "[1]");
  assert_shape("a[1:n]", "[3, 3]");
  assert_shape("[x; y][n:2*n]", "[4]");
  assert_shape("transpose(a)", "[3, 4]");
  assert_shape("reshape(a, [n*k])", "[12]");
  assert_shape("reshape(x, [2, n - 2])", "[2, 2]");
  assert_shape("broadcast(x, k)", "[4, 3]");
  assert_shape("dropout(a, 0.5)", "[4, 3]");
  refuse("[x; a]", 7,
         "\"concat\": the operands must be vectors and scalars, or matrices with equal numbers of "
         "columns; found x of shape [4] and a of shape [4, 3]");
  refuse("[a; c]", 7, "\"concat\": the operands must be vectors and scalars");
  refuse("x[2:2]", 8, "\"slice\": 2:2 is not a range of the first axis of x, which has shape [4]");
  refuse("x[3:2]", 8, "\"slice\": 3:2 is not a range");
  refuse("x[0:n+1]", 8, "\"slice\": 0:5 is not a range");
  refuse("q[0:1]", 8, "\"slice\": the operand must be a vector or a matrix");
  refuse("transpose(x)", 7, "\"transpose\": the operand must be a matrix");
  refuse("reshape(x, [3])", 7,
         "\"reshape\": the result [3] must have as many elements as the operand; found x of shape "
         "[4]");
  refuse("reshape(x, [2, 3])", 7, "\"reshape\": the result [2, 3] must have");
  refuse("broadcast(a, 2)", 7, "\"broadcast\": the operand must be a vector");
}

static void lookups(void **state) {
  (void)state;
  assert_shape("E[i]", "[4]");
  assert_shape("B[i]", "scalar");
  assert_shape("T[i]", "[4, 3]");
  assert_shape("W[j]", "[3]");
  assert_shape("W[argmax(x)]", "[3]");
  refuse("a[j]", 8,
         "\"lookup\": only a parameter can be looked up in; entry i of a vector x as a scalar is "
         "sum(x[i:i+1]); found a of shape [4, 3]");
  refuse("s[j]", 8, "\"lookup\": the table must have at least one axis");
  refuse("W[q]", 8, "\"lookup\": the second operand must be an index attribute or an argmax");
  refuse("V[argmax(x)]", 8,
         "\"lookup\": the result of \"argmax\" has values 0 to 3, but V of shape [3, 4] has only 3 "
         "rows");
}

static void an_index_beyond_the_table_is_refused_when_its_bound_is_known(void **state) {
  (void)state;
  assert_cell_refused(
      "i: index 5", "r[k]", "  r = W[i]\n", EDB_ERROR_SHAPE,
      "m.edb:8:8: cell f: \"lookup\": i has values 0 to 4, but W of shape [4, 3] has "
      "only 4 rows");
}

static void losses(void **state) {
  (void)state;
  assert_shape("cross_entropy(x, j)", "scalar");
  assert_shape("cross_entropy(x, argmax(y))", "scalar");
  refuse("cross_entropy(a, j)", 7, "\"cross_entropy\": the first operand must be a vector");
  refuse("cross_entropy(x, y)", 7,
         "\"cross_entropy\": the second operand must be an index attribute");
  refuse("cross_entropy(z, argmax(x))", 7,
         "\"cross_entropy\": the result of \"argmax\" has values 0 to 3, but z of shape [3] has "
         "only 3 "
         "entries");
}

static void an_index_is_no_number(void **state) {
  (void)state;
  refuse(
      "x * i", 9,
      "\"*\": i is an index; an index selects a row, \"E[i]\", or is the label of cross_entropy");
  refuse("1 + argmax(x)", 9, "\"+\": the result of \"argmax\" is an index");
  refuse("cross_entropy(i, j)", 7, "\"cross_entropy\": i is an index");
}

static void over_elements(void **state) {
  (void)state;
  assert_shape("sum(vs)", "[4]");
  assert_shape("mean(tanh(vs))", "[4]");
  assert_shape("max(vs * x)", "[4]");
  assert_shape("sum(softmax(ss) * vs)", "[4]");
  assert_shape("sum(L @ vs + b)", "[4]");
  assert_shape("max(ss)", "scalar");
  assert_shape("sum_over(vs)", "[4]");
  assert_shape("sum(maximum(vs))", "scalar");
  refuse("sum_over(x)", 7, "\"sum_over\": the operand must be variadic; found x of shape [4]");
  refuse("softmax_over(x)", 7, "\"softmax_over\": the operand must be variadic");
}

static void results_of_more_than_31_bits_are_refused(void **state) {
  (void)state;
  assert_refused("edb 1\nmodel m\nparam A[65536, 1], B[1, 65536]\n"
                 "cell f(q) -> (r[...]):\n  r = A @ B\n",
                 EDB_ERROR_LIMIT, "m.edb:5:9: cell f: \"@\": the result has more than 2^31 - 1");
  assert_refused("edb 1\nmodel m\nparam A[65536, 65536]\ncell f(q) -> (r):\n  r = sum([A; A])\n",
                 EDB_ERROR_LIMIT,
                 "m.edb:5:11: cell f: \"concat\": the result has more than 2^31 - 1");
  assert_refused("edb 1\nmodel m\ncell f(q[65536, 65536]) -> (q[65536, 65536]):\n", EDB_ERROR_LIMIT,
                 "m.edb:3:17: a shape with more than 2147483647 elements");
  assert_refused("edb 1\nmodel m\ncell f(q[2147483647]) -> (r[...]):\n  r = [q; q]\n",
                 EDB_ERROR_LIMIT, "m.edb:4:7: cell f: \"concat\": the result has too many rows");
}

static void declared_outputs_are_checked(void **state) {
  (void)state;
  assert_cell_refused("x[n]", "r[k]", "  r = tanh(x)\n", EDB_ERROR_SHAPE,
                      "m.edb:7:20: cell f: output r is declared [3], and its value is [4]");
  assert_cell_refused("x[n]", "r", "  r = tanh(x)\n", EDB_ERROR_SHAPE,
                      "m.edb:7:18: cell f: output r is declared scalar, and its value is [4]");
}

static void products_are_counted(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = parse_cell_model(ctx, "x[n], vs[n]...", "r[n], t[n], m[n, n]",
                                      "  r = L @ x\n  m = L @ L\n  t = sum(L @ vs)\n");
  const edb_ir_cell *cell = &edb_model_program(model)->cells[0];
  assert_true(cell->flops == 2 * 4 * 4 + 2 * 4 * 4 * 4);
  assert_true(cell->flops_per_element == 2 * 4 * 4);
  assert_true(edb_model_cell_flops(model, 0) == cell->flops);
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products),
      cmocka_unit_test(entry_by_entry),
      cmocka_unit_test(functions_of_one_operand_keep_the_shape),
      cmocka_unit_test(functions_of_rows),
      cmocka_unit_test(reductions),
      cmocka_unit_test(moving_entries),
      cmocka_unit_test(lookups),
      cmocka_unit_test(an_index_beyond_the_table_is_refused_when_its_bound_is_known),
      cmocka_unit_test(losses),
      cmocka_unit_test(an_index_is_no_number),
      cmocka_unit_test(over_elements),
      cmocka_unit_test(results_of_more_than_31_bits_are_refused),
      cmocka_unit_test(declared_outputs_are_checked),
      cmocka_unit_test(products_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
