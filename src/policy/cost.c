/* policy/cost.c: see cost.h. */
#include "policy/cost.h"

#include <string.h>

#include "base/sized.h"

edb_status edb_costs_new(edb_fsm *types, edb_costs **out, edb_error *error) {
  edb_context *ctx = types->ctx;
  size_t bytes = ((size_t)types->n_types + 1) * sizeof(edb_cost); /* never none */
  edb_costs *costs = edb_alloc_zero(ctx, sizeof *costs);
  edb_cost *cost = edb_alloc_zero(ctx, bytes);
  if (costs == NULL || cost == NULL) {
    edb_free(ctx, costs, costs == NULL ? 0 : sizeof *costs);
    edb_free(ctx, cost, cost == NULL ? 0 : bytes);
    edb_fsm_destroy(types);
    return edb_fail_memory(error, bytes, "the costs of batches");
  }
  *costs = (edb_costs){.ctx = ctx, .types = types, .cost = cost};
  *out = costs;
  return EDB_OK;
}

edb_status edb_costs_copy(edb_context *ctx, const edb_costs *costs, edb_costs **out,
                          edb_error *error) {
  edb_fsm *types = NULL;
  edb_costs *copy = NULL;
  EDB_TRY(edb_fsm_copy(ctx, costs->types, &types, error));
  EDB_TRY(edb_costs_new(types, &copy, error));
  memcpy(copy->cost, costs->cost, costs->types->n_types * sizeof *copy->cost);
  copy->mini_batch = costs->mini_batch;
  copy->has_rows = costs->has_rows;
  memcpy(copy->rows, costs->rows, sizeof copy->rows);
  *out = copy;
  return EDB_OK;
}

void edb_costs_destroy(edb_costs *costs) {
  if (costs == NULL) return;
  edb_free(costs->ctx, costs->cost, ((size_t)costs->types->n_types + 1) * sizeof *costs->cost);
  edb_fsm_destroy(costs->types);
  edb_free(costs->ctx, costs, sizeof *costs);
}

uint32_t edb_costs_type_count(const edb_costs *costs) {
  return costs->types->n_types;
}

const char *edb_costs_type_name(const edb_costs *costs, uint32_t i) {
  return i < costs->types->n_types ? costs->types->types[i].name : NULL;
}

edb_cost edb_costs_get(const edb_costs *costs, uint32_t i) {
  return i < costs->types->n_types ? costs->cost[i] : (edb_cost){0};
}

void edb_costs_calibration_into(const edb_costs *costs, edb_calibration *out, size_t bytes) {
  edb_sized_give(out, bytes, &costs->fit, sizeof costs->fit);
}

edb_cost edb_costs_mini_batch(const edb_costs *costs) {
  return costs->mini_batch;
}

bool edb_costs_rows(const edb_costs *costs, bool far, edb_row_costs *out) {
  if (costs->has_rows) *out = costs->rows[far];
  return costs->has_rows;
}

/* ---- Of a schedule ------------------------------------------------------------------------------
 */

/* The cost of a type of a schedule; NULL: none is known. */
static const edb_cost *find_cost(const edb_costs *costs, uint32_t source) {
  const edb_fsm *types = costs->types;
  if (types->granularity != EDB_FSM_RAW)
    return source < types->n_types ? &costs->cost[types->from_schema[source]] : NULL;
  uint32_t low = 0, high = types->n_types;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (types->types[middle].source == source) return &costs->cost[middle];
    if (types->types[middle].source < source)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

edb_status edb_costs_predict(const edb_costs *costs, const edb_schedule *schedule,
                             double *nanoseconds, edb_error *error) {
  EDB_REQUIRE(error, costs, schedule, nanoseconds);
  double sum = costs->mini_batch.batch_ns + schedule->info.n_nodes * costs->mini_batch.node_ns;
  for (uint32_t i = 0; i < schedule->info.n_batches; i++) {
    const edb_cost *cost = find_cost(costs, schedule->batch_type[i]);
    EDB_FAIL_IF(cost == NULL, error, EDB_ERROR_MISMATCH, "the costs do not have type %u",
                schedule->batch_type[i]);
    sum +=
        cost->batch_ns + cost->node_ns * (schedule->batch_start[i + 1] - schedule->batch_start[i]);
  }
  *nanoseconds = sum;
  return EDB_OK;
}

edb_status edb_costs_weights(edb_context *ctx, const edb_costs *costs, const edb_problem *problem,
                             const edb_schema *schema, double *weight, edb_error *error) {
  edb_fsm_binding binding;
  edb_error inner;
  edb_status status = edb_fsm_bind(ctx, costs->types, problem, schema, &binding, &inner);
  EDB_FAIL_IF(status == EDB_ERROR_MISMATCH, error, status, "costs of other batches: %s",
              inner.text);
  EDB_FAIL_IF(status != EDB_OK, error, status, "%s", inner.text);
  for (uint32_t t = 0; t < problem->n_types && status == EDB_OK; t++) {
    uint32_t type = binding.to_fsm[t];
    if (type == UINT32_MAX)
      status = edb_fail(error, EDB_ERROR_MISMATCH, "the costs do not have type %u",
                        problem->original_type[t]);
    else if (weight != NULL)
      weight[t] = costs->cost[type].batch_ns;
  }
  edb_fsm_unbind(ctx, &binding);
  return status;
}

/* ---- Lines through points -----------------------------------------------------------------------
 */

void edb_line_fit_add(edb_line_fit *fit, double x, double y, double weight) {
  if (fit->w == 0 || x < fit->least_x) fit->least_x = x;
  if (fit->w == 0 || x > fit->most_x) fit->most_x = x;
  fit->w += weight;
  fit->x += weight * x;
  fit->y += weight * y;
  fit->xx += weight * x * x;
  fit->xy += weight * x * y;
}

static edb_cost through_means(const edb_line_fit *fit, double intercept) {
  double x = fit->x / fit->w, y = fit->y / fit->w;
  if (intercept > y) intercept = y;
  return (edb_cost){intercept, x > 0 ? (y - intercept) / x : 0};
}

edb_cost edb_line_fit_solve(const edb_line_fit *fit, double intercept) {
  if (!(fit->w > 0)) return (edb_cost){0};
  if (!(fit->most_x > fit->least_x)) return through_means(fit, intercept);
  double determinant = fit->w * fit->xx - fit->x * fit->x;
  if (!(determinant > 0)) return through_means(fit, intercept);
  double slope = (fit->w * fit->xy - fit->x * fit->y) / determinant;
  double at_zero = (fit->y - slope * fit->x) / fit->w;
  if (slope < 0) return (edb_cost){fit->y / fit->w, 0};
  if (at_zero < 0) return (edb_cost){0, fit->xx > 0 ? fit->xy / fit->xx : 0};
  return (edb_cost){at_zero, slope};
}
