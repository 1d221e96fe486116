/* kernel/pack.c: the packed form of the second factor of a product.
 *
 * With panels of P columns and a depth of K, panel p holds columns pP .. pP + w - 1 and begins at
 * element pPK. Its element (k, j) is at k w + j: the tile reads it from front to back. w = P, but
 * the last panel is only as wide as its columns need, in steps of EDB_PACK_STEP, padded with zeros.
 *
 *     panel 0: k = 0: c0 c1 ... c63 | k = 1: c0 ... c63 | ...
 *     panel 1: k = 0: c64 ... c71 0 0 0 0 0 0 0 0 | k = 1: ...        (72 columns: w = 16)
 *
 * Of bf16 numbers, an element is the pair of rows 2 k and 2 k + 1 of a column. */
#include <string.h>

#include "base/status.h"
#include "kernel/bf16.h"
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

/* A matrix whose element (k, j) is at w[k * down + j * right], to be rounded to pairs of bf16 or
 * not. */
typedef struct source {
  const float *w;
  ptrdiff_t down, right;
  size_t depth; /* of the matrix; that of the packed operand counts pairs */
  bool bf16;
} source;

/* Pair (k, j) of the packed operand. */
static float packed_pair(const source *s, size_t k, size_t j) {
  const float *at = s->w + (ptrdiff_t)j * s->right;
  const float odd = 2 * k + 1 < s->depth ? at[(ptrdiff_t)(2 * k + 1) * s->down] : 0.0f;
  return edb_bf16_pair(at[(ptrdiff_t)(2 * k) * s->down], odd);
}

/* Columns `first` .. `first` + cols - 1, which lie in one panel, from columns `from` on of the
 * source. */
static void pack_panel(const edb_kernels *k, float *packed, size_t total, size_t first, size_t cols,
                       const source *s, size_t from) {
  const size_t depth = s->bf16 ? edb_bf16_pairs(s->depth) : s->depth;
  const size_t start = first / k->panel * k->panel;
  const size_t left = padded(total - start);
  const size_t width = left < k->panel ? left : k->panel;
  float *out = packed + start * depth + (first - start);
  if (!s->bf16) {
    const float *w = s->w + (ptrdiff_t)from * s->right;
    if (s->down == 1)
      k->transpose(cols, depth, w, s->right, out, (ptrdiff_t)width);
    else
      k->copy(depth, cols, (edb_span){w, s->down, 1}, out, (ptrdiff_t)width);
    return;
  }
  for (size_t i = 0; i < depth; i++, out += width)
    for (size_t j = 0; j < cols; j++) out[j] = packed_pair(s, i, from + j);
}

static void pack(const edb_kernels *k, float *packed, size_t total, size_t first, size_t cols,
                 const source *s) {
  EDB_ASSERT(first + cols <= total);
  for (size_t done = 0; done < cols;) {
    const size_t room = k->panel - (first + done) % k->panel;
    const size_t count = cols - done < room ? cols - done : room;
    pack_panel(k, packed, total, first + done, count, s, done);
    done += count;
  }
}

void edb_pack_rows(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                   size_t cols, const float *w, ptrdiff_t w_stride) {
  pack(k, packed, total, first, cols, &(source){w, 1, w_stride, depth, false});
}

void edb_pack_columns(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                      size_t cols, const float *w, ptrdiff_t w_stride) {
  pack(k, packed, total, first, cols, &(source){w, w_stride, 1, depth, false});
}

void edb_pack_bf16_rows(const edb_kernels *k, float *packed, size_t total, size_t depth,
                        size_t first, size_t cols, const float *w, ptrdiff_t w_stride) {
  pack(k, packed, total, first, cols, &(source){w, 1, w_stride, depth, true});
}

void edb_pack_bf16_columns(const edb_kernels *k, float *packed, size_t total, size_t depth,
                           size_t first, size_t cols, const float *w, ptrdiff_t w_stride) {
  pack(k, packed, total, first, cols, &(source){w, w_stride, 1, depth, true});
}
