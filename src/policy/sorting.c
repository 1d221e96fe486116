/* policy/sorting.c: see sorting.h. */
#include "policy/sorting.h"

static void sift_down(uint32_t *numbers, size_t n, size_t i, edb_less_fn less, const void *user) {
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= n) return;
    if (child + 1 < n && less(user, numbers[child], numbers[child + 1])) child++;
    if (!less(user, numbers[i], numbers[child])) return;
    uint32_t swap = numbers[i];
    numbers[i] = numbers[child];
    numbers[child] = swap;
    i = child;
  }
}

void edb_sort(uint32_t *numbers, size_t n, edb_less_fn less, const void *user) {
  for (size_t i = n / 2; i-- > 0;) sift_down(numbers, n, i, less, user);
  for (size_t last = n; last-- > 1;) {
    uint32_t swap = numbers[0];
    numbers[0] = numbers[last];
    numbers[last] = swap;
    sift_down(numbers, last, 0, less, user);
  }
}

bool edb_number_less(const void *user, uint32_t a, uint32_t b) {
  (void)user;
  return a < b;
}
