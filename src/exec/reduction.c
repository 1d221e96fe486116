/* exec/reduction.c: placing and running the execution graph of a mini-batch. */
#include "exec/reduction.h"

#include "exec/session.h"
#include "layout/reduce.h"

#define DEFAULT_TABLE_BYTES ((size_t)64 << 20)

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
  r->share = !params->no_share;
  edb_store_init(&r->store, s->ctx);
  EDB_TRY(edb_split_create(s->ctx, s->program, scope, NULL, &r->split, error));
  return edb_tables_init(&r->tables, s->ctx, &r->split->program, s->backend->element_bytes,
                         params->no_table ? 0 : budget, error);
}

void edb_reduction_close(edb_session *s) {
  edb_reduction *r = &s->reduction;
  edb_tables_free(&r->tables);
  if (r->split) edb_store_free(&r->store);
  edb_vec_free(s->ctx, &r->missing);
  edb_vec_free(s->ctx, &r->homeless);
  edb_split_destroy(r->split);
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

/* Memory of the run: all of it, should no row find room in the tables. */
static void count_bytes(const edb_session *s, const edb_reduced *x, edb_placement *p) {
  size_t homeless = 0, values = p->inner->value_start[p->inner->n_nodes];
  p->scratch_bytes = edb_session_scratch_bytes(s, s->state, &x->graph, &x->schedule, p->inner);
  for (uint32_t i = 0; i < x->n_tabled; i++) {
    const edb_node_range *range = &x->tabled[i];
    uint32_t type, starts[2];
    edb_schedule one = range_schedule(x, range, &type, starts);
    size_t scratch = s->backend->scratch_bytes(s->state, &x->graph, &one);
    const edb_ir_cell *cell = &s->reduction.split->program.cells[range->cell];
    if (scratch > p->scratch_bytes) p->scratch_bytes = scratch;
    homeless += batch_floats(cell, range->to - range->from);
    values += (size_t)cell->sig.n_outputs * (range->to - range->from);
  }
  p->slab_floats = p->inner->slab_floats;
  p->live_bytes = p->inner->live_bytes;
  p->peak_bytes = (p->slab_floats + homeless) * s->backend->element_bytes + p->scratch_bytes +
                  edb_placement_table_bytes(p->inner) + sizeof *x + x->memory_bytes +
                  x->graph.n_nodes * 2 * sizeof(uint32_t) + values * sizeof(char *);
}

edb_status edb_reduction_place(const edb_session *s, const edb_graph *graph,
                               const edb_schedule *schedule, const edb_keep *keep,
                               edb_placement **out, edb_error *error) {
  const edb_reduction *r = &s->reduction;
  edb_reduced *x = NULL;
  edb_placement *inner = NULL;
  *out = NULL;
  if (!r->split || r->off) return EDB_OK;
  edb_reduce_params params = {
      .source = s->program, .split = r->split, .share = r->share, .tabled = r->tables.tabled};
  EDB_TRY(edb_keep_check(s->program, keep, error));
  EDB_TRY(edb_reduce(s->ctx, &params, graph, schedule, &x, error));
  if (!x) return EDB_OK;
  edb_placement_request request = edb_session_request(s, &r->split->program, s->state, keep);
  edb_status status = edb_placement_make(s->ctx, &request, &x->graph, &x->schedule, &inner, error);
  if (status == EDB_OK) status = edb_placement_wrap(s->ctx, graph, schedule, x, inner, out, error);
  if (status != EDB_OK) {
    edb_placement_destroy(inner);
    edb_reduced_destroy(x);
    return status;
  }
  count_bytes(s, x, *out);
  return EDB_OK;
}

/* ---- Tables -------------------------------------------------------------------------------------
 */

static uint32_t index_of(const edb_graph *x, edb_node node) {
  return x->schema->types[x->type[node]].n_indices ? (uint32_t)*edb_graph_indices(x, node) : 0;
}

static void bind_tabled(edb_reduction *r, const edb_graph *x, edb_node node, uint32_t row) {
  char **rows = edb_store_rows(&r->store, node);
  for (uint32_t o = 0; o < x->schema->types[x->type[node]].n_outputs; o++)
    rows[o] = edb_table_value(&r->tables, x->type[node], row, o);
}

/* The rows of tabled nodes: known ones, new ones, and nodes that there is no room for. */
static edb_status look_up(edb_session *s, const edb_reduced *x, edb_error *error) {
  edb_reduction *r = &s->reduction;
  r->missing.length = r->homeless.length = 0;
  if (!edb_vec_reserve(s->ctx, &r->missing, x->graph.first) ||
      !edb_vec_reserve(s->ctx, &r->homeless, x->graph.first))
    return edb_fail_memory(error, x->graph.first * sizeof(edb_node), "rows of tables");
  for (uint32_t i = 0; i < x->n_tabled; i++) {
    const edb_node_range *range = &x->tabled[i];
    for (edb_node node = range->from; node < range->to; node++) {
      uint32_t index = index_of(&x->graph, node);
      uint32_t row = edb_table_find(&r->tables, range->cell, index);
      if (row == UINT32_MAX) {
        row = edb_table_add(&r->tables, range->cell, index);
        if (row == UINT32_MAX) {
          r->homeless.data[r->homeless.length++] = node;
          continue;
        }
        r->missing.data[r->missing.length++] = node;
      }
      bind_tabled(r, &x->graph, node, row);
    }
  }
  return EDB_OK;
}

static void forget_missing(edb_reduction *r, const edb_graph *x) {
  for (size_t i = 0; i < r->missing.length; i++)
    edb_table_remove(&r->tables, x->type[r->missing.data[i]], index_of(x, r->missing.data[i]));
  r->missing.length = 0;
}

/* The first of the homeless nodes behind `from` that is of another cell. */
static size_t end_of_cell(const edb_reduction *r, const edb_graph *x, size_t from) {
  size_t to = from;
  while (to < r->homeless.length &&
         x->type[r->homeless.data[to]] == x->type[r->homeless.data[from]])
    to++;
  return to;
}

static size_t homeless_floats(const edb_reduction *r, const edb_graph *x) {
  size_t floats = 0;
  for (size_t from = 0, to; from < r->homeless.length; from = to) {
    to = end_of_cell(r, x, from);
    floats += batch_floats(&r->split->program.cells[x->type[r->homeless.data[from]]], to - from);
  }
  return floats;
}

/* Rows for the homeless, behind those that were placed. */
static void bind_homeless(edb_session *s, const edb_graph *x, char *at) {
  edb_reduction *r = &s->reduction;
  size_t element = s->backend->element_bytes;
  for (size_t from = 0, to; from < r->homeless.length; from = to) {
    const edb_ir_cell *cell = &r->split->program.cells[x->type[r->homeless.data[from]]];
    to = end_of_cell(r, x, from);
    for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
      size_t stride = edb_row_stride(edb_shape_size(cell->outputs[o].shape));
      for (size_t i = from; i < to; i++)
        edb_store_rows(&r->store, r->homeless.data[i])[o] = at + (i - from) * stride * element;
      at += (stride * (to - from) + 15) / 16 * 16 * element;
    }
  }
}

static edb_status run_nodes(edb_session *s, const edb_graph *x, const edb_node *nodes, size_t n,
                            edb_error *error) {
  return s->backend->run_batch(s->state, x, &s->reduction.store, x->type[nodes[0]], nodes,
                               (uint32_t)n, &s->stats, error);
}

/* New rows were added one after the other, so those in one page are a batch. */
static edb_status run_missing(edb_session *s, const edb_graph *x, edb_error *error) {
  const edb_reduction *r = &s->reduction;
  const edb_node *nodes = r->missing.data;
  for (size_t from = 0, to; from < r->missing.length; from = to) {
    uint32_t cell = x->type[nodes[from]];
    uint32_t row = edb_table_find(&r->tables, cell, index_of(x, nodes[from]));
    for (to = from + 1; to < r->missing.length && x->type[nodes[to]] == cell; to++)
      if (!edb_table_together(&r->tables, cell, row, row + (uint32_t)(to - from))) break;
    EDB_TRY(run_nodes(s, x, nodes + from, to - from, error));
  }
  for (size_t from = 0, to; from < r->homeless.length; from = to) {
    to = end_of_cell(r, x, from);
    EDB_TRY(run_nodes(s, x, r->homeless.data + from, to - from, error));
  }
  return EDB_OK;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

/* Room for the addresses of all values of the execution graph. */
static edb_status open_store(edb_session *s, const edb_graph *x, edb_error *error) {
  edb_store *store = &s->reduction.store;
  size_t values = 0;
  if (!edb_vec_reserve(s->ctx, &store->start, (size_t)x->n_nodes + 1))
    return edb_fail_memory(error, x->n_nodes * sizeof(uint32_t), "the table of values");
  for (uint32_t i = 0; i < x->n_nodes; i++) {
    store->start.data[i] = (uint32_t)values;
    values += x->schema->types[x->type[i]].n_outputs;
    EDB_FAIL_IF(values > UINT32_MAX, error, EDB_ERROR_LIMIT, "more than 2^32 values in one graph");
  }
  store->start.data[x->n_nodes] = (uint32_t)values;
  if (!edb_vec_reserve(s->ctx, &store->rows, values + 1))
    return edb_fail_memory(error, values * sizeof(char *), "the table of values");
  return EDB_OK;
}

/* Addresses of what ran earlier and of what runs now. */
static void bind_nodes(edb_session *s, const edb_reduced *x, const edb_placement *p, char *data) {
  edb_store *store = &s->reduction.store;
  size_t element = s->backend->element_bytes;
  for (uint32_t i = 0; i < x->n_imports; i++) {
    char *const *from = edb_store_rows(&s->store, x->imports[i]);
    char **to = edb_store_rows(store, i);
    for (uint32_t v = 0; v < store->start.data[i + 1] - store->start.data[i]; v++) to[v] = from[v];
  }
  char **rows = store->rows.data + store->start.data[p->first];
  uint32_t n_values = p->value_start[p->n_nodes];
  for (uint32_t v = 0; v < n_values; v++) rows[v] = data + p->offset[v] * element;
}

/* Each node of the graph has the rows of the one it ran as, where they are kept. */
static void hand_out(edb_session *s, const edb_graph *graph, const edb_placement *p,
                     uint32_t slab) {
  const edb_reduced *x = p->reduced;
  const edb_store *from = &s->reduction.store;
  uint32_t *slab_of = s->store.slab_of.data + (graph->first - s->store.base);
  for (uint32_t i = 0; i < x->n_nodes; i++) {
    edb_node node = graph->first + i;
    const uint8_t *kept = p->inner->kept + p->inner->kept_start[graph->type[node - graph->base]];
    char *const *rows = edb_store_rows(from, x->runs_as[i]);
    char **to = edb_store_rows(&s->store, node);
    uint32_t n =
        s->store.start.data[node - s->store.base + 1] - s->store.start.data[node - s->store.base];
    for (uint32_t o = 0; o < n; o++) to[o] = kept[o] ? rows[o] : NULL;
    slab_of[i] = slab;
  }
}

static edb_status run_all(edb_session *s, const edb_graph *graph, const edb_placement *p,
                          edb_error *error) {
  const edb_reduced *x = p->reduced;
  edb_reduction *r = &s->reduction;
  size_t element = s->backend->element_bytes;
  size_t floats = p->slab_floats + homeless_floats(r, &x->graph);
  uint32_t slab;
  EDB_TRY(edb_store_take(&s->store, floats * element, p->n_nodes, &slab, error));
  edb_session_release_pending(s, p); /* of steps that were not gone on with */
  char *data = s->store.slabs.data[slab].data;
  bind_nodes(s, x, p->inner, data);
  bind_homeless(s, &x->graph, data + p->slab_floats * element);
  edb_status status = run_missing(s, &x->graph, error);
  if (status == EDB_OK) {
    s->stats.table_rows += r->missing.length;
    r->missing.length = 0; /* they are there, whatever follows */
    status = edb_session_run_batches(s, s->state, &x->graph, &r->store, &x->schedule, p->inner, data,
                                     error);
  }
  if (status == EDB_OK)
    hand_out(s, graph, p, slab);
  else
    s->store.slabs.data[slab].live = 0;
  return status;
}

edb_status edb_reduction_run(edb_session *s, const edb_graph *graph, const edb_placement *p,
                             bool forget, edb_error *error) {
  const edb_reduced *x = p->reduced;
  edb_reduction *r = &s->reduction;
  edb_tables_begin(&r->tables, s->weights->version, forget);
  EDB_TRY(open_store(s, &x->graph, error));
  EDB_TRY(look_up(s, x, error));
  edb_status status = run_all(s, graph, p, error);
  if (status != EDB_OK) {
    forget_missing(r, &x->graph);
    return status;
  }
  s->stats.shared = x->n_shared;
  s->stats.looked_up = x->n_looked_up;
  s->stats.hoisted_batches = x->n_early;
  s->stats.flops = x->flops;
  return EDB_OK;
}
