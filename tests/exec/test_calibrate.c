/* What batches cost: measured in runs, or told from their cells; and the policy that goes by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exec/session_fixture.h"

static edb_status calibrate(fixture *f, edb_costs **costs) {
  const edb_graph *graph = f->graph;
  return edb_session_calibrate(f->session, &graph, 1, 2, costs, &f->error);
}

static void every_type_of_the_session_gets_a_cost(void **state) {
  fixture *f = *state;
  edb_costs *costs = NULL;
  for (uint32_t i = 0; i < 3; i++) {
    MUST(edb_graph_begin_instance(f->graph, &f->error), f->error);
    add_tree(f->graph, 5 + i, i);
  }
  MUST(calibrate(f, &costs), f->error);
  edb_calibration report = edb_costs_calibration(costs);
  assert_int_equal(edb_costs_type_count(costs), edb_session_type_count(f->session));
  for (uint32_t i = 0; i < edb_costs_type_count(costs); i++) {
    edb_cost cost = edb_costs_get(costs, i);
    assert_true(cost.batch_ns >= 0 && cost.node_ns >= 0);
    assert_true(cost.batch_ns + cost.node_ns > 0);
  }
  assert_int_equal(report.mini_batches, 2);
  assert_true(report.batches > 0 && report.measured_ns > 0 && report.predicted_ns > 0);
  edb_costs_destroy(costs);
}

static void the_graphs_stay_as_they_were(void **state) {
  fixture *f = *state;
  edb_costs *costs = NULL;
  edb_node root = add_tree(f->graph, 6, 1);
  float h[20];
  MUST(calibrate(f, &costs), f->error);
  edb_costs_destroy(costs);
  assert_int_equal(edb_graph_pending_count(f->graph), 6 + 5 + 1);
  MUST(run_keeping(f, NULL), f->error);
  MUST(read_h(f, root, h), f->error);
}

static void a_policy_with_these_costs_runs(void **state) {
  fixture *f = *state;
  edb_costs *costs = NULL;
  edb_policy *policy = NULL;
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  add_tree(f->graph, 9, 2);
  MUST(calibrate(f, &costs), f->error);
  params.costs = costs;
  MUST(edb_policy_create_with(f->w.ctx, EDB_POLICY_BEST, &params, &policy, &f->error), f->error);
  edb_costs_destroy(costs); /* the policy has its own */
  MUST(edb_session_run(f->session, f->graph, policy, NULL, &f->error), f->error);
  edb_policy_destroy(policy);
}

static void what_cannot_be_calibrated_is_refused(void **state) {
  fixture *f = *state;
  edb_costs *costs = NULL;
  const edb_graph *graph = f->graph;
  assert_int_equal(edb_session_calibrate(f->session, NULL, 0, 1, &costs, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(calibrate(f, &costs), EDB_ERROR_ARGUMENT);
  add_tree(f->graph, 4, 0);
  assert_int_equal(edb_session_calibrate(f->session, &graph, 1, 1001, &costs, &f->error),
                   EDB_ERROR_ARGUMENT);
  MUST(run_keeping(f, NULL), f->error);
  assert_int_equal(calibrate(f, &costs), EDB_ERROR_STATE);
  world other = world_in(f->w.ctx, tree_text);
  edb_graph *strange = graph_of(&other);
  graph = strange;
  assert_int_equal(edb_session_calibrate(f->session, &graph, 1, 1, &costs, &f->error),
                   EDB_ERROR_MISMATCH);
  assert_string_equal(f->error.text, "graph 0 is of another model than the session");
  edb_graph_destroy(strange);
  edb_weights_destroy(other.weights);
  edb_model_destroy(other.model);
  assert_null(costs);
}

static void what_batches_cost_is_told_without_a_run(void **state) {
  fixture *f = *state;
  edb_costs *costs = NULL;
  double least = 1e9, most = 0;
  MUST(edb_session_estimate(f->session, &costs, &f->error), f->error);
  assert_int_equal(edb_costs_type_count(costs), edb_session_type_count(f->session));
  for (uint32_t i = 0; i < edb_costs_type_count(costs); i++) {
    edb_cost cost = edb_costs_get(costs, i);
    assert_true(cost.batch_ns > 0 && cost.node_ns > 0);
    if (cost.batch_ns < least) least = cost.batch_ns;
    if (cost.batch_ns > most) most = cost.batch_ns;
  }
  assert_true(most > least);
  edb_costs_destroy(costs);
}

static void batches_cost_nothing_on_the_reference(void **state) {
  fixture *f = *state;
  edb_costs *costs = NULL;
  MUST(edb_session_estimate(f->session, &costs, &f->error), f->error);
  for (uint32_t i = 0; i < edb_costs_type_count(costs); i++)
    assert_true(edb_costs_get(costs, i).batch_ns == 0);
  edb_costs_destroy(costs);
}

/* Named, and for a session and a graph of their own. */
static edb_run_stats run_by_the_policy_of_a_session(const fixture *f) {
  edb_session *session = session_of(&f->w, EDB_DEVICE_CPU, f->granularity);
  edb_graph *graph = random_graph(&f->w, 7, 80, LABELS_SOME);
  const edb_policy *policy = NULL, *again = NULL;
  edb_error error;
  MUST(edb_session_policy(session, &policy, &error), error);
  run_all(session, graph, policy);
  MUST(edb_session_policy(session, &again, &error), error);
  assert_ptr_equal(policy, again);
  edb_run_stats stats = edb_session_stats(session);
  edb_graph_destroy(graph);
  edb_session_destroy(session);
  return stats;
}

static void a_run_that_names_no_policy_goes_by_the_one_of_its_session(void **state) {
  fixture *f = *state;
  edb_graph *graph = random_graph(&f->w, 7, 80, LABELS_SOME), *twin = graph_of(&f->w);
  for (uint32_t i = 0; i < edb_graph_instance_count(graph); i++)
    MUST(edb_graph_append_instance(twin, graph, i, &f->error), f->error);
  MUST(edb_session_run(f->session, graph, NULL, NULL, &f->error), f->error);
  edb_run_stats mine = edb_session_stats(f->session), named = run_by_the_policy_of_a_session(f);
  assert_int_equal(mine.batches, named.batches);
  assert_int_equal(mine.nodes, named.nodes);
  assert_true(mine.batches >= mine.bound && mine.batches < mine.nodes);
  if (f->granularity == EDB_GRANULARITY_CELL)
    assert_like_fresh(f, f->session, graph, twin, "without a policy");
  edb_graph_destroy(twin);
  edb_graph_destroy(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_type_of_the_session_gets_a_cost, setup, teardown),
      cmocka_unit_test_setup_teardown(every_type_of_the_session_gets_a_cost, setup_op, teardown),
      cmocka_unit_test_setup_teardown(the_graphs_stay_as_they_were, setup, teardown),
      cmocka_unit_test_setup_teardown(a_policy_with_these_costs_runs, setup, teardown),
      cmocka_unit_test_setup_teardown(a_policy_with_these_costs_runs, setup_op, teardown),
      cmocka_unit_test_setup_teardown(what_cannot_be_calibrated_is_refused, setup, teardown),
      BOTH(what_batches_cost_is_told_without_a_run),
      cmocka_unit_test_setup_teardown(batches_cost_nothing_on_the_reference, setup_reference,
                                      teardown),
      BOTH(a_run_that_names_no_policy_goes_by_the_one_of_its_session),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
