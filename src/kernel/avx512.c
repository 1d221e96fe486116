/* kernel/avx512.c: the kernels in AVX-512 (F, VL, DQ, BW). */
#include "kernel/vec_avx512.h"

#include "kernel/table_impl.h"

const edb_kernels edb_kernels_avx512[2] = EDB_KERNEL_TABLES(EDB_SIMD_AVX512);
