/* kernel/peak.c: the measured peak of one thread, the yardstick of all other figures. */
#include "base/clock.h"
#include "kernel/kernel.h"

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
