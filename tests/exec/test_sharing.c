/* tests/exec/test_sharing.c: threads that share the batches of a session leave the bits of one. */
#include <pthread.h>

#include "base/cpu.h"
#include "exec/cpu.h"
#include "exec/exec_support.h"
#include "exec/random_cells.h"
#include "exec/zoo.h"
#include "support/crowd.h"
#include "support/executor.h"
#include "support/faulty.h"
#include "support/sanitizer.h"

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
  params.placement = (edb_placement_kind)(threads % (EDB_PLACEMENT_DIRECT + 1));
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  edb_cpu *cpu = session->state;
  cpu->share_ns = cpu->move_ns = 0;
  cpu->near_weights = threads % 2; /* as if: large cells would be slow here */
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
  static const uint32_t sizes[] = {1, 40, UNDER_SANITIZER ? 300 : 900};
  const zoo_model *m = *state;
  for (uint32_t i = 0; i < 3; i++)
    assert_threads_agree(m->text, m->name, (plot){i + 1, sizes[i], LABELS_SOME});
}

static void random_cells_give_the_same_bits_on_any_number_of_threads(void **state) {
  static const uint32_t widths[] = {3, 17, 150};
  const uint32_t many = UNDER_SANITIZER ? 100 : 600; /* nodes */
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++) {
    const char *text = random_model(seed, widths[seed % 3], 2);
    assert_threads_agree(text, text, (plot){seed, seed % 4 ? 60 : many, LABELS_ALL});
  }
}

/* ---- Errors -------------------------------------------------------------------------------------
 */

typedef struct picky {
  edb_cpu *cpu;
  uint32_t from; /* parts from here on fail, each in its own words */
} picky;

static edb_status fail_from(void *arg, uint32_t worker, uint32_t part) {
  const picky *p = arg;
  if (part < p->from) return EDB_OK;
  return edb_fail(&p->cpu->workers[worker].error, EDB_ERROR_LIMIT, "part %u", part);
}

static void the_first_error_counts_on_any_number_of_threads(void **state) {
  (void)state;
  crowd c;
  world w = world_in(context_with(crowd_open(&c, 8), EDB_SIMD_AUTO), zoo[0].text);
  for (uint32_t threads = 1; threads <= 8; threads++) {
    edb_session *session = eager_session(&w, EDB_GRANULARITY_CELL, threads);
    for (uint32_t from = 0; from <= 50; from++) {
      char expected[32];
      edb_error error = {0};
      picky p = {session->state, from};
      edb_status status = edb_cpu_share(p.cpu, 50, fail_from, &p, &error);
      assert_int_equal(status, from < 50 ? EDB_ERROR_LIMIT : EDB_OK);
      (void)snprintf(expected, sizeof expected, "part %u", from);
      assert_string_equal(error.text, from < 50 ? expected : "");
    }
    edb_session_destroy(session);
  }
  world_close(&w);
  crowd_close(&c);
}

/* ---- Beside a run -------------------------------------------------------------------------------
 */

typedef struct preparation {
  const world *w;
  edb_session *session;
  const edb_policy *policy;
  edb_graph *graph;
  edb_schedule *schedule;
  edb_placement *placement;
  edb_status status;
  edb_error error;
  pthread_t thread;
} preparation;

static void *prepare(void *argument) {
  preparation *p = argument;
  const edb_graph *lowered;
  p->status = edb_session_lower(p->session, p->graph, &lowered, &p->error);
  if (p->status == EDB_OK)
    p->status = edb_schedule_create(p->w->ctx, p->policy, lowered, &p->schedule, &p->error);
  if (p->status == EDB_OK)
    p->status =
        edb_placement_create(p->session, lowered, p->schedule, NULL, &p->placement, &p->error);
  return NULL;
}

/* Each mini-batch is prepared while the one before runs on two threads. */
static void the_next_mini_batch_is_prepared_while_one_runs(void **state) {
  (void)state;
  crowd c;
  for (size_t m = 0; m < ZOO_COUNT; m += 4) {
    world w = world_in(context_with(crowd_open(&c, 2), EDB_SIMD_AUTO), zoo[m].text);
    edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
    edb_session *session = eager_session(&w, EDB_GRANULARITY_CELL, 2);
    preparation p[6] = {{0}};
    for (uint32_t i = 0; i < 6; i++)
      p[i] = (preparation){.w = &w,
                           .session = session,
                           .policy = policy,
                           .graph = random_graph(&w, i + 1, 100, LABELS_SOME)};
    (void)prepare(&p[0]);
    for (uint32_t i = 0; i < 6; i++) {
      edb_error error = {0};
      assert_int_equal(p[i].status, EDB_OK);
      if (i + 1 < 6)
        assert_int_equal(pthread_create(&p[i + 1].thread, NULL, prepare, &p[i + 1]), 0);
      MUST(edb_session_run_placed(session, p[i].graph, p[i].schedule, p[i].placement, &error),
           error);
      values got = read_values(&w, session, p[i].graph);
      values alone = values_with(&w, EDB_GRANULARITY_CELL, 1, (plot){i + 1, 100, LABELS_SOME});
      assert_same_values(&w, p[i].graph, &alone, &got, zoo[m].name);
      values_free(&alone);
      values_free(&got);
      if (i + 1 < 6) assert_int_equal(pthread_join(p[i + 1].thread, NULL), 0);
    }
    for (uint32_t i = 0; i < 6; i++) {
      edb_placement_destroy(p[i].placement);
      edb_schedule_destroy(p[i].schedule);
      edb_graph_destroy(p[i].graph);
    }
    edb_session_destroy(session);
    edb_policy_destroy(policy);
    world_close(&w);
    crowd_close(&c);
  }
}

/* ---- The host's threads, and the library's ------------------------------------------------------
 */

static void a_hosts_executor_runs_sessions(void **state) {
  (void)state;
  world w =
      world_in(context_with((edb_executor){.threads = 3, .run = run_on_threads}, EDB_SIMD_AUTO),
               zoo[0].text);
  plot plot = {5, 60, LABELS_ALL};
  edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
  values one = values_with(&w, EDB_GRANULARITY_CELL, 1, plot);
  values three = values_with(&w, EDB_GRANULARITY_CELL, 3, plot);
  assert_same_values(&w, graph, &one, &three, "executor");
  values_free(&one);
  values_free(&three);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void a_session_starts_no_more_threads_than_there_are_processors(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, zoo[0].text);
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_error error = {0};
  params.threads = 100000;
  params.pin_threads = true;
  MUST(edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error), error);
  assert_in_range(edb_session_threads(session), 1, edb_cpu_count());
  edb_session_destroy(session);
  session = session_of(&w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
  assert_int_equal(edb_session_threads(session), 1);
  edb_session_destroy(session);
  world_close(&w);
}

static void every_failed_request_for_memory_is_survived(void **state) {
  (void)state;
  crowd c;
  faulty f;
  edb_context_params with = EDB_PARAMS(edb_context_params);
  with.executor = crowd_open(&c, 3);
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    world w = world_in(faulty_context_with(&f, 0, false, &with), zoo[0].text);
    edb_policy *policy = policy_of(&w, EDB_POLICY_DEPTH);
    edb_graph *graph = random_graph(&w, 3, 300, LABELS_SOME);
    edb_session_params params = EDB_PARAMS(edb_session_params);
    edb_session *session = NULL;
    params.threads = 3;
    f.requests = f.failures = 0;
    f.fail_at = n;
    edb_status status = edb_session_create(w.ctx, w.model, w.weights, &params, &session, NULL);
    if (status == EDB_OK) {
      edb_cpu *cpu = session->state;
      cpu->share_ns = cpu->move_ns = 0;
      status = edb_session_run(session, graph, policy, NULL, NULL);
    }
    failed = f.failures > 0;
    assert_true(faulty_status(&f, status));
    f.fail_at = 0;
    edb_session_destroy(session);
    edb_graph_destroy(graph);
    edb_policy_destroy(policy);
    edb_weights_destroy(w.weights);
    edb_model_destroy(w.model);
    faulty_destroy(&f);
  }
  crowd_close(&c);
}

int main(void) {
  const struct CMUnitTest rest[] = {
      cmocka_unit_test(random_cells_give_the_same_bits_on_any_number_of_threads),
      cmocka_unit_test(the_first_error_counts_on_any_number_of_threads),
      cmocka_unit_test(the_next_mini_batch_is_prepared_while_one_runs),
      cmocka_unit_test(a_hosts_executor_runs_sessions),
      cmocka_unit_test(a_session_starts_no_more_threads_than_there_are_processors),
      cmocka_unit_test(every_failed_request_for_memory_is_survived),
  };
  struct CMUnitTest tests[ZOO_COUNT];
  for (size_t i = 0; i < ZOO_COUNT; i++)
    tests[i] = (struct CMUnitTest){zoo[i].name, threads_leave_the_bits_of_one, NULL, NULL,
                                   (void *)(uintptr_t)&zoo[i]};
  int failed = cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name("sharing, more models", rest, NULL, NULL);
}
