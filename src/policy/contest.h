/* policy/contest.h: the best ready type among many, kept up to date as frontiers change.
 *
 * A tree over the types: every inner node has the winner of its two children, so that a type whose
 * ready nodes changed is compared log(types) times and nobody looks at the others. */
#ifndef EDB_POLICY_CONTEST_H
#define EDB_POLICY_CONTEST_H

#include "policy/rules.h"

/* Up to so many types, looking at all that are ready is cheaper. */
#define EDB_FEW_TYPES 64

/* Numbers that a contest takes; 0 for few types. */
size_t edb_contest_length(uint32_t n_types);

/* Unbatchable types win over all others, the lower over the higher; else the chooser's rule
 * decides, and the lower among equals. `winners`: [edb_contest_length]. */
typedef struct edb_contest {
  uint32_t *winners; /* [leaves + t]: type t, or EDB_TYPE_NONE; [i]: of [2 i] and [2 i + 1] */
  uint32_t leaves;   /* a power of two */
  const edb_chooser *chooser;
} edb_contest;

/* All ready types enter. */
void edb_contest_begin(edb_contest *contest, const edb_chooser *chooser, const edb_state *state,
                       uint32_t *winners);
/* After a batch of a type: it, and the types of the nodes that the batch made ready. */
void edb_contest_ran(edb_contest *contest, const edb_state *state, uint32_t type,
                     const uint32_t *nodes, uint32_t count);
/* Some type must be ready. */
static inline uint32_t edb_contest_winner(const edb_contest *contest) {
  return contest->winners[1];
}

#endif
