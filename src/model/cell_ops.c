/* model/cell_ops.c: adding an operator to a cell: what its name means, its operands, the group of
 * variadic inputs it belongs to. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "model/model.h"

/* ---- Operators ------------------------------------------------------------------------------- */

uint32_t edb_cell_group(edb_cell *cell, uint32_t input) {
  edb_input_sig *inputs = cell->inputs.data;
  while (inputs[input].group != input) {
    inputs[input].group = inputs[inputs[input].group].group; /* halves the path */
    input = inputs[input].group;
  }
  return input;
}

/* The group of a variadic value; UINT32_MAX for any other. */
uint32_t edb_ref_group(edb_cell *cell, edb_ref ref) {
  if (ref.kind == EDB_REF_INPUT && cell->inputs.data[ref.index].variadic) {
    return edb_cell_group(cell, ref.index);
  }
  if (ref.kind == EDB_REF_OP && cell->ops.data[ref.index].variadic) {
    return edb_cell_group(cell, cell->ops.data[ref.index].group);
  }
  return UINT32_MAX;
}

/* Inputs mapped together form one group; its root is the first of them. */
static void join_groups(edb_cell *cell, uint32_t a, uint32_t b) {
  uint32_t first = a < b ? a : b, second = a < b ? b : a;
  cell->inputs.data[second].group = first;
}

static void set_group(edb_cell *cell, edb_ir_op *op) {
  op->group = UINT32_MAX;
  for (uint32_t i = 0; i < op->n_operands; i++) {
    uint32_t group = edb_ref_group(cell, cell->operands.data[op->operand_start + i]);
    if (group == UINT32_MAX) continue;
    if (op->group != UINT32_MAX && op->group != group) join_groups(cell, op->group, group);
    if (op->group == UINT32_MAX || group < op->group) op->group = group;
  }
  bool any = op->group != UINT32_MAX;
  op->variadic = any && (!edb_op_is_over(op->kind) || op->kind == EDB_OP_SOFTMAX_OVER);
  if (!any) op->group = 0;
}

static bool check_call(edb_cell *cell, edb_op_kind kind, const edb_expr *operands,
                       uint32_t n_operands, uint32_t n_dims) {
  const edb_op_info *info = edb_op_get(kind);
  uint32_t high = info->max_operands ? info->max_operands : EDB_DECLARATIONS_MAX;
  const char *symbol = edb_op_symbol(kind);
  if (n_operands < info->min_operands || n_operands > high) {
    edb_cell_fail(cell, EDB_ERROR_FORMAT, "\"%s\" takes %s%u operand%s; found %u", symbol,
                  info->max_operands ? "" : "at least ", info->min_operands,
                  EDB_S(info->min_operands), n_operands);
    return false;
  }
  bool reshape = kind == EDB_OP_RESHAPE;
  uint32_t wanted = kind == EDB_OP_DROPOUT ? 0 : info->n_immediates;
  if (n_dims > wanted || n_dims < (reshape ? 1 : wanted)) {
    edb_cell_fail(cell, EDB_ERROR_FORMAT, "\"%s\" takes %s%u dimension%s; found %u", symbol,
                  reshape ? "1 or " : "", wanted, EDB_S(wanted), n_dims);
    return false;
  }
  for (uint32_t i = 0; i < n_operands; i++) {
    if (operands[i] < cell->values.length) continue;
    edb_cell_fail(cell, EDB_ERROR_ARGUMENT, "operand %u of \"%s\" is no value of this cell", i + 1,
                  symbol);
    return false;
  }
  return true;
}

/* Room for one more operator, so that nothing after it can fail for memory. */
static bool reserve_op(edb_cell *cell, uint32_t n_operands) {
  edb_context *ctx = cell->model->ctx;
  return edb_vec_reserve(ctx, &cell->operands, cell->operands.length + n_operands) &&
         edb_vec_reserve(ctx, &cell->ops, cell->ops.length + 1) &&
         edb_vec_reserve(ctx, &cell->op_dims, cell->op_dims.length + 1) &&
         edb_cell_reserve_number(cell) &&
         edb_vec_reserve(ctx, &cell->values, cell->values.length + 1);
}

static void push_op(edb_cell *cell, edb_op_kind kind, const edb_expr *operands,
                    uint32_t n_operands) {
  edb_ir_op op = {.kind = kind,
                  .n_operands = n_operands,
                  .operand_start = (uint32_t)cell->operands.length,
                  .is_index = kind == EDB_OP_ARGMAX,
                  .line = cell->line,
                  .column = cell->column};
  for (uint32_t i = 0; i < n_operands; i++) {
    cell->operands.data[cell->operands.length++] = cell->values.data[operands[i]];
  }
  set_group(cell, &op);
  cell->ops.data[cell->ops.length++] = op;
}

edb_expr edb_cell_add_op(edb_cell *cell, edb_op_kind kind, const edb_expr *operands,
                         uint32_t n_operands, const edb_dim *dims, uint32_t n_dims, double rate) {
  if (edb_cell_failed(cell) || !check_call(cell, kind, operands, n_operands, n_dims))
    return EDB_EXPR_NONE;
  if (cell->ops.length >= EDB_DECLARATIONS_MAX || cell->operands.length >= EDB_DECLARATIONS_MAX) {
    edb_cell_fail(cell, EDB_ERROR_LIMIT, "there are too many operators");
    return EDB_EXPR_NONE;
  }
  if (!reserve_op(cell, n_operands)) return edb_cell_fail_memory(cell, sizeof(edb_ir_op));
  push_op(cell, kind, operands, n_operands);
  uint32_t number = (uint32_t)cell->ops.length - 1;
  edb_ir_op *op = &cell->ops.data[number];
  if (kind == EDB_OP_DROPOUT) op->immediate[0] = edb_cell_add_number(cell, rate, UINT32_MAX);
  if (n_dims > 0) {
    edb_op_dims *kept = &cell->op_dims.data[cell->op_dims.length++];
    *kept = (edb_op_dims){.op = number, .count = n_dims};
    for (uint32_t i = 0; i < n_dims; i++) kept->dim[i] = dims[i];
    if (edb_op_set_dims(cell->model, op, kept, &cell->failure) != EDB_OK) return EDB_EXPR_NONE;
  }
  if (edb_op_infer(cell->model, edb_cell_view(cell), op, &cell->failure) != EDB_OK) {
    return EDB_EXPR_NONE;
  }
  return edb_cell_value(cell, EDB_REF_OP, number);
}

static edb_op_kind kind_from_name(const char *name, size_t length) {
  for (unsigned kind = 0; kind < EDB_OP_COUNT; kind++) {
    const char *known = edb_op_get((edb_op_kind)kind)->name;
    if (strlen(known) == length && memcmp(known, name, length) == 0) return (edb_op_kind)kind;
  }
  return EDB_OP_COUNT;
}

/* sum, mean, max and softmax of a variadic value reduce over its elements; max of one other value
 * is its largest entry. */
static edb_op_kind meant_by(edb_cell *cell, edb_op_kind kind, edb_expr operand) {
  if (operand >= cell->values.length) return kind;
  bool variadic = edb_ref_group(cell, cell->values.data[operand]) != UINT32_MAX;
  if (kind == EDB_OP_SUM && variadic) return EDB_OP_SUM_OVER;
  if (kind == EDB_OP_MEAN && variadic) return EDB_OP_MEAN_OVER;
  if (kind == EDB_OP_SOFTMAX && variadic) return EDB_OP_SOFTMAX_OVER;
  if (kind == EDB_OP_MAX) return variadic ? EDB_OP_MAX_OVER : EDB_OP_MAXIMUM;
  return kind;
}

edb_op_kind edb_cell_op_kind(edb_cell *cell, const char *name, size_t length,
                             const edb_expr *operands, uint32_t n_operands) {
  if (edb_cell_failed(cell)) return EDB_OP_COUNT;
  edb_op_kind kind = kind_from_name(name, length);
  if (kind != EDB_OP_COUNT) {
    return n_operands == 1 ? meant_by(cell, kind, operands[0]) : kind;
  }
  bool itself = strlen(cell->name) == length && memcmp(cell->name, name, length) == 0;
  if (itself || edb_map_get(&cell->model->cell_names, name, length) != EDB_MAP_NONE) {
    edb_cell_fail(cell, EDB_ERROR_NAME,
                  "\"%.*s\" is a cell, and cells are not called in cells: its outputs come in as "
                  "inputs",
                  edb_name_shown(length), name);
    return EDB_OP_COUNT;
  }
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, name, length);
  for (unsigned i = 0; i < EDB_OP_COUNT; i++) {
    edb_suggest(&suggestion, edb_op_get((edb_op_kind)i)->name);
  }
  edb_cell_fail(cell, EDB_ERROR_NAME, "there is no operator \"%.*s\"%s", edb_name_shown(length),
                name, edb_suggest_text(&suggestion, buffer, sizeof buffer));
  return EDB_OP_COUNT;
}

edb_expr edb_cell_op(edb_cell *cell, const char *op, const edb_expr *operands,
                     uint32_t n_operands) {
  return edb_cell_op_with(cell, op, operands, n_operands, NULL, 0);
}

/* All immediates together are a list of dimensions; that of dropout is a number. */
static bool parse_immediates(edb_cell *cell, const char *op, const char *const *texts,
                             uint32_t n_texts, edb_dim dims[2], uint32_t *n_dims) {
  *n_dims = 0;
  for (uint32_t i = 0; i < n_texts; i++) {
    edb_lexer lexer;
    edb_dims parsed;
    if (edb_lexer_init(&lexer, cell->model->ctx, texts[i], strlen(texts[i]), op, false,
                       &cell->failure) ||
        edb_dims_parse(cell->model, &lexer, 0, &parsed, &cell->failure)) {
      return false;
    }
    if (*n_dims + parsed.rank > 2) {
      edb_cell_fail(cell, EDB_ERROR_FORMAT, "\"%.40s\" has more than 2 immediates", op);
      return false;
    }
    for (uint32_t axis = 0; axis < parsed.rank; axis++) dims[(*n_dims)++] = parsed.dim[axis];
  }
  return true;
}

edb_expr edb_cell_op_with(edb_cell *cell, const char *op, const edb_expr *operands,
                          uint32_t n_operands, const char *const *immediates,
                          uint32_t n_immediates) {
  if (!edb_cell_given(cell, op, "the name of an operator") ||
      (n_operands > 0 && !edb_cell_given(cell, operands, "the list of operands")) ||
      (n_immediates > 0 && !edb_cell_given(cell, immediates, "the list of immediates")))
    return EDB_EXPR_NONE;
  for (uint32_t i = 0; i < n_immediates; i++)
    if (!edb_cell_given(cell, immediates[i], "an immediate")) return EDB_EXPR_NONE;
  edb_op_kind kind = edb_cell_op_kind(cell, op, strlen(op), operands, n_operands);
  if (kind == EDB_OP_COUNT) return EDB_EXPR_NONE;
  edb_dim dims[2];
  uint32_t n_dims = 0;
  double rate = NAN;
  if (kind == EDB_OP_DROPOUT) {
    const char *text = n_immediates == 1 ? immediates[0] : "";
    if (*text && edb_number_scan(text, strlen(text)) == strlen(text)) {
      rate = edb_number_value(text, strlen(text));
    }
  } else if (!parse_immediates(cell, op, immediates, n_immediates, dims, &n_dims)) {
    return EDB_EXPR_NONE;
  }
  return edb_cell_add_op(cell, kind, operands, n_operands, dims, n_dims, rate);
}
