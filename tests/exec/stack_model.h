/* tests/exec/stack_model.h: two recurrent layers, one above the other. */
#ifndef EDB_TESTS_EXEC_STACK_MODEL_H
#define EDB_TESTS_EXEC_STACK_MODEL_H

#include "exec/exec_support.h"

static const char stack_text[] =
    "edb 1\n"
    "model stack\n"
    "const n = 16, words = 40\n"
    "param E[words, n], X0[n, n], H0[n, n], X1[n, n], H1[n, n], U[n, n], W[5, n], h0[n]\n"
    "cell init() -> (h[n]):\n"
    "  h = h0\n"
    "cell low(h_prev[n], id: index words) -> (h[n]):\n"
    "  h = tanh(X0 @ E[id] + H0 @ h_prev)\n"
    "cell high(h_prev[n], x[n]) -> (h[n]):\n"
    "  h = tanh(X1 @ x + H1 @ h_prev) * sigmoid(U @ x)\n"
    "cell out(h[n]) -> (logits[5]):\n"
    "  logits = W @ h\n";

enum { INIT, LOW, HIGH, OUT };

static inline edb_node stack_call(edb_graph *graph, uint32_t cell, edb_node a, edb_node b,
                                  int32_t id) {
  static const uint32_t n_inputs[] = {0, 1, 2, 1};
  edb_value inputs[2] = {{a, 0}, {b, 0}};
  edb_call call = {.cell = cell, .inputs = inputs, .n_inputs = n_inputs[cell], .indices = &id};
  edb_node node = 0;
  edb_error error = {0};
  MUST(edb_graph_append(graph, &call, &node, &error), error);
  return node;
}

/* A sequence through both layers. */
static inline void add_sequence(edb_graph *graph, uint32_t length, uint64_t seed) {
  edb_rng rng;
  edb_rng_seed(&rng, seed);
  edb_node low = stack_call(graph, INIT, 0, 0, 0), high = low;
  for (uint32_t i = 0; i < length; i++) {
    low = stack_call(graph, LOW, low, 0, (int32_t)edb_rng_below(&rng, 40));
    high = stack_call(graph, HIGH, high, low, 0);
    (void)stack_call(graph, OUT, high, 0, 0);
  }
}

#endif
