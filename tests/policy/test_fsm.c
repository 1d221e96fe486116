/* tests/policy/test_fsm.c: the table, and its binding to a problem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/fsms.h"
#include "support/faulty.h"

typedef struct bound_fsm {
  test_dag dag;
  edb_fsm *fsm;
  edb_problem problem;
  edb_state state;
  edb_fsm_binding binding;
} bound_fsm;

static void set_up(edb_context *ctx, const edb_schema *schema, const edb_schema *bind_to,
                   edb_encoding encoding, bound_fsm *b) {
  dag_parse(&b->dag, tree_text);
  assert_int_equal(edb_fsm_create(ctx, schema, EDB_FSM_CELL, encoding, &b->fsm, NULL), EDB_OK);
  b->fsm->scope = EDB_FSM_GRAPH; /* leaf and node are no component */
  assert_int_equal(edb_problem_init(ctx, &b->dag.dag, &b->problem, NULL), EDB_OK);
  assert_int_equal(edb_state_init(ctx, &b->problem, &b->state, NULL), EDB_OK);
  assert_int_equal(edb_fsm_bind(ctx, b->fsm, &b->problem, bind_to, &b->binding, NULL), EDB_OK);
  edb_state_reset(&b->state);
}

static void tear_down(edb_context *ctx, bound_fsm *b) {
  edb_fsm_unbind(ctx, &b->binding);
  edb_state_free(ctx, &b->state);
  edb_problem_free(&b->problem);
  edb_fsm_destroy(b->fsm);
}

/* The error of binding an fsm over `from` to a problem over `to`. */
static void expect_mismatch(edb_context *ctx, const edb_schema *from, const edb_schema *to,
                            const char *part) {
  test_dag dag;
  edb_fsm *fsm = NULL;
  edb_problem problem;
  edb_fsm_binding binding;
  edb_error error;
  dag_parse(&dag, tree_text);
  assert_int_equal(edb_problem_init(ctx, &dag.dag, &problem, NULL), EDB_OK);
  if (from == NULL)
    assert_int_equal(edb_fsm_create_raw(ctx, (uint32_t[]){0, 1}, 2, EDB_ENCODING_BASE, &fsm, NULL),
                     EDB_OK);
  else
    assert_int_equal(edb_fsm_create(ctx, from, EDB_FSM_CELL, EDB_ENCODING_BASE, &fsm, NULL),
                     EDB_OK);
  assert_int_equal(edb_fsm_bind(ctx, fsm, &problem, to, &binding, &error), EDB_ERROR_MISMATCH);
  if (strstr(error.text, part) == NULL) fail_msg("\"%s\" is not in: %s", part, error.text);
  edb_problem_free(&problem);
  edb_fsm_destroy(fsm);
}

static void types_are_sorted_by_name(void **state) {
  edb_fsm *fsm = NULL;
  assert_int_equal(
      edb_fsm_create(*state, &turned_schema, EDB_FSM_CELL, EDB_ENCODING_BASE, &fsm, NULL), EDB_OK);
  assert_string_equal(fsm->types[0].name, "leaf");
  assert_string_equal(fsm->types[1].name, "node");
  assert_int_equal(fsm->from_schema[0], 1);
  assert_int_equal(fsm->from_schema[1], 0);
  edb_fsm_destroy(fsm);
}

static void types_of_one_name_are_numbered(void **state) {
  static const edb_type_sig types[] = {
      {.name = "add", .key = "1"}, {.name = "add", .key = "2"}, {.name = "add", .key = "3"}};
  const edb_schema schema = {.n_types = 3, .types = types};
  edb_fsm *fsm = NULL;
  assert_int_equal(edb_fsm_create(*state, &schema, EDB_FSM_OP, EDB_ENCODING_BASE, &fsm, NULL),
                   EDB_OK);
  assert_string_equal(fsm->types[0].name, "add");
  assert_string_equal(fsm->types[1].name, "add#2");
  assert_string_equal(fsm->types[2].name, "add#3");
  assert_string_equal(fsm->types[2].key, "3");
  edb_fsm_destroy(fsm);
}

static void raw_types_are_sorted_numbers_without_repetition(void **state) {
  const uint32_t numbers[] = {10, 9, 10, 2};
  edb_fsm *fsm = NULL;
  assert_int_equal(edb_fsm_create_raw(*state, numbers, 4, EDB_ENCODING_SORT, &fsm, NULL), EDB_OK);
  assert_int_equal(fsm->n_types, 3);
  assert_string_equal(fsm->types[0].name, "2");
  assert_string_equal(fsm->types[1].name, "9");
  assert_string_equal(fsm->types[2].name, "10");
  assert_int_equal(edb_fsm_find_type(fsm, "10", 2), 2);
  assert_int_equal(edb_fsm_find_type(fsm, "1", 1), UINT32_MAX);
  edb_fsm_destroy(fsm);
}

static void a_known_state_runs_its_type(void **state) {
  bound_fsm b;
  const edb_token both[] = {edb_token_make(0, false), edb_token_make(1, false)};
  set_up(*state, &tree_schema, &tree_schema, EDB_ENCODING_BASE, &b);
  edb_state_run(&b.state, 0, NULL);
  for (uint32_t run = 0; run < 2; run++) {
    assert_int_equal(edb_fsm_set(b.fsm, both, 2, run, NULL), EDB_OK);
    assert_int_equal(edb_fsm_choose(&b.binding, &b.state), run);
  }
  assert_int_equal(b.binding.misses, 0);
  assert_int_equal(edb_fsm_state_count(b.fsm), 1);
  tear_down(*state, &b);
}

/* Leaves are a component of their own, and the first: there is nothing to look up. */
static void the_only_type_of_a_component_runs_without_a_state(void **state) {
  bound_fsm b;
  set_up(*state, &tree_schema, &tree_schema, EDB_ENCODING_BASE, &b);
  b.fsm->scope = EDB_FSM_COMPONENT;
  edb_state_run(&b.state, 0, NULL);
  assert_int_equal(edb_fsm_choose(&b.binding, &b.state), 0);
  assert_int_equal(b.binding.misses, 0);
  tear_down(*state, &b);
}

static void an_unknown_state_is_left_to_the_lead_where_states_know_it(void **state) {
  bound_fsm b;
  set_up(*state, &tree_schema, &tree_schema, EDB_ENCODING_LEAD, &b);
  edb_fsm_attach(&b.binding, &b.state);
  edb_state_reset(&b.state);
  edb_state_run(&b.state, 0, NULL);
  assert_int_equal(edb_fsm_choose(&b.binding, &b.state),
                   edb_lead_choose_in(&b.state, EDB_COMPONENT_ANY));
  assert_int_equal(b.binding.misses, 1);
  tear_down(*state, &b);
}

static void an_unknown_state_is_a_miss_and_left_to_the_tight_rule(void **state) {
  bound_fsm b;
  set_up(*state, &tree_schema, &tree_schema, EDB_ENCODING_BASE, &b);
  edb_state_run(&b.state, 0, NULL);
  assert_int_equal(edb_fsm_choose(&b.binding, &b.state), edb_tight_choose(&b.state));
  assert_int_equal(b.binding.misses, 1);
  tear_down(*state, &b);
}

static void a_state_left_to_the_rule_is_no_miss(void **state) {
  bound_fsm b;
  const edb_token both[] = {edb_token_make(0, false), edb_token_make(1, false)};
  set_up(*state, &tree_schema, &tree_schema, EDB_ENCODING_BASE, &b);
  edb_state_run(&b.state, 0, NULL);
  assert_int_equal(edb_fsm_set(b.fsm, both, 2, EDB_FSM_RULE, NULL), EDB_OK);
  assert_int_equal(edb_fsm_choose(&b.binding, &b.state), edb_tight_choose(&b.state));
  assert_int_equal(b.binding.misses, 0);
  tear_down(*state, &b);
}

static void states_that_differ_in_a_flag_are_different(void **state) {
  edb_fsm *fsm = NULL;
  const edb_token loose[] = {edb_token_make(0, false), edb_token_make(1, false)};
  const edb_token tight[] = {edb_token_make(0, true), edb_token_make(1, false)};
  edb_token tokens[2];
  uint32_t run = 9;
  assert_int_equal(
      edb_fsm_create(*state, &tree_schema, EDB_FSM_CELL, EDB_ENCODING_TIGHT, &fsm, NULL), EDB_OK);
  assert_int_equal(edb_fsm_set(fsm, tight, 2, 0, NULL), EDB_OK);
  assert_int_equal(edb_fsm_set(fsm, loose, 2, 1, NULL), EDB_OK);
  assert_int_equal(edb_fsm_set(fsm, loose, 1, 0, NULL), EDB_OK);
  assert_int_equal(edb_fsm_state_count(fsm), 3);
  assert_int_equal(edb_fsm_state(fsm, 1, tokens, &run), 2);
  assert_memory_equal(tokens, loose, sizeof loose);
  assert_int_equal(run, 1);
  uint32_t order[3];
  edb_fsm_order(fsm, order);
  assert_int_equal(order[0], 2); /* the shorter one */
  assert_int_equal(order[1], 1);
  assert_int_equal(order[2], 0);
  edb_fsm_destroy(fsm);
}

static void many_states_keep_their_order_and_type(void **state) {
  enum { n = 500 };
  uint32_t numbers[n], order[n];
  edb_fsm *fsm = NULL;
  for (uint32_t i = 0; i < n; i++) numbers[i] = n - i;
  assert_int_equal(edb_fsm_create_raw(*state, numbers, n, EDB_ENCODING_SORT, &fsm, NULL), EDB_OK);
  for (uint32_t i = 0; i < n; i++) {
    edb_token token = edb_token_make(i * 7 % n, false);
    assert_int_equal(edb_fsm_set(fsm, &token, 1, i * 7 % n, NULL), EDB_OK);
  }
  edb_fsm_order(fsm, order);
  for (uint32_t i = 0; i < n; i++) {
    edb_token token = 0;
    uint32_t run = 0;
    assert_int_equal(edb_fsm_state(fsm, order[i], &token, &run), 1);
    assert_int_equal(edb_token_type(token), i);
    assert_int_equal(run, i);
  }
  edb_fsm_destroy(fsm);
}

static void the_order_of_a_models_cells_does_not_matter(void **state) {
  bound_fsm b;
  const edb_token both[] = {edb_token_make(0, false), edb_token_make(1, false)};
  set_up(*state, &tree_schema, &turned_schema, EDB_ENCODING_BASE, &b);
  /* In the turned schema type A = 0 is the node, FSM type 1. */
  assert_int_equal(b.binding.to_fsm[0], 1);
  assert_int_equal(b.binding.to_fsm[1], 0);
  edb_state_run(&b.state, 0, NULL);
  assert_int_equal(edb_fsm_set(b.fsm, both, 2, 0, NULL), EDB_OK);
  assert_int_equal(edb_fsm_choose(&b.binding, &b.state), 1);
  tear_down(*state, &b);
}

static void binding_says_which_type_is_missing_new_or_different(void **state) {
  static const edb_type_sig renamed[] = {{.name = "leaf", .key = "embed(word)"},
                                         {.name = "inner", .key = "lstm(h, h)"}};
  static const edb_type_sig changed[] = {{.name = "leaf", .key = "embed(word)"},
                                         {.name = "node", .key = "lstm(h, h, h)"}};
  static const edb_type_sig more[] = {{.name = "leaf", .key = "embed(word)"},
                                      {.name = "node", .key = "lstm(h, h)"},
                                      {.name = "score", .key = "softmax(h)"}};
  const edb_schema renamed_schema = {.n_types = 2, .types = renamed},
                   changed_schema = {.n_types = 2, .types = changed},
                   more_schema = {.n_types = 3, .types = more};
  expect_mismatch(*state, &tree_schema, &renamed_schema, "\"node\", which this model has not");
  expect_mismatch(*state, &tree_schema, &more_schema, "\"score\", which the policy does not know");
  expect_mismatch(*state, &tree_schema, &changed_schema, "from byte 9");
  expect_mismatch(*state, &more_schema, &tree_schema, "\"score\", which this model has not");
}

static void raw_and_model_policies_do_not_fit_each_other(void **state) {
  expect_mismatch(*state, NULL, &tree_schema,
                  "for granularity raw, the graph has granularity cell");
  expect_mismatch(*state, &tree_schema, NULL,
                  "for granularity cell, the graph has granularity raw");
}

static void a_policy_of_cells_does_not_fit_operators(void **state) {
  edb_schema operators = tree_schema;
  operators.of_operators = true;
  expect_mismatch(
      *state, &tree_schema, &operators,
      "for granularity cell, the graph has granularity op; learn and run at the same one");
}

static void what_does_not_fit_is_named_by_its_file(void **state) {
  edb_schema operators = tree_schema;
  operators.of_operators = true;
  bound_fsm b;
  set_up(*state, &tree_schema, &tree_schema, EDB_ENCODING_BASE, &b);
  edb_fsm *copy = NULL;
  edb_fsm_binding none = {0};
  edb_error error;
  assert_int_equal(edb_fsm_set_file(b.fsm, "p.json", &error), EDB_OK);
  assert_int_equal(edb_fsm_copy(*state, b.fsm, &copy, &error), EDB_OK);
  assert_int_equal(edb_fsm_bind(*state, copy, &b.problem, &operators, &none, &error),
                   EDB_ERROR_MISMATCH);
  assert_int_equal(strncmp(error.text, "p.json: the policy is for", 25), 0);
  edb_fsm_destroy(copy);
  tear_down(*state, &b);
}

static void a_raw_type_unseen_in_learning_is_a_miss(void **state) {
  test_dag seen, unseen;
  uint32_t misses = 0;
  dag_parse(&seen, "0:A() 1:B() 2:A(1) 3:B(0)");
  dag_parse(&unseen, "0:A() 1:C() 2:A(1) 3:C(0)");
  edb_policy *policy = learn_raw(*state, &seen.dag, 1, NULL);
  fsm_batches(*state, policy, &seen.dag, &misses);
  assert_int_equal(misses, 0);
  uint32_t batches = fsm_batches(*state, policy, &unseen.dag, &misses);
  assert_true(misses > 0);
  assert_int_equal(batches, pass_batches(*state, EDB_POLICY_TIGHT, false, &unseen.dag));
  edb_policy_destroy(policy);
}

static void a_copy_is_the_same(void **state) {
  test_dag dag;
  edb_fsm *copy = NULL;
  dag_parse(&dag, tree_text);
  edb_policy *policy = learn_raw(*state, &dag.dag, 1, NULL), *second = NULL;
  edb_text text = text_of(*state, policy);
  assert_int_equal(edb_fsm_copy(*state, policy->fsm, &copy, NULL), EDB_OK);
  edb_policy_destroy(policy);
  assert_int_equal(edb_fsm_to_policy(copy, &second, NULL), EDB_OK);
  edb_text again = text_of(*state, second);
  assert_string_equal(text.data, again.data);
  edb_policy_destroy(second);
  edb_text_free(&text);
  edb_text_free(&again);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  faulty f;
  test_dag dag;
  dag_parse(&dag, tree_text);
  FAULTY_FOR_EACH(&f, ctx) {
    const edb_token token = edb_token_make(1, false);
    edb_fsm *fsm = NULL, *copy = NULL;
    edb_problem problem = {0};
    edb_fsm_binding binding = {0};
    edb_error error;
    edb_status status =
        edb_fsm_create(ctx, &tree_schema, EDB_FSM_CELL, EDB_ENCODING_BASE, &fsm, &error);
    if (status == EDB_OK) status = edb_fsm_set(fsm, &token, 1, 1, &error);
    if (status == EDB_OK) status = edb_fsm_copy(ctx, fsm, &copy, &error);
    if (status == EDB_OK) status = edb_problem_init(ctx, &dag.dag, &problem, &error);
    if (status == EDB_OK) {
      status = edb_fsm_bind(ctx, copy, &problem, &turned_schema, &binding, &error);
      if (status == EDB_OK) edb_fsm_unbind(ctx, &binding);
      edb_problem_free(&problem);
    }
    assert_true(faulty_status(&f, status));
    edb_fsm_destroy(copy);
    edb_fsm_destroy(fsm);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types_are_sorted_by_name),
      cmocka_unit_test(types_of_one_name_are_numbered),
      cmocka_unit_test(raw_types_are_sorted_numbers_without_repetition),
      cmocka_unit_test(a_known_state_runs_its_type),
      cmocka_unit_test(the_only_type_of_a_component_runs_without_a_state),
      cmocka_unit_test(an_unknown_state_is_left_to_the_lead_where_states_know_it),
      cmocka_unit_test(an_unknown_state_is_a_miss_and_left_to_the_tight_rule),
      cmocka_unit_test(a_state_left_to_the_rule_is_no_miss),
      cmocka_unit_test(states_that_differ_in_a_flag_are_different),
      cmocka_unit_test(many_states_keep_their_order_and_type),
      cmocka_unit_test(the_order_of_a_models_cells_does_not_matter),
      cmocka_unit_test(binding_says_which_type_is_missing_new_or_different),
      cmocka_unit_test(raw_and_model_policies_do_not_fit_each_other),
      cmocka_unit_test(a_policy_of_cells_does_not_fit_operators),
      cmocka_unit_test(what_does_not_fit_is_named_by_its_file),
      cmocka_unit_test(a_raw_type_unseen_in_learning_is_a_miss),
      cmocka_unit_test(a_copy_is_the_same),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
