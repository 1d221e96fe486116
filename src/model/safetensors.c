/* model/safetensors.c: reading the safetensors container from untrusted bytes. */
#include "model/safetensors.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define LENGTH_BYTES 8 /* the header's length, before the header */

static const struct {
  const char *name;
  size_t bytes;
} dtype_table[EDB_DTYPE_COUNT] = {
#define DTYPE_ROW(id, size) {#id, size},
    EDB_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

const char *edb_dtype_name(edb_dtype dtype) {
  return (unsigned)dtype < EDB_DTYPE_COUNT ? dtype_table[dtype].name : "unknown";
}

/* ---- The header ------------------------------------------------------------------------------ */

typedef struct reader {
  edb_safetensors *file;
  edb_json json;
  edb_error *error;
} reader;

/* "dtype": one of the four. */
static edb_status read_dtype(reader *r, const char *tensor, edb_dtype *out) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_STRING, &token, r->error));
  for (unsigned i = 0; i < EDB_DTYPE_COUNT; i++) {
    if (strcmp(token.text, dtype_table[i].name) != 0) continue;
    *out = (edb_dtype)i;
    return EDB_OK;
  }
  return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_UNSUPPORTED,
                       "tensor \"%s\" has dtype %s, expected F32, F64, F16 or BF16", tensor,
                       token.text);
}

/* A number that can be a size in this address space. */
static edb_status check_size(reader *r, const char *tensor, const edb_json_token *token,
                             const char *what, size_t *out) {
  if (token->type != EDB_JSON_NUMBER || !token->is_integer || token->integer < 0 ||
      (uint64_t)token->integer > SIZE_MAX) {
    return edb_json_fail(&r->json, token, r->error, EDB_ERROR_FORMAT,
                         "tensor \"%s\": %s must be whole numbers from 0", tensor, what);
  }
  *out = (size_t)token->integer;
  return EDB_OK;
}

/* "shape": the dims, and their product. */
static edb_status read_shape(reader *r, const char *name, edb_tensor *tensor) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_ARRAY, &token, r->error));
  tensor->rank = 0;
  tensor->count = 1;
  bool empty = false;
  for (;;) {
    EDB_TRY(edb_json_next(&r->json, &token, r->error));
    if (token.type == EDB_JSON_ARRAY_END) break;
    size_t dim = 0;
    EDB_TRY(check_size(r, name, &token, "dimensions", &dim));
    if (tensor->rank == EDB_SAFETENSORS_MAX_RANK) {
      return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_LIMIT,
                           "tensor \"%s\" has more than %d dimensions", name,
                           EDB_SAFETENSORS_MAX_RANK);
    }
    tensor->dim[tensor->rank++] = dim;
    empty |= dim == 0;
    if (dim != 0 && !edb_mul_size(tensor->count, dim, &tensor->count)) {
      return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_LIMIT,
                           "tensor \"%s\": its dimensions multiply to more than memory", name);
    }
  }
  if (empty) tensor->count = 0;
  return EDB_OK;
}

/* "data_offsets": [begin, end]. */
static edb_status read_offsets(reader *r, const char *name, edb_tensor *tensor) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_ARRAY, &token, r->error));
  EDB_TRY(edb_json_next(&r->json, &token, r->error));
  EDB_TRY(check_size(r, name, &token, "data_offsets", &tensor->begin));
  EDB_TRY(edb_json_next(&r->json, &token, r->error));
  EDB_TRY(check_size(r, name, &token, "data_offsets", &tensor->end));
  if (tensor->begin > tensor->end || tensor->end > r->file->data_bytes) {
    return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_FORMAT,
                         "tensor \"%s\" has bytes %zu to %zu, but the file has %zu bytes of data",
                         name, tensor->begin, tensor->end, r->file->data_bytes);
  }
  return edb_json_expect(&r->json, EDB_JSON_ARRAY_END, &token, r->error);
}

/* One field of a tensor's object; `seen` collects which were there. */
static edb_status read_field(reader *r, const char *name, const edb_json_token *key, unsigned *seen,
                             edb_tensor *tensor) {
  static const char *const fields[] = {"dtype", "shape", "data_offsets"};
  for (unsigned i = 0; i < 3; i++) {
    if (strcmp(key->text, fields[i]) != 0) continue;
    if (*seen & 1u << i) {
      return edb_json_fail(&r->json, key, r->error, EDB_ERROR_NAME, "tensor \"%s\" has two \"%s\"",
                           name, fields[i]);
    }
    *seen |= 1u << i;
    if (i == 0) return read_dtype(r, name, &tensor->dtype);
    if (i == 1) return read_shape(r, name, tensor);
    return read_offsets(r, name, tensor);
  }
  return edb_json_fail(&r->json, key, r->error, EDB_ERROR_FORMAT,
                       "tensor \"%s\" has \"%s\", expected dtype, shape and data_offsets", name,
                       key->text);
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...} of the tensor `name`. */
static edb_status read_tensor(reader *r, const char *name) {
  edb_tensor tensor = {0};
  edb_json_token token;
  unsigned seen = 0;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_OBJECT, &token, r->error));
  for (;;) {
    EDB_TRY(edb_json_next(&r->json, &token, r->error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    EDB_TRY(read_field(r, name, &token, &seen, &tensor));
  }
  if (seen != 7) {
    return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_FORMAT,
                         "tensor \"%s\" needs dtype, shape and data_offsets", name);
  }
  size_t bytes;
  if (!edb_mul_size(tensor.count, dtype_table[tensor.dtype].bytes, &bytes) ||
      bytes != tensor.end - tensor.begin) {
    char shape[EDB_TENSOR_SHAPE_TEXT_BYTES];
    return edb_json_fail(
        &r->json, &token, r->error, EDB_ERROR_FORMAT, "tensor \"%s\" is %s %s but has %zu byte%s",
        name, edb_dtype_name(tensor.dtype), edb_tensor_shape_text(&tensor, shape, sizeof shape),
        tensor.end - tensor.begin, EDB_S(tensor.end - tensor.begin));
  }
  if (!edb_vec_push(r->file->ctx, &r->file->tensors, tensor))
    return edb_fail_memory(r->error, sizeof tensor, "a tensor");
  return EDB_OK;
}

/* {"key": "text", ...}. */
static edb_status read_metadata(reader *r) {
  edb_safetensors *file = r->file;
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_OBJECT, &token, r->error));
  for (;;) {
    EDB_TRY(edb_json_next(&r->json, &token, r->error));
    if (token.type == EDB_JSON_OBJECT_END) return EDB_OK;
    if (edb_map_get(&file->keys, token.text, token.length) != EDB_MAP_NONE) {
      return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_NAME,
                           "metadata \"%s\" stands there twice", token.text);
    }
    if (!edb_map_put(&file->keys, token.text, token.length, (uint32_t)file->values.length))
      return edb_fail_memory(r->error, token.length, "a metadata key");
    EDB_TRY(edb_json_expect(&r->json, EDB_JSON_STRING, &token, r->error));
    char *text = edb_arena_strdup(&file->arena, token.text, token.length);
    if (!text || !edb_vec_push(file->ctx, &file->values, (edb_metadata){text, token.length}))
      return edb_fail_memory(r->error, token.length, "a metadata text");
  }
}

static edb_status read_header(reader *r) {
  edb_safetensors *file = r->file;
  edb_json_token token;
  bool has_metadata = false;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_OBJECT, &token, r->error));
  for (;;) {
    EDB_TRY(edb_json_next(&r->json, &token, r->error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    bool metadata = strcmp(token.text, "__metadata__") == 0;
    if (metadata ? has_metadata
                 : edb_map_get(&file->names, token.text, token.length) != EDB_MAP_NONE) {
      return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_NAME, "\"%s\" stands there twice",
                           token.text);
    }
    has_metadata |= metadata;
    if (metadata) {
      EDB_TRY(read_metadata(r));
      continue;
    }
    if (strlen(token.text) != token.length) {
      return edb_json_fail(&r->json, &token, r->error, EDB_ERROR_FORMAT,
                           "a tensor's name contains a zero byte");
    }
    if (!edb_map_put(&file->names, token.text, token.length, (uint32_t)file->tensors.length))
      return edb_fail_memory(r->error, token.length, "a tensor's name");
    /* The name in the token dies with the next call; the map has a copy. */
    EDB_TRY(read_tensor(r, edb_map_key(&file->names, file->names.length - 1)));
  }
  return edb_json_expect(&r->json, EDB_JSON_END, &token, r->error);
}

/* ---- The data -------------------------------------------------------------------------------- */

/* Every byte belongs to exactly one tensor: no two begin at one place, and from byte 0 each ends
 * where the next begins, to the end, with none left over. Tensors without elements take no part. */
static edb_status check_coverage(const edb_safetensors *file, const char *name, edb_map *begins,
                                 edb_error *error) {
  size_t wanted = 0, met = 0, at = 0;
  for (uint32_t i = 0; i < file->tensors.length; i++) {
    const edb_tensor *t = &file->tensors.data[i];
    if (t->begin == t->end) continue;
    EDB_FAIL_IF(edb_map_get(begins, &t->begin, sizeof t->begin) != EDB_MAP_NONE, error,
                EDB_ERROR_FORMAT, "%s: tensor \"%s\" shares its bytes with another", name,
                edb_map_key(&file->names, i));
    if (!edb_map_put(begins, &t->begin, sizeof t->begin, i))
      return edb_fail_memory(error, sizeof t->begin, "the order of tensors");
    wanted++;
  }
  while (at < file->data_bytes) {
    uint32_t i = edb_map_get(begins, &at, sizeof at);
    EDB_FAIL_IF(i == EDB_MAP_NONE, error, EDB_ERROR_FORMAT,
                "%s: no tensor begins at byte %zu of the data: a hole or an overlap", name, at);
    at = file->tensors.data[i].end;
    met++;
  }
  EDB_FAIL_IF(met != wanted, error, EDB_ERROR_FORMAT, "%s: tensors overlap", name);
  return EDB_OK;
}

static uint64_t load(const char *bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; i++) value |= (uint64_t)(uint8_t)bytes[i] << (8 * i);
  return value;
}

static float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* IEEE binary16: sign, 5 bits of exponent, 10 of fraction. Exact in fp32. */
static float float_of_half(uint32_t half) {
  uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return float_of_bits(sign | 0x7f800000 | fraction << 13);
  if (exponent > 0) return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
  float tiny = (float)fraction * 0x1p-24f; /* subnormal: fraction * 2^-24 */
  return sign ? -tiny : tiny;
}

static double element(const char *at, edb_dtype dtype) {
  switch (dtype) {
  case EDB_DTYPE_F64: {
    uint64_t bits = load(at, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  case EDB_DTYPE_F16:
    return float_of_half((uint32_t)load(at, 2));
  case EDB_DTYPE_BF16:
    return float_of_bits((uint32_t)load(at, 2) << 16);
  default:
    return float_of_bits((uint32_t)load(at, 4));
  }
}

void edb_tensor_read_f32(const edb_safetensors *file, const edb_tensor *tensor, float *out) {
  const char *at = file->data + tensor->begin;
  size_t bytes = dtype_table[tensor->dtype].bytes;
  for (size_t i = 0; i < tensor->count; i++) out[i] = (float)element(at + i * bytes, tensor->dtype);
}

void edb_tensor_read_f64(const edb_safetensors *file, const edb_tensor *tensor, double *out) {
  const char *at = file->data + tensor->begin;
  size_t bytes = dtype_table[tensor->dtype].bytes;
  for (size_t i = 0; i < tensor->count; i++) out[i] = element(at + i * bytes, tensor->dtype);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static edb_status parse(edb_safetensors *file, const char *bytes, size_t size, const char *name,
                        edb_error *error) {
  EDB_FAIL_IF(size < LENGTH_BYTES, error, EDB_ERROR_FORMAT,
              "%s: no safetensors file: expected a header length of 8 bytes, found %zu byte%s",
              name, size, EDB_S(size));
  uint64_t header = load(bytes, LENGTH_BYTES);
  EDB_FAIL_IF(header > EDB_SAFETENSORS_MAX_HEADER, error, EDB_ERROR_LIMIT,
              "%s: this is no safetensors file, or its header is too long: the first 8 bytes are "
              "a length of %llu, at most %d are allowed",
              name, (unsigned long long)header, EDB_SAFETENSORS_MAX_HEADER);
  EDB_FAIL_IF(header > size - LENGTH_BYTES, error, EDB_ERROR_FORMAT,
              "%s: a header of %llu byte%s in a file of %zu", name, (unsigned long long)header,
              EDB_S(header), size);
  file->data = bytes + LENGTH_BYTES + header;
  file->data_bytes = size - LENGTH_BYTES - (size_t)header;

  reader r = {.file = file, .error = error};
  edb_json_init(&r.json, file->ctx, bytes + LENGTH_BYTES, (size_t)header, name, 1);
  edb_status status = read_header(&r);
  edb_json_free(&r.json);
  EDB_TRY(status);

  edb_map begins;
  edb_map_init(&begins, file->ctx);
  status = check_coverage(file, name, &begins, error);
  edb_map_free(&begins);
  return status;
}

edb_status edb_safetensors_parse(edb_context *ctx, const char *bytes, size_t size, const char *name,
                                 edb_safetensors *out, edb_error *error) {
  edb_safetensors file = {.ctx = ctx};
  edb_map_init(&file.names, ctx);
  edb_map_init(&file.keys, ctx);
  edb_arena_init(&file.arena, ctx, 4096);
  edb_status status = parse(&file, bytes, size, name, error);
  if (status != EDB_OK) {
    edb_safetensors_free(&file);
    return status;
  }
  *out = file;
  return EDB_OK;
}

void edb_safetensors_free(edb_safetensors *file) {
  edb_map_free(&file->names);
  edb_map_free(&file->keys);
  edb_vec_free(file->ctx, &file->tensors);
  edb_vec_free(file->ctx, &file->values);
  edb_arena_free(&file->arena);
}

const edb_tensor *edb_safetensors_find(const edb_safetensors *file, const char *name) {
  uint32_t i = edb_map_get(&file->names, name, strlen(name));
  return i == EDB_MAP_NONE ? NULL : &file->tensors.data[i];
}

const edb_metadata *edb_safetensors_metadata(const edb_safetensors *file, const char *key) {
  uint32_t i = edb_map_get(&file->keys, key, strlen(key));
  return i == EDB_MAP_NONE ? NULL : &file->values.data[i];
}

const char *edb_tensor_shape_text(const edb_tensor *tensor, char *buffer, size_t bytes) {
  size_t used = (size_t)snprintf(buffer, bytes, "[");
  for (uint32_t i = 0; i < tensor->rank && used < bytes; i++) {
    used += (size_t)snprintf(buffer + used, bytes - used, "%s%llu", i ? ", " : "",
                             (unsigned long long)tensor->dim[i]);
  }
  if (used < bytes) snprintf(buffer + used, bytes - used, "]");
  return buffer;
}
