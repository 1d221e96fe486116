/* layout/arrange_cell_impl.h: a cell on its way to an arrangement problem and back, shared by
 * arrange_cell.c and the copies of what several concats want (arrange_copies.c). */
#ifndef EDB_LAYOUT_ARRANGE_CELL_IMPL_H
#define EDB_LAYOUT_ARRANGE_CELL_IMPL_H

#include "layout/arrange_cell.h"

typedef struct edb_cell_adapter {
  edb_context *ctx;
  edb_error *error;
  const edb_batching *batching;
  const edb_ir_cell *cell;
  edb_cell_arrangement *out;
  uint32_t *op_variable;    /* [n_ops] variables, or OUTSIDE */
  uint32_t *input_variable; /* [n_inputs + n_dense] */
  uint32_t *sequence;       /* [n_ops] problem batches of concats; else UINT32_MAX */
  uint32_t *concat_of;      /* [problem batches] the concat; else EDB_CONCAT_NONE */
  uint32_t *group_ops;      /* [n_ops] of the groups, group after group */
  uint32_t *group;          /* [n_ops] what an operator of the batch at hand is grouped by */
  uint32_t *order;          /* [n_ops] operators of the batch at hand */
  uint32_t *elements;       /* of all problem batches */
  edb_arrange_batch *batches;
  uint32_t *batch_of; /* [problem batches] where its operators begin in group_ops, or NOT_RUN */
  uint32_t n_batches, n_group_ops;
  size_t *bytes; /* [n_variables] */
  size_t n_elements;
  void *memory;
  size_t memory_bytes;
} edb_cell_adapter;

/* A cell up to its problem (make_problem: only if it is small enough to be planned); gives back
 * what it took with edb_cell_adapter_close, whatever it returns. */
EDB_MUST_CHECK edb_status edb_cell_adapter_open(edb_cell_adapter *a, const edb_program *program,
                                                uint32_t cell, edb_layout layout, bool *planned);
void edb_cell_adapter_close(edb_cell_adapter *a);
/* A new variable of this value, behind all others. */
void edb_cell_add_variable(edb_cell_adapter *a, edb_ref ref, uint32_t *variable);
/* The problem as it stands. */
EDB_MUST_CHECK edb_status edb_cell_solve(edb_cell_adapter *a, edb_arrangement **out);
/* The problem with copies of values that are claimed, if that copies less than `first`, its
 * solution, does without; else *out stays NULL and the problem as it is. */
EDB_MUST_CHECK edb_status edb_cell_solve_with_copies(edb_cell_adapter *a,
                                                     const edb_arrangement *first,
                                                     edb_arrangement **out);

#endif
