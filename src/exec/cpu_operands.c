/* exec/cpu_operands.c: where the slots of a chunk are: inputs are read in place where their rows
 * are evenly spaced, else gathered; outputs are stored where placement wants them. */
#include <string.h>

#include "exec/cpu.h"

uint32_t edb_cpu_group_place(const edb_type_sig *sig, uint32_t group) {
  uint32_t v = 0, i = 0;
  for (; !sig->inputs[i].variadic || sig->inputs[i].group != group; i++)
    v += sig->inputs[i].variadic;
  EDB_ASSERT(i < sig->n_inputs);
  return v;
}

/* ---- Operands -----------------------------------------------------------------------------------
 */

/* Where an input's edges stand among those of a node: behind so many single ones, and those of the
 * variadic inputs 0 .. before - 1. */
typedef struct edge_place {
  uint32_t singles, before;
  bool variadic;
} edge_place;

static edge_place place_of(const edb_type_sig *sig, uint32_t input) {
  edge_place place = {.variadic = sig->inputs[input].variadic};
  for (uint32_t i = 0; i < input; i++) place.before += sig->inputs[i].variadic;
  place.singles = input - place.before;
  return place;
}

/* The first edge of the input, and their end. */
static inline uint32_t input_edges(edge_place place, const edb_graph *g, uint32_t index,
                                   uint32_t *end) {
  uint32_t edge = g->edge_start[index] + place.singles;
  const int32_t *arities = edb_graph_arities(g, index);
  for (uint32_t v = 0; v < place.before; v++) edge += (uint32_t)arities[v];
  *end = edge + (place.variadic ? (uint32_t)arities[place.before] : 1);
  return edge;
}

/* Of a cell whose nodes have as many edges as it has inputs. */
static size_t point_at_fixed_input(edb_frame *f, uint32_t input) {
  const edb_graph *g = f->graph;
  const edb_node *nodes = f->nodes;
  const edb_node *edge_node = g->edge_node + input;
  const uint16_t *edge_output = g->edge_output + input;
  const uint32_t *edge_start = g->edge_start, *start = f->store->start.data;
  char *const *rows = f->store->rows.data;
  const float **pointers = f->pointers;
  uint32_t base = g->base, store_base = f->store->base;
  size_t n = f->rows[EDB_DOMAIN_NODE];
  for (size_t i = 0; i < n; i++) {
    uint32_t edge = edge_start[nodes[i] - base];
    const char *row = rows[start[edge_node[edge] - store_base] + edge_output[edge]];
    pointers[i] = (const float *)(const void *)row;
  }
  return n;
}

/* Addresses of an input's rows in the chunk, in frame->pointers; returns their number. */
static size_t point_at_input(edb_frame *f, uint32_t input) {
  const edb_type_sig *sig = &f->cell->plan->cell->sig;
  const edb_graph *g = f->graph;
  if (sig->n_variadic == 0) return point_at_fixed_input(f, input);
  edge_place place = place_of(sig, input);
  size_t n = 0, nodes = f->rows[EDB_DOMAIN_NODE];
  for (size_t i = 0; i < nodes; i++) {
    uint32_t end, e = input_edges(place, g, f->nodes[i] - g->base, &end);
    for (; e < end; e++)
      f->pointers[n++] =
          (const float *)(const void *)edb_store_row(f->store, g->edge_node[e], g->edge_output[e]);
  }
  return n;
}

/* Whether the rows pointed at are evenly spaced, so that they can be read where they are. */
static bool evenly_spaced(const float *const *rows, size_t n, ptrdiff_t *stride) {
  *stride = 0;
  if (n < 2) return true;
  ptrdiff_t bytes = (const char *)rows[1] - (const char *)rows[0];
  if (bytes % (ptrdiff_t)sizeof(float) != 0) return false;
  for (size_t i = 2; i < n; i++)
    if ((const char *)rows[i] - (const char *)rows[i - 1] != bytes) return false;
  *stride = bytes / (ptrdiff_t)sizeof(float);
  return true;
}

typedef struct gather {
  const float *const *from;
  edb_block to;
  size_t width;
} gather;

#define ASKED_ROWS 16

static edb_status gather_some_rows(edb_frame *f, const void *arg, size_t row, size_t count) {
  const gather *g = arg;
  bool far = edb_cpu_is_far(f);
  for (size_t end = row + count, n; row < end; row += n) {
    n = far && end - row > ASKED_ROWS ? ASKED_ROWS : end - row;
    for (size_t r = row; far && r < row + n; r++) edb_ask_row(g->from[r], g->width, false);
    f->cpu->kernels->gather(n, g->width, g->from + row, g->to.data + (ptrdiff_t)row * g->to.stride,
                            g->to.stride);
  }
  return EDB_OK;
}

void edb_cpu_gather_rows(edb_frame *f, uint32_t slot, size_t n) {
  uint32_t width = f->cell->plan->slots[slot].width;
  gather g = {f->pointers, f->blocks[slot], width};
  (void)!edb_cpu_run_over_rows(f, &(edb_cpu_rows){.rows = n,
                                                  .most = n,
                                                  .ns = (double)n * width * EDB_CPU_GATHER_NS,
                                                  .fn = gather_some_rows,
                                                  .same_frame = true,
                                                  .arg = &g});
  f->stats->kernels++;
}

/* Rows of inputs and attributes, to where the cell wants them. */
static void count_gather(edb_frame *f, size_t bytes) {
  f->stats->bytes_copied += bytes;
  f->stats->input_gathers++;
}

static void gather_input(edb_frame *f, uint32_t slot, size_t n) {
  edb_cpu_gather_rows(f, slot, n);
  count_gather(f, n * f->cell->plan->slots[slot].width * sizeof(float));
}

static void gather_dense(edb_frame *f, const edb_step *step) {
  const edb_type_sig *sig = &f->cell->plan->cell->sig;
  uint32_t attribute = step->source - sig->n_inputs;
  edb_block to = f->blocks[step->result];
  size_t bytes = f->cell->plan->slots[step->result].width * sizeof(float);
  for (size_t i = 0; i < f->rows[EDB_DOMAIN_NODE]; i++) {
    const float *from = edb_graph_dense(f->graph, f->nodes[i] - f->graph->base, attribute);
    float *row = to.data + (ptrdiff_t)i * to.stride;
    if (from)
      memcpy(row, from, bytes);
    else
      memset(row, 0, bytes);
  }
  count_gather(f, f->rows[EDB_DOMAIN_NODE] * bytes);
  f->stats->kernels++;
}

/* ---- As placed ----------------------------------------------------------------------------------
 */

/* Position of the chunk in its batch. */
static size_t chunk_start(const edb_frame *f) {
  const edb_placed *placed = &f->store->placed;
  return (size_t)(f->nodes - placed->placement->nodes) -
         placed->placement->batch_start[placed->batch];
}

/* The rows of an operand of the batch; NULL: known by their addresses only. */
static const edb_rows *placed_operand(const edb_frame *f, uint32_t operand) {
  const edb_placement *pl = f->store->placed.placement;
  if (!pl || operand == EDB_OPERAND_MIXED) return NULL;
  const edb_rows *rows = &pl->operands[pl->operand_start[f->store->placed.batch] + operand];
  return rows->offset == EDB_ROWS_APART ? NULL : rows;
}

static edb_block block_at(const edb_frame *f, const edb_rows *rows, size_t row) {
  float *slab = (float *)(void *)f->store->placed.slab;
  return (edb_block){slab + rows->offset + row * rows->stride, (ptrdiff_t)rows->stride};
}

/* The same of the operand that lives in a slot. */
static const edb_rows *placed_at(const edb_frame *f, uint32_t root) {
  if (!f->store->placed.placement) return NULL;
  return placed_operand(f, edb_plan_inputs_find(f->inputs, root));
}

#define MOVES 32

/* Rows to be copied, some at a time. */
typedef struct mover {
  const edb_frame *f;
  size_t width, n;
  bool far;
  const float *from[MOVES];
  float *to[MOVES];
} mover;

static void flush_moves(mover *m) {
  m->f->cpu->kernels->move(m->n, m->width, m->from, m->to);
  m->n = 0;
}

static void move_row(mover *m, const float *from, float *to) {
  if (m->far) edb_ask_row(to, m->width, true);
  m->from[m->n] = from;
  m->to[m->n] = to;
  if (++m->n == MOVES) flush_moves(m);
}

/* Rows of earlier runs that stand beside others in a placed operand. */
static void copy_past(edb_frame *f, const edb_input_part *part) {
  const edb_type_sig *sig = &f->cell->plan->cell->sig;
  const edb_graph *g = f->graph;
  edb_block to = f->blocks[f->inputs->operands[part->operand].slot];
  size_t width = edb_shape_size(f->cell->plan->cell->input_shapes[part->input]), moved = 0, row = 0;
  edge_place place = place_of(sig, part->input);
  mover m = {.f = f, .width = width};
  for (size_t i = 0; i < f->rows[EDB_DOMAIN_NODE]; i++) {
    uint32_t end, e = input_edges(place, g, f->nodes[i] - g->base, &end);
    for (; e < end; e++, row++) {
      if (g->edge_node[e] >= f->store->placed.placement->first) continue;
      const char *from = edb_store_row(f->store, g->edge_node[e], g->edge_output[e]);
      move_row(&m, (const float *)(const void *)from,
               to.data + (ptrdiff_t)row * to.stride + part->column);
      moved++;
    }
  }
  flush_moves(&m);
  f->stats->kernels++;
  count_gather(f, moved * width * sizeof(float));
}

/* Operands that placement has put side by side. */
static void bind_placed_operands(edb_frame *f) {
  for (uint32_t k = 0; k < f->inputs->n_operands; k++) {
    const edb_operand *operand = &f->inputs->operands[k];
    const edb_rows *rows = placed_operand(f, k);
    if (!rows) continue;
    const edb_placement *pl = f->store->placed.placement;
    uint32_t batch = f->store->placed.batch;
    size_t row = chunk_start(f);
    if (operand->domain != EDB_DOMAIN_NODE) {
      size_t nodes = pl->batch_start[batch + 1] - pl->batch_start[batch];
      row += (operand->domain - EDB_DOMAIN_GROUP) * nodes;
      row = pl->elements[pl->element_start[batch] + row];
    }
    f->blocks[operand->slot] = block_at(f, rows, row);
    for (uint32_t i = 0; i < f->inputs->n_parts && rows->past; i++)
      if (f->inputs->parts[i].operand == k) copy_past(f, &f->inputs->parts[i]);
  }
}

/* An output whose rows are stored apart is made beside the others of the chunk. */
static void bind_placed_outputs(edb_frame *f) {
  const edb_plan *plan = f->cell->plan;
  const edb_placed *placed = &f->store->placed;
  const edb_rows *rows =
      placed->placement->outputs + placed->placement->output_start[placed->batch];
  float *staged = f->staged;
  for (uint32_t o = 0; o < plan->cell->sig.n_outputs; o++) {
    uint32_t slot = plan->output_slot[o];
    size_t stride = edb_row_stride(plan->slots[slot].width);
    f->blocks[slot] = rows[o].offset == EDB_ROWS_APART ? (edb_block){staged, (ptrdiff_t)stride}
                                                       : block_at(f, &rows[o], chunk_start(f));
    staged += stride * f->rows[EDB_DOMAIN_NODE];
  }
}

static void store_output(edb_frame *f, uint32_t output, size_t row, size_t count) {
  const edb_placed *placed = &f->store->placed;
  const edb_placement *pl = placed->placement;
  const edb_rows *rows = &pl->outputs[pl->output_start[placed->batch] + output];
  bool apart = rows->offset == EDB_ROWS_APART;
  if (!apart && !rows->again) return;
  uint32_t slot = f->cell->plan->output_slot[output];
  edb_block block = f->blocks[slot];
  float *slab = (float *)(void *)placed->slab;
  mover m = {.f = f, .width = f->cell->plan->slots[slot].width, .far = edb_cpu_is_far(f)};
  size_t value = pl->value_start[pl->output_start[placed->batch] + output] + chunk_start(f) + row;
  for (size_t i = row; i < row + count; i++, value++) {
    const float *from = block.data + (ptrdiff_t)i * block.stride;
    if (apart) move_row(&m, from, slab + edb_placement_at(pl, pl->homes[value]));
    for (uint32_t s = rows->again ? pl->again[value] : EDB_AGAIN_END; s != EDB_AGAIN_END;
         s = pl->stores.data[s].next) {
      move_row(&m, from, slab + edb_placement_at(pl, pl->stores.data[s].at));
      f->stats->rows_stored_again++;
    }
  }
  flush_moves(&m);
}

void edb_cpu_store_rows(edb_frame *f, uint32_t from, uint32_t to, size_t row, size_t count) {
  if (!f->store->placed.placement) return;
  for (uint32_t o = 0; o < f->inputs->n_outputs; o++)
    if (f->inputs->last_step[o] >= from && f->inputs->last_step[o] < to)
      store_output(f, o, row, count);
}

/* ---- Gathers ------------------------------------------------------------------------------------
 */

/* Whether rows that are not evenly spaced can stay where they are. */
static bool is_read_by_pointers(const edb_frame *f, uint32_t root) {
  uint32_t k = edb_plan_inputs_find(f->inputs, root);
  if (k == EDB_OPERAND_MIXED) return false;
  const edb_operand *operand = &f->inputs->operands[k];
  return edb_row_rule_points(&f->cpu->rule, operand->reader, operand->read_width,
                             edb_cpu_is_far(f));
}

/* The pointers stand where the rows would have been gathered: those of each part of a slot in the
 * part's share of the slot's memory. */
static void keep_pointers(edb_frame *f, uint32_t slot, size_t n) {
  size_t column = 0;
  uint32_t root = edb_plan_root(f->cell->plan, slot, &column);
  size_t aligned = (column * n + 1) / 2 * 2;
  const float **to = (const float **)(void *)(f->blocks[root].data + aligned);
  _Static_assert(EDB_READER_WIDTH * sizeof(float) >= 2 * sizeof *to,
                 "pointers and their alignment");
  memcpy(to, f->pointers, n * sizeof *to);
  f->apart[slot] = to;
  f->stats->rows_through_pointers += n;
}

void edb_cpu_run_gather(edb_frame *f, const edb_step *step) {
  uint32_t root = edb_plan_root(f->cell->plan, step->result, NULL);
  if (step->source >= f->cell->plan->cell->sig.n_inputs) {
    gather_dense(f, step);
    return;
  }
  if (placed_at(f, root)) return;
  size_t n = point_at_input(f, step->source);
  if (is_read_by_pointers(f, root))
    keep_pointers(f, step->result, n);
  else
    gather_input(f, step->result, n);
}

/* The part of operand k that begins at a column. */
static const edb_input_part *part_at(const edb_plan_inputs *inputs, uint32_t k, size_t column) {
  for (uint32_t i = 0; i < inputs->n_parts; i++)
    if (inputs->parts[i].operand == k && inputs->parts[i].column == column)
      return &inputs->parts[i];
  return NULL;
}

edb_matrices edb_cpu_find_matrices(const edb_frame *f, uint32_t slot, size_t columns,
                                   size_t first) {
  const edb_slot *slots = f->cell->plan->slots;
  edb_matrices m;
  m.n_parts = 1;
  m.first = first;
  m.block = edb_frame_rows(f, slot, first);
  m.height[0] = slots[slot].width / columns;
  m.rows[0] = f->apart[slot];
  if (m.rows[0] || slots[slot].kind != EDB_SLOT_SCRATCH || slots[slot].local) return m;
  uint32_t k = edb_plan_inputs_find(f->inputs, slot);
  if (k == EDB_OPERAND_MIXED || f->inputs->operands[k].n_parts < 2) return m;
  const edb_input_part *part = part_at(f->inputs, k, 0);
  if (!part || !f->apart[part->slot]) return m;
  m.n_parts = 0;
  for (size_t at = 0; part; part = part_at(f->inputs, k, at)) {
    EDB_ASSERT(m.n_parts < EDB_MATRIX_PARTS);
    m.height[m.n_parts] = slots[part->slot].width / columns;
    m.rows[m.n_parts++] = f->apart[part->slot];
    at += slots[part->slot].width;
  }
  return m;
}

/* Inputs that are read in place if they can be. */
static void bind_inputs(edb_frame *f) {
  const edb_plan *plan = f->cell->plan;
  memset(f->apart, 0, plan->n_slots * sizeof *f->apart);
  for (uint32_t i = 0; i < plan->cell->sig.n_inputs; i++) {
    uint32_t slot = plan->input_slot[i];
    if (slot == EDB_SLOT_NONE || plan->slots[slot].kind != EDB_SLOT_INPUT) continue;
    if (placed_at(f, slot)) continue;
    ptrdiff_t stride;
    size_t n = point_at_input(f, i);
    if (n == 0) continue;
    if (evenly_spaced(f->pointers, n, &stride))
      f->blocks[slot] = (edb_block){(float *)(uintptr_t)f->pointers[0], stride};
    else if (is_read_by_pointers(f, slot))
      keep_pointers(f, slot, n);
    else
      gather_input(f, slot, n);
  }
}

/* ---- The frame of a chunk
 * ------------------------------------------------------------------------ */

static void bind_outputs(edb_frame *f) {
  const edb_plan *plan = f->cell->plan;
  for (uint32_t o = 0; o < plan->cell->sig.n_outputs; o++) {
    uint32_t slot = plan->output_slot[o];
    char *row = edb_store_row(f->store, f->nodes[0], o);
    f->blocks[slot] =
        (edb_block){(float *)(void *)row, (ptrdiff_t)edb_row_stride(plan->slots[slot].width)};
  }
}

static bool is_fixed(const edb_plan *plan, uint32_t slot) {
  edb_slot_kind kind = plan->slots[edb_plan_root(plan, slot, NULL)].kind;
  return kind == EDB_SLOT_PARAM || kind == EDB_SLOT_STACK || kind == EDB_SLOT_NUMBER;
}

edb_status edb_cpu_slots_create(edb_context *ctx, edb_cpu_cell *cell, edb_error *error) {
  const edb_plan *plan = cell->plan;
  uint32_t n = plan->n_slots;
  cell->fixed = edb_alloc_zero(ctx, n * sizeof *cell->fixed);
  cell->moving = edb_alloc(ctx, n * sizeof *cell->moving);
  if (n && (!cell->fixed || !cell->moving))
    return edb_fail_memory(error, n * sizeof *cell->fixed, "the slots of a cell");
  for (uint32_t i = 0; i < n; i++)
    if (plan->slots[i].kind == EDB_SLOT_SCRATCH || plan->slots[i].kind == EDB_SLOT_INPUT)
      cell->moving[cell->n_roots++] = i;
  for (uint32_t i = 0; i < n; i++)
    if (plan->slots[i].kind == EDB_SLOT_PART && !is_fixed(plan, i))
      cell->moving[cell->n_roots + cell->n_parts++] = i;
  return EDB_OK;
}

void edb_cpu_slots_destroy(edb_context *ctx, edb_cpu_cell *cell) {
  uint32_t n = cell->plan ? cell->plan->n_slots : 0;
  edb_free(ctx, cell->fixed, n * sizeof *cell->fixed);
  edb_free(ctx, cell->moving, n * sizeof *cell->moving);
}

void edb_cpu_bind_fixed(const edb_cpu *cpu, edb_cpu_cell *cell) {
  const edb_plan *plan = cell->plan;
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    size_t column = 0;
    const edb_slot *root = &plan->slots[edb_plan_root(plan, i, &column)];
    const float *row = NULL;
    if (root->kind == EDB_SLOT_PARAM) row = edb_weights_param(cpu->weights, root->index);
    if (root->kind == EDB_SLOT_STACK) row = cell->rows + root->position;
    if (root->kind == EDB_SLOT_NUMBER) row = cell->numbers + root->index;
    if (row) cell->fixed[i] = (edb_block){(float *)(uintptr_t)(row + column), 0};
  }
}

/* Slots with memory of their own, then the parts, which follow their roots. */
void edb_cpu_bind_slots(edb_frame *f, float *const *domain_base) {
  const edb_cpu_cell *cell = f->cell;
  const edb_plan *plan = cell->plan;
  memcpy(f->blocks, cell->fixed, plan->n_slots * sizeof *f->blocks);
  for (uint32_t i = 0; i < cell->n_roots; i++) {
    const edb_slot *s = &plan->slots[cell->moving[i]];
    size_t rows = s->local ? cell->tile_rows : f->rows[s->domain];
    float *base = s->local ? f->tile : domain_base[s->domain];
    f->blocks[cell->moving[i]] =
        (edb_block){base + s->position * rows,
                    s->domain == EDB_DOMAIN_STATIC ? 0 : (ptrdiff_t)edb_cpu_align16(s->width)};
  }
  if (f->store->placed.placement)
    bind_placed_outputs(f);
  else
    bind_outputs(f);
  bind_placed_operands(f);
  bind_inputs(f);
  const uint32_t *parts = cell->moving + cell->n_roots;
  for (uint32_t i = 0; i < cell->n_parts; i++) {
    const edb_slot *s = &plan->slots[parts[i]];
    edb_block root = f->blocks[s->parent];
    f->blocks[parts[i]] = (edb_block){root.data + s->offset, root.stride};
  }
}

void edb_cpu_bind_rows(edb_frame *f, size_t nodes) {
  const edb_plan *plan = f->cell->plan;
  f->rows[EDB_DOMAIN_STATIC] = 1;
  f->rows[EDB_DOMAIN_NODE] = nodes;
  for (uint32_t g = 0; g < plan->n_domains - EDB_DOMAIN_GROUP; g++) {
    uint32_t sum = 0, place = edb_cpu_group_place(&plan->cell->sig, g);
    for (size_t i = 0; i < nodes; i++) {
      f->first[g][i] = sum;
      sum += (uint32_t)edb_graph_arities(f->graph, f->nodes[i] - f->graph->base)[place];
    }
    f->first[g][nodes] = sum;
    f->rows[EDB_DOMAIN_GROUP + g] = sum;
  }
  f->labels = !f->cell->has_labels;
  for (size_t i = 0; i < nodes && !f->labels; i++)
    f->labels = edb_graph_has_labels(f->graph, f->nodes[i] - f->graph->base);
}
