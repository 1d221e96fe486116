/* layout/pqtree_impl.h: the inside of a PQ tree: nodes, the journal, and what a REDUCE marks. */
#ifndef EDB_LAYOUT_PQTREE_IMPL_H
#define EDB_LAYOUT_PQTREE_IMPL_H

#include "base/vec.h"
#include "layout/pqtree.h"

#define EDB_PQ_NONE EDB_PQTREE_NONE

/* The words of a node that make up the tree; every write to them is noted in the journal. */
typedef enum edb_pq_field {
  EDB_PQ_KIND,   /* edb_pqtree_kind */
  EDB_PQ_OF_Q,   /* whether it is a child of a Q node */
  EDB_PQ_PARENT, /* of children of P nodes and of the two endmost children of Q nodes; else stale */
  EDB_PQ_LINK, /* two words: child of P: previous and next in a ring; child of Q: its neighbours in
                  no fixed order, NONE at an end, so that turning a Q node round costs nothing */
  EDB_PQ_LINK_2,
  EDB_PQ_END, /* two words: Q: the endmost children; P: any child */
  EDB_PQ_END_2,
  EDB_PQ_CHILDREN, /* P: their number */
  EDB_PQ_FIELDS
} edb_pq_field;

typedef enum edb_pq_label { EDB_PQ_EMPTY, EDB_PQ_PARTIAL, EDB_PQ_FULL } edb_pq_label;
typedef enum edb_pq_visit {
  EDB_PQ_UNSEEN,
  EDB_PQ_QUEUED,
  EDB_PQ_BLOCKED, /* inside a Q node and no neighbour knows the parent (yet) */
  EDB_PQ_UNBLOCKED
} edb_pq_visit;

/* What one REDUCE knows of a node; zero outside of it. */
typedef struct edb_pq_mark {
  uint8_t visit, label;      /* edb_pq_visit, edb_pq_label */
  uint8_t n_partial;         /* partial children: no template has more than two */
  uint32_t due;              /* children with leaves of the set that are still to come */
  uint32_t leaves;           /* of the set, below */
  uint32_t full, first_full; /* its full children: their number, and a list of them */
  uint32_t next_full;        /* in the parent's list */
  uint32_t partial[2];
} edb_pq_mark;

typedef struct edb_pq_node {
  uint32_t field[EDB_PQ_FIELDS];
} edb_pq_node;

/* The value that a word had. Node EDB_PQ_NONE: the tree's own words, fields 0 (root) and 1 (free).
 */
typedef struct edb_pq_entry {
  uint32_t node, field, value;
} edb_pq_entry;

struct edb_pqtree {
  edb_context *ctx;
  uint32_t n_leaves, n_nodes; /* nodes 0 .. n_leaves - 1 are the leaves */
  uint32_t root, free;        /* free nodes are linked by EDB_PQ_PARENT */
  edb_pq_node *nodes;
  edb_pq_mark *marks; /* [n_nodes] */
  uint32_t *queue;    /* [n_nodes] */
  uint32_t *seen;     /* [n_nodes] nodes whose marks are not zero */
  uint32_t n_seen;
  uint32_t pseudo;    /* stands for an unknown parent during a REDUCE, else NONE */
  bool keeps_journal; /* there is a mark */
  EDB_VEC(edb_pq_entry) journal;
};

static inline uint32_t edb_pq_get(const edb_pqtree *t, uint32_t node, uint32_t field) {
  return t->nodes[node].field[field];
}

/* Room in the journal is reserved before a template is applied. */
static inline void edb_pq_note(edb_pqtree *t, uint32_t node, uint32_t field, uint32_t value) {
  EDB_ASSERT(t->journal.length < t->journal.capacity);
  t->journal.data[t->journal.length++] = (edb_pq_entry){node, field, value};
}

static inline void edb_pq_set(edb_pqtree *t, uint32_t node, uint32_t field, uint32_t value) {
  uint32_t *word = &t->nodes[node].field[field];
  if (*word == value) return;
  edb_pq_note(t, node, field, *word);
  *word = value;
}

/* Entries that one template can write, besides those for each full child. */
#define EDB_PQ_ENTRIES_TEMPLATE 96u
#define EDB_PQ_ENTRIES_CHILD    16u

/* Notes that a node's marks must be cleared in the end. */
void edb_pq_see(edb_pqtree *t, uint32_t node);

/* Applies the template that fits node x, all of whose children with leaves of the set are done.
 * Gives the node that stands in its place, labelled; EDB_PQ_NONE: none fits. */
uint32_t edb_pq_match(edb_pqtree *t, uint32_t x, bool is_root);

#endif
