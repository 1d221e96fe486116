/* base/cpu.h: what this processor can do. */
#ifndef EDB_BASE_CPU_H
#define EDB_BASE_CPU_H

#include <edbatch/base.h>

/* The best level that the processor and the operating system support (AVX2 means AVX2 + FMA, AVX512
 * means F + VL + DQ + BW; NEON is that of AArch64). Never AUTO. */
edb_simd edb_cpu_simd(void);
/* Whether it supports this level; AUTO is none. */
bool edb_cpu_has(edb_simd simd);
/* Whether there are instructions for bf16 (AVX-512 BF16). */
bool edb_cpu_has_bf16(void);

/* Sizes for blocking; sensible defaults where unknown. */
typedef struct edb_cpu_caches {
  size_t l1d_bytes, l2_bytes, l3_bytes;
} edb_cpu_caches;
edb_cpu_caches edb_cpu_cache_sizes(void);

/* Processors that this process can keep busy at once: those of its affinity mask, as far as the
 * quota of its control group (Linux) lets it. At least 1. */
uint32_t edb_cpu_count(void);

#endif
