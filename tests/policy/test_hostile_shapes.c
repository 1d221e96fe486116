/* tests/policy/test_hostile_shapes.c: shapes that break what is quadratic or recursive, limits, and
 * every failing request for memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/fsms.h"
#include "support/faulty.h"

/* A dag of any size, on the heap. */
typedef struct big_dag {
  uint32_t *type, *in_start, *in_node;
  edb_dag dag;
} big_dag;

static big_dag big_make(uint32_t n_nodes, uint32_t n_types) {
  big_dag b = {.type = calloc(n_nodes, sizeof(uint32_t)),
               .in_start = calloc(n_nodes + 1, sizeof(uint32_t)),
               .in_node = calloc((size_t)n_nodes * 2, sizeof(uint32_t))};
  assert_true(b.type != NULL && b.in_start != NULL && b.in_node != NULL);
  b.dag = (edb_dag){.n_nodes = n_nodes,
                    .n_types = n_types,
                    .type = b.type,
                    .in_start = b.in_start,
                    .in_node = b.in_node};
  return b;
}

static void big_free(big_dag *b) {
  free(b->type);
  free(b->in_start);
  free(b->in_node);
}

/* Every node takes the one before. */
static big_dag chain(uint32_t n_nodes, uint32_t n_types) {
  big_dag b = big_make(n_nodes, n_types);
  for (uint32_t v = 0; v < n_nodes; v++) {
    b.type[v] = v % n_types;
    b.in_start[v + 1] = v;
    if (v > 0) b.in_node[v - 1] = v - 1;
  }
  return b;
}

/* A policy learned from other graphs, of every encoding, and as published. */
static void expect_learned(edb_context *ctx, const edb_dag *dag, uint32_t batches) {
  static test_dag seen;
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  dag_random(&seen, &rng, 40, 3);
  for (int e = 0; e <= EDB_ENCODING_COUNT; e++) {
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.encoding = (edb_encoding)(e % EDB_ENCODING_COUNT);
    params.as_published = e == EDB_ENCODING_COUNT;
    params.max_episodes = 50;
    edb_policy *policy = learn_raw(ctx, &seen.dag, 1, &params);
    assert_int_equal(fsm_batches(ctx, policy, dag, NULL), batches);
    edb_policy_destroy(policy);
  }
}

static void expect_all(edb_context *ctx, const edb_dag *dag, uint32_t batches) {
  for (int kind = EDB_POLICY_DEPTH; kind < EDB_POLICY_EXACT; kind++) {
    if (kind != EDB_POLICY_FSM)
      assert_int_equal(policy_batches(ctx, (edb_policy_kind)kind, dag), batches);
  }
  expect_learned(ctx, dag, batches);
}

/* A policy learned from the graph itself. */
static uint32_t learned_batches(edb_context *ctx, const edb_dag *dag) {
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  params.max_episodes = 20;
  edb_policy *policy = learn_raw(ctx, dag, 1, &params);
  uint32_t batches = fsm_batches(ctx, policy, dag, NULL);
  edb_policy_destroy(policy);
  return batches;
}

static void a_long_chain_of_one_type(void **state) {
  big_dag b = chain(100000, 1);
  expect_all(*state, &b.dag, 100000);
  big_free(&b);
}

static void a_chain_of_a_million(void **state) {
  big_dag b = chain(1000000, 1);
  expect_all(*state, &b.dag, 1000000);
  assert_int_equal(learned_batches(*state, &b.dag), 1000000);
  big_free(&b);
}

static void a_long_chain_of_two_types(void **state) {
  big_dag b = chain(100000, 2);
  expect_all(*state, &b.dag, 100000);
  big_free(&b);
}

static void a_star(void **state) {
  big_dag b = big_make(50000, 2);
  for (uint32_t v = 1; v < b.dag.n_nodes; v++) {
    b.type[v] = 1;
    b.in_start[v + 1] = v;
    b.in_node[v - 1] = 0;
  }
  expect_all(*state, &b.dag, 2);
  assert_int_equal(learned_batches(*state, &b.dag), 2);
  big_free(&b);
}

static void one_node_and_none(void **state) {
  big_dag b = big_make(1, 1);
  expect_all(*state, &b.dag, 1);
  b.dag.n_nodes = 0;
  expect_all(*state, &b.dag, 0);
  assert_int_equal(learned_batches(*state, &b.dag), 0);
  big_free(&b);
}

static void no_edges_at_all(void **state) {
  big_dag b = big_make(50000, 7);
  for (uint32_t v = 0; v < b.dag.n_nodes; v++) b.type[v] = v % 7;
  expect_all(*state, &b.dag, 7);
  assert_int_equal(learned_batches(*state, &b.dag), 7);
  big_free(&b);
}

static void ten_thousand_types_without_cycles(void **state) {
  big_dag b = chain(10000, 10000);
  expect_all(*state, &b.dag, 10000);
  big_free(&b);
}

/* So many that they are not split into components; what the rules find is the same. */
static void more_types_than_components_are_found_for(void **state) {
  big_dag b = chain(17000, 17000);
  assert_int_equal(bound_of_dag(*state, &b.dag), 17000);
  assert_int_equal(policy_batches(*state, EDB_POLICY_TIGHT, &b.dag), 17000);
  big_free(&b);
}

static void ten_thousand_types_on_one_cycle(void **state) {
  big_dag b = chain(20000, 10000);
  assert_int_equal(policy_batches(*state, EDB_POLICY_TIGHT, &b.dag), 20000);
  assert_int_equal(policy_batches(*state, EDB_POLICY_BEST, &b.dag), 20000);
  assert_int_equal(policy_batches(*state, EDB_POLICY_BEAM, &b.dag), 20000);
  assert_int_equal(learned_batches(*state, &b.dag), 20000);
  edb_policy *policy = NULL;
  edb_schedule *schedule = NULL;
  edb_error error;
  assert_int_equal(edb_policy_create(*state, EDB_POLICY_SUFFICIENT, &policy, &error), EDB_OK);
  assert_int_equal(edb_schedule_dag(*state, policy, &b.dag, &schedule, &error), EDB_ERROR_LIMIT);
  assert_non_null(strstr(error.text, "20000 nodes of 10000 types"));
  assert_null(schedule);
  edb_policy_destroy(policy);
  big_free(&b);
}

static void many_types_in_components_of_any_width(void **state) {
  /* Cycles of 1 .. 40 types, each gone round twice: every node is a batch. */
  big_dag b = big_make(1640, 820);
  uint32_t v = 0, type = 0;
  for (uint32_t width = 1; width <= 40; width++) {
    for (uint32_t i = 0; i < width * 2; i++, v++) {
      b.type[v] = type + i % width;
      b.in_start[v + 1] = v;
      if (v > 0) b.in_node[v - 1] = v - 1;
    }
    type += width;
  }
  assert_int_equal(bound_of_dag(*state, &b.dag), 1640);
  expect_all(*state, &b.dag, 1640);
  big_free(&b);
}

static void exact_takes_large_graphs(void **state) {
  big_dag b = chain(100000, 2);
  edb_schedule_info info = policy_info(*state, EDB_POLICY_EXACT, &b.dag);
  assert_int_equal(info.n_batches, 100000);
  assert_int_equal(info.proven_bound, 100000);
  big_free(&b);
}

/* Independent chains of alternating types, whose lengths differ: frontiers multiply. */
static void exact_says_what_it_has_proven_when_frontiers_explode(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 5);
  dag_begin(&d, 4);
  for (uint32_t c = 0; c < 60; c++) {
    uint32_t last = 0;
    for (uint32_t i = 0; i < 25; i++) last = dag_node(&d, edb_rng_below(&rng, 4), i > 0, &last);
  }
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.seconds = 0.01;
  edb_policy *policy = NULL;
  edb_schedule *schedule = NULL;
  edb_error error;
  assert_int_equal(edb_policy_create_with(*state, EDB_POLICY_EXACT, &params, &policy, &error),
                   EDB_OK);
  assert_int_equal(edb_schedule_dag(*state, policy, &d.dag, &schedule, &error), EDB_OK);
  assert_valid_schedule(&d.dag, schedule);
  edb_schedule_info info = edb_schedule_describe(schedule);
  assert_int_equal(info.policy, EDB_POLICY_EXACT);
  assert_true(info.n_batches <= policy_batches(*state, EDB_POLICY_BEST, &d.dag));
  edb_schedule_destroy(schedule);
  edb_policy_destroy(policy);
}

static void every_failing_allocation_is_survived(void **state) {
  (void)state;
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 6);
  dag_random(&d, &rng, 40, 4);
  for (int kind = 0; kind < EDB_POLICY_COUNT; kind++) {
    if (kind == EDB_POLICY_FSM) continue;
    faulty f;
    FAULTY_FOR_EACH(&f, ctx) {
      edb_policy *policy = NULL;
      edb_schedule *schedule = NULL;
      edb_error error;
      edb_status status = edb_policy_create(ctx, (edb_policy_kind)kind, &policy, &error);
      if (status == EDB_OK) status = edb_schedule_dag(ctx, policy, &d.dag, &schedule, &error);
      assert_true(faulty_status(&f, status));
      if (status == EDB_OK) assert_valid_schedule(&d.dag, schedule);
      if (status != EDB_OK) assert_null(schedule);
      edb_schedule_destroy(schedule);
      edb_policy_destroy(policy);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_long_chain_of_one_type),
      cmocka_unit_test(a_long_chain_of_two_types),
      cmocka_unit_test(a_chain_of_a_million),
      cmocka_unit_test(a_star),
      cmocka_unit_test(one_node_and_none),
      cmocka_unit_test(no_edges_at_all),
      cmocka_unit_test(ten_thousand_types_without_cycles),
      cmocka_unit_test(more_types_than_components_are_found_for),
      cmocka_unit_test(ten_thousand_types_on_one_cycle),
      cmocka_unit_test(many_types_in_components_of_any_width),
      cmocka_unit_test(exact_takes_large_graphs),
      cmocka_unit_test(exact_says_what_it_has_proven_when_frontiers_explode),
      cmocka_unit_test(every_failing_allocation_is_survived),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
