/* model/init.c: first values of parameters, seeded and the same on every machine. */
#include "model/init.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

static const struct {
  const char *name;
  bool argument;
} init_table[EDB_INIT_COUNT] = {
#define INIT_ROW(id, text, takes) {text, takes},
    EDB_INIT_LIST(INIT_ROW)
#undef INIT_ROW
};

const char *edb_init_kind_name(edb_init_kind kind) {
  return (unsigned)kind < EDB_INIT_COUNT ? init_table[kind].name : "unknown";
}

bool edb_init_takes_argument(edb_init_kind kind) {
  return (unsigned)kind < EDB_INIT_COUNT && init_table[kind].argument;
}

bool edb_init_kind_from_name(const char *name, size_t length, edb_init_kind *out) {
  for (unsigned i = 0; i < EDB_INIT_COUNT; i++) {
    if (strlen(init_table[i].name) != length || memcmp(init_table[i].name, name, length) != 0)
      continue;
    *out = (edb_init_kind)i;
    return true;
  }
  return false;
}

static void mark_role(const edb_ir_cell *cell, const edb_ir_op *op, uint32_t operand,
                      edb_param_role role, edb_param_role *roles) {
  edb_ref ref = cell->operands[op->operand_start + operand];
  if (ref.kind == EDB_REF_PARAM && roles[ref.index] != EDB_PARAM_TABLE) roles[ref.index] = role;
}

void edb_param_roles(const edb_program *program, edb_param_role *role) {
  for (uint32_t p = 0; p < program->n_params; p++) {
    role[p] = program->params[p].shape.rank == 3 ? EDB_PARAM_TABLE : EDB_PARAM_PLAIN;
  }
  for (uint32_t c = 0; c < program->n_cells; c++) {
    const edb_ir_cell *cell = &program->cells[c];
    for (uint32_t i = 0; i < cell->n_ops; i++) {
      const edb_ir_op *op = &cell->ops[i];
      if (op->kind == EDB_OP_LOOKUP) mark_role(cell, op, 0, EDB_PARAM_TABLE, role);
      if (op->kind == EDB_OP_LAYER_NORM) mark_role(cell, op, 1, EDB_PARAM_GAIN, role);
    }
  }
}

static edb_init resolve_default(edb_init init, edb_param_role role, edb_shape shape) {
  if (init.kind != EDB_INIT_DEFAULT) return init;
  if (role == EDB_PARAM_GAIN) return (edb_init){.kind = EDB_INIT_ONES};
  if (role == EDB_PARAM_TABLE || shape.rank >= 2) return (edb_init){.kind = EDB_INIT_GLOROT};
  return (edb_init){.kind = EDB_INIT_ZEROS};
}

/* sqrt(3 r / n) over the axes of what one product or lookup sees; of a scalar sqrt(3). */
static double glorot_bound(edb_param_role role, edb_shape shape) {
  uint32_t first = role == EDB_PARAM_TABLE ? 1 : 0;
  if (shape.rank <= first) return sqrt(3);
  double axes = shape.rank - first, total = 0;
  for (uint32_t axis = first; axis < shape.rank; axis++) total += shape.dim[axis];
  return total > 0 ? sqrt(3 * axes / total) : 0;
}

void edb_init_fill(edb_init init, edb_param_role role, const char *name, edb_shape shape,
                   uint64_t seed, float *values) {
  size_t size = edb_shape_size(shape);
  init = resolve_default(init, role, shape);
  if (init.kind == EDB_INIT_ZEROS || init.kind == EDB_INIT_ONES) {
    for (size_t i = 0; i < size; i++) values[i] = init.kind == EDB_INIT_ONES ? 1 : 0;
    return;
  }
  edb_rng rng;
  edb_rng_seed_named(&rng, seed, name);
  if (init.kind == EDB_INIT_NORMAL) {
    for (size_t i = 0; i < size; i++) values[i] = (float)(init.a * edb_rng_normal(&rng));
    return;
  }
  double bound = init.kind == EDB_INIT_GLOROT ? glorot_bound(role, shape) : init.a;
  for (size_t i = 0; i < size; i++) {
    values[i] = (float)(bound * (2 * edb_rng_uniform(&rng) - 1));
  }
}
