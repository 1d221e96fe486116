/* tests/model/test_lower.c: models and graphs at operator granularity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/evaluate.h"
#include "model/lower.h"
#include "model/model.h"
#include "model/weights.h"
#include "support/faulty.h"

static const char tree_text[] =
    "edb 1\n"
    "model tree_lstm\n"
    "const hidden = 4, embed = hidden, labels = 3\n"
    "vocab words\n"
    "param E[words, embed], Wi[hidden, embed], Wo[hidden, embed], Wu[hidden, embed]\n"
    "param Ui[hidden, 2*hidden], Uo[hidden, 2*hidden], Uu[hidden, 2*hidden]\n"
    "param Uf1[hidden, hidden], Uf2[hidden, hidden]\n"
    "param bi[hidden], bo[hidden], bu[hidden], bf[hidden], Wout[labels, hidden]\n"
    "cell leaf(word: index words) -> (h[hidden], c[hidden]):\n"
    "  x = E[word]\n"
    "  i = sigmoid(Wi @ x + bi)\n"
    "  o = sigmoid(Wo @ x + bo)\n"
    "  u = tanh(Wu @ x + bu)\n"
    "  c = i * u\n"
    "  h = o * tanh(c)\n"
    "cell node(h1[hidden], c1[hidden], h2[hidden], c2[hidden]) -> (h[hidden], c[hidden]):\n"
    "  e = [h1; h2]\n"
    "  i = sigmoid(Ui @ e + bi)\n"
    "  o = sigmoid(Uo @ e + bo)\n"
    "  u = tanh(Uu @ e + bu)\n"
    "  f1 = sigmoid(Uf1 @ h1 + bf)\n"
    "  f2 = sigmoid(Uf2 @ h2 + bf)\n"
    "  c = i * u + f1 * c1 + f2 * c2\n"
    "  h = o * tanh(c)\n"
    "cell score(h[hidden], label: index labels) -> (logits[labels], loss):\n"
    "  logits = Wout @ h\n"
    "  loss = cross_entropy(logits, label)\n";

/* Variadic maps, reductions and a softmax over elements; dense attributes; labels. */
static const char wide_text[] = "edb 1\n"
                                "model wide\n"
                                "const n = 3\n"
                                "param W[n, n], v[n], g[n], b[n]\n"
                                "cell source(x: dense[n]) -> (h[n], c[n]):\n"
                                "  h = dropout(tanh(x * v), 0.25)\n"
                                "  c = W @ h + 0.5 * h * h\n"
                                "cell merge(h[n]..., c[n]...) -> (s[n], m[n], a[n]):\n"
                                "  f = sigmoid(W @ h + v) * c\n"
                                "  s = sum(f) + v\n"
                                "  m = max(h) - mean(c)\n"
                                "  a = sum(softmax(h * s) * c)\n"
                                "cell total(h[n]...) -> (s[n]):\n"
                                "  s = sum(h)\n"
                                "cell through(h[n], y: dense[n]) -> (h[n], k[n], e, l):\n"
                                "  k = layer_norm(v, g, b) * g\n"
                                "  e = squared_error(h, y)\n"
                                "  l = 2 * e + sum(h)\n";

/* ---- A model, a graph and both granularities ------------------------------------------------- */

typedef struct fixture {
  faulty f;
  edb_context *ctx;
  edb_model *model;
  edb_lowering *lowering;
  edb_graph *cells, *ops;
  edb_lower_map map;
} fixture;

static edb_model *parse(edb_context *ctx, const char *text) {
  edb_model *model = NULL;
  edb_error error = {0};
  if (edb_model_parse(ctx, text, strlen(text), "test.edb", NULL, &model, &error) != EDB_OK)
    fail_msg("%s", error.text);
  if (edb_model_vocab_count(model) > 0)
    assert_int_equal(edb_model_vocab_resize(model, 0, 10, NULL), EDB_OK);
  assert_int_equal(edb_model_seal(model, NULL), EDB_OK);
  return model;
}

static void start(fixture *x, const char *text) {
  edb_error error = {0};
  memset(x, 0, sizeof *x);
  x->ctx = faulty_context(&x->f, 0);
  x->model = parse(x->ctx, text);
  if (edb_lowering_create(x->ctx, x->model, &x->lowering, &error) != EDB_OK)
    fail_msg("%s", error.text);
  const edb_schema *schema = &edb_lowering_program(x->lowering)->schema;
  assert_int_equal(edb_graph_create(x->ctx, x->model, &x->cells, NULL), EDB_OK);
  assert_int_equal(edb_graph_create_schema(x->ctx, schema, &x->ops, NULL), EDB_OK);
}

static void finish(fixture *x) {
  edb_lower_map_free(x->ctx, &x->map);
  edb_graph_destroy(x->ops);
  edb_graph_destroy(x->cells);
  edb_lowering_destroy(x->lowering);
  edb_model_destroy(x->model);
  faulty_destroy(&x->f);
}

static edb_node call(fixture *x, const char *cell, const edb_value *inputs, uint32_t n,
                     const int32_t *indices, const float *dense) {
  edb_call c = {.cell = edb_model_cell(x->model, cell),
                .inputs = inputs,
                .n_inputs = n,
                .indices = indices,
                .dense = &dense};
  edb_node node = 0;
  edb_error error = {0};
  if (edb_graph_append(x->cells, &c, &node, &error) != EDB_OK) fail_msg("%s", error.text);
  return node;
}

static void lower(fixture *x) {
  edb_error error = {0};
  if (edb_lower_graph(x->lowering, x->cells, x->ops, &x->map, &error) != EDB_OK)
    fail_msg("%s", error.text);
}

static edb_value mapped(const fixture *x, edb_node node, uint32_t output) {
  return x->map.values.data[x->map.values_start.data[node] + output];
}

static uint32_t find_type(const fixture *x, const char *name) {
  const edb_schema *schema = &edb_lowering_program(x->lowering)->schema;
  for (uint32_t i = 0; i < schema->n_types; i++) {
    if (strcmp(schema->types[i].name, name) == 0) return i;
  }
  return UINT32_MAX;
}

static uint32_t count_nodes(const fixture *x, const char *name) {
  uint32_t type = find_type(x, name), count = 0;
  if (type == UINT32_MAX) fail_msg("there is no operator %s", name);
  for (uint32_t i = 0; i < x->ops->n_nodes; i++) count += x->ops->type[i] == type;
  return count;
}

/* Every output of every cell node is bit for bit what its operators give. */
static void assert_same_values(const fixture *x) {
  const edb_program *program = edb_model_program(x->model);
  double **weights = take(program->n_params * sizeof *weights);
  edb_rng rng;
  edb_rng_seed(&rng, 99);
  for (uint32_t p = 0; p < program->n_params; p++) {
    size_t size = edb_shape_size(program->params[p].shape);
    weights[p] = take(size * sizeof(double));
    for (size_t i = 0; i < size; i++) weights[p][i] = edb_rng_normal(&rng);
  }
  const double *const *values = (const double *const *)weights;
  evaluated a = evaluate_graph(program, x->cells, values);
  evaluated b = evaluate_graph(edb_lowering_program(x->lowering), x->ops, values);
  for (uint32_t node = 0; node < a.n_nodes; node++) {
    const edb_ir_cell *cell = &program->cells[x->cells->type[node]];
    for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
      edb_value value = mapped(x, node, o);
      assert_int_equal(value.node == UINT32_MAX, a.out[node][o] == NULL);
      if (value.node == UINT32_MAX) continue;
      assert_memory_equal(a.out[node][o], b.out[value.node][value.output],
                          edb_shape_size(cell->outputs[o].shape) * sizeof(double));
    }
  }
  evaluated_free(&a);
  evaluated_free(&b);
  for (uint32_t p = 0; p < program->n_params; p++) free(weights[p]);
  free(weights);
}

/* ((3 7) 1) with a score at every node; without labels where label is -1. */
static void append_tree(fixture *x, int32_t label) {
  int32_t words[3] = {3, 7, 1};
  edb_node nodes[5];
  for (int i = 0; i < 3; i++) nodes[i] = call(x, "leaf", NULL, 0, &words[i], NULL);
  for (int i = 0; i < 2; i++) {
    edb_node left = nodes[i == 0 ? 0 : 3], right = nodes[i == 0 ? 1 : 2];
    edb_value inputs[4] = {{left, 0}, {left, 1}, {right, 0}, {right, 1}};
    nodes[3 + i] = call(x, "node", inputs, 4, NULL, NULL);
  }
  for (int i = 0; i < 5; i++) {
    edb_value h = {nodes[i], 0};
    call(x, "score", &h, 1, &label, NULL);
  }
}

/* ---- Types ----------------------------------------------------------------------------------- */

static void operators_that_differ_in_nothing_share_a_type(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  /* lookup; Wi Wo Wu; + bi bo bu bf; sigmoid; tanh; mul; concat; Ui Uo Uu; Uf1 Uf2; add; Wout; loss
   */
  assert_int_equal(edb_lowering_program(x.lowering)->n_cells, 20);
  finish(&x);
}

static void cells_are_named_with_sizes_and_types_without(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  const struct {
    const char *name, *key;
  } expected[] = {
      {"lookup(E, index<10>)", "lookup(E, index)"},
      {"product(Wi, row[4])", "product(Wi, row)"},
      {"add(row[4], bi)", "add(row, bi)"},
      {"concat(row[4], row[4])", "concat(row, row)"},
      {"product(Ui, row[8])", "product(Ui, row)"},
      {"mul(row[4], row[4])", "mul(row, row)"},
      {"cross_entropy(row[3], label<3>)", "cross_entropy(row, label)"},
  };
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    uint32_t type = find_type(&x, expected[i].key);
    if (type == UINT32_MAX) fail_msg("there is no operator %s", expected[i].key);
    const edb_ir_cell *cell = &edb_lowering_program(x.lowering)->cells[type];
    assert_string_equal(cell->sig.key, expected[i].key);
    assert_string_equal(cell->name, expected[i].name);
  }
  finish(&x);
}

static void operators_that_differ_in_sizes_only_have_numbered_keys(void **state) {
  (void)state;
  fixture x;
  start(&x, "edb 1\nmodel m\n"
            "cell c(a[2], b[3]) -> (p[2], q[3], r[1], s[1]):\n"
            "  p = tanh(a)\n  q = tanh(b)\n  r = slice(a, 0, 1)\n  s = slice(a, 1, 2)\n");
  const edb_program *program = edb_lowering_program(x.lowering);
  assert_int_equal(program->n_cells, 4);
  assert_string_equal(program->cells[0].sig.key, "tanh(row)");
  assert_string_equal(program->cells[1].sig.key, "tanh(row)#2");
  assert_string_equal(program->cells[2].sig.key, "slice(row)");
  assert_string_equal(program->cells[3].sig.key, "slice(row)#2");
  assert_string_equal(program->cells[3].name, "slice(row[2], 1, 2)");
  finish(&x);
}

static void an_output_that_no_operator_makes_becomes_a_node(void **state) {
  (void)state;
  fixture x;
  start(&x, "edb 1\nmodel m\nparam h0[2], W[2, 2]\n"
            "cell init(d: dense[3]) -> (h[2], w[2, 2], x[3], k):\n"
            "  h = h0\n  w = W\n  x = d\n  k = 3\n");
  const edb_program *program = edb_lowering_program(x.lowering);
  assert_int_equal(program->n_cells, 4);
  assert_string_equal(program->cells[0].sig.key, "reshape(h0)");
  assert_string_equal(program->cells[2].sig.key, "reshape(dense)");
  assert_string_equal(program->cells[3].sig.key, "reshape(3)");
  finish(&x);
}

static void keys_do_not_depend_on_constants(void **state) {
  (void)state;
  fixture a, b;
  start(&a, tree_text);
  char text[sizeof tree_text];
  memcpy(text, tree_text, sizeof text);
  strstr(text, "hidden = 4")[9] = '7';
  start(&b, text);
  const edb_schema *s = &edb_lowering_program(a.lowering)->schema;
  const edb_schema *t = &edb_lowering_program(b.lowering)->schema;
  assert_int_equal(s->n_types, t->n_types);
  for (uint32_t i = 0; i < s->n_types; i++) assert_string_equal(s->types[i].key, t->types[i].key);
  finish(&a);
  finish(&b);
}

static void every_type_is_one_operator_over_consistent_parts(void **state) {
  (void)state;
  fixture x;
  start(&x, wide_text);
  const edb_program *program = edb_lowering_program(x.lowering);
  assert_int_equal(program->n_params, edb_model_program(x.model)->n_params);
  assert_int_equal(program->schema.n_types, program->n_cells);
  for (uint32_t i = 0; i < program->n_cells; i++) {
    const edb_ir_cell *cell = &program->cells[i];
    assert_int_equal(cell->n_ops, 1);
    assert_int_equal(cell->sig.n_outputs, 1);
    assert_memory_equal(&cell->sig, &program->schema.types[i], sizeof cell->sig);
    assert_true(
        edb_shape_equal(program->schema.shapes[cell->sig.outputs[0].shape], cell->ops[0].shape));
    assert_true(edb_shape_equal(cell->outputs[0].shape, cell->ops[0].shape));
    for (uint32_t j = 0; j < cell->sig.n_inputs; j++) {
      assert_true(edb_shape_equal(program->schema.shapes[cell->sig.inputs[j].shape],
                                  cell->input_shapes[j]));
    }
  }
  finish(&x);
}

static void flops_are_those_of_the_cells(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  append_tree(&x, 0);
  lower(&x);
  double cells = 0, ops = 0;
  for (uint32_t i = 0; i < x.cells->n_nodes; i++) {
    cells += edb_model_program(x.model)->cells[x.cells->type[i]].flops;
  }
  for (uint32_t i = 0; i < x.ops->n_nodes; i++) {
    ops += edb_lowering_program(x.lowering)->cells[x.ops->type[i]].flops;
  }
  assert_true(cells > 0 && cells == ops);
  finish(&x);
}

/* ---- Graphs ---------------------------------------------------------------------------------- */

static void a_tree_becomes_its_operators(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  append_tree(&x, 2);
  lower(&x);
  assert_int_equal(x.ops->n_nodes, 3 * 13 + 2 * 23 + 5 * 2);
  assert_int_equal(count_nodes(&x, "lookup(E, index)"), 3);
  assert_int_equal(count_nodes(&x, "product(Wi, row)"), 3);
  assert_int_equal(count_nodes(&x, "sigmoid(row)"), 3 * 2 + 2 * 4);
  assert_int_equal(count_nodes(&x, "mul(row, row)"), 3 * 2 + 2 * 4);
  assert_int_equal(count_nodes(&x, "cross_entropy(row, label)"), 5);
  uint32_t edges = 0;
  for (uint32_t i = 0; i < x.ops->n_nodes; i++) {
    edges += edb_lowering_program(x.lowering)->cells[x.ops->type[i]].sig.n_inputs;
  }
  assert_int_equal(x.ops->edge_count, edges);
  finish(&x);
}

static void values_of_a_tree_are_the_same_bits(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  append_tree(&x, 2);
  append_tree(&x, 0);
  lower(&x);
  assert_same_values(&x);
  finish(&x);
}

static void what_needs_absent_labels_is_not_there(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  append_tree(&x, -1);
  lower(&x);
  assert_int_equal(x.ops->n_nodes, 3 * 13 + 2 * 23 + 5);
  assert_int_equal(mapped(&x, 5, 1).node, UINT32_MAX);
  assert_int_not_equal(mapped(&x, 5, 0).node, UINT32_MAX);
  assert_same_values(&x);
  finish(&x);
}

static const float dense_values[4][3] = {
    {0.5f, -1, 2}, {1, 1, -0.25f}, {-2, 0.125f, 3}, {0.75f, -0.5f, 1.5f}};

/* Four sources, merges of 3, 1 and 4, totals of 0 and 2, and what follows from labels. */
static void append_wide(fixture *x, bool labels) {
  edb_value h[4], c[4], both[8];
  for (int i = 0; i < 4; i++) {
    edb_node node = call(x, "source", NULL, 0, NULL, dense_values[i]);
    h[i] = (edb_value){node, 0};
    c[i] = (edb_value){node, 1};
  }
  for (uint32_t n = 1; n <= 4; n += n == 1 ? 2 : 1) {
    memcpy(both, h, n * sizeof *h);
    memcpy(both + n, c, n * sizeof *c);
    edb_value s = {call(x, "merge", both, 2 * n, NULL, NULL), 2};
    call(x, "through", &s, 1, NULL, labels ? dense_values[n - 1] : NULL);
  }
  call(x, "total", NULL, 0, NULL, NULL);
  call(x, "total", h, 2, NULL, NULL);
}

static void values_of_variadic_cells_are_the_same_bits(void **state) {
  (void)state;
  for (int labels = 0; labels < 2; labels++) {
    fixture x;
    start(&x, wide_text);
    append_wide(&x, labels);
    lower(&x);
    assert_same_values(&x);
    finish(&x);
  }
}

static void a_map_is_one_node_per_element(void **state) {
  (void)state;
  fixture x;
  start(&x, wide_text);
  append_wide(&x, true);
  lower(&x);
  /* products: one per source, and one per element of the merges of 1, 3 and 4 */
  assert_int_equal(count_nodes(&x, "product(W, row)"), 4 + 8);
  assert_int_equal(count_nodes(&x, "exp(row)"), 8);
  assert_int_equal(count_nodes(&x, "div(row, row)"), 8);
  assert_int_equal(count_nodes(&x, "mean_over(rows)"), 3);
  assert_int_equal(count_nodes(&x, "max_over(rows)"), 6);
  assert_int_equal(count_nodes(&x, "sum_over(rows)"), 3 * 3 + 2);
  finish(&x);
}

static void reductions_are_variadic_types(void **state) {
  (void)state;
  fixture x;
  start(&x, wide_text);
  const edb_type_sig *types = edb_lowering_program(x.lowering)->schema.types;
  const edb_type_sig *sum = &types[find_type(&x, "sum_over(rows)")];
  const edb_type_sig *mean = &types[find_type(&x, "mean_over(rows)")];
  assert_true(sum->inputs[0].variadic && !sum->inputs[0].nonempty);
  assert_true(mean->inputs[0].variadic && mean->inputs[0].nonempty);
  assert_int_equal(sum->n_variadic, 1);
  call(&x, "total", NULL, 0, NULL, NULL);
  lower(&x);
  assert_int_equal(x.ops->n_nodes, 1);
  assert_int_equal(edb_graph_arities(x.ops, 0)[0], 0);
  finish(&x);
}

static void inputs_pass_through_without_a_node(void **state) {
  (void)state;
  fixture x;
  start(&x, wide_text);
  append_wide(&x, true);
  lower(&x);
  edb_value merged = mapped(&x, 4, 2), through = mapped(&x, 5, 0);
  assert_int_equal(merged.node, through.node);
  assert_int_equal(merged.output, through.output);
  finish(&x);
}

static void operators_of_parameters_only_are_nodes_without_inputs(void **state) {
  (void)state;
  fixture x;
  start(&x, wide_text);
  append_wide(&x, true);
  lower(&x);
  uint32_t type = find_type(&x, "layer_norm(v, g, b)");
  assert_int_not_equal(type, UINT32_MAX);
  assert_int_equal(edb_lowering_program(x.lowering)->cells[type].sig.n_inputs, 0);
  assert_int_equal(count_nodes(&x, "layer_norm(v, g, b)"), 3);
  finish(&x);
}

static void a_repeated_operand_is_two_inputs(void **state) {
  (void)state;
  fixture x;
  start(&x, "edb 1\nmodel m\nparam p[2]\n"
            "cell s() -> (y[2]):\n  y = p * 2\n"
            "cell c(a[2]) -> (y[2]):\n  y = a * a\n");
  edb_value a = {call(&x, "s", NULL, 0, NULL, NULL), 0};
  call(&x, "c", &a, 1, NULL, NULL);
  lower(&x);
  assert_int_equal(x.ops->edge_count, 2);
  assert_int_equal(x.ops->edge_node[0], x.ops->edge_node[1]);
  finish(&x);
}

/* ---- Growth ---------------------------------------------------------------------------------- */

static void a_graph_lowered_in_pieces_is_the_graph_lowered_at_once(void **state) {
  (void)state;
  fixture once, pieces;
  start(&once, tree_text);
  start(&pieces, tree_text);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(edb_graph_begin_instance(once.cells, NULL), EDB_OK);
    assert_int_equal(edb_graph_begin_instance(pieces.cells, NULL), EDB_OK);
    append_tree(&once, i);
    append_tree(&pieces, i);
    lower(&pieces);
  }
  lower(&once);
  lower(&once);
  assert_int_equal(once.ops->n_nodes, pieces.ops->n_nodes);
  assert_int_equal(once.ops->n_instances, 3);
  assert_int_equal(pieces.ops->n_instances, 3);
  assert_int_equal(once.ops->instance_start[2], pieces.ops->instance_start[2]);
  assert_int_equal(once.ops->instance_start[1], once.ops->n_nodes / 3);
  assert_memory_equal(once.ops->type, pieces.ops->type, once.ops->n_nodes * sizeof(uint32_t));
  assert_memory_equal(once.ops->edge_node, pieces.ops->edge_node,
                      once.ops->edge_count * sizeof(uint32_t));
  assert_int_equal(once.map.values.length, pieces.map.values.length);
  assert_memory_equal(once.map.values.data, pieces.map.values.data,
                      once.map.values.length * sizeof(edb_value));
  finish(&once);
  finish(&pieces);
}

static void nodes_that_ran_before_the_first_lowering_have_no_values(void **state) {
  (void)state;
  fixture x;
  start(&x, tree_text);
  append_tree(&x, 0);
  edb_graph_mark_run(x.cells);
  edb_value h = {4, 0};
  int32_t label = 1;
  edb_error error = {0};
  call(&x, "score", &h, 1, &label, NULL);
  assert_int_equal(edb_lower_graph(x.lowering, x.cells, x.ops, &x.map, &error), EDB_ERROR_STATE);
  assert_non_null(strstr(error.text, "node 10 takes output 0 of node 4"));
  assert_int_equal(x.map.values_start.length, 10);
  assert_int_equal(mapped(&x, 4, 0).node, UINT32_MAX);
  finish(&x);
}

static void every_failing_allocation_is_survived_and_lowering_goes_on(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    fixture x = {.ctx = ctx};
    f.counting = false;
    x.model = parse(ctx, wide_text);
    assert_int_equal(edb_graph_create(ctx, x.model, &x.cells, NULL), EDB_OK);
    append_wide(&x, true);
    f.counting = true;
    edb_status status = edb_lowering_create(ctx, x.model, &x.lowering, NULL);
    assert_true(faulty_status(&f, status));
    f.counting = false;
    if (status != EDB_OK) {
      assert_null(x.lowering);
      assert_int_equal(edb_lowering_create(ctx, x.model, &x.lowering, NULL), EDB_OK);
    }
    const edb_schema *schema = &edb_lowering_program(x.lowering)->schema;
    assert_int_equal(edb_graph_create_schema(ctx, schema, &x.ops, NULL), EDB_OK);
    f.counting = true;
    status = edb_lower_graph(x.lowering, x.cells, x.ops, &x.map, NULL);
    assert_true(faulty_status(&f, status));
    f.counting = false;
    if (status != EDB_OK) lower(&x);
    assert_same_values(&x);
    edb_lower_map_free(ctx, &x.map);
    edb_graph_destroy(x.ops);
    edb_graph_destroy(x.cells);
    edb_lowering_destroy(x.lowering);
    edb_model_destroy(x.model);
    f.counting = true;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_that_differ_in_nothing_share_a_type),
      cmocka_unit_test(cells_are_named_with_sizes_and_types_without),
      cmocka_unit_test(operators_that_differ_in_sizes_only_have_numbered_keys),
      cmocka_unit_test(an_output_that_no_operator_makes_becomes_a_node),
      cmocka_unit_test(keys_do_not_depend_on_constants),
      cmocka_unit_test(every_type_is_one_operator_over_consistent_parts),
      cmocka_unit_test(flops_are_those_of_the_cells),
      cmocka_unit_test(a_tree_becomes_its_operators),
      cmocka_unit_test(values_of_a_tree_are_the_same_bits),
      cmocka_unit_test(what_needs_absent_labels_is_not_there),
      cmocka_unit_test(values_of_variadic_cells_are_the_same_bits),
      cmocka_unit_test(a_map_is_one_node_per_element),
      cmocka_unit_test(reductions_are_variadic_types),
      cmocka_unit_test(inputs_pass_through_without_a_node),
      cmocka_unit_test(operators_of_parameters_only_are_nodes_without_inputs),
      cmocka_unit_test(a_repeated_operand_is_two_inputs),
      cmocka_unit_test(a_graph_lowered_in_pieces_is_the_graph_lowered_at_once),
      cmocka_unit_test(nodes_that_ran_before_the_first_lowering_have_no_values),
      cmocka_unit_test(every_failing_allocation_is_survived_and_lowering_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
