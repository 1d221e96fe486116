/* tests/policy/test_learn.c: learning on graphs small enough to try every FSM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"
#include "policy/fsms.h"
#include "support/faulty.h"

/* ---- Every FSM of a small graph ------------------------------------------- */

typedef struct machine {
  uint32_t n_states;
  struct {
    edb_token tokens[8];
    uint32_t count, choice; /* of the tokens */
  } states[32];
} machine;

/* Batches of the machine; a state that it lacks is added with its first type. */
static uint32_t run_machine(edb_state *s, edb_encoding encoding, const uint32_t *to_fsm,
                            machine *m) {
  uint32_t batches = 0;
  edb_state_reset(s);
  for (; s->n_done < s->problem->n_nodes; batches++) {
    edb_token tokens[8];
    uint32_t type = edb_state_forced(s), at = 0, count = 0;
    if (type == EDB_TYPE_NONE) {
      count = edb_encode(encoding, s, EDB_COMPONENT_ANY, to_fsm, tokens);
      while (at < m->n_states &&
             (m->states[at].count != count ||
              memcmp(m->states[at].tokens, tokens, count * sizeof *tokens) != 0))
        at++;
      if (at == m->n_states) {
        assert_true(m->n_states < 32);
        memcpy(m->states[at].tokens, tokens, sizeof tokens);
        m->states[at].count = count;
        m->states[at].choice = 0;
        m->n_states++;
      }
      for (type = 0; to_fsm[type] != edb_token_type(tokens[m->states[at].choice]);) type++;
    }
    edb_state_run(s, type, NULL);
  }
  return batches;
}

/* The fewest batches of any FSM: counts through all choices of the states that come up, the last
 * met state fastest; states met after a changed one are forgotten. */
static uint32_t best_machine(edb_context *ctx, edb_encoding encoding, const edb_dag *dag) {
  edb_problem problem;
  edb_state s;
  machine m = {0};
  uint32_t best = UINT32_MAX;
  assert_int_equal(edb_problem_init(ctx, dag, &problem, NULL), EDB_OK);
  assert_int_equal(edb_state_init(ctx, &problem, &s, NULL), EDB_OK);
  uint32_t height[64];
  assert_true(problem.n_nodes <= 64);
  edb_problem_heights(&problem, height);
  s.height = height;
  for (;;) {
    uint32_t batches = run_machine(&s, encoding, problem.original_type, &m);
    if (batches < best) best = batches;
    while (m.n_states > 0 && m.states[m.n_states - 1].choice + 1 == m.states[m.n_states - 1].count)
      m.n_states--;
    if (m.n_states == 0) break;
    m.states[m.n_states - 1].choice++;
  }
  edb_state_free(ctx, &s);
  edb_problem_free(&problem);
  return best;
}

typedef struct row {
  const char *name, *graph;
  uint32_t optimum, best[3]; /* of any FSM: base, max, sort */
} row;

static const row rows[] = {
    {"V1", "0:B() 1:A() 2:B(1) 3:A(2)", 3, {3, 3, 3}},
    {"V2", "0:B() 1:C(0) 2:A(0) 3:B(2) 4:A() 5:C()", 4, {4, 4, 4}},
    {"V3", "0:B() 1:B(0) 2:A() 3:A() 4:A(1)", 3, {3, 3, 3}},
    {"V4", "0:A() 1:B(0) 2:A(0) 3:B() 4:A(3)", 3, {4, 3, 3}},
    {"V5", "0:B() 1:C(0) 2:A(0) 3:B(2) 4:B(0) 5:A() 6:C()", 4, {5, 5, 4}},
    {"V6", "0:A() 1:B(0) 2:B() 3:A(2) 4:B(2)", 3, {4, 4, 4}},
    {"V7", "0:A() 1:B(0) 2:B() 3:A(2)", 3, {3, 3, 3}},
    {"V8", "0:B() 1:A() 2:B(1) 3:A() 4:A(0) 5:B(4)", 3, {3, 3, 3}},
    {"V9", "0:B() 1:B(0) 2:A(1) 3:A() 4:B(3) 5:B(4)", 4, {4, 4, 4}},
    {"V10", "0:A() 1:B() 2:B(1) 3:B(0) 4:A(1) 5:A(2) 6:B() 7:B(3)", 4, {5, 5, 5}},
};

#define FOR_EACH_ROW(r, d)                                                                         \
  test_dag d;                                                                                      \
  for (const row *r = rows; r < rows + sizeof rows / sizeof *rows && (dag_parse(&d, r->graph), 1); \
       r++)

static void the_best_fsm_is_as_verified(void **state) {
  FOR_EACH_ROW(r, d) {
    for (int e = 0; e < 3; e++) {
      static const edb_encoding columns[] = {EDB_ENCODING_BASE, EDB_ENCODING_MAX,
                                             EDB_ENCODING_SORT};
      uint32_t found = best_machine(*state, columns[e], &d.dag);
      if (found != r->best[e])
        fail_msg("%s, %s: %u, expected %u", r->name, edb_encoding_name(columns[e]), found,
                 r->best[e]);
    }
  }
}

/* As published, learning finds the best FSM, and no better one. */
static void published_learning_finds_the_best_fsm(void **state) {
  FOR_EACH_ROW(r, d) {
    for (int e = 0; e < 2 * EDB_ENCODING_COUNT; e++) {
      edb_learn_params params = EDB_PARAMS(edb_learn_params);
      params.encoding = (edb_encoding)(e % EDB_ENCODING_COUNT);
      params.reward = e < EDB_ENCODING_COUNT ? EDB_REWARD_BOUND : EDB_REWARD_FRONTIER;
      params.as_published = true;
      params.evaluate_every = 1;
      edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
      uint32_t best = best_machine(*state, params.encoding, &d.dag);
      uint32_t misses = 1, found = fsm_batches(*state, policy, &d.dag, &misses);
      if (found != best)
        fail_msg("%s, %s, %s: %u batches, expected %u", r->name, edb_encoding_name(params.encoding),
                 edb_reward_name(params.reward), found, best);
      assert_int_equal(misses, 0);
      edb_policy_destroy(policy);
    }
  }
}

/* A state may also be left to the rule, so it can even be better. */
static void learning_is_as_good_as_the_best_fsm_and_the_rule(void **state) {
  FOR_EACH_ROW(r, d) {
    for (int e = 0; e < 4 * EDB_ENCODING_COUNT; e++) {
      edb_learn_params params = EDB_PARAMS(edb_learn_params);
      params.encoding = (edb_encoding)(e % EDB_ENCODING_COUNT);
      params.reward = (edb_reward)(e / EDB_ENCODING_COUNT % 2);
      params.bootstrap = e / EDB_ENCODING_COUNT / 2 == 1;
      params.teacher = (edb_teacher)(e % 2);
      edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
      edb_learn_report report = edb_policy_learned(policy);
      uint32_t found = fsm_batches(*state, policy, &d.dag, NULL);
      uint32_t best = best_machine(*state, params.encoding, &d.dag);
      uint32_t rule = pass_batches(*state, EDB_POLICY_TIGHT, false, &d.dag);
      if (found < r->optimum || found > best || found > rule)
        fail_msg("%s, %s: %u batches; optimum %u, best FSM %u, rule %u", r->name,
                 edb_encoding_name(params.encoding), found, r->optimum, best, rule);
      assert_true(found <= report.batches); /* forwards alone */
      edb_policy_destroy(policy);
    }
  }
}

/* ---- Larger ones ---------------------------------------------------------- */

/* The rule of encodings that begin with the longest path is another one than the tight rule. */
static void no_fsm_is_worse_than_its_rule_where_it_learned(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 5);
  for (int i = 0; i < 60; i++) {
    test_dag d;
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    uint32_t n_nodes = 20 + edb_rng_below(&rng, 40), n_types = 2 + edb_rng_below(&rng, 4);
    dag_random(&d, &rng, n_nodes, n_types);
    if (i % 3 == 0) d.unbatchable[0] = 1;
    params.encoding = (edb_encoding)(i % EDB_ENCODING_COUNT);
    params.max_episodes = 100;
    edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
    edb_learn_report report = edb_policy_learned(policy);
    uint32_t found = fsm_batches(*state, policy, &d.dag, NULL);
    assert_true(found <= report.batches); /* forwards alone */
    assert_int_equal(report.bound, bound_of_dag(*state, &d.dag));
    if (!edb_encoding_leads(params.encoding))
      assert_true(found <= pass_batches(*state, EDB_POLICY_TIGHT, false, &d.dag));
    edb_policy_destroy(policy);
  }
}

static void several_mini_batches_are_learned_together(void **state) {
  static test_dag d[4];
  edb_dag dags[4];
  edb_rng rng;
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  uint64_t batches = 0, bound = 0;
  edb_rng_seed(&rng, 11);
  for (uint32_t i = 0; i < 4; i++) {
    dag_random(&d[i], &rng, 50, 3 + i);
    dags[i] = d[i].dag;
    bound += bound_of_dag(*state, &dags[i]);
  }
  params.encoding = EDB_ENCODING_TIGHT;
  edb_policy *policy = learn_raw(*state, dags, 4, &params);
  edb_learn_report report = edb_policy_learned(policy);
  for (uint32_t i = 0; i < 4; i++) batches += fsm_batches(*state, policy, &dags[i], NULL);
  assert_int_equal(report.batches, batches);
  assert_int_equal(report.bound, bound);
  assert_int_equal(edb_policy_describe(policy).n_types, 6);
  assert_int_equal(edb_policy_describe(policy).n_states, report.states);
  assert_int_equal(policy->fsm->record.n_graphs, 4);
  edb_policy_destroy(policy);
}

static void the_time_of_learning_is_part_of_what_passed(void **state) {
  test_dag d;
  dag_parse(&d, tree_text);
  uint64_t before = edb_clock_ns();
  edb_policy *policy = learn_raw(*state, &d.dag, 1, NULL);
  uint64_t passed = edb_clock_ns() - before;
  edb_learn_report report = edb_policy_learned(policy);
  assert_in_range(report.nanoseconds, 1, passed);
  edb_policy_destroy(policy);
}

static void a_seed_gives_the_same_policy_again(void **state) {
  test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  dag_random(&d, &rng, 120, 4);
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.encoding = (edb_encoding)e;
    params.seed = UINT64_MAX;
    params.as_published = e % 2 == 1;
    edb_policy *first = learn_raw(*state, &d.dag, 1, &params);
    edb_policy *second = learn_raw(*state, &d.dag, 1, &params);
    edb_text a = text_of(*state, first), b = text_of(*state, second);
    assert_string_equal(a.data, b.data);
    edb_text_free(&a);
    edb_text_free(&b);
    edb_policy_destroy(first);
    edb_policy_destroy(second);
  }
}

static void nothing_is_learned_where_the_rule_meets_the_bound(void **state) {
  test_dag d;
  dag_parse(&d, tree_text);
  edb_policy *policy = learn_raw(*state, &d.dag, 1, NULL);
  edb_learn_report report = edb_policy_learned(policy);
  assert_int_equal(report.episodes, 0);
  assert_int_equal(report.batches, report.bound);
  assert_int_equal(report.states, 0); /* every component has one type */
  edb_policy_destroy(policy);
}

static void an_empty_graph_teaches_nothing(void **state) {
  test_dag d;
  dag_parse(&d, "");
  edb_policy *policy = learn_raw(*state, &d.dag, 1, NULL);
  edb_learn_report report = edb_policy_learned(policy);
  assert_int_equal(report.states, 0);
  assert_int_equal(report.batches, 0);
  edb_policy_destroy(policy);
}

static void unbatchable_types_are_no_part_of_states(void **state) {
  test_dag d;
  dag_parse(&d, "0:A() 1:A() 2:B(0) 3:C(1) 4:A(2) 5:C(4)");
  d.unbatchable[0] = 1;
  edb_policy *policy = learn_raw(*state, &d.dag, 1, NULL);
  assert_int_equal(edb_policy_describe(policy).n_types, 2);
  assert_string_equal(policy->fsm->types[0].name, "1");
  edb_policy_destroy(policy);
}

/* ---- Progress and parameters ---------------------------------------------- */

typedef struct watcher {
  uint32_t calls, stop_at;
  edb_learn_progress last;
} watcher;

static bool watch(void *user, const edb_learn_progress *progress) {
  watcher *w = user;
  if (w->calls > 0) assert_true(progress->batches <= w->last.batches);
  assert_true(progress->bound <= progress->batches);
  assert_true(progress->episode <= progress->max_episodes);
  w->last = *progress;
  return ++w->calls != w->stop_at;
}

/* The optimum is 4, the bound 3: learning goes on to its end. */
static const char unreachable[] = "0:B() 1:B(0) 2:A(1) 3:A() 4:B(3) 5:B(4)";

static void progress_is_told_with_every_evaluation(void **state) {
  test_dag d;
  watcher w = {0};
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  dag_parse(&d, unreachable);
  params.progress = watch;
  params.progress_user = &w;
  params.max_episodes = 200;
  params.as_published = true;
  edb_policy *policy = learn_raw(*state, &d.dag, 1, &params);
  assert_int_equal(w.calls, 5); /* before the first episode, and 4 times after 50 */
  assert_int_equal(w.last.episode, 200);
  assert_int_equal(w.last.batches, 4);
  assert_int_equal(w.last.bound, 3);
  edb_policy_destroy(policy);
}

/* The sum of all that is told on the way; the position of every evaluation is in it. */
static bool sum_up(void *user, const edb_learn_progress *progress) {
  uint64_t *sum = user;
  *sum = *sum * 31 + progress->episode + 7 * progress->batches + 77 * progress->states;
  return true;
}

static void parameters_of_0_are_those_of_the_header(void **state) {
  test_dag d;
  edb_rng rng;
  edb_learn_params given = EDB_PARAMS(edb_learn_params), none = given;
  none.as_published = given.as_published = true;
  given.max_episodes = 1000;
  given.evaluate_every = 50;
  given.n_step = 10;
  given.learning_rate = 0.4;
  given.epsilon_start = 0.5;
  given.epsilon_decay = 0.9;
  given.epsilon_end = 0.05;
  given.stop_within = 0.01;
  given.progress = none.progress = sum_up;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    uint64_t sums[2] = {0};
    given.progress_user = &sums[0];
    none.progress_user = &sums[1];
    given.seed = none.seed = seed;
    edb_rng_seed(&rng, seed);
    dag_random(&d, &rng, 120, 4);
    edb_policy *policies[] = {learn_raw(*state, &d.dag, 1, &given),
                              learn_raw(*state, &d.dag, 1, &none)};
    edb_text texts[] = {text_of(*state, policies[0]), text_of(*state, policies[1])};
    assert_true(sums[0] == sums[1]);
    assert_string_equal(texts[0].data, texts[1].data);
    for (int i = 0; i < 2; i++) {
      edb_text_free(&texts[i]);
      edb_policy_destroy(policies[i]);
    }
  }
}

static void learning_can_be_cancelled(void **state) {
  test_dag d;
  dag_parse(&d, unreachable);
  for (uint32_t stop_at = 1; stop_at < 7; stop_at++) {
    watcher w = {.stop_at = stop_at};
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    edb_policy *policy = NULL;
    edb_error error;
    params.progress = watch;
    params.progress_user = &w;
    assert_int_equal(
        edb_policy_learn_dags(*state, &d.dag, 1, NULL, EDB_FSM_RAW, &params, &policy, &error),
        EDB_ERROR_CANCELLED);
    assert_null(policy);
    assert_int_equal(w.calls, stop_at);
  }
}

static void expect_argument_error(edb_context *ctx, const edb_learn_params *params,
                                  const char *part) {
  test_dag d;
  edb_policy *policy = NULL;
  edb_error error;
  dag_parse(&d, tree_text);
  assert_int_equal(
      edb_policy_learn_dags(ctx, &d.dag, 1, NULL, EDB_FSM_RAW, params, &policy, &error),
      EDB_ERROR_ARGUMENT);
  if (strstr(error.text, part) == NULL) fail_msg("\"%s\" is not in: %s", part, error.text);
  assert_null(policy);
}

static void bad_parameters_are_refused_by_name(void **state) {
  const edb_learn_params good = EDB_PARAMS(edb_learn_params);
  edb_learn_params p = good;
  p.struct_bytes = 4;
  expect_argument_error(*state, &p, "struct_bytes");
  p = good, p.teacher = EDB_TEACHER_COUNT;
  expect_argument_error(*state, &p, "teacher");
  p = good, p.encoding = EDB_ENCODING_COUNT;
  expect_argument_error(*state, &p, "encoding");
  p = good, p.reward = EDB_REWARD_COUNT;
  expect_argument_error(*state, &p, "reward");
  p = good, p.learning_rate = 1.5;
  expect_argument_error(*state, &p, "learning_rate");
  p = good, p.epsilon_start = -0.5;
  expect_argument_error(*state, &p, "epsilon_start");
  p = good, p.epsilon_decay = NAN;
  expect_argument_error(*state, &p, "epsilon_decay");
  p = good, p.epsilon_end = INFINITY;
  expect_argument_error(*state, &p, "epsilon_end");
  p = good, p.stop_within = NAN;
  expect_argument_error(*state, &p, "stop_within");
}

static void learning_needs_graphs_that_fit_together(void **state) {
  test_dag d;
  edb_policy *policy = NULL;
  edb_graph *graphs[2] = {NULL, NULL};
  edb_error error;
  dag_parse(&d, tree_text);
  assert_int_equal(edb_policy_learn_dags(*state, NULL, 0, NULL, EDB_FSM_RAW, NULL, &policy, &error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_policy_learn(*state, NULL, 0, NULL, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_int_equal(
      edb_policy_learn_dags(*state, &d.dag, 1, NULL, EDB_FSM_CELL, NULL, &policy, &error),
      EDB_ERROR_ARGUMENT);
  assert_int_equal(
      edb_policy_learn_dags(*state, &d.dag, 1, &tree_schema, EDB_FSM_RAW, NULL, &policy, &error),
      EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_graph_create_schema(*state, &tree_schema, &graphs[0], &error), EDB_OK);
  assert_int_equal(edb_graph_create_schema(*state, &turned_schema, &graphs[1], &error), EDB_OK);
  const edb_graph *both[2] = {graphs[0], graphs[1]};
  assert_int_equal(edb_policy_learn(*state, both, 2, NULL, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "graph 1 of 2"));
  assert_null(policy);
  edb_graph_destroy(graphs[0]);
  edb_graph_destroy(graphs[1]);
}

static void names_of_rewards_go_both_ways(void **state) {
  (void)state;
  for (int r = 0; r < EDB_REWARD_COUNT; r++) {
    edb_reward found = EDB_REWARD_COUNT;
    assert_true(edb_reward_from_name(edb_reward_name((edb_reward)r), &found));
    assert_int_equal(found, r);
  }
  edb_reward untouched = EDB_REWARD_FRONTIER;
  assert_false(edb_reward_from_name("bounds", &untouched));
  assert_false(edb_reward_from_name(NULL, &untouched));
  assert_int_equal(untouched, EDB_REWARD_FRONTIER);
  assert_non_null(edb_reward_name((edb_reward)99));
}

static void names_of_teachers_go_both_ways(void **state) {
  (void)state;
  for (int t = 0; t < EDB_TEACHER_COUNT; t++) {
    edb_teacher found = EDB_TEACHER_COUNT;
    assert_true(edb_teacher_from_name(edb_teacher_name((edb_teacher)t), &found));
    assert_int_equal(found, t);
  }
  edb_teacher untouched = EDB_TEACHER_BEAM;
  assert_false(edb_teacher_from_name("beams", &untouched));
  assert_false(edb_teacher_from_name(NULL, &untouched));
  assert_int_equal(untouched, EDB_TEACHER_BEAM);
  assert_non_null(edb_teacher_name((edb_teacher)99));
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  faulty f;
  test_dag d;
  dag_parse(&d, unreachable);
  for (uint32_t n = d.dag.n_nodes, v = 0; v < 3 * n; v++) { /* four instances make two cuts */
    uint32_t inputs[16], n_inputs = 0;
    for (uint32_t e = d.in_start[v]; e < d.in_start[v + 1]; e++)
      inputs[n_inputs++] = d.in_node[e] + n;
    dag_node(&d, d.type[v], n_inputs, inputs);
  }
  for (int e = 0; e < 4; e++) {
    FAULTY_FOR_EACH(&f, ctx) {
      edb_learn_params params = EDB_PARAMS(edb_learn_params);
      edb_policy *policy = NULL;
      edb_error error;
      edb_dag dags[2] = {d.dag, d.dag};
      params.encoding = EDB_ENCODING_TIGHT;
      params.max_episodes = 10;
      params.reward = (edb_reward)(e % 2);
      params.teacher = (edb_teacher)(e / 2);
      edb_status status =
          edb_policy_learn_dags(ctx, dags, 2, NULL, EDB_FSM_RAW, &params, &policy, &error);
      assert_true(faulty_status(&f, status));
      if (status != EDB_OK) assert_null(policy);
      edb_policy_destroy(policy);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_fsm_is_as_verified),
      cmocka_unit_test(published_learning_finds_the_best_fsm),
      cmocka_unit_test(learning_is_as_good_as_the_best_fsm_and_the_rule),
      cmocka_unit_test(no_fsm_is_worse_than_its_rule_where_it_learned),
      cmocka_unit_test(several_mini_batches_are_learned_together),
      cmocka_unit_test(the_time_of_learning_is_part_of_what_passed),
      cmocka_unit_test(a_seed_gives_the_same_policy_again),
      cmocka_unit_test(nothing_is_learned_where_the_rule_meets_the_bound),
      cmocka_unit_test(an_empty_graph_teaches_nothing),
      cmocka_unit_test(unbatchable_types_are_no_part_of_states),
      cmocka_unit_test(progress_is_told_with_every_evaluation),
      cmocka_unit_test(parameters_of_0_are_those_of_the_header),
      cmocka_unit_test(learning_can_be_cancelled),
      cmocka_unit_test(bad_parameters_are_refused_by_name),
      cmocka_unit_test(learning_needs_graphs_that_fit_together),
      cmocka_unit_test(names_of_rewards_go_both_ways),
      cmocka_unit_test(names_of_teachers_go_both_ways),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
