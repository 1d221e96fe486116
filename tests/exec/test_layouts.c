/* tests/exec/test_layouts.c: plans of cells give the same bits in any order of memory, joined or
 * not, and say truly what they copy. */
#include <math.h>

#include "exec/exec_support.h"
#include "exec/random_cells.h"
#include "exec/zoo.h"
#include "layout/large_cells.h"

typedef struct way {
  edb_layout layout;
  bool unfused;
} way;

static const way ways[] = {{EDB_LAYOUT_PLANNED, false},
                           {EDB_LAYOUT_PLANNED, true},
                           {EDB_LAYOUT_CREATED, false},
                           {EDB_LAYOUT_CREATED, true}};

static edb_session *session_laid_out(const world *w, way way) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.layout = way.layout;
  params.unfused = way.unfused;
  return session_with(w, &params);
}

typedef struct plot {
  uint64_t seed;
  uint32_t nodes;
  labelling labels;
} plot;

static values values_of(const world *w, edb_session *session, plot plot, edb_policy_kind kind) {
  edb_policy *policy = policy_of(w, kind);
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  run_all(session, graph, policy);
  values v = read_values(w, session, graph);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  return v;
}

static void assert_ways_agree(const world *w, const char *name, plot plot) {
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  edb_session *session = session_of(w, EDB_DEVICE_CPU, EDB_GRANULARITY_OP);
  values first = values_of(w, session, plot, EDB_POLICY_UNBATCHED);
  edb_session_destroy(session);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    static char what[1 << 15];
    session = session_laid_out(w, ways[i]);
    values v = values_of(w, session, plot, EDB_POLICY_BEST);
    (void)snprintf(what, sizeof what, "%s, %s of\n%s",
                   ways[i].layout == EDB_LAYOUT_PLANNED ? "planned" : "created",
                   ways[i].unfused ? "unfused" : "fused", name);
    assert_same_values(w, graph, &first, &v, what);
    values_free(&v);
    edb_session_destroy(session);
  }
  values_free(&first);
  edb_graph_destroy(graph);
}

static void the_small_models_give_the_same_bits_in_every_layout(void **state) {
  (void)state;
  for (size_t i = 0; i < ZOO_COUNT; i++) {
    world w = world_of(EDB_SIMD_AUTO, zoo[i].text);
    assert_ways_agree(&w, zoo[i].text, (plot){.seed = i, .nodes = 200, .labels = LABELS_SOME});
    world_close(&w);
  }
}

static void random_cells_give_the_same_bits_in_every_layout(void **state) {
  (void)state;
  static const uint32_t widths[] = {3, 5, 16, 17};
  for (uint64_t seed = 1; seed <= 120; seed++) {
    const char *text = random_model(1000 + seed, widths[seed % 4], 2);
    world w = world_of(EDB_SIMD_AUTO, text);
    assert_ways_agree(&w, text, (plot){.seed = seed, .nodes = 60, .labels = LABELS_ALL});
    world_close(&w);
  }
}

static void random_gates_give_the_same_bits_in_every_layout(void **state) {
  (void)state;
  static const uint32_t widths[] = {1, 5, 16, 33};
  for (uint64_t seed = 1; seed <= 200; seed++) {
    const char *text = random_gates(seed, widths[seed % 4], 2);
    world w = world_of(EDB_SIMD_AUTO, text);
    assert_ways_agree(&w, text, (plot){.seed = seed, .nodes = 60, .labels = LABELS_ALL});
    world_close(&w);
  }
}

static void a_cell_of_thousands_of_operators_gives_the_same_bits_in_every_layout(void **state) {
  (void)state;
  const char *text = large_cell(7, LARGE_CELL_LINES);
  world w = world_of(EDB_SIMD_AUTO, text);
  assert_ways_agree(&w, "a large cell", (plot){.seed = 7, .nodes = 20, .labels = LABELS_ALL});
  world_close(&w);
}

/* All values are between -1 and 1, or sums of a few of them. */
static void random_gates_are_close_to_the_reference(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    const char *text = random_gates(seed, 7, 2);
    world w = world_of(EDB_SIMD_AUTO, text);
    plot plot = {.seed = seed, .nodes = 40, .labels = LABELS_ALL};
    edb_session *cpu = session_laid_out(&w, ways[0]);
    edb_session *reference = session_of(&w, EDB_DEVICE_REFERENCE, EDB_GRANULARITY_CELL);
    values a = values_of(&w, cpu, plot, EDB_POLICY_BEST);
    values b = values_of(&w, reference, plot, EDB_POLICY_BEST);
    for (size_t i = 0; i < a.count; i++)
      if (!(fabs(a.data[i] - b.data[i]) <= 2e-3 * (1 + fabs(b.data[i]))))
        fail_msg("seed %d: cpu %.9g, reference %.9g of\n%s", (int)seed, a.data[i], b.data[i], text);
    values_free(&a);
    values_free(&b);
    edb_session_destroy(cpu);
    edb_session_destroy(reference);
    world_close(&w);
  }
}

/* Attention, edges and matrices of nodes, in batches whose elements fill several tiles. */
static void maps_over_elements_take_values_of_nodes_in_every_layout(void **state) {
  (void)state;
  static const uint32_t widths[] = {2, 5, 16, 130};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "edb 1\nmodel maps\nconst n = %u\n"
                   "param W[n, n], U[n, n], E[7, n], b[n], q[n]\n"
                   "cell source(x: dense [n], y: dense [n]) -> (h[n], k[n], M[n, n]):\n"
                   "  h = tanh(x)\n  k = x * y\n  M = W * y\n"
                   "cell attend(x[n], M[n, n], h[n]..., k[n]..., i: index 7) -> (p[n], r[n, n]):\n"
                   "  a = softmax(dot(W @ x, U @ h) + dot(x, k))\n"
                   "  e = tanh(W @ x + U @ h + b) * k\n"
                   "  d = sigmoid(x * h + k) - (M @ k) * (h @ M)\n"
                   "  s = squared_error(x, h) * layer_norm(k, x, W @ x) + E[i] * h\n"
                   "  p = tanh(sum(a * e) + sum(d))\n"
                   "  r = tanh(sum(s)) + tanh(sum(M * h + k)) @ W\n",
                   widths[i]);
    world w = world_of(EDB_SIMD_AUTO, text);
    assert_ways_agree(&w, text, (plot){.seed = i, .nodes = 400, .labels = LABELS_ALL});
    world_close(&w);
  }
}

/* ---- Counters -------------------------------------------------------------------------------- */

/* Of the cells as they are written. */
static edb_run_stats stats_of(const world *w, way way, plot plot) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_error error = {0};
  params.layout = way.layout;
  params.unfused = way.unfused;
  params.no_hoist = params.no_share = params.no_table = true;
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  values v = values_of(w, session, plot, EDB_POLICY_BEST);
  edb_run_stats stats = edb_session_stats(session);
  values_free(&v);
  edb_session_destroy(session);
  return stats;
}

static uint64_t computing(edb_run_stats stats) {
  return stats.kernels - stats.input_gathers - stats.internal_gathers;
}

static void the_order_of_creation_copies_what_the_plan_finds_in_place(void **state) {
  (void)state;
  static const char *const files[] = {"tree_lstm.edb", "tree_gru.edb", "lattice_lstm.edb",
                                      "bilstm_tagger.edb"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    world w = world_load(EDB_SIMD_AUTO, files[i], 24);
    plot plot = {.seed = 3, .nodes = 300, .labels = LABELS_ALL};
    edb_run_stats planned = stats_of(&w, ways[1], plot), created = stats_of(&w, ways[3], plot);
    edb_run_stats fused = stats_of(&w, ways[0], plot);
    assert_int_equal(planned.internal_gathers, 0);
    assert_int_equal(planned.internal_bytes, 0);
    assert_int_equal(fused.internal_gathers, 0);
    assert_true(created.internal_gathers > 0 && created.internal_bytes > 0);
    assert_int_equal(computing(planned), computing(created));
    assert_true(computing(fused) < computing(planned));
    world_close(&w);
  }
}

static void packed_rows_of_parameters_follow_the_weights(void **state) {
  (void)state;
  world w = world_load(EDB_SIMD_AUTO, "tree_lstm.edb", 24);
  plot plot = {.seed = 5, .nodes = 60, .labels = LABELS_ALL};
  edb_session *session = session_laid_out(&w, ways[0]);
  values before = values_of(&w, session, plot, EDB_POLICY_BEST);
  randomise_weights(w.model, w.weights, 99);
  values after = values_of(&w, session, plot, EDB_POLICY_BEST);
  edb_session *fresh = session_laid_out(&w, ways[0]);
  values expected = values_of(&w, fresh, plot, EDB_POLICY_BEST);
  edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
  assert_same_values(&w, graph, &expected, &after, "new weights");
  assert_true(memcmp(before.data, after.data, before.count * sizeof *before.data) != 0);
  edb_graph_destroy(graph);
  values_free(&before);
  values_free(&after);
  values_free(&expected);
  edb_session_destroy(session);
  edb_session_destroy(fresh);
  world_close(&w);
}

static void unknown_layouts_are_refused(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, zoo[0].text);
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_error error = {0};
  params.layout = (edb_layout)9;
  assert_int_equal(edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "layout 9"));
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_small_models_give_the_same_bits_in_every_layout),
      cmocka_unit_test(random_cells_give_the_same_bits_in_every_layout),
      cmocka_unit_test(random_gates_give_the_same_bits_in_every_layout),
      cmocka_unit_test(a_cell_of_thousands_of_operators_gives_the_same_bits_in_every_layout),
      cmocka_unit_test(random_gates_are_close_to_the_reference),
      cmocka_unit_test(maps_over_elements_take_values_of_nodes_in_every_layout),
      cmocka_unit_test(the_order_of_creation_copies_what_the_plan_finds_in_place),
      cmocka_unit_test(packed_rows_of_parameters_follow_the_weights),
      cmocka_unit_test(unknown_layouts_are_refused),
  };
  return cmocka_run_group_tests_name("plans that run", tests, NULL, NULL);
}
