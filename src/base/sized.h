/* base/sized.h: structs of the interface that may grow at their end. A program that was built with
 * an older header has shorter ones; what it lacks reads as zeros, what it does not know is not
 * written. */
#ifndef EDB_BASE_SIZED_H
#define EDB_BASE_SIZED_H

#include "base/status.h"

/* The caller's params, whose first member says how long they are, at their full length into `own`;
 * NULL: the defaults. EDB_ERROR_ARGUMENT: longer than this library knows them, or not a size. */
EDB_MUST_CHECK edb_status edb_params_take(void *own, size_t own_bytes, const void *params,
                                          const char *type, edb_error *error);

/* As much of a value as the caller's struct takes; the rest of that is zeros. */
void edb_sized_give(void *out, size_t bytes, const void *value, size_t value_bytes);

/* EDB_TAKE_PARAMS(edb_x_params, p, params, error) declares p. */
#define EDB_TAKE_PARAMS(type, own, params, error) \
  type own;                                       \
  EDB_TRY(edb_params_take(&(own), sizeof(own), (params), #type, (error)))

#endif
