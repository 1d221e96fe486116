/* tests/exec/test_threads.c: sessions of one model in threads of their own. */
#include <pthread.h>

#include "exec/exec_support.h"
#include "exec/zoo.h"

#define THREADS 6
#define ROUNDS  4
#define NODES   120

typedef struct job {
  const world *w;
  pthread_t thread;
  edb_device device;
  edb_granularity granularity;
  const edb_policy *policy;
  edb_status status; /* cmocka's asserts are for the main thread only */
  edb_graph *graphs[ROUNDS];
  edb_session *session;
} job;

static void *run_job(void *argument) {
  job *j = argument;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.device = j->device;
  params.granularity = j->granularity;
  j->status = edb_session_create(j->w->ctx, j->w->model, j->w->weights, &params, &j->session, NULL);
  for (int i = 0; i < ROUNDS && j->status == EDB_OK; i++)
    j->status = edb_session_run(j->session, j->graphs[i], j->policy, NULL, NULL);
  return NULL;
}

/* The last round's values of every job are those of the first job. */
static void assert_jobs_agree(const world *w, job *jobs) {
  values first = read_values(w, jobs[0].session, jobs[0].graphs[ROUNDS - 1]);
  for (int t = 1; t < THREADS; t++) {
    values v = read_values(w, jobs[t].session, jobs[t].graphs[ROUNDS - 1]);
    assert_same_values(w, jobs[0].graphs[ROUNDS - 1], &first, &v, "thread");
    values_free(&v);
  }
  values_free(&first);
}

static void sessions_of_one_model_run_in_parallel_with_equal_bits(void **state) {
  (void)state;
  for (size_t m = 0; m < ZOO_COUNT; m += 3) {
    job jobs[THREADS] = {0};
    world w = world_of(EDB_SIMD_AUTO, zoo[m].text);
    edb_policy *best = policy_of(&w, EDB_POLICY_BEST), *depth = policy_of(&w, EDB_POLICY_DEPTH);
    for (int t = 0; t < THREADS; t++) {
      jobs[t] = (job){.w = &w,
                      .granularity = t % 3 == 2 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL,
                      .policy = t % 2 ? depth : best};
      for (uint32_t i = 0; i < ROUNDS; i++)
        jobs[t].graphs[i] = random_graph(&w, i + 1, NODES, LABELS_SOME);
    }
    for (int t = 0; t < THREADS; t++)
      assert_int_equal(pthread_create(&jobs[t].thread, NULL, run_job, &jobs[t]), 0);
    for (int t = 0; t < THREADS; t++) assert_int_equal(pthread_join(jobs[t].thread, NULL), 0);
    for (int t = 0; t < THREADS; t++) assert_int_equal(jobs[t].status, EDB_OK);
    assert_jobs_agree(&w, jobs);
    for (int t = 0; t < THREADS; t++) {
      edb_session_destroy(jobs[t].session);
      for (int i = 0; i < ROUNDS; i++) edb_graph_destroy(jobs[t].graphs[i]);
    }
    edb_policy_destroy(best);
    edb_policy_destroy(depth);
    world_close(&w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sessions_of_one_model_run_in_parallel_with_equal_bits),
  };
  return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
