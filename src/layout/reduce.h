/* layout/reduce.h: the execution graph of a scheduled mini-batch: what has to run, once each.
 *
 *     graph:      0 leaf(7)  1 leaf(3)  2 leaf(7)  3 node(0, 1)  4 node(2, 1)
 *     execution:  0 leaf(7)  1 leaf(3)             2 node(0, 1)                runs as 0 1 0 2 2
 *
 * - Equal calls (same cell, same inputs, same attributes) are one node.
 * - Cells that were split (layout/split.h) are an early and a late node. Early nodes run as one
 *   batch before the first batch of their cell, or as soon as what they take is done.
 * - Nodes of tabled cells do not run at all: they count as done, and whoever runs the graph has to
 *   know their values (exec/table.h).
 *
 * Nodes are numbered in the order in which they run, which is that of the schedule, so that
 * placement and execution walk through memory. The schedule stays valid as it is: a node runs where
 * the first of those equal to it was to run, when everything it takes has run for the same reason.
 * Linear in nodes + edges. */
#ifndef EDB_LAYOUT_REDUCE_H
#define EDB_LAYOUT_REDUCE_H

#include "layout/split.h"
#include "policy/policy.h"

/* Nodes from .. to - 1 of an execution graph, of one cell. */
typedef struct edb_node_range {
  uint32_t cell;
  edb_node from, to;
} edb_node_range;

typedef struct edb_reduced {
  edb_context *ctx;
  const edb_split *split;
  edb_graph graph;       /* over the split program: imports, tabled nodes, then pending ones */
  edb_schedule schedule; /* of the pending ones */
  edb_node *all_nodes;   /* 0 .. nodes of the graph - 1; the schedule's are its end */
  uint32_t *runs_as;     /* [n_nodes] the execution node of each pending node of the source */
  uint32_t n_nodes;
  edb_node *imports; /* [n_imports] execution node i is this node of the source, run earlier */
  uint32_t n_imports;
  edb_node_range *tabled; /* [n_tabled] */
  uint32_t n_tabled;
  uint32_t n_shared;    /* nodes of the source that run as another one */
  uint32_t n_looked_up; /* that run as a tabled node, and are not counted as shared */
  uint32_t n_early;     /* batches of early parts */
  double flops;         /* naive, of the source */
  void *memory;         /* of all arrays, those of the graph and the schedule too */
  size_t memory_bytes;
} edb_reduced;

typedef struct edb_reduce_params {
  const edb_program *source;
  const edb_split *split; /* of the source */
  bool share;
  const uint8_t *tabled; /* [cells of the split program] these take no inputs */
  /* [cells of the source] number of the strongly connected component of the type, in topological
   * order: components run one after the other, so that early parts find as many inputs done as can
   * be. The number of batches stays the same. NULL: in the order of the schedule. */
  const uint32_t *component;
} edb_reduce_params;

/* *out gets NULL when nothing would be less, or when the schedule is not one of the graph (which
 * placement finds out and explains). */
EDB_MUST_CHECK edb_status edb_reduce(edb_context *ctx, const edb_reduce_params *params,
                                     const edb_graph *graph, const edb_schedule *schedule,
                                     edb_reduced **out, edb_error *error);
void edb_reduced_destroy(edb_reduced *reduced);

#endif
