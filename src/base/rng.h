/* base/rng.h: seeded random numbers, the same on every machine (xoshiro256**, seeded by splitmix64;
 * Blackman and Vigna, 2018). */
#ifndef EDB_BASE_RNG_H
#define EDB_BASE_RNG_H

#include <stdint.h>

typedef struct edb_rng {
  uint64_t state[4];
} edb_rng;

void edb_rng_seed(edb_rng *rng, uint64_t seed);
/* An independent stream for a named part (e.g. one parameter), from a seed and a name. */
void edb_rng_seed_named(edb_rng *rng, uint64_t seed, const char *name);
uint64_t edb_rng_u64(edb_rng *rng);
uint32_t edb_rng_below(edb_rng *rng,
                       uint32_t bound); /* uniform in [0, bound), unbiased; bound > 0 */
double edb_rng_uniform(edb_rng *rng);   /* [0, 1), 53 bits */
double edb_rng_normal(edb_rng *rng);    /* mean 0, variance 1 */

#endif
