/* model/declare.c: constants, vocabularies and parameters: the calls, and what the reader of model
 * files shares with them. */
#include <string.h>

#include "model/model.h"

/* The name must be one, and new; gives a copy of it. */
static edb_status take_name(edb_model *model, edb_named name, const char *what, size_t count,
                            const char **copy, edb_error *error) {
  EDB_TRY(edb_model_check_open(model, error));
  edb_name_problem problem = edb_name_check(name.text, name.length);
  if (problem != EDB_NAME_FINE) {
    return edb_fail_at(error, EDB_ERROR_NAME, model->file, name.line, name.column,
                       "%s: the name \"%.*s\" %s", what, edb_name_shown(name.length), name.text,
                       edb_name_problem_text(problem));
  }
  if (edb_map_get(&model->names, name.text, name.length) != EDB_MAP_NONE) {
    return edb_fail_at(error, EDB_ERROR_NAME, model->file, name.line, name.column,
                       "%s: the name \"%.*s\" is taken already", what, edb_name_shown(name.length),
                       name.text);
  }
  EDB_FAIL_IF(count >= EDB_DECLARATIONS_MAX, error, EDB_ERROR_LIMIT, "%s: there are too many",
              what);
  *copy = edb_arena_strdup(&model->arena, name.text, name.length);
  return *copy ? EDB_OK : edb_fail_memory(error, name.length + 1, what);
}

static edb_override *find_override(edb_model *model, const char *name) {
  edb_override *found = NULL;
  for (size_t i = 0; i < model->overrides.length; i++) {
    edb_override *o = &model->overrides.data[i];
    if (strcmp(o->name, name) != 0) continue;
    o->used = true;
    found = o; /* the last one counts */
  }
  return found;
}

edb_status edb_declare_constant(edb_model *model, edb_named name, const edb_dim *value,
                                edb_error *error) {
  edb_constant_decl constant = {.expression = *value};
  EDB_TRY(take_name(model, name, "constant", model->constants.length, &constant.name, error));
  const edb_override *set = find_override(model, constant.name);
  if (set) EDB_TRY(edb_dim_integer(model, set->value, &constant.expression, error));
  constant.given = set != NULL;
  EDB_TRY(edb_dim_value(model, &constant.expression, 1, &constant.value, error));
  uint32_t number = EDB_NAME_VALUE(EDB_NAME_CONSTANT, model->constants.length);
  if (!edb_vec_reserve(model->ctx, &model->constants, model->constants.length + 1) ||
      !edb_map_put(&model->names, name.text, name.length, number)) {
    return edb_fail_memory(error, sizeof constant, "a constant");
  }
  model->constants.data[model->constants.length++] = constant;
  return EDB_OK;
}

edb_status edb_declare_vocab(edb_model *model, edb_named name, edb_error *error) {
  edb_vocab vocab = {.size = 0};
  EDB_TRY(take_name(model, name, "vocabulary", model->vocabs.length, &vocab.name, error));
  edb_map_init(&vocab.words, model->ctx);
  uint32_t number = EDB_NAME_VALUE(EDB_NAME_VOCAB, model->vocabs.length);
  if (!edb_vec_reserve(model->ctx, &model->vocabs, model->vocabs.length + 1) ||
      !edb_map_put(&model->names, name.text, name.length, number)) {
    return edb_fail_memory(error, sizeof vocab, "a vocabulary");
  }
  model->vocabs.data[model->vocabs.length++] = vocab;
  return EDB_OK;
}

edb_status edb_declare_param(edb_model *model, edb_named name, const edb_dims *dims, edb_init init,
                             edb_error *error) {
  edb_param_decl decl = {.dims = *dims, .init = init};
  edb_ir_param param = {0};
  EDB_TRY(take_name(model, name, "parameter", model->params.length, &param.name, error));
  if (edb_map_get(&model->locals, name.text, name.length) != EDB_MAP_NONE) {
    return edb_fail_at(error, EDB_ERROR_NAME, model->file, name.line, name.column,
                       "parameter: \"%s\" is the name of a value in a cell above", param.name);
  }
  EDB_TRY(edb_dims_shape(model, dims, EDB_PARAM_ELEMENTS_MAX, &param.shape, error));
  uint64_t elements = model->param_elements;
  EDB_TRY(edb_param_count(model, param.shape, error));
  uint32_t number = EDB_NAME_VALUE(EDB_NAME_PARAM, model->params.length);
  if (!edb_vec_reserve(model->ctx, &model->params, model->params.length + 1) ||
      !edb_vec_reserve(model->ctx, &model->param_decls, model->params.length + 1) ||
      !edb_map_put(&model->names, name.text, name.length, number)) {
    model->param_elements = elements;
    edb_model_publish(model);
    return edb_fail_memory(error, sizeof param + sizeof decl, "a parameter");
  }
  model->params.data[model->params.length++] = param;
  model->param_decls.data[model->param_decls.length++] = decl;
  edb_model_publish(model);
  return EDB_OK;
}

edb_status edb_init_parse(edb_lexer *lexer, edb_init *out, edb_error *error) {
  edb_init init = {0};
  const edb_token *token = &lexer->token;
  bool known = token->kind == EDB_TOKEN_NAME &&
               edb_init_kind_from_name(token->text, token->length, &init.kind);
  if (!known || init.kind == EDB_INIT_DEFAULT) {
    return edb_lexer_unexpected(lexer, error,
                                "an initialiser: zeros, ones, uniform(a), normal(s) or glorot");
  }
  EDB_TRY(edb_lexer_next(lexer, error));
  if (edb_init_takes_argument(init.kind)) {
    EDB_TRY(edb_lexer_expect(lexer, '(', "after the initialiser", error));
    edb_token number = lexer->token;
    if (number.kind != EDB_TOKEN_NUMBER) return edb_lexer_unexpected(lexer, error, "a number");
    EDB_TRY(edb_token_number(lexer, &number, &init.a, error));
    EDB_TRY(edb_lexer_next(lexer, error));
    EDB_TRY(edb_lexer_expect(lexer, ')', "after the number", error));
  }
  *out = init;
  return EDB_OK;
}

/* ---- The calls ------------------------------------------------------------------------------- */

static edb_named call_name(const char *name) {
  return (edb_named){.text = name, .length = strlen(name)};
}

static edb_status piece(edb_model *model, edb_lexer *lexer, const char *text, const char *what,
                        edb_error *error) {
  return edb_lexer_init(lexer, model->ctx, text, strlen(text), what, false, error);
}

edb_status edb_model_add_constant(edb_model *model, const char *name, const char *value,
                                  edb_error *error) {
  EDB_REQUIRE(error, model, name, value);
  edb_lexer lexer;
  edb_dim dim;
  EDB_TRY(piece(model, &lexer, value, "value of a constant", error));
  EDB_TRY(edb_const_parse(model, &lexer, &dim, error));
  if (lexer.token.kind != EDB_TOKEN_END) {
    return edb_lexer_unexpected(&lexer, error, "the end of the value");
  }
  return edb_declare_constant(model, call_name(name), &dim, error);
}

/* An integer may have a sign here, and only here: sizes have none. */
edb_status edb_const_parse(edb_model *model, edb_lexer *lexer, edb_dim *out, edb_error *error) {
  if (!edb_lexer_at(lexer, '-')) return edb_dim_parse(model, lexer, true, out, error);
  EDB_TRY(edb_lexer_next(lexer, error));
  int64_t value = 0;
  if (lexer->token.kind != EDB_TOKEN_NUMBER) {
    return edb_lexer_unexpected(lexer, error, "a whole number after \"-\"");
  }
  EDB_TRY(edb_token_integer(lexer, &lexer->token, &value, error));
  EDB_TRY(edb_lexer_next(lexer, error));
  return edb_dim_integer(model, -value, out, error);
}

edb_status edb_model_add_vocab(edb_model *model, const char *name, edb_error *error) {
  EDB_REQUIRE(error, model, name);
  return edb_declare_vocab(model, call_name(name), error);
}

edb_status edb_model_add_param(edb_model *model, const char *name, const char *dims,
                               const char *init, edb_error *error) {
  EDB_REQUIRE(error, model, name, dims);
  edb_lexer lexer;
  edb_dims parsed;
  edb_init how = {.kind = EDB_INIT_DEFAULT};
  EDB_TRY(piece(model, &lexer, dims, "dimensions of a parameter", error));
  EDB_TRY(edb_dims_parse(model, &lexer, 0, &parsed, error));
  if (init) {
    EDB_TRY(piece(model, &lexer, init, "initialiser of a parameter", error));
    EDB_TRY(edb_init_parse(&lexer, &how, error));
    if (lexer.token.kind != EDB_TOKEN_END) {
      return edb_lexer_unexpected(&lexer, error, "the end of the initialiser");
    }
  }
  return edb_declare_param(model, call_name(name), &parsed, how, error);
}
