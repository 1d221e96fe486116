/* base/memory.h: all memory of the library goes through a context, with its exact size.
 *
 * The law: every block is freed or resized with the size it was given, so the account of a context
 * is exact and needs no header per block. Blocks from edb_alloc are aligned to EDB_ALIGN (a cache
 * line, a zmm register); all sizes of a context are counted, also against its cap. Thread-safe. */
#ifndef EDB_BASE_MEMORY_H
#define EDB_BASE_MEMORY_H

#include "base/status.h"

#define EDB_ALIGN 64

/* NULL when there is none (the caller then returns edb_fail_memory) or when bytes == 0. */
void *edb_alloc(edb_context *ctx, size_t bytes);
void *edb_alloc_zero(edb_context *ctx, size_t bytes);
/* Grows or shrinks (which can fail too), or frees when new_bytes == 0; on failure gives NULL and
 * leaves the old block as it was. */
void *edb_resize(edb_context *ctx, void *block, size_t old_bytes, size_t new_bytes);
void edb_free(edb_context *ctx, void *block, size_t bytes);

/* a * b and a + b with a check: false on overflow. */
bool edb_mul_size(size_t a, size_t b, size_t *out);
bool edb_add_size(size_t a, size_t b, size_t *out);

/* A copy of a string of known length, with a terminating 0; length + 1 bytes. */
char *edb_strdup(edb_context *ctx, const char *text, size_t length);

void edb_log(edb_context *ctx, edb_log_level level, const char *format, ...) EDB_PRINTF(3, 4);

/* Arena: many small blocks that die together. Blocks come from chunks; under AddressSanitizer each
 * is followed by a poisoned red zone and a reset poisons everything. */
typedef struct edb_arena_chunk edb_arena_chunk;
typedef struct edb_arena {
  edb_context *ctx;
  edb_arena_chunk *first, *current;
  size_t chunk_bytes; /* of a new chunk, at least */
} edb_arena;

void edb_arena_init(edb_arena *arena, edb_context *ctx, size_t chunk_bytes);
void *edb_arena_alloc(edb_arena *arena,
                      size_t bytes); /* aligned to 16; not zeroed; NULL = no memory */
void *edb_arena_alloc_zero(edb_arena *arena, size_t bytes);
char *edb_arena_strdup(edb_arena *arena, const char *text, size_t length);
void edb_arena_reset(edb_arena *arena); /* keeps the chunks for reuse */
void edb_arena_free(edb_arena *arena);

#endif
