/* layout/plan_scratch.c: runs of elementwise steps, what stays in the tile of one run, and the
 * positions of all scratch memory. */
#include "layout/offsets.h"
#include "layout/plan_impl.h"

/* Reductions over inputs and products do not work row by row. */
static bool is_tiled(const edb_planner *p, const edb_step *s) {
  if (s->domain == EDB_DOMAIN_STATIC) return false;
  if (s->kind == EDB_STEP_COPY || s->kind == EDB_STEP_FUSED) return true;
  return s->kind == EDB_STEP_OP && p->cell->ops[s->op].kind != EDB_OP_PRODUCT &&
         !edb_op_is_over(p->cell->ops[s->op].kind);
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
  number_runs(p);
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
