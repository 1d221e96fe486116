/* tests/layout/test_plan_reasons.c: what is said of the copies that plans are left with. */
#include "exec/random_cells.h"
#include "exec/zoo.h"
#include "layout/plan_inputs.h"
#include "layout/plan_reasons.h"
#include "support/faulty.h"

#define HEAD "edb 1\nmodel m\nconst n = 20\nparam W[n, n], Q[n, 2*n], b[n]\n"

typedef struct reasons_test {
  world w;
  edb_plan *plan;
  edb_plan_reasons reasons;
} reasons_test;

/* Of cell f of a model with this text after HEAD. */
static reasons_test begin(const char *text) {
  reasons_test t = {.w = world_of(EDB_SIMD_PORTABLE, text)};
  edb_error error = {0};
  MUST(edb_plan_create(t.w.ctx, edb_model_program(t.w.model), edb_model_cell(t.w.model, "f"), NULL,
                       &t.plan, &error),
       error);
  MUST(edb_plan_find_reasons(t.w.ctx, t.plan, &t.reasons, &error), error);
  return t;
}

static void end(reasons_test *t) {
  edb_plan_reasons_free(&t->reasons);
  edb_plan_destroy(t->plan);
  world_close(&t->w);
}

/* The one copy with this reason. */
static const edb_copied *find(const reasons_test *t, edb_copy_reason reason) {
  const edb_copied *found = NULL;
  for (size_t i = 0; i < t->reasons.copies.length; i++) {
    if (t->reasons.copies.data[i].reason != reason) continue;
    assert_null(found);
    found = &t->reasons.copies.data[i];
  }
  assert_non_null(found);
  return found;
}

static void check_input(const edb_copied *c, uint32_t input) {
  assert_int_equal(c->value.kind, EDB_REF_INPUT);
  assert_int_equal(c->value.index, input);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static void an_input_beside_a_result_is_said_to_stand_there(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(x[n], h[n]) -> (y[n]):\n"
                              "  y = Q @ [x; W @ h]\n");
  const edb_copied *c = find(&t, EDB_COPY_BESIDE);
  check_input(c, 0);
  assert_int_equal(t.plan->steps[c->kernel].kind, EDB_STEP_PRODUCT);
  assert_int_equal(t.plan->steps[c->kernel].depth, 40);
  assert_int_equal(c->bytes, 80);
  end(&t);
}

static void inputs_side_by_side_are_told_from_those_beside_results(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(x[n], h[n]) -> (y[n]):\n"
                              "  y = Q @ [x; h]\n");
  assert_int_equal(t.reasons.copies.length, 2);
  for (uint32_t i = 0; i < 2; i++)
    assert_int_equal(t.reasons.copies.data[i].reason, EDB_COPY_INPUTS);
  end(&t);
}

static void an_input_of_two_kernels_may_be_gathered_and_one_of_a_product_is_not(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(x[n], h[n]) -> (y[n]):\n"
                              "  y = tanh(x + W @ x) * (W @ h)\n");
  assert_int_equal(t.reasons.copies.length, 1);
  const edb_copied *c = find(&t, EDB_COPY_READERS);
  check_input(c, 0);
  assert_int_equal(c->step, EDB_COPY_NOTHING);
  end(&t);
}

static void inputs_of_products_and_reductions_stay_where_they_are(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(hs[n]..., h[n]) -> (y[n], z[n]):\n"
                              "  y = sum(hs) + sum(tanh(W @ hs))\n"
                              "  z = W @ h\n");
  assert_int_equal(t.reasons.copies.length, 0);
  end(&t);
}

static void matrices_that_products_read_in_parts_are_not_copied(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(l[n, n], r[n, n], h[n]) -> (y[2*n]):\n"
                              "  y = [l; r] @ h\n");
  assert_int_equal(t.plan->steps[0].kind, EDB_STEP_GATHER);
  for (size_t i = 0; i < t.reasons.copies.length; i++)
    assert_int_equal(t.reasons.copies.data[i].value.index,
                     2); /* h: the product takes it as it is */
  end(&t);
}

static void inputs_and_attributes_that_are_given_or_passed_on_say_so(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(x[n], d: dense[n]) -> (y[n], z[n]):\n"
                              "  y = x\n"
                              "  z = tanh(d)\n");
  check_input(find(&t, EDB_COPY_PASSED_ON), 0);
  assert_int_equal(find(&t, EDB_COPY_ATTRIBUTE)->value.kind, EDB_REF_DENSE);
  end(&t);
}

/* ---- Concats --------------------------------------------------------------------------------- */

static void a_concat_that_loses_names_the_concats_that_win(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(h[n], c[n]) -> (y[n], z[n]):\n"
                              "  p = sigmoid(h)\n"
                              "  q = tanh(c)\n"
                              "  d = p * q\n"
                              "  e1 = [p; d]\n"
                              "  e2 = [d; q]\n"
                              "  e3 = [d; p]\n"
                              "  y = Q @ e1 + Q @ e2\n"
                              "  z = Q @ e3\n");
  size_t rivals = 0;
  for (size_t i = 0; i < t.reasons.copies.length; i++) {
    const edb_copied *c = &t.reasons.copies.data[i];
    if (c->reason != EDB_COPY_RIVALS) continue;
    assert_true(c->n_rivals >= 1);
    for (size_t k = 0; k < c->n_rivals; k++, rivals++) {
      const edb_rival *r = &t.reasons.rivals.list.data[c->first_rival + k];
      assert_int_equal(r->kind, EDB_RIVAL_CONCAT);
      assert_int_not_equal(r->op, c->concat);
      assert_int_equal(r->n_values, 2);
      assert_int_equal(r->bytes, 160);
    }
  }
  assert_true(rivals > 0);
  end(&t);
}

static void an_input_that_two_concats_want_apart_names_the_other(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(x[n], h[n], c[n]) -> (y[n]):\n"
                              "  y = Q @ [x; h] + Q @ [x; c]\n");
  const edb_copied *c = find(&t, EDB_COPY_RIVALS);
  check_input(c, 0);
  assert_int_equal(c->n_rivals, 1);
  assert_int_not_equal(t.reasons.rivals.list.data[0].op, c->concat);
  end(&t);
}

static void operands_that_have_no_place_of_choice_are_told_apart(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(k[2*n], h[n], hs[n]...) -> (y[n], z[n], u[n], v[n]):\n"
                              "  r = W @ h\n"
                              "  y = Q @ [k[0:n]; tanh(r)]\n"
                              "  z = Q @ [b; sigmoid(r)]\n"
                              "  s = exp(r)\n"
                              "  u = Q @ [s; s]\n"
                              "  v = sum(Q @ [hs; r])\n");
  assert_int_equal(find(&t, EDB_COPY_EACH)->value.kind, EDB_REF_OP);
  assert_int_equal(find(&t, EDB_COPY_PART)->bytes, 80);
  assert_int_equal(find(&t, EDB_COPY_PARAMETER)->value.kind, EDB_REF_PARAM);
  assert_int_equal(find(&t, EDB_COPY_REPEATED)->n_rivals, 0);
  end(&t);
}

/* ---- Outputs --------------------------------------------------------------------------------- */

static void outputs_that_are_copied_say_why(void **state) {
  (void)state;
  reasons_test t = begin(HEAD "cell f(h[n]) -> (y[n], z[n], p[n], r[n], s[n]):\n"
                              "  y = tanh(h)\n"
                              "  z = y\n"
                              "  p = b\n"
                              "  r = sigmoid(h)\n"
                              "  s = Q @ [r; exp(h)]\n");
  assert_int_equal(find(&t, EDB_COPY_AGAIN)->output, 1);
  assert_int_equal(find(&t, EDB_COPY_PARAMETER)->output, 2);
  assert_int_equal(find(&t, EDB_COPY_INSIDE)->output, 3);
  end(&t);
}

/* ---- All cells ------------------------------------------------------------------------------- */

/* Gathers of matrices that products read through pointers; the rest is copied. */
static size_t count_in_place(const edb_plan *plan) {
  edb_plan_inputs inputs;
  edb_error error = {0};
  size_t n = 0;
  MUST(edb_plan_inputs_create(plan->ctx, plan, &inputs, &error), error);
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    if (s->kind != EDB_STEP_GATHER || s->source >= plan->cell->sig.n_inputs) continue;
    uint32_t k = edb_plan_inputs_find(&inputs, edb_plan_root(plan, s->result, NULL));
    n += k != EDB_OPERAND_MIXED && inputs.operands[k].reader == EDB_READER_MATRICES;
  }
  edb_plan_inputs_destroy(&inputs);
  return n;
}

static void check_told(const world *w, uint32_t cell) {
  edb_error error = {0};
  edb_plan *plan = NULL;
  edb_plan_reasons reasons;
  MUST(edb_plan_create(w->ctx, edb_model_program(w->model), cell, NULL, &plan, &error), error);
  MUST(edb_plan_find_reasons(w->ctx, plan, &reasons, &error), error);
  size_t copies = 0, told = 0;
  for (uint32_t i = 0; i < plan->n_steps; i++)
    copies += plan->steps[i].kind == EDB_STEP_COPY || plan->steps[i].kind == EDB_STEP_EXPAND ||
              plan->steps[i].kind == EDB_STEP_GATHER;
  for (size_t i = 0; i < reasons.copies.length; i++)
    told += reasons.copies.data[i].step != EDB_COPY_NOTHING;
  assert_int_equal(told + count_in_place(plan), copies);
  edb_plan_reasons_free(&reasons);
  edb_plan_destroy(plan);
}

static void every_copy_of_random_cells_has_a_reason(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 100; seed++) {
    world w = world_of(EDB_SIMD_PORTABLE, random_model(seed, 3 + (uint32_t)(seed % 20), 3));
    for (uint32_t c = 0; c < edb_model_cell_count(w.model); c++) check_told(&w, c);
    world_close(&w);
  }
}

static void any_allocation_may_fail(void **state) {
  (void)state;
  faulty f;
  reasons_test t = begin(HEAD "cell f(h[n], c[n]) -> (y[n], z[n]):\n"
                              "  p = sigmoid(h)\n"
                              "  q = tanh(c)\n"
                              "  d = p * q\n"
                              "  y = Q @ [p; d] + Q @ [d; q]\n"
                              "  z = Q @ [d; p]\n");
  FAULTY_FOR_EACH(&f, ctx) {
    edb_plan_reasons reasons = {0};
    edb_error error = {0};
    edb_status status = edb_plan_find_reasons(ctx, t.plan, &reasons, &error);
    assert_true(faulty_status(&f, status));
    edb_plan_reasons_free(&reasons);
  }
  end(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_input_beside_a_result_is_said_to_stand_there),
      cmocka_unit_test(inputs_side_by_side_are_told_from_those_beside_results),
      cmocka_unit_test(an_input_of_two_kernels_may_be_gathered_and_one_of_a_product_is_not),
      cmocka_unit_test(inputs_of_products_and_reductions_stay_where_they_are),
      cmocka_unit_test(matrices_that_products_read_in_parts_are_not_copied),
      cmocka_unit_test(inputs_and_attributes_that_are_given_or_passed_on_say_so),
      cmocka_unit_test(a_concat_that_loses_names_the_concats_that_win),
      cmocka_unit_test(an_input_that_two_concats_want_apart_names_the_other),
      cmocka_unit_test(operands_that_have_no_place_of_choice_are_told_apart),
      cmocka_unit_test(outputs_that_are_copied_say_why),
      cmocka_unit_test(every_copy_of_random_cells_has_a_reason),
      cmocka_unit_test(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
