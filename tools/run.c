/* tools/run.c: `edbatch run`: instances through a model; one JSON object per instance. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "prepare.h"
#include "progress.h"

#define MAX_OUTPUTS 64

typedef struct printer {
  workplace *w;
  edb_session *session;
  preparer preparer;
  edb_graph *graph;               /* of the mini-batch that has run */
  const char *names[MAX_OUTPUTS]; /* outputs to print */
  uint32_t n_names;
  char *names_text;
  bool *cells;    /* whose nodes to print, by cell; NULL: all */
  uint32_t *last; /* with --last: the last node of each cell in the instance that is printed */
  bool is_double;
} printer;

static const option_id accepts[] = {
    OPTION_DATA,     OPTION_WEIGHTS,     OPTION_POLICY,    OPTION_POLICY_FILE, OPTION_OUTPUTS,
    OPTION_DEVICE,   OPTION_GRANULARITY, OPTION_SIMD,      OPTION_SET,         OPTION_BATCH,
    OPTION_LIMIT,    OPTION_SKIP_BAD,    OPTION_NO_LABELS, OPTION_NO_HOIST,    OPTION_NO_SHARE,
    OPTION_NO_TABLE, OPTION_TABLE_MIB,   OPTION_FORMAT,    OPTION_FOLD_IDS,    OPTION_MIN_COUNT,
    OPTION_SEED,     OPTION_OUT,         OPTION_JSON,      OPTION_COSTS,       OPTION_MINIMISE,
    OPTION_THREADS,  OPTION_THREADS_BY,  OPTION_PIN,       OPTION_PRECISION,   OPTION_PLACEMENT,
    OPTION_CELLS,    OPTION_LAST,        OPTION_WIDTH,     OPTION_HELP};

/* ---- Which outputs ------------------------------------------------------------------------------
 */

static bool model_has_output(const edb_model *model, const char *name) {
  for (uint32_t c = 0; c < edb_model_cell_count(model); c++)
    if (edb_model_output(model, c, name) != UINT32_MAX) return true;
  return false;
}

static int parse_outputs(printer *p, const char *list) {
  if (!list) return 0;
  p->names_text = strdup(list);
  if (!p->names_text) return workplace_no_memory(p->w);
  char *rest = p->names_text, *name;
  while ((name = strsep(&rest, ","))) {
    if (!model_has_output(p->w->model, name))
      return usage_error(p->w->command, "no cell of the model has an output \"%s\"", name);
    if (p->n_names == MAX_OUTPUTS) return usage_error(p->w->command, "too many outputs");
    p->names[p->n_names++] = name;
  }
  return 0;
}

static int parse_cells(printer *p, const char *list) {
  const edb_model *model = p->w->model;
  int failed = 0;
  if (!list) return 0;
  p->cells = calloc((size_t)edb_model_cell_count(model) + 1, sizeof *p->cells);
  char *copy = p->cells ? strdup(list) : NULL, *rest = copy, *name;
  if (!copy) return workplace_no_memory(p->w);
  while (!failed && (name = strsep(&rest, ","))) {
    uint32_t cell = edb_model_cell(model, name);
    if (cell == UINT32_MAX)
      failed = usage_error(p->w->command, "--cells: the model has no cell \"%s\"", name);
    else
      p->cells[cell] = true;
  }
  free(copy);
  return failed;
}

static int parse_filter(printer *p, const options *o) {
  if (has_option(o, OPTION_LAST)) {
    p->last = calloc((size_t)edb_model_cell_count(p->w->model) + 1, sizeof *p->last);
    if (!p->last) return workplace_no_memory(p->w);
  }
  return parse_cells(p, o->text[OPTION_CELLS]);
}

/* ---- One instance -------------------------------------------------------------------------------
 */

/* A value as nested lists by its shape; numbers with as many digits as read back the same. */
static json_t *value_json(printer *p, uint32_t cell, edb_value value) {
  size_t size = edb_model_output_size(p->w->model, cell, value.output);
  double *numbers = malloc((size + 1) * sizeof *numbers);
  if (!numbers) return NULL;
  json_t *out = NULL;
  if (edb_session_read_f64(p->session, p->graph, value, numbers, size, &p->w->error) == EDB_OK) {
    uint32_t rank = edb_model_output_rank(p->w->model, cell, value.output);
    size_t columns = rank == 2 ? edb_model_output_dim(p->w->model, cell, value.output, 1) : size;
    out = rank == 0 ? output_number(numbers[0]) : json_array();
    json_t *row = out;
    for (size_t i = 0; rank > 0 && i < size; i++) {
      if (rank == 2 && i % columns == 0) {
        row = json_array();
        json_array_append_new(out, row);
      }
      json_array_append_new(row, output_number(numbers[i]));
    }
  }
  free(numbers);
  return out;
}

static json_t *node_json(printer *p, edb_node node) {
  uint32_t cell = edb_graph_node_cell(p->graph, node);
  json_t *object = json_object();
  json_object_set_new(object, "cell", json_string(edb_model_cell_name(p->w->model, cell)));
  for (uint32_t i = 0; i < p->n_names; i++) {
    uint32_t output = edb_model_output(p->w->model, cell, p->names[i]);
    if (output == UINT32_MAX) continue;
    edb_value value = {node, output};
    if (edb_session_has(p->session, p->graph, value))
      json_object_set_new(object, p->names[i], value_json(p, cell, value));
  }
  return object;
}

/* Sum of all outputs called "loss" that exist. */
static bool instance_loss(printer *p, edb_node first, edb_node end, double *loss) {
  bool any = false;
  *loss = 0;
  for (edb_node node = first; node < end; node++) {
    double one;
    uint32_t output = edb_model_output(p->w->model, edb_graph_node_cell(p->graph, node), "loss");
    edb_value value = {node, output};
    if (output == UINT32_MAX || !edb_session_has(p->session, p->graph, value)) continue;
    if (edb_session_read_f64(p->session, p->graph, value, &one, 1, NULL) != EDB_OK) continue;
    *loss += one;
    any = true;
  }
  return any;
}

/* Of all nodes, in the order of the input; or of those of --cells, with --last of each cell the
 * last one only, and then with their numbers. */
static json_t *nodes_json(printer *p, uint32_t instance, edb_node first) {
  const edb_dataset *data = p->w->data;
  uint32_t n = edb_dataset_node_count(data, instance);
  json_t *nodes = json_array();
  for (uint32_t i = 0; p->last && i < n; i++)
    p->last[edb_graph_node_cell(p->graph, first + edb_dataset_node(data, instance, i))] = i;
  for (uint32_t i = 0; i < n; i++) {
    edb_node node = first + edb_dataset_node(data, instance, i);
    uint32_t cell = edb_graph_node_cell(p->graph, node);
    if ((p->cells && !p->cells[cell]) || (p->last && p->last[cell] != i)) continue;
    json_t *object = node_json(p, node);
    if (p->cells || p->last) json_object_set_new(object, "node", json_integer(i));
    json_array_append_new(nodes, object);
  }
  return nodes;
}

/* false and errno: it could not be written. */
static bool print_instance(printer *p, uint32_t instance, edb_node first, FILE *to) {
  json_t *object = json_object();
  double loss;
  if (instance_loss(p, first, first + edb_dataset_node_count(p->w->data, instance), &loss))
    json_object_set_new(object, "loss", output_number(loss));
  json_object_set_new(object, "nodes", nodes_json(p, instance, first));
  size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(p->is_double ? 17 : 9);
  bool written = json_dumpf(object, to, flags) == 0 && fputc('\n', to) != EOF;
  json_decref(object);
  return written;
}

/* ---- The command --------------------------------------------------------------------------------
 */

/* The outputs to print, and the losses. */
static edb_keep what_to_keep(printer *p, const char **names) {
  memcpy(names, p->names, p->n_names * sizeof *names);
  uint32_t n = p->n_names;
  if (model_has_output(p->w->model, "loss")) names[n++] = "loss";
  /* A keep of no names would keep all; a model without a loss and a run without outputs keeps the
   * first. */
  if (n == 0 && edb_model_cell_count(p->w->model) > 0)
    names[n++] = edb_model_output_name(p->w->model, 0, 0);
  return (edb_keep){names, n};
}

static int cannot_write(const workplace *w) {
  const char *path = w->options->text[OPTION_OUT], *reason = strerror(errno);
  progress_clear();
  fprintf(stderr, "edbatch run: cannot write %s: %s\n", path ? path : "the output", reason);
  return EXIT_FAILED;
}

static int run_all(printer *p, const edb_policy *policy, FILE *to) {
  workplace *w = p->w;
  const char *names[MAX_OUTPUTS + 1];
  edb_keep keep = what_to_keep(p, names);
  uint32_t n = edb_dataset_count(w->data), batch = (uint32_t)w->options->number[OPTION_BATCH];
  prepare_by(&p->preparer, policy, &keep);
  for (uint32_t first = 0, count, next; first < n; first = next) {
    count = n - first < batch ? n - first : batch;
    next = first + count;
    prepared *m;
    if (prepare_run(&p->preparer, first, count, next, n - next < batch ? n - next : batch, &m,
                    &w->error) != EDB_OK)
      return workplace_failed(w);
    p->graph = m->graph;
    for (uint32_t i = 0; i < count; i++)
      if (!print_instance(p, first + i, edb_graph_instance_begin(p->graph, i), to))
        return cannot_write(w);
    progress_show("running", next, n);
  }
  progress_clear();
  return 0;
}

static int open_and_run(printer *p, edb_policy **policy) {
  workplace *w = p->w;
  const options *o = w->options;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  int failed = read_device(w->command, o, &params.device);
  if (!failed) failed = read_precision(w->command, o, &params.precision);
  if (!failed) failed = read_granularity(w->command, o, &params.granularity);
  if (!failed) failed = read_placement(w->command, o, &params.placement);
  if (!failed) failed = parse_outputs(p, o->text[OPTION_OUTPUTS]);
  if (!failed) failed = parse_filter(p, o);
  if (failed) return failed;
  failed = workplace_row_costs(w, &params);
  if (!failed) failed = read_threads(w->command, o, &params);
  if (failed) return failed;
  read_reduction(o, &params);
  p->is_double = params.device == EDB_DEVICE_REFERENCE;
  if (!has_option(o, OPTION_WEIGHTS))
    fprintf(stderr, "edbatch: no --weights: seeded initial values (--seed %llu)\n",
            (unsigned long long)o->number[OPTION_SEED]);
  if (prepare_open(&p->preparer, w, &params, &p->session, &w->error) != EDB_OK)
    return workplace_failed(w);
  w->runs_once = true;
  failed = workplace_policy(w, p->session, NULL, EDB_POLICY_BEST, policy);
  if (failed) return failed;
  const char *path = o->text[OPTION_OUT];
  FILE *to = path ? fopen(path, "w") : stdout;
  if (!to) return cannot_write(w);
  failed = run_all(p, *policy, to);
  if (path && fclose(to) != 0 && !failed) failed = cannot_write(w);
  return failed;
}

static int run_run(const options *o) {
  workplace w;
  edb_policy *policy = NULL;
  printer p = {.w = &w};
  int code = workplace_open(&w, &command_run, o);
  if (!code) code = open_and_run(&p, &policy);
  prepare_close(&p.preparer);
  edb_policy_destroy(policy);
  edb_session_destroy(p.session);
  free(p.names_text);
  free(p.cells);
  free(p.last);
  workplace_close(&w);
  return code;
}

const command command_run = {
    .name = "run",
    .summary = "runs instances through a model",
    .usage = "run MODEL --data FILE [--weights FILE] [--policy NAME|FILE] [--outputs LIST]",
    .details =
        "Prints one JSON object per instance: loss, the sum of its nodes' losses, where there\n"
        "are labels, and nodes, in the order of the input: of each its cell and the outputs\n"
        "asked for. Numbers have as many digits as it takes to read them back unchanged. --cells\n"
        "and --last leave nodes out; those that stay have their place in the input as node. The\n"
        "last node of a cell is that of a tree's root, or of the end of a chain.",
    .example =
        "  edbatch run models/tree_lstm.edb --data trees.txt --weights weights.safetensors \\\n"
        "    --policy policy.json --outputs h,logits\n\n"
        "  The root of each tree alone:\n"
        "  edbatch run models/tree_lstm.edb --data trees.txt --outputs logits --cells score --last",
    .accepts = accepts,
    .run = run_run,
};
