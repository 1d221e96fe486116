/* tests/model/test_model_memory.c: every single allocation of reading, building, changing and
 * printing a model may fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "support/faulty.h"

static const char everything[] =
    "edb 1\nmodel m\nconst n = 4, k = n - 1\nvocab words\n"
    "param W[n, n] = normal(0.1), b[n], E[words, n]\n"
    "cell f(x[n], vs[n]..., ws..., i: index words, d: dense[2*n]) -> (r[n], t, x[n]):\n"
    "  e = E[i] + d[0:n] - dropout(x, 0.5)\n"
    "  r = sum(softmax(ws) * vs) + reshape([e; e][0:n], [n]) + (W @ e) * -2\n"
    "  t = max(r)\n"
    "cell s(x[n], label: index k) -> (loss):\n"
    "  loss = cross_entropy(x[0:k], label)\n"
    "read trees:\n"
    "  inner(left, right...) -> f(left.r, right)\n";

static void every_failing_allocation_of_reading_is_survived(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_model *model = NULL;
    edb_error error = {0};
    const edb_constant set[] = {{"n", 6}};
    edb_model_params params = EDB_PARAMS(edb_model_params);
    params.set = set;
    params.n_set = 1;
    edb_status status =
        edb_model_parse(ctx, everything, strlen(everything), "m.edb", &params, &model, &error);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) assert_null(model);
    edb_model_destroy(model);
  }
}

static void every_failing_allocation_of_use_is_survived(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_model *model = NULL;
    char *text = NULL;
    uint32_t id = 0;
    edb_status status =
        edb_model_parse(ctx, everything, strlen(everything), "m.edb", NULL, &model, NULL);
    if (status == EDB_OK) status = edb_model_set_constant(model, "n", 5, NULL);
    if (status == EDB_OK) status = edb_model_vocab_add(model, 0, "word", 4, &id, NULL);
    if (status == EDB_OK) status = edb_model_seal(model, NULL);
    if (status == EDB_OK) status = edb_model_print(model, &text, NULL);
    assert_true(faulty_status(&f, status));
    edb_string_destroy(ctx, text);
    edb_model_destroy(model);
  }
}

static edb_status build(edb_model *model) {
  edb_cell *cell = NULL;
  edb_status status = edb_model_add_constant(model, "n", "3", NULL);
  if (status == EDB_OK) status = edb_model_add_vocab(model, "words", NULL);
  if (status == EDB_OK) status = edb_model_add_param(model, "E", "words, n", "ones", NULL);
  if (status == EDB_OK) status = edb_cell_begin(model, "f", &cell, NULL);
  if (status != EDB_OK) return status;
  edb_expr look[2] = {edb_cell_param(cell, "E"), edb_cell_index(cell, "i", "words")};
  edb_expr x = edb_cell_op(cell, "lookup", look, 2);
  edb_expr twice[2] = {x, x};
  edb_expr sum = edb_cell_op(cell, "add", twice, 2);
  const char *range[] = {"0", "n - 1"};
  edb_cell_output(cell, edb_cell_op_with(cell, "slice", &sum, 1, range, 2), "y");
  status = edb_cell_end(cell, NULL);
  return status == EDB_OK ? edb_model_add_read(model, "trees", "leaf -> f(i)", NULL) : status;
}

static void every_failing_allocation_of_building_is_survived(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_model *model = NULL;
    edb_status status = edb_model_create(ctx, "m", NULL, &model, NULL);
    if (status == EDB_OK) status = build(model);
    assert_true(faulty_status(&f, status));
    edb_model_destroy(model);
  }
}

static void a_model_goes_on_after_a_failing_allocation(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_model *model = NULL;
    edb_cell *cell = NULL;
    if (edb_model_create(ctx, "m", NULL, &model, NULL) != EDB_OK) continue;
    edb_status status = edb_cell_begin(model, "f", &cell, NULL);
    if (status == EDB_OK) {
      edb_expr x = edb_cell_input(cell, "x", "3");
      edb_cell_output(cell, edb_cell_op(cell, "tanh", &x, 1), "y");
      status = edb_cell_end(cell, NULL);
    }
    assert_true(faulty_status(&f, status));
    assert_int_equal(edb_model_cell_count(model), status == EDB_OK ? 1 : 0);
    assert_int_equal(edb_model_cell(model, "f"), status == EDB_OK ? 0 : UINT32_MAX);
    edb_model_destroy(model);
  }
}

static void a_cell_that_is_not_ended_goes_with_its_model(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  edb_cell *a = NULL, *b = NULL;
  edb_error error = {0};
  assert_int_equal(edb_model_create(ctx, "m", NULL, &model, NULL), EDB_OK);
  assert_int_equal(edb_cell_begin(model, "a", &a, NULL), EDB_OK);
  assert_int_equal(edb_cell_begin(model, "b", &b, NULL), EDB_OK);
  (void)edb_cell_input(a, "x", "3");
  assert_int_equal(edb_model_seal(model, &error), EDB_ERROR_STATE);
  assert_string_equal(error.text, "model m: cell b is begun and not ended");
  edb_model_destroy(model);
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_failing_allocation_of_reading_is_survived),
      cmocka_unit_test(every_failing_allocation_of_use_is_survived),
      cmocka_unit_test(every_failing_allocation_of_building_is_survived),
      cmocka_unit_test(a_model_goes_on_after_a_failing_allocation),
      cmocka_unit_test(a_cell_that_is_not_ended_goes_with_its_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
