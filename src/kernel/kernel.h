/* kernel/kernel.h: the fp32 kernels behind run-time dispatch. One table per SIMD level, filled
 * once.
 *
 * All levels give the same bits, by these definitions (docs/operators.md):
 *   product     the chain acc = fma(a[k], b[k], acc), k ascending, from +0
 *   reduction   16 lanes: lane l takes entries l, l + 16, ... in order, from +0 for sums (of
 * products: by fma), from -inf for max; then lanes i and i + 8, then + 4, + 2, + 1 are combined
 *   exp, sigmoid, tanh, log, sin, cos, gelu   one stated polynomial algorithm each, in fma / add /
 * mul / div only (kernel/math.h), with its ulp bound all else    one rounding per operator
 *
 * Only whether a value is NaN is the same, not which NaN.
 *
 * The algorithms are written once over a small vector type (kernel/vec_*.h: avx512, avx2, neon,
 * portable) and compiled once per level.
 *
 * Nothing outside the given elements is read or written, and no alignment is asked for. An output
 * may be the very same elements as an input of an elementwise or row-wise operator, but must not
 * overlap it otherwise. */
#ifndef EDB_KERNEL_KERNEL_H
#define EDB_KERNEL_KERNEL_H

#include <edbatch/base.h>

/* A block of `rows` rows. Element (r, c) is data[r * row_stride + c * col_stride]; row_stride 0:
 * one row for all (a bias); col_stride 0 or 1: 0 = one number for the whole row. */
typedef struct edb_span {
  const float *data;
  ptrdiff_t row_stride;
  ptrdiff_t col_stride;
} edb_span;

typedef void (*edb_unary_fn)(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride);
typedef void (*edb_binary_fn)(size_t rows, size_t cols, edb_span a, edb_span b, float *y,
                              ptrdiff_t y_stride);

/* Of three or four operands. */
typedef void (*edb_combined_fn)(size_t rows, size_t cols, const edb_span *x, float *y,
                                ptrdiff_t y_stride);

typedef void (*edb_product_fn)(size_t rows, size_t cols, size_t depth, const float *a,
                               ptrdiff_t a_stride, const float *packed, float *c,
                               ptrdiff_t c_stride);

/* Rows that somebody reads or writes soon. */
typedef struct edb_wanted {
  const float *const *pointers; /* NULL: from `first` on, `stride` apart */
  const float *first;
  ptrdiff_t stride;
  size_t rows, columns;
} edb_wanted;

/* Some rows of a matrix, with those of the next part below them. */
#define EDB_MATRIX_PARTS 8
typedef struct edb_matrix_part {
  const float *data;
  size_t rows;
  const float *next; /* what a product soon to come has in its place, for the caches; or NULL */
} edb_matrix_part;

/* Rows of entries side by side, evenly spaced or, where `apart` is not NULL, through a pointer
 * each.
 */
typedef struct edb_rows_in {
  const float *data;
  ptrdiff_t stride;
  const float *const *apart;
} edb_rows_in;

typedef struct edb_kernels {
  edb_simd simd;
  uint32_t panel;  /* columns of a packed panel */
  bool prefetches; /* products of few rows ask memory for packed columns before they read them */

  /* C[rows x cols] = A[rows x depth] * B, where B is packed by edb_pack_* below (panels of `panel`
   * columns, depth-major; see kernel/pack.c). Any rows >= 1, cols >= 1, depth >= 0. Columns can be
   * cut at multiples of `panel`: from column j on, the operand is packed + j * depth. */
  edb_product_fn product_packed;
  /* The same with rows of A through pointers. On its way it asks memory for other rows, tile by
   * tile: multiplying keeps the processor busy and memory idle. */
  void (*product_packed_rows)(size_t rows, size_t cols, size_t depth, const float *const *a,
                              const float *packed, float *c, ptrdiff_t c_stride,
                              const edb_wanted *wanted, size_t n_wanted);
  /* The same with B as it lies in memory, row-major [depth x cols] with a row stride. */
  void (*product)(size_t rows, size_t cols, size_t depth, const float *a, ptrdiff_t a_stride,
                  const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride);
  /* The same with B in 1 to EDB_MATRIX_PARTS parts, each of one row or more. */
  void (*product_parts)(size_t rows, size_t cols, const float *a, ptrdiff_t a_stride,
                        size_t n_parts, const edb_matrix_part *b, ptrdiff_t b_stride, float *c,
                        ptrdiff_t c_stride);
  /* C = A * B of bf16 numbers, with sums in fp32: rows of A made by to_bf16, B by edb_pack_bf16_*;
   * `depth` counts pairs.
   * Here a chain of fma over ascending k from +0 of the rounded numbers, the same bits at all
   * levels; edb_kernels_product_bf16() may know a faster one. */
  edb_product_fn product_bf16;
  /* Rows of fp32 numbers to rows of (cols + 1) / 2 pairs (kernel/bf16.h), each rounded once. */
  void (*to_bf16)(size_t rows, size_t cols, const float *x, ptrdiff_t x_stride, float *y,
                  ptrdiff_t y_stride);
  /* y[m] = chain over k of a[m][k] * x[k]: a row-major matrix and a vector, both values. */
  void (*matvec)(size_t m, size_t k, const float *a, ptrdiff_t a_stride, const float *x, float *y);

  edb_unary_fn neg, sigmoid, tanh, relu, gelu, exp, log, sqrt, abs, sin, cos, copy;
  edb_binary_fn add, sub, mul, div, min, max; /* min, max: NaN if either is; relu(NaN) is NaN */

  /* Several operators in one pass, each rounding as it does alone: sigmoid(a + b), tanh(a + b),
   * tanh(a) * b, a * tanh(b), x[0] * x[1] + x[2], x[0] + x[1] * x[2], sigmoid(x[0] + x[1] + x[2]),
   * tanh(x[0] + x[1] + x[2]), x[0] * x[1] + x[2] * x[3]. */
  edb_binary_fn add_sigmoid, add_tanh, tanh_mul, mul_tanh;
  edb_combined_fn mul_add, add_mul, add_add_sigmoid, add_add_tanh, mul_mul_add;

  /* Row-wise, over the entries of each row. log-sum-exp and softmax subtract the row's maximum. */
  edb_unary_fn softmax, log_softmax;
  void (*layer_norm)(size_t rows, size_t cols, edb_span x, edb_span gain, edb_span bias, float *y,
                     ptrdiff_t y_stride); /* epsilon 1e-5, variance over cols */
  /* One number per row: y[r * y_stride]. maximum: NaN if any entry is. argmax: the first of equal
   * ones (of NaNs, if there are any), as an fp32 whole number. */
  edb_unary_fn sum, mean, maximum, argmax;
  edb_binary_fn dot, squared_error; /* sum of (a - b)^2 */
  /* y[r * y_stride] = log-sum-exp(x row) - x[label[r]]; label < 0: y = 0. */
  void (*cross_entropy)(size_t rows, size_t cols, edb_span x, const int32_t *label, float *y,
                        ptrdiff_t y_stride);
  /* Over segments: rows first[i] .. first[i + 1] - 1 of x are reduced to row i of y, ascending, the
   * first taken as it is; an empty one gives 0. mean = sum / count. softmax keeps all rows of x. */
  void (*sum_over)(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x, float *y,
                   ptrdiff_t y_stride);
  void (*mean_over)(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x, float *y,
                    ptrdiff_t y_stride);
  void (*max_over)(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x, float *y,
                   ptrdiff_t y_stride);
  void (*softmax_over)(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x, float *y,
                       ptrdiff_t y_stride);
  /* dst[c][r] = src[r][c]. */
  void (*transpose)(size_t rows, size_t cols, const float *src, ptrdiff_t src_stride, float *dst,
                    ptrdiff_t dst_stride);
  /* dst row r = *src[r]. */
  void (*gather)(size_t rows, size_t cols, const float *const *src, float *dst,
                 ptrdiff_t dst_stride);
  /* *dst[r] = *src[r], row by row. */
  void (*move)(size_t rows, size_t cols, const float *const *src, float *const *dst);
  /* Rounds of EDB_BURST_STEPS x 16 independent multiply-adds, to measure the peak. */
  float (*burst)(size_t count, float factor);
  /* Reads `count` floats (a multiple of EDB_READ_FLOATS) once, to measure bandwidth; their sum. */
  float (*read)(size_t count, const float *data);
} edb_kernels;

#define EDB_BURST_STEPS 12
#define EDB_READ_FLOATS 128

/* The table of a level; NULL if this build or this machine does not have it. AUTO = the best. It
 * prefetches. */
const edb_kernels *edb_kernels_get(edb_simd simd);
/* The same, bit for bit, but for products of few rows: they leave it to the processor to bring
 * packed columns in time. A level without such products has the same table again. */
const edb_kernels *edb_kernels_unprefetched(const edb_kernels *k);
/* Which of the two multiplies one row and two rows faster, measured in a few passes over `count`
 * floats: as many as are to come from the same cache; `far`: from beyond the second-level one. */
#define EDB_PREFETCH_FLOATS ((size_t)128 * 128) /* `count` is a multiple */
const edb_kernels *edb_kernels_choose_prefetch(const edb_kernels *k, const float *packed,
                                               size_t count, bool far);

/* Elements of a packed operand; cols is rounded up to 16. The caller has checked (cols + 15) *
 * depth for overflow. */
size_t edb_packed_size(const edb_kernels *k, size_t cols, size_t depth);
typedef void (*edb_pack_fn)(const edb_kernels *k, float *packed, size_t total, size_t depth,
                            size_t first, size_t cols, const float *w, ptrdiff_t w_stride);
/* Packs columns first .. first + cols - 1 of a packed operand with `total` columns in all: column
 * first + j gets row j of w, a row-major [cols x depth] matrix (so that C = A * w^T). Stacking
 * weights is packing one after another. */
void edb_pack_rows(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                   size_t cols, const float *w, ptrdiff_t w_stride);
/* The same from columns: w is row-major [depth x cols] (C = A * w). */
void edb_pack_columns(const edb_kernels *k, float *packed, size_t total, size_t depth, size_t first,
                      size_t cols, const float *w, ptrdiff_t w_stride);
/* Must be called once on a new packed buffer: sets the padding to zero. */
void edb_pack_begin(const edb_kernels *k, float *packed, size_t total, size_t depth);

/* The fastest product_bf16 of the level on this machine. With AVX-512 BF16 each step adds two
 * products, denormals count as zero, and a result differs from the chain by at most (depth + 2) *
 * 2^-23 times the sum of |a| |b|, plus depth * 2^-126. */
edb_product_fn edb_kernels_product_bf16(const edb_kernels *k);
/* As edb_pack_rows and edb_pack_columns, to bf16: an operand of (depth + 1) / 2 pairs, also for
 * edb_packed_size and edb_pack_begin. Columns can be cut at packed + j * pairs. */
void edb_pack_bf16_rows(const edb_kernels *k, float *packed, size_t total, size_t depth,
                        size_t first, size_t cols, const float *w, ptrdiff_t w_stride);
void edb_pack_bf16_columns(const edb_kernels *k, float *packed, size_t total, size_t depth,
                           size_t first, size_t cols, const float *w, ptrdiff_t w_stride);

/* Dense fused multiply-adds for about `milliseconds`; returns GFLOP/s of one thread at this level.
 */
double edb_kernels_peak_gflops(const edb_kernels *k, uint32_t milliseconds);
/* Reads of the same `count` floats again and again for about `milliseconds`, at least twice; bytes
 * per nanosecond (GB/s) of one thread. */
double edb_kernels_read_gbs(const edb_kernels *k, const float *data, size_t count,
                            uint32_t milliseconds);

#endif
