/* layout/placement_rows.c: what is stored where: operands that are views, operands with rows of
 * their own, the homes of values, second stores. */
#include <string.h>

#include "layout/placer.h"

static size_t piece_size(uint32_t stride, size_t rows) {
  return (stride * rows + 15) / 16 * 16;
}

static void outlive(edb_piece *piece, uint32_t batch) {
  if (piece->last_use < batch) piece->last_use = batch;
}

void edb_placer_start_outputs(edb_placer *p) {
  for (uint32_t b = 0; b < p->placement->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b], start = p->placement->output_start[b];
    for (uint32_t o = 0; o < edb_placer_outputs(p, type); o++) {
      uint32_t stride = (uint32_t)edb_row_stride(edb_placer_width(p, type, o));
      p->placement->outputs[start + o] = (edb_rows){0};
      p->produced[start + o] = (edb_produced){
          .piece = start + o, .stride = stride, .kept = edb_placer_keeps(p, type, o)};
      p->pieces[start + o] = (edb_piece){.size = piece_size(stride, edb_placer_rows(p, b)),
                                         .first_use = b,
                                         .last_use = edb_placer_keeps(p, type, o) ? EDB_NONE : b};
    }
  }
}

/* Outputs that are operands of their own batch have to stay where they are. */
static void fix_outputs(edb_placer *p, uint32_t batch) {
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  for (uint32_t k = 0; k < inputs->n_operands; k++)
    if (inputs->operands[k].output != EDB_SLOT_NONE)
      p->produced[p->placement->output_start[batch] + inputs->operands[k].output].fixed = true;
}

/* ---- Operands that are read by the addresses of their rows -------------------------------------
 */

static void read_apart(edb_placer *p, uint32_t batch, uint32_t input) {
  size_t n = edb_placer_take(p, batch, input);
  for (size_t r = 0; r < n; r++) {
    edb_taken from = p->taken[r];
    if (from.node == EDB_NONE) continue;
    const edb_produced *made = edb_placer_produced(p, from);
    uint32_t piece = made->piece;
    if (made->home == EDB_HOME_APART)
      piece = p->home_piece[p->placement->value_start[from.node] + from.output];
    outlive(&p->pieces[piece], batch);
  }
}

/* ---- Operands: views, or pieces of their own ---------------------------------------------------
 */

/* Consecutive rows of an operand that are consecutive rows of one output. */
typedef struct stretch {
  uint32_t batch, output; /* that makes them */
  uint32_t from;          /* its row that begins the stretch */
  size_t row, length;     /* in the operand */
} stretch;

typedef struct operand_walk {
  edb_placer *p;
  const edb_operand *operand;
  uint32_t batch, piece, stride, column;
  uint32_t earliest; /* batch of the first producer; its own: all rows are of earlier runs */
  bool single;       /* of one input */
  bool past;         /* some rows are of earlier runs */
} operand_walk;

/* A whole output that falls into the operand row by row is stored there and nowhere else. */
static void land(const operand_walk *w, const stretch *s) {
  edb_placer *p = w->p;
  edb_produced *made = &p->produced[p->placement->output_start[s->batch] + s->output];
  bool whole = s->from == 0 && s->length == edb_placer_rows(p, s->batch);
  if (!whole || made->home != EDB_HOME_OWN || made->fixed) return;
  if (made->kept) p->pieces[w->piece].last_use = EDB_NONE;
  p->pieces[made->piece].size = 0;
  made->home = EDB_HOME_OPERAND;
  made->piece = w->piece;
  made->start = s->row * w->stride + w->column;
  made->stride = w->stride;
}

/* Whether the operand is a view of one output; else whole outputs land in it. */
static bool walk_input(operand_walk *w, uint32_t input, stretch *s) {
  edb_placer *p = w->p;
  size_t n = edb_placer_take(p, w->batch, input);
  *s = (stretch){0};
  for (size_t r = 0; r < n; r++) {
    edb_taken value = p->taken[r];
    if (value.node == EDB_NONE) {
      if (s->length) land(w, s);
      s->length = 0;
      w->past = true;
      continue;
    }
    edb_spot spot = p->spots[value.node];
    if (spot.batch < w->earliest) w->earliest = spot.batch;
    if (s->length && spot.batch == s->batch && value.output == s->output &&
        spot.row == s->from + s->length) {
      s->length++;
      continue;
    }
    if (s->length) land(w, s);
    *s = (stretch){spot.batch, value.output, spot.row, r, 1};
  }
  if (w->single && s->length == n) return true;
  if (s->length) land(w, s);
  return false;
}

static size_t operand_rows(const edb_placer *p, uint32_t batch, const edb_operand *operand) {
  size_t rows = edb_placer_rows(p, batch);
  if (operand->domain == EDB_DOMAIN_NODE) return rows;
  const edb_placement *pl = p->placement;
  const edb_type_sig *sig = &p->program->cells[p->schedule->batch_type[batch]].sig;
  size_t sum = 0;
  for (uint32_t i = pl->batch_start[batch]; i < pl->batch_start[batch + 1]; i++)
    sum += edb_group_arity(sig, edb_graph_arities(p->graph, pl->nodes[i] - p->graph->base),
                           operand->domain - EDB_DOMAIN_GROUP);
  return sum;
}

/* The operand is an output of its own batch: the piece of that output begins earlier. */
static void take_output_piece(operand_walk *w, edb_consumed *c) {
  edb_placer *p = w->p;
  c->piece = p->placement->output_start[w->batch] + w->operand->output;
  c->stride = p->produced[c->piece].stride;
}

/* Batches from the first row of an operand to its reader. */
static uint32_t wait_of(edb_placer *p, uint32_t batch, uint32_t index) {
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  uint32_t earliest = batch;
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    if (inputs->parts[i].operand != index) continue;
    size_t n = edb_placer_take(p, batch, inputs->parts[i].input);
    for (size_t r = 0; r < n; r++)
      if (p->taken[r].node != EDB_NONE && p->spots[p->taken[r].node].batch < earliest)
        earliest = p->spots[p->taken[r].node].batch;
  }
  return batch - earliest;
}

/* Whether values of the output that the stretch leaves out are read: were it a view, they would
 * stand in the output's own piece and be stored once more for whoever reads them. */
static bool leaves_readers(const edb_placer *p, const stretch *s) {
  const edb_placement *pl = p->placement;
  uint32_t rows = edb_placer_rows(p, s->batch), start = pl->batch_start[s->batch];
  for (uint32_t r = 0; r < rows; r++) {
    if (r == s->from) r += (uint32_t)s->length;
    if (r >= rows) break;
    if (p->last_read[pl->value_start[pl->nodes[start + r] - pl->first] + s->output] != s->batch)
      return true;
  }
  return false;
}

static void bind_operand(edb_placer *p, uint32_t batch, uint32_t index) {
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  const edb_operand *operand = &inputs->operands[index];
  uint32_t slot = p->placement->operand_start[batch] + index;
  edb_consumed *c = &p->consumed[slot];
  size_t rows = operand_rows(p, batch, operand);
  *c = (edb_consumed){.binding = EDB_BIND_APART,
                      .piece = p->n_produced + slot,
                      .stride = (uint32_t)edb_row_stride(operand->width)};
  p->pieces[c->piece] = (edb_piece){.last_use = batch};
  if (rows == 0) return;
  if (p->longest_wait != EDB_NONE && wait_of(p, batch, index) > p->longest_wait) return;
  operand_walk w = {.p = p,
                    .operand = operand,
                    .batch = batch,
                    .earliest = batch,
                    .single = operand->n_parts == 1 && operand->output == EDB_SLOT_NONE};
  c->binding = EDB_BIND_DIRECT;
  if (operand->output != EDB_SLOT_NONE) take_output_piece(&w, c);
  w.piece = c->piece;
  w.stride = c->stride;
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    stretch s;
    if (inputs->parts[i].operand != index) continue;
    w.column = inputs->parts[i].column;
    if (!walk_input(&w, inputs->parts[i].input, &s)) continue;
    if (leaves_readers(p, &s)) {
      land(&w, &s);
      continue;
    }
    c->binding = EDB_BIND_VIEW;
    c->produced = p->placement->output_start[s.batch] + s.output;
    c->row = s.from;
    p->produced[c->produced].viewed = true;
    return;
  }
  c->past = w.past;
  if (w.earliest == batch) {
    c->binding = EDB_BIND_APART;
    return;
  }
  p->pieces[c->piece].first_use = w.earliest;
  if (operand->output == EDB_SLOT_NONE) p->pieces[c->piece].size = piece_size(c->stride, rows);
}

/* ---- Homes and second stores -------------------------------------------------------------------
 */

static edb_status store_again(edb_placer *p, edb_taken value, uint32_t piece, size_t at) {
  edb_placement *pl = p->placement;
  uint32_t *head = &pl->again[pl->value_start[value.node] + value.output];
  EDB_FAIL_IF(pl->stores.length >= EDB_AGAIN_END, p->error, EDB_ERROR_LIMIT,
              "more than 2^32 rows in one mini-batch");
  if (!edb_vec_push(p->ctx, &pl->stores, (edb_again){at, *head, piece}))
    return edb_fail_memory(p->error, sizeof(edb_again), "a placement");
  *head = (uint32_t)pl->stores.length - 1;
  pl->outputs[pl->output_start[p->spots[value.node].batch] + value.output].again = true;
  return EDB_OK;
}

/* The values of one input get rows in the operand's piece: homes, where they have none yet. */
static edb_status fill_column(edb_placer *p, uint32_t batch, uint32_t input, const edb_consumed *c,
                              uint32_t column) {
  edb_placement *pl = p->placement;
  size_t n = edb_placer_take(p, batch, input), at = column;
  for (size_t r = 0; r < n; r++, at += c->stride) {
    edb_taken value = p->taken[r];
    if (value.node == EDB_NONE) continue;
    edb_produced *made = edb_placer_produced(p, value);
    if (made->home == EDB_HOME_OPERAND && made->piece == c->piece &&
        made->start + (size_t)p->spots[value.node].row * made->stride == at)
      continue;
    uint32_t v = pl->value_start[value.node] + value.output;
    if (made->home != EDB_HOME_APART || p->home_piece[v] != EDB_NONE) {
      EDB_TRY(store_again(p, value, c->piece, at));
      continue;
    }
    p->home_piece[v] = c->piece;
    pl->offset[v] = at;
    made->placed = true;
    if (made->kept) p->pieces[c->piece].last_use = EDB_NONE;
  }
  return EDB_OK;
}

static edb_status fill_operands(edb_placer *p, uint32_t batch) {
  const edb_plan_inputs *inputs = &p->inputs[p->schedule->batch_type[batch]];
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    edb_input_part part = inputs->parts[i];
    if (part.operand == EDB_OPERAND_MIXED) continue;
    const edb_consumed *c = &p->consumed[p->placement->operand_start[batch] + part.operand];
    if (c->binding == EDB_BIND_DIRECT) EDB_TRY(fill_column(p, batch, part.input, c, part.column));
  }
  return EDB_OK;
}

/* Outputs of which no operand takes consecutive rows: their values may stand apart. */
static void set_apart(edb_placer *p) {
  for (uint32_t k = 0; k < p->n_produced; k++) {
    edb_produced *made = &p->produced[k];
    if (made->home == EDB_HOME_OWN && !made->viewed && !made->fixed) made->home = EDB_HOME_APART;
  }
}

/* Values that no operand has a row for stand in a piece of the output's own. */
static void house_rest(edb_placer *p, uint32_t batch, uint32_t output) {
  edb_placement *pl = p->placement;
  uint32_t k = pl->output_start[batch] + output, rest = 0;
  edb_produced *made = &p->produced[k];
  if (made->home != EDB_HOME_APART) return;
  if (!made->placed) {
    made->home = EDB_HOME_OWN;
    return;
  }
  for (uint32_t i = pl->batch_start[batch]; i < pl->batch_start[batch + 1]; i++) {
    uint32_t v = pl->value_start[pl->nodes[i] - pl->first] + output;
    if (p->home_piece[v] != EDB_NONE) continue;
    p->home_piece[v] = k;
    pl->offset[v] = (size_t)made->stride * rest++;
  }
  p->pieces[k].size = piece_size(made->stride, rest);
}

/* Pieces live as long as rows in them are read: by views, and by whoever reads rows apart. */
static void keep_alive(edb_placer *p, uint32_t batch) {
  uint32_t type = p->schedule->batch_type[batch];
  uint32_t start = p->placement->operand_start[batch];
  const edb_plan_inputs *inputs = &p->inputs[type];
  for (uint32_t k = 0; k < inputs->n_operands; k++) {
    const edb_consumed *c = &p->consumed[start + k];
    if (c->binding == EDB_BIND_VIEW) outlive(&p->pieces[p->produced[c->produced].piece], batch);
  }
  for (uint32_t i = 0; i < inputs->n_parts; i++) {
    uint32_t operand = inputs->parts[i].operand;
    if (operand == EDB_OPERAND_MIXED || p->consumed[start + operand].binding == EDB_BIND_APART)
      read_apart(p, batch, inputs->parts[i].input);
  }
}

static edb_status settle_direct(edb_placer *p) {
  edb_placement *pl = p->placement;
  size_t values = pl->value_start[pl->n_nodes];
  pl->stores.length = 0;
  edb_placer_start_outputs(p);
  if (values) memset(p->home_piece, 0xff, values * sizeof *p->home_piece);
  if (values) memset(pl->again, 0xff, values * sizeof *pl->again);
  for (uint32_t b = 0; b < pl->n_batches; b++) fix_outputs(p, b);
  for (uint32_t b = pl->n_batches; b-- > 0;)
    for (uint32_t k = pl->operand_start[b]; k < pl->operand_start[b + 1]; k++)
      bind_operand(p, b, k - pl->operand_start[b]);
  set_apart(p);
  for (uint32_t b = pl->n_batches; b-- > 0;) EDB_TRY(fill_operands(p, b));
  for (uint32_t b = 0; b < pl->n_batches; b++)
    for (uint32_t o = pl->output_start[b]; o < pl->output_start[b + 1]; o++)
      house_rest(p, b, o - pl->output_start[b]);
  for (uint32_t b = 0; b < pl->n_batches; b++) keep_alive(p, b);
  return EDB_OK;
}

edb_status edb_placer_settle(edb_placer *p) {
  return p->inputs ? settle_direct(p) : EDB_OK;
}
