/* bench/bench_schedule.c: what scheduling costs per node as graphs grow: in nodes, in instances, in
 * types, in components of types, and as one single instance.
 *
 *     bench_schedule [SECONDS]
 *
 * One line per graph and policy: nodes, instances, types, policy, batches, the lower bound,
 * nanoseconds per node (best of some runs, about SECONDS in all per line, default 0.2), peak of
 * memory in bytes per node. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "policy/policy.h"

typedef struct growing {
  uint32_t *type, *in_start, *in_node;
  edb_dag dag;
} growing;

/* Instances of about equal size; a node takes one of the three before it and, half of the time, one
 * of the eight before. Types are drawn so that runs of one type are short: nothing is at the bound.
 * An instance has types of one of `n_components` only, of equally many types each. */
static growing make_graph(uint32_t n_nodes, uint32_t n_instances, uint32_t n_types,
                          uint32_t n_components) {
  growing g = {.type = malloc(n_nodes * sizeof(uint32_t)),
               .in_start = malloc(((size_t)n_nodes + 1) * sizeof(uint32_t)),
               .in_node = malloc((size_t)n_nodes * 2 * sizeof(uint32_t))};
  if (g.type == NULL || g.in_start == NULL || g.in_node == NULL) exit(1);
  edb_rng rng;
  edb_rng_seed(&rng, n_nodes + n_instances * 31u + n_types * 101u);
  uint32_t size = n_nodes / n_instances, each = n_types / n_components, first = 0, edges = 0;
  g.in_start[0] = 0;
  for (uint32_t v = 0; v < n_nodes; v++) {
    uint32_t at = v % size; /* inside the instance; the last one may be cut */
    if (at == 0) first = n_components == 1 ? 0 : each * edb_rng_below(&rng, n_components);
    g.type[v] = first + edb_rng_below(&rng, each);
    if (at > 0) g.in_node[edges++] = v - 1 - edb_rng_below(&rng, at < 3 ? at : 3);
    if (at > 0 && edb_rng_below(&rng, 2) != 0)
      g.in_node[edges++] = v - 1 - edb_rng_below(&rng, at < 8 ? at : 8);
    g.in_start[v + 1] = edges;
  }
  g.dag = (edb_dag){.n_nodes = n_nodes,
                    .n_types = n_types,
                    .type = g.type,
                    .in_start = g.in_start,
                    .in_node = g.in_node};
  return g;
}

static void free_graph(growing *g) {
  free(g->type);
  free(g->in_start);
  free(g->in_node);
}

static void measure(const growing *g, uint32_t n_instances, edb_policy_kind kind, double seconds) {
  edb_context *ctx = NULL;
  edb_policy *policy = NULL;
  edb_error error;
  if (edb_context_create(NULL, &ctx, &error) != EDB_OK ||
      edb_policy_create(ctx, kind, &policy, &error) != EDB_OK) {
    fprintf(stderr, "%s\n", error.text);
    exit(1);
  }
  uint64_t begin = edb_clock_ns(), best = UINT64_MAX;
  edb_schedule_info info = {0};
  for (int runs = 0; runs < 2 || (double)(edb_clock_ns() - begin) < seconds * 1e9; runs++) {
    edb_schedule *schedule = NULL;
    uint64_t from = edb_clock_ns();
    if (edb_schedule_dag(ctx, policy, &g->dag, &schedule, &error) != EDB_OK) {
      printf("%s\n", error.text);
      break;
    }
    uint64_t took = edb_clock_ns() - from;
    if (took < best) best = took;
    info = edb_schedule_describe(schedule);
    edb_schedule_destroy(schedule);
    if (took > 2e9) break;
  }
  double nodes = g->dag.n_nodes;
  printf("%8u %6u %6u  %-15s %8u %8u %9.1f %7.0f\n", g->dag.n_nodes, n_instances, g->dag.n_types,
         edb_policy_kind_name(kind), info.n_batches, info.bound, (double)best / nodes,
         (double)edb_context_memory(ctx).peak_bytes / nodes);
  fflush(stdout);
  edb_policy_destroy(policy);
  edb_context_destroy(ctx);
}

static void measure_all(uint32_t n_nodes, uint32_t n_instances, uint32_t n_types,
                        uint32_t n_components, double seconds) {
  static const edb_policy_kind kinds[] = {EDB_POLICY_DEPTH, EDB_POLICY_AGENDA_RUNNING,
                                          EDB_POLICY_TIGHT, EDB_POLICY_BEAM, EDB_POLICY_BEST};
  growing g = make_graph(n_nodes, n_instances, n_types, n_components);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    measure(&g, n_instances, kinds[i], seconds);
  free_graph(&g);
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.2;
  printf("   nodes   inst  types  policy           batches    bound   ns/node  B/node\n");
  for (uint32_t n = 1000; n <= 1000000; n *= 10) measure_all(n, n / 100, 4, 1, seconds);
  for (uint32_t i = 1; i <= 4096; i *= 8) measure_all(100000, i, 4, 1, seconds);
  for (uint32_t t = 2; t <= 20000; t *= 10) measure_all(20000, 64, t, 1, seconds);
  for (uint32_t c = 1; c <= 1000; c *= 10) measure_all(100000, 4000, c * 2, c, seconds);
  measure_all(20000, 1, 10000, 1, seconds);
  for (uint32_t n = 1000; n <= 1000000; n *= 10) measure_all(n, 1, 3, 1, seconds);
  return 0;
}
