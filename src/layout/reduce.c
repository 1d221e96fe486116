/* layout/reduce.c: the execution graph of a mini-batch, batch by batch of its schedule. */
#include <string.h>

#include "base/carve.h"
#include "graph/store.h"
#include "layout/reduce_impl.h"

/* So much has to be saved for the graph to move into a smaller block. */
#define TRIM_BYTES ((size_t)1 << 20)

/* ---- Batches -----------------------------------------------------------------------------------
 */

/* What was added since `from` is a batch, if anything was. */
static void end_batch(edb_reducer *r, uint32_t cell, uint32_t from) {
  edb_schedule *s = &r->to->schedule;
  if (from == r->graph->n_nodes) return;
  s->batch_type[s->info.n_batches] = cell;
  s->batch_start[s->info.n_batches++] = from - r->graph->first;
}

/* ---- Tabled nodes ------------------------------------------------------------------------------
 */

static void add_tabled(edb_reducer *r, uint32_t cell, uint32_t from) {
  if (from < r->graph->n_nodes)
    r->to->tabled[r->to->n_tabled++] = (edb_node_range){cell, from, r->graph->n_nodes};
}

/* Nodes of tabled cells, and early parts that are: they come first, cell by cell. */
static bool make_tabled(edb_reducer *r) {
  const edb_reduce_params *p = r->params;
  for (uint32_t t = 0; t < p->source->n_cells; t++) {
    uint32_t from = r->graph->n_nodes, shared = r->to->n_shared;
    if (p->tabled[t]) {
      for (uint32_t b = r->head[t]; b != EDB_NO_NODE; b = r->next[b]) {
        if (!edb_reduce_batch(r, b)) return false;
        r->to->n_looked_up += r->schedule->batch_start[b + 1] - r->schedule->batch_start[b];
      }
      r->to->n_shared = shared;
      add_tabled(r, t, from);
    } else if (edb_has_early(r, t) && p->tabled[p->split->early[t].cell]) {
      edb_reduce_early(r, t);
      add_tabled(r, p->split->early[t].cell, from);
    }
  }
  return true;
}

/* ---- The schedule ------------------------------------------------------------------------------
 */

/* Whether its types are those of the graph; its nodes are looked at when they are made. */
static bool is_fit(const edb_reducer *r) {
  const edb_schedule *s = r->schedule;
  if (s->info.n_nodes != edb_graph_pending_count(r->source)) return false;
  for (uint32_t b = 0; b < s->info.n_batches; b++)
    if (s->batch_type[b] >= r->params->source->n_cells) return false;
  return true;
}

/* By component, else as they were: a counting sort, whose counters stand in `head`, which has room
 * for a number per cell. */
static void order_batches(edb_reducer *r) {
  const edb_schedule *s = r->schedule;
  const uint32_t *component = r->params->component;
  uint32_t n_cells = r->params->source->n_cells, at = 0;
  for (uint32_t b = 0; b < s->info.n_batches && !component; b++) r->order[b] = b;
  if (!component) return;
  for (uint32_t c = 0; c < n_cells; c++) r->head[c] = 0;
  for (uint32_t b = 0; b < s->info.n_batches; b++) r->head[component[s->batch_type[b]]]++;
  for (uint32_t c = 0; c < n_cells; c++) {
    uint32_t count = r->head[c];
    r->head[c] = at;
    at += count;
  }
  for (uint32_t b = 0; b < s->info.n_batches; b++)
    r->order[r->head[component[s->batch_type[b]]]++] = b;
}

static void list_batches(edb_reducer *r) {
  uint32_t n_cells = r->params->source->n_cells, n_batches = r->schedule->info.n_batches;
  for (uint32_t t = 0; t < n_cells; t++) r->head[t] = EDB_NO_NODE;
  for (uint32_t b = n_batches; b-- > 0;) {
    uint32_t type = r->schedule->batch_type[b];
    r->next[b] = r->head[type];
    r->head[type] = b;
  }
  for (uint32_t t = 0; t < n_cells; t++) {
    r->cursor[t] = edb_has_early(r, t) ? r->head[t] : EDB_NO_NODE;
    r->cursor_row[t] = 0;
  }
}

static bool make_pending(edb_reducer *r) {
  const edb_schedule *s = r->schedule;
  r->graph->first = r->graph->n_nodes;
  for (uint32_t i = 0; i < s->info.n_batches; i++) {
    uint32_t b = r->order[i], type = s->batch_type[b], from = r->graph->n_nodes;
    if (r->params->tabled[type]) continue;
    if (r->cursor[type] != EDB_NO_NODE) {
      edb_reduce_early(r, type);
      end_batch(r, r->params->split->early[type].cell, from);
      r->to->n_early += from < r->graph->n_nodes;
      from = r->graph->n_nodes;
    }
    if (!edb_reduce_batch(r, b)) return false;
    end_batch(r, type, from);
  }
  return true;
}

/* Naive operations of the nodes: those of the cells as they were written. */
static double count_flops(const edb_reducer *r) {
  const edb_schedule *s = r->schedule;
  double sum = 0;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    const edb_ir_cell *cell = &r->params->source->cells[s->batch_type[b]];
    sum += cell->flops * (s->batch_start[b + 1] - s->batch_start[b]);
    if (cell->flops_per_element == 0) continue;
    uint64_t elements = 0;
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++) {
      const int32_t *arities = edb_graph_arities(r->source, s->nodes[i] - r->source->base);
      int32_t most = 0;
      for (uint32_t v = 0; v < cell->sig.n_variadic; v++)
        if (arities[v] > most) most = arities[v];
      elements += (uint32_t)most;
    }
    sum += cell->flops_per_element * (double)elements;
  }
  return sum;
}

/* The rest of the schedule, whose batches are there. */
static void end_schedule(edb_reducer *r) {
  edb_schedule *s = &r->to->schedule;
  uint32_t n_batches = s->info.n_batches, all = r->graph->n_nodes;
  s->info = r->schedule->info;
  s->info.n_batches = n_batches;
  s->info.n_nodes = all - r->graph->first;
  s->batch_start[n_batches] = s->info.n_nodes;
  s->nodes = r->to->all_nodes + r->graph->first;
  for (uint32_t i = 0; i < all; i++) r->to->all_nodes[i] = i;
}

/* ---- Memory ------------------------------------------------------------------------------------
 */

/* Rows of each kind. */
typedef struct counts {
  size_t nodes, edges, ints, floats, imports, batches;
  bool early;
} counts;

/* The most that the execution graph can need. */
static counts count_most(const edb_reducer *r) {
  const edb_graph *g = r->source;
  const edb_split *split = r->params->split;
  uint32_t done = g->first - g->base;
  counts n = {.nodes = edb_graph_pending_count(g),
              .edges = g->edge_count - g->edge_start[done],
              .ints = g->int_count - g->int_start[done],
              .batches = 2 * (size_t)r->schedule->info.n_batches};
  if (g->lowest_pending_use < g->first) n.imports = n.edges;
  n.nodes += n.imports;
  for (uint32_t b = 0; b < r->schedule->info.n_batches; b++) {
    uint32_t type = r->schedule->batch_type[b];
    size_t rows = r->schedule->batch_start[b + 1] - r->schedule->batch_start[b];
    n.floats += rows * edb_type_dense_length(&g->schema->types[type]);
    if (!edb_has_early(r, type)) continue;
    const edb_type_sig *sig = &split->program.schema.types[split->early[type].cell];
    n.early = true;
    n.nodes += rows;
    n.edges += rows * (sig->n_inputs + (size_t)1);
    n.ints += rows * (sig->n_indices + (size_t)1);
    n.floats += rows * edb_type_dense_length(sig);
  }
  return n;
}

/* An array gets its place in the block, with what it holds if it had one. */
#define MOVE(field, count)                                                             \
  do {                                                                                 \
    const void *old_ = (field);                                                        \
    EDB_CARVE(&c, field, count);                                                       \
    if (base && old_ && (count) > 0) memcpy((field), old_, (count) * sizeof *(field)); \
  } while (0)

/* What stays: | graph | schedule | tabled | imports | runs as |; one block, because blocks of this
 * size come from the system and go back to it, and new pages cost more than what is written to
 * them. */
static size_t lay_out(edb_reduced *to, const counts *n, char *base) {
  edb_carver c = {.base = base};
  edb_graph *x = &to->graph;
  MOVE(x->type, n->nodes);
  MOVE(x->edge_start, n->nodes + 1);
  MOVE(x->int_start, n->nodes + 1);
  MOVE(x->edge_node, n->edges);
  MOVE(x->edge_output, n->edges);
  MOVE(x->ints, n->ints);
  MOVE(x->floats, n->floats);
  MOVE(to->schedule.batch_type, n->batches);
  MOVE(to->schedule.batch_start, n->batches + 1);
  MOVE(to->all_nodes, n->nodes);
  MOVE(to->tabled, (size_t)to->split->program.n_cells);
  MOVE(to->imports, n->imports);
  MOVE(to->runs_as, (size_t)to->n_nodes);
  return c.at;
}
#undef MOVE

/* What is needed only while the graph is made. */
static size_t lay_out_working(edb_reducer *r, const counts *n, size_t n_slots, char *base) {
  edb_carver c = {.base = base};
  size_t cells = r->params->source->n_cells, batches = r->schedule->info.n_batches;
  EDB_CARVE(&c, r->taker, r->params->share ? n->nodes : 0);
  EDB_CARVE(&c, r->next_taker, r->params->share ? n->nodes : 0);
  EDB_CARVE(&c, r->slots, n_slots);
  EDB_CARVE(&c, r->order, batches);
  EDB_CARVE(&c, r->head, cells);
  EDB_CARVE(&c, r->cursor, cells);
  EDB_CARVE(&c, r->cursor_row, cells);
  EDB_CARVE(&c, r->next, batches);
  EDB_CARVE(&c, r->early_of, n->early ? r->to->n_nodes : 0);
  return c.at;
}

static edb_status alloc_arrays(edb_reducer *r, const counts *n) {
  edb_reduced *to = r->to;
  size_t n_slots = 16;
  while (n_slots / 4 * 3 < n->nodes && (r->params->share || n->imports)) n_slots *= 2;
  to->n_nodes = edb_graph_pending_count(r->source);
  to->memory_bytes = lay_out(to, n, NULL);
  to->memory = edb_alloc(r->ctx, to->memory_bytes);
  if (!to->memory) return edb_fail_memory(r->error, to->memory_bytes, "a reduced graph");
  (void)lay_out(to, n, to->memory);
  r->memory_bytes = lay_out_working(r, n, n_slots, NULL);
  r->memory = edb_alloc(r->ctx, r->memory_bytes);
  if (!r->memory) return edb_fail_memory(r->error, r->memory_bytes, "a reduced graph");
  (void)lay_out_working(r, n, n_slots, r->memory);
  r->graph = &to->graph;
  r->graph->schema = &to->split->program.schema;
  r->graph->edge_start[0] = r->graph->int_start[0] = 0;
  r->mask = n_slots - 1;
  memset(r->slots, 0, n_slots * sizeof *r->slots);
  if (to->n_nodes) memset(to->runs_as, 0xff, to->n_nodes * sizeof *to->runs_as);
  return EDB_OK;
}

/* Where much of what was reserved is not needed, because calls were equal, the rest moves into a
 * smaller block; without memory for that it stays where it is. */
static void trim(edb_reducer *r) {
  edb_reduced tight = *r->to;
  const edb_graph *x = r->graph;
  counts n = {.nodes = x->n_nodes,
              .edges = x->edge_count,
              .ints = x->int_count,
              .floats = x->float_count,
              .imports = r->to->n_imports,
              .batches = r->to->schedule.info.n_batches};
  edb_reduced measure = tight;
  tight.memory_bytes = lay_out(&measure, &n, NULL);
  if (tight.memory_bytes + TRIM_BYTES > r->to->memory_bytes) return;
  tight.memory = edb_alloc(r->ctx, tight.memory_bytes);
  if (!tight.memory) return;
  (void)lay_out(&tight, &n, tight.memory);
  tight.schedule.nodes = tight.all_nodes + x->first;
  edb_free(r->ctx, r->to->memory, r->to->memory_bytes);
  *r->to = tight;
}

/* ---- All of it ---------------------------------------------------------------------------------
 */

/* *fit: the schedule is one of the graph. */
static edb_status reduce(edb_reducer *r, bool *fit) {
  counts n = count_most(r);
  EDB_FAIL_IF(n.nodes > UINT32_MAX - 2 || n.edges > UINT32_MAX || n.ints > UINT32_MAX ||
                  n.floats > UINT32_MAX,
              r->error, EDB_ERROR_LIMIT,
              "an execution graph of up to %zu nodes and %zu edges is too large: switch hoisting "
              "and sharing off",
              n.nodes, n.edges);
  EDB_TRY(alloc_arrays(r, &n));
  order_batches(r);
  list_batches(r);
  if (n.imports) edb_reduce_imports(r);
  *fit = make_tabled(r) && make_pending(r);
  if (!*fit) return EDB_OK;
  r->to->flops = count_flops(r);
  end_schedule(r);
  trim(r);
  return EDB_OK;
}

static bool is_less(const edb_reduced *to) {
  return to->n_shared + to->n_tabled + to->n_early > 0;
}

edb_status edb_reduce(edb_context *ctx, const edb_reduce_params *params, const edb_graph *graph,
                      const edb_schedule *schedule, edb_reduced **out, edb_error *error) {
  edb_reducer r = {
      .ctx = ctx, .params = params, .source = graph, .schedule = schedule, .error = error};
  *out = NULL;
  if (!is_fit(&r)) return EDB_OK;
  r.to = edb_alloc_zero(ctx, sizeof *r.to);
  if (!r.to) return edb_fail_memory(error, sizeof *r.to, "a reduced graph");
  r.to->ctx = ctx;
  r.to->split = params->split;
  bool fit = false;
  edb_status status = reduce(&r, &fit);
  edb_free(ctx, r.memory, r.memory ? r.memory_bytes : 0);
  if (status == EDB_OK && fit && is_less(r.to))
    *out = r.to;
  else
    edb_reduced_destroy(r.to);
  return status;
}

void edb_reduced_destroy(edb_reduced *reduced) {
  if (!reduced) return;
  edb_free(reduced->ctx, reduced->memory, reduced->memory_bytes);
  edb_free(reduced->ctx, reduced, sizeof *reduced);
}
