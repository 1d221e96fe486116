/* tests/kernel/test_bf16.c: rounding to bf16, its packed form, and products of bf16 numbers: bit
 * for bit the chain of fma at every level, and within the stated bound by instructions for bf16. */
#include "kernel/bf16.h"
#include "levels.h"

/* The bf16 number in the upper half. */
static float rounded(float x) {
  return float_of(edb_bf16_round(x));
}

static void rounding_is_to_nearest_and_ties_to_even(void **state) {
  (void)state;
  static const uint32_t cases[][2] = {
      {0x3f800000, 0x3f800000}, {0x3f808000, 0x3f800000}, {0x3f808001, 0x3f810000},
      {0x3f818000, 0x3f820000}, {0xbf80ffff, 0xbf810000}, {0x00000000, 0x00000000},
      {0x80000000, 0x80000000}, {0x00008001, 0x00010000}, {0x7f7fffff, 0x7f800000},
      {0x7f800000, 0x7f800000}, {0xff800000, 0xff800000}, {0x3fffffff, 0x40000000},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_int_equal(edb_bf16_round(float_of(cases[i][0])), cases[i][1]);
  }
}

static void rounding_keeps_nan(void **state) {
  (void)state;
  static const uint32_t nans[] = {0x7fc00000, 0x7f800001, 0xffffffff, 0x7fffffff};
  for (size_t i = 0; i < COUNT(nans); i++) assert_true(isnan(rounded(float_of(nans[i]))));
}

static void no_other_bf16_number_is_nearer(void **state) {
  (void)state;
  numbers n = {5};
  for (int i = 0; i < 20000; i++) {
    const float x = ldexpf(next_number(&n), i % 60 - 30);
    const uint32_t bits = edb_bf16_round(x);
    const double error = fabs((double)float_of(bits) - (double)x);
    assert_true(error <= fabs((double)float_of(bits + 0x10000) - (double)x));
    assert_true(error <= fabs((double)float_of(bits - 0x10000) - (double)x));
  }
}

/* Entry i of a row of pairs. */
static float entry(const float *pairs, size_t i) {
  const uint32_t bits = bits_of(pairs[i / 2]);
  return float_of(i % 2 ? bits & 0xffff0000 : bits << 16);
}

static void rows_become_pairs(void **state) {
  (void)state;
  static const size_t widths[] = {1, 2, 7, 16, 33, 64};
  FOR_EACH_TABLE(k) {
    for (size_t w = 0; w < COUNT(widths); w++) {
      const size_t cols = widths[w], pairs = edb_bf16_pairs(cols), rows = 3;
      block x = block_new((rows - 1) * (cols + 1) + cols, true);
      block y = block_new((rows - 1) * (pairs + 2) + pairs, true);
      numbers n = {(uint32_t)cols};
      for (size_t i = 0; i < x.count; i++) x.data[i] = next_any(&n);
      k->to_bf16(rows, cols, x.data, (ptrdiff_t)cols + 1, y.data, (ptrdiff_t)pairs + 2);
      for (size_t r = 0; r < rows; r++) {
        const float *row = y.data + r * (pairs + 2);
        for (size_t c = 0; c < cols; c++) {
          ASSERT_SAME(entry(row, c), rounded(x.data[r * (cols + 1) + c]), "column %zu", c);
        }
        if (cols % 2) ASSERT_SAME(entry(row, cols), 0.0f, "beside the last");
        if (r + 1 < rows) assert_true(untouched(row + pairs));
      }
      block_free(&x);
      block_free(&y);
    }
  }
}

/* Factors of a product, rows of pairs and a packed operand; the chain of each result and the sum of
 * its magnitudes. */
typedef struct product {
  size_t rows, cols, depth, pairs;
  block a, b, row_pairs, packed, c;
} product;

static product product_new(const edb_kernels *k, size_t rows, size_t cols, size_t depth,
                           bool by_rows) {
  product p = {.rows = rows, .cols = cols, .depth = depth, .pairs = edb_bf16_pairs(depth)};
  p.a = block_new(rows * depth, true);
  p.b = block_new(depth * cols, true);
  p.row_pairs = block_new(rows * p.pairs, true);
  p.packed = block_new(edb_packed_size(k, cols, p.pairs), true);
  p.c = block_new(rows * cols, true);
  numbers n = {(uint32_t)(rows * 31 + cols * 7 + depth + 1)};
  for (size_t i = 0; i < p.a.count; i++) p.a.data[i] = next_number(&n);
  for (size_t i = 0; i < p.b.count; i++) p.b.data[i] = next_number(&n);
  k->to_bf16(rows, depth, p.a.data, (ptrdiff_t)depth, p.row_pairs.data, (ptrdiff_t)p.pairs);
  edb_pack_begin(k, p.packed.data, cols, p.pairs);
  if (!by_rows) {
    edb_pack_bf16_columns(k, p.packed.data, cols, depth, 0, cols, p.b.data, (ptrdiff_t)cols);
    return p;
  }
  block w = block_new(cols * depth, true);
  for (size_t i = 0; i < w.count; i++) w.data[i] = p.b.data[i % depth * cols + i / depth];
  const size_t half = cols / 2; /* stacked */
  edb_pack_bf16_rows(k, p.packed.data, cols, depth, 0, half, w.data, (ptrdiff_t)depth);
  edb_pack_bf16_rows(k, p.packed.data, cols, depth, half, cols - half, w.data + half * depth,
                     (ptrdiff_t)depth);
  block_free(&w);
  return p;
}

static void product_free(product *p) {
  block_free(&p->a);
  block_free(&p->b);
  block_free(&p->row_pairs);
  block_free(&p->packed);
  block_free(&p->c);
}

static float chain(const product *p, size_t r, size_t j, double *magnitudes) {
  float sum = 0.0f;
  *magnitudes = 0;
  for (size_t i = 0; i < p->depth; i++) {
    const float a = rounded(p->a.data[r * p->depth + i]), b = rounded(p->b.data[i * p->cols + j]);
    sum = fmaf(a, b, sum);
    *magnitudes += fabs((double)a * (double)b);
  }
  return sum;
}

static void check(const edb_kernels *k, product *p) {
  k->product_bf16(p->rows, p->cols, p->pairs, p->row_pairs.data, (ptrdiff_t)p->pairs,
                  p->packed.data, p->c.data, (ptrdiff_t)p->cols);
  for (size_t i = 0; i < p->c.count; i++) {
    double magnitudes;
    ASSERT_SAME(p->c.data[i], chain(p, i / p->cols, i % p->cols, &magnitudes),
                "level %d, %zu x %zu x %zu at %zu", (int)k->simd, p->rows, p->cols, p->depth, i);
  }
}

static void check_fastest(const edb_kernels *k, product *p) {
  edb_kernels_product_bf16(k)(p->rows, p->cols, p->pairs, p->row_pairs.data, (ptrdiff_t)p->pairs,
                              p->packed.data, p->c.data, (ptrdiff_t)p->cols);
  for (size_t i = 0; i < p->c.count; i++) {
    double magnitudes, depth = (double)p->depth;
    const double want = (double)chain(p, i / p->cols, i % p->cols, &magnitudes);
    const double bound = (depth + 2) * 0x1p-23 * magnitudes + depth * 0x1p-126;
    assert_true(fabs((double)p->c.data[i] - want) <= bound);
  }
}

static const size_t shapes[][3] = {{1, 1, 1},   {1, 64, 64},  {2, 17, 3}, {3, 130, 9},
                                   {5, 72, 32}, {7, 128, 11}, {8, 65, 8}, {13, 50, 20}};

static void products_are_chains_of_rounded_numbers(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    for (size_t i = 0; i < 2 * COUNT(shapes); i++) {
      const size_t *s = shapes[i / 2];
      product p = product_new(k, s[0], s[1], s[2], i % 2);
      check(k, &p);
      check_fastest(k, &p);
      product_free(&p);
    }
  }
}

/* One row has the same bits whatever stands beside it. */
static void results_do_not_depend_on_the_other_rows(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    product p = product_new(k, 13, 80, 40, false);
    edb_product_fn f = edb_kernels_product_bf16(k);
    f(13, 80, 20, p.row_pairs.data, (ptrdiff_t)p.pairs, p.packed.data, p.c.data, 80);
    for (size_t r = 0; r < 13; r++) {
      float alone[80];
      f(1, 80, 20, p.row_pairs.data + r * p.pairs, (ptrdiff_t)p.pairs, p.packed.data, alone, 80);
      assert_memory_equal(alone, p.c.data + r * 80, sizeof alone);
    }
    product_free(&p);
  }
}

static void without_a_depth_results_are_zero(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    float c[3] = {1, 2, 3};
    edb_kernels_product_bf16(k)(1, 3, 0, NULL, 0, NULL, c, 3);
    for (size_t i = 0; i < 3; i++) ASSERT_SAME(c[i], 0.0f, "column %zu", i);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rounding_is_to_nearest_and_ties_to_even),
      cmocka_unit_test(rounding_keeps_nan),
      cmocka_unit_test(no_other_bf16_number_is_nearer),
      cmocka_unit_test(rows_become_pairs),
      cmocka_unit_test(products_are_chains_of_rounded_numbers),
      cmocka_unit_test(results_do_not_depend_on_the_other_rows),
      cmocka_unit_test(without_a_depth_results_are_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
