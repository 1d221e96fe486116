/* tests/layout/test_plan.c: how cells are compiled: slots, steps, stacks and scratch memory. */
#include "exec/random_cells.h"
#include "exec/zoo.h"
#include "layout/large_cells.h"
#include "layout/plan_check.h"
#include "layout/plan_counts.h"
#include "support/faulty.h"

static edb_plan *plan_of(const world *w, const char *cell) {
  edb_plan *plan = NULL;
  edb_error error = {0};
  uint32_t number = edb_model_cell(w->model, cell);
  assert_int_not_equal(number, UINT32_MAX);
  MUST(edb_plan_create(w->ctx, edb_model_program(w->model), number, NULL, &plan, &error), error);
  return plan;
}

static uint32_t count_steps(const edb_plan *plan, edb_step_kind kind) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < plan->n_steps; i++) count += plan->steps[i].kind == kind;
  return count;
}

#define HEAD "edb 1\nmodel m\nconst n = 20\nparam W[n, n], V[n, n], Q[n, 2*n], b[n]\n"

/* The plan of cell f of a model with this text after HEAD. */
#define WITH_PLAN(text)                             \
  world w = world_of(EDB_SIMD_PORTABLE, HEAD text); \
  edb_plan *plan = plan_of(&w, "f");                \
  check_plan(plan, "f")

static void done(world *w, edb_plan *plan) {
  edb_plan_destroy(plan);
  world_close(w);
}

/* ---- Cells whose best plan is known ---------------------------------------------------------- */

static void an_inner_node_of_tree_lstm_stacks_its_gates_and_copies_nothing(void **state) {
  (void)state;
  world w = world_load(EDB_SIMD_PORTABLE, "tree_lstm.edb", 24);
  edb_plan *plan = plan_of(&w, "node");
  check_plan(plan, "node");
  assert_int_equal(count_steps(plan, EDB_STEP_PRODUCT), 3); /* of [h1; h2], of h1, of h2 */
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 0);
  assert_int_equal(count_steps(plan, EDB_STEP_EXPAND), 0);
  assert_int_equal(count_steps(plan, EDB_STEP_GATHER), 2); /* straight into the parts of [h1; h2] */
  uint32_t h1 = plan->input_slot[0], h2 = plan->input_slot[2];
  assert_int_equal(plan->slots[h1].kind, EDB_SLOT_PART);
  assert_int_equal(plan->slots[h1].parent, plan->slots[h2].parent);
  assert_int_equal(plan->slots[h1].offset, 0);
  assert_int_equal(plan->slots[h2].offset, 24);
  assert_int_equal(plan->slots[plan->input_slot[1]].kind, EDB_SLOT_INPUT);
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    if (s->kind == EDB_STEP_PRODUCT) assert_int_equal(s->n_stacked, s->depth == 48 ? 3 : 1);
  }
  done(&w, plan);
}

static void a_leaf_of_tree_lstm_has_one_product(void **state) {
  (void)state;
  world w = world_load(EDB_SIMD_PORTABLE, "tree_lstm.edb", 24);
  edb_plan *plan = plan_of(&w, "leaf");
  check_plan(plan, "leaf");
  assert_int_equal(count_steps(plan, EDB_STEP_PRODUCT), 1);
  assert_int_equal(plan->steps[1].n_stacked, 3);
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 0);
  done(&w, plan);
}

static void products_that_are_outputs_do_not_stack(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n]) -> (y[n], z[n]):\n"
            "  y = W @ h\n"
            "  z = tanh(V @ h)\n");
  assert_int_equal(count_steps(plan, EDB_STEP_PRODUCT), 2);
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 0);
  done(&w, plan);
}

static void members_of_a_stack_stand_one_behind_the_other(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n]) -> (y[n]):\n"
            "  y = tanh(W @ h) + tanh(V @ h)\n");
  assert_int_equal(count_steps(plan, EDB_STEP_PRODUCT), 1);
  assert_int_equal(plan->n_stacked, 2);
  assert_int_equal(plan->stacked[1].offset, 20);
  done(&w, plan);
}

static void slices_reshapes_and_dropout_are_views(void **state) {
  (void)state;
  WITH_PLAN("cell f(w[2*n]) -> (y[5]):\n"
            "  s = w[n:2*n]\n"
            "  t = reshape(dropout(s, 0.5), [4, 5])\n"
            "  u = reshape(t[2:3], [5])\n"
            "  y = tanh(u)\n");
  size_t offset = 0;
  assert_int_equal(plan->n_steps, 1);
  uint32_t root = edb_plan_root(plan, plan->steps[0].operand[0], &offset);
  assert_int_equal(root, plan->input_slot[0]);
  assert_int_equal(offset, 30);
  done(&w, plan);
}

static void a_concat_is_made_in_place_where_nothing_else_claims_its_operands(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n], c[n]) -> (y[2*n]):\n"
            "  y = [tanh(h); sigmoid(c)]\n");
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 0);
  assert_int_equal(plan->n_steps, 2);
  done(&w, plan);
}

static void an_input_of_two_concats_is_gathered_into_both(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n], c[n]) -> (y[2*n], z[2*n]):\n"
            "  y = [h; c]\n"
            "  z = [c; h]\n");
  assert_int_equal(count_steps(plan, EDB_STEP_GATHER), 4);
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 0);
  done(&w, plan);
}

/* p d q and a copy: of p behind q, or of q before p. */
static void a_ring_of_concats_copies_one_value(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n], c[n]) -> (y[n], z[n]):\n"
            "  p = sigmoid(h)\n"
            "  q = tanh(c)\n"
            "  d = p * q\n"
            "  y = Q @ [p; d] + Q @ [d; q]\n"
            "  z = Q @ [q; p]\n");
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 1);
  assert_int_equal(count_plan(plan).gathers, 1);
  done(&w, plan);
}

/* x r x': only the input is gathered again. */
static void a_concat_and_its_reverse_gather_the_input_twice_and_copy_nothing(void **state) {
  (void)state;
  WITH_PLAN("cell f(x[n], h[n]) -> (y[n], z[n]):\n"
            "  r = tanh(W @ h)\n"
            "  y = Q @ [x; r]\n"
            "  z = Q @ [r; x]\n");
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 0);
  assert_int_equal(count_steps(plan, EDB_STEP_GATHER), 2);
  done(&w, plan);
}

static void outputs_that_are_inputs_or_parts_are_copied(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n], w[2*n]) -> (h[n], y[n], z[n], x[n]):\n"
            "  y = w[0:n]\n"
            "  z = tanh(h)\n"
            "  x = z\n");
  assert_int_equal(count_steps(plan, EDB_STEP_COPY), 3);
  assert_int_equal(count_steps(plan, EDB_STEP_OP), 1);
  done(&w, plan);
}

static void inputs_that_only_unused_views_read_take_no_part(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n], w[2*n], c[n]) -> (h[n], y[n]):\n"
            "  unused = w[0:n]\n"
            "  y = h + c\n");
  assert_int_equal(plan->input_slot[1], EDB_SLOT_NONE);
  done(&w, plan);
}

static void what_depends_on_parameters_only_has_one_row(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n]) -> (y[n]):\n"
            "  y = h + tanh(W @ b)\n");
  assert_true(plan->domain_floats[EDB_DOMAIN_STATIC] > 0);
  assert_int_equal(plan->steps[0].domain, EDB_DOMAIN_STATIC);
  done(&w, plan);
}

static void values_used_inside_one_elementwise_run_are_local(void **state) {
  (void)state;
  WITH_PLAN("cell f(h[n], c[n]) -> (y[n]):\n"
            "  y = tanh(h + c) * sigmoid(h - c) + tanh(h * c)\n");
  assert_true(plan->local_floats > 0);
  /* Only what inputs need when they have to be gathered. */
  assert_int_equal(plan->domain_floats[EDB_DOMAIN_NODE], 64);
  for (uint32_t i = 0; i < plan->n_steps; i++) assert_int_equal(plan->steps[i].run, 1);
  done(&w, plan);
}

static void a_map_reads_values_of_nodes_where_they_are(void **state) {
  (void)state;
  WITH_PLAN("cell f(hs[n]..., k[n]) -> (y[n]):\n"
            "  y = sum(tanh(hs) * (W @ k))\n");
  assert_int_equal(count_steps(plan, EDB_STEP_EXPAND), 0);
  assert_int_equal(count_plan(plan).gathers, 0);
  assert_int_equal(plan->n_domains, 3);
  uint32_t spread = 0;
  for (uint32_t i = 0; i < plan->n_steps; i++) spread += plan->steps[i].spread;
  assert_int_equal(spread, 1);
  done(&w, plan);
}

static void a_concat_in_a_map_gets_values_of_nodes_copied(void **state) {
  (void)state;
  WITH_PLAN("cell f(hs[n]..., k[n]) -> (y[2*n]):\n"
            "  y = sum([hs; W @ k])\n");
  assert_int_equal(count_steps(plan, EDB_STEP_EXPAND), 1);
  done(&w, plan);
}

/* ---- What holds of all plans ----------------------------------------------------------------- */

static const edb_plan_params ways[] = {{EDB_LAYOUT_PLANNED, false},
                                       {EDB_LAYOUT_PLANNED, true},
                                       {EDB_LAYOUT_CREATED, false},
                                       {EDB_LAYOUT_CREATED, true}};
#define WAYS (sizeof ways / sizeof *ways)

/* The order of creation does not do with less of one thing and no more of the others. */
static void check_better(plan_counts planned, plan_counts created, const char *what) {
  if (created.kernels > planned.kernels || created.gathers > planned.gathers ||
      created.gather_bytes > planned.gather_bytes || created.input_gathers > planned.input_gathers)
    return;
  if (created.kernels + created.gathers + created.gather_bytes + created.input_gathers <
      planned.kernels + planned.gathers + planned.gather_bytes + planned.input_gathers)
    fail_msg("%u kernels, %u gathers, of inputs %u; in the order of creation %u, %u, %u:\n%s",
             planned.kernels, planned.gathers, planned.input_gathers, created.kernels,
             created.gathers, created.input_gathers, what);
}

static void check_model(const world *w, const char *what) {
  plan_counts counts[WAYS];
  for (uint32_t c = 0; c < edb_model_cell_count(w->model); c++) {
    for (size_t i = 0; i < WAYS; i++) {
      edb_plan *plan = NULL;
      edb_error error = {0};
      MUST(edb_plan_create(w->ctx, edb_model_program(w->model), c, &ways[i], &plan, &error), error);
      check_plan(plan, what);
      counts[i] = count_plan(plan);
      edb_plan_destroy(plan);
    }
    check_better(counts[0], counts[2], what);
    check_better(counts[1], counts[3], what);
  }
}

/* Inputs that stand side by side as they were declared are one operand; in the order in which the
 * results are outputs or not they are two. */
static void a_plan_has_no_more_kernels_than_the_order_of_creation(void **state) {
  (void)state;
  const edb_plan_params unfused = {EDB_LAYOUT_PLANNED, true};
  world w = world_of(EDB_SIMD_PORTABLE, HEAD "cell f(k[n], l[n]) -> (x[n], y[n]):\n"
                                             "  x = sigmoid(k)\n  y = sigmoid(l) * 0.5\n");
  edb_plan *plan = NULL;
  edb_error error = {0};
  MUST(edb_plan_create(w.ctx, edb_model_program(w.model), 0, &unfused, &plan, &error), error);
  assert_int_equal(count_plan(plan).kernels, 2);
  assert_int_equal(count_plan(plan).gathers, 0);
  done(&w, plan);
}

/* Whether the order of creation needs no more kernels and copies, and fewer of those within the
 * cell. */
static bool is_worse(const plan_counts *planned, const plan_counts *created) {
  return created->kernels <= planned->kernels && created->gathers < planned->gathers &&
         created->gathers + created->input_gathers <= planned->gathers + planned->input_gathers &&
         created->gather_bytes < planned->gather_bytes;
}

static void no_plan_copies_a_value_where_the_order_of_creation_gathers_an_input(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 150; seed++) {
    world w = world_of(EDB_SIMD_PORTABLE, random_model(seed, 8, 3));
    for (uint32_t c = 0; c < edb_model_cell_count(w.model); c++) {
      plan_counts counts[2];
      for (int created = 0; created < 2; created++) {
        edb_plan_params params = {created ? EDB_LAYOUT_CREATED : EDB_LAYOUT_PLANNED, false};
        edb_plan *plan = NULL;
        edb_error error = {0};
        MUST(edb_plan_create(w.ctx, edb_model_program(w.model), c, &params, &plan, &error), error);
        counts[created] = count_plan(plan);
        edb_plan_destroy(plan);
      }
      if (is_worse(&counts[0], &counts[1])) fail_msg("seed %u, cell %u", (unsigned)seed, c);
    }
    world_close(&w);
  }
}

static void every_plan_of_the_small_models_is_sound(void **state) {
  (void)state;
  for (size_t i = 0; i < ZOO_COUNT; i++) {
    world w = world_of(EDB_SIMD_PORTABLE, zoo[i].text);
    check_model(&w, zoo[i].name);
    world_close(&w);
  }
}

static void every_plan_of_random_cells_is_sound(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 400; seed++) {
    const char *text = random_model(seed, 3 + (uint32_t)(seed % 20), 3);
    world w = world_of(EDB_SIMD_PORTABLE, text);
    check_model(&w, text);
    world_close(&w);
  }
}

static void every_plan_of_random_gates_is_sound(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    const char *text = random_gates(seed, 1 + (uint32_t)(seed % 20), 3);
    world w = world_of(EDB_SIMD_PORTABLE, text);
    check_model(&w, text);
    world_close(&w);
  }
}

/* Beyond what is arranged: values stand as they are created, and batches are cut. */
static void a_cell_of_thousands_of_operators_has_a_plan(void **state) {
  (void)state;
  enum { LINES = 1100 };
  static char text[LINES * 48 + 512];
  int at = snprintf(text, sizeof text, HEAD "cell f(h[n], k[n]) -> (y[n]):\n  a0 = h\n  c0 = k\n");
  for (int i = 1; i < LINES; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, "  a%d = tanh(c%d)\n  c%d = tanh(a%d)\n", i,
                   i - 1, i, i - 1);
  (void)snprintf(text + at, sizeof text - (size_t)at, "  y = a%d + c%d\n", LINES - 1, LINES - 1);
  world w = world_of(EDB_SIMD_PORTABLE, text);
  edb_plan *plan = NULL;
  edb_error error = {0};
  MUST(edb_plan_create(w.ctx, edb_model_program(w.model), 0, NULL, &plan, &error), error);
  assert_false(plan->exact);
  assert_int_equal(plan->n_operators, 2 * LINES - 1);
  done(&w, plan);
}

static void every_plan_of_cells_of_thousands_of_operators_is_sound(void **state) {
  (void)state;
  static const uint32_t lines[] = {600, LARGE_CELL_LINES};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    world w = world_of(EDB_SIMD_PORTABLE, large_cell(i + 1, lines[i]));
    check_model(&w, "a large cell");
    world_close(&w);
  }
}

static void plans_survive_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  world w = world_of(EDB_SIMD_PORTABLE, zoo[ZOO_COUNT - 1].text);
  FAULTY_FOR_EACH(&f, ctx) {
    for (uint32_t c = 0; c < edb_model_cell_count(w.model); c++) {
      edb_plan *plan = NULL;
      edb_error error = {0};
      for (size_t i = 0; i < WAYS; i += 3) {
        edb_status status =
            edb_plan_create(ctx, edb_model_program(w.model), c, &ways[i], &plan, &error);
        assert_true(faulty_status(&f, status));
        if (status != EDB_OK) assert_null(plan);
        edb_plan_destroy(plan);
        plan = NULL;
      }
    }
  }
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_inner_node_of_tree_lstm_stacks_its_gates_and_copies_nothing),
      cmocka_unit_test(a_leaf_of_tree_lstm_has_one_product),
      cmocka_unit_test(products_that_are_outputs_do_not_stack),
      cmocka_unit_test(members_of_a_stack_stand_one_behind_the_other),
      cmocka_unit_test(slices_reshapes_and_dropout_are_views),
      cmocka_unit_test(a_concat_is_made_in_place_where_nothing_else_claims_its_operands),
      cmocka_unit_test(an_input_of_two_concats_is_gathered_into_both),
      cmocka_unit_test(a_ring_of_concats_copies_one_value),
      cmocka_unit_test(a_concat_and_its_reverse_gather_the_input_twice_and_copy_nothing),
      cmocka_unit_test(outputs_that_are_inputs_or_parts_are_copied),
      cmocka_unit_test(inputs_that_only_unused_views_read_take_no_part),
      cmocka_unit_test(what_depends_on_parameters_only_has_one_row),
      cmocka_unit_test(values_used_inside_one_elementwise_run_are_local),
      cmocka_unit_test(a_map_reads_values_of_nodes_where_they_are),
      cmocka_unit_test(a_concat_in_a_map_gets_values_of_nodes_copied),
      cmocka_unit_test(a_plan_has_no_more_kernels_than_the_order_of_creation),
      cmocka_unit_test(no_plan_copies_a_value_where_the_order_of_creation_gathers_an_input),
      cmocka_unit_test(every_plan_of_the_small_models_is_sound),
      cmocka_unit_test(every_plan_of_random_cells_is_sound),
      cmocka_unit_test(every_plan_of_random_gates_is_sound),
      cmocka_unit_test(a_cell_of_thousands_of_operators_has_a_plan),
      cmocka_unit_test(every_plan_of_cells_of_thousands_of_operators_is_sound),
      cmocka_unit_test(plans_survive_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("plans", tests, NULL, NULL);
}
