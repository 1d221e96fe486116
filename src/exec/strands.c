/* exec/strands.c: see strands.h. */
#include "exec/strands.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "exec/job.h"
#include "layout/strands.h"

/* Both ways are tried in turns until each had so many runs, and this time or more runs. The first
 * run of each finds cold caches and does not count. */
#define LEAST_TRIALS 3
#define MOST_TRIALS  17
#define TRIAL_NS     3e6

/* After how many runs more the slower one is tried again, and how much old runs count with a new
 * one. */
#define RETRY     64
#define OLD_SHARE 0.75

/* ---- Which way ----------------------------------------------------------------------------------
 */

static edb_strand_record *record_of(edb_session *s, uint32_t n_nodes) {
  uint32_t i = 0;
  while (n_nodes > 1 && i + 1 < EDB_STRAND_SIZES) {
    n_nodes /= 2;
    i++;
  }
  return &s->strands.records[i];
}

static bool is_tried(const edb_strand_record *r, int way) {
  return r->runs[way] >= LEAST_TRIALS && (r->ns[way] >= TRIAL_NS || r->runs[way] >= MOST_TRIALS);
}

bool edb_strands_wanted(edb_session *s, uint32_t n_nodes) {
  edb_strand_record *r = record_of(s, n_nodes);
  if (edb_pool_threads(s->pool) < 2 || !s->backend->strand || s->reduction.off) return false;
  if (s->params.threads_by != EDB_THREADS_AUTO)
    return s->params.threads_by == EDB_THREADS_INSTANCES;
  if (!is_tried(r, 0) || !is_tried(r, 1)) return r->runs[1] < r->runs[0];
  bool faster = r->ns[1] * r->operations[0] < r->ns[0] * r->operations[1];
  if (++r->since < RETRY) return faster;
  r->since = 0;
  return !faster;
}

void edb_strands_note(edb_session *s, uint32_t n_nodes, bool in_strands, uint64_t ns) {
  edb_strand_record *r = record_of(s, n_nodes);
  double old = is_tried(r, in_strands) ? OLD_SHARE : 1;
  if (r->runs[in_strands]++ == 0) return;
  r->ns[in_strands] = r->ns[in_strands] * old + (double)ns;
  r->operations[in_strands] =
      r->operations[in_strands] * old + (s->stats.flops > 0 ? s->stats.flops : n_nodes);
}

/* ---- Strands ------------------------------------------------------------------------------------
 */

/* What a strand was planned as; owned. */
typedef struct strand_plan {
  edb_schedule *schedule;
  edb_placement *placement;
  uint64_t schedule_ns, placement_ns;
} strand_plan;

typedef struct strands {
  edb_session *session;
  const edb_policy *policy;
  const edb_keep *keep;
  strand_plan *plans;
  pthread_mutex_t opening; /* strands open one after the other */
  uint32_t n;
  size_t most_bytes; /* of a strand; 0: any */
  bool forget;
  atomic_bool too_large; /* some strand is */
} strands;

static edb_status plan_strand(strands *t, uint32_t i) {
  const edb_session *s = t->session;
  strand_plan *plan = &t->plans[i];
  edb_job *job = &t->session->jobs[i];
  uint64_t begin = edb_clock_ns();
  EDB_TRY(edb_schedule_create(s->ctx, t->policy, &job->graph, &plan->schedule, &job->error));
  uint64_t middle = edb_clock_ns();
  EDB_TRY(edb_session_place(s, true, &job->graph, plan->schedule, t->keep, &plan->placement,
                            &job->error));
  plan->schedule_ns = middle - begin;
  plan->placement_ns = edb_clock_ns() - middle;
  job->schedule = plan->schedule;
  job->placement = plan->placement;
  if (t->most_bytes > 0 && plan->placement->peak_bytes > t->most_bytes)
    atomic_store(&t->too_large, true);
  return EDB_OK;
}

static edb_status run_strand(strands *t, uint32_t worker, uint32_t i) {
  edb_job *job = &t->session->jobs[i];
  EDB_TRY(plan_strand(t, i));
  if (atomic_load(&t->too_large)) return EDB_OK;
  pthread_mutex_lock(&t->opening);
  edb_status status = edb_job_open(t->session, i, worker, t->forget, &job->error);
  pthread_mutex_unlock(&t->opening);
  return status == EDB_OK ? edb_job_run(job) : status;
}

static void run_one(void *argument, uint32_t worker, uint32_t i) {
  strands *t = argument;
  t->session->jobs[i].status = run_strand(t, worker, i);
}

/* Of those that failed the first one counts. */
static edb_status first_status(const strands *t, edb_error *error) {
  for (uint32_t i = 0; i < t->n; i++) {
    const edb_job *job = &t->session->jobs[i];
    if (job->status == EDB_OK) continue;
    if (error) *error = job->error;
    return job->status;
  }
  return EDB_OK;
}

static void collect(strands *t, uint32_t n_nodes) {
  edb_session *s = t->session;
  edb_run_stats *to = &s->stats;
  *to = (edb_run_stats){.nodes = n_nodes, .peak_bytes = edb_session_lowered_bytes(s)};
  for (uint32_t i = 0; i < t->n; i++) {
    const strand_plan *plan = &t->plans[i];
    const edb_schedule_info *info = &plan->schedule->info;
    to->batches += info->n_batches;
    to->bound += info->bound;
    to->misses += info->misses;
    to->schedule_ns += plan->schedule_ns / t->n;
    to->placement_ns += plan->placement_ns / t->n;
    to->slab_bytes += plan->placement->slab_floats * s->backend->element_bytes;
    to->live_bytes += plan->placement->live_bytes;
    to->peak_bytes += plan->placement->peak_bytes;
    edb_job_collect(&s->jobs[i], t->n);
  }
}

static edb_status run_strands(strands *t, const edb_graph *graph, bool *done, edb_error *error) {
  edb_session *s = t->session;
  uint64_t begin = edb_clock_ns();
  EDB_TRY(edb_jobs_sync(s, graph, &t->forget, error));
  if (s->store.stepped) edb_session_release_pending(s, graph); /* they were not gone on with */
  edb_pool_run(s->pool, t->n, run_one, t);
  edb_status status = first_status(t, error);
  *done = status != EDB_OK || !atomic_load(&t->too_large);
  if (status != EDB_OK || !*done) {
    edb_session_release_pending(s, graph);
    return status;
  }
  collect(t, edb_graph_pending_count(graph));
  s->stats.run_ns = edb_clock_ns() - begin - s->stats.schedule_ns - s->stats.placement_ns;
  edb_reduction_prepare(s, &s->jobs[0].graph, s->jobs[0].schedule);
  edb_reduction_weigh(s, t->n);
  return EDB_OK;
}

/* The strands as jobs; 0: they cannot be cut so. */
static uint32_t cut(edb_session *s, const edb_graph *graph, edb_strand *room) {
  uint32_t n = edb_strands_cut(graph, edb_pool_threads(s->pool), room);
  for (uint32_t i = 0; i < n; i++) {
    if (!edb_strand_is_apart(graph, &room[i])) return 0;
    s->jobs[i].graph = edb_strand_view(graph, &room[i]);
  }
  return n < 2 ? 0 : n;
}

edb_status edb_strands_run(edb_session *s, const edb_graph *graph, const edb_policy *policy,
                           const edb_keep *keep, bool *done, edb_error *error) {
  uint32_t threads = edb_pool_threads(s->pool);
  size_t bytes = threads * (sizeof(strand_plan) + sizeof(edb_strand));
  *done = false;
  strand_plan *plans = edb_alloc_zero(s->ctx, bytes);
  if (!plans) return edb_fail_memory(error, bytes, "the strands of a mini-batch");
  strands t = {.session = s, .policy = policy, .keep = keep, .plans = plans};
  t.n = cut(s, graph, (edb_strand *)(void *)(plans + threads));
  if (t.n > 0) t.most_bytes = s->memory_cap_bytes / t.n;
  edb_status status = EDB_OK;
  if (t.n > 0 && pthread_mutex_init(&t.opening, NULL) == 0) {
    status = run_strands(&t, graph, done, error);
    pthread_mutex_destroy(&t.opening);
  }
  for (uint32_t i = 0; i < t.n; i++) {
    edb_placement_destroy(plans[i].placement);
    edb_schedule_destroy(plans[i].schedule);
  }
  edb_free(s->ctx, plans, bytes);
  return status;
}
