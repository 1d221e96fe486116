/* tests/data/test_sequences.c: which calls tags, text, pairs and grids become. */
#include <unistd.h>

#include "data/data_support.h"

#define STEPS                                                                      \
  "edb 1\nmodel m\nconst n = 2\nvocab words, others, tags\n"                       \
  "param E[words, n], F[others, n], W[tags, n], V[words, n], z[n]\n"               \
  "cell init() -> (h[n]):\n  h = z\n"                                              \
  "cell zero() -> (h[n]):\n  h = z + z\n"                                          \
  "cell f(p[n], word: index words) -> (h[n]):\n  h = p + E[word]\n"                \
  "cell g(p[n], x[n]) -> (h[n]):\n  h = p * x\n"                                   \
  "cell b(p[n], word: index words) -> (h[n]):\n  h = p - E[word]\n"                \
  "cell t(p[n], word: index others) -> (h[n]):\n  h = p + F[word]\n"               \
  "cell join(x[n], y[n]) -> (h[n]):\n  h = x + y\n"                                \
  "cell embed(word: index words) -> (h[n]):\n  h = E[word]\n"                      \
  "cell c(p[n], char: index others) -> (h[n]):\n  h = p + F[char]\n"               \
  "cell tag(x[n], tag: index tags) -> (l):\n  l = cross_entropy(W @ x, tag)\n"     \
  "cell next(x[n], next: index words) -> (l):\n  l = cross_entropy(V @ x, next)\n" \
  "cell class(x[n], label: index 2) -> (l):\n  l = cross_entropy(x, label)\n"

static edb_model *open_model(fixture *f, const char *rules) {
  static char text[8192];
  snprintf(text, sizeof text, "%s%s", STEPS, rules);
  edb_model_destroy(f->model);
  f->model = model_of(f->ctx, text);
  return f->model;
}

static const char *read_last(fixture *f, const char *text, const edb_data_params *params) {
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  if (parse_with(f->ctx, f->model, text, params, &dataset, &error) != EDB_OK)
    fail_msg("%s", error.text);
  const char *out = describe(dataset, edb_dataset_count(dataset) - 1);
  edb_dataset_destroy(dataset);
  return out;
}

static const char *calls_of(fixture *f, const char *rules, const char *text) {
  (void)open_model(f, rules);
  return read_last(f, text, NULL);
}

/* ---- Tags ------------------------------------------------------------------------------------ */

static void a_chain_begins_with_its_start(void **state) {
  assert_string_equal(calls_of(*state,
                               "read tags:\n  start -> init()\n  forward(p) -> f(p, word)\n"
                               "  every -> tag(f.h, tag)\n",
                               "a|X b|Y\n"),
                      "init f<1>(0.h) f<2>(1.h) tag<1>(1.h) tag<2>(2.h)");
}

static void layers_and_directions_meet_at_their_token(void **state) {
  assert_string_equal(calls_of(*state,
                               "read tags:\n  start(f, b) -> init()\n  start(g) -> zero()\n"
                               "  forward(p) -> f(p, word)\n  forward(p) -> g(p, f)\n"
                               "  backward(n) -> b(n, word)\n  every -> join(g, b)\n"
                               "  every -> tag(join.h, tag)\n",
                               "a|X b|? c\n"),
                      "init f<1>(0.h) f<2>(1.h) f<3>(2.h) "
                      "zero g(4.h 1.h) g(5.h 2.h) g(6.h 3.h) "
                      "b<3>(0.h) b<2>(8.h) b<1>(9.h) "
                      "join(5.h 10.h) join(6.h 9.h) join(7.h 8.h) "
                      "tag<1>(11.h) tag<-1>(12.h) tag<-1>(13.h)");
}

static void the_last_bar_of_a_token_counts(void **state) {
  fixture *f = *state;
  assert_string_equal(
      calls_of(f, "read tags:\n  start -> init()\n  forward(p) -> f(p, word)\n", "a|b|X |||X\n"),
      "init f<1>(0.h) f<2>(1.h)");
  assert_string_equal(edb_model_vocab_word(f->model, 0, 1), "a|b");
  assert_string_equal(edb_model_vocab_word(f->model, 0, 2), "||");
}

#define SPELLING                                                     \
  "read tags:\n  start -> init()\n  char_forward(p) -> c(p, char)\n" \
  "  known -> embed(word)\n  rare -> join(c, c)\n  forward(p, token) -> g(p, token)\n"

static void rare_words_are_spelt(void **state) {
  fixture *f = *state;
  (void)open_model(f, SPELLING);
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.min_count = 2;
  assert_string_equal(read_last(f, "a|X\na|X xy|X\n", &params),
                      "embed<1> init c<1>(1.h) c<2>(2.h) c<3>(3.h) c<1>(4.h) join(5.h 5.h) "
                      "g(1.h 0.h) g(7.h 6.h)");
  assert_int_equal(edb_model_vocab_size(f->model, 0), 2);
  assert_string_equal(edb_model_vocab_word(f->model, 1, 1), "<*>");
}

static void a_sealed_model_spells_what_it_does_not_know(void **state) {
  fixture *f = *state;
  (void)open_model(f, SPELLING);
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.min_count = 1;
  (void)read_last(f, "a|X\n", &params);
  assert_string_equal(read_last(f, "b|X\n", NULL),
                      "init c<1>(0.h) c<2>(1.h) c<1>(2.h) join(3.h 3.h) g(0.h 4.h)");
  assert_int_equal(edb_model_vocab_resize(f->model, 2, 1, NULL), EDB_OK);
  assert_int_equal(edb_model_seal(f->model, NULL), EDB_OK);
  assert_string_equal(read_last(f, "a|X\n", NULL), "embed<1> init g(1.h 0.h)");
  assert_string_equal(read_last(f, "\xc3\xa4|X\n", &params),
                      "init c<1>(0.h) c<0>(1.h) c<1>(2.h) join(3.h 3.h) g(0.h 4.h)");
}

/* ---- Text, pairs, grids ---------------------------------------------------------------------- */

static void text_has_a_step_more_than_words(void **state) {
  fixture *f = *state;
  assert_string_equal(calls_of(f,
                               "read text:\n  start -> init()\n  forward(p) -> f(p, word)\n"
                               "  every -> next(f.h, next)\n",
                               "\n x y \r\n"),
                      "init f<1>(0.h) f<2>(1.h) f<3>(2.h) next<2>(1.h) next<3>(2.h) next<4>(3.h)");
  assert_string_equal(edb_model_vocab_word(f->model, 0, 1), "<s>");
  assert_string_equal(edb_model_vocab_word(f->model, 0, 4), "</s>");
}

#define PAIR_RULES                                                 \
  "read pairs:\n  start(f) -> init()\n  source(p) -> f(p, word)\n" \
  "  target(p) -> t(p, word)\n  output -> join(t, f)\n"

static void a_target_goes_on_from_its_source(void **state) {
  assert_string_equal(calls_of(*state, PAIR_RULES, "a b\tx\n"),
                      "init f<1>(0.h) f<2>(1.h) t<1>(2.h) t<2>(3.h) join(3.h 2.h) join(4.h 2.h)");
}

static void a_target_may_begin_with_a_call_on_its_source(void **state) {
  assert_string_equal(calls_of(*state,
                               "read pairs:\n  start(f, b) -> init()\n  start(t) -> join(f, b)\n"
                               "  source(p) -> f(p, word)\n  source_backward(n) -> b(n, word)\n"
                               "  target(p) -> t(p, word)\n",
                               "a b\tx\n"),
                      "init f<1>(0.h) f<2>(1.h) b<2>(0.h) b<1>(3.h) join(2.h 4.h) "
                      "t<1>(5.h) t<2>(6.h)");
}

static void pairs_may_be_two_files(void **state) {
  fixture *f = *state;
  char source[] = "/tmp/edb-source-XXXXXX", target[] = "/tmp/edb-target-XXXXXX", paths[128];
  int first = mkstemp(source), second = mkstemp(target);
  assert_true(first >= 0 && second >= 0);
  assert_int_equal(write(first, "a\n\nb c\nd\n", 9), 9);
  assert_int_equal(write(second, "x\n\ny\n", 5), 5);
  snprintf(paths, sizeof paths, "%s,%s", source, target);
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  (void)open_model(f, PAIR_RULES);
  assert_int_equal(edb_dataset_load(f->ctx, f->model, paths, NULL, &dataset, &error),
                   EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, ":4:1: found a line more than the other file has"));
  assert_memory_equal(error.text, source, strlen(source));
  assert_int_equal(write(second, "\xff\n", 2), 2);
  assert_int_equal(edb_dataset_load(f->ctx, f->model, paths, NULL, &dataset, &error),
                   EDB_ERROR_FORMAT);
  assert_memory_equal(error.text, target, strlen(target));
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.limit = 2;
  assert_int_equal(edb_dataset_load(f->ctx, f->model, paths, &params, &dataset, &error), EDB_OK);
  assert_int_equal(edb_dataset_count(dataset), 2);
  edb_dataset_destroy(dataset);
  assert_int_equal(edb_dataset_load(f->ctx, f->model, "/no/such,/file", NULL, &dataset, &error),
                   EDB_ERROR_IO);
  (void)close(first);
  (void)close(second);
  (void)unlink(source);
  (void)unlink(target);
}

static void grids_are_triangles(void **state) {
  fixture *f = *state;
  const char *rules = "read grids:\n  leaf -> embed(word)\n  inner(l, r) -> join(l, r)\n"
                      "  root(node) -> class(node, label)\n";
  assert_string_equal(calls_of(f, rules, "1\ta b c\n"),
                      "embed<1> embed<2> embed<3> join(0.h 1.h) join(1.h 2.h) join(3.h 4.h) "
                      "class<1>(5.h)");
  assert_string_equal(calls_of(f, rules, "a\n"), "embed<1> class<-1>(0.h)");
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static void bad_rules_are_refused_at_their_place_in_the_model(void **state) {
  fixture *f = *state;
  static const struct {
    const char *rules, *error;
  } cases[] = {
      {"read tags:\n  forward(p) -> f(p, word)\n",
       ":3: nothing stands for \"p\" where a chain of cell \"f\" begins"},
      {"read tags:\n  start(q) -> init()\n", "found \"q\", expected a cell that is called along"},
      {"read tags:\n  start -> init()\n  every -> tag(f.h, tag)\n",
       "found argument \"f\", expected word, tag, a cell called by an earlier rule"},
      {"read tags:\n  start -> init()\n  forward(p) -> f(p, next)\n", "found argument \"next\""},
      {"read tags:\n  start -> init()\n  forward(p, t) -> g(p, t)\n",
       "no rule makes calls for \"t\""},
      {"read tags:\n  rare -> zero()\n", "found \"rare\" without a rule \"known"},
      {"read tags:\n  known -> embed(word)\n  known -> embed(word)\n", "found a second rule"},
      {"read tags:\n  start -> init()\n  forward(p) -> f(p, word)\n  backward(p) -> f(p, word)\n"
       "  every -> join(f, f)\n",
       "a cell that only one rule before this one calls"},
      {"read pairs:\n  start -> join(f, f)\n  source(p) -> f(p, word)\n",
       "it cannot take calls of a source"},
      {"read grids:\n  leaf -> embed(word)\n", "has no rule \"inner(left, right) -> ...\""},
      {"read lattices:\n  start -> init()\n  char(from) -> f(from, word)\n",
       "found argument \"word\", expected id"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    edb_dataset *dataset = NULL;
    edb_error error = {.text = ""};
    assert_int_not_equal(
        parse_with(f->ctx, open_model(f, cases[i].rules), "1\n", NULL, &dataset, &error), EDB_OK);
    if (strncmp(error.text, "m.edb:", 6) != 0 || strstr(error.text, cases[i].error) == NULL)
      fail_msg("%s\nfound    %s\nexpected %s", cases[i].rules, error.text, cases[i].error);
  }
}

static void bad_lines_are_refused_at_their_place(void **state) {
  fixture *f = *state;
  (void)open_model(f, "read tags:\n  start -> init()\n  forward(p) -> f(p, word)\n"
                      "  every -> tag(f.h, tag)\n");
  assert_refused(f->ctx, f->model, "a|X\nb |X\n", EDB_ERROR_FORMAT,
                 "d:2:3: found \"|X\", expected word|TAG");
  assert_refused(f->ctx, f->model, "a|X\n b|\n", EDB_ERROR_FORMAT,
                 "d:2:2: found \"b|\", expected word|TAG");
  assert_refused(f->ctx, f->model, "a|X\n\xff|X\n", EDB_ERROR_FORMAT,
                 "d:2:1: found a word with the byte 0xff");
  assert_refused(f->ctx, f->model, " \n", EDB_ERROR_FORMAT, "d: no instances");
  (void)open_model(f, PAIR_RULES);
  assert_refused(f->ctx, f->model, "a b\n", EDB_ERROR_FORMAT,
                 "d:1:1: found no tab, expected source");
  assert_refused(f->ctx, f->model, "a\t \n", EDB_ERROR_FORMAT, "d:1:3: found no target");
  assert_refused(f->ctx, f->model, "\ta\n", EDB_ERROR_FORMAT, "d:1:1: found no source");
  (void)open_model(f, "read grids:\n  leaf -> embed(word)\n  inner(l, r) -> join(l, r)\n"
                      "  root(node) -> class(node, label)\n");
  assert_refused(f->ctx, f->model, "1 2\ta\n", EDB_ERROR_FORMAT, "d:1:1: found no single label");
  assert_refused(f->ctx, f->model, "1\t\n", EDB_ERROR_FORMAT, "d:1:3: found no words");
  assert_refused(f->ctx, f->model, "2\ta\n", EDB_ERROR_ARGUMENT, "d:1:1: found 2, expected 0 to 1");
}

static void bad_lines_can_be_skipped(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  params.skip_bad = true;
  (void)open_model(f, "read tags:\n  start -> init()\n  forward(p) -> f(p, word)\n");
  assert_int_equal(parse_with(f->ctx, f->model, "a|X\n|X\nb|X\n", &params, &dataset, NULL), EDB_OK);
  assert_int_equal(edb_dataset_count(dataset), 2);
  assert_int_equal(edb_dataset_skipped(dataset), 1);
  edb_dataset_destroy(dataset);
}

static void labels_can_be_dropped(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.no_labels = true;
  (void)open_model(f, "read tags:\n  start -> init()\n  forward(p) -> f(p, word)\n"
                      "  every -> tag(f.h, tag)\n");
  assert_string_equal(read_last(f, "a|X\n", &params), "init f<1>(0.h) tag<-1>(1.h)");
}

static void formats_have_names(void **state) {
  (void)state;
  edb_data_format format = EDB_DATA_AUTO;
  for (int i = 0; i < EDB_DATA_FORMAT_COUNT; i++) {
    assert_true(edb_data_format_from_name(edb_data_format_name((edb_data_format)i), &format));
    assert_int_equal(format, i);
  }
  assert_null(edb_data_format_name(EDB_DATA_FORMAT_COUNT));
  assert_false(edb_data_format_from_name("forests", &format));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_context, teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_chain_begins_with_its_start),
      TEST(layers_and_directions_meet_at_their_token),
      TEST(the_last_bar_of_a_token_counts),
      TEST(rare_words_are_spelt),
      TEST(a_sealed_model_spells_what_it_does_not_know),
      TEST(text_has_a_step_more_than_words),
      TEST(a_target_goes_on_from_its_source),
      TEST(a_target_may_begin_with_a_call_on_its_source),
      TEST(pairs_may_be_two_files),
      TEST(grids_are_triangles),
      TEST(bad_rules_are_refused_at_their_place_in_the_model),
      TEST(bad_lines_are_refused_at_their_place),
      TEST(bad_lines_can_be_skipped),
      TEST(labels_can_be_dropped),
      TEST(formats_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
