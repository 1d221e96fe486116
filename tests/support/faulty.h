/* tests/support/faulty.h: a context whose n-th request for memory fails.
 *
 * To test that a piece of code survives every single failure, write it as the body of a loop. The
 * body runs with the first request failing, then the second, ... until a pass in which none failed:
 *
 *     faulty f;
 *     FAULTY_FOR_EACH(&f, ctx) {
 *       edb_graph *graph = NULL;
 *       edb_status status = edb_graph_create(ctx, &params, &graph, &error);
 *       assert_true(faulty_status(&f, status));   // EDB_OK, or EDB_ERROR_MEMORY after a failure
 *       if (status != EDB_OK) assert_null(graph); // outputs are written only on success
 *       edb_graph_destroy(graph);
 *     }
 *
 * After each pass the loop checks that nothing but the context is left, and destroys the context.
 * `continue` is allowed in the body, `break` is not. FAULTY_FOR_EACH_FROM lets all later requests
 * fail too. Under a sanitizer not all of the requests behind the first hundred fail, but one in 13;
 * in other builds each one does.
 *
 * Or make one context by hand (n = 0: nothing fails) and give it back:
 *
 *     faulty f;
 *     edb_context *ctx = faulty_context(&f, 3);
 *     ...
 *     faulty_destroy(&f);
 *
 * Always checked, whatever fails: each block comes back with the size and the alignment it was
 * given, exactly once, and with nothing written before or behind it. New memory is filled with 0xA5
 * and a resize always moves, so that what counts on zeros or on a stale pointer shows. Include
 * cmocka.h before this header. */
#ifndef EDB_TESTS_SUPPORT_FAULTY_H
#define EDB_TESTS_SUPPORT_FAULTY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <edbatch/base.h>

#include "support/sanitizer.h"

/* Where not all requests fail: each of the first so many does, then one in so many, a prime. */
#define FAULTY_DENSE  100
#define FAULTY_STRIDE 13

#define FAULTY_GUARD      UINT64_C(0xFA17FA17FA17FA17)
#define FAULTY_MAX_PASSES 200000
#define FAULTY_MAX_BYTES  (SIZE_MAX >> 24) /* what no machine has is refused, not tried */

/* Stands before each block, at the end of its first `alignment` bytes; a guard stands behind it. */
typedef struct faulty_header {
  uint64_t guard;
  size_t bytes, alignment;
  uint64_t guard_after;
} faulty_header;

typedef struct faulty {
  size_t fail_at;   /* number of the request that fails, from 1; 0 = none */
  bool fail_later;  /* all later ones fail too */
  bool counting;    /* off while the context itself is made */
  size_t requests;  /* calls that wanted memory */
  size_t failures;  /* of these, refused */
  size_t blocks;    /* that live */
  size_t bytes;     /* in them */
  edb_context *ctx; /* the context that is under test */
  pthread_mutex_t mutex;
} faulty;

static inline size_t faulty_head_bytes(size_t alignment) {
  return alignment < sizeof(faulty_header) ? sizeof(faulty_header) : alignment;
}

static inline void *faulty_new_block(faulty *f, size_t bytes, size_t alignment) {
  assert_true(alignment != 0 && (alignment & (alignment - 1)) == 0);
  size_t head = faulty_head_bytes(alignment);
  void *start = NULL;
  if (bytes > FAULTY_MAX_BYTES ||
      posix_memalign(&start, alignment < sizeof(void *) ? sizeof(void *) : alignment,
                     head + bytes + sizeof(uint64_t)) != 0)
    return NULL;
  unsigned char *block = (unsigned char *)start + head;
  faulty_header header = {FAULTY_GUARD, bytes, alignment, FAULTY_GUARD};
  memcpy(block - sizeof header, &header, sizeof header);
  memset(block, 0xA5, bytes);
  memcpy(block + bytes, &header.guard, sizeof header.guard);
  f->blocks++;
  f->bytes += bytes;
  return block;
}

static inline void faulty_drop_block(faulty *f, void *block, size_t bytes, size_t alignment) {
  faulty_header header;
  uint64_t behind = 0;
  memcpy(&header, (unsigned char *)block - sizeof header, sizeof header);
  if (header.guard != FAULTY_GUARD || header.guard_after != FAULTY_GUARD)
    fail_msg("the %zu bytes at %p: no block, or overwritten before its begin", bytes, block);
  if (header.bytes != bytes)
    fail_msg("a block of %zu bytes came back as one of %zu", header.bytes, bytes);
  if (header.alignment != alignment)
    fail_msg("a block aligned to %zu came back as one to %zu", header.alignment, alignment);
  memcpy(&behind, (unsigned char *)block + bytes, sizeof behind);
  if (behind != FAULTY_GUARD)
    fail_msg("a block of %zu bytes was overwritten behind its end", bytes);
  size_t head = faulty_head_bytes(alignment);
  memset((unsigned char *)block - sizeof header, 0xDD, sizeof header + bytes);
  f->blocks--;
  f->bytes -= bytes;
  free((unsigned char *)block - head);
}

static inline bool faulty_refuses(faulty *f) {
  if (!f->counting) return false;
  f->requests++;
  bool refuse =
      f->fail_at != 0 && (f->requests == f->fail_at || (f->fail_later && f->requests > f->fail_at));
  if (refuse) f->failures++;
  return refuse;
}

/* The allocator's function; `user` is the faulty. */
static inline void *faulty_resize(void *user, void *old, size_t old_bytes, size_t new_bytes,
                                  size_t alignment) {
  faulty *f = user;
  void *block = NULL;
  pthread_mutex_lock(&f->mutex);
  if (old == NULL && old_bytes != 0) fail_msg("a resize of NULL says it has %zu bytes", old_bytes);
  if (new_bytes != 0 && !faulty_refuses(f)) {
    block = faulty_new_block(f, new_bytes, alignment);
    if (block != NULL && old != NULL)
      memcpy(block, old, old_bytes < new_bytes ? old_bytes : new_bytes);
  }
  if (old != NULL && (new_bytes == 0 || block != NULL))
    faulty_drop_block(f, old, old_bytes, alignment);
  pthread_mutex_unlock(&f->mutex);
  return block;
}

/* Fills *f and gives a context over it, made of `params` (NULL: defaults) but for the allocator. */
static inline edb_context *faulty_context_with(faulty *f, size_t fail_at, bool fail_later,
                                               const edb_context_params *params) {
  *f = (faulty){.fail_at = fail_at, .fail_later = fail_later};
  assert_int_equal(pthread_mutex_init(&f->mutex, NULL), 0);
  edb_context_params own = EDB_PARAMS(edb_context_params);
  if (params != NULL) own = *params;
  own.allocator = (edb_allocator){.user = f, .resize = faulty_resize};
  assert_int_equal(edb_context_create(&own, &f->ctx, NULL), EDB_OK);
  f->counting = true;
  return f->ctx;
}

static inline edb_context *faulty_context(faulty *f, size_t fail_at) {
  return faulty_context_with(f, fail_at, false, NULL);
}

/* Checks that nothing but the context is left and that its account agrees; destroys it. */
static inline void faulty_destroy(faulty *f) {
  edb_memory_stats stats = edb_context_memory(f->ctx);
  if (f->blocks != 1)
    fail_msg("%zu blocks leaked when request %zu failed (0: none failed)", f->blocks - 1,
             f->failures != 0 ? f->fail_at : 0);
  if (stats.current_bytes != f->bytes)
    fail_msg("the context counts %zu bytes, there are %zu", stats.current_bytes, f->bytes);
  f->counting = false;
  edb_context_destroy(f->ctx);
  f->ctx = NULL;
  assert_int_equal(f->blocks, 0);
  assert_int_equal(f->bytes, 0);
  pthread_mutex_destroy(&f->mutex);
}

/* True for what a tested call may answer: EDB_ERROR_MEMORY if a request failed, else EDB_OK (which
 * code may answer after a failure too, where it can do without that memory). */
static inline bool faulty_status(const faulty *f, edb_status status) {
  return status == EDB_OK || (status == EDB_ERROR_MEMORY && f->failures != 0);
}

/* The request that fails after the n-th did, if many are enough. */
static inline size_t faulty_some_after(size_t n) {
  return n + (n < FAULTY_DENSE ? 1 : FAULTY_STRIDE);
}

/* And if all are to, where there is time for it. */
static inline size_t faulty_after(size_t n) {
  return UNDER_SANITIZER ? faulty_some_after(n) : n + 1;
}

/* Ends a pass; the context of the next one, or NULL after a pass without a failure. */
static inline edb_context *faulty_next(faulty *f) {
  bool failed = f->failures != 0;
  size_t next = faulty_after(f->fail_at);
  bool fail_later = f->fail_later;
  faulty_destroy(f);
  if (!failed) return NULL;
  if (next > FAULTY_MAX_PASSES) fail_msg("still failing after %d passes", FAULTY_MAX_PASSES);
  return faulty_context_with(f, next, fail_later, NULL);
}

/* Runs the body that follows once per request for memory that it makes, see above. */
#define FAULTY_FOR_EACH(f, ctx)                                                  \
  for (edb_context *ctx = faulty_context_with((f), 1, false, NULL); ctx != NULL; \
       ctx = faulty_next(f))
#define FAULTY_FOR_EACH_FROM(f, ctx)                                            \
  for (edb_context *ctx = faulty_context_with((f), 1, true, NULL); ctx != NULL; \
       ctx = faulty_next(f))

#endif
