/* tests/exec/test_session.c: what can be run and read when; runs that follow each other. */
#include "exec/session_fixture.h"

/* ---- Reading --------------------------------------------------------------------------------- */

static void values_can_be_read_after_the_run_only(void **state) {
  fixture *f = *state;
  float h[20];
  edb_node root = add_tree(f->graph, 4, 1);
  assert_false(edb_session_has(f->session, f->graph, (edb_value){root, 0}));
  assert_int_equal(read_h(f, root, h), EDB_ERROR_STATE);
  assert_string_equal(f->error.text, "output h of node 6 (cell node) was not run yet");
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_true(edb_session_has(f->session, f->graph, (edb_value){root, 0}));
  assert_int_equal(read_h(f, root, h), EDB_OK);
}

static void reads_of_wrong_nodes_outputs_and_sizes_are_refused(void **state) {
  fixture *f = *state;
  float h[20];
  double d[20];
  edb_node root = add_tree(f->graph, 4, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_int_equal(read_h(f, 99, h), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_read(f->session, f->graph, (edb_value){root, 2}, h, 20, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_read(f->session, f->graph, (edb_value){root, 0}, h, 19, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_string_equal(f->error.text, "the value has 20 elements, not 19");
  assert_int_equal(edb_session_read_f64(f->session, f->graph, (edb_value){root, 0}, d, 21, NULL),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_read(f->session, f->graph, (edb_value){99, 0}, h, 20, NULL),
                   EDB_ERROR_ARGUMENT);
  assert_false(edb_session_has(f->session, f->graph, (edb_value){99, 0}));
}

static void a_graph_of_another_model_is_refused(void **state) {
  fixture *f = *state;
  float h[20];
  world other = world_in(f->w.ctx, tree_text);
  edb_graph *graph = graph_of(&other);
  const edb_graph *lowered;
  (void)add_tree(graph, 4, 1);
  assert_int_equal(edb_session_run(f->session, graph, f->policy, NULL, &f->error),
                   EDB_ERROR_MISMATCH);
  assert_int_equal(edb_session_lower(f->session, graph, &lowered, &f->error), EDB_ERROR_MISMATCH);
  assert_int_equal(edb_session_read(f->session, graph, (edb_value){0, 0}, h, 20, &f->error),
                   EDB_ERROR_MISMATCH);
  assert_false(edb_session_has(f->session, graph, (edb_value){0, 0}));
  edb_graph_destroy(graph);
  edb_weights_destroy(other.weights);
  edb_model_destroy(other.model);
}

static void outputs_that_need_labels_do_not_exist_without_them(void **state) {
  fixture *f = *state;
  float loss;
  edb_node leaf = add_leaf(f->graph, 1);
  edb_node with = add_score(f->graph, leaf, 2), without = add_score(f->graph, leaf, -1);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_true(edb_session_has(f->session, f->graph, (edb_value){with, 1}));
  assert_true(edb_session_has(f->session, f->graph, (edb_value){without, 0}));
  assert_int_equal(
      edb_session_read(f->session, f->graph, (edb_value){without, 1}, &loss, 1, &f->error),
      EDB_ERROR_STATE);
  assert_string_equal(f->error.text,
                      "output loss of node 2 (cell score) needs a label, and the node has none");
}

/* ---- Several graphs -------------------------------------------------------------------------- */

static void a_session_that_goes_on_to_another_graph_forgets_the_first(void **state) {
  fixture *f = *state;
  edb_graph *second = graph_of(&f->w), *twin = graph_of(&f->w);
  (void)add_tree(f->graph, 2, 1);
  for (uint32_t i = 0; i < 9; i++) {
    (void)add_tree(second, 5, i);
    (void)add_tree(twin, 5, i);
  }
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  run_all(f->session, second, f->policy);
  assert_like_fresh(f, f->session, second, twin, "second graph");
  assert_false(edb_session_has(f->session, f->graph, (edb_value){0, 0}));
  edb_graph_destroy(second);
  edb_graph_destroy(twin);
}

static void a_graph_made_where_another_was_is_not_taken_for_it(void **state) {
  fixture *f = *state;
  for (uint32_t i = 0; i < 6; i++) {
    edb_graph *graph = graph_of(&f->w), *twin = graph_of(&f->w);
    if (i % 2 == 0) (void)add_score(graph, add_leaf(graph, 3), 1);
    if (i % 2 == 0) (void)add_score(twin, add_leaf(twin, 3), 1);
    (void)add_tree(graph, 3 + i, i);
    (void)add_tree(twin, 3 + i, i);
    assert_false(edb_session_has(f->session, graph, (edb_value){0, 0}));
    run_all(f->session, graph, f->policy);
    assert_like_fresh(f, f->session, graph, twin, "graph in the same place");
    edb_graph_destroy(graph);
    edb_graph_destroy(twin);
  }
}

/* ---- Keeping --------------------------------------------------------------------------------- */

static void only_kept_outputs_can_be_read(void **state) {
  fixture *f = *state;
  edb_node root = add_tree(f->graph, 8, 1);
  assert_int_equal(run_keeping(f, "loss"), EDB_OK);
  assert_false(edb_session_has(f->session, f->graph, (edb_value){root, 0}));
  assert_false(edb_session_has(f->session, f->graph, (edb_value){root + 1, 0}));
  assert_true(edb_session_has(f->session, f->graph, (edb_value){root + 1, 1}));
  float h[20];
  assert_int_equal(read_h(f, root, h), EDB_ERROR_STATE);
  assert_string_equal(
      f->error.text,
      "output h of node 14 (cell node) was not kept by its run, or another session ran it");
}

static void kept_values_are_the_same_whatever_else_is_kept(void **state) {
  fixture *f = *state;
  float loss[2];
  for (int i = 0; i < 2; i++) {
    edb_graph_clear(f->graph);
    for (uint32_t k = 0; k < 20; k++) (void)add_tree(f->graph, 30, k);
    edb_node last = edb_graph_node_count(f->graph) - 1;
    assert_int_equal(run_keeping(f, i ? "loss" : NULL), EDB_OK);
    MUST(edb_session_read(f->session, f->graph, (edb_value){last, 1}, &loss[i], 1, &f->error),
         f->error);
  }
  assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
}

static void memory_of_values_that_are_not_kept_is_used_again(void **state) {
  fixture *f = *state;
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.granularity = f->granularity;
  params.no_share = params.no_table = params.no_hoist = true; /* else little is left to place */
  edb_session_destroy(f->session);
  MUST(edb_session_create(f->w.ctx, f->w.model, f->w.weights, &params, &f->session, &f->error),
       f->error);
  for (uint32_t k = 0; k < 8; k++) (void)add_tree(f->graph, 200, k);
  assert_int_equal(run_keeping(f, "loss"), EDB_OK);
  edb_run_stats small = edb_session_stats(f->session);
  edb_graph_clear(f->graph);
  for (uint32_t k = 0; k < 8; k++) (void)add_tree(f->graph, 200, k);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_true(small.peak_bytes < edb_session_stats(f->session).peak_bytes * 19 / 20);
  assert_true(small.slab_bytes < edb_session_stats(f->session).slab_bytes * 9 / 10);
}

static void unknown_names_to_keep_are_refused(void **state) {
  fixture *f = *state;
  const char *names[] = {"h", "los"};
  edb_keep keep = {names, 2};
  (void)add_tree(f->graph, 2, 1);
  assert_int_equal(edb_session_run(f->session, f->graph, f->policy, &keep, &f->error),
                   EDB_ERROR_NAME);
  assert_string_equal(f->error.text, "no cell of the model has an output \"los\"");
  assert_int_equal(edb_graph_pending_count(f->graph), 4);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
}

/* ---- Growing graphs -------------------------------------------------------------------------- */

static void only_new_nodes_run(void **state) {
  fixture *f = *state;
  edb_graph *twin = graph_of(&f->w);
  edb_node before = add_tree(f->graph, 4, 1);
  edb_node same = add_tree(twin, 4, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  for (uint32_t i = 0; i < 5; i++) {
    edb_node leaf = add_leaf(f->graph, (int32_t)i);
    before = add_node(f->graph, leaf, before);
    leaf = add_leaf(twin, (int32_t)i);
    same = add_node(twin, leaf, same);
    assert_int_equal(edb_graph_pending_count(f->graph), 2);
    assert_int_equal(run_keeping(f, NULL), EDB_OK);
    assert_int_equal(edb_session_stats(f->session).nodes >= 2, 1);
    assert_int_equal(edb_graph_pending_count(f->graph), 0);
  }
  assert_like_fresh(f, f->session, f->graph, twin, "grown graph");
  edb_graph_destroy(twin);
}

static void a_run_of_nothing_is_fine(void **state) {
  fixture *f = *state;
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  (void)add_tree(f->graph, 4, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_int_equal(edb_session_stats(f->session).batches, 0);
}

static void inputs_that_were_not_kept_are_refused_and_nothing_changes(void **state) {
  fixture *f = *state;
  edb_node root = add_tree(f->graph, 4, 1);
  assert_int_equal(run_keeping(f, "loss"), EDB_OK);
  (void)add_score(f->graph, root, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_ERROR_STATE);
  assert_string_equal(f->error.text,
                      "output \"h\" of node 6, a call of \"node\", is an input and was not kept by "
                      "its run");
  assert_int_equal(edb_graph_pending_count(f->graph), 1);
  assert_true(edb_session_has(f->session, f->graph, (edb_value){root + 1, 1}));
}

static void nodes_that_another_session_ran_are_no_inputs(void **state) {
  fixture *f = *state;
  edb_session *other = session_of(&f->w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
  edb_node root = add_tree(f->graph, 4, 1);
  run_all(other, f->graph, f->policy);
  (void)add_score(f->graph, root, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_ERROR_STATE);
  run_all(other, f->graph, f->policy);
  edb_session_destroy(other);
}

static void memory_does_not_grow_over_many_mini_batches(void **state) {
  fixture *f = *state;
  size_t after = 0;
  for (uint32_t i = 0; i < 100; i++) {
    edb_graph_clear(f->graph);
    for (uint32_t k = 0; k < 4; k++) (void)add_tree(f->graph, 20 + (i + k) % 10, k);
    assert_int_equal(run_keeping(f, i % 3 ? NULL : "loss"), EDB_OK);
    if (i == 19) after = edb_context_memory(f->w.ctx).current_bytes;
  }
  assert_true(edb_context_memory(f->w.ctx).current_bytes <= after);
}

static size_t bytes_after_batches(fixture *f, uint32_t smallest) {
  edb_session *session = session_of(&f->w, EDB_DEVICE_CPU, f->granularity);
  for (uint32_t leaves = smallest; leaves <= 256; leaves *= 2) {
    edb_graph_clear(f->graph);
    for (uint32_t k = 0; k < 8; k++) (void)add_tree(f->graph, leaves, k);
    run_all(session, f->graph, f->policy);
  }
  size_t bytes = edb_context_memory(f->w.ctx).current_bytes;
  edb_session_destroy(session);
  return bytes;
}

static void a_larger_mini_batch_leaves_no_memory_of_smaller_ones(void **state) {
  fixture *f = *state;
  (void)bytes_after_batches(f, 8);
  size_t one = bytes_after_batches(f, 256), growing = bytes_after_batches(f, 8);
  assert_true(growing <= one + one / 10);
}

/* ---- Releasing ------------------------------------------------------------------------------- */

static void released_nodes_cannot_be_read(void **state) {
  fixture *f = *state;
  float h[20];
  edb_node root = add_tree(f->graph, 4, 1);
  assert_int_equal(edb_session_release(f->session, f->graph, 0, &f->error), EDB_ERROR_STATE);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  MUST(edb_session_release(f->session, f->graph, 0, &f->error), f->error);
  assert_int_equal(read_h(f, 0, h), EDB_ERROR_STATE);
  assert_int_equal(read_h(f, 1, h), EDB_OK);
  assert_int_equal(read_h(f, root, h), EDB_OK);
  assert_int_equal(edb_session_release(f->session, f->graph, 0, &f->error), EDB_ERROR_STATE);
  assert_int_equal(edb_session_release(f->session, f->graph, 99, &f->error), EDB_ERROR_ARGUMENT);
}

static void released_nodes_whose_rows_are_gone_cannot_be_read_either(void **state) {
  fixture *f = *state;
  float h[20];
  for (uint32_t k = 0; k < 20; k++) (void)add_tree(f->graph, 30, k);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  edb_node half = edb_graph_node_count(f->graph) / 2;
  for (edb_node n = 0; n < half; n++)
    MUST(edb_session_release(f->session, f->graph, n, &f->error), f->error);
  assert_int_equal(read_h(f, 0, h), EDB_ERROR_STATE);
  assert_int_equal(read_h(f, half - 1, h), EDB_ERROR_STATE);
  assert_int_equal(edb_session_read(f->session, f->graph, (edb_value){half, 1}, h, 20, NULL),
                   EDB_OK);
}

static void named_outputs_are_kept_where_earlier_nodes_are_gone(void **state) {
  fixture *f = *state;
  float h[20];
  for (uint32_t k = 0; k < 20; k++) (void)add_tree(f->graph, 30, k);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  for (edb_node n = 0; n < edb_graph_node_count(f->graph); n++)
    MUST(edb_session_release(f->session, f->graph, n, &f->error), f->error);
  edb_node root = add_tree(f->graph, 4, 1);
  assert_int_equal(run_keeping(f, "h"), EDB_OK);
  assert_int_equal(read_h(f, root, h), EDB_OK);
  assert_false(edb_session_has(f->session, f->graph, (edb_value){root, 1}));
}

static void a_graph_that_grows_and_is_released_for_ever_keeps_its_size(void **state) {
  fixture *f = *state;
  size_t after = 0;
  edb_node first = 0;
  for (uint32_t i = 0; i < 300; i++) {
    for (uint32_t k = 0; k < 2; k++) (void)add_tree(f->graph, 16, i + k);
    assert_int_equal(run_keeping(f, NULL), EDB_OK);
    if (i % 2 == 1)
      for (; first < edb_graph_node_count(f->graph) - 32; first++)
        MUST(edb_session_release(f->session, f->graph, first, &f->error), f->error);
    if (i == 99) after = edb_context_memory(f->w.ctx).current_bytes;
  }
  assert_true(edb_context_memory(f->w.ctx).current_bytes <= after);
}

/* ---- Weights --------------------------------------------------------------------------------- */

static void changed_weights_are_used_by_the_next_run(void **state) {
  fixture *f = *state;
  edb_graph *twin = graph_of(&f->w);
  (void)add_tree(f->graph, 20, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  randomise_weights(f->w.model, f->w.weights, 99);
  edb_graph_clear(f->graph);
  (void)add_tree(f->graph, 20, 1);
  (void)add_tree(twin, 20, 1);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  assert_like_fresh(f, f->session, f->graph, twin, "new weights");
  edb_graph_destroy(twin);
}

static void weights_of_another_model_are_refused(void **state) {
  fixture *f = *state;
  world other = world_in(f->w.ctx, tree_text);
  edb_session *session = NULL;
  assert_int_equal(
      edb_session_create(f->w.ctx, f->w.model, other.weights, NULL, &session, &f->error),
      EDB_ERROR_MISMATCH);
  assert_null(session);
  edb_weights_destroy(other.weights);
  edb_model_destroy(other.model);
}

static void bad_params_are_refused(void **state) {
  fixture *f = *state;
  edb_session *session = NULL;
  edb_session_params bad[5];
  for (int i = 0; i < 5; i++) bad[i] = (edb_session_params)EDB_PARAMS(edb_session_params);
  bad[0].struct_bytes = 0;
  bad[1].device = (edb_device)7;
  bad[2].granularity = (edb_granularity)7;
  bad[3].struct_bytes += 8;
  bad[4].layout = (edb_layout)7;
  for (int i = 0; i < 5; i++)
    assert_int_equal(
        edb_session_create(f->w.ctx, f->w.model, f->w.weights, &bad[i], &session, &f->error),
        EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_create(f->w.ctx, NULL, f->w.weights, NULL, &session, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_create(f->w.ctx, f->w.model, NULL, NULL, &session, NULL),
                   EDB_ERROR_ARGUMENT);
  assert_null(session);
}

static void learning_needs_graphs_of_this_model(void **state) {
  fixture *f = *state;
  world other = world_in(f->w.ctx, tree_text);
  edb_graph *graph = graph_of(&other);
  const edb_graph *graphs[] = {f->graph, graph};
  edb_policy *learned = NULL;
  assert_int_equal(edb_session_learn(f->session, NULL, 0, NULL, &learned, &f->error),
                   EDB_ERROR_ARGUMENT);
  assert_string_equal(f->error.text, "learning needs at least one mini-batch");
  assert_int_equal(edb_session_learn(f->session, graphs, 2, NULL, &learned, &f->error),
                   EDB_ERROR_MISMATCH);
  assert_string_equal(f->error.text, "graph 1 is of another model than the session");
  assert_null(learned);
  edb_graph_destroy(graph);
  edb_weights_destroy(other.weights);
  edb_model_destroy(other.model);
}

static void types_have_names(void **state) {
  fixture *f = *state;
  assert_int_equal(edb_session_type_count(f->session), 3);
  assert_string_equal(edb_session_type_name(f->session, NODE), "node");
  assert_null(edb_session_type_name(f->session, 3));
}

static void time_is_split_only_when_asked_for(void **state) {
  fixture *f = *state;
  for (uint32_t k = 0; k < 8; k++) (void)add_tree(f->graph, 64, k);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  edb_run_stats stats = edb_session_stats(f->session);
  assert_true(stats.product_ns == 0 && stats.elementwise_ns == 0 && stats.copy_ns == 0);
  assert_true(stats.flops > 0 && stats.kernels > 0 && stats.batches >= stats.bound);
  edb_session_set_timing(f->session, true);
  edb_graph_clear(f->graph);
  for (uint32_t k = 0; k < 8; k++) (void)add_tree(f->graph, 64, k);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  stats = edb_session_stats(f->session);
  assert_true(stats.product_ns > 0 && stats.elementwise_ns > 0);
  assert_true(stats.product_ns + stats.elementwise_ns + stats.copy_ns <= stats.run_ns);
}

static void a_program_that_knows_fewer_counters_gets_these(void **state) {
  fixture *f = *state;
  (void)add_tree(f->graph, 8, 0);
  assert_int_equal(run_keeping(f, NULL), EDB_OK);
  edb_run_stats all = edb_session_stats(f->session), first;
  memset(&first, 0xA5, sizeof first);
  edb_session_stats_into(f->session, &first, offsetof(edb_run_stats, schedule_ns));
  assert_int_equal(first.nodes, all.nodes);
  assert_int_equal(first.misses, all.misses);
  assert_true(first.schedule_ns == UINT64_C(0xA5A5A5A5A5A5A5A5));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(values_can_be_read_after_the_run_only),
      BOTH(reads_of_wrong_nodes_outputs_and_sizes_are_refused),
      BOTH(a_graph_of_another_model_is_refused),
      BOTH(outputs_that_need_labels_do_not_exist_without_them),
      BOTH(a_session_that_goes_on_to_another_graph_forgets_the_first),
      BOTH(a_graph_made_where_another_was_is_not_taken_for_it),
      BOTH(only_kept_outputs_can_be_read),
      BOTH(kept_values_are_the_same_whatever_else_is_kept),
      BOTH(memory_of_values_that_are_not_kept_is_used_again),
      BOTH(unknown_names_to_keep_are_refused),
      BOTH(only_new_nodes_run),
      BOTH(a_run_of_nothing_is_fine),
      CELL(inputs_that_were_not_kept_are_refused_and_nothing_changes),
      BOTH(nodes_that_another_session_ran_are_no_inputs),
      BOTH(memory_does_not_grow_over_many_mini_batches),
      BOTH(a_larger_mini_batch_leaves_no_memory_of_smaller_ones),
      BOTH(released_nodes_cannot_be_read),
      BOTH(released_nodes_whose_rows_are_gone_cannot_be_read_either),
      BOTH(named_outputs_are_kept_where_earlier_nodes_are_gone),
      CELL(a_graph_that_grows_and_is_released_for_ever_keeps_its_size),
      BOTH(changed_weights_are_used_by_the_next_run),
      BOTH(weights_of_another_model_are_refused),
      BOTH(bad_params_are_refused),
      CELL(types_have_names),
      BOTH(learning_needs_graphs_of_this_model),
      BOTH(time_is_split_only_when_asked_for),
      BOTH(a_program_that_knows_fewer_counters_gets_these),
  };
  return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
