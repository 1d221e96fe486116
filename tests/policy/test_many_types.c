/* tests/policy/test_many_types.c: what is done only where types are many gives what looking at all
 * of them would give: the choice of a type, path lengths, the bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/columns.h"
#include "policy/contest.h"
#include "policy/fsms.h"
#include "support/faulty.h"

/* Random graphs of one to eight instances; some types unbatchable in every third. */
static void make_graph(test_dag *d, edb_rng *rng, uint32_t round, uint32_t n_types) {
  uint32_t instances = 1 + edb_rng_below(rng, 8), size = 20 + edb_rng_below(rng, 60);
  dag_begin(d, n_types);
  for (uint32_t i = 0; i < instances; i++) {
    uint32_t first = d->dag.n_nodes;
    for (uint32_t k = 0; k < size; k++) {
      uint32_t inputs[2], n_inputs = k == 0 ? 0 : edb_rng_below(rng, 3);
      for (uint32_t e = 0; e < n_inputs; e++)
        inputs[e] = first + k - 1 - edb_rng_below(rng, k < 5 ? k : 5);
      dag_node(d, edb_rng_below(rng, n_types), n_inputs, inputs);
    }
  }
  for (uint32_t t = 0; t < n_types && round % 3 == 0; t += 7) d->unbatchable[t] = 1;
}

static uint32_t choose_tight(void *self, const edb_state *state) {
  (void)self;
  return edb_tight_choose(state);
}

static void tight_chooses_as_if_it_looked_at_all_types(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 31);
  for (uint32_t round = 0; round < 60; round++) {
    edb_attempts a;
    edb_error error;
    make_graph(&d, &rng, round, 60 + round * 3);
    assert_int_equal(edb_attempts_init(*state, &d.dag, NULL, &a, &error), EDB_OK);
    edb_chooser chooser = {.choose = choose_tight};
    a.state.problem = &a.forward;
    edb_pass(&a.state, &chooser, EDB_GAVE_UP, &a.trial);
    edb_tight_pass(&a.state, EDB_GAVE_UP, &a.best);
    assert_int_equal(a.best.count, a.trial.count);
    assert_memory_equal(a.best.type, a.trial.type, a.best.count * sizeof *a.best.type);
    assert_memory_equal(a.best.nodes, a.trial.nodes, d.dag.n_nodes * sizeof *a.best.nodes);
    edb_attempts_free(&a);
  }
}

/* Strings over the two types of some pair of `n_types`; no edge joins two pairs, or each goes from
 * a lower pair to a higher. */
static void make_pairs(test_dag *d, edb_rng *rng, uint32_t n_types, uint32_t n_strings,
                       bool joined) {
  uint32_t last[256];
  dag_begin(d, n_types);
  memset(last, 0xff, sizeof last);
  for (uint32_t i = 0; i < n_strings; i++) {
    uint32_t pair = edb_rng_below(rng, n_types / 2), length = 2 + edb_rng_below(rng, 12), v = 0;
    for (uint32_t k = 0; k < length; k++) {
      uint32_t inputs[2] = {v}, n = k > 0, lower = edb_rng_below(rng, pair + 1);
      if (joined && lower < pair && last[lower] != UINT32_MAX) inputs[n++] = last[lower];
      v = dag_node(d, pair * 2 + edb_rng_below(rng, 2), n, inputs);
    }
    last[pair] = v;
  }
}

/* By looking at all types. */
static void expect_first_component(const edb_state *s) {
  const edb_problem *p = s->problem;
  uint32_t first = UINT32_MAX, type = EDB_TYPE_NONE, found, ready = 0;
  for (uint32_t t = 0; t < p->n_types; t++)
    if (s->ready_count[t] > 0 && p->component[t] < first) first = p->component[t];
  assert_int_equal(edb_state_component(s, &found), first);
  for (uint32_t t = 0; t < p->n_types; t++) {
    if (s->ready_count[t] == 0 || p->component[t] != first) continue;
    type = edb_state_next_in(s, first, type);
    assert_int_equal(type, t);
    ready++;
  }
  assert_int_equal(edb_state_next_in(s, first, type), EDB_TYPE_NONE);
  assert_int_equal(found, ready == 1 ? type : EDB_TYPE_NONE);
}

static void the_first_component_is_found_as_if_all_types_were_looked_at(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 35);
  for (uint32_t round = 0; round < 40; round++) {
    make_pairs(&d, &rng, 2 + 10 * (round % 20), 60, round % 2 != 0);
    edb_problem p, reverse;
    edb_state s;
    assert_int_equal(edb_problem_init(*state, &d.dag, &p, NULL), EDB_OK);
    assert_int_equal(edb_problem_init_reverse(*state, &p, &reverse, NULL), EDB_OK);
    assert_int_equal(edb_state_init(*state, &p, &s, NULL), EDB_OK);
    for (int backwards = 0; backwards < 2; backwards++) {
      s.problem = backwards ? &reverse : &p;
      edb_state_reset(&s);
      while (s.n_done < p.n_nodes) { /* in order of components, or any type */
        uint32_t type;
        expect_first_component(&s);
        uint32_t c = edb_state_component(&s, &type);
        if (type == EDB_TYPE_NONE) type = edb_state_next_in(&s, c, EDB_TYPE_NONE);
        if (round % 4 >= 2) type = edb_state_next_ready(&s, edb_rng_below(&rng, p.n_types));
        if (type == EDB_TYPE_NONE) type = edb_state_next_ready(&s, 0);
        edb_state_run(&s, type, NULL);
      }
    }
    edb_state_free(*state, &s);
    edb_problem_free(&reverse);
    edb_problem_free(&p);
  }
}

/* What each component needs alone, an FSM and the search need together. */
static void components_are_scheduled_as_if_each_were_alone(void **state) {
  static test_dag d, alone;
  edb_rng rng;
  edb_rng_seed(&rng, 36);
  for (uint32_t round = 0; round < 10; round++) {
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    uint32_t beam = 0, n_types = 4 + 8 * round;
    make_pairs(&d, &rng, n_types, 150, false);
    for (uint32_t pair = 0; pair < n_types / 2; pair++) {
      uint32_t number[DAG_MAX_NODES];
      dag_begin(&alone, n_types);
      for (uint32_t v = 0; v < d.dag.n_nodes; v++) {
        uint32_t first = d.in_start[v];
        bool has_input = d.in_start[v + 1] > first;
        if (d.type[v] / 2 != pair) continue;
        number[v] =
            dag_node(&alone, d.type[v], has_input, has_input ? &number[d.in_node[first]] : NULL);
      }
      beam += policy_batches(*state, EDB_POLICY_BEAM, &alone.dag);
    }
    assert_int_equal(policy_batches(*state, EDB_POLICY_BEAM, &d.dag), beam);
    params.max_episodes = 5;
    edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
    uint32_t fsm = fsm_batches(*state, policy, &d.dag, NULL);
    assert_true(fsm >= beam && fsm <= beam + beam / 10);
    edb_policy_destroy(policy);
  }
}

/* The table of an FSM that has seen no frontier of many types. */
static void an_fsm_leaves_frontiers_of_many_types_to_its_rule(void **state) {
  static test_dag d;
  edb_rng rng;
  uint32_t all_misses = 0;
  edb_rng_seed(&rng, 32);
  for (uint32_t round = 0; round < 20; round++) {
    for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
      edb_fsm *fsm = NULL;
      edb_attempts a;
      edb_error error;
      uint32_t misses = 0, unused = 0;
      make_graph(&d, &rng, round, 70 + round * 3);
      assert_int_equal(
          edb_fsm_create_raw(*state, d.type, d.dag.n_nodes, (edb_encoding)e, &fsm, &error), EDB_OK);
      assert_int_equal(edb_attempts_init(*state, &d.dag, NULL, &a, &error), EDB_OK);
      edb_rule rule = {.kind = EDB_POLICY_FSM, .fsm = fsm};
      a.state.problem = &a.forward;
      assert_int_equal(
          edb_rule_pass(*state, &rule, &a.state, EDB_GAVE_UP, &a.trial, &misses, &error), EDB_OK);
      rule.table_aside = true;
      assert_int_equal(
          edb_rule_pass(*state, &rule, &a.state, EDB_GAVE_UP, &a.best, &unused, &error), EDB_OK);
      all_misses += misses;
      assert_int_equal(a.best.count, a.trial.count);
      edb_attempts_free(&a);
      edb_fsm_destroy(fsm);
    }
  }
  assert_true(all_misses > 0);
}

/* Two types that need each other, both ready, beside very many that stand alone. */
static void a_state_of_few_types_is_known_beside_many_of_other_components(void **state) {
  static test_dag d;
  const edb_token tokens[] = {edb_token_make(0, false), edb_token_make(1, false)};
  dag_begin(&d, 102);
  for (uint32_t t = 0; t < 2; t++) {
    dag_node(&d, t, 0, NULL);
    dag_node(&d, 1 - t, 1, (const uint32_t[]){2 * t});
  }
  for (uint32_t t = 2; t < 102; t++) dag_node(&d, t, 0, NULL);
  for (uint32_t run = 0; run < 2; run++) {
    edb_fsm *fsm = NULL;
    edb_attempts a;
    edb_error error;
    uint32_t misses = 7, b = 0;
    assert_int_equal(
        edb_fsm_create_raw(*state, d.type, d.dag.n_nodes, EDB_ENCODING_BASE, &fsm, &error), EDB_OK);
    fsm->scope = EDB_FSM_COMPONENT;
    assert_int_equal(edb_fsm_set(fsm, tokens, 2, run, &error), EDB_OK);
    for (uint32_t t = 0; t < 2; t++)
      assert_int_equal(edb_fsm_set(fsm, &tokens[t], 1, t, &error), EDB_OK);
    assert_int_equal(edb_attempts_init(*state, &d.dag, NULL, &a, &error), EDB_OK);
    edb_rule rule = {.kind = EDB_POLICY_FSM, .fsm = fsm};
    a.state.problem = &a.forward;
    assert_int_equal(edb_rule_pass(*state, &rule, &a.state, EDB_GAVE_UP, &a.trial, &misses, &error),
                     EDB_OK);
    assert_int_equal(misses, 0);
    while (a.trial.type[b] > 1) b++;
    assert_int_equal(a.trial.type[b], run);
    edb_attempts_free(&a);
    edb_fsm_destroy(fsm);
  }
}

/* Four kinds of nodes, each with a product of its own, that all end with the same operators. */
static void shared_operators_wait_for_the_kinds_that_lead_to_them(void **state) {
  static test_dag d;
  edb_rng rng;
  uint32_t tight = 0, best = 0;
  edb_rng_seed(&rng, 35);
  for (uint32_t round = 0; round < 10; round++) {
    dag_begin(&d, 12);
    for (uint32_t i = 0; i < 10; i++) {
      uint32_t v = dag_node(&d, 11, 0, NULL);
      for (uint32_t k = 5 + edb_rng_below(&rng, 10); k-- > 0;) {
        uint32_t kind = edb_rng_below(&rng, 4);
        uint32_t first = dag_node(&d, kind, 1, &v), second = dag_node(&d, 4 + kind, 1, &v);
        uint32_t sums[2] = {dag_node(&d, 8, 1, &first), dag_node(&d, 8, 1, &second)};
        uint32_t product = dag_node(&d, 9, 2, sums);
        v = dag_node(&d, 10, 1, &product);
      }
    }
    tight += policy_batches(*state, EDB_POLICY_TIGHT, &d.dag);
    uint32_t found = policy_batches(*state, EDB_POLICY_BEST, &d.dag);
    assert_true(found <= policy_batches(*state, EDB_POLICY_TIGHT, &d.dag));
    best += found;
  }
  print_message("shared operators: tight %u, best %u\n", tight, best);
  assert_true(best < tight);
}

/* Nodes of v's type on the longest path from v, by a sweep of its own per node. */
static uint32_t own_of(const edb_problem *p, uint32_t v, uint32_t *longest) {
  memset(longest, 0, p->n_nodes * sizeof *longest);
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t x = p->reversed ? i : p->n_nodes - 1 - i;
    for (uint32_t e = p->out_start[x]; e < p->out_start[x + 1]; e++)
      if (longest[p->out[e]] > longest[x]) longest[x] = longest[p->out[e]];
    longest[x] += p->type[x] == p->type[v];
  }
  return longest[v];
}

static void expect_own(const edb_problem *p) {
  static uint32_t longest[DAG_MAX_NODES];
  for (uint32_t v = 0; v < p->n_nodes; v++) assert_int_equal(p->own[v], own_of(p, v, longest));
  if (p->height == NULL) return;
  edb_problem_heights(p, longest);
  assert_memory_equal(p->height, longest, p->n_nodes * sizeof *longest);
}

static void path_lengths_do_not_depend_on_how_many_types_there_are(void **state) {
  static const uint32_t types[] = {3, 15, 16, 17, 24, 40, 64, 65, 130, 200};
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 33);
  for (uint32_t round = 0; round < 60; round++) {
    edb_problem forward, reverse;
    edb_error error;
    make_graph(&d, &rng, round, types[round % 10]);
    assert_int_equal(edb_problem_init(*state, &d.dag, &forward, &error), EDB_OK);
    assert_int_equal(edb_problem_init_reverse(*state, &forward, &reverse, &error), EDB_OK);
    expect_own(&forward);
    expect_own(&reverse);
    edb_problem_free(&reverse);
    edb_problem_free(&forward);
  }
}

/* More of a type on one path than a byte counts. */
static void long_chains_of_many_types_are_counted_in_full(void **state) {
  static test_dag d;
  edb_problem p;
  edb_error error;
  dag_begin(&d, 100);
  uint32_t v = dag_node(&d, 0, 0, NULL);
  for (uint32_t k = 1; k < 2000; k++) v = dag_node(&d, k % 5 == 0 ? k % 100 : k % 2, 1, &v);
  assert_int_equal(edb_problem_init(*state, &d.dag, &p, &error), EDB_OK);
  expect_own(&p);
  edb_problem_free(&p);
}

static void types_are_told_apart_within_an_instance_only(void **state) {
  static test_dag d;
  edb_problem p;
  edb_columns c;
  edb_error error;
  dag_begin(&d, 26);
  for (uint32_t i = 0; i < 13; i++) { /* chains A B A, C D C, ..., and back to the first type */
    uint32_t v = dag_node(&d, 2 * i, 0, NULL);
    v = dag_node(&d, 2 * i + 1, 1, &v);
    v = dag_node(&d, 2 * i, 1, &v);
    dag_node(&d, (2 * i + 2) % 26, 1, &v);
  }
  assert_int_equal(edb_problem_init(*state, &d.dag, &p, &error), EDB_OK);
  assert_int_equal(edb_columns_init(*state, &p, &c, &error), EDB_OK);
  assert_int_equal(c.widest, 1);
  assert_int_equal(c.most, 2);
  assert_int_equal(c.column[0], 0);
  assert_int_equal(c.column[1], EDB_COLUMN_NONE);
  edb_columns_free(*state, &c);
  edb_problem_free(&p);
}

static void failing_allocations_are_survived(void **state) {
  static test_dag d;
  faulty f;
  edb_rng rng;
  (void)state;
  edb_rng_seed(&rng, 34);
  make_pairs(&d, &rng, 70, 40, true);
  FAULTY_FOR_EACH(&f, ctx) {
    edb_problem p;
    edb_status status = edb_problem_init(ctx, &d.dag, &p, NULL);
    if (status == EDB_OK) edb_problem_free(&p);
    assert_true(faulty_status(&f, status));
  }
  make_graph(&d, &rng, 1, 70);
  FAULTY_FOR_EACH(&f, ctx) {
    edb_attempts a;
    edb_error error;
    edb_policy policy = {.ctx = ctx, .kind = EDB_POLICY_BEST, .width = 2, .budget = 20};
    edb_status status = edb_attempts_init(ctx, &d.dag, NULL, &a, &error);
    if (status == EDB_OK) {
      status = edb_attempt_policy(&a, &policy, &error);
      edb_attempts_free(&a);
    }
    assert_true(faulty_status(&f, status));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tight_chooses_as_if_it_looked_at_all_types),
      cmocka_unit_test(the_first_component_is_found_as_if_all_types_were_looked_at),
      cmocka_unit_test(components_are_scheduled_as_if_each_were_alone),
      cmocka_unit_test(an_fsm_leaves_frontiers_of_many_types_to_its_rule),
      cmocka_unit_test(a_state_of_few_types_is_known_beside_many_of_other_components),
      cmocka_unit_test(shared_operators_wait_for_the_kinds_that_lead_to_them),
      cmocka_unit_test(path_lengths_do_not_depend_on_how_many_types_there_are),
      cmocka_unit_test(long_chains_of_many_types_are_counted_in_full),
      cmocka_unit_test(types_are_told_apart_within_an_instance_only),
      cmocka_unit_test(failing_allocations_are_survived),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
