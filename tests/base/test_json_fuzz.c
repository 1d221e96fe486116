/* tests/base/test_json_fuzz.c: cut and mutated texts never crash the parser, and what it takes
 * means the same after it was written again. Seeded, hence the same in every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "support/faulty.h"

static const char sample[] =
    "{\"policy\": {\"version\": 1, \"states\": [[0, 1.5e-3, -7], [], {}], \"ok\": true},\n"
    " \"na\\u00efve \\ud83d\\ude00\": \"caf\xC3\xA9 \\\"quoted\\\" \\n\", \"none\": null,\n"
    " \"big\": [9223372036854775807, 1e308, 123456789.123456789, false]}";

/* Copies all tokens of a text into a writer; the status of the parser. */
static edb_status rewrite(edb_context *ctx, const char *text, size_t bytes, edb_text *out) {
  edb_json json;
  edb_json_writer w;
  edb_json_token token = {.type = EDB_JSON_NULL};
  edb_status status = EDB_OK;
  edb_json_init(&json, ctx, text, bytes, "fuzz", 1);
  edb_json_writer_init(&w, out, 0);
  while ((status = edb_json_next(&json, &token, NULL)) == EDB_OK && token.type != EDB_JSON_END) {
    switch (token.type) {
    case EDB_JSON_NULL:
      edb_json_null(&w);
      break;
    case EDB_JSON_BOOL:
      edb_json_bool(&w, token.boolean);
      break;
    case EDB_JSON_NUMBER:
      edb_json_double(&w, token.number);
      break;
    case EDB_JSON_STRING:
      edb_json_string(&w, token.text, token.length);
      break;
    case EDB_JSON_KEY:
      if (strlen(token.text) == token.length)
        edb_json_key(&w, token.text);
      else
        edb_json_key(&w, "with a zero");
      break;
    case EDB_JSON_OBJECT:
      edb_json_begin(&w, '{');
      break;
    case EDB_JSON_OBJECT_END:
      edb_json_end(&w, '}');
      break;
    case EDB_JSON_ARRAY:
      edb_json_begin(&w, '[');
      break;
    default:
      edb_json_end(&w, ']');
    }
  }
  edb_json_free(&json);
  return status;
}

/* The copy on the heap ends where the text ends, so that the sanitizer sees any read behind it. */
static edb_status parse_exact(edb_context *ctx, const char *text, size_t bytes) {
  char *copy = malloc(bytes != 0 ? bytes : 1);
  assert_non_null(copy);
  memcpy(copy, text, bytes);
  edb_text once;
  edb_text twice;
  edb_text_init(&once, ctx);
  edb_text_init(&twice, ctx);
  edb_status status = rewrite(ctx, copy, bytes, &once);
  if (status == EDB_OK) {
    assert_int_equal(rewrite(ctx, once.data, once.length, &twice), EDB_OK);
    assert_string_equal(once.data, twice.data);
  }
  edb_text_free(&once);
  edb_text_free(&twice);
  free(copy);
  return status;
}

static void every_prefix_of_a_valid_text_fails_cleanly(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (size_t bytes = 0; bytes < sizeof sample - 1; bytes++)
    assert_int_equal(parse_exact(ctx, sample, bytes), EDB_ERROR_FORMAT);
  assert_int_equal(parse_exact(ctx, sample, sizeof sample - 1), EDB_OK);
  faulty_destroy(&f);
}

/* Changes, inserts, drops or repeats a few bytes; gives the new length. */
static size_t mutate(edb_rng *rng, char *text, size_t length, size_t room) {
  static const char bytes[] = "{}[]\",:\\u0d8e-+.E \n\xFF\xE2\x80";
  uint32_t changes = 1 + edb_rng_below(rng, 4);
  for (uint32_t i = 0; i < changes && length > 8; i++) {
    size_t at = edb_rng_below(rng, (uint32_t)length);
    size_t span = 1 + edb_rng_below(rng, 6);
    switch (edb_rng_below(rng, 4)) {
    case 0:
      text[at] = (char)edb_rng_below(rng, 256);
      break;
    case 1:
      text[at] = bytes[edb_rng_below(rng, sizeof bytes)];
      break;
    case 2:
      if (at + span > length) break;
      memmove(text + at, text + at + span, length - at - span);
      length -= span;
      break;
    default:
      if (at + span > length || length + span > room) break;
      memmove(text + at + span, text + at, length - at);
      length += span;
    }
  }
  return length;
}

static void mutated_texts_are_taken_or_refused(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_rng rng;
  edb_rng_seed(&rng, 20230701);
  size_t taken = 0;
  for (int i = 0; i < 20000; i++) {
    char text[2 * sizeof sample];
    memcpy(text, sample, sizeof sample);
    size_t length = mutate(&rng, text, sizeof sample - 1, sizeof text);
    taken += parse_exact(ctx, text, length) == EDB_OK;
  }
  assert_true(taken > 100 && taken < 19900);
  faulty_destroy(&f);
}

static void random_tokens_are_taken_or_refused(void **state) {
  (void)state;
  static const char *const pieces[] = {"{",     "}",         "[",     "]",  ",",      ":",
                                       "\"a\"", "null",      "false", "12", "-0.5e3", " ",
                                       "\n",    "\"\\u00\"", "\x80",  "\"", "[1,2]",  "{\"k\":1}"};
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_rng rng;
  edb_rng_seed(&rng, 4);
  size_t taken = 0;
  for (int i = 0; i < 20000; i++) {
    char text[256];
    size_t length = 0;
    uint32_t count = 1 + edb_rng_below(&rng, 9);
    for (uint32_t k = 0; k < count; k++) {
      const char *piece = pieces[edb_rng_below(&rng, sizeof pieces / sizeof pieces[0])];
      memcpy(text + length, piece, strlen(piece));
      length += strlen(piece);
    }
    taken += parse_exact(ctx, text, length) == EDB_OK;
  }
  assert_true(taken > 100);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_prefix_of_a_valid_text_fails_cleanly),
      cmocka_unit_test(mutated_texts_are_taken_or_refused),
      cmocka_unit_test(random_tokens_are_taken_or_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
