/* model/weights.h: the inside of edb_weights. */
#ifndef EDB_MODEL_WEIGHTS_H
#define EDB_MODEL_WEIGHTS_H

#include "base/file.h"
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
  float **params;     /* [n_params]: into values, or into the mapped file */
  float *values;      /* [offset[n_params]]; NULL when a file is mapped */
  double *values_f64; /* NULL, or the values as given when any came as F64 (reference device) */
  edb_file mapped;    /* the safetensors file whose bytes the parameters are, or nothing */
  bool writable;      /* the mapping has been made so */
};

static inline const float *edb_weights_param(const edb_weights *w, uint32_t param) {
  return w->params[param];
}

typedef enum edb_weights_storage {
  EDB_WEIGHTS_F32,   /* zeros in memory of their own */
  EDB_WEIGHTS_F64,   /* the same, and values_f64 */
  EDB_WEIGHTS_MAPPED /* nothing yet: the caller sets `params` */
} edb_weights_storage;

/* Weights of a model whose sizes are known. */
EDB_MUST_CHECK edb_status edb_weights_make(edb_context *ctx, const edb_model *model,
                                           edb_weights_storage storage, edb_weights **out,
                                           edb_error *error);

#endif
