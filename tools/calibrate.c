/* tools/calibrate.c: `edbatch calibrate`: measures what batches cost, for schedules by time. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "workplace.h"

static const option_id accepts[] = {
    OPTION_DATA,     OPTION_OUT,       OPTION_WEIGHTS,   OPTION_BATCH,  OPTION_BATCHES,
    OPTION_SIMD,     OPTION_SET,       OPTION_LIMIT,     OPTION_FORMAT, OPTION_GRANULARITY,
    OPTION_SKIP_BAD, OPTION_NO_LABELS, OPTION_MIN_COUNT, OPTION_SEED,   OPTION_FOLD_IDS,
    OPTION_JSON,     OPTION_HELP};

#define MAX_GRAPHS 256

typedef struct graphs {
  edb_graph *data[MAX_GRAPHS];
  uint32_t count;
} graphs;

/* --batches mini-batches of --batch instances, and as many of half of that, a quarter, ..., 1: so
 * batches of all sizes are seen. */
static int open_graphs(workplace *w, graphs *g) {
  uint32_t batch = (uint32_t)w->options->number[OPTION_BATCH];
  uint64_t of_each = w->options->number[OPTION_BATCHES];
  uint32_t have = edb_dataset_count(w->data), next = 0;
  if (have == 0) return usage_error(w->command, "the data has no instances");
  for (uint32_t size = batch < have ? batch : have; size > 0; size /= 2) {
    for (uint64_t i = 0; i < of_each && g->count < MAX_GRAPHS; i++) {
      if (next + size > have) next = 0;
      int failed = workplace_graph(w, next, size, &g->data[g->count]);
      if (failed) return failed;
      next += size;
      g->count++;
    }
  }
  return 0;
}

static int measure(workplace *w, edb_session *session, edb_costs **out) {
  graphs g = {.count = 0};
  int failed = open_graphs(w, &g);
  if (!failed && edb_session_calibrate(session, (const edb_graph *const *)g.data, g.count, 0, out,
                                       &w->error) != EDB_OK)
    failed = workplace_failed(w);
  for (uint32_t i = 0; i < g.count; i++) edb_graph_destroy(g.data[i]);
  return failed;
}

static json_t *numbers(const double *of) {
  json_t *list = json_array();
  for (int i = 0; i < EDB_ROW_WIDTHS; i++) json_array_append_new(list, json_real(of[i]));
  return list;
}

static json_t *rows_json(const edb_costs *costs, bool far) {
  edb_row_costs r = {.gather_ns = {0}};
  (void)edb_costs_rows(costs, far, &r);
  return json_pack("{s:o, s:o, s:o, s:o}", "gather_ns", numbers(r.gather_ns), "product_ns",
                   numbers(r.product_ns), "elementwise_ns", numbers(r.elementwise_ns), "store_ns",
                   numbers(r.store_ns));
}

static void report_json(const workplace *w, const edb_costs *costs) {
  const edb_calibration r = edb_costs_calibration(costs);
  edb_cost mini_batch = edb_costs_mini_batch(costs);
  json_t *types = json_array();
  for (uint32_t i = 0; i < edb_costs_type_count(costs); i++) {
    edb_cost cost = edb_costs_get(costs, i);
    json_array_append_new(types, json_pack("{s:s, s:f, s:f}", "name", edb_costs_type_name(costs, i),
                                           "batch_ns", cost.batch_ns, "node_ns", cost.node_ns));
  }
  json_t *object = json_pack(
      "{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:{s:o, s:o}}", "costs",
      w->options->text[OPTION_OUT], "mini_batches", (json_int_t)r.mini_batches, "batches",
      (json_int_t)r.batches, "measured_ns", r.measured_ns, "predicted_ns", r.predicted_ns, "error",
      r.error, "mini_batch_ns", mini_batch.batch_ns, "node_ns", mini_batch.node_ns, "types", types,
      "rows", "near", rows_json(costs, false), "far", rows_json(costs, true));
  output_json(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
}

static void print_rows(const edb_costs *costs, bool far) {
  edb_row_costs r = {.gather_ns = {0}};
  (void)edb_costs_rows(costs, far, &r);
  printf("%-40s", far ? "rows from afar: ns per row of" : "rows from a near cache: ns per row of");
  for (int i = 0; i < EDB_ROW_WIDTHS; i++) printf(" %8d", EDB_ROW_FIRST_WIDTH << i);
  printf("\n");
  const struct {
    const char *name;
    const double *ns;
  } lines[] = {{"  gathered", r.gather_ns},
               {"  read by a product where they are", r.product_ns},
               {"  read by elementwise operators", r.elementwise_ns},
               {"  stored again", r.store_ns}};
  for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
    printf("%-40s", lines[k].name);
    for (int i = 0; i < EDB_ROW_WIDTHS; i++) printf(" %8.1f", lines[k].ns[i]);
    printf("\n");
  }
}

static void report_text(const workplace *w, const edb_costs *costs) {
  const edb_calibration r = edb_costs_calibration(costs);
  edb_cost mini_batch = edb_costs_mini_batch(costs);
  printf("%-40s %12s %12s\n", "type", "ns per batch", "ns per node");
  for (uint32_t i = 0; i < edb_costs_type_count(costs); i++) {
    edb_cost cost = edb_costs_get(costs, i);
    printf("%-40s %12.1f %12.2f\n", edb_costs_type_name(costs, i), cost.batch_ns, cost.node_ns);
  }
  printf("%-40s %12.1f %12.2f\n", "a mini-batch, besides", mini_batch.batch_ns, mini_batch.node_ns);
  print_rows(costs, false);
  print_rows(costs, true);
  printf(
      "calibrated %s: %u mini-batch%s, predicted %.1f us, measured %.1f us, mean error %.1f %%\n",
      w->options->text[OPTION_OUT], r.mini_batches, r.mini_batches == 1 ? "" : "es",
      r.predicted_ns * 1e-3, r.measured_ns * 1e-3, r.error * 100);
}

static int calibrate(workplace *w) {
  const options *o = w->options;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_costs *costs = NULL;
  int failed = read_granularity(w->command, o, &params.granularity);
  if (failed) return failed;
  if (edb_session_create(w->ctx, w->model, w->weights, &params, &session, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) failed = measure(w, session, &costs);
  if (!failed && edb_costs_measure_rows(costs, &w->error) != EDB_OK) failed = workplace_failed(w);
  if (!failed && edb_costs_save(costs, o->text[OPTION_OUT], &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) (has_option(o, OPTION_JSON) ? report_json : report_text)(w, costs);
  edb_costs_destroy(costs);
  edb_session_destroy(session);
  return failed;
}

static int run_calibrate(const options *o) {
  workplace w = {.command = &command_calibrate, .options = o};
  if (!has_option(o, OPTION_OUT)) return usage_error(&command_calibrate, "needs -o FILE");
  int code = workplace_open(&w, &command_calibrate, o);
  if (!code) code = calibrate(&w);
  workplace_close(&w);
  return code;
}

static const option_help own_help[] = {
    {OPTION_BATCH, "instances of the largest mini-batches (default 32)"},
    {OPTION_BATCHES, "mini-batches of each size (default 4)"},
    {OPTION_OUT, "the file of costs to write"},
    {OPTION_HELP, NULL}};

const command command_calibrate = {
    .name = "calibrate",
    .summary = "measures what batches of each type cost",
    .usage = "calibrate MODEL --data FILE -o COSTS [--batch N] [--granularity op]",
    .details =
        "Runs --batches mini-batches of --batch instances, of half as many, of a quarter, ..., of "
        "one,\n"
        "and fits to the time of every batch a line per type: nanoseconds per batch, and per node "
        "in\n"
        "it. The file is for this machine, the sizes (--set) and the granularity that were "
        "measured;\n"
        "--minimise time --costs FILE of schedule, run and bench uses it. What it takes to bring\n"
        "rows to their readers is measured, too: with --costs, run and bench gather them, read\n"
        "them through pointers or store them twice by that.",
    .example = "  edbatch calibrate models/tree_lstm.edb --data trees.txt -o tree.costs.json",
    .accepts = accepts,
    .own = own_help,
    .run = run_calibrate,
};
