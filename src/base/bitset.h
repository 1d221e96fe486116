/* base/bitset.h: a set of small integers in 64-bit words. */
#ifndef EDB_BASE_BITSET_H
#define EDB_BASE_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDB_BITSET_WORDS(n) (((size_t)(n) + 63) / 64)

static inline bool edb_bitset_has(const uint64_t *words, size_t i) {
  return (words[i >> 6] >> (i & 63)) & 1;
}
static inline void edb_bitset_add(uint64_t *words, size_t i) {
  words[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void edb_bitset_remove(uint64_t *words, size_t i) {
  words[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
/* Number of members; smallest member >= from, or SIZE_MAX. */
size_t edb_bitset_count(const uint64_t *words, size_t word_count);
size_t edb_bitset_next(const uint64_t *words, size_t word_count, size_t from);

#endif
