/* base/json.h: a JSON pull parser with positions, and a writer.
 *
 * The parser reads a text in memory, one token per call, in O(1) memory besides one bit per open
 * container; depth is limited (an error, not a stack overflow). It checks everything RFC 8259 asks
 * for, and UTF-8. Strings are unescaped into a buffer that the next call reuses.
 *
 *     edb_json json; edb_json_init(&json, ctx, text, bytes, "weights.json", 1);
 *     edb_json_expect(&json, EDB_JSON_OBJECT, &error);
 *     while (more) ... edb_json_next(&json, &token, &error) ...
 *     edb_json_free(&json); */
#ifndef EDB_BASE_JSON_H
#define EDB_BASE_JSON_H

#include "base/file.h"

#define EDB_JSON_MAX_DEPTH 256

typedef enum edb_json_type {
  EDB_JSON_END, /* after the one top-level value */
  EDB_JSON_NULL,
  EDB_JSON_BOOL,
  EDB_JSON_NUMBER,
  EDB_JSON_STRING,
  EDB_JSON_KEY, /* of an object; its value follows */
  EDB_JSON_OBJECT,
  EDB_JSON_OBJECT_END,
  EDB_JSON_ARRAY,
  EDB_JSON_ARRAY_END
} edb_json_type;

typedef struct edb_json_token {
  edb_json_type type;
  uint32_t line, column; /* where it begins, from 1; column counts bytes */
  const char *text;      /* STRING, KEY: unescaped, 0-terminated, valid until the next call */
  size_t length;         /* of text */
  double number;         /* NUMBER */
  bool is_integer;       /* NUMBER: written without fraction and exponent and within int64 */
  int64_t integer;
  bool boolean;
} edb_json_token;

typedef struct edb_json {
  edb_context *ctx;
  const char *name; /* of the file, for errors */
  const char *cursor, *end, *line_start;
  uint32_t line;
  uint32_t depth;
  uint8_t expect; /* private */
  uint64_t is_object[EDB_JSON_MAX_DEPTH / 64];
  char *buffer;
  size_t buffer_bytes;
} edb_json;

/* `first_line` is the number of the text's first line, so that one line of a JSON-lines file
 * reports its own position. */
void edb_json_init(edb_json *json, edb_context *ctx, const char *text, size_t bytes,
                   const char *name, uint32_t first_line);
void edb_json_free(edb_json *json);
/* Errors: EDB_ERROR_FORMAT with position, found and expected (a number beyond the range of a double
 * is one too); EDB_ERROR_LIMIT (depth); EDB_ERROR_MEMORY. A byte order mark at the begin is passed
 * over. */
EDB_MUST_CHECK edb_status edb_json_next(edb_json *json, edb_json_token *token, edb_error *error);
/* The next token, which must be of this type. */
EDB_MUST_CHECK edb_status edb_json_expect(edb_json *json, edb_json_type type, edb_json_token *token,
                                          edb_error *error);
/* The '{' that a file begins with; another text "is no WHAT". */
EDB_MUST_CHECK edb_status edb_json_expect_file(edb_json *json, const char *what,
                                               edb_json_token *token, edb_error *error);
/* Skips the rest of the value that `token` began (nothing for a scalar), or the value of a KEY. */
EDB_MUST_CHECK edb_status edb_json_skip(edb_json *json, const edb_json_token *token,
                                        edb_error *error);
/* An error at a token: "file:line:column: found X, expected ...". */
edb_status edb_json_fail(const edb_json *json, const edb_json_token *token, edb_error *error,
                         edb_status status, const char *format, ...) EDB_PRINTF(5, 6);
const char *edb_json_type_name(edb_json_type type); /* "a string", "the end", ... */

/* Writer: into an edb_text; commas, quotes and escapes are its own business. Indent 0 = one line.
 * `edb_json_inline(w, true)` writes what follows on one line until switched off. */
typedef struct edb_json_writer {
  edb_text *text;
  uint32_t indent, depth, inline_depth;
  bool comma, after_key;
} edb_json_writer;

void edb_json_writer_init(edb_json_writer *w, edb_text *text, uint32_t indent);
void edb_json_begin(edb_json_writer *w, char open); /* '{' or '[' */
void edb_json_end(edb_json_writer *w, char close);  /* '}' or ']' */
void edb_json_inline(edb_json_writer *w, bool on);
void edb_json_key(edb_json_writer *w, const char *key);
void edb_json_string(edb_json_writer *w, const char *text, size_t length);
void edb_json_cstring(edb_json_writer *w, const char *text);
void edb_json_int(edb_json_writer *w, int64_t value);
/* The shortest text that reads back the same; null if it is not finite. */
void edb_json_double(edb_json_writer *w, double value);
void edb_json_bool(edb_json_writer *w, bool value);
void edb_json_null(edb_json_writer *w);

#endif
