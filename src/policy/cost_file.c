/* policy/cost_file.c: costs as text; docs/policy-file.md is the reference of the format.
 *
 * What the text says is collected first, since its keys have no order, and then checked against the
 * types of the model. */
#include <string.h>

#include "base/json.h"
#include "base/vec.h"
#include "policy/cost.h"

/* ---- Keys --------------------------------------------------------------------------------------
 */

/* Of all objects of the file; each object has some of them. */
enum {
  VERSION,
  GRANULARITY,
  MINI_BATCH,
  TYPES,
  NAME,
  KEY,
  BATCH,
  NODE,
  ROWS,
  NEAR,
  FAR,
  GATHER, /* and three more, as row_numbers has them */
  PRODUCT,
  ELEMENTWISE,
  STORE,
  N_KEYS
};
static const char *const key_names[N_KEYS] = {
    "edbatch-costs", "granularity", "mini_batch", "types",          "name",
    "key",           "batch_ns",    "node_ns",    "rows",           "near",
    "far",           "gather_ns",   "product_ns", "elementwise_ns", "store_ns"};
#define BIT(key)   (1u << (key))
#define COST_KEYS  (BIT(BATCH) | BIT(NODE))
#define FILE_KEYS  (BIT(VERSION) | BIT(GRANULARITY) | BIT(MINI_BATCH) | BIT(TYPES) | BIT(ROWS))
#define ROW_KEYS   (BIT(GATHER) | BIT(PRODUCT) | BIT(ELEMENTWISE) | BIT(STORE))
#define NOT_NEEDED (BIT(KEY) | BIT(ROWS)) /* raw types have no key */

/* ---- Writing ------------------------------------------------------------------------------------
 */

static void print_cost(edb_json_writer *w, edb_cost cost) {
  edb_json_key(w, "batch_ns");
  edb_json_double(w, cost.batch_ns);
  edb_json_key(w, "node_ns");
  edb_json_double(w, cost.node_ns);
}

static void print_type(edb_json_writer *w, const edb_costs *costs, uint32_t i) {
  const edb_fsm_type *type = &costs->types->types[i];
  edb_json_begin(w, '{');
  edb_json_inline(w, true);
  edb_json_key(w, "name");
  edb_json_cstring(w, type->name);
  print_cost(w, costs->cost[i]);
  if (costs->types->granularity != EDB_FSM_RAW) {
    edb_json_key(w, "key");
    edb_json_cstring(w, type->key);
  }
  edb_json_end(w, '}');
  edb_json_inline(w, false);
}

/* The numbers of an object of row costs, in the order of their keys. */
static double *row_numbers(edb_row_costs *rows, int which) {
  double *const all[] = {rows->gather_ns, rows->product_ns, rows->elementwise_ns, rows->store_ns};
  return all[which];
}

static void print_rows(edb_json_writer *w, const char *name, edb_row_costs rows) {
  edb_json_key(w, name);
  edb_json_begin(w, '{');
  for (int k = 0; k < 4; k++) {
    edb_json_key(w, key_names[GATHER + k]);
    edb_json_begin(w, '[');
    edb_json_inline(w, true);
    for (int i = 0; i < EDB_ROW_WIDTHS; i++) edb_json_double(w, row_numbers(&rows, k)[i]);
    edb_json_end(w, ']');
    edb_json_inline(w, false);
  }
  edb_json_end(w, '}');
}

edb_status edb_costs_print(const edb_costs *costs, edb_text *out, edb_error *error) {
  edb_json_writer w;
  edb_json_writer_init(&w, out, 2);
  edb_json_begin(&w, '{');
  edb_json_key(&w, "edbatch-costs");
  edb_json_int(&w, EDB_COSTS_FILE_VERSION);
  edb_json_key(&w, "granularity");
  edb_json_cstring(&w, edb_fsm_granularity_name(costs->types->granularity));
  edb_json_key(&w, "mini_batch");
  edb_json_begin(&w, '{');
  edb_json_inline(&w, true);
  print_cost(&w, costs->mini_batch);
  edb_json_end(&w, '}');
  edb_json_inline(&w, false);
  if (costs->has_rows) {
    edb_json_key(&w, "rows");
    edb_json_begin(&w, '{');
    print_rows(&w, "near", costs->rows[0]);
    print_rows(&w, "far", costs->rows[1]);
    edb_json_end(&w, '}');
  }
  edb_json_key(&w, "types");
  edb_json_begin(&w, '[');
  for (uint32_t i = 0; i < costs->types->n_types; i++) print_type(&w, costs, i);
  edb_json_end(&w, ']');
  edb_json_end(&w, '}');
  edb_text_append(out, "\n", 1);
  if (out->failed) return edb_fail_memory(error, out->length, "the text of costs");
  return EDB_OK;
}

edb_status edb_costs_save(const edb_costs *costs, const char *path, edb_error *error) {
  EDB_REQUIRE(error, costs, path);
  edb_text text;
  edb_text_init(&text, costs->ctx);
  edb_status status = edb_costs_print(costs, &text, error);
  if (status == EDB_OK) status = edb_file_write(path, text.data, text.length, error);
  edb_text_free(&text);
  return status;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

typedef struct row {
  const char *name, *key; /* of the arena; "" without */
  edb_cost cost;
  uint32_t line, column;
} row;

typedef struct reader {
  edb_json json;
  edb_arena arena;
  edb_fsm_granularity granularity;
  edb_cost mini_batch;
  bool has_rows;
  edb_row_costs row_costs[2];
  EDB_VEC(row) rows;
} reader;

static edb_status read_string(reader *r, const char **out, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_STRING, &token, error));
  if (strlen(token.text) != token.length)
    return edb_json_fail(&r->json, &token, error, EDB_ERROR_FORMAT, "found a zero inside a string");
  *out = edb_arena_strdup(&r->arena, token.text, token.length);
  if (*out == NULL) return edb_fail_memory(error, token.length, "a type of costs");
  return EDB_OK;
}

static edb_status read_ns(reader *r, double *out, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_NUMBER, &token, error));
  if (!(token.number >= 0 && token.number <= 1e18))
    return edb_json_fail(&r->json, &token, error, EDB_ERROR_FORMAT,
                         "found %g, expected nanoseconds from 0 to 1e18", token.number);
  *out = token.number;
  return EDB_OK;
}

static edb_status read_version(reader *r, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_NUMBER, &token, error));
  if (!token.is_integer || token.integer != EDB_COSTS_FILE_VERSION)
    return edb_json_fail(&r->json, &token, error, EDB_ERROR_UNSUPPORTED,
                         "version %g of the costs file; this library reads version %d",
                         token.number, EDB_COSTS_FILE_VERSION);
  return EDB_OK;
}

static edb_status read_granularity(reader *r, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_STRING, &token, error));
  for (int g = 0; g < EDB_FSM_GRANULARITY_COUNT; g++) {
    if (strcmp(token.text, edb_fsm_granularity_name((edb_fsm_granularity)g)) != 0) continue;
    r->granularity = (edb_fsm_granularity)g;
    return EDB_OK;
  }
  return edb_json_fail(&r->json, &token, error, EDB_ERROR_NAME,
                       "unknown granularity \"%.100s\", expected \"cell\", \"op\" or \"raw\"",
                       token.text);
}

/* The next key of an object that may have those of `allowed`, none twice; N_KEYS at its end, where
 * all that are needed must have come. */
static edb_status next_key(reader *r, uint32_t allowed, uint32_t *seen, int *out,
                           edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_next(&r->json, &token, error));
  if (token.type == EDB_JSON_OBJECT_END) {
    uint32_t missing = allowed & ~*seen & ~NOT_NEEDED;
    for (int k = 0; k < N_KEYS; k++)
      if (missing & BIT(k))
        return edb_json_fail(&r->json, &token, error, EDB_ERROR_FORMAT, "no \"%s\" before the end",
                             key_names[k]);
    *out = N_KEYS;
    return EDB_OK;
  }
  for (int k = 0; k < N_KEYS; k++) {
    if (!(allowed & BIT(k)) || strcmp(token.text, key_names[k]) != 0) continue;
    if (*seen & BIT(k))
      return edb_json_fail(&r->json, &token, error, EDB_ERROR_NAME, "key \"%s\" is repeated",
                           key_names[k]);
    *seen |= BIT(k);
    *out = k;
    return EDB_OK;
  }
  return edb_json_fail(&r->json, &token, error, EDB_ERROR_NAME, "unknown key \"%.100s\"",
                       token.text);
}

/* The rest of an object of a cost, after its '{'; of a type also with name and key. */
static edb_status read_cost(reader *r, uint32_t allowed, row *out, edb_error *error) {
  uint32_t seen = 0;
  for (int key = N_KEYS;;) {
    EDB_TRY(next_key(r, allowed, &seen, &key, error));
    if (key == N_KEYS) return EDB_OK;
    if (key == NAME) EDB_TRY(read_string(r, &out->name, error));
    if (key == KEY) EDB_TRY(read_string(r, &out->key, error));
    if (key == BATCH) EDB_TRY(read_ns(r, &out->cost.batch_ns, error));
    if (key == NODE) EDB_TRY(read_ns(r, &out->cost.node_ns, error));
  }
}

static edb_status read_numbers(reader *r, double *out, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_ARRAY, &token, error));
  for (int i = 0; i < EDB_ROW_WIDTHS; i++) EDB_TRY(read_ns(r, &out[i], error));
  return edb_json_expect(&r->json, EDB_JSON_ARRAY_END, &token, error);
}

static edb_status read_row_costs(reader *r, edb_row_costs *out, edb_error *error) {
  edb_json_token token;
  uint32_t seen = 0;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_OBJECT, &token, error));
  for (int key = N_KEYS;;) {
    EDB_TRY(next_key(r, ROW_KEYS, &seen, &key, error));
    if (key == N_KEYS) return EDB_OK;
    EDB_TRY(read_numbers(r, row_numbers(out, key - GATHER), error));
  }
}

static edb_status read_rows(reader *r, edb_error *error) {
  edb_json_token token;
  uint32_t seen = 0;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_OBJECT, &token, error));
  for (int key = N_KEYS;;) {
    EDB_TRY(next_key(r, BIT(NEAR) | BIT(FAR), &seen, &key, error));
    if (key == N_KEYS) break;
    EDB_TRY(read_row_costs(r, &r->row_costs[key == FAR], error));
  }
  r->has_rows = true;
  return EDB_OK;
}

static edb_status read_types(reader *r, edb_error *error) {
  edb_json_token token;
  EDB_TRY(edb_json_expect(&r->json, EDB_JSON_ARRAY, &token, error));
  for (;;) {
    EDB_TRY(edb_json_next(&r->json, &token, error));
    if (token.type == EDB_JSON_ARRAY_END) return EDB_OK;
    if (token.type != EDB_JSON_OBJECT)
      return edb_json_fail(&r->json, &token, error, EDB_ERROR_FORMAT, "found %s, expected a type",
                           edb_json_type_name(token.type));
    row next = {.key = "", .line = token.line, .column = token.column};
    EDB_TRY(read_cost(r, COST_KEYS | BIT(NAME) | BIT(KEY), &next, error));
    if (!edb_vec_push(r->arena.ctx, &r->rows, next))
      return edb_fail_memory(error, sizeof next, "the types of costs");
  }
}

static edb_status read_file(reader *r, edb_error *error) {
  edb_json_token token;
  uint32_t seen = 0;
  row mini_batch = {0};
  EDB_TRY(edb_json_expect_file(&r->json, "file of costs", &token, error));
  for (int key = N_KEYS;;) {
    EDB_TRY(next_key(r, FILE_KEYS, &seen, &key, error));
    if (key == N_KEYS) break;
    if (key == VERSION) EDB_TRY(read_version(r, error));
    if (key == GRANULARITY) EDB_TRY(read_granularity(r, error));
    if (key == TYPES) EDB_TRY(read_types(r, error));
    if (key == ROWS) EDB_TRY(read_rows(r, error));
    if (key != MINI_BATCH) continue;
    EDB_TRY(edb_json_expect(&r->json, EDB_JSON_OBJECT, &token, error));
    EDB_TRY(read_cost(r, COST_KEYS, &mini_batch, error));
  }
  r->mini_batch = mini_batch.cost;
  return edb_json_expect(&r->json, EDB_JSON_END, &token, error);
}

/* ---- Checking -----------------------------------------------------------------------------------
 */

#define FAIL_AT(r, row, error, status, ...) \
  edb_fail_at((error), (status), (r)->json.name, (row)->line, (row)->column, __VA_ARGS__)

static edb_status raw_types(reader *r, edb_context *ctx, edb_fsm **out, edb_error *error) {
  EDB_VEC(uint32_t) numbers = {0};
  edb_status status = EDB_OK;
  for (size_t i = 0; i < r->rows.length && status == EDB_OK; i++) {
    const char *text = r->rows.data[i].name;
    uint64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t k = 0; k < digits && number <= UINT32_MAX; k++)
      number = number * 10 + (uint64_t)(text[k] - '0');
    if (digits == 0 || text[digits] != '\0' || (digits > 1 && text[0] == '0') ||
        number >= UINT32_MAX)
      status = FAIL_AT(r, &r->rows.data[i], error, EDB_ERROR_FORMAT,
                       "type \"%.100s\": the types of raw graphs are numbers", text);
    else if (!edb_vec_push(ctx, &numbers, (uint32_t)number))
      status = edb_fail_memory(error, sizeof number, "the types of costs");
  }
  if (status == EDB_OK)
    status = edb_fsm_create_raw(ctx, numbers.data, (uint32_t)numbers.length, EDB_ENCODING_TIGHT,
                                out, error);
  edb_vec_free(ctx, &numbers);
  return status;
}

static edb_status make_types(reader *r, edb_context *ctx, const edb_schema *const *schemas,
                             edb_fsm **out, edb_error *error) {
  edb_fsm_granularity g = r->granularity;
  bool has_model = schemas[EDB_FSM_CELL] != NULL || schemas[EDB_FSM_OP] != NULL;
  EDB_FAIL_IF(g == EDB_FSM_RAW && has_model, error, EDB_ERROR_MISMATCH,
              "%s: the costs are of raw graphs, not of a model", r->json.name);
  if (g == EDB_FSM_RAW) return raw_types(r, ctx, out, error);
  EDB_FAIL_IF(schemas[g] == NULL, error, EDB_ERROR_MISMATCH,
              "%s: the costs are of a model (granularity %s), not of raw graphs", r->json.name,
              edb_fsm_granularity_name(g));
  return edb_fsm_create(ctx, schemas[g], g, EDB_ENCODING_TIGHT, out, error);
}

/* Costs that are still to come are negative. */
static edb_status take_row(const reader *r, const row *from, edb_costs *costs, edb_error *error) {
  const edb_fsm *types = costs->types;
  uint32_t type = edb_fsm_find_type(types, from->name, strlen(from->name));
  if (type == UINT32_MAX)
    return FAIL_AT(r, from, error, EDB_ERROR_MISMATCH,
                   "the costs have a type \"%.200s\", which this model has not", from->name);
  if (strcmp(from->key, types->types[type].key) != 0)
    return edb_fsm_fail_key(error, r->json.name, from->line, from->column, from->name, from->key,
                            types->types[type].key);
  if (!(costs->cost[type].batch_ns < 0))
    return FAIL_AT(r, from, error, EDB_ERROR_NAME, "type \"%.200s\" is repeated", from->name);
  costs->cost[type] = from->cost;
  return EDB_OK;
}

static edb_status take_rows(const reader *r, edb_costs *costs, edb_error *error) {
  for (uint32_t i = 0; i < costs->types->n_types; i++) costs->cost[i].batch_ns = -1;
  for (size_t i = 0; i < r->rows.length; i++) EDB_TRY(take_row(r, &r->rows.data[i], costs, error));
  for (uint32_t i = 0; i < costs->types->n_types; i++)
    EDB_FAIL_IF(costs->cost[i].batch_ns < 0, error, EDB_ERROR_MISMATCH,
                "%s: the model has a type \"%.200s\", which the costs have not", r->json.name,
                costs->types->types[i].name);
  costs->mini_batch = r->mini_batch;
  costs->has_rows = r->has_rows;
  memcpy(costs->rows, r->row_costs, sizeof costs->rows);
  return EDB_OK;
}

static edb_status parse(reader *r, edb_context *ctx, const edb_schema *const *schemas,
                        edb_costs **out, edb_error *error) {
  edb_fsm *types = NULL;
  edb_costs *costs = NULL;
  EDB_TRY(read_file(r, error));
  EDB_TRY(make_types(r, ctx, schemas, &types, error));
  EDB_TRY(edb_costs_new(types, &costs, error));
  edb_status status = take_rows(r, costs, error);
  if (status == EDB_OK)
    *out = costs;
  else
    edb_costs_destroy(costs);
  return status;
}

edb_status edb_costs_parse(edb_context *ctx, const char *text, size_t bytes, const char *name,
                           const edb_schema *const schemas[EDB_FSM_GRANULARITY_COUNT],
                           edb_costs **out, edb_error *error) {
  reader r = {0};
  edb_json_init(&r.json, ctx, text, bytes, name, 1);
  edb_arena_init(&r.arena, ctx, 0);
  edb_status status = parse(&r, ctx, schemas, out, error);
  edb_vec_free(ctx, &r.rows);
  edb_arena_free(&r.arena);
  edb_json_free(&r.json);
  return status;
}
