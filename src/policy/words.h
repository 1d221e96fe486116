/* policy/words.h: the shortest word found so far for each component of types.
 *
 * A word is a sequence of types, one per batch; unbatchable nodes have no letter. Schedules of
 * different components are independent, so the best parts of several schedules make a better one:
 * a component's batches, in their order, stay valid beside any schedule of the others. */
#ifndef EDB_POLICY_WORDS_H
#define EDB_POLICY_WORDS_H

#include "policy/rules.h"

typedef struct edb_words {
  uint32_t n_components;
  uint32_t *bound;   /* [n_components] least letters: the lower bound without unbatchable nodes */
  uint32_t *length;  /* [n_components] of the word; EDB_GAVE_UP: none yet */
  uint32_t *start;   /* [n_components] into letters, with room for every batchable node */
  uint32_t *letters; /* [n_nodes] types of the problem, forwards */
  uint32_t *count;   /* [n_components] scratch */
  const double *weight; /* [types] of a letter of each type: the lightest words are kept; NULL: the
                           shortest */
  double *total;        /* [n_components] weight of the word; only with weights */
  double *sum;          /* [n_components] scratch */
  uint32_t *head, *tail, *need; /* [n_components] scratch */
  void *memory;
  size_t memory_bytes;
} edb_words;

EDB_MUST_CHECK edb_status edb_words_init(edb_context *ctx, const edb_problem *problem,
                                         const double *weight, edb_words *out, edb_error *error);
void edb_words_free(edb_context *ctx, edb_words *words);

/* Gives components of one type their shortest word: level by level. */
void edb_words_take_levels(edb_words *words, const edb_problem *forward);
/* Keeps the word of every component for which these batches of the forward problem have a shorter
 * (a lighter) one. Batches that were given up have none. */
void edb_words_take(edb_words *words, const edb_problem *forward, const edb_batches *batches);
/* The same of batches of the reversed problem. */
void edb_words_take_reversed(edb_words *words, const edb_problem *forward,
                             const edb_batches *batches);
/* Keeps, for every component, the best of all words that begin as `head`, batches of the forward
 * problem, and end as `tail`, batches of the reversed one, if it is shorter. Both are complete, and
 * each batch is all that is ready. Words are counted, not weighed. `scratch`: [n_nodes]. */
void edb_words_cross(edb_words *words, const edb_problem *forward, const edb_batches *head,
                     const edb_batches *tail, uint32_t *scratch);
/* Letters of all words together with the unbatchable nodes: batches of the schedule they make. */
uint32_t edb_words_batches(const edb_words *words, const edb_problem *forward);
/* The same of their bounds. */
uint32_t edb_words_bound(const edb_words *words, const edb_problem *forward);
/* Runs the words one after the other on the forward problem that `state` is set to. */
void edb_words_run(const edb_words *words, edb_state *state, edb_batches *out);

#endif
