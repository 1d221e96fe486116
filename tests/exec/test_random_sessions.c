/* tests/exec/test_random_sessions.c: sessions of random ways of running that are asked for anything
 * in any order - runs, steps, growth, releases, new weights, new graphs, now and then without
 * memory - have the values of a session that runs node by node. */
#include "exec/random_cells.h"
#include "support/faulty.h"

typedef struct player {
  edb_session *session;
  edb_graph *graph;
  grower grower;
} player;

typedef struct game {
  faulty f;
  world w;
  edb_rng rng;
  player plain, any; /* who calls the same of the same seeds */
  edb_policy *node_by_node;
  edb_policy *policy;     /* of the frontier */
  edb_frontier *frontier; /* NULL: none is open */
  edb_session_params params;
  edb_node first; /* nodes before are released */
} game;

static uint32_t below(game *g, uint32_t n) {
  return edb_rng_below(&g->rng, n);
}

/* A call that now and then has no memory at some point, and then is made again. */
#define TRY_TWICE(g, call)                                   \
  do {                                                       \
    edb_error try_error = {0}, *error = &try_error;          \
    (g)->f.requests = (g)->f.failures = 0;                   \
    (g)->f.fail_at = below((g), 3) ? 0 : 1 + below((g), 60); \
    edb_status try_status = (call);                          \
    assert_true(faulty_status(&(g)->f, try_status));         \
    (g)->f.fail_at = 0;                                      \
    if (try_status != EDB_OK) MUST((call), try_error);       \
  } while (0)

static edb_policy *random_policy(game *g) {
  static const edb_policy_kind kinds[] = {EDB_POLICY_DEPTH,          EDB_POLICY_AGENDA_STATIC,
                                          EDB_POLICY_AGENDA_RUNNING, EDB_POLICY_SUFFICIENT,
                                          EDB_POLICY_TIGHT,          EDB_POLICY_BEST};
  return policy_of(&g->w, kinds[below(g, sizeof kinds / sizeof *kinds)]);
}

static void start(game *g, player *p, uint64_t seed) {
  p->graph = graph_of(&g->w);
  grower_start(&p->grower, p->graph, g->w.model, seed, LABELS_SOME);
}

static void stop(player *p) {
  grower_free(&p->grower);
  edb_graph_destroy(p->graph);
}

static void leave_frontier(game *g) {
  edb_frontier_destroy(g->frontier);
  g->frontier = NULL;
}

static game *open_game(uint64_t seed) {
  game *g = calloc(1, sizeof *g);
  assert_non_null(g);
  edb_rng_seed(&g->rng, seed);
  g->w = world_in(faulty_context(&g->f, 0), random_model(seed, 2 + (uint32_t)seed % 20, 2));
  g->node_by_node = policy_of(&g->w, EDB_POLICY_UNBATCHED);
  g->policy = policy_of(&g->w, EDB_POLICY_TIGHT);
  edb_session_params *p = &g->params;
  *p = (edb_session_params)EDB_PARAMS(edb_session_params);
  p->no_hoist = p->no_share = p->no_table = true;
  p->placement = EDB_PLACEMENT_ARRIVAL;
  TRY_TWICE(g, edb_session_create(g->w.ctx, g->w.model, g->w.weights, p, &g->plain.session, error));
  p->no_hoist = below(g, 3) == 0;
  p->no_share = below(g, 3) == 0;
  p->no_table = below(g, 3) == 0;
  p->table_bytes = below(g, 2) ? 0 : 1 + below(g, 3000);
  p->placement = (edb_placement_kind)below(g, 4);
  p->granularity = below(g, 3) ? EDB_GRANULARITY_CELL : EDB_GRANULARITY_OP;
  p->layout = below(g, 4) ? EDB_LAYOUT_PLANNED : EDB_LAYOUT_CREATED;
  p->unfused = below(g, 4) == 0;
  p->threads = below(g, 3) ? 1 : 2;
  p->threads_by = (edb_threads_by)below(g, 3);
  TRY_TWICE(g, edb_session_create(g->w.ctx, g->w.model, g->w.weights, p, &g->any.session, error));
  start(g, &g->plain, seed);
  start(g, &g->any, seed);
  return g;
}

static void close_game(game *g) {
  leave_frontier(g);
  stop(&g->plain);
  stop(&g->any);
  edb_session_destroy(g->plain.session);
  edb_session_destroy(g->any.session);
  edb_policy_destroy(g->node_by_node);
  edb_policy_destroy(g->policy);
  edb_weights_destroy(g->w.weights);
  edb_model_destroy(g->w.model);
  faulty_destroy(&g->f);
  free(g);
}

/* Nodes that take anything, or some instances that take nothing of what there is. */
static void play_growth(game *g) {
  uint32_t count = 1 + below(g, 12);
  if (below(g, 2)) {
    uint32_t instances = 1 + below(g, 4);
    grow_instances(&g->plain.grower, instances, count);
    grow_instances(&g->any.grower, instances, count);
    return;
  }
  grow(&g->plain.grower, count);
  grow(&g->any.grower, count);
}

static void play_run(game *g) {
  edb_policy *policy = random_policy(g);
  leave_frontier(g);
  TRY_TWICE(g, edb_session_run(g->any.session, g->any.graph, policy, NULL, error));
  edb_policy_destroy(policy);
}

/* A step that failed ends its frontier; the next one runs all that is pending. */
static void play_steps(game *g, uint32_t most) {
  uint32_t count = 1;
  edb_error error = {0};
  if (g->params.granularity == EDB_GRANULARITY_OP) return;
  while (count > 0 && most-- > 0) {
    if (!g->frontier)
      MUST(edb_frontier_create(g->w.ctx, g->policy, g->any.graph, &g->frontier, &error), error);
    g->f.requests = g->f.failures = 0;
    g->f.fail_at = below(g, 6) ? 0 : 1 + below(g, 20);
    edb_status status = edb_session_step(g->any.session, g->any.graph, g->frontier, &count, &error);
    assert_true(faulty_status(&g->f, status));
    g->f.fail_at = 0;
    if (status != EDB_OK) leave_frontier(g);
  }
}

static void play_release(game *g) {
  edb_error error = {0};
  edb_node end = edb_graph_node_count(g->any.graph);
  if (edb_graph_pending_count(g->any.graph) > 0 || end - g->first < 20) return;
  player *players[] = {&g->plain, &g->any};
  if (edb_graph_pending_count(g->plain.graph) > 0)
    run_all(g->plain.session, g->plain.graph, g->node_by_node);
  for (end -= 10; g->first < end; g->first++)
    for (int i = 0; i < 2; i++)
      MUST(edb_session_release(players[i]->session, players[i]->graph, g->first, &error), error);
  for (int i = 0; i < 2; i++) { /* what is released is no input any more */
    grower *grower = &players[i]->grower;
    uint32_t left = 0;
    for (uint32_t k = 0; k < grower->n_values; k++) {
      if (grower->values[k].node < end) continue;
      grower->values[left] = grower->values[k];
      grower->shape[left++] = grower->shape[k];
    }
    grower->n_values = left;
  }
}

/* What has run keeps its values. */
static void play_weights(game *g) {
  if (edb_graph_pending_count(g->any.graph) > 0) return;
  if (edb_graph_pending_count(g->plain.graph) > 0)
    run_all(g->plain.session, g->plain.graph, g->node_by_node);
  randomise_weights(g->w.model, g->w.weights, below(g, 1000));
}

static void play_again(game *g) {
  uint64_t seed = below(g, 1000);
  if (below(g, 3)) return;
  leave_frontier(g);
  grower_free(&g->plain.grower);
  grower_free(&g->any.grower);
  edb_graph_clear(g->plain.graph);
  edb_graph_clear(g->any.graph);
  grower_start(&g->plain.grower, g->plain.graph, g->w.model, seed, LABELS_SOME);
  grower_start(&g->any.grower, g->any.graph, g->w.model, seed, LABELS_SOME);
  g->first = 0;
}

static void compare(game *g, const char *what) {
  if (edb_graph_pending_count(g->any.graph) > 0) return;
  run_all(g->plain.session, g->plain.graph, g->node_by_node);
  values a = read_values(&g->w, g->plain.session, g->plain.graph),
         b = read_values(&g->w, g->any.session, g->any.graph);
  assert_same_values(&g->w, g->plain.graph, &a, &b, what);
  values_free(&a);
  values_free(&b);
}

static void whatever_is_asked_of_sessions_they_agree(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= (UNDER_SANITIZER ? 100 : 600); seed++) {
    game *g = open_game(seed);
    for (uint32_t move = 0; move < 60; move++) {
      uint32_t kind = below(g, 9);
      char what[64];
      (void)snprintf(what, sizeof what, "seed %u, move %u of kind %u", (unsigned)seed, move, kind);
      if (kind < 3) play_growth(g);
      if (kind == 3 || kind == 4) play_run(g);
      if (kind == 5) play_steps(g, below(g, 2) ? UINT32_MAX : below(g, 10));
      if (kind == 6) play_release(g);
      if (kind == 7) play_weights(g);
      if (kind == 8) play_again(g);
      compare(g, what);
    }
    close_game(g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_is_asked_of_sessions_they_agree),
  };
  return cmocka_run_group_tests_name("random sessions", tests, NULL, NULL);
}
