/* tests/layout/plan_counts.h: what a plan says that it does: kernels, and copies within the cell.
 */
#ifndef EDB_TESTS_LAYOUT_PLAN_COUNTS_H
#define EDB_TESTS_LAYOUT_PLAN_COUNTS_H

#include "layout/plan.h"

typedef struct plan_counts {
  uint32_t kernels;    /* that compute */
  uint32_t constants;  /* of them, those that repeat a parameter for each node */
  uint32_t gathers;    /* of values within the cell */
  size_t gather_bytes; /* per node or element */
  uint32_t input_gathers;
} plan_counts;

static inline plan_counts count_plan(const edb_plan *plan) {
  plan_counts c = {0};
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    bool copies = s->kind == EDB_STEP_COPY || s->kind == EDB_STEP_EXPAND;
    if (copies && plan->slots[s->operand[0]].domain == EDB_DOMAIN_STATIC) {
      c.kernels += !s->joined;
      c.constants += !s->joined;
    } else if (s->kind == EDB_STEP_GATHER ||
               (copies &&
                plan->slots[edb_plan_root(plan, s->operand[0], NULL)].kind == EDB_SLOT_INPUT)) {
      c.input_gathers += !s->joined;
    } else if (copies) {
      c.gathers += !s->joined;
      c.gather_bytes += plan->slots[s->result].width * sizeof(float);
    } else {
      c.kernels += !s->joined && s->domain != EDB_DOMAIN_STATIC;
    }
  }
  return c;
}

#endif
