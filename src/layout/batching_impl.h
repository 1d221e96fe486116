/* layout/batching_impl.h: shared by the types of operators (batching_types.c) and their batching.
 */
#ifndef EDB_LAYOUT_BATCHING_IMPL_H
#define EDB_LAYOUT_BATCHING_IMPL_H

#include "base/map.h"
#include "base/vec.h"
#include "layout/batching.h"

typedef struct edb_batcher {
  edb_context *ctx;
  edb_error *error;
  edb_batching *batching;
  const edb_ir_cell *cell;
  uint32_t *domain; /* [n_ops] rows that an operator runs over: 0 static, 1 nodes, 2 + group */
  uint32_t *type;   /* [n_ops] 0: needs no kernel; else operators of one type can be one kernel */
  uint32_t n_types;
  edb_map types;                   /* key -> type */
  edb_map stacks;                  /* operand of products -> position in stack_shapes */
  EDB_VEC(edb_shape) stack_shapes; /* of its weights; rank 0: several */
  EDB_VEC(uint32_t) key;
} edb_batcher;

/* Fills domain[], type[], and the batching's role[] and swapped[]. */
EDB_MUST_CHECK edb_status edb_batching_find_types(edb_batcher *b);

/* Adds `n` operators that can be one kernel, in the order of the cell, as one batch or as two. */
void edb_batching_add(edb_batching *batching, const uint32_t *ops, uint32_t n);

#endif
