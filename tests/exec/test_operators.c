/* tests/exec/test_operators.c: every operator on the CPU against float64. */
#include <math.h>

#include "exec/exec_support.h"
#include "exec/zoo.h"

/* Runs a graph on both devices and compares each output: the largest difference against the largest
 * number of the output. */
static void assert_devices_agree(const world *w, edb_granularity granularity, uint64_t seed,
                                 uint32_t nodes, labelling labels, double tolerance,
                                 const char *what) {
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  edb_session *cpu = session_of(w, EDB_DEVICE_CPU, granularity);
  edb_session *reference = session_of(w, EDB_DEVICE_REFERENCE, granularity);
  edb_graph *g = random_graph(w, seed, nodes, labels), *h = random_graph(w, seed, nodes, labels);
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

static void cells_agree_with_float64(void **state) {
  const zoo_model *m = *state;
  world w = world_of(EDB_SIMD_AUTO, m->text);
  for (uint64_t seed = 1; seed <= 4; seed++)
    for (int op = 0; op < 2; op++)
      assert_devices_agree(&w, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL, seed, 12,
                           (labelling)(seed % 3), 1e-4, m->name);
  world_close(&w);
}

int main(void) {
  struct CMUnitTest tests[ZOO_COUNT];
  for (size_t i = 0; i < ZOO_COUNT; i++)
    tests[i] = (struct CMUnitTest){zoo[i].name, cells_agree_with_float64, NULL, NULL,
                                   (void *)(uintptr_t)&zoo[i]};
  return cmocka_run_group_tests_name("operators", tests, NULL, NULL);
}
