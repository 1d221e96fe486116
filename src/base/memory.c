/* base/memory.c: the account of a context, and what passes through it. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"

bool edb_mul_size(size_t a, size_t b, size_t *out) {
  if (b != 0 && a > SIZE_MAX / b) return false;
  *out = a * b;
  return true;
}

bool edb_add_size(size_t a, size_t b, size_t *out) {
  if (a > SIZE_MAX - b) return false;
  *out = a + b;
  return true;
}

/* Books `bytes` before they are asked for, so that the cap holds whatever other threads do. */
static bool account_take(edb_context *ctx, size_t bytes) {
  size_t current = atomic_load_explicit(&ctx->current_bytes, memory_order_relaxed);
  size_t next = 0;
  do {
    if (!edb_add_size(current, bytes, &next)) return false;
    if (ctx->memory_cap_bytes != 0 && next > ctx->memory_cap_bytes) return false;
  } while (!atomic_compare_exchange_weak_explicit(&ctx->current_bytes, &current, next,
                                                  memory_order_relaxed, memory_order_relaxed));
  return true;
}

static void account_give(edb_context *ctx, size_t bytes) {
  size_t before = atomic_fetch_sub_explicit(&ctx->current_bytes, bytes, memory_order_relaxed);
  EDB_ASSERT(before >= bytes);
  (void)before;
}

/* The peak counts only blocks that were really had, hence after the allocator has answered. */
static void account_peak(edb_context *ctx) {
  size_t current = atomic_load_explicit(&ctx->current_bytes, memory_order_relaxed);
  size_t peak = atomic_load_explicit(&ctx->peak_bytes, memory_order_relaxed);
  while (peak < current &&
         !atomic_compare_exchange_weak_explicit(&ctx->peak_bytes, &peak, current,
                                                memory_order_relaxed, memory_order_relaxed)) {
  }
  atomic_fetch_add_explicit(&ctx->allocations, 1, memory_order_relaxed);
}

void *edb_alloc(edb_context *ctx, size_t bytes) {
  return bytes == 0 ? NULL : edb_resize(ctx, NULL, 0, bytes);
}

void *edb_alloc_zero(edb_context *ctx, size_t bytes) {
  void *block = edb_alloc(ctx, bytes);
  if (block != NULL) memset(block, 0, bytes);
  return block;
}

void *edb_resize(edb_context *ctx, void *block, size_t old_bytes, size_t new_bytes) {
  EDB_ASSERT((block == NULL) == (old_bytes == 0));
  if (new_bytes == 0) {
    edb_free(ctx, block, old_bytes);
    return NULL;
  }
  size_t growth = new_bytes > old_bytes ? new_bytes - old_bytes : 0;
  if (!account_take(ctx, growth)) return NULL;
  void *moved = ctx->allocator.resize(ctx->allocator.user, block, old_bytes, new_bytes, EDB_ALIGN);
  if (moved == NULL) {
    account_give(ctx, growth);
    return NULL;
  }
  if (new_bytes < old_bytes) account_give(ctx, old_bytes - new_bytes);
  account_peak(ctx);
  return moved;
}

void edb_free(edb_context *ctx, void *block, size_t bytes) {
  if (block == NULL) return;
  ctx->allocator.resize(ctx->allocator.user, block, bytes, 0, EDB_ALIGN);
  account_give(ctx, bytes);
}

char *edb_strdup(edb_context *ctx, const char *text, size_t length) {
  size_t bytes = 0;
  if (!edb_add_size(length, 1, &bytes)) return NULL;
  char *copy = edb_alloc(ctx, bytes);
  if (copy == NULL) return NULL;
  if (length != 0) memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

void edb_log(edb_context *ctx, edb_log_level level, const char *format, ...) {
  if (ctx->log == NULL) return;
  char text[EDB_ERROR_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length >= 0) ctx->log(ctx->log_user, level, text);
}
