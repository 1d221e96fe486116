/* policy/learned.h: a learned table on a whole graph. */
#ifndef EDB_POLICY_LEARNED_H
#define EDB_POLICY_LEARNED_H

#include "policy/attempts.h"

/* The table, and unless it was learned as published, where it is not at the bound a look ahead, the
 * tight rule and its own rule backwards. */
EDB_MUST_CHECK edb_status edb_attempt_fsm(edb_attempts *attempts, const struct edb_fsm *fsm,
                                          edb_error *error);

#endif
