/* layout/plan.c: compiles a cell, pass by pass: batches and an order of its values, places, steps,
 * passes of joined operators, memory. */
#include "layout/plan.h"

#include <string.h>

#include "layout/plan_impl.h"

uint32_t edb_plan_root(const edb_plan *plan, uint32_t slot, size_t *offset) {
  const edb_slot *s = &plan->slots[slot];
  bool part = s->kind == EDB_SLOT_PART;
  if (offset) *offset = part ? s->offset : 0;
  return part ? s->parent : slot;
}

/* ---- Passes ---------------------------------------------------------------------------------- */

static edb_status plan_cell(edb_planner *p) {
  EDB_TRY(edb_plan_place_values(p));
  EDB_TRY(edb_plan_make_steps(p));
  if (!p->params.unfused) EDB_TRY(edb_plan_fuse(p));
  EDB_TRY(edb_plan_cut_blocks(p));
  return edb_plan_place_scratch(p);
}

/* The working arrays of the planner in one block; returns its size, and lays it out if there is
 * one.
 */
static size_t lay_out(edb_planner *p, char *block, size_t n_domains) {
  size_t n_ops = p->cell->n_ops, n_inputs = (size_t)p->cell->sig.n_inputs + p->cell->sig.n_dense;
  size_t words = n_domains + 2 * n_ops, places = n_inputs;
  size_t bytes = words * sizeof(uint32_t) + places * sizeof(edb_place);
  if (!block) return bytes;
  memset(block, 0xff, bytes);
  p->arena = (uint32_t *)(void *)block;
  p->op_domain = p->arena + n_domains;
  p->op_batch = p->op_domain + n_ops;
  p->op_place = p->plan->op_place;
  p->input_place = (edb_place *)(void *)(p->op_batch + n_ops);
  return bytes;
}

static void count_operators(edb_planner *p) {
  for (uint32_t i = 0; i < p->cell->n_ops; i++)
    p->plan->n_operators += p->batching->role[i] == EDB_ROLE_KERNEL;
}

static void free_planner(edb_planner *p) {
  edb_vec_free(p->ctx, &p->slots);
  edb_map_free(&p->shared);
  edb_vec_free(p->ctx, &p->steps);
  edb_vec_free(p->ctx, &p->stacked);
  edb_vec_free(p->ctx, &p->calls);
}

/* ---- The object ------------------------------------------------------------------------------ */

static uint32_t count_groups(const edb_ir_cell *cell) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < cell->sig.n_inputs; i++)
    if (cell->sig.inputs[i].variadic && cell->sig.inputs[i].group >= n)
      n = cell->sig.inputs[i].group + 1;
  return n;
}

/* An empty plan; arrays whose sizes are known beforehand. */
static edb_status new_plan(edb_context *ctx, const edb_program *program, uint32_t cell,
                           edb_plan **out, edb_error *error) {
  edb_plan *plan = edb_alloc_zero(ctx, sizeof *plan);
  if (!plan) return edb_fail_memory(error, sizeof *plan, "a plan");
  *plan = (edb_plan){.ctx = ctx,
                     .program = program,
                     .cell = &program->cells[cell],
                     .n_domains = EDB_DOMAIN_GROUP + count_groups(&program->cells[cell])};
  const edb_type_sig *sig = &plan->cell->sig;
  plan->input_slot = edb_alloc(ctx, sig->n_inputs * sizeof *plan->input_slot);
  plan->output_slot = edb_alloc(ctx, sig->n_outputs * sizeof *plan->output_slot);
  plan->op_place = edb_alloc(ctx, plan->cell->n_ops * sizeof *plan->op_place);
  plan->domain_floats = edb_alloc_zero(ctx, plan->n_domains * sizeof *plan->domain_floats);
  if ((!plan->cell->n_ops || plan->op_place) && (!sig->n_inputs || plan->input_slot) &&
      (!sig->n_outputs || plan->output_slot) && plan->domain_floats) {
    if (plan->op_place) memset(plan->op_place, 0xff, plan->cell->n_ops * sizeof *plan->op_place);
    *out = plan;
    return EDB_OK;
  }
  edb_plan_destroy(plan);
  return edb_fail_memory(error, sizeof *plan, "a plan");
}

/* Takes over a planner's vector, trimmed to its length. */
#define TAKE(ctx, target, count, vec)                                                     \
  do {                                                                                    \
    void *trimmed = edb_resize((ctx), (vec)->data, (vec)->capacity * sizeof *(vec)->data, \
                               (vec)->length * sizeof *(vec)->data);                      \
    if ((vec)->length == 0 || trimmed) {                                                  \
      (target) = trimmed;                                                                 \
      (count) = (uint32_t)(vec)->length;                                                  \
      (vec)->data = NULL;                                                                 \
      (vec)->capacity = (vec)->length = 0;                                                \
    } else {                                                                              \
      status = edb_fail_memory(error, (vec)->length * sizeof *(vec)->data, "a plan");     \
    }                                                                                     \
  } while (0)

static edb_status create_plan(edb_context *ctx, const edb_program *program, uint32_t cell,
                              edb_plan_params params, edb_plan **out, edb_error *error) {
  edb_planner p = {.ctx = ctx,
                   .program = program,
                   .cell = &program->cells[cell],
                   .params = params,
                   .error = error};
  edb_map_init(&p.shared, ctx);
  edb_cell_arrangement *arrangement = NULL;
  edb_plan *plan = NULL;
  char *block = NULL;
  size_t bytes = 0;
  edb_status status = new_plan(ctx, program, cell, &plan, error);
  if (status != EDB_OK) goto cleanup;
  EDB_ASSERT(plan != NULL);
  p.plan = plan;
  EDB_TRY_GOTO(status, edb_cell_arrange(ctx, program, cell, p.params.layout, &arrangement, error),
               cleanup);
  p.arrangement = arrangement;
  p.batching = arrangement->batching;
  bytes = lay_out(&p, NULL, plan->n_domains);
  block = edb_alloc_zero(ctx, bytes);
  if (!block) {
    status = edb_fail_memory(error, bytes, "a plan");
    goto cleanup;
  }
  lay_out(&p, block, plan->n_domains);
  EDB_TRY_GOTO(status, plan_cell(&p), cleanup);
  count_operators(&p);
  plan->exact = arrangement->exact;
  TAKE(ctx, plan->slots, plan->n_slots, &p.slots);
  TAKE(ctx, plan->steps, plan->n_steps, &p.steps);
  TAKE(ctx, plan->stacked, plan->n_stacked, &p.stacked);
cleanup:
  free_planner(&p);
  edb_free(ctx, block, block ? bytes : 0);
  edb_cell_arrangement_destroy(arrangement);
  if (status != EDB_OK) {
    edb_plan_destroy(plan);
    return status;
  }
  *out = plan;
  return EDB_OK;
}

/* ---- The better one -------------------------------------------------------------------------- */

/* What a plan does for each row: as the executor counts it. What depends on parameters only is done
 * once, but for copies of it. */
typedef struct work {
  size_t kernels, gathers, bytes; /* gathers: of values within the cell */
  size_t copies, copied_bytes;    /* these and those of inputs */
} work;

static bool is_input(const edb_plan *plan, const edb_step *s) {
  return s->kind == EDB_STEP_GATHER ||
         plan->slots[edb_plan_root(plan, s->operand[0], NULL)].kind == EDB_SLOT_INPUT;
}

static work count_work(const edb_plan *plan) {
  work w = {0};
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    bool copies = s->kind == EDB_STEP_COPY || s->kind == EDB_STEP_EXPAND;
    size_t bytes = plan->slots[s->result].width * sizeof(float);
    if (copies && plan->slots[s->operand[0]].domain == EDB_DOMAIN_STATIC) {
      w.kernels += !s->joined;
      continue;
    }
    if (!copies && s->kind != EDB_STEP_GATHER) {
      w.kernels += !s->joined && s->domain != EDB_DOMAIN_STATIC;
      continue;
    }
    w.copies += !s->joined;
    w.copied_bytes += bytes;
    if (is_input(plan, s)) continue;
    w.gathers += !s->joined;
    w.bytes += bytes;
  }
  return w;
}

/* Whether `a` does nothing that `b` does not do, and less of something; an input may be gathered in
 * place of a value within the cell. */
static bool is_less(work a, work b) {
  if (a.kernels > b.kernels || a.gathers > b.gathers || a.bytes > b.bytes || a.copies > b.copies ||
      a.copied_bytes > b.copied_bytes)
    return false;
  return a.kernels + a.gathers + a.bytes + a.copies + a.copied_bytes <
         b.kernels + b.gathers + b.bytes + b.copies + b.copied_bytes;
}

/* The order that was found serves operands; where there is none to be had, that of creation may do
 * with fewer kernels. */
static edb_status keep_better(edb_context *ctx, const edb_program *program, uint32_t cell,
                              edb_plan_params params, edb_plan **plan, edb_error *error) {
  edb_plan *created = NULL;
  params.layout = EDB_LAYOUT_CREATED;
  edb_status status = create_plan(ctx, program, cell, params, &created, error);
  if (status == EDB_ERROR_LIMIT) return EDB_OK; /* it needs temporaries that are too large */
  if (status != EDB_OK || !is_less(count_work(created), count_work(*plan))) {
    edb_plan_destroy(created);
    return status;
  }
  created->exact = (*plan)->exact;
  edb_plan_destroy(*plan);
  *plan = created;
  return EDB_OK;
}

edb_status edb_plan_create(edb_context *ctx, const edb_program *program, uint32_t cell,
                           const edb_plan_params *params, edb_plan **out, edb_error *error) {
  edb_plan_params p = params ? *params : (edb_plan_params){0};
  edb_plan *plan = NULL;
  EDB_TRY(create_plan(ctx, program, cell, p, &plan, error));
  edb_status status = EDB_OK;
  if (p.layout == EDB_LAYOUT_PLANNED) status = keep_better(ctx, program, cell, p, &plan, error);
  if (status != EDB_OK) {
    edb_plan_destroy(plan);
    return status;
  }
  *out = plan;
  return EDB_OK;
}

void edb_plan_destroy(edb_plan *plan) {
  if (!plan) return;
  edb_context *ctx = plan->ctx;
  const edb_type_sig *sig = &plan->cell->sig;
  edb_free(ctx, plan->input_slot, plan->input_slot ? sig->n_inputs * sizeof(uint32_t) : 0);
  edb_free(ctx, plan->output_slot, plan->output_slot ? sig->n_outputs * sizeof(uint32_t) : 0);
  edb_free(ctx, plan->op_place, plan->op_place ? plan->cell->n_ops * sizeof(edb_place) : 0);
  edb_free(ctx, plan->domain_floats,
           plan->domain_floats ? plan->n_domains * sizeof *plan->domain_floats : 0);
  edb_free(ctx, plan->slots, plan->n_slots * sizeof *plan->slots);
  edb_free(ctx, plan->steps, plan->n_steps * sizeof *plan->steps);
  edb_free(ctx, plan->stacked, plan->n_stacked * sizeof *plan->stacked);
  edb_free(ctx, plan, sizeof *plan);
}
