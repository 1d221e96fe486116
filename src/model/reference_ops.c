/* model/reference_ops.c: what every operator computes, in float64, written for the eye: the oracle.
 *
 * One function per operator, named in the reference column of EDB_OP_LIST. Nothing here is fast,
 * blocked or reordered; sums run in ascending order. Operands have been checked by the shape rules
 * (model/shapes.c) when the cell was made, so shapes that do not fit are bugs, not input. */
#include <math.h>
#include <string.h>

#include "model/ir.h"

#define LAYER_NORM_EPSILON 1e-5

/* ---- Access to operands ---------------------------------------------------------------------- */

static const double *data_of(const edb_reference_args *args, uint32_t operand) {
  return args->operands[operand].elements[0];
}

static size_t size_of(const edb_reference_args *args, uint32_t operand) {
  return edb_shape_size(args->operands[operand].shape);
}

/* Length of a row: of the last axis of a vector or a matrix. A scalar is one row of one. */
static size_t row_length(edb_shape shape) {
  return shape.rank == 0 ? 1 : shape.dim[shape.rank - 1];
}

/* What an operand of a binary operator gives to entry i of the result: a scalar itself, a vector
 * beside a matrix the entry of that row, else its own entry i. */
static double broadcast_at(const edb_reference_operand *operand, edb_shape result, size_t i) {
  const double *x = operand->elements[0];
  if (operand->shape.rank == 0) return x[0];
  if (operand->shape.rank == 1 && result.rank == 2) return x[i / result.dim[1]];
  return x[i];
}

/* ---- Entry by entry -------------------------------------------------------------------------- */

#define BINARY(name, expression)                                   \
  static void reference_##name(const edb_reference_args *args) {   \
    size_t size = edb_shape_size(args->shape);                     \
    for (size_t i = 0; i < size; i++) {                            \
      double a = broadcast_at(&args->operands[0], args->shape, i); \
      double b = broadcast_at(&args->operands[1], args->shape, i); \
      args->out[0][i] = (expression);                              \
    }                                                              \
  }

BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a *b)
BINARY(div, a / b)
BINARY(min, a < b ? a : b)
BINARY(max, a > b ? a : b)

#define UNARY(name, expression)                                  \
  static void reference_##name(const edb_reference_args *args) { \
    size_t size = edb_shape_size(args->shape);                   \
    for (size_t i = 0; i < size; i++) {                          \
      double x = data_of(args, 0)[i];                            \
      args->out[0][i] = (expression);                            \
    }                                                            \
  }

UNARY(neg, -x)
UNARY(sigmoid, 1 / (1 + exp(-x)))
UNARY(tanh, tanh(x))
UNARY(relu, x > 0 ? x : 0)
UNARY(gelu, 0.5 * x * (1 + erf(x / sqrt(2))))
UNARY(exp, exp(x))
UNARY(log, log(x))
UNARY(sqrt, sqrt(x))
UNARY(abs, fabs(x))
UNARY(sin, sin(x))
UNARY(cos, cos(x))
UNARY(identity, x) /* reshape; dropout outside training */

/* ---- Products -------------------------------------------------------------------------------- */

/* [M, K] @ [K] -> [M];  [M, K] @ [K, N] -> [M, N];  [K] @ [K, N] -> [N]. A vector on the left
 * counts as one row, a vector on the right as one column. */
static void reference_product(const edb_reference_args *args) {
  const edb_shape *left = &args->operands[0].shape, *right = &args->operands[1].shape;
  size_t rows = left->rank == 2 ? left->dim[0] : 1;
  size_t depth = right->dim[0];
  size_t columns = right->rank == 2 ? right->dim[1] : 1;
  const double *a = data_of(args, 0), *b = data_of(args, 1);
  for (size_t m = 0; m < rows; m++) {
    for (size_t n = 0; n < columns; n++) {
      double sum = 0;
      for (size_t k = 0; k < depth; k++) sum += a[m * depth + k] * b[k * columns + n];
      args->out[0][m * columns + n] = sum;
    }
  }
}

static void reference_dot(const edb_reference_args *args) {
  double sum = 0;
  for (size_t k = 0; k < size_of(args, 0); k++) sum += data_of(args, 0)[k] * data_of(args, 1)[k];
  args->out[0][0] = sum;
}

/* ---- Row by row ------------------------------------------------------------------------------ */

static double largest(const double *x, size_t count) {
  double max = x[0];
  for (size_t i = 1; i < count; i++) max = x[i] > max ? x[i] : max;
  return max;
}

/* log(sum of exp(x[i])), with the largest taken out so that no exp overflows. */
static double log_sum_exp(const double *x, size_t count) {
  double max = largest(x, count), sum = 0;
  for (size_t i = 0; i < count; i++) sum += exp(x[i] - max);
  return max + log(sum);
}

static void reference_softmax(const edb_reference_args *args) {
  size_t columns = row_length(args->shape), size = edb_shape_size(args->shape);
  for (size_t row = 0; row < size; row += columns) {
    const double *x = data_of(args, 0) + row;
    double *y = args->out[0] + row, max = largest(x, columns), sum = 0;
    for (size_t i = 0; i < columns; i++) sum += y[i] = exp(x[i] - max);
    for (size_t i = 0; i < columns; i++) y[i] /= sum;
  }
}

static void reference_log_softmax(const edb_reference_args *args) {
  size_t columns = row_length(args->shape), size = edb_shape_size(args->shape);
  for (size_t row = 0; row < size; row += columns) {
    const double *x = data_of(args, 0) + row;
    double total = log_sum_exp(x, columns);
    for (size_t i = 0; i < columns; i++) args->out[0][row + i] = x[i] - total;
  }
}

/* gain * (x - mean) / sqrt(variance + epsilon) + bias, variance = mean of (x - mean)^2. */
static void reference_layer_norm(const edb_reference_args *args) {
  size_t columns = row_length(args->shape), size = edb_shape_size(args->shape);
  const double *gain = data_of(args, 1), *bias = data_of(args, 2);
  for (size_t row = 0; row < size; row += columns) {
    const double *x = data_of(args, 0) + row;
    double mean = 0, variance = 0;
    for (size_t i = 0; i < columns; i++) mean += x[i] / (double)columns;
    for (size_t i = 0; i < columns; i++) {
      variance += (x[i] - mean) * (x[i] - mean) / (double)columns;
    }
    double scale = 1 / sqrt(variance + LAYER_NORM_EPSILON);
    for (size_t i = 0; i < columns; i++) {
      args->out[0][row + i] = gain[i] * (x[i] - mean) * scale + bias[i];
    }
  }
}

/* ---- To one number --------------------------------------------------------------------------- */

static void reference_sum(const edb_reference_args *args) {
  double sum = 0;
  for (size_t i = 0; i < size_of(args, 0); i++) sum += data_of(args, 0)[i];
  args->out[0][0] = sum;
}

static void reference_mean(const edb_reference_args *args) {
  reference_sum(args);
  args->out[0][0] /= (double)size_of(args, 0);
}

static void reference_maximum(const edb_reference_args *args) {
  args->out[0][0] = largest(data_of(args, 0), size_of(args, 0));
}

static void reference_argmax(const edb_reference_args *args) {
  const double *x = data_of(args, 0);
  size_t first = 0;
  for (size_t i = 1; i < size_of(args, 0); i++) first = x[i] > x[first] ? i : first;
  args->out[0][0] = (double)first;
}

static void reference_cross_entropy(const edb_reference_args *args) {
  const double *x = data_of(args, 0);
  double label = data_of(args, 1)[0];
  args->out[0][0] = label < 0 ? 0 : log_sum_exp(x, size_of(args, 0)) - x[(size_t)label];
}

static void reference_squared_error(const edb_reference_args *args) {
  edb_shape shape = args->operands[0].shape;
  double sum = 0;
  for (size_t i = 0; i < edb_shape_size(shape); i++) {
    double difference = data_of(args, 0)[i] - broadcast_at(&args->operands[1], shape, i);
    sum += difference * difference;
  }
  args->out[0][0] = sum;
}

/* ---- Moving entries -------------------------------------------------------------------------- */

/* Along the first axis, which in row-major order is one after another. */
static void reference_concat(const edb_reference_args *args) {
  double *y = args->out[0];
  for (uint32_t i = 0; i < args->n_operands; i++) {
    memcpy(y, data_of(args, i), size_of(args, i) * sizeof *y);
    y += size_of(args, i);
  }
}

/* Entries (of a matrix: rows) immediate[0] .. immediate[1] - 1. */
static void reference_slice(const edb_reference_args *args) {
  size_t row = (size_t)args->shape.dim[1] * args->shape.dim[2];
  memcpy(args->out[0], data_of(args, 0) + args->immediate[0] * row,
         edb_shape_size(args->shape) * sizeof(double));
}

static void reference_transpose(const edb_reference_args *args) {
  size_t rows = args->shape.dim[0], columns = args->shape.dim[1];
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) {
      args->out[0][r * columns + c] = data_of(args, 0)[c * rows + r];
    }
  }
}

/* A matrix all of whose columns are the vector. */
static void reference_columns(const edb_reference_args *args) {
  size_t columns = args->shape.dim[1];
  for (size_t i = 0; i < edb_shape_size(args->shape); i++) {
    args->out[0][i] = data_of(args, 0)[i / columns];
  }
}

/* Entry number `index` of the table's first axis. */
static void reference_lookup(const edb_reference_args *args) {
  size_t size = edb_shape_size(args->shape);
  size_t index = (size_t)data_of(args, 1)[0];
  memcpy(args->out[0], data_of(args, 0) + index * size, size * sizeof(double));
}

/* ---- Over the elements of a variadic value --------------------------------------------------- */

static void reference_sum_over(const edb_reference_args *args) {
  const double *const *x = args->operands[0].elements;
  for (size_t i = 0; i < edb_shape_size(args->shape); i++) {
    double sum = 0;
    for (uint32_t e = 0; e < args->n_elements; e++) sum += x[e][i];
    args->out[0][i] = sum;
  }
}

static void reference_mean_over(const edb_reference_args *args) {
  reference_sum_over(args);
  for (size_t i = 0; i < edb_shape_size(args->shape); i++) args->out[0][i] /= args->n_elements;
}

static void reference_max_over(const edb_reference_args *args) {
  const double *const *x = args->operands[0].elements;
  for (size_t i = 0; i < edb_shape_size(args->shape); i++) {
    double max = x[0][i];
    for (uint32_t e = 1; e < args->n_elements; e++) max = x[e][i] > max ? x[e][i] : max;
    args->out[0][i] = max;
  }
}

/* Each entry on its own, across the elements. */
static void reference_softmax_over(const edb_reference_args *args) {
  const double *const *x = args->operands[0].elements;
  uint32_t n = args->n_elements;
  if (n == 0) return;
  for (size_t i = 0; i < edb_shape_size(args->shape); i++) {
    double max = x[0][i], sum = 0;
    for (uint32_t e = 1; e < n; e++) max = x[e][i] > max ? x[e][i] : max;
    for (uint32_t e = 0; e < n; e++) sum += args->out[e][i] = exp(x[e][i] - max);
    for (uint32_t e = 0; e < n; e++) args->out[e][i] /= sum;
  }
}

/* ---- The table ------------------------------------------------------------------------------- */

static const edb_op_info op_table[EDB_OP_COUNT] = {
#define OP_ROW(id, text, lo, hi, imm, shape, ref, grad) {text, lo, hi, imm, reference_##ref},
    EDB_OP_LIST(OP_ROW)
#undef OP_ROW
};

const edb_op_info *edb_op_get(edb_op_kind kind) {
  return (unsigned)kind < EDB_OP_COUNT ? &op_table[kind] : NULL;
}
