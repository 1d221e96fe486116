/* policy/state.h: a scheduling problem (what never changes while a dag is scheduled) and the state of a
 * scheduler on it (ready nodes per type, and the quantities that policies look at).
 *
 * A problem is made once per dag in O(n + E) and shared by all policies, directions and episodes that
 * look at it; a state is reset for every pass. Nodes are local numbers 0 .. n - 1, types are renumbered
 * in order of first appearance (ties go to the lower renumbered type). */
#ifndef EDB_POLICY_STATE_H
#define EDB_POLICY_STATE_H

#include "policy/policy.h"

typedef struct edb_problem {
  edb_context *ctx;
  uint32_t n_nodes, n_types;      /* types that appear */
  const uint32_t *type;           /* [n_nodes], renumbered */
  const uint32_t *original_type;  /* [n_types] -> the dag's type */
  const uint32_t *type_count;     /* [n_types] */
  const uint8_t *unbatchable;     /* [n_types] */
  const uint32_t *in_start, *in;  /* local; done inputs left out */
  const uint32_t *out_start, *out;/* successors (one entry per edge) */
  const uint32_t *own;            /* [n_nodes] nodes of v's type on the longest path starting at v */
  uint32_t bound;                 /* lower bound: sum over types of max own, + 1 per unbatchable node */
  void *memory;
  size_t memory_bytes;
} edb_problem;

EDB_MUST_CHECK edb_status edb_problem_init(edb_context *ctx, const edb_dag *dag, edb_problem *out,
                                           edb_error *error);
/* The same problem with all edges turned round (for the reverse direction). */
EDB_MUST_CHECK edb_status edb_problem_init_reverse(edb_context *ctx, const edb_problem *problem,
                                                   edb_problem *out, edb_error *error);
void edb_problem_free(edb_problem *problem);

typedef struct edb_state {
  const edb_problem *problem;
  uint32_t *pending;      /* [n_nodes] inputs not done */
  uint32_t n_done;
  uint32_t *ready;        /* [n_nodes] ready nodes, one segment per type at type_start[t] */
  uint32_t *ready_count;  /* [n_types] */
  uint32_t *type_start;   /* [n_types] */
  uint64_t *ready_types;  /* bit set over types with ready_count > 0 */
  uint32_t *max_own;      /* [n_types] m_t: max own over unfinished nodes */
  uint32_t *at_max;       /* [n_types] unfinished nodes with own == m_t */
  uint32_t *ready_at_max; /* [n_types] of these, ready: t is tight iff equal to at_max */
  uint64_t *ready_own;    /* [n_types] sum of own over the ready nodes */
  uint32_t remaining_bound; /* sum of m_t over batchable types (+ unfinished unbatchable nodes) */
  /* ... own histograms, private to state.c ... */
  void *memory;
  size_t memory_bytes;
} edb_state;

EDB_MUST_CHECK edb_status edb_state_init(edb_context *ctx, const edb_problem *problem,
                                         edb_state *out, edb_error *error);
void edb_state_reset(edb_state *state);
void edb_state_free(edb_context *ctx, edb_state *state);

static inline bool edb_state_is_tight(const edb_state *s, uint32_t type) {
  return s->ready_count[type] > 0 && s->ready_at_max[type] == s->at_max[type];
}

/* Runs all ready nodes of a type as one batch: they are done, their successors may become ready. The
 * batch's nodes are copied to `nodes` when it is not NULL; returns their number. */
uint32_t edb_state_run(edb_state *state, uint32_t type, uint32_t *nodes);

#endif
