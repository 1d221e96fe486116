/* graph/shape.h: the shape of a value: its rank and dimensions. */
#ifndef EDB_GRAPH_SHAPE_H
#define EDB_GRAPH_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scalars have rank 0; vectors 1; matrices 2 (row-major); tables of matrices 3 (parameters only).
 */
typedef struct edb_shape {
  uint32_t rank;
  uint32_t dim[3]; /* those beyond rank are 1 */
} edb_shape;

static inline size_t edb_shape_size(edb_shape s) {
  return (size_t)s.dim[0] * s.dim[1] * s.dim[2];
}
static inline bool edb_shape_equal(edb_shape a, edb_shape b) {
  return a.rank == b.rank && a.dim[0] == b.dim[0] && a.dim[1] == b.dim[1] && a.dim[2] == b.dim[2];
}
/* "[256, 512]", "scalar". Returns `buffer`. */
const char *edb_shape_text(edb_shape shape, char *buffer, size_t bytes);
#define EDB_SHAPE_TEXT_BYTES 48

#endif
