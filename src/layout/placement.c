/* layout/placement.c: rows of a schedule to offsets in a slab: checks, lives, and the object. How
 * nodes are ordered stands in placement_order.c, what is stored where in placement_rows.c. */
#include "layout/placement.h"

#include <string.h>

#include "base/carve.h"
#include "base/map.h"
#include "layout/offsets.h"
#include "layout/placer.h"
#include "layout/reduce.h"

/* ---- What is kept ---------------------------------------------------------------------------- */

static bool has_output(const edb_program *program, const char *name) {
  for (uint32_t t = 0; t < program->n_cells; t++)
    for (uint32_t o = 0; o < program->cells[t].sig.n_outputs; o++)
      if (strcmp(program->cells[t].sig.outputs[o].name, name) == 0) return true;
  return false;
}

edb_status edb_keep_check(const edb_program *program, const edb_keep *keep, edb_error *error) {
  for (uint32_t k = 0; keep && k < keep->n_outputs; k++)
    EDB_FAIL_IF(!has_output(program, keep->outputs[k]), error, EDB_ERROR_NAME,
                "no cell of the model has an output \"%s\"", keep->outputs[k]);
  return EDB_OK;
}

/* What has no name is between the parts of a cell: nobody can ask for it. */
static bool is_kept(const edb_keep *keep, const char *name) {
  if (name[0] == '\0') return false;
  if (!keep || keep->n_outputs == 0) return true;
  for (uint32_t k = 0; k < keep->n_outputs; k++)
    if (strcmp(keep->outputs[k], name) == 0) return true;
  return false;
}

static void mark_kept(edb_placer *p, const edb_keep *keep) {
  edb_placement *pl = p->placement;
  uint32_t sum = 0;
  for (uint32_t t = 0; t < p->program->n_cells; t++) {
    pl->kept_start[t] = sum;
    for (uint32_t o = 0; o < edb_placer_outputs(p, t); o++)
      pl->kept[sum++] = is_kept(keep, p->program->cells[t].sig.outputs[o].name);
  }
  pl->kept_start[pl->n_types] = sum;
}

/* ---- Tables -----------------------------------------------------------------------------------
 */

typedef struct counts {
  size_t values, outputs, operands, elements, kept;
} counts;

static counts count_tables(const edb_placer *p) {
  const edb_schedule *s = p->schedule;
  counts n = {0};
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    uint32_t type = s->batch_type[b], outputs = edb_placer_outputs(p, type);
    size_t rows = edb_placer_rows(p, b);
    n.values += rows * outputs;
    n.outputs += outputs;
    if (!p->inputs) continue;
    n.operands += p->inputs[type].n_operands;
    n.elements += rows * edb_group_count(&p->program->cells[type].sig);
  }
  for (uint32_t t = 0; t < p->program->n_cells; t++) n.kept += edb_placer_outputs(p, t);
  return n;
}

static size_t lay_out_tables(const edb_placer *p, counts n, char *base) {
  edb_placement *pl = p->placement;
  edb_carver c = {.base = base};
  size_t batches = pl->n_batches;
  EDB_CARVE(&c, pl->offset, n.values);
  EDB_CARVE(&c, pl->outputs, n.outputs);
  EDB_CARVE(&c, pl->operands, n.operands);
  EDB_CARVE(&c, pl->nodes, pl->n_nodes);
  EDB_CARVE(&c, pl->value_start, (size_t)pl->n_nodes + 1);
  EDB_CARVE(&c, pl->batch_start, batches + 1);
  EDB_CARVE(&c, pl->output_start, batches + 1);
  EDB_CARVE(&c, pl->operand_start, batches + 1);
  EDB_CARVE(&c, pl->element_start, batches);
  EDB_CARVE(&c, pl->elements, n.elements);
  EDB_CARVE(&c, pl->again, p->inputs ? n.values : 0);
  EDB_CARVE(&c, pl->kept_start, (size_t)pl->n_types + 1);
  EDB_CARVE(&c, pl->kept, n.kept);
  return c.at;
}

static size_t lay_out_working(edb_placer *p, counts n, char *base) {
  edb_carver c = {.base = base};
  size_t batches = p->placement->n_batches;
  EDB_CARVE(&c, p->produced, n.outputs);
  EDB_CARVE(&c, p->consumed, n.operands);
  EDB_CARVE(&c, p->dying, batches);
  EDB_CARVE(&c, p->pieces, n.outputs + n.operands);
  EDB_CARVE(&c, p->spots, p->placement->n_nodes);
  EDB_CARVE(&c, p->taken, p->most_edges);
  EDB_CARVE(&c, p->last_read, p->count_live ? n.values : 0);
  EDB_CARVE(&c, p->home_piece, p->inputs ? n.values : 0);
  EDB_CARVE(&c, p->filled, batches);
  EDB_CARVE(&c, p->born, batches);
  EDB_CARVE(&c, p->dead, batches);
  EDB_CARVE(&c, p->is_read, batches);
  return c.at;
}

static void start_batches(edb_placer *p) {
  edb_placement *pl = p->placement;
  const edb_schedule *s = p->schedule;
  uint32_t outputs = 0, operands = 0, elements = 0;
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = s->batch_type[b];
    pl->batch_start[b] = s->batch_start[b];
    pl->output_start[b] = outputs;
    pl->operand_start[b] = operands;
    pl->element_start[b] = elements;
    outputs += edb_placer_outputs(p, type);
    if (!p->inputs) continue;
    operands += p->inputs[type].n_operands;
    elements += edb_placer_rows(p, b) * edb_group_count(&p->program->cells[type].sig);
  }
  pl->batch_start[pl->n_batches] = s->info.n_nodes;
  pl->output_start[pl->n_batches] = p->n_produced = outputs;
  pl->operand_start[pl->n_batches] = p->n_consumed = operands;
}

static edb_status alloc_tables(edb_placer *p) {
  edb_placement *pl = p->placement;
  counts n = count_tables(p);
  EDB_FAIL_IF(n.values > UINT32_MAX || n.outputs + n.operands > UINT32_MAX ||
                  n.elements > UINT32_MAX,
              p->error, EDB_ERROR_LIMIT, "more than 2^32 values in one mini-batch");
  pl->memory_bytes = lay_out_tables(p, n, NULL);
  pl->memory = edb_alloc(p->ctx, pl->memory_bytes);
  if (!pl->memory) return edb_fail_memory(p->error, pl->memory_bytes, "a placement");
  (void)lay_out_tables(p, n, pl->memory);
  p->memory_bytes = lay_out_working(p, n, NULL);
  p->memory = edb_alloc(p->ctx, p->memory_bytes);
  if (p->memory_bytes && !p->memory)
    return edb_fail_memory(p->error, p->memory_bytes, "a placement");
  (void)lay_out_working(p, n, p->memory);
  return EDB_OK;
}

/* ---- Checks and lives ------------------------------------------------------------------------ */

static edb_status check_schedule(edb_placer *p) {
  const edb_schedule *s = p->schedule;
  uint32_t pending = edb_graph_pending_count(p->graph);
  EDB_FAIL_IF(s->info.n_nodes != pending, p->error, EDB_ERROR_ARGUMENT,
              "the schedule has %u nodes, the graph %u pending ones", s->info.n_nodes, pending);
  for (uint32_t b = 0; b < s->info.n_batches; b++)
    EDB_FAIL_IF(s->batch_type[b] >= p->program->n_cells, p->error, EDB_ERROR_ARGUMENT,
                "the schedule has a batch of type %u, the model %u types", s->batch_type[b],
                p->program->n_cells);
  return EDB_OK;
}

/* Each pending node stands in one batch, which is of its type. */
static edb_status find_spots(edb_placer *p) {
  const edb_schedule *s = p->schedule;
  const edb_graph *g = p->graph;
  uint32_t first = p->placement->first, n = p->placement->n_nodes;
  if (n) memset(p->spots, 0xff, n * sizeof *p->spots);
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++) {
      uint32_t local = s->nodes[i] - first;
      bool fits = s->nodes[i] >= first && local < n && p->spots[local].batch == EDB_NONE &&
                  g->type[s->nodes[i] - g->base] == s->batch_type[b];
      EDB_FAIL_IF(!fits, p->error, EDB_ERROR_ARGUMENT,
                  "the schedule was made for another graph: node %u does not belong into batch %u",
                  s->nodes[i], b);
      p->spots[local].batch = b;
    }
  }
  return EDB_OK;
}

static void number_values(edb_placer *p) {
  edb_placement *pl = p->placement;
  const uint32_t *type = p->graph->type + (pl->first - p->graph->base);
  uint32_t values = 0;
  for (uint32_t i = 0; i < pl->n_nodes; i++) {
    pl->value_start[i] = values;
    uint32_t end = values + edb_placer_outputs(p, type[i]);
    for (uint32_t v = values; p->count_live && v < end; v++) p->last_read[v] = p->spots[i].batch;
    values = end;
  }
  pl->value_start[pl->n_nodes] = values;
}

/* Who is read, by whom last, and that batches read earlier ones only. Outputs in pieces of their
 * own live until then; operands are settled later. */
static edb_status find_readers(edb_placer *p) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  uint32_t base = pl->first - g->base;
  bool direct = p->inputs != NULL, count_live = p->count_live;
  if (pl->n_batches) memset(p->is_read, 0, pl->n_batches);
  for (uint32_t i = 0; i < pl->n_nodes; i++) {
    uint32_t reader = p->spots[i].batch;
    for (uint32_t e = g->edge_start[base + i]; e < g->edge_start[base + i + 1]; e++) {
      if (g->edge_node[e] < pl->first) continue;
      uint32_t from = g->edge_node[e] - pl->first, made = p->spots[from].batch;
      EDB_FAIL_IF(made >= reader, p->error, EDB_ERROR_ARGUMENT,
                  "the schedule was made for another graph: node %u runs before its input %u",
                  pl->first + i, g->edge_node[e]);
      p->is_read[made] = 1;
      edb_piece *piece = &p->pieces[pl->output_start[made] + g->edge_output[e]];
      if (!direct && piece->last_use < reader) piece->last_use = reader;
      if (!count_live) continue;
      uint32_t *last = &p->last_read[pl->value_start[from] + g->edge_output[e]];
      if (*last < reader) *last = reader;
    }
  }
  return EDB_OK;
}

/* ---- Pieces to offsets ----------------------------------------------------------------------- */

static void link_pieces(edb_placer *p) {
  uint32_t n_batches = p->placement->n_batches;
  for (uint32_t b = 0; b < n_batches; b++) p->born[b] = p->dead[b] = EDB_NONE;
  for (uint32_t k = p->n_produced + p->n_consumed; k-- > 0;) {
    edb_piece *piece = &p->pieces[k];
    if (piece->size == 0) continue;
    piece->next_born = p->born[piece->first_use];
    p->born[piece->first_use] = k;
    if (piece->last_use == EDB_NONE) continue;
    piece->next_dead = p->dead[piece->last_use];
    p->dead[piece->last_use] = k;
  }
}

/* Walks the schedule: a batch takes its pieces, then those that die with it are given back. */
static void place_pieces(edb_placer *p) {
  edb_offsets offsets;
  edb_offsets_init(&offsets, p->ctx);
  link_pieces(p);
  for (uint32_t b = 0; b < p->placement->n_batches; b++) {
    for (uint32_t k = p->born[b]; k != EDB_NONE; k = p->pieces[k].next_born)
      p->pieces[k].offset = edb_offsets_take(&offsets, p->pieces[k].size);
    for (uint32_t k = p->dead[b]; k != EDB_NONE; k = p->pieces[k].next_dead)
      (void)edb_offsets_give(&offsets, p->pieces[k].offset, p->pieces[k].size);
  }
  p->placement->slab_floats = offsets.peak;
  edb_offsets_free_all(&offsets);
}

/* Rows of an output whose homes are in several pieces: their offsets, and whether they happen to be
 * evenly spaced all the same. */
static edb_rows finish_apart(const edb_placer *p, uint32_t batch, uint32_t output) {
  edb_placement *pl = p->placement;
  const edb_node *nodes = pl->nodes + pl->batch_start[batch];
  uint32_t n = edb_placer_rows(p, batch);
  size_t before = 0, first = 0, step = 0;
  bool even = true;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t value = pl->value_start[nodes[i] - pl->first] + output;
    size_t at = pl->offset[value] += p->pieces[p->home_piece[value]].offset;
    if (i == 0) first = at;
    if (i == 1) step = at - before;
    if (i > 0 && (at <= before || at - before != step)) even = false;
    before = at;
  }
  even = even && step <= UINT32_MAX;
  return (edb_rows){.offset = even ? first : EDB_ROWS_APART, .stride = (uint32_t)step};
}

static edb_rows finish_rows(const edb_placer *p, uint32_t batch, uint32_t output) {
  edb_placement *pl = p->placement;
  const edb_produced *made = &p->produced[pl->output_start[batch] + output];
  if (made->home == EDB_HOME_APART) return finish_apart(p, batch, output);
  edb_rows rows = {.offset = p->pieces[made->piece].offset + made->start, .stride = made->stride};
  const edb_node *nodes = pl->nodes + pl->batch_start[batch];
  uint32_t n = edb_placer_rows(p, batch);
  for (uint32_t i = 0; i < n; i++)
    pl->offset[pl->value_start[nodes[i] - pl->first] + output] =
        rows.offset + (size_t)i * rows.stride;
  return rows;
}

static void finish_outputs(edb_placer *p) {
  edb_placement *pl = p->placement;
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t start = pl->output_start[b];
    for (uint32_t o = start; o < pl->output_start[b + 1]; o++) {
      bool again = pl->outputs[o].again;
      pl->outputs[o] = finish_rows(p, b, o - start);
      pl->outputs[o].again = again;
    }
  }
  for (size_t i = 0; i < pl->stores.length; i++)
    pl->stores.data[i].offset += p->pieces[pl->stores.data[i].piece].offset;
}

static void finish_operands(edb_placer *p) {
  edb_placement *pl = p->placement;
  for (uint32_t k = 0; k < p->n_consumed; k++) {
    const edb_consumed *c = &p->consumed[k];
    edb_rows rows = {.offset = EDB_ROWS_APART};
    if (c->binding == EDB_BIND_DIRECT) {
      rows = (edb_rows){.offset = p->pieces[c->piece].offset, .stride = c->stride, .past = c->past};
    } else if (c->binding == EDB_BIND_VIEW) {
      rows = pl->outputs[c->produced];
      rows.offset += (size_t)c->row * rows.stride;
      rows.again = false;
    }
    pl->operands[k] = rows;
  }
}

/* First elements of the nodes of variadic types. */
static void number_elements(edb_placer *p) {
  edb_placement *pl = p->placement;
  for (uint32_t b = 0; p->inputs && b < pl->n_batches; b++) {
    const edb_type_sig *sig = &p->program->cells[p->schedule->batch_type[b]].sig;
    uint32_t *to = pl->elements + pl->element_start[b], n_groups = edb_group_count(sig);
    for (uint32_t g = 0; g < n_groups; g++) {
      uint32_t sum = 0;
      for (uint32_t i = pl->batch_start[b]; i < pl->batch_start[b + 1]; i++) {
        *to++ = sum;
        sum += edb_group_arity(sig, edb_graph_arities(p->graph, pl->nodes[i] - p->graph->base), g);
      }
    }
  }
}

/* The most bytes that are alive at the same time, each value once: what no placement undercuts. */
static void count_live_bytes(edb_placer *p) {
  edb_placement *pl = p->placement;
  size_t now = 0;
  if (pl->n_batches) memset(p->dying, 0, pl->n_batches * sizeof *p->dying);
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = p->schedule->batch_type[b], n_outputs = edb_placer_outputs(p, type);
    for (uint32_t o = 0; o < n_outputs; o++) {
      size_t width = edb_placer_width(p, type, o) * sizeof(float);
      now += width * edb_placer_rows(p, b);
      for (uint32_t i = pl->batch_start[b];
           !edb_placer_keeps(p, type, o) && i < pl->batch_start[b + 1]; i++)
        p->dying[p->last_read[pl->value_start[pl->nodes[i] - pl->first] + o]] += width;
    }
    if (now > pl->live_bytes) pl->live_bytes = now;
    now -= p->dying[b];
  }
}

/* ---- The object ------------------------------------------------------------------------------ */

/* A direct operand takes memory from its first producer on, full or not. Where that sums up to more
 * than EDB_PLACEMENT_MOST times what is alive, those that wait for long are read apart. */
static edb_status settle(edb_placer *p) {
  static const uint32_t waits[] = {EDB_NONE, 8, 2, 0};
  const edb_placement *pl = p->placement;
  for (int i = 0; i < 4; i++) {
    p->longest_wait = waits[i];
    EDB_TRY(edb_placer_settle(p));
    place_pieces(p);
    double most = EDB_PLACEMENT_MOST * (double)pl->live_bytes;
    if (!p->inputs || (double)(pl->slab_floats * sizeof(float)) <= most) break;
  }
  return EDB_OK;
}

static edb_status place(edb_placer *p, const edb_placement_request *request) {
  EDB_TRY(check_schedule(p));
  EDB_TRY(edb_keep_check(p->program, request->keep, p->error));
  EDB_TRY(alloc_tables(p));
  mark_kept(p, request->keep);
  start_batches(p);
  EDB_TRY(find_spots(p));
  number_values(p);
  edb_placer_start_outputs(p);
  EDB_TRY(find_readers(p));
  if (request->kind == EDB_PLACEMENT_ARRIVAL || request->kind == EDB_PLACEMENT_AUTO)
    edb_placer_arrival(p);
  else
    EDB_TRY(edb_placer_order(p));
  if (p->count_live) count_live_bytes(p);
  EDB_TRY(settle(p));
  finish_outputs(p);
  finish_operands(p);
  number_elements(p);
  return EDB_OK;
}

/* The arrays of a schedule stand in one piece of memory. */
static uint64_t hash_schedule(const edb_schedule *s) {
  return edb_hash(s->memory, s->memory_bytes);
}

bool edb_placement_fits(const edb_placement *placement, const edb_schedule *schedule) {
  return placement->schedule_hash == hash_schedule(schedule);
}

/* A placement that knows what it is for. */
static edb_placement *new_placement(edb_context *ctx, const edb_graph *graph,
                                    const edb_schedule *schedule) {
  edb_placement *pl = edb_alloc_zero(ctx, sizeof *pl);
  if (!pl) return NULL;
  *pl = (edb_placement){.ctx = ctx,
                        .graph = graph,
                        .generation = graph->generation,
                        .schedule_hash = hash_schedule(schedule),
                        .first = graph->first,
                        .n_nodes = edb_graph_pending_count(graph),
                        .n_batches = schedule->info.n_batches};
  return pl;
}

edb_status edb_placement_wrap(edb_context *ctx, const edb_graph *graph,
                              const edb_schedule *schedule, struct edb_reduced *reduced,
                              edb_placement *inner, edb_placement **out, edb_error *error) {
  edb_placement *pl = new_placement(ctx, graph, schedule);
  if (!pl) return edb_fail_memory(error, sizeof *pl, "a placement");
  pl->reduced = reduced;
  pl->inner = inner;
  *out = pl;
  return EDB_OK;
}

edb_status edb_placement_make(edb_context *ctx, const edb_placement_request *request,
                              const edb_graph *graph, const edb_schedule *schedule,
                              edb_placement **out, edb_error *error) {
  edb_placement *pl = new_placement(ctx, graph, schedule);
  if (!pl) return edb_fail_memory(error, sizeof *pl, "a placement");
  pl->n_types = request->program->n_cells;
  bool direct = request->kind == EDB_PLACEMENT_DIRECT && request->inputs;
  edb_placer p = {.ctx = ctx,
                  .program = request->program,
                  .inputs = direct ? request->inputs : NULL,
                  .graph = graph,
                  .schedule = schedule,
                  .placement = pl,
                  .error = error,
                  .count_live = request->count_live || direct,
                  .most_edges = graph->edge_start[graph->n_nodes] -
                                graph->edge_start[graph->first - graph->base]};
  pl->direct = direct;
  edb_status status = place(&p, request);
  edb_free(ctx, p.memory, p.memory ? p.memory_bytes : 0);
  if (status != EDB_OK) {
    edb_placement_destroy(pl);
    return status;
  }
  pl->peak_bytes = pl->slab_floats * sizeof(float) + edb_placement_table_bytes(pl);
  *out = pl;
  return EDB_OK;
}

size_t edb_placement_table_bytes(const edb_placement *pl) {
  return sizeof *pl + pl->memory_bytes + pl->stores.capacity * sizeof *pl->stores.data;
}

void edb_placement_destroy(edb_placement *pl) {
  if (!pl) return;
  edb_context *ctx = pl->ctx;
  edb_placement_destroy(pl->inner); /* which has none itself */
  edb_reduced_destroy(pl->reduced);
  edb_vec_free(ctx, &pl->stores);
  edb_free(ctx, pl->memory, pl->memory ? pl->memory_bytes : 0);
  edb_free(ctx, pl, sizeof *pl);
}

size_t edb_placement_peak_bytes(const edb_placement *placement) {
  return placement->peak_bytes;
}
