/* tests/exec/test_table.c: rows of tables by index, within a budget. */
#include "exec/less_model.h"
#include "exec/table.h"
#include "support/faulty.h"

typedef struct shelf {
  world w;
  edb_tables tables;
  uint32_t leaf, init;
} shelf;

static shelf shelf_in(edb_context *ctx, size_t budget) {
  shelf s = {.w = world_in(ctx, less_text)};
  edb_error error = {0};
  s.leaf = edb_model_cell(s.w.model, "leaf");
  s.init = edb_model_cell(s.w.model, "init");
  MUST(edb_tables_init(&s.tables, s.w.ctx, edb_model_program(s.w.model), sizeof(float), budget,
                       &error),
       error);
  return s;
}

static shelf shelf_of(size_t budget) {
  return shelf_in(context_at(EDB_SIMD_AUTO), budget);
}

static void close_shelf(shelf *s) {
  edb_tables_free(&s->tables);
  world_close(&s->w);
}

static void cells_of_one_index_or_none_are_tabled(void **state) {
  (void)state;
  shelf s = shelf_of(1 << 20);
  for (uint32_t c = 0; c < edb_model_cell_count(s.w.model); c++)
    assert_int_equal(s.tables.tabled[c], c == s.leaf || c == s.init);
  close_shelf(&s);
}

static void without_a_budget_nothing_is_tabled(void **state) {
  (void)state;
  static const size_t budgets[] = {0, 1, 100};
  for (int i = 0; i < 3; i++) {
    shelf s = shelf_of(budgets[i]);
    for (uint32_t c = 0; c < edb_model_cell_count(s.w.model); c++) assert_false(s.tables.tabled[c]);
    close_shelf(&s);
  }
}

static void rows_are_found_again_and_do_not_overlap(void **state) {
  (void)state;
  shelf s = shelf_of(1 << 20);
  char *seen[14];
  for (uint32_t i = 0; i < 7; i++) {
    assert_int_equal(edb_table_find(&s.tables, s.leaf, i), UINT32_MAX);
    uint32_t row = edb_table_add(&s.tables, s.leaf, i);
    assert_int_equal(row, i);
    edb_table_values(&s.tables, s.leaf, row, seen + 2 * i);
    for (uint32_t k = 2 * i; k < 2 * i + 2; k++) memset(seen[k], (int)k + 1, 9 * sizeof(float));
  }
  for (uint32_t i = 0; i < 14; i++) {
    assert_int_equal(edb_table_find(&s.tables, s.leaf, i / 2), i / 2);
    for (size_t k = 0; k < 9 * sizeof(float); k++) assert_int_equal(seen[i][k], i + 1);
  }
  close_shelf(&s);
}

static void rows_that_were_taken_back_are_gone(void **state) {
  (void)state;
  shelf s = shelf_of(1 << 20);
  for (uint32_t i = 0; i < 4; i++) assert_int_equal(edb_table_add(&s.tables, s.leaf, i), i);
  edb_table_remove(&s.tables, s.leaf, 2);
  edb_table_remove(&s.tables, s.leaf, 3);
  assert_int_equal(edb_table_find(&s.tables, s.leaf, 1), 1);
  assert_int_equal(edb_table_find(&s.tables, s.leaf, 2), UINT32_MAX);
  assert_int_equal(edb_table_add(&s.tables, s.leaf, 6), 2);
  close_shelf(&s);
}

static void new_weights_empty_the_tables(void **state) {
  (void)state;
  shelf s = shelf_of(1 << 20);
  edb_tables_begin(&s.tables, 1, true);
  (void)edb_table_add(&s.tables, s.leaf, 4);
  edb_tables_begin(&s.tables, 1, false);
  assert_int_equal(edb_table_find(&s.tables, s.leaf, 4), 0);
  size_t used = s.tables.used_bytes;
  edb_tables_begin(&s.tables, 2, true);
  assert_int_equal(edb_table_find(&s.tables, s.leaf, 4), UINT32_MAX);
  assert_int_equal(edb_table_add(&s.tables, s.leaf, 5), 0); /* in the same page */
  assert_int_equal(s.tables.used_bytes, used);
  close_shelf(&s);
}

static void old_rows_stay_until_they_can_be_forgotten(void **state) {
  (void)state;
  shelf s = shelf_of(1 << 20);
  edb_tables_begin(&s.tables, 1, true);
  char *old[2], *new[2];
  edb_table_values(&s.tables, s.leaf, edb_table_add(&s.tables, s.leaf, 4), old);
  memset(old[0], 7, 9 * sizeof(float));
  edb_tables_begin(&s.tables, 2, false);
  edb_table_values(&s.tables, s.leaf, edb_table_add(&s.tables, s.leaf, 4), new);
  memset(new[0], 8, 9 * sizeof(float));
  assert_int_equal(old[0][0], 7);
  size_t used = s.tables.used_bytes;
  edb_tables_begin(&s.tables, 2, true);
  assert_true(s.tables.used_bytes < used);
  assert_int_equal(new[0][0], 8);
  close_shelf(&s);
}

static void a_budget_is_not_exceeded(void **state) {
  (void)state;
  for (size_t budget = 200; budget < 12000; budget += 411) {
    shelf s = shelf_of(budget);
    uint32_t added = 0;
    for (uint64_t version = 1; version < 6; version++) {
      edb_tables_begin(&s.tables, version, version % 2);
      for (uint32_t i = 0; i < 7 && s.tables.tabled[s.leaf]; i++)
        added += edb_table_add(&s.tables, s.leaf, i) != UINT32_MAX;
      if (s.tables.tabled[s.init]) (void)edb_table_add(&s.tables, s.init, 0);
      assert_true(s.tables.used_bytes <= budget);
    }
    if (budget > 6000) assert_true(added >= 7);
    close_shelf(&s);
  }
}

static void no_memory_means_no_room(void **state) {
  (void)state;
  faulty f;
  for (size_t n = 1; n < 6; n++) {
    shelf s = shelf_in(faulty_context(&f, 0), 1 << 20);
    f.requests = f.failures = 0;
    f.fail_at = n;
    uint32_t row = edb_table_add(&s.tables, s.leaf, 3);
    f.fail_at = 0;
    assert_int_equal(row, f.failures ? UINT32_MAX : 0);
    if (f.failures) assert_int_equal(edb_table_find(&s.tables, s.leaf, 3), UINT32_MAX);
    if (f.failures) assert_int_equal(edb_table_add(&s.tables, s.leaf, 3), 0);
    edb_tables_free(&s.tables);
    edb_weights_destroy(s.w.weights);
    edb_model_destroy(s.w.model);
    faulty_destroy(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_of_one_index_or_none_are_tabled),
      cmocka_unit_test(without_a_budget_nothing_is_tabled),
      cmocka_unit_test(rows_are_found_again_and_do_not_overlap),
      cmocka_unit_test(rows_that_were_taken_back_are_gone),
      cmocka_unit_test(new_weights_empty_the_tables),
      cmocka_unit_test(old_rows_stay_until_they_can_be_forgotten),
      cmocka_unit_test(a_budget_is_not_exceeded),
      cmocka_unit_test(no_memory_means_no_room),
  };
  return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
