/* kernel/ask.h: asks the memory for a row that will be read or written soon. */
#ifndef EDB_KERNEL_ASK_H
#define EDB_KERNEL_ASK_H

#include <stdbool.h>

#include "base/memory.h"

static inline void edb_ask_row(const float *row, size_t columns, bool write) {
  for (size_t i = 0; i < columns; i += EDB_ALIGN / sizeof *row) {
    if (write)
      __builtin_prefetch(row + i, 1);
    else
      __builtin_prefetch(row + i);
  }
}

#endif
