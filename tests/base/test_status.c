/* tests/base/test_status.c: statuses and error texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/status.h"

static void every_status_has_a_name_and_a_text(void **state) {
  (void)state;
  assert_string_equal(edb_status_name(EDB_OK), "EDB_OK");
  assert_string_equal(edb_status_name(EDB_ERROR_IO), "EDB_ERROR_IO");
  assert_string_equal(edb_status_text(EDB_ERROR_IO), "cannot read or write");
  for (int i = 0; i < EDB_STATUS_COUNT; i++) {
    assert_int_equal(strncmp(edb_status_name((edb_status)i), "EDB_", 4), 0);
    assert_true(edb_status_text((edb_status)i)[0] != '\0');
  }
}

static void unknown_statuses_have_texts_too(void **state) {
  (void)state;
  assert_non_null(edb_status_name(EDB_STATUS_COUNT));
  assert_non_null(edb_status_text((edb_status)-1));
}

static void a_failure_sets_status_and_text(void **state) {
  (void)state;
  edb_error error = {.line = 3, .column = 4};
  assert_int_equal(edb_fail(&error, EDB_ERROR_SHAPE, "found %d, expected %s", 3, "four"),
                   EDB_ERROR_SHAPE);
  assert_int_equal(error.status, EDB_ERROR_SHAPE);
  assert_string_equal(error.text, "found 3, expected four");
  assert_int_equal(error.line, 0);
  assert_int_equal(error.column, 0);
}

static void a_missing_error_is_allowed(void **state) {
  (void)state;
  assert_int_equal(edb_fail(NULL, EDB_ERROR_IO, "x"), EDB_ERROR_IO);
  assert_int_equal(edb_fail_at(NULL, EDB_ERROR_IO, "f", 1, 1, "x"), EDB_ERROR_IO);
  assert_int_equal(edb_fail_memory(NULL, 1, "x"), EDB_ERROR_MEMORY);
}

static void a_position_begins_the_text(void **state) {
  (void)state;
  edb_error error;
  edb_fail_at(&error, EDB_ERROR_FORMAT, "m.edb", 12, 7, "no");
  assert_string_equal(error.text, "m.edb:12:7: no");
  assert_int_equal(error.line, 12);
  assert_int_equal(error.column, 7);
  edb_fail_at(&error, EDB_ERROR_FORMAT, "m.edb", 12, 0, "no");
  assert_string_equal(error.text, "m.edb:12: no");
  edb_fail_at(&error, EDB_ERROR_FORMAT, "m.edb", 0, 7, "no");
  assert_string_equal(error.text, "m.edb: no");
  assert_int_equal(error.column, 0);
  edb_fail_at(&error, EDB_ERROR_FORMAT, NULL, 1, 2, "no");
  assert_string_equal(error.text, "1:2: no");
  edb_fail_at(&error, EDB_ERROR_FORMAT, NULL, 0, 0, "no");
  assert_string_equal(error.text, "no");
}

static void a_text_that_does_not_fit_ends_in_dots(void **state) {
  (void)state;
  char name[2 * EDB_ERROR_TEXT_BYTES];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  edb_error error;
  edb_fail(&error, EDB_ERROR_NAME, "unknown name %s", name);
  assert_int_equal(strlen(error.text), EDB_ERROR_TEXT_BYTES - 1);
  assert_string_equal(error.text + EDB_ERROR_TEXT_BYTES - 5, "n...");
  edb_fail_at(&error, EDB_ERROR_NAME, name, 1, 2, "lost");
  assert_int_equal(strlen(error.text), EDB_ERROR_TEXT_BYTES - 1);
  assert_string_equal(error.text + EDB_ERROR_TEXT_BYTES - 5, "n...");
}

static void a_text_can_wrap_its_own_predecessor(void **state) {
  (void)state;
  edb_error error;
  edb_fail(&error, EDB_ERROR_IO, "no such file");
  edb_fail(&error, error.status, "cannot load: %s", error.text);
  assert_string_equal(error.text, "cannot load: no such file");
}

static void what_cannot_be_shown_becomes_question_marks(void **state) {
  (void)state;
  static const struct {
    const char *found, *shown;
  } cases[] = {{"plain ~", "plain ~"},
               {"\x1b[31m\t\r\n\x7f|", "?[31m????|"},
               {"h\xc3\xa9llo \xf0\x9f\x98\x80", "h\xc3\xa9llo \xf0\x9f\x98\x80"},
               {"\xc2\x9b"
                "31m \xc2\xa0",
                "??31m \xc2\xa0"},
               {"\xff\xc0\x80 \xed\xa0\x80", "??? ???"},
               {"cut \xf0\x9f\x98", "cut ???"},
               {"\xc2", "?"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    edb_error error;
    (void)edb_fail_at(&error, EDB_ERROR_FORMAT, "a", 1, 2, "%s", cases[i].found);
    assert_string_equal(error.text + strlen("a:1:2: "), cases[i].shown);
  }
}

static void missing_memory_is_told_with_its_size(void **state) {
  (void)state;
  edb_error error;
  assert_int_equal(edb_fail_memory(&error, 48, "the nodes of a graph"), EDB_ERROR_MEMORY);
  assert_string_equal(error.text, "out of memory: wanted 48 bytes for the nodes of a graph");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_a_name_and_a_text),
      cmocka_unit_test(unknown_statuses_have_texts_too),
      cmocka_unit_test(a_failure_sets_status_and_text),
      cmocka_unit_test(a_missing_error_is_allowed),
      cmocka_unit_test(a_position_begins_the_text),
      cmocka_unit_test(a_text_that_does_not_fit_ends_in_dots),
      cmocka_unit_test(a_text_can_wrap_its_own_predecessor),
      cmocka_unit_test(what_cannot_be_shown_becomes_question_marks),
      cmocka_unit_test(missing_memory_is_told_with_its_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
