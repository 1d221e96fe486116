/* kernel/math.h: exp, log, sin, cos, sigmoid, tanh and gelu of 16 values, one algorithm for all
 * levels.
 *
 * Only fma, add, mul, div, comparisons and operations on the bits occur, each of which rounds in
 * the same way everywhere, so every level gives the same bits. The coefficients are minimax fits of
 * our own, rounded to fp32 one after another. Bounds are in ulp of the fp32 result against the true
 * value, over all fp32 numbers; tests/kernel/test_math.c measures them on some, and on the worst.
 * NaN gives NaN.
 *
 *   exp      1.1 ulp, denormal results rounded once; overflow gives +inf, underflow +0
 *   log      1.5 ulp, also of denormals; log 0 = -inf, of a negative number NaN
 *   sigmoid  3.1 ulp, denormal results included
 *   tanh     5.3 ulp (3.8 for |x| < 2); odd; +-1 from |x| = 9.02 on, never beyond
 *   sin, cos 2 ulp for every finite x; of an infinity NaN
 *   gelu     x Phi(x) with the true normal distribution: 7.2 ulp for x >= -13; below, where results
 *            become denormal, 5e-7 relative plus 1e-43 absolute */
#ifndef EDB_KERNEL_MATH_H
#define EDB_KERNEL_MATH_H

#include "kernel/angle.h"

VF_INLINE edb_vf vf_abs(edb_vf x) {
  return vf_from_bits(vi_and(vf_bits(x), vi_set1(INT32_MAX)));
}
VF_INLINE edb_vf vf_neg(edb_vf x) {
  return vf_from_bits(vi_xor(vf_bits(x), vi_set1(INT32_MIN)));
}
VF_INLINE edb_vf vf_minus_abs(edb_vf x) {
  return vf_from_bits(vi_or(vf_bits(x), vi_set1(INT32_MIN)));
}

/* 1.5 * 2^23: adding it rounds a number below 2^22 to a whole one, which then stands in the low
 * bits. */
#define VF_ROUNDER 0x1.8p23f

/* 1.5 * 2^19 + 254: adding it to a number rounds that to a multiple of 1 / 16, whose sixteenths,
 * and those of 254, then stand in the low bits. */
#define VF_SIXTEENTHS_ROUNDER 0x1.801fcp19f

#ifndef VF_HAS_SCALE
/* x * 2^floor(n), rounded once (also to a denormal or to infinity), for a multiple n of 1 / 16 in
 * [-151, 129) and 0.5 < |x| < 2; `shifted` is n + VF_SIXTEENTHS_ROUNDER. In two steps: the first
 * factor keeps x normal, so it rounds nothing. 254 is twice the bias of exponents, and what stands
 * above it in the bits is a multiple of 2^10: it goes when they are shifted to their place. */
VF_INLINE edb_vf vf_scale(edb_vf x, edb_vf n, edb_vf shifted) {
  const edb_vi whole = vi_shift_right(vf_bits(shifted), 4);
  const edb_vi half = vi_shift_right(vf_bits(shifted), 5);
  const edb_vf first = vf_from_bits(vi_shift_left(half, 23));
  const edb_vf second = vf_from_bits(vi_shift_left(vi_sub(whole, half), 23));
  (void)n;
  return vf_mul(vf_mul(x, first), second);
}
#endif

/* 2^(i / 16) */
static const float vf_powers_of_two[VF_LANES] = {
    0x1.000000p0f, 0x1.0b5586p0f, 0x1.172b84p0f, 0x1.2387a6p0f, 0x1.306fe0p0f, 0x1.3dea64p0f,
    0x1.4bfdaep0f, 0x1.5ab07ep0f, 0x1.6a09e6p0f, 0x1.7a1148p0f, 0x1.8ace54p0f, 0x1.9c4918p0f,
    0x1.ae89fap0f, 0x1.c199bep0f, 0x1.d5818ep0f, 0x1.ea4afap0f,
};

/* e^x for x <= 89; -104 is below the logarithm of the smallest denormal. x = n ln 2 + r with n a
 * multiple of 1 / 16 and |r| <= ln 2 / 32, so that a cubic is enough for e^r - 1; the first step of
 * the reduction is exact: n ln2_high and x have so many bits in common. */
VF_INLINE edb_vf vf_exp_bounded(edb_vf x) {
  const edb_vf rounder = vf_set1(VF_SIXTEENTHS_ROUNDER);
  const edb_vf bounded = vf_greater(vf_set1(-104.0f), x);
  const edb_vf shifted = vf_fma(bounded, vf_set1(0x1.715476p0f), rounder);
  const edb_vf n = vf_sub(shifted, rounder);
  edb_vf r = vf_fma(n, vf_set1(-0x1.62e430p-1f), bounded);
  r = vf_fma(n, vf_set1(0x1.05c610p-29f), r);
  const edb_vf q = vf_fma(vf_set1(0x1.55571ep-3f), r, vf_set1(0x1.000220p-1f));
  const edb_vf p = vf_fma(vf_mul(r, r), q, r);
  const edb_vf power = vf_pick(vf_powers_of_two, vf_bits(shifted));
  return vf_scale(vf_fma(power, p, power), n, shifted);
}

VF_INLINE edb_vf vf_exp(edb_vf x) {
  return vf_exp_bounded(vf_less(vf_set1(89.0f), x));
}

/* e / (1 + e) and 1 / (1 + e) with e = exp(-|x|): no overflow, and both tails keep their precision.
 */
VF_INLINE edb_vf vf_sigmoid(edb_vf x) {
  const edb_vf one = vf_set1(1.0f);
  const edb_vf e = vf_exp_bounded(vf_minus_abs(x));
  return vf_div(vf_blend(vf_gt(x, vf_set1(0.0f)), one, e), vf_add(one, e));
}

/* x P(x^2) / Q(x^2), a minimax fit over |x| <= 9.02; it is 1 there, which stands for all beyond. On
 * the way there, rounding could pass 1. */
VF_INLINE edb_vf vf_tanh(edb_vf x) {
  const edb_vf bounded = vf_less(vf_set1(9.02f), vf_greater(vf_set1(-9.02f), x));
  const edb_vf z = vf_mul(bounded, bounded), one = vf_set1(1.0f);
  edb_vf p = vf_set1(0x1.cc0e3ap-27f);
  p = vf_fma(p, z, vf_set1(0x1.5a3e16p-16f));
  p = vf_fma(p, z, vf_set1(0x1.ca6c30p-9f));
  p = vf_fma(p, z, vf_set1(0x1.1213d2p-3f));
  p = vf_fma(p, z, one);
  edb_vf q = vf_set1(0x1.a251bap-21f);
  q = vf_fma(q, z, vf_set1(0x1.58d64cp-12f));
  q = vf_fma(q, z, vf_set1(0x1.a81702p-6f));
  q = vf_fma(q, z, vf_set1(0x1.de5f36p-2f));
  q = vf_fma(q, z, one);
  const edb_vf y = vf_div(vf_mul(p, bounded), q);
  return vf_less(one, vf_greater(vf_set1(-1.0f), y));
}

/* log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1], less f itself: f^2 (f P(f) - 1/2). */
VF_INLINE edb_vf vf_log_tail(edb_vf f) {
  edb_vf p = vf_set1(-0x1.38fa2cp-4f);
  p = vf_fma(p, f, vf_set1(0x1.0589b6p-3f));
  p = vf_fma(p, f, vf_set1(-0x1.0d8e2cp-3f));
  p = vf_fma(p, f, vf_set1(0x1.22d480p-3f));
  p = vf_fma(p, f, vf_set1(-0x1.5470e2p-3f));
  p = vf_fma(p, f, vf_set1(0x1.99a03ap-3f));
  p = vf_fma(p, f, vf_set1(-0x1.00022cp-2f));
  p = vf_fma(p, f, vf_set1(0x1.555554p-2f));
  return vf_mul(vf_mul(f, f), vf_fma(f, p, vf_set1(-0.5f)));
}

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)); denormals are brought up by 2^23 first. */
VF_INLINE edb_vf vf_log(edb_vf x) {
  const edb_vf zero = vf_set1(0.0f), infinity = vf_from_bits(vi_set1(0x7f800000));
  const edb_vm tiny = vf_lt(x, vf_set1(0x1p-126f));
  const edb_vi bits = vf_bits(vf_blend(tiny, vf_mul(x, vf_set1(0x1p23f)), x));
  const edb_vi exponent = vi_shift_right(vi_sub(bits, vi_set1(0x3f3504f3)), 23);
  const edb_vf f = vf_sub(vf_from_bits(vi_sub(bits, vi_shift_left(exponent, 23))), vf_set1(1.0f));
  const edb_vf k = vf_add(vf_from_vi(exponent), vf_blend(tiny, vf_set1(-23.0f), zero));
  const edb_vf low = vf_fma(k, vf_set1(-0x1.05c610p-29f), vf_log_tail(f));
  edb_vf y = vf_fma(k, vf_set1(0x1.62e430p-1f), vf_add(f, low));
  y = vf_blend(vf_eq(x, infinity), infinity, y);
  y = vf_blend(vf_eq(x, zero), vf_neg(infinity), y);
  return vf_blend(vm_or(vf_lt(x, zero), vf_nan(x)), vf_from_bits(vi_set1(0x7fc00000)), y);
}

/* x = n pi / 2 + r with |r| a little over pi / 4 at most; the low bits of *quadrant are those of n.
 * Up to EDB_ANGLE_SMALL pi / 2 in three parts is enough, the first of which is exact; the rare
 * larger arguments go through integer arithmetic lane by lane. */
VF_INLINE edb_vf vf_angle(edb_vf x, edb_vi *quadrant) {
  const edb_vf rounder = vf_set1(VF_ROUNDER);
  const edb_vf turned = vf_fma(x, vf_set1(0x1.45f306p-1f), rounder);
  const edb_vf n = vf_sub(turned, rounder);
  *quadrant = vf_bits(turned);
  edb_vf r = vf_fma(n, vf_set1(-0x1.921fb6p0f), x);
  r = vf_fma(n, vf_set1(0x1.777a5cp-25f), r);
  r = vf_fma(n, vf_set1(0x1.ee59dap-50f), r);
  const uint32_t large = vm_bits(vf_gt(vf_abs(x), vf_set1(EDB_ANGLE_SMALL)));
  if (large == 0) return r;
  float xs[VF_LANES], rs[VF_LANES], quadrants[VF_LANES];
  vf_store(xs, x);
  vf_store(rs, r);
  vf_store(quadrants, vf_from_bits(*quadrant));
  edb_angle_reduce(large, xs, rs, quadrants);
  *quadrant = vf_bits(vf_load(quadrants));
  return vf_load(rs);
}

VF_INLINE edb_vf vf_sin_reduced(edb_vf r) {
  const edb_vf z = vf_mul(r, r);
  edb_vf s = vf_set1(-0x1.991e08p-13f);
  s = vf_fma(s, z, vf_set1(0x1.1106cap-7f));
  s = vf_fma(s, z, vf_set1(-0x1.555544p-3f));
  return vf_fma(vf_mul(z, r), s, r);
}

VF_INLINE edb_vf vf_cos_reduced(edb_vf r) {
  const edb_vf z = vf_mul(r, r);
  edb_vf c = vf_set1(0x1.99de6ep-16f);
  c = vf_fma(c, z, vf_set1(-0x1.6c0c14p-10f));
  c = vf_fma(c, z, vf_set1(0x1.55554ap-5f));
  c = vf_fma(c, z, vf_set1(-0.5f));
  return vf_fma(z, c, vf_set1(1.0f));
}

/* sin(r + quadrant pi / 2): odd quadrants take the cosine, bit 1 turns the sign. */
VF_INLINE edb_vf vf_sin_in_quadrant(edb_vf r, edb_vi quadrant) {
  const edb_vm odd = vi_nonzero(vi_and(quadrant, vi_set1(1)));
  const edb_vi sign = vi_shift_left(vi_and(quadrant, vi_set1(2)), 30);
  const edb_vf y = vf_blend(odd, vf_cos_reduced(r), vf_sin_reduced(r));
  return vf_from_bits(vi_xor(vf_bits(y), sign));
}

VF_INLINE edb_vf vf_sin(edb_vf x) {
  edb_vi quadrant;
  const edb_vf r = vf_angle(x, &quadrant);
  /* Below 2^-12, sin x rounds to x; -0 would lose its sign on the way. */
  return vf_blend(vf_lt(vf_abs(x), vf_set1(0x1p-12f)), x, vf_sin_in_quadrant(r, quadrant));
}

VF_INLINE edb_vf vf_cos(edb_vf x) {
  edb_vi quadrant;
  const edb_vf r = vf_angle(x, &quadrant);
  return vf_sin_in_quadrant(r, vi_add(quadrant, vi_set1(1)));
}

/* exp(a^2 / 2) (1 - Phi(a)) for 0 <= a <= 14.5, a polynomial in t = 1 / (1 + 0.3 a). */
VF_INLINE edb_vf vf_normal_tail_ratio(edb_vf a) {
  const edb_vf one = vf_set1(1.0f);
  const edb_vf t = vf_div(one, vf_fma(vf_set1(0.3f), a, one));
  edb_vf p = vf_set1(-0x1.51e572p-6f);
  p = vf_fma(p, t, vf_set1(0x1.cc89bcp-4f));
  p = vf_fma(p, t, vf_set1(-0x1.d36226p-3f));
  p = vf_fma(p, t, vf_set1(0x1.88c6f4p-3f));
  p = vf_fma(p, t, vf_set1(-0x1.455290p-4f));
  p = vf_fma(p, t, vf_set1(0x1.89dc40p-4f));
  p = vf_fma(p, t, vf_set1(0x1.411556p-4f));
  p = vf_fma(p, t, vf_set1(0x1.c38644p-4f));
  p = vf_fma(p, t, vf_set1(0x1.e9c422p-4f));
  p = vf_fma(p, t, vf_set1(0x1.ea3c98p-4f));
  return vf_mul(p, t);
}

/* x Phi(x), where Q(a) = 1 - Phi(a) for a = |x| is exp(-a^2 / 2) times a slow function. The square
 * is taken with its rounding error (low), which the exponential would magnify by 100 in the far
 * tail. */
VF_INLINE edb_vf vf_gelu(edb_vf x) {
  const edb_vf half = vf_set1(-0.5f), one = vf_set1(1.0f);
  const edb_vm positive = vf_gt(x, vf_set1(0.0f));
  const edb_vf bounded = vf_greater(vf_set1(-14.5f), x);
  const edb_vf a = vf_less(vf_set1(14.5f), vf_abs(x));
  const edb_vf square = vf_mul(a, a);
  const edb_vf low = vf_fma(a, a, vf_neg(square));
  edb_vf e = vf_exp_bounded(vf_mul(half, square));
  e = vf_fma(vf_mul(half, low), e, e);
  const edb_vf q = vf_mul(e, vf_normal_tail_ratio(a));
  return vf_mul(bounded, vf_blend(positive, vf_sub(one, q), q));
}

#endif
