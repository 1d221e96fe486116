/* kernel/peak.c: what one thread can do at most, the yardsticks of all other figures: arithmetic,
 * and reads from each level of memory. */
#include "base/clock.h"
#include "kernel/kernel.h"

#define READ_WINDOW_BYTES ((size_t)4 << 20) /* read between two looks at the clock, at least */

/* The best of many short windows: other programs and the clock of the processor only take away. */
double edb_kernels_peak_gflops(const edb_kernels *k, uint32_t milliseconds) {
  const size_t count = 4096;
  const double flops = 2.0 * 16 * EDB_BURST_STEPS * (double)count;
  const uint64_t begin = edb_clock_ns(), length = (uint64_t)milliseconds * 1000000;
  volatile float sink; /* keeps the work alive */
  double best = 0;
  uint64_t now = begin;
  do {
    const uint64_t start = now;
    sink = k->burst(count, 0.5f);
    now = edb_clock_ns();
    const double rate = now > start ? flops / (double)(now - start) : 0;
    if (rate > best) best = rate;
  } while (now - begin < length);
  (void)sink;
  return best;
}

double edb_kernels_read_gbs(const edb_kernels *k, const float *data, size_t count,
                            uint32_t milliseconds) {
  const size_t whole = count / EDB_READ_FLOATS * EDB_READ_FLOATS, bytes = whole * sizeof *data;
  if (whole == 0) return 0;
  const size_t passes = (READ_WINDOW_BYTES + bytes - 1) / bytes;
  const uint64_t length = (uint64_t)milliseconds * 1000000;
  volatile float sink = k->read(whole, data); /* brings it as near as it will be */
  const uint64_t begin = edb_clock_ns();
  double best = 0;
  uint64_t now = begin;
  do {
    const uint64_t start = now;
    for (size_t i = 0; i < passes; i++) sink = k->read(whole, data);
    now = edb_clock_ns();
    const double rate = now > start ? (double)(passes * bytes) / (double)(now - start) : 0;
    if (rate > best) best = rate;
  } while (now - begin < length);
  (void)sink;
  return best;
}
