/* exec/estimate.c: what batches cost, about, told from the plans of their cells; and the policy of
 * runs that name none, which goes by that. */
#include "exec/session.h"
#include "policy/cost.h"

edb_status edb_session_new_costs(const edb_session *s, edb_costs **out, edb_error *error) {
  bool op = s->granularity == EDB_GRANULARITY_OP;
  edb_fsm *types = NULL;
  EDB_TRY(edb_fsm_create(s->ctx, &s->program->schema, op ? EDB_FSM_OP : EDB_FSM_CELL,
                         EDB_ENCODING_TIGHT, &types, error));
  return edb_costs_new(types, out, error);
}

edb_status edb_session_estimate(const edb_session *s, edb_costs **out, edb_error *error) {
  EDB_REQUIRE(error, s, out);
  edb_costs *costs = NULL;
  EDB_TRY(edb_session_new_costs(s, &costs, error));
  for (uint32_t t = 0; t < costs->types->n_types && s->backend->cost; t++)
    costs->cost[t] = s->backend->cost(s->state, costs->types->types[t].source);
  *out = costs;
  return EDB_OK;
}

edb_status edb_session_policy(edb_session *s, const edb_policy **out, edb_error *error) {
  EDB_REQUIRE(error, s, out);
  edb_status status = EDB_OK;
  if (!s->policy) {
    edb_costs *costs = NULL;
    EDB_TRY(edb_session_estimate(s, &costs, error));
    edb_policy_params params = EDB_PARAMS(edb_policy_params);
    params.costs = costs;
    params.once = true;
    status = edb_policy_create_with(s->ctx, EDB_POLICY_BEST, &params, &s->policy, error);
    edb_costs_destroy(costs);
  }
  if (status == EDB_OK) *out = s->policy;
  return status;
}
