/* tests/model/test_init.c: first values of parameters: their statistics, and that they repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "model/init.h"

#define COUNT 40000

static const edb_shape big = {2, {100, COUNT / 100, 1}};

typedef struct statistics {
  double mean, deviation, smallest, largest;
} statistics;

static statistics measure(const float *x, size_t n) {
  statistics s = {.smallest = x[0], .largest = x[0]};
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i];
    squares += (double)x[i] * x[i];
    s.smallest = fmin(s.smallest, x[i]);
    s.largest = fmax(s.largest, x[i]);
  }
  s.mean = sum / (double)n;
  s.deviation = sqrt(squares / (double)n - s.mean * s.mean);
  return s;
}

static statistics fill(edb_init init, edb_param_role role, edb_shape shape) {
  static float x[COUNT];
  assert_true(edb_shape_size(shape) <= COUNT);
  edb_init_fill(init, role, "W", shape, 1, x);
  return measure(x, edb_shape_size(shape));
}

static void assert_about(double found, double expected, double tolerance) {
  if (!(fabs(found - expected) <= tolerance)) fail_msg("%g is not about %g", found, expected);
}

static void assert_uniform(statistics s, double bound) {
  assert_about(s.mean, 0, 0.02 * bound);
  assert_about(s.deviation, bound / sqrt(3), 0.02 * bound);
  assert_true(s.smallest >= -bound && s.largest < bound * (1 + 1e-6));
  assert_about(s.largest, bound, 0.02 * bound);
}

static void names_and_kinds_agree(void **state) {
  (void)state;
  for (int i = 0; i < EDB_INIT_COUNT; i++) {
    const char *name = edb_init_kind_name((edb_init_kind)i);
    edb_init_kind kind;
    assert_true(edb_init_kind_from_name(name, strlen(name), &kind));
    assert_int_equal(kind, i);
  }
  assert_true(edb_init_takes_argument(EDB_INIT_UNIFORM));
  assert_true(edb_init_takes_argument(EDB_INIT_NORMAL));
  assert_false(edb_init_takes_argument(EDB_INIT_GLOROT));
}

static void names_are_compared_whole(void **state) {
  (void)state;
  edb_init_kind kind = EDB_INIT_ONES;
  assert_false(edb_init_kind_from_name("zero", 4, &kind));
  assert_false(edb_init_kind_from_name("zeros!", 6, &kind));
  assert_true(edb_init_kind_from_name("zeros!", 5, &kind));
  assert_int_equal(kind, EDB_INIT_ZEROS);
  assert_false(edb_init_takes_argument(EDB_INIT_COUNT));
  assert_string_equal(edb_init_kind_name(EDB_INIT_COUNT), "unknown");
}

static void zeros_and_ones_are_that(void **state) {
  (void)state;
  statistics zeros = fill((edb_init){EDB_INIT_ZEROS, 0}, EDB_PARAM_PLAIN, big);
  statistics ones = fill((edb_init){EDB_INIT_ONES, 0}, EDB_PARAM_PLAIN, big);
  assert_true(zeros.smallest == 0 && zeros.largest == 0);
  assert_true(ones.smallest == 1 && ones.largest == 1);
}

static void uniform_fills_its_interval(void **state) {
  (void)state;
  assert_uniform(fill((edb_init){EDB_INIT_UNIFORM, 0.25}, EDB_PARAM_PLAIN, big), 0.25);
}

static void normal_has_its_deviation(void **state) {
  (void)state;
  statistics s = fill((edb_init){EDB_INIT_NORMAL, 0.1}, EDB_PARAM_PLAIN, big);
  assert_about(s.mean, 0, 0.002);
  assert_about(s.deviation, 0.1, 0.002);
  assert_true(s.largest > 0.3);
}

static void glorot_of_a_matrix_depends_on_rows_and_columns(void **state) {
  (void)state;
  assert_uniform(fill((edb_init){EDB_INIT_GLOROT, 0}, EDB_PARAM_PLAIN, big),
                 sqrt(6.0 / (100 + COUNT / 100)));
}

static void glorot_of_a_table_does_not_depend_on_its_length(void **state) {
  (void)state;
  edb_shape short_table = {2, {1000, 12, 1}}, long_table = {2, {3000, 12, 1}};
  edb_shape matrices = {3, {1000, 4, 8}};
  edb_init glorot = {EDB_INIT_GLOROT, 0};
  assert_uniform(fill(glorot, EDB_PARAM_TABLE, short_table), 0.5);
  assert_uniform(fill(glorot, EDB_PARAM_TABLE, long_table), 0.5);
  assert_uniform(fill(glorot, EDB_PARAM_TABLE, matrices), sqrt(0.5));
}

static void a_default_depends_on_what_the_parameter_is(void **state) {
  (void)state;
  edb_init none = {EDB_INIT_DEFAULT, 0};
  edb_shape vector = {1, {50, 1, 1}}, scalar = {0, {1, 1, 1}};
  statistics bias = fill(none, EDB_PARAM_PLAIN, vector);
  statistics gain = fill(none, EDB_PARAM_GAIN, vector);
  statistics number = fill(none, EDB_PARAM_PLAIN, scalar);
  assert_true(bias.smallest == 0 && bias.largest == 0);
  assert_true(gain.smallest == 1 && gain.largest == 1);
  assert_true(number.largest == 0);
  assert_uniform(fill(none, EDB_PARAM_PLAIN, big), sqrt(6.0 / (100 + COUNT / 100)));
}

static void values_repeat_for_a_seed_and_a_name_and_only_then(void **state) {
  (void)state;
  edb_init init = {EDB_INIT_UNIFORM, 1};
  edb_shape shape = {1, {16, 1, 1}};
  float a[16], again[16], seed[16], name[16];
  edb_init_fill(init, EDB_PARAM_PLAIN, "Wi", shape, 5, a);
  edb_init_fill(init, EDB_PARAM_PLAIN, "Wi", shape, 5, again);
  edb_init_fill(init, EDB_PARAM_PLAIN, "Wi", shape, 6, seed);
  edb_init_fill(init, EDB_PARAM_PLAIN, "Wo", shape, 5, name);
  assert_memory_equal(a, again, sizeof a);
  assert_memory_not_equal(a, seed, sizeof a);
  assert_memory_not_equal(a, name, sizeof a);
}

/* ---- Roles ----------------------------------------------------------------------------------- */

/* layer_norm(lookup(p0, index), p1, p2), p0 @ that; p3 is of rank 3, p1 is looked up too. */
static void roles_follow_from_the_operators_that_read_a_parameter(void **state) {
  (void)state;
  edb_ir_param params[5] = {{"E", {2, {4, 4, 1}}},
                            {"g", {1, {4, 1, 1}}},
                            {"b", {1, {4, 1, 1}}},
                            {"M", {3, {4, 4, 4}}},
                            {"both", {1, {4, 1, 1}}}};
  edb_ref refs[] = {{EDB_REF_PARAM, 0}, {EDB_REF_INDEX, 0}, {EDB_REF_OP, 0},    {EDB_REF_PARAM, 1},
                    {EDB_REF_PARAM, 2}, {EDB_REF_PARAM, 4}, {EDB_REF_INDEX, 0}, {EDB_REF_OP, 0},
                    {EDB_REF_PARAM, 4}, {EDB_REF_PARAM, 2}, {EDB_REF_PARAM, 0}, {EDB_REF_OP, 0}};
  edb_ir_op ops[] = {{.kind = EDB_OP_LOOKUP, .n_operands = 2, .operand_start = 0},
                     {.kind = EDB_OP_LAYER_NORM, .n_operands = 3, .operand_start = 2},
                     {.kind = EDB_OP_LOOKUP, .n_operands = 2, .operand_start = 5},
                     {.kind = EDB_OP_LAYER_NORM, .n_operands = 3, .operand_start = 7},
                     {.kind = EDB_OP_PRODUCT, .n_operands = 2, .operand_start = 10}};
  edb_ir_cell cell = {.ops = ops, .n_ops = 5, .operands = refs};
  edb_program program = {.n_cells = 1, .cells = &cell, .n_params = 5, .params = params};
  edb_param_role role[5];
  edb_param_roles(&program, role);
  assert_int_equal(role[0], EDB_PARAM_TABLE);
  assert_int_equal(role[1], EDB_PARAM_GAIN);
  assert_int_equal(role[2], EDB_PARAM_PLAIN);
  assert_int_equal(role[3], EDB_PARAM_TABLE);
  assert_int_equal(role[4], EDB_PARAM_TABLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_kinds_agree),
      cmocka_unit_test(names_are_compared_whole),
      cmocka_unit_test(zeros_and_ones_are_that),
      cmocka_unit_test(uniform_fills_its_interval),
      cmocka_unit_test(normal_has_its_deviation),
      cmocka_unit_test(glorot_of_a_matrix_depends_on_rows_and_columns),
      cmocka_unit_test(glorot_of_a_table_does_not_depend_on_its_length),
      cmocka_unit_test(a_default_depends_on_what_the_parameter_is),
      cmocka_unit_test(values_repeat_for_a_seed_and_a_name_and_only_then),
      cmocka_unit_test(roles_follow_from_the_operators_that_read_a_parameter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
