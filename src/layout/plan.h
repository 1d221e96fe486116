/* layout/plan.h: a cell compiled for batched execution: which values live where, and which kernels
 * run in which order.
 *
 * The batches and the memory order of a cell (arrange_cell.h) become steps and slots. Every value
 * gets a slot: a block of rows, one row per node (or per element of a variadic group, or one row in
 * all for values that depend on parameters only). A slot is memory of its own or columns of another
 * slot's rows, so that concat, slice, reshape and batched operators need no copies:
 *
 *     slot e = [h1; h2]         | h1 row 0 | h2 row 0 |      h1 and h2 are parts of e: gathered
 *                               | h1 row 1 | h2 row 1 |      straight into place
 *     slot g = Ui e, Uo e, Uu e | i row 0 | o row 0 | u row 0 |      one product with stacked
 *                               | i row 1 | o row 1 | u row 1 |      weights; `+ [bi bo bu]` and
 *                                                                    sigmoid over columns of g
 *
 * A kernel is one step, or several of which all but the first are `joined`: the same operator on
 * other columns (one value for all of them, read again and again) or with other weights. What
 * cannot be had in place is copied (EDB_STEP_COPY), and counted.
 *
 * Elementwise steps that follow each other form a run, executed tile by tile of rows, so that
 * values used only inside the run stay in the first-level cache.
 *
 * A plan has no sizes of a batch and no pointers: it is shared by all sessions of a model. */
#ifndef EDB_LAYOUT_PLAN_H
#define EDB_LAYOUT_PLAN_H

#include <edbatch/session.h>

#include "model/ir.h"

/* Rows of a slot: one per node, one per element of variadic group g (EDB_DOMAIN_GROUP + g), or one.
 */
#define EDB_DOMAIN_STATIC 0u
#define EDB_DOMAIN_NODE   1u
#define EDB_DOMAIN_GROUP  2u

typedef enum edb_slot_kind {
  EDB_SLOT_SCRATCH, /* own block in the scratch memory of a chunk of rows */
  EDB_SLOT_PART,    /* columns offset .. offset + width - 1 of slot `parent` */
  EDB_SLOT_INPUT,   /* an input of the cell: read in place where its rows are evenly spaced, else
                       gathered */
  EDB_SLOT_OUTPUT,  /* rows of an output: stored where placement wants them */
  EDB_SLOT_PARAM,   /* a parameter */
  EDB_SLOT_STACK,   /* parameters side by side in one row, packed like weights */
  EDB_SLOT_NUMBER   /* a literal */
} edb_slot_kind;

#define EDB_SLOT_NONE UINT32_MAX

typedef struct edb_slot {
  edb_slot_kind kind;
  uint32_t domain;
  uint32_t width;  /* floats of one row */
  uint32_t index;  /* INPUT, OUTPUT, PARAM, NUMBER: which; STACK: the first in edb_plan.stacked */
  uint32_t count;  /* STACK: how many */
  uint32_t parent; /* PART: never a part itself */
  uint32_t offset; /* PART: first column in the parent */
  bool local; /* SCRATCH (and its parts) used within one elementwise run only: a tile of rows */
  size_t position; /* SCRATCH and gathered INPUT: floats per row that stand before it in its domain
                      (or tile); STACK: floats before it in the packed rows */
} edb_slot;

typedef enum edb_step_kind {
  EDB_STEP_PRODUCT, /* rows of `operand[0]` times packed weights, to `result` */
  EDB_STEP_GATHER,  /* an input (or dense attribute) whose slot is SCRATCH or PART: rows are copied
                       in */
  EDB_STEP_EXPAND,  /* a node's row copied to each of its elements, into a concat */
  EDB_STEP_COPY,    /* operand[0] to result, row by row: what could not be had in place */
  EDB_STEP_FUSED,   /* elementwise operators in one pass: `fusion` of the operands */
  EDB_STEP_OP       /* the operator `op`, by its kernel */
} edb_step_kind;

/* Pairs of elementwise operators that run in one pass: the first one's result is operand `position`
 * of the second and used nowhere else; it goes from register to register. X(ENUM, kernel, first
 * operator, second operator, position). */
#define EDB_FUSION_PAIRS(X)                    \
  X(ADD_SIGMOID, add_sigmoid, ADD, SIGMOID, 0) \
  X(ADD_TANH, add_tanh, ADD, TANH, 0)          \
  X(TANH_MUL, tanh_mul, TANH, MUL, 0)          \
  X(MUL_TANH, mul_tanh, TANH, MUL, 1)          \
  X(MUL_ADD, mul_add, MUL, ADD, 0)             \
  X(ADD_MUL, add_mul, MUL, ADD, 1)
/* The same of a pair in place of the second operator. */
#define EDB_FUSION_TRIPLES(X)                              \
  X(ADD_ADD_SIGMOID, add_add_sigmoid, ADD, ADD_SIGMOID, 0) \
  X(ADD_ADD_TANH, add_add_tanh, ADD, ADD_TANH, 0)          \
  X(MUL_MUL_ADD, mul_mul_add, MUL, ADD_MUL, 0)

typedef enum edb_fusion {
#define EDB_FUSION_ENUM(id, kernel, first, second, position) EDB_FUSE_##id,
  EDB_FUSION_PAIRS(EDB_FUSION_ENUM) EDB_FUSION_TRIPLES(EDB_FUSION_ENUM)
#undef EDB_FUSION_ENUM
      EDB_FUSE_COUNT
} edb_fusion;

/* One member of a stacked product: its weights fill packed columns offset .. offset + columns - 1.
 * Or one of a row of parameters: its entries from `first` on. */
typedef struct edb_stacked {
  uint32_t param, first, offset, columns;
  bool transposed; /* parameter is [depth, columns] (v @ W) instead of [columns, depth] (W @ v) */
} edb_stacked;

#define EDB_STEP_OPERANDS 4

typedef struct edb_step {
  edb_step_kind kind;
  uint32_t op;       /* OP, PRODUCT: the operator in the cell, the first of those that run as one;
                        FUSED: of the last one */
  edb_fusion fusion; /* FUSED; its operands: the second's, with the first's in their place */
  uint32_t domain;   /* of the rows it runs over */
  uint32_t result;   /* slot */
  uint32_t operand[EDB_STEP_OPERANDS]; /* slots; EDB_SLOT_NONE where it is an index attribute */
  uint32_t n_operands;
  uint32_t index_attribute;          /* LOOKUP, CROSS_ENTROPY by attribute; else UINT32_MAX */
  uint32_t source;                   /* GATHER: the input, or n_inputs + dense attribute */
  uint32_t group;                    /* EXPAND and *_OVER: the variadic group */
  uint32_t stacked_start, n_stacked; /* PRODUCT */
  uint32_t depth, columns;           /* PRODUCT: columns in all */
  uint32_t repeat; /* PRODUCT: rows of the operand per row of the domain (matrices); else 1 */
  bool needs_labels;
  bool joined;  /* part of the kernel of the step before */
  bool spread;  /* OP, FUSED: over elements, with operands that are their nodes' */
  uint32_t run; /* steps with the same run number > 0 execute tile by tile */
} edb_step;

/* Columns of a slot that is no part; slot EDB_SLOT_NONE: nowhere. */
typedef struct edb_place {
  uint32_t slot, offset, width;
} edb_place;

typedef struct edb_plan {
  edb_context *ctx;
  const edb_program *program;
  const edb_ir_cell *cell;
  edb_slot *slots;
  uint32_t n_slots;
  edb_step *steps;
  uint32_t n_steps;
  edb_stacked *stacked;
  uint32_t n_stacked;
  uint32_t *input_slot;  /* [n_inputs] slot an input is read from; EDB_SLOT_NONE if unused */
  uint32_t *output_slot; /* [n_outputs] */
  edb_place *op_place;   /* [n_ops] where results stand; nowhere: they never leave a register */
  uint32_t n_domains;    /* EDB_DOMAIN_GROUP + number of variadic groups */
  size_t
      *domain_floats;   /* [n_domains] scratch floats per row of the domain, local slots left out */
  size_t local_floats;  /* per row of a tile */
  size_t row_floats;    /* of all packed rows of parameters */
  uint32_t n_operators; /* of the cell, that compute */
  bool exact;           /* no order of memory meets more of the batches' operands, by bytes */
} edb_plan;

typedef struct edb_plan_params {
  edb_layout layout;
  bool unfused;
} edb_plan_params;

/* NULL: planned and fused. A planned cell has no more kernels, gathers, copies and bytes copied
 * than the order of creation would have, or fewer of one of them. EDB_ERROR_LIMIT: rows of 2^32
 * floats or more. */
EDB_MUST_CHECK edb_status edb_plan_create(edb_context *ctx, const edb_program *program,
                                          uint32_t cell, const edb_plan_params *params,
                                          edb_plan **out, edb_error *error);
void edb_plan_destroy(edb_plan *plan);

/* The memory a slot lives in: itself, or the outermost parent; *offset gets the first column. */
uint32_t edb_plan_root(const edb_plan *plan, uint32_t slot, size_t *offset);

#endif
