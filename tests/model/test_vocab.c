/* tests/model/test_vocab.c: vocabularies: growing, finding, sizes without words, and what follows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

static edb_context *ctx;
static edb_model *model;

static int set_up(void **state) {
  (void)state;
  ctx = new_context();
  model =
      parse_model(ctx, "edb 1\nmodel m\nconst n = 4\nvocab words, tags\nparam E[words, n]\n"
                       "cell f(i: index words) -> (r[n]):\n  r = E[i]\n"
                       "cell g(x[3], t: index tags) -> (loss):\n  loss = cross_entropy(x, t)\n");
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  edb_model_destroy(model);
  drop_context(ctx);
  return 0;
}

static uint32_t add(uint32_t vocab, const char *word) {
  uint32_t id = UINT32_MAX;
  edb_error error = {0};
  if (edb_model_vocab_add(model, vocab, word, strlen(word), &id, &error) != EDB_OK) {
    fail_msg("%s", error.text);
  }
  return id;
}

static void words_get_ids_in_their_order_after_unk(void **state) {
  (void)state;
  assert_int_equal(add(0, "a"), 1);
  assert_int_equal(add(0, "b"), 2);
  assert_int_equal(add(0, "a"), 1);
  assert_int_equal(add(0, "<unk>"), 0);
  assert_int_equal(edb_model_vocab_size(model, 0), 3);
  assert_string_equal(edb_model_vocab_word(model, 0, 0), "<unk>");
  assert_string_equal(edb_model_vocab_word(model, 0, 2), "b");
  assert_null(edb_model_vocab_word(model, 0, 3));
  assert_int_equal(edb_model_vocab_find(model, 0, "b", 1), 2);
  assert_int_equal(edb_model_vocab_find(model, 0, "zzz", 3), 0);
}

static void unk_may_be_the_first_word_itself(void **state) {
  (void)state;
  assert_int_equal(add(0, "<unk>"), 0);
  assert_int_equal(edb_model_vocab_size(model, 0), 1);
}

static void an_empty_vocabulary_finds_nothing(void **state) {
  (void)state;
  assert_int_equal(edb_model_vocab_find(model, 0, "a", 1), UINT32_MAX);
  assert_int_equal(edb_model_vocab_find(model, 7, "a", 1), UINT32_MAX);
  assert_int_equal(edb_model_vocab_size(model, 0), 0);
}

static void vocabularies_are_found_by_name(void **state) {
  (void)state;
  assert_int_equal(edb_model_vocab_count(model), 2);
  assert_int_equal(edb_model_vocab(model, "tags"), 1);
  assert_int_equal(edb_model_vocab(model, "n"), UINT32_MAX);
  assert_string_equal(edb_model_vocab_name(model, 1), "tags");
  assert_null(edb_model_vocab_name(model, 2));
}

static void bounds_follow_at_once_and_shapes_when_asked_for(void **state) {
  (void)state;
  const edb_schema *schema = &edb_model_program(model)->schema;
  assert_int_equal(schema->types[0].indices[0].bound, 0);
  add(0, "a");
  assert_int_equal(schema->types[0].indices[0].bound, 2);
  assert_int_equal(edb_model_program(model)->params[0].shape.dim[0], 2);
  add(0, "b");
  assert_int_equal(schema->types[0].indices[0].bound, 3);
  assert_int_equal(edb_model_param_dim(model, 0, 0), 3);
}

static void a_vocabulary_may_have_a_size_and_no_words(void **state) {
  (void)state;
  uint32_t id = 0;
  assert_int_equal(edb_model_vocab_resize(model, 0, 100, NULL), EDB_OK);
  assert_int_equal(edb_model_vocab_size(model, 0), 100);
  assert_int_equal(edb_model_param_dim(model, 0, 0), 100);
  assert_null(edb_model_vocab_word(model, 0, 5));
  assert_int_equal(edb_model_vocab_add(model, 0, "a", 1, &id, NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_model_vocab_resize(model, 0, 50, NULL), EDB_OK);
  assert_int_equal(edb_model_vocab_resize(model, 0, UINT32_MAX, NULL), EDB_ERROR_LIMIT);
}

static void one_with_words_has_no_other_size(void **state) {
  (void)state;
  add(0, "a");
  assert_int_equal(edb_model_vocab_resize(model, 0, 2, NULL), EDB_OK);
  assert_int_equal(edb_model_vocab_resize(model, 0, 3, NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_model_vocab_resize(model, 9, 3, NULL), EDB_ERROR_ARGUMENT);
}

static void a_size_that_does_not_fit_the_cells_is_refused(void **state) {
  (void)state;
  edb_error error = {0};
  assert_int_equal(edb_model_vocab_resize(model, 1, 4, &error), EDB_ERROR_SHAPE);
  assert_non_null(strstr(error.text, "t has values 0 to 3, but x of shape [3] has only 3 entries"));
  assert_int_equal(edb_model_vocab_size(model, 1), 0);
  assert_int_equal(edb_model_vocab_resize(model, 1, 3, &error), EDB_OK);
}

static void words_that_outgrow_a_cell_are_reported_by_the_seal(void **state) {
  (void)state;
  edb_error error = {0};
  add(0, "a");
  for (int i = 0; i < 3; i++) add(1, (const char *[]){"x", "y", "z"}[i]);
  assert_non_null(edb_model_program(model));
  assert_int_equal(edb_model_seal(model, &error), EDB_ERROR_SHAPE);
  assert_false(edb_model_is_sealed(model));
}

static void an_empty_vocabulary_cannot_be_sealed(void **state) {
  (void)state;
  edb_error error = {0};
  add(0, "a");
  assert_int_equal(edb_model_seal(model, &error), EDB_ERROR_STATE);
  assert_string_equal(
      error.text, "model m: vocabulary tags is empty, so nothing can be learned for it: read data "
                  "that use it, load weights that have it, or set its size first");
}

static void a_sealed_one_gives_known_words_only(void **state) {
  (void)state;
  uint32_t id = 0;
  add(0, "a");
  add(1, "b");
  assert_int_equal(edb_model_seal(model, NULL), EDB_OK);
  assert_int_equal(add(0, "a"), 1);
  assert_int_equal(edb_model_vocab_add(model, 0, "c", 1, &id, NULL), EDB_ERROR_STATE);
  assert_int_equal(edb_model_vocab_resize(model, 0, 9, NULL), EDB_ERROR_STATE);
}

static void a_word_with_a_zero_byte_is_refused(void **state) {
  (void)state;
  uint32_t id = 0;
  assert_int_equal(edb_model_vocab_add(model, 0, "a\0b", 3, &id, NULL), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_model_vocab_add(model, 9, "a", 1, &id, NULL), EDB_ERROR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
      TEST(words_get_ids_in_their_order_after_unk),
      TEST(unk_may_be_the_first_word_itself),
      TEST(an_empty_vocabulary_finds_nothing),
      TEST(vocabularies_are_found_by_name),
      TEST(bounds_follow_at_once_and_shapes_when_asked_for),
      TEST(a_vocabulary_may_have_a_size_and_no_words),
      TEST(one_with_words_has_no_other_size),
      TEST(a_size_that_does_not_fit_the_cells_is_refused),
      TEST(words_that_outgrow_a_cell_are_reported_by_the_seal),
      TEST(an_empty_vocabulary_cannot_be_sealed),
      TEST(a_sealed_one_gives_known_words_only),
      TEST(a_word_with_a_zero_byte_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
