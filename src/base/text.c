/* base/text.c: a growing text, and what stands at a place of a given one. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

#define MIN_CAPACITY 128
#define PIECE_BYTES  ((size_t)64 * 1024) /* that go to a sink at a time */
#define MAX_FOUND    24                  /* bytes of a word that edb_found shows */

void edb_text_init(edb_text *text, edb_context *ctx) {
  *text = (edb_text){.ctx = ctx};
}

void edb_text_free(edb_text *text) {
  edb_free(text->ctx, text->data, text->capacity);
  edb_text_init(text, text->ctx);
}

/* Room for `more` bytes and the terminating 0. Doubles, so that n appends copy O(n) bytes. */
static bool reserve(edb_text *text, size_t more) {
  if (text->failed) return false;
  size_t wanted = 0;
  bool fits = edb_add_size(text->length, more, &wanted) && edb_add_size(wanted, 1, &wanted);
  if (fits && wanted <= text->capacity) return true;
  size_t target = text->capacity < MIN_CAPACITY / 2 ? MIN_CAPACITY : text->capacity * 2;
  if (target < wanted) target = wanted;
  char *data = fits ? edb_resize(text->ctx, text->data, text->capacity, target) : NULL;
  if (data == NULL) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = target;
  return true;
}

void edb_text_flush(edb_text *text) {
  if (!text->sink || text->failed) return;
  edb_file_writer_put(text->sink, text->data, text->length);
  text->failed = text->sink->failure != 0;
  text->length = 0;
}

static void drain(edb_text *text) {
  if (text->length >= PIECE_BYTES) edb_text_flush(text);
}

void edb_text_append(edb_text *text, const char *bytes, size_t length) {
  if (!reserve(text, length)) return;
  if (length != 0) memcpy(text->data + text->length, bytes, length);
  text->length += length;
  text->data[text->length] = '\0';
  drain(text);
}

void edb_text_printf(edb_text *text, const char *format, ...) {
  if (!reserve(text, 0)) return;
  va_list arguments;
  va_list again;
  va_start(arguments, format);
  va_copy(again, arguments);
  size_t room = text->capacity - text->length;
  int wanted = vsnprintf(text->data + text->length, room, format, arguments);
  if (wanted >= 0 && (size_t)wanted >= room) {
    text->data[text->length] = '\0';
    if (reserve(text, (size_t)wanted)) {
      room = text->capacity - text->length;
      wanted = vsnprintf(text->data + text->length, room, format, again);
    }
  }
  va_end(again);
  va_end(arguments);
  if (wanted < 0) text->failed = true;
  if (!text->failed) text->length += (size_t)wanted;
  drain(text);
}

const char *edb_found(const char *at, const char *end, char buffer[EDB_FOUND_BYTES]) {
  if (at >= end) return "the end of the text";
  if (*at == '\n' || *at == '\r') return "the end of the line";
  if (*at == '"') return "a double quote";
  int length = 0;
  while (length < MAX_FOUND && at + length < end && edb_is_word(at[length])) length++;
  if (length == 0) length = (int)edb_utf8_length(at, end);
  unsigned char byte = (unsigned char)*at;
  if (length == 0 || byte < 0x20 || byte == 0x7f)
    (void)snprintf(buffer, EDB_FOUND_BYTES, "byte 0x%02x", (unsigned)byte);
  else
    (void)snprintf(buffer, EDB_FOUND_BYTES, "\"%.*s\"", length, at);
  return buffer;
}
