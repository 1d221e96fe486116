/* model/op_cells.c: makes and finds the single-operator cells of operator granularity. */
#include "model/op_cells.h"

#include <string.h>

#include "model/model.h"

edb_status edb_op_cells_init(edb_op_cells *cells, edb_context *ctx, const edb_program *model,
                             edb_error *error) {
  *cells = (edb_op_cells){.ctx = ctx, .model = model};
  edb_arena_init(&cells->arena, ctx, 16384);
  edb_map_init(&cells->names, ctx);
  edb_map_init(&cells->keys, ctx);
  edb_text_init(&cells->name, ctx);
  edb_text_init(&cells->key, ctx);
  for (uint32_t i = 0; i < model->schema.n_shapes; i++) {
    if (edb_vec_push(ctx, &cells->shapes, model->schema.shapes[i])) continue;
    edb_op_cells_free(cells);
    return edb_fail_memory(error, sizeof(edb_shape) * model->schema.n_shapes, "shapes");
  }
  return EDB_OK;
}

void edb_op_cells_free(edb_op_cells *cells) {
  edb_text_free(&cells->name);
  edb_text_free(&cells->key);
  edb_map_free(&cells->names);
  edb_map_free(&cells->keys);
  edb_vec_free(cells->ctx, &cells->cells);
  edb_vec_free(cells->ctx, &cells->types);
  edb_vec_free(cells->ctx, &cells->shapes);
  edb_arena_free(&cells->arena);
}

edb_program edb_op_cells_program(const edb_op_cells *cells) {
  return (edb_program){
      .n_cells = (uint32_t)cells->cells.length,
      .n_params = cells->model->n_params,
      .cells = cells->cells.data,
      .params = cells->model->params,
      .schema = {.n_types = (uint32_t)cells->types.length,
                 .types = cells->types.data,
                 .n_shapes = (uint32_t)cells->shapes.length,
                 .shapes = cells->shapes.data,
                 .of_operators = true},
  };
}

/* ---- Names and keys -------------------------------------------------------------------------- */

/* A word in both texts, its size in the name only. */
static void write_sized(edb_op_cells *cells, const char *word, edb_shape shape) {
  char buffer[EDB_SHAPE_TEXT_BYTES];
  const char *size = shape.rank ? edb_shape_text(shape, buffer, sizeof buffer) : "[]";
  edb_text_printf(&cells->key, "%s", word);
  edb_text_printf(&cells->name, "%s%s", word, size);
}

static void write_both(edb_op_cells *cells, const char *text) {
  edb_text_printf(&cells->key, "%s", text);
  edb_text_printf(&cells->name, "%s", text);
}

static void write_number(edb_op_cells *cells, double number) {
  edb_text_printf(&cells->key, "%.17g", number);
  edb_text_printf(&cells->name, "%.17g", number);
}

static void write_operand(edb_op_cells *cells, const edb_op_operand *operand, bool over) {
  switch (operand->kind) {
  case EDB_REF_PARAM:
    write_both(cells, cells->model->params[operand->param].name);
    break;
  case EDB_REF_NUMBER:
    write_number(cells, operand->number);
    break;
  case EDB_REF_INDEX:
    write_both(cells, operand->is_label ? "label" : "index");
    edb_text_printf(&cells->name, "<%u>", operand->bound);
    break;
  case EDB_REF_DENSE:
    write_sized(cells, operand->is_label ? "target" : "dense", operand->shape);
    break;
  default:
    write_sized(cells, over ? "rows" : "row", operand->shape);
  }
}

/* "slice(row[512], 0, 256) [256]" and "slice(row)". */
static edb_status write_texts(edb_op_cells *cells, const edb_op_spec *spec, edb_error *error) {
  const edb_ir_op *op = spec->op;
  const edb_op_info *info = edb_op_get(op->kind);
  cells->name.length = cells->key.length = 0;
  write_both(cells, info->name);
  write_both(cells, "(");
  for (uint32_t i = 0; i < spec->n_operands; i++) {
    if (i > 0) write_both(cells, ", ");
    write_operand(cells, &spec->operands[i], edb_op_is_over(op->kind));
  }
  if (op->kind == EDB_OP_DROPOUT) {
    write_both(cells, ", ");
    write_number(cells, spec->rate);
  } else {
    for (uint32_t i = 0; i < info->n_immediates; i++) {
      edb_text_printf(&cells->name, ", %u", op->immediate[i]);
    }
  }
  write_both(cells, ")");
  if (cells->name.failed || cells->key.failed)
    return edb_fail_memory(error, cells->name.length, "the name of an operator");
  return EDB_OK;
}

/* The key in the arena, with "#n" if it is not the first of its kind. */
static char *unique_key(edb_op_cells *cells) {
  edb_text *key = &cells->key;
  uint32_t before = edb_map_get(&cells->keys, key->data, key->length);
  uint32_t number = before == EDB_MAP_NONE ? 1 : before + 1;
  if (!edb_map_put(&cells->keys, key->data, key->length, number)) return NULL;
  if (number > 1) edb_text_printf(key, "#%u", number);
  return key->failed ? NULL : edb_arena_strdup(&cells->arena, key->data, key->length);
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static bool find_shape(edb_op_cells *cells, edb_shape shape, edb_shape_id *out) {
  for (uint32_t i = 0; i < cells->shapes.length; i++) {
    if (!edb_shape_equal(cells->shapes.data[i], shape)) continue;
    *out = i;
    return true;
  }
  *out = (edb_shape_id)cells->shapes.length;
  return edb_vec_push(cells->ctx, &cells->shapes, shape);
}

/* The parts of a cell, as many of each as its operator can need. */
typedef struct parts {
  edb_input_sig *inputs;
  edb_shape *input_shapes, *dense_shapes;
  edb_index_sig *indices;
  edb_dense_sig *dense;
  edb_ref *operands;
  double *numbers;
  edb_ir_op *op;
  edb_output_sig *output;
  edb_ir_output *result;
} parts;

static bool take_parts(edb_arena *arena, uint32_t n, parts *p) {
  size_t room = (size_t)n + 1; /* + 1: the rate of a dropout */
  p->inputs = edb_arena_alloc_zero(arena, room * sizeof *p->inputs);
  p->input_shapes = edb_arena_alloc_zero(arena, room * sizeof *p->input_shapes);
  p->dense_shapes = edb_arena_alloc_zero(arena, room * sizeof *p->dense_shapes);
  p->indices = edb_arena_alloc_zero(arena, room * sizeof *p->indices);
  p->dense = edb_arena_alloc_zero(arena, room * sizeof *p->dense);
  p->operands = edb_arena_alloc_zero(arena, room * sizeof *p->operands);
  p->numbers = edb_arena_alloc_zero(arena, room * sizeof *p->numbers);
  p->op = edb_arena_alloc_zero(arena, sizeof *p->op);
  p->output = edb_arena_alloc_zero(arena, sizeof *p->output);
  p->result = edb_arena_alloc_zero(arena, sizeof *p->result);
  return p->inputs && p->input_shapes && p->dense_shapes && p->indices && p->dense && p->operands &&
         p->numbers && p->op && p->output && p->result;
}

/* Rows get the names "a", "b", ...; those of long concats share the last. */
static const char *row_name(uint32_t row) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "rest"};
  return names[row < 7 ? row : 7];
}

/* Adds one operand to the cell and its signature. */
static bool add_operand(edb_op_cells *cells, edb_ir_cell *cell, const parts *p,
                        const edb_op_operand *operand, edb_op_kind kind) {
  edb_ref *ref = &p->operands[cell->n_operands++];
  *ref = (edb_ref){.kind = operand->kind};
  switch (operand->kind) {
  case EDB_REF_PARAM:
    ref->index = operand->param;
    return true;
  case EDB_REF_NUMBER:
    ref->index = cell->n_numbers++;
    p->numbers[ref->index] = operand->number;
    return true;
  case EDB_REF_INDEX:
    ref->index = cell->sig.n_indices++;
    p->indices[ref->index] =
        (edb_index_sig){.name = "index", .bound = operand->bound, .is_label = operand->is_label};
    return true;
  case EDB_REF_DENSE:
    ref->index = cell->sig.n_dense++;
    p->dense_shapes[ref->index] = operand->shape;
    p->dense[ref->index] = (edb_dense_sig){.name = "dense",
                                           .length = (uint32_t)edb_shape_size(operand->shape),
                                           .is_label = operand->is_label};
    return true;
  default:
    break;
  }
  ref->index = cell->sig.n_inputs++;
  p->input_shapes[ref->index] = operand->shape;
  edb_input_sig *input = &p->inputs[ref->index];
  *input = (edb_input_sig){.name = row_name(ref->index), .variadic = edb_op_is_over(kind)};
  input->nonempty = kind == EDB_OP_MEAN_OVER || kind == EDB_OP_MAX_OVER;
  cell->sig.n_variadic += input->variadic;
  return find_shape(cells, operand->shape, &input->shape);
}

static bool has_label(const edb_op_spec *spec) {
  for (uint32_t i = 0; i < spec->n_operands; i++) {
    if (spec->operands[i].is_label) return true;
  }
  return false;
}

/* A node whose operator has a label of its own is only made when the label is there; an operator
 * that merely follows from one is like any other. */
static bool fill_cell(edb_op_cells *cells, const edb_op_spec *spec, const parts *p,
                      edb_ir_cell *cell) {
  bool label = has_label(spec);
  *p->op = *spec->op;
  p->op->name = NULL;
  p->op->operand_start = p->op->group = 0;
  p->op->n_operands = spec->n_operands;
  p->op->variadic = false;
  p->op->needs_labels = label;
  for (uint32_t i = 0; i < spec->n_operands; i++) {
    if (!add_operand(cells, cell, p, &spec->operands[i], spec->op->kind)) return false;
  }
  if (spec->op->kind == EDB_OP_DROPOUT) {
    p->op->immediate[0] = cell->n_numbers;
    p->numbers[cell->n_numbers++] = spec->rate;
  }
  *p->result = (edb_ir_output){.name = "value", .value = {EDB_REF_OP, 0}, .shape = p->op->shape};
  *p->output = (edb_output_sig){.name = "value", .needs_labels = label};
  cell->sig.n_outputs = 1;
  cell->n_ops = 1;
  cell->ops = p->op;
  cell->flops = spec->flops;
  cell->operands = p->operands;
  cell->numbers = p->numbers;
  cell->outputs = p->result;
  cell->input_shapes = p->input_shapes;
  cell->dense_shapes = p->dense_shapes;
  cell->sig.inputs = p->inputs;
  cell->sig.outputs = p->output;
  cell->sig.indices = p->indices;
  cell->sig.dense = p->dense;
  return find_shape(cells, p->op->shape, &p->output->shape);
}

edb_status edb_op_cells_find(edb_op_cells *cells, const edb_op_spec *spec, uint32_t *out,
                             edb_error *error) {
  EDB_TRY(write_texts(cells, spec, error));
  uint32_t found = edb_map_get(&cells->names, cells->name.data, cells->name.length);
  if (found != EDB_MAP_NONE) {
    *out = found;
    return EDB_OK;
  }
  edb_ir_cell cell = {0};
  parts p;
  uint32_t number = (uint32_t)cells->cells.length;
  char *key = unique_key(cells);
  char *name = edb_arena_strdup(&cells->arena, cells->name.data, cells->name.length);
  cell.name = name;
  cell.sig.name = cell.sig.key = key; /* without sizes: policies know types by these */
  if (!key || !name || !take_parts(&cells->arena, spec->n_operands, &p) ||
      !fill_cell(cells, spec, &p, &cell) || !edb_vec_push(cells->ctx, &cells->types, cell.sig) ||
      !edb_vec_push(cells->ctx, &cells->cells, cell) ||
      !edb_map_put(&cells->names, name, strlen(name), number)) {
    return edb_fail_memory(error, sizeof cell, "an operator's cell");
  }
  *out = number;
  return EDB_OK;
}
