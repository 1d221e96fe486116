/* kernel/bf16.h: bf16, the upper half of an fp32 number, and pairs of them.
 *
 * A pair lies in the bits of one float: entry 2 i of a row in the lower half, entry 2 i + 1 in the
 * upper one; an odd last entry has +0 beside it. Pairs are only ever copied as floats. */
#ifndef EDB_KERNEL_BF16_H
#define EDB_KERNEL_BF16_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline size_t edb_bf16_pairs(size_t entries) {
  return entries / 2 + entries % 2;
}

/* The nearest bf16 number, ties to even, in the upper half of the result; beyond the largest one
 * infinity. NaN stays NaN. */
static inline uint32_t edb_bf16_round(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  const uint32_t quiet = bits | 0x400000;
  return ((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded) & 0xffff0000;
}

static inline float edb_bf16_pair(float even, float odd) {
  const uint32_t bits = edb_bf16_round(even) >> 16 | edb_bf16_round(odd);
  float pair;
  memcpy(&pair, &bits, sizeof pair);
  return pair;
}

#endif
