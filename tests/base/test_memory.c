/* tests/base/test_memory.c: the account of a context, its cap, and the allocator behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "support/faulty.h"

static size_t current(const edb_context *ctx) {
  return edb_context_memory(ctx).current_bytes;
}

static edb_context *capped_context(faulty *f, size_t beyond_itself) {
  edb_context *plain = faulty_context(f, 0);
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.memory_cap_bytes = current(plain) + beyond_itself;
  faulty_destroy(f);
  return faulty_context_with(f, 0, false, &params);
}

static void every_byte_is_counted_also_the_context_itself(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  size_t own = current(ctx);
  assert_true(own > 0);
  assert_int_equal(own, f.bytes);
  void *block = edb_alloc(ctx, 1000);
  assert_int_equal(current(ctx), own + 1000);
  block = edb_resize(ctx, block, 1000, 1500);
  assert_int_equal(current(ctx), own + 1500);
  block = edb_resize(ctx, block, 1500, 10);
  assert_int_equal(current(ctx), own + 10);
  edb_free(ctx, block, 10);
  assert_int_equal(current(ctx), own);
  assert_int_equal(edb_context_memory(ctx).peak_bytes, own + 1500);
  assert_int_equal(edb_context_memory(ctx).allocations, 4);
  faulty_destroy(&f);
}

static void blocks_are_aligned_to_a_cache_line(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  size_t sizes[] = {1, 7, 64, 65, 4097, 100000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char *block = edb_alloc(ctx, sizes[i]);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % EDB_ALIGN, 0);
    memset(block, 'x', sizes[i]);
    block = edb_resize(ctx, block, sizes[i], sizes[i] * 2);
    assert_int_equal((uintptr_t)block % EDB_ALIGN, 0);
    for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(block[k], 'x');
    edb_free(ctx, block, sizes[i] * 2);
  }
  edb_context_destroy(ctx);
}

static void zeroed_blocks_are_zero(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  unsigned char *block = edb_alloc_zero(ctx, 300);
  for (size_t i = 0; i < 300; i++) assert_int_equal(block[i], 0);
  edb_free(ctx, block, 300);
  faulty_destroy(&f);
}

static void nothing_is_allocated_for_no_bytes(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  assert_null(edb_alloc(ctx, 0));
  assert_null(edb_alloc_zero(ctx, 0));
  assert_null(edb_resize(ctx, NULL, 0, 0));
  edb_free(ctx, NULL, 0);
  assert_int_equal(f.requests, 0);
  faulty_destroy(&f);
}

static void a_resize_to_nothing_frees(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  void *block = edb_alloc(ctx, 12);
  assert_null(edb_resize(ctx, block, 12, 0));
  faulty_destroy(&f);
}

static void a_failed_resize_leaves_block_and_account(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 2);
  char *block = edb_alloc(ctx, 4);
  memcpy(block, "abc", 4);
  size_t before = current(ctx);
  size_t peak = edb_context_memory(ctx).peak_bytes;
  assert_null(edb_resize(ctx, block, 4, 4000));
  assert_string_equal(block, "abc");
  assert_int_equal(current(ctx), before);
  assert_int_equal(edb_context_memory(ctx).peak_bytes, peak);
  edb_free(ctx, block, 4);
  faulty_destroy(&f);
}

static void the_cap_holds_to_the_byte(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = capped_context(&f, 100);
  assert_null(edb_alloc(ctx, 101));
  assert_int_equal(f.requests, 0);
  void *block = edb_alloc(ctx, 60);
  assert_non_null(block);
  assert_null(edb_alloc(ctx, 41));
  assert_null(edb_resize(ctx, block, 60, 101));
  block = edb_resize(ctx, block, 60, 100);
  assert_non_null(block);
  block = edb_resize(ctx, block, 100, 30);
  void *other = edb_alloc(ctx, 70);
  assert_non_null(other);
  edb_free(ctx, block, 30);
  edb_free(ctx, other, 70);
  faulty_destroy(&f);
}

static void an_impossible_size_fails_and_wraps_no_account(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  size_t before = current(ctx);
  assert_null(edb_alloc(ctx, SIZE_MAX));
  assert_null(edb_alloc(ctx, SIZE_MAX - before));
  assert_int_equal(current(ctx), before);
  faulty_destroy(&f);
}

static void products_and_sums_of_sizes_are_checked(void **state) {
  (void)state;
  size_t out = 1;
  assert_true(edb_mul_size(SIZE_MAX, 0, &out));
  assert_int_equal(out, 0);
  assert_true(edb_mul_size(SIZE_MAX / 3, 3, &out));
  assert_int_equal(out, SIZE_MAX / 3 * 3);
  assert_false(edb_mul_size(SIZE_MAX / 3 + 1, 3, &out));
  assert_false(edb_mul_size((size_t)1 << 32, (size_t)1 << 32, &out));
  assert_true(edb_add_size(SIZE_MAX - 1, 1, &out));
  assert_int_equal(out, SIZE_MAX);
  assert_false(edb_add_size(SIZE_MAX, 1, &out));
}

static void a_copied_string_ends_in_zero(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    char *copy = edb_strdup(ctx, "words, more", 5);
    if (copy == NULL) continue;
    assert_string_equal(copy, "words");
    edb_free(ctx, copy, 6);
    char *empty = edb_strdup(ctx, NULL, 0);
    if (empty == NULL) continue;
    assert_string_equal(empty, "");
    edb_free(ctx, empty, 1);
  }
  assert_int_equal(f.fail_at, 3);
}

static void *allocate_and_free(void *argument) {
  edb_context *ctx = argument;
  for (size_t i = 1; i <= 2000; i++) {
    void *block = edb_alloc(ctx, i % 97 + 1);
    if (block == NULL) return ctx;
    block = edb_resize(ctx, block, i % 97 + 1, i % 31 + 1);
    edb_free(ctx, block, i % 31 + 1);
  }
  return NULL;
}

static void threads_share_one_exact_account(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  size_t before = current(ctx);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, allocate_and_free, ctx), 0);
  for (int i = 0; i < 4; i++) {
    void *failed = ctx;
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
  assert_int_equal(current(ctx), before);
  assert_int_equal(edb_context_memory(ctx).allocations, 1 + 4 * 2000 * 2);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_byte_is_counted_also_the_context_itself),
      cmocka_unit_test(blocks_are_aligned_to_a_cache_line),
      cmocka_unit_test(zeroed_blocks_are_zero),
      cmocka_unit_test(nothing_is_allocated_for_no_bytes),
      cmocka_unit_test(a_resize_to_nothing_frees),
      cmocka_unit_test(a_failed_resize_leaves_block_and_account),
      cmocka_unit_test(the_cap_holds_to_the_byte),
      cmocka_unit_test(an_impossible_size_fails_and_wraps_no_account),
      cmocka_unit_test(products_and_sums_of_sizes_are_checked),
      cmocka_unit_test(a_copied_string_ends_in_zero),
      cmocka_unit_test(threads_share_one_exact_account),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
