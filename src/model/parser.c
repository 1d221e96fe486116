/* model/parser.c: a model file, line by line: declarations, cells, read sections. Grammar in
 * docs/model-file.md. */
#include "model/parser.h"

#include <string.h>

static edb_named named(const edb_token *token) {
  return (edb_named){
      .text = token->text, .length = token->length, .line = token->line, .column = token->column};
}

static edb_status next(edb_parser *p) {
  return edb_lexer_next(&p->lexer, p->error);
}

static edb_status expect(edb_parser *p, char mark, const char *after) {
  return edb_lexer_expect(&p->lexer, mark, after, p->error);
}

/* ---- Declarations ---------------------------------------------------------------------------- */

/* NAME = value */
static edb_status parse_constant(edb_parser *p) {
  edb_token name;
  edb_dim value;
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of a constant", &name, p->error));
  EDB_TRY(expect(p, '=', "after the name of a constant"));
  EDB_TRY(edb_const_parse(p->model, &p->lexer, &value, p->error));
  return edb_declare_constant(p->model, named(&name), &value, p->error);
}

/* NAME */
static edb_status parse_vocab(edb_parser *p) {
  edb_token name;
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of a vocabulary", &name, p->error));
  return edb_declare_vocab(p->model, named(&name), p->error);
}

/* NAME [dimensions] [= initialiser] */
static edb_status parse_param(edb_parser *p) {
  edb_token name;
  edb_dims dims = {0};
  edb_init init = {.kind = EDB_INIT_DEFAULT};
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of a parameter", &name, p->error));
  EDB_TRY(expect(p, '[', "after the name of a parameter"));
  EDB_TRY(edb_dims_parse(p->model, &p->lexer, ']', &dims, p->error));
  if (edb_lexer_at(&p->lexer, '=')) {
    EDB_TRY(next(p));
    EDB_TRY(edb_init_parse(&p->lexer, &init, p->error));
  }
  return edb_declare_param(p->model, named(&name), &dims, init, p->error);
}

/* One or more, separated by commas, to the end of the line. */
static edb_status parse_list(edb_parser *p, edb_status (*parse_one)(edb_parser *)) {
  for (;;) {
    EDB_TRY(parse_one(p));
    if (!edb_lexer_at(&p->lexer, ',')) break;
    EDB_TRY(next(p));
  }
  return edb_lexer_end_line(&p->lexer, "or \",\" after a declaration", p->error);
}

/* ---- Heads of cells -------------------------------------------------------------------------- */

/* After "NAME:": `index` bound, or `dense` [dimensions]. */
static edb_status parse_attribute(edb_parser *p, const edb_token *name) {
  if (edb_lexer_at_word(&p->lexer, "index")) {
    edb_dim bound;
    EDB_TRY(next(p));
    EDB_TRY(edb_dim_parse(p->model, &p->lexer, false, &bound, p->error));
    edb_cell_at(p->cell, name->line, name->column);
    (void)edb_cell_add_index(p->cell, name->text, name->length, &bound);
    return edb_parse_cell_status(p);
  }
  if (!edb_lexer_at_word(&p->lexer, "dense")) {
    return edb_lexer_unexpected(&p->lexer, p->error, "\"index\" or \"dense\"");
  }
  edb_dims dims = {0};
  EDB_TRY(next(p));
  if (edb_lexer_at(&p->lexer, '[')) {
    EDB_TRY(next(p));
    EDB_TRY(edb_dims_parse(p->model, &p->lexer, ']', &dims, p->error));
  }
  edb_cell_at(p->cell, name->line, name->column);
  (void)edb_cell_add_input(p->cell, EDB_INPUT_DENSE, name->text, name->length, &dims);
  return edb_parse_cell_status(p);
}

/* NAME, NAME[dimensions], NAME[dimensions]..., NAME: attribute */
static edb_status parse_argument(edb_parser *p) {
  edb_token name;
  edb_dims dims = {0};
  edb_input_kind kind = EDB_INPUT_PLAIN;
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of an input or \")\"", &name, p->error));
  if (edb_lexer_at(&p->lexer, ':')) {
    EDB_TRY(next(p));
    return parse_attribute(p, &name);
  }
  if (edb_lexer_at(&p->lexer, '[')) {
    EDB_TRY(next(p));
    EDB_TRY(edb_dims_parse(p->model, &p->lexer, ']', &dims, p->error));
  }
  if (p->lexer.token.kind == EDB_TOKEN_ELLIPSIS) {
    kind = EDB_INPUT_VARIADIC;
    EDB_TRY(next(p));
  }
  edb_cell_at(p->cell, name.line, name.column);
  (void)edb_cell_add_input(p->cell, kind, name.text, name.length, &dims);
  return edb_parse_cell_status(p);
}

static edb_status parse_arguments(edb_parser *p) {
  EDB_TRY(expect(p, '(', "after the name of a cell"));
  while (!edb_lexer_at(&p->lexer, ')')) {
    EDB_TRY(parse_argument(p));
    if (!edb_lexer_at(&p->lexer, ',')) break;
    EDB_TRY(next(p));
  }
  return expect(p, ')', "or \",\" after an input");
}

/* NAME, NAME[dimensions] or NAME[...], which leaves the shape open; kept until the body has been
 * read. */
static edb_status parse_output(edb_parser *p) {
  edb_token name;
  edb_dims dims = {0};
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of an output or \")\"", &name, p->error));
  if (edb_lexer_at(&p->lexer, '[')) {
    EDB_TRY(next(p));
    if (p->lexer.token.kind == EDB_TOKEN_ELLIPSIS) {
      dims.rank = EDB_DIMS_UNDECLARED;
      EDB_TRY(next(p));
      EDB_TRY(expect(p, ']', "after \"...\""));
    } else {
      EDB_TRY(edb_dims_parse(p->model, &p->lexer, ']', &dims, p->error));
    }
  }
  if (dims.rank == 0 || dims.rank == EDB_DIMS_UNDECLARED) { /* errors need a position */
    dims.dim[0].line = name.line;
    dims.dim[0].column = name.column;
  }
  if (!edb_vec_push(p->model->ctx, &p->output_dims, dims) ||
      !edb_vec_push(p->model->ctx, &p->output_tokens, name)) {
    return edb_fail_memory(p->error, sizeof dims + sizeof name, "an output");
  }
  return EDB_OK;
}

static edb_status parse_outputs(edb_parser *p) {
  p->output_dims.length = p->output_tokens.length = 0;
  if (p->lexer.token.kind != EDB_TOKEN_ARROW) {
    return edb_lexer_unexpected(&p->lexer, p->error, "\"->\" and the outputs of the cell");
  }
  EDB_TRY(next(p));
  EDB_TRY(expect(p, '(', "before the outputs"));
  while (!edb_lexer_at(&p->lexer, ')')) {
    EDB_TRY(parse_output(p));
    if (!edb_lexer_at(&p->lexer, ',')) break;
    EDB_TRY(next(p));
  }
  return expect(p, ')', "or \",\" after an output");
}

/* ---- Bodies of cells ------------------------------------------------------------------------- */

/* NAME = expression */
static edb_status parse_line(edb_parser *p) {
  edb_token name;
  edb_expr value = EDB_EXPR_NONE;
  EDB_TRY(edb_lexer_name(&p->lexer, "a line of the form \"name = expression\"", &name, p->error));
  EDB_TRY(expect(p, '=', "after the name of a value"));
  EDB_TRY(edb_parse_expression(p, &value));
  edb_cell_at(p->cell, name.line, name.column);
  (void)edb_cell_add_name(p->cell, value, name.text, name.length);
  EDB_TRY(edb_parse_cell_status(p));
  return edb_lexer_end_line(&p->lexer, "after an expression", p->error);
}

static edb_status add_outputs(edb_parser *p) {
  for (size_t i = 0; i < p->output_tokens.length; i++) {
    const edb_token *name = &p->output_tokens.data[i];
    edb_cell_at(p->cell, name->line, name->column);
    edb_expr value = edb_cell_find(p->cell, name->text, name->length);
    edb_cell_add_output(p->cell, value, name->text, name->length, &p->output_dims.data[i]);
    EDB_TRY(edb_parse_cell_status(p));
  }
  return EDB_OK;
}

static edb_status parse_cell_rest(edb_parser *p) {
  EDB_TRY(parse_arguments(p));
  EDB_TRY(parse_outputs(p));
  EDB_TRY(expect(p, ':', "after the head of a cell"));
  EDB_TRY(edb_lexer_end_line(&p->lexer, "after the head of a cell", p->error));
  while (p->lexer.token.indented && p->lexer.token.kind != EDB_TOKEN_END) EDB_TRY(parse_line(p));
  return add_outputs(p);
}

/* cell NAME(arguments) -> (outputs):  and indented lines */
static edb_status parse_cell(edb_parser *p) {
  edb_token name;
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of a cell", &name, p->error));
  EDB_TRY(edb_cell_open(p->model, named(&name), &p->cell, p->error));
  edb_status status = parse_cell_rest(p);
  if (status == EDB_OK) return edb_cell_end(p->cell, p->error);
  edb_cell_discard(p->cell);
  return status;
}

/* ---- Read sections --------------------------------------------------------------------------- */

/* read NAME:  and indented rules */
static edb_status parse_read(edb_parser *p) {
  edb_token name;
  EDB_TRY(edb_lexer_name(&p->lexer, "the name of a reader", &name, p->error));
  EDB_TRY(expect(p, ':', "after the name of a reader"));
  EDB_TRY(edb_lexer_end_line(&p->lexer, "after the name of a reader", p->error));
  if (!p->lexer.token.indented || p->lexer.token.kind == EDB_TOKEN_END) {
    return edb_lexer_unexpected(&p->lexer, p->error, "an indented rule of the reader");
  }
  while (p->lexer.token.indented && p->lexer.token.kind != EDB_TOKEN_END) {
    EDB_TRY(edb_read_rule_parse(p->model, named(&name), &p->lexer, p->error));
    EDB_TRY(edb_lexer_end_line(&p->lexer, "after a rule", p->error));
  }
  return EDB_OK;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static edb_status parse_statement(edb_parser *p) {
  static const struct {
    const char *word;
    edb_status (*parse)(edb_parser *);
    bool list;
  } statements[] = {{"const", parse_constant, true},
                    {"vocab", parse_vocab, true},
                    {"param", parse_param, true},
                    {"cell", parse_cell, false},
                    {"read", parse_read, false}};
  if (p->lexer.token.indented) {
    return edb_lexer_fail(&p->lexer, &p->lexer.token, p->error, EDB_ERROR_FORMAT,
                          "this line is indented and belongs to no cell or read section");
  }
  for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
    if (!edb_lexer_at_word(&p->lexer, statements[i].word)) continue;
    EDB_TRY(next(p));
    return statements[i].list ? parse_list(p, statements[i].parse) : statements[i].parse(p);
  }
  return edb_lexer_unexpected(&p->lexer, p->error, "const, vocab, param, cell or read");
}

/* Declarations, cells and read sections of a whole text into an empty model. */
static edb_status read_model(edb_model *model, edb_lexer *lexer, edb_error *error) {
  edb_parser p = {.model = model, .lexer = *lexer, .error = error};
  edb_status status = EDB_OK;
  while (status == EDB_OK && p.lexer.token.kind != EDB_TOKEN_END) status = parse_statement(&p);
  edb_vec_free(model->ctx, &p.args);
  edb_vec_free(model->ctx, &p.output_dims);
  edb_vec_free(model->ctx, &p.output_tokens);
  return status == EDB_OK ? edb_model_check_overrides(model, error) : status;
}

/* edb 1
 * model NAME */
static edb_status parse_head(edb_lexer *lexer, edb_token *name, edb_error *error) {
  int64_t version = 0;
  if (!edb_lexer_at_word(lexer, "edb")) {
    return edb_lexer_unexpected(lexer, error, "\"edb 1\", with which a model file begins");
  }
  EDB_TRY(edb_lexer_next(lexer, error));
  edb_token number = lexer->token;
  if (number.kind != EDB_TOKEN_NUMBER) {
    return edb_lexer_unexpected(lexer, error, "the version of the file, \"edb 1\"");
  }
  EDB_TRY(edb_token_integer(lexer, &number, &version, error));
  if (version != 1) {
    return edb_lexer_fail(lexer, &number, error, EDB_ERROR_UNSUPPORTED,
                          "the file has version %lld; this library reads version 1",
                          (long long)version);
  }
  EDB_TRY(edb_lexer_next(lexer, error));
  EDB_TRY(edb_lexer_end_line(lexer, "after the version", error));
  if (!edb_lexer_at_word(lexer, "model")) {
    return edb_lexer_unexpected(lexer, error, "\"model NAME\" after the version");
  }
  EDB_TRY(edb_lexer_next(lexer, error));
  EDB_TRY(edb_lexer_name(lexer, "the name of the model", name, error));
  edb_name_problem problem = edb_name_check(name->text, name->length);
  if (problem != EDB_NAME_FINE) {
    return edb_lexer_fail(lexer, name, error, EDB_ERROR_NAME, "the name \"%.*s\" %s",
                          edb_name_shown(name->length), name->text, edb_name_problem_text(problem));
  }
  return edb_lexer_end_line(lexer, "after the name of the model", error);
}

edb_status edb_model_parse(edb_context *ctx, const char *text, size_t bytes, const char *name,
                           const edb_model_params *params, edb_model **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, out);
  edb_lexer lexer;
  edb_token token = {0};
  EDB_FAIL_IF(!text && bytes, error, EDB_ERROR_ARGUMENT, "the text of a model is NULL");
  EDB_TRY(edb_lexer_init(&lexer, ctx, text ? text : "", bytes, name, true, error));
  EDB_TRY(parse_head(&lexer, &token, error));
  char model_name[EDB_NAME_MAX + 1] = {0};
  if (token.text) memcpy(model_name, token.text, token.length);
  edb_model *model = NULL;
  EDB_TRY(edb_model_create(ctx, model_name, params, &model, error));
  edb_status status = EDB_OK;
  if (name) {
    model->file = edb_arena_strdup(&model->arena, name, strlen(name));
    if (!model->file) status = edb_fail_memory(error, strlen(name) + 1, "the name of a file");
  }
  if (status == EDB_OK) status = read_model(model, &lexer, error);
  if (status != EDB_OK) {
    edb_model_destroy(model);
    return status;
  }
  *out = model;
  return EDB_OK;
}

edb_status edb_model_load(edb_context *ctx, const char *path, const edb_model_params *params,
                          edb_model **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, path, out);
  edb_file file;
  EDB_TRY(edb_file_open(ctx, path, &file, error));
  edb_status status = edb_model_parse(ctx, file.data, file.bytes, path, params, out, error);
  edb_file_close(&file);
  return status;
}
