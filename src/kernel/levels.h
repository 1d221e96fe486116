/* kernel/levels.h: the tables that this build may have. */
#ifndef EDB_KERNEL_LEVELS_H
#define EDB_KERNEL_LEVELS_H

#include "kernel/kernel.h"

extern const edb_kernels edb_kernels_portable;
#ifdef EDB_KERNEL_X86
extern const edb_kernels edb_kernels_avx2;
extern const edb_kernels edb_kernels_avx512;
extern const edb_product_fn edb_product_avx512_bf16;
#endif
#ifdef EDB_KERNEL_NEON
extern const edb_kernels edb_kernels_neon;
#endif

#endif
