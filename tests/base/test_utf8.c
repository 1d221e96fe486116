/* tests/base/test_utf8.c: every code point, and every way to be malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

static size_t length_of(const char *bytes, size_t count) {
  return edb_utf8_length(bytes, bytes + count);
}

static void every_code_point_is_its_own_inverse(void **state) {
  (void)state;
  for (uint32_t code = 0; code <= 0x10FFFF; code++) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    char bytes[4];
    size_t length = edb_utf8_encode(code, bytes);
    assert_int_equal(length, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
    assert_int_equal(length_of(bytes, length), length);
    if (length > 1) assert_int_equal(length_of(bytes, length - 1), 0);
    uint32_t back =
        length == 1 ? (unsigned char)bytes[0] : (unsigned char)bytes[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) back = back << 6 | ((unsigned char)bytes[i] & 0x3F);
    assert_int_equal(back, code);
  }
}

static void malformed_sequences_have_no_length(void **state) {
  (void)state;
  static const char *const malformed[] = {
      "\x80",             /* a continuation alone */
      "\xBF",             /* likewise */
      "\xC0\x80",         /* overlong 0 */
      "\xC1\xBF",         /* overlong 7F */
      "\xE0\x9F\xBF",     /* overlong 7FF */
      "\xF0\x8F\xBF\xBF", /* overlong FFFF */
      "\xED\xA0\x80",     /* surrogate D800 */
      "\xED\xBF\xBF",     /* surrogate DFFF */
      "\xF4\x90\x80\x80", /* 110000 */
      "\xF5\x80\x80\x80", /* beyond */
      "\xFE",             /* no lead */
      "\xFF",             /* no lead */
      "\xC2 ",            /* cut by another character */
      "\xE2\x82 ",        /* likewise */
      "\xF0\x9F\x98 ",    /* likewise */
  };
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
    assert_int_equal(length_of(malformed[i], strlen(malformed[i])), 0);
}

static void nothing_behind_the_end_is_read(void **state) {
  (void)state;
  assert_int_equal(length_of("\xE2\x82\xAC", 1), 0);
  assert_int_equal(length_of("\xE2\x82\xAC", 2), 0);
  assert_int_equal(length_of("\xE2\x82\xAC", 3), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_code_point_is_its_own_inverse),
      cmocka_unit_test(malformed_sequences_have_no_length),
      cmocka_unit_test(nothing_behind_the_end_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
