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

static void prepare(preparer *p, prepared *m) {
  const edb_graph *lowered;
  double then = seconds_now();
  forget(m);
  edb_graph_clear(m->graph);
  m->status = EDB_OK;
  for (uint32_t i = 0; i < m->count && m->status == EDB_OK; i++)
    m->status = edb_dataset_append(p->w->data, m->first + i, m->graph, &m->error);
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

prepared *prepare_take(preparer *p, uint32_t first, uint32_t count, uint32_t next,
                       uint32_t next_count) {
  double then = seconds_now();
  wait_for_other(p);
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

void prepare_by(preparer *p, const edb_policy *policy, const edb_keep *keep) {
  wait_for_other(p);
  if (p->policy != policy || p->keep != keep)
    for (int i = 0; i < 2; i++) forget(&p->slots[i]);
  p->policy = policy;
  p->keep = keep;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

edb_status prepare_open(preparer *p, workplace *w, edb_session *session, bool ahead,
                        edb_error *error) {
  *p = (preparer){.w = w, .session = session};
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
