/* tests/policy/test_learn_sizes.c: an FSM learned at one size of mini-batch, used at others, and
 * step by step while instances arrive. Real lattices are taken apart into their instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/raw_graph.h"
#include "policy/fsms.h"

#define GRAPHS 6
#define TYPES  6

/* All instances of some graphs, and which nodes are whose. */
typedef struct pool {
  uint32_t n_instances, first[GRAPHS + 1]; /* instances of graph i: from first[i] */
  edb_raw_graph graphs[GRAPHS];
  uint32_t *instance[GRAPHS]; /* per node; UINT32_MAX: a node that joins instances */
} pool;

/* One node starts and one ends a mini-batch; they belong to no instance. */
static bool joins(const edb_raw_graph *g, uint32_t v) {
  return g->type.data[v] == 0 || g->type.data[v] > 5;
}

static uint32_t find_root(uint32_t *parent, uint32_t v) {
  while (parent[v] != v) v = parent[v] = parent[parent[v]];
  return v;
}

static void find_instances(pool *p, int graph) {
  const edb_raw_graph *g = &p->graphs[graph];
  uint32_t n = (uint32_t)g->type.length;
  uint32_t *parent = malloc(n * sizeof *parent), *instance = malloc(n * sizeof *instance);
  assert_true(parent != NULL && instance != NULL);
  for (uint32_t v = 0; v < n; v++) parent[v] = v;
  for (uint32_t v = 0; v < n; v++) {
    for (uint32_t e = g->in_start.data[v]; e < g->in_start.data[v + 1]; e++) {
      if (joins(g, v) || joins(g, g->in_node.data[e])) continue;
      uint32_t a = find_root(parent, v), b = find_root(parent, g->in_node.data[e]);
      parent[a > b ? a : b] = a > b ? b : a;
    }
  }
  for (uint32_t v = 0; v < n; v++) {
    uint32_t root = find_root(parent, v);
    instance[v] = joins(g, v) ? UINT32_MAX : root == v ? p->n_instances++ : instance[root];
  }
  p->instance[graph] = instance;
  p->first[graph + 1] = p->n_instances;
  free(parent);
}

static bool load_pool(edb_context *ctx, pool *p) {
  memset(p, 0, sizeof *p);
  for (int i = 0; i < GRAPHS; i++) {
    char path[512];
    edb_error error;
    snprintf(path, sizeof path, EDB_SOURCE_DIR "/../shared/data/graphs/lattice/G%d.txt", i);
    edb_status status = edb_raw_graph_load(ctx, path, &p->graphs[i], &error);
    if (status == EDB_ERROR_IO && i == 0) return false;
    if (status != EDB_OK) fail_msg("%s", error.text);
    find_instances(p, i);
  }
  return true;
}

static void free_pool(pool *p) {
  for (int i = 0; i < GRAPHS; i++) {
    edb_raw_graph_free(&p->graphs[i]);
    free(p->instance[i]);
  }
}

/* A mini-batch made of some instances. */
typedef struct batch {
  uint32_t *type, *in_start, *in_node, *instance;
  edb_dag dag;
} batch;

static batch make_batch(const pool *p, uint32_t first, uint32_t count) {
  size_t nodes = 0, edges = 0;
  for (int i = 0; i < GRAPHS; i++) {
    nodes += p->graphs[i].type.length;
    edges += p->graphs[i].in_node.length;
  }
  batch b = {malloc(nodes * 4), malloc((nodes + 1) * 4), malloc(edges * 4), malloc(nodes * 4), {0}};
  uint32_t *local = malloc(nodes * 4), n = 0, n_edges = 0;
  assert_true(b.type && b.in_start && b.in_node && b.instance && local);
  for (int i = 0; i < GRAPHS; i++) {
    const edb_raw_graph *g = &p->graphs[i];
    for (uint32_t v = 0; v < g->type.length; v++) {
      if (p->instance[i][v] == UINT32_MAX || p->instance[i][v] - first >= count) continue;
      b.in_start[n] = n_edges;
      for (uint32_t e = g->in_start.data[v]; e < g->in_start.data[v + 1]; e++)
        if (!joins(g, g->in_node.data[e])) b.in_node[n_edges++] = local[g->in_node.data[e]];
      b.type[n] = g->type.data[v];
      b.instance[n] = p->instance[i][v] - first;
      local[v] = n++;
    }
  }
  b.in_start[n] = n_edges;
  b.dag = (edb_dag){
      .n_nodes = n, .n_types = TYPES, .type = b.type, .in_start = b.in_start, .in_node = b.in_node};
  free(local);
  return b;
}

static void free_batch(batch *b) {
  free(b->type);
  free(b->in_start);
  free(b->in_node);
  free(b->instance);
}

/* ---- Other sizes -------------------------------------------------------- */

static void expect_other_sizes(edb_context *ctx, const pool *p, uint32_t learned_at) {
  static const uint32_t sizes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
  edb_learn_params params = EDB_PARAMS(edb_learn_params);
  batch learned = make_batch(p, 0, learned_at);
  edb_policy *policy = learn_raw(ctx, &learned.dag, 1, &params);
  edb_learn_report report = edb_policy_learned(policy);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    uint32_t fsm = 0, beam = 0, bound = 0, tight = 0, misses = 0, found = 0;
    uint32_t rounds = sizes[i] < 64 ? 8 : 1;
    for (uint32_t k = 0; k < rounds; k++) {
      batch b = make_batch(p, p->first[1] + k * sizes[i], sizes[i]);
      fsm += fsm_batches(ctx, policy, &b.dag, &found);
      beam += policy_batches(ctx, EDB_POLICY_BEAM, &b.dag);
      tight += policy_batches(ctx, EDB_POLICY_TIGHT, &b.dag);
      bound += bound_of_dag(ctx, &b.dag);
      misses += found;
      free_batch(&b);
    }
    print_message("learned at %3u (%u states, %.1f ms), used at %3u: fsm %.1f, beam %.1f, tight "
                  "%.1f, bound %.1f, misses %.1f; %.2f %% over the beam\n",
                  learned_at, report.states, (double)report.nanoseconds / 1e6, sizes[i],
                  (double)fsm / rounds, (double)beam / rounds, (double)tight / rounds,
                  (double)bound / rounds, (double)misses / rounds, 100.0 * fsm / beam - 100);
    assert_true(fsm >= bound);
    assert_true(fsm <= beam + beam / 8); /* within 12.5 % at every size */
  }
  edb_policy_destroy(policy);
  free_batch(&learned);
}

static void what_is_learned_at_one_size_serves_others(void **state) {
  pool p;
  if (!load_pool(*state, &p)) skip();
  expect_other_sizes(*state, &p, 8);
  expect_other_sizes(*state, &p, 64);
  expect_other_sizes(*state, &p, 128);
  free_pool(&p);
}

/* ---- Step by step ------------------------------------------------------- */

static const edb_input_sig any_input[] = {{"x", 0, true, false, 0}};
static const edb_output_sig one_output[] = {{"y", 0, false}};
static const edb_type_sig types[TYPES] = {
    {"t0", "0", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"t1", "1", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"t2", "2", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"t3", "3", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"t4", "4", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"t5", "5", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
};
static const edb_schema schema = {.n_types = TYPES, .types = types};

/* Requests on their way: instance i arrives with step i * gap. */
typedef struct stream {
  const batch *b;
  edb_graph *graph;
  edb_node *node;     /* per node of the batch: in the graph */
  uint32_t *owner;    /* per node of the graph: its instance */
  uint32_t *finished; /* per instance: step of its last node */
  uint32_t next;      /* instance to arrive */
} stream;

static void arrive(stream *s) {
  const edb_dag *dag = &s->b->dag;
  for (uint32_t v = 0; v < dag->n_nodes; v++) {
    edb_value values[64];
    if (s->b->instance[v] != s->next) continue;
    uint32_t n_inputs = dag->in_start[v + 1] - dag->in_start[v];
    assert_true(n_inputs <= 64);
    for (uint32_t k = 0; k < n_inputs; k++)
      values[k] = (edb_value){s->node[dag->in_node[dag->in_start[v] + k]], 0};
    edb_call call = {.cell = dag->type[v], .inputs = values, .n_inputs = n_inputs};
    assert_int_equal(edb_graph_append(s->graph, &call, &s->node[v], NULL), EDB_OK);
    s->owner[s->node[v]] = s->next;
  }
  s->next++;
}

typedef struct outcome {
  uint32_t batches;
  double wait; /* mean steps from the arrival of an instance to its end */
} outcome;

static outcome run_stream(edb_context *ctx, const edb_policy *policy, const batch *b,
                          uint32_t n_instances, uint32_t gap) {
  stream s = {.b = b};
  edb_frontier *f = NULL;
  outcome out = {0};
  size_t bytes = b->dag.n_nodes * sizeof(uint32_t);
  s.node = malloc(bytes);
  s.owner = malloc(bytes);
  s.finished = calloc(n_instances, sizeof *s.finished);
  assert_true(s.node && s.owner && s.finished);
  assert_int_equal(edb_graph_create_schema(ctx, &schema, &s.graph, NULL), EDB_OK);
  assert_int_equal(edb_frontier_create(ctx, policy, s.graph, &f, NULL), EDB_OK);
  for (uint32_t step = 0, done = 0; done < b->dag.n_nodes; step++) {
    uint32_t type = 0, count = 0;
    const edb_node *nodes = NULL;
    bool arrived = false;
    for (; s.next < n_instances && s.next * gap <= step; arrived = true) arrive(&s);
    if (arrived) assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
    assert_int_equal(edb_frontier_next(f, &type, &nodes, &count, NULL), EDB_OK);
    for (uint32_t i = 0; i < count; i++) s.finished[s.owner[nodes[i]]] = step;
    out.batches += count > 0;
    done += count;
  }
  for (uint32_t i = 0; i < n_instances; i++)
    out.wait += (s.finished[i] + 1 - i * gap) / (double)n_instances;
  edb_frontier_destroy(f);
  edb_graph_destroy(s.graph);
  free(s.node);
  free(s.owner);
  free(s.finished);
  return out;
}

static edb_policy *learn_cells(edb_context *ctx, const edb_dag *dag) {
  edb_policy *policy = NULL;
  edb_error error;
  if (edb_policy_learn_dags(ctx, dag, 1, &schema, EDB_FSM_CELL, NULL, &policy, &error) != EDB_OK)
    fail_msg("%s", error.text);
  return policy;
}

/* Whoever sees the whole graph does best; with everything there at the start, an FSM needs the
 * batches of its schedule. */
static void requests_that_arrive_are_batched_step_by_step(void **state) {
  enum { COUNT = 64 };
  static const uint32_t gaps[] = {0, 1, 2, 4};
  pool p;
  if (!load_pool(*state, &p)) skip();
  batch learned = make_batch(&p, 0, COUNT), b = make_batch(&p, p.first[1], COUNT);
  edb_policy *policies[4] = {learn_cells(*state, &learned.dag), NULL, NULL, NULL};
  static const edb_policy_kind kinds[] = {EDB_POLICY_FSM, EDB_POLICY_TIGHT,
                                          EDB_POLICY_AGENDA_RUNNING, EDB_POLICY_DEPTH};
  for (int i = 1; i < 4; i++)
    assert_int_equal(edb_policy_create(*state, kinds[i], &policies[i], NULL), EDB_OK);
  uint32_t whole = policy_batches(*state, EDB_POLICY_BEAM, &b.dag);
  for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
    outcome o[4];
    for (int i = 0; i < 4; i++) {
      o[i] = run_stream(*state, policies[i], &b, COUNT, gaps[g]);
      assert_true(o[i].batches >= bound_of_dag(*state, &b.dag));
      print_message("an instance per %u steps, %-14s: %4u batches (whole graph, beam: %u), an "
                    "instance takes %.0f steps\n",
                    gaps[g], edb_policy_kind_name(kinds[i]), o[i].batches, whole, o[i].wait);
    }
    assert_true(o[0].batches < o[2].batches && o[0].batches < o[3].batches);
  }
  for (int i = 0; i < 4; i++) edb_policy_destroy(policies[i]);
  free_batch(&learned);
  free_batch(&b);
  free_pool(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_learned_at_one_size_serves_others),
      cmocka_unit_test(requests_that_arrive_are_batched_step_by_step),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
