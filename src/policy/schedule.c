/* policy/schedule.c: the schedule object, from the batches that a policy found. */
#include <string.h>

#include "policy/best.h"
#include "policy/regroup.h"
#include "policy/scratch.h"

/* About what a schedule of a graph takes; more than the largest block would not stay with the
 * allocator either. */
#define BYTES_PER_NODE 192
#define BYTES_PER_EDGE 24
#define LARGEST_BLOCK  ((size_t)24 << 20)

static edb_status schedule_alloc(edb_context *ctx, size_t batches, size_t nodes, edb_schedule **out,
                                 edb_error *error) {
  size_t bytes = (batches * 2 + 1 + nodes) * sizeof(uint32_t);
  edb_schedule *s = edb_alloc_zero(ctx, sizeof *s);
  if (s == NULL) return edb_fail_memory(error, sizeof *s, "a schedule");
  s->memory = edb_alloc(ctx, bytes);
  if (s->memory == NULL) {
    edb_free(ctx, s, sizeof *s);
    return edb_fail_memory(error, bytes, "a schedule");
  }
  s->ctx = ctx;
  s->memory_bytes = bytes;
  s->batch_type = s->memory;
  s->batch_start = s->batch_type + batches;
  s->nodes = s->batch_start + batches + 1;
  *out = s;
  return EDB_OK;
}

/* Back from local numbers of nodes and types to those of the dag. */
static void fill(const edb_attempts *a, const edb_dag *dag, edb_schedule *s) {
  const edb_batches *batches = &a->best;
  for (uint32_t i = 0; i < batches->count; i++)
    s->batch_type[i] = a->forward.original_type[batches->type[i]];
  memcpy(s->batch_start, batches->start, ((size_t)batches->count + 1) * sizeof *s->batch_start);
  for (uint32_t i = 0; i < dag->n_nodes; i++) s->nodes[i] = batches->nodes[i] + dag->origin;
  s->info = (edb_schedule_info){.n_batches = batches->count,
                                .bound = a->forward.bound,
                                .proven_bound = a->proven,
                                .n_nodes = dag->n_nodes,
                                .misses = a->misses,
                                .policy = a->kind};
}

static size_t scratch_bytes(const edb_dag *dag) {
  uint64_t edges = dag->n_nodes == 0 ? 0 : dag->in_start[dag->n_nodes] - dag->in_start[0];
  uint64_t bytes = (uint64_t)dag->n_nodes * BYTES_PER_NODE + edges * BYTES_PER_EDGE;
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

/* The schedule outlives the attempts; it is made in the context proper. */
static edb_status find(edb_context *ctx, edb_scratch *scratch, const edb_policy *policy,
                       const edb_dag *dag, const edb_schema *schema, edb_schedule **out,
                       edb_error *error) {
  edb_attempts attempts;
  EDB_TRY(edb_attempts_init(&scratch->ctx, dag, schema, &attempts, error));
  edb_status status = edb_attempt_policy(&attempts, policy, error);
  if (status == EDB_OK && schema != NULL) status = regroup(&attempts, error);
  edb_schedule *s = NULL;
  if (status == EDB_OK) status = schedule_alloc(ctx, attempts.best.count, dag->n_nodes, &s, error);
  if (status == EDB_OK) {
    fill(&attempts, dag, s);
    *out = s;
  }
  edb_attempts_free(&attempts);
  return status;
}

static edb_status schedule(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                           const edb_schema *schema, edb_schedule **out, edb_error *error) {
  edb_scratch scratch;
  edb_scratch_init(&scratch, ctx, scratch_bytes(dag));
  edb_status status = find(ctx, &scratch, policy, dag, schema, out, error);
  edb_scratch_free(&scratch);
  return status;
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
  edb_free(s->ctx, s->memory, s->memory_bytes);
  edb_free(s->ctx, s, sizeof *s);
}

edb_schedule_info edb_schedule_describe(const edb_schedule *schedule) {
  return schedule->info;
}

uint32_t edb_schedule_batch(const edb_schedule *s, uint32_t i, uint32_t *type,
                            const edb_node **nodes) {
  if (i >= s->info.n_batches) return 0;
  *type = s->batch_type[i];
  *nodes = s->nodes + s->batch_start[i];
  return s->batch_start[i + 1] - s->batch_start[i];
}
