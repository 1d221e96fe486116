/* tests/data/test_generators.c: what is generated can be read by the models it is for, is the same
 * for a seed, and has the sizes of the real data. */
#include <unistd.h>

#include "data/data_support.h"

#include "base/file.h"
#include "support/faulty.h"

static const struct {
  const char *form, *model;
  double least, most; /* nodes of the graph per instance, on average */
} forms[] = {
    {"trees", "tree_lstm", 70, 78},
    {"trees", "tree_lstm_2type", 70, 78},
    {"trees", "tree_gru", 70, 78},
    {"trees", "tree_lstm_childsum", 70, 78},
    {"trees", "mv_rnn", 70, 78},
    {"grids", "gated_grid", 150, 300},
    {"tags", "bilstm_tagger", 105, 135},
    {"tags", "bilstm_tagger_char", 200, 600},
    {"text", "rnn_lm", 34, 44},
    {"pairs", "lstm_nmt", 52, 66},
    {"lattices", "lattice_lstm", 135, 175},
    {"lattices", "lattice_gru", 135, 175},
    {"dags", "random_dag", 68, 84},
    {"plans", "plan_cost", 14, 22},
};

static void generate(edb_context *ctx, const char *form, uint32_t count, uint64_t seed,
                     char path[32]) {
  edb_error error = {.text = ""};
  snprintf(path, 32, "/tmp/edb-generated-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  (void)close(fd);
  if (edb_generate(ctx, form, count, seed, path, &error) != EDB_OK) fail_msg("%s", error.text);
}

static void the_zoo_reads_what_is_generated(void **state) {
  fixture *f = *state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    char path[32], model_path[512];
    edb_model *model = NULL;
    edb_dataset *dataset = NULL;
    edb_error error = {.text = ""};
    uint64_t nodes = 0;
    generate(f->ctx, forms[i].form, 400, 3, path);
    snprintf(model_path, sizeof model_path, "%s/models/%s.edb", EDB_SOURCE_DIR, forms[i].model);
    if (edb_model_load(f->ctx, model_path, NULL, &model, &error) != EDB_OK ||
        edb_dataset_load(f->ctx, model, path, NULL, &dataset, &error) != EDB_OK)
      fail_msg("%s", error.text);
    (void)unlink(path);
    assert_int_equal(edb_dataset_count(dataset), 400);
    for (uint32_t k = 0; k < 400; k++) nodes += edb_dataset_node_count(dataset, k);
    double mean = (double)nodes / 400;
    if (mean < forms[i].least || mean > forms[i].most)
      fail_msg("%s: %g nodes on average, expected %g to %g", forms[i].model, mean, forms[i].least,
               forms[i].most);
    edb_dataset_destroy(dataset);
    edb_model_destroy(model);
  }
}

static void a_seed_gives_the_same_file_and_another_a_different_one(void **state) {
  fixture *f = *state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    edb_file files[3];
    char path[32];
    for (uint64_t k = 0; k < 3; k++) {
      generate(f->ctx, forms[i].form, 20, k / 2, path);
      assert_int_equal(edb_file_open(f->ctx, path, &files[k], NULL), EDB_OK);
      (void)unlink(path);
    }
    assert_int_equal(files[0].bytes, files[1].bytes);
    assert_memory_equal(files[0].data, files[1].data, files[0].bytes);
    assert_false(files[0].bytes == files[2].bytes &&
                 memcmp(files[0].data, files[2].data, files[0].bytes) == 0);
    for (int k = 0; k < 3; k++) edb_file_close(&files[k]);
  }
}

static uint32_t count_of(const edb_file *file, const char *word) {
  uint32_t count = 0;
  size_t length = strlen(word);
  for (size_t i = 0; i + length <= file->bytes; i++)
    count += memcmp(file->data + i, word, length) == 0;
  return count;
}

static void generated_plans_join_in_three_ways_and_merge_what_is_sorted(void **state) {
  fixture *f = *state;
  edb_file file;
  char path[32];
  generate(f->ctx, "plans", 400, 3, path);
  assert_int_equal(edb_file_open(f->ctx, path, &file, NULL), EDB_OK);
  (void)unlink(path);
  uint32_t nested = count_of(&file, "\"nested_loop\""), merged = count_of(&file, "\"merge_join\""),
           hashed = count_of(&file, "\"hash_join\"");
  assert_true(nested > 20 && merged > 20 && hashed > 20);
  assert_true(hashed > merged);
  assert_true(count_of(&file, "\"sort\"") >= 2 * merged);
  edb_file_close(&file);
}

static void every_failure_of_memory_is_survived(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    faulty f;
    FAULTY_FOR_EACH(&f, ctx) {
      edb_status status = edb_generate(ctx, forms[i].form, 4, 1, "test_generators.tmp", NULL);
      assert_true(faulty_status(&f, status));
    }
  }
  (void)unlink("test_generators.tmp");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_zoo_reads_what_is_generated, setup_context, teardown),
      cmocka_unit_test_setup_teardown(a_seed_gives_the_same_file_and_another_a_different_one,
                                      setup_context, teardown),
      cmocka_unit_test_setup_teardown(generated_plans_join_in_three_ways_and_merge_what_is_sorted,
                                      setup_context, teardown),
      cmocka_unit_test(every_failure_of_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
