/* kernel/vec_avx2.h: the 16-lane vector of the kernels as two ymm registers (AVX2 and FMA). The
 * names mean what vec_portable.h says. */
#ifndef EDB_KERNEL_VEC_AVX2_H
#define EDB_KERNEL_VEC_AVX2_H

#include <immintrin.h>

#include "kernel/vec_common.h"

/* 6 rows x 2 ymm of sums, 2 ymm of B and one broadcast of A: 15 of 16 registers. */
#define VF_PANEL_VECTORS 1
#define VF_TILE_ROWS_1   6
/* Panels of a tile of one, two and three rows: at least eight sums that do not wait for each other.
 */
#define VF_TILE_VECTORS    4
#define VF_ACROSS_PANELS_1 4
#define VF_ACROSS_PANELS_2 2
#define VF_ACROSS_PANELS_3 2
#define VF_BURST_CHAINS    6

typedef struct edb_vf {
  __m256 lo, hi;
} edb_vf;
typedef struct edb_vi {
  __m256i lo, hi;
} edb_vi;
typedef edb_vi edb_vm; /* -1: true, 0: false */

/* Lane by lane, both halves alike. */
#define VF_MAP1(type, f, a)    ((type){f((a).lo), f((a).hi)})
#define VF_MAP2(type, f, a, b) ((type){f((a).lo, (b).lo), f((a).hi, (b).hi)})

VF_INLINE edb_vm vm_first(size_t n) {
  const __m256i count = _mm256_set1_epi32((int)n);
  return (edb_vm){
      _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
      _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)),
  };
}
VF_INLINE edb_vm vm_or(edb_vm a, edb_vm b) {
  return VF_MAP2(edb_vm, _mm256_or_si256, a, b);
}
VF_INLINE uint32_t vm_bits(edb_vm m) {
  return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(m.lo)) |
         (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(m.hi)) << 8;
}

VF_INLINE edb_vf vf_set1(float x) {
  return (edb_vf){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
VF_INLINE edb_vf vf_load(const float *p) {
  return (edb_vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
VF_INLINE void vf_store(float *p, edb_vf v) {
  _mm256_storeu_ps(p, v.lo);
  _mm256_storeu_ps(p + 8, v.hi);
}
/* The address of the upper half is made only where there are floats in it. */
VF_INLINE edb_vf vf_load_n(const float *p, size_t n) {
  const edb_vm m = vm_first(n);
  return (edb_vf){_mm256_maskload_ps(p, m.lo),
                  n > 8 ? _mm256_maskload_ps(p + 8, m.hi) : _mm256_setzero_ps()};
}
VF_INLINE void vf_store_n(float *p, edb_vf v, size_t n) {
  const edb_vm m = vm_first(n);
  _mm256_maskstore_ps(p, m.lo, v.lo);
  if (n > 8) _mm256_maskstore_ps(p + 8, m.hi, v.hi);
}

VF_INLINE edb_vf vf_add(edb_vf a, edb_vf b) {
  return VF_MAP2(edb_vf, _mm256_add_ps, a, b);
}
VF_INLINE edb_vf vf_sub(edb_vf a, edb_vf b) {
  return VF_MAP2(edb_vf, _mm256_sub_ps, a, b);
}
VF_INLINE edb_vf vf_mul(edb_vf a, edb_vf b) {
  return VF_MAP2(edb_vf, _mm256_mul_ps, a, b);
}
VF_INLINE edb_vf vf_div(edb_vf a, edb_vf b) {
  return VF_MAP2(edb_vf, _mm256_div_ps, a, b);
}
VF_INLINE edb_vf vf_fma(edb_vf a, edb_vf b, edb_vf c) {
  return (edb_vf){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
VF_INLINE edb_vf vf_sqrt(edb_vf a) {
  return VF_MAP1(edb_vf, _mm256_sqrt_ps, a);
}

/* A comparison operator on both halves. */
#define VF_COMPARE(a, b, op)                                        \
  ((edb_vm){_mm256_castps_si256(_mm256_cmp_ps((a).lo, (b).lo, op)), \
            _mm256_castps_si256(_mm256_cmp_ps((a).hi, (b).hi, op))})
VF_INLINE edb_vm vf_lt(edb_vf a, edb_vf b) {
  return VF_COMPARE(a, b, _CMP_LT_OQ);
}
VF_INLINE edb_vm vf_gt(edb_vf a, edb_vf b) {
  return VF_COMPARE(a, b, _CMP_GT_OQ);
}
VF_INLINE edb_vm vf_eq(edb_vf a, edb_vf b) {
  return VF_COMPARE(a, b, _CMP_EQ_OQ);
}
VF_INLINE edb_vm vf_nan(edb_vf a) {
  return VF_COMPARE(a, a, _CMP_UNORD_Q);
}
VF_INLINE edb_vf vf_blend(edb_vm m, edb_vf yes, edb_vf no) {
  return (edb_vf){_mm256_blendv_ps(no.lo, yes.lo, _mm256_castsi256_ps(m.lo)),
                  _mm256_blendv_ps(no.hi, yes.hi, _mm256_castsi256_ps(m.hi))};
}

VF_INLINE edb_vf vf_greater(edb_vf a, edb_vf b) {
  return VF_MAP2(edb_vf, _mm256_max_ps, a, b);
}
VF_INLINE edb_vf vf_less(edb_vf a, edb_vf b) {
  return VF_MAP2(edb_vf, _mm256_min_ps, a, b);
}

VF_INLINE edb_vi vf_bits(edb_vf a) {
  return VF_MAP1(edb_vi, _mm256_castps_si256, a);
}
VF_INLINE edb_vf vf_from_bits(edb_vi a) {
  return VF_MAP1(edb_vf, _mm256_castsi256_ps, a);
}
VF_INLINE edb_vi vi_set1(int32_t x) {
  return (edb_vi){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
VF_INLINE edb_vi vi_add(edb_vi a, edb_vi b) {
  return VF_MAP2(edb_vi, _mm256_add_epi32, a, b);
}
VF_INLINE edb_vi vi_sub(edb_vi a, edb_vi b) {
  return VF_MAP2(edb_vi, _mm256_sub_epi32, a, b);
}
VF_INLINE edb_vi vi_and(edb_vi a, edb_vi b) {
  return VF_MAP2(edb_vi, _mm256_and_si256, a, b);
}
VF_INLINE edb_vi vi_or(edb_vi a, edb_vi b) {
  return VF_MAP2(edb_vi, _mm256_or_si256, a, b);
}
VF_INLINE edb_vi vi_xor(edb_vi a, edb_vi b) {
  return VF_MAP2(edb_vi, _mm256_xor_si256, a, b);
}
VF_INLINE edb_vi vi_shift_left(edb_vi a, int bits) {
  return (edb_vi){_mm256_slli_epi32(a.lo, bits), _mm256_slli_epi32(a.hi, bits)};
}
VF_INLINE edb_vi vi_shift_right(edb_vi a, int bits) {
  return (edb_vi){_mm256_srai_epi32(a.lo, bits), _mm256_srai_epi32(a.hi, bits)};
}
VF_INLINE edb_vf vf_from_vi(edb_vi a) {
  return VF_MAP1(edb_vf, _mm256_cvtepi32_ps, a);
}
VF_INLINE edb_vm vi_nonzero(edb_vi a) {
  const __m256i zero = _mm256_setzero_si256(), all = _mm256_set1_epi32(-1);
  return (edb_vm){_mm256_xor_si256(_mm256_cmpeq_epi32(a.lo, zero), all),
                  _mm256_xor_si256(_mm256_cmpeq_epi32(a.hi, zero), all)};
}

/* A permutation looks at three bits of the index: one of each half of the table, then the fourth
 * bit decides. */
VF_INLINE __m256 vf_pick8(__m256 low, __m256 high, __m256i index) {
  const __m256 fourth = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, index),
                          _mm256_permutevar8x32_ps(high, index), fourth);
}
VF_INLINE edb_vf vf_pick(const float table[VF_LANES], edb_vi index) {
  const edb_vf t = vf_load(table);
  return (edb_vf){vf_pick8(t.lo, t.hi, index.lo), vf_pick8(t.lo, t.hi, index.hi)};
}

VF_INLINE edb_vf vf_swap8(edb_vf v) {
  return (edb_vf){v.hi, v.lo};
}
VF_INLINE edb_vf vf_swap4(edb_vf v) {
  return (edb_vf){_mm256_permute2f128_ps(v.lo, v.lo, 1), _mm256_permute2f128_ps(v.hi, v.hi, 1)};
}
VF_INLINE edb_vf vf_swap2(edb_vf v) {
  return (edb_vf){_mm256_permute_ps(v.lo, 0x4e), _mm256_permute_ps(v.hi, 0x4e)};
}
VF_INLINE edb_vf vf_swap1(edb_vf v) {
  return (edb_vf){_mm256_permute_ps(v.lo, 0xb1), _mm256_permute_ps(v.hi, 0xb1)};
}
VF_INLINE float vf_first(edb_vf v) {
  return _mm256_cvtss_f32(v.lo);
}

/* An 8 x 8 block: pairs, pairs of pairs, then the 128-bit halves. */
VF_INLINE void vf_transpose8(__m256 v[8]) {
  __m256 t[8], u[8];
  VF_UNROLL
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
  VF_UNROLL
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  VF_UNROLL
  for (int j = 0; j < 4; j++) {
    v[j] = _mm256_permute2f128_ps(u[j], u[4 + j], 0x20);
    v[4 + j] = _mm256_permute2f128_ps(u[j], u[4 + j], 0x31);
  }
}

/* Four 8 x 8 blocks; the two off the diagonal change places. */
VF_INLINE void vf_transpose(edb_vf v[16]) {
  __m256 a[8], b[8], c[8], d[8];
  VF_UNROLL
  for (int i = 0; i < 8; i++) {
    a[i] = v[i].lo;
    b[i] = v[i].hi;
    c[i] = v[8 + i].lo;
    d[i] = v[8 + i].hi;
  }
  vf_transpose8(a);
  vf_transpose8(b);
  vf_transpose8(c);
  vf_transpose8(d);
  VF_UNROLL
  for (int i = 0; i < 8; i++) {
    v[i] = (edb_vf){a[i], c[i]};
    v[8 + i] = (edb_vf){b[i], d[i]};
  }
}

#endif
