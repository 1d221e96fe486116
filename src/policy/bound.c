/* policy/bound.c: a lower bound on the number of batches of any schedule: the nodes of one type on
 * one path need a batch each; no batch serves two types; an unbatchable node is a batch. */
#include "policy/state.h"

edb_status edb_lower_bound(edb_context *ctx, const edb_dag *dag, uint32_t *bound,
                           edb_error *error) {
  edb_problem problem;
  EDB_TRY(edb_problem_init(ctx, dag, &problem, error));
  *bound = problem.bound;
  edb_problem_free(&problem);
  return EDB_OK;
}
