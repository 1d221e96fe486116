/* policy/improve.h: searching for a shorter word for the components that are not at their bound. */
#ifndef EDB_POLICY_IMPROVE_H
#define EDB_POLICY_IMPROVE_H

#include "policy/words.h"

/* Searches by beam, on the reversed problem, and prunes what is found. `work`: about nanoseconds
 * that all searches together may take; 0 = no limit. Reproducible: work is counted, not timed.
 * *decided: of every component the few instances looked at decide how long its word must be. */
EDB_MUST_CHECK edb_status edb_words_improve(edb_context *ctx, const edb_problem *reverse,
                                            uint32_t width, uint64_t work, edb_words *words,
                                            bool *decided, edb_error *error);

/* Searches for the shortest words until `deadline` (edb_clock_ns), and raises the words' bounds to
 * what was proven. */
EDB_MUST_CHECK edb_status edb_words_prove(edb_context *ctx, const edb_problem *reverse,
                                          uint64_t deadline, edb_words *words, edb_error *error);

#endif
