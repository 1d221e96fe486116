/* layout/fuse.c: pairs of elementwise operators, one of which only feeds the other, in one pass. */
#include "layout/fuse.h"

typedef struct fuser {
  const edb_ir_cell *cell;
  const edb_slot *slots;
  edb_step *steps;
  uint32_t *uses; /* [n_slots] operands that are the slot or a part of it */
} fuser;

static const struct {
  edb_op_kind first, second;
  uint32_t position;
} pairs[EDB_FUSE_COUNT] = {
#define FUSION_ROW(id, kernel, first, second, position) {EDB_OP_##first, EDB_OP_##second, position},
    EDB_FUSION_LIST(FUSION_ROW)
#undef FUSION_ROW
};

/* A slot counts as used through its parts. */
static void count_uses(fuser *f, uint32_t n_slots, uint32_t n_steps) {
  for (uint32_t s = 0; s < n_slots; s++) f->uses[s] = 0;
  for (uint32_t s = 0; s < n_slots; s++)
    if (f->slots[s].kind == EDB_SLOT_PART) f->uses[f->slots[s].parent] += 2;
  for (uint32_t i = 0; i < n_steps; i++)
    for (uint32_t k = 0; k < f->steps[i].n_operands; k++)
      if (f->steps[i].operand[k] != EDB_SLOT_NONE) f->uses[f->steps[i].operand[k]]++;
}

/* Operands that are a whole row wide, or one number. */
static bool is_plain(const fuser *f, const edb_step *step, uint32_t width) {
  for (uint32_t k = 0; k < step->n_operands; k++) {
    uint32_t slot = step->operand[k];
    if (slot == EDB_SLOT_NONE) return false;
    if (f->slots[slot].width != width && f->slots[slot].width != 1) return false;
  }
  return f->slots[step->result].width == width;
}

/* The step that makes operand `k` of `second`, if the two can be joined; *fusion gets the pair. */
static edb_step *find_first(const fuser *f, uint32_t second, uint32_t k, edb_fusion *fusion) {
  const edb_step *to = &f->steps[second];
  uint32_t slot = to->operand[k], width = f->slots[to->result].width;
  if (f->slots[slot].kind != EDB_SLOT_SCRATCH || f->uses[slot] != 1) return NULL;
  for (uint32_t i = second; i-- > 0;) {
    edb_step *from = &f->steps[i];
    if (from->result != slot) continue;
    if (from->kind != EDB_STEP_OP || from->domain != to->domain ||
        from->needs_labels != to->needs_labels || !is_plain(f, from, width))
      return NULL;
    for (int p = 0; p < EDB_FUSE_COUNT; p++) {
      if (f->cell->ops[from->op].kind != pairs[p].first || pairs[p].position != k ||
          f->cell->ops[to->op].kind != pairs[p].second)
        continue;
      *fusion = (edb_fusion)p;
      return from;
    }
    return NULL;
  }
  return NULL;
}

/* Joins a step with the one that makes one of its operands. The first of the pair moves to the
 * place of the second: its operands are values, and values do not change. */
static void try_fuse(fuser *f, uint32_t second) {
  edb_step *to = &f->steps[second];
  if (to->kind != EDB_STEP_OP || !is_plain(f, to, f->slots[to->result].width)) return;
  for (uint32_t k = to->n_operands; k-- > 0;) {
    edb_fusion fusion;
    edb_step *from = find_first(f, second, k, &fusion);
    if (!from) continue;
    edb_step joined = *to;
    joined.n_operands = 0;
    for (uint32_t i = 0; i < to->n_operands; i++) {
      if (i != k) joined.operand[joined.n_operands++] = to->operand[i];
      for (uint32_t j = 0; i == k && j < from->n_operands; j++)
        joined.operand[joined.n_operands++] = from->operand[j];
    }
    *to = joined;
    to->kind = EDB_STEP_FUSED;
    to->fusion = fusion;
    from->result = EDB_SLOT_NONE;
    return;
  }
}

uint32_t edb_fuse_steps(const edb_ir_cell *cell, const edb_slot *slots, uint32_t n_slots,
                        edb_step *steps, uint32_t n_steps, uint32_t *uses) {
  fuser f = {.cell = cell, .slots = slots, .steps = steps, .uses = uses};
  count_uses(&f, n_slots, n_steps);
  for (uint32_t i = 0; i < n_steps; i++) try_fuse(&f, i);
  uint32_t left = 0;
  for (uint32_t i = 0; i < n_steps; i++)
    if (steps[i].result != EDB_SLOT_NONE) steps[left++] = steps[i];
  return left;
}
