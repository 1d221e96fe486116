/* model/shapes.c: shape inference: one function per shape rule of EDB_OP_LIST. Each checks the
 * operands of an operator and gives the shape of its result. docs/operators.md has the rules in one
 * table. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "model/model.h"

const char *edb_op_symbol(edb_op_kind kind) {
  switch (kind) {
  case EDB_OP_PRODUCT:
    return "@";
  case EDB_OP_ADD:
    return "+";
  case EDB_OP_SUB:
    return "-";
  case EDB_OP_MUL:
    return "*";
  case EDB_OP_DIV:
    return "/";
  default:
    return edb_op_get(kind)->name;
  }
}

bool edb_op_is_over(edb_op_kind kind) {
  return kind == EDB_OP_SUM_OVER || kind == EDB_OP_MEAN_OVER || kind == EDB_OP_MAX_OVER ||
         kind == EDB_OP_SOFTMAX_OVER;
}

edb_shape edb_ir_ref_shape(const edb_program *program, const edb_ir_cell *cell, edb_ref ref,
                           bool *variadic) {
  edb_shape scalar = {.rank = 0, .dim = {1, 1, 1}};
  *variadic = false;
  switch (ref.kind) {
  case EDB_REF_INPUT:
    *variadic = cell->sig.inputs[ref.index].variadic;
    return cell->input_shapes[ref.index];
  case EDB_REF_OP:
    *variadic = cell->ops[ref.index].variadic;
    return cell->ops[ref.index].shape;
  case EDB_REF_PARAM:
    return program->params[ref.index].shape;
  case EDB_REF_DENSE:
    return cell->dense_shapes[ref.index];
  case EDB_REF_INDEX:
  case EDB_REF_NUMBER:
    break;
  }
  return scalar;
}

double edb_ir_op_flops(const edb_program *program, const edb_ir_cell *cell, const edb_ir_op *op) {
  if (op->kind != EDB_OP_PRODUCT) return 0;
  bool variadic;
  edb_shape right =
      edb_ir_ref_shape(program, cell, cell->operands[op->operand_start + 1], &variadic);
  return 2.0 * (double)right.dim[0] * (double)edb_shape_size(op->shape);
}

/* "[256, 512]" in an error, or what a reference is called: "Ui", "the result of `@`". */
static const char *ref_text(const edb_model *model, const edb_ir_cell *cell, edb_ref ref,
                            char *buffer, size_t bytes) {
  const char *name = NULL;
  char number[EDB_NUMBER_BYTES];
  switch (ref.kind) {
  case EDB_REF_INPUT:
    name = cell->sig.inputs[ref.index].name;
    break;
  case EDB_REF_INDEX:
    name = cell->sig.indices[ref.index].name;
    break;
  case EDB_REF_DENSE:
    name = cell->sig.dense[ref.index].name;
    break;
  case EDB_REF_PARAM:
    name = model->params.data[ref.index].name;
    break;
  case EDB_REF_NUMBER:
    edb_number_print_double(number, cell->numbers[ref.index]);
    name = number;
    break;
  case EDB_REF_OP:
    name = cell->ops[ref.index].name;
    break;
  }
  if (name) {
    snprintf(buffer, bytes, "%s", name);
  } else {
    snprintf(buffer, bytes, "the result of \"%s\"", edb_op_symbol(cell->ops[ref.index].kind));
  }
  return buffer;
}

/* ---- What a rule sees ------------------------------------------------------------------------ */

typedef struct check {
  const edb_model *model;
  const edb_ir_cell *cell;
  const edb_ir_op *op;
  edb_error *error;
} check;

typedef edb_status (*shape_rule)(const check *c, edb_shape *out);

static edb_ref ref_at(const check *c, uint32_t i) {
  return c->cell->operands[c->op->operand_start + i];
}

static edb_shape shape_at(const check *c, uint32_t i) {
  bool variadic;
  return edb_ir_ref_shape(&c->model->program, c->cell, ref_at(c, i), &variadic);
}

/* Number of values that an index can have, or 0 if the operand is not an index. */
static bool index_bound(const check *c, uint32_t i, uint32_t *bound) {
  edb_ref ref = ref_at(c, i);
  if (ref.kind == EDB_REF_INDEX) {
    *bound = c->cell->sig.indices[ref.index].bound;
    return true;
  }
  if (ref.kind != EDB_REF_OP || !c->cell->ops[ref.index].is_index) return false;
  bool variadic;
  edb_ref scored = c->cell->operands[c->cell->ops[ref.index].operand_start];
  *bound = edb_ir_ref_shape(&c->model->program, c->cell, scored, &variadic).dim[0];
  return true;
}

static edb_status fail(const check *c, edb_status status, const char *format, ...) EDB_PRINTF(3, 4);

static edb_status fail(const check *c, edb_status status, const char *format, ...) {
  char text[EDB_ERROR_TEXT_BYTES / 2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return edb_fail_at(c->error, status, c->model->file, c->op->line, c->op->column,
                     "cell %s: \"%s\": %s", c->cell->name, edb_op_symbol(c->op->kind), text);
}

/* "e of shape [256]" of one operand; the names of the two texts that an error needs. */
typedef struct operand_text {
  char name[EDB_REF_TEXT_BYTES];
  char shape[EDB_SHAPE_TEXT_BYTES];
} operand_text;

static operand_text text_at(const check *c, uint32_t i) {
  operand_text text;
  ref_text(c->model, c->cell, ref_at(c, i), text.name, sizeof text.name);
  edb_shape_text(shape_at(c, i), text.shape, sizeof text.shape);
  return text;
}

/* "WANTED; found NAME of shape SHAPE" about one operand. */
static edb_status fail_operand(const check *c, uint32_t i, const char *wanted) {
  operand_text text = text_at(c, i);
  return fail(c, EDB_ERROR_SHAPE, "%s; found %s of shape %s", wanted, text.name, text.shape);
}

static edb_shape scalar_shape(void) {
  return (edb_shape){.rank = 0, .dim = {1, 1, 1}};
}

static edb_shape vector_shape(uint32_t n) {
  return (edb_shape){.rank = 1, .dim = {n, 1, 1}};
}

static edb_shape matrix_shape(uint32_t rows, uint32_t columns) {
  return (edb_shape){.rank = 2, .dim = {rows, columns, 1}};
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static edb_status fail_product(const check *c) {
  operand_text a = text_at(c, 0), b = text_at(c, 1);
  edb_shape left = shape_at(c, 0);
  if (left.rank == 0 || shape_at(c, 1).rank == 0) {
    return fail(
        c, EDB_ERROR_SHAPE,
        "both operands must be vectors or matrices (\"*\" multiplies by a scalar); found %s "
        "of shape %s and %s of shape %s",
        a.name, a.shape, b.name, b.shape);
  }
  if (left.rank == 1) {
    return fail(c, EDB_ERROR_SHAPE,
                "left operand %s is %s, so the right one must be a matrix with %u row%s (\"dot\" "
                "multiplies two vectors); found %s of shape %s",
                a.name, a.shape, left.dim[0], EDB_S(left.dim[0]), b.name, b.shape);
  }
  return fail(c, EDB_ERROR_SHAPE,
              "left operand %s is %s, so the right one must be a vector or matrix with %u row%s; "
              "found %s of shape %s",
              a.name, a.shape, left.dim[1], EDB_S(left.dim[1]), b.name, b.shape);
}

/* [M, K] @ [K] = [M];  [M, K] @ [K, N] = [M, N];  [K] @ [K, N] = [N] */
static edb_status rule_product(const check *c, edb_shape *out) {
  edb_shape a = shape_at(c, 0), b = shape_at(c, 1);
  bool fits = a.rank > 0 && b.rank > 0 && a.rank + b.rank > 2 && a.dim[a.rank - 1] == b.dim[0];
  if (!fits) return fail_product(c);
  if (a.rank == 1) {
    *out = vector_shape(b.dim[1]);
  } else {
    *out = b.rank == 1 ? vector_shape(a.dim[0]) : matrix_shape(a.dim[0], b.dim[1]);
  }
  return EDB_OK;
}

/* Both operands of one shape, which is `wanted` in words. */
static edb_status check_equal(const check *c) {
  if (edb_shape_equal(shape_at(c, 0), shape_at(c, 1))) return EDB_OK;
  operand_text a = text_at(c, 0), b = text_at(c, 1);
  return fail(c, EDB_ERROR_SHAPE,
              "the operands must have equal shapes; found %s of shape %s and %s of shape %s",
              a.name, a.shape, b.name, b.shape);
}

static edb_status rule_dot(const check *c, edb_shape *out) {
  if (shape_at(c, 0).rank != 1) return fail_operand(c, 0, "the first operand must be a vector");
  *out = scalar_shape();
  return check_equal(c);
}

/* Equal shapes; a scalar beside anything; a vector [M] beside a matrix [M, N]: over its columns. */
static edb_status rule_broadcast(const check *c, edb_shape *out) {
  edb_shape a = shape_at(c, 0), b = shape_at(c, 1);
  edb_shape larger = a.rank >= b.rank ? a : b, smaller = a.rank >= b.rank ? b : a;
  bool over_columns = larger.rank == 2 && smaller.rank == 1 && larger.dim[0] == smaller.dim[0];
  *out = larger;
  if (edb_shape_equal(a, b) || smaller.rank == 0 || over_columns) return EDB_OK;
  operand_text left = text_at(c, 0), right = text_at(c, 1);
  return fail(
      c, EDB_ERROR_SHAPE,
      "the operands must have equal shapes, or one is a scalar, or one a vector with as many "
      "entries as the other has rows; found %s of shape %s and %s of shape %s",
      left.name, left.shape, right.name, right.shape);
}

static edb_status rule_same(const check *c, edb_shape *out) {
  *out = shape_at(c, 0);
  return EDB_OK;
}

static edb_status rule_dropout(const check *c, edb_shape *out) {
  double rate = c->cell->numbers[c->op->immediate[0]];
  if (!(rate >= 0 && rate < 1)) {
    return fail(c, EDB_ERROR_FORMAT, "the rate must be at least 0 and less than 1; found %g", rate);
  }
  return rule_same(c, out);
}

/* Over each row: the last axis of a vector or a matrix. */
static edb_status rule_rows(const check *c, edb_shape *out) {
  *out = shape_at(c, 0);
  return out->rank > 0 ? EDB_OK : fail_operand(c, 0, "the operand must be a vector or a matrix");
}

static edb_status rule_layer_norm(const check *c, edb_shape *out) {
  *out = shape_at(c, 0);
  if (out->rank != 1) return fail_operand(c, 0, "the first operand must be a vector");
  for (uint32_t i = 1; i < 3; i++) {
    if (edb_shape_equal(shape_at(c, i), *out)) continue;
    operand_text x = text_at(c, 0), other = text_at(c, i);
    return fail(c, EDB_ERROR_SHAPE, "%s must have the shape %s of %s; found %s of shape %s",
                i == 1 ? "the gain" : "the bias", x.shape, x.name, other.name, other.shape);
  }
  return EDB_OK;
}

static edb_status rule_to_scalar(const check *c, edb_shape *out) {
  *out = scalar_shape();
  if (shape_at(c, 0).rank > 0) return EDB_OK;
  return fail_operand(c, 0, "the operand must be a vector or a matrix");
}

static edb_status rule_argmax(const check *c, edb_shape *out) {
  *out = scalar_shape();
  return shape_at(c, 0).rank == 1 ? EDB_OK : fail_operand(c, 0, "the operand must be a vector");
}

/* Along the first axis; a scalar counts as a vector of one. */
static edb_status rule_concat(const check *c, edb_shape *out) {
  uint64_t rows = 0;
  edb_shape first = shape_at(c, 0);
  for (uint32_t i = 0; i < c->op->n_operands; i++) {
    edb_shape shape = shape_at(c, i);
    bool fits = first.rank == 2 ? shape.rank == 2 && shape.dim[1] == first.dim[1] : shape.rank < 2;
    if (!fits) {
      operand_text a = text_at(c, 0), b = text_at(c, i);
      return fail(c, EDB_ERROR_SHAPE,
                  "the operands must be vectors and scalars, or matrices with equal numbers of "
                  "columns; found %s of shape %s and %s of shape %s",
                  a.name, a.shape, b.name, b.shape);
    }
    rows += shape.dim[0];
    if (rows > EDB_DIM_MAX) return fail(c, EDB_ERROR_LIMIT, "the result has too many rows");
  }
  *out =
      first.rank == 2 ? matrix_shape((uint32_t)rows, first.dim[1]) : vector_shape((uint32_t)rows);
  return EDB_OK;
}

static edb_status rule_slice(const check *c, edb_shape *out) {
  uint32_t from = c->op->immediate[0], to = c->op->immediate[1];
  *out = shape_at(c, 0);
  if (out->rank == 0) return fail_operand(c, 0, "the operand must be a vector or a matrix");
  if (from >= to || to > out->dim[0]) {
    operand_text x = text_at(c, 0);
    return fail(
        c, EDB_ERROR_SHAPE,
        "%u:%u is not a range of the first axis of %s, which has shape %s (it must hold that "
        "0 <= from < to <= %u)",
        from, to, x.name, x.shape, out->dim[0]);
  }
  out->dim[0] = to - from;
  return EDB_OK;
}

static edb_status rule_transpose(const check *c, edb_shape *out) {
  edb_shape x = shape_at(c, 0);
  if (x.rank != 2) return fail_operand(c, 0, "the operand must be a matrix");
  *out = matrix_shape(x.dim[1], x.dim[0]);
  return EDB_OK;
}

static edb_status rule_reshape(const check *c, edb_shape *out) {
  uint32_t rows = c->op->immediate[0], columns = c->op->immediate[1];
  *out = columns == 0 ? vector_shape(rows) : matrix_shape(rows, columns);
  /* Both are at most 2^31 - 1, so the product cannot leave 64 bits. */
  if (edb_shape_size(*out) == edb_shape_size(shape_at(c, 0))) return EDB_OK;
  char wanted[EDB_SHAPE_TEXT_BYTES];
  operand_text x = text_at(c, 0);
  return fail(c, EDB_ERROR_SHAPE,
              "the result %s must have as many elements as the operand; found %s of shape %s",
              edb_shape_text(*out, wanted, sizeof wanted), x.name, x.shape);
}

/* broadcast(v, n): n columns, each of them v. */
static edb_status rule_columns(const check *c, edb_shape *out) {
  edb_shape x = shape_at(c, 0);
  if (x.rank != 1) return fail_operand(c, 0, "the operand must be a vector");
  *out = matrix_shape(x.dim[0], c->op->immediate[0]);
  return EDB_OK;
}

static edb_status check_index(const check *c, uint32_t rows, const char *what) {
  uint32_t bound = 0;
  if (!index_bound(c, 1, &bound)) {
    return fail_operand(c, 1, "the second operand must be an index attribute or an argmax");
  }
  if (bound <= rows) return EDB_OK;
  operand_text table = text_at(c, 0), index = text_at(c, 1);
  return fail(c, EDB_ERROR_SHAPE, "%s has values 0 to %u, but %s of shape %s has only %u %s",
              index.name, bound - 1, table.name, table.shape, rows, what);
}

static edb_status rule_lookup(const check *c, edb_shape *out) {
  edb_shape table = shape_at(c, 0);
  if (ref_at(c, 0).kind != EDB_REF_PARAM) {
    return fail_operand(c, 0,
                        "only a parameter can be looked up in; entry i of a vector x as a "
                        "scalar is sum(x[i:i+1])");
  }
  if (table.rank == 0) return fail_operand(c, 0, "the table must have at least one axis");
  EDB_TRY(check_index(c, table.dim[0], "rows"));
  *out = (edb_shape){.rank = table.rank - 1, .dim = {table.dim[1], table.dim[2], 1}};
  return EDB_OK;
}

static edb_status rule_cross_entropy(const check *c, edb_shape *out) {
  edb_shape x = shape_at(c, 0);
  if (x.rank != 1) return fail_operand(c, 0, "the first operand must be a vector");
  *out = scalar_shape();
  return check_index(c, x.dim[0], "entries");
}

static edb_status rule_squared_error(const check *c, edb_shape *out) {
  *out = scalar_shape();
  return check_equal(c);
}

static bool is_variadic(const check *c, uint32_t i) {
  bool variadic;
  edb_ir_ref_shape(&c->model->program, c->cell, ref_at(c, i), &variadic);
  return variadic;
}

/* The elements of a group are reduced, entry by entry. */
static edb_status rule_over(const check *c, edb_shape *out) {
  if (!is_variadic(c, 0)) return fail_operand(c, 0, "the operand must be variadic");
  return rule_same(c, out);
}

static edb_status rule_over_map(const check *c, edb_shape *out) {
  return rule_over(c, out);
}

static const shape_rule rules[EDB_OP_COUNT] = {
#define RULE_ROW(id, name, lo, hi, imm, shape, ref, grad) rule_##shape,
    EDB_OP_LIST(RULE_ROW)
#undef RULE_ROW
};

/* What holds for all operators: indices and tables stand only where they mean something. */
static edb_status check_operands(const check *c) {
  for (uint32_t i = 0; i < c->op->n_operands; i++) {
    uint32_t bound;
    bool takes_index = c->op->kind == EDB_OP_LOOKUP || c->op->kind == EDB_OP_CROSS_ENTROPY;
    if (index_bound(c, i, &bound) && !(takes_index && i == 1)) {
      char name[EDB_REF_TEXT_BYTES];
      return fail(
          c, EDB_ERROR_SHAPE,
          "%s is an index; an index selects a row, \"E[i]\", or is the label of cross_entropy",
          ref_text(c->model, c->cell, ref_at(c, i), name, sizeof name));
    }
    if (shape_at(c, i).rank == 3 && c->op->kind != EDB_OP_LOOKUP) {
      return fail_operand(c, i, "a table of matrices can only be looked up in");
    }
  }
  return EDB_OK;
}

edb_status edb_op_infer(const edb_model *model, const edb_ir_cell *cell, edb_ir_op *op,
                        edb_error *error) {
  check c = {model, cell, op, error};
  edb_shape shape = {0};
  EDB_TRY(check_operands(&c));
  EDB_TRY(rules[op->kind](&c, &shape));
  /* Axes are at most 2^31 - 1 and values have at most two, so the size cannot leave 64 bits. */
  if (edb_shape_size(shape) > EDB_VALUE_ELEMENTS_MAX) {
    return fail(&c, EDB_ERROR_LIMIT, "the result has more than 2^31 - 1 elements");
  }
  op->shape = shape;
  return EDB_OK;
}
