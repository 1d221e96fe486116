/* model/op_cells.h: the types of operator granularity: one single-operator cell per distinct
 * operator.
 *
 * Two operators are the same when kind, immediates, rate, result shape and every operand agree. A
 * row (a value that differs per node: an input of the cell or another operator's result) counts by
 * its shape, a parameter and a number by itself, an attribute by its bound or shape and by whether
 * it is a label.
 *
 * The names of cells say all of that ("add(row[256], bi)"), so they are unique, and operators are
 * found by them. Types, the graph's and the policies' view of cells, leave the sizes out ("add(row,
 * bi)"), so that a policy outlives a change of a constant; among operators that differ in sizes
 * only, the later ones get "#2", "#3" in the order of the model. */
#ifndef EDB_MODEL_OP_CELLS_H
#define EDB_MODEL_OP_CELLS_H

#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/ir.h"

/* One operand as the new cell sees it. */
typedef struct edb_op_operand {
  edb_ref_kind kind; /* INPUT: a row; never OP */
  edb_shape shape;   /* INPUT, DENSE */
  uint32_t param;    /* PARAM */
  double number;     /* NUMBER */
  uint32_t bound;    /* INDEX */
  bool is_label;     /* INDEX, DENSE */
} edb_op_operand;

typedef struct edb_op_spec {
  const edb_ir_op *op; /* kind, immediates, shape, position */
  double rate;         /* DROPOUT */
  double flops;
  uint32_t n_operands;
  const edb_op_operand *operands;
} edb_op_spec;

typedef struct edb_op_cells {
  edb_context *ctx;
  edb_arena arena;     /* everything inside the cells */
  edb_map names, keys; /* name -> cell; key without number -> cells that have it */
  EDB_VEC(edb_ir_cell) cells;
  EDB_VEC(edb_type_sig) types;
  EDB_VEC(edb_shape) shapes;
  const edb_program *model; /* params come from here */
  edb_text name, key;       /* being written */
} edb_op_cells;

/* Begins with the model's shapes, so that shape ids agree. */
EDB_MUST_CHECK edb_status edb_op_cells_init(edb_op_cells *cells, edb_context *ctx,
                                            const edb_program *model, edb_error *error);
void edb_op_cells_free(edb_op_cells *cells);
/* Number of the operator's cell; made when it is new. */
EDB_MUST_CHECK edb_status edb_op_cells_find(edb_op_cells *cells, const edb_op_spec *spec,
                                            uint32_t *out, edb_error *error);
/* Valid until the next find. */
edb_program edb_op_cells_program(const edb_op_cells *cells);

#endif
