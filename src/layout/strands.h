/* layout/strands.h: a mini-batch cut by instances, so that threads need not wait for each other
 * between its batches.
 *
 *     graph:      1 2 3 4 5 | 6 7 8 | 9 10 11 12 | 13 14 15 16
 *     strands:    1 .. 8, 9 .. 16
 *
 * A strand is a stretch of instances, none of which takes anything from another strand. It is
 * scheduled, placed and run like a mini-batch of its own. */
#ifndef EDB_LAYOUT_STRANDS_H
#define EDB_LAYOUT_STRANDS_H

#include "graph/graph.h"

/* Nodes first .. end - 1. */
typedef struct edb_strand {
  edb_node first, end;
} edb_strand;

/* Cuts the pending nodes into `wanted` strands of about as many nodes, or fewer where there are
 * fewer instances; returns their number. Linear in the instances. */
uint32_t edb_strands_cut(const edb_graph *graph, uint32_t wanted, edb_strand *out);

/* Whether none of its nodes takes one of a strand before it. Linear in its edges. */
bool edb_strand_is_apart(const edb_graph *graph, const edb_strand *strand);

/* The graph as a strand sees it: only its own nodes are pending. Valid as long as the graph does
 * not change; it must not be changed or destroyed itself. */
edb_graph edb_strand_view(const edb_graph *graph, const edb_strand *strand);

#endif
