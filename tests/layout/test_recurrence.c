/* tests/layout/test_recurrence.c: which inputs come from outside of a recurrence. */
#include "exec/less_model.h"
#include "exec/stack_model.h"
#include "layout/recurrence.h"
#include "support/faulty.h"

static edb_schedule *schedule_of(const world *w, const edb_graph *graph, edb_policy_kind kind) {
  edb_policy *policy = policy_of(w, kind);
  edb_schedule *schedule = NULL;
  edb_error error = {0};
  MUST(edb_schedule_create(w->ctx, policy, graph, &schedule, &error), error);
  edb_policy_destroy(policy);
  return schedule;
}

/* Inputs of the stack: low(h_prev), high(h_prev, x), out(h). */
static bool known_of(const world *w, const edb_graph *graph, uint8_t known[4]) {
  edb_schedule *schedule = schedule_of(w, graph, EDB_POLICY_BEST);
  edb_error error = {0};
  uint32_t component[4];
  bool any = false;
  assert_int_equal(edb_input_count(graph->schema), 4);
  MUST(edb_find_known_inputs(w->ctx, graph, schedule, known, component, &any, &error), error);
  edb_schedule_destroy(schedule);
  if (any) assert_true(component[LOW] < component[HIGH] && component[HIGH] < component[OUT]);
  return any;
}

static void the_layer_below_is_known_early(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, stack_text);
  edb_graph *graph = graph_of(&w);
  uint8_t known[4];
  add_sequence(graph, 12, 1);
  assert_true(known_of(&w, graph, known));
  assert_memory_equal(known, ((uint8_t[]){0, 0, 1, 0}), 4);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void thick_batches_gain_nothing(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, stack_text);
  edb_graph *graph = graph_of(&w);
  uint8_t known[4];
  for (uint64_t i = 0; i < 8; i++) add_sequence(graph, 12, i);
  assert_false(known_of(&w, graph, known));
  edb_graph_destroy(graph);
  world_close(&w);
}

/* The layers feed each other: both are one recurrence. */
static void a_loop_through_both_layers_leaves_nothing_known(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, stack_text);
  edb_graph *graph = graph_of(&w);
  uint8_t known[4];
  edb_node low = stack_call(graph, INIT, 0, 0, 0), high = low;
  for (int32_t i = 0; i < 10; i++) {
    low = stack_call(graph, LOW, high, 0, i);
    high = stack_call(graph, HIGH, high, low, 0);
  }
  assert_false(known_of(&w, graph, known));
  edb_graph_destroy(graph);
  world_close(&w);
}

static void a_search_survives_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  world w = world_in(faulty_context(&f, 0), stack_text);
  edb_graph *graph = graph_of(&w);
  add_sequence(graph, 12, 1);
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
  uint8_t known[4];
  uint32_t component[4];
  bool any = false;
  f.requests = f.failures = 0;
  f.fail_at = 1;
  assert_int_equal(edb_find_known_inputs(w.ctx, graph, schedule, known, component, &any, NULL),
                   EDB_ERROR_MEMORY);
  f.fail_at = 0;
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  edb_weights_destroy(w.weights);
  edb_model_destroy(w.model);
  faulty_destroy(&f);
}

static void schedules_of_other_graphs_do_no_harm(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, stack_text), other = world_of(EDB_SIMD_AUTO, less_text);
  edb_graph *graph = graph_of(&w), *random = random_graph(&other, 1, 100, LABELS_SOME);
  edb_schedule *schedule = schedule_of(&other, random, EDB_POLICY_UNBATCHED);
  edb_error error = {0};
  uint8_t known[4];
  uint32_t component[4];
  bool any = true;
  add_sequence(graph, 12, 1);
  MUST(edb_find_known_inputs(w.ctx, graph, schedule, known, component, &any, &error), error);
  assert_false(any);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(random);
  edb_graph_destroy(graph);
  world_close(&other);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_layer_below_is_known_early),
      cmocka_unit_test(thick_batches_gain_nothing),
      cmocka_unit_test(a_loop_through_both_layers_leaves_nothing_known),
      cmocka_unit_test(a_search_survives_every_failure_of_memory),
      cmocka_unit_test(schedules_of_other_graphs_do_no_harm),
  };
  return cmocka_run_group_tests_name("recurrence", tests, NULL, NULL);
}
