/* tests/exec/session_fixture.h: a session over the model of trees, with a graph and a policy. */
#ifndef EDB_TESTS_EXEC_SESSION_FIXTURE_H
#define EDB_TESTS_EXEC_SESSION_FIXTURE_H

#include "exec/tree_model.h"

typedef struct fixture {
  world w;
  edb_session *session;
  edb_graph *graph;
  edb_policy *policy;
  edb_error error;
  edb_granularity granularity;
} fixture;

static inline int setup_with(void **state, edb_device device, edb_granularity granularity) {
  fixture *f = calloc(1, sizeof *f);
  assert_non_null(f);
  f->w = world_of(EDB_SIMD_AUTO, tree_text);
  f->session = session_of(&f->w, device, granularity);
  f->graph = graph_of(&f->w);
  f->policy = policy_of(&f->w, EDB_POLICY_BEST);
  f->granularity = granularity;
  *state = f;
  return 0;
}

static inline int setup(void **state) {
  return setup_with(state, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
}

static inline int setup_op(void **state) {
  return setup_with(state, EDB_DEVICE_CPU, EDB_GRANULARITY_OP);
}

static inline int setup_reference(void **state) {
  return setup_with(state, EDB_DEVICE_REFERENCE, EDB_GRANULARITY_CELL);
}

static inline int teardown(void **state) {
  fixture *f = *state;
  edb_policy_destroy(f->policy);
  edb_graph_destroy(f->graph);
  edb_session_destroy(f->session);
  world_close(&f->w);
  free(f);
  return 0;
}

/* Keeps outputs of one name; NULL: all. */
static inline edb_status run_keeping(fixture *f, const char *name) {
  edb_keep keep = {&name, 1};
  return edb_session_run(f->session, f->graph, f->policy, name ? &keep : NULL, &f->error);
}

static inline edb_status read_h(fixture *f, edb_node node, float *out) {
  return edb_session_read(f->session, f->graph, (edb_value){node, 0}, out, 20, &f->error);
}

/* What a fresh session gives with an equal graph, whose nodes are numbered alike. */
static inline void assert_like_fresh(const fixture *f, const edb_session *session,
                                     const edb_graph *graph, edb_graph *twin, const char *what) {
  edb_session *fresh = session_of(&f->w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
  run_all(fresh, twin, f->policy);
  values a = read_values(&f->w, session, graph), b = read_values(&f->w, fresh, twin);
  assert_same_values(&f->w, graph, &a, &b, what);
  values_free(&a);
  values_free(&b);
  edb_session_destroy(fresh);
}

#define CELL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define BOTH(test)                                                   \
  cmocka_unit_test_setup_teardown(test, setup, teardown), {          \
#test "_at_operator_granularity", test, setup_op, teardown, NULL \
  }

#endif
