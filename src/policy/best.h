/* policy/best.h: passes of one or several rules, forwards and backwards, of which the shortest is
 * kept. */
#ifndef EDB_POLICY_BEST_H
#define EDB_POLICY_BEST_H

#include "policy/words.h"

/* Attempts on one dag, and the best batches so far. */
typedef struct edb_attempts {
  edb_context *ctx;
  const edb_schema *schema;     /* what FSMs are bound to; NULL: raw types */
  edb_problem forward, reverse; /* reverse.memory == NULL until it is needed */
  edb_state state;
  edb_batches best, trial;
  edb_words words;      /* memory == NULL unless the policy puts schedules together */
  edb_words light;      /* the same by weight; only if the policy has costs */
  double *weight;       /* [types] of a batch: nanoseconds; NULL: batches are counted */
  edb_policy_kind kind; /* whose the best is */
  uint32_t misses;      /* of its pass */
  uint64_t deadline;    /* of exact searches (edb_clock_ns); 0: none */
  uint32_t
      proven; /* bound on any schedule: the problem's, or more where a search has proven more */
} edb_attempts;

EDB_MUST_CHECK edb_status edb_attempts_init(edb_context *ctx, const edb_dag *dag,
                                            const edb_schema *schema, edb_attempts *out,
                                            edb_error *error);
void edb_attempts_free(edb_attempts *attempts);

/* Runs a rule in one direction; keeps its batches if they are fewer than the best so far. */
EDB_MUST_CHECK edb_status edb_attempt(edb_attempts *attempts, edb_policy_kind kind, bool reverse,
                                      const struct edb_fsm *fsm, edb_error *error);
static inline bool edb_attempts_meet_bound(const edb_attempts *a) {
  return a->best.count <= a->forward.bound;
}

/* All that a policy tries. */
EDB_MUST_CHECK edb_status edb_attempt_policy(edb_attempts *attempts, const edb_policy *policy,
                                             edb_error *error);

#endif
