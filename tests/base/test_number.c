/* tests/base/test_number.c: decimal numbers against the C library's, in more than one locale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/rng.h"

static bool same_bits(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0;
}

static void agrees_with_the_c_library(const char *text) {
  double found = edb_number_value(text, strlen(text));
  double expected = strtod(text, NULL);
  if (!same_bits(found, expected)) fail_msg("%.80s: %a, expected %a", text, found, expected);
}

static void the_longest_number_is_taken(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t length;
  } cases[] = {{"", 0},    {"-", 0},    {"+1", 0},    {".5", 0},       {"e5", 0},
               {"0", 1},   {"-0", 2},   {"01", 1},    {"-01", 2},      {"12x", 2},
               {"1.", 1},  {"1.e5", 1}, {"1.5", 3},   {"1.5.5", 3},    {"1e", 1},
               {"1e+", 1}, {"1e5", 3},  {"1E-05", 5}, {"1.25e+3,", 7}, {"inf", 0},
               {"nan", 0}, {"0x10", 1}, {"1 ", 1},    {"--1", 0},      {"1e5e5", 3}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(edb_number_scan(cases[i].text, strlen(cases[i].text)), cases[i].length);
  assert_int_equal(edb_number_scan("123456", 3), 3);
  assert_int_equal(edb_number_scan("1.5", 2), 1);
  assert_int_equal(edb_number_scan("1e5", 2), 1);
}

static void hard_cases_are_rounded_correctly(void **state) {
  (void)state;
  static const char *const cases[] = {
      "0",
      "-0",
      "0.0e99",
      "1",
      "0.1",
      "-2.5e-3",
      "9007199254740993",
      "9007199254740992.5",
      "9007199254740993.0000000000000000000000000000000001",
      "1e22",
      "1e23",
      "1e-22",
      "1e-23",
      "123456789012345678901234567890",
      "1.7976931348623157e308",
      "1.7976931348623158e308",
      "1.7976931348623159e308",
      "1e308",
      "1e309",
      "-1e400",
      "2.2250738585072014e-308",
      "2.2250738585072011e-308",
      "2.2250738585072012e-308",
      "4.9406564584124654e-324",
      "2.4703282292062327e-324",
      "2.4703282292062328e-324",
      "2.4703282292062329e-324",
      "1e-324",
      "1e-400",
      "-1e-400",
      "6.631236846766476e-316",
      "8.41e21",
      "5e-324",
      "0.000001e-318",
      "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797"
      "75872070963302864166928879109465555478519404026306574886715058206819089020007083836762738548"
      "45817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711"
      "559699508093042880",
      "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797"
      "75872070963302864166928879109465555478519404026306574886715058206819089020007083836762738548"
      "45817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711"
      "559699508093042879.9999"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) agrees_with_the_c_library(cases[i]);
}

/* The exact middle between a double and the next, which takes up to 767 digits, then a little less
 * and a little more, far behind. */
static void exact_middles_go_to_even_and_digits_far_behind_count(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  for (int i = 0; i < 300; i++) {
    uint64_t bits = edb_rng_u64(&rng) & INT64_MAX;
    if (i % 3 == 0) bits &= (UINT64_C(1) << 54) - 1; /* subnormal or nearly */
    double low = 0;
    memcpy(&low, &bits, sizeof low);
    if (!isfinite(low) || low > 1e300) continue;
    char text[1600];
    long double middle = ((long double)low + (long double)nextafter(low, INFINITY)) / 2;
    if (LDBL_MANT_DIG < 64) skip();
    int length = snprintf(text, sizeof text, "%.1150Lf", middle);
    if (length < 0 || length > 1500 || strchr(text, '.') == NULL) continue;
    agrees_with_the_c_library(text);
    memcpy(text + length, "0000000001", 11);
    agrees_with_the_c_library(text);
  }
}

static void random_numbers_agree_with_the_c_library(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 12);
  for (int i = 0; i < 20000; i++) {
    char text[80];
    uint64_t bits = edb_rng_u64(&rng);
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value)) {
      (void)snprintf(text, sizeof text, "%.*e", (int)(1 + edb_rng_below(&rng, 24)), value);
      agrees_with_the_c_library(text);
    }
    (void)snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)bits,
                   (unsigned long long)edb_rng_u64(&rng), (int)edb_rng_below(&rng, 700) - 350);
    agrees_with_the_c_library(text);
  }
}

static void enormous_texts_take_linear_time(void **state) {
  (void)state;
  const size_t count = 4000000;
  char *text = malloc(count + 40);
  assert_non_null(text);
  memset(text, '0', count);
  text[0] = '1';
  assert_true(isinf(edb_number_value(text, count)));
  memcpy(text + count, "e-3999999", 9); /* 10^3999999 10^-3999999 */
  assert_true(edb_number_value(text, count + 9) == 1);
  text[0] = '0';
  text[1] = '.';
  text[count - 1] = '7'; /* 7 10^-(count - 2), scaled back */
  memcpy(text + count, "e3999998", 8);
  assert_true(edb_number_value(text, count + 8) == 7);
  memset(text, '9', count);
  memcpy(text, "1e", 2);
  assert_true(isinf(edb_number_value(text, count)));
  text[2] = '-';
  assert_true(edb_number_value(text, count) == 0);
  free(text);
}

static void integers_are_those_within_64_bits(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool is;
    int64_t value;
  } cases[] = {{"0", true, 0},
               {"-0", true, 0},
               {"12", true, 12},
               {"-12", true, -12},
               {"9223372036854775807", true, INT64_MAX},
               {"9223372036854775808", false, 0},
               {"-9223372036854775808", true, INT64_MIN},
               {"-9223372036854775809", false, 0},
               {"18446744073709551616", false, 0},
               {"99999999999999999999999", false, 0},
               {"1.0", false, 0},
               {"1e2", false, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t value = 77;
    assert_int_equal(edb_number_integer(cases[i].text, strlen(cases[i].text), &value), cases[i].is);
    assert_true(value == (cases[i].is ? cases[i].value : 77));
  }
}

static void floats_print_as_the_shortest_text(void **state) {
  (void)state;
  static const struct {
    float value;
    const char *text;
  } cases[] = {{0, "0"},
               {-0.0f, "-0"},
               {1, "1"},
               {0.1f, "0.1"},
               {-2.5f, "-2.5"},
               {16777216, "16777216"},
               {1e10f, "1e+10"},
               {FLT_MAX, "3.4028235e+38"},
               {FLT_MIN, "1.1754944e-38"},
               {FLT_TRUE_MIN, "1e-45"},
               {0.333333343f, "0.33333334"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[EDB_NUMBER_BYTES];
    assert_int_equal(edb_number_print_float(text, cases[i].value), strlen(cases[i].text));
    assert_string_equal(text, cases[i].text);
  }
}

static void doubles_print_as_the_shortest_text(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0.1, "0.1"},
               {0.1 + 0.2, "0.30000000000000004"},
               {-DBL_MAX, "-1.7976931348623157e+308"},
               {DBL_TRUE_MIN, "5e-324"},
               {123456789, "123456789"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[EDB_NUMBER_BYTES];
    edb_number_print_double(text, cases[i].value);
    assert_string_equal(text, cases[i].text);
  }
}

static void printed_numbers_read_back_the_same(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 13);
  for (int i = 0; i < 20000; i++) {
    char text[EDB_NUMBER_BYTES];
    uint64_t bits = edb_rng_u64(&rng);
    double wide = 0;
    float narrow = 0;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &bits, sizeof narrow);
    if (isfinite(wide)) {
      size_t length = edb_number_print_double(text, wide);
      assert_int_equal(edb_number_scan(text, length), length);
      assert_true(same_bits(strtod(text, NULL), wide));
    }
    if (isfinite(narrow)) {
      edb_number_print_float(text, narrow);
      assert_true(strtof(text, NULL) == narrow);
    }
  }
}

static void the_locale_changes_nothing(void **state) {
  (void)state;
  static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF.UTF-8"};
  const char *set = NULL;
  for (size_t i = 0; i < 4 && set == NULL; i++) set = setlocale(LC_ALL, locales[i]);
  if (set == NULL) {
    print_message("no locale with another decimal point is installed\n");
    skip();
  }
  char text[EDB_NUMBER_BYTES];
  edb_number_print_double(text, 1234.5);
  double value = edb_number_value("2.5", 3);
  (void)setlocale(LC_ALL, "C");
  assert_string_equal(text, "1234.5");
  assert_true(value == 2.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_number_is_taken),
      cmocka_unit_test(hard_cases_are_rounded_correctly),
      cmocka_unit_test(exact_middles_go_to_even_and_digits_far_behind_count),
      cmocka_unit_test(random_numbers_agree_with_the_c_library),
      cmocka_unit_test(enormous_texts_take_linear_time),
      cmocka_unit_test(integers_are_those_within_64_bits),
      cmocka_unit_test(floats_print_as_the_shortest_text),
      cmocka_unit_test(doubles_print_as_the_shortest_text),
      cmocka_unit_test(printed_numbers_read_back_the_same),
      cmocka_unit_test(the_locale_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
