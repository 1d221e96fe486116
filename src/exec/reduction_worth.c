/* exec/reduction_worth.c: whether looking for less work pays. What a model shares and looks up
 * differs as much as what its nodes take: where finding it takes longer than running it would have,
 * the next mini-batches run without, and every so often one is looked at again. Cells that are cut
 * in two run so in any case, and those with tables are looked up; it is only equal calls that are
 * not looked for then. */
#include "exec/job.h"
#include "layout/reduce.h"

/* What it takes to make an execution graph, and what a node that does not run saves beside its
 * steps: its share of a launch, of rows that are copied. Measured on the zoo at hidden sizes 64 and
 * 256. */
#define NODE_NS  12.0
#define EDGE_NS  4.0
#define SAVED_NS 20.0

/* What it takes to look for calls equal to a node, where the execution graph is made anyhow. */
#define SHARE_NS 8.0

/* Mini-batches of a pause, at first and at most. */
#define FIRST_PAUSE 4
#define MOST_PAUSE  64

static double looking_ns(const edb_graph *graph) {
  uint32_t first = graph->first - graph->base, end = graph->n_nodes;
  return NODE_NS * (end - first) + EDGE_NS * (graph->edge_start[end] - graph->edge_start[first]);
}

static double batches_ns(const edb_session *s, void *state, const edb_schedule *schedule) {
  double ns = 0;
  for (uint32_t b = 0; b < schedule->info.n_batches; b++)
    ns += s->backend->cost(state, schedule->batch_type[b]).node_ns *
          (schedule->batch_start[b + 1] - schedule->batch_start[b]);
  return ns;
}

/* Of cells that are whole in both graphs. */
static double saved_ns(const edb_session *s, const edb_job *job) {
  void *state = s->reduction.by_attributes.state;
  const edb_schedule *all = job->schedule, *left = &job->placement->reduced->schedule;
  double nodes = (double)all->info.n_nodes - left->info.n_nodes;
  return batches_ns(s, state, all) - batches_ns(s, state, left) + nodes * SAVED_NS;
}

/* Time and nodes of a batch, unless these are found in a table, either way. */
static void add_rows(const edb_session *s, const edb_cut *cut, uint32_t type, double rows,
                     double *ns, double *nodes) {
  if (type == EDB_NO_CELL || cut->tables.tabled[type]) return;
  *ns += s->backend->cost(cut->state, type).node_ns * rows;
  *nodes += rows;
}

/* What equal calls saved of cells that run in parts. */
static double shared_ns(const edb_session *s, const edb_job *job, const edb_cut *cut) {
  double ns = 0, nodes = 0, left_ns = 0, left_nodes = 0;
  const edb_schedule *all = job->schedule, *left = &job->placement->reduced->schedule;
  for (uint32_t b = 0; b < all->info.n_batches; b++) {
    uint32_t type = all->batch_type[b];
    double rows = all->batch_start[b + 1] - all->batch_start[b];
    add_rows(s, cut, type, rows, &ns, &nodes);
    add_rows(s, cut, cut->split->early[type].cell, rows, &ns, &nodes);
  }
  for (uint32_t b = 0; b < left->info.n_batches; b++)
    add_rows(s, cut, left->batch_type[b], left->batch_start[b + 1] - left->batch_start[b], &left_ns,
             &left_nodes);
  return ns - left_ns + (nodes - left_nodes) * SAVED_NS;
}

/* Of jobs in which less work was looked for. */
static bool has_paid(edb_session *s, uint32_t n) {
  double saved = 0, looking = 0, made = 0;
  for (uint32_t i = 0; i < n; i++) {
    const edb_job *job = &s->jobs[i];
    const edb_reduced *x = job->placement->reduced;
    if (!x) {
      looking += looking_ns(&job->graph);
    } else if (edb_split_any(x->split)) {
      saved += shared_ns(s, job, edb_reduction_cut(&s->reduction, x));
      looking += SHARE_NS * x->graph.n_nodes;
    } else {
      saved += saved_ns(s, job);
      looking += looking_ns(&job->graph);
      made = s->reduction.made_ns; /* of all jobs */
    }
  }
  return saved - made >= looking;
}

void edb_reduction_count_made(edb_job *job) {
  edb_session *s = job->session;
  const edb_reduced_run *r = job->reduced;
  const edb_reduced *x = job->placement->reduced;
  void *state = edb_reduction_cut(&s->reduction, x)->state;
  for (size_t i = 0; i < r->missing.length; i++)
    s->reduction.made_ns +=
        s->backend->cost(state, x->graph.type[r->missing.data[i]]).node_ns + SAVED_NS;
  for (size_t i = 0; i < r->homeless.length; i++)
    s->reduction.made_ns +=
        s->backend->cost(state, x->graph.type[r->homeless.data[i]]).node_ns + SAVED_NS;
}

void edb_reduction_weigh(edb_session *s, uint32_t n) {
  edb_reduction *r = &s->reduction;
  if (!r->by_attributes.split) return;
  if (!s->jobs[0].placement->sought) {
    uint32_t left = atomic_load(&r->pause);
    if (left > 0) atomic_store(&r->pause, left - 1);
  } else if (has_paid(s, n)) {
    r->last_pause = 0;
  } else {
    r->last_pause = r->last_pause == 0 ? FIRST_PAUSE : r->last_pause * 2;
    if (r->last_pause > MOST_PAUSE) r->last_pause = MOST_PAUSE;
    atomic_store(&r->pause, r->last_pause);
  }
}
