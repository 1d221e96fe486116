/* graph/append.c: appending a call. It is written behind the rows that count while it is checked,
 * and counts only once everything was found right: a refused call leaves nothing to undo. */
#include "graph/store.h"

#include <string.h>

/* ---- Error texts ------------------------------------------------------------------------------
 */

static edb_status fail_count(const edb_type_sig *sig, const edb_call *call, edb_error *error) {
  uint32_t fixed = sig->n_inputs - sig->n_variadic;
  return edb_fail(error, EDB_ERROR_ARGUMENT, "cell \"%s\" takes %s%u input%s, found %u", sig->name,
                  sig->n_variadic > 0 ? "at least " : "", fixed, EDB_S(fixed), call->n_inputs);
}

static edb_status fail_input(const edb_graph *g, const edb_type_sig *sig,
                             const edb_input_sig *input, edb_value value, edb_error *error) {
  uint32_t index = value.node - g->base, count = g->base + g->n_nodes;
  EDB_FAIL_IF(value.node >= count, error, EDB_ERROR_ARGUMENT,
              "input \"%s\" of cell \"%s\": there is no node %u, expected one below %u",
              input->name, sig->name, value.node, count);
  EDB_FAIL_IF(value.node < g->base || edb_graph_is_released(g, index), error, EDB_ERROR_ARGUMENT,
              "input \"%s\" of cell \"%s\": node %u was released", input->name, sig->name,
              value.node);
  const edb_type_sig *source = &g->schema->types[g->type[index]];
  EDB_FAIL_IF(value.output >= source->n_outputs, error, EDB_ERROR_ARGUMENT,
              "input \"%s\" of cell \"%s\": node %u is a call of \"%s\" with %u output%s, there is "
              "no output %u",
              input->name, sig->name, value.node, source->name, source->n_outputs,
              EDB_S(source->n_outputs), value.output);
  const edb_output_sig *output = &source->outputs[value.output];
  char expected[EDB_SHAPE_TEXT_BYTES], found[EDB_SHAPE_TEXT_BYTES];
  EDB_FAIL_IF(output->shape != input->shape, error, EDB_ERROR_SHAPE,
              "input \"%s\" of cell \"%s\": output \"%s\" of node %u, a call of \"%s\", has the "
              "shape %s, expected %s",
              input->name, sig->name, output->name, value.node, source->name,
              edb_shape_text(g->schema->shapes[output->shape], found, sizeof found),
              edb_shape_text(g->schema->shapes[input->shape], expected, sizeof expected));
  return edb_fail(
      error, EDB_ERROR_ARGUMENT,
      "input \"%s\" of cell \"%s\": output \"%s\" of node %u needs labels, and the node "
      "has none",
      input->name, sig->name, output->name, value.node);
}

static edb_status fail_cell(const edb_graph *g, uint32_t cell, edb_error *error) {
  if (cell == UINT32_MAX)
    return edb_fail(error, EDB_ERROR_ARGUMENT,
                    "the cell is UINT32_MAX, which edb_model_cell gives for an unknown name");
  return edb_fail(error, EDB_ERROR_ARGUMENT, "there is no cell %u, expected a number below %u",
                  cell, g->schema->n_types);
}

static edb_status fail_index(const edb_type_sig *sig, uint32_t i, int32_t value, edb_error *error) {
  const edb_index_sig *index = &sig->indices[i];
  if (value == -1)
    return edb_fail(error, EDB_ERROR_ARGUMENT,
                    "attribute \"%s\" of cell \"%s\" is missing; " EDB_ABSENT_LABELS, index->name,
                    sig->name);
  if (index->bound == 0)
    return edb_fail(error, EDB_ERROR_ARGUMENT,
                    "attribute \"%s\" of cell \"%s\" is %d, and its vocabulary is empty: read data "
                    "or set its size first",
                    index->name, sig->name, value);
  return edb_fail(error, EDB_ERROR_ARGUMENT,
                  "attribute \"%s\" of cell \"%s\" is %d, expected 0 <= index < %u", index->name,
                  sig->name, value, index->bound);
}

/* ---- Arities ----------------------------------------------------------------------------------
 */

/* Arity of a call's k-th variadic input, once check_counts has found them right. */
static inline uint32_t arity_of(const edb_type_sig *sig, const edb_call *call, uint32_t k) {
  EDB_ASSERT(k < sig->n_variadic);
  if (call->arities != NULL) return call->arities[k];
  return (call->n_inputs - (sig->n_inputs - sig->n_variadic)) / sig->n_variadic;
}

/* The first variadic input at or after `from`; there is one. */
static uint32_t next_variadic(const edb_type_sig *sig, uint32_t from) {
  while (!sig->inputs[from].variadic) from++;
  return from;
}

/* Without arities the rest is shared equally, which only inputs that must agree allow. */
static edb_status check_shared(const edb_type_sig *sig, const edb_call *call, edb_error *error) {
  uint32_t fixed = sig->n_inputs - sig->n_variadic;
  if (call->n_inputs < fixed) return fail_count(sig, call, error);
  if (sig->n_variadic == 1) return EDB_OK;
  uint32_t first = next_variadic(sig, 0);
  for (uint32_t i = first + 1; i < sig->n_inputs; i++) {
    EDB_FAIL_IF(sig->inputs[i].variadic && sig->inputs[i].group != sig->inputs[first].group, error,
                EDB_ERROR_ARGUMENT,
                "cell \"%s\" needs arities: its variadic inputs \"%s\" and \"%s\" may differ",
                sig->name, sig->inputs[first].name, sig->inputs[i].name);
  }
  EDB_FAIL_IF(
      (call->n_inputs - fixed) % sig->n_variadic != 0, error, EDB_ERROR_ARGUMENT,
      "cell \"%s\": %u input%s cannot be shared equally by %u variadic ones after %u other%s",
      sig->name, call->n_inputs, EDB_S(call->n_inputs), sig->n_variadic, fixed, EDB_S(fixed));
  return EDB_OK;
}

static edb_status check_given(const edb_type_sig *sig, const edb_call *call, edb_error *error) {
  uint64_t total = sig->n_inputs - sig->n_variadic;
  for (uint32_t k = 0; k < sig->n_variadic; k++) total += call->arities[k];
  EDB_FAIL_IF(total != call->n_inputs, error, EDB_ERROR_ARGUMENT,
              "cell \"%s\": its arities come to %llu input%s, found %u", sig->name,
              (unsigned long long)total, EDB_S(total), call->n_inputs);
  return EDB_OK;
}

static edb_status check_variadic(const edb_type_sig *sig, const edb_call *call, edb_error *error) {
  EDB_TRY(call->arities == NULL ? check_shared(sig, call, error) : check_given(sig, call, error));
  uint32_t input = 0;
  for (uint32_t k = 0; k < sig->n_variadic; k++, input++) {
    input = next_variadic(sig, input);
    const edb_input_sig *in = &sig->inputs[input];
    uint32_t arity = arity_of(sig, call, k);
    EDB_FAIL_IF(arity == 0 && in->nonempty, error, EDB_ERROR_ARGUMENT,
                "variadic input \"%s\" of cell \"%s\" is empty, expected at least one value",
                in->name, sig->name);
    uint32_t other = 0;
    for (uint32_t j = 0; j < k; j++, other++) {
      other = next_variadic(sig, other);
      if (sig->inputs[other].group != in->group) continue;
      EDB_FAIL_IF(arity_of(sig, call, j) != arity, error, EDB_ERROR_ARGUMENT,
                  "variadic inputs \"%s\" and \"%s\" of cell \"%s\" must have the same number of "
                  "values, found %u and %u",
                  sig->inputs[other].name, in->name, sig->name, arity_of(sig, call, j), arity);
      break; /* the earlier ones of the group agree with this one already */
    }
  }
  return EDB_OK;
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

/* Where the next row is written. */
typedef struct cursor {
  size_t edge, word, number;
  uint32_t lowest_use;
  bool has_labels, all_labels;
} cursor;

static inline bool fits(const edb_graph *g, const edb_input_sig *input, edb_value value) {
  uint32_t index = value.node - g->base;
  if (index >= g->n_nodes) return false;
  const edb_type_sig *source = &g->schema->types[g->type[index]];
  if (value.output >= source->n_outputs) return false;
  const edb_output_sig *output = &source->outputs[value.output];
  if (output->shape != input->shape || edb_graph_is_released(g, index)) return false;
  return !output->needs_labels || edb_graph_has_labels(g, index);
}

static edb_status write_inputs(edb_graph *g, const edb_type_sig *sig, const edb_call *call,
                               cursor *at, edb_error *error) {
  const edb_value *value = call->inputs;
  uint32_t k = 0, lowest = at->lowest_use;
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    const edb_input_sig *input = &sig->inputs[i];
    uint32_t count = 1;
    if (input->variadic) {
      count = arity_of(sig, call, k++);
      g->ints[at->word++] = (int32_t)count;
    }
    for (uint32_t n = 0; n < count; n++, value++) {
      if (!fits(g, input, *value)) return fail_input(g, sig, input, *value, error);
      g->edge_node[at->edge] = value->node;
      g->edge_output[at->edge++] = (uint16_t)value->output;
      if (value->node < lowest) lowest = value->node;
    }
  }
  at->lowest_use = lowest;
  return EDB_OK;
}

static edb_status write_indices(edb_graph *g, const edb_type_sig *sig, const edb_call *call,
                                cursor *at, edb_error *error) {
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    const edb_index_sig *index = &sig->indices[i];
    int32_t value = call->indices == NULL ? -1 : call->indices[i];
    if (value < 0 || (uint32_t)value >= index->bound) {
      if (value != -1 || !index->is_label) return fail_index(sig, i, value, error);
      at->all_labels = false;
    }
    at->has_labels |= index->is_label;
    g->ints[at->word++] = value;
  }
  return EDB_OK;
}

/* Absent labels keep their place, so that all records of a type have one length. */
static edb_status write_dense(edb_graph *g, const edb_type_sig *sig, const edb_call *call,
                              cursor *at, edb_error *error) {
  for (uint32_t i = 0; i < sig->n_dense; i++) {
    const edb_dense_sig *dense = &sig->dense[i];
    const float *values = call->dense == NULL ? NULL : call->dense[i];
    EDB_FAIL_IF(values == NULL && !dense->is_label, error, EDB_ERROR_ARGUMENT,
                "attribute \"%s\" of cell \"%s\" is missing; " EDB_ABSENT_LABELS, dense->name,
                sig->name);
    at->has_labels |= dense->is_label;
    if (values == NULL) {
      at->all_labels = false;
      memset(g->floats + at->number, 0, dense->length * sizeof *g->floats);
    } else {
      memcpy(g->floats + at->number, values, dense->length * sizeof *g->floats);
    }
    at->number += dense->length;
  }
  return EDB_OK;
}

static void commit(edb_graph *g, uint32_t type, const cursor *at) {
  uint32_t index = g->n_nodes++;
  g->type[index] = type;
  g->edge_start[index + 1] = (uint32_t)at->edge;
  g->int_start[index + 1] = (uint32_t)at->word;
  g->edge_count = at->edge;
  g->int_count = at->word;
  g->float_count = at->number;
  g->lowest_pending_use = at->lowest_use;
}

edb_status edb_graph_append(edb_graph *graph, const edb_call *call, edb_node *node,
                            edb_error *error) {
  EDB_REQUIRE(error, graph, call);
  if (call->cell >= graph->schema->n_types) return fail_cell(graph, call->cell, error);
  const edb_type_sig *sig = &graph->schema->types[call->cell];
  EDB_FAIL_IF(call->inputs == NULL && call->n_inputs > 0, error, EDB_ERROR_ARGUMENT,
              "cell \"%s\": n_inputs is %u and inputs is NULL", sig->name, call->n_inputs);
  if (sig->n_variadic > 0) {
    EDB_TRY(check_variadic(sig, call, error));
  } else if (call->n_inputs != sig->n_inputs) {
    return fail_count(sig, call, error);
  }
  EDB_TRY(edb_graph_reserve(graph, 1, call->n_inputs, (size_t)sig->n_variadic + sig->n_indices + 2,
                            sig->n_dense > 0 ? edb_type_dense_length(sig) : 0, error));
  cursor at = {graph->edge_count,
               graph->int_count,
               graph->float_count,
               graph->lowest_pending_use,
               false,
               true};
  EDB_TRY(write_inputs(graph, sig, call, &at, error));
  EDB_TRY(write_indices(graph, sig, call, &at, error));
  EDB_TRY(write_dense(graph, sig, call, &at, error));
  if (at.has_labels) graph->ints[at.word++] = at.all_labels;
  if (sig->n_dense > 0) graph->ints[at.word++] = (int32_t)(uint32_t)graph->float_count;
  /* Nodes before any begun instance are instance 0. */
  if (graph->n_instances == 0) EDB_TRY(edb_graph_push_instance(graph, error));
  commit(graph, call->cell, &at);
  if (node != NULL) *node = graph->base + graph->n_nodes - 1;
  return EDB_OK;
}
