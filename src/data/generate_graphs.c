/* data/generate_graphs.c: JSON lines for models without a reader of their own: random graphs, and
 * query plans with their features and times.
 *
 *   dags    30 to 120 nodes of the cells of random_dag.edb, each half as frequent as the one
 * before; one to four inputs among the twenty nodes before; every tenth node is a source plans
 * joins of one to nine tables, bushy or left-deep, under sort, aggregate and limit; times from the
 * rows that each operator sees, with a tenth of noise */
#include "data/generate.h"

#include <math.h>

/* ---- Graphs -----------------------------------------------------------------------------------
 */

#define N_TYPES   8
#define N_SOURCES 1000
#define WINDOW    20

static uint32_t draw_type(edb_rng *rng) {
  uint32_t type = 0;
  while (type + 1 < N_TYPES && edb_rng_uniform(rng) < 0.5) type++;
  return type;
}

static void append_node(uint32_t i, edb_rng *rng, edb_text *text) {
  if (i < 2 || edb_rng_uniform(rng) < 0.1) {
    edb_text_printf(text, "{\"cell\":\"source\",\"id\":%u}", edb_rng_below(rng, N_SOURCES));
    return;
  }
  uint32_t window = i < WINDOW ? i : WINDOW, n_inputs = 1 + edb_rng_below(rng, 4);
  edb_text_printf(text, "{\"cell\":\"%c\",\"inputs\":[[", (char)('a' + draw_type(rng)));
  for (uint32_t k = 0; k < n_inputs; k++)
    edb_text_printf(text, "%s%u", k > 0 ? "," : "", i - 1 - edb_rng_below(rng, window));
  edb_text_printf(text, "]]}");
}

edb_status edb_generate_dags(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                             edb_error *error) {
  (void)ctx;
  (void)error;
  for (uint32_t i = 0; i < count && !text->failed; i++) {
    uint32_t n = 30 + edb_rng_below(rng, 91);
    edb_text_printf(text, "{\"nodes\":[");
    for (uint32_t k = 0; k < n; k++) {
      edb_text_append(text, ",", k > 0);
      append_node(k, rng, text);
    }
    edb_text_printf(text, "]}\n");
  }
  return EDB_OK;
}

/* ---- Plans ------------------------------------------------------------------------------------
 */

#define MAX_TABLES 9

/* What has been planned so far: one of these per tree that waits to be joined. */
typedef struct plan_part {
  uint32_t node, depth;
  double rows, time; /* time of the whole part, in milliseconds */
} plan_part;

typedef struct plan_maker {
  edb_rng *rng;
  edb_text *text;
  uint32_t n_nodes;
  double times[4 * MAX_TABLES];
} plan_maker;

/* One operator over one or two parts, or over a table (inputs == NULL). */
static plan_part append_operator(plan_maker *m, const char *cell, const plan_part *inputs,
                                 uint32_t n_inputs, double rows, double cost) {
  double rows_in = 0, time = cost;
  plan_part part = {.node = m->n_nodes, .rows = rows};
  edb_text_printf(m->text, "%s{\"cell\":\"%s\"", m->n_nodes > 0 ? "," : "", cell);
  for (uint32_t i = 0; i < n_inputs; i++) {
    edb_text_printf(m->text, "%s%u", i > 0 ? "," : ",\"inputs\":[[", inputs[i].node);
    rows_in += inputs[i].rows;
    time += inputs[i].time;
    if (inputs[i].depth >= part.depth) part.depth = inputs[i].depth + 1;
  }
  double width = 8 + edb_rng_below(m->rng, 200);
  double features[] = {log1p(rows),
                       log1p(rows_in),
                       log1p(width),
                       log1p(rows * width / 8192),
                       n_inputs > 0 ? rows / (rows + rows_in) : edb_rng_uniform(m->rng),
                       part.depth};
  edb_text_printf(m->text, "%s\"x\":[", n_inputs > 0 ? "]]," : ",");
  for (uint32_t i = 0; i < 6; i++) {
    edb_text_append(m->text, ",", i > 0);
    edb_append_number(m->text, features[i]);
  }
  edb_text_printf(m->text, "]}");
  part.time = time * exp(0.1 * edb_rng_normal(m->rng));
  m->times[m->n_nodes++] = part.time;
  return part;
}

static plan_part append_scan(plan_maker *m) {
  double rows = exp(3 + 11 * edb_rng_uniform(m->rng));
  if (edb_rng_uniform(m->rng) < 0.65)
    return append_operator(m, "seq_scan", NULL, 0, rows, 0.01 + 1e-4 * rows);
  rows *= 0.02;
  return append_operator(m, "index_scan", NULL, 0, rows, 0.02 + 1e-3 * rows);
}

static plan_part append_sort(plan_maker *m, plan_part of) {
  return append_operator(m, "sort", &of, 1, of.rows, 2e-5 * of.rows * log2(of.rows + 2));
}

static plan_part append_join(plan_maker *m, plan_part left, plan_part right) {
  double larger = fmax(left.rows, right.rows), smaller = fmin(left.rows, right.rows);
  double rows = larger * exp(1.5 * edb_rng_normal(m->rng) - 0.5) + 1;
  if (smaller < 100 && edb_rng_uniform(m->rng) < 0.7) {
    return append_operator(m, "nested_loop", (const plan_part[]){left, right}, 2, rows,
                           1e-4 * larger + 1e-5 * rows);
  }
  if (edb_rng_uniform(m->rng) < 0.75) {
    return append_operator(m, "hash_join", (const plan_part[]){left, right}, 2, rows,
                           3e-4 * smaller + 1e-4 * larger + 2e-5 * rows);
  }
  plan_part sorted[2];
  sorted[0] = append_sort(m, left);
  sorted[1] = append_sort(m, right);
  return append_operator(m, "merge_join", sorted, 2, rows, 5e-5 * (left.rows + right.rows));
}

/* Joins tables until one part is left. A left-deep plan always joins the last two that there are.
 */
static plan_part append_joins(plan_maker *m) {
  plan_part parts[MAX_TABLES];
  uint32_t n = edb_draw_size(m->rng, 3.2, 1.25, 1, MAX_TABLES);
  bool bushy = edb_rng_uniform(m->rng) < 0.3;
  for (uint32_t i = 0; i < n; i++) parts[i] = append_scan(m);
  for (; n > 1; n--) {
    uint32_t i = bushy ? edb_rng_below(m->rng, n - 1) : n - 2;
    parts[i] = append_join(m, parts[i + 1], parts[i]);
    for (uint32_t k = i + 1; k + 1 < n; k++) parts[k] = parts[k + 1];
  }
  return parts[0];
}

static void append_plan(plan_maker *m) {
  m->n_nodes = 0;
  edb_text_printf(m->text, "{\"nodes\":[");
  plan_part top = append_joins(m);
  if (edb_rng_uniform(m->rng) < 0.5)
    top = append_operator(m, "aggregate", &top, 1, sqrt(top.rows) + 1, 5e-5 * top.rows);
  if (edb_rng_uniform(m->rng) < 0.4) top = append_sort(m, top);
  if (edb_rng_uniform(m->rng) < 0.3)
    top = append_operator(m, "limit", &top, 1, fmin(top.rows, 100), 0.001);
  for (uint32_t i = 0; i < m->n_nodes; i++) {
    edb_text_printf(m->text, ",{\"cell\":\"cost\",\"inputs\":[%u],\"log_time\":", i);
    edb_append_number(m->text, log(m->times[i]));
    edb_text_append(m->text, "}", 1);
  }
  edb_text_printf(m->text, "]}\n");
}

edb_status edb_generate_plans(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                              edb_error *error) {
  plan_maker m = {.rng = rng, .text = text};
  (void)ctx;
  (void)error;
  for (uint32_t i = 0; i < count && !text->failed; i++) append_plan(&m);
  return EDB_OK;
}
