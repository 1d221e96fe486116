/* tests/layout/test_arrange.c: arrangements against brute force over all orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "layout/arrange.h"
#include "layout/orders.h"
#include "support/faulty.h"

#define MAX_BATCHES 4
#define MAX_TUPLES  3
#define MAX_SIZE    7
#define OUT         EDB_ARRANGE_OUTSIDE

static edb_context *new_context(void) {
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  return ctx;
}

static edb_arrangement *arrange(edb_context *ctx, const edb_arrange_problem *problem) {
  edb_arrangement *r = NULL;
  edb_error error = {0};
  if (edb_arrange(ctx, problem, &r, &error) != EDB_OK) fail_msg("%s", error.text);
  return r;
}

static edb_arrangement *judge(edb_context *ctx, const edb_arrange_problem *problem,
                              const uint32_t *order) {
  edb_arrangement *r = NULL;
  edb_error error = {0};
  if (edb_arrange_judge(ctx, problem, order, &r, &error) != EDB_OK) fail_msg("%s", error.text);
  return r;
}

static const size_t equal_bytes[64] = {
    [0] = 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4,       4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4};

#define BATCH(k, n, ...)                                           \
  {                                                                \
    .size = (k), .n_tuples = (n), .elements = (const uint32_t[]) { \
      __VA_ARGS__                                                  \
    }                                                              \
  }
#define PROBLEM(n, list)                                         \
  {                                                              \
    .n_variables = (n), .bytes = equal_bytes, .batches = (list), \
    .n_batches = sizeof(list) / sizeof *(list)                   \
  }

/* ---- Brute force ----------------------------------------------------------------------------- */

static bool has_repeats(const uint32_t *t, uint32_t k) {
  for (uint32_t i = 0; i < k; i++)
    for (uint32_t j = 0; j < i; j++)
      if (t[i] == t[j]) return true;
  return false;
}

static bool is_constant(const uint32_t *t, uint32_t k) {
  for (uint32_t i = 1; i < k; i++)
    if (t[i] != t[0]) return false;
  return true;
}

static bool has_outside(const uint32_t *t, uint32_t k) {
  for (uint32_t i = 0; i < k; i++)
    if (t[i] == OUT) return true;
  return false;
}

static size_t tuple_bytes(const edb_arrange_problem *p, const uint32_t *t, uint32_t k) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < k; i++) bytes += t[i] == OUT ? 0 : p->bytes[t[i]];
  return bytes;
}

/* Bytes that batch b must copy in an order, when its operators run in that of `tuple`; results that
 * do not stand right are not allowed. */
static size_t batch_cost(const edb_arrange_problem *p, const edb_arrange_batch *b,
                         const uint32_t *place, uint32_t tuple) {
  size_t cost = 0;
  uint32_t k = b->size;
  const uint32_t *lead = b->elements + (size_t)tuple * k;
  for (uint32_t t = 0; t < b->n_tuples; t++) {
    const uint32_t *e = b->elements + (size_t)t * k;
    if (k < 2 || (is_constant(e, k) && !b->in_order)) continue;
    bool stands = !has_repeats(e, k) && !has_outside(e, k) && is_together(place, e, k);
    for (uint32_t i = 0; i < k && stands; i++)
      for (uint32_t j = 0; j < i; j++)
        if ((place[e[i]] < place[e[j]]) != (b->in_order ? i < j : place[lead[i]] < place[lead[j]]))
          stands = false;
    if (stands) continue;
    cost += tuple_bytes(p, e, k);
  }
  return cost;
}

/* Least bytes over all orders with all results in place (they are disjoint, so that is possible).
 */
static size_t brute_force(const edb_arrange_problem *p) {
  uint32_t order[8], place[8];
  size_t best = SIZE_MAX;
  first_order(order, p->n_variables);
  do {
    size_t cost = 0;
    bool allowed = true;
    places_of(order, p->n_variables, place);
    for (uint32_t b = 0; b < p->n_batches && allowed; b++) {
      const edb_arrange_batch *batch = &p->batches[b];
      allowed = batch->in_order || is_together(place, batch->elements, batch->size);
      if (allowed) cost += batch_cost(p, batch, place, 0);
    }
    if (allowed && cost < best) best = cost;
  } while (next_order(order, p->n_variables));
  return best;
}

/* The order of operators and the fates agree with the memory order. */
static void check_arrangement(const edb_arrange_problem *p, const edb_arrangement *r) {
  uint32_t place[64], order[64], n_copied = 0, tuple = 0;
  size_t copied = 0;
  const uint32_t *operators = r->operators;
  assert_int_equal(r->n_variables, p->n_variables);
  memset(place, 0xff, sizeof place);
  places_of(r->order, p->n_variables, place);
  for (uint32_t i = 0; i < p->n_variables; i++) assert_true(place[i] < p->n_variables);
  for (uint32_t b = 0; b < p->n_batches; b++) {
    const edb_arrange_batch *batch = &p->batches[b];
    memset(order, 0xff, sizeof order);
    for (uint32_t k = 0; k < batch->size; k++) order[operators[k]] = k;
    for (uint32_t k = 0; k < batch->size; k++) assert_true(order[k] < batch->size);
    for (uint32_t t = 0; t < batch->n_tuples; t++, tuple++) {
      const uint32_t *e = batch->elements + (size_t)t * batch->size;
      if (r->fate[tuple] == EDB_TUPLE_COPIED) {
        n_copied++;
        copied += tuple_bytes(p, e, batch->size);
      }
      for (uint32_t k = 1; k < batch->size && r->fate[tuple] == EDB_TUPLE_PLACED; k++)
        assert_int_equal(place[e[operators[k]]], place[e[operators[k - 1]]] + 1);
      for (uint32_t k = 1; k < batch->size && r->fate[tuple] == EDB_TUPLE_FREE; k++)
        assert_int_equal(e[k], e[0]);
    }
    operators += batch->size;
  }
  assert_int_equal(n_copied, r->n_copied);
  assert_int_equal(copied, r->copied_bytes);
}

static void print_problem(const edb_arrange_problem *p) {
  for (uint32_t b = 0; b < p->n_batches; b++) {
    print_message("{");
    for (uint32_t t = 0; t < p->batches[b].n_tuples; t++) {
      print_message("(");
      for (uint32_t k = 0; k < p->batches[b].size; k++)
        print_message("%d,", (int)p->batches[b].elements[t * p->batches[b].size + k]);
      print_message(")");
    }
    print_message("}%s ", p->batches[b].in_order ? "!" : "");
  }
  print_message("\n");
}

static void check_against_brute_force(edb_context *ctx, const edb_arrange_problem *p) {
  edb_arrangement *r = arrange(ctx, p);
  check_arrangement(p, r);
  assert_true(r->exact);
  size_t best = brute_force(p);
  if (r->copied_bytes != best) {
    print_problem(p);
    fail_msg("%zu bytes are copied, %zu are enough", r->copied_bytes, best);
  }
  edb_arrangement_destroy(r);
}

/* ---- Random problems ------------------------------------------------------------------------- */

typedef struct random_problem {
  edb_arrange_problem problem;
  edb_arrange_batch batches[MAX_BATCHES];
  uint32_t elements[MAX_BATCHES][MAX_TUPLES * MAX_SIZE];
  size_t bytes[8];
} random_problem;

static void shuffle(edb_rng *rng, uint32_t *a, uint32_t n) {
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = edb_rng_below(rng, i), swap = a[i - 1];
    a[i - 1] = a[j];
    a[j] = swap;
  }
}

/* An operand: distinct variables mostly, else one value, any values, or some outside. */
static void random_operand(edb_rng *rng, uint32_t *e, uint32_t k, uint32_t n) {
  uint32_t all[8], kind = edb_rng_below(rng, 16);
  first_order(all, n);
  shuffle(rng, all, n);
  for (uint32_t i = 0; i < k; i++) {
    e[i] = all[i];
    if (kind == 0) e[i] = all[0];
    if (kind == 1) e[i] = edb_rng_below(rng, n);
    if (kind == 2) e[i] = OUT;
    if (kind == 3 && edb_rng_below(rng, 2)) e[i] = OUT;
  }
}

/* Batches with disjoint results and operands of all kinds. */
static void make_random(edb_rng *rng, random_problem *r, uint32_t n) {
  uint32_t results[8], used = 0, b = 0, n_batches = 1 + edb_rng_below(rng, MAX_BATCHES);
  first_order(results, n);
  shuffle(rng, results, n);
  for (; b < n_batches; b++) {
    edb_arrange_batch *batch = &r->batches[b];
    bool in_order = edb_rng_below(rng, 6) == 0;
    uint32_t room = in_order ? n : n - used;
    if (room == 0) break;
    uint32_t k = 1 + edb_rng_below(rng, room < 4 ? room : 4);
    uint32_t *e = r->elements[b];
    *batch = (edb_arrange_batch){.size = k,
                                 .n_tuples = in_order ? 1 : 1 + edb_rng_below(rng, MAX_TUPLES),
                                 .elements = e,
                                 .in_order = in_order};
    if (in_order)
      random_operand(rng, e, k, n);
    else
      memcpy(e, results + used, k * sizeof *e);
    if (!in_order) used += k;
    for (uint32_t t = 1; t < batch->n_tuples; t++) random_operand(rng, e + (size_t)t * k, k, n);
  }
  for (uint32_t i = 0; i < n; i++) r->bytes[i] = 1 + edb_rng_below(rng, 9);
  r->problem = (edb_arrange_problem){
      .n_variables = n, .bytes = r->bytes, .n_batches = b, .batches = r->batches};
}

static void random_problems_copy_as_little_as_any_order(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  random_problem r;
  for (uint32_t trial = 0; trial < 6000; trial++) {
    make_random(&rng, &r, 2 + edb_rng_below(&rng, 5));
    check_against_brute_force(ctx, &r.problem);
  }
  for (uint32_t trial = 0; trial < 600; trial++) {
    make_random(&rng, &r, 7);
    check_against_brute_force(ctx, &r.problem);
  }
  edb_context_destroy(ctx);
}

/* Problems that a hidden order solves: nothing may be copied. */
static void what_some_order_solves_is_solved(void **state) {
  (void)state;
  enum { N = 40 };
  edb_context *ctx = new_context();
  edb_rng rng;
  edb_rng_seed(&rng, 2);
  for (uint32_t trial = 0; trial < 300; trial++) {
    uint32_t hidden[N], used = 0, n_batches = 0;
    static uint32_t elements[N][3 * 8];
    edb_arrange_batch batches[N];
    first_order(hidden, N);
    shuffle(&rng, hidden, N);
    while (used + 2 <= N) {
      uint32_t k = 1 + edb_rng_below(&rng, N - used < 8 ? N - used : 8), way[8];
      uint32_t *e = elements[n_batches];
      first_order(way, k);
      shuffle(&rng, way, k);
      for (uint32_t t = 0; t < 3; t++) {
        uint32_t begin = t == 0 ? used : edb_rng_below(&rng, N - k + 1);
        for (uint32_t i = 0; i < k; i++) e[t * k + way[i]] = hidden[begin + i];
      }
      batches[n_batches++] = (edb_arrange_batch){.size = k, .n_tuples = 3, .elements = e};
      used += k;
    }
    edb_arrange_problem p = {
        .n_variables = N, .bytes = equal_bytes, .n_batches = n_batches, .batches = batches};
    edb_arrangement *r = arrange(ctx, &p);
    check_arrangement(&p, r);
    assert_int_equal(r->n_copied, 0);
    edb_arrangement_destroy(r);
  }
  edb_context_destroy(ctx);
}

/* ---- Known problems -------------------------------------------------------------------------- */

static void eight_values_get_one_of_their_four_orders(void **state) {
  (void)state;
  /* Variables 1 .. 8 of the paper are 0 .. 7 here. */
  static const uint32_t good[4][8] = {{1, 0, 2, 3, 4, 7, 5, 6},
                                      {4, 3, 2, 0, 1, 6, 5, 7},
                                      {6, 5, 7, 4, 3, 2, 0, 1},
                                      {7, 5, 6, 1, 0, 2, 3, 4}};
  const edb_arrange_batch batches[] = {BATCH(2, 2, 3, 4, 0, 2),
                                       BATCH(3, 3, 5, 6, 7, 0, 2, 1, 3, 4, 2)};
  const edb_arrange_problem p = PROBLEM(8, batches);
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p), *created = judge(ctx, &p, NULL);
  check_arrangement(&p, r);
  assert_int_equal(r->n_copied, 0);
  bool found = false;
  for (uint32_t i = 0; i < 4; i++) {
    found |= memcmp(r->order, good[i], sizeof good[i]) == 0;
    edb_arrangement *one = judge(ctx, &p, good[i]);
    assert_int_equal(one->n_copied, 0);
    edb_arrangement_destroy(one);
  }
  assert_true(found);
  assert_int_equal(created->n_copied, 3);
  edb_arrangement_destroy(r);
  edb_arrangement_destroy(created);
  edb_context_destroy(ctx);
}

static void what_cannot_be_met_loses_one_operand(void **state) {
  (void)state;
  const edb_arrange_batch first[] = {BATCH(2, 3, 1, 2, 3, 5, 4, 6), BATCH(2, 3, 3, 4, 7, 9, 8, 10)};
  const edb_arrange_batch second[] = {BATCH(3, 3, 3, 4, 6, 7, 9, 11, 2, 8, 10),
                                      BATCH(2, 3, 1, 2, 3, 5, 4, 6)};
  const edb_arrange_batch third[] = {BATCH(3, 2, 0, 1, 2, 3, 5, 6), BATCH(3, 2, 0, 1, 2, 3, 6, 7)};
  const edb_arrange_problem problems[] = {PROBLEM(11, first), PROBLEM(12, second),
                                          PROBLEM(8, third)};
  edb_context *ctx = new_context();
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
    edb_arrangement *r = arrange(ctx, &problems[i]);
    check_arrangement(&problems[i], r);
    assert_int_equal(r->n_copied, 1);
    assert_true(r->exact);
    edb_arrangement_destroy(r);
  }
  edb_context_destroy(ctx);
}

/* (0 1) and (1 2) leave no neighbour of 1 to (1 3); (4 5) has no part in it. */
static void rivals_of_a_lost_tuple_are_those_that_it_conflicts_with(void **state) {
  (void)state;
  const edb_arrange_batch batches[] = {BATCH(2, 1, 4, 5), BATCH(2, 1, 0, 1), BATCH(2, 1, 1, 2),
                                       BATCH(2, 1, 1, 3)};
  const size_t bytes[] = {8, 8, 8, 4, 4, 4};
  edb_arrange_problem p = PROBLEM(6, batches);
  p.bytes = bytes;
  uint8_t rivals[4];
  edb_error error = {0};
  edb_context *ctx = new_context();
  assert_int_equal(edb_arrange_rivals(ctx, &p, 3, rivals, &error), EDB_OK);
  const uint8_t expected[] = {0, 1, 1, 0}, none[4] = {0};
  assert_memory_equal(rivals, expected, 4);
  assert_int_equal(edb_arrange_rivals(ctx, &p, 1, rivals, &error), EDB_OK);
  assert_memory_equal(rivals, none, 4); /* it is met */
  edb_context_destroy(ctx);
}

static void the_operand_of_fewer_bytes_is_given_up(void **state) {
  (void)state;
  const edb_arrange_batch batches[] = {BATCH(3, 2, 0, 1, 2, 3, 5, 6),
                                       BATCH(3, 2, 0, 1, 2, 3, 6, 7)};
  size_t bytes[] = {1, 1, 1, 1, 1, 5, 1, 1};
  edb_arrange_problem p = PROBLEM(8, batches);
  p.bytes = bytes;
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p);
  assert_int_equal(r->fate[1], EDB_TUPLE_PLACED);
  assert_int_equal(r->fate[3], EDB_TUPLE_COPIED);
  assert_int_equal(r->copied_bytes, 3);
  edb_arrangement_destroy(r);
  bytes[7] = 6;
  r = arrange(ctx, &p);
  assert_int_equal(r->fate[1], EDB_TUPLE_COPIED);
  assert_int_equal(r->fate[3], EDB_TUPLE_PLACED);
  assert_int_equal(r->copied_bytes, 7);
  edb_arrangement_destroy(r);
  edb_context_destroy(ctx);
}

/* Two operands of 3 bytes against one of 5: first come or largest first would be wrong. */
static void fewest_bytes_in_all_are_given_up(void **state) {
  (void)state;
  /* 0 has three neighbours that want to be next to it; one must go. 4 .. 9 are results. */
  const edb_arrange_batch batches[] = {BATCH(2, 2, 4, 5, 0, 1), BATCH(2, 2, 6, 7, 0, 2),
                                       BATCH(2, 2, 8, 9, 0, 3)};
  size_t bytes[] = {1, 5, 2, 3, 1, 1, 1, 1, 1, 1};
  edb_arrange_problem p = PROBLEM(10, batches);
  p.bytes = bytes;
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p);
  check_arrangement(&p, r);
  assert_int_equal(r->n_copied, 1);
  assert_int_equal(r->fate[3], EDB_TUPLE_COPIED);
  edb_arrangement_destroy(r);
  edb_context_destroy(ctx);
}

static void operands_of_every_form_are_placed_or_need_no_place(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  const struct {
    const char *what;
    edb_arrange_batch batches[3];
    uint32_t n_batches, copied;
  } cases[] = {
      {"a value with itself", {BATCH(3, 3, 3, 4, 5, 0, 2, 1, 0, 2, 1)}, 1, 0},
      {"one value for all", {BATCH(3, 3, 3, 4, 5, 1, 1, 1, 0, 2, 1)}, 1, 0},
      {"operands that overlap", {BATCH(2, 3, 3, 4, 0, 1, 1, 2)}, 1, 0},
      {"operands that overlap the other way", {BATCH(2, 3, 3, 4, 1, 0, 1, 2)}, 1, 1},
      {"turned operands of one batch", {BATCH(2, 3, 3, 4, 0, 1, 1, 0)}, 1, 1},
      {"one operator", {BATCH(1, 3, 3, 0, 2)}, 1, 0},
      {"the same batch twice",
       {BATCH(2, 2, 3, 4, 0, 2), BATCH(2, 2, 3, 4, 0, 2), BATCH(2, 2, 5, 6, 2, 1)},
       3,
       0},
      {"inputs only", {BATCH(2, 3, 3, 4, OUT, OUT, 0, 2)}, 1, 0},
      {"inputs among values", {BATCH(2, 3, 3, 4, 0, OUT, 0, 2)}, 1, 1},
      {"a value twice among others", {BATCH(3, 2, 3, 4, 5, 0, 0, 1)}, 1, 1},
      {"nothing at all", {BATCH(0, 0, 0)}, 0, 0},
      {"a batch without operators", {BATCH(0, 2, 0)}, 1, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    edb_arrange_problem p = {.n_variables = 7,
                             .bytes = equal_bytes,
                             .n_batches = cases[i].n_batches,
                             .batches = cases[i].batches};
    edb_arrangement *r = arrange(ctx, &p);
    check_arrangement(&p, r);
    if (r->n_copied != cases[i].copied)
      fail_msg("%s: %u copies, not %u", cases[i].what, r->n_copied, cases[i].copied);
    edb_arrangement_destroy(r);
  }
  edb_arrange_problem empty = {0};
  edb_arrangement *r = arrange(ctx, &empty);
  assert_int_equal(r->n_variables + r->n_tuples + r->n_copied, 0);
  edb_arrangement_destroy(r);
  edb_arrangement_destroy(NULL);
  edb_context_destroy(ctx);
}

/* Two batches that give the same value want different neighbours for it: one result is scattered.
 */
static void results_give_way_only_to_results(void **state) {
  (void)state;
  const edb_arrange_batch batches[] = {BATCH(2, 2, 0, 1, 4, 5), BATCH(2, 2, 1, 2, 5, 6),
                                       BATCH(2, 2, 1, 3, 5, 7)};
  size_t bytes[] = {3, 1, 2, 4, 9, 9, 9, 9};
  edb_arrange_problem p = PROBLEM(8, batches);
  p.bytes = bytes;
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p);
  check_arrangement(&p, r);
  assert_int_equal(r->fate[2], EDB_TUPLE_COPIED);
  assert_int_equal(r->n_copied, 2);
  edb_arrangement_destroy(r);
  edb_context_destroy(ctx);
}

/* Every pair of neighbours of a star wants to be next to the middle: only two can. The search has
 * to give up many tuples, and does so within its budget. */
static void large_conflicts_are_resolved_within_the_budget(void **state) {
  (void)state;
  enum { LEAVES = 60, N = 1 + LEAVES };
  static edb_arrange_batch batches[LEAVES];
  static uint32_t elements[LEAVES][4];
  static size_t bytes[N + 2 * LEAVES];
  for (uint32_t i = 0; i < LEAVES; i++) {
    uint32_t *e = elements[i];
    e[0] = N + 2 * i;
    e[1] = e[0] + 1;
    e[2] = 0;
    e[3] = 1 + i;
    batches[i] = (edb_arrange_batch){.size = 2, .n_tuples = 2, .elements = e};
    bytes[1 + i] = i;
  }
  const edb_arrange_problem p = {
      .n_variables = N + 2 * LEAVES, .bytes = bytes, .n_batches = LEAVES, .batches = batches};
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p);
  assert_int_equal(r->n_copied, LEAVES - 2);
  assert_int_equal(r->fate[2 * LEAVES - 1], EDB_TUPLE_PLACED);
  assert_int_equal(r->fate[2 * LEAVES - 3], EDB_TUPLE_PLACED);
  edb_arrangement_destroy(r);
  edb_context_destroy(ctx);
}

static void a_sequence_stands_as_it_is_written(void **state) {
  (void)state;
  edb_arrange_batch batches[] = {BATCH(4, 1, 5, 0, 3, 2), BATCH(2, 1, 4, 1),
                                 BATCH(2, 2, 0, 3, 1, 4)};
  batches[0].in_order = batches[1].in_order = true;
  const edb_arrange_problem p = PROBLEM(6, batches);
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p);
  uint32_t place[6];
  places_of(r->order, 6, place);
  for (uint32_t k = 1; k < 4; k++)
    assert_int_equal(place[batches[0].elements[k]], place[batches[0].elements[k - 1]] + 1);
  assert_int_equal(r->n_copied, 1); /* one of (4, 1) in order and (1, 4) with (0, 3) */
  edb_arrangement_destroy(r);
  edb_context_destroy(ctx);
}

static void bad_problems_are_refused(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_arrange_batch two[] = {BATCH(2, 2, 0, 1, 2, 3)};
  two[0].in_order = true;
  const edb_arrange_batch unknown[] = {BATCH(2, 2, 0, 1, 2, 7)};
  const edb_arrange_batch twice[] = {BATCH(2, 2, 0, 0, 2, 3)};
  const edb_arrange_batch huge[] = {BATCH(2, 2, 0, 1, 2, 3)};
  const edb_arrange_batch many[] = {{.size = UINT32_MAX, .n_tuples = 2},
                                    {.size = UINT32_MAX, .n_tuples = 2}};
  static const size_t big[] = {SIZE_MAX, SIZE_MAX, 1, 1};
  const struct {
    edb_arrange_problem problem;
    edb_status status;
    const char *text;
  } cases[] = {
      {PROBLEM(4, unknown), EDB_ERROR_ARGUMENT, "batch 0 has variable 7, but there are 4"},
      {PROBLEM(4, twice), EDB_ERROR_ARGUMENT, "batch 0 gives the same result twice"},
      {PROBLEM(4, two), EDB_ERROR_ARGUMENT,
       "batch 0 has an order of its own and 2 tuples, not one"},
      {{.n_variables = 4, .bytes = big, .n_batches = 1, .batches = huge},
       EDB_ERROR_LIMIT,
       "batch 0 has more bytes than can be counted"},
      {PROBLEM(4, many), EDB_ERROR_LIMIT, "the batches have more operators than can be counted"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    edb_arrangement *r = NULL;
    edb_error error = {0};
    assert_int_equal(edb_arrange(ctx, &cases[i].problem, &r, &error), cases[i].status);
    assert_null(r);
    assert_string_equal(error.text, cases[i].text);
  }
  const edb_arrange_problem fine = PROBLEM(4, huge);
  edb_arrangement *r = NULL;
  assert_int_equal(edb_arrange_judge(ctx, &fine, (uint32_t[]){0, 1, 1, 3}, &r, NULL),
                   EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_arrange_judge(ctx, &fine, (uint32_t[]){0, 1, 2, 4}, &r, NULL),
                   EDB_ERROR_ARGUMENT);
  assert_null(r);
  edb_context_destroy(ctx);
}

/* More variables than the search takes: the order of creation, with its copies counted. */
static void very_large_problems_keep_the_order_of_creation(void **state) {
  (void)state;
  enum { N = EDB_ARRANGE_MAX_VARIABLES + 1 };
  size_t *bytes = calloc(N, sizeof *bytes);
  assert_non_null(bytes);
  const edb_arrange_batch batches[] = {BATCH(2, 3, 10, 11, 0, 1, 2, 4)};
  edb_arrange_problem p = {.n_variables = N, .bytes = bytes, .n_batches = 1, .batches = batches};
  edb_context *ctx = new_context();
  edb_arrangement *r = arrange(ctx, &p);
  for (uint32_t i = 0; i < N; i++) assert_int_equal(r->order[i], i);
  assert_false(r->exact);
  assert_int_equal(r->n_copied, 1);
  assert_int_equal(r->fate[2], EDB_TUPLE_COPIED);
  edb_arrangement_destroy(r);
  edb_context_destroy(ctx);
  free(bytes);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  const edb_arrange_batch batches[] = {BATCH(2, 3, 1, 2, 3, 5, 4, 6),
                                       BATCH(2, 3, 3, 4, 7, 9, 8, 10)};
  const edb_arrange_problem p = PROBLEM(11, batches);
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_arrangement *r = NULL;
    edb_error error = {0};
    edb_status status = edb_arrange(ctx, &p, &r, &error);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) assert_null(r);
    edb_arrangement_destroy(r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(eight_values_get_one_of_their_four_orders),
      cmocka_unit_test(what_cannot_be_met_loses_one_operand),
      cmocka_unit_test(rivals_of_a_lost_tuple_are_those_that_it_conflicts_with),
      cmocka_unit_test(the_operand_of_fewer_bytes_is_given_up),
      cmocka_unit_test(fewest_bytes_in_all_are_given_up),
      cmocka_unit_test(operands_of_every_form_are_placed_or_need_no_place),
      cmocka_unit_test(results_give_way_only_to_results),
      cmocka_unit_test(large_conflicts_are_resolved_within_the_budget),
      cmocka_unit_test(a_sequence_stands_as_it_is_written),
      cmocka_unit_test(random_problems_copy_as_little_as_any_order),
      cmocka_unit_test(what_some_order_solves_is_solved),
      cmocka_unit_test(bad_problems_are_refused),
      cmocka_unit_test(very_large_problems_keep_the_order_of_creation),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
