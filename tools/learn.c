/* tools/learn.c: `edbatch learn`: a policy from mini-batches of a model's data, or from raw graphs.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "workplace.h"

static const option_id accepts[] = {
    OPTION_DATA,    OPTION_GRAPH,    OPTION_OUT,       OPTION_ENCODING, OPTION_REWARD,
    OPTION_TEACHER, OPTION_BATCH,    OPTION_BATCHES,   OPTION_EPISODES, OPTION_GRANULARITY,
    OPTION_SET,     OPTION_WEIGHTS,  OPTION_LIMIT,     OPTION_SKIP_BAD, OPTION_NO_LABELS,
    OPTION_FORMAT,  OPTION_FOLD_IDS, OPTION_MIN_COUNT, OPTION_SEED,     OPTION_JSON,
    OPTION_HELP};

static void report_learning(const workplace *w, const edb_policy *policy) {
  const edb_learn_report r = edb_policy_learned(policy);
  double over = r.bound ? ((double)r.batches / (double)r.bound - 1) * 100 : 0;
  if (has_option(w->options, OPTION_JSON)) {
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:f}", "policy", w->options->text[OPTION_OUT], "encoding",
        edb_encoding_name(edb_policy_describe(policy).encoding), "states", (json_int_t)r.states,
        "episodes", (json_int_t)r.episodes, "batches", (json_int_t)r.batches, "bound",
        (json_int_t)r.bound, "milliseconds", (double)r.nanoseconds * 1e-6);
    output_json(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    return;
  }
  const char *none = r.states == 0 ? " (the rule alone is as good)" : "";
  printf("learned %s: encoding %s, %u state%s%s, %u episode%s, %.1f ms\n"
         "batches %llu bound %llu (%.1f %% over)\n",
         w->options->text[OPTION_OUT], edb_encoding_name(edb_policy_describe(policy).encoding),
         r.states, PLURAL(r.states), none, r.episodes, PLURAL(r.episodes),
         (double)r.nanoseconds * 1e-6, (unsigned long long)r.batches, (unsigned long long)r.bound,
         over);
}

static int learn_model(workplace *w, edb_policy **policy) {
  edb_session *session = NULL;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  int failed = workplace_open(w, &command_learn, w->options);
  if (!failed) failed = read_granularity(w->command, w->options, &params.granularity);
  if (!failed &&
      edb_session_create(w->ctx, w->model, w->weights, &params, &session, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  if (!failed) failed = workplace_learn(w, session, policy);
  edb_session_destroy(session);
  return failed;
}

static int learn_raw(workplace *w, edb_policy **policy) {
  const options *o = w->options;
  edb_learn_params params;
  int failed = read_learn_params(&command_learn, o, &params);
  if (failed) return failed;
  failed = workplace_open_context(w, &command_learn, o, EDB_SIMD_AUTO);
  if (failed) return failed;
  edb_raw_graph **graphs = calloc(o->n_positional, sizeof *graphs);
  if (!graphs) return workplace_no_memory(w);
  for (uint32_t i = 0; i < o->n_positional && !failed; i++)
    if (edb_raw_graph_open(w->ctx, o->positional[i], &graphs[i], &w->error) != EDB_OK)
      failed = workplace_failed(w);
  if (!failed && edb_raw_graph_learn(w->ctx, (const edb_raw_graph *const *)graphs, o->n_positional,
                                     &params, policy, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  for (uint32_t i = 0; i < o->n_positional; i++) edb_raw_graph_close(graphs[i]);
  free(graphs);
  return failed;
}

static int run_learn(const options *o) {
  workplace w = {.command = &command_learn, .options = o};
  edb_policy *policy = NULL;
  if (!has_option(o, OPTION_OUT)) return usage_error(&command_learn, "needs -o FILE");
  int code = has_option(o, OPTION_GRAPH) ? learn_raw(&w, &policy) : learn_model(&w, &policy);
  if (!code && edb_policy_save(policy, o->text[OPTION_OUT], &w.error) != EDB_OK)
    code = workplace_failed(&w);
  if (!code) report_learning(&w, policy);
  edb_policy_destroy(policy);
  workplace_close(&w);
  return code;
}

const command command_learn = {
    .name = "learn",
    .summary = "learns a policy for a model from its data",
    .usage = "learn MODEL --data FILE -o POLICY\n       edbatch learn --graph FILE... -o POLICY",
    .details =
        "Learns a finite state machine by Q-learning on the first --batches mini-batches of\n"
        "--batch instances, or on raw graphs (docs/data.md), whose types are the file's numbers.\n"
        "The same seed gives the same policy.",
    .example = "  edbatch learn models/tree_lstm.edb --data trees.txt -o policy.json",
    .accepts = accepts,
    .run = run_learn,
};
