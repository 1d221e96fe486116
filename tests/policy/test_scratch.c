/* tests/policy/test_scratch.c: memory that is cut from one block of another context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/poison.h"
#include "policy/scratch.h"
#include "support/faulty.h"

#define BLOCK ((size_t)4096)

static void *get(edb_scratch *s, size_t bytes, int fill) {
  unsigned char *block = edb_alloc(&s->ctx, bytes);
  assert_non_null(block);
  assert_int_equal((uintptr_t)block % EDB_ALIGN, 0);
  memset(block, fill, bytes);
  return block;
}

static void expect_filled(const unsigned char *block, size_t bytes, int fill) {
  for (size_t i = 0; i < bytes; i++) assert_int_equal(block[i], fill);
}

static void blocks_are_kept_apart(void **state) {
  (void)state;
  faulty f;
  edb_scratch s;
  edb_scratch_init(&s, faulty_context(&f, 0), BLOCK);
  void *a = get(&s, 100, 1), *b = get(&s, 1, 2), *c = get(&s, 200, 3);
  expect_filled(a, 100, 1);
  expect_filled(b, 1, 2);
  edb_free(&s.ctx, b, 1);
  void *d = get(&s, 300, 4);
  expect_filled(a, 100, 1);
  expect_filled(c, 200, 3);
  edb_free(&s.ctx, a, 100);
  edb_free(&s.ctx, d, 300);
  edb_free(&s.ctx, c, 200);
  edb_scratch_free(&s);
  faulty_destroy(&f);
}

static void blocks_grow_and_shrink(void **state) {
  (void)state;
  faulty f;
  edb_scratch s;
  edb_scratch_init(&s, faulty_context(&f, 0), BLOCK);
  void *first = get(&s, 64, 1), *last = get(&s, 64, 2);
  for (size_t bytes = 64; bytes < 3 * BLOCK; bytes *= 2) { /* also out of the scratch */
    first = edb_resize(&s.ctx, first, bytes, bytes * 2);
    last = edb_resize(&s.ctx, last, bytes, bytes * 2);
    assert_true(first != NULL && last != NULL);
    expect_filled(first, 64, 1);
    expect_filled(last, 64, 2);
  }
  first = edb_resize(&s.ctx, first, 4 * BLOCK, 10);
  expect_filled(first, 10, 1);
  edb_free(&s.ctx, first, 10);
  edb_free(&s.ctx, last, 4 * BLOCK);
  edb_scratch_free(&s);
  faulty_destroy(&f);
}

static void what_comes_back_last_first_is_used_again(void **state) {
  (void)state;
#ifdef EDB_ASAN
  skip(); /* there is no block */
#endif
  faulty f;
  edb_scratch s;
  edb_scratch_init(&s, faulty_context(&f, 0), BLOCK);
  for (int i = 0; i < 1000; i++) {
    void *a = get(&s, 1000, 1), *b = get(&s, 2000, 2);
    edb_free(&s.ctx, b, 2000);
    edb_free(&s.ctx, a, 1000);
  }
  assert_int_equal(f.requests, 1);
  edb_scratch_free(&s);
  faulty_destroy(&f);
}

static void without_a_block_the_parent_serves(void **state) {
  (void)state;
#ifdef EDB_ASAN
  skip(); /* the block is not even asked for */
#endif
  faulty f;
  edb_scratch s;
  edb_scratch_init(&s, faulty_context(&f, 1), BLOCK);
  void *a = get(&s, 100, 1);
  edb_free(&s.ctx, a, 100);
  edb_scratch_free(&s);
  faulty_destroy(&f);
}

static void a_parent_without_memory_is_an_answer(void **state) {
  (void)state;
  faulty f;
  edb_scratch s;
  edb_scratch_init(&s, faulty_context_with(&f, 1, true, NULL), BLOCK);
  assert_null(edb_alloc(&s.ctx, 100));
  edb_scratch_free(&s);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_kept_apart),
      cmocka_unit_test(blocks_grow_and_shrink),
      cmocka_unit_test(what_comes_back_last_first_is_used_again),
      cmocka_unit_test(without_a_block_the_parent_serves),
      cmocka_unit_test(a_parent_without_memory_is_an_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
