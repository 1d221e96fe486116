/* base/status.h: the two macros that carry all error flow, and how an error text is made. */
#ifndef EDB_BASE_STATUS_H
#define EDB_BASE_STATUS_H

#include <edbatch/base.h>

/* Sets status and text; returns the status. A NULL error is allowed. */
edb_status edb_fail(edb_error *error, edb_status status, const char *format, ...) EDB_PRINTF(3, 4);

/* The same with a position, which the text then begins with: "file:line:column: ". A NULL file or a
 * line of 0 is left out. */
edb_status edb_fail_at(edb_error *error, edb_status status, const char *file, uint32_t line,
                       uint32_t column, const char *format, ...) EDB_PRINTF(6, 7);

/* "out of memory: wanted N bytes for WHAT". */
edb_status edb_fail_memory(edb_error *error, size_t bytes, const char *what);

/* "FUNCTION: ARGUMENT is NULL"; the argument is number `i` of "a, b, c". */
edb_status edb_fail_null(edb_error *error, const char *function, const char *arguments, size_t i);

/* What follows a counted noun: "1 node", "2 nodes". */
#define EDB_S(n) ((n) == 1 ? "" : "s")

/* Return if the condition holds / forward a failure of a call. Only in functions that own nothing
 * that would leak; otherwise use `goto cleanup`. */
#define EDB_FAIL_IF(condition, error, status, ...)                  \
  do {                                                              \
    if (condition) return edb_fail((error), (status), __VA_ARGS__); \
  } while (0)

#define EDB_TRY(call)                                    \
  do {                                                   \
    edb_status edb_try_status = (call);                  \
    if (edb_try_status != EDB_OK) return edb_try_status; \
  } while (0)

#define EDB_TRY_GOTO(status, call, label) \
  do {                                    \
    (status) = (call);                    \
    if ((status) != EDB_OK) goto label;   \
  } while (0)

/* The first line of a public function: EDB_ERROR_ARGUMENT for a NULL among the pointers it needs.
 */
#define EDB_REQUIRE(error, ...)                                                                    \
  do {                                                                                             \
    const void *const edb_needed[] = {__VA_ARGS__};                                                \
    for (size_t edb_i = 0; edb_i < sizeof edb_needed / sizeof *edb_needed; edb_i++)                \
      if (edb_needed[edb_i] == NULL) return edb_fail_null((error), __func__, #__VA_ARGS__, edb_i); \
  } while (0)

/* The same for an array of n pointers and what they point to. */
#define EDB_REQUIRE_EACH(error, array, n)                                                    \
  do {                                                                                       \
    if ((n) > 0 && (array) == NULL) return edb_fail_null((error), __func__, #array, 0);      \
    for (uint32_t edb_i = 0; edb_i < (n); edb_i++)                                           \
      EDB_FAIL_IF((array)[edb_i] == NULL, (error), EDB_ERROR_ARGUMENT, "%s: %s[%u] is NULL", \
                  __func__, #array, edb_i);                                                  \
  } while (0)

/* An invariant of the code itself; never on input. Checked in debug and test builds only. */
#ifdef EDB_DEBUG
#define EDB_ASSERT(condition)           \
  do {                                  \
    if (!(condition)) __builtin_trap(); \
  } while (0)
#else
#define EDB_ASSERT(condition) ((void)sizeof(condition))
#endif

#endif
