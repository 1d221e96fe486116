/* tests/exec/test_strands.c: threads that run instances of their own leave the bits of one. */
#include <pthread.h>

#include "exec/exec_support.h"
#include "exec/random_cells.h"
#include "exec/session.h"
#include "exec/zoo.h"
#include "support/crowd.h"
#include "support/faulty.h"
#include "support/sanitizer.h"

#define MOST_THREADS 8

/* A model in a context whose sessions may have MOST_THREADS threads, whatever the machine has. */
typedef struct strand_world {
  crowd c;
  world w;
} strand_world;

static void open_world(strand_world *s, const char *text) {
  edb_context_params params = EDB_PARAMS(edb_context_params);
  edb_context *ctx = NULL;
  params.executor = crowd_open(&s->c, MOST_THREADS);
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  s->w = world_in(ctx, text);
}

static void close_world(strand_world *s) {
  world_close(&s->w);
  crowd_close(&s->c);
}

static edb_session_params params_by(uint32_t threads, edb_threads_by by) {
  edb_session_params params = EDB_PARAMS(edb_session_params);
  params.threads = threads;
  params.threads_by = by;
  return params;
}

/* What runs by `params` leave of equal graphs, the last of which is read: the first ones make
 * tables, and try what is faster. */
static values values_by(const world *w, const edb_session_params *params, uint64_t seed,
                        uint32_t instances, uint32_t nodes, uint32_t rounds) {
  edb_session *session = session_with(w, params);
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  values v = {0};
  for (uint32_t i = 0; i < rounds; i++) {
    edb_graph *graph = random_instances(w, seed, instances, nodes, LABELS_SOME);
    run_all(session, graph, policy);
    values_free(&v);
    v = read_values(w, session, graph);
    edb_graph_destroy(graph);
  }
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  return v;
}

static void assert_same_as_one(const world *w, edb_session_params *params, uint64_t seed,
                               uint32_t instances, uint32_t nodes, const char *what) {
  edb_session_params one = *params;
  one.threads = 1;
  edb_graph *graph = random_instances(w, seed, instances, nodes, LABELS_SOME);
  values expected = values_by(w, &one, seed, instances, nodes, 1);
  values got = values_by(w, params, seed, instances, nodes, 2);
  assert_same_values(w, graph, &expected, &got, what);
  values_free(&expected);
  values_free(&got);
  edb_graph_destroy(graph);
}

/* ---- Values -------------------------------------------------------------------------------------
 */

static void strands_leave_the_bits_of_one_thread(void **state) {
  const zoo_model *m = *state;
  strand_world s;
  open_world(&s, m->text);
  for (uint32_t threads = 2; threads <= MOST_THREADS; threads += 3) {
    for (int op = 0; op < 2; op++) {
      edb_session_params params = params_by(threads, EDB_THREADS_INSTANCES);
      params.granularity = op ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
      assert_same_as_one(&s.w, &params, threads, 9, 12, m->name);
    }
  }
  close_world(&s);
}

static void whatever_is_hoisted_shared_tabled_and_placed(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    strand_world s;
    open_world(&s, random_model(seed, 17, 2));
    for (int way = 0; way < 8; way++) {
      edb_session_params params = params_by(3, EDB_THREADS_INSTANCES);
      params.no_hoist = way & 1;
      params.no_share = way & 2;
      params.no_table = way & 4;
      params.table_bytes = seed % 2 ? 0 : 500; /* most rows find no room */
      params.placement = (edb_placement_kind)((seed + (uint64_t)way) % 4);
      assert_same_as_one(&s.w, &params, seed, 7, UNDER_SANITIZER ? 15 : 40, "ways");
    }
    close_world(&s);
  }
}

static void fewer_instances_than_threads_are_enough(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  for (uint32_t instances = 1; instances <= 4; instances++) {
    edb_session_params params = params_by(MOST_THREADS, EDB_THREADS_INSTANCES);
    assert_same_as_one(&s.w, &params, instances, instances, 10, "few instances");
  }
  close_world(&s);
}

/* Whether the last run was in strands: several of them have more batches together. */
static uint32_t batches_of(edb_session *session) {
  return edb_session_stats(session).batches;
}

static void instances_that_take_values_of_others_run_together(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_session_params params = params_by(2, EDB_THREADS_INSTANCES);
  edb_session *strands = session_with(&s.w, &params), *one = NULL;
  params.threads = 1;
  one = session_with(&s.w, &params);
  edb_policy *policy = policy_of(&s.w, EDB_POLICY_DEPTH);
  edb_graph *graph = graph_of(&s.w), *twin = graph_of(&s.w);
  grower a, b;
  edb_error error = {0};
  grower_start(&a, graph, s.w.model, 4, LABELS_ALL);
  grower_start(&b, twin, s.w.model, 4, LABELS_ALL);
  for (int i = 0; i < 6; i++) { /* values of earlier instances are inputs of later ones */
    MUST(edb_graph_begin_instance(graph, &error), error);
    MUST(edb_graph_begin_instance(twin, &error), error);
    grow(&a, 12);
    grow(&b, 12);
  }
  run_all(strands, graph, policy);
  run_all(one, twin, policy);
  assert_int_equal(batches_of(strands), batches_of(one));
  values expected = read_values(&s.w, one, twin), got = read_values(&s.w, strands, graph);
  assert_same_values(&s.w, graph, &expected, &got, "crossing");
  values_free(&expected);
  values_free(&got);
  grower_free(&a);
  grower_free(&b);
  edb_graph_destroy(graph);
  edb_graph_destroy(twin);
  edb_policy_destroy(policy);
  edb_session_destroy(strands);
  edb_session_destroy(one);
  close_world(&s);
}

/* Every run takes values of the first one. */
static void strands_take_values_of_earlier_runs(void **state) {
  (void)state;
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    strand_world s;
    open_world(&s, zoo[m].text);
    edb_policy *policy = policy_of(&s.w, EDB_POLICY_BEST);
    values v[2];
    edb_graph *graphs[2];
    edb_session *sessions[2];
    for (int k = 0; k < 2; k++) {
      edb_session_params params = params_by(k ? 3 : 1, EDB_THREADS_INSTANCES);
      grower g;
      edb_error error = {0};
      sessions[k] = session_with(&s.w, &params);
      graphs[k] = graph_of(&s.w);
      grower_start(&g, graphs[k], s.w.model, 5, LABELS_SOME);
      grow(&g, 20);
      run_all(sessions[k], graphs[k], policy);
      uint32_t known = g.n_values;
      for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++) {
          MUST(edb_graph_begin_instance(graphs[k], &error), error);
          g.n_values = known;
          grow(&g, 8);
        }
        run_all(sessions[k], graphs[k], policy);
      }
      v[k] = read_values(&s.w, sessions[k], graphs[k]);
      grower_free(&g);
    }
    assert_same_values(&s.w, graphs[0], &v[0], &v[1], zoo[m].name);
    for (int k = 0; k < 2; k++) {
      values_free(&v[k]);
      edb_session_destroy(sessions[k]);
      edb_graph_destroy(graphs[k]);
    }
    edb_policy_destroy(policy);
    close_world(&s);
  }
}

static void strands_follow_weights_that_change(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_session_params params = params_by(3, EDB_THREADS_INSTANCES);
  edb_session *session = session_with(&s.w, &params);
  edb_policy *policy = policy_of(&s.w, EDB_POLICY_BEST);
  for (uint64_t seed = 1; seed <= 3; seed++) {
    randomise_weights(s.w.model, s.w.weights, seed);
    edb_graph *graph = random_instances(&s.w, 2, 6, 12, LABELS_SOME);
    run_all(session, graph, policy);
    params.threads = 1;
    values expected = values_by(&s.w, &params, 2, 6, 12, 1);
    values got = read_values(&s.w, session, graph);
    assert_same_values(&s.w, graph, &expected, &got, "new weights");
    values_free(&expected);
    values_free(&got);
    edb_graph_destroy(graph);
  }
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  close_world(&s);
}

/* ---- What a run says ----------------------------------------------------------------------------
 */

static void stats_are_those_of_all_strands(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_session_params params = params_by(1, EDB_THREADS_INSTANCES);
  edb_policy *policy = policy_of(&s.w, EDB_POLICY_DEPTH);
  edb_run_stats stats[2];
  for (int k = 0; k < 2; k++) {
    edb_graph *graph = random_instances(&s.w, 1, 8, 20, LABELS_SOME);
    params.threads = k ? 2 : 1;
    edb_session *session = session_with(&s.w, &params);
    edb_session_set_timing(session, true);
    run_all(session, graph, policy);
    stats[k] = edb_session_stats(session);
    assert_true(stats[k].bound <= stats[k].batches && stats[k].run_ns > 0);
    assert_true(stats[k].peak_bytes >= stats[k].slab_bytes && stats[k].live_bytes > 0);
    edb_session_destroy(session);
    edb_graph_destroy(graph);
  }
  assert_int_equal(stats[1].nodes, stats[0].nodes);
  assert_true(stats[1].flops == stats[0].flops);
  assert_true(stats[1].batches > stats[0].batches);
  edb_policy_destroy(policy);
  close_world(&s);
}

/* A cap that strands would pass, but not all threads together; then one that nothing is under. */
static void a_cap_on_memory_holds_for_all_strands_together(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_policy *policy = policy_of(&s.w, EDB_POLICY_DEPTH);
  edb_session_params params = params_by(2, EDB_THREADS_BATCHES);
  edb_graph *graph = random_instances(&s.w, 1, 3, 40, LABELS_SOME);
  edb_session *session = session_with(&s.w, &params);
  run_all(session, graph, policy);
  edb_run_stats whole = edb_session_stats(session);
  edb_session_destroy(session);
  edb_graph_destroy(graph);
  params.threads_by = EDB_THREADS_INSTANCES;
  params.memory_cap_bytes = whole.peak_bytes;
  graph = random_instances(&s.w, 1, 3, 40, LABELS_SOME);
  session = session_with(&s.w, &params);
  run_all(session, graph, policy);
  assert_in_range(edb_session_stats(session).peak_bytes, 1, whole.peak_bytes);
  edb_session_destroy(session);
  edb_graph_destroy(graph);
  params.memory_cap_bytes = 1000;
  graph = random_instances(&s.w, 1, 3, 40, LABELS_SOME);
  session = session_with(&s.w, &params);
  assert_int_equal(edb_session_run(session, graph, policy, NULL, NULL), EDB_ERROR_LIMIT);
  for (edb_node n = 0; n < edb_graph_node_count(graph); n++)
    assert_false(edb_session_has(session, graph, (edb_value){n, 0}));
  edb_session_destroy(session);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  close_world(&s);
}

static void both_ways_are_tried_and_then_one_is_kept(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_session_params params = params_by(2, EDB_THREADS_AUTO);
  edb_session *session = session_with(&s.w, &params);
  edb_policy *policy = policy_of(&s.w, EDB_POLICY_DEPTH);
  uint32_t runs[2] = {0};
  for (int i = 0; i < 200; i++) {
    edb_graph *graph = random_instances(&s.w, 1, 4, 16, LABELS_SOME); /* 64 nodes */
    run_all(session, graph, policy);
    edb_graph_destroy(graph);
    const edb_strand_record *r = &session->strands.records[6];
    for (int way = 0; way < 2; way++) runs[way] = r->runs[way];
    if (i == 5) assert_true(runs[0] == 3 && runs[1] == 3);
    if (i == 33) assert_true(runs[0] >= 3 && runs[1] >= 3 && runs[0] + runs[1] == 34);
  }
  assert_int_equal(runs[0] + runs[1], 200);
  assert_true(runs[0] >= 5 && runs[1] >= 5); /* each was looked at again */
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  close_world(&s);
}

static void a_way_that_there_is_not_is_an_error(void **state) {
  (void)state;
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_session_params params = params_by(2, (edb_threads_by)7);
  edb_session *session = NULL;
  edb_error error = {0};
  assert_int_equal(edb_session_create(s.w.ctx, s.w.model, s.w.weights, &params, &session, &error),
                   EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "7"));
  close_world(&s);
}

/* An output that no cell has is found by every strand. */
static void an_error_is_that_of_the_first_strand(void **state) {
  (void)state;
  static const char *const names[] = {"nothing"};
  const edb_keep keep = {names, 1};
  strand_world s;
  open_world(&s, zoo[0].text);
  edb_session_params params = params_by(4, EDB_THREADS_INSTANCES);
  edb_session *session = session_with(&s.w, &params);
  edb_policy *policy = policy_of(&s.w, EDB_POLICY_DEPTH);
  edb_graph *graph = random_instances(&s.w, 1, 8, 10, LABELS_SOME);
  edb_error error = {0};
  assert_int_equal(edb_session_run(session, graph, policy, &keep, &error), EDB_ERROR_NAME);
  assert_non_null(strstr(error.text, "nothing"));
  assert_int_equal(edb_graph_pending_count(graph), edb_graph_node_count(graph));
  run_all(session, graph, policy);
  edb_graph_destroy(graph);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  close_world(&s);
}

/* ---- Memory, and other threads ------------------------------------------------------------------
 */

static void every_failed_request_for_memory_is_survived(void **state) {
  (void)state;
  crowd c;
  faulty f;
  edb_context_params with = EDB_PARAMS(edb_context_params);
  with.executor = crowd_open(&c, 3);
  bool failed = true;
  for (size_t n = 1; failed; n = faulty_after(n)) {
    world w = world_in(faulty_context_with(&f, 0, false, &with), zoo[0].text);
    edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
    edb_graph *graph = random_instances(&w, 3, 5, 12, LABELS_SOME);
    edb_session_params params = params_by(3, EDB_THREADS_INSTANCES);
    edb_session *session = session_with(&w, &params);
    f.requests = f.failures = 0;
    f.fail_at = n;
    edb_status status = edb_session_run(session, graph, policy, NULL, NULL);
    failed = f.failures > 0;
    assert_true(faulty_status(&f, status));
    f.fail_at = 0;
    if (status != EDB_OK) {
      for (edb_node k = 0; k < edb_graph_node_count(graph); k++)
        assert_false(edb_session_has(session, graph, (edb_value){k, 0}));
      run_all(session, graph, policy);
    }
    params.threads = 1;
    values got = read_values(&w, session, graph), expected = values_by(&w, &params, 3, 5, 12, 1);
    assert_same_values(&w, graph, &expected, &got, "after a failure");
    values_free(&got);
    values_free(&expected);
    edb_session_destroy(session);
    edb_graph_destroy(graph);
    edb_policy_destroy(policy);
    edb_weights_destroy(w.weights);
    edb_model_destroy(w.model);
    faulty_destroy(&f);
  }
  crowd_close(&c);
}

typedef struct planner {
  edb_session *session;
  edb_policy *policy;
  edb_graph *graph;
  edb_context *ctx;
  edb_status status;
} planner;

static void *plan_one(void *argument) {
  planner *p = argument;
  edb_schedule *schedule = NULL;
  edb_placement *placement = NULL;
  p->status = edb_schedule_create(p->ctx, p->policy, p->graph, &schedule, NULL);
  if (p->status == EDB_OK)
    p->status = edb_placement_create(p->session, p->graph, schedule, NULL, &placement, NULL);
  edb_placement_destroy(placement);
  edb_schedule_destroy(schedule);
  return NULL;
}

static void another_mini_batch_is_placed_while_strands_run(void **state) {
  (void)state;
  for (size_t m = 0; m < ZOO_COUNT; m += 5) {
    strand_world s;
    open_world(&s, zoo[m].text);
    edb_session_params params = params_by(3, EDB_THREADS_INSTANCES);
    edb_session *session = session_with(&s.w, &params);
    edb_policy *policy = policy_of(&s.w, EDB_POLICY_BEST);
    for (uint32_t i = 0; i < 4; i++) {
      planner p = {session, policy, random_instances(&s.w, 9, 6, 12, LABELS_SOME), s.w.ctx, EDB_OK};
      edb_graph *graph = random_instances(&s.w, i, 6, 12, LABELS_SOME);
      pthread_t thread;
      assert_int_equal(pthread_create(&thread, NULL, plan_one, &p), 0);
      run_all(session, graph, policy);
      assert_int_equal(pthread_join(thread, NULL), 0);
      assert_int_equal(p.status, EDB_OK);
      edb_graph_destroy(p.graph);
      edb_graph_destroy(graph);
    }
    edb_policy_destroy(policy);
    edb_session_destroy(session);
    close_world(&s);
  }
}

int main(void) {
  const struct CMUnitTest rest[] = {
      cmocka_unit_test(whatever_is_hoisted_shared_tabled_and_placed),
      cmocka_unit_test(fewer_instances_than_threads_are_enough),
      cmocka_unit_test(instances_that_take_values_of_others_run_together),
      cmocka_unit_test(strands_take_values_of_earlier_runs),
      cmocka_unit_test(strands_follow_weights_that_change),
      cmocka_unit_test(stats_are_those_of_all_strands),
      cmocka_unit_test(a_cap_on_memory_holds_for_all_strands_together),
      cmocka_unit_test(both_ways_are_tried_and_then_one_is_kept),
      cmocka_unit_test(a_way_that_there_is_not_is_an_error),
      cmocka_unit_test(an_error_is_that_of_the_first_strand),
      cmocka_unit_test(every_failed_request_for_memory_is_survived),
      cmocka_unit_test(another_mini_batch_is_placed_while_strands_run),
  };
  struct CMUnitTest tests[ZOO_COUNT];
  for (size_t i = 0; i < ZOO_COUNT; i++)
    tests[i] = (struct CMUnitTest){zoo[i].name, strands_leave_the_bits_of_one_thread, NULL, NULL,
                                   (void *)(uintptr_t)&zoo[i]};
  int failed = cmocka_run_group_tests_name("strands", tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name("strands, further", rest, NULL, NULL);
}
