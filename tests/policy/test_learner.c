/* tests/policy/test_learner.c: the states that learning meets, and tables on what is held out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/fsms.h"
#include "policy/learner.h"

static void open_learner(edb_learner *l, edb_context *ctx, const test_dag *d, bool as_published) {
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  params.as_published = as_published;
  params.encoding = EDB_ENCODING_TIGHT;
  assert_int_equal(edb_learner_set_up(l, ctx, &d->dag, 1, NULL, EDB_FSM_RAW, &params, NULL),
                   EDB_OK);
}

/* A node of each instance takes the one before and, now and then, an earlier one. */
static void make_instances(test_dag *d, uint64_t seed, uint32_t n_instances) {
  edb_rng rng;
  edb_rng_seed(&rng, seed);
  dag_begin(d, 3);
  for (uint32_t i = 0; i < n_instances; i++) {
    uint32_t first = d->dag.n_nodes, count = 4 + edb_rng_below(&rng, 12);
    for (uint32_t k = 0; k < count; k++) {
      uint32_t inputs[2] = {first + k - 1, first + (k > 0 ? edb_rng_below(&rng, k) : 0)};
      dag_node(d, edb_rng_below(&rng, 3), k == 0 ? 0 : inputs[1] == inputs[0] ? 1 : 2, inputs);
    }
  }
}

/* Follows the rule through a world and looks at every state on the way; gives the number of those
 * where the rule does not choose the first type. */
static uint32_t expect_rows(edb_learner *l, edb_world *w) {
  uint32_t others = 0;
  edb_state_reset(&w->state);
  while (w->state.n_done < w->problem.n_nodes) {
    uint32_t component, at, type = edb_fsm_forced(l->fsm, &w->state, &component);
    if (type == EDB_TYPE_NONE) {
      type = edb_fsm_rule(l->fsm, &w->state, component);
      size_t known = l->rows.length;
      assert_int_equal(edb_learner_row(l, w, component, &at, NULL), EDB_OK);
      const edb_row row = l->rows.data[at];
      const edb_action *actions = l->actions.data;
      bool published = l->params.as_published;
      uint32_t wanted = row.prior;
      if (published) assert_int_equal(row.prior, row.first);
      if (!published && at == known) assert_int_equal(edb_learner_type(l, w, row.prior), type);
      assert_int_equal(row.choice, wanted);
      assert_int_equal(edb_learner_greedy(l, at), wanted);
      for (uint32_t i = row.first; i < row.first + row.count; i++)
        assert_true(actions[i].value == (published || i == wanted ? 0 : -1));
      others += row.prior != row.first;
    }
    edb_state_run(&w->state, type, NULL);
  }
  return others;
}

static void a_new_state_prefers_what_the_rule_does(void **state) {
  static test_dag d;
  uint32_t others = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    edb_learner l;
    make_instances(&d, seed, 12);
    open_learner(&l, *state, &d, false);
    for (size_t i = 0; i < l.worlds.length; i++) others += expect_rows(&l, &l.worlds.data[i]);
    edb_learner_tear_down(&l);
  }
  assert_true(others > 0);
}

static void as_published_a_new_state_prefers_its_first_type(void **state) {
  static test_dag d;
  edb_learner l;
  make_instances(&d, 1, 12);
  open_learner(&l, *state, &d, true);
  assert_int_equal(expect_rows(&l, &l.worlds.data[0]), 0);
  edb_learner_tear_down(&l);
}

/* Where there are too many states to learn anything: as if each step asked the rule. */
static void giving_up_counts_the_batches_of_the_rule(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  for (uint32_t n_types = 3; n_types <= 243; n_types *= 3) {
    edb_learner l;
    uint64_t batches = 0, bound = 0, expected = 0;
    dag_begin(&d, n_types);
    for (uint32_t v = 0; v < 500; v++) {
      uint32_t input = v < 20 ? 0 : v - 1 - edb_rng_below(&rng, 20);
      dag_node(&d, edb_rng_below(&rng, n_types), v >= 20, &input);
    }
    open_learner(&l, *state, &d, false);
    edb_world *w = &l.worlds.data[0];
    edb_state_reset(&w->state);
    for (; w->state.n_done < w->problem.n_nodes; expected++) {
      uint32_t component, type = edb_fsm_forced(l.fsm, &w->state, &component);
      if (type == EDB_TYPE_NONE) type = edb_fsm_rule(l.fsm, &w->state, component);
      edb_state_run(&w->state, type, NULL);
    }
    assert_int_equal(edb_learner_give_up(&l, &batches, &bound, NULL), EDB_OK);
    assert_int_equal(batches, expected);
    assert_int_equal(bound, w->problem.bound);
    assert_int_equal(l.fsm->record.batches, expected);
    assert_int_equal(edb_fsm_state_count(l.fsm), 0);
    edb_learner_tear_down(&l);
  }
}

/* Batches on what is held out, by the best table or by the rule alone. */
static uint64_t count_held_out(edb_learner *l, bool by_table) {
  uint64_t count = 0;
  for (size_t i = l->n_worlds; i < l->worlds.length; i++) {
    edb_world *w = &l->worlds.data[i];
    edb_state_reset(&w->state);
    for (; w->state.n_done < w->problem.n_nodes; count++) {
      uint32_t component, at, choice = EDB_LEAVE;
      uint32_t type = edb_fsm_forced(l->fsm, &w->state, &component);
      if (type == EDB_TYPE_NONE) {
        assert_int_equal(edb_learner_row(l, w, component, &at, NULL), EDB_OK);
        if (by_table && at < l->best.length) choice = l->best.data[at].choice;
        type = choice == EDB_LEAVE ? edb_fsm_rule(l->fsm, &w->state, component)
                                   : edb_learner_type(l, w, choice);
      }
      edb_state_run(&w->state, type, NULL);
    }
  }
  return count;
}

/* What the table of mini-batches alone lacks is the rule's whenever it is met, not only at first.
 */
static void states_that_a_table_lacks_are_left_to_the_rule(void **state) {
  static test_dag d;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    edb_learner l;
    uint64_t table = 0, rule = 0;
    make_instances(&d, seed, 12);
    open_learner(&l, *state, &d, false);
    (void)expect_rows(&l, &l.worlds.data[0]);
    size_t known = l.rows.length;
    assert_int_equal(edb_learner_keep(&l, 1, NULL), EDB_OK);
    assert_int_equal(edb_learner_hold_out(&l, &table, &rule, NULL), EDB_OK);
    assert_true(l.rows.length > known);
    assert_int_equal(table, count_held_out(&l, true));
    assert_int_equal(rule, count_held_out(&l, false));
    edb_learner_tear_down(&l);
  }
}

/* Whatever the table of the moment: each state has its last type in the best one, and its first in
 * that which is being tried. */
static void what_is_held_out_is_run_by_the_best_table_and_by_the_rule(void **state) {
  static test_dag d;
  uint32_t differ = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    edb_learner l;
    uint64_t table = 0, rule = 0;
    make_instances(&d, seed, 12);
    open_learner(&l, *state, &d, false);
    assert_true(l.n_worlds < l.worlds.length);
    (void)count_held_out(&l, false); /* meets states */
    for (size_t at = 0; at < l.rows.length; at++)
      l.rows.data[at].choice = l.rows.data[at].first + l.rows.data[at].count - 1;
    assert_int_equal(edb_learner_keep(&l, 1, NULL), EDB_OK);
    uint64_t by_table = count_held_out(&l, true), by_rule = count_held_out(&l, false);
    for (size_t at = 0; at < l.rows.length; at++) l.rows.data[at].choice = l.rows.data[at].first;
    assert_int_equal(edb_learner_hold_out(&l, &table, &rule, NULL), EDB_OK);
    assert_int_equal(table, by_table);
    assert_int_equal(rule, by_rule);
    differ += table != rule;
    edb_learner_tear_down(&l);
  }
  assert_true(differ > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_state_prefers_what_the_rule_does),
      cmocka_unit_test(as_published_a_new_state_prefers_its_first_type),
      cmocka_unit_test(giving_up_counts_the_batches_of_the_rule),
      cmocka_unit_test(states_that_a_table_lacks_are_left_to_the_rule),
      cmocka_unit_test(what_is_held_out_is_run_by_the_best_table_and_by_the_rule),
  };
  return cmocka_run_group_tests_name("learner", tests, make_context, destroy_context);
}
