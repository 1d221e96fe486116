/* layout/plan_reasons.c: finds the reason of each copy from what the plan's other steps read and
 * write, and asks the arrangement for what stands in the way. */
#include "layout/plan_reasons.h"

#include "layout/plan_inputs.h"

typedef struct explainer {
  edb_context *ctx;
  const edb_plan *plan;
  edb_plan_inputs inputs;
  edb_plan_reasons *out;
  edb_error *error;
} explainer;

/* ---- Places ---------------------------------------------------------------------------------- */

typedef struct columns {
  uint32_t root;
  size_t first, end;
} columns;

static columns columns_of(const edb_plan *plan, uint32_t slot) {
  columns c;
  c.root = edb_plan_root(plan, slot, &c.first);
  c.end = c.first + plan->slots[slot].width;
  return c;
}

static bool contains(columns outer, columns inner) {
  return outer.root == inner.root && outer.first <= inner.first && inner.end <= outer.end;
}

static bool is_wider(columns outer, columns inner) {
  return contains(outer, inner) && outer.end - outer.first > inner.end - inner.first;
}

static bool touches(columns a, columns b) {
  return a.root == b.root && a.first < b.end && b.first < a.end;
}

/* The first step that reads these columns in one piece with others, or makes them so. */
static uint32_t find_kernel(const edb_plan *plan, columns inner) {
  for (int results = 0; results < 2; results++)
    for (uint32_t i = 0; i < plan->n_steps; i++) {
      const edb_step *s = &plan->steps[i];
      if (results && is_wider(columns_of(plan, s->result), inner)) return i;
      for (uint32_t k = 0; !results && k < s->n_operands; k++)
        if (s->operand[k] != EDB_SLOT_NONE && is_wider(columns_of(plan, s->operand[k]), inner))
          return i;
    }
  return EDB_COPY_NOTHING;
}

/* Steps that read any of these columns; *first gets the first one. */
static uint32_t count_readers(const edb_plan *plan, columns c, uint32_t *first) {
  uint32_t n = 0;
  *first = EDB_COPY_NOTHING;
  for (uint32_t i = plan->n_steps; i-- > 0;) {
    const edb_step *s = &plan->steps[i];
    bool reads = false;
    for (uint32_t k = 0; k < s->n_operands; k++)
      reads |= s->operand[k] != EDB_SLOT_NONE && touches(columns_of(plan, s->operand[k]), c);
    if (reads) *first = i;
    n += reads;
  }
  return n;
}

static columns place_columns(edb_place place) {
  return (columns){place.slot, place.offset, (size_t)place.offset + place.width};
}

/* The concat that has these columns, the one with the fewest of its own. */
static uint32_t find_concat(const edb_plan *plan, columns inner) {
  uint32_t best = EDB_COPY_NOTHING;
  for (uint32_t op = 0; op < plan->cell->n_ops; op++)
    if (plan->cell->ops[op].kind == EDB_OP_CONCAT &&
        contains(place_columns(plan->op_place[op]), inner) &&
        (best == EDB_COPY_NOTHING || plan->op_place[op].width < plan->op_place[best].width))
      best = op;
  return best;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static size_t width_of(const edb_plan *plan, edb_ref ref) {
  bool variadic;
  return edb_shape_size(edb_ir_ref_shape(plan->program, plan->cell, ref, &variadic));
}

static bool is_same(edb_ref a, edb_ref b) {
  return a.kind == b.kind && a.index == b.index;
}

/* Operand i of a concat. */
static edb_ref concat_operand(const edb_plan *plan, uint32_t concat, uint32_t i) {
  return plan->cell->operands[plan->cell->ops[concat].operand_start + i];
}

/* The operand of a concat that begins where these columns do; UINT32_MAX: none does. */
static uint32_t find_operand(const edb_plan *plan, uint32_t concat, columns c) {
  size_t at = plan->op_place[concat].offset;
  for (uint32_t i = 0; i < plan->cell->ops[concat].n_operands; i++) {
    if (at == c.first) return i;
    at += width_of(plan, concat_operand(plan, concat, i));
  }
  return UINT32_MAX;
}

/* The value itself, behind views that show all of it. */
static edb_ref value_behind(const edb_plan *plan, edb_ref ref) {
  while (ref.kind == EDB_REF_OP && (plan->cell->ops[ref.index].kind == EDB_OP_RESHAPE ||
                                    plan->cell->ops[ref.index].kind == EDB_OP_DROPOUT))
    ref = concat_operand(plan, ref.index, 0);
  return ref;
}

static bool is_part(const edb_plan *plan, edb_ref ref) {
  ref = value_behind(plan, ref);
  return ref.kind == EDB_REF_OP && plan->cell->ops[ref.index].kind == EDB_OP_SLICE;
}

static bool is_repeated(const edb_plan *plan, uint32_t concat, uint32_t operand) {
  edb_ref ref = value_behind(plan, concat_operand(plan, concat, operand));
  for (uint32_t i = 0; i < operand; i++)
    if (is_same(value_behind(plan, concat_operand(plan, concat, i)), ref)) return true;
  return false;
}

/* The result that stands at these columns. */
static bool find_value(const edb_plan *plan, columns c, edb_ref *ref) {
  for (uint32_t op = 0; op < plan->cell->n_ops; op++) {
    columns place = place_columns(plan->op_place[op]);
    if (!contains(place, c) || is_wider(place, c)) continue;
    *ref = (edb_ref){.kind = EDB_REF_OP, .index = op};
    return true;
  }
  return false;
}

/* ---- Reasons --------------------------------------------------------------------------------- */

static edb_status add(explainer *e, edb_copied copied) {
  if (edb_vec_push(e->ctx, &e->out->copies, copied)) return EDB_OK;
  return edb_fail_memory(e->error, sizeof copied, "the reasons of copies");
}

/* A copy of an operand of a concat: what stands in the way. */
static edb_status explain_rivals(explainer *e, edb_copied *c) {
  c->first_rival = e->out->rivals.list.length;
  EDB_TRY(edb_cell_find_rivals(e->ctx, e->plan->program,
                               (uint32_t)(e->plan->cell - e->plan->program->cells), c->concat,
                               &e->out->rivals, e->error));
  c->n_rivals = e->out->rivals.list.length - c->first_rival;
  c->reason = c->n_rivals ? EDB_COPY_RIVALS : EDB_COPY_SEARCH;
  return EDB_OK;
}

/* Whether an operand of a concat keeps it from having the others in place: so the planner sees it.
 */
static bool has_no_place(const edb_plan *plan, uint32_t domain, edb_ref ref) {
  if (is_part(plan, ref)) return true;
  ref = value_behind(plan, ref);
  if (ref.kind == EDB_REF_PARAM || ref.kind == EDB_REF_NUMBER) return true;
  if (ref.kind == EDB_REF_DENSE || ref.kind == EDB_REF_INDEX) return domain != EDB_DOMAIN_NODE;
  if (ref.kind == EDB_REF_OP && plan->op_place[ref.index].slot != EDB_SLOT_NONE &&
      plan->slots[plan->op_place[ref.index].slot].domain == EDB_DOMAIN_STATIC)
    return true;
  bool variadic;
  (void)edb_ir_ref_shape(plan->program, plan->cell, ref, &variadic);
  return variadic != (domain >= EDB_DOMAIN_GROUP);
}

static bool is_made_anew(const edb_plan *plan, uint32_t concat, uint32_t domain) {
  for (uint32_t i = 0; i < plan->cell->ops[concat].n_operands; i++)
    if (is_repeated(plan, concat, i) || has_no_place(plan, domain, concat_operand(plan, concat, i)))
      return true;
  return false;
}

static edb_status explain_operand(explainer *e, uint32_t operand, edb_copied *c) {
  const edb_plan *plan = e->plan;
  const edb_step *s = &plan->steps[c->step];
  c->value = concat_operand(plan, c->concat, operand);
  c->is_known = true;
  if (s->kind == EDB_STEP_EXPAND)
    c->reason = EDB_COPY_EACH;
  else if (plan->slots[s->operand[0]].domain == EDB_DOMAIN_STATIC)
    c->reason = EDB_COPY_PARAMETER;
  else if (is_repeated(plan, c->concat, operand))
    c->reason = EDB_COPY_REPEATED;
  else if (is_part(plan, c->value))
    c->reason = EDB_COPY_PART;
  else if (is_made_anew(plan, c->concat, s->domain))
    c->reason = EDB_COPY_ANEW;
  else
    return explain_rivals(e, c);
  return EDB_OK;
}

/* Whether a gather is none: products read these matrices where they are. */
static bool is_read_in_place(const explainer *e, const edb_step *s) {
  uint32_t k = edb_plan_inputs_find(&e->inputs, edb_plan_root(e->plan, s->result, NULL));
  return s->source < e->plan->cell->sig.n_inputs && k != EDB_OPERAND_MIXED &&
         e->inputs.operands[k].reader == EDB_READER_MATRICES;
}

/* An input or attribute, gathered to where it is wanted. */
static edb_status explain_gather(explainer *e, edb_copied *c) {
  const edb_plan *plan = e->plan;
  const edb_step *s = &plan->steps[c->step];
  uint32_t n_inputs = plan->cell->sig.n_inputs;
  bool dense = s->source >= n_inputs;
  columns to = columns_of(plan, s->result);
  const edb_slot *root = &plan->slots[to.root];
  c->value = (edb_ref){.kind = dense ? EDB_REF_DENSE : EDB_REF_INPUT,
                       .index = dense ? s->source - n_inputs : s->source};
  c->is_known = true;
  c->kernel = find_kernel(plan, to);
  c->concat = find_concat(plan, to);
  if (root->kind == EDB_SLOT_OUTPUT && plan->slots[s->result].width == root->width) {
    c->output = root->index;
    c->reason = EDB_COPY_PASSED_ON;
  } else if (dense) {
    c->reason = EDB_COPY_ATTRIBUTE;
  } else {
    bool storable = edb_plan_inputs_find(&e->inputs, to.root) != EDB_OPERAND_MIXED;
    bool again = plan->input_slot[s->source] != s->result && c->concat != EDB_COPY_NOTHING;
    if (again) EDB_TRY(explain_rivals(e, c));
    if (c->n_rivals == 0) c->reason = storable ? EDB_COPY_INPUTS : EDB_COPY_BESIDE;
  }
  return add(e, *c);
}

static void explain_output(const edb_plan *plan, edb_copied *c) {
  const edb_step *s = &plan->steps[c->step];
  columns from = columns_of(plan, s->operand[0]);
  edb_slot_kind root = plan->slots[from.root].kind;
  c->value = plan->cell->outputs[c->output].value;
  c->is_known = true;
  c->kernel = find_kernel(plan, from);
  if (plan->slots[s->operand[0]].domain == EDB_DOMAIN_STATIC)
    c->reason = EDB_COPY_PARAMETER;
  else if (root == EDB_SLOT_INPUT)
    c->reason = EDB_COPY_PASSED_ON;
  else
    c->reason =
        root == EDB_SLOT_OUTPUT || c->kernel == EDB_COPY_NOTHING ? EDB_COPY_AGAIN : EDB_COPY_INSIDE;
}

static edb_status explain_copy(explainer *e, edb_copied *c) {
  const edb_plan *plan = e->plan;
  const edb_step *s = &plan->steps[c->step];
  columns to = columns_of(plan, s->result);
  const edb_slot *root = &plan->slots[to.root];
  uint32_t operand = UINT32_MAX;
  c->concat = find_concat(plan, to);
  if (c->concat != EDB_COPY_NOTHING) operand = find_operand(plan, c->concat, to);
  if (operand != UINT32_MAX) {
    EDB_TRY(explain_operand(e, operand, c));
  } else if (root->kind == EDB_SLOT_OUTPUT && plan->slots[s->result].width == root->width) {
    c->output = root->index;
    c->concat = EDB_COPY_NOTHING;
    explain_output(plan, c);
  } else {
    c->reason = EDB_COPY_CREATED;
    c->is_known = find_value(plan, columns_of(plan, s->operand[0]), &c->value) ||
                  find_value(plan, to, &c->value);
    c->kernel = find_kernel(plan, to);
    if (c->kernel == EDB_COPY_NOTHING)
      c->kernel = find_kernel(plan, columns_of(plan, s->operand[0]));
  }
  return add(e, *c);
}

/* An input that is read in place as long as its rows are evenly spaced. */
static edb_status explain_input(explainer *e, uint32_t input) {
  const edb_plan *plan = e->plan;
  uint32_t slot = plan->input_slot[input], kernel;
  if (slot == EDB_SLOT_NONE || plan->slots[slot].kind != EDB_SLOT_INPUT) return EDB_OK;
  uint32_t k = edb_plan_inputs_find(&e->inputs, slot);
  if (k != EDB_OPERAND_MIXED && e->inputs.operands[k].reader != EDB_READER_OTHER) return EDB_OK;
  uint32_t n = count_readers(plan, columns_of(plan, slot), &kernel);
  return add(e, (edb_copied){.reason = n == 1 ? EDB_COPY_UNEVEN : EDB_COPY_READERS,
                             .step = EDB_COPY_NOTHING,
                             .is_known = true,
                             .value = {.kind = EDB_REF_INPUT, .index = input},
                             .concat = EDB_COPY_NOTHING,
                             .output = EDB_COPY_NOTHING,
                             .kernel = kernel,
                             .bytes = plan->slots[slot].width * sizeof(float)});
}

static edb_status explain(explainer *e) {
  const edb_plan *plan = e->plan;
  for (uint32_t i = 0; i < plan->cell->sig.n_inputs; i++) EDB_TRY(explain_input(e, i));
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    edb_copied c = {.step = i,
                    .concat = EDB_COPY_NOTHING,
                    .output = EDB_COPY_NOTHING,
                    .kernel = EDB_COPY_NOTHING,
                    .bytes = plan->slots[s->result].width * sizeof(float)};
    if (s->kind == EDB_STEP_GATHER && !is_read_in_place(e, s)) EDB_TRY(explain_gather(e, &c));
    if (s->kind == EDB_STEP_COPY || s->kind == EDB_STEP_EXPAND) EDB_TRY(explain_copy(e, &c));
  }
  return EDB_OK;
}

edb_status edb_plan_find_reasons(edb_context *ctx, const edb_plan *plan, edb_plan_reasons *out,
                                 edb_error *error) {
  explainer e = {.ctx = ctx, .plan = plan, .out = out, .error = error};
  *out = (edb_plan_reasons){.ctx = ctx};
  EDB_TRY(edb_plan_inputs_create(ctx, plan, &e.inputs, error));
  edb_status status = explain(&e);
  edb_plan_inputs_destroy(&e.inputs);
  return status;
}

void edb_plan_reasons_free(edb_plan_reasons *reasons) {
  if (!reasons->ctx) return;
  edb_vec_free(reasons->ctx, &reasons->copies);
  edb_rivals_free(reasons->ctx, &reasons->rivals);
}
