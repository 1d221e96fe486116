/* data/reader.c: what the readers of all forms share: one instance at a time, words, ids, bad ones.
 */
#include "data/reader.h"

#include <string.h>

#include "base/utf8.h"

#define LOGGED_BAD_INSTANCES 3

/* ---- Instances ---------------------------------------------------------------------------- */

edb_status edb_reader_begin(edb_reader *reader, edb_error *error) {
  edb_graph_clear(reader->scratch);
  return edb_graph_begin_instance(reader->scratch, error);
}

bool edb_reader_full(const edb_reader *reader) {
  uint32_t limit = reader->params.limit;
  return limit != 0 && edb_graph_instance_count(reader->dataset->graph) >= limit;
}

bool edb_reader_drops(const edb_reader *reader, bool is_label) {
  return is_label && reader->params.no_labels;
}

/* A failure of a layer that knows no file, at its place in one. */
static edb_status fail_inside(edb_error *error, const edb_error *inside, edb_place place) {
  if (inside->status == EDB_ERROR_MEMORY)
    return edb_fail(error, inside->status, "%s", inside->text);
  return edb_fail_at(error, inside->status, place.file, place.line, place.column, "%s",
                     inside->text);
}

edb_status edb_reader_call(edb_reader *reader, const edb_call *call, edb_place place,
                           edb_node *node, edb_error *error) {
  edb_error inside;
  edb_status status = edb_graph_append(reader->scratch, call, node, &inside);
  return status == EDB_OK ? EDB_OK : fail_inside(error, &inside, place);
}

/* Lack of memory, and what concerns the whole file, is no fault of an instance. */
bool edb_reader_skips(edb_reader *reader, edb_status status, const edb_error *error) {
  bool about_input = status == EDB_ERROR_FORMAT || status == EDB_ERROR_ARGUMENT ||
                     status == EDB_ERROR_NAME || status == EDB_ERROR_SHAPE ||
                     status == EDB_ERROR_LIMIT;
  if (!about_input || !reader->params.skip_bad) return false;
  uint32_t skipped = ++reader->dataset->skipped;
  if (skipped == 1) reader->first_bad = *error;
  if (skipped <= LOGGED_BAD_INSTANCES) {
    edb_log(reader->ctx, EDB_LOG_WARNING, "a bad instance is skipped: %s", error->text);
  }
  if (skipped == LOGGED_BAD_INSTANCES + 1) {
    edb_log(reader->ctx, EDB_LOG_WARNING, "%s: further bad instances are skipped in silence",
            reader->name);
  }
  return true;
}

/* ---- Commit ------------------------------------------------------------------------------- */

/* The graph's layer has checked every index against the bound of the day; what is kept is how much
 * of that bound the data need. */
static void raise_limits(edb_reader *reader) {
  const edb_graph *graph = reader->scratch;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    const edb_type_sig *sig = &reader->schema->types[graph->type[i]];
    uint32_t *limits =
        reader->dataset->limits.data + reader->dataset->limit_start.data[graph->type[i]];
    const int32_t *indices = edb_graph_indices(graph, i);
    for (uint32_t k = 0; k < sig->n_indices; k++) {
      if (indices[k] >= (int64_t)limits[k]) limits[k] = (uint32_t)indices[k] + 1;
    }
  }
}

/* Everything that can fail comes first; the dataset changes only when all of it has succeeded. */
edb_status edb_reader_commit(edb_reader *reader, const uint32_t *order, edb_error *error) {
  edb_dataset *dataset = reader->dataset;
  uint32_t n = edb_graph_node_count(reader->scratch);
  size_t start = order == NULL ? EDB_ORDER_IDENTITY : dataset->order.length;
  if (!edb_vec_reserve(reader->ctx, &dataset->order_start, dataset->order_start.length + 1) ||
      (order != NULL &&
       !edb_vec_reserve(reader->ctx, &dataset->order, dataset->order.length + n))) {
    return edb_fail_memory(error, (size_t)n * sizeof *order, "the order of an instance");
  }
  EDB_TRY(edb_graph_append_instance(dataset->graph, reader->scratch, 0, error));
  dataset->order_start.data[dataset->order_start.length++] = start;
  if (order != NULL && n > 0) {
    memcpy(dataset->order.data + start, order, n * sizeof *order);
    dataset->order.length += n;
  }
  raise_limits(reader);
  return EDB_OK;
}

/* ---- Words and ids ------------------------------------------------------------------------ */

/* Vocabularies are written into weights files as JSON, which holds UTF-8 only. */
static edb_status check_word(const char *word, size_t length, edb_place place, edb_error *error) {
  const char *end = word + length;
  for (const char *at = word; at < end;) {
    size_t bytes = edb_utf8_length(at, end);
    if (bytes == 0 || *at == 0) {
      return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                         "found a word with the byte 0x%02x at %zu, expected UTF-8 text without 0",
                         (unsigned)(unsigned char)*at, (size_t)(at - word));
    }
    at += bytes;
  }
  return EDB_OK;
}

/* A model that is not sealed learns the word. */
static edb_status add_word(edb_reader *reader, uint32_t vocab, const char *word, size_t length,
                           edb_place place, uint32_t *id, edb_error *error) {
  edb_error inside;
  edb_status status = edb_model_vocab_add(reader->model, vocab, word, length, id, &inside);
  return status == EDB_OK ? EDB_OK : fail_inside(error, &inside, place);
}

edb_status edb_reader_word(edb_reader *reader, uint32_t cell, uint32_t attribute, const char *word,
                           size_t length, edb_place place, int32_t *index, edb_error *error) {
  uint32_t vocab = edb_model_index_vocab(reader->model, cell, attribute), id = EDB_BIND_NONE;
  const edb_type_sig *sig = &reader->schema->types[cell];
  int shown = length < 64 ? (int)length : 64;
  if (vocab == EDB_BIND_NONE) {
    return edb_fail_at(
        error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
        "found the word \"%.*s\", expected a number below %u: attribute \"%s\" of cell "
        "\"%s\" has no vocabulary",
        shown, word, sig->indices[attribute].bound, sig->indices[attribute].name, sig->name);
  }
  EDB_TRY(check_word(word, length, place, error));
  if (reader->grows)
    EDB_TRY(add_word(reader, vocab, word, length, place, &id, error));
  else
    id = edb_model_vocab_find(reader->model, vocab, word, length);
  if (id == EDB_BIND_NONE || id > INT32_MAX) {
    return edb_fail_at(
        error, EDB_ERROR_NAME, place.file, place.line, place.column,
        "found the word \"%.*s\", which is not in vocabulary \"%s\"; that has no <unk>", shown,
        word, edb_model_vocab_name(reader->model, vocab));
  }
  *index = (int32_t)id;
  return EDB_OK;
}

/* Makes a vocabulary without words large enough for an id. */
static edb_status grow_ids(edb_reader *reader, uint32_t vocab, int64_t id, edb_place place,
                           edb_error *error) {
  edb_error inside;
  bool wordless = edb_model_vocab_word(reader->model, vocab, 0) == NULL;
  bool large_enough = id < edb_model_vocab_size(reader->model, vocab);
  if (!reader->grows || !wordless || large_enough || id < 0 || id >= INT32_MAX) return EDB_OK;
  if (edb_model_vocab_resize(reader->model, vocab, (uint32_t)id + 1, &inside) != EDB_OK) {
    return fail_inside(error, &inside, place);
  }
  return edb_dataset_check_fit(reader->dataset, reader->schema, error);
}

edb_status edb_reader_id(edb_reader *reader, uint32_t cell, uint32_t attribute, int64_t id,
                         edb_place place, int32_t *index, edb_error *error) {
  uint32_t vocab = edb_model_index_vocab(reader->model, cell, attribute);
  const edb_type_sig *sig = &reader->schema->types[cell];
  uint32_t bound = sig->indices[attribute].bound;
  if (vocab != EDB_BIND_NONE) {
    EDB_TRY(grow_ids(reader, vocab, id, place, error));
    bound = edb_model_vocab_size(reader->model, vocab);
  }
  if (id < 0 || id >= bound) {
    /* A vocabulary that has nothing yet could have taken any id below the limit of ids. */
    long long largest = bound > 0 ? (long long)bound - 1 : INT32_MAX - 1;
    return edb_fail_at(error, EDB_ERROR_ARGUMENT, place.file, place.line, place.column,
                       "found %lld, expected 0 to %lld: attribute \"%s\" of cell \"%s\"",
                       (long long)id, largest, sig->indices[attribute].name, sig->name);
  }
  *index = (int32_t)id;
  return EDB_OK;
}
