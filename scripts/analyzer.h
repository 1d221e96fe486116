/* scripts/analyzer.h: what clang's analyzer cannot see across files. Included before every file of
 * the library in static analysis only: functions that make an error return the failure they are
 * given, so that paths on which "it failed, but with EDB_OK" are not followed. */
#include "base/status.h"

#define edb_fail(error, status, ...) ((void)edb_fail((error), (status), __VA_ARGS__), (status))
#define edb_fail_at(error, status, ...) \
  ((void)edb_fail_at((error), (status), __VA_ARGS__), (status))
#define edb_fail_memory(error, ...) ((void)edb_fail_memory((error), __VA_ARGS__), EDB_ERROR_MEMORY)
