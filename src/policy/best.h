/* policy/best.h: what each policy tries on a whole graph: one rule or several, forwards and
 * backwards, of which the shortest schedule is kept. */
#ifndef EDB_POLICY_BEST_H
#define EDB_POLICY_BEST_H

#include "policy/attempts.h"

EDB_MUST_CHECK edb_status edb_attempt_policy(edb_attempts *attempts, const edb_policy *policy,
                                             edb_error *error);

#endif
