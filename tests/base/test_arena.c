/* tests/base/test_arena.c: many small blocks that die together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "support/faulty.h"

static void blocks_are_aligned_and_apart(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 256);
  char *blocks[100];
  for (size_t i = 0; i < 100; i++) {
    blocks[i] = edb_arena_alloc(&arena, i);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % 16, 0);
    memset(blocks[i], (int)i, i);
  }
  for (size_t i = 0; i < 100; i++)
    for (size_t k = 0; k < i; k++) assert_int_equal(blocks[i][k], i);
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void blocks_of_no_bytes_are_distinct(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 0);
  void *one = edb_arena_alloc(&arena, 0);
  void *two = edb_arena_alloc_zero(&arena, 0);
  assert_non_null(one);
  assert_non_null(two);
  assert_ptr_not_equal(one, two);
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void a_block_larger_than_a_chunk_gets_its_own(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 64);
  unsigned char *large = edb_arena_alloc_zero(&arena, 10000);
  assert_non_null(large);
  for (size_t i = 0; i < 10000; i++) assert_int_equal(large[i], 0);
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void after_a_reset_the_chunks_are_used_again(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 512);
  for (int round = 0; round < 5; round++) {
    for (size_t i = 0; i < 50; i++) assert_non_null(edb_arena_alloc(&arena, 24));
    assert_non_null(edb_arena_alloc(&arena, 2000));
    edb_arena_reset(&arena);
    if (round == 0) f.requests = 0;
  }
  assert_int_equal(f.requests, 0);
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void after_a_reset_too_small_chunks_are_passed_over(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 128);
  for (size_t i = 0; i < 10; i++) assert_non_null(edb_arena_alloc(&arena, 100));
  edb_arena_reset(&arena);
  char *large = edb_arena_alloc(&arena, 5000);
  assert_non_null(large);
  memset(large, 'x', 5000);
  assert_non_null(edb_arena_alloc(&arena, 100));
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void strings_are_copied_with_their_end(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 0);
  assert_string_equal(edb_arena_strdup(&arena, "tree_lstm", 4), "tree");
  assert_string_equal(edb_arena_strdup(&arena, NULL, 0), "");
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void sizes_that_wrap_are_refused(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 0);
  for (size_t less = 0; less < 80; less++) assert_null(edb_arena_alloc(&arena, SIZE_MAX - less));
  assert_null(edb_arena_strdup(&arena, "", SIZE_MAX));
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

static void without_memory_it_gives_null_and_stays_usable(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_arena arena;
    edb_arena_init(&arena, ctx, 100);
    for (size_t i = 0; i < 20; i++) {
      char *block = edb_arena_alloc_zero(&arena, 60);
      if (block != NULL) memset(block, 1, 60);
    }
    edb_arena_reset(&arena);
    (void)edb_arena_alloc(&arena, 400);
    edb_arena_free(&arena);
  }
  assert_true(f.fail_at > 10);
}

static void a_freed_arena_can_be_freed_again(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 0);
  edb_arena_reset(&arena);
  assert_non_null(edb_arena_alloc(&arena, 1));
  edb_arena_free(&arena);
  edb_arena_free(&arena);
  faulty_destroy(&f);
}

#if defined(__SANITIZE_ADDRESS__)
int __asan_address_is_poisoned(const void volatile *address);

static void memory_outside_of_blocks_is_poisoned(void **state) {
  (void)state;
  faulty f;
  edb_arena arena;
  edb_arena_init(&arena, faulty_context(&f, 0), 256);
  char *block = edb_arena_alloc(&arena, 20);
  for (int i = 0; i < 20; i++) assert_false(__asan_address_is_poisoned(block + i));
  for (int i = 20; i < 48; i++) assert_true(__asan_address_is_poisoned(block + i));
  edb_arena_reset(&arena);
  assert_true(__asan_address_is_poisoned(block));
  edb_arena_free(&arena);
  faulty_destroy(&f);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_are_aligned_and_apart),
    cmocka_unit_test(blocks_of_no_bytes_are_distinct),
    cmocka_unit_test(a_block_larger_than_a_chunk_gets_its_own),
    cmocka_unit_test(after_a_reset_the_chunks_are_used_again),
    cmocka_unit_test(after_a_reset_too_small_chunks_are_passed_over),
    cmocka_unit_test(strings_are_copied_with_their_end),
    cmocka_unit_test(sizes_that_wrap_are_refused),
    cmocka_unit_test(without_memory_it_gives_null_and_stays_usable),
#if defined(__SANITIZE_ADDRESS__)
    cmocka_unit_test(memory_outside_of_blocks_is_poisoned),
#endif
    cmocka_unit_test(a_freed_arena_can_be_freed_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
