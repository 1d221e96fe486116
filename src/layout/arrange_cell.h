/* layout/arrange_cell.h: the batches of a cell as a problem of arrangement, solved, and what that
 * is worth.
 *
 * Variables are the results of kernels, and those inputs that stand in a tuple with them or in a
 * concat: these are gathered into the cell's memory in any case, so they may as well be gathered
 * into a place of choice. All other inputs are read where they are. Parameters are packed in the
 * order of the plan. */
#ifndef EDB_LAYOUT_ARRANGE_CELL_H
#define EDB_LAYOUT_ARRANGE_CELL_H

#include "layout/arrange.h"
#include "layout/batching.h"

typedef struct edb_cell_cost {
  uint32_t kernels;       /* without those that gather */
  uint32_t gathers;       /* tuples with results in them that are copied, and concats that are */
  size_t gather_bytes;    /* per node, or element: what they copy */
  uint32_t input_gathers; /* tuples of inputs alone that are copied within the cell's memory */
  size_t input_gather_bytes;
} edb_cell_cost;

typedef struct edb_cell_arrangement {
  edb_context *ctx;
  edb_batching *batching;
  edb_arrangement *arrangement; /* batches of the problem: the cell's, then one per sequence */
  uint32_t n_variables;
  edb_ref *variables;    /* [n_variables] what each is: OP, INPUT or DENSE */
  edb_cell_cost created; /* the same batches, values in the order of creation */
  edb_cell_cost planned;
  uint32_t unbatched_kernels; /* operators that compute */
} edb_cell_arrangement;

EDB_MUST_CHECK edb_status edb_cell_arrange(edb_context *ctx, const edb_program *program,
                                           uint32_t cell, edb_cell_arrangement **out,
                                           edb_error *error);
void edb_cell_arrangement_destroy(edb_cell_arrangement *arrangement);

#endif
