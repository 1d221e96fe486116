/* model/weights.h: the inside of edb_weights. */
#ifndef EDB_MODEL_WEIGHTS_H
#define EDB_MODEL_WEIGHTS_H

#include "model/ir.h"

/* Keys of the metadata (docs/weights.md). */
#define EDB_WEIGHTS_FORMAT_KEY      "edbatch.format"
#define EDB_WEIGHTS_FORMAT_VERSION  1
#define EDB_WEIGHTS_MODEL_KEY       "edbatch.model"
#define EDB_WEIGHTS_CONSTANT_PREFIX "edbatch.const."
#define EDB_WEIGHTS_VOCAB_PREFIX    "edbatch.vocab."

struct edb_weights {
  edb_context *ctx;
  const edb_model *model;
  uint64_t version; /* rises with every change */
  uint32_t n_params;
  size_t *offset;     /* [n_params + 1], elements, each a multiple of 16 */
  float *values;      /* [offset[n_params]] */
  double *values_f64; /* NULL, or the values as given when any came as F64 (reference device) */
};

static inline const float *edb_weights_param(const edb_weights *w, uint32_t param) {
  return w->values + w->offset[param];
}

/* Zeros for all parameters of a model whose sizes are known; values_f64 too if `f64`. */
EDB_MUST_CHECK edb_status edb_weights_make(edb_context *ctx, const edb_model *model, bool f64,
                                           edb_weights **out, edb_error *error);

#endif
