/* tests/kernel/test_product.c: products at every level against the scalar chain, bit for bit. */
#include <stdlib.h>

#include "levels.h"

/* The definition: fma over the depth, ascending, from +0. */
static float chain(size_t depth, const float *a, const float *b, ptrdiff_t b_stride) {
  float sum = 0.0f;
  for (size_t k = 0; k < depth; k++) sum = fmaf(a[k], b[(ptrdiff_t)k * b_stride], sum);
  return sum;
}

/* Row-major factors and result with gaps between rows; `at_end` puts all blocks against their
 * guard. */
typedef struct product {
  size_t rows, cols, depth, a_stride, b_stride, c_stride;
  block a, b, c, packed;
} product;

static size_t span_floats(size_t rows, size_t cols, size_t stride) {
  return rows == 0 ? 0 : (rows - 1) * stride + cols;
}

static product product_new(const edb_kernels *k, size_t rows, size_t cols, size_t depth,
                           bool at_end) {
  product p = {rows, cols, depth, depth + 3, cols + 5, cols + 2, {0}, {0}, {0}, {0}};
  p.a = block_new(span_floats(rows, depth, p.a_stride), at_end);
  p.b = block_new(span_floats(depth, cols, p.b_stride), at_end);
  p.c = block_new(span_floats(rows, cols, p.c_stride), at_end);
  p.packed = block_new(edb_packed_size(k, cols, depth), at_end);
  numbers n = {(uint32_t)(rows * 7919 + cols * 131 + depth + 1)};
  for (size_t i = 0; i < p.a.count; i++) p.a.data[i] = next_number(&n);
  for (size_t i = 0; i < p.b.count; i++) p.b.data[i] = next_number(&n);
  edb_pack_begin(k, p.packed.data, cols, depth);
  edb_pack_columns(k, p.packed.data, cols, depth, 0, cols, p.b.data, (ptrdiff_t)p.b_stride);
  return p;
}

/* The result is the chain, and the gaps of c are as they were; then c is wiped for the next kernel.
 */
static void product_check(product *p, const char *name, const edb_kernels *k) {
  for (size_t r = 0; r < p->rows; r++) {
    for (size_t j = 0; j < p->c_stride; j++) {
      const size_t at = r * p->c_stride + j;
      if (at >= p->c.count) break;
      float *c = p->c.data + at;
      if (j < p->cols) {
        const float want =
            chain(p->depth, p->a.data + r * p->a_stride, p->b.data + j, (ptrdiff_t)p->b_stride);
        ASSERT_SAME(*c, want, "%s, level %d, %zu x %zu x %zu at (%zu, %zu)", name, (int)k->simd,
                    p->rows, p->cols, p->depth, r, j);
      } else {
        assert_true(untouched(c));
      }
      *c = float_of(BLOCK_PATTERN);
    }
  }
}

static void product_free(product *p) {
  block_free(&p->a);
  block_free(&p->b);
  block_free(&p->c);
  block_free(&p->packed);
}

/* B in up to three parts, one after the other in memory or not; the last one also says what comes
 * next. */
static void check_parts(const edb_kernels *k, product *p) {
  const size_t cuts[] = {0, p->depth / 4, p->depth / 4 + 1, p->depth};
  edb_matrix_part part[3] = {{0}};
  size_t n = 0;
  for (size_t i = 0; i < 3; i++) {
    if (cuts[i] >= cuts[i + 1]) continue;
    part[n++] = (edb_matrix_part){p->b.data + cuts[i] * p->b_stride, cuts[i + 1] - cuts[i],
                                  i == 2 ? p->b.data : NULL};
  }
  if (p->depth == 0) return;
  k->product_parts(p->rows, p->cols, p->a.data, (ptrdiff_t)p->a_stride, n, part,
                   (ptrdiff_t)p->b_stride, p->c.data, (ptrdiff_t)p->c_stride);
  product_check(p, "product_parts", k);
}

/* The rows of A somewhere else, the last one first. */
static void check_rows_apart(const edb_kernels *k, product *p) {
  const float *pointers[64];
  float *copy = malloc((p->rows * p->depth + 1) * sizeof *copy);
  assert_non_null(copy);
  assert_true(p->rows <= COUNT(pointers));
  for (size_t r = 0; r < p->rows; r++) {
    float *row = copy + (p->rows - 1 - r) * p->depth;
    memcpy(row, p->a.data + r * p->a_stride, p->depth * sizeof *row);
    pointers[r] = row;
  }
  k->product_packed_rows(p->rows, p->cols, p->depth, pointers, p->packed.data, p->c.data,
                         (ptrdiff_t)p->c_stride, NULL, 0);
  product_check(p, "product_packed_rows", k);
  free(copy);
}

/* All kernels on one shape. */
static void check_shape(const edb_kernels *k, size_t rows, size_t cols, size_t depth, bool at_end) {
  product p = product_new(k, rows, cols, depth, at_end);
  const ptrdiff_t a_stride = (ptrdiff_t)p.a_stride, c_stride = (ptrdiff_t)p.c_stride;
  k->product_packed(rows, cols, depth, p.a.data, a_stride, p.packed.data, p.c.data, c_stride);
  product_check(&p, "product_packed", k);

  check_rows_apart(k, &p);
  k->product(rows, cols, depth, p.a.data, a_stride, p.b.data, (ptrdiff_t)p.b_stride, p.c.data,
             c_stride);
  product_check(&p, "product", k);
  check_parts(k, &p);
  product_free(&p);
}

/* Blocks of all forms, more or less than there are tiles, empty ones too; nothing of them is read
 * but by asking. */
static void asking_for_other_rows_changes_nothing(void **state) {
  (void)state;
  float others[7 * 40];
  const float *far[3] = {others, others + 200, others + 40};
  const edb_wanted wanted[] = {{.pointers = far, .rows = 3, .columns = 37},
                               {.first = others, .stride = 40, .rows = 0, .columns = 40},
                               {.first = others, .stride = 40, .rows = 5, .columns = 0},
                               {.first = others, .stride = 40, .rows = 7, .columns = 40}};
  FOR_EACH_TABLE(k) {
    for (size_t rows = 1; rows <= 40; rows += 3) {
      product p = product_new(k, rows, 130, 17, true);
      const float *pointers[40];
      for (size_t r = 0; r < rows; r++) pointers[r] = p.a.data + r * p.a_stride;
      for (size_t n = 0; n <= COUNT(wanted); n++) {
        k->product_packed_rows(rows, 130, 17, pointers, p.packed.data, p.c.data,
                               (ptrdiff_t)p.c_stride, wanted, n);
        product_check(&p, "product_packed_rows", k);
      }
      product_free(&p);
    }
  }
}

static const size_t widths[] = {1, 5, 15, 16, 17, 33, 50, 64, 72, 130};

static void every_tile_is_the_chain(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    for (size_t rows = 1; rows <= 14; rows++) {
      for (size_t i = 0; i < COUNT(widths); i++) check_shape(k, rows, widths[i], 9, true);
    }
  }
}

static void every_depth_is_the_chain(void **state) {
  (void)state;
  static const size_t depths[] = {0, 1, 2, 8, 16, 31, 200};
  FOR_EACH_TABLE(k) {
    for (size_t i = 0; i < COUNT(depths); i++) {
      check_shape(k, 1, 72, depths[i], false);
      check_shape(k, 7, 33, depths[i], false);
    }
  }
}

static void many_rows_are_the_chain(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    check_shape(k, 25, 96, 20, false);
    check_shape(k, 64, 40, 20, true);
  }
}

/* Of a few columns, where the lanes of vectors are rows. */
static void many_rows_of_few_columns_are_the_chain(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    for (size_t cols = 1; cols <= 9; cols++) {
      check_shape(k, 32, cols, 16, true);
      check_shape(k, 45, cols, 39, true);
      check_shape(k, 64, cols, 15, false);
    }
  }
}

static void no_depth_gives_positive_zero(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    float c[3] = {1, 2, 3};
    k->product_packed(1, 3, 0, NULL, 0, NULL, c, 3);
    for (size_t i = 0; i < 3; i++) ASSERT_SAME(c[i], 0.0f, "packed, column %zu", i);
    c[1] = 5;
    k->product(1, 3, 0, NULL, 0, NULL, 0, c, 3);
    ASSERT_SAME(c[1], 0.0f, "in place");
  }
}

static void infinities_and_nan_stay_in_their_column(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    product p = product_new(k, 2, 20, 4, true);
    p.b.data[3] = INFINITY;
    p.b.data[p.b_stride + 19] = NAN;
    edb_pack_columns(k, p.packed.data, 20, 4, 0, 20, p.b.data, (ptrdiff_t)p.b_stride);
    k->product_packed(2, 20, 4, p.a.data, (ptrdiff_t)p.a_stride, p.packed.data, p.c.data,
                      (ptrdiff_t)p.c_stride);
    product_check(&p, "product_packed", k);
    product_free(&p);
  }
}

/* Columns from a multiple of the panel on are an operand of their own. */
static void an_operand_can_be_cut_between_panels(void **state) {
  (void)state;
  const size_t cols = 200, depth = 11;
  FOR_EACH_TABLE(k) {
    product p = product_new(k, 5, cols, depth, true);
    for (size_t j = 0; j < cols;) {
      const size_t width = cols - j > 2 * k->panel ? 2 * k->panel : cols - j;
      k->product_packed(5, width, depth, p.a.data, (ptrdiff_t)p.a_stride, p.packed.data + j * depth,
                        p.c.data + j, (ptrdiff_t)p.c_stride);
      j += width;
    }
    product_check(&p, "slices", k);
    product_free(&p);
  }
}

/* Three weights of 40, 30 and 27 rows packed one after another are one operand of 97 columns. */
static void stacked_weights_are_one_operand(void **state) {
  (void)state;
  static const size_t heights[] = {40, 30, 27};
  const size_t total = 97, depth = 13;
  FOR_EACH_TABLE(k) {
    product p = product_new(k, 3, total, depth, true);
    float w[40 * 16];
    edb_pack_begin(k, p.packed.data, total, depth);
    for (size_t i = 0, first = 0; i < COUNT(heights); first += heights[i], i++) {
      for (size_t j = 0; j < heights[i]; j++) {
        for (size_t d = 0; d < depth; d++) w[j * 16 + d] = p.b.data[d * p.b_stride + first + j];
      }
      edb_pack_rows(k, p.packed.data, total, depth, first, heights[i], w, 16);
    }
    k->product_packed(3, total, depth, p.a.data, (ptrdiff_t)p.a_stride, p.packed.data, p.c.data,
                      (ptrdiff_t)p.c_stride);
    product_check(&p, "stacked", k);
    product_free(&p);
  }
}

static void a_panel_is_depth_major_and_the_last_one_narrow(void **state) {
  (void)state;
  FOR_EACH_TABLE(k) {
    const size_t total = k->panel + 3, depth = 2;
    assert_int_equal(edb_packed_size(k, total, depth), (k->panel + 16) * depth);
    product p = product_new(k, 1, total, depth, true);
    for (size_t d = 0; d < depth; d++) {
      for (size_t j = 0; j < k->panel; j++) {
        ASSERT_SAME(p.packed.data[d * k->panel + j], p.b.data[d * p.b_stride + j], "full panel");
      }
      for (size_t j = 0; j < 16; j++) {
        const float want = j < 3 ? p.b.data[d * p.b_stride + k->panel + j] : 0.0f;
        ASSERT_SAME(p.packed.data[k->panel * depth + d * 16 + j], want, "last panel");
      }
    }
    product_free(&p);
  }
}

static void matvec_is_the_chain_of_each_row(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 3, 15, 16, 17, 31, 32, 33, 49, 64, 70};
  FOR_EACH_TABLE(k) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
      for (size_t j = 0; j < COUNT(sizes); j++) {
        const size_t m = sizes[i], depth = sizes[j] - 1, stride = depth + 2;
        block a = block_new(span_floats(m, depth, stride), (i + j) % 2 == 0);
        block x = block_new(depth, true), y = block_new(m, true);
        numbers n = {(uint32_t)(i * 100 + j + 1)};
        for (size_t t = 0; t < a.count; t++) a.data[t] = next_number(&n);
        for (size_t t = 0; t < depth; t++) x.data[t] = next_number(&n);
        k->matvec(m, depth, a.data, (ptrdiff_t)stride, x.data, y.data);
        for (size_t r = 0; r < m; r++) {
          ASSERT_SAME(y.data[r], chain(depth, a.data + r * stride, x.data, 1),
                      "matvec, level %d, %zu x %zu, row %zu", (int)k->simd, m, depth, r);
        }
        block_free(&a);
        block_free(&x);
        block_free(&y);
      }
    }
  }
}

static void transpose_swaps_rows_and_columns(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 5, 16, 19, 32, 50};
  FOR_EACH_TABLE(k) {
    for (size_t i = 0; i < COUNT(sizes) * COUNT(sizes); i++) {
      const size_t rows = sizes[i / COUNT(sizes)], cols = sizes[i % COUNT(sizes)];
      block src = block_new(span_floats(rows, cols, cols + 1), true);
      block dst = block_new(span_floats(cols, rows, rows + 3), true);
      for (size_t t = 0; t < src.count; t++) src.data[t] = (float)t;
      k->transpose(rows, cols, src.data, (ptrdiff_t)cols + 1, dst.data, (ptrdiff_t)rows + 3);
      for (size_t t = 0; t < dst.count; t++) {
        const size_t c = t / (rows + 3), r = t % (rows + 3);
        if (r >= rows) {
          assert_true(untouched(dst.data + t));
        } else {
          ASSERT_SAME(dst.data[t], src.data[r * (cols + 1) + c], "(%zu, %zu)", r, c);
        }
      }
      block_free(&src);
      block_free(&dst);
    }
  }
}

static void gather_copies_rows_from_anywhere(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 7, 16, 40};
  FOR_EACH_TABLE(k) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
      const size_t cols = sizes[i], rows = 6;
      block src = block_new(rows * cols, true), dst = block_new(rows * (cols + 1) - 1, true);
      const float *pointers[6];
      for (size_t t = 0; t < src.count; t++) src.data[t] = (float)t;
      for (size_t r = 0; r < rows; r++) pointers[r] = src.data + (rows - 1 - r / 2) * cols;
      k->gather(rows, cols, pointers, dst.data, (ptrdiff_t)cols + 1);
      for (size_t r = 0; r < rows; r++) {
        assert_memory_equal(dst.data + r * (cols + 1), pointers[r], cols * sizeof(float));
        if (r + 1 < rows) assert_true(untouched(dst.data + r * (cols + 1) + cols));
      }
      block_free(&src);
      block_free(&dst);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(asking_for_other_rows_changes_nothing),
      cmocka_unit_test(every_tile_is_the_chain),
      cmocka_unit_test(every_depth_is_the_chain),
      cmocka_unit_test(many_rows_are_the_chain),
      cmocka_unit_test(many_rows_of_few_columns_are_the_chain),
      cmocka_unit_test(no_depth_gives_positive_zero),
      cmocka_unit_test(infinities_and_nan_stay_in_their_column),
      cmocka_unit_test(an_operand_can_be_cut_between_panels),
      cmocka_unit_test(stacked_weights_are_one_operand),
      cmocka_unit_test(a_panel_is_depth_major_and_the_last_one_narrow),
      cmocka_unit_test(matvec_is_the_chain_of_each_row),
      cmocka_unit_test(transpose_swaps_rows_and_columns),
      cmocka_unit_test(gather_copies_rows_from_anywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
