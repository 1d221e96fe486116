/* model/recipe.h: how a call of a cell becomes operator nodes, worked out once per cell.
 *
 * A recipe is a list of steps, each one operator cell (model/op_cells.h) and where its operands
 * come from. Values inside a call live in slots: first one per input of the cell, then one per
 * step, in order; a slot of a variadic value holds one entry per element. An output is a slot, so
 * an input that is an output passes through without a node. */
#ifndef EDB_MODEL_RECIPE_H
#define EDB_MODEL_RECIPE_H

#include "model/lower.h"
#include "model/op_cells.h"

/* A slot, read at element 0 always (stride 0) or at the step's element (stride 1). */
typedef struct edb_source {
  uint32_t slot, stride;
} edb_source;

typedef enum edb_repeat {
  EDB_REPEAT_ONCE,
  EDB_REPEAT_EACH, /* one node per element of a group */
  EDB_REPEAT_OVER  /* one node that takes all elements */
} edb_repeat;

typedef struct edb_recipe_step {
  uint32_t cell; /* of the lowering's program */
  edb_repeat repeat;
  uint32_t counter; /* EACH, OVER: a variadic input, whose arity is the number of elements */
  bool needs_labels;
  uint32_t first_source, n_sources;
  uint32_t first_index, n_indices; /* numbers of the calling cell's attributes */
  uint32_t first_dense, n_dense;
} edb_recipe_step;

typedef struct edb_recipe {
  edb_recipe_step *steps;
  uint32_t n_steps, n_inputs, n_outputs;
  uint32_t *output_slot; /* [n_outputs] */
} edb_recipe;

struct edb_lowering {
  edb_context *ctx;
  const edb_program *model;
  edb_op_cells cells;
  edb_program program;
  edb_arena arena;
  edb_recipe *recipes; /* one per cell of the model */
  EDB_VEC(edb_source) sources;
  EDB_VEC(uint32_t) attributes; /* what first_index and first_dense point to */
  uint32_t max_slots, max_sources, max_attributes;
};

/* Makes all recipes, and the program, of a lowering that has everything else. */
EDB_MUST_CHECK edb_status edb_recipes_build(edb_lowering *lowering, edb_error *error);

#endif
