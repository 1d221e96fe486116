/* layout/plan_inputs.h: what placement has to know of a planned cell: which inputs a batch reads as
 * one block of rows, and which step completes the rows of an output.
 *
 *     cell node(h1[n], c1[n], h2[n], c2[n]):      operand 0: slot e, h1 at column 0, h2 at n
 *       e = [h1; h2]                              operand 1: slot c1       operand 2: slot c2
 *
 * An input that is read in place is an operand by itself. Inputs that the plan puts side by side,
 * where nothing else writes to, are one operand as wide as their block; where that block is an
 * output of the cell, the operand's rows are the output's own. Rows stored there by their producers
 * need no gather. An input may be part of several operands. */
#ifndef EDB_LAYOUT_PLAN_INPUTS_H
#define EDB_LAYOUT_PLAN_INPUTS_H

#include "layout/plan.h"

/* Of an operand whose readers could all do with a pointer per row. */
typedef enum edb_reader {
  EDB_READER_OTHER,
  EDB_READER_PRODUCT,     /* products with weights, as their left factor */
  EDB_READER_ELEMENTWISE, /* elementwise operators, each column by one of them */
  EDB_READER_OVER,        /* reductions over elements, and products */
  EDB_READER_MATRICES     /* products with a factor for each row: they take an input as it is, or
                             matrices of which every input is some rows */
} edb_reader;

/* Inputs of a matrix that is read through pointers, at most, and the least floats of each. */
#define EDB_READER_PARTS 8
#define EDB_READER_WIDTH 16

typedef struct edb_operand {
  uint32_t slot;   /* whose rows these are: an INPUT, or SCRATCH or OUTPUT that inputs fill */
  uint32_t domain; /* NODE or a group */
  uint32_t width;
  uint32_t output; /* the output that these rows are; EDB_SLOT_NONE: of none */
  uint32_t n_parts;
  edb_reader reader;
  uint32_t read_width; /* columns of the reader that takes the fewest */
} edb_operand;

/* Columns that an input fills. */
typedef struct edb_input_part {
  uint32_t input, column;
  uint32_t slot;    /* of these columns alone */
  uint32_t operand; /* EDB_OPERAND_MIXED: none, it is gathered beside other values */
} edb_input_part;

#define EDB_OPERAND_MIXED UINT32_MAX

typedef struct edb_plan_inputs {
  edb_context *ctx;
  uint32_t n_parts, n_operands, n_outputs;
  edb_input_part *parts; /* [n_parts] */
  edb_operand *operands; /* [n_operands] */
  uint32_t *last_step;   /* [n_outputs] that writes the output; EDB_SLOT_NONE: none does */
  uint32_t *operand_of;  /* [n_slots of the plan] that lives there, or EDB_OPERAND_MIXED */
  void *memory;
  size_t memory_bytes;
} edb_plan_inputs;

/* All arrays stand in one block of memory, given back by the destroy function; `out` is filled only
 * on success. */
EDB_MUST_CHECK edb_status edb_plan_inputs_create(edb_context *ctx, const edb_plan *plan,
                                                 edb_plan_inputs *out, edb_error *error);
void edb_plan_inputs_destroy(edb_plan_inputs *inputs);

/* The operand that lives in a slot; EDB_OPERAND_MIXED: none. */
uint32_t edb_plan_inputs_find(const edb_plan_inputs *inputs, uint32_t root);

#endif
