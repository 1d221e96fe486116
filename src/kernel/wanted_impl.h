/* kernel/wanted_impl.h: what a product asks memory for on its way, some lines before each tile;
 * compiled once per level. */
#ifndef EDB_KERNEL_WANTED_IMPL_H
#define EDB_KERNEL_WANTED_IMPL_H

#include "base/memory.h"
#include "kernel/kernel.h"

#define EDB_LINE_FLOATS (EDB_ALIGN / sizeof(float))

/* How far the asking has come: block, row of it, column of that. */
typedef struct wanted_cursor {
  const edb_wanted *block, *end;
  size_t row, column;
  size_t lines; /* per tile */
} wanted_cursor;

VF_INLINE wanted_cursor wanted_begin(const edb_wanted *wanted, size_t n, size_t tiles) {
  size_t lines = 0;
  for (size_t i = 0; i < n; i++)
    lines += wanted[i].rows * ((wanted[i].columns + EDB_LINE_FLOATS - 1) / EDB_LINE_FLOATS);
  return (wanted_cursor){wanted, wanted + n, 0, 0, (lines + tiles - 1) / tiles};
}

/* Into the second-level cache: the tile has the first. */
VF_INLINE void wanted_ask(wanted_cursor *w) {
  for (size_t i = 0; i < w->lines && w->block < w->end;) {
    const edb_wanted *b = w->block;
    if (w->row == b->rows) {
      w->block++;
      w->row = 0;
      continue;
    }
    const float *row = b->pointers ? b->pointers[w->row] : b->first + (ptrdiff_t)w->row * b->stride;
    for (; i < w->lines && w->column < b->columns; i++, w->column += EDB_LINE_FLOATS)
      __builtin_prefetch(row + w->column, 0, 2);
    if (w->column < b->columns) return;
    w->row++;
    w->column = 0;
  }
}

#endif
