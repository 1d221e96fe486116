/* kernel/angle.h: reduction of large arguments of sin and cos. */
#ifndef EDB_KERNEL_ANGLE_H
#define EDB_KERNEL_ANGLE_H

#include <stdint.h>

/* Up to here the vector code reduces arguments itself. */
#define EDB_ANGLE_SMALL 1e5f

/* For each lane i in the bit set `lanes`: x[i] = n pi / 2 + r[i], |r[i]| <= pi / 4, for any finite
 * x; the bits of quadrant[i] are n mod 4. An infinity gives r = NaN. */
void edb_angle_reduce(uint32_t lanes, const float *x, float *r, float *quadrant);

#endif
