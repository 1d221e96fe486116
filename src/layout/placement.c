/* layout/placement.c: rows of a schedule to offsets in a slab: checks, lives, and the object. How
 * nodes are ordered stands in placement_order.c, what is stored where in placement_rows.c. */
#include "layout/placement.h"

#include <string.h>

#include "base/carve.h"
#include "base/map.h"
#include "layout/offsets.h"
#include "layout/placer.h"
#include "layout/reduce.h"

/* Working memory of small mini-batches, on the stack. */
#define NEAR_BYTES 16384

/* ---- What is kept ---------------------------------------------------------------------------- */

static bool has_output(const edb_program *program, const char *name) {
  for (uint32_t t = 0; t < program->n_cells; t++)
    for (uint32_t o = 0; o < program->cells[t].sig.n_outputs; o++)
      if (strcmp(program->cells[t].sig.outputs[o].name, name) == 0) return true;
  return false;
}

edb_status edb_keep_check(const edb_program *program, const edb_keep *keep, edb_error *error) {
  if (keep) EDB_REQUIRE_EACH(error, keep->outputs, keep->n_outputs);
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

void edb_keep_mark(const edb_program *program, const edb_keep *keep, uint8_t *kept) {
  for (uint32_t t = 0; t < program->n_cells; t++)
    for (uint32_t o = 0; o < program->cells[t].sig.n_outputs; o++)
      *kept++ = is_kept(keep, program->cells[t].sig.outputs[o].name);
}

static void mark_kept(edb_placer *p, const edb_placement_request *request) {
  edb_placement *pl = p->placement;
  uint32_t sum = 0;
  for (uint32_t t = 0; t < p->program->n_cells; t++) {
    pl->kept_start[t] = sum;
    sum += edb_placer_outputs(p, t);
  }
  pl->kept_start[pl->n_types] = sum;
  pl->borrows = p->inputs ? NULL : request->borrows;
  if (!request->kept)
    edb_keep_mark(p->program, request->keep, pl->kept);
  else if (sum > 0)
    memcpy(pl->kept, request->kept, sum);
  for (uint32_t t = 0, k = 0; t < p->program->n_cells; t++) {
    pl->lends[t] = 0;
    for (uint32_t o = 0; o < edb_placer_outputs(p, t); o++, k++) {
      p->strides[k] = (uint32_t)edb_row_stride(edb_placer_stored(p, t, o));
      pl->lends[t] |= p->strides[k] == 0;
    }
  }
}

/* ---- Tables -----------------------------------------------------------------------------------
 */

typedef struct counts {
  size_t values, outputs, operands, parts, elements, kept;
} counts;

/* Rows of all inputs of a batch together; its nodes need not be checked yet. */
static size_t count_edges(const edb_placer *p, uint32_t batch) {
  const edb_schedule *s = p->schedule;
  const edb_graph *g = p->graph;
  const edb_type_sig *sig = &p->program->cells[s->batch_type[batch]].sig;
  if (sig->n_variadic == 0) return edb_placer_rows(p, batch);
  size_t edges = 0;
  for (uint32_t i = s->batch_start[batch]; i < s->batch_start[batch + 1]; i++) {
    uint32_t index = s->nodes[i] - g->base;
    if (index < g->n_nodes) edges += g->edge_start[index + 1] - g->edge_start[index];
  }
  return edges;
}

static counts count_outputs(edb_placer *p) {
  const edb_schedule *s = p->schedule;
  counts n = {0};
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    uint32_t type = s->batch_type[b], outputs = edb_placer_outputs(p, type);
    size_t rows = edb_placer_rows(p, b);
    n.values += rows * outputs;
    n.outputs += outputs;
    if (outputs > p->most_outputs) p->most_outputs = outputs;
    if (rows > p->most_rows) p->most_rows = (uint32_t)rows;
    for (uint32_t o = 0; o < outputs; o++)
      p->all_floats += rows * edb_row_stride(edb_placer_width(p, type, o));
  }
  for (uint32_t t = 0; t < p->program->n_cells; t++) n.kept += edb_placer_outputs(p, t);
  return n;
}

static void count_operands(edb_placer *p, counts *n) {
  const edb_schedule *s = p->schedule;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    uint32_t type = s->batch_type[b];
    size_t taken = count_edges(p, b) * p->inputs[type].n_parts;
    if (taken > p->most_taken) p->most_taken = taken;
    n->operands += p->inputs[type].n_operands;
    n->parts += p->inputs[type].n_parts;
    n->elements += (size_t)edb_placer_rows(p, b) * edb_group_count(&p->program->cells[type].sig);
  }
}

static size_t lay_out_tables(const edb_placer *p, counts n, char *base) {
  edb_placement *pl = p->placement;
  edb_carver c = {.base = base};
  size_t batches = pl->n_batches, direct = p->inputs != NULL;
  EDB_CARVE(&c, pl->outputs, n.outputs);
  EDB_CARVE(&c, pl->nodes, pl->n_nodes);
  EDB_CARVE(&c, pl->value_start, n.outputs + 1);
  EDB_CARVE(&c, pl->batch_start, batches + 1);
  EDB_CARVE(&c, pl->output_start, batches + 1);
  EDB_CARVE(&c, pl->operands, n.operands);
  EDB_CARVE(&c, pl->operand_start, direct * (batches + 1));
  EDB_CARVE(&c, pl->element_start, direct * batches);
  EDB_CARVE(&c, pl->elements, n.elements);
  EDB_CARVE(&c, pl->blocks, direct * n.outputs + n.parts);
  EDB_CARVE(&c, pl->homes, direct * n.values);
  EDB_CARVE(&c, pl->again, direct * n.values);
  EDB_CARVE(&c, pl->kept_start, (size_t)pl->n_types + 1);
  EDB_CARVE(&c, pl->kept, n.kept);
  EDB_CARVE(&c, pl->lends, (size_t)pl->n_types);
  return c.at;
}

static size_t lay_out_working(edb_placer *p, counts n, char *base) {
  const edb_placement *pl = p->placement;
  edb_carver c = {.base = base};
  size_t batches = pl->n_batches;
  size_t direct = p->inputs != NULL, ordered = p->ordered;
  EDB_CARVE(&c, p->pieces, n.outputs + n.operands);
  EDB_CARVE(&c, p->strides, n.kept);
  EDB_CARVE(&c, p->spots, ordered * pl->n_nodes);
  EDB_CARVE(&c, p->fillings, ordered * batches);
  EDB_CARVE(&c, p->made, (size_t)!ordered * pl->n_nodes);
  EDB_CARVE(&c, p->read, !ordered * n.outputs);
  EDB_CARVE(&c, p->born, batches);
  EDB_CARVE(&c, p->dead, batches);
  EDB_CARVE(&c, p->dying, batches);
  EDB_CARVE(&c, p->is_read, ordered * batches);
  EDB_CARVE(&c, p->head, ordered * pl->n_nodes);
  EDB_CARVE(&c, p->next, ordered * pl->n_nodes);
  EDB_CARVE(&c, p->consumed, n.operands);
  EDB_CARVE(&c, p->block_piece, direct * n.outputs + n.parts);
  EDB_CARVE(&c, p->part_start, direct * batches);
  EDB_CARVE(&c, p->marks, direct * n.outputs);
  EDB_CARVE(&c, p->taken, p->most_taken);
  return c.at;
}

/* Without outputs there are no values: positions stand for them. */
static edb_filling start_filling(const edb_placer *p, uint32_t batch, uint32_t output,
                                 uint32_t values) {
  uint32_t at = p->schedule->batch_start[batch];
  bool any = edb_placer_outputs(p, p->schedule->batch_type[batch]) > 0;
  return (edb_filling){at, any ? values - at : 0, edb_placer_rows(p, batch), output};
}

static void start_batches(edb_placer *p, counts n) {
  edb_placement *pl = p->placement;
  const edb_schedule *s = p->schedule;
  uint32_t outputs = 0, operands = 0, elements = 0, parts = (uint32_t)n.outputs, values = 0;
  for (uint32_t b = 0; b < pl->n_batches; b++) {
    uint32_t type = s->batch_type[b], rows = edb_placer_rows(p, b);
    pl->batch_start[b] = s->batch_start[b];
    pl->output_start[b] = outputs;
    if (p->ordered) p->fillings[b] = start_filling(p, b, outputs, values);
    for (uint32_t o = 0; o < edb_placer_outputs(p, type); o++, values += rows)
      pl->value_start[outputs++] = values;
    if (!p->inputs) continue;
    pl->operand_start[b] = operands;
    pl->element_start[b] = elements;
    p->part_start[b] = parts;
    operands += p->inputs[type].n_operands;
    parts += p->inputs[type].n_parts;
    elements += rows * edb_group_count(&p->program->cells[type].sig);
  }
  pl->batch_start[pl->n_batches] = s->info.n_nodes;
  pl->output_start[pl->n_batches] = p->n_produced = outputs;
  pl->value_start[outputs] = values;
  p->n_consumed = operands;
  p->n_blocks = p->inputs ? parts : 0;
  if (p->inputs) pl->operand_start[pl->n_batches] = operands;
}

static edb_status alloc_tables(edb_placer *p, counts n) {
  edb_placement *pl = p->placement;
  EDB_FAIL_IF(n.values > UINT32_MAX || n.outputs + n.operands + n.parts > UINT32_MAX ||
                  n.elements > UINT32_MAX,
              p->error, EDB_ERROR_LIMIT, "more than 2^32 values in one mini-batch");
  pl->memory_bytes = lay_out_tables(p, n, NULL);
  pl->memory = edb_alloc(p->ctx, pl->memory_bytes);
  if (!pl->memory) return edb_fail_memory(p->error, pl->memory_bytes, "a placement");
  (void)lay_out_tables(p, n, pl->memory);
  size_t bytes = lay_out_working(p, n, NULL);
  if (bytes > p->near_bytes) {
    p->memory = edb_alloc(p->ctx, bytes);
    if (!p->memory) return edb_fail_memory(p->error, bytes, "a placement");
    p->memory_bytes = bytes;
  }
  (void)lay_out_working(p, n, p->memory ? p->memory : p->near_memory);
  return EDB_OK;
}

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
    for (uint32_t k = p->by_parts ? p->dead_part[b] : EDB_NONE; k != EDB_NONE;) {
      const edb_piece_part *part = &p->parts.data[k];
      (void)edb_offsets_give(&offsets, p->pieces[part->piece].offset + part->offset, part->size);
      k = part->next_dead;
    }
  }
  p->placement->slab_floats = offsets.peak;
  edb_offsets_free_all(&offsets);
}

/* Blocks, and what stands in them, in terms of the slab. */
static void finish_direct(edb_placer *p) {
  edb_placement *pl = p->placement;
  for (uint32_t k = 0; k < p->n_blocks; k++)
    if (p->block_piece[k] != EDB_NONE) pl->blocks[k].offset += p->pieces[p->block_piece[k]].offset;
  for (uint32_t k = 0; k < p->n_produced; k++) {
    edb_rows *rows = &pl->outputs[k];
    if (rows->offset == EDB_ROWS_APART || pl->value_start[k] == pl->value_start[k + 1]) continue;
    edb_home first = pl->homes[pl->value_start[k]];
    rows->offset = edb_placement_at(pl, first);
    rows->stride = pl->blocks[first.block].stride;
  }
  for (uint32_t k = 0; k < p->n_consumed; k++) {
    const edb_consumed *c = &p->consumed[k];
    pl->operands[k] = (edb_rows){.offset = EDB_ROWS_APART};
    if (c->piece != EDB_NONE)
      pl->operands[k] = (edb_rows){
          .offset = p->pieces[c->piece].offset + c->start, .stride = c->stride, .past = c->past};
  }
}

static void finish(edb_placer *p) {
  edb_placement *pl = p->placement;
  if (p->inputs) {
    finish_direct(p);
    return;
  }
  for (uint32_t k = 0; k < p->n_produced; k++) {
    const edb_piece *piece = &p->pieces[k];
    pl->outputs[k] = (edb_rows){.offset = piece->stride ? piece->offset : EDB_ROWS_BORROWED,
                                .stride = piece->stride};
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

/* ---- The object ------------------------------------------------------------------------------ */

/* A direct operand takes memory from its first producer on, full or not. Where that sums up to more
 * than EDB_PLACEMENT_MOST times what is alive, those that wait for long are read apart. */
static edb_status settle(edb_placer *p) {
  static const uint32_t waits[] = {EDB_NONE, 8, 2, 0};
  edb_placement *pl = p->placement;
  for (int i = 0; i < 4; i++) {
    p->longest_wait = waits[i];
    EDB_TRY(edb_placer_settle(p));
    place_pieces(p);
    if (i == 0) edb_placer_count_live(p);
    double most = EDB_PLACEMENT_MOST * (double)pl->live_bytes;
    if ((double)(pl->slab_floats * sizeof(float)) <= most) break;
  }
  return EDB_OK;
}

/* Outputs stand together, and rows are given back by parts where hardly any memory is reused
 * otherwise. */
static edb_status place_outputs(edb_placer *p) {
  edb_placement *pl = p->placement;
  place_pieces(p);
  p->by_parts =
      p->all_floats * sizeof(float) >= p->large_bytes && pl->slab_floats > p->all_floats / 2;
  if (!p->by_parts && !p->count_live) return EDB_OK;
  EDB_TRY(edb_placer_find_last_reads(p));
  if (p->count_live) edb_placer_count_live(p);
  if (!p->by_parts) return EDB_OK;
  if (!p->ordered) edb_placer_group(p);
  EDB_TRY(edb_placer_cut(p));
  place_pieces(p);
  return EDB_OK;
}

/* Whether the rows of any operand are worth storing where it reads them. */
static bool stores_any(const edb_placer *p, const edb_plan_inputs *inputs) {
  for (uint32_t t = 0; t < p->program->n_cells; t++)
    for (uint32_t k = 0; k < inputs[t].n_operands; k++) {
      const edb_operand *operand = &inputs[t].operands[k];
      if (edb_row_rule_stores(p->rule, operand->reader, operand->width, p->far)) return true;
    }
  return false;
}

static void choose_kind(edb_placer *p, const edb_placement_request *request) {
  bool direct = request->kind == EDB_PLACEMENT_DIRECT && request->inputs;
  if (request->kind == EDB_PLACEMENT_AUTO && request->inputs && request->rule) {
    p->rule = request->rule;
    p->far = p->all_floats * sizeof(float) > p->rule->near_bytes;
    direct = stores_any(p, request->inputs);
  }
  p->inputs = direct ? request->inputs : NULL;
  p->ordered =
      direct || request->kind == EDB_PLACEMENT_ORDERED || request->kind == EDB_PLACEMENT_DIRECT;
  p->placement->direct = direct;
}

static edb_status place(edb_placer *p, const edb_placement_request *request) {
  EDB_TRY(check_schedule(p));
  EDB_TRY(edb_keep_check(p->program, request->keep, p->error));
  counts n = count_outputs(p);
  choose_kind(p, request);
  if (p->inputs) count_operands(p, &n);
  p->large_bytes = request->large_bytes ? request->large_bytes : EDB_PLACEMENT_LARGE;
  EDB_TRY(alloc_tables(p, n));
  mark_kept(p, request);
  start_batches(p, n);
  if (!p->inputs) edb_placer_start_outputs(p);
  EDB_TRY(p->ordered ? edb_placer_order(p) : edb_placer_arrival(p));
  EDB_TRY(p->inputs ? settle(p) : place_outputs(p));
  finish(p);
  number_elements(p);
  return EDB_OK;
}

/* The arrays of a schedule stand in one piece of memory. */
static uint64_t hash_schedule(const edb_schedule *s) {
  return edb_hash_block(s->memory, s->memory_bytes);
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
  _Alignas(16) char near_memory[NEAR_BYTES];
  edb_placer p = {.ctx = ctx,
                  .near_memory = near_memory,
                  .near_bytes = sizeof near_memory,
                  .program = request->program,
                  .graph = graph,
                  .schedule = schedule,
                  .placement = pl,
                  .error = error,
                  .count_live = request->count_live};
  edb_status status = place(&p, request);
  edb_placer_forget_lives(&p);
  edb_free(ctx, p.memory, p.memory_bytes);
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
