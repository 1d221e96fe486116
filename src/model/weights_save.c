/* model/weights_save.c: weights to a safetensors file: F32, in the order of the model, with what a
 * model needs to be the same again: constants and vocabularies (docs/weights.md). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/model.h"
#include "model/weights.h"

#define LENGTH_BYTES 8 /* the header's length, before the header */
#define ALIGN_BYTES \
  64 /* where the data begins: a cache line, since it is mapped and read in place */

/* "edbatch.const.hidden": "256". */
static void write_constants(edb_json_writer *w, const edb_model *model) {
  for (size_t i = 0; i < model->constants.length; i++) {
    char key[EDB_NAME_MAX + 32], value[24];
    (void)snprintf(key, sizeof key, EDB_WEIGHTS_CONSTANT_PREFIX "%s",
                   model->constants.data[i].name);
    (void)snprintf(value, sizeof value, "%" PRId64, model->constants.data[i].value);
    edb_json_key(w, key);
    edb_json_cstring(w, value);
  }
}

/* "edbatch.vocab.words": a JSON text in a JSON string: the list of words, or a size without words.
 */
static void write_vocab(edb_json_writer *w, const edb_vocab *vocab, edb_text *text) {
  char key[EDB_NAME_MAX + 32];
  edb_json_writer inner;
  text->length = 0;
  edb_json_writer_init(&inner, text, 0);
  if (vocab->words.length > 0) {
    edb_json_begin(&inner, '[');
    for (size_t i = 0; i < vocab->words.length; i++) {
      edb_json_string(&inner, edb_map_key(&vocab->words, i), vocab->words.entries[i].key_length);
    }
    edb_json_end(&inner, ']');
  } else {
    edb_json_int(&inner, vocab->size);
  }
  (void)snprintf(key, sizeof key, EDB_WEIGHTS_VOCAB_PREFIX "%s", vocab->name);
  edb_json_key(w, key);
  edb_json_string(w, text->data ? text->data : "", text->length);
}

static void write_metadata(edb_json_writer *w, const edb_model *model, edb_text *scratch) {
  char version[16];
  (void)snprintf(version, sizeof version, "%d", EDB_WEIGHTS_FORMAT_VERSION);
  edb_json_key(w, "__metadata__");
  edb_json_begin(w, '{');
  edb_json_key(w, EDB_WEIGHTS_FORMAT_KEY);
  edb_json_cstring(w, version);
  edb_json_key(w, EDB_WEIGHTS_MODEL_KEY);
  edb_json_cstring(w, edb_model_name(model));
  write_constants(w, model);
  for (size_t i = 0; i < model->vocabs.length; i++) {
    write_vocab(w, &model->vocabs.data[i], scratch);
  }
  edb_json_end(w, '}');
}

/* "Wi": {"dtype": "F32", "shape": [256, 256], "data_offsets": [0, 262144]}; gives the end. */
static size_t write_tensor(edb_json_writer *w, const edb_ir_param *param, size_t begin) {
  size_t end = begin + edb_shape_size(param->shape) * sizeof(float);
  edb_json_key(w, param->name);
  edb_json_begin(w, '{');
  edb_json_key(w, "dtype");
  edb_json_cstring(w, "F32");
  edb_json_key(w, "shape");
  edb_json_begin(w, '[');
  for (uint32_t axis = 0; axis < param->shape.rank; axis++) {
    edb_json_int(w, param->shape.dim[axis]);
  }
  edb_json_end(w, ']');
  edb_json_key(w, "data_offsets");
  edb_json_begin(w, '[');
  edb_json_int(w, (int64_t)begin);
  edb_json_int(w, (int64_t)end);
  edb_json_end(w, ']');
  edb_json_end(w, '}');
  return end;
}

/* Room for the length, the header, and spaces so that the data is aligned; gives the data's size.
 */
static size_t write_header(edb_text *text, const edb_model *model, edb_text *scratch) {
  const edb_program *program = edb_model_program(model);
  edb_json_writer w;
  size_t data_bytes = 0;
  edb_text_append(text, "\0\0\0\0\0\0\0", LENGTH_BYTES);
  edb_json_writer_init(&w, text, 0);
  edb_json_begin(&w, '{');
  write_metadata(&w, model, scratch);
  for (uint32_t p = 0; p < program->n_params; p++) {
    data_bytes = write_tensor(&w, &program->params[p], data_bytes);
  }
  edb_json_end(&w, '}');
  while (!text->failed && text->length % ALIGN_BYTES != 0) edb_text_append(text, " ", 1);
  return data_bytes;
}

static void store_little(char *to, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) to[i] = (char)(value >> (8 * i));
}

/* Values as the file has them: as they are where the machine's byte order is the file's, else
 * turned in a copy. */
typedef struct values_copy {
  char *bytes; /* NULL: none was needed */
  size_t size;
} values_copy;

static edb_status list_values(const edb_weights *weights, edb_file_part *parts, values_copy *copy,
                              edb_error *error) {
  const edb_program *program = edb_model_program(weights->model);
  const uint16_t one = 1;
  bool is_little = *(const uint8_t *)&one == 1;
  if (!is_little && copy->size > 0) {
    copy->bytes = edb_alloc(weights->ctx, copy->size);
    if (!copy->bytes) return edb_fail_memory(error, copy->size, "a weights file");
  }
  char *to = copy->bytes;
  for (uint32_t p = 0; p < program->n_params; p++) {
    const float *values = edb_weights_param(weights, p);
    size_t count = edb_shape_size(program->params[p].shape);
    parts[p] = (edb_file_part){is_little ? (const void *)values : to, count * sizeof *values};
    for (size_t i = 0; !is_little && i < count; i++, to += sizeof *values) {
      uint32_t bits;
      memcpy(&bits, &values[i], sizeof bits);
      store_little(to, bits, sizeof bits);
    }
  }
  return EDB_OK;
}

edb_status edb_weights_save(const edb_weights *weights, const char *path, edb_error *error) {
  EDB_REQUIRE(error, weights, path);
  edb_text header, scratch;
  edb_status status;
  values_copy copy = {0};
  size_t n_parts = (size_t)weights->n_params + 1;
  edb_file_part *parts = edb_alloc(weights->ctx, n_parts * sizeof *parts);
  if (!parts) return edb_fail_memory(error, n_parts * sizeof *parts, "a weights file");
  edb_text_init(&header, weights->ctx);
  edb_text_init(&scratch, weights->ctx);
  copy.size = write_header(&header, weights->model, &scratch);
  if (header.failed || scratch.failed) {
    status = edb_fail_memory(error, header.length, "the header of a weights file");
    goto cleanup;
  }
  store_little(header.data, header.length - LENGTH_BYTES, LENGTH_BYTES);
  parts[0] = (edb_file_part){header.data, header.length};
  EDB_TRY_GOTO(status, list_values(weights, parts + 1, &copy, error), cleanup);
  status = edb_file_write_parts(path, parts, n_parts, error);
cleanup:
  edb_free(weights->ctx, copy.bytes, copy.bytes ? copy.size : 0);
  edb_text_free(&scratch);
  edb_text_free(&header);
  edb_free(weights->ctx, parts, n_parts * sizeof *parts);
  return status;
}
