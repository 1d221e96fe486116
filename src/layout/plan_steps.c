/* layout/plan_steps.c: batches of operators become kernels: one step where their values stand side
 * by side, joined steps where they do not have to. */
#include "layout/plan_impl.h"

edb_step edb_plan_new_step(edb_step_kind kind, uint32_t domain, uint32_t result) {
  edb_step step = {.kind = kind,
                   .domain = domain,
                   .result = result,
                   .index_attribute = UINT32_MAX,
                   .op = UINT32_MAX,
                   .repeat = 1};
  for (uint32_t i = 0; i < EDB_STEP_OPERANDS; i++) step.operand[i] = EDB_SLOT_NONE;
  return step;
}

edb_status edb_plan_add_step(edb_planner *p, edb_step step) {
  if (!edb_vec_push(p->ctx, &p->steps, step))
    return edb_fail_memory(p->error, sizeof step, "a step of a plan");
  return EDB_OK;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static edb_status add_call(edb_planner *p, uint32_t op) {
  const edb_ir_op *o = &p->cell->ops[op];
  edb_kernel_call call = {.op = op, .home = p->op_place[op], .result = p->op_place[op]};
  for (uint32_t i = 0; i < EDB_STEP_OPERANDS; i++) call.operand[i].slot = EDB_SLOT_NONE;
  for (uint32_t i = 0; i < o->n_operands; i++) {
    edb_ref ref = edb_planner_operand(p, op, i);
    if (ref.kind != EDB_REF_INDEX) EDB_TRY(edb_plan_place_of(p, ref, &call.operand[i]));
  }
  if (!edb_vec_push(p->ctx, &p->calls, call))
    return edb_fail_memory(p->error, sizeof call, "the operators of a kernel");
  return EDB_OK;
}

static bool is_static(const edb_planner *p, edb_place place) {
  return place.slot == EDB_SLOT_NONE ||
         edb_planner_slot(p, place.slot)->domain == EDB_DOMAIN_STATIC;
}

/* Parameters are packed side by side in any order, whole or in parts; a number serves all. */
static bool can_stand_beside(const edb_planner *p, edb_place a, edb_place b) {
  edb_slot_kind kind = edb_planner_slot(p, a.slot)->kind;
  if (kind == EDB_SLOT_NUMBER) return a.slot == b.slot;
  if (kind == EDB_SLOT_PARAM) return edb_planner_slot(p, b.slot)->kind == EDB_SLOT_PARAM;
  return edb_place_follows(a, b);
}

/* Whether a wide operator that has taken in call k - 1 can take in call k. */
static bool is_beside(const edb_planner *p, size_t k) {
  const edb_kernel_call *a = &p->calls.data[k - 1], *b = &p->calls.data[k];
  if (!edb_batching_is_wide(p->batching, b->op) || !edb_place_follows(a->result, b->result))
    return false;
  for (uint32_t i = 0; i < p->cell->ops[b->op].n_operands; i++)
    if (!can_stand_beside(p, a->operand[i], b->operand[i])) return false;
  return true;
}

/* Whether the kernel of call k - 1 goes on with call k: it takes the same operands again, the next
 * ones, or parameters, and its results may go anywhere. Kernels that do not work column by column
 * take their operands one by one as it is. */
static bool is_joined(const edb_planner *p, size_t k) {
  const edb_kernel_call *a = &p->calls.data[k - 1], *b = &p->calls.data[k];
  const edb_ir_op *op = &p->cell->ops[b->op];
  if (!edb_batching_is_elementwise(op->kind)) return true;
  for (uint32_t i = 0; i < op->n_operands; i++)
    if (!is_static(p, b->operand[i]) && !edb_place_is_same(a->operand[i], b->operand[i]) &&
        !edb_place_follows(a->operand[i], b->operand[i]))
      return false;
  return true;
}

/* ---- Operands -------------------------------------------------------------------------------- */

/* Operand i of calls first .. end - 1 in one place: parameters become a packed row. */
static edb_status merge_operands(edb_planner *p, size_t first, size_t end, uint32_t i,
                                 uint32_t *slot) {
  edb_place all = p->calls.data[first].operand[i];
  *slot = EDB_SLOT_NONE;
  if (all.slot == EDB_SLOT_NONE) return EDB_OK;
  edb_slot_kind kind = edb_planner_slot(p, all.slot)->kind;
  if (end - first == 1 || kind == EDB_SLOT_NUMBER) return edb_plan_slot_at(p, all, slot);
  edb_slot row = {.kind = EDB_SLOT_STACK,
                  .index = (uint32_t)p->stacked.length,
                  .count = (uint32_t)(end - first)};
  all.width = 0;
  for (size_t k = first; k < end; k++) {
    edb_place place = p->calls.data[k].operand[i];
    edb_stacked member = {.param = edb_planner_slot(p, place.slot)->index,
                          .first = place.offset,
                          .offset = all.width,
                          .columns = place.width};
    all.width += place.width;
    if (kind == EDB_SLOT_PARAM && !edb_vec_push(p->ctx, &p->stacked, member))
      return edb_fail_memory(p->error, sizeof member, "a row of parameters");
  }
  if (kind != EDB_SLOT_PARAM) return edb_plan_slot_at(p, all, slot);
  row.width = all.width;
  row.position = p->plan->row_floats;
  p->plan->row_floats += edb_align_columns(row.width);
  return edb_plan_add_slot(p, row, slot);
}

/* ---- Kernels --------------------------------------------------------------------------------- */

/* Calls first .. end - 1, which stand side by side, as one step. */
static edb_status add_op(edb_planner *p, size_t first, size_t end, bool joined) {
  uint32_t op = p->calls.data[first].op;
  const edb_ir_op *o = &p->cell->ops[op];
  edb_place result = p->calls.data[first].result;
  for (size_t k = first + 1; k < end; k++) result.width += p->calls.data[k].result.width;
  edb_step step = edb_plan_new_step(EDB_STEP_OP, p->op_domain[op], EDB_SLOT_NONE);
  step.op = op;
  step.n_operands = o->n_operands;
  step.needs_labels = o->needs_labels;
  step.joined = joined;
  if (edb_op_is_over(o->kind)) step.group = o->group;
  EDB_TRY(edb_plan_slot_at(p, result, &step.result));
  for (uint32_t i = 0; i < o->n_operands; i++) {
    edb_ref ref = edb_planner_operand(p, op, i);
    if (ref.kind == EDB_REF_INDEX) step.index_attribute = ref.index;
    EDB_TRY(merge_operands(p, first, end, i, &step.operand[i]));
  }
  return edb_plan_add_step(p, step);
}

static edb_status add_ops(edb_planner *p) {
  bool joined = false;
  for (size_t first = 0, end; first < p->calls.length; first = end) {
    end = first + 1;
    while (end < p->calls.length && is_beside(p, end)) end++;
    EDB_TRY(add_op(p, first, end, joined));
    joined = end < p->calls.length && is_joined(p, end);
  }
  return EDB_OK;
}

static edb_status add_calls(edb_planner *p) {
  edb_place scattered = {.slot = EDB_SLOT_NONE};
  edb_product_form form;
  if (p->params.layout == EDB_LAYOUT_CREATED) EDB_TRY(edb_plan_bring_together(p, &scattered));
  if (edb_batching_product_form(p->batching, p->calls.data[0].op, &form))
    EDB_TRY(edb_plan_add_products(p));
  else
    EDB_TRY(add_ops(p));
  if (scattered.slot == EDB_SLOT_NONE) return EDB_OK;
  return edb_plan_scatter(p, scattered);
}

edb_status edb_plan_add_kernel(edb_planner *p, uint32_t op) {
  uint32_t batch = p->op_batch[op];
  const edb_batching *b = p->batching;
  if (edb_is_view(p->cell->ops[op].kind)) return EDB_OK;
  if (p->cell->ops[op].kind == EDB_OP_CONCAT) return edb_plan_add_concat(p, op);
  p->calls.length = 0;
  if (batch == UINT32_MAX) {
    EDB_TRY(add_call(p, op));
    return add_calls(p);
  }
  for (uint32_t k = b->batch_start[batch]; k < b->batch_start[batch + 1]; k++)
    EDB_TRY(add_call(p, b->ops[k]));
  return add_calls(p);
}

edb_status edb_plan_make_steps(edb_planner *p) {
  const edb_batching *b = p->batching;
  for (uint32_t i = 0; i < b->n_batches; i++)
    for (uint32_t k = b->batch_start[i]; k < b->batch_start[i + 1]; k++) p->op_batch[b->ops[k]] = i;
  EDB_TRY(edb_plan_gather_inputs(p));
  EDB_TRY(edb_plan_add_kernels(p));
  return edb_plan_store_outputs(p);
}
