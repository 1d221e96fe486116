/* exec/session_read.c: the values of a session's runs. */
#include <string.h>

#include "base/bitset.h"
#include "exec/session.h"

/* Where the value of a cell graph is: itself, or what became of it at operator granularity. */
static const char *find_row(const edb_session *s, const edb_graph *graph, edb_value value) {
  const edb_graph *run = graph;
  if (s->granularity == EDB_GRANULARITY_OP) {
    if (!edb_session_has_lowered(s, graph) || value.node >= s->map.values_start.length) return NULL;
    value = s->map.values.data[s->map.values_start.data[value.node] + value.output];
    run = s->lowered;
  }
  bool known = edb_store_follows(&s->store, run) && edb_store_has(&s->store, value.node);
  return known ? edb_store_row(&s->store, value.node, value.output) : NULL;
}

static edb_status check_value(const edb_session *s, const edb_graph *graph, edb_value value,
                              edb_error *error) {
  const edb_program *program = edb_model_program(s->model);
  EDB_FAIL_IF(graph->schema != &program->schema, error, EDB_ERROR_MISMATCH,
              "the graph is of another model than the session");
  EDB_FAIL_IF(value.node >= edb_graph_node_count(graph), error, EDB_ERROR_ARGUMENT,
              "there is no node %u", value.node);
  EDB_FAIL_IF(value.node < graph->base || edb_bitset_has(graph->released, value.node - graph->base),
              error, EDB_ERROR_STATE, "node %u was released", value.node);
  const edb_ir_cell *c = &program->cells[edb_graph_node_cell(graph, value.node)];
  EDB_FAIL_IF(value.output >= c->sig.n_outputs, error, EDB_ERROR_ARGUMENT,
              "cell %s has %u output%s, asked for number %u", c->name, c->sig.n_outputs,
              EDB_S(c->sig.n_outputs), value.output);
  return EDB_OK;
}

/* The same of a value that is there and is the graph's own, as almost all are that anybody asks
 * for; NULL: find_value says where it is, or why not. */
static inline const char *find_own(const edb_session *s, const edb_graph *graph, edb_value value,
                                   size_t *size) {
  const edb_store *store = &s->store;
  uint32_t index = value.node - graph->base; /* wraps for rows that were dropped */
  if (s->granularity != EDB_GRANULARITY_CELL || graph->schema != &s->program->schema ||
      !edb_store_follows(store, graph) || !edb_store_has(store, value.node) ||
      index >= graph->n_nodes || edb_bitset_has(graph->released, index))
    return NULL;
  const edb_ir_cell *c = &s->program->cells[graph->type[index]];
  if (value.output >= c->sig.n_outputs ||
      (c->sig.outputs[value.output].needs_labels && !edb_graph_label_flag(graph, &c->sig, index)))
    return NULL;
  *size = edb_shape_size(c->outputs[value.output].shape);
  return edb_store_row(store, value.node, value.output);
}

/* The address of a value and its number of elements. */
static edb_status find_value(const edb_session *s, const edb_graph *graph, edb_value value,
                             const char **row, size_t *size, edb_error *error) {
  *row = find_own(s, graph, value, size);
  if (*row) return EDB_OK;
  EDB_TRY(check_value(s, graph, value, error));
  const edb_ir_cell *c =
      &edb_model_program(s->model)->cells[edb_graph_node_cell(graph, value.node)];
  bool labelled = !c->sig.outputs[value.output].needs_labels ||
                  edb_graph_has_labels(graph, value.node - graph->base);
  *size = edb_shape_size(c->outputs[value.output].shape);
  *row = labelled ? find_row(s, graph, value) : NULL;
  EDB_FAIL_IF(!*row, error, EDB_ERROR_STATE, "output %s of node %u (cell %s) %s",
              c->sig.outputs[value.output].name, value.node, c->name,
              !labelled                   ? "needs a label, and the node has none"
              : value.node < graph->first ? "was not kept by its run, or another session ran it"
                                          : "was not run yet");
  return EDB_OK;
}

static edb_status check_count(size_t size, size_t count, edb_error *error) {
  EDB_FAIL_IF(size != count, error, EDB_ERROR_ARGUMENT, "the value has %zu element%s, not %zu",
              size, EDB_S(size), count);
  return EDB_OK;
}

edb_status edb_session_read(const edb_session *s, const edb_graph *graph, edb_value value,
                            float *out, size_t count, edb_error *error) {
  EDB_REQUIRE(error, s, graph, out);
  const char *row;
  size_t size;
  EDB_TRY(find_value(s, graph, value, &row, &size, error));
  EDB_TRY(check_count(size, count, error));
  if (s->backend->element_bytes == sizeof(float)) {
    if (size == 1) /* losses, one a node: a copy of constant length is no call */
      memcpy(out, row, sizeof(float));
    else
      memcpy(out, row, size * sizeof(float));
  } else {
    const double *from = (const double *)(const void *)row;
    for (size_t i = 0; i < size; i++) out[i] = (float)from[i];
  }
  return EDB_OK;
}

edb_status edb_session_read_f64(const edb_session *s, const edb_graph *graph, edb_value value,
                                double *out, size_t count, edb_error *error) {
  EDB_REQUIRE(error, s, graph, out);
  const char *row;
  size_t size;
  EDB_TRY(find_value(s, graph, value, &row, &size, error));
  EDB_TRY(check_count(size, count, error));
  if (s->backend->element_bytes == sizeof(double)) {
    memcpy(out, row, size * sizeof(double));
  } else {
    const float *from = (const float *)(const void *)row;
    for (size_t i = 0; i < size; i++) out[i] = from[i];
  }
  return EDB_OK;
}

bool edb_session_has(const edb_session *s, const edb_graph *graph, edb_value value) {
  const char *row;
  size_t size;
  return find_value(s, graph, value, &row, &size, NULL) == EDB_OK;
}
