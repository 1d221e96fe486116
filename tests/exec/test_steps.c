/* tests/exec/test_steps.c: running batch by batch while the graph grows. */
#include "exec/session_fixture.h"

static edb_frontier *frontier_of(fixture *f, const edb_graph *graph) {
  edb_frontier *frontier = NULL;
  MUST(edb_frontier_create(f->w.ctx, f->policy, graph, &frontier, &f->error), f->error);
  return frontier;
}

static uint32_t step(fixture *f, edb_frontier *frontier) {
  uint32_t count = 12345;
  MUST(edb_session_step(f->session, f->graph, frontier, &count, &f->error), f->error);
  return count;
}

static void run_steps(fixture *f, edb_frontier *frontier) {
  while (step(f, frontier) > 0) {
  }
}

static int setup_tight(void **state) {
  (void)setup(state);
  fixture *f = *state;
  edb_policy_destroy(f->policy);
  f->policy = policy_of(&f->w, EDB_POLICY_TIGHT);
  return 0;
}

static void steps_give_what_one_run_gives(void **state) {
  fixture *f = *state;
  edb_graph *twin = graph_of(&f->w);
  for (uint32_t k = 0; k < 12; k++) {
    (void)add_tree(f->graph, 10 + k, k);
    (void)add_tree(twin, 10 + k, k);
  }
  edb_frontier *frontier = frontier_of(f, f->graph);
  run_steps(f, frontier);
  assert_int_equal(edb_graph_pending_count(f->graph), 0);
  assert_like_fresh(f, f->session, f->graph, twin, "steps");
  edb_frontier_destroy(frontier);
  edb_graph_destroy(twin);
}

static void values_can_be_read_between_steps_and_the_graph_can_grow_on_them(void **state) {
  fixture *f = *state;
  float h[20];
  edb_graph *twin = graph_of(&f->w);
  edb_frontier *frontier = frontier_of(f, f->graph);
  edb_node last = add_leaf(f->graph, 3), same = add_leaf(twin, 3);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(step(f, frontier), 1);
    assert_int_equal(read_h(f, last, h), EDB_OK);
    last = add_node(f->graph, last, last);
    same = add_node(twin, same, same);
    assert_int_equal(read_h(f, last, h), EDB_ERROR_STATE);
  }
  run_steps(f, frontier);
  assert_like_fresh(f, f->session, f->graph, twin, "growing steps");
  edb_frontier_destroy(frontier);
  edb_graph_destroy(twin);
}

static void nodes_that_join_and_leave_keep_the_memory_bounded(void **state) {
  fixture *f = *state;
  edb_frontier *frontier = frontier_of(f, f->graph);
  edb_node first = 0;
  size_t after = 0;
  for (uint32_t i = 0; i < 400; i++) {
    (void)add_tree(f->graph, 12, i);
    run_steps(f, frontier);
    for (; first < edb_graph_node_count(f->graph); first++)
      MUST(edb_session_release(f->session, f->graph, first, &f->error), f->error);
    if (i == 199) after = edb_context_memory(f->w.ctx).current_bytes;
  }
  assert_true(edb_context_memory(f->w.ctx).current_bytes <= after);
  edb_frontier_destroy(frontier);
}

/* It runs again what steps of another frontier have run, and the rows of these come back. */
static void a_frontier_that_takes_over_keeps_the_memory_bounded(void **state) {
  fixture *f = *state;
  edb_node first = 0;
  size_t after = 0;
  for (uint32_t i = 0; i < 100; i++) {
    (void)add_tree(f->graph, 12, i);
    edb_frontier *frontier = frontier_of(f, f->graph);
    assert_true(step(f, frontier) > 0);
    assert_true(step(f, frontier) > 0);
    edb_frontier_destroy(frontier);
    frontier = frontier_of(f, f->graph);
    run_steps(f, frontier);
    edb_frontier_destroy(frontier);
    for (; first < edb_graph_node_count(f->graph); first++)
      MUST(edb_session_release(f->session, f->graph, first, &f->error), f->error);
    if (i == 49) after = edb_context_memory(f->w.ctx).current_bytes;
  }
  assert_true(edb_context_memory(f->w.ctx).current_bytes <= after);
}

static void a_step_whose_input_was_not_kept_is_refused(void **state) {
  fixture *f = *state;
  uint32_t count = 7;
  edb_node root = add_tree(f->graph, 4, 1);
  assert_int_equal(run_keeping(f, "loss"), EDB_OK);
  (void)add_score(f->graph, root, 1);
  edb_frontier *frontier = frontier_of(f, f->graph);
  assert_int_equal(edb_session_step(f->session, f->graph, frontier, &count, &f->error),
                   EDB_ERROR_STATE);
  assert_int_equal(count, 7);
  assert_false(edb_session_has(f->session, f->graph, (edb_value){root + 2, 0}));
  edb_frontier_destroy(frontier);
}

static void a_frontier_of_another_graph_does_no_harm(void **state) {
  fixture *f = *state;
  uint32_t count;
  edb_status status = EDB_OK;
  edb_graph *small = graph_of(&f->w), *large = graph_of(&f->w);
  (void)add_leaf(small, 1);
  for (uint32_t k = 0; k < 9; k++) (void)add_tree(large, 9, k);
  (void)add_tree(f->graph, 4, 1);
  const edb_graph *others[] = {small, large};
  for (int i = 0; i < 2; i++) {
    edb_frontier *frontier = frontier_of(f, others[i]);
    do {
      status = edb_session_step(f->session, f->graph, frontier, &count, &f->error);
    } while (status == EDB_OK && count > 0);
    assert_int_not_equal(status, EDB_OK);
    assert_int_equal(edb_graph_pending_count(f->graph), edb_graph_node_count(f->graph));
    edb_frontier_destroy(frontier);
  }
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  edb_graph_destroy(small);
  edb_graph_destroy(large);
}

static void a_run_takes_over_from_steps(void **state) {
  fixture *f = *state;
  edb_graph *twin = graph_of(&f->w);
  (void)add_tree(f->graph, 30, 1);
  (void)add_tree(twin, 30, 1);
  edb_frontier *frontier = frontier_of(f, f->graph);
  assert_true(step(f, frontier) > 0);
  assert_true(step(f, frontier) > 0);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_like_fresh(f, f->session, f->graph, twin, "run after steps");
  edb_frontier_destroy(frontier);
  edb_graph_destroy(twin);
}

static void steps_run_at_cell_granularity_only(void **state) {
  fixture *f = *state;
  uint32_t count;
  (void)add_tree(f->graph, 4, 1);
  edb_frontier *frontier = frontier_of(f, f->graph);
  assert_int_equal(edb_session_step(f->session, f->graph, frontier, &count, &f->error),
                   EDB_ERROR_UNSUPPORTED);
  edb_frontier_destroy(frontier);
}

#define TIGHT(test) cmocka_unit_test_setup_teardown(test, setup_tight, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TIGHT(steps_give_what_one_run_gives),
      TIGHT(values_can_be_read_between_steps_and_the_graph_can_grow_on_them),
      TIGHT(nodes_that_join_and_leave_keep_the_memory_bounded),
      TIGHT(a_frontier_that_takes_over_keeps_the_memory_bounded),
      TIGHT(a_step_whose_input_was_not_kept_is_refused),
      TIGHT(a_frontier_of_another_graph_does_no_harm),
      TIGHT(a_run_takes_over_from_steps),
      cmocka_unit_test_setup_teardown(steps_run_at_cell_granularity_only, setup_op, teardown),
  };
  return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
