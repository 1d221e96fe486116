/* base/rng.c: xoshiro256** 1.0 seeded by splitmix64 (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", 2018; Steele, Lea and Flood, 2014). */
#include "base/rng.h"

#include <math.h>
#include <string.h>

#include "base/map.h"

static uint64_t splitmix64(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, unsigned by) {
  return (x << by) | (x >> (64 - by));
}

/* splitmix64 is a bijection of its counter, so the four words are never all zero. */
void edb_rng_seed(edb_rng *rng, uint64_t seed) {
  for (int i = 0; i < 4; i++) rng->state[i] = splitmix64(&seed);
}

void edb_rng_seed_named(edb_rng *rng, uint64_t seed, const char *name) {
  uint64_t scrambled = splitmix64(&seed);
  edb_rng_seed(rng, scrambled ^ edb_hash(name, strlen(name)));
}

uint64_t edb_rng_u64(edb_rng *rng) {
  uint64_t *s = rng->state;
  uint64_t result = rotate_left(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

/* Lemire, "Fast random integer generation in an interval", 2019: the high half of a product is
 * uniform once the low halves below 2^32 mod bound are refused. */
uint32_t edb_rng_below(edb_rng *rng, uint32_t bound) {
  uint64_t product = (edb_rng_u64(rng) >> 32) * bound;
  if ((uint32_t)product < bound) {
    uint32_t refused = (uint32_t)-bound % bound;
    while ((uint32_t)product < refused) product = (edb_rng_u64(rng) >> 32) * bound;
  }
  return (uint32_t)(product >> 32);
}

double edb_rng_uniform(edb_rng *rng) {
  return (double)(edb_rng_u64(rng) >> 11) * 0x1p-53;
}

/* ln of 0 < x < 1 by operations that IEEE 754 fixes to the last bit, which it does not for log():
 * x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh(z), z = (m - 1) / (m + 1), |z| < 0.172.
 * The first term left out is below 2^-60. */
static double fixed_log(double x) {
  int exponent = 0;
  double m = frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    exponent--;
  }
  double z = (m - 1) / (m + 1);
  double square = z * z;
  double sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return 2 * z * sum + exponent * 0.69314718055994531;
}

/* Marsaglia's polar method (1964); the second value of a pair is dropped, so that the state is the
 * generator's alone. */
double edb_rng_normal(edb_rng *rng) {
  double u = 0;
  double s = 0;
  do {
    u = 2 * edb_rng_uniform(rng) - 1;
    double v = 2 * edb_rng_uniform(rng) - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  return u * sqrt(-2 * fixed_log(s) / s);
}
