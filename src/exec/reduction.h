/* exec/reduction.h: running the execution graph of a mini-batch (layout/reduce.h) in place of the
 * graph itself, and the tables of what is known before it runs. */
#ifndef EDB_EXEC_REDUCTION_H
#define EDB_EXEC_REDUCTION_H

#include <edbatch/session.h>
#include <stdatomic.h>

#include "exec/store.h"
#include "exec/table.h"
#include "layout/placement.h"
#include "layout/reduce.h"
#include "layout/split.h"

/* One way to split the model's cells, and what runs them so. */
typedef struct edb_cut {
  edb_split *split; /* NULL: nothing is reduced */
  edb_tables tables;
  void *state;
  uint8_t *known; /* by input: whether it counts as known early; NULL: none does */
} edb_cut;

/* What a thread needs while an execution graph runs. */
typedef struct edb_reduced_run {
  edb_store store;            /* where its values are */
  EDB_VEC(edb_node) missing;  /* tabled nodes whose rows this run makes, */
  EDB_VEC(edb_node) homeless; /* and those for which there is no room in the tables */
} edb_reduced_run;

typedef struct edb_reduction {
  bool share, off;       /* off: for the time being, graphs run as they are */
  edb_cut by_attributes; /* its state is that of the session */
  /* Inputs from outside of a recurrence are known as well. Made after a run that would have been
   * better off with it; threads that place other mini-batches may look for it at any time. */
  _Atomic(edb_cut *) by_inputs;
  uint32_t tries;        /* runs after which it may still be made */
  atomic_uint pause;     /* mini-batches whose equal calls are not looked for before the next */
  uint32_t last_pause;   /* how many that were; 0: looking pays */
  edb_reduced_run *runs; /* [n_runs] of the threads; NULL: nothing is reduced */
  uint32_t n_runs;
  double made_ns; /* about what the rows take that the run makes for tables, or in place of these */
} edb_reduction;

struct edb_job;

/* What the session reduces, from its params. */
EDB_MUST_CHECK edb_status edb_reduction_open(edb_session *session, edb_error *error);
void edb_reduction_close(edb_session *session);

static inline edb_cut *edb_reduction_cut(edb_reduction *r, const edb_reduced *x) {
  return x->split == r->by_attributes.split ? &r->by_attributes : atomic_load(&r->by_inputs);
}

/* The placement of the execution graph; *out gets NULL when that is the graph itself. *sought:
 * whether equal calls were looked for. `in_strands`: one thread will run it, beside others. */
EDB_MUST_CHECK edb_status edb_reduction_place(const edb_session *session, bool in_strands,
                                              const edb_graph *graph, const edb_schedule *schedule,
                                              const edb_keep *keep, edb_placement **out,
                                              bool *sought, edb_error *error);

/* Running a job by its execution graph, in this order. First it finds its rows in the tables;
 * `forget`: the session had no values of an earlier run. Jobs side by side do so, and make rows,
 * one after the other. */
EDB_MUST_CHECK edb_status edb_reduction_look_up(struct edb_job *job, bool forget, edb_error *error);
/* Bytes that the job's slab needs beyond what was placed. */
size_t edb_reduction_homeless_bytes(const struct edb_job *job);
/* Makes the rows that were missing. */
EDB_MUST_CHECK edb_status edb_reduction_make_rows(struct edb_job *job, edb_error *error);
/* In place of that, or after it has failed. */
void edb_reduction_forget_rows(struct edb_job *job);
/* The rest of it; gives the graph's nodes their rows. */
EDB_MUST_CHECK edb_status edb_reduction_run(struct edb_job *job);

/* Before the graph that was run by this schedule counts as run: has what a next one like it could
 * use. Nothing depends on its success. */
void edb_reduction_prepare(edb_session *session, const edb_graph *graph,
                           const edb_schedule *schedule);
/* Adds to made_ns, once it is known what a job has to make. */
void edb_reduction_count_made(struct edb_job *job);
/* At the same time: whether looking for less work has paid in the jobs 0 .. n - 1 decides about the
 * next mini-batches. */
void edb_reduction_weigh(edb_session *session, uint32_t n);

#endif
