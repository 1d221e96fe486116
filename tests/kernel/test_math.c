/* tests/kernel/test_math.c: the transcendental kernels against float64 libm, in ulp. What holds at
 * the portable level holds at all: test_elementwise.c shows that the bits are the same. */
#include "levels.h"

typedef double (*oracle_fn)(double x);

static double oracle_sigmoid(double x) {
  return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double oracle_gelu(double x) {
  return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

/* One unit in the last place of fp32 at `value`; of denormals, their step. */
static double ulp_at(double value) {
  int exponent;
  frexp(value, &exponent);
  return ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

static double ulp_error(float got, double want) {
  const double largest = 0x1.ffffffp127; /* from here on, fp32 rounds to infinity */
  if (fabs(want) >= largest) return isinf(got) && (got > 0) == (want > 0) ? 0 : INFINITY;
  return fabs(got - want) / ulp_at(want);
}

static float apply(edb_unary_fn f, float x) {
  float y;
  f(1, 1, (edb_span){&x, 1, 1}, &y, 1);
  return y;
}

/* The largest error over [low, high]: every `step`-th number, in the order of the bits, both signs.
 */
static double worst_error(const char *name, edb_unary_fn f, oracle_fn oracle, float low, float high,
                          uint32_t step) {
  enum { LANES = 1024 };
  float x[LANES], y[LANES], at = 0;
  double worst = 0;
  size_t count = 0;
  for (uint64_t bits = 0; bits <= 0xffffffffu;) {
    for (count = 0; count < LANES && bits <= 0xffffffffu; bits += step) {
      const float v = float_of((uint32_t)bits);
      if (v >= low && v <= high) x[count++] = v;
    }
    f(1, count, (edb_span){x, 0, 1}, y, 0);
    for (size_t i = 0; i < count; i++) {
      const double error = ulp_error(y[i], oracle(x[i]));
      if (!(error <= worst)) worst = error, at = x[i];
    }
  }
  print_message("%-8s on [%g, %g]: at most %.2f ulp (x = %a)\n", name, (double)low, (double)high,
                worst, (double)at);
  return worst;
}

/* Some 600 thousand numbers of all magnitudes. */
#define STEP 7001

static const edb_kernels *portable(void) {
  return edb_kernels_get(EDB_SIMD_PORTABLE);
}

static void exp_is_within_its_bound(void **state) {
  (void)state;
  assert_true(worst_error("exp", portable()->exp, exp, -INFINITY, INFINITY, STEP) <= 1.1);
  assert_true(worst_error("exp", portable()->exp, exp, -104, 89, 1301) <= 1.1);
}

static void exp_ends_in_zero_and_infinity(void **state) {
  (void)state;
  const edb_unary_fn f = portable()->exp;
  ASSERT_SAME(apply(f, INFINITY), INFINITY, "exp inf");
  ASSERT_SAME(apply(f, -INFINITY), 0.0f, "exp -inf");
  ASSERT_SAME(apply(f, NAN), NAN, "exp nan");
  ASSERT_SAME(apply(f, 88.8f), INFINITY, "exp 88.8");
  ASSERT_SAME(apply(f, -103.0f), 0x1p-149f, "exp -103: the smallest denormal");
  ASSERT_SAME(apply(f, -104.0f), 0.0f, "exp -104");
  ASSERT_SAME(apply(f, -0.0f), 1.0f, "exp -0");
}

static void log_is_within_its_bound(void **state) {
  (void)state;
  assert_true(worst_error("log", portable()->log, log, 0x1p-149f, INFINITY, STEP / 2) <= 1.5);
  assert_true(worst_error("log", portable()->log, log, 0.5f, 2, 41) <= 1.5);
}

static void log_of_zero_negative_and_infinite_numbers(void **state) {
  (void)state;
  const edb_unary_fn f = portable()->log;
  ASSERT_SAME(apply(f, 0.0f), -INFINITY, "log 0");
  ASSERT_SAME(apply(f, -0.0f), -INFINITY, "log -0");
  ASSERT_SAME(apply(f, -1.0f), NAN, "log -1");
  ASSERT_SAME(apply(f, -INFINITY), NAN, "log -inf");
  ASSERT_SAME(apply(f, INFINITY), INFINITY, "log inf");
  ASSERT_SAME(apply(f, NAN), NAN, "log nan");
  ASSERT_SAME(apply(f, 1.0f), 0.0f, "log 1");
}

static void sigmoid_is_within_its_bound(void **state) {
  (void)state;
  const edb_unary_fn f = portable()->sigmoid;
  assert_true(worst_error("sigmoid", f, oracle_sigmoid, -INFINITY, INFINITY, STEP) <= 3.1);
  assert_true(worst_error("sigmoid", f, oracle_sigmoid, -104, 20, 1301) <= 3.1);
  ASSERT_SAME(apply(f, INFINITY), 1.0f, "sigmoid inf");
  ASSERT_SAME(apply(f, -INFINITY), 0.0f, "sigmoid -inf");
  ASSERT_SAME(apply(f, NAN), NAN, "sigmoid nan");
  ASSERT_SAME(apply(f, 0.0f), 0.5f, "sigmoid 0");
}

static void tanh_is_within_its_bound(void **state) {
  (void)state;
  const edb_unary_fn f = portable()->tanh;
  assert_true(worst_error("tanh", f, tanh, -INFINITY, INFINITY, STEP) <= 5.3);
  assert_true(worst_error("tanh", f, tanh, 0x1p-6f, 2, 211) <= 3.8);
  assert_true(worst_error("tanh", f, tanh, 2, 10, 211) <= 5.3);
  ASSERT_SAME(apply(f, INFINITY), 1.0f, "tanh inf");
  ASSERT_SAME(apply(f, -INFINITY), -1.0f, "tanh -inf");
  ASSERT_SAME(apply(f, NAN), NAN, "tanh nan");
  ASSERT_SAME(apply(f, -0.0f), -0.0f, "tanh -0");
  ASSERT_SAME(apply(f, 9.02f), 1.0f, "tanh 9.02");
  for (uint32_t bits = bits_of(8.0f); bits < bits_of(9.5f); bits += 3)
    assert_true(apply(f, float_of(bits)) <= 1);
}

static void tanh_is_odd(void **state) {
  (void)state;
  numbers n = {5};
  for (int i = 0; i < 10000; i++) {
    const float x = next_any(&n);
    ASSERT_SAME(apply(portable()->tanh, -x), -apply(portable()->tanh, x), "tanh %a", (double)x);
  }
}

static void sin_and_cos_are_within_their_bounds(void **state) {
  (void)state;
  const float max = 0x1.fffffep127f;
  assert_true(worst_error("sin", portable()->sin, sin, -1e5f, 1e5f, STEP) <= 2);
  assert_true(worst_error("cos", portable()->cos, cos, -1e5f, 1e5f, STEP) <= 2);
  assert_true(worst_error("sin", portable()->sin, sin, 1e5f, max, 3001) <= 2);
  assert_true(worst_error("cos", portable()->cos, cos, -max, -1e5f, 3001) <= 2);
  assert_true(worst_error("sin", portable()->sin, sin, 0.5f, 100, 311) <= 2);
  assert_true(worst_error("cos", portable()->cos, cos, 0.5f, 100, 311) <= 2);
}

/* The fp32 numbers next to multiples of pi / 2, where the reduction loses most. */
static void sin_and_cos_hold_near_their_zeros(void **state) {
  (void)state;
  for (int64_t n = 1; n < 3000000000; n = n * 5 / 4 + 1) {
    const float x = (float)((double)n * 1.57079632679489661923);
    assert_true(ulp_error(apply(portable()->sin, x), sin(x)) <= 2);
    assert_true(ulp_error(apply(portable()->cos, x), cos(x)) <= 2);
  }
  ASSERT_SAME(apply(portable()->sin, -0.0f), -0.0f, "sin -0");
  ASSERT_SAME(apply(portable()->sin, INFINITY), NAN, "sin inf");
  ASSERT_SAME(apply(portable()->cos, -INFINITY), NAN, "cos -inf");
  ASSERT_SAME(apply(portable()->cos, NAN), NAN, "cos nan");
}

static void gelu_is_within_its_bounds(void **state) {
  (void)state;
  const edb_unary_fn f = portable()->gelu;
  assert_true(worst_error("gelu", f, oracle_gelu, -5, INFINITY, STEP) <= 7.2);
  assert_true(worst_error("gelu", f, oracle_gelu, -5, 5, 1301) <= 7.2);
  assert_true(worst_error("gelu", f, oracle_gelu, -13, -5, 211) <= 7.2);
  for (float x = -13; x > -20; x -= 0.01f) {
    assert_true(fabs(apply(f, x) - oracle_gelu(x)) < 1e-43 + 5e-7 * fabs(oracle_gelu(x)));
  }
  ASSERT_SAME(apply(f, INFINITY), INFINITY, "gelu inf");
  ASSERT_SAME(apply(f, -INFINITY), -0.0f, "gelu -inf");
  ASSERT_SAME(apply(f, NAN), NAN, "gelu nan");
  ASSERT_SAME(apply(f, 0.0f), 0.0f, "gelu 0");
}

/* Of all fp32 numbers those with the largest errors, and these errors. */
static void the_worst_numbers_are_within_the_bounds(void **state) {
  (void)state;
  const struct {
    edb_unary_fn f;
    oracle_fn oracle;
    float x;
    double bound;
  } worst[] = {{portable()->exp, exp, -0x1.6078c4p+4f, 1.0},
               {portable()->log, log, 0x1.69b14cp-1f, 1.0},
               {portable()->sigmoid, oracle_sigmoid, -0x1.b7d252p+1f, 3.1},
               {portable()->tanh, tanh, 0x1.8b7d58p+0f, 3.8},
               {portable()->tanh, tanh, 0x1.18f39cp+3f, 5.3},
               {portable()->gelu, oracle_gelu, 0x1.ed26aap-9f, 7.2}};
  for (size_t i = 0; i < COUNT(worst); i++) {
    const double error = ulp_error(apply(worst[i].f, worst[i].x), worst[i].oracle(worst[i].x));
    assert_true(error <= worst[i].bound && error > worst[i].bound - 0.15);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exp_is_within_its_bound),
      cmocka_unit_test(exp_ends_in_zero_and_infinity),
      cmocka_unit_test(log_is_within_its_bound),
      cmocka_unit_test(log_of_zero_negative_and_infinite_numbers),
      cmocka_unit_test(sigmoid_is_within_its_bound),
      cmocka_unit_test(tanh_is_within_its_bound),
      cmocka_unit_test(tanh_is_odd),
      cmocka_unit_test(sin_and_cos_are_within_their_bounds),
      cmocka_unit_test(sin_and_cos_hold_near_their_zeros),
      cmocka_unit_test(gelu_is_within_its_bounds),
      cmocka_unit_test(the_worst_numbers_are_within_the_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
