/* exec/cpu.c: the CPU backend: batches to chunks, chunks to steps. */
#include "exec/cpu.h"

#include "base/context.h"
#include "base/cpu.h"
#include "base/poison.h"

/* ---- Life ---------------------------------------------------------------------------------------
 */

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
                             const edb_weights *weights, const edb_session_params *params,
                             edb_pool *pool, void **state, edb_error *error) {
  edb_cpu *cpu = edb_alloc_zero(ctx, sizeof *cpu);
  if (!cpu) return edb_fail_memory(error, sizeof *cpu, "the CPU backend");
  *cpu = (edb_cpu){.ctx = ctx,
                   .program = program,
                   .weights = weights,
                   .pool = pool,
                   .kernels = edb_kernels_get(ctx->simd),
                   .version = UINT64_MAX};
  edb_status status = EDB_OK;
  edb_cpu_caches caches = edb_cpu_cache_sizes();
  edb_plan_params plan = {.layout = params->layout, .unfused = params->unfused};
  cpu->cells = edb_alloc_zero(ctx, program->n_cells * sizeof *cpu->cells);
  if (program->n_cells && !cpu->cells)
    status = edb_fail_memory(error, program->n_cells * sizeof *cpu->cells, "the CPU backend");
  for (uint32_t i = 0; i < program->n_cells && status == EDB_OK; i++)
    status = create_cell(cpu, i, &plan, caches, error);
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

/* How many nodes from `nodes` on form the next chunk. */
static chunk_size next_chunk(const edb_cpu_cell *cell, const edb_graph *graph,
                             const edb_node *nodes, size_t count) {
  uint32_t n_groups = cell->plan->n_domains - EDB_DOMAIN_GROUP;
  chunk_size size = {.nodes = count < cell->chunk_nodes ? count : cell->chunk_nodes};
  for (uint32_t g = 0; g < n_groups; g++) {
    size_t sum = 0;
    for (size_t i = 0; i < size.nodes; i++) {
      const int32_t *arities = edb_graph_arities(graph, nodes[i] - graph->base);
      size_t arity = edb_cpu_group_arity(&cell->plan->cell->sig, arities, g);
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
      sum += edb_cpu_group_arity(&cell->plan->cell->sig,
                                 edb_graph_arities(graph, nodes[i] - graph->base), g);
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
    EDB_TRY(edb_cpu_run_chunk(&frame, size.nodes, domain_base, tile));
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
