/* tests/base/test_pool_no_threads.c: a system that gives only so many threads leaves a smaller
 * pool, not an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "base/pool.h"

/* Stands for the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                   void *argument) {
  (void)thread, (void)attributes, (void)fn, (void)argument;
  return EAGAIN;
}

static void add(void *arg, uint32_t worker, uint32_t chunk) {
  *(uint32_t *)arg += worker == 0 ? chunk : 1000;
}

static void without_threads_the_caller_does_everything(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  edb_pool *pool = NULL;
  edb_pool_params params = {.threads = 4};
  uint32_t sum = 0;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  assert_int_equal(edb_pool_create(ctx, &params, &pool, NULL), EDB_OK);
  assert_int_equal(edb_pool_threads(pool), 1);
  edb_pool_run(pool, 10, add, &sum);
  assert_int_equal(sum, 45);
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_threads_the_caller_does_everything),
  };
  return cmocka_run_group_tests_name("pool without threads", tests, NULL, NULL);
}
