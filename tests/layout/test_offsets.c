/* tests/layout/test_offsets.c: the allocator of offsets against one that marks every unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "layout/offsets.h"
#include "support/faulty.h"

#define UNITS 20000

/* Taken units below `end`, the last of which is taken; the smallest gap that fits is used, the
 * first of equal ones. */
typedef struct naive {
  uint8_t taken[UNITS];
  size_t end, peak;
} naive;

static size_t naive_take(naive *n, size_t size) {
  size_t best = SIZE_MAX, best_size = SIZE_MAX;
  for (size_t i = 0; i < n->end;) {
    size_t gap = i;
    while (gap < n->end && !n->taken[gap]) gap++;
    if (gap - i >= size && gap - i < best_size) {
      best = i;
      best_size = gap - i;
    }
    i = gap + 1;
  }
  if (best == SIZE_MAX) {
    best = n->end;
    n->end += size;
    assert_true(n->end <= UNITS);
    if (n->end > n->peak) n->peak = n->end;
  }
  memset(n->taken + best, 1, size);
  return best;
}

static void naive_give(naive *n, size_t offset, size_t size) {
  memset(n->taken + offset, 0, size);
  while (n->end > 0 && !n->taken[n->end - 1]) n->end--;
}

static void offsets_are_those_of_a_naive_best_fit(void **state) {
  (void)state;
  static naive n;
  static size_t live[256][2];
  for (uint64_t seed = 1; seed <= 20; seed++) {
    faulty f;
    edb_rng rng;
    edb_offsets o;
    size_t count = 0;
    n = (naive){.end = 0};
    edb_rng_seed(&rng, seed);
    edb_offsets_init(&o, faulty_context(&f, 0));
    for (int i = 0; i < 600; i++) {
      if (count < 200 && (count == 0 || edb_rng_below(&rng, 100) < 52)) {
        size_t size = 1 + edb_rng_below(&rng, seed % 2 ? 6 : 70);
        live[count][0] = edb_offsets_take(&o, size);
        live[count][1] = size;
        assert_int_equal(live[count][0], naive_take(&n, size));
        count++;
      } else {
        size_t k = edb_rng_below(&rng, (uint32_t)count);
        assert_true(edb_offsets_give(&o, live[k][0], live[k][1]));
        naive_give(&n, live[k][0], live[k][1]);
        live[k][0] = live[--count][0];
        live[k][1] = live[count][1];
      }
      assert_int_equal(o.peak, n.peak);
    }
    edb_offsets_free_all(&o);
    faulty_destroy(&f);
  }
}

static void all_given_back_is_free_again(void **state) {
  (void)state;
  faulty f;
  edb_offsets o;
  size_t at[64];
  edb_offsets_init(&o, faulty_context(&f, 0));
  for (size_t i = 0; i < 64; i++) at[i] = edb_offsets_take(&o, i + 1);
  for (size_t i = 0; i < 64; i += 2) assert_true(edb_offsets_give(&o, at[i], i + 1));
  assert_int_equal(o.gaps.length, 32);
  for (size_t i = 1; i < 64; i += 2) assert_true(edb_offsets_give(&o, at[i], i + 1));
  assert_int_equal(o.gaps.length, 0);
  size_t peak = o.peak;
  assert_int_equal(edb_offsets_take(&o, peak + 1), 0);
  assert_int_equal(o.peak, peak + 1);
  edb_offsets_free_all(&o);
  faulty_destroy(&f);
}

static void nothing_takes_no_room(void **state) {
  (void)state;
  faulty f;
  edb_offsets o;
  edb_offsets_init(&o, faulty_context(&f, 0));
  assert_int_equal(edb_offsets_take(&o, 0), 0);
  assert_true(edb_offsets_give(&o, 0, 0));
  assert_int_equal(o.peak, 0);
  edb_offsets_free_all(&o);
  faulty_destroy(&f);
}

static void a_block_that_cannot_be_noted_is_lost_and_nothing_else(void **state) {
  (void)state;
  faulty f;
  edb_offsets o;
  edb_offsets_init(&o, faulty_context(&f, 1));
  size_t a = edb_offsets_take(&o, 8), b = edb_offsets_take(&o, 8);
  assert_false(edb_offsets_give(&o, a, 8));
  assert_int_equal(edb_offsets_take(&o, 8), 16);
  assert_true(edb_offsets_give(&o, b, 8));
  assert_int_equal(edb_offsets_take(&o, 8), b);
  edb_offsets_free_all(&o);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(offsets_are_those_of_a_naive_best_fit),
      cmocka_unit_test(all_given_back_is_free_again),
      cmocka_unit_test(nothing_takes_no_room),
      cmocka_unit_test(a_block_that_cannot_be_noted_is_lost_and_nothing_else),
  };
  return cmocka_run_group_tests_name("offsets", tests, NULL, NULL);
}
