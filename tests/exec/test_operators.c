/* tests/exec/test_operators.c: every operator on the CPU against float64. */
#include <math.h>

#include "exec/exec_support.h"
#include "exec/zoo.h"

/* Runs two equal graphs, which it takes over, one on each device, and compares each output: the
 * largest difference against the largest number of the output. */
static void assert_graphs_agree(const world *w, edb_granularity granularity, edb_graph *g,
                                edb_graph *h, double tolerance, const char *what) {
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_session *cpu = session_of(w, EDB_DEVICE_CPU, granularity);
  edb_session *reference = session_of(w, EDB_DEVICE_REFERENCE, granularity);
  run_all(cpu, g, policy);
  run_all(reference, h, policy);
  values a = read_values(w, cpu, g), b = read_values(w, reference, h);
  size_t at = 0;
  for (edb_node n = 0; n < edb_graph_node_count(g); n++) {
    uint32_t cell = edb_graph_node_cell(g, n);
    for (uint32_t o = 0; o < edb_model_output_count(w->model, cell); o++) {
      size_t size = edb_model_output_size(w->model, cell, o);
      double largest = 1e-2;
      for (size_t i = at; i < at + size; i++) largest = fmax(largest, fabs(b.data[i]));
      for (size_t i = at; i < at + size; i++)
        if (a.has[i] != b.has[i] || !(fabs(a.data[i] - b.data[i]) <= tolerance * largest))
          fail_msg("%s: %s: cpu %.9g, reference %.9g", what, describe_number(w, g, i), a.data[i],
                   b.data[i]);
      at += size;
    }
  }
  values_free(&a);
  values_free(&b);
  edb_graph_destroy(g);
  edb_graph_destroy(h);
  edb_session_destroy(cpu);
  edb_session_destroy(reference);
  edb_policy_destroy(policy);
}

/* ---- One operator a cell, at many widths ----------------------------------------------------- */

static const char operators_text[] =
    "edb 1\nmodel operators\nconst n = %u\n"
    "param W[n, n], U[n + 3, n], b[n], g[n], E[7, n], T[7, n, n], d[7]\n"
    "cell source(x: dense [n], y: dense [n, n], z: dense) -> (h[n], M[n, n], a):\n"
    "  h = x * 1\n"
    "  M = y * 1\n"
    "  a = z * 1\n"
#define CELL(name, in, expression) "cell " name "(" in ") -> (o[...]):\n  o = " expression "\n"
#define H                          "h[n]"
#define HK                         "h[n], k[n]"
#define HM                         "h[n], M[n, n]"
#define M                          "M[n, n]"
#define MN                         "M[n, n], N[n, n]"
#define HA                         "h[n], a"
#define A                          "a"
#define HS                         "hs[n]..."
    /* of two operands, of all ranks */
    CELL("add", HK, "h + k") CELL("sub", HM, "h - M") CELL("mul", HM, "M * h")
        CELL("div", HA, "h / (abs(a) + 1)") CELL("min", MN, "min(M, N)")
            CELL("max", HK, "max(h, k)") CELL("add_p", H, "b + h")
                CELL("mul_a", "a, M[n, n]", "a * M") CELL("sub_n", A, "1 - a")
    /* of one operand */
    CELL("neg", H, "-h") CELL("sigmoid", H, "sigmoid(4 * h)") CELL("tanh", M, "tanh(3 * M)")
        CELL("relu", H, "relu(h)") CELL("gelu", H, "gelu(2 * h)") CELL("exp", H, "exp(h)")
            CELL("log", H, "log(abs(h) + 0.01)") CELL("sqrt", M, "sqrt(abs(M))")
                CELL("abs", A, "abs(a)") CELL("sin", H, "sin(9 * h)") CELL("cos", H, "cos(9 * h)")
                    CELL("drop", H, "dropout(h, 0.5)")
    /* rows and reductions */
    CELL("softmax", H, "softmax(h)") CELL("softmax_m", M, "softmax(M)")
        CELL("logsm", H, "log_softmax(h)") CELL("logsm_m", M, "log_softmax(M)")
            CELL("norm", HK, "layer_norm(h, g, b) + layer_norm(h, k, h)")
                CELL("sum", M, "sum(abs(M))") CELL("mean", H, "mean(abs(h))")
                    CELL("most", M, "maximum(M)") CELL("which", H, "argmax(h)")
                        CELL("dot", H, "dot(h, h)") CELL("err", HK, "squared_error(h, k)")
                            CELL("err_m", MN, "squared_error(M, N)")
                                CELL("ce", HK, "cross_entropy(h, argmax(k))")
    /* products */
    CELL("Wh", H, "U @ h") CELL("hW", H, "h @ W") CELL("Mh", HM, "M @ h") CELL("hM", HM, "h @ M")
        CELL("WM", M, "U @ M") CELL("MW", M, "M @ W") CELL("MN", MN, "M @ N")
    /* shapes and lookups */
    CELL("cat", HA, "[h; a; b; 2]") CELL("cat_m", MN, "[M; W; N]") CELL("part", H, "h[0:1]")
        CELL("part_m", M, "M[n - 1:n]") CELL("turn", M, "transpose(M)")
            CELL("wide", H, "broadcast(h, 3)")
                CELL("shape", M, "reshape(M, [n*n])") "cell row(i: index 7, j: index 7, k: index "
                                                      "7) -> (o[n], m[n, n], q):\n"
                                                      "  o = E[i]\n"
                                                      "  m = T[j]\n"
                                                      "  q = d[k]\n"
                                                      "cell loss(h[n], i: index n) -> (o):\n"
                                                      "  o = cross_entropy(h, i)\n"
    /* over inputs */
    CELL("sum_o", HS, "sum(hs)") CELL("mean_o", HS, "mean(hs)") CELL("max_o", HS, "max(hs)")
        CELL("soft_o", HS, "max(softmax(hs))") CELL("map_o", "hs[n]..., k[n]", "max(W @ hs + k)");

/* Every operator takes what the sources give, so nothing adds up. */
static void grow_operators(const world *w, edb_graph *graph) {
  grower g;
  grower_start(&g, graph, w->model, 3, LABELS_ALL);
  for (int i = 0; i < 9; i++) assert_true(grow_call(&g, 0));
  uint32_t sources = g.n_values;
  for (uint32_t c = 1; c < g.program->n_cells; c++)
    for (int i = 0; i < 3; i++, g.n_values = sources) assert_true(grow_call(&g, c));
  grower_free(&g);
}

static void every_operator_agrees_with_float64_at_odd_widths(void **state) {
  (void)state;
  static const uint32_t widths[] = {1, 3, 16, 17, 65};
  static char text[1 << 14];
  for (int i = 0; i < 5; i++) {
    (void)snprintf(text, sizeof text, operators_text, widths[i]);
    world w = world_of(EDB_SIMD_AUTO, text);
    for (int op = 0; op < 2; op++) {
      edb_graph *g = graph_of(&w), *h = graph_of(&w);
      grow_operators(&w, g);
      grow_operators(&w, h);
      assert_graphs_agree(&w, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL, g, h, 2e-5, "width");
    }
    world_close(&w);
  }
}

static void cells_agree_with_float64(void **state) {
  const zoo_model *m = *state;
  world w = world_of(EDB_SIMD_AUTO, m->text);
  for (uint64_t seed = 1; seed <= 4; seed++)
    for (int op = 0; op < 2; op++)
      assert_graphs_agree(&w, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL,
                          random_graph(&w, seed, 12, (labelling)(seed % 3)),
                          random_graph(&w, seed, 12, (labelling)(seed % 3)), 1e-4, m->name);
  world_close(&w);
}

int main(void) {
  struct CMUnitTest tests[ZOO_COUNT + 1] = {
      cmocka_unit_test(every_operator_agrees_with_float64_at_odd_widths)};
  for (size_t i = 0; i < ZOO_COUNT; i++)
    tests[i + 1] = (struct CMUnitTest){zoo[i].name, cells_agree_with_float64, NULL, NULL,
                                       (void *)(uintptr_t)&zoo[i]};
  return cmocka_run_group_tests_name("operators", tests, NULL, NULL);
}
