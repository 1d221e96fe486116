/* tests/base/test_json_writer.c: the writer, and that the parser reads what it wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "support/faulty.h"

static void write_sample(edb_json_writer *w) {
  edb_json_begin(w, '{');
  edb_json_key(w, "name");
  edb_json_cstring(w, "tree");
  edb_json_key(w, "sizes");
  edb_json_begin(w, '[');
  edb_json_int(w, 1);
  edb_json_int(w, INT64_MIN);
  edb_json_end(w, ']');
  edb_json_key(w, "row");
  edb_json_inline(w, true);
  edb_json_begin(w, '[');
  edb_json_bool(w, true);
  edb_json_null(w);
  edb_json_begin(w, '{');
  edb_json_key(w, "a");
  edb_json_double(w, 0.5);
  edb_json_end(w, '}');
  edb_json_end(w, ']');
  edb_json_inline(w, false);
  edb_json_key(w, "none");
  edb_json_begin(w, '{');
  edb_json_end(w, '}');
  edb_json_key(w, "nothing");
  edb_json_begin(w, '[');
  edb_json_end(w, ']');
  edb_json_end(w, '}');
}

static void assert_sample_is(uint32_t indent, const char *expected) {
  faulty f;
  edb_text text;
  edb_json_writer w;
  edb_text_init(&text, faulty_context(&f, 0));
  edb_json_writer_init(&w, &text, indent);
  write_sample(&w);
  assert_false(text.failed);
  assert_string_equal(text.data, expected);
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void without_indent_all_is_one_line(void **state) {
  (void)state;
  assert_sample_is(0, "{\"name\":\"tree\",\"sizes\":[1,-9223372036854775808],"
                      "\"row\":[true,null,{\"a\":0.5}],\"none\":{},\"nothing\":[]}");
}

static void with_indent_items_stand_on_lines_but_inline_ones(void **state) {
  (void)state;
  assert_sample_is(2, "{\n"
                      "  \"name\": \"tree\",\n"
                      "  \"sizes\": [\n"
                      "    1,\n"
                      "    -9223372036854775808\n"
                      "  ],\n"
                      "  \"row\": [true, null, {\"a\": 0.5}],\n"
                      "  \"none\": {},\n"
                      "  \"nothing\": []\n"
                      "}");
}

static void assert_string_is(const char *bytes, size_t length, const char *expected) {
  faulty f;
  edb_text text;
  edb_json_writer w;
  edb_text_init(&text, faulty_context(&f, 0));
  edb_json_writer_init(&w, &text, 0);
  edb_json_string(&w, bytes, length);
  assert_string_equal(text.data, expected);
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void strings_are_escaped_where_they_must_be(void **state) {
  (void)state;
  assert_string_is("", 0, "\"\"");
  assert_string_is("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
  assert_string_is("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
  assert_string_is("\0\1\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
  assert_string_is("\xC3\xA9\xF0\x9F\x98\x80", 6, "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state) {
  (void)state;
  assert_string_is("a\xFFz", 3, "\"a\xEF\xBF\xBDz\"");
  assert_string_is("\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void numbers_are_shortest_and_what_is_not_finite_is_null(void **state) {
  (void)state;
  faulty f;
  edb_text text;
  edb_json_writer w;
  edb_text_init(&text, faulty_context(&f, 0));
  edb_json_writer_init(&w, &text, 0);
  edb_json_begin(&w, '[');
  edb_json_double(&w, 0.1);
  edb_json_double(&w, 0.1f);
  edb_json_double(&w, NAN);
  edb_json_double(&w, -INFINITY);
  edb_json_double(&w, INFINITY);
  edb_json_double(&w, 1e300);
  edb_json_end(&w, ']');
  assert_string_equal(text.data, "[0.1,0.10000000149011612,null,null,null,1e+300]");
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void what_was_written_is_read_back(void **state) {
  (void)state;
  char all[256];
  for (size_t i = 0; i < 128; i++) all[i] = (char)i;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_text text;
    edb_json_writer w;
    edb_text_init(&text, ctx);
    edb_json_writer_init(&w, &text, 3);
    edb_json_begin(&w, '[');
    edb_json_string(&w, all, 128);
    edb_json_double(&w, 1.0 / 3);
    edb_json_end(&w, ']');
    assert_int_equal(text.failed, f.failures != 0);
    edb_json json;
    edb_json_token token;
    edb_json_init(&json, ctx, text.data, text.length, "text", 1);
    edb_status status = EDB_ERROR_MEMORY;
    if (!text.failed) status = edb_json_expect(&json, EDB_JSON_ARRAY, &token, NULL);
    if (status == EDB_OK) status = edb_json_expect(&json, EDB_JSON_STRING, &token, NULL);
    if (status == EDB_OK) {
      assert_int_equal(token.length, 128);
      assert_memory_equal(token.text, all, 128);
      assert_int_equal(edb_json_expect(&json, EDB_JSON_NUMBER, &token, NULL), EDB_OK);
      assert_true((float)token.number == 1.0f / 3);
      assert_int_equal(edb_json_expect(&json, EDB_JSON_ARRAY_END, &token, NULL), EDB_OK);
      assert_int_equal(edb_json_expect(&json, EDB_JSON_END, &token, NULL), EDB_OK);
    }
    assert_true(faulty_status(&f, status));
    edb_json_free(&json);
    edb_text_free(&text);
  }
  assert_true(f.fail_at > 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_indent_all_is_one_line),
      cmocka_unit_test(with_indent_items_stand_on_lines_but_inline_ones),
      cmocka_unit_test(strings_are_escaped_where_they_must_be),
      cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
      cmocka_unit_test(numbers_are_shortest_and_what_is_not_finite_is_null),
      cmocka_unit_test(what_was_written_is_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
