/* tests/layout/test_row_rule.c: how rows come to their readers: as it was measured, or else as it
 * is known from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layout/row_rule.h"
#include "policy/cost.h"

#define L2_BYTES ((size_t)1 << 20)

static edb_row_rule rule_of(edb_row_costs near_rows, edb_row_costs far_rows) {
  const edb_costs costs = {.has_rows = true, .rows = {near_rows, far_rows}};
  return edb_row_rule_of(&costs, L2_BYTES);
}

static void widths_between_those_measured_are_between_them(void **state) {
  (void)state;
  const double ns[EDB_ROW_WIDTHS] = {2, 4, 10, 30};
  static const struct {
    size_t columns;
    double ns;
  } cases[] = {{1, 2},    {64, 2},   {96, 3},   {128, 4},  {192, 7},
               {256, 10}, {384, 20}, {512, 30}, {1024, 60}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_true(edb_row_ns(ns, cases[i].columns) == cases[i].ns);
}

static void without_measurements_products_point_and_nothing_is_stored_twice(void **state) {
  (void)state;
  const edb_costs none = {.has_rows = false};
  const edb_row_rule rules[] = {edb_row_rule_of(NULL, L2_BYTES), edb_row_rule_of(&none, L2_BYTES)};
  for (int i = 0; i < 2; i++)
    for (int far = 0; far < 2; far++) {
      assert_true(edb_row_rule_points(&rules[i], EDB_READER_PRODUCT, 1, far));
      assert_true(edb_row_rule_points(&rules[i], EDB_READER_OVER, 1, far));
      assert_false(edb_row_rule_points(&rules[i], EDB_READER_ELEMENTWISE, 127, far));
      assert_true(edb_row_rule_points(&rules[i], EDB_READER_ELEMENTWISE, 128, far));
      assert_false(edb_row_rule_points(&rules[i], EDB_READER_OTHER, 512, far));
      assert_true(edb_row_rule_points(&rules[i], EDB_READER_MATRICES, 1, far));
      for (int reader = 0; reader <= EDB_READER_OVER; reader++)
        assert_false(edb_row_rule_stores(&rules[i], (edb_reader)reader, 512, far));
    }
}

static void what_was_measured_decides(void **state) {
  (void)state;
  const edb_row_costs cheap_gather = {.gather_ns = {1, 1, 1, 1},
                                      .product_ns = {9, 9, 9, 9},
                                      .elementwise_ns = {9, 9, 9, 0},
                                      .store_ns = {1, 1, 1, 1}};
  const edb_row_costs cheap_store = {.gather_ns = {90, 90, 90, 90},
                                     .product_ns = {0, 0, 0, 0},
                                     .elementwise_ns = {90, 90, 90, 90},
                                     .store_ns = {1, 1, 1, 1}};
  edb_row_rule rule = rule_of(cheap_gather, cheap_store);
  assert_false(edb_row_rule_points(&rule, EDB_READER_PRODUCT, 64, false));
  assert_true(edb_row_rule_points(&rule, EDB_READER_PRODUCT, 64, true));
  assert_false(edb_row_rule_points(&rule, EDB_READER_ELEMENTWISE, 256, false));
  assert_true(edb_row_rule_points(&rule, EDB_READER_ELEMENTWISE, 512, false));
  assert_false(edb_row_rule_stores(&rule, EDB_READER_OTHER, 64, false));
  assert_true(edb_row_rule_stores(&rule, EDB_READER_OTHER, 64, true));
  assert_true(edb_row_rule_stores(&rule, EDB_READER_ELEMENTWISE, 64, true));
  assert_false(edb_row_rule_stores(&rule, EDB_READER_PRODUCT, 64, true));
}

/* The noise of a measurement shall not decide. */
static void rows_stay_where_they_are_when_it_makes_little_difference(void **state) {
  (void)state;
  const edb_row_costs even = {.gather_ns = {100, 100, 100, 100},
                              .product_ns = {120, 130, 100, 100},
                              .elementwise_ns = {100, 100, 100, 100},
                              .store_ns = {49, 51, 51, 51}};
  edb_row_rule rule = rule_of(even, even);
  assert_true(edb_row_rule_points(&rule, EDB_READER_PRODUCT, 64, false));
  assert_false(edb_row_rule_points(&rule, EDB_READER_PRODUCT, 128, false));
  assert_true(edb_row_rule_stores(&rule, EDB_READER_OTHER, 64, false));
  assert_false(edb_row_rule_stores(&rule, EDB_READER_OTHER, 128, false));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(widths_between_those_measured_are_between_them),
      cmocka_unit_test(without_measurements_products_point_and_nothing_is_stored_twice),
      cmocka_unit_test(what_was_measured_decides),
      cmocka_unit_test(rows_stay_where_they_are_when_it_makes_little_difference),
  };
  return cmocka_run_group_tests_name("row_rule", tests, NULL, NULL);
}
