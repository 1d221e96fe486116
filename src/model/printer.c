/* model/printer.c: a model as the text of a model file: reading the text gives the model again, and
 * printing that the same text. Parentheses stand only where precedence needs them (expression.c).
 */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "model/model.h"

enum { LEVEL_SUM = 1, LEVEL_TERM, LEVEL_NEGATION, LEVEL_PRODUCT, LEVEL_OPERAND };

typedef struct printer {
  const edb_model *model;
  const edb_ir_cell *cell;
  const edb_cell_source *source;
  edb_text text;
} printer;

static void print_ref(printer *p, edb_ref ref, int lowest);

static void print(printer *p, const char *text) {
  edb_text_append(&p->text, text, strlen(text));
}

static void print_number(printer *p, double value) {
  char digits[EDB_NUMBER_BYTES];
  size_t length = edb_number_print_double(digits, fabs(value));
  if (signbit(value)) print(p, "-");
  edb_text_append(&p->text, digits, length);
}

static void print_dims(printer *p, const edb_dims *dims) {
  print(p, "[");
  for (uint32_t axis = 0; axis < dims->rank; axis++) {
    if (axis) print(p, ", ");
    print(p, dims->dim[axis].text);
  }
  print(p, "]");
}

/* ---- Expressions ----------------------------------------------------------------------------- */

static int level_of(const edb_ir_op *op, const edb_ref *operands) {
  switch (op->kind) {
  case EDB_OP_ADD:
  case EDB_OP_SUB:
    return LEVEL_SUM;
  case EDB_OP_MUL:
  case EDB_OP_DIV:
    return LEVEL_TERM;
  case EDB_OP_PRODUCT:
    return LEVEL_PRODUCT;
  case EDB_OP_NEG: /* "-2" is a literal, so the negation of one is a call */
    return operands[0].kind == EDB_REF_NUMBER ? LEVEL_OPERAND : LEVEL_NEGATION;
  default:
    return LEVEL_OPERAND;
  }
}

static const edb_op_dims *dims_of(const printer *p, uint32_t op) {
  uint32_t low = 0, high = p->source->n_op_dims;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (p->source->op_dims[middle].op <= op) {
      low = middle;
    } else {
      high = middle;
    }
  }
  EDB_ASSERT(p->source->op_dims[low].op == op);
  return &p->source->op_dims[low];
}

static const char *call_name(edb_op_kind kind) {
  switch (kind) {
  case EDB_OP_SUM_OVER:
    return "sum";
  case EDB_OP_MEAN_OVER:
    return "mean";
  case EDB_OP_MAX_OVER:
    return "max";
  case EDB_OP_SOFTMAX_OVER:
    return "softmax";
  default:
    return edb_op_get(kind)->name;
  }
}

static void print_list(printer *p, const edb_ref *operands, uint32_t count, const char *between) {
  for (uint32_t i = 0; i < count; i++) {
    if (i) print(p, between);
    print_ref(p, operands[i], LEVEL_SUM);
  }
}

static void print_call(printer *p, uint32_t number, const edb_ref *operands) {
  const edb_ir_op *op = &p->cell->ops[number];
  print(p, call_name(op->kind));
  print(p, "(");
  print_list(p, operands, op->n_operands, ", ");
  if (op->kind == EDB_OP_DROPOUT) {
    print(p, ", ");
    print_number(p, p->cell->numbers[op->immediate[0]]);
  } else if (op->kind == EDB_OP_RESHAPE) {
    const edb_op_dims *dims = dims_of(p, number);
    edb_text_printf(&p->text, ", [%s", dims->dim[0].text);
    if (dims->count == 2) edb_text_printf(&p->text, ", %s", dims->dim[1].text);
    print(p, "]");
  } else if (op->kind == EDB_OP_BROADCAST) {
    edb_text_printf(&p->text, ", %s", dims_of(p, number)->dim[0].text);
  }
  print(p, ")");
}

static void print_infix(printer *p, const edb_ir_op *op, const edb_ref *operands, int level) {
  print_ref(p, operands[0], level);
  edb_text_printf(&p->text, " %s ", edb_op_symbol(op->kind));
  print_ref(p, operands[1], level + 1);
}

static void print_op(printer *p, uint32_t number, int lowest) {
  const edb_ir_op *op = &p->cell->ops[number];
  const edb_ref *operands = p->cell->operands + op->operand_start;
  int level = level_of(op, operands);
  if (level < lowest) print(p, "(");
  if (level == LEVEL_NEGATION) {
    print(p, "-");
    print_ref(p, operands[0], LEVEL_NEGATION);
  } else if (level != LEVEL_OPERAND) {
    print_infix(p, op, operands, level);
  } else if (op->kind == EDB_OP_LOOKUP) {
    print_ref(p, operands[0], LEVEL_OPERAND);
    print(p, "[");
    print_ref(p, operands[1], LEVEL_SUM);
    print(p, "]");
  } else if (op->kind == EDB_OP_SLICE) {
    const edb_op_dims *dims = dims_of(p, number);
    print_ref(p, operands[0], LEVEL_OPERAND);
    edb_text_printf(&p->text, "[%s:%s]", dims->dim[0].text, dims->dim[1].text);
  } else if (op->kind == EDB_OP_CONCAT) {
    print(p, "[");
    print_list(p, operands, op->n_operands, "; ");
    print(p, "]");
  } else {
    print_call(p, number, operands);
  }
  if (level < lowest) print(p, ")");
}

/* Recursion ends at names, and unnamed operators nest at most as deeply as canonical.c lets them.
 */
static void print_ref(printer *p, edb_ref ref, int lowest) {
  switch (ref.kind) {
  case EDB_REF_INPUT:
    print(p, p->cell->sig.inputs[ref.index].name);
    return;
  case EDB_REF_INDEX:
    print(p, p->cell->sig.indices[ref.index].name);
    return;
  case EDB_REF_DENSE:
    print(p, p->cell->sig.dense[ref.index].name);
    return;
  case EDB_REF_PARAM:
    print(p, p->model->params.data[ref.index].name);
    return;
  case EDB_REF_NUMBER:
    if (p->source->constants[ref.index] != UINT32_MAX)
      print(p, p->model->constants.data[p->source->constants[ref.index]].name);
    else
      print_number(p, p->cell->numbers[ref.index]);
    return;
  case EDB_REF_OP:
    break;
  }
  if (p->cell->ops[ref.index].name) {
    print(p, p->cell->ops[ref.index].name);
  } else {
    print_op(p, ref.index, lowest);
  }
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static void print_arguments(printer *p) {
  const edb_type_sig *sig = &p->cell->sig;
  const char *comma = "";
  for (uint32_t i = 0; i < sig->n_inputs; i++, comma = ", ") {
    print(p, comma);
    print(p, sig->inputs[i].name);
    if (p->source->inputs[i].rank) print_dims(p, &p->source->inputs[i]);
    if (sig->inputs[i].variadic) print(p, "...");
  }
  for (uint32_t i = 0; i < sig->n_indices; i++, comma = ", ") {
    edb_text_printf(&p->text, "%s%s: index %s", comma, sig->indices[i].name,
                    p->source->bounds[i].text);
  }
  for (uint32_t i = 0; i < sig->n_dense; i++, comma = ", ") {
    edb_text_printf(&p->text, "%s%s: dense", comma, sig->dense[i].name);
    if (p->source->dense[i].rank) print_dims(p, &p->source->dense[i]);
  }
}

static void print_outputs(printer *p) {
  for (uint32_t i = 0; i < p->cell->sig.n_outputs; i++) {
    const edb_dims *dims = &p->source->outputs[i];
    if (i) print(p, ", ");
    print(p, p->cell->outputs[i].name);
    if (dims->rank == EDB_DIMS_UNDECLARED) {
      print(p, "[...]");
    } else if (dims->rank) {
      print_dims(p, dims);
    }
  }
}

/* An output under a name that its value does not have needs a line that says so. */
static bool has_own_name(const edb_ir_cell *cell, const edb_ir_output *output) {
  edb_ref value = output->value;
  const char *name = value.kind == EDB_REF_INPUT   ? cell->sig.inputs[value.index].name
                     : value.kind == EDB_REF_DENSE ? cell->sig.dense[value.index].name
                     : value.kind == EDB_REF_OP    ? cell->ops[value.index].name
                                                   : NULL;
  return name && strcmp(name, output->name) == 0;
}

static void print_cell(printer *p) {
  const edb_ir_cell *cell = p->cell;
  edb_text_printf(&p->text, "\ncell %s(", cell->name);
  print_arguments(p);
  print(p, ") -> (");
  print_outputs(p);
  print(p, "):\n");
  for (uint32_t i = 0; i < cell->n_ops; i++) {
    if (!cell->ops[i].name) continue;
    edb_text_printf(&p->text, "  %s = ", cell->ops[i].name);
    print_op(p, i, LEVEL_SUM);
    print(p, "\n");
  }
  for (uint32_t i = 0; i < cell->sig.n_outputs; i++) {
    const edb_ir_output *output = &cell->outputs[i];
    if (has_own_name(cell, output)) continue;
    edb_text_printf(&p->text, "  %s = ", output->name);
    print_ref(p, output->value, LEVEL_SUM);
    print(p, "\n");
  }
}

/* ---- Declarations and rules ------------------------------------------------------------------ */

static void print_declarations(printer *p) {
  const edb_model *model = p->model;
  edb_text_printf(&p->text, "edb 1\nmodel %s\n\n", model->name);
  for (size_t i = 0; i < model->constants.length; i++) {
    const edb_constant_decl *constant = &model->constants.data[i];
    edb_text_printf(&p->text, "const %s = %s\n", constant->name, constant->expression.text);
  }
  for (size_t i = 0; i < model->vocabs.length; i++) {
    edb_text_printf(&p->text, "vocab %s\n", model->vocabs.data[i].name);
  }
  for (size_t i = 0; i < model->params.length; i++) {
    const edb_param_decl *decl = &model->param_decls.data[i];
    edb_text_printf(&p->text, "param %s", model->params.data[i].name);
    print_dims(p, &decl->dims);
    if (decl->init.kind != EDB_INIT_DEFAULT) {
      edb_text_printf(&p->text, " = %s", edb_init_kind_name(decl->init.kind));
    }
    if (edb_init_takes_argument(decl->init.kind)) {
      print(p, "(");
      print_number(p, decl->init.a);
      print(p, ")");
    }
    print(p, "\n");
  }
}

static void print_terms(printer *p, const edb_read_term *terms, uint32_t count) {
  print(p, "(");
  for (uint32_t i = 0; i < count; i++) {
    edb_text_printf(&p->text, "%s%s%s%s%s", i ? ", " : "", terms[i].name,
                    terms[i].output ? "." : "", terms[i].output ? terms[i].output : "",
                    terms[i].rest ? "..." : "");
  }
  print(p, ")");
}

static void print_rules(printer *p) {
  const edb_model *model = p->model;
  const char *reader = "";
  for (size_t i = 0; i < model->rules.length; i++) {
    const edb_read_rule *rule = &model->rules.data[i];
    if (strcmp(rule->reader, reader) != 0) {
      edb_text_printf(&p->text, "\nread %s:\n", rule->reader);
      reader = rule->reader;
    }
    edb_text_printf(&p->text, "  %s", rule->pattern);
    if (rule->n_bound) print_terms(p, rule->bound, rule->n_bound);
    edb_text_printf(&p->text, " -> %s", model->cells.data[rule->cell].name);
    print_terms(p, rule->arguments, rule->n_arguments);
    print(p, "\n");
  }
}

edb_status edb_model_print(const edb_model *model, char **out, edb_error *error) {
  EDB_REQUIRE(error, model, out);
  printer p = {.model = model};
  edb_text_init(&p.text, model->ctx);
  print_declarations(&p);
  for (size_t i = 0; i < model->cells.length; i++) {
    p.cell = &model->cells.data[i];
    p.source = &model->sources.data[i];
    print_cell(&p);
  }
  print_rules(&p);
  char *copy = p.text.failed ? NULL : edb_strdup(model->ctx, p.text.data, p.text.length);
  size_t length = p.text.length;
  edb_text_free(&p.text);
  if (!copy) return edb_fail_memory(error, length + 1, "the text of a model");
  *out = copy;
  return EDB_OK;
}
