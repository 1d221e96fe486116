/* base/status.c: names of the statuses, and the texts of errors. */
#include "base/status.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *edb_status_name(edb_status status) {
  switch (status) {
#define EDB_STATUS_NAME(name, text) \
  case name:                        \
    return #name;
    EDB_STATUS_LIST(EDB_STATUS_NAME)
#undef EDB_STATUS_NAME
  default:
    return "EDB_STATUS_UNKNOWN";
  }
}

const char *edb_status_text(edb_status status) {
  switch (status) {
#define EDB_STATUS_TEXT(name, text) \
  case name:                        \
    return text;
    EDB_STATUS_LIST(EDB_STATUS_TEXT)
#undef EDB_STATUS_TEXT
  default:
    return "unknown status";
  }
}

/* Appends to a buffer of EDB_ERROR_TEXT_BYTES; a text that does not fit ends in "...". Gives the
 * new length. */
static size_t append_v(char *buffer, size_t used, const char *format, va_list arguments) {
  size_t room = EDB_ERROR_TEXT_BYTES - used;
  int wanted = vsnprintf(buffer + used, room, format, arguments);
  if (wanted < 0) {
    buffer[used] = '\0';
    return used;
  }
  if ((size_t)wanted < room) return used + (size_t)wanted;
  memcpy(buffer + EDB_ERROR_TEXT_BYTES - 4, "...", 4);
  return EDB_ERROR_TEXT_BYTES - 1;
}

static size_t append(char *buffer, size_t used, const char *format, ...) EDB_PRINTF(3, 4);
static size_t append(char *buffer, size_t used, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  used = append_v(buffer, used, format, arguments);
  va_end(arguments);
  return used;
}

/* What was found in a file may stand in the text: control characters, bytes that are no UTF-8 and
 * characters that were cut become question marks, so that the text can be shown anywhere. */
static void make_printable(char *text, size_t length) {
  for (size_t i = 0, n; i < length; i += n) {
    unsigned char byte = (unsigned char)text[i];
    size_t found = edb_utf8_length(text + i, text + length);
    bool control =
        byte < 0x20 || byte == 0x7f || (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0);
    n = found == 0 ? 1 : found;
    if (found == 0 || control) memset(text + i, '?', n);
  }
}

/* The text is made aside first: an argument may be the old error->text. */
static void set_error(edb_error *error, edb_status status, const char *file, uint32_t line,
                      uint32_t column, const char *format, va_list arguments) {
  char text[EDB_ERROR_TEXT_BYTES];
  size_t used = 0;
  if (file != NULL) used = append(text, used, "%s:", file);
  if (line != 0) used = append(text, used, "%u:", line);
  if (line != 0 && column != 0) used = append(text, used, "%u:", column);
  if (used != 0) used = append(text, used, " ");
  used = append_v(text, used, format, arguments);
  make_printable(text, used);
  error->status = status;
  error->line = line;
  error->column = line != 0 ? column : 0;
  memcpy(error->text, text, used + 1);
}

edb_status edb_fail(edb_error *error, edb_status status, const char *format, ...) {
  if (error == NULL) return status;
  va_list arguments;
  va_start(arguments, format);
  set_error(error, status, NULL, 0, 0, format, arguments);
  va_end(arguments);
  return status;
}

edb_status edb_fail_at(edb_error *error, edb_status status, const char *file, uint32_t line,
                       uint32_t column, const char *format, ...) {
  if (error == NULL) return status;
  va_list arguments;
  va_start(arguments, format);
  set_error(error, status, file, line, column, format, arguments);
  va_end(arguments);
  return status;
}

edb_status edb_fail_memory(edb_error *error, size_t bytes, const char *what) {
  return edb_fail(error, EDB_ERROR_MEMORY, "out of memory: wanted %zu bytes for %s", bytes, what);
}

edb_status edb_fail_null(edb_error *error, const char *function, const char *arguments, size_t i) {
  while (i-- > 0) arguments = strchr(arguments, ',') + 1;
  arguments += strspn(arguments, " ");
  int length = (int)strcspn(arguments, ",");
  return edb_fail(error, EDB_ERROR_ARGUMENT, "%s: %.*s is NULL", function, length, arguments);
}
