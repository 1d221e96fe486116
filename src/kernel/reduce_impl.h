/* kernel/reduce_impl.h: operators that reduce each row, or the rows of each segment; compiled once
 * per level.
 *
 * The order within a row: lane l holds entries l, l + 16, ... combined in order (start: +0 for
 * sums, -inf for maxima); a lane without an entry keeps its start. Then lanes i and i + 8 are
 * combined, then i + 4, i + 2, i + 1. */
#ifndef EDB_KERNEL_REDUCE_IMPL_H
#define EDB_KERNEL_REDUCE_IMPL_H

#include "base/status.h"
#include "kernel/ask.h"
#include "kernel/elementwise_impl.h"

VF_INLINE size_t at_most_lanes(size_t n) {
  return n < VF_LANES ? n : VF_LANES;
}

/* A block of up to 16 x 16: v[j] lane i = src[i][j]; rows and columns that are not there are +0. */
VF_INLINE void load_transposed(size_t rows, size_t cols, const float *src, ptrdiff_t stride,
                               edb_vf v[VF_LANES]) {
  if (rows == VF_LANES && cols == VF_LANES) {
    VF_UNROLL
    for (size_t i = 0; i < VF_LANES; i++) v[i] = vf_load(src + (ptrdiff_t)i * stride);
  } else {
    for (size_t i = 0; i < VF_LANES; i++) {
      v[i] = i < rows ? vf_load_n(src + (ptrdiff_t)i * stride, cols) : vf_set1(0.0f);
    }
  }
  vf_transpose(v);
}

VF_INLINE float fold(edb_vf v, vf_binary f) {
  v = f(v, vf_swap8(v));
  v = f(v, vf_swap4(v));
  v = f(v, vf_swap2(v));
  return vf_first(f(v, vf_swap1(v)));
}

VF_INLINE edb_vf negative_infinity(void) {
  return vf_from_bits(vi_set1((int32_t)0xff800000));
}

/* The zeros that a short load puts into the other lanes change no sum that began at +0. */
VF_INLINE float row_sum(size_t cols, const float *x, ptrdiff_t stride) {
  edb_vf sum = vf_set1(0.0f);
  size_t c = 0;
  for (; c + VF_LANES <= cols; c += VF_LANES) sum = vf_add(sum, span_load(x, stride, c));
  if (c < cols) sum = vf_add(sum, span_load_n(x, stride, c, cols - c));
  return fold(sum, vf_add);
}

/* NaN if any entry is. */
VF_INLINE float row_max(size_t cols, const float *x, ptrdiff_t stride) {
  edb_vf max = negative_infinity();
  size_t c = 0;
  for (; c + VF_LANES <= cols; c += VF_LANES) max = vf_max(span_load(x, stride, c), max);
  if (c < cols) {
    const size_t n = cols - c;
    max = vf_blend(vm_first(n), vf_max(span_load_n(x, stride, c, n), max), max);
  }
  return fold(max, vf_max);
}

static void kernel_sum(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    y[(ptrdiff_t)r * y_stride] = row_sum(cols, span_row(x, r), x.col_stride);
  }
}

static void kernel_mean(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    y[(ptrdiff_t)r * y_stride] = row_sum(cols, span_row(x, r), x.col_stride) / (float)cols;
  }
}

static void kernel_maximum(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    y[(ptrdiff_t)r * y_stride] = row_max(cols, span_row(x, r), x.col_stride);
  }
}

/* The first entry that is not below the maximum: the first NaN if there is one. */
VF_INLINE size_t row_argmax(size_t cols, const float *x, ptrdiff_t stride) {
  const edb_vf max = vf_set1(row_max(cols, x, stride));
  for (size_t c = 0; c < cols; c += VF_LANES) {
    const size_t n = cols - c < VF_LANES ? cols - c : VF_LANES;
    const edb_vf v = span_load_n(x, stride, c, n);
    const uint32_t found = vm_bits(vm_or(vf_eq(v, max), vf_nan(v))) & ((1u << n) - 1u);
    if (found != 0) return c + (size_t)__builtin_ctz(found);
  }
  return 0;
}

static void kernel_argmax(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    y[(ptrdiff_t)r * y_stride] = (float)row_argmax(cols, span_row(x, r), x.col_stride);
  }
}

/* One step of a dot product and of a sum of squared differences. */
typedef edb_vf (*vf_accumulate)(edb_vf a, edb_vf b, edb_vf sum);

VF_INLINE edb_vf accumulate_square(edb_vf a, edb_vf b, edb_vf sum) {
  const edb_vf d = vf_sub(a, b);
  return vf_fma(d, d, sum);
}

VF_INLINE void reduce_pairs(size_t rows, size_t cols, edb_span a, edb_span b, float *y,
                            ptrdiff_t y_stride, vf_accumulate f) {
  for (size_t r = 0; r < rows; r++) {
    const float *p = span_row(a, r), *q = span_row(b, r);
    edb_vf sum = vf_set1(0.0f);
    size_t c = 0;
    for (; c + VF_LANES <= cols; c += VF_LANES) {
      sum = f(span_load(p, a.col_stride, c), span_load(q, b.col_stride, c), sum);
    }
    if (c < cols) {
      const size_t n = cols - c;
      sum = f(span_load_n(p, a.col_stride, c, n), span_load_n(q, b.col_stride, c, n), sum);
    }
    y[(ptrdiff_t)r * y_stride] = fold(sum, vf_add);
  }
}

static void kernel_dot(size_t rows, size_t cols, edb_span a, edb_span b, float *y,
                       ptrdiff_t y_stride) {
  reduce_pairs(rows, cols, a, b, y, y_stride, vf_fma);
}

static void kernel_squared_error(size_t rows, size_t cols, edb_span a, edb_span b, float *y,
                                 ptrdiff_t y_stride) {
  reduce_pairs(rows, cols, a, b, y, y_stride, accumulate_square);
}

/* Sum of exp(x - max) over the row; the terms are stored if y is not NULL (y may be x). */
VF_INLINE float row_exp_sum(size_t cols, const float *x, ptrdiff_t stride, float max, float *y) {
  const edb_vf shift = vf_set1(max);
  edb_vf sum = vf_set1(0.0f);
  size_t c = 0;
  for (; c + VF_LANES <= cols; c += VF_LANES) {
    const edb_vf e = vf_exp(vf_sub(span_load(x, stride, c), shift));
    if (y != NULL) vf_store(y + c, e);
    sum = vf_add(sum, e);
  }
  if (c < cols) {
    const size_t n = cols - c;
    const edb_vf e = vf_exp(vf_sub(span_load_n(x, stride, c, n), shift));
    if (y != NULL) vf_store_n(y + c, e, n);
    sum = vf_add(sum, vf_blend(vm_first(n), e, vf_set1(0.0f)));
  }
  return fold(sum, vf_add);
}

/* exp(x - max) / sum of them. */
static void kernel_softmax(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    const float *row = span_row(x, r);
    float *out = y + (ptrdiff_t)r * y_stride;
    const float max = row_max(cols, row, x.col_stride);
    const float sum = row_exp_sum(cols, row, x.col_stride, max, out);
    const edb_span exps = {out, 0, 1}, scale = {&sum, 0, 0};
    kernel_div(1, cols, exps, scale, out, 0);
  }
}

/* (x - max) - log(sum of exp(x - max)). */
static void kernel_log_softmax(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    const float *row = span_row(x, r);
    float *out = y + (ptrdiff_t)r * y_stride;
    const float max = row_max(cols, row, x.col_stride);
    const float sum = row_exp_sum(cols, row, x.col_stride, max, NULL);
    const float log_sum = vf_first(vf_log(vf_set1(sum)));
    const edb_span in = {row, 0, x.col_stride}, shift = {&max, 0, 0}, scale = {&log_sum, 0, 0};
    kernel_sub(1, cols, in, shift, out, 0);
    kernel_sub(1, cols, (edb_span){out, 0, 1}, scale, out, 0);
  }
}

/* The same tree as fold(), for 16 rows at once: v[i] holds entry i of each. */
VF_INLINE edb_vf fold_columns(edb_vf v[VF_LANES], vf_binary f) {
  for (size_t half = VF_LANES / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; i++) v[i] = f(v[i], v[i + half]);
  }
  return v[0];
}

#define NARROW_COLUMNS 64

/* Up to 16 rows of at most NARROW_COLUMNS entries; lane r belongs to row r. picked: x[label] of
 * each. */
VF_INLINE edb_vf narrow_cross_entropy(size_t rows, size_t cols, const float *x, ptrdiff_t stride,
                                      const float *picked) {
  edb_vf v[NARROW_COLUMNS], t[VF_LANES];
  for (size_t c = 0; c < cols; c += VF_LANES)
    load_transposed(rows, at_most_lanes(cols - c), x + c, stride, v + c);
  for (size_t i = 0; i < VF_LANES; i++) t[i] = negative_infinity();
  for (size_t c = 0; c < cols; c++) t[c % VF_LANES] = vf_max(v[c], t[c % VF_LANES]);
  const edb_vf max = fold_columns(t, vf_max);
  for (size_t i = 0; i < VF_LANES; i++) t[i] = vf_set1(0.0f);
  for (size_t c = 0; c < cols; c++)
    t[c % VF_LANES] = vf_add(t[c % VF_LANES], vf_exp(vf_sub(v[c], max)));
  return vf_sub(vf_log(fold_columns(t, vf_add)), vf_sub(vf_load(picked), max));
}

/* gcc 12 takes the frame that AddressSanitizer gives to arrays of a function that uses its stack
 * after return to be aligned for vectors, and it is not (gcc bug 110027): so this one goes without.
 */
__attribute__((no_sanitize("address"))) static void
narrow_cross_entropies(size_t rows, size_t cols, edb_span x, const int32_t *label, float *y,
                       ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r += VF_LANES) {
    const size_t n = at_most_lanes(rows - r);
    float picked[VF_LANES] = {0}, loss[VF_LANES];
    for (size_t i = 0; i < n; i++) {
      EDB_ASSERT(label[r + i] < (int32_t)cols);
      if (label[r + i] >= 0) picked[i] = span_row(x, r + i)[label[r + i]];
    }
    vf_store(loss, narrow_cross_entropy(n, cols, span_row(x, r), x.row_stride, picked));
    for (size_t i = 0; i < n; i++) {
      y[(ptrdiff_t)(r + i) * y_stride] = label[r + i] < 0 ? 0.0f : loss[i];
    }
  }
}

/* Whether rows are worth turning round: then there is an exponential per column for 16 of them,
 * else one per 16 columns for each, and what takes as long as five. */
VF_INLINE bool is_narrow(size_t rows, size_t cols) {
  return cols <= NARROW_COLUMNS && rows * (cols / VF_LANES + 5) >= cols;
}

/* log(sum of exp(x - max)) - (x[label] - max): the negative of log_softmax, bit for bit. */
static void kernel_cross_entropy(size_t rows, size_t cols, edb_span x, const int32_t *label,
                                 float *y, ptrdiff_t y_stride) {
  if (is_narrow(rows, cols) && x.col_stride == 1) {
    narrow_cross_entropies(rows, cols, x, label, y, y_stride);
    return;
  }
  for (size_t r = 0; r < rows; r++) {
    float *out = y + (ptrdiff_t)r * y_stride;
    *out = 0.0f;
    if (label[r] < 0) continue;
    EDB_ASSERT((size_t)label[r] < cols);
    const float *row = span_row(x, r);
    const float max = row_max(cols, row, x.col_stride);
    const float sum = row_exp_sum(cols, row, x.col_stride, max, NULL);
    *out = vf_first(vf_log(vf_set1(sum))) - (row[label[r] * x.col_stride] - max);
  }
}

/* Sum of (x - mean)^2, each difference rounded, by fma. */
VF_INLINE float row_squares(size_t cols, const float *x, ptrdiff_t stride, float mean) {
  float sum;
  const edb_span row = {x, 0, stride}, center = {&mean, 0, 0};
  reduce_pairs(1, cols, row, center, &sum, 0, accumulate_square);
  return sum;
}

/* fma((x - mean) * s, gain, bias) with s = 1 / sqrt(variance + 1e-5). */
static void kernel_layer_norm(size_t rows, size_t cols, edb_span x, edb_span gain, edb_span bias,
                              float *y, ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    const float *row = span_row(x, r), *g = span_row(gain, r), *b = span_row(bias, r);
    float *out = y + (ptrdiff_t)r * y_stride;
    const float mean = row_sum(cols, row, x.col_stride) / (float)cols;
    const float variance = row_squares(cols, row, x.col_stride, mean) / (float)cols;
    const edb_vf deviation = vf_sqrt(vf_set1(variance + 1e-5f));
    const edb_vf scale = vf_div(vf_set1(1.0f), deviation), center = vf_set1(mean);
    for (size_t c = 0; c < cols; c += VF_LANES) {
      const size_t n = cols - c < VF_LANES ? cols - c : VF_LANES;
      const edb_vf d = vf_sub(span_load_n(row, x.col_stride, c, n), center);
      const edb_vf v = vf_fma(vf_mul(d, scale), span_load_n(g, gain.col_stride, c, n),
                              span_load_n(b, bias.col_stride, c, n));
      vf_store_n(out + c, v, n);
    }
  }
}

VF_INLINE const float *row_in(edb_rows_in x, size_t r) {
  return x.apart != NULL ? x.apart[r] : x.data + (ptrdiff_t)r * x.stride;
}

/* Column block c .. c + n - 1 of rows `from` .. `to` - 1, reduced in the order of the rows. */
VF_INLINE edb_vf fold_rows(edb_rows_in x, size_t from, size_t to, size_t c, size_t n, vf_binary f) {
  if (from == to) return vf_set1(0.0f);
  edb_vf v = vf_load_n(row_in(x, from) + c, n);
  for (size_t r = from + 1; r < to; r++) v = f(v, vf_load_n(row_in(x, r) + c, n));
  return v;
}

/* Rows that are elsewhere are asked for while those of the segment before are reduced. */
VF_INLINE void ask_rows(edb_rows_in x, size_t from, size_t to, size_t cols) {
  for (size_t r = from; x.apart != NULL && r < to; r++) edb_ask_row(x.apart[r], cols, false);
}

VF_INLINE void reduce_segments(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x,
                               float *y, ptrdiff_t y_stride, vf_binary f, bool mean) {
  for (size_t i = 0; i < segments; i++) {
    float *out = y + (ptrdiff_t)i * y_stride;
    const uint32_t from = first[i], to = first[i + 1];
    const edb_vf count = vf_set1(from == to ? 1.0f : (float)(to - from));
    if (i + 1 < segments) ask_rows(x, to, first[i + 2], cols);
    for (size_t c = 0; c < cols; c += VF_LANES) {
      const size_t n = cols - c < VF_LANES ? cols - c : VF_LANES;
      const edb_vf v = fold_rows(x, from, to, c, n, f);
      vf_store_n(out + c, mean ? vf_div(v, count) : v, n);
    }
  }
}

static void kernel_sum_over(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x,
                            float *y, ptrdiff_t y_stride) {
  reduce_segments(segments, first, cols, x, y, y_stride, vf_add, false);
}

static void kernel_mean_over(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x,
                             float *y, ptrdiff_t y_stride) {
  reduce_segments(segments, first, cols, x, y, y_stride, vf_add, true);
}

static void kernel_max_over(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x,
                            float *y, ptrdiff_t y_stride) {
  reduce_segments(segments, first, cols, x, y, y_stride, vf_max, false);
}

/* Per column: exp(x - max) / sum of them, max and sum over the rows of the segment in order. */
static void kernel_softmax_over(size_t segments, const uint32_t *first, size_t cols, edb_rows_in x,
                                float *y, ptrdiff_t y_stride) {
  for (size_t i = 0; i < segments; i++) {
    const uint32_t from = first[i], to = first[i + 1];
    for (size_t c = 0; c < cols; c += VF_LANES) {
      const size_t n = cols - c < VF_LANES ? cols - c : VF_LANES;
      const edb_vf max = fold_rows(x, from, to, c, n, vf_max);
      for (size_t r = from; r < to; r++) {
        const edb_vf v = vf_load_n(row_in(x, r) + c, n);
        vf_store_n(y + (ptrdiff_t)r * y_stride + c, vf_exp(vf_sub(v, max)), n);
      }
      const edb_rows_in exps = {.data = y, .stride = y_stride};
      const edb_vf sum = fold_rows(exps, from, to, c, n, vf_add);
      for (size_t r = from; r < to; r++) {
        const edb_vf e = vf_load_n(row_in(exps, r) + c, n);
        vf_store_n(y + (ptrdiff_t)r * y_stride + c, vf_div(e, sum), n);
      }
    }
  }
}

#endif
