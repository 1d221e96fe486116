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

/* An output in a piece of its own lives until it was read. */
static inline void outlive(edb_placer *p, uint32_t maker, uint32_t output, uint32_t reader) {
  edb_piece *piece = &p->pieces[p->placement->output_start[maker] + output];
  if (piece->last_use < reader) piece->last_use = reader;
}

/* Pending nodes of the types of their batches, each in one. */
static edb_status find_batches(edb_placer *p) {
  const edb_schedule *s = p->schedule;
  uint32_t first = p->placement->first, n_nodes = p->placement->n_nodes;
  const uint32_t *types = p->graph->type + (first - p->graph->base);
  edb_spot *spots = p->spots;
  memset(spots, 0xff, n_nodes * sizeof *spots);
  for (uint32_t b = 0; b < p->placement->n_batches; b++) {
    uint32_t type = s->batch_type[b];
    for (uint32_t i = s->batch_start[b], end = s->batch_start[b + 1]; i < end; i++) {
      uint32_t local = s->nodes[i] - first; /* wraps where it is of an earlier run */
      if (local >= n_nodes || spots[local].batch != EDB_NONE || types[local] != type)
        return not_of_the_graph(p, s->nodes[i], b);
      spots[local].batch = b;
    }
  }
  return EDB_OK;
}

/* The next row of its batch. */
static inline void list_node(edb_placer *p, uint32_t local, edb_spot *spot) {
  edb_filling *filling = &p->fillings[spot->batch];
  uint32_t at = filling->at++;
  spot->value = at + filling->shift;
  p->placement->nodes[at] = p->placement->first + local;
}

/* Those that no consumer asked for, as they arrived. */
static void list_rest(edb_placer *p, uint32_t batch) {
  const edb_schedule *s = p->schedule;
  if (p->fillings[batch].at == s->batch_start[batch + 1]) return;
  for (uint32_t i = s->batch_start[batch]; i < s->batch_start[batch + 1]; i++) {
    uint32_t local = s->nodes[i] - p->placement->first;
    if (p->spots[local].value == EDB_NONE) list_node(p, local, &p->spots[local]);
  }
}

/* Whose rows the batch asks for, in the order of its own. Producers that the node's edge before has
 * asked for are passed over, unless lives are asked for. */
static edb_status list_producers(edb_placer *p, uint32_t batch) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  const uint32_t *edge_start = g->edge_start, *edge_node = g->edge_node;
  uint32_t base = g->base, first = pl->first, n_nodes = pl->n_nodes;
  edb_spot *spots = p->spots;
  bool direct = p->inputs != NULL;
  for (uint32_t i = pl->batch_start[batch], rows = pl->batch_start[batch + 1]; i < rows; i++) {
    uint32_t index = pl->nodes[i] - base, before = EDB_NONE;
    for (uint32_t e = edge_start[index], end = edge_start[index + 1]; e < end; e++) {
      uint32_t local = edge_node[e] - first; /* wraps where it is of an earlier run */
      if (local >= n_nodes || (direct && local == before)) continue;
      edb_spot *spot = &spots[before = local];
      if (spot->batch >= batch) return runs_too_early(p, base + index, edge_node[e]);
      if (!direct) outlive(p, spot->batch, g->edge_output[e], batch);
      if (spot->value != EDB_NONE) continue;
      p->is_read[spot->batch] = 1;
      list_node(p, local, spot);
    }
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
    p->next[i] = EDB_NONE;
    for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++) {
      if (g->edge_node[e] < first) continue;
      uint32_t from = p->spots[g->edge_node[e] - first].batch;
      if (from >= batch) return runs_too_early(p, s->nodes[i], g->edge_node[e]);
      p->is_read[from] = 1;
      if (!p->inputs) outlive(p, from, g->edge_output[e], batch);
      if (p->next[i] == EDB_NONE) p->next[i] = g->edge_node[e] - first;
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
      if (p->next[i] == EDB_NONE) continue;
      edb_spot from = p->spots[p->next[i]];
      uint32_t *head = &p->head[from.value - p->fillings[from.batch].shift];
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
