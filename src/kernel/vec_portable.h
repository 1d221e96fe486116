/* kernel/vec_portable.h: the 16-lane vector of the kernels in plain C, for any processor; it also
 * states what the names mean.
 *
 *   vf_* works on 16 floats (edb_vf), vi_* on 16 int32 (edb_vi), vm_* on 16 truth values (edb_vm).
 *   Every arithmetic function rounds once per lane; vf_fma is one rounding also where the processor
 * has no such instruction. Comparisons with NaN are false. Integers wrap. */
#ifndef EDB_KERNEL_VEC_PORTABLE_H
#define EDB_KERNEL_VEC_PORTABLE_H

#include <math.h>
#include <string.h>

/* Sixteen lanes of plain code are long: the compiler decides what to inline and unroll. */
#define VF_INLINE static inline
#define VF_UNROLL
#include "kernel/vec_common.h"

#define VF_BURST_CHAINS    6
#define VF_PANEL_VECTORS   1
#define VF_TILE_ROWS_1     4
#define VF_TILE_VECTORS    1
#define VF_ACROSS_PANELS_1 1
#define VF_ACROSS_PANELS_2 1
#define VF_ACROSS_PANELS_3 1

typedef struct edb_vf {
  float lane[VF_LANES];
} edb_vf;
typedef struct edb_vi {
  int32_t lane[VF_LANES];
} edb_vi;
typedef struct edb_vm {
  bool lane[VF_LANES];
} edb_vm;

/* A function whose lane i is an expression of i. */
#define VF_LANEWISE(type, expression)                                  \
  type result;                                                         \
  for (size_t i = 0; i < VF_LANES; i++) result.lane[i] = (expression); \
  return result

VF_INLINE float vf_float_of(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
VF_INLINE int32_t vf_bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Lanes 0 .. n - 1; n <= 16. */
VF_INLINE edb_vm vm_first(size_t n) {
  VF_LANEWISE(edb_vm, i < n);
}
VF_INLINE edb_vm vm_or(edb_vm a, edb_vm b) {
  VF_LANEWISE(edb_vm, a.lane[i] || b.lane[i]);
}
/* Bit i: lane i. */
VF_INLINE uint32_t vm_bits(edb_vm m) {
  uint32_t bits = 0;
  for (size_t i = 0; i < VF_LANES; i++) bits |= (uint32_t)m.lane[i] << i;
  return bits;
}

VF_INLINE edb_vf vf_set1(float x) {
  VF_LANEWISE(edb_vf, x);
}
/* No alignment is asked of the pointers. */
VF_INLINE edb_vf vf_load(const float *p) {
  VF_LANEWISE(edb_vf, p[i]);
}
VF_INLINE void vf_store(float *p, edb_vf v) {
  memcpy(p, v.lane, sizeof v.lane);
}
/* The first n <= 16 floats and nothing beyond them; the other lanes are +0. */
VF_INLINE edb_vf vf_load_n(const float *p, size_t n) {
  VF_LANEWISE(edb_vf, i < n ? p[i] : 0.0f);
}
VF_INLINE void vf_store_n(float *p, edb_vf v, size_t n) {
  for (size_t i = 0; i < n; i++) p[i] = v.lane[i];
}

VF_INLINE edb_vf vf_add(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vf, a.lane[i] + b.lane[i]);
}
VF_INLINE edb_vf vf_sub(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vf, a.lane[i] - b.lane[i]);
}
VF_INLINE edb_vf vf_mul(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vf, a.lane[i] * b.lane[i]);
}
VF_INLINE edb_vf vf_div(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vf, a.lane[i] / b.lane[i]);
}
/* a * b + c */
VF_INLINE edb_vf vf_fma(edb_vf a, edb_vf b, edb_vf c) {
  VF_LANEWISE(edb_vf, fmaf(a.lane[i], b.lane[i], c.lane[i]));
}
VF_INLINE edb_vf vf_sqrt(edb_vf a) {
  VF_LANEWISE(edb_vf, sqrtf(a.lane[i]));
}

VF_INLINE edb_vm vf_lt(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vm, a.lane[i] < b.lane[i]);
}
VF_INLINE edb_vm vf_gt(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vm, a.lane[i] > b.lane[i]);
}
VF_INLINE edb_vm vf_eq(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vm, a.lane[i] == b.lane[i]);
}
VF_INLINE edb_vm vf_nan(edb_vf a) {
  VF_LANEWISE(edb_vm, a.lane[i] != a.lane[i]);
}
VF_INLINE edb_vf vf_blend(edb_vm m, edb_vf yes, edb_vf no) {
  VF_LANEWISE(edb_vf, m.lane[i] ? yes.lane[i] : no.lane[i]);
}

/* b where one is NaN and of two zeros. */
VF_INLINE edb_vf vf_greater(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vf, a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]);
}
VF_INLINE edb_vf vf_less(edb_vf a, edb_vf b) {
  VF_LANEWISE(edb_vf, a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]);
}

VF_INLINE edb_vi vf_bits(edb_vf a) {
  VF_LANEWISE(edb_vi, vf_bits_of(a.lane[i]));
}
VF_INLINE edb_vf vf_from_bits(edb_vi a) {
  VF_LANEWISE(edb_vf, vf_float_of(a.lane[i]));
}
VF_INLINE edb_vi vi_set1(int32_t x) {
  VF_LANEWISE(edb_vi, x);
}
VF_INLINE edb_vi vi_add(edb_vi a, edb_vi b) {
  VF_LANEWISE(edb_vi, (int32_t)((uint32_t)a.lane[i] + (uint32_t)b.lane[i]));
}
VF_INLINE edb_vi vi_sub(edb_vi a, edb_vi b) {
  VF_LANEWISE(edb_vi, (int32_t)((uint32_t)a.lane[i] - (uint32_t)b.lane[i]));
}
VF_INLINE edb_vi vi_and(edb_vi a, edb_vi b) {
  VF_LANEWISE(edb_vi, a.lane[i] & b.lane[i]);
}
VF_INLINE edb_vi vi_or(edb_vi a, edb_vi b) {
  VF_LANEWISE(edb_vi, a.lane[i] | b.lane[i]);
}
VF_INLINE edb_vi vi_xor(edb_vi a, edb_vi b) {
  VF_LANEWISE(edb_vi, a.lane[i] ^ b.lane[i]);
}
VF_INLINE edb_vi vi_shift_left(edb_vi a, int bits) {
  VF_LANEWISE(edb_vi, (int32_t)((uint32_t)a.lane[i] << bits));
}
/* Arithmetic: copies of the sign come in. */
VF_INLINE edb_vi vi_shift_right(edb_vi a, int bits) {
  VF_LANEWISE(edb_vi, a.lane[i] >> bits);
}
VF_INLINE edb_vf vf_from_vi(edb_vi a) {
  VF_LANEWISE(edb_vf, (float)a.lane[i]);
}
VF_INLINE edb_vm vi_nonzero(edb_vi a) {
  VF_LANEWISE(edb_vm, a.lane[i] != 0);
}

/* Lane i: table[index & 15], index that of the lane. */
VF_INLINE edb_vf vf_pick(const float table[VF_LANES], edb_vi index) {
  VF_LANEWISE(edb_vf, table[index.lane[i] & (VF_LANES - 1)]);
}

/* Lane i gets lane i ^ 8, 4, 2, 1. */
VF_INLINE edb_vf vf_swap8(edb_vf v) {
  VF_LANEWISE(edb_vf, v.lane[i ^ 8]);
}
VF_INLINE edb_vf vf_swap4(edb_vf v) {
  VF_LANEWISE(edb_vf, v.lane[i ^ 4]);
}
VF_INLINE edb_vf vf_swap2(edb_vf v) {
  VF_LANEWISE(edb_vf, v.lane[i ^ 2]);
}
VF_INLINE edb_vf vf_swap1(edb_vf v) {
  VF_LANEWISE(edb_vf, v.lane[i ^ 1]);
}
VF_INLINE float vf_first(edb_vf v) {
  return v.lane[0];
}

/* v[i] lane j <-> v[j] lane i. */
VF_INLINE void vf_transpose(edb_vf v[16]) {
  for (size_t i = 0; i < VF_LANES; i++) {
    for (size_t j = 0; j < i; j++) {
      const float t = v[i].lane[j];
      v[i].lane[j] = v[j].lane[i];
      v[j].lane[i] = t;
    }
  }
}

#endif
