/* tests/layout/test_borrow.c: which outputs are parameters, or rows of them. */
#include "exec/exec_support.h"
#include "layout/borrow.h"
#include "support/faulty.h"

/* What the first output of a cell of `line`s borrows. */
static edb_borrow of_cell(const char *lines) {
  char text[512];
  (void)snprintf(text, sizeof text,
                 "edb 1\nmodel m\nconst n = 4\nparam E[10, n], F[10, n], h0[n]\n"
                 "cell c(word: index 10, other: index 10) -> (a[n], b[n]):\n%s",
                 lines);
  world w = world_of(EDB_SIMD_AUTO, text);
  const edb_program *program = edb_model_program(w.model);
  edb_borrow found = edb_borrow_of(program, &program->cells[0], 0);
  world_close(&w);
  return found;
}

static void assert_borrows(const char *lines, uint32_t param, uint32_t index) {
  edb_borrow found = of_cell(lines);
  assert_int_equal(found.param, param);
  assert_int_equal(found.index, index);
}

static void a_row_of_a_parameter_is_borrowed(void **state) {
  (void)state;
  assert_borrows("  a = E[word]\n  b = tanh(h0)\n", 0, 0);
  assert_borrows("  a = F[other]\n  b = E[word]\n", 1, 1);
}

static void a_parameter_as_a_whole_is_borrowed(void **state) {
  (void)state;
  assert_borrows("  a = h0\n  b = E[word] + E[other]\n", 2, EDB_BORROW_WHOLE);
  assert_borrows("  a = h0\n  b = tanh(h0)\n", 2, EDB_BORROW_WHOLE);
}

static void what_is_computed_is_not_borrowed(void **state) {
  (void)state;
  assert_int_equal(of_cell("  a = tanh(E[word])\n  b = E[other]\n").param, EDB_BORROW_NOTHING);
}

static void what_another_operator_takes_is_not_borrowed(void **state) {
  (void)state;
  assert_int_equal(of_cell("  a = E[word]\n  b = tanh(a) + E[other]\n").param, EDB_BORROW_NOTHING);
}

static void what_two_outputs_are_is_not_borrowed(void **state) {
  (void)state;
  assert_int_equal(of_cell("  a = E[word]\n  b = a\n").param, EDB_BORROW_NOTHING);
  assert_int_equal(of_cell("  a = h0\n  b = h0\n").param, EDB_BORROW_NOTHING);
}

static void the_list_has_the_outputs_of_all_cells(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    const char *text = "edb 1\nmodel m\nparam h0[4]\n"
                       "cell c() -> (h[4], g[4]):\n  h = tanh(h0)\n  g = h0\n"
                       "cell d(x[4]) -> (y[4]):\n  y = exp(x)\n";
    edb_model *model = NULL;
    edb_borrow *list = NULL;
    size_t count = 0;
    edb_error error = {0};
    edb_status status = edb_model_parse(ctx, text, strlen(text), "m", NULL, &model, &error);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) continue;
    status = edb_borrow_list(ctx, edb_model_program(model), &list, &count, &error);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) {
      assert_int_equal(count, 3);
      assert_int_equal(list[0].param, EDB_BORROW_NOTHING);
      assert_int_equal(list[1].param, 0);
      assert_int_equal(list[2].param, EDB_BORROW_NOTHING);
      edb_free(ctx, list, count * sizeof *list);
    }
    edb_model_destroy(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_row_of_a_parameter_is_borrowed),
      cmocka_unit_test(a_parameter_as_a_whole_is_borrowed),
      cmocka_unit_test(what_is_computed_is_not_borrowed),
      cmocka_unit_test(what_another_operator_takes_is_not_borrowed),
      cmocka_unit_test(what_two_outputs_are_is_not_borrowed),
      cmocka_unit_test(the_list_has_the_outputs_of_all_cells),
  };
  return cmocka_run_group_tests_name("borrow", tests, NULL, NULL);
}
