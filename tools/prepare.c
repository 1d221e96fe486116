/* tools/prepare.c: see prepare.h. */
#include "prepare.h"

#include <string.h>

#include "measure.h"

/* ---- One mini-batch -----------------------------------------------------------------------------
 */

static void forget(prepared *m) {
  edb_placement_destroy(m->placement);
  edb_schedule_destroy(m->schedule);
  m->placement = NULL;
  m->schedule = NULL;
  m->ready = false;
}

static uint64_t lap(double *then) {
  double now = seconds_now();
  uint64_t ns = (uint64_t)((now - *then) * 1e9);
  *then = now;
  return ns;
}

static void build(const preparer *p, prepared *m) {
  forget(m);
  edb_graph_clear(m->graph);
  m->status = EDB_OK;
  for (uint32_t i = 0; i < m->count && m->status == EDB_OK; i++)
    m->status = edb_dataset_append(p->w->data, m->first + i, m->graph, &m->error);
}

static void prepare(preparer *p, prepared *m) {
  const edb_graph *lowered = NULL;
  double then = seconds_now();
  build(p, m);
  if (m->status == EDB_OK) m->status = edb_session_lower(p->session, m->graph, &lowered, &m->error);
  m->graph_ns = lap(&then);
  if (m->status == EDB_OK)
    m->status = edb_schedule_create(p->w->ctx, p->policy, lowered, &m->schedule, &m->error);
  m->schedule_ns = lap(&then);
  if (m->status == EDB_OK)
    m->status =
        edb_placement_create(p->session, lowered, m->schedule, p->keep, &m->placement, &m->error);
  m->placement_ns = lap(&then);
  m->ready = true;
}

/* Waking the thread, and the cache lines that go there and back, take about as long. */
#define LEAST_AHEAD_NS 8000

/* Whether preparing one like it takes long enough for another thread to do it. */
static bool is_worth_a_thread(const prepared *m) {
  return m->graph_ns + m->schedule_ns + m->placement_ns >= LEAST_AHEAD_NS;
}

/* ---- The thread ---------------------------------------------------------------------------------
 */

static void *prepare_others(void *argument) {
  preparer *p = argument;
  pthread_mutex_lock(&p->mutex);
  for (;;) {
    while (!p->wanted && !p->stop) pthread_cond_wait(&p->changed, &p->mutex);
    if (p->stop) break;
    prepared *m = &p->slots[1 - p->current];
    pthread_mutex_unlock(&p->mutex);
    prepare(p, m);
    pthread_mutex_lock(&p->mutex);
    p->wanted = false;
    pthread_cond_signal(&p->changed);
  }
  pthread_mutex_unlock(&p->mutex);
  return NULL;
}

/* Until nothing is being prepared. */
static void wait_for_other(preparer *p) {
  if (!p->started) return;
  pthread_mutex_lock(&p->mutex);
  while (p->wanted) pthread_cond_wait(&p->changed, &p->mutex);
  pthread_mutex_unlock(&p->mutex);
}

static void ask_for_other(preparer *p, uint32_t first, uint32_t count) {
  prepared *other = &p->slots[1 - p->current];
  forget(other);
  other->first = first;
  other->count = count;
  pthread_mutex_lock(&p->mutex);
  p->wanted = true;
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->mutex);
}

static prepared *take(preparer *p, uint32_t first, uint32_t count, uint32_t next,
                      uint32_t next_count) {
  double then = seconds_now();
  if (p->started) p->current = 1 - p->current;
  prepared *m = &p->slots[p->current];
  if (!m->ready || m->first != first || m->count != count) {
    m->first = first;
    m->count = count;
    prepare(p, m);
  }
  m->ready = false;
  m->waited_ns = lap(&then);
  if (p->started && next_count > 0 && is_worth_a_thread(m)) ask_for_other(p, next, next_count);
  return m;
}

/* ---- Both ways ----------------------------------------------------------------------------------
 */

static edb_status run_ahead(preparer *p, uint32_t first, uint32_t count, uint32_t next,
                            uint32_t next_count, prepared **out, edb_error *error) {
  prepared *m = *out = take(p, first, count, next, next_count);
  if (m->status == EDB_OK)
    return edb_session_run_placed(p->session, m->graph, m->schedule, m->placement, error);
  *error = m->error;
  return m->status;
}

static edb_status run_at_once(preparer *p, uint32_t first, uint32_t count, prepared **out,
                              edb_error *error) {
  double then = seconds_now();
  prepared *m = *out = &p->slots[p->current];
  m->first = first;
  m->count = count;
  build(p, m);
  m->graph_ns = lap(&then);
  if (m->status != EDB_OK) {
    *error = m->error;
    return m->status;
  }
  edb_status status = edb_session_run(p->session, m->graph, p->policy, p->keep, error);
  edb_run_stats stats = edb_session_stats(p->session);
  m->schedule_ns = stats.schedule_ns;
  m->placement_ns = stats.placement_ns;
  m->waited_ns = m->graph_ns + m->schedule_ns + m->placement_ns;
  return status;
}

/* The ways take so many turns before one is chosen. A turn has at least so many mini-batches, the
 * first of which does not count, and lasts at least so long. */
#define TRIALS     4
#define TRIAL_RUNS 4
#define TRIAL_NS   5e6

static int choose_way(const preparer *p) {
  if (p->threads_by != EDB_THREADS_AUTO || !p->started)
    return p->threads_by == EDB_THREADS_INSTANCES ? WAY_AT_ONCE : WAY_AHEAD;
  if (p->trial < TRIALS) return p->trial % WAYS;
  return p->ns[WAY_AT_ONCE] * p->nodes[WAY_AHEAD] < p->ns[WAY_AHEAD] * p->nodes[WAY_AT_ONCE]
             ? WAY_AT_ONCE
             : WAY_AHEAD;
}

static void note(preparer *p, int way, const prepared *m, double ns) {
  if (p->trial == TRIALS || p->trial_runs++ == 0) return;
  p->ns[way] += ns;
  p->nodes[way] += edb_graph_node_count(m->graph);
  p->trial_ns += ns;
  if (p->trial_ns < TRIAL_NS || p->trial_runs < TRIAL_RUNS) return;
  p->trial++;
  p->trial_runs = 0;
  p->trial_ns = 0;
}

edb_status prepare_run(preparer *p, uint32_t first, uint32_t count, uint32_t next,
                       uint32_t next_count, prepared **out, edb_error *error) {
  double begin = seconds_now();
  int way = choose_way(p);
  wait_for_other(p);
  edb_status status = way == WAY_AHEAD ? run_ahead(p, first, count, next, next_count, out, error)
                                       : run_at_once(p, first, count, out, error);
  if (status == EDB_OK) note(p, way, *out, (seconds_now() - begin) * 1e9);
  return status;
}

void prepare_by(preparer *p, const edb_policy *policy, const edb_keep *keep) {
  wait_for_other(p);
  if (p->policy != policy || p->keep != keep)
    for (int i = 0; i < 2; i++) forget(&p->slots[i]);
  p->policy = policy;
  p->keep = keep;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

edb_status prepare_open(preparer *p, workplace *w, const edb_session_params *params,
                        edb_session **session, edb_error *error) {
  bool ahead = params->threads > 1 && params->granularity == EDB_GRANULARITY_CELL &&
               params->threads_by != EDB_THREADS_INSTANCES;
  edb_session_params with = *params;
  *p = (preparer){.w = w, .threads_by = params->threads_by};
  /* What is prepared ahead is run by batches whatever the params say. */
  if (with.threads_by == EDB_THREADS_AUTO) with.threads_by = EDB_THREADS_INSTANCES;
  edb_status made = edb_session_create(w->ctx, w->model, w->weights, &with, session, error);
  if (made != EDB_OK) return made;
  p->session = *session;
  p->open = pthread_mutex_init(&p->mutex, NULL) == 0 && pthread_cond_init(&p->changed, NULL) == 0;
  for (int i = 0; i < 2; i++) {
    edb_status status = edb_graph_create(w->ctx, w->model, &p->slots[i].graph, error);
    if (status != EDB_OK) return status;
  }
  /* Without a thread each is prepared when it is taken. */
  p->started = ahead && p->open && pthread_create(&p->thread, NULL, prepare_others, p) == 0;
  return EDB_OK;
}

void prepare_close(preparer *p) {
  if (p->started) {
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
  }
  for (int i = 0; i < 2; i++) {
    forget(&p->slots[i]);
    edb_graph_destroy(p->slots[i].graph);
  }
  if (p->open) {
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
  }
  *p = (preparer){0};
}
