/* layout/plan_impl.h: a plan in the making, shared by its passes: values get places
 * (plan_values.c), batches become steps (plan_order.c, plan_steps.c, plan_products.c,
 * plan_copies.c), steps are joined (fuse.c), memory is cut into blocks (plan_blocks.c) and given
 * positions (plan_scratch.c).
 */
#ifndef EDB_LAYOUT_PLAN_IMPL_H
#define EDB_LAYOUT_PLAN_IMPL_H

#include "base/map.h"
#include "base/vec.h"
#include "layout/arrange_cell.h"
#include "layout/plan.h"

/* One operator as a kernel sees it. */
typedef struct edb_kernel_call {
  uint32_t op;
  edb_place home; /* where the result belongs */
  edb_place result, operand[EDB_STEP_OPERANDS];
} edb_kernel_call;

typedef struct edb_planner {
  edb_context *ctx;
  const edb_program *program;
  const edb_ir_cell *cell;
  edb_error *error;
  edb_plan_params params;
  edb_plan *plan;
  const edb_cell_arrangement *arrangement;
  const edb_batching *batching;
  EDB_VEC(edb_slot) slots;
  edb_map shared; /* parts and constants -> slots */
  EDB_VEC(edb_step) steps;
  EDB_VEC(edb_stacked) stacked;
  EDB_VEC(edb_kernel_call) calls; /* of the batch at hand */
  uint32_t *arena;                /* [n_domains] slot of the values in their order, or NONE */
  uint32_t *op_domain;            /* [n_ops] */
  uint32_t *op_batch;             /* [n_ops] of kernels */
  edb_place *op_place;            /* [n_ops], of the plan */
  edb_place *input_place;         /* [n_inputs + n_dense]; slot NONE: not used so far */
} edb_planner;

static inline edb_ref edb_planner_operand(const edb_planner *p, uint32_t op, uint32_t i) {
  return edb_batching_operand(p->batching, op, i);
}

static inline edb_slot *edb_planner_slot(const edb_planner *p, uint32_t slot) {
  return &p->slots.data[slot];
}

static inline edb_place edb_planner_place(const edb_planner *p, uint32_t slot) {
  const edb_slot *s = edb_planner_slot(p, slot);
  if (s->kind == EDB_SLOT_PART) return (edb_place){s->parent, s->offset, s->width};
  return (edb_place){slot, 0, s->width};
}

static inline bool edb_place_is_same(edb_place a, edb_place b) {
  return a.slot == b.slot && a.offset == b.offset && a.width == b.width;
}

static inline bool edb_place_follows(edb_place a, edb_place b) {
  return a.slot == b.slot && a.offset + a.width == b.offset;
}

static inline bool edb_place_overlaps(edb_place a, edb_place b) {
  return a.slot == b.slot && a.offset < b.offset + b.width && b.offset < a.offset + a.width;
}

edb_shape edb_planner_shape(const edb_planner *p, edb_ref ref);
bool edb_is_view(edb_op_kind kind);
static inline size_t edb_align_columns(size_t n) {
  return (n + 15) / 16 * 16;
}

/* ---- Places (plan_values.c) ------------------------------------------------------------------ */

/* Where every value stands, unused inputs aside. */
EDB_MUST_CHECK edb_status edb_plan_place_values(edb_planner *p);
EDB_MUST_CHECK edb_status edb_plan_place_of(edb_planner *p, edb_ref ref, edb_place *out);
EDB_MUST_CHECK edb_status edb_plan_add_slot(edb_planner *p, edb_slot slot, uint32_t *out);
/* Scratch memory of its own. */
EDB_MUST_CHECK edb_status edb_plan_add_scratch(edb_planner *p, uint32_t domain, uint64_t width,
                                               edb_place *out);
/* The slot of a place: its root, or a part, made when it is first asked for. */
EDB_MUST_CHECK edb_status edb_plan_slot_at(edb_planner *p, edb_place place, uint32_t *out);

/* ---- Steps ----------------------------------------------------------------------------------- */

edb_step edb_plan_new_step(edb_step_kind kind, uint32_t domain, uint32_t result);
EDB_MUST_CHECK edb_status edb_plan_add_step(edb_planner *p, edb_step step);

/* All steps of the cell, unfused (plan_steps.c). */
EDB_MUST_CHECK edb_status edb_plan_make_steps(edb_planner *p);
/* Those of an operator's batch, or of an operator that is in none. */
EDB_MUST_CHECK edb_status edb_plan_add_kernel(edb_planner *p, uint32_t op);
/* Those of all batches, in the order in which they run (plan_order.c). */
EDB_MUST_CHECK edb_status edb_plan_add_kernels(edb_planner *p);

/* Copies (plan_copies.c): to `to`, which gets rows of `domain`, from a value of that domain, a
 * node's value for each of its elements, or an input. */
typedef struct edb_copy {
  edb_ref ref; /* what is copied, for inputs and attributes: gathered from where they come */
  edb_place from, to;
  uint32_t domain;
  bool needs_labels, joined;
} edb_copy;
EDB_MUST_CHECK edb_status edb_plan_add_copy(edb_planner *p, edb_copy copy);
EDB_MUST_CHECK edb_status edb_plan_gather_inputs(edb_planner *p);
EDB_MUST_CHECK edb_status edb_plan_add_concat(edb_planner *p, uint32_t op);
EDB_MUST_CHECK edb_status edb_plan_store_outputs(edb_planner *p);
/* For the created order: operands of calls[] that do not stand together are gathered, results get a
 * place from which edb_plan_scatter brings them to where they belong. */
EDB_MUST_CHECK edb_status edb_plan_bring_together(edb_planner *p, edb_place *scattered);
EDB_MUST_CHECK edb_status edb_plan_scatter(edb_planner *p, edb_place scattered);

/* Packed products (plan_products.c): the value that the weights of calls[k], a packed product, are
 * applied to. */
edb_place edb_plan_product_operand(const edb_planner *p, size_t k);
/* Steps of calls[], packed products. */
EDB_MUST_CHECK edb_status edb_plan_add_products(edb_planner *p);

/* Joins elementwise steps that only feed each other into passes (fuse.c). */
EDB_MUST_CHECK edb_status edb_plan_fuse(edb_planner *p);

/* ---- Memory (plan_blocks.c, plan_scratch.c) -------------------------------------------------- */

/* Cuts scratch memory where no step reads or writes across. Blocks that are one output or one input
 * become that; slots that nobody uses go. */
EDB_MUST_CHECK edb_status edb_plan_cut_blocks(edb_planner *p);
/* Numbers runs, and makes products in them where their only reader has its result. */
EDB_MUST_CHECK edb_status edb_plan_form_runs(edb_planner *p);
/* What is local to runs, and positions. */
EDB_MUST_CHECK edb_status edb_plan_place_scratch(edb_planner *p);

#endif
