/* edb_session_calibrate: costs of the batches that a session really runs. */
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_type_of_the_session_gets_a_cost, setup, teardown),
      cmocka_unit_test_setup_teardown(every_type_of_the_session_gets_a_cost, setup_op, teardown),
      cmocka_unit_test_setup_teardown(the_graphs_stay_as_they_were, setup, teardown),
      cmocka_unit_test_setup_teardown(a_policy_with_these_costs_runs, setup, teardown),
      cmocka_unit_test_setup_teardown(a_policy_with_these_costs_runs, setup_op, teardown),
      cmocka_unit_test_setup_teardown(what_cannot_be_calibrated_is_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
