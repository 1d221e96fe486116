/* layout/pqtree_read.c: reads a PQ tree: one of its orders, and its nodes as they stand in that
 * order. */
#include "layout/pqtree_impl.h"

/* Nodes still to come, the next one on top. The queue of REDUCE is free between reductions. */
typedef struct walk {
  edb_pqtree *tree;
  uint32_t depth;
} walk;

/* Pushes a node's children so that the first comes off first. */
static void push_children(walk *w, uint32_t x) {
  const edb_pqtree *t = w->tree;
  uint32_t *stack = t->queue, start = w->depth;
  if (edb_pq_get(t, x, EDB_PQ_KIND) == EDB_PQTREE_LEAF) return;
  uint32_t first = edb_pq_get(t, x, EDB_PQ_END), at = first, previous = EDB_PQ_NONE;
  bool is_q = edb_pq_get(t, x, EDB_PQ_KIND) == EDB_PQTREE_Q;
  do {
    stack[w->depth++] = at;
    uint32_t next = edb_pq_get(t, at, EDB_PQ_LINK_2);
    if (is_q && next == previous) next = edb_pq_get(t, at, EDB_PQ_LINK);
    previous = at;
    at = next;
  } while (at != first && at != EDB_PQ_NONE);
  for (uint32_t i = start, j = w->depth - 1; i < j; i++, j--) {
    uint32_t swap = stack[i];
    stack[i] = stack[j];
    stack[j] = swap;
  }
}

void edb_pqtree_frontier(edb_pqtree *t, uint32_t *leaves) {
  walk w = {.tree = t};
  uint32_t n = 0;
  if (t->root != EDB_PQ_NONE) t->queue[w.depth++] = t->root;
  while (w.depth > 0) {
    uint32_t x = t->queue[--w.depth];
    if (x < t->n_leaves)
      leaves[n++] = x;
    else
      push_children(&w, x);
  }
}

uint32_t edb_pqtree_outline(edb_pqtree *t, edb_pqtree_node *nodes, uint32_t *leaves) {
  walk w = {.tree = t};
  uint32_t n = 0, n_leaves = 0, up = EDB_PQTREE_NONE;
  if (t->root != EDB_PQ_NONE) t->queue[w.depth++] = t->root;
  while (w.depth > 0) {
    uint32_t x = t->queue[--w.depth], before = w.depth;
    nodes[n] = (edb_pqtree_node){.kind = (edb_pqtree_kind)edb_pq_get(t, x, EDB_PQ_KIND),
                                 .leaf = x,
                                 .parent = up,
                                 .begin = n_leaves};
    if (nodes[n].kind != EDB_PQTREE_LEAF) {
      push_children(&w, x);
      nodes[n].n_children = nodes[n].next =
          w.depth - before; /* next: counts the children to come */
      up = n++;
      continue;
    }
    leaves[n_leaves++] = x;
    nodes[n].end = n_leaves;
    nodes[n].next = n + 1;
    n++;
    /* The last child of a node ends it, and maybe its parents. */
    while (up != EDB_PQTREE_NONE && --nodes[up].next == 0) {
      nodes[up].next = n;
      nodes[up].end = n_leaves;
      up = nodes[up].parent;
    }
  }
  return n;
}
