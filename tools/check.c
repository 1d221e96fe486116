/* tools/check.c: `edbatch check`: batched execution gives the bits of unbatched execution, under
 * every policy, granularity, placement and batch size; and how far both are from float64. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "progress.h"
#include "workplace.h"

static const option_id accepts[] = {
    OPTION_DATA,     OPTION_WEIGHTS,   OPTION_POLICY_FILE, OPTION_SET,       OPTION_LIMIT,
    OPTION_SKIP_BAD, OPTION_NO_LABELS, OPTION_NO_HOIST,    OPTION_NO_SHARE,  OPTION_NO_TABLE,
    OPTION_FORMAT,   OPTION_FOLD_IDS,  OPTION_MIN_COUNT,   OPTION_SIMD,      OPTION_SEED,
    OPTION_JSON,     OPTION_THREADS,   OPTION_THREADS_BY,  OPTION_PRECISION, OPTION_PLACEMENT,
    OPTION_HELP};

static const uint32_t batch_sizes[] = {1, 2, 8, 32, 64, 128, 256};
#define N_SIZES        (sizeof batch_sizes / sizeof *batch_sizes)
#define MOST_INSTANCES 256 /* unless --limit says otherwise */

/* All values of all instances, one after another. */
typedef struct values {
  double *data;
  size_t count, capacity;
} values;

/* How a session runs; every way must give the same bits. */
typedef struct way {
  edb_granularity granularity;
  edb_placement_kind placement;
} way;

typedef struct checker {
  workplace *w;
  edb_precision precision;
  edb_placement_kind placement;
  uint32_t n_instances;
  edb_graph *graph;
  values expected, got;
  uint64_t comparisons, runs, differing_runs;
  char first_difference[256];
} checker;

static bool push(values *v, size_t size, double **room) {
  if (v->count + size > v->capacity) {
    size_t capacity = (v->count + size) * 2;
    double *data = realloc(v->data, capacity * sizeof *data);
    if (!data) return false;
    v->data = data;
    v->capacity = capacity;
  }
  *room = v->data + v->count;
  v->count += size;
  return true;
}

/* Appends all values of the graph that exist. float64 holds every fp32 number exactly. */
static int collect(checker *c, edb_session *session, values *v) {
  workplace *w = c->w;
  for (edb_node n = 0; n < edb_graph_node_count(c->graph); n++) {
    uint32_t cell = edb_graph_node_cell(c->graph, n);
    for (uint32_t o = 0; o < edb_model_output_count(w->model, cell); o++) {
      edb_value value = {n, o};
      size_t size = edb_model_output_size(w->model, cell, o);
      double *room;
      if (!edb_session_has(session, c->graph, value)) continue;
      if (!push(v, size, &room)) return workplace_no_memory(w);
      if (edb_session_read_f64(session, c->graph, value, room, size, &w->error) != EDB_OK)
        return workplace_failed(w);
    }
  }
  return 0;
}

/* All instances in mini-batches of `batch`. */
static int run_all(checker *c, edb_session *session, const edb_policy *policy, uint32_t batch,
                   values *out) {
  workplace *w = c->w;
  out->count = 0;
  for (uint32_t first = 0; first < c->n_instances; first += batch) {
    edb_graph_clear(c->graph);
    for (uint32_t i = first; i < first + batch && i < c->n_instances; i++)
      if (edb_dataset_append(w->data, i, c->graph, &w->error) != EDB_OK) return workplace_failed(w);
    if (edb_session_run(session, c->graph, policy, NULL, &w->error) != EDB_OK)
      return workplace_failed(w);
    int failed = collect(c, session, out);
    if (failed) return failed;
  }
  return 0;
}

/* NaNs of different signs and payloads are one: which of two NaNs an operation gives is up to the
 * processor. */
static bool is_same(double a, double b) {
  uint64_t x, y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  return x == y || (isnan(a) && isnan(b));
}

static void compare(checker *c, const way *at, const char *policy, uint32_t batch) {
  c->runs++;
  bool same = c->got.count == c->expected.count;
  size_t i = 0;
  for (; same && i < c->got.count; i++) same = is_same(c->got.data[i], c->expected.data[i]);
  c->comparisons += c->got.count;
  if (same) return;
  if (c->differing_runs++ == 0)
    snprintf(c->first_difference, sizeof c->first_difference,
             "granularity %s, placement %s, policy %s, batch %u: value %zu is %.9g, unbatched %.9g",
             granularity_name(at->granularity), placement_name(at->placement), policy, batch, i - 1,
             i <= c->got.count && i ? c->got.data[i - 1] : NAN,
             i <= c->expected.count && i ? c->expected.data[i - 1] : NAN);
}

/* A file holds the policy of one granularity; for the other one is learned. */
static int open_policy(checker *c, edb_session *session, edb_granularity granularity,
                       edb_policy_kind kind, edb_policy **out) {
  workplace *w = c->w;
  edb_granularity learned;
  bool from_file = policy_granularity(w->options, &learned) && learned == granularity;
  if (kind == EDB_POLICY_FSM && !from_file) return workplace_learn(w, session, out);
  if (kind == EDB_POLICY_BEST && !from_file)
    return edb_policy_create(w->ctx, kind, out, &w->error) == EDB_OK ? 0 : workplace_failed(w);
  return workplace_policy(w, session, edb_policy_kind_name(kind), kind, out);
}

/* One policy in one way, all batch sizes. */
static int check_policy(checker *c, edb_session *session, const way *at, edb_policy_kind kind) {
  edb_policy *policy = NULL;
  int failed = open_policy(c, session, at->granularity, kind, &policy);
  for (size_t i = 0; i < N_SIZES && !failed; i++) {
    if (i > 0 && batch_sizes[i - 1] >= c->n_instances) break;
    failed = run_all(c, session, policy, batch_sizes[i], &c->got);
    if (!failed) compare(c, at, edb_policy_kind_name(kind), batch_sizes[i]);
  }
  edb_policy_destroy(policy);
  return failed;
}

static int check_policies(checker *c, const way *at, const edb_policy_kind *kinds, int n) {
  workplace *w = c->w;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.granularity = at->granularity;
  params.placement = at->placement;
  params.precision = c->precision;
  read_reduction(w->options, &params);
  (void)!read_threads(w->command, w->options, &params); /* it has been checked */
  edb_session *session = NULL;
  if (edb_session_create(w->ctx, w->model, w->weights, &params, &session, &w->error) != EDB_OK)
    return workplace_failed(w);
  int failed = 0;
  for (int i = 0; i < n && !failed; i++) {
    progress_show(granularity_name(at->granularity), (uint64_t)i, (uint64_t)n);
    failed = check_policy(c, session, at, kinds[i]);
  }
  progress_clear();
  edb_session_destroy(session);
  return failed;
}

/* All policies at both granularities; and every placement with two of them, since it sees nothing
 * of a policy but the batches. */
static int check_ways(checker *c) {
  static const edb_policy_kind two[] = {EDB_POLICY_DEPTH, EDB_POLICY_BEST};
  edb_policy_kind all[EDB_POLICY_COUNT];
  for (int i = 0; i < EDB_POLICY_COUNT; i++) all[i] = (edb_policy_kind)i;
  int failed = 0;
  for (int i = 0; i < 2 && !failed; i++) {
    way at = {i ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL, c->placement};
    failed = check_policies(c, &at, all, EDB_POLICY_COUNT);
    if (has_option(c->w->options, OPTION_PLACEMENT)) continue;
    for (int p = EDB_PLACEMENT_ARRIVAL; p <= EDB_PLACEMENT_DIRECT && !failed; p++) {
      at.placement = (edb_placement_kind)p;
      failed = check_policies(c, &at, two, 2);
    }
  }
  return failed;
}

/* The values that all others must have: every instance alone, every node alone. */
static int run_unbatched(checker *c, edb_device device, values *out) {
  workplace *w = c->w;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.device = device;
  if (device == EDB_DEVICE_CPU) params.precision = c->precision;
  params.no_hoist = params.no_share = params.no_table = true;
  edb_session *session = NULL;
  edb_policy *policy = NULL;
  int failed = 0;
  if (edb_session_create(w->ctx, w->model, w->weights, &params, &session, &w->error) != EDB_OK ||
      edb_policy_create(w->ctx, EDB_POLICY_UNBATCHED, &policy, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) failed = run_all(c, session, policy, 1, out);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return failed;
}

/* Of two values that are the same infinity, or no numbers, none; of a number to none it is
 * infinite.
 */
static double error_of(double a, double b) {
  if (a == b || (isnan(a) && isnan(b))) return 0;
  return isfinite(a) && isfinite(b) ? fabs(a - b) : INFINITY;
}

/* Largest difference to float64, against the largest number of the whole run. */
static double largest_error(const checker *c, double *scale) {
  double worst = 0;
  *scale = 0;
  for (size_t i = 0; i < c->expected.count && i < c->got.count; i++) {
    worst = fmax(worst, error_of(c->expected.data[i], c->got.data[i]));
    if (isfinite(c->got.data[i])) *scale = fmax(*scale, fabs(c->got.data[i]));
  }
  return worst;
}

static int report(checker *c) {
  double scale, error = largest_error(c, &scale);
  bool same = c->differing_runs == 0;
  if (has_option(c->w->options, OPTION_JSON)) {
    json_t *object =
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:o}", "identical", same, "instances",
                  (json_int_t)c->n_instances, "runs", (json_int_t)c->runs, "differing_runs",
                  (json_int_t)c->differing_runs, "values", (json_int_t)c->expected.count,
                  "largest_error", output_number(error), "largest_value", output_number(scale));
    output_json(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
  } else {
    printf("%s: %llu run%s of %u instance%s (policies x granularities x batch sizes, and "
           "placements), %zu "
           "value%s each\n",
           same ? "identical, bit for bit" : "DIFFERENT", (unsigned long long)c->runs,
           PLURAL(c->runs), c->n_instances, PLURAL(c->n_instances), c->expected.count,
           PLURAL(c->expected.count));
    if (!same)
      printf("%llu of them %s; the first: %s\n", (unsigned long long)c->differing_runs,
             c->differing_runs == 1 ? "differs" : "differ", c->first_difference);
    printf("largest error against float64: %.3g (largest value %.3g)\n", error, scale);
  }
  return same ? 0 : EXIT_FAILED;
}

static int check_all(checker *c) {
  workplace *w = c->w;
  c->n_instances = edb_dataset_count(w->data);
  if (!has_option(w->options, OPTION_LIMIT) && c->n_instances > MOST_INSTANCES)
    c->n_instances = MOST_INSTANCES;
  if (edb_graph_create(w->ctx, w->model, &c->graph, &w->error) != EDB_OK)
    return workplace_failed(w);
  int failed = run_unbatched(c, EDB_DEVICE_CPU, &c->expected);
  if (!failed) failed = check_ways(c);
  if (!failed) failed = run_unbatched(c, EDB_DEVICE_REFERENCE, &c->got);
  return failed ? failed : report(c);
}

static int run_check(const options *o) {
  workplace w;
  checker c = {.w = &w};
  int code = workplace_open(&w, &command_check, o);
  if (!code) code = read_precision(&command_check, o, &c.precision);
  if (!code) code = read_placement(&command_check, o, &c.placement);
  if (!code) code = read_threads(&command_check, o, &(edb_session_params){0});
  if (!code) code = check_all(&c);
  edb_graph_destroy(c.graph);
  free(c.expected.data);
  free(c.got.data);
  workplace_close(&w);
  return code;
}

const command command_check = {
    .name = "check",
    .summary = "proves that batching changes no bit of the results",
    .usage = "check MODEL --data FILE",
    .details =
        "Runs the first 256 instances (or --limit) unbatched, then under every policy, at both\n"
        "granularities, with batch sizes 1 to 256, with every placement (or the one of\n"
        "--placement), and compares every value of every node bit for bit. Also prints the "
        "largest\n"
        "error against float64, also in --precision bf16. Exit code 0 only if identical.",
    .example = "  edbatch check models/tree_lstm.edb --data trees.txt --set hidden=64",
    .accepts = accepts,
    .run = run_check,
};
