/* layout/placement_lives.c: how long values live. In large mini-batches the rows of an output that
 * are read last by the same batch stand together, and their memory is free once that is done. */
#include <string.h>

#include "base/carve.h"
#include "layout/placer.h"

/* Rows of a part, at least, and parts of a piece, about: the list of gaps stays short. */
#define LEAST_ROWS 16
#define MOST_PARTS 64
/* Batches until the last reader, in steps that grow with it: single ones up to 64, then eight to a
 * power of two. */
#define EXACT     64
#define DISTANCES (EXACT + 8 * 26)

/* ---- Last readers ------------------------------------------------------------------------------
 */

static size_t lay_out(edb_placer *p, char *base) {
  edb_carver c = {.base = base};
  EDB_CARVE(&c, p->last_read, (size_t)p->placement->n_nodes * p->most_outputs);
  EDB_CARVE(&c, p->dead_part, p->by_parts * (size_t)p->placement->n_batches);
  EDB_CARVE(&c, p->classes, p->by_parts * (size_t)p->most_rows);
  EDB_CARVE(&c, p->grouped, p->by_parts * (size_t)p->most_rows);
  return c.at;
}

static edb_status alloc_lives(edb_placer *p) {
  p->lives_bytes = lay_out(p, NULL);
  p->lives = edb_alloc(p->ctx, p->lives_bytes);
  if (p->lives_bytes && !p->lives) return edb_fail_memory(p->error, p->lives_bytes, "a placement");
  (void)lay_out(p, p->lives);
  if (p->lives) memset(p->lives, 0, p->lives_bytes);
  return EDB_OK;
}

void edb_placer_forget_lives(edb_placer *p) {
  edb_vec_free(p->ctx, &p->parts);
  edb_free(p->ctx, p->lives, p->lives ? p->lives_bytes : 0);
}

/* The last batch that reads a value, of a node by its number from the first. */
static inline uint32_t *last_read(const edb_placer *p, uint32_t local, uint32_t output) {
  return &p->last_read[(size_t)local * p->most_outputs + output];
}

/* The same, or the batch that makes it, when nothing does. */
static inline uint32_t last_reader(const edb_placer *p, edb_node node, uint32_t output,
                                   uint32_t batch) {
  uint32_t last = *last_read(p, node - p->placement->first, output);
  return last > batch ? last : batch;
}

static void find_dying(edb_placer *p) {
  const edb_placement *pl = p->placement;
  if (pl->n_batches) memset(p->dying, 0, pl->n_batches * sizeof *p->dying);
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b];
    for (uint32_t o = 0; o < edb_placer_outputs(p, type); o++) {
      size_t bytes = edb_placer_stored(p, type, o) * sizeof(float);
      if (edb_placer_keeps(p, type, o)) continue;
      for (uint32_t i = pl->batch_start[b]; i < pl->batch_start[b + 1]; i++)
        p->dying[last_reader(p, pl->nodes[i], o, b)] += bytes;
    }
  }
}

edb_status edb_placer_find_last_reads(edb_placer *p) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  EDB_TRY(alloc_lives(p));
  for (uint32_t b = 0; b < pl->n_batches; b++)
    for (uint32_t i = pl->batch_start[b]; i < pl->batch_start[b + 1]; i++) {
      uint32_t index = pl->nodes[i] - g->base;
      for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++)
        if (g->edge_node[e] >= pl->first)
          *last_read(p, g->edge_node[e] - pl->first, g->edge_output[e]) = b;
    }
  if (p->count_live) find_dying(p);
  return EDB_OK;
}

/* ---- Live bytes --------------------------------------------------------------------------------
 */

void edb_placer_count_live(edb_placer *p) {
  edb_placement *pl = p->placement;
  size_t now = 0;
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b], n_outputs = edb_placer_outputs(p, type);
    for (uint32_t o = 0; o < n_outputs; o++)
      now += edb_placer_stored(p, type, o) * sizeof(float) * edb_placer_rows(p, b);
    if (now > pl->live_bytes) pl->live_bytes = now;
    now -= p->dying[b];
  }
}

/* ---- Order -------------------------------------------------------------------------------------
 */

/* Whether rows of the output are given back by parts. Those of narrow ones are not aligned. */
static bool has_parts(const edb_placer *p, uint32_t type, uint32_t output) {
  return edb_placer_stored(p, type, output) >= 16 && !edb_placer_keeps(p, type, output);
}

static uint32_t distance_class(uint32_t distance) {
  uint32_t shift = 0;
  if (distance < EXACT) return distance;
  while (distance >> shift >= 16) shift++; /* from 3 on */
  return EXACT + 8 * (shift - 3) + ((distance >> shift) - 8);
}

/* By the first of a node's values to die; whether that is another batch for some than for others.
 */
static bool classify(edb_placer *p, uint32_t batch) {
  const edb_placement *pl = p->placement;
  uint32_t type = p->schedule->batch_type[batch], n_outputs = edb_placer_outputs(p, type);
  const edb_node *nodes = pl->nodes + pl->batch_start[batch];
  bool differ = false;
  for (uint32_t i = 0; i < edb_placer_rows(p, batch); i++) {
    uint32_t least = EDB_NONE;
    for (uint32_t o = 0; o < n_outputs; o++) {
      if (!has_parts(p, type, o)) continue;
      uint32_t last = last_reader(p, nodes[i], o, batch);
      if (last < least) least = last;
    }
    if (least == EDB_NONE) return false;
    p->classes[i] = (uint16_t)distance_class(least - batch);
    differ |= p->classes[i] != p->classes[0];
  }
  return differ;
}

/* A stable counting sort. */
static void group_batch(edb_placer *p, uint32_t batch) {
  uint32_t starts[DISTANCES + 1] = {0}, rows = edb_placer_rows(p, batch);
  edb_node *nodes = p->placement->nodes + p->placement->batch_start[batch];
  if (rows < 2 * LEAST_ROWS || !classify(p, batch)) return;
  for (uint32_t i = 0; i < rows; i++) starts[p->classes[i] + 1]++;
  for (uint32_t c = 0; c < DISTANCES; c++) starts[c + 1] += starts[c];
  for (uint32_t i = 0; i < rows; i++) p->grouped[starts[p->classes[i]]++] = nodes[i];
  memcpy(nodes, p->grouped, rows * sizeof *nodes);
}

void edb_placer_group(edb_placer *p) {
  for (uint32_t b = 0; b < p->placement->n_batches; b++) group_batch(p, b);
}

/* ---- Parts -------------------------------------------------------------------------------------
 */

static edb_status add_part(edb_placer *p, uint32_t piece, uint32_t from, uint32_t to,
                           uint32_t last) {
  size_t stride = p->pieces[piece].stride;
  edb_piece_part part = {piece, p->dead_part[last], from * stride, (to - from) * stride};
  EDB_FAIL_IF(p->parts.length >= EDB_NONE, p->error, EDB_ERROR_LIMIT,
              "more than 2^32 rows in one mini-batch");
  if (!edb_vec_push(p->ctx, &p->parts, part))
    return edb_fail_memory(p->error, sizeof part, "a placement");
  p->dead_part[last] = (uint32_t)p->parts.length - 1;
  return EDB_OK;
}

/* Runs of rows with one last reader, those that are short together. */
static edb_status cut_piece(edb_placer *p, uint32_t batch, uint32_t output) {
  const edb_placement *pl = p->placement;
  const edb_node *nodes = pl->nodes + pl->batch_start[batch];
  uint32_t k = pl->output_start[batch] + output, rows = edb_placer_rows(p, batch);
  uint32_t least = rows / MOST_PARTS, from = 0, latest = 0;
  if (least < LEAST_ROWS) least = LEAST_ROWS;
  for (uint32_t r = 0, end; r < rows; r = end) {
    uint32_t last = last_reader(p, nodes[r], output, batch);
    for (end = r + 1; end < rows && last_reader(p, nodes[end], output, batch) == last;) end++;
    if (r > from && (r - from >= least || end - r >= least)) {
      EDB_TRY(add_part(p, k, from, r, latest));
      from = r;
      latest = 0;
    }
    if (last > latest) latest = last;
  }
  p->pieces[k].last_use = EDB_NONE; /* the parts end one by one */
  return add_part(p, k, from, rows, latest);
}

edb_status edb_placer_cut(edb_placer *p) {
  const edb_placement *pl = p->placement;
  memset(p->dead_part, 0xff, pl->n_batches * sizeof *p->dead_part);
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b], rows = edb_placer_rows(p, b);
    for (uint32_t o = 0; o < edb_placer_outputs(p, type) && rows >= 2 * LEAST_ROWS; o++)
      if (has_parts(p, type, o)) EDB_TRY(cut_piece(p, b, o));
  }
  return EDB_OK;
}
