/* kernel/pack.c: the packed form of the second factor of a product.
 *
 * With panels of P columns and a depth of K, panel p holds columns pP .. pP + w - 1 and begins at
 * element pPK. Its element (k, j) is at k w + j: the tile reads it from front to back. w = P, but
 * the last panel is only as wide as its columns need, in steps of EDB_PACK_STEP, padded with zeros.
 *
 *     panel 0: k = 0: c0 c1 ... c63 | k = 1: c0 ... c63 | ...
 *     panel 1: k = 0: c64 ... c71 0 0 0 0 0 0 0 0 | k = 1: ...        (72 columns: w = 16) */
#include <string.h>

#include "base/status.h"
#include "kernel/kernel.h"

#define EDB_PACK_STEP 16

static size_t padded(size_t cols) {
  return (cols + EDB_PACK_STEP - 1) / EDB_PACK_STEP * EDB_PACK_STEP;
}

size_t edb_packed_size(const edb_kernels *k, size_t cols, size_t depth) {
  EDB_ASSERT(k->panel % EDB_PACK_STEP == 0);
  (void)k;
  return padded(cols) * depth;
}

void edb_pack_begin(const edb_kernels *k, float *packed, size_t total, size_t depth) {
  if (total == 0 || depth == 0) return;
  const size_t last = (total - 1) / k->panel * k->panel; /* first column of the last panel */
  memset(packed + last * depth, 0, (padded(total) - last) * depth * sizeof *packed);
}

/* Columns `first` .. `first` + cols - 1, which lie in one panel, from a matrix with element (k, j)
 * at w[k * down + j * right]. */
static void pack_panel(const edb_kernels *k, float *packed, size_t total, size_t depth,
                       size_t first, size_t cols, const float *w, ptrdiff_t down, ptrdiff_t right) {
  const size_t start = first / k->panel * k->panel;
  const size_t left = padded(total - start);
  const size_t width = left < k->panel ? left : k->panel;
  float *out = packed + start * depth + (first - start);
  for (size_t i = 0; i < depth; i++, out += width) {
    const float *in = w + (ptrdiff_t)i * down;
    for (size_t j = 0; j < cols; j++) out[j] = in[(ptrdiff_t)j * right];
  }
}

static void pack(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                 size_t cols, const float *w, ptrdiff_t down, ptrdiff_t right) {
  EDB_ASSERT(first + cols <= total);
  for (size_t done = 0; done < cols;) {
    const size_t room = k->panel - (first + done) % k->panel;
    const size_t count = cols - done < room ? cols - done : room;
    pack_panel(k, packed, total, depth, first + done, count, w + (ptrdiff_t)done * right, down,
               right);
    done += count;
  }
}

void edb_pack_rows(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                   size_t cols, const float *w, ptrdiff_t w_stride) {
  pack(k, packed, total, depth, first, cols, w, 1, w_stride);
}

void edb_pack_columns(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                      size_t cols, const float *w, ptrdiff_t w_stride) {
  pack(k, packed, total, depth, first, cols, w, w_stride, 1);
}
