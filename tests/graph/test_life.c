/* tests/graph/test_life.c: instances, runs, release of nodes, clearing, failing memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "graph/schemas.h"
#include "support/faulty.h"

/* An instance of 5 nodes with every kind of attribute. */
static void append_sample(edb_graph *g, int32_t word) {
  float features[] = {(float)word, 1, 2}, target[] = {(float)word, 3};
  assert_int_equal(edb_graph_begin_instance(g, NULL), EDB_OK);
  edb_node leaf = append_leaf(g, word);
  append_sense(g, features, word % 2 ? NULL : target);
  edb_node inner = append_node(g, leaf, leaf);
  append_score(g, inner, word % 2 ? -1 : 2);
  append_sense(g, features, target);
}

/* Row `index` of g is row `other_index` of another graph, with ids shifted. */
static void assert_same_row(const edb_graph *g, uint32_t index, const edb_graph *other,
                            uint32_t other_index) {
  const edb_type_sig *sig = &test_types[g->type[index]];
  uint32_t e = g->edge_start[index], f = other->edge_start[other_index];
  uint32_t shift = (g->base + index) - (other->base + other_index);
  assert_int_equal(g->type[index], other->type[other_index]);
  assert_int_equal(g->edge_start[index + 1] - e, other->edge_start[other_index + 1] - f);
  for (; e < g->edge_start[index + 1]; e++, f++) {
    assert_int_equal(g->edge_node[e], other->edge_node[f] + shift);
    assert_int_equal(g->edge_output[e], other->edge_output[f]);
  }
  for (uint32_t i = 0; i < sig->n_indices; i++)
    assert_int_equal(edb_graph_indices(g, index)[i], edb_graph_indices(other, other_index)[i]);
  for (uint32_t i = 0; i < sig->n_dense; i++) {
    const float *a = edb_graph_dense(g, index, i), *b = edb_graph_dense(other, other_index, i);
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) assert_memory_equal(a, b, sig->dense[i].length * sizeof *a);
  }
  assert_int_equal(edb_graph_has_labels(g, index), edb_graph_has_labels(other, other_index));
}

static void instances_are_copied_whole(void **state) {
  edb_graph *source = make_graph(*state), *g = make_graph(*state);
  for (int32_t i = 0; i < 4; i++) append_sample(source, i + 10);
  assert_int_equal(edb_graph_append_instance(g, source, 2, NULL), EDB_OK);
  assert_int_equal(edb_graph_append_instance(g, source, 3, NULL), EDB_OK);
  assert_int_equal(edb_graph_append_instance(g, g, 0, NULL), EDB_OK); /* from itself */
  assert_int_equal(edb_graph_instance_count(g), 3);
  assert_int_equal(edb_graph_node_count(g), 15);
  assert_int_equal(edb_graph_instance_begin(g, 1), 5);
  assert_int_equal(edb_graph_instance_begin(g, 3), 15);
  for (uint32_t i = 0; i < 10; i++) assert_same_row(g, i, source, 10 + i);
  for (uint32_t i = 0; i < 5; i++) assert_same_row(g, 10 + i, source, 10 + i);
  edb_graph_destroy(g);
  edb_graph_destroy(source);
}

static void only_whole_instances_of_the_same_model_are_copied(void **state) {
  edb_graph *source = make_graph(*state), *g = make_graph(*state), *other = NULL;
  edb_schema copy = test_schema;
  edb_error error;
  assert_int_equal(edb_graph_create_schema(*state, &copy, &other, NULL), EDB_OK);
  append_sample(source, 1);
  append_sample(source, 2);
  append_node(source, 0, 5); /* node 0 is of another instance */
  assert_int_equal(edb_graph_append_instance(g, source, 1, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "uses node 0"));
  assert_int_equal(edb_graph_append_instance(g, source, 2, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "no instance 2"));
  assert_int_equal(edb_graph_append_instance(other, source, 0, &error), EDB_ERROR_MISMATCH);
  assert_int_equal(edb_graph_node_count(g) + edb_graph_instance_count(g), 0);
  edb_graph_destroy(other);
  edb_graph_destroy(g);
  edb_graph_destroy(source);
}

static void nodes_before_any_instance_are_the_first(void **state) {
  edb_graph *g = make_graph(*state);
  assert_int_equal(edb_graph_instance_begin(g, 0), 0);
  append_leaf(g, 0);
  assert_int_equal(edb_graph_instance_count(g), 1);
  assert_int_equal(edb_graph_begin_instance(g, NULL), EDB_OK);
  assert_int_equal(edb_graph_begin_instance(g, NULL), EDB_OK); /* the second is empty */
  append_leaf(g, 0);
  assert_int_equal(edb_graph_instance_count(g), 3);
  assert_int_equal(edb_graph_instance_begin(g, 1), 1);
  assert_int_equal(edb_graph_instance_begin(g, 2), 1);
  assert_int_equal(edb_graph_append_instance(g, g, 1, NULL), EDB_OK);
  assert_int_equal(edb_graph_node_count(g), 2);
  edb_graph_destroy(g);
}

static void pending_nodes_are_those_not_run(void **state) {
  edb_graph *g = make_graph(*state);
  append_sample(g, 4);
  edb_graph_mark_run(g);
  edb_node node = append_node(g, 0, 2);
  append_node(g, node, 0);
  edb_dag dag = edb_graph_pending(g);
  assert_int_equal(edb_graph_pending_count(g), 2);
  assert_int_equal(dag.n_nodes, 2);
  assert_int_equal(dag.n_types, TYPE_COUNT);
  assert_int_equal(dag.origin, 5);
  assert_int_equal(dag.type[1], NODE);
  assert_int_equal(dag.in_start[1] - dag.in_start[0], 4);
  assert_int_equal(dag.in_node[dag.in_start[0]], 0);
  assert_int_equal(dag.in_node[dag.in_start[1]], 5);
  edb_graph_destroy(g);
}

static void release_checks_the_node(void **state) {
  edb_graph *g = make_graph(*state);
  edb_error error;
  append_sample(g, 1);
  assert_int_equal(edb_graph_release(g, 0, &error), EDB_ERROR_STATE);
  assert_non_null(strstr(error.text, "before it has run"));
  edb_graph_mark_run(g);
  append_score(g, 2, 1);
  assert_int_equal(edb_graph_release(g, 2, &error), EDB_ERROR_STATE);
  assert_non_null(strstr(error.text, "has not run yet takes its values"));
  assert_int_equal(edb_graph_release(g, 6, &error), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_graph_release(g, 0, &error), EDB_OK);
  assert_int_equal(edb_graph_release(g, 0, &error), EDB_ERROR_STATE);
  assert_non_null(strstr(error.text, "released already"));
  edb_graph_mark_run(g);
  assert_int_equal(edb_graph_release(g, 2, &error), EDB_OK);
  edb_value in = {2, 0};
  edb_node node = 0;
  edb_call call = {.cell = SCORE, .inputs = &in, .n_inputs = 1};
  assert_int_equal(edb_graph_append(g, &call, &node, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "node 2 was released"));
  edb_graph_destroy(g);
}

/* Grows by samples and releases all but the last few, for long. */
static void a_released_front_gives_its_rows_back(void **state) {
  edb_context *ctx = *state;
  edb_graph *g = make_graph(ctx), *all = make_graph(ctx);
  edb_node released = 0;
  size_t warm = 0;
  for (int32_t round = 0; round < 2000; round++) {
    append_sample(g, round % 100);
    append_sample(all, round % 100);
    edb_graph_mark_run(g);
    while (released + 20 < edb_graph_node_count(g))
      assert_int_equal(edb_graph_release(g, released++, NULL), EDB_OK);
    if (round == 200)
      warm = g->node_capacity + g->edge_capacity + g->int_capacity + g->float_capacity;
    assert_true(g->base <= released && released - g->base < 128);
    assert_int_equal(edb_graph_node_count(g), (round + 1) * 5);
  }
  assert_int_equal(g->node_capacity + g->edge_capacity + g->int_capacity + g->float_capacity, warm);
  for (edb_node id = g->base; id < edb_graph_node_count(g); id++)
    assert_same_row(g, id - g->base, all, id);
  assert_int_equal(edb_graph_node_cell(g, 0), UINT32_MAX);
  assert_int_equal(edb_graph_release(g, 0, NULL), EDB_ERROR_STATE);
  edb_error error;
  assert_int_equal(edb_graph_append_instance(all, g, 0, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "were released"));
  edb_value in = {0, 0};
  edb_call call = {.cell = SCORE, .inputs = &in, .n_inputs = 1};
  edb_node node = 0;
  assert_int_equal(edb_graph_append(g, &call, &node, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "node 0 was released"));
  edb_graph_destroy(all);
  edb_graph_destroy(g);
}

static void nodes_can_be_released_in_any_order(void **state) {
  edb_graph *g = make_graph(*state);
  for (int32_t i = 0; i < 100; i++) append_sample(g, i);
  edb_graph_mark_run(g);
  for (edb_node node = 500; node-- > 0;) assert_int_equal(edb_graph_release(g, node, NULL), EDB_OK);
  assert_int_equal(edb_graph_node_count(g), 500);
  assert_true(g->n_nodes < 64);
  assert_int_equal(append_leaf(g, 7), 500);
  assert_int_equal(edb_graph_indices(g, 500 - g->base)[0], 7);
  edb_graph_destroy(g);
}

static void clear_starts_again_and_keeps_memory(void **state) {
  edb_context *ctx = *state;
  edb_graph *g = make_graph(ctx);
  for (int32_t i = 0; i < 50; i++) append_sample(g, i);
  edb_graph_mark_run(g);
  for (edb_node node = 0; node < 200; node++)
    assert_int_equal(edb_graph_release(g, node, NULL), EDB_OK);
  size_t bytes = edb_context_memory(ctx).current_bytes;
  uint64_t generation = g->generation;
  edb_graph_clear(g);
  assert_int_equal(edb_graph_node_count(g), 0);
  assert_int_equal(edb_graph_pending_count(g), 0);
  assert_int_equal(edb_graph_instance_count(g), 0);
  assert_true(g->generation != generation);
  append_sample(g, 3);
  assert_int_equal(edb_graph_node_count(g), 5);
  assert_int_equal(edb_context_memory(ctx).current_bytes, bytes);
  edb_graph_destroy(g);
}

static void every_failing_allocation_leaves_the_graph_as_it_was(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_graph *g = NULL;
    edb_status status = edb_graph_create_schema(ctx, &test_schema, &g, NULL);
    for (uint32_t i = 0; i < 300 && status == EDB_OK; i++) {
      float features[3] = {0};
      const float *dense[] = {features, NULL};
      edb_value in[4] = {{0, 0}, {0, 1}, {0, 0}, {0, 1}};
      edb_node node = UINT32_MAX;
      int32_t word = (int32_t)i % 100;
      edb_call calls[] = {{.cell = LEAF, .indices = &word},
                          {.cell = NODE, .inputs = in, .n_inputs = 4},
                          {.cell = SENSE, .dense = dense}};
      status = edb_graph_append(g, &calls[i % 3], &node, NULL);
      assert_int_equal(edb_graph_node_count(g), status == EDB_OK ? i + 1 : i);
      assert_int_equal(node, status == EDB_OK ? i : UINT32_MAX);
      if (status == EDB_OK && i % 4 == 3) status = edb_graph_begin_instance(g, NULL);
    }
    if (status == EDB_OK) {
      status = edb_graph_append_instance(g, g, 0, NULL);
      assert_int_equal(edb_graph_node_count(g), status == EDB_OK ? 304 : 300);
    }
    assert_true(faulty_status(&f, status));
    edb_graph_destroy(g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(instances_are_copied_whole),
      cmocka_unit_test(only_whole_instances_of_the_same_model_are_copied),
      cmocka_unit_test(nodes_before_any_instance_are_the_first),
      cmocka_unit_test(pending_nodes_are_those_not_run),
      cmocka_unit_test(release_checks_the_node),
      cmocka_unit_test(a_released_front_gives_its_rows_back),
      cmocka_unit_test(nodes_can_be_released_in_any_order),
      cmocka_unit_test(clear_starts_again_and_keeps_memory),
      cmocka_unit_test(every_failing_allocation_leaves_the_graph_as_it_was),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
