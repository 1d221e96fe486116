/* policy/attempts.h: what several passes over one dag share: the problem both ways, the shortest
 * schedule so far, and the words that it is put together from. */
#ifndef EDB_POLICY_ATTEMPTS_H
#define EDB_POLICY_ATTEMPTS_H

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
  bool tight[2];        /* whether the tight rule has been tried: forwards, in reverse */
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

/* The same forwards, and in reverse unless the bound is met. */
EDB_MUST_CHECK edb_status edb_attempt_both_ways(edb_attempts *attempts, edb_policy_kind kind,
                                                edb_error *error);
/* The trial becomes the best where it is shorter; they are exchanged. */
static inline void edb_attempts_keep_shorter(edb_attempts *a) {
  if (a->trial.count >= a->best.count) return;
  edb_batches shorter = a->trial;
  a->trial = a->best;
  a->best = shorter;
}
EDB_MUST_CHECK edb_status edb_attempts_make_reverse(edb_attempts *attempts, edb_error *error);

/* ---- Putting schedules together: the shortest word of each component ---- */

/* From the best schedule so far, which is complete and forwards. */
EDB_MUST_CHECK edb_status edb_attempts_begin_words(edb_attempts *attempts, edb_error *error);
static inline bool edb_attempts_words_meet_bound(const edb_attempts *a) {
  return edb_words_batches(&a->words, &a->forward) <= a->forward.bound;
}
/* Runs the words, if that gives fewer batches than the best so far. */
void edb_attempts_keep_words(edb_attempts *attempts, edb_policy_kind kind);
/* A forward pass that also lends its words to the components for which they are the shortest. Of
 * the trial and the best, one is its schedule, unless it gave up. */
EDB_MUST_CHECK edb_status edb_attempts_contribute(edb_attempts *attempts, edb_policy_kind kind,
                                                  const struct edb_fsm *fsm, edb_error *error);
/* The tight rule in one direction, unless it has been tried or cannot be shorter than the words. */
void edb_attempts_contribute_tight(edb_attempts *attempts, bool reverse);

/* The weight of a schedule's batches; find_weights (light.h) has been there. */
double edb_attempts_weigh(const edb_attempts *attempts, const edb_batches *batches);

#endif
