/* layout/plan_inputs.c: reads off a plan which inputs form the operands of a batch. */
#include "layout/plan_inputs.h"

#include <string.h>

#include "base/carve.h"
#include "layout/batching.h"

static bool gathers_input(const edb_plan *plan, const edb_step *step) {
  return step->kind == EDB_STEP_GATHER && step->source < plan->cell->sig.n_inputs;
}

/* The plan's steps by the slots that they use, and parts by their operands. */
typedef struct finder {
  edb_plan_inputs *p;
  const edb_plan *plan;
  uint8_t *mixed;               /* [n_slots] something else than gathers of inputs writes to it */
  uint32_t *read_start, *reads; /* [n_slots + 1] of a root: step * EDB_STEP_OPERANDS + operand */
  uint32_t *first_part, *next_part; /* [n_parts] of an operand, after a part; EDB_SLOT_NONE */
} finder;

static size_t lay_out_finder(finder *f, size_t n_parts, char *base) {
  edb_carver c = {.base = base};
  EDB_CARVE(&c, f->mixed, f->plan->n_slots);
  EDB_CARVE(&c, f->read_start, (size_t)f->plan->n_slots + 1);
  EDB_CARVE(&c, f->reads, (size_t)f->plan->n_steps * EDB_STEP_OPERANDS);
  EDB_CARVE(&c, f->first_part, n_parts);
  EDB_CARVE(&c, f->next_part, n_parts);
  return c.at;
}

static const edb_step *reader(const finder *f, uint32_t i, uint32_t *k) {
  *k = f->reads[i] % EDB_STEP_OPERANDS;
  return &f->plan->steps[f->reads[i] / EDB_STEP_OPERANDS];
}

/* Fills mixed[], read_start[] and reads[]: reads of one root stand in the order of the steps. */
static void find_steps(finder *f) {
  const edb_plan *plan = f->plan;
  uint32_t *next = f->read_start + 1; /* counts, then where reads go, then ends */
  memset(f->mixed, 0, plan->n_slots);
  memset(f->read_start, 0, ((size_t)plan->n_slots + 1) * sizeof *f->read_start);
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    if (!gathers_input(plan, s)) f->mixed[edb_plan_root(plan, s->result, NULL)] = 1;
    for (uint32_t k = 0; k < s->n_operands; k++)
      if (s->operand[k] != EDB_SLOT_NONE) next[edb_plan_root(plan, s->operand[k], NULL)]++;
  }
  for (uint32_t slot = 0, start = 0; slot < plan->n_slots; slot++) {
    uint32_t count = next[slot];
    next[slot] = start;
    start += count;
  }
  for (uint32_t i = 0; i < plan->n_steps; i++)
    for (uint32_t k = 0; k < plan->steps[i].n_operands; k++) {
      uint32_t slot = plan->steps[i].operand[k];
      if (slot != EDB_SLOT_NONE)
        f->reads[next[edb_plan_root(plan, slot, NULL)]++] = i * EDB_STEP_OPERANDS + k;
    }
}

/* Whether inputs alone fill the slot: nothing but gathers of them writes to it. */
static bool is_of_inputs(const finder *f, uint32_t root) {
  const edb_slot *slot = &f->plan->slots[root];
  if (slot->kind == EDB_SLOT_INPUT) return true;
  return (slot->kind == EDB_SLOT_SCRATCH || slot->kind == EDB_SLOT_OUTPUT) && !slot->local &&
         !f->mixed[root];
}

uint32_t edb_plan_inputs_find(const edb_plan_inputs *p, uint32_t root) {
  return p->operand_of[root];
}

/* What a step that reads rows as its operand k is, if it could do with pointers to them. */
static edb_reader reader_of(const edb_plan *plan, const edb_step *step, uint32_t k) {
  if (step->kind == EDB_STEP_PRODUCT && step->repeat == 1 && k == 0) return EDB_READER_PRODUCT;
  if (step->kind == EDB_STEP_FUSED || step->kind == EDB_STEP_COPY) return EDB_READER_ELEMENTWISE;
  if (step->kind != EDB_STEP_OP) return EDB_READER_OTHER;
  edb_op_kind kind = plan->cell->ops[step->op].kind;
  if (edb_batching_is_elementwise(kind)) return EDB_READER_ELEMENTWISE;
  return edb_op_is_over(kind) ? EDB_READER_OVER : EDB_READER_OTHER;
}

/* More readers of one input are taken for some that read the same columns. */
#define MOST_READS 8

/* Whether what reads a slot, read `i` of all, takes columns that none before has taken. */
static bool takes_new_columns(const finder *f, uint32_t slot, uint32_t i) {
  const edb_plan *plan = f->plan;
  uint32_t first = f->read_start[slot], k;
  size_t from, other;
  const edb_step *step = reader(f, i, &k);
  (void)edb_plan_root(plan, step->operand[k], &from);
  size_t end = from + plan->slots[step->operand[k]].width;
  for (uint32_t j = first; j < i; j++) {
    step = reader(f, j, &k);
    (void)edb_plan_root(plan, step->operand[k], &other);
    if (other < end && from < other + plan->slots[step->operand[k]].width) return false;
  }
  return i - first < MOST_READS;
}

/* The steps that read an input, if all could do with pointers: elementwise operators, whose kernels
 * are then called row by row, or any number of steps that are called once. *width gets the columns
 * of the one that takes the fewest. */
static edb_reader find_reader(const finder *f, uint32_t slot, uint32_t *width) {
  const edb_slot *slots = f->plan->slots;
  edb_reader found = EDB_READER_OTHER;
  *width = slots[slot].width;
  if (slots[slot].kind != EDB_SLOT_INPUT) return EDB_READER_OTHER;
  for (uint32_t first = f->read_start[slot], i = first, k; i < f->read_start[slot + 1]; i++) {
    const edb_step *step = reader(f, i, &k);
    edb_reader next = reader_of(f->plan, step, k);
    bool elementwise = next == EDB_READER_ELEMENTWISE;
    if (next == EDB_READER_OTHER ||
        (i > first && elementwise != (found == EDB_READER_ELEMENTWISE)) ||
        (elementwise ? !takes_new_columns(f, slot, i) : step->operand[k] != slot))
      return EDB_READER_OTHER;
    if (slots[step->operand[k]].width < *width) *width = slots[step->operand[k]].width;
    if (found != EDB_READER_OVER) found = next;
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
static bool takes_parts(const finder *f, const edb_step *step, uint32_t k, uint32_t index) {
  const edb_plan *plan = f->plan;
  const edb_input_part *parts = f->p->parts;
  bool product =
      step->kind == EDB_STEP_PRODUCT
          ? step->repeat > 1
          : step->kind == EDB_STEP_OP && plan->cell->ops[step->op].kind == EDB_OP_PRODUCT;
  if (!product) return false;
  for (uint32_t i = f->first_part[index]; i != EDB_SLOT_NONE; i = f->next_part[i])
    if (parts[i].slot == step->operand[k]) return true;
  uint32_t columns = matrix_columns(plan, step, k);
  if (columns == 0 || step->operand[k] != f->p->operands[index].slot) return false;
  for (uint32_t i = f->first_part[index]; i != EDB_SLOT_NONE; i = f->next_part[i])
    if (parts[i].column % columns != 0 || plan->slots[parts[i].slot].width % columns != 0)
      return false;
  return true;
}

static bool is_of_matrices(const finder *f, uint32_t index) {
  const edb_operand *operand = &f->p->operands[index];
  if (operand->output != EDB_SLOT_NONE || operand->n_parts > EDB_READER_PARTS) return false;
  for (uint32_t i = f->first_part[index]; i != EDB_SLOT_NONE; i = f->next_part[i])
    if (f->plan->slots[f->p->parts[i].slot].width < EDB_READER_WIDTH) return false;
  for (uint32_t i = f->read_start[operand->slot]; i < f->read_start[operand->slot + 1]; i++) {
    uint32_t k;
    const edb_step *step = reader(f, i, &k);
    if (!takes_parts(f, step, k, index)) return false;
  }
  return true;
}

static void find_readers(finder *f) {
  edb_plan_inputs *p = f->p;
  for (uint32_t k = 0; k < p->n_operands; k++) f->first_part[k] = EDB_SLOT_NONE;
  for (uint32_t i = p->n_parts; i-- > 0;) {
    if (p->parts[i].operand == EDB_OPERAND_MIXED) continue;
    f->next_part[i] = f->first_part[p->parts[i].operand];
    f->first_part[p->parts[i].operand] = i;
  }
  for (uint32_t k = 0; k < p->n_operands; k++) {
    edb_operand *o = &p->operands[k];
    o->reader = find_reader(f, o->slot, &o->read_width);
    if (is_of_matrices(f, k)) o->reader = EDB_READER_MATRICES;
  }
}

static void add_part(finder *f, uint32_t input, uint32_t slot) {
  size_t column = 0;
  edb_plan_inputs *p = f->p;
  uint32_t root = edb_plan_root(f->plan, slot, &column), *operand = &p->operand_of[root];
  const edb_slot *s = &f->plan->slots[root];
  if (*operand == EDB_OPERAND_MIXED && is_of_inputs(f, root)) {
    *operand = p->n_operands++;
    p->operands[*operand] =
        (edb_operand){.slot = root,
                      .domain = s->domain,
                      .width = s->width,
                      .output = s->kind == EDB_SLOT_OUTPUT ? s->index : EDB_SLOT_NONE};
  }
  if (*operand != EDB_OPERAND_MIXED) p->operands[*operand].n_parts++;
  p->parts[p->n_parts++] = (edb_input_part){input, (uint32_t)column, slot, *operand};
}

static bool is_in_place(const edb_plan *plan, uint32_t input) {
  uint32_t slot = plan->input_slot[input];
  return slot != EDB_SLOT_NONE && plan->slots[slot].kind == EDB_SLOT_INPUT;
}

static void find_parts(finder *f) {
  const edb_plan *plan = f->plan;
  for (uint32_t i = 0; i < plan->n_slots; i++) f->p->operand_of[i] = EDB_OPERAND_MIXED;
  for (uint32_t i = 0; i < plan->cell->sig.n_inputs; i++)
    if (is_in_place(plan, i)) add_part(f, i, plan->input_slot[i]);
  for (uint32_t i = 0; i < plan->n_steps; i++)
    if (gathers_input(plan, &plan->steps[i]))
      add_part(f, plan->steps[i].source, plan->steps[i].result);
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
    const edb_slot *root = &plan->slots[edb_plan_root(plan, plan->steps[i].result, NULL)];
    if (root->kind == EDB_SLOT_OUTPUT) p->last_step[root->index] = i;
  }
}

static size_t lay_out(edb_plan_inputs *p, const edb_plan *plan, size_t n_parts, char *base) {
  edb_carver c = {.base = base};
  EDB_CARVE(&c, p->parts, n_parts);
  EDB_CARVE(&c, p->operands, n_parts);
  EDB_CARVE(&c, p->last_step, p->n_outputs);
  EDB_CARVE(&c, p->operand_of, plan->n_slots);
  return c.at;
}

edb_status edb_plan_inputs_create(edb_context *ctx, const edb_plan *plan, edb_plan_inputs *out,
                                  edb_error *error) {
  edb_plan_inputs p = {.ctx = ctx, .n_outputs = plan->cell->sig.n_outputs};
  finder f = {.p = &p, .plan = plan};
  size_t n_parts = count_parts(plan), bytes = lay_out_finder(&f, n_parts, NULL);
  p.memory_bytes = lay_out(&p, plan, n_parts, NULL);
  p.memory = edb_alloc(ctx, p.memory_bytes);
  char *memory = edb_alloc(ctx, bytes);
  if ((p.memory_bytes > 0 && !p.memory) || !memory) {
    edb_free(ctx, p.memory, p.memory ? p.memory_bytes : 0);
    edb_free(ctx, memory, memory ? bytes : 0);
    return edb_fail_memory(error, p.memory_bytes + bytes, "a plan");
  }
  (void)lay_out(&p, plan, n_parts, p.memory);
  (void)lay_out_finder(&f, n_parts, memory);
  find_steps(&f);
  find_parts(&f);
  find_readers(&f);
  find_last_steps(&p, plan);
  edb_free(ctx, memory, bytes);
  *out = p;
  return EDB_OK;
}

void edb_plan_inputs_destroy(edb_plan_inputs *p) {
  if (p->ctx) edb_free(p->ctx, p->memory, p->memory_bytes);
}
