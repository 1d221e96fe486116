/* layout/placement.c: rows of a schedule to offsets in a slab. */
#include "layout/placement.h"

#include <string.h>

#include "base/map.h"
#include "layout/offsets.h"
#include "layout/reduce.h"

/* One block: the rows of one output of one batch. */
typedef struct block {
  size_t offset, size;
  uint32_t last_use;  /* batch of the last consumer; UINT32_MAX: kept */
  uint32_t next_dead; /* list of the blocks that die with the same batch */
} block;

typedef struct placer {
  edb_context *ctx;
  const edb_program *program;
  const edb_graph *graph;
  const edb_schedule *schedule;
  edb_placement *placement;
  edb_error *error;
  uint32_t *batch_of;    /* [n_nodes] */
  uint32_t *block_start; /* [n_batches + 1] */
  block *blocks;
  uint32_t *dead; /* [n_batches] first block that dies with it */
  size_t bytes;
} placer;

static size_t output_width(const placer *p, uint32_t type, uint32_t output) {
  return edb_shape_size(p->program->cells[type].outputs[output].shape);
}

static uint32_t output_count(const placer *p, uint32_t type) {
  return p->program->cells[type].sig.n_outputs;
}

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

static void mark_kept(placer *p, const edb_keep *keep) {
  edb_placement *pl = p->placement;
  for (uint32_t t = 0; t < p->program->n_cells; t++)
    for (uint32_t o = 0; o < output_count(p, t); o++)
      pl->kept[pl->kept_start[t] + o] = is_kept(keep, p->program->cells[t].sig.outputs[o].name);
}

static edb_status alloc_kept(placer *p) {
  edb_placement *pl = p->placement;
  pl->n_types = p->program->n_cells;
  pl->kept_start = edb_alloc(p->ctx, ((size_t)pl->n_types + 1) * sizeof *pl->kept_start);
  if (!pl->kept_start) return edb_fail_memory(p->error, pl->n_types, "a placement");
  uint32_t sum = 0;
  for (uint32_t t = 0; t < pl->n_types; t++) {
    pl->kept_start[t] = sum;
    sum += output_count(p, t);
  }
  pl->kept_start[pl->n_types] = sum;
  pl->kept = edb_alloc(p->ctx, sum);
  if (sum && !pl->kept) return edb_fail_memory(p->error, sum, "a placement");
  return EDB_OK;
}

/* ---- Tables -----------------------------------------------------------------------------------
 */

static edb_status alloc_tables(placer *p) {
  edb_placement *pl = p->placement;
  const edb_graph *g = p->graph;
  uint32_t base = pl->first - g->base;
  pl->value_start = edb_alloc(p->ctx, ((size_t)pl->n_nodes + 1) * sizeof *pl->value_start);
  if (!pl->value_start) return edb_fail_memory(p->error, pl->n_nodes, "a placement");
  size_t values = 0;
  for (uint32_t i = 0; i < pl->n_nodes; i++) {
    pl->value_start[i] = (uint32_t)values;
    values += output_count(p, g->type[base + i]);
    if (values > UINT32_MAX)
      return edb_fail(p->error, EDB_ERROR_LIMIT, "more than 2^32 values in one mini-batch");
  }
  pl->value_start[pl->n_nodes] = (uint32_t)values;
  pl->offset = edb_alloc(p->ctx, values * sizeof *pl->offset);
  if (values && !pl->offset)
    return edb_fail_memory(p->error, values * sizeof *pl->offset, "a placement");
  return EDB_OK;
}

/* Batches of nodes and blocks of batches, in one piece of memory. */
static edb_status alloc_working(placer *p) {
  uint32_t n_batches = p->schedule->info.n_batches;
  size_t n_blocks = 0;
  for (uint32_t b = 0; b < n_batches; b++) n_blocks += output_count(p, p->schedule->batch_type[b]);
  size_t words = (size_t)p->placement->n_nodes + 2 * (size_t)n_batches + 1;
  words += words & 1;
  p->bytes = words * sizeof(uint32_t) + n_blocks * sizeof(block);
  p->batch_of = edb_alloc(p->ctx, p->bytes);
  if (!p->batch_of) return edb_fail_memory(p->error, p->bytes, "a placement");
  p->block_start = p->batch_of + p->placement->n_nodes;
  p->dead = p->block_start + n_batches + 1;
  p->blocks = (block *)(void *)(p->batch_of + words);
  return EDB_OK;
}

/* Each pending node stands in one batch, which is of its type. */
static edb_status place_node(placer *p, edb_node node, uint32_t batch) {
  uint32_t local = node - p->placement->first;
  bool pending = node >= p->placement->first && local < p->placement->n_nodes;
  EDB_FAIL_IF(!pending || p->batch_of[local] != UINT32_MAX ||
                  p->graph->type[node - p->graph->base] != p->schedule->batch_type[batch],
              p->error, EDB_ERROR_ARGUMENT,
              "the schedule was made for another graph: node %u does not belong into batch %u",
              node, batch);
  p->batch_of[local] = batch;
  return EDB_OK;
}

static edb_status number_blocks(placer *p) {
  if (p->placement->n_nodes) memset(p->batch_of, 0xff, p->placement->n_nodes * sizeof *p->batch_of);
  const edb_schedule *s = p->schedule;
  uint32_t next = 0;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    uint32_t type = s->batch_type[b], rows = s->batch_start[b + 1] - s->batch_start[b];
    p->block_start[b] = next;
    p->dead[b] = UINT32_MAX;
    for (uint32_t o = 0; o < output_count(p, type); o++) {
      size_t floats = edb_row_stride(output_width(p, type, o)) * rows;
      bool kept = p->placement->kept[p->placement->kept_start[type] + o];
      p->blocks[next++] =
          (block){.size = (floats + 15) / 16 * 16, .last_use = kept ? UINT32_MAX : b};
    }
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++)
      EDB_TRY(place_node(p, s->nodes[i], b));
  }
  p->block_start[s->info.n_batches] = next;
  return EDB_OK;
}

/* The last batch that reads each block; a batch reads earlier ones only. */
static edb_status find_last_uses(placer *p) {
  const edb_graph *g = p->graph;
  const edb_placement *pl = p->placement;
  uint32_t base = pl->first - g->base;
  for (uint32_t i = 0; i < pl->n_nodes; i++) {
    uint32_t reader = p->batch_of[i];
    for (uint32_t e = g->edge_start[base + i]; e < g->edge_start[base + i + 1]; e++) {
      if (g->edge_node[e] < pl->first) continue;
      uint32_t from = p->batch_of[g->edge_node[e] - pl->first];
      EDB_FAIL_IF(from >= reader, p->error, EDB_ERROR_ARGUMENT,
                  "the schedule was made for another graph: node %u runs before its input %u",
                  pl->first + i, g->edge_node[e]);
      block *b = &p->blocks[p->block_start[from] + g->edge_output[e]];
      if (b->last_use != UINT32_MAX && b->last_use < reader) b->last_use = reader;
    }
  }
  return EDB_OK;
}

static void link_deaths(placer *p) {
  uint32_t n_blocks = p->block_start[p->schedule->info.n_batches];
  for (uint32_t k = 0; k < n_blocks; k++) {
    block *b = &p->blocks[k];
    if (b->last_use == UINT32_MAX) continue;
    b->next_dead = p->dead[b->last_use];
    p->dead[b->last_use] = k;
  }
}

/* Walks the schedule: a batch takes its blocks, then those that die with it are given back. */
static void place_blocks(placer *p) {
  edb_offsets offsets;
  edb_offsets_init(&offsets, p->ctx);
  for (uint32_t b = 0; b < p->schedule->info.n_batches; b++) {
    for (uint32_t k = p->block_start[b]; k < p->block_start[b + 1]; k++)
      p->blocks[k].offset = edb_offsets_take(&offsets, p->blocks[k].size);
    for (uint32_t k = p->dead[b]; k != UINT32_MAX; k = p->blocks[k].next_dead)
      (void)edb_offsets_give(&offsets, p->blocks[k].offset, p->blocks[k].size);
  }
  p->placement->slab_floats = offsets.peak;
  edb_offsets_free_all(&offsets);
}

static void write_offsets(placer *p) {
  const edb_schedule *s = p->schedule;
  edb_placement *pl = p->placement;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    uint32_t type = s->batch_type[b], n_outputs = output_count(p, type);
    for (uint32_t o = 0; o < n_outputs; o++) {
      size_t at = p->blocks[p->block_start[b] + o].offset;
      size_t stride = edb_row_stride(output_width(p, type, o));
      for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++, at += stride)
        pl->offset[pl->value_start[s->nodes[i] - pl->first] + o] = at;
    }
  }
}

static edb_status check_schedule(const placer *p) {
  uint32_t pending = edb_graph_pending_count(p->graph);
  EDB_FAIL_IF(p->schedule->info.n_nodes != pending, p->error, EDB_ERROR_ARGUMENT,
              "the schedule has %u nodes, the graph %u pending ones", p->schedule->info.n_nodes,
              pending);
  for (uint32_t b = 0; b < p->schedule->info.n_batches; b++)
    EDB_FAIL_IF(p->schedule->batch_type[b] >= p->program->n_cells, p->error, EDB_ERROR_ARGUMENT,
                "the schedule has a batch of type %u, the model %u types",
                p->schedule->batch_type[b], p->program->n_cells);
  return EDB_OK;
}

static edb_status place(placer *p, const edb_keep *keep) {
  EDB_TRY(check_schedule(p));
  EDB_TRY(alloc_kept(p));
  EDB_TRY(edb_keep_check(p->program, keep, p->error));
  mark_kept(p, keep);
  EDB_TRY(alloc_tables(p));
  EDB_TRY(alloc_working(p));
  EDB_TRY(number_blocks(p));
  EDB_TRY(find_last_uses(p));
  link_deaths(p);
  place_blocks(p);
  write_offsets(p);
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
                        .n_nodes = edb_graph_pending_count(graph)};
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

edb_status edb_placement_make(edb_context *ctx, const edb_program *program, const edb_graph *graph,
                              const edb_schedule *schedule, const edb_keep *keep,
                              edb_placement **out, edb_error *error) {
  edb_placement *pl = new_placement(ctx, graph, schedule);
  if (!pl) return edb_fail_memory(error, sizeof *pl, "a placement");
  placer p = {.ctx = ctx,
              .program = program,
              .graph = graph,
              .schedule = schedule,
              .placement = pl,
              .error = error};
  edb_status status = place(&p, keep);
  edb_free(ctx, p.batch_of, p.batch_of ? p.bytes : 0);
  if (status != EDB_OK) {
    edb_placement_destroy(pl);
    return status;
  }
  pl->peak_bytes = pl->slab_floats * sizeof(float) + edb_placement_table_bytes(pl);
  *out = pl;
  return EDB_OK;
}

size_t edb_placement_table_bytes(const edb_placement *pl) {
  size_t values = pl->value_start ? pl->value_start[pl->n_nodes] : 0;
  return sizeof *pl + ((size_t)pl->n_nodes + 1) * sizeof *pl->value_start +
         values * sizeof *pl->offset;
}

void edb_placement_destroy(edb_placement *pl) {
  if (!pl) return;
  edb_context *ctx = pl->ctx;
  edb_placement_destroy(pl->inner); /* which has none itself */
  edb_reduced_destroy(pl->reduced);
  if (pl->offset) edb_free(ctx, pl->offset, pl->value_start[pl->n_nodes] * sizeof *pl->offset);
  if (pl->value_start)
    edb_free(ctx, pl->value_start, ((size_t)pl->n_nodes + 1) * sizeof *pl->value_start);
  if (pl->kept) edb_free(ctx, pl->kept, pl->kept_start[pl->n_types]);
  if (pl->kept_start)
    edb_free(ctx, pl->kept_start, ((size_t)pl->n_types + 1) * sizeof *pl->kept_start);
  edb_free(ctx, pl, sizeof *pl);
}

size_t edb_placement_peak_bytes(const edb_placement *placement) {
  return placement->peak_bytes;
}
