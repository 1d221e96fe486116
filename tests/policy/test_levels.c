/* tests/policy/test_levels.c: what lies on no cycle of types is scheduled level by level, and what
 * lies on one takes its place between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/attempts.h"
#include "policy/dags.h"
#include "policy/levels.h"
#include "policy/regroup.h"
#include "support/faulty.h"

/* Nodes take earlier ones of their own type or of lower ones, which `order` numbers; so many that
 * follow each other there also take each other. */
static void stepwise(test_dag *d, edb_rng *rng, uint32_t n_nodes, uint32_t n_types,
                     const uint32_t *order, uint32_t together) {
  dag_begin(d, n_types);
  for (uint32_t v = 0; v < n_nodes; v++) {
    uint32_t type = edb_rng_below(rng, n_types), inputs[4], n_inputs = 0;
    for (uint32_t i = edb_rng_below(rng, 5); i > 0 && v > 0; i--) {
      uint32_t u = v - 1 - edb_rng_below(rng, v);
      if (order[d->type[u]] / together <= order[type] / together) inputs[n_inputs++] = u;
    }
    dag_node(d, type, n_inputs, inputs);
  }
}

static void shuffled(edb_rng *rng, uint32_t *order, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t j = edb_rng_below(rng, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
}

/* The schedule by levels, checked; NULL: the types make a cycle. */
static edb_schedule *by_levels(edb_context *ctx, const edb_dag *dag, bool grouped) {
  edb_levels levels;
  edb_schedule *schedule = NULL;
  assert_int_equal(edb_levels_init(ctx, dag, 0, &levels, NULL), EDB_OK);
  if (!levels.left)
    assert_int_equal(edb_levels_schedule(ctx, &levels, grouped, &schedule, NULL), EDB_OK);
  edb_levels_free(ctx, &levels);
  if (schedule != NULL) assert_valid_schedule(dag, schedule);
  return schedule;
}

static void every_schedule_is_at_the_bound(void **state) {
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  for (uint32_t round = 0; round < 600; round++) {
    uint32_t order[EDB_LEVELS_TYPES], n_types = 1 + edb_rng_below(&rng, round % 3 == 0 ? 200 : 6);
    shuffled(&rng, order, n_types);
    stepwise(d, &rng, edb_rng_below(&rng, 400), n_types, order, 1);
    if (round % 4 == 1) d->unbatchable[edb_rng_below(&rng, n_types)] = 1;
    if (round % 4 == 2) d->dag.unbatchable = NULL;
    for (int grouped = 0; grouped < 2; grouped++) {
      edb_schedule *s = by_levels(*state, &d->dag, grouped);
      assert_non_null(s);
      edb_schedule_info info = edb_schedule_describe(s);
      assert_int_equal(info.n_batches, bound_of_dag(*state, &d->dag));
      assert_int_equal(info.bound, info.n_batches);
      edb_schedule_destroy(s);
    }
  }
  free(d);
}

/* The same of any graph, with batches that the tight rule makes of its core; counted as well. */
static edb_status with_core(edb_context *ctx, const edb_dag *dag, bool grouped, edb_schedule **out,
                            uint32_t *batches, uint32_t *bound) {
  edb_levels levels;
  edb_attempts a = {.ctx = ctx};
  EDB_TRY(edb_levels_init(ctx, dag, 1, &levels, NULL));
  edb_status status = edb_attempts_init(ctx, &levels.core.dag, NULL, &a, NULL);
  if (status == EDB_OK) status = edb_attempt(&a, EDB_POLICY_TIGHT, false, NULL, NULL);
  if (status == EDB_OK) {
    *batches = levels.n_batches + a.best.count;
    *bound = levels.n_batches + a.forward.bound;
    edb_levels_take_core(&levels, &a.best, a.forward.original_type);
    status = edb_levels_schedule(ctx, &levels, grouped, out, NULL);
  }
  if (a.forward.memory != NULL) edb_attempts_free(&a);
  edb_levels_free(ctx, &levels);
  return status;
}

static void batches_on_cycles_take_their_place_among_levels(void **state) {
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  edb_rng rng;
  uint32_t cores = 0;
  edb_rng_seed(&rng, 2);
  for (uint32_t round = 0; round < 600; round++) {
    uint32_t order[EDB_LEVELS_TYPES], n_types = 1 + edb_rng_below(&rng, round % 3 == 0 ? 200 : 9);
    shuffled(&rng, order, n_types);
    stepwise(d, &rng, edb_rng_below(&rng, 400), n_types, order, 2 + round % 2);
    if (round % 4 == 1) d->unbatchable[edb_rng_below(&rng, n_types)] = 1;
    if (round % 4 == 2) d->dag.unbatchable = NULL;
    for (int grouped = 0; grouped < 2; grouped++) {
      uint32_t batches, bound;
      edb_schedule *s = NULL;
      assert_int_equal(with_core(*state, &d->dag, grouped, &s, &batches, &bound), EDB_OK);
      assert_valid_schedule(&d->dag, s);
      assert_int_equal(edb_schedule_describe(s).n_batches, batches);
      assert_int_equal(bound, bound_of_dag(*state, &d->dag));
      cores += batches > bound;
      edb_schedule_destroy(s);
    }
  }
  assert_true(cores > 100);
  free(d);
}

/* Leaves, inner nodes of two types, and something of each: the rest is taken out. */
static void trees(test_dag *d, edb_rng *rng, uint32_t n_trees) {
  dag_begin(d, 4);
  for (uint32_t i = 0; i < n_trees; i++) {
    uint32_t first = d->dag.n_nodes, root = dag_node(d, 0, 0, NULL);
    for (uint32_t n = 3 + edb_rng_below(rng, 20); n > 0; n--) {
      uint32_t leaf = dag_node(d, 0, 0, NULL);
      root = dag_node(d, 1 + edb_rng_below(rng, 2), 2, (uint32_t[]){root, leaf});
    }
    for (uint32_t v = first; v <= root; v++) dag_node(d, 3, 1, &v);
  }
}

static void a_policy_says_the_same_of_a_core_as_of_the_whole(void **state) {
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  for (uint32_t round = 0; round < 20; round++) {
    trees(d, &rng, 30);
    assert_true(d->dag.n_nodes > 512);
    edb_schedule_info beam = policy_info(*state, EDB_POLICY_BEAM, &d->dag);
    edb_schedule_info best = policy_info(*state, EDB_POLICY_BEST, &d->dag);
    assert_int_equal(beam.bound, bound_of_dag(*state, &d->dag));
    assert_int_equal(beam.proven_bound, best.proven_bound);
    assert_int_equal(beam.n_nodes, d->dag.n_nodes);
    assert_true(beam.n_batches <= policy_batches(*state, EDB_POLICY_TIGHT, &d->dag));
    assert_true(best.n_batches <= beam.n_batches);
  }
  free(d);
}

static void types_that_make_a_cycle_are_left_to_the_rules(void **state) {
  test_dag d;
  dag_parse(&d, "0:A() 1:B(0) 2:A(1)");
  assert_null(by_levels(*state, &d.dag, false));
  assert_int_equal(policy_batches(*state, EDB_POLICY_BEST, &d.dag), 3);
  dag_parse(&d, "0:A() 1:B(0) 2:C(1) 3:A() 4:A(2)");
  assert_null(by_levels(*state, &d.dag, true));
}

/* A graph that goes on with nodes that were run: their types do not count. */
static void inputs_that_are_done_make_no_level(void **state) {
  uint32_t type[] = {0, 1, 0}, in_start[] = {0, 1, 2, 4}, in_node[] = {7, 6, 9, 10};
  edb_dag dag = {.n_nodes = 3,
                 .n_types = 2,
                 .origin = 10,
                 .type = type,
                 .in_start = in_start,
                 .in_node = in_node};
  edb_schedule *s = by_levels(*state, &dag, true);
  assert_non_null(s);
  assert_int_equal(edb_schedule_describe(s).n_batches, 3);
  edb_schedule_destroy(s);
}

/* `layers` chains, each node of a layer takes that of the layer below. */
static void stack(test_dag *d, uint32_t layers, uint32_t length) {
  dag_begin(d, layers);
  for (uint32_t i = 0; i < length; i++)
    for (uint32_t k = 0; k < layers; k++) {
      uint32_t v = i * layers + k, inputs[2], n = 0;
      if (i > 0) inputs[n++] = v - layers;
      if (k > 0) inputs[n++] = v - 1;
      dag_node(d, k, n, inputs);
    }
}

/* Longest run of batches of one type. */
static uint32_t longest_run(const edb_schedule *s) {
  uint32_t longest = 0, run = 0;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    run = b > 0 && s->batch_type[b] == s->batch_type[b - 1] ? run + 1 : 1;
    longest = run > longest ? run : longest;
  }
  return longest;
}

static void long_layers_take_turns(void **state) {
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  stack(d, 3, 10 * EDB_REGROUP_MOST);
  edb_schedule *s = by_levels(*state, &d->dag, true);
  assert_int_equal(longest_run(s), EDB_REGROUP_MOST);
  assert_int_equal(s->info.n_batches, 30 * EDB_REGROUP_MOST);
  edb_schedule_destroy(s);
  s = by_levels(*state, &d->dag, false);
  assert_int_equal(longest_run(s), 10 * EDB_REGROUP_MOST);
  edb_schedule_destroy(s);
  free(d);
}

static void of_two_chains_apart_each_runs_with_the_other(void **state) {
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  dag_begin(d, 2);
  for (uint32_t i = 0; i < 100; i++) dag_node(d, i % 2, i > 1, &(uint32_t){i - 2});
  edb_schedule *s = by_levels(*state, &d->dag, true);
  assert_int_equal(s->batch_type[0], s->batch_type[EDB_REGROUP_MOST - 1]);
  assert_int_not_equal(s->batch_type[0], s->batch_type[EDB_REGROUP_MOST]);
  edb_schedule_destroy(s);
  free(d);
}

static void policies_without_a_choice_say_who_they_are(void **state) {
  static const edb_policy_kind kinds[][2] = {{EDB_POLICY_TIGHT, EDB_POLICY_TIGHT},
                                             {EDB_POLICY_BEAM, EDB_POLICY_TIGHT},
                                             {EDB_POLICY_BEST, EDB_POLICY_TIGHT},
                                             {EDB_POLICY_EXACT, EDB_POLICY_EXACT},
                                             {EDB_POLICY_DEPTH, EDB_POLICY_DEPTH}};
  test_dag d;
  dag_parse(&d, "0:A() 1:B(0) 2:B(1) 3:C(0,2)");
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    edb_schedule_info info = policy_info(*state, kinds[k][0], &d.dag);
    assert_int_equal(info.policy, kinds[k][1]);
    assert_int_equal(info.n_batches, 4);
  }
}

static void more_types_than_sets_have_room_for_are_scheduled_as_well(void **state) {
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  stack(d, EDB_LEVELS_TYPES + 1, 3);
  d->dag.unbatchable = NULL;
  assert_int_equal(policy_batches(*state, EDB_POLICY_BEST, &d->dag), 3 * (EDB_LEVELS_TYPES + 1));
  free(d);
}

static void no_memory_is_an_error(void **state) {
  (void)state;
  test_dag *d = malloc(sizeof *d);
  assert_non_null(d);
  edb_rng rng;
  edb_rng_seed(&rng, 4);
  for (int core = 0; core < 2; core++) {
    if (core)
      trees(d, &rng, 3);
    else
      stack(d, 3, 2 * EDB_REGROUP_MOST);
    faulty f;
    FAULTY_FOR_EACH(&f, ctx) {
      edb_schedule *schedule = NULL;
      uint32_t batches, bound;
      edb_status status = with_core(ctx, &d->dag, true, &schedule, &batches, &bound);
      assert_true(faulty_status(&f, status));
      if (status != EDB_OK) assert_null(schedule);
      edb_schedule_destroy(schedule);
    }
  }
  free(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_schedule_is_at_the_bound),
      cmocka_unit_test(batches_on_cycles_take_their_place_among_levels),
      cmocka_unit_test(a_policy_says_the_same_of_a_core_as_of_the_whole),
      cmocka_unit_test(types_that_make_a_cycle_are_left_to_the_rules),
      cmocka_unit_test(inputs_that_are_done_make_no_level),
      cmocka_unit_test(long_layers_take_turns),
      cmocka_unit_test(of_two_chains_apart_each_runs_with_the_other),
      cmocka_unit_test(policies_without_a_choice_say_who_they_are),
      cmocka_unit_test(more_types_than_sets_have_room_for_are_scheduled_as_well),
      cmocka_unit_test(no_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
