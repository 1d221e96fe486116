/* exec/cpu_weights.c: packs the weights of product steps and rows of parameters, once per version
 * of the weights. */
#include <string.h>

#include "exec/cpu.h"

static bool is_product(const edb_cpu_cell *cell, uint32_t step) {
  return cell->plan->steps[step].kind == EDB_STEP_PRODUCT;
}

static void fill(const edb_cpu *cpu, const edb_cpu_cell *cell, uint32_t index) {
  const edb_step *step = &cell->plan->steps[index];
  float *packed = cell->packed[index];
  const edb_pack_fn pack[2] = {cpu->bf16 ? edb_pack_bf16_rows : edb_pack_rows,
                               cpu->bf16 ? edb_pack_bf16_columns : edb_pack_columns};
  edb_pack_begin(cpu->kernels, packed, step->columns, edb_cpu_depth(cpu, step));
  for (uint32_t k = 0; k < step->n_stacked; k++) {
    const edb_stacked *m = &cell->plan->stacked[step->stacked_start + k];
    const float *w = edb_weights_param(cpu->weights, m->param);
    pack[m->transposed](cpu->kernels, packed, step->columns, step->depth, m->offset, m->columns, w,
                        m->transposed ? m->columns : step->depth);
  }
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

edb_status edb_cpu_weights_create(edb_cpu *cpu, edb_cpu_cell *cell, edb_error *error) {
  uint32_t n = cell->plan->n_steps;
  size_t row_bytes = cell->plan->row_floats * sizeof(float);
  cell->rows = edb_alloc_zero(cpu->ctx, row_bytes);
  if (row_bytes && !cell->rows) return edb_fail_memory(error, row_bytes, "packed parameters");
  cell->packed = edb_alloc_zero(cpu->ctx, n * sizeof *cell->packed);
  cell->packed_floats = edb_alloc_zero(cpu->ctx, n * sizeof *cell->packed_floats);
  if (n && (!cell->packed || !cell->packed_floats))
    return edb_fail_memory(error, n * sizeof *cell->packed, "packed weights");
  for (uint32_t i = 0; i < n; i++) {
    if (!is_product(cell, i)) continue;
    const edb_step *step = &cell->plan->steps[i];
    size_t depth = edb_cpu_depth(cpu, step), pairs = step->repeat * depth;
    size_t floats = edb_packed_size(cpu->kernels, step->columns, depth);
    if (cpu->bf16 && pairs > cell->pairs) cell->pairs = pairs;
    cell->packed[i] = edb_alloc(cpu->ctx, floats * sizeof(float));
    if (floats && !cell->packed[i])
      return edb_fail_memory(error, floats * sizeof(float), "packed weights");
    cell->packed_floats[i] = floats;
  }
  return EDB_OK;
}

void edb_cpu_weights_refill(edb_cpu *cpu) {
  for (uint32_t c = 0; c < cpu->program->n_cells; c++) {
    for (uint32_t i = 0; i < cpu->cells[c].plan->n_steps; i++)
      if (is_product(&cpu->cells[c], i)) fill(cpu, &cpu->cells[c], i);
    fill_rows(cpu, &cpu->cells[c]);
  }
  cpu->version = cpu->weights->version;
}

void edb_cpu_weights_destroy(edb_cpu *cpu, edb_cpu_cell *cell) {
  if (!cell->plan) return;
  uint32_t n = cell->plan->n_steps;
  for (uint32_t i = 0; i < n && cell->packed && cell->packed_floats; i++)
    edb_free(cpu->ctx, cell->packed[i], cell->packed_floats[i] * sizeof(float));
  edb_free(cpu->ctx, cell->rows, cell->rows ? cell->plan->row_floats * sizeof(float) : 0);
  if (cell->packed) edb_free(cpu->ctx, cell->packed, n * sizeof *cell->packed);
  if (cell->packed_floats) edb_free(cpu->ctx, cell->packed_floats, n * sizeof *cell->packed_floats);
}
