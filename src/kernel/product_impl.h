/* kernel/product_impl.h: matrix products as fma chains over the depth; compiled once per level. */
#ifndef EDB_KERNEL_PRODUCT_IMPL_H
#define EDB_KERNEL_PRODUCT_IMPL_H

#include "kernel/kernel.h"
#include "kernel/product_tile.h"
#include "kernel/reduce_impl.h"

EDB_TILES(tile, vf_fma)
EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE, tile_exact, 1, PRODUCT_EXACT, vf_fma)
static const product_tile_fn exact_tiles[EDB_TILE_MAX_ROWS] = {
    EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE_NAME, tile_exact, 1, PRODUCT_EXACT, vf_fma)};

/* A few columns would leave most lanes of a tile idle. Here the lanes are rows instead: blocks of A
 * are transposed on the way, and each column is a chain for all 16 rows. Two blocks of rows side by
 * side, so that the latency of one hides behind the other. Not where vectors are short: there
 * transposing costs more. */
#if VF_PANEL_VECTORS == 4
#define EDB_NARROW_COLS  8
#define EDB_NARROW_ROWS  ((size_t)2 * VF_LANES)
#define EDB_NARROW_AHEAD ((size_t)4 * VF_LANES) /* what to ask of memory in advance */

/* One row of B for both blocks. */
VF_INLINE void narrow_step(const size_t cols, edb_vf upper, edb_vf lower, const float *b,
                           edb_vf (*sum)[EDB_NARROW_COLS]) {
  VF_UNROLL
  for (size_t j = 0; j < cols; j++) {
    const edb_vf column = vf_set1(b[j]);
    sum[0][j] = vf_fma(upper, column, sum[0][j]);
    sum[1][j] = vf_fma(lower, column, sum[1][j]);
  }
}

VF_INLINE void narrow_store(const size_t cols, const edb_vf *sum, float *c, ptrdiff_t c_stride) {
  edb_vf v[VF_LANES];
  VF_UNROLL
  for (size_t j = 0; j < VF_LANES; j++) v[j] = j < cols ? sum[j] : vf_set1(0.0f);
  vf_transpose(v);
  VF_UNROLL
  for (size_t r = 0; r < VF_LANES; r++) vf_store_n(c + (ptrdiff_t)r * c_stride, v[r], cols);
}

/* More rows at once than a processor would follow by itself; may ask for what is beyond A. */
VF_INLINE void ask_for_rows(const float *const *row, size_t k) {
  for (size_t r = 0; r < EDB_NARROW_ROWS; r++)
    __builtin_prefetch((const void *)((uintptr_t)row[r] + (k + EDB_NARROW_AHEAD) * sizeof **row));
}

/* v[j] lane i = row[i][k + j] for n <= 16 columns j. */
VF_INLINE void narrow_load(const float *const *row, size_t k, size_t n, edb_vf v[VF_LANES]) {
  VF_UNROLL
  for (size_t i = 0; i < VF_LANES; i++)
    v[i] = n == VF_LANES ? vf_load(row[i] + k) : vf_load_n(row[i] + k, n);
  vf_transpose(v);
}

/* EDB_NARROW_ROWS rows against all columns; cols is a constant where this is used. */
VF_INLINE void narrow_block(const size_t cols, size_t depth, const float *const *row,
                            const float *b, float *c, ptrdiff_t c_stride) {
  edb_vf sum[2][EDB_NARROW_COLS], upper[VF_LANES], lower[VF_LANES];
  VF_UNROLL
  for (size_t j = 0; j < cols; j++) sum[0][j] = sum[1][j] = vf_set1(0.0f);
  size_t k = 0;
  for (; k + VF_LANES <= depth; k += VF_LANES) {
    ask_for_rows(row, k);
    narrow_load(row, k, VF_LANES, upper);
    narrow_load(row + VF_LANES, k, VF_LANES, lower);
    VF_UNROLL
    for (size_t i = 0; i < VF_LANES; i++)
      narrow_step(cols, upper[i], lower[i], b + (k + i) * VF_LANES, sum);
  }
  if (k < depth) {
    narrow_load(row, k, depth - k, upper);
    narrow_load(row + VF_LANES, k, depth - k, lower);
    for (size_t i = 0; i < depth - k; i++)
      narrow_step(cols, upper[i], lower[i], b + (k + i) * VF_LANES, sum);
  }
  narrow_store(cols, sum[0], c, c_stride);
  narrow_store(cols, sum[1], c + VF_LANES * c_stride, c_stride);
}

typedef void (*narrow_fn)(size_t depth, const float *const *row, const float *b, float *c,
                          ptrdiff_t c_stride);
#define EDB_NARROW(name, cols, vectors, form, step)                                          \
  static void name##_##cols(size_t depth, const float *const *row, const float *b, float *c, \
                            ptrdiff_t c_stride) {                                            \
    narrow_block(cols, depth, row, b, c, c_stride);                                          \
  }
#define EDB_NARROW_NAME(name, cols, vectors, form, step) name##_##cols,
EDB_ROWS_8(EDB_NARROW, narrow, , , )
static const narrow_fn narrow[EDB_NARROW_COLS] = {EDB_ROWS_8(EDB_NARROW_NAME, narrow, , , )};

/* As many rows as this is good for; returns their number. */
VF_INLINE size_t product_narrow(size_t rows, size_t cols, size_t depth, const product_rows *a,
                                const float *packed, float *c, ptrdiff_t c_stride) {
  size_t r = 0;
  const float *row[EDB_NARROW_ROWS];
  if (cols > EDB_NARROW_COLS || depth < VF_LANES) return 0;
  for (; r + EDB_NARROW_ROWS <= rows; r += EDB_NARROW_ROWS) {
    for (size_t i = 0; i < EDB_NARROW_ROWS; i++) row[i] = product_row(a, r + i);
    narrow[cols - 1](depth, row, packed, c + (ptrdiff_t)r * c_stride, c_stride);
  }
  return r;
}
#else
VF_INLINE size_t product_narrow(size_t rows, size_t cols, size_t depth, const product_rows *a,
                                const float *packed, float *c, ptrdiff_t c_stride) {
  (void)rows, (void)cols, (void)depth, (void)a, (void)packed, (void)c, (void)c_stride;
  return 0;
}
#endif

/* Rows and packed columns. What is asked for on the way is asked for by the tiles. */
VF_INLINE void product_packed(const product_tiles *tiles, size_t rows, size_t cols, size_t depth,
                              product_rows a, const float *packed, float *c, ptrdiff_t c_stride) {
  const size_t done = product_narrow(rows, cols, depth, &a, packed, c, c_stride);
  if (done == rows) return;
  if (a.pointers != NULL)
    a.pointers += done;
  else
    a.first += (ptrdiff_t)done * a.stride;
  product_all(tiles, rows - done, cols, depth, a, packed, c + (ptrdiff_t)done * c_stride, c_stride);
}

VF_INLINE void product_packed_rows(const product_tiles *tiles, size_t rows, size_t cols,
                                   size_t depth, const float *const *a, const float *packed,
                                   float *c, ptrdiff_t c_stride, const edb_wanted *wanted,
                                   size_t n_wanted) {
  const size_t panel = VF_PANEL_VECTORS * (size_t)VF_LANES;
  const size_t height = tile_rows[VF_PANEL_VECTORS - 1];
  const size_t passes = ((rows + height - 1) / height) * ((cols + panel - 1) / panel);
  wanted_cursor cursor = wanted_begin(wanted, n_wanted, passes);
  product_packed(tiles, rows, cols, depth,
                 (product_rows){.pointers = a, .wanted = n_wanted > 0 ? &cursor : NULL}, packed, c,
                 c_stride);
}

#define EDB_KERNEL_PRODUCT_PACKED(form)                                                            \
  static void kernel_product_packed_##form(size_t rows, size_t cols, size_t depth, const float *a, \
                                           ptrdiff_t a_stride, const float *packed, float *c,      \
                                           ptrdiff_t c_stride) {                                   \
    product_packed(&tile_##form, rows, cols, depth,                                                \
                   (product_rows){.first = a, .stride = a_stride}, packed, c, c_stride);           \
  }                                                                                                \
  static void kernel_product_packed_rows_##form(                                                   \
      size_t rows, size_t cols, size_t depth, const float *const *a, const float *packed,          \
      float *c, ptrdiff_t c_stride, const edb_wanted *wanted, size_t n_wanted) {                   \
    product_packed_rows(&tile_##form, rows, cols, depth, a, packed, c, c_stride, wanted,           \
                        n_wanted);                                                                 \
  }
EDB_KERNEL_PRODUCT_PACKED(ahead)
#if VF_PANEL_VECTORS == 4
EDB_KERNEL_PRODUCT_PACKED(plain)
#endif

/* B in place: whole vectors of columns in tiles as wide as they come, the rest with masked loads.
 */
static void kernel_product_parts(size_t rows, size_t cols, const float *a, ptrdiff_t a_stride,
                                 size_t n_parts, const edb_matrix_part *b, ptrdiff_t b_stride,
                                 float *c, ptrdiff_t c_stride) {
  const product_rows source = {.first = a, .stride = a_stride};
  product_columns part[EDB_MATRIX_PARTS];
  EDB_ASSERT(n_parts > 0 && n_parts <= EDB_MATRIX_PARTS);
  for (size_t j = 0; j < cols;) {
    const size_t left = (cols - j) / VF_LANES;
    const bool exact = left == 0;
    const size_t vectors = exact ? 1 : left < VF_PANEL_VECTORS ? left : VF_PANEL_VECTORS;
    const size_t last = exact ? cols - j : VF_LANES;
    const product_tile_fn *tiles = exact ? exact_tiles : tile[vectors - 1];
    const size_t most = tile_rows[vectors - 1];
    for (size_t i = 0; i < n_parts; i++) {
      part[i] = (product_columns){.first = b[i].data + j,
                                  .stride = b_stride,
                                  .depth = b[i].rows,
                                  .below = i + 1 < n_parts ? &part[i + 1] : NULL,
                                  .last = last};
      if (j == 0 && b[i].next != NULL) begin_stream(&part[i], b[i].next, tile_count(rows, most));
    }
    product_panel(tiles, most, rows, source, part, c + j, c_stride);
    j += exact ? last : vectors * VF_LANES;
  }
}

static void kernel_product(size_t rows, size_t cols, size_t depth, const float *a,
                           ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, float *c,
                           ptrdiff_t c_stride) {
  const edb_matrix_part whole = {.data = b, .rows = depth};
  if (depth == 0)
    product_of_nothing(rows, cols, c, c_stride);
  else
    kernel_product_parts(rows, cols, a, a_stride, 1, &whole, b_stride, c, c_stride);
}

#endif
