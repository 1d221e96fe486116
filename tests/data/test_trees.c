/* tests/data/test_trees.c: the reader of bracketed trees: forms, positions of errors, recovery. */
#include "data/data_support.h"

static const char *read(fixture *f, const char *text) {
  static char out[8192];
  edb_dataset *dataset = dataset_of(f->ctx, f->model, text);
  strcpy(out, describe(dataset, edb_dataset_count(dataset) - 1));
  edb_dataset_destroy(dataset);
  return out;
}

static void nodes_come_in_post_order_each_before_its_score(void **state) {
  fixture *f = *state;
  assert_string_equal(read(f, "(3 (2 very) (4 good))"),
                      "leaf<1> score<2>(0.h) leaf<2> score<4>(2.h) "
                      "node(0.h 0.c 2.h 2.c) score<3>(4.h)");
}

static void a_leaf_alone_is_a_tree(void **state) {
  assert_string_equal(read(*state, "(3 good)"), "leaf<1> score<3>(0.h)");
}

static void labels_may_be_absent(void **state) {
  fixture *f = *state;
  assert_string_equal(read(f, "(? (- a) (b))"), "leaf<1> score<-1>(0.h) leaf<2> score<-1>(2.h) "
                                                "node(0.h 0.c 2.h 2.c) score<-1>(4.h)");
  assert_string_equal(read(f, "(1 ((a) (b)) (2 b))"),
                      "leaf<1> score<-1>(0.h) leaf<2> score<-1>(2.h) "
                      "node(0.h 0.c 2.h 2.c) score<-1>(4.h) leaf<2> score<2>(6.h) "
                      "node(4.h 4.c 6.h 6.c) score<1>(8.h)");
}

static void the_wrapper_of_the_penn_treebank_is_no_node(void **state) {
  fixture *f = *state;
  assert_string_equal(read(f, "( (3 good) )"), "leaf<1> score<3>(0.h)");
  assert_refused(f->ctx, f->model, "( ( (3 good) ) )", EDB_ERROR_FORMAT,
                 "d:1:3: found a node with 1 child, expected 2");
}

static void words_are_kept_as_they_are(void **state) {
  fixture *f = *state;
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "(2 (2 comedy\\/thriller) (2 -LRB-))");
  uint32_t words = edb_model_vocab(f->model, "words");
  assert_string_equal(edb_model_vocab_word(f->model, words, 0), "<unk>");
  assert_string_equal(edb_model_vocab_word(f->model, words, 1), "comedy\\/thriller");
  assert_string_equal(edb_model_vocab_word(f->model, words, 2), "-LRB-");
  edb_dataset_destroy(dataset);
}

static void trees_may_span_lines_and_share_them(void **state) {
  fixture *f = *state;
  edb_dataset *dataset =
      dataset_of(f->ctx, f->model, "\xef\xbb\xbf\r\n(3\n  (2 a)\n\t(4 b))(1 c)  (0 d)\r\n\n(1 e)");
  assert_int_equal(edb_dataset_count(dataset), 4);
  assert_int_equal(edb_dataset_node_count(dataset, 0), 6);
  assert_string_equal(describe(dataset, 3), "leaf<5> score<1>(0.h)");
  edb_dataset_destroy(dataset);
}

static void malformed_trees_are_refused_with_their_position(void **state) {
  fixture *f = *state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"(3 (2 a) (2 b)", "d:1:15: found the end of the text, expected \")\" for the \"(\" at 1:1"},
      {"(3 (2 a)\n(2 b", "d:2:5: found the end of the text, expected \")\" for the \"(\" at 2:1"},
      {"(2 a))", "d:1:6: found \")\", expected \"(\", where a tree begins"},
      {"(2 a) b", "d:1:7: found \"b\", expected \"(\", where a tree begins"},
      {"()", "d:1:1: found \"()\", expected a label"},
      {"(3 (2 a) ())", "d:1:10: found \"()\""},
      {"(2 a b)", "d:1:6: found \"b\", expected \")\" after a word"},
      {"(2 a (2 b))", "d:1:6: found \"(\", expected \")\" after a word"},
      {"(2 (2 a) b)", "d:1:10: found \"b\", expected \"(\" or \")\" after a child"},
      {"(2 (2 a) (2 b) (2 c))", "d:1:1: found a node with 3 children, expected 2 (the inner rules"},
      {"(3 (2 a)\n (x b))", "d:2:3: found label \"x\", expected a number below 5, or ? or -"},
      {"(-1 a)", "d:1:2: found label \"-1\", expected a number"},
      {"(2.0 a)", "d:1:2: found label \"2.0\", expected a number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(f->ctx, f->model, cases[i].text, EDB_ERROR_FORMAT, cases[i].error);
  }
}

static void a_byte_of_zero_is_told_as_such(void **state) {
  fixture *f = *state;
  edb_dataset *dataset = NULL;
  edb_error error;
  assert_int_equal(
      edb_dataset_parse(f->ctx, f->model, "(2 a)\0(2 b)", 11, "d", NULL, &dataset, &error),
      EDB_ERROR_FORMAT);
  assert_string_equal(error.text, "d:1:6: found byte 0x00, expected \"(\", where a tree begins");
}

static void labels_out_of_range_are_refused(void **state) {
  fixture *f = *state;
  assert_refused(f->ctx, f->model, "(5 a)", EDB_ERROR_ARGUMENT,
                 "d:1:2: found 5, expected 0 to 4: attribute \"label\" of cell \"score\"");
  assert_refused(f->ctx, f->model, "(99999999999999999999999999 a)", EDB_ERROR_ARGUMENT,
                 "d:1:2: found ");
}

static void words_that_are_not_utf8_are_refused(void **state) {
  fixture *f = *state;
  assert_refused(f->ctx, f->model, "(2 caf\xe9)", EDB_ERROR_FORMAT,
                 "d:1:4: found a word with the byte 0xe9 at 3");
  edb_error error;
  edb_dataset *dataset = NULL;
  assert_int_equal(edb_dataset_parse(f->ctx, f->model, "(2 a\0b)", 7, "d", NULL, &dataset, &error),
                   EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, "byte 0x00"));
}

static void bad_trees_are_skipped_and_the_next_is_found(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.skip_bad = true;
  static const struct {
    const char *text;
    uint32_t count, skipped;
  } cases[] = {
      {"(7 a) (2 b)", 1, 1},                        /* behind its bracket */
      {"(3 (2 a) (9 b)) (2 c)\n(2 d)", 2, 1},       /* an inner node is bad */
      {"(3 (2 a) (2 b)\n(2 c)\n(2 d)", 2, 1},       /* a missing bracket costs one tree */
      {"(2 a)) (2 b)\n(2 c)", 3, 1},                /* one too many */
      {"(2 a)\nwords\nin between (2 b)", 2, 1},     /* text between trees */
      {"(3 (2 a)\n  (9 b)\n  (2 c))\n(2 d)", 1, 1}, /* over several lines */
      {"(2 a) (3 (2 b)", 1, 1},                     /* cut at the end */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    edb_dataset *dataset = NULL;
    edb_error error;
    if (parse_with(f->ctx, f->model, cases[i].text, &params, &dataset, &error) != EDB_OK) {
      fail_msg("\"%s\": %s", cases[i].text, error.text);
    }
    if (edb_dataset_count(dataset) != cases[i].count ||
        edb_dataset_skipped(dataset) != cases[i].skipped) {
      fail_msg("\"%s\": %u instances, %u skipped", cases[i].text, edb_dataset_count(dataset),
               edb_dataset_skipped(dataset));
    }
    edb_dataset_destroy(dataset);
  }
}

static void labels_are_dropped_for_inference(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  params.no_labels = true;
  assert_int_equal(parse_with(f->ctx, f->model, "(NP (9 a) (2 b))", &params, &dataset, NULL),
                   EDB_OK);
  assert_string_equal(describe(dataset, 0), "leaf<1> score<-1>(0.h) leaf<2> score<-1>(2.h) "
                                            "node(0.h 0.c 2.h 2.c) score<-1>(4.h)");
  edb_dataset_destroy(dataset);
}

/* (2 (2 a) (2 (2 a) ... ) nested `depth` times to the right. */
static char *deep_tree(uint32_t depth, size_t *bytes) {
  static const char open[] = "(2 (2 a) ";
  size_t n = (sizeof open - 1) * (size_t)depth + 5 + depth;
  char *text = malloc(n);
  assert_non_null(text);
  for (uint32_t i = 0; i < depth; i++) memcpy(text + i * (sizeof open - 1), open, sizeof open - 1);
  memcpy(text + (sizeof open - 1) * (size_t)depth, "(2 a)", 5);
  memset(text + n - depth, ')', depth);
  *bytes = n;
  return text;
}

static void a_million_levels_are_read(void **state) {
  fixture *f = *state;
  size_t bytes = 0;
  char *text = deep_tree(1000000, &bytes);
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  edb_status status = edb_dataset_parse(f->ctx, f->model, text, bytes, "d", NULL, &dataset, &error);
  free(text);
  assert_string_equal(error.text, "");
  assert_int_equal(status, EDB_OK);
  assert_int_equal(edb_dataset_node_count(dataset, 0), 2 * 2000001);
  edb_dataset_destroy(dataset);
}

static void ten_million_open_brackets_are_an_error(void **state) {
  fixture *f = *state;
  size_t bytes = 10000000;
  char *text = malloc(bytes);
  assert_non_null(text);
  memset(text, '(', bytes);
  edb_dataset *dataset = NULL;
  edb_error error;
  edb_status status = edb_dataset_parse(f->ctx, f->model, text, bytes, "d", NULL, &dataset, &error);
  free(text);
  assert_int_equal(status, EDB_ERROR_LIMIT);
  assert_int_equal(error.line, 1);
  assert_int_equal(error.column, (1 << 20) + 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_binary, teardown)
  const struct CMUnitTest tests[] = {
      TEST(nodes_come_in_post_order_each_before_its_score),
      TEST(a_leaf_alone_is_a_tree),
      TEST(labels_may_be_absent),
      TEST(the_wrapper_of_the_penn_treebank_is_no_node),
      TEST(words_are_kept_as_they_are),
      TEST(trees_may_span_lines_and_share_them),
      TEST(malformed_trees_are_refused_with_their_position),
      TEST(a_byte_of_zero_is_told_as_such),
      TEST(labels_out_of_range_are_refused),
      TEST(words_that_are_not_utf8_are_refused),
      TEST(bad_trees_are_skipped_and_the_next_is_found),
      TEST(labels_are_dropped_for_inference),
      TEST(a_million_levels_are_read),
      TEST(ten_million_open_brackets_are_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
