/* tools/measure.c: see measure.h. */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_VALUES 64

double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t since(double begin) {
  return (uint64_t)((seconds_now() - begin) * 1e9);
}

static uint64_t thread_cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double median_of(const double *values, uint32_t n) {
  double sorted[MAX_VALUES];
  if (n > MAX_VALUES) n = MAX_VALUES;
  if (n == 0) return 0;
  memcpy(sorted, values, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, compare_doubles);
  return sorted[n / 2];
}

void add_sums(sums *to, const sums *s) {
  to->instances += s->instances;
  to->nodes += s->nodes;
  to->mini_batches += s->mini_batches;
  to->kernels += s->kernels;
  to->bytes_copied += s->bytes_copied;
  to->shared += s->shared;
  to->looked_up += s->looked_up;
  to->table_rows += s->table_rows;
  to->hoisted_batches += s->hoisted_batches;
  to->rows_stored_again += s->rows_stored_again;
  to->rows_through_pointers += s->rows_through_pointers;
  to->graph_ns += s->graph_ns;
  to->schedule_ns += s->schedule_ns;
  to->placement_ns += s->placement_ns;
  to->waited_ns += s->waited_ns;
  to->copy_ns += s->copy_ns;
  to->product_ns += s->product_ns;
  to->elementwise_ns += s->elementwise_ns;
  to->all_ns += s->all_ns;
  to->cpu_ns += s->cpu_ns;
  to->flops += s->flops;
  if (s->peak_bytes > to->peak_bytes) to->peak_bytes = s->peak_bytes;
  if (s->slab_bytes > to->slab_bytes) to->slab_bytes = s->slab_bytes;
  if (s->live_bytes > to->live_bytes) to->live_bytes = s->live_bytes;
}

edb_status runner_open(runner *r, workplace *w, edb_granularity granularity) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.granularity = granularity;
  read_reduction(w->options, &params);
  (void)!read_threads(w->command, w->options, &params); /* the command has checked both */
  (void)!read_precision(w->command, w->options, &params.precision);
  params.placement = w->placement;
  params.costs = w->row_costs; /* the command has read them */
  return runner_open_with(r, w, &params);
}

edb_status runner_open_with(runner *r, workplace *w, const edb_session_params *params) {
  *r = (runner){.w = w};
  edb_status status = prepare_open(&r->preparer, w, params, &r->session, &r->error);
  if (status == EDB_OK) status = edb_graph_create(w->ctx, w->model, &r->graph, &r->error);
  uint32_t n_cells = edb_model_cell_count(w->model);
  r->loss = malloc(((size_t)n_cells + 1) * sizeof *r->loss);
  if (!r->loss && status == EDB_OK) {
    snprintf(r->error.text, sizeof r->error.text, "out of memory");
    return EDB_ERROR_MEMORY;
  }
  for (uint32_t c = 0; r->loss && c < n_cells; c++)
    r->loss[c] = edb_model_output(w->model, c, "loss");
  return status;
}

void runner_close(runner *r) {
  prepare_close(&r->preparer);
  edb_graph_destroy(r->graph);
  edb_session_destroy(r->session);
  free(r->loss);
  r->loss = NULL;
  r->graph = NULL;
  r->session = NULL;
}

edb_status runner_build(runner *r, uint32_t mini_batch, const edb_graph **lowered) {
  edb_graph_clear(r->graph);
  for (uint32_t i = 0; i < r->batch; i++) {
    edb_status status =
        edb_dataset_append(r->w->data, r->first + mini_batch * r->batch + i, r->graph, &r->error);
    if (status != EDB_OK) return status;
  }
  return edb_session_lower(r->session, r->graph, lowered, &r->error);
}

/* The losses are what inference is run for; they are read out like a user would. */
static double read_losses(const runner *r, const edb_graph *graph) {
  double sum = 0;
  edb_node end = edb_graph_node_count(graph);
  for (edb_node n = 0; n < end; n++) {
    edb_value value = {n, r->loss[edb_graph_node_cell(graph, n)]};
    float loss;
    if (value.output != UINT32_MAX &&
        edb_session_read(r->session, graph, value, &loss, 1, NULL) == EDB_OK)
      sum += loss;
  }
  return sum;
}

bool runner_has_loss(const edb_model *model) {
  for (uint32_t c = 0; c < edb_model_cell_count(model); c++)
    if (edb_model_output(model, c, "loss") != UINT32_MAX) return true;
  return false;
}

static edb_status run_next(runner *r, prepared **out) {
  uint32_t after = (r->next + 1) % r->n_batches;
  return prepare_run(&r->preparer, r->first + r->next * r->batch, r->batch,
                     r->first + after * r->batch, r->batch, out, &r->error);
}

edb_status runner_run(runner *r, const edb_policy *policy) {
  static const char *const loss[] = {"loss"};
  static const edb_keep keep = {loss, 1};
  prepared *m;
  bool losses = runner_has_loss(r->w->model);
  prepare_by(&r->preparer, policy, losses ? &keep : NULL);
  uint64_t cpu_begin = thread_cpu_ns();
  double begin = seconds_now();
  edb_status status = run_next(r, &m);
  if (status != EDB_OK) return status;
  r->sums.loss += losses ? read_losses(r, m->graph) : 0;
  edb_run_stats stats = edb_session_stats(r->session);
  sums one = {.instances = r->batch,
              .nodes = stats.nodes,
              .mini_batches = 1,
              .kernels = stats.kernels,
              .bytes_copied = stats.bytes_copied,
              .shared = stats.shared,
              .looked_up = stats.looked_up,
              .table_rows = stats.table_rows,
              .hoisted_batches = stats.hoisted_batches,
              .rows_stored_again = stats.rows_stored_again,
              .rows_through_pointers = stats.rows_through_pointers,
              .slab_bytes = stats.slab_bytes,
              .live_bytes = stats.live_bytes,
              .graph_ns = m->graph_ns,
              .schedule_ns = m->schedule_ns,
              .placement_ns = m->placement_ns,
              .waited_ns = m->waited_ns,
              .copy_ns = stats.copy_ns,
              .product_ns = stats.product_ns,
              .elementwise_ns = stats.elementwise_ns,
              .all_ns = since(begin),
              .cpu_ns = thread_cpu_ns() - cpu_begin,
              .flops = stats.flops,
              .peak_bytes = stats.peak_bytes};
  add_sums(&r->sums, &one);
  r->next = (r->next + 1) % r->n_batches;
  return EDB_OK;
}

edb_status runner_schedule(runner *r, const edb_policy *policy, uint32_t mini_batch,
                           edb_schedule **out) {
  const edb_graph *lowered;
  edb_status status = runner_build(r, mini_batch, &lowered);
  if (status != EDB_OK) return status;
  return edb_schedule_create(r->w->ctx, policy, lowered, out, &r->error);
}

edb_status runner_describe(runner *r, const edb_policy *policy, uint32_t mini_batch,
                           edb_schedule_info *info) {
  edb_schedule *schedule;
  edb_status status = runner_schedule(r, policy, mini_batch, &schedule);
  if (status != EDB_OK) return status;
  *info = edb_schedule_describe(schedule);
  edb_schedule_destroy(schedule);
  return EDB_OK;
}

edb_status runner_window(runner *r, const edb_policy *policy, double seconds, bool split) {
  double deadline = seconds_now() + seconds;
  edb_status status;
  r->sums = (sums){0};
  edb_session_set_timing(r->session, split);
  do status = runner_run(r, policy);
  while (status == EDB_OK && seconds_now() < deadline);
  return status;
}
