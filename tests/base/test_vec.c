/* tests/base/test_vec.c: the growing array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/vec.h"
#include "support/faulty.h"

typedef struct pair {
  int a, b;
} pair;

static void pushed_elements_stay_in_order(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  EDB_VEC(uint32_t) ids = {0};
  for (uint32_t i = 0; i < 1000; i++) assert_true(edb_vec_push(ctx, &ids, i * 3));
  assert_int_equal(ids.length, 1000);
  assert_true(ids.capacity >= 1000);
  for (uint32_t i = 0; i < 1000; i++) assert_int_equal(ids.data[i], i * 3);
  edb_vec_free(ctx, &ids);
  assert_null(ids.data);
  assert_int_equal(ids.length + ids.capacity, 0);
  faulty_destroy(&f);
}

static void structs_can_be_pushed_as_compound_literals(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  EDB_VEC(pair) pairs = {0};
  assert_true(edb_vec_push(ctx, &pairs, (pair){1, 2}));
  assert_int_equal(pairs.data[0].b, 2);
  edb_vec_free(ctx, &pairs);
  faulty_destroy(&f);
}

static void a_reserved_vector_does_not_grow(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  EDB_VEC(double) values = {0};
  assert_true(edb_vec_reserve(ctx, &values, 500));
  for (int i = 0; i < 500; i++) assert_true(edb_vec_push(ctx, &values, 0.5 * i));
  assert_int_equal(f.requests, 1);
  edb_vec_free(ctx, &values);
  faulty_destroy(&f);
}

static void growth_takes_few_allocations(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  EDB_VEC(char) bytes = {0};
  for (int i = 0; i < 100000; i++) assert_true(edb_vec_push(ctx, &bytes, 'x'));
  assert_true(f.requests < 30);
  edb_vec_free(ctx, &bytes);
  faulty_destroy(&f);
}

static void without_memory_the_vector_is_as_it_was(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    EDB_VEC(int) ids = {0};
    int pushed = 0;
    for (int i = 0; i < 100; i++)
      if (edb_vec_push(ctx, &ids, pushed)) pushed++;
    assert_int_equal(ids.length, pushed);
    for (int i = 0; i < pushed; i++) assert_int_equal(ids.data[i], i);
    edb_vec_free(ctx, &ids);
  }
}

static void counts_whose_bytes_wrap_are_refused(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  EDB_VEC(uint64_t) words = {0};
  assert_true(edb_vec_push(ctx, &words, 7));
  assert_false(edb_vec_reserve(ctx, &words, SIZE_MAX / 8 + 1));
  assert_false(edb_vec_reserve(ctx, &words, SIZE_MAX));
  assert_int_equal(words.data[0], 7);
  edb_vec_free(ctx, &words);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pushed_elements_stay_in_order),
      cmocka_unit_test(structs_can_be_pushed_as_compound_literals),
      cmocka_unit_test(a_reserved_vector_does_not_grow),
      cmocka_unit_test(growth_takes_few_allocations),
      cmocka_unit_test(without_memory_the_vector_is_as_it_was),
      cmocka_unit_test(counts_whose_bytes_wrap_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
