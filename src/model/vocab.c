/* model/vocab.c: vocabularies: words with ids, grown from data until the model is sealed. */
#include <string.h>

#include "model/model.h"

#define UNKNOWN_WORD "<unk>"

static edb_vocab *vocab_at(const edb_model *model, uint32_t vocab) {
  return vocab < model->vocabs.length ? &model->vocabs.data[vocab] : NULL;
}

uint32_t edb_model_vocab_count(const edb_model *model) {
  return (uint32_t)model->vocabs.length;
}

uint32_t edb_model_vocab(const edb_model *model, const char *name) {
  uint32_t value = edb_map_get(&model->names, name, strlen(name));
  if (value == EDB_MAP_NONE || EDB_NAME_KIND(value) != EDB_NAME_VOCAB) return UINT32_MAX;
  return EDB_NAME_NUMBER(value);
}

const char *edb_model_vocab_name(const edb_model *model, uint32_t vocab) {
  const edb_vocab *v = vocab_at(model, vocab);
  return v ? v->name : NULL;
}

uint32_t edb_model_vocab_size(const edb_model *model, uint32_t vocab) {
  const edb_vocab *v = vocab_at(model, vocab);
  return v ? v->size : 0;
}

const char *edb_model_vocab_word(const edb_model *model, uint32_t vocab, uint32_t id) {
  const edb_vocab *v = vocab_at(model, vocab);
  return v && id < v->words.length ? edb_map_key(&v->words, id) : NULL;
}

uint32_t edb_model_vocab_find(const edb_model *model, uint32_t vocab, const char *word,
                              size_t length) {
  const edb_vocab *v = vocab_at(model, vocab);
  if (!v) return UINT32_MAX;
  uint32_t id = edb_map_get(&v->words, word, length);
  return id != EDB_MAP_NONE ? id : edb_map_get(&v->words, UNKNOWN_WORD, strlen(UNKNOWN_WORD));
}

/* Bounds of index attributes follow at once, since graphs may be built while words come in; shapes
 * follow when they are asked for. */
static void follow_size(edb_model *model, uint32_t vocab) {
  for (size_t i = 0; i < model->vocab_bounds.length; i++) {
    const edb_vocab_bound *bound = &model->vocab_bounds.data[i];
    if (edb_dim_vocab(&bound->dim) == vocab) bound->sig->bound = model->vocabs.data[vocab].size;
  }
  model->dirty = true;
}

static edb_status put_word(edb_model *model, edb_vocab *vocab, const char *word, size_t length,
                           edb_error *error) {
  EDB_FAIL_IF(vocab->size >= EDB_DIM_MAX, error, EDB_ERROR_LIMIT,
              "vocabulary %s has 2^31 - 1 words, the most possible", vocab->name);
  if (!edb_map_put(&vocab->words, word, length, vocab->size)) {
    return edb_fail_memory(error, length, "a word of a vocabulary");
  }
  vocab->size++;
  follow_size(model, (uint32_t)(vocab - model->vocabs.data));
  return EDB_OK;
}

edb_status edb_model_vocab_add(edb_model *model, uint32_t vocab, const char *word, size_t length,
                               uint32_t *id, edb_error *error) {
  EDB_REQUIRE(error, model, word, id);
  edb_vocab *v = vocab_at(model, vocab);
  EDB_FAIL_IF(!v, error, EDB_ERROR_ARGUMENT, "model %s has no vocabulary %u", model->name, vocab);
  uint32_t known = edb_map_get(&v->words, word, length);
  if (known != EDB_MAP_NONE) {
    *id = known;
    return EDB_OK;
  }
  EDB_TRY(edb_model_check_open(model, error));
  EDB_FAIL_IF(v->size != v->words.length, error, EDB_ERROR_STATE,
              "vocabulary %s has a size (%u) and no words, so none can be added", v->name, v->size);
  EDB_FAIL_IF(length > 0 && memchr(word, 0, length), error, EDB_ERROR_ARGUMENT,
              "a word of vocabulary %s has a zero byte", v->name);
  if (v->size == 0) EDB_TRY(put_word(model, v, UNKNOWN_WORD, strlen(UNKNOWN_WORD), error));
  if (edb_map_get(&v->words, word, length) == EDB_MAP_NONE) {
    EDB_TRY(put_word(model, v, word, length, error));
  }
  *id = edb_map_get(&v->words, word, length);
  return EDB_OK;
}

edb_status edb_model_vocab_resize(edb_model *model, uint32_t vocab, uint32_t size,
                                  edb_error *error) {
  EDB_REQUIRE(error, model);
  edb_vocab *v = vocab_at(model, vocab);
  EDB_FAIL_IF(!v, error, EDB_ERROR_ARGUMENT, "model %s has no vocabulary %u", model->name, vocab);
  if (v->size == size) return EDB_OK;
  EDB_TRY(edb_model_check_open(model, error));
  EDB_FAIL_IF(v->words.length > 0, error, EDB_ERROR_STATE,
              "vocabulary %s has %u word%s, so its size is not free", v->name, v->size,
              EDB_S(v->size));
  EDB_FAIL_IF(size > EDB_DIM_MAX, error, EDB_ERROR_LIMIT,
              "vocabulary %s: %u is more than the 2^31 - 1 ids possible", v->name, size);
  uint32_t old = v->size;
  v->size = size;
  edb_status status = edb_model_refresh(model, error);
  if (status == EDB_OK) return EDB_OK;
  v->size = old;
  edb_error ignored;
  if (edb_model_refresh(model, &ignored) != EDB_OK) model->dirty = true;
  return status;
}
