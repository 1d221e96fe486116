/* tests/kernel/levels.h: the levels of this machine, comparison of bits, buffers with guard pages.
 */
#ifndef EDB_TESTS_KERNEL_LEVELS_H
#define EDB_TESTS_KERNEL_LEVELS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* for (each level k that this machine has) */
#define FOR_EACH_LEVEL(k)                                                            \
  for (edb_simd k##_simd = EDB_SIMD_PORTABLE; k##_simd <= EDB_SIMD_NEON; k##_simd++) \
    for (const edb_kernels *k = edb_kernels_get(k##_simd); k != NULL; k = NULL)

/* for (each of them, with products that prefetch and with products that do not) */
#define FOR_EACH_TABLE(k)                                                                   \
  FOR_EACH_LEVEL(k##_level)                                                                 \
  for (int k##_form = 0; k##_form < 2; k##_form++)                                          \
    for (const edb_kernels *k = k##_form ? k##_level : edb_kernels_unprefetched(k##_level); \
         k != NULL; k = NULL)

static inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* All NaNs are one value, everything else is compared by its bits. */
static inline bool same(float a, float b) {
  return (isnan(a) && isnan(b)) || bits_of(a) == bits_of(b);
}

#define ASSERT_SAME(got, want, ...)                                                \
  do {                                                                             \
    const float same_got = (got), same_want = (want);                              \
    if (!same(same_got, same_want)) {                                              \
      print_error(__VA_ARGS__);                                                    \
      print_error(": got %a, expected %a\n", (double)same_got, (double)same_want); \
      fail();                                                                      \
    }                                                                              \
  } while (0)

/* A small generator: the same numbers everywhere. */
typedef struct numbers {
  uint32_t state;
} numbers;

static inline uint32_t next_bits(numbers *n) {
  n->state ^= n->state << 13;
  n->state ^= n->state >> 17;
  n->state ^= n->state << 5;
  return n->state;
}

/* In (-1, 1). */
static inline float next_number(numbers *n) {
  return (float)(int32_t)next_bits(n) / 0x1.000002p31f;
}

/* Every kind of fp32 number: ordinary ones of several sizes, and now and then a special one. */
static inline float next_any(numbers *n) {
  static const float special[] = {0.0f,   -0.0f,   1.0f,      -1.0f,   INFINITY,  -INFINITY, NAN,
                                  88.8f,  -103.9f, 0x1p-149f, -1e-40f, 0x1p-126f, 3e38f,     -3e38f,
                                  1e-20f, -104.5f, 1e5f,      -2.5e7f, 0x1p24f};
  const uint32_t kind = next_bits(n) % 8;
  if (kind == 0) return special[next_bits(n) % COUNT(special)];
  return ldexpf(next_number(n), (int)kind * 2 - 6);
}

/* Floats between two guard pages, against one of them: a touch beyond that side is a fault, and the
 * rest of the pages holds a pattern that block_free() checks. */
typedef struct block {
  float *data;
  size_t count;
  float *pages;
  size_t page_floats; /* between the guards */
} block;

#define BLOCK_PATTERN 0x7fa5a5a5u

static inline block block_new(size_t count, bool at_end) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t bytes = (count * sizeof(float) / page + 1) * page;
  char *map =
      mmap(NULL, bytes + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(map != MAP_FAILED);
  assert_int_equal(mprotect(map, page, PROT_NONE), 0);
  assert_int_equal(mprotect(map + page + bytes, page, PROT_NONE), 0);
  block b = {.count = count, .pages = (float *)(void *)(map + page)};
  b.page_floats = bytes / sizeof(float);
  b.data = at_end ? b.pages + b.page_floats - count : b.pages;
  for (size_t i = 0; i < b.page_floats; i++) b.pages[i] = float_of(BLOCK_PATTERN);
  return b;
}

/* Whether an element still is as block_new() left it. */
static inline bool untouched(const float *p) {
  return bits_of(*p) == BLOCK_PATTERN;
}

static inline void block_free(block *b) {
  for (size_t i = 0; i < b->page_floats; i++) {
    const float *p = b->pages + i;
    if (p < b->data || p >= b->data + b->count) assert_true(untouched(p));
  }
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  munmap((char *)b->pages - page, b->page_floats * sizeof(float) + 2 * page);
}

#endif
