/* tests/exec/test_precision.c: sessions whose products are of bf16 numbers: the same bits however
 * they are batched, near the fp32 values, and refused where there is no such precision. */
#include <math.h>

#include "base/cpu.h"
#include "exec/exec_support.h"
#include "exec/zoo.h"

/* All values of a random graph. */
static values values_in(const world *w, edb_precision precision, edb_granularity granularity,
                        edb_policy_kind kind, uint64_t seed) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.precision = precision;
  params.granularity = granularity;
  edb_session *session = NULL;
  edb_error error = {0};
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  edb_policy *policy = policy_of(w, kind);
  edb_graph *graph = random_graph(w, seed, 60, LABELS_SOME);
  run_all(session, graph, policy);
  values v = read_values(w, session, graph);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return v;
}

static void bf16_has_the_same_bits_batched_and_unbatched(void **state) {
  (void)state;
  for (size_t i = 0; i < ZOO_COUNT; i++) {
    world w = world_of(EDB_SIMD_AUTO, zoo[i].text);
    edb_graph *graph = random_graph(&w, i + 1, 60, LABELS_SOME);
    values alone =
        values_in(&w, EDB_PRECISION_BF16, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, i + 1);
    for (int op = 0; op < 2; op++) {
      values v = values_in(&w, EDB_PRECISION_BF16, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL,
                           EDB_POLICY_BEST, i + 1);
      assert_same_values(&w, graph, &alone, &v, zoo[i].name);
      values_free(&v);
    }
    values_free(&alone);
    edb_graph_destroy(graph);
    world_close(&w);
  }
}

/* Where no level has instructions for bf16 of its own. */
static void bf16_has_the_same_bits_at_levels_without_instructions_for_it(void **state) {
  (void)state;
  world w = world_load(EDB_SIMD_PORTABLE, "tree_lstm.edb", 24);
  edb_graph *graph = random_graph(&w, 3, 60, LABELS_SOME);
  values first = values_in(&w, EDB_PRECISION_BF16, EDB_GRANULARITY_CELL, EDB_POLICY_BEST, 3);
  for (edb_simd level = EDB_SIMD_PORTABLE; level <= EDB_SIMD_NEON; level++) {
    if (!edb_cpu_has(level) || (level == EDB_SIMD_AVX512 && edb_cpu_has_bf16())) continue;
    world other = world_load(level, "tree_lstm.edb", 24);
    values v = values_in(&other, EDB_PRECISION_BF16, EDB_GRANULARITY_CELL, EDB_POLICY_BEST, 3);
    assert_same_values(&w, graph, &first, &v, edb_simd_name(level));
    values_free(&v);
    world_close(&other);
  }
  values_free(&first);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void bf16_is_near_fp32_and_not_the_same(void **state) {
  (void)state;
  world w = world_load(EDB_SIMD_AUTO, "tree_lstm.edb", 24);
  values exact = values_in(&w, EDB_PRECISION_F32, EDB_GRANULARITY_CELL, EDB_POLICY_BEST, 5);
  values near = values_in(&w, EDB_PRECISION_BF16, EDB_GRANULARITY_CELL, EDB_POLICY_BEST, 5);
  double difference = 0, size = 0;
  assert_int_equal(exact.count, near.count);
  for (size_t i = 0; i < exact.count; i++) {
    assert_int_equal(exact.has[i], near.has[i]);
    difference += fabs(exact.data[i] - near.data[i]);
    size += fabs(exact.data[i]);
  }
  assert_true(difference > 0 && difference < 0.02 * size);
  values_free(&exact);
  values_free(&near);
  world_close(&w);
}

static void precisions_that_are_not_there_are_refused(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, zoo[0].text);
  edb_session *session = NULL;
  edb_error error = {0};
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.precision = (edb_precision)7;
  assert_int_equal(edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "7"));
  params.precision = EDB_PRECISION_BF16;
  params.device = EDB_DEVICE_REFERENCE;
  assert_int_equal(edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "float64"));
  assert_null(session);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bf16_has_the_same_bits_batched_and_unbatched),
      cmocka_unit_test(bf16_has_the_same_bits_at_levels_without_instructions_for_it),
      cmocka_unit_test(bf16_is_near_fp32_and_not_the_same),
      cmocka_unit_test(precisions_that_are_not_there_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
