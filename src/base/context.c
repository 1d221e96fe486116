/* base/context.c: makes a context from its params; the C library's allocator. */
#define _GNU_SOURCE
#include "base/context.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/poison.h"
#include "base/sized.h"

/* Packed weights and the rows of mini-batches: pages of 2 MiB take a five-hundredth of the faults,
 * and of the entries of translation caches, where a row of a thousand bytes would need its own. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define HUGE_FROM_BYTES ((size_t)4 << 20)

static void ask_for_huge_pages(void *block, size_t bytes) {
#ifdef MADV_HUGEPAGE
  (void)madvise(block, bytes, MADV_HUGEPAGE); /* only a wish */
#else
  (void)block, (void)bytes;
#endif
}

/* posix_memalign cuts each block out of a larger one and gives the rest back, which takes longer
 * than many a block is in use; and of large blocks the C library does not learn that they come
 * again, so that each is mapped anew, with all faults. Blocks are aligned by hand instead: the word
 * before one says how far inside the C library's it begins. AddressSanitizer shall see the end of
 * each. */
#ifdef EDB_ASAN
#define BY_HAND false
#else
#define BY_HAND true
#endif

static void *system_take(size_t bytes, size_t alignment) {
  void *block = NULL;
  bool huge = bytes >= HUGE_FROM_BYTES;
  if (huge && alignment < HUGE_PAGE_BYTES) alignment = HUGE_PAGE_BYTES;
  if (alignment < alignof(max_align_t)) alignment = alignof(max_align_t);
  if (!BY_HAND) {
    if (posix_memalign(&block, alignment, bytes) != 0) return NULL;
  } else {
    char *whole = bytes > SIZE_MAX - alignment ? NULL : malloc(bytes + alignment);
    if (whole == NULL) return NULL;
    size_t shift = alignment - (uintptr_t)whole % alignment; /* room for the word, at least */
    block = whole + shift;
    ((size_t *)block)[-1] = shift;
  }
  if (huge) ask_for_huge_pages(block, bytes);
  return block;
}

static void system_give(void *block) {
  if (block != NULL) free(BY_HAND ? (char *)block - ((size_t *)block)[-1] : block);
}

/* realloc promises no more than the alignment of max_align_t, so a block that asks for more moves.
 */
static void *system_resize(void *user, void *old, size_t old_bytes, size_t new_bytes,
                           size_t alignment) {
  (void)user;
  void *block = NULL;
  if (new_bytes > 0) {
    block = system_take(new_bytes, alignment);
    if (block == NULL) return NULL;
    if (old != NULL) memcpy(block, old, old_bytes < new_bytes ? old_bytes : new_bytes);
  }
  system_give(old);
  return block;
}

static edb_status check_params(const edb_context_params *params, edb_error *error) {
  EDB_FAIL_IF((unsigned)params->simd > (unsigned)EDB_SIMD_NEON, error, EDB_ERROR_ARGUMENT,
              "edb_context_params.simd is %d, which is no SIMD level", (int)params->simd);
  EDB_FAIL_IF(params->executor.run && params->executor.threads == 0, error, EDB_ERROR_ARGUMENT,
              "edb_context_params.executor has a function but 0 threads");
  EDB_FAIL_IF(params->simd != EDB_SIMD_AUTO && !edb_cpu_has(params->simd), error,
              EDB_ERROR_UNSUPPORTED, "SIMD level %s was asked for, this machine has %s",
              edb_simd_name(params->simd), edb_simd_name(edb_cpu_simd()));
  return EDB_OK;
}

edb_status edb_context_create(const edb_context_params *given, edb_context **out,
                              edb_error *error) {
  EDB_REQUIRE(error, out);
  EDB_TAKE_PARAMS(edb_context_params, params, given, error);
  EDB_TRY(check_params(&params, error));

  edb_allocator allocator = params.allocator;
  if (allocator.resize == NULL) allocator = (edb_allocator){.resize = system_resize};
  size_t bytes = sizeof(edb_context);
  if (params.memory_cap_bytes != 0 && bytes > params.memory_cap_bytes)
    return edb_fail_memory(error, bytes, "a context, beyond its own cap");
  edb_context *ctx = allocator.resize(allocator.user, NULL, 0, bytes, EDB_ALIGN);
  if (ctx == NULL) return edb_fail_memory(error, bytes, "a context");

  ctx->allocator = allocator;
  ctx->memory_cap_bytes = params.memory_cap_bytes;
  atomic_init(&ctx->current_bytes, bytes);
  atomic_init(&ctx->peak_bytes, bytes);
  atomic_init(&ctx->allocations, 1);
  atomic_init(&ctx->ids, 0);
  atomic_init(&ctx->l1d_bytes, 0);
  atomic_init(&ctx->l2_bytes, 0);
  atomic_init(&ctx->l3_bytes, 0);
  for (int far = 0; far < 2; far++) atomic_init(&ctx->prefetch[far], EDB_PREFETCH_UNKNOWN);
  ctx->log = params.log;
  ctx->log_user = params.log_user;
  ctx->executor = params.executor;
  ctx->simd = params.simd == EDB_SIMD_AUTO ? edb_cpu_simd() : params.simd;
  *out = ctx;
  return EDB_OK;
}

void edb_context_destroy(edb_context *ctx) {
  if (ctx == NULL) return;
  /* More than the context itself means that an object made from it still lives. */
  EDB_ASSERT(atomic_load(&ctx->current_bytes) == sizeof *ctx);
  edb_allocator allocator = ctx->allocator;
  allocator.resize(allocator.user, ctx, sizeof *ctx, 0, EDB_ALIGN);
}

void edb_context_memory_into(const edb_context *ctx, edb_memory_stats *out, size_t bytes) {
  const edb_memory_stats stats = {
      .current_bytes = atomic_load_explicit(&ctx->current_bytes, memory_order_relaxed),
      .peak_bytes = atomic_load_explicit(&ctx->peak_bytes, memory_order_relaxed),
      .allocations = atomic_load_explicit(&ctx->allocations, memory_order_relaxed),
  };
  edb_sized_give(out, bytes, &stats, sizeof stats);
}

void edb_context_reset_peak(edb_context *ctx) {
  atomic_store(&ctx->peak_bytes, atomic_load(&ctx->current_bytes));
}

uint64_t edb_context_new_id(edb_context *ctx) {
  return atomic_fetch_add_explicit(&ctx->ids, 1, memory_order_relaxed) + 1;
}

/* Threads that ask at once all find the same; who sees the first size sees the others. */
edb_cpu_caches edb_context_caches(edb_context *ctx) {
  edb_cpu_caches caches = {.l1d_bytes = atomic_load(&ctx->l1d_bytes)};
  if (caches.l1d_bytes != 0) {
    caches.l2_bytes = atomic_load(&ctx->l2_bytes);
    caches.l3_bytes = atomic_load(&ctx->l3_bytes);
    return caches;
  }
  caches = edb_cpu_cache_sizes();
  atomic_store(&ctx->l3_bytes, caches.l3_bytes);
  atomic_store(&ctx->l2_bytes, caches.l2_bytes);
  atomic_store(&ctx->l1d_bytes, caches.l1d_bytes);
  return caches;
}

edb_simd edb_context_simd(const edb_context *ctx) {
  return ctx->simd;
}

#define STRING_OF(x)        #x
#define VERSION_OF(a, b, c) STRING_OF(a) "." STRING_OF(b) "." STRING_OF(c)

const char *edb_version(void) {
  return VERSION_OF(EDB_VERSION_MAJOR, EDB_VERSION_MINOR, EDB_VERSION_PATCH);
}
