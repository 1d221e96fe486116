/* bench/bench_pqtree.c: what a REDUCE of a PQ tree costs per element of its set, for growing trees.
 *
 *   bench_pqtree [--seed N]
 *
 * Each row reduces a fresh tree of n leaves by runs of one order: `short` runs of 2 to 16 leaves,
 * `long` ones of up to n / 2, and `tight`, all n - 1 pairs of neighbours. In linear time the
 * figures of a column do not grow with n. `scattered` is `short` on leaves with random numbers:
 * each is then a miss of the caches that the tree does not fit. Best of several passes. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "layout/pqtree.h"

typedef enum family { SHORT, LONG, TIGHT, SCATTERED, FAMILIES } family;

static void shuffle(uint32_t *order, uint32_t n, edb_rng *rng) {
  for (uint32_t i = n - 1; i > 0; i--) {
    uint32_t j = edb_rng_below(rng, i + 1), swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
}

/* Nanoseconds per element of all sets of one family; negative without memory. */
static double measure(edb_context *ctx, uint32_t n, family kind, const uint32_t *order,
                      edb_rng *rng) {
  edb_pqtree *tree = NULL;
  if (edb_pqtree_create(ctx, n, &tree, NULL) != EDB_OK) return -1;
  uint32_t n_sets = kind == LONG ? 32 : n - 1;
  uint64_t elements = 0, spent = 0;
  bool ok = true;
  for (uint32_t s = 0; s < n_sets && ok; s++) {
    uint32_t count = kind == TIGHT  ? 2
                     : kind == LONG ? n / 4 + edb_rng_below(rng, n / 4)
                                    : 2 + edb_rng_below(rng, 15);
    uint32_t begin = kind == TIGHT ? s : edb_rng_below(rng, n - count + 1);
    edb_pqtree_result result = EDB_PQTREE_IMPOSSIBLE;
    uint64_t start = edb_clock_ns();
    ok = edb_pqtree_reduce(tree, order + begin, count, &result, NULL) == EDB_OK &&
         result != EDB_PQTREE_IMPOSSIBLE;
    spent += edb_clock_ns() - start;
    elements += count;
  }
  edb_pqtree_destroy(tree);
  return ok ? (double)spent / (double)elements : -1;
}

int main(int argc, char **argv) {
  uint64_t seed = argc == 3 && strcmp(argv[1], "--seed") == 0 ? strtoull(argv[2], NULL, 10) : 1;
  edb_context *ctx = NULL;
  if (edb_context_create(NULL, &ctx, NULL) != EDB_OK) return 1;
  printf("ns per set element\n%8s %10s %10s %10s %10s\n", "leaves", "short", "long", "tight",
         "scattered");
  for (uint32_t n = 100; n <= 100000; n *= 10) {
    uint32_t *order = malloc(n * sizeof *order);
    if (!order) return 1;
    printf("%8u", n);
    for (int kind = 0; kind < FAMILIES; kind++) {
      double best = INFINITY;
      for (uint32_t pass = 0; pass < 5; pass++) {
        edb_rng rng;
        edb_rng_seed(&rng, seed + pass);
        for (uint32_t i = 0; i < n; i++) order[i] = i;
        if (kind == SCATTERED) shuffle(order, n, &rng);
        best = fmin(best, measure(ctx, n, (family)kind, order, &rng));
      }
      printf(" %10.1f", best);
    }
    printf("\n");
    free(order);
  }
  edb_context_destroy(ctx);
  return 0;
}
