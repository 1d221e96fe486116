/* exec/cpu.c: the CPU backend: batches to chunks, chunks to steps. */
#include "exec/cpu.h"

#include "base/context.h"
#include "base/poison.h"

/* ---- Cells --------------------------------------------------------------------------------------
 */

static size_t clamp(size_t n, size_t low, size_t high) {
  return n < low ? low : n > high ? high : n;
}

/* What a row of a tile shall have in the first-level cache: local values, and products of values,
 * which the steps after them read at once. */
static size_t tile_floats(const edb_plan *plan) {
  size_t floats = plan->local_floats;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *step = &plan->steps[i];
    size_t width = plan->slots[step->result].width;
    if (step->kind == EDB_STEP_OP && plan->cell->ops[step->op].kind == EDB_OP_PRODUCT &&
        width > floats)
      floats = width;
  }
  return floats;
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
  /* A tile's values fill about half of the first-level cache. */
  size_t tile = caches.l1d_bytes / 2 / sizeof(float);
  cell->tile_rows = clamp(tile / (tile_floats(plan) + 1), 1, cell->chunk_nodes);
}

static uint32_t longest_product(const edb_plan *plan) {
  uint32_t longest = UINT32_MAX;
  size_t most = 0;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    size_t work = (size_t)s->depth * s->columns;
    if (s->kind != EDB_STEP_PRODUCT || s->repeat > 1 || work <= most) continue;
    most = work;
    longest = i;
  }
  return longest;
}

static edb_status create_cell(edb_cpu *cpu, uint32_t index, const edb_plan_params *params,
                              edb_cpu_caches caches, edb_error *error) {
  edb_cpu_cell *cell = &cpu->cells[index];
  const edb_ir_cell *ir = &cpu->program->cells[index];
  EDB_TRY(edb_plan_create(cpu->ctx, cpu->program, index, params, &cell->plan, error));
  if (ir->n_numbers) {
    cell->numbers = edb_alloc(cpu->ctx, ir->n_numbers * sizeof(float));
    if (!cell->numbers) return edb_fail_memory(error, ir->n_numbers * sizeof(float), "literals");
    for (uint32_t i = 0; i < ir->n_numbers; i++) cell->numbers[i] = (float)ir->numbers[i];
  }
  const edb_plan *plan = cell->plan;
  size_t launch_bytes = plan->n_steps * sizeof *cell->launches;
  cell->launches = edb_alloc(cpu->ctx, launch_bytes);
  if (launch_bytes && !cell->launches) return edb_fail_memory(error, launch_bytes, "launches");
  for (uint32_t i = 0; i < plan->n_steps; i++)
    cell->launches[i] = edb_cpu_launch_of(cpu->kernels, plan, &plan->steps[i]);
  EDB_TRY(edb_cpu_slots_create(cpu->ctx, cell, error));
  for (uint32_t i = 0; i < ir->sig.n_indices; i++) cell->has_labels |= ir->sig.indices[i].is_label;
  for (uint32_t i = 0; i < ir->sig.n_dense; i++) cell->has_labels |= ir->sig.dense[i].is_label;
  EDB_TRY(edb_plan_inputs_create(cpu->ctx, cell->plan, &cpu->inputs[index], error));
  for (uint32_t o = 0; o < ir->sig.n_outputs; o++)
    cell->staged_floats += edb_row_stride(edb_shape_size(ir->outputs[o].shape));
  choose_blocking(cell, caches);
  cell->longest = longest_product(cell->plan);
  cell->cost = edb_cpu_cost(cpu, cell->plan);
  return EDB_OK;
}

/* The caller's allocator may write into what it gets back. */
static void free_scratch(edb_cpu *cpu) {
  if (cpu->scratch) EDB_UNPOISON(cpu->scratch, cpu->scratch_bytes);
  edb_free(cpu->ctx, cpu->scratch, cpu->scratch_bytes);
}

static size_t worker_bytes(const edb_cpu *cpu) {
  return edb_pool_threads(cpu->pool) * sizeof *cpu->workers;
}

/* A thread's state runs on a pool of its own, which has no other thread. */
static edb_status create_strands(edb_cpu *cpu, edb_error *error) {
  uint32_t threads = edb_pool_threads(cpu->pool);
  size_t bytes = threads * sizeof *cpu->strands;
  if (threads == 1) return EDB_OK;
  cpu->strands = edb_alloc_zero(cpu->ctx, bytes);
  if (!cpu->strands) return edb_fail_memory(error, bytes, "the CPU backend");
  for (uint32_t i = 0; i < threads; i++) {
    edb_cpu *strand = &cpu->strands[i];
    *strand = *cpu;
    strand->is_strand = true;
    strand->strands = NULL;
    strand->scratch = NULL;
    strand->scratch_bytes = 0;
    strand->pool = NULL;
    strand->workers = NULL;
    EDB_TRY(edb_pool_create(cpu->ctx, &(edb_pool_params){.threads = 1}, &strand->pool, error));
  }
  return EDB_OK;
}

static void destroy_strands(edb_cpu *cpu) {
  uint32_t threads = edb_pool_threads(cpu->pool);
  for (uint32_t i = 0; cpu->strands && i < threads; i++) {
    free_scratch(&cpu->strands[i]);
    edb_pool_destroy(cpu->strands[i].pool);
  }
  edb_free(cpu->ctx, cpu->strands, cpu->strands ? threads * sizeof *cpu->strands : 0);
}

static void cpu_destroy(void *state) {
  edb_cpu *cpu = state;
  if (!cpu) return;
  destroy_strands(cpu);
  if (cpu->cells) edb_cpu_weights_destroy(cpu);
  for (uint32_t i = 0; cpu->cells && i < cpu->program->n_cells; i++) {
    edb_cpu_cell *cell = &cpu->cells[i];
    edb_free(cpu->ctx, cell->numbers,
             cell->numbers ? cpu->program->cells[i].n_numbers * sizeof(float) : 0);
    edb_free(cpu->ctx, cell->launches,
             cell->launches ? cell->plan->n_steps * sizeof *cell->launches : 0);
    edb_cpu_slots_destroy(cpu->ctx, cell);
    edb_plan_destroy(cell->plan);
    if (cpu->inputs) edb_plan_inputs_destroy(&cpu->inputs[i]);
  }
  edb_free(cpu->ctx, cpu->inputs, cpu->inputs ? cpu->program->n_cells * sizeof *cpu->inputs : 0);
  if (cpu->cells) edb_free(cpu->ctx, cpu->cells, cpu->program->n_cells * sizeof *cpu->cells);
  edb_free(cpu->ctx, cpu->borrows, cpu->n_borrows * sizeof *cpu->borrows);
  edb_free(cpu->ctx, cpu->workers, cpu->workers ? worker_bytes(cpu) : 0);
  free_scratch(cpu);
  edb_free(cpu->ctx, cpu, sizeof *cpu);
}

/* ---- Scratch memory ----------------------------------------------------------------------------
 *
 *   | blocks | row pointers | ids | pairs | tile | rows[] first*[] | first elements per group |
 *   | outputs stored apart | static | nodes | group 0 | group 1 ... |
 *
 * The first five are a thread's own view of a chunk. Where threads run chunks side by side each has
 * such a frame; where they share the steps of one, the frame is followed by a view for each. Under
 * AddressSanitizer red zones stand between the parts. */

static size_t align_part(size_t bytes) {
  return (bytes + EDB_RED_ZONE_BYTES + EDB_ALIGN - 1) / EDB_ALIGN * EDB_ALIGN;
}

/* The next part of a layout; without a frame only its size counts. */
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

size_t edb_cpu_layout_view(const edb_cpu_cell *cell, edb_cpu_room room, edb_frame *f, char *base) {
  size_t at = 0, most = room.nodes > room.elements ? room.nodes : room.elements;
  TAKE(f->blocks, edb_block, cell->plan->n_slots);
  TAKE(f->pointers, const float *, most + 1);
  TAKE(f->ids, int32_t, most + 1);
  TAKE(f->pairs, float, most * cell->pairs);
  TAKE(f->tile, float, cell->tile_rows * cell->plan->local_floats);
  return at;
}

static size_t layout_frame(const edb_cpu_cell *cell, edb_cpu_room room, edb_frame *f, char *base,
                           float **domain_base) {
  const edb_plan *plan = cell->plan;
  size_t at = edb_cpu_layout_view(cell, room, f, base);
  size_t n_groups = plan->n_domains - EDB_DOMAIN_GROUP;
  TAKE(f->rows, size_t, plan->n_domains);
  TAKE(f->apart, const float *const *, plan->n_slots);
  TAKE(f->first, uint32_t *, n_groups);
  for (size_t g = 0; g < n_groups; g++) TAKE(f->first[g], uint32_t, room.nodes + 1);
  TAKE(f->staged, float, room.nodes * cell->staged_floats);
  for (uint32_t d = 0; d < plan->n_domains; d++) {
    size_t rows = d == EDB_DOMAIN_STATIC ? 1 : d == EDB_DOMAIN_NODE ? room.nodes : room.elements;
    TAKE(domain_base[d], float, rows * plan->domain_floats[d]);
  }
  return at;
}
#undef TAKE

/* Chunks of about equal size, in whole tiles of six rows: a last one of a row or two would read all
 * weights anew for almost nothing. They never grow from one to the next. */
static size_t even_chunk(size_t count, size_t most) {
  if (count <= most) return count;
  size_t chunks = (count + most - 1) / most, rows = (count + chunks - 1) / chunks;
  return (rows + 5) / 6 * 6;
}

/* How many nodes from `nodes` on form the next chunk. */
static edb_cpu_room next_chunk(const edb_cpu_cell *cell, const edb_graph *graph,
                               const edb_node *nodes, size_t count) {
  uint32_t n_groups = cell->plan->n_domains - EDB_DOMAIN_GROUP;
  const edb_type_sig *sig = &cell->plan->cell->sig;
  edb_cpu_room size = {.nodes = even_chunk(count, cell->chunk_nodes)};
  for (uint32_t g = 0; g < n_groups; g++) {
    uint32_t place = edb_cpu_group_place(sig, g);
    size_t sum = 0;
    for (size_t i = 0; i < size.nodes; i++) {
      size_t arity = (uint32_t)edb_graph_arities(graph, nodes[i] - graph->base)[place];
      if (i > 0 && sum + arity > cell->chunk_elements) {
        size.nodes = i;
        break;
      }
      sum += arity;
    }
    size.elements = sum;
  }
  if (n_groups < 2) return size;
  size.elements = 0; /* the nodes may have become fewer */
  for (uint32_t g = 0; g < n_groups; g++) {
    uint32_t place = edb_cpu_group_place(sig, g);
    size_t sum = 0;
    for (size_t i = 0; i < size.nodes; i++)
      sum += (uint32_t)edb_graph_arities(graph, nodes[i] - graph->base)[place];
    if (sum > size.elements) size.elements = sum;
  }
  return size;
}

/* Of the largest chunk of nodes that one thread runs, or all threads step by step. */
static size_t chunk_bytes(const edb_cpu *cpu, const edb_cpu_cell *cell, const edb_graph *graph,
                          const edb_node *nodes, size_t count, bool alone) {
  size_t largest = 0, threads = edb_pool_threads(cpu->pool);
  bool variadic = cell->plan->n_domains > EDB_DOMAIN_GROUP;
  for (size_t i = 0; i < count;) {
    edb_cpu_room room = {.nodes = count < cell->chunk_nodes ? count : cell->chunk_nodes};
    if (variadic) room = next_chunk(cell, graph, nodes + i, count - i);
    size_t bytes = layout_frame(cell, room, NULL, NULL, NULL);
    if (!alone && threads > 1) bytes += threads * edb_cpu_layout_view(cell, room, NULL, NULL);
    if (bytes > largest) largest = bytes;
    i += room.nodes;
    if (!variadic) break; /* no chunk is larger, of fewer nodes neither */
  }
  return largest;
}

/* What one node, with an element of each group, takes on one thread: `rows` of either take no more
 * than `rows` times that, each part for itself. */
static size_t node_bytes(const edb_cpu_cell *cell) {
  return layout_frame(cell, (edb_cpu_room){1, 1}, NULL, NULL, NULL);
}

/* Nodes of a batch, or edges into them where elements of variadic inputs may be more. */
static size_t count_rows(const edb_cpu_cell *cell, const edb_graph *graph, const edb_node *nodes,
                         size_t count) {
  size_t edges = 0;
  if (cell->plan->n_domains == EDB_DOMAIN_GROUP) return count;
  for (size_t i = 0; i < count; i++) {
    const uint32_t *start = &graph->edge_start[nodes[i] - graph->base];
    edges += start[1] - start[0];
  }
  return edges > count ? edges : count;
}

/* Enough for the first few nodes of the batch alone, too, which may be cut in another way: cells
 * without variadic inputs are run so when the others have been run before. */
static size_t batch_bytes(const edb_cpu *cpu, const edb_cpu_cell *cell, const edb_graph *graph,
                          const edb_node *nodes, size_t count) {
  edb_cpu_cut cut = edb_cpu_cut_batch(cpu, cell, count);
  size_t largest = chunk_bytes(cpu, cell, graph, nodes, count, false),
         threads = edb_pool_threads(cpu->pool);
  if (cut.parts > 1 && cell->plan->n_domains == EDB_DOMAIN_GROUP) {
    edb_cpu_room most = {.nodes = clamp(EDB_CPU_MOST_ROWS, 1, cell->chunk_nodes)};
    size_t bytes = threads * layout_frame(cell, most, NULL, NULL, NULL);
    return bytes > largest ? bytes : largest;
  }
  for (size_t i = 0; i < count && cut.parts > 1; i += cut.rows) {
    size_t rows = count - i < cut.rows ? count - i : cut.rows,
           bytes = threads * chunk_bytes(cpu, cell, graph, nodes + i, rows, true);
    if (bytes > largest) largest = bytes;
  }
  return largest;
}

static size_t cpu_scratch_bytes(const void *state, const edb_graph *graph,
                                const edb_schedule *schedule) {
  const edb_cpu *cpu = state;
  size_t largest = 0;
  bool alone = edb_pool_threads(cpu->pool) == 1;
  for (uint32_t b = 0; b < schedule->info.n_batches; b++) {
    const edb_cpu_cell *cell = &cpu->cells[schedule->batch_type[b]];
    const edb_node *nodes = schedule->nodes + schedule->batch_start[b];
    size_t count = schedule->batch_start[b + 1] - schedule->batch_start[b];
    if (alone && count_rows(cell, graph, nodes, count) <= largest / cell->node_bytes) continue;
    size_t bytes = batch_bytes(cpu, cell, graph, nodes, count);
    if (bytes > largest) largest = bytes;
  }
  return largest;
}

/* ---- The state ---------------------------------------------------------------------------------
 */

static edb_status cpu_create(edb_context *ctx, const edb_program *program,
                             const edb_weights *weights, const edb_session_params *params,
                             edb_pool *pool, void **state, edb_error *error) {
  edb_cpu *cpu = edb_alloc_zero(ctx, sizeof *cpu);
  if (!cpu) return edb_fail_memory(error, sizeof *cpu, "the CPU backend");
  *cpu = (edb_cpu){.ctx = ctx,
                   .program = program,
                   .weights = weights,
                   .pool = pool,
                   .share_ns = EDB_CPU_SHARE_NS,
                   .move_ns = EDB_CPU_MOVE_NS,
                   .kernels = edb_kernels_get(ctx->simd),
                   .bf16 = params->precision == EDB_PRECISION_BF16,
                   .version = UINT64_MAX};
  edb_status status = EDB_OK;
  edb_cpu_caches caches = edb_context_caches(ctx);
  cpu->rule = edb_row_rule_of(params->costs, caches.l2_bytes);
  edb_plan_params plan = {.layout = params->layout, .unfused = params->unfused};
  cpu->cells = edb_alloc_zero(ctx, program->n_cells * sizeof *cpu->cells);
  cpu->inputs = edb_alloc_zero(ctx, program->n_cells * sizeof *cpu->inputs);
  if (program->n_cells && (!cpu->cells || !cpu->inputs))
    status = edb_fail_memory(error, program->n_cells * sizeof *cpu->cells, "the CPU backend");
  cpu->workers = edb_alloc_zero(ctx, worker_bytes(cpu));
  if (!cpu->workers) status = edb_fail_memory(error, worker_bytes(cpu), "the CPU backend");
  for (uint32_t i = 0; cpu->workers && i < edb_pool_threads(pool); i++)
    cpu->workers[i].failed = UINT32_MAX;
  for (uint32_t i = 0; i < program->n_cells && status == EDB_OK; i++)
    status = create_cell(cpu, i, &plan, caches, error);
  if (status == EDB_OK)
    status = edb_borrow_list(ctx, program, &cpu->borrows, &cpu->n_borrows, error);
  if (status == EDB_OK) status = edb_cpu_weights_create(cpu, error);
  cpu->product = cpu->bf16 ? edb_kernels_product_bf16(cpu->kernels) : cpu->kernels->product_packed;
  for (uint32_t i = 0; i < program->n_cells && status == EDB_OK; i++)
    cpu->cells[i].node_bytes = node_bytes(&cpu->cells[i]);
  cpu->near_weights = cpu->packed_bytes <= caches.l2_bytes / 2;
  if (status == EDB_OK) status = create_strands(cpu, error);
  if (status != EDB_OK) {
    cpu_destroy(cpu);
    return status;
  }
  *state = cpu;
  return EDB_OK;
}

static edb_status cpu_begin(void *state, size_t scratch_bytes, bool timing, edb_error *error) {
  edb_cpu *cpu = state;
  cpu->timing = timing;
  cpu->version = cpu->weights->version;
  if (!cpu->is_strand) EDB_TRY(edb_cpu_weights_open(cpu, error));
  if (scratch_bytes <= cpu->scratch_bytes) return EDB_OK;
  char *bigger = edb_alloc(cpu->ctx, scratch_bytes);
  if (!bigger) return edb_fail_memory(error, scratch_bytes, "the scratch memory of a batch");
  free_scratch(cpu);
  cpu->scratch = bigger;
  cpu->scratch_bytes = scratch_bytes;
  return EDB_OK;
}

static void cpu_rest(void *state) {
  edb_cpu_weights_close(state);
}

static void *cpu_strand(void *state, uint32_t thread) {
  return &((edb_cpu *)state)->strands[thread];
}

/* What batches of strands find is not changed while they run. */
static void cpu_prepare(void *state, const uint32_t *types, uint32_t n) {
  edb_cpu *cpu = state;
  for (uint32_t i = 0; i < n; i++) {
    edb_cpu_cell *cell = &cpu->cells[types[i]];
    if (cell->version != cpu->version) edb_cpu_weights_refill(cpu, cell);
  }
}

/* ---- Batches ------------------------------------------------------------------------------------
 */

#define EDB_CPU_MAX_DOMAINS 66

typedef struct batch {
  edb_cpu *cpu;
  const edb_cpu_cell *cell;
  const edb_graph *graph;
  const edb_store *store;
  const edb_node *nodes;
  size_t count;
  edb_cpu_cut cut;
} batch;

/* Nodes from .. from + count - 1, chunk by chunk, in the memory from `base` on. */
static edb_status run_nodes(const batch *b, size_t from, size_t count, char *base,
                            edb_run_stats *stats, edb_error *error) {
  const edb_ir_cell *ir = b->cell->plan->cell;
  bool share = b->cut.parts == 1 && edb_pool_threads(b->cpu->pool) > 1;
  float *domain_base[EDB_CPU_MAX_DOMAINS];
  for (size_t i = from, end = from + count; i < end;) {
    edb_cpu_room room = next_chunk(b->cell, b->graph, b->nodes + i, end - i);
    edb_frame frame = {.cpu = b->cpu,
                       .cell = b->cell,
                       .inputs = &b->cpu->inputs[b->cell - b->cpu->cells],
                       .graph = b->graph,
                       .store = b->store,
                       .nodes = b->nodes + i,
                       .stats = stats,
                       .error = error,
                       .room = room};
    size_t bytes = layout_frame(b->cell, room, &frame, base, domain_base);
    if (share) frame.view_memory = base + bytes;
    EDB_ASSERT(base + bytes <= b->cpu->scratch + b->cpu->scratch_bytes);
    EDB_TRY(edb_cpu_run_chunk(&frame, room.nodes, domain_base));
    stats->flops += ir->flops * (double)room.nodes + ir->flops_per_element * (double)room.elements;
    i += room.nodes;
  }
  return EDB_OK;
}

static edb_status run_part(void *arg, uint32_t worker, uint32_t part) {
  const batch *b = arg;
  edb_cpu_worker *w = &b->cpu->workers[worker];
  size_t slice = b->cpu->scratch_bytes / edb_pool_threads(b->cpu->pool) / EDB_ALIGN * EDB_ALIGN,
         from = part * b->cut.rows, left = b->count - from;
  return run_nodes(b, from, left < b->cut.rows ? left : b->cut.rows,
                   b->cpu->scratch + worker * slice, &w->stats, &w->error);
}

/* Whether there is nothing to run: all outputs are parameters. */
static bool is_all_borrowed(const edb_ir_cell *cell, const edb_rows *outputs) {
  if (!outputs || cell->flops_per_element != 0) return false;
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++)
    if (outputs[o].offset != EDB_ROWS_BORROWED) return false;
  return true;
}

static edb_status cpu_run_batch(void *state, const edb_graph *graph, const edb_store *store,
                                uint32_t type, const edb_node *nodes, uint32_t count,
                                edb_run_stats *stats, edb_error *error) {
  edb_cpu *cpu = state;
  edb_cpu_cell *cell = &cpu->cells[type];
  EDB_FAIL_IF(cell->plan->n_domains > EDB_CPU_MAX_DOMAINS, error, EDB_ERROR_LIMIT,
              "cell %s has more than %d independent variadic inputs", cell->plan->cell->name,
              EDB_CPU_MAX_DOMAINS - 2);
  if (is_all_borrowed(cell->plan->cell, store->outputs)) {
    stats->flops += cell->plan->cell->flops * count;
    return EDB_OK;
  }
  if (cell->version != cpu->version) edb_cpu_weights_refill(cpu, cell);
  batch b = {.cpu = cpu,
             .cell = cell,
             .graph = graph,
             .store = store,
             .nodes = nodes,
             .count = count,
             .cut = edb_cpu_cut_batch(cpu, cell, count)};
  edb_status status = b.cut.parts == 1 ? run_nodes(&b, 0, count, cpu->scratch, stats, error)
                                       : edb_cpu_share(cpu, b.cut.parts, run_part, &b, error);
  if (edb_pool_threads(cpu->pool) > 1) edb_cpu_collect_stats(cpu, stats);
  return status;
}

static const edb_plan_inputs *cpu_inputs(const void *state) {
  const edb_cpu *cpu = state;
  return cpu->inputs;
}

static const edb_borrow *cpu_borrows(const void *state) {
  const edb_cpu *cpu = state;
  return cpu->borrows;
}

static edb_cost cpu_cost(const void *state, uint32_t type) {
  return ((const edb_cpu *)state)->cells[type].cost;
}

const edb_backend edb_backend_cpu = {.name = "cpu",
                                     .element_bytes = sizeof(float),
                                     .create = cpu_create,
                                     .destroy = cpu_destroy,
                                     .scratch_bytes = cpu_scratch_bytes,
                                     .begin = cpu_begin,
                                     .rest = cpu_rest,
                                     .inputs = cpu_inputs,
                                     .borrows = cpu_borrows,
                                     .cost = cpu_cost,
                                     .run_batch = cpu_run_batch,
                                     .strand = cpu_strand,
                                     .prepare = cpu_prepare};
