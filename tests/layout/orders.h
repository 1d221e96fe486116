/* tests/layout/orders.h: all orders of a few things, and whether a set stands together in one. */
#ifndef EDB_TESTS_LAYOUT_ORDERS_H
#define EDB_TESTS_LAYOUT_ORDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The next permutation in lexicographic order; false after the last one. */
static inline bool next_order(uint32_t *order, uint32_t n) {
  if (n < 2) return false;
  uint32_t i = n - 1, j = n - 1;
  while (i > 0 && order[i - 1] > order[i]) i--;
  if (i == 0) return false;
  while (order[j] < order[i - 1]) j--;
  uint32_t swap = order[i - 1];
  order[i - 1] = order[j];
  order[j] = swap;
  for (uint32_t a = i, b = n - 1; a < b; a++, b--) {
    swap = order[a];
    order[a] = order[b];
    order[b] = swap;
  }
  return true;
}

static inline void first_order(uint32_t *order, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) order[i] = i;
}

/* place[x] = position of x. */
static inline void places_of(const uint32_t *order, uint32_t n, uint32_t *place) {
  for (uint32_t i = 0; i < n; i++) place[order[i]] = i;
}

/* `set` has no element twice. */
static inline bool is_together(const uint32_t *place, const uint32_t *set, uint32_t count) {
  uint32_t low = UINT32_MAX, high = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (place[set[i]] < low) low = place[set[i]];
    if (place[set[i]] > high) high = place[set[i]];
  }
  return count == 0 || high - low + 1 == count;
}

#endif
