/* tests/exec/test_bits.c: one result, bit for bit: batched or not, whatever policy, granularity,
 * batch composition and SIMD level. */
#include "base/cpu.h"
#include "exec/exec_support.h"
#include "exec/random_cells.h"
#include "exec/zoo.h"

/* Policies that schedule anything; unbatched is what they are compared with. */
static const edb_policy_kind policies[] = {
    EDB_POLICY_UNBATCHED,  EDB_POLICY_DEPTH, EDB_POLICY_AGENDA_STATIC, EDB_POLICY_AGENDA_RUNNING,
    EDB_POLICY_SUFFICIENT, EDB_POLICY_TIGHT, EDB_POLICY_BEST};
#define POLICIES (sizeof policies / sizeof policies[0])

typedef struct plot {
  uint64_t seed;
  uint32_t nodes;
  labelling labels;
  edb_placement_kind placement;
  const char *keep; /* name of the outputs that are kept; NULL: of all */
} plot;

static values values_of(const world *w, edb_session *session, edb_policy_kind kind, plot plot) {
  edb_policy *policy = policy_of(w, kind);
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  edb_keep keep = {&plot.keep, plot.keep ? 1 : 0};
  edb_error error = {0};
  MUST(edb_session_run(session, graph, policy, &keep, &error), error);
  values v = read_values(w, session, graph);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  return v;
}

static values values_with(const world *w, edb_granularity granularity, edb_policy_kind kind,
                          plot plot) {
  edb_session *session = session_placing(w, EDB_DEVICE_CPU, granularity, plot.placement);
  values v = values_of(w, session, kind, plot);
  edb_session_destroy(session);
  return v;
}

/* One of each granularity and placement, which run mini-batch after mini-batch. */
#define WAYS 8

static edb_granularity granularity_of(int way) {
  return way & 1 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
}

static void open_sessions(const world *w, edb_session *sessions[WAYS]) {
  for (int way = 0; way < WAYS; way++)
    sessions[way] =
        session_placing(w, EDB_DEVICE_CPU, granularity_of(way), (edb_placement_kind)(way / 2));
}

static void close_sessions(edb_session *sessions[WAYS]) {
  for (int way = 0; way < WAYS; way++) edb_session_destroy(sessions[way]);
}

static void assert_policies_agree(const world *w, edb_session *const sessions[WAYS],
                                  const char *name, plot plot) {
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  values first = values_with(w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
  for (size_t p = 0; p < POLICIES; p++) {
    for (int way = 0; way < WAYS; way++) {
      char what[256];
      (void)snprintf(what, sizeof what, "%s: %s at granularity %s, placement %d, %u nodes", name,
                     edb_policy_kind_name(policies[p]),
                     granularity_of(way) == EDB_GRANULARITY_OP ? "op" : "cell", way / 2,
                     plot.nodes);
      values v = values_of(w, sessions[way], policies[p], plot);
      assert_same_values(w, graph, &first, &v, what);
      values_free(&v);
    }
  }
  values_free(&first);
  edb_graph_destroy(graph);
}

static void policies_and_granularities_agree(void **state) {
  static const uint32_t sizes[] = {1, 9, 40, 150};
  const zoo_model *m = *state;
  world w = world_of(EDB_SIMD_AUTO, m->text);
  edb_session *sessions[WAYS];
  open_sessions(&w, sessions);
  for (uint32_t s = 0; s < 4; s++)
    for (int labels = 0; labels < 3; labels++)
      assert_policies_agree(&w, sessions, m->name,
                            (plot){.seed = s + 1, .nodes = sizes[s], .labels = labels});
  close_sessions(sessions);
  world_close(&w);
}

/* Memory is reused as soon as it can be: what is kept has to survive that. */
static void kept_values_are_the_same_whatever_the_placement(void **state) {
  const zoo_model *m = *state;
  world w = world_of(EDB_SIMD_AUTO, m->text);
  for (uint32_t c = 0; c < edb_model_cell_count(w.model); c++) {
    plot plot = {.seed = 3 + c, .nodes = 300, .labels = LABELS_SOME};
    edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
    values all = values_with(&w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
    plot.keep = edb_model_output_name(w.model, c, 0);
    for (int way = 0; way < 6; way++) {
      char what[128];
      plot.placement = EDB_PLACEMENT_ARRIVAL + (edb_placement_kind)(way / 2);
      values v =
          values_with(&w, EDB_GRANULARITY_CELL, way % 2 ? EDB_POLICY_BEST : EDB_POLICY_DEPTH, plot);
      (void)snprintf(what, sizeof what, "%s, %s kept, placement %d", m->name, plot.keep,
                     plot.placement);
      for (size_t i = 0; i < v.count; i++)
        if (!v.has[i]) {
          v.has[i] = all.has[i];
          v.data[i] = all.data[i];
        }
      assert_same_values(&w, graph, &all, &v, what);
      values_free(&v);
    }
    values_free(&all);
    edb_graph_destroy(graph);
  }
  world_close(&w);
}

/* ---- SIMD levels ----------------------------------------------------------------------------- */

static void assert_levels_agree(const char *text, const char *name, plot plot) {
  world w = world_of(EDB_SIMD_PORTABLE, text);
  edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
  values first = values_with(&w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
  for (edb_simd level = EDB_SIMD_PORTABLE; level <= EDB_SIMD_NEON; level++) {
    if (!edb_cpu_has(level)) continue;
    world other = world_of(level, text);
    values v = values_with(&other, EDB_GRANULARITY_CELL, EDB_POLICY_BEST, plot);
    char what[256];
    (void)snprintf(what, sizeof what, "%s: %s", name, edb_simd_name(level));
    assert_same_values(&w, graph, &first, &v, what);
    values_free(&v);
    world_close(&other);
  }
  values_free(&first);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void all_simd_levels_give_the_same_bits(void **state) {
  (void)state;
  for (size_t i = 0; i < ZOO_COUNT; i++)
    assert_levels_agree(zoo[i].text, zoo[i].name,
                        (plot){.seed = 5, .nodes = 60, .labels = LABELS_SOME});
}

/* ---- Models of the zoo ----------------------------------------------------------------------- */

/* Batches of more rows than a chunk has, widths that are no multiple of a register. */
static void trees_give_the_same_bits_whatever_the_batch(void **state) {
  (void)state;
  static const char *const files[] = {"tree_lstm.edb", "tree_gru.edb"};
  static const int64_t widths[] = {1, 13, 48};
  for (int file = 0; file < 2; file++)
    for (int i = 0; i < 3; i++) {
      world w = world_load(EDB_SIMD_AUTO, files[file], widths[i]);
      edb_session *sessions[WAYS];
      open_sessions(&w, sessions);
      assert_policies_agree(&w, sessions, files[file],
                            (plot){.seed = 1, .nodes = 700, .labels = LABELS_SOME});
      close_sessions(sessions);
      world_close(&w);
    }
}

static void a_learned_policy_gives_the_bits_of_unbatched_execution(void **state) {
  (void)state;
  plot plot = {.seed = 2, .nodes = 200, .labels = LABELS_ALL};
  for (int op = 0; op < 2; op++) {
    world w = world_load(EDB_SIMD_AUTO, "tree_gru.edb", 9);
    edb_session *session =
        session_of(&w, EDB_DEVICE_CPU, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL);
    edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
    const edb_graph *graphs[] = {graph};
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    edb_policy *fsm = NULL;
    edb_error error = {0};
    params.max_episodes = 20;
    MUST(edb_session_learn(session, graphs, 1, &params, &fsm, &error), error);
    run_all(session, graph, fsm);
    values a = values_with(&w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
    values b = read_values(&w, session, graph);
    assert_same_values(&w, graph, &a, &b, "fsm");
    values_free(&a);
    values_free(&b);
    edb_policy_destroy(fsm);
    edb_graph_destroy(graph);
    edb_session_destroy(session);
    world_close(&w);
  }
}

/* ---- Batch composition ----------------------------------------------------------------------- */

/* Many calls of each cell, so that batches are cut into chunks and tiles at odd places, and
 * elements of variadic inputs do not come out even. */
static void large_batches_are_cut_without_a_trace(void **state) {
  const zoo_model *m = *state;
  world w = world_of(EDB_SIMD_AUTO, m->text);
  plot plot = {.seed = 11, .nodes = 2000, .labels = LABELS_SOME};
  edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
  values a = values_with(&w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
  for (int kind = EDB_PLACEMENT_ARRIVAL; kind <= EDB_PLACEMENT_DIRECT; kind++) {
    plot.placement = (edb_placement_kind)kind;
    values b = values_with(&w, EDB_GRANULARITY_CELL, EDB_POLICY_BEST, plot);
    assert_same_values(&w, graph, &a, &b, m->name);
    values_free(&b);
  }
  values_free(&a);
  edb_graph_destroy(graph);
  world_close(&w);
}

/* ---- Random cells ---------------------------------------------------------------------------- */

static void random_cells_give_the_same_bits_batched_or_not(void **state) {
  (void)state;
  static const uint32_t widths[] = {3, 5, 17};
  for (uint64_t seed = 1; seed <= 150; seed++) {
    const char *text = random_model(seed, widths[seed % 3], 2);
    world w = world_of(EDB_SIMD_AUTO, text);
    plot plot = {.seed = seed,
                 .nodes = 60,
                 .labels = LABELS_ALL,
                 .placement = (edb_placement_kind)(seed % 4)};
    edb_graph *graph = random_graph(&w, plot.seed, plot.nodes, plot.labels);
    values first = values_with(&w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
    for (int way = 0; way < 3; way++) {
      char what[1 << 14];
      values v = values_with(&w, way == 1 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL,
                             way == 2 ? EDB_POLICY_DEPTH : EDB_POLICY_BEST, plot);
      (void)snprintf(what, sizeof what, "seed %d, way %d of\n%s", (int)seed, way, text);
      assert_same_values(&w, graph, &first, &v, what);
      values_free(&v);
    }
    values_free(&first);
    edb_graph_destroy(graph);
    world_close(&w);
  }
}

int main(void) {
  const struct CMUnitTest rest[] = {
      cmocka_unit_test(all_simd_levels_give_the_same_bits),
      cmocka_unit_test(trees_give_the_same_bits_whatever_the_batch),
      cmocka_unit_test(a_learned_policy_gives_the_bits_of_unbatched_execution),
      cmocka_unit_test(random_cells_give_the_same_bits_batched_or_not),
  };
  struct CMUnitTest tests[3 * ZOO_COUNT];
  for (size_t i = 0; i < ZOO_COUNT; i++) {
    void *model = (void *)(uintptr_t)&zoo[i];
    tests[i] =
        (struct CMUnitTest){zoo[i].name, policies_and_granularities_agree, NULL, NULL, model};
    tests[ZOO_COUNT + i] =
        (struct CMUnitTest){zoo[i].name, large_batches_are_cut_without_a_trace, NULL, NULL, model};
    tests[2 * ZOO_COUNT + i] = (struct CMUnitTest){
        zoo[i].name, kept_values_are_the_same_whatever_the_placement, NULL, NULL, model};
  }
  int failed = cmocka_run_group_tests_name("bits", tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name("bits of more models", rest, NULL, NULL);
}
