/* exec/machine.c: what the machine can do, measured: the yardsticks of a run. */
#include "base/context.h"
#include "base/cpu.h"
#include "base/sized.h"
#include "exec/session.h"
#include "kernel/kernel.h"

double edb_measure_peak_gflops(edb_context *ctx, uint32_t milliseconds) {
  return edb_kernels_peak_gflops(edb_kernels_get(ctx->simd), milliseconds);
}

void edb_machine_describe_into(edb_machine *out, size_t bytes) {
  edb_cpu_caches caches = edb_cpu_cache_sizes();
  const edb_machine machine = {
      .processors = edb_cpu_count(), .l2_bytes = caches.l2_bytes, .l3_bytes = caches.l3_bytes};
  edb_sized_give(out, bytes, &machine, sizeof machine);
}

edb_status edb_measure_read_gbs(edb_context *ctx, size_t bytes, uint32_t milliseconds, double *out,
                                edb_error *error) {
  EDB_REQUIRE(error, ctx, out);
  EDB_FAIL_IF(bytes < EDB_READ_FLOATS * sizeof(float), error, EDB_ERROR_ARGUMENT,
              "too few bytes to measure a bandwidth: %zu, expected at least %zu", bytes,
              EDB_READ_FLOATS * sizeof(float));
  const size_t count = bytes / sizeof(float);
  float *data = edb_alloc(ctx, bytes);
  if (!data) return edb_fail_memory(error, bytes, "a block to read");
  for (size_t i = 0; i < count; i++) data[i] = 1; /* untouched pages would all be one page */
  *out = edb_kernels_read_gbs(edb_kernels_get(ctx->simd), data, count, milliseconds);
  edb_free(ctx, data, bytes);
  return EDB_OK;
}
