/* bench/pool.c: what it costs to share work among threads, while the workers look out for it and
 * while they sleep. Usage: bench_pool [THREADS] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"

#define WINDOWS 41

/* A chain of multiplications that takes about a microsecond, so that a worker has begun its chunk
 * before the caller has done its own. */
static void work(void *arg, uint32_t worker, uint32_t chunk) {
  volatile double sink;
  double x = 1.0 + chunk;
  (void)arg, (void)worker;
  for (int i = 0; i < 1000; i++) x = x * 0.999 + 0.001;
  sink = x;
  (void)sink;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct way {
  edb_pool *pool;
  uint32_t chunks, runs;
  long nap_ns; /* before each run, for the workers to fall asleep; 0: none, then the clock is read
                  per window */
} way;

/* Nanoseconds of a run: the median of several windows. */
static double time_of(way w) {
  double ns[WINDOWS];
  for (int i = 0; i < WINDOWS; i++) {
    uint64_t sum = 0, begin = edb_clock_ns();
    for (uint32_t k = 0; k < w.runs; k++) {
      if (w.nap_ns) nanosleep(&(struct timespec){.tv_nsec = w.nap_ns}, NULL);
      uint64_t before = w.nap_ns ? edb_clock_ns() : 0;
      edb_pool_run(w.pool, w.chunks, work, NULL);
      if (w.nap_ns) sum += edb_clock_ns() - before;
    }
    ns[i] = (double)(w.nap_ns ? sum : edb_clock_ns() - begin) / w.runs;
  }
  qsort(ns, WINDOWS, sizeof *ns, compare);
  return ns[WINDOWS / 2];
}

int main(int argc, char **argv) {
  edb_context *ctx = NULL;
  edb_pool *pool = NULL;
  edb_error error = {0};
  edb_pool_params params = {.threads =
                                argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : edb_cpu_count()};
  if (edb_context_create(NULL, &ctx, &error) != EDB_OK ||
      edb_pool_create(ctx, &params, &pool, &error) != EDB_OK) {
    fprintf(stderr, "bench_pool: %s\n", error.text);
    edb_context_destroy(ctx);
    return 1;
  }
  printf("%u threads, %u processors\n", edb_pool_threads(pool), edb_cpu_count());
  uint32_t n = edb_pool_threads(pool);
  double one = time_of((way){.pool = pool, .chunks = 1, .runs = 1000});
  double awake = time_of((way){.pool = pool, .chunks = n, .runs = 1000});
  double asleep = time_of((way){.pool = pool, .chunks = n, .runs = 5, .nap_ns = 300000});
  printf("one chunk               %8.0f ns\n", one);
  printf("a chunk on each thread  %8.0f ns: %.0f for sharing it\n", awake, awake - one);
  printf("the same, woken up      %8.0f ns: %.0f for sharing it\n", asleep, asleep - one);
  edb_pool_destroy(pool);
  edb_context_destroy(ctx);
  return 0;
}
