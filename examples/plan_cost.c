/* examples/plan_cost.c: a cost model for query plans, embedded where a database's optimizer would
 * call it: candidates of one query are estimated together, and what counts is the latency of the
 * call.
 *
 *     plan_cost [models/plan_cost.edb]
 *
 * The weights are initial ones; trained ones come from edb_weights_load. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <edbatch/edbatch.h>

#define FEATURES   6
#define MAX_NODES  32
#define CANDIDATES 16
#define QUERIES    1000

/* ---- The database's plans ---------------------------------------------------------------------
 */

typedef enum op { SEQ_SCAN, INDEX_SCAN, SORT, AGGREGATE, HASH_JOIN, NESTED_LOOP, N_OPS } op;
static const char *const op_names[N_OPS] = {"seq_scan",  "index_scan", "sort",
                                            "aggregate", "hash_join",  "nested_loop"};

/* Operators in an order in which inputs come first; the last one is the root. */
typedef struct plan {
  int n_nodes;
  struct plan_node {
    op op;
    int inputs[2], n_inputs;
    float features[FEATURES];
  } nodes[MAX_NODES];
} plan;

static int add_operator(plan *p, op kind, int left, int right) {
  struct plan_node *node = &p->nodes[p->n_nodes];
  *node = (struct plan_node){.op = kind, .inputs = {left, right}};
  node->n_inputs = (left >= 0) + (right >= 0);
  for (int i = 0; i < FEATURES; i++) node->features[i] = 10.0f * (float)rand() / (float)RAND_MAX;
  return p->n_nodes++;
}

/* A left-deep join of two to eight tables. */
static void make_plan(plan *p) {
  p->n_nodes = 0;
  int top = add_operator(p, rand() % 2 ? SEQ_SCAN : INDEX_SCAN, -1, -1);
  for (int i = 1 + rand() % 7; i > 0; i--) {
    int table = add_operator(p, rand() % 2 ? SEQ_SCAN : INDEX_SCAN, -1, -1);
    top = add_operator(p, rand() % 2 ? HASH_JOIN : NESTED_LOOP, top, table);
  }
  if (rand() % 2) top = add_operator(p, AGGREGATE, top, -1);
  if (rand() % 2) add_operator(p, SORT, top, -1);
}

/* ---- The cost model: opened once, called for each query ---------------------------------------
 */

typedef struct cost_model {
  edb_context *ctx;
  edb_model *model;
  edb_weights *weights;
  edb_session *session;
  edb_policy *policy;
  edb_graph *graph;
  uint32_t cells[N_OPS], cost, estimate;
  edb_error error; /* of the call that failed */
} cost_model;

#define TRY(call)                        \
  do {                                   \
    edb_status status = (call);          \
    if (status != EDB_OK) return status; \
  } while (0)

static edb_status cost_model_open(cost_model *m, const char *path) {
  *m = (cost_model){.ctx = NULL};
  TRY(edb_context_create(NULL, &m->ctx, &m->error));
  TRY(edb_model_load(m->ctx, path, NULL, &m->model, &m->error));
  TRY(edb_weights_create(m->ctx, m->model, 1, &m->weights, &m->error));
  TRY(edb_session_create(m->ctx, m->model, m->weights, NULL, &m->session, &m->error));
  TRY(edb_policy_create(m->ctx, EDB_POLICY_TIGHT, &m->policy, &m->error));
  for (int i = 0; i < N_OPS; i++) m->cells[i] = edb_model_cell(m->model, op_names[i]);
  m->cost = edb_model_cell(m->model, "cost");
  m->estimate = edb_model_output(m->model, m->cost, "estimate");
  return edb_graph_create(m->ctx, m->model, &m->graph, &m->error);
}

static void cost_model_close(cost_model *m) {
  edb_graph_destroy(m->graph);
  edb_policy_destroy(m->policy);
  edb_session_destroy(m->session);
  edb_weights_destroy(m->weights);
  edb_model_destroy(m->model);
  edb_context_destroy(m->ctx);
}

static edb_status append_plan(cost_model *m, const plan *p, edb_node *cost) {
  edb_node nodes[MAX_NODES];
  TRY(edb_graph_begin_instance(m->graph, &m->error));
  for (int i = 0; i < p->n_nodes; i++) {
    const struct plan_node *n = &p->nodes[i];
    const float *dense[] = {n->features};
    edb_value inputs[2];
    uint32_t arity = (uint32_t)n->n_inputs;
    for (int k = 0; k < n->n_inputs; k++) inputs[k] = (edb_value){nodes[n->inputs[k]], 0};
    edb_call call = {.cell = m->cells[n->op],
                     .inputs = inputs,
                     .n_inputs = arity,
                     .arities = &arity,
                     .dense = dense};
    TRY(edb_graph_append(m->graph, &call, &nodes[i], &m->error));
  }
  edb_value root = {nodes[p->n_nodes - 1], 0};
  edb_call call = {
      .cell = m->cost, .inputs = &root, .n_inputs = 1, .dense = (const float *const[]){NULL}};
  return edb_graph_append(m->graph, &call, cost, &m->error);
}

/* Logarithms of the times of `n` plans. The graph keeps its memory from query to query. */
static edb_status cost_model_estimate(cost_model *m, const plan *plans, uint32_t n, float *out) {
  edb_node costs[CANDIDATES];
  edb_graph_clear(m->graph);
  for (uint32_t i = 0; i < n; i++) TRY(append_plan(m, &plans[i], &costs[i]));
  const edb_keep keep = {.outputs = (const char *const[]){"estimate"}, .n_outputs = 1};
  TRY(edb_session_run(m->session, m->graph, m->policy, &keep, &m->error));
  for (uint32_t i = 0; i < n; i++) {
    edb_value value = {costs[i], m->estimate};
    TRY(edb_session_read(m->session, m->graph, value, &out[i], 1, &m->error));
  }
  return EDB_OK;
}

/* ---- Latency ----------------------------------------------------------------------------------
 */

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double now(void) {
  struct timespec t;
  (void)timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* Microseconds of calls with `n` candidates each. */
static edb_status measure(cost_model *m, uint32_t n) {
  static double times[QUERIES];
  float costs[CANDIDATES];
  plan plans[CANDIDATES];
  for (int q = 0; q < QUERIES; q++) {
    for (uint32_t i = 0; i < n; i++) make_plan(&plans[i]);
    double begin = now();
    TRY(cost_model_estimate(m, plans, n, costs));
    times[q] = now() - begin;
  }
  qsort(times, QUERIES, sizeof *times, compare_doubles);
  printf("%2u plans a call: median %7.1f us, 99 %% within %7.1f us; %6.1f us per plan\n", n,
         times[QUERIES / 2], times[QUERIES * 99 / 100], times[QUERIES / 2] / n);
  return EDB_OK;
}

int main(int argc, char **argv) {
  cost_model m;
  edb_status status = cost_model_open(&m, argc > 1 ? argv[1] : "models/plan_cost.edb");
  for (uint32_t n = 1; status == EDB_OK && n <= CANDIDATES; n *= 4) status = measure(&m, n);
  if (status != EDB_OK) fprintf(stderr, "plan_cost: %s\n", m.error.text);
  cost_model_close(&m);
  return status == EDB_OK ? 0 : 1;
}
