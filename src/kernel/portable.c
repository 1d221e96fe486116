/* kernel/portable.c: the kernels in plain C. */
#include "kernel/vec_portable.h"

#include "kernel/table_impl.h"

const edb_kernels edb_kernels_portable[2] = EDB_KERNEL_TABLES(EDB_SIMD_PORTABLE);
