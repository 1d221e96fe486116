/* tests/exec/tree_model.h: a small model of trees for the tests of sessions. */
#ifndef EDB_TESTS_EXEC_TREE_MODEL_H
#define EDB_TESTS_EXEC_TREE_MODEL_H

#include "exec/exec_support.h"

static const char tree_text[] =
    "edb 1\n"
    "model trees\n"
    "const hidden = 20, labels = 5\n"
    "param E[10, hidden], U[hidden, 2*hidden], V[hidden, hidden], Wout[labels, hidden]\n"
    "cell leaf(word: index 10) -> (h[hidden], c[hidden]):\n"
    "  h = tanh(E[word])\n"
    "  c = V @ h\n"
    "cell node(h1[hidden], c1[hidden], h2[hidden], c2[hidden]) -> (h[hidden], c[hidden]):\n"
    "  c = (c1 + c2) * 0.5\n"
    "  h = tanh(U @ [h1; h2] + c)\n"
    "cell score(h[hidden], label: index labels) -> (logits[labels], loss):\n"
    "  logits = Wout @ h\n"
    "  loss = cross_entropy(logits, label)\n";

/* Numbers of the cells. */
enum { LEAF, NODE, SCORE };

static inline edb_node append(edb_graph *graph, uint32_t cell, const edb_value *inputs, uint32_t n,
                              int32_t index) {
  edb_call call = {.cell = cell, .inputs = inputs, .n_inputs = n, .indices = &index};
  edb_node node = 0;
  edb_error error = {0};
  MUST(edb_graph_append(graph, &call, &node, &error), error);
  return node;
}

static inline edb_node add_leaf(edb_graph *graph, int32_t word) {
  return append(graph, LEAF, NULL, 0, word);
}

static inline edb_node add_node(edb_graph *graph, edb_node left, edb_node right) {
  edb_value inputs[4] = {{left, 0}, {left, 1}, {right, 0}, {right, 1}};
  return append(graph, NODE, inputs, 4, 0);
}

static inline edb_node add_score(edb_graph *graph, edb_node of, int32_t label) {
  edb_value input = {of, 0};
  return append(graph, SCORE, &input, 1, label);
}

/* A balanced tree over `leaves` words and a score for its root, which is the last but one node. */
static inline edb_node add_tree(edb_graph *graph, uint32_t leaves, uint32_t seed) {
  edb_node level[256];
  assert_true(leaves >= 1 && leaves <= 256);
  for (uint32_t i = 0; i < leaves; i++) level[i] = add_leaf(graph, (int32_t)((i * 7 + seed) % 10));
  for (uint32_t n = leaves; n > 1; n = (n + 1) / 2)
    for (uint32_t i = 0; i < (n + 1) / 2; i++)
      level[i] = 2 * i + 1 < n ? add_node(graph, level[2 * i], level[2 * i + 1]) : level[2 * i];
  (void)add_score(graph, level[0], (int32_t)(seed % 5));
  return level[0];
}

#endif
