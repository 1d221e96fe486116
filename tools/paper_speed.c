/* tools/paper_speed.c: `edbatch paper`: the time of every cell, and of whole models every way. */
#include <stdio.h>
#include <stdlib.h>

#include "paper.h"

#define MAX_WINDOWS 16
#define CELL_ROUNDS 5

static int runner_failed(runner *r) {
  r->w->error = r->error;
  return workplace_failed(r->w);
}

/* ---- Cells, batch by batch ----------------------------------------------------------------------
 */

typedef struct cell_sums {
  double ns;
  uint64_t batches, nodes, kernels, bytes;
} cell_sums;

/* Steps run a whole batch each, so the first node that has got a value tells the cell. */
static uint32_t find_new(const runner *r, bool *known, uint32_t n) {
  uint32_t found = UINT32_MAX;
  for (uint32_t i = 0; i < n; i++)
    if (!known[i] && edb_session_has(r->session, r->graph, (edb_value){i, 0})) {
      known[i] = true;
      found = edb_graph_node_cell(r->graph, i);
    }
  return found;
}

static edb_status step_all(runner *r, edb_frontier *frontier, bool *known, cell_sums *sum) {
  uint32_t n_cells = edb_model_cell_count(r->w->model);
  for (;;) {
    uint32_t count;
    edb_status status = edb_session_step(r->session, r->graph, frontier, &count, &r->error);
    if (status != EDB_OK || count == 0) return status;
    edb_run_stats stats = edb_session_stats(r->session);
    uint32_t cell = find_new(r, known, edb_graph_node_count(r->graph));
    if (cell >= n_cells) continue; /* a cell without outputs */
    sum[cell].ns += (double)stats.run_ns;
    sum[cell].batches++;
    sum[cell].nodes += count;
    sum[cell].kernels += stats.kernels;
    sum[cell].bytes += stats.bytes_copied;
  }
}

static edb_status run_by_steps(runner *r, const edb_policy *policy, cell_sums *sum) {
  const edb_graph *lowered;
  edb_frontier *frontier = NULL;
  edb_status status = runner_build(r, r->next, &lowered);
  if (status != EDB_OK) return status;
  bool *known = calloc((size_t)edb_graph_node_count(r->graph) + 1, sizeof *known);
  if (!known) return EDB_ERROR_MEMORY;
  status = edb_frontier_create(r->w->ctx, policy, r->graph, &frontier, &r->error);
  if (status == EDB_OK) status = step_all(r, frontier, known, sum);
  edb_frontier_destroy(frontier);
  free(known);
  return status;
}

static void add_cells(paper *p, const paper_model *m, const workplace *w, uint32_t hidden,
                      const cell_sums *sum) {
  for (uint32_t c = 0; c < edb_model_cell_count(w->model); c++) {
    double n = (double)sum[c].batches;
    if (sum[c].batches == 0) continue;
    json_array_append_new(
        p->cells,
        json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f}", "model", m->name, "cell",
                  edb_model_cell_name(w->model, c), "hidden", (json_int_t)hidden, "nodes_per_batch",
                  (double)sum[c].nodes / n, "ns_per_batch", sum[c].ns / n, "ns_per_node",
                  sum[c].ns / (double)sum[c].nodes, "kernels_per_batch", (double)sum[c].kernels / n,
                  "bytes_per_batch", (double)sum[c].bytes / n));
  }
}

int paper_cells(paper *p, const paper_model *m, workplace *w, uint32_t hidden) {
  runner r;
  edb_policy *policy = NULL;
  uint32_t n_cells = edb_model_cell_count(w->model);
  cell_sums *sum = calloc((size_t)n_cells + 1, sizeof *sum);
  edb_status status = runner_open(&r, w, EDB_GRANULARITY_CELL);
  r.batch = PAPER_BATCH;
  r.n_batches = 1;
  if (!sum) status = EDB_ERROR_MEMORY;
  if (status == EDB_OK) status = edb_policy_create(w->ctx, EDB_POLICY_TIGHT, &policy, &r.error);
  for (int i = 0; i <= CELL_ROUNDS && status == EDB_OK; i++) {
    status = run_by_steps(&r, policy, sum);
    for (uint32_t c = 0; i == 0 && c < n_cells; c++) sum[c] = (cell_sums){0}; /* warm-up */
  }
  if (status == EDB_OK) add_cells(p, m, w, hidden, sum);
  int failed = status == EDB_OK ? 0 : runner_failed(&r);
  edb_policy_destroy(policy);
  runner_close(&r);
  free(sum);
  return failed;
}

/* ---- Whole models -------------------------------------------------------------------------------
 */

typedef struct way {
  const char *name, *policy_name;
  edb_policy *policy;
  edb_policy_kind kind;
  bool op, dropped;
  double rate[MAX_WINDOWS];
  sums timed, split;
} way;

static const way all_ways[] = {
    {.name = "unbatched", .kind = EDB_POLICY_UNBATCHED},
    {.name = "vanilla", .kind = EDB_POLICY_DEPTH, .op = true},
    {.name = "vanilla", .kind = EDB_POLICY_AGENDA_STATIC, .op = true},
    {.name = "cavs-like", .kind = EDB_POLICY_DEPTH},
    {.name = "cavs-like", .kind = EDB_POLICY_AGENDA_STATIC},
    {.name = "learned", .kind = EDB_POLICY_FSM},
};
enum { N_WAYS = sizeof all_ways / sizeof *all_ways };

/* What is measured together; windows of the ways alternate. */
typedef struct contest {
  paper *paper;
  const paper_model *model;
  uint32_t hidden, batch;
  double seconds;
  runner cell, op;
  way ways[N_WAYS];
} contest;

static runner *runner_of(contest *c, const way *y) {
  return y->op ? &c->op : &c->cell;
}

static int open_way(contest *c, way *y) {
  workplace *w = c->cell.w;
  char path[128];
  y->policy_name = edb_policy_kind_name(y->kind);
  if (y->kind != EDB_POLICY_FSM)
    return edb_policy_create(w->ctx, y->kind, &y->policy, &w->error) == EDB_OK
               ? 0
               : workplace_failed(w);
  paper_policy_path(c->paper, c->model, path, sizeof path);
  FILE *file = fopen(path, "rb");
  y->dropped = !file;
  if (!file) {
    paper_skip(c->paper, "no policy was learned in time", "speed of %s, hidden %u, batch %u, %s",
               c->model->name, c->hidden, c->batch, y->name);
    return 0;
  }
  fclose(file);
  return edb_policy_load(w->ctx, path, w->model, &y->policy, &w->error) == EDB_OK
             ? 0
             : workplace_failed(w);
}

/* The first run of a way warms it up and shows whether the others fit its share of the time. */
static int warm_up(contest *c, way *y) {
  runner *r = runner_of(c, y);
  double begin = seconds_now();
  if (runner_window(r, y->policy, 0, false) != EDB_OK) return runner_failed(r);
  double all = (seconds_now() - begin) * (c->paper->windows + 2);
  if (all <= 2 * c->seconds / N_WAYS) return 0;
  y->dropped = true;
  paper_skip(c->paper, "a mini-batch takes more than its share of the time",
             "speed of %s, hidden %u, batch %u, %s by %s", c->model->name, c->hidden, c->batch,
             y->name, y->policy_name);
  return 0;
}

static int time_way(contest *c, way *y, uint32_t window) {
  runner *r = runner_of(c, y);
  double share = c->seconds / (N_WAYS * (c->paper->windows + 2));
  bool split = window == c->paper->windows; /* the last one shows where the time goes */
  r->next = window % r->n_batches;          /* the same mini-batches for all */
  double begin = seconds_now();
  if (runner_window(r, y->policy, share, split) != EDB_OK) return runner_failed(r);
  double elapsed = seconds_now() - begin;
  if (split) {
    y->split = r->sums;
    return 0;
  }
  y->rate[window] = (double)r->sums.instances / elapsed;
  add_sums(&y->timed, &r->sums);
  return 0;
}

static json_t *split_json(const sums *s) {
  double all = s->all_ns ? (double)s->all_ns / 100 : 1;
  uint64_t parts = s->graph_ns + s->schedule_ns + s->placement_ns + s->copy_ns + s->product_ns +
                   s->elementwise_ns;
  double rest = s->all_ns > parts ? (double)(s->all_ns - parts) : 0;
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "graph", (double)s->graph_ns / all,
                   "schedule", (double)s->schedule_ns / all, "placement",
                   (double)s->placement_ns / all, "copy", (double)s->copy_ns / all, "product",
                   (double)s->product_ns / all, "elementwise", (double)s->elementwise_ns / all,
                   "rest", rest / all);
}

static void add_way(const contest *c, const way *y) {
  uint32_t n = c->paper->windows;
  double slowest = y->rate[0], fastest = y->rate[0];
  for (uint32_t i = 1; i < n; i++) {
    if (y->rate[i] < slowest) slowest = y->rate[i];
    if (y->rate[i] > fastest) fastest = y->rate[i];
  }
  double runs = y->timed.mini_batches ? (double)y->timed.mini_batches : 1;
  json_array_append_new(
      c->paper->speeds,
      json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:o}", "model",
                c->model->name, "family", c->model->family, "hidden", (json_int_t)c->hidden,
                "batch", (json_int_t)c->batch, "way", y->name, "granularity", y->op ? "op" : "cell",
                "policy", y->policy_name, "instances_per_s", median_of(y->rate, n), "slowest",
                slowest, "fastest", fastest, "kernels", (double)y->timed.kernels / runs,
                "bytes_copied", (double)y->timed.bytes_copied / runs, "percent_of_time",
                split_json(&y->split)));
}

static int run_contest(contest *c) {
  int failed = 0;
  for (int i = 0; i < N_WAYS && !failed; i++) {
    c->ways[i] = all_ways[i];
    failed = open_way(c, &c->ways[i]);
    if (!failed && !c->ways[i].dropped) failed = warm_up(c, &c->ways[i]);
  }
  for (uint32_t window = 0; window <= c->paper->windows; window++)
    for (uint32_t i = 0; i < N_WAYS && !failed; i++) {
      way *y = &c->ways[(i + window) % N_WAYS]; /* each in another place each time */
      if (!y->dropped) failed = time_way(c, y, window);
    }
  for (int i = 0; i < N_WAYS; i++) {
    if (!failed && !c->ways[i].dropped) add_way(c, &c->ways[i]);
    edb_policy_destroy(c->ways[i].policy);
  }
  return failed;
}

int paper_speed(paper *p, const paper_model *m, workplace *w, uint32_t hidden, uint32_t batch,
                double seconds) {
  uint32_t first = p->learned_from * PAPER_BATCH, have = edb_dataset_count(w->data);
  if (have < first + batch) {
    paper_skip(p, "too few instances", "speed of %s, hidden %u, batch %u", m->name, hidden, batch);
    return 0;
  }
  contest *c = calloc(1, sizeof *c);
  if (!c) return EXIT_FAILED;
  *c = (contest){.paper = p, .model = m, .hidden = hidden, .batch = batch, .seconds = seconds};
  int failed = 0;
  for (int op = 0; op < 2 && !failed; op++) {
    runner *r = op ? &c->op : &c->cell;
    if (runner_open(r, w, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL) != EDB_OK)
      failed = runner_failed(r);
    r->batch = batch;
    r->first = first;
    r->n_batches = (have - first) / batch;
  }
  if (!failed) failed = run_contest(c);
  runner_close(&c->cell);
  runner_close(&c->op);
  free(c);
  return failed;
}
