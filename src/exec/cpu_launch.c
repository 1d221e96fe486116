/* exec/cpu_launch.c: elementwise steps as records, made once per cell: which kernel runs, and where
 * its operands are. A launch is then some additions of addresses and one call. */
#include "exec/cpu.h"

/* ---- Which kernel -------------------------------------------------------------------------------
 */

static edb_launch of_one(edb_unary_fn fn) {
  return (edb_launch){.form = EDB_LAUNCH_UNARY, .fn.unary = fn};
}

static edb_launch of_two(edb_binary_fn fn) {
  return (edb_launch){.form = EDB_LAUNCH_BINARY, .fn.binary = fn};
}

static edb_launch of_more(edb_combined_fn fn) {
  return (edb_launch){.form = EDB_LAUNCH_COMBINED, .fn.combined = fn};
}

static edb_launch kernel_of_op(const edb_kernels *k, edb_op_kind kind) {
  switch (kind) {
  case EDB_OP_ADD:
    return of_two(k->add);
  case EDB_OP_SUB:
    return of_two(k->sub);
  case EDB_OP_MUL:
    return of_two(k->mul);
  case EDB_OP_DIV:
    return of_two(k->div);
  case EDB_OP_MIN:
    return of_two(k->min);
  case EDB_OP_MAX:
    return of_two(k->max);
  case EDB_OP_NEG:
    return of_one(k->neg);
  case EDB_OP_SIGMOID:
    return of_one(k->sigmoid);
  case EDB_OP_TANH:
    return of_one(k->tanh);
  case EDB_OP_RELU:
    return of_one(k->relu);
  case EDB_OP_GELU:
    return of_one(k->gelu);
  case EDB_OP_EXP:
    return of_one(k->exp);
  case EDB_OP_LOG:
    return of_one(k->log);
  case EDB_OP_SQRT:
    return of_one(k->sqrt);
  case EDB_OP_ABS:
    return of_one(k->abs);
  case EDB_OP_SIN:
    return of_one(k->sin);
  case EDB_OP_COS:
    return of_one(k->cos);
  default:
    return (edb_launch){.form = EDB_LAUNCH_NONE};
  }
}

static edb_launch kernel_of_fusion(const edb_kernels *k, edb_fusion fusion) {
  switch (fusion) {
  case EDB_FUSE_ADD_SIGMOID:
    return of_two(k->add_sigmoid);
  case EDB_FUSE_ADD_TANH:
    return of_two(k->add_tanh);
  case EDB_FUSE_TANH_MUL:
    return of_two(k->tanh_mul);
  case EDB_FUSE_MUL_TANH:
    return of_two(k->mul_tanh);
  case EDB_FUSE_MUL_ADD:
    return of_more(k->mul_add);
  case EDB_FUSE_ADD_MUL:
    return of_more(k->add_mul);
  case EDB_FUSE_ADD_ADD_SIGMOID:
    return of_more(k->add_add_sigmoid);
  case EDB_FUSE_ADD_ADD_TANH:
    return of_more(k->add_add_tanh);
  case EDB_FUSE_MUL_MUL_ADD:
    return of_more(k->mul_mul_add);
  case EDB_FUSE_COUNT:
    break;
  }
  return (edb_launch){.form = EDB_LAUNCH_NONE};
}

static edb_launch kernel_of(const edb_kernels *k, const edb_plan *plan, const edb_step *step) {
  switch (step->kind) {
  case EDB_STEP_COPY:
    return of_one(k->copy);
  case EDB_STEP_FUSED:
    return kernel_of_fusion(k, step->fusion);
  case EDB_STEP_OP:
    return kernel_of_op(k, plan->cell->ops[step->op].kind);
  case EDB_STEP_PRODUCT:
  case EDB_STEP_GATHER:
  case EDB_STEP_EXPAND:
    break;
  }
  return (edb_launch){.form = EDB_LAUNCH_NONE};
}

/* ---- Where operands are -------------------------------------------------------------------------
 */

/* A vector with a matrix acts on every column of the matrix: row m of the matrix with entry m. */
static void set_columns(edb_launch *l, const edb_plan *plan, const edb_step *step) {
  uint32_t a = plan->slots[step->operand[0]].width, b = plan->slots[step->operand[1]].width;
  if ((a == l->width || a == 1) && (b == l->width || b == 1)) return;
  edb_shape shape = plan->cell->ops[step->op].shape;
  l->form = EDB_LAUNCH_COLUMNS;
  l->rows = shape.dim[0];
  l->width = shape.dim[1];
  l->operand[0].col_stride = a == edb_shape_size(shape);
  l->operand[1].col_stride = !l->operand[0].col_stride;
}

edb_launch edb_cpu_launch_of(const edb_kernels *k, const edb_plan *plan, const edb_step *step) {
  edb_launch l = kernel_of(k, plan, step);
  if (l.form == EDB_LAUNCH_NONE) return l;
  l.width = plan->slots[step->result].width;
  l.result = (edb_launch_operand){.slot = step->result, .local = plan->slots[step->result].local};
  l.n_operands = step->n_operands;
  l.spread = step->spread;
  l.group = step->spread ? step->domain - EDB_DOMAIN_GROUP : 0;
  for (uint32_t i = 0; i < l.n_operands; i++) {
    const edb_slot *slot = &plan->slots[step->operand[i]];
    size_t column;
    uint32_t root = edb_plan_root(plan, step->operand[i], &column);
    l.operand[i] = (edb_launch_operand){
        .slot = step->operand[i],
        .root = root,
        .column = (uint32_t)column,
        .local = slot->local,
        .of_node = step->spread && slot->domain == EDB_DOMAIN_NODE,
        .col_stride = slot->width != 1 || l.width == 1,
    };
  }
  if (l.form == EDB_LAUNCH_BINARY && step->kind == EDB_STEP_OP) set_columns(&l, plan, step);
  return l;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

/* Some rows of one launch: those of a chunk from row `row` on, the first `skip` left out, of node
 * `node` if it is spread. */
typedef struct stretch {
  size_t row, skip, count, node;
} stretch;

static float *row_at(const edb_frame *f, const edb_launch_operand *o, const stretch *s) {
  edb_block b = f->blocks[o->slot];
  return b.data + (ptrdiff_t)((o->local ? 0 : s->row) + s->skip) * b.stride;
}

static void columns(const edb_launch *l, size_t count, const edb_span *x, edb_block out) {
  edb_span at[2];
  for (size_t i = 0; i < count; i++) {
    for (uint32_t k = 0; k < 2; k++) {
      at[k].data = x[k].data + (ptrdiff_t)i * x[k].row_stride;
      at[k].row_stride = x[k].col_stride ? (ptrdiff_t)l->width : 1;
      at[k].col_stride = x[k].col_stride;
    }
    l->fn.binary(l->rows, l->width, at[0], at[1], out.data + (ptrdiff_t)i * out.stride,
                 (ptrdiff_t)l->width);
  }
}

static void call(const edb_launch *l, size_t count, const edb_span *x, edb_block out) {
  switch (l->form) {
  case EDB_LAUNCH_UNARY:
    l->fn.unary(count, l->width, x[0], out.data, out.stride);
    break;
  case EDB_LAUNCH_BINARY:
    l->fn.binary(count, l->width, x[0], x[1], out.data, out.stride);
    break;
  case EDB_LAUNCH_COMBINED:
    l->fn.combined(count, l->width, x, out.data, out.stride);
    break;
  case EDB_LAUNCH_COLUMNS:
    columns(l, count, x, out);
    break;
  case EDB_LAUNCH_NONE:
    break;
  }
}

/* Rows asked for before they are read. */
#define ASKED_AHEAD 4

/* Rows of inputs that lie apart, one by one. */
static void call_apart(const edb_frame *f, const edb_launch *l, const stretch *s, const edb_span *x,
                       edb_block out) {
  for (size_t i = 0; i < s->count; i++, out.data += out.stride) {
    edb_span at[EDB_STEP_OPERANDS] = {{0}};
    for (uint32_t k = 0; k < l->n_operands; k++) {
      const edb_launch_operand *o = &l->operand[k];
      const float *const *apart = o->of_node ? NULL : f->apart[o->root];
      const float *const *from = apart ? apart + s->row + s->skip + i : NULL;
      at[k] = x[k];
      if (from && i + ASKED_AHEAD < s->count)
        edb_ask_row(from[ASKED_AHEAD] + o->column, l->width, false);
      at[k].data = from ? *from + o->column : x[k].data + (ptrdiff_t)i * x[k].row_stride;
    }
    call(l, 1, at, out);
  }
}

static void run(const edb_frame *f, const edb_launch *l, const stretch *s) {
  edb_span x[EDB_STEP_OPERANDS] = {{0}};
  bool is_apart = false;
  for (uint32_t i = 0; i < l->n_operands; i++) {
    const edb_launch_operand *o = &l->operand[i];
    const float *const *apart = f->apart[o->root];
    edb_block b = f->blocks[o->slot];
    x[i].col_stride = o->col_stride;
    if (o->of_node) {
      x[i].data = apart ? apart[s->node] + o->column : b.data + (ptrdiff_t)s->node * b.stride;
      x[i].row_stride = 0;
    } else {
      x[i].data = row_at(f, o, s);
      x[i].row_stride = b.stride;
      is_apart |= apart != NULL;
    }
  }
  edb_block out = {row_at(f, &l->result, s), f->blocks[l->result.slot].stride};
  if (is_apart)
    call_apart(f, l, s, x, out);
  else
    call(l, s->count, x, out);
}

/* Node after node: what elements take of their nodes is one row for each. */
static void run_spread(const edb_frame *f, const edb_launch *l, size_t row, size_t count) {
  size_t end = row + count, next;
  stretch s = {.row = row, .node = edb_cpu_node_of(f, l->group, row)};
  for (size_t at = row; at < end; at = next, s.node++) {
    next = edb_cpu_elements_end(f, l->group, s.node, end);
    s.skip = at - row;
    s.count = next - at;
    if (s.count > 0) run(f, l, &s);
  }
}

void edb_cpu_run_launch(const edb_frame *f, const edb_launch *l, size_t row, size_t count) {
  if (l->spread)
    run_spread(f, l, row, count);
  else
    run(f, l, &(stretch){.row = row, .count = count});
}
