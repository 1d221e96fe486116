/* tests/exec/test_borrowing.c: outputs that are parameters, or rows of them, are read where they
 * are as long as nobody keeps them, with the bits of the values that are copied. */
#include "exec/exec_support.h"
#include "exec/session.h"
#include "support/faulty.h"

static const char text[] = "edb 1\n"
                           "model borrowing\n"
                           "const n = 24, wide = 136\n"
                           "param E[10, n], S[10], T[10, n, n], h0[n], w0[wide]\n"
                           "param D[10, wide], W[n, n], V[n, wide]\n"
                           "cell leaf(word: index 10) -> (h[n], M[n, n]):\n"
                           "  h = E[word]\n"
                           "  M = T[word]\n"
                           "cell number(word: index 10) -> (s):\n"
                           "  s = S[word]\n"
                           "cell long(word: index 10) -> (w[wide]):\n"
                           "  w = D[word]\n"
                           "cell start() -> (h[n], w[wide]):\n"
                           "  h = h0\n"
                           "  w = w0\n"
                           "cell part(a[n], word: index 10) -> (h[n], M[n, n]):\n"
                           "  h = tanh(W @ a)\n"
                           "  M = T[word]\n"
                           "cell node(a[n], b[n], w[wide], M[n, n], s) -> (h[n]):\n"
                           "  h = tanh(M @ a + b * s + W @ b + V @ w) + w[0:n]\n"
                           "cell over(hs[n]..., ws[wide]...) -> (h[n], w[wide]):\n"
                           "  h = sum(tanh(W @ hs)) - max(hs)\n"
                           "  w = mean(ws) + 1\n"
                           "cell out(h[n], w[wide], s) -> (y[n]):\n"
                           "  y = W @ h + V @ abs(w) + s\n";

static void run_keeping(edb_session *session, edb_graph *graph, const edb_policy *policy,
                        const char *output) {
  edb_keep keep = {&output, 1};
  edb_error error = {0};
  MUST(edb_session_run(session, graph, policy, output ? &keep : NULL, &error), error);
}

/* All values, of a session that runs node by node and keeps everything. */
static values plain_values(const world *w, const edb_session_params *with, uint64_t seed,
                           uint32_t nodes) {
  edb_session_params params = *with;
  params.granularity = EDB_GRANULARITY_CELL;
  params.placement = EDB_PLACEMENT_ARRIVAL;
  params.no_hoist = params.no_share = params.no_table = true;
  edb_session *session = session_with(w, &params);
  edb_policy *policy = policy_of(w, EDB_POLICY_UNBATCHED);
  edb_graph *graph = random_graph(w, seed, nodes, LABELS_ALL);
  run_keeping(session, graph, policy, NULL);
  values v = read_values(w, session, graph);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return v;
}

/* What is kept has the same bits. */
static void assert_kept(const world *w, const edb_session *session, const edb_graph *graph,
                        const values *plain, const char *what) {
  values v = read_values(w, session, graph);
  assert_int_equal(v.count, plain->count);
  for (size_t i = 0; i < v.count; i++)
    if (!v.has[i]) v.data[i] = plain->data[i];
  assert_same_values(w, graph, &v, &(values){plain->data, v.has, plain->count}, what);
  values_free(&v);
}

static uint32_t count_kept(const edb_session *session, const edb_graph *graph, uint32_t cell) {
  uint32_t n = 0;
  for (edb_node node = 0; node < edb_graph_node_count(graph); node++)
    n += edb_graph_node_cell(graph, node) == cell &&
         edb_session_has(session, graph, (edb_value){node, 0});
  return n;
}

static void all_ways_of_running_give_the_bits_of_copied_values(void **state) {
  (void)state;
  static const char *const kept[] = {"y", "h", "w", "M"};
  for (uint32_t way = 0; way < 96; way++) {
    world w = world_of(way % 2 ? EDB_SIMD_PORTABLE : EDB_SIMD_AUTO, text);
    edb_session_params params = EDB_PARAMS(edb_session_params);
    params.placement = (edb_placement_kind)(way / 2 % 4);
    params.granularity = way / 8 % 3 == 2 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
    params.no_hoist = params.no_share = params.no_table = way / 8 % 3 == 1;
    params.no_table |= way % 5 == 0;
    params.precision = way / 24 % 2 ? EDB_PRECISION_BF16 : EDB_PRECISION_F32;
    params.threads = 1 + way / 48;
    values plain = plain_values(&w, &params, way, 150);
    edb_session *session = session_with(&w, &params);
    edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
    for (int k = 0; k < 4; k++) {
      edb_graph *graph = random_graph(&w, way, 150, LABELS_ALL);
      run_keeping(session, graph, policy, kept[k]);
      assert_kept(&w, session, graph, &plain, kept[k]);
      assert_true(count_kept(session, graph, 7) > 0 || k > 0);
      edb_graph_destroy(graph);
    }
    values_free(&plain);
    edb_policy_destroy(policy);
    edb_session_destroy(session);
    world_close(&w);
  }
}

/* ---- What is saved --------------------------------------------------------------------------- */

static edb_graph *leaves(const world *w, uint32_t count) {
  edb_graph *graph = graph_of(w);
  edb_error error = {0};
  for (uint32_t i = 0; i < count; i++) {
    int32_t word = (int32_t)(i % 10);
    edb_node node;
    MUST(edb_graph_append(graph, &(edb_call){.cell = 0, .indices = &word}, &node, &error), error);
  }
  return graph;
}

static edb_run_stats run_leaves(const world *w, const edb_session_params *params,
                                const char *keep) {
  edb_session *session = session_with(w, params);
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_graph *graph = leaves(w, 50);
  run_keeping(session, graph, policy, keep);
  edb_run_stats stats = edb_session_stats(session);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return stats;
}

static void nothing_runs_where_all_is_borrowed(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, text);
  edb_session_params params = EDB_PARAMS(edb_session_params);
  for (int i = 0; i < 2; i++) {
    params.no_hoist = params.no_share = params.no_table = i == 0;
    edb_run_stats stats = run_leaves(&w, &params, "y");
    assert_int_equal(stats.kernels, 0);
    assert_int_equal(stats.slab_bytes, 0);
    assert_int_equal(stats.table_rows, 0);
  }
  world_close(&w);
}

static void what_is_kept_is_made_by_itself_or_in_tables(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_AUTO, text);
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_run_stats stats = run_leaves(&w, &params, "h");
  assert_int_equal(stats.table_rows, 10);
  params.no_hoist = params.no_share = params.no_table = true;
  stats = run_leaves(&w, &params, "h");
  assert_int_equal(stats.kernels, 1);
  assert_int_equal(stats.slab_bytes, 50 * 32 * sizeof(float));
  world_close(&w);
}

static void kept_values_stay_when_the_weights_change(void **state) {
  (void)state;
  static float ones[10 * 24];
  for (int i = 0; i < 2; i++) {
    world w = world_of(EDB_SIMD_AUTO, text);
    edb_session_params params = EDB_PARAMS(edb_session_params);
    params.no_hoist = params.no_share = params.no_table = i == 0;
    edb_session *session = session_with(&w, &params);
    edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
    edb_graph *graph = leaves(&w, 3);
    edb_error error = {0};
    float before[24], after[24];
    run_keeping(session, graph, policy, "h");
    MUST(edb_session_read(session, graph, (edb_value){1, 0}, before, 24, &error), error);
    MUST(edb_weights_set(w.weights, "E", ones, 10 * 24, &error), error);
    MUST(edb_session_read(session, graph, (edb_value){1, 0}, after, 24, &error), error);
    assert_memory_equal(before, after, sizeof before);
    edb_graph_destroy(graph);
    edb_policy_destroy(policy);
    edb_session_destroy(session);
    world_close(&w);
  }
}

static void runs_survive_every_failure_of_memory(void **state) {
  (void)state;
  faulty m;
  edb_error error = {0};
  world w = world_in(faulty_context(&m, 0), text);
  const edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  values plain = plain_values(&w, &params, 1, 60);
  const char *kept = "y";
  edb_keep keep = {&kept, 1};
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    edb_session *session = NULL;
    edb_graph *graph = random_graph(&w, 1, 60, LABELS_ALL);
    m.requests = m.failures = 0;
    m.fail_at = n;
    edb_status status = edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error);
    assert_true(faulty_status(&m, status));
    if (status == EDB_OK) {
      status = edb_session_run(session, graph, policy, &keep, &error);
      assert_true(faulty_status(&m, status));
      if (status != EDB_OK) run_keeping(session, graph, policy, kept);
      assert_kept(&w, session, graph, &plain, "after a failure");
    }
    failed = m.failures > 0;
    m.fail_at = 0;
    edb_graph_destroy(graph);
    edb_session_destroy(session);
  }
  values_free(&plain);
  edb_policy_destroy(policy);
  edb_weights_destroy(w.weights);
  edb_model_destroy(w.model);
  faulty_destroy(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_ways_of_running_give_the_bits_of_copied_values),
      cmocka_unit_test(nothing_runs_where_all_is_borrowed),
      cmocka_unit_test(what_is_kept_is_made_by_itself_or_in_tables),
      cmocka_unit_test(kept_values_stay_when_the_weights_change),
      cmocka_unit_test(runs_survive_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("borrowing", tests, NULL, NULL);
}
