/* kernel/movement_impl.h: transposition and what rests on it, and gathers; compiled once per level.
 */
#ifndef EDB_KERNEL_MOVEMENT_IMPL_H
#define EDB_KERNEL_MOVEMENT_IMPL_H

#include "kernel/bf16.h"
#include "kernel/reduce_impl.h"

static void kernel_transpose(size_t rows, size_t cols, const float *src, ptrdiff_t src_stride,
                             float *dst, ptrdiff_t dst_stride) {
  for (size_t r = 0; r < rows; r += VF_LANES) {
    const size_t height = at_most_lanes(rows - r);
    for (size_t c = 0; c < cols; c += VF_LANES) {
      const size_t width = at_most_lanes(cols - c);
      edb_vf v[VF_LANES];
      load_transposed(height, width, src + (ptrdiff_t)r * src_stride + c, src_stride, v);
      float *out = dst + (ptrdiff_t)c * dst_stride + r;
      for (size_t j = 0; j < width; j++) vf_store_n(out + (ptrdiff_t)j * dst_stride, v[j], height);
    }
  }
}

/* Up to 16 rows of a: lane i of the result runs along row i. */
VF_INLINE edb_vf matvec_block(size_t rows, size_t k, const float *a, ptrdiff_t a_stride,
                              const float *x) {
  edb_vf sum = vf_set1(0.0f), v[VF_LANES];
  size_t j = 0;
  for (; j + VF_LANES <= k; j += VF_LANES) {
    load_transposed(rows, VF_LANES, a + j, a_stride, v);
    VF_UNROLL
    for (size_t i = 0; i < VF_LANES; i++) sum = vf_fma(v[i], vf_set1(x[j + i]), sum);
  }
  if (j < k) {
    load_transposed(rows, k - j, a + j, a_stride, v);
    for (size_t i = 0; i < k - j; i++) sum = vf_fma(v[i], vf_set1(x[j + i]), sum);
  }
  return sum;
}

/* 32 rows side by side: two chains, so that the latency of one hides behind the other. */
VF_INLINE void matvec_pair(size_t k, const float *a, ptrdiff_t a_stride, const float *x, float *y) {
  const float *below = a + VF_LANES * a_stride;
  edb_vf upper = vf_set1(0.0f), lower = vf_set1(0.0f), u[VF_LANES], l[VF_LANES];
  size_t j = 0;
  for (; j + VF_LANES <= k; j += VF_LANES) {
    load_transposed(VF_LANES, VF_LANES, a + j, a_stride, u);
    load_transposed(VF_LANES, VF_LANES, below + j, a_stride, l);
    VF_UNROLL
    for (size_t i = 0; i < VF_LANES; i++) {
      const edb_vf factor = vf_set1(x[j + i]);
      upper = vf_fma(u[i], factor, upper);
      lower = vf_fma(l[i], factor, lower);
    }
  }
  if (j < k) {
    load_transposed(VF_LANES, k - j, a + j, a_stride, u);
    load_transposed(VF_LANES, k - j, below + j, a_stride, l);
    for (size_t i = 0; i < k - j; i++) {
      upper = vf_fma(u[i], vf_set1(x[j + i]), upper);
      lower = vf_fma(l[i], vf_set1(x[j + i]), lower);
    }
  }
  vf_store(y, upper);
  vf_store(y + VF_LANES, lower);
}

static void kernel_matvec(size_t m, size_t k, const float *a, ptrdiff_t a_stride, const float *x,
                          float *y) {
  const size_t pair = 2 * (size_t)VF_LANES;
  size_t i = 0;
  for (; i + pair <= m; i += pair) {
    matvec_pair(k, a + (ptrdiff_t)i * a_stride, a_stride, x, y + i);
  }
  for (; i < m; i += VF_LANES) {
    const size_t rows = at_most_lanes(m - i);
    const edb_vf v = matvec_block(rows, k, a + (ptrdiff_t)i * a_stride, a_stride, x);
    vf_store_n(y + i, v, rows);
  }
}

static void kernel_gather(size_t rows, size_t cols, const float *const *src, float *dst,
                          ptrdiff_t dst_stride) {
  for (size_t r = 0; r < rows; r++) {
    unary_row(cols, src[r], 1, dst + (ptrdiff_t)r * dst_stride, vf_copy);
  }
}

/* The same at every level: integers only. The compiler makes vectors of it. */
static void kernel_to_bf16(size_t rows, size_t cols, const float *x, ptrdiff_t x_stride, float *y,
                           ptrdiff_t y_stride) {
  for (size_t r = 0; r < rows; r++) {
    const float *in = x + (ptrdiff_t)r * x_stride;
    float *out = y + (ptrdiff_t)r * y_stride;
    for (size_t i = 0; i < cols / 2; i++) out[i] = edb_bf16_pair(in[2 * i], in[2 * i + 1]);
    if (cols % 2 == 1) out[cols / 2] = edb_bf16_pair(in[cols - 1], 0.0f);
  }
}

static void kernel_move(size_t rows, size_t cols, const float *const *src, float *const *dst) {
  for (size_t r = 0; r < rows; r++) unary_row(cols, src[r], 1, dst[r], vf_copy);
}

/* `count` rounds of EDB_BURST_STEPS multiply-adds of 16 lanes, in as many independent chains as
 * there are registers for: what the processor can do at most. The lanes differ, lest the compiler
 * merge them. */
static float kernel_burst(size_t count, float factor) {
  static const float start[VF_LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const edb_vf f = vf_set1(factor);
  edb_vf chain[VF_BURST_CHAINS];
  VF_UNROLL
  for (int i = 0; i < VF_BURST_CHAINS; i++) chain[i] = vf_add(vf_load(start), vf_set1((float)i));
  for (size_t n = 0; n < count; n++) {
    VF_UNROLL
    for (int i = 0; i < EDB_BURST_STEPS; i++) {
      chain[i % VF_BURST_CHAINS] = vf_fma(chain[i % VF_BURST_CHAINS], f, f);
    }
  }
  edb_vf sum = chain[0];
  for (int i = 1; i < VF_BURST_CHAINS; i++) sum = vf_add(sum, chain[i]);
  return fold(sum, vf_add);
}

/* Adds up in enough chains that loads, not additions, set the pace. */
static float kernel_read(size_t count, const float *data) {
  enum { CHAINS = EDB_READ_FLOATS / VF_LANES };
  edb_vf chain[CHAINS];
  VF_UNROLL
  for (int i = 0; i < CHAINS; i++) chain[i] = vf_set1(0);
  for (size_t at = 0; at < count; at += EDB_READ_FLOATS) {
    VF_UNROLL
    for (int i = 0; i < CHAINS; i++) {
      chain[i] = vf_add(chain[i], vf_load(data + at + (size_t)i * VF_LANES));
    }
  }
  edb_vf sum = chain[0];
  for (int i = 1; i < CHAINS; i++) sum = vf_add(sum, chain[i]);
  return fold(sum, vf_add);
}

#endif
