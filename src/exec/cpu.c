/* exec/cpu.c: the CPU backend: batches to chunks, chunks to steps. */
#include "exec/cpu.h"

#include <string.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/poison.h"

/* ---- Life ---------------------------------------------------------------------------------------
 */

static size_t align16(size_t n) {
  return (n + 15) / 16 * 16;
}

static size_t clamp(size_t n, size_t low, size_t high) {
  return n < low ? low : n > high ? high : n;
}

/* Rows of a chunk: scratch, operands and results of a chunk shall stay in the second-level cache
 * beside a panel of weights, but there must be enough rows to use a panel well. A multiple of the
 * six rows of the product kernels. */
static void choose_blocking(edb_cpu_cell *cell, edb_cpu_caches caches) {
  const edb_plan *plan = cell->plan;
  size_t budget = caches.l2_bytes / 2 / sizeof(float),
         per_node = plan->domain_floats[EDB_DOMAIN_NODE];
  size_t per_element = 0;
  for (uint32_t o = 0; o < plan->cell->sig.n_outputs; o++)
    per_node += edb_shape_size(plan->cell->outputs[o].shape);
  for (uint32_t d = EDB_DOMAIN_GROUP; d < plan->n_domains; d++)
    if (plan->domain_floats[d] > per_element) per_element = plan->domain_floats[d];
  cell->chunk_nodes = clamp(budget / (per_node + 1), 24, 192) / 6 * 6;
  cell->chunk_elements = clamp(budget / (per_element + 1), 48, 4096) / 6 * 6;
  /* A tile's local values fill about half of the first-level cache. */
  size_t tile = caches.l1d_bytes / 2 / sizeof(float);
  cell->tile_rows = clamp(tile / (plan->local_floats + 1), 1, cell->chunk_nodes);
}

static edb_status create_cell(edb_cpu *cpu, uint32_t index, edb_cpu_caches caches,
                              edb_error *error) {
  edb_cpu_cell *cell = &cpu->cells[index];
  const edb_ir_cell *ir = &cpu->program->cells[index];
  EDB_TRY(edb_plan_create(cpu->ctx, cpu->program, index, &cell->plan, error));
  if (ir->n_numbers) {
    cell->numbers = edb_alloc(cpu->ctx, ir->n_numbers * sizeof(float));
    if (!cell->numbers) return edb_fail_memory(error, ir->n_numbers * sizeof(float), "literals");
    for (uint32_t i = 0; i < ir->n_numbers; i++) cell->numbers[i] = (float)ir->numbers[i];
  }
  for (uint32_t i = 0; i < ir->sig.n_indices; i++) cell->has_labels |= ir->sig.indices[i].is_label;
  for (uint32_t i = 0; i < ir->sig.n_dense; i++) cell->has_labels |= ir->sig.dense[i].is_label;
  choose_blocking(cell, caches);
  return edb_cpu_weights_create(cpu, cell, error);
}

/* The caller's allocator may write into what it gets back. */
static void free_scratch(edb_cpu *cpu) {
  if (cpu->scratch) EDB_UNPOISON(cpu->scratch, cpu->scratch_bytes);
  edb_free(cpu->ctx, cpu->scratch, cpu->scratch_bytes);
}

static void cpu_destroy(void *state) {
  edb_cpu *cpu = state;
  if (!cpu) return;
  for (uint32_t i = 0; cpu->cells && i < cpu->program->n_cells; i++) {
    edb_cpu_cell *cell = &cpu->cells[i];
    edb_cpu_weights_destroy(cpu, cell);
    edb_free(cpu->ctx, cell->numbers,
             cell->numbers ? cpu->program->cells[i].n_numbers * sizeof(float) : 0);
    edb_plan_destroy(cell->plan);
  }
  if (cpu->cells) edb_free(cpu->ctx, cpu->cells, cpu->program->n_cells * sizeof *cpu->cells);
  free_scratch(cpu);
  edb_free(cpu->ctx, cpu, sizeof *cpu);
}

static edb_status cpu_create(edb_context *ctx, const edb_program *program,
                             const edb_weights *weights, void **state, edb_error *error) {
  edb_cpu *cpu = edb_alloc_zero(ctx, sizeof *cpu);
  if (!cpu) return edb_fail_memory(error, sizeof *cpu, "the CPU backend");
  *cpu = (edb_cpu){.ctx = ctx,
                   .program = program,
                   .weights = weights,
                   .kernels = edb_kernels_get(ctx->simd),
                   .version = UINT64_MAX};
  edb_status status = EDB_OK;
  edb_cpu_caches caches = edb_cpu_cache_sizes();
  cpu->cells = edb_alloc_zero(ctx, program->n_cells * sizeof *cpu->cells);
  if (program->n_cells && !cpu->cells)
    status = edb_fail_memory(error, program->n_cells * sizeof *cpu->cells, "the CPU backend");
  for (uint32_t i = 0; i < program->n_cells && status == EDB_OK; i++)
    status = create_cell(cpu, i, caches, error);
  if (status != EDB_OK) {
    cpu_destroy(cpu);
    return status;
  }
  *state = cpu;
  return EDB_OK;
}

/* ---- Scratch memory ----------------------------------------------------------------------------
 *
 *   | rows[] first*[] | first elements per group | blocks | row pointers | ids | static | nodes |
 *   | group 0 | group 1 ... | tile |
 *
 * Under AddressSanitizer red zones stand between the parts. */

static size_t align_part(size_t bytes) {
  return (bytes + EDB_RED_ZONE_BYTES + EDB_ALIGN - 1) / EDB_ALIGN * EDB_ALIGN;
}

typedef struct chunk_size {
  size_t nodes, elements; /* elements: of the largest group */
} chunk_size;

static size_t scratch_layout(const edb_cpu_cell *cell, chunk_size size, edb_frame *f, char *base,
                             float **domain_base, float **tile) {
  const edb_plan *plan = cell->plan;
  size_t at = 0, n_groups = plan->n_domains - EDB_DOMAIN_GROUP;
  size_t most = size.nodes > size.elements ? size.nodes : size.elements;
#define TAKE(field, type, count)                                \
  do {                                                          \
    size_t bytes = (count) * sizeof(type);                      \
    if (f) {                                                    \
      (field) = (type *)(void *)(base + at);                    \
      EDB_UNPOISON(base + at, bytes);                           \
      EDB_POISON(base + at + bytes, align_part(bytes) - bytes); \
    }                                                           \
    at += align_part(bytes);                                    \
  } while (0)
  TAKE(f->rows, size_t, plan->n_domains);
  TAKE(f->first, uint32_t *, n_groups);
  for (size_t g = 0; g < n_groups; g++) TAKE(f->first[g], uint32_t, size.nodes + 1);
  TAKE(f->blocks, edb_block, plan->n_slots);
  TAKE(f->pointers, const float *, most + 1);
  TAKE(f->ids, int32_t, most + 1);
  for (uint32_t d = 0; d < plan->n_domains; d++) {
    size_t rows = d == EDB_DOMAIN_STATIC ? 1 : d == EDB_DOMAIN_NODE ? size.nodes : size.elements;
    TAKE(domain_base[d], float, rows * plan->domain_floats[d]);
  }
  TAKE(*tile, float, cell->tile_rows * plan->local_floats);
#undef TAKE
  return at;
}

/* Arity of each variadic group at a node: that of any of its inputs. */
static uint32_t group_arity(const edb_type_sig *sig, const int32_t *arities, uint32_t group) {
  uint32_t v = 0;
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    if (!sig->inputs[i].variadic) continue;
    if (sig->inputs[i].group == group) return (uint32_t)arities[v];
    v++;
  }
  return 0;
}

/* How many nodes from `nodes` on form the next chunk. */
static chunk_size next_chunk(const edb_cpu_cell *cell, const edb_graph *graph,
                             const edb_node *nodes, size_t count) {
  uint32_t n_groups = cell->plan->n_domains - EDB_DOMAIN_GROUP;
  chunk_size size = {.nodes = count < cell->chunk_nodes ? count : cell->chunk_nodes};
  for (uint32_t g = 0; g < n_groups; g++) {
    size_t sum = 0;
    for (size_t i = 0; i < size.nodes; i++) {
      const int32_t *arities = edb_graph_arities(graph, nodes[i] - graph->base);
      size_t arity = group_arity(&cell->plan->cell->sig, arities, g);
      if (i > 0 && sum + arity > cell->chunk_elements) {
        size.nodes = i;
        break;
      }
      sum += arity;
    }
  }
  for (uint32_t g = 0; g < n_groups; g++) {
    size_t sum = 0;
    for (size_t i = 0; i < size.nodes; i++)
      sum +=
          group_arity(&cell->plan->cell->sig, edb_graph_arities(graph, nodes[i] - graph->base), g);
    if (sum > size.elements) size.elements = sum;
  }
  return size;
}

static size_t cpu_scratch_bytes(const void *state, const edb_graph *graph,
                                const edb_schedule *schedule) {
  const edb_cpu *cpu = state;
  size_t largest = 0;
  for (uint32_t b = 0; b < schedule->info.n_batches; b++) {
    const edb_cpu_cell *cell = &cpu->cells[schedule->batch_type[b]];
    bool variadic = cell->plan->n_domains > EDB_DOMAIN_GROUP;
    for (size_t i = schedule->batch_start[b]; i < schedule->batch_start[b + 1];) {
      chunk_size size =
          next_chunk(cell, graph, schedule->nodes + i, schedule->batch_start[b + 1] - i);
      float *unused;
      size_t bytes = scratch_layout(cell, size, NULL, NULL, NULL, &unused);
      if (bytes > largest) largest = bytes;
      i += size.nodes;
      if (!variadic) break; /* the first chunk is the largest */
    }
  }
  return largest;
}

static edb_status cpu_begin(void *state, size_t scratch_bytes, bool timing, edb_error *error) {
  edb_cpu *cpu = state;
  cpu->timing = timing;
  if (cpu->version != cpu->weights->version) edb_cpu_weights_refill(cpu);
  if (scratch_bytes <= cpu->scratch_bytes) return EDB_OK;
  char *bigger = edb_alloc(cpu->ctx, scratch_bytes);
  if (!bigger) return edb_fail_memory(error, scratch_bytes, "the scratch memory of a batch");
  free_scratch(cpu);
  cpu->scratch = bigger;
  cpu->scratch_bytes = scratch_bytes;
  return EDB_OK;
}

/* ---- Operands -----------------------------------------------------------------------------------
 */

/* First edge of input `input` of a node. */
static uint32_t input_edge(const edb_type_sig *sig, const edb_graph *g, uint32_t index,
                           uint32_t input) {
  uint32_t edge = g->edge_start[index];
  if (sig->n_variadic == 0) return edge + input;
  const int32_t *arities = edb_graph_arities(g, index);
  uint32_t v = 0;
  for (uint32_t i = 0; i < input; i++) edge += sig->inputs[i].variadic ? (uint32_t)arities[v++] : 1;
  return edge;
}

/* Addresses of an input's rows in the chunk, in frame->pointers; returns their number. */
static size_t point_at_input(edb_frame *f, uint32_t input) {
  const edb_type_sig *sig = &f->cell->plan->cell->sig;
  const edb_graph *g = f->graph;
  size_t n = 0, nodes = f->rows[EDB_DOMAIN_NODE];
  bool variadic = sig->inputs[input].variadic;
  for (size_t i = 0; i < nodes; i++) {
    uint32_t index = f->nodes[i] - g->base, edge = input_edge(sig, g, index, input);
    uint32_t arity =
        variadic ? group_arity(sig, edb_graph_arities(g, index), sig->inputs[input].group) : 1;
    for (uint32_t e = edge; e < edge + arity; e++)
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

static void gather_rows(edb_frame *f, uint32_t slot, size_t n) {
  uint32_t width = f->cell->plan->slots[slot].width;
  edb_block to = f->blocks[slot];
  f->cpu->kernels->gather(n, width, f->pointers, to.data, to.stride);
  f->stats->bytes_copied += n * width * sizeof(float);
  f->stats->kernels++;
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
  f->stats->bytes_copied += f->rows[EDB_DOMAIN_NODE] * bytes;
  f->stats->kernels++;
}

static void run_gather(edb_frame *f, const edb_step *step) {
  if (step->source >= f->cell->plan->cell->sig.n_inputs)
    gather_dense(f, step);
  else
    gather_rows(f, step->result, point_at_input(f, step->source));
}

/* Inputs that are read in place if they can be. */
static void bind_inputs(edb_frame *f) {
  const edb_plan *plan = f->cell->plan;
  for (uint32_t i = 0; i < plan->cell->sig.n_inputs; i++) {
    uint32_t slot = plan->input_slot[i];
    if (slot == EDB_SLOT_NONE || plan->slots[slot].kind != EDB_SLOT_INPUT) continue;
    ptrdiff_t stride;
    size_t n = point_at_input(f, i);
    if (n == 0) continue;
    if (evenly_spaced(f->pointers, n, &stride))
      f->blocks[slot] = (edb_block){(float *)(uintptr_t)f->pointers[0], stride};
    else
      gather_rows(f, slot, n);
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

/* Slots with memory of their own, then the parts, which follow their roots. */
static void bind_slots(edb_frame *f, float *const *domain_base, float *tile) {
  const edb_plan *plan = f->cell->plan;
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    const edb_slot *s = &plan->slots[i];
    size_t rows = s->local ? f->cell->tile_rows : f->rows[s->domain];
    float *base = s->local ? tile : domain_base[s->domain];
    if (s->kind == EDB_SLOT_SCRATCH || s->kind == EDB_SLOT_INPUT)
      f->blocks[i] = (edb_block){base + s->position * rows,
                                 s->domain == EDB_DOMAIN_STATIC ? 0 : (ptrdiff_t)align16(s->width)};
    else if (s->kind == EDB_SLOT_PARAM)
      f->blocks[i] =
          (edb_block){(float *)(uintptr_t)edb_weights_param(f->cpu->weights, s->index), 0};
    else if (s->kind == EDB_SLOT_NUMBER)
      f->blocks[i] = (edb_block){(float *)(uintptr_t)(f->cell->numbers + s->index), 0};
  }
  bind_outputs(f);
  bind_inputs(f);
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    if (plan->slots[i].kind != EDB_SLOT_PART) continue;
    size_t offset;
    edb_block root = f->blocks[edb_plan_root(plan, i, &offset)];
    f->blocks[i] = (edb_block){root.data + offset, root.stride};
  }
}

static void bind_rows(edb_frame *f, chunk_size size) {
  const edb_plan *plan = f->cell->plan;
  f->rows[EDB_DOMAIN_STATIC] = 1;
  f->rows[EDB_DOMAIN_NODE] = size.nodes;
  for (uint32_t g = 0; g < plan->n_domains - EDB_DOMAIN_GROUP; g++) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size.nodes; i++) {
      f->first[g][i] = sum;
      sum += group_arity(&plan->cell->sig,
                         edb_graph_arities(f->graph, f->nodes[i] - f->graph->base), g);
    }
    f->first[g][size.nodes] = sum;
    f->rows[EDB_DOMAIN_GROUP + g] = sum;
  }
  f->labels = !f->cell->has_labels;
  for (size_t i = 0; i < size.nodes && !f->labels; i++)
    f->labels = edb_graph_has_labels(f->graph, f->nodes[i] - f->graph->base);
}

/* ---- Steps --------------------------------------------------------------------------------------
 */

static void run_product(edb_frame *f, uint32_t index) {
  const edb_step *step = &f->cell->plan->steps[index];
  const edb_kernels *k = f->cpu->kernels;
  edb_block a = f->blocks[step->operand[0]], c = f->blocks[step->result];
  size_t rows = f->rows[step->domain];
  const float *packed = f->cell->packed[index];
  f->stats->kernels++;
  if (step->repeat == 1) {
    k->product_packed(rows, step->columns, step->depth, a.data, a.stride, packed, c.data, c.stride);
    return;
  }
  for (size_t r = 0; r < rows; r++)
    k->product_packed(step->repeat, step->columns, step->depth, a.data + (ptrdiff_t)r * a.stride,
                      step->depth, packed, c.data + (ptrdiff_t)r * c.stride, step->columns);
}

static void run_expand(edb_frame *f, const edb_step *step) {
  edb_block from = f->blocks[step->operand[0]];
  const uint32_t *first = f->first[step->group];
  for (size_t i = 0; i < f->rows[EDB_DOMAIN_NODE]; i++)
    for (uint32_t e = first[i]; e < first[i + 1]; e++)
      f->pointers[e] = from.data + (ptrdiff_t)i * from.stride;
  gather_rows(f, step->result, f->rows[step->domain]);
}

static void run_copy(edb_frame *f, const edb_step *step, size_t row, size_t count) {
  edb_block from = edb_frame_rows(f, step->operand[0], row),
            to = edb_frame_rows(f, step->result, row);
  edb_span span = {from.data, from.stride, 1};
  f->cpu->kernels->copy(count, f->cell->plan->slots[step->result].width, span, to.data, to.stride);
}

static edb_status run_rows(edb_frame *f, const edb_step *step, size_t row, size_t count) {
  if (step->kind == EDB_STEP_OP) return edb_cpu_run_op(f, step, row, count);
  if (step->kind == EDB_STEP_FUSED) {
    edb_cpu_run_fused(f, step, row, count);
    return EDB_OK;
  }
  run_copy(f, step, row, count);
  return EDB_OK;
}

/* Steps from .. to - 1, which share a run: tile by tile. */
static edb_status run_tiles(edb_frame *f, uint32_t from, uint32_t to) {
  const edb_step *steps = f->cell->plan->steps;
  size_t rows = f->rows[steps[from].domain], tile = f->cell->tile_rows;
  for (size_t row = 0; row < rows; row += tile) {
    size_t count = rows - row < tile ? rows - row : tile;
    for (uint32_t i = from; i < to; i++) EDB_TRY(run_rows(f, &steps[i], row, count));
  }
  f->stats->kernels += to - from;
  return EDB_OK;
}

/* One step, or all steps of its run; *next gets the step after them. */
static edb_status run_step(edb_frame *f, uint32_t index, uint32_t *next) {
  const edb_plan *plan = f->cell->plan;
  const edb_step *step = &plan->steps[index];
  *next = index + 1;
  while (step->run && *next < plan->n_steps && plan->steps[*next].run == step->run) (*next)++;
  if ((step->needs_labels && !f->labels) || f->rows[step->domain] == 0) return EDB_OK;
  if (step->run) return run_tiles(f, index, *next);
  switch (step->kind) {
  case EDB_STEP_PRODUCT:
    run_product(f, index);
    return EDB_OK;
  case EDB_STEP_GATHER:
    run_gather(f, step);
    return EDB_OK;
  case EDB_STEP_EXPAND:
    run_expand(f, step);
    return EDB_OK;
  case EDB_STEP_COPY:
  case EDB_STEP_FUSED:
  case EDB_STEP_OP:
    break;
  }
  f->stats->kernels++;
  return run_rows(f, step, 0, f->rows[step->domain]);
}

static uint64_t *time_of(edb_run_stats *stats, const edb_plan *plan, const edb_step *step) {
  bool is_product = step->kind == EDB_STEP_PRODUCT ||
                    (step->kind == EDB_STEP_OP && plan->cell->ops[step->op].kind == EDB_OP_PRODUCT);
  if (is_product) return &stats->product_ns;
  if (step->kind == EDB_STEP_GATHER || step->kind == EDB_STEP_EXPAND) return &stats->copy_ns;
  return &stats->elementwise_ns;
}

static edb_status run_chunk(edb_frame *f, chunk_size size, float *const *domain_base, float *tile) {
  bool timing = f->cpu->timing;
  uint64_t then = timing ? edb_clock_ns() : 0;
  bind_rows(f, size);
  bind_slots(f, domain_base, tile);
  if (timing) {
    uint64_t now = edb_clock_ns();
    f->stats->copy_ns += now - then;
    then = now;
  }
  for (uint32_t i = 0, next; i < f->cell->plan->n_steps; i = next) {
    EDB_TRY(run_step(f, i, &next));
    if (!timing) continue;
    uint64_t now = edb_clock_ns();
    *time_of(f->stats, f->cell->plan, &f->cell->plan->steps[i]) += now - then;
    then = now;
  }
  return EDB_OK;
}

#define EDB_CPU_MAX_DOMAINS 66

static edb_status cpu_run_batch(void *state, const edb_graph *graph, const edb_store *store,
                                uint32_t type, const edb_node *nodes, uint32_t count,
                                edb_run_stats *stats, edb_error *error) {
  edb_cpu *cpu = state;
  const edb_cpu_cell *cell = &cpu->cells[type];
  const edb_ir_cell *ir = cell->plan->cell;
  float *domain_base[EDB_CPU_MAX_DOMAINS], *tile;
  EDB_FAIL_IF(cell->plan->n_domains > EDB_CPU_MAX_DOMAINS, error, EDB_ERROR_LIMIT,
              "cell %s has more than %d independent variadic inputs", ir->name,
              EDB_CPU_MAX_DOMAINS - 2);
  for (size_t i = 0; i < count;) {
    chunk_size size = next_chunk(cell, graph, nodes + i, count - i);
    edb_frame frame = {.cpu = cpu,
                       .cell = cell,
                       .graph = graph,
                       .store = store,
                       .nodes = nodes + i,
                       .stats = stats,
                       .error = error};
    size_t bytes = scratch_layout(cell, size, &frame, cpu->scratch, domain_base, &tile);
    EDB_ASSERT(bytes <= cpu->scratch_bytes);
    (void)bytes;
    EDB_TRY(run_chunk(&frame, size, domain_base, tile));
    stats->flops += ir->flops * (double)size.nodes + ir->flops_per_element * (double)size.elements;
    i += size.nodes;
  }
  return EDB_OK;
}

const edb_backend edb_backend_cpu = {.name = "cpu",
                                     .element_bytes = sizeof(float),
                                     .create = cpu_create,
                                     .destroy = cpu_destroy,
                                     .scratch_bytes = cpu_scratch_bytes,
                                     .begin = cpu_begin,
                                     .run_batch = cpu_run_batch};
