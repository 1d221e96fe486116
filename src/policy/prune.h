/* policy/prune.h: dropping letters that a word can do without. */
#ifndef EDB_POLICY_PRUNE_H
#define EDB_POLICY_PRUNE_H

#include "policy/part.h"

/* Shortens a complete word of the part, forwards in its direction, where it can. O(n + E) per
 * round; a few rounds. */
void edb_prune(const edb_part *part, edb_runner *runner, edb_word *word);

#endif
