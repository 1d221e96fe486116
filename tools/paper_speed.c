/* tools/paper_speed.c: `edbatch paper`: the time of every cell, and of whole models every way. */
#include <stdio.h>
#include <stdlib.h>

#include "paper.h"

#define MAX_WINDOWS 16
#define CELL_ROUNDS 5

edb_status paper_runner_open(runner *r, workplace *w, edb_granularity granularity, bool planned) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.granularity = granularity;
  params.layout = planned ? EDB_LAYOUT_PLANNED : EDB_LAYOUT_CREATED;
  params.placement = planned ? EDB_PLACEMENT_AUTO : EDB_PLACEMENT_ARRIVAL;
  /* What the paper has not: so that nothing but policy and planning makes the difference. */
  params.no_hoist = params.no_share = params.no_table = true;
  return runner_open_with(r, w, &params);
}

static int runner_failed(runner *r) {
  r->w->error = r->error;
  return workplace_failed(r->w);
}

/* ---- Cells, batch by batch ----------------------------------------------------------------------
 */

typedef struct cell_sums {
  double ns[CELL_ROUNDS];                  /* per batch */
  uint64_t batches, nodes, kernels, bytes; /* of the last round */
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

static edb_status step_all(runner *r, edb_frontier *frontier, bool *known, uint32_t round,
                           cell_sums *sum) {
  uint32_t n_cells = edb_model_cell_count(r->w->model);
  for (;;) {
    uint32_t count;
    edb_status status = edb_session_step(r->session, r->graph, frontier, &count, &r->error);
    if (status != EDB_OK || count == 0) return status;
    edb_run_stats stats = edb_session_stats(r->session);
    uint32_t cell = find_new(r, known, edb_graph_node_count(r->graph));
    if (cell >= n_cells) continue; /* a cell without outputs */
    sum[cell].ns[round] += (double)stats.run_ns;
    sum[cell].batches++;
    sum[cell].nodes += count;
    sum[cell].kernels += stats.kernels;
    sum[cell].bytes += stats.bytes_copied;
  }
}

static void begin_round(cell_sums *sum, uint32_t n_cells, uint32_t round) {
  for (uint32_t c = 0; c < n_cells; c++) {
    cell_sums *s = &sum[c];
    s->ns[round] = 0;
    s->batches = s->nodes = s->kernels = s->bytes = 0;
  }
}

static edb_status run_by_steps(runner *r, const edb_policy *policy, uint32_t round,
                               cell_sums *sum) {
  const edb_graph *lowered;
  edb_frontier *frontier = NULL;
  uint32_t n_cells = edb_model_cell_count(r->w->model);
  edb_status status = runner_build(r, 0, &lowered);
  if (status != EDB_OK) return status;
  bool *known = calloc((size_t)edb_graph_node_count(r->graph) + 1, sizeof *known);
  if (!known) return EDB_ERROR_MEMORY;
  begin_round(sum, n_cells, round);
  status = edb_frontier_create(r->w->ctx, policy, r->graph, &frontier, &r->error);
  if (status == EDB_OK) status = step_all(r, frontier, known, round, sum);
  edb_frontier_destroy(frontier);
  free(known);
  for (uint32_t c = 0; c < n_cells; c++)
    if (sum[c].batches > 0) sum[c].ns[round] /= (double)sum[c].batches;
  return status;
}

/* One cell, in order of creation and as planned. */
static void add_cell(paper *p, const paper_model *m, const char *cell, uint32_t hidden,
                     const cell_sums *created, const cell_sums *planned) {
  double n = (double)created->batches, nodes = (double)created->nodes;
  double ns = median_of(created->ns, CELL_ROUNDS), ns_planned = median_of(planned->ns, CELL_ROUNDS);
  if (created->batches == 0) return;
  json_array_append_new(
      p->cells,
      json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "model", m->name, "cell",
                cell, "hidden", (json_int_t)hidden, "nodes_per_batch", nodes / n, "ns_per_batch",
                ns, "ns_per_batch_planned", ns_planned, "kernels_per_batch",
                (double)created->kernels / n, "kernels_per_batch_planned",
                (double)planned->kernels / n, "bytes_per_batch", (double)created->bytes / n,
                "bytes_per_batch_planned", (double)planned->bytes / n));
}

/* The two take turns. The first round of each warms it up and is overwritten. */
static edb_status time_cells(runner both[2], const edb_policy *policy, cell_sums *cells[2]) {
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i <= CELL_ROUNDS && status == EDB_OK; i++)
    for (uint32_t k = 0; k < 2 && status == EDB_OK; k++) {
      uint32_t which = (i + k) % 2;
      status = run_by_steps(&both[which], policy, i == 0 ? 0 : i - 1, cells[which]);
      if (status != EDB_OK) both[0].error = both[which].error;
    }
  return status;
}

int paper_cells(paper *p, const paper_model *m, workplace *w, uint32_t hidden) {
  runner both[2];
  edb_policy *policy = NULL;
  uint32_t n_cells = edb_model_cell_count(w->model);
  cell_sums *cells[2];
  edb_status status = EDB_OK;
  for (int i = 0; i < 2; i++) {
    edb_status opened = paper_runner_open(&both[i], w, EDB_GRANULARITY_CELL, i == 1);
    if (status == EDB_OK) status = opened;
    if (opened != EDB_OK) both[0].error = both[i].error;
    both[i].batch = PAPER_BATCH;
    both[i].n_batches = 1;
    cells[i] = calloc((size_t)n_cells + 1, sizeof *cells[i]);
    if (!cells[i]) status = EDB_ERROR_MEMORY;
  }
  if (status == EDB_OK)
    status = edb_policy_create(w->ctx, EDB_POLICY_TIGHT, &policy, &both[0].error);
  if (status == EDB_OK) status = time_cells(both, policy, cells);
  for (uint32_t c = 0; c < n_cells && status == EDB_OK; c++)
    add_cell(p, m, edb_model_cell_name(w->model, c), hidden, &cells[0][c], &cells[1][c]);
  int failed = status == EDB_OK ? 0 : runner_failed(&both[0]);
  edb_policy_destroy(policy);
  for (int i = 0; i < 2; i++) {
    runner_close(&both[i]);
    free(cells[i]);
  }
  return failed;
}

/* ---- Whole models -------------------------------------------------------------------------------
 */

/* By which session a way runs. All but the last have values where they are created. */
typedef enum way_path { PATH_CELL, PATH_OP, PATH_PLANNED, N_PATHS } way_path;

typedef struct way {
  const char *name, *policy_name;
  edb_policy *policy;
  edb_policy_kind kind;
  way_path path;
  bool dropped;
  double rate[MAX_WINDOWS];
  sums timed, split;
} way;

static const way all_ways[] = {
    {.name = "unbatched", .kind = EDB_POLICY_UNBATCHED},
    {.name = "vanilla", .kind = EDB_POLICY_DEPTH, .path = PATH_OP},
    {.name = "vanilla", .kind = EDB_POLICY_AGENDA_STATIC, .path = PATH_OP},
    {.name = "cavs-like", .kind = EDB_POLICY_DEPTH},
    {.name = "cavs-like", .kind = EDB_POLICY_AGENDA_STATIC},
    {.name = "learned", .kind = EDB_POLICY_FSM},
    {.name = "planned", .kind = EDB_POLICY_FSM, .path = PATH_PLANNED},
};
enum { N_WAYS = sizeof all_ways / sizeof *all_ways };

/* What is measured together; windows of the ways alternate. */
typedef struct contest {
  paper *paper;
  const paper_model *model;
  uint32_t hidden, batch;
  double seconds;
  runner runners[N_PATHS];
  way ways[N_WAYS];
} contest;

static runner *runner_of(contest *c, const way *y) {
  return &c->runners[y->path];
}

static int open_way(contest *c, way *y) {
  workplace *w = c->runners[PATH_CELL].w;
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
  if (runner_window(r, y->policy, share, split) != EDB_OK) return runner_failed(r);
  if (split) {
    y->split = r->sums;
    return 0;
  }
  /* Of the processor's time: what other programs take of it is not counted. */
  y->rate[window] = (double)r->sums.instances / ((double)r->sums.cpu_ns * 1e-9);
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
                "batch", (json_int_t)c->batch, "way", y->name, "granularity",
                y->path == PATH_OP ? "op" : "cell", "policy", y->policy_name, "instances_per_s",
                median_of(y->rate, n), "slowest", slowest, "fastest", fastest, "kernels",
                (double)y->timed.kernels / runs, "bytes_copied",
                (double)y->timed.bytes_copied / runs, "percent_of_time", split_json(&y->split)));
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
  if (!c) return workplace_no_memory(w);
  *c = (contest){.paper = p, .model = m, .hidden = hidden, .batch = batch, .seconds = seconds};
  int failed = 0;
  for (int i = 0; i < N_PATHS && !failed; i++) {
    runner *r = &c->runners[i];
    edb_granularity granularity = i == PATH_OP ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
    if (paper_runner_open(r, w, granularity, i == PATH_PLANNED) != EDB_OK)
      failed = runner_failed(r);
    r->batch = batch;
    r->first = first;
    r->n_batches = (have - first) / batch;
  }
  if (!failed) failed = run_contest(c);
  for (int i = 0; i < N_PATHS; i++) runner_close(&c->runners[i]);
  free(c);
  return failed;
}
