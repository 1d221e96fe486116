/* base/pool.h: a pool of threads that work through the chunks of one task together.
 *
 * The chunks of a run are shared out in order, one stretch per thread, the same from run to run, so
 * that what a chunk reads stays in the caches of its core. A thread that is done with its own
 * stretch goes on with those of the others: the caller works too, and waits only for chunks that a
 * worker has really begun. A worker that sleeps, or that the system has put aside, costs nothing
 * but its share of the work.
 *
 * Workers look out for the next run for a bounded time, then sleep. A run while another one is
 * under way on the same pool, from another thread or from inside a chunk, is worked through by its
 * caller alone. After a fork the child's pool has no workers: the caller does everything. */
#ifndef EDB_BASE_POOL_H
#define EDB_BASE_POOL_H

#include "base/memory.h"

#define EDB_POOL_MAX_THREADS 1024

/* Chunk `chunk` of a run, on thread `worker` of the pool; no two calls at once have the same
 * `worker` within a run. */
typedef void (*edb_chunk_fn)(void *arg, uint32_t worker, uint32_t chunk);

typedef struct edb_pool_params {
  uint32_t threads;      /* the caller's included; more than EDB_POOL_MAX_THREADS are as many */
  edb_executor executor; /* its threads instead of own ones, if `run` is not NULL */
  bool pin;              /* each own worker stays on a processor of its own */
} edb_pool_params;

typedef struct edb_pool edb_pool;

/* Threads that cannot be had are left out. */
EDB_MUST_CHECK edb_status edb_pool_create(edb_context *ctx, const edb_pool_params *params,
                                          edb_pool **out, edb_error *error);
/* No run may be under way. */
void edb_pool_destroy(edb_pool *pool);

/* Threads that share a run, the caller's included; `worker` is below it. */
uint32_t edb_pool_threads(const edb_pool *pool);

/* Calls fn(arg, worker, chunk) once for each chunk below n_chunks; returns when all are done. What
 * the caller wrote before is seen by the chunks, what they write is seen by the caller. */
void edb_pool_run(edb_pool *pool, uint32_t n_chunks, edb_chunk_fn fn, void *arg);

#endif
