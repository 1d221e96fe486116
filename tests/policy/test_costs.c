/* policy/cost.h: costs of batches as text, predictions, and schedules of least time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/cost.h"
#include "policy/fsms.h"
#include "support/faulty.h"

static const char good[] =
    "{\"edbatch-costs\": 1, \"granularity\": \"cell\", \"mini_batch\": {\"batch_ns\": 100, "
    "\"node_ns\": 2}, \"types\": [{\"name\": \"leaf\", \"batch_ns\": 10, \"node_ns\": 1.5, "
    "\"key\": \"embed(word)\"}, {\"name\": \"node\", \"batch_ns\": 20, \"node_ns\": 0, \"key\": "
    "\"lstm(h, h)\"}]}";
static const char with_rows[] =
    "{\"edbatch-costs\": 1, \"granularity\": \"raw\", \"mini_batch\": {\"batch_ns\": 0, "
    "\"node_ns\": 0}, \"rows\": {\"near\": {\"gather_ns\": [1, 2, 3, 4], \"product_ns\": [5, 6, 7, "
    "8], \"elementwise_ns\": [9, 10, 11, 12], \"store_ns\": [13, 14, 15, 16]}, \"far\": "
    "{\"store_ns\": [1, 1, 1, 1.5], \"gather_ns\": [0, 0, 0, 0], \"product_ns\": [2, 2, 2, 2], "
    "\"elementwise_ns\": [3, 3, 3, 3]}}, \"types\": [{\"name\": \"0\", \"batch_ns\": 1000, "
    "\"node_ns\": 1}, {\"name\": \"1\", \"batch_ns\": 100, \"node_ns\": 1}]}";
static const char raw[] =
    "{\"edbatch-costs\": 1, \"granularity\": \"raw\", \"mini_batch\": {\"batch_ns\": 0, "
    "\"node_ns\": 0}, \"types\": [{\"name\": \"0\", \"batch_ns\": 1000, \"node_ns\": 1}, "
    "{\"name\": \"1\", \"batch_ns\": 100, \"node_ns\": 1}]}";

/* B B A beside A B B: one word is A B B A, the other B B A B B, in which the expensive A is once.
 */
static const char two_chains[] = "0:B() 1:B(0) 2:A(1) 3:A() 4:B(3) 5:B(4)";

static edb_context *context(void) {
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  return ctx;
}

static edb_status parse(edb_context *ctx, const char *text, const edb_schema *schema,
                        edb_costs **out, edb_error *error) {
  const edb_schema *schemas[EDB_FSM_GRANULARITY_COUNT] = {[EDB_FSM_CELL] = schema};
  return edb_costs_parse(ctx, text, strlen(text), "c.json", schemas, out, error);
}

static edb_costs *parsed(edb_context *ctx, const char *text, const edb_schema *schema) {
  edb_costs *costs = NULL;
  edb_error error;
  if (parse(ctx, text, schema, &costs, &error) != EDB_OK) fail_msg("%s", error.text);
  return costs;
}

static edb_policy *policy_with(edb_context *ctx, const edb_costs *costs) {
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  edb_policy *policy = NULL;
  params.costs = costs;
  assert_int_equal(edb_policy_create_with(ctx, EDB_POLICY_BEST, &params, &policy, NULL), EDB_OK);
  return policy;
}

static void costs_read_back_as_they_were_written(void **state) {
  (void)state;
  edb_context *ctx = context();
  static const struct {
    const char *text;
    const edb_schema *schema;
  } cases[] = {{good, &tree_schema}, {good, &turned_schema}, {raw, NULL}, {with_rows, NULL}};
  for (size_t i = 0; i < 4; i++) {
    edb_costs *costs = parsed(ctx, cases[i].text, cases[i].schema);
    edb_text first, second;
    edb_text_init(&first, ctx);
    edb_text_init(&second, ctx);
    assert_int_equal(edb_costs_print(costs, &first, NULL), EDB_OK);
    edb_costs *again = parsed(ctx, first.data, cases[i].schema);
    assert_int_equal(edb_costs_print(again, &second, NULL), EDB_OK);
    assert_string_equal(first.data, second.data);
    assert_int_equal(edb_costs_type_count(again), 2);
    edb_text_free(&first);
    edb_text_free(&second);
    edb_costs_destroy(again);
    edb_costs_destroy(costs);
  }
  edb_context_destroy(ctx);
}

static void types_are_found_by_name(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_costs *costs = parsed(ctx, good, &turned_schema);
  assert_string_equal(edb_costs_type_name(costs, 0), "leaf");
  assert_true(edb_costs_get(costs, 0).node_ns == 1.5);
  assert_true(edb_costs_get(costs, 1).batch_ns == 20);
  assert_true(edb_costs_mini_batch(costs).batch_ns == 100);
  assert_null(edb_costs_type_name(costs, 2));
  assert_true(edb_costs_get(costs, 2).batch_ns == 0);
  edb_costs_destroy(costs);
  edb_context_destroy(ctx);
}

static void rows_have_costs_where_the_file_says_them(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_row_costs rows = {.gather_ns = {-1}};
  edb_costs *costs = parsed(ctx, raw, NULL), *copy = NULL;
  assert_false(edb_costs_rows(costs, true, &rows));
  assert_true(rows.gather_ns[0] == -1);
  edb_costs_destroy(costs);
  costs = parsed(ctx, with_rows, NULL);
  assert_int_equal(edb_costs_copy(ctx, costs, &copy, NULL), EDB_OK);
  assert_true(edb_costs_rows(copy, false, &rows));
  assert_true(rows.gather_ns[0] == 1 && rows.product_ns[1] == 6 && rows.elementwise_ns[2] == 11 &&
              rows.store_ns[3] == 16);
  assert_true(edb_costs_rows(copy, true, &rows));
  assert_true(rows.gather_ns[3] == 0 && rows.store_ns[3] == 1.5);
  edb_costs_destroy(copy);
  edb_costs_destroy(costs);
  edb_context_destroy(ctx);
}

/* A file with one thing exchanged, and what is then said of it. */
typedef struct wrong {
  const char *from, *to;
  edb_status status;
  const char *part;
} wrong;

/* What is put in may say that the file is of raw graphs, which have no schema. */
static void expect_refusals(const char *whole, const edb_schema *schema, const wrong *cases,
                            size_t n) {
  edb_context *ctx = context();
  for (size_t i = 0; i < n; i++) {
    char text[1024];
    const char *at = strstr(whole, cases[i].from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, cases[i].to,
             at + strlen(cases[i].from));
    edb_costs *costs = NULL;
    edb_error error;
    bool is_raw = strcmp(cases[i].to, "\"raw\"") == 0;
    edb_status status = parse(ctx, text, is_raw ? NULL : schema, &costs, &error);
    if (status != cases[i].status || !strstr(error.text, cases[i].part))
      fail_msg("case %zu: %s", i, status == EDB_OK ? "read" : error.text);
    assert_null(costs);
  }
  edb_context_destroy(ctx);
}

static void what_is_wrong_with_the_costs_of_rows_is_said(void **state) {
  (void)state;
  static const wrong cases[] = {
      {"[1, 2, 3, 4]", "[1, 2, 3]", EDB_ERROR_FORMAT, "expected a number"},
      {"[1, 2, 3, 4]", "[1, 2, 3, 4, 5]", EDB_ERROR_FORMAT, "expected the end of an array"},
      {"[1, 2, 3, 4]", "1", EDB_ERROR_FORMAT, "expected an array"},
      {"[1, 2, 3, 4]", "[-1, 2, 3, 4]", EDB_ERROR_FORMAT, "from 0"},
      {"\"gather_ns\": [1, 2, 3, 4], ", "", EDB_ERROR_FORMAT, "no \"gather_ns\""},
      {"\"near\"", "\"far\"", EDB_ERROR_NAME, "is repeated"},
      {"\"near\"", "\"nearby\"", EDB_ERROR_NAME, "unknown key \"nearby\""},
  };
  expect_refusals(with_rows, NULL, cases, sizeof cases / sizeof *cases);
}

static void what_is_wrong_with_a_file_is_said(void **state) {
  (void)state;
  static const wrong cases[] = {
      {"{\"edbatch-costs\": 1", "[1", EDB_ERROR_FORMAT,
       "c.json:1:1: found an array, expected an object: this is no file of costs"},
      {"-costs\": 1", "-costs\": 2", EDB_ERROR_UNSUPPORTED, "version 2"},
      {"edbatch-costs", "edbatch-policy", EDB_ERROR_NAME, "unknown key \"edbatch-policy\""},
      {"\"cell\"", "\"node\"", EDB_ERROR_NAME, "unknown granularity"},
      {"\"cell\"", "\"op\"", EDB_ERROR_MISMATCH, "granularity op"},
      {"\"cell\"", "\"raw\"", EDB_ERROR_FORMAT, "are numbers"},
      {"\"granularity\": \"cell\", ", "", EDB_ERROR_FORMAT, "no \"granularity\""},
      {"\"node_ns\": 2", "\"node_ns\": -2", EDB_ERROR_FORMAT, "from 0"},
      {"\"node_ns\": 2", "\"node_ns\": 2, \"node_ns\": 2", EDB_ERROR_NAME, "is repeated"},
      {"\"name\": \"leaf\"", "\"name\": \"leef\"", EDB_ERROR_MISMATCH, "\"leef\""},
      {"\"name\": \"leaf\"", "\"name\": \"node\"", EDB_ERROR_MISMATCH, "differs"},
      {"embed(word)", "embed(letter)", EDB_ERROR_MISMATCH, "embed(letter)"},
      {"\"types\": [", "\"types\": [7, ", EDB_ERROR_FORMAT, "expected a type"},
      {"}]}", "}]} 1", EDB_ERROR_FORMAT, "c.json:1:"},
  };
  expect_refusals(good, &tree_schema, cases, sizeof cases / sizeof *cases);
}

static void a_type_that_is_missing_is_named(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_costs *costs = NULL;
  edb_error error;
  static const char one[] =
      "{\"edbatch-costs\": 1, \"granularity\": \"cell\", \"mini_batch\": {\"batch_ns\": 0, "
      "\"node_ns\": 0}, \"types\": [{\"name\": \"leaf\", \"batch_ns\": 1, \"node_ns\": 1, "
      "\"key\": \"embed(word)\"}]}";
  assert_int_equal(parse(ctx, one, &tree_schema, &costs, &error), EDB_ERROR_MISMATCH);
  assert_non_null(strstr(error.text, "\"node\""));
  assert_int_equal(parse(ctx, raw, &tree_schema, &costs, &error), EDB_ERROR_MISMATCH);
  assert_int_equal(parse(ctx, good, NULL, &costs, &error), EDB_ERROR_MISMATCH);
  edb_context_destroy(ctx);
}

/* Schedules the dag; gives the predicted time by these costs. */
static double predicted(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                        const edb_costs *costs, uint32_t *batches) {
  edb_schedule *schedule = NULL;
  edb_error error;
  double ns = 0;
  if (edb_schedule_dag(ctx, policy, dag, &schedule, &error) != EDB_OK) fail_msg("%s", error.text);
  assert_valid_schedule(dag, schedule);
  assert_int_equal(edb_costs_predict(costs, schedule, &ns, &error), EDB_OK);
  *batches = edb_schedule_describe(schedule).n_batches;
  edb_schedule_destroy(schedule);
  return ns;
}

static void the_fewest_batches_are_not_always_the_fastest(void **state) {
  (void)state;
  edb_context *ctx = context();
  static test_dag d;
  uint32_t batches = 0;
  dag_parse(&d, two_chains);
  edb_costs *costs = parsed(ctx, raw, NULL);
  edb_policy *by_count = policy_with(ctx, NULL), *by_time = policy_with(ctx, costs);
  assert_true(predicted(ctx, by_count, &d.dag, costs, &batches) == 2 * 1000 + 2 * 100 + 6);
  assert_int_equal(batches, 4);
  assert_true(predicted(ctx, by_time, &d.dag, costs, &batches) == 1000 + 4 * 100 + 6);
  assert_int_equal(batches, 5);
  edb_policy_destroy(by_time);
  edb_policy_destroy(by_count);
  edb_costs_destroy(costs);
  edb_context_destroy(ctx);
}

static void least_time_is_never_more_than_that_of_the_fewest_batches(void **state) {
  (void)state;
  edb_context *ctx = context();
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 5);
  edb_costs *costs = parsed(ctx, raw, NULL);
  edb_policy *by_count = policy_with(ctx, NULL), *by_time = policy_with(ctx, costs);
  uint32_t lighter = 0;
  for (uint32_t i = 0; i < 300; i++) {
    uint32_t shortest, fastest;
    dag_random(&d, &rng, 4 + edb_rng_below(&rng, 60), 2);
    d.unbatchable[1] = i % 3 == 0;
    double count = predicted(ctx, by_count, &d.dag, costs, &shortest);
    double time = predicted(ctx, by_time, &d.dag, costs, &fastest);
    assert_true(time <= count);
    assert_true(fastest >= shortest || time < count);
    lighter += time < count;
  }
  assert_true(lighter > 0);
  edb_policy_destroy(by_time);
  edb_policy_destroy(by_count);
  edb_costs_destroy(costs);
  edb_context_destroy(ctx);
}

/* The same costs, so many times as much, for a schedule that runs once. */
static edb_policy *once_with(edb_context *ctx, uint32_t batch_ns) {
  char text[512];
  snprintf(text, sizeof text,
           "{\"edbatch-costs\": 1, \"granularity\": \"raw\", \"mini_batch\": {\"batch_ns\": 0, "
           "\"node_ns\": 0}, \"types\": [{\"name\": \"0\", \"batch_ns\": %u, \"node_ns\": 1}, "
           "{\"name\": \"1\", \"batch_ns\": %u, \"node_ns\": 1}]}",
           batch_ns, batch_ns);
  edb_costs *costs = parsed(ctx, text, NULL);
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  edb_policy *policy = NULL;
  params.costs = costs;
  params.once = true;
  assert_int_equal(edb_policy_create_with(ctx, EDB_POLICY_BEST, &params, &policy, NULL), EDB_OK);
  edb_costs_destroy(costs);
  return policy;
}

/* Where batches cost next to nothing one pass is all; where they cost much, all is tried. */
static void a_search_must_save_what_it_costs(void **state) {
  (void)state;
  edb_context *ctx = context();
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 9);
  edb_costs *costs = parsed(ctx, raw, NULL);
  edb_policy *cheap = once_with(ctx, 1), *dear = once_with(ctx, 1000000);
  uint32_t differ = 0;
  for (uint32_t i = 0; i < 200; i++) {
    uint32_t few, many;
    dag_random(&d, &rng, 4 + edb_rng_below(&rng, 200), 2);
    d.unbatchable[1] = i % 3 == 0;
    predicted(ctx, cheap, &d.dag, costs, &many);
    predicted(ctx, dear, &d.dag, costs, &few);
    assert_int_equal(many, pass_batches(ctx, EDB_POLICY_TIGHT, false, &d.dag));
    assert_int_equal(few, policy_batches(ctx, EDB_POLICY_BEST, &d.dag));
    differ += few < many;
  }
  assert_true(differ > 0);
  edb_policy_destroy(dear);
  edb_policy_destroy(cheap);
  edb_costs_destroy(costs);
  edb_context_destroy(ctx);
}

static void what_a_search_saves_is_unknown_without_costs(void **state) {
  (void)state;
  edb_context *ctx = context();
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  edb_policy *policy = NULL;
  edb_error error;
  params.once = true;
  assert_int_equal(edb_policy_create_with(ctx, EDB_POLICY_BEST, &params, &policy, &error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "costs"));
  assert_null(policy);
  edb_context_destroy(ctx);
}

static void costs_of_other_types_are_refused(void **state) {
  (void)state;
  edb_context *ctx = context();
  static test_dag d;
  edb_error error;
  edb_schedule *schedule = NULL;
  dag_parse(&d, "0:B() 1:B(0) 2:C(1) 3:C() 4:B(3) 5:B(4)");
  edb_costs *costs = parsed(ctx, raw, NULL), *cells = parsed(ctx, good, &tree_schema);
  edb_policy *policy = policy_with(ctx, costs), *of_cells = policy_with(ctx, cells);
  assert_int_equal(edb_schedule_dag(ctx, policy, &d.dag, &schedule, &error), EDB_ERROR_MISMATCH);
  assert_non_null(strstr(error.text, "type 2"));
  assert_int_equal(edb_schedule_dag(ctx, of_cells, &d.dag, &schedule, &error), EDB_ERROR_MISMATCH);
  assert_null(schedule);
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.costs = costs;
  edb_policy *beam = NULL;
  assert_int_equal(edb_policy_create_with(ctx, EDB_POLICY_BEAM, &params, &beam, &error),
                   EDB_ERROR_ARGUMENT);
  edb_policy_destroy(of_cells);
  edb_policy_destroy(policy);
  edb_costs_destroy(cells);
  edb_costs_destroy(costs);
  edb_context_destroy(ctx);
}

static bool near(double a, double b) {
  return a - b < 1e-6 && b - a < 1e-6;
}

static void a_line_through_points_has_no_negative_part(void **state) {
  (void)state;
  edb_line_fit exact = {0}, falling = {0}, below = {0}, one = {0}, none = {0};
  for (int x = 1; x <= 4; x++) edb_line_fit_add(&exact, x, 30 + 5 * x, 1.0 / x);
  edb_cost line = edb_line_fit_solve(&exact, 0);
  assert_true(near(line.batch_ns, 30) && near(line.node_ns, 5));
  edb_line_fit_add(&falling, 1, 10, 1);
  edb_line_fit_add(&falling, 2, 6, 1);
  line = edb_line_fit_solve(&falling, 0);
  assert_true(near(line.batch_ns, 8) && line.node_ns == 0);
  edb_line_fit_add(&below, 1, 1, 1);
  edb_line_fit_add(&below, 2, 4, 1);
  line = edb_line_fit_solve(&below, 0);
  assert_true(line.batch_ns == 0 && near(line.node_ns, 9.0 / 5));
  edb_line_fit_add(&one, 10, 100, 1);
  line = edb_line_fit_solve(&one, 40);
  assert_true(near(line.batch_ns, 40) && near(line.node_ns, 6));
  line = edb_line_fit_solve(&one, 400);
  assert_true(near(line.batch_ns, 100) && line.node_ns == 0);
  line = edb_line_fit_solve(&none, 40);
  assert_true(line.batch_ns == 0 && line.node_ns == 0);
}

static void a_line_does_not_depend_on_the_order_of_its_points(void **state) {
  (void)state;
  edb_line_fit falling = {0}, mixed = {0};
  static const double order[] = {3, 1, 4, 2};
  for (int x = 4; x >= 1; x--) edb_line_fit_add(&falling, x, 30 + 5 * x, 1);
  for (int i = 0; i < 4; i++) edb_line_fit_add(&mixed, order[i], 30 + 5 * order[i], 1);
  edb_cost one = edb_line_fit_solve(&falling, 0), other = edb_line_fit_solve(&mixed, 0);
  assert_true(near(one.batch_ns, 30) && near(one.node_ns, 5));
  assert_true(near(other.batch_ns, 30) && near(other.node_ns, 5));
  assert_true(falling.least_x == 1 && falling.most_x == 4);
  assert_true(mixed.least_x == 1 && mixed.most_x == 4);
}

static void every_failing_allocation_is_survived(void **state) {
  (void)state;
  static test_dag d;
  faulty f;
  dag_parse(&d, two_chains);
  FAULTY_FOR_EACH(&f, ctx) {
    edb_costs *costs = NULL;
    edb_policy *policy = NULL;
    edb_schedule *schedule = NULL;
    edb_error error;
    edb_policy_params params = EDB_PARAMS(edb_policy_params);
    edb_status status = parse(ctx, raw, NULL, &costs, &error);
    assert_true(faulty_status(&f, status));
    params.costs = costs;
    if (status == EDB_OK)
      status = edb_policy_create_with(ctx, EDB_POLICY_BEST, &params, &policy, &error);
    if (status == EDB_OK) status = edb_schedule_dag(ctx, policy, &d.dag, &schedule, &error);
    assert_true(faulty_status(&f, status));
    edb_schedule_destroy(schedule);
    edb_policy_destroy(policy);
    edb_costs_destroy(costs);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(costs_read_back_as_they_were_written),
      cmocka_unit_test(types_are_found_by_name),
      cmocka_unit_test(rows_have_costs_where_the_file_says_them),
      cmocka_unit_test(what_is_wrong_with_the_costs_of_rows_is_said),
      cmocka_unit_test(what_is_wrong_with_a_file_is_said),
      cmocka_unit_test(a_type_that_is_missing_is_named),
      cmocka_unit_test(the_fewest_batches_are_not_always_the_fastest),
      cmocka_unit_test(least_time_is_never_more_than_that_of_the_fewest_batches),
      cmocka_unit_test(a_search_must_save_what_it_costs),
      cmocka_unit_test(what_a_search_saves_is_unknown_without_costs),
      cmocka_unit_test(costs_of_other_types_are_refused),
      cmocka_unit_test(a_line_through_points_has_no_negative_part),
      cmocka_unit_test(a_line_does_not_depend_on_the_order_of_its_points),
      cmocka_unit_test(every_failing_allocation_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
