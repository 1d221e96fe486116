/* layout/placement_order.c: the order of the nodes inside batches: as they arrived, or chosen from
 * the consumers backwards, so that rows are read in the order in which they were made. The walk
 * over the edges checks the schedule. */
#include <string.h>

#include "layout/placer.h"

uint32_t edb_group_count(const edb_type_sig *sig) {
  uint32_t n = 0;
  for (uint32_t i = 0; sig->n_variadic && i < sig->n_inputs; i++)
    if (sig->inputs[i].variadic && sig->inputs[i].group >= n) n = sig->inputs[i].group + 1;
  return n;
}

/* ---- Checks ------------------------------------------------------------------------------------
 */

static edb_status not_of_the_graph(const edb_placer *p, edb_node node, uint32_t batch) {
  return edb_fail(p->error, EDB_ERROR_ARGUMENT,
                  "the schedule was made for another graph: node %u does not belong into batch %u",
                  node, batch);
}

static edb_status runs_too_early(const edb_placer *p, edb_node node, edb_node input) {
  return edb_fail(p->error, EDB_ERROR_ARGUMENT,
                  "the schedule was made for another graph: node %u runs before its input %u", node,
                  input);
}

/* ---- As they arrived ---------------------------------------------------------------------------
 */

/* Notes what the node reads. The batches before have lower outputs; what was not made yet has
 * EDB_NONE. */
static inline edb_status read_inputs(const edb_placer *p, uint32_t index, uint32_t batch) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  const uint32_t *made = p->made;
  uint32_t *read = p->read;
  uint32_t first = pl->first, n_nodes = pl->n_nodes, own = pl->output_start[batch];
  for (uint32_t e = g->edge_start[index], end = g->edge_start[index + 1]; e < end; e++) {
    uint32_t from = g->edge_node[e] - first; /* wraps where it is of an earlier run */
    if (from >= n_nodes) continue;
    if (made[from] >= own) return runs_too_early(p, g->base + index, g->edge_node[e]);
    read[made[from] + g->edge_output[e]] = batch;
  }
  return EDB_OK;
}

/* Pending nodes of the batch's type, in no batch before. */
static edb_status take_batch(edb_placer *p, uint32_t batch) {
  const edb_placement *pl = p->placement;
  const edb_schedule *s = p->schedule;
  const uint32_t *type = p->graph->type + (pl->first - p->graph->base);
  uint32_t own = pl->output_start[batch];
  for (uint32_t k = own; k < pl->output_start[batch + 1]; k++) p->read[k] = batch;
  for (uint32_t i = s->batch_start[batch]; i < s->batch_start[batch + 1]; i++) {
    uint32_t local = s->nodes[i] - pl->first;
    if (local >= pl->n_nodes || p->made[local] != EDB_NONE || type[local] != s->batch_type[batch])
      return not_of_the_graph(p, s->nodes[i], batch);
    EDB_TRY(read_inputs(p, s->nodes[i] - p->graph->base, batch));
    p->made[local] = own;
  }
  return EDB_OK;
}

edb_status edb_placer_arrival(edb_placer *p) {
  edb_placement *pl = p->placement;
  if (pl->n_nodes == 0) return EDB_OK;
  memcpy(pl->nodes, p->schedule->nodes, pl->n_nodes * sizeof *pl->nodes);
  memset(p->made, 0xff, pl->n_nodes * sizeof *p->made);
  for (uint32_t b = 0; b < pl->n_batches; b++) EDB_TRY(take_batch(p, b));
  for (uint32_t k = 0; k < p->n_produced; k++)
    if (p->pieces[k].last_use != EDB_NONE) p->pieces[k].last_use = p->read[k];
  return EDB_OK;
}

/* ---- From the consumers backwards --------------------------------------------------------------
 */

/* A pending node of the type of the batch, and in no batch before. */
static bool belongs(const edb_placer *p, edb_node node, uint32_t batch) {
  const edb_placement *pl = p->placement;
  uint32_t local = node - pl->first;
  return node >= pl->first && local < pl->n_nodes && p->spots[local].batch == EDB_NONE &&
         p->graph->type[node - p->graph->base] == p->schedule->batch_type[batch];
}

/* An output in a piece of its own lives until it was read. */
static inline void outlive(edb_placer *p, uint32_t maker, uint32_t output, uint32_t reader) {
  edb_piece *piece = &p->pieces[p->placement->output_start[maker] + output];
  if (piece->last_use < reader) piece->last_use = reader;
}

static edb_status find_batches(edb_placer *p) {
  const edb_schedule *s = p->schedule;
  memset(p->spots, 0xff, p->placement->n_nodes * sizeof *p->spots);
  for (uint32_t b = 0; b < p->placement->n_batches; b++)
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++) {
      if (!belongs(p, s->nodes[i], b)) return not_of_the_graph(p, s->nodes[i], b);
      p->spots[s->nodes[i] - p->placement->first].batch = b;
    }
  return EDB_OK;
}

/* The next row of its batch. */
static inline void list_node(edb_placer *p, uint32_t local, edb_spot *spot) {
  edb_placement *pl = p->placement;
  spot->row = p->filled[spot->batch]++;
  pl->nodes[pl->batch_start[spot->batch] + spot->row] = pl->first + local;
}

/* Those that no consumer asked for, as they arrived. */
static void list_rest(edb_placer *p, uint32_t batch) {
  const edb_schedule *s = p->schedule;
  if (p->filled[batch] == edb_placer_rows(p, batch)) return;
  for (uint32_t i = s->batch_start[batch]; i < s->batch_start[batch + 1]; i++) {
    uint32_t local = s->nodes[i] - p->placement->first;
    if (p->spots[local].row == EDB_NONE) list_node(p, local, &p->spots[local]);
  }
}

/* Whose row the edge asks for; whether that is made before. Producers that the node's edge before
 * has asked for are passed over, unless lives are asked for. */
static inline bool list_producer(edb_placer *p, uint32_t batch, uint32_t edge, uint32_t start) {
  const edb_graph *g = p->graph;
  edb_node from = g->edge_node[edge];
  bool direct = p->inputs != NULL;
  if (from < p->placement->first) return true;
  if (direct && edge > start && g->edge_node[edge - 1] == from) return true;
  edb_spot *spot = &p->spots[from - p->placement->first];
  if (spot->batch >= batch) return false;
  if (!direct) outlive(p, spot->batch, g->edge_output[edge], batch);
  if (spot->row != EDB_NONE) return true;
  p->is_read[spot->batch] = 1;
  list_node(p, from - p->placement->first, spot);
  return true;
}

/* In the order of the batch's rows. */
static edb_status list_producers(edb_placer *p, uint32_t batch) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  const edb_node *nodes = pl->nodes;
  for (uint32_t i = pl->batch_start[batch]; i < pl->batch_start[batch + 1]; i++) {
    uint32_t index = nodes[i] - g->base, start = g->edge_start[index];
    for (uint32_t e = start; e < g->edge_start[index + 1]; e++)
      if (!list_producer(p, batch, e, start)) return runs_too_early(p, nodes[i], g->edge_node[e]);
  }
  return EDB_OK;
}

/* Batches that nothing reads ask for no order; whom they read counts as read. */
static edb_status find_leaders(edb_placer *p, uint32_t batch) {
  const edb_graph *g = p->graph;
  const edb_schedule *s = p->schedule;
  uint32_t first = p->placement->first;
  for (uint32_t i = s->batch_start[batch]; i < s->batch_start[batch + 1]; i++) {
    uint32_t index = s->nodes[i] - g->base;
    p->leader[i] = EDB_NONE;
    for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++) {
      if (g->edge_node[e] < first) continue;
      uint32_t from = p->spots[g->edge_node[e] - first].batch;
      if (from >= batch) return runs_too_early(p, s->nodes[i], g->edge_node[e]);
      p->is_read[from] = 1;
      if (!p->inputs) outlive(p, from, g->edge_output[e], batch);
      if (p->leader[i] == EDB_NONE) p->leader[i] = g->edge_node[e] - first;
    }
  }
  return EDB_OK;
}

/* Nodes of batches that nothing reads stand in the order of their first producers. */
static void follow_producers(edb_placer *p) {
  edb_placement *pl = p->placement;
  const edb_schedule *s = p->schedule;
  memset(p->head, 0xff, pl->n_nodes * sizeof *p->head);
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    if (p->is_read[b]) continue;
    for (uint32_t i = s->batch_start[b + 1]; i-- > s->batch_start[b];) {
      if (p->leader[i] == EDB_NONE) continue;
      edb_spot from = p->spots[p->leader[i]];
      uint32_t *head = &p->head[pl->batch_start[from.batch] + from.row];
      p->next[i] = *head;
      *head = i;
    }
  }
  for (uint32_t at = 0; at < pl->n_nodes; at++)
    for (uint32_t i = p->head[at]; i != EDB_NONE; i = p->next[i]) {
      uint32_t local = s->nodes[i] - pl->first;
      list_node(p, local, &p->spots[local]);
    }
}

edb_status edb_placer_order(edb_placer *p) {
  edb_placement *pl = p->placement;
  bool unread = false;
  if (pl->n_nodes == 0) return EDB_OK;
  EDB_TRY(find_batches(p));
  memset(p->filled, 0, pl->n_batches * sizeof *p->filled);
  memset(p->is_read, 0, pl->n_batches);
  for (uint32_t b = pl->n_batches; b-- > 0;) {
    if (p->is_read[b]) {
      list_rest(p, b);
      EDB_TRY(list_producers(p, b));
    } else {
      unread = true;
      EDB_TRY(find_leaders(p, b));
    }
  }
  if (unread) follow_producers(p);
  for (uint32_t b = 0; unread && b < pl->n_batches; b++) list_rest(p, b);
  return EDB_OK;
}
