/* layout/arrange_impl.h: the state shared by the reading of a problem (arrange.c), the search over
 * sets of tuples (arrange_search.c) and the solver of one set (arrange_solve.c, arrange_align.c).
 */
#ifndef EDB_LAYOUT_ARRANGE_IMPL_H
#define EDB_LAYOUT_ARRANGE_IMPL_H

#include "base/vec.h"
#include "layout/arrange.h"
#include "layout/pqtree.h"

typedef enum edb_tuple_state {
  EDB_TUPLE_OFF,    /* without a say: FREE, always COPIED, or not its turn yet */
  EDB_TUPLE_ON,     /* must be met */
  EDB_TUPLE_OPEN,   /* shall be met, may be dropped */
  EDB_TUPLE_SPARED, /* OPEN, but left out while a core is looked for */
  EDB_TUPLE_DROPPED
} edb_tuple_state;

typedef struct edb_tuple {
  const uint32_t *elements;
  uint32_t size, batch;
  size_t bytes;
  edb_tuple_fate fate; /* PLACED: it can be, by itself */
  edb_tuple_state state;
  bool is_result;
} edb_tuple;

/* Nodes first .. end - 1 of the outline, children of `node`: what a tuple covers in the tree. */
typedef struct edb_tree_run {
  uint32_t node, first, end;
} edb_tree_run;

typedef struct edb_arranger {
  edb_context *ctx;
  edb_error *error;
  const edb_arrange_problem *problem;
  edb_tuple *tuples;
  uint32_t n_tuples, n_operators, largest; /* largest: size of a batch */
  uint32_t *tuple_start;                   /* [n_batches + 1] */
  edb_pqtree *tree;
  edb_pqtree_node *nodes; /* [2 n] outline of the tree */
  uint32_t n_nodes;
  bool outline_is_stale;
  uint32_t *leaves;     /* [n] frontier that the outline describes */
  uint32_t *place;      /* [n] of a variable in it */
  uint32_t *position;   /* [n] of a variable in the tuple at hand */
  uint32_t *position_2; /* [n] and in the other one */
  uint32_t *set;        /* [largest] */
  uint32_t *owner;      /* [largest] */
  uint32_t *order;      /* [n] what the last success gave */

  /* Ways to turn the nodes of the outline, and the ground (node 2 n), which is never turned. */
  uint32_t *child_start; /* [2 n] first child of a node in the arrays below */
  uint32_t *children;    /* [2 n] */
  uint32_t *link;        /* [2 n + 1] union-find; roots link to themselves */
  uint8_t *turned;       /* [2 n + 1] Q and two children: whether it is turned against link[] */
  uint32_t *weight;    /* [2 n] P: child k here stands where child weight^-1(k) stands in link[] */
  uint32_t *way;       /* [3 * largest] room for three permutations */
  edb_tree_run *stack; /* [4 n + 2] */
} edb_arranger;

static inline bool edb_tuple_is_active(const edb_tuple *t) {
  return t->state == EDB_TUPLE_ON || t->state == EDB_TUPLE_OPEN;
}

/* Decides on all tuples that can be placed: ON or DROPPED; a->order then meets those that are ON.
 * `elements`: of all tuples. */
EDB_MUST_CHECK edb_status edb_arrange_search(edb_arranger *a, size_t elements, bool *exact);
/* After a search: a minimal set of the tuples that are ON which cannot be met together with `lost`.
 */
EDB_MUST_CHECK edb_status edb_arrange_find_rivals(edb_arranger *a, uint32_t lost, uint8_t *rivals);
/* Whether all active tuples can be met at once; if so, a->order is an order that does. `keep`: then
 * the tree stays as it has become, for calls with more tuples. */
EDB_MUST_CHECK edb_status edb_arrange_solve(edb_arranger *a, bool keep, bool *possible);
/* Second half: turns the nodes of a->nodes so that the tuples of each batch agree. */
bool edb_arrange_align(edb_arranger *a);
/* Where an active tuple lies in the outline; also fills position[] for its variables. */
edb_tree_run edb_arrange_cover(const edb_arranger *a, const edb_tuple *t, uint32_t *position);

#endif
