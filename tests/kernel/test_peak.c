/* tests/kernel/test_peak.c: the kernels that the machine is measured with do what they say. */
#include "levels.h"

static void every_level_reads_every_float_once(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t count = EDB_READ_FLOATS; count <= 3 * EDB_READ_FLOATS; count += EDB_READ_FLOATS) {
      block b = block_new(count, true);
      for (size_t i = 0; i < count; i++) b.data[i] = (float)(i % 7);
      float want = 0;
      for (size_t i = 0; i < count; i++) want += b.data[i];
      ASSERT_SAME(k->read(count, b.data), want, "%zu floats", count);
      block_free(&b);
    }
  }
}

static void rates_are_positive(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    block b = block_new(2 * EDB_READ_FLOATS + 5, true);
    for (size_t i = 0; i < b.count; i++) b.data[i] = 1;
    assert_true(edb_kernels_peak_gflops(k, 0) > 0);
    assert_true(edb_kernels_read_gbs(k, b.data, b.count, 0) > 0);
    assert_true(edb_kernels_read_gbs(k, b.data, EDB_READ_FLOATS - 1, 0) == 0);
    block_free(&b);
  }
}

static void whether_to_prefetch_is_a_choice_between_both(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    block b = block_new(3 * EDB_PREFETCH_FLOATS, true);
    for (size_t i = 0; i < b.count; i++) b.data[i] = 0;
    for (int i = 0; i < 2; i++) {
      const edb_kernels *from = i ? k : edb_kernels_unprefetched(k);
      const edb_kernels *chosen = edb_kernels_choose_prefetch(from, b.data, b.count, i);
      assert_true(chosen == k || chosen == edb_kernels_unprefetched(k));
    }
    block_free(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_level_reads_every_float_once),
      cmocka_unit_test(rates_are_positive),
      cmocka_unit_test(whether_to_prefetch_is_a_choice_between_both),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
