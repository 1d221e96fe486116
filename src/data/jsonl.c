/* data/jsonl.c: the reader of JSON lines, one instance per line. */
#include "data/jsonl.h"

#include <string.h>

#include "model/lexer.h"

edb_status edb_jsonl_keep(edb_jsonl *l, const char *text, size_t length, size_t *out,
                          edb_error *error) {
  size_t at = l->texts.length;
  if (!edb_vec_reserve(l->ctx, &l->texts, at + length + 1)) {
    return edb_fail_memory(error, length + 1, "the texts of a line");
  }
  if (length > 0) memcpy(l->texts.data + at, text, length);
  l->texts.data[at + length] = 0;
  l->texts.length += length + 1;
  *out = at;
  return EDB_OK;
}

edb_status edb_jsonl_next_key(edb_jsonl *l, edb_json_token *token, edb_error *error) {
  EDB_TRY(edb_json_next(&l->json, token, error));
  if (token->type != EDB_JSON_KEY || memchr(token->text, 0, token->length) == NULL) return EDB_OK;
  return edb_json_fail(&l->json, token, error, EDB_ERROR_FORMAT,
                       "found a key with a 0 in it, expected a name");
}

/* ---- Nodes -------------------------------------------------------------------------------- */

/* The value of "cell". The name is resolved at once, so that an unknown one is reported where it
 * stands. */
static edb_status read_cell(edb_jsonl *l, edb_jsonl_node *node, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&l->json, EDB_JSON_STRING, &token, error));
  bool whole = memchr(token.text, 0, token.length) == NULL;
  if (node->cell != EDB_BIND_NONE) {
    return edb_json_fail(&l->json, &token, error, EDB_ERROR_NAME, "found the key \"cell\" twice");
  }
  if (whole) node->cell = edb_model_cell(l->reader->model, token.text);
  if (node->cell != EDB_BIND_NONE) return EDB_OK;
  edb_suggestion close;
  edb_name_list names = {.count = 0};
  char suggestion[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&close, token.text, token.length);
  for (uint32_t c = 0; c < l->reader->schema->n_types; c++) {
    edb_suggest(&close, l->reader->schema->types[c].name);
    edb_name_list_add(&names, l->reader->schema->types[c].name);
  }
  return edb_json_fail(&l->json, &token, error, EDB_ERROR_NAME,
                       "found cell \"%.64s\", expected one of: %s%s", token.text, names.text,
                       edb_suggest_text(&close, suggestion, sizeof suggestion));
}

/* The limit keeps the search for repeated keys linear whatever the line holds. */
static edb_status check_attribute_key(const edb_jsonl *l, const edb_jsonl_node *node,
                                      const edb_json_token *key, edb_error *error) {
  for (uint32_t i = 0; i < node->n_attributes; i++) {
    const char *other = edb_jsonl_text(l, l->attributes.data[node->first_attribute + i].key);
    if (strcmp(other, key->text) != 0) continue;
    return edb_json_fail(&l->json, key, error, EDB_ERROR_NAME, "found the key \"%.64s\" twice",
                         key->text);
  }
  if (node->n_attributes < l->max_attributes + 1) return EDB_OK;
  return edb_json_fail(
      &l->json, key, error, EDB_ERROR_NAME,
      "found the key \"%.64s\" after %u other%s, which is more than any cell of the "
      "model has attributes",
      key->text, node->n_attributes, EDB_S(node->n_attributes));
}

/* An attribute, whatever the cell, which may follow. */
static edb_status add_attribute(edb_jsonl *l, edb_jsonl_node *node, const edb_json_token *key,
                                edb_error *error) {
  edb_jsonl_attribute attribute = {.key_column = key->column};
  edb_json_token token;
  EDB_TRY(check_attribute_key(l, node, key, error));
  EDB_TRY(edb_jsonl_keep(l, key->text, strlen(key->text), &attribute.key, error));
  EDB_TRY(edb_json_next(&l->json, &token, error));
  EDB_TRY(edb_jsonl_read_attribute(l, &attribute, &token, error));
  if (!edb_vec_push(l->ctx, &l->attributes, attribute)) {
    return edb_fail_memory(error, sizeof attribute, "the attributes of a line");
  }
  node->n_attributes++;
  return EDB_OK;
}

/* A node after its brace. What its keys mean depends on its cell, which may come last: they are
 * kept. */
static edb_status read_node(edb_jsonl *l, const edb_json_token *begin, edb_error *error) {
  edb_jsonl_node node = {.column = begin->column,
                         .cell = EDB_BIND_NONE,
                         .first_arg = l->args.length,
                         .first_ref = l->refs.length,
                         .first_attribute = l->attributes.length};
  bool has_inputs = false;
  edb_json_token token;
  for (;;) {
    EDB_TRY(edb_jsonl_next_key(l, &token, error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    if (strcmp(token.text, "cell") == 0) {
      EDB_TRY(read_cell(l, &node, error));
    } else if (strcmp(token.text, "inputs") == 0) {
      if (has_inputs) {
        return edb_json_fail(&l->json, &token, error, EDB_ERROR_NAME,
                             "found the key \"inputs\" twice");
      }
      has_inputs = true;
      EDB_TRY(edb_json_next(&l->json, &token, error));
      EDB_TRY(edb_jsonl_read_inputs(l, &node, &token, error));
    } else {
      EDB_TRY(add_attribute(l, &node, &token, error));
    }
  }
  if (node.cell == EDB_BIND_NONE) {
    return edb_json_fail(&l->json, begin, error, EDB_ERROR_FORMAT,
                         "node %zu has no key \"cell\", expected {\"cell\": NAME, ...}",
                         l->nodes.length);
  }
  node.n_args = (uint32_t)(l->args.length - node.first_arg);
  node.n_refs = (uint32_t)(l->refs.length - node.first_ref);
  if (edb_vec_push(l->ctx, &l->nodes, node)) return EDB_OK;
  return edb_fail_memory(error, sizeof node, "the nodes of a line");
}

/* The value of "nodes". An instance of none would be invisible in every result, so it is refused.
 */
static edb_status read_nodes(edb_jsonl *l, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&l->json, EDB_JSON_ARRAY, &token, error));
  uint32_t column = token.column;
  for (;;) {
    EDB_TRY(edb_json_next(&l->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) break;
    if (token.type != EDB_JSON_OBJECT) {
      return edb_json_fail(&l->json, &token, error, EDB_ERROR_FORMAT,
                           "found %s, expected a node such as {\"cell\": NAME, \"inputs\": [...]}",
                           edb_json_type_name(token.type));
    }
    EDB_TRY(read_node(l, &token, error));
  }
  if (l->nodes.length > 0) return EDB_OK;
  edb_place place = edb_jsonl_place(l, column);
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found an instance of no nodes, expected at least one");
}

/* ---- Lines -------------------------------------------------------------------------------- */

/* The value of "id": for the people who made the file; checked and not kept. */
static edb_status read_id(edb_jsonl *l, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_next(&l->json, &token, error));
  if (token.type == EDB_JSON_STRING || token.type == EDB_JSON_NUMBER) return EDB_OK;
  return edb_json_fail(&l->json, &token, error, EDB_ERROR_FORMAT,
                       "found %s, expected a string or a number as \"id\"",
                       edb_json_type_name(token.type));
}

/* The one object of a line, and nothing behind it. */
static edb_status read_line(edb_jsonl *l, edb_error *error) {
  bool has_nodes = false, has_id = false;
  edb_json_token begin, token;
  EDB_TRY(edb_json_expect(&l->json, EDB_JSON_OBJECT, &begin, error));
  for (;;) {
    EDB_TRY(edb_jsonl_next_key(l, &token, error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    bool nodes = strcmp(token.text, "nodes") == 0, id = strcmp(token.text, "id") == 0;
    if ((nodes && has_nodes) || (id && has_id)) {
      return edb_json_fail(&l->json, &token, error, EDB_ERROR_NAME, "found the key \"%s\" twice",
                           token.text);
    }
    if (!nodes && !id) {
      return edb_json_fail(&l->json, &token, error, EDB_ERROR_NAME,
                           "found the key \"%.64s\", expected \"nodes\" or \"id\"", token.text);
    }
    has_nodes |= nodes;
    has_id |= id;
    EDB_TRY(nodes ? read_nodes(l, error) : read_id(l, error));
  }
  EDB_TRY(edb_json_expect(&l->json, EDB_JSON_END, &token, error));
  if (has_nodes) return EDB_OK;
  return edb_json_fail(&l->json, &begin, error, EDB_ERROR_FORMAT,
                       "found an instance without the key \"nodes\", expected {\"nodes\": [...]}");
}

/* Of the line that begins at `text` all that calls are made of. */
static edb_status parse_line(edb_jsonl *l, const char *text, size_t bytes, edb_error *error) {
  l->texts.length = l->numbers.length = l->refs.length = l->args.length = 0;
  l->attributes.length = l->nodes.length = 0;
  edb_json_init(&l->json, l->ctx, text, bytes, l->reader->name, l->line);
  edb_status status = read_line(l, error);
  edb_json_free(&l->json);
  return status;
}

/* From a line to the calls in the reader's scratch graph; *identity: they stand in the line's
 * order. */
static edb_status read_instance(edb_jsonl *l, const char *text, size_t bytes, bool *identity,
                                edb_error *error) {
  EDB_TRY(edb_reader_begin(l->reader, error));
  EDB_TRY(parse_line(l, text, bytes, error));
  EDB_TRY(edb_jsonl_sort(l, identity, error));
  for (size_t k = 0; k < l->order.length; k++) EDB_TRY(edb_jsonl_call(l, l->order.data[k], error));
  return EDB_OK;
}

static bool is_blank(const char *text, size_t bytes) {
  while (bytes > 0 && (*text == ' ' || *text == '\t' || *text == '\r')) text++, bytes--;
  return bytes == 0;
}

/* Lines are cut first: a bad line cannot take others with it, and the parser's columns are the
 * line's. */
static edb_status read_all(edb_jsonl *l, edb_error *error) {
  edb_reader *reader = l->reader;
  for (const char *at = reader->text; at < reader->end && !edb_reader_full(reader);) {
    size_t left = (size_t)(reader->end - at);
    const char *newline = memchr(at, '\n', left);
    size_t bytes = newline != NULL ? (size_t)(newline - at) : left;
    bool identity = true;
    l->line++;
    if (!is_blank(at, bytes)) {
      edb_status status = read_instance(l, at, bytes, &identity, error);
      if (status == EDB_OK) {
        EDB_TRY(edb_reader_commit(reader, identity ? NULL : l->position.data, error));
      } else if (!edb_reader_skips(reader, status, error)) {
        return status;
      }
    }
    at += bytes + (newline != NULL);
  }
  return EDB_OK;
}

/* Room for the largest call, variadic inputs apart. */
static edb_status reserve_call(edb_jsonl *l, edb_error *error) {
  uint32_t indices = 0, dense = 0, variadic = 0;
  for (uint32_t t = 0; t < l->reader->schema->n_types; t++) {
    const edb_type_sig *sig = &l->reader->schema->types[t];
    uint32_t attributes = sig->n_indices + sig->n_dense;
    if (sig->n_indices > indices) indices = sig->n_indices;
    if (sig->n_dense > dense) dense = sig->n_dense;
    if (sig->n_variadic > variadic) variadic = sig->n_variadic;
    if (sig->n_inputs > l->max_inputs) l->max_inputs = sig->n_inputs;
    if (attributes > l->max_attributes) l->max_attributes = attributes;
  }
  if (edb_vec_reserve(l->ctx, &l->indices, indices) && edb_vec_reserve(l->ctx, &l->dense, dense) &&
      edb_vec_reserve(l->ctx, &l->arities, variadic)) {
    return EDB_OK;
  }
  return edb_fail_memory(error, (size_t)indices + dense + variadic, "a call");
}

edb_status edb_read_jsonl(edb_reader *reader, edb_error *error) {
  edb_jsonl l = {.reader = reader, .ctx = reader->ctx};
  edb_status status = reserve_call(&l, error);
  if (status == EDB_OK) status = read_all(&l, error);
  edb_vec_free(l.ctx, &l.texts);
  edb_vec_free(l.ctx, &l.numbers);
  edb_vec_free(l.ctx, &l.refs);
  edb_vec_free(l.ctx, &l.args);
  edb_vec_free(l.ctx, &l.attributes);
  edb_vec_free(l.ctx, &l.nodes);
  edb_vec_free(l.ctx, &l.order);
  edb_vec_free(l.ctx, &l.position);
  edb_vec_free(l.ctx, &l.colour);
  edb_vec_free(l.ctx, &l.stack);
  edb_vec_free(l.ctx, &l.stack_next);
  edb_vec_free(l.ctx, &l.shares);
  edb_vec_free(l.ctx, &l.values);
  edb_vec_free(l.ctx, &l.arities);
  edb_vec_free(l.ctx, &l.indices);
  edb_vec_free(l.ctx, &l.dense);
  return status;
}
