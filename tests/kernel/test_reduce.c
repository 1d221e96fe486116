/* tests/kernel/test_reduce.c: reductions in their documented order, bit for bit at every level. */
#include "levels.h"

typedef float (*combine_fn)(float a, float b);

static float add(float a, float b) {
  return a + b;
}

static float greater(float a, float b) {
  return isnan(a) || a > b ? a : b;
}

/* The definition: 16 lanes, then halves of them. */
static float fold_lanes(float lanes[16], combine_fn f) {
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; i++) lanes[i] = f(lanes[i], lanes[i + half]);
  }
  return lanes[0];
}

static float lane_sum(size_t n, const float *x) {
  float lanes[16] = {0};
  for (size_t i = 0; i < n; i++) lanes[i % 16] += x[i];
  return fold_lanes(lanes, add);
}

static float lane_dot(size_t n, const float *a, const float *b) {
  float lanes[16] = {0};
  for (size_t i = 0; i < n; i++) lanes[i % 16] = fmaf(a[i], b[i], lanes[i % 16]);
  return fold_lanes(lanes, add);
}

static float plain_max(size_t n, const float *x) {
  float max = -INFINITY;
  for (size_t i = 0; i < n; i++) max = greater(x[i], max);
  return max;
}

static float portable(size_t offset, float x) {
  edb_unary_fn f;
  memcpy(&f, (const char *)edb_kernels_get(EDB_SIMD_PORTABLE) + offset, sizeof f);
  f(1, 1, (edb_span){&x, 1, 1}, &x, 1);
  return x;
}
#define EXP(x) portable(offsetof(edb_kernels, exp), x)
#define LOG(x) portable(offsetof(edb_kernels, log), x)

/* Sum of the exponentials of x - max, which go to e. */
static float lane_exp_sum(size_t n, const float *x, float *e) {
  const float max = plain_max(n, x);
  for (size_t i = 0; i < n; i++) e[i] = EXP(x[i] - max);
  return lane_sum(n, e);
}

enum { ROWS = 3, MOST = 70 };
static const size_t widths[] = {1, 2, 5, 15, 16, 17, 32, 33, 48, MOST};

/* ROWS rows with a gap of 2 behind each; with a guard page right behind the last element. */
static block rows_of(size_t cols, uint32_t seed, bool any) {
  block b = block_new((ROWS - 1) * (cols + 2) + cols, true);
  numbers n = {seed * 97u + (uint32_t)cols};
  for (size_t i = 0; i < b.count; i++) b.data[i] = any ? next_any(&n) : 4 * next_number(&n);
  return b;
}

static edb_span gapped(const block *b, size_t cols) {
  return (edb_span){b->data, (ptrdiff_t)cols + 2, 1};
}

#define AT_ROW(b, cols, r) ((b).data + (r) * ((cols) + 2))

static void sums_and_maxima_follow_the_lanes(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < 2 * COUNT(widths); i++) {
      const size_t cols = widths[i / 2];
      block x = rows_of(cols, 1, i % 2);
      float sum[2 * ROWS], mean[2 * ROWS], max[2 * ROWS];
      k->sum(ROWS, cols, gapped(&x, cols), sum, 2);
      k->mean(ROWS, cols, gapped(&x, cols), mean, 2);
      k->maximum(ROWS, cols, gapped(&x, cols), max, 2);
      for (size_t r = 0; r < ROWS; r++) {
        const float want = lane_sum(cols, AT_ROW(x, cols, r));
        ASSERT_SAME(sum[2 * r], want, "sum of %zu", cols);
        ASSERT_SAME(mean[2 * r], want / (float)cols, "mean of %zu", cols);
        ASSERT_SAME(max[2 * r] + 0.0f, plain_max(cols, AT_ROW(x, cols, r)) + 0.0f, "max of %zu",
                    cols);
      }
      block_free(&x);
    }
  }
}

static void dot_and_squared_error_follow_the_lanes(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < 2 * COUNT(widths); i++) {
      const size_t cols = widths[i / 2];
      block a = rows_of(cols, 1, i % 2), b = rows_of(cols, 2, i % 2);
      float dot[ROWS], error[ROWS], d[MOST];
      k->dot(ROWS, cols, gapped(&a, cols), gapped(&b, cols), dot, 1);
      k->squared_error(ROWS, cols, gapped(&a, cols), gapped(&b, cols), error, 1);
      for (size_t r = 0; r < ROWS; r++) {
        const float *p = AT_ROW(a, cols, r), *q = AT_ROW(b, cols, r);
        for (size_t j = 0; j < cols; j++) d[j] = p[j] - q[j];
        ASSERT_SAME(dot[r], lane_dot(cols, p, q), "dot of %zu", cols);
        ASSERT_SAME(error[r], lane_dot(cols, d, d), "squared error of %zu", cols);
      }
      block_free(&a);
      block_free(&b);
    }
  }
}

/* A row of one number must not leak into the lanes that have no entry: inf * 0 would be NaN there.
 */
static void one_number_stands_for_a_whole_row(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    const float inf = INFINITY, three = 3.0f, ones[5] = {1, 1, 1, 1, 1};
    float y;
    k->dot(1, 5, (edb_span){ones, 5, 1}, (edb_span){&inf, 0, 0}, &y, 1);
    ASSERT_SAME(y, INFINITY, "dot with inf");
    k->sum(1, 5, (edb_span){&three, 0, 0}, &y, 1);
    ASSERT_SAME(y, 15.0f, "sum of threes");
    k->squared_error(1, 5, (edb_span){ones, 5, 1}, (edb_span){&three, 0, 0}, &y, 1);
    ASSERT_SAME(y, 20.0f, "squared error to three");
    k->maximum(1, 5, (edb_span){&three, 0, 0}, &y, 1);
    ASSERT_SAME(y, 3.0f, "max of threes");
  }
}

static void argmax_is_the_first_of_equal_ones(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < COUNT(widths); i++) {
      const size_t cols = widths[i];
      block x = block_new(cols, true);
      for (size_t first = 0; first < cols; first++) {
        for (size_t j = 0; j < cols; j++) x.data[j] = j >= first && (j - first) % 3 == 0 ? -1 : -2;
        float y;
        k->argmax(1, cols, (edb_span){x.data, (ptrdiff_t)cols, 1}, &y, 1);
        ASSERT_SAME(y, (float)first, "argmax of %zu", cols);
      }
      block_free(&x);
    }
  }
}

static void argmax_and_maximum_of_nan_and_infinities(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    const float low[3] = {-INFINITY, -INFINITY, -INFINITY};
    const float nan[18] = {[4] = INFINITY, [17] = NAN};
    float y;
    k->argmax(1, 3, (edb_span){low, 3, 1}, &y, 1);
    ASSERT_SAME(y, 0.0f, "argmax of -inf");
    k->argmax(1, 18, (edb_span){nan, 18, 1}, &y, 1);
    ASSERT_SAME(y, 17.0f, "argmax with a NaN");
    k->maximum(1, 18, (edb_span){nan, 18, 1}, &y, 1);
    ASSERT_SAME(y, NAN, "max with a NaN");
  }
}

static void softmax_and_log_softmax_follow_their_definition(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < COUNT(widths); i++) {
      const size_t cols = widths[i];
      block x = rows_of(cols, 3, false), y = rows_of(cols, 4, false), z = rows_of(cols, 5, false);
      k->softmax(ROWS, cols, gapped(&x, cols), y.data, (ptrdiff_t)cols + 2);
      k->log_softmax(ROWS, cols, gapped(&x, cols), z.data, (ptrdiff_t)cols + 2);
      for (size_t r = 0; r < ROWS; r++) {
        const float *row = AT_ROW(x, cols, r);
        float e[MOST];
        const float sum = lane_exp_sum(cols, row, e), max = plain_max(cols, row);
        for (size_t j = 0; j < cols; j++) {
          ASSERT_SAME(AT_ROW(y, cols, r)[j], e[j] / sum, "softmax of %zu", cols);
          ASSERT_SAME(AT_ROW(z, cols, r)[j], (row[j] - max) - LOG(sum), "log of it, %zu", cols);
        }
      }
      block_free(&x);
      block_free(&y);
      block_free(&z);
    }
  }
}

static void softmax_works_in_place_and_on_large_numbers(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    float x[20];
    for (size_t i = 0; i < 20; i++) x[i] = 1e30f;
    k->softmax(1, 20, (edb_span){x, 20, 1}, x, 20);
    for (size_t i = 0; i < 20; i++) ASSERT_SAME(x[i], 1.0f / 20, "softmax");
    float y[3] = {3e38f, -3e38f, -INFINITY};
    k->log_softmax(1, 3, (edb_span){y, 3, 1}, y, 3);
    ASSERT_SAME(y[0], 0.0f, "log_softmax");
    ASSERT_SAME(y[1], -INFINITY, "log_softmax");
    ASSERT_SAME(y[2], -INFINITY, "log_softmax");
  }
}

static void cross_entropy_is_minus_log_softmax_of_the_label(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < COUNT(widths); i++) {
      const size_t cols = widths[i];
      block x = rows_of(cols, 6, false), z = rows_of(cols, 7, false);
      const int32_t label[ROWS] = {0, -1, (int32_t)cols - 1};
      float y[2 * ROWS];
      k->cross_entropy(ROWS, cols, gapped(&x, cols), label, y, 2);
      k->log_softmax(ROWS, cols, gapped(&x, cols), z.data, (ptrdiff_t)cols + 2);
      ASSERT_SAME(y[0], 0.0f - AT_ROW(z, cols, 0)[0], "first label of %zu", cols);
      ASSERT_SAME(y[2], 0.0f, "no label");
      ASSERT_SAME(y[4], 0.0f - AT_ROW(z, cols, 2)[cols - 1], "last label of %zu", cols);
      block_free(&x);
      block_free(&z);
    }
  }
}

/* Narrow rows are taken many at once: the bits are those of a row alone. */
static void cross_entropy_does_not_depend_on_the_other_rows(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    enum { MANY = 37, MOST = 67 };
    for (size_t cols = 1; cols <= MOST; cols++) {
      block x = block_new(MANY * cols, true), y = block_new(MANY, true);
      int32_t label[MANY];
      numbers n = {(uint32_t)cols};
      for (size_t i = 0; i < x.count; i++) x.data[i] = i % 50 == 3 ? next_any(&n) : next_number(&n);
      for (size_t r = 0; r < MANY; r++) label[r] = (int32_t)(r % (cols + 1)) - 1;
      k->cross_entropy(MANY, cols, (edb_span){x.data, (ptrdiff_t)cols, 1}, label, y.data, 1);
      for (size_t r = 0; r < MANY; r++) {
        const float *row = x.data + r * cols;
        float z[MOST], alone;
        k->cross_entropy(1, cols, (edb_span){row, 0, 1}, label + r, &alone, 1);
        ASSERT_SAME(y.data[r], alone, "row %zu of %zu columns", r, cols);
        if (label[r] < 0) continue;
        k->log_softmax(1, cols, (edb_span){row, 0, 1}, z, 0);
        ASSERT_SAME(y.data[r], 0.0f - z[label[r]], "log_softmax, row %zu of %zu columns", r, cols);
      }
      block_free(&x);
      block_free(&y);
    }
  }
}

static void layer_norm_follows_its_definition(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t i = 0; i < COUNT(widths); i++) {
      const size_t cols = widths[i];
      block x = rows_of(cols, 8, false), y = rows_of(cols, 9, false);
      block gain = block_new(cols, true), bias = block_new(cols, false);
      for (size_t j = 0; j < cols; j++) gain.data[j] = (float)j / 7, bias.data[j] = 1 - (float)j;
      k->layer_norm(ROWS, cols, gapped(&x, cols), (edb_span){gain.data, 0, 1},
                    (edb_span){bias.data, 0, 1}, y.data, (ptrdiff_t)cols + 2);
      for (size_t r = 0; r < ROWS; r++) {
        float d[MOST];
        const float *row = AT_ROW(x, cols, r), mean = lane_sum(cols, row) / (float)cols;
        for (size_t j = 0; j < cols; j++) d[j] = row[j] - mean;
        const float scale = 1.0f / sqrtf(lane_dot(cols, d, d) / (float)cols + 1e-5f);
        for (size_t j = 0; j < cols; j++) {
          const float want = fmaf(d[j] * scale, gain.data[j], bias.data[j]);
          ASSERT_SAME(AT_ROW(y, cols, r)[j], want, "layer_norm of %zu", cols);
        }
      }
      block_free(&x);
      block_free(&y);
      block_free(&gain);
      block_free(&bias);
    }
  }
}

/* Segments of 2, 0, 1, 3 and 0 rows. */
static const uint32_t first[] = {0, 2, 2, 3, 6, 6};
enum { SEGMENTS = 5, SEGMENT_ROWS = 6 };

static block segment_rows(size_t cols) {
  block b = block_new(SEGMENT_ROWS * cols, true);
  numbers n = {(uint32_t)cols + 11};
  for (size_t i = 0; i < b.count; i++) b.data[i] = 4 * next_number(&n);
  return b;
}

static float fold_segment(const float *x, size_t cols, size_t i, combine_fn f) {
  if (first[i] == first[i + 1]) return 0;
  float v = x[first[i] * cols];
  for (size_t r = first[i] + 1; r < first[i + 1]; r++) v = f(v, x[r * cols]);
  return v;
}

static void segments_are_reduced_in_the_order_of_their_rows(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t w = 0; w < COUNT(widths); w++) {
      const size_t cols = widths[w];
      const ptrdiff_t stride = (ptrdiff_t)cols;
      block x = segment_rows(cols), sum = block_new(SEGMENTS * cols, true);
      block mean = block_new(SEGMENTS * cols, true), max = block_new(SEGMENTS * cols, true);
      const edb_rows_in in = {.data = x.data, .stride = stride};
      k->sum_over(SEGMENTS, first, cols, in, sum.data, stride);
      k->mean_over(SEGMENTS, first, cols, in, mean.data, stride);
      k->max_over(SEGMENTS, first, cols, in, max.data, stride);
      for (size_t t = 0; t < SEGMENTS * cols; t++) {
        const size_t i = t / cols, c = t % cols, count = first[i + 1] - first[i];
        const float want = fold_segment(x.data + c, cols, i, add);
        ASSERT_SAME(sum.data[t], want, "sum_over, segment %zu", i);
        ASSERT_SAME(mean.data[t], count == 0 ? 0 : want / (float)count, "mean_over, %zu", i);
        ASSERT_SAME(max.data[t], fold_segment(x.data + c, cols, i, greater), "max_over, %zu", i);
      }
      block_free(&x);
      block_free(&sum);
      block_free(&mean);
      block_free(&max);
    }
  }
}

/* The same rows in another order of memory, found through pointers. */
static void segments_of_rows_apart_give_the_same(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t w = 0; w < COUNT(widths); w++) {
      const size_t cols = widths[w], n = SEGMENT_ROWS * cols;
      const ptrdiff_t stride = (ptrdiff_t)cols;
      block x = segment_rows(cols), y = block_new(n, true), want = block_new(n, true);
      block apart = block_new(2 * n, true);
      const float *rows[SEGMENT_ROWS];
      for (size_t r = 0; r < SEGMENT_ROWS; r++) {
        float *row = apart.data + 2 * (SEGMENT_ROWS - 1 - r) * cols + r % 2;
        rows[r] = memcpy(row, x.data + r * cols, cols * sizeof *row);
      }
      const edb_rows_in together = {.data = x.data, .stride = stride}, in = {.apart = rows};
#define ASSERT_OVER_SAME(name, count)                          \
  k->name(SEGMENTS, first, cols, together, want.data, stride); \
  k->name(SEGMENTS, first, cols, in, y.data, stride);          \
  assert_memory_equal(y.data, want.data, (count)*cols * sizeof(float))
      ASSERT_OVER_SAME(sum_over, SEGMENTS);
      ASSERT_OVER_SAME(mean_over, SEGMENTS);
      ASSERT_OVER_SAME(max_over, SEGMENTS);
      ASSERT_OVER_SAME(softmax_over, SEGMENT_ROWS);
      block_free(&x);
      block_free(&y);
      block_free(&want);
      block_free(&apart);
    }
  }
}

static void softmax_over_segments_goes_down_the_columns(void **state) {
  (void)state;
  FOR_EACH_LEVEL(k) {
    for (size_t w = 0; w < COUNT(widths); w++) {
      const size_t cols = widths[w];
      block x = segment_rows(cols), y = block_new(SEGMENT_ROWS * cols, true);
      k->softmax_over(SEGMENTS, first, cols,
                      (edb_rows_in){.data = x.data, .stride = (ptrdiff_t)cols}, y.data,
                      (ptrdiff_t)cols);
      for (size_t t = 0; t < SEGMENTS * cols; t++) {
        const size_t i = t / cols, c = t % cols;
        const float max = fold_segment(x.data + c, cols, i, greater);
        float sum = 0;
        for (size_t r = first[i]; r < first[i + 1]; r++) sum += EXP(x.data[r * cols + c] - max);
        for (size_t r = first[i]; r < first[i + 1]; r++) {
          const float want = EXP(x.data[r * cols + c] - max) / sum;
          ASSERT_SAME(y.data[r * cols + c], want, "softmax_over, row %zu", r);
        }
      }
      block_free(&x);
      block_free(&y);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_and_maxima_follow_the_lanes),
      cmocka_unit_test(dot_and_squared_error_follow_the_lanes),
      cmocka_unit_test(one_number_stands_for_a_whole_row),
      cmocka_unit_test(argmax_is_the_first_of_equal_ones),
      cmocka_unit_test(argmax_and_maximum_of_nan_and_infinities),
      cmocka_unit_test(softmax_and_log_softmax_follow_their_definition),
      cmocka_unit_test(softmax_works_in_place_and_on_large_numbers),
      cmocka_unit_test(cross_entropy_is_minus_log_softmax_of_the_label),
      cmocka_unit_test(cross_entropy_does_not_depend_on_the_other_rows),
      cmocka_unit_test(layer_norm_follows_its_definition),
      cmocka_unit_test(segments_are_reduced_in_the_order_of_their_rows),
      cmocka_unit_test(segments_of_rows_apart_give_the_same),
      cmocka_unit_test(softmax_over_segments_goes_down_the_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
