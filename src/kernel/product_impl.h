/* kernel/product_impl.h: matrix products as fma chains over the depth; compiled once per level.
 *
 * A tile keeps up to VF_TILE_ROWS_v rows x v vectors of C in registers and runs over the whole
 * depth: one chain per element, from +0, k ascending, so the cut into tiles cannot be seen in the
 * result. Panels are the outer loop: a panel of B stays in the near caches while all rows pass by.
 */
#ifndef EDB_KERNEL_PRODUCT_IMPL_H
#define EDB_KERNEL_PRODUCT_IMPL_H

#include <string.h>

#include "kernel/elementwise_impl.h"

#define EDB_TILE_MAX_ROWS 12

/* The columns of B that one tile takes. */
typedef struct product_columns {
  const float *first; /* row 0 */
  ptrdiff_t stride;   /* of rows */
  size_t ahead_bytes; /* what to ask of memory in advance; 0: nothing */
  size_t last;        /* columns of the last vector that are wanted */
} product_columns;

typedef void (*product_tile_fn)(size_t depth, const float *const *a, const product_columns *b,
                                float *c, ptrdiff_t c_stride);

/* May ask for what is beyond B. */
VF_INLINE void prefetch_ahead(const float *b, size_t ahead_bytes) {
  __builtin_prefetch((const void *)((uintptr_t)b + ahead_bytes));
}

/* rows, vectors and `exact` (B ends with the last column, so it must be loaded with a mask) are
 * constants where this is used, and all arrays live in registers. */
VF_INLINE void product_tile(const size_t rows, const size_t vectors, const bool exact, size_t depth,
                            const float *const *a, const product_columns *columns, float *c,
                            ptrdiff_t c_stride) {
  const float *b = columns->first;
  const ptrdiff_t b_stride = columns->stride;
  const size_t last = columns->last, ahead = columns->ahead_bytes;
  edb_vf sum[EDB_TILE_MAX_ROWS][VF_PANEL_VECTORS];
  const float *row[EDB_TILE_MAX_ROWS];
  VF_UNROLL
  for (size_t r = 0; r < rows; r++) {
    row[r] = a[r];
    VF_UNROLL
    for (size_t v = 0; v < vectors; v++) sum[r][v] = vf_set1(0.0f);
  }
  for (size_t k = 0; k < depth; k++, b += b_stride) {
    edb_vf column[VF_PANEL_VECTORS];
    VF_UNROLL
    for (size_t v = 0; v < vectors; v++) {
      prefetch_ahead(b + v * VF_LANES, ahead);
      column[v] =
          exact && v + 1 == vectors ? vf_load_n(b + v * VF_LANES, last) : vf_load(b + v * VF_LANES);
    }
    VF_UNROLL
    for (size_t r = 0; r < rows; r++) {
      const edb_vf factor = vf_set1(row[r][k]);
      VF_UNROLL
      for (size_t v = 0; v < vectors; v++) sum[r][v] = vf_fma(factor, column[v], sum[r][v]);
    }
  }
  VF_UNROLL
  for (size_t r = 0; r < rows; r++) {
    float *out = c + (ptrdiff_t)r * c_stride;
    VF_UNROLL
    for (size_t v = 0; v + 1 < vectors; v++) vf_store(out + v * VF_LANES, sum[r][v]);
    vf_store_n(out + (vectors - 1) * VF_LANES, sum[r][vectors - 1], last);
  }
}

#define EDB_TILE(name, rows, vectors, exact)                                                      \
  static void name##_##vectors##_##rows(size_t depth, const float *const *a,                      \
                                        const product_columns *b, float *c, ptrdiff_t c_stride) { \
    product_tile(rows, vectors, exact, depth, a, b, c, c_stride);                                 \
  }

/* X(name, rows, vectors, exact) for all rows of a tile of so many vectors. */
#define EDB_ROWS_4(X, n, v, e) X(n, 1, v, e) X(n, 2, v, e) X(n, 3, v, e) X(n, 4, v, e)
#define EDB_ROWS_6(X, n, v, e) EDB_ROWS_4(X, n, v, e) X(n, 5, v, e) X(n, 6, v, e)
#define EDB_ROWS_8(X, n, v, e) EDB_ROWS_6(X, n, v, e) X(n, 7, v, e) X(n, 8, v, e)
#define EDB_ROWS_12(X, n, v, e) \
  EDB_ROWS_8(X, n, v, e) X(n, 9, v, e) X(n, 10, v, e) X(n, 11, v, e) X(n, 12, v, e)
#define EDB_ROWS_OF_(rows, X, n, v, e)            EDB_ROWS_##rows(X, n, v, e)
#define EDB_ROWS_OF(rows, X, n, v, e)             EDB_ROWS_OF_(rows, X, n, v, e)
#define EDB_TILE_NAME(name, rows, vectors, exact) name##_##vectors##_##rows,

EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE, tile, 1, false)
EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE, tile_exact, 1, true)
#if VF_PANEL_VECTORS == 4
EDB_ROWS_OF(VF_TILE_ROWS_2, EDB_TILE, tile, 2, false)
EDB_ROWS_OF(VF_TILE_ROWS_3, EDB_TILE, tile, 3, false)
EDB_ROWS_OF(VF_TILE_ROWS_4, EDB_TILE, tile, 4, false)
#endif

/* tiles[v - 1][r - 1]: v vectors, r rows. */
static const product_tile_fn tiles[VF_PANEL_VECTORS][EDB_TILE_MAX_ROWS] = {
    {EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE_NAME, tile, 1, false)},
#if VF_PANEL_VECTORS == 4
    {EDB_ROWS_OF(VF_TILE_ROWS_2, EDB_TILE_NAME, tile, 2, false)},
    {EDB_ROWS_OF(VF_TILE_ROWS_3, EDB_TILE_NAME, tile, 3, false)},
    {EDB_ROWS_OF(VF_TILE_ROWS_4, EDB_TILE_NAME, tile, 4, false)},
#endif
};
static const product_tile_fn exact_tiles[EDB_TILE_MAX_ROWS] = {
    EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE_NAME, tile_exact, 1, true)};

static const size_t tile_rows[VF_PANEL_VECTORS] = {
    VF_TILE_ROWS_1,
#if VF_PANEL_VECTORS == 4
    VF_TILE_ROWS_2,
    VF_TILE_ROWS_3,
    VF_TILE_ROWS_4,
#endif
};

/* The rows of A: by pointers, or from a first one on with a stride. */
typedef struct product_rows {
  const float *const *pointers; /* NULL: use first and stride */
  const float *first;
  ptrdiff_t stride;
} product_rows;

/* All rows against one panel. The rows are cut into tiles of nearly equal height: two tiles of four
 * rows keep the multipliers busier than one of six and one of two. */
VF_INLINE void product_panel(const product_tile_fn *tile, size_t most, size_t rows, size_t depth,
                             product_rows a, product_columns b, float *c, ptrdiff_t c_stride) {
  const size_t count = (rows + most - 1) / most;
  const size_t height = rows / count, taller = rows % count;
  const float *pointers[EDB_TILE_MAX_ROWS];
  for (size_t i = 0, r = 0; i < count; i++) {
    const size_t h = height + (i < taller ? 1 : 0);
    const float *const *p = pointers;
    if (a.pointers != NULL) {
      p = a.pointers + r;
    } else {
      for (size_t j = 0; j < h; j++) pointers[j] = a.first + (ptrdiff_t)(r + j) * a.stride;
    }
    tile[h - 1](depth, p, &b, c + (ptrdiff_t)r * c_stride, c_stride);
    r += h;
  }
}

/* All rows against one panel of packed columns. Seven or eight rows are too many for one tile of
 * whole panels and would make two low ones, each of which waits for B: they pass once over each
 * half of the panel instead. */
VF_INLINE void product_packed_panel(size_t vectors, size_t rows, size_t depth, product_rows a,
                                    product_columns b, float *c, ptrdiff_t c_stride) {
#if VF_PANEL_VECTORS == 4
  if (vectors == 4 && (rows == 7 || rows == 8)) {
    product_columns half = b;
    half.last = VF_LANES;
    product_panel(tiles[1], tile_rows[1], rows, depth, a, half, c, c_stride);
    b.first += 2 * VF_LANES;
    product_panel(tiles[1], tile_rows[1], rows, depth, a, b, c + 2 * VF_LANES, c_stride);
    return;
  }
#endif
  product_panel(tiles[vectors - 1], tile_rows[vectors - 1], rows, depth, a, b, c, c_stride);
}

/* Without a depth there may be no A and B at all. */
VF_INLINE void product_of_nothing(size_t rows, size_t cols, float *c, ptrdiff_t c_stride) {
  for (size_t r = 0; r < rows; r++) memset(c + (ptrdiff_t)r * c_stride, 0, cols * sizeof *c);
}

/* Panel after panel; the last one has as many vectors as its columns need. Panels lie one after
 * another, so asking 2 KB ahead also brings the beginning of the next: it hides the L3 cache. */
VF_INLINE void product_all(size_t rows, size_t cols, size_t depth, product_rows a,
                           const float *packed, float *c, ptrdiff_t c_stride) {
  const size_t panel = VF_PANEL_VECTORS * (size_t)VF_LANES;
  if (depth == 0) {
    product_of_nothing(rows, cols, c, c_stride);
    return;
  }
  for (size_t j = 0; j < cols; j += panel) {
    const size_t width = cols - j < panel ? cols - j : panel;
    const size_t vectors = (width + VF_LANES - 1) / VF_LANES;
    const product_columns b = {
        .first = packed + j * depth,
        .stride = (ptrdiff_t)(vectors * VF_LANES),
        .ahead_bytes = 2048,
        .last = width - (vectors - 1) * VF_LANES,
    };
    product_packed_panel(vectors, rows, depth, a, b, c + j, c_stride);
  }
}

static void kernel_product_packed(size_t rows, size_t cols, size_t depth, const float *a,
                                  ptrdiff_t a_stride, const float *packed, float *c,
                                  ptrdiff_t c_stride) {
  const product_rows source = {NULL, a, a_stride};
  product_all(rows, cols, depth, source, packed, c, c_stride);
}

static void kernel_product_packed_rows(size_t rows, size_t cols, size_t depth,
                                       const float *const *a, const float *packed, float *c,
                                       ptrdiff_t c_stride) {
  const product_rows source = {a, NULL, 0};
  product_all(rows, cols, depth, source, packed, c, c_stride);
}

/* B in place: whole vectors of columns in tiles as wide as they come, the rest with masked loads.
 */
static void kernel_product(size_t rows, size_t cols, size_t depth, const float *a,
                           ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,
                           ptrdiff_t c_stride) {
  const product_rows source = {NULL, a, a_stride};
  product_columns columns = {.first = b, .stride = b_stride, .last = VF_LANES};
  size_t j = 0;
  if (depth == 0) {
    product_of_nothing(rows, cols, c, c_stride);
    return;
  }
  while (j + VF_LANES <= cols) {
    const size_t left = (cols - j) / VF_LANES;
    const size_t vectors = left < VF_PANEL_VECTORS ? left : VF_PANEL_VECTORS;
    columns.first = b + j;
    product_panel(tiles[vectors - 1], tile_rows[vectors - 1], rows, depth, source, columns, c + j,
                  c_stride);
    j += vectors * VF_LANES;
  }
  if (j < cols) {
    columns.first = b + j;
    columns.last = cols - j;
    product_panel(exact_tiles, VF_TILE_ROWS_1, rows, depth, source, columns, c + j, c_stride);
  }
}

#endif
