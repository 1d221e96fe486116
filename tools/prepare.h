/* tools/prepare.h: mini-batches ready to run: graph, schedule, placement. With more than one thread
 * the next one is prepared on a thread of its own while one runs, unless that is too little work.
 */
#ifndef EDB_TOOLS_PREPARE_H
#define EDB_TOOLS_PREPARE_H

#include <pthread.h>

#include "workplace.h"

/* Of one mini-batch: instances first .. first + count - 1 of the data. */
typedef struct prepared {
  uint32_t first, count;
  edb_graph *graph;
  edb_schedule *schedule;
  edb_placement *placement;
  uint64_t graph_ns, schedule_ns, placement_ns; /* what preparing it took */
  uint64_t waited_ns; /* of that, for how long nothing could run: all of it when not ahead */
  bool ready;         /* prepared, with whatever status, and not taken yet */
  edb_status status;
  edb_error error;
} prepared;

typedef struct preparer {
  workplace *w;
  edb_session *session;
  const edb_policy *policy;
  const edb_keep *keep; /* NULL: all values */
  prepared slots[2];
  uint32_t current; /* the slot that was taken last */
  /* The thread that prepares the other slot: */
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool open, started, wanted, stop; /* wanted: the other slot is not ready yet */
} preparer;

/* `ahead`: the next mini-batch while one runs; at cell granularity only, since the session owns the
 * graph of operators. Close in any case, before the session. */
edb_status prepare_open(preparer *p, workplace *w, edb_session *session, bool ahead,
                        edb_error *error);
void prepare_close(preparer *p);

/* By which policy, and which values will be read; both must stay. */
void prepare_by(preparer *p, const edb_policy *policy, const edb_keep *keep);

/* The mini-batch of `count` instances from `first` on, to be run by edb_session_run_placed and read
 * until the next call; meanwhile those from `next` on (if next_count > 0) are prepared. */
prepared *prepare_take(preparer *p, uint32_t first, uint32_t count, uint32_t next,
                       uint32_t next_count);

#endif
