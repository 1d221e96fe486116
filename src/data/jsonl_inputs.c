/* data/jsonl_inputs.c: "inputs" of a node in a JSON line: an array in the cell's order, or an
 * object by name of the input. A reference is 2, "2.h" or {"node": 2, "output": "h"}; arrays are
 * groups. */
#include "data/jsonl.h"

#include <string.h>

/* Names a string by its text, anything else by its kind. */
static edb_status fail_reference(const edb_jsonl *l, const edb_json_token *token, edb_error *error,
                                 const char *expected) {
  if (token->type == EDB_JSON_STRING || token->type == EDB_JSON_KEY) {
    return edb_json_fail(&l->json, token, error, EDB_ERROR_FORMAT, "found \"%.64s\", expected %s",
                         token->text, expected);
  }
  return edb_json_fail(&l->json, token, error, EDB_ERROR_FORMAT, "found %s, expected %s",
                       edb_json_type_name(token->type), expected);
}

#define REFERENCE "a reference: 2, \"2.h\" or {\"node\": 2, \"output\": \"h\"}"

/* "2.h" */
static edb_status read_dotted(edb_jsonl *l, const edb_json_token *token, edb_jsonl_ref *ref,
                              edb_error *error) {
  size_t i = 0;
  for (; i < token->length && token->text[i] >= '0' && token->text[i] <= '9'; i++) {
    if (ref->node <= UINT32_MAX) ref->node = ref->node * 10 + (token->text[i] - '0');
  }
  bool plain = memchr(token->text, 0, token->length) == NULL;
  if (i == 0 || i + 1 >= token->length || token->text[i] != '.' || !plain) {
    return fail_reference(l, token, error, REFERENCE);
  }
  return edb_jsonl_keep(l, token->text + i + 1, token->length - i - 1, &ref->output, error);
}

/* One member of a reference written as an object. */
static edb_status read_member(edb_jsonl *l, const edb_json_token *key, edb_jsonl_ref *ref,
                              bool *has_node, edb_error *error) {
  edb_json_token value;
  bool node = strcmp(key->text, "node") == 0, output = strcmp(key->text, "output") == 0;
  if ((node && *has_node) || (output && ref->output != EDB_JSONL_NO_TEXT)) {
    return edb_json_fail(&l->json, key, error, EDB_ERROR_NAME, "found the key \"%s\" twice",
                         key->text);
  }
  if (!node && !output) return fail_reference(l, key, error, "\"node\" or \"output\"");
  EDB_TRY(edb_json_next(&l->json, &value, error));
  if (output) {
    if (value.type != EDB_JSON_STRING || memchr(value.text, 0, value.length)) {
      return fail_reference(l, &value, error, "the name of an output");
    }
    return edb_jsonl_keep(l, value.text, value.length, &ref->output, error);
  }
  if (value.type != EDB_JSON_NUMBER || !value.is_integer) {
    return fail_reference(l, &value, error, "the number of a node");
  }
  ref->node = value.integer;
  *has_node = true;
  return EDB_OK;
}

/* {"node": 2, "output": "h"} */
static edb_status read_object(edb_jsonl *l, edb_jsonl_ref *ref, edb_error *error) {
  edb_json_token key;
  bool has_node = false;
  for (;;) {
    EDB_TRY(edb_jsonl_next_key(l, &key, error));
    if (key.type == EDB_JSON_OBJECT_END) break;
    EDB_TRY(read_member(l, &key, ref, &has_node, error));
  }
  return has_node ? EDB_OK : fail_reference(l, &key, error, "the key \"node\" before it");
}

/* A reference at its first token. The node's number is checked once all nodes are known. */
static edb_status read_ref(edb_jsonl *l, const edb_json_token *token, edb_error *error) {
  edb_jsonl_ref ref = {.output = EDB_JSONL_NO_TEXT, .column = token->column};
  if (token->type == EDB_JSON_STRING) {
    EDB_TRY(read_dotted(l, token, &ref, error));
  } else if (token->type == EDB_JSON_OBJECT) {
    EDB_TRY(read_object(l, &ref, error));
  } else if (token->type == EDB_JSON_NUMBER && token->is_integer) {
    ref.node = token->integer;
  } else {
    return fail_reference(l, token, error, REFERENCE);
  }
  if (edb_vec_push(l->ctx, &l->refs, ref)) return EDB_OK;
  return edb_fail_memory(error, sizeof ref, "the references of a line");
}

/* The elements of a group: all whole nodes, or all single outputs. */
static edb_status read_group(edb_jsonl *l, edb_jsonl_arg *arg, edb_error *error) {
  edb_json_token token;
  arg->share.group = true;
  for (;;) {
    EDB_TRY(edb_json_next(&l->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) break;
    if (token.type == EDB_JSON_ARRAY) {
      return fail_reference(l, &token, error, REFERENCE " (groups do not nest)");
    }
    EDB_TRY(read_ref(l, &token, error));
    bool qualified = l->refs.data[l->refs.length - 1].output != EDB_JSONL_NO_TEXT;
    if (arg->n_refs++ == 0) arg->share.qualified = qualified;
    if (qualified != arg->share.qualified) {
      return edb_json_fail(&l->json, &token, error, EDB_ERROR_FORMAT,
                           "found a %s in a group of %s, expected one kind only",
                           qualified ? "single output" : "whole node",
                           qualified ? "whole nodes" : "single outputs");
    }
  }
  return EDB_OK;
}

/* One element of an array, or one value of an object, at its first token. */
static edb_status add_arg(edb_jsonl *l, size_t name, const edb_json_token *token,
                          edb_error *error) {
  edb_jsonl_arg arg = {.name = name, .first_ref = l->refs.length, .column = token->column};
  if (token->type == EDB_JSON_ARRAY) {
    EDB_TRY(read_group(l, &arg, error));
  } else {
    EDB_TRY(read_ref(l, token, error));
    arg.n_refs = 1;
    arg.share.qualified = l->refs.data[arg.first_ref].output != EDB_JSONL_NO_TEXT;
  }
  if (edb_vec_push(l->ctx, &l->args, arg)) return EDB_OK;
  return edb_fail_memory(error, sizeof arg, "the inputs of a line");
}

/* As for attributes, the limit keeps the search linear. */
static edb_status check_input_key(const edb_jsonl *l, const edb_jsonl_node *node,
                                  const edb_json_token *key, edb_error *error) {
  size_t n = l->args.length - node->first_arg;
  for (size_t i = 0; i < n; i++) {
    if (strcmp(edb_jsonl_text(l, l->args.data[node->first_arg + i].name), key->text) != 0) continue;
    return edb_json_fail(&l->json, key, error, EDB_ERROR_NAME, "found the input \"%.64s\" twice",
                         key->text);
  }
  if (n <= l->max_inputs) return EDB_OK;
  return edb_json_fail(
      &l->json, key, error, EDB_ERROR_NAME,
      "found the input \"%.64s\" after %zu other%s, which is more than any cell of "
      "the model has",
      key->text, n, EDB_S(n));
}

/* Inputs by name, after the brace. */
static edb_status read_named(edb_jsonl *l, const edb_jsonl_node *node, edb_error *error) {
  edb_json_token token;
  for (;;) {
    EDB_TRY(edb_jsonl_next_key(l, &token, error));
    if (token.type == EDB_JSON_OBJECT_END) return EDB_OK;
    size_t name = 0;
    EDB_TRY(check_input_key(l, node, &token, error));
    EDB_TRY(edb_jsonl_keep(l, token.text, strlen(token.text), &name, error));
    EDB_TRY(edb_json_next(&l->json, &token, error));
    EDB_TRY(add_arg(l, name, &token, error));
  }
}

edb_status edb_jsonl_read_inputs(edb_jsonl *l, edb_jsonl_node *node, edb_json_token *token,
                                 edb_error *error) {
  node->by_name = token->type == EDB_JSON_OBJECT;
  if (node->by_name) return read_named(l, node, error);
  if (token->type != EDB_JSON_ARRAY) {
    return fail_reference(l, token, error, "an array of references, or an object by input");
  }
  for (;;) {
    EDB_TRY(edb_json_next(&l->json, token, error));
    if (token->type == EDB_JSON_ARRAY_END) return EDB_OK;
    EDB_TRY(add_arg(l, EDB_JSONL_NO_TEXT, token, error));
  }
}
