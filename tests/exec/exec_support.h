/* tests/exec/exec_support.h: models with random weights, random graphs of their calls, runs, and
 * all values that a run leaves. */
#ifndef EDB_TESTS_EXEC_SUPPORT_H
#define EDB_TESTS_EXEC_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <edbatch/session.h>

#include "base/rng.h"
#include "model/ir.h"

/* Fails the test with the text of the error. */
#define MUST(call, error)                                                          \
  do {                                                                             \
    if ((call) != EDB_OK) fail_msg("%s:%d: %s", __FILE__, __LINE__, (error).text); \
  } while (0)

/* ---- A model with weights -------------------------------------------------------------------- */

typedef struct world {
  edb_context *ctx;
  edb_model *model;
  edb_weights *weights;
} world;

/* Parameters between -1 and 1, the same for equal seeds. */
static inline void randomise_weights(edb_model *model, edb_weights *weights, uint64_t seed) {
  edb_rng rng;
  edb_error error = {0};
  for (uint32_t p = 0; p < edb_model_param_count(model); p++) {
    size_t count = 1;
    for (uint32_t axis = 0; axis < edb_model_param_rank(model, p); axis++)
      count *= edb_model_param_dim(model, p, axis);
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    edb_rng_seed_named(&rng, seed, edb_model_param_name(model, p));
    for (size_t i = 0; i < count; i++) values[i] = (float)(2 * edb_rng_uniform(&rng) - 1);
    MUST(edb_weights_set(weights, edb_model_param_name(model, p), values, count, &error), error);
    free(values);
  }
}

/* Vocabularies that are empty get 11 words. */
static inline void finish_model(world *w) {
  edb_error error = {0};
  for (uint32_t v = 0; v < edb_model_vocab_count(w->model); v++)
    if (edb_model_vocab_size(w->model, v) == 0)
      MUST(edb_model_vocab_resize(w->model, v, 11, &error), error);
  MUST(edb_weights_create(w->ctx, w->model, 1, &w->weights, &error), error);
  randomise_weights(w->model, w->weights, 7);
}

static inline world world_in(edb_context *ctx, const char *text) {
  world w = {.ctx = ctx};
  edb_error error = {0};
  MUST(edb_model_parse(ctx, text, strlen(text), "test.edb", NULL, &w.model, &error), error);
  finish_model(&w);
  return w;
}

static inline edb_context *context_at(edb_simd simd) {
  edb_context_params params = EDB_PARAMS(edb_context_params);
  edb_context *ctx = NULL;
  params.simd = simd;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  return ctx;
}

static inline world world_of(edb_simd simd, const char *text) {
  return world_in(context_at(simd), text);
}

/* A model of the zoo in models/, with "hidden" set. */
static inline world world_load(edb_simd simd, const char *file, int64_t hidden) {
  world w = {.ctx = context_at(simd)};
  edb_error error = {0};
  char path[1024];
  edb_constant set = {"hidden", hidden};
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = &set;
  params.n_set = 1;
  (void)snprintf(path, sizeof path, "%s/models/%s", EDB_SOURCE_DIR, file);
  MUST(edb_model_load(w.ctx, path, &params, &w.model, &error), error);
  finish_model(&w);
  return w;
}

/* Everything goes, and nothing may be left in the context but itself. */
static inline void world_close(world *w) {
  edb_context *empty = context_at(EDB_SIMD_PORTABLE);
  edb_weights_destroy(w->weights);
  edb_model_destroy(w->model);
  assert_int_equal(edb_context_memory(w->ctx).current_bytes,
                   edb_context_memory(empty).current_bytes);
  edb_context_destroy(empty);
  edb_context_destroy(w->ctx);
}

static inline edb_session *session_with(const world *w, const edb_session_params *params) {
  edb_session *session = NULL;
  edb_error error = {0};
  MUST(edb_session_create(w->ctx, w->model, w->weights, params, &session, &error), error);
  return session;
}

static inline edb_session *session_placing(const world *w, edb_device device,
                                           edb_granularity granularity,
                                           edb_placement_kind placement) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.device = device;
  params.granularity = granularity;
  params.placement = placement;
  return session_with(w, &params);
}

static inline edb_session *session_of(const world *w, edb_device device,
                                      edb_granularity granularity) {
  return session_placing(w, device, granularity, EDB_PLACEMENT_AUTO);
}

static inline edb_graph *graph_of(const world *w) {
  edb_graph *graph = NULL;
  edb_error error = {0};
  MUST(edb_graph_create(w->ctx, w->model, &graph, &error), error);
  return graph;
}

static inline edb_policy *policy_of(const world *w, edb_policy_kind kind) {
  edb_policy *policy = NULL;
  edb_error error = {0};
  MUST(edb_policy_create(w->ctx, kind, &policy, &error), error);
  return policy;
}

/* ---- Random graphs --------------------------------------------------------------------------- */

typedef enum labelling { LABELS_ALL, LABELS_NONE, LABELS_SOME } labelling;

typedef struct grower {
  edb_graph *graph;
  const edb_program *program;
  edb_rng rng;
  labelling labels;
  uint32_t reach;    /* inputs are taken from the last `reach` values of a shape; 0: from all */
  edb_value *values; /* that exist */
  edb_shape_id *shape;
  uint32_t n_values;
} grower;

static inline void grower_start(grower *g, edb_graph *graph, edb_model *model, uint64_t seed,
                                labelling labels) {
  *g = (grower){.graph = graph, .program = edb_model_program(model), .labels = labels};
  edb_rng_seed(&g->rng, seed);
}

static inline void grower_free(grower *g) {
  free(g->values);
  free(g->shape);
}

static inline bool pick_value(grower *g, edb_shape_id shape, edb_value *out) {
  uint32_t fit = 0, from = g->reach && g->n_values > g->reach ? g->n_values - g->reach : 0;
  for (uint32_t i = from; i < g->n_values; i++) {
    if (g->shape[i] != shape) continue;
    fit++;
    if (edb_rng_below(&g->rng, fit) == 0) *out = g->values[i];
  }
  return fit > 0;
}

#define MOST_INPUTS 64

/* Inputs of a call of `cell`; false when there is no value of a shape yet. */
static inline bool pick_inputs(grower *g, const edb_ir_cell *cell, edb_value *inputs, uint32_t *n,
                               uint32_t *arities) {
  uint32_t group_arity[MOST_INPUTS], variadic = 0;
  for (uint32_t i = 0; i < MOST_INPUTS; i++) group_arity[i] = UINT32_MAX;
  *n = 0;
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++) {
    const edb_input_sig *sig = &cell->sig.inputs[i];
    uint32_t count = 1;
    if (sig->variadic) {
      uint32_t *arity = &group_arity[sig->group];
      if (*arity == UINT32_MAX) *arity = edb_rng_below(&g->rng, 5);
      if (*arity == 0 && sig->nonempty) *arity = 1;
      count = arities[variadic++] = *arity;
    }
    for (uint32_t k = 0; k < count; k++)
      if (!pick_value(g, sig->shape, &inputs[(*n)++])) return false;
  }
  return true;
}

static inline void add_values(grower *g, const edb_ir_cell *cell, edb_node node, bool labelled) {
  size_t room = g->n_values + cell->sig.n_outputs;
  g->values = realloc(g->values, room * sizeof *g->values);
  g->shape = realloc(g->shape, room * sizeof *g->shape);
  assert_true(g->values != NULL && g->shape != NULL);
  for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
    if (cell->sig.outputs[o].needs_labels && !labelled) continue;
    g->values[g->n_values] = (edb_value){node, o};
    g->shape[g->n_values++] = cell->sig.outputs[o].shape;
  }
}

/* One call of cell `c` with random inputs and attributes; false if it cannot be called yet. */
static inline bool grow_call(grower *g, uint32_t c) {
  const edb_ir_cell *cell = &g->program->cells[c];
  edb_value inputs[MOST_INPUTS * 4];
  uint32_t n = 0, arities[MOST_INPUTS];
  int32_t indices[MOST_INPUTS];
  float *dense[MOST_INPUTS] = {0};
  edb_error error = {0};
  edb_node node;
  if (!pick_inputs(g, cell, inputs, &n, arities)) return false;
  bool labelled =
      g->labels == LABELS_ALL || (g->labels == LABELS_SOME && edb_rng_below(&g->rng, 2) == 0);
  for (uint32_t i = 0; i < cell->sig.n_indices; i++) {
    int32_t value = (int32_t)edb_rng_below(&g->rng, cell->sig.indices[i].bound);
    indices[i] = cell->sig.indices[i].is_label && !labelled ? -1 : value;
  }
  for (uint32_t i = 0; i < cell->sig.n_dense; i++) {
    if (cell->sig.dense[i].is_label && !labelled) continue;
    dense[i] = malloc(cell->sig.dense[i].length * sizeof(float));
    assert_non_null(dense[i]);
    for (uint32_t k = 0; k < cell->sig.dense[i].length; k++)
      dense[i][k] = (float)(2 * edb_rng_uniform(&g->rng) - 1);
  }
  edb_call call = {.cell = c,
                   .inputs = inputs,
                   .n_inputs = n,
                   .arities = arities,
                   .indices = indices,
                   .dense = (const float *const *)dense};
  MUST(edb_graph_append(g->graph, &call, &node, &error), error);
  for (uint32_t i = 0; i < cell->sig.n_dense; i++) free(dense[i]);
  add_values(g, cell, node, labelled);
  return true;
}

/* `count` calls of random cells. */
static inline void grow(grower *g, uint32_t count) {
  for (uint32_t i = 0, tries = 0; i < count; tries++) {
    if (tries > 1000 * (count + 1)) fail_msg("no cell can be called");
    i += grow_call(g, edb_rng_below(&g->rng, g->program->n_cells));
  }
}

static inline edb_graph *random_graph(const world *w, uint64_t seed, uint32_t nodes,
                                      labelling labels) {
  grower g;
  edb_graph *graph = graph_of(w);
  grower_start(&g, graph, w->model, seed, labels);
  grow(&g, nodes);
  grower_free(&g);
  return graph;
}

/* So many instances of so many calls each, none of which takes anything of another. */
static inline void grow_instances(grower *g, uint32_t instances, uint32_t nodes) {
  edb_error error = {0};
  for (uint32_t i = 0; i < instances; i++) {
    MUST(edb_graph_begin_instance(g->graph, &error), error);
    g->n_values = 0;
    grow(g, nodes);
  }
}

static inline edb_graph *random_instances(const world *w, uint64_t seed, uint32_t instances,
                                          uint32_t nodes, labelling labels) {
  grower g;
  edb_graph *graph = graph_of(w);
  grower_start(&g, graph, w->model, seed, labels);
  grow_instances(&g, instances, nodes);
  grower_free(&g);
  return graph;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* All values of a graph, one after another; those that cannot be read are left out of `has`. */
typedef struct values {
  double *data;
  uint8_t *has; /* per number */
  size_t count;
} values;

static inline void values_free(values *v) {
  free(v->data);
  free(v->has);
}

static inline values read_values(const world *w, const edb_session *session,
                                 const edb_graph *graph) {
  values v = {0};
  edb_error error = {0};
  for (edb_node n = 0; n < edb_graph_node_count(graph); n++) {
    uint32_t cell = edb_graph_node_cell(graph, n);
    for (uint32_t o = 0; o < edb_model_output_count(w->model, cell); o++)
      v.count += edb_model_output_size(w->model, cell, o);
  }
  v.data = calloc(v.count + 1, sizeof *v.data);
  v.has = calloc(v.count + 1, 1);
  assert_true(v.data != NULL && v.has != NULL);
  size_t at = 0;
  for (edb_node n = 0; n < edb_graph_node_count(graph); n++) {
    uint32_t cell = edb_graph_node_cell(graph, n);
    for (uint32_t o = 0; o < edb_model_output_count(w->model, cell); o++) {
      edb_value value = {n, o};
      size_t size = edb_model_output_size(w->model, cell, o);
      if (edb_session_has(session, graph, value)) {
        MUST(edb_session_read_f64(session, graph, value, v.data + at, size, &error), error);
        memset(v.has + at, 1, size);
      }
      at += size;
    }
  }
  return v;
}

/* Node, output and entry of number `at`. */
static inline const char *describe_number(const world *w, const edb_graph *graph, size_t at) {
  static char text[256];
  for (edb_node n = 0; n < edb_graph_node_count(graph); n++) {
    uint32_t cell = edb_graph_node_cell(graph, n);
    for (uint32_t o = 0; o < edb_model_output_count(w->model, cell); o++) {
      size_t size = edb_model_output_size(w->model, cell, o);
      if (at < size) {
        (void)snprintf(text, sizeof text, "entry %zu of output %s of node %u, cell %s", at,
                       edb_model_output_name(w->model, cell, o), n,
                       edb_model_cell_name(w->model, cell));
        return text;
      }
      at -= size;
    }
  }
  return "nothing";
}

/* Bit for bit; only whether a number is NaN counts. */
static inline void assert_same_values(const world *w, const edb_graph *graph, const values *a,
                                      const values *b, const char *what) {
  assert_int_equal(a->count, b->count);
  for (size_t i = 0; i < a->count; i++) {
    bool nan = a->data[i] != a->data[i] && b->data[i] != b->data[i];
    if (a->has[i] == b->has[i] && (nan || memcmp(&a->data[i], &b->data[i], sizeof(double)) == 0))
      continue;
    fail_msg("%s: %s: %s%a and %s%a", what, describe_number(w, graph, i), a->has[i] ? "" : "no ",
             a->data[i], b->has[i] ? "" : "no ", b->data[i]);
  }
}

/* Runs everything that is pending. */
static inline void run_all(edb_session *session, edb_graph *graph, const edb_policy *policy) {
  edb_error error = {0};
  MUST(edb_session_run(session, graph, policy, NULL, &error), error);
}

#endif
