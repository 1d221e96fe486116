/* tests/policy/test_words.c: words that begin as one schedule and end as another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/fsms.h"
#include "policy/words.h"

/* One schedule forwards, one backwards, and the words of both. */
typedef struct fixture {
  edb_context *ctx;
  edb_attempts a;
  edb_batches head, tail;
  edb_words words;
  uint32_t *scratch;
} fixture;

static fixture cross(edb_context *ctx, const edb_dag *dag) {
  fixture f = {.ctx = ctx, .scratch = malloc((dag->n_nodes + 1) * sizeof(uint32_t))};
  edb_attempts *a = &f.a;
  assert_non_null(f.scratch);
  assert_int_equal(edb_attempts_init(ctx, dag, NULL, a, NULL), EDB_OK);
  assert_int_equal(edb_problem_init_reverse(ctx, &a->forward, &a->reverse, NULL), EDB_OK);
  assert_int_equal(edb_batches_init(ctx, &a->forward, &f.head, NULL), EDB_OK);
  assert_int_equal(edb_batches_init(ctx, &a->forward, &f.tail, NULL), EDB_OK);
  assert_int_equal(edb_words_init(ctx, &a->forward, NULL, &f.words, NULL), EDB_OK);
  a->state.problem = &a->forward;
  edb_tight_pass(&a->state, EDB_GAVE_UP, &f.head);
  a->state.problem = &a->reverse;
  edb_tight_pass(&a->state, EDB_GAVE_UP, &f.tail);
  edb_words_cross(&f.words, &a->forward, &f.head, &f.tail, f.scratch);
  return f;
}

static void tear_down(fixture *f) {
  edb_words_free(f->ctx, &f->words);
  edb_batches_free(f->ctx, &f->tail);
  edb_batches_free(f->ctx, &f->head);
  edb_attempts_free(&f->a);
  free(f->scratch);
}

/* Batches of the words, run on the graph: all of it. */
static uint32_t run(fixture *f) {
  edb_attempts *a = &f->a;
  a->state.problem = &a->forward;
  edb_words_run(&f->words, &a->state, &a->trial);
  assert_int_equal(a->state.n_done, a->forward.n_nodes);
  return a->trial.count;
}

static void random_dag(test_dag *d, edb_rng *rng, uint32_t round) {
  uint32_t most = round % 16 == 0 ? 800 : 40;
  dag_random(d, rng, 1 + edb_rng_below(rng, most), 1 + edb_rng_below(rng, 5));
  if (round % 2 == 1) d->unbatchable[edb_rng_below(rng, d->dag.n_types)] = 1;
}

static void crossed_words_finish_everything_and_are_no_longer_than_either(void **state) {
  static test_dag d;
  edb_rng rng;
  uint32_t shorter = 0;
  edb_rng_seed(&rng, 11);
  for (uint32_t round = 0; round < 3000; round++) {
    random_dag(&d, &rng, round);
    fixture f = cross(*state, &d.dag);
    uint32_t batches = edb_words_batches(&f.words, &f.a.forward);
    uint32_t least = f.head.count < f.tail.count ? f.head.count : f.tail.count;
    assert_true(batches >= f.a.forward.bound && batches <= least);
    assert_true(run(&f) <= batches);
    shorter += batches < least;
    tear_down(&f);
  }
  assert_true(shorter > 0);
}

/* Whether the first letters of the one word and the last of the other finish all nodes. */
static bool finishes(fixture *f, uint32_t head, uint32_t tail) {
  edb_state *s = &f->a.state;
  s->problem = &f->a.forward;
  edb_state_reset(s);
  for (uint32_t i = 0; i < head + tail; i++) {
    uint32_t type = i < head ? f->head.type[i] : f->tail.type[head + tail - 1 - i];
    if (s->ready_count[type] > 0) edb_state_run(s, type, NULL);
  }
  return s->n_done == f->a.forward.n_nodes;
}

static void of_all_crossings_the_shortest_is_found(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 12);
  for (uint32_t round = 0; round < 500;) {
    dag_random(&d, &rng, 1 + edb_rng_below(&rng, 24), 3);
    fixture f = cross(*state, &d.dag);
    if (f.a.forward.n_components == 1) {
      uint32_t least = UINT32_MAX;
      for (uint32_t head = 0; head <= f.head.count; head++)
        for (uint32_t tail = 0; tail <= f.tail.count && head + tail < least; tail++)
          if (finishes(&f, head, tail)) least = head + tail;
      assert_int_equal(edb_words_batches(&f.words, &f.a.forward), least);
      round++;
    }
    tear_down(&f);
  }
}

/* On graphs that it was not learned from, and of other sizes. */
static void an_fsm_is_never_longer_than_tight(void **state) {
  static test_dag seen, d;
  edb_rng rng;
  edb_rng_seed(&rng, 13);
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.encoding = (edb_encoding)e;
    dag_random(&seen, &rng, 40, 4);
    edb_policy *policy = learn_raw(*state, &seen.dag, 1, &params);
    for (uint32_t round = 0; round < 400; round++) {
      dag_random(&d, &rng, 1 + edb_rng_below(&rng, round % 8 == 0 ? 400 : 30), 5);
      assert_true(fsm_batches(*state, policy, &d.dag, NULL) <=
                  policy_batches(*state, EDB_POLICY_TIGHT, &d.dag));
    }
    edb_policy_destroy(policy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crossed_words_finish_everything_and_are_no_longer_than_either),
      cmocka_unit_test(of_all_crossings_the_shortest_is_found),
      cmocka_unit_test(an_fsm_is_never_longer_than_tight),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
