/* tests/model/test_cells.c: what follows from a cell: groups of variadic inputs, labels, signatures
 * and policy keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

static edb_context *ctx;
static edb_model *model;

static const edb_ir_cell *read_cell(const char *arguments, const char *outputs, const char *body) {
  ctx = new_context();
  model = parse_cell_model(ctx, arguments, outputs, body);
  assert_round_trip(ctx, model);
  return &edb_model_program(model)->cells[0];
}

static void done(void) {
  edb_model_destroy(model);
  drop_context(ctx);
}

static const edb_ir_op *op_named(const edb_ir_cell *cell, const char *name) {
  for (uint32_t i = 0; i < cell->n_ops; i++) {
    if (cell->ops[i].name && strcmp(cell->ops[i].name, name) == 0) return &cell->ops[i];
  }
  fail_msg("no value %s", name);
  return NULL;
}

static void a_map_over_variadic_inputs_is_variadic_until_it_is_reduced(void **state) {
  (void)state;
  const edb_ir_cell *cell =
      read_cell("x[n], h[n]...", "r[n]", "  f = sigmoid(L @ h + x)\n  r = sum(f * h)\n");
  assert_true(op_named(cell, "f")->variadic);
  assert_int_equal(op_named(cell, "f")->shape.dim[0], 4);
  assert_false(op_named(cell, "r")->variadic);
  assert_int_equal(op_named(cell, "r")->kind, EDB_OP_SUM_OVER);
  assert_true(cell->sig.inputs[1].variadic);
  assert_false(cell->sig.inputs[1].nonempty);
  assert_int_equal(cell->sig.n_variadic, 1);
  done();
}

static void inputs_that_are_mapped_together_are_one_group(void **state) {
  (void)state;
  const edb_ir_cell *cell =
      read_cell("x[n], p[n]..., q[n]..., c[n]..., d[n]..., e[n]...", "r[n]",
                "  ad = p * d\n  eb = e + q\n  u = eb - max(c)\n  r = sum(ad) + mean(u)\n");
  const edb_input_sig *in = cell->sig.inputs;
  assert_int_equal(in[1].group, 0); /* p, d */
  assert_int_equal(in[4].group, 0);
  assert_int_equal(in[2].group, 1); /* q, e */
  assert_int_equal(in[5].group, 1);
  assert_int_equal(in[3].group, 2); /* c */
  assert_int_equal(op_named(cell, "ad")->group, 0);
  assert_int_equal(op_named(cell, "u")->group, 1);
  assert_false(in[1].nonempty);
  assert_true(in[2].nonempty && in[5].nonempty && in[3].nonempty);
  done();
}

static void softmax_over_elements_is_a_map_and_needs_an_element(void **state) {
  (void)state;
  const edb_ir_cell *cell =
      read_cell("q[n], h[n]...", "r[n]", "  w = softmax(dot(q, h))\n  r = sum(w * h)\n");
  assert_int_equal(op_named(cell, "w")->kind, EDB_OP_SOFTMAX_OVER);
  assert_true(op_named(cell, "w")->variadic);
  assert_true(cell->sig.inputs[1].nonempty);
  done();
}

static void an_attribute_of_losses_only_is_a_label(void **state) {
  (void)state;
  const edb_ir_cell *cell = read_cell(
      "x[n], i: index k, j: index k, c: index k, d: dense[n], e: dense[n]", "r[n], l, t, u",
      "  r = x + V[i]\n  l = cross_entropy(x, i)\n  t = cross_entropy(r, j) * 2\n"
      "  u = squared_error(x, d) + squared_error(e, x)\n");
  assert_false(cell->sig.indices[0].is_label); /* looked up with as well */
  assert_true(cell->sig.indices[1].is_label);
  assert_false(cell->sig.indices[2].is_label); /* not used */
  assert_true(cell->sig.dense[0].is_label);
  assert_false(cell->sig.dense[1].is_label); /* the first operand */
  assert_false(cell->sig.outputs[0].needs_labels);
  assert_false(cell->sig.outputs[1].needs_labels);
  assert_true(cell->sig.outputs[2].needs_labels);
  assert_true(cell->sig.outputs[3].needs_labels);
  done();
}

static void an_input_may_be_an_output(void **state) {
  (void)state;
  const edb_ir_cell *cell = read_cell("x[n], y[n]", "x[n], z[n], w[n]", "  z = y\n  w = z * 2\n");
  assert_int_equal(cell->outputs[0].value.kind, EDB_REF_INPUT);
  assert_int_equal(cell->outputs[1].value.kind, EDB_REF_INPUT);
  assert_int_equal(cell->outputs[1].value.index, 1);
  assert_int_equal(cell->n_ops, 1);
  done();
}

static void a_key_tells_structure_and_no_sizes(void **state) {
  (void)state;
  const edb_ir_cell *cell = read_cell("x[n], a, v[n, k]..., i: index words, d: dense[n]", "r[n], t",
                                      "  r = x * a + E[i]\n  t = sum(sum(v) * d)\n");
  assert_string_equal(cell->sig.key, "f(x[.], a, v[.,.]..., i: index, d: dense[.]) -> (r[.], t) "
                                     "{mul; lookup; add; sum_over; mul; sum}");
  assert_string_equal(cell->sig.name, "f");
  done();
}

static void equal_shapes_have_equal_numbers_and_the_scalar_is_0(void **state) {
  (void)state;
  const edb_ir_cell *cell =
      read_cell("x[n], y[k], z[n], a, m[n, k]", "r[n], t", "  r = x + z\n  t = a + sum(y)\n");
  const edb_program *program = edb_model_program(model);
  assert_int_equal(cell->sig.inputs[0].shape, cell->sig.inputs[2].shape);
  assert_int_equal(cell->sig.inputs[0].shape, cell->sig.outputs[0].shape);
  assert_int_not_equal(cell->sig.inputs[0].shape, cell->sig.inputs[1].shape);
  assert_int_equal(cell->sig.inputs[3].shape, 0);
  assert_int_equal(cell->sig.outputs[1].shape, 0);
  assert_int_equal(program->schema.n_shapes, 4);
  assert_int_equal(program->schema.shapes[cell->sig.inputs[4].shape].dim[1], 3);
  done();
}

static void what_can_be_asked_of_a_model(void **state) {
  (void)state;
  ctx = new_context();
  model = parse_cell_model(ctx, "x[n], i: index words, j: index k", "r[n], t",
                           "  r = x + E[i]\n  t = cross_entropy(r, j)\n");
  assert_string_equal(edb_model_name(model), "m");
  assert_string_equal(edb_model_file_name(model), "m.edb");
  assert_true(edb_model_context(model) == ctx);
  assert_int_equal(edb_model_cell_count(model), 1);
  assert_int_equal(edb_model_cell(model, "f"), 0);
  assert_int_equal(edb_model_cell(model, "g"), UINT32_MAX);
  assert_string_equal(edb_model_cell_name(model, 0), "f");
  assert_null(edb_model_cell_name(model, 1));
  assert_int_equal(edb_model_output_count(model, 0), 2);
  assert_int_equal(edb_model_output_count(model, 1), 0);
  assert_int_equal(edb_model_output(model, 0, "t"), 1);
  assert_int_equal(edb_model_output(model, 0, "u"), UINT32_MAX);
  assert_int_equal(edb_model_output(model, 1, "t"), UINT32_MAX);
  assert_string_equal(edb_model_output_name(model, 0, 0), "r");
  assert_null(edb_model_output_name(model, 0, 2));
  assert_int_equal(edb_model_output_size(model, 0, 0), 4);
  assert_int_equal(edb_model_output_size(model, 0, 1), 1);
  assert_int_equal(edb_model_output_size(model, 0, 2), 0);
  assert_int_equal(edb_model_index_vocab(model, 0, 0), 0);
  assert_int_equal(edb_model_index_vocab(model, 0, 1), UINT32_MAX);
  assert_int_equal(edb_model_index_vocab(model, 0, 2), UINT32_MAX);
  assert_int_equal(edb_model_param_count(model), 9);
  assert_string_equal(edb_model_param_name(model, 7), "T");
  assert_null(edb_model_param_name(model, 9));
  assert_int_equal(edb_model_param_rank(model, 7), 3);
  assert_int_equal(edb_model_param_dim(model, 7, 2), 3);
  assert_int_equal(edb_model_param_dim(model, 7, 3), 0);
  assert_int_equal(edb_model_param_rank(model, 4), 0);
  done();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_map_over_variadic_inputs_is_variadic_until_it_is_reduced),
      cmocka_unit_test(inputs_that_are_mapped_together_are_one_group),
      cmocka_unit_test(softmax_over_elements_is_a_map_and_needs_an_element),
      cmocka_unit_test(an_attribute_of_losses_only_is_a_label),
      cmocka_unit_test(an_input_may_be_an_output),
      cmocka_unit_test(a_key_tells_structure_and_no_sizes),
      cmocka_unit_test(equal_shapes_have_equal_numbers_and_the_scalar_is_0),
      cmocka_unit_test(what_can_be_asked_of_a_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
