/* kernel/product_bf16_impl.h: products of bf16 numbers, summed in fp32; compiled once per level,
 * and once more for the instructions of AVX-512 BF16. */
#ifndef EDB_KERNEL_PRODUCT_BF16_IMPL_H
#define EDB_KERNEL_PRODUCT_BF16_IMPL_H

#include "kernel/product_tile.h"

/* sum + a[2 i] b[2 i] + a[2 i + 1] b[2 i + 1] of pairs in each lane. */
VF_INLINE edb_vf pairs_fma(edb_vf a, edb_vf b, edb_vf sum) {
#ifdef __AVX512BF16__
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#else
  const edb_vi upper = vi_set1((int32_t)0xffff0000);
  const edb_vf even_a = vf_from_bits(vi_shift_left(vf_bits(a), 16));
  const edb_vf even_b = vf_from_bits(vi_shift_left(vf_bits(b), 16));
  const edb_vf odd_a = vf_from_bits(vi_and(vf_bits(a), upper));
  const edb_vf odd_b = vf_from_bits(vi_and(vf_bits(b), upper));
  return vf_fma(odd_a, odd_b, vf_fma(even_a, even_b, sum));
#endif
}

EDB_TILES(tile_bf16, pairs_fma)

#define EDB_KERNEL_PRODUCT_BF16(form)                                                            \
  static void kernel_product_bf16_##form(size_t rows, size_t cols, size_t pairs, const float *a, \
                                         ptrdiff_t a_stride, const float *packed, float *c,      \
                                         ptrdiff_t c_stride) {                                   \
    const product_rows source = {.first = a, .stride = a_stride};                                \
    product_all(&tile_bf16_##form, rows, cols, pairs, source, packed, c, c_stride);              \
  }
EDB_KERNEL_PRODUCT_BF16(ahead)
#if VF_PANEL_VECTORS == 4
EDB_KERNEL_PRODUCT_BF16(plain)
#endif

#endif
