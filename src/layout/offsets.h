/* layout/offsets.h: an allocator of offsets, for planning memory before it exists. Best fit, with
 * neighbours joined, and what is free at the end can grow; the peak is what has to be allocated. */
#ifndef EDB_LAYOUT_OFFSETS_H
#define EDB_LAYOUT_OFFSETS_H

#include "base/vec.h"

typedef struct edb_gap {
  size_t offset, size;
} edb_gap;

typedef struct edb_offsets {
  edb_context *ctx;
  EDB_VEC(edb_gap) gaps; /* sorted by offset, none touching another or the end */
  size_t end, peak;
} edb_offsets;

void edb_offsets_init(edb_offsets *o, edb_context *ctx);
void edb_offsets_free_all(edb_offsets *o);
/* An offset of `size` units; size 0 gives 0. */
size_t edb_offsets_take(edb_offsets *o, size_t size);
/* Gives a block back. false = no memory to note the gap: the block is then lost, not an error in
 * itself. */
bool edb_offsets_give(edb_offsets *o, size_t offset, size_t size);

#endif
