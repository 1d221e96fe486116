/* tests/data/test_plans.c: which calls query plans and graphs of named kinds become, and what is
 * wrong with bad ones. */
#include "data/data_support.h"

#define CELLS_OF_KINDS                                                            \
  "edb 1\nmodel m\nconst n = 2\nvocab tables\nparam E[tables, n], F[4, n]\n"      \
  "cell scan(table: index tables, rows: dense, x: dense[n]) -> (h[n]):\n"         \
  "  h = E[table] * rows + x\n"                                                   \
  "cell join(hs[n]..., rows: dense) -> (h[n]):\n  h = sum(hs) * rows\n"           \
  "cell pair(a[n], b[n]) -> (h[n]):\n  h = a - b\n"                               \
  "cell cost(h[n], time: dense, class: index 4) -> (t, loss, l):\n  t = sum(h)\n" \
  "  loss = squared_error(t, time)\n  l = cross_entropy(F @ h, class)\n"

#define PLAN_RULES                                                             \
  "read plans:\n  Seq_Scan -> scan(rel, plan_rows, x)\n"                       \
  "  hash_join(children...) -> join(children, plan_rows)\n"                    \
  "  hash_join(a, b) -> pair(a, b)\n  other(all...) -> join(all, plan_rows)\n" \
  "  every(node) -> cost(node, time)\n  root(node) -> cost(node, class)\n"

static void open_model(fixture *f, const char *text) {
  edb_model_destroy(f->model);
  f->model = model_of(f->ctx, text);
}

static void operators_are_called_after_their_children(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  edb_dataset *data =
      dataset_of(f->ctx, f->model,
                 "{\"operator\": \"sort\", \"plan_rows\": 9, \"class\": 3, \"children\": [\n"
                 "  {\"children\": [{\"operator\": \"seq_scan\", \"rel\": \"a\", \"plan_rows\": 1, "
                 "\"x\": [1,2]},\n"
                 "                  {\"operator\": \"seq_scan\", \"rel\": \"b\", \"plan_rows\": 2, "
                 "\"x\": [3,4]}],\n"
                 "   \"operator\": \"hash_join\"}]}\n");
  assert_string_equal(describe(data, 0),
                      "scan<1> cost<-1>(0.h) scan<2> cost<-1>(2.h) pair(0.h 2.h) cost<-1>(4.h) "
                      "join(4.h) cost<-1>(6.h) cost<3>(6.h)");
  edb_dataset_destroy(data);
}

static void plans_are_read_as_a_database_explains_them(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  edb_dataset *data = dataset_of(
      f->ctx, f->model,
      "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Hash Join\", \"Join Type\": \"Inner\",\n"
      "      \"Plan Rows\": 10.5, \"Time\": 1.25, \"Hash Cond\": \"(a.x = b.y)\",\n"
      "      \"Plans\": [\n"
      "        {\"Node Type\": \"Seq Scan\", \"Rel\": \"a\", \"Plan Rows\": 7, \"X\": [0, 1],\n"
      "         \"Output\": [\"a.x\", \"a.z\"], \"Buffers\": {\"Hit\": 4}}\n      ]\n    },\n"
      "    \"Planning Time\": 0.2\n  }\n]\n");
  assert_string_equal(describe(data, 0),
                      "scan<1> cost<-1>(0.h) join(0.h) cost<-1>(2.h) cost<-1>(2.h)");
  edb_dataset_destroy(data);
}

static void several_plans_may_stand_on_a_line(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  edb_dataset *data = dataset_of(f->ctx, f->model,
                                 "{\"operator\": \"x\", \"plan_rows\": 1}{\"operator\":\"y\","
                                 "\"plan_rows\": 1, \"class\": 2}\n\n [{\"operator\": \"z\", "
                                 "\"plan_rows\": 2, \"children\": []}]");
  assert_int_equal(edb_dataset_count(data), 3);
  assert_string_equal(describe(data, 1), "join cost<-1>(0.h) cost<2>(0.h)");
  edb_dataset_destroy(data);
}

static void json_lines_of_the_same_model_stay_json_lines(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  edb_dataset *data = dataset_of(
      f->ctx, f->model, "{ \"nodes\": [{\"cell\": \"join\", \"rows\": 1, \"inputs\": []}]}\n");
  assert_string_equal(describe(data, 0), "join");
  edb_dataset_destroy(data);
}

static void labels_can_be_dropped(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *data = NULL;
  params.no_labels = true;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  assert_int_equal(parse_with(f->ctx, f->model,
                              "{\"operator\": \"x\", \"plan_rows\": 1, \"class\": 2}", &params,
                              &data, NULL),
                   EDB_OK);
  assert_string_equal(describe(data, 0), "join cost<-1>(0.h) cost<-1>(0.h)");
  edb_dataset_destroy(data);
}

static void bad_plans_are_refused_where_they_are_wrong(void **state) {
  fixture *f = *state;
  static const struct {
    const char *text;
    edb_status status;
    const char *error;
  } cases[] = {
      {"7", EDB_ERROR_FORMAT, "d:1:1: found \"7\", expected \"{\" or \"[\": model "},
      {"(2 a)", EDB_ERROR_FORMAT, "d:1:1: found \"(\", expected \"{\" or \"[\": model "},
      {"[]", EDB_ERROR_FORMAT, "d:1:2: found the end of an array, expected a plan"},
      {"[{\"operator\": \"x\", \"plan_rows\": 1}, 3]", EDB_ERROR_FORMAT, "d:1:37: found a number"},
      {"{}", EDB_ERROR_FORMAT, "d:1:1: found an operator without the key \"operator\""},
      {"{\"id\": 1, \"nodes\": []}", EDB_ERROR_FORMAT,
       "d:1:1: found an operator without the key \"operator\" (or \"Node Type\"), expected "
       "{\"operator\": NAME, \"children\": [...]}; of JSON lines that do not begin with"},
      {"{\"operator\": 3}", EDB_ERROR_FORMAT, "d:1:14: found a number, expected a string"},
      {"{\"operator\": \"x\"}", EDB_ERROR_FORMAT,
       "d:1:1: found an operator without the key \"plan_rows\", expected it: cell \"join\" needs"},
      {"{\"operator\": \"x\", \"plan_rows\": null}", EDB_ERROR_FORMAT, "d:1:1: found an operator"},
      {"{\"operator\": \"x\",\n \"plan_rows\": \"many\"}", EDB_ERROR_FORMAT,
       "d:2:15: found a string as attribute \"plan_rows\" of cell \"join\", expected numbers"},
      {"{\"operator\": \"x\",\n\"plan_rows\": [1, 2]}", EDB_ERROR_SHAPE,
       "d:2:14: found the shape [2] as attribute \"plan_rows\" of cell \"join\", expected"},
      {"{\"operator\": \"x\", \"plan_rows\": 1, \"Plan Rows\": 1}", EDB_ERROR_NAME,
       "d:1:35: found the key \"Plan Rows\" where the object has one that means the same"},
      {"{\"operator\": \"x\", \"Node Type\": \"x\"}", EDB_ERROR_NAME, "d:1:19: found the key"},
      {"{\"operator\": \"x\", \"plans\": [], \"children\": []}", EDB_ERROR_NAME, "d:1:32: found"},
      {"{\"operator\": \"x\", \"plan\": 3, \"children\": 3}", EDB_ERROR_NAME, "d:1:19: found"},
      {"{\"operator\": \"x\", \"children\": 3}", EDB_ERROR_FORMAT, "d:1:31: found a number"},
      {"{\"operator\": \"x\", \"children\": [3]}", EDB_ERROR_FORMAT,
       "d:1:32: found a number, expected an operator"},
      {"{\"plan\": {\"operator\": \"x\", \"plan_rows\": 1}, \"operator\": \"x\"}", EDB_ERROR_NAME,
       "d:1:45: found the key"},
      {"{\"operator\": \"x\", \"plan_rows\": 1", EDB_ERROR_FORMAT, "d:1:33: found the end"},
      {"{\"operator\": \"x\", \"plan_rows\": 1, \"class\": 4}", EDB_ERROR_ARGUMENT,
       "d:1:44: found 4, expected 0 to 3: attribute \"class\" of cell \"cost\""},
  };
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_refused(f->ctx, f->model, cases[i].text, cases[i].status, cases[i].error);
}

static void kinds_without_a_rule_are_named_with_those_that_have_one(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS
             "read plans:\n  scan -> scan(rel, rows, x)\n  join(a, b) -> pair(a, b)\n");
  assert_refused(f->ctx, f->model, "{\"operator\": \"Sort\"}", EDB_ERROR_FORMAT,
                 "d:1:1: found a node of the kind \"Sort\", expected one that \"read plans\" of "
                 "model \"m\" has a rule for: scan, join");
  assert_refused(f->ctx, f->model, "{\"operator\": \"join\"}", EDB_ERROR_FORMAT,
                 "d:1:1: found a node of the kind \"join\" with 0 inputs, expected 2");
}

static void bad_rules_are_refused_at_their_place_in_the_model(void **state) {
  fixture *f = *state;
  static const struct {
    const char *rules;
    edb_status status;
    const char *error;
  } cases[] = {
      {"  a -> scan(rel, rows)\n", EDB_ERROR_FORMAT, "nothing fills attribute \"x\""},
      {"  a -> scan(rel, rows, x, y)\n", EDB_ERROR_NAME, "found argument \"y\", expected no more"},
      {"  a -> scan(rel, rows, x, rows)\n", EDB_ERROR_NAME, "found argument \"rows\""},
      {"  a -> scan(rel, rows.h, x)\n", EDB_ERROR_NAME, "found argument \"rows\", expected a name"},
      {"  a -> scan(rel, rows, x)\n  A -> scan(rel, rows, x)\n", EDB_ERROR_NAME,
       "found a second rule for the same \"A\""},
      {"  a(x, y) -> pair(x, y)\n  every -> join(rows)\n", EDB_ERROR_FORMAT,
       "found 0 names in pattern \"every\""},
      {"  a(x, y) -> pair(x, y)\n  b(x...) -> join(x.z, rows)\n", EDB_ERROR_NAME,
       "no output for \"z\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[2048];
    snprintf(text, sizeof text, CELLS_OF_KINDS "read plans:\n%s", cases[i].rules);
    open_model(f, text);
    edb_dataset *data = NULL;
    edb_error error = {.text = ""};
    edb_status status = parse_with(f->ctx, f->model, "{}", NULL, &data, &error);
    if (strncmp(error.text, "m.edb:", 6) != 0 || strstr(error.text, cases[i].error) == NULL)
      fail_msg("found    %s\nexpected %s", error.text, cases[i].error);
    assert_int_equal(status, cases[i].status);
  }
}

static void a_bad_plan_costs_itself(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *data = NULL;
  params.skip_bad = true;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  assert_int_equal(parse_with(f->ctx, f->model,
                              "{\"operator\": \"x\", \"plan_rows\": 1}\n"
                              "{\"operator\": \"x\",\n  \"plan_rows\": [[{]]\n}\n"
                              "{\"operator\": \"x\", \"plan_rows\": 2}\n{\"operator\": ",
                              &params, &data, NULL),
                   EDB_OK);
  assert_int_equal(edb_dataset_count(data), 2);
  assert_int_equal(edb_dataset_skipped(data), 2);
  edb_dataset_destroy(data);
}

static void plans_nest_as_deep_as_the_parser_goes(void **state) {
  fixture *f = *state;
  static char text[1 << 16];
  size_t n = 0;
  open_model(f, CELLS_OF_KINDS PLAN_RULES);
  for (int i = 0; i < 200; i++)
    n += (size_t)sprintf(text + n, "{\"operator\": \"x\", \"plan_rows\": 1, \"children\": [");
  assert_refused(f->ctx, f->model, text, EDB_ERROR_LIMIT, "d:1:");
}

/* ---- Graphs of named kinds ---------------------------------------------------------------- */

#define DAG_RULES                                                                   \
  "cell source(id: index tables) -> (h[n]):\n  h = E[id]\n"                         \
  "cell class(h[n], class: index 4) -> (l):\n  l = cross_entropy(F @ h, class)\n"   \
  "cell sum(hs[n]...) -> (h[n]):\n  h = sum(hs)\n"                                  \
  "read dags:\n  s -> source(id)\n  w -> source(word)\n  and(a, b) -> pair(b, a)\n" \
  "  other(all...) -> sum(all)\n  every(x) -> class(x, label)\n  root(x) -> sum(x)\n"

static void nodes_refer_to_earlier_ones(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS DAG_RULES);
  edb_dataset *data = dataset_of(f->ctx, f->model, "s=2 s=0 AND(0,1) xor=3(2,0,0) nil\n\n  s=1\n");
  assert_int_equal(edb_dataset_count(data), 2);
  assert_string_equal(
      describe(data, 0),
      "source<2> class<2>(0.h) source<0> class<0>(2.h) pair(2.h 0.h) class<-1>(4.h) "
      "sum(4.h 0.h 0.h) class<3>(6.h) sum class<-1>(8.h) sum(8.h)");
  edb_dataset_destroy(data);
}

static void values_may_be_words(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_KINDS "cell source(id: index tables) -> (h[n]):\n  h = E[id]\n"
                               "read dags:\n  w -> source(word)\n");
  edb_dataset *data = dataset_of(f->ctx, f->model, "w=alpha w=beta w=alpha");
  assert_string_equal(describe(data, 0), "source<1> source<2> source<1>");
  edb_dataset_destroy(data);
}

static void bad_graphs_are_refused_where_they_are_wrong(void **state) {
  fixture *f = *state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"s=1 and(0,1)", "d:1:11: found \"1\", expected the number of a node before it, below 1"},
      {"s=1 and(0,,0)", "d:1:11: found \"\", expected the number"},
      {"s=1 and(0,x)", "d:1:11: found \"x\", expected the number"},
      {"s=1 and(0,99999999999999999999)", "d:1:11: found \"99999999999999999999\""},
      {"s=1\nand(0", "d:2:1: found \"and(0\", expected KIND"},
      {"s= s", "d:1:1: found \"s=\", expected KIND"},
      {"=1", "d:1:1: found \"=1\", expected KIND"},
      {"(0)", "d:1:1: found \"(0)\", expected KIND"},
      {"s=x", "d:1:3: found id \"x\", expected a whole number"},
      {"  s", "d:1:3: found a node without a value, expected one: cell \"source\""},
      {"x(", "d:1:1: found \"x(\", expected KIND"},
  };
  open_model(f, CELLS_OF_KINDS DAG_RULES);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_refused(f->ctx, f->model, cases[i].text, EDB_ERROR_FORMAT, cases[i].error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_are_called_after_their_children),
      cmocka_unit_test(plans_are_read_as_a_database_explains_them),
      cmocka_unit_test(several_plans_may_stand_on_a_line),
      cmocka_unit_test(json_lines_of_the_same_model_stay_json_lines),
      cmocka_unit_test(labels_can_be_dropped),
      cmocka_unit_test(bad_plans_are_refused_where_they_are_wrong),
      cmocka_unit_test(kinds_without_a_rule_are_named_with_those_that_have_one),
      cmocka_unit_test(bad_rules_are_refused_at_their_place_in_the_model),
      cmocka_unit_test(a_bad_plan_costs_itself),
      cmocka_unit_test(plans_nest_as_deep_as_the_parser_goes),
      cmocka_unit_test(nodes_refer_to_earlier_ones),
      cmocka_unit_test(values_may_be_words),
      cmocka_unit_test(bad_graphs_are_refused_where_they_are_wrong),
  };
  return cmocka_run_group_tests(tests, setup_context, teardown);
}
