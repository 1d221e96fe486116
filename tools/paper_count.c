/* tools/paper_count.c: `edbatch paper`: batches by every policy, and what learning takes. */
#include <stdio.h>
#include <stdlib.h>

#include "paper.h"

#define MAX_NAME 32

/* One granularity of one model. */
typedef struct counter {
  paper *paper;
  const paper_model *model;
  runner runner;
  const char *granularity;
  double deadline, learn_deadline; /* of all; of the policy that is being learned */
  uint32_t encodings_left;         /* that share the time to the deadline */
} counter;

static int runner_failed(counter *c) {
  c->runner.w->error = c->runner.error;
  return workplace_failed(c->runner.w);
}

/* Sums over the counted mini-batches, which begin behind those that were learned from. */
typedef struct counts {
  uint64_t batches, bound, misses, nodes;
} counts;

static int count(counter *c, const edb_policy *policy, counts *sum) {
  *sum = (counts){0};
  for (uint32_t i = 0; i < c->paper->counted; i++) {
    edb_schedule_info info;
    if (runner_describe(&c->runner, policy, c->paper->learned_from + i, &info) != EDB_OK)
      return runner_failed(c);
    sum->batches += info.n_batches;
    sum->bound += info.bound;
    sum->misses += info.misses;
    sum->nodes += info.n_nodes;
  }
  return 0;
}

static int add_count(counter *c, const char *name, const edb_policy *policy, counts *sum) {
  int failed = count(c, policy, sum);
  if (failed) return failed;
  double n = c->paper->counted;
  json_array_append_new(c->paper->schedules,
                        json_pack("{s:s, s:s, s:s, s:f, s:f, s:f}", "model", c->model->name,
                                  "granularity", c->granularity, "policy", name, "batches",
                                  (double)sum->batches / n, "bound", (double)sum->bound / n,
                                  "nodes", (double)sum->nodes / n));
  return 0;
}

/* ---- Policies that need no learning -------------------------------------------------------------
 */

static int count_kind(counter *c, edb_policy_kind kind) {
  const char *name = edb_policy_kind_name(kind);
  edb_policy *policy;
  counts sum;
  if (seconds_now() > c->deadline) {
    paper_skip(c->paper, "its share of the time is spent", "batches of %s, %s, %s", c->model->name,
               c->granularity, name);
    return 0;
  }
  if (edb_policy_create(c->runner.w->ctx, kind, &policy, &c->runner.error) != EDB_OK)
    return runner_failed(c);
  int failed = add_count(c, name, policy, &sum);
  edb_policy_destroy(policy);
  return failed;
}

/* ---- Learned policies ---------------------------------------------------------------------------
 */

static bool before_deadline(void *user, const edb_learn_progress *progress) {
  (void)progress;
  const counter *c = user;
  return seconds_now() < c->learn_deadline;
}

/* EDB_ERROR_CANCELLED at the deadline. */
static edb_status learn(counter *c, edb_encoding encoding, edb_policy **policy) {
  workplace *w = c->runner.w;
  uint32_t n = c->paper->learned_from;
  double begin = seconds_now();
  c->learn_deadline = begin + (c->deadline - begin) / c->encodings_left--;
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  params.encoding = encoding;
  params.seed = w->options->number[OPTION_SEED];
  params.progress = before_deadline;
  params.progress_user = c;
  edb_graph **graphs = calloc(n, sizeof *graphs);
  edb_status status = graphs ? EDB_OK : EDB_ERROR_MEMORY;
  for (uint32_t i = 0; i < n && status == EDB_OK; i++)
    if (workplace_graph(w, i * PAPER_BATCH, PAPER_BATCH, &graphs[i])) status = w->error.status;
  if (status == EDB_OK)
    status = edb_session_learn(c->runner.session, (const edb_graph *const *)graphs, n, &params,
                               policy, &c->runner.error);
  for (uint32_t i = 0; graphs && i < n; i++) edb_graph_destroy(graphs[i]);
  free(graphs);
  return status;
}

static int save_policy(counter *c, const edb_policy *policy) {
  char path[128];
  paper_policy_path(c->paper, c->model, path, sizeof path);
  return edb_policy_save(policy, path, &c->runner.error) == EDB_OK ? 0 : runner_failed(c);
}

static int count_learned(counter *c, edb_encoding encoding, bool keep) {
  edb_policy *policy = NULL;
  counts sum;
  char name[MAX_NAME];
  snprintf(name, sizeof name, "fsm %s", edb_encoding_name(encoding));
  edb_status status = learn(c, encoding, &policy);
  if (status == EDB_ERROR_CANCELLED) {
    paper_skip(c->paper, "its share of the time is spent", "learning %s, %s, %s", c->model->name,
               c->granularity, name);
    return 0;
  }
  if (status != EDB_OK) return runner_failed(c);
  edb_learn_report report = edb_policy_learned(policy);
  int failed = add_count(c, name, policy, &sum);
  if (!failed && keep) failed = save_policy(c, policy);
  edb_policy_destroy(policy);
  if (failed) return failed;
  json_array_append_new(
      c->paper->learning,
      json_pack("{s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:f, s:f, s:f}", "model", c->model->name,
                "granularity", c->granularity, "encoding", edb_encoding_name(encoding),
                "milliseconds", (double)report.nanoseconds * 1e-6, "mini_batches",
                (json_int_t)c->paper->learned_from, "episodes", (json_int_t)report.episodes,
                "states", (json_int_t)report.states, "over_bound_seen",
                report.bound ? (double)report.batches / (double)report.bound - 1 : 0.0,
                "over_bound_unseen", sum.bound ? (double)sum.batches / (double)sum.bound - 1 : 0.0,
                "misses_unseen", (double)sum.misses / c->paper->counted));
  return 0;
}

/* ---- All policies -------------------------------------------------------------------------
 */

/* That of `edbatch learn` is the policy of table c and comes first at cells. Where time may run
 * out, at operators, the paper's come first. */
static const edb_encoding encodings[EDB_ENCODING_COUNT] = {EDB_ENCODING_TIGHT, EDB_ENCODING_BASE,
                                                           EDB_ENCODING_MAX,   EDB_ENCODING_SORT,
                                                           EDB_ENCODING_LEAD,  EDB_ENCODING_MASS};

/* Learning may take all the time there is, so it comes last; but first of all where table c needs
 * the policy. */
static int count_granularity(counter *c, bool keep) {
  int failed = 0;
  c->encodings_left = EDB_ENCODING_COUNT;
  if (keep) failed = count_learned(c, EDB_ENCODING_MASS, true);
  for (int kind = 0; kind < EDB_POLICY_COUNT && !failed; kind++)
    if (kind != EDB_POLICY_FSM && kind != EDB_POLICY_EXACT)
      failed = count_kind(c, (edb_policy_kind)kind);
  for (size_t i = 0; i < EDB_ENCODING_COUNT && !failed; i++)
    if (!keep || encodings[i] != EDB_ENCODING_MASS) failed = count_learned(c, encodings[i], false);
  return failed;
}

int paper_count(paper *p, const paper_model *m, workplace *w, edb_granularity granularity,
                double deadline) {
  bool cells = granularity == EDB_GRANULARITY_CELL;
  counter c = {.paper = p, .model = m, .granularity = cells ? "cell" : "op", .deadline = deadline};
  int failed = runner_open(&c.runner, w, granularity) == EDB_OK ? 0 : runner_failed(&c);
  c.runner.batch = PAPER_BATCH;
  c.runner.n_batches = p->learned_from + p->counted;
  if (!failed) failed = count_granularity(&c, cells);
  runner_close(&c.runner);
  return failed;
}
