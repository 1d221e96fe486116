/* tests/exec/test_machine.c: the measures of the machine: their errors, and failing memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include <edbatch/edbatch.h>

#include "base/context.h"
#include "policy/cost.h"
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

static void rows_are_measured_near_and_far_or_not_at_all(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_costs costs = {.ctx = ctx};
    edb_row_costs rows;
    edb_status status = edb_costs_measure_rows(&costs, NULL);
    assert_true(faulty_status(&f, status));
    assert_true(costs.has_rows == (status == EDB_OK));
    for (int far = 0; far < 2 && status == EDB_OK; far++) {
      assert_true(edb_costs_rows(&costs, far, &rows));
      for (int i = 0; i < EDB_ROW_WIDTHS; i++) {
        assert_true(rows.gather_ns[i] > 0 && rows.store_ns[i] > 0);
        assert_true(rows.product_ns[i] >= 0 && rows.elementwise_ns[i] >= 0);
      }
    }
  }
}

/* After a session with one product, whose weights are so many parts of a second-level cache. */
static edb_prefetch prefetch_after_session(edb_context *ctx, size_t halves, edb_status *status) {
  size_t rows = halves * edb_context_caches(ctx).l2_bytes / 2 / (512 * sizeof(float));
  char text[200];
  snprintf(text, sizeof text,
           "edb 1\nmodel large\nparam W[%zu, 512]\ncell c(x[512]) -> (y[%zu]):\n  y = W @ x\n",
           rows, rows);
  edb_model *model = NULL;
  edb_weights *weights = NULL;
  edb_session *session = NULL;
  *status = edb_model_parse(ctx, text, strlen(text), "large.edb", NULL, &model, NULL);
  if (*status == EDB_OK) *status = edb_weights_create(ctx, model, 1, &weights, NULL);
  if (*status == EDB_OK) *status = edb_session_create(ctx, model, weights, NULL, &session, NULL);
  edb_session_destroy(session);
  edb_weights_destroy(weights);
  edb_model_destroy(model);
  return atomic_load(&ctx->prefetch[halves > 2]);
}

static void note_line(void *lines, edb_log_level level, const char *text) {
  assert_int_equal(level, EDB_LOG_DEBUG);
  assert_non_null(strstr(text, "asked for ahead"));
  assert_true((*(int *)lines == 0) == (strstr(text, "in the second-level cache") != NULL));
  ++*(int *)lines;
}

static void whether_to_prefetch_is_measured_once_for_weights_near_and_far(void **state) {
  (void)state;
  int lines = 0;
  edb_context_params params = EDB_PARAMS(edb_context_params);
  edb_context *ctx = NULL;
  edb_status status;
  params.log = note_line;
  params.log_user = &lines;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  for (size_t halves = 1; halves <= 4; halves += 3) {
    atomic_uint *prefetch = &ctx->prefetch[halves > 2];
    assert_int_equal(atomic_load(prefetch), EDB_PREFETCH_UNKNOWN);
    edb_prefetch measured = prefetch_after_session(ctx, halves, &status);
    assert_int_equal(status, EDB_OK);
    assert_true(measured == EDB_PREFETCH_GAINS || measured == EDB_PREFETCH_COSTS);
    edb_prefetch other = measured == EDB_PREFETCH_GAINS ? EDB_PREFETCH_COSTS : EDB_PREFETCH_GAINS;
    atomic_store(prefetch, other);
    assert_int_equal(prefetch_after_session(ctx, halves, &status), other);
  }
  assert_int_equal(lines, 2);
  edb_context_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(measures_of_the_machine_are_positive),
      cmocka_unit_test(a_block_too_small_to_read_is_an_error),
      cmocka_unit_test(every_failing_allocation_of_a_measure_is_survived),
      cmocka_unit_test(rows_are_measured_near_and_far_or_not_at_all),
      cmocka_unit_test(whether_to_prefetch_is_measured_once_for_weights_near_and_far),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
