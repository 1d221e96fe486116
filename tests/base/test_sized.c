/* tests/base/test_sized.c: structs that grow from version to version: programs of older headers,
 * and of newer ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sized.h"

/* As the library knows them, and as programs do that were built before and after. */
typedef struct params {
  size_t struct_bytes;
  int first, second;
  double third;
} params;

typedef struct old_params {
  size_t struct_bytes;
  int first;
} old_params;

typedef struct new_params {
  params known;
  double fourth;
} new_params;

static edb_status take(params *own, const void *given, edb_error *error) {
  return edb_params_take(own, sizeof *own, given, "edb_x_params", error);
}

static void params_are_read_as_they_are(void **state) {
  (void)state;
  params own, given = EDB_PARAMS(params);
  given.first = 1, given.second = 2, given.third = 3;
  assert_int_equal(take(&own, &given, NULL), EDB_OK);
  assert_memory_equal(&own, &given, sizeof own);
}

static void no_params_are_the_defaults(void **state) {
  (void)state;
  const params defaults = EDB_PARAMS(params);
  params own;
  assert_int_equal(take(&own, NULL, NULL), EDB_OK);
  assert_memory_equal(&own, &defaults, sizeof own);
}

static void what_an_older_program_lacks_is_a_default(void **state) {
  (void)state;
  old_params given[2] = {EDB_PARAMS(old_params), {.struct_bytes = SIZE_MAX, .first = 7}};
  params own;
  given[0].first = 1;
  assert_int_equal(take(&own, &given[0], NULL), EDB_OK);
  assert_int_equal(own.struct_bytes, sizeof own);
  assert_int_equal(own.first, 1);
  assert_true(own.third == 0); /* what stands behind the caller's struct was not read */
}

static void a_struct_of_its_size_only_is_the_defaults(void **state) {
  (void)state;
  const params defaults = EDB_PARAMS(params);
  size_t given = sizeof given;
  params own;
  assert_int_equal(take(&own, &given, NULL), EDB_OK);
  assert_memory_equal(&own, &defaults, sizeof own);
}

static void params_of_newer_programs_are_refused(void **state) {
  (void)state;
  new_params given = {.known = {.struct_bytes = sizeof given}};
  edb_error error = {0};
  params own;
  assert_int_equal(take(&own, &given, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "edb_x_params.struct_bytes is 32, "));
  assert_non_null(strstr(error.text, "newer version"));
}

static void what_is_no_size_is_refused(void **state) {
  (void)state;
  for (size_t bytes = 0; bytes < sizeof(size_t); bytes++) {
    params own, given = {.struct_bytes = bytes};
    edb_error error = {0};
    assert_int_equal(take(&own, &given, &error), EDB_ERROR_ARGUMENT);
    assert_non_null(strstr(error.text, "EDB_PARAMS"));
  }
}

static void a_program_gets_what_it_knows(void **state) {
  (void)state;
  const params value = {sizeof value, 1, 2, 3};
  old_params old[2] = {{0, 0}, {.struct_bytes = 5, .first = 5}};
  new_params new;
  edb_sized_give(&old[0], sizeof old[0], &value, sizeof value);
  assert_int_equal(old[0].first, 1);
  assert_true(old[1].struct_bytes == 5 && old[1].first == 5);
  memset(&new, 0xA5, sizeof new);
  edb_sized_give(&new, sizeof new, &value, sizeof value);
  assert_memory_equal(&new.known, &value, sizeof value);
  assert_true(new.fourth == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(params_are_read_as_they_are),
      cmocka_unit_test(no_params_are_the_defaults),
      cmocka_unit_test(what_an_older_program_lacks_is_a_default),
      cmocka_unit_test(a_struct_of_its_size_only_is_the_defaults),
      cmocka_unit_test(params_of_newer_programs_are_refused),
      cmocka_unit_test(what_is_no_size_is_refused),
      cmocka_unit_test(a_program_gets_what_it_knows),
  };
  return cmocka_run_group_tests_name("structs that grow", tests, NULL, NULL);
}
