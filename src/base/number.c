/* base/number.c: decimal to binary and back.
 *
 * Reading: value = D 10^e with D the digits as an integer. If D < 2^53 and |e| <= 22 both are exact
 * doubles and one operation rounds once (Clinger, 1990). Otherwise the quotient of two big integers
 * is formed bit by bit; what remains decides the rounding. */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A double's exact midpoints have at most 767 significant digits; of more, only "not zero" counts.
 */
#define MAX_DIGITS 800

/* Holds 10^1130 (the smallest exponent that is not plainly 0, with MAX_DIGITS digits before it)
 * shifted by one quotient bit: 3755 bits. */
#define BIG_WORDS 128

typedef struct big {
  uint32_t words[BIG_WORDS]; /* little-endian */
  size_t count;              /* without leading zero words */
} big;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static size_t scan_digits(const char *text, size_t from, size_t length) {
  while (from < length && is_digit(text[from])) from++;
  return from;
}

size_t edb_number_scan(const char *text, size_t length) {
  size_t i = 0;
  if (i < length && text[i] == '-') i++;
  if (i == length || !is_digit(text[i])) return 0;
  i = text[i] == '0' ? i + 1 : scan_digits(text, i, length);
  if (i + 1 < length && text[i] == '.' && is_digit(text[i + 1]))
    i = scan_digits(text, i + 1, length);
  if (i < length && (text[i] == 'e' || text[i] == 'E')) {
    size_t digits = i + 1;
    if (digits < length && (text[digits] == '+' || text[digits] == '-')) digits++;
    size_t end = scan_digits(text, digits, length);
    if (end > digits) i = end;
  }
  return i;
}

bool edb_number_integer(const char *text, size_t length, int64_t *out) {
  bool negative = length != 0 && text[0] == '-';
  uint64_t limit = (uint64_t)INT64_MAX + negative;
  uint64_t value = 0;
  for (size_t i = negative; i < length; i++) {
    if (!is_digit(text[i])) return false;
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (value > (limit - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

static void big_multiply_add(big *a, uint32_t factor, uint32_t addend) {
  uint64_t carry = addend;
  for (size_t i = 0; i < a->count; i++) {
    carry += (uint64_t)a->words[i] * factor;
    a->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry != 0) a->words[a->count++] = (uint32_t)carry;
}

static void big_multiply_power_of_ten(big *a, size_t exponent) {
  for (; exponent >= 9; exponent -= 9) big_multiply_add(a, 1000000000, 0);
  for (; exponent > 0; exponent--) big_multiply_add(a, 10, 0);
}

static long big_bits(const big *a) {
  return 32 * (long)a->count - __builtin_clz(a->words[a->count - 1]);
}

static void big_shift_left(big *a, size_t bits) {
  size_t words = bits / 32;
  unsigned rest = bits % 32;
  if (rest != 0) big_multiply_add(a, UINT32_C(1) << rest, 0);
  if (words == 0) return;
  memmove(a->words + words, a->words, a->count * sizeof a->words[0]);
  memset(a->words, 0, words * sizeof a->words[0]);
  a->count += words;
}

static bool big_less(const big *a, const big *b) {
  if (a->count != b->count) return a->count < b->count;
  size_t i = a->count;
  while (i > 0 && a->words[i - 1] == b->words[i - 1]) i--;
  return i > 0 && a->words[i - 1] < b->words[i - 1];
}

/* a -= b; requires a >= b. */
static void big_subtract(big *a, const big *b) {
  uint64_t borrow = 0;
  for (size_t i = 0; i < a->count; i++) {
    uint64_t take = (i < b->count ? b->words[i] : 0) + borrow;
    borrow = a->words[i] < take;
    a->words[i] = (uint32_t)(a->words[i] - take);
  }
  while (a->count > 0 && a->words[a->count - 1] == 0) a->count--;
}

/* The nearest double to 1.q 2^exponent, q the 63 bits after the first; `more` = there are further
 * bits that are not zero. */
static double round_to_double(uint64_t q, long exponent, bool more) {
  if (exponent > 1023) return HUGE_VAL;
  long drop = exponent >= -1022 ? 11 : 11 + (-1022 - exponent); /* subnormals keep fewer bits */
  if (drop > 64) return 0;
  uint64_t kept = drop == 64 ? 0 : q >> drop;
  uint64_t half = UINT64_C(1) << (drop - 1);
  bool above_half = (q & (half - 1)) != 0 || more;
  if ((q & half) != 0 && (above_half || (kept & 1) != 0)) kept++;
  return ldexp((double)kept, (int)(exponent - 63 + drop));
}

/* num / den, both positive, by long division to 64 bits. */
static double big_divide(big *num, big *den) {
  long exponent = big_bits(num) - big_bits(den);
  if (exponent > 0) big_shift_left(den, (size_t)exponent);
  if (exponent < 0) big_shift_left(num, (size_t)-exponent);
  if (big_less(num, den)) {
    big_shift_left(num, 1);
    exponent--;
  }
  uint64_t q = 0; /* now 1 <= num / den < 2: the first bit is 1 */
  for (int bit = 0; bit < 64; bit++) {
    q <<= 1;
    if (!big_less(num, den)) {
      big_subtract(num, den);
      q |= 1;
    }
    big_multiply_add(num, 2, 0);
  }
  return round_to_double(q, exponent, num->count != 0);
}

/* A number taken apart: digits[0..count) 10^exponent, no leading zeros, at most MAX_DIGITS + 1. */
typedef struct decimal {
  bool negative;
  size_t count;
  int64_t exponent;
  unsigned char digits[MAX_DIGITS + 1];
} decimal;

/* Exponents stop growing where the value is plainly 0 or infinite for any text that fits in memory.
 */
static int64_t read_exponent(const char *text, size_t length) {
  const int64_t far = INT64_C(1) << 60;
  bool negative = length != 0 && text[0] == '-';
  size_t i = length != 0 && !is_digit(text[0]) ? 1 : 0;
  int64_t value = 0;
  for (; i < length && value < far / 10; i++) value = value * 10 + (text[i] - '0');
  return negative ? -value : value;
}

static void take_apart(decimal *d, const char *text, size_t length) {
  bool fraction = false;
  bool more = false;
  size_t i = length != 0 && text[0] == '-';
  d->negative = i != 0;
  d->count = 0;
  d->exponent = 0;
  for (; i < length && text[i] != 'e' && text[i] != 'E'; i++) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    if (fraction) d->exponent--;
    if (d->count == 0 && text[i] == '0') continue;
    if (d->count < MAX_DIGITS) {
      d->digits[d->count++] = (unsigned char)(text[i] - '0');
    } else {
      more = more || text[i] != '0';
      d->exponent++;
    }
  }
  if (more) { /* one digit stands for all that were left out */
    d->digits[d->count++] = 1;
    d->exponent--;
  }
  if (i < length) d->exponent += read_exponent(text + i + 1, length - i - 1);
}

static double value_by_division(const decimal *d) {
  int64_t magnitude = (int64_t)d->count + d->exponent; /* 10^(m - 1) <= value < 10^m */
  if (magnitude > 310) return HUGE_VAL;
  if (magnitude < -325) return 0;
  big num = {.count = 0};
  big den = {.words = {1}, .count = 1};
  for (size_t i = 0; i < d->count; i++) big_multiply_add(&num, 10, d->digits[i]);
  if (d->exponent >= 0)
    big_multiply_power_of_ten(&num, (size_t)d->exponent);
  else
    big_multiply_power_of_ten(&den, (size_t)-d->exponent);
  return big_divide(&num, &den);
}

/* Clinger's case: false when it does not apply. */
static bool value_by_one_operation(const decimal *d, double *out) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (FLT_EVAL_METHOD != 0 || d->count > 16 || d->exponent < -22 || d->exponent > 22) return false;
  uint64_t mantissa = 0;
  for (size_t i = 0; i < d->count; i++) mantissa = mantissa * 10 + d->digits[i];
  if (mantissa > UINT64_C(1) << 53) return false;
  *out = d->exponent < 0 ? (double)mantissa / powers[-d->exponent]
                         : (double)mantissa * powers[d->exponent];
  return true;
}

double edb_number_value(const char *text, size_t length) {
  decimal d;
  take_apart(&d, text, length);
  double value = 0;
  if (d.count != 0 && !value_by_one_operation(&d, &value)) value = value_by_division(&d);
  return d.negative ? -value : value;
}

/* printf with the locale's decimal point, which may be several bytes, made '.'. */
static size_t print_digits(char out[EDB_NUMBER_BYTES], int digits, double value) {
  char text[EDB_NUMBER_BYTES + 16];
  (void)snprintf(text, sizeof text, "%.*g", digits, value);
  size_t length = 0;
  for (const char *at = text; *at != '\0' && length + 1 < EDB_NUMBER_BYTES; at++) {
    bool own = is_digit(*at) || *at == '-' || *at == '+' || *at == 'e';
    if (own)
      out[length++] = *at;
    else if (length == 0 || out[length - 1] != '.')
      out[length++] = '.';
  }
  out[length] = '\0';
  return length;
}

/* Any decimal of up to FLT_DIG digits survives a normal float, so that a shorter text shows among
 * the ones of FLT_DIG digits, trimmed; subnormals need the search from 1. Likewise for double. */
size_t edb_number_print_float(char out[EDB_NUMBER_BYTES], float value) {
  size_t length = 0;
  for (int digits = fabsf(value) < FLT_MIN ? 1 : FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
    length = print_digits(out, digits, (double)value);
    if ((float)edb_number_value(out, length) == value) break;
  }
  return length;
}

size_t edb_number_print_double(char out[EDB_NUMBER_BYTES], double value) {
  size_t length = 0;
  for (int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
    length = print_digits(out, digits, value);
    if (edb_number_value(out, length) == value) break;
  }
  return length;
}
