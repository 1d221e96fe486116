/* exec/learn.c: learning a policy for the graphs that a session really schedules. */
#include "exec/session.h"

/* Operator graphs of all mini-batches, each in a graph of its own. */
static edb_status lower_all(edb_session *s, const edb_graph *const *graphs, uint32_t n,
                            edb_graph **lowered, edb_dag *dags, edb_error *error) {
  for (uint32_t i = 0; i < n; i++) {
    edb_lower_map map = {0};
    EDB_TRY(edb_graph_create_schema(s->ctx, &s->program->schema, &lowered[i], error));
    edb_status status = edb_lower_graph(s->lowering, graphs[i], lowered[i], &map, error);
    edb_lower_map_free(s->ctx, &map);
    if (status != EDB_OK) return status;
    dags[i] = edb_graph_pending(lowered[i]);
  }
  return EDB_OK;
}

static edb_status learn_lowered(edb_session *s, const edb_graph *const *graphs, uint32_t n,
                                const edb_learn_params *params, edb_policy **out,
                                edb_error *error) {
  edb_graph **lowered = edb_alloc_zero(s->ctx, n * sizeof(edb_graph *));
  edb_dag *dags = edb_alloc_zero(s->ctx, n * sizeof *dags);
  edb_status status;
  if (!lowered || !dags) {
    status = edb_fail_memory(error, n * sizeof *dags, "mini-batches to learn from");
    goto cleanup;
  }
  EDB_TRY_GOTO(status, lower_all(s, graphs, n, lowered, dags, error), cleanup);
  status =
      edb_policy_learn_dags(s->ctx, dags, n, &s->program->schema, EDB_FSM_OP, params, out, error);
cleanup:
  for (uint32_t i = 0; lowered && i < n; i++) edb_graph_destroy(lowered[i]);
  if (lowered) edb_free(s->ctx, lowered, n * sizeof(edb_graph *));
  if (dags) edb_free(s->ctx, dags, n * sizeof *dags);
  return status;
}

edb_status edb_session_learn(edb_session *s, const edb_graph *const *graphs, uint32_t n_graphs,
                             const edb_learn_params *params, edb_policy **out, edb_error *error) {
  EDB_REQUIRE(error, s, out);
  EDB_REQUIRE_EACH(error, graphs, n_graphs);
  EDB_FAIL_IF(n_graphs == 0, error, EDB_ERROR_ARGUMENT, "learning needs at least one mini-batch");
  for (uint32_t i = 0; i < n_graphs; i++)
    EDB_FAIL_IF(graphs[i]->schema != &edb_model_program(s->model)->schema, error,
                EDB_ERROR_MISMATCH, "graph %u is of another model than the session", i);
  if (s->granularity == EDB_GRANULARITY_CELL)
    return edb_policy_learn(s->ctx, graphs, n_graphs, params, out, error);
  return learn_lowered(s, graphs, n_graphs, params, out, error);
}
