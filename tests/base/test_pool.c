/* tests/base/test_pool.c: every chunk of a run is done once, whoever is there to do it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/pool.h"
#include "support/executor.h"
#include "support/faulty.h"

#define MOST_CHUNKS  200
#define MOST_WORKERS 64

static edb_context *context(void) {
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  return ctx;
}

static edb_pool *pool_of(edb_context *ctx, uint32_t threads) {
  edb_pool_params params = {.threads = threads};
  edb_pool *pool = NULL;
  assert_int_equal(edb_pool_create(ctx, &params, &pool, NULL), EDB_OK);
  return pool;
}

/* Counts what ran; plain numbers where one chunk or one worker alone may write, so that the thread
 * sanitizer sees a chunk that runs twice and a worker that is two. cmocka's asserts are for the
 * main thread only. */
typedef struct tally {
  uint32_t runs_of[MOST_CHUNKS];
  uint32_t by_worker[MOST_WORKERS];
  uint32_t n_threads;
  atomic_uint strangers;
} tally;

static void count(void *arg, uint32_t worker, uint32_t chunk) {
  tally *t = arg;
  t->runs_of[chunk]++;
  if (worker < t->n_threads)
    t->by_worker[worker]++;
  else
    atomic_fetch_add(&t->strangers, 1);
}

static bool counted_once(edb_pool *pool, uint32_t n_chunks) {
  tally t = {.n_threads = edb_pool_threads(pool)};
  uint32_t sum = 0;
  edb_pool_run(pool, n_chunks, count, &t);
  for (uint32_t i = 0; i < MOST_CHUNKS; i++)
    if (t.runs_of[i] != (i < n_chunks ? 1 : 0)) return false;
  for (uint32_t i = 0; i < MOST_WORKERS; i++) sum += t.by_worker[i];
  return sum == n_chunks && atomic_load(&t.strangers) == 0;
}

static void every_chunk_runs_once(void **state) {
  static const uint32_t threads[] = {0, 1, 2, 3, 8, 16};
  (void)state;
  edb_context *ctx = context();
  for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
    edb_pool *pool = pool_of(ctx, threads[i]);
    assert_int_equal(edb_pool_threads(pool), threads[i] ? threads[i] : 1);
    for (uint32_t n = 0; n < 40; n++) assert_true(counted_once(pool, n));
    for (uint32_t n = 0; n < 300; n++) assert_true(counted_once(pool, MOST_CHUNKS - n % 7));
    edb_pool_destroy(pool);
  }
  edb_context_destroy(ctx);
}

static void a_pool_that_never_runs_can_be_destroyed(void **state) {
  (void)state;
  edb_context *ctx = context();
  for (int i = 0; i < 20; i++) edb_pool_destroy(pool_of(ctx, 5));
  edb_pool_destroy(NULL);
  edb_context_destroy(ctx);
}

static void a_pinned_pool_works(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool_params params = {.threads = 4, .pin = true};
  edb_pool *pool = NULL;
  assert_int_equal(edb_pool_create(ctx, &params, &pool, NULL), EDB_OK);
  for (uint32_t n = 0; n < 50; n++) assert_true(counted_once(pool, 30));
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

static void pause_ms(long ms) {
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void workers_that_fell_asleep_wake_up(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool *pool = pool_of(ctx, 3);
  for (int i = 0; i < 20; i++) {
    pause_ms(2);
    assert_true(counted_once(pool, 9));
  }
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

/* ---- Workers that sleep or are late ------------------------------------------------------------
 */

/* The first chunk that begins on a worker takes long; the others must be done meanwhile, by
 * whoever has time, and the run must wait for the long one. */
typedef struct slow {
  atomic_uint begun, done;
  atomic_bool slept;
} slow;

static void sleep_once(void *arg, uint32_t worker, uint32_t chunk) {
  slow *s = arg;
  (void)chunk;
  atomic_fetch_add(&s->begun, 1);
  if (worker != 0 && !atomic_exchange(&s->slept, true)) pause_ms(30);
  atomic_fetch_add(&s->done, 1);
}

static void a_run_waits_for_a_chunk_that_sleeps_and_for_nothing_else(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool *pool = pool_of(ctx, 4);
  for (int i = 0; i < 5; i++) {
    slow s = {0};
    edb_pool_run(pool, 64, sleep_once, &s);
    assert_int_equal(atomic_load(&s.begun), 64);
    assert_int_equal(atomic_load(&s.done), 64);
  }
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

/* ---- Inside one another, and side by side -------------------------------------------------------
 */

typedef struct nest {
  edb_pool *pool;
  atomic_uint inner;
} nest;

static void count_inner(void *arg, uint32_t worker, uint32_t chunk) {
  (void)worker, (void)chunk;
  atomic_fetch_add(&((nest *)arg)->inner, 1);
}

static void run_inner(void *arg, uint32_t worker, uint32_t chunk) {
  nest *n = arg;
  (void)worker;
  edb_pool_run(n->pool, chunk, count_inner, n);
}

static void a_run_inside_a_chunk_is_done_there(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool *pool = pool_of(ctx, 3);
  for (int i = 0; i < 50; i++) {
    nest n = {.pool = pool};
    edb_pool_run(pool, 10, run_inner, &n);
    assert_int_equal(atomic_load(&n.inner), 45);
  }
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

#define CALLERS 6

typedef struct caller {
  pthread_t thread;
  edb_context *ctx;
  edb_pool *pool; /* NULL: one of its own */
  bool good;
} caller;

static void *call(void *argument) {
  caller *c = argument;
  edb_pool_params params = {.threads = 3};
  edb_pool *own = NULL;
  c->good = true;
  if (!c->pool && edb_pool_create(c->ctx, &params, &own, NULL) != EDB_OK) c->good = false;
  for (uint32_t n = 0; n < 200 && c->good; n++)
    c->good = counted_once(c->pool ? c->pool : own, n % 50);
  edb_pool_destroy(own);
  return NULL;
}

static void assert_callers_are_served(edb_context *ctx, edb_pool *pool) {
  caller callers[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = (caller){.ctx = ctx, .pool = pool};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
  }
  for (int i = 0; i < CALLERS; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_true(callers[i].good);
  }
}

static void several_threads_share_a_pool(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool *pool = pool_of(ctx, 4);
  assert_callers_are_served(ctx, pool);
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

static void pools_side_by_side_do_not_meet(void **state) {
  (void)state;
  edb_context *ctx = context();
  assert_callers_are_served(ctx, NULL);
  edb_context_destroy(ctx);
}

/* ---- A host's threads ---------------------------------------------------------------------------
 */

static void a_hosts_threads_do_the_work(void **state) {
  (void)state;
  edb_context *ctx = context();
  for (int backwards = 0; backwards < 2; backwards++) {
    edb_pool_params params = {
        .threads = 16,
        .executor = {.threads = 5, .run = backwards ? run_backwards : run_on_threads}};
    edb_pool *pool = NULL;
    assert_int_equal(edb_pool_create(ctx, &params, &pool, NULL), EDB_OK);
    assert_int_equal(edb_pool_threads(pool), 5);
    for (uint32_t n = 0; n < 60; n++) assert_true(counted_once(pool, n));
    edb_pool_destroy(pool);
  }
  edb_context_destroy(ctx);
}

static void run_nothing(void *user, uint32_t n, void (*task)(void *arg, uint32_t i), void *arg) {
  (void)user, (void)n, (void)task, (void)arg;
}

static void what_a_host_leaves_undone_the_caller_does(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool_params params = {.threads = 4, .executor = {.threads = 4, .run = run_nothing}};
  edb_pool *pool = NULL;
  assert_int_equal(edb_pool_create(ctx, &params, &pool, NULL), EDB_OK);
  assert_true(counted_once(pool, 30));
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

/* ---- The rest -----------------------------------------------------------------------------------
 */

static void a_child_process_works_alone(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_pool *pool = pool_of(ctx, 3);
  assert_true(counted_once(pool, 20));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    bool good = counted_once(pool, 20);
    edb_pool_destroy(pool);
    _exit(good ? 0 : 1);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_true(counted_once(pool, 20));
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

static void without_memory_there_is_no_pool(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 1);
  edb_pool_params params = {.threads = 4};
  edb_pool *pool = NULL;
  edb_error error = {0};
  assert_int_equal(edb_pool_create(ctx, &params, &pool, &error), EDB_ERROR_MEMORY);
  assert_null(pool);
  faulty_destroy(&f);
}

static void there_is_a_processor(void **state) {
  (void)state;
  assert_true(edb_cpu_count() >= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_chunk_runs_once),
      cmocka_unit_test(a_pool_that_never_runs_can_be_destroyed),
      cmocka_unit_test(a_pinned_pool_works),
      cmocka_unit_test(workers_that_fell_asleep_wake_up),
      cmocka_unit_test(a_run_waits_for_a_chunk_that_sleeps_and_for_nothing_else),
      cmocka_unit_test(a_run_inside_a_chunk_is_done_there),
      cmocka_unit_test(several_threads_share_a_pool),
      cmocka_unit_test(pools_side_by_side_do_not_meet),
      cmocka_unit_test(a_hosts_threads_do_the_work),
      cmocka_unit_test(what_a_host_leaves_undone_the_caller_does),
      cmocka_unit_test(a_child_process_works_alone),
      cmocka_unit_test(without_memory_there_is_no_pool),
      cmocka_unit_test(there_is_a_processor),
  };
  return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
