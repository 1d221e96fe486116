/* model/lexer.h: tokens of the .edb language, with their positions. */
#ifndef EDB_MODEL_LEXER_H
#define EDB_MODEL_LEXER_H

#include "model/ir.h"

typedef enum edb_token_kind {
  EDB_TOKEN_END,
  EDB_TOKEN_NEWLINE, /* one for any number of line ends; none inside brackets or after a comma */
  EDB_TOKEN_NAME,
  EDB_TOKEN_NUMBER,
  EDB_TOKEN_MARK,    /* one character: its text */
  EDB_TOKEN_ARROW,   /* -> */
  EDB_TOKEN_ELLIPSIS /* ... */
} edb_token_kind;

typedef struct edb_token {
  edb_token_kind kind;
  uint32_t line, column; /* from 1; the column counts bytes; 0 in a text without positions */
  const char *text;      /* into the source, not 0-terminated */
  uint32_t length;
  bool indented; /* white space stands before the first token of this one's line */
} edb_token;

/* A value: copying a lexer and going back to the copy is allowed. */
typedef struct edb_lexer {
  edb_context *ctx;
  const char *name; /* of the file, for errors */
  const char *cursor, *end, *line_start;
  uint32_t line;  /* 0: the text has no positions */
  uint32_t depth; /* open brackets */
  bool line_indented;
  edb_token token; /* the current one */
} edb_lexer;

/* Checks that the text is UTF-8 without control characters, skips a byte order mark, and reads the
 * first token. `positions` false: a piece of text given by a call, whose errors have no line.
 * Errors: EDB_ERROR_FORMAT, EDB_ERROR_LIMIT (a text of 1 GiB or more). */
EDB_MUST_CHECK edb_status edb_lexer_init(edb_lexer *lexer, edb_context *ctx, const char *text,
                                         size_t bytes, const char *name, bool positions,
                                         edb_error *error);
EDB_MUST_CHECK edb_status edb_lexer_next(edb_lexer *lexer, edb_error *error);

/* Whether the current token is this mark, this word. */
bool edb_lexer_at(const edb_lexer *lexer, char mark);
bool edb_lexer_at_word(const edb_lexer *lexer, const char *word);
/* Consumes the mark, or fails: "expected `]` AFTER, found ...". */
EDB_MUST_CHECK edb_status edb_lexer_expect(edb_lexer *lexer, char mark, const char *after,
                                           edb_error *error);
/* Consumes a name and gives its token; `what` for the error ("the name of a cell"). */
EDB_MUST_CHECK edb_status edb_lexer_name(edb_lexer *lexer, const char *what, edb_token *out,
                                         edb_error *error);
/* Consumes a newline or is at the end. */
EDB_MUST_CHECK edb_status edb_lexer_end_line(edb_lexer *lexer, const char *after, edb_error *error);
/* The number of a NUMBER token. */
EDB_MUST_CHECK edb_status edb_token_number(const edb_lexer *lexer, const edb_token *token,
                                           double *out, edb_error *error);
EDB_MUST_CHECK edb_status edb_token_integer(const edb_lexer *lexer, const edb_token *token,
                                            int64_t *out, edb_error *error);

/* "expected WANTED, found TOKEN" at the current token. */
edb_status edb_lexer_unexpected(const edb_lexer *lexer, edb_error *error, const char *wanted);
/* An error at a token. */
edb_status edb_lexer_fail(const edb_lexer *lexer, const edb_token *token, edb_error *error,
                          edb_status status, const char *format, ...) EDB_PRINTF(5, 6);

/* ---- Names ----------------------------------------------------------------------------------- */

#define EDB_NAME_MAX 128

/* A letter or _, then letters, digits, _; at most EDB_NAME_MAX bytes; no word of the language. */
typedef enum edb_name_problem {
  EDB_NAME_FINE,
  EDB_NAME_EMPTY,
  EDB_NAME_LONG,
  EDB_NAME_CHARACTER,
  EDB_NAME_RESERVED
} edb_name_problem;
edb_name_problem edb_name_check(const char *name, size_t length);
/* How many bytes of a name, which may be no name at all, to show in an error. */
static inline int edb_name_shown(size_t length) {
  return length > EDB_NAME_MAX ? EDB_NAME_MAX : (int)length;
}
const char *edb_name_problem_text(edb_name_problem problem); /* "is a word of the language" */

/* Keeps the closest of the names it is shown, for "did you mean ...". */
typedef struct edb_suggestion {
  const char *wanted;
  uint32_t wanted_length;
  const char *best; /* NULL: none is close */
  uint32_t best_distance;
  uint32_t tried; /* bounded: a model may have very many names */
} edb_suggestion;
void edb_suggest_begin(edb_suggestion *s, const char *wanted, size_t length);
void edb_suggest(edb_suggestion *s, const char *candidate);
/* ", did you mean `x`?" or "". Returns `buffer`. */
const char *edb_suggest_text(const edb_suggestion *s, char *buffer, size_t bytes);
#define EDB_SUGGEST_TEXT_BYTES (EDB_NAME_MAX + 32)

#endif
