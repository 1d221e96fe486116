/* tests/base/test_rng.c: random numbers against vectors of the published algorithms. The vectors
 * were computed from the papers' definitions in exact integers, apart from this code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"

static void the_seed_is_spread_by_splitmix64(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 0);
  assert_true(rng.state[0] == UINT64_C(0xe220a8397b1dcdaf));
  assert_true(rng.state[1] == UINT64_C(0x6e789e6aa1b965f4));
  assert_true(rng.state[2] == UINT64_C(0x06c45d188009454f));
  assert_true(rng.state[3] == UINT64_C(0xf88bb8a8724c81ec));
  edb_rng_seed(&rng, 1234567);
  assert_true(rng.state[0] == UINT64_C(6457827717110365317));
  assert_true(rng.state[3] == UINT64_C(4593380528125082431));
}

static void the_stream_is_that_of_xoshiro256(void **state) {
  (void)state;
  static const uint64_t expected[] = {UINT64_C(11520),
                                      UINT64_C(0),
                                      UINT64_C(1509978240),
                                      UINT64_C(1215971899390074240),
                                      UINT64_C(1216172134540287360),
                                      UINT64_C(607988272756665600),
                                      UINT64_C(16172922978634559625),
                                      UINT64_C(8476171486693032832),
                                      UINT64_C(10595114339597558777),
                                      UINT64_C(2904607092377533576)};
  edb_rng rng = {{1, 2, 3, 4}};
  for (size_t i = 0; i < 10; i++) assert_true(edb_rng_u64(&rng) == expected[i]);
}

static void a_seeded_stream_is_the_same_everywhere(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 42);
  assert_true(edb_rng_u64(&rng) == UINT64_C(0x15780b2e0c2ec716));
  assert_true(edb_rng_u64(&rng) == UINT64_C(0x6104d9866d113a7e));
  assert_true(edb_rng_u64(&rng) == UINT64_C(0xae17533239e499a1));
}

static void names_give_streams_of_their_own(void **state) {
  (void)state;
  edb_rng a, again, b, other_seed;
  edb_rng_seed_named(&a, 1, "Wi");
  edb_rng_seed_named(&again, 1, "Wi");
  edb_rng_seed_named(&b, 1, "Wf");
  edb_rng_seed_named(&other_seed, 2, "Wi");
  uint64_t first = edb_rng_u64(&a);
  assert_true(first == edb_rng_u64(&again));
  assert_true(first != edb_rng_u64(&b));
  assert_true(first != edb_rng_u64(&other_seed));
}

static void bounded_numbers_follow_lemire(void **state) {
  (void)state;
  static const uint32_t bounds[] = {1, 2, 3, 10, 1000, 3000000000u, 3000000000u, UINT32_MAX};
  static const uint32_t expected[] = {0, 0, 2, 9, 990, 2618321815u, 313307367, 1733906325};
  edb_rng rng;
  edb_rng_seed(&rng, 7);
  for (size_t i = 0; i < 8; i++) assert_int_equal(edb_rng_below(&rng, bounds[i]), expected[i]);
}

static void bounded_numbers_are_unbiased(void **state) {
  (void)state;
  /* With 3 * 2^30 as the bound a mere modulo would give the first third twice as often. */
  const uint32_t bound = UINT32_C(3) << 30;
  uint32_t thirds[3] = {0};
  edb_rng rng;
  edb_rng_seed(&rng, 9);
  for (int i = 0; i < 90000; i++) thirds[edb_rng_below(&rng, bound) >> 30]++;
  for (int i = 0; i < 3; i++) assert_in_range(thirds[i], 29300, 30700); /* 5 sigma */
}

static void uniform_numbers_fill_the_unit_interval(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  double sum = 0;
  for (int i = 0; i < 100000; i++) {
    double u = edb_rng_uniform(&rng);
    assert_true(u >= 0 && u < 1);
    sum += u;
  }
  assert_true(fabs(sum / 100000 - 0.5) < 0.005);
}

static void normal_numbers_agree_with_the_formula(void **state) {
  (void)state;
  /* Marsaglia's method with a correctly rounded logarithm; the last bit may differ. */
  static const double expected[] = {-0.7262191382447857, 0.2216227015035933, 0.46417731016247366,
                                    1.476249461018415, 1.0078198992420604};
  edb_rng rng;
  edb_rng_seed(&rng, 42);
  for (size_t i = 0; i < 5; i++)
    assert_true(fabs(edb_rng_normal(&rng) - expected[i]) < 1e-15 * fabs(expected[i]));
}

static void normal_numbers_have_mean_0_and_variance_1(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 5);
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  const int count = 200000;
  for (int i = 0; i < count; i++) {
    double x = edb_rng_normal(&rng);
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  assert_true(fabs(sum / count) < 0.012);
  assert_true(fabs(squares / count - 1) < 0.017);
  assert_true(fabs(fourth / count - 3) < 0.12);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_seed_is_spread_by_splitmix64),
      cmocka_unit_test(the_stream_is_that_of_xoshiro256),
      cmocka_unit_test(a_seeded_stream_is_the_same_everywhere),
      cmocka_unit_test(names_give_streams_of_their_own),
      cmocka_unit_test(bounded_numbers_follow_lemire),
      cmocka_unit_test(bounded_numbers_are_unbiased),
      cmocka_unit_test(uniform_numbers_fill_the_unit_interval),
      cmocka_unit_test(normal_numbers_agree_with_the_formula),
      cmocka_unit_test(normal_numbers_have_mean_0_and_variance_1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
