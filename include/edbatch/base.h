/* edbatch/base.h: status codes, error text, allocator, log, context.
 *
 * Conventions of the whole API:
 *   - A function that can fail returns edb_status and takes an `edb_error *` as its last argument
 *     (NULL is allowed: the text is then dropped).
 *   - Handles are opaque. What `edb_x_create` (or `_load`, `_learn`) gives, `edb_x_destroy` takes;
 *     destroying NULL does nothing. Outputs are written only on success.
 *   - A NULL among the other pointers that a function which returns edb_status needs is
 *     EDB_ERROR_ARGUMENT. Functions that cannot fail need valid ones, as all need handles that
 *     live. Pointers that may be NULL say so where they are declared.
 *   - Params structs begin with `size_t struct_bytes`; make them with `= EDB_PARAMS(edb_x_params)`.
 *     All-zero fields mean defaults; passing NULL means all defaults.
 *   - Structs may grow, at their end only, and a program stays right without being built again: of
 *     params the library reads as much as the program has; what a function gives by value it
 *     writes through its twin `_into`, which is told how much the program knows. (Other languages
 *     call the twin.) Those without either, such as edb_value and edb_call, never change.
 *   - Sizes count elements unless the name ends in _bytes.
 *   - The library never prints, never exits, never aborts, and has no globals. */
#ifndef EDBATCH_BASE_H
#define EDBATCH_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EDB_VERSION_MAJOR 0
#define EDB_VERSION_MINOR 1
#define EDB_VERSION_PATCH 0

#if defined(__GNUC__)
#define EDB_API          __attribute__((visibility("default")))
#define EDB_MUST_CHECK   __attribute__((warn_unused_result))
#define EDB_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define EDB_API
#define EDB_MUST_CHECK
#define EDB_PRINTF(f, a)
#endif

/* A zeroed params struct that knows its size. */
#ifdef __cplusplus
extern "C++" {
template <class T> inline T edb_params() {
  T params = T();
  params.struct_bytes = sizeof(T);
  return params;
}
}
#define EDB_PARAMS(type) edb_params<type>()
#else
#define EDB_PARAMS(type) \
  { .struct_bytes = sizeof(type) }
#endif

/* One list gives the enum, the names and the texts of all statuses. */
#define EDB_STATUS_LIST(X)                         \
  X(EDB_OK, "ok")                                  \
  X(EDB_ERROR_MEMORY, "out of memory")             \
  X(EDB_ERROR_ARGUMENT, "invalid argument")        \
  X(EDB_ERROR_IO, "cannot read or write")          \
  X(EDB_ERROR_FORMAT, "malformed input")           \
  X(EDB_ERROR_SHAPE, "shapes do not fit")          \
  X(EDB_ERROR_NAME, "unknown or repeated name")    \
  X(EDB_ERROR_MISMATCH, "made for another model")  \
  X(EDB_ERROR_LIMIT, "a limit is exceeded")        \
  X(EDB_ERROR_STATE, "not possible in this state") \
  X(EDB_ERROR_UNSUPPORTED, "not supported")        \
  X(EDB_ERROR_CANCELLED, "cancelled")

typedef enum edb_status {
#define EDB_STATUS_ENUM(name, text) name,
  EDB_STATUS_LIST(EDB_STATUS_ENUM)
#undef EDB_STATUS_ENUM
      EDB_STATUS_COUNT
} edb_status;

/* Name ("EDB_ERROR_IO") and short text ("cannot read or write") of a status; never NULL. */
EDB_API const char *edb_status_name(edb_status status);
EDB_API const char *edb_status_text(edb_status status);

#define EDB_ERROR_TEXT_BYTES 1024

/* Filled by a function that fails. `text` is a whole sentence that already begins with the position
 * ("model.edb:12:7: ...") where there is one, in UTF-8 without control characters; line and column
 * count from 1. Caller-owned. */
typedef struct edb_error {
  edb_status status;
  uint32_t line;
  uint32_t column;
  char text[EDB_ERROR_TEXT_BYTES];
} edb_error;

/* The caller's memory. Resizes `old` (NULL with old_bytes = 0: allocate) to new_bytes (0: free,
 * gives NULL), aligned to `alignment` (a power of two; the same for the life of a block). NULL =
 * failure, `old` untouched. Must be thread-safe when sessions run in several threads, or have
 * several. */
typedef struct edb_allocator {
  void *user;
  void *(*resize)(void *user, void *old, size_t old_bytes, size_t new_bytes, size_t alignment);
} edb_allocator;

typedef enum edb_log_level { EDB_LOG_DEBUG, EDB_LOG_INFO, EDB_LOG_WARNING } edb_log_level;
typedef void (*edb_log_fn)(void *user, edb_log_level level, const char *text);

/* SIMD level of the CPU kernels. AUTO = the best this machine has. All give the same bits. */
typedef enum edb_simd {
  EDB_SIMD_AUTO,
  EDB_SIMD_PORTABLE,
  EDB_SIMD_AVX2,   /* x86-64 */
  EDB_SIMD_AVX512, /* x86-64 */
  EDB_SIMD_NEON    /* AArch64 */
} edb_simd;

/* The host's threads, for sessions to use instead of threads of their own. `run` calls task(arg, i)
 * once for each i below n, n <= threads, on any of its threads and in any order, and returns when
 * all calls have; one after another on the calling thread is right too. It is called by threads
 * that run sessions, by several at once if they do, and `user` must outlive the context. */
typedef struct edb_executor {
  void *user;
  uint32_t threads; /* that work at once, the one that calls `run` included */
  void (*run)(void *user, uint32_t n, void (*task)(void *arg, uint32_t i), void *arg);
} edb_executor;

typedef struct edb_context edb_context;

typedef struct edb_context_params {
  size_t struct_bytes;
  edb_allocator allocator; /* resize == NULL: the C library's */
  size_t memory_cap_bytes; /* 0: none; an allocation beyond it fails with EDB_ERROR_MEMORY */
  edb_log_fn log;          /* NULL: silent */
  void *log_user;
  edb_simd simd; /* lower than the machine's, e.g. for tests; one it does not have is an error */
  edb_executor executor; /* run == NULL: sessions start threads of their own */
} edb_context_params;

typedef struct edb_memory_stats {
  size_t current_bytes, peak_bytes; /* exact, of all objects of the context and itself */
  size_t allocations;               /* so far: blocks given, grown or shrunk */
} edb_memory_stats;

/* A context is the root of everything; objects made from it must be destroyed before it. It may be
 * used by several threads at once. Errors: EDB_ERROR_MEMORY, EDB_ERROR_UNSUPPORTED (simd),
 * EDB_ERROR_ARGUMENT (a params struct of unknown size). */
EDB_API EDB_MUST_CHECK edb_status edb_context_create(const edb_context_params *params,
                                                     edb_context **out, edb_error *error);
EDB_API void edb_context_destroy(edb_context *ctx);
EDB_API void edb_context_memory_into(const edb_context *ctx, edb_memory_stats *out, size_t bytes);
static inline edb_memory_stats edb_context_memory(const edb_context *ctx) {
  edb_memory_stats out;
  edb_context_memory_into(ctx, &out, sizeof out);
  return out;
}
/* From here on peak_bytes is that of what follows: it becomes current_bytes. */
EDB_API void edb_context_reset_peak(edb_context *ctx);
EDB_API edb_simd edb_context_simd(const edb_context *ctx); /* the level in use, never AUTO */
EDB_API const char *edb_simd_name(edb_simd simd);          /* "portable", "avx2", ... */

/* "0.1.0" of the library that is linked. */
EDB_API const char *edb_version(void);

#ifdef __cplusplus
}
#endif
#endif
