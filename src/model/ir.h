/* model/ir.h: what a cell is once read: operators in the order of the file, each with its operands
 * and its shape. The executor, the plans and operator granularity start from here.
 *
 * A program is a set of cells with all sizes known. The model's own cells are one; the same model
 * at operator granularity is another (model/lower.h), in which every cell has a single operator. */
#ifndef EDB_MODEL_IR_H
#define EDB_MODEL_IR_H

#include <edbatch/model.h>

#include "graph/graph.h"
#include "model/ops.h"

typedef enum edb_ref_kind {
  EDB_REF_INPUT,  /* input of the cell */
  EDB_REF_INDEX,  /* index attribute */
  EDB_REF_DENSE,  /* dense attribute */
  EDB_REF_PARAM,  /* parameter of the model: the same for all nodes */
  EDB_REF_NUMBER, /* literal: numbers[index] of the cell */
  EDB_REF_OP      /* result of an earlier operator of the cell */
} edb_ref_kind;

typedef struct edb_ref {
  edb_ref_kind kind;
  uint32_t index;
} edb_ref;

typedef struct edb_ir_op {
  edb_op_kind kind;
  uint32_t n_operands, operand_start; /* into the cell's operands */
  uint32_t immediate[2]; /* SLICE from, to; RESHAPE rows, columns (columns 0: a vector);
                            BROADCAST columns; DROPOUT: numbers[] index of the rate */
  edb_shape shape;       /* of the result; of one element if variadic */
  bool variadic;         /* one result per element of the group's inputs */
  uint32_t group;        /* variadic: as edb_input_sig.group; *_OVER: the group reduced */
  bool is_index;         /* ARGMAX: the result is an index, stored as an fp32 whole number */
  bool needs_labels;     /* not computed for nodes without labels */
  const char *name;      /* of the value in the file, or NULL */
  uint32_t line, column; /* in the file; 0 if built */
} edb_ir_op;

typedef struct edb_ir_output {
  const char *name;
  edb_ref value;
  edb_shape shape;
} edb_ir_output;

typedef struct edb_ir_cell {
  const char *name;
  edb_type_sig sig;        /* inputs, attributes, outputs with names and interned shapes */
  edb_shape *input_shapes; /* [sig.n_inputs]; of one element if variadic */
  edb_shape *dense_shapes; /* [sig.n_dense] */
  edb_ir_op *ops;
  uint32_t n_ops;
  edb_ref *operands;
  uint32_t n_operands;
  double *numbers;
  uint32_t n_numbers;
  edb_ir_output *outputs;   /* [sig.n_outputs] */
  double flops;             /* 2 M K per product outside maps over variadic inputs */
  double flops_per_element; /* and of products inside such maps, per element */
} edb_ir_cell;

typedef struct edb_ir_param {
  const char *name;
  edb_shape shape;
} edb_ir_param;

typedef struct edb_program {
  uint32_t n_cells, n_params;
  const edb_ir_cell *cells;
  const edb_ir_param *params;
  edb_schema schema; /* types = cells[i].sig, in one array */
} edb_program;

/* The model's own cells. Sizes are final once the model is sealed. */
const edb_program *edb_model_program(const edb_model *model);
edb_context *edb_model_context(const edb_model *model);
bool edb_model_is_sealed(const edb_model *model);

/* Shape of any operand of an operator of a cell; variadic tells whether it is a map over elements.
 */
edb_shape edb_ir_ref_shape(const edb_program *program, const edb_ir_cell *cell, edb_ref ref,
                           bool *variadic);

/* 2 M K N of a product (of one element, if it is mapped), else 0. */
double edb_ir_op_flops(const edb_program *program, const edb_ir_cell *cell, const edb_ir_op *op);

/* ---- The read section, as parsed; what pattern names mean is the reader's business (data/) ----
 */

typedef struct edb_read_term {
  const char *name;   /* bound name of the pattern ("left"), or an attribute ("word") */
  const char *output; /* "h" in "left.h", or NULL: the bare name */
  bool rest;          /* "children..." in a pattern */
} edb_read_term;

typedef struct edb_read_rule {
  const char *reader;         /* "trees" */
  const char *pattern;        /* "inner" */
  const edb_read_term *bound; /* pattern arguments */
  uint32_t n_bound;
  uint32_t cell;
  const edb_read_term *arguments; /* of the cell call */
  uint32_t n_arguments;
  uint32_t line, column;
} edb_read_rule;

const edb_read_rule *edb_model_read_rules(const edb_model *model, uint32_t *count);
const char *edb_model_file_name(const edb_model *model); /* for errors */
/* The vocabulary that bounds an index attribute of a cell, or UINT32_MAX. */
uint32_t edb_model_index_vocab(const edb_model *model, uint32_t cell, uint32_t index_attribute);

/* ---- One operator's float64 definition (model/reference_ops.c) ------------------------------- */

typedef struct edb_reference_operand {
  const double *const *elements; /* variadic: one pointer per element; else elements[0] */
  edb_shape shape;
  bool variadic;
} edb_reference_operand;

typedef struct edb_reference_args {
  const edb_reference_operand *operands; /* index attributes come as one double */
  uint32_t n_operands;
  uint32_t n_elements; /* of the group, for *_OVER */
  const uint32_t *immediate;
  edb_shape shape;    /* of the result */
  double *const *out; /* out[0]; SOFTMAX_OVER: one per element */
} edb_reference_args;

typedef void (*edb_reference_fn)(const edb_reference_args *args);

/* The table's row of one operator. */
typedef struct edb_op_info {
  const char *name;
  uint32_t min_operands, max_operands, n_immediates;
  edb_reference_fn reference;
} edb_op_info;
const edb_op_info *edb_op_get(edb_op_kind kind);
/* Whether it reduces the elements of a group, or is their softmax. */
bool edb_op_is_over(edb_op_kind kind);

#endif
