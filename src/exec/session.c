/* exec/session.c: a session: graph -> schedule -> placement -> batches on a backend -> values. */
#include "exec/job.h"

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

static size_t jobs_bytes(const edb_session *s) {
  return edb_pool_threads(s->pool) * sizeof *s->jobs;
}

static edb_status open_jobs(edb_session *s, edb_error *error) {
  s->jobs = edb_alloc(s->ctx, jobs_bytes(s));
  return s->jobs ? EDB_OK : edb_fail_memory(error, jobs_bytes(s), "a session");
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

void *edb_session_plain_state(const edb_session *s) {
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
  EDB_FAIL_IF((int)params->threads_by < 0 || params->threads_by > EDB_THREADS_INSTANCES, error,
              EDB_ERROR_ARGUMENT, "there is no way %d for threads to share a mini-batch",
              (int)params->threads_by);
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
  if (status == EDB_OK) status = open_jobs(s, error);
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
  edb_policy_destroy(s->policy);
  if (s->jobs) edb_free(s->ctx, s->jobs, jobs_bytes(s));
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
size_t edb_session_lowered_bytes(const edb_session *s) {
  if (s->granularity == EDB_GRANULARITY_CELL) return 0;
  return edb_graph_memory_bytes(s->lowered) + s->map.values.capacity * sizeof *s->map.values.data +
         s->map.values_start.capacity * sizeof *s->map.values_start.data;
}

static edb_status place_plain(const edb_session *s, bool in_strands, const edb_graph *lowered,
                              const edb_schedule *schedule, const edb_keep *keep,
                              edb_placement **out, edb_error *error) {
  edb_placement *p;
  void *state = edb_session_plain_state(s);
  if (in_strands) state = s->backend->strand(state, 0);
  edb_placement_request request = edb_session_request(s, s->program, state, keep);
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
  p->scratch_bytes = edb_session_scratch_bytes(s, state, lowered, schedule, p);
  p->peak_bytes = p->slab_floats * s->backend->element_bytes + p->scratch_bytes +
                  edb_placement_table_bytes(p) + (size_t)p->n_nodes * 2 * sizeof(uint32_t) +
                  edb_placement_values(p) * sizeof(char *);
  *out = p;
  return EDB_OK;
}

edb_status edb_session_place(const edb_session *s, bool in_strands, const edb_graph *lowered,
                             const edb_schedule *schedule, const edb_keep *keep,
                             edb_placement **out, edb_error *error) {
  edb_placement *p;
  bool sought;
  EDB_TRY(edb_reduction_place(s, in_strands, lowered, schedule, keep, &p, &sought, error));
  if (!p) EDB_TRY(place_plain(s, in_strands, lowered, schedule, keep, &p, error));
  p->sought = sought;
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
  EDB_TRY(edb_session_place(s, false, lowered, schedule, keep, &p, error));
  p->peak_bytes += edb_session_lowered_bytes(s);
  p->session = s->id;
  if (s->memory_cap_bytes > 0 && p->peak_bytes > s->memory_cap_bytes) {
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
  EDB_TRY(edb_session_run_whole(s, graph, schedule, p, error));
  if (p->n_nodes == 0) return EDB_OK;
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

/* All threads together. */
static edb_status run_whole(edb_session *s, edb_graph *graph, const edb_graph *lowered,
                            const edb_policy *policy, const edb_keep *keep, edb_error *error) {
  edb_schedule *schedule = NULL;
  edb_placement *placement = NULL;
  edb_status status;
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

static edb_status run_in_strands(edb_session *s, edb_graph *graph, edb_graph *lowered,
                                 const edb_policy *policy, const edb_keep *keep, bool *done,
                                 edb_error *error) {
  EDB_TRY(edb_strands_run(s, lowered, policy, keep, done, error));
  if (!*done) return EDB_OK;
  edb_graph_mark_run(lowered);
  if (lowered != graph) edb_graph_mark_run(graph);
  return EDB_OK;
}

edb_status edb_session_run(edb_session *s, edb_graph *graph, const edb_policy *policy,
                           const edb_keep *keep, edb_error *error) {
  EDB_REQUIRE(error, s, graph);
  const edb_graph *lowered;
  bool done = false;
  uint32_t n_nodes = edb_graph_pending_count(graph);
  EDB_TRY(edb_session_lower(s, graph, &lowered, error));
  if (!policy) EDB_TRY(edb_session_policy(s, &policy, error));
  uint64_t begin = edb_clock_ns();
  bool in_strands = edb_strands_wanted(s, n_nodes);
  if (in_strands)
    EDB_TRY(run_in_strands(s, graph, s->lowered ? s->lowered : graph, policy, keep, &done, error));
  if (!done) EDB_TRY(run_whole(s, graph, lowered, policy, keep, error));
  edb_strands_note(s, n_nodes, in_strands, edb_clock_ns() - begin);
  return EDB_OK;
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
