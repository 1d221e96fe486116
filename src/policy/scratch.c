/* policy/scratch.c: see scratch.h. */
#include "policy/scratch.h"

#include <string.h>

#include "base/poison.h"

static bool is_inside(const edb_scratch *s, const void *block) {
  const char *at = block;
  return s->block != NULL && at >= s->block && at < s->block + s->bytes;
}

static size_t round_up(size_t bytes) {
  return (bytes + EDB_ALIGN - 1) & ~(size_t)(EDB_ALIGN - 1);
}

static bool fits(const edb_scratch *s, size_t bytes) {
  return bytes <= s->bytes - s->used && round_up(bytes) <= s->bytes - s->used;
}

static bool is_last(const edb_scratch *s, const void *block, size_t bytes) {
  return (const char *)block + round_up(bytes) == s->block + s->used;
}

static void *take(edb_scratch *s, size_t bytes) {
  if (!fits(s, bytes)) return edb_alloc(s->parent, bytes);
  void *block = s->block + s->used;
  s->used += round_up(bytes);
  return block;
}

static void *resize_inside(edb_scratch *s, void *old, size_t old_bytes, size_t new_bytes) {
  size_t used = s->used;
  bool last = is_last(s, old, old_bytes);
  if (last) s->used = (size_t)((char *)old - s->block);
  if (new_bytes == 0) return NULL;
  if (last && fits(s, new_bytes)) return take(s, new_bytes); /* at the same place */
  s->used = used;
  void *moved = take(s, new_bytes);
  if (moved != NULL) memcpy(moved, old, old_bytes < new_bytes ? old_bytes : new_bytes);
  return moved;
}

/* The allocator's function. All blocks of a context are aligned to EDB_ALIGN. */
static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes, size_t alignment) {
  edb_scratch *s = user;
  EDB_ASSERT(alignment <= EDB_ALIGN);
  (void)alignment;
  if (old == NULL) return take(s, new_bytes);
  if (is_inside(s, old)) return resize_inside(s, old, old_bytes, new_bytes);
  return edb_resize(s->parent, old, old_bytes, new_bytes);
}

void edb_scratch_init(edb_scratch *scratch, edb_context *parent, size_t bytes) {
  edb_scratch *s = scratch;
  s->parent = parent;
#ifdef EDB_ASAN
  bytes = 0;
#endif
  s->bytes = round_up(bytes);
  s->block = edb_alloc(parent, s->bytes);
  if (s->block == NULL) s->bytes = 0;
  s->used = 0;
  s->ctx = (edb_context){.allocator = {.user = s, .resize = resize}, .simd = parent->simd};
  s->ctx.log = parent->log;
  s->ctx.log_user = parent->log_user;
  atomic_init(&s->ctx.current_bytes, 0);
  atomic_init(&s->ctx.peak_bytes, 0);
  atomic_init(&s->ctx.allocations, 0);
  atomic_init(&s->ctx.ids, 0);
}

void edb_scratch_free(edb_scratch *scratch) {
  EDB_ASSERT(atomic_load(&scratch->ctx.current_bytes) == 0);
  edb_free(scratch->parent, scratch->block, scratch->bytes);
  scratch->block = NULL;
}
