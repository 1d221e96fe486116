/* tests/exec/test_bits.c: one result, bit for bit: batched or not, whatever policy, granularity,
 * batch composition and SIMD level. */
#include "exec/exec_support.h"
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
} plot;

static values values_with(const world *w, edb_granularity granularity, edb_policy_kind kind,
                          plot plot) {
  edb_session *session = session_of(w, EDB_DEVICE_CPU, granularity);
  edb_policy *policy = policy_of(w, kind);
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  run_all(session, graph, policy);
  values v = read_values(w, session, graph);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return v;
}

static void assert_policies_agree(const world *w, const char *name, plot plot) {
  edb_graph *graph = random_graph(w, plot.seed, plot.nodes, plot.labels);
  values first = values_with(w, EDB_GRANULARITY_CELL, EDB_POLICY_UNBATCHED, plot);
  for (size_t p = 0; p < POLICIES; p++) {
    for (int op = 0; op < 2; op++) {
      char what[256];
      (void)snprintf(what, sizeof what, "%s: %s at granularity %s, %u nodes", name,
                     edb_policy_kind_name(policies[p]), op ? "op" : "cell", plot.nodes);
      values v = values_with(w, op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL, policies[p], plot);
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
  for (uint32_t s = 0; s < 4; s++)
    for (int labels = 0; labels < 3; labels++)
      assert_policies_agree(&w, m->name,
                            (plot){.seed = s + 1, .nodes = sizes[s], .labels = labels});
  world_close(&w);
}

int main(void) {
  struct CMUnitTest tests[ZOO_COUNT];
  for (size_t i = 0; i < ZOO_COUNT; i++)
    tests[i] = (struct CMUnitTest){zoo[i].name, policies_and_granularities_agree, NULL, NULL,
                                   (void *)(uintptr_t)&zoo[i]};
  return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
