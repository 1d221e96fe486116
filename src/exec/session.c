/* exec/session.c: a session: graph -> schedule -> placement -> batches on a backend -> values. */
#include "exec/session.h"

#include <string.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/sized.h"

/* ---- Life ---------------------------------------------------------------------------------------
 */

static edb_status open_program(edb_session *s, edb_error *error) {
  s->program = edb_model_program(s->model);
  if (s->granularity == EDB_GRANULARITY_CELL) return EDB_OK;
  EDB_TRY(edb_lowering_create(s->ctx, s->model, &s->lowering, error));
  s->program = edb_lowering_program(s->lowering);
  return edb_graph_create_schema(s->ctx, &s->program->schema, &s->lowered, error);
}

/* More threads than processors could only be in each other's way. */
static edb_status open_pool(edb_session *s, const edb_session_params *params, edb_error *error) {
  edb_pool_params pool = {
      .threads = params->threads, .executor = s->ctx->executor, .pin = params->pin_threads};
  uint32_t processors = pool.threads > 1 ? edb_cpu_count() : 1;
  if (!pool.executor.run && pool.threads > processors) pool.threads = processors;
  return edb_pool_create(s->ctx, &pool, &s->pool, error);
}

/* The program whose cells run: those of `program`, in parts where these are split. */
static const edb_program *run_program(const edb_session *s) {
  return s->reduction.by_attributes.split ? &s->reduction.by_attributes.split->program : s->program;
}

edb_status edb_session_open_whole(edb_session *s, void **state, edb_error *error) {
  const edb_split *split = s->reduction.by_attributes.split;
  bool same = !split || !edb_split_any(split);
  if (!same && !s->whole)
    EDB_TRY(
        s->backend->create(s->ctx, s->program, s->weights, &s->params, s->pool, &s->whole, error));
  *state = same ? s->state : s->whole;
  return EDB_OK;
}

/* What runs graphs as they are. Cells that were split are whole when nothing may be reduced. */
static void *plain_state(const edb_session *s) {
  return s->reduction.off && s->whole ? s->whole : s->state;
}

static edb_status check_create(const edb_model *model, const edb_weights *weights,
                               const edb_session_params *params, edb_error *error) {
  EDB_FAIL_IF(weights->model != model, error, EDB_ERROR_MISMATCH,
              "the weights were made for another model (\"%s\") than that of the session (\"%s\")",
              edb_model_name(weights->model), edb_model_name(model));
  EDB_FAIL_IF(params->device != EDB_DEVICE_CPU && params->device != EDB_DEVICE_REFERENCE, error,
              EDB_ERROR_ARGUMENT, "there is no device %d", (int)params->device);
  EDB_FAIL_IF(params->precision != EDB_PRECISION_F32 && params->precision != EDB_PRECISION_BF16,
              error, EDB_ERROR_ARGUMENT, "there is no precision %d", (int)params->precision);
  EDB_FAIL_IF(params->device == EDB_DEVICE_REFERENCE && params->precision != EDB_PRECISION_F32,
              error, EDB_ERROR_ARGUMENT,
              "the reference device computes in float64 and has no other precision");
  EDB_FAIL_IF(params->granularity != EDB_GRANULARITY_CELL &&
                  params->granularity != EDB_GRANULARITY_OP,
              error, EDB_ERROR_ARGUMENT, "there is no granularity %d", (int)params->granularity);
  EDB_FAIL_IF(params->layout != EDB_LAYOUT_PLANNED && params->layout != EDB_LAYOUT_CREATED, error,
              EDB_ERROR_ARGUMENT, "there is no layout %d", (int)params->layout);
  EDB_FAIL_IF((int)params->placement < 0 || params->placement > EDB_PLACEMENT_DIRECT, error,
              EDB_ERROR_ARGUMENT, "there is no placement %d", (int)params->placement);
  return EDB_OK;
}

edb_status edb_session_create(edb_context *ctx, const edb_model *model, const edb_weights *weights,
                              const edb_session_params *params, edb_session **out,
                              edb_error *error) {
  EDB_REQUIRE(error, ctx, model, weights, out);
  EDB_TAKE_PARAMS(edb_session_params, p, params, error);
  EDB_TRY(check_create(model, weights, &p, error));
  edb_session *s = edb_alloc_zero(ctx, sizeof *s);
  if (!s) return edb_fail_memory(error, sizeof *s, "a session");
  s->ctx = ctx;
  s->id = edb_context_new_id(ctx);
  s->model = model;
  s->weights = weights;
  s->params = p;
  s->rule = edb_row_rule_of(p.costs, edb_context_caches(ctx).l2_bytes);
  s->granularity = p.granularity;
  s->memory_cap_bytes = p.memory_cap_bytes;
  s->backend = p.device == EDB_DEVICE_CPU ? &edb_backend_cpu : &edb_backend_reference;
  edb_store_init(&s->store, ctx);
  edb_status status = open_program(s, error);
  if (status == EDB_OK) status = open_pool(s, &p, error);
  if (status == EDB_OK) status = edb_reduction_open(s, error);
  if (status == EDB_OK)
    status = s->backend->create(ctx, run_program(s), weights, &p, s->pool, &s->state, error);
  s->reduction.by_attributes.state = s->state;
  if (status != EDB_OK) {
    edb_session_destroy(s);
    return status;
  }
  *out = s;
  return EDB_OK;
}

void edb_session_destroy(edb_session *s) {
  if (!s) return;
  if (s->state) s->backend->destroy(s->state);
  if (s->whole) s->backend->destroy(s->whole);
  edb_reduction_close(s);
  edb_pool_destroy(s->pool);
  edb_store_free(&s->store);
  edb_lower_map_free(s->ctx, &s->map);
  edb_graph_destroy(s->lowered);
  edb_lowering_destroy(s->lowering);
  edb_free(s->ctx, s, sizeof *s);
}

uint32_t edb_session_threads(const edb_session *s) {
  return edb_pool_threads(s->pool);
}

/* ---- Lowering -----------------------------------------------------------------------------------
 */

static void forget_lowered(edb_session *s) {
  edb_graph_clear(s->lowered);
  s->map.values.length = s->map.values_start.length = 0;
  s->lowered_from = NULL;
}

edb_status edb_session_lower(edb_session *s, const edb_graph *graph, const edb_graph **out,
                             edb_error *error) {
  EDB_REQUIRE(error, s, graph, out);
  EDB_FAIL_IF(graph->schema != &edb_model_program(s->model)->schema, error, EDB_ERROR_MISMATCH,
              "the graph is of another model than the session");
  if (s->granularity == EDB_GRANULARITY_CELL) {
    *out = graph;
    return EDB_OK;
  }
  if (!edb_session_has_lowered(s, graph)) forget_lowered(s);
  if (!s->lowered_from || s->map.values_start.length < edb_graph_node_count(graph)) {
    edb_status status = edb_lower_graph(s->lowering, graph, s->lowered, &s->map, error);
    if (status != EDB_OK) {
      if (graph->first == 0) forget_lowered(s); /* else values of runs are there */
      return status;
    }
  }
  s->lowered_generation = graph->generation;
  s->lowered_from = graph;
  *out = s->lowered;
  return EDB_OK;
}

/* ---- Placement ----------------------------------------------------------------------------------
 */

edb_placement_request edb_session_request(const edb_session *s, const edb_program *program,
                                          const void *state, const edb_keep *keep) {
  return (edb_placement_request){.program = program,
                                 .inputs = s->backend->inputs ? s->backend->inputs(state) : NULL,
                                 .kind = s->params.placement,
                                 .rule = &s->rule,
                                 .borrows = s->backend->borrows ? s->backend->borrows(state) : NULL,
                                 .keep = keep,
                                 .count_live = s->timing};
}

size_t edb_session_scratch_bytes(const edb_session *s, const void *state, const edb_graph *graph,
                                 const edb_schedule *schedule, const edb_placement *p) {
  edb_schedule ordered = *schedule;
  ordered.nodes = p->nodes;
  return s->backend->scratch_bytes(state, graph, &ordered);
}

/* What a session at operator granularity has of the mini-batch before it is placed. */
static size_t lowered_bytes(const edb_session *s) {
  if (s->granularity == EDB_GRANULARITY_CELL) return 0;
  return edb_graph_memory_bytes(s->lowered) + s->map.values.capacity * sizeof *s->map.values.data +
         s->map.values_start.capacity * sizeof *s->map.values_start.data;
}

static edb_status place(const edb_session *s, const edb_graph *lowered,
                        const edb_schedule *schedule, const edb_keep *keep, edb_placement **out,
                        edb_error *error) {
  edb_placement *p;
  edb_placement_request request = edb_session_request(s, s->program, plain_state(s), keep);
  uint8_t *kept = NULL;
  size_t kept_bytes = 0;
  if (s->granularity == EDB_GRANULARITY_OP) {
    EDB_TRY(edb_session_kept_operators(s, keep, &kept, &kept_bytes, error));
    request.keep = NULL;
    request.kept = kept;
  }
  edb_status status = edb_placement_make(s->ctx, &request, lowered, schedule, &p, error);
  edb_free(s->ctx, kept, kept_bytes);
  if (status != EDB_OK) return status;
  p->scratch_bytes = edb_session_scratch_bytes(s, plain_state(s), lowered, schedule, p);
  p->peak_bytes = p->slab_floats * s->backend->element_bytes + p->scratch_bytes +
                  edb_placement_table_bytes(p) + (size_t)p->n_nodes * 2 * sizeof(uint32_t) +
                  edb_placement_values(p) * sizeof(char *) + lowered_bytes(s);
  *out = p;
  return EDB_OK;
}

edb_status edb_placement_create(const edb_session *s, const edb_graph *lowered,
                                const edb_schedule *schedule, const edb_keep *keep,
                                edb_placement **out, edb_error *error) {
  EDB_REQUIRE(error, s, lowered, schedule, out);
  EDB_FAIL_IF(lowered->schema != &s->program->schema, error, EDB_ERROR_MISMATCH,
              "the graph is not one that this session runs; see edb_session_lower");
  edb_placement *p;
  bool sought;
  EDB_TRY(edb_reduction_place(s, lowered, schedule, keep, &p, &sought, error));
  if (!p) EDB_TRY(place(s, lowered, schedule, keep, &p, error));
  p->sought = sought;
  p->session = s->id;
  if (s->memory_cap_bytes && p->peak_bytes > s->memory_cap_bytes) {
    edb_status status = edb_fail(error, EDB_ERROR_LIMIT,
                                 "the mini-batch needs %zu bytes, the session may use %zu: run "
                                 "fewer instances at once, or keep fewer outputs",
                                 p->peak_bytes, s->memory_cap_bytes);
    edb_placement_destroy(p);
    return status;
  }
  *out = p;
  return EDB_OK;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

/* Addresses of one output of a batch. */
static inline void bind_output(const edb_store *store, const edb_placement *p, uint32_t batch,
                               uint32_t k, char *slab, size_t element) {
  const edb_node *nodes = p->nodes + p->batch_start[batch];
  const uint32_t *start = store->start.data;
  uint32_t n = p->batch_start[batch + 1] - p->batch_start[batch], base = store->base;
  char **rows = store->rows.data + (k - p->output_start[batch]);
  if (p->outputs[k].offset == EDB_ROWS_APART) {
    for (uint32_t i = 0; i < n; i++)
      rows[start[nodes[i] - base]] = slab + edb_placement_offset(p, k, i) * element;
    return;
  }
  char *row = slab + p->outputs[k].offset * element;
  size_t bytes = p->outputs[k].stride * element;
  for (uint32_t i = 0; i < n; i++, row += bytes) rows[start[nodes[i] - base]] = row;
}

/* The same of one whose rows are parameters. Nothing writes to them. */
static void bind_borrowed(const edb_session *s, const edb_store *store, const edb_graph *g,
                          const edb_placement *p, uint32_t batch, uint32_t k, uint32_t type) {
  uint32_t output = k - p->output_start[batch];
  edb_borrow from = p->borrows[p->kept_start[type] + output];
  const float *row = edb_weights_param(s->weights, from.param);
  bool whole = from.index == EDB_BORROW_WHOLE;
  edb_shape shape = s->program->params[from.param].shape;
  size_t width = whole ? 0 : edb_shape_size(shape) / shape.dim[0];
  for (uint32_t i = p->batch_start[batch]; i < p->batch_start[batch + 1]; i++) {
    edb_node node = p->nodes[i];
    size_t index = 0;
    if (!whole)
      index = (size_t)edb_graph_arities(
          g, node - g->base)[g->schema->types[type].n_variadic + from.index];
    store->rows.data[store->start.data[node - store->base] + output] =
        (char *)(uintptr_t)(row + index * width);
  }
}

void edb_session_bind_rows(const edb_session *s, edb_store *store, const edb_graph *graph,
                           const edb_schedule *schedule, const edb_placement *p, char *slab) {
  size_t element = s->backend->element_bytes;
  for (uint32_t b = 0; b < p->n_batches; b++) {
    uint32_t type = schedule->batch_type[b];
    bool lends = p->lends[type];
    for (uint32_t k = p->output_start[b]; k < p->output_start[b + 1]; k++)
      if (lends && p->outputs[k].offset == EDB_ROWS_BORROWED)
        bind_borrowed(s, store, graph, p, b, k, type);
      else
        bind_output(store, p, b, k, slab, element);
  }
}

/* Addresses of all values of the run. */
static void bind_rows(edb_session *s, const edb_graph *graph, const edb_schedule *schedule,
                      const edb_placement *p, uint32_t slab) {
  edb_session_bind_rows(s, &s->store, graph, schedule, p, s->store.slabs.data[slab].data);
  uint32_t *slab_of = s->store.slab_of.data + (p->first - s->store.base);
  for (uint32_t i = 0; i < p->n_nodes; i++) slab_of[i] = slab;
}

/* Only what is kept can be read. */
static void keep_rows(edb_session *s, const edb_schedule *schedule, const edb_placement *p,
                      char *slab) {
  const uint32_t *start = s->store.start.data + (p->first - s->store.base);
  size_t values = start[p->n_nodes] - start[0];
  if (values > 0) memset(s->store.rows.data + start[0], 0, values * sizeof(char *));
  for (uint32_t b = 0; b < p->n_batches; b++) {
    const uint8_t *kept = p->kept + p->kept_start[schedule->batch_type[b]];
    for (uint32_t k = p->output_start[b]; k < p->output_start[b + 1]; k++)
      if (kept[k - p->output_start[b]])
        bind_output(&s->store, p, b, k, slab, s->backend->element_bytes);
  }
}

static edb_status fail_not_kept(const edb_graph *g, edb_node node, uint32_t output,
                                edb_error *error) {
  const edb_type_sig *sig = &g->schema->types[edb_graph_node_cell(g, node)];
  return edb_fail(error, EDB_ERROR_STATE,
                  "output \"%s\" of node %u, a call of \"%s\", is an input and was not kept by its "
                  "run",
                  sig->outputs[output].name, node, sig->name);
}

/* Inputs from earlier runs must still be there. */
static edb_status check_inputs(const edb_session *s, const edb_graph *g, edb_error *error) {
  if (g->first == g->base) return EDB_OK;
  uint32_t first = g->first - g->base;
  for (uint32_t e = g->edge_start[first]; e < g->edge_start[g->n_nodes]; e++) {
    edb_node from = g->edge_node[e];
    if (from >= g->first) continue;
    if (!edb_store_has(&s->store, from) || !edb_store_row(&s->store, from, g->edge_output[e]))
      return fail_not_kept(g, from, g->edge_output[e], error);
  }
  return EDB_OK;
}

edb_status edb_session_run_batches(edb_session *s, void *state, const edb_graph *graph,
                                   edb_store *store, const edb_schedule *schedule,
                                   const edb_placement *p, char *slab, edb_error *error) {
  edb_status status = EDB_OK;
  if (p->direct) store->placed = (edb_placed){p, 0, slab};
  store->run_bytes = p->slab_floats * s->backend->element_bytes + store->table_bytes;
  for (uint32_t b = 0; b < schedule->info.n_batches && status == EDB_OK; b++) {
    uint32_t from = schedule->batch_start[b];
    uint64_t begin = s->batch_ns ? edb_clock_ns() : 0;
    store->placed.batch = b;
    uint32_t type = schedule->batch_type[b];
    store->outputs = p->lends[type] ? p->outputs + p->output_start[b] : NULL;
    status = s->backend->run_batch(state, graph, store, type, p->nodes + from,
                                   schedule->batch_start[b + 1] - from, &s->stats, error);
    if (s->batch_ns) s->batch_ns[b] = edb_clock_ns() - begin;
  }
  store->placed = (edb_placed){0};
  store->outputs = NULL;
  return status;
}

void edb_session_release_pending(edb_session *s, const edb_placement *p) {
  for (uint32_t i = 0; i < p->n_nodes; i++) edb_store_release(&s->store, p->first + i);
  s->store.stepped = false;
}

static edb_status run_as_it_is(edb_session *s, const edb_graph *graph, const edb_schedule *schedule,
                               const edb_placement *p, edb_error *error) {
  uint32_t slab;
  EDB_TRY(s->backend->begin(plain_state(s), p->scratch_bytes, s->timing, error));
  EDB_TRY(edb_store_take(&s->store, p->slab_floats * s->backend->element_bytes, p->n_nodes, &slab,
                         error));
  if (s->store.stepped) edb_session_release_pending(s, p); /* they were not gone on with */
  bind_rows(s, graph, schedule, p, slab);
  edb_status status = edb_session_run_batches(s, plain_state(s), graph, &s->store, schedule, p,
                                              s->store.slabs.data[slab].data, error);
  if (status == EDB_OK)
    keep_rows(s, schedule, p, s->store.slabs.data[slab].data);
  else
    edb_session_release_pending(s, p);
  return status;
}

static edb_status run_placed(edb_session *s, edb_graph *graph, const edb_schedule *schedule,
                             const edb_placement *p, edb_error *error) {
  EDB_FAIL_IF(p->session != s->id, error, EDB_ERROR_ARGUMENT,
              "the placement was made by another session");
  EDB_FAIL_IF(p->graph != graph || p->generation != graph->generation || p->first != graph->first ||
                  p->n_nodes != edb_graph_pending_count(graph),
              error, EDB_ERROR_ARGUMENT,
              "the placement was made for another graph, or before this one changed");
  EDB_FAIL_IF(!edb_placement_fits(p, schedule), error, EDB_ERROR_ARGUMENT,
              "the placement was made for another schedule");
  bool forget = !edb_store_follows(&s->store, graph);
  EDB_TRY(edb_store_sync(&s->store, graph, error));
  EDB_TRY(check_inputs(s, graph, error));
  if (p->n_nodes == 0) return EDB_OK;
  EDB_TRY(p->reduced ? edb_reduction_run(s, graph, p, forget, error)
                     : run_as_it_is(s, graph, schedule, p, error));
  edb_reduction_prepare(s, graph, schedule);
  edb_reduction_weigh(s, graph, schedule, p);
  edb_graph_mark_run(graph);
  return EDB_OK;
}

edb_status edb_session_run_placed(edb_session *s, edb_graph *graph, const edb_schedule *schedule,
                                  const edb_placement *placement, edb_error *error) {
  EDB_REQUIRE(error, s, graph, schedule, placement);
  const edb_graph *lowered;
  EDB_TRY(edb_session_lower(s, graph, &lowered, error));
  uint64_t begin = edb_clock_ns();
  s->stats = (edb_run_stats){.nodes = schedule->info.n_nodes,
                             .batches = schedule->info.n_batches,
                             .bound = schedule->info.bound,
                             .misses = schedule->info.misses,
                             .peak_bytes = placement->peak_bytes,
                             .slab_bytes = placement->slab_floats * s->backend->element_bytes,
                             .live_bytes = placement->live_bytes};
  if (s->granularity == EDB_GRANULARITY_CELL) {
    EDB_TRY(run_placed(s, graph, schedule, placement, error));
  } else {
    EDB_TRY(run_placed(s, s->lowered, schedule, placement, error));
    edb_graph_mark_run(graph);
  }
  s->stats.run_ns = edb_clock_ns() - begin;
  return EDB_OK;
}

edb_status edb_session_run(edb_session *s, edb_graph *graph, const edb_policy *policy,
                           const edb_keep *keep, edb_error *error) {
  EDB_REQUIRE(error, s, graph, policy);
  const edb_graph *lowered;
  edb_schedule *schedule = NULL;
  edb_placement *placement = NULL;
  edb_status status;
  EDB_TRY(edb_session_lower(s, graph, &lowered, error));
  uint64_t t0 = edb_clock_ns();
  EDB_TRY(edb_schedule_create(s->ctx, policy, lowered, &schedule, error));
  uint64_t t1 = edb_clock_ns();
  EDB_TRY_GOTO(status, edb_placement_create(s, lowered, schedule, keep, &placement, error),
               cleanup);
  uint64_t t2 = edb_clock_ns();
  EDB_TRY_GOTO(status, edb_session_run_placed(s, graph, schedule, placement, error), cleanup);
  s->stats.schedule_ns = t1 - t0;
  s->stats.placement_ns = t2 - t1;
cleanup:
  edb_placement_destroy(placement);
  edb_schedule_destroy(schedule);
  return status;
}

/* ---- Types -------------------------------------------------------------------------------------
 */

uint32_t edb_session_type_count(const edb_session *s) {
  return s->program->n_cells;
}

const char *edb_session_type_name(const edb_session *s, uint32_t type) {
  return type < s->program->n_cells ? s->program->cells[type].sig.name : NULL;
}

/* ---- Statistics and the rest -------------------------------------------------------------------
 */

void edb_session_stats_into(const edb_session *s, edb_run_stats *out, size_t bytes) {
  edb_sized_give(out, bytes, &s->stats, sizeof s->stats);
}

void edb_session_set_timing(edb_session *s, bool on) {
  s->timing = on;
}
