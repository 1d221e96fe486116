/* tests/layout/test_reduce_graph.c: execution graphs of random mini-batches against the definition
 * of equal calls, and as schedules. */
#include "exec/less_model.h"
#include "exec/zoo.h"
#include "layout/reduce.h"
#include "support/faulty.h"

typedef struct setting {
  world w;
  edb_split *split;
  uint8_t *tabled;
} setting;

/* `tables`: cells of one index, or of nothing, are tabled. */
static setting setting_in(world w, bool tables) {
  setting s = {.w = w};
  edb_error error = {0};
  MUST(edb_split_create(w.ctx, edb_model_program(w.model), EDB_SPLIT_ATTRIBUTES, NULL, &s.split,
                        &error),
       error);
  s.tabled = calloc(s.split->program.n_cells + 1, 1);
  assert_non_null(s.tabled);
  for (uint32_t c = 0; c < s.split->program.n_cells && tables; c++) {
    const edb_type_sig *sig = &s.split->program.cells[c].sig;
    s.tabled[c] = sig->n_inputs == 0 && sig->n_dense == 0 && sig->n_indices <= 1;
  }
  return s;
}

static setting setting_of(const char *text, bool tables) {
  return setting_in(world_of(EDB_SIMD_AUTO, text), tables);
}

static void close_setting(setting *s) {
  free(s->tabled);
  edb_split_destroy(s->split);
  world_close(&s->w);
}

static edb_reduced *reduce(const setting *s, const edb_graph *graph, const edb_schedule *schedule,
                           bool share) {
  edb_reduce_params params = {.source = edb_model_program(s->w.model),
                              .split = s->split,
                              .share = share,
                              .tabled = s->tabled};
  edb_reduced *reduced = NULL;
  edb_error error = {0};
  MUST(edb_reduce(s->w.ctx, &params, graph, schedule, &reduced, &error), error);
  return reduced;
}

static edb_schedule *schedule_of(const world *w, const edb_graph *graph, edb_policy_kind kind) {
  edb_policy *policy = policy_of(w, kind);
  edb_schedule *schedule = NULL;
  edb_error error = {0};
  MUST(edb_schedule_create(w->ctx, policy, graph, &schedule, &error), error);
  edb_policy_destroy(policy);
  return schedule;
}

/* ---- The definition -------------------------------------------------------------------------- */

static bool same_attributes(const edb_graph *g, uint32_t a, uint32_t b) {
  const edb_type_sig *sig = &g->schema->types[g->type[a]];
  uint32_t ints = sig->n_variadic + sig->n_indices;
  if (memcmp(edb_graph_arities(g, a), edb_graph_arities(g, b), ints * sizeof(int32_t)) != 0 ||
      edb_graph_has_labels(g, a) != edb_graph_has_labels(g, b))
    return false;
  for (uint32_t d = 0; d < sig->n_dense; d++) {
    const float *x = edb_graph_dense(g, a, d), *y = edb_graph_dense(g, b, d);
    if ((x == NULL) != (y == NULL)) return false;
    if (x && memcmp(x, y, sig->dense[d].length * sizeof *x) != 0) return false;
  }
  return true;
}

/* Equal calls, when it is known which inputs are. */
static bool equal_calls(const edb_graph *g, const uint32_t *class_of, uint32_t a, uint32_t b) {
  uint32_t n = g->edge_start[a + 1] - g->edge_start[a];
  if (g->type[a] != g->type[b] || g->edge_start[b + 1] - g->edge_start[b] != n) return false;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t x = g->edge_start[a] + i, y = g->edge_start[b] + i;
    if (class_of[g->edge_node[x]] != class_of[g->edge_node[y]] ||
        g->edge_output[x] != g->edge_output[y])
      return false;
  }
  return same_attributes(g, a, b);
}

/* The first node that each is equal to. Nodes that have run are like themselves only. */
static uint32_t *classes_of(const edb_graph *g) {
  uint32_t *class_of = calloc(g->n_nodes + 1, sizeof *class_of);
  assert_non_null(class_of);
  for (uint32_t i = 0; i < g->n_nodes; i++) {
    class_of[i] = i;
    for (uint32_t k = g->first; k < i && class_of[i] == i && i >= g->first; k++)
      if (class_of[k] == k && equal_calls(g, class_of, k, i)) class_of[i] = k;
  }
  return class_of;
}

static void assert_classes(const edb_graph *g, const edb_reduced *x) {
  uint32_t *class_of = classes_of(g), shared = 0;
  for (uint32_t i = g->first; i < g->n_nodes; i++) {
    shared += class_of[i] != i;
    for (uint32_t k = g->first; k < i; k++)
      assert_int_equal(class_of[i] == class_of[k],
                       x->runs_as[i - g->first] == x->runs_as[k - g->first]);
  }
  if (x->n_looked_up == 0) assert_int_equal(x->n_shared, shared);
  free(class_of);
}

/* ---- Schedules ------------------------------------------------------------------------------- */

/* Every pending node stands in one batch of its type, behind all that it takes. */
static void assert_schedule(const edb_reduced *x) {
  const edb_graph *g = &x->graph;
  const edb_schedule *s = &x->schedule;
  uint32_t *batch_of = calloc(g->n_nodes + 1, sizeof *batch_of), seen = 0;
  assert_non_null(batch_of);
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    assert_true(s->batch_start[b] < s->batch_start[b + 1]);
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++, seen++) {
      assert_true(s->nodes[i] >= g->first && s->nodes[i] < g->n_nodes);
      assert_int_equal(g->type[s->nodes[i]], s->batch_type[b]);
      assert_int_equal(batch_of[s->nodes[i]], 0);
      batch_of[s->nodes[i]] = b + 1;
    }
  }
  assert_int_equal(seen, edb_graph_pending_count(g));
  for (uint32_t i = g->first; i < g->n_nodes; i++)
    for (uint32_t e = g->edge_start[i]; e < g->edge_start[i + 1]; e++)
      assert_true(batch_of[g->edge_node[e]] < batch_of[i]);
  for (uint32_t i = 0; i < g->n_nodes; i++) assert_int_equal(x->all_nodes[i], i);
  free(batch_of);
}

/* Inputs of an execution node: those of the call, then the early part. */
static void assert_inputs(const setting *s, const edb_graph *g, const edb_reduced *x) {
  for (uint32_t i = g->first; i < g->n_nodes; i++) {
    uint32_t node = x->runs_as[i - g->first], n = g->edge_start[i + 1] - g->edge_start[i];
    uint32_t from = x->graph.edge_start[node], early = s->split->early[g->type[i]].cell;
    assert_int_equal(x->graph.type[node], g->type[i]);
    assert_int_equal(x->graph.edge_start[node + 1] - from, n + (early != EDB_NO_CELL));
    for (uint32_t k = 0; k < n; k++) {
      uint32_t input = g->edge_node[g->edge_start[i] + k], is = x->graph.edge_node[from + k];
      assert_int_equal(x->graph.edge_output[from + k], g->edge_output[g->edge_start[i] + k]);
      if (input < g->first)
        assert_true(is < x->n_imports && x->imports[is] == input);
      else
        assert_int_equal(is, x->runs_as[input - g->first]);
    }
    if (early != EDB_NO_CELL) assert_int_equal(x->graph.type[x->graph.edge_node[from + n]], early);
    assert_true(same_attributes(g, i, i));
  }
}

static void assert_tabled(const setting *s, const edb_reduced *x) {
  uint32_t at = x->n_imports;
  for (uint32_t i = 0; i < x->n_tabled; i++) {
    assert_int_equal(x->tabled[i].from, at);
    assert_true(s->tabled[x->tabled[i].cell]);
    for (at = x->tabled[i].from; at < x->tabled[i].to; at++)
      assert_int_equal(x->graph.type[at], x->tabled[i].cell);
  }
  assert_int_equal(at, x->graph.first);
  for (uint32_t n = x->graph.first; n < x->graph.n_nodes; n++)
    assert_false(s->tabled[x->graph.type[n]]);
}

static void assert_reduction(const setting *s, const edb_graph *graph, edb_policy_kind kind) {
  edb_schedule *schedule = schedule_of(&s->w, graph, kind);
  edb_reduced *x = reduce(s, graph, schedule, true);
  if (x) {
    assert_classes(graph, x);
    assert_schedule(x);
    assert_inputs(s, graph, x);
    assert_tabled(s, x);
    edb_reduced_destroy(x);
  }
  x = reduce(s, graph, schedule, false);
  if (x) {
    assert_int_equal(x->n_shared, 0);
    assert_schedule(x);
    assert_inputs(s, graph, x);
    assert_tabled(s, x);
    edb_reduced_destroy(x);
  }
  edb_schedule_destroy(schedule);
}

static const edb_policy_kind kinds[] = {EDB_POLICY_UNBATCHED, EDB_POLICY_DEPTH,
                                        EDB_POLICY_AGENDA_STATIC, EDB_POLICY_BEST};

static void equal_calls_and_only_they_are_one_node(void **state) {
  (void)state;
  for (int tables = 0; tables < 2; tables++) {
    setting s = setting_of(less_text, tables);
    for (uint64_t seed = 1; seed <= 20; seed++) {
      edb_graph *graph = random_graph(&s.w, seed, 10 * (uint32_t)seed, LABELS_SOME);
      for (int k = 0; k < 4; k++) assert_reduction(&s, graph, kinds[k]);
      edb_graph_destroy(graph);
    }
    close_setting(&s);
  }
}

static void dense_attributes_are_compared(void **state) {
  (void)state;
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    setting s = setting_of(zoo[m].text, true);
    edb_graph *graph = random_graph(&s.w, m + 1, 120, LABELS_SOME);
    for (int k = 0; k < 4; k++) assert_reduction(&s, graph, kinds[k]);
    edb_graph_destroy(graph);
    close_setting(&s);
  }
}

static void nodes_that_have_run_are_imported(void **state) {
  (void)state;
  setting s = setting_of(less_text, true);
  edb_graph *graph = graph_of(&s.w);
  grower g;
  grower_start(&g, graph, s.w.model, 3, LABELS_SOME);
  for (int round = 0; round < 6; round++) {
    grow(&g, 40);
    assert_reduction(&s, graph, kinds[round % 4]);
    edb_graph_mark_run(graph);
  }
  grower_free(&g);
  edb_graph_destroy(graph);
  close_setting(&s);
}

static void where_nothing_is_less_there_is_no_execution_graph(void **state) {
  (void)state;
  setting s = setting_of(less_text, false);
  edb_graph *graph = graph_of(&s.w);
  edb_error error = {0};
  edb_node node;
  edb_call call = {.cell = edb_model_cell(s.w.model, "init")};
  MUST(edb_graph_append(graph, &call, &node, &error), error);
  edb_schedule *schedule = schedule_of(&s.w, graph, EDB_POLICY_BEST);
  assert_null(reduce(&s, graph, schedule, true));
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  close_setting(&s);
}

static void schedules_of_other_graphs_are_not_followed(void **state) {
  (void)state;
  setting s = setting_of(less_text, true);
  edb_graph *graph = random_graph(&s.w, 1, 50, LABELS_SOME);
  edb_graph *other = random_graph(&s.w, 2, 50, LABELS_SOME);
  edb_schedule *schedule = schedule_of(&s.w, other, EDB_POLICY_BEST);
  assert_null(reduce(&s, graph, schedule, true));
  edb_schedule_destroy(schedule);
  schedule = schedule_of(&s.w, graph, EDB_POLICY_UNBATCHED);
  uint32_t types = schedule->batch_type[0];
  schedule->batch_type[0] = UINT32_MAX;
  assert_null(reduce(&s, graph, schedule, true));
  schedule->batch_type[0] = types;
  edb_node last = schedule->nodes[49];
  schedule->nodes[49] = UINT32_MAX;
  assert_null(reduce(&s, graph, schedule, true));
  schedule->nodes[49] = last;
  /* Backwards: inputs after their readers. */
  for (uint32_t i = 0; i < 50; i++) {
    schedule->nodes[i] = 49 - i;
    schedule->batch_type[i] = edb_graph_node_cell(graph, 49 - i);
  }
  assert_null(reduce(&s, graph, schedule, true));
  edb_schedule_destroy(schedule);
  edb_graph_destroy(other);
  edb_graph_destroy(graph);
  close_setting(&s);
}

/* Calls of one cell on what the first node gives, with the same few indices over and over. */
static edb_graph *crowd(const world *w, uint32_t n_calls, int32_t n_ids) {
  edb_graph *graph = graph_of(w);
  edb_error error = {0};
  edb_node first, node;
  edb_call init = {.cell = edb_model_cell(w->model, "init")};
  MUST(edb_graph_append(graph, &init, &first, &error), error);
  edb_value h = {first, 0};
  for (uint32_t i = 0; i < n_calls; i++) {
    int32_t indices[2] = {(int32_t)i % n_ids, (int32_t)i % 9};
    edb_call call = {
        .cell = edb_model_cell(w->model, "out"), .inputs = &h, .n_inputs = 1, .indices = indices};
    MUST(edb_graph_append(graph, &call, &node, &error), error);
  }
  return graph;
}

static void equal_calls_are_found_among_many_that_take_one_value(void **state) {
  (void)state;
  setting s = setting_of(less_text, false);
  for (int32_t n_ids = 1; n_ids <= 5; n_ids++) {
    edb_graph *graph = crowd(&s.w, 120, n_ids);
    for (int k = 0; k < 4; k++) assert_reduction(&s, graph, kinds[k]);
    edb_graph_destroy(graph);
  }
  close_setting(&s);
}

static void much_memory_that_equal_calls_do_not_need_is_given_back(void **state) {
  (void)state;
  faulty f;
  setting s = setting_in(world_in(faulty_context(&f, 0), less_text), true);
  edb_graph *graph = crowd(&s.w, 60000, 5);
  edb_schedule *schedule = schedule_of(&s.w, graph, EDB_POLICY_DEPTH);
  size_t requests = f.requests;
  edb_reduced *small = reduce(&s, graph, schedule, true);
  requests = f.requests - requests;
  assert_true(small->memory_bytes < (size_t)60000 * 5);
  assert_schedule(small);
  assert_inputs(&s, graph, small);
  /* Without memory for the smaller block all is as it was. */
  f.requests = 0;
  f.fail_at = requests;
  edb_reduced *large = reduce(&s, graph, schedule, true);
  f.fail_at = 0;
  assert_true(large->memory_bytes > small->memory_bytes);
  assert_int_equal(large->graph.n_nodes, small->graph.n_nodes);
  assert_memory_equal(large->runs_as, small->runs_as, 60001 * sizeof *small->runs_as);
  assert_inputs(&s, graph, large);
  edb_reduced_destroy(large);
  edb_reduced_destroy(small);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  close_setting(&s);
}

static void a_reduction_survives_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  setting s = setting_in(world_in(faulty_context(&f, 0), less_text), true);
  edb_graph *graph = random_graph(&s.w, 1, 80, LABELS_SOME);
  edb_schedule *schedule = schedule_of(&s.w, graph, EDB_POLICY_BEST);
  edb_reduce_params params = {
      .source = edb_model_program(s.w.model), .split = s.split, .share = true, .tabled = s.tabled};
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    edb_reduced *reduced = NULL;
    size_t blocks = f.blocks;
    f.requests = f.failures = 0;
    f.fail_at = n;
    edb_status status = edb_reduce(s.w.ctx, &params, graph, schedule, &reduced, NULL);
    failed = f.failures > 0;
    assert_true(faulty_status(&f, status));
    f.fail_at = 0;
    if (status != EDB_OK) assert_null(reduced);
    edb_reduced_destroy(reduced);
    assert_int_equal(f.blocks, blocks);
  }
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  free(s.tabled);
  edb_split_destroy(s.split);
  edb_weights_destroy(s.w.weights);
  edb_model_destroy(s.w.model);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_calls_and_only_they_are_one_node),
      cmocka_unit_test(dense_attributes_are_compared),
      cmocka_unit_test(nodes_that_have_run_are_imported),
      cmocka_unit_test(where_nothing_is_less_there_is_no_execution_graph),
      cmocka_unit_test(schedules_of_other_graphs_are_not_followed),
      cmocka_unit_test(equal_calls_are_found_among_many_that_take_one_value),
      cmocka_unit_test(much_memory_that_equal_calls_do_not_need_is_given_back),
      cmocka_unit_test(a_reduction_survives_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("reduce", tests, NULL, NULL);
}
