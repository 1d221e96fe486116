/* base/utf8.c: well-formed byte sequences by table 3-7 of the Unicode standard. */
#include "base/utf8.h"

#include <stdbool.h>

static bool continues(const unsigned char *at, size_t count) {
  for (size_t i = 0; i < count; i++)
    if ((at[i] & 0xC0) != 0x80) return false;
  return true;
}

size_t edb_utf8_length(const char *text, const char *end) {
  const unsigned char *at = (const unsigned char *)text;
  size_t room = (size_t)(end - text);
  unsigned char lead = at[0];
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || room < length || !continues(at + 1, length - 1)) return 0;
  /* Only the second byte's range depends on the lead. */
  bool bad = (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F) ||
             (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F);
  return bad ? 0 : length;
}

size_t edb_utf8_encode(uint32_t code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
  uint32_t lead = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0;
  out[0] = (char)(lead | code);
  return length;
}
