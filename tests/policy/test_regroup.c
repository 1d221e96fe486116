/* tests/policy/test_regroup.c: batches of one type follow each other where they can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/dags.h"
#include "policy/regroup.h"
#include "support/faulty.h"

/* Schedules `dag` by a rule and regroups that, into a.trial. */
static edb_attempts regrouped(edb_context *ctx, edb_policy_kind kind, const edb_dag *dag) {
  edb_attempts a;
  assert_int_equal(edb_attempts_init(ctx, dag, NULL, &a, NULL), EDB_OK);
  assert_int_equal(edb_attempt(&a, kind, false, NULL, NULL), EDB_OK);
  assert_int_equal(edb_regroup(ctx, &a.forward, &a.best, &a.trial, NULL), EDB_OK);
  return a;
}

static uint32_t changes(const edb_batches *b) {
  uint32_t sum = 0;
  for (uint32_t i = 1; i < b->count; i++) sum += b->type[i] != b->type[i - 1];
  return sum;
}

/* Two independent chains of `length` nodes. */
static void two_chains(test_dag *d, uint32_t length) {
  dag_begin(d, 2);
  for (uint32_t i = 0; i < 2 * length; i++) dag_node(d, i % 2, i > 1, &(uint32_t){i - 2});
}

static void chains_that_run_in_turn_run_one_after_the_other(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  two_chains(d, 10);
  edb_attempts a = regrouped(ctx, EDB_POLICY_TIGHT, &d->dag);
  assert_int_equal(changes(&a.best), 19);
  assert_int_equal(changes(&a.trial), 1);
  assert_int_equal(a.trial.count, 20);
  edb_attempts_free(&a);
  free(d);
  faulty_destroy(&f);
}

static void a_chain_does_not_run_on_for_ever(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  two_chains(d, 10 * EDB_REGROUP_MOST);
  edb_attempts a = regrouped(ctx, EDB_POLICY_TIGHT, &d->dag);
  assert_int_equal(changes(&a.trial), 19);
  edb_attempts_free(&a);
  free(d);
  faulty_destroy(&f);
}

/* Every batch of `from` once, as it was, and inputs before their users. */
static void assert_reordered(const edb_problem *p, const edb_batches *from, const edb_batches *to) {
  uint32_t *batch_of = malloc((p->n_nodes + 1) * sizeof *batch_of);
  uint32_t *origin = malloc((p->n_nodes + 1) * sizeof *origin);
  assert_non_null(batch_of);
  assert_non_null(origin);
  assert_int_equal(to->count, from->count);
  assert_int_equal(to->start[to->count], p->n_nodes);
  for (uint32_t b = 0; b < from->count; b++) origin[from->nodes[from->start[b]]] = b;
  for (uint32_t b = 0; b < to->count; b++) {
    const uint32_t *nodes = to->nodes + to->start[b];
    uint32_t old = origin[nodes[0]], size = to->start[b + 1] - to->start[b];
    assert_int_equal(size, from->start[old + 1] - from->start[old]);
    assert_memory_equal(nodes, from->nodes + from->start[old], size * sizeof *nodes);
    assert_int_equal(to->type[b], from->type[old]);
    for (uint32_t i = 0; i < size; i++) batch_of[nodes[i]] = b;
  }
  for (uint32_t v = 0; v < p->n_nodes; v++)
    for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++)
      assert_true(batch_of[p->in[e]] < batch_of[v]);
  free(origin);
  free(batch_of);
}

static void batches_of_random_graphs_stay_as_they_were(void **state) {
  (void)state;
  static const edb_policy_kind kinds[] = {EDB_POLICY_TIGHT, EDB_POLICY_AGENDA_STATIC,
                                          EDB_POLICY_UNBATCHED};
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  edb_rng rng;
  edb_rng_seed(&rng, 7);
  for (uint32_t round = 0; round < 300; round++) {
    dag_random(d, &rng, edb_rng_below(&rng, 200), 1 + edb_rng_below(&rng, 6));
    if (round % 2 == 1) d->unbatchable[edb_rng_below(&rng, d->dag.n_types)] = 1;
    edb_attempts a = regrouped(ctx, kinds[round % 3], &d->dag);
    assert_reordered(&a.forward, &a.best, &a.trial);
    edb_attempts_free(&a);
  }
  free(d);
  faulty_destroy(&f);
}

static void no_memory_is_an_error(void **state) {
  (void)state;
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  two_chains(d, 10);
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_attempts a;
    edb_status status = edb_attempts_init(ctx, &d->dag, NULL, &a, NULL);
    if (status == EDB_OK) {
      status = edb_attempt(&a, EDB_POLICY_TIGHT, false, NULL, NULL);
      if (status == EDB_OK) status = edb_regroup(ctx, &a.forward, &a.best, &a.trial, NULL);
      edb_attempts_free(&a);
    }
    assert_true(faulty_status(&f, status));
  }
  free(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chains_that_run_in_turn_run_one_after_the_other),
      cmocka_unit_test(a_chain_does_not_run_on_for_ever),
      cmocka_unit_test(batches_of_random_graphs_stay_as_they_were),
      cmocka_unit_test(no_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
