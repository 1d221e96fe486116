/* model/safetensors.h: the safetensors container: named tensors and a few strings in one file.
 *
 *     8 bytes     length n of the header, little-endian
 *     n bytes     JSON: {"__metadata__": {key: string, ...}, name: {"dtype", "shape",
 * "data_offsets"}, ...} the rest    tensor data, row-major, little-endian; offsets count from here
 *
 * A file is checked in full before anything is taken from it: every byte of the data belongs to
 * exactly one tensor, and each tensor's bytes are what its dtype and shape say. */
#ifndef EDB_MODEL_SAFETENSORS_H
#define EDB_MODEL_SAFETENSORS_H

#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"

#define EDB_SAFETENSORS_MAX_HEADER 100000000 /* bytes; the format's own limit */
#define EDB_SAFETENSORS_MAX_RANK   8

/* X(ENUM, bytes of one) */
#define EDB_DTYPE_LIST(X) \
  X(F32, 4)               \
  X(F64, 8)               \
  X(F16, 2)               \
  X(BF16, 2)

typedef enum edb_dtype {
#define EDB_DTYPE_ENUM(id, bytes) EDB_DTYPE_##id,
  EDB_DTYPE_LIST(EDB_DTYPE_ENUM)
#undef EDB_DTYPE_ENUM
      EDB_DTYPE_COUNT
} edb_dtype;

const char *edb_dtype_name(edb_dtype dtype);

typedef struct edb_tensor {
  edb_dtype dtype;
  uint32_t rank;
  uint64_t dim[EDB_SAFETENSORS_MAX_RANK];
  size_t count;      /* of elements */
  size_t begin, end; /* bytes of the data section */
} edb_tensor;

typedef struct edb_metadata {
  const char *text; /* 0-terminated as well */
  size_t length;
} edb_metadata;

typedef struct edb_safetensors {
  edb_context *ctx;
  const char *data; /* of the section; borrowed, not aligned */
  size_t data_bytes;
  edb_map names; /* tensor name -> number in `tensors`, in the header's order */
  EDB_VEC(edb_tensor) tensors;
  edb_map keys; /* metadata key -> number in `values` */
  EDB_VEC(edb_metadata) values;
  edb_arena arena; /* text of the metadata */
} edb_safetensors;

/* Reads a whole file in memory, which must stay there; `name` stands for it in errors. Errors:
 * EDB_ERROR_FORMAT, EDB_ERROR_NAME (a name twice), EDB_ERROR_LIMIT, EDB_ERROR_UNSUPPORTED (another
 * dtype), EDB_ERROR_MEMORY. */
EDB_MUST_CHECK edb_status edb_safetensors_parse(edb_context *ctx, const char *bytes, size_t size,
                                                const char *name, edb_safetensors *out,
                                                edb_error *error);
void edb_safetensors_free(edb_safetensors *file);

/* NULL when there is none. */
const edb_tensor *edb_safetensors_find(const edb_safetensors *file, const char *name);
const edb_metadata *edb_safetensors_metadata(const edb_safetensors *file, const char *key);

/* All elements, rounded to nearest (F64 beyond the range of fp32 becomes infinite); exact in
 * float64. */
void edb_tensor_read_f32(const edb_safetensors *file, const edb_tensor *tensor, float *out);
void edb_tensor_read_f64(const edb_safetensors *file, const edb_tensor *tensor, double *out);

/* "[5, 256]" of any rank; returns `buffer`. */
#define EDB_TENSOR_SHAPE_TEXT_BYTES 192
const char *edb_tensor_shape_text(const edb_tensor *tensor, char *buffer, size_t bytes);

#endif
