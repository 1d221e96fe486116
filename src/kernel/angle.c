/* kernel/angle.c: reduction of large arguments of sin and cos by integers (Payne and Hanek 1983).
 * One copy serves all levels, so the levels agree. */
#include "kernel/angle.h"

#include <math.h>
#include <string.h>

/* 2 / pi = 0.a2f9836e4e44... in base 2^32, behind one word of zeros. The largest fp32 numbers have
 * a last bit worth 2^104: of the fraction, all before bit 102 gives whole turns only, and 128 bits
 * from there on give the angle. */
static const uint32_t two_over_pi[9] = {
    0,          0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
    0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
};

/* Bits first .. first + 63 of the table. */
static uint64_t table_bits(uint32_t first) {
  const uint32_t word = first / 32, shift = first % 32;
  const uint64_t bits = (uint64_t)two_over_pi[word] << 32 | two_over_pi[word + 1];
  return shift == 0 ? bits : bits << shift | two_over_pi[word + 2] >> (32 - shift);
}

/* |x| as quarter turns modulo 4, in units of 2^-62. x = m 2^e with a whole m < 2^24; the window of
 * the table begins with the bit that is worth 2 after the product with 2^e. e >= -7 holds from 2^16
 * on. */
static uint64_t quarter_turns(uint32_t x_bits) {
  const uint64_t m = (x_bits & 0x7fffff) | 0x800000;
  const int e = (int)(x_bits >> 23 & 0xff) - 150;
  const uint32_t first = (uint32_t)(32 + e - 2);
  const uint64_t high = table_bits(first), low = table_bits(first + 64);
  const uint64_t carry = (m * (low >> 32) + (m * (low & 0xffffffff) >> 32)) >> 32;
  return m * high + carry;
}

static void reduce(float x, float *r, float *quadrant) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint64_t turns = quarter_turns(bits);
  const int64_t fraction =
      (int64_t)(turns << 2); /* signed: the nearest quarter turn is taken off */
  uint32_t n = (uint32_t)(turns >> 62) + (fraction < 0 ? 1u : 0u);
  double angle = (double)fraction * 0x1.921fb54442d18p-64;
  if (bits >> 31 != 0) {
    angle = -angle;
    n = 0u - n;
  }
  *r = isinf(x) ? NAN : (float)angle;
  memcpy(quadrant, &n, sizeof n);
}

void edb_angle_reduce(uint32_t lanes, const float *x, float *r, float *quadrant) {
  for (uint32_t i = 0; lanes >> i != 0; i++) {
    if (lanes >> i & 1) reduce(x[i], &r[i], &quadrant[i]);
  }
}
