/* tests/model/test_hostile.c: texts made to break a reader: deep, long, wide, binary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

#define HEAD       "edb 1\nmodel m\ncell f(x[2]) -> (y[2]):\n  y = "
#define HEAD_BYTES (sizeof HEAD - 1)
#define DEEP       10000000
#define NESTED     1000000
#define MANY       30000

/* HEAD, then `count` times `piece`. Caller frees. */
static char *repeat(const char *piece, size_t count, size_t *bytes) {
  size_t length = strlen(piece);
  *bytes = HEAD_BYTES + count * length;
  char *text = malloc(*bytes + 1);
  assert_non_null(text);
  memcpy(text, HEAD, HEAD_BYTES);
  for (size_t i = 0; i < count; i++) memcpy(text + HEAD_BYTES + i * length, piece, length);
  text[*bytes] = 0;
  return text;
}

static void refuse_repeated(const char *piece, size_t count, edb_status status, const char *start) {
  size_t bytes;
  char *text = repeat(piece, count, &bytes);
  assert_refused_bytes(text, bytes, status, start);
  free(text);
}

static void nesting_is_bounded(void **state) {
  (void)state;
  refuse_repeated("(", DEEP, EDB_ERROR_LIMIT,
                  "m.edb:4:207: the expression nests more than 200 deep");
  refuse_repeated("[", NESTED, EDB_ERROR_LIMIT,
                  "m.edb:4:207: the expression nests more than 200 deep");
  refuse_repeated("-", NESTED, EDB_ERROR_LIMIT,
                  "m.edb:4:207: the expression nests more than 200 deep");
  refuse_repeated("abs(", NESTED / 4, EDB_ERROR_LIMIT,
                  "m.edb:4:807: the expression nests more than");
  refuse_repeated("x[", NESTED / 2, EDB_ERROR_LIMIT, "m.edb:4:407: the expression nests more than");
  refuse_repeated("x[(", NESTED / 3, EDB_ERROR_LIMIT, "m.edb:4:");
}

static void names_may_not_be_longer_than_128_bytes(void **state) {
  (void)state;
  char text[400] = "edb 1\nmodel m\nconst ";
  for (int i = 0; i < 129; i++) strcat(text, "a");
  strcat(text, " = 1\n");
  assert_refused(text, EDB_ERROR_NAME, "m.edb:3:7: constant: the name \"aaaa");
  size_t bytes;
  char *giant = repeat("a", NESTED, &bytes);
  assert_refused_bytes(giant, bytes, EDB_ERROR_NAME, "m.edb:4:7: cell f: there is no value");
  free(giant);
}

static void bytes_that_are_no_text_are_refused_with_their_position(void **state) {
  (void)state;
  static const char zero[] = "edb 1\nmodel m\n# a\0b\n";
  assert_refused_bytes(zero, sizeof zero - 1, EDB_ERROR_FORMAT,
                       "m.edb:3:4: byte 0x00 is a control character");
  assert_refused("edb 1\nmodel m # \xff\n", EDB_ERROR_FORMAT,
                 "m.edb:2:11: byte 0xff is not valid UTF-8");
  assert_refused("edb 1\nmodel m # \xc3", EDB_ERROR_FORMAT,
                 "m.edb:2:11: byte 0xc3 is not valid UTF-8");
  assert_refused("edb 1\rmodel m", EDB_ERROR_FORMAT,
                 "m.edb:1:6: byte 0x0d (carriage return) stands without");
  assert_refused("edb 1\nmodel \xc3\xa9\n", EDB_ERROR_FORMAT,
                 "m.edb:2:7: byte 0xc3 has no meaning here");
  assert_refused("\xef\xbb", EDB_ERROR_FORMAT, "m.edb:1:1: byte 0xef is not valid UTF-8");
}

static void a_text_of_one_gibibyte_is_refused_unread(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  char byte = 'e';
  assert_int_equal(edb_model_parse(ctx, &byte, (size_t)1 << 30, "m.edb", NULL, &model, NULL),
                   EDB_ERROR_LIMIT);
  drop_context(ctx);
}

static void a_missing_file_and_a_folder_are_refused(void **state) {
  (void)state;
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  edb_error error = {0};
  assert_int_equal(edb_model_load(ctx, "/nowhere/m.edb", NULL, &model, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "/nowhere/m.edb"));
  assert_int_equal(edb_model_load(ctx, "/tmp", NULL, &model, &error), EDB_ERROR_IO);
  drop_context(ctx);
}

/* Everything that grows is found by hashing, so very many of anything take no more than their time.
 */
static void very_many_cells_are_read_and_printed(void **state) {
  (void)state;
  char *text = malloc((size_t)MANY * 64), *end = text;
  assert_non_null(text);
  end += sprintf(end, "edb 1\nmodel m\nconst n = 4\nvocab words\nparam E[words, n]\n");
  for (int i = 0; i < MANY; i++) {
    end += sprintf(end, "cell c%d(i: index words) -> (r[n]):\n  r = E[i]\n", i);
  }
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, text);
  assert_int_equal(edb_model_cell_count(model), MANY);
  assert_int_equal(edb_model_set_constant(model, "n", 9, NULL), EDB_OK);
  assert_int_equal(edb_model_output_size(model, MANY - 1, 0), 9);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
  free(text);
}

static void very_many_values_in_one_cell_are_read(void **state) {
  (void)state;
  char *text = malloc((size_t)MANY * 96), *end = text;
  assert_non_null(text);
  end += sprintf(end, "edb 1\nmodel m\ncell f(x[2], ");
  for (int i = 0; i < MANY; i++) end += sprintf(end, "v%d[2]...,", i);
  end += sprintf(end, ") -> (r[2]):\n");
  /* Groups are joined from the back, the worst order for a forest of them. */
  for (int i = MANY - 1; i > 0; i--) end += sprintf(end, " t%d = v%d + v%d\n", i, i, i - 1);
  (void)sprintf(end, " r = x + sum(t1)\n");
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, text);
  const edb_ir_cell *cell = &edb_model_program(model)->cells[0];
  assert_int_equal(cell->sig.n_variadic, MANY);
  assert_int_equal(cell->sig.inputs[MANY].group, 0);
  edb_model_destroy(model);
  drop_context(ctx);
  free(text);
}

static void a_line_of_very_many_terms_is_read(void **state) {
  (void)state;
  size_t bytes;
  char *text = repeat("x * 2 + ", MANY, &bytes);
  text = realloc(text, bytes + 3);
  assert_non_null(text);
  memcpy(text + bytes, "x\n", 3);
  edb_context *ctx = new_context();
  edb_model *model = parse_model(ctx, text);
  assert_int_equal(edb_model_program(model)->cells[0].n_ops, 2 * MANY);
  assert_round_trip(ctx, model);
  edb_model_destroy(model);
  drop_context(ctx);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(names_may_not_be_longer_than_128_bytes),
      cmocka_unit_test(bytes_that_are_no_text_are_refused_with_their_position),
      cmocka_unit_test(a_text_of_one_gibibyte_is_refused_unread),
      cmocka_unit_test(a_missing_file_and_a_folder_are_refused),
      cmocka_unit_test(very_many_cells_are_read_and_printed),
      cmocka_unit_test(very_many_values_in_one_cell_are_read),
      cmocka_unit_test(a_line_of_very_many_terms_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
