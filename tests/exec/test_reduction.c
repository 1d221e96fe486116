/* tests/exec/test_reduction.c: less work gives the same values: whatever is hoisted, shared and
 * tabled, in any combination, over runs that follow each other. */
#include "exec/cpu.h"
#include "exec/less_model.h"
#include "exec/random_cells.h"
#include "exec/stack_model.h"
#include "exec/tree_model.h"
#include "exec/zoo.h"
#include "support/faulty.h"

#define WAYS 8 /* combinations of no_hoist, no_share, no_table */

static edb_session_params params_of(int way) {
  edb_session_params p = EDB_PARAMS(edb_session_params);
  p.no_hoist = way & 1;
  p.no_share = way & 2;
  p.no_table = way & 4;
  return p;
}

static edb_session *session_way(const world *w, int way) {
  edb_session_params p = params_of(way);
  return session_with(w, &p);
}

/* What an equal graph gives when nothing is reduced and every node runs alone. */
static values plain_values(const world *w, edb_graph *twin) {
  edb_session *session = session_way(w, WAYS - 1);
  edb_policy *policy = policy_of(w, EDB_POLICY_UNBATCHED);
  run_all(session, twin, policy);
  values v = read_values(w, session, twin);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return v;
}

static void assert_plain(const world *w, const edb_session *session, const edb_graph *graph,
                         edb_graph *twin, const char *what) {
  values expected = plain_values(w, twin), got = read_values(w, session, graph);
  assert_same_values(w, graph, &expected, &got, what);
  values_free(&expected);
  values_free(&got);
}

/* ---- All ways -------------------------------------------------------------------------------- */

typedef struct plot {
  uint64_t seed;
  uint32_t nodes;
  labelling labels;
} plot;

/* Two mini-batches one after the other, so that the second finds tables. */
static void assert_ways_agree(const world *w, const char *name, const edb_policy_kind *kinds,
                              int n_kinds, plot plot) {
  edb_graph *twin = random_graph(w, plot.seed, plot.nodes, plot.labels);
  edb_graph *before = random_graph(w, plot.seed + 100, plot.nodes, plot.labels);
  values expected = plain_values(w, twin);
  for (int way = 0; way < WAYS; way++) {
    for (int k = 0; k < n_kinds; k++) {
      char what[1 << 14];
      edb_session *session = session_way(w, way);
      edb_policy *policy = policy_of(w, kinds[k]);
      edb_graph *first = random_graph(w, plot.seed + 100, plot.nodes, plot.labels);
      edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
      run_all(session, first, policy);
      run_all(session, graph, policy);
      values got = read_values(w, session, graph);
      (void)snprintf(what, sizeof what, "way %d, %s, %u nodes: %s", way,
                     edb_policy_kind_name(kinds[k]), plot.nodes, name);
      assert_same_values(w, graph, &expected, &got, what);
      values_free(&got);
      edb_graph_destroy(graph);
      edb_graph_destroy(first);
      edb_policy_destroy(policy);
      edb_session_destroy(session);
    }
  }
  values_free(&expected);
  edb_graph_destroy(before);
  edb_graph_destroy(twin);
}

static const edb_policy_kind some[] = {EDB_POLICY_UNBATCHED, EDB_POLICY_DEPTH,
                                       EDB_POLICY_AGENDA_RUNNING, EDB_POLICY_BEST};

static void all_ways_give_the_same_bits(void **state) {
  (void)state;
  static const uint32_t sizes[] = {1, 8, 60, 900};
  world w = world_of(EDB_SIMD_AUTO, less_text);
  for (uint32_t s = 0; s < 4; s++)
    for (int labels = 0; labels < 3; labels++)
      assert_ways_agree(&w, "less", some, 4,
                        (plot){.seed = s + 1, .nodes = sizes[s], .labels = labels});
  world_close(&w);
}

static void all_ways_give_the_same_bits_on_the_zoo(void **state) {
  (void)state;
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    world w = world_of(EDB_SIMD_AUTO, zoo[m].text);
    assert_ways_agree(&w, zoo[m].name, some + 3, 1,
                      (plot){.seed = m + 1, .nodes = 150, .labels = LABELS_SOME});
    world_close(&w);
  }
}

static void all_ways_give_the_same_bits_with_random_cells(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    const char *text = random_model(seed, seed % 2 ? 17 : 5, 2);
    world w = world_of(EDB_SIMD_AUTO, text);
    assert_ways_agree(&w, text, some + 3, 1,
                      (plot){.seed = seed, .nodes = 50, .labels = LABELS_ALL});
    world_close(&w);
  }
}

static void all_ways_give_the_same_bits_on_models(void **state) {
  (void)state;
  static const char *const files[] = {"tree_lstm.edb", "bilstm_tagger.edb", "lattice_lstm.edb"};
  for (int file = 0; file < 3; file++) {
    world w = world_load(EDB_SIMD_AUTO, files[file], 24);
    assert_ways_agree(&w, files[file], some, 4,
                      (plot){.seed = 3, .nodes = 300, .labels = LABELS_SOME});
    world_close(&w);
  }
}

/* ---- What is counted ------------------------------------------------------------------------- */

static void equal_calls_run_once(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  edb_session *session = session_way(&w, 4);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(&w), *twin = graph_of(&w);
  for (int i = 0; i < 5; i++) {
    (void)add_tree(graph, 8, 1);
    (void)add_tree(twin, 8, 1);
  }
  run_all(session, graph, policy);
  edb_run_stats stats = edb_session_stats(session);
  assert_int_equal(stats.nodes, 5 * 16);
  assert_int_equal(stats.shared, 4 * 16);
  assert_int_equal(stats.looked_up, 0);
  assert_plain(&w, session, graph, twin, "equal trees");
  edb_graph_destroy(graph);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  world_close(&w);
}

static void calls_that_differ_in_a_label_are_not_equal(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, tree_text);
  edb_session *session = session_way(&w, 0);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(&w);
  float loss[4];
  edb_error error = {0};
  edb_node leaf = add_leaf(graph, 3), score[4];
  for (int i = 0; i < 4; i++) score[i] = add_score(graph, leaf, i < 3 ? i : -1);
  run_all(session, graph, policy);
  for (int i = 0; i < 3; i++)
    MUST(edb_session_read(session, graph, (edb_value){score[i], 1}, &loss[i], 1, &error), error);
  assert_true(loss[0] != loss[1] && loss[1] != loss[2]);
  assert_true(edb_session_has(session, graph, (edb_value){score[3], 0}));
  assert_false(edb_session_has(session, graph, (edb_value){score[3], 1}));
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  world_close(&w);
}

static void flops_are_those_of_the_graph_as_it_was_made(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, less_text);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  double flops[WAYS];
  for (int way = 0; way < WAYS; way++) {
    edb_session *session = session_way(&w, way);
    edb_graph *graph = random_graph(&w, 4, 200, LABELS_ALL);
    run_all(session, graph, policy);
    flops[way] = edb_session_stats(session).flops;
    edb_graph_destroy(graph);
    edb_session_destroy(session);
  }
  for (int way = 1; way < WAYS; way++) assert_true(flops[way] == flops[0]);
  edb_policy_destroy(policy);
  world_close(&w);
}

static void early_parts_run_as_one_batch(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, less_text);
  edb_session *session = session_way(&w, 4);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(&w);
  edb_error error = {0};
  uint32_t init = edb_model_cell(w.model, "init"), step = edb_model_cell(w.model, "step");
  edb_call call = {.cell = init};
  edb_node node;
  MUST(edb_graph_append(graph, &call, &node, &error), error);
  for (int32_t i = 0; i < 30; i++) {
    edb_value inputs[2] = {{node, 0}, {node, 1}};
    int32_t id = i % 7;
    call = (edb_call){.cell = step, .inputs = inputs, .n_inputs = 2, .indices = &id};
    MUST(edb_graph_append(graph, &call, &node, &error), error);
  }
  run_all(session, graph, policy);
  assert_int_equal(edb_session_stats(session).hoisted_batches, 1);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  world_close(&w);
}

/* One sequence at a time: the products of the upper layer with the lower one become one batch. */
static void inputs_from_below_are_early_where_batches_are_thin(void **state) {
  (void)state;
  static const edb_policy_kind kinds[] = {EDB_POLICY_BEST, EDB_POLICY_DEPTH, EDB_POLICY_UNBATCHED};
  world w = world_of(EDB_SIMD_AUTO, stack_text);
  for (int k = 0; k < 3; k++) {
    edb_session *session = session_way(&w, 4);
    edb_policy *policy = policy_of(&w, kinds[k]);
    edb_graph *graph = graph_of(&w), *twin = graph_of(&w);
    for (uint64_t i = 0; i < 6; i++) {
      edb_graph_clear(graph);
      edb_graph_clear(twin);
      for (uint64_t n = 0; n < (i == 4 ? 9 : 1); n++) {
        add_sequence(graph, 10 + (uint32_t)i, i + n);
        add_sequence(twin, 10 + (uint32_t)i, i + n);
      }
      run_all(session, graph, policy);
      uint32_t hoisted = edb_session_stats(session).hoisted_batches;
      if (kinds[k] == EDB_POLICY_BEST) assert_int_equal(hoisted, i == 0 || i == 4 ? 1 : 2);
      assert_plain(&w, session, graph, twin, "stack");
    }
    edb_graph_destroy(graph);
    edb_graph_destroy(twin);
    edb_policy_destroy(policy);
    edb_session_destroy(session);
  }
  world_close(&w);
}

static bool has_packed_weights(void *state) {
  return ((edb_cpu *)state)->packed != NULL;
}

/* Those of both would take as much memory again. */
static void packed_weights_are_of_the_cells_that_run(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, stack_text);
  edb_session *session = session_way(&w, 0);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(&w);
  const edb_reduction *r = &session->reduction;
  add_sequence(graph, 10, 1);
  run_all(session, graph, policy); /* finds what is known early */
  const edb_cut *by_inputs = atomic_load(&r->by_inputs);
  assert_non_null(by_inputs);
  assert_false(has_packed_weights(r->by_attributes.state));
  assert_true(has_packed_weights(by_inputs->state));
  for (uint64_t i = 0; i < 9; i++) add_sequence(graph, 14, i);
  run_all(session, graph, policy); /* batches that are not thin run as before */
  assert_true(has_packed_weights(r->by_attributes.state));
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  world_close(&w);
}

/* ---- Whether looking pays -----------------------------------------------------------------------
 */

static const char pairs_text[] = "edb 1\n"
                                 "model pairs\n"
                                 "const n = 32\n"
                                 "param W[n, n]\n"
                                 "cell leaf(x: dense [n]) -> (h[n]):\n"
                                 "  h = x * 2\n"
                                 "cell node(a[n], b[n]) -> (h[n]):\n"
                                 "  h = tanh(W @ a + W @ b)\n";

/* Nodes over two leaves each, of `kinds` kinds. */
static void add_pairs(edb_graph *graph, uint32_t count, uint32_t kinds) {
  edb_error error = {0};
  for (uint32_t i = 0; i < count; i++) {
    float x[32] = {(float)(i % kinds)};
    const float *dense = x;
    edb_value inputs[2] = {{0}, {0}};
    edb_call leaf = {.cell = 0, .dense = &dense};
    edb_call node = {.cell = 1, .inputs = inputs, .n_inputs = 2};
    for (int k = 0; k < 2; k++) {
      x[1] = (float)k;
      MUST(edb_graph_append(graph, &leaf, &inputs[k].node, &error), error);
    }
    edb_node made;
    MUST(edb_graph_append(graph, &node, &made, &error), error);
  }
}

/* Runs pairs of one kind, or of as many as there are; gives whether less work was looked for. */
static bool run_pairs(const world *w, edb_session *session, bool equal) {
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(w), *twin = graph_of(w);
  add_pairs(graph, 40, equal ? 1 : 40);
  add_pairs(twin, 40, equal ? 1 : 40);
  bool now = atomic_load(&session->reduction.pause) == 0;
  run_all(session, graph, policy);
  assert_int_equal(edb_session_stats(session).shared, equal && now ? 39 * 3 : 0);
  assert_plain(w, session, graph, twin, "pairs");
  edb_graph_destroy(graph);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  return now;
}

static void equal_calls_are_looked_for_as_long_as_there_are_some(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, pairs_text);
  edb_session *session = session_way(&w, 0);
  for (int i = 0; i < 20; i++) assert_true(run_pairs(&w, session, true));
  edb_session_destroy(session);
  world_close(&w);
}

static void where_no_calls_are_equal_they_are_looked_for_ever_more_rarely(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, pairs_text);
  edb_session *session = session_way(&w, 0);
  uint32_t looks[400], n = 0;
  for (uint32_t i = 0; i < 400; i++)
    if (run_pairs(&w, session, false)) looks[n++] = i;
  assert_int_equal(looks[0], 0);
  for (uint32_t i = 1, pause = 4; i < n; i++, pause = pause < 64 ? pause * 2 : 64)
    assert_int_equal(looks[i] - looks[i - 1], pause + 1);
  assert_true(n > 8);
  edb_session_destroy(session);
  world_close(&w);
}

static void equal_calls_that_turn_up_later_are_found(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, pairs_text);
  edb_session *session = session_way(&w, 0);
  uint32_t waited = 0;
  for (int i = 0; i < 100; i++) (void)run_pairs(&w, session, false);
  while (!run_pairs(&w, session, true)) waited++;
  assert_true(waited < 64);
  for (int i = 0; i < 10; i++) assert_true(run_pairs(&w, session, true));
  edb_session_destroy(session);
  world_close(&w);
}

static const char early_text[] = "edb 1\n"
                                 "model early\n"
                                 "const n = 32\n"
                                 "param W[n, n]\n"
                                 "param E[1000, n]\n"
                                 "cell leaf(id: index(1000)) -> (h[n]):\n"
                                 "  h = E[id]\n"
                                 "cell node(a[n], id: index(1000)) -> (h[n]):\n"
                                 "  h = tanh(W @ a + W @ E[id])\n";

/* Chains of two calls; `kinds` of them differ. */
static void add_chains(edb_graph *graph, uint32_t count, uint32_t kinds) {
  edb_error error = {0};
  for (uint32_t i = 0; i < count; i++) {
    int32_t id = (int32_t)(i % kinds);
    edb_value input = {0};
    edb_call leaf = {.cell = 0, .indices = &id};
    edb_call node = {.cell = 1, .inputs = &input, .n_inputs = 1, .indices = &id};
    edb_node made;
    MUST(edb_graph_append(graph, &leaf, &input.node, &error), error);
    MUST(edb_graph_append(graph, &node, &made, &error), error);
  }
}

/* Runs chains whose early parts are products of an id; gives how many calls ran as equal ones. */
static uint32_t run_chains(const world *w, edb_session *session, uint32_t kinds) {
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(w), *twin = graph_of(w);
  add_chains(graph, 40, kinds);
  add_chains(twin, 40, kinds);
  run_all(session, graph, policy);
  uint32_t shared = edb_session_stats(session).shared;
  assert_true(edb_session_stats(session).looked_up + edb_session_stats(session).hoisted_batches >
              0);
  assert_plain(w, session, graph, twin, "chains");
  edb_graph_destroy(graph);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  return shared;
}

static void what_runs_early_does_so_without_equal_calls(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, early_text);
  edb_session *session = session_way(&w, 0);
  for (int i = 0; i < 10; i++) assert_true(run_chains(&w, session, 20) > 0);
  for (int i = 0; i < 10; i++) assert_int_equal(run_chains(&w, session, 40), 0);
  assert_true(atomic_load(&session->reduction.pause) > 0);
  uint32_t waited = 0;
  while (run_chains(&w, session, 20) == 0) waited++;
  assert_in_range(waited, 1, 64);
  edb_session_destroy(session);
  world_close(&w);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

typedef struct fixture {
  world w;
  edb_session *session;
  edb_policy *policy;
  edb_graph *graph;
  edb_error error;
} fixture;

static fixture open_fixture(const edb_session_params *params) {
  fixture f = {.w = world_of(EDB_SIMD_AUTO, less_text)};
  f.session = session_with(&f.w, params);
  f.policy = policy_of(&f.w, EDB_POLICY_BEST);
  f.graph = graph_of(&f.w);
  return f;
}

static void close_fixture(fixture *f) {
  edb_graph_destroy(f->graph);
  edb_policy_destroy(f->policy);
  edb_session_destroy(f->session);
  world_close(&f->w);
}

static void refill(fixture *f, uint64_t seed, uint32_t nodes) {
  grower g;
  edb_graph_clear(f->graph);
  grower_start(&g, f->graph, f->w.model, seed, LABELS_SOME);
  grow(&g, nodes);
  grower_free(&g);
}

static void assert_fixture_plain(fixture *f, uint64_t seed, uint32_t nodes, const char *what) {
  edb_graph *twin = random_graph(&f->w, seed, nodes, LABELS_SOME);
  assert_plain(&f->w, f->session, f->graph, twin, what);
  edb_graph_destroy(twin);
}

static void rows_are_made_once(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  refill(&f, 1, 400);
  run_all(f.session, f.graph, f.policy);
  assert_true(edb_session_stats(f.session).table_rows > 7);
  assert_true(edb_session_stats(f.session).looked_up > 50);
  for (uint64_t seed = 2; seed < 6; seed++) {
    refill(&f, seed, 400);
    run_all(f.session, f.graph, f.policy);
    assert_int_equal(edb_session_stats(f.session).table_rows, 0);
    assert_fixture_plain(&f, seed, 400, "from tables");
  }
  close_fixture(&f);
}

/* Rows of so many floats that the ids fill several pages of a table. */
static void new_rows_run_as_one_batch_for_each_page(void **state) {
  (void)state;
  enum { WORDS = 300 };
  world w = world_of(EDB_SIMD_AUTO, "edb 1\n"
                                    "model wide\n"
                                    "const n = 1024, words = 300\n"
                                    "param E[words, n], b[n]\n"
                                    "cell leaf(id: index words) -> (h[n]):\n"
                                    "  h = tanh(E[id] * 0.5 + b)\n"
                                    "cell sum(h1[n], h2[n]) -> (h[n]):\n"
                                    "  h = h1 + h2\n");
  edb_session *session = session_way(&w, 0);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *graph = graph_of(&w), *twin = graph_of(&w);
  edb_graph *both[] = {graph, twin};
  for (int g = 0; g < 2; g++) {
    for (uint32_t i = 0; i < WORDS; i++) (void)append(both[g], 0, NULL, 0, (int32_t)i);
    for (uint32_t i = 0; i < WORDS; i++)
      (void)append(both[g], 1, (const edb_value[]){{i, 0}, {WORDS - 1 - i, 0}}, 2, 0);
  }
  run_all(session, graph, policy);
  assert_int_equal(edb_session_stats(session).table_rows, WORDS);
  assert_true(edb_session_stats(session).kernels < WORDS / 4);
  assert_plain(&w, session, graph, twin, "rows of several pages");
  edb_graph_destroy(graph);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  world_close(&w);
}

static void tables_follow_the_weights(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  for (uint64_t seed = 1; seed < 6; seed++) {
    refill(&f, seed, 300);
    run_all(f.session, f.graph, f.policy);
    assert_fixture_plain(&f, seed, 300, "weights");
    randomise_weights(f.w.model, f.w.weights, 50 + seed);
  }
  close_fixture(&f);
}

/* The weights change while a graph grows: its earlier values stay what they were. */
static void earlier_values_outlive_their_weights(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  grower g;
  grower_start(&g, f.graph, f.w.model, 1, LABELS_ALL);
  grow(&g, 200);
  run_all(f.session, f.graph, f.policy);
  values before = read_values(&f.w, f.session, f.graph);
  for (uint64_t round = 1; round < 4; round++) {
    randomise_weights(f.w.model, f.w.weights, round);
    grow(&g, 100);
    run_all(f.session, f.graph, f.policy);
    values after = read_values(&f.w, f.session, f.graph);
    assert_true(after.count > before.count);
    for (size_t i = 0; i < before.count; i++)
      assert_true(memcmp(&before.data[i], &after.data[i], sizeof(double)) == 0);
    values_free(&after);
  }
  values_free(&before);
  grower_free(&g);
  close_fixture(&f);
}

static void tables_that_are_too_small_are_used_as_far_as_they_go(void **state) {
  (void)state;
  static const size_t budgets[] = {1, 64, 4096, 20000, 60000};
  for (int i = 0; i < 5; i++) {
    edb_session_params params = params_of(i % 2 ? 2 : 0);
    params.table_bytes = budgets[i];
    fixture f = open_fixture(&params);
    for (uint64_t seed = 1; seed < 4; seed++) {
      size_t bytes = edb_context_memory(f.w.ctx).current_bytes;
      refill(&f, seed, 300);
      run_all(f.session, f.graph, f.policy);
      assert_fixture_plain(&f, seed, 300, "small tables");
      if (seed == 3 && i == 0) assert_true(edb_context_memory(f.w.ctx).current_bytes <= bytes * 2);
      randomise_weights(f.w.model, f.w.weights, seed);
    }
    close_fixture(&f);
  }
}

static void sessions_of_one_model_have_tables_of_their_own(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  edb_session *other = session_with(&f.w, &params);
  for (uint64_t seed = 1; seed < 4; seed++) {
    refill(&f, seed, 100);
    run_all(seed % 2 ? other : f.session, f.graph, f.policy);
  }
  assert_true(edb_session_stats(f.session).table_rows > 0);
  edb_session_destroy(other);
  close_fixture(&f);
}

/* ---- Graphs that grow, values that are kept ---------------------------------------------------
 */

static void appended_nodes_take_earlier_values(void **state) {
  (void)state;
  for (int way = 0; way < WAYS; way++) {
    edb_session_params params = params_of(way);
    fixture f = open_fixture(&params);
    edb_graph *twin = graph_of(&f.w);
    grower g, t;
    grower_start(&g, f.graph, f.w.model, 5, LABELS_SOME);
    grower_start(&t, twin, f.w.model, 5, LABELS_SOME);
    for (int round = 0; round < 6; round++) {
      grow(&g, 10 + 30 * (uint32_t)round);
      grow(&t, 10 + 30 * (uint32_t)round);
      run_all(f.session, f.graph, f.policy);
    }
    assert_plain(&f.w, f.session, f.graph, twin, "grown");
    grower_free(&g);
    grower_free(&t);
    edb_graph_destroy(twin);
    close_fixture(&f);
  }
}

static void only_kept_values_can_be_read(void **state) {
  (void)state;
  static const char *const names[] = {"loss", "c"};
  edb_keep keep = {names, 2};
  for (int way = 0; way < WAYS; way++) {
    edb_session_params params = params_of(way);
    fixture f = open_fixture(&params);
    refill(&f, 1, 300);
    MUST(edb_session_run(f.session, f.graph, f.policy, &keep, &f.error), f.error);
    edb_graph *twin = random_graph(&f.w, 1, 300, LABELS_SOME);
    values expected = plain_values(&f.w, twin), got = read_values(&f.w, f.session, f.graph);
    size_t at = 0;
    for (edb_node n = 0; n < edb_graph_node_count(f.graph); n++) {
      uint32_t cell = edb_graph_node_cell(f.graph, n);
      for (uint32_t o = 0; o < edb_model_output_count(f.w.model, cell); o++) {
        const char *name = edb_model_output_name(f.w.model, cell, o);
        bool kept = strcmp(name, "loss") == 0 || strcmp(name, "c") == 0;
        assert_int_equal(got.has[at], kept && expected.has[at]);
        if (kept && got.has[at]) assert_true(got.data[at] == expected.data[at]);
        at += edb_model_output_size(f.w.model, cell, o);
      }
    }
    values_free(&expected);
    values_free(&got);
    edb_graph_destroy(twin);
    close_fixture(&f);
  }
}

static void a_name_that_no_cell_has_is_refused(void **state) {
  (void)state;
  static const char *const names[] = {""};
  edb_keep keep = {names, 1};
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  refill(&f, 1, 30);
  assert_int_equal(edb_session_run(f.session, f.graph, f.policy, &keep, &f.error), EDB_ERROR_NAME);
  close_fixture(&f);
}

static void nodes_are_released_one_by_one(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  size_t after = 0;
  for (uint64_t round = 0; round < 40; round++) {
    edb_node first = edb_graph_node_count(f.graph);
    grower g;
    grower_start(&g, f.graph, f.w.model, round, LABELS_SOME);
    grow(&g, 100);
    grower_free(&g);
    run_all(f.session, f.graph, f.policy);
    for (edb_node n = first; n < edb_graph_node_count(f.graph); n++)
      MUST(edb_session_release(f.session, f.graph, n, &f.error), f.error);
    if (round == 20) after = edb_context_memory(f.w.ctx).current_bytes;
  }
  assert_true(edb_context_memory(f.w.ctx).current_bytes <= after * 11 / 10);
  close_fixture(&f);
}

static void steps_and_runs_can_alternate(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  edb_graph *twin = graph_of(&f.w);
  grower g, t;
  grower_start(&g, f.graph, f.w.model, 8, LABELS_SOME);
  grower_start(&t, twin, f.w.model, 8, LABELS_SOME);
  for (int round = 0; round < 6; round++) {
    grow(&g, 50);
    grow(&t, 50);
    if (round % 2 == 0) {
      run_all(f.session, f.graph, f.policy);
      continue;
    }
    edb_frontier *frontier = NULL;
    uint32_t count = 1;
    MUST(edb_frontier_create(f.w.ctx, f.policy, f.graph, &frontier, &f.error), f.error);
    while (count > 0)
      MUST(edb_session_step(f.session, f.graph, frontier, &count, &f.error), f.error);
    edb_frontier_destroy(frontier);
  }
  assert_plain(&f.w, f.session, f.graph, twin, "steps and runs");
  grower_free(&g);
  grower_free(&t);
  edb_graph_destroy(twin);
  close_fixture(&f);
}

/* ---- What can go wrong ------------------------------------------------------------------------
 */

static void the_cap_of_a_session_holds(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  refill(&f, 1, 300);
  run_all(f.session, f.graph, f.policy);
  params.memory_cap_bytes = edb_session_stats(f.session).peak_bytes;
  edb_session *fits = session_with(&f.w, &params);
  refill(&f, 1, 300);
  assert_int_equal(edb_session_run(fits, f.graph, f.policy, NULL, &f.error), EDB_OK);
  edb_session_destroy(fits);
  params.memory_cap_bytes--;
  edb_session *tight = session_with(&f.w, &params);
  refill(&f, 1, 300);
  assert_int_equal(edb_session_run(tight, f.graph, f.policy, NULL, &f.error), EDB_ERROR_LIMIT);
  edb_session_destroy(tight);
  close_fixture(&f);
}

static void a_placement_of_another_graph_or_schedule_is_refused(void **state) {
  (void)state;
  edb_session_params params = params_of(0);
  fixture f = open_fixture(&params);
  edb_schedule *schedule = NULL, *other = NULL;
  edb_placement *placement = NULL;
  edb_graph *second = random_graph(&f.w, 2, 60, LABELS_SOME);
  edb_policy *depth = policy_of(&f.w, EDB_POLICY_UNBATCHED);
  refill(&f, 1, 60);
  MUST(edb_schedule_create(f.w.ctx, f.policy, f.graph, &schedule, &f.error), f.error);
  MUST(edb_schedule_create(f.w.ctx, depth, f.graph, &other, &f.error), f.error);
  assert_int_equal(edb_placement_create(f.session, second, schedule, NULL, &placement, &f.error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(f.error.text, "the schedule was made for another graph"));
  MUST(edb_placement_create(f.session, f.graph, schedule, NULL, &placement, &f.error), f.error);
  assert_int_equal(edb_session_run_placed(f.session, second, schedule, placement, &f.error),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_session_run_placed(f.session, f.graph, other, placement, &f.error),
                   EDB_ERROR_ARGUMENT);
  MUST(edb_session_run_placed(f.session, f.graph, schedule, placement, &f.error), f.error);
  edb_placement_destroy(placement);
  edb_schedule_destroy(schedule);
  edb_schedule_destroy(other);
  edb_policy_destroy(depth);
  edb_graph_destroy(second);
  close_fixture(&f);
}

/* A run that fails for memory leaves tables with nothing wrong in them. */
static void thin_runs_survive_every_failure_of_memory(void **state) {
  (void)state;
  faulty m;
  edb_error error = {0};
  world w = world_in(faulty_context(&m, 0), stack_text);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *twin = graph_of(&w);
  add_sequence(twin, 12, 3);
  values expected = plain_values(&w, twin);
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    edb_session *session = session_way(&w, 0);
    edb_graph *graph = graph_of(&w);
    m.requests = m.failures = 0;
    m.fail_at = n;
    for (int i = 0; i < 3; i++) {
      edb_graph_clear(graph);
      m.fail_at = 0;
      add_sequence(graph, 12, 3);
      m.fail_at = n;
      edb_status status = edb_session_run(session, graph, policy, NULL, &error);
      assert_true(faulty_status(&m, status));
      if (status != EDB_OK) MUST(edb_session_run(session, graph, policy, NULL, &error), error);
      values got = read_values(&w, session, graph);
      assert_same_values(&w, graph, &expected, &got, "after a failure");
      values_free(&got);
    }
    failed = m.failures > 0;
    m.fail_at = 0;
    edb_graph_destroy(graph);
    edb_session_destroy(session);
  }
  values_free(&expected);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  edb_weights_destroy(w.weights);
  edb_model_destroy(w.model);
  faulty_destroy(&m);
}

static void runs_survive_every_failure_of_memory(void **state) {
  (void)state;
  faulty m;
  edb_error error = {0};
  world w = world_in(faulty_context(&m, 0), less_text);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  edb_graph *twin = random_graph(&w, 3, 80, LABELS_SOME);
  values expected = plain_values(&w, twin);
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    edb_session *session = session_way(&w, n % 2 ? 0 : 2);
    edb_graph *graph = random_graph(&w, 3, 80, LABELS_SOME);
    m.requests = m.failures = 0;
    m.fail_at = n;
    edb_status status = edb_session_run(session, graph, policy, NULL, &error);
    failed = m.failures > 0;
    assert_true(faulty_status(&m, status));
    m.fail_at = 0;
    if (status != EDB_OK) MUST(edb_session_run(session, graph, policy, NULL, &error), error);
    values got = read_values(&w, session, graph);
    assert_same_values(&w, graph, &expected, &got, "after a failure");
    values_free(&got);
    edb_graph_destroy(graph);
    edb_session_destroy(session);
  }
  values_free(&expected);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  edb_weights_destroy(w.weights);
  edb_model_destroy(w.model);
  faulty_destroy(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_ways_give_the_same_bits),
      cmocka_unit_test(all_ways_give_the_same_bits_on_the_zoo),
      cmocka_unit_test(all_ways_give_the_same_bits_with_random_cells),
      cmocka_unit_test(all_ways_give_the_same_bits_on_models),
      cmocka_unit_test(equal_calls_run_once),
      cmocka_unit_test(calls_that_differ_in_a_label_are_not_equal),
      cmocka_unit_test(flops_are_those_of_the_graph_as_it_was_made),
      cmocka_unit_test(early_parts_run_as_one_batch),
      cmocka_unit_test(inputs_from_below_are_early_where_batches_are_thin),
      cmocka_unit_test(packed_weights_are_of_the_cells_that_run),
      cmocka_unit_test(equal_calls_are_looked_for_as_long_as_there_are_some),
      cmocka_unit_test(where_no_calls_are_equal_they_are_looked_for_ever_more_rarely),
      cmocka_unit_test(equal_calls_that_turn_up_later_are_found),
      cmocka_unit_test(what_runs_early_does_so_without_equal_calls),
      cmocka_unit_test(rows_are_made_once),
      cmocka_unit_test(new_rows_run_as_one_batch_for_each_page),
      cmocka_unit_test(tables_follow_the_weights),
      cmocka_unit_test(earlier_values_outlive_their_weights),
      cmocka_unit_test(tables_that_are_too_small_are_used_as_far_as_they_go),
      cmocka_unit_test(sessions_of_one_model_have_tables_of_their_own),
      cmocka_unit_test(appended_nodes_take_earlier_values),
      cmocka_unit_test(only_kept_values_can_be_read),
      cmocka_unit_test(a_name_that_no_cell_has_is_refused),
      cmocka_unit_test(nodes_are_released_one_by_one),
      cmocka_unit_test(steps_and_runs_can_alternate),
      cmocka_unit_test(the_cap_of_a_session_holds),
      cmocka_unit_test(a_placement_of_another_graph_or_schedule_is_refused),
      cmocka_unit_test(runs_survive_every_failure_of_memory),
      cmocka_unit_test(thin_runs_survive_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("less work", tests, NULL, NULL);
}
