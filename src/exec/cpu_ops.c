/* exec/cpu_ops.c: one operator over some rows of a chunk, by its kernel; those that are elementwise
 * are in cpu_launch.c. What each operator means stands in docs/operators.md; the float64 twin of
 * both files is model/reference_ops.c. */
#include "exec/cpu.h"

/* The rows of one step: everything an operator needs. */
typedef struct rows {
  edb_frame *f;
  const edb_kernels *k;
  const edb_step *step;
  const edb_ir_op *op;
  size_t row; /* the first that the step was given; where a tile begins */
  size_t skip, count;
  size_t node;  /* whose elements these rows are, if the step is spread */
  size_t width; /* of the result */
  edb_block out;
} rows;

static edb_shape operand_shape(const rows *r, uint32_t i) {
  const edb_plan *plan = r->f->cell->plan;
  bool variadic;
  return edb_ir_ref_shape(plan->program, plan->cell, plan->cell->operands[r->op->operand_start + i],
                          &variadic);
}

static size_t operand_width(const rows *r, uint32_t i) {
  return r->f->cell->plan->slots[r->step->operand[i]].width;
}

static float *row_of(edb_block b, size_t i) {
  return b.data + (ptrdiff_t)i * b.stride;
}

/* Whether an operand is one row, that of the node whose elements these rows are. */
static bool is_of_node(const rows *r, uint32_t i) {
  return r->step->spread && r->f->cell->plan->slots[r->step->operand[i]].domain == EDB_DOMAIN_NODE;
}

static edb_block node_row(const rows *r, uint32_t i) {
  const float *const *apart = r->f->apart[r->step->operand[i]];
  edb_block b = r->f->blocks[r->step->operand[i]];
  b.data = apart ? (float *)(uintptr_t)apart[r->node] : row_of(b, r->node);
  b.stride = 0;
  return b;
}

static edb_block operand(const rows *r, uint32_t i) {
  if (is_of_node(r, i)) return node_row(r, i);
  edb_block b = edb_frame_rows(r->f, r->step->operand[i], r->row);
  b.data = row_of(b, r->skip);
  return b;
}

/* An operand as rows of `cols` numbers; a scalar stands for a whole row. */
static edb_span span(const rows *r, uint32_t i, size_t cols) {
  edb_block b = operand(r, i);
  return (edb_span){b.data, b.stride, operand_width(r, i) == 1 && cols != 1 ? 0 : 1};
}

/* ---- Along rows
 * ---------------------------------------------------------------------------------- */

/* softmax, log_softmax: of a vector, or of each row of a matrix. */
static void along_rows(const rows *r, edb_unary_fn fn) {
  if (r->op->shape.rank < 2) {
    fn(r->count, r->width, span(r, 0, r->width), r->out.data, r->out.stride);
    return;
  }
  edb_block x = operand(r, 0);
  size_t m = r->op->shape.dim[0], n = r->op->shape.dim[1];
  for (size_t i = 0; i < r->count; i++)
    fn(m, n, (edb_span){row_of(x, i), (ptrdiff_t)n, 1}, row_of(r->out, i), (ptrdiff_t)n);
}

/* One number per row, from all its entries. */
static void to_scalar(const rows *r, edb_unary_fn fn) {
  size_t cols = operand_width(r, 0);
  edb_block x = operand(r, 0);
  fn(r->count, cols, (edb_span){x.data, x.stride, 1}, r->out.data, r->out.stride);
}

static void two_to_scalar(const rows *r, edb_binary_fn fn) {
  edb_block a = operand(r, 0), b = operand(r, 1);
  fn(r->count, operand_width(r, 0), (edb_span){a.data, a.stride, 1},
     (edb_span){b.data, b.stride, 1}, r->out.data, r->out.stride);
}

static void layer_norm(const rows *r) {
  r->k->layer_norm(r->count, r->width, span(r, 0, r->width), span(r, 1, r->width),
                   span(r, 2, r->width), r->out.data, r->out.stride);
}

/* ---- Shapes ------------------------------------------------------------------------------------
 */

static void transpose(const rows *r) {
  edb_block x = operand(r, 0);
  size_t m = r->op->shape.dim[1], n = r->op->shape.dim[0];
  for (size_t i = 0; i < r->count; i++)
    r->k->transpose(m, n, row_of(x, i), (ptrdiff_t)n, row_of(r->out, i), (ptrdiff_t)m);
}

static void broadcast(const rows *r) {
  edb_block x = operand(r, 0);
  size_t m = r->op->shape.dim[0], n = r->op->shape.dim[1];
  for (size_t i = 0; i < r->count; i++)
    r->k->copy(m, n, (edb_span){row_of(x, i), 1, 0}, row_of(r->out, i), (ptrdiff_t)n);
}

/* ---- Indices -----------------------------------------------------------------------------------
 */

size_t edb_cpu_node_of(const edb_frame *f, uint32_t group, size_t element) {
  size_t low = 0, high = f->rows[EDB_DOMAIN_NODE];
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (f->first[group][middle] <= element)
      low = middle;
    else
      high = middle;
  }
  return low;
}

void edb_cpu_indices(edb_frame *f, const edb_step *step, size_t row, size_t count) {
  const edb_graph *g = f->graph;
  const int32_t *values = g->ints + f->cell->plan->cell->sig.n_variadic + step->index_attribute;
  for (size_t i = 0; i < count; i++) {
    size_t node = row + i;
    if (step->domain >= EDB_DOMAIN_GROUP)
      node = edb_cpu_node_of(f, step->domain - EDB_DOMAIN_GROUP, node);
    f->ids[i] = values[g->int_start[f->nodes[node] - g->base]];
  }
}

/* Indices from an attribute, or from the values of operand `i` (whole numbers in fp32). */
static void find_indices(const rows *r, uint32_t i) {
  if (r->step->index_attribute != UINT32_MAX) {
    edb_cpu_indices(r->f, r->step, r->row + r->skip, r->count);
    return;
  }
  edb_block x = operand(r, i);
  for (size_t n = 0; n < r->count; n++) {
    float value = *row_of(x, n);
    r->f->ids[n] = value >= 0 && value < 2147483648.0f ? (int32_t)value : -1;
  }
}

static edb_status bad_index(const rows *r, int32_t id, uint32_t bound) {
  return edb_fail(r->f->error, EDB_ERROR_ARGUMENT,
                  "cell %s: operator %s: index %d is not in 0 .. %u", r->f->cell->plan->cell->name,
                  edb_op_get(r->op->kind)->name, id, bound - 1);
}

static edb_status lookup(const rows *r) {
  uint32_t bound = operand_shape(r, 0).dim[0];
  const float *table = operand(r, 0).data;
  find_indices(r, 1);
  for (size_t i = 0; i < r->count; i++) {
    int32_t id = r->f->ids[i];
    if (id < 0 || (uint32_t)id >= bound) return bad_index(r, id, bound);
    r->f->pointers[i] = table + (size_t)id * r->width;
  }
  r->k->gather(r->count, r->width, r->f->pointers, r->out.data, r->out.stride);
  return EDB_OK;
}

/* Nodes without a label have index -1 and get a loss of 0, which cannot be read. */
static edb_status cross_entropy(const rows *r) {
  size_t cols = operand_width(r, 0);
  find_indices(r, 1);
  for (size_t i = 0; i < r->count; i++)
    if (r->f->ids[i] < -1 || (r->f->ids[i] >= 0 && (size_t)r->f->ids[i] >= cols))
      return bad_index(r, r->f->ids[i], (uint32_t)cols);
  edb_block x = operand(r, 0);
  r->k->cross_entropy(r->count, cols, (edb_span){x.data, x.stride, 1}, r->f->ids, r->out.data,
                      r->out.stride);
  return EDB_OK;
}

/* ---- Products of values ------------------------------------------------------------------------
 */

/* The factors of one row. */
typedef struct factors {
  const edb_matrix_part *a, *b; /* the left one, if it is a matrix; the right one */
  size_t n_a, n_b;
  size_t depth, columns;
} factors;

/* What stands below each other on the left stands so in the result. */
static void matrix_product(const rows *r, const factors *p, float *out) {
  ptrdiff_t a_stride = (ptrdiff_t)p->depth, stride = (ptrdiff_t)p->columns;
  for (size_t i = 0; i < p->n_a; i++) {
    size_t height = p->a[i].rows;
    if (stride == 0)
      r->k->matvec(height, p->depth, p->a[i].data, a_stride, p->b->data, out);
    else
      r->k->product_parts(height, p->columns, p->a[i].data, a_stride, p->n_b, p->b, stride, out,
                          stride);
    out += height * (stride == 0 ? 1 : p->columns);
  }
}

static edb_matrices find_matrices(const rows *r, uint32_t i, size_t columns) {
  size_t first = is_of_node(r, i) ? r->node : r->row + r->skip;
  edb_matrices m = edb_cpu_find_matrices(r->f, r->step->operand[i], columns, first);
  if (!m.rows[0]) m.block = operand(r, i);
  return m;
}

/* The forms that packed weights do not cover: each row of the batch has matrices of its own. A
 * vector on the left is a matrix of one row. */
static void product(const rows *r) {
  edb_shape sb = operand_shape(r, 1);
  edb_matrix_part a[EDB_MATRIX_PARTS] = {{0}}, b[EDB_MATRIX_PARTS] = {{0}};
  factors p = {.a = a, .b = b, .depth = sb.dim[0], .columns = sb.rank == 2 ? sb.dim[1] : 0};
  edb_matrices left = find_matrices(r, 0, p.depth);
  edb_matrices right = find_matrices(r, 1, sb.rank == 2 ? sb.dim[1] : 1);
  bool left_again = is_of_node(r, 0), right_again = is_of_node(r, 1);
  p.n_a = left.n_parts;
  p.n_b = right.n_parts;
  for (size_t i = 0; i < r->count; i++) {
    bool more = r->row + r->skip + i + 1 < r->f->rows[r->step->domain];
    edb_cpu_matrix_at(&left, left_again ? 0 : i, more && !left_again, a);
    edb_cpu_matrix_at(&right, right_again ? 0 : i, more && !right_again, b);
    matrix_product(r, &p, row_of(r->out, i));
  }
}

/* ---- Over the inputs of a node ------------------------------------------------------------------
 */

typedef void (*over_fn)(size_t, const uint32_t *, size_t, edb_rows_in, float *, ptrdiff_t);

/* Over the nodes row .. row + count - 1 of the chunk; `first` counts elements from its start. */
static void over(const rows *r, over_fn fn) {
  uint32_t slot = r->step->operand[0];
  edb_block x = r->f->blocks[slot], y = r->f->blocks[r->step->result];
  const uint32_t *first = r->f->first[r->step->group] + r->row;
  size_t y_row = r->step->domain == EDB_DOMAIN_NODE ? r->row : 0;
  fn(r->count, first, r->width, (edb_rows_in){x.data, x.stride, r->f->apart[slot]},
     y.data + (ptrdiff_t)y_row * y.stride, y.stride);
}

/* ---- Dispatch
 * ------------------------------------------------------------------------------------ */

static edb_status unexpected(const rows *r) {
  return edb_fail(r->f->error, EDB_ERROR_UNSUPPORTED, "cell %s: operator %s has no kernel",
                  r->f->cell->plan->cell->name, edb_op_get(r->op->kind)->name);
}

#define DONE(call) \
  call;            \
  return EDB_OK

static edb_status run_op(const rows *r) {
  switch (r->op->kind) {
  case EDB_OP_PRODUCT:
    DONE(product(r));
  case EDB_OP_DOT:
    DONE(two_to_scalar(r, r->k->dot));
  case EDB_OP_SQUARED_ERROR:
    DONE(two_to_scalar(r, r->k->squared_error));
  case EDB_OP_SOFTMAX:
    DONE(along_rows(r, r->k->softmax));
  case EDB_OP_LOG_SOFTMAX:
    DONE(along_rows(r, r->k->log_softmax));
  case EDB_OP_LAYER_NORM:
    DONE(layer_norm(r));
  case EDB_OP_SUM:
    DONE(to_scalar(r, r->k->sum));
  case EDB_OP_MEAN:
    DONE(to_scalar(r, r->k->mean));
  case EDB_OP_MAXIMUM:
    DONE(to_scalar(r, r->k->maximum));
  case EDB_OP_ARGMAX:
    DONE(to_scalar(r, r->k->argmax));
  case EDB_OP_TRANSPOSE:
    DONE(transpose(r));
  case EDB_OP_BROADCAST:
    DONE(broadcast(r));
  case EDB_OP_LOOKUP:
    return lookup(r);
  case EDB_OP_CROSS_ENTROPY:
    return cross_entropy(r);
  case EDB_OP_SUM_OVER:
    DONE(over(r, r->k->sum_over));
  case EDB_OP_MEAN_OVER:
    DONE(over(r, r->k->mean_over));
  case EDB_OP_MAX_OVER:
    DONE(over(r, r->k->max_over));
  case EDB_OP_SOFTMAX_OVER:
    DONE(over(r, r->k->softmax_over));
  default:
    return unexpected(r);
  }
}

/* Rows row .. row + count - 1 of one call, which begin at the tile. */
static rows rows_of(edb_frame *f, const edb_step *step, size_t row, size_t count) {
  const edb_plan *plan = f->cell->plan;
  return (rows){.f = f,
                .k = f->cpu->kernels,
                .step = step,
                .op = &plan->cell->ops[step->op],
                .row = row,
                .count = count,
                .width = plan->slots[step->result].width,
                .out = edb_frame_rows(f, step->result, row)};
}

/* Node after node: what elements take of their nodes is one row for each. */
static edb_status run_spread(rows *r) {
  uint32_t group = r->step->domain - EDB_DOMAIN_GROUP;
  size_t end = r->row + r->count;
  float *out = r->out.data;
  r->node = edb_cpu_node_of(r->f, group, r->row);
  for (size_t at = r->row; at < end; at += r->count, r->node++) {
    size_t next = edb_cpu_elements_end(r->f, group, r->node, end);
    r->skip = at - r->row;
    r->count = next - at;
    r->out.data = out + (ptrdiff_t)r->skip * r->out.stride;
    if (r->count > 0) EDB_TRY(run_op(r));
  }
  return EDB_OK;
}

edb_status edb_cpu_run_operators(edb_frame *f, const edb_step *step, size_t row, size_t count) {
  rows r = rows_of(f, step, row, count);
  return step->spread ? run_spread(&r) : run_op(&r);
}
