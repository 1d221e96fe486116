/* model/weights_describe.c: what a safetensors file holds, without a model, as JSON. */
#include "base/json.h"
#include "model/safetensors.h"
#include "model/weights.h"

static void write_tensors(edb_json_writer *w, const edb_safetensors *file) {
  edb_json_key(w, "tensors");
  edb_json_begin(w, '[');
  for (size_t i = 0; i < file->names.length; i++) {
    const edb_tensor *t = &file->tensors.data[file->names.entries[i].value];
    edb_json_begin(w, '{');
    edb_json_inline(w, true);
    edb_json_key(w, "name");
    edb_json_cstring(w, edb_map_key(&file->names, i));
    edb_json_key(w, "dtype");
    edb_json_cstring(w, edb_dtype_name(t->dtype));
    edb_json_key(w, "shape");
    edb_json_begin(w, '[');
    for (uint32_t d = 0; d < t->rank; d++) edb_json_int(w, (int64_t)t->dim[d]);
    edb_json_end(w, ']');
    edb_json_inline(w, false);
    edb_json_end(w, '}');
  }
  edb_json_end(w, ']');
}

static void write_metadata(edb_json_writer *w, const edb_safetensors *file) {
  edb_json_key(w, "metadata");
  edb_json_begin(w, '{');
  for (size_t i = 0; i < file->keys.length; i++) {
    const edb_metadata *value = &file->values.data[file->keys.entries[i].value];
    edb_json_key(w, edb_map_key(&file->keys, i));
    edb_json_string(w, value->text, value->length);
  }
  edb_json_end(w, '}');
}

edb_status edb_weights_describe(edb_context *ctx, const char *path, char **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, path, out);
  edb_file file;
  edb_safetensors tensors;
  EDB_TRY(edb_file_open(ctx, path, &file, error));
  edb_status status = edb_safetensors_parse(ctx, file.data, file.bytes, path, &tensors, error);
  if (status != EDB_OK) {
    edb_file_close(&file);
    return status;
  }
  edb_text text;
  edb_json_writer w;
  edb_text_init(&text, ctx);
  edb_json_writer_init(&w, &text, 0);
  edb_json_begin(&w, '{');
  write_tensors(&w, &tensors);
  write_metadata(&w, &tensors);
  edb_json_end(&w, '}');
  if (text.failed)
    status = edb_fail_memory(error, text.length, "the description of a file");
  else
    *out = edb_strdup(ctx, text.data, text.length);
  if (!text.failed && !*out)
    status = edb_fail_memory(error, text.length, "the description of a file");
  edb_text_free(&text);
  edb_safetensors_free(&tensors);
  edb_file_close(&file);
  return status;
}
