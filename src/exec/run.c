/* exec/run.c: runs a placed mini-batch: all threads batch by batch, or each a strand of it. */
#include <string.h>

#include "base/clock.h"
#include "exec/job.h"

/* ---- Rows ---------------------------------------------------------------------------------------
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

/* Only what is kept can be read. */
static void keep_rows(const edb_job *job) {
  const edb_placement *p = job->placement;
  const edb_store *store = &job->store;
  const uint32_t *start = store->start.data + (p->first - store->base);
  size_t values = start[p->n_nodes] - start[0];
  if (values > 0) memset(store->rows.data + start[0], 0, values * sizeof(char *));
  for (uint32_t b = 0; b < p->n_batches; b++) {
    const uint8_t *kept = p->kept + p->kept_start[job->schedule->batch_type[b]];
    for (uint32_t k = p->output_start[b]; k < p->output_start[b + 1]; k++)
      if (kept[k - p->output_start[b]])
        bind_output(store, p, b, k, job->slab, job->session->backend->element_bytes);
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

/* ---- Jobs ---------------------------------------------------------------------------------------
 */

edb_status edb_job_run_batches(edb_job *job, const edb_graph *graph, edb_store *store,
                               const edb_schedule *schedule, const edb_placement *p) {
  edb_session *s = job->session;
  edb_status status = EDB_OK;
  if (p->direct) store->placed = (edb_placed){p, 0, job->slab};
  store->run_bytes = p->slab_floats * s->backend->element_bytes + store->table_bytes;
  for (uint32_t b = 0; b < schedule->info.n_batches && status == EDB_OK; b++) {
    uint32_t from = schedule->batch_start[b];
    uint64_t begin = s->batch_ns ? edb_clock_ns() : 0;
    store->placed.batch = b;
    uint32_t type = schedule->batch_type[b];
    store->outputs = p->lends[type] ? p->outputs + p->output_start[b] : NULL;
    status = s->backend->run_batch(job->state, graph, store, type, p->nodes + from,
                                   schedule->batch_start[b + 1] - from, &job->stats, &job->error);
    if (s->batch_ns) s->batch_ns[b] = edb_clock_ns() - begin;
  }
  store->placed = (edb_placed){0};
  store->outputs = NULL;
  return status;
}

/* Of a graph that runs as it is. */
static edb_status run_as_it_is(edb_job *job) {
  edb_session_bind_rows(job->session, &job->store, &job->graph, job->schedule, job->placement,
                        job->slab);
  EDB_TRY(edb_job_run_batches(job, &job->graph, &job->store, job->schedule, job->placement));
  keep_rows(job);
  return EDB_OK;
}

edb_status edb_job_run(edb_job *job) {
  return job->reduced ? edb_reduction_run(job) : run_as_it_is(job);
}

static edb_status take_slab(edb_job *job, edb_error *error) {
  edb_session *s = job->session;
  uint32_t slab, pending = edb_graph_pending_count(&job->graph);
  size_t bytes = job->placement->slab_floats * s->backend->element_bytes;
  if (job->reduced) bytes += edb_reduction_homeless_bytes(job);
  EDB_TRY(edb_store_take(&s->store, bytes, pending, &slab, error));
  if (s->store.stepped) edb_session_release_pending(s, &job->graph); /* not gone on with */
  job->slab = s->store.slabs.data[slab].data;
  job->store = s->store;
  uint32_t *slab_of = s->store.slab_of.data + (job->graph.first - s->store.base);
  for (uint32_t i = 0; i < pending; i++) slab_of[i] = slab;
  return EDB_OK;
}

/* What runs it; weights are packed before jobs run side by side. */
static edb_status take_state(edb_job *job, uint32_t strand, edb_error *error) {
  const edb_session *s = job->session;
  const edb_reduced *x = job->placement->reduced;
  size_t scratch = job->placement->scratch_bytes;
  job->state =
      x ? edb_reduction_cut(&job->session->reduction, x)->state : edb_session_plain_state(s);
  if (strand == EDB_ALL_THREADS) return s->backend->begin(job->state, scratch, s->timing, error);
  EDB_TRY(s->backend->begin(job->state, 0, s->timing, error));
  const edb_schedule *schedule = x ? &x->schedule : job->schedule;
  s->backend->prepare(job->state, schedule->batch_type, schedule->info.n_batches);
  for (uint32_t i = 0; x && i < x->n_tabled; i++)
    s->backend->prepare(job->state, &x->tabled[i].cell, 1);
  job->state = s->backend->strand(job->state, strand);
  return s->backend->begin(job->state, scratch, s->timing, error);
}

edb_status edb_job_open(edb_session *s, uint32_t index, uint32_t strand, bool forget,
                        edb_error *error) {
  edb_job *job = &s->jobs[index];
  job->session = s;
  job->reduced = job->placement->reduced ? &s->reduction.runs[index] : NULL;
  job->stats = (edb_run_stats){0};
  EDB_TRY(take_state(job, strand, error));
  if (!job->reduced) return take_slab(job, error);
  edb_status status = edb_reduction_look_up(job, forget, error);
  if (status == EDB_OK) status = take_slab(job, error);
  if (status == EDB_OK) status = edb_reduction_make_rows(job, error);
  if (status != EDB_OK) edb_reduction_forget_rows(job);
  return status;
}

void edb_job_collect(const edb_job *job, uint32_t parts) {
  const edb_run_stats *from = &job->stats;
  edb_run_stats *to = &job->session->stats;
  to->copy_ns += from->copy_ns / parts;
  to->product_ns += from->product_ns / parts;
  to->elementwise_ns += from->elementwise_ns / parts;
  to->kernels += from->kernels;
  to->bytes_copied += from->bytes_copied;
  to->input_gathers += from->input_gathers;
  to->internal_gathers += from->internal_gathers;
  to->internal_bytes += from->internal_bytes;
  to->rows_stored_again += from->rows_stored_again;
  to->rows_through_pointers += from->rows_through_pointers;
  to->flops += from->flops;
  to->shared += from->shared;
  to->looked_up += from->looked_up;
  to->table_rows += from->table_rows;
  to->hoisted_batches += from->hoisted_batches;
}

/* ---- Runs ---------------------------------------------------------------------------------------
 */

void edb_session_release_pending(edb_session *s, const edb_graph *graph) {
  for (edb_node n = graph->first; n < edb_graph_node_count(graph); n++)
    edb_store_release(&s->store, n);
  s->store.stepped = false;
}

edb_status edb_jobs_sync(edb_session *s, const edb_graph *graph, bool *forget, edb_error *error) {
  *forget = !edb_store_follows(&s->store, graph);
  s->reduction.made_ns = 0;
  EDB_TRY(edb_store_sync(&s->store, graph, error));
  return check_inputs(s, graph, error);
}

edb_status edb_session_run_whole(edb_session *s, const edb_graph *graph,
                                 const edb_schedule *schedule, const edb_placement *p,
                                 edb_error *error) {
  edb_job *job = &s->jobs[0];
  bool forget;
  EDB_TRY(edb_jobs_sync(s, graph, &forget, error));
  if (p->n_nodes == 0) return EDB_OK;
  job->graph = *graph;
  job->schedule = schedule;
  job->placement = p;
  edb_status status = edb_job_open(s, 0, EDB_ALL_THREADS, forget, error);
  if (status == EDB_OK) {
    status = edb_job_run(job);
    if (status != EDB_OK && error) *error = job->error;
  }
  if (status != EDB_OK) {
    edb_session_release_pending(s, graph);
    return status;
  }
  edb_job_collect(job, 1);
  edb_reduction_prepare(s, graph, schedule);
  edb_reduction_weigh(s, 1);
  return EDB_OK;
}
