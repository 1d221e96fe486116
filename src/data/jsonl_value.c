/* data/jsonl_value.c: from a value in JSON to an attribute of a call. */
#include "data/jsonl.h"

static edb_place place_of(const edb_jsonl *l, const edb_jsonl_attribute *attribute) {
  return edb_reader_place(l->reader, attribute->line, attribute->column);
}

static bool is_absent(const edb_jsonl_attribute *given) {
  return given == NULL || given->kind == EDB_JSONL_NULL;
}

static edb_status fail_missing(const edb_type_sig *sig, const char *name, edb_place place,
                               edb_error *error) {
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "attribute \"%s\" of cell \"%s\" is missing; " EDB_ABSENT_LABELS, name,
                     sig->name);
}

static edb_status fail_kind(const edb_jsonl *l, const edb_jsonl_attribute *attribute,
                            const edb_type_sig *sig, const char *expected, edb_error *error) {
  static const char *const found[] = {[EDB_JSONL_NULL] = "null",
                                      [EDB_JSONL_INTEGER] = "a number",
                                      [EDB_JSONL_NUMBER] = "a number with a fraction or exponent",
                                      [EDB_JSONL_STRING] = "a string",
                                      [EDB_JSONL_ARRAY] = "an array",
                                      [EDB_JSONL_OTHER] = "an object, true or false"};
  edb_place place = place_of(l, attribute);
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found %s as attribute \"%s\" of cell \"%s\", expected %s",
                     found[attribute->kind], edb_jsonl_text(l, attribute->key), sig->name,
                     expected);
}

edb_status edb_jsonl_index(edb_jsonl *l, uint32_t cell, uint32_t k,
                           const edb_jsonl_attribute *given, edb_place node, int32_t *out,
                           edb_error *error) {
  const edb_type_sig *sig = &l->reader->schema->types[cell];
  bool is_label = sig->indices[k].is_label;
  *out = -1;
  if (edb_reader_drops(l->reader, is_label)) return EDB_OK;
  if (is_absent(given))
    return is_label ? EDB_OK : fail_missing(sig, sig->indices[k].name, node, error);
  if (given->kind == EDB_JSONL_STRING) {
    return edb_reader_word(l->reader, cell, k, edb_jsonl_text(l, given->text), given->text_length,
                           place_of(l, given), out, error);
  }
  if (given->kind != EDB_JSONL_INTEGER) return fail_kind(l, given, sig, "an id or a word", error);
  return edb_reader_id(l->reader, cell, k, given->integer, place_of(l, given), out, error);
}

/* In the model's terms, in which dimensions beyond the rank are 1. */
static edb_shape shape_of(const edb_jsonl_attribute *attribute) {
  edb_shape shape = {.rank = attribute->rank, .dim = {1, 1, 1}};
  for (uint32_t i = 0; i < attribute->rank; i++) shape.dim[i] = attribute->dim[i];
  return shape;
}

edb_status edb_jsonl_dense(edb_jsonl *l, uint32_t cell, uint32_t k,
                           const edb_jsonl_attribute *given, edb_place node, const float **out,
                           edb_error *error) {
  const edb_type_sig *sig = &l->reader->schema->types[cell];
  bool is_label = sig->dense[k].is_label;
  *out = NULL;
  if (edb_reader_drops(l->reader, is_label)) return EDB_OK;
  if (is_absent(given))
    return is_label ? EDB_OK : fail_missing(sig, sig->dense[k].name, node, error);
  if (given->kind == EDB_JSONL_STRING || given->kind == EDB_JSONL_OTHER)
    return fail_kind(l, given, sig, "numbers", error);
  edb_shape wanted = l->reader->program->cells[cell].dense_shapes[k], found = shape_of(given);
  if (!edb_shape_equal(wanted, found)) {
    char wanted_text[EDB_SHAPE_TEXT_BYTES], found_text[EDB_SHAPE_TEXT_BYTES];
    edb_place place = place_of(l, given);
    return edb_fail_at(error, EDB_ERROR_SHAPE, place.file, place.line, place.column,
                       "found the shape %s as attribute \"%s\" of cell \"%s\", expected %s",
                       edb_shape_text(found, found_text, sizeof found_text),
                       edb_jsonl_text(l, given->key), sig->name,
                       edb_shape_text(wanted, wanted_text, sizeof wanted_text));
  }
  *out = l->numbers.data + given->first_number;
  return EDB_OK;
}
