/* layout/arrange_cell.c: from the batches of a cell to tuples of variables, and back to what
 * copies. */
#include "layout/arrange_cell.h"

#include <string.h>

/* What stands in a tuple. */
typedef enum tuple_class {
  TUPLE_INPUTS,   /* only inputs, or nothing that differs per node */
  TUPLE_INTERNAL, /* results of kernels, maybe with inputs */
  TUPLE_VIEWS /* different slices or concats: in places that others choose, so they are gathered */
} tuple_class;

typedef struct tuple_info {
  tuple_class class;
  size_t bytes;
} tuple_info;

typedef struct adapter {
  edb_context *ctx;
  edb_error *error;
  const edb_batching *batching;
  const edb_ir_cell *cell;
  edb_cell_arrangement *out;
  uint32_t *op_variable;    /* [n_ops] variables, or OUTSIDE */
  uint32_t *input_variable; /* [n_inputs + n_dense] */
  uint32_t *elements;       /* of all batches */
  edb_arrange_batch *batches;
  uint32_t n_batches, n_tuples;
  tuple_info *tuples;
  size_t *bytes; /* [n_variables] */
  size_t n_elements;
  void *memory;
  size_t memory_bytes;
} adapter;

/* ---- Values ---------------------------------------------------------------------------------- */

static edb_op_role role_of(const adapter *a, edb_ref ref) {
  return (edb_op_role)a->batching->role[ref.index];
}

static bool is_input(edb_ref ref) {
  return ref.kind == EDB_REF_INPUT || ref.kind == EDB_REF_DENSE;
}

static bool is_result(const adapter *a, edb_ref ref) {
  return ref.kind == EDB_REF_OP && role_of(a, ref) == EDB_ROLE_KERNEL;
}

/* A part of a value, or several values: nothing that has a place of its own. */
static bool is_view(const adapter *a, edb_ref ref) {
  return ref.kind == EDB_REF_OP &&
         (role_of(a, ref) == EDB_ROLE_VIEW || role_of(a, ref) == EDB_ROLE_SEQUENCE);
}

static uint32_t *input_variable(adapter *a, edb_ref ref) {
  uint32_t shift = ref.kind == EDB_REF_DENSE ? a->cell->sig.n_inputs : 0;
  return &a->input_variable[shift + ref.index];
}

static uint32_t variable_of(adapter *a, edb_ref ref) {
  if (is_result(a, ref)) return a->op_variable[ref.index];
  return is_input(ref) ? *input_variable(a, ref) : EDB_ARRANGE_OUTSIDE;
}

static size_t bytes_of(const adapter *a, edb_ref ref) {
  bool variadic;
  return sizeof(float) *
         edb_shape_size(edb_ir_ref_shape(a->batching->program, a->cell, ref, &variadic));
}

/* ---- Tuples ---------------------------------------------------------------------------------- */

/* Element k of tuple t of a batch of kernels; tuple 0 are the results. */
static edb_ref element(const adapter *a, uint32_t batch, uint32_t t, uint32_t k) {
  uint32_t op = a->batching->ops[a->batching->batch_start[batch] + k];
  if (t == 0) return (edb_ref){.kind = EDB_REF_OP, .index = op};
  return edb_batching_value(a->batching, edb_batching_operand(a->batching, op, t - 1));
}

static uint32_t batch_size(const adapter *a, uint32_t batch) {
  return a->batching->batch_start[batch + 1] - a->batching->batch_start[batch];
}

static uint32_t tuple_count(const adapter *a, uint32_t batch) {
  return 1 + a->cell->ops[a->batching->ops[a->batching->batch_start[batch]]].n_operands;
}

/* One value for all operators is read with stride zero, whatever it is. */
static tuple_class classify(const adapter *a, uint32_t batch, uint32_t t) {
  bool results = false, views = false, constant = true;
  edb_ref first = element(a, batch, t, 0);
  for (uint32_t k = 0; k < batch_size(a, batch); k++) {
    edb_ref ref = element(a, batch, t, k);
    results |= is_result(a, ref);
    views |= is_view(a, ref);
    constant &= ref.kind == first.kind && ref.index == first.index;
  }
  if (constant) return TUPLE_INPUTS;
  return views ? TUPLE_VIEWS : results ? TUPLE_INTERNAL : TUPLE_INPUTS;
}

/* ---- Variables ------------------------------------------------------------------------------- */

/* Marks the inputs that need a place, with 0. */
static void mark_inputs(adapter *a) {
  for (uint32_t b = 0; b < a->batching->n_batches; b++)
    for (uint32_t t = 1; t < tuple_count(a, b); t++) {
      if (classify(a, b, t) != TUPLE_INTERNAL) continue;
      for (uint32_t k = 0; k < batch_size(a, b); k++)
        if (is_input(element(a, b, t, k))) *input_variable(a, element(a, b, t, k)) = 0;
    }
  for (uint32_t op = 0; op < a->cell->n_ops; op++) {
    if (a->batching->role[op] != EDB_ROLE_SEQUENCE) continue;
    for (uint32_t i = 0; i < a->cell->ops[op].n_operands; i++) {
      edb_ref ref = edb_batching_operand(a->batching, op, i);
      if (is_input(ref)) *input_variable(a, ref) = 0;
    }
  }
}

static void add_variable(adapter *a, edb_ref ref, uint32_t *variable) {
  *variable = a->out->n_variables++;
  a->out->variables[*variable] = ref;
  a->bytes[*variable] = bytes_of(a, ref);
}

static void number_variables(adapter *a) {
  for (uint32_t i = 0; i < a->cell->sig.n_inputs + a->cell->sig.n_dense; i++) {
    bool dense = i >= a->cell->sig.n_inputs;
    edb_ref ref = {.kind = dense ? EDB_REF_DENSE : EDB_REF_INPUT,
                   .index = dense ? i - a->cell->sig.n_inputs : i};
    if (a->input_variable[i] == 0) add_variable(a, ref, &a->input_variable[i]);
  }
  for (uint32_t op = 0; op < a->cell->n_ops; op++) {
    if (a->batching->role[op] != EDB_ROLE_KERNEL) continue;
    add_variable(a, (edb_ref){.kind = EDB_REF_OP, .index = op}, &a->op_variable[op]);
    a->out->unbatched_kernels++;
  }
}

/* ---- The problem ----------------------------------------------------------------------------- */

/* Inputs alone have a say only if all of them have a place. */
static bool has_places(adapter *a, uint32_t batch, uint32_t t, tuple_class class) {
  if (class != TUPLE_INPUTS) return class == TUPLE_INTERNAL;
  for (uint32_t k = 0; k < batch_size(a, batch); k++)
    if (variable_of(a, element(a, batch, t, k)) == EDB_ARRANGE_OUTSIDE) return false;
  return true;
}

static void add_kernels(adapter *a, uint32_t batch) {
  uint32_t size = batch_size(a, batch), *e = a->elements + a->n_elements;
  a->batches[a->n_batches++] =
      (edb_arrange_batch){.size = size, .n_tuples = tuple_count(a, batch), .elements = e};
  for (uint32_t t = 0; t < tuple_count(a, batch); t++) {
    tuple_info info = {.class = classify(a, batch, t)};
    bool placed = has_places(a, batch, t, info.class);
    for (uint32_t k = 0; k < size; k++) {
      edb_ref ref = element(a, batch, t, k);
      if (info.class != TUPLE_INPUTS || is_input(ref)) info.bytes += bytes_of(a, ref);
      e[(size_t)t * size + k] = placed ? variable_of(a, ref) : EDB_ARRANGE_OUTSIDE;
    }
    a->tuples[a->n_tuples++] = info;
  }
  a->n_elements += (size_t)tuple_count(a, batch) * size;
}

static void add_sequence(adapter *a, uint32_t op) {
  uint32_t size = a->cell->ops[op].n_operands, *e = a->elements + a->n_elements;
  tuple_info info = {.class = TUPLE_INPUTS};
  for (uint32_t i = 0; i < size; i++) {
    edb_ref ref = edb_batching_operand(a->batching, op, i);
    if (is_result(a, ref)) info.class = TUPLE_INTERNAL;
    info.bytes += bytes_of(a, ref);
    e[i] = variable_of(a, ref);
  }
  a->batches[a->n_batches++] =
      (edb_arrange_batch){.size = size, .n_tuples = 1, .elements = e, .in_order = true};
  a->tuples[a->n_tuples++] = info;
  a->n_elements += size;
}

typedef struct sizes {
  size_t batches, tuples, elements, variables;
} sizes;

static sizes count(const adapter *a) {
  const edb_batching *b = a->batching;
  sizes s = {.batches = b->n_batches,
             .variables = (size_t)a->cell->n_ops + a->cell->sig.n_inputs + a->cell->sig.n_dense};
  for (uint32_t i = 0; i < b->n_batches; i++) {
    s.tuples += tuple_count(a, i);
    s.elements += (size_t)tuple_count(a, i) * batch_size(a, i);
  }
  for (uint32_t op = 0; op < a->cell->n_ops; op++) {
    if (b->role[op] != EDB_ROLE_SEQUENCE) continue;
    s.batches++;
    s.tuples++;
    s.elements += a->cell->ops[op].n_operands;
  }
  return s;
}

/* The arrays of the adapter, the largest elements first. false: no memory. */
static bool alloc_arrays(adapter *a, sizes s) {
  uint32_t n_ops = a->cell->n_ops, n_inputs = a->cell->sig.n_inputs + a->cell->sig.n_dense;
  a->memory_bytes = s.batches * sizeof *a->batches + s.tuples * sizeof *a->tuples +
                    s.variables * sizeof *a->bytes +
                    (n_ops + (size_t)n_inputs + s.elements) * sizeof(uint32_t) + 1;
  a->memory = edb_alloc(a->ctx, a->memory_bytes);
  a->out->variables = edb_alloc(a->ctx, s.variables * sizeof *a->out->variables);
  if (!a->memory || (s.variables && !a->out->variables)) return false;
  a->batches = a->memory;
  a->tuples = (tuple_info *)(void *)(a->batches + s.batches);
  a->bytes = (size_t *)(void *)(a->tuples + s.tuples);
  a->op_variable = (uint32_t *)(void *)(a->bytes + s.variables);
  a->input_variable = a->op_variable + n_ops;
  a->elements = a->input_variable + n_inputs;
  memset(a->op_variable, 0xff, ((size_t)n_ops + n_inputs) * sizeof(uint32_t));
  return true;
}

/* Inputs are numbered before results, as they are created: the order that the plan is compared
 * with. */
static void make_problem(adapter *a) {
  mark_inputs(a);
  number_variables(a);
  for (uint32_t b = 0; b < a->batching->n_batches; b++) add_kernels(a, b);
  for (uint32_t op = 0; op < a->cell->n_ops; op++)
    if (a->batching->role[op] == EDB_ROLE_SEQUENCE) add_sequence(a, op);
}

/* ---- What it costs --------------------------------------------------------------------------- */

static edb_cell_cost cost_of(const adapter *a, const edb_arrangement *r) {
  edb_cell_cost c = {.kernels = a->batching->n_batches};
  for (uint32_t i = 0; i < a->n_tuples; i++) {
    const tuple_info *t = &a->tuples[i];
    if (t->class != TUPLE_VIEWS && r->fate[i] != EDB_TUPLE_COPIED) continue;
    if (t->class == TUPLE_INPUTS) {
      c.input_gathers++;
      c.input_gather_bytes += t->bytes;
    } else {
      c.gathers++;
      c.gather_bytes += t->bytes;
    }
  }
  return c;
}

static edb_status solve(adapter *a) {
  edb_arrange_problem problem = {.n_variables = a->out->n_variables,
                                 .bytes = a->bytes,
                                 .n_batches = a->n_batches,
                                 .batches = a->batches};
  edb_arrangement *created = NULL;
  EDB_TRY(edb_arrange_judge(a->ctx, &problem, NULL, &created, a->error));
  a->out->created = cost_of(a, created);
  edb_arrangement_destroy(created);
  EDB_TRY(edb_arrange(a->ctx, &problem, &a->out->arrangement, a->error));
  a->out->planned = cost_of(a, a->out->arrangement);
  return EDB_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static size_t variable_room(const edb_cell_arrangement *r) {
  const edb_ir_cell *cell = r->batching->cell;
  return (size_t)cell->n_ops + cell->sig.n_inputs + cell->sig.n_dense;
}

edb_status edb_cell_arrange(edb_context *ctx, const edb_program *program, uint32_t cell,
                            edb_cell_arrangement **out, edb_error *error) {
  edb_cell_arrangement *r = edb_alloc_zero(ctx, sizeof *r);
  if (!r) return edb_fail_memory(error, sizeof *r, "the arrangement of a cell");
  *r = (edb_cell_arrangement){.ctx = ctx};
  adapter a = {.ctx = ctx, .error = error, .cell = &program->cells[cell], .out = r};
  edb_status status = edb_batching_create(ctx, program, cell, &r->batching, error);
  if (status != EDB_OK) goto cleanup;
  a.batching = r->batching;
  if (!alloc_arrays(&a, count(&a))) {
    status = edb_fail_memory(error, a.memory_bytes, "the arrangement of a cell");
    goto cleanup;
  }
  make_problem(&a);
  EDB_TRY_GOTO(status, solve(&a), cleanup);
  *out = r;
  r = NULL;
cleanup:
  edb_free(ctx, a.memory, a.memory ? a.memory_bytes : 0);
  edb_cell_arrangement_destroy(r);
  return status;
}

void edb_cell_arrangement_destroy(edb_cell_arrangement *r) {
  if (!r) return;
  edb_context *ctx = r->ctx;
  if (r->variables) edb_free(ctx, r->variables, variable_room(r) * sizeof *r->variables);
  edb_arrangement_destroy(r->arrangement);
  edb_batching_destroy(r->batching);
  edb_free(ctx, r, sizeof *r);
}
