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

/* The steps that use a slot, in any of its columns. */
typedef struct slot_use {
  uint32_t count, first, last;
  uint32_t run; /* the only one that uses it; 0 none yet, UINT32_MAX several or no run */
} slot_use;

static void note_use(const edb_planner *p, slot_use *uses, uint32_t slot, uint32_t step) {
  if (slot == EDB_SLOT_NONE) return;
  slot_use *u = &uses[edb_planner_place(p, slot).slot];
  uint32_t run = p->steps.data[step].run ? p->steps.data[step].run : UINT32_MAX;
  if (u->count > 0 && u->last == step) return;
  if (u->count++ == 0) {
    u->run = run;
    u->first = step;
  } else if (u->run != run) {
    u->run = UINT32_MAX;
  }
  u->last = step;
}

static edb_status find_uses(const edb_planner *p, slot_use **out) {
  size_t bytes = p->slots.length * sizeof(slot_use);
  slot_use *uses = edb_alloc_zero(p->ctx, bytes);
  if (bytes > 0 && !uses) return edb_fail_memory(p->error, bytes, "the slots of a plan");
  for (uint32_t i = 0; i < p->steps.length; i++) {
    const edb_step *s = &p->steps.data[i];
    note_use(p, uses, s->result, i);
    for (uint32_t k = 0; k < s->n_operands; k++) note_use(p, uses, s->operand[k], i);
  }
  *out = uses;
  return EDB_OK;
}

static void free_uses(const edb_planner *p, slot_use *uses) {
  edb_free(p->ctx, uses, p->slots.length * sizeof *uses);
}

/* Whether the only reads of a slot in a step are of all its columns. */
static bool reads_whole(const edb_planner *p, const edb_step *s, uint32_t slot) {
  for (uint32_t k = 0; k < s->n_operands; k++)
    if (s->operand[k] != EDB_SLOT_NONE && s->operand[k] != slot &&
        edb_planner_place(p, s->operand[k]).slot == slot)
      return false;
  return true;
}

/* Whether `slot` is made by a product of values in the run of `reader`, and used by these two
 * alone; nothing uses the reader's result before it. */
static bool is_of_product(const edb_planner *p, const slot_use *uses, uint32_t reader,
                          uint32_t slot) {
  const edb_step *s = &p->steps.data[reader], *product = &p->steps.data[uses[slot].first];
  return uses[slot].count == 2 && uses[slot].first < reader && uses[slot].last == reader &&
         s->run > 0 && product->run == s->run && product->result == slot &&
         product->kind == EDB_STEP_OP && p->cell->ops[product->op].kind == EDB_OP_PRODUCT &&
         uses[s->result].first == reader;
}

/* A product of values that only feeds an elementwise step of its run is made where that has its
 * result: memory that is far comes while the product multiplies, and the tile stays small. */
static void make_in_place(edb_planner *p, slot_use *uses, uint32_t reader) {
  edb_step *s = &p->steps.data[reader];
  if (s->kind != EDB_STEP_FUSED &&
      (s->kind != EDB_STEP_OP || !edb_batching_is_elementwise(p->cell->ops[s->op].kind)))
    return;
  for (uint32_t k = 0; k < s->n_operands; k++) {
    uint32_t slot = s->operand[k];
    const edb_slot *from = edb_planner_slot(p, slot), *to = edb_planner_slot(p, s->result);
    if (from->kind != EDB_SLOT_SCRATCH || to->kind == EDB_SLOT_PART || from->width != to->width ||
        !reads_whole(p, s, slot) || !is_of_product(p, uses, reader, slot))
      continue;
    uint32_t product = uses[slot].first;
    p->op_place[p->steps.data[product].op].slot = EDB_SLOT_NONE;
    p->steps.data[product].result = s->result;
    uses[s->result].first = product;
    uses[s->result].count++;
    uses[slot].count = 0;
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

edb_status edb_plan_form_runs(edb_planner *p) {
  slot_use *uses;
  for (size_t i = 0; i < p->steps.length; i++)
    p->steps.data[i].spread = is_spread(p, &p->steps.data[i]);
  number_runs(p);
  EDB_TRY(find_uses(p, &uses));
  for (uint32_t i = 0; i < p->steps.length; i++) make_in_place(p, uses, i);
  free_uses(p, uses);
  return EDB_OK;
}

/* Local slots by the steps that use them first and last, each list in the order of the slots. */
typedef struct local_slots {
  uint32_t *first, *last;           /* [n_steps] */
  uint32_t *next_first, *next_last; /* [n_slots] */
} local_slots;

static void list_locals(const edb_planner *p, const slot_use *uses, const local_slots *lists) {
  for (size_t i = 0; i < p->steps.length; i++) lists->first[i] = lists->last[i] = EDB_SLOT_NONE;
  for (uint32_t s = (uint32_t)p->slots.length; s-- > 0;) {
    if (!p->slots.data[s].local || uses[s].count == 0) continue;
    lists->next_first[s] = lists->first[uses[s].first];
    lists->first[uses[s].first] = s;
    lists->next_last[s] = lists->last[uses[s].last];
    lists->last[uses[s].last] = s;
  }
}

/* Positions of the local slots of a tile: memory is used again once its last reader is done. */
static void take_positions(edb_planner *p, const local_slots *lists) {
  edb_offsets memory;
  edb_offsets_init(&memory, p->ctx);
  for (size_t i = 0; i < p->steps.length; i++) {
    for (uint32_t s = lists->first[i]; s != EDB_SLOT_NONE; s = lists->next_first[s]) {
      edb_slot *slot = &p->slots.data[s];
      slot->position = edb_offsets_take(&memory, edb_align_columns(slot->width));
    }
    for (uint32_t s = lists->last[i]; s != EDB_SLOT_NONE; s = lists->next_last[s]) {
      const edb_slot *slot = &p->slots.data[s];
      /* without memory to note it, it is not used again */
      (void)edb_offsets_give(&memory, slot->position, edb_align_columns(slot->width));
    }
  }
  p->plan->local_floats = memory.peak;
  edb_offsets_free_all(&memory);
}

static edb_status place_locals(edb_planner *p, const slot_use *uses) {
  size_t n_steps = p->steps.length, n_slots = p->slots.length;
  size_t bytes = 2 * (n_steps + n_slots) * sizeof(uint32_t);
  uint32_t *memory = edb_alloc(p->ctx, bytes);
  if (!memory) return edb_fail_memory(p->error, bytes, "the slots of a plan");
  local_slots lists = {memory, memory + n_steps, memory + 2 * n_steps,
                       memory + 2 * n_steps + n_slots};
  list_locals(p, uses, &lists);
  take_positions(p, &lists);
  edb_free(p->ctx, memory, bytes);
  return EDB_OK;
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
  slot_use *uses;
  if (p->slots.length == 0) return EDB_OK;
  EDB_TRY(find_uses(p, &uses));
  place_rows(p, uses);
  edb_status status = place_locals(p, uses);
  for (size_t s = 0; s < p->slots.length; s++)
    if (p->slots.data[s].kind == EDB_SLOT_PART)
      p->slots.data[s].local = p->slots.data[p->slots.data[s].parent].local;
  free_uses(p, uses);
  return status;
}
