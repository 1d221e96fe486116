/* tools/bench_memory.c: what one mini-batch takes in memory, stage by stage. */
#include <sys/resource.h>

#include "bench.h"

static size_t resident_peak_bytes(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

/* What the context holds more than at the last look. */
static size_t grown(const workplace *w, size_t *last) {
  size_t now = edb_context_memory(w->ctx).current_bytes, before = *last;
  *last = now;
  return now > before ? now - before : 0;
}

static size_t parameter_bytes(const edb_model *model) {
  size_t bytes = 0;
  for (uint32_t p = 0; p < edb_model_param_count(model); p++) {
    size_t count = 1;
    for (uint32_t axis = 0; axis < edb_model_param_rank(model, p); axis++)
      count *= edb_model_param_dim(model, p, axis);
    bytes += count * sizeof(float);
  }
  return bytes;
}

static edb_status run_stages(runner *r, const edb_policy *policy, memory_use *m, size_t *last) {
  static const char *const loss[] = {"loss"};
  const edb_keep keep = {loss, 1};
  const edb_graph *lowered;
  edb_schedule *schedule = NULL;
  edb_placement *placement = NULL;
  edb_session_set_timing(r->session, true); /* only then are live values counted */
  edb_status status = runner_build(r, 0, &lowered);
  m->graph_bytes = grown(r->w, last);
  if (status == EDB_OK)
    status = edb_schedule_create(r->w->ctx, policy, lowered, &schedule, &r->error);
  m->schedule_bytes = grown(r->w, last);
  if (status == EDB_OK)
    status =
        edb_placement_create(r->session, lowered, schedule,
                             runner_has_loss(r->w->model) ? &keep : NULL, &placement, &r->error);
  m->placement_bytes = grown(r->w, last);
  if (status == EDB_OK)
    status = edb_session_run_placed(r->session, r->graph, schedule, placement, &r->error);
  m->run_bytes = grown(r->w, last);
  if (status == EDB_OK) m->nodes = edb_schedule_describe(schedule).n_nodes;
  if (status == EDB_OK) m->live_bytes = edb_session_stats(r->session).live_bytes;
  edb_session_set_timing(r->session, false);
  edb_placement_destroy(placement);
  edb_schedule_destroy(schedule);
  return status;
}

void memory_begin(const workplace *w, memory_use *m) {
  edb_context_reset_peak(w->ctx); /* reading the data may have taken more than running it will */
  size_t all = edb_context_memory(w->ctx).current_bytes, weights = parameter_bytes(w->model);
  *m = (memory_use){.weights_bytes = weights, .data_bytes = all > weights ? all - weights : 0};
}

int memory_measure(runner *r, const edb_policy *policy, memory_use *m) {
  workplace *w = r->w;
  size_t last = edb_context_memory(w->ctx).current_bytes;
  size_t before = m->data_bytes + m->weights_bytes;
  m->packed_bytes = last > before ? last - before : 0;
  edb_status status = run_stages(r, policy, m, &last);
  m->peak_bytes = edb_context_memory(w->ctx).peak_bytes;
  m->resident_bytes = resident_peak_bytes();
  if (status == EDB_OK) return 0;
  w->error = r->error;
  return workplace_failed(w);
}

/* What all but the instances takes, over what it cannot be without. */
static double peak_ratio(const memory_use *m) {
  size_t least = m->live_bytes + m->weights_bytes;
  size_t taken = m->peak_bytes > m->data_bytes ? m->peak_bytes - m->data_bytes : 0;
  return least ? (double)taken / (double)least : 0;
}

json_t *memory_json(const memory_use *m) {
  json_t *to = json_object();
  const struct {
    const char *name;
    size_t value;
  } fields[] = {{"nodes", m->nodes},
                {"data_bytes", m->data_bytes},
                {"weights_bytes", m->weights_bytes},
                {"packed_bytes", m->packed_bytes},
                {"graph_bytes", m->graph_bytes},
                {"schedule_bytes", m->schedule_bytes},
                {"placement_bytes", m->placement_bytes},
                {"run_bytes", m->run_bytes},
                {"live_bytes", m->live_bytes},
                {"library_peak_bytes", m->peak_bytes},
                {"resident_peak_bytes", m->resident_bytes}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    json_object_set_new(to, fields[i].name, json_integer((json_int_t)fields[i].value));
  json_object_set_new(to, "peak_over_live", json_real(peak_ratio(m)));
  return to;
}
