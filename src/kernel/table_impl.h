/* kernel/table_impl.h: the kernel table of one level; the including file has chosen its vector
 * type. */
#ifndef EDB_KERNEL_TABLE_IMPL_H
#define EDB_KERNEL_TABLE_IMPL_H

#include "kernel/levels.h"
#include "kernel/movement_impl.h"
#include "kernel/product_bf16_impl.h"
#include "kernel/product_impl.h"
#include "kernel/reduce_impl.h"

#define EDB_KERNEL_ENTRY(name)       .name = kernel_##name,
#define EDB_KERNEL_ENTRY_OF(name, n) .name = kernel_##name,

#define EDB_KERNEL_TABLE(level, form, asks)                                                      \
  {                                                                                              \
    .simd = (level), .panel = VF_PANEL_VECTORS * VF_LANES, .prefetches = (asks),                 \
    .product_packed = kernel_product_packed_##form,                                              \
    .product_packed_rows = kernel_product_packed_rows_##form, .product = kernel_product,         \
    .product_parts = kernel_product_parts, .product_bf16 = kernel_product_bf16_##form,           \
    .to_bf16 = kernel_to_bf16, .matvec = kernel_matvec,                                          \
    EDB_UNARY_LIST(EDB_KERNEL_ENTRY) EDB_BINARY_LIST(EDB_KERNEL_ENTRY)                           \
        EDB_COMBINED_LIST(EDB_KERNEL_ENTRY_OF)                                                   \
            .softmax = kernel_softmax,                                                           \
    .log_softmax = kernel_log_softmax, .layer_norm = kernel_layer_norm, .sum = kernel_sum,       \
    .mean = kernel_mean, .maximum = kernel_maximum, .argmax = kernel_argmax, .dot = kernel_dot,  \
    .squared_error = kernel_squared_error, .cross_entropy = kernel_cross_entropy,                \
    .sum_over = kernel_sum_over, .mean_over = kernel_mean_over, .max_over = kernel_max_over,     \
    .softmax_over = kernel_softmax_over, .transpose = kernel_transpose, .gather = kernel_gather, \
    .move = kernel_move, .burst = kernel_burst, .read = kernel_read,                             \
  }

/* By whether they prefetch. Where panels are narrow both do. */
#if VF_PANEL_VECTORS == 4
#define EDB_KERNEL_TABLES(level) \
  { EDB_KERNEL_TABLE(level, plain, false), EDB_KERNEL_TABLE(level, ahead, true) }
#else
#define EDB_KERNEL_TABLES(level) \
  { EDB_KERNEL_TABLE(level, ahead, true), EDB_KERNEL_TABLE(level, ahead, true) }
#endif

#endif
