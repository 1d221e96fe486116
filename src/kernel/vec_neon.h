/* kernel/vec_neon.h: the 16-lane vector of the kernels as four q registers (AArch64). The names
 * mean what vec_portable.h says. */
#ifndef EDB_KERNEL_VEC_NEON_H
#define EDB_KERNEL_VEC_NEON_H

#include <arm_neon.h>

#include "kernel/vec_common.h"

/* 6 rows x 4 q of sums, 4 q of B and one broadcast of A: 29 of 32 registers. */
#define VF_PANEL_VECTORS 1
#define VF_TILE_ROWS_1   6
/* Panels of a tile of one, two and three rows: sixteen sums or so. */
#define VF_TILE_VECTORS    4
#define VF_ACROSS_PANELS_1 4
#define VF_ACROSS_PANELS_2 2
#define VF_ACROSS_PANELS_3 1
#define VF_BURST_CHAINS    6

typedef struct edb_vf {
  float32x4_t q[4];
} edb_vf;
typedef struct edb_vi {
  int32x4_t q[4];
} edb_vi;
typedef struct edb_vm {
  uint32x4_t q[4]; /* all ones: true, 0: false */
} edb_vm;

/* Quarter by quarter; the arguments may mention the index i. */
#define VF_QUARTERS(type, expression) \
  type result;                        \
  VF_UNROLL                           \
  for (int i = 0; i < 4; i++) {       \
    result.q[i] = (expression);       \
  }                                   \
  return result

VF_INLINE edb_vm vm_first(size_t n) {
  static const uint32_t lane[4] = {0, 1, 2, 3};
  const uint32x4_t lanes = vld1q_u32(lane), count = vdupq_n_u32((uint32_t)n);
  VF_QUARTERS(edb_vm, vcgtq_u32(count, vaddq_u32(lanes, vdupq_n_u32(4 * (uint32_t)i))));
}
VF_INLINE edb_vm vm_or(edb_vm a, edb_vm b) {
  VF_QUARTERS(edb_vm, vorrq_u32(a.q[i], b.q[i]));
}
VF_INLINE uint32_t vm_bits(edb_vm m) {
  static const uint32_t weight[4] = {1, 2, 4, 8};
  const uint32x4_t weights = vld1q_u32(weight);
  uint32_t bits = 0;
  for (int i = 0; i < 4; i++) bits |= vaddvq_u32(vandq_u32(m.q[i], weights)) << (4 * i);
  return bits;
}

VF_INLINE edb_vf vf_set1(float x) {
  VF_QUARTERS(edb_vf, vdupq_n_f32(x));
}
VF_INLINE edb_vf vf_load(const float *p) {
  VF_QUARTERS(edb_vf, vld1q_f32(p + 4 * i));
}
VF_INLINE void vf_store(float *p, edb_vf v) {
  VF_UNROLL
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v.q[i]);
}
VF_INLINE edb_vf vf_load_n(const float *p, size_t n) {
  float lanes[VF_LANES] = {0};
  for (size_t i = 0; i < n; i++) lanes[i] = p[i];
  return vf_load(lanes);
}
VF_INLINE void vf_store_n(float *p, edb_vf v, size_t n) {
  float lanes[VF_LANES];
  vf_store(lanes, v);
  for (size_t i = 0; i < n; i++) p[i] = lanes[i];
}

VF_INLINE edb_vf vf_add(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vf, vaddq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vf vf_sub(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vf, vsubq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vf vf_mul(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vf, vmulq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vf vf_div(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vf, vdivq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vf vf_fma(edb_vf a, edb_vf b, edb_vf c) {
  VF_QUARTERS(edb_vf, vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}
VF_INLINE edb_vf vf_sqrt(edb_vf a) {
  VF_QUARTERS(edb_vf, vsqrtq_f32(a.q[i]));
}

VF_INLINE edb_vm vf_lt(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vm, vcltq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vm vf_gt(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vm, vcgtq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vm vf_eq(edb_vf a, edb_vf b) {
  VF_QUARTERS(edb_vm, vceqq_f32(a.q[i], b.q[i]));
}
VF_INLINE edb_vm vf_nan(edb_vf a) {
  VF_QUARTERS(edb_vm, vmvnq_u32(vceqq_f32(a.q[i], a.q[i])));
}
VF_INLINE edb_vf vf_blend(edb_vm m, edb_vf yes, edb_vf no) {
  VF_QUARTERS(edb_vf, vbslq_f32(m.q[i], yes.q[i], no.q[i]));
}

/* Not vmaxq and vminq, which have other rules for NaN and zeros. */
VF_INLINE edb_vf vf_greater(edb_vf a, edb_vf b) {
  return vf_blend(vf_gt(a, b), a, b);
}
VF_INLINE edb_vf vf_less(edb_vf a, edb_vf b) {
  return vf_blend(vf_lt(a, b), a, b);
}

VF_INLINE edb_vi vf_bits(edb_vf a) {
  VF_QUARTERS(edb_vi, vreinterpretq_s32_f32(a.q[i]));
}
VF_INLINE edb_vf vf_from_bits(edb_vi a) {
  VF_QUARTERS(edb_vf, vreinterpretq_f32_s32(a.q[i]));
}
VF_INLINE edb_vi vi_set1(int32_t x) {
  VF_QUARTERS(edb_vi, vdupq_n_s32(x));
}
VF_INLINE edb_vi vi_add(edb_vi a, edb_vi b) {
  VF_QUARTERS(edb_vi, vaddq_s32(a.q[i], b.q[i]));
}
VF_INLINE edb_vi vi_sub(edb_vi a, edb_vi b) {
  VF_QUARTERS(edb_vi, vsubq_s32(a.q[i], b.q[i]));
}
VF_INLINE edb_vi vi_and(edb_vi a, edb_vi b) {
  VF_QUARTERS(edb_vi, vandq_s32(a.q[i], b.q[i]));
}
VF_INLINE edb_vi vi_or(edb_vi a, edb_vi b) {
  VF_QUARTERS(edb_vi, vorrq_s32(a.q[i], b.q[i]));
}
VF_INLINE edb_vi vi_xor(edb_vi a, edb_vi b) {
  VF_QUARTERS(edb_vi, veorq_s32(a.q[i], b.q[i]));
}
VF_INLINE edb_vi vi_shift_left(edb_vi a, int bits) {
  VF_QUARTERS(edb_vi, vshlq_s32(a.q[i], vdupq_n_s32(bits)));
}
VF_INLINE edb_vi vi_shift_right(edb_vi a, int bits) {
  VF_QUARTERS(edb_vi, vshlq_s32(a.q[i], vdupq_n_s32(-bits)));
}
VF_INLINE edb_vf vf_from_vi(edb_vi a) {
  VF_QUARTERS(edb_vf, vcvtq_f32_s32(a.q[i]));
}
VF_INLINE edb_vm vi_nonzero(edb_vi a) {
  VF_QUARTERS(edb_vm, vtstq_s32(a.q[i], a.q[i]));
}

/* The table as 64 bytes; float k has the bytes 4 k .. 4 k + 3. */
VF_INLINE edb_vf vf_pick(const float table[VF_LANES], edb_vi index) {
  uint8x16x4_t bytes;
  VF_UNROLL
  for (int i = 0; i < 4; i++) bytes.val[i] = vreinterpretq_u8_f32(vld1q_f32(table + 4 * i));
  const int32x4_t mask = vdupq_n_s32(VF_LANES - 1), first = vdupq_n_s32(0x03020100);
  VF_QUARTERS(edb_vf, vreinterpretq_f32_u8(
                          vqtbl4q_u8(bytes, vreinterpretq_u8_s32(vmlaq_n_s32(
                                                first, vandq_s32(index.q[i], mask), 0x04040404)))));
}

VF_INLINE edb_vf vf_swap8(edb_vf v) {
  return (edb_vf){{v.q[2], v.q[3], v.q[0], v.q[1]}};
}
VF_INLINE edb_vf vf_swap4(edb_vf v) {
  return (edb_vf){{v.q[1], v.q[0], v.q[3], v.q[2]}};
}
VF_INLINE edb_vf vf_swap2(edb_vf v) {
  VF_QUARTERS(edb_vf, vextq_f32(v.q[i], v.q[i], 2));
}
VF_INLINE edb_vf vf_swap1(edb_vf v) {
  VF_QUARTERS(edb_vf, vrev64q_f32(v.q[i]));
}
VF_INLINE float vf_first(edb_vf v) {
  return vgetq_lane_f32(v.q[0], 0);
}

/* A 4 x 4 block: pairs of lanes, then the 64-bit halves. */
VF_INLINE void vf_transpose4(float32x4_t v[4]) {
  const float32x4x2_t upper = vtrnq_f32(v[0], v[1]), lower = vtrnq_f32(v[2], v[3]);
  v[0] = vcombine_f32(vget_low_f32(upper.val[0]), vget_low_f32(lower.val[0]));
  v[1] = vcombine_f32(vget_low_f32(upper.val[1]), vget_low_f32(lower.val[1]));
  v[2] = vcombine_f32(vget_high_f32(upper.val[0]), vget_high_f32(lower.val[0]));
  v[3] = vcombine_f32(vget_high_f32(upper.val[1]), vget_high_f32(lower.val[1]));
}

/* Sixteen 4 x 4 blocks, each transposed in its mirrored place. */
VF_INLINE void vf_transpose(edb_vf v[16]) {
  edb_vf t[16];
  VF_UNROLL
  for (int r = 0; r < 4; r++) {
    VF_UNROLL
    for (int c = 0; c < 4; c++) {
      float32x4_t block[4];
      VF_UNROLL
      for (int i = 0; i < 4; i++) block[i] = v[4 * r + i].q[c];
      vf_transpose4(block);
      VF_UNROLL
      for (int i = 0; i < 4; i++) t[4 * c + i].q[r] = block[i];
    }
  }
  VF_UNROLL
  for (int i = 0; i < 16; i++) v[i] = t[i];
}

#endif
