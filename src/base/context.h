/* base/context.h: the inside of edb_context. Created by edb_context_create; see edbatch/base.h. */
#ifndef EDB_BASE_CONTEXT_H
#define EDB_BASE_CONTEXT_H

#include <stdatomic.h>

#include "base/cpu.h"
#include "base/memory.h"

/* Whether products gain by asking for their weights, which is measured once per context. */
typedef enum edb_prefetch {
  EDB_PREFETCH_UNKNOWN,
  EDB_PREFETCH_GAINS,
  EDB_PREFETCH_COSTS
} edb_prefetch;

struct edb_context {
  edb_allocator allocator;
  size_t memory_cap_bytes;
  atomic_size_t current_bytes, peak_bytes, allocations;
  atomic_ullong ids; /* given so far */
  edb_log_fn log;
  void *log_user;
  edb_simd simd;
  edb_executor executor;
  atomic_size_t l1d_bytes, l2_bytes, l3_bytes; /* of the caches; l1d_bytes 0: not asked for yet */
  atomic_uint prefetch[2]; /* an edb_prefetch: of weights that the second-level cache holds, and of
                              others */
};

/* A number that no other object of the context gets, never 0: objects that others refer to after
 * they may be gone are told apart by it, not by their address. */
uint64_t edb_context_new_id(edb_context *ctx);

/* As edb_cpu_cache_sizes, whose files are read once per context. */
edb_cpu_caches edb_context_caches(edb_context *ctx);

#endif
