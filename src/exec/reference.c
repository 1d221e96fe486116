/* exec/reference.c: the reference backend: float64, one node and one operator at a time, every
 * result in memory of its own. Slow and plain: the oracle for values. */
#include "exec/session.h"

#include <string.h>

typedef struct reference {
  edb_context *ctx;
  const edb_program *program;
  const edb_weights *weights;
  uint64_t version;
  double *params; /* all parameters in float64 */
  size_t n_params;
  edb_arena arena; /* of one node */
} reference;

/* A value while a node runs: one pointer per element. */
typedef struct value {
  double **elements;
  uint32_t n;
} value;

typedef struct node_run {
  reference *ref;
  const edb_ir_cell *cell;
  const edb_graph *graph;
  const edb_store *store;
  uint32_t index;  /* of the node in the graph */
  uint32_t *arity; /* per group */
  value *inputs, *ops;
  edb_error *error;
} node_run;

static void reference_destroy(void *state) {
  reference *r = state;
  if (!r) return;
  edb_arena_free(&r->arena);
  edb_free(r->ctx, r->params, r->n_params * sizeof *r->params);
  edb_free(r->ctx, r, sizeof *r);
}

static edb_status reference_create(edb_context *ctx, const edb_program *program,
                                   const edb_weights *weights, const edb_session_params *params,
                                   edb_pool *pool, void **state, edb_error *error) {
  (void)params;
  (void)pool;
  reference *r = edb_alloc_zero(ctx, sizeof *r);
  if (!r) return edb_fail_memory(error, sizeof *r, "the reference backend");
  *r = (reference){.ctx = ctx, .program = program, .weights = weights, .version = UINT64_MAX};
  edb_arena_init(&r->arena, ctx, 1 << 16);
  r->n_params = weights->offset[weights->n_params];
  r->params = edb_alloc(ctx, r->n_params * sizeof *r->params);
  if (r->n_params && !r->params) {
    reference_destroy(r);
    return edb_fail_memory(error, weights->offset[weights->n_params] * sizeof(double),
                           "parameters");
  }
  *state = r;
  return EDB_OK;
}

static size_t reference_scratch(const void *state, const edb_graph *graph,
                                const edb_schedule *schedule) {
  (void)state, (void)graph, (void)schedule;
  return 0;
}

static edb_status reference_begin(void *state, size_t scratch_bytes, bool timing,
                                  edb_error *error) {
  reference *r = state;
  (void)scratch_bytes, (void)timing, (void)error;
  if (r->version == r->weights->version) return EDB_OK;
  const edb_weights *w = r->weights;
  for (uint32_t p = 0; p < w->n_params; p++) {
    size_t count = edb_shape_size(r->program->params[p].shape), at = w->offset[p];
    for (size_t i = 0; i < count; i++)
      r->params[at + i] = w->values_f64 ? w->values_f64[at + i] : edb_weights_param(w, p)[i];
  }
  r->version = r->weights->version;
  return EDB_OK;
}

/* ---- One node
 * ------------------------------------------------------------------------------------ */

static edb_status no_memory(const node_run *n) {
  return edb_fail_memory(n->error, 0, "a node on the reference device");
}

static edb_status new_value(node_run *n, uint32_t elements, size_t size, value *out) {
  out->n = elements;
  out->elements = edb_arena_alloc(&n->ref->arena, ((size_t)elements + 1) * sizeof *out->elements);
  if (!out->elements) return no_memory(n);
  for (uint32_t e = 0; e < elements; e++) {
    out->elements[e] = edb_arena_alloc_zero(&n->ref->arena, (size + 1) * sizeof(double));
    if (!out->elements[e]) return no_memory(n);
  }
  return EDB_OK;
}

static edb_status read_inputs(node_run *n) {
  const edb_type_sig *sig = &n->cell->sig;
  const int32_t *arities = edb_graph_arities(n->graph, n->index);
  uint32_t edge = n->graph->edge_start[n->index], v = 0;
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    uint32_t count = sig->inputs[i].variadic ? (uint32_t)arities[v++] : 1;
    if (sig->inputs[i].variadic) n->arity[sig->inputs[i].group] = count;
    n->inputs[i].n = count;
    n->inputs[i].elements =
        edb_arena_alloc(&n->ref->arena, ((size_t)count + 1) * sizeof *n->inputs[i].elements);
    if (!n->inputs[i].elements) return no_memory(n);
    for (uint32_t e = 0; e < count; e++, edge++)
      n->inputs[i].elements[e] = (double *)(void *)edb_store_row(
          n->store, n->graph->edge_node[edge], n->graph->edge_output[edge]);
  }
  return EDB_OK;
}

static edb_status read_attribute(node_run *n, edb_ref ref, value *out) {
  const edb_shape *shapes = n->cell->dense_shapes;
  size_t size = ref.kind == EDB_REF_DENSE ? edb_shape_size(shapes[ref.index]) : 1;
  EDB_TRY(new_value(n, 1, size, out));
  if (ref.kind == EDB_REF_INDEX) {
    out->elements[0][0] = edb_graph_indices(n->graph, n->index)[ref.index];
    return EDB_OK;
  }
  const float *dense = edb_graph_dense(n->graph, n->index, ref.index);
  for (size_t i = 0; dense && i < size; i++) out->elements[0][i] = dense[i];
  return EDB_OK;
}

static edb_status read_operand(node_run *n, edb_ref ref, value *out) {
  switch (ref.kind) {
  case EDB_REF_INPUT:
    *out = n->inputs[ref.index];
    return EDB_OK;
  case EDB_REF_OP:
    *out = n->ops[ref.index];
    return EDB_OK;
  case EDB_REF_PARAM:
    EDB_TRY(new_value(n, 1, 0, out));
    out->elements[0] = n->ref->params + n->ref->weights->offset[ref.index];
    return EDB_OK;
  case EDB_REF_NUMBER:
    EDB_TRY(new_value(n, 1, 1, out));
    out->elements[0][0] = n->cell->numbers[ref.index];
    return EDB_OK;
  case EDB_REF_INDEX:
  case EDB_REF_DENSE:
    break;
  }
  return read_attribute(n, ref, out);
}

/* One application of an operator: to element `e` of its variadic operands, or to whole groups. */
static void apply(const node_run *n, const edb_ir_op *op, const value *operands,
                  edb_reference_operand *slots, bool whole, uint32_t e, double *const *out) {
  for (uint32_t k = 0; k < op->n_operands; k++) {
    bool variadic;
    edb_ref ref = n->cell->operands[op->operand_start + k];
    slots[k].shape = edb_ir_ref_shape(n->ref->program, n->cell, ref, &variadic);
    slots[k].variadic = whole && variadic;
    slots[k].elements =
        (const double *const *)(operands[k].elements + (variadic && !whole ? e : 0));
  }
  edb_reference_args args = {.operands = slots,
                             .n_operands = op->n_operands,
                             .n_elements = whole ? operands[0].n : 1,
                             .immediate = op->immediate,
                             .shape = op->shape,
                             .out = out};
  edb_op_get(op->kind)->reference(&args);
}

/* An index that the cell computed itself can be out of a table's range. */
static edb_status check_lookup(const node_run *n, const edb_ir_op *op, const value *operands) {
  if (op->kind != EDB_OP_LOOKUP) return EDB_OK;
  bool variadic;
  edb_ref table = n->cell->operands[op->operand_start];
  uint32_t rows = edb_ir_ref_shape(n->ref->program, n->cell, table, &variadic).dim[0];
  for (uint32_t e = 0; e < operands[1].n; e++) {
    double id = operands[1].elements[e][0];
    EDB_FAIL_IF(!(id >= 0 && id < rows), n->error, EDB_ERROR_ARGUMENT,
                "cell %s: operator lookup: index %g is not in 0 .. %u", n->cell->name, id,
                rows - 1);
  }
  return EDB_OK;
}

static edb_status run_op(node_run *n, uint32_t index, bool labels) {
  const edb_ir_op *op = &n->cell->ops[index];
  size_t size = edb_shape_size(op->shape);
  uint32_t elements = op->variadic ? n->arity[op->group] : 1;
  EDB_TRY(new_value(n, elements, size, &n->ops[index]));
  if (op->needs_labels && !labels) return EDB_OK;
  value *operands = edb_arena_alloc(&n->ref->arena, (op->n_operands + 1) * sizeof *operands);
  edb_reference_operand *slots =
      edb_arena_alloc(&n->ref->arena, (op->n_operands + 1) * sizeof *slots);
  if (!operands || !slots) return no_memory(n);
  for (uint32_t k = 0; k < op->n_operands; k++)
    EDB_TRY(read_operand(n, n->cell->operands[op->operand_start + k], &operands[k]));
  EDB_TRY(check_lookup(n, op, operands));
  bool whole = edb_op_is_over(op->kind);
  for (uint32_t e = 0; e < (whole ? 1 : elements); e++)
    apply(n, op, operands, slots, whole, e, n->ops[index].elements + (whole ? 0 : e));
  return EDB_OK;
}

static edb_status run_node(node_run *n, edb_node node) {
  const edb_type_sig *sig = &n->cell->sig;
  bool labels = edb_graph_has_labels(n->graph, n->index);
  n->arity = edb_arena_alloc_zero(&n->ref->arena, ((size_t)sig->n_inputs + 1) * sizeof *n->arity);
  n->inputs = edb_arena_alloc_zero(&n->ref->arena, ((size_t)sig->n_inputs + 1) * sizeof *n->inputs);
  n->ops = edb_arena_alloc_zero(&n->ref->arena, ((size_t)n->cell->n_ops + 1) * sizeof *n->ops);
  if (!n->arity || !n->inputs || !n->ops) return no_memory(n);
  EDB_TRY(read_inputs(n));
  for (uint32_t i = 0; i < n->cell->n_ops; i++) EDB_TRY(run_op(n, i, labels));
  for (uint32_t o = 0; o < sig->n_outputs; o++) {
    value v;
    EDB_TRY(read_operand(n, n->cell->outputs[o].value, &v));
    memcpy(edb_store_row(n->store, node, o), v.elements[0],
           edb_shape_size(n->cell->outputs[o].shape) * sizeof(double));
  }
  return EDB_OK;
}

static edb_status reference_run_batch(void *state, const edb_graph *graph, const edb_store *store,
                                      uint32_t type, const edb_node *nodes, uint32_t count,
                                      edb_run_stats *stats, edb_error *error) {
  reference *r = state;
  for (uint32_t i = 0; i < count; i++) {
    node_run n = {.ref = r,
                  .cell = &r->program->cells[type],
                  .graph = graph,
                  .store = store,
                  .index = nodes[i] - graph->base,
                  .error = error};
    edb_arena_reset(&r->arena);
    EDB_TRY(run_node(&n, nodes[i]));
    stats->kernels += n.cell->n_ops;
    stats->flops += n.cell->flops;
    for (uint32_t g = 0; g < n.cell->sig.n_variadic; g++)
      if (n.arity[g]) {
        stats->flops += n.cell->flops_per_element * n.arity[g];
        break;
      }
  }
  return EDB_OK;
}

const edb_backend edb_backend_reference = {.name = "reference",
                                           .element_bytes = sizeof(double),
                                           .create = reference_create,
                                           .destroy = reference_destroy,
                                           .scratch_bytes = reference_scratch,
                                           .begin = reference_begin,
                                           .run_batch = reference_run_batch};
