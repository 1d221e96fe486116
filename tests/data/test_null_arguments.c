/* A NULL where a pointer is needed is an error with the function and the argument in its text. */
#include "data/data_support.h"

#include <edbatch/edbatch.h>

/* One of each object, to have something to give beside the NULL. */
typedef struct objects {
  edb_context *ctx;
  edb_model *model;
  edb_dataset *dataset;
  edb_weights *weights;
  edb_graph *graph;
  edb_policy *policy;
  edb_session *session;
  edb_schedule *schedule;
  edb_placement *placement;
  edb_frontier *frontier;
  edb_error error;
} objects;

static void must(edb_status status, const edb_error *error) {
  if (status != EDB_OK) fail_msg("%s", error->text);
}

static int open_all(void **state) {
  objects *f = calloc(1, sizeof *f);
  edb_error *e = &f->error;
  const char *text = "(3 (2 a) (2 b))\n";
  must(edb_context_create(NULL, &f->ctx, e), e);
  f->model = model_of(f->ctx, CELLS BINARY_RULES);
  must(edb_dataset_parse(f->ctx, f->model, text, strlen(text), "t", NULL, &f->dataset, e), e);
  must(edb_weights_create(f->ctx, f->model, 1, &f->weights, e), e);
  must(edb_graph_create(f->ctx, f->model, &f->graph, e), e);
  must(edb_dataset_append(f->dataset, 0, f->graph, e), e);
  must(edb_policy_create(f->ctx, EDB_POLICY_BEST, &f->policy, e), e);
  must(edb_session_create(f->ctx, f->model, f->weights, NULL, &f->session, e), e);
  must(edb_schedule_create(f->ctx, f->policy, f->graph, &f->schedule, e), e);
  must(edb_placement_create(f->session, f->graph, f->schedule, NULL, &f->placement, e), e);
  must(edb_frontier_create(f->ctx, f->policy, f->graph, &f->frontier, e), e);
  *state = f;
  return 0;
}

static int close_all(void **state) {
  objects *f = *state;
  edb_frontier_destroy(f->frontier);
  edb_placement_destroy(f->placement);
  edb_schedule_destroy(f->schedule);
  edb_session_destroy(f->session);
  edb_policy_destroy(f->policy);
  edb_graph_destroy(f->graph);
  edb_weights_destroy(f->weights);
  edb_dataset_destroy(f->dataset);
  edb_model_destroy(f->model);
  edb_context_destroy(f->ctx);
  free(f);
  return 0;
}

/* "FUNCTION: ARGUMENT is NULL", whatever the argument is called. */
static void assert_null_refused(edb_status status, const edb_error *error, const char *call) {
  size_t length = strcspn(call, "(");
  if (status != EDB_ERROR_ARGUMENT) fail_msg("%s: %s", call, edb_status_name(status));
  if (strncmp(error->text, call, length) != 0 || strstr(error->text, " is NULL") == NULL)
    fail_msg("%s: %s", call, error->text);
}

/* `e` is the last argument of each call. */
#define REFUSED(call)                    \
  do {                                   \
    edb_error *e = &f->error;            \
    e->text[0] = '\0';                   \
    assert_null_refused(call, e, #call); \
  } while (0)

static void test_models_need_their_pointers(void **state) {
  objects *f = *state;
  edb_model *model = f->model, *made = NULL;
  edb_cell *cell = NULL;
  char *text = NULL;
  uint32_t id = 0;
  REFUSED(edb_context_create(NULL, NULL, e));
  REFUSED(edb_model_load(NULL, "m.edb", NULL, &made, e));
  REFUSED(edb_model_load(f->ctx, NULL, NULL, &made, e));
  REFUSED(edb_model_load(f->ctx, "m.edb", NULL, NULL, e));
  REFUSED(edb_model_parse(NULL, "", 0, "m", NULL, &made, e));
  REFUSED(edb_model_parse(f->ctx, "", 0, "m", NULL, NULL, e));
  REFUSED(edb_model_create(NULL, "m", NULL, &made, e));
  REFUSED(edb_model_create(f->ctx, NULL, NULL, &made, e));
  REFUSED(edb_model_create(f->ctx, "m", NULL, NULL, e));
  REFUSED(edb_model_print(NULL, &text, e));
  REFUSED(edb_model_print(model, NULL, e));
  REFUSED(edb_model_set_constant(NULL, "hidden", 1, e));
  REFUSED(edb_model_set_constant(model, NULL, 1, e));
  REFUSED(edb_model_vocab_add(NULL, 0, "a", 1, &id, e));
  REFUSED(edb_model_vocab_add(model, 0, NULL, 1, &id, e));
  REFUSED(edb_model_vocab_add(model, 0, "a", 1, NULL, e));
  REFUSED(edb_model_vocab_resize(NULL, 0, 1, e));
  REFUSED(edb_model_seal(NULL, e));
  REFUSED(edb_model_add_constant(NULL, "n", "1", e));
  REFUSED(edb_model_add_constant(model, NULL, "1", e));
  REFUSED(edb_model_add_constant(model, "n", NULL, e));
  REFUSED(edb_model_add_vocab(NULL, "n", e));
  REFUSED(edb_model_add_vocab(model, NULL, e));
  REFUSED(edb_model_add_param(NULL, "n", "1", NULL, e));
  REFUSED(edb_model_add_param(model, NULL, "1", NULL, e));
  REFUSED(edb_model_add_param(model, "n", NULL, NULL, e));
  REFUSED(edb_model_add_read(NULL, "trees", "leaf -> leaf(word)", e));
  REFUSED(edb_model_add_read(model, NULL, "leaf -> leaf(word)", e));
  REFUSED(edb_model_add_read(model, "trees", NULL, e));
  REFUSED(edb_cell_begin(NULL, "n", &cell, e));
  REFUSED(edb_cell_begin(model, NULL, &cell, e));
  REFUSED(edb_cell_begin(model, "n", NULL, e));
  REFUSED(edb_cell_end(NULL, e));
  assert_null(made);
  assert_null(cell);
  assert_null(text);
}

static void test_weights_need_their_pointers(void **state) {
  objects *f = *state;
  edb_weights *made = NULL;
  char *text = NULL;
  float k[3];
  REFUSED(edb_weights_create(NULL, f->model, 1, &made, e));
  REFUSED(edb_weights_create(f->ctx, NULL, 1, &made, e));
  REFUSED(edb_weights_create(f->ctx, f->model, 1, NULL, e));
  REFUSED(edb_weights_load(NULL, f->model, "w", &made, e));
  REFUSED(edb_weights_load(f->ctx, NULL, "w", &made, e));
  REFUSED(edb_weights_load(f->ctx, f->model, NULL, &made, e));
  REFUSED(edb_weights_load(f->ctx, f->model, "w", NULL, e));
  REFUSED(edb_weights_save(NULL, "w", e));
  REFUSED(edb_weights_save(f->weights, NULL, e));
  REFUSED(edb_weights_set(NULL, "k", k, 3, e));
  REFUSED(edb_weights_set(f->weights, NULL, k, 3, e));
  REFUSED(edb_weights_set(f->weights, "k", NULL, 3, e));
  REFUSED(edb_weights_get(NULL, "k", k, 3, e));
  REFUSED(edb_weights_get(f->weights, NULL, k, 3, e));
  REFUSED(edb_weights_get(f->weights, "k", NULL, 3, e));
  REFUSED(edb_weights_describe(NULL, "w", &text, e));
  REFUSED(edb_weights_describe(f->ctx, NULL, &text, e));
  REFUSED(edb_weights_describe(f->ctx, "w", NULL, e));
  assert_null(made);
  assert_null(text);
}

static void test_data_need_their_pointers(void **state) {
  objects *f = *state;
  edb_dataset *made = NULL;
  edb_raw_graph *raw = NULL;
  REFUSED(edb_dataset_load(NULL, f->model, "d", NULL, &made, e));
  REFUSED(edb_dataset_load(f->ctx, NULL, "d", NULL, &made, e));
  REFUSED(edb_dataset_load(f->ctx, f->model, NULL, NULL, &made, e));
  REFUSED(edb_dataset_load(f->ctx, f->model, "d", NULL, NULL, e));
  REFUSED(edb_dataset_parse(NULL, f->model, "", 0, "d", NULL, &made, e));
  REFUSED(edb_dataset_parse(f->ctx, NULL, "", 0, "d", NULL, &made, e));
  REFUSED(edb_dataset_parse(f->ctx, f->model, "", 0, "d", NULL, NULL, e));
  REFUSED(edb_dataset_append(NULL, 0, f->graph, e));
  REFUSED(edb_dataset_append(f->dataset, 0, NULL, e));
  REFUSED(edb_data_check_model(NULL, e));
  REFUSED(edb_generate(NULL, "trees", 1, 1, "d", e));
  REFUSED(edb_generate(f->ctx, NULL, 1, 1, "d", e));
  REFUSED(edb_generate(f->ctx, "trees", 1, 1, NULL, e));
  REFUSED(edb_raw_graph_open(NULL, "g", &raw, e));
  REFUSED(edb_raw_graph_open(f->ctx, NULL, &raw, e));
  REFUSED(edb_raw_graph_open(f->ctx, "g", NULL, e));
  REFUSED(edb_raw_graph_schedule(NULL, f->policy, &f->schedule, e));
  assert_int_equal(edb_dataset_parse(f->ctx, f->model, NULL, 1, "d", NULL, &made, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_null(made);
  assert_null(raw);
}

static void test_graphs_need_their_pointers(void **state) {
  objects *f = *state;
  edb_graph *made = NULL;
  const edb_call call = {.cell = 0};
  edb_node node;
  REFUSED(edb_graph_create(NULL, f->model, &made, e));
  REFUSED(edb_graph_create(f->ctx, NULL, &made, e));
  REFUSED(edb_graph_create(f->ctx, f->model, NULL, e));
  REFUSED(edb_graph_append(NULL, &call, &node, e));
  REFUSED(edb_graph_append(f->graph, NULL, &node, e));
  REFUSED(edb_graph_begin_instance(NULL, e));
  REFUSED(edb_graph_release(NULL, 0, e));
  assert_null(made);
}

static void test_a_call_without_the_list_of_its_inputs_is_refused(void **state) {
  objects *f = *state;
  const edb_call call = {.cell = edb_model_cell(f->model, "score"), .n_inputs = 1};
  assert_int_equal(edb_graph_append(f->graph, &call, NULL, &f->error), EDB_ERROR_ARGUMENT);
  assert_string_equal(f->error.text, "cell \"score\": n_inputs is 1 and inputs is NULL");
}

static void test_nobody_needs_to_ask_for_the_number_of_a_node(void **state) {
  objects *f = *state;
  const int32_t word = 0;
  const edb_call call = {.cell = edb_model_cell(f->model, "leaf"), .indices = &word};
  uint32_t before = edb_graph_node_count(f->graph);
  must(edb_graph_append(f->graph, &call, NULL, &f->error), &f->error);
  assert_int_equal(edb_graph_node_count(f->graph), before + 1);
}

static void test_policies_need_their_pointers(void **state) {
  objects *f = *state;
  const edb_graph *graph = f->graph, *none = NULL;
  edb_policy *made = NULL;
  edb_costs *costs = NULL;
  edb_schedule *schedule = NULL;
  edb_frontier *frontier = NULL;
  const edb_node *nodes;
  uint32_t type, count;
  double ns;
  REFUSED(edb_policy_create_with(NULL, EDB_POLICY_TIGHT, NULL, &made, e));
  REFUSED(edb_policy_create_with(f->ctx, EDB_POLICY_TIGHT, NULL, NULL, e));
  REFUSED(edb_policy_create_best(f->ctx, NULL, &made, e));
  REFUSED(edb_policy_learn(NULL, &graph, 1, NULL, &made, e));
  REFUSED(edb_policy_learn(f->ctx, NULL, 1, NULL, &made, e));
  REFUSED(edb_policy_learn(f->ctx, &none, 1, NULL, &made, e));
  REFUSED(edb_policy_learn(f->ctx, &graph, 1, NULL, NULL, e));
  REFUSED(edb_policy_save(NULL, "p", e));
  REFUSED(edb_policy_save(f->policy, NULL, e));
  REFUSED(edb_policy_load(NULL, "p", f->model, &made, e));
  REFUSED(edb_policy_load(f->ctx, NULL, f->model, &made, e));
  REFUSED(edb_policy_load(f->ctx, "p", f->model, NULL, e));
  REFUSED(edb_schedule_create(NULL, f->policy, graph, &schedule, e));
  REFUSED(edb_schedule_create(f->ctx, NULL, graph, &schedule, e));
  REFUSED(edb_schedule_create(f->ctx, f->policy, NULL, &schedule, e));
  REFUSED(edb_schedule_create(f->ctx, f->policy, graph, NULL, e));
  REFUSED(edb_costs_save(NULL, "c", e));
  REFUSED(edb_costs_measure_rows(NULL, e));
  REFUSED(edb_costs_load(NULL, "c", f->model, &costs, e));
  REFUSED(edb_costs_load(f->ctx, NULL, f->model, &costs, e));
  REFUSED(edb_costs_load(f->ctx, "c", f->model, NULL, e));
  REFUSED(edb_costs_predict(NULL, f->schedule, &ns, e));
  REFUSED(edb_frontier_create(NULL, f->policy, graph, &frontier, e));
  REFUSED(edb_frontier_create(f->ctx, NULL, graph, &frontier, e));
  REFUSED(edb_frontier_create(f->ctx, f->policy, NULL, &frontier, e));
  REFUSED(edb_frontier_create(f->ctx, f->policy, graph, NULL, e));
  REFUSED(edb_frontier_sync(NULL, e));
  REFUSED(edb_frontier_next(NULL, &type, &nodes, &count, e));
  REFUSED(edb_frontier_next(f->frontier, NULL, &nodes, &count, e));
  REFUSED(edb_frontier_next(f->frontier, &type, NULL, &count, e));
  REFUSED(edb_frontier_next(f->frontier, &type, &nodes, NULL, e));
  assert_null(made);
  assert_null(costs);
  assert_null(schedule);
  assert_null(frontier);
}

static void test_policies_without_params_have_the_defaults(void **state) {
  objects *f = *state;
  edb_policy *made = NULL;
  must(edb_policy_create_with(f->ctx, EDB_POLICY_TIGHT, NULL, &made, &f->error), &f->error);
  assert_int_equal(edb_policy_get_kind(made), EDB_POLICY_TIGHT);
  edb_policy_destroy(made);
}

static void test_sessions_need_their_pointers(void **state) {
  objects *f = *state;
  edb_session *s = f->session, *made = NULL;
  const edb_graph *graph = f->graph, *lowered = NULL, *none = NULL;
  edb_placement *placement = NULL;
  edb_policy *policy = NULL;
  const edb_policy *own = NULL;
  edb_costs *costs = NULL;
  uint32_t count;
  float out[3];
  double out64[3], gbs;
  const edb_value value = {0, 0};
  REFUSED(edb_session_create(NULL, f->model, f->weights, NULL, &made, e));
  REFUSED(edb_session_create(f->ctx, NULL, f->weights, NULL, &made, e));
  REFUSED(edb_session_create(f->ctx, f->model, NULL, NULL, &made, e));
  REFUSED(edb_session_create(f->ctx, f->model, f->weights, NULL, NULL, e));
  REFUSED(edb_session_lower(NULL, graph, &lowered, e));
  REFUSED(edb_session_lower(s, NULL, &lowered, e));
  REFUSED(edb_session_lower(s, graph, NULL, e));
  REFUSED(edb_placement_create(NULL, graph, f->schedule, NULL, &placement, e));
  REFUSED(edb_placement_create(s, NULL, f->schedule, NULL, &placement, e));
  REFUSED(edb_placement_create(s, graph, NULL, NULL, &placement, e));
  REFUSED(edb_placement_create(s, graph, f->schedule, NULL, NULL, e));
  REFUSED(edb_session_run_placed(NULL, f->graph, f->schedule, f->placement, e));
  REFUSED(edb_session_run_placed(s, NULL, f->schedule, f->placement, e));
  REFUSED(edb_session_run_placed(s, f->graph, NULL, f->placement, e));
  REFUSED(edb_session_run_placed(s, f->graph, f->schedule, NULL, e));
  REFUSED(edb_session_run(NULL, f->graph, f->policy, NULL, e));
  REFUSED(edb_session_run(s, NULL, f->policy, NULL, e));
  REFUSED(edb_session_policy(NULL, &own, e));
  REFUSED(edb_session_policy(s, NULL, e));
  REFUSED(edb_session_estimate(NULL, &costs, e));
  REFUSED(edb_session_estimate(s, NULL, e));
  REFUSED(edb_session_step(NULL, f->graph, f->frontier, &count, e));
  REFUSED(edb_session_step(s, NULL, f->frontier, &count, e));
  REFUSED(edb_session_step(s, f->graph, NULL, &count, e));
  REFUSED(edb_session_step(s, f->graph, f->frontier, NULL, e));
  REFUSED(edb_session_release(NULL, f->graph, 0, e));
  REFUSED(edb_session_release(s, NULL, 0, e));
  REFUSED(edb_session_read(NULL, graph, value, out, 3, e));
  REFUSED(edb_session_read(s, NULL, value, out, 3, e));
  REFUSED(edb_session_read(s, graph, value, NULL, 3, e));
  REFUSED(edb_session_read_f64(NULL, graph, value, out64, 3, e));
  REFUSED(edb_session_read_f64(s, NULL, value, out64, 3, e));
  REFUSED(edb_session_read_f64(s, graph, value, NULL, 3, e));
  REFUSED(edb_session_learn(NULL, &graph, 1, NULL, &policy, e));
  REFUSED(edb_session_learn(s, &none, 1, NULL, &policy, e));
  REFUSED(edb_session_learn(s, &graph, 1, NULL, NULL, e));
  REFUSED(edb_session_calibrate(NULL, &graph, 1, 1, &costs, e));
  REFUSED(edb_session_calibrate(s, NULL, 1, 1, &costs, e));
  REFUSED(edb_session_calibrate(s, &graph, 1, 1, NULL, e));
  REFUSED(edb_measure_read_gbs(NULL, 4096, 1, &gbs, e));
  REFUSED(edb_measure_read_gbs(f->ctx, 4096, 1, NULL, e));
  assert_null(made);
  assert_null(lowered);
  assert_null(placement);
  assert_null(policy);
  assert_null(costs);
}

static void test_a_name_to_be_kept_is_no_null(void **state) {
  objects *f = *state;
  const char *name = NULL;
  const edb_keep none = {NULL, 1}, empty = {&name, 1};
  assert_int_equal(edb_session_run(f->session, f->graph, f->policy, &none, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_run(f->session, f->graph, f->policy, &empty, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(f->error.text, "outputs[0] is NULL"));
}

/* A mistake of the builder is reported where the cell ends. */
static void test_texts_of_the_builder_are_no_nulls(void **state) {
  objects *f = *state;
  edb_model *model = model_of(f->ctx, "edb 1\nmodel m\nparam p[2]\n");
  for (int which = 0; which < 12; which++) {
    edb_cell *cell = NULL;
    must(edb_cell_begin(model, "made", &cell, &f->error), &f->error);
    edb_expr x = edb_cell_input(cell, "x", "2");
    const char *missing = NULL;
    if (which == 0) (void)edb_cell_input(cell, NULL, "2");
    if (which == 1) (void)edb_cell_variadic(cell, "y", NULL);
    if (which == 2) (void)edb_cell_dense(cell, NULL, "2");
    if (which == 3) (void)edb_cell_index(cell, NULL, "2");
    if (which == 4) (void)edb_cell_index(cell, "i", NULL);
    if (which == 5) (void)edb_cell_param(cell, NULL);
    if (which == 6) (void)edb_cell_constant(cell, NULL);
    if (which == 7) (void)edb_cell_op(cell, NULL, &x, 1);
    if (which == 8) (void)edb_cell_op(cell, "tanh", NULL, 1);
    if (which == 9) (void)edb_cell_op_with(cell, "slice", &x, 1, &missing, 1);
    if (which == 10) (void)edb_cell_name(cell, x, NULL);
    if (which == 11) edb_cell_output(cell, x, NULL);
    edb_cell_output(cell, x, "z");
    assert_int_equal(edb_cell_end(cell, &f->error), EDB_ERROR_ARGUMENT);
    if (strstr(f->error.text, "is NULL") == NULL) fail_msg("%d: %s", which, f->error.text);
  }
  edb_model_destroy(model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_models_need_their_pointers),
      TEST(test_weights_need_their_pointers),
      TEST(test_data_need_their_pointers),
      TEST(test_graphs_need_their_pointers),
      TEST(test_a_call_without_the_list_of_its_inputs_is_refused),
      TEST(test_nobody_needs_to_ask_for_the_number_of_a_node),
      TEST(test_policies_need_their_pointers),
      TEST(test_policies_without_params_have_the_defaults),
      TEST(test_sessions_need_their_pointers),
      TEST(test_a_name_to_be_kept_is_no_null),
      TEST(test_texts_of_the_builder_are_no_nulls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
