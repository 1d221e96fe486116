/* model/lexer.c: tokens of the .edb language. Lines matter outside brackets; blank lines and
 * comments never do. */
#include "model/lexer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)

static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static edb_status fail_byte(const edb_lexer *lexer, const char *at, edb_error *error,
                            const char *problem) {
  edb_token token = {.line = lexer->line,
                     .column = lexer->line ? (uint32_t)(at - lexer->line_start) + 1 : 0};
  return edb_lexer_fail(lexer, &token, error, EDB_ERROR_FORMAT, "byte 0x%02x %s",
                        (unsigned)(unsigned char)*at, problem);
}

/* One pass over the whole text, so that everything after it may take bytes for granted. */
static edb_status check_text(const edb_lexer *start, edb_error *error) {
  edb_lexer at = *start;
  while (at.cursor < at.end) {
    unsigned char c = (unsigned char)*at.cursor;
    if (c == '\n') {
      at.cursor++;
      at.line += at.line != 0;
      at.line_start = at.cursor;
      continue;
    }
    if (c == '\r' && (at.cursor + 1 == at.end || at.cursor[1] != '\n')) {
      return fail_byte(&at, at.cursor, error, "(carriage return) stands without a line feed");
    }
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
      return fail_byte(&at, at.cursor, error, "is a control character; a model file is text");
    }
    size_t length = c < 0x80 ? 1 : edb_utf8_length(at.cursor, at.end);
    if (length == 0) return fail_byte(&at, at.cursor, error, "is not valid UTF-8");
    at.cursor += length;
  }
  return EDB_OK;
}

edb_status edb_lexer_init(edb_lexer *lexer, edb_context *ctx, const char *text, size_t bytes,
                          const char *name, bool positions, edb_error *error) {
  EDB_FAIL_IF(bytes >= TEXT_BYTES_MAX, error, EDB_ERROR_LIMIT,
              "the text has %zu bytes, more than the %zu allowed", bytes, TEXT_BYTES_MAX - 1);
  bool mark = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
  const char *start = mark ? text + 3 : text;
  *lexer = (edb_lexer){.ctx = ctx,
                       .name = name,
                       .cursor = start,
                       .end = bytes ? text + bytes : start,
                       .line_start = start,
                       .line = positions ? 1 : 0};
  EDB_TRY(check_text(lexer, error));
  /* As if a comma stood before the text: no newline comes first. */
  lexer->token = (edb_token){.kind = EDB_TOKEN_MARK, .text = ",", .length = 1};
  return edb_lexer_next(lexer, error);
}

/* Skips spaces, comments and line ends; true when a line ended on the way. */
static bool skip_blank(edb_lexer *lexer) {
  bool ended = false;
  for (; lexer->cursor < lexer->end; lexer->cursor++) {
    char c = *lexer->cursor;
    if (c == '#') {
      const char *line_end = memchr(lexer->cursor, '\n', (size_t)(lexer->end - lexer->cursor));
      if (!line_end) {
        lexer->cursor = lexer->end;
        break;
      }
      lexer->cursor = line_end;
      c = '\n';
    }
    if (c == '\n') {
      ended = true;
      lexer->line += lexer->line != 0;
      lexer->line_start = lexer->cursor + 1;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      break;
    }
  }
  return ended;
}

static edb_token token_here(const edb_lexer *lexer, edb_token_kind kind, size_t length) {
  return (edb_token){.kind = kind,
                     .line = lexer->line,
                     .column = lexer->line ? (uint32_t)(lexer->cursor - lexer->line_start) + 1 : 0,
                     .text = lexer->cursor,
                     .length = (uint32_t)length,
                     .indented = lexer->line_indented};
}

static size_t name_length(const char *at, const char *end) {
  const char *c = at;
  while (c < end && (is_name_start(*c) || is_digit(*c))) c++;
  return (size_t)(c - at);
}

static const char *skip_digits(const char *at, const char *end) {
  while (at < end && is_digit(*at)) at++;
  return at;
}

/* digits [. digits] [e [+-] digits] */
static size_t number_length(const char *at, const char *end) {
  const char *c = skip_digits(at, end);
  if (c + 1 < end && *c == '.' && is_digit(c[1])) c = skip_digits(c + 1, end);
  if (c < end && (*c == 'e' || *c == 'E')) {
    const char *exponent = c + 1;
    if (exponent < end && (*exponent == '+' || *exponent == '-')) exponent++;
    if (exponent < end && is_digit(*exponent)) c = skip_digits(exponent, end);
  }
  return (size_t)(c - at);
}

static edb_status read_mark(edb_lexer *lexer, edb_token *token, edb_error *error) {
  const char *at = lexer->cursor;
  size_t left = (size_t)(lexer->end - at);
  if (left >= 2 && memcmp(at, "->", 2) == 0) {
    *token = token_here(lexer, EDB_TOKEN_ARROW, 2);
    return EDB_OK;
  }
  if (left >= 3 && memcmp(at, "...", 3) == 0) {
    *token = token_here(lexer, EDB_TOKEN_ELLIPSIS, 3);
    return EDB_OK;
  }
  *token = token_here(lexer, EDB_TOKEN_MARK, 1);
  if (!strchr("()[]:;,=+-*/@.", *at)) return fail_byte(lexer, at, error, "has no meaning here");
  if (*at == '(' || *at == '[') lexer->depth++;
  if ((*at == ')' || *at == ']') && lexer->depth > 0) lexer->depth--;
  return EDB_OK;
}

edb_status edb_lexer_next(edb_lexer *lexer, edb_error *error) {
  bool continues = lexer->depth > 0 || edb_lexer_at(lexer, ',');
  bool first = lexer->cursor == lexer->line_start;
  const char *before = lexer->cursor;
  uint32_t line = lexer->line;
  uint32_t column = line ? (uint32_t)(before - lexer->line_start) + 1 : 0;
  bool ended = skip_blank(lexer);
  if (ended || first) lexer->line_indented = lexer->cursor > lexer->line_start;
  if (ended && !continues && lexer->token.kind != EDB_TOKEN_NEWLINE) {
    lexer->token =
        (edb_token){.kind = EDB_TOKEN_NEWLINE, .line = line, .column = column, .text = before};
    return EDB_OK;
  }
  edb_token token = token_here(lexer, EDB_TOKEN_END, 0);
  if (lexer->cursor < lexer->end) {
    if (is_name_start(*lexer->cursor)) {
      token = token_here(lexer, EDB_TOKEN_NAME, name_length(lexer->cursor, lexer->end));
    } else if (is_digit(*lexer->cursor)) {
      token = token_here(lexer, EDB_TOKEN_NUMBER, number_length(lexer->cursor, lexer->end));
    } else {
      EDB_TRY(read_mark(lexer, &token, error));
    }
  }
  lexer->cursor += token.length;
  lexer->token = token;
  return EDB_OK;
}

bool edb_lexer_at(const edb_lexer *lexer, char mark) {
  return lexer->token.kind == EDB_TOKEN_MARK && lexer->token.text[0] == mark;
}

bool edb_lexer_at_word(const edb_lexer *lexer, const char *word) {
  const edb_token *token = &lexer->token;
  return token->kind == EDB_TOKEN_NAME && strlen(word) == token->length &&
         memcmp(word, token->text, token->length) == 0;
}

edb_status edb_lexer_fail(const edb_lexer *lexer, const edb_token *token, edb_error *error,
                          edb_status status, const char *format, ...) {
  char text[EDB_ERROR_TEXT_BYTES / 2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return edb_fail_at(error, status, lexer->name, token->line, token->column, "%s", text);
}

/* "`cell`", "the end of the line", ... */
static const char *describe(const edb_token *token, char *buffer, size_t bytes) {
  if (token->kind == EDB_TOKEN_END) return "the end of the text";
  if (token->kind == EDB_TOKEN_NEWLINE) return "the end of the line";
  int shown = token->length > 40 ? 40 : (int)token->length;
  snprintf(buffer, bytes, "\"%.*s%s\"", shown, token->text, token->length > 40 ? "..." : "");
  return buffer;
}

edb_status edb_lexer_unexpected(const edb_lexer *lexer, edb_error *error, const char *wanted) {
  char found[64];
  return edb_lexer_fail(lexer, &lexer->token, error, EDB_ERROR_FORMAT, "expected %s, found %s",
                        wanted, describe(&lexer->token, found, sizeof found));
}

edb_status edb_lexer_expect(edb_lexer *lexer, char mark, const char *after, edb_error *error) {
  if (edb_lexer_at(lexer, mark)) return edb_lexer_next(lexer, error);
  char wanted[128];
  snprintf(wanted, sizeof wanted, "\"%c\" %s", mark, after);
  return edb_lexer_unexpected(lexer, error, wanted);
}

edb_status edb_lexer_name(edb_lexer *lexer, const char *what, edb_token *out, edb_error *error) {
  if (lexer->token.kind != EDB_TOKEN_NAME) return edb_lexer_unexpected(lexer, error, what);
  *out = lexer->token;
  return edb_lexer_next(lexer, error);
}

edb_status edb_lexer_end_line(edb_lexer *lexer, const char *after, edb_error *error) {
  if (lexer->token.kind == EDB_TOKEN_END) return EDB_OK;
  if (lexer->token.kind == EDB_TOKEN_NEWLINE) return edb_lexer_next(lexer, error);
  char wanted[128];
  snprintf(wanted, sizeof wanted, "the end of the line %s", after);
  return edb_lexer_unexpected(lexer, error, wanted);
}

/* The grammar of numbers is JSON's (base/number.h), so 007 is not one. */
edb_status edb_token_number(const edb_lexer *lexer, const edb_token *token, double *out,
                            edb_error *error) {
  bool whole = edb_number_scan(token->text, token->length) == token->length;
  double value = whole ? edb_number_value(token->text, token->length) : NAN;
  if (!isfinite(value)) {
    return edb_lexer_fail(lexer, token, error, EDB_ERROR_FORMAT,
                          "\"%.*s\" is not a number that float64 can hold",
                          token->length > 40 ? 40 : (int)token->length, token->text);
  }
  *out = value;
  return EDB_OK;
}

edb_status edb_token_integer(const edb_lexer *lexer, const edb_token *token, int64_t *out,
                             edb_error *error) {
  int64_t value = 0;
  for (uint32_t i = 0; i < token->length; i++) {
    if (!is_digit(token->text[i])) {
      return edb_lexer_fail(lexer, token, error, EDB_ERROR_FORMAT,
                            "expected a whole number, found \"%.*s\"",
                            token->length > 40 ? 40 : (int)token->length, token->text);
    }
    if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
        __builtin_add_overflow(value, (int64_t)(token->text[i] - '0'), &value)) {
      return edb_lexer_fail(lexer, token, error, EDB_ERROR_LIMIT,
                            "the whole number does not fit in 64 bits");
    }
  }
  *out = value;
  return EDB_OK;
}
