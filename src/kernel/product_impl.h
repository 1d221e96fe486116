/* kernel/product_impl.h: matrix products as fma chains over the depth; compiled once per level. */
#ifndef EDB_KERNEL_PRODUCT_IMPL_H
#define EDB_KERNEL_PRODUCT_IMPL_H

#include "kernel/product_tile.h"

EDB_TILES(tile, vf_fma)
EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE, tile_exact, 1, true, vf_fma)
static const product_tile_fn exact_tiles[EDB_TILE_MAX_ROWS] = {
    EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE_NAME, tile_exact, 1, true, vf_fma)};

static void kernel_product_packed(size_t rows, size_t cols, size_t depth, const float *a,
                                  ptrdiff_t a_stride, const float *packed, float *c,
                                  ptrdiff_t c_stride) {
  const product_rows source = {NULL, a, a_stride};
  product_all(tile, rows, cols, depth, source, packed, c, c_stride);
}

static void kernel_product_packed_rows(size_t rows, size_t cols, size_t depth,
                                       const float *const *a, const float *packed, float *c,
                                       ptrdiff_t c_stride) {
  const product_rows source = {a, NULL, 0};
  product_all(tile, rows, cols, depth, source, packed, c, c_stride);
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
    product_panel(tile[vectors - 1], tile_rows[vectors - 1], rows, depth, source, columns, NULL,
                  c + j, c_stride);
    j += vectors * VF_LANES;
  }
  if (j < cols) {
    columns.first = b + j;
    columns.last = cols - j;
    product_panel(exact_tiles, VF_TILE_ROWS_1, rows, depth, source, columns, NULL, c + j, c_stride);
  }
}

#endif
