/* tools/workplace.c: opens what commands work on, and says what is wrong with it. */
#include "workplace.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "progress.h"

static void log_line(void *user, edb_log_level level, const char *text) {
  (void)user;
  if (level == EDB_LOG_WARNING) fprintf(stderr, "edbatch: warning: %s\n", text);
}

int workplace_failed(const workplace *w) {
  progress_clear();
  fprintf(stderr, "edbatch %s: %s\n", w->command->name, w->error.text);
  return EXIT_FAILED;
}

int workplace_no_memory(const workplace *w) {
  progress_clear();
  fprintf(stderr, "edbatch %s: out of memory\n", w->command->name);
  return EXIT_FAILED;
}

int workplace_open_context(workplace *w, const command *c, const options *o, edb_simd simd) {
  *w = (workplace){.command = c, .options = o};
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.log = log_line;
  params.simd = simd;
  return edb_context_create(&params, &w->ctx, &w->error) == EDB_OK ? 0 : workplace_failed(w);
}

/* Prints an error that the command line is to blame for: EXIT_USAGE. */
static int misused(const workplace *w) {
  progress_clear();
  return usage_error(w->command, "%s", w->error.text);
}

/* Whether the model is fine but for --set. */
static bool loads_unset(workplace *w, const char *path) {
  edb_model *model;
  if (edb_model_load(w->ctx, path, NULL, &model, NULL) != EDB_OK) return false;
  edb_model_destroy(model);
  return true;
}

int workplace_open_model(workplace *w, const char *path) {
  edb_constant set[MAX_SETS];
  for (uint32_t i = 0; i < w->options->n_sets; i++)
    set[i] = (edb_constant){w->options->set_names[i], w->options->set_values[i]};
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = set;
  params.n_set = w->options->n_sets;
  if (edb_model_load(w->ctx, path, &params, &w->model, &w->error) == EDB_OK) return 0;
  return params.n_set > 0 && loads_unset(w, path) ? misused(w) : workplace_failed(w);
}

/* As an error text has them: "a, b or c". */
static void list_names(const char *(*name)(int), int n, char *out, size_t bytes) {
  *out = 0;
  for (int i = 0; i < n; i++) {
    size_t length = strlen(out);
    const char *joint = i == 0 ? "" : i < n - 1 ? ", " : " or ";
    snprintf(out + length, bytes - length, "%s%s", joint, name(i));
  }
}

static const char *format_name(int i) {
  return edb_data_format_name((edb_data_format)i);
}

static int no_such_format(const workplace *w, const char *text) {
  char known[256];
  list_names(format_name, EDB_DATA_FORMAT_COUNT, known, sizeof known);
  return usage_error(w->command, "--format is %s; found \"%s\"", known, text);
}

static int open_data(workplace *w) {
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.limit = (uint32_t)w->options->number[OPTION_LIMIT];
  params.skip_bad = has_option(w->options, OPTION_SKIP_BAD);
  params.no_labels = has_option(w->options, OPTION_NO_LABELS);
  params.fold_ids = (uint32_t)w->options->number[OPTION_FOLD_IDS];
  params.min_count = (uint32_t)w->options->number[OPTION_MIN_COUNT];
  const char *format = w->options->text[OPTION_FORMAT];
  if (format && !edb_data_format_from_name(format, &params.format))
    return no_such_format(w, format);
  const char *path = w->options->text[OPTION_DATA];
  if (strcmp(path, "-") == 0) path = "/dev/stdin";
  if (edb_dataset_load(w->ctx, w->model, path, &params, &w->data, &w->error) != EDB_OK)
    return workplace_failed(w);
  if (edb_dataset_skipped(w->data))
    fprintf(stderr, "edbatch: %u bad instance%s skipped, %u read\n", edb_dataset_skipped(w->data),
            PLURAL(edb_dataset_skipped(w->data)), edb_dataset_count(w->data));
  return 0;
}

/* Weights bring their vocabularies; without them the vocabularies come from the data. */
static int open_weights_and_data(workplace *w) {
  const char *path = w->options->text[OPTION_WEIGHTS];
  if (path) {
    if (edb_weights_load(w->ctx, w->model, path, &w->weights, &w->error) != EDB_OK)
      return workplace_failed(w);
    return open_data(w);
  }
  int failed = open_data(w);
  if (failed) return failed;
  return edb_weights_create(w->ctx, w->model, w->options->number[OPTION_SEED], &w->weights,
                            &w->error) == EDB_OK
             ? 0
             : workplace_failed(w);
}

int workplace_open(workplace *w, const command *c, const options *o) {
  edb_simd simd;
  *w = (workplace){.command = c, .options = o};
  if (o->n_positional != 1) return usage_error(c, "needs one MODEL, found %u", o->n_positional);
  if (!has_option(o, OPTION_DATA)) return usage_error(c, "needs --data FILE");
  int failed = read_simd(c, o, &simd);
  if (!failed) failed = workplace_open_context(w, c, o, simd);
  if (!failed) failed = workplace_open_model(w, o->positional[0]);
  if (!failed) failed = open_weights_and_data(w);
  return failed;
}

void workplace_close(workplace *w) {
  edb_costs_destroy(w->row_costs);
  edb_dataset_destroy(w->data);
  edb_weights_destroy(w->weights);
  edb_model_destroy(w->model);
  edb_context_destroy(w->ctx);
}

/* ---- Options that name things
 * -------------------------------------------------------------------- */

static int read_name(const command *c, const options *o, option_id id, const char *const *names,
                     int n, const char *option, int *out) {
  const char *text = o->text[id];
  *out = 0;
  if (!text) return 0;
  for (int i = 0; i < n; i++)
    if (strcmp(text, names[i]) == 0) {
      *out = i;
      return 0;
    }
  char known[128] = "";
  for (int i = 0; i < n; i++)
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", names[i]);
  return usage_error(c, "%s is one of %s; found \"%s\"", option, known, text);
}

static const char *const granularities[] = {"cell", "op"};
static const char *const placements[] = {"auto", "arrival", "ordered", "direct"};

const char *granularity_name(edb_granularity granularity) {
  return granularities[granularity == EDB_GRANULARITY_OP];
}

const char *placement_name(edb_placement_kind placement) {
  return placements[placement];
}

/* The file of --policy or --policy-file, or NULL. */
static const char *policy_path(const options *o) {
  edb_policy_kind kind;
  const char *text = o->text[OPTION_POLICY];
  return text && !edb_policy_kind_from_name(text, &kind) ? text : o->text[OPTION_POLICY_FILE];
}

bool policy_granularity(const options *o, edb_granularity *out) {
  const char *path = policy_path(o);
  json_t *policy = path ? json_load_file(path, 0, NULL) : NULL;
  const char *name = json_string_value(json_object_get(policy, "granularity"));
  bool op = name && strcmp(name, granularities[1]) == 0;
  bool known = op || (name && strcmp(name, granularities[0]) == 0);
  if (known) *out = op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
  json_decref(policy);
  return known;
}

int read_granularity(const command *c, const options *o, edb_granularity *out) {
  edb_granularity learned;
  int i, failed = read_name(c, o, OPTION_GRANULARITY, granularities, 2, "--granularity", &i);
  *out = i ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
  if (failed || !policy_granularity(o, &learned) || learned == *out) return failed;
  if (has_option(o, OPTION_GRANULARITY))
    return usage_error(c, "%s is a policy of granularity %s, but --granularity is %s",
                       policy_path(o), granularity_name(learned), granularities[i]);
  *out = learned;
  return 0;
}

void read_reduction(const options *o, edb_session_params *params) {
  params->no_hoist = has_option(o, OPTION_NO_HOIST);
  params->no_share = has_option(o, OPTION_NO_SHARE);
  params->no_table = has_option(o, OPTION_NO_TABLE);
  params->table_bytes =
      (size_t)(o->number[OPTION_TABLE_MIB] > UINT32_MAX ? UINT32_MAX : o->number[OPTION_TABLE_MIB])
      << 20;
}

int read_threads(const command *c, const options *o, edb_session_params *params) {
  int i, failed = read_name(c, o, OPTION_THREADS_BY, (const char *[]){"auto", "batch", "instance"},
                            3, "--threads-by", &i);
  params->threads = (uint32_t)o->number[OPTION_THREADS];
  params->threads_by = (edb_threads_by)i;
  params->pin_threads = has_option(o, OPTION_PIN);
  return failed;
}

int read_placement(const command *c, const options *o, edb_placement_kind *out) {
  int i, failed = read_name(c, o, OPTION_PLACEMENT, placements, 4, "--placement", &i);
  *out = (edb_placement_kind)i;
  return failed;
}

int read_device(const command *c, const options *o, edb_device *out) {
  int i, failed = read_name(c, o, OPTION_DEVICE, (const char *[]){"cpu", "reference"}, 2,
                            "--device", &i);
  *out = i ? EDB_DEVICE_REFERENCE : EDB_DEVICE_CPU;
  return failed;
}

int read_precision(const command *c, const options *o, edb_precision *out) {
  int i, failed = read_name(c, o, OPTION_PRECISION, (const char *[]){"f32", "bf16"}, 2,
                            "--precision", &i);
  *out = i ? EDB_PRECISION_BF16 : EDB_PRECISION_F32;
  return failed;
}

int read_simd(const command *c, const options *o, edb_simd *out) {
  int i, failed = read_name(c, o, OPTION_SIMD,
                            (const char *[]){"auto", "portable", "avx2", "avx512", "neon"}, 5,
                            "--simd", &i);
  *out = (edb_simd)i;
  return failed;
}

int read_learn_params(const command *c, const options *o, edb_learn_params *out) {
  *out = (edb_learn_params)EDB_PARAMS(edb_learn_params);
  out->seed = o->number[OPTION_SEED];
  out->max_episodes = (uint32_t)o->number[OPTION_EPISODES];
  const char *encoding = o->text[OPTION_ENCODING];
  if (encoding && !edb_encoding_from_name(encoding, &out->encoding))
    return usage_error(c, "--encoding is one of mass, lead, base, max, sort, tight; found \"%s\"",
                       encoding);
  int reward, failed = read_name(c, o, OPTION_REWARD, (const char *[]){"bound", "frontier"}, 2,
                                 "--reward", &reward);
  out->reward = reward ? EDB_REWARD_FRONTIER : EDB_REWARD_BOUND;
  const char *teacher = o->text[OPTION_TEACHER];
  if (teacher && !edb_teacher_from_name(teacher, &out->teacher))
    return usage_error(c, "--teacher is one of rule, beam; found \"%s\"", teacher);
  return failed;
}

/* ---- Graphs and policies ------------------------------------------------------------------------
 */

int workplace_graph(workplace *w, uint32_t first, uint32_t count, edb_graph **out) {
  edb_graph *graph = NULL;
  if (edb_graph_create(w->ctx, w->model, &graph, &w->error) != EDB_OK) return workplace_failed(w);
  for (uint32_t i = first; i < first + count; i++)
    if (edb_dataset_append(w->data, i, graph, &w->error) != EDB_OK) {
      edb_graph_destroy(graph);
      return workplace_failed(w);
    }
  *out = graph;
  return 0;
}

static bool show_learning(void *user, const edb_learn_progress *p) {
  (void)user;
  progress_show("learning", p->episode, p->max_episodes);
  return true;
}

int workplace_learn(workplace *w, edb_session *session, edb_policy **out) {
  const options *o = w->options;
  uint32_t have = edb_dataset_count(w->data), batch = (uint32_t)o->number[OPTION_BATCH];
  if (batch > have) batch = have;
  uint32_t n = (uint32_t)o->number[OPTION_BATCHES];
  if (n > have / batch) n = have / batch;
  edb_learn_params params;
  int failed = read_learn_params(w->command, o, &params);
  if (failed) return failed;
  params.progress = show_learning;
  edb_graph **graphs = calloc(n, sizeof *graphs);
  if (!graphs) return workplace_no_memory(w);
  for (uint32_t i = 0; i < n && !failed; i++)
    failed = workplace_graph(w, i * batch, batch, &graphs[i]);
  if (!failed && edb_session_learn(session, (const edb_graph *const *)graphs, n, &params, out,
                                   &w->error) != EDB_OK)
    failed = workplace_failed(w);
  progress_clear();
  for (uint32_t i = 0; i < n; i++) edb_graph_destroy(graphs[i]);
  free(graphs);
  return failed;
}

static int load_policy(workplace *w, const char *path, edb_policy **out) {
  return edb_policy_load(w->ctx, path, w->model, out, &w->error) == EDB_OK ? 0
                                                                           : workplace_failed(w);
}

/* The learned policy: from its file, or from the data. */
static int open_fsm(workplace *w, edb_session *session, const char *path, edb_policy **out) {
  if (path) return load_policy(w, path, out);
  int failed = workplace_learn(w, session, out);
  if (failed) return failed;
  edb_learn_report report = edb_policy_learned(*out);
  fprintf(stderr, "edbatch: no --policy-file: learned one from the data in %.1f ms (%u state%s)\n",
          (double)report.nanoseconds * 1e-6, report.states, PLURAL(report.states));
  return 0;
}

int workplace_costs(workplace *w, edb_costs **out) {
  const char *path = w->options->text[OPTION_COSTS];
  *out = NULL;
  if (!path) return 0;
  return edb_costs_load(w->ctx, path, w->model, out, &w->error) == EDB_OK ? 0 : workplace_failed(w);
}

/* The file's; without one those that the session tells. */
static int find_costs(workplace *w, const edb_session *session, edb_costs **out) {
  if (has_option(w->options, OPTION_COSTS)) return workplace_costs(w, out);
  return edb_session_estimate(session, out, &w->error) == EDB_OK ? 0 : workplace_failed(w);
}

/* `best` with all that the options say about it, and with costs if time is to be minimised. */
static int make_best(workplace *w, edb_policy_params *params, const edb_costs *costs,
                     edb_policy **out) {
  const char *path = w->options->text[OPTION_POLICY_FILE];
  edb_policy *fsm = NULL;
  int failed = path ? load_policy(w, path, &fsm) : 0;
  if (failed) return failed;
  params->fsm = fsm;
  params->costs = costs;
  edb_status status = edb_policy_create_with(w->ctx, EDB_POLICY_BEST, params, out, &w->error);
  edb_policy_destroy(fsm);
  return status == EDB_OK ? 0 : workplace_failed(w);
}

int workplace_fastest(workplace *w, const edb_costs *costs, edb_policy **out) {
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.width = (uint32_t)w->options->number[OPTION_WIDTH];
  return make_best(w, &params, costs, out);
}

/* What --minimise asks for. */
typedef enum aim { AIM_BATCHES, AIM_TIME, AIM_TOTAL } aim;

/* The policy must be one that can; `estimates`: costs are told from the model where no file has
 * them. */
static int read_minimise(const workplace *w, edb_policy_kind kind, bool estimates, aim *out) {
  static const char *const names[] = {"batches", "time", "total"};
  int i, failed = read_name(w->command, w->options, OPTION_MINIMISE, names, 3, "--minimise", &i);
  *out = (aim)i;
  if (failed || *out == AIM_BATCHES) return failed;
  if (!has_option(w->options, OPTION_COSTS) && !estimates)
    return usage_error(w->command, "--minimise %s needs --costs FILE; see edbatch calibrate",
                       names[i]);
  if (kind != EDB_POLICY_BEST)
    return usage_error(w->command, "--minimise %s is for --policy best, found %s", names[i],
                       edb_policy_kind_name(kind));
  return 0;
}

/* Wrong usage is said before the file is looked for. */
int workplace_row_costs(workplace *w, edb_session_params *params) {
  const char *policy = w->options->text[OPTION_POLICY];
  edb_policy_kind kind = EDB_POLICY_BEST;
  aim minimise;
  int failed = 0;
  if (has_option(w->options, OPTION_COSTS) && has_option(w->options, OPTION_MINIMISE) &&
      (!policy || edb_policy_kind_from_name(policy, &kind)))
    failed = read_minimise(w, kind, true, &minimise);
  if (!failed && !w->row_costs) failed = workplace_costs(w, &w->row_costs);
  params->costs = w->row_costs;
  return failed;
}

const char *workplace_aim(const workplace *w) {
  const char *text = w->options->text[OPTION_MINIMISE];
  return text ? text : w->runs_once ? "total" : "batches";
}

static const char *policy_name(int i) {
  return edb_policy_kind_name((edb_policy_kind)i);
}

static int no_such_policy(const workplace *w, const char *text) {
  const char *names[EDB_POLICY_COUNT];
  char known[256];
  for (int i = 0; i < EDB_POLICY_COUNT; i++) names[i] = policy_name(i);
  const char *near = nearest_name(text, names, EDB_POLICY_COUNT);
  if (near)
    return usage_error(w->command,
                       "--policy: \"%s\" is neither a policy nor a file; did you mean \"%s\"?",
                       text, near);
  list_names(policy_name, EDB_POLICY_COUNT, known, sizeof known);
  return usage_error(w->command, "--policy: \"%s\" is neither a policy nor a file; policies: %s",
                     text, known);
}

int workplace_policy(workplace *w, edb_session *session, const char *name, edb_policy_kind fallback,
                     edb_policy **out) {
  const options *o = w->options;
  const char *text = name ? name : o->text[OPTION_POLICY], *path = o->text[OPTION_POLICY_FILE];
  edb_policy_kind kind = fallback;
  bool is_file = text && !edb_policy_kind_from_name(text, &kind);
  if (path && !name && (is_file || (kind != EDB_POLICY_FSM && kind != EDB_POLICY_BEST)))
    fprintf(stderr, "edbatch: warning: --policy %s makes no use of --policy-file\n", text);
  if (is_file) return access(text, F_OK) == 0 ? load_policy(w, text, out) : no_such_policy(w, text);
  aim minimise = w->runs_once ? AIM_TOTAL : AIM_BATCHES;
  bool has_aim = has_option(o, OPTION_MINIMISE) && (!name || kind == EDB_POLICY_BEST);
  int failed = has_aim ? read_minimise(w, kind, session != NULL, &minimise) : 0;
  if (failed) return failed;
  if (kind == EDB_POLICY_FSM) return open_fsm(w, session, path, out);
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.width = (uint32_t)o->number[OPTION_WIDTH];
  /* A policy that the command names itself is one of many. */
  params.seconds = has_option(o, OPTION_SECONDS) ? o->seconds : name ? 1 : 0;
  if (kind == EDB_POLICY_BEST) {
    edb_costs *costs = NULL;
    if (minimise != AIM_BATCHES) failed = find_costs(w, session, &costs);
    params.once = minimise == AIM_TOTAL;
    if (!failed) failed = make_best(w, &params, costs, out);
    edb_costs_destroy(costs);
    return failed;
  }
  edb_status status = edb_policy_create_with(w->ctx, kind, &params, out, &w->error);
  return status == EDB_OK ? 0 : workplace_failed(w);
}
