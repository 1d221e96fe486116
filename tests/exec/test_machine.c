/* tests/exec/test_machine.c: the measures of the machine: their errors, and failing memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <edbatch/edbatch.h>

#include "support/faulty.h"

static void measures_of_the_machine_are_positive(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  double gbs = 0;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  edb_machine m = edb_machine_describe();
  assert_true(m.processors > 0 && m.l2_bytes > 0 && m.l3_bytes > 0);
  assert_true(edb_measure_peak_gflops(ctx, 0) > 0);
  assert_int_equal(edb_measure_read_gbs(ctx, 4096, 0, &gbs, NULL), EDB_OK);
  assert_true(gbs > 0);
  edb_context_destroy(ctx);
}

static void a_block_too_small_to_read_is_an_error(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  edb_error error = {0};
  double gbs = -1;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  assert_int_equal(edb_measure_read_gbs(ctx, 511, 0, &gbs, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "at least 512"));
  assert_true(gbs == -1);
  edb_context_destroy(ctx);
}

static void every_failing_allocation_of_a_measure_is_survived(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    double gbs = -1;
    edb_status status = edb_measure_read_gbs(ctx, 4096, 0, &gbs, NULL);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) assert_true(gbs == -1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(measures_of_the_machine_are_positive),
      cmocka_unit_test(a_block_too_small_to_read_is_an_error),
      cmocka_unit_test(every_failing_allocation_of_a_measure_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
