/* data/jsonl_attribute.c: the value of an attribute in a JSON line: an id, a word, numbers, null.
 */
#include "data/jsonl.h"

/* Numbers are rounded to fp32 here, once; what overflows is refused rather than made infinite. */
static edb_status push_number(edb_jsonl *l, const edb_json_token *token, edb_error *error) {
  float number = (float)token->number;
  if (number - number != 0) {
    return edb_json_fail(&l->json, token, error, EDB_ERROR_FORMAT,
                         "found %g, expected a number within the range of fp32", token->number);
  }
  if (edb_vec_push(l->ctx, &l->numbers, number)) return EDB_OK;
  return edb_fail_memory(error, sizeof number, "the numbers of a line");
}

/* A row, after its bracket; *length gets the number of its elements. */
static edb_status read_row(edb_jsonl *l, edb_json_token *token, uint32_t *length,
                           edb_error *error) {
  size_t first = l->numbers.length;
  for (;;) {
    if (token->type == EDB_JSON_ARRAY_END) break;
    if (token->type != EDB_JSON_NUMBER) {
      return edb_json_fail(&l->json, token, error, EDB_ERROR_FORMAT, "found %s, expected a number",
                           edb_json_type_name(token->type));
    }
    EDB_TRY(push_number(l, token, error));
    EDB_TRY(edb_json_next(&l->json, token, error));
  }
  *length = (uint32_t)(l->numbers.length - first);
  return EDB_OK;
}

/* The rows of a matrix; `token` is the bracket of the first. */
static edb_status read_rows(edb_jsonl *l, edb_jsonl_attribute *attribute, edb_json_token *token,
                            edb_error *error) {
  attribute->rank = 2;
  while (token->type != EDB_JSON_ARRAY_END) {
    edb_json_token bracket = *token;
    uint32_t length = 0;
    if (token->type != EDB_JSON_ARRAY) {
      return edb_json_fail(&l->json, token, error, EDB_ERROR_FORMAT,
                           "found %s, expected another row of numbers",
                           edb_json_type_name(token->type));
    }
    EDB_TRY(edb_json_next(&l->json, token, error));
    EDB_TRY(read_row(l, token, &length, error));
    if (attribute->dim[0]++ == 0) attribute->dim[1] = length;
    if (length != attribute->dim[1]) {
      return edb_json_fail(&l->json, &bracket, error, EDB_ERROR_SHAPE,
                           "found a row of %u number%s, expected %u as in the first row", length,
                           EDB_S(length), attribute->dim[1]);
    }
    EDB_TRY(edb_json_next(&l->json, token, error));
  }
  return EDB_OK;
}

/* A vector, or the rows of a matrix: the first element tells which. */
static edb_status read_array(edb_jsonl *l, edb_jsonl_attribute *attribute, edb_json_token *token,
                             edb_error *error) {
  attribute->kind = EDB_JSONL_ARRAY;
  EDB_TRY(edb_json_next(&l->json, token, error));
  if (token->type == EDB_JSON_ARRAY) return read_rows(l, attribute, token, error);
  attribute->rank = 1;
  return read_row(l, token, &attribute->dim[0], error);
}

edb_status edb_jsonl_read_attribute(edb_jsonl *l, edb_jsonl_attribute *attribute,
                                    edb_json_token *token, edb_error *error) {
  attribute->line = token->line;
  attribute->column = token->column;
  attribute->first_number = l->numbers.length;
  switch (token->type) {
  case EDB_JSON_NULL:
    attribute->kind = EDB_JSONL_NULL;
    return EDB_OK;
  case EDB_JSON_NUMBER:
    attribute->kind = token->is_integer ? EDB_JSONL_INTEGER : EDB_JSONL_NUMBER;
    attribute->integer = token->integer;
    return push_number(l, token, error);
  case EDB_JSON_STRING:
    attribute->kind = EDB_JSONL_STRING;
    attribute->text_length = token->length;
    return edb_jsonl_keep(l, token->text, token->length, &attribute->text, error);
  case EDB_JSON_ARRAY:
    return read_array(l, attribute, token, error);
  default:
    attribute->kind = EDB_JSONL_OTHER;
    return edb_json_skip(&l->json, token, error);
  }
}
