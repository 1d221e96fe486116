/* model/read.c: rules of the read section, "inner(left, right) -> node(left, right)". Only the form
 * is checked here, and that the cell exists; what the names mean is the reader's business (data/).
 */
#include <string.h>

#include "model/model.h"

/* Names in one list of a rule. */
#define TERMS_MAX 256

typedef struct terms {
  edb_read_term items[TERMS_MAX];
  uint32_t count;
} terms;

static edb_status keep_name(edb_model *model, const edb_token *token, const char **out,
                            const edb_lexer *lexer, edb_error *error) {
  edb_name_problem problem = edb_name_check(token->text, token->length);
  if (problem != EDB_NAME_FINE) {
    return edb_lexer_fail(lexer, token, error, EDB_ERROR_NAME, "the name \"%.*s\" %s",
                          edb_name_shown(token->length), token->text,
                          edb_name_problem_text(problem));
  }
  *out = edb_arena_strdup(&model->arena, token->text, token->length);
  return *out ? EDB_OK : edb_fail_memory(error, token->length + 1, "a name of a rule");
}

/* In a pattern: name or name...;  in a call: name or name.output */
static edb_status parse_term(edb_model *model, edb_lexer *lexer, bool pattern, edb_read_term *out,
                             edb_error *error) {
  edb_token name;
  *out = (edb_read_term){.rest = false};
  EDB_TRY(edb_lexer_name(lexer, "a name", &name, error));
  EDB_TRY(keep_name(model, &name, &out->name, lexer, error));
  if (pattern && lexer->token.kind == EDB_TOKEN_ELLIPSIS) {
    out->rest = true;
    return edb_lexer_next(lexer, error);
  }
  if (!pattern && edb_lexer_at(lexer, '.')) {
    EDB_TRY(edb_lexer_next(lexer, error));
    EDB_TRY(edb_lexer_name(lexer, "the name of an output", &name, error));
    return keep_name(model, &name, &out->output, lexer, error);
  }
  return EDB_OK;
}

static bool is_repeated(const terms *list) {
  const char *last = list->count ? list->items[list->count - 1].name : NULL;
  for (uint32_t i = 0; last && i + 1 < list->count; i++) {
    const char *name = list->items[i].name;
    if (name && strcmp(name, last) == 0) return true;
  }
  return false;
}

/* At "(": the list and its ")". */
static edb_status parse_terms(edb_model *model, edb_lexer *lexer, bool pattern, terms *list,
                              edb_error *error) {
  list->count = 0;
  EDB_TRY(edb_lexer_expect(lexer, '(', "before the names of a rule", error));
  while (!edb_lexer_at(lexer, ')')) {
    edb_token at = lexer->token;
    if (list->count == TERMS_MAX) {
      return edb_lexer_fail(lexer, &at, error, EDB_ERROR_LIMIT, "a rule has at most %d names",
                            TERMS_MAX);
    }
    EDB_TRY(parse_term(model, lexer, pattern, &list->items[list->count++], error));
    if (pattern && is_repeated(list)) {
      return edb_lexer_fail(lexer, &at, error, EDB_ERROR_NAME, "\"%s\" is bound twice",
                            list->items[list->count - 1].name);
    }
    if (!edb_lexer_at(lexer, ',')) break;
    if (pattern && list->items[list->count - 1].rest) {
      return edb_lexer_unexpected(lexer, error,
                                  "\")\" after \"...\", which takes all that is left");
    }
    EDB_TRY(edb_lexer_next(lexer, error));
  }
  return edb_lexer_expect(lexer, ')', "or \",\" after a name", error);
}

static edb_status keep_terms(edb_model *model, const terms *list, const edb_read_term **out,
                             edb_error *error) {
  size_t bytes = list->count * sizeof *list->items;
  *out = NULL;
  if (list->count == 0) return EDB_OK;
  edb_read_term *copy = edb_arena_alloc(&model->arena, bytes);
  if (!copy) return edb_fail_memory(error, bytes, "a rule");
  memcpy(copy, list->items, bytes);
  *out = copy;
  return EDB_OK;
}

static edb_status find_cell(const edb_model *model, const edb_lexer *lexer, const edb_token *name,
                            uint32_t *out, edb_error *error) {
  *out = edb_map_get(&model->cell_names, name->text, name->length);
  if (*out != EDB_MAP_NONE) return EDB_OK;
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, name->text, name->length);
  for (size_t i = 0; i < model->cells.length; i++) {
    edb_suggest(&suggestion, model->cells.data[i].name);
  }
  return edb_lexer_fail(lexer, name, error, EDB_ERROR_NAME, "there is no cell \"%.*s\"%s",
                        edb_name_shown(name->length), name->text,
                        edb_suggest_text(&suggestion, buffer, sizeof buffer));
}

/* The reader's name is shared with the rule before where it is the same. */
static edb_status keep_reader(edb_model *model, edb_named reader, const edb_lexer *lexer,
                              const char **out, edb_error *error) {
  if (model->rules.length > 0) {
    const char *last = model->rules.data[model->rules.length - 1].reader;
    if (strlen(last) == reader.length && memcmp(last, reader.text, reader.length) == 0) {
      *out = last;
      return EDB_OK;
    }
  }
  edb_token token = {.text = reader.text,
                     .length = (uint32_t)reader.length,
                     .line = reader.line,
                     .column = reader.column};
  return keep_name(model, &token, out, lexer, error);
}

edb_status edb_read_rule_parse(edb_model *model, edb_named reader, edb_lexer *lexer,
                               edb_error *error) {
  terms list;
  edb_token pattern, cell;
  edb_read_rule rule = {.line = lexer->token.line, .column = lexer->token.column};
  EDB_TRY(edb_model_check_open(model, error));
  EDB_TRY(keep_reader(model, reader, lexer, &rule.reader, error));
  EDB_TRY(edb_lexer_name(lexer, "a pattern", &pattern, error));
  EDB_TRY(keep_name(model, &pattern, &rule.pattern, lexer, error));
  if (edb_lexer_at(lexer, '(')) {
    EDB_TRY(parse_terms(model, lexer, true, &list, error));
    EDB_TRY(keep_terms(model, &list, &rule.bound, error));
    rule.n_bound = list.count;
  }
  if (lexer->token.kind != EDB_TOKEN_ARROW) {
    return edb_lexer_unexpected(lexer, error, "\"->\" after the pattern");
  }
  EDB_TRY(edb_lexer_next(lexer, error));
  EDB_TRY(edb_lexer_name(lexer, "the name of a cell", &cell, error));
  EDB_TRY(find_cell(model, lexer, &cell, &rule.cell, error));
  EDB_TRY(parse_terms(model, lexer, false, &list, error));
  EDB_TRY(keep_terms(model, &list, &rule.arguments, error));
  rule.n_arguments = list.count;
  if (edb_vec_push(model->ctx, &model->rules, rule)) return EDB_OK;
  return edb_fail_memory(error, sizeof rule, "a rule");
}

edb_status edb_model_add_read(edb_model *model, const char *reader, const char *rule,
                              edb_error *error) {
  EDB_REQUIRE(error, model, reader, rule);
  edb_lexer lexer;
  EDB_FAIL_IF(strlen(reader) > EDB_NAME_MAX, error, EDB_ERROR_NAME,
              "the name of a reader is longer than %d bytes", EDB_NAME_MAX);
  EDB_TRY(edb_lexer_init(&lexer, model->ctx, rule, strlen(rule), "rule", false, error));
  edb_named named = {.text = reader, .length = strlen(reader)};
  size_t before = model->rules.length;
  EDB_TRY(edb_read_rule_parse(model, named, &lexer, error));
  if (lexer.token.kind == EDB_TOKEN_END) return EDB_OK;
  model->rules.length = before;
  return edb_lexer_unexpected(&lexer, error, "the end of the rule");
}
