/* tools/compare.c: see compare.h. */
#include "compare.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "output.h"
#include "progress.h"

#define MAX_ROWS     (EDB_POLICY_COUNT + 1)
#define REPEATS      9      /* of every run, interleaved over the policies */
#define SCHEDULE_NS  5e6    /* a schedule is made again and again for about so long */
#define MOST_REPEATS 100000 /* of a schedule */

/* Sums over the graphs. */
typedef struct row {
  const char *name;
  edb_policy *policy;
  bool failed; /* a limit of the policy's own */
  uint64_t batches;
  double schedule_ns, predicted_ns, measured_ns;
} row;

typedef struct compare {
  workplace *w;
  uint32_t n_graphs;
  /* One of the two: */
  edb_raw_graph **raw;
  edb_session *session;
  edb_costs *costs; /* NULL: nothing is predicted */
  row rows[MAX_ROWS];
  uint32_t n_rows;
  uint64_t nodes, bound, proven;
  bool optimum_known; /* of all graphs: then it is `proven` */
} compare;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- One policy on one graph --------------------------------------------------------------------
 */

/* `lowered` only with a model. */
static edb_status make_schedule(compare *c, const row *r, uint32_t graph, const edb_graph *lowered,
                                edb_schedule **out) {
  workplace *w = c->w;
  if (c->raw) return edb_raw_graph_schedule(c->raw[graph], r->policy, out, &w->error);
  return edb_schedule_create(w->ctx, r->policy, lowered, out, &w->error);
}

/* The least time of several, as all of them do the same. */
static edb_status time_schedule(compare *c, const row *r, uint32_t graph, const edb_graph *lowered,
                                double *nanoseconds, edb_schedule **out) {
  double begin = now(), least = 0;
  *out = NULL;
  for (uint32_t i = 0; i < MOST_REPEATS; i++) {
    edb_schedule_destroy(*out);
    *out = NULL;
    double from = now();
    edb_status status = make_schedule(c, r, graph, lowered, out);
    double to = now();
    if (status != EDB_OK) return status;
    if (i == 0 || to - from < least) least = to - from;
    if (to - begin > SCHEDULE_NS) break;
  }
  *nanoseconds = least;
  return EDB_OK;
}

static void add_exact(compare *c, edb_schedule_info info) {
  c->nodes += info.n_nodes;
  c->bound += info.bound;
  c->proven += info.proven_bound;
  if (info.n_batches != info.proven_bound) c->optimum_known = false;
}

static int add_schedule(compare *c, row *r, uint32_t graph, const edb_graph *lowered) {
  edb_schedule *schedule;
  double schedule_ns, predicted_ns = 0;
  edb_status status = time_schedule(c, r, graph, lowered, &schedule_ns, &schedule);
  if (status == EDB_ERROR_LIMIT) r->failed = true;
  if (r->failed) return 0;
  if (status == EDB_OK && c->costs)
    status = edb_costs_predict(c->costs, schedule, &predicted_ns, &c->w->error);
  if (status == EDB_OK) {
    edb_schedule_info info = edb_schedule_describe(schedule);
    r->batches += info.n_batches;
    r->schedule_ns += schedule_ns;
    r->predicted_ns += predicted_ns;
    if (edb_policy_get_kind(r->policy) == EDB_POLICY_EXACT) add_exact(c, info);
  }
  edb_schedule_destroy(schedule);
  return status == EDB_OK ? 0 : workplace_failed(c->w);
}

/* ---- Runs ---------------------------------------------------------------------------------------
 */

static int open_mini_batch(compare *c, uint32_t index, edb_graph **graph,
                           const edb_graph **lowered) {
  workplace *w = c->w;
  uint32_t have = edb_dataset_count(w->data), batch = (uint32_t)w->options->number[OPTION_BATCH];
  if (batch > have) batch = have;
  *graph = NULL;
  int failed = workplace_graph(w, index * batch, batch, graph);
  if (!failed && edb_session_lower(c->session, *graph, lowered, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  return failed;
}

/* The schedule of one policy for a mini-batch, made once and run often: node numbers are the same
 * each time. */
static int time_run(compare *c, uint32_t index, const edb_schedule *schedule, double *nanoseconds) {
  workplace *w = c->w;
  edb_graph *graph;
  const edb_graph *lowered;
  edb_placement *placement = NULL;
  int failed = open_mini_batch(c, index, &graph, &lowered);
  if (!failed &&
      (edb_placement_create(c->session, lowered, schedule, NULL, &placement, &w->error) != EDB_OK ||
       edb_session_run_placed(c->session, graph, schedule, placement, &w->error) != EDB_OK))
    failed = workplace_failed(w);
  if (!failed) *nanoseconds = (double)edb_session_stats(c->session).run_ns;
  edb_placement_destroy(placement);
  edb_graph_destroy(graph);
  return failed;
}

/* The least time of several, as what else the machine does can only add to it. */
static int time_runs(compare *c, uint32_t index, edb_schedule **schedules) {
  double times[MAX_ROWS][REPEATS], warm_up;
  int failed = 0;
  for (uint32_t i = 0; i < c->n_rows && !failed; i++)
    if (schedules[i]) failed = time_run(c, index, schedules[i], &warm_up);
  for (uint32_t k = 0; k < REPEATS && !failed; k++)
    for (uint32_t i = 0; i < c->n_rows && !failed; i++)
      if (schedules[i]) failed = time_run(c, index, schedules[i], &times[i][k]);
  for (uint32_t i = 0; i < c->n_rows && !failed; i++) {
    if (!schedules[i]) continue;
    double least = times[i][0];
    for (uint32_t k = 1; k < REPEATS; k++)
      if (times[i][k] < least) least = times[i][k];
    c->rows[i].measured_ns += least;
  }
  return failed;
}

static int measure_mini_batch(compare *c, uint32_t index) {
  edb_schedule *schedules[MAX_ROWS] = {NULL};
  edb_graph *graph;
  const edb_graph *lowered = NULL;
  int failed = open_mini_batch(c, index, &graph, &lowered);
  for (uint32_t i = 0; i < c->n_rows && !failed; i++) {
    progress_show("comparing", (uint64_t)index * c->n_rows + i, (uint64_t)c->n_graphs * c->n_rows);
    failed = add_schedule(c, &c->rows[i], index, lowered);
    if (!failed && !c->rows[i].failed &&
        make_schedule(c, &c->rows[i], index, lowered, &schedules[i]) != EDB_OK)
      failed = workplace_failed(c->w);
  }
  if (!failed) failed = time_runs(c, index, schedules);
  for (uint32_t i = 0; i < c->n_rows; i++) edb_schedule_destroy(schedules[i]);
  edb_graph_destroy(graph);
  return failed;
}

/* ---- Output -------------------------------------------------------------------------------------
 */

static double over(uint64_t batches, uint64_t least) {
  return least ? 100 * ((double)batches / (double)least - 1) : 0;
}

static json_t *number_or_null(bool known, double number) {
  return known ? json_real(number) : json_null();
}

static json_t *row_json(const compare *c, const row *r) {
  bool ok = !r->failed;
  return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "policy", r->name, "batches",
                   ok ? json_integer((json_int_t)r->batches) : json_null(), "over_bound",
                   number_or_null(ok, over(r->batches, c->bound)), "over_optimum",
                   number_or_null(ok && c->optimum_known, over(r->batches, c->proven)),
                   "schedule_ns_per_node",
                   number_or_null(ok, c->nodes ? r->schedule_ns / (double)c->nodes : 0),
                   "predicted_ns", number_or_null(ok && c->costs, r->predicted_ns), "measured_ns",
                   number_or_null(ok && c->session, r->measured_ns));
}

static void print_json(const compare *c) {
  json_t *rows = json_array();
  for (uint32_t i = 0; i < c->n_rows; i++) json_array_append_new(rows, row_json(c, &c->rows[i]));
  json_t *object =
      json_pack("{s:I, s:I, s:I, s:I, s:b, s:o}", "graphs", (json_int_t)c->n_graphs, "nodes",
                (json_int_t)c->nodes, "bound", (json_int_t)c->bound, "proven",
                (json_int_t)c->proven, "optimum_known", c->optimum_known, "policies", rows);
  output_json(object, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
}

static void print_time(bool known, double nanoseconds) {
  if (known)
    printf(" %12.1f", nanoseconds * 1e-3);
  else
    printf(" %12s", "-");
}

static void print_table(const compare *c) {
  printf("%u graph%s, %llu node%s, lower bound %llu, %s %llu\n\n", c->n_graphs, PLURAL(c->n_graphs),
         (unsigned long long)c->nodes, PLURAL(c->nodes), (unsigned long long)c->bound,
         c->optimum_known ? "optimum" : "optimum at least", (unsigned long long)c->proven);
  printf("%-15s %9s %9s %9s %9s %12s %12s\n", "", "", "% over", "% over", "ns per", "predicted",
         "measured");
  printf("%-15s %9s %9s %9s %9s %12s %12s\n", "policy", "batches", "bound", "optimum", "node", "us",
         "us");
  for (uint32_t i = 0; i < c->n_rows; i++) {
    const row *r = &c->rows[i];
    if (r->failed) {
      printf("%-15s %9s\n", r->name, "too large");
      continue;
    }
    printf("%-15s %9llu %9.2f", r->name, (unsigned long long)r->batches,
           over(r->batches, c->bound));
    if (c->optimum_known)
      printf(" %9.2f", over(r->batches, c->proven));
    else
      printf(" %9s", "-");
    printf(" %9.1f", c->nodes ? r->schedule_ns / (double)c->nodes : 0);
    print_time(c->costs != NULL, r->predicted_ns);
    print_time(c->session != NULL, r->measured_ns);
    putchar('\n');
  }
}

/* ---- Setting up ---------------------------------------------------------------------------------
 */

/* fsm without a file is learned from the graphs themselves. */
static int open_policy(compare *c, edb_policy_kind kind, edb_policy **out) {
  workplace *w = c->w;
  if (!c->raw || kind != EDB_POLICY_FSM || has_option(w->options, OPTION_POLICY_FILE))
    return workplace_policy(w, c->session, edb_policy_kind_name(kind), kind, out);
  edb_learn_params params;
  int failed = read_learn_params(w->command, w->options, &params);
  if (!failed && edb_raw_graph_learn(w->ctx, (const edb_raw_graph *const *)c->raw, c->n_graphs,
                                     &params, out, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  return failed;
}

static int add_rows(compare *c) {
  int failed = workplace_costs(c->w, &c->costs);
  for (int kind = 0; kind < EDB_POLICY_COUNT && !failed; kind++) {
    row *r = &c->rows[c->n_rows];
    r->name = edb_policy_kind_name((edb_policy_kind)kind);
    failed = open_policy(c, (edb_policy_kind)kind, &r->policy);
    if (!failed) c->n_rows++;
  }
  if (failed || !c->costs) return failed;
  c->rows[c->n_rows].name = "best-time";
  failed = workplace_fastest(c->w, c->costs, &c->rows[c->n_rows].policy);
  if (!failed) c->n_rows++;
  return failed;
}

static int finish(compare *c, int failed) {
  progress_clear();
  if (!failed && has_option(c->w->options, OPTION_JSON))
    print_json(c);
  else if (!failed)
    print_table(c);
  for (uint32_t i = 0; i < c->n_rows; i++) edb_policy_destroy(c->rows[i].policy);
  edb_costs_destroy(c->costs);
  return failed;
}

int compare_model(workplace *w) {
  compare c = {.w = w, .optimum_known = true};
  edb_session_params params = EDB_PARAMS(edb_session_params);
  int failed = workplace_open(w, &command_schedule, w->options);
  if (!failed) failed = read_granularity(w->command, w->options, &params.granularity);
  if (!failed &&
      edb_session_create(w->ctx, w->model, w->weights, &params, &c.session, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) {
    uint64_t have = edb_dataset_count(w->data), batch = w->options->number[OPTION_BATCH];
    uint64_t most = have < batch ? 1 : have / batch, want = w->options->number[OPTION_BATCHES];
    c.n_graphs = (uint32_t)(want < most ? want : most);
    failed = add_rows(&c);
  }
  for (uint32_t i = 0; i < c.n_graphs && !failed; i++) failed = measure_mini_batch(&c, i);
  failed = finish(&c, failed);
  edb_session_destroy(c.session);
  return failed;
}

int compare_raw(workplace *w) {
  const options *o = w->options;
  compare c = {.w = w, .optimum_known = true, .n_graphs = o->n_positional};
  int failed = workplace_open_context(w, &command_schedule, o, EDB_SIMD_AUTO);
  if (failed) return failed;
  c.raw = calloc(c.n_graphs, sizeof *c.raw);
  if (!c.raw) return workplace_no_memory(w);
  for (uint32_t i = 0; i < c.n_graphs && !failed; i++)
    if (edb_raw_graph_open(w->ctx, o->positional[i], &c.raw[i], &w->error) != EDB_OK)
      failed = workplace_failed(w);
  if (!failed) failed = add_rows(&c);
  for (uint32_t g = 0; g < c.n_graphs && !failed; g++)
    for (uint32_t i = 0; i < c.n_rows && !failed; i++)
      failed = add_schedule(&c, &c.rows[i], g, NULL);
  failed = finish(&c, failed);
  for (uint32_t i = 0; i < c.n_graphs; i++) edb_raw_graph_close(c.raw[i]);
  free(c.raw);
  return failed;
}
