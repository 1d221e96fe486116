/* layout/batching.c: a cell's operators as a typed graph, and its shortest schedule. */
#include "layout/batching.h"

#include <string.h>

#include "layout/batching_impl.h"
#include "policy/policy.h"

/* Beyond the exact search of small graphs, `exact` looks at the clock; a plan must not. */
#define NO_SECONDS 1e-9

/* ---- The graph ------------------------------------------------------------------------------- */

typedef struct op_graph {
  edb_dag dag;
  uint32_t *in_start, *in_node; /* [n_ops + 1], [n_operands] */
  uint8_t *unbatchable;         /* [n_types] operators without a kernel run at once and apart */
} op_graph;

/* Edges are the operands that are results, views included: what a view shows must be there. */
static void fill_graph(const edb_batcher *b, op_graph *g) {
  uint32_t n = 0;
  for (uint32_t op = 0; op < b->cell->n_ops; op++) {
    g->in_start[op] = n;
    for (uint32_t i = 0; i < b->cell->ops[op].n_operands; i++) {
      edb_ref ref = edb_batching_operand(b->batching, op, i);
      if (ref.kind == EDB_REF_OP) g->in_node[n++] = ref.index;
    }
  }
  g->in_start[b->cell->n_ops] = n;
  memset(g->unbatchable, 0, b->n_types);
  g->unbatchable[0] = 1;
  g->dag = (edb_dag){.n_nodes = b->cell->n_ops,
                     .n_types = b->n_types,
                     .type = b->type,
                     .in_start = g->in_start,
                     .in_node = g->in_node,
                     .unbatchable = g->unbatchable};
}

static edb_status schedule_by(const edb_batcher *b, const edb_dag *dag, edb_policy_kind kind,
                              edb_schedule **out, edb_error *error) {
  edb_policy *policy = NULL;
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.seconds = NO_SECONDS;
  EDB_TRY(edb_policy_create_with(b->ctx, kind, &params, &policy, error));
  edb_status status = edb_schedule_dag(b->ctx, policy, dag, out, error);
  edb_policy_destroy(policy);
  return status;
}

/* The policy `best`; where that is not known to be shortest and the cell is small, `exact`. */
static edb_status schedule_ops(const edb_batcher *b, const edb_dag *dag, edb_schedule **out) {
  edb_schedule *best = NULL, *exact = NULL;
  EDB_TRY(schedule_by(b, dag, EDB_POLICY_BEST, &best, b->error));
  bool shortest = best->info.n_batches <= best->info.bound;
  if (!shortest && b->cell->n_ops <= EDB_BATCHING_EXACT_OPS) {
    edb_status status = schedule_by(b, dag, EDB_POLICY_EXACT, &exact, b->error);
    if (status != EDB_OK && status != EDB_ERROR_LIMIT) {
      edb_schedule_destroy(best);
      return status;
    }
  }
  *out = exact ? exact : best;
  if (exact) edb_schedule_destroy(best);
  return EDB_OK;
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* The batches' operators, each batch in the order of the cell; types and rows are of no use any
 * more, so their arrays serve. `next` has room for all batches. */
static const uint32_t *sort_batches(const edb_batcher *b, const edb_schedule *s, uint32_t *next) {
  for (uint32_t i = 0; i < s->info.n_batches; i++) {
    next[i] = s->batch_start[i];
    for (uint32_t k = s->batch_start[i]; k < s->batch_start[i + 1]; k++) b->type[s->nodes[k]] = i;
  }
  for (uint32_t op = 0; op < b->cell->n_ops; op++) b->domain[next[b->type[op]]++] = op;
  return b->domain;
}

/* Batches with kernels, without those of views. */
static void read_schedule(const edb_batcher *b, const edb_schedule *s, uint32_t *next) {
  uint32_t without = 0;
  const uint32_t *ops = sort_batches(b, s, next);
  for (uint32_t i = 0; i < s->info.n_batches; i++) {
    uint32_t start = s->batch_start[i];
    if (s->batch_type[i] == 0)
      without++;
    else
      edb_batching_add(b->batching, ops + start, s->batch_start[i + 1] - start);
  }
  b->batching->bound = s->info.proven_bound - without;
}

static edb_status find_batches(edb_batcher *b) {
  size_t n_ops = b->cell->n_ops, words = n_ops + 1 + b->cell->n_operands;
  size_t bytes = words * sizeof(uint32_t) + b->n_types;
  uint32_t *memory = edb_alloc(b->ctx, bytes);
  if (!memory) return edb_fail_memory(b->error, bytes, "the graph of a cell's operators");
  op_graph graph = {.in_start = memory,
                    .in_node = memory + n_ops + 1,
                    .unbatchable = (uint8_t *)(memory + words)};
  fill_graph(b, &graph);
  edb_schedule *schedule = NULL;
  edb_status status = schedule_ops(b, &graph.dag, &schedule);
  if (status == EDB_OK) read_schedule(b, schedule, graph.in_start);
  edb_schedule_destroy(schedule);
  edb_free(b->ctx, memory, bytes);
  return status;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static edb_status new_batching(edb_context *ctx, const edb_program *program, uint32_t cell,
                               edb_batching **out, edb_error *error) {
  size_t n = program->cells[cell].n_ops;
  size_t bytes = (3 * n + 1) * sizeof(uint32_t) + 2 * n;
  edb_batching *b = edb_alloc_zero(ctx, sizeof *b);
  if (!b) return edb_fail_memory(error, sizeof *b, "the batches of a cell");
  *b = (edb_batching){.ctx = ctx,
                      .program = program,
                      .cell = &program->cells[cell],
                      .memory = edb_alloc_zero(ctx, bytes),
                      .memory_bytes = bytes};
  if (!b->memory) {
    edb_batching_destroy(b);
    return edb_fail_memory(error, bytes, "the batches of a cell");
  }
  b->batch_start = b->memory;
  b->ops = b->batch_start + n + 1;
  b->parts = b->ops + n;
  b->role = (uint8_t *)(b->parts + n);
  b->swapped = b->role + n;
  *out = b;
  return EDB_OK;
}

edb_status edb_batching_create(edb_context *ctx, const edb_program *program, uint32_t cell,
                               edb_batching **out, edb_error *error) {
  edb_batcher b = {.ctx = ctx, .error = error, .cell = &program->cells[cell]};
  EDB_TRY(new_batching(ctx, program, cell, &b.batching, error));
  edb_map_init(&b.types, ctx);
  edb_map_init(&b.stacks, ctx);
  size_t bytes = (2 * (size_t)b.cell->n_ops + 1) * sizeof(uint32_t);
  edb_status status = EDB_OK;
  b.domain = edb_alloc(ctx, bytes);
  if (!b.domain) {
    status = edb_fail_memory(error, bytes, "the types of a cell's operators");
    goto cleanup;
  }
  b.type = b.domain + b.cell->n_ops;
  EDB_TRY_GOTO(status, edb_batching_find_types(&b), cleanup);
  EDB_TRY_GOTO(status, find_batches(&b), cleanup);
cleanup:
  edb_free(ctx, b.domain, b.domain ? bytes : 0);
  edb_vec_free(ctx, &b.key);
  edb_vec_free(ctx, &b.stack_shapes);
  edb_map_free(&b.types);
  edb_map_free(&b.stacks);
  if (status == EDB_OK)
    *out = b.batching;
  else
    edb_batching_destroy(b.batching);
  return status;
}

void edb_batching_destroy(edb_batching *b) {
  if (!b) return;
  edb_free(b->ctx, b->memory, b->memory ? b->memory_bytes : 0);
  edb_free(b->ctx, b, sizeof *b);
}
