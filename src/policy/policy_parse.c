/* policy/policy_parse.c: reads an FSM from text and checks every part of it against the model.
 *
 * The keys of a JSON object have no order, but states need types and types need the granularity. So
 * the text, which is in memory anyway, is read three times: header, types, states; each pass skips
 * what the others read. */
#include "base/json.h"
#include "base/vec.h"
#include "policy/fsm.h"

#include <string.h>

typedef enum field {
  FIELD_VERSION,
  FIELD_GRANULARITY,
  FIELD_ENCODING,
  FIELD_TYPES,
  FIELD_STATES,
  FIELD_SCOPE, /* from version 2 on */
  FIELD_LEARNED,
  FIELD_COUNT
} field;

static const char *const field_names[FIELD_COUNT] = {
    "edbatch-policy", "granularity", "encoding", "types", "states", "scope", "learned"};

typedef struct parser {
  edb_context *ctx;
  edb_json json;
  const edb_schema *schema;
  edb_fsm_granularity granularity;
  edb_encoding encoding;
  edb_fsm_scope scope;
  bool has_scope;
  int64_t version;
  edb_fsm_record record;
  edb_fsm *fsm;          /* NULL until the types are known */
  EDB_VEC(uint32_t) raw; /* raw type numbers */
  edb_map raw_seen;      /* names of raw types */
  /* Per type: the number (from 1) of the state that last named it as ready, or flagged it. */
  uint32_t *ready_in, *flagged_in;
  uint32_t *seen_type; /* per type: named by the file */
  edb_token *tokens;
  uint32_t state; /* the number of the state being read, from 1 */
} parser;

/* An error at a token's position. */
#define FAIL(p, token, error, status, ...) \
  edb_json_fail(&(p)->json, (token), (error), (status), __VA_ARGS__)

/* ---- Common steps ------------------------------------------------------- */

static bool is_text(const edb_json_token *token, const char *text) {
  return token->length == strlen(text) && memcmp(token->text, text, token->length) == 0;
}

/* A string; one that holds zeros, as JSON allows, is none of ours. */
static edb_status read_text(parser *p, edb_json_token *token, edb_error *error) {
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_STRING, token, error));
  if (strlen(token->text) != token->length)
    return FAIL(p, token, error, EDB_ERROR_FORMAT, "found a zero inside a string");
  return EDB_OK;
}

/* The index of a key in `names`, of which none may come twice; `seen` is a bit mask. */
static edb_status find_key(parser *p, const edb_json_token *key, const char *const *names,
                           uint32_t n_names, uint32_t *seen, uint32_t *out, edb_error *error) {
  for (uint32_t i = 0; i < n_names; i++) {
    if (!is_text(key, names[i])) continue;
    if (*seen & (1u << i))
      return FAIL(p, key, error, EDB_ERROR_NAME, "key \"%s\" is repeated", names[i]);
    *seen |= 1u << i;
    *out = i;
    return EDB_OK;
  }
  return FAIL(p, key, error, EDB_ERROR_NAME, "unknown key \"%.100s\"", key->text);
}

static edb_status require_keys(parser *p, const edb_json_token *end, const char *const *names,
                               uint32_t n_names, uint32_t seen, const char *what,
                               edb_error *error) {
  for (uint32_t i = 0; i < n_names; i++)
    if (!(seen & (1u << i)))
      return FAIL(p, end, error, EDB_ERROR_FORMAT, "%s without \"%s\"", what, names[i]);
  return EDB_OK;
}

/* A whole number from 0 to `most`. */
static edb_status read_count(parser *p, const char *what, int64_t most, int64_t *out,
                             edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_NUMBER, &token, error));
  if (!token.is_integer || token.integer < 0 || token.integer > most)
    return FAIL(p, &token, error, EDB_ERROR_FORMAT,
                "%s is %g, expected a whole number from 0 to %lld", what, token.number,
                (long long)most);
  *out = token.integer;
  return EDB_OK;
}

/* Digits only, no sign, no leading zero, within 64 bits and not above `most`. */
static bool digits_to_u64(const char *text, uint64_t most, uint64_t *out) {
  uint64_t value = 0;
  if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) return false;
  for (; *text != '\0'; text++) {
    uint64_t digit = (uint64_t)(unsigned char)*text - '0';
    if (digit > 9 || value > (most - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

/* ---- Header ------------------------------------------------------------- */

static edb_status read_version(parser *p, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_NUMBER, &token, error));
  if (!token.is_integer || token.integer < EDB_POLICY_FILE_OLDEST ||
      token.integer > EDB_POLICY_FILE_VERSION)
    return FAIL(p, &token, error, EDB_ERROR_UNSUPPORTED,
                "version %g of the policy file; this library reads versions %d to %d", token.number,
                EDB_POLICY_FILE_OLDEST, EDB_POLICY_FILE_VERSION);
  p->version = token.integer;
  return EDB_OK;
}

static edb_status read_granularity(parser *p, edb_error *error) {
  edb_json_token token;
  EDB_TRY(read_text(p, &token, error));
  for (uint32_t i = 0; i < EDB_FSM_GRANULARITY_COUNT; i++) {
    if (strcmp(token.text, edb_fsm_granularity_name((edb_fsm_granularity)i)) != 0) continue;
    p->granularity = (edb_fsm_granularity)i;
    return EDB_OK;
  }
  return FAIL(p, &token, error, EDB_ERROR_NAME,
              "unknown granularity \"%.100s\", expected \"cell\", \"op\" or \"raw\"", token.text);
}

static edb_status read_encoding(parser *p, edb_error *error) {
  edb_json_token token;
  EDB_TRY(read_text(p, &token, error));
  if (!edb_encoding_from_name(token.text, &p->encoding))
    return FAIL(
        p, &token, error, EDB_ERROR_NAME,
        "unknown encoding \"%.100s\", expected \"base\", \"max\", \"sort\", \"tight\", \"lead\" or "
        "\"mass\"",
        token.text);
  return EDB_OK;
}

static edb_status read_scope(parser *p, edb_error *error) {
  edb_json_token token;
  EDB_TRY(read_text(p, &token, error));
  for (uint32_t i = 0; i < EDB_FSM_SCOPE_COUNT; i++) {
    if (strcmp(token.text, edb_fsm_scope_name((edb_fsm_scope)i)) != 0) continue;
    p->scope = (edb_fsm_scope)i;
    p->has_scope = true;
    return EDB_OK;
  }
  return FAIL(p, &token, error, EDB_ERROR_NAME,
              "unknown scope \"%.100s\", expected \"component\" or \"graph\"", token.text);
}

static edb_status read_record_value(parser *p, uint32_t key, edb_error *error) {
  edb_json_token token;
  int64_t count = 0;
  switch (key) {
  case 0:
    EDB_TRY(read_text(p, &token, error));
    if (!edb_reward_from_name(token.text, &p->record.reward))
      return FAIL(p, &token, error, EDB_ERROR_NAME,
                  "unknown reward \"%.100s\", expected \"bound\" or \"frontier\"", token.text);
    return EDB_OK;
  case 1:
    EDB_TRY(read_text(p, &token, error));
    if (!digits_to_u64(token.text, UINT64_MAX, &p->record.seed))
      return FAIL(p, &token, error, EDB_ERROR_FORMAT,
                  "seed \"%.100s\", expected the digits of a number below 2^64", token.text);
    return EDB_OK;
  case 2:
    EDB_TRY(read_count(p, "\"episodes\"", UINT32_MAX, &count, error));
    p->record.episodes = (uint32_t)count;
    return EDB_OK;
  case 3:
    EDB_TRY(read_count(p, "\"graphs\"", UINT32_MAX, &count, error));
    p->record.n_graphs = (uint32_t)count;
    return EDB_OK;
  case 6:
    EDB_TRY(read_text(p, &token, error));
    if (!edb_teacher_from_name(token.text, &p->record.teacher))
      return FAIL(p, &token, error, EDB_ERROR_NAME,
                  "unknown teacher \"%.100s\", expected \"rule\" or \"beam\"", token.text);
    return EDB_OK;
  case 4:
    EDB_TRY(read_count(p, "\"batches\"", INT64_MAX, &count, error));
    p->record.batches = (uint64_t)count;
    return EDB_OK;
  default:
    EDB_TRY(read_count(p, "\"bound\"", INT64_MAX, &count, error));
    p->record.bound = (uint64_t)count;
    return EDB_OK;
  }
}

/* The one object that may have keys this version does not know: it is for people, nothing uses it.
 */
static edb_status read_record(parser *p, edb_error *error) {
  static const char *const names[] = {"reward",  "seed",  "episodes", "graphs",
                                      "batches", "bound", "teacher"};
  const uint32_t n_names = sizeof names / sizeof *names;
  edb_json_token token;
  uint32_t seen = 0;
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_OBJECT, &token, error));
  for (;;) {
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    uint32_t key = 0;
    while (key < n_names && !is_text(&token, names[key])) key++;
    if (key < n_names) {
      EDB_TRY(find_key(p, &token, names, n_names, &seen, &key, error));
      EDB_TRY(read_record_value(p, key, error));
    } else {
      EDB_TRY(edb_json_next(&p->json, &token, error));
      EDB_TRY(edb_json_skip(&p->json, &token, error));
    }
  }
  EDB_TRY(require_keys(p, &token, names, n_names - 1, seen, "\"learned\"", error));
  p->record.present = true;
  return EDB_OK;
}

/* ---- Types -------------------------------------------------------------- */

static edb_status add_raw_type(parser *p, const edb_json_token *token, edb_error *error) {
  uint64_t number = 0;
  if (!digits_to_u64(token->text, UINT32_MAX - 1, &number))
    return FAIL(p, token, error, EDB_ERROR_FORMAT,
                "type \"%.100s\": the types of raw graphs are numbers", token->text);
  if (edb_map_get(&p->raw_seen, token->text, token->length) != EDB_MAP_NONE)
    return FAIL(p, token, error, EDB_ERROR_NAME, "type \"%s\" is repeated", token->text);
  if (!edb_map_put(&p->raw_seen, token->text, token->length, 0) ||
      !edb_vec_push(p->ctx, &p->raw, (uint32_t)number))
    return edb_fail_memory(error, token->length, "the types of a policy");
  return EDB_OK;
}

/* A name that the model has, for the first time. */
static edb_status mark_type(parser *p, const edb_json_token *token, uint32_t *type,
                            edb_error *error) {
  *type = edb_fsm_find_type(p->fsm, token->text, token->length);
  if (*type == UINT32_MAX)
    return FAIL(p, token, error, EDB_ERROR_MISMATCH,
                "the policy was made for a model with a type \"%.200s\", which this model has not",
                token->text);
  if (p->seen_type[*type])
    return FAIL(p, token, error, EDB_ERROR_NAME, "type \"%.200s\" is repeated", token->text);
  p->seen_type[*type] = 1;
  return EDB_OK;
}

/* {"name": "node", "key": "..."}, with the name before the key; raw: {"name": "3"}. */
static edb_status read_type(parser *p, edb_error *error) {
  bool raw = p->granularity == EDB_FSM_RAW;
  edb_json_token token;
  uint32_t type = 0;
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_KEY, &token, error));
  if (!is_text(&token, "name"))
    return FAIL(p, &token, error, EDB_ERROR_FORMAT, "found key \"%.100s\", expected \"name\"",
                token.text);
  EDB_TRY(read_text(p, &token, error));
  EDB_TRY(raw ? add_raw_type(p, &token, error) : mark_type(p, &token, &type, error));
  if (!raw) {
    EDB_TRY(edb_json_expect(&p->json, EDB_JSON_KEY, &token, error));
    if (!is_text(&token, "key"))
      return FAIL(p, &token, error, EDB_ERROR_FORMAT, "found key \"%.100s\", expected \"key\"",
                  token.text);
    EDB_TRY(read_text(p, &token, error));
    const edb_fsm_type *model = &p->fsm->types[type];
    if (strcmp(token.text, model->key) != 0)
      return edb_fsm_fail_key(error, p->json.name, token.line, token.column, model->name,
                              token.text, model->key);
  }
  return edb_json_expect(&p->json, EDB_JSON_OBJECT_END, &token, error);
}

static edb_status read_types(parser *p, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_ARRAY, &token, error));
  for (;;) {
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) break;
    if (token.type != EDB_JSON_OBJECT)
      return FAIL(p, &token, error, EDB_ERROR_FORMAT, "found %s, expected a type: an object",
                  edb_json_type_name(token.type));
    EDB_TRY(read_type(p, error));
  }
  if (p->granularity == EDB_FSM_RAW) return EDB_OK;
  for (uint32_t i = 0; i < p->fsm->n_types; i++)
    if (!p->seen_type[i])
      return FAIL(p, &token, error, EDB_ERROR_MISMATCH,
                  "the model has a type \"%.200s\", which the policy does not know",
                  p->fsm->types[i].name);
  return EDB_OK;
}

/* ---- States ------------------------------------------------------------- */

typedef struct state_fields {
  uint32_t count, n_flagged, run;
  edb_json_token ready_at, flagged_at, run_at; /* positions only */
} state_fields;

static edb_status find_type(parser *p, const edb_json_token *token, uint32_t *out,
                            edb_error *error) {
  if (token->type != EDB_JSON_STRING)
    return FAIL(p, token, error, EDB_ERROR_FORMAT,
                "found %s, expected the name of a type: a string", edb_json_type_name(token->type));
  *out = edb_fsm_find_type(p->fsm, token->text, token->length);
  if (*out == UINT32_MAX)
    return FAIL(p, token, error, EDB_ERROR_NAME, "type \"%.200s\" is not among the policy's types",
                token->text);
  return EDB_OK;
}

static edb_status read_ready(parser *p, state_fields *s, edb_error *error) {
  edb_json_token token;
  uint32_t leads = edb_encoding_leads(p->encoding); /* the first one stands where it likes */
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_ARRAY, &s->ready_at, error));
  for (;;) {
    uint32_t type = 0;
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) break;
    EDB_TRY(find_type(p, &token, &type, error));
    if (p->ready_in[type] == p->state)
      return FAIL(p, &token, error, EDB_ERROR_NAME, "type \"%.200s\" is repeated", token.text);
    if (p->encoding != EDB_ENCODING_SORT && s->count > leads &&
        edb_token_type(p->tokens[s->count - 1]) > type)
      return FAIL(p, &token, error, EDB_ERROR_FORMAT,
                  "type \"%.200s\" stands after \"%.200s\": the ready types stand in the order of "
                  "their names",
                  token.text, p->fsm->types[edb_token_type(p->tokens[s->count - 1])].name);
    p->ready_in[type] = p->state;
    p->tokens[s->count++] = edb_token_make(type, false);
  }
  if (s->count == 0) return FAIL(p, &token, error, EDB_ERROR_FORMAT, "a state without ready types");
  return EDB_OK;
}

static edb_status flag_type(parser *p, state_fields *s, const edb_json_token *token,
                            edb_error *error) {
  uint32_t type = 0;
  EDB_TRY(find_type(p, token, &type, error));
  if (p->flagged_in[type] == p->state)
    return FAIL(p, token, error, EDB_ERROR_NAME, "type \"%.200s\" is repeated", token->text);
  p->flagged_in[type] = p->state;
  s->n_flagged++;
  return EDB_OK;
}

/* "tight": a list; "most": one. */
static edb_status read_flagged(parser *p, state_fields *s, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_next(&p->json, &token, error));
  s->flagged_at = token;
  if (p->encoding == EDB_ENCODING_MAX) return flag_type(p, s, &token, error);
  if (token.type != EDB_JSON_ARRAY)
    return FAIL(p, &token, error, EDB_ERROR_FORMAT, "found %s, expected a list of types",
                edb_json_type_name(token.type));
  for (;;) {
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) return EDB_OK;
    EDB_TRY(flag_type(p, s, &token, error));
  }
}

static edb_status read_run(parser *p, state_fields *s, edb_error *error) {
  EDB_TRY(edb_json_next(&p->json, &s->run_at, error));
  if (s->run_at.type == EDB_JSON_NULL) {
    s->run = EDB_FSM_RULE;
    return EDB_OK;
  }
  return find_type(p, &s->run_at, &s->run, error);
}

/* Once all keys of the state are there. */
static edb_status finish_state(parser *p, state_fields *s, edb_error *error) {
  if (s->run != EDB_FSM_RULE && p->ready_in[s->run] != p->state)
    return FAIL(p, &s->run_at, error, EDB_ERROR_NAME,
                "type \"%.200s\" to run is not ready in this state", p->fsm->types[s->run].name);
  uint32_t n_flagged = 0;
  for (uint32_t i = 0; i < s->count; i++) {
    uint32_t type = edb_token_type(p->tokens[i]);
    bool flag = p->flagged_in[type] == p->state;
    p->tokens[i] = edb_token_make(type, flag);
    n_flagged += flag;
  }
  if (n_flagged != s->n_flagged)
    return FAIL(p, &s->flagged_at, error, EDB_ERROR_NAME,
                "names a type that is not ready in this state");
  if (edb_map_get(&p->fsm->states, p->tokens, s->count * sizeof *p->tokens) != EDB_MAP_NONE)
    return FAIL(p, &s->ready_at, error, EDB_ERROR_NAME, "the state is repeated");
  return edb_fsm_set(p->fsm, p->tokens, s->count, s->run, error);
}

static edb_status read_state(parser *p, edb_error *error) {
  const char *const names[] = {"ready", "run", p->encoding == EDB_ENCODING_MAX ? "most" : "tight"};
  bool flags = p->encoding != EDB_ENCODING_BASE && p->encoding != EDB_ENCODING_SORT;
  const uint32_t n_names = flags ? 3 : 2;
  edb_json_token token;
  state_fields s = {0};
  uint32_t seen = 0, key = 0;
  p->state++;
  for (;;) {
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    EDB_TRY(find_key(p, &token, names, n_names, &seen, &key, error));
    if (key == 0) EDB_TRY(read_ready(p, &s, error));
    if (key == 1) EDB_TRY(read_run(p, &s, error));
    if (key == 2) EDB_TRY(read_flagged(p, &s, error));
  }
  EDB_TRY(require_keys(p, &token, names, n_names, seen, "a state", error));
  return finish_state(p, &s, error);
}

static edb_status read_states(parser *p, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&p->json, EDB_JSON_ARRAY, &token, error));
  for (;;) {
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) return EDB_OK;
    if (token.type != EDB_JSON_OBJECT)
      return FAIL(p, &token, error, EDB_ERROR_FORMAT, "found %s, expected a state: an object",
                  edb_json_type_name(token.type));
    if (p->state == UINT32_MAX - 1)
      return FAIL(p, &token, error, EDB_ERROR_LIMIT, "too many states");
    EDB_TRY(read_state(p, error));
  }
}

/* ---- The whole ---------------------------------------------------------- */

static edb_status read_field(parser *p, field f, edb_error *error) {
  switch (f) {
  case FIELD_VERSION:
    return read_version(p, error);
  case FIELD_GRANULARITY:
    return read_granularity(p, error);
  case FIELD_ENCODING:
    return read_encoding(p, error);
  case FIELD_TYPES:
    return read_types(p, error);
  case FIELD_STATES:
    return read_states(p, error);
  case FIELD_SCOPE:
    return read_scope(p, error);
  default:
    return read_record(p, error);
  }
}

/* One pass over the text: reads the fields in `wanted`, skips the others. The version comes first
 * in a file that says it, so that a file of another version is not judged by the rules of this one.
 */
static edb_status read_pass(parser *p, uint32_t wanted, uint32_t *seen, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect_file(&p->json, "policy file", &token, error));
  for (;;) {
    uint32_t f = 0;
    EDB_TRY(edb_json_next(&p->json, &token, error));
    if (token.type == EDB_JSON_OBJECT_END) break;
    EDB_TRY(find_key(p, &token, field_names, FIELD_COUNT, seen, &f, error));
    if (wanted & (1u << f)) {
      EDB_TRY(read_field(p, (field)f, error));
    } else {
      EDB_TRY(edb_json_next(&p->json, &token, error));
      EDB_TRY(edb_json_skip(&p->json, &token, error));
    }
  }
  EDB_TRY(require_keys(p, &token, field_names, FIELD_SCOPE, *seen, "a policy file", error));
  return edb_json_expect(&p->json, EDB_JSON_END, &token, error);
}

static edb_status pass(parser *p, const char *text, size_t bytes, const char *name, uint32_t wanted,
                       edb_error *error) {
  uint32_t seen = 0;
  edb_json_init(&p->json, p->ctx, text, bytes, name, 1);
  edb_status status = read_pass(p, wanted, &seen, error);
  edb_json_free(&p->json);
  return status;
}

#define HEADER_FIELDS                                                                         \
  (1u << FIELD_VERSION | 1u << FIELD_GRANULARITY | 1u << FIELD_ENCODING | 1u << FIELD_SCOPE | \
   1u << FIELD_LEARNED)

/* Version 1 knew one scope, and its files do not name it. */
static edb_status check_scope(parser *p, const char *name, edb_error *error) {
  if (p->version == 1 && p->has_scope)
    return edb_fail_at(error, EDB_ERROR_NAME, name, 0, 0,
                       "a policy file of version 1 has no \"scope\"");
  if (p->version > 1 && !p->has_scope)
    return edb_fail_at(error, EDB_ERROR_FORMAT, name, 0, 0, "a policy file without \"scope\"");
  if (!p->has_scope) p->scope = EDB_FSM_GRAPH;
  return EDB_OK;
}

static edb_status check_granularity(const parser *p, const char *name, edb_error *error) {
  bool raw = p->granularity == EDB_FSM_RAW;
  if (raw == (p->schema == NULL)) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_MISMATCH, name, 0, 0,
                     "the policy was made for %s (granularity \"%s\"), not for %s",
                     raw ? "raw graphs" : "a model", edb_fsm_granularity_name(p->granularity),
                     raw ? "a model" : "raw graphs");
}

/* Four arrays over the types, in one zeroed block (of four words when there are no types). */
static size_t scratch_bytes(uint32_t n_types) {
  return ((size_t)n_types + 1) * 4 * sizeof(uint32_t);
}

static edb_status make_scratch(parser *p, uint32_t n_types, edb_error *error) {
  size_t bytes = scratch_bytes(n_types);
  p->ready_in = edb_alloc_zero(p->ctx, bytes);
  if (p->ready_in == NULL) return edb_fail_memory(error, bytes, "reading a policy");
  p->flagged_in = p->ready_in + n_types;
  p->seen_type = p->flagged_in + n_types;
  p->tokens = p->seen_type + n_types;
  return EDB_OK;
}

static void free_scratch(parser *p) {
  if (p->fsm != NULL && p->ready_in != NULL)
    edb_free(p->ctx, p->ready_in, scratch_bytes(p->fsm->n_types));
  edb_vec_free(p->ctx, &p->raw);
  edb_map_free(&p->raw_seen);
}

static edb_status parse(parser *p, const char *text, size_t bytes, const char *name,
                        edb_error *error) {
  EDB_TRY(pass(p, text, bytes, name, HEADER_FIELDS, error));
  EDB_TRY(check_granularity(p, name, error));
  EDB_TRY(check_scope(p, name, error));
  if (p->granularity == EDB_FSM_RAW) {
    EDB_TRY(pass(p, text, bytes, name, 1u << FIELD_TYPES, error));
    EDB_TRY(edb_fsm_create_raw(p->ctx, p->raw.data, (uint32_t)p->raw.length, p->encoding, &p->fsm,
                               error));
    EDB_TRY(make_scratch(p, p->fsm->n_types, error));
  } else {
    EDB_TRY(edb_fsm_create(p->ctx, p->schema, p->granularity, p->encoding, &p->fsm, error));
    EDB_TRY(make_scratch(p, p->fsm->n_types, error));
    EDB_TRY(pass(p, text, bytes, name, 1u << FIELD_TYPES, error));
  }
  EDB_TRY(pass(p, text, bytes, name, 1u << FIELD_STATES, error));
  p->fsm->record = p->record;
  p->fsm->scope = p->scope;
  return edb_fsm_set_file(p->fsm, name, error);
}

edb_status edb_policy_parse(edb_context *ctx, const char *text, size_t bytes, const char *name,
                            const edb_schema *schema, edb_policy **out, edb_error *error) {
  parser p = {.ctx = ctx, .schema = schema};
  edb_map_init(&p.raw_seen, ctx);
  edb_status status = parse(&p, text, bytes, name, error);
  free_scratch(&p);
  if (status == EDB_OK) status = edb_fsm_to_policy(p.fsm, out, error);
  if (status != EDB_OK) edb_fsm_destroy(p.fsm);
  return status;
}

edb_status edb_policy_peek_granularity(edb_context *ctx, const char *text, size_t bytes,
                                       const char *name, edb_fsm_granularity *out,
                                       edb_error *error) {
  parser p = {.ctx = ctx};
  EDB_TRY(pass(&p, text, bytes, name, HEADER_FIELDS, error));
  *out = p.granularity;
  return EDB_OK;
}
