/* tests/layout/test_split.c: which part of a cell is early. */
#include "exec/less_model.h"
#include "layout/cells.h"
#include "layout/split.h"
#include "support/faulty.h"

typedef struct halves {
  world w;
  edb_split *split;
} halves;

static halves halves_of(const char *text, edb_split_scope scope, const uint8_t *known) {
  halves h = {.w = world_of(EDB_SIMD_AUTO, text)};
  edb_error error = {0};
  MUST(edb_split_create(h.w.ctx, edb_model_program(h.w.model), scope, known, &h.split, &error),
       error);
  return h;
}

static void close_halves(halves *h) {
  edb_split_destroy(h->split);
  world_close(&h->w);
}

static const edb_ir_cell *late_of(const halves *h, const char *cell) {
  return &h->split->program.cells[edb_model_cell(h->w.model, cell)];
}

/* NULL: it has none. */
static const edb_ir_cell *early_of(const halves *h, const char *cell) {
  uint32_t early = h->split->early[edb_model_cell(h->w.model, cell)].cell;
  return early == EDB_NO_CELL ? NULL : &h->split->program.cells[early];
}

static uint32_t count_ops(const edb_ir_cell *cell, edb_op_kind kind) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < cell->n_ops; i++) n += cell->ops[i].kind == kind;
  return n;
}

static void products_of_an_id_are_early(void **state) {
  (void)state;
  halves h = halves_of(lstm, EDB_SPLIT_ATTRIBUTES, NULL);
  const edb_ir_cell *early = early_of(&h, "tagger"), *late = late_of(&h, "tagger");
  assert_non_null(early);
  assert_int_equal(count_ops(early, EDB_OP_PRODUCT), 4);
  assert_int_equal(count_ops(late, EDB_OP_PRODUCT), 4);
  assert_int_equal(count_ops(late, EDB_OP_LOOKUP), 0);
  assert_int_equal(early->sig.n_inputs, 0);
  assert_int_equal(early->sig.n_indices, 1);
  assert_int_equal(early->sig.n_outputs, 1);
  assert_string_equal(early->sig.outputs[0].name, "");
  assert_int_equal(early->outputs[0].shape.dim[0], 4 * 8);
  assert_int_equal(late->sig.n_inputs, 3);
  assert_int_equal(late->sig.inputs[2].shape, early->sig.outputs[0].shape);
  assert_true(edb_shape_equal(h.split->program.schema.shapes[late->sig.inputs[2].shape],
                              early->outputs[0].shape));
  assert_true(early->flops + late->flops ==
              edb_model_cell_flops(h.w.model, edb_model_cell(h.w.model, "tagger")));
  assert_null(early_of(&h, "step"));
  close_halves(&h);
}

static void cells_that_are_early_as_a_whole_stay_whole(void **state) {
  (void)state;
  halves h = halves_of(tree_lstm, EDB_SPLIT_ATTRIBUTES, NULL);
  assert_null(early_of(&h, "leaf"));
  assert_null(early_of(&h, "node"));
  assert_false(edb_split_any(h.split));
  close_halves(&h);
}

static void nothing_is_split_when_nothing_shall_be(void **state) {
  (void)state;
  halves h = halves_of(lstm, EDB_SPLIT_NOTHING, NULL);
  assert_false(edb_split_any(h.split));
  assert_int_equal(h.split->program.n_cells, 2);
  close_halves(&h);
}

static void inputs_that_are_known_are_early(void **state) {
  (void)state;
  static const uint8_t known[] = {1, 0, 0, /* step(x, h_, c_) */ 0, 0 /* tagger(h_, c_) */};
  halves h = halves_of(lstm, EDB_SPLIT_ATTRIBUTES, known);
  const edb_ir_cell *early = early_of(&h, "step");
  assert_non_null(early);
  assert_int_equal(early->sig.n_inputs, 1);
  assert_string_equal(early->sig.inputs[0].name, "x");
  assert_int_equal(h.split->early[edb_model_cell(h.w.model, "step")].inputs[0], 0);
  assert_int_equal(count_ops(early, EDB_OP_PRODUCT), 4);
  close_halves(&h);
}

static void labels_are_never_early(void **state) {
  (void)state;
  halves h = halves_of(less_text, EDB_SPLIT_ATTRIBUTES, NULL);
  const edb_ir_cell *early = early_of(&h, "out"), *late = late_of(&h, "out");
  assert_non_null(early);
  assert_int_equal(early->sig.n_indices, 1);
  assert_string_equal(early->sig.indices[0].name, "id");
  assert_int_equal(late->sig.n_indices, 2);
  assert_int_equal(count_ops(late, EDB_OP_CROSS_ENTROPY), 1);
  close_halves(&h);
}

/* The row of the embedding is used in both parts, and no float of it crosses. */
static void rows_of_parameters_do_not_cross(void **state) {
  (void)state;
  halves h = halves_of(less_text, EDB_SPLIT_ATTRIBUTES, NULL);
  assert_int_equal(early_of(&h, "step")->outputs[0].shape.dim[0], 2 * 9);
  assert_int_equal(count_ops(late_of(&h, "step"), EDB_OP_LOOKUP), 1);
  close_halves(&h);
}

static void what_crosses_is_the_smallest_cut(void **state) {
  (void)state;
  halves h = halves_of(less_text, EDB_SPLIT_ATTRIBUTES, NULL);
  /* sum(W @ E[a]) crosses as one number; e + V @ x as one vector. */
  const edb_ir_cell *pair = early_of(&h, "pair");
  assert_int_equal(pair->sig.n_indices, 2);
  assert_int_equal(pair->sig.n_dense, 1);
  assert_int_equal(count_ops(pair, EDB_OP_SUM), 1);
  assert_int_equal(pair->outputs[0].shape.dim[0], 9 + 1);
  const edb_ir_cell *matrix = early_of(&h, "matrix");
  assert_int_equal(matrix->outputs[0].shape.rank, 1);
  assert_int_equal(matrix->outputs[0].shape.dim[0], 81);
  close_halves(&h);
}

static void parameters_alone_are_not_early(void **state) {
  (void)state;
  halves h = halves_of(less_text, EDB_SPLIT_ATTRIBUTES, NULL);
  assert_int_equal(count_ops(late_of(&h, "matrix"), EDB_OP_PRODUCT), 2); /* U @ b, M @ h1 */
  close_halves(&h);
}

static void the_parts_do_the_work_of_the_whole(void **state) {
  (void)state;
  halves h = halves_of(less_text, EDB_SPLIT_ATTRIBUTES, NULL);
  static const char *const cells[] = {"init", "leaf", "step", "pair", "matrix", "merge", "out"};
  for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
    const edb_ir_cell *early = early_of(&h, cells[i]), *late = late_of(&h, cells[i]);
    const edb_ir_cell *whole =
        &edb_model_program(h.w.model)->cells[edb_model_cell(h.w.model, cells[i])];
    assert_true((early ? early->flops : 0) + late->flops == whole->flops);
    assert_true((early ? early->flops_per_element : 0) + late->flops_per_element ==
                whole->flops_per_element);
  }
  assert_true(late_of(&h, "merge")->flops_per_element > 0);
  close_halves(&h);
}

static void a_split_survives_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  world w = world_in(faulty_context(&f, 0), less_text);
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    edb_split *split = NULL;
    f.requests = f.failures = 0;
    f.fail_at = n;
    edb_status status = edb_split_create(w.ctx, edb_model_program(w.model), EDB_SPLIT_ATTRIBUTES,
                                         NULL, &split, NULL);
    failed = f.failures > 0;
    assert_true(faulty_status(&f, status));
    f.fail_at = 0;
    if (status != EDB_OK) assert_null(split);
    edb_split_destroy(split);
  }
  edb_weights_destroy(w.weights);
  edb_model_destroy(w.model);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_of_an_id_are_early),
      cmocka_unit_test(cells_that_are_early_as_a_whole_stay_whole),
      cmocka_unit_test(nothing_is_split_when_nothing_shall_be),
      cmocka_unit_test(inputs_that_are_known_are_early),
      cmocka_unit_test(labels_are_never_early),
      cmocka_unit_test(rows_of_parameters_do_not_cross),
      cmocka_unit_test(what_crosses_is_the_smallest_cut),
      cmocka_unit_test(parameters_alone_are_not_early),
      cmocka_unit_test(the_parts_do_the_work_of_the_whole),
      cmocka_unit_test(a_split_survives_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
