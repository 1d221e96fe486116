/* policy/cost.h: what a batch of a type costs, in time, and what a schedule will cost.
 *
 * A batch of `size` nodes of type t takes batch_ns[t] + size * node_ns[t]. Every node runs once
 * whatever the schedule, so the second part is the same for all schedules of a graph: the fastest
 * is the one with the least sum of batch_ns over its batches. That sum is its weight. A schedule
 * at the lower bound has as few batches of every single type as can be, so it is also of least
 * weight. */
#ifndef EDB_POLICY_COST_H
#define EDB_POLICY_COST_H

#include "policy/fsm.h"

/* Version of the file that is written and read (docs/policy-file.md). */
#define EDB_COSTS_FILE_VERSION 1

/* Immutable, except while being made. */
struct edb_costs {
  edb_context *ctx;
  edb_fsm *types;      /* their names, keys and order; an FSM without states */
  edb_cost *cost;      /* [types->n_types] */
  edb_cost mini_batch; /* once, and per node, beside the batches */
  bool has_rows;
  edb_row_costs rows[2]; /* near, and far */
  edb_calibration fit;
};

/* Takes over the types, also on failure. All costs are 0. */
EDB_MUST_CHECK edb_status edb_costs_new(edb_fsm *types, edb_costs **out, edb_error *error);
EDB_MUST_CHECK edb_status edb_costs_copy(edb_context *ctx, const edb_costs *costs, edb_costs **out,
                                         edb_error *error);

/* Weight of one batch of each type of a problem whose types are those of `schema` (NULL: raw) into
 * weight[problem->n_types], unless that is NULL. EDB_ERROR_MISMATCH: types without a cost. */
EDB_MUST_CHECK edb_status edb_costs_weights(edb_context *ctx, const edb_costs *costs,
                                            const edb_problem *problem, const edb_schema *schema,
                                            double *weight, edb_error *error);

/* As text; schemas[g]: of the model at granularity g, NULL: not at hand. */
EDB_MUST_CHECK edb_status edb_costs_print(const edb_costs *costs, edb_text *out, edb_error *error);
EDB_MUST_CHECK edb_status edb_costs_parse(
    edb_context *ctx, const char *text, size_t bytes, const char *name,
    const edb_schema *const schemas[EDB_FSM_GRANULARITY_COUNT], edb_costs **out, edb_error *error);

/* Least squares of a line through points, each with its own weight. */
typedef struct edb_line_fit {
  double w, x, y, xx, xy;
  double least_x, most_x;
} edb_line_fit;

void edb_line_fit_add(edb_line_fit *fit, double x, double y, double weight);
/* The line, neither part of it negative. Points with one x only do not tell its two parts apart:
 * then the part at 0 is `intercept`, or less. Without points both are 0. */
edb_cost edb_line_fit_solve(const edb_line_fit *fit, double intercept);

#endif
