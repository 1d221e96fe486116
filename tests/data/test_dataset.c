/* tests/data/test_dataset.c: datasets: forms, limits, vocabularies, and giving instances to graphs.
 */
#include "data/data_support.h"

#define TREES "(3 (2 a) (1 b))\n(4 c)\n(0 (0 a) (2 c))\n"

static void the_form_is_found_by_the_first_byte(void **state) {
  fixture *f = *state;
  edb_dataset *trees = dataset_of(f->ctx, f->model, " \n (2 a)");
  edb_dataset *lines =
      dataset_of(f->ctx, f->model, "\n{\"nodes\":[{\"cell\":\"leaf\",\"word\":\"a\"}]}");
  assert_int_equal(edb_dataset_node_count(trees, 0), 2);
  assert_int_equal(edb_dataset_node_count(lines, 0), 1);
  edb_dataset_destroy(trees);
  edb_dataset_destroy(lines);
  assert_refused(f->ctx, f->model, "\n word", EDB_ERROR_FORMAT, "d:2:2: found \"word\", expected");
}

static void a_form_may_be_asked_for(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  edb_error error;
  params.format = EDB_DATA_JSONL;
  assert_int_equal(parse_with(f->ctx, f->model, "(2 a)", &params, &dataset, &error),
                   EDB_ERROR_FORMAT);
  assert_int_equal(error.line, 1);
  params.format = EDB_DATA_TREES;
  assert_int_equal(parse_with(f->ctx, f->model, "{\"nodes\":[]}", &params, &dataset, &error),
                   EDB_ERROR_FORMAT);
  params.format = EDB_DATA_FORMAT_COUNT;
  assert_int_equal(parse_with(f->ctx, f->model, "(2 a)", &params, &dataset, &error),
                   EDB_ERROR_ARGUMENT);
}

static void no_instances_is_an_error(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  edb_error error;
  assert_refused(f->ctx, f->model, "", EDB_ERROR_FORMAT, "d: no instances: the file is empty");
  assert_refused(f->ctx, f->model, " \n\n", EDB_ERROR_FORMAT,
                 "d: no instances: the file has only white space");
  params.format = EDB_DATA_TREES;
  assert_int_equal(parse_with(f->ctx, f->model, "  ", &params, &dataset, &error), EDB_ERROR_FORMAT);
  assert_string_equal(error.text, "d: no instances");
  params.skip_bad = true;
  assert_int_equal(parse_with(f->ctx, f->model, "(9 a)\n(8 b)", &params, &dataset, &error),
                   EDB_ERROR_FORMAT);
  assert_string_equal(error.text, "d: no instances: all 2 are bad, the first of them: d:1:2: found "
                                  "9, expected 0 to 4: attribute \"label\" of cell \"score\"");
  assert_int_equal(edb_dataset_parse(f->ctx, f->model, NULL, 0, "d", NULL, &dataset, NULL),
                   EDB_ERROR_FORMAT);
  assert_null(dataset);
}

static void a_missing_file_is_an_error_of_io(void **state) {
  fixture *f = *state;
  edb_dataset *dataset = NULL;
  edb_error error;
  assert_int_equal(edb_dataset_load(f->ctx, f->model, "/nowhere/at/all", NULL, &dataset, &error),
                   EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "/nowhere/at/all"));
  assert_null(dataset);
}

static void a_limit_ends_reading(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  params.limit = 2;
  assert_int_equal(parse_with(f->ctx, f->model, TREES "(((", &params, &dataset, NULL), EDB_OK);
  assert_int_equal(edb_dataset_count(dataset), 2);
  edb_dataset_destroy(dataset);
}

static void params_of_another_size_are_refused(void **state) {
  fixture *f = *state;
  edb_data_params params = {.struct_bytes = 3};
  edb_dataset *dataset = NULL;
  assert_int_equal(parse_with(f->ctx, f->model, TREES, &params, &dataset, NULL),
                   EDB_ERROR_ARGUMENT);
}

static void what_an_older_program_does_not_know_is_not_read(void **state) {
  fixture *f = *state;
  edb_data_params params = {.struct_bytes = offsetof(edb_data_params, limit), .limit = 1};
  edb_dataset *dataset = NULL;
  assert_int_equal(parse_with(f->ctx, f->model, TREES, &params, &dataset, NULL), EDB_OK);
  assert_true(edb_dataset_count(dataset) > 1);
  edb_dataset_destroy(dataset);
}

static void instances_are_appended_as_new_instances(void **state) {
  fixture *f = *state;
  edb_dataset *dataset = dataset_of(f->ctx, f->model, TREES);
  edb_graph *graph = NULL;
  assert_int_equal(edb_graph_create(f->ctx, f->model, &graph, NULL), EDB_OK);
  assert_int_equal(edb_dataset_append(dataset, 2, graph, NULL), EDB_OK);
  assert_int_equal(edb_dataset_append(dataset, 0, graph, NULL), EDB_OK);
  assert_int_equal(edb_graph_instance_count(graph), 2);
  assert_int_equal(edb_graph_node_count(graph), 12);
  assert_int_equal(edb_graph_indices(graph, 0)[0], 1);
  assert_int_equal(edb_graph_indices(graph, 2)[0], 3);
  assert_int_equal(graph->edge_node[graph->edge_start[10]], 6);
  edb_error error;
  assert_int_equal(edb_dataset_append(dataset, 3, graph, &error), EDB_ERROR_ARGUMENT);
  assert_string_equal(error.text, "there is no instance 3 in a dataset of 3");
  edb_graph_destroy(graph);
  edb_dataset_destroy(dataset);
}

static void a_graph_over_another_model_is_refused(void **state) {
  fixture *f = *state;
  edb_model *other = model_of(f->ctx, CELLS BINARY_RULES);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, TREES);
  edb_graph *graph = NULL;
  assert_int_equal(edb_graph_create(f->ctx, other, &graph, NULL), EDB_OK);
  assert_int_equal(edb_dataset_append(dataset, 0, graph, NULL), EDB_ERROR_MISMATCH);
  edb_graph_destroy(graph);
  edb_dataset_destroy(dataset);
  edb_model_destroy(other);
}

static void sizes_that_changed_since_are_refused(void **state) {
  fixture *f = *state;
  edb_model *model = model_of(f->ctx, "edb 1\nmodel m\nconst n = 2\n"
                                      "cell plan(x: dense [n]) -> (y[n]):\n  y = x + x\n");
  edb_dataset *dataset = dataset_of(f->ctx, model, "{\"nodes\":[{\"cell\":\"plan\",\"x\":[1,2]}]}");
  edb_graph *graph = NULL;
  edb_error error;
  assert_int_equal(edb_model_set_constant(model, "n", 3, NULL), EDB_OK);
  assert_int_equal(edb_graph_create(f->ctx, model, &graph, NULL), EDB_OK);
  assert_int_equal(edb_dataset_append(dataset, 0, graph, &error), EDB_ERROR_MISMATCH);
  assert_non_null(strstr(error.text, "model \"m\" have changed since the data were read"));
  edb_graph_destroy(graph);
  edb_dataset_destroy(dataset);
  edb_model_destroy(model);
}

static void words_grow_an_open_vocabulary(void **state) {
  fixture *f = *state;
  uint32_t words = edb_model_vocab(f->model, "words");
  edb_dataset *dataset = dataset_of(f->ctx, f->model, TREES);
  assert_int_equal(edb_model_vocab_size(f->model, words), 4);
  edb_dataset *more = dataset_of(f->ctx, f->model, "(2 (2 c) (2 d))");
  assert_int_equal(edb_model_vocab_size(f->model, words), 5);
  assert_string_equal(edb_model_vocab_word(f->model, words, 4), "d");
  edb_graph *graph = NULL;
  assert_int_equal(edb_graph_create(f->ctx, f->model, &graph, NULL), EDB_OK);
  assert_int_equal(edb_dataset_append(dataset, 0, graph, NULL), EDB_OK);
  assert_int_equal(edb_dataset_append(more, 0, graph, NULL), EDB_OK);
  edb_graph_destroy(graph);
  edb_dataset_destroy(dataset);
  edb_dataset_destroy(more);
}

static void unknown_words_become_unk_once_the_model_is_sealed(void **state) {
  fixture *f = *state;
  edb_dataset *dataset = dataset_of(f->ctx, f->model, TREES);
  assert_int_equal(edb_model_seal(f->model, NULL), EDB_OK);
  edb_dataset *more = dataset_of(f->ctx, f->model, "(2 (2 c) (2 new))");
  assert_string_equal(describe(more, 0), "leaf<3> score<2>(0.h) leaf<0> score<2>(2.h) "
                                         "node(0.h 0.c 2.h 2.c) score<2>(4.h)");
  edb_dataset_destroy(dataset);
  edb_dataset_destroy(more);
}

static void ids_grow_a_vocabulary_without_words(void **state) {
  fixture *f = *state;
  uint32_t words = edb_model_vocab(f->model, "words");
  edb_dataset *dataset = dataset_of(f->ctx, f->model,
                                    "{\"nodes\":[{\"cell\":\"leaf\",\"word\":7}]}\n"
                                    "{\"nodes\":[{\"cell\":\"leaf\",\"word\":41}]}\n");
  assert_int_equal(edb_model_vocab_size(f->model, words), 42);
  assert_string_equal(describe(dataset, 1), "leaf<41>");
  assert_refused(f->ctx, f->model, "{\"nodes\":[{\"cell\":\"leaf\",\"word\":\"a\"}]}",
                 EDB_ERROR_STATE, "d:1:33: vocabulary words has a size (42) and no words");
  assert_int_equal(edb_model_seal(f->model, NULL), EDB_OK);
  assert_refused(f->ctx, f->model, "{\"nodes\":[{\"cell\":\"leaf\",\"word\":42}]}",
                 EDB_ERROR_ARGUMENT, "d:1:33: found 42, expected 0 to 41");
  assert_refused(f->ctx, f->model, "{\"nodes\":[{\"cell\":\"leaf\",\"word\":\"a\"}]}",
                 EDB_ERROR_NAME,
                 "d:1:33: found the word \"a\", which is not in vocabulary \"words\"; that has no");
  edb_dataset_destroy(dataset);
}

static void ids_beyond_any_vocabulary_are_refused(void **state) {
  fixture *f = *state;
  assert_refused(f->ctx, f->model, "{\"nodes\":[{\"cell\":\"leaf\",\"word\":9223372036854775807}]}",
                 EDB_ERROR_ARGUMENT, "d:1:33: found 9223372036854775807, expected");
  assert_refused(f->ctx, f->model, "{\"nodes\":[{\"cell\":\"leaf\",\"word\":9223372036854775808}]}",
                 EDB_ERROR_FORMAT, "d:1:33: ");
}

static void a_dense_attribute_as_long_as_a_growing_vocabulary_is_refused(void **state) {
  fixture *f = *state;
  edb_model *model = model_of(f->ctx, "edb 1\nmodel m\nvocab v\n"
                                      "cell a(i: index v, x: dense [v]) -> (y[v]):\n  y = x + x\n");
  edb_dataset *dataset = NULL;
  edb_error error;
  assert_int_equal(parse_with(f->ctx, model,
                              "{\"nodes\":[{\"cell\":\"a\",\"i\":0,\"x\":[1]}]}\n"
                              "{\"nodes\":[{\"cell\":\"a\",\"i\":1,\"x\":[1,2]}]}\n",
                              NULL, &dataset, &error),
                   EDB_ERROR_MISMATCH);
  assert_null(dataset);
  edb_model_destroy(model);
}

typedef struct log_lines {
  int count;
  char last[256];
} log_lines;

static void count_line(void *user, edb_log_level level, const char *text) {
  log_lines *lines = user;
  assert_int_equal(level, EDB_LOG_WARNING);
  lines->count++;
  snprintf(lines->last, sizeof lines->last, "%s", text);
}

static void the_first_bad_instances_are_logged(void **state) {
  (void)state;
  log_lines lines = {.count = 0};
  edb_context_params context_params = EDB_PARAMS(edb_context_params);
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_context *ctx = NULL;
  edb_dataset *dataset = NULL;
  context_params.log = count_line;
  context_params.log_user = &lines;
  params.skip_bad = true;
  assert_int_equal(edb_context_create(&context_params, &ctx, NULL), EDB_OK);
  edb_model *model = model_of(ctx, CELLS BINARY_RULES);
  assert_int_equal(parse_with(ctx, model, "(9 a)(9 a)(9 a)(2 a)", &params, &dataset, NULL), EDB_OK);
  assert_int_equal(lines.count, 3);
  assert_non_null(strstr(lines.last, "a bad instance is skipped"));
  edb_dataset_destroy(dataset);
  lines.count = 0;
  assert_int_equal(
      parse_with(ctx, model, "(9 a)(9 a)(9 a)(9 a)(9 a)(2 a)", &params, &dataset, NULL), EDB_OK);
  assert_int_equal(edb_dataset_skipped(dataset), 5);
  assert_int_equal(lines.count, 4);
  assert_string_equal(lines.last, "d: further bad instances are skipped in silence");
  edb_dataset_destroy(dataset);
  lines.count = 0; /* with no more than are logged there is nothing further */
  assert_int_equal(parse_with(ctx, model, "(9 a)(9 a)(9 a)(2 a)", &params, &dataset, NULL), EDB_OK);
  assert_int_equal(lines.count, 3);
  edb_dataset_destroy(dataset);
  edb_model_destroy(model);
  edb_context_destroy(ctx);
}

static void destroying_nothing_does_nothing(void **state) {
  (void)state;
  edb_dataset_destroy(NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_binary, teardown)
  const struct CMUnitTest tests[] = {
      TEST(the_form_is_found_by_the_first_byte),
      TEST(a_form_may_be_asked_for),
      TEST(no_instances_is_an_error),
      TEST(a_missing_file_is_an_error_of_io),
      TEST(a_limit_ends_reading),
      TEST(params_of_another_size_are_refused),
      TEST(what_an_older_program_does_not_know_is_not_read),
      TEST(instances_are_appended_as_new_instances),
      TEST(a_graph_over_another_model_is_refused),
      TEST(sizes_that_changed_since_are_refused),
      TEST(words_grow_an_open_vocabulary),
      TEST(unknown_words_become_unk_once_the_model_is_sealed),
      TEST(ids_grow_a_vocabulary_without_words),
      TEST(ids_beyond_any_vocabulary_are_refused),
      TEST(a_dense_attribute_as_long_as_a_growing_vocabulary_is_refused),
      TEST(the_first_bad_instances_are_logged),
      TEST(destroying_nothing_does_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
