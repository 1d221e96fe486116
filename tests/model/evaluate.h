/* tests/model/evaluate.h: runs a graph over any program (a model's, or a lowering's), one node
 * after another, with the float64 definitions of the operators. Include cmocka.h before. */
#ifndef EDB_TESTS_MODEL_EVALUATE_H
#define EDB_TESTS_MODEL_EVALUATE_H

#include <stdlib.h>
#include <string.h>

#include "model/ir.h"

#define EVALUATE_OUTPUTS 8

/* out[node][o]: a block of its own, or NULL where labels are absent. */
typedef struct evaluated {
  double *(*out)[EVALUATE_OUTPUTS];
  uint32_t n_nodes;
} evaluated;

/* One call being evaluated. */
typedef struct frame {
  const edb_program *program;
  const edb_graph *graph;
  const edb_ir_cell *cell;
  const evaluated *done;
  const double *const *weights; /* by parameter */
  uint32_t node;
  uint32_t *input_start; /* [n_inputs + 1] */
  double ***result;      /* [op][element] */
  double *index;         /* by index attribute */
  double **dense;        /* by dense attribute */
} frame;

static inline void *take(size_t bytes) {
  void *block = calloc(1, bytes ? bytes : 1);
  assert_non_null(block);
  return block;
}

static inline const double *frame_value(const frame *f, edb_ref ref, uint32_t element) {
  const edb_ir_cell *cell = f->cell;
  switch (ref.kind) {
  case EDB_REF_PARAM:
    return f->weights[ref.index];
  case EDB_REF_NUMBER:
    return &cell->numbers[ref.index];
  case EDB_REF_INDEX:
    return &f->index[ref.index];
  case EDB_REF_DENSE:
    return f->dense[ref.index];
  case EDB_REF_OP:
    return f->result[ref.index][cell->ops[ref.index].variadic ? element : 0];
  case EDB_REF_INPUT:
    break;
  }
  uint32_t edge = f->graph->edge_start[f->node] + f->input_start[ref.index] +
                  (cell->sig.inputs[ref.index].variadic ? element : 0);
  const double *value = f->done->out[f->graph->edge_node[edge]][f->graph->edge_output[edge]];
  assert_non_null(value);
  return value;
}

static inline uint32_t frame_elements(const frame *f, const edb_ir_op *op) {
  for (uint32_t i = 0; i < f->cell->sig.n_inputs; i++) {
    if (f->cell->sig.inputs[i].variadic && f->cell->sig.inputs[i].group == op->group)
      return f->input_start[i + 1] - f->input_start[i];
  }
  fail_msg("no variadic input of group %u", op->group);
  return 0;
}

/* Evaluates operator `i` for its elements from `first` to `end`. */
static inline void frame_apply(frame *f, uint32_t i, uint32_t first, uint32_t end,
                               uint32_t n_results) {
  const edb_ir_op *op = &f->cell->ops[i];
  const edb_ref *refs = f->cell->operands + op->operand_start;
  edb_reference_operand *operands = take(op->n_operands * sizeof *operands);
  for (uint32_t j = 0; j < op->n_operands; j++) {
    const double **elements = take((end - first) * sizeof *elements + sizeof *elements);
    for (uint32_t e = first; e < end; e++) elements[e - first] = frame_value(f, refs[j], e);
    bool variadic;
    operands[j].shape = edb_ir_ref_shape(f->program, f->cell, refs[j], &variadic);
    operands[j].variadic = variadic;
    operands[j].elements = elements;
  }
  edb_reference_args args = {.operands = operands,
                             .n_operands = op->n_operands,
                             .n_elements = end - first,
                             .immediate = op->immediate,
                             .shape = op->shape,
                             .out = f->result[i] + (n_results > 1 ? 0 : first)};
  if (!op->variadic) args.out = f->result[i];
  edb_op_get(op->kind)->reference(&args);
  for (uint32_t j = 0; j < op->n_operands; j++) free((void *)operands[j].elements);
  free(operands);
}

static inline void frame_op(frame *f, uint32_t i, bool labels, uint32_t *n_results) {
  const edb_ir_op *op = &f->cell->ops[i];
  bool over = op->kind >= EDB_OP_SUM_OVER;
  uint32_t elements = over || op->variadic ? frame_elements(f, op) : 1;
  *n_results = op->variadic ? elements : 1;
  f->result[i] = take(*n_results * sizeof *f->result[i]);
  if (op->needs_labels && !labels) return;
  for (uint32_t e = 0; e < *n_results; e++) {
    f->result[i][e] = take(edb_shape_size(op->shape) * sizeof(double));
  }
  if (over) {
    frame_apply(f, i, 0, elements, *n_results + 1);
  } else {
    for (uint32_t e = 0; e < *n_results; e++) frame_apply(f, i, e, e + 1, 1);
  }
}

static inline void frame_inputs(frame *f) {
  const edb_type_sig *sig = &f->cell->sig;
  const int32_t *arity = edb_graph_arities(f->graph, f->node);
  f->input_start = take((sig->n_inputs + 1) * sizeof *f->input_start);
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    f->input_start[i + 1] = f->input_start[i] + (sig->inputs[i].variadic ? (uint32_t)*arity++ : 1);
  }
  f->index = take(sig->n_indices * sizeof *f->index);
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    f->index[i] = edb_graph_indices(f->graph, f->node)[i];
  }
  f->dense = take(sig->n_dense * sizeof *f->dense);
  for (uint32_t i = 0; i < sig->n_dense; i++) {
    const float *given = edb_graph_dense(f->graph, f->node, i);
    f->dense[i] = take(sig->dense[i].length * sizeof(double));
    for (uint32_t j = 0; given && j < sig->dense[i].length; j++) f->dense[i][j] = given[j];
  }
}

/* Whether an output of a cell exists: what a graph says of it. */
static inline void evaluate_node(frame *f, double **out) {
  const edb_ir_cell *cell = f->cell;
  bool labels = edb_graph_has_labels(f->graph, f->node);
  uint32_t *n_results = take((cell->n_ops + 1) * sizeof *n_results);
  frame_inputs(f);
  f->result = take(cell->n_ops * sizeof *f->result);
  for (uint32_t i = 0; i < cell->n_ops; i++) frame_op(f, i, labels, &n_results[i]);
  assert_true(cell->sig.n_outputs <= EVALUATE_OUTPUTS);
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
    if (cell->sig.outputs[o].needs_labels && !labels) continue;
    size_t bytes = edb_shape_size(cell->outputs[o].shape) * sizeof(double);
    out[o] = take(bytes);
    memcpy(out[o], frame_value(f, cell->outputs[o].value, 0), bytes);
  }
  for (uint32_t i = 0; i < cell->n_ops; i++) {
    for (uint32_t e = 0; e < n_results[i]; e++) free(f->result[i][e]);
    free(f->result[i]);
  }
  for (uint32_t i = 0; i < cell->sig.n_dense; i++) free(f->dense[i]);
  free(f->dense);
  free(f->index);
  free(f->result);
  free(f->input_start);
  free(n_results);
}

static inline evaluated evaluate_graph(const edb_program *program, const edb_graph *graph,
                                       const double *const *weights) {
  evaluated all = {.n_nodes = graph->n_nodes};
  all.out = take(graph->n_nodes * sizeof *all.out);
  for (uint32_t node = 0; node < graph->n_nodes; node++) {
    frame f = {.program = program,
               .graph = graph,
               .cell = &program->cells[graph->type[node]],
               .done = &all,
               .weights = weights,
               .node = node};
    evaluate_node(&f, all.out[node]);
  }
  return all;
}

static inline void evaluated_free(evaluated *all) {
  for (uint32_t i = 0; i < all->n_nodes; i++) {
    for (int o = 0; o < EVALUATE_OUTPUTS; o++) free(all->out[i][o]);
  }
  free(all->out);
}

#endif
