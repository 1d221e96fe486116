/* base/sized.c: see sized.h. */
#include "base/sized.h"

#include <string.h>

edb_status edb_params_take(void *own, size_t own_bytes, const void *params, const char *type,
                           edb_error *error) {
  size_t bytes = own_bytes;
  if (params != NULL) memcpy(&bytes, params, sizeof bytes);
  EDB_FAIL_IF(bytes < sizeof bytes, error, EDB_ERROR_ARGUMENT,
              "%s.struct_bytes is %zu, expected %zu: make it with EDB_PARAMS", type, bytes,
              own_bytes);
  EDB_FAIL_IF(bytes > own_bytes, error, EDB_ERROR_ARGUMENT,
              "%s.struct_bytes is %zu, edbatch %s knows %zu: made without EDB_PARAMS, or for a "
              "newer version",
              type, bytes, edb_version(), own_bytes);
  memset(own, 0, own_bytes);
  if (params != NULL) memcpy(own, params, bytes);
  memcpy(own, &own_bytes, sizeof own_bytes);
  return EDB_OK;
}

void edb_sized_give(void *out, size_t bytes, const void *value, size_t value_bytes) {
  size_t known = bytes < value_bytes ? bytes : value_bytes;
  memcpy(out, value, known);
  memset((char *)out + known, 0, bytes - known);
}
