/* tests/policy/test_search.c: beam, best and exact: how near they come to the optimum, on random
 * and real graphs, and what holds whatever they find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/raw_graph.h"
#include "policy/dags.h"
#include "support/faulty.h"

#define GRAPHS EDB_SOURCE_DIR "/../shared/data/graphs/"

/* Random graphs for the comparison with the optimum; all of them when EDB_SLOW_TESTS is set. */
static int small_graphs(void) {
  return getenv("EDB_SLOW_TESTS") != NULL ? 60000 : 4000;
}

static edb_policy *make_policy(edb_context *ctx, edb_policy_kind kind, uint32_t width,
                               double seconds) {
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  edb_policy *policy = NULL;
  edb_error error;
  params.width = width;
  params.seconds = seconds;
  assert_int_equal(edb_policy_create_with(ctx, kind, &params, &policy, &error), EDB_OK);
  return policy;
}

/* What the policy makes of the dag, checked; the policy is destroyed. */
static edb_schedule_info schedule_with(edb_context *ctx, edb_policy *policy, const edb_dag *dag) {
  edb_schedule *schedule = NULL;
  edb_error error;
  if (edb_schedule_dag(ctx, policy, dag, &schedule, &error) != EDB_OK) fail_msg("%s", error.text);
  assert_valid_schedule(dag, schedule);
  edb_schedule_info info = edb_schedule_describe(schedule);
  edb_schedule_destroy(schedule);
  edb_policy_destroy(policy);
  return info;
}

/* Several random instances with the same number of types, one after the other. */
static void dag_instances(test_dag *d, edb_rng *rng, uint32_t count, uint32_t nodes,
                          uint32_t n_types) {
  dag_begin(d, n_types);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t base = d->dag.n_nodes, size = 1 + edb_rng_below(rng, nodes);
    for (uint32_t k = 0; k < size; k++) {
      uint32_t inputs[2], n_inputs = k == 0 ? 0 : 1 + edb_rng_below(rng, 2);
      for (uint32_t e = 0; e < n_inputs; e++)
        inputs[e] = base + k - 1 - edb_rng_below(rng, k < 4 ? k : 4);
      dag_node(d, edb_rng_below(rng, n_types), n_inputs, inputs);
    }
  }
}

/* ---- Small graphs -----------------------------------------------------------------------------
 */

static void beam_is_optimal_on_small_random_graphs(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  for (int i = 0; i < small_graphs(); i++) {
    static test_dag d;
    dag_random(&d, &rng, 4 + edb_rng_below(&rng, 8), 2 + edb_rng_below(&rng, 3));
    uint32_t optimum = policy_batches(*state, EDB_POLICY_EXACT, &d.dag);
    assert_int_equal(policy_batches(*state, EDB_POLICY_BEAM, &d.dag), optimum);
    assert_int_equal(policy_batches(*state, EDB_POLICY_BEST, &d.dag), optimum);
  }
}

static void unbatchable_nodes_may_lie_on_cycles_of_types(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 12);
  for (int i = 0; i < 500; i++) {
    static test_dag d;
    dag_random(&d, &rng, 4 + edb_rng_below(&rng, 8), 3);
    d.unbatchable[0] = 1;
    assert_int_equal(policy_batches(*state, EDB_POLICY_BEAM, &d.dag),
                     policy_batches(*state, EDB_POLICY_EXACT, &d.dag));
  }
}

static void both_exact_searches_agree(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 13);
  for (int i = 0; i < 20; i++) {
    static test_dag d;
    dag_instances(&d, &rng, 3, 10, 3);
    edb_schedule_info alone =
        schedule_with(*state, make_policy(*state, EDB_POLICY_EXACT, 0, 60), &d.dag);
    /* Nodes of a type of their own make the graph too large for the small search. */
    uint32_t n = d.dag.n_nodes;
    d.dag.n_types = 4;
    for (uint32_t k = 0; k < 1100; k++) dag_node(&d, 3, 0, NULL);
    edb_schedule_info padded =
        schedule_with(*state, make_policy(*state, EDB_POLICY_EXACT, 0, 60), &d.dag);
    assert_int_equal(padded.n_nodes, n + 1100);
    assert_int_equal(padded.n_batches, alone.n_batches + 1);
    assert_int_equal(padded.proven_bound, padded.n_batches);
    assert_int_equal(alone.proven_bound, alone.n_batches);
  }
}

/* ---- Larger random graphs -----------------------------------------------------------------------
 */

static void searches_are_never_worse_than_the_rules(void **state) {
  static const edb_policy_kind rules[] = {EDB_POLICY_DEPTH, EDB_POLICY_AGENDA_STATIC,
                                          EDB_POLICY_AGENDA_RUNNING, EDB_POLICY_TIGHT};
  edb_rng rng;
  edb_rng_seed(&rng, 14);
  for (int i = 0; i < 60; i++) {
    static test_dag d;
    dag_instances(&d, &rng, 1 + edb_rng_below(&rng, 60), 1 + edb_rng_below(&rng, 60),
                  2 + edb_rng_below(&rng, 12));
    d.unbatchable[1] = edb_rng_below(&rng, 8) == 0;
    uint32_t best = policy_batches(*state, EDB_POLICY_BEST, &d.dag);
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
      assert_true(best <= policy_batches(*state, rules[k], &d.dag));
    assert_true(policy_batches(*state, EDB_POLICY_BEAM, &d.dag) <=
                policy_batches(*state, EDB_POLICY_TIGHT, &d.dag));
  }
}

static void any_width_gives_valid_schedules(void **state) {
  static const uint32_t widths[] = {1, 2, 3, 4, 8, 16, 33, EDB_MAX_WIDTH};
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 15);
  for (uint32_t instances = 1; instances <= 64; instances *= 8) {
    dag_instances(&d, &rng, instances, 2000 / instances, 4);
    uint32_t tight = policy_batches(*state, EDB_POLICY_TIGHT, &d.dag);
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
      edb_policy *policy = make_policy(*state, EDB_POLICY_BEAM, widths[i], 0);
      assert_true(schedule_with(*state, policy, &d.dag).n_batches <= tight);
    }
  }
}

static void schedules_are_reproducible(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 16);
  dag_instances(&d, &rng, 40, 80, 5);
  edb_policy *policy = make_policy(*state, EDB_POLICY_BEST, 0, 0);
  edb_schedule *first = NULL, *second = NULL;
  assert_int_equal(edb_schedule_dag(*state, policy, &d.dag, &first, NULL), EDB_OK);
  assert_int_equal(edb_schedule_dag(*state, policy, &d.dag, &second, NULL), EDB_OK);
  assert_int_equal(first->info.n_batches, second->info.n_batches);
  assert_memory_equal(first->nodes, second->nodes, d.dag.n_nodes * sizeof *first->nodes);
  edb_schedule_destroy(first);
  edb_schedule_destroy(second);
  edb_policy_destroy(policy);
}

/* One instance of more nodes than are kept as a set, and many types. */
static void giant_instances_are_searched_as_a_whole(void **state) {
  uint32_t n = 20000, n_edges = 0;
  uint32_t *type = malloc(n * sizeof *type), *start = malloc((n + 1) * sizeof *start);
  uint32_t *in = malloc(n * 2 * sizeof *in);
  assert_true(type != NULL && start != NULL && in != NULL);
  edb_rng rng;
  edb_rng_seed(&rng, 17);
  start[0] = 0;
  for (uint32_t v = 0; v < n; v++) {
    type[v] = edb_rng_below(&rng, 7);
    for (uint32_t i = 0; v > 0 && i < 2; i++)
      in[n_edges++] = v - 1 - edb_rng_below(&rng, v < 300 ? v : 300);
    start[v + 1] = n_edges;
  }
  edb_dag dag = {.n_nodes = n, .n_types = 7, .type = type, .in_start = start, .in_node = in};
  edb_schedule_info beam = policy_info(*state, EDB_POLICY_BEAM, &dag);
  assert_int_equal(beam.policy, EDB_POLICY_BEAM);
  assert_true(beam.n_batches < policy_batches(*state, EDB_POLICY_TIGHT, &dag));
  free(type);
  free(start);
  free(in);
}

/* ---- Real graphs --------------------------------------------------------------------------------
 */

/* Calls `check` with each graph of a set; skips the test when there are none. */
static void for_each_graph(edb_context *ctx, const char *set,
                           void (*check)(edb_context *, const edb_dag *, uint32_t number, void *),
                           void *user) {
  for (uint32_t i = 0; i < 10; i++) {
    char path[sizeof GRAPHS + 80];
    edb_raw_graph raw;
    edb_error error;
    snprintf(path, sizeof path, "%s%s/G%u.txt", GRAPHS, set, i);
    if (edb_raw_graph_load(ctx, path, &raw, &error) != EDB_OK) {
      print_message("%s\n", error.text);
      skip();
    }
    edb_dag dag = edb_raw_graph_dag(&raw);
    check(ctx, &dag, i, user);
    edb_raw_graph_free(&raw);
  }
}

static uint32_t lattice_optimum(uint32_t number) {
  FILE *file = fopen(GRAPHS "lattice-optimum.txt", "r");
  uint32_t graph, optimum = 0;
  assert_non_null(file);
  for (uint32_t i = 0; i <= number; i++)
    assert_int_equal(fscanf(file, " lattice/G%u %u", &graph, &optimum), 2);
  assert_int_equal(graph, number);
  fclose(file);
  return optimum;
}

typedef struct sums {
  uint32_t found, optimum;
} sums;

static void add_best(edb_context *ctx, const edb_dag *dag, uint32_t number, void *user) {
  sums *s = user;
  s->found += policy_batches(ctx, EDB_POLICY_BEST, dag);
  s->optimum += lattice_optimum(number);
}

static void best_is_within_half_a_percent_on_lattices(void **state) {
  sums s = {0};
  for_each_graph(*state, "lattice", add_best, &s);
  print_message("lattice: %u batches, the optimum is %u\n", s.found, s.optimum);
  assert_true(s.found >= s.optimum && s.found * 1000 <= s.optimum * 1005);
}

static void check_optimum(edb_context *ctx, const edb_dag *dag, uint32_t number, void *user) {
  (void)user;
  if (number != 4 && number != 6 && number != 9 && getenv("EDB_SLOW_TESTS") == NULL) return;
  edb_schedule_info info = schedule_with(ctx, make_policy(ctx, EDB_POLICY_EXACT, 0, 600), dag);
  assert_int_equal(info.n_batches, lattice_optimum(number));
  assert_int_equal(info.proven_bound, info.n_batches);
}

static void exact_proves_the_optimum_of_lattices(void **state) {
  for_each_graph(*state, "lattice", check_optimum, NULL);
}

static void check_at_bound(edb_context *ctx, const edb_dag *dag, uint32_t number, void *user) {
  (void)number;
  edb_policy_kind *kind = user;
  edb_schedule_info info = policy_info(ctx, *kind, dag);
  assert_int_equal(info.n_batches, info.bound);
}

static void other_sets_are_at_the_bound(void **state) {
  static const char *const sets[] = {"bilstm", "seq2seq", "treenn", "mvrnn"};
  edb_policy_kind kinds[] = {EDB_POLICY_BEAM, EDB_POLICY_BEST, EDB_POLICY_EXACT};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
      for_each_graph(*state, sets[i], check_at_bound, &kinds[k]);
}

static void an_exact_search_stops_at_its_deadline(void **state) {
  static test_dag d;
  edb_attempts attempts;
  edb_error error;
  dag_parse(&d, "0:A() 1:B(0) 2:B() 3:A(2)");
  assert_int_equal(edb_attempts_init(*state, &d.dag, NULL, &attempts, &error), EDB_OK);
  attempts.deadline = 1; /* long ago */
  assert_int_equal(edb_attempt(&attempts, EDB_POLICY_EXACT, false, NULL, &error), EDB_ERROR_LIMIT);
  assert_non_null(strstr(error.text, "ran out of time"));
  edb_attempts_free(&attempts);
  edb_schedule_info info =
      schedule_with(*state, make_policy(*state, EDB_POLICY_EXACT, 0, 1e-9), &d.dag);
  assert_int_equal(info.n_batches, 3); /* tight's */
}

/* A component of one type goes level by level, whatever cuts up its batches in a pass. */
static void components_of_one_type_are_at_their_bound(void **state) {
  static test_dag d;
  dag_parse(&d, "0:A() 1:B(0) 2:B() 3:A(2) 4:C(0) 5:C(1) 6:C(3) 7:C(2)");
  assert_int_equal(policy_batches(*state, EDB_POLICY_BEAM, &d.dag), 4);
}

/* ---- Parameters and memory ----------------------------------------------------------------------
 */

static void expect_refused(edb_context *ctx, edb_policy_kind kind, const edb_policy_params *params,
                           const char *text) {
  edb_policy *policy = NULL;
  edb_error error;
  assert_int_equal(edb_policy_create_with(ctx, kind, params, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, text));
  assert_null(policy);
}

static void parameters_out_of_range_are_refused(void **state) {
  edb_policy *tight = make_policy(*state, EDB_POLICY_TIGHT, 0, 0);
  edb_policy_params p = EDB_PARAMS(edb_policy_params);
  p.width = EDB_MAX_WIDTH + 1;
  expect_refused(*state, EDB_POLICY_BEAM, &p, "at most 1024 wide, found 1025");
  p = (edb_policy_params)EDB_PARAMS(edb_policy_params);
  p.budget_ns_per_node = -1;
  expect_refused(*state, EDB_POLICY_BEST, &p, "budget");
  p.budget_ns_per_node = 0.0 / 0.0;
  expect_refused(*state, EDB_POLICY_BEST, &p, "budget");
  p = (edb_policy_params)EDB_PARAMS(edb_policy_params);
  p.seconds = 1e9;
  expect_refused(*state, EDB_POLICY_EXACT, &p, "seconds");
  p = (edb_policy_params)EDB_PARAMS(edb_policy_params);
  p.fsm = tight;
  expect_refused(*state, EDB_POLICY_BEST, &p, "expected a policy \"fsm\", found tight");
  p.fsm = NULL;
  p.struct_bytes = 4;
  expect_refused(*state, EDB_POLICY_BEST, &p, "struct_bytes is 4");
  p = (edb_policy_params)EDB_PARAMS(edb_policy_params);
  expect_refused(*state, EDB_POLICY_FSM, &p, "learned or loaded");
  edb_policy_destroy(tight);
}

static edb_status try_schedule(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                               edb_error *error) {
  edb_schedule *schedule = NULL;
  edb_status status = edb_schedule_dag(ctx, policy, dag, &schedule, error);
  if (status == EDB_OK) assert_valid_schedule(dag, schedule);
  if (status != EDB_OK) assert_null(schedule);
  edb_schedule_destroy(schedule);
  return status;
}

/* Without the block that a schedule's memory is cut from: every request is one of the context. */
static edb_status try_attempts(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                               edb_error *error) {
  edb_attempts attempts;
  EDB_TRY(edb_attempts_init(ctx, dag, NULL, &attempts, error));
  edb_status status = edb_attempt_policy(&attempts, policy, error);
  edb_attempts_free(&attempts);
  return status;
}

static void survive(edb_policy_kind kind, double seconds, const edb_dag *dag) {
  faulty f;
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.seconds = seconds;
  params.width = 8;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_policy *policy = NULL;
    edb_error error;
    edb_status status = edb_policy_create_with(ctx, kind, &params, &policy, &error);
    if (status == EDB_OK) status = try_attempts(ctx, policy, dag, &error);
    if (status == EDB_OK) status = try_schedule(ctx, policy, dag, &error);
    assert_true(faulty_status(&f, status));
    edb_policy_destroy(policy);
  }
}

static void failing_allocations_are_survived_by_every_search(void **state) {
  (void)state;
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 18);
  dag_instances(&d, &rng, 6, 20, 3); /* tuples of states */
  survive(EDB_POLICY_BEAM, 0, &d.dag);
  for (uint32_t k = 0; k < 1100; k++) dag_node(&d, 2, 0, NULL); /* beyond the small search */
  survive(EDB_POLICY_EXACT, 600, &d.dag);
  dag_instances(&d, &rng, 1, 120, 3); /* whole states */
  survive(EDB_POLICY_BEAM, 0, &d.dag);
  survive(EDB_POLICY_BEST, 0, &d.dag);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(beam_is_optimal_on_small_random_graphs),
      cmocka_unit_test(unbatchable_nodes_may_lie_on_cycles_of_types),
      cmocka_unit_test(both_exact_searches_agree),
      cmocka_unit_test(searches_are_never_worse_than_the_rules),
      cmocka_unit_test(any_width_gives_valid_schedules),
      cmocka_unit_test(schedules_are_reproducible),
      cmocka_unit_test(giant_instances_are_searched_as_a_whole),
      cmocka_unit_test(best_is_within_half_a_percent_on_lattices),
      cmocka_unit_test(exact_proves_the_optimum_of_lattices),
      cmocka_unit_test(other_sets_are_at_the_bound),
      cmocka_unit_test(an_exact_search_stops_at_its_deadline),
      cmocka_unit_test(components_of_one_type_are_at_their_bound),
      cmocka_unit_test(parameters_out_of_range_are_refused),
      cmocka_unit_test(failing_allocations_are_survived_by_every_search),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
