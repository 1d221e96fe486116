/* layout/plan_blocks.c: cuts the memory that holds a cell's values, in their order, into blocks
 * that steps use apart from each other: each can then be reused, kept in a tile, or be somewhere
 * else altogether, as an input or an output. */
#include <string.h>

#include "layout/plan_impl.h"
#include "layout/spans.h"

/* A stretch of columns of a slot that no step reaches across, and the slot that it becomes. */
typedef struct memory_block {
  edb_place place;
  uint32_t slot;
} memory_block;

typedef struct cutter {
  edb_planner *p;
  EDB_VEC(memory_block) blocks;
  uint32_t *moved; /* [slots so far] what those of steps become, until then themselves; else NONE */
} cutter;

/* ---- Blocks ---------------------------------------------------------------------------------- */

static bool is_cut(const cutter *c, uint32_t root) {
  return edb_planner_slot(c->p, root)->kind == EDB_SLOT_SCRATCH;
}

static edb_status note_slot(const cutter *c, edb_spans *used, uint32_t slot) {
  if (slot == EDB_SLOT_NONE) return EDB_OK;
  EDB_ASSERT(c->moved != NULL);
  if (c->moved[slot] == slot) return EDB_OK;
  c->moved[slot] = slot;
  edb_place place = edb_planner_place(c->p, slot);
  if (!is_cut(c, place.slot) || place.width == 0) return EDB_OK;
  return edb_spans_add(used, place, 0, c->p->error);
}

static edb_status note_steps(const cutter *c, edb_spans *used) {
  for (size_t i = 0; i < c->p->steps.length; i++) {
    const edb_step *s = &c->p->steps.data[i];
    EDB_TRY(note_slot(c, used, s->result));
    for (uint32_t k = 0; k < s->n_operands; k++) EDB_TRY(note_slot(c, used, s->operand[k]));
  }
  return EDB_OK;
}

/* Columns that overlap are of one block; blocks are sorted like the columns. */
static edb_status join_columns(cutter *c, const edb_spans *used) {
  for (const edb_span *s = edb_spans_first(used); s; s = edb_spans_next(used, s)) {
    memory_block block = {.place = s->place, .slot = EDB_SLOT_NONE};
    edb_place *last = c->blocks.length ? &c->blocks.data[c->blocks.length - 1].place : NULL;
    uint32_t end = s->place.offset + s->place.width;
    if (!last || !edb_place_overlaps(*last, s->place)) {
      if (!edb_vec_push(c->p->ctx, &c->blocks, block))
        return edb_fail_memory(c->p->error, sizeof block, "a block of a plan's memory");
    } else if (end > last->offset + last->width) {
      last->width = end - last->offset;
    }
  }
  return EDB_OK;
}

static edb_status find_blocks(cutter *c) {
  edb_spans used;
  edb_spans_init(&used, c->p->ctx);
  edb_status status = edb_spans_reserve(&used, 3 * c->p->steps.length, c->p->error);
  if (status == EDB_OK) status = note_steps(c, &used);
  if (status == EDB_OK) status = join_columns(c, &used);
  edb_spans_free(&used);
  return status;
}

static memory_block *find_block(const cutter *c, edb_place place) {
  size_t low = 0, high = c->blocks.length;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    edb_place other = c->blocks.data[middle].place;
    if (other.slot < place.slot || (other.slot == place.slot && other.offset <= place.offset))
      low = middle;
    else
      high = middle;
  }
  return &c->blocks.data[low];
}

/* ---- Blocks that are something else ---------------------------------------------------------- */

/* Step i goes: what is joined to it begins a kernel if it did. */
static void part_from_next(const edb_planner *p, size_t i) {
  if (i + 1 < p->steps.length && !p->steps.data[i].joined) p->steps.data[i + 1].joined = false;
}

static bool is_block(const cutter *c, uint32_t slot, memory_block **out) {
  edb_place place = edb_planner_place(c->p, slot);
  if (!is_cut(c, place.slot) || place.width == 0) return false;
  *out = find_block(c, place);
  return (*out)->slot == EDB_SLOT_NONE && edb_place_is_same((*out)->place, place);
}

static bool is_read_in_place(const edb_planner *p, uint32_t input) {
  edb_place place = p->input_place[input];
  return place.slot != EDB_SLOT_NONE && edb_planner_slot(p, place.slot)->kind == EDB_SLOT_INPUT;
}

/* Whether a step only gathers an input that nothing needs beside others: its block, then. */
static bool finds_free_input(const cutter *c, const edb_step *s, memory_block **block) {
  const edb_planner *p = c->p;
  return s->kind == EDB_STEP_GATHER && s->source < p->cell->sig.n_inputs &&
         is_block(c, s->result, block) &&
         (is_read_in_place(p, s->source) ||
          edb_place_is_same((*block)->place, p->input_place[s->source]));
}

/* Such an input is read where it is. */
static edb_status free_inputs(cutter *c) {
  edb_planner *p = c->p;
  size_t left = 0;
  for (size_t i = 0; i < p->steps.length; i++) {
    const edb_step *s = &p->steps.data[i];
    memory_block *block;
    if (!finds_free_input(c, s, &block)) {
      p->steps.data[left++] = *s;
      continue;
    }
    edb_place *place = &p->input_place[s->source];
    if (!is_read_in_place(p, s->source)) {
      edb_slot slot = {
          .kind = EDB_SLOT_INPUT, .domain = s->domain, .width = place->width, .index = s->source};
      *place = (edb_place){.slot = EDB_SLOT_NONE, .width = slot.width};
      EDB_TRY(edb_plan_add_slot(p, slot, &place->slot));
    }
    block->slot = place->slot;
    part_from_next(p, i);
  }
  p->steps.length = left;
  return EDB_OK;
}

/* The input or attribute that columns are gathered from; UINT32_MAX: none. */
static uint32_t input_at(const edb_planner *p, edb_place place) {
  for (uint32_t i = 0; i < p->cell->sig.n_inputs + p->cell->sig.n_dense; i++)
    if (edb_place_is_same(p->input_place[i], place)) return i;
  return UINT32_MAX;
}

/* A copy of an input that stands beside others comes from where the input does. */
static void gather_output(const edb_planner *p, edb_step *s) {
  uint32_t input = input_at(p, edb_planner_place(p, s->operand[0]));
  if (input == UINT32_MAX || s->domain != edb_planner_slot(p, s->operand[0])->domain ||
      (input < p->cell->sig.n_inputs && is_read_in_place(p, input)))
    return;
  s->kind = EDB_STEP_GATHER;
  s->source = input;
  s->n_operands = 0;
  s->operand[0] = EDB_SLOT_NONE;
}

/* A block that is one output is made where that is wanted. */
static void claim_outputs(cutter *c) {
  edb_planner *p = c->p;
  size_t left = 0;
  for (size_t i = 0; i < p->steps.length; i++) {
    edb_step *s = &p->steps.data[i];
    memory_block *block;
    bool stores =
        s->kind == EDB_STEP_COPY && edb_planner_slot(p, s->result)->kind == EDB_SLOT_OUTPUT;
    if (stores && s->domain == edb_planner_slot(p, s->operand[0])->domain &&
        is_block(c, s->operand[0], &block)) {
      block->slot = s->result;
      part_from_next(p, i);
      continue;
    }
    if (stores) gather_output(p, s);
    p->steps.data[left++] = *s;
  }
  p->steps.length = left;
}

/* ---- New slots ------------------------------------------------------------------------------- */

/* All other blocks are scratch memory of their own, in the order in which they stood. */
static edb_status add_blocks(cutter *c) {
  for (size_t i = 0; i < c->blocks.length; i++) {
    memory_block *b = &c->blocks.data[i];
    edb_slot slot = *edb_planner_slot(c->p, b->place.slot);
    slot.width = b->place.width;
    if (b->slot == EDB_SLOT_NONE) EDB_TRY(edb_plan_add_slot(c->p, slot, &b->slot));
  }
  return EDB_OK;
}

static edb_status move_slot(const cutter *c, uint32_t *slot) {
  if (*slot == EDB_SLOT_NONE) return EDB_OK;
  edb_place place = edb_planner_place(c->p, *slot);
  uint32_t *moved = &c->moved[*slot];
  if (*moved == *slot && is_cut(c, place.slot) && place.width > 0) {
    const memory_block *block = find_block(c, place);
    place.slot = block->slot;
    place.offset -= block->place.offset;
    EDB_TRY(edb_plan_slot_at(c->p, place, moved));
  }
  *slot = *moved;
  return EDB_OK;
}

static edb_status move_steps(cutter *c) {
  for (size_t i = 0; i < c->p->steps.length; i++) {
    edb_step *s = &c->p->steps.data[i];
    EDB_TRY(move_slot(c, &s->result));
    for (uint32_t k = 0; k < s->n_operands; k++) EDB_TRY(move_slot(c, &s->operand[k]));
  }
  return EDB_OK;
}

/* Where results stand now; those that no step reads or writes stand nowhere. */
static void move_results(cutter *c) {
  for (uint32_t i = 0; i < c->p->cell->n_ops; i++) {
    edb_place *place = &c->p->op_place[i];
    if (place->slot == EDB_SLOT_NONE || !is_cut(c, place->slot) || place->width == 0) continue;
    const memory_block *block = c->blocks.length ? find_block(c, *place) : NULL;
    if (block && edb_place_overlaps(block->place, *place) && block->place.offset <= place->offset &&
        place->offset + place->width <= block->place.offset + block->place.width)
      *place = (edb_place){block->slot, place->offset - block->place.offset, place->width};
    else
      place->slot = EDB_SLOT_NONE;
  }
}

/* Where an input is read from first: a slot that some step uses, or none. */
static void find_inputs(const cutter *c) {
  const edb_planner *p = c->p;
  for (uint32_t i = 0; i < p->cell->sig.n_inputs; i++) {
    p->plan->input_slot[i] = EDB_SLOT_NONE;
    if (is_read_in_place(p, i)) p->plan->input_slot[i] = p->input_place[i].slot;
  }
  for (size_t i = p->steps.length; i-- > 0;) {
    const edb_step *s = &p->steps.data[i];
    if (s->kind == EDB_STEP_GATHER && s->source < p->cell->sig.n_inputs &&
        !is_read_in_place(p, s->source))
      p->plan->input_slot[s->source] = s->result;
  }
}

static void note_used(const edb_planner *p, uint32_t *renamed, uint32_t slot) {
  if (slot == EDB_SLOT_NONE) return;
  renamed[slot] = renamed[edb_planner_place(p, slot).slot] = 0;
}

static void rename(const uint32_t *renamed, uint32_t *slot) {
  if (*slot != EDB_SLOT_NONE) *slot = renamed[*slot];
}

/* Slots that no step uses go, and those that stay close up. */
static edb_status drop_unused(edb_planner *p) {
  size_t bytes = p->slots.length * sizeof(uint32_t), left = 0;
  if (bytes == 0) return EDB_OK;
  uint32_t *renamed = edb_alloc(p->ctx, bytes);
  if (!renamed) return edb_fail_memory(p->error, bytes, "the slots of a plan");
  memset(renamed, 0xff, bytes);
  for (size_t i = 0; i < p->steps.length; i++) {
    const edb_step *s = &p->steps.data[i];
    note_used(p, renamed, s->result);
    for (uint32_t k = 0; k < s->n_operands; k++) note_used(p, renamed, s->operand[k]);
  }
  for (size_t i = 0; i < p->slots.length; i++) {
    if (renamed[i] == EDB_SLOT_NONE) continue;
    renamed[i] = (uint32_t)left;
    p->slots.data[left++] = p->slots.data[i];
  }
  for (size_t i = 0; i < left; i++)
    if (p->slots.data[i].kind == EDB_SLOT_PART) rename(renamed, &p->slots.data[i].parent);
  for (size_t i = 0; i < p->steps.length; i++) {
    edb_step *s = &p->steps.data[i];
    rename(renamed, &s->result);
    for (uint32_t k = 0; k < s->n_operands; k++) rename(renamed, &s->operand[k]);
  }
  for (uint32_t i = 0; i < p->cell->sig.n_inputs; i++) rename(renamed, &p->plan->input_slot[i]);
  for (uint32_t o = 0; o < p->cell->sig.n_outputs; o++) rename(renamed, &p->plan->output_slot[o]);
  for (uint32_t i = 0; i < p->cell->n_ops; i++) rename(renamed, &p->op_place[i].slot);
  p->slots.length = left;
  edb_free(p->ctx, renamed, bytes);
  return EDB_OK;
}

static edb_status cut(cutter *c) {
  EDB_TRY(find_blocks(c));
  EDB_TRY(free_inputs(c));
  claim_outputs(c);
  EDB_TRY(add_blocks(c));
  EDB_TRY(move_steps(c));
  move_results(c);
  find_inputs(c);
  EDB_TRY(edb_plan_form_runs(c->p));
  return drop_unused(c->p);
}

edb_status edb_plan_cut_blocks(edb_planner *p) {
  size_t bytes = p->slots.length * sizeof(uint32_t);
  cutter c = {.p = p, .moved = edb_alloc(p->ctx, bytes)};
  if (bytes > 0 && !c.moved) return edb_fail_memory(p->error, bytes, "the slots of a plan");
  if (c.moved) memset(c.moved, 0xff, bytes);
  edb_status status = cut(&c);
  edb_vec_free(p->ctx, &c.blocks);
  edb_free(p->ctx, c.moved, bytes);
  return status;
}
