/* base/json_writer.c: JSON text by calls. What comes out is well-formed whatever strings come in.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"
#include "base/utf8.h"

void edb_json_writer_init(edb_json_writer *w, edb_text *text, uint32_t indent) {
  *w = (edb_json_writer){.text = text, .indent = indent};
}

static void put(edb_json_writer *w, const char *text) {
  edb_text_append(w->text, text, strlen(text));
}

static bool on_lines(const edb_json_writer *w) {
  return w->indent != 0 && w->inline_depth == 0;
}

static void new_line(edb_json_writer *w) {
  put(w, "\n");
  for (uint64_t i = 0; i < (uint64_t)w->depth * w->indent; i++) edb_text_append(w->text, " ", 1);
}

/* What goes before an item: nothing after a name, otherwise a comma and a line or a space. */
static void separate(edb_json_writer *w) {
  if (w->after_key) {
    w->after_key = false;
    return;
  }
  if (w->comma) put(w, ",");
  if (w->depth > 0 && on_lines(w))
    new_line(w);
  else if (w->comma && w->indent != 0)
    put(w, " ");
  w->comma = true;
}

void edb_json_begin(edb_json_writer *w, char open) {
  separate(w);
  edb_text_append(w->text, &open, 1);
  w->depth++;
  w->comma = false;
}

void edb_json_end(edb_json_writer *w, char close) {
  EDB_ASSERT(w->depth > 0 && !w->after_key);
  w->depth--;
  if (w->comma && on_lines(w)) new_line(w);
  edb_text_append(w->text, &close, 1);
  w->comma = true;
}

void edb_json_inline(edb_json_writer *w, bool on) {
  EDB_ASSERT(on || w->inline_depth > 0);
  w->inline_depth += on ? 1 : (uint32_t)-1;
}

/* Length of the run at `at` that needs no escape and is well-formed. */
static size_t plain_run(const char *at, const char *end) {
  const char *start = at;
  while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
    size_t length = edb_utf8_length(at, end);
    if (length == 0) break;
    at += length;
  }
  return (size_t)(at - start);
}

/* Bytes that are not UTF-8 become U+FFFD, since no JSON string can hold them. */
static void put_escaped(edb_json_writer *w, char c) {
  static const char values[] = "\"\\\b\f\n\r\t";
  static const char names[] = "\"\\bfnrt";
  const char *known = c != '\0' ? strchr(values, c) : NULL;
  if (known != NULL)
    edb_text_printf(w->text, "\\%c", names[known - values]);
  else if ((unsigned char)c < 0x20)
    edb_text_printf(w->text, "\\u%04x", (unsigned)(unsigned char)c);
  else
    put(w, "\xEF\xBF\xBD");
}

static void put_string(edb_json_writer *w, const char *text, size_t length) {
  const char *end = text + length;
  put(w, "\"");
  while (text < end) {
    size_t run = plain_run(text, end);
    edb_text_append(w->text, text, run);
    text += run;
    if (text < end) put_escaped(w, *text++);
  }
  put(w, "\"");
}

void edb_json_key(edb_json_writer *w, const char *key) {
  separate(w);
  put_string(w, key, strlen(key));
  put(w, w->indent != 0 ? ": " : ":");
  w->after_key = true;
}

void edb_json_string(edb_json_writer *w, const char *text, size_t length) {
  separate(w);
  put_string(w, text, length);
}

void edb_json_cstring(edb_json_writer *w, const char *text) {
  edb_json_string(w, text, strlen(text));
}

void edb_json_int(edb_json_writer *w, int64_t value) {
  separate(w);
  edb_text_printf(w->text, "%lld", (long long)value);
}

void edb_json_double(edb_json_writer *w, double value) {
  char digits[EDB_NUMBER_BYTES] = "null";
  if (isfinite(value)) edb_number_print_double(digits, value);
  separate(w);
  put(w, digits);
}

void edb_json_bool(edb_json_writer *w, bool value) {
  separate(w);
  put(w, value ? "true" : "false");
}

void edb_json_null(edb_json_writer *w) {
  separate(w);
  put(w, "null");
}
