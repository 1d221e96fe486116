/* base/bitset.c: counting and walking a bit set by words. */
#include "base/bitset.h"

size_t edb_bitset_count(const uint64_t *words, size_t word_count) {
  size_t count = 0;
  for (size_t i = 0; i < word_count; i++) count += (size_t)__builtin_popcountll(words[i]);
  return count;
}

size_t edb_bitset_next(const uint64_t *words, size_t word_count, size_t from) {
  size_t i = from / 64;
  if (i >= word_count) return SIZE_MAX;
  uint64_t word = words[i] & (UINT64_MAX << (from % 64));
  while (word == 0) {
    if (++i == word_count) return SIZE_MAX;
    word = words[i];
  }
  return i * 64 + (size_t)__builtin_ctzll(word);
}
