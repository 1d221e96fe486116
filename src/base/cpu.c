/* base/cpu.c: SIMD level and cache sizes of this machine. */
#include "base/cpu.h"

#include <unistd.h>

/* The compiler's check also asks the operating system (xgetbv) whether it saves the registers. */
edb_simd edb_cpu_simd(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return EDB_SIMD_PORTABLE;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return EDB_SIMD_AVX512;
  return EDB_SIMD_AVX2;
#else
  return EDB_SIMD_PORTABLE;
#endif
}

const char *edb_simd_name(edb_simd simd) {
  switch (simd) {
  case EDB_SIMD_AUTO:
    return "auto";
  case EDB_SIMD_PORTABLE:
    return "portable";
  case EDB_SIMD_AVX2:
    return "avx2";
  case EDB_SIMD_AVX512:
    return "avx512";
  default:
    return "unknown";
  }
}

#ifdef _SC_LEVEL1_DCACHE_SIZE
/* sysconf gives 0 or -1 where it does not know, as in some virtual machines. */
static size_t size_or(int name, size_t otherwise) {
  long bytes = sysconf(name);
  return bytes > 0 ? (size_t)bytes : otherwise;
}
#else
#define size_or(name, otherwise) (otherwise)
#endif

edb_cpu_caches edb_cpu_cache_sizes(void) {
  return (edb_cpu_caches){
      .l1d_bytes = size_or(_SC_LEVEL1_DCACHE_SIZE, (size_t)32 << 10),
      .l2_bytes = size_or(_SC_LEVEL2_CACHE_SIZE, (size_t)1 << 20),
      .l3_bytes = size_or(_SC_LEVEL3_CACHE_SIZE, (size_t)16 << 20),
  };
}
