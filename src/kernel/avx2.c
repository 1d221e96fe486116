/* kernel/avx2.c: the kernels in AVX2 with FMA. */
#include "kernel/vec_avx2.h"

#include "kernel/table_impl.h"

const edb_kernels edb_kernels_avx2[2] = EDB_KERNEL_TABLES(EDB_SIMD_AVX2);
