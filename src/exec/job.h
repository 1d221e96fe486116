/* exec/job.h: a placed mini-batch while it runs, on all threads; or a strand of one, on one thread
 * beside others. */
#ifndef EDB_EXEC_JOB_H
#define EDB_EXEC_JOB_H

#include <stdalign.h>

#include "exec/session.h"

typedef struct edb_job {
  alignas(EDB_ALIGN) edb_session *session;
  edb_graph graph; /* what the session runs, or a strand's view of it */
  const edb_schedule *schedule;
  const edb_placement *placement;
  edb_reduced_run *reduced; /* where an execution graph runs in place of the graph; or NULL */
  void *state;              /* of the backend: for all threads, or for the one that runs this */
  edb_store store;          /* the session's: jobs write to the rows of their own nodes */
  char *slab;
  edb_run_stats stats;
  edb_status status;
  edb_error error;
} edb_job;

/* The session's store has all rows of earlier runs that the graph takes; *forget: it had none. */
EDB_MUST_CHECK edb_status edb_jobs_sync(edb_session *session, const edb_graph *graph, bool *forget,
                                        edb_error *error);

/* Job number `index` of the session: where its graph, schedule and placement say. `strand`: on the
 * state of this thread; EDB_ALL_THREADS: of all. Jobs side by side open one after the other. */
#define EDB_ALL_THREADS UINT32_MAX
EDB_MUST_CHECK edb_status edb_job_open(edb_session *session, uint32_t index, uint32_t strand,
                                       bool forget, edb_error *error);
EDB_MUST_CHECK edb_status edb_job_run(edb_job *job);
/* Its sums to the session's stats; of times so many parts count. */
void edb_job_collect(const edb_job *job, uint32_t parts);

/* Of a job that runs: the batches of a schedule as they are placed in its slab; `store` knows all
 * rows. */
EDB_MUST_CHECK edb_status edb_job_run_batches(edb_job *job, const edb_graph *graph,
                                              edb_store *store, const edb_schedule *schedule,
                                              const edb_placement *placement);

#endif
