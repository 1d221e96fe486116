/* exec/kept.c: which operators give what is kept of the cells that they were lowered from. */
#include "exec/session.h"

/* The first output of a cell among all outputs, one cell after the other. */
static uint32_t output_start(const edb_program *program, uint32_t cell) {
  uint32_t start = 0;
  for (uint32_t c = 0; c < cell; c++) start += program->cells[c].sig.n_outputs;
  return start;
}

/* Of values that exist and are made by this run. `named`: outputs of cells that are kept; `start`:
 * where those of each cell begin. */
static void mark_operators(const edb_session *s, const uint8_t *named, const uint32_t *start,
                           uint8_t *kept) {
  const edb_graph *source = s->lowered_from, *lowered = s->lowered;
  const edb_program *program = edb_model_program(s->model);
  for (uint32_t i = source->first - source->base; i < source->n_nodes; i++) {
    uint32_t cell = source->type[i];
    const edb_value *values = s->map.values.data + s->map.values_start.data[source->base + i];
    for (uint32_t o = 0; o < program->cells[cell].sig.n_outputs; o++)
      if (named[start[cell] + o] && values[o].node != UINT32_MAX &&
          values[o].node >= lowered->first)
        kept[lowered->type[values[o].node - lowered->base]] = true;
  }
}

edb_status edb_session_kept_operators(const edb_session *s, const edb_keep *keep, uint8_t **kept,
                                      size_t *bytes, edb_error *error) {
  const edb_program *program = edb_model_program(s->model);
  EDB_TRY(edb_keep_check(program, keep, error));
  uint32_t n_cells = program->n_cells, n_types = s->program->n_cells;
  size_t working_bytes = (n_cells + (size_t)1) * sizeof(uint32_t) + output_start(program, n_cells);
  uint32_t *start = edb_alloc(s->ctx, working_bytes);
  if (!start) return edb_fail_memory(error, working_bytes, "what is kept");
  *kept = edb_alloc_zero(s->ctx, n_types);
  *bytes = *kept ? n_types : 0;
  if (*kept) {
    for (uint32_t c = 0; c < n_cells; c++) start[c] = output_start(program, c);
    edb_keep_mark(program, keep, (uint8_t *)(start + n_cells));
    if (s->lowered_from) mark_operators(s, (uint8_t *)(start + n_cells), start, *kept);
  }
  edb_free(s->ctx, start, working_bytes);
  if (!*kept && n_types) return edb_fail_memory(error, n_types, "what is kept");
  return EDB_OK;
}
