/* policy/optimum.h: the shortest word of a part, or the best bound on it that time allows.
 *
 * The shortest word for a few instances is a lower bound for all. When it also finishes all others,
 * it is the shortest word there is; otherwise one of those left unfinished joins the few. */
#ifndef EDB_POLICY_OPTIMUM_H
#define EDB_POLICY_OPTIMUM_H

#include "policy/part.h"

/* `word`: a complete word, replaced by the shortest one found. *proven: no word is shorter than
 * that (in: a bound that is known). Stops at `deadline` (edb_clock_ns) or when its memory is full.
 */
EDB_MUST_CHECK edb_status edb_optimum_search(edb_context *ctx, const edb_part *part,
                                             uint64_t deadline, edb_runner *runner, edb_word *word,
                                             uint32_t *proven, edb_error *error);

#endif
