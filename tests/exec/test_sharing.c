/* tests/exec/test_sharing.c: threads that share the batches of a session leave the bits of one. */
#include <pthread.h>

#include "exec/cpu.h"
#include "exec/exec_support.h"
#include "exec/random_cells.h"
#include "exec/zoo.h"
#include "support/crowd.h"
#include "support/executor.h"

typedef struct plot {
  uint64_t seed;
  uint32_t nodes;
  labelling labels;
} plot;

/* A context whose sessions have `threads` threads, more than there are processors too. */
static edb_context *context_with(edb_executor executor, edb_simd simd) {
  edb_context_params params = EDB_PARAMS(edb_context_params);
  edb_context *ctx = NULL;
  params.executor = executor;
  params.simd = simd;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  return ctx;
}

/* All work is shared, however little it is. */
static edb_session *eager_session(const world *w, edb_granularity granularity, uint32_t threads) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_error error = {0};
  params.granularity = granularity;
  params.threads = threads;
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  ((edb_cpu *)session->state)->share_ns = 0;
  return session;
}

static values values_with(const world *w, edb_granularity granularity, uint32_t threads,
                          plot plot) {
  edb_session *session = eager_session(w, granularity, threads);
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  assert_int_equal(edb_session_threads(session), threads);
  run_all(session, graph, policy);
  values v = read_values(w, session, graph);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return v;
}

static void assert_threads_agree(const char *text, const char *name, plot plot) {
  static const uint32_t counts[] = {2, 3, 8};
  crowd c;
  world w = world_in(context_with(crowd_open(&c, 8), EDB_SIMD_AUTO), text);
  edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
  values one = values_with(&w, EDB_GRANULARITY_CELL, 1, plot);
  for (int i = 0; i < 3; i++)
    for (int op = 0; op < 2; op++) {
      char what[1 << 14];
      values v = values_with(&w, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL, counts[i], plot);
      (void)snprintf(what, sizeof what, "%u threads, granularity %s: %s", counts[i],
                     op ? "op" : "cell", name);
      assert_same_values(&w, graph, &one, &v, what);
      values_free(&v);
    }
  values_free(&one);
  edb_graph_destroy(graph);
  world_close(&w);
  crowd_close(&c);
}

/* Step by step where batches are small, by stretches of rows where they are large. */
static void threads_leave_the_bits_of_one(void **state) {
  static const uint32_t sizes[] = {1, 40, 1500};
  const zoo_model *m = *state;
  for (uint32_t i = 0; i < 3; i++)
    assert_threads_agree(m->text, m->name, (plot){i + 1, sizes[i], LABELS_SOME});
}

static void random_cells_give_the_same_bits_on_any_number_of_threads(void **state) {
  static const uint32_t widths[] = {3, 17, 150};
  (void)state;
  for (uint64_t seed = 1; seed <= 24; seed++) {
    const char *text = random_model(seed, widths[seed % 3], 2);
    assert_threads_agree(text, text, (plot){seed, seed % 4 ? 60 : 600, LABELS_ALL});
  }
}

int main(void) {
  const struct CMUnitTest rest[] = {
      cmocka_unit_test(random_cells_give_the_same_bits_on_any_number_of_threads),
  };
  struct CMUnitTest tests[ZOO_COUNT];
  for (size_t i = 0; i < ZOO_COUNT; i++)
    tests[i] = (struct CMUnitTest){zoo[i].name, threads_leave_the_bits_of_one, NULL, NULL,
                                   (void *)(uintptr_t)&zoo[i]};
  int failed = cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name("sharing, more models", rest, NULL, NULL);
}
