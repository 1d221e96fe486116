/* kernel/dispatch.c: the choice of a kernel table. */
#include "base/cpu.h"
#include "kernel/levels.h"

static const edb_kernels *tables_of(edb_simd simd) {
#ifdef EDB_KERNEL_X86
  if (simd == EDB_SIMD_AVX512) return edb_kernels_avx512;
  if (simd == EDB_SIMD_AVX2) return edb_kernels_avx2;
#endif
#ifdef EDB_KERNEL_NEON
  if (simd == EDB_SIMD_NEON) return edb_kernels_neon;
#endif
  return simd == EDB_SIMD_PORTABLE ? edb_kernels_portable : NULL;
}

const edb_kernels *edb_kernels_get(edb_simd simd) {
  if (simd == EDB_SIMD_AUTO) simd = edb_cpu_simd();
  const edb_kernels *tables = edb_cpu_has(simd) ? tables_of(simd) : NULL;
  return tables ? &tables[true] : NULL;
}

const edb_kernels *edb_kernels_unprefetched(const edb_kernels *k) {
  return &tables_of(k->simd)[false];
}

edb_product_fn edb_kernels_product_bf16(const edb_kernels *k) {
#ifdef EDB_KERNEL_X86
  if (k->simd == EDB_SIMD_AVX512 && edb_cpu_has_bf16())
    return edb_product_avx512_bf16[k->prefetches];
#endif
  return k->product_bf16;
}
