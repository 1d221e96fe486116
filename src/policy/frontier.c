/* policy/frontier.c: step by step on a graph that grows.
 *
 * Taking in new nodes (sync) makes a dag of all nodes that were not handed out yet and runs the
 * policy's rule over it, forwards: what is ready then runs by the same choices as in a loop that
 * chooses at every step, because a choice depends on the known nodes only, and those change with a
 * sync alone. Steps between two syncs only hand out. A sync costs O(nodes not handed out), whatever
 * was run before.
 *
 * A rule that prefers what is early would let nodes wait for ever while new ones keep arriving. So
 * at a sync the type of a node that has been ready for too many steps comes first. */
#include <string.h>

#include "base/vec.h"
#include "policy/rules.h"

#define HANDED_OUT UINT32_MAX
#define PATIENCE   16 /* steps that a ready node may wait while others arrive */

/* Nodes to be handed out, as one dag with its batches. */
typedef struct plan {
  EDB_VEC(edb_node) ids; /* ascending; local number -> node */
  EDB_VEC(uint32_t) type;
  EDB_VEC(uint32_t) in_start;
  EDB_VEC(uint32_t) in_node;
  edb_problem problem;
  edb_batches batches;
  uint32_t next; /* batch to be handed out */
  bool partial;  /* one batch only, the rest is to be planned after it */
} plan;

struct edb_frontier {
  edb_context *ctx;
  edb_rule rule;
  const edb_graph *graph;
  uint64_t generation;
  edb_node origin;         /* nodes below have run */
  edb_node known;          /* nodes below were taken in */
  EDB_VEC(uint32_t) local; /* per node from origin: its local number, or HANDED_OUT */
  EDB_VEC(uint64_t)
  since;                  /* per node from origin: the step at which it was ready, from 1; 0: not */
  uint64_t steps;         /* batches handed out */
  EDB_VEC(edb_node) step; /* the batch handed out last */
  plan plan;
};

static void plan_free(edb_context *ctx, plan *p) {
  edb_vec_free(ctx, &p->ids);
  edb_vec_free(ctx, &p->type);
  edb_vec_free(ctx, &p->in_start);
  edb_vec_free(ctx, &p->in_node);
  edb_batches_free(ctx, &p->batches);
  edb_problem_free(&p->problem);
}

/* ---- Taking in ----------------------------------------------------------------------------------
 */

static bool is_done(const edb_frontier *f, edb_node id) {
  return id < f->origin || id < f->graph->first || f->local.data[id - f->origin] == HANDED_OUT;
}

/* Appends a node, whose inputs were appended if they are not done. */
static bool add_node(edb_frontier *f, plan *p, edb_node id) {
  const edb_graph *g = f->graph;
  uint32_t index = id - g->base;
  for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++) {
    if (is_done(f, g->edge_node[e])) continue;
    uint32_t input = f->local.data[g->edge_node[e] - f->origin];
    if (!edb_vec_push(f->ctx, &p->in_node, input)) return false;
  }
  f->local.data[id - f->origin] = (uint32_t)p->ids.length;
  return edb_vec_push(f->ctx, &p->in_start, (uint32_t)p->in_node.length) &&
         edb_vec_push(f->ctx, &p->type, g->type[index]) && edb_vec_push(f->ctx, &p->ids, id);
}

/* The old plan's nodes that are left, then the new ones below `count`. */
static bool add_nodes(edb_frontier *f, edb_node count, plan *p) {
  if (!edb_vec_reserve(f->ctx, &f->local, count - f->origin) ||
      !edb_vec_reserve(f->ctx, &f->since, count - f->origin))
    return false;
  for (edb_node id = f->known; id < count; id++) {
    f->local.data[id - f->origin] = 0;
    f->since.data[id - f->origin] = 0;
  }
  f->local.length = f->since.length = count - f->origin;
  if (!edb_vec_push(f->ctx, &p->in_start, 0)) return false;
  for (size_t i = 0; i < f->plan.ids.length; i++) {
    edb_node id = f->plan.ids.data[i];
    if (!is_done(f, id) && !add_node(f, p, id)) return false;
  }
  for (edb_node id = f->known; id < count; id++) {
    if (!is_done(f, id) && !add_node(f, p, id)) return false;
  }
  return true;
}

static bool is_ready(const plan *p, uint32_t v) {
  return p->problem.in_start[v] == p->problem.in_start[v + 1];
}

/* The type of the node that has been ready for the longest time, if that is too long; notes since
 * when nodes are ready. */
static uint32_t find_overdue(edb_frontier *f, const plan *p) {
  uint64_t oldest = f->steps + 1;
  uint32_t type = EDB_TYPE_NONE;
  for (uint32_t v = 0; v < p->problem.n_nodes; v++) {
    if (!is_ready(p, v)) continue;
    uint64_t *since = &f->since.data[p->ids.data[v] - f->origin];
    if (*since == 0) *since = f->steps + 1;
    if (*since >= oldest) continue;
    oldest = *since;
    type = p->problem.type[v];
  }
  return f->steps + 1 - oldest > PATIENCE ? type : EDB_TYPE_NONE;
}

/* All ready nodes of a type; the others are planned after it. */
static void plan_one_batch(plan *p, uint32_t type) {
  uint32_t count = 0;
  for (uint32_t v = 0; v < p->problem.n_nodes; v++) {
    if (is_ready(p, v) && p->problem.type[v] == type) p->batches.nodes[count++] = v;
  }
  p->batches.count = 1;
  p->batches.type[0] = type;
  p->batches.start[1] = count;
  p->partial = true;
}

static edb_status find_batches(edb_frontier *f, plan *p, edb_error *error) {
  edb_dag dag = {.n_nodes = (uint32_t)p->ids.length,
                 .n_types = f->graph->schema->n_types,
                 .type = p->type.data,
                 .in_start = p->in_start.data,
                 .in_node = p->in_node.data};
  edb_state state;
  uint32_t misses = 0;
  EDB_TRY(edb_problem_init(f->ctx, &dag, &p->problem, error));
  EDB_TRY(edb_batches_init(f->ctx, &p->problem, &p->batches, error));
  uint32_t overdue = find_overdue(f, p);
  if (f->rule.kind == EDB_POLICY_UNBATCHED) overdue = EDB_TYPE_NONE; /* goes by age anyway */
  if (overdue != EDB_TYPE_NONE) {
    plan_one_batch(p, overdue);
    return EDB_OK;
  }
  EDB_TRY(edb_state_init(f->ctx, &p->problem, &state, error));
  edb_status status =
      edb_rule_pass(f->ctx, &f->rule, &state, EDB_GAVE_UP, &p->batches, &misses, error);
  edb_state_free(f->ctx, &state);
  return status;
}

/* The records of nodes that have run are forgotten once nothing is left to be handed out. */
static void forget_done(edb_frontier *f) {
  if (f->plan.next < f->plan.batches.count || f->plan.partial) return;
  f->origin = f->known;
  f->local.length = f->since.length = 0;
}

/* A plan for the nodes of the graph below `count` that were not handed out. */
static edb_status make_plan(edb_frontier *f, edb_node count, edb_error *error) {
  plan fresh = {.problem = {.ctx = f->ctx}};
  edb_status status = EDB_OK;
  if (!add_nodes(f, count, &fresh)) {
    size_t bytes = (size_t)count * sizeof(uint32_t);
    status = edb_fail_memory(error, bytes, "a frontier");
  }
  if (status == EDB_OK) status = find_batches(f, &fresh, error);
  if (status != EDB_OK) {
    plan_free(f->ctx, &fresh);
    return status;
  }
  plan_free(f->ctx, &f->plan);
  f->plan = fresh;
  f->known = count;
  return EDB_OK;
}

static edb_status check_graph(const edb_frontier *f, edb_error *error) {
  EDB_FAIL_IF(f->generation != f->graph->generation, error, EDB_ERROR_STATE,
              "the graph of this frontier was cleared");
  return EDB_OK;
}

edb_status edb_frontier_sync(edb_frontier *frontier, edb_error *error) {
  EDB_REQUIRE(error, frontier);
  EDB_TRY(check_graph(frontier, error));
  forget_done(frontier);
  edb_node count = edb_graph_node_count(frontier->graph);
  return frontier->known == count ? EDB_OK : make_plan(frontier, count, error);
}

/* ---- Handing out --------------------------------------------------------------------------------
 */

edb_status edb_frontier_next(edb_frontier *frontier, uint32_t *type, const edb_node **nodes,
                             uint32_t *count, edb_error *error) {
  EDB_REQUIRE(error, frontier, type, nodes, count);
  plan *p = &frontier->plan;
  if (p->next >= p->batches.count && p->partial) {
    EDB_TRY(check_graph(frontier, error));
    EDB_TRY(make_plan(frontier, frontier->known, error));
  }
  if (p->next >= p->batches.count) {
    *count = 0;
    return EDB_OK;
  }
  uint32_t begin = p->batches.start[p->next], end = p->batches.start[p->next + 1];
  if (!edb_vec_reserve(frontier->ctx, &frontier->step, end - begin))
    return edb_fail_memory(error, (end - begin) * sizeof(edb_node), "a batch");
  for (uint32_t i = begin; i < end; i++) {
    edb_node id = p->ids.data[p->batches.nodes[i]];
    frontier->step.data[i - begin] = id;
    frontier->local.data[id - frontier->origin] = HANDED_OUT;
  }
  *type = p->problem.original_type[p->batches.type[p->next++]];
  frontier->steps++;
  *nodes = frontier->step.data;
  *count = end - begin;
  return EDB_OK;
}

/* ---- Making -------------------------------------------------------------------------------------
 */

/* `best` and `beam` need whole schedules, which a growing graph has not: they follow the fsm, or
 * else `tight`. */
static edb_status choose_rule(const edb_policy *policy, const edb_graph *graph, edb_rule *out,
                              edb_error *error) {
  EDB_FAIL_IF(policy->kind == EDB_POLICY_EXACT, error, EDB_ERROR_UNSUPPORTED,
              "the policy \"exact\" needs the whole graph and cannot run step by step");
  edb_policy_kind kind = policy->kind;
  if (kind == EDB_POLICY_BEST || kind == EDB_POLICY_BEAM)
    kind = policy->fsm != NULL ? EDB_POLICY_FSM : EDB_POLICY_TIGHT;
  *out = (edb_rule){.kind = kind, .fsm = policy->fsm, .schema = graph->schema};
  return EDB_OK;
}

edb_status edb_frontier_create(edb_context *ctx, const edb_policy *policy, const edb_graph *graph,
                               edb_frontier **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, policy, graph, out);
  edb_rule rule;
  EDB_TRY(choose_rule(policy, graph, &rule, error));
  edb_frontier *f = edb_alloc_zero(ctx, sizeof *f);
  if (f == NULL) return edb_fail_memory(error, sizeof *f, "a frontier");
  f->ctx = ctx;
  f->rule = rule;
  f->graph = graph;
  f->generation = graph->generation;
  f->origin = f->known = graph->first;
  f->plan.problem.ctx = ctx;
  edb_status status = edb_frontier_sync(f, error);
  if (status != EDB_OK) {
    edb_frontier_destroy(f);
    return status;
  }
  *out = f;
  return EDB_OK;
}

void edb_frontier_destroy(edb_frontier *frontier) {
  if (frontier == NULL) return;
  edb_context *ctx = frontier->ctx;
  plan_free(ctx, &frontier->plan);
  edb_vec_free(ctx, &frontier->local);
  edb_vec_free(ctx, &frontier->since);
  edb_vec_free(ctx, &frontier->step);
  edb_free(ctx, frontier, sizeof *frontier);
}
