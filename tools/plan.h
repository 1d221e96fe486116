/* tools/plan.h: the parts of `edbatch plan`: counting, mapping, drawing. */
#ifndef EDB_TOOLS_PLAN_H
#define EDB_TOOLS_PLAN_H

#include <jansson.h>

#include "layout/plan_reasons.h"
#include "workplace.h"

/* What the executor did for one batch of a cell. */
typedef struct plan_counters {
  uint64_t kernels;       /* launched, those that only copy aside */
  uint64_t gathers;       /* launched: copies of values within the cell */
  uint64_t input_gathers; /* launched: rows of inputs and attributes copied to a place of choice */
  double bytes;           /* copied within the cell, per node */
} plan_counters;

/* Adds to the model a cell for each shape of inputs, which gives values of it, and words to empty
 * vocabularies. Before weights are made. */
int plan_add_sources(workplace *w);
/* Runs a batch of each of the first `cells` cells of the model; out[] gets what was counted. */
int plan_run(workplace *w, uint32_t cells, edb_layout layout, bool unfused, plan_counters *out);

/* The memory of a plan, block by block, with the kernels that read and write it. */
void plan_print_map(const edb_plan *plan);
/* Why values are copied, a line each. */
void plan_print_reasons(const edb_plan *plan, const edb_plan_reasons *reasons);
/* The same, as an array of objects. */
json_t *plan_reasons_json(const edb_plan *plan, const edb_plan_reasons *reasons);
int plan_print_dot(workplace *w, uint32_t cell);

#define PLAN_NAME_BYTES 64
/* The name of a result: as in the file, or what makes it. Gives `buffer`. */
const char *plan_value_name(const edb_program *program, const edb_ir_cell *cell, edb_ref ref,
                            char *buffer);
const char *plan_kernel_name(const edb_plan *plan, const edb_step *s);

#endif
