/* policy/improve.h: searching for a shorter word for the components that are not at their bound. */
#ifndef EDB_POLICY_IMPROVE_H
#define EDB_POLICY_IMPROVE_H

#include "policy/words.h"

/* Prunes the words of all components above their bound and searches for shorter ones by beam, on
 * the reversed problem. `work_per_node`: about nanoseconds per node of the problem that the beams
 * may take; 0 = no limit. Reproducible: work is counted, not timed. */
EDB_MUST_CHECK edb_status edb_words_improve(edb_context *ctx, const edb_problem *reverse,
                                            uint32_t width, double work_per_node, edb_words *words,
                                            edb_error *error);

#endif
