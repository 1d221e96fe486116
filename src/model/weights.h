/* model/weights.h: the inside of edb_weights. */
#ifndef EDB_MODEL_WEIGHTS_H
#define EDB_MODEL_WEIGHTS_H

#include "model/ir.h"

struct edb_weights {
  edb_context *ctx;
  const edb_model *model;
  uint64_t version;       /* rises with every change */
  uint32_t n_params;
  size_t *offset;         /* [n_params + 1], elements, each a multiple of 16 */
  float *values;          /* [offset[n_params]] */
  double *values_f64;     /* NULL, or the values as given when any came as F64 (reference device) */
};

static inline const float *edb_weights_param(const edb_weights *w, uint32_t param) {
  return w->values + w->offset[param];
}

#endif
