/* data/raw_schedule.c: raw graphs as public handles: opened, scheduled, learned from. */
#include <edbatch/data.h>

#include "data/raw_graph.h"
#include "policy/policy.h"

edb_status edb_raw_graph_open(edb_context *ctx, const char *path, edb_raw_graph **out,
                              edb_error *error) {
  EDB_REQUIRE(error, ctx, path, out);
  edb_raw_graph *graph = edb_alloc_zero(ctx, sizeof *graph);
  if (!graph) return edb_fail_memory(error, sizeof *graph, "a raw graph");
  edb_status status = edb_raw_graph_load(ctx, path, graph, error);
  if (status != EDB_OK) {
    edb_free(ctx, graph, sizeof *graph);
    return status;
  }
  *out = graph;
  return EDB_OK;
}

void edb_raw_graph_close(edb_raw_graph *graph) {
  if (!graph) return;
  edb_context *ctx = graph->ctx;
  edb_raw_graph_free(graph);
  edb_free(ctx, graph, sizeof *graph);
}

uint32_t edb_raw_graph_node_count(const edb_raw_graph *graph) {
  return (uint32_t)graph->type.length;
}

edb_status edb_raw_graph_schedule(const edb_raw_graph *graph, const edb_policy *policy,
                                  edb_schedule **out, edb_error *error) {
  EDB_REQUIRE(error, graph, policy, out);
  edb_dag dag = edb_raw_graph_dag(graph);
  return edb_schedule_dag(graph->ctx, policy, &dag, out, error);
}

edb_status edb_raw_graph_learn(edb_context *ctx, const edb_raw_graph *const *graphs,
                               uint32_t n_graphs, const edb_learn_params *params, edb_policy **out,
                               edb_error *error) {
  EDB_REQUIRE(error, ctx, out);
  EDB_REQUIRE_EACH(error, graphs, n_graphs);
  EDB_FAIL_IF(n_graphs == 0, error, EDB_ERROR_ARGUMENT, "learning needs at least one graph");
  edb_dag *dags = edb_alloc(ctx, n_graphs * sizeof *dags);
  if (!dags) return edb_fail_memory(error, n_graphs * sizeof *dags, "graphs to learn from");
  for (uint32_t i = 0; i < n_graphs; i++) dags[i] = edb_raw_graph_dag(graphs[i]);
  edb_status status =
      edb_policy_learn_dags(ctx, dags, n_graphs, NULL, EDB_FSM_RAW, params, out, error);
  edb_free(ctx, dags, n_graphs * sizeof *dags);
  return status;
}
