/* layout/batching.h: which operators of a cell run as one kernel.
 *
 * Operators of one kind that compute the same on values of the same form are of one type; products
 * with the same operand are too, whatever their rows, because their weights stack. The operators of
 * a cell are then a typed graph, and the fewest kernels are a shortest schedule of it: the policies
 * that batch the dynamic graph batch the cell as well.
 *
 *     i = sigmoid(Ui @ e + bi)          1 product    Ui Uo Uu stacked, of e
 *     o = sigmoid(Uo @ e + bo)   --->   1 add        of three, to [bi; bo; bu]
 *     u = tanh(Uu @ e + bu)             1 sigmoid    of two
 *                                       1 tanh
 *
 * Cells of up to EDB_BATCHING_EXACT_OPS operators get the fewest kernels there are, unless the
 * search would take too long; larger ones what the policy `best` finds. An elementwise kernel with
 * an operand that no order of memory brings together (one value repeated among others, results
 * among inputs) is cut into kernels that need no gather: a gather is a kernel too, and moves bytes.
 */
#ifndef EDB_LAYOUT_BATCHING_H
#define EDB_LAYOUT_BATCHING_H

#include "model/ir.h"

#define EDB_BATCHING_EXACT_OPS 64u
/* Values that a concat of concats puts behind each other, at most; else it copies them. */
#define EDB_BATCHING_MOST_NESTED 64u

typedef enum edb_op_role {
  EDB_ROLE_KERNEL,   /* computes */
  EDB_ROLE_VIEW,     /* slice, reshape, dropout: another way to look at its operand */
  EDB_ROLE_SEQUENCE, /* a concat whose operands can be made next to each other */
  EDB_ROLE_STATIC    /* of parameters only: computed once per version of the weights */
} edb_op_role;

typedef struct edb_batching {
  edb_context *ctx;
  const edb_program *program;
  const edb_ir_cell *cell;
  uint32_t n_batches, bound; /* bound: no batching has fewer kernels */
  uint32_t *batch_start;     /* [n_batches + 1] */
  uint32_t *ops;    /* of the batches, as they run; within a batch in the order of the cell */
  uint8_t *role;    /* [n_ops] edb_op_role; only kernels are in batches */
  uint32_t *parts;  /* [n_ops] SEQUENCE: values behind each other; more than operands, if nested */
  uint8_t *swapped; /* [n_ops] it takes its operands the other way round: a commutative operator, or
                       a vector times parameters */
  void *memory;     /* of the arrays */
  size_t memory_bytes;
} edb_batching;

EDB_MUST_CHECK edb_status edb_batching_create(edb_context *ctx, const edb_program *program,
                                              uint32_t cell, edb_batching **out, edb_error *error);
void edb_batching_destroy(edb_batching *batching);

/* Operand i of an operator as its batch takes it. */
static inline edb_ref edb_batching_operand(const edb_batching *b, uint32_t op, uint32_t i) {
  const edb_ir_op *o = &b->cell->ops[op];
  return b->cell->operands[o->operand_start + (b->swapped[op] ? 1 - i : i)];
}

/* The value itself, behind views that show all of it. */
static inline edb_ref edb_batching_value(const edb_batching *b, edb_ref ref) {
  while (ref.kind == EDB_REF_OP && b->role[ref.index] == EDB_ROLE_VIEW &&
         b->cell->ops[ref.index].kind != EDB_OP_SLICE)
    ref = edb_batching_operand(b, ref.index, 0);
  return ref;
}

/* A product with a matrix of parameters, whose weights can be packed: of a vector, or of the rows
 * of a matrix. */
typedef struct edb_product_form {
  bool transposed; /* the parameter is the right operand */
  uint32_t param;
  edb_ref operand; /* the other one */
  uint32_t depth, columns;
  uint32_t repeat; /* rows of the operand */
} edb_product_form;
/* false: an operator is no such product. */
bool edb_batching_product_form(const edb_batching *batching, uint32_t op, edb_product_form *form);

bool edb_batching_is_elementwise(edb_op_kind kind);
/* Whether an operator makes each of its columns of the same column of its operands, or of one
 * number: operators of a batch whose values stand side by side are then one operator on wider rows.
 */
bool edb_batching_is_wide(const edb_batching *batching, uint32_t op);

#endif
