/* tests/base/test_json.c: the pull parser: what it takes, what it refuses and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "support/faulty.h"

/* Reads a whole text. The types of its tokens go to `types`, one letter each, see `letters`. */
static edb_status read_all(edb_context *ctx, const char *text, size_t bytes, char *types,
                           size_t types_bytes, edb_error *error) {
  static const char letters[] = "ezbnsk{}[]";
  edb_json json;
  edb_json_token token = {.type = EDB_JSON_NULL};
  edb_status status = EDB_OK;
  size_t count = 0;
  edb_json_init(&json, ctx, text, bytes, "f", 1);
  while (status == EDB_OK && token.type != EDB_JSON_END) {
    status = edb_json_next(&json, &token, error);
    if (status == EDB_OK && count + 1 < types_bytes) types[count++] = letters[token.type];
  }
  if (status != EDB_OK && status != EDB_ERROR_MEMORY) {
    /* What is wrong with a text stays wrong: to ask again does not get past it. */
    assert_int_equal(edb_json_next(&json, &token, NULL), status);
  }
  if (types_bytes != 0) types[count] = '\0';
  edb_json_free(&json);
  return status;
}

static void valid_texts_give_their_tokens(void **state) {
  (void)state;
  static const struct {
    const char *text, *types;
  } cases[] = {
      {"null", "ze"},
      {"true", "be"},
      {"false", "be"},
      {"0", "ne"},
      {" \t\r\n-0.0e-0 \n", "ne"},
      {"\"\"", "se"},
      {"{}", "{}e"},
      {"[]", "[]e"},
      {" [ ] ", "[]e"},
      {"[1,2]", "[nn]e"},
      {"[[],[[]],{}]", "[[][[]]{}]e"},
      {"{\"a\":1}", "{kn}e"},
      {"{ \"a\" : [ 1 , \"b\" ] , \"a\" : { } }", "{k[ns]k{}}e"},
      {"{\"\":null}", "{kz}e"},
      {"[\"\\u0000\", \"\xF4\x8F\xBF\xBF\", \"\x7f\"]", "[sss]e"},
      {"\xEF\xBB\xBF[1]", "[n]e"},
      {"[1E+2, 1e5, 123.456e-7]", "[nnn]e"},
  };
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char types[64];
    edb_error error = {.text = ""};
    edb_status status =
        read_all(ctx, cases[i].text, strlen(cases[i].text), types, sizeof types, &error);
    if (status != EDB_OK) fail_msg("%s: %s", cases[i].text, error.text);
    assert_string_equal(types, cases[i].types);
  }
  faulty_destroy(&f);
}

typedef struct bad_text {
  const char *text, *message;
} bad_text;

static void assert_refused(const bad_text *cases, size_t count) {
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (size_t i = 0; i < count; i++) {
    edb_error error = {.text = ""};
    size_t bytes = strlen(cases[i].text);
    edb_status status = read_all(ctx, cases[i].text, bytes, NULL, 0, &error);
    if (status != EDB_ERROR_FORMAT)
      fail_msg("%s: status %s", cases[i].text, edb_status_name(status));
    assert_string_equal(error.text, cases[i].message);
    char position[64];
    int length = snprintf(position, sizeof position, "f:%u:%u: ", error.line, error.column);
    assert_int_equal(strncmp(error.text, position, (size_t)length), 0);
  }
  faulty_destroy(&f);
}
#define ASSERT_REFUSED(cases) assert_refused(cases, sizeof(cases) / sizeof(cases)[0])

static void broken_structures_are_refused_with_their_position(void **state) {
  (void)state;
  static const bad_text cases[] = {
      {"", "f:1:1: found the end of the text, expected a value"},
      {"  \n ", "f:2:2: found the end of the text, expected a value"},
      {"[", "f:1:2: found the end of the text, expected a value or \"]\""},
      {"]", "f:1:1: found \"]\", expected a value"},
      {"}", "f:1:1: found \"}\", expected a value"},
      {",", "f:1:1: found \",\", expected a value"},
      {"[1", "f:1:3: found the end of the text, expected \",\" or \"]\""},
      {"[1,", "f:1:4: found the end of the text, expected a value"},
      {"[1,]", "f:1:4: found \"]\", expected a value"},
      {"[,1]", "f:1:2: found \",\", expected a value or \"]\""},
      {"[1,,2]", "f:1:4: found \",\", expected a value"},
      {"[1 2]", "f:1:4: found \"2\", expected \",\" or \"]\""},
      {"[1}", "f:1:3: found \"}\", expected \",\" or \"]\""},
      {"[1:2]", "f:1:3: found \":\", expected \",\" or \"]\""},
      {"{", "f:1:2: found the end of the text, expected a name in double quotes or \"}\""},
      {"{]", "f:1:2: found \"]\", expected a name in double quotes or \"}\""},
      {"{1:2}", "f:1:2: found \"1\", expected a name in double quotes or \"}\""},
      {"{a:2}", "f:1:2: found \"a\", expected a name in double quotes or \"}\""},
      {"{'a':2}", "f:1:2: found \"'\", expected a name in double quotes or \"}\""},
      {"{\"a\"}", "f:1:5: found \"}\", expected \":\" after a name"},
      {"{\"a\" \"b\":1}", "f:1:6: found a double quote, expected \":\" after a name"},
      {"{\"a\",1}", "f:1:5: found \",\", expected \":\" after a name"},
      {"{\"a\"", "f:1:5: found the end of the text, expected \":\" after a name"},
      {"{\"a\":", "f:1:6: found the end of the text, expected a value"},
      {"{\"a\":}", "f:1:6: found \"}\", expected a value"},
      {"{\"a\":1", "f:1:7: found the end of the text, expected \",\" or \"}\""},
      {"{\"a\":1,}", "f:1:8: found \"}\", expected a name in double quotes"},
      {"{\"a\":1]", "f:1:7: found \"]\", expected \",\" or \"}\""},
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "f:3:3: found a double quote, expected \",\" or \"}\""},
      {"[1]]", "f:1:4: found \"]\", expected the end of the text"},
      {"1 2", "f:1:3: found \"2\", expected the end of the text"},
      {"{} {}", "f:1:4: found \"{\", expected the end of the text"},
      {"[1] // no", "f:1:5: found \"/\", expected the end of the text"},
      {"[1]\x0c", "f:1:4: found byte 0x0c, expected the end of the text"},
      {"\xC2\xA0[]", "f:1:1: found \"\xC2\xA0\", expected a value"},
      {"\xEF\xBB", "f:1:1: found byte 0xef, expected a value"},
  };
  ASSERT_REFUSED(cases);
}

static void broken_literals_and_numbers_are_refused(void **state) {
  (void)state;
  static const bad_text cases[] = {
      {"nul", "f:1:1: found \"nul\", expected a value"},
      {"nulll", "f:1:1: found \"nulll\", expected a value"},
      {"True", "f:1:1: found \"True\", expected a value"},
      {"NaN", "f:1:1: found \"NaN\", expected a value"},
      {"[Infinity]", "f:1:2: found \"Infinity\", expected a value or \"]\""},
      {"-Infinity", "f:1:1: found \"-Infinity\", expected a number such as -1.5e3"},
      {"-", "f:1:1: found \"-\", expected a number such as -1.5e3"},
      {"+1", "f:1:1: found \"+1\", expected a value"},
      {".5", "f:1:1: found \".5\", expected a value"},
      {"[01]", "f:1:2: found \"01\", expected a number such as -1.5e3"},
      {"-01", "f:1:1: found \"-01\", expected a number such as -1.5e3"},
      {"1.", "f:1:1: found \"1.\", expected a number such as -1.5e3"},
      {"1.e5", "f:1:1: found \"1.e5\", expected a number such as -1.5e3"},
      {"1e", "f:1:1: found \"1e\", expected a number such as -1.5e3"},
      {"1e+", "f:1:1: found \"1e+\", expected a number such as -1.5e3"},
      {"0x10", "f:1:1: found \"0x10\", expected a number such as -1.5e3"},
      {"1-2", "f:1:1: found \"1-2\", expected a number such as -1.5e3"},
      {"1e999", "f:1:1: found \"1e999\", expected a number within the range of a double"},
      {"[-1e999]", "f:1:2: found \"-1e999\", expected a number within the range of a double"},
  };
  ASSERT_REFUSED(cases);
}

static void broken_strings_are_refused(void **state) {
  (void)state;
  static const bad_text cases[] = {
      {"\"", "f:1:2: found the end of the text, expected a closing quote"},
      {"\"abc", "f:1:5: found the end of the text, expected a closing quote"},
      {"\"abc\\", "f:1:6: found the end of the text, expected a closing quote"},
      {"\"abc\\\"", "f:1:7: found the end of the text, expected a closing quote"},
      {"\"a\n\"",
       "f:1:3: found the end of the line, expected a closing quote (control characters are written "
       "as escapes)"},
      {"\"\t\"", "f:1:2: found byte 0x09, expected a closing quote (control characters are written "
                 "as escapes)"},
      {"\"\\x\"", "f:1:3: found \"x\", expected one of \"\\/bfnrtu after a backslash"},
      {"\"\\u12\"", "f:1:2: found \"\\\", expected four hexadecimal digits after \\u"},
      {"\"\\u12g4\"", "f:1:2: found \"\\\", expected four hexadecimal digits after \\u"},
      {"\"x\\ud800\"", "f:1:3: found surrogate \\uD800 alone, expected a pair of surrogates"},
      {"\"\\udc00\\ud800\"", "f:1:2: found surrogate \\uDC00 alone, expected a pair of surrogates"},
      {"\"\\ud800\\u0041\"", "f:1:2: found surrogate \\uD800 alone, expected a pair of surrogates"},
      {"\"\\ud800x\"", "f:1:2: found surrogate \\uD800 alone, expected a pair of surrogates"},
      {"\"a\xFF\"", "f:1:3: found byte 0xff, expected well-formed UTF-8"},
      {"\"\xC0\x80\"", "f:1:2: found byte 0xc0, expected well-formed UTF-8"},
      {"\"\xED\xA0\x80\"", "f:1:2: found byte 0xed, expected well-formed UTF-8"},
      {"\"\xE2\x82\"", "f:1:2: found byte 0xe2, expected well-formed UTF-8"},
      {"{\"\\q\":1}", "f:1:4: found \"q\", expected one of \"\\/bfnrtu after a backslash"},
  };
  ASSERT_REFUSED(cases);
}

static void zero_bytes_are_refused_everywhere(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  const char text[] = "{\"a\": [1, true, \"b\"]}";
  for (size_t i = 0; i < sizeof text - 1; i++) {
    char copy[sizeof text];
    memcpy(copy, text, sizeof text);
    copy[i] = '\0';
    assert_int_equal(read_all(ctx, copy, sizeof text - 1, NULL, 0, NULL), EDB_ERROR_FORMAT);
  }
  faulty_destroy(&f);
}

static void strings_are_unescaped(void **state) {
  (void)state;
  static const struct {
    const char *text, *value;
    size_t length;
  } cases[] = {
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
      {"\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6},
      {"\"\\ud83d\\ude00!\"", "\xF0\x9F\x98\x80!", 5},
      {"\"\\uDBFF\\uDFFF\"", "\xF4\x8F\xBF\xBF", 4},
      {"\"a\\u0000b\"", "a\0b", 3},
      {"\"caf\xC3\xA9\"", "caf\xC3\xA9", 5},
      {"\"\"", "", 0},
  };
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    edb_json json;
    edb_json_token token;
    edb_json_init(&json, ctx, cases[i].text, strlen(cases[i].text), "f", 1);
    assert_int_equal(edb_json_expect(&json, EDB_JSON_STRING, &token, NULL), EDB_OK);
    assert_int_equal(token.length, cases[i].length);
    assert_memory_equal(token.text, cases[i].value, cases[i].length + 1);
    edb_json_free(&json);
  }
  faulty_destroy(&f);
}

static void tokens_know_position_and_value(void **state) {
  (void)state;
  const char text[] = "{\n  \"k\\n\": -12,\r\n\t\"x\" :true, \"y\": 2.50}";
  static const struct {
    edb_json_type type;
    uint32_t line, column;
  } expected[] = {{EDB_JSON_OBJECT, 5, 1},  {EDB_JSON_KEY, 6, 3},         {EDB_JSON_NUMBER, 6, 10},
                  {EDB_JSON_KEY, 7, 2},     {EDB_JSON_BOOL, 7, 7},        {EDB_JSON_KEY, 7, 13},
                  {EDB_JSON_NUMBER, 7, 18}, {EDB_JSON_OBJECT_END, 7, 22}, {EDB_JSON_END, 7, 23}};
  faulty f;
  edb_json json;
  edb_json_init(&json, faulty_context(&f, 0), text, sizeof text - 1, "f", 5);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    edb_json_token token;
    assert_int_equal(edb_json_expect(&json, expected[i].type, &token, NULL), EDB_OK);
    assert_int_equal(token.line, expected[i].line);
    assert_int_equal(token.column, expected[i].column);
    if (i == 2) assert_true(token.number == -12 && token.is_integer && token.integer == -12);
    if (i == 4) assert_true(token.boolean);
    if (i == 6) assert_true(token.number == 2.5 && !token.is_integer);
  }
  edb_json_token token;
  assert_int_equal(edb_json_expect(&json, EDB_JSON_END, &token, NULL), EDB_OK);
  edb_json_free(&json);
  faulty_destroy(&f);
}

static void an_unexpected_type_is_named(void **state) {
  (void)state;
  static const struct {
    const char *text;
    edb_json_type wanted;
    const char *message;
  } cases[] = {
      {" 1", EDB_JSON_STRING, "f:1:2: found a number, expected a string"},
      {"null", EDB_JSON_OBJECT, "f:1:1: found null, expected an object"},
      {"[]", EDB_JSON_OBJECT, "f:1:1: found an array, expected an object"},
      {"{", EDB_JSON_ARRAY, "f:1:1: found an object, expected an array"},
      {"true", EDB_JSON_NUMBER, "f:1:1: found true or false, expected a number"},
  };
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    edb_json json;
    edb_json_token token = {.line = 77};
    edb_error error;
    edb_json_init(&json, ctx, cases[i].text, strlen(cases[i].text), "f", 1);
    assert_int_equal(edb_json_expect(&json, cases[i].wanted, &token, &error), EDB_ERROR_FORMAT);
    assert_string_equal(error.text, cases[i].message);
    assert_int_equal(token.line, 77);
    edb_json_free(&json);
  }
  faulty_destroy(&f);
}

static void an_unexpected_name_is_quoted(void **state) {
  (void)state;
  faulty f;
  edb_json json;
  edb_json_token token;
  edb_error error;
  edb_json_init(&json, faulty_context(&f, 0), "{\"hidden\":1}", 12, "f", 1);
  assert_int_equal(edb_json_expect(&json, EDB_JSON_OBJECT, &token, NULL), EDB_OK);
  assert_int_equal(edb_json_expect(&json, EDB_JSON_OBJECT_END, &token, &error), EDB_ERROR_FORMAT);
  assert_string_equal(error.text,
                      "f:1:2: found the name \"hidden\", expected the end of an object");
  edb_json_free(&json);
  faulty_destroy(&f);
}

static void a_reader_can_fail_at_a_token(void **state) {
  (void)state;
  faulty f;
  edb_json json;
  edb_json_token token;
  edb_error error;
  edb_json_init(&json, faulty_context(&f, 0), "\n  -3", 5, "sizes.json", 1);
  assert_int_equal(edb_json_expect(&json, EDB_JSON_NUMBER, &token, NULL), EDB_OK);
  assert_int_equal(
      edb_json_fail(&json, &token, &error, EDB_ERROR_SHAPE, "found %d, expected a size", -3),
      EDB_ERROR_SHAPE);
  assert_string_equal(error.text, "sizes.json:2:3: found -3, expected a size");
  edb_json_free(&json);
  faulty_destroy(&f);
}

static void whole_values_are_skipped(void **state) {
  (void)state;
  const char text[] = "{\"a\": {\"x\": [1, {}, [[]]]}, \"b\": 2, \"c\": [3, [4]], \"d\": \"e\"}";
  faulty f;
  edb_json json;
  edb_json_token token;
  edb_json_init(&json, faulty_context(&f, 0), text, sizeof text - 1, "f", 1);
  assert_int_equal(edb_json_expect(&json, EDB_JSON_OBJECT, &token, NULL), EDB_OK);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(edb_json_expect(&json, EDB_JSON_KEY, &token, NULL), EDB_OK);
    assert_int_equal(token.text[0], 'a' + i);
    if (i % 2 == 0) { /* by its key, or by its first token */
      assert_int_equal(edb_json_skip(&json, &token, NULL), EDB_OK);
      continue;
    }
    assert_int_equal(edb_json_next(&json, &token, NULL), EDB_OK);
    assert_int_equal(edb_json_skip(&json, &token, NULL), EDB_OK);
  }
  assert_int_equal(edb_json_expect(&json, EDB_JSON_OBJECT_END, &token, NULL), EDB_OK);
  edb_json_free(&json);
  faulty_destroy(&f);
}

static void what_is_skipped_is_checked(void **state) {
  (void)state;
  faulty f;
  edb_json json;
  edb_json_token token;
  edb_json_init(&json, faulty_context(&f, 0), "[[1, [nope]]]", 13, "f", 1);
  assert_int_equal(edb_json_expect(&json, EDB_JSON_ARRAY, &token, NULL), EDB_OK);
  assert_int_equal(edb_json_skip(&json, &token, NULL), EDB_ERROR_FORMAT);
  edb_json_free(&json);
  faulty_destroy(&f);
}

static void depth_is_limited_not_the_stack(void **state) {
  (void)state;
  enum { COUNT = 10000000 };
  char *text = malloc(COUNT);
  assert_non_null(text);
  memset(text, '[', COUNT);
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_error error;
  assert_int_equal(read_all(ctx, text, COUNT, NULL, 0, &error), EDB_ERROR_LIMIT);
  assert_string_equal(error.text, "f:1:257: nested more than 256 levels deep");
  memset(text + EDB_JSON_MAX_DEPTH, ']', EDB_JSON_MAX_DEPTH);
  assert_int_equal(read_all(ctx, text, 2 * EDB_JSON_MAX_DEPTH, NULL, 0, NULL), EDB_OK);
  free(text);
  faulty_destroy(&f);
}

static void kinds_of_containers_are_kept_at_every_depth(void **state) {
  (void)state;
  /* {"k":[{"k":[ ... ]}]}: each end must be the right one, over all words of the bit stack. */
  char text[EDB_JSON_MAX_DEPTH * 4];
  size_t length = 0;
  for (int i = 0; i < EDB_JSON_MAX_DEPTH; i++) {
    const char *open = i % 2 == 0 ? "{\"\":" : "[";
    memcpy(text + length, open, strlen(open));
    length += strlen(open);
  }
  size_t ends = length;
  for (int i = EDB_JSON_MAX_DEPTH; i-- > 0;) text[length++] = i % 2 == 0 ? '}' : ']';
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  assert_int_equal(read_all(ctx, text, length, NULL, 0, NULL), EDB_OK);
  for (size_t i = ends; i < length; i++) {
    text[i] = (char)(text[i] ^ ('}' ^ ']'));
    assert_int_equal(read_all(ctx, text, length, NULL, 0, NULL), EDB_ERROR_FORMAT);
    text[i] = (char)(text[i] ^ ('}' ^ ']'));
  }
  faulty_destroy(&f);
}

static void each_failing_request_for_memory_is_reported(void **state) {
  (void)state;
  char text[600] = "[\"short\", \"";
  memset(text + 11, 'x', 500);
  memcpy(text + 511, "\"]", 3);
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_status status = read_all(ctx, text, strlen(text), NULL, 0, NULL);
    assert_int_equal(status, f.failures != 0 && f.fail_at < 3 ? EDB_ERROR_MEMORY : EDB_OK);
  }
}

static void every_type_has_a_name(void **state) {
  (void)state;
  for (int type = EDB_JSON_END; type <= EDB_JSON_ARRAY_END; type++)
    assert_true(edb_json_type_name((edb_json_type)type)[0] != '\0');
  assert_non_null(edb_json_type_name((edb_json_type)99));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_texts_give_their_tokens),
      cmocka_unit_test(broken_structures_are_refused_with_their_position),
      cmocka_unit_test(broken_literals_and_numbers_are_refused),
      cmocka_unit_test(broken_strings_are_refused),
      cmocka_unit_test(zero_bytes_are_refused_everywhere),
      cmocka_unit_test(strings_are_unescaped),
      cmocka_unit_test(tokens_know_position_and_value),
      cmocka_unit_test(an_unexpected_type_is_named),
      cmocka_unit_test(an_unexpected_name_is_quoted),
      cmocka_unit_test(a_reader_can_fail_at_a_token),
      cmocka_unit_test(whole_values_are_skipped),
      cmocka_unit_test(what_is_skipped_is_checked),
      cmocka_unit_test(depth_is_limited_not_the_stack),
      cmocka_unit_test(kinds_of_containers_are_kept_at_every_depth),
      cmocka_unit_test(each_failing_request_for_memory_is_reported),
      cmocka_unit_test(every_type_has_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
