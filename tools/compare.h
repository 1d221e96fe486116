/* tools/compare.h: `edbatch schedule --compare`: all policies on the same graphs, in one table. */
#ifndef EDB_TOOLS_COMPARE_H
#define EDB_TOOLS_COMPARE_H

#include "workplace.h"

/* On mini-batches of a model's data; on raw graphs. Open the workplace themselves; the caller
 * closes it. */
int compare_model(workplace *w);
int compare_raw(workplace *w);

#endif
