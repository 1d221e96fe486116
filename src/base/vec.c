/* base/vec.c: how a vector grows. */
#include "base/vec.h"

#include <stdint.h>

#define MIN_ELEMENTS 8

void *edb_vec_grow(edb_context *ctx, void *data, size_t *capacity, size_t wanted,
                   size_t element_bytes) {
  size_t target = *capacity + *capacity / 2; /* cannot wrap: that many elements were allocated */
  if (target < MIN_ELEMENTS) target = MIN_ELEMENTS;
  if (target < wanted) target = wanted;
  size_t bytes = 0;
  if (!edb_mul_size(target, element_bytes, &bytes)) return data;
  void *moved = edb_resize(ctx, data, *capacity * element_bytes, bytes);
  if (moved == NULL) return data;
  *capacity = target;
  return moved;
}
