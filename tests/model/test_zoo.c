/* tests/model/test_zoo.c: the models of the zoo: they are read, print, and have the parameters that
 * they are known for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "models.h"

static edb_model *load(edb_context *ctx, const char *name) {
  char path[1024];
  edb_model *model = NULL;
  edb_error error = {0};
  (void)snprintf(path, sizeof path, EDB_SOURCE_DIR "/models/%s", name);
  if (edb_model_load(ctx, path, NULL, &model, &error) != EDB_OK) fail_msg("%s", error.text);
  return model;
}

static void every_model_survives_printing_and_reading(void **state) {
  (void)state;
  DIR *folder = opendir(EDB_SOURCE_DIR "/models");
  assert_non_null(folder);
  uint32_t seen = 0;
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 4, ".edb") != 0) continue;
    edb_context *ctx = new_context();
    edb_model *model = load(ctx, entry->d_name);
    assert_round_trip(ctx, model);
    edb_model_destroy(model);
    drop_context(ctx);
    seen++;
  }
  (void)closedir(folder);
  assert_true(seen >= 2);
}

static void assert_params(const edb_model *model, const char *const *names, size_t count) {
  assert_int_equal(edb_model_param_count(model), count);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(edb_model_param_name(model, (uint32_t)i), names[i]);
  }
}

static void tree_lstm_is_the_binary_one(void **state) {
  (void)state;
  static const char *const names[] = {"E",   "Wi",  "Wo", "Wu", "Ui", "Uo", "Uu",
                                      "Uf1", "Uf2", "bi", "bo", "bu", "bf", "Wout"};
  edb_context *ctx = new_context();
  edb_model *model = load(ctx, "tree_lstm.edb");
  assert_params(model, names, sizeof names / sizeof names[0]);
  double h = 256;
  assert_true(edb_model_cell_flops(model, edb_model_cell(model, "leaf")) == 2 * 3 * h * h);
  assert_true(edb_model_cell_flops(model, edb_model_cell(model, "node")) == 2 * 8 * h * h);
  assert_true(edb_model_cell_flops(model, edb_model_cell(model, "score")) == 2 * 5 * h);
  /* Each matrix once, however many products it is a factor of; tables are not read as a whole. */
  assert_true(edb_model_cell_weight_bytes(model, edb_model_cell(model, "leaf")) == 4 * 3 * h * h);
  assert_true(edb_model_cell_weight_bytes(model, edb_model_cell(model, "score")) == 4 * 5 * h);
  assert_true(edb_model_cell_weight_bytes(model, edb_model_cell_count(model)) == 0);
  assert_int_equal(edb_model_set_constant(model, "hidden", 8, NULL), EDB_OK);
  assert_int_equal(edb_model_param_dim(model, 4, 1), 16);
  const edb_ir_cell *score = &edb_model_program(model)->cells[edb_model_cell(model, "score")];
  assert_true(score->sig.indices[0].is_label);
  assert_true(score->sig.outputs[1].needs_labels);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void tree_gru_is_the_mean_of_one_for_each_child(void **state) {
  (void)state;
  static const char *const names[] = {"E",   "Wr",  "Wz",  "Wc", "Ur1", "Uz1", "Uc1",
                                      "Ur2", "Uz2", "Uc2", "br", "bz",  "bc",  "Wout"};
  edb_context *ctx = new_context();
  edb_model *model = load(ctx, "tree_gru.edb");
  assert_params(model, names, sizeof names / sizeof names[0]);
  double h = 256;
  assert_true(edb_model_cell_flops(model, edb_model_cell(model, "node")) == 2 * 6 * h * h);
  edb_model_destroy(model);
  drop_context(ctx);
}

static void a_graph_of_a_model_knows_its_cells(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = load(ctx, "tree_lstm.edb");
  edb_graph *graph = NULL;
  edb_node node = 0;
  uint32_t id = 0;
  assert_int_equal(edb_graph_create(ctx, model, &graph, NULL), EDB_OK);
  edb_call call = {.cell = edb_model_cell(model, "leaf"), .indices = (const int32_t[]){1}};
  assert_int_equal(edb_graph_append(graph, &call, &node, NULL), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_model_vocab_add(model, 0, "word", 4, &id, NULL), EDB_OK);
  assert_int_equal(edb_graph_append(graph, &call, &node, NULL), EDB_OK);
  edb_graph_destroy(graph);
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_model_survives_printing_and_reading),
      cmocka_unit_test(tree_lstm_is_the_binary_one),
      cmocka_unit_test(tree_gru_is_the_mean_of_one_for_each_child),
      cmocka_unit_test(a_graph_of_a_model_knows_its_cells),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
