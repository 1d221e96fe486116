/* tests/layout/test_strands_cut.c: where a mini-batch is cut into strands, and what a strand sees.
 */
#include "exec/tree_model.h"
#include "layout/strands.h"

#define MOST 16

/* Trees of these numbers of leaves, each an instance of about twice as many nodes. */
static edb_graph *trees_of(const world *w, const uint32_t *leaves, uint32_t n) {
  edb_graph *graph = graph_of(w);
  edb_error error = {0};
  for (uint32_t i = 0; i < n; i++) {
    MUST(edb_graph_begin_instance(graph, &error), error);
    add_tree(graph, leaves[i], i + 1);
  }
  return graph;
}

/* They follow each other, cover what is pending, are not empty and end with instances. */
static void assert_cover(const edb_graph *graph, const edb_strand *strands, uint32_t n) {
  edb_node at = graph->first;
  for (uint32_t k = 0; k < n; k++) {
    bool ends_instance = strands[k].end == edb_graph_node_count(graph);
    for (uint32_t i = 0; i < graph->n_instances; i++)
      ends_instance |= edb_graph_instance_begin(graph, i) == strands[k].end;
    assert_int_equal(strands[k].first, at);
    assert_true(strands[k].end > at && ends_instance);
    assert_true(edb_strand_is_apart(graph, &strands[k]));
    at = strands[k].end;
  }
  assert_int_equal(at, edb_graph_node_count(graph));
}

static void strands_of_equal_instances_are_equal(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  uint32_t leaves[12];
  edb_strand strands[MOST];
  for (int i = 0; i < 12; i++) leaves[i] = 5;
  edb_graph *graph = trees_of(&w, leaves, 12);
  for (uint32_t wanted = 2; wanted <= 4; wanted++) {
    assert_int_equal(edb_strands_cut(graph, wanted, strands), wanted);
    assert_cover(graph, strands, wanted);
    for (uint32_t k = 0; k < wanted; k++)
      assert_int_equal(strands[k].end - strands[k].first, edb_graph_node_count(graph) / wanted);
  }
  edb_graph_destroy(graph);
  world_close(&w);
}

/* No strand is off its share by more than the largest instance. */
static void strands_of_any_instances_are_about_equal(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  for (int round = 0; round < 60; round++) {
    uint32_t leaves[40], n = 1 + edb_rng_below(&rng, 40), largest = 0;
    uint32_t wanted = 1 + edb_rng_below(&rng, MOST);
    edb_strand strands[MOST];
    for (uint32_t i = 0; i < n; i++) {
      leaves[i] = 1 + edb_rng_below(&rng, 12);
      if (2 * leaves[i] > largest) largest = 2 * leaves[i];
    }
    edb_graph *graph = trees_of(&w, leaves, n);
    uint32_t found = edb_strands_cut(graph, wanted, strands), nodes = edb_graph_node_count(graph);
    assert_in_range(found, 1, wanted < n ? wanted : n);
    assert_cover(graph, strands, found);
    for (uint32_t k = 0; k < found && nodes > largest * wanted * 2; k++)
      assert_in_range(strands[k].end - strands[k].first, nodes / wanted - largest,
                      nodes / wanted + largest);
    edb_graph_destroy(graph);
  }
  world_close(&w);
}

static void a_graph_without_instances_is_one_strand(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  edb_graph *graph = graph_of(&w);
  edb_strand strands[MOST];
  assert_int_equal(edb_strands_cut(graph, 4, strands), 0);
  add_tree(graph, 6, 1);
  assert_int_equal(edb_strands_cut(graph, 4, strands), 1);
  assert_cover(graph, strands, 1);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void only_what_is_pending_is_cut(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  edb_strand strands[MOST];
  edb_error error = {0};
  edb_graph *graph = trees_of(&w, (uint32_t[]){4, 4, 4}, 3);
  edb_graph_mark_run(graph);
  assert_int_equal(edb_strands_cut(graph, 4, strands), 0);
  add_tree(graph, 3, 9); /* more of the last instance */
  for (int i = 0; i < 3; i++) {
    MUST(edb_graph_begin_instance(graph, &error), error);
    add_tree(graph, 3, 9);
  }
  assert_int_equal(edb_strands_cut(graph, 4, strands), 4);
  assert_cover(graph, strands, 4);
  edb_graph view = edb_strand_view(graph, &strands[1]);
  assert_int_equal(edb_graph_pending_count(&view), strands[1].end - strands[1].first);
  assert_int_equal(edb_graph_node_count(&view), strands[1].end);
  assert_int_equal(view.first, strands[1].first);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void a_strand_that_takes_of_one_before_it_is_not_apart(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  edb_error error = {0};
  edb_graph *graph = graph_of(&w);
  edb_node done = add_tree(graph, 3, 1);
  edb_graph_mark_run(graph);
  MUST(edb_graph_begin_instance(graph, &error), error);
  edb_node root = add_tree(graph, 3, 1), end = edb_graph_node_count(graph);
  MUST(edb_graph_begin_instance(graph, &error), error);
  edb_node other = add_tree(graph, 3, 1);
  (void)add_node(graph, other, done); /* of an earlier run */
  edb_strand second = {end, edb_graph_node_count(graph)};
  assert_true(edb_strand_is_apart(graph, &second));
  (void)add_node(graph, other, root);
  second.end = edb_graph_node_count(graph);
  assert_false(edb_strand_is_apart(graph, &second));
  assert_true(edb_strand_is_apart(graph, &(edb_strand){graph->first, end}));
  edb_graph_destroy(graph);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strands_of_equal_instances_are_equal),
      cmocka_unit_test(strands_of_any_instances_are_about_equal),
      cmocka_unit_test(a_graph_without_instances_is_one_strand),
      cmocka_unit_test(only_what_is_pending_is_cut),
      cmocka_unit_test(a_strand_that_takes_of_one_before_it_is_not_apart),
  };
  return cmocka_run_group_tests_name("strands, cutting", tests, NULL, NULL);
}
