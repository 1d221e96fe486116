/* layout/pqtree.h: a PQ tree, which stands for all orders of n leaves that keep given sets together
 * (Booth and Lueker, 1976).
 *
 * The children of a P node may stand in any order; those of a Q node in the order they have, or in
 * the reverse one. REDUCE by a set cuts the orders down to those in which its leaves are
 * consecutive:
 *
 *            P                  reduce {b, c}            P            reduce {a, b}         Q
 *       / / | | \         ------------------------>  / /  \  \     -------------------->  ...
 *      a b  c d  e                                  a  P   d  e
 *                                                     b c
 *
 * A reduction costs O(size of the set), a failed one leaves the tree as it was, and what was done
 * since a mark can be undone at the cost of what it changed: every change is noted in a journal. */
#ifndef EDB_LAYOUT_PQTREE_H
#define EDB_LAYOUT_PQTREE_H

#include "base/memory.h"

#define EDB_PQTREE_NONE       UINT32_MAX
#define EDB_PQTREE_MAX_LEAVES (1u << 28)

typedef struct edb_pqtree edb_pqtree;

typedef enum edb_pqtree_result {
  EDB_PQTREE_SAME,      /* all orders had the set together already */
  EDB_PQTREE_CHANGED,   /* some orders are gone */
  EDB_PQTREE_IMPOSSIBLE /* no order is left: the tree is as it was */
} edb_pqtree_result;

/* The tree of all orders of leaves 0 .. n - 1. EDB_ERROR_LIMIT above EDB_PQTREE_MAX_LEAVES. */
EDB_MUST_CHECK edb_status edb_pqtree_create(edb_context *ctx, uint32_t n_leaves, edb_pqtree **out,
                                            edb_error *error);
void edb_pqtree_destroy(edb_pqtree *tree);
uint32_t edb_pqtree_leaf_count(const edb_pqtree *tree);

/* REDUCE. EDB_ERROR_ARGUMENT: a leaf is out of range or stands in the set twice; EDB_ERROR_MEMORY:
 * no room for the journal. The tree is then as it was. */
EDB_MUST_CHECK edb_status edb_pqtree_reduce(edb_pqtree *tree, const uint32_t *set, uint32_t count,
                                            edb_pqtree_result *result, edb_error *error);

/* A moment to come back to. The journal is kept from the first mark on; marks nest, and undoing an
 * earlier one forgets those after it. */
size_t edb_pqtree_mark(edb_pqtree *tree);
void edb_pqtree_undo(edb_pqtree *tree, size_t mark);
/* Forgets all marks, and the journal. */
void edb_pqtree_commit(edb_pqtree *tree);

/* One of the orders: leaves[n]. */
void edb_pqtree_frontier(edb_pqtree *tree, uint32_t *leaves);

typedef enum edb_pqtree_kind { EDB_PQTREE_LEAF, EDB_PQTREE_P, EDB_PQTREE_Q } edb_pqtree_kind;

/* A node as it stands in the frontier. */
typedef struct edb_pqtree_node {
  edb_pqtree_kind kind;
  uint32_t leaf;       /* LEAF */
  uint32_t parent;     /* position in the outline; EDB_PQTREE_NONE at the root */
  uint32_t begin, end; /* its leaves are leaves[begin] .. leaves[end - 1] of the frontier */
  uint32_t next; /* position after its subtree: its next sibling, if that has the same parent */
  uint32_t n_children;
} edb_pqtree_node;

/* All nodes in preorder, with the frontier that they describe: nodes[2 n], leaves[n]; gives their
 * number. The first child of node i is i + 1. A node with two children is a P node. */
uint32_t edb_pqtree_outline(edb_pqtree *tree, edb_pqtree_node *nodes, uint32_t *leaves);

#endif
