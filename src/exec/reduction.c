/* exec/reduction.c: placing and running the execution graph of a mini-batch. */
#include "exec/reduction.h"

#include <string.h>

#include "exec/job.h"
#include "layout/recurrence.h"
#include "layout/reduce.h"

#define DEFAULT_TABLE_BYTES ((size_t)64 << 20)
/* After so many runs without an input that could be known early, none is looked for. */
#define MOST_TRIES 64

/* ---- Life ---------------------------------------------------------------------------------------
 */

/* The reference device computes what is written, and at operator granularity this is the baseline
 * without anything that cells are good for. */
edb_status edb_reduction_open(edb_session *s, edb_error *error) {
  const edb_session_params *params = &s->params;
  edb_reduction *r = &s->reduction;
  bool all_off = params->no_hoist && params->no_share && params->no_table;
  if (s->granularity != EDB_GRANULARITY_CELL || s->backend != &edb_backend_cpu || all_off)
    return EDB_OK;
  size_t budget = params->table_bytes ? params->table_bytes : DEFAULT_TABLE_BYTES;
  edb_split_scope scope = params->no_hoist ? EDB_SPLIT_NOTHING : EDB_SPLIT_ATTRIBUTES;
  edb_cut *cut = &r->by_attributes;
  r->share = !params->no_share;
  r->tries = params->no_hoist ? 0 : MOST_TRIES;
  uint32_t n_runs = edb_pool_threads(s->pool);
  r->runs = edb_alloc_zero(s->ctx, n_runs * sizeof *r->runs);
  if (!r->runs) return edb_fail_memory(error, n_runs * sizeof *r->runs, "execution graphs");
  r->n_runs = n_runs;
  for (uint32_t i = 0; i < n_runs; i++) edb_store_init(&r->runs[i].store, s->ctx);
  EDB_TRY(edb_split_create(s->ctx, s->program, scope, NULL, &cut->split, error));
  return edb_tables_init(&cut->tables, s->ctx, &cut->split->program, s->backend->element_bytes,
                         params->no_table ? 0 : budget, error);
}

static void destroy_by_inputs(edb_session *s, edb_cut *cut) {
  if (!cut) return;
  if (cut->state) s->backend->destroy(cut->state);
  edb_tables_free(&cut->tables);
  edb_split_destroy(cut->split);
  if (cut->known) edb_free(s->ctx, cut->known, edb_input_count(&s->program->schema));
  edb_free(s->ctx, cut, sizeof *cut);
}

void edb_reduction_close(edb_session *s) {
  edb_reduction *r = &s->reduction;
  destroy_by_inputs(s, atomic_load(&r->by_inputs));
  edb_tables_free(&r->by_attributes.tables);
  for (uint32_t i = 0; i < r->n_runs; i++) {
    edb_store_free(&r->runs[i].store);
    edb_vec_free(s->ctx, &r->runs[i].missing);
    edb_vec_free(s->ctx, &r->runs[i].homeless);
  }
  edb_free(s->ctx, r->runs, r->n_runs * sizeof *r->runs);
  edb_split_destroy(r->by_attributes.split);
}

/* ---- Inputs from outside of a recurrence --------------------------------------------------------
 */

/* What a mini-batch has of them, and its types in topological order. */
typedef struct known_inputs {
  uint8_t *known;
  uint32_t *component;
  bool any;
} known_inputs;

static void free_known(const edb_session *s, known_inputs *k) {
  if (k->known) edb_free(s->ctx, k->known, edb_input_count(&s->program->schema));
  if (k->component) edb_free(s->ctx, k->component, s->program->n_cells * sizeof *k->component);
}

static edb_status find_known(const edb_session *s, const edb_graph *graph,
                             const edb_schedule *schedule, known_inputs *out, edb_error *error) {
  size_t inputs = edb_input_count(&s->program->schema);
  *out = (known_inputs){.known = edb_alloc(s->ctx, inputs),
                        .component = edb_alloc(s->ctx, s->program->n_cells * sizeof(uint32_t))};
  edb_status status = (inputs && !out->known) || !out->component
                          ? edb_fail_memory(error, inputs, "what is known of inputs")
                          : edb_find_known_inputs(s->ctx, graph, schedule, out->known,
                                                  out->component, &out->any, error);
  if (status != EDB_OK) free_known(s, out);
  return status;
}

static bool takes_inputs_early(const edb_split *split) {
  for (uint32_t c = split->n_source; c < split->program.n_cells; c++)
    if (split->program.cells[c].sig.n_inputs > 0) return true;
  return false;
}

/* Both cuts have half of the memory for tables. The other one rests: mini-batches to come will
 * hardly need it, and its packed weights are as large as those of this one. */
static edb_status fill_by_inputs(edb_session *s, edb_cut *cut) {
  edb_tables *others = &s->reduction.by_attributes.tables;
  size_t budget = others->budget_bytes / 2;
  EDB_TRY(
      edb_split_create(s->ctx, s->program, EDB_SPLIT_ATTRIBUTES, cut->known, &cut->split, NULL));
  if (!takes_inputs_early(cut->split)) return EDB_ERROR_UNSUPPORTED;
  EDB_TRY(edb_tables_init(&cut->tables, s->ctx, &cut->split->program, s->backend->element_bytes,
                          budget, NULL));
  s->backend->rest(s->reduction.by_attributes.state);
  EDB_TRY(s->backend->create(s->ctx, &cut->split->program, s->weights, &s->params, s->pool,
                             &cut->state, NULL));
  others->budget_bytes = budget;
  return EDB_OK;
}

void edb_reduction_prepare(edb_session *s, const edb_graph *graph, const edb_schedule *schedule) {
  edb_reduction *r = &s->reduction;
  known_inputs found;
  if (r->tries == 0 || r->off) return;
  r->tries--;
  if (find_known(s, graph, schedule, &found, NULL) != EDB_OK) return;
  edb_cut *cut = found.any ? edb_alloc_zero(s->ctx, sizeof *cut) : NULL;
  if (!cut) {
    free_known(s, &found);
    return;
  }
  cut->known = found.known;
  found.known = NULL;
  edb_status status = fill_by_inputs(s, cut);
  if (status != EDB_ERROR_MEMORY) r->tries = 0;
  if (status == EDB_OK)
    atomic_store(&r->by_inputs, cut);
  else
    destroy_by_inputs(s, cut);
  free_known(s, &found);
}

/* The cut that a mini-batch runs by. Any would do; with that by inputs, all of them should be known
 * here as well. */
static edb_status choose_cut(const edb_session *s, const edb_graph *graph,
                             const edb_schedule *schedule, const edb_cut **cut, known_inputs *found,
                             edb_error *error) {
  const edb_cut *by_inputs = atomic_load(&s->reduction.by_inputs);
  *cut = &s->reduction.by_attributes;
  *found = (known_inputs){0};
  if (!by_inputs) return EDB_OK;
  EDB_TRY(find_known(s, graph, schedule, found, error));
  for (size_t i = 0; i < edb_input_count(&s->program->schema) && found->any; i++)
    found->any = found->known[i] || !by_inputs->known[i];
  if (found->any) *cut = by_inputs;
  return EDB_OK;
}

/* ---- Placement ----------------------------------------------------------------------------------
 */

/* Floats of the outputs of a batch, each beginning aligned. */
static size_t batch_floats(const edb_ir_cell *cell, size_t rows) {
  size_t floats = 0;
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++)
    floats += (edb_row_stride(edb_shape_size(cell->outputs[o].shape)) * rows + 15) / 16 * 16;
  return floats;
}

/* Tabled nodes as a schedule of one batch. All nodes of the execution graph stand in the memory of
 * its schedule in order, the tabled ones before the others. */
static edb_schedule range_schedule(const edb_reduced *x, const edb_node_range *range,
                                   uint32_t *type, uint32_t starts[2]) {
  *type = range->cell;
  starts[0] = 0;
  starts[1] = range->to - range->from;
  return (edb_schedule){.info = {.n_batches = 1, .n_nodes = starts[1]},
                        .batch_type = type,
                        .batch_start = starts,
                        .nodes = x->all_nodes + range->from};
}

/* Memory of the run on a state: all of it, should no row find room in the tables. */
static void count_bytes(const edb_session *s, const void *state, const edb_program *program,
                        const edb_reduced *x, edb_placement *p) {
  size_t homeless = 0, values = edb_placement_values(p->inner);
  p->scratch_bytes = edb_session_scratch_bytes(s, state, &x->graph, &x->schedule, p->inner);
  for (uint32_t i = 0; i < x->n_tabled; i++) {
    const edb_node_range *range = &x->tabled[i];
    uint32_t type, starts[2];
    edb_schedule one = range_schedule(x, range, &type, starts);
    size_t scratch = s->backend->scratch_bytes(state, &x->graph, &one);
    const edb_ir_cell *cell = &program->cells[range->cell];
    if (scratch > p->scratch_bytes) p->scratch_bytes = scratch;
    homeless += batch_floats(cell, range->to - range->from);
    values += (size_t)cell->sig.n_outputs * (range->to - range->from);
  }
  p->slab_floats = p->inner->slab_floats;
  p->live_bytes = p->inner->live_bytes;
  p->peak_bytes = (p->slab_floats + homeless) * s->backend->element_bytes + p->scratch_bytes +
                  edb_placement_table_bytes(p->inner) + sizeof *x + x->memory_bytes +
                  (size_t)x->graph.n_nodes * 2 * sizeof(uint32_t) + values * sizeof(char *);
}

/* Whether all outputs of a cell are parameters; `borrows` and `kept` are of its outputs. */
static bool lends_all(const edb_type_sig *sig, const edb_borrow *borrows, const uint8_t *kept) {
  for (uint32_t o = 0; o < sig->n_outputs; o++)
    if (borrows[o].param == EDB_BORROW_NOTHING || (kept && kept[o])) return false;
  return sig->n_outputs > 0;
}

/* Tables of what is borrowed anyhow would be copies of parameters. *out: a byte per cell, which the
 * caller frees, or NULL: all tables serve. */
static edb_status leave_out_tables(const edb_session *s, const edb_cut *cut, const edb_keep *keep,
                                   uint8_t **out, size_t *bytes, edb_error *error) {
  const edb_program *program = &cut->split->program;
  const edb_borrow *borrows = s->backend->borrows(cut->state);
  uint32_t n_cells = program->n_cells, n = 0, n_lent = 0;
  edb_placement_kind kind = s->params.placement;
  *out = NULL;
  for (uint32_t c = 0; c < n_cells; n += program->cells[c++].sig.n_outputs)
    n_lent += cut->tables.tabled[c] && lends_all(&program->cells[c].sig, borrows + n, NULL);
  bool may_be_direct = kind == EDB_PLACEMENT_DIRECT || s->rule.measured;
  if (n_lent == 0 || may_be_direct) return EDB_OK;
  *bytes = (size_t)n_cells + n;
  *out = edb_alloc(s->ctx, *bytes);
  if (!*out) return edb_fail_memory(error, *bytes, "a placement");
  memcpy(*out, cut->tables.tabled, n_cells);
  uint8_t *kept = *out + n_cells;
  edb_keep_mark(program, keep, kept);
  n = 0;
  for (uint32_t c = 0; c < n_cells; n += program->cells[c++].sig.n_outputs)
    if (lends_all(&program->cells[c].sig, borrows + n, kept + n)) (*out)[c] = 0;
  return EDB_OK;
}

static bool runs_in_parts(const edb_reduction *r) {
  return edb_split_any(r->by_attributes.split) || atomic_load(&r->by_inputs);
}

edb_status edb_reduction_place(const edb_session *s, bool in_strands, const edb_graph *graph,
                               const edb_schedule *schedule, const edb_keep *keep,
                               edb_placement **out, bool *sought, edb_error *error) {
  const edb_reduction *r = &s->reduction;
  const edb_cut *cut;
  known_inputs found;
  edb_reduced *x = NULL;
  edb_placement *inner = NULL;
  *out = NULL;
  *sought = false;
  if (!r->by_attributes.split || r->off) return EDB_OK;
  *sought = atomic_load(&r->pause) == 0;
  if (!*sought && !runs_in_parts(r)) return EDB_OK;
  EDB_TRY(edb_keep_check(s->program, keep, error));
  EDB_TRY(choose_cut(s, graph, schedule, &cut, &found, error));
  if (!*sought && !edb_split_any(cut->split)) {
    free_known(s, &found);
    return EDB_OK;
  }
  uint8_t *tabled;
  size_t tabled_bytes = 0;
  edb_status status = leave_out_tables(s, cut, keep, &tabled, &tabled_bytes, error);
  if (status != EDB_OK) {
    free_known(s, &found);
    return status;
  }
  edb_reduce_params params = {.source = s->program,
                              .split = cut->split,
                              .share = r->share && *sought,
                              .tabled = tabled ? tabled : cut->tables.tabled,
                              .component = found.any ? found.component : NULL};
  status = edb_reduce(s->ctx, &params, graph, schedule, &x, error);
  edb_free(s->ctx, tabled, tabled_bytes);
  free_known(s, &found);
  if (status != EDB_OK) return status;
  if (!x) return EDB_OK;
  edb_placement_request request = edb_session_request(s, &cut->split->program, cut->state, keep);
  status = edb_placement_make(s->ctx, &request, &x->graph, &x->schedule, &inner, error);
  if (status == EDB_OK) status = edb_placement_wrap(s->ctx, graph, schedule, x, inner, out, error);
  if (status != EDB_OK) {
    edb_placement_destroy(inner);
    edb_reduced_destroy(x);
    return status;
  }
  count_bytes(s, in_strands ? s->backend->strand(cut->state, 0) : cut->state, &cut->split->program,
              x, *out);
  return EDB_OK;
}

/* ---- Tables -------------------------------------------------------------------------------------
 */

static edb_cut *cut_of(const edb_job *job) {
  return edb_reduction_cut(&job->session->reduction, job->placement->reduced);
}

/* Of a tabled node: it takes nothing else, so its record begins with it. */
static uint32_t index_of(const edb_graph *x, edb_node node) {
  return x->schema->types[x->type[node]].n_indices ? (uint32_t)x->ints[x->int_start[node]] : 0;
}

/* The rows of tabled nodes: known ones, new ones, and nodes that there is no room for. */
static edb_status find_rows(edb_context *ctx, edb_tables *tables, const edb_reduced *x,
                            edb_reduced_run *r, edb_error *error) {
  r->missing.length = r->homeless.length = 0;
  if (!edb_vec_reserve(ctx, &r->missing, x->graph.first) ||
      !edb_vec_reserve(ctx, &r->homeless, x->graph.first))
    return edb_fail_memory(error, x->graph.first * sizeof(edb_node), "rows of tables");
  for (uint32_t i = 0; i < x->n_tabled; i++) {
    const edb_node_range *range = &x->tabled[i];
    for (edb_node node = range->from; node < range->to; node++) {
      uint32_t index = index_of(&x->graph, node);
      uint32_t row = edb_table_find(tables, range->cell, index);
      if (row == UINT32_MAX) {
        row = edb_table_add(tables, range->cell, index);
        if (row == UINT32_MAX) {
          r->homeless.data[r->homeless.length++] = node;
          continue;
        }
        r->missing.data[r->missing.length++] = node;
      }
      edb_table_values(tables, range->cell, row, edb_store_rows(&r->store, node));
    }
  }
  return EDB_OK;
}

void edb_reduction_forget_rows(edb_job *job) {
  const edb_graph *x = &job->placement->reduced->graph;
  edb_reduced_run *r = job->reduced;
  for (size_t i = 0; i < r->missing.length; i++)
    edb_table_remove(&cut_of(job)->tables, x->type[r->missing.data[i]],
                     index_of(x, r->missing.data[i]));
  r->missing.length = 0;
}

/* The first of the homeless nodes behind `from` that is of another cell. */
static size_t end_of_cell(const edb_reduced_run *r, const edb_graph *x, size_t from) {
  size_t to = from;
  while (to < r->homeless.length &&
         x->type[r->homeless.data[to]] == x->type[r->homeless.data[from]])
    to++;
  return to;
}

size_t edb_reduction_homeless_bytes(const edb_job *job) {
  const edb_reduced_run *r = job->reduced;
  const edb_graph *x = &job->placement->reduced->graph;
  const edb_program *program = &cut_of(job)->split->program;
  size_t floats = 0;
  for (size_t from = 0, to; from < r->homeless.length; from = to) {
    to = end_of_cell(r, x, from);
    floats += batch_floats(&program->cells[x->type[r->homeless.data[from]]], to - from);
  }
  return floats * job->session->backend->element_bytes;
}

/* Rows for the homeless, behind those that were placed. */
static void bind_homeless(edb_job *job, char *at) {
  const edb_reduced_run *r = job->reduced;
  const edb_graph *x = &job->placement->reduced->graph;
  const edb_program *program = &cut_of(job)->split->program;
  size_t element = job->session->backend->element_bytes;
  for (size_t from = 0, to; from < r->homeless.length; from = to) {
    const edb_ir_cell *cell = &program->cells[x->type[r->homeless.data[from]]];
    to = end_of_cell(r, x, from);
    for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
      size_t stride = edb_row_stride(edb_shape_size(cell->outputs[o].shape));
      for (size_t i = from; i < to; i++)
        edb_store_rows(&r->store, r->homeless.data[i])[o] = at + (i - from) * stride * element;
      at += (stride * (to - from) + 15) / 16 * 16 * element;
    }
  }
}

static edb_status run_nodes(edb_job *job, const edb_node *nodes, size_t n, edb_error *error) {
  const edb_graph *x = &job->placement->reduced->graph;
  return job->session->backend->run_batch(job->state, x, &job->reduced->store, x->type[nodes[0]],
                                          nodes, (uint32_t)n, &job->stats, error);
}

/* New rows were added one after the other, so those in one page are a batch. */
edb_status edb_reduction_make_rows(edb_job *job, edb_error *error) {
  edb_reduced_run *r = job->reduced;
  const edb_cut *cut = cut_of(job);
  const edb_graph *x = &job->placement->reduced->graph;
  const edb_node *nodes = r->missing.data;
  for (size_t from = 0, to; from < r->missing.length; from = to) {
    uint32_t cell = x->type[nodes[from]];
    uint32_t row = edb_table_find(&cut->tables, cell, index_of(x, nodes[from]));
    for (to = from + 1; to < r->missing.length && x->type[nodes[to]] == cell; to++)
      if (!edb_table_together(&cut->tables, cell, row, row + (uint32_t)(to - from))) break;
    EDB_TRY(run_nodes(job, nodes + from, to - from, error));
  }
  job->stats.table_rows += r->missing.length;
  r->missing.length = 0; /* they are there, whatever follows */
  return EDB_OK;
}

static edb_status run_homeless(edb_job *job, edb_error *error) {
  const edb_reduced_run *r = job->reduced;
  for (size_t from = 0, to; from < r->homeless.length; from = to) {
    to = end_of_cell(r, &job->placement->reduced->graph, from);
    EDB_TRY(run_nodes(job, r->homeless.data + from, to - from, error));
  }
  return EDB_OK;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

/* Room for the addresses of all values of the execution graph. */
static edb_status open_store(edb_context *ctx, edb_store *store, const edb_graph *x,
                             edb_error *error) {
  size_t values = 0;
  if (!edb_vec_reserve(ctx, &store->start, (size_t)x->n_nodes + 1))
    return edb_fail_memory(error, x->n_nodes * sizeof(uint32_t), "the table of values");
  for (uint32_t i = 0; i < x->n_nodes; i++) {
    store->start.data[i] = (uint32_t)values;
    values += x->schema->types[x->type[i]].n_outputs;
    EDB_FAIL_IF(values > UINT32_MAX, error, EDB_ERROR_LIMIT, "more than 2^32 values in one graph");
  }
  store->start.data[x->n_nodes] = (uint32_t)values;
  if (!edb_vec_reserve(ctx, &store->rows, values + 1))
    return edb_fail_memory(error, values * sizeof(char *), "the table of values");
  return EDB_OK;
}

edb_status edb_reduction_look_up(edb_job *job, bool forget, edb_error *error) {
  edb_context *ctx = job->session->ctx;
  const edb_reduced *x = job->placement->reduced;
  edb_cut *cut = cut_of(job);
  edb_tables_begin(&cut->tables, job->session->weights->version, forget);
  EDB_TRY(open_store(ctx, &job->reduced->store, &x->graph, error));
  EDB_TRY(find_rows(ctx, &cut->tables, x, job->reduced, error));
  job->reduced->store.table_bytes = x->n_tabled > 0 ? cut->tables.used_bytes : 0;
  edb_reduction_count_made(job);
  return EDB_OK;
}

/* Addresses of what ran earlier and of what runs now. */
static void bind_nodes(edb_job *job) {
  const edb_reduced *x = job->placement->reduced;
  edb_store *store = &job->reduced->store;
  for (uint32_t i = 0; i < x->n_imports; i++) {
    char *const *from = edb_store_rows(&job->store, x->imports[i]);
    char **to = edb_store_rows(store, i);
    for (uint32_t v = 0; v < store->start.data[i + 1] - store->start.data[i]; v++) to[v] = from[v];
  }
  edb_session_bind_rows(job->session, store, &x->graph, &x->schedule, job->placement->inner,
                        job->slab);
}

/* Each node of the graph has the rows of the one it ran as, where they are kept; it had none. */
static void hand_out(edb_job *job) {
  const edb_reduced *x = job->placement->reduced;
  const edb_placement *inner = job->placement->inner;
  const edb_graph *graph = &job->graph;
  const uint32_t *type = graph->type + (graph->first - graph->base);
  for (uint32_t i = 0; i < x->n_nodes; i++) {
    uint32_t from = inner->kept_start[type[i]], to = inner->kept_start[type[i] + 1];
    for (uint32_t k = from; k < to; k++)
      if (inner->kept[k])
        edb_store_rows(&job->store, graph->first + i)[k - from] =
            edb_store_row(&job->reduced->store, x->runs_as[i], k - from);
  }
}

edb_status edb_reduction_run(edb_job *job) {
  edb_session *s = job->session;
  const edb_reduced *x = job->placement->reduced;
  bind_nodes(job);
  bind_homeless(job, job->slab + job->placement->slab_floats * s->backend->element_bytes);
  EDB_TRY(run_homeless(job, &job->error));
  EDB_TRY(edb_job_run_batches(job, &x->graph, &job->reduced->store, &x->schedule,
                              job->placement->inner));
  hand_out(job);
  job->stats.shared = x->n_shared;
  job->stats.looked_up = x->n_looked_up;
  job->stats.hoisted_batches = x->n_early;
  job->stats.flops = x->flops;
  return EDB_OK;
}
