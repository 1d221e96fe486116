/* tools/bench.c: `edbatch bench`: instances per second, and where the time goes. */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "progress.h"

static const option_id accepts[] = {
    OPTION_DATA,      OPTION_WEIGHTS,    OPTION_POLICY,      OPTION_POLICY_FILE, OPTION_BATCH,
    OPTION_THREADS,   OPTION_THREADS_BY, OPTION_GRANULARITY, OPTION_SIMD,        OPTION_SET,
    OPTION_SWEEP,     OPTION_PLOT,       OPTION_SECONDS,     OPTION_LIMIT,       OPTION_SKIP_BAD,
    OPTION_NO_LABELS, OPTION_FORMAT,     OPTION_FOLD_IDS,    OPTION_MIN_COUNT,   OPTION_ENCODING,
    OPTION_REWARD,    OPTION_TEACHER,    OPTION_BATCHES,     OPTION_EPISODES,    OPTION_SEED,
    OPTION_JSON,      OPTION_COSTS,      OPTION_MINIMISE,    OPTION_NO_HOIST,    OPTION_NO_SHARE,
    OPTION_NO_TABLE,  OPTION_TABLE_MIB,  OPTION_SESSIONS,    OPTION_PIN,         OPTION_PRECISION,
    OPTION_PLACEMENT, OPTION_WIDTH,      OPTION_HELP};

#define COUNTED_BATCHES 16 /* mini-batches whose schedules are counted */

/* ---- Windows of time over all threads
 * ------------------------------------------------------------ */

static void *run_lane(void *argument) {
  lane *l = argument;
  l->failed = runner_window(&l->runner, l->policy, l->seconds, l->split) != EDB_OK;
  return NULL;
}

/* Runs all lanes, the first on this thread. */
static int run_lanes(bench *b) {
  uint32_t started = 1;
  int reason = 0;
  while (started < b->n_lanes && reason == 0) {
    lane *l = &b->lanes[started];
    reason = pthread_create(&l->thread, NULL, run_lane, l);
    if (reason == 0) started++;
  }
  if (reason == 0) run_lane(&b->lanes[0]);
  for (uint32_t i = 1; i < started; i++) pthread_join(b->lanes[i].thread, NULL);
  if (reason == 0) return 0;
  progress_clear();
  fprintf(stderr, "edbatch bench: cannot start %u thread%s: %s\n", b->n_lanes, PLURAL(b->n_lanes),
          strerror(reason));
  return EXIT_FAILED;
}

/* One window; the time is that of the slowest lane. */
static int run_window(bench *b, bench_row *r, double seconds, bool split, double *elapsed,
                      sums *window) {
  for (uint32_t i = 0; i < b->n_lanes; i++) {
    lane *l = &b->lanes[i];
    l->policy = r->policy;
    l->seconds = seconds;
    l->split = split;
  }
  double begin = seconds_now();
  int failed = run_lanes(b);
  *elapsed = seconds_now() - begin;
  *window = (sums){0};
  for (uint32_t i = 0; i < b->n_lanes && !failed; i++) {
    if (b->lanes[i].failed) {
      b->w->error = b->lanes[i].runner.error;
      return workplace_failed(b->w);
    }
    add_sums(window, &b->lanes[i].runner.sums);
  }
  return failed;
}

static int time_window(bench *b, bench_row *r, uint32_t index) {
  double elapsed;
  sums window;
  int failed = run_window(b, r, b->w->options->seconds / BENCH_WINDOWS, false, &elapsed, &window);
  if (failed) return failed;
  r->rate[index] = (double)window.instances / elapsed;
  r->gflops[index] = window.flops / elapsed * 1e-9;
  add_sums(&r->timed, &window);
  return 0;
}

static void time_peak(bench *b) {
  double peak = machine_peak(b->w->ctx, b->n_threads);
  if (peak > b->machine.used.peak_gflops) b->machine.used.peak_gflops = peak;
}

/* Batches, bounds and the roofline of the first mini-batches, the same in every run. */
static int count_batches(bench *b, bench_row *r) {
  workplace *w = b->w;
  runner *first = &b->lanes[0].runner;
  uint32_t n = b->n_batches < COUNTED_BATCHES ? b->n_batches : COUNTED_BATCHES;
  roofline roof;
  int failed = roofline_begin(&roof, w->model, &b->machine.used);
  for (uint32_t i = 0; i < n && !failed; i++) {
    edb_schedule *schedule;
    if (runner_schedule(first, r->policy, i, &schedule) != EDB_OK) {
      w->error = first->error;
      failed = workplace_failed(w);
      break;
    }
    edb_schedule_info info = edb_schedule_describe(schedule);
    r->batches += (double)info.n_batches / n;
    r->bound += (double)info.bound / n;
    r->misses += (double)info.misses / n;
    if (b->granularity == EDB_GRANULARITY_CELL) roofline_add(&roof, schedule);
    edb_schedule_destroy(schedule);
  }
  r->roofline_gflops = roofline_gflops(&roof);
  roofline_end(&roof);
  return failed;
}

/* From a session as it is opened, then until its tables have what the data asks for (or for the
 * time of the whole measurement). Sessions are shared by the rows, so only the first is cold. */
static int warm_up(bench *b, bench_row *r) {
  double begin = seconds_now(), elapsed;
  sums window;
  int failed = run_window(b, r, b->w->options->seconds / BENCH_WINDOWS, false, &elapsed, &window);
  r->cold_rate = r == b->rows ? (double)window.instances / elapsed : 0;
  while (!failed && window.table_rows > 0 && seconds_now() - begin < b->w->options->seconds)
    failed = run_window(b, r, b->w->options->seconds / BENCH_WINDOWS, false, &elapsed, &window);
  return failed;
}

static int measure(bench *b) {
  int failed = 0;
  double elapsed;
  for (uint32_t i = 0; i < b->n_rows && !failed; i++) failed = warm_up(b, &b->rows[i]);
  for (uint32_t window = 0; window < BENCH_WINDOWS && !failed; window++) {
    time_peak(b);
    for (uint32_t i = 0; i < b->n_rows && !failed; i++) {
      progress_show("measuring", window * b->n_rows + i, (uint64_t)BENCH_WINDOWS * b->n_rows);
      failed = time_window(b, &b->rows[i], window);
    }
  }
  for (uint32_t i = 0; i < b->n_rows && !failed; i++)
    failed = run_window(b, &b->rows[i], b->w->options->seconds / BENCH_WINDOWS, true, &elapsed,
                        &b->rows[i].split);
  if (!failed) failed = machine_measure(b->w, b->n_threads, &b->machine);
  for (uint32_t i = 0; i < b->n_rows && !failed; i++) failed = count_batches(b, &b->rows[i]);
  progress_clear();
  return failed;
}

/* ---- Setting up ---------------------------------------------------------------------------------
 */

/* A table of all policies, or else one by its name or file. */
static bool has_table(const options *o) {
  return !has_option(o, OPTION_JSON) && !has_option(o, OPTION_POLICY) &&
         !has_option(o, OPTION_SWEEP);
}

static int add_row(bench *b, const char *name, edb_policy_kind kind) {
  bench_row *r = &b->rows[b->n_rows];
  int failed = workplace_policy(b->w, b->lanes[0].runner.session, name, kind, &r->policy);
  if (failed) return failed;
  r->name = edb_policy_kind_name(edb_policy_get_kind(r->policy));
  b->n_rows++;
  return 0;
}

/* All policies that work on graphs of any size, where one table can show them; else one. */
static int add_rows(bench *b) {
  int failed = 0;
  if (!has_table(b->w->options)) return add_row(b, NULL, EDB_POLICY_BEST);
  for (int kind = 0; kind < EDB_POLICY_COUNT && !failed; kind++)
    if (kind != EDB_POLICY_EXACT)
      failed = add_row(b, edb_policy_kind_name((edb_policy_kind)kind), (edb_policy_kind)kind);
  return failed;
}

static int open_lane(bench *b, uint32_t i) {
  runner *r = &b->lanes[i].runner;
  b->lanes[i].b = b;
  if (runner_open(r, b->w, b->granularity) != EDB_OK) {
    b->w->error = r->error;
    return workplace_failed(b->w);
  }
  r->batch = b->batch;
  r->n_batches = b->n_batches;
  r->next = (uint32_t)((uint64_t)i * b->n_batches / b->n_lanes);
  return 0;
}

/* How many instances a mini-batch has: as many as asked for, or as it takes to have the nodes. */
static int choose_batch(bench *b) {
  workplace *w = b->w;
  uint32_t have = edb_dataset_count(w->data);
  uint64_t nodes = 0;
  b->batch = (uint32_t)w->options->number[OPTION_BATCH];
  if (!has_option(w->options, OPTION_BATCH) && have < b->batch) b->batch = have;
  if (b->nodes > 0) {
    for (b->batch = 0; b->batch < have && nodes < b->nodes; b->batch++)
      nodes += edb_dataset_node_count(w->data, b->batch);
    if (nodes < b->nodes)
      return usage_error(w->command,
                         "nodes=%llu, but the data has %llu node%s in %u instance%s, and none may "
                         "stand twice in a mini-batch",
                         (unsigned long long)b->nodes, (unsigned long long)nodes, PLURAL(nodes),
                         have, PLURAL(have));
  }
  if (have < b->batch)
    return usage_error(w->command,
                       "--batch %u, but the data has %u instance%s, and none may stand "
                       "twice in a mini-batch",
                       b->batch, have, PLURAL(have));
  b->n_batches = have / b->batch;
  return 0;
}

static int open_bench(bench *b) {
  workplace *w = b->w;
  b->n_lanes = (uint32_t)w->options->number[OPTION_SESSIONS];
  if (b->n_lanes > 1 && has_option(w->options, OPTION_PIN))
    return usage_error(w->command, "--pin is for one session: others would want the same "
                                   "processors");
  edb_session_params params; /* runner_open() reads them again */
  int failed = read_granularity(w->command, w->options, &b->granularity);
  if (!failed) failed = read_precision(w->command, w->options, &params.precision);
  if (!failed) failed = read_threads(w->command, w->options, &params);
  if (!failed) failed = read_placement(w->command, w->options, &w->placement);
  if (!failed) failed = workplace_row_costs(w, &params);
  w->runs_once = true;
  if (!failed) failed = choose_batch(b);
  if (failed) return failed;
  b->lanes = calloc(b->n_lanes, sizeof *b->lanes);
  if (!b->lanes) return workplace_no_memory(w);
  memory_begin(w, &b->memory);
  if (!failed) failed = open_lane(b, 0);
  if (!failed) b->n_threads = b->n_lanes * edb_session_threads(b->lanes[0].runner.session);
  if (!failed) failed = add_rows(b);
  if (!failed && b->n_rows == 1)
    failed = memory_measure(&b->lanes[0].runner, b->rows[0].policy, &b->memory);
  for (uint32_t i = 1; i < b->n_lanes && !failed; i++) failed = open_lane(b, i);
  return failed;
}

int bench_measure(const options *o, uint64_t nodes, json_t **rows) {
  workplace w;
  bench b = {.w = &w, .nodes = nodes};
  *rows = json_array();
  int code = workplace_open(&w, &command_bench, o);
  if (!code) code = open_bench(&b);
  if (!code) code = measure(&b);
  for (uint32_t i = 0; i < b.n_rows && !code; i++)
    json_array_append_new(*rows, bench_row_json(&b, &b.rows[i]));
  for (uint32_t i = 0; i < b.n_rows; i++) edb_policy_destroy(b.rows[i].policy);
  for (uint32_t i = 0; b.lanes && i < b.n_lanes; i++) runner_close(&b.lanes[i].runner);
  free(b.lanes);
  workplace_close(&w);
  return code;
}

int bench_try(const options *o, uint64_t nodes) {
  workplace w;
  bench b = {.w = &w, .nodes = nodes};
  int code = workplace_open(&w, &command_bench, o);
  if (!code) code = choose_batch(&b);
  workplace_close(&w);
  return code;
}

static int run_bench(const options *o) {
  json_t *rows = NULL;
  if (has_option(o, OPTION_SWEEP)) return bench_sweep(o);
  if (has_option(o, OPTION_PLOT))
    return usage_error(&command_bench, "--plot is for one --sweep NAME=LIST");
  int code = bench_measure(o, 0, &rows);
  if (!code && has_option(o, OPTION_JSON)) {
    output_json(json_incref(json_array_get(rows, 0)), JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  } else if (!code) {
    bench_print_table(rows, stdout);
  }
  json_decref(rows);
  return code;
}

const command command_bench = {
    .name = "bench",
    .summary = "measures speed, and where the time goes",
    .usage = "bench MODEL --data FILE [--batch N] [--threads N] [--policy NAME] [--json]\n"
             "       edbatch bench MODEL --data FILE --sweep NAME=LIST... [--plot FILE] [--json]",
    .details =
        "Time runs from instances in memory to outputs: graph, schedule, placement, execution.\n"
        "Mini-batches are distinct, no instance stands twice in one; across them only tables are "
        "kept. "
        "The\n"
        "machine's peak and bandwidths are measured in the same run. Medians of 5 interleaved "
        "windows.\n"
        "Without --json and --policy: a table over all policies; with --json one object (default: "
        "best).\n"
        "best counts its own time as well (--minimise total), as in run.\n"
        "--sweep gives a row per value of batch, threads, nodes (of a mini-batch) or a constant of "
        "the\n"
        "model, and per combination when given several times; with --json one object per line.\n"
        "docs/benchmarks.md says what each figure is.",
    .example = "  edbatch bench models/tree_lstm.edb --data trees.txt --batch 32 --set hidden=256\n"
               "  edbatch bench models/tree_lstm.edb --data trees.txt --sweep batch=1,32,256 \\\n"
               "    --sweep hidden=64,256",
    .accepts = accepts,
    .run = run_bench,
};
