/* tests/model/test_safetensors.c: reading the safetensors container, also from hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/safetensors.h"
#include "support/faulty.h"

#define MAX_FILE 4096

typedef struct blob {
  char bytes[MAX_FILE];
  size_t size;
} blob;

/* A file of this header and data; the header's length as it is. */
static blob make(const char *header, const void *data, size_t data_bytes) {
  blob b = {.size = 8 + strlen(header) + data_bytes};
  uint64_t length = strlen(header);
  assert_true(b.size <= sizeof b.bytes);
  for (int i = 0; i < 8; i++) b.bytes[i] = (char)(length >> (8 * i));
  memcpy(b.bytes + 8, header, length);
  if (data_bytes) memcpy(b.bytes + 8 + length, data, data_bytes);
  return b;
}

/* Parses from a block of exactly this size, so that a read beyond it is seen. */
static edb_status parse(edb_context *ctx, const blob *b, edb_safetensors *out, edb_error *error,
                        char **copy) {
  *copy = malloc(b->size ? b->size : 1);
  assert_non_null(*copy);
  memcpy(*copy, b->bytes, b->size);
  return edb_safetensors_parse(ctx, *copy, b->size, "w.safetensors", out, error);
}

static void assert_refused(blob b, edb_status expected, const char *text) {
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_safetensors file;
  edb_error error = {0};
  char *copy;
  edb_status status = parse(ctx, &b, &file, &error, &copy);
  free(copy);
  if (status != expected || !strstr(error.text, text) || !strstr(error.text, "w.safetensors"))
    fail_msg("%s: %s; expected %s with \"%s\"", edb_status_name(status), error.text,
             edb_status_name(expected), text);
  faulty_destroy(&f);
}

static void assert_header_refused(const char *header, size_t data_bytes, edb_status expected,
                                  const char *text) {
  static const char data[256];
  assert_refused(make(header, data, data_bytes), expected, text);
}

#define ENTRY(name, dtype, shape, begin, end)                                                    \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" begin "," end \
  "]}"

/* ---- Good files ------------------------------------------------------------------------------ */

static blob good_file(void) {
  float data[8] = {1, 2, 3, 4, 5, 6, -0.5f, 1e30f};
  return make("{\"__metadata__\":{\"format\":\"pt\",\"edbatch.const.hidden\":\"3\"}," ENTRY(
                  "W", "F32", "2,3", "0", "24") "," ENTRY("b", "F32", "2", "24", "32") "}   ",
              data, sizeof data);
}

static void tensors_and_metadata_are_found_by_name(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_safetensors file;
  char *copy;
  blob b = good_file();
  assert_int_equal(parse(ctx, &b, &file, NULL, &copy), EDB_OK);
  const edb_tensor *w = edb_safetensors_find(&file, "W");
  assert_non_null(w);
  assert_int_equal(w->rank, 2);
  assert_int_equal(w->dim[0], 2);
  assert_int_equal(w->dim[1], 3);
  assert_int_equal(w->count, 6);
  float values[2];
  edb_tensor_read_f32(&file, edb_safetensors_find(&file, "b"), values);
  assert_true(values[0] == -0.5f && values[1] == 1e30f);
  assert_null(edb_safetensors_find(&file, "c"));
  assert_string_equal(edb_safetensors_metadata(&file, "edbatch.const.hidden")->text, "3");
  assert_null(edb_safetensors_metadata(&file, "edbatch.const.embed"));
  edb_safetensors_free(&file);
  free(copy);
  faulty_destroy(&f);
}

static void a_file_may_have_no_tensors_and_no_metadata(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_safetensors file;
  char *copy;
  blob b = make("{}", NULL, 0);
  assert_int_equal(parse(ctx, &b, &file, NULL, &copy), EDB_OK);
  assert_int_equal(file.tensors.length, 0);
  edb_safetensors_free(&file);
  free(copy);
  faulty_destroy(&f);
}

static void order_scalars_and_empty_tensors_are_free(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_safetensors file;
  char *copy;
  char data[12] = {0};
  blob b = make("{" ENTRY("b", "F32", "2", "4", "12") "," ENTRY(
                    "none", "F32", "5,0", "4", "4") "," ENTRY("s", "F32", "", "0", "4") "}",
                data, sizeof data);
  assert_int_equal(parse(ctx, &b, &file, NULL, &copy), EDB_OK);
  assert_int_equal(edb_safetensors_find(&file, "s")->count, 1);
  assert_int_equal(edb_safetensors_find(&file, "none")->count, 0);
  edb_safetensors_free(&file);
  free(copy);
  faulty_destroy(&f);
}

/* ---- Dtypes ---------------------------------------------------------------------------------- */

static void read_one(const char *dtype, const char *bytes, size_t size, float *single,
                     double *exact) {
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_safetensors file;
  char header[200], *copy;
  (void)snprintf(header, sizeof header,
                 "{\"x\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[0,%zu]}}", dtype, size);
  blob b = make(header, bytes, size);
  assert_int_equal(parse(ctx, &b, &file, NULL, &copy), EDB_OK);
  edb_tensor_read_f32(&file, &file.tensors.data[0], single);
  edb_tensor_read_f64(&file, &file.tensors.data[0], exact);
  edb_safetensors_free(&file);
  free(copy);
  faulty_destroy(&f);
}

static void every_dtype_is_read(void **state) {
  (void)state;
  const struct {
    const char *dtype, *bytes;
    size_t size;
    double value;
  } cases[] = {
      {"F32", "\x00\x00\x80\x3f", 4, 1},
      {"F32", "\xdb\x0f\x49\xc0", 4, -3.1415927410125732},
      {"F64", "\x18\x2d\x44\x54\xfb\x21\x09\x40", 8, 3.1415926535897931},
      {"BF16", "\x80\x3f", 2, 1},
      {"BF16", "\x49\xc0", 2, -3.140625},
      {"F16", "\x00\x3c", 2, 1},
      {"F16", "\x48\xc2", 2, -3.140625},
      {"F16", "\xff\x7b", 2, 65504},
      {"F16", "\x01\x00", 2, 0x1p-24},
      {"F16", "\xff\x83", 2, -0x3ffp-24},
      {"F16", "\x00\x04", 2, 0x1p-14},
      {"F16", "\x00\x7c", 2, INFINITY},
      {"F16", "\x00\xfc", 2, -INFINITY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    float single;
    double exact;
    read_one(cases[i].dtype, cases[i].bytes, cases[i].size, &single, &exact);
    assert_true(exact == cases[i].value);
    assert_true(single == (float)cases[i].value);
  }
}

static void nan_and_the_sign_of_zero_survive(void **state) {
  (void)state;
  float single;
  double exact;
  read_one("F16", "\x00\x7e", 2, &single, &exact);
  assert_true(isnan(single) && isnan(exact));
  read_one("F16", "\x00\x80", 2, &single, &exact);
  assert_true(single == 0 && signbit(single) && signbit(exact));
  read_one("BF16", "\xc0\x7f", 2, &single, &exact);
  assert_true(isnan(single));
}

static void another_dtype_is_named(void **state) {
  (void)state;
  assert_header_refused("{" ENTRY("ids", "I64", "1", "0", "8") "}", 8, EDB_ERROR_UNSUPPORTED,
                        "tensor \"ids\" has dtype I64, expected F32, F64, F16 or BF16");
}

/* ---- Hostile headers ------------------------------------------------------------------------- */

static void a_header_longer_than_the_file_or_the_limit_is_refused(void **state) {
  (void)state;
  blob b = good_file();
  b.bytes[3] = 1; /* + 16 MB */
  assert_refused(b, EDB_ERROR_FORMAT, "in a file of");
  b.bytes[4] = 1; /* + 4 GB */
  assert_refused(b, EDB_ERROR_LIMIT, "at most 100000000");
  memset(b.bytes, 0xff, 8);
  assert_refused(b, EDB_ERROR_LIMIT, "at most 100000000");
}

static void a_header_that_is_no_json_object_is_refused(void **state) {
  (void)state;
  assert_header_refused("[]", 0, EDB_ERROR_FORMAT, "w.safetensors:1:1");
  assert_header_refused("", 0, EDB_ERROR_FORMAT, "");
  assert_header_refused("{\"W\":{\"dtype\":\"F32\"", 0, EDB_ERROR_FORMAT, "");
  assert_header_refused("{} x", 0, EDB_ERROR_FORMAT, "");
  assert_header_refused("{\"W\":3}", 0, EDB_ERROR_FORMAT, "");
  assert_header_refused("{\"__metadata__\":{\"n\":3}}", 0, EDB_ERROR_FORMAT, "");
}

static void fields_must_be_there_once_and_no_others(void **state) {
  (void)state;
  assert_header_refused("{\"W\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, EDB_ERROR_FORMAT,
                        "tensor \"W\" needs dtype, shape and data_offsets");
  assert_header_refused("{\"W\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4, EDB_ERROR_NAME,
                        "tensor \"W\" has two \"dtype\"");
  assert_header_refused("{\"W\":{\"type\":\"F32\"}}", 4, EDB_ERROR_FORMAT,
                        "tensor \"W\" has \"type\"");
}

static void names_must_differ(void **state) {
  (void)state;
  assert_header_refused(
      "{" ENTRY("W", "F32", "1", "0", "4") "," ENTRY("W", "F32", "1", "4", "8") "}", 8,
      EDB_ERROR_NAME, "\"W\" stands there twice");
  assert_header_refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, EDB_ERROR_NAME, "twice");
  assert_header_refused("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, EDB_ERROR_NAME, "twice");
  assert_header_refused("{" ENTRY("W\\u0000x", "F32", "1", "0", "4") "}", 4, EDB_ERROR_FORMAT,
                        "zero byte");
}

static void dimensions_must_be_sizes(void **state) {
  (void)state;
  assert_header_refused("{" ENTRY("W", "F32", "-1", "0", "4") "}", 4, EDB_ERROR_FORMAT,
                        "whole numbers");
  assert_header_refused("{" ENTRY("W", "F32", "1.5", "0", "4") "}", 4, EDB_ERROR_FORMAT,
                        "whole numbers");
  assert_header_refused("{" ENTRY("W", "F32", "\"1\"", "0", "4") "}", 4, EDB_ERROR_FORMAT,
                        "whole numbers");
  assert_header_refused("{" ENTRY("W", "F32", "1e30", "0", "4") "}", 4, EDB_ERROR_FORMAT,
                        "whole numbers");
  assert_header_refused("{" ENTRY("W", "F32", "4294967296,4294967296", "0", "4") "}", 4,
                        EDB_ERROR_LIMIT, "more than memory");
  assert_header_refused("{" ENTRY("W", "F32", "4611686018427387904", "0", "4") "}", 4,
                        EDB_ERROR_FORMAT, "but has 4 bytes");
  assert_header_refused("{" ENTRY("W", "F32", "1,1,1,1,1,1,1,1,1", "0", "4") "}", 4,
                        EDB_ERROR_LIMIT, "more than 8 dimensions");
}

static void offsets_must_lie_in_the_file_and_fit_the_shape(void **state) {
  (void)state;
  assert_header_refused("{" ENTRY("W", "F32", "2", "0", "8") "}", 4, EDB_ERROR_FORMAT,
                        "the file has 4 bytes of data");
  assert_header_refused("{" ENTRY("W", "F32", "1", "8", "4") "}", 8, EDB_ERROR_FORMAT,
                        "bytes 8 to 4");
  assert_header_refused("{" ENTRY("W", "F32", "1", "-4", "0") "}", 8, EDB_ERROR_FORMAT,
                        "whole numbers");
  assert_header_refused("{" ENTRY("W", "F32", "3", "0", "8") "}", 8, EDB_ERROR_FORMAT,
                        "tensor \"W\" is F32 [3] but has 8 bytes");
  assert_header_refused("{\"W\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8,
                        EDB_ERROR_FORMAT, "");
}

static void holes_and_overlaps_are_refused(void **state) {
  (void)state;
  assert_header_refused("{" ENTRY("W", "F32", "1", "4", "8") "}", 8, EDB_ERROR_FORMAT,
                        "byte 0 of the data: a hole");
  assert_header_refused("{" ENTRY("W", "F32", "1", "0", "4") "}", 8, EDB_ERROR_FORMAT,
                        "byte 4 of the data: a hole");
  assert_header_refused("{}", 8, EDB_ERROR_FORMAT, "byte 0");
  assert_header_refused(
      "{" ENTRY("W", "F32", "2", "0", "8") "," ENTRY("b", "F32", "2", "0", "8") "}", 8,
      EDB_ERROR_FORMAT, "\"b\" shares its bytes");
  assert_header_refused(
      "{" ENTRY("W", "F32", "2", "0", "8") "," ENTRY("b", "F32", "1", "4", "8") "}", 8,
      EDB_ERROR_FORMAT, "overlap");
}

static void a_file_cut_anywhere_is_refused(void **state) {
  (void)state;
  blob whole = good_file();
  for (size_t size = 0; size < whole.size; size++) {
    faulty f;
    edb_context *ctx = faulty_context(&f, 0);
    edb_safetensors file;
    edb_error error = {0};
    char *copy;
    blob b = whole;
    b.size = size;
    assert_int_equal(parse(ctx, &b, &file, &error, &copy), EDB_ERROR_FORMAT);
    assert_true(strlen(error.text) > 0);
    free(copy);
    faulty_destroy(&f);
  }
}

/* Random damage is either refused or gives a file whose every tensor can be read. */
static void damaged_files_are_refused_or_read_safely(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 2024);
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  for (int round = 0; round < 20000; round++) {
    blob b = good_file();
    uint32_t changes = 1 + edb_rng_below(&rng, 4);
    for (uint32_t i = 0; i < changes; i++) {
      static const char alphabet[] = "0123456789\"{}[],:eE-+.\\ Fn\n";
      uint32_t at = edb_rng_below(&rng, (uint32_t)b.size);
      b.bytes[at] = edb_rng_below(&rng, 4) ? alphabet[edb_rng_below(&rng, sizeof alphabet)]
                                           : (char)edb_rng_below(&rng, 256);
    }
    edb_safetensors file;
    char *copy;
    if (parse(ctx, &b, &file, NULL, &copy) == EDB_OK) {
      float values[16];
      for (size_t t = 0; t < file.tensors.length; t++) {
        assert_true(file.tensors.data[t].count <= 16);
        edb_tensor_read_f32(&file, &file.tensors.data[t], values);
      }
      edb_safetensors_free(&file);
    }
    free(copy);
  }
  faulty_destroy(&f);
}

static void every_failing_allocation_is_survived(void **state) {
  (void)state;
  blob b = good_file();
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_safetensors file;
    char *copy;
    edb_status status = parse(ctx, &b, &file, NULL, &copy);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) edb_safetensors_free(&file);
    free(copy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tensors_and_metadata_are_found_by_name),
      cmocka_unit_test(a_file_may_have_no_tensors_and_no_metadata),
      cmocka_unit_test(order_scalars_and_empty_tensors_are_free),
      cmocka_unit_test(every_dtype_is_read),
      cmocka_unit_test(nan_and_the_sign_of_zero_survive),
      cmocka_unit_test(another_dtype_is_named),
      cmocka_unit_test(a_header_longer_than_the_file_or_the_limit_is_refused),
      cmocka_unit_test(a_header_that_is_no_json_object_is_refused),
      cmocka_unit_test(fields_must_be_there_once_and_no_others),
      cmocka_unit_test(names_must_differ),
      cmocka_unit_test(dimensions_must_be_sizes),
      cmocka_unit_test(offsets_must_lie_in_the_file_and_fit_the_shape),
      cmocka_unit_test(holes_and_overlaps_are_refused),
      cmocka_unit_test(a_file_cut_anywhere_is_refused),
      cmocka_unit_test(damaged_files_are_refused_or_read_safely),
      cmocka_unit_test(every_failing_allocation_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
