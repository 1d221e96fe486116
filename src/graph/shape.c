/* graph/shape.c: shapes as texts. */
#include "graph/shape.h"

#include <stdio.h>

const char *edb_shape_text(edb_shape shape, char *buffer, size_t bytes) {
  if (shape.rank == 0) {
    snprintf(buffer, bytes, "scalar");
  } else if (shape.rank == 1) {
    snprintf(buffer, bytes, "[%u]", shape.dim[0]);
  } else if (shape.rank == 2) {
    snprintf(buffer, bytes, "[%u, %u]", shape.dim[0], shape.dim[1]);
  } else {
    snprintf(buffer, bytes, "[%u, %u, %u]", shape.dim[0], shape.dim[1], shape.dim[2]);
  }
  return buffer;
}
