/* layout/plan_inputs.c: reads off a plan which inputs form the operands of a batch. */
#include "layout/plan_inputs.h"

static bool gathers_input(const edb_plan *plan, const edb_step *step) {
  return step->kind == EDB_STEP_GATHER && step->source < plan->cell->sig.n_inputs;
}

/* Whether inputs alone fill the slot: nothing but gathers of them writes to it. */
static bool is_of_inputs(const edb_plan *plan, uint32_t root) {
  edb_slot_kind kind = plan->slots[root].kind;
  if (kind == EDB_SLOT_INPUT) return true;
  if ((kind != EDB_SLOT_SCRATCH && kind != EDB_SLOT_OUTPUT) || plan->slots[root].local)
    return false;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *step = &plan->steps[i];
    if (edb_plan_root(plan, step->result, NULL) == root && !gathers_input(plan, step)) return false;
  }
  return true;
}

uint32_t edb_plan_inputs_find(const edb_plan_inputs *p, uint32_t root) {
  for (uint32_t k = 0; k < p->n_operands; k++)
    if (p->operands[k].slot == root) return k;
  return EDB_OPERAND_MIXED;
}

/* The one step that reads an input, if it could do with pointers. */
static edb_reader find_only_reader(const edb_plan *plan, uint32_t slot) {
  edb_reader found = EDB_READER_OTHER;
  uint32_t reads = 0;
  if (plan->slots[slot].kind != EDB_SLOT_INPUT) return EDB_READER_OTHER;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *step = &plan->steps[i];
    for (uint32_t k = 0; k < step->n_operands; k++) {
      uint32_t operand = step->operand[k];
      if (operand == EDB_SLOT_NONE || edb_plan_root(plan, operand, NULL) != slot) continue;
      if (operand != slot || ++reads > 1) return EDB_READER_OTHER;
      if (step->kind == EDB_STEP_PRODUCT && step->repeat == 1 && k == 0)
        found = EDB_READER_PRODUCT;
      else if (step->kind == EDB_STEP_FUSED)
        found = EDB_READER_FUSED;
    }
  }
  return found;
}

/* Columns of the matrix that a step takes as operand k, one for each row; 0: it takes no such. */
static uint32_t matrix_columns(const edb_plan *plan, const edb_step *step, uint32_t k) {
  bool variadic;
  if (step->kind == EDB_STEP_PRODUCT) return step->repeat > 1 ? step->depth : 0;
  const edb_ir_op *op = &plan->cell->ops[step->op];
  edb_shape shape = edb_ir_ref_shape(plan->program, plan->cell,
                                     plan->cell->operands[op->operand_start + k], &variadic);
  return shape.rank == 2 ? shape.dim[1] : 0;
}

/* Whether a step that reads columns of operand `index` is a product that can do with pointers to
 * its inputs: to the one that it reads, or to all of them. */
static bool takes_parts(const edb_plan_inputs *p, const edb_plan *plan, const edb_step *step,
                        uint32_t k, uint32_t index) {
  const edb_operand *operand = &p->operands[index];
  bool product =
      step->kind == EDB_STEP_PRODUCT
          ? step->repeat > 1
          : step->kind == EDB_STEP_OP && plan->cell->ops[step->op].kind == EDB_OP_PRODUCT;
  if (!product) return false;
  for (uint32_t i = 0; i < p->n_parts; i++)
    if (p->parts[i].operand == index && p->parts[i].slot == step->operand[k]) return true;
  uint32_t columns = matrix_columns(plan, step, k);
  if (columns == 0 || step->operand[k] != operand->slot) return false;
  for (uint32_t i = 0; i < p->n_parts; i++)
    if (p->parts[i].operand == index &&
        (p->parts[i].column % columns != 0 || plan->slots[p->parts[i].slot].width % columns != 0))
      return false;
  return true;
}

static bool is_of_matrices(const edb_plan_inputs *p, const edb_plan *plan, uint32_t index) {
  const edb_operand *operand = &p->operands[index];
  if (operand->output != EDB_SLOT_NONE || operand->n_parts > EDB_READER_PARTS) return false;
  for (uint32_t i = 0; i < p->n_parts; i++)
    if (p->parts[i].operand == index && plan->slots[p->parts[i].slot].width < EDB_READER_WIDTH)
      return false;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *step = &plan->steps[i];
    for (uint32_t k = 0; k < step->n_operands; k++)
      if (step->operand[k] != EDB_SLOT_NONE &&
          edb_plan_root(plan, step->operand[k], NULL) == operand->slot &&
          !takes_parts(p, plan, step, k, index))
        return false;
  }
  return true;
}

static void find_readers(edb_plan_inputs *p, const edb_plan *plan) {
  for (uint32_t k = 0; k < p->n_operands; k++) {
    edb_operand *operand = &p->operands[k];
    operand->reader =
        is_of_matrices(p, plan, k) ? EDB_READER_MATRICES : find_only_reader(plan, operand->slot);
  }
}

static void add_part(edb_plan_inputs *p, const edb_plan *plan, uint32_t input, uint32_t slot) {
  size_t column = 0;
  uint32_t root = edb_plan_root(plan, slot, &column), operand = edb_plan_inputs_find(p, root);
  const edb_slot *s = &plan->slots[root];
  if (operand == EDB_OPERAND_MIXED && is_of_inputs(plan, root)) {
    operand = p->n_operands++;
    p->operands[operand] =
        (edb_operand){.slot = root,
                      .domain = s->domain,
                      .width = s->width,
                      .output = s->kind == EDB_SLOT_OUTPUT ? s->index : EDB_SLOT_NONE};
  }
  if (operand != EDB_OPERAND_MIXED) p->operands[operand].n_parts++;
  p->parts[p->n_parts++] = (edb_input_part){input, (uint32_t)column, slot, operand};
}

static bool is_in_place(const edb_plan *plan, uint32_t input) {
  uint32_t slot = plan->input_slot[input];
  return slot != EDB_SLOT_NONE && plan->slots[slot].kind == EDB_SLOT_INPUT;
}

static void find_parts(edb_plan_inputs *p, const edb_plan *plan) {
  for (uint32_t i = 0; i < plan->cell->sig.n_inputs; i++)
    if (is_in_place(plan, i)) add_part(p, plan, i, plan->input_slot[i]);
  for (uint32_t i = 0; i < plan->n_steps; i++)
    if (gathers_input(plan, &plan->steps[i]))
      add_part(p, plan, plan->steps[i].source, plan->steps[i].result);
}

/* At most one part per input that is read in place and per gather. */
static size_t count_parts(const edb_plan *plan) {
  size_t n = plan->cell->sig.n_inputs;
  for (uint32_t i = 0; i < plan->n_steps; i++) n += gathers_input(plan, &plan->steps[i]);
  return n;
}

static void find_last_steps(edb_plan_inputs *p, const edb_plan *plan) {
  for (uint32_t o = 0; o < p->n_outputs; o++) p->last_step[o] = EDB_SLOT_NONE;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    uint32_t root = edb_plan_root(plan, plan->steps[i].result, NULL);
    for (uint32_t o = 0; o < p->n_outputs; o++)
      if (plan->output_slot[o] == root) p->last_step[o] = i;
  }
}

edb_status edb_plan_inputs_create(edb_context *ctx, const edb_plan *plan, edb_plan_inputs *out,
                                  edb_error *error) {
  edb_plan_inputs p = {.ctx = ctx, .n_outputs = plan->cell->sig.n_outputs};
  size_t parts = count_parts(plan);
  p.memory_bytes =
      parts * (sizeof *p.parts + sizeof *p.operands) + p.n_outputs * sizeof *p.last_step;
  p.memory = edb_alloc_zero(ctx, p.memory_bytes);
  if (p.memory_bytes && !p.memory) return edb_fail_memory(error, p.memory_bytes, "a plan");
  p.parts = p.memory;
  p.operands = (edb_operand *)(void *)(p.parts + parts);
  p.last_step = (uint32_t *)(void *)(p.operands + parts);
  find_parts(&p, plan);
  find_readers(&p, plan);
  find_last_steps(&p, plan);
  *out = p;
  return EDB_OK;
}

void edb_plan_inputs_destroy(edb_plan_inputs *p) {
  if (p->ctx) edb_free(p->ctx, p->memory, p->memory_bytes);
}
