/* tests/kernel/test_elementwise.c: elementwise operators have the same bits at every level and in
 * every form of span, and touch nothing else. The twin is the portable kernel on one element at a
 * time. */
#include "levels.h"

/* How a span lies in memory. */
typedef enum form { LONG, GAPS, ONE_ROW, ONE_COLUMN, ONE_NUMBER, FORMS } form;

static edb_span span_of(form f, const float *data, size_t cols) {
  switch (f) {
  case LONG:
    return (edb_span){data, (ptrdiff_t)cols, 1};
  case GAPS:
    return (edb_span){data, (ptrdiff_t)cols + 3, 1};
  case ONE_ROW:
    return (edb_span){data, 0, 1};
  case ONE_COLUMN:
    return (edb_span){data, 1, 0};
  default:
    return (edb_span){data, 0, 0};
  }
}

static size_t form_floats(form f, size_t rows, size_t cols) {
  switch (f) {
  case LONG:
    return rows * cols;
  case GAPS:
    return (rows - 1) * (cols + 3) + cols;
  case ONE_ROW:
    return cols;
  case ONE_COLUMN:
    return rows;
  default:
    return 1;
  }
}

static float element(edb_span s, size_t r, size_t c) {
  return s.data[(ptrdiff_t)r * s.row_stride + (ptrdiff_t)c * s.col_stride];
}

static block block_of(form f, size_t rows, size_t cols, uint32_t seed) {
  block b = block_new(form_floats(f, rows, cols), seed % 2 == 0);
  numbers n = {seed * 2654435761u + 1};
  for (size_t i = 0; i < b.count; i++) b.data[i] = next_any(&n);
  return b;
}

static const size_t shapes[][2] = {{1, 1}, {1, 16}, {3, 5}, {2, 16}, {4, 23}, {7, 1}, {2, 50}};

typedef struct table_entry {
  const char *name;
  size_t offset; /* in edb_kernels */
} table_entry;

#define CASE(name) \
  { #name, offsetof(edb_kernels, name) }
static const table_entry unaries[] = {
    CASE(neg), CASE(sigmoid), CASE(tanh), CASE(relu), CASE(gelu), CASE(exp),
    CASE(log), CASE(sqrt),    CASE(abs),  CASE(sin),  CASE(cos),  CASE(copy),
};
static const table_entry binaries[] = {
    CASE(add), CASE(sub),         CASE(mul),      CASE(div),      CASE(min),
    CASE(max), CASE(add_sigmoid), CASE(add_tanh), CASE(tanh_mul), CASE(mul_tanh),
};

static edb_unary_fn unary_of(const edb_kernels *k, const table_entry *c) {
  edb_unary_fn f;
  memcpy(&f, (const char *)k + c->offset, sizeof f);
  return f;
}

static edb_binary_fn binary_of(const edb_kernels *k, const table_entry *c) {
  edb_binary_fn f;
  memcpy(&f, (const char *)k + c->offset, sizeof f);
  return f;
}

static float twin1(const table_entry *c, float x) {
  float y;
  unary_of(edb_kernels_get(EDB_SIMD_PORTABLE), c)(1, 1, (edb_span){&x, 1, 1}, &y, 1);
  return y;
}

static float twin2(const table_entry *c, float a, float b) {
  float y;
  const edb_span x = {&a, 1, 1}, z = {&b, 1, 1};
  binary_of(edb_kernels_get(EDB_SIMD_PORTABLE), c)(1, 1, x, z, &y, 1);
  return y;
}

static void check_unary(const edb_kernels *k, const table_entry *u, const size_t *shape, form f) {
  const size_t rows = shape[0], cols = shape[1], gap = f == GAPS ? 2 : 0;
  block x = block_of(f, rows, cols, (uint32_t)(rows * 31 + cols + u->offset));
  block y = block_new((rows - 1) * (cols + gap) + cols, true);
  const edb_span in = span_of(f, x.data, cols);
  unary_of(k, u)(rows, cols, in, y.data, (ptrdiff_t)(cols + gap));
  for (size_t i = 0; i < y.count; i++) {
    const size_t r = i / (cols + gap), c = i % (cols + gap);
    if (c >= cols) {
      assert_true(untouched(y.data + i));
      continue;
    }
    const float v = element(in, r, c);
    ASSERT_SAME(y.data[i], twin1(u, v), "%s(%a), level %d, %zu x %zu, form %d", u->name, (double)v,
                (int)k->simd, rows, cols, (int)f);
  }
  block_free(&x);
  block_free(&y);
}

static void unary_operators_agree_in_all_forms(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < COUNT(unaries); i++) {
      for (size_t s = 0; s < COUNT(shapes); s++) {
        for (int f = 0; f < FORMS; f++) check_unary(k, &unaries[i], shapes[s], (form)f);
      }
    }
  }
}

static void check_binary(const edb_kernels *k, const table_entry *u, const size_t *shape, form fa,
                         form fb) {
  const size_t rows = shape[0], cols = shape[1], gap = fa == GAPS ? 1 : 0;
  block a = block_of(fa, rows, cols, (uint32_t)(rows * 7 + cols + u->offset));
  block b = block_of(fb, rows, cols, (uint32_t)(rows * 3 + cols * 5 + u->offset + 1));
  block y = block_new((rows - 1) * (cols + gap) + cols, true);
  const edb_span x = span_of(fa, a.data, cols), z = span_of(fb, b.data, cols);
  binary_of(k, u)(rows, cols, x, z, y.data, (ptrdiff_t)(cols + gap));
  for (size_t i = 0; i < y.count; i++) {
    const size_t r = i / (cols + gap), c = i % (cols + gap);
    if (c >= cols) {
      assert_true(untouched(y.data + i));
      continue;
    }
    const float p = element(x, r, c), q = element(z, r, c);
    ASSERT_SAME(y.data[i], twin2(u, p, q), "%s(%a, %a), level %d, %zu x %zu, forms %d %d", u->name,
                (double)p, (double)q, (int)k->simd, rows, cols, (int)fa, (int)fb);
  }
  block_free(&a);
  block_free(&b);
  block_free(&y);
}

static void binary_operators_agree_in_all_forms(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < COUNT(binaries); i++) {
      for (size_t s = 0; s < COUNT(shapes); s++) {
        for (int f = 0; f < FORMS * FORMS; f++) {
          check_binary(k, &binaries[i], shapes[s], (form)(f / FORMS), (form)(f % FORMS));
        }
      }
    }
  }
}

/* What a pair of operators gives one after the other, on one element. */
static float in_two_passes(const char *pair, float p, float q) {
  const edb_kernels *k = edb_kernels_get(EDB_SIMD_PORTABLE);
  edb_span a = {&p, 0, 0}, b = {&q, 0, 0};
  float between, y;
  edb_span t = {&between, 0, 0};
  if (strncmp(pair, "add", 3) == 0) {
    k->add(1, 1, a, b, &between, 1);
    (strcmp(pair, "add_tanh") == 0 ? k->tanh : k->sigmoid)(1, 1, t, &y, 1);
  } else if (strcmp(pair, "tanh_mul") == 0) {
    k->tanh(1, 1, a, &between, 1);
    k->mul(1, 1, t, b, &y, 1);
  } else {
    k->tanh(1, 1, b, &between, 1);
    k->mul(1, 1, a, t, &y, 1);
  }
  return y;
}

static void pairs_of_operators_round_as_two_passes(void **state) {
  (void)state;
  static const table_entry pairs[] = {CASE(add_sigmoid), CASE(add_tanh), CASE(tanh_mul),
                                      CASE(mul_tanh)};
  numbers n = {77};
  for (size_t i = 0; i < COUNT(pairs); i++) {
    for (int many = 0; many < 3000; many++) {
      const float p = next_any(&n), q = next_any(&n);
      ASSERT_SAME(twin2(&pairs[i], p, q), in_two_passes(pairs[i].name, p, q), "%s(%a, %a)",
                  pairs[i].name, (double)p, (double)q);
    }
  }
}

/* Operands in the forms of the digits of `f`, and the kernels one operator at a time. */
static void check_combined(const edb_kernels *k, const size_t *shape, size_t f) {
  const size_t rows = shape[0], cols = shape[1];
  block x[4], y = block_new(rows * cols, true), z = block_new(rows * cols, true);
  block t = block_new(rows * cols, true), u = block_new(rows * cols, true);
  edb_span of[4];
  for (uint32_t i = 0; i < 4; i++, f /= FORMS) {
    x[i] = block_of((form)(f % FORMS), rows, cols, (uint32_t)(rows * 11 + cols * 3) + i);
    of[i] = span_of((form)(f % FORMS), x[i].data, cols);
  }
  const ptrdiff_t stride = (ptrdiff_t)cols;
  const edb_span left = {t.data, stride, 1}, right = {u.data, stride, 1};
#define ASSERT_AS_ONE(kernel)                \
  k->kernel(rows, cols, of, y.data, stride); \
  for (size_t i = 0; i < y.count; i++) ASSERT_SAME(y.data[i], z.data[i], "%s %zu", #kernel, i)
  k->mul(rows, cols, of[0], of[1], t.data, stride);
  k->add(rows, cols, left, of[2], z.data, stride);
  ASSERT_AS_ONE(mul_add);
  k->mul(rows, cols, of[2], of[3], u.data, stride);
  k->add(rows, cols, left, right, z.data, stride);
  ASSERT_AS_ONE(mul_mul_add);
  k->mul(rows, cols, of[1], of[2], t.data, stride);
  k->add(rows, cols, of[0], left, z.data, stride);
  ASSERT_AS_ONE(add_mul);
  k->add(rows, cols, of[0], of[1], t.data, stride);
  k->add_sigmoid(rows, cols, left, of[2], z.data, stride);
  ASSERT_AS_ONE(add_add_sigmoid);
  k->add_tanh(rows, cols, left, of[2], z.data, stride);
  ASSERT_AS_ONE(add_add_tanh);
  for (uint32_t i = 0; i < 4; i++) block_free(&x[i]);
  block_free(&y);
  block_free(&z);
  block_free(&t);
  block_free(&u);
}

static void operators_in_one_pass_round_one_by_one(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t s = 0; s < COUNT(shapes); s++) {
      for (size_t f = 0; f < FORMS * FORMS * FORMS * FORMS; f += 7) check_combined(k, shapes[s], f);
    }
  }
}

/* Many numbers of all magnitudes, in one call per table_entry. */
static void transcendental_operators_agree_on_many_numbers(void **state) {
  (void)state;
  enum { N = 40000 };
  static float x[N], want[N], got[N];
  numbers n = {77};
  for (size_t i = 0; i < N; i++) x[i] = i % 2 ? next_any(&n) : float_of(next_bits(&n));
  const edb_span in = {x, N, 1};
  for (size_t i = 0; i < COUNT(unaries); i++) {
    unary_of(edb_kernels_get(EDB_SIMD_PORTABLE), &unaries[i])(1, N, in, want, N);
    FOR_EACH_LEVEL(k) {
      unary_of(k, &unaries[i])(1, N, in, got, N);
      for (size_t j = 0; j < N; j++) {
        ASSERT_SAME(got[j], want[j], "%s(%a), level %d", unaries[i].name, (double)x[j],
                    (int)k->simd);
      }
    }
  }
}

static void results_may_replace_an_operand(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    float x[37], y[37], want[37];
    numbers n = {9};
    for (size_t i = 0; i < 37; i++) x[i] = y[i] = next_number(&n);
    k->tanh(1, 37, (edb_span){x, 37, 1}, want, 37);
    k->tanh(1, 37, (edb_span){y, 37, 1}, y, 37);
    assert_memory_equal(y, want, sizeof want);
    k->mul(1, 37, (edb_span){x, 37, 1}, (edb_span){y, 37, 1}, want, 37);
    k->mul(1, 37, (edb_span){x, 37, 1}, (edb_span){y, 37, 1}, y, 37);
    assert_memory_equal(y, want, sizeof want);
  }
}

static void nan_and_signed_zeros_have_their_rules(void **state) {
  (void)state;
  ASSERT_SAME(twin1(&(table_entry)CASE(relu), NAN), NAN, "relu nan");
  ASSERT_SAME(twin1(&(table_entry)CASE(relu), -0.0f), -0.0f, "relu -0");
  ASSERT_SAME(twin1(&(table_entry)CASE(relu), -3.0f), 0.0f, "relu -3");
  ASSERT_SAME(twin1(&(table_entry)CASE(abs), -0.0f), 0.0f, "abs -0");
  ASSERT_SAME(twin1(&(table_entry)CASE(sqrt), -1.0f), NAN, "sqrt -1");
  ASSERT_SAME(twin2(&(table_entry)CASE(max), NAN, 1.0f), NAN, "max(nan, 1)");
  ASSERT_SAME(twin2(&(table_entry)CASE(max), 1.0f, NAN), NAN, "max(1, nan)");
  ASSERT_SAME(twin2(&(table_entry)CASE(min), NAN, 1.0f), NAN, "min(nan, 1)");
  ASSERT_SAME(twin2(&(table_entry)CASE(min), 1.0f, NAN), NAN, "min(1, nan)");
  ASSERT_SAME(twin2(&(table_entry)CASE(max), 0.0f, -0.0f), -0.0f, "max(0, -0): the second");
}

static void nothing_is_done_for_no_rows_or_columns(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    float y = 5;
    k->exp(0, 8, (edb_span){&y, 8, 1}, &y, 8);
    k->exp(8, 0, (edb_span){&y, 0, 1}, &y, 0);
    k->add(0, 8, (edb_span){&y, 8, 1}, (edb_span){&y, 0, 0}, &y, 8);
    ASSERT_SAME(y, 5.0f, "untouched");
  }
}

static void every_level_has_the_whole_table(void **state) {
  (void)state;
  assert_non_null(edb_kernels_get(EDB_SIMD_PORTABLE));
  assert_non_null(edb_kernels_get(EDB_SIMD_AUTO));
  assert_null(edb_kernels_get((edb_simd)99));
  FOR_EACH_LEVEL(k) {
    assert_int_equal(k->simd, k_simd);
    void *entry;
    for (size_t at = offsetof(edb_kernels, product_packed); at < sizeof *k; at += sizeof entry) {
      memcpy(&entry, (const char *)k + at, sizeof entry);
      assert_non_null(entry);
    }
  }
}

static void tables_that_do_not_prefetch_differ_in_products_only(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    edb_kernels other = *edb_kernels_unprefetched(k);
    assert_true(k->prefetches);
    assert_ptr_equal(edb_kernels_unprefetched(&other), edb_kernels_unprefetched(k));
    assert_true((other.product_packed == k->product_packed) == other.prefetches);
    assert_true((k->simd == EDB_SIMD_AVX512) == !other.prefetches);
    other.product_packed = k->product_packed;
    other.product_packed_rows = k->product_packed_rows;
    other.product_bf16 = k->product_bf16;
    for (size_t at = offsetof(edb_kernels, product_packed); at < sizeof *k; at += sizeof(void *))
      assert_memory_equal((const char *)&other + at, (const char *)k + at, sizeof(void *));
  }
}

static void the_peak_is_a_number(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    const double peak = edb_kernels_peak_gflops(k, 1);
    assert_true(peak > 0 && isfinite(peak));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_level_has_the_whole_table),
      cmocka_unit_test(tables_that_do_not_prefetch_differ_in_products_only),
      cmocka_unit_test(unary_operators_agree_in_all_forms),
      cmocka_unit_test(binary_operators_agree_in_all_forms),
      cmocka_unit_test(pairs_of_operators_round_as_two_passes),
      cmocka_unit_test(operators_in_one_pass_round_one_by_one),
      cmocka_unit_test(transcendental_operators_agree_on_many_numbers),
      cmocka_unit_test(results_may_replace_an_operand),
      cmocka_unit_test(nan_and_signed_zeros_have_their_rules),
      cmocka_unit_test(nothing_is_done_for_no_rows_or_columns),
      cmocka_unit_test(the_peak_is_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
