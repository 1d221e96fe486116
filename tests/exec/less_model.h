/* tests/exec/less_model.h: a model in which there is something to save everywhere: cells of
 * attributes only, products of attributes of every shape inside others, few ids. */
#ifndef EDB_TESTS_EXEC_LESS_MODEL_H
#define EDB_TESTS_EXEC_LESS_MODEL_H

#include "exec/exec_support.h"

static const char less_text[] =
    "edb 1\n"
    "model less\n"
    "const n = 9, words = 7\n"
    "param E[words, n], T[n, n, n], W[n, n], V[n, n], U[n, n], D[n, n], b[n], h0[n]\n"
    "cell init() -> (h[n], c[n]):\n"
    "  h = h0\n"
    "  c = tanh(W @ h0)\n"
    "cell leaf(id: index words) -> (h[n], c[n]):\n"
    "  x = E[id]\n"
    "  c = sigmoid(W @ x + b)\n"
    "  h = c * tanh(V @ x)\n"
    "cell step(h_prev[n], c_prev[n], id: index words) -> (h[n], c[n]):\n"
    "  x = E[id]\n"
    "  i = sigmoid(W @ x + V @ h_prev + b)\n"
    "  g = tanh(U @ x + W @ h_prev)\n"
    "  c = c_prev * 0.5 + i * g + x\n"
    "  h = i * tanh(c)\n"
    "cell pair(h1[n], a: index words, k: index n, x: dense [n]) -> (h[n], s):\n"
    "  z = sum(W @ E[a])\n"
    "  e = U @ (E[a] * D[k])\n"
    "  h = tanh(e + V @ x + h1)\n"
    "  s = sum(h) * z\n"
    "cell matrix(h1[n], i: index n) -> (h[n], M[n, n], q[n]):\n"
    "  M = V @ T[i]\n"
    "  q = U @ b\n"
    "  h = tanh(M @ h1 * 0.1)\n"
    "cell merge(hs[n]..., cs[n]..., id: index words) -> (h[n], c[n]):\n"
    "  e = V @ E[id]\n"
    "  h = sum(tanh(W @ hs + e) * cs)\n"
    "  c = sum(cs) * 0.5 + e\n"
    "cell out(h[n], id: index words, label: index n) -> (logits[n], loss):\n"
    "  logits = W @ h + V @ E[id]\n"
    "  loss = cross_entropy(logits, label)\n";

#endif
