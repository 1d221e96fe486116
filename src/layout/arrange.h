/* layout/arrange.h: the memory order of a cell's values, so that its batched operators need no
 * copies.
 *
 * A batch of k operators has tuples of k values: its results first, then its operands. It runs
 * without a copy iff each tuple stands in consecutive places (adjacency) and all of its tuples
 * stand in the same relative order (alignment):
 *
 *     (4, 5)    <- (1, 3)                   2 1 3 4 5 8 6 7
 *     (6, 7, 8) <- (1, 3, 2), (4, 5, 3)       | | | |  the second batch runs in the order 8 6 7
 *
 * If not all can be had, operand tuples are given up so that the fewest bytes are copied. Which
 * orders are left is known exactly: PQ trees hold the adjacent ones, what follows for one tuple of
 * a batch is spread to the others until nothing changes, and then only the ways to turn nodes have
 * to agree. */
#ifndef EDB_LAYOUT_ARRANGE_H
#define EDB_LAYOUT_ARRANGE_H

#include "base/memory.h"

/* An element of a tuple that has no place in the order: an input read where it is, a slice. */
#define EDB_ARRANGE_OUTSIDE UINT32_MAX
/* Above these, the order is that of creation: a guard, cells have some ten operators. */
#define EDB_ARRANGE_MAX_VARIABLES 1024u
#define EDB_ARRANGE_MAX_ELEMENTS  8192u

typedef struct edb_arrange_batch {
  uint32_t size; /* operators */
  uint32_t n_tuples;
  const uint32_t *elements; /* [n_tuples * size] tuple after tuple, results first */
  /* Its only tuple shall stand in the order given, not just in any one: the parts of a concat. It
   * may be given up like an operand. */
  bool in_order;
} edb_arrange_batch;

typedef struct edb_arrange_problem {
  uint32_t n_variables;
  const size_t *bytes; /* [n_variables] */
  uint32_t n_batches;
  const edb_arrange_batch *batches;
} edb_arrange_problem;

typedef enum edb_tuple_fate {
  EDB_TUPLE_FREE,   /* needs no order: a single value, one value for all operators, all outside */
  EDB_TUPLE_PLACED, /* consecutive, and in the order of its batch */
  EDB_TUPLE_COPIED  /* gathered before the kernel, or scattered after it */
} edb_tuple_fate;

typedef struct edb_arrangement {
  edb_context *ctx;
  uint32_t n_variables, n_operators, n_tuples;
  uint32_t *order;     /* [n_variables] variables as they stand in memory */
  uint32_t *operators; /* [sum of sizes] of each batch: the operators as they run, by their position
                          in the tuples; the order of stacked weights likewise */
  uint8_t *fate;       /* [sum of n_tuples] edb_tuple_fate */
  uint32_t n_copied;   /* tuples */
  size_t copied_bytes; /* of the variables in them; those outside are not counted */
  bool exact;          /* no order copies fewer bytes */
} edb_arrangement;

/* EDB_ERROR_ARGUMENT: an element that is no variable, a result twice in one batch, several tuples
 * that shall be in_order; EDB_ERROR_LIMIT: more bytes than can be counted. */
EDB_MUST_CHECK edb_status edb_arrange(edb_context *ctx, const edb_arrange_problem *problem,
                                      edb_arrangement **out, edb_error *error);
/* What a given order costs (NULL: that of creation): batches run in the order of their results. */
EDB_MUST_CHECK edb_status edb_arrange_judge(edb_context *ctx, const edb_arrange_problem *problem,
                                            const uint32_t *order, edb_arrangement **out,
                                            edb_error *error);
/* What keeps tuple `lost`, by its number among all of them, from being met: rivals[] of all tuples
 * gets 1 for a minimal set of those that edb_arrange meets and that cannot be met together with it.
 * No rivals: it is met, or cannot be by itself, or the problem is too large to be searched. */
EDB_MUST_CHECK edb_status edb_arrange_rivals(edb_context *ctx, const edb_arrange_problem *problem,
                                             uint32_t lost, uint8_t *rivals, edb_error *error);
void edb_arrangement_destroy(edb_arrangement *arrangement);

#endif
