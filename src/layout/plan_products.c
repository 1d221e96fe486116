/* layout/plan_products.c: products with parameters: those of one operand become one with stacked
 * weights, the others of a batch are joined to it. */
#include "layout/plan_impl.h"

edb_place edb_plan_product_operand(const edb_planner *p, size_t k) {
  edb_product_form form;
  uint32_t op = p->calls.data[k].op;
  (void)edb_batching_product_form(p->batching, op, &form);
  return p->calls.data[k].operand[form.transposed && !p->batching->swapped[op] ? 0 : 1];
}

static bool stacks(const edb_planner *p, size_t k) {
  edb_product_form a, b;
  return edb_batching_product_form(p->batching, p->calls.data[k - 1].op, &a) &&
         edb_batching_product_form(p->batching, p->calls.data[k].op, &b) && a.repeat == 1 &&
         b.repeat == 1 &&
         edb_place_is_same(edb_plan_product_operand(p, k - 1), edb_plan_product_operand(p, k)) &&
         edb_place_follows(p->calls.data[k - 1].result, p->calls.data[k].result);
}

/* Calls first .. end - 1, of one operand, their results side by side. */
static edb_status add_product(edb_planner *p, size_t first, size_t end) {
  uint32_t op = p->calls.data[first].op;
  edb_product_form form;
  edb_place result = p->calls.data[first].result;
  edb_step step = edb_plan_new_step(EDB_STEP_PRODUCT, p->op_domain[op], EDB_SLOT_NONE);
  step.op = op;
  step.needs_labels = p->cell->ops[op].needs_labels;
  step.joined = first > 0;
  step.n_operands = 1;
  step.stacked_start = (uint32_t)p->stacked.length;
  result.width = 0;
  for (size_t k = first; k < end; k++) {
    (void)edb_batching_product_form(p->batching, p->calls.data[k].op, &form);
    edb_stacked member = {.param = form.param,
                          .offset = step.columns,
                          .columns = form.columns,
                          .transposed = form.transposed};
    if (!edb_vec_push(p->ctx, &p->stacked, member))
      return edb_fail_memory(p->error, sizeof member, "a stacked product");
    result.width += p->calls.data[k].result.width;
    step.columns += form.columns;
    step.depth = form.depth;
    step.repeat = form.repeat;
    step.n_stacked++;
  }
  EDB_TRY(edb_plan_slot_at(p, result, &step.result));
  EDB_TRY(edb_plan_slot_at(p, edb_plan_product_operand(p, first), &step.operand[0]));
  return edb_plan_add_step(p, step);
}

edb_status edb_plan_add_products(edb_planner *p) {
  for (size_t first = 0, end; first < p->calls.length; first = end) {
    end = first + 1;
    while (end < p->calls.length && stacks(p, end)) end++;
    EDB_TRY(add_product(p, first, end));
  }
  return EDB_OK;
}
