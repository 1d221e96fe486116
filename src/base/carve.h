/* base/carve.h: parts of one block of memory. The same function that hands them out says how large
 * the block has to be:
 *
 *     static size_t lay_out(tables *t, size_t n, char *base) {
 *       edb_carver c = {.base = base};
 *       EDB_CARVE(&c, t->start, n + 1);
 *       EDB_CARVE(&c, t->items, n);
 *       return c.at;
 *     }
 *     t->memory_bytes = lay_out(t, n, NULL);
 *     t->memory = edb_alloc(ctx, t->memory_bytes);
 *     (void)lay_out(t, n, t->memory);
 *
 * Counts are of things that are in memory already: their bytes do not overflow. */
#ifndef EDB_BASE_CARVE_H
#define EDB_BASE_CARVE_H

#include <stddef.h>

typedef struct edb_carver {
  char *base; /* NULL: only bytes are counted */
  size_t at;
} edb_carver;

static inline void *edb_carve(edb_carver *c, size_t count, size_t element_bytes) {
  void *part = c->base ? c->base + c->at : NULL;
  c->at += (count * element_bytes + 15) / 16 * 16;
  return part;
}

#define EDB_CARVE(c, field, count) ((field) = edb_carve((c), (count), sizeof *(field)))

#endif
