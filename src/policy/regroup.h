/* policy/regroup.h: the order of a schedule's batches, where dependencies leave a choice. */
#ifndef EDB_POLICY_REGROUP_H
#define EDB_POLICY_REGROUP_H

#include "policy/rules.h"

/* Most batches of one type that are brought together. Values wait for their readers meanwhile. */
#define EDB_REGROUP_MOST 16

/* The batches of `from`, a whole schedule, in an order in which those of one type follow each other
 * where they can: what a type reads besides its operands, its weights, is then still in a near
 * cache. A policy may as well run two chains in turn. Batches of one type keep their order; each is
 * as it was. `to` has room for all nodes. */
EDB_MUST_CHECK edb_status edb_regroup(edb_context *ctx, const edb_problem *problem,
                                      const edb_batches *from, edb_batches *to, edb_error *error);

#endif
