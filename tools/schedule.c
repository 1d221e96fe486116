/* tools/schedule.c: `edbatch schedule`: the batches that a policy makes of a mini-batch or a raw
 * graph. */
#include <jansson.h>
#include <stdio.h>

#include "compare.h"
#include "output.h"

static const option_id accepts[] = {
    OPTION_DATA,        OPTION_GRAPH,   OPTION_POLICY,   OPTION_POLICY_FILE, OPTION_BATCH,
    OPTION_GRANULARITY, OPTION_SET,     OPTION_WEIGHTS,  OPTION_LIMIT,       OPTION_SKIP_BAD,
    OPTION_NO_LABELS,   OPTION_FORMAT,  OPTION_FOLD_IDS, OPTION_MIN_COUNT,   OPTION_ENCODING,
    OPTION_REWARD,      OPTION_TEACHER, OPTION_BATCHES,  OPTION_EPISODES,    OPTION_SEED,
    OPTION_WIDTH,       OPTION_SECONDS, OPTION_JSON,     OPTION_COSTS,       OPTION_MINIMISE,
    OPTION_COMPARE,     OPTION_HELP};

typedef const char *(*type_name_fn)(const void *user, uint32_t type, char *buffer, size_t bytes);

static const char *cell_name(const void *user, uint32_t type, char *buffer, size_t bytes) {
  const edb_session *session = user;
  const char *name = edb_session_type_name(session, type);
  snprintf(buffer, bytes, "%s", name ? name : "?");
  return buffer;
}

static const char *raw_name(const void *user, uint32_t type, char *buffer, size_t bytes) {
  (void)user;
  snprintf(buffer, bytes, "%u", type);
  return buffer;
}

static void print_text(const edb_schedule *s, type_name_fn name, const void *user) {
  edb_schedule_info info = edb_schedule_describe(s);
  char buffer[256];
  for (uint32_t i = 0; i < info.n_batches; i++) {
    uint32_t type;
    const edb_node *nodes;
    uint32_t n = edb_schedule_batch(s, i, &type, &nodes);
    printf("%u %s %u\n", i, name(user, type, buffer, sizeof buffer), n);
  }
  if (info.misses) printf("misses %u\n", info.misses);
  if (info.policy == EDB_POLICY_EXACT) printf("proven %u\n", info.proven_bound);
  printf("batches %u bound %u\n", info.n_batches, info.bound);
}

static void print_json(const edb_schedule *s, type_name_fn name, const void *user) {
  edb_schedule_info info = edb_schedule_describe(s);
  char buffer[256];
  json_t *list = json_array();
  for (uint32_t i = 0; i < info.n_batches; i++) {
    uint32_t type;
    const edb_node *nodes;
    uint32_t n = edb_schedule_batch(s, i, &type, &nodes);
    json_t *ids = json_array();
    for (uint32_t k = 0; k < n; k++) json_array_append_new(ids, json_integer(nodes[k]));
    json_array_append_new(list, json_pack("{s:s, s:o}", "type",
                                          name(user, type, buffer, sizeof buffer), "nodes", ids));
  }
  json_t *object =
      json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "batches", (json_int_t)info.n_batches,
                "bound", (json_int_t)info.bound, "proven", (json_int_t)info.proven_bound, "nodes",
                (json_int_t)info.n_nodes, "misses", (json_int_t)info.misses, "policy",
                edb_policy_kind_name(info.policy), "schedule", list);
  output_json(object, JSON_COMPACT);
}

static void print(const workplace *w, const edb_schedule *s, type_name_fn name, const void *user) {
  if (has_option(w->options, OPTION_JSON))
    print_json(s, name, user);
  else
    print_text(s, name, user);
}

static int schedule_model(workplace *w) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_policy *policy = NULL;
  edb_graph *graph = NULL;
  const edb_graph *lowered;
  edb_schedule *schedule = NULL;
  int failed = workplace_open(w, &command_schedule, w->options);
  if (!failed) failed = read_granularity(w->command, w->options, &params.granularity);
  if (!failed &&
      edb_session_create(w->ctx, w->model, w->weights, &params, &session, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) failed = workplace_policy(w, session, NULL, EDB_POLICY_BEST, &policy);
  if (!failed) {
    uint32_t n = edb_dataset_count(w->data), batch = (uint32_t)w->options->number[OPTION_BATCH];
    failed = workplace_graph(w, 0, n < batch ? n : batch, &graph);
  }
  if (!failed && (edb_session_lower(session, graph, &lowered, &w->error) != EDB_OK ||
                  edb_schedule_create(w->ctx, policy, lowered, &schedule, &w->error) != EDB_OK))
    failed = workplace_failed(w);
  if (!failed) print(w, schedule, cell_name, session);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return failed;
}

/* The policy for a raw graph: by name, from a file, or (fsm) learned on the graph itself. */
static int raw_policy(workplace *w, const edb_raw_graph *graph, edb_policy **out) {
  const options *o = w->options;
  edb_policy_kind kind = EDB_POLICY_BEST;
  if (o->text[OPTION_POLICY] && !edb_policy_kind_from_name(o->text[OPTION_POLICY], &kind))
    return workplace_policy(w, NULL, NULL, kind, out);
  if (kind != EDB_POLICY_FSM || has_option(o, OPTION_POLICY_FILE))
    return workplace_policy(w, NULL, NULL, kind, out);
  edb_learn_params params;
  int failed = read_learn_params(w->command, o, &params);
  if (failed) return failed;
  if (edb_raw_graph_learn(w->ctx, &graph, 1, &params, out, &w->error) != EDB_OK)
    return workplace_failed(w);
  fprintf(stderr, "edbatch: no --policy-file: learned one from the graph itself\n");
  return 0;
}

static int schedule_raw(workplace *w) {
  const options *o = w->options;
  edb_raw_graph *graph = NULL;
  edb_policy *policy = NULL;
  edb_schedule *schedule = NULL;
  if (o->n_positional != 1)
    return usage_error(&command_schedule, "schedules one graph, found %u", o->n_positional);
  int failed = workplace_open_context(w, &command_schedule, o, EDB_SIMD_AUTO);
  if (!failed && edb_raw_graph_open(w->ctx, o->positional[0], &graph, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) failed = raw_policy(w, graph, &policy);
  if (!failed && edb_raw_graph_schedule(graph, policy, &schedule, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) print(w, schedule, raw_name, NULL);
  edb_schedule_destroy(schedule);
  edb_policy_destroy(policy);
  edb_raw_graph_close(graph);
  return failed;
}

static int run_schedule(const options *o) {
  workplace w = {.command = &command_schedule, .options = o};
  bool raw = has_option(o, OPTION_GRAPH);
  int code = has_option(o, OPTION_COMPARE) ? (raw ? compare_raw(&w) : compare_model(&w))
             : raw                         ? schedule_raw(&w)
                                           : schedule_model(&w);
  workplace_close(&w);
  return code;
}

static const option_help own_help[] = {
    {OPTION_SECONDS, "for exact, per graph (default 10, with --compare 1)"},
    {OPTION_BATCHES, "mini-batches to compare on, or to learn from (default 4)"},
    {OPTION_HELP, NULL}};

const command command_schedule = {
    .name = "schedule",
    .summary = "shows the batches that a policy makes",
    .usage = "schedule MODEL --data FILE --policy NAME\n"
             "       edbatch schedule --graph FILE --policy NAME [--policy-file FILE]\n"
             "       edbatch schedule MODEL --data FILE --compare [--costs FILE] [--seconds S]\n"
             "       edbatch schedule --graph FILE... --compare",
    .details =
        "Schedules the first --batch instances of the data as one mini-batch, or a raw graph: a\n"
        "file with the number of nodes, then a line \"type nargs arg...\" per node\n"
        "(docs/data.md). One line per batch: number, type, nodes; the last line is\n"
        "\"batches N bound M\", where M is a lower bound on the batches of any schedule.\n"
        "Policies: unbatched, depth, agenda-static, agenda-running, sufficient, tight, fsm, beam,\n"
        "best, exact. For exact a line \"proven P\" comes before it: no schedule has fewer\n"
        "batches than P.\n\n"
        "--compare prints a table of all policies over the first --batches mini-batches, or over\n"
        "raw graphs: batches, how far they are over the lower bound and over the optimum (which\n"
        "exact searches for --seconds per graph, default 1), nanoseconds per node to schedule,\n"
        "and the time of the runs, measured and, with --costs, predicted. best-time is best with\n"
        "--minimise time.",
    .example = "  edbatch schedule models/tree_lstm.edb --data trees.txt --policy depth",
    .accepts = accepts,
    .own = own_help,
    .run = run_schedule,
};
