/* kernel/vec_avx512.h: the 16-lane vector of the kernels as one zmm register.
 *
 * The vec_*.h files define the same names with the same meaning (vec_portable.h states it);
 * exactly one of them is included by a translation unit. */
#ifndef EDB_KERNEL_VEC_AVX512_H
#define EDB_KERNEL_VEC_AVX512_H

#include <immintrin.h>

#include "kernel/vec_common.h"

/* Shape of the product's tiles: with v vectors of columns, at most VF_TILE_ROWS_v rows, so that the
 * accumulators, the vectors of B and one broadcast of A fit the 32 registers. */
#define VF_PANEL_VECTORS 4
#define VF_TILE_VECTORS  4
#define VF_TILE_ROWS_1   12
#define VF_TILE_ROWS_2   12
#define VF_TILE_ROWS_3   8
#define VF_TILE_ROWS_4   6
/* Independent chains of the peak measurement. */
#define VF_BURST_CHAINS 12

typedef __m512 edb_vf;
typedef __m512i edb_vi;
typedef __mmask16 edb_vm;

VF_INLINE edb_vm vm_first(size_t n) {
  return (edb_vm)((1u << n) - 1u);
}
VF_INLINE edb_vm vm_or(edb_vm a, edb_vm b) {
  return (edb_vm)(a | b);
}
VF_INLINE uint32_t vm_bits(edb_vm m) {
  return m;
}

/* v must be in a register here: it is not read from memory again. */
#define VF_KEEP(v) __asm__("" : "+v"(v))

VF_INLINE edb_vf vf_set1(float x) {
  return _mm512_set1_ps(x);
}
VF_INLINE edb_vf vf_load(const float *p) {
  return _mm512_loadu_ps(p);
}
VF_INLINE void vf_store(float *p, edb_vf v) {
  _mm512_storeu_ps(p, v);
}
VF_INLINE edb_vf vf_load_n(const float *p, size_t n) {
  return _mm512_maskz_loadu_ps(vm_first(n), p);
}
VF_INLINE void vf_store_n(float *p, edb_vf v, size_t n) {
  _mm512_mask_storeu_ps(p, vm_first(n), v);
}

VF_INLINE edb_vf vf_add(edb_vf a, edb_vf b) {
  return _mm512_add_ps(a, b);
}
VF_INLINE edb_vf vf_sub(edb_vf a, edb_vf b) {
  return _mm512_sub_ps(a, b);
}
VF_INLINE edb_vf vf_mul(edb_vf a, edb_vf b) {
  return _mm512_mul_ps(a, b);
}
VF_INLINE edb_vf vf_div(edb_vf a, edb_vf b) {
  return _mm512_div_ps(a, b);
}
VF_INLINE edb_vf vf_fma(edb_vf a, edb_vf b, edb_vf c) {
  return _mm512_fmadd_ps(a, b, c);
}
VF_INLINE edb_vf vf_sqrt(edb_vf a) {
  return _mm512_maskz_sqrt_ps(0xffff, a);
}
/* One instruction for what kernel/math.h does in several. */
#define VF_HAS_SCALE
VF_INLINE edb_vf vf_scale(edb_vf x, edb_vf n, edb_vf shifted) {
  (void)shifted;
  return _mm512_maskz_scalef_ps(0xffff, x, n);
}

VF_INLINE edb_vm vf_lt(edb_vf a, edb_vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
VF_INLINE edb_vm vf_gt(edb_vf a, edb_vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
VF_INLINE edb_vm vf_eq(edb_vf a, edb_vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
VF_INLINE edb_vm vf_nan(edb_vf a) {
  return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
VF_INLINE edb_vf vf_blend(edb_vm m, edb_vf yes, edb_vf no) {
  return _mm512_mask_blend_ps(m, no, yes);
}

VF_INLINE edb_vf vf_greater(edb_vf a, edb_vf b) {
  return _mm512_maskz_max_ps(0xffff, a, b);
}
VF_INLINE edb_vf vf_less(edb_vf a, edb_vf b) {
  return _mm512_maskz_min_ps(0xffff, a, b);
}

VF_INLINE edb_vi vf_bits(edb_vf a) {
  return _mm512_castps_si512(a);
}
VF_INLINE edb_vf vf_from_bits(edb_vi a) {
  return _mm512_castsi512_ps(a);
}
VF_INLINE edb_vi vi_set1(int32_t x) {
  return _mm512_set1_epi32(x);
}
VF_INLINE edb_vi vi_add(edb_vi a, edb_vi b) {
  return _mm512_add_epi32(a, b);
}
VF_INLINE edb_vi vi_sub(edb_vi a, edb_vi b) {
  return _mm512_sub_epi32(a, b);
}
VF_INLINE edb_vi vi_and(edb_vi a, edb_vi b) {
  return _mm512_and_si512(a, b);
}
VF_INLINE edb_vi vi_or(edb_vi a, edb_vi b) {
  return _mm512_or_si512(a, b);
}
VF_INLINE edb_vi vi_xor(edb_vi a, edb_vi b) {
  return _mm512_xor_si512(a, b);
}
VF_INLINE edb_vi vi_shift_left(edb_vi a, int bits) {
  return _mm512_maskz_slli_epi32(0xffff, a, (unsigned)bits);
}
VF_INLINE edb_vi vi_shift_right(edb_vi a, int bits) {
  return _mm512_maskz_srai_epi32(0xffff, a, (unsigned)bits);
}
VF_INLINE edb_vf vf_from_vi(edb_vi a) {
  return _mm512_maskz_cvtepi32_ps(0xffff, a);
}
VF_INLINE edb_vm vi_nonzero(edb_vi a) {
  return _mm512_test_epi32_mask(a, a);
}

VF_INLINE edb_vf vf_pick(const float table[VF_LANES], edb_vi index) {
  return _mm512_maskz_permutexvar_ps(0xffff, index, vf_load(table));
}

VF_INLINE edb_vf vf_swap8(edb_vf v) {
  return _mm512_maskz_shuffle_f32x4(0xffff, v, v, 0x4e);
}
VF_INLINE edb_vf vf_swap4(edb_vf v) {
  return _mm512_maskz_shuffle_f32x4(0xffff, v, v, 0xb1);
}
VF_INLINE edb_vf vf_swap2(edb_vf v) {
  return _mm512_maskz_permute_ps(0xffff, v, 0x4e);
}
VF_INLINE edb_vf vf_swap1(edb_vf v) {
  return _mm512_maskz_permute_ps(0xffff, v, 0xb1);
}
VF_INLINE float vf_first(edb_vf v) {
  return _mm512_cvtss_f32(v);
}

/* v[i] lane j <-> v[j] lane i, in four rounds of 32: pairs of rows, then of 64-bit pairs (both
 * within 128-bit quarters), then the quarters themselves. */
VF_INLINE void vf_transpose(edb_vf v[16]) {
  const __mmask16 all = 0xffff;
  edb_vf t[16], u[16];
  VF_UNROLL
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_maskz_unpacklo_ps(all, v[i], v[i + 1]);
    t[i + 1] = _mm512_maskz_unpackhi_ps(all, v[i], v[i + 1]);
  }
  VF_UNROLL
  for (int i = 0; i < 16; i += 4) {
    u[i] = _mm512_maskz_shuffle_ps(all, t[i], t[i + 2], 0x44);
    u[i + 1] = _mm512_maskz_shuffle_ps(all, t[i], t[i + 2], 0xee);
    u[i + 2] = _mm512_maskz_shuffle_ps(all, t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm512_maskz_shuffle_ps(all, t[i + 1], t[i + 3], 0xee);
  }
  VF_UNROLL
  for (int j = 0; j < 4; j++) {
    const edb_vf a = _mm512_maskz_shuffle_f32x4(all, u[j], u[4 + j], 0x88);
    const edb_vf b = _mm512_maskz_shuffle_f32x4(all, u[j], u[4 + j], 0xdd);
    const edb_vf c = _mm512_maskz_shuffle_f32x4(all, u[8 + j], u[12 + j], 0x88);
    const edb_vf d = _mm512_maskz_shuffle_f32x4(all, u[8 + j], u[12 + j], 0xdd);
    v[j] = _mm512_maskz_shuffle_f32x4(all, a, c, 0x88);
    v[4 + j] = _mm512_maskz_shuffle_f32x4(all, b, d, 0x88);
    v[8 + j] = _mm512_maskz_shuffle_f32x4(all, a, c, 0xdd);
    v[12 + j] = _mm512_maskz_shuffle_f32x4(all, b, d, 0xdd);
  }
}

#endif
