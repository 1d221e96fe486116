/* policy/light.h: schedules whose batches take the least time by measured costs, instead of being
 * the fewest. */
#ifndef EDB_POLICY_LIGHT_H
#define EDB_POLICY_LIGHT_H

#include "policy/attempts.h"

/* Costs of other types are an error on every graph. */
EDB_MUST_CHECK edb_status edb_attempts_find_weights(edb_attempts *attempts,
                                                    const edb_policy *policy, edb_error *error);

/* About so many passes. */
#define EDB_LIGHT_PASSES 7
/* The lightest words of all passes, where they are lighter than the best so far. */
EDB_MUST_CHECK edb_status edb_attempt_light(edb_attempts *attempts, const edb_policy *policy,
                                            edb_error *error);

#endif
