/* data/lines.h: a text as lines, and lines as words, with their places in the file. */
#ifndef EDB_DATA_LINES_H
#define EDB_DATA_LINES_H

#include "data/read_rules.h"

typedef struct edb_lines {
  const char *at, *end;
  uint32_t line; /* of the last one that was taken */
} edb_lines;

/* One line without its end, or a part of one. */
typedef struct edb_span {
  const char *at, *end;
  const char *line_start;
  uint32_t line;
} edb_span;

/* False at the end of the text. */
bool edb_lines_next(edb_lines *lines, edb_span *out);
/* The next word of a line: what stands between white space; false where there is none. */
bool edb_span_word(edb_span *span, edb_atom *out);
/* Whether nothing but white space is left. */
bool edb_span_is_blank(const edb_span *span);

/* "found "x", expected ...", where it was found. */
edb_status edb_fail_atom(const char *file, const edb_atom *found, const char *expected,
                         edb_error *error);
/* The same of a line as a whole: what was found is said in words. */
edb_status edb_fail_span(const char *file, const edb_span *span, const char *found,
                         const char *expected, edb_error *error);

#endif
