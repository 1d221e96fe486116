/* layout/plan_scratch.c: runs of steps that work row by row, what stays in the tile of one run, and
 * the positions of all scratch memory. */
#include "layout/offsets.h"
#include "layout/plan_impl.h"

/* Reductions over inputs and products with packed weights do not work row by row. */
static bool is_tiled(const edb_planner *p, const edb_step *s) {
  if (s->domain == EDB_DOMAIN_STATIC) return false;
  if (s->kind == EDB_STEP_COPY || s->kind == EDB_STEP_FUSED) return true;
  return s->kind == EDB_STEP_OP && !edb_op_is_over(p->cell->ops[s->op].kind);
}

static void number_runs(edb_planner *p) {
  uint32_t run = 0;
  const edb_step *previous = NULL;
  for (size_t i = 0; i < p->steps.length; i++) {
    edb_step *s = &p->steps.data[i];
    if (!is_tiled(p, s)) {
      previous = NULL;
      continue;
    }
    if (!previous || previous->domain != s->domain || previous->needs_labels != s->needs_labels)
      run++;
    s->run = run;
    previous = s;
  }
}

/* Steps that touch a slot, in any of its columns. */
static bool uses_slot(const edb_planner *p, const edb_step *s, uint32_t slot) {
  bool uses = edb_planner_place(p, s->result).slot == slot;
  for (uint32_t k = 0; k < s->n_operands; k++)
    uses |= s->operand[k] != EDB_SLOT_NONE && edb_planner_place(p, s->operand[k]).slot == slot;
  return uses;
}

/* Whether step `product` makes all of `slot`, which step `reader` is the only one to read. */
static bool feeds_only(const edb_planner *p, uint32_t product, uint32_t reader, uint32_t slot) {
  for (uint32_t i = 0; i < p->steps.length; i++)
    if (i != product && i != reader && uses_slot(p, &p->steps.data[i], slot)) return false;
  return p->steps.data[product].result == slot;
}

/* Whether the only reads of a slot in a step are of all its columns. */
static bool reads_whole(const edb_planner *p, const edb_step *s, uint32_t slot) {
  for (uint32_t k = 0; k < s->n_operands; k++)
    if (s->operand[k] != EDB_SLOT_NONE && s->operand[k] != slot &&
        edb_planner_place(p, s->operand[k]).slot == slot)
      return false;
  return true;
}

/* The product of values in the run of `reader` that makes `slot` for it alone, with nothing between
 * them that touches the reader's result; SIZE_MAX: none. */
static size_t find_product(const edb_planner *p, uint32_t reader, uint32_t slot) {
  const edb_step *s = &p->steps.data[reader];
  for (uint32_t i = reader; i-- > 0 && s->run && p->steps.data[i].run == s->run;) {
    const edb_step *first = &p->steps.data[i];
    if (uses_slot(p, first, s->result)) break;
    if (first->result == slot)
      return first->kind == EDB_STEP_OP && p->cell->ops[first->op].kind == EDB_OP_PRODUCT &&
                     feeds_only(p, i, reader, slot)
                 ? i
                 : SIZE_MAX;
  }
  return SIZE_MAX;
}

/* A product of values that only feeds an elementwise step of its run is made where that has its
 * result: memory that is far comes while the product multiplies, and the tile stays small. */
static void make_in_place(edb_planner *p, uint32_t reader) {
  edb_step *s = &p->steps.data[reader];
  if (s->kind != EDB_STEP_FUSED &&
      (s->kind != EDB_STEP_OP || !edb_batching_is_elementwise(p->cell->ops[s->op].kind)))
    return;
  for (uint32_t k = 0; k < s->n_operands; k++) {
    uint32_t slot = s->operand[k];
    const edb_slot *from = edb_planner_slot(p, slot), *to = edb_planner_slot(p, s->result);
    if (from->kind != EDB_SLOT_SCRATCH || to->kind == EDB_SLOT_PART || from->width != to->width ||
        !reads_whole(p, s, slot))
      continue;
    size_t product = find_product(p, reader, slot);
    if (product == SIZE_MAX) continue;
    p->op_place[p->steps.data[product].op].slot = EDB_SLOT_NONE;
    p->steps.data[product].result = s->result;
    for (uint32_t i = 0; i < s->n_operands; i++)
      if (s->operand[i] == slot) s->operand[i] = s->result;
    return;
  }
}

/* A node's value that elements take is read again for each of them. */
static bool is_spread(const edb_planner *p, const edb_step *s) {
  if (s->domain < EDB_DOMAIN_GROUP || (s->kind != EDB_STEP_OP && s->kind != EDB_STEP_FUSED))
    return false;
  for (uint32_t k = 0; k < s->n_operands; k++)
    if (s->operand[k] != EDB_SLOT_NONE &&
        edb_planner_slot(p, s->operand[k])->domain == EDB_DOMAIN_NODE)
      return true;
  return false;
}

void edb_plan_form_runs(edb_planner *p) {
  for (size_t i = 0; i < p->steps.length; i++)
    p->steps.data[i].spread = is_spread(p, &p->steps.data[i]);
  number_runs(p);
  for (uint32_t i = 0; i < p->steps.length; i++) make_in_place(p, i);
}

typedef struct slot_use {
  uint32_t run;         /* the only run that uses it; 0 none yet, UINT32_MAX several or no run */
  uint32_t first, last; /* steps */
} slot_use;

static void note_use(const edb_planner *p, slot_use *uses, uint32_t slot, uint32_t step) {
  if (slot == EDB_SLOT_NONE) return;
  slot_use *u = &uses[edb_planner_place(p, slot).slot];
  uint32_t run = p->steps.data[step].run ? p->steps.data[step].run : UINT32_MAX;
  if (u->run == 0) {
    u->run = run;
    u->first = step;
  } else if (u->run != run) {
    u->run = UINT32_MAX;
  }
  u->last = step;
}

/* Positions of the local slots of a tile: memory is used again once its last reader is done. */
static size_t place_locals(edb_planner *p, const slot_use *uses) {
  edb_offsets memory;
  edb_offsets_init(&memory, p->ctx);
  for (uint32_t i = 0; i < p->steps.length; i++) {
    for (uint32_t s = 0; s < p->slots.length; s++) {
      edb_slot *slot = &p->slots.data[s];
      if (slot->local && uses[s].first == i)
        slot->position = edb_offsets_take(&memory, edb_align_columns(slot->width));
    }
    for (uint32_t s = 0; s < p->slots.length; s++) {
      const edb_slot *slot = &p->slots.data[s];
      if (slot->local && uses[s].last == i) /* without memory to note it, it is not used again */
        (void)edb_offsets_give(&memory, slot->position, edb_align_columns(slot->width));
    }
  }
  size_t floats = memory.peak;
  edb_offsets_free_all(&memory);
  return floats;
}

/* Memory that is not local, in the order of the slots. An input that is not evenly spaced needs
 * room to be gathered into. */
static void place_rows(edb_planner *p, const slot_use *uses) {
  for (size_t s = 0; s < p->slots.length; s++) {
    edb_slot *slot = &p->slots.data[s];
    if (slot->kind != EDB_SLOT_SCRATCH && slot->kind != EDB_SLOT_INPUT) continue;
    slot->local = slot->kind == EDB_SLOT_SCRATCH && uses[s].run != UINT32_MAX;
    if (slot->local) continue;
    slot->position = p->plan->domain_floats[slot->domain];
    p->plan->domain_floats[slot->domain] += edb_align_columns(slot->width);
  }
}

edb_status edb_plan_place_scratch(edb_planner *p) {
  size_t n = p->slots.length, bytes = n * sizeof(slot_use);
  if (n == 0) return EDB_OK;
  slot_use *uses = edb_alloc_zero(p->ctx, bytes);
  if (!uses) return edb_fail_memory(p->error, bytes, "a plan");
  for (uint32_t i = 0; i < p->steps.length; i++) {
    const edb_step *s = &p->steps.data[i];
    note_use(p, uses, s->result, i);
    for (uint32_t k = 0; k < s->n_operands; k++) note_use(p, uses, s->operand[k], i);
  }
  place_rows(p, uses);
  p->plan->local_floats = place_locals(p, uses);
  for (size_t s = 0; s < n; s++)
    if (p->slots.data[s].kind == EDB_SLOT_PART)
      p->slots.data[s].local = p->slots.data[p->slots.data[s].parent].local;
  edb_free(p->ctx, uses, bytes);
  return EDB_OK;
}
