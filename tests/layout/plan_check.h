/* tests/layout/plan_check.h: what must hold of every plan, found by simulating it step by step:
 * nothing is read before it is written, values that live at once never share memory, every output
 * is made. */
#ifndef EDB_TESTS_LAYOUT_PLAN_CHECK_H
#define EDB_TESTS_LAYOUT_PLAN_CHECK_H

#include "exec/exec_support.h"
#include "layout/plan.h"

#define MOST_SLOTS 32768

typedef struct plan_check {
  const edb_plan *plan;
  const char *what;
  uint8_t *written[MOST_SLOTS];                 /* of roots: per column */
  uint32_t first[MOST_SLOTS], last[MOST_SLOTS]; /* steps that use a root; first > last: none */
} plan_check;

static inline uint32_t root_of(const plan_check *c, uint32_t slot, size_t *offset) {
  return edb_plan_root(c->plan, slot, offset);
}

static inline void check_part(const plan_check *c, uint32_t i) {
  const edb_slot *s = &c->plan->slots[i], *parent = &c->plan->slots[s->parent];
  if (s->kind != EDB_SLOT_PART) return;
  if (s->parent == i || s->offset + s->width > parent->width)
    fail_msg("%s: slot %u lies outside of slot %u", c->what, i, s->parent);
  uint32_t root = root_of(c, i, NULL);
  if (c->plan->slots[root].domain != s->domain)
    fail_msg("%s: slot %u has not the rows of slot %u", c->what, i, root);
}

static inline void note_slot(plan_check *c, uint32_t slot, uint32_t step) {
  uint32_t root = root_of(c, slot, NULL);
  if (c->first[root] > c->last[root]) c->first[root] = step;
  c->last[root] = step;
}

static inline void read_slot(plan_check *c, uint32_t slot, uint32_t step) {
  size_t offset = 0;
  uint32_t root = root_of(c, slot, &offset);
  edb_slot_kind kind = c->plan->slots[root].kind;
  note_slot(c, slot, step);
  if (kind != EDB_SLOT_SCRATCH && kind != EDB_SLOT_OUTPUT) return;
  for (size_t k = offset; k < offset + c->plan->slots[slot].width; k++)
    if (!c->written[root][k])
      fail_msg("%s: step %u reads column %zu of slot %u before it is written", c->what, step, k,
               slot);
}

static inline void write_slot(plan_check *c, uint32_t slot, uint32_t step) {
  size_t offset = 0;
  uint32_t root = root_of(c, slot, &offset);
  edb_slot_kind kind = c->plan->slots[root].kind;
  note_slot(c, slot, step);
  if (kind != EDB_SLOT_SCRATCH && kind != EDB_SLOT_OUTPUT)
    fail_msg("%s: step %u writes to slot %u, which is not its own", c->what, step, slot);
  memset(c->written[root] + offset, 1, c->plan->slots[slot].width);
}

static inline void check_step(plan_check *c, uint32_t i) {
  const edb_step *s = &c->plan->steps[i];
  const edb_slot *result = &c->plan->slots[s->result];
  for (uint32_t k = 0; k < s->n_operands; k++) {
    if (s->operand[k] == EDB_SLOT_NONE) continue;
    read_slot(c, s->operand[k], i);
    uint32_t domain = c->plan->slots[s->operand[k]].domain;
    bool over = s->kind == EDB_STEP_OP && c->plan->cell->ops[s->op].kind >= EDB_OP_SUM_OVER &&
                c->plan->cell->ops[s->op].kind <= EDB_OP_MAX_OVER;
    bool of_nodes = s->domain >= EDB_DOMAIN_GROUP && domain == EDB_DOMAIN_NODE &&
                    (s->kind == EDB_STEP_EXPAND || s->spread);
    if (!over && !of_nodes && domain != EDB_DOMAIN_STATIC && domain != s->domain)
      fail_msg("%s: step %u over domain %u takes rows of domain %u", c->what, i, s->domain, domain);
  }
  if (result->domain != s->domain)
    fail_msg("%s: step %u writes rows of another domain", c->what, i);
  write_slot(c, s->result, i);
}

/* Stacked members stand one behind the other, and fill the step's columns, which fit the result. */
static inline void check_stack(const plan_check *c, const edb_step *s) {
  uint32_t end = 0;
  if (s->kind != EDB_STEP_PRODUCT) return;
  for (uint32_t k = 0; k < s->n_stacked; k++) {
    const edb_stacked *m = &c->plan->stacked[s->stacked_start + k];
    if (m->offset != end)
      fail_msg("%s: member %u of a stack begins at column %u", c->what, k, m->offset);
    end = m->offset + m->columns;
  }
  size_t width = s->repeat == 1 ? s->columns : (size_t)s->columns * s->repeat;
  if (end != s->columns || width > c->plan->slots[s->result].width)
    fail_msg("%s: a stack has %u columns, its step %u, its slot %u", c->what, end, s->columns,
             c->plan->slots[s->result].width);
}

/* Steps of a run follow each other over the same rows. */
static inline void check_runs(const plan_check *c) {
  for (uint32_t i = 0; i < c->plan->n_steps; i++)
    for (uint32_t k = 0; k < i; k++) {
      const edb_step *a = &c->plan->steps[k], *b = &c->plan->steps[i];
      if (a->run == 0 || a->run != b->run) continue;
      if (a->domain != b->domain || a->needs_labels != b->needs_labels ||
          c->plan->steps[i - 1].run != b->run)
        fail_msg("%s: steps %u and %u cannot share a run", c->what, k, i);
    }
}

static inline bool is_placed(const plan_check *c, uint32_t slot) {
  const edb_slot *s = &c->plan->slots[slot];
  if (s->kind == EDB_SLOT_INPUT) { /* it may have to be gathered */
    for (uint32_t i = 0; i < c->plan->cell->sig.n_inputs; i++)
      if (c->plan->input_slot[i] == slot) return true;
    return false;
  }
  return s->kind == EDB_SLOT_SCRATCH && c->first[slot] <= c->last[slot];
}

static inline void check_room(const plan_check *c, uint32_t slot) {
  const edb_slot *s = &c->plan->slots[slot];
  size_t room = s->local ? c->plan->local_floats : c->plan->domain_floats[s->domain];
  if (s->position + (s->width + 15) / 16 * 16 > room)
    fail_msg("%s: slot %u does not fit its memory", c->what, slot);
  if (!s->local) return;
  uint32_t run = c->plan->steps[c->first[slot]].run;
  for (uint32_t i = c->first[slot]; i <= c->last[slot]; i++)
    if (run == 0 || c->plan->steps[i].run != run)
      fail_msg("%s: slot %u is local, but not to one run", c->what, slot);
}

/* Local slots share memory when their lives do not meet; all others stand apart. */
static inline void check_apart(const plan_check *c, uint32_t i, uint32_t k) {
  const edb_slot *a = &c->plan->slots[i], *b = &c->plan->slots[k];
  if (a->local != b->local || (!a->local && a->domain != b->domain)) return;
  if (a->local && (c->first[i] > c->last[k] || c->first[k] > c->last[i])) return;
  if (a->position < b->position + b->width && b->position < a->position + a->width)
    fail_msg("%s: slots %u and %u overlap", c->what, i, k);
}

static inline void check_outputs(const plan_check *c) {
  for (uint32_t o = 0; o < c->plan->cell->sig.n_outputs; o++) {
    uint32_t slot = c->plan->output_slot[o];
    const edb_slot *s = &c->plan->slots[slot];
    if (s->kind != EDB_SLOT_OUTPUT || s->index != o || s->domain != EDB_DOMAIN_NODE)
      fail_msg("%s: output %u has no rows of its own", c->what, o);
    for (uint32_t k = 0; k < s->width; k++)
      if (!c->written[slot][k]) fail_msg("%s: output %u is not written", c->what, o);
  }
}

static inline void check_plan(const edb_plan *plan, const char *what) {
  static plan_check c;
  c.plan = plan;
  c.what = what;
  assert_true(plan->n_slots <= MOST_SLOTS);
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    c.first[i] = 1;
    c.last[i] = 0;
    c.written[i] = calloc(plan->slots[i].width + 1, 1);
    assert_non_null(c.written[i]);
  }
  for (uint32_t i = 0; i < plan->n_slots; i++) check_part(&c, i);
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    check_step(&c, i);
    check_stack(&c, &plan->steps[i]);
  }
  check_runs(&c);
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    if (!is_placed(&c, i)) continue;
    check_room(&c, i);
    for (uint32_t k = 0; k < i; k++)
      if (is_placed(&c, k)) check_apart(&c, i, k);
  }
  check_outputs(&c);
  for (uint32_t i = 0; i < plan->n_slots; i++) free(c.written[i]);
}

#endif
