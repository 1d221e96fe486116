/* tests/policy/test_golden.c: numbers of batches on real mini-batches, found by independent
 * programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/raw_graph.h"
#include "policy/dags.h"

#define GRAPHS EDB_SOURCE_DIR "/../shared/data/graphs/"

typedef struct golden {
  char name[64];
  uint32_t nodes, edges, types, bound, depth, agenda_static, agenda_running;
  uint32_t sufficient[2], tight[2]; /* forwards, in reverse */
} golden;

static bool read_row(FILE *file, golden *g) {
  return fscanf(file, "%63s %u %u %u %u %u %u %u %u %u %u %u", g->name, &g->nodes, &g->edges,
                &g->types, &g->bound, &g->depth, &g->agenda_static, &g->agenda_running,
                &g->sufficient[0], &g->sufficient[1], &g->tight[0], &g->tight[1]) == 12;
}

/* Calls `check` with every row and its graph. */
static void for_each_row(edb_context *ctx,
                         void (*check)(edb_context *, const golden *, const edb_dag *)) {
  FILE *file = fopen(GRAPHS "golden.txt", "r");
  if (file == NULL) {
    print_message("there is no %sgolden.txt\n", GRAPHS);
    skip();
  }
  golden g;
  char path[sizeof GRAPHS + 80];
  uint32_t rows = 0;
  assert_true(fscanf(file, "%*[^\n]") == 0);
  while (read_row(file, &g)) {
    edb_raw_graph raw;
    edb_error error;
    snprintf(path, sizeof path, "%s%s.txt", GRAPHS, g.name);
    if (edb_raw_graph_load(ctx, path, &raw, &error) != EDB_OK) fail_msg("%s", error.text);
    edb_dag dag = edb_raw_graph_dag(&raw);
    check(ctx, &g, &dag);
    edb_raw_graph_free(&raw);
    rows++;
  }
  fclose(file);
  assert_int_equal(rows, 50);
}

static void expect(const golden *g, const char *column, uint32_t found, uint32_t expected) {
  if (found != expected) fail_msg("%s, %s: %u, expected %u", g->name, column, found, expected);
}

static void check_sizes(edb_context *ctx, const golden *g, const edb_dag *dag) {
  expect(g, "nodes", dag->n_nodes, g->nodes);
  expect(g, "edges", dag->in_start[dag->n_nodes], g->edges);
  expect(g, "bound", bound_of_dag(ctx, dag), g->bound);
}

static void check_baselines(edb_context *ctx, const golden *g, const edb_dag *dag) {
  expect(g, "depth", policy_batches(ctx, EDB_POLICY_DEPTH, dag), g->depth);
  expect(g, "static", policy_batches(ctx, EDB_POLICY_AGENDA_STATIC, dag), g->agenda_static);
  expect(g, "running", policy_batches(ctx, EDB_POLICY_AGENDA_RUNNING, dag), g->agenda_running);
}

static uint32_t lower(const uint32_t pair[2]) {
  return pair[0] < pair[1] ? pair[0] : pair[1];
}

static void check_sufficient(edb_context *ctx, const golden *g, const edb_dag *dag) {
  for (int reverse = 0; reverse < 2; reverse++)
    expect(g, reverse ? "sufficient in reverse" : "sufficient",
           pass_batches(ctx, EDB_POLICY_SUFFICIENT, reverse, dag), g->sufficient[reverse]);
  expect(g, "sufficient both ways", policy_batches(ctx, EDB_POLICY_SUFFICIENT, dag),
         lower(g->sufficient));
}

static void check_tight(edb_context *ctx, const golden *g, const edb_dag *dag) {
  for (int reverse = 0; reverse < 2; reverse++)
    expect(g, reverse ? "tight in reverse" : "tight",
           pass_batches(ctx, EDB_POLICY_TIGHT, reverse, dag), g->tight[reverse]);
  expect(g, "tight both ways", policy_batches(ctx, EDB_POLICY_TIGHT, dag), lower(g->tight));
}

static void check_best(edb_context *ctx, const golden *g, const edb_dag *dag) {
  uint32_t best = policy_batches(ctx, EDB_POLICY_BEST, dag);
  assert_true(best >= g->bound);
  assert_true(best <= lower(g->tight) && best <= lower(g->sufficient) && best <= g->depth &&
              best <= g->agenda_static && best <= g->agenda_running);
}

static void sizes_and_bounds_agree(void **state) {
  for_each_row(*state, check_sizes);
}
static void depth_and_agendas_agree(void **state) {
  for_each_row(*state, check_baselines);
}
static void sufficient_agrees_in_both_directions(void **state) {
  for_each_row(*state, check_sufficient);
}
static void tight_agrees_in_both_directions(void **state) {
  for_each_row(*state, check_tight);
}
static void best_is_not_longer_than_any(void **state) {
  for_each_row(*state, check_best);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_and_bounds_agree),
      cmocka_unit_test(depth_and_agendas_agree),
      cmocka_unit_test(sufficient_agrees_in_both_directions),
      cmocka_unit_test(tight_agrees_in_both_directions),
      cmocka_unit_test(best_is_not_longer_than_any),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
