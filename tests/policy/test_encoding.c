/* tests/policy/test_encoding.c: how frontiers become states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/dags.h"
#include "policy/encoding.h"

typedef struct frontier {
  test_dag dag;
  edb_problem problem;
  edb_state state;
} frontier;

/* Types in order of first appearance: C, A, B. Ready: two of C, one of A, two of B. A is tight, and
 * B, whose longest chain 2, 7 begins in the frontier; C is not, its longest chain 5, 6 waits for 1.
 */
static const char mixed[] = "0:C() 1:A() 2:B() 3:C() 4:B() 5:C(1) 6:C(5) 7:B(2)";

static void set_up(edb_context *ctx, const char *text, frontier *f) {
  dag_parse(&f->dag, text);
  assert_int_equal(edb_problem_init(ctx, &f->dag.dag, &f->problem, NULL), EDB_OK);
  assert_int_equal(edb_state_init(ctx, &f->problem, &f->state, NULL), EDB_OK);
  edb_state_reset(&f->state);
}

static void tear_down(edb_context *ctx, frontier *f) {
  edb_state_free(ctx, &f->state);
  edb_problem_free(&f->problem);
}

/* The FSM's numbers are here the letters' (A = 0). */
static void expect_tokens(edb_context *ctx, edb_encoding encoding, const char *text,
                          const char *expected) {
  frontier f;
  uint32_t to_fsm[26];
  edb_token tokens[26];
  char found[64], *end = found;
  set_up(ctx, text, &f);
  for (uint32_t t = 0; t < f.problem.n_types; t++) to_fsm[t] = f.problem.original_type[t];
  uint32_t count = edb_encode(encoding, &f.state, EDB_COMPONENT_ANY, to_fsm, tokens);
  for (uint32_t i = 0; i < count; i++) {
    *end++ = (char)('A' + edb_token_type(tokens[i]));
    if (edb_token_flag(tokens[i])) *end++ = '*';
  }
  *end = '\0';
  assert_string_equal(found, expected);
  tear_down(ctx, &f);
}

static void base_is_the_ready_types_in_the_order_of_the_fsm(void **state) {
  expect_tokens(*state, EDB_ENCODING_BASE, mixed, "ABC");
}

static void max_flags_the_most_numerous_type(void **state) {
  expect_tokens(*state, EDB_ENCODING_MAX, "0:C() 1:A() 2:C() 3:B()", "ABC*");
}

static void max_flags_the_lower_of_equally_numerous_types(void **state) {
  expect_tokens(*state, EDB_ENCODING_MAX, mixed, "AB*C");
}

static void sort_orders_by_decreasing_number_then_by_type(void **state) {
  expect_tokens(*state, EDB_ENCODING_SORT, mixed, "BCA");
  expect_tokens(*state, EDB_ENCODING_SORT, "0:C() 1:A() 2:C() 3:B()", "CAB");
}

static void tight_flags_types_whose_batch_lowers_the_bound(void **state) {
  expect_tokens(*state, EDB_ENCODING_TIGHT, mixed, "A*B*C");
}

/* A waits for nothing but has the longest path ahead of it; B is as tight. */
static void lead_puts_the_type_with_the_longest_path_ahead_first(void **state) {
  frontier f;
  uint32_t to_fsm[3], height[8];
  edb_token tokens[3];
  set_up(*state, "0:A() 1:C() 2:B() 3:A(2) 4:B(3) 5:A(4) 6:B(0) 7:C(5)", &f);
  edb_problem_heights(&f.problem, height);
  f.state.height = height;
  edb_state_reset(&f.state);
  for (uint32_t t = 0; t < 3; t++) to_fsm[t] = f.problem.original_type[t];
  assert_int_equal(height[2], 4); /* the path to 5; node 7 is of another component */
  assert_int_equal(edb_encode(EDB_ENCODING_LEAD, &f.state, EDB_COMPONENT_ANY, to_fsm, tokens), 3);
  assert_int_equal(edb_token_type(tokens[0]), 1);
  assert_int_equal(edb_token_type(tokens[1]), 0);
  assert_int_equal(edb_token_type(tokens[2]), 2);
  assert_int_equal(f.problem.original_type[edb_lead_choose_in(&f.state, EDB_COMPONENT_ANY)], 1);
  tear_down(*state, &f);
}

/* A and B are one component, C and D come after it: they are not spoken of before it is done. */
static void a_component_is_encoded_by_itself(void **state) {
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    frontier f;
    uint32_t to_fsm[4], height[6], only = 0;
    edb_token tokens[4];
    set_up(*state, "0:A() 1:B(0) 2:A(1) 3:B() 4:C() 5:D(2)", &f);
    edb_problem_heights(&f.problem, height);
    f.state.height = height;
    edb_state_reset(&f.state);
    for (uint32_t t = 0; t < 4; t++) to_fsm[t] = f.problem.original_type[t];
    uint32_t component = edb_state_component(&f.state, &only);
    bool first = component == f.problem.component[f.problem.type[0]];
    assert_int_equal(only == EDB_TYPE_NONE, first);
    assert_int_equal(edb_encode((edb_encoding)e, &f.state, component, to_fsm, tokens),
                     first ? 2 : 1);
    tear_down(*state, &f);
  }
}

static void the_order_of_appearance_does_not_matter(void **state) {
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    frontier f, g;
    uint32_t to_f[3], to_g[3];
    edb_token tf[3], tg[3];
    set_up(*state, "0:A() 1:B() 2:B() 3:C()", &f);
    set_up(*state, "0:C() 1:B() 2:A() 3:B()", &g);
    for (uint32_t t = 0; t < 3; t++) to_f[t] = f.problem.original_type[t];
    for (uint32_t t = 0; t < 3; t++) to_g[t] = g.problem.original_type[t];
    assert_int_equal(edb_encode((edb_encoding)e, &f.state, EDB_COMPONENT_ANY, to_f, tf), 3);
    assert_int_equal(edb_encode((edb_encoding)e, &g.state, EDB_COMPONENT_ANY, to_g, tg), 3);
    assert_memory_equal(tf, tg, sizeof tf);
    tear_down(*state, &f);
    tear_down(*state, &g);
  }
}

static void a_ready_type_that_is_unknown_makes_no_state(void **state) {
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    frontier f;
    uint32_t to_fsm[] = {0, UINT32_MAX, 1};
    edb_token tokens[3];
    set_up(*state, mixed, &f);
    assert_int_equal(edb_encode((edb_encoding)e, &f.state, EDB_COMPONENT_ANY, to_fsm, tokens),
                     UINT32_MAX);
    tear_down(*state, &f);
  }
}

/* The FSM's numbers in no order; from 65 types on they are sorted otherwise than few are. */
static void many_types_are_encoded_in_order(void **state) {
  static const uint32_t sizes[] = {2, 61, 64, 65, 66, 100};
  static frontier f;
  uint32_t to_fsm[100];
  edb_token tokens[100];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    uint32_t n = sizes[i];
    dag_begin(&f.dag, n);
    for (uint32_t t = 0; t < n; t++) dag_node(&f.dag, t, 0, NULL);
    assert_int_equal(edb_problem_init(*state, &f.dag.dag, &f.problem, NULL), EDB_OK);
    assert_int_equal(edb_state_init(*state, &f.problem, &f.state, NULL), EDB_OK);
    edb_state_reset(&f.state);
    for (uint32_t step = 37; step <= 37 * (n - 1); step += 37 * (n > 2 ? n - 2 : 1)) {
      for (uint32_t t = 0; t < n; t++) to_fsm[t] = (step * t + n - 1) % n;
      for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
        uint32_t count = edb_encode((edb_encoding)e, &f.state, EDB_COMPONENT_ANY, to_fsm, tokens);
        assert_int_equal(count, n);
        for (uint32_t t = 0; t < n; t++) assert_int_equal(edb_token_type(tokens[t]), t);
      }
    }
    tear_down(*state, &f);
  }
}

static void names_go_both_ways(void **state) {
  (void)state;
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    edb_encoding found = EDB_ENCODING_COUNT;
    assert_true(edb_encoding_from_name(edb_encoding_name((edb_encoding)e), &found));
    assert_int_equal(found, e);
  }
  edb_encoding untouched = EDB_ENCODING_SORT;
  assert_false(edb_encoding_from_name("bases", &untouched));
  assert_false(edb_encoding_from_name(NULL, &untouched));
  assert_int_equal(untouched, EDB_ENCODING_SORT);
  assert_non_null(edb_encoding_name((edb_encoding)99));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(base_is_the_ready_types_in_the_order_of_the_fsm),
      cmocka_unit_test(max_flags_the_most_numerous_type),
      cmocka_unit_test(max_flags_the_lower_of_equally_numerous_types),
      cmocka_unit_test(sort_orders_by_decreasing_number_then_by_type),
      cmocka_unit_test(tight_flags_types_whose_batch_lowers_the_bound),
      cmocka_unit_test(lead_puts_the_type_with_the_longest_path_ahead_first),
      cmocka_unit_test(a_component_is_encoded_by_itself),
      cmocka_unit_test(the_order_of_appearance_does_not_matter),
      cmocka_unit_test(a_ready_type_that_is_unknown_makes_no_state),
      cmocka_unit_test(many_types_are_encoded_in_order),
      cmocka_unit_test(names_go_both_ways),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
