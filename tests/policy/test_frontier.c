/* tests/policy/test_frontier.c: step by step on a graph that grows, and schedules of graphs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/dags.h"
#include "policy/fsm.h"
#include "support/faulty.h"

/* Types that differ in name only; each takes any number of values and gives one. */
#define TYPES 4
static const edb_input_sig any_input[] = {{"x", 0, true, false, 0}};
static const edb_output_sig one_output[] = {{"y", 0, false}};
static const edb_type_sig types[TYPES] = {
    {"a", "a", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"b", "b", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"c", "c", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
    {"d", "d", 1, 1, 1, 0, 0, any_input, one_output, NULL, NULL},
};
static const edb_schema schema = {.n_types = TYPES, .types = types};

static edb_graph *make_graph(edb_context *ctx) {
  edb_graph *graph = NULL;
  assert_int_equal(edb_graph_create_schema(ctx, &schema, &graph, NULL), EDB_OK);
  return graph;
}

static edb_node append(edb_graph *g, uint32_t type, uint32_t n_inputs, const edb_node *inputs) {
  edb_value values[8];
  edb_node node = 0;
  for (uint32_t i = 0; i < n_inputs; i++) values[i] = (edb_value){inputs[i], 0};
  edb_call call = {.cell = type, .inputs = values, .n_inputs = n_inputs};
  assert_int_equal(edb_graph_append(g, &call, &node, NULL), EDB_OK);
  return node;
}

static void append_random(edb_graph *g, edb_rng *rng, uint32_t count, edb_node lowest_input) {
  for (uint32_t i = 0; i < count; i++) {
    edb_node inputs[3], next = edb_graph_node_count(g);
    uint32_t span = next - lowest_input, n_inputs = span == 0 ? 0 : edb_rng_below(rng, 4);
    for (uint32_t k = 0; k < n_inputs; k++) inputs[k] = lowest_input + edb_rng_below(rng, span);
    append(g, edb_rng_below(rng, TYPES), n_inputs, inputs);
  }
}

static edb_policy *make_policy(edb_context *ctx, edb_policy_kind kind) {
  edb_policy *policy = NULL;
  assert_int_equal(edb_policy_create(ctx, kind, &policy, NULL), EDB_OK);
  return policy;
}

static edb_frontier *make_frontier(edb_context *ctx, edb_policy_kind kind, const edb_graph *g) {
  edb_policy *policy = make_policy(ctx, kind);
  edb_frontier *frontier = NULL;
  assert_int_equal(edb_frontier_create(ctx, policy, g, &frontier, NULL), EDB_OK);
  edb_policy_destroy(policy); /* a frontier of a kind without a table does not need it any more */
  return frontier;
}

/* Takes a step, checks it against what has run (`ran`, by node), returns its size. */
static uint32_t step(edb_frontier *f, const edb_graph *g, uint8_t *ran) {
  uint32_t type = UINT32_MAX, count = UINT32_MAX;
  const edb_node *nodes = NULL;
  assert_int_equal(edb_frontier_next(f, &type, &nodes, &count, NULL), EDB_OK);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t index = nodes[i] - g->base;
    assert_true(nodes[i] < edb_graph_node_count(g));
    assert_int_equal(edb_graph_node_cell(g, nodes[i]), type);
    assert_false(ran[nodes[i]]);
    for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++)
      assert_true(g->edge_node[e] < g->first || ran[g->edge_node[e]]);
  }
  for (uint32_t i = 0; i < count; i++) ran[nodes[i]] = 1;
  return count;
}

static const edb_policy_kind kinds[] = {
    EDB_POLICY_UNBATCHED,  EDB_POLICY_DEPTH, EDB_POLICY_AGENDA_STATIC, EDB_POLICY_AGENDA_RUNNING,
    EDB_POLICY_SUFFICIENT, EDB_POLICY_TIGHT, EDB_POLICY_BEST};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static void a_fixed_graph_runs_in_the_steps_of_its_schedule(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  edb_graph *g = make_graph(*state);
  append_random(g, &rng, 200, 0);
  edb_dag dag = edb_graph_pending(g);
  for (size_t k = 0; k < N_KINDS; k++) {
    uint8_t ran[200] = {0};
    uint32_t steps = 0, nodes = 0, count;
    edb_frontier *f = make_frontier(*state, kinds[k], g);
    while ((count = step(f, g, ran)) > 0) {
      nodes += count;
      steps++;
    }
    assert_int_equal(nodes, 200);
    edb_policy_kind kind = kinds[k] == EDB_POLICY_BEST ? EDB_POLICY_TIGHT : kinds[k];
    assert_int_equal(steps, pass_batches(*state, kind, false, &dag));
    assert_int_equal(step(f, g, ran), 0);
    edb_frontier_destroy(f);
  }
  edb_graph_destroy(g);
}

static void a_growing_graph_is_taken_in_while_it_runs(void **state) {
  for (size_t k = 0; k < N_KINDS; k++) {
    edb_rng rng;
    edb_rng_seed(&rng, 2);
    edb_graph *g = make_graph(*state);
    uint8_t ran[4000] = {0};
    uint32_t nodes = 0, count;
    append_random(g, &rng, 30, 0);
    edb_frontier *f = make_frontier(*state, kinds[k], g);
    for (uint32_t round = 0; round < 100; round++) {
      for (uint32_t i = edb_rng_below(&rng, 8); i > 0; i--) nodes += step(f, g, ran);
      append_random(g, &rng, edb_rng_below(&rng, 30), 0);
      assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
    }
    while ((count = step(f, g, ran)) > 0) nodes += count;
    assert_int_equal(nodes, edb_graph_node_count(g));
    edb_frontier_destroy(f);
    edb_graph_destroy(g);
  }
}

/* Decoding: every step's value decides the next node; old ones are run, released and forgotten. */
/* With every step an a and a b that takes it: by depth, a new a always comes before the b's. */
static void nodes_do_not_wait_for_ever_while_others_arrive(void **state) {
  enum { STEPS = 400, MOST = 40 };
  for (size_t k = 0; k < N_KINDS; k++) {
    edb_graph *g = make_graph(*state);
    edb_frontier *f = make_frontier(*state, kinds[k], g);
    uint8_t ran[2 * STEPS] = {0};
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
      edb_node a = append(g, 0, 0, NULL);
      append(g, 1, 1, &a);
      assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
      uint32_t count = step(f, g, ran);
      while (oldest < 2 * i && ran[oldest]) oldest++;
      if (kinds[k] == EDB_POLICY_UNBATCHED) continue; /* falls behind, in order */
      assert_true(count > 0);
      assert_true(i < oldest / 2 + MOST);
    }
    edb_frontier_destroy(f);
    edb_graph_destroy(g);
  }
}

/* Nodes that are not taken in yet stay out, also where one batch is planned at a time. */
static void only_a_sync_takes_nodes_in(void **state) {
  edb_graph *g = make_graph(*state);
  edb_frontier *f = make_frontier(*state, EDB_POLICY_DEPTH, g);
  uint8_t ran[200] = {0};
  uint32_t nodes = 0, count;
  for (uint32_t i = 0; i < 50; i++) {
    edb_node a = append(g, 0, 0, NULL);
    append(g, 1, 1, &a);
    assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
    nodes += step(f, g, ran);
  }
  edb_node late = append(g, 2, 0, NULL);
  while ((count = step(f, g, ran)) > 0) nodes += count;
  assert_int_equal(nodes, 100);
  assert_false(ran[late]);
  assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
  assert_int_equal(step(f, g, ran), 1);
  edb_frontier_destroy(f);
  edb_graph_destroy(g);
}

static void a_long_decoding_keeps_its_memory(void **state) {
  edb_context *ctx = *state;
  edb_graph *g = make_graph(ctx);
  edb_frontier *f = make_frontier(ctx, EDB_POLICY_TIGHT, g);
  edb_node last = 0;
  size_t warm = 0;
  for (uint32_t i = 0; i < 5000; i++) {
    uint32_t type = 0, count = 0;
    const edb_node *nodes = NULL;
    edb_node node = append(g, i % TYPES, i > 0, &last);
    assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
    assert_int_equal(edb_frontier_next(f, &type, &nodes, &count, NULL), EDB_OK);
    assert_int_equal(count, 1);
    assert_int_equal(nodes[0], node);
    assert_int_equal(type, i % TYPES);
    edb_graph_mark_run(g);
    if (i > 0) assert_int_equal(edb_graph_release(g, last, NULL), EDB_OK);
    last = node;
    if (i == 500) warm = edb_context_memory(ctx).current_bytes;
  }
  assert_int_equal(edb_context_memory(ctx).current_bytes, warm);
  edb_frontier_destroy(f);
  edb_graph_destroy(g);
}

static void nodes_that_run_elsewhere_are_not_handed_out(void **state) {
  edb_graph *g = make_graph(*state);
  uint8_t ran[8] = {0};
  append(g, 0, 0, NULL);
  append(g, 1, 1, (edb_node[]){0});
  edb_frontier *f = make_frontier(*state, EDB_POLICY_TIGHT, g);
  edb_graph_mark_run(g);
  append(g, 2, 1, (edb_node[]){1});
  assert_int_equal(edb_frontier_sync(f, NULL), EDB_OK);
  ran[0] = ran[1] = 1;
  assert_int_equal(step(f, g, ran), 1);
  assert_true(ran[2]);
  assert_int_equal(step(f, g, ran), 0);
  edb_frontier_destroy(f);
  edb_graph_destroy(g);
}

static void a_cleared_graph_is_noticed(void **state) {
  edb_graph *g = make_graph(*state);
  edb_error error;
  append(g, 0, 0, NULL);
  edb_frontier *f = make_frontier(*state, EDB_POLICY_TIGHT, g);
  edb_graph_clear(g);
  assert_int_equal(edb_frontier_sync(f, &error), EDB_ERROR_STATE);
  assert_non_null(strstr(error.text, "cleared"));
  edb_frontier_destroy(f);
  edb_graph_destroy(g);
}

static void exact_cannot_run_step_by_step(void **state) {
  edb_graph *g = make_graph(*state);
  edb_policy *policy = make_policy(*state, EDB_POLICY_EXACT);
  edb_frontier *f = NULL;
  assert_int_equal(edb_frontier_create(*state, policy, g, &f, NULL), EDB_ERROR_UNSUPPORTED);
  assert_null(f);
  edb_policy_destroy(policy);
  edb_graph_destroy(g);
}

/* A table without states leaves all to the tight rule. */
static edb_policy empty_fsm(edb_context *ctx) {
  edb_policy policy = {.ctx = ctx, .kind = EDB_POLICY_FSM};
  assert_int_equal(edb_fsm_create(ctx, &schema, EDB_FSM_CELL, EDB_ENCODING_SORT, &policy.fsm, NULL),
                   EDB_OK);
  return policy;
}

static void an_fsm_runs_in_schedules_and_step_by_step(void **state) {
  edb_graph *g = make_graph(*state);
  edb_rng rng;
  edb_rng_seed(&rng, 5);
  append_random(g, &rng, 100, 0);
  edb_dag dag = edb_graph_pending(g);
  edb_policy fsm = empty_fsm(*state), *best = NULL;
  assert_int_equal(edb_policy_create_best(*state, &fsm, &best, NULL), EDB_OK);
  assert_int_equal(edb_policy_describe(best).n_types, TYPES);
  uint32_t tight = pass_batches(*state, EDB_POLICY_TIGHT, false, &dag);
  const edb_policy *policies[] = {&fsm, best};
  for (int i = 0; i < 2; i++) {
    uint8_t ran[100] = {0};
    uint32_t steps = 0;
    edb_schedule *schedule = NULL;
    edb_frontier *f = NULL;
    assert_int_equal(edb_schedule_create(*state, policies[i], g, &schedule, NULL), EDB_OK);
    edb_schedule_info info = edb_schedule_describe(schedule);
    assert_valid_schedule(&dag, schedule);
    assert_true(i == 0 ? info.n_batches == tight && info.misses > 0 : info.n_batches <= tight);
    assert_int_equal(edb_frontier_create(*state, policies[i], g, &f, NULL), EDB_OK);
    while (step(f, g, ran) > 0) steps++;
    assert_int_equal(steps, tight);
    edb_frontier_destroy(f);
    edb_schedule_destroy(schedule);
  }
  edb_policy_destroy(best);
  edb_fsm_destroy(fsm.fsm);
  edb_graph_destroy(g);
}

static void an_fsm_for_other_types_is_refused(void **state) {
  edb_schema fewer = {.n_types = TYPES - 1, .types = types};
  edb_graph *g = NULL;
  edb_policy fsm = empty_fsm(*state);
  edb_schedule *schedule = NULL;
  assert_int_equal(edb_graph_create_schema(*state, &fewer, &g, NULL), EDB_OK);
  append(g, 0, 0, NULL);
  assert_int_equal(edb_schedule_create(*state, &fsm, g, &schedule, NULL), EDB_ERROR_MISMATCH);
  assert_null(schedule);
  edb_fsm_destroy(fsm.fsm);
  edb_graph_destroy(g);
}

static void only_pending_nodes_are_scheduled(void **state) {
  edb_graph *g = make_graph(*state);
  edb_policy *policy = make_policy(*state, EDB_POLICY_BEST);
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  edb_node released = 0;
  for (uint32_t round = 0; round < 20; round++) {
    edb_schedule *schedule = NULL;
    append_random(g, &rng, 100, round * 100 < 50 ? 0 : round * 100 - 50);
    edb_dag dag = edb_graph_pending(g);
    assert_int_equal(edb_schedule_create(*state, policy, g, &schedule, NULL), EDB_OK);
    assert_int_equal(edb_schedule_describe(schedule).n_nodes, 100);
    assert_valid_schedule(&dag, schedule);
    edb_schedule_destroy(schedule);
    edb_graph_mark_run(g);
    /* All that later rounds do not reach back to. */
    for (; released + 150 < (round + 1) * 100; released++)
      assert_int_equal(edb_graph_release(g, released, NULL), EDB_OK);
  }
  edb_policy_destroy(policy);
  edb_graph_destroy(g);
}

static void batches_beyond_the_last_are_empty(void **state) {
  edb_graph *g = make_graph(*state);
  edb_policy *policy = make_policy(*state, EDB_POLICY_DEPTH);
  edb_schedule *schedule = NULL;
  uint32_t type = 77;
  const edb_node *nodes = NULL;
  append(g, 3, 0, NULL);
  assert_int_equal(edb_schedule_create(*state, policy, g, &schedule, NULL), EDB_OK);
  assert_int_equal(edb_schedule_batch(schedule, 1, &type, &nodes), 0);
  assert_int_equal(edb_schedule_batch(schedule, 0, &type, &nodes), 1);
  assert_int_equal(type, 3);
  assert_int_equal(nodes[0], 0);
  edb_schedule_destroy(schedule);
  edb_policy_destroy(policy);
  edb_graph_destroy(g);
}

static void policies_have_names(void **state) {
  (void)state;
  edb_policy_kind kind = EDB_POLICY_BEST;
  for (int i = 0; i < EDB_POLICY_COUNT; i++) {
    assert_true(edb_policy_kind_from_name(edb_policy_kind_name((edb_policy_kind)i), &kind));
    assert_int_equal(kind, i);
    assert_true(strlen(edb_policy_kind_help(kind)) > 0);
  }
  assert_false(edb_policy_kind_from_name("greedy", &kind));
  assert_string_equal(edb_policy_kind_name((edb_policy_kind)99), "unknown");
}

static void policies_that_cannot_be_created_are_refused(void **state) {
  edb_policy *policy = NULL;
  edb_policy *tight = make_policy(*state, EDB_POLICY_TIGHT);
  edb_error error;
  assert_int_equal(edb_policy_create(*state, EDB_POLICY_FSM, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_policy_create(*state, EDB_POLICY_COUNT, &policy, &error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_policy_create_best(*state, tight, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "found tight"));
  assert_int_equal(edb_policy_create_best(*state, NULL, &policy, &error), EDB_ERROR_ARGUMENT);
  assert_null(policy);
  assert_int_equal(edb_policy_describe(tight).kind, EDB_POLICY_TIGHT);
  assert_int_equal(edb_policy_get_kind(tight), EDB_POLICY_TIGHT);
  edb_policy_destroy(tight);
  edb_policy_destroy(NULL);
}

static void every_failing_allocation_leaves_the_frontier_usable(void **state) {
  edb_graph *g = make_graph(*state); /* memory of its own, which does not fail */
  edb_rng rng;
  edb_rng_seed(&rng, 4);
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_policy *policy = NULL;
    edb_frontier *frontier = NULL;
    uint8_t ran[200] = {0};
    uint32_t nodes = 0;
    edb_graph_clear(g);
    append_random(g, &rng, 40, 0);
    edb_status status = edb_policy_create(ctx, EDB_POLICY_TIGHT, &policy, NULL);
    if (status == EDB_OK) status = edb_frontier_create(ctx, policy, g, &frontier, NULL);
    assert_true(faulty_status(&f, status));
    while (frontier != NULL && nodes < 80) {
      uint32_t type = 0, count = 0;
      const edb_node *batch = NULL;
      if (nodes >= 20 && edb_graph_node_count(g) == 40) append_random(g, &rng, 40, 0);
      status = edb_frontier_sync(frontier, NULL); /* again, where it failed before */
      assert_true(faulty_status(&f, status));
      status = edb_frontier_next(frontier, &type, &batch, &count, NULL);
      assert_true(faulty_status(&f, status));
      for (uint32_t i = 0; status == EDB_OK && i < count; i++) {
        assert_false(ran[batch[i]]);
        ran[batch[i]] = 1;
      }
      if (status == EDB_OK) nodes += count;
    }
    edb_frontier_destroy(frontier);
    edb_policy_destroy(policy);
  }
  edb_graph_destroy(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fixed_graph_runs_in_the_steps_of_its_schedule),
      cmocka_unit_test(a_growing_graph_is_taken_in_while_it_runs),
      cmocka_unit_test(nodes_do_not_wait_for_ever_while_others_arrive),
      cmocka_unit_test(only_a_sync_takes_nodes_in),
      cmocka_unit_test(a_long_decoding_keeps_its_memory),
      cmocka_unit_test(nodes_that_run_elsewhere_are_not_handed_out),
      cmocka_unit_test(a_cleared_graph_is_noticed),
      cmocka_unit_test(exact_cannot_run_step_by_step),
      cmocka_unit_test(an_fsm_runs_in_schedules_and_step_by_step),
      cmocka_unit_test(an_fsm_for_other_types_is_refused),
      cmocka_unit_test(only_pending_nodes_are_scheduled),
      cmocka_unit_test(batches_beyond_the_last_are_empty),
      cmocka_unit_test(policies_have_names),
      cmocka_unit_test(policies_that_cannot_be_created_are_refused),
      cmocka_unit_test(every_failing_allocation_leaves_the_frontier_usable),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
