/* tools/bench.c: `edbatch bench`: instances per second, and where the time goes. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "progress.h"

static const option_id accepts[] = {
    OPTION_DATA,      OPTION_WEIGHTS,     OPTION_POLICY,    OPTION_POLICY_FILE, OPTION_BATCH,
    OPTION_THREADS,   OPTION_GRANULARITY, OPTION_SIMD,      OPTION_SET,         OPTION_SECONDS,
    OPTION_LIMIT,     OPTION_SKIP_BAD,    OPTION_NO_LABELS, OPTION_FORMAT,      OPTION_FOLD_IDS,
    OPTION_MIN_COUNT, OPTION_ENCODING,    OPTION_REWARD,    OPTION_TEACHER,     OPTION_BATCHES,
    OPTION_EPISODES,  OPTION_SEED,        OPTION_JSON,      OPTION_COSTS,       OPTION_MINIMISE,
    OPTION_HELP};

#define WINDOWS         5  /* timed windows per policy, interleaved with those of the others */
#define COUNTED_BATCHES 16 /* mini-batches whose schedules are counted */
#define PEAK_MS         20

typedef struct bench bench;

/* One thread: a session and a graph of its own. */
typedef struct lane {
  bench *b;
  const edb_policy *policy;
  runner runner;
  double seconds, peak; /* of a window; GFLOP/s */
  bool split, failed;
} lane;

typedef struct row {
  const char *name;
  edb_policy *policy;
  double rate[WINDOWS], gflops[WINDOWS];
  sums timed, split; /* split: of a window with the time split on */
  double batches, bound, misses;
} row;

struct bench {
  workplace *w;
  edb_granularity granularity;
  uint32_t batch, n_batches, n_threads;
  lane *lanes;
  row rows[EDB_POLICY_COUNT];
  uint32_t n_rows;
  double peak_gflops; /* of all threads together */
};

/* ---- Windows of time over all threads
 * ------------------------------------------------------------ */

static void *run_lane(void *argument) {
  lane *l = argument;
  l->failed = runner_window(&l->runner, l->policy, l->seconds, l->split) != EDB_OK;
  return NULL;
}

static void *measure_peak(void *argument) {
  lane *l = argument;
  l->peak = edb_measure_peak_gflops(l->b->w->ctx, PEAK_MS);
  return NULL;
}

/* Runs a function on every lane, the first on this thread. */
static void on_all_lanes(bench *b, void *(*fn)(void *)) {
  pthread_t *threads = calloc((size_t)b->n_threads + 1, sizeof *threads);
  bool *started = calloc((size_t)b->n_threads + 1, sizeof *started);
  for (uint32_t i = 1; threads && started && i < b->n_threads; i++)
    started[i] = pthread_create(&threads[i], NULL, fn, &b->lanes[i]) == 0;
  fn(&b->lanes[0]);
  for (uint32_t i = 1; threads && started && i < b->n_threads; i++)
    if (started[i]) pthread_join(threads[i], NULL);
  free(threads);
  free(started);
}

/* One window; the time is that of the slowest lane. */
static int run_window(bench *b, row *r, double seconds, bool split, double *elapsed, sums *window) {
  for (uint32_t i = 0; i < b->n_threads; i++) {
    lane *l = &b->lanes[i];
    l->policy = r->policy;
    l->seconds = seconds;
    l->split = split;
  }
  double begin = seconds_now();
  on_all_lanes(b, run_lane);
  *elapsed = seconds_now() - begin;
  *window = (sums){0};
  for (uint32_t i = 0; i < b->n_threads; i++) {
    if (b->lanes[i].failed) {
      b->w->error = b->lanes[i].runner.error;
      return workplace_failed(b->w);
    }
    add_sums(window, &b->lanes[i].runner.sums);
  }
  return 0;
}

static int time_window(bench *b, row *r, uint32_t index) {
  double elapsed;
  sums window;
  int failed = run_window(b, r, b->w->options->seconds / WINDOWS, false, &elapsed, &window);
  if (failed) return failed;
  r->rate[index] = (double)window.instances / elapsed;
  r->gflops[index] = window.flops / elapsed * 1e-9;
  add_sums(&r->timed, &window);
  return 0;
}

static void time_peak(bench *b) {
  double sum = 0;
  on_all_lanes(b, measure_peak);
  for (uint32_t i = 0; i < b->n_threads; i++) sum += b->lanes[i].peak;
  if (sum > b->peak_gflops) b->peak_gflops = sum;
}

/* Batches and bounds of the first mini-batches, the same in every run. */
static int count_batches(bench *b, row *r) {
  workplace *w = b->w;
  runner *first = &b->lanes[0].runner;
  uint32_t n = b->n_batches < COUNTED_BATCHES ? b->n_batches : COUNTED_BATCHES;
  for (uint32_t i = 0; i < n; i++) {
    edb_schedule_info info;
    if (runner_describe(first, r->policy, i, &info) != EDB_OK) {
      w->error = first->error;
      return workplace_failed(w);
    }
    r->batches += (double)info.n_batches / n;
    r->bound += (double)info.bound / n;
    r->misses += (double)info.misses / n;
  }
  return 0;
}

static int measure(bench *b) {
  int failed = 0;
  double elapsed;
  sums warm_up;
  for (uint32_t i = 0; i < b->n_rows && !failed; i++) {
    failed = count_batches(b, &b->rows[i]);
    if (!failed) failed = run_window(b, &b->rows[i], 0, false, &elapsed, &warm_up);
  }
  for (uint32_t window = 0; window < WINDOWS && !failed; window++) {
    time_peak(b);
    for (uint32_t i = 0; i < b->n_rows && !failed; i++) {
      progress_show("measuring", window * b->n_rows + i, (uint64_t)WINDOWS * b->n_rows);
      failed = time_window(b, &b->rows[i], window);
    }
  }
  for (uint32_t i = 0; i < b->n_rows && !failed; i++)
    failed = run_window(b, &b->rows[i], b->w->options->seconds / WINDOWS, true, &elapsed,
                        &b->rows[i].split);
  progress_clear();
  return failed;
}

/* ---- Output -------------------------------------------------------------------------------------
 */

static double per_node(uint64_t ns, const sums *s) {
  return s->nodes ? (double)ns / (double)s->nodes : 0;
}

static double per_mini_batch(uint64_t n, const sums *s) {
  return s->mini_batches ? (double)n / (double)s->mini_batches : 0;
}

static json_t *row_json(const bench *b, const row *r) {
  const sums *t = &r->timed, *s = &r->split;
  double gflops = median_of(r->gflops, WINDOWS), slowest = r->rate[0], fastest = r->rate[0];
  for (int i = 1; i < WINDOWS; i++) {
    if (r->rate[i] < slowest) slowest = r->rate[i];
    if (r->rate[i] > fastest) fastest = r->rate[i];
  }
  return json_pack(
      "{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f,"
      " s:f, s:f, s:f, s:f, s:f, s:I}",
      "model", edb_model_name(b->w->model), "policy", r->name, "granularity",
      b->granularity == EDB_GRANULARITY_OP ? "op" : "cell", "batch", (json_int_t)b->batch,
      "threads", (json_int_t)b->n_threads, "instances_per_s", median_of(r->rate, WINDOWS),
      "instances_per_s_slowest", slowest, "instances_per_s_fastest", fastest, "gflops", gflops,
      "peak_gflops", b->peak_gflops, "share_of_peak", gflops / b->peak_gflops, "batches",
      r->batches, "bound", r->bound, "misses", r->misses, "kernels", per_mini_batch(t->kernels, t),
      "bytes_copied", per_mini_batch(t->bytes_copied, t), "nodes", per_mini_batch(t->nodes, t),
      "graph_ns", per_node(t->graph_ns, t), "schedule_ns", per_node(t->schedule_ns, t),
      "placement_ns", per_node(t->placement_ns, t), "copy_ns", per_node(s->copy_ns, s),
      "product_ns", per_node(s->product_ns, s), "elementwise_ns", per_node(s->elementwise_ns, s),
      "peak_bytes", (json_int_t)t->peak_bytes);
}

static void print_table(const bench *b) {
  printf("%s, %s granularity, mini-batches of %u, %u thread%s; peak %.1f GFLOP/s\n\n",
         edb_model_name(b->w->model), b->granularity == EDB_GRANULARITY_OP ? "op" : "cell",
         b->batch, b->n_threads, b->n_threads == 1 ? "" : "s", b->peak_gflops);
  printf("%-15s %9s %6s %8s %7s | %27s | %26s | %9s %8s\n", "", "instances", "share", "", "",
         "ns per node", "% of the time", "copied", "memory");
  printf("%-15s %9s %6s %8s %7s | %8s %9s %8s | %6s %8s %10s | %9s %8s\n", "policy", "per s",
         "of peak", "batches", "bound", "graph", "schedule", "place", "copy", "product",
         "elementwise", "KiB", "MiB");
  for (uint32_t i = 0; i < b->n_rows; i++) {
    const row *r = &b->rows[i];
    const sums *t = &r->timed, *s = &r->split;
    double all = s->all_ns ? (double)s->all_ns : 1;
    printf(
        "%-15s %9.1f %6.1f%% %7.1f %7.1f | %8.1f %9.1f %8.1f | %6.1f %8.1f %10.1f | %9.1f %8.2f\n",
        r->name, median_of(r->rate, WINDOWS), 100 * median_of(r->gflops, WINDOWS) / b->peak_gflops,
        r->batches, r->bound, per_node(t->graph_ns, t), per_node(t->schedule_ns, t),
        per_node(t->placement_ns, t), 100 * (double)s->copy_ns / all,
        100 * (double)s->product_ns / all, 100 * (double)s->elementwise_ns / all,
        per_mini_batch(t->bytes_copied, t) / 1024, (double)t->peak_bytes / 1048576);
  }
}

/* ---- Setting up ---------------------------------------------------------------------------------
 */

static int add_row(bench *b, const char *name, edb_policy_kind kind) {
  row *r = &b->rows[b->n_rows];
  int failed = workplace_policy(b->w, b->lanes[0].runner.session, name, kind, &r->policy);
  if (failed) return failed;
  r->name = edb_policy_kind_name(edb_policy_get_kind(r->policy));
  b->n_rows++;
  return 0;
}

/* With --json or --policy one row; else all policies that work on graphs of any size. */
static int add_rows(bench *b) {
  const options *o = b->w->options;
  if (has_option(o, OPTION_JSON) || has_option(o, OPTION_POLICY))
    return add_row(b, NULL, EDB_POLICY_BEST);
  int failed = 0;
  for (int kind = 0; kind < EDB_POLICY_COUNT && !failed; kind++)
    if (kind != EDB_POLICY_EXACT)
      failed = add_row(b, edb_policy_kind_name((edb_policy_kind)kind), (edb_policy_kind)kind);
  return failed;
}

static int open_lanes(bench *b) {
  workplace *w = b->w;
  b->lanes = calloc(b->n_threads, sizeof *b->lanes);
  if (!b->lanes) return EXIT_FAILED;
  for (uint32_t i = 0; i < b->n_threads; i++) {
    runner *r = &b->lanes[i].runner;
    b->lanes[i].b = b;
    if (runner_open(r, w, b->granularity) != EDB_OK) {
      w->error = r->error;
      return workplace_failed(w);
    }
    r->batch = b->batch;
    r->n_batches = b->n_batches;
    r->next = (uint32_t)((uint64_t)i * b->n_batches / b->n_threads);
  }
  return 0;
}

static int open_bench(bench *b) {
  workplace *w = b->w;
  uint32_t have = edb_dataset_count(w->data);
  b->batch = (uint32_t)w->options->number[OPTION_BATCH];
  b->n_threads = (uint32_t)w->options->number[OPTION_THREADS];
  int failed = read_granularity(w->command, w->options, &b->granularity);
  if (failed) return failed;
  if (have < b->batch)
    return usage_error(w->command,
                       "--batch %u, but the data has %u instances, and none may stand "
                       "twice in a mini-batch",
                       b->batch, have);
  b->n_batches = have / b->batch;
  return open_lanes(b);
}

static int run_bench(const options *o) {
  workplace w;
  bench b = {.w = &w};
  int code = workplace_open(&w, &command_bench, o);
  if (!code) code = open_bench(&b);
  if (!code) code = add_rows(&b);
  if (!code) code = measure(&b);
  if (!code && has_option(o, OPTION_JSON)) {
    json_t *object = row_json(&b, &b.rows[0]);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
  } else if (!code) {
    print_table(&b);
  }
  for (uint32_t i = 0; i < b.n_rows; i++) edb_policy_destroy(b.rows[i].policy);
  for (uint32_t i = 0; b.lanes && i < b.n_threads; i++) runner_close(&b.lanes[i].runner);
  free(b.lanes);
  workplace_close(&w);
  return code;
}

const command command_bench = {
    .name = "bench",
    .summary = "measures speed, and where the time goes",
    .usage = "bench MODEL --data FILE [--batch N] [--threads N] [--policy NAME] [--json]",
    .details =
        "Time runs from instances in memory to outputs: graph, schedule, placement, execution.\n"
        "Mini-batches are distinct, no instance stands twice in one, nothing is kept across them. "
        "The\n"
        "peak of the machine is measured in the same run. Medians of 5 interleaved windows. "
        "Without\n"
        "--json and --policy: a table over all policies; with --json one object (default: best).",
    .example = "  edbatch bench models/tree_lstm.edb --data trees.txt --batch 32 --set hidden=256",
    .accepts = accepts,
    .run = run_bench,
};
