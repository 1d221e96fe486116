/* tests/policy/dags.h: small dags written as text, random ones, and a checker of schedules that
 * shares nothing with the library. Include cmocka.h first. */
#ifndef EDB_TESTS_POLICY_DAGS_H
#define EDB_TESTS_POLICY_DAGS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "policy/best.h"

#define DAG_MAX_NODES 4096
#define DAG_MAX_EDGES 16384

typedef struct test_dag {
  uint32_t type[DAG_MAX_NODES], in_start[DAG_MAX_NODES + 1], in_node[DAG_MAX_EDGES];
  uint8_t unbatchable[256];
  edb_dag dag;
} test_dag;

static inline void dag_begin(test_dag *d, uint32_t n_types) {
  memset(d->unbatchable, 0, sizeof d->unbatchable);
  d->in_start[0] = 0;
  d->dag = (edb_dag){.n_types = n_types,
                     .type = d->type,
                     .in_start = d->in_start,
                     .in_node = d->in_node,
                     .unbatchable = d->unbatchable};
}

static inline uint32_t dag_node(test_dag *d, uint32_t type, uint32_t n_inputs,
                                const uint32_t *inputs) {
  uint32_t n = d->dag.n_nodes++;
  assert_true(d->dag.n_nodes <= DAG_MAX_NODES);
  d->type[n] = type;
  d->in_start[n + 1] = d->in_start[n] + n_inputs;
  assert_true(d->in_start[n + 1] <= DAG_MAX_EDGES);
  for (uint32_t i = 0; i < n_inputs; i++) d->in_node[d->in_start[n] + i] = inputs[i];
  return n;
}

/* "0:B() 1:C(0) 2:A(0,1)": types are letters, A = 0. */
static inline void dag_parse(test_dag *d, const char *text) {
  dag_begin(d, 26);
  while (*text != '\0') {
    uint32_t inputs[16], n_inputs = 0;
    assert_int_equal(strtoul(text, (char **)&text, 10), d->dag.n_nodes);
    assert_int_equal(text[0], ':');
    uint32_t type = (uint32_t)(text[1] - 'A');
    assert_int_equal(text[2], '(');
    text += 3;
    while (*text != ')') {
      if (*text == ',') text++;
      inputs[n_inputs++] = (uint32_t)strtoul(text, (char **)&text, 10);
    }
    text++;
    while (*text == ' ') text++;
    dag_node(d, type, n_inputs, inputs);
  }
}

/* Each node takes 0 to 3 earlier ones, near ones more often. */
static inline void dag_random(test_dag *d, edb_rng *rng, uint32_t n_nodes, uint32_t n_types) {
  dag_begin(d, n_types);
  for (uint32_t v = 0; v < n_nodes; v++) {
    uint32_t inputs[3], n_inputs = v == 0 ? 0 : edb_rng_below(rng, 4);
    for (uint32_t i = 0; i < n_inputs; i++) {
      uint32_t span = edb_rng_below(rng, 2) ? v : (v < 4 ? v : 4);
      inputs[i] = v - 1 - edb_rng_below(rng, span);
    }
    dag_node(d, edb_rng_below(rng, n_types), n_inputs, inputs);
  }
}

/* Every node exactly once, inputs in earlier batches, one type per batch, unbatchable nodes alone.
 */
static inline void assert_valid_schedule(const edb_dag *dag, const edb_schedule *schedule) {
  edb_schedule_info info = edb_schedule_describe(schedule);
  uint32_t seen = 0;
  uint32_t *batch_of = malloc((dag->n_nodes + 1) * sizeof *batch_of);
  assert_non_null(batch_of);
  for (uint32_t v = 0; v < dag->n_nodes; v++) batch_of[v] = UINT32_MAX;
  for (uint32_t b = 0; b < info.n_batches; b++) {
    uint32_t type = UINT32_MAX;
    const edb_node *nodes = NULL;
    uint32_t count = edb_schedule_batch(schedule, b, &type, &nodes);
    assert_true(count > 0);
    if (dag->unbatchable != NULL && dag->unbatchable[type]) assert_int_equal(count, 1);
    for (uint32_t i = 0; i < count; i++) {
      uint32_t v = nodes[i] - dag->origin;
      assert_true(v < dag->n_nodes);
      assert_int_equal(dag->type[v], type);
      assert_int_equal(batch_of[v], UINT32_MAX);
      batch_of[v] = b;
      seen++;
    }
  }
  assert_int_equal(seen, dag->n_nodes);
  assert_int_equal(info.n_nodes, dag->n_nodes);
  for (uint32_t v = 0; v < dag->n_nodes; v++) {
    for (uint32_t e = dag->in_start[v]; e < dag->in_start[v + 1]; e++) {
      if (dag->in_node[e] < dag->origin) continue;
      assert_true(batch_of[dag->in_node[e] - dag->origin] < batch_of[v]);
    }
  }
  assert_true(info.n_batches >= info.proven_bound && info.proven_bound >= info.bound);
  free(batch_of);
}

/* Batches of the policy's schedule, which is checked. */
static inline edb_schedule_info policy_info(edb_context *ctx, edb_policy_kind kind,
                                            const edb_dag *dag) {
  edb_policy *policy = NULL;
  edb_schedule *schedule = NULL;
  edb_error error;
  assert_int_equal(edb_policy_create(ctx, kind, &policy, &error), EDB_OK);
  assert_int_equal(edb_schedule_dag(ctx, policy, dag, &schedule, &error), EDB_OK);
  assert_valid_schedule(dag, schedule);
  edb_schedule_info info = edb_schedule_describe(schedule);
  edb_schedule_destroy(schedule);
  edb_policy_destroy(policy);
  return info;
}

static inline uint32_t policy_batches(edb_context *ctx, edb_policy_kind kind, const edb_dag *dag) {
  return policy_info(ctx, kind, dag).n_batches;
}

/* Batches of one pass of a rule in one direction. */
static inline uint32_t pass_batches(edb_context *ctx, edb_policy_kind kind, bool reverse,
                                    const edb_dag *dag) {
  edb_attempts attempts;
  edb_error error;
  assert_int_equal(edb_attempts_init(ctx, dag, NULL, &attempts, &error), EDB_OK);
  assert_int_equal(edb_attempt(&attempts, kind, reverse, NULL, &error), EDB_OK);
  uint32_t count = attempts.best.count;
  edb_attempts_free(&attempts);
  return count;
}

static inline uint32_t bound_of_dag(edb_context *ctx, const edb_dag *dag) {
  uint32_t bound = 0;
  assert_int_equal(edb_lower_bound(ctx, dag, &bound, NULL), EDB_OK);
  return bound;
}

static inline int make_context(void **state) {
  return edb_context_create(NULL, (edb_context **)state, NULL) == EDB_OK ? 0 : -1;
}

static inline int destroy_context(void **state) {
  edb_context *ctx = *state;
  size_t leaked = edb_context_memory(ctx).current_bytes;
  edb_context_destroy(ctx);
  return leaked <= sizeof(void *) * 64 ? 0 : -1; /* the context itself, nothing else */
}

#endif
