/* tests/policy/test_small_graphs.c: graphs small enough to be verified by hand or exhaustively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/dags.h"

typedef struct range {
  uint32_t low, high; /* over ways of breaking ties */
} range;

typedef struct row {
  const char *name, *graph;
  uint32_t optimum, bound;
  range depth, agenda_static, agenda_running, sufficient, tight;
} row;

static const row rows[] = {
    {"V1", "0:B() 1:A() 2:B(1) 3:A(2)", 3, 3, {4, 4}, {4, 4}, {4, 4}, {3, 3}, {3, 3}},
    {"V2", "0:B() 1:C(0) 2:A(0) 3:B(2) 4:A() 5:C()", 4, 4, {6, 6}, {6, 6}, {6, 6}, {4, 4}, {4, 4}},
    {"V3", "0:B() 1:B(0) 2:A() 3:A() 4:A(1)", 3, 3, {4, 4}, {3, 3}, {4, 4}, {3, 3}, {3, 3}},
    {"V4", "0:A() 1:B(0) 2:A(0) 3:B() 4:A(3)", 3, 3, {4, 4}, {4, 4}, {4, 4}, {3, 4}, {3, 3}},
    {"V5",
     "0:B() 1:C(0) 2:A(0) 3:B(2) 4:B(0) 5:A() 6:C()",
     4,
     4,
     {7, 7},
     {6, 6},
     {6, 6},
     {4, 4},
     {4, 4}},
    {"V6", "0:A() 1:B(0) 2:B() 3:A(2) 4:B(2)", 3, 3, {4, 4}, {4, 4}, {4, 4}, {3, 4}, {3, 3}},
    {"V7", "0:A() 1:B(0) 2:B() 3:A(2)", 3, 2, {4, 4}, {3, 3}, {3, 3}, {3, 3}, {3, 3}},
    {"V8", "0:B() 1:A() 2:B(1) 3:A() 4:A(0) 5:B(4)", 3, 3, {5, 5}, {4, 4}, {4, 4}, {4, 4}, {3, 3}},
    {"V9", "0:B() 1:B(0) 2:A(1) 3:A() 4:B(3) 5:B(4)", 4, 3, {5, 5}, {4, 5}, {4, 5}, {4, 5}, {5, 5}},
    {"V10",
     "0:A() 1:B() 2:B(1) 3:B(0) 4:A(1) 5:A(2) 6:B() 7:B(3)",
     4,
     3,
     {6, 6},
     {5, 5},
     {5, 5},
     {5, 5},
     {5, 5}},
    /* The paper's kind of tree: leaves 0 1 3, inner nodes 2 4, an output each, and a sum of all. */
    {"tree",
     "0:I() 1:I() 2:I(0,1) 3:I() 4:I(2,3) 5:O(0) 6:O(1) 7:O(2) 8:O(3) 9:O(4) 10:R(5,6,7,8,9)",
     5,
     5,
     {7, 7},
     {5, 5},
     {6, 6},
     {5, 5},
     {5, 5}},
};

static void expect(const row *r, const char *column, uint32_t found, range expected) {
  if (found < expected.low || found > expected.high)
    fail_msg("%s, %s: %u batches, expected %u..%u", r->name, column, found, expected.low,
             expected.high);
}

#define FOR_EACH_ROW(r, d)                                                                         \
  test_dag d;                                                                                      \
  for (const row *r = rows; r < rows + sizeof rows / sizeof *rows && (dag_parse(&d, r->graph), 1); \
       r++)

static void bounds_are_as_verified(void **state) {
  FOR_EACH_ROW(r, d) expect(r, "bound", bound_of_dag(*state, &d.dag), (range){r->bound, r->bound});
}

static void exact_finds_the_optimum(void **state) {
  FOR_EACH_ROW(r, d)
  expect(r, "exact", policy_batches(*state, EDB_POLICY_EXACT, &d.dag),
         (range){r->optimum, r->optimum});
}

static void depth_needs_as_many_as_verified(void **state) {
  FOR_EACH_ROW(r, d) expect(r, "depth", policy_batches(*state, EDB_POLICY_DEPTH, &d.dag), r->depth);
}

static void agendas_need_as_many_as_verified(void **state) {
  FOR_EACH_ROW(r, d) {
    expect(r, "static", policy_batches(*state, EDB_POLICY_AGENDA_STATIC, &d.dag), r->agenda_static);
    expect(r, "running", policy_batches(*state, EDB_POLICY_AGENDA_RUNNING, &d.dag),
           r->agenda_running);
  }
}

static void sufficient_needs_as_many_as_verified(void **state) {
  FOR_EACH_ROW(r, d)
  expect(r, "sufficient", pass_batches(*state, EDB_POLICY_SUFFICIENT, false, &d.dag),
         r->sufficient);
}

static void tight_needs_as_many_as_verified(void **state) {
  FOR_EACH_ROW(r, d)
  expect(r, "tight", pass_batches(*state, EDB_POLICY_TIGHT, false, &d.dag), r->tight);
}

static void unbatched_needs_one_per_node(void **state) {
  FOR_EACH_ROW(r, d)
  expect(r, "unbatched", policy_batches(*state, EDB_POLICY_UNBATCHED, &d.dag),
         (range){d.dag.n_nodes, d.dag.n_nodes});
}

static void best_reports_whose_schedule_it_is(void **state) {
  test_dag d;
  dag_parse(&d, rows[0].graph);
  edb_schedule_info info = policy_info(*state, EDB_POLICY_BEST, &d.dag);
  assert_int_equal(info.policy, EDB_POLICY_TIGHT);
  assert_int_equal(info.n_batches, 3);
  assert_int_equal(info.bound, 3);
}

static void an_empty_graph_has_an_empty_schedule(void **state) {
  test_dag d;
  dag_parse(&d, "");
  for (int kind = 0; kind < EDB_POLICY_COUNT; kind++) {
    if (kind != EDB_POLICY_FSM)
      assert_int_equal(policy_batches(*state, (edb_policy_kind)kind, &d.dag), 0);
  }
  assert_int_equal(bound_of_dag(*state, &d.dag), 0);
}

static void unbatchable_nodes_run_alone_and_count_in_the_bound(void **state) {
  test_dag d;
  dag_parse(&d, "0:U() 1:U() 2:A(0) 3:A(1) 4:U(2) 5:A(4)");
  d.unbatchable['U' - 'A'] = 1;
  assert_int_equal(bound_of_dag(*state, &d.dag), 5);
  for (int kind = EDB_POLICY_DEPTH; kind < EDB_POLICY_COUNT; kind++) {
    if (kind != EDB_POLICY_FSM)
      assert_int_equal(policy_batches(*state, (edb_policy_kind)kind, &d.dag), 5);
  }
}

static void inputs_below_the_origin_are_done(void **state) {
  test_dag d;
  dag_begin(&d, 2);
  dag_node(&d, 0, 2, (uint32_t[]){3, 9});
  dag_node(&d, 1, 2, (uint32_t[]){10, 0});
  d.dag.origin = 10;
  assert_int_equal(policy_batches(*state, EDB_POLICY_TIGHT, &d.dag), 2);
}

static void an_input_taken_twice_is_waited_for_once(void **state) {
  test_dag d;
  dag_parse(&d, "0:A() 1:B(0,0) 2:A(1,0,1) 3:B(2,2,2)");
  for (int kind = EDB_POLICY_DEPTH; kind < EDB_POLICY_COUNT; kind++) {
    if (kind != EDB_POLICY_FSM)
      assert_int_equal(policy_batches(*state, (edb_policy_kind)kind, &d.dag), 4);
  }
}

/* The same graph behind two nodes that run alone, the second of which takes the first: a batch
 * each, and nothing else changes. */
static void nodes_that_run_alone_come_before_all_others(void **state) {
  FOR_EACH_ROW(r, d) {
    test_dag behind;
    dag_begin(&behind, 26);
    behind.unbatchable[25] = 1;
    dag_node(&behind, 25, 0, NULL);
    dag_node(&behind, 25, 1, (uint32_t[]){0});
    for (uint32_t v = 0; v < d.dag.n_nodes; v++) {
      uint32_t inputs[18] = {0, 1}, n = 2;
      for (uint32_t e = d.in_start[v]; e < d.in_start[v + 1]; e++) inputs[n++] = d.in_node[e] + 2;
      dag_node(&behind, d.type[v], n, inputs);
    }
    for (edb_policy_kind kind = 0; kind < EDB_POLICY_COUNT; kind++) {
      if (kind == EDB_POLICY_FSM) continue;
      edb_schedule_info alone = policy_info(*state, kind, &d.dag);
      edb_schedule_info info = policy_info(*state, kind, &behind.dag);
      assert_int_equal(info.n_batches, alone.n_batches + 2);
      assert_int_equal(info.bound, alone.bound + 2);
      assert_int_equal(info.proven_bound, alone.proven_bound + 2);
    }
  }
}

static void a_graph_of_nothing_but_nodes_that_run_alone(void **state) {
  test_dag d;
  dag_parse(&d, "0:A() 1:B(0) 2:A(1)");
  d.unbatchable[0] = d.unbatchable[1] = 1;
  for (edb_policy_kind kind = 0; kind < EDB_POLICY_COUNT; kind++)
    if (kind != EDB_POLICY_FSM) assert_int_equal(policy_batches(*state, kind, &d.dag), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_are_as_verified),
      cmocka_unit_test(exact_finds_the_optimum),
      cmocka_unit_test(nodes_that_run_alone_come_before_all_others),
      cmocka_unit_test(a_graph_of_nothing_but_nodes_that_run_alone),
      cmocka_unit_test(depth_needs_as_many_as_verified),
      cmocka_unit_test(agendas_need_as_many_as_verified),
      cmocka_unit_test(sufficient_needs_as_many_as_verified),
      cmocka_unit_test(tight_needs_as_many_as_verified),
      cmocka_unit_test(unbatched_needs_one_per_node),
      cmocka_unit_test(best_reports_whose_schedule_it_is),
      cmocka_unit_test(an_empty_graph_has_an_empty_schedule),
      cmocka_unit_test(unbatchable_nodes_run_alone_and_count_in_the_bound),
      cmocka_unit_test(inputs_below_the_origin_are_done),
      cmocka_unit_test(an_input_taken_twice_is_waited_for_once),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
