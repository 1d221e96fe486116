/* layout/plan.c: compiles a cell: slots for its values, steps in an order that forms long
 * elementwise runs, stacked products, and the scratch memory of a row. */
#include "layout/plan.h"

#include <string.h>

#include "base/vec.h"
#include "layout/fuse.h"

/* A stacked member starts at a multiple of this many columns, so that its rows stay aligned. */
#define EDB_STACK_ALIGN 16u

typedef struct planner {
  edb_context *ctx;
  const edb_program *program;
  const edb_ir_cell *cell;
  edb_error *error;
  EDB_VEC(edb_slot) slots;
  EDB_VEC(edb_step) steps;
  EDB_VEC(edb_stacked) stacked;
  uint32_t *input_slot; /* [n_inputs] */
  uint32_t *dense_slot; /* [n_dense] */
  uint32_t *op_slot;    /* [n_ops] */
  uint32_t *op_domain;  /* [n_ops] */
  uint32_t *product_of; /* [n_ops] first operator of the stack this product belongs to */
  uint8_t *emitted;     /* [n_ops] */
} planner;

static size_t align_columns(size_t n) {
  return (n + EDB_STACK_ALIGN - 1) / EDB_STACK_ALIGN * EDB_STACK_ALIGN;
}

static edb_ref operand_of(const planner *p, uint32_t op, uint32_t i) {
  return p->cell->operands[p->cell->ops[op].operand_start + i];
}

static edb_status add_slot(planner *p, edb_slot slot, uint32_t *out) {
  if (!edb_vec_push(p->ctx, &p->slots, slot))
    return edb_fail_memory(p->error, sizeof slot, "a slot of a plan");
  *out = (uint32_t)p->slots.length - 1;
  return EDB_OK;
}

static edb_status add_step(planner *p, edb_step step) {
  if (!edb_vec_push(p->ctx, &p->steps, step))
    return edb_fail_memory(p->error, sizeof step, "a step of a plan");
  return EDB_OK;
}

static edb_step new_step(edb_step_kind kind, uint32_t domain, uint32_t result) {
  return (edb_step){.kind = kind,
                    .domain = domain,
                    .result = result,
                    .operand = {EDB_SLOT_NONE, EDB_SLOT_NONE, EDB_SLOT_NONE},
                    .index_attribute = UINT32_MAX,
                    .op = UINT32_MAX,
                    .repeat = 1};
}

/* ---- Values to slots ------------------------------------------------------------------------ */

static edb_shape ref_shape(const planner *p, edb_ref ref) {
  bool variadic;
  return edb_ir_ref_shape(p->program, p->cell, ref, &variadic);
}

/* The slot of any operand but an index attribute, made when it is first asked for. */
static edb_status slot_of(planner *p, edb_ref ref, uint32_t *out) {
  uint32_t width = (uint32_t)edb_shape_size(ref_shape(p, ref));
  const edb_type_sig *sig = &p->cell->sig;
  edb_slot slot = {.width = width, .index = ref.index, .domain = EDB_DOMAIN_STATIC};
  switch (ref.kind) {
  case EDB_REF_OP:
    *out = p->op_slot[ref.index];
    return EDB_OK;
  case EDB_REF_INPUT:
    slot.kind = EDB_SLOT_INPUT;
    slot.domain = sig->inputs[ref.index].variadic ? EDB_DOMAIN_GROUP + sig->inputs[ref.index].group
                                                  : EDB_DOMAIN_NODE;
    if (p->input_slot[ref.index] == EDB_SLOT_NONE)
      EDB_TRY(add_slot(p, slot, &p->input_slot[ref.index]));
    *out = p->input_slot[ref.index];
    return EDB_OK;
  case EDB_REF_DENSE:
    slot.kind = EDB_SLOT_SCRATCH;
    slot.domain = EDB_DOMAIN_NODE;
    if (p->dense_slot[ref.index] == EDB_SLOT_NONE)
      EDB_TRY(add_slot(p, slot, &p->dense_slot[ref.index]));
    *out = p->dense_slot[ref.index];
    return EDB_OK;
  case EDB_REF_PARAM:
    slot.kind = EDB_SLOT_PARAM;
    return add_slot(p, slot, out);
  case EDB_REF_NUMBER:
    slot.kind = EDB_SLOT_NUMBER;
    return add_slot(p, slot, out);
  case EDB_REF_INDEX:
    break;
  }
  return edb_fail(p->error, EDB_ERROR_UNSUPPORTED, "cell %s: an index attribute is used as a value",
                  p->cell->name);
}

static bool is_view(edb_op_kind kind) {
  return kind == EDB_OP_SLICE || kind == EDB_OP_RESHAPE || kind == EDB_OP_DROPOUT;
}

/* Rows over which an operator runs: those of its operands. */
static uint32_t domain_of(planner *p, uint32_t op) {
  const edb_ir_op *o = &p->cell->ops[op];
  if (o->variadic) return EDB_DOMAIN_GROUP + o->group;
  if (edb_op_is_over(o->kind)) return EDB_DOMAIN_NODE;
  for (uint32_t i = 0; i < o->n_operands; i++) {
    edb_ref ref = operand_of(p, op, i);
    if (ref.kind == EDB_REF_OP ? p->op_domain[ref.index] != EDB_DOMAIN_STATIC
                               : ref.kind != EDB_REF_PARAM && ref.kind != EDB_REF_NUMBER)
      return EDB_DOMAIN_NODE;
  }
  return EDB_DOMAIN_STATIC;
}

/* Pass 1: a slot per operator; slice, reshape and dropout are parts of their operand. */
static edb_status make_slots(planner *p) {
  for (uint32_t i = 0; i < p->cell->n_ops; i++) {
    const edb_ir_op *op = &p->cell->ops[i];
    p->op_domain[i] = domain_of(p, i);
    edb_slot slot = {.kind = EDB_SLOT_SCRATCH,
                     .domain = p->op_domain[i],
                     .width = (uint32_t)edb_shape_size(op->shape)};
    if (is_view(op->kind)) {
      edb_ref ref = operand_of(p, i, 0);
      edb_shape shape = ref_shape(p, ref);
      EDB_TRY(slot_of(p, ref, &slot.parent));
      slot.kind = EDB_SLOT_PART;
      if (op->kind == EDB_OP_SLICE && shape.rank > 0)
        slot.offset = op->immediate[0] * (uint32_t)(edb_shape_size(shape) / shape.dim[0]);
    }
    EDB_TRY(add_slot(p, slot, &p->op_slot[i]));
  }
  return EDB_OK;
}

/* Pass 2: an output that is an operator's result is stored where placement wants it. */
static void claim_outputs(planner *p) {
  for (uint32_t o = 0; o < p->cell->sig.n_outputs; o++) {
    edb_ref ref = p->cell->outputs[o].value;
    if (ref.kind != EDB_REF_OP) continue;
    edb_slot *slot = &p->slots.data[p->op_slot[ref.index]];
    if (slot->kind != EDB_SLOT_SCRATCH || slot->domain != EDB_DOMAIN_NODE) continue;
    slot->kind = EDB_SLOT_OUTPUT;
    slot->index = o;
  }
}

/* Pass 3: operands of a concat are made in place, as parts of its rows, where nothing else claims
 * them. */
static edb_status claim_concats(planner *p) {
  for (uint32_t i = 0; i < p->cell->n_ops; i++) {
    const edb_ir_op *op = &p->cell->ops[i];
    if (op->kind != EDB_OP_CONCAT) continue;
    uint32_t offset = 0;
    for (uint32_t k = 0; k < op->n_operands; k++) {
      edb_ref ref = operand_of(p, i, k);
      uint32_t index;
      EDB_TRY(slot_of(p, ref, &index));
      edb_slot *slot = &p->slots.data[index];
      bool own = slot->kind == EDB_SLOT_SCRATCH || slot->kind == EDB_SLOT_INPUT;
      if (own && slot->domain == p->op_domain[i]) {
        if (slot->kind == EDB_SLOT_SCRATCH) slot->index = 0;
        slot->kind = EDB_SLOT_PART;
        slot->parent = p->op_slot[i];
        slot->offset = offset;
      }
      offset += slot->width;
    }
  }
  return EDB_OK;
}

/* ---- Products ---------------------------------------------------------------------------------
 */

typedef struct product_form {
  bool packed;     /* runs on packed weights */
  bool transposed; /* the parameter is the right operand */
  uint32_t param;
  edb_ref operand;
  uint32_t depth, columns, repeat;
} product_form;

static product_form form_of(const planner *p, uint32_t op) {
  edb_ref a = operand_of(p, op, 0), b = operand_of(p, op, 1);
  edb_shape sa = ref_shape(p, a), sb = ref_shape(p, b);
  product_form f = {.repeat = 1};
  if (a.kind == EDB_REF_PARAM && sa.rank == 2 && sb.rank == 1) {
    f.packed = true;
    f.param = a.index;
    f.operand = b;
    f.depth = sa.dim[1];
    f.columns = sa.dim[0];
  } else if (b.kind == EDB_REF_PARAM && sb.rank == 2) {
    f.packed = f.transposed = true;
    f.param = b.index;
    f.operand = a;
    f.depth = sb.dim[0];
    f.columns = sb.dim[1];
    f.repeat = sa.rank == 2 ? sa.dim[0] : 1;
  }
  return f;
}

static bool stacks_with(const planner *p, uint32_t a, uint32_t b) {
  product_form fa = form_of(p, a), fb = form_of(p, b);
  return fa.packed && fb.packed && fa.repeat == 1 && fb.repeat == 1 &&
         fa.operand.kind == fb.operand.kind && fa.operand.index == fb.operand.index &&
         p->cell->ops[a].needs_labels == p->cell->ops[b].needs_labels &&
         p->slots.data[p->op_slot[b]].kind == EDB_SLOT_SCRATCH;
}

/* Pass 4: products of the same operand become one; the results are parts of one slot. */
static edb_status stack_products(planner *p) {
  for (uint32_t i = 0; i < p->cell->n_ops; i++) {
    if (p->cell->ops[i].kind != EDB_OP_PRODUCT || p->product_of[i] != UINT32_MAX) continue;
    p->product_of[i] = i;
    if (!form_of(p, i).packed || p->slots.data[p->op_slot[i]].kind != EDB_SLOT_SCRATCH) continue;
    uint32_t parent = EDB_SLOT_NONE;
    size_t width = align_columns(p->slots.data[p->op_slot[i]].width);
    for (uint32_t j = i + 1; j < p->cell->n_ops; j++) {
      if (p->cell->ops[j].kind != EDB_OP_PRODUCT || p->product_of[j] != UINT32_MAX) continue;
      if (!stacks_with(p, i, j)) continue;
      if (parent == EDB_SLOT_NONE) {
        edb_slot stack = {.kind = EDB_SLOT_SCRATCH, .domain = p->op_domain[i]};
        EDB_TRY(add_slot(p, stack, &parent));
        p->slots.data[p->op_slot[i]].kind = EDB_SLOT_PART;
        p->slots.data[p->op_slot[i]].parent = parent;
      }
      edb_slot *member = &p->slots.data[p->op_slot[j]];
      member->kind = EDB_SLOT_PART;
      member->parent = parent;
      member->offset = (uint32_t)width;
      width += align_columns(member->width);
      p->product_of[j] = i;
    }
    if (parent != EDB_SLOT_NONE) p->slots.data[parent].width = (uint32_t)width;
  }
  return EDB_OK;
}

/* The product step of the stack that begins with operator `first`. */
static edb_status emit_product(planner *p, uint32_t first) {
  product_form form = form_of(p, first);
  edb_slot slot = p->slots.data[p->op_slot[first]];
  edb_step step = new_step(EDB_STEP_PRODUCT, p->op_domain[first], p->op_slot[first]);
  EDB_TRY(slot_of(p, form.operand, &step.operand[0]));
  step.n_operands = 1;
  step.op = first;
  step.depth = form.depth;
  step.repeat = form.repeat;
  step.needs_labels = p->cell->ops[first].needs_labels;
  step.stacked_start = (uint32_t)p->stacked.length;
  for (uint32_t j = first; j < p->cell->n_ops; j++) {
    if (p->product_of[j] != first) continue;
    product_form f = form_of(p, j);
    edb_stacked member = {.param = f.param,
                          .offset = j == first ? 0 : p->slots.data[p->op_slot[j]].offset,
                          .columns = f.columns,
                          .transposed = f.transposed};
    if (!edb_vec_push(p->ctx, &p->stacked, member))
      return edb_fail_memory(p->error, sizeof member, "a stacked product");
    step.n_stacked++;
    step.columns = member.offset + member.columns;
    p->emitted[j] = 1;
  }
  if (step.n_stacked > 1) step.result = slot.parent;
  return add_step(p, step);
}

/* ---- Steps ------------------------------------------------------------------------------------
 */

/* Dense attributes that are used get their slots before the steps that fill these. */
static edb_status make_dense_slots(planner *p) {
  uint32_t slot;
  for (uint32_t i = 0; i < p->cell->n_operands; i++)
    if (p->cell->operands[i].kind == EDB_REF_DENSE)
      EDB_TRY(slot_of(p, p->cell->operands[i], &slot));
  for (uint32_t o = 0; o < p->cell->sig.n_outputs; o++)
    if (p->cell->outputs[o].value.kind == EDB_REF_DENSE)
      EDB_TRY(slot_of(p, p->cell->outputs[o].value, &slot));
  return EDB_OK;
}

/* Inputs that became parts, and dense attributes, are copied into place before anything runs. */
static edb_status emit_gathers(planner *p) {
  const edb_type_sig *sig = &p->cell->sig;
  for (uint32_t i = 0; i < sig->n_inputs + sig->n_dense; i++) {
    uint32_t slot = i < sig->n_inputs ? p->input_slot[i] : p->dense_slot[i - sig->n_inputs];
    if (slot == EDB_SLOT_NONE || p->slots.data[slot].kind == EDB_SLOT_INPUT) continue;
    edb_step step = new_step(EDB_STEP_GATHER, p->slots.data[slot].domain, slot);
    step.source = i;
    step.needs_labels = i >= sig->n_inputs && sig->dense[i - sig->n_inputs].is_label;
    EDB_TRY(add_step(p, step));
  }
  return EDB_OK;
}

/* A node's value used by a map over elements is first copied to each of them. */
static edb_status expand_operand(planner *p, uint32_t domain, bool needs_labels, uint32_t *slot) {
  edb_slot from = p->slots.data[*slot];
  if (domain < EDB_DOMAIN_GROUP || from.domain != EDB_DOMAIN_NODE) return EDB_OK;
  edb_slot to = {.kind = EDB_SLOT_SCRATCH, .domain = domain, .width = from.width};
  edb_step step = new_step(EDB_STEP_EXPAND, domain, 0);
  EDB_TRY(add_slot(p, to, &step.result));
  step.operand[0] = *slot;
  step.n_operands = 1;
  step.group = domain - EDB_DOMAIN_GROUP;
  step.needs_labels = needs_labels;
  *slot = step.result;
  return add_step(p, step);
}

static edb_status emit_copy(planner *p, uint32_t domain, uint32_t from, uint32_t to,
                            bool needs_labels) {
  edb_step step = new_step(EDB_STEP_COPY, domain, to);
  step.operand[0] = from;
  step.n_operands = 1;
  step.needs_labels = needs_labels;
  EDB_TRY(expand_operand(p, domain, needs_labels, &step.operand[0]));
  return add_step(p, step);
}

/* Those operands of a concat that could not be made in place. */
static edb_status emit_concat(planner *p, uint32_t op) {
  uint32_t offset = 0, index, part = EDB_SLOT_NONE;
  for (uint32_t k = 0; k < p->cell->ops[op].n_operands; k++) {
    EDB_TRY(slot_of(p, operand_of(p, op, k), &index));
    edb_slot slot = p->slots.data[index];
    bool in_place = slot.kind == EDB_SLOT_PART && slot.parent == p->op_slot[op] &&
                    slot.offset == offset && slot.domain == p->op_domain[op];
    if (!in_place) {
      edb_slot to = {.kind = EDB_SLOT_PART,
                     .domain = p->op_domain[op],
                     .width = slot.width,
                     .parent = p->op_slot[op],
                     .offset = offset};
      EDB_TRY(add_slot(p, to, &part));
      EDB_TRY(emit_copy(p, p->op_domain[op], index, part, p->cell->ops[op].needs_labels));
    }
    offset += slot.width;
  }
  return EDB_OK;
}

static edb_status emit_op(planner *p, uint32_t op) {
  const edb_ir_op *o = &p->cell->ops[op];
  p->emitted[op] = 1;
  if (is_view(o->kind)) return EDB_OK;
  if (o->kind == EDB_OP_CONCAT) return emit_concat(p, op);
  if (o->kind == EDB_OP_PRODUCT && form_of(p, op).packed) return emit_product(p, op);
  edb_step step = new_step(EDB_STEP_OP, p->op_domain[op], p->op_slot[op]);
  step.op = op;
  step.n_operands = o->n_operands;
  step.needs_labels = o->needs_labels;
  if (edb_op_is_over(o->kind)) step.group = o->group;
  for (uint32_t i = 0; i < o->n_operands; i++) {
    edb_ref ref = operand_of(p, op, i);
    if (ref.kind == EDB_REF_INDEX) {
      step.index_attribute = ref.index;
      continue;
    }
    EDB_TRY(slot_of(p, ref, &step.operand[i]));
    EDB_TRY(expand_operand(p, step.domain, o->needs_labels, &step.operand[i]));
  }
  return add_step(p, step);
}

/* Steps that work row by row can share a tile; reductions over inputs and products cannot. */
static bool is_tiled(edb_op_kind kind) {
  return kind != EDB_OP_PRODUCT && !edb_op_is_over(kind);
}

static bool is_due(const planner *p, uint32_t op) {
  if (p->emitted[op]) return false;
  for (uint32_t i = 0; i < p->cell->ops[op].n_operands; i++) {
    edb_ref ref = operand_of(p, op, i);
    if (ref.kind == EDB_REF_OP && !p->emitted[ref.index]) return false;
  }
  return true;
}

/* Pass 5: operators in dependency order; products as early as they can be, so that the elementwise
 * ones between them come together. Order does not change values. Quadratic in the operators of one
 * cell only when they alternate. */
static edb_status emit_ops(planner *p) {
  uint32_t left = p->cell->n_ops;
  while (left > 0) {
    uint32_t before = left;
    for (int tiled = 0; tiled < 2; tiled++) {
      for (uint32_t i = 0; i < p->cell->n_ops; i++) {
        if (is_tiled(p->cell->ops[i].kind) != (tiled == 1) || !is_due(p, i)) continue;
        EDB_TRY(emit_op(p, i));
      }
    }
    left = 0;
    for (uint32_t i = 0; i < p->cell->n_ops; i++) left += !p->emitted[i];
    EDB_ASSERT(left < before);
    if (left >= before) break;
  }
  return EDB_OK;
}

/* Outputs that are not results stored in place: inputs, parameters, parts, results used twice. */
static edb_status emit_outputs(planner *p, uint32_t *output_slot) {
  for (uint32_t o = 0; o < p->cell->sig.n_outputs; o++) {
    uint32_t from;
    EDB_TRY(slot_of(p, p->cell->outputs[o].value, &from));
    edb_slot slot = p->slots.data[from];
    if (slot.kind == EDB_SLOT_OUTPUT && slot.index == o) {
      output_slot[o] = from;
      continue;
    }
    edb_slot to = {
        .kind = EDB_SLOT_OUTPUT, .domain = EDB_DOMAIN_NODE, .width = slot.width, .index = o};
    EDB_TRY(add_slot(p, to, &output_slot[o]));
    EDB_TRY(
        emit_copy(p, EDB_DOMAIN_NODE, from, output_slot[o], p->cell->sig.outputs[o].needs_labels));
  }
  return EDB_OK;
}

/* ---- Runs and scratch memory ---------------------------------------------------------------- */

static uint32_t root_of(const edb_slot *slots, uint32_t slot, size_t *offset) {
  size_t sum = 0;
  while (slots[slot].kind == EDB_SLOT_PART) {
    sum += slots[slot].offset;
    slot = slots[slot].parent;
  }
  if (offset) *offset = sum;
  return slot;
}

uint32_t edb_plan_root(const edb_plan *plan, uint32_t slot, size_t *offset) {
  return root_of(plan->slots, slot, offset);
}

static void number_runs(planner *p) {
  uint32_t run = 0;
  const edb_step *previous = NULL;
  for (size_t i = 0; i < p->steps.length; i++) {
    edb_step *s = &p->steps.data[i];
    bool tiled = s->domain != EDB_DOMAIN_STATIC &&
                 (s->kind == EDB_STEP_COPY || s->kind == EDB_STEP_FUSED ||
                  (s->kind == EDB_STEP_OP && is_tiled(p->cell->ops[s->op].kind)));
    if (!tiled) {
      previous = NULL;
      continue;
    }
    if (!previous || previous->domain != s->domain || previous->needs_labels != s->needs_labels)
      run++;
    s->run = run;
    previous = s;
  }
}

typedef struct slot_use {
  uint32_t run;         /* the only run that uses it; 0 none yet, UINT32_MAX several or no run */
  uint32_t first, last; /* steps */
} slot_use;

static void note_use(const planner *p, slot_use *uses, uint32_t slot, uint32_t step) {
  if (slot == EDB_SLOT_NONE) return;
  slot_use *u = &uses[root_of(p->slots.data, slot, NULL)];
  uint32_t run = p->steps.data[step].run ? p->steps.data[step].run : UINT32_MAX;
  if (u->run == 0) {
    u->run = run;
    u->first = step;
  } else if (u->run != run) {
    u->run = UINT32_MAX;
  }
  u->last = step;
}

/* Positions of the local slots of a tile: a slot is reused once its last reader is done. */
static size_t place_locals(planner *p, const slot_use *uses, uint32_t *free_slots) {
  size_t floats = 0;
  uint32_t n_free = 0;
  for (uint32_t i = 0; i < p->steps.length; i++) {
    for (uint32_t s = 0; s < p->slots.length; s++) {
      edb_slot *slot = &p->slots.data[s];
      if (!slot->local || uses[s].first != i) continue;
      uint32_t k = 0;
      while (k < n_free && p->slots.data[free_slots[k]].width != slot->width) k++;
      if (k < n_free) {
        slot->position = p->slots.data[free_slots[k]].position;
        free_slots[k] = free_slots[--n_free];
      } else {
        slot->position = floats;
        floats += align_columns(slot->width);
      }
    }
    for (uint32_t s = 0; s < p->slots.length; s++)
      if (p->slots.data[s].local && uses[s].last == i) free_slots[n_free++] = s;
  }
  return floats;
}

/* Inputs that no step reads (unused views of them at most) are not bound, and get no room. */
static void drop_unused_inputs(planner *p, const slot_use *uses) {
  for (uint32_t i = 0; i < p->cell->sig.n_inputs; i++) {
    uint32_t slot = p->input_slot[i];
    if (slot != EDB_SLOT_NONE && uses[root_of(p->slots.data, slot, NULL)].run == 0)
      p->input_slot[i] = EDB_SLOT_NONE;
  }
}

static edb_status place_scratch(planner *p, edb_plan *plan) {
  size_t n = p->slots.length, bytes = n * (sizeof(slot_use) + sizeof(uint32_t));
  slot_use *uses = edb_alloc_zero(p->ctx, bytes);
  if (n == 0) return EDB_OK;
  if (!uses) return edb_fail_memory(p->error, bytes, "a plan");
  for (uint32_t i = 0; i < p->steps.length; i++) {
    const edb_step *s = &p->steps.data[i];
    note_use(p, uses, s->result, i);
    for (uint32_t k = 0; k < s->n_operands; k++) note_use(p, uses, s->operand[k], i);
  }
  drop_unused_inputs(p, uses);
  for (size_t s = 0; s < n; s++) {
    edb_slot *slot = &p->slots.data[s];
    /* An input that is not evenly spaced needs room to be gathered into. */
    if ((slot->kind != EDB_SLOT_SCRATCH && slot->kind != EDB_SLOT_INPUT) || uses[s].run == 0)
      continue;
    slot->local = slot->kind == EDB_SLOT_SCRATCH && uses[s].run != UINT32_MAX;
    if (slot->local) continue;
    slot->position = plan->domain_floats[slot->domain];
    plan->domain_floats[slot->domain] += align_columns(slot->width);
  }
  plan->local_floats = place_locals(p, uses, (uint32_t *)(uses + n));
  for (size_t s = 0; s < n; s++)
    if (p->slots.data[s].kind == EDB_SLOT_PART)
      p->slots.data[s].local = p->slots.data[root_of(p->slots.data, (uint32_t)s, NULL)].local;
  edb_free(p->ctx, uses, bytes);
  return EDB_OK;
}

/* ---- The object ------------------------------------------------------------------------------ */

/* Working arrays of the planner, one block. */
static size_t planner_words(const edb_ir_cell *cell) {
  return cell->sig.n_inputs + cell->sig.n_dense + 3 * (size_t)cell->n_ops;
}

static uint32_t count_groups(const edb_ir_cell *cell) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++)
    if (cell->sig.inputs[i].variadic && cell->sig.inputs[i].group >= n)
      n = cell->sig.inputs[i].group + 1;
  return n;
}

static edb_status fuse(planner *p) {
  size_t n = p->slots.length, bytes = n * sizeof(uint32_t);
  uint32_t *uses = edb_alloc(p->ctx, bytes);
  if (!uses && bytes) return edb_fail_memory(p->error, bytes, "a plan");
  p->steps.length = edb_fuse_steps(p->cell, p->slots.data, (uint32_t)n, p->steps.data,
                                   (uint32_t)p->steps.length, uses);
  edb_free(p->ctx, uses, bytes);
  return EDB_OK;
}

static edb_status plan_cell(planner *p, edb_plan *plan) {
  EDB_TRY(make_dense_slots(p));
  EDB_TRY(make_slots(p));
  claim_outputs(p);
  EDB_TRY(claim_concats(p));
  EDB_TRY(stack_products(p));
  EDB_TRY(emit_gathers(p));
  EDB_TRY(emit_ops(p));
  EDB_TRY(emit_outputs(p, plan->output_slot));
  EDB_TRY(fuse(p));
  number_runs(p);
  EDB_TRY(place_scratch(p, plan));
  const edb_type_sig *sig = &p->cell->sig;
  for (uint32_t i = 0; i < sig->n_inputs; i++) plan->input_slot[i] = p->input_slot[i];
  return EDB_OK;
}

/* Arrays of the plan whose sizes are known beforehand. */
static edb_status alloc_plan(edb_plan *plan, edb_error *error) {
  const edb_type_sig *sig = &plan->cell->sig;
  plan->input_slot = edb_alloc(plan->ctx, sig->n_inputs * sizeof *plan->input_slot);
  plan->output_slot = edb_alloc(plan->ctx, sig->n_outputs * sizeof *plan->output_slot);
  plan->domain_floats = edb_alloc_zero(plan->ctx, plan->n_domains * sizeof *plan->domain_floats);
  if ((sig->n_inputs && !plan->input_slot) || (sig->n_outputs && !plan->output_slot) ||
      !plan->domain_floats)
    return edb_fail_memory(error, plan->n_domains * sizeof *plan->domain_floats, "a plan");
  return EDB_OK;
}

/* Takes over a planner's vector, trimmed to its length. */
#define TAKE(ctx, target, count, vec)                                                     \
  do {                                                                                    \
    void *trimmed = edb_resize((ctx), (vec)->data, (vec)->capacity * sizeof *(vec)->data, \
                               (vec)->length * sizeof *(vec)->data);                      \
    if ((vec)->length == 0 || trimmed) {                                                  \
      (target) = trimmed;                                                                 \
      (count) = (uint32_t)(vec)->length;                                                  \
      (vec)->data = NULL;                                                                 \
      (vec)->capacity = (vec)->length = 0;                                                \
    } else {                                                                              \
      status = edb_fail_memory(error, (vec)->length * sizeof *(vec)->data, "a plan");     \
    }                                                                                     \
  } while (0)

edb_status edb_plan_create(edb_context *ctx, const edb_program *program, uint32_t cell,
                           edb_plan **out, edb_error *error) {
  planner p = {.ctx = ctx, .program = program, .cell = &program->cells[cell], .error = error};
  size_t words = planner_words(p.cell), bytes = words * sizeof(uint32_t) + p.cell->n_ops;
  edb_plan *plan = edb_alloc_zero(ctx, sizeof *plan);
  uint32_t *block = edb_alloc_zero(ctx, bytes ? bytes : 1);
  edb_status status = EDB_OK;
  if (plan) plan->ctx = ctx;
  if (!plan || !block) {
    status = edb_fail_memory(error, bytes, "a plan");
    goto cleanup;
  }
  memset(block, 0xff, words * sizeof(uint32_t));
  p.input_slot = block;
  p.dense_slot = p.input_slot + p.cell->sig.n_inputs;
  p.op_slot = p.dense_slot + p.cell->sig.n_dense;
  p.op_domain = p.op_slot + p.cell->n_ops;
  p.product_of = p.op_domain + p.cell->n_ops;
  p.emitted = (uint8_t *)(p.product_of + p.cell->n_ops);
  *plan = (edb_plan){.ctx = ctx,
                     .program = program,
                     .cell = p.cell,
                     .n_domains = EDB_DOMAIN_GROUP + count_groups(p.cell)};
  EDB_TRY_GOTO(status, alloc_plan(plan, error), cleanup);
  EDB_TRY_GOTO(status, plan_cell(&p, plan), cleanup);
  TAKE(ctx, plan->slots, plan->n_slots, &p.slots);
  TAKE(ctx, plan->steps, plan->n_steps, &p.steps);
  TAKE(ctx, plan->stacked, plan->n_stacked, &p.stacked);
cleanup:
  edb_vec_free(ctx, &p.slots);
  edb_vec_free(ctx, &p.steps);
  edb_vec_free(ctx, &p.stacked);
  if (block) edb_free(ctx, block, bytes ? bytes : 1);
  if (status != EDB_OK) {
    edb_plan_destroy(plan);
    return status;
  }
  *out = plan;
  return EDB_OK;
}

void edb_plan_destroy(edb_plan *plan) {
  if (!plan) return;
  edb_context *ctx = plan->ctx;
  if (plan->cell) {
    edb_free(ctx, plan->input_slot, plan->cell->sig.n_inputs * sizeof *plan->input_slot);
    edb_free(ctx, plan->output_slot, plan->cell->sig.n_outputs * sizeof *plan->output_slot);
    edb_free(ctx, plan->domain_floats, plan->n_domains * sizeof *plan->domain_floats);
    edb_free(ctx, plan->slots, plan->n_slots * sizeof *plan->slots);
    edb_free(ctx, plan->steps, plan->n_steps * sizeof *plan->steps);
    edb_free(ctx, plan->stacked, plan->n_stacked * sizeof *plan->stacked);
  }
  edb_free(ctx, plan, sizeof *plan);
}
