/* tests/base/test_text.c: the growing text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/file.h"
#include "support/faulty.h"

static void pieces_are_joined(void **state) {
  (void)state;
  faulty f;
  edb_text text;
  edb_text_init(&text, faulty_context(&f, 0));
  edb_text_append(&text, "tree", 4);
  edb_text_append(&text, "", 0);
  edb_text_printf(&text, "%s%d", "_lstm", 2);
  assert_string_equal(text.data, "tree_lstm2");
  assert_int_equal(text.length, 10);
  assert_false(text.failed);
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void appending_nothing_makes_an_empty_text(void **state) {
  (void)state;
  faulty f;
  edb_text text;
  edb_text_init(&text, faulty_context(&f, 0));
  assert_null(text.data);
  edb_text_append(&text, NULL, 0);
  assert_string_equal(text.data, "");
  edb_text_printf(&text, "%s", "");
  assert_string_equal(text.data, "");
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void printed_pieces_of_any_length_fit(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (int width = 1; width < 600; width += 7) {
    edb_text text;
    edb_text_init(&text, ctx);
    edb_text_printf(&text, "%*d", width, 1);
    edb_text_printf(&text, "%*d", width, 2);
    assert_int_equal(text.length, 2 * width);
    assert_int_equal(strlen(text.data), 2 * width);
    assert_int_equal(text.data[width - 1], '1');
    edb_text_free(&text);
  }
  faulty_destroy(&f);
}

static void bytes_may_be_zero(void **state) {
  (void)state;
  faulty f;
  edb_text text;
  edb_text_init(&text, faulty_context(&f, 0));
  edb_text_append(&text, "a\0b", 3);
  assert_int_equal(text.length, 3);
  assert_memory_equal(text.data, "a\0b", 4);
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void growth_takes_few_allocations(void **state) {
  (void)state;
  faulty f;
  edb_text text;
  edb_text_init(&text, faulty_context(&f, 0));
  for (int i = 0; i < 100000; i++) edb_text_append(&text, "x", 1);
  assert_int_equal(text.length, 100000);
  assert_true(f.requests < 16);
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void a_failure_stays_and_keeps_the_text_whole(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_text text;
    edb_text_init(&text, ctx);
    for (int i = 0; i < 40; i++) {
      edb_text_append(&text, "0123456789", 10);
      edb_text_printf(&text, "%030d", i);
    }
    assert_int_equal(text.failed, f.failures != 0);
    if (text.data != NULL) assert_int_equal(strlen(text.data), text.length);
    if (!text.failed) assert_int_equal(text.length, 1600);
    size_t length = text.length;
    edb_text_append(&text, "x", 1);
    edb_text_printf(&text, "x");
    if (text.failed) assert_int_equal(text.length, length);
    edb_text_free(&text);
    assert_false(text.failed);
  }
  assert_true(f.fail_at > 4);
}

static void a_length_that_wraps_is_a_failure(void **state) {
  (void)state;
  faulty f;
  edb_text text;
  edb_text_init(&text, faulty_context(&f, 0));
  edb_text_append(&text, "abc", 3);
  edb_text_append(&text, "abc", SIZE_MAX - 2);
  assert_true(text.failed);
  assert_string_equal(text.data, "abc");
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void what_stands_at_a_place_is_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {"", "the end of the text"},
      {"\nword", "the end of the line"},
      {"\r\n", "the end of the line"},
      {"word,", "\"word\""},
      {"-1.5e+3]", "\"-1.5e+3\""},
      {"(a)", "\"(\""},
      {"\"a\"", "a double quote"},
      {"\x07", "byte 0x07"},
      {"\x7f", "byte 0x7f"},
      {"\xff", "byte 0xff"},
      {"\xc3\xa9t\xc3\xa9", "\"\xc3\xa9\""},
      {"abcdefghijklmnopqrstuvwxyz", "\"abcdefghijklmnopqrstuvwx\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char buffer[EDB_FOUND_BYTES];
    const char *at = cases[i].text;
    assert_string_equal(edb_found(at, at + strlen(at), buffer), cases[i].expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_joined),
      cmocka_unit_test(appending_nothing_makes_an_empty_text),
      cmocka_unit_test(printed_pieces_of_any_length_fit),
      cmocka_unit_test(bytes_may_be_zero),
      cmocka_unit_test(growth_takes_few_allocations),
      cmocka_unit_test(a_failure_stays_and_keeps_the_text_whole),
      cmocka_unit_test(a_length_that_wraps_is_a_failure),
      cmocka_unit_test(what_stands_at_a_place_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
