/* tests/data/test_read_rules.c: what the rules of a read section mean, and what is wrong with them.
 */
#include "data/data_support.h"

#include "support/faulty.h"

/* The first instance that a model with these rules makes of a text. */
static const char *read(fixture *f, const char *rules, const char *text) {
  static char model_text[4096], out[8192];
  snprintf(model_text, sizeof model_text, "%sread trees:\n%s", CELLS, rules);
  edb_model_destroy(f->model);
  f->model = model_of(f->ctx, model_text);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, text);
  snprintf(out, sizeof out, "%s", describe(dataset, 0));
  edb_dataset_destroy(dataset);
  return out;
}

static void bare_names_share_the_inputs(void **state) {
  assert_string_equal(
      read(*state, "  leaf -> leaf(word)\n  inner(a, b) -> node(b, a)\n", "(1 (2 x) (2 y))"),
      "leaf<1> leaf<2> node(1.h 1.c 0.h 0.c)");
}

static void qualified_names_take_one_input_each(void **state) {
  fixture *f = *state;
  const char *leaf = "  leaf -> leaf(word)\n";
  char rules[256];
  snprintf(rules, sizeof rules, "%s  inner(a, b) -> node(a.c, b.c, b)\n", leaf);
  assert_string_equal(read(f, rules, "(1 (2 x) (2 y))"), "leaf<1> leaf<2> node(0.c 1.c 1.h 1.c)");
  snprintf(rules, sizeof rules, "%s  inner(a, b) -> node(a, b.c, b.h)\n", leaf);
  assert_string_equal(read(f, rules, "(1 (2 x) (2 y))"), "leaf<1> leaf<2> node(0.h 0.c 1.c 1.h)");
}

static void a_rest_name_fills_variadic_inputs_from_every_child(void **state) {
  assert_string_equal(read(*state,
                           "  leaf -> leaf(word)\n  inner(children...) -> merge(children)\n",
                           "(1 (2 x) (2 y) (2 z))"),
                      "leaf<1> leaf<2> leaf<3> merge(0.h 1.h 2.h 0.c 1.c 2.c)");
}

static void qualified_rest_names_fill_one_variadic_input_each(void **state) {
  assert_string_equal(read(*state, "  leaf -> leaf(word)\n  inner(all...) -> merge(all.c, all.h)\n",
                           "(1 (2 x) (2 y))"),
                      "leaf<1> leaf<2> merge(0.c 1.c 0.h 1.h)");
}

static void single_names_of_a_variadic_cell_are_its_elements(void **state) {
  assert_string_equal(
      read(*state, "  leaf -> leaf(word)\n  inner(a, b) -> merge(a, b)\n", "(1 (2 x) (2 y))"),
      "leaf<1> leaf<2> merge(0.h 1.h 0.c 1.c)");
}

static void a_cell_can_take_one_child_and_a_rest(void **state) {
  assert_string_equal(read(*state,
                           "  leaf -> leaf(word)\n"
                           "  inner(first, others...) -> fold(first.h, others.h)\n",
                           "(1 (2 x) (2 y) (2 z))"),
                      "leaf<1> leaf<2> leaf<3> fold(0.h 1.h 2.h)");
}

static void rules_are_chosen_by_the_number_of_children(void **state) {
  assert_string_equal(read(*state,
                           "  leaf -> leaf(word)\n"
                           "  inner(a, b) -> node(a, b)\n"
                           "  inner(all...) -> merge(all)\n",
                           "(1 (2 (3 x)) (2 (2 y) (2 z)))"),
                      "leaf<1> merge(0.h 0.c) leaf<2> leaf<3> node(2.h 2.c 3.h 3.c) "
                      "node(1.h 1.c 4.h 4.c)");
}

static void the_root_is_called_last(void **state) {
  assert_string_equal(read(*state,
                           "  leaf -> leaf(word)\n"
                           "  inner(a, b) -> node(a, b)\n"
                           "  root(node) -> score(node, label)\n",
                           "(4 (2 x) (2 y))"),
                      "leaf<1> leaf<2> node(0.h 0.c 1.h 1.c) score<4>(2.h)");
}

static void attributes_go_by_name_then_by_position(void **state) {
  fixture *f = *state;
  static const char text[] = "edb 1\nmodel m\nvocab words\nparam E[words, 2], F[9, 2]\n"
                             "cell leaf(label: index 9, token: index words) -> (h[2]):\n"
                             "  h = E[token] + F[label]\n"
                             "read trees:\n  leaf -> leaf(word, label)\n";
  edb_model_destroy(f->model);
  f->model = model_of(f->ctx, text);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "(7 x)");
  assert_string_equal(describe(dataset, 0), "leaf<7,1>");
  edb_dataset_destroy(dataset);
  assert_refused(f->ctx, f->model, "(x)", EDB_ERROR_FORMAT,
                 "d:1:1: found a node without a label, which cell \"leaf\" needs");
}

static void labels_may_come_from_a_vocabulary(void **state) {
  fixture *f = *state;
  static const char text[] = "edb 1\nmodel m\nvocab words, tags\nparam E[words, 2], W[tags, 2]\n"
                             "cell leaf(word: index words, label: index tags) -> (h[2], loss):\n"
                             "  h = E[word]\n  loss = cross_entropy(W @ h, label)\n"
                             "read trees:\n  leaf -> leaf(word, label)\n";
  edb_model_destroy(f->model);
  f->model = model_of(f->ctx, text);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "(NN x) (VB y) (NN z) (? z)");
  assert_string_equal(describe(dataset, 2), "leaf<3,1>");
  assert_string_equal(describe(dataset, 3), "leaf<3,-1>");
  edb_dataset_destroy(dataset);
}

static void bad_rules_are_refused_at_their_place_in_the_model(void **state) {
  fixture *f = *state;
  static const struct {
    const char *rules;
    edb_status status;
    const char *error; /* after "m.edb:24:", of the last rule */
  } cases[] = {
      {"  leef -> leaf(word)\n", EDB_ERROR_NAME, "found pattern \"leef\", expected leaf, inner"},
      {"  leaf(x) -> leaf(word)\n", EDB_ERROR_FORMAT, "found 1 name in pattern \"leaf\""},
      {"  leaf -> leaf(wrd)\n", EDB_ERROR_NAME, "found argument \"wrd\", expected word, label"},
      {"  leaf -> leaf()\n", EDB_ERROR_FORMAT, "nothing fills attribute \"word\""},
      {"  leaf -> leaf(word, label)\n", EDB_ERROR_NAME,
       "found argument \"label\", expected no more"},
      {"  leaf -> plan()\n", EDB_ERROR_FORMAT, "nothing fills attribute"},
      {"  leaf -> score(word)\n", EDB_ERROR_FORMAT, "\"word\" fills attribute \"label\""},
      {"  leaf -> leaf(word)\n  leaf -> leaf(word)\n", EDB_ERROR_NAME, "found a second rule"},
      {"  leaf -> leaf(word)\n  inner -> merge()\n", EDB_ERROR_FORMAT, "found 0 names"},
      {"  leaf -> leaf(word)\n  every(a, b) -> score(a, label)\n", EDB_ERROR_FORMAT,
       "found 2 names in pattern \"every\""},
      {"  leaf -> leaf(word)\n  every(a...) -> score(a, label)\n", EDB_ERROR_FORMAT,
       "found \"...\" after"},
      {"  leaf -> leaf(word)\n  inner(a, b) -> node(a, c)\n", EDB_ERROR_NAME,
       "found argument \"c\", expected label, a name that the "
       "pattern binds"},
      {"  leaf -> leaf(word)\n  inner(a, b) -> node(a, word)\n", EDB_ERROR_NAME,
       "found argument \"word\""},
      {"  leaf -> leaf(word)\n  inner(a, b, c) -> node(a, b, c)\n", EDB_ERROR_FORMAT,
       "cannot be shared evenly: found 3 whole nodes"},
      {"  leaf -> leaf(word)\n  inner(a, b) -> node(a.h, b.h)\n", EDB_ERROR_FORMAT,
       "found 2 arguments for the 4 inputs of cell \"node\" (h1, c1, h2, c2)"},
      {"  leaf -> leaf(word)\n  inner(a...) -> node(a)\n", EDB_ERROR_FORMAT,
       "found 0 arguments for the 4 inputs of cell \"node\""},
      {"  leaf -> leaf(word)\n  every(a) -> score(a.x, label)\n", EDB_ERROR_NAME,
       "\"a\" may be a call of cell \"leaf\", which has no output for \"x\"; it has h, c"},
      {"  leaf -> leaf(word)\n  inner(a) -> score(a)\n", EDB_ERROR_SHAPE,
       "input \"h\" of cell \"score\" has the shape [3], but output \"logits\" of cell \"score\" "
       "has [5]"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[4096];
    snprintf(text, sizeof text, "%sread trees:\n%s", CELLS, cases[i].rules);
    edb_model *model = model_of(f->ctx, text);
    edb_dataset *dataset = NULL;
    edb_error error = {.text = ""};
    edb_status status = parse_with(f->ctx, model, "(2 a)", NULL, &dataset, &error);
    uint32_t last = 0;
    for (const char *c = text; *c; c++) last += *c == '\n';
    if (status != cases[i].status || strstr(error.text, cases[i].error) == NULL ||
        strncmp(error.text, "m.edb:", 6) != 0 || error.line != last) {
      fail_msg("%s\nfound    %s (%s, last line %u)\nexpected %s", cases[i].rules, error.text,
               edb_status_name(status), last, cases[i].error);
    }
    edb_model_destroy(model);
  }
}

static void a_model_without_rules_reads_no_trees(void **state) {
  fixture *f = *state;
  f->model = model_of(f->ctx, CELLS);
  assert_refused(f->ctx, f->model, "(2 a)", EDB_ERROR_FORMAT,
                 "m.edb: model \"little_tree\" has no rule \"leaf -> ...\" under \"read trees:\"");
}

static void a_form_that_is_asked_for_needs_rules_of_its_own(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  edb_error error;
  params.format = EDB_DATA_TEXT;
  f->model = model_of(f->ctx, CELLS BINARY_RULES);
  assert_int_equal(parse_with(f->ctx, f->model, "a b", &params, &dataset, &error),
                   EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, "model \"little_tree\" has no \"read text:\""));
  assert_null(dataset);
}

static void rules_of_other_readers_do_not_matter(void **state) {
  fixture *f = *state;
  f->model = model_of(f->ctx, CELLS "read lattices:\n  arc(x) -> score(x)\n" BINARY_RULES);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "(2 a)");
  assert_int_equal(edb_dataset_count(dataset), 1);
  edb_dataset_destroy(dataset);
}

/* Without data: what the check of a model says. */
static void assert_checked(edb_context *ctx, const char *rules, edb_status status,
                           const char *text) {
  char model_text[4096];
  edb_error error = {.text = ""};
  snprintf(model_text, sizeof model_text, "%s%s", CELLS, rules);
  edb_model *model = model_of(ctx, model_text);
  edb_status found = edb_data_check_model(model, &error);
  if (found != status || strstr(error.text, text) == NULL)
    fail_msg("%s: %s: %s", rules, edb_status_name(found), error.text);
  assert_false(edb_model_is_sealed(model));
  edb_model_destroy(model);
}

static void a_model_is_checked_without_data(void **state) {
  fixture *f = *state;
  const char *leaf = "read trees:\n  leaf -> leaf(word)\n";
  char rules[512];
  assert_checked(f->ctx, "", EDB_OK, "");
  assert_checked(f->ctx, BINARY_RULES, EDB_OK, "");
  snprintf(rules, sizeof rules, "%s  inner(l, r) -> node(l)\n", leaf);
  assert_checked(
      f->ctx, rules, EDB_ERROR_NAME,
      "m.edb:26:3: \"l\" may be a call of cell \"leaf\", which has no output for \"h2\"");
  snprintf(rules, sizeof rules, "%s  inner(l, r) -> node(l, q)\n", leaf);
  assert_checked(f->ctx, rules, EDB_ERROR_NAME, "found argument \"q\"");
  assert_checked(f->ctx, "read trees:\n  leef -> leaf(word)\n", EDB_ERROR_NAME,
                 "found pattern \"leef\", expected leaf");
  assert_checked(f->ctx, "read treees:\n  leaf -> leaf(word)\n", EDB_ERROR_NAME,
                 "m.edb:25:3: a rule under \"read treees:\", expected one of: trees, grids");
  assert_checked(f->ctx, "read treees:\n  leaf -> leaf(word)\n", EDB_ERROR_NAME,
                 "did you mean \"trees\"?");
  assert_checked(f->ctx, "read jsonl:\n  leaf -> leaf(word)\n", EDB_ERROR_NAME, "read jsonl:");
  assert_checked(f->ctx, BINARY_RULES "read lattices:\n  arc(x) -> score(x)\n", EDB_ERROR_NAME,
                 "found pattern \"arc\"");
}

static void patterns_of_a_form_bind_no_other_number_of_names(void **state) {
  fixture *f = *state;
  static const struct {
    const char *form, *pattern, *usage;
  } cases[] = {
      {"trees", "leaf(a)", "leaf"},
      {"trees", "inner", "inner(left, right) or"},
      {"trees", "inner0", "inner0(left, right) or"},
      {"trees", "inner1", "inner1(left, right) or"},
      {"trees", "every", "every(node)"},
      {"trees", "every(a, b)", "every(node)"},
      {"trees", "root", "root(node)"},
      {"trees", "root(a, b)", "root(node)"},
      {"grids", "leaf(a)", "leaf"},
      {"grids", "inner(a)", "inner(left, right)"},
      {"grids", "inner(a, b, c)", "inner(left, right)"},
      {"grids", "every", "every(node)"},
      {"grids", "every(a, b)", "every(node)"},
      {"grids", "root", "root(node)"},
      {"grids", "root(a, b)", "root(node)"},
      {"text", "forward", "forward(previous) or"},
      {"text", "forward(a, b, c)", "forward(previous) or"},
      {"tags", "backward", "backward(next) or"},
      {"tags", "backward(a, b, c)", "backward(next) or"},
      {"tags", "every(a, b)", "every or every(token)"},
      {"tags", "known(a)", "known"},
      {"tags", "rare(a)", "rare"},
      {"tags", "char_forward", "char_forward(previous)"},
      {"tags", "char_forward(a, b)", "char_forward(previous)"},
      {"tags", "char_backward", "char_backward(next)"},
      {"tags", "char_backward(a, b)", "char_backward(next)"},
      {"pairs", "source", "source(previous)"},
      {"pairs", "source(a, b)", "source(previous)"},
      {"pairs", "source_backward", "source_backward(next)"},
      {"pairs", "source_backward(a, b)", "source_backward(next)"},
      {"pairs", "target", "target(previous)"},
      {"pairs", "target(a, b)", "target(previous)"},
      {"pairs", "output(a)", "output"},
      {"lattices", "start(a)", "start"},
      {"lattices", "char", "char(from)"},
      {"lattices", "char(a, b)", "char(from)"},
      {"lattices", "word", "word(from)"},
      {"lattices", "word(a, b)", "word(from)"},
      {"lattices", "merge", "merge(a, b) or"},
      {"lattices", "every", "every(node)"},
      {"lattices", "every(a, b)", "every(node)"},
      {"dags", "every", "every(node)"},
      {"dags", "every(a, b)", "every(node)"},
      {"plans", "root", "root(node)"},
      {"plans", "root(a, b)", "root(node)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char rules[128], text[128];
    int name = (int)strcspn(cases[i].pattern, "(");
    snprintf(rules, sizeof rules, "read %s:\n  %s -> leaf(word)\n", cases[i].form,
             cases[i].pattern);
    snprintf(text, sizeof text, " in pattern \"%.*s\", expected %s", name, cases[i].pattern,
             cases[i].usage);
    assert_checked(f->ctx, rules, EDB_ERROR_FORMAT, text);
  }
}

static void a_section_for_no_form_is_found_with_the_data(void **state) {
  fixture *f = *state;
  f->model = model_of(f->ctx, CELLS "read treees:\n  leaf -> leaf(word)\n");
  assert_refused(f->ctx, f->model, "(2 a)", EDB_ERROR_NAME,
                 "m.edb:25:3: a rule under \"read treees:\"");
  assert_refused(f->ctx, f->model, "a b", EDB_ERROR_NAME,
                 "m.edb:25:3: a rule under \"read treees:\"");
}

static void every_model_of_the_zoo_is_fine(void **state) {
  fixture *f = *state;
  static const char *const names[] = {"bilstm_tagger",   "bilstm_tagger_char", "gated_grid",
                                      "lattice_gru",     "lattice_lstm",       "lstm_nmt",
                                      "mv_rnn",          "plan_cost",          "random_dag",
                                      "rnn_lm",          "tree_gru",           "tree_lstm",
                                      "tree_lstm_2type", "tree_lstm_childsum"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[256];
    edb_model *model = NULL;
    edb_error error = {.text = ""};
    snprintf(path, sizeof path, "%s/models/%s.edb", EDB_SOURCE_DIR, names[i]);
    if (edb_model_load(f->ctx, path, NULL, &model, &error) != EDB_OK) fail_msg("%s", error.text);
    if (edb_data_check_model(model, &error) != EDB_OK) fail_msg("%s", error.text);
    edb_model_destroy(model);
  }
}

static void the_check_survives_every_failure_of_memory(void **state) {
  (void)state;
  faulty faults;
  FAULTY_FOR_EACH(&faults, ctx) {
    edb_model *model = NULL;
    const char *text = CELLS BINARY_RULES;
    edb_status status = edb_model_parse(ctx, text, strlen(text), "m", NULL, &model, NULL);
    if (status == EDB_OK) status = edb_data_check_model(model, NULL);
    assert_true(faulty_status(&faults, status));
    edb_model_destroy(model);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_context, teardown)
  const struct CMUnitTest tests[] = {
      TEST(bare_names_share_the_inputs),
      TEST(qualified_names_take_one_input_each),
      TEST(a_rest_name_fills_variadic_inputs_from_every_child),
      TEST(qualified_rest_names_fill_one_variadic_input_each),
      TEST(single_names_of_a_variadic_cell_are_its_elements),
      TEST(a_cell_can_take_one_child_and_a_rest),
      TEST(rules_are_chosen_by_the_number_of_children),
      TEST(the_root_is_called_last),
      TEST(attributes_go_by_name_then_by_position),
      TEST(labels_may_come_from_a_vocabulary),
      TEST(bad_rules_are_refused_at_their_place_in_the_model),
      TEST(a_model_without_rules_reads_no_trees),
      TEST(a_form_that_is_asked_for_needs_rules_of_its_own),
      TEST(rules_of_other_readers_do_not_matter),
      TEST(a_model_is_checked_without_data),
      TEST(patterns_of_a_form_bind_no_other_number_of_names),
      TEST(a_section_for_no_form_is_found_with_the_data),
      TEST(every_model_of_the_zoo_is_fine),
      cmocka_unit_test(the_check_survives_every_failure_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
