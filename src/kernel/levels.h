/* kernel/levels.h: the tables that this build may have, by whether their products prefetch. */
#ifndef EDB_KERNEL_LEVELS_H
#define EDB_KERNEL_LEVELS_H

#include "kernel/kernel.h"

extern const edb_kernels edb_kernels_portable[2];
#ifdef EDB_KERNEL_X86
extern const edb_kernels edb_kernels_avx2[2];
extern const edb_kernels edb_kernels_avx512[2];
extern const edb_product_fn edb_product_avx512_bf16[2];
#endif
#ifdef EDB_KERNEL_NEON
extern const edb_kernels edb_kernels_neon[2];
#endif

#endif
