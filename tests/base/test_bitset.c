/* tests/base/test_bitset.c: sets of small integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bitset.h"

#define WORDS 4

static void members_are_those_added_and_not_removed(void **state) {
  (void)state;
  uint64_t set[WORDS] = {0};
  for (size_t i = 0; i < 64 * WORDS; i += 3) edb_bitset_add(set, i);
  for (size_t i = 0; i < 64 * WORDS; i += 6) edb_bitset_remove(set, i);
  edb_bitset_add(set, 3);
  for (size_t i = 0; i < 64 * WORDS; i++)
    assert_int_equal(edb_bitset_has(set, i), i % 3 == 0 && i % 6 != 0);
}

static void members_are_counted(void **state) {
  (void)state;
  uint64_t set[WORDS] = {0};
  assert_int_equal(edb_bitset_count(set, WORDS), 0);
  assert_int_equal(edb_bitset_count(NULL, 0), 0);
  edb_bitset_add(set, 0);
  edb_bitset_add(set, 63);
  edb_bitset_add(set, 64);
  edb_bitset_add(set, 255);
  assert_int_equal(edb_bitset_count(set, WORDS), 4);
  assert_int_equal(edb_bitset_count(set, 1), 2);
}

static void the_next_member_is_found_across_words(void **state) {
  (void)state;
  uint64_t set[WORDS] = {0};
  edb_bitset_add(set, 5);
  edb_bitset_add(set, 63);
  edb_bitset_add(set, 200);
  assert_int_equal(edb_bitset_next(set, WORDS, 0), 5);
  assert_int_equal(edb_bitset_next(set, WORDS, 5), 5);
  assert_int_equal(edb_bitset_next(set, WORDS, 6), 63);
  assert_int_equal(edb_bitset_next(set, WORDS, 64), 200);
  assert_true(edb_bitset_next(set, WORDS, 201) == SIZE_MAX);
  assert_true(edb_bitset_next(set, WORDS, 256) == SIZE_MAX);
  assert_true(edb_bitset_next(set, WORDS, SIZE_MAX) == SIZE_MAX);
  assert_true(edb_bitset_next(set, 0, 0) == SIZE_MAX);
}

static void words_are_counted_for_any_size(void **state) {
  (void)state;
  assert_int_equal(EDB_BITSET_WORDS(0), 0);
  assert_int_equal(EDB_BITSET_WORDS(1), 1);
  assert_int_equal(EDB_BITSET_WORDS(64), 1);
  assert_int_equal(EDB_BITSET_WORDS(65), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_are_those_added_and_not_removed),
      cmocka_unit_test(members_are_counted),
      cmocka_unit_test(the_next_member_is_found_across_words),
      cmocka_unit_test(words_are_counted_for_any_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
