/* tests/data/data_support.h: models and short texts of instances for the tests of this layer. */
#ifndef EDB_TESTS_DATA_SUPPORT_H
#define EDB_TESTS_DATA_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <edbatch/data.h>

#include "data/reader.h"

#define CELLS                                                                              \
  "edb 1\n"                                                                                \
  "model little_tree\n"                                                                    \
  "const hidden = 3, labels = 5\n"                                                         \
  "vocab words\n"                                                                          \
  "param k[3], E[words, hidden], U[hidden, hidden], Wout[labels, hidden]\n"                \
  "cell leaf(word: index words) -> (h[hidden], c[hidden]):\n"                              \
  "  c = E[word]\n"                                                                        \
  "  h = tanh(c)\n"                                                                        \
  "cell node(h1[hidden], c1[hidden], h2[hidden], c2[hidden]) -> (h[hidden], c[hidden]):\n" \
  "  c = c1 + c2\n"                                                                        \
  "  h = tanh(U @ h1 + h2)\n"                                                              \
  "cell merge(h_[hidden]..., c_[hidden]...) -> (h[hidden], c[hidden]):\n"                  \
  "  h = tanh(sum(h_))\n"                                                                  \
  "  c = sum(c_)\n"                                                                        \
  "cell score(h[hidden], label: index labels) -> (logits[labels], loss):\n"                \
  "  logits = Wout @ h\n"                                                                  \
  "  loss = cross_entropy(logits, label)\n"                                                \
  "cell zip(a[hidden]..., b[hidden]...) -> (h[hidden]):\n"                                 \
  "  h = sum(a * b)\n"                                                                     \
  "cell fold(x[hidden], h_[hidden]...) -> (h[hidden]):\n"                                  \
  "  h = x + sum(h_)\n"                                                                    \
  "cell plan(x: dense [2], m: dense [2, 3], s: dense) -> (h[2]):\n"                        \
  "  h = x + s + m @ k\n"

#define BINARY_RULES                            \
  "read trees:\n"                               \
  "  leaf -> leaf(word)\n"                      \
  "  inner(left, right) -> node(left, right)\n" \
  "  every(node) -> score(node, label)\n"

static inline edb_model *model_of(edb_context *ctx, const char *text) {
  edb_model *model = NULL;
  edb_error error = {.text = ""};
  if (edb_model_parse(ctx, text, strlen(text), "m.edb", NULL, &model, &error) != EDB_OK) {
    fail_msg("the model of a test: %s", error.text);
  }
  return model;
}

static inline edb_status parse_with(edb_context *ctx, edb_model *model, const char *text,
                                    const edb_data_params *params, edb_dataset **out,
                                    edb_error *error) {
  return edb_dataset_parse(ctx, model, text, strlen(text), "d", params, out, error);
}

static inline edb_dataset *dataset_of(edb_context *ctx, edb_model *model, const char *text) {
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  if (parse_with(ctx, model, text, NULL, &dataset, &error) != EDB_OK) {
    fail_msg("\"%.200s\": %s", text, error.text);
  }
  return dataset;
}

/* Reading `text` must fail with this status and a text that begins with `begin`. */
static inline void assert_refused(edb_context *ctx, edb_model *model, const char *text,
                                  edb_status status, const char *begin) {
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  edb_status found = parse_with(ctx, model, text, NULL, &dataset, &error);
  if (found == EDB_OK) fail_msg("\"%.200s\" was accepted", text);
  assert_null(dataset);
  if (strncmp(error.text, begin, strlen(begin)) != 0) {
    fail_msg("\"%.200s\":\nfound    %s\nexpected %s", text, error.text, begin);
  }
  if (found != status) fail_msg("%s: status %s", error.text, edb_status_name(found));
  assert_int_equal(error.status, status);
}

static inline size_t put(char *out, size_t room, size_t at, const char *text) {
  int written = snprintf(out + at, room - at, "%s", text);
  assert_true(written >= 0 && at + (size_t)written < room);
  return at + (size_t)written;
}

/* An instance as "leaf<1> leaf<2> node(0.h 0.c 1.h 1.c) score<-1>(2.h)": cells, indices, inputs in
 * the graph's order. */
static inline const char *describe(const edb_dataset *dataset, uint32_t instance) {
  static char out[8192];
  char part[64];
  const edb_graph *g = dataset->graph;
  uint32_t begin = edb_graph_instance_begin(g, instance);
  uint32_t end = edb_graph_instance_begin(g, instance + 1);
  size_t at = 0;
  out[0] = 0;
  for (uint32_t i = begin; i < end; i++) {
    const edb_type_sig *sig = &g->schema->types[g->type[i]];
    at = put(out, sizeof out, at, i > begin ? " " : "");
    at = put(out, sizeof out, at, sig->name);
    for (uint32_t k = 0; k < sig->n_indices; k++) {
      snprintf(part, sizeof part, "%s%d", k > 0 ? "," : "<", edb_graph_indices(g, i)[k]);
      at = put(out, sizeof out, at, part);
    }
    at = put(out, sizeof out, at, sig->n_indices > 0 ? ">" : "");
    for (uint32_t e = g->edge_start[i]; e < g->edge_start[i + 1]; e++) {
      const edb_type_sig *source = &g->schema->types[g->type[g->edge_node[e]]];
      snprintf(part, sizeof part, "%s%u.%s", e > g->edge_start[i] ? " " : "(",
               g->edge_node[e] - begin, source->outputs[g->edge_output[e]].name);
      at = put(out, sizeof out, at, part);
    }
    at = put(out, sizeof out, at, g->edge_start[i + 1] > g->edge_start[i] ? ")" : "");
  }
  return out;
}

/* A context with a model, for a test. */
typedef struct fixture {
  edb_context *ctx;
  edb_model *model;
} fixture;

static inline int setup_model(void **state, const char *text) {
  static fixture f;
  assert_int_equal(edb_context_create(NULL, &f.ctx, NULL), EDB_OK);
  f.model = text != NULL ? model_of(f.ctx, text) : NULL;
  *state = &f;
  return 0;
}

static inline int setup_binary(void **state) {
  return setup_model(state, CELLS BINARY_RULES);
}

static inline int setup_context(void **state) {
  return setup_model(state, NULL);
}

static inline int teardown(void **state) {
  fixture *f = *state;
  edb_model_destroy(f->model);
  assert_int_equal(edb_context_memory(f->ctx).current_bytes > 0, 1); /* the context alone */
  edb_context_destroy(f->ctx);
  return 0;
}

#endif
