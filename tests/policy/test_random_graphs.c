/* tests/policy/test_random_graphs.c: rules against naive programs that compute everything anew at
 * every step, and the exact search against trying all type sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/dags.h"

#define N 48 /* nodes of the naive programs at most */

/* ---- Naive quantities -------------------------------------------------------------------------
 */

/* A dag with its edges possibly turned round: input[v][u] = v takes u. */
typedef struct naive {
  uint32_t n, n_types;
  uint32_t type[N];
  const uint8_t *unbatchable;
  bool input[N][N], ancestor[N][N]; /* ancestor[v][u]: a path leads from u to v */
  bool done[N];
  uint32_t n_done, batches;
} naive;

static void naive_close(naive *g) {
  memcpy(g->ancestor, g->input, sizeof g->input);
  for (uint32_t k = 0; k < g->n; k++)
    for (uint32_t v = 0; v < g->n; v++)
      for (uint32_t u = 0; u < g->n; u++)
        if (g->ancestor[v][k] && g->ancestor[k][u]) g->ancestor[v][u] = true;
}

/* Types are numbered by first appearance, as in a problem. */
static void naive_make(naive *g, const test_dag *d, bool reverse) {
  uint32_t number[256];
  memset(g, 0, sizeof *g);
  memset(number, 0xff, sizeof number);
  static uint8_t unbatchable[256];
  g->n = d->dag.n_nodes;
  for (uint32_t v = 0; v < g->n; v++) {
    if (number[d->type[v]] == UINT32_MAX) {
      unbatchable[g->n_types] = d->unbatchable[d->type[v]];
      number[d->type[v]] = g->n_types++;
    }
    g->type[v] = number[d->type[v]];
    for (uint32_t e = d->in_start[v]; e < d->in_start[v + 1]; e++)
      *(reverse ? &g->input[d->in_node[e]][v] : &g->input[v][d->in_node[e]]) = true;
  }
  g->unbatchable = unbatchable;
  naive_close(g);
}

static bool naive_ready(const naive *g, uint32_t v) {
  for (uint32_t u = 0; u < g->n; u++)
    if (g->input[v][u] && !g->done[u]) return false;
  return !g->done[v];
}

/* Nodes of v's type on the longest path starting at v: the longest chain of descendants of the
 * type. */
static uint32_t naive_own(const naive *g, uint32_t v) {
  uint32_t longest = 0;
  for (uint32_t u = 0; u < g->n; u++) {
    if (!g->ancestor[u][v] || g->type[u] != g->type[v]) continue;
    uint32_t own = naive_own(g, u);
    if (own > longest) longest = own;
  }
  return longest + 1;
}

static bool naive_in_frontier(const naive *g, uint32_t v) {
  if (g->done[v]) return false;
  for (uint32_t u = 0; u < g->n; u++)
    if (g->ancestor[v][u] && g->type[u] == g->type[v] && !g->done[u]) return false;
  return true;
}

typedef struct share {
  uint32_t ready, frontier, max_own, at_max, ready_at_max;
  uint64_t sum_own;
} share;

static share naive_share(const naive *g, const uint32_t *own, uint32_t type) {
  share s = {0};
  for (uint32_t v = 0; v < g->n; v++)
    if (g->type[v] == type && !g->done[v] && own[v] > s.max_own) s.max_own = own[v];
  for (uint32_t v = 0; v < g->n; v++) {
    if (g->type[v] != type || g->done[v]) continue;
    bool ready = naive_ready(g, v);
    s.ready += ready;
    s.frontier += naive_in_frontier(g, v);
    s.at_max += own[v] == s.max_own;
    s.ready_at_max += ready && own[v] == s.max_own;
    s.sum_own += ready ? own[v] : 0;
  }
  return s;
}

static bool better_tight(share a, share b) {
  bool tight_a = a.at_max == a.ready_at_max, tight_b = b.at_max == b.ready_at_max;
  return tight_a != tight_b ? tight_a : a.sum_own > b.sum_own;
}

static bool better_sufficient(share a, share b) {
  return a.ready * b.frontier > b.ready * a.frontier;
}

static void naive_run(naive *g, uint32_t type, bool one) {
  bool ready[N];
  for (uint32_t v = 0; v < g->n; v++) ready[v] = naive_ready(g, v) && g->type[v] == type;
  for (uint32_t v = 0; v < g->n; v++) {
    if (!ready[v]) continue;
    g->done[v] = true;
    g->n_done++;
    if (one) break;
  }
  g->batches++;
}

static uint32_t naive_schedule(naive *g, bool (*better)(share, share)) {
  uint32_t own[N];
  for (uint32_t v = 0; v < g->n; v++) own[v] = naive_own(g, v);
  while (g->n_done < g->n) {
    uint32_t best = UINT32_MAX;
    share best_share = {0};
    bool alone = false;
    for (uint32_t t = 0; t < g->n_types && !alone; t++) {
      share s = naive_share(g, own, t);
      if (s.ready == 0) continue;
      alone = g->unbatchable[t];
      if (alone || best == UINT32_MAX || better(s, best_share)) {
        best = t;
        best_share = s;
      }
    }
    naive_run(g, best, alone);
  }
  return g->batches;
}

static uint32_t naive_bound(const naive *g) {
  uint32_t bound = 0;
  for (uint32_t t = 0; t < g->n_types; t++) {
    uint32_t longest = 0, count = 0;
    for (uint32_t v = 0; v < g->n; v++) {
      if (g->type[v] != t) continue;
      uint32_t own = naive_own(g, v);
      if (own > longest) longest = own;
      count++;
    }
    bound += g->unbatchable[t] ? count : longest;
  }
  return bound;
}

/* ---- All sequences ----------------------------------------------------------------------------
 */

static uint32_t optimum(naive *g, uint8_t *memo) {
  uint32_t set = 0, best = UINT32_MAX;
  for (uint32_t v = 0; v < g->n; v++) set |= (uint32_t)g->done[v] << v;
  if (g->n_done == g->n) return 0;
  if (memo[set] != 0) return memo[set];
  naive before = *g;
  for (uint32_t t = 0; t < g->n_types; t++) {
    naive_run(g, t, g->unbatchable[t]);
    if (g->n_done > before.n_done) {
      uint32_t rest = 1 + optimum(g, memo);
      if (rest < best) best = rest;
    }
    *g = before;
  }
  memo[set] = (uint8_t)best;
  return best;
}

/* ---- Tests ------------------------------------------------------------------------------------
 */

static void exact_agrees_with_all_sequences(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  for (int i = 0; i < 3000; i++) {
    static test_dag d;
    static naive g;
    uint8_t memo[512] = {0};
    dag_random(&d, &rng, 4 + edb_rng_below(&rng, 6), 2 + edb_rng_below(&rng, 2));
    d.unbatchable[0] = edb_rng_below(&rng, 4) == 0;
    naive_make(&g, &d, false);
    uint32_t best = optimum(&g, memo);
    assert_int_equal(policy_batches(*state, EDB_POLICY_EXACT, &d.dag), best);
    assert_true(policy_batches(*state, EDB_POLICY_BEST, &d.dag) >= best);
  }
}

static void rules_and_bound_agree_with_naive_ones(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 2);
  for (int i = 0; i < 300; i++) {
    static test_dag d;
    static naive g;
    dag_random(&d, &rng, 5 + edb_rng_below(&rng, 20), 2 + edb_rng_below(&rng, 6));
    d.unbatchable[1] = edb_rng_below(&rng, 4) == 0;
    for (int reverse = 0; reverse < 2; reverse++) {
      naive_make(&g, &d, reverse);
      assert_int_equal(bound_of_dag(*state, &d.dag), naive_bound(&g));
      assert_int_equal(pass_batches(*state, EDB_POLICY_TIGHT, reverse, &d.dag),
                       naive_schedule(&g, better_tight));
      naive_make(&g, &d, reverse);
      assert_int_equal(pass_batches(*state, EDB_POLICY_SUFFICIENT, reverse, &d.dag),
                       naive_schedule(&g, better_sufficient));
    }
  }
}

static void best_is_not_longer_than_depth_or_agenda(void **state) {
  static const edb_policy_kind others[] = {EDB_POLICY_DEPTH, EDB_POLICY_AGENDA_STATIC,
                                           EDB_POLICY_AGENDA_RUNNING, EDB_POLICY_SUFFICIENT,
                                           EDB_POLICY_TIGHT};
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  for (int i = 0; i < 300; i++) {
    static test_dag d;
    dag_random(&d, &rng, 1 + edb_rng_below(&rng, 200), 1 + edb_rng_below(&rng, 30));
    d.unbatchable[0] = edb_rng_below(&rng, 8) == 0;
    uint32_t best = policy_batches(*state, EDB_POLICY_BEST, &d.dag);
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
      assert_true(best <= policy_batches(*state, others[k], &d.dag));
  }
}

static void the_exact_search_goes_beyond_brute_force(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 4);
  for (int i = 0; i < 30; i++) {
    static test_dag d;
    dag_random(&d, &rng, 60, 3);
    uint32_t exact = policy_batches(*state, EDB_POLICY_EXACT, &d.dag);
    assert_true(exact <= policy_batches(*state, EDB_POLICY_BEST, &d.dag));
  }
}

/* From components of one type to those of more than sixteen. */
static void own_is_that_of_the_naive_program_at_any_number_of_types(void **state) {
  static test_dag d;
  static naive g;
  edb_rng rng;
  uint32_t widest = 0;
  edb_rng_seed(&rng, 21);
  for (uint32_t round = 0; round < 300; round++) {
    edb_problem forward, reverse;
    dag_random(&d, &rng, 1 + edb_rng_below(&rng, N), 1 + edb_rng_below(&rng, 40));
    assert_int_equal(edb_problem_init(*state, &d.dag, &forward, NULL), EDB_OK);
    assert_int_equal(edb_problem_init_reverse(*state, &forward, &reverse, NULL), EDB_OK);
    for (uint32_t v = 0; v < d.dag.n_nodes; v++) {
      naive_make(&g, &d, false);
      assert_int_equal(forward.own[v], naive_own(&g, v));
      naive_make(&g, &d, true);
      assert_int_equal(reverse.own[v], naive_own(&g, v));
    }
    for (uint32_t c = 0; c < forward.n_components; c++)
      if (forward.component_size[c] > widest) widest = forward.component_size[c];
    edb_problem_free(&reverse);
    edb_problem_free(&forward);
  }
  assert_true(widest > 16);
}

/* More nodes of a type than a byte counts, among more types than one row holds. */
static void long_chains_of_many_types_have_exact_bounds(void **state) {
  static test_dag d;
  for (uint32_t times = 126; times <= 129; times++) {
    dag_begin(&d, 20);
    uint32_t last = 0;
    for (uint32_t i = 0; i < times * 20; i++) last = dag_node(&d, i % 20, i > 0, &last);
    assert_int_equal(bound_of_dag(*state, &d.dag), times * 20);
  }
}

/* Cells take states as h c, or as h1 h2 .. c1 c2 .., both of the same nodes. */
static void inputs_that_are_taken_twice_change_nothing(void **state) {
  static const edb_policy_kind kinds[] = {EDB_POLICY_DEPTH, EDB_POLICY_AGENDA_RUNNING,
                                          EDB_POLICY_SUFFICIENT, EDB_POLICY_TIGHT, EDB_POLICY_BEST};
  test_dag *once = malloc(sizeof *once), *twice = malloc(sizeof *twice);
  assert_true(once != NULL && twice != NULL);
  edb_rng rng;
  edb_rng_seed(&rng, 5);
  for (uint32_t round = 0; round < 200; round++) {
    uint32_t n_types = 1 + edb_rng_below(&rng, 5);
    dag_random(once, &rng, 1 + edb_rng_below(&rng, 120), n_types);
    dag_begin(twice, n_types);
    for (uint32_t v = 0; v < once->dag.n_nodes; v++) {
      uint32_t inputs[6], n = once->in_start[v + 1] - once->in_start[v];
      for (uint32_t i = 0; i < 2 * n; i++)
        inputs[i] = once->in_node[once->in_start[v] + (round % 2 == 0 ? i / 2 : i % n)];
      dag_node(twice, once->type[v], 2 * n, inputs);
    }
    assert_int_equal(bound_of_dag(*state, &once->dag), bound_of_dag(*state, &twice->dag));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
      assert_int_equal(policy_batches(*state, kinds[k], &once->dag),
                       policy_batches(*state, kinds[k], &twice->dag));
  }
  free(twice);
  free(once);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_agrees_with_all_sequences),
      cmocka_unit_test(rules_and_bound_agree_with_naive_ones),
      cmocka_unit_test(best_is_not_longer_than_depth_or_agenda),
      cmocka_unit_test(inputs_that_are_taken_twice_change_nothing),
      cmocka_unit_test(the_exact_search_goes_beyond_brute_force),
      cmocka_unit_test(own_is_that_of_the_naive_program_at_any_number_of_types),
      cmocka_unit_test(long_chains_of_many_types_have_exact_bounds),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
