/* base/json.c: the pull parser: a state of one byte, one bit per open container, no recursion. */
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "base/utf8.h"

/* What may come next. */
enum {
  EXPECT_VALUE,        /* at the start, after ':' and after ',' in an array */
  EXPECT_VALUE_OR_END, /* after '[' */
  EXPECT_KEY_OR_END,   /* after '{' */
  EXPECT_KEY,          /* after ',' in an object */
  EXPECT_COLON,        /* a name without one was an error, and stays one */
  EXPECT_COMMA_OR_END, /* after a value in a container */
  EXPECT_NOTHING       /* after the top-level value */
};

#define MIN_BUFFER_BYTES 64

void edb_json_init(edb_json *json, edb_context *ctx, const char *text, size_t bytes,
                   const char *name, uint32_t first_line) {
  if (text == NULL) text = "";
  *json = (edb_json){.ctx = ctx,
                     .name = name,
                     .cursor = text,
                     .end = text + bytes,
                     .line_start = text,
                     .line = first_line,
                     .expect = EXPECT_VALUE};
  /* RFC 8259, 8.1: a byte order mark may be ignored; columns do not count it. */
  if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
    json->cursor += 3;
    json->line_start += 3;
  }
}

void edb_json_free(edb_json *json) {
  edb_free(json->ctx, json->buffer, json->buffer_bytes);
  json->buffer = NULL;
  json->buffer_bytes = 0;
}

const char *edb_json_type_name(edb_json_type type) {
  switch (type) {
  case EDB_JSON_END:
    return "the end of the text";
  case EDB_JSON_NULL:
    return "null";
  case EDB_JSON_BOOL:
    return "true or false";
  case EDB_JSON_NUMBER:
    return "a number";
  case EDB_JSON_STRING:
    return "a string";
  case EDB_JSON_KEY:
    return "a name";
  case EDB_JSON_OBJECT:
    return "an object";
  case EDB_JSON_OBJECT_END:
    return "the end of an object";
  case EDB_JSON_ARRAY:
    return "an array";
  case EDB_JSON_ARRAY_END:
    return "the end of an array";
  default:
    return "an unknown token";
  }
}

/* ---- errors ---------------------------------------------------------------------------------- */

static uint32_t column_of(const edb_json *json, const char *at) {
  size_t column = (size_t)(at - json->line_start) + 1;
  return column < UINT32_MAX ? (uint32_t)column : UINT32_MAX;
}

static edb_status fail_expected(const edb_json *json, const char *at, edb_error *error,
                                const char *expected) {
  char found[EDB_FOUND_BYTES];
  return edb_fail_at(error, EDB_ERROR_FORMAT, json->name, json->line, column_of(json, at),
                     "found %s, expected %s", edb_found(at, json->end, found), expected);
}

edb_status edb_json_fail(const edb_json *json, const edb_json_token *token, edb_error *error,
                         edb_status status, const char *format, ...) {
  char text[EDB_ERROR_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0) text[0] = '\0';
  return edb_fail_at(error, status, json->name, token->line, token->column, "%s", text);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void skip_space(edb_json *json) {
  const char *at = json->cursor;
  for (; at < json->end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'); at++) {
    if (*at != '\n') continue;
    json->line_start = at + 1;
    if (json->line < UINT32_MAX) json->line++;
  }
  json->cursor = at;
}

static bool in_object(const edb_json *json) {
  uint32_t top = json->depth - 1;
  return (json->is_object[top / 64] >> (top % 64)) & 1;
}

/* What follows a value, by where it stands. */
static void after_value(edb_json *json) {
  json->expect = json->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Four hex digits at `at`; false when they are not. */
static bool read_hex4(const char *at, const char *end, uint32_t *out) {
  if (end - at < 4) return false;
  *out = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(at[i]);
    if (digit < 0) return false;
    *out = *out * 16 + (uint32_t)digit;
  }
  return true;
}

/* \uXXXX at *at (after the 'u'), a surrogate with its other half; moves *at behind it. */
static edb_status read_unicode_escape(const edb_json *json, const char **at, const char *end,
                                      char **out, edb_error *error) {
  const char *escape = *at - 2;
  uint32_t code = 0;
  if (!read_hex4(*at, end, &code))
    return fail_expected(json, escape, error, "four hexadecimal digits after \\u");
  *at += 4;
  if (code >= 0xD800 && code <= 0xDFFF) {
    uint32_t low = 0;
    bool pair = code < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
                read_hex4(*at + 2, end, &low) && low >= 0xDC00 && low <= 0xDFFF;
    if (!pair)
      return edb_fail_at(error, EDB_ERROR_FORMAT, json->name, json->line, column_of(json, escape),
                         "found surrogate \\u%04X alone, expected a pair of surrogates",
                         (unsigned)code);
    *at += 6;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  *out += edb_utf8_encode(code, *out);
  return EDB_OK;
}

/* One escape at *at (the backslash). */
static edb_status read_escape(const edb_json *json, const char **at, const char *end, char **out,
                              edb_error *error) {
  static const char names[] = "\"\\/bfnrt";
  static const char values[] = "\"\\/\b\f\n\r\t";
  char name = (*at)[1]; /* a string's end is never behind a backslash */
  const char *known = name != '\0' ? strchr(names, name) : NULL;
  if (known != NULL) {
    *(*out)++ = values[known - names];
    *at += 2;
    return EDB_OK;
  }
  if (name != 'u')
    return fail_expected(json, *at + 1, error, "one of \"\\/bfnrtu after a backslash");
  *at += 2;
  return read_unicode_escape(json, at, end, out, error);
}

/* Finds the closing quote of the string whose first byte is `at`. */
static edb_status find_string_end(const edb_json *json, const char *at, const char **out,
                                  edb_error *error) {
  for (; at < json->end && *at != '"'; at++) {
    if ((unsigned char)*at < 0x20)
      return fail_expected(json, at, error,
                           "a closing quote (control characters are written as escapes)");
    if (*at == '\\' && ++at == json->end) break;
  }
  if (at >= json->end) return fail_expected(json, json->end, error, "a closing quote");
  *out = at;
  return EDB_OK;
}

static bool reserve_buffer(edb_json *json, size_t bytes) {
  if (bytes <= json->buffer_bytes) return true;
  size_t target = json->buffer_bytes < MIN_BUFFER_BYTES ? MIN_BUFFER_BYTES : json->buffer_bytes * 2;
  if (target < bytes) target = bytes;
  char *buffer = edb_resize(json->ctx, json->buffer, json->buffer_bytes, target);
  if (buffer == NULL) return false;
  json->buffer = buffer;
  json->buffer_bytes = target;
  return true;
}

/* The string at the cursor into the buffer. No escape is shorter than what it stands for. */
static edb_status read_string(edb_json *json, edb_json_token *token, edb_error *error) {
  const char *at = json->cursor + 1;
  const char *end = NULL;
  EDB_TRY(find_string_end(json, at, &end, error));
  size_t bytes = (size_t)(end - at) + 1;
  if (!reserve_buffer(json, bytes)) return edb_fail_memory(error, bytes, "a string");
  char *out = json->buffer;
  while (at < end) {
    if (*at == '\\') {
      EDB_TRY(read_escape(json, &at, end, &out, error));
      continue;
    }
    size_t length = edb_utf8_length(at, end);
    if (length == 0) return fail_expected(json, at, error, "well-formed UTF-8");
    for (; length > 0; length--) *out++ = *at++;
  }
  *out = '\0';
  token->text = json->buffer;
  token->length = (size_t)(out - json->buffer);
  json->cursor = end + 1;
  return EDB_OK;
}

static edb_status read_number(edb_json *json, edb_json_token *token, edb_error *error) {
  const char *at = json->cursor;
  size_t length = edb_number_scan(at, (size_t)(json->end - at));
  const char *after = at + length;
  if (length == 0 || (after < json->end && edb_is_word(*after)))
    return fail_expected(json, at, error, "a number such as -1.5e3");
  token->type = EDB_JSON_NUMBER;
  token->number = edb_number_value(at, length);
  token->is_integer = edb_number_integer(at, length, &token->integer);
  /* JSON has no infinity: what a double cannot hold would not be written back. */
  if (token->number - token->number != 0)
    return fail_expected(json, at, error, "a number within the range of a double");
  json->cursor = after;
  after_value(json);
  return EDB_OK;
}

static edb_status read_literal(edb_json *json, edb_json_token *token, edb_error *error,
                               const char *expected) {
  static const struct {
    const char *word;
    edb_json_type type;
    bool boolean;
  } literals[] = {{"null", EDB_JSON_NULL, false},
                  {"true", EDB_JSON_BOOL, true},
                  {"false", EDB_JSON_BOOL, false}};
  const char *at = json->cursor;
  size_t length = 0;
  while (at + length < json->end && edb_is_word(at[length])) length++;
  for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
    if (strlen(literals[i].word) != length || memcmp(at, literals[i].word, length) != 0) continue;
    token->type = literals[i].type;
    token->boolean = literals[i].boolean;
    json->cursor += length;
    after_value(json);
    return EDB_OK;
  }
  return fail_expected(json, at, error, expected);
}

static edb_status open_container(edb_json *json, edb_json_token *token, bool object,
                                 edb_error *error) {
  if (json->depth == EDB_JSON_MAX_DEPTH)
    return edb_json_fail(json, token, error, EDB_ERROR_LIMIT, "nested more than %d levels deep",
                         EDB_JSON_MAX_DEPTH);
  uint64_t bit = UINT64_C(1) << (json->depth % 64);
  uint64_t *word = &json->is_object[json->depth / 64];
  *word = object ? *word | bit : *word & ~bit;
  json->depth++;
  json->cursor++;
  json->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
  token->type = object ? EDB_JSON_OBJECT : EDB_JSON_ARRAY;
  return EDB_OK;
}

static void close_container(edb_json *json, edb_json_token *token) {
  token->type = in_object(json) ? EDB_JSON_OBJECT_END : EDB_JSON_ARRAY_END;
  json->depth--;
  json->cursor++;
  after_value(json);
}

static edb_status read_value(edb_json *json, edb_json_token *token, edb_error *error,
                             const char *expected) {
  char first = *json->cursor;
  if (first == '{' || first == '[') return open_container(json, token, first == '{', error);
  if (first == '-' || (first >= '0' && first <= '9')) return read_number(json, token, error);
  if (first != '"') return read_literal(json, token, error, expected);
  EDB_TRY(read_string(json, token, error));
  token->type = EDB_JSON_STRING;
  after_value(json);
  return EDB_OK;
}

static const char *expectation(const edb_json *json) {
  switch (json->expect) {
  case EXPECT_VALUE:
    return "a value";
  case EXPECT_VALUE_OR_END:
    return "a value or \"]\"";
  case EXPECT_KEY_OR_END:
    return "a name in double quotes or \"}\"";
  case EXPECT_KEY:
    return "a name in double quotes";
  case EXPECT_COLON:
    return "\":\" after a name";
  case EXPECT_COMMA_OR_END:
    return in_object(json) ? "\",\" or \"}\"" : "\",\" or \"]\"";
  default:
    return "the end of the text";
  }
}

/* A name and its ':'. */
static edb_status read_key(edb_json *json, edb_json_token *token, edb_error *error,
                           const char *expected) {
  if (*json->cursor != '"') return fail_expected(json, json->cursor, error, expected);
  EDB_TRY(read_string(json, token, error));
  token->type = EDB_JSON_KEY;
  json->expect = EXPECT_COLON;
  skip_space(json);
  if (json->cursor == json->end || *json->cursor != ':')
    return fail_expected(json, json->cursor, error, expectation(json));
  json->cursor++;
  json->expect = EXPECT_VALUE;
  return EDB_OK;
}

/* Reads the comma that separates two items, when one is due. */
static void skip_comma(edb_json *json) {
  if (json->expect != EXPECT_COMMA_OR_END || json->cursor == json->end || *json->cursor != ',')
    return;
  json->cursor++;
  json->expect = in_object(json) ? EXPECT_KEY : EXPECT_VALUE;
  skip_space(json);
}

static bool at_container_end(const edb_json *json) {
  if (json->expect == EXPECT_VALUE_OR_END) return *json->cursor == ']';
  if (json->expect == EXPECT_KEY_OR_END) return *json->cursor == '}';
  return json->expect == EXPECT_COMMA_OR_END && *json->cursor == (in_object(json) ? '}' : ']');
}

edb_status edb_json_next(edb_json *json, edb_json_token *token, edb_error *error) {
  skip_space(json);
  skip_comma(json);
  edb_json_token next = {.line = json->line, .column = column_of(json, json->cursor)};
  const char *expected = expectation(json);
  if (json->cursor == json->end) {
    if (json->expect != EXPECT_NOTHING) return fail_expected(json, json->cursor, error, expected);
    next.type = EDB_JSON_END;
  } else if (at_container_end(json)) {
    close_container(json, &next);
  } else if (json->expect == EXPECT_VALUE || json->expect == EXPECT_VALUE_OR_END) {
    EDB_TRY(read_value(json, &next, error, expected));
  } else if (json->expect == EXPECT_KEY || json->expect == EXPECT_KEY_OR_END) {
    EDB_TRY(read_key(json, &next, error, expected));
  } else {
    return fail_expected(json, json->cursor, error, expected);
  }
  *token = next;
  return EDB_OK;
}

edb_status edb_json_expect(edb_json *json, edb_json_type type, edb_json_token *token,
                           edb_error *error) {
  edb_json_token next = {0};
  EDB_TRY(edb_json_next(json, &next, error));
  if (next.type == EDB_JSON_KEY && type != EDB_JSON_KEY)
    return edb_json_fail(json, &next, error, EDB_ERROR_FORMAT,
                         "found the name \"%.60s\", expected %s", next.text,
                         edb_json_type_name(type));
  if (next.type != type)
    return edb_json_fail(json, &next, error, EDB_ERROR_FORMAT, "found %s, expected %s",
                         edb_json_type_name(next.type), edb_json_type_name(type));
  *token = next;
  return EDB_OK;
}

edb_status edb_json_expect_file(edb_json *json, const char *what, edb_json_token *token,
                                edb_error *error) {
  edb_error inside;
  edb_status status = edb_json_expect(json, EDB_JSON_OBJECT, token, &inside);
  if (status == EDB_OK || error == NULL) return status;
  *error = inside;
  if (status == EDB_ERROR_FORMAT) {
    (void)edb_fail(error, status, "%s: this is no %s", inside.text, what);
    error->line = inside.line;
    error->column = inside.column;
  }
  return status;
}

edb_status edb_json_skip(edb_json *json, const edb_json_token *token, edb_error *error) {
  edb_json_token next = *token;
  if (next.type == EDB_JSON_KEY) EDB_TRY(edb_json_next(json, &next, error));
  if (next.type != EDB_JSON_OBJECT && next.type != EDB_JSON_ARRAY) return EDB_OK;
  uint32_t outside = json->depth - 1;
  while (json->depth > outside) EDB_TRY(edb_json_next(json, &next, error));
  return EDB_OK;
}
