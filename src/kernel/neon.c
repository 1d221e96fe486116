/* kernel/neon.c: the kernels in NEON (AArch64, where every processor has it). */
#include "kernel/vec_neon.h"

#include "kernel/table_impl.h"

const edb_kernels edb_kernels_neon = EDB_KERNEL_TABLE(EDB_SIMD_NEON);
