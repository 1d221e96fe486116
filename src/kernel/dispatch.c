/* kernel/dispatch.c: the choice of a kernel table. */
#include "base/cpu.h"
#include "kernel/levels.h"

const edb_kernels *edb_kernels_get(edb_simd simd) {
  if (simd == EDB_SIMD_AUTO) simd = edb_cpu_simd();
  if (!edb_cpu_has(simd)) return NULL;
#ifdef EDB_KERNEL_X86
  if (simd == EDB_SIMD_AVX512) return &edb_kernels_avx512;
  if (simd == EDB_SIMD_AVX2) return &edb_kernels_avx2;
#endif
#ifdef EDB_KERNEL_NEON
  if (simd == EDB_SIMD_NEON) return &edb_kernels_neon;
#endif
  return simd == EDB_SIMD_PORTABLE ? &edb_kernels_portable : NULL;
}

edb_product_fn edb_kernels_product_bf16(const edb_kernels *k) {
#ifdef EDB_KERNEL_X86
  if (k->simd == EDB_SIMD_AVX512 && edb_cpu_has_bf16()) return edb_product_avx512_bf16;
#endif
  return k->product_bf16;
}
