/* base/vec.h: a growing array of any element type.
 *
 *     EDB_VEC(uint32_t) ids = {0};
 *     if (!edb_vec_push(ctx, &ids, 7)) return edb_fail_memory(...);
 *     ids.data[0];  ids.length;
 *     edb_vec_free(ctx, &ids);
 *
 * Grows by half; on failure the vector is as it was. The macros evaluate `v` and `wanted` more than
 * once, the element of edb_vec_push exactly once and after the vector has grown. */
#ifndef EDB_BASE_VEC_H
#define EDB_BASE_VEC_H

#include "base/memory.h"

#define EDB_VEC(type)        \
  struct {                   \
    type *data;              \
    size_t length, capacity; \
  }

/* Gives the array with room for `wanted` elements or more and sets *capacity; without memory it
 * gives `data` as it was and leaves *capacity. */
void *edb_vec_grow(edb_context *ctx, void *data, size_t *capacity, size_t wanted,
                   size_t element_bytes);

/* Room for `wanted` elements in all; false = no memory. */
#define edb_vec_reserve(ctx, v, wanted)                                                      \
  ((size_t)(wanted) <= (v)->capacity ||                                                      \
   ((v)->data = edb_vec_grow((ctx), (v)->data, &(v)->capacity, (wanted), sizeof *(v)->data), \
    (size_t)(wanted) <= (v)->capacity))

#define edb_vec_push(ctx, v, ...) \
  (edb_vec_reserve((ctx), (v), (v)->length + 1) && ((v)->data[(v)->length++] = (__VA_ARGS__), true))

/* Exchanges two vectors of one element type. */
#define edb_vec_swap(a, b)            \
  do {                                \
    void *data_ = (a)->data;          \
    size_t length_ = (a)->length;     \
    size_t capacity_ = (a)->capacity; \
    (a)->data = (b)->data;            \
    (a)->length = (b)->length;        \
    (a)->capacity = (b)->capacity;    \
    (b)->data = data_;                \
    (b)->length = length_;            \
    (b)->capacity = capacity_;        \
  } while (0)

#define edb_vec_free(ctx, v)                                                        \
  (edb_free((ctx), (v)->data, (v)->capacity * sizeof *(v)->data), (v)->data = NULL, \
   (v)->length = (v)->capacity = 0)

#endif
