/* layout/reduce.c: the execution graph of a mini-batch, batch by batch of its schedule. */
#include <string.h>

#include "graph/store.h"
#include "layout/reduce_impl.h"

/* ---- Batches -----------------------------------------------------------------------------------
 */

static edb_status end_batch(edb_reducer *r, uint32_t cell, uint32_t from) {
  edb_node_range batch = {cell, from, r->graph->n_nodes};
  if (batch.from == batch.to) return EDB_OK;
  if (!edb_vec_push(r->ctx, &r->batches, batch))
    return edb_fail_memory(r->error, sizeof batch, "a reduced schedule");
  return EDB_OK;
}

/* Early parts of the nodes of a type, from where the last call stopped, in the order of the
 * schedule, as long as what they take has run. */
static void make_early(edb_reducer *r, uint32_t type) {
  const edb_schedule *s = r->schedule;
  uint32_t first = r->source->first, base = r->source->base;
  while (r->cursor[type] != EDB_NO_NODE) {
    uint32_t b = r->cursor[type], row = r->cursor_row[type];
    for (; s->batch_start[b] + row < s->batch_start[b + 1]; row++) {
      edb_node node = s->nodes[s->batch_start[b] + row];
      edb_draft d;
      bool is_new;
      if (!edb_draft_early(r, node - base, &d)) {
        r->cursor_row[type] = row;
        return;
      }
      r->early_of[node - first] = edb_reduce_intern(r, &d, &is_new);
    }
    r->cursor[type] = r->next[b];
    r->cursor_row[type] = 0;
  }
}

/* One batch of the schedule; false when the schedule is not one of the graph. */
static bool make_batch(edb_reducer *r, uint32_t b) {
  const edb_schedule *s = r->schedule;
  const edb_graph *g = r->source;
  uint32_t type = s->batch_type[b];
  size_t dense = edb_type_dense_length(&g->schema->types[type]);
  for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++) {
    uint32_t *runs_as = &r->to->runs_as[s->nodes[i] - g->first];
    edb_draft d;
    bool is_new;
    if (*runs_as != EDB_NO_NODE || !edb_draft_call(r, s->nodes[i] - g->base, dense, &d))
      return false;
    *runs_as = edb_reduce_intern(r, &d, &is_new);
    r->to->n_shared += !is_new;
  }
  return true;
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
        if (!make_batch(r, b)) return false;
        r->to->n_looked_up += r->schedule->batch_start[b + 1] - r->schedule->batch_start[b];
      }
      r->to->n_shared = shared;
      add_tabled(r, t, from);
    } else if (edb_has_early(r, t) && p->tabled[p->split->early[t].cell]) {
      make_early(r, t);
      add_tabled(r, p->split->early[t].cell, from);
    }
  }
  return true;
}

/* ---- The schedule ------------------------------------------------------------------------------
 */

static bool is_fit(const edb_reducer *r) {
  const edb_schedule *s = r->schedule;
  const edb_graph *g = r->source;
  if (s->info.n_nodes != edb_graph_pending_count(g)) return false;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    if (s->batch_type[b] >= r->params->source->n_cells) return false;
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++) {
      uint32_t index = s->nodes[i] - g->base;
      if (s->nodes[i] < g->first || index >= g->n_nodes || g->type[index] != s->batch_type[b])
        return false;
    }
  }
  return true;
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

static edb_status make_pending(edb_reducer *r, bool *fit) {
  const edb_schedule *s = r->schedule;
  r->graph->first = r->graph->n_nodes;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    uint32_t type = s->batch_type[b], from = r->graph->n_nodes;
    if (r->params->tabled[type]) continue;
    if (r->cursor[type] != EDB_NO_NODE) {
      make_early(r, type);
      EDB_TRY(end_batch(r, r->params->split->early[type].cell, from));
      r->to->n_early += from < r->graph->n_nodes;
      from = r->graph->n_nodes;
    }
    if (!make_batch(r, b)) {
      *fit = false;
      return EDB_OK;
    }
    EDB_TRY(end_batch(r, type, from));
  }
  return EDB_OK;
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

static edb_status make_schedule(edb_reducer *r) {
  size_t n = r->batches.length, nodes = edb_graph_pending_count(r->graph);
  size_t all = r->graph->n_nodes;
  edb_schedule *s = edb_alloc_zero(r->ctx, sizeof *s);
  if (!s) return edb_fail_memory(r->error, sizeof *s, "a reduced schedule");
  s->ctx = r->ctx;
  r->to->schedule = s;
  s->memory_bytes = (2 * n + 1 + all) * sizeof(uint32_t);
  s->memory = edb_alloc(r->ctx, s->memory_bytes);
  if (!s->memory) {
    size_t bytes = s->memory_bytes;
    s->memory_bytes = 0;
    return edb_fail_memory(r->error, bytes, "a reduced schedule");
  }
  s->info = r->schedule->info;
  s->info.n_batches = (uint32_t)n;
  s->info.n_nodes = (uint32_t)nodes;
  s->batch_type = s->memory;
  s->batch_start = s->batch_type + n;
  r->to->all_nodes = s->batch_start + n + 1;
  s->nodes = r->to->all_nodes + r->graph->first;
  for (size_t b = 0; b < n; b++) {
    s->batch_type[b] = r->batches.data[b].cell;
    s->batch_start[b] = r->batches.data[b].from - r->graph->first;
  }
  s->batch_start[n] = (uint32_t)nodes;
  for (size_t i = 0; i < all; i++) r->to->all_nodes[i] = (uint32_t)i;
  return EDB_OK;
}

/* ---- Memory ------------------------------------------------------------------------------------
 */

/* Most rows of each kind that the execution graph can need. */
typedef struct needs {
  size_t nodes, edges, ints, floats, imports;
  bool early;
} needs;

static needs count_needs(const edb_reducer *r) {
  const edb_graph *g = r->source;
  const edb_split *split = r->params->split;
  uint32_t done = g->first - g->base;
  needs n = {.nodes = edb_graph_pending_count(g),
             .edges = g->edge_count - g->edge_start[done],
             .ints = g->int_count - g->int_start[done],
             .floats = g->float_count};
  if (g->lowest_pending_use < g->first) n.imports = n.edges;
  n.nodes += n.imports;
  for (uint32_t b = 0; b < r->schedule->info.n_batches; b++) {
    uint32_t type = r->schedule->batch_type[b];
    if (!edb_has_early(r, type)) continue;
    const edb_type_sig *sig = &split->program.schema.types[split->early[type].cell];
    size_t rows = r->schedule->batch_start[b + 1] - r->schedule->batch_start[b];
    n.early = true;
    n.nodes += rows;
    n.edges += rows * (sig->n_inputs + (size_t)1);
    n.ints += rows * (sig->n_indices + (size_t)1);
    n.floats += rows * edb_type_dense_length(sig);
  }
  return n;
}

/* Working memory: | slots | head | cursor | cursor_row | next | early_of |, the first set to 0. */
static edb_status alloc_working(edb_reducer *r, const needs *n, size_t *bytes) {
  size_t n_slots = 64, n_cells = r->params->source->n_cells;
  while (n_slots < 2 * n->nodes && (r->params->share || n->imports)) n_slots *= 2;
  size_t words = 3 * n_cells + r->schedule->info.n_batches +
                 (n->early ? edb_graph_pending_count(r->source) : 0);
  *bytes = n_slots * sizeof *r->slots + words * sizeof(uint32_t);
  r->slots = edb_alloc(r->ctx, *bytes);
  if (!r->slots) return edb_fail_memory(r->error, *bytes, "a reduced graph");
  memset(r->slots, 0, n_slots * sizeof *r->slots);
  r->mask = n_slots - 1;
  r->head = (uint32_t *)(r->slots + n_slots);
  r->cursor = r->head + n_cells;
  r->cursor_row = r->cursor + n_cells;
  r->next = r->cursor_row + n_cells;
  r->early_of = r->next + r->schedule->info.n_batches;
  return EDB_OK;
}

/* The arrays of the result in one piece, and the graph, with room for all that can come. */
static edb_status alloc_reduced(edb_reducer *r, const needs *n) {
  edb_reduced *to = r->to;
  size_t cells = r->params->split->program.n_cells;
  to->n_nodes = edb_graph_pending_count(r->source);
  to->memory_bytes =
      cells * sizeof *to->tabled + (to->n_nodes + n->imports + 1) * sizeof *to->runs_as;
  to->tabled = edb_alloc(r->ctx, to->memory_bytes);
  if (!to->tabled) return edb_fail_memory(r->error, to->memory_bytes, "a reduced graph");
  to->runs_as = (uint32_t *)(to->tabled + cells);
  to->imports = to->runs_as + to->n_nodes;
  if (to->n_nodes) memset(to->runs_as, 0xff, to->n_nodes * sizeof *to->runs_as);
  EDB_TRY(edb_graph_create_schema(r->ctx, &r->params->split->program.schema, &to->graph, r->error));
  r->graph = to->graph;
  return edb_graph_grow(r->graph, n->nodes, n->edges, n->ints, n->floats, r->error);
}

/* ---- All of it ---------------------------------------------------------------------------------
 */

/* *fit: the schedule is one of the graph. */
static edb_status reduce(edb_reducer *r, bool *fit) {
  needs n = count_needs(r);
  size_t bytes = 0;
  EDB_TRY(alloc_reduced(r, &n));
  EDB_TRY(alloc_working(r, &n, &bytes));
  list_batches(r);
  if (n.imports) edb_reduce_imports(r);
  edb_status status = EDB_OK;
  *fit = make_tabled(r);
  if (*fit) status = make_pending(r, fit);
  edb_free(r->ctx, r->slots, bytes);
  if (status == EDB_OK && *fit) {
    r->to->flops = count_flops(r);
    status = make_schedule(r);
  }
  edb_vec_free(r->ctx, &r->batches);
  return status;
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
  bool fit = false;
  edb_status status = reduce(&r, &fit);
  if (status == EDB_OK && fit && is_less(r.to))
    *out = r.to;
  else
    edb_reduced_destroy(r.to);
  return status;
}

size_t edb_reduced_bytes(const edb_reduced *reduced) {
  const edb_graph *x = reduced->graph;
  return sizeof *reduced + reduced->memory_bytes + reduced->schedule->memory_bytes +
         x->node_capacity * (3 * sizeof(uint32_t) + 1) +
         x->edge_capacity * (sizeof *x->edge_node + sizeof *x->edge_output) +
         x->int_capacity * sizeof *x->ints + x->float_capacity * sizeof *x->floats;
}

void edb_reduced_destroy(edb_reduced *reduced) {
  if (!reduced) return;
  edb_schedule_destroy(reduced->schedule);
  edb_graph_destroy(reduced->graph);
  edb_free(reduced->ctx, reduced->tabled, reduced->memory_bytes);
  edb_free(reduced->ctx, reduced, sizeof *reduced);
}
