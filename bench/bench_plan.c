/* bench/bench_plan.c: what planning a cell takes as cells grow.
 *
 *   bench_plan [MOST [KIND]]
 *
 * Cells of some thousand to MOST operators (64000), of each KIND or of one: `chain`, elementwise
 * operators one after the other; `gates`, products of one input, what gates make of them, and
 * their sum; `tree`, a sum of many values, pair by pair; `mixed`, random operators on random
 * values. Microseconds per operator, best of three, and bytes per operator that the plan has taken
 * at most. Where both do not grow with the cell, planning is linear. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "layout/plan.h"
#include "model/model.h"

#define LINE  64u /* characters of an operator's line, at most */
#define LEAST 1000u
#define HEAD                                                                   \
  "edb 1\nmodel bench\nconst n = 8\n"                                          \
  "param W0[n, n], W1[n, n], W2[n, n], W3[n, n], b0[n], b1[n], b2[n], b3[n]\n" \
  "cell f(x[n], y[n]) -> (z[n]):\n  v0 = y\n"

typedef struct writer {
  char *text;
  size_t length;
  uint32_t n_values, n_operators;
  edb_rng rng;
} writer;

static void put(writer *w, const char *text) {
  size_t length = strlen(text);
  memcpy(w->text + w->length, text, length + 1);
  w->length += length;
}

static void put_number(writer *w, uint32_t number) {
  w->length += (size_t)sprintf(w->text + w->length, "%u", number);
}

/* A line that gives a value, of so many operators; `A` to `C` in the formula are numbers. */
static void add_value(writer *w, const char *formula, uint32_t operators, const uint32_t *numbers) {
  put(w, "  v");
  put_number(w, w->n_values++);
  put(w, " = ");
  for (; *formula; formula++) {
    if (*formula >= 'A' && *formula <= 'C')
      put_number(w, numbers[*formula - 'A']);
    else
      w->text[w->length++] = *formula;
  }
  put(w, "\n");
  w->n_operators += operators;
}

/* Values first and on, pair by pair. */
static void add_sum(writer *w, uint32_t first) {
  for (; first + 1 < w->n_values; first += 2) {
    uint32_t numbers[] = {first, first + 1};
    add_value(w, "vA + vB", 1, numbers);
  }
}

static void write_chain(writer *w, uint32_t n) {
  while (w->n_operators < n) {
    uint32_t numbers[] = {w->n_values - 1, w->n_values % 4};
    add_value(w, w->n_values % 2 ? "tanh(vA + bB)" : "vA * x - bB", 2, numbers);
  }
}

static void write_gates(writer *w, uint32_t n) {
  uint32_t first = w->n_values;
  while (w->n_operators < n / 4 * 3) {
    uint32_t numbers[] = {w->n_values % 4, w->n_values % 3};
    add_value(w, w->n_values % 2 ? "sigmoid(WA @ x + bB)" : "tanh(WA @ x + bB)", 3, numbers);
  }
  add_sum(w, first);
}

static void write_tree(writer *w, uint32_t n) {
  uint32_t first = w->n_values;
  while (w->n_operators < n / 2) {
    uint32_t numbers[] = {w->n_values % 4};
    add_value(w, "x * bA", 1, numbers);
  }
  add_sum(w, first);
}

/* One in eight is a value from far back. */
static uint32_t some_value(writer *w) {
  bool near = w->n_values >= 24 && edb_rng_below(&w->rng, 8) > 0;
  return w->n_values - 1 - edb_rng_below(&w->rng, near ? 24 : w->n_values);
}

static void write_mixed(writer *w, uint32_t n) {
  static const char *const formulas[] = {"vA + vB",          "vA * vB", "tanh(vA)",
                                         "sigmoid(vA + bC)", "WC @ vA", "[vA; vB][4:12]"};
  static const uint32_t operators[] = {1, 1, 1, 2, 1, 1};
  while (w->n_operators < n) {
    uint32_t kind = edb_rng_below(&w->rng, 6);
    uint32_t numbers[] = {some_value(w), some_value(w), edb_rng_below(&w->rng, 4)};
    add_value(w, formulas[kind], operators[kind], numbers);
  }
}

static const struct {
  const char *name;
  void (*write)(writer *w, uint32_t n);
} kinds[] = {
    {"chain", write_chain}, {"gates", write_gates}, {"tree", write_tree}, {"mixed", write_mixed}};

static void fail(const char *text) {
  fprintf(stderr, "%s\n", text);
  exit(1);
}

/* One row: a cell of a kind with about n operators. */
static void measure(edb_context *ctx, size_t kind, uint32_t n) {
  edb_error error = {0};
  edb_model *model = NULL;
  writer w = {.text = malloc(sizeof HEAD + ((size_t)n + 8) * LINE), .n_values = 1};
  if (!w.text) fail("no memory");
  edb_rng_seed(&w.rng, n);
  put(&w, HEAD);
  kinds[kind].write(&w, n);
  put(&w, "  z = v");
  put_number(&w, w.n_values - 1);
  put(&w, "\n");
  if (edb_model_parse(ctx, w.text, w.length, "bench", NULL, &model, &error) != EDB_OK)
    fail(error.text);
  size_t before = edb_context_memory(ctx).current_bytes;
  double best = INFINITY;
  edb_context_reset_peak(ctx);
  for (int pass = 0; pass < 3; pass++) {
    edb_plan *plan = NULL;
    uint64_t start = edb_clock_ns();
    if (edb_plan_create(ctx, edb_model_program(model), 0, NULL, &plan, &error) != EDB_OK)
      fail(error.text);
    best = fmin(best, (double)(edb_clock_ns() - start));
    edb_plan_destroy(plan);
  }
  size_t bytes = edb_context_memory(ctx).peak_bytes - before;
  printf("%-8s %9u %10.1f %10.2f %10.0f\n", kinds[kind].name, w.n_operators, best * 1e-6,
         best * 1e-3 / w.n_operators, (double)bytes / w.n_operators);
  (void)fflush(stdout);
  edb_model_destroy(model);
  free(w.text);
}

int main(int argc, char **argv) {
  unsigned long most = argc > 1 ? strtoul(argv[1], NULL, 10) : 64000;
  edb_context *ctx = NULL;
  if (edb_context_create(NULL, &ctx, NULL) != EDB_OK) return 1;
  printf("%-8s %9s %10s %10s %10s\n", "cell", "operators", "ms", "us/op", "bytes/op");
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
    for (uint32_t n = LEAST; n <= most && (argc < 3 || strcmp(argv[2], kinds[kind].name) == 0);
         n *= 4)
      measure(ctx, kind, n);
  edb_context_destroy(ctx);
  return 0;
}
