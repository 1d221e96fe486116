/* data/plans.c: the reader of query plans, nested JSON as databases explain plans.
 *
 *     {"operator": "sort", "rows": 70, "children": [{"operator": "seq_scan", "rows": 950}]}
 *     [{"Plan": {"Node Type": "Sort", "Plan Rows": 70, "Plans": [...]}, "Planning Time": 0.1}]
 *
 * A plan may span lines, and several may stand on one. Operators are called when their objects
 * close, children before parents. Open objects are a stack of the reader; how deep they nest is
 * limited by the parser. */
#include <string.h>

#include "data/jsonl.h"
#include "data/read_rules.h"

/* An open object. */
typedef struct edb_plan_frame {
  uint32_t line, column;
  bool wrapper;             /* it holds a plan under the key "Plan" and is no operator itself */
  bool has_children;        /* the key was there */
  bool in_children;         /* their array is open */
  size_t kind, kind_length; /* into texts; EDB_JSONL_NO_TEXT: not yet */
  size_t first_slot;        /* one per key of the rules: its attribute, or EDB_BIND_NONE */
  size_t first_child;
} edb_plan_frame;

typedef struct edb_plans {
  edb_context *ctx;
  edb_jsonl json; /* values of attributes are read and kept as those of JSON lines */
  edb_read_rules rules;
  EDB_VEC(edb_plan_frame) frames;
  EDB_VEC(uint32_t) slots;
  EDB_VEC(edb_rule_node) children; /* closed operators whose parents are open */
} edb_plans;

static edb_plan_frame *top_of(edb_plans *plans) {
  return &plans->frames.data[plans->frames.length - 1];
}

static edb_place place_of(const edb_plans *plans, const edb_plan_frame *frame) {
  return edb_reader_place(plans->rules.reader, frame->line, frame->column);
}

static edb_status open_object(edb_plans *plans, const edb_json_token *token, edb_error *error) {
  size_t n_keys = plans->rules.key_names.length;
  edb_plan_frame frame = {.line = token->line,
                          .column = token->column,
                          .kind = EDB_JSONL_NO_TEXT,
                          .first_slot = plans->slots.length,
                          .first_child = plans->children.length};
  if (!edb_vec_reserve(plans->ctx, &plans->slots, frame.first_slot + n_keys) ||
      !edb_vec_push(plans->ctx, &plans->frames, frame))
    return edb_fail_memory(error, sizeof frame, "the operators of a plan");
  for (size_t k = 0; k < n_keys; k++) plans->slots.data[frame.first_slot + k] = EDB_BIND_NONE;
  plans->slots.length += n_keys;
  return EDB_OK;
}

/* ---- Calls -------------------------------------------------------------------------------- */

/* What the data have under the key that fills an attribute; NULL: nothing. */
static const edb_jsonl_attribute *value_of(const edb_plans *plans, const edb_plan_frame *frame,
                                           const edb_rule *rule, uint32_t attribute) {
  uint32_t key = plans->rules.keys.data[rule->first_key + attribute];
  if (key == EDB_BIND_NONE) return NULL;
  uint32_t slot = plans->slots.data[frame->first_slot + key];
  return slot == EDB_BIND_NONE ? NULL : &plans->json.attributes.data[slot];
}

static edb_status check_there(const edb_plans *plans, const edb_plan_frame *frame,
                              const edb_rule *rule, uint32_t attribute, const char *name,
                              edb_error *error) {
  const edb_jsonl_attribute *value = value_of(plans, frame, rule, attribute);
  if (value != NULL && value->kind != EDB_JSONL_NULL) return EDB_OK;
  edb_place place = place_of(plans, frame);
  uint32_t key = plans->rules.keys.data[rule->first_key + attribute];
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found an operator without the key \"%s\", expected it: cell \"%s\" needs it "
                     "as attribute \"%s\"; " EDB_ABSENT_LABELS,
                     plans->rules.key_names.data[key], rule->sig->name, name);
}

static edb_status fill_attributes(edb_plans *plans, const edb_plan_frame *frame,
                                  const edb_rule *rule, edb_error *error) {
  const edb_type_sig *sig = rule->sig;
  edb_place place = place_of(plans, frame);
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    if (!sig->indices[i].is_label)
      EDB_TRY(check_there(plans, frame, rule, i, sig->indices[i].name, error));
    EDB_TRY(edb_jsonl_index(&plans->json, rule->cell, i, value_of(plans, frame, rule, i), place,
                            &plans->rules.indices.data[i], error));
  }
  for (uint32_t i = 0; i < sig->n_dense; i++) {
    uint32_t attribute = sig->n_indices + i;
    if (!sig->dense[i].is_label)
      EDB_TRY(check_there(plans, frame, rule, attribute, sig->dense[i].name, error));
    EDB_TRY(edb_jsonl_dense(&plans->json, rule->cell, i, value_of(plans, frame, rule, attribute),
                            place, &plans->rules.dense.data[i], error));
  }
  return EDB_OK;
}

static edb_status apply(edb_plans *plans, const edb_plan_frame *frame, const edb_rule *rule,
                        const edb_rule_node *bound, size_t n_bound, edb_rule_node *node,
                        edb_error *error) {
  edb_rule_args args = {.bound = bound, .n_bound = n_bound, .place = place_of(plans, frame)};
  EDB_TRY(fill_attributes(plans, frame, rule, error));
  return edb_rule_apply(&plans->rules, rule, &args, node, error);
}

/* The rules of `every`, or of `root`, for one operator. */
static edb_status apply_all(edb_plans *plans, const edb_plan_frame *frame, uint32_t kind,
                            const edb_rule_node *node, edb_error *error) {
  edb_rule_node ignored = {.node = 0};
  const edb_rule *rule = NULL;
  while ((rule = edb_read_rules_next(&plans->rules, kind, rule)) != NULL)
    EDB_TRY(apply(plans, frame, rule, node, 1, &ignored, error));
  return EDB_OK;
}

/* The calls of an operator, which takes the place of its children. */
static edb_status close_operator(edb_plans *plans, const edb_plan_frame *frame, edb_error *error) {
  const edb_rule *rule = NULL;
  edb_rule_node node = {.node = 0};
  edb_place place = place_of(plans, frame);
  if (frame->kind == EDB_JSONL_NO_TEXT) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found an operator without the key \"operator\" (or \"Node Type\"), "
                       "expected {\"operator\": NAME, \"children\": [...]}; of JSON lines that do "
                       "not begin with \"nodes\" the form (jsonl) must be said");
  }
  edb_atom kind = {.text = edb_jsonl_text(&plans->json, frame->kind), .length = frame->kind_length};
  size_t n_children = plans->children.length - frame->first_child;
  const edb_rule_node *children = plans->children.data + frame->first_child;
  EDB_TRY(edb_read_rules_choose_kind(&plans->rules, &kind, n_children, place, &rule, error));
  EDB_TRY(apply(plans, frame, rule, children, n_children, &node, error));
  plans->children.length = frame->first_child;
  if (!edb_vec_push(plans->ctx, &plans->children, node))
    return edb_fail_memory(error, sizeof node, "the operators of a plan");
  EDB_TRY(apply_all(plans, frame, EDB_KIND_EVERY, &node, error));
  bool root = plans->frames.length == 0 || top_of(plans)->wrapper;
  return root ? apply_all(plans, frame, EDB_KIND_ROOT, &node, error) : EDB_OK;
}

/* Slots stay until the calls are made. */
static edb_status close_object(edb_plans *plans, edb_error *error) {
  const edb_plan_frame frame = plans->frames.data[--plans->frames.length];
  if (!frame.wrapper) EDB_TRY(close_operator(plans, &frame, error));
  plans->slots.length = frame.first_slot;
  return EDB_OK;
}

/* ---- Keys --------------------------------------------------------------------------------- */

static edb_status fail_twice(const edb_plans *plans, const edb_json_token *key, edb_error *error) {
  return edb_json_fail(&plans->json.json, key, error, EDB_ERROR_NAME,
                       "found the key \"%.64s\" where the object has one that means the same",
                       key->text);
}

static edb_status read_kind(edb_plans *plans, const edb_json_token *key, edb_error *error) {
  edb_plan_frame *frame = top_of(plans);
  edb_json_token token;
  if (frame->kind != EDB_JSONL_NO_TEXT || frame->wrapper) return fail_twice(plans, key, error);
  EDB_TRY(edb_json_expect(&plans->json.json, EDB_JSON_STRING, &token, error));
  frame->kind_length = token.length;
  return edb_jsonl_keep(&plans->json, token.text, token.length, &frame->kind, error);
}

static edb_status open_children(edb_plans *plans, const edb_json_token *key, edb_error *error) {
  edb_plan_frame *frame = top_of(plans);
  edb_json_token token;
  if (frame->has_children || frame->wrapper) return fail_twice(plans, key, error);
  frame->has_children = frame->in_children = true;
  return edb_json_expect(&plans->json.json, EDB_JSON_ARRAY, &token, error);
}

/* {"Plan": {...}, "Planning Time": ...}: what else the outer object has means nothing here. */
static edb_status open_wrapped(edb_plans *plans, const edb_json_token *key, edb_error *error) {
  edb_plan_frame *frame = top_of(plans);
  edb_json_token token;
  if (frame->wrapper || frame->kind != EDB_JSONL_NO_TEXT || frame->has_children)
    return fail_twice(plans, key, error);
  frame->wrapper = true;
  EDB_TRY(edb_json_expect(&plans->json.json, EDB_JSON_OBJECT, &token, error));
  return open_object(plans, &token, error);
}

/* A key that fills an attribute of some rule's call. */
static edb_status read_value(edb_plans *plans, const edb_json_token *key, size_t number,
                             edb_error *error) {
  edb_jsonl *json = &plans->json;
  uint32_t *slot = &plans->slots.data[top_of(plans)->first_slot + number];
  edb_jsonl_attribute attribute = {.key_column = key->column};
  edb_json_token token;
  if (*slot != EDB_BIND_NONE) return fail_twice(plans, key, error);
  EDB_TRY(edb_jsonl_keep(json, key->text, key->length, &attribute.key, error));
  EDB_TRY(edb_json_next(&json->json, &token, error));
  EDB_TRY(edb_jsonl_read_attribute(json, &attribute, &token, error));
  if (json->attributes.length >= EDB_BIND_NONE ||
      !edb_vec_push(plans->ctx, &json->attributes, attribute))
    return edb_fail_memory(error, sizeof attribute, "the attributes of a plan");
  *slot = (uint32_t)(json->attributes.length - 1);
  return EDB_OK;
}

static bool key_is(const edb_json_token *key, const char *one, const char *other) {
  return edb_read_name_is(one, key->text, key->length) ||
         (other != NULL && edb_read_name_is(other, key->text, key->length));
}

/* A key and the begin of its value. Plans tell more than a model wants to know: keys that no rule
 * names are passed over. */
static edb_status read_key(edb_plans *plans, const edb_json_token *key, edb_error *error) {
  if (key_is(key, "operator", "node_type")) return read_kind(plans, key, error);
  if (key_is(key, "children", "plans")) return open_children(plans, key, error);
  for (size_t k = 0; k < plans->rules.key_names.length && !top_of(plans)->wrapper; k++) {
    if (key_is(key, plans->rules.key_names.data[k], NULL)) return read_value(plans, key, k, error);
  }
  if (plans->frames.length == 1 && key_is(key, "plan", NULL))
    return open_wrapped(plans, key, error);
  return edb_json_skip(&plans->json.json, key, error);
}

/* ---- Plans -------------------------------------------------------------------------------- */

/* A key of the innermost open object, one of its children, or an end. */
static edb_status read_part(edb_plans *plans, edb_error *error) {
  edb_plan_frame *frame = top_of(plans);
  edb_json_token token;
  EDB_TRY(edb_json_next(&plans->json.json, &token, error));
  if (!frame->in_children)
    return token.type == EDB_JSON_KEY ? read_key(plans, &token, error) : close_object(plans, error);
  if (token.type == EDB_JSON_OBJECT) return open_object(plans, &token, error);
  frame->in_children = token.type != EDB_JSON_ARRAY_END;
  if (!frame->in_children) return EDB_OK;
  return edb_json_fail(&plans->json.json, &token, error, EDB_ERROR_FORMAT,
                       "found %s, expected an operator such as {\"operator\": NAME, ...}",
                       edb_json_type_name(token.type));
}

/* One plan, alone or as the only element of an array. */
static edb_status read_plan(edb_plans *plans, edb_error *error) {
  edb_jsonl *json = &plans->json;
  edb_json_token token;
  plans->frames.length = plans->slots.length = plans->children.length = 0;
  json->texts.length = json->numbers.length = json->attributes.length = 0;
  EDB_TRY(edb_reader_begin(plans->rules.reader, error));
  EDB_TRY(edb_json_next(&json->json, &token, error));
  bool array = token.type == EDB_JSON_ARRAY;
  if (array) EDB_TRY(edb_json_next(&json->json, &token, error));
  if (token.type != EDB_JSON_OBJECT) {
    return edb_json_fail(&json->json, &token, error, EDB_ERROR_FORMAT,
                         "found %s, expected a plan such as {\"operator\": NAME, ...}",
                         edb_json_type_name(token.type));
  }
  EDB_TRY(open_object(plans, &token, error));
  while (plans->frames.length > 0) EDB_TRY(read_part(plans, error));
  return array ? edb_json_expect(&json->json, EDB_JSON_ARRAY_END, &token, error) : EDB_OK;
}

/* Where in the file reading goes on. */
typedef struct edb_plans_at {
  const char *at, *line_start;
  uint32_t line;
} edb_plans_at;

static void skip_space(edb_plans_at *at, const char *end) {
  for (; at->at < end && edb_is_space(*at->at); at->at++) {
    if (*at->at != '\n') continue;
    at->line++;
    at->line_start = at->at + 1;
  }
}

/* Behind a bad plan the next begins with a line that begins with a bracket. */
static void skip_bad_plan(edb_plans_at *at, const char *end) {
  while (at->at < end) {
    if (*at->at++ != '\n') continue;
    at->line++;
    at->line_start = at->at;
    if (at->at < end && (*at->at == '{' || *at->at == '[')) return;
  }
}

static edb_status read_next(edb_plans *plans, edb_plans_at *at, edb_error *error) {
  edb_reader *reader = plans->rules.reader;
  edb_json *json = &plans->json.json;
  edb_json_init(json, plans->ctx, at->at, (size_t)(reader->end - at->at), reader->name, at->line);
  json->line_start = at->line_start;
  edb_status status = read_plan(plans, error);
  edb_plans_at behind = {json->cursor, json->line_start, json->line};
  edb_json_free(json);
  if (status == EDB_OK) {
    *at = behind;
    return edb_reader_commit(reader, NULL, error);
  }
  if (!edb_reader_skips(reader, status, error)) return status;
  skip_bad_plan(at, reader->end);
  return EDB_OK;
}

static edb_status read_all(edb_plans *plans, edb_error *error) {
  edb_reader *reader = plans->rules.reader;
  edb_plans_at at = {reader->text, reader->text, 1};
  for (skip_space(&at, reader->end); at.at < reader->end && !edb_reader_full(reader);
       skip_space(&at, reader->end))
    EDB_TRY(read_next(plans, &at, error));
  return EDB_OK;
}

edb_status edb_read_plans(edb_reader *reader, edb_error *error) {
  edb_plans plans = {.ctx = reader->ctx, .json = {.reader = reader, .ctx = reader->ctx}};
  edb_status status = edb_read_rules_compile(&plans.rules, reader, &edb_form_plans, error);
  if (status == EDB_OK) status = read_all(&plans, error);
  edb_read_rules_free(&plans.rules);
  edb_vec_free(plans.ctx, &plans.json.texts);
  edb_vec_free(plans.ctx, &plans.json.numbers);
  edb_vec_free(plans.ctx, &plans.json.attributes);
  edb_vec_free(plans.ctx, &plans.frames);
  edb_vec_free(plans.ctx, &plans.slots);
  edb_vec_free(plans.ctx, &plans.children);
  return status;
}
