/* kernel/vec_common.h: what the vector types of all levels share. */
#ifndef EDB_KERNEL_VEC_COMMON_H
#define EDB_KERNEL_VEC_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VF_LANES 16

/* Vectors must not pass through memory on the way into these functions. */
#ifndef VF_INLINE
#define VF_INLINE static inline __attribute__((always_inline))
#endif

/* Before a loop of at most 16 rounds over an array of vectors: only when no loop is left can the
 * array live in registers. */
#ifndef VF_UNROLL
#ifdef __clang__
#define VF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VF_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

#endif
