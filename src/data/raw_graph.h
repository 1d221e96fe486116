/* data/raw_graph.h: graphs without a model, as plain text, for studying schedules.
 *
 * First line: the number of nodes. Then one line per node: `type nargs arg...`, numbers separated
 * by blanks; arguments are numbers of earlier lines, from 0. Nodes of type 0 are unbatchable: they
 * run alone, as soon as they are ready. */
#ifndef EDB_DATA_RAW_GRAPH_H
#define EDB_DATA_RAW_GRAPH_H

#include "base/vec.h"
#include "graph/graph.h"

/* Types are numbers below this. */
#define EDB_RAW_TYPES (1u << 16)

typedef struct edb_raw_graph {
  edb_context *ctx;
  uint32_t n_types;           /* largest type + 1, at least 1 */
  EDB_VEC(uint32_t) type;     /* per node */
  EDB_VEC(uint32_t) in_start; /* per node, and the end */
  EDB_VEC(uint32_t) in_node;
  EDB_VEC(uint8_t) unbatchable; /* per type */
} edb_raw_graph;

/* EDB_ERROR_IO, EDB_ERROR_FORMAT and EDB_ERROR_LIMIT (too many types, nodes or edges) with line and
 * column, EDB_ERROR_MEMORY. */
EDB_MUST_CHECK edb_status edb_raw_graph_load(edb_context *ctx, const char *path, edb_raw_graph *out,
                                             edb_error *error);
/* The same from a text in memory; `name` stands for the file in errors. */
EDB_MUST_CHECK edb_status edb_raw_graph_parse(edb_context *ctx, const char *text, size_t bytes,
                                              const char *name, edb_raw_graph *out,
                                              edb_error *error);
void edb_raw_graph_free(edb_raw_graph *graph);

/* Refers to the graph's arrays. */
edb_dag edb_raw_graph_dag(const edb_raw_graph *graph);

#endif
