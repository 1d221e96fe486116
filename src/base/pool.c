/* base/pool.c: see pool.h.
 *
 * A run has a generation: the number of the run, in `generation`, on which idle workers look. Every
 * thread has a claim word: the generation and the next chunk of its stretch that nobody has
 * claimed. A chunk is claimed by exchanging the word for its successor, by anybody, and only while
 * the generations agree. So a worker that wakes late finds either chunks of the run that it read
 * about, or an exhausted stretch, or a word of another generation, and leaves. Nothing has to be
 * waited for but chunks that were claimed. */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/park.h"

/* How long threads look out before they sleep. A worker: longer than the steps of a mini-batch that
 * run on one thread take, so that it is awake for the next one that does not. The caller: longer
 * than a chunk, unless the worker that has begun it was put aside. */
#define IDLE_SPIN_NS 50000
#define DONE_SPIN_NS 20000

typedef struct worker {
  alignas(EDB_ALIGN) atomic_ullong claim; /* generation << 32 | next chunk */
  struct edb_pool *pool;
  pthread_t thread;
} worker;

struct edb_pool {
  /* The run, read by all together. */
  alignas(EDB_ALIGN) atomic_uint generation;
  atomic_uint n_chunks;
  _Atomic(edb_chunk_fn) fn;
  _Atomic(void *) arg;
  /* Written by all. */
  alignas(EDB_ALIGN) atomic_uint remaining; /* chunks that are not done */
  atomic_bool caller_sleeps;
  alignas(EDB_ALIGN) atomic_uint naps; /* times that a worker went to sleep */
  uint32_t naps_ended;                 /* of these, followed by a call that wakes */
  atomic_bool busy, stop;
  edb_park park;
  /* Constant once it is created. */
  alignas(EDB_ALIGN) edb_context *ctx;
  edb_executor executor;
  uint32_t n_threads, room; /* room: elements of `workers` */
  uint64_t idle_spin_ns, done_spin_ns;
  pid_t process; /* that has the workers; not a child of it */
  worker workers[];
};

/* ---- Work ---------------------------------------------------------------------------------------
 */

/* The first chunk of a thread's stretch. */
static uint32_t stretch(uint32_t n_chunks, uint32_t index, uint32_t n_threads) {
  return (uint32_t)((uint64_t)n_chunks * index / n_threads);
}

static bool claim(worker *w, uint32_t generation, uint32_t end, uint32_t *chunk) {
  unsigned long long word = atomic_load_explicit(&w->claim, memory_order_acquire);
  while (word >> 32 == generation && (uint32_t)word < end) {
    if (!atomic_compare_exchange_weak_explicit(&w->claim, &word, word + 1, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    *chunk = (uint32_t)word;
    return true;
  }
  return false;
}

/* Own chunks, then those of the others. What is read about the run may be of a later one; the claim
 * words are of that one, too, then. */
static void work(edb_pool *p, uint32_t self, uint32_t generation) {
  uint32_t n_chunks = atomic_load_explicit(&p->n_chunks, memory_order_acquire), done = 0, chunk;
  edb_chunk_fn fn = atomic_load_explicit(&p->fn, memory_order_acquire);
  void *arg = atomic_load_explicit(&p->arg, memory_order_acquire);
  for (uint32_t k = 0; k < p->n_threads; k++) {
    uint32_t owner = self + k < p->n_threads ? self + k : self + k - p->n_threads;
    uint32_t end = stretch(n_chunks, owner + 1, p->n_threads);
    for (; claim(&p->workers[owner], generation, end, &chunk); done++) fn(arg, self, chunk);
  }
  if (done > 0 && atomic_fetch_sub(&p->remaining, done) == done && atomic_load(&p->caller_sleeps))
    edb_park_wake(&p->park, &p->remaining);
}

/* The generation after `seen`, looked and slept for. */
static uint32_t next_generation(edb_pool *p, uint32_t seen) {
  while (!edb_park_spin(&p->generation, seen, p->idle_spin_ns)) {
    /* The caller counts up, then looks for naps; this thread the other way round: one of the two
     * sees the other. */
    atomic_fetch_add(&p->naps, 1);
    edb_park_wait(&p->park, &p->generation, seen);
  }
  return atomic_load(&p->generation);
}

static void *run_worker(void *argument) {
  worker *w = argument;
  edb_pool *p = w->pool;
  for (uint32_t generation = 0;;) {
    generation = next_generation(p, generation);
    if (atomic_load(&p->stop)) return NULL;
    work(p, (uint32_t)(w - p->workers), generation);
  }
}

static void run_host_task(void *argument, uint32_t index) {
  edb_pool *p = argument;
  if (index < p->n_threads) work(p, index, atomic_load(&p->generation));
}

/* ---- Runs ---------------------------------------------------------------------------------------
 */

/* Lets the workers see the run. Those that were woken but do not run yet, because the processors
 * are busy, need no further calls of the system: a nap that was there before the run is ended by
 * the waking that follows, and counts no more. */
static void publish(edb_pool *p, uint32_t generation) {
  uint32_t naps = atomic_load(&p->naps);
  atomic_store(&p->generation, generation);
  if (atomic_load(&p->naps) == p->naps_ended) return;
  edb_park_wake(&p->park, &p->generation);
  p->naps_ended = naps;
}

static void wait_for_chunks(edb_pool *p) {
  uint32_t left = atomic_load(&p->remaining);
  while (left > 0 && edb_park_spin(&p->remaining, left, p->done_spin_ns))
    left = atomic_load(&p->remaining);
  if (left == 0) return;
  atomic_store(&p->caller_sleeps, true);
  while ((left = atomic_load(&p->remaining)) > 0) edb_park_wait(&p->park, &p->remaining, left);
  atomic_store(&p->caller_sleeps, false);
}

static void run_together(edb_pool *p, uint32_t n_chunks, edb_chunk_fn fn, void *arg) {
  uint32_t generation = atomic_load_explicit(&p->generation, memory_order_relaxed) + 1;
  for (uint32_t i = 0; i < p->n_threads; i++)
    atomic_store_explicit(&p->workers[i].claim,
                          (unsigned long long)generation << 32 | stretch(n_chunks, i, p->n_threads),
                          memory_order_release);
  /* From here on nothing of the run before can be claimed, and nothing of this one until its
   * generation is published: a worker that still reads about the one before may find a mixture. */
  atomic_store_explicit(&p->remaining, n_chunks, memory_order_relaxed);
  atomic_store_explicit(&p->n_chunks, n_chunks, memory_order_release);
  atomic_store_explicit(&p->fn, fn, memory_order_release);
  atomic_store_explicit(&p->arg, arg, memory_order_release);
  publish(p, generation);
  if (p->executor.run) p->executor.run(p->executor.user, p->n_threads, run_host_task, p);
  work(p, 0, generation);
  wait_for_chunks(p);
}

void edb_pool_run(edb_pool *p, uint32_t n_chunks, edb_chunk_fn fn, void *arg) {
  if (n_chunks > 1 && p->n_threads > 1 &&
      !atomic_exchange_explicit(&p->busy, true, memory_order_acquire)) {
    run_together(p, n_chunks, fn, arg);
    atomic_store_explicit(&p->busy, false, memory_order_release);
    return;
  }
  for (uint32_t i = 0; i < n_chunks; i++) fn(arg, 0, i);
}

uint32_t edb_pool_threads(const edb_pool *p) {
  return p->n_threads;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

#ifdef __linux__
/* The worker's processor: the index-th of those that the process may use. Where that fails the
 * worker goes where the system wants it. */
static void pin(pthread_t thread, uint32_t index) {
  cpu_set_t all, one;
  if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) == 0) return;
  index %= (uint32_t)CPU_COUNT(&all);
  for (int cpu = 0; cpu < (int)(8 * sizeof all); cpu++) {
    if (!CPU_ISSET(cpu, &all) || index-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread, sizeof one, &one);
    return;
  }
}
#else
static void pin(pthread_t thread, uint32_t index) {
  (void)thread, (void)index;
}
#endif

/* Signals of the process are not for threads that it does not know of. */
static void start_workers(edb_pool *p, bool pinned) {
  sigset_t all, before;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return;
  while (p->n_threads < p->room) {
    worker *w = &p->workers[p->n_threads];
    if (pthread_create(&w->thread, NULL, run_worker, w) != 0) break;
    if (pinned) pin(w->thread, p->n_threads);
    p->n_threads++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static size_t pool_bytes(uint32_t room) {
  return sizeof(edb_pool) + room * sizeof(worker);
}

edb_status edb_pool_create(edb_context *ctx, const edb_pool_params *params, edb_pool **out,
                           edb_error *error) {
  bool own = params->executor.run == NULL;
  uint32_t room = params->threads;
  if (!own && room > params->executor.threads) room = params->executor.threads;
  room = room < 1 ? 1 : room > EDB_POOL_MAX_THREADS ? EDB_POOL_MAX_THREADS : room;
  edb_pool *p = edb_alloc_zero(ctx, pool_bytes(room));
  if (!p) return edb_fail_memory(error, pool_bytes(room), "a pool of threads");
  p->ctx = ctx;
  p->executor = params->executor;
  p->room = room;
  p->process = getpid();
  p->n_threads = own ? 1 : room;
  for (uint32_t i = 0; i < room; i++) p->workers[i].pool = p;
  /* Threads that share a processor must not keep it from each other by looking out. */
  bool crowded = room > 1 && room > edb_cpu_count();
  p->idle_spin_ns = crowded ? 0 : IDLE_SPIN_NS;
  p->done_spin_ns = crowded ? 0 : DONE_SPIN_NS;
  if (!edb_park_init(&p->park)) {
    edb_free(ctx, p, pool_bytes(room));
    return edb_fail(error, EDB_ERROR_UNSUPPORTED, "the system has no condition variable to give");
  }
  if (own) start_workers(p, params->pin);
  *out = p;
  return EDB_OK;
}

void edb_pool_destroy(edb_pool *p) {
  if (!p) return;
  if (!p->executor.run && p->process == getpid()) {
    atomic_store(&p->stop, true);
    publish(p, atomic_load(&p->generation) + 1);
    for (uint32_t i = 1; i < p->n_threads; i++) pthread_join(p->workers[i].thread, NULL);
  }
  edb_park_free(&p->park);
  edb_free(p->ctx, p, pool_bytes(p->room));
}
