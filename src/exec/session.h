/* exec/session.h: the inside of a session, and the small interface behind which backends stand. */
#ifndef EDB_EXEC_SESSION_H
#define EDB_EXEC_SESSION_H

#include <edbatch/session.h>

#include "base/pool.h"
#include "exec/reduction.h"
#include "exec/store.h"
#include "exec/strands.h"
#include "layout/placement.h"
#include "model/lower.h"
#include "model/weights.h"

/* A backend runs batches. It is created for a program, weights and threads, which outlive it;
 * `store` tells it where inputs are and outputs go (rows of edb_backend.element_bytes numbers). */
typedef struct edb_backend {
  const char *name;
  size_t element_bytes;
  edb_status (*create)(edb_context *ctx, const edb_program *program, const edb_weights *weights,
                       const edb_session_params *params, edb_pool *pool, void **state,
                       edb_error *error);
  void (*destroy)(void *state);
  /* Scratch that the schedule needs beyond its slab. */
  size_t (*scratch_bytes)(const void *state, const edb_graph *graph, const edb_schedule *schedule);
  /* Once before the batches of a run: follows the weights' version, has `scratch` ready. */
  edb_status (*begin)(void *state, size_t scratch_bytes, bool timing, edb_error *error);
  /* Gives back what the next run can make anew; NULL: there is nothing. */
  void (*rest)(void *state);
  /* What placement has to know of the plans of the program's cells, or NULL: the backend finds all
   * rows by their addresses. */
  const edb_plan_inputs *(*inputs)(const void *state);
  /* Outputs that are parameters of the program, or NULL: they are computed like others. */
  const edb_borrow *(*borrows)(const void *state);
  /* About what a batch of a type takes on one thread, and each of its nodes; NULL: nobody knows,
   * and nothing is ever reduced. */
  edb_cost (*cost)(const void *state, uint32_t type);
  edb_status (*run_batch)(void *state, const edb_graph *graph, const edb_store *store,
                          uint32_t type, const edb_node *nodes, uint32_t count,
                          edb_run_stats *stats, edb_error *error);
  /* What one of the session's threads runs batches on, beside the others that do: it belongs to
   * `state`, which has begun and been prepared for their types, and begins itself. NULL: there are
   * no strands. */
  void *(*strand)(void *state, uint32_t thread);
  void (*prepare)(void *state, const uint32_t *types, uint32_t n);
} edb_backend;

extern const edb_backend edb_backend_cpu;
extern const edb_backend edb_backend_reference;

struct edb_session {
  edb_context *ctx;
  uint64_t id; /* to tell its placements */
  const edb_model *model;
  const edb_weights *weights;
  edb_session_params params;
  edb_policy *policy; /* of runs that name none; NULL until it is needed */
  edb_granularity granularity;
  size_t memory_cap_bytes;
  edb_row_rule rule;
  const edb_program *program; /* the model's, or the lowering's */
  const edb_backend *backend;
  edb_pool *pool;
  void *state; /* for the program, or for its cells in parts */
  void *whole; /* for the program when `state` is not; NULL until it is needed */
  edb_reduction reduction;
  edb_strand_choice strands;
  struct edb_job *jobs; /* [threads of the pool] */
  edb_store store;
  edb_run_stats stats;
  bool timing;
  uint64_t *batch_ns; /* [batches of the run] gets the time of each; NULL: nobody asks. Only batch
                         by batch */
  /* Operator granularity only: */
  edb_lowering *lowering;
  edb_graph *lowered; /* operators of the graph that was lowered last */
  edb_lower_map map;
  const edb_graph *lowered_from; /* NULL: none; told from others by its generation too */
  uint64_t lowered_generation;
};

/* Operator granularity: whether `lowered` is of the graph as it is now. */
static inline bool edb_session_has_lowered(const edb_session *session, const edb_graph *graph) {
  return session->lowered_from == graph && session->lowered_generation == graph->generation;
}

/* What runs graphs as they are. Cells that were split are whole when nothing may be reduced. */
void *edb_session_plain_state(const edb_session *session);
/* Places a graph; `in_strands`: it is a strand's view, which one thread will run beside others. */
EDB_MUST_CHECK edb_status edb_session_place(const edb_session *session, bool in_strands,
                                            const edb_graph *graph, const edb_schedule *schedule,
                                            const edb_keep *keep, edb_placement **out,
                                            edb_error *error);
/* What a session at operator granularity has of the mini-batch before it is placed. */
size_t edb_session_lowered_bytes(const edb_session *session);
/* Runs the pending nodes of a graph at the session's granularity, as they are placed. */
EDB_MUST_CHECK edb_status edb_session_run_whole(edb_session *session, const edb_graph *graph,
                                                const edb_schedule *schedule,
                                                const edb_placement *placement, edb_error *error);
/* How a program's batches are placed; `state` runs them. */
edb_placement_request edb_session_request(const edb_session *session, const edb_program *program,
                                          const void *state, const edb_keep *keep);
/* At operator granularity, where names of outputs are those of cells: a byte per type of operator,
 * set where it gives a value that is kept of a pending cell node. *bytes: of that memory, which
 * the caller frees. */
EDB_MUST_CHECK edb_status edb_session_kept_operators(const edb_session *session,
                                                     const edb_keep *keep, uint8_t **kept,
                                                     size_t *bytes, edb_error *error);
/* Of the schedule's batches in the order in which their nodes are placed: where chunks of variadic
 * cells end depends on it. */
size_t edb_session_scratch_bytes(const edb_session *session, const void *state,
                                 const edb_graph *graph, const edb_schedule *schedule,
                                 const edb_placement *placement);
/* Addresses of all values of a graph's placement, in a slab or, borrowed, elsewhere. */
void edb_session_bind_rows(const edb_session *session, edb_store *store, const edb_graph *graph,
                           const edb_schedule *schedule, const edb_placement *placement,
                           char *slab);
/* Drops the rows of pending nodes. */
void edb_session_release_pending(edb_session *session, const edb_graph *graph);
/* Of the types that the session schedules; all of them 0. */
EDB_MUST_CHECK edb_status edb_session_new_costs(const edb_session *session, edb_costs **out,
                                                edb_error *error);
/* What runs the program's cells whole, which steps do. */
EDB_MUST_CHECK edb_status edb_session_open_whole(edb_session *session, void **state,
                                                 edb_error *error);

#endif
