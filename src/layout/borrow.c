/* layout/borrow.c: see borrow.h. */
#include "layout/borrow.h"

static bool is_same(edb_ref a, edb_ref b) {
  return a.kind == b.kind && a.index == b.index;
}

/* Whether an operator takes the value, or another output is the same. */
static bool is_used_elsewhere(const edb_ir_cell *cell, uint32_t output) {
  edb_ref value = cell->outputs[output].value;
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++)
    if (o != output && is_same(cell->outputs[o].value, value)) return true;
  for (uint32_t i = 0; value.kind == EDB_REF_OP && i < cell->n_operands; i++)
    if (is_same(cell->operands[i], value)) return true;
  return false;
}

edb_borrow edb_borrow_of(const edb_program *program, const edb_ir_cell *cell, uint32_t output) {
  const edb_borrow none = {EDB_BORROW_NOTHING, EDB_BORROW_WHOLE};
  edb_ref value = cell->outputs[output].value;
  if (is_used_elsewhere(cell, output)) return none;
  if (value.kind == EDB_REF_PARAM) return (edb_borrow){value.index, EDB_BORROW_WHOLE};
  if (value.kind != EDB_REF_OP || cell->ops[value.index].kind != EDB_OP_LOOKUP) return none;
  const edb_ir_op *op = &cell->ops[value.index];
  edb_ref table = cell->operands[op->operand_start], row = cell->operands[op->operand_start + 1];
  if (table.kind != EDB_REF_PARAM || row.kind != EDB_REF_INDEX) return none;
  const edb_index_sig *index = &cell->sig.indices[row.index];
  if (index->is_label || index->bound > program->params[table.index].shape.dim[0]) return none;
  return (edb_borrow){table.index, row.index};
}

edb_status edb_borrow_list(edb_context *ctx, const edb_program *program, edb_borrow **out,
                           size_t *count, edb_error *error) {
  size_t n = 0;
  for (uint32_t c = 0; c < program->n_cells; c++) n += program->cells[c].sig.n_outputs;
  edb_borrow *list = edb_alloc(ctx, n * sizeof *list);
  if (n > 0 && !list) return edb_fail_memory(error, n * sizeof *list, "a session");
  *out = list;
  *count = n;
  for (uint32_t c = 0; c < program->n_cells; c++)
    for (uint32_t o = 0; o < program->cells[c].sig.n_outputs; o++)
      *list++ = edb_borrow_of(program, &program->cells[c], o);
  return EDB_OK;
}
