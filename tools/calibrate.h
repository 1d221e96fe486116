/* tools/calibrate.h: what batches cost, measured on the data of a workplace. */
#ifndef EDB_TOOLS_CALIBRATE_H
#define EDB_TOOLS_CALIBRATE_H

#include "workplace.h"

/* Mini-batches of `batch` instances, and as many of half of that, a quarter, ..., 1: so batches of
 * all sizes are seen. */
typedef struct calibration_plan {
  uint32_t batch;
  uint64_t of_each; /* mini-batches of each size */
  uint32_t repeats; /* of each schedule; 0: the library's choice */
} calibration_plan;

int calibrate_session(workplace *w, edb_session *session, const calibration_plan *plan,
                      edb_costs **out);

#endif
