/* layout/arrange_cell.c: from the batches of a cell to tuples of variables, and from their
 * arrangement to the order of values and operators. */
#include <string.h>

#include "layout/arrange_cell_impl.h"

#define MOST_TUPLES 4u /* results and three operands */

#define NOT_RUN UINT32_MAX /* a concat, a stack within a batch, parts: not a group */

/* ---- Values ---------------------------------------------------------------------------------- */

static bool has_role(const edb_cell_adapter *a, edb_ref ref, edb_op_role role) {
  return ref.kind == EDB_REF_OP && a->batching->role[ref.index] == role;
}

static bool is_input(edb_ref ref) {
  return ref.kind == EDB_REF_INPUT || ref.kind == EDB_REF_DENSE;
}

static bool is_static(const edb_cell_adapter *a, edb_ref ref) {
  return ref.kind == EDB_REF_PARAM || ref.kind == EDB_REF_NUMBER ||
         has_role(a, ref, EDB_ROLE_STATIC);
}

static uint32_t *input_variable(edb_cell_adapter *a, edb_ref ref) {
  uint32_t shift = ref.kind == EDB_REF_DENSE ? a->cell->sig.n_inputs : 0;
  return &a->input_variable[shift + ref.index];
}

static uint32_t variable_of(edb_cell_adapter *a, edb_ref ref) {
  if (has_role(a, ref, EDB_ROLE_KERNEL)) return a->op_variable[ref.index];
  return is_input(ref) ? *input_variable(a, ref) : EDB_ARRANGE_OUTSIDE;
}

static size_t bytes_of(const edb_cell_adapter *a, edb_ref ref) {
  bool variadic;
  return sizeof(float) *
         edb_shape_size(edb_ir_ref_shape(a->batching->program, a->cell, ref, &variadic));
}

/* ---- Tuples ---------------------------------------------------------------------------------- */

/* Element k of tuple t of a batch of kernels; tuple 0 are the results. */
static edb_ref element(const edb_cell_adapter *a, uint32_t batch, uint32_t t, uint32_t k) {
  uint32_t op = a->batching->ops[a->batching->batch_start[batch] + k];
  if (t == 0) return (edb_ref){.kind = EDB_REF_OP, .index = op};
  return edb_batching_value(a->batching, edb_batching_operand(a->batching, op, t - 1));
}

static uint32_t first_op(const edb_cell_adapter *a, uint32_t batch) {
  return a->batching->ops[a->batching->batch_start[batch]];
}

static uint32_t batch_size(const edb_cell_adapter *a, uint32_t batch) {
  return a->batching->batch_start[batch + 1] - a->batching->batch_start[batch];
}

/* Concats that are kernels have more operands than a tuple each could have; they stand alone. */
static uint32_t tuple_count(const edb_cell_adapter *a, uint32_t batch) {
  uint32_t n = 1 + a->cell->ops[first_op(a, batch)].n_operands;
  return n < MOST_TUPLES ? n : MOST_TUPLES;
}

static bool is_wide(const edb_cell_adapter *a, uint32_t batch) {
  return edb_batching_is_wide(a->batching, first_op(a, batch));
}

typedef struct contents {
  bool constant, statics, inputs, repeated;
} contents;

static contents contents_of(const edb_cell_adapter *a, uint32_t batch, uint32_t t) {
  contents c = {true, true, true, false};
  for (uint32_t k = 0; k < batch_size(a, batch); k++) {
    edb_ref ref = element(a, batch, t, k);
    c.statics &= is_static(a, ref) || ref.kind == EDB_REF_INDEX;
    c.inputs &= is_input(ref);
    for (uint32_t i = 0; i < k; i++) {
      edb_ref other = element(a, batch, t, i);
      bool same = other.kind == ref.kind && other.index == ref.index;
      c.repeated |= same;
      c.constant &= same || i > 0;
    }
  }
  return c;
}

/* Whether it matters where the values of a tuple stand. One value for all is read again and again;
 * parameters are packed; operators that stay apart read inputs where they are. */
static bool has_a_say(const edb_cell_adapter *a, uint32_t batch, uint32_t t) {
  if (t == 0) return true;
  contents c = contents_of(a, batch, t);
  return !c.constant && !c.statics && !(c.inputs && (c.repeated || !is_wide(a, batch)));
}

/* ---- Variables ------------------------------------------------------------------------------- */

/* Marks with 0 what needs a place: operands of concats ... */
static void mark_concats(edb_cell_adapter *a) {
  for (uint32_t op = 0; op < a->cell->n_ops; op++) {
    if (a->batching->role[op] != EDB_ROLE_SEQUENCE) continue;
    for (uint32_t i = 0; i < a->cell->ops[op].n_operands; i++) {
      edb_ref ref = edb_batching_value(a->batching, edb_batching_operand(a->batching, op, i));
      if (is_input(ref))
        *input_variable(a, ref) = 0;
      else if (has_role(a, ref, EDB_ROLE_KERNEL))
        a->op_variable[ref.index] = 0;
    }
  }
}

/* ... and inputs beside each other in wide operators. */
static void mark_inputs(edb_cell_adapter *a) {
  for (uint32_t b = 0; b < a->batching->n_batches; b++)
    for (uint32_t t = 1; batch_size(a, b) > 1 && t < tuple_count(a, b); t++) {
      if (!contents_of(a, b, t).inputs || !has_a_say(a, b, t)) continue;
      for (uint32_t k = 0; k < batch_size(a, b); k++) *input_variable(a, element(a, b, t, k)) = 0;
    }
}

/* Outputs are made where they are wanted, unless a concat needs them. */
static void mark_direct(edb_cell_adapter *a) {
  for (uint32_t o = 0; o < a->cell->sig.n_outputs; o++) {
    edb_ref ref = edb_batching_value(a->batching, a->cell->outputs[o].value);
    if (has_role(a, ref, EDB_ROLE_KERNEL) && a->op_variable[ref.index] != 0)
      a->out->direct[ref.index] = 1;
  }
}

void edb_cell_add_variable(edb_cell_adapter *a, edb_ref ref, uint32_t *variable) {
  *variable = a->out->n_variables++;
  a->out->variables[*variable] = ref;
  a->bytes[*variable] = bytes_of(a, ref);
}

/* Inputs first: the order of creation. */
static void number_variables(edb_cell_adapter *a) {
  uint32_t n_inputs = a->cell->sig.n_inputs;
  for (uint32_t i = 0; i < n_inputs + a->cell->sig.n_dense; i++) {
    edb_ref ref = {.kind = i < n_inputs ? EDB_REF_INPUT : EDB_REF_DENSE,
                   .index = i < n_inputs ? i : i - n_inputs};
    if (a->input_variable[i] == 0) edb_cell_add_variable(a, ref, &a->input_variable[i]);
  }
  for (uint32_t op = 0; op < a->cell->n_ops; op++)
    if (a->batching->role[op] == EDB_ROLE_KERNEL && !a->out->direct[op])
      edb_cell_add_variable(a, (edb_ref){.kind = EDB_REF_OP, .index = op}, &a->op_variable[op]);
}

/* ---- The problem ----------------------------------------------------------------------------- */

static void add_elements(edb_cell_adapter *a, uint32_t batch, uint32_t t, uint32_t id) {
  for (uint32_t k = 0; k < batch_size(a, batch); k++)
    if (a->group[k] == id) a->elements[a->n_elements++] = variable_of(a, element(a, batch, t, k));
}

/* A problem batch of the operators of one group; mask: tuples that cannot be placed, or need not.
 */
static void add_group(edb_cell_adapter *a, uint32_t batch, uint32_t id, uint32_t mask) {
  edb_arrange_batch *p = &a->batches[a->n_batches];
  *p = (edb_arrange_batch){.elements = a->elements + a->n_elements};
  a->batch_of[a->n_batches++] = a->n_group_ops;
  for (uint32_t k = 0; k < batch_size(a, batch); k++) {
    if (a->group[k] != id) continue;
    a->group_ops[a->n_group_ops++] = element(a, batch, 0, k).index;
    p->size++;
  }
  for (uint32_t t = 0; t < tuple_count(a, batch); t++) {
    if (t > 0 && (mask >> t & 1)) continue;
    add_elements(a, batch, t, id);
    p->n_tuples++;
  }
}

/* Operators whose values have a place in the same tuples are a group: outputs have none, nor have
 * parts of values. */
static void add_kernels(edb_cell_adapter *a, uint32_t batch) {
  uint32_t size = batch_size(a, batch), say = 0;
  for (uint32_t t = 0; t < tuple_count(a, batch); t++)
    say |= (uint32_t)(size > 1 && has_a_say(a, batch, t)) << t;
  for (uint32_t k = 0; k < size; k++) {
    a->group[k] = 0;
    for (uint32_t t = 0; t < tuple_count(a, batch); t++)
      if (variable_of(a, element(a, batch, t, k)) == EDB_ARRANGE_OUTSIDE)
        a->group[k] |= say & 1u << t;
  }
  for (uint32_t id = 0; id < 1u << MOST_TUPLES; id++)
    for (uint32_t k = 0; k < size; k++) {
      if (a->group[k] != id) continue;
      add_group(a, batch, id, id | ~say);
      break;
    }
}

/* The operand of a product with a parameter; false: of two values. */
static bool stack_operand(const edb_cell_adapter *a, uint32_t batch, uint32_t k, edb_ref *operand) {
  if (a->cell->ops[first_op(a, batch)].kind != EDB_OP_PRODUCT) return false;
  for (uint32_t t = 1; t <= 2; t++) {
    *operand = element(a, batch, 3 - t, k);
    if (element(a, batch, t, k).kind == EDB_REF_PARAM) return true;
  }
  return false;
}

/* Products of one operand stack if their results stand together, also among others. */
static void add_stacks(edb_cell_adapter *a, uint32_t batch) {
  edb_ref ref, other;
  uint32_t size = batch_size(a, batch);
  for (uint32_t k = 0; k < size; k++) a->group[k] = k;
  for (uint32_t k = 0; k < size; k++) {
    uint32_t members = 1;
    if (!stack_operand(a, batch, k, &ref)) return;
    if (a->group[k] != k) continue;
    for (uint32_t i = k + 1; i < size; i++) {
      if (!stack_operand(a, batch, i, &other) || other.kind != ref.kind || other.index != ref.index)
        continue;
      a->group[i] = k;
      members++;
    }
    if (members == 1 || members == size) continue;
    a->batches[a->n_batches] = (edb_arrange_batch){
        .size = members, .n_tuples = 1, .elements = a->elements + a->n_elements};
    a->batch_of[a->n_batches++] = NOT_RUN;
    add_elements(a, batch, 0, k);
  }
}

/* The value that a view shows columns of, and the first of these. */
static edb_ref base_of(const edb_cell_adapter *a, edb_ref ref, size_t *first) {
  *first = 0;
  while (has_role(a, ref, EDB_ROLE_VIEW)) {
    const edb_ir_op *op = &a->cell->ops[ref.index];
    ref = edb_batching_operand(a->batching, ref.index, 0);
    bool variadic;
    edb_shape shape = edb_ir_ref_shape(a->batching->program, a->cell, ref, &variadic);
    if (op->kind == EDB_OP_SLICE && shape.rank > 0)
      *first += op->immediate[0] * (edb_shape_size(shape) / shape.dim[0]);
  }
  return ref;
}

/* Whether tuple t has parts of one value that stand side by side in it; order[] then gets the
 * operators of the batch, by their positions, as these parts stand. */
static bool follow_parts(edb_cell_adapter *a, uint32_t batch, uint32_t t) {
  size_t first, next = 0;
  edb_ref base = base_of(a, element(a, batch, t, 0), &first), other;
  for (uint32_t k = 0; k < batch_size(a, batch); k++) {
    size_t at = 0;
    uint32_t i = k;
    other = base_of(a, element(a, batch, t, k), &first);
    if (other.kind != base.kind || other.index != base.index) return false;
    for (; i > 0; i--) { /* by insertion */
      (void)base_of(a, element(a, batch, t, a->order[i - 1]), &at);
      if (at < first) break;
      a->order[i] = a->order[i - 1];
    }
    a->order[i] = k;
  }
  for (uint32_t k = 0; k < batch_size(a, batch); k++) {
    edb_ref ref = element(a, batch, t, a->order[k]);
    (void)base_of(a, ref, &first);
    if (k > 0 && first != next) return false;
    next = first + bytes_of(a, ref) / sizeof(float);
  }
  return true;
}

/* Parts of one value stand as they do: results that are made of them shall follow. */
static void add_parts(edb_cell_adapter *a, uint32_t batch) {
  uint32_t size = batch_size(a, batch), *e = a->elements + a->n_elements;
  for (uint32_t t = 1; size > 1 && is_wide(a, batch) && t < tuple_count(a, batch); t++) {
    if (!has_role(a, element(a, batch, t, 0), EDB_ROLE_VIEW) || !follow_parts(a, batch, t))
      continue;
    for (uint32_t k = 0; k < size; k++) e[k] = variable_of(a, element(a, batch, 0, a->order[k]));
    a->batches[a->n_batches] =
        (edb_arrange_batch){.size = size, .n_tuples = 1, .elements = e, .in_order = true};
    a->batch_of[a->n_batches++] = NOT_RUN;
    a->n_elements += size;
    return;
  }
}

/* The parts of a concat among its operands' stand as they do there. */
static void add_sequence(edb_cell_adapter *a, uint32_t op) {
  uint32_t size = a->batching->parts[op], *e = a->elements + a->n_elements, n = 0;
  for (uint32_t i = 0; i < a->cell->ops[op].n_operands; i++) {
    edb_ref ref = edb_batching_value(a->batching, edb_batching_operand(a->batching, op, i));
    if (!has_role(a, ref, EDB_ROLE_SEQUENCE)) {
      e[n++] = variable_of(a, ref);
      continue;
    }
    const edb_arrange_batch *inner = &a->batches[a->sequence[ref.index]];
    memcpy(e + n, inner->elements, inner->size * sizeof *e);
    n += inner->size;
  }
  EDB_ASSERT(n == size);
  a->sequence[op] = a->n_batches;
  a->concat_of[a->n_batches] = op;
  a->batches[a->n_batches] =
      (edb_arrange_batch){.size = size, .n_tuples = 1, .elements = e, .in_order = true};
  a->batch_of[a->n_batches++] = NOT_RUN;
  a->n_elements += size;
}

static void make_problem(edb_cell_adapter *a) {
  for (uint32_t b = 0; b < a->batching->n_batches; b++) {
    add_kernels(a, b);
    add_stacks(a, b);
    add_parts(a, b);
  }
  for (uint32_t op = 0; op < a->cell->n_ops; op++)
    if (a->batching->role[op] == EDB_ROLE_SEQUENCE) add_sequence(a, op);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

typedef struct sizes {
  size_t batches, elements;
} sizes;

/* At most: every operator a group, half of them in stacks of two or batches that follow parts. */
static sizes count(const edb_cell_adapter *a) {
  const edb_batching *b = a->batching;
  sizes s = {.batches = 2 * (size_t)a->cell->n_ops};
  for (uint32_t i = 0; i < b->n_batches; i++)
    s.elements += ((size_t)tuple_count(a, i) + 1) * batch_size(a, i);
  for (uint32_t op = 0; op < a->cell->n_ops; op++)
    if (b->role[op] == EDB_ROLE_SEQUENCE) s.elements += b->parts[op];
  return s;
}

/* The arrays of the adapter, the largest elements first. false: no memory. */
static bool alloc_arrays(edb_cell_adapter *a) {
  sizes s = count(a);
  uint32_t n_ops = a->cell->n_ops, n_inputs = a->cell->sig.n_inputs + a->cell->sig.n_dense;
  a->memory_bytes = s.batches * sizeof *a->batches + a->out->room * sizeof *a->bytes +
                    (5 * (size_t)n_ops + n_inputs + 2 * s.batches + s.elements) * sizeof(uint32_t) +
                    1;
  a->memory = edb_alloc(a->ctx, a->memory_bytes);
  if (!a->memory) return false;
  a->batches = a->memory;
  a->bytes = (size_t *)(void *)(a->batches + s.batches);
  a->op_variable = (uint32_t *)(void *)(a->bytes + a->out->room);
  a->input_variable = a->op_variable + n_ops;
  a->sequence = a->input_variable + n_inputs;
  a->concat_of = a->sequence + n_ops;
  a->group_ops = a->concat_of + s.batches;
  a->group = a->group_ops + n_ops;
  a->order = a->group + n_ops;
  a->batch_of = a->order + n_ops;
  a->elements = a->batch_of + s.batches;
  memset(a->op_variable, 0xff, (2 * (size_t)n_ops + n_inputs + s.batches) * sizeof(uint32_t));
  return true;
}

/* ---- The solution ---------------------------------------------------------------------------- */

/* The operators of each group as they run. Groups lie in group_ops as the batches lie in the
 * batching, so what comes out is the batches' operators. */
static void read_operators(edb_cell_adapter *a, const edb_arrangement *r) {
  const uint32_t *operators = r->operators;
  uint32_t *ops = a->batching->ops;
  for (uint32_t b = 0; b < a->n_batches; b++) {
    uint32_t at = a->batch_of[b];
    for (uint32_t k = 0; at != NOT_RUN && k < a->batches[b].size; k++)
      ops[at + k] = a->group_ops[at + operators[k]];
    operators += a->batches[b].size;
  }
}

/* Products that could not be kept together run as their results stand, so that they stack. */
static void sort_products(edb_cell_adapter *a, const uint32_t *place) {
  for (uint32_t b = 0; b < a->batching->n_batches; b++) {
    uint32_t *ops = a->batching->ops + a->batching->batch_start[b];
    if (a->cell->ops[ops[0]].kind != EDB_OP_PRODUCT) continue;
    for (uint32_t i = 1; i < batch_size(a, b); i++) { /* by insertion: stable */
      uint32_t op = ops[i], v = a->op_variable[op], j = i;
      for (; j > 0; j--) {
        uint32_t before = a->op_variable[ops[j - 1]];
        if (v == EDB_ARRANGE_OUTSIDE || before == EDB_ARRANGE_OUTSIDE || place[before] < place[v])
          break;
        ops[j] = ops[j - 1];
      }
      ops[j] = op;
    }
  }
}

edb_status edb_cell_solve(edb_cell_adapter *a, edb_arrangement **out) {
  edb_arrange_problem problem = {.n_variables = a->out->n_variables,
                                 .bytes = a->bytes,
                                 .n_batches = a->n_batches,
                                 .batches = a->batches};
  return edb_arrange(a->ctx, &problem, out, a->error);
}

/* Variables as they stand; by then their bytes are of no use, so their room serves. */
static void read_order(edb_cell_adapter *a, const edb_arrangement *r) {
  if (r->n_variables == 0) return;
  uint32_t *place = (uint32_t *)(void *)a->bytes, n = r->n_variables;
  edb_ref *variables = a->out->variables, *before = variables + n;
  uint8_t *copy = a->out->copy, *copy_before = copy + n;
  memcpy(before, variables, n * sizeof *before);
  memcpy(copy_before, copy, n);
  for (uint32_t i = 0; i < n; i++) {
    place[r->order[i]] = i;
    variables[i] = before[r->order[i]];
    copy[i] = copy_before[r->order[i]];
  }
  sort_products(a, place);
}

/* Concats that begin where their first value stands. */
static void read_concats(edb_cell_adapter *a, const edb_arrangement *r) {
  const uint8_t *fate = r->fate;
  const uint32_t *place = (const uint32_t *)(const void *)a->bytes;
  for (uint32_t b = 0; b < a->n_batches; fate += a->batches[b++].n_tuples)
    if (a->concat_of[b] != EDB_CONCAT_NONE && *fate == EDB_TUPLE_PLACED)
      a->out->concat[a->concat_of[b]] = place[a->batches[b].elements[0]];
}

static edb_status solve(edb_cell_adapter *a) {
  edb_arrangement *solution = NULL, *better = NULL;
  EDB_TRY(edb_cell_solve(a, &solution));
  edb_status status = EDB_OK;
  if (solution->n_copied > 0) status = edb_cell_solve_with_copies(a, solution, &better);
  const edb_arrangement *best = better ? better : solution;
  if (status == EDB_OK) {
    a->out->exact = solution->exact;
    read_operators(a, best);
    read_order(a, best);
    read_concats(a, best);
  }
  edb_arrangement_destroy(better);
  edb_arrangement_destroy(solution);
  return status;
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* All variables there can be, twice: values, and what concats are made of. */
static uint32_t most_variables(const edb_batching *b) {
  uint32_t n = b->cell->n_ops + b->cell->sig.n_inputs + b->cell->sig.n_dense;
  for (uint32_t op = 0; op < b->cell->n_ops; op++)
    if (b->role[op] == EDB_ROLE_SEQUENCE) n += b->parts[op];
  return 2 * n;
}

static size_t arrangement_bytes(const edb_cell_arrangement *r, uint32_t n_ops) {
  return r->room * (sizeof *r->variables + sizeof *r->copy) + n_ops * (sizeof *r->concat + 1);
}

/* Takes over the batching. */
static edb_status new_arrangement(edb_context *ctx, edb_batching *batching,
                                  edb_cell_arrangement **out, edb_error *error) {
  edb_cell_arrangement *r = edb_alloc_zero(ctx, sizeof *r);
  if (!r) {
    edb_batching_destroy(batching);
    return edb_fail_memory(error, sizeof *r, "the arrangement of a cell");
  }
  *r = (edb_cell_arrangement){.ctx = ctx, .batching = batching, .room = most_variables(batching)};
  *out = r;
  uint32_t n_ops = batching->cell->n_ops;
  size_t bytes = arrangement_bytes(r, n_ops);
  r->variables = edb_alloc_zero(ctx, bytes);
  if (bytes == 0) return EDB_OK;
  if (!r->variables) return edb_fail_memory(error, bytes, "the arrangement of a cell");
  r->concat = (uint32_t *)(void *)(r->variables + r->room);
  r->copy = (uint8_t *)(r->concat + n_ops);
  r->direct = r->copy + r->room;
  memset(r->concat, 0xff, n_ops * sizeof *r->concat);
  return EDB_OK;
}

edb_status edb_cell_adapter_open(edb_cell_adapter *a, const edb_program *program, uint32_t cell,
                                 edb_layout layout, bool *planned) {
  edb_batching *batching = NULL;
  a->cell = &program->cells[cell];
  EDB_TRY(edb_batching_create(a->ctx, program, cell, &batching, a->error));
  EDB_TRY(new_arrangement(a->ctx, batching, &a->out, a->error));
  a->batching = a->out->batching;
  if (!alloc_arrays(a))
    return edb_fail_memory(a->error, a->memory_bytes, "the arrangement of a cell");
  *planned = layout == EDB_LAYOUT_PLANNED && a->cell->n_ops <= EDB_ARRANGE_MAX_VARIABLES;
  mark_concats(a);
  if (a->cell->n_ops <= EDB_ARRANGE_MAX_VARIABLES) mark_inputs(a);
  mark_direct(a);
  number_variables(a);
  if (*planned) make_problem(a);
  return EDB_OK;
}

void edb_cell_adapter_close(edb_cell_adapter *a) {
  edb_free(a->ctx, a->memory, a->memory ? a->memory_bytes : 0);
  edb_cell_arrangement_destroy(a->out);
}

edb_status edb_cell_arrange(edb_context *ctx, const edb_program *program, uint32_t cell,
                            edb_layout layout, edb_cell_arrangement **out, edb_error *error) {
  edb_cell_adapter a = {.ctx = ctx, .error = error};
  bool planned = false;
  edb_status status = edb_cell_adapter_open(&a, program, cell, layout, &planned);
  if (status == EDB_OK && planned) status = solve(&a);
  if (status == EDB_OK) {
    *out = a.out;
    a.out = NULL;
  }
  edb_cell_adapter_close(&a);
  return status;
}

void edb_cell_arrangement_destroy(edb_cell_arrangement *r) {
  if (!r) return;
  edb_context *ctx = r->ctx;
  edb_free(ctx, r->variables, r->variables ? arrangement_bytes(r, r->batching->cell->n_ops) : 0);
  edb_batching_destroy(r->batching);
  edb_free(ctx, r, sizeof *r);
}
