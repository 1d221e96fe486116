/* policy/ahead.h: a look ahead for a pass over a whole graph: the word that the few instances that
 * decide should follow.
 *
 * A frontier does not tell which of two nearly critical instances to serve first; that depends on
 * how the words of both go on. The instances with the longest paths are few and a small part of the
 * graph, so a narrow beam over these alone costs little. Its word is what a pass over the whole
 * graph follows for as long as it lasts; what is left then is left to the rule of the pass. */
#ifndef EDB_POLICY_AHEAD_H
#define EDB_POLICY_AHEAD_H

#include "policy/words.h"

/* The words of the components that have several types, forwards. They serve the instances that were
 * looked at and need not finish all others. */
typedef struct edb_ahead {
  uint32_t n_components;
  uint32_t *start;   /* [n_components + 1] into letters */
  uint32_t *at;      /* [n_components] where a pass reads next */
  uint32_t *letters; /* types of the problem */
  uint32_t behind;   /* batches of the pass behind the ends of the words */
  edb_state *state;  /* of the pass */
  void *memory;
  size_t memory_bytes;
} edb_ahead;

/* A component has no letters where few instances cannot decide: it is one large instance, or has
 * too many types. `pass`: a schedule that an earlier look did not decide, so that what it came to
 * last is looked at as well, where one component is all there is to decide; NULL: the first look.
 */
EDB_MUST_CHECK edb_status edb_ahead_init(edb_context *ctx, const edb_problem *forward,
                                         const edb_batches *pass, edb_ahead *out, edb_error *error);
void edb_ahead_free(edb_context *ctx, edb_ahead *ahead);

/* A pass over the whole forward problem that follows the words, and where they end the tight rule.
 */
void edb_ahead_pass(edb_ahead *ahead, edb_state *state, edb_batches *out);

#endif
