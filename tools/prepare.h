/* tools/prepare.h: mini-batches one after the other: graph, schedule, placement, run. With more
 * than one thread either the next one is prepared on a thread of its own while one runs, unless
 * that is too little work; or the session's threads do all but the graph of their own instances.
 * Which is faster turns out in the first ones. */
#ifndef EDB_TOOLS_PREPARE_H
#define EDB_TOOLS_PREPARE_H

#include <pthread.h>

#include "workplace.h"

/* Of one mini-batch: instances first .. first + count - 1 of the data. */
typedef struct prepared {
  uint32_t first, count;
  edb_graph *graph;
  edb_schedule *schedule; /* NULL, as the placement: made while it ran */
  edb_placement *placement;
  uint64_t graph_ns, schedule_ns, placement_ns; /* what preparing it took */
  uint64_t waited_ns; /* of that, for how long nothing could run: all of it when not ahead */
  bool ready;         /* prepared, with whatever status, and not taken yet */
  edb_status status;
  edb_error error;
} prepared;

/* The two ways. */
enum { WAY_AHEAD, WAY_AT_ONCE, WAYS };

typedef struct preparer {
  workplace *w;
  edb_session *session;
  const edb_policy *policy;
  const edb_keep *keep; /* NULL: all values */
  prepared slots[2];
  uint32_t current; /* the slot that was taken last */
  edb_threads_by threads_by;
  uint32_t trial, trial_runs;   /* trials that are over; mini-batches of the one that is not */
  double ns[WAYS], nodes[WAYS]; /* of all trials of each way */
  double trial_ns;
  /* The thread that prepares the other slot: */
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool open, started, wanted, stop; /* wanted: the other slot is not ready yet */
} preparer;

/* Makes the session of these params, too, which the caller destroys after closing, which it does in
 * any case. Ahead only at cell granularity, since the session owns the graph of operators. */
edb_status prepare_open(preparer *p, workplace *w, const edb_session_params *params,
                        edb_session **session, edb_error *error);
void prepare_close(preparer *p);

/* By which policy, and which values will be read; both must stay. */
void prepare_by(preparer *p, const edb_policy *policy, const edb_keep *keep);

/* Runs the mini-batch of `count` instances from `first` on, which can be read until the next call;
 * those from `next` on (if next_count > 0) may be prepared meanwhile. */
edb_status prepare_run(preparer *p, uint32_t first, uint32_t count, uint32_t next,
                       uint32_t next_count, prepared **out, edb_error *error);

#endif
