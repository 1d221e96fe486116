/* layout/reduce.c: the execution graph of a mini-batch, batch by batch of its schedule. */
#include <string.h>

#include "base/carve.h"
#include "graph/store.h"
#include "layout/reduce_impl.h"

/* ---- Batches -----------------------------------------------------------------------------------
 */

/* What was added since `from` is a batch, if anything was. */
static void end_batch(edb_reducer *r, uint32_t cell, uint32_t from) {
  edb_schedule *s = &r->to->schedule;
  if (from == r->graph->n_nodes) return;
  s->batch_type[s->info.n_batches] = cell;
  s->batch_start[s->info.n_batches++] = from - r->graph->first;
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
      make_early(r, type);
      end_batch(r, r->params->split->early[type].cell, from);
      r->to->n_early += from < r->graph->n_nodes;
      from = r->graph->n_nodes;
    }
    if (!make_batch(r, b)) return false;
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

/* One block, because blocks of this size come from the system and go back to it, and new pages cost
 * more than what is written to them:
 *
 *   | graph | schedule | tabled | imports | runs as | hash table | lists of batches | early nodes |
 *
 * the last three needed only while the graph is made. */
static size_t lay_out(edb_reducer *r, const needs *n, size_t n_slots, char *base) {
  edb_carver c = {.base = base};
  edb_reduced *to = r->to;
  edb_graph *x = &to->graph;
  size_t cells = r->params->source->n_cells, batches = r->schedule->info.n_batches;
  EDB_CARVE(&c, x->type, n->nodes);
  EDB_CARVE(&c, x->edge_start, n->nodes + 1);
  EDB_CARVE(&c, x->int_start, n->nodes + 1);
  EDB_CARVE(&c, x->edge_node, n->edges);
  EDB_CARVE(&c, x->edge_output, n->edges);
  EDB_CARVE(&c, x->ints, n->ints);
  EDB_CARVE(&c, x->floats, n->floats);
  EDB_CARVE(&c, to->schedule.batch_type, 2 * batches);
  EDB_CARVE(&c, to->schedule.batch_start, 2 * batches + 1);
  EDB_CARVE(&c, to->all_nodes, n->nodes);
  EDB_CARVE(&c, to->tabled, r->params->split->program.n_cells);
  EDB_CARVE(&c, to->imports, n->imports);
  EDB_CARVE(&c, to->runs_as, edb_graph_pending_count(r->source));
  EDB_CARVE(&c, r->slots, n_slots);
  EDB_CARVE(&c, r->order, batches);
  EDB_CARVE(&c, r->head, cells);
  EDB_CARVE(&c, r->cursor, cells);
  EDB_CARVE(&c, r->cursor_row, cells);
  EDB_CARVE(&c, r->next, batches);
  EDB_CARVE(&c, r->early_of, n->early ? edb_graph_pending_count(r->source) : 0);
  return c.at;
}

static edb_status alloc_arrays(edb_reducer *r, const needs *n) {
  edb_reduced *to = r->to;
  size_t n_slots = 16;
  while (n_slots / 4 * 3 < n->nodes && (r->params->share || n->imports)) n_slots *= 2;
  to->n_nodes = edb_graph_pending_count(r->source);
  to->memory_bytes = lay_out(r, n, n_slots, NULL);
  to->memory = edb_alloc(r->ctx, to->memory_bytes);
  if (!to->memory) return edb_fail_memory(r->error, to->memory_bytes, "a reduced graph");
  (void)lay_out(r, n, n_slots, to->memory);
  r->graph = &to->graph;
  r->graph->schema = &r->params->split->program.schema;
  r->graph->edge_start[0] = r->graph->int_start[0] = 0;
  r->mask = n_slots - 1;
  memset(r->slots, 0, n_slots * sizeof *r->slots);
  if (to->n_nodes) memset(to->runs_as, 0xff, to->n_nodes * sizeof *to->runs_as);
  return EDB_OK;
}

/* ---- All of it ---------------------------------------------------------------------------------
 */

/* *fit: the schedule is one of the graph. */
static edb_status reduce(edb_reducer *r, bool *fit) {
  needs n = count_needs(r);
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
