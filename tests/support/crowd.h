/* tests/support/crowd.h: an executor of as many threads as a test wants, whatever the machine has:
 * a pool of the library's own. */
#ifndef EDB_TESTS_SUPPORT_CROWD_H
#define EDB_TESTS_SUPPORT_CROWD_H

#include "base/pool.h"

typedef struct crowd {
  edb_context *ctx;
  edb_pool *pool;
} crowd;

typedef struct crowd_run {
  void (*task)(void *arg, uint32_t i);
  void *arg;
} crowd_run;

static inline void crowd_task(void *arg, uint32_t worker, uint32_t i) {
  const crowd_run *run = arg;
  (void)worker;
  run->task(run->arg, i);
}

static inline void crowd_run_tasks(void *user, uint32_t n, void (*task)(void *arg, uint32_t i),
                                   void *arg) {
  crowd_run run = {task, arg};
  edb_pool_run(((crowd *)user)->pool, n, crowd_task, &run);
}

/* `c` must stay where it is. */
static inline edb_executor crowd_open(crowd *c, uint32_t threads) {
  edb_pool_params params = {.threads = threads};
  *c = (crowd){0};
  assert_int_equal(edb_context_create(NULL, &c->ctx, NULL), EDB_OK);
  assert_int_equal(edb_pool_create(c->ctx, &params, &c->pool, NULL), EDB_OK);
  return (edb_executor){.user = c, .threads = threads, .run = crowd_run_tasks};
}

static inline void crowd_close(crowd *c) {
  edb_pool_destroy(c->pool);
  edb_context_destroy(c->ctx);
}

#endif
