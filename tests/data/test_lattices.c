/* tests/data/test_lattices.c: which calls a lattice becomes, and what is wrong with bad ones. */
#include "data/data_support.h"

#define CELLS_OF_ARCS                                                          \
  "edb 1\nmodel m\nconst n = 2\nvocab chars, words, tags\n"                    \
  "param C[chars, n], D[words, n], W[tags, n], z[n]\n"                         \
  "cell init() -> (h[n]):\n  h = z\n"                                          \
  "cell char(p[n], id: index chars) -> (h[n]):\n  h = p + C[id]\n"             \
  "cell word(p[n], id: index words) -> (h[n]):\n  h = p + D[id]\n"             \
  "cell merge(hs[n]...) -> (h[n]):\n  h = sum(hs)\n"                           \
  "cell out(x[n], tag: index tags) -> (l):\n  l = cross_entropy(W @ x, tag)\n" \
  "read lattices:\n  start -> init()\n  char(from) -> char(from, id)\n"

#define ALL_ARCS                                   \
  CELLS_OF_ARCS "  word(from) -> word(from, id)\n" \
                "  merge(arcs...) -> merge(arcs)\n  every(node) -> out(node.h, tag)\n"

static void open_model(fixture *f, const char *text) {
  edb_model_destroy(f->model);
  f->model = model_of(f->ctx, text);
}

static void arcs_meet_in_merges(void **state) {
  fixture *f = *state;
  open_model(f, ALL_ARCS);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "1\n3\n0 1 -\n0\n1 0 4\n2 1 5 0 3\n");
  assert_string_equal(describe(dataset, 0),
                      "init out<0>(0.h) char<4>(0.h) merge(2.h) out<1>(3.h) char<5>(3.h) "
                      "word<3>(0.h) merge(5.h 6.h) out<-1>(7.h)");
  assert_int_equal(edb_model_vocab_size(f->model, 0), 6);
  edb_dataset_destroy(dataset);
}

static void a_single_arc_needs_no_merge(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_ARCS "  word(from) -> word(from, id)\n  merge(a, b) -> merge(a, b)\n"
                              "  every(node) -> out(node.h, tag)\n");
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "1\n3\n0 1 2\n0\n1 0 4\n2 1 5 0 3\n");
  assert_string_equal(describe(dataset, 0),
                      "init out<0>(0.h) char<4>(0.h) out<1>(2.h) char<5>(2.h) "
                      "word<3>(0.h) merge(4.h 5.h) out<2>(6.h)");
  edb_dataset_destroy(dataset);
}

static void ids_can_be_folded(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  params.fold_ids = 4;
  open_model(f, ALL_ARCS);
  assert_int_equal(
      parse_with(f->ctx, f->model, "1\n2\n9 1\n0\n1 0 99999999999\n", &params, &dataset, NULL),
      EDB_OK);
  assert_string_equal(describe(dataset, 0), "init out<9>(0.h) char<3>(0.h) merge(2.h) out<1>(3.h)");
  edb_dataset_destroy(dataset);
}

static void a_sealed_model_takes_unknown_ids_for_0(void **state) {
  fixture *f = *state;
  open_model(f, ALL_ARCS);
  edb_dataset_destroy(dataset_of(f->ctx, f->model, "1\n3\n0 1 2\n0\n1 0 4\n2 1 5 0 3\n"));
  assert_int_equal(edb_model_seal(f->model, NULL), EDB_OK);
  edb_dataset *dataset = dataset_of(f->ctx, f->model, "1\n3\n0 0 0\n0\n1 0 6\n2 1 5 0 99\n");
  assert_string_equal(describe(dataset, 0),
                      "init out<0>(0.h) char<0>(0.h) merge(2.h) out<0>(3.h) char<5>(3.h) "
                      "word<0>(0.h) merge(5.h 6.h) out<0>(7.h)");
  edb_dataset_destroy(dataset);
  assert_refused(f->ctx, f->model, "1\n1\n3\n0\n", EDB_ERROR_ARGUMENT,
                 "d:3:1: found 3, expected 0");
}

static void bad_lattices_are_refused_at_their_place(void **state) {
  fixture *f = *state;
  static const struct {
    const char *text, *error;
    edb_status status;
  } cases[] = {
      {"x\n", "d:1:1: found \"x\", expected a number of lattices", EDB_ERROR_FORMAT},
      {"1 2\n", "d:1:3: found \"2\", expected the end of the line", EDB_ERROR_FORMAT},
      {"2\n1\n0\n0\n", "d:4: found the end of the text after 1 lattice, expected 2",
       EDB_ERROR_FORMAT},
      {"1\n1\n0\n0\n\n1\n0\n0\n", "d:6:1: found another lattice", EDB_ERROR_FORMAT},
      {"1\n0\n", "d:2:2: found no positions", EDB_ERROR_FORMAT},
      {"1\n2\n0\n", "d:3:2: found the end of the line, expected a tag for each", EDB_ERROR_FORMAT},
      {"1\n1\n0 1\n", "d:3:3: found \"1\", expected the end of the line", EDB_ERROR_FORMAT},
      {"1\n1\nx\n0\n", "d:3:1: found label \"x\", expected a number below", EDB_ERROR_FORMAT},
      {"1\n1\n0\n1 0 1\n", "d:4:3: found \"0\", expected a position below 0", EDB_ERROR_FORMAT},
      {"1\n2\n0 0\n0\n1 1 1\n", "d:5:3: found \"1\", expected a position below 1",
       EDB_ERROR_FORMAT},
      {"1\n2\n0 0\n0\n1 0\n", "d:5:4: found the end of the line, expected the id of an arc",
       EDB_ERROR_FORMAT},
      {"1\n2\n0 0\n0\n1 0 x\n", "d:5:5: found id \"x\", expected a whole number", EDB_ERROR_FORMAT},
      {"1\n2\n0 0\n0\n1 0 2147483647\n", "d:5:5: found 2147483647, expected 0 to",
       EDB_ERROR_ARGUMENT},
      {"1\n2\n0 0\n0\n2 0 1\n", "d:5:6: found the end of the line", EDB_ERROR_FORMAT},
      {"1\n2\n0 0\n0\n", "d:4: found the end of the text, expected the arcs", EDB_ERROR_FORMAT},
      {"1\n2\n0 0\n\n0\n", "d:4:1: found a blank line, expected the arcs", EDB_ERROR_FORMAT},
      {"1\n99999999999\n0\n", "d:2:1: found \"99999999999\", expected a number of positions below",
       EDB_ERROR_FORMAT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    open_model(f, ALL_ARCS);
    assert_refused(f->ctx, f->model, cases[i].text, cases[i].status, cases[i].error);
  }
}

static void arcs_without_a_rule_are_refused(void **state) {
  fixture *f = *state;
  open_model(f, CELLS_OF_ARCS);
  assert_refused(
      f->ctx, f->model, "1\n3\n0 0 0\n0\n1 0 1\n1 0 1\n", EDB_ERROR_FORMAT,
      "d:6:6: found the arc of a word, expected what model \"m\" has a rule \"word(from)");
  assert_refused(f->ctx, f->model, "1\n2\n0 0\n0\n2 0 1 0 1\n", EDB_ERROR_FORMAT,
                 "d:5:10: found several arcs");
}

static void bad_lattices_can_be_skipped(void **state) {
  fixture *f = *state;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  edb_dataset *dataset = NULL;
  params.skip_bad = true;
  open_model(f, ALL_ARCS);
  assert_int_equal(parse_with(f->ctx, f->model,
                              "4\n1\n0\n0\n\n2\n0 0\n1 7 7\n1 0 1\n\n1\n0\n0\n\n1\n0\n", &params,
                              &dataset, NULL),
                   EDB_OK);
  assert_int_equal(edb_dataset_count(dataset), 2);
  assert_int_equal(edb_dataset_skipped(dataset), 2);
  edb_dataset_destroy(dataset);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_context, teardown)
  const struct CMUnitTest tests[] = {
      TEST(arcs_meet_in_merges),
      TEST(a_single_arc_needs_no_merge),
      TEST(ids_can_be_folded),
      TEST(a_sealed_model_takes_unknown_ids_for_0),
      TEST(bad_lattices_are_refused_at_their_place),
      TEST(arcs_without_a_rule_are_refused),
      TEST(bad_lattices_can_be_skipped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
