/* data/lines.c: a text as lines, and lines as words. */
#include "data/lines.h"

#include <string.h>

bool edb_lines_next(edb_lines *lines, edb_span *out) {
  if (lines->at >= lines->end) return false;
  const char *start = lines->at;
  const char *end = memchr(start, '\n', (size_t)(lines->end - start));
  lines->at = end != NULL ? end + 1 : lines->end;
  if (end == NULL) end = lines->end;
  if (end > start && end[-1] == '\r') end--;
  *out = (edb_span){start, end, start, ++lines->line};
  return true;
}

bool edb_span_word(edb_span *span, edb_atom *out) {
  while (span->at < span->end && edb_is_space(*span->at)) span->at++;
  const char *start = span->at;
  while (span->at < span->end && !edb_is_space(*span->at)) span->at++;
  *out = (edb_atom){start, (size_t)(span->at - start), span->line,
                    (uint32_t)(start - span->line_start) + 1};
  return out->length > 0;
}

bool edb_span_is_blank(const edb_span *span) {
  edb_span copy = *span;
  edb_atom ignored;
  return !edb_span_word(&copy, &ignored);
}

edb_status edb_fail_atom(const char *file, const edb_atom *found, const char *expected,
                         edb_error *error) {
  int shown = found->length < 64 ? (int)found->length : 64;
  if (shown > 0 && found->text[0] == '\0')
    return edb_fail_at(error, EDB_ERROR_FORMAT, file, found->line, found->column,
                       "found byte 0x00, expected %s", expected);
  return edb_fail_at(error, EDB_ERROR_FORMAT, file, found->line, found->column,
                     "found \"%.*s\", expected %s", shown, found->text, expected);
}

edb_status edb_fail_span(const char *file, const edb_span *span, const char *found,
                         const char *expected, edb_error *error) {
  return edb_fail_at(error, EDB_ERROR_FORMAT, file, span->line,
                     (uint32_t)(span->at - span->line_start) + 1, "found %s, expected %s", found,
                     expected);
}
