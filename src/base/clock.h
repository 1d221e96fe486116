/* base/clock.h: monotonic time in nanoseconds. */
#ifndef EDB_BASE_CLOCK_H
#define EDB_BASE_CLOCK_H

#include <stdint.h>

uint64_t edb_clock_ns(void);

#endif
