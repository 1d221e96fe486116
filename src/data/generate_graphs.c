/* data/generate_graphs.c: random graphs, and query plans with their features and times.
 *
 *   dags    30 to 120 nodes of the kinds of random_dag.edb, each half as frequent as the one
 *           before; one to four inputs among the twenty nodes before; every tenth node is a source
 *   plans   joins of one to nine tables, bushy or left-deep, under sort, aggregate and limit; times
 *           from the rows that each operator sees, with a tenth of noise */
#include "data/generate.h"

#include <math.h>
#include <string.h>

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
    edb_text_printf(text, "source=%u", edb_rng_below(rng, N_SOURCES));
    return;
  }
  uint32_t window = i < WINDOW ? i : WINDOW, n_inputs = 1 + edb_rng_below(rng, 4);
  edb_text_printf(text, "%c(", (char)('a' + draw_type(rng)));
  for (uint32_t k = 0; k < n_inputs; k++)
    edb_text_printf(text, "%s%u", k > 0 ? "," : "", i - 1 - edb_rng_below(rng, window));
  edb_text_printf(text, ")");
}

edb_status edb_generate_dags(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                             edb_error *error) {
  (void)ctx;
  (void)error;
  for (uint32_t i = 0; i < count && !text->failed; i++) {
    uint32_t n = 30 + edb_rng_below(rng, 91);
    for (uint32_t k = 0; k < n; k++) {
      edb_text_append(text, " ", k > 0);
      append_node(k, rng, text);
    }
    edb_text_append(text, "\n", 1);
  }
  return EDB_OK;
}

/* ---- Plans ------------------------------------------------------------------------------------
 */

#define MAX_TABLES 9
#define MAX_NODES  (4 * MAX_TABLES)
#define FEATURES   6

typedef struct plan_node {
  const char *kind;
  double features[FEATURES], time; /* time of all below it, in milliseconds */
  uint32_t inputs[2], n_inputs;
} plan_node;

/* What has been planned so far: one of these per tree that waits to be joined. */
typedef struct plan_part {
  uint32_t node, depth;
  double rows, time;
} plan_part;

typedef struct plan_maker {
  edb_rng *rng;
  edb_text *text;
  uint32_t n_nodes;
  plan_node nodes[MAX_NODES];
} plan_maker;

/* One operator over one or two parts, or over a table (inputs == NULL). */
static plan_part append_operator(plan_maker *m, const char *kind, const plan_part *inputs,
                                 uint32_t n_inputs, double rows, double cost) {
  double rows_in = 0, time = cost;
  plan_part part = {.node = m->n_nodes, .rows = rows};
  plan_node *node = &m->nodes[m->n_nodes++];
  *node = (plan_node){.kind = kind, .n_inputs = n_inputs};
  for (uint32_t i = 0; i < n_inputs; i++) {
    node->inputs[i] = inputs[i].node;
    rows_in += inputs[i].rows;
    time += inputs[i].time;
    if (inputs[i].depth >= part.depth) part.depth = inputs[i].depth + 1;
  }
  double width = 8 + edb_rng_below(m->rng, 200);
  double features[FEATURES] = {log1p(rows),
                               log1p(rows_in),
                               log1p(width),
                               log1p(rows * width / 8192),
                               n_inputs > 0 ? rows / (rows + rows_in) : edb_rng_uniform(m->rng),
                               part.depth};
  memcpy(node->features, features, sizeof features);
  part.time = node->time = time * exp(0.1 * edb_rng_normal(m->rng));
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

static void print_head(plan_maker *m, const plan_node *node) {
  edb_text_printf(m->text, "{\"operator\":\"%s\",\"features\":[", node->kind);
  for (uint32_t i = 0; i < FEATURES; i++) {
    edb_text_append(m->text, ",", i > 0);
    edb_append_number(m->text, node->features[i]);
  }
  edb_text_printf(m->text, "],\"log_time\":");
  edb_append_number(m->text, log(node->time));
}

/* Depth first; `next` is how many children of an open operator have been printed. */
static void print_plan(plan_maker *m, uint32_t root) {
  uint32_t open[MAX_NODES], next[MAX_NODES], depth = 0;
  open[depth] = root;
  next[depth++] = 0;
  print_head(m, &m->nodes[root]);
  while (depth > 0) {
    const plan_node *node = &m->nodes[open[depth - 1]];
    uint32_t child = next[depth - 1]++;
    if (child == node->n_inputs) {
      edb_text_printf(m->text, node->n_inputs > 0 ? "]}" : "}");
      depth--;
      continue;
    }
    edb_text_printf(m->text, child == 0 ? ",\"children\":[" : ",");
    print_head(m, &m->nodes[node->inputs[child]]);
    open[depth] = node->inputs[child];
    next[depth++] = 0;
  }
  edb_text_append(m->text, "\n", 1);
}

static void append_plan(plan_maker *m) {
  m->n_nodes = 0;
  plan_part top = append_joins(m);
  if (edb_rng_uniform(m->rng) < 0.5)
    top = append_operator(m, "aggregate", &top, 1, sqrt(top.rows) + 1, 5e-5 * top.rows);
  if (edb_rng_uniform(m->rng) < 0.4) top = append_sort(m, top);
  if (edb_rng_uniform(m->rng) < 0.3)
    top = append_operator(m, "limit", &top, 1, fmin(top.rows, 100), 0.001);
  print_plan(m, top.node);
}

edb_status edb_generate_plans(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                              edb_error *error) {
  plan_maker m = {.rng = rng, .text = text};
  (void)ctx;
  (void)error;
  for (uint32_t i = 0; i < count && !text->failed; i++) append_plan(&m);
  return EDB_OK;
}
