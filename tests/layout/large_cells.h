/* tests/layout/large_cells.h: the text of a model with one cell of some thousand operators: maps,
 * products, concats and parts of values from near and far, values that nothing reads, and a sum.
 * All lie between -1 and 1 but for the sum. */
#ifndef EDB_TESTS_LAYOUT_LARGE_CELLS_H
#define EDB_TESTS_LAYOUT_LARGE_CELLS_H

#include <stdio.h>

#include "base/rng.h"

#define LARGE_CELL_LINES 3000u

/* Where the value of a line reads: one time in eight from anywhere. */
static inline uint32_t large_cell_pick(edb_rng *rng, uint32_t line) {
  uint32_t reach = line > 30 && edb_rng_below(rng, 8) > 0 ? 30 : line;
  return line - 1 - edb_rng_below(rng, reach);
}

/* `lines` values after two that are given, then a sum of 64 of them. In a static buffer. */
static inline const char *large_cell(uint64_t seed, uint32_t lines) {
  static const char *const formulas[] = {"tanh(v%u + v%u)",          "v%u * v%u",
                                         "sigmoid(v%u * 0.5 - v%u)", "tanh(W @ v%u + U @ v%u)",
                                         "sigmoid(v%u + b) * v%u",   "[v%u; v%u][3:n+3]",
                                         "tanh(W @ (v%u * v%u))",    "max(v%u, v%u)"};
  static char text[LARGE_CELL_LINES * 48 + 2048];
  edb_rng rng;
  edb_rng_seed(&rng, seed);
  size_t at = (size_t)snprintf(text, sizeof text,
                               "edb 1\nmodel large\nconst n = 5\nparam W[n, n], U[n, n], b[n]\n"
                               "cell source(x: dense [n]) -> (h[n]):\n  h = tanh(x)\n"
                               "cell f(v0[n], v1[n]) -> (z[n], y[n]):\n");
  for (uint32_t i = 2; i < lines + 2; i++) {
    uint32_t a = large_cell_pick(&rng, i), b = large_cell_pick(&rng, i);
    at += (size_t)snprintf(text + at, sizeof text - at, "  v%u = ", i);
    /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): one of the formulas */
    at += (size_t)snprintf(text + at, sizeof text - at, formulas[edb_rng_below(&rng, 8)], a, b);
    at += (size_t)snprintf(text + at, sizeof text - at, "\n");
  }
  at += (size_t)snprintf(text + at, sizeof text - at, "  z = v%u\n  y = v2", lines + 1);
  for (uint32_t i = 0; i < 64; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, " + v%u", 2 + i * (lines / 64));
  (void)snprintf(text + at, sizeof text - at, "\n");
  return text;
}

#endif
