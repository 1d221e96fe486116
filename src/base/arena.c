/* base/arena.c: many small blocks that die together.
 *
 *     chunk: | header | block | red zone | block | red zone | ... unused |
 *
 * The red zones exist under AddressSanitizer only. All that is not a block is poisoned there. */
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/poison.h"

#define BLOCK_ALIGN         16
#define DEFAULT_CHUNK_BYTES ((size_t)32 * 1024)

struct edb_arena_chunk {
  edb_arena_chunk *next;
  size_t bytes, used; /* of data */
  _Alignas(BLOCK_ALIGN) unsigned char data[];
};

void edb_arena_init(edb_arena *arena, edb_context *ctx, size_t chunk_bytes) {
  if (chunk_bytes == 0) chunk_bytes = DEFAULT_CHUNK_BYTES;
  *arena = (edb_arena){.ctx = ctx, .chunk_bytes = chunk_bytes};
}

/* A chunk of at least `bytes` after the current one; chunks behind it stay in the list. */
static edb_arena_chunk *add_chunk(edb_arena *arena, size_t bytes) {
  if (bytes < arena->chunk_bytes) bytes = arena->chunk_bytes;
  size_t total = 0;
  if (!edb_add_size(bytes, sizeof(edb_arena_chunk), &total)) return NULL;
  edb_arena_chunk *chunk = edb_alloc(arena->ctx, total);
  if (chunk == NULL) return NULL;
  edb_arena_chunk **link = arena->current != NULL ? &arena->current->next : &arena->first;
  *chunk = (edb_arena_chunk){.next = *link, .bytes = bytes};
  *link = chunk;
  EDB_POISON(chunk->data, bytes);
  return chunk;
}

/* Bytes taken from a chunk for a block: its own, rounded up, and the red zone. */
static bool slot_bytes(size_t bytes, size_t *out) {
  if (bytes == 0) bytes = 1;
  if (!edb_add_size(bytes, BLOCK_ALIGN - 1, out)) return false;
  *out &= ~(size_t)(BLOCK_ALIGN - 1);
  return edb_add_size(*out, EDB_RED_ZONE_BYTES, out);
}

void *edb_arena_alloc(edb_arena *arena, size_t bytes) {
  size_t slot = 0;
  if (!slot_bytes(bytes, &slot)) return NULL;
  edb_arena_chunk *chunk = arena->current;
  /* After a reset the next chunks are empty; one that is too small is passed over. */
  while (chunk != NULL && chunk->bytes - chunk->used < slot) {
    chunk = chunk->next;
    if (chunk != NULL) arena->current = chunk;
  }
  if (chunk == NULL) {
    chunk = add_chunk(arena, slot);
    if (chunk == NULL) return NULL;
    arena->current = chunk;
  }
  void *block = chunk->data + chunk->used;
  chunk->used += slot;
  EDB_UNPOISON(block, bytes);
  return block;
}

void *edb_arena_alloc_zero(edb_arena *arena, size_t bytes) {
  void *block = edb_arena_alloc(arena, bytes);
  if (block != NULL) memset(block, 0, bytes);
  return block;
}

char *edb_arena_strdup(edb_arena *arena, const char *text, size_t length) {
  size_t bytes = 0;
  if (!edb_add_size(length, 1, &bytes)) return NULL;
  char *copy = edb_arena_alloc(arena, bytes);
  if (copy == NULL) return NULL;
  if (length != 0) memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

void edb_arena_reset(edb_arena *arena) {
  for (edb_arena_chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next) {
    chunk->used = 0;
    EDB_POISON(chunk->data, chunk->bytes);
  }
  arena->current = arena->first;
}

void edb_arena_free(edb_arena *arena) {
  edb_arena_chunk *chunk = arena->first;
  while (chunk != NULL) {
    edb_arena_chunk *next = chunk->next;
    EDB_UNPOISON(chunk->data, chunk->bytes); /* the caller's allocator may write into it */
    edb_free(arena->ctx, chunk, sizeof *chunk + chunk->bytes);
    chunk = next;
  }
  arena->first = arena->current = NULL;
}
