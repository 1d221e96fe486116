/* tests/exec/test_staged.c: lowering, schedule and placement as separate steps; what memory a
 * mini-batch takes, before it runs. */
#include "exec/session_fixture.h"

/* The stages before a run. */
typedef struct stages {
  const edb_graph *lowered;
  edb_schedule *schedule;
  edb_placement *placement;
} stages;

static stages prepare(fixture *f, edb_session *session, const edb_graph *graph,
                      const edb_policy *policy) {
  stages s = {0};
  MUST(edb_session_lower(session, graph, &s.lowered, &f->error), f->error);
  MUST(edb_schedule_create(f->w.ctx, policy, s.lowered, &s.schedule, &f->error), f->error);
  MUST(edb_placement_create(session, s.lowered, s.schedule, NULL, &s.placement, &f->error),
       f->error);
  return s;
}

static void drop(stages *s) {
  edb_placement_destroy(s->placement);
  edb_schedule_destroy(s->schedule);
}

static void add_trees(edb_graph *graph, uint32_t count, uint32_t leaves) {
  for (uint32_t k = 0; k < count; k++) (void)add_tree(graph, leaves + k % 3, k);
}

static void stages_give_what_one_call_gives(void **state) {
  fixture *f = *state;
  edb_graph *twin = graph_of(&f->w);
  add_trees(f->graph, 9, 11);
  add_trees(twin, 9, 11);
  stages s = prepare(f, f->session, f->graph, f->policy);
  MUST(edb_session_run_placed(f->session, f->graph, s.schedule, s.placement, &f->error), f->error);
  assert_int_equal(edb_graph_pending_count(f->graph), 0);
  assert_int_equal(edb_session_stats(f->session).peak_bytes, edb_placement_peak_bytes(s.placement));
  assert_like_fresh(f, f->session, f->graph, twin, "stages");
  drop(&s);
  edb_graph_destroy(twin);
}

static void the_next_mini_batch_can_be_placed_before_one_runs(void **state) {
  fixture *f = *state;
  edb_graph *next = graph_of(&f->w), *twin = graph_of(&f->w);
  add_trees(f->graph, 5, 9);
  add_trees(next, 8, 13);
  add_trees(twin, 8, 13);
  stages a = prepare(f, f->session, f->graph, f->policy);
  stages b = prepare(f, f->session, next, f->policy);
  MUST(edb_session_run_placed(f->session, f->graph, a.schedule, a.placement, &f->error), f->error);
  MUST(edb_session_run_placed(f->session, next, b.schedule, b.placement, &f->error), f->error);
  assert_like_fresh(f, f->session, next, twin, "placed ahead");
  drop(&a);
  drop(&b);
  edb_graph_destroy(next);
  edb_graph_destroy(twin);
}

static edb_status run_with(fixture *f, edb_graph *graph, const stages *schedule,
                           const stages *placement) {
  return edb_session_run_placed(f->session, graph, schedule->schedule, placement->placement,
                                &f->error);
}

static void a_placement_for_another_schedule_is_refused(void **state) {
  fixture *f = *state;
  edb_policy *unbatched = policy_of(&f->w, EDB_POLICY_UNBATCHED);
  add_trees(f->graph, 5, 9);
  stages a = prepare(f, f->session, f->graph, f->policy);
  stages b = prepare(f, f->session, f->graph, unbatched);
  assert_int_equal(run_with(f, f->graph, &a, &b), EDB_ERROR_ARGUMENT);
  assert_string_equal(f->error.text, "the placement was made for another schedule");
  assert_int_equal(run_with(f, f->graph, &b, &a), EDB_ERROR_ARGUMENT);
  assert_int_equal(run_with(f, f->graph, &b, &b), EDB_OK);
  drop(&a);
  drop(&b);
  edb_policy_destroy(unbatched);
}

static void a_placement_for_another_graph_is_refused(void **state) {
  fixture *f = *state;
  edb_graph *other = graph_of(&f->w);
  add_trees(f->graph, 5, 9);
  add_trees(other, 5, 9);
  stages a = prepare(f, f->session, f->graph, f->policy);
  assert_int_equal(run_with(f, other, &a, &a), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_graph_pending_count(other), edb_graph_node_count(other));
  drop(&a);
  edb_graph_destroy(other);
}

static void a_placement_is_stale_once_its_graph_has_changed(void **state) {
  fixture *f = *state;
  add_trees(f->graph, 5, 9);
  stages a = prepare(f, f->session, f->graph, f->policy);
  (void)add_leaf(f->graph, 1);
  assert_int_equal(run_with(f, f->graph, &a, &a), EDB_ERROR_ARGUMENT);
  edb_graph_clear(f->graph);
  add_trees(f->graph, 5, 9);
  assert_int_equal(run_with(f, f->graph, &a, &a), EDB_ERROR_ARGUMENT);
  drop(&a);
  stages b = prepare(f, f->session, f->graph, f->policy);
  assert_int_equal(run_with(f, f->graph, &b, &b), EDB_OK);
  assert_int_equal(run_with(f, f->graph, &b, &b), EDB_ERROR_ARGUMENT);
  drop(&b);
}

static void a_placement_of_another_session_is_refused(void **state) {
  fixture *f = *state;
  edb_session *other = session_of(&f->w, EDB_DEVICE_REFERENCE, EDB_GRANULARITY_CELL);
  add_trees(f->graph, 5, 9);
  stages a = prepare(f, other, f->graph, f->policy);
  assert_int_equal(run_with(f, f->graph, &a, &a), EDB_ERROR_ARGUMENT);
  assert_string_equal(f->error.text, "the placement was made by another session");
  drop(&a);
  edb_session_destroy(other);
}

/* Schedules of graphs that look alike by their number of nodes only. */
static void a_schedule_of_another_graph_cannot_be_placed(void **state) {
  fixture *f = *state;
  edb_graph *a = graph_of(&f->w), *b = graph_of(&f->w), *c = graph_of(&f->w);
  edb_placement *placement = NULL;
  (void)add_node(a, add_leaf(a, 1), add_leaf(a, 2));
  edb_node leaf = add_leaf(b, 1);
  (void)add_score(b, leaf, 1);
  (void)add_leaf(b, 2);
  leaf = add_leaf(c, 1);
  (void)add_node(c, leaf, add_node(c, leaf, leaf));
  edb_graph *graphs[] = {a, b, c};
  for (int i = 0; i < 3; i++) {
    edb_schedule *schedule = NULL;
    MUST(edb_schedule_create(f->w.ctx, f->policy, graphs[i], &schedule, &f->error), f->error);
    for (int k = 0; k < 3; k++) {
      if (i == k) continue;
      edb_status status =
          edb_placement_create(f->session, graphs[k], schedule, NULL, &placement, &f->error);
      assert_int_equal(status, EDB_ERROR_ARGUMENT);
      assert_null(placement);
    }
    edb_schedule_destroy(schedule);
  }
  for (int i = 0; i < 3; i++) edb_graph_destroy(graphs[i]);
}

static void a_graph_that_was_not_lowered_by_the_session_cannot_be_placed(void **state) {
  fixture *f = *state;
  edb_placement *placement = NULL;
  edb_schedule *schedule = NULL;
  add_trees(f->graph, 2, 3);
  MUST(edb_schedule_create(f->w.ctx, f->policy, f->graph, &schedule, &f->error), f->error);
  edb_session *op = session_of(&f->w, EDB_DEVICE_CPU, EDB_GRANULARITY_OP);
  assert_int_equal(edb_placement_create(op, f->graph, schedule, NULL, &placement, &f->error),
                   EDB_ERROR_MISMATCH);
  assert_null(placement);
  edb_session_destroy(op);
  edb_schedule_destroy(schedule);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void a_mini_batch_beyond_the_cap_is_refused_before_it_runs(void **state) {
  fixture *f = *state;
  add_trees(f->graph, 20, 30);
  stages s = prepare(f, f->session, f->graph, f->policy);
  size_t peak = edb_placement_peak_bytes(s.placement);
  drop(&s);
  for (int over = 0; over < 2; over++) {
    edb_session_params params = EDB_PARAMS(edb_session_params);
    edb_session *capped = NULL;
    params.memory_cap_bytes = peak - (size_t)over;
    params.granularity = f->granularity;
    MUST(edb_session_create(f->w.ctx, f->w.model, f->w.weights, &params, &capped, &f->error),
         f->error);
    size_t before = edb_context_memory(f->w.ctx).current_bytes;
    edb_status status = edb_session_run(capped, f->graph, f->policy, NULL, &f->error);
    assert_int_equal(status, over ? EDB_ERROR_LIMIT : EDB_OK);
    if (over && f->granularity == EDB_GRANULARITY_CELL)
      assert_int_equal(edb_context_memory(f->w.ctx).current_bytes, before);
    edb_session_destroy(capped);
    edb_graph_clear(f->graph);
    add_trees(f->graph, 20, 30);
  }
}

/* Everything that a run allocates, with what it leaves, against what was announced. */
static void the_announced_peak_covers_what_a_run_allocates(void **state) {
  fixture *f = *state;
  static const uint32_t counts[] = {1, 10, 100};
  for (int i = 0; i < 3; i++) {
    edb_graph_clear(f->graph);
    add_trees(f->graph, counts[i], 40);
    edb_session_destroy(f->session);
    size_t empty = edb_context_memory(f->w.ctx).current_bytes;
    f->session = session_of(&f->w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
    size_t before = edb_context_memory(f->w.ctx).current_bytes;
    stages s = prepare(f, f->session, f->graph, f->policy);
    size_t placed = edb_context_memory(f->w.ctx).current_bytes;
    MUST(run_with(f, f->graph, &s, &s), f->error);
    size_t taken = edb_context_memory(f->w.ctx).current_bytes - placed;
    size_t peak = edb_placement_peak_bytes(s.placement);
    if (peak < taken || peak > 2 * taken + 65536)
      fail_msg("%zu bytes announced, %zu taken", peak, taken);
    drop(&s);
    assert_true(before > empty);
  }
}

/* The session has the graph of operators before it is placed. */
static void the_announced_peak_counts_the_graph_of_operators(void **state) {
  fixture *f = *state;
  add_trees(f->graph, 50, 40);
  size_t before = edb_context_memory(f->w.ctx).current_bytes;
  stages s = prepare(f, f->session, f->graph, f->policy);
  MUST(run_with(f, f->graph, &s, &s), f->error);
  size_t peak = edb_placement_peak_bytes(s.placement);
  edb_schedule_destroy(s.schedule);
  s.schedule = NULL;
  size_t taken = edb_context_memory(f->w.ctx).current_bytes - before;
  if (peak < taken || peak > taken + taken / 4)
    fail_msg("%zu bytes announced, %zu taken", peak, taken);
  drop(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(stages_give_what_one_call_gives),
      CELL(the_next_mini_batch_can_be_placed_before_one_runs),
      BOTH(a_placement_for_another_schedule_is_refused),
      BOTH(a_placement_for_another_graph_is_refused),
      BOTH(a_placement_is_stale_once_its_graph_has_changed),
      CELL(a_placement_of_another_session_is_refused),
      CELL(a_schedule_of_another_graph_cannot_be_placed),
      CELL(a_graph_that_was_not_lowered_by_the_session_cannot_be_placed),
      BOTH(a_mini_batch_beyond_the_cap_is_refused_before_it_runs),
      CELL(the_announced_peak_covers_what_a_run_allocates),
      cmocka_unit_test_setup_teardown(the_announced_peak_counts_the_graph_of_operators, setup_op,
                                      teardown),
  };
  return cmocka_run_group_tests_name("stages", tests, NULL, NULL);
}
