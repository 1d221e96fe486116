/* model/ops.h: the one table of operators. Everything that must know all operators is made from
 * EDB_OP_LIST: the enum, the names in model files, arities, shape rules, reference kernels
 * (float64) and the place for a gradient. To add an operator: one line here, its shape rule
 * (model/shapes.c), its reference kernel (model/reference_ops.c) and its fp32 kernel
 * (exec/cpu_launch.c, exec/cpu_ops.c). docs/operators.md says what each computes and in which order
 * it rounds.
 *
 * X(ENUM, name, min operands, max operands (0 = any), immediates, shape rule, reference, gradient)
 *
 * Text forms: a + b, a - b, a * b, a / b, -a, W @ x, E[i], [a; b] (concat), else name(operands...,
 * immediates...). On a variadic value sum, mean, max and softmax mean the *_over operator. */
#ifndef EDB_MODEL_OPS_H
#define EDB_MODEL_OPS_H

#define EDB_OP_LIST(X)                                                           \
  X(PRODUCT, "product", 2, 2, 0, product, product, none)                         \
  X(DOT, "dot", 2, 2, 0, dot, dot, none)                                         \
  X(ADD, "add", 2, 2, 0, broadcast, add, none)                                   \
  X(SUB, "sub", 2, 2, 0, broadcast, sub, none)                                   \
  X(MUL, "mul", 2, 2, 0, broadcast, mul, none)                                   \
  X(DIV, "div", 2, 2, 0, broadcast, div, none)                                   \
  X(MIN, "min", 2, 2, 0, broadcast, min, none)                                   \
  X(MAX, "max", 2, 2, 0, broadcast, max, none)                                   \
  X(NEG, "neg", 1, 1, 0, same, neg, none)                                        \
  X(SIGMOID, "sigmoid", 1, 1, 0, same, sigmoid, none)                            \
  X(TANH, "tanh", 1, 1, 0, same, tanh, none)                                     \
  X(RELU, "relu", 1, 1, 0, same, relu, none)                                     \
  X(GELU, "gelu", 1, 1, 0, same, gelu, none)                                     \
  X(EXP, "exp", 1, 1, 0, same, exp, none)                                        \
  X(LOG, "log", 1, 1, 0, same, log, none)                                        \
  X(SQRT, "sqrt", 1, 1, 0, same, sqrt, none)                                     \
  X(ABS, "abs", 1, 1, 0, same, abs, none)                                        \
  X(SIN, "sin", 1, 1, 0, same, sin, none)                                        \
  X(COS, "cos", 1, 1, 0, same, cos, none)                                        \
  X(DROPOUT, "dropout", 1, 1, 1, dropout, identity, none)                        \
  X(SOFTMAX, "softmax", 1, 1, 0, rows, softmax, none)                            \
  X(LOG_SOFTMAX, "log_softmax", 1, 1, 0, rows, log_softmax, none)                \
  X(LAYER_NORM, "layer_norm", 3, 3, 0, layer_norm, layer_norm, none)             \
  X(SUM, "sum", 1, 1, 0, to_scalar, sum, none)                                   \
  X(MEAN, "mean", 1, 1, 0, to_scalar, mean, none)                                \
  X(MAXIMUM, "maximum", 1, 1, 0, to_scalar, maximum, none)                       \
  X(ARGMAX, "argmax", 1, 1, 0, argmax, argmax, none)                             \
  X(CONCAT, "concat", 1, 0, 0, concat, concat, none)                             \
  X(SLICE, "slice", 1, 1, 2, slice, slice, none)                                 \
  X(TRANSPOSE, "transpose", 1, 1, 0, transpose, transpose, none)                 \
  X(RESHAPE, "reshape", 1, 1, 2, reshape, identity, none)                        \
  X(BROADCAST, "broadcast", 1, 1, 1, columns, columns, none)                     \
  X(LOOKUP, "lookup", 2, 2, 0, lookup, lookup, none)                             \
  X(CROSS_ENTROPY, "cross_entropy", 2, 2, 0, cross_entropy, cross_entropy, none) \
  X(SQUARED_ERROR, "squared_error", 2, 2, 0, squared_error, squared_error, none) \
  X(SUM_OVER, "sum_over", 1, 1, 0, over, sum_over, none)                         \
  X(MEAN_OVER, "mean_over", 1, 1, 0, over, mean_over, none)                      \
  X(MAX_OVER, "max_over", 1, 1, 0, over, max_over, none)                         \
  X(SOFTMAX_OVER, "softmax_over", 1, 1, 0, over_map, softmax_over, none)

typedef enum edb_op_kind {
#define EDB_OP_ENUM(id, name, lo, hi, imm, shape, ref, grad) EDB_OP_##id,
  EDB_OP_LIST(EDB_OP_ENUM)
#undef EDB_OP_ENUM
      EDB_OP_COUNT
} edb_op_kind;

#endif
