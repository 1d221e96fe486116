/* layout/arrange_cell.h: the batches of a cell, and the order in which its values stand in memory
 * so that they run without copies.
 *
 * Variables are what has a place in that order: the results of kernels, and inputs that are to
 * stand beside others, in a concat or as operands of one wide operator; these are gathered, so they
 * may as well be gathered into a place of choice. Other inputs are read where they are. A result
 * that is an output has rows of its own, unless a concat needs it. A value that concats want in
 * several places has copies, variables of their own:
 *
 *     [x; h], [x; r * h]                  | x | h | x' | r * h |      only x is copied */
#ifndef EDB_LAYOUT_ARRANGE_CELL_H
#define EDB_LAYOUT_ARRANGE_CELL_H

#include <edbatch/session.h>

#include "base/vec.h"
#include "layout/arrange.h"
#include "layout/batching.h"

#define EDB_CONCAT_NONE UINT32_MAX

typedef struct edb_cell_arrangement {
  edb_context *ctx;
  edb_batching *batching;     /* operators of a batch stand in the order in which they run */
  uint32_t n_variables, room; /* room: of variables[] */
  edb_ref *variables;         /* [n_variables] as they stand in memory: OP, INPUT or DENSE */
  uint8_t *copy;              /* [n_variables] what stands there belongs elsewhere */
  uint32_t *concat;           /* [n_ops] variable that a concat which is met begins with, or NONE */
  uint8_t *direct;            /* [n_ops] results with rows of their own, as outputs */
  bool exact;                 /* no order meets more, by bytes */
} edb_cell_arrangement;

/* EDB_LAYOUT_CREATED: the same batches in the order of the cell, variables in that of their
 * creation, inputs first. */
EDB_MUST_CHECK edb_status edb_cell_arrange(edb_context *ctx, const edb_program *program,
                                           uint32_t cell, edb_layout layout,
                                           edb_cell_arrangement **out, edb_error *error);
void edb_cell_arrangement_destroy(edb_cell_arrangement *arrangement);

/* A tuple that has what it wants where a concat cannot have it. */
typedef enum edb_rival_kind {
  EDB_RIVAL_CONCAT,  /* `op`, in the order of its operands */
  EDB_RIVAL_RESULTS, /* of a kernel, in any order */
  EDB_RIVAL_OPERANDS /* of the kernel that `op` is in, in the order of its results */
} edb_rival_kind;

typedef struct edb_rival {
  edb_rival_kind kind;
  uint32_t op;            /* RESULTS, OPERANDS: the first one of the kernel */
  size_t bytes;           /* of the values, per node or element */
  size_t start, n_values; /* in edb_rivals.values */
} edb_rival;

typedef struct edb_rivals {
  EDB_VEC(edb_rival) list;
  EDB_VEC(edb_ref) values;
} edb_rivals;

/* Appends a minimal set of what keeps a concat of a planned cell from having its operands in place;
 * nothing, if nothing does. For explanations: it plans the cell anew. */
EDB_MUST_CHECK edb_status edb_cell_find_rivals(edb_context *ctx, const edb_program *program,
                                               uint32_t cell, uint32_t concat, edb_rivals *rivals,
                                               edb_error *error);
void edb_rivals_free(edb_context *ctx, edb_rivals *rivals);

#endif
