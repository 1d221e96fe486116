/* tests/exec/test_alloc_failures.c: every request for memory fails once: the status says so,
 * nothing leaks, and the session works afterwards. */
#include "exec/tree_model.h"
#include "exec/zoo.h"
#include "support/faulty.h"

typedef struct parts {
  edb_session_params params;
  edb_session *session;
  edb_graph *graph;
  edb_policy *policy;
} parts;

static parts parts_of(const world *w, edb_device device, edb_granularity granularity) {
  parts p = {.params = EDB_PARAMS(edb_session_params)};
  p.params.device = device;
  p.params.granularity = granularity;
  p.params.placement = EDB_PLACEMENT_DIRECT;
  p.graph = random_graph(w, 3, 60, LABELS_SOME);
  p.policy = policy_of(w, EDB_POLICY_BEST);
  return p;
}

static void drop(parts *p) {
  edb_session_destroy(p->session);
  edb_policy_destroy(p->policy);
  edb_graph_destroy(p->graph);
}

static void drop_world(world *w) {
  edb_weights_destroy(w->weights);
  edb_model_destroy(w->model);
}

/* From here on the n-th request fails; n = 0: none does. */
static void arm(faulty *f, size_t n) {
  f->requests = f->failures = 0;
  f->fail_at = n;
}

/* Runs `body` with the first request failing, then the second, ... until none fails. The body has
 * to leave the session usable. */
typedef edb_status (*attempt)(const world *w, parts *p);

static void fail_each(const char *text, edb_device device, edb_granularity granularity,
                      attempt body) {
  faulty f;
  edb_error error = {0};
  world w = world_in(faulty_context(&f, 0), text);
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    parts p = parts_of(&w, device, granularity);
    MUST(edb_session_create(w.ctx, w.model, w.weights, &p.params, &p.session, &error), error);
    arm(&f, n);
    edb_status status = body(&w, &p);
    failed = f.failures > 0;
    assert_true(faulty_status(&f, status));
    arm(&f, 0);
    if (status != EDB_OK) {
      assert_int_equal(edb_graph_pending_count(p.graph), edb_graph_node_count(p.graph));
      for (edb_node k = 0; k < edb_graph_node_count(p.graph); k++)
        assert_false(edb_session_has(p.session, p.graph, (edb_value){k, 0}));
      MUST(body(&w, &p), error);
    }
    values v = read_values(&w, p.session, p.graph);
    edb_session *fresh = session_of(&w, device, granularity);
    edb_graph *twin = random_graph(&w, 3, 60, LABELS_SOME);
    run_all(fresh, twin, p.policy);
    values expected = read_values(&w, fresh, twin);
    assert_same_values(&w, twin, &expected, &v, "after a failure");
    values_free(&v);
    values_free(&expected);
    edb_graph_destroy(twin);
    edb_session_destroy(fresh);
    drop(&p);
  }
  drop_world(&w);
  faulty_destroy(&f);
}

static edb_status run(const world *w, parts *p) {
  (void)w;
  edb_error error = {0};
  return edb_session_run(p->session, p->graph, p->policy, NULL, &error);
}

static edb_status run_by_no_policy(const world *w, parts *p) {
  (void)w;
  edb_error error = {0};
  return edb_session_run(p->session, p->graph, NULL, NULL, &error);
}

/* A tree, and after its run another one on top of it. */
static edb_node put_on_top(edb_graph *graph, edb_node root) {
  edb_node other = add_tree(graph, 6, 2);
  return add_node(graph, root, other);
}

static void earlier_values_survive_every_failure_of_memory(edb_device device,
                                                           edb_granularity granularity) {
  faulty f;
  world w = world_in(faulty_context(&f, 0), tree_text);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *twin = graph_of(&w);
  (void)put_on_top(twin, add_tree(twin, 5, 1));
  edb_session *fresh = session_of(&w, device, granularity);
  run_all(fresh, twin, policy);
  values expected = read_values(&w, fresh, twin);
  for (size_t n = 1, failed = 1; failed; n = faulty_after(n)) {
    edb_session *session = session_of(&w, device, granularity);
    edb_graph *graph = graph_of(&w);
    edb_error error = {0};
    float before[20], after[20];
    edb_node root = add_tree(graph, 5, 1);
    run_all(session, graph, policy);
    MUST(edb_session_read(session, graph, (edb_value){root, 0}, before, 20, &error), error);
    (void)put_on_top(graph, root);
    arm(&f, n);
    edb_status status = edb_session_run(session, graph, policy, NULL, &error);
    failed = f.failures;
    assert_true(faulty_status(&f, status));
    arm(&f, 0);
    MUST(edb_session_read(session, graph, (edb_value){root, 0}, after, 20, &error), error);
    assert_memory_equal(before, after, sizeof before);
    if (status != EDB_OK) run_all(session, graph, policy);
    values v = read_values(&w, session, graph);
    assert_same_values(&w, twin, &expected, &v, "after a failure");
    values_free(&v);
    edb_graph_destroy(graph);
    edb_session_destroy(session);
  }
  values_free(&expected);
  edb_session_destroy(fresh);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  drop_world(&w);
  faulty_destroy(&f);
}

static void a_failed_run_leaves_the_values_of_earlier_ones(void **state) {
  (void)state;
  earlier_values_survive_every_failure_of_memory(EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
  earlier_values_survive_every_failure_of_memory(EDB_DEVICE_CPU, EDB_GRANULARITY_OP);
  earlier_values_survive_every_failure_of_memory(EDB_DEVICE_REFERENCE, EDB_GRANULARITY_OP);
}

static edb_status run_in_stages(const world *w, parts *p) {
  const edb_graph *lowered;
  edb_schedule *schedule = NULL;
  edb_placement *placement = NULL;
  edb_error error = {0};
  edb_status status = edb_session_lower(p->session, p->graph, &lowered, &error);
  if (status == EDB_OK) status = edb_schedule_create(w->ctx, p->policy, lowered, &schedule, &error);
  if (status == EDB_OK)
    status = edb_placement_create(p->session, lowered, schedule, NULL, &placement, &error);
  if (status == EDB_OK)
    status = edb_session_run_placed(p->session, p->graph, schedule, placement, &error);
  edb_placement_destroy(placement);
  edb_schedule_destroy(schedule);
  return status;
}

static void runs_survive_every_failure_of_memory(void **state) {
  (void)state;
  for (int way = 0; way < 4; way++) {
    edb_device device = way & 1 ? EDB_DEVICE_REFERENCE : EDB_DEVICE_CPU;
    edb_granularity granularity = way & 2 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
    fail_each(tree_text, device, granularity, run);
    fail_each(tree_text, device, granularity, run_by_no_policy);
    fail_each(zoo[ZOO_COUNT - 1].text, device, granularity, run);
  }
}

static void stages_survive_every_failure_of_memory(void **state) {
  (void)state;
  fail_each(tree_text, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL, run_in_stages);
  fail_each(tree_text, EDB_DEVICE_CPU, EDB_GRANULARITY_OP, run_in_stages);
}

/* At granularity op every operator is a cell, which asks for its memory in the same way as the one
 * before: thousands of requests, of which some of each kind fail. */
static void the_creation_of_a_session_survives_every_failure_of_memory(void **state) {
  (void)state;
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    for (int way = 0; way < 4; way++) {
      faulty f;
      world w = world_in(faulty_context(&f, 0), zoo[m].text);
      edb_session_params params = EDB_PARAMS(edb_session_params);
      params.device = way & 1 ? EDB_DEVICE_REFERENCE : EDB_DEVICE_CPU;
      params.granularity = way & 2 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
      for (size_t n = 1, failed = 1; failed; n = way & 2 ? faulty_some_after(n) : faulty_after(n)) {
        edb_session *session = NULL;
        edb_error error = {0};
        size_t blocks = f.blocks;
        arm(&f, n);
        edb_status status =
            edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error);
        failed = f.failures;
        assert_true(faulty_status(&f, status));
        arm(&f, 0);
        if (status != EDB_OK) assert_null(session);
        edb_session_destroy(session);
        assert_int_equal(f.blocks, blocks);
      }
      drop_world(&w);
      faulty_destroy(&f);
    }
  }
}

/* A step that failed leaves the session and the graph fit for a run. */
static void steps_survive_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  edb_error error = {0};
  world w = world_in(faulty_context(&f, 0), tree_text);
  for (size_t n = 1, failed = 1; failed; n = faulty_after(n)) {
    parts p = parts_of(&w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
    edb_frontier *frontier = NULL;
    uint32_t count = 1;
    MUST(edb_session_create(w.ctx, w.model, w.weights, &p.params, &p.session, &error), error);
    arm(&f, n);
    edb_status status = edb_frontier_create(w.ctx, p.policy, p.graph, &frontier, &error);
    while (status == EDB_OK && count > 0)
      status = edb_session_step(p.session, p.graph, frontier, &count, &error);
    failed = f.failures;
    assert_true(faulty_status(&f, status));
    arm(&f, 0);
    if (status != EDB_OK) run_all(p.session, p.graph, p.policy);
    assert_int_equal(edb_graph_pending_count(p.graph), 0);
    values v = read_values(&w, p.session, p.graph);
    assert_true(v.has[0] == 1);
    values_free(&v);
    edb_frontier_destroy(frontier);
    drop(&p);
  }
  drop_world(&w);
  faulty_destroy(&f);
}

static void learning_survives_every_failure_of_memory(void **state) {
  (void)state;
  for (int way = 0; way < 2; way++) {
    faulty f;
    edb_error error = {0};
    world w = world_in(faulty_context(&f, 0), tree_text);
    parts p = parts_of(&w, EDB_DEVICE_CPU, way ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL);
    MUST(edb_session_create(w.ctx, w.model, w.weights, &p.params, &p.session, &error), error);
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    params.max_episodes = 2;
    params.as_published = true; /* the search after it is a matter of test_learn */
    for (size_t n = 1, failed = 1; failed; n = faulty_after(n)) {
      const edb_graph *graphs[] = {p.graph, p.graph};
      edb_policy *learned = NULL;
      size_t blocks = f.blocks;
      arm(&f, n);
      edb_status status = edb_session_learn(p.session, graphs, 2, &params, &learned, &error);
      failed = f.failures;
      assert_true(faulty_status(&f, status));
      arm(&f, 0);
      if (status != EDB_OK) assert_null(learned);
      edb_policy_destroy(learned);
      assert_int_equal(f.blocks, blocks);
    }
    drop(&p);
    drop_world(&w);
    faulty_destroy(&f);
  }
}

static void reading_needs_no_memory(void **state) {
  (void)state;
  faulty f;
  float h[20];
  world w = world_in(faulty_context(&f, 0), tree_text);
  parts p = parts_of(&w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
  edb_error error = {0};
  MUST(edb_session_create(w.ctx, w.model, w.weights, &p.params, &p.session, &error), error);
  run_all(p.session, p.graph, p.policy);
  arm(&f, 1);
  MUST(edb_session_read(p.session, p.graph, (edb_value){0, 0}, h, 20, &error), error);
  assert_int_equal(f.requests, 0);
  arm(&f, 0);
  drop(&p);
  drop_world(&w);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_creation_of_a_session_survives_every_failure_of_memory),
      cmocka_unit_test(runs_survive_every_failure_of_memory),
      cmocka_unit_test(a_failed_run_leaves_the_values_of_earlier_ones),
      cmocka_unit_test(stages_survive_every_failure_of_memory),
      cmocka_unit_test(steps_survive_every_failure_of_memory),
      cmocka_unit_test(learning_survives_every_failure_of_memory),
      cmocka_unit_test(reading_needs_no_memory),
  };
  return cmocka_run_group_tests_name("failures of memory", tests, NULL, NULL);
}
