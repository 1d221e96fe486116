/* layout/split.h: cells in two parts: what can be computed before a node's turn comes, and the
 * rest.
 *
 * The early part takes products (and what feeds them) whose operands are attributes, or inputs that
 * are known to be done early. It has one output, the vector of the values that the late part needs
 * of it; the late part takes that vector as one more input, behind its own.
 *
 *     cell char(h_prev, id) -> (h):            early(id) -> (crossing):
 *       x = E[id]                                x = E[id]
 *       i = sigmoid(X @ x + H @ h_prev + b)      crossing = X @ x
 *       h = ...                                late(h_prev, id, crossing) -> (h):
 *                                                i = sigmoid(crossing + H @ h_prev + b)
 *                                                h = ...
 *
 * Both parts compute what the cell computes, operator by operator, so values keep their bits. */
#ifndef EDB_LAYOUT_SPLIT_H
#define EDB_LAYOUT_SPLIT_H

#include "model/ir.h"

#define EDB_NO_CELL UINT32_MAX

/* The early part of a cell: which of the cell's inputs and attributes it takes; how many is in its
 * signature. */
typedef struct edb_early_part {
  uint32_t cell; /* of the split program; EDB_NO_CELL: the cell is whole */
  const uint32_t *inputs, *indices, *dense;
} edb_early_part;

typedef struct edb_split {
  edb_context *ctx;
  edb_arena arena;
  /* Cells 0 .. n_source - 1 are those of the source, whole or late parts, with the attributes and
   * outputs they had; early parts follow. Their output has the name "", which no other has. */
  edb_program program;
  uint32_t n_source;
  edb_early_part *early; /* [n_source] */
} edb_split;

/* What is known early. */
typedef enum edb_split_scope {
  EDB_SPLIT_NOTHING, /* no cell is split */
  EDB_SPLIT_ATTRIBUTES
} edb_split_scope;

/* `known`: a byte per input of every cell, one cell after the other, set for inputs that are
 * known as well; NULL: none is. The source must outlive the split. */
EDB_MUST_CHECK edb_status edb_split_create(edb_context *ctx, const edb_program *source,
                                           edb_split_scope scope, const uint8_t *known,
                                           edb_split **out, edb_error *error);
void edb_split_destroy(edb_split *split);

/* Whether any cell was split. */
static inline bool edb_split_any(const edb_split *split) {
  return split->program.n_cells > split->n_source;
}

#endif
