/* layout/placement_order.c: the order of the nodes inside batches: chosen from the consumers
 * backwards, so that rows are read in the order in which they were made. */
#include <string.h>

#include "layout/placer.h"

uint32_t edb_group_count(const edb_type_sig *sig) {
  uint32_t n = 0;
  for (uint32_t i = 0; sig->n_variadic && i < sig->n_inputs; i++)
    if (sig->inputs[i].variadic && sig->inputs[i].group >= n) n = sig->inputs[i].group + 1;
  return n;
}

static inline void take(edb_placer *p, uint32_t edge, size_t *n) {
  uint32_t from = p->graph->edge_node[edge], first = p->placement->first;
  p->taken[(*n)++] =
      (edb_taken){from < first ? EDB_NONE : from - first, p->graph->edge_output[edge]};
}

/* Of a type with variadic inputs: where an input begins differs from node to node. */
static size_t take_variadic(edb_placer *p, uint32_t batch, uint32_t input) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  const edb_type_sig *sig = &p->program->cells[p->schedule->batch_type[batch]].sig;
  size_t n = 0;
  for (uint32_t i = pl->batch_start[batch]; i < pl->batch_start[batch + 1]; i++) {
    uint32_t index = pl->nodes[i] - g->base, edge = g->edge_start[index], v = 0;
    const int32_t *arities = edb_graph_arities(g, index);
    for (uint32_t k = 0; k < input; k++)
      edge += sig->inputs[k].variadic ? (uint32_t)arities[v++] : 1;
    uint32_t end = edge + (sig->inputs[input].variadic ? (uint32_t)arities[v] : 1);
    for (; edge < end; edge++) take(p, edge, &n);
  }
  return n;
}

size_t edb_placer_take(edb_placer *p, uint32_t batch, uint32_t input) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  if (p->program->cells[p->schedule->batch_type[batch]].sig.n_variadic)
    return take_variadic(p, batch, input);
  size_t n = 0;
  for (uint32_t i = pl->batch_start[batch]; i < pl->batch_start[batch + 1]; i++)
    take(p, g->edge_start[pl->nodes[i] - g->base] + input, &n);
  return n;
}

void edb_placer_arrival(edb_placer *p) {
  edb_placement *pl = p->placement;
  if (pl->n_nodes) memcpy(pl->nodes, p->schedule->nodes, pl->n_nodes * sizeof *pl->nodes);
  for (uint32_t b = 0; b < pl->n_batches; b++)
    for (uint32_t i = pl->batch_start[b]; i < pl->batch_start[b + 1]; i++)
      p->spots[pl->nodes[i] - pl->first].row = i - pl->batch_start[b];
}

/* The next row of its batch, unless the node has one. */
static void list_node(edb_placer *p, uint32_t local) {
  edb_placement *pl = p->placement;
  edb_spot *spot = &p->spots[local];
  if (spot->row != EDB_NONE) return;
  spot->row = p->filled[spot->batch]++;
  pl->nodes[pl->batch_start[spot->batch] + spot->row] = pl->first + local;
}

/* Those that no consumer asked for, as they arrived. */
static void list_rest(edb_placer *p, uint32_t batch) {
  const edb_schedule *s = p->schedule;
  if (p->filled[batch] == edb_placer_rows(p, batch)) return;
  for (uint32_t i = s->batch_start[batch]; i < s->batch_start[batch + 1]; i++)
    list_node(p, s->nodes[i] - p->placement->first);
}

static void list_producers(edb_placer *p, uint32_t batch) {
  uint32_t n_inputs = p->program->cells[p->schedule->batch_type[batch]].sig.n_inputs;
  for (uint32_t i = 0; i < n_inputs; i++) {
    size_t n = edb_placer_take(p, batch, i);
    for (size_t r = 0; r < n; r++)
      if (p->taken[r].node != EDB_NONE) list_node(p, p->taken[r].node);
  }
}

/* A node's first input that is made in this run, or EDB_NONE. */
static uint32_t first_producer(const edb_placer *p, uint32_t local) {
  const edb_graph *g = p->graph;
  uint32_t index = p->placement->first - g->base + local;
  for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++)
    if (g->edge_node[e] >= p->placement->first) return g->edge_node[e] - p->placement->first;
  return EDB_NONE;
}

/* Nodes of batches that nothing reads stand in lists at their producers. */
static void follow_producers(edb_placer *p, uint32_t *head, uint32_t *next) {
  edb_placement *pl = p->placement;
  const edb_schedule *s = p->schedule;
  memset(head, 0xff, pl->n_nodes * sizeof *head);
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    if (p->is_read[b]) continue;
    for (uint32_t i = s->batch_start[b + 1]; i-- > s->batch_start[b];) {
      uint32_t local = s->nodes[i] - pl->first, from = first_producer(p, local);
      if (from == EDB_NONE) continue;
      next[local] = head[from];
      head[from] = local;
    }
  }
  for (uint32_t b = 0; b < pl->n_batches; b++)
    for (uint32_t i = pl->batch_start[b]; p->is_read[b] && i < pl->batch_start[b + 1]; i++)
      for (uint32_t f = head[pl->nodes[i] - pl->first]; f != EDB_NONE; f = next[f]) list_node(p, f);
}

edb_status edb_placer_order(edb_placer *p) {
  edb_placement *pl = p->placement;
  size_t bytes = 2 * (size_t)pl->n_nodes * sizeof(uint32_t);
  uint32_t *lists = edb_alloc(p->ctx, bytes);
  if (bytes && !lists) return edb_fail_memory(p->error, bytes, "a placement");
  if (pl->n_batches) memset(p->filled, 0, pl->n_batches * sizeof *p->filled);
  for (uint32_t b = pl->n_batches; b-- > 0;) {
    if (!p->is_read[b]) continue;
    list_rest(p, b);
    list_producers(p, b);
  }
  if (bytes) follow_producers(p, lists, lists + pl->n_nodes);
  for (uint32_t b = 0; b < pl->n_batches; b++) list_rest(p, b);
  edb_free(p->ctx, lists, bytes);
  return EDB_OK;
}
