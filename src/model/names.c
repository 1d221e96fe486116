/* model/names.c: what may be a name, and which known name an unknown one is close to. */
#include <stdio.h>
#include <string.h>

#include "model/lexer.h"

#define CANDIDATES_MAX 4096

static const char *const reserved[] = {"edb",  "model", "const", "vocab", "param",
                                       "cell", "read",  "index", "dense"};

edb_name_problem edb_name_check(const char *name, size_t length) {
  if (length == 0) return EDB_NAME_EMPTY;
  if (length > EDB_NAME_MAX) return EDB_NAME_LONG;
  for (size_t i = 0; i < length; i++) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    bool digit = c >= '0' && c <= '9';
    if (!letter && !(digit && i > 0)) return EDB_NAME_CHARACTER;
  }
  for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
    if (strlen(reserved[i]) == length && memcmp(reserved[i], name, length) == 0) {
      return EDB_NAME_RESERVED;
    }
  }
  return EDB_NAME_FINE;
}

const char *edb_name_problem_text(edb_name_problem problem) {
  switch (problem) {
  case EDB_NAME_FINE:
    return "is a name";
  case EDB_NAME_EMPTY:
    return "is empty";
  case EDB_NAME_LONG:
    return "is longer than 128 bytes";
  case EDB_NAME_CHARACTER:
    return "is not a letter or _ followed by letters, digits and _";
  case EDB_NAME_RESERVED:
    return "is a word of the language";
  }
  return "is not a name";
}

void edb_suggest_begin(edb_suggestion *s, const char *wanted, size_t length) {
  *s = (edb_suggestion){.wanted = wanted,
                        .wanted_length = length > EDB_NAME_MAX ? 0 : (uint32_t)length};
}

/* Levenshtein distance, one row of the table at a time. */
static uint32_t distance(const char *a, uint32_t a_length, const char *b, uint32_t b_length) {
  uint32_t row[EDB_NAME_MAX + 1];
  for (uint32_t j = 0; j <= b_length; j++) row[j] = j;
  for (uint32_t i = 1; i <= a_length; i++) {
    uint32_t diagonal = row[0];
    row[0] = i;
    for (uint32_t j = 1; j <= b_length; j++) {
      uint32_t change = diagonal + (a[i - 1] != b[j - 1]);
      uint32_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = change < shift ? change : shift;
    }
  }
  return row[b_length];
}

void edb_suggest(edb_suggestion *s, const char *candidate) {
  size_t length = strlen(candidate);
  if (s->wanted_length == 0 || length > EDB_NAME_MAX || s->tried++ >= CANDIDATES_MAX) return;
  uint32_t d = distance(s->wanted, s->wanted_length, candidate, (uint32_t)length);
  uint32_t close = 1 + s->wanted_length / 4;
  /* All of a short name replaced is another name, not a slip. */
  if (d > close || d >= s->wanted_length || (s->best && d >= s->best_distance)) return;
  s->best = candidate;
  s->best_distance = d;
}

const char *edb_suggest_text(const edb_suggestion *s, char *buffer, size_t bytes) {
  if (!s->best) return "";
  snprintf(buffer, bytes, "; did you mean \"%s\"?", s->best);
  return buffer;
}
