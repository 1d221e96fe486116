/* data/raw_graph.c: reading graphs without a model. Every count in the file is checked against what
 * can follow it before memory is taken for it. */
#include "data/raw_graph.h"

#include <string.h>

#include "base/file.h"

#define MIN_NODE_BYTES 4 /* "0 0" and the end of its line */

typedef struct reader {
  const char *name, *at, *end, *line_begin;
  uint32_t line;
  edb_raw_graph *graph;
  edb_error *error;
} reader;

static uint32_t column(const reader *r) {
  size_t bytes = (size_t)(r->at - r->line_begin);
  return bytes < UINT32_MAX ? (uint32_t)bytes + 1 : UINT32_MAX;
}

#define FAIL(r, status, ...) \
  edb_fail_at((r)->error, (status), (r)->name, (r)->line, column(r), __VA_ARGS__)

static void skip_blanks(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')) r->at++;
}

static bool at_digit(const reader *r) {
  return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static edb_status read_number(reader *r, const char *what, uint32_t *out) {
  char buffer[EDB_FOUND_BYTES];
  uint64_t value = 0;
  skip_blanks(r);
  if (!at_digit(r))
    return FAIL(r, EDB_ERROR_FORMAT, "expected %s, found %s", what,
                edb_found(r->at, r->end, buffer));
  const char *begin = r->at;
  while (at_digit(r) && value <= UINT32_MAX) value = value * 10 + (uint64_t)(*r->at++ - '0');
  if (value >= UINT32_MAX) {
    r->at = begin;
    return FAIL(r, EDB_ERROR_FORMAT, "%s must be below %u", what, UINT32_MAX);
  }
  *out = (uint32_t)value;
  return EDB_OK;
}

static edb_status end_line(reader *r, const char *after) {
  char buffer[EDB_FOUND_BYTES];
  skip_blanks(r);
  if (r->at == r->end) return EDB_OK;
  if (*r->at != '\n')
    return FAIL(r, EDB_ERROR_FORMAT, "expected the end of the line after %s, found %s", after,
                edb_found(r->at, r->end, buffer));
  r->line_begin = ++r->at;
  r->line++;
  return EDB_OK;
}

static edb_status read_header(reader *r, uint32_t *n_nodes) {
  EDB_TRY(read_number(r, "the number of nodes", n_nodes));
  size_t rest = (size_t)(r->end - r->at);
  if (*n_nodes > rest / MIN_NODE_BYTES + 1) {
    r->at = r->line_begin;
    return FAIL(r, EDB_ERROR_FORMAT, "%u node%s announced, but only %zu byte%s left", *n_nodes,
                EDB_S(*n_nodes), rest, EDB_S(rest));
  }
  return end_line(r, "the number of nodes");
}

static edb_status read_arguments(reader *r, uint32_t node, uint32_t count) {
  edb_raw_graph *g = r->graph;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t argument = 0;
    EDB_TRY(read_number(r, "an argument", &argument));
    if (argument >= node)
      return FAIL(r, EDB_ERROR_FORMAT,
                  "node %u takes node %u; arguments must be numbers of earlier lines", node,
                  argument);
    if (g->in_node.length >= UINT32_MAX - 1)
      return FAIL(r, EDB_ERROR_LIMIT, "a graph holds at most %u edges", UINT32_MAX - 1);
    if (!edb_vec_push(g->ctx, &g->in_node, argument))
      return edb_fail_memory(r->error, g->in_node.length * sizeof(uint32_t), "a graph's edges");
  }
  return EDB_OK;
}

static edb_status read_node(reader *r, uint32_t node) {
  edb_raw_graph *g = r->graph;
  uint32_t type = 0, count = 0;
  EDB_TRY(read_number(r, "the type of a node", &type));
  if (type >= EDB_RAW_TYPES)
    return FAIL(r, EDB_ERROR_LIMIT, "type %u is too large, expected a number below %u", type,
                EDB_RAW_TYPES);
  EDB_TRY(read_number(r, "the number of arguments", &count));
  EDB_TRY(read_arguments(r, node, count));
  EDB_TRY(end_line(r, "a node"));
  g->type.data[node] = type;
  g->in_start.data[node + 1] = (uint32_t)g->in_node.length;
  if (type >= g->n_types) g->n_types = type + 1;
  return EDB_OK;
}

static edb_status reserve(reader *r, uint32_t n_nodes) {
  edb_raw_graph *g = r->graph;
  if (!edb_vec_reserve(g->ctx, &g->type, (size_t)n_nodes + 1) ||
      !edb_vec_reserve(g->ctx, &g->in_start, (size_t)n_nodes + 1))
    return edb_fail_memory(r->error, ((size_t)n_nodes + 1) * sizeof(uint32_t), "a graph's nodes");
  g->type.length = n_nodes;
  g->in_start.length = (size_t)n_nodes + 1;
  g->in_start.data[0] = 0;
  return EDB_OK;
}

static edb_status read_graph(reader *r) {
  char buffer[EDB_FOUND_BYTES];
  uint32_t n_nodes = 0;
  EDB_TRY(read_header(r, &n_nodes));
  EDB_TRY(reserve(r, n_nodes));
  for (uint32_t v = 0; v < n_nodes; v++) EDB_TRY(read_node(r, v));
  while (r->at < r->end && r->at[0] == '\n') EDB_TRY(end_line(r, "the last node"));
  if (r->at < r->end)
    return FAIL(r, EDB_ERROR_FORMAT, "expected the end of the text after %u node%s, found %s",
                n_nodes, EDB_S(n_nodes), edb_found(r->at, r->end, buffer));
  edb_raw_graph *g = r->graph;
  if (!edb_vec_reserve(g->ctx, &g->unbatchable, g->n_types))
    return edb_fail_memory(r->error, g->n_types, "a graph's types");
  memset(g->unbatchable.data, 0, g->n_types);
  g->unbatchable.length = g->n_types;
  g->unbatchable.data[0] = 1;
  return EDB_OK;
}

edb_status edb_raw_graph_parse(edb_context *ctx, const char *text, size_t bytes, const char *name,
                               edb_raw_graph *out, edb_error *error) {
  edb_raw_graph graph = {.ctx = ctx, .n_types = 1};
  const char *begin = bytes > 0 ? text : "";
  reader r = {.name = name,
              .at = begin,
              .end = begin + bytes,
              .line_begin = begin,
              .line = 1,
              .graph = &graph,
              .error = error};
  edb_status status = read_graph(&r);
  if (status != EDB_OK) {
    edb_raw_graph_free(&graph);
    return status;
  }
  *out = graph;
  return EDB_OK;
}

edb_status edb_raw_graph_load(edb_context *ctx, const char *path, edb_raw_graph *out,
                              edb_error *error) {
  edb_file file;
  EDB_TRY(edb_file_open(ctx, path, &file, error));
  edb_status status = edb_raw_graph_parse(ctx, file.data, file.bytes, path, out, error);
  edb_file_close(&file);
  return status;
}

void edb_raw_graph_free(edb_raw_graph *graph) {
  edb_vec_free(graph->ctx, &graph->type);
  edb_vec_free(graph->ctx, &graph->in_start);
  edb_vec_free(graph->ctx, &graph->in_node);
  edb_vec_free(graph->ctx, &graph->unbatchable);
}

edb_dag edb_raw_graph_dag(const edb_raw_graph *graph) {
  return (edb_dag){.n_nodes = (uint32_t)graph->type.length,
                   .n_types = graph->n_types,
                   .type = graph->type.data,
                   .in_start = graph->in_start.data,
                   .in_node = graph->in_node.data,
                   .unbatchable = graph->unbatchable.data};
}
