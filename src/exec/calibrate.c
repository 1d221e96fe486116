/* exec/calibrate.c: what batches cost, measured on real mini-batches.
 *
 * Every mini-batch runs several times by the same schedule; the time of a batch is the lower
 * quartile over the repeats: what else the machine does can only add to it. A line per type is
 * fitted to (size, time) by least squares, each point weighted by the inverse of its time, since a
 * long batch is measured no more exactly than a short one, in per cent, and all batches of one run
 * together as one. What a run takes beside its batches is a line over the nodes. */
#include <string.h>

#include "base/clock.h"
#include "exec/session.h"
#include "policy/cost.h"

#define DEFAULT_REPEATS 8
#define MAX_REPEATS     1000

/* Schedules that differ in the sizes of their batches; the last only for small graphs, as it shows
 * no more of large ones. */
static const edb_policy_kind kinds[] = {EDB_POLICY_TIGHT, EDB_POLICY_AGENDA_STATIC,
                                        EDB_POLICY_UNBATCHED};
#define N_KINDS   (sizeof kinds / sizeof *kinds)
#define FEW_NODES 256

typedef struct calibrator {
  edb_session *session;
  edb_context *ctx;
  const edb_graph *const *graphs;
  uint32_t n_graphs, repeats;
  edb_policy *policies[N_KINDS];
  edb_graph *copy;        /* of the graph that is being run */
  edb_schedule *schedule; /* of its operators or cells, as the next two */
  edb_placement *placement;
  edb_line_fit *fits; /* [types] */
  uint32_t *counts;   /* [types] batches of a run */
  size_t fits_bytes;
  edb_line_fit mini_batch;
  uint64_t *times; /* [repeats][batches + 1]; the last is of the whole run */
  size_t times_bytes;
  uint64_t clock_ns; /* of reading the clock twice */
  edb_costs *costs;
  edb_calibration fit;
} calibrator;

static void end_mini_batch(calibrator *c) {
  edb_placement_destroy(c->placement);
  edb_schedule_destroy(c->schedule);
  c->placement = NULL;
  c->schedule = NULL;
}

static uint64_t measure_clock(void) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 100; i++) {
    uint64_t begin = edb_clock_ns(), end = edb_clock_ns();
    if (end - begin < least) least = end - begin;
  }
  return least;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

static edb_status copy_graph(calibrator *c, const edb_graph *graph, edb_error *error) {
  edb_graph_clear(c->copy);
  for (uint32_t i = 0; i < graph->n_instances; i++)
    EDB_TRY(edb_graph_append_instance(c->copy, graph, i, error));
  return EDB_OK;
}

/* A run ends with a graph that has run, and a placement is of one graph, so all of it is made anew.
 * The batches are the same each time. */
static edb_status prepare(calibrator *c, const edb_graph *graph, const edb_policy *policy,
                          edb_error *error) {
  const edb_graph *lowered;
  end_mini_batch(c);
  EDB_TRY(copy_graph(c, graph, error));
  EDB_TRY(edb_session_lower(c->session, c->copy, &lowered, error));
  EDB_TRY(edb_schedule_create(c->ctx, policy, lowered, &c->schedule, error));
  return edb_placement_create(c->session, lowered, c->schedule, NULL, &c->placement, error);
}

static edb_status reserve_times(calibrator *c, edb_error *error) {
  size_t bytes = (size_t)c->repeats * (c->schedule->info.n_batches + 1) * sizeof *c->times;
  if (bytes <= c->times_bytes) return EDB_OK;
  edb_free(c->ctx, c->times, c->times_bytes);
  c->times_bytes = 0;
  c->times = edb_alloc(c->ctx, bytes);
  if (c->times == NULL) return edb_fail_memory(error, bytes, "the times of batches");
  c->times_bytes = bytes;
  return EDB_OK;
}

/* One run more than is kept: the first finds cold caches. */
static edb_status run_repeats(calibrator *c, const edb_graph *graph, const edb_policy *policy,
                              edb_error *error) {
  for (uint32_t r = 0; r <= c->repeats; r++) {
    EDB_TRY(prepare(c, graph, policy, error));
    EDB_TRY(reserve_times(c, error));
    uint32_t n = c->schedule->info.n_batches;
    uint64_t *times = c->times + (size_t)(r > 0 ? r - 1 : 0) * (n + 1);
    c->session->batch_ns = times;
    edb_status status =
        edb_session_run_placed(c->session, c->copy, c->schedule, c->placement, error);
    c->session->batch_ns = NULL;
    if (status != EDB_OK) return status;
    times[n] = c->session->stats.run_ns;
  }
  return EDB_OK;
}

/* ---- Fitting ------------------------------------------------------------------------------------
 */

/* Lower quartile of times[0], times[stride], ...: by insertion, which puts them in order. */
static double lower_quartile(uint64_t *times, uint32_t count, size_t stride) {
  for (uint32_t i = 1; i < count; i++) {
    uint64_t time = times[i * stride];
    uint32_t k = i;
    for (; k > 0 && times[(k - 1) * stride] > time; k--)
      times[k * stride] = times[(k - 1) * stride];
    times[k * stride] = time;
  }
  uint32_t quarter = count / 4;
  return (double)times[quarter * stride];
}

/* Time of a batch (or, for batch n, of the run) without that of the clock. */
static double batch_time(calibrator *c, uint32_t batch) {
  uint32_t n = c->schedule->info.n_batches;
  double clock = (double)c->clock_ns * (batch == n ? n : 1);
  double time = lower_quartile(c->times + batch, c->repeats, (size_t)n + 1) - clock;
  return time > 1 ? time : 1;
}

static void add_points(calibrator *c) {
  const edb_schedule *s = c->schedule;
  double rest = batch_time(c, s->info.n_batches);
  memset(c->counts, 0, c->session->program->n_cells * sizeof *c->counts);
  for (uint32_t i = 0; i < s->info.n_batches; i++) c->counts[s->batch_type[i]]++;
  for (uint32_t i = 0; i < s->info.n_batches; i++) {
    uint32_t type = s->batch_type[i];
    double time = batch_time(c, i);
    edb_line_fit_add(&c->fits[type], s->batch_start[i + 1] - s->batch_start[i], time,
                     1 / (time * c->counts[type]));
    rest -= time;
  }
  if (rest < 1) rest = 1;
  edb_line_fit_add(&c->mini_batch, s->info.n_nodes, rest, 1 / rest);
}

/* A type that was seen in one size only shares the mean of the others, at most. */
static void solve(calibrator *c) {
  const edb_fsm *types = c->costs->types;
  double sum = 0;
  uint32_t count = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t t = 0; t < types->n_types; t++) {
      const edb_line_fit *fit = &c->fits[types->types[t].source];
      bool has_line = fit->most_x > fit->least_x;
      if (has_line != (pass == 0)) continue;
      c->costs->cost[t] = edb_line_fit_solve(fit, count > 0 ? sum / count : 0);
      if (!has_line) continue;
      sum += c->costs->cost[t].batch_ns;
      count++;
    }
  }
  c->costs->mini_batch = edb_line_fit_solve(&c->mini_batch, 0);
}

/* ---- All of it ----------------------------------------------------------------------------------
 */

static void compare(calibrator *c, double predicted) {
  double measured = batch_time(c, c->schedule->info.n_batches);
  double difference = predicted > measured ? predicted - measured : measured - predicted;
  c->fit.mini_batches++;
  c->fit.batches += c->schedule->info.n_batches;
  c->fit.measured_ns += measured;
  c->fit.predicted_ns += predicted;
  c->fit.error += difference / measured;
}

/* Everything runs twice: first to fit the lines, then to compare them with new times. */
static edb_status run_all(calibrator *c, bool fit, edb_error *error) {
  for (uint32_t g = 0; g < c->n_graphs; g++) {
    for (size_t k = 0; k < N_KINDS; k++) {
      double predicted;
      if (kinds[k] == EDB_POLICY_UNBATCHED && (!fit || c->graphs[g]->n_nodes > FEW_NODES)) continue;
      EDB_TRY(run_repeats(c, c->graphs[g], c->policies[k], error));
      if (fit) {
        add_points(c);
        continue;
      }
      EDB_TRY(edb_costs_predict(c->costs, c->schedule, &predicted, error));
      compare(c, predicted);
    }
  }
  return EDB_OK;
}

static edb_status fit_and_compare(calibrator *c, edb_error *error) {
  EDB_TRY(run_all(c, true, error));
  solve(c);
  EDB_TRY(run_all(c, false, error));
  c->fit.error /= c->fit.mini_batches;
  return EDB_OK;
}

static edb_status open_all(calibrator *c, edb_error *error) {
  edb_session *s = c->session;
  const edb_schema *schema = &s->program->schema;
  size_t bytes = (size_t)schema->n_types * (sizeof *c->fits + sizeof *c->counts);
  c->fits = edb_alloc_zero(c->ctx, bytes);
  if (c->fits == NULL && bytes > 0) return edb_fail_memory(error, bytes, "calibration");
  c->fits_bytes = bytes;
  c->counts = (uint32_t *)(c->fits + schema->n_types);
  for (size_t k = 0; k < N_KINDS; k++)
    EDB_TRY(edb_policy_create(c->ctx, kinds[k], &c->policies[k], error));
  EDB_TRY(edb_graph_create(c->ctx, s->model, &c->copy, error));
  EDB_TRY(edb_session_new_costs(s, &c->costs, error));
  c->clock_ns = measure_clock();
  return EDB_OK;
}

static void close_all(calibrator *c) {
  end_mini_batch(c);
  edb_graph_destroy(c->copy);
  for (size_t k = 0; k < N_KINDS; k++) edb_policy_destroy(c->policies[k]);
  edb_free(c->ctx, c->times, c->times_bytes);
  edb_free(c->ctx, c->fits, c->fits_bytes);
}

static edb_status check(const edb_session *s, const edb_graph *const *graphs, uint32_t n_graphs,
                        uint32_t repeats, edb_error *error) {
  EDB_FAIL_IF(n_graphs == 0, error, EDB_ERROR_ARGUMENT,
              "calibration needs at least one mini-batch");
  EDB_FAIL_IF(repeats > MAX_REPEATS, error, EDB_ERROR_ARGUMENT, "at most %d repeats, found %u",
              MAX_REPEATS, repeats);
  for (uint32_t i = 0; i < n_graphs; i++) {
    const edb_graph *g = graphs[i];
    EDB_FAIL_IF(g->schema != &edb_model_program(s->model)->schema, error, EDB_ERROR_MISMATCH,
                "graph %u is of another model than the session", i);
    EDB_FAIL_IF(g->base > 0 || g->first > 0, error, EDB_ERROR_STATE,
                "graph %u has nodes that were run", i);
    EDB_FAIL_IF(g->n_nodes == 0, error, EDB_ERROR_ARGUMENT, "graph %u is empty", i);
  }
  return EDB_OK;
}

edb_status edb_session_calibrate(edb_session *session, const edb_graph *const *graphs,
                                 uint32_t n_graphs, uint32_t repeats, edb_costs **out,
                                 edb_error *error) {
  EDB_REQUIRE(error, session, out);
  EDB_REQUIRE_EACH(error, graphs, n_graphs);
  EDB_TRY(check(session, graphs, n_graphs, repeats, error));
  calibrator c = {.session = session, .ctx = session->ctx, .graphs = graphs, .n_graphs = n_graphs};
  c.repeats = repeats > 0 ? repeats : DEFAULT_REPEATS;
  void *state; /* batches are timed as they were scheduled */
  EDB_TRY(edb_session_open_whole(session, &state, error));
  session->reduction.off = true;
  edb_status status = open_all(&c, error);
  if (status == EDB_OK) status = fit_and_compare(&c, error);
  session->reduction.off = false;
  close_all(&c);
  if (status != EDB_OK) {
    edb_costs_destroy(c.costs);
    return status;
  }
  c.costs->fit = c.fit;
  *out = c.costs;
  return EDB_OK;
}
