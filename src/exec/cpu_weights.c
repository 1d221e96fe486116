/* exec/cpu_weights.c: packs the weights of product steps and rows of parameters, once per version
 * of the weights and when a cell first runs: of cells that are cut in two, or whose values stand in
 * tables, one form or the other may never run. */
#include <stdatomic.h>
#include <string.h>

#include "base/context.h"
#include "exec/cpu.h"

static bool is_product(const edb_cpu_cell *cell, uint32_t step) {
  return cell->plan->steps[step].kind == EDB_STEP_PRODUCT;
}

/* Columns of packed weights, one task of several threads. */
typedef struct packing {
  const edb_cpu *cpu;
  const edb_cpu_cell *cell;
  uint32_t parts; /* each takes every so many-th stretch of columns */
} packing;

/* Columns first .. end - 1 of a member of a stack. */
static void pack_columns(const edb_cpu *cpu, const edb_step *step, float *packed,
                         const edb_stacked *m, uint32_t first, uint32_t end) {
  const edb_pack_fn pack[2] = {cpu->bf16 ? edb_pack_bf16_rows : edb_pack_rows,
                               cpu->bf16 ? edb_pack_bf16_columns : edb_pack_columns};
  const float *w = edb_weights_param(cpu->weights, m->param);
  ptrdiff_t stride = m->transposed ? m->columns : step->depth;
  pack[m->transposed](cpu->kernels, packed, step->columns, step->depth, m->offset + first,
                      end - first, w + (m->transposed ? 1 : stride) * (ptrdiff_t)first, stride);
}

/* Every `parts`-th panel, from panel `part` on. Panels are memory of their own. */
static void pack_part(void *arg, uint32_t worker, uint32_t part) {
  const packing *p = arg;
  const edb_plan *plan = p->cell->plan;
  uint32_t panel = p->cpu->kernels->panel, at = 0;
  (void)worker;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *step = &plan->steps[i];
    for (uint32_t k = 0; is_product(p->cell, i) && k < step->n_stacked; k++) {
      const edb_stacked *m = &plan->stacked[step->stacked_start + k];
      for (uint32_t first = 0, end; first < m->columns; first = end) {
        end = first + panel - (m->offset + first) % panel;
        if (end > m->columns) end = m->columns;
        if (at++ % p->parts == part) pack_columns(p->cpu, step, p->cell->packed[i], m, first, end);
      }
    }
  }
}

/* Floats of packed weights from which on threads share the work: some microseconds of it. */
#define SHARED_FLOATS ((size_t)1 << 16)

static void fill(const edb_cpu *cpu, const edb_cpu_cell *cell) {
  packing p = {.cpu = cpu, .cell = cell, .parts = 1};
  size_t floats = 0;
  for (uint32_t i = 0; i < cell->plan->n_steps; i++) {
    const edb_step *step = &cell->plan->steps[i];
    if (!is_product(cell, i)) continue;
    size_t depth = edb_cpu_depth(cpu, step);
    edb_pack_begin(cpu->kernels, cell->packed[i], step->columns, depth);
    floats += edb_packed_size(cpu->kernels, step->columns, depth);
  }
  if (floats >= SHARED_FLOATS) p.parts = edb_pool_threads(cpu->pool);
  if (p.parts == 1)
    pack_part(&p, 0, 0);
  else
    edb_pool_run(cpu->pool, p.parts, pack_part, &p);
}

/* Parameters side by side, as operators of one batch take them. */
static void fill_rows(const edb_cpu *cpu, const edb_cpu_cell *cell) {
  for (uint32_t i = 0; i < cell->plan->n_slots; i++) {
    const edb_slot *slot = &cell->plan->slots[i];
    if (slot->kind != EDB_SLOT_STACK) continue;
    for (uint32_t k = 0; k < slot->count; k++) {
      const edb_stacked *m = &cell->plan->stacked[slot->index + k];
      memcpy(cell->rows + slot->position + m->offset,
             edb_weights_param(cpu->weights, m->param) + m->first, m->columns * sizeof(float));
    }
  }
}

static edb_status create_cell(edb_cpu *cpu, edb_cpu_cell *cell, edb_error *error) {
  uint32_t n = cell->plan->n_steps;
  size_t row_bytes = cell->plan->row_floats * sizeof(float);
  cell->rows = edb_alloc_zero(cpu->ctx, row_bytes);
  if (row_bytes && !cell->rows) return edb_fail_memory(error, row_bytes, "packed parameters");
  cell->packed = edb_alloc_zero(cpu->ctx, n * sizeof *cell->packed);
  if (n && !cell->packed) return edb_fail_memory(error, n * sizeof *cell->packed, "packed weights");
  for (uint32_t i = 0; i < n; i++) {
    size_t pairs = cell->plan->steps[i].repeat * edb_cpu_depth(cpu, &cell->plan->steps[i]);
    if (is_product(cell, i) && cpu->bf16 && pairs > cell->pairs) cell->pairs = pairs;
  }
  return EDB_OK;
}

/* Gives every product step its part of `block`; returns the floats of all parts. */
static size_t lay_out(edb_cpu *cpu, float *block) {
  size_t at = 0;
  for (uint32_t c = 0; c < cpu->program->n_cells; c++) {
    edb_cpu_cell *cell = &cpu->cells[c];
    for (uint32_t i = 0; i < cell->plan->n_steps; i++) {
      const edb_step *step = &cell->plan->steps[i];
      if (!is_product(cell, i)) continue;
      if (block) cell->packed[i] = block + at;
      at += edb_packed_size(cpu->kernels, step->columns, edb_cpu_depth(cpu, step));
    }
  }
  return at;
}

/* One block for the weights of all cells: where it is large, it gets large pages. */
edb_status edb_cpu_weights_open(edb_cpu *cpu, edb_error *error) {
  if (cpu->packed || cpu->packed_bytes == 0) return EDB_OK;
  cpu->packed = edb_alloc(cpu->ctx, cpu->packed_bytes);
  if (!cpu->packed) return edb_fail_memory(error, cpu->packed_bytes, "packed weights");
  (void)lay_out(cpu, cpu->packed);
  for (uint32_t c = 0; c < cpu->program->n_cells; c++) cpu->cells[c].version = 0;
  return EDB_OK;
}

/* Measured where the weights will stand, before they do. */
static edb_prefetch measure_prefetch(const edb_cpu *cpu, size_t most_bytes, bool far) {
  size_t bytes = cpu->packed_bytes < most_bytes ? cpu->packed_bytes : most_bytes;
  size_t count = bytes / sizeof(float) / EDB_PREFETCH_FLOATS * EDB_PREFETCH_FLOATS;
  memset(cpu->packed, 0, count * sizeof(float)); /* untouched pages would all be one page */
  bool gains = edb_kernels_choose_prefetch(cpu->kernels, cpu->packed, count, far)->prefetches;
  return gains ? EDB_PREFETCH_GAINS : EDB_PREFETCH_COSTS;
}

static void choose_prefetch(edb_cpu *cpu) {
  size_t l2_bytes = edb_context_caches(cpu->ctx).l2_bytes;
  bool far = cpu->packed_bytes > l2_bytes;
  atomic_uint *known = &cpu->ctx->prefetch[far];
  if (cpu->packed_bytes < EDB_PREFETCH_FLOATS * sizeof(float)) return;
  edb_prefetch prefetch = atomic_load(known);
  if (prefetch == EDB_PREFETCH_UNKNOWN) {
    prefetch = measure_prefetch(cpu, 2 * l2_bytes, far);
    atomic_store(known, prefetch);
    edb_log(cpu->ctx, EDB_LOG_DEBUG, "measured: products of few rows, weights %s: %s",
            far ? "beyond the second-level cache" : "in the second-level cache",
            prefetch == EDB_PREFETCH_GAINS ? "asked for ahead" : "not asked for ahead");
  }
  if (prefetch == EDB_PREFETCH_COSTS) cpu->kernels = edb_kernels_unprefetched(cpu->kernels);
}

edb_status edb_cpu_weights_create(edb_cpu *cpu, edb_error *error) {
  for (uint32_t c = 0; c < cpu->program->n_cells; c++)
    EDB_TRY(create_cell(cpu, &cpu->cells[c], error));
  cpu->packed_bytes = lay_out(cpu, NULL) * sizeof(float);
  EDB_TRY(edb_cpu_weights_open(cpu, error));
  choose_prefetch(cpu);
  return EDB_OK;
}

void edb_cpu_weights_close(edb_cpu *cpu) {
  edb_free(cpu->ctx, cpu->packed, cpu->packed ? cpu->packed_bytes : 0);
  cpu->packed = NULL;
}

void edb_cpu_weights_refill(edb_cpu *cpu, edb_cpu_cell *cell) {
  fill(cpu, cell);
  fill_rows(cpu, cell);
  edb_cpu_bind_fixed(cpu, cell);
  cell->version = cpu->version;
}

void edb_cpu_weights_destroy(edb_cpu *cpu) {
  for (uint32_t c = 0; c < cpu->program->n_cells; c++) {
    edb_cpu_cell *cell = &cpu->cells[c];
    if (!cell->plan) continue;
    edb_free(cpu->ctx, cell->rows, cell->rows ? cell->plan->row_floats * sizeof(float) : 0);
    edb_free(cpu->ctx, cell->packed, cell->packed ? cell->plan->n_steps * sizeof *cell->packed : 0);
  }
  edb_cpu_weights_close(cpu);
}
