/* model/weights_load.c: weights from a safetensors file (docs/weights.md).
 *
 * A file is judged as a whole before the model changes: names of tensors first, then constants and
 * vocabularies, then shapes. Whatever fails, the model is as it was. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "model/weights.h"

#define KEY_BYTES   (EDB_NAME_MAX + 32)
#define NAMES_SHOWN 5 /* of missing tensors in an error */

typedef struct loader {
  edb_context *ctx;
  edb_model *model;
  const char *path;
  edb_file *mapped;
  edb_safetensors file;
  edb_constant_decl *constants; /* as they were: [n_constants] */
  size_t n_constants;
  uint32_t *vocab_sizes; /* likewise, [n_vocabs] */
  bool *vocab_words;     /* whether it had words */
  size_t n_vocabs;
  edb_error *error;
} loader;

/* ---- Names ----------------------------------------------------------------------------------- */

static edb_status check_missing(const loader *l) {
  char names[NAMES_SHOWN * (EDB_NAME_MAX + 2) + 8] = "";
  uint32_t missing = 0, n_params = edb_model_param_count(l->model);
  size_t used = 0;
  for (uint32_t p = 0; p < n_params; p++) {
    const char *name = edb_model_param_name(l->model, p);
    if (edb_safetensors_find(&l->file, name) || missing++ >= NAMES_SHOWN) continue;
    int length = snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    used += length > 0 ? (size_t)length : 0;
  }
  EDB_FAIL_IF(missing > 0, l->error, EDB_ERROR_NAME,
              "%s: %" PRIu32 " of %" PRIu32 " parameter%s of model \"%s\" %s missing: %s%s",
              l->path, missing, n_params, EDB_S(n_params), edb_model_name(l->model),
              missing == 1 ? "is" : "are", names, missing > NAMES_SHOWN ? ", ..." : "");
  return EDB_OK;
}

/* A tensor that the model does not have is an error as well: silence would hide a misspelt name. */
static edb_status check_names(const loader *l) {
  for (uint32_t i = 0; i < l->file.tensors.length; i++) {
    const char *name = edb_map_key(&l->file.names, i);
    uint32_t value = edb_map_get(&l->model->names, name, strlen(name));
    if (value != EDB_MAP_NONE && EDB_NAME_KIND(value) == EDB_NAME_PARAM) continue;
    edb_suggestion s;
    char hint[EDB_SUGGEST_TEXT_BYTES];
    edb_suggest_begin(&s, name, strlen(name));
    for (uint32_t p = 0; p < edb_model_param_count(l->model); p++) {
      edb_suggest(&s, edb_model_param_name(l->model, p));
    }
    return edb_fail(l->error, EDB_ERROR_NAME, "%s: model \"%s\" has no parameter \"%s\"%s", l->path,
                    edb_model_name(l->model), name, edb_suggest_text(&s, hint, sizeof hint));
  }
  return check_missing(l);
}

/* ---- Constants ------------------------------------------------------------------------------- */

/* A whole number and nothing else. */
static bool parse_integer(const edb_metadata *text, int64_t *out) {
  const char *at = text->text, *end = at + text->length;
  bool negative = at < end && *at == '-';
  if (negative) at++;
  if (at == end) return false;
  int64_t value = 0;
  for (; at < end; at++) {
    if (*at < '0' || *at > '9' || value > (INT64_MAX - (*at - '0')) / 10) return false;
    value = value * 10 + (*at - '0');
  }
  *out = negative ? -value : value;
  return true;
}

/* One constant takes the file's value, if it has one; else the value that follows from earlier
 * ones. */
static edb_status apply_constant(loader *l, edb_constant_decl *constant) {
  char key[KEY_BYTES];
  int64_t wanted;
  (void)snprintf(key, sizeof key, EDB_WEIGHTS_CONSTANT_PREFIX "%s", constant->name);
  const edb_metadata *text = edb_safetensors_metadata(&l->file, key);
  if (!l->model->sealed)
    EDB_TRY(edb_dim_value(l->model, &constant->expression, 1, &constant->value, l->error));
  if (!text) return EDB_OK;
  EDB_FAIL_IF(!parse_integer(text, &wanted), l->error, EDB_ERROR_FORMAT,
              "%s: constant \"%s\" is \"%s\" in the metadata, expected an integer", l->path,
              constant->name, text->text);
  if (wanted == constant->value) return EDB_OK;
  EDB_FAIL_IF(l->model->sealed || constant->given, l->error, EDB_ERROR_MISMATCH,
              "%s: made with %s = %" PRId64 ", but the model %s %s = %" PRId64, l->path,
              constant->name, wanted, l->model->sealed ? "is sealed with" : "was given",
              constant->name, constant->value);
  EDB_TRY(edb_dim_integer(l->model, wanted, &constant->expression, l->error));
  constant->value = wanted;
  return EDB_OK;
}

/* What follows `prefix` in a metadata key must be a name of that kind in the model. */
static edb_status check_key(const loader *l, const char *key, const char *prefix,
                            edb_name_kind kind, const char *what) {
  size_t length = strlen(prefix);
  if (strncmp(key, prefix, length) != 0) return EDB_OK;
  uint32_t value = edb_map_get(&l->model->names, key + length, strlen(key + length));
  EDB_FAIL_IF(value == EDB_MAP_NONE || EDB_NAME_KIND(value) != kind, l->error, EDB_ERROR_MISMATCH,
              "%s: made for another model: it has a %s \"%s\", model \"%s\" has none", l->path,
              what, key + length, edb_model_name(l->model));
  return EDB_OK;
}

static edb_status apply_constants(loader *l) {
  const edb_metadata *format = edb_safetensors_metadata(&l->file, EDB_WEIGHTS_FORMAT_KEY);
  int64_t version = EDB_WEIGHTS_FORMAT_VERSION;
  EDB_FAIL_IF(format && !parse_integer(format, &version), l->error, EDB_ERROR_FORMAT,
              "%s: " EDB_WEIGHTS_FORMAT_KEY " is \"%s\", expected an integer", l->path,
              format->text);
  EDB_FAIL_IF(version != EDB_WEIGHTS_FORMAT_VERSION, l->error, EDB_ERROR_UNSUPPORTED,
              "%s: version %" PRId64 " of the weights format; this library reads version %d",
              l->path, version, EDB_WEIGHTS_FORMAT_VERSION);
  for (size_t i = 0; i < l->file.keys.length; i++) {
    const char *key = edb_map_key(&l->file.keys, i);
    EDB_TRY(check_key(l, key, EDB_WEIGHTS_CONSTANT_PREFIX, EDB_NAME_CONSTANT, "constant"));
    EDB_TRY(check_key(l, key, EDB_WEIGHTS_VOCAB_PREFIX, EDB_NAME_VOCAB, "vocabulary"));
  }
  for (size_t i = 0; i < l->model->constants.length; i++) {
    EDB_TRY(apply_constant(l, &l->model->constants.data[i]));
  }
  return EDB_OK;
}

/* ---- Vocabularies ---------------------------------------------------------------------------- */

static edb_status vocab_mismatch(const loader *l, const edb_vocab *vocab, uint64_t size) {
  return edb_fail(l->error, EDB_ERROR_MISMATCH,
                  "%s: made with %" PRIu64 " %s, but the model has %" PRIu32, l->path, size,
                  vocab->name, vocab->size);
}

/* A word of the file against one of the model, or into it when it has none. */
static edb_status apply_word(loader *l, edb_vocab *vocab, bool fill, uint32_t id,
                             const edb_json *json, const edb_json_token *word) {
  uint32_t known = edb_map_get(&vocab->words, word->text, word->length);
  if (!fill) {
    if (known == id) return EDB_OK;
    return edb_json_fail(json, word, l->error, EDB_ERROR_MISMATCH,
                         "word %" PRIu32 " of \"%s\" is \"%s\", in the model it is \"%s\"", id,
                         vocab->name, word->text,
                         id < vocab->words.length ? edb_map_key(&vocab->words, id) : "");
  }
  if (known != EDB_MAP_NONE) {
    return edb_json_fail(json, word, l->error, EDB_ERROR_NAME,
                         "words %" PRIu32 " and %" PRIu32 " of \"%s\" are both \"%s\"", known, id,
                         vocab->name, word->text);
  }
  if (strlen(word->text) != word->length) {
    return edb_json_fail(json, word, l->error, EDB_ERROR_FORMAT,
                         "word %" PRIu32 " of \"%s\" has a zero byte", id, vocab->name);
  }
  if (!edb_map_put(&vocab->words, word->text, word->length, id))
    return edb_fail_memory(l->error, word->length, "a word");
  return EDB_OK;
}

/* ["<unk>", "good", ...]: the words in the order of their ids. */
static edb_status read_words(loader *l, edb_vocab *vocab, edb_json *json) {
  bool fill = vocab->words.length == 0 && !l->model->sealed;
  bool compare = vocab->words.length > 0;
  uint32_t count = 0;
  edb_json_token token;
  for (;; count++) {
    EDB_TRY(edb_json_next(json, &token, l->error));
    if (token.type == EDB_JSON_ARRAY_END) break;
    if (token.type != EDB_JSON_STRING) {
      return edb_json_fail(json, &token, l->error, EDB_ERROR_FORMAT,
                           "vocabulary \"%s\" must be a list of words", vocab->name);
    }
    if (count == EDB_DIM_MAX) return vocab_mismatch(l, vocab, count);
    if (fill || compare) EDB_TRY(apply_word(l, vocab, fill, count, json, &token));
  }
  if (vocab->size == 0 && !l->model->sealed) vocab->size = count;
  return vocab->size == count ? EDB_OK : vocab_mismatch(l, vocab, count);
}

/* 1000: ids without words. */
static edb_status read_size(loader *l, edb_vocab *vocab, const edb_json *json,
                            const edb_json_token *token) {
  if (token->type != EDB_JSON_NUMBER || !token->is_integer || token->integer < 0 ||
      token->integer > EDB_DIM_MAX) {
    return edb_json_fail(json, token, l->error, EDB_ERROR_FORMAT,
                         "vocabulary \"%s\" must be a list of words or a size", vocab->name);
  }
  if (vocab->size == 0 && !l->model->sealed) vocab->size = (uint32_t)token->integer;
  return vocab->size == token->integer ? EDB_OK
                                       : vocab_mismatch(l, vocab, (uint64_t)token->integer);
}

static edb_status apply_vocab(loader *l, edb_vocab *vocab) {
  char key[KEY_BYTES];
  (void)snprintf(key, sizeof key, EDB_WEIGHTS_VOCAB_PREFIX "%s", vocab->name);
  const edb_metadata *text = edb_safetensors_metadata(&l->file, key);
  if (!text) return EDB_OK;
  edb_json json;
  edb_json_token token;
  edb_json_init(&json, l->ctx, text->text, text->length, key, 1);
  edb_status status = edb_json_next(&json, &token, l->error);
  if (status == EDB_OK) {
    status = token.type == EDB_JSON_ARRAY ? read_words(l, vocab, &json)
                                          : read_size(l, vocab, &json, &token);
  }
  if (status == EDB_OK) status = edb_json_expect(&json, EDB_JSON_END, &token, l->error);
  edb_json_free(&json);
  return status;
}

/* A vocabulary that is still empty has the size of a tensor whose dimension it is. */
static void infer_sizes(loader *l) {
  for (uint32_t p = 0; p < l->model->param_decls.length; p++) {
    const edb_dims *dims = &l->model->param_decls.data[p].dims;
    const edb_tensor *t = edb_safetensors_find(&l->file, edb_model_param_name(l->model, p));
    if (!t || t->rank != dims->rank) continue; /* reported with the shapes */
    for (uint32_t axis = 0; axis < dims->rank; axis++) {
      uint32_t vocab = edb_dim_vocab(&dims->dim[axis]);
      if (vocab == UINT32_MAX || t->dim[axis] > EDB_DIM_MAX) continue;
      edb_vocab *v = &l->model->vocabs.data[vocab];
      if (v->size == 0) v->size = (uint32_t)t->dim[axis];
    }
  }
}

/* ---- Loading --------------------------------------------------------------------------------- */

static edb_status check_shapes(const loader *l) {
  const edb_program *program = edb_model_program(l->model);
  for (uint32_t p = 0; p < program->n_params; p++) {
    const edb_tensor *t = edb_safetensors_find(&l->file, program->params[p].name);
    edb_shape shape = program->params[p].shape;
    bool equal = t->rank == shape.rank;
    for (uint32_t axis = 0; equal && axis < t->rank; axis++) {
      equal = t->dim[axis] == shape.dim[axis];
    }
    if (equal) continue;
    char found[EDB_TENSOR_SHAPE_TEXT_BYTES], expected[EDB_SHAPE_TEXT_BYTES];
    return edb_fail(l->error, EDB_ERROR_SHAPE,
                    "%s: tensor \"%s\" is %s, but the parameter of model \"%s\" is %s", l->path,
                    program->params[p].name, edb_tensor_shape_text(t, found, sizeof found),
                    edb_model_name(l->model), edb_shape_text(shape, expected, sizeof expected));
  }
  return EDB_OK;
}

/* Notes how the model was. */
static edb_status snapshot(loader *l) {
  l->n_constants = l->model->constants.length;
  l->n_vocabs = l->model->vocabs.length;
  l->constants = edb_alloc(l->ctx, l->n_constants * sizeof *l->constants);
  l->vocab_sizes = edb_alloc(l->ctx, l->n_vocabs * sizeof *l->vocab_sizes);
  l->vocab_words = edb_alloc(l->ctx, l->n_vocabs * sizeof *l->vocab_words);
  if ((l->n_constants && !l->constants) || (l->n_vocabs && (!l->vocab_sizes || !l->vocab_words)))
    return edb_fail_memory(l->error, l->n_constants * sizeof *l->constants, "constants");
  for (size_t i = 0; i < l->n_constants; i++) l->constants[i] = l->model->constants.data[i];
  for (size_t i = 0; i < l->n_vocabs; i++) {
    l->vocab_sizes[i] = l->model->vocabs.data[i].size;
    l->vocab_words[i] = l->model->vocabs.data[i].words.length > 0;
  }
  return EDB_OK;
}

/* Takes back what the file has changed. The old sizes fitted, so working them out cannot fail. */
static void restore(loader *l) {
  for (size_t i = 0; i < l->n_constants; i++) l->model->constants.data[i] = l->constants[i];
  for (size_t i = 0; i < l->n_vocabs; i++) {
    edb_vocab *vocab = &l->model->vocabs.data[i];
    vocab->size = l->vocab_sizes[i];
    if (l->vocab_words[i] || vocab->words.length == 0) continue;
    edb_map_free(&vocab->words);
    edb_map_init(&vocab->words, l->model->ctx);
  }
  if (edb_model_refresh(l->model, NULL) != EDB_OK) l->model->dirty = true;
}

/* Whether the values can stay where they are: a mapped file (what was read belongs to the context
 * and its account) of F32 values in this machine's byte order, at addresses of floats. */
static bool can_map(const loader *l) {
  const uint16_t one = 1;
  bool fits = l->mapped->map != NULL && *(const uint8_t *)&one == 1;
  for (size_t i = 0; i < l->file.tensors.length; i++) {
    const edb_tensor *t = &l->file.tensors.data[i];
    fits &= t->dtype == EDB_DTYPE_F32 && (uintptr_t)(l->file.data + t->begin) % sizeof(float) == 0;
  }
  return fits;
}

static edb_weights_storage choose_storage(const loader *l) {
  if (can_map(l)) return EDB_WEIGHTS_MAPPED;
  for (size_t i = 0; i < l->file.tensors.length; i++) {
    if (l->file.tensors.data[i].dtype == EDB_DTYPE_F64) return EDB_WEIGHTS_F64;
  }
  return EDB_WEIGHTS_F32;
}

/* Lets the model have what the file says of it, and makes room for the values. */
static edb_status apply(loader *l, edb_weights **out) {
  EDB_TRY(apply_constants(l));
  for (size_t i = 0; i < l->n_vocabs; i++) EDB_TRY(apply_vocab(l, &l->model->vocabs.data[i]));
  if (!l->model->sealed) {
    infer_sizes(l);
    EDB_TRY(edb_model_refresh(l->model, l->error));
  }
  EDB_TRY(check_shapes(l));
  edb_weights *w;
  EDB_TRY(edb_weights_make(l->ctx, l->model, choose_storage(l), &w, l->error));
  edb_status status = edb_model_seal(l->model, l->error);
  if (status == EDB_OK)
    *out = w;
  else
    edb_weights_destroy(w);
  return status;
}

static void copy_values(const loader *l, edb_weights *w) {
  for (uint32_t p = 0; p < w->n_params; p++) {
    const edb_tensor *t = edb_safetensors_find(&l->file, edb_model_param_name(l->model, p));
    edb_tensor_read_f32(&l->file, t, w->params[p]);
    if (w->values_f64) edb_tensor_read_f64(&l->file, t, w->values_f64 + w->offset[p]);
  }
}

/* The file becomes the weights'. Its pages are only written to after edb_file_make_writable. */
static void map_values(loader *l, edb_weights *w) {
  for (uint32_t p = 0; p < w->n_params; p++) {
    const edb_tensor *t = edb_safetensors_find(&l->file, edb_model_param_name(l->model, p));
    w->params[p] = (float *)(uintptr_t)(l->file.data + t->begin);
  }
  w->mapped = *l->mapped;
  *l->mapped = (edb_file){.ctx = l->ctx};
}

static void take_values(loader *l, edb_weights *w) {
  if (choose_storage(l) == EDB_WEIGHTS_MAPPED)
    map_values(l, w);
  else
    copy_values(l, w);
}

static edb_status load(loader *l, edb_weights **out) {
  edb_status status;
  EDB_TRY(check_names(l));
  EDB_TRY_GOTO(status, snapshot(l), cleanup);
  bool sealed = l->model->sealed;
  status = apply(l, out);
  if (status == EDB_OK)
    take_values(l, *out);
  else if (!sealed)
    restore(l);
cleanup:
  edb_free(l->ctx, l->constants, l->constants ? l->n_constants * sizeof *l->constants : 0);
  edb_free(l->ctx, l->vocab_sizes, l->vocab_sizes ? l->n_vocabs * sizeof *l->vocab_sizes : 0);
  edb_free(l->ctx, l->vocab_words, l->vocab_words ? l->n_vocabs * sizeof *l->vocab_words : 0);
  return status;
}

edb_status edb_weights_load(edb_context *ctx, edb_model *model, const char *path, edb_weights **out,
                            edb_error *error) {
  EDB_REQUIRE(error, ctx, model, path, out);
  edb_file mapped;
  loader l = {.ctx = ctx, .model = model, .path = path, .mapped = &mapped, .error = error};
  EDB_TRY(edb_file_open(ctx, path, &mapped, error));
  edb_status status = edb_safetensors_parse(ctx, mapped.data, mapped.bytes, path, &l.file, error);
  if (status == EDB_OK) {
    status = load(&l, out);
    edb_safetensors_free(&l.file);
  }
  edb_file_close(&mapped);
  return status;
}
