/* base/context.h: the inside of edb_context. Created by edb_context_create; see edbatch/base.h. */
#ifndef EDB_BASE_CONTEXT_H
#define EDB_BASE_CONTEXT_H

#include <stdatomic.h>

#include "base/memory.h"

struct edb_context {
  edb_allocator allocator;
  size_t memory_cap_bytes;
  atomic_size_t current_bytes, peak_bytes, allocations;
  atomic_ullong ids; /* given so far */
  edb_log_fn log;
  void *log_user;
  edb_simd simd;
  edb_executor executor;
};

/* A number that no other object of the context gets, never 0: objects that others refer to after
 * they may be gone are told apart by it, not by their address. */
uint64_t edb_context_new_id(edb_context *ctx);

#endif
