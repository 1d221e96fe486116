/* kernel/vec_portable.h: the 16-lane vector of the kernels in plain C with the vector extension of
 * gcc and clang, for any processor; it also states what the names mean.
 *
 *   vf_* works on 16 floats (edb_vf), vi_* on 16 int32 (edb_vi), vm_* on 16 truth values (edb_vm).
 *   Every arithmetic function rounds once per lane; vf_fma is one rounding also where the processor
 * has no such instruction. Comparisons with NaN are false. */
#ifndef EDB_KERNEL_VEC_PORTABLE_H
#define EDB_KERNEL_VEC_PORTABLE_H

#include <string.h>

#include "kernel/vec_common.h"

#define VF_BURST_CHAINS  6
#define VF_PANEL_VECTORS 1
#define VF_TILE_ROWS_1   4

typedef float edb_vf __attribute__((vector_size(64)));
typedef int32_t edb_vi __attribute__((vector_size(64)));
typedef uint32_t edb_vu __attribute__((vector_size(64)));
typedef edb_vi edb_vm; /* -1: true, 0: false */

/* Lanes 0 .. n - 1; n <= 16. */
VF_INLINE edb_vm vm_first(size_t n) {
  const edb_vi lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return lane < (edb_vi){0} + (int32_t)n;
}
VF_INLINE edb_vm vm_or(edb_vm a, edb_vm b) {
  return a | b;
}
/* Bit i: lane i. */
VF_INLINE uint32_t vm_bits(edb_vm m) {
  uint32_t bits = 0;
  for (int i = 0; i < VF_LANES; i++) bits |= (uint32_t)(m[i] & 1) << i;
  return bits;
}

VF_INLINE edb_vf vf_set1(float x) {
  return (edb_vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}
/* No alignment is asked of the pointers. */
VF_INLINE edb_vf vf_load(const float *p) {
  edb_vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
VF_INLINE void vf_store(float *p, edb_vf v) {
  memcpy(p, &v, sizeof v);
}
/* The first n <= 16 floats and nothing beyond them; the other lanes are +0. */
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
  return a + b;
}
VF_INLINE edb_vf vf_sub(edb_vf a, edb_vf b) {
  return a - b;
}
VF_INLINE edb_vf vf_mul(edb_vf a, edb_vf b) {
  return a * b;
}
VF_INLINE edb_vf vf_div(edb_vf a, edb_vf b) {
  return a / b;
}
/* a * b + c */
VF_INLINE edb_vf vf_fma(edb_vf a, edb_vf b, edb_vf c) {
  for (int i = 0; i < VF_LANES; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
}
VF_INLINE edb_vf vf_sqrt(edb_vf a) {
  for (int i = 0; i < VF_LANES; i++) a[i] = __builtin_sqrtf(a[i]);
  return a;
}

VF_INLINE edb_vm vf_lt(edb_vf a, edb_vf b) {
  return a < b;
}
VF_INLINE edb_vm vf_gt(edb_vf a, edb_vf b) {
  return a > b;
}
VF_INLINE edb_vm vf_eq(edb_vf a, edb_vf b) {
  return a == b;
}
VF_INLINE edb_vm vf_nan(edb_vf a) {
  return a != a;
}
VF_INLINE edb_vf vf_blend(edb_vm m, edb_vf yes, edb_vf no) {
  return (edb_vf)((m & (edb_vi)yes) | (~m & (edb_vi)no));
}

/* a > b ? a : b and a < b ? a : b: b where one is NaN and of two zeros. */
VF_INLINE edb_vf vf_greater(edb_vf a, edb_vf b) {
  return vf_blend(a > b, a, b);
}
VF_INLINE edb_vf vf_less(edb_vf a, edb_vf b) {
  return vf_blend(a < b, a, b);
}

VF_INLINE edb_vi vf_bits(edb_vf a) {
  return (edb_vi)a;
}
VF_INLINE edb_vf vf_from_bits(edb_vi a) {
  return (edb_vf)a;
}
VF_INLINE edb_vi vi_set1(int32_t x) {
  return (edb_vi){0} + x;
}
/* Integer arithmetic wraps: NaN and infinity go through the bit tricks too. */
VF_INLINE edb_vi vi_add(edb_vi a, edb_vi b) {
  return (edb_vi)((edb_vu)a + (edb_vu)b);
}
VF_INLINE edb_vi vi_sub(edb_vi a, edb_vi b) {
  return (edb_vi)((edb_vu)a - (edb_vu)b);
}
VF_INLINE edb_vi vi_and(edb_vi a, edb_vi b) {
  return a & b;
}
VF_INLINE edb_vi vi_or(edb_vi a, edb_vi b) {
  return a | b;
}
VF_INLINE edb_vi vi_xor(edb_vi a, edb_vi b) {
  return a ^ b;
}
VF_INLINE edb_vi vi_shift_left(edb_vi a, int bits) {
  return (edb_vi)((edb_vu)a << bits);
}
/* Arithmetic: copies of the sign come in. */
VF_INLINE edb_vi vi_shift_right(edb_vi a, int bits) {
  return a >> bits;
}
VF_INLINE edb_vf vf_from_vi(edb_vi a) {
  return __builtin_convertvector(a, edb_vf);
}
VF_INLINE edb_vm vi_nonzero(edb_vi a) {
  return a != 0;
}

/* x * 2^n, rounded once (also to a denormal or to infinity), for a whole n in [-150, 128] and
 * 0.5 < |x| < 2: the first factor keeps x normal, so it rounds nothing. The sum with 1.5 * 2^23
 * puts n into the low bits of a float. */
VF_INLINE edb_vf vf_scale(edb_vf x, edb_vf n) {
  const edb_vi whole = vi_sub(vf_bits(vf_add(n, vf_set1(0x1.8p23f))), vi_set1(0x4b400000));
  const edb_vi half = vi_shift_right(whole, 1);
  const edb_vi rest = vi_sub(whole, half);
  const edb_vf first = vf_from_bits(vi_shift_left(vi_add(half, vi_set1(127)), 23));
  const edb_vf second = vf_from_bits(vi_shift_left(vi_add(rest, vi_set1(127)), 23));
  return vf_mul(vf_mul(x, first), second);
}

/* Lane i gets lane i ^ 8, 4, 2, 1. */
VF_INLINE edb_vf vf_swap8(edb_vf v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
VF_INLINE edb_vf vf_swap4(edb_vf v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
}
VF_INLINE edb_vf vf_swap2(edb_vf v) {
  return __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}
VF_INLINE edb_vf vf_swap1(edb_vf v) {
  return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}
VF_INLINE float vf_first(edb_vf v) {
  return v[0];
}

/* v[i] lane j <-> v[j] lane i. */
VF_INLINE void vf_transpose(edb_vf v[16]) {
  for (int i = 0; i < VF_LANES; i++) {
    for (int j = 0; j < i; j++) {
      const float t = v[i][j];
      v[i][j] = v[j][i];
      v[j][i] = t;
    }
  }
}

#endif
