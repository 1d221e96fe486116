/* tests/layout/test_arrange_cell.c: batches and memory orders of whole cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "exec/zoo.h"
#include "layout/arrange_cell.h"
#include "layout/cells.h"
#include "layout/plan_counts.h"
#include "support/faulty.h"

typedef struct cell_test {
  edb_context *ctx;
  edb_model *model;
  edb_cell_arrangement *arrangement;
  edb_plan *plan; /* unfused */
} cell_test;

static edb_model *parse(edb_context *ctx, const char *text) {
  edb_model *model = NULL;
  edb_error error = {0};
  if (edb_model_parse(ctx, text, strlen(text), "cells.edb", NULL, &model, &error) != EDB_OK)
    fail_msg("%s", error.text);
  return model;
}

static cell_test begin(const char *text, const char *cell) {
  cell_test t = {0};
  edb_error error = {0};
  assert_int_equal(edb_context_create(NULL, &t.ctx, NULL), EDB_OK);
  t.model = parse(t.ctx, text);
  uint32_t index = edb_model_cell(t.model, cell);
  assert_true(index != UINT32_MAX);
  edb_plan_params params = {.layout = EDB_LAYOUT_PLANNED, .unfused = true};
  const edb_program *program = edb_model_program(t.model);
  if (edb_cell_arrange(t.ctx, program, index, EDB_LAYOUT_PLANNED, &t.arrangement, &error) !=
          EDB_OK ||
      edb_plan_create(t.ctx, program, index, &params, &t.plan, &error) != EDB_OK)
    fail_msg("%s", error.text);
  return t;
}

static void end(cell_test *t) {
  edb_cell_arrangement_destroy(t->arrangement);
  edb_plan_destroy(t->plan);
  edb_model_destroy(t->model);
  edb_context_destroy(t->ctx);
}

/* Every kernel is in one batch, after the batches of its operands; no two of a batch depend on each
 * other. */
static void check_batches(const edb_batching *b) {
  uint32_t n_ops = b->cell->n_ops, *done = calloc(n_ops + 1, sizeof *done);
  assert_non_null(done);
  for (uint32_t i = 0; i < b->n_batches; i++)
    for (uint32_t k = b->batch_start[i]; k < b->batch_start[i + 1]; k++) {
      assert_int_equal(b->role[b->ops[k]], EDB_ROLE_KERNEL);
      assert_int_equal(done[b->ops[k]], 0);
      done[b->ops[k]] = i + 1;
    }
  for (uint32_t op = 0; op < n_ops; op++) {
    uint32_t latest = 0;
    for (uint32_t i = 0; i < b->cell->ops[op].n_operands; i++) {
      edb_ref ref = edb_batching_operand(b, op, i);
      if (ref.kind == EDB_REF_OP && done[ref.index] > latest) latest = done[ref.index];
    }
    if (b->role[op] == EDB_ROLE_KERNEL)
      assert_true(done[op] > latest);
    else
      done[op] = latest;
  }
  free(done);
}

typedef struct row {
  const char *name, *text, *cell;
  uint32_t known, kernels; /* of the released planner; here */
} row;

static const row rows[] = {
    {"TreeLSTM node", tree_lstm, "node", 11, 11},
    {"TreeLSTM leaf", tree_lstm, "leaf", 8, 8},
    {"LSTM", lstm, "step", 11, 10},
    {"GRU", gru, "step", 12, 11},
    {"TreeGRU node", tree_gru, "node", 13, 13},
    {"TreeGRU leaf", tree_gru, "leaf", 11, 11},
    {"MV", mv_rnn, "node", 6, 6},
    {"tagger LSTM", lstm, "tagger", 14, 12},
};

static plan_counts created_counts(const cell_test *t) {
  edb_plan_params params = {.layout = EDB_LAYOUT_CREATED, .unfused = true};
  edb_plan *plan = NULL;
  edb_error error = {0};
  uint32_t cell = (uint32_t)(t->plan->cell - t->plan->program->cells);
  if (edb_plan_create(t->ctx, t->plan->program, cell, &params, &plan, &error) != EDB_OK)
    fail_msg("%s", error.text);
  plan_counts counts = count_plan(plan);
  edb_plan_destroy(plan);
  return counts;
}

static void known_cells_run_without_gathers_in_no_more_kernels(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cell_test t = begin(rows[i].text, rows[i].cell);
    plan_counts planned = count_plan(t.plan), created = created_counts(&t);
    print_message("%-14s %2u operators in %2u kernels (known %2u); in the order of creation %2u "
                  "kernels and %2u gathers of %4zu bytes\n",
                  rows[i].name, t.plan->n_operators, planned.kernels, rows[i].known,
                  created.kernels, created.gathers, created.gather_bytes);
    check_batches(t.arrangement->batching);
    assert_int_equal(planned.gathers, 0);
    assert_int_equal(planned.kernels, rows[i].kernels);
    assert_true(planned.kernels <= rows[i].known);
    assert_true(t.arrangement->exact);
    end(&t);
  }
}

/* ---- Which operators are one kernel ---------------------------------------------------------- */

#define HEAD                             \
  "edb 1\nmodel m\nconst n = 4, m = 6\n" \
  "param W[n, n], V[n, n], U[m, n], Q[n, 2*n], b[n], g[n], E[n, n], F[n, n]\n"

typedef struct merge {
  const char *what, *cell;
  uint32_t kernels, gathers;
} merge;

static void check_merges(const merge *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char text[4096];
    (void)snprintf(text, sizeof text, "%s%s", HEAD, cases[i].cell);
    cell_test t = begin(text, "f");
    check_batches(t.arrangement->batching);
    plan_counts c = count_plan(t.plan);
    if (c.kernels != cases[i].kernels || c.gathers != cases[i].gathers)
      fail_msg("%s: %u kernels and %u gathers, not %u and %u", cases[i].what, c.kernels, c.gathers,
               cases[i].kernels, cases[i].gathers);
    end(&t);
  }
}

static void concats_copy_only_what_has_to_stand_twice(void **state) {
  static const merge cases[] = {
      {"an input of two concats",
       "cell f(x[n], h[n]) -> (o[n]):\n"
       "  r = tanh(Q @ [x; h])\n  o = Q @ [x; r * h]\n",
       4, 0},
      {"a result of two concats",
       "cell f(i: index n, h[n]) -> (o[n]):\n"
       "  x = E[i]\n  r = tanh(Q @ [x; h])\n  o = Q @ [x; r * h]\n",
       5, 1},
      {"one value twice", "cell f(x[n]) -> (o[n]):\n  o = Q @ [x; x]\n", 1, 0},
      {"concats of concats",
       "cell f(x[n], y[n]) -> (o[n], p[4*n]):\n"
       "  a = [tanh(x); y]\n  o = Q @ a\n  p = [sigmoid(x); [a; x * y]]\n",
       4, 0},
      {"an input that is an output, too", "cell f(x[n], y[n]) -> (o[n], x[n]):\n  o = Q @ [x; y]\n",
       1, 0},
  };
  (void)state;
  check_merges(cases, sizeof cases / sizeof *cases);
}

static void operators_of_one_form_are_one_kernel(void **state) {
  (void)state;
  static const merge cases[] = {
      {"rows and columns of parameters",
       "cell f(h[n]) -> (o[n]):\n  o = tanh(W @ h) * sigmoid(h @ V)\n", 4, 0},
      {"a result and an input in any order",
       "cell f(x[n], h[n]) -> (o[n], p[n]):\n  o = x + tanh(h)\n  p = sigmoid(x) + h\n", 3, 0},
      {"a parameter and a result in any order",
       "cell f(x[n], h[n]) -> (o[n], p[n]):\n  o = b + tanh(h)\n  p = sigmoid(x) + g\n", 3, 0},
      {"two operands in any order", "cell f(h[n]) -> (o[n], p[n]):\n  o = h + b\n  p = g + h\n", 1,
       0},
      {"any widths", "cell f(h[n], k[m]) -> (o[n], p[m]):\n  o = tanh(h)\n  p = tanh(k)\n", 1, 0},
      {"one number", "cell f(h[n], k[n]) -> (o[n], p[n]):\n  o = 2 * h\n  p = k * 2\n", 1, 0},
      {"stacked weights of different rows",
       "cell f(h[n]) -> (o[n], p[m]):\n  o = W @ h\n  p = U @ h\n", 1, 0},
      {"products of one shape", "cell f(h[n], k[n]) -> (o[n], p[n]):\n  o = W @ h\n  p = V @ k\n",
       1, 0},
      {"lookups in one table",
       "cell f(i: index n, j: index n) -> (o[n], p[n]):\n  o = E[i] * 1\n  p = E[j] * 1\n", 2, 0},
      {"a chain waits for the other one",
       "cell f(h[n], k[n]) -> (o[n], p[n]):\n  o = tanh(h + b)\n  p = tanh(sigmoid(k) + b)\n", 4,
       0},
  };
  check_merges(cases, sizeof cases / sizeof *cases);
}

static void operators_of_different_forms_are_not(void **state) {
  (void)state;
  static const merge cases[] = {
      {"kinds", "cell f(h[n]) -> (o[n], p[n]):\n  o = tanh(h)\n  p = sigmoid(h)\n", 2, 0},
      {"numbers", "cell f(h[n]) -> (o[n], p[n]):\n  o = 2 * h\n  p = 3 * h\n", 2, 0},
      {"a difference the other way round",
       "cell f(h[n]) -> (o[n], p[n]):\n  o = h - b\n  p = b - h\n", 2, 0},
      {"tables",
       "cell f(i: index n) -> (o[n], p[n]):\n  x = E[i]\n  y = F[i]\n  o = x * 1\n  p = y * 1\n", 3,
       0},
      {"sides of a product", "cell f(h[n, n]) -> (o[n, n], p[n, n]):\n  o = W @ h\n  p = h @ W\n",
       2, 0},
      {"scalars that are stretched", "cell f(h[n], a) -> (o[n], p[n]):\n  o = h + a\n  p = h + b\n",
       2, 0},
      {"elements and nodes",
       "cell f(hs[n]..., h[n]) -> (o[n], p[n]):\n  o = sum(tanh(hs))\n  p = tanh(h)\n", 3, 0},
      {"values for labels only",
       "cell f(h[n], y: dense [n], l: index n) -> (o, p[n], q):\n  o = cross_entropy(h, l) * 2\n"
       "  p = h * 2\n  q = squared_error(h, y)\n",
       4, 0},
      {"one after the other", "cell f(h[n]) -> (o[n]):\n  o = tanh(tanh(h))\n", 2, 0},
  };
  check_merges(cases, sizeof cases / sizeof *cases);
}

static void views_and_static_values_need_no_kernel(void **state) {
  (void)state;
  static const merge cases[] = {
      {"a slice", "cell f(h[n]) -> (o[2]):\n  o = tanh(h[1:3])\n", 1, 0},
      {"a shape", "cell f(h[n]) -> (o[2, 2]):\n  o = tanh(reshape(h, [2, 2]))\n", 1, 0},
      {"parameters", "cell f(h[n]) -> (o[n]):\n  o = h + tanh(b * g)\n", 1, 0},
      {"a concat of results", "cell f(h[n], k[n]) -> (o[n]):\n  o = Q @ [tanh(h); sigmoid(k)]\n", 3,
       0},
      {"a concat in the order of one batch",
       "cell f(h[n], k[n]) -> (o[n]):\n  a = tanh(h)\n  c = tanh(k)\n  o = Q @ [c; a]\n", 2, 0},
      {"a concat with a number is a copy",
       "cell f(h[n]) -> (o[n+1]):\n  a = tanh(h)\n  o = [a; 1]\n", 1, 1},
      {"a concat of one value twice is a copy",
       "cell f(h[n]) -> (o[n]):\n  a = tanh(h)\n  o = Q @ [a; a]\n", 2, 1},
      {"two concats that contradict each other",
       "cell f(h[n], k[n]) -> (o[n], p[n]):\n  a = tanh(h)\n  c = sigmoid(k)\n  o = Q @ [a; c]\n"
       "  p = Q @ [c; a]\n",
       3, 1},
      {"slices of one value",
       "cell f(h[m]) -> (o[2], p[2]):\n  a = tanh(h)\n  o = sigmoid(a[0:2])\n  p = "
       "sigmoid(a[3:5])\n",
       3, 0},
      {"parts of one value side by side",
       "cell f(w[2*n], h[n]) -> (o[n]):\n  p = V @ h\n  q = W @ h\n  a = tanh(w[n:2*n] + p)\n"
       "  c = tanh(w[0:n] + q)\n  o = a * c\n",
       4, 0},
      {"a cell without operators", "cell f(h[n]) -> (h[n]):\n", 0, 0},
  };
  check_merges(cases, sizeof cases / sizeof *cases);
}

static void a_batch_is_cut_where_that_saves_a_gather(void **state) {
  (void)state;
  static const merge cases[] = {
      {"products with a result and an input",
       "cell f(h[n], k[n]) -> (o[n], p[n], q[n], r[n]):\n  x = tanh(h)\n  o = W @ x\n  p = V @ x\n"
       "  q = W @ k\n  r = V @ k\n",
       2, 0},
      {"a value used twice, and another once",
       "cell f(h[n], k[n]) -> (o[n], p[n], q[n]):\n  x = tanh(h)\n  y = tanh(k)\n  o = x * b\n"
       "  p = x * g\n  q = y * b\n",
       3, 0},
      {"each value twice",
       "cell f(h[n], k[n]) -> (o[n], p[n], q[n], r[n]):\n  x = tanh(h)\n  y = tanh(k)\n  z = "
       "sigmoid(h)\n"
       "  o = x * z\n  p = y * z\n  q = x * y\n  r = y * x\n",
       5, 0},
      {"three values, repeated",
       "cell f(h[n], k[n], l[n]) -> (o[n], p[n], q[n], r[n], s[n], t[n], u[n]):\n"
       "  x = tanh(h)\n  y = tanh(k)\n  z = tanh(l)\n  o = x * b\n  p = x * g\n  q = x * b\n"
       "  r = y * b\n  s = y * g\n  t = z * b\n  u = z * b\n",
       4, 0},
  };
  check_merges(cases, sizeof cases / sizeof *cases);
}

/* Whatever operators a cell has. */
static void all_cells_of_the_zoo_have_an_arrangement(void **state) {
  (void)state;
  for (size_t i = 0; i < ZOO_COUNT; i++) {
    edb_context *ctx = NULL;
    assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
    edb_model *model = parse(ctx, zoo[i].text);
    for (uint32_t c = 0; c < edb_model_cell_count(model); c++) {
      cell_test t = begin(zoo[i].text, edb_model_cell_name(model, c));
      plan_counts planned = count_plan(t.plan), created = created_counts(&t);
      check_batches(t.arrangement->batching);
      assert_true(planned.gather_bytes <= created.gather_bytes);
      assert_true(planned.kernels <= t.plan->n_operators + planned.constants);
      end(&t);
    }
    edb_model_destroy(model);
    edb_context_destroy(ctx);
  }
}

/* More operators than the exact search takes. */
static void long_cells_are_batched_as_well(void **state) {
  (void)state;
  enum { STEPS = 300 };
  static char text[STEPS * 64 + 1024];
  int at = snprintf(text, sizeof text, "%scell f(h[n], k[n]) -> (o[n], p[n]):\n", HEAD);
  at += snprintf(text + at, sizeof text - (size_t)at, "  a0 = tanh(h)\n  c0 = tanh(k)\n");
  for (int i = 1; i < STEPS; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, "  a%d = %s(a%d)\n  c%d = %s(c%d)\n", i,
                   i % 2 ? "sigmoid" : "tanh", i - 1, i, i % 2 ? "sigmoid" : "tanh", i - 1);
  (void)snprintf(text + at, sizeof text - (size_t)at, "  o = a%d * 2\n  p = c%d * 2\n", STEPS - 1,
                 STEPS - 1);
  cell_test t = begin(text, "f");
  check_batches(t.arrangement->batching);
  assert_int_equal(count_plan(t.plan).kernels, STEPS + 1);
  assert_int_equal(count_plan(t.plan).gathers, 0);
  end(&t);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  edb_context *own = NULL;
  assert_int_equal(edb_context_create(NULL, &own, NULL), EDB_OK);
  edb_model *model = parse(own, tree_lstm);
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_cell_arrangement *plan = NULL;
    edb_error error = {0};
    edb_status status =
        edb_cell_arrange(ctx, edb_model_program(model), 1, EDB_LAYOUT_PLANNED, &plan, &error);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) assert_null(plan);
    edb_cell_arrangement_destroy(plan);
  }
  edb_model_destroy(model);
  edb_context_destroy(own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_cells_run_without_gathers_in_no_more_kernels),
      cmocka_unit_test(operators_of_one_form_are_one_kernel),
      cmocka_unit_test(concats_copy_only_what_has_to_stand_twice),
      cmocka_unit_test(operators_of_different_forms_are_not),
      cmocka_unit_test(views_and_static_values_need_no_kernel),
      cmocka_unit_test(a_batch_is_cut_where_that_saves_a_gather),
      cmocka_unit_test(all_cells_of_the_zoo_have_an_arrangement),
      cmocka_unit_test(long_cells_are_batched_as_well),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
