/* tests/model/test_reference_ops.c: tests of the float64 definitions of the operators, against
 * values worked out by hand and against other ways of writing the same formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/ir.h"

#define MAX_SIZE     256
#define MAX_OPERANDS 4
#define MAX_ELEMENTS 4

static edb_shape scalar(void) {
  return (edb_shape){0, {1, 1, 1}};
}
static edb_shape vector(uint32_t n) {
  return (edb_shape){1, {n, 1, 1}};
}
static edb_shape matrix(uint32_t rows, uint32_t columns) {
  return (edb_shape){2, {rows, columns, 1}};
}
static edb_shape cube(uint32_t n, uint32_t rows, uint32_t columns) {
  return (edb_shape){3, {n, rows, columns}};
}

/* One evaluation of an operator that has single values as operands and result. */
typedef struct evaluation {
  double data[MAX_OPERANDS][MAX_SIZE];
  const double *pointers[MAX_OPERANDS];
  edb_reference_operand operands[MAX_OPERANDS];
  uint32_t n;
  double out[MAX_SIZE];
} evaluation;

static void operand(evaluation *e, edb_shape shape, const double *values) {
  uint32_t i = e->n++;
  assert_true(i < MAX_OPERANDS && edb_shape_size(shape) <= MAX_SIZE);
  memcpy(e->data[i], values, edb_shape_size(shape) * sizeof *values);
  e->pointers[i] = e->data[i];
  e->operands[i] = (edb_reference_operand){.elements = &e->pointers[i], .shape = shape};
}

static const double *evaluate(evaluation *e, edb_op_kind kind, edb_shape shape, uint32_t imm0,
                              uint32_t imm1) {
  uint32_t immediate[2] = {imm0, imm1};
  double *out = e->out;
  edb_reference_args args = {.operands = e->operands,
                             .n_operands = e->n,
                             .immediate = immediate,
                             .shape = shape,
                             .out = &out};
  for (size_t i = 0; i < MAX_SIZE; i++) e->out[i] = NAN;
  edb_op_get(kind)->reference(&args);
  assert_true(isnan(e->out[MAX_SIZE - 1])); /* nothing beyond the result was written */
  return e->out;
}

static double one(edb_op_kind kind, double x) {
  evaluation e = {.n = 0};
  operand(&e, scalar(), &x);
  return evaluate(&e, kind, scalar(), 0, 0)[0];
}

static void assert_near(double found, double expected) {
  double tolerance = 1e-12 * (1 + fabs(expected));
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("found %.17g, expected %.17g", found, expected);
}

static void assert_values(const double *found, const double *expected, size_t n) {
  for (size_t i = 0; i < n; i++) assert_near(found[i], expected[i]);
}

static void fill(edb_rng *rng, double *values, size_t n) {
  for (size_t i = 0; i < n; i++) values[i] = 2 * edb_rng_uniform(rng) - 1;
}

/* ---- The table ------------------------------------------------------------------------------- */

static void every_operator_has_a_row_with_name_and_reference(void **state) {
  (void)state;
  for (int kind = 0; kind < EDB_OP_COUNT; kind++) {
    const edb_op_info *info = edb_op_get((edb_op_kind)kind);
    assert_non_null(info);
    assert_non_null(info->reference);
    assert_true(strlen(info->name) > 0);
    assert_true(info->min_operands >= 1);
    assert_true(info->max_operands == 0 || info->max_operands >= info->min_operands);
    for (int other = 0; other < kind; other++) {
      assert_string_not_equal(info->name, edb_op_get((edb_op_kind)other)->name);
    }
  }
}

static void a_number_that_is_no_operator_has_no_row(void **state) {
  (void)state;
  assert_null(edb_op_get(EDB_OP_COUNT));
  assert_null(edb_op_get((edb_op_kind)-1));
}

/* ---- Entry by entry -------------------------------------------------------------------------- */

static void unary_operators_give_known_values(void **state) {
  (void)state;
  assert_near(one(EDB_OP_NEG, 2.5), -2.5);
  assert_near(one(EDB_OP_SIGMOID, 0), 0.5);
  assert_near(one(EDB_OP_SIGMOID, 2), 0.88079707797788243);
  assert_near(one(EDB_OP_TANH, 1), 0.76159415595576486);
  assert_near(one(EDB_OP_RELU, 3), 3);
  assert_near(one(EDB_OP_RELU, -3), 0);
  assert_near(one(EDB_OP_GELU, 1), 0.84134474606854293);
  assert_near(one(EDB_OP_GELU, -1), -0.15865525393145707);
  assert_near(one(EDB_OP_EXP, 1), 2.7182818284590451);
  assert_near(one(EDB_OP_LOG, 10), 2.3025850929940459);
  assert_near(one(EDB_OP_SQRT, 2), 1.4142135623730951);
  assert_near(one(EDB_OP_ABS, -7), 7);
  assert_near(one(EDB_OP_SIN, 1), 0.8414709848078965);
  assert_near(one(EDB_OP_COS, 1), 0.54030230586813977);
  assert_near(one(EDB_OP_DROPOUT, 4), 4);
}

static void sigmoid_of_large_numbers_is_zero_or_one(void **state) {
  (void)state;
  assert_true(one(EDB_OP_SIGMOID, 800) == 1);
  assert_true(one(EDB_OP_SIGMOID, -800) == 0);
}

static void unary_operators_work_on_every_entry(void **state) {
  (void)state;
  double x[6] = {1, -2, 3, -4, 5, -6}, expected[6] = {1, 2, 3, 4, 5, 6};
  evaluation e = {.n = 0};
  operand(&e, matrix(2, 3), x);
  assert_values(evaluate(&e, EDB_OP_ABS, matrix(2, 3), 0, 0), expected, 6);
}

static double apply(edb_op_kind kind, double a, double b) {
  switch (kind) {
  case EDB_OP_ADD:
    return a + b;
  case EDB_OP_SUB:
    return a - b;
  case EDB_OP_MUL:
    return a * b;
  case EDB_OP_DIV:
    return a / b;
  case EDB_OP_MIN:
    return fmin(a, b);
  default:
    return fmax(a, b);
  }
}

static void binary_operators_broadcast_scalars_and_columns(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 7);
  for (int kind = EDB_OP_ADD; kind <= EDB_OP_MAX; kind++) {
    uint32_t rows = 1 + edb_rng_below(&rng, 6), columns = 1 + edb_rng_below(&rng, 6);
    edb_shape whole = matrix(rows, columns), sides[3] = {scalar(), vector(rows), whole};
    for (int pair = 0; pair < 5; pair++) {
      edb_shape left = pair < 3 ? whole : sides[pair - 3];
      edb_shape right = pair < 3 ? sides[pair] : whole;
      double a[MAX_SIZE], b[MAX_SIZE];
      fill(&rng, a, edb_shape_size(left));
      fill(&rng, b, edb_shape_size(right));
      evaluation e = {.n = 0};
      operand(&e, left, a);
      operand(&e, right, b);
      const double *y = evaluate(&e, (edb_op_kind)kind, whole, 0, 0);
      for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < columns; c++) {
          uint32_t at[3] = {0, r, r * columns + c};
          assert_near(y[at[2]], apply((edb_op_kind)kind, a[at[left.rank]], b[at[right.rank]]));
        }
      }
    }
  }
}

static void a_vector_with_a_vector_is_entry_by_entry(void **state) {
  (void)state;
  double a[3] = {1, 2, 3}, b[3] = {10, 20, 30}, expected[3] = {-9, -18, -27};
  evaluation e = {.n = 0};
  operand(&e, vector(3), a);
  operand(&e, vector(3), b);
  assert_values(evaluate(&e, EDB_OP_SUB, vector(3), 0, 0), expected, 3);
}

/* ---- Products -------------------------------------------------------------------------------- */

static void a_product_of_matrix_and_vector_is_known(void **state) {
  (void)state;
  double w[6] = {1, 2, 3, 4, 5, 6}, x[3] = {1, 0, -1}, expected[2] = {-2, -2};
  evaluation e = {.n = 0};
  operand(&e, matrix(2, 3), w);
  operand(&e, vector(3), x);
  assert_values(evaluate(&e, EDB_OP_PRODUCT, vector(2), 0, 0), expected, 2);
}

static void a_product_of_vector_and_matrix_is_known(void **state) {
  (void)state;
  double x[2] = {1, -1}, w[6] = {1, 2, 3, 4, 5, 7}, expected[3] = {-3, -3, -4};
  evaluation e = {.n = 0};
  operand(&e, vector(2), x);
  operand(&e, matrix(2, 3), w);
  assert_values(evaluate(&e, EDB_OP_PRODUCT, vector(3), 0, 0), expected, 3);
}

static void products_of_matrices_agree_with_dots_of_rows_and_columns(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  for (int round = 0; round < 20; round++) {
    uint32_t m = 1 + edb_rng_below(&rng, 8), k = 1 + edb_rng_below(&rng, 8),
             n = 1 + edb_rng_below(&rng, 8);
    double a[MAX_SIZE], b[MAX_SIZE], column[MAX_SIZE];
    fill(&rng, a, (size_t)m * k);
    fill(&rng, b, (size_t)k * n);
    evaluation e = {.n = 0};
    operand(&e, matrix(m, k), a);
    operand(&e, matrix(k, n), b);
    const double *y = evaluate(&e, EDB_OP_PRODUCT, matrix(m, n), 0, 0);
    for (uint32_t i = 0; i < m * n; i++) {
      evaluation d = {.n = 0};
      for (uint32_t j = 0; j < k; j++) column[j] = b[j * n + i % n];
      operand(&d, vector(k), a + (size_t)(i / n) * k);
      operand(&d, vector(k), column);
      assert_near(y[i], evaluate(&d, EDB_OP_DOT, scalar(), 0, 0)[0]);
    }
  }
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void softmax_is_known_and_safe_for_large_numbers(void **state) {
  (void)state;
  double x[6] = {0, 1, 2, 1000, 1001, 1002};
  double p[3] = {0.090030573170380462, 0.24472847105479764, 0.66524095577482189};
  evaluation e = {.n = 0};
  operand(&e, matrix(2, 3), x);
  const double *y = evaluate(&e, EDB_OP_SOFTMAX, matrix(2, 3), 0, 0);
  assert_values(y, p, 3);
  assert_values(y + 3, p, 3);
}

static void log_softmax_is_the_logarithm_of_softmax(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  double x[12];
  fill(&rng, x, 12);
  evaluation a = {.n = 0}, b = {.n = 0};
  operand(&a, matrix(3, 4), x);
  operand(&b, matrix(3, 4), x);
  const double *p = evaluate(&a, EDB_OP_SOFTMAX, matrix(3, 4), 0, 0);
  const double *l = evaluate(&b, EDB_OP_LOG_SOFTMAX, matrix(3, 4), 0, 0);
  for (int i = 0; i < 12; i++) assert_near(l[i], log(p[i]));
}

static void layer_norm_scales_by_the_biased_variance(void **state) {
  (void)state;
  double x[4] = {1, 2, 3, 6}, gain[4] = {1, 2, 1, 1}, bias[4] = {0, 0, 10, 0};
  double scale = 1 / sqrt(3.5 + 1e-5); /* mean 3, variance (4 + 1 + 0 + 9) / 4 */
  double expected[4] = {-2 * scale, -2 * scale, 10, 3 * scale};
  evaluation e = {.n = 0};
  operand(&e, vector(4), x);
  operand(&e, vector(4), gain);
  operand(&e, vector(4), bias);
  assert_values(evaluate(&e, EDB_OP_LAYER_NORM, vector(4), 0, 0), expected, 4);
}

/* ---- To one number --------------------------------------------------------------------------- */

static void reductions_give_known_values(void **state) {
  (void)state;
  double x[5] = {3, -1, 7, 7, 2}, expected[4] = {18, 3.6, 7, 2};
  for (int kind = EDB_OP_SUM; kind <= EDB_OP_ARGMAX; kind++) {
    evaluation e = {.n = 0};
    operand(&e, vector(5), x);
    assert_near(evaluate(&e, (edb_op_kind)kind, scalar(), 0, 0)[0], expected[kind - EDB_OP_SUM]);
  }
}

static void cross_entropy_is_minus_the_log_softmax_of_the_label(void **state) {
  (void)state;
  double x[4] = {0.5, -1, 900, 2}, y[4] = {0.5, -1, 0.25, 2};
  for (int label = 0; label < 4; label++) {
    double index = label;
    evaluation big = {.n = 0}, l = {.n = 0}, c = {.n = 0};
    operand(&big, vector(4), x);
    operand(&big, scalar(), &index);
    assert_near(evaluate(&big, EDB_OP_CROSS_ENTROPY, scalar(), 0, 0)[0], 900 - x[label]);
    operand(&l, vector(4), y);
    operand(&c, vector(4), y);
    operand(&c, scalar(), &index);
    assert_near(evaluate(&c, EDB_OP_CROSS_ENTROPY, scalar(), 0, 0)[0],
                -evaluate(&l, EDB_OP_LOG_SOFTMAX, vector(4), 0, 0)[label]);
  }
}

static void squared_error_sums_the_squares(void **state) {
  (void)state;
  double a[3] = {1, 2, 3}, b[3] = {2, 0, 3};
  evaluation e = {.n = 0};
  operand(&e, vector(3), a);
  operand(&e, vector(3), b);
  assert_near(evaluate(&e, EDB_OP_SQUARED_ERROR, scalar(), 0, 0)[0], 5);
}

/* ---- Moving entries -------------------------------------------------------------------------- */

static void concat_stands_vectors_and_rows_of_matrices_one_after_another(void **state) {
  (void)state;
  double a[2] = {1, 2}, b[1] = {3}, c[3] = {4, 5, 6}, m[4] = {7, 8, 9, 10};
  double expected[6] = {1, 2, 3, 4, 5, 6}, stacked[6] = {1, 2, 7, 8, 9, 10};
  evaluation e = {.n = 0}, f = {.n = 0};
  operand(&e, vector(2), a);
  operand(&e, vector(1), b);
  operand(&e, vector(3), c);
  assert_values(evaluate(&e, EDB_OP_CONCAT, vector(6), 0, 0), expected, 6);
  operand(&f, matrix(1, 2), a);
  operand(&f, matrix(2, 2), m);
  assert_values(evaluate(&f, EDB_OP_CONCAT, matrix(3, 2), 0, 0), stacked, 6);
}

static void slice_takes_entries_or_rows(void **state) {
  (void)state;
  double x[6] = {1, 2, 3, 4, 5, 6};
  evaluation e = {.n = 0}, f = {.n = 0};
  operand(&e, vector(6), x);
  assert_values(evaluate(&e, EDB_OP_SLICE, vector(2), 3, 5), x + 3, 2);
  operand(&f, matrix(3, 2), x);
  assert_values(evaluate(&f, EDB_OP_SLICE, matrix(2, 2), 1, 3), x + 2, 4);
}

static void transpose_swaps_rows_and_columns(void **state) {
  (void)state;
  double x[6] = {1, 2, 3, 4, 5, 6}, expected[6] = {1, 4, 2, 5, 3, 6};
  evaluation e = {.n = 0};
  operand(&e, matrix(2, 3), x);
  assert_values(evaluate(&e, EDB_OP_TRANSPOSE, matrix(3, 2), 0, 0), expected, 6);
}

static void reshape_keeps_the_entries_in_order(void **state) {
  (void)state;
  double x[6] = {1, 2, 3, 4, 5, 6};
  evaluation e = {.n = 0};
  operand(&e, vector(6), x);
  assert_values(evaluate(&e, EDB_OP_RESHAPE, matrix(2, 3), 2, 3), x, 6);
}

static void broadcast_repeats_a_vector_as_columns(void **state) {
  (void)state;
  double x[2] = {1, 2}, expected[6] = {1, 1, 1, 2, 2, 2};
  evaluation e = {.n = 0};
  operand(&e, vector(2), x);
  assert_values(evaluate(&e, EDB_OP_BROADCAST, matrix(2, 3), 3, 0), expected, 6);
}

static void lookup_takes_rows_of_tables_of_vectors_and_of_matrices(void **state) {
  (void)state;
  double x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, index = 2;
  evaluation e = {.n = 0}, f = {.n = 0};
  operand(&e, matrix(4, 3), x);
  operand(&e, scalar(), &index);
  assert_values(evaluate(&e, EDB_OP_LOOKUP, vector(3), 0, 0), x + 6, 3);
  operand(&f, cube(3, 2, 2), x);
  operand(&f, scalar(), &index);
  assert_values(evaluate(&f, EDB_OP_LOOKUP, matrix(2, 2), 0, 0), x + 8, 4);
}

/* ---- Over elements --------------------------------------------------------------------------- */

/* Three elements of two entries. */
static const double element_values[3][2] = {{1, -5}, {4, -2}, {-2, 1}};

static void evaluate_over(edb_op_kind kind, uint32_t n, double out[MAX_ELEMENTS][2]) {
  const double *elements[3] = {element_values[0], element_values[1], element_values[2]};
  double *outs[MAX_ELEMENTS] = {out[0], out[1], out[2], out[3]};
  edb_reference_operand x = {.elements = elements, .shape = vector(2), .variadic = true};
  edb_reference_args args = {
      .operands = &x, .n_operands = 1, .n_elements = n, .shape = vector(2), .out = outs};
  for (int i = 0; i < MAX_ELEMENTS; i++) out[i][0] = out[i][1] = NAN;
  edb_op_get(kind)->reference(&args);
}

static void reductions_over_elements_are_entry_by_entry(void **state) {
  (void)state;
  double y[MAX_ELEMENTS][2];
  double sum[2] = {3, -6}, mean[2] = {1, -2}, max[2] = {4, 1};
  evaluate_over(EDB_OP_SUM_OVER, 3, y);
  assert_values(y[0], sum, 2);
  evaluate_over(EDB_OP_MEAN_OVER, 3, y);
  assert_values(y[0], mean, 2);
  evaluate_over(EDB_OP_MAX_OVER, 3, y);
  assert_values(y[0], max, 2);
}

static void a_sum_over_nothing_is_zero(void **state) {
  (void)state;
  double y[MAX_ELEMENTS][2], zero[2] = {0, 0};
  evaluate_over(EDB_OP_SUM_OVER, 0, y);
  assert_values(y[0], zero, 2);
}

static void softmax_over_elements_sums_to_one_per_entry(void **state) {
  (void)state;
  double y[MAX_ELEMENTS][2];
  evaluate_over(EDB_OP_SOFTMAX_OVER, 3, y);
  for (int i = 0; i < 2; i++) {
    double total = 0;
    for (int e = 0; e < 3; e++) total += exp(element_values[e][i]);
    for (int e = 0; e < 3; e++) assert_near(y[e][i], exp(element_values[e][i]) / total);
  }
  assert_true(isnan(y[3][0]));
  evaluate_over(EDB_OP_SOFTMAX_OVER, 0, y);
  assert_true(isnan(y[0][0]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_operator_has_a_row_with_name_and_reference),
      cmocka_unit_test(a_number_that_is_no_operator_has_no_row),
      cmocka_unit_test(unary_operators_give_known_values),
      cmocka_unit_test(sigmoid_of_large_numbers_is_zero_or_one),
      cmocka_unit_test(unary_operators_work_on_every_entry),
      cmocka_unit_test(binary_operators_broadcast_scalars_and_columns),
      cmocka_unit_test(a_vector_with_a_vector_is_entry_by_entry),
      cmocka_unit_test(a_product_of_matrix_and_vector_is_known),
      cmocka_unit_test(a_product_of_vector_and_matrix_is_known),
      cmocka_unit_test(products_of_matrices_agree_with_dots_of_rows_and_columns),
      cmocka_unit_test(softmax_is_known_and_safe_for_large_numbers),
      cmocka_unit_test(log_softmax_is_the_logarithm_of_softmax),
      cmocka_unit_test(layer_norm_scales_by_the_biased_variance),
      cmocka_unit_test(reductions_give_known_values),
      cmocka_unit_test(cross_entropy_is_minus_the_log_softmax_of_the_label),
      cmocka_unit_test(squared_error_sums_the_squares),
      cmocka_unit_test(concat_stands_vectors_and_rows_of_matrices_one_after_another),
      cmocka_unit_test(slice_takes_entries_or_rows),
      cmocka_unit_test(transpose_swaps_rows_and_columns),
      cmocka_unit_test(reshape_keeps_the_entries_in_order),
      cmocka_unit_test(broadcast_repeats_a_vector_as_columns),
      cmocka_unit_test(lookup_takes_rows_of_tables_of_vectors_and_of_matrices),
      cmocka_unit_test(reductions_over_elements_are_entry_by_entry),
      cmocka_unit_test(a_sum_over_nothing_is_zero),
      cmocka_unit_test(softmax_over_elements_sums_to_one_per_entry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
