/* tools/plan_run.c: runs one batch of each cell and reads the executor's counters. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#define NODES 4 /* of a batch */
#define ARITY 2 /* of variadic inputs */
#define WORDS 8 /* of vocabularies without words */

/* ---- Values for inputs ----------------------------------------------------------------------- */

static void source_name(edb_shape_id shape, char *name, size_t bytes) {
  snprintf(name, bytes, "plan_source_%u", (unsigned)shape);
}

static const char *dims_text(edb_shape s, char *text, size_t bytes) {
  text[0] = 0;
  if (s.rank == 1) snprintf(text, bytes, "%u", s.dim[0]);
  if (s.rank == 2) snprintf(text, bytes, "%u, %u", s.dim[0], s.dim[1]);
  return text;
}

/* A cell that gives its attribute as its output. */
static int add_source(workplace *w, edb_shape_id id, edb_shape shape) {
  char name[32], dims[32];
  edb_cell *cell;
  source_name(id, name, sizeof name);
  if (edb_model_cell(w->model, name) != UINT32_MAX) return 0;
  if (edb_cell_begin(w->model, name, &cell, &w->error) != EDB_OK) return workplace_failed(w);
  edb_expr x = edb_cell_dense(cell, "x", dims_text(shape, dims, sizeof dims));
  edb_cell_output(cell, x, "x");
  return edb_cell_end(cell, &w->error) == EDB_OK ? 0 : workplace_failed(w);
}

int plan_add_sources(workplace *w) {
  for (uint32_t v = 0; v < edb_model_vocab_count(w->model); v++)
    if (edb_model_vocab_size(w->model, v) == 0 &&
        edb_model_vocab_resize(w->model, v, WORDS, &w->error) != EDB_OK)
      return workplace_failed(w);
  uint32_t cells = edb_model_cell_count(w->model);
  for (uint32_t c = 0; c < cells; c++)
    for (uint32_t i = 0;; i++) {
      const edb_ir_cell *cell = &edb_model_program(w->model)->cells[c]; /* moves as cells come */
      if (i >= cell->sig.n_inputs) break;
      if (add_source(w, cell->sig.inputs[i].shape, cell->input_shapes[i]) != 0) return EXIT_FAILED;
    }
  return 0;
}

/* ---- A batch --------------------------------------------------------------------------------- */

typedef struct batch {
  workplace *w;
  const edb_ir_cell *cell;
  uint32_t number; /* of the cell */
  edb_graph *graph;
  edb_value *inputs;   /* of a node */
  float *numbers;      /* as many as the largest attribute has */
  const float **dense; /* of a node */
  int32_t *indices;
  uint32_t *arities;
} batch;

static uint32_t rows_of(const edb_input_sig *input) {
  return input->variadic ? ARITY : 1;
}

static size_t largest_value(const edb_ir_cell *cell) {
  size_t most = 1;
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++)
    if (edb_shape_size(cell->input_shapes[i]) > most) most = edb_shape_size(cell->input_shapes[i]);
  for (uint32_t i = 0; i < cell->sig.n_dense; i++)
    if (edb_shape_size(cell->dense_shapes[i]) > most) most = edb_shape_size(cell->dense_shapes[i]);
  return most;
}

static int open_batch(batch *b) {
  const edb_type_sig *sig = &b->cell->sig;
  size_t numbers = largest_value(b->cell);
  b->inputs = calloc((size_t)NODES * ARITY * sig->n_inputs + 1, sizeof *b->inputs);
  b->numbers = calloc(numbers, sizeof *b->numbers);
  b->dense = calloc(sig->n_dense + 1u, sizeof *b->dense);
  b->indices = calloc(sig->n_indices + 1u, sizeof *b->indices);
  b->arities = calloc(sig->n_variadic + 1u, sizeof *b->arities);
  if (!b->inputs || !b->numbers || !b->dense || !b->indices || !b->arities) {
    fprintf(stderr, "edbatch: no memory for a batch\n");
    return EXIT_FAILED;
  }
  for (size_t i = 0; i < numbers; i++) b->numbers[i] = (float)((i * 37 + 11) % 101) / 101.0f;
  for (uint32_t i = 0; i < sig->n_dense; i++) b->dense[i] = b->numbers;
  for (uint32_t i = 0; i < sig->n_variadic; i++) b->arities[i] = ARITY;
  if (edb_graph_create(b->w->ctx, b->w->model, &b->graph, &b->w->error) != EDB_OK)
    return workplace_failed(b->w);
  return 0;
}

static void close_batch(batch *b) {
  edb_graph_destroy(b->graph);
  free(b->inputs);
  free(b->numbers);
  free((void *)b->dense);
  free(b->indices);
  free(b->arities);
}

/* The inputs of all nodes, node after node. */
static edb_status append_sources(batch *b) {
  edb_value *next = b->inputs;
  const float *dense[] = {b->numbers};
  for (uint32_t n = 0; n < NODES; n++)
    for (uint32_t i = 0; i < b->cell->sig.n_inputs; i++) {
      char name[32];
      source_name(b->cell->sig.inputs[i].shape, name, sizeof name);
      edb_call call = {.cell = edb_model_cell(b->w->model, name), .dense = dense};
      for (uint32_t k = 0; k < rows_of(&b->cell->sig.inputs[i]); k++, next++) {
        edb_status status = edb_graph_append(b->graph, &call, &next->node, &b->w->error);
        if (status != EDB_OK) return status;
      }
    }
  return EDB_OK;
}

static edb_status append_nodes(batch *b) {
  edb_call call = {.cell = b->number,
                   .inputs = b->inputs,
                   .arities = b->arities,
                   .indices = b->indices,
                   .dense = b->dense};
  for (uint32_t i = 0; i < b->cell->sig.n_inputs; i++)
    call.n_inputs += rows_of(&b->cell->sig.inputs[i]);
  for (uint32_t n = 0; n < NODES; n++, call.inputs += call.n_inputs) {
    edb_node node;
    edb_status status = edb_graph_append(b->graph, &call, &node, &b->w->error);
    if (status != EDB_OK) return status;
  }
  return EDB_OK;
}

/* First the inputs, in a run of their own; then the batch, which is what the counters tell of. */
static int run_batch(batch *b, edb_session *session, const edb_policy *policy, plan_counters *out) {
  edb_error *error = &b->w->error;
  int failed = open_batch(b);
  if (failed) return failed;
  if (append_sources(b) != EDB_OK ||
      edb_session_run(session, b->graph, policy, NULL, error) != EDB_OK ||
      append_nodes(b) != EDB_OK ||
      edb_session_run(session, b->graph, policy, NULL, error) != EDB_OK)
    return workplace_failed(b->w);
  edb_run_stats stats = edb_session_stats(session);
  *out = (plan_counters){.kernels = stats.kernels - stats.input_gathers - stats.internal_gathers,
                         .gathers = stats.internal_gathers,
                         .input_gathers = stats.input_gathers,
                         .bytes = (double)stats.internal_bytes / NODES};
  return 0;
}

int plan_run(workplace *w, uint32_t cells, edb_layout layout, bool unfused, plan_counters *out) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_policy *policy = NULL;
  int failed = 0;
  params.layout = layout;
  params.unfused = unfused;
  params.no_hoist = params.no_share = params.no_table = true; /* cells as they are written */
  if (edb_session_create(w->ctx, w->model, w->weights, &params, &session, &w->error) != EDB_OK ||
      edb_policy_create(w->ctx, EDB_POLICY_BEST, &policy, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  for (uint32_t c = 0; c < cells && !failed; c++) {
    batch b = {.w = w, .cell = &edb_model_program(w->model)->cells[c], .number = c};
    failed = run_batch(&b, session, policy, &out[c]);
    close_batch(&b);
  }
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return failed;
}
