/* policy/schedule.c: the schedule object, from the batches that a policy found. */
#include <string.h>

#include "base/sized.h"
#include "policy/best.h"
#include "policy/cost.h"
#include "policy/levels.h"
#include "policy/regroup.h"
#include "policy/scratch.h"

/* About what a schedule of a graph takes, and what it takes where a policy looks at many of them
 * side by side or follows a table; more than the largest block would not stay with the allocator
 * either. */
#define BYTES_PER_NODE      112
#define MOST_BYTES_PER_NODE 192
#define BYTES_PER_EDGE      24
#define LARGEST_BLOCK       ((size_t)24 << 20)

/* The arrays begin on a cache line of their own. */
#define HEAD_BYTES ((sizeof(edb_schedule) + EDB_ALIGN - 1) / EDB_ALIGN * EDB_ALIGN)

edb_status edb_schedule_new(edb_context *ctx, size_t batches, size_t nodes, edb_schedule **out,
                            edb_error *error) {
  size_t bytes = (batches * 2 + 1 + nodes) * sizeof(uint32_t);
  edb_schedule *s = edb_alloc(ctx, HEAD_BYTES + bytes);
  if (s == NULL) return edb_fail_memory(error, HEAD_BYTES + bytes, "a schedule");
  *s = (edb_schedule){.ctx = ctx, .memory = (char *)s + HEAD_BYTES, .memory_bytes = bytes};
  s->batch_type = s->memory;
  s->batch_start = s->batch_type + batches;
  s->nodes = s->batch_start + batches + 1;
  *out = s;
  return EDB_OK;
}

/* Nodes that run alone before all others, in their order: the unbatchable ones that come first.
 * Parameters of graphs that have nodes for them are such, with an edge to nearly every other. */
static uint32_t count_heralds(const edb_dag *dag) {
  uint32_t n = 0;
  if (dag->unbatchable == NULL) return 0;
  while (n < dag->n_nodes && dag->unbatchable[dag->type[n]]) n++;
  return n;
}

/* The rest of a graph whose first nodes are done. */
static edb_dag skip_nodes(const edb_dag *dag, uint32_t n) {
  edb_dag rest = *dag;
  rest.n_nodes -= n;
  rest.origin += n;
  rest.type += n;
  rest.in_start += n;
  return rest;
}

/* Back from local numbers of nodes and types to those of the dag, behind the heralds. */
static void fill(const edb_attempts *a, const edb_dag *dag, uint32_t heralds, edb_schedule *s) {
  const edb_batches *batches = &a->best;
  uint32_t *type = s->batch_type + heralds, *start = s->batch_start + heralds;
  for (uint32_t i = 0; i < heralds; i++) {
    s->batch_type[i] = dag->type[i];
    s->batch_start[i] = i;
    s->nodes[i] = dag->origin + i;
  }
  for (uint32_t i = 0; i < batches->count; i++)
    type[i] = a->forward.original_type[batches->type[i]];
  for (uint32_t i = 0; i <= batches->count; i++) start[i] = heralds + batches->start[i];
  for (uint32_t i = heralds; i < dag->n_nodes; i++)
    s->nodes[i] = dag->origin + heralds + batches->nodes[i - heralds];
  s->info = (edb_schedule_info){.n_batches = heralds + batches->count,
                                .bound = heralds + a->forward.bound,
                                .proven_bound = heralds + a->proven,
                                .n_nodes = dag->n_nodes,
                                .misses = a->misses,
                                .policy = a->kind};
}

static size_t scratch_bytes(const edb_policy *policy, const edb_dag *dag) {
  bool most = policy->kind == EDB_POLICY_BEAM || policy->kind == EDB_POLICY_EXACT ||
              policy->kind == EDB_POLICY_FSM;
  uint64_t per_node = most ? MOST_BYTES_PER_NODE : BYTES_PER_NODE;
  uint64_t edges = dag->n_nodes == 0 ? 0 : dag->in_start[dag->n_nodes] - dag->in_start[0];
  uint64_t bytes = (uint64_t)dag->n_nodes * per_node + edges * BYTES_PER_EDGE;
  return bytes < LARGEST_BLOCK ? (size_t)bytes : LARGEST_BLOCK;
}

/* Batches whose type is not that of the batch before. */
static uint32_t changes(const edb_batches *b) {
  uint32_t sum = 0;
  for (uint32_t i = 1; i < b->count; i++) sum += b->type[i] != b->type[i - 1];
  return sum;
}

/* What runs on a device shall not change its weights more often than it must. */
static edb_status regroup(edb_attempts *a, edb_error *error) {
  if (changes(&a->best) < 2 * a->forward.n_types) return EDB_OK;
  EDB_TRY(edb_regroup(a->ctx, &a->forward, &a->best, &a->trial, error));
  edb_batches regrouped = a->trial;
  a->trial = a->best;
  a->best = regrouped;
  return EDB_OK;
}

/* Makes attempts, whose best has what the policy finds. */
static edb_status attempt(edb_scratch *scratch, const edb_policy *policy, const edb_dag *dag,
                          const edb_schema *schema, edb_attempts *out, edb_error *error) {
  edb_attempts attempts;
  EDB_TRY(edb_attempts_init(&scratch->ctx, dag, schema, &attempts, error));
  edb_status status = edb_attempt_policy(&attempts, policy, error);
  if (status == EDB_OK && schema != NULL) status = regroup(&attempts, error);
  if (status != EDB_OK)
    edb_attempts_free(&attempts);
  else
    *out = attempts;
  return status;
}

/* The schedule outlives the attempts; it is made in the context proper. */
static edb_status find(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                       const edb_schema *schema, edb_schedule **out, edb_error *error) {
  edb_scratch scratch;
  edb_attempts attempts;
  uint32_t heralds = count_heralds(dag);
  edb_dag rest = skip_nodes(dag, heralds);
  edb_scratch_init(&scratch, ctx, scratch_bytes(policy, &rest));
  edb_status status = attempt(&scratch, policy, &rest, schema, &attempts, error);
  if (status == EDB_OK) {
    edb_schedule *s = NULL;
    status = edb_schedule_new(ctx, heralds + attempts.best.count, dag->n_nodes, &s, error);
    if (status == EDB_OK) {
      fill(&attempts, dag, heralds, s);
      *out = s;
    }
    edb_attempts_free(&attempts);
  }
  edb_scratch_free(&scratch);
  return status;
}

/* ---- By components ------------------------------------------------------------------------------
 */

/* How much of a graph may lie on cycles for what does not to be taken out first, which takes about
 * as long as half a pass; less than none: types are all looked at together, on no cycle as well. */
#define MOST_CORE 0.5
#define NO_CORE   0.0
#define NO_LEVELS (-1.0)
#define FEW_NODES 512 /* of graphs that are not worth it */

static double most_core(const edb_policy *policy, const edb_dag *dag) {
  double most = dag->n_nodes < FEW_NODES ? NO_CORE : MOST_CORE;
  switch (policy->kind) {
  case EDB_POLICY_TIGHT:
    return NO_CORE;
  case EDB_POLICY_BEAM:
  case EDB_POLICY_EXACT:
    return most;
  case EDB_POLICY_BEST:
    return policy->once ? most : NO_CORE; /* never longer than the agendas, which look at all */
  case EDB_POLICY_FSM:
    return policy->fsm->scope == EDB_FSM_COMPONENT ? most : NO_LEVELS;
  default:
    return NO_LEVELS;
  }
}

/* A table, or costs, of other types are an error on every graph. */
static edb_status check_types(edb_context *ctx, const edb_policy *policy, const edb_levels *levels,
                              const edb_schema *schema, edb_error *error) {
  edb_problem types = {.n_types = levels->n_found, .original_type = levels->types};
  edb_fsm_binding binding;
  if (policy->kind == EDB_POLICY_FSM) {
    EDB_TRY(edb_fsm_bind(ctx, policy->fsm, &types, schema, &binding, error));
    edb_fsm_unbind(ctx, &binding);
  }
  if (policy->kind != EDB_POLICY_BEST || policy->costs == NULL) return EDB_OK;
  return edb_costs_weights(ctx, policy->costs, &types, schema, NULL, error);
}

/* The batches of what lies on cycles go to the levels; *info: what there is to say of them. */
static edb_status attempt_core(edb_context *ctx, const edb_policy *policy, edb_levels *levels,
                               const edb_schema *schema, edb_schedule_info *info,
                               edb_error *error) {
  const edb_dag *dag = &levels->core.dag;
  edb_scratch scratch;
  edb_attempts attempts;
  edb_scratch_init(&scratch, ctx, scratch_bytes(policy, dag));
  edb_status status = attempt(&scratch, policy, dag, schema, &attempts, error);
  if (status == EDB_OK) {
    *info = (edb_schedule_info){.n_batches = attempts.best.count,
                                .bound = attempts.forward.bound,
                                .proven_bound = attempts.proven,
                                .misses = attempts.misses,
                                .policy = attempts.kind};
    edb_levels_take_core(levels, &attempts.best, attempts.forward.original_type);
    edb_attempts_free(&attempts);
  }
  edb_scratch_free(&scratch);
  return status;
}

/* What lies on no cycle is at its bound. */
static edb_status arrange(edb_context *ctx, const edb_policy *policy, edb_levels *levels,
                          const edb_schema *schema, edb_schedule **out, edb_error *error) {
  bool named = policy->kind == EDB_POLICY_FSM || policy->kind == EDB_POLICY_EXACT;
  edb_schedule_info core = {.policy = named ? policy->kind : EDB_POLICY_TIGHT};
  edb_schedule *s;
  EDB_TRY(check_types(ctx, policy, levels, schema, error));
  if (levels->core.dag.n_nodes > 0)
    EDB_TRY(attempt_core(ctx, policy, levels, schema, &core, error));
  EDB_TRY(edb_levels_schedule(ctx, levels, schema != NULL, &s, error));
  s->info.bound -= core.n_batches - core.bound;
  s->info.proven_bound -= core.n_batches - core.proven_bound;
  s->info.misses = core.misses;
  s->info.policy = core.policy;
  *out = s;
  return EDB_OK;
}

static edb_status schedule(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                           const edb_schema *schema, edb_schedule **out, edb_error *error) {
  edb_levels levels;
  double most = most_core(policy, dag);
  if (dag->n_types > EDB_LEVELS_TYPES || most < NO_CORE)
    return find(ctx, policy, dag, schema, out, error);
  EDB_TRY(edb_levels_init(ctx, dag, most, &levels, error));
  bool left = levels.left;
  edb_status status = left ? EDB_OK : arrange(ctx, policy, &levels, schema, out, error);
  edb_levels_free(ctx, &levels);
  return left ? find(ctx, policy, dag, schema, out, error) : status;
}

edb_status edb_schedule_dag(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                            edb_schedule **out, edb_error *error) {
  return schedule(ctx, policy, dag, NULL, out, error);
}

edb_status edb_schedule_create(edb_context *ctx, const edb_policy *policy, const edb_graph *graph,
                               edb_schedule **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, policy, graph, out);
  edb_dag dag = edb_graph_pending(graph);
  return schedule(ctx, policy, &dag, graph->schema, out, error);
}

void edb_schedule_destroy(edb_schedule *s) {
  if (s == NULL) return;
  edb_free(s->ctx, s, HEAD_BYTES + s->memory_bytes);
}

void edb_schedule_describe_into(const edb_schedule *schedule, edb_schedule_info *out,
                                size_t bytes) {
  edb_sized_give(out, bytes, &schedule->info, sizeof schedule->info);
}

uint32_t edb_schedule_batch(const edb_schedule *s, uint32_t i, uint32_t *type,
                            const edb_node **nodes) {
  if (i >= s->info.n_batches) return 0;
  *type = s->batch_type[i];
  *nodes = s->nodes + s->batch_start[i];
  return s->batch_start[i + 1] - s->batch_start[i];
}
