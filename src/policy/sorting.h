/* policy/sorting.h: sorts numbers in place, without recursion and memory. */
#ifndef EDB_POLICY_SORTING_H
#define EDB_POLICY_SORTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef bool (*edb_less_fn)(const void *user, uint32_t a, uint32_t b);

/* By heaps: n log n comparisons whatever the order they come in. Not stable. */
void edb_sort(uint32_t *numbers, size_t n, edb_less_fn less, const void *user);

/* Numbers as such; `user` is not used. */
bool edb_number_less(const void *user, uint32_t a, uint32_t b);

#endif
