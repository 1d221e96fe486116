/* tests/layout/test_pqtree.c: PQ trees stand for exactly the orders that keep all sets together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "layout/orders.h"
#include "layout/pqtree.h"
#include "support/faulty.h"

#define MAX_N     7
#define MAX_SETS  12
#define MAX_WORDS ((5040 + 63) / 64)

static edb_context *new_context(void) {
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  return ctx;
}

static edb_pqtree *new_tree(edb_context *ctx, uint32_t n) {
  edb_pqtree *tree = NULL;
  assert_int_equal(edb_pqtree_create(ctx, n, &tree, NULL), EDB_OK);
  return tree;
}

static edb_pqtree_result reduce(edb_pqtree *tree, const uint32_t *set, uint32_t count) {
  edb_pqtree_result result = EDB_PQTREE_IMPOSSIBLE;
  edb_error error = {0};
  if (edb_pqtree_reduce(tree, set, count, &result, &error) != EDB_OK) fail_msg("%s", error.text);
  return result;
}

static uint32_t members(uint32_t bits, uint32_t *set) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < 32; i++)
    if (bits >> i & 1) set[count++] = i;
  return count;
}

/* ---- What a tree stands for ------------------------------------------------------------------ */

typedef struct outline {
  edb_pqtree_node nodes[2 * MAX_N];
  uint32_t leaves[MAX_N], n_nodes, n;
} outline;

static uint32_t bits_of(const outline *o, const edb_pqtree_node *node) {
  uint32_t bits = 0;
  for (uint32_t i = node->begin; i < node->end; i++) bits |= 1u << o->leaves[i];
  return bits;
}

/* Checks the form of the tree: ranges, kinds, numbers of children. */
static void check_outline(const outline *o) {
  uint32_t seen = 0;
  for (uint32_t i = 0; i < o->n; i++) seen |= 1u << o->leaves[i];
  assert_int_equal(seen, (1u << o->n) - 1);
  for (uint32_t i = 0; i < o->n_nodes; i++) {
    const edb_pqtree_node *node = &o->nodes[i];
    uint32_t children = 0, at = node->begin;
    for (uint32_t c = i + 1; c < node->next; c = o->nodes[c].next) {
      assert_int_equal(o->nodes[c].parent, i);
      assert_int_equal(o->nodes[c].begin, at);
      at = o->nodes[c].end;
      children++;
    }
    if (node->kind == EDB_PQTREE_LEAF) at++;
    assert_int_equal(at, node->end);
    assert_int_equal(children, node->n_children);
    if (node->kind == EDB_PQTREE_LEAF)
      assert_int_equal(children, 0);
    else
      assert_true(children >= (node->kind == EDB_PQTREE_P ? 2 : 3));
  }
}

static outline outline_of(edb_pqtree *tree) {
  outline o = {.n = edb_pqtree_leaf_count(tree)};
  o.n_nodes = edb_pqtree_outline(tree, o.nodes, o.leaves);
  uint32_t leaves[MAX_N];
  edb_pqtree_frontier(tree, leaves);
  assert_memory_equal(leaves, o.leaves, o.n * sizeof *leaves);
  check_outline(&o);
  return o;
}

static uint64_t count_orders(const outline *o) {
  uint64_t orders = 1;
  for (uint32_t i = 0; i < o->n_nodes; i++) {
    if (o->nodes[i].kind == EDB_PQTREE_Q) orders *= 2;
    for (uint32_t k = 2; o->nodes[i].kind == EDB_PQTREE_P && k <= o->nodes[i].n_children; k++)
      orders *= k;
  }
  return orders;
}

/* Whether all orders of the tree have the set together: it is a node, or a run of a Q node's
 * children. */
static bool implies(const outline *o, uint32_t bits) {
  if (__builtin_popcount(bits) < 2) return true;
  for (uint32_t i = 0; i < o->n_nodes; i++) {
    if (bits_of(o, &o->nodes[i]) == bits) return true;
    if (o->nodes[i].kind != EDB_PQTREE_Q) continue;
    for (uint32_t a = i + 1; a < o->nodes[i].next; a = o->nodes[a].next) {
      uint32_t sum = 0;
      for (uint32_t b = a; b < o->nodes[i].next; b = o->nodes[b].next) {
        sum |= bits_of(o, &o->nodes[b]);
        if (sum == bits) return true;
      }
    }
  }
  return false;
}

/* ---- Brute force ----------------------------------------------------------------------------- */

/* For each set (as bits) the orders, as bits, in which it is together. */
typedef struct orders {
  uint32_t n, n_orders;
  uint64_t with[1u << MAX_N][MAX_WORDS];
} orders;

static orders *all_orders(uint32_t n) {
  orders *all = calloc(1, sizeof *all);
  assert_non_null(all);
  uint32_t order[MAX_N], place[MAX_N], set[MAX_N];
  all->n = n;
  first_order(order, n);
  do {
    places_of(order, n, place);
    for (uint32_t bits = 0; bits < 1u << n; bits++)
      if (is_together(place, set, members(bits, set)))
        all->with[bits][all->n_orders / 64] |= UINT64_C(1) << (all->n_orders % 64);
    all->n_orders++;
  } while (next_order(order, n));
  return all;
}

static uint64_t count_common(const orders *all, const uint32_t *sets, uint32_t n_sets) {
  uint64_t count = 0;
  for (uint32_t w = 0; w < (all->n_orders + 63) / 64; w++) {
    uint64_t common = all->with[0][w];
    for (uint32_t s = 0; s < n_sets; s++) common &= all->with[sets[s]][w];
    count += (uint64_t)__builtin_popcountll(common);
  }
  return count;
}

/* Reduces by one set after the other and compares after each with brute force: the tree's orders
 * are all allowed, since it implies each set, and there are as many as are allowed. */
static void check_family(const orders *all, edb_pqtree *tree, const uint32_t *sets,
                         uint32_t n_sets) {
  uint32_t kept[MAX_SETS], n_kept = 0, set[MAX_N];
  size_t mark = edb_pqtree_mark(tree);
  uint64_t left = all->n_orders;
  for (uint32_t s = 0; s < n_sets; s++) {
    kept[n_kept++] = sets[s];
    uint64_t allowed = count_common(all, kept, n_kept);
    edb_pqtree_result result = reduce(tree, set, members(sets[s], set));
    assert_int_equal(result, allowed == 0      ? EDB_PQTREE_IMPOSSIBLE
                             : allowed == left ? EDB_PQTREE_SAME
                                               : EDB_PQTREE_CHANGED);
    if (allowed == 0)
      n_kept--;
    else
      left = allowed;
    outline o = outline_of(tree);
    assert_int_equal(count_orders(&o), left);
    for (uint32_t k = 0; k < n_kept; k++) assert_true(implies(&o, kept[k]));
  }
  edb_pqtree_undo(tree, mark);
  outline o = outline_of(tree);
  assert_int_equal(count_orders(&o), all->n_orders);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* All sequences of `n_sets` sets of 2 .. n - 1 leaves. */
static void check_all_families(uint32_t n, uint32_t n_sets) {
  edb_context *ctx = new_context();
  orders *all = all_orders(n);
  edb_pqtree *tree = new_tree(ctx, n);
  uint32_t sets[MAX_SETS], last = (1u << n) - 2;
  for (uint32_t i = 0; i < n_sets; i++) sets[i] = 3;
  for (;;) {
    check_family(all, tree, sets, n_sets);
    uint32_t i = 0;
    do {
      if (i == n_sets) goto done;
      do sets[i] = sets[i] == last ? 0 : sets[i] + 1;
      while (sets[i] != 0 && __builtin_popcount(sets[i]) < 2);
      if (sets[i] != 0) break;
      sets[i++] = 3;
    } while (true);
  }
done:
  edb_pqtree_destroy(tree);
  free(all);
  edb_context_destroy(ctx);
}

static void all_families_of_sets_give_the_orders_of_brute_force(void **state) {
  (void)state;
  check_all_families(3, 4);
  check_all_families(4, 4);
  check_all_families(5, 3);
  check_all_families(6, 2);
}

static void random_families_give_the_orders_of_brute_force(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 7);
  for (uint32_t n = 5; n <= MAX_N; n++) {
    edb_context *ctx = new_context();
    orders *all = all_orders(n);
    edb_pqtree *tree = new_tree(ctx, n);
    for (uint32_t trial = 0; trial < 8000; trial++) {
      uint32_t sets[MAX_SETS], n_sets = 3 + edb_rng_below(&rng, MAX_SETS - 2);
      for (uint32_t i = 0; i < n_sets; i++) sets[i] = edb_rng_below(&rng, 1u << n);
      check_family(all, tree, sets, n_sets);
    }
    edb_pqtree_destroy(tree);
    free(all);
    edb_context_destroy(ctx);
  }
}

static void tiny_trees_have_one_order_and_take_any_set(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  uint32_t zero = 0, leaf = 9;
  for (uint32_t n = 0; n < 2; n++) {
    edb_pqtree *tree = new_tree(ctx, n);
    assert_int_equal(reduce(tree, &zero, n), EDB_PQTREE_SAME);
    edb_pqtree_frontier(tree, &leaf);
    assert_int_equal(leaf, n == 0 ? 9 : 0);
    edb_pqtree_node nodes[2];
    assert_int_equal(edb_pqtree_outline(tree, nodes, &leaf), n);
    edb_pqtree_destroy(tree);
  }
  edb_pqtree_destroy(NULL);
  edb_context_destroy(ctx);
}

static void bad_sets_are_refused(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_pqtree *tree = new_tree(ctx, 5);
  edb_pqtree_result result = EDB_PQTREE_CHANGED;
  edb_error error = {0};
  assert_int_equal(edb_pqtree_reduce(tree, (uint32_t[]){1, 5}, 2, &result, &error),
                   EDB_ERROR_ARGUMENT);
  assert_string_equal(error.text, "leaf 5 of a set: the PQ tree has 5 leaves");
  assert_int_equal(edb_pqtree_reduce(tree, (uint32_t[]){1, 2, 1}, 3, &result, &error),
                   EDB_ERROR_ARGUMENT);
  assert_string_equal(error.text, "leaf 1 stands in a set twice");
  assert_int_equal(result, EDB_PQTREE_CHANGED);
  edb_pqtree *none = NULL;
  assert_int_equal(edb_pqtree_create(ctx, EDB_PQTREE_MAX_LEAVES + 1, &none, &error),
                   EDB_ERROR_LIMIT);
  assert_null(none);
  assert_int_equal(reduce(tree, (uint32_t[]){1, 2}, 2), EDB_PQTREE_CHANGED);
  edb_pqtree_destroy(tree);
  edb_context_destroy(ctx);
}

/* Sets that are runs of a hidden order can always be met. */
static void random_runs_of_a_hidden_order_can_be_met(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  edb_context *ctx = new_context();
  static const uint32_t sizes[] = {10, 100, 1000, 10000, 100000};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    uint32_t n = sizes[k];
    uint32_t *hidden = malloc(n * sizeof *hidden), *leaves = malloc(n * sizeof *leaves);
    uint32_t *place = malloc(n * sizeof *place), begins[64], lengths[64];
    assert_true(hidden != NULL && leaves != NULL && place != NULL);
    first_order(hidden, n);
    for (uint32_t i = n - 1; i > 0; i--) {
      uint32_t j = edb_rng_below(&rng, i + 1), swap = hidden[i];
      hidden[i] = hidden[j];
      hidden[j] = swap;
    }
    edb_pqtree *tree = new_tree(ctx, n);
    for (uint32_t s = 0; s < 64; s++) {
      lengths[s] = 2 + edb_rng_below(&rng, s % 2 ? n / 2 : 8);
      begins[s] = edb_rng_below(&rng, n - lengths[s] + 1);
      assert_int_not_equal(reduce(tree, hidden + begins[s], lengths[s]), EDB_PQTREE_IMPOSSIBLE);
    }
    edb_pqtree_frontier(tree, leaves);
    places_of(leaves, n, place);
    for (uint32_t s = 0; s < 64; s++)
      assert_true(is_together(place, hidden + begins[s], lengths[s]));
    /* With all pairs of neighbours, the hidden order or its mirror is left. */
    for (uint32_t i = 0; i + 1 < n; i++)
      assert_int_not_equal(reduce(tree, hidden + i, 2), EDB_PQTREE_IMPOSSIBLE);
    edb_pqtree_frontier(tree, leaves);
    bool turned = leaves[0] != hidden[0];
    for (uint32_t i = 0; i < n; i++) assert_int_equal(leaves[turned ? n - 1 - i : i], hidden[i]);
    edb_pqtree_destroy(tree);
    free(hidden);
    free(leaves);
    free(place);
  }
  edb_context_destroy(ctx);
}

/* A tree with marks in it, as undone step by step. */
static void undoing_gives_back_every_tree_on_the_way(void **state) {
  (void)state;
  enum { N = 40, STEPS = 30 };
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  edb_context *ctx = new_context();
  for (uint32_t trial = 0; trial < 200; trial++) {
    edb_pqtree *tree = new_tree(ctx, N);
    static edb_pqtree_node nodes[STEPS][2 * N];
    uint32_t leaves[STEPS][N], counts[STEPS];
    size_t marks[STEPS];
    for (uint32_t s = 0; s < STEPS; s++) {
      marks[s] = edb_pqtree_mark(tree);
      counts[s] = edb_pqtree_outline(tree, nodes[s], leaves[s]);
      uint32_t set[N], count = 0, begin = edb_rng_below(&rng, N - 8);
      for (uint32_t i = begin; i < begin + 8; i++)
        if (edb_rng_below(&rng, 3) > 0) set[count++] = (i * 7 + s / 12) % N;
      (void)reduce(tree, set, count);
    }
    for (uint32_t s = STEPS; s-- > 0;) {
      edb_pqtree_node found[2 * N];
      uint32_t order[N];
      edb_pqtree_undo(tree, marks[s]);
      assert_int_equal(edb_pqtree_outline(tree, found, order), counts[s]);
      assert_memory_equal(order, leaves[s], sizeof order);
      assert_memory_equal(found, nodes[s], counts[s] * sizeof *found);
    }
    edb_pqtree_commit(tree);
    edb_pqtree_destroy(tree);
  }
  edb_context_destroy(ctx);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_pqtree *tree = NULL;
    edb_status status = edb_pqtree_create(ctx, 200, &tree, NULL);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) {
      assert_null(tree);
      continue;
    }
    (void)edb_pqtree_mark(tree);
    for (uint32_t s = 0; s < 30; s++) {
      uint32_t set[100], leaves[200], before[200];
      for (uint32_t i = 0; i < 100; i++) set[i] = i + 3 * s;
      edb_pqtree_frontier(tree, before);
      edb_pqtree_result result;
      status = edb_pqtree_reduce(tree, set, 100, &result, NULL);
      assert_true(faulty_status(&f, status));
      if (status == EDB_OK) continue;
      edb_pqtree_frontier(tree, leaves);
      assert_memory_equal(leaves, before, sizeof leaves);
    }
    edb_pqtree_destroy(tree);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_families_of_sets_give_the_orders_of_brute_force),
      cmocka_unit_test(random_families_give_the_orders_of_brute_force),
      cmocka_unit_test(tiny_trees_have_one_order_and_take_any_set),
      cmocka_unit_test(bad_sets_are_refused),
      cmocka_unit_test(random_runs_of_a_hidden_order_can_be_met),
      cmocka_unit_test(undoing_gives_back_every_tree_on_the_way),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
