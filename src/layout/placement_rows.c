/* layout/placement_rows.c: what is stored where: operands that are views, operands with rows of
 * their own, the homes of values, second stores. */
#include <string.h>

#include "layout/placer.h"

/* ---- At first ----------------------------------------------------------------------------------
 */

void edb_placer_start_outputs(edb_placer *p) {
  edb_placement *pl = p->placement;
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b], start = pl->output_start[b];
    const uint32_t *strides = p->strides + pl->kept_start[type];
    for (uint32_t o = 0; o < edb_placer_outputs(p, type); o++) {
      edb_piece *piece = &p->pieces[start + o];
      pl->outputs[start + o] = (edb_rows){0};
      *piece = (edb_piece){.rows = edb_placer_rows(p, b),
                           .stride = strides[o],
                           .first_use = b,
                           .last_use = edb_placer_keeps(p, type, o) ? EDB_NONE : b};
      piece->size = edb_piece_size(piece);
    }
  }
}

static uint32_t count_values(const edb_placement *pl, uint32_t output) {
  return pl->value_start[output + 1] - pl->value_start[output];
}

/* Of direct placement: a block for each output. Nothing has a home, but for outputs that are
 * operands of their own batch: they have to stay where these are. */
static void start_homes(edb_placer *p) {
  edb_placement *pl = p->placement;
  size_t values = edb_placement_values(pl);
  pl->stores.length = 0;
  if (values) memset(pl->homes, 0xff, values * sizeof *pl->homes);
  if (pl->n_batches) memset(p->dying, 0, pl->n_batches * sizeof *p->dying);
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b], start = pl->output_start[b];
    const edb_plan_inputs *inputs = &p->inputs[type];
    for (uint32_t k = start; k < pl->output_start[b + 1]; k++) {
      pl->blocks[k] = (edb_rows){.stride = p->pieces[k].stride};
      p->block_piece[k] = k;
      p->marks[k] = edb_placer_keeps(p, type, k - start) ? EDB_OUTPUT_KEPT : 0;
    }
    for (uint32_t i = 0; i < inputs->n_operands; i++) {
      if (inputs->operands[i].output == EDB_SLOT_NONE) continue;
      uint32_t k = start + inputs->operands[i].output, rows = count_values(pl, k);
      p->marks[k] |= EDB_OUTPUT_OPERAND | EDB_OUTPUT_HOMED;
      for (uint32_t r = 0; r < rows; r++) pl->homes[pl->value_start[k] + r] = (edb_home){k, r};
    }
  }
}

/* ---- The rows of an operand --------------------------------------------------------------------
 */

static size_t input_bytes(const edb_placer *p, uint32_t batch, uint32_t input) {
  const edb_ir_cell *cell = &p->program->cells[p->schedule->batch_type[batch]];
  return edb_shape_size(cell->input_shapes[input]) * sizeof(float);
}

typedef struct survey {
  edb_placer *p;
  uint32_t batch;
  size_t n;          /* rows in p->taken */
  uint32_t earliest; /* batch of the first producer; its own: all rows are of earlier runs */
  bool past;         /* some rows are of earlier runs */
} survey;

/* Where the values that edges bring are found. */
typedef struct sources {
  const uint32_t *edge_node;
  const uint16_t *edge_output;
  const edb_spot *spots;
  const edb_filling *fillings;
  uint32_t first, n_nodes;
} sources;

/* What an edge brings; `earliest` is that of the batches that the edges so far come from. */
static inline edb_taken take_edge(sources from, uint32_t edge, uint32_t *earliest, bool *past) {
  uint32_t local = from.edge_node[edge] - from.first, output = from.edge_output[edge];
  if (local >= from.n_nodes) { /* it has wrapped */
    *past = true;
    return (edb_taken){EDB_NONE, EDB_NONE};
  }
  edb_spot spot = from.spots[local];
  edb_filling filling = from.fillings[spot.batch];
  if (spot.batch < *earliest) *earliest = spot.batch;
  return (edb_taken){spot.value + output * filling.rows, filling.output + output};
}

/* The values that an input of a batch takes, in the order of its rows. */
static void take_input(survey *s, uint32_t input) {
  const edb_placer *p = s->p;
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  const edb_type_sig *sig = &p->program->cells[p->schedule->batch_type[s->batch]].sig;
  const edb_node *node = pl->nodes + pl->batch_start[s->batch];
  const edb_node *end = pl->nodes + pl->batch_start[s->batch + 1];
  const uint32_t *edge_start = g->edge_start;
  const sources from = {g->edge_node, g->edge_output, p->spots,
                        p->fillings,  pl->first,      pl->n_nodes};
  uint32_t earliest = s->earliest, base = g->base, last;
  bool past = s->past;
  edb_taken *to = p->taken + s->n;
  if (sig->n_variadic == 0) {
    for (; node < end; node++)
      *to++ = take_edge(from, edge_start[*node - base] + input, &earliest, &past);
  } else {
    for (; node < end; node++)
      for (uint32_t e = edb_placer_edges(g, sig, *node - base, input, &last); e < last; e++)
        *to++ = take_edge(from, e, &earliest, &past);
  }
  s->n = (size_t)(to - p->taken);
  s->earliest = earliest;
  s->past = past;
}

/* ---- Views -------------------------------------------------------------------------------------
 */

/* Whether these rows stand one after another in a block. */
static bool stand_together(const edb_placement *pl, const edb_taken *rows, size_t n) {
  const edb_home *homes = pl->homes;
  edb_home home = homes[rows[0].value];
  if (home.block == EDB_HOME_NONE) return false;
  for (size_t r = 1; r < n; r++) {
    edb_home at = homes[rows[r].value];
    if (at.block != home.block || at.row != home.row + r) return false;
  }
  return true;
}

/* Whether all parts of the operand stand in one piece as the operand wants them; then *c says
 * where. */
static bool find_view(const edb_placer *p, uint32_t batch, uint32_t index, const survey *s,
                      edb_consumed *c) {
  const edb_placement *pl = p->placement;
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  uint32_t n_parts = inputs->operands[index].n_parts, found = 0;
  size_t rows = s->n / n_parts;
  if (s->past || inputs->operands[index].output != EDB_SLOT_NONE) return false;
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    if (inputs->parts[i].operand != index) continue;
    const edb_taken *taken = p->taken + found * rows;
    if (!stand_together(pl, taken, rows)) return false;
    edb_home home = pl->homes[taken->value];
    const edb_rows *block = &pl->blocks[home.block];
    size_t column = block->offset + (size_t)home.row * block->stride;
    uint32_t piece = p->block_piece[home.block], part = inputs->parts[i].column;
    if (column < part) return false;
    edb_consumed at = {.piece = piece, .stride = block->stride, .start = column - part};
    if (found++ == 0)
      *c = at;
    else if (c->piece != at.piece || c->start != at.start || c->stride != at.stride)
      return false;
  }
  edb_piece *piece = &p->pieces[c->piece];
  if (piece->last_use < batch) piece->last_use = batch;
  return true;
}

/* ---- Rows apart --------------------------------------------------------------------------------
 */

/* Values that are found by their addresses stand with the others of their output, if nothing that
 * runs later has them. */
static void read_apart(edb_placer *p, uint32_t batch, const edb_taken *rows, size_t n,
                       size_t bytes) {
  edb_placement *pl = p->placement;
  for (size_t r = 0; r < n; r++) {
    if (rows[r].value == EDB_NONE) continue;
    uint32_t k = rows[r].output;
    edb_home *home = &pl->homes[rows[r].value];
    if (home->block == EDB_HOME_NONE) {
      *home = (edb_home){k, rows[r].value - pl->value_start[k]};
      p->marks[k] |= EDB_OUTPUT_HOMED | EDB_OUTPUT_APART;
      if (!(p->marks[k] & EDB_OUTPUT_KEPT)) p->dying[batch] += bytes;
    }
    if (home->block == k && p->pieces[k].last_use < batch) p->pieces[k].last_use = batch;
  }
}

/* ---- Rows of the operand's own -----------------------------------------------------------------
 */

static edb_status store_again(edb_placer *p, edb_taken value, edb_home at) {
  edb_placement *pl = p->placement;
  if (!pl->outputs[value.output].again) {
    pl->outputs[value.output].again = true;
    memset(pl->again + pl->value_start[value.output], 0xff,
           count_values(pl, value.output) * sizeof *pl->again);
  }
  uint32_t *first = &pl->again[value.value], next = *first;
  *first = (uint32_t)pl->stores.length;
  if (!edb_vec_push(p->ctx, &pl->stores, (edb_again){at, next}))
    return edb_fail_memory(p->error, sizeof(edb_again), "a placement");
  return EDB_OK;
}

/* The values of a part get rows of a block: homes, where they have none yet. */
static edb_status fill_block(edb_placer *p, uint32_t batch, uint32_t block, const edb_taken *rows,
                             size_t n, size_t bytes) {
  edb_home *homes = p->placement->homes;
  uint8_t *marks = p->marks;
  size_t new_homes = 0, kept = 0;
  EDB_FAIL_IF(n >= EDB_AGAIN_END - p->placement->stores.length, p->error, EDB_ERROR_LIMIT,
              "more than 2^32 rows in one mini-batch");
  for (uint32_t r = 0; r < n; r++) {
    if (rows[r].value == EDB_NONE) continue;
    edb_home *home = &homes[rows[r].value], at = {block, r};
    if (home->block != EDB_HOME_NONE) {
      EDB_TRY(store_again(p, rows[r], at));
      continue;
    }
    *home = at;
    uint8_t mark = marks[rows[r].output];
    if (!(mark & EDB_OUTPUT_HOMED)) marks[rows[r].output] = mark | EDB_OUTPUT_HOMED;
    kept += mark & EDB_OUTPUT_KEPT;
    new_homes++;
  }
  if (kept) p->pieces[p->block_piece[block]].last_use = EDB_NONE;
  p->dying[batch] += (new_homes - kept) * bytes;
  return EDB_OK;
}

/* A piece for the operand, or that of the output whose rows are its. */
static edb_status make_direct(edb_placer *p, uint32_t batch, uint32_t index, const survey *s) {
  edb_placement *pl = p->placement;
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  const edb_operand *operand = &inputs->operands[index];
  uint32_t slot = pl->operand_start[batch] + index, piece = p->n_produced + slot, found = 0;
  size_t rows = s->n / operand->n_parts;
  if (operand->output != EDB_SLOT_NONE) {
    piece = pl->output_start[batch] + operand->output;
    p->pieces[piece].first_use = s->earliest;
  } else {
    p->pieces[piece] = (edb_piece){.rows = (uint32_t)rows,
                                   .stride = (uint32_t)edb_row_stride(operand->width),
                                   .first_use = s->earliest,
                                   .last_use = batch};
    p->pieces[piece].size = edb_piece_size(&p->pieces[piece]);
  }
  p->consumed[slot] =
      (edb_consumed){.piece = piece, .stride = p->pieces[piece].stride, .past = s->past};
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    edb_input_part part = inputs->parts[i];
    if (part.operand != index) continue;
    uint32_t block = p->part_start[batch] + i;
    size_t bytes = input_bytes(p, batch, part.input);
    pl->blocks[block] = (edb_rows){.offset = part.column, .stride = p->pieces[piece].stride};
    p->block_piece[block] = piece;
    EDB_TRY(fill_block(p, batch, block, p->taken + found++ * rows, rows, bytes));
  }
  return EDB_OK;
}

/* ---- Batch by batch ----------------------------------------------------------------------------
 */

static bool is_worth_it(const edb_placer *p, const edb_operand *operand) {
  return p->rule == NULL || edb_row_rule_stores(p->rule, operand->reader, operand->width, p->far);
}

static edb_status place_operand(edb_placer *p, uint32_t batch, uint32_t index) {
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  uint32_t slot = p->placement->operand_start[batch] + index, found = 0;
  survey s = {.p = p, .batch = batch, .earliest = batch};
  for (uint32_t i = 0; i < inputs->n_parts; i++)
    if (inputs->parts[i].operand == index) take_input(&s, inputs->parts[i].input);
  p->consumed[slot] = (edb_consumed){.piece = EDB_NONE};
  p->pieces[p->n_produced + slot].size = 0;
  if (s.n == 0 || find_view(p, batch, index, &s, &p->consumed[slot])) return EDB_OK;
  p->consumed[slot].piece = EDB_NONE;
  if (s.earliest < batch && batch - s.earliest <= p->longest_wait &&
      is_worth_it(p, &inputs->operands[index]))
    return make_direct(p, batch, index, &s);
  size_t rows = s.n / inputs->operands[index].n_parts;
  for (uint32_t i = 0; i < inputs->n_parts; i++)
    if (inputs->parts[i].operand == index)
      read_apart(p, batch, p->taken + found++ * rows, rows,
                 input_bytes(p, batch, inputs->parts[i].input));
  return EDB_OK;
}

static edb_status place_operands(edb_placer *p, uint32_t batch) {
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  for (uint32_t i = 0; i < inputs->n_parts; i++)
    p->block_piece[p->part_start[batch] + i] = EDB_NONE;
  for (uint32_t k = 0; k < inputs->n_operands; k++) EDB_TRY(place_operand(p, batch, k));
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    survey s = {.p = p, .batch = batch, .earliest = batch};
    if (inputs->parts[i].operand != EDB_OPERAND_MIXED) continue;
    take_input(&s, inputs->parts[i].input);
    read_apart(p, batch, p->taken, s.n, input_bytes(p, batch, inputs->parts[i].input));
  }
  return EDB_OK;
}

/* ---- Outputs -----------------------------------------------------------------------------------
 */

/* Rows at the end of an output that nothing reads go to the end of the piece that has the others.
 */
static bool extend_piece(edb_placer *p, uint32_t output, edb_home last, uint32_t unread) {
  edb_piece *piece = &p->pieces[p->block_piece[last.block]];
  if (last.block == output) return true;
  if (piece->stride != p->pieces[output].stride || last.row + 1 != piece->rows) return false;
  piece->rows += unread;
  piece->size = edb_piece_size(piece);
  return true;
}

/* Values that no operand has a row for. */
static void house_unread(edb_placer *p, uint32_t output, uint32_t rows, uint32_t unread) {
  edb_home *homes = p->placement->homes + p->placement->value_start[output];
  edb_piece *piece = &p->pieces[output];
  bool has_places = p->marks[output] & (EDB_OUTPUT_OPERAND | EDB_OUTPUT_APART);
  uint32_t rest = 0;
  for (uint32_t r = 0; r < rows && unread > 0; r++)
    if (homes[r].block == EDB_HOME_NONE) homes[r] = (edb_home){output, has_places ? r : rest++};
  if (has_places) return;
  piece->rows = rest;
  piece->size = edb_piece_size(piece);
}

/* Whether the rows of an output are evenly spaced; then its first home is where they begin. */
static bool house_output(edb_placer *p, uint32_t output, uint32_t rows, uint32_t *unread) {
  edb_home *homes = p->placement->homes + p->placement->value_start[output], first = homes[0];
  uint32_t together = 1, none = 0;
  if (!(p->marks[output] & EDB_OUTPUT_HOMED)) {
    homes[0] = (edb_home){output, 0};
    *unread = rows;
    return true;
  }
  if (first.block == EDB_HOME_NONE) together = 0;
  while (together > 0 && together < rows && homes[together].block == first.block &&
         homes[together].row == first.row + together)
    together++;
  for (uint32_t r = together; r < rows; r++) none += homes[r].block == EDB_HOME_NONE;
  *unread = none;
  if (together + none == rows &&
      (none == 0 || extend_piece(p, output, homes[together - 1], none))) {
    if (first.block != output) p->pieces[output].size = 0;
    return true;
  }
  house_unread(p, output, rows, none);
  return false;
}

static void house_outputs(edb_placer *p, uint32_t batch) {
  edb_placement *pl = p->placement;
  uint32_t type = p->schedule->batch_type[batch], rows = edb_placer_rows(p, batch);
  for (uint32_t k = pl->output_start[batch]; k < pl->output_start[batch + 1]; k++) {
    size_t bytes = edb_placer_width(p, type, k - pl->output_start[batch]) * sizeof(float);
    uint32_t unread = 0;
    bool even = rows == 0 || house_output(p, k, rows, &unread);
    pl->outputs[k].offset = even ? 0 : EDB_ROWS_APART;
    if (p->marks[k] & EDB_OUTPUT_KEPT) continue;
    p->dying[batch] += unread * bytes;
    /* With a kept value among its rows the piece does not die, and they with it. */
    if ((p->marks[k] & EDB_OUTPUT_OPERAND) && p->pieces[k].last_use != EDB_NONE)
      p->dying[p->pieces[k].last_use] += rows * bytes;
  }
}

edb_status edb_placer_settle(edb_placer *p) {
  edb_placer_start_outputs(p);
  start_homes(p);
  for (uint32_t b = p->placement->n_batches; b-- > 0;) EDB_TRY(place_operands(p, b));
  for (uint32_t b = 0; b < p->placement->n_batches; b++) house_outputs(p, b);
  return EDB_OK;
}
