/* tests/policy/test_ahead.c: the look ahead at the few instances that decide, alone and as part of
 * an FSM's schedule of a whole graph. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/raw_graph.h"
#include "policy/ahead.h"
#include "policy/fsms.h"
#include "support/faulty.h"

#define GRAPHS 10

/* Instances of 10 to `size` + 9 nodes, in turn; a node takes the one before it or one of three, now
 * and then two. */
static void dag_of_instances(test_dag *d, edb_rng *rng, uint32_t n_instances, uint32_t size,
                             uint32_t n_types) {
  dag_begin(d, n_types);
  for (uint32_t i = 0; i < n_instances; i++) {
    uint32_t first = d->dag.n_nodes, length = 10 + edb_rng_below(rng, size);
    for (uint32_t k = 0; k < length; k++) {
      uint32_t inputs[2], n_inputs = 0, v = first + k;
      if (k > 0) inputs[n_inputs++] = v - 1 - edb_rng_below(rng, k < 3 ? k : 3);
      if (k > 0 && edb_rng_below(rng, 4) == 0)
        inputs[n_inputs++] = v - 1 - edb_rng_below(rng, k < 8 ? k : 8);
      dag_node(d, edb_rng_below(rng, n_types), n_inputs, inputs);
    }
  }
}

/* An FSM that has seen the dag, and needs more than the bound there. */
static edb_policy *learn_short(edb_context *ctx, const edb_dag *dag) {
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  params.max_episodes = 20;
  edb_policy *policy = learn_raw(ctx, dag, 1, &params);
  assert_true(policy->fsm->record.batches > policy->fsm->record.bound);
  return policy;
}

/* Letters of all words together, after a pass that is checked and is the trial then; *behind as the
 * pass counts it. */
static uint32_t look_behind(edb_attempts *a, const edb_batches *last, uint32_t *behind) {
  edb_ahead ahead;
  edb_error error;
  assert_int_equal(edb_ahead_init(a->ctx, &a->forward, last, &ahead, &error), EDB_OK);
  uint32_t letters = ahead.start[ahead.n_components];
  a->state.problem = &a->forward;
  edb_ahead_pass(&ahead, &a->state, &a->trial);
  assert_int_equal(a->trial.start[a->trial.count], a->forward.n_nodes);
  assert_true(a->trial.count >= a->forward.bound);
  *behind = ahead.behind;
  edb_ahead_free(a->ctx, &ahead);
  return letters;
}

static uint32_t look(edb_context *ctx, const edb_dag *dag, uint32_t *behind) {
  edb_attempts a;
  edb_error error;
  assert_int_equal(edb_attempts_init(ctx, dag, NULL, &a, &error), EDB_OK);
  uint32_t letters = look_behind(&a, NULL, behind);
  edb_attempts_free(&a);
  return letters;
}

static void two_instances_that_decide_get_a_word_for_all(void **state) {
  static test_dag d;
  uint32_t behind = 1;
  dag_parse(&d, "0:A() 1:B(0) 2:A(1) 3:B(2) 4:B() 5:A(4) 6:A(5) 7:B(6) 8:A() 9:B(8)");
  assert_true(look(*state, &d.dag, &behind) >= 5);
  assert_int_equal(behind, 0);
}

static void a_single_instance_is_not_looked_at(void **state) {
  static test_dag d;
  uint32_t behind = 0;
  dag_parse(&d, "0:A() 1:B(0) 2:A(1) 3:B(2)");
  assert_int_equal(look(*state, &d.dag, &behind), 0);
  assert_int_equal(behind, 4);
}

static void many_equal_instances_are_not_looked_at(void **state) {
  static test_dag d;
  uint32_t behind = 0;
  dag_begin(&d, 2);
  for (uint32_t i = 0; i < 40; i++) {
    uint32_t v = dag_node(&d, i % 2, 0, NULL);
    for (uint32_t k = 0; k < 6; k++) v = dag_node(&d, (i >> k) % 2, 1, &v);
  }
  assert_int_equal(look(*state, &d.dag, &behind), 0);
  assert_true(behind > 0);
}

static void a_component_of_many_types_is_not_looked_at(void **state) {
  static test_dag d;
  edb_rng rng;
  uint32_t behind = 0;
  edb_rng_seed(&rng, 5);
  dag_of_instances(&d, &rng, 4, 60, 12);
  assert_int_equal(look(*state, &d.dag, &behind), 0);
}

/* The instances that a first pass came to last join those with the longest paths. */
static void a_second_look_leaves_less_behind(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 12);
  uint32_t behind[2] = {0}, batches[2] = {0};
  for (uint32_t round = 0; round < 20; round++) {
    dag_of_instances(&d, &rng, 20, 150, 3);
    edb_attempts a;
    assert_int_equal(edb_attempts_init(*state, &d.dag, NULL, &a, NULL), EDB_OK);
    for (int k = 0; k < 2; k++) {
      uint32_t left;
      assert_true(look_behind(&a, k == 0 ? NULL : &a.best, &left) > 0);
      behind[k] += left;
      batches[k] += a.trial.count;
      edb_batches pass = a.trial;
      a.trial = a.best;
      a.best = pass;
    }
    edb_attempts_free(&a);
  }
  assert_true(behind[1] < behind[0] / 2);
  assert_true(batches[1] < batches[0]);
}

/* Runs what is ready of some type or other, for some batches. */
static void run_some(edb_state *s, uint32_t batches, uint64_t seed) {
  edb_rng rng;
  edb_rng_seed(&rng, seed);
  for (; batches > 0 && s->n_done < s->problem->n_nodes; batches--) {
    uint32_t type = edb_state_forced(s);
    if (type == EDB_TYPE_NONE)
      type = edb_state_next_ready(s, edb_rng_below(&rng, s->problem->n_types));
    if (type == EDB_TYPE_NONE) type = edb_state_next_ready(s, 0);
    edb_state_run(s, type, NULL);
  }
}

static void a_plain_state_that_catches_up_is_like_any_other(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 9);
  for (uint32_t round = 0; round < 100; round++) {
    uint32_t types = 2 + round % 4;
    edb_problem p;
    edb_state plain, full;
    dag_of_instances(&d, &rng, 4, 40, types);
    if (round % 3 == 0) d.unbatchable[round % types] = 1;
    assert_int_equal(edb_problem_init(*state, &d.dag, &p, NULL), EDB_OK);
    assert_int_equal(edb_state_init(*state, &p, &plain, NULL), EDB_OK);
    assert_int_equal(edb_state_init(*state, &p, &full, NULL), EDB_OK);
    edb_state_reset(&plain);
    edb_state_reset(&full);
    plain.plain = true;
    run_some(&plain, round, round);
    run_some(&full, round, round);
    edb_state_catch_up(&plain);
    assert_int_equal(plain.n_done, full.n_done);
    assert_int_equal(plain.remaining_bound, full.remaining_bound);
    for (uint32_t t = 0; t < p.n_types; t++) {
      assert_int_equal(plain.ready_count[t], full.ready_count[t]);
      if (p.unbatchable[t]) continue;
      assert_int_equal(plain.max_own[t], full.max_own[t]);
      assert_int_equal(plain.ready_own[t], full.ready_own[t]);
      if (full.max_own[t] == 0) continue;
      assert_int_equal(plain.at_max[t], full.at_max[t]);
      assert_int_equal(plain.ready_at_max[t], full.ready_at_max[t]);
    }
    edb_state_free(*state, &full);
    edb_state_free(*state, &plain);
    edb_problem_free(&p);
  }
}

/* Whatever the graph, unbatchable nodes on its cycles of types or not. */
static void schedules_of_small_graphs_are_valid_and_never_longer_than_tight(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 6);
  for (uint32_t round = 0; round < 120; round++) {
    uint32_t types = 2 + round % 5;
    dag_of_instances(&d, &rng, 2 + edb_rng_below(&rng, 12), 50, types);
    if (round % 3 == 0) d.unbatchable[round % types] = 1;
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.max_episodes = 5;
    edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
    policy->fsm->record.batches = policy->fsm->record.bound + 1;
    uint32_t batches = fsm_batches(*state, policy, &d.dag, NULL);
    assert_true(batches <= policy_batches(*state, EDB_POLICY_TIGHT, &d.dag));
    assert_int_equal(batches, fsm_batches(*state, policy, &d.dag, NULL));
    edb_policy_destroy(policy);
  }
}

/* Above that size tight is left out where few instances decide. */
static void large_graphs_are_shorter_than_with_tight_on_the_whole(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 10);
  uint32_t longer = 0, batches = 0, tight = 0;
  for (uint32_t round = 0; round < 20; round++) {
    do dag_of_instances(&d, &rng, 16, 200 + 10 * round, 2 + round % 4);
    while (d.dag.n_nodes < 2000);
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.max_episodes = 2;
    edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
    edb_fsm_record *record = &policy->fsm->record;
    record->batches = record->bound + round % 2; /* known to come short, or not */
    uint32_t found = fsm_batches(*state, policy, &d.dag, NULL);
    uint32_t other = policy_batches(*state, EDB_POLICY_TIGHT, &d.dag);
    longer += found > other;
    batches += found;
    tight += other;
    edb_policy_destroy(policy);
  }
  assert_true(longer <= 1);
  assert_true(batches < tight);
}

/* `best` that is given a table whose few instances do not decide. */
static void best_is_never_longer_than_the_table_that_it_is_given(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  for (uint32_t round = 0; round < 20; round++) {
    dag_of_instances(&d, &rng, 30, 20 + round, 2 + round % 4);
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.max_episodes = 5;
    edb_policy *fsm = learn_raw(*state, &d.dag, 1, &params);
    edb_policy best = *fsm;
    best.kind = EDB_POLICY_BEST;
    best.budget = 150;
    assert_true(fsm_batches(*state, &best, &d.dag, NULL) <= fsm_batches(*state, fsm, &d.dag, NULL));
    edb_policy_destroy(fsm);
  }
}

static void lattices_come_within_two_percent_of_the_optimum(void **state) {
  static const uint32_t optimum[GRAPHS] = {221, 245, 202, 235, 225, 230, 412, 243, 211, 190};
  edb_policy *policy = NULL;
  double over = 0;
  for (int i = 0; i < GRAPHS; i++) {
    char path[512];
    edb_raw_graph graph;
    edb_error error;
    snprintf(path, sizeof path, EDB_SOURCE_DIR "/../shared/data/graphs/lattice/G%d.txt", i);
    edb_status status = edb_raw_graph_load(*state, path, &graph, &error);
    if (status == EDB_ERROR_IO && i == 0) skip();
    if (status != EDB_OK) fail_msg("%s", error.text);
    edb_dag dag = edb_raw_graph_dag(&graph);
    if (policy == NULL) policy = learn_short(*state, &dag);
    uint32_t batches = fsm_batches(*state, policy, &dag, NULL);
    assert_true(batches <= policy_batches(*state, EDB_POLICY_TIGHT, &dag));
    over += (double)batches / optimum[i] - 1;
    edb_raw_graph_free(&graph);
  }
  edb_policy_destroy(policy);
  print_message("%.2f %% over the optimum\n", over * 100 / GRAPHS);
  assert_true(over / GRAPHS <= 0.02);
}

static void types_of_another_model_are_an_error_before_any_look(void **state) {
  static const edb_input_sig any[] = {{"x", 0, true, false, 0}};
  static const edb_output_sig one[] = {{"y", 0, false}};
  static const edb_type_sig types[] = {{"s", "0", 1, 1, 1, 0, 0, any, one, NULL, NULL},
                                       {"t", "1", 1, 1, 1, 0, 0, any, one, NULL, NULL}};
  static const edb_schema schema = {.n_types = 2, .types = types};
  static test_dag d;
  edb_attempts a;
  edb_error error;
  edb_rng rng;
  edb_rng_seed(&rng, 7);
  dag_of_instances(&d, &rng, 6, 60, 2);
  edb_policy *policy = learn_short(*state, &d.dag);
  assert_int_equal(edb_attempts_init(*state, &d.dag, &schema, &a, &error), EDB_OK);
  assert_int_equal(edb_attempt_policy(&a, policy, &error), EDB_ERROR_MISMATCH);
  edb_attempts_free(&a);
  edb_policy_destroy(policy);
}

static void failing_allocations_are_survived(void **state) {
  static test_dag d;
  faulty f;
  edb_rng rng;
  edb_rng_seed(&rng, 8);
  dag_of_instances(&d, &rng, 6, 30, 3);
  edb_policy *learned = learn_short(*state, &d.dag);
  FAULTY_FOR_EACH(&f, ctx) {
    edb_fsm *fsm = NULL;
    edb_error error;
    edb_attempts a;
    edb_status status = edb_fsm_copy(ctx, learned->fsm, &fsm, &error);
    if (status == EDB_OK) {
      status = edb_attempts_init(ctx, &d.dag, NULL, &a, &error);
      edb_policy policy = {.ctx = ctx, .kind = EDB_POLICY_FSM, .fsm = fsm};
      if (status == EDB_OK) {
        status = edb_attempt_policy(&a, &policy, &error);
        edb_attempts_free(&a);
      }
    }
    assert_true(faulty_status(&f, status));
    edb_fsm_destroy(fsm);
  }
  edb_policy_destroy(learned);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_instances_that_decide_get_a_word_for_all),
      cmocka_unit_test(a_single_instance_is_not_looked_at),
      cmocka_unit_test(many_equal_instances_are_not_looked_at),
      cmocka_unit_test(a_component_of_many_types_is_not_looked_at),
      cmocka_unit_test(a_second_look_leaves_less_behind),
      cmocka_unit_test(a_plain_state_that_catches_up_is_like_any_other),
      cmocka_unit_test(schedules_of_small_graphs_are_valid_and_never_longer_than_tight),
      cmocka_unit_test(large_graphs_are_shorter_than_with_tight_on_the_whole),
      cmocka_unit_test(best_is_never_longer_than_the_table_that_it_is_given),
      cmocka_unit_test(lattices_come_within_two_percent_of_the_optimum),
      cmocka_unit_test(types_of_another_model_are_an_error_before_any_look),
      cmocka_unit_test(failing_allocations_are_survived),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
