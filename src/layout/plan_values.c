/* layout/plan_values.c: where the values of a cell stand: in the order of the arrangement, one
 * behind the other; outputs and concats that must be copied apart; views in what they show. */
#include <string.h>

#include "layout/plan_impl.h"

edb_shape edb_planner_shape(const edb_planner *p, edb_ref ref) {
  bool variadic;
  return edb_ir_ref_shape(p->program, p->cell, ref, &variadic);
}

bool edb_is_view(edb_op_kind kind) {
  return kind == EDB_OP_SLICE || kind == EDB_OP_RESHAPE || kind == EDB_OP_DROPOUT;
}

/* ---- Slots ----------------------------------------------------------------------------------- */

edb_status edb_plan_add_slot(edb_planner *p, edb_slot slot, uint32_t *out) {
  if (!edb_vec_push(p->ctx, &p->slots, slot))
    return edb_fail_memory(p->error, sizeof slot, "a slot of a plan");
  *out = (uint32_t)p->slots.length - 1;
  return EDB_OK;
}

edb_status edb_plan_add_scratch(edb_planner *p, uint32_t domain, uint64_t width, edb_place *out) {
  EDB_FAIL_IF(width >= UINT32_MAX, p->error, EDB_ERROR_LIMIT,
              "cell %s: a row of its values has %llu numbers", p->cell->name,
              (unsigned long long)width);
  edb_slot slot = {.kind = EDB_SLOT_SCRATCH, .domain = domain, .width = (uint32_t)width};
  *out = (edb_place){.width = (uint32_t)width};
  return edb_plan_add_slot(p, slot, &out->slot);
}

/* The slot that all who ask for these columns, or for this constant, are given. */
static edb_status share_slot(edb_planner *p, edb_slot slot, uint32_t *out) {
  const uint32_t key[] = {slot.kind, slot.kind == EDB_SLOT_PART ? slot.parent : slot.index,
                          slot.offset, slot.width};
  *out = edb_map_get(&p->shared, key, sizeof key);
  if (*out != EDB_MAP_NONE) return EDB_OK;
  EDB_TRY(edb_plan_add_slot(p, slot, out));
  if (edb_map_put(&p->shared, key, sizeof key, *out)) return EDB_OK;
  return edb_fail_memory(p->error, sizeof key, "a slot of a plan");
}

edb_status edb_plan_slot_at(edb_planner *p, edb_place place, uint32_t *out) {
  const edb_slot *root = edb_planner_slot(p, place.slot);
  *out = place.slot;
  if (place.offset == 0 && place.width == root->width) return EDB_OK;
  edb_slot part = {.kind = EDB_SLOT_PART,
                   .domain = root->domain,
                   .width = place.width,
                   .parent = place.slot,
                   .offset = place.offset};
  return share_slot(p, part, out);
}

/* ---- Values that are no results -------------------------------------------------------------- */

static uint32_t ref_domain(const edb_planner *p, edb_ref ref) {
  const edb_input_sig *input;
  switch (ref.kind) {
  case EDB_REF_OP:
    return p->op_domain[ref.index];
  case EDB_REF_INPUT:
    input = &p->cell->sig.inputs[ref.index];
    return input->variadic ? EDB_DOMAIN_GROUP + input->group : EDB_DOMAIN_NODE;
  case EDB_REF_INDEX:
  case EDB_REF_DENSE:
    return EDB_DOMAIN_NODE;
  case EDB_REF_PARAM:
  case EDB_REF_NUMBER:
    break;
  }
  return EDB_DOMAIN_STATIC;
}

/* The slot of a parameter or a number, made when it is first asked for. */
static edb_status constant_slot(edb_planner *p, edb_slot_kind kind, edb_ref ref, edb_place *out) {
  *out = (edb_place){.width = (uint32_t)edb_shape_size(edb_planner_shape(p, ref))};
  edb_slot slot = {.kind = kind, .width = out->width, .index = ref.index};
  return share_slot(p, slot, &out->slot);
}

/* Inputs without a place in the order are read where they are; attributes are gathered. */
static edb_status input_slot(edb_planner *p, edb_ref ref, edb_place *out) {
  bool dense = ref.kind == EDB_REF_DENSE;
  edb_place *place = &p->input_place[ref.index + (dense ? p->cell->sig.n_inputs : 0)];
  if (place->slot == EDB_SLOT_NONE) {
    edb_slot slot = {.kind = dense ? EDB_SLOT_SCRATCH : EDB_SLOT_INPUT,
                     .domain = ref_domain(p, ref),
                     .width = (uint32_t)edb_shape_size(edb_planner_shape(p, ref)),
                     .index = dense ? 0 : ref.index};
    *place = (edb_place){.slot = EDB_SLOT_NONE, .width = slot.width};
    EDB_TRY(edb_plan_add_slot(p, slot, &place->slot));
  }
  *out = *place;
  return EDB_OK;
}

edb_status edb_plan_place_of(edb_planner *p, edb_ref ref, edb_place *out) {
  switch (ref.kind) {
  case EDB_REF_OP:
    *out = p->op_place[ref.index];
    return EDB_OK;
  case EDB_REF_INPUT:
  case EDB_REF_DENSE:
    return input_slot(p, ref, out);
  case EDB_REF_PARAM:
    return constant_slot(p, EDB_SLOT_PARAM, ref, out);
  case EDB_REF_NUMBER:
    return constant_slot(p, EDB_SLOT_NUMBER, ref, out);
  case EDB_REF_INDEX:
    break;
  }
  return edb_fail(p->error, EDB_ERROR_UNSUPPORTED, "cell %s: an index attribute is used as a value",
                  p->cell->name);
}

/* ---- The order ------------------------------------------------------------------------------- */

/* Rows over which an operator runs: those of its operands. */
static uint32_t domain_of(const edb_planner *p, uint32_t op) {
  const edb_ir_op *o = &p->cell->ops[op];
  if (o->variadic) return EDB_DOMAIN_GROUP + o->group;
  if (edb_op_is_over(o->kind)) return EDB_DOMAIN_NODE;
  for (uint32_t i = 0; i < o->n_operands; i++)
    if (ref_domain(p, edb_planner_operand(p, op, i)) != EDB_DOMAIN_STATIC) return EDB_DOMAIN_NODE;
  return EDB_DOMAIN_STATIC;
}

/* One row of memory per domain holds all its variables, as they shall stand. */
static edb_status place_variables(edb_planner *p) {
  const edb_cell_arrangement *a = p->arrangement;
  for (uint32_t i = 0; i < a->n_variables; i++) {
    edb_ref ref = a->variables[i];
    uint32_t domain = ref_domain(p, ref), *arena = &p->arena[domain];
    edb_place place = {.width = (uint32_t)edb_shape_size(edb_planner_shape(p, ref))};
    if (*arena == EDB_SLOT_NONE) {
      edb_place empty;
      EDB_TRY(edb_plan_add_scratch(p, domain, 0, &empty));
      *arena = empty.slot;
    }
    edb_slot *root = edb_planner_slot(p, *arena);
    EDB_FAIL_IF((uint64_t)root->width + place.width >= UINT32_MAX, p->error, EDB_ERROR_LIMIT,
                "cell %s: a row of its values has 2^32 numbers or more", p->cell->name);
    place.slot = *arena;
    place.offset = root->width;
    root->width += place.width;
    if (a->copy[i]) continue;
    if (ref.kind == EDB_REF_OP)
      p->op_place[ref.index] = place;
    else
      p->input_place[ref.index + (ref.kind == EDB_REF_DENSE ? p->cell->sig.n_inputs : 0)] = place;
  }
  return EDB_OK;
}

static edb_status place_view(edb_planner *p, uint32_t op) {
  const edb_ir_op *o = &p->cell->ops[op];
  edb_ref ref = edb_planner_operand(p, op, 0);
  edb_shape shape = edb_planner_shape(p, ref);
  EDB_TRY(edb_plan_place_of(p, ref, &p->op_place[op]));
  if (o->kind == EDB_OP_SLICE && shape.rank > 0)
    p->op_place[op].offset += o->immediate[0] * (uint32_t)(edb_shape_size(shape) / shape.dim[0]);
  p->op_place[op].width = (uint32_t)edb_shape_size(o->shape);
  return EDB_OK;
}

/* Where the values of a concat, or copies of them, stand in a row. */
static edb_place concat_place(const edb_planner *p, uint32_t op) {
  const edb_cell_arrangement *a = p->arrangement;
  edb_place place = {.slot = p->arena[p->op_domain[op]],
                     .width = (uint32_t)edb_shape_size(p->cell->ops[op].shape)};
  for (uint32_t i = 0; i < a->concat[op]; i++)
    if (ref_domain(p, a->variables[i]) == p->op_domain[op])
      place.offset += (uint32_t)edb_shape_size(edb_planner_shape(p, a->variables[i]));
  return place;
}

/* A concat is there already if its operands stand in a row. */
static edb_status place_sequence(edb_planner *p, uint32_t op) {
  edb_place all = {.slot = EDB_SLOT_NONE}, place;
  bool together = true;
  if (p->arrangement->concat[op] != EDB_CONCAT_NONE) {
    p->op_place[op] = concat_place(p, op);
    return EDB_OK;
  }
  for (uint32_t i = 0; i < p->cell->ops[op].n_operands; i++) {
    EDB_TRY(edb_plan_place_of(p, edb_planner_operand(p, op, i), &place));
    if (i == 0)
      all = place;
    else if (edb_place_follows(all, place))
      all.width += place.width;
    else
      together = false;
  }
  p->op_place[op] = all;
  if (together) return EDB_OK;
  uint64_t width = edb_shape_size(p->cell->ops[op].shape);
  return edb_plan_add_scratch(p, p->op_domain[op], width, &p->op_place[op]);
}

static edb_status place_op(edb_planner *p, uint32_t op) {
  uint64_t width = edb_shape_size(p->cell->ops[op].shape);
  if (edb_is_view(p->cell->ops[op].kind)) return place_view(p, op);
  if (p->batching->role[op] == EDB_ROLE_SEQUENCE) return place_sequence(p, op);
  if (p->op_place[op].slot != EDB_SLOT_NONE) return EDB_OK;
  return edb_plan_add_scratch(p, p->op_domain[op], width, &p->op_place[op]);
}

/* Inputs and attributes that are used get their slots before the steps that fill these. */
static edb_status place_inputs(edb_planner *p) {
  edb_place place;
  for (uint32_t i = 0; i < p->cell->n_operands; i++)
    if (p->cell->operands[i].kind == EDB_REF_DENSE)
      EDB_TRY(edb_plan_place_of(p, p->cell->operands[i], &place));
  for (uint32_t o = 0; o < p->cell->sig.n_outputs; o++)
    if (p->cell->outputs[o].value.kind == EDB_REF_DENSE)
      EDB_TRY(edb_plan_place_of(p, p->cell->outputs[o].value, &place));
  return EDB_OK;
}

edb_status edb_plan_place_values(edb_planner *p) {
  for (uint32_t i = 0; i < p->cell->n_ops; i++) p->op_domain[i] = domain_of(p, i);
  EDB_TRY(place_variables(p));
  EDB_TRY(place_inputs(p));
  for (uint32_t i = 0; i < p->cell->n_ops; i++) EDB_TRY(place_op(p, i));
  return EDB_OK;
}
