/* model/expression.c: expressions of the .edb language, by precedence climbing.
 *
 *     loosest   a + b   a - b          left to right
 *               a * b   a / b          left to right
 *               -a
 *     tightest  W @ x                  left to right
 *               x[i]  x[from:to]  f(a, b)  (a)  [a; b]  number  name */
#include <string.h>

#include "model/parser.h"

/* A bound on the recursion below: expressions nest, input must not decide how deeply. */
#define NESTING_MAX   200
#define LOOKAHEAD_MAX 1024

enum { LEVEL_SUM = 1, LEVEL_TERM, LEVEL_NEGATION, LEVEL_PRODUCT, LEVEL_OPERAND };

static edb_status parse_level(edb_parser *p, int lowest, edb_expr *out);

static edb_status next(edb_parser *p) {
  return edb_lexer_next(&p->lexer, p->error);
}

edb_status edb_parse_cell_status(edb_parser *p) {
  if (!edb_cell_failed(p->cell)) return EDB_OK;
  if (p->error) *p->error = p->cell->failure;
  return p->cell->failure.status;
}

static void at_token(edb_parser *p, const edb_token *token) {
  edb_cell_at(p->cell, token->line, token->column);
}

static edb_status apply(edb_parser *p, const edb_token *at, edb_op_kind kind,
                        const edb_expr *operands, uint32_t n_operands, const edb_dim *dims,
                        uint32_t n_dims, double rate, edb_expr *out) {
  at_token(p, at);
  *out = edb_cell_add_op(p->cell, kind, operands, n_operands, dims, n_dims, rate);
  return edb_parse_cell_status(p);
}

static edb_status push_argument(edb_parser *p) {
  edb_expr value = EDB_EXPR_NONE;
  EDB_TRY(parse_level(p, LEVEL_SUM, &value));
  if (edb_vec_push(p->model->ctx, &p->args, value)) return EDB_OK;
  return edb_fail_memory(p->error, sizeof value, "an expression");
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static edb_status expect_comma(edb_parser *p, const char *after) {
  return edb_lexer_expect(&p->lexer, ',', after, p->error);
}

/* What follows the operands of an operator with immediates, up to the closing parenthesis:
 * dropout(x, 0.5)  broadcast(v, n)  slice(x, from, to)  reshape(x, [rows, columns]) */
static edb_status parse_immediates(edb_parser *p, edb_op_kind kind, edb_dims *dims, double *rate) {
  dims->rank = 0;
  EDB_TRY(expect_comma(p, "before the immediates of the operator"));
  if (kind == EDB_OP_DROPOUT) {
    edb_token number = p->lexer.token;
    if (number.kind != EDB_TOKEN_NUMBER) {
      return edb_lexer_unexpected(&p->lexer, p->error, "the rate of dropout, a number");
    }
    EDB_TRY(edb_token_number(&p->lexer, &number, rate, p->error));
    return next(p);
  }
  if (kind == EDB_OP_RESHAPE) {
    EDB_TRY(edb_lexer_expect(&p->lexer, '[', "before the new dimensions", p->error));
    return edb_dims_parse(p->model, &p->lexer, ']', dims, p->error);
  }
  for (;;) {
    EDB_TRY(edb_dim_parse(p->model, &p->lexer, false, &dims->dim[dims->rank++], p->error));
    if (dims->rank == 2 || !edb_lexer_at(&p->lexer, ',')) return EDB_OK;
    EDB_TRY(next(p));
  }
}

static bool has_immediates(edb_op_kind kind) {
  return kind != EDB_OP_COUNT && edb_op_get(kind)->n_immediates > 0;
}

/* At the token after "name(". */
static edb_status parse_call(edb_parser *p, const edb_token *name, edb_expr *out) {
  size_t base = p->args.length;
  edb_dims dims = {0};
  double rate = 0;
  edb_op_kind kind = EDB_OP_COUNT;
  while (!edb_lexer_at(&p->lexer, ')')) {
    if (p->args.length > base) EDB_TRY(expect_comma(p, "or \")\" after an operand"));
    EDB_TRY(push_argument(p));
    at_token(p, name);
    kind = edb_cell_op_kind(p->cell, name->text, name->length, p->args.data + base,
                            (uint32_t)(p->args.length - base));
    EDB_TRY(edb_parse_cell_status(p));
    if (!has_immediates(kind)) continue;
    EDB_TRY(parse_immediates(p, kind, &dims, &rate));
    break;
  }
  EDB_TRY(edb_lexer_expect(&p->lexer, ')', "after the operands", p->error));
  uint32_t count = (uint32_t)(p->args.length - base);
  at_token(p, name);
  if (count == 0) kind = edb_cell_op_kind(p->cell, name->text, name->length, NULL, 0);
  EDB_TRY(edb_parse_cell_status(p));
  EDB_TRY(apply(p, name, kind, p->args.data + base, count, dims.dim, dims.rank, rate, out));
  p->args.length = base;
  return EDB_OK;
}

/* At the token after "[". */
static edb_status parse_concat(edb_parser *p, const edb_token *bracket, edb_expr *out) {
  size_t base = p->args.length;
  EDB_TRY(push_argument(p));
  while (edb_lexer_at(&p->lexer, ';')) {
    EDB_TRY(next(p));
    EDB_TRY(push_argument(p));
  }
  EDB_TRY(edb_lexer_expect(&p->lexer, ']', "or \";\" in a concatenation", p->error));
  EDB_TRY(apply(p, bracket, EDB_OP_CONCAT, p->args.data + base, (uint32_t)(p->args.length - base),
                NULL, 0, 0, out));
  p->args.length = base;
  return EDB_OK;
}

/* ---- Operands -------------------------------------------------------------------------------- */

static edb_status parse_primary(edb_parser *p, edb_expr *out) {
  edb_token token = p->lexer.token;
  if (token.kind == EDB_TOKEN_NUMBER) {
    double value = 0;
    EDB_TRY(edb_token_number(&p->lexer, &token, &value, p->error));
    *out = edb_cell_number(p->cell, value);
    EDB_TRY(edb_parse_cell_status(p));
    return next(p);
  }
  if (token.kind == EDB_TOKEN_NAME) {
    EDB_TRY(next(p));
    if (edb_lexer_at(&p->lexer, '(')) {
      EDB_TRY(next(p));
      return parse_call(p, &token, out);
    }
    at_token(p, &token);
    *out = edb_cell_find(p->cell, token.text, token.length);
    return edb_parse_cell_status(p);
  }
  if (edb_lexer_at(&p->lexer, '(')) {
    EDB_TRY(next(p));
    EDB_TRY(parse_level(p, LEVEL_SUM, out));
    return edb_lexer_expect(&p->lexer, ')', "after the expression", p->error);
  }
  if (edb_lexer_at(&p->lexer, '[')) {
    EDB_TRY(next(p));
    return parse_concat(p, &token, out);
  }
  return edb_lexer_unexpected(&p->lexer, p->error, "a value");
}

/* After "[": whether a dimension and then ":" follow, so that this is a slice and not an index.
 * Looks no further than a dimension can reach. */
static bool slice_follows(const edb_parser *p) {
  edb_lexer ahead = p->lexer;
  edb_error ignored;
  for (uint32_t i = 0; i < LOOKAHEAD_MAX; i++) {
    const edb_token *token = &ahead.token;
    if (edb_lexer_at(&ahead, ':')) return true;
    bool dimension = token->kind == EDB_TOKEN_NAME || token->kind == EDB_TOKEN_NUMBER ||
                     (token->kind == EDB_TOKEN_MARK && strchr("()+-*", token->text[0]));
    if (!dimension || edb_lexer_next(&ahead, &ignored) != EDB_OK) return false;
  }
  return false;
}

/* At the token after "[" behind a value: x[from:to] or E[i]. */
static edb_status parse_bracket(edb_parser *p, const edb_token *bracket, edb_expr *value) {
  if (slice_follows(p)) {
    edb_dim ends[2];
    EDB_TRY(edb_dim_parse(p->model, &p->lexer, false, &ends[0], p->error));
    EDB_TRY(edb_lexer_expect(&p->lexer, ':', "between the ends of a slice", p->error));
    EDB_TRY(edb_dim_parse(p->model, &p->lexer, false, &ends[1], p->error));
    EDB_TRY(edb_lexer_expect(&p->lexer, ']', "after the slice", p->error));
    return apply(p, bracket, EDB_OP_SLICE, value, 1, ends, 2, 0, value);
  }
  edb_expr operands[2] = {*value, EDB_EXPR_NONE};
  EDB_TRY(parse_level(p, LEVEL_SUM, &operands[1]));
  EDB_TRY(edb_lexer_expect(&p->lexer, ']', "after the index", p->error));
  return apply(p, bracket, EDB_OP_LOOKUP, operands, 2, NULL, 0, 0, value);
}

static edb_status parse_operand(edb_parser *p, edb_expr *out) {
  EDB_TRY(parse_primary(p, out));
  while (edb_lexer_at(&p->lexer, '[')) {
    edb_token bracket = p->lexer.token;
    EDB_TRY(next(p));
    EDB_TRY(parse_bracket(p, &bracket, out));
  }
  return EDB_OK;
}

/* ---- Operators between operands -------------------------------------------------------------- */

static int level_of(const edb_token *token, edb_op_kind *kind) {
  if (token->kind != EDB_TOKEN_MARK) return 0;
  switch (token->text[0]) {
  case '+':
    *kind = EDB_OP_ADD;
    return LEVEL_SUM;
  case '-':
    *kind = EDB_OP_SUB;
    return LEVEL_SUM;
  case '*':
    *kind = EDB_OP_MUL;
    return LEVEL_TERM;
  case '/':
    *kind = EDB_OP_DIV;
    return LEVEL_TERM;
  case '@':
    *kind = EDB_OP_PRODUCT;
    return LEVEL_PRODUCT;
  default:
    return 0;
  }
}

/* At "-": a negative literal, or the negation of what follows. */
static edb_status parse_negation(edb_parser *p, edb_expr *out) {
  edb_token minus = p->lexer.token;
  EDB_TRY(next(p));
  edb_token token = p->lexer.token;
  if (token.kind == EDB_TOKEN_NUMBER) {
    double value = 0;
    EDB_TRY(edb_token_number(&p->lexer, &token, &value, p->error));
    *out = edb_cell_number(p->cell, -value);
    EDB_TRY(edb_parse_cell_status(p));
    return next(p);
  }
  edb_expr operand = EDB_EXPR_NONE;
  EDB_TRY(parse_level(p, LEVEL_NEGATION, &operand));
  return apply(p, &minus, EDB_OP_NEG, &operand, 1, NULL, 0, 0, out);
}

/* Everything that binds at least as tightly as `lowest`. */
static edb_status parse_level(edb_parser *p, int lowest, edb_expr *out) {
  if (p->depth == NESTING_MAX) {
    return edb_lexer_fail(&p->lexer, &p->lexer.token, p->error, EDB_ERROR_LIMIT,
                          "the expression nests more than %d deep; give a part of it a name",
                          NESTING_MAX);
  }
  p->depth++;
  bool negated = lowest <= LEVEL_NEGATION && edb_lexer_at(&p->lexer, '-');
  EDB_TRY(negated ? parse_negation(p, out) : parse_operand(p, out));
  edb_op_kind kind;
  for (;;) {
    edb_token token = p->lexer.token;
    int level = level_of(&token, &kind);
    if (level == 0 || level < lowest) break;
    EDB_TRY(next(p));
    edb_expr operands[2] = {*out, EDB_EXPR_NONE};
    EDB_TRY(parse_level(p, level + 1, &operands[1]));
    EDB_TRY(apply(p, &token, kind, operands, 2, NULL, 0, 0, out));
  }
  p->depth--;
  return EDB_OK;
}

edb_status edb_parse_expression(edb_parser *p, edb_expr *out) {
  p->depth = 0;
  p->args.length = 0;
  return parse_level(p, LEVEL_SUM, out);
}
