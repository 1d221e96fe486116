/* kernel/prefetch.c: whether products of few rows gain by asking memory for what they read next.
 * Some processors find by themselves what a product reads and bring it at the full rate of a cache;
 * to be asked for every line then only costs them. Zen 4 reads weights from the third-level cache a
 * third faster where nobody asks; others wait for each line. */
#include "base/clock.h"
#include "kernel/kernel.h"

#define DEPTH   ((size_t)256)
#define COLUMNS (EDB_PREFETCH_FLOATS / DEPTH)
#define ROWS    2

/* Those that alternate, the first of them without count: it brings everything as near as it will
 * be. */
#define TURNS 5

/* What not to ask must gain, or noise would choose. What a few passes over memory from beyond the
 * second-level cache say is less true of a run: 7 % with AVX2 became a loss of 4 %. */
#define NEAR_GAIN 0.05
#define FAR_GAIN  0.10

/* One row against all of it, then two. */
static uint64_t pass_ns(const edb_kernels *k, const float *packed, size_t count) {
  static const float row[ROWS * DEPTH];
  float c[ROWS * COLUMNS];
  const uint64_t begin = edb_clock_ns();
  for (size_t rows = 1; rows <= ROWS; rows++)
    for (size_t i = 0; i + EDB_PREFETCH_FLOATS <= count; i += EDB_PREFETCH_FLOATS)
      k->product_packed(rows, COLUMNS, DEPTH, row, (ptrdiff_t)DEPTH, packed + i, c,
                        (ptrdiff_t)COLUMNS);
  return edb_clock_ns() - begin;
}

const edb_kernels *edb_kernels_choose_prefetch(const edb_kernels *k, const float *packed,
                                               size_t count, bool far) {
  const edb_kernels *kernels[2] = {edb_kernels_unprefetched(k), edb_kernels_get(k->simd)};
  uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
  if (kernels[0]->prefetches) return kernels[1];
  for (int turn = 0; turn < TURNS; turn++)
    for (int i = 0; i < 2; i++) {
      const uint64_t ns = pass_ns(kernels[i], packed, count);
      if (turn > 0 && ns < least[i]) least[i] = ns;
    }
  return kernels[(double)least[0] > (1 - (far ? FAR_GAIN : NEAR_GAIN)) * (double)least[1]];
}
