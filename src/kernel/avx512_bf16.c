/* kernel/avx512_bf16.c: the product of bf16 numbers by the instructions of AVX-512 BF16. */
#include "kernel/vec_avx512.h"

#include "kernel/levels.h"
#include "kernel/product_bf16_impl.h"

const edb_product_fn edb_product_avx512_bf16[2] = {kernel_product_bf16_plain,
                                                   kernel_product_bf16_ahead};
