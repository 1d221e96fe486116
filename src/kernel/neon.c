/* kernel/neon.c: the kernels in NEON (AArch64, where every processor has it). */
#include "kernel/vec_neon.h"

#include "kernel/table_impl.h"

const edb_kernels edb_kernels_neon[2] = EDB_KERNEL_TABLES(EDB_SIMD_NEON);
