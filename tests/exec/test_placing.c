/* tests/exec/test_placing.c: what direct placement saves: rows that are copied, and rows that are
 * stored a second time, counted by the executor. */
#include "exec/tree_model.h"
#include "policy/cost.h"

static const char chain_text[] =
    "edb 1\n"
    "model chains\n"
    "const hidden = 24\n"
    "param h0[hidden], E[10, hidden], W[hidden, hidden], U[hidden, hidden], Wout[5, hidden]\n"
    "cell start() -> (h[hidden], c[hidden]):\n"
    "  h = h0\n"
    "  c = h0\n"
    "cell step(h_prev[hidden], c_prev[hidden], word: index 10) -> (h[hidden], c[hidden]):\n"
    "  c = sigmoid(W @ E[word] + U @ h_prev) * c_prev + h0\n"
    "  h = tanh(c)\n"
    "cell out(h[hidden]) -> (y[5]):\n"
    "  y = Wout @ h\n";

/* A run of the whole graph without tables and shared calls, all batches of the best schedule. */
static edb_run_stats run_counted(const world *w, edb_graph *graph, edb_placement_kind kind,
                                 const char *kept) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_keep keep = {&kept, 1};
  edb_error error = {0};
  params.placement = kind;
  params.no_hoist = params.no_share = params.no_table = true;
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  edb_session_set_timing(session, true);
  MUST(edb_session_run(session, graph, policy, &keep, &error), error);
  edb_run_stats stats = edb_session_stats(session);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return stats;
}

static edb_graph *chains_of(const world *w, const uint32_t *lengths, uint32_t n, bool read_all) {
  edb_graph *graph = graph_of(w);
  for (uint32_t i = 0; i < n; i++) {
    edb_node node = append(graph, 0, NULL, 0, 0);
    for (uint32_t k = 0; k < lengths[i]; k++) {
      edb_value inputs[2] = {{node, 0}, {node, 1}};
      node = append(graph, 1, inputs, 2, (int32_t)(k % 10));
      inputs[0].node = node;
      if (read_all || k + 1 == lengths[i]) (void)append(graph, 2, inputs, 1, 0);
    }
  }
  return graph;
}

/* Chains of several lengths, longest first once ordered: each state is the one before, in place;
 * the reader of the states may need them in another order. */
static void chains_need_no_copies_and_a_second_store_for_a_second_reader_at_most(void **state) {
  (void)state;
  static const uint32_t lengths[] = {5, 17, 9, 1};
  world w = world_of(EDB_SIMD_AUTO, chain_text);
  for (int read_all = 0; read_all < 2; read_all++) {
    edb_graph *graph = chains_of(&w, lengths, 4, read_all);
    edb_run_stats stats = run_counted(&w, graph, EDB_PLACEMENT_DIRECT, "y");
    assert_int_equal(stats.bytes_copied, 0);
    /* All but the last states of the four chains have two readers, or none has. */
    assert_true(stats.rows_stored_again <= (read_all ? 32 - 4 : 0));
    assert_int_equal(stats.rows_through_pointers, 0);
    edb_graph_destroy(graph);
  }
  world_close(&w);
}

/* Rows are stored where their parents read them, and a second time at most for a second reader. */
static void trees_need_no_copies_and_little_memory(void **state) {
  (void)state;
  char text[sizeof tree_text];
  memcpy(text, tree_text, sizeof text);
  memcpy(strstr(text, "hidden = 20"), "hidden = 32", 11); /* rows without padding */
  world w = world_of(EDB_SIMD_AUTO, text);
  for (int scored = 0; scored < 2; scored++) {
    edb_graph *graph = graph_of(&w);
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < 6; i++) {
      (void)add_tree(graph, 5 + 3 * i, i);
      nodes += 2 * (5 + 3 * i) - 1;
    }
    for (edb_node n = 0, end = edb_graph_node_count(graph); scored && n < end; n++)
      if (edb_graph_node_cell(graph, n) != SCORE) (void)add_score(graph, n, 1);
    edb_run_stats arrival = {0}, direct;
    direct = run_counted(&w, graph, EDB_PLACEMENT_DIRECT, "loss");
    assert_int_equal(direct.bytes_copied, 0);
    assert_int_equal(direct.rows_through_pointers, 0);
    /* With a score for each, every node has two readers: its parent and the scores, or two scores.
     */
    assert_int_equal(direct.rows_stored_again, scored ? nodes : 0);
    assert_true((double)direct.slab_bytes <= 2.5 * (double)direct.live_bytes);
    edb_graph_destroy(graph);
    graph = graph_of(&w);
    for (uint32_t i = 0; i < 6; i++) (void)add_tree(graph, 5 + 3 * i, i);
    arrival = run_counted(&w, graph, EDB_PLACEMENT_ARRIVAL, "loss");
    assert_true(arrival.bytes_copied > 0);
    assert_int_equal(arrival.rows_stored_again, 0);
    edb_graph_destroy(graph);
  }
  world_close(&w);
}

/* Values of all `out` calls of the graph, one after another. */
static size_t read_outputs_with(const world *w, edb_graph *graph, edb_policy_kind kind,
                                const edb_costs *costs, float *to, edb_run_stats *stats) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_policy *policy = policy_of(w, kind);
  edb_error error = {0};
  size_t n = 0;
  params.placement = costs ? EDB_PLACEMENT_AUTO : EDB_PLACEMENT_ARRIVAL;
  params.costs = costs;
  params.no_hoist = params.no_share = params.no_table = true;
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  MUST(edb_session_run(session, graph, policy, NULL, &error), error);
  *stats = edb_session_stats(session);
  for (edb_node node = 0; node < edb_graph_node_count(graph); node++) {
    if (edb_graph_node_cell(graph, node) != 2) continue;
    MUST(edb_session_read(session, graph, (edb_value){node, 0}, to + n, 5, &error), error);
    n += 5;
  }
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return n;
}

static size_t read_outputs(const world *w, edb_graph *graph, edb_policy_kind kind, float *to,
                           edb_run_stats *stats) {
  return read_outputs_with(w, graph, kind, NULL, to, stats);
}

/* In the order of arrival the shorter chains stand between the longer ones: their states are not
 * side by side. The products read them where they are; elementwise operators do if rows are long.
 */
static void rows_apart_are_read_through_pointers_with_the_same_bits(void **state) {
  (void)state;
  static const char *const widths[] = {"24 ", "136"};
  static const uint32_t lengths[] = {17, 5, 9, 12, 1, 20};
  for (int i = 0; i < 2; i++) {
    char text[sizeof chain_text];
    float alone[320], batched[320];
    edb_run_stats stats;
    memcpy(text, chain_text, sizeof text);
    memcpy(strstr(text, "hidden = 24"), "hidden=", 7);
    memcpy(strstr(text, "hidden=") + 7, "    ", 4);
    memcpy(strstr(text, "hidden=") + 8, widths[i], 3);
    world w = world_of(EDB_SIMD_AUTO, text);
    edb_graph *graph = chains_of(&w, lengths, 6, true);
    size_t n = read_outputs(&w, graph, EDB_POLICY_UNBATCHED, alone, &stats);
    assert_int_equal(stats.rows_through_pointers, 0);
    edb_graph_destroy(graph);
    graph = chains_of(&w, lengths, 6, true);
    assert_int_equal(read_outputs(&w, graph, EDB_POLICY_BEST, batched, &stats), n);
    assert_true(stats.rows_through_pointers > 0);
    assert_true(i == 0 ? stats.bytes_copied > 0 : stats.bytes_copied == 0);
    assert_memory_equal(alone, batched, n * sizeof(float));
    edb_graph_destroy(graph);
    world_close(&w);
  }
}

static const char matrices_text[] =
    "edb 1\n"
    "model matrices\n"
    "const n = 6 \n"
    "param T[10, n, n], E[10, n], W[n, 2*n], b[n]\n"
    "cell leaf(word: index 10) -> (v[n], M[n, n]):\n"
    "  v = E[word]\n"
    "  M = T[word]\n"
    "cell node(v1[n], M1[n, n], v2[n], M2[n, n]) -> (v[n], M[n, n]):\n"
    "  v = tanh(W @ [M1 @ v2; M2 @ v1])\n"
    "  M = W @ [M1; M2] / 4 + b\n"
    "cell out(v[n]) -> (y[5]):\n"
    "  y = v[0:5]\n";

/* Combs of many lengths, so that a batch takes leaves and nodes in turn. */
static edb_graph *combs_of(const world *w, uint32_t n) {
  edb_graph *graph = graph_of(w);
  for (uint32_t i = 0; i < n; i++) {
    edb_node top = append(graph, 0, NULL, 0, (int32_t)(i % 10));
    for (uint32_t k = 0; k < 1 + i * 5 % 7; k++) {
      edb_node leaf = append(graph, 0, NULL, 0, (int32_t)((i + k) % 10));
      edb_node left = k % 2 ? leaf : top, right = k % 2 ? top : leaf;
      edb_value inputs[4] = {{left, 0}, {left, 1}, {right, 0}, {right, 1}};
      top = append(graph, 1, inputs, 4, 0);
    }
    (void)append(graph, 2, &(edb_value){top, 0}, 1, 0);
  }
  return graph;
}

enum { MOST_COMBS = 300 };

/* Of few small matrices, which stay in the caches, and of many larger ones, which do not. */
static void matrices_are_read_where_they_are_with_the_same_bits(void **state) {
  (void)state;
  static const struct {
    const char *width;
    uint32_t columns, combs;
  } sizes[] = {{"n = 6 ", 6, 9}, {"n = 24", 24, MOST_COMBS}};
  for (int i = 0; i < 2; i++) {
    static float alone[5 * MOST_COMBS], batched[5 * MOST_COMBS];
    char text[sizeof matrices_text];
    edb_run_stats stats;
    memcpy(text, matrices_text, sizeof text);
    memcpy(strstr(text, "n = 6 "), sizes[i].width, 6);
    world w = world_of(EDB_SIMD_AUTO, text);
    edb_graph *graph = combs_of(&w, sizes[i].combs);
    size_t n = read_outputs(&w, graph, EDB_POLICY_UNBATCHED, alone, &stats);
    edb_graph_destroy(graph);
    graph = combs_of(&w, sizes[i].combs);
    assert_int_equal(read_outputs(&w, graph, EDB_POLICY_BEST, batched, &stats), n);
    assert_true(stats.rows_through_pointers > 0);
    /* What is gathered are vectors. */
    size_t matrix_bytes = sizes[i].columns * sizes[i].columns * sizeof(float);
    assert_true(stats.bytes_copied < stats.rows_through_pointers * matrix_bytes / 2);
    assert_memory_equal(alone, batched, n * sizeof(float));
    edb_graph_destroy(graph);
    world_close(&w);
  }
}

/* Dear gathers, dear pointers and cheap stores in turn: what costs nothing is what happens. */
static void rows_come_to_their_readers_in_the_way_that_was_measured_to_be_cheap(void **state) {
  (void)state;
  static const uint32_t lengths[] = {17, 5, 9, 12, 1, 20};
  const double dear = 900;
  edb_row_costs rows[3] = {{.gather_ns = {0}}};
  float alone[320], batched[320];
  edb_run_stats stats[3];
  for (int i = 0; i < EDB_ROW_WIDTHS; i++) {
    rows[0].product_ns[i] = rows[0].elementwise_ns[i] = rows[0].store_ns[i] = dear;
    rows[1].gather_ns[i] = rows[1].store_ns[i] = dear;
    rows[2].gather_ns[i] = rows[2].product_ns[i] = rows[2].elementwise_ns[i] = dear;
  }
  world w = world_of(EDB_SIMD_AUTO, chain_text);
  edb_graph *graph = chains_of(&w, lengths, 6, true);
  size_t n = read_outputs(&w, graph, EDB_POLICY_UNBATCHED, alone, &stats[0]);
  edb_graph_destroy(graph);
  for (int i = 0; i < 3; i++) {
    const edb_costs costs = {.has_rows = true, .rows = {rows[i], rows[i]}};
    graph = chains_of(&w, lengths, 6, true);
    assert_int_equal(read_outputs_with(&w, graph, EDB_POLICY_BEST, &costs, batched, &stats[i]), n);
    assert_memory_equal(alone, batched, n * sizeof(float));
    edb_graph_destroy(graph);
  }
  assert_true(stats[0].bytes_copied > 0 && stats[0].rows_through_pointers == 0);
  assert_true(stats[1].rows_through_pointers > 0 && stats[1].bytes_copied < stats[0].bytes_copied);
  assert_true(stats[2].bytes_copied == 0 && stats[2].rows_through_pointers == 0);
  world_close(&w);
}

static void placements_that_there_are_not_are_refused(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_PORTABLE, tree_text);
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_error error = {0};
  params.placement = (edb_placement_kind)7;
  assert_int_equal(edb_session_create(w.ctx, w.model, w.weights, &params, &session, &error),
                   EDB_ERROR_ARGUMENT);
  assert_string_equal(error.text, "there is no placement 7");
  world_close(&w);
}

/* ---- Reductions over elements, products in bf16 ---------------------------------------------- */

static const char sums_text[] = "edb 1\n"
                                "model sums\n"
                                "const hidden = 24\n"
                                "param E[10, hidden], W[hidden, hidden]\n"
                                "cell leaf(word: index 10) -> (h[hidden]):\n"
                                "  h = tanh(E[word])\n"
                                "cell node(hs[hidden]...) -> (h[hidden]):\n"
                                "  h = tanh(sum(hs) + mean(W @ hs)) * max(hs)\n";

/* Nodes of uneven numbers of earlier ones, from all over the graph. */
static edb_graph *sums_of(const world *w) {
  edb_graph *graph = graph_of(w);
  for (uint32_t i = 0; i < 20; i++) (void)append(graph, 0, NULL, 0, (int32_t)(i % 10));
  for (uint32_t i = 0; i < 30; i++) {
    edb_value inputs[3];
    int32_t arity = 1 + (int32_t)(i % 3);
    for (int32_t k = 0; k < arity; k++)
      inputs[k] = (edb_value){(edb_node)((i * i + 7 * (uint32_t)k) % (20 + i)), 0};
    edb_call call = {.cell = 1,
                     .inputs = inputs,
                     .n_inputs = (uint32_t)arity,
                     .arities = (uint32_t[]){(uint32_t)arity}};
    edb_node node;
    edb_error error = {0};
    MUST(edb_graph_append(graph, &call, &node, &error), error);
  }
  return graph;
}

/* The values of all nodes, so many floats each, and what it took. */
static edb_run_stats read_all(const world *w, edb_graph *graph, edb_policy_kind kind,
                              edb_precision precision, size_t width, float *to) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  edb_session *session = NULL;
  edb_policy *policy = policy_of(w, kind);
  edb_error error = {0};
  params.precision = precision;
  params.placement = EDB_PLACEMENT_ARRIVAL;
  params.no_hoist = params.no_share = params.no_table = true;
  MUST(edb_session_create(w->ctx, w->model, w->weights, &params, &session, &error), error);
  MUST(edb_session_run(session, graph, policy, NULL, &error), error);
  edb_run_stats stats = edb_session_stats(session);
  for (edb_node node = 0; node < edb_graph_node_count(graph); node++, to += width)
    MUST(edb_session_read(session, graph, (edb_value){node, 0}, to, width, &error), error);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return stats;
}

static void reductions_and_products_of_one_input_read_its_rows_where_they_are(void **state) {
  (void)state;
  static const edb_precision precisions[] = {EDB_PRECISION_F32, EDB_PRECISION_BF16};
  for (edb_simd simd = EDB_SIMD_AUTO; simd <= EDB_SIMD_PORTABLE; simd++) {
    world w = world_of(simd, sums_text);
    for (int i = 0; i < 2; i++) {
      float alone[50 * 24], batched[50 * 24];
      (void)read_all(&w, sums_of(&w), EDB_POLICY_UNBATCHED, precisions[i], 24, alone);
      edb_run_stats stats = read_all(&w, sums_of(&w), EDB_POLICY_BEST, precisions[i], 24, batched);
      assert_true(stats.rows_through_pointers > 0);
      assert_int_equal(stats.bytes_copied, 0);
      assert_memory_equal(alone, batched, sizeof alone);
    }
    world_close(&w);
  }
}

/* ---- Columns of an input ------------------------------------------------------------------------
 */

#define WIDE 384

static const char columns_text[] = "edb 1\n"
                                   "model columns\n"
                                   "const n = 384\n"
                                   "param E[10, n], W[n, n]\n"
                                   "cell leaf(word: index 10) -> (h[n]):\n"
                                   "  h = W @ E[word]\n"
                                   "cell once(a[n], b[n]) -> (h[n]):\n"
                                   "  u = tanh(a[0:128] + 1)\n"
                                   "  h = [a[256:384] * u; a[128:256]; u] - abs(b)\n"
                                   "cell twice(a[n], b[n]) -> (h[n]):\n"
                                   "  h = tanh(a) * (1 - a) + b\n";

/* Nodes of one cell over leaves from all over the graph. */
static edb_graph *columns_of(const world *w, uint32_t cell) {
  edb_graph *graph = graph_of(w);
  for (uint32_t i = 0; i < 20; i++) (void)append(graph, 0, NULL, 0, (int32_t)(i % 10));
  for (uint32_t i = 0; i < 20; i++) {
    edb_value inputs[2] = {{i * i % 20, 0}, {(7 * i + 1) % 20, 0}};
    (void)append(graph, cell, inputs, 2, 0);
  }
  return graph;
}

static void columns_are_read_where_they_are_by_one_elementwise_operator_each(void **state) {
  (void)state;
  static float alone[40 * WIDE], batched[40 * WIDE];
  for (edb_simd simd = EDB_SIMD_AUTO; simd <= EDB_SIMD_PORTABLE; simd++) {
    world w = world_of(simd, columns_text);
    for (uint32_t cell = 1; cell <= 2; cell++) {
      (void)read_all(&w, columns_of(&w, cell), EDB_POLICY_UNBATCHED, EDB_PRECISION_F32, WIDE,
                     alone);
      edb_run_stats stats =
          read_all(&w, columns_of(&w, cell), EDB_POLICY_BEST, EDB_PRECISION_F32, WIDE, batched);
      assert_memory_equal(alone, batched, sizeof alone);
      assert_int_equal(stats.rows_through_pointers, cell == 1 ? 40 : 20);
      assert_int_equal(stats.bytes_copied, 20 * (cell == 1 ? 128 : WIDE) * sizeof(float));
    }
    world_close(&w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chains_need_no_copies_and_a_second_store_for_a_second_reader_at_most),
      cmocka_unit_test(trees_need_no_copies_and_little_memory),
      cmocka_unit_test(rows_apart_are_read_through_pointers_with_the_same_bits),
      cmocka_unit_test(matrices_are_read_where_they_are_with_the_same_bits),
      cmocka_unit_test(rows_come_to_their_readers_in_the_way_that_was_measured_to_be_cheap),
      cmocka_unit_test(placements_that_there_are_not_are_refused),
      cmocka_unit_test(reductions_and_products_of_one_input_read_its_rows_where_they_are),
      cmocka_unit_test(columns_are_read_where_they_are_by_one_elementwise_operator_each),
  };
  return cmocka_run_group_tests_name("placing", tests, NULL, NULL);
}
