/* base/cpu.c: SIMD level, cache sizes and processors of this machine. */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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
#elif defined(__aarch64__)
  return EDB_SIMD_NEON;
#else
  return EDB_SIMD_PORTABLE;
#endif
}

/* The levels of x86 include each other, that of AArch64 stands beside them. */
bool edb_cpu_has(edb_simd simd) {
  const edb_simd best = edb_cpu_simd();
  if (simd == EDB_SIMD_PORTABLE || simd == best) return true;
  return simd == EDB_SIMD_AVX2 && best == EDB_SIMD_AVX512;
}

bool edb_cpu_has_bf16(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  return edb_cpu_simd() == EDB_SIMD_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
  return false;
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
  case EDB_SIMD_NEON:
    return "neon";
  default:
    return "unknown";
  }
}

/* ---- Caches -------------------------------------------------------------------------------------
 */

#define CACHE_FOLDER "/sys/devices/system/cpu/cpu0/cache/index"
#define MAX_CACHES   8

/* A short text file of the system; false when there is none. */
static bool read_text(const char *path, char *text, size_t bytes) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  ssize_t got = read(descriptor, text, bytes - 1);
  (void)close(descriptor);
  text[got > 0 ? got : 0] = 0;
  return got > 0;
}

static bool read_cache_text(int index, const char *name, char *text, size_t bytes) {
  char path[96];
  int length = snprintf(path, sizeof path, CACHE_FOLDER "%d/%s", index, name);
  return length > 0 && (size_t)length < sizeof path && read_text(path, text, bytes);
}

/* "32768K": what this processor's view of its caches is. In a virtual machine sysconf may give the
 * third level of all of the host's sockets together; this is then the better source. */
static bool read_cache(int index, int *level, size_t *bytes) {
  char text[32], *end;
  if (!read_cache_text(index, "type", text, sizeof text) || text[0] == 'I') return false;
  if (!read_cache_text(index, "level", text, sizeof text)) return false;
  *level = (int)strtol(text, NULL, 10);
  if (!read_cache_text(index, "size", text, sizeof text)) return false;
  unsigned long size = strtoul(text, &end, 10);
  if (size == 0 || size > (1ul << 30)) return false;
  *bytes = (size_t)size << (*end == 'M' ? 20 : *end == 'K' ? 10 : 0);
  return true;
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
  edb_cpu_caches caches = {
      .l1d_bytes = size_or(_SC_LEVEL1_DCACHE_SIZE, (size_t)32 << 10),
      .l2_bytes = size_or(_SC_LEVEL2_CACHE_SIZE, (size_t)1 << 20),
      .l3_bytes = size_or(_SC_LEVEL3_CACHE_SIZE, (size_t)16 << 20),
  };
  for (int i = 0; i < MAX_CACHES; i++) {
    int level;
    size_t bytes;
    if (!read_cache(i, &level, &bytes)) continue;
    if (level == 1) caches.l1d_bytes = bytes;
    if (level == 2) caches.l2_bytes = bytes;
    if (level == 3) caches.l3_bytes = bytes;
  }
  return caches;
}

/* ---- Processors ---------------------------------------------------------------------------------
 */

#ifdef __linux__

/* The whole numbers of a small text file; other words, as "max", count as 0. How many were read. */
static int read_numbers(const char *path, uint64_t *numbers, int most) {
  char text[64];
  int file = open(path, O_RDONLY | O_CLOEXEC), n = 0;
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text);
  close(file);
  for (ssize_t i = 0; i < length && n < most; n++) {
    numbers[n] = 0;
    for (; i < length && text[i] > ' '; i++)
      numbers[n] =
          text[i] >= '0' && text[i] <= '9' ? numbers[n] * 10 + (uint64_t)(text[i] - '0') : 0;
    while (i < length && text[i] <= ' ') i++;
  }
  return n;
}

/* Processors' worth of time that the control group may use; 0: no limit is known. */
static uint64_t cpu_quota(void) {
  uint64_t quota[2] = {0, 0}; /* time, of a period */
  if (read_numbers("/sys/fs/cgroup/cpu.max", quota, 2) != 2) {
    /* "-1" for no limit reads as 1: less than any real quota. */
    if (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota[0], 1) != 1 || quota[0] == 1 ||
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &quota[1], 1) != 1)
      return 0;
  }
  return quota[1] > 0 ? (quota[0] + quota[1] - 1) / quota[1] : 0;
}

static long affinity_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

#else

static uint64_t cpu_quota(void) {
  return 0;
}

static long affinity_count(void) {
  return 0;
}

#endif

uint32_t edb_cpu_count(void) {
  long count = affinity_count();
  if (count < 1) count = sysconf(_SC_NPROCESSORS_ONLN);
  if (count < 1) count = 1;
  uint64_t quota = cpu_quota();
  return (uint32_t)(quota > 0 && quota < (uint64_t)count ? quota : (uint64_t)count);
}
