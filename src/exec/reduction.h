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

typedef struct edb_reduction {
  bool share, off;       /* off: for the time being, graphs run as they are */
  edb_cut by_attributes; /* its state is that of the session */
  /* Inputs from outside of a recurrence are known as well. Made after a run that would have been
   * better off with it; threads that place other mini-batches may look for it at any time. */
  _Atomic(edb_cut *) by_inputs;
  uint32_t tries;            /* runs after which it may still be made */
  atomic_uint pause;         /* mini-batches whose equal calls are not looked for before the next */
  uint32_t last_pause;       /* how many that were; 0: looking pays */
  edb_store store;           /* where the values of the execution graph are */
  EDB_VEC(edb_node) missing; /* tabled nodes whose rows this run makes, */
  EDB_VEC(edb_node) homeless; /* and those for which there is no room in the tables */
  double made_ns;             /* about what all of these take */
} edb_reduction;

/* What the session reduces, from its params. */
EDB_MUST_CHECK edb_status edb_reduction_open(edb_session *session, edb_error *error);
void edb_reduction_close(edb_session *session);

static inline edb_cut *edb_reduction_cut(edb_reduction *r, const edb_reduced *x) {
  return x->split == r->by_attributes.split ? &r->by_attributes : atomic_load(&r->by_inputs);
}

/* The placement of the execution graph; *out gets NULL when that is the graph itself. *sought:
 * whether equal calls were looked for. */
EDB_MUST_CHECK edb_status edb_reduction_place(const edb_session *session, const edb_graph *graph,
                                              const edb_schedule *schedule, const edb_keep *keep,
                                              edb_placement **out, bool *sought, edb_error *error);

/* Runs what was placed so and gives the graph's nodes their rows. The session's store follows the
 * graph. `forget`: it had no values of an earlier run. */
EDB_MUST_CHECK edb_status edb_reduction_run(edb_session *session, const edb_graph *graph,
                                            const edb_placement *placement, bool forget,
                                            edb_error *error);

/* Before the graph that was run by this schedule counts as run: has what a next one like it could
 * use. Nothing depends on its success. */
void edb_reduction_prepare(edb_session *session, const edb_graph *graph,
                           const edb_schedule *schedule);
/* Sets made_ns, once it is known what has to be made. */
void edb_reduction_count_made(edb_session *session, void *state, const edb_graph *graph);
/* At the same time: whether looking for less work has paid decides about the next mini-batches. */
void edb_reduction_weigh(edb_session *session, const edb_graph *graph, const edb_schedule *schedule,
                         const edb_placement *placement);

#endif
