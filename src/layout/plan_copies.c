/* layout/plan_copies.c: what has to be copied: inputs to a place of choice, operands of concats
 * that stand elsewhere, outputs that are no results, and in the order of creation whatever a batch
 * does not find together. */
#include <string.h>

#include "layout/plan_impl.h"

/* ---- One value ------------------------------------------------------------------------------- */

/* An input or attribute, from where it comes. */
static edb_status add_gather(edb_planner *p, edb_ref ref, edb_place to) {
  const edb_type_sig *sig = &p->cell->sig;
  bool dense = ref.kind == EDB_REF_DENSE;
  edb_step step = edb_plan_new_step(EDB_STEP_GATHER, edb_planner_slot(p, to.slot)->domain, 0);
  step.source = ref.index + (dense ? sig->n_inputs : 0);
  step.needs_labels = dense && sig->dense[ref.index].is_label;
  EDB_TRY(edb_plan_slot_at(p, to, &step.result));
  return edb_plan_add_step(p, step);
}

static bool is_input(edb_ref ref) {
  return ref.kind == EDB_REF_INPUT || ref.kind == EDB_REF_DENSE;
}

edb_status edb_plan_add_copy(edb_planner *p, edb_copy copy) {
  uint32_t from = edb_planner_slot(p, copy.from.slot)->domain;
  if (is_input(copy.ref) && from == copy.domain) return add_gather(p, copy.ref, copy.to);
  bool expand = copy.domain >= EDB_DOMAIN_GROUP && from == EDB_DOMAIN_NODE;
  edb_step step = edb_plan_new_step(expand ? EDB_STEP_EXPAND : EDB_STEP_COPY, copy.domain, 0);
  EDB_TRY(edb_plan_slot_at(p, copy.from, &step.operand[0]));
  EDB_TRY(edb_plan_slot_at(p, copy.to, &step.result));
  step.n_operands = 1;
  step.group = expand ? copy.domain - EDB_DOMAIN_GROUP : 0;
  step.needs_labels = copy.needs_labels;
  step.joined = copy.joined && !expand;
  return edb_plan_add_step(p, step);
}

/* Whether the last step copies, so that another one can be joined to it. */
static bool has_copied(const edb_planner *p, size_t since) {
  return p->steps.length > since && p->steps.data[p->steps.length - 1].kind == EDB_STEP_COPY;
}

/* ---- Inputs, concats, outputs ---------------------------------------------------------------- */

edb_status edb_plan_gather_inputs(edb_planner *p) {
  const edb_type_sig *sig = &p->cell->sig;
  for (uint32_t i = 0; i < sig->n_inputs + sig->n_dense; i++) {
    edb_place place = p->input_place[i];
    if (place.slot == EDB_SLOT_NONE || edb_planner_slot(p, place.slot)->kind == EDB_SLOT_INPUT)
      continue;
    edb_ref ref = {.kind = i < sig->n_inputs ? EDB_REF_INPUT : EDB_REF_DENSE,
                   .index = i < sig->n_inputs ? i : i - sig->n_inputs};
    EDB_TRY(add_gather(p, ref, place));
  }
  return EDB_OK;
}

/* Those operands of a concat that do not stand where it wants them. */
edb_status edb_plan_add_concat(edb_planner *p, uint32_t op) {
  size_t since = p->steps.length;
  edb_copy copy = {.to = p->op_place[op],
                   .domain = p->op_domain[op],
                   .needs_labels = p->cell->ops[op].needs_labels};
  for (uint32_t i = 0; i < p->cell->ops[op].n_operands; i++) {
    edb_ref ref = edb_planner_operand(p, op, i);
    EDB_TRY(edb_plan_place_of(p, ref, &copy.from));
    copy.ref = edb_batching_value(p->batching, ref);
    copy.to.width = copy.from.width;
    copy.joined = has_copied(p, since);
    if (!edb_place_is_same(copy.from, copy.to)) EDB_TRY(edb_plan_add_copy(p, copy));
    copy.to.offset += copy.to.width;
  }
  return EDB_OK;
}

/* Every output has rows that placement chooses. Blocks of memory that are one output take their
 * place later; the other outputs are copied. */
edb_status edb_plan_store_outputs(edb_planner *p) {
  for (uint32_t o = 0; o < p->cell->sig.n_outputs; o++) {
    edb_copy copy = {.ref = {.kind = EDB_REF_OP},
                     .domain = EDB_DOMAIN_NODE,
                     .needs_labels = p->cell->sig.outputs[o].needs_labels};
    EDB_TRY(edb_plan_place_of(p, p->cell->outputs[o].value, &copy.from));
    edb_slot slot = {
        .kind = EDB_SLOT_OUTPUT, .domain = EDB_DOMAIN_NODE, .width = copy.from.width, .index = o};
    copy.to = (edb_place){.width = slot.width};
    EDB_TRY(edb_plan_add_slot(p, slot, &copy.to.slot));
    EDB_TRY(edb_plan_add_copy(p, copy));
    p->plan->output_slot[o] = copy.to.slot;
  }
  return EDB_OK;
}

/* ---- The order of creation ------------------------------------------------------------------- */

typedef enum tuple {
  TUPLE_RESULT,
  TUPLE_OPERAND /* and on */
} tuple;

static edb_place *element(edb_planner *p, size_t k, uint32_t t) {
  edb_kernel_call *c = &p->calls.data[k];
  return t == TUPLE_RESULT ? &c->result : &c->operand[t - TUPLE_OPERAND];
}

static bool in_arena(const edb_planner *p, edb_place place) {
  return place.slot == p->arena[edb_planner_slot(p, place.slot)->domain];
}

static bool takes_inputs_apart(const edb_planner *p) {
  return !edb_batching_is_wide(p->batching, p->calls.data[0].op);
}

/* Whether a kernel can take calls k - 1 and k of a tuple as they stand. Results that are outputs go
 * anywhere. */
static bool is_fine(edb_planner *p, size_t k, uint32_t t) {
  edb_place a = *element(p, k - 1, t), b = *element(p, k, t);
  if (b.slot == EDB_SLOT_NONE || edb_place_follows(a, b)) return true;
  const edb_slot *slot = edb_planner_slot(p, b.slot);
  if (t == TUPLE_RESULT) return !in_arena(p, a) || !in_arena(p, b);
  if (slot->domain == EDB_DOMAIN_STATIC) return true;
  return slot->kind == EDB_SLOT_INPUT && takes_inputs_apart(p);
}

static bool is_constant(edb_planner *p, uint32_t t) {
  for (size_t k = 1; k < p->calls.length; k++)
    if (!edb_place_is_same(*element(p, 0, t), *element(p, k, t))) return false;
  return true;
}

/* Stacks of products read their operands one by one. */
static bool is_stacked(edb_planner *p, uint32_t t) {
  edb_product_form form;
  if (t == TUPLE_RESULT || !edb_batching_product_form(p->batching, p->calls.data[0].op, &form))
    return false;
  for (size_t k = 1; k < p->calls.length; k++)
    if (edb_place_is_same(*element(p, k - 1, t), *element(p, k, t))) return true;
  return false;
}

static bool is_together(edb_planner *p, uint32_t t) {
  if (is_stacked(p, t) || (t != TUPLE_RESULT && is_constant(p, t))) return true;
  for (size_t k = 1; k < p->calls.length; k++)
    if (!is_fine(p, k, t)) return false;
  return true;
}

/* A temporary for a tuple, one value beside the other. */
static edb_status add_temporary(edb_planner *p, uint32_t t, edb_place *out) {
  uint64_t width = 0;
  uint32_t domain = edb_planner_slot(p, element(p, 0, t)->slot)->domain;
  for (size_t k = 0; k < p->calls.length; k++) width += element(p, k, t)->width;
  return edb_plan_add_scratch(p, domain, width, out);
}

static edb_status gather_tuple(edb_planner *p, uint32_t t) {
  edb_place all;
  size_t since = p->steps.length;
  EDB_TRY(add_temporary(p, t, &all));
  edb_copy copy = {.to = all, .domain = edb_planner_slot(p, all.slot)->domain};
  for (size_t k = 0; k < p->calls.length; k++) {
    uint32_t op = p->calls.data[k].op;
    copy.from = *element(p, k, t);
    copy.ref = edb_batching_value(p->batching, edb_planner_operand(p, op, t - TUPLE_OPERAND));
    copy.to.width = copy.from.width;
    copy.needs_labels = p->cell->ops[op].needs_labels;
    copy.joined = has_copied(p, since);
    EDB_TRY(edb_plan_add_copy(p, copy));
    *element(p, k, t) = copy.to;
    copy.to.offset += copy.to.width;
  }
  return EDB_OK;
}

/* next[] of a list of all calls, from the first on: each behind the last with the same operand.
 * false: no memory. */
static bool link_by_operand(const edb_planner *p, edb_map *latest, uint32_t *next) {
  uint32_t end = 0;
  next[0] = UINT32_MAX;
  for (uint32_t k = 0; k < p->calls.length; k++) {
    edb_place place = edb_plan_product_operand(p, k);
    uint32_t before = edb_map_get(latest, &place, sizeof place);
    if (before == EDB_MAP_NONE) before = end;
    if (k > 0) {
      next[k] = next[before];
      next[before] = k;
    }
    if (next[k] == UINT32_MAX) end = k;
    if (!edb_map_put(latest, &place, sizeof place, k)) return false;
  }
  return true;
}

/* Products of one operand one after the other, so that they stack. */
static edb_status sort_by_operand(edb_planner *p) {
  size_t n = p->calls.length, bytes = n * (sizeof *p->calls.data + sizeof(uint32_t));
  if (n <= 2) return EDB_OK;
  edb_kernel_call *calls = edb_alloc(p->ctx, bytes);
  if (!calls) return edb_fail_memory(p->error, bytes, "the products of a batch");
  uint32_t *next = (uint32_t *)(void *)(calls + n);
  edb_map latest;
  edb_map_init(&latest, p->ctx);
  bool ok = link_by_operand(p, &latest, next);
  memcpy(calls, p->calls.data, n * sizeof *calls);
  for (uint32_t k = 0, to = 0; ok && k != UINT32_MAX; k = next[k]) p->calls.data[to++] = calls[k];
  edb_map_free(&latest);
  edb_free(p->ctx, calls, bytes);
  return ok ? EDB_OK : edb_fail_memory(p->error, bytes, "the products of a batch");
}

edb_status edb_plan_bring_together(edb_planner *p, edb_place *scattered) {
  edb_product_form form;
  const edb_ir_op *op = &p->cell->ops[p->calls.data[0].op];
  if (op->kind != EDB_OP_PRODUCT && !edb_batching_is_elementwise(op->kind)) return EDB_OK;
  if (edb_batching_product_form(p->batching, p->calls.data[0].op, &form))
    EDB_TRY(sort_by_operand(p));
  for (uint32_t t = TUPLE_OPERAND; t < TUPLE_OPERAND + op->n_operands; t++)
    if (!is_together(p, t)) EDB_TRY(gather_tuple(p, t));
  if (is_together(p, TUPLE_RESULT)) return EDB_OK;
  EDB_TRY(add_temporary(p, TUPLE_RESULT, scattered));
  edb_place place = *scattered;
  for (size_t k = 0; k < p->calls.length; k++) {
    place.width = p->calls.data[k].result.width;
    p->calls.data[k].result = place;
    place.offset += place.width;
  }
  return EDB_OK;
}

edb_status edb_plan_scatter(edb_planner *p, edb_place scattered) {
  edb_copy copy = {.ref = {.kind = EDB_REF_OP}, .from = scattered};
  for (size_t k = 0; k < p->calls.length; k++) {
    const edb_kernel_call *call = &p->calls.data[k];
    copy.to = call->home;
    copy.from.width = copy.to.width;
    copy.domain = p->op_domain[call->op];
    copy.needs_labels = p->cell->ops[call->op].needs_labels;
    copy.joined = k > 0;
    EDB_TRY(edb_plan_add_copy(p, copy));
    copy.from.offset += copy.from.width;
  }
  return EDB_OK;
}
