/* tests/policy/test_parts.c: components as graphs of their own, automata of instances, words and
 * pruning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/bitset.h"
#include "policy/dags.h"
#include "policy/instances.h"
#include "policy/prune.h"
#include "policy/tables.h"
#include "policy/wide.h"

/* Everything is one component: the types of a dag on a cycle. */
typedef struct fixture {
  edb_context *ctx;
  edb_problem problem;
  edb_part part;
  edb_runner runner;
} fixture;

static fixture open_part(edb_context *ctx, const test_dag *d) {
  fixture f = {.ctx = ctx};
  assert_int_equal(edb_problem_init(ctx, &d->dag, &f.problem, NULL), EDB_OK);
  assert_int_equal(f.problem.n_components, 1);
  assert_int_equal(edb_part_init(ctx, &f.problem, 0, &f.part, NULL), EDB_OK);
  assert_int_equal(edb_runner_init(ctx, &f.part, &f.runner, NULL), EDB_OK);
  return f;
}

static void close_part(fixture *f) {
  edb_runner_free(f->ctx, &f->runner);
  edb_part_free(f->ctx, &f->part);
  edb_problem_free(&f->problem);
}

/* Two instances of the types A = 0 and B = 1: A B A and B A. */
static const char two[] = "0:A() 1:B(0) 2:B() 3:A(1) 4:A(2)";

static void instances_are_connected_components(void **state) {
  test_dag d;
  dag_parse(&d, two);
  fixture f = open_part(*state, &d);
  assert_int_equal(f.part.n_instances, 2);
  static const uint32_t expected[] = {0, 0, 1, 0, 1}, height[] = {3, 2, 2, 1, 1};
  assert_memory_equal(f.part.instance, expected, sizeof expected);
  assert_memory_equal(f.part.height, height, sizeof height);
  uint32_t count = 5, instances[5];
  assert_int_equal(edb_critical_instances(*state, &f.part, 0.1, &count, instances, NULL), EDB_OK);
  assert_int_equal(count, 2);
  assert_int_equal(instances[0], 0);
  close_part(&f);
}

/* All of a graph, chosen: what the reversed problem has as a part. */
static void chosen_nodes_turned_round_are_a_part_of_the_reverse(void **state) {
  static test_dag d;
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  for (int round = 0; round < 50; round++) {
    uint64_t chosen[2] = {0};
    edb_problem problem, reverse;
    edb_part whole, part;
    dag_random(&d, &rng, 70, 3);
    d.unbatchable[2] = round % 2 == 0;
    assert_int_equal(edb_problem_init(*state, &d.dag, &problem, NULL), EDB_OK);
    assert_int_equal(edb_problem_init_reverse(*state, &problem, &reverse, NULL), EDB_OK);
    uint32_t c = problem.component[0];
    for (uint32_t v = 0; v < problem.n_nodes; v++)
      if (problem.component[problem.type[v]] == c) edb_bitset_add(chosen, v);
    uint32_t mirrored = problem.n_components - 1 - c;
    assert_int_equal(edb_part_init(*state, &reverse, mirrored, &whole, NULL), EDB_OK);
    edb_chosen all = {.set = chosen, .last = problem.n_nodes - 1};
    assert_int_equal(edb_part_init_chosen(*state, &problem, c, &all, &part, NULL), EDB_OK);
    assert_int_equal(part.n_nodes, whole.n_nodes);
    assert_int_equal(part.n_batchable, whole.n_batchable);
    assert_int_equal(part.n_edges, whole.n_edges);
    assert_int_equal(part.n_instances, whole.n_instances);
    size_t bytes = part.n_nodes * sizeof(uint32_t);
    assert_memory_equal(part.column, whole.column, bytes);
    assert_memory_equal(part.own, whole.own, bytes);
    assert_memory_equal(part.height, whole.height, bytes);
    assert_memory_equal(part.in_start, whole.in_start, bytes);
    assert_memory_equal(part.in, whole.in, part.n_edges * sizeof(uint32_t));
    edb_part_free(*state, &part);
    edb_part_free(*state, &whole);
    edb_problem_free(&reverse);
    edb_problem_free(&problem);
  }
}

static void words_are_run_both_ways(void **state) {
  test_dag d;
  dag_parse(&d, two);
  fixture f = open_part(*state, &d);
  uint32_t letters[5] = {0, 1, 0};
  edb_word word = {letters, 3};
  edb_runner_run(&f.runner, &f.part, false, &word);
  assert_int_equal(f.runner.n_done, 5);
  edb_runner_run(&f.runner, &f.part, true, &word);
  assert_int_equal(f.runner.n_done, 5);
  assert_int_equal(word.length, 3);
  word.length = 2;
  edb_runner_run(&f.runner, &f.part, false, &word);
  assert_int_equal(f.runner.n_done, 3);
  assert_int_equal(edb_runner_unfinished(&f.runner, &f.part, (uint32_t[]){0}, 1), 1);
  edb_runner_finish(&f.runner, &f.part, &word);
  assert_int_equal(word.length, 3);
  close_part(&f);
}

static void pruning_drops_letters_that_nothing_waits_for(void **state) {
  test_dag d;
  dag_parse(&d, two);
  fixture f = open_part(*state, &d);
  uint32_t letters[5] = {1, 0, 1, 0}; /* B{2} may wait for B{1} */
  edb_word word = {letters, 4};
  edb_prune(&f.part, &f.runner, &word);
  assert_int_equal(word.length, 3);
  assert_memory_equal(letters, ((uint32_t[]){0, 1, 0}), 3 * sizeof *letters);
  close_part(&f);
}

/* The row of a state, from the set of its done nodes alone. */
static void expect_row(const edb_automaton *a, uint32_t state) {
  const uint64_t *done = a->sets.data + (size_t)state * a->words * 2, *ready = done + a->words;
  uint32_t height = 0;
  for (uint32_t c = 0; c < a->n_types; c++) {
    uint32_t own = 0, n_ready = 0;
    for (uint32_t b = a->column_start[c]; b < a->column_start[c + 1]; b++) {
      if (edb_bitset_has(done, b)) continue;
      if (a->own[b] > own && !a->unbatchable[c]) own = a->own[b];
      if (a->height[b] > height) height = a->height[b];
      n_ready += edb_bitset_has(ready, b);
    }
    assert_int_equal(edb_automaton_own(a, state, c), own);
    assert_int_equal(edb_automaton_row(a, state)[1 + c] == state, n_ready == 0);
  }
  assert_int_equal(edb_automaton_height(a, state), height);
}

/* The automaton of an instance, led by random words, agrees with running them. */
static void automata_agree_with_runs(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 21);
  for (int i = 0; i < 200; i++) {
    static test_dag d;
    dag_begin(&d, 3);
    for (uint32_t v = 0; v < 160; v++) { /* columns of more than one word of a set */
      uint32_t inputs[2] = {v - 1, v < 2 ? 0 : v - 1 - edb_rng_below(&rng, v)};
      dag_node(&d, v < 6 ? v % 3 : edb_rng_below(&rng, 3), v == 0 ? 0 : v < 2 ? 1 : 2, inputs);
    }
    d.unbatchable[2] = i % 2;
    fixture f = open_part(*state, &d);
    edb_automaton a;
    uint64_t work = 0;
    assert_int_equal(edb_automaton_init(*state, &f.part, 0, 1 << 20, &work, &a, NULL), EDB_OK);
    uint32_t letters[200], at = 0;
    edb_word word = {letters, 0};
    expect_row(&a, at);
    while (edb_automaton_height(&a, at) > 0) {
      uint32_t c = edb_rng_below(&rng, 3), next = edb_automaton_step(&a, at, c);
      assert_int_not_equal(next, EDB_STATE_NONE);
      assert_int_equal(edb_automaton_step(&a, at, c), next);
      if (next == at) continue;
      letters[word.length++] = c;
      at = next;
      expect_row(&a, at);
      edb_runner_run(&f.runner, &f.part, false, &word);
      assert_int_equal(edb_bitset_count(a.sets.data + (size_t)at * a.words * 2, a.words),
                       f.runner.n_done);
    }
    assert_int_equal(f.runner.n_done, 160);
    assert_true(work > 0);
    edb_automaton_free(&a);
    close_part(&f);
  }
}

/* So that looking for a state takes about one comparison. */
static void tables_of_states_double_when_half_full(void **state) {
  static test_dag d;
  dag_begin(&d, 4);
  for (uint32_t k = 0; k < 48; k++) { /* four chains, which the last node joins */
    uint32_t before = k - 4;
    dag_node(&d, (k + k / 4) % 4, k >= 4, &before);
  }
  dag_node(&d, 0, 4, (uint32_t[]){44, 45, 46, 47});
  fixture f = open_part(*state, &d);
  edb_automaton a;
  uint64_t work = 0;
  assert_int_equal(edb_automaton_init(*state, &f.part, 0, 1 << 20, &work, &a, NULL), EDB_OK);
  uint32_t slots = a.slot_count, doubled = 0;
  for (uint32_t s = 0; s < a.n_states && a.n_states < 1000; s++) {
    for (uint32_t c = 0; c < 4; c++) {
      assert_int_not_equal(edb_automaton_step(&a, s, c), EDB_STATE_NONE);
      if (a.slot_count == slots) continue;
      assert_int_equal(a.slot_count, slots * 2);
      assert_int_equal(a.n_states, slots / 2 + 1);
      slots = a.slot_count;
      doubled++;
    }
  }
  assert_true(doubled >= 3);
  edb_automaton_free(&a);
  close_part(&f);
}

static void automata_stop_at_their_memory(void **state) {
  test_dag d;
  dag_parse(&d, "0:A() 1:B(0) 2:A(1) 3:B(2) 4:A(3) 5:B(4)");
  fixture f = open_part(*state, &d);
  edb_automaton a;
  uint64_t work = 0;
  assert_int_equal(edb_automaton_init(*state, &f.part, 0, 1, &work, &a, NULL), EDB_OK);
  uint32_t second = edb_automaton_step(&a, 0, 0);
  assert_int_not_equal(second, EDB_STATE_NONE);
  assert_int_equal(edb_automaton_step(&a, second, 1), EDB_STATE_NONE);
  assert_false(a.failed);
  edb_automaton_free(&a);
  close_part(&f);
}

static void automata_stop_at_their_deadline(void **state) {
  test_dag d;
  dag_parse(&d, two);
  fixture f = open_part(*state, &d);
  edb_machine machine;
  bool made = true;
  assert_int_equal(edb_machine_init(*state, &f.part, 0, 0, &machine, &made, NULL), EDB_OK);
  assert_false(made);
  close_part(&f);
}

static void costs_to_go_are_those_of_the_shortest_words(void **state) {
  test_dag d;
  dag_parse(&d, "0:A() 1:B(0) 2:B() 3:A(2) 4:A() 5:A(4) 6:B(5)");
  fixture f = open_part(*state, &d);
  edb_machine machines[3];
  edb_cost_table pair, triple, none;
  bool made = false;
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(edb_machine_init(*state, &f.part, i, UINT64_MAX, &machines[i], &made, NULL),
                     EDB_OK);
    assert_true(made);
  }
  assert_int_equal(edb_cost_table_init(*state, machines, (uint32_t[]){0, 1}, 2, 1000, UINT64_MAX,
                                       &pair, &made, NULL),
                   EDB_OK);
  assert_true(made);
  assert_int_equal(edb_cost_table_init(*state, machines, (uint32_t[]){0, 1, 2}, 3, 1000, UINT64_MAX,
                                       &triple, &made, NULL),
                   EDB_OK);
  assert_true(made);
  uint16_t start[3];
  for (uint32_t i = 0; i < 3; i++) start[i] = (uint16_t)(machines[i].n_states - 1);
  assert_int_equal(edb_cost_to_go(&pair, start), 3);   /* A B and B A: no word of two does both */
  assert_int_equal(edb_cost_to_go(&triple, start), 4); /* and A A B */
  assert_int_equal(edb_cost_to_go(&triple, (uint16_t[]){0, 0, 0}), 0);
  assert_int_equal(edb_cost_table_init(*state, machines, (uint32_t[]){0, 1, 2}, 3, 3, UINT64_MAX,
                                       &none, &made, NULL),
                   EDB_OK);
  assert_false(made);
  for (uint32_t n = 2; n <= 3; n++) {
    assert_int_equal(edb_cost_table_init(*state, machines, (uint32_t[]){0, 1, 2}, n, 1000, 0, &none,
                                         &made, NULL),
                     EDB_OK);
    assert_false(made); /* no time */
  }
  edb_cost_table_free(*state, &pair);
  edb_cost_table_free(*state, &triple);
  for (uint32_t i = 0; i < 3; i++) edb_machine_free(*state, &machines[i]);
  close_part(&f);
}

static void powers_are_those_of_the_exponential(void **state) {
  (void)state;
  static const double rates[] = {0.01, 0.35, 1};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
    double table[33];
    table[32] = -1;
    edb_fill_powers(rates[r], 32, table);
    for (int d = 0; d < 32; d++) {
      double exact = exp(-rates[r] * d);
      assert_true(fabs(table[d] - exact) <= 1e-12 * exact);
    }
    assert_true(table[32] == -1);
  }
}

/* What is more than 320 levels below the longest path weighs nothing: so many powers there are. */
static void beams_know_paths_longer_than_their_powers(void **state) {
  static test_dag d;
  dag_begin(&d, 2);
  for (uint32_t length = 2; length <= 700; length += length < 60 ? 2 : 640) {
    for (uint32_t k = 0; k < length; k++) { /* A B A B ... of its own */
      uint32_t before = d.dag.n_nodes - 1;
      dag_node(&d, k % 2, k > 0, &before);
    }
  }
  fixture f = open_part(*state, &d);
  uint32_t letters[DAG_MAX_NODES];
  edb_word word = {letters, 0};
  const edb_wide_params params = {
      .width = 4, .limit = UINT32_MAX, .max_work = UINT64_MAX / 4, .soft = 0.1, .bound_weight = 1};
  uint64_t work = 0;
  assert_int_equal(edb_wide_search(*state, &f.part, &params, &word, &work, NULL), EDB_OK);
  assert_int_equal(word.length, 700);
  edb_runner_run(&f.runner, &f.part, false, &word);
  assert_int_equal(f.runner.n_done, f.part.n_nodes);
  close_part(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(instances_are_connected_components),
      cmocka_unit_test(chosen_nodes_turned_round_are_a_part_of_the_reverse),
      cmocka_unit_test(words_are_run_both_ways),
      cmocka_unit_test(pruning_drops_letters_that_nothing_waits_for),
      cmocka_unit_test(automata_agree_with_runs),
      cmocka_unit_test(tables_of_states_double_when_half_full),
      cmocka_unit_test(automata_stop_at_their_memory),
      cmocka_unit_test(automata_stop_at_their_deadline),
      cmocka_unit_test(costs_to_go_are_those_of_the_shortest_words),
      cmocka_unit_test(powers_are_those_of_the_exponential),
      cmocka_unit_test(beams_know_paths_longer_than_their_powers),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
