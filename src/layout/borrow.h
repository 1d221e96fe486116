/* layout/borrow.h: outputs that are a parameter or a row of one, and so need no memory of their
 * own: as long as nobody keeps them, who takes them reads them where they are.
 *
 *     cell leaf(word: index words) -> (v[n], M[n, n]):       row `word` of V0, of M0
 *       v = V0[word]
 *       M = M0[word]
 *     cell start() -> (h[n]):                                h0 as a whole
 *       h = h0 */
#ifndef EDB_LAYOUT_BORROW_H
#define EDB_LAYOUT_BORROW_H

#include "model/ir.h"

typedef struct edb_borrow {
  uint32_t param; /* EDB_BORROW_NOTHING: the output is computed */
  uint32_t index; /* the index attribute that says which row; EDB_BORROW_WHOLE */
} edb_borrow;

#define EDB_BORROW_NOTHING UINT32_MAX
#define EDB_BORROW_WHOLE   UINT32_MAX

/* Of one output of a cell. Nothing else in the cell takes or gives the value that it is, so that
 * the step that would make it can be left out. */
edb_borrow edb_borrow_of(const edb_program *program, const edb_ir_cell *cell, uint32_t output);

/* Of all outputs of all cells, one after another; *count of them. The caller frees them. */
EDB_MUST_CHECK edb_status edb_borrow_list(edb_context *ctx, const edb_program *program,
                                          edb_borrow **out, size_t *count, edb_error *error);

#endif
