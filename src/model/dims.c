/* model/dims.c: dimension expressions: parsed to postfix by precedence with explicit, bounded
 * stacks, evaluated with every overflow checked. */
#include "model/dims.h"

#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define NESTING_MAX 32
#define CODE_MAX    256
#define TEXT_MAX    1024

/* The state of one parse. `code` needs a stack of at most NESTING_MAX * 2 + 1 to evaluate, since an
 * operator waits only for one operand per level of precedence and bracket. */
typedef struct parse {
  edb_model *model;
  edb_lexer *lexer;
  edb_error *error;
  edb_dim_code code[CODE_MAX];
  uint32_t length;
  char waiting[NESTING_MAX * 3 + 2]; /* operators and brackets */
  uint32_t n_waiting;
  uint32_t nesting;
  char text[TEXT_MAX];
  uint32_t text_length;
} parse;

static edb_status fail_limit(const parse *p, const char *limit) {
  return edb_lexer_fail(p->lexer, &p->lexer->token, p->error, EDB_ERROR_LIMIT,
                        "a dimension expression has more than %s", limit);
}

static edb_status emit(parse *p, edb_dim_kind kind, int64_t value) {
  if (p->length == CODE_MAX) return fail_limit(p, "256 terms and operators");
  p->code[p->length++] = (edb_dim_code){kind, value};
  return EDB_OK;
}

/* Takes the current token into the canonical text and goes on. */
static edb_status take(parse *p) {
  const edb_token *token = &p->lexer->token;
  if (token->length >= TEXT_MAX - p->text_length) return fail_limit(p, "1023 characters");
  memcpy(p->text + p->text_length, token->text, token->length);
  p->text_length += token->length;
  return edb_lexer_next(p->lexer, p->error);
}

static edb_status fail_name(const parse *p, bool constants_only) {
  const edb_model *model = p->model;
  const edb_token *token = &p->lexer->token;
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, token->text, token->length);
  for (size_t i = 0; i < model->constants.length; i++) {
    edb_suggest(&suggestion, model->constants.data[i].name);
  }
  for (size_t i = 0; i < model->vocabs.length && !constants_only; i++) {
    edb_suggest(&suggestion, model->vocabs.data[i].name);
  }
  return edb_lexer_fail(p->lexer, token, p->error, EDB_ERROR_NAME, "\"%.*s\" is not a constant%s%s",
                        token->length > EDB_NAME_MAX ? EDB_NAME_MAX : (int)token->length,
                        token->text, constants_only ? "" : " or a vocabulary",
                        edb_suggest_text(&suggestion, buffer, sizeof buffer));
}

static edb_status read_operand(parse *p, bool constants_only) {
  const edb_token *token = &p->lexer->token;
  if (token->kind == EDB_TOKEN_NUMBER) {
    int64_t value = 0;
    EDB_TRY(edb_token_integer(p->lexer, token, &value, p->error));
    EDB_TRY(emit(p, EDB_DIM_INTEGER, value));
    return take(p);
  }
  if (token->kind != EDB_TOKEN_NAME) {
    return edb_lexer_unexpected(p->lexer, p->error, "a whole number, a constant or \"(\"");
  }
  uint32_t known = edb_map_get(&p->model->names, token->text, token->length);
  bool constant = known != EDB_MAP_NONE && EDB_NAME_KIND(known) == EDB_NAME_CONSTANT;
  bool vocab = known != EDB_MAP_NONE && EDB_NAME_KIND(known) == EDB_NAME_VOCAB;
  if (!constant && (!vocab || constants_only)) return fail_name(p, constants_only);
  EDB_TRY(emit(p, constant ? EDB_DIM_CONSTANT : EDB_DIM_VOCAB, EDB_NAME_NUMBER(known)));
  return take(p);
}

static int precedence(char mark) {
  return mark == '*' ? 2 : mark == '+' || mark == '-' ? 1 : 0;
}

/* Emits the waiting operators that bind at least as tightly as `level`. */
static edb_status reduce(parse *p, int level) {
  while (p->n_waiting > 0 && precedence(p->waiting[p->n_waiting - 1]) >= level) {
    char mark = p->waiting[--p->n_waiting];
    EDB_TRY(emit(p, mark == '*' ? EDB_DIM_MUL : mark == '+' ? EDB_DIM_ADD : EDB_DIM_SUB, 0));
  }
  return EDB_OK;
}

static edb_status open_bracket(parse *p) {
  if (p->nesting == NESTING_MAX) return fail_limit(p, "32 nested parentheses");
  p->nesting++;
  p->waiting[p->n_waiting++] = '(';
  return take(p);
}

/* operand := `(` ... | number | name;  after one: `)` ... then an operator or the end. Between two
 * brackets at most one `*` and one `+` or `-` wait, hence the size of `waiting`. */
static edb_status parse_tokens(parse *p, bool constants_only) {
  for (;;) {
    while (edb_lexer_at(p->lexer, '(')) EDB_TRY(open_bracket(p));
    EDB_TRY(read_operand(p, constants_only));
    while (p->nesting > 0 && edb_lexer_at(p->lexer, ')')) {
      EDB_TRY(reduce(p, 1));
      p->n_waiting--;
      p->nesting--;
      EDB_TRY(take(p));
    }
    const edb_token *token = &p->lexer->token;
    if (token->kind != EDB_TOKEN_MARK || precedence(token->text[0]) == 0) break;
    char mark = token->text[0];
    EDB_TRY(reduce(p, precedence(mark)));
    p->waiting[p->n_waiting++] = mark;
    EDB_TRY(take(p));
  }
  if (p->nesting > 0) return edb_lexer_unexpected(p->lexer, p->error, "\")\"");
  return reduce(p, 1);
}

static edb_status store(edb_model *model, const edb_dim_code *code, uint32_t length,
                        const char *text, size_t text_length, edb_dim *out, edb_error *error) {
  edb_dim_code *copy = edb_arena_alloc(&model->arena, length * sizeof *copy);
  const char *written = edb_arena_strdup(&model->arena, text, text_length);
  if (!copy || !written) return edb_fail_memory(error, length * sizeof *copy, "a dimension");
  memcpy(copy, code, length * sizeof *copy);
  *out = (edb_dim){.code = copy, .length = length, .text = written};
  return EDB_OK;
}

edb_status edb_dim_parse(edb_model *model, edb_lexer *lexer, bool constants_only, edb_dim *out,
                         edb_error *error) {
  parse p;
  p.model = model;
  p.lexer = lexer;
  p.error = error;
  p.length = p.n_waiting = p.nesting = p.text_length = 0;
  edb_token first = lexer->token;
  EDB_TRY(parse_tokens(&p, constants_only));
  EDB_TRY(store(model, p.code, p.length, p.text, p.text_length, out, error));
  out->line = first.line;
  out->column = first.column;
  return EDB_OK;
}

edb_status edb_dims_parse(edb_model *model, edb_lexer *lexer, char close, edb_dims *out,
                          edb_error *error) {
  edb_dims dims = {0};
  bool ends = close ? edb_lexer_at(lexer, close) : lexer->token.kind == EDB_TOKEN_END;
  while (!ends) {
    if (dims.rank == 3) {
      return edb_lexer_fail(lexer, &lexer->token, error, EDB_ERROR_FORMAT,
                            "a shape has at most 3 dimensions");
    }
    EDB_TRY(edb_dim_parse(model, lexer, false, &dims.dim[dims.rank++], error));
    if (!edb_lexer_at(lexer, ',')) break;
    EDB_TRY(edb_lexer_next(lexer, error));
  }
  if (close) {
    EDB_TRY(edb_lexer_expect(lexer, close, "after the dimensions", error));
  } else if (lexer->token.kind != EDB_TOKEN_END) {
    return edb_lexer_unexpected(lexer, error, "the end of the dimensions");
  }
  *out = dims;
  return EDB_OK;
}

edb_status edb_dim_integer(edb_model *model, int64_t value, edb_dim *out, edb_error *error) {
  char text[32];
  int length = snprintf(text, sizeof text, "%lld", (long long)value);
  edb_dim_code code = {EDB_DIM_INTEGER, value};
  return store(model, &code, 1, text, (size_t)length, out, error);
}

static bool apply(edb_dim_kind kind, int64_t a, int64_t b, int64_t *out) {
  if (kind == EDB_DIM_ADD) return !__builtin_add_overflow(a, b, out);
  if (kind == EDB_DIM_SUB) return !__builtin_sub_overflow(a, b, out);
  return !__builtin_mul_overflow(a, b, out);
}

static int64_t leaf_value(const edb_model *model, edb_dim_code code, uint32_t empty_size) {
  if (code.kind == EDB_DIM_CONSTANT) return model->constants.data[code.value].value;
  if (code.kind != EDB_DIM_VOCAB) return code.value;
  uint32_t size = model->vocabs.data[code.value].size;
  return size ? size : empty_size;
}

edb_status edb_dim_value(const edb_model *model, const edb_dim *dim, uint32_t empty_size,
                         int64_t *out, edb_error *error) {
  int64_t stack[NESTING_MAX * 3 + 3];
  uint32_t depth = 0;
  for (uint32_t i = 0; i < dim->length; i++) {
    edb_dim_code code = dim->code[i];
    if (code.kind < EDB_DIM_ADD) {
      EDB_ASSERT(depth < sizeof stack / sizeof stack[0]);
      stack[depth++] = leaf_value(model, code, empty_size);
      continue;
    }
    EDB_ASSERT(depth >= 2);
    depth--;
    if (!apply(code.kind, stack[depth - 1], stack[depth], &stack[depth - 1])) {
      return edb_fail_at(error, EDB_ERROR_LIMIT, model->file, dim->line, dim->column,
                         "\"%.200s\" does not fit in 64 bits", dim->text);
    }
  }
  EDB_ASSERT(depth == 1);
  *out = stack[0];
  return EDB_OK;
}

edb_status edb_dim_range(const edb_model *model, const edb_dim *dim, int64_t low, int64_t high,
                         const char *what, uint32_t *out, edb_error *error) {
  int64_t value = 0;
  EDB_TRY(edb_dim_value(model, dim, 1, &value, error));
  if (value < low || value > high) {
    return edb_fail_at(error, EDB_ERROR_LIMIT, model->file, dim->line, dim->column,
                       "%s must be from %lld to %lld; \"%.200s\" is %lld", what, (long long)low,
                       (long long)high, dim->text, (long long)value);
  }
  *out = (uint32_t)value;
  return EDB_OK;
}

edb_status edb_dims_shape(const edb_model *model, const edb_dims *dims, uint64_t max_elements,
                          edb_shape *out, edb_error *error) {
  edb_shape shape = {.rank = dims->rank, .dim = {1, 1, 1}};
  uint64_t elements = 1;
  for (uint32_t axis = 0; axis < dims->rank; axis++) {
    const edb_dim *dim = &dims->dim[axis];
    EDB_TRY(edb_dim_range(model, dim, 1, EDB_DIM_MAX, "a dimension", &shape.dim[axis], error));
    if (elements > max_elements / shape.dim[axis]) {
      return edb_fail_at(error, EDB_ERROR_LIMIT, model->file, dim->line, dim->column,
                         "a shape with more than %llu elements", (unsigned long long)max_elements);
    }
    elements *= shape.dim[axis];
  }
  *out = shape;
  return EDB_OK;
}

uint32_t edb_dim_vocab(const edb_dim *dim) {
  return dim->length == 1 && dim->code[0].kind == EDB_DIM_VOCAB ? (uint32_t)dim->code[0].value
                                                                : UINT32_MAX;
}
