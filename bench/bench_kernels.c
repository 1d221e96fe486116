/* bench/bench_kernels.c: the kernels against the measured peak of one thread.
 *
 *   bench_kernels [--simd portable|avx2|avx512|neon] [--ms N]
 *
 * Every figure is the best of many short windows within N milliseconds (default 30): whatever else
 * the machine does can only make a window longer. The peak is measured anew before each row. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "kernel/kernel.h"

typedef struct bench {
  const edb_kernels *k, *kernels[2]; /* in use; for weights that are near, and far */
  size_t l2_bytes;
  double milliseconds;
  size_t rows, cols, depth;
  size_t sets; /* of packed weights, one after another in memory */
  const float *a, *b;
  float *packed, *c;
  const float *const *pointers;
} bench;

typedef void (*work_fn)(bench *b);

/* What this thread has run: a window in which the machine did something else is no longer. */
static uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nanoseconds of one call of `work`: windows of about 50 us, at least one call each. */
static double best_time(bench *b, work_fn work) {
  work(b);
  uint64_t start = clock_ns();
  work(b);
  const double once = (double)(clock_ns() - start) + 1;
  const size_t calls = once < 50e3 ? (size_t)(50e3 / once) + 1 : 1;
  const uint64_t begin = clock_ns();
  double best = INFINITY;
  do {
    start = clock_ns();
    for (size_t i = 0; i < calls; i++) work(b);
    const double t = (double)(clock_ns() - start) / (double)calls;
    if (t < best) best = t;
  } while ((double)(clock_ns() - begin) < b->milliseconds * 1e6);
  return best;
}

static float *numbers(size_t count) {
  float *p = aligned_alloc(64, (count * sizeof *p + 63) / 64 * 64);
  if (p == NULL) {
    fputs("bench_kernels: out of memory\n", stderr);
    exit(1);
  }
  uint32_t state = 1;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    p[i] = (float)(state >> 8) / 0x1p23f - 1.0f;
  }
  return p;
}

static void packed(bench *b) {
  b->k->product_packed(b->rows, b->cols, b->depth, b->a, (ptrdiff_t)b->depth, b->packed, b->c,
                       (ptrdiff_t)b->cols);
}
/* b->a holds pairs. */
static void bf16(bench *b) {
  edb_kernels_product_bf16(b->k)(b->rows, b->cols, b->depth / 2, b->a, (ptrdiff_t)b->depth,
                                 b->packed, b->c, (ptrdiff_t)b->cols);
}
/* All sets in turn, as the steps of a cell and the cells of a model do. */
static void packed_sets(bench *b) {
  const size_t floats = edb_packed_size(b->k, b->cols, b->depth);
  for (size_t i = 0; i < b->sets; i++)
    b->k->product_packed(b->rows, b->cols, b->depth, b->a, (ptrdiff_t)b->depth,
                         b->packed + i * floats, b->c, (ptrdiff_t)b->cols);
}
static void packed_rows(bench *b) {
  b->k->product_packed_rows(b->rows, b->cols, b->depth, b->pointers, b->packed, b->c,
                            (ptrdiff_t)b->cols, NULL, 0);
}
static void in_place(bench *b) {
  b->k->product(b->rows, b->cols, b->depth, b->a, (ptrdiff_t)b->depth, b->b, (ptrdiff_t)b->cols,
                b->c, (ptrdiff_t)b->cols);
}

/* As sessions choose them, by the bytes of all weights. */
static void choose_kernels(bench *b) {
  for (int far = 0; far < 2; far++) {
    const size_t bytes = far ? 2 * b->l2_bytes : b->l2_bytes / 2;
    const size_t count = (bytes / sizeof(float) / EDB_PREFETCH_FLOATS + 1) * EDB_PREFETCH_FLOATS;
    float *w = numbers(count);
    b->kernels[far] = edb_kernels_choose_prefetch(b->k, w, count, far);
    free(w);
  }
}
static void use_kernels(bench *b, size_t floats) {
  b->k = b->kernels[floats * sizeof(float) > b->l2_bytes];
}

static const size_t batches[] = {1, 2, 4, 6, 8, 16, 32, 64, 256};
enum { BATCHES = sizeof batches / sizeof *batches, MOST_ROWS = 256 };

/* One row of the table: a shape at all batch sizes, in percent of the peak. */
static void bench_product(bench *b, const char *name, work_fn work, size_t depth, size_t cols) {
  const float *pointers[MOST_ROWS];
  float *a = numbers(MOST_ROWS * depth), *w = numbers(depth * cols);
  b->depth = depth, b->cols = cols, b->a = a, b->b = w, b->pointers = pointers;
  b->c = numbers(MOST_ROWS * cols);
  b->packed = numbers(edb_packed_size(b->k, cols, depth));
  use_kernels(b, edb_packed_size(b->k, cols, depth));
  for (size_t i = 0; i < MOST_ROWS; i++) pointers[i] = a + (i * 37 % MOST_ROWS) * depth;
  edb_pack_begin(b->k, b->packed, cols, depth);
  edb_pack_columns(b->k, b->packed, cols, depth, 0, cols, w, (ptrdiff_t)cols);
  const double peak = edb_kernels_peak_gflops(b->k, 20);
  printf("%-8s %5zu %5zu", name, depth, cols);
  for (size_t i = 0; i < BATCHES; i++) {
    b->rows = batches[i];
    const double flops = 2.0 * (double)(b->rows * cols * depth);
    printf(" %5.0f", 100 * flops / best_time(b, work) / peak);
    fflush(stdout);
  }
  printf("   peak %.0f\n", peak);
  free(a), free(w), free(b->packed), free(b->c);
}

/* Weights of `mib` MiB in all, each read once before any is read again: from the third-level cache
 * or from memory. */
static void bench_sets(bench *b, size_t depth, size_t cols, size_t mib) {
  const size_t floats = edb_packed_size(b->k, cols, depth);
  b->sets = mib * 1024 * 1024 / sizeof(float) / floats;
  float *a = numbers(MOST_ROWS * depth), *w = numbers(b->sets * floats);
  b->depth = depth, b->cols = cols, b->a = a, b->packed = w;
  b->c = numbers(MOST_ROWS * cols);
  use_kernels(b, b->sets * floats);
  const double peak = edb_kernels_peak_gflops(b->k, 20);
  printf("%3zu MiB  %5zu %5zu", mib, depth, cols);
  for (size_t i = 0; i < BATCHES; i++) {
    b->rows = batches[i];
    const double flops = 2.0 * (double)(b->rows * cols * depth * b->sets);
    printf(" %5.0f", 100 * flops / best_time(b, packed_sets) / peak);
    fflush(stdout);
  }
  printf("   peak %.0f\n", peak);
  free(a), free(w), free(b->c);
}

static void bench_products(bench *b) {
  static const size_t shapes[][2] = {
      {64, 256},  {256, 256}, {256, 1024}, {256, 1280}, {512, 512}, {512, 2048},
      {200, 200}, {256, 72},  {256, 5},    {8, 64},     {200, 72},
  };
  printf("product, %% of peak\n%-8s %5s %5s", "", "K", "M");
  for (size_t i = 0; i < BATCHES; i++) printf(" B%4zu", batches[i]);
  printf("\n");
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    bench_product(b, "packed", packed, shapes[i][0], shapes[i][1]);
  }
  static const size_t weights[][3] = {{256, 256, 4},   {256, 1280, 4},  {512, 768, 8},
                                      {512, 2560, 8},  {1024, 2048, 8}, {512, 2048, 64},
                                      {1024, 2048, 64}};
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
    bench_sets(b, weights[i][0], weights[i][1], weights[i][2]);
  bench_product(b, "bf16", bf16, 256, 1024);
  bench_product(b, "bf16", bf16, 512, 2048);
  bench_product(b, "pointers", packed_rows, 256, 1024);
  bench_product(b, "in place", in_place, 64, 64);
  bench_product(b, "in place", in_place, 256, 1024);
}

static void matvec(bench *b) {
  b->k->matvec(b->rows, b->depth, b->a, (ptrdiff_t)b->depth, b->b, b->c);
}

static void bench_matvec(bench *b, size_t size) {
  float *a = numbers(size * size), *x = numbers(size);
  b->rows = b->depth = size, b->a = a, b->b = x, b->c = numbers(size);
  const double t = best_time(b, matvec);
  printf("matvec %zu x %zu: %.1f GB/s, %.0f ns\n", size, size,
         (double)(size * size * sizeof(float)) / t, t);
  free(a), free(x), free(b->c);
}

/* Elementwise and row-wise operators over rows x cols elements that stay in the L1 cache. */
#define UNARY_LIST(X) \
  X(sigmoid) X(tanh) X(exp) X(log) X(gelu) X(sin) X(relu) X(copy) X(softmax) X(log_softmax) X(sum)
#define BINARY_LIST(X) X(add) X(mul) X(div) X(add_sigmoid) X(mul_tanh) X(dot)

#define UNARY_WORK(name)                                       \
  static void work_##name(bench *b) {                          \
    const edb_span x = {b->a, (ptrdiff_t)b->cols, 1};          \
    b->k->name(b->rows, b->cols, x, b->c, (ptrdiff_t)b->cols); \
  }
#define BINARY_WORK(name)                                                                \
  static void work_##name(bench *b) {                                                    \
    const edb_span x = {b->a, (ptrdiff_t)b->cols, 1}, y = {b->b, (ptrdiff_t)b->cols, 1}; \
    b->k->name(b->rows, b->cols, x, y, b->c, (ptrdiff_t)b->cols);                        \
  }
/* Of the labels 0, 1, ... in turn. */
static void work_cross_entropy(bench *b) {
  int32_t label[MOST_ROWS];
  for (size_t r = 0; r < b->rows; r++) label[r] = (int32_t)(r % b->cols);
  b->k->cross_entropy(b->rows, b->cols, (edb_span){b->a, (ptrdiff_t)b->cols, 1}, label, b->c, 1);
}

/* a b + c d, of the same two. */
static void work_mul_mul_add(bench *b) {
  const edb_span x = {b->a, (ptrdiff_t)b->cols, 1}, y = {b->b, (ptrdiff_t)b->cols, 1};
  b->k->mul_mul_add(b->rows, b->cols, (edb_span[]){x, y, y, x}, b->c, (ptrdiff_t)b->cols);
}

UNARY_LIST(UNARY_WORK)
BINARY_LIST(BINARY_WORK)

static void bench_elements(bench *b, size_t rows, size_t cols) {
  float *x = numbers(rows * cols), *y = numbers(rows * cols);
  b->rows = rows, b->cols = cols, b->a = x, b->b = y, b->c = numbers(rows * cols);
  printf("%zu x %zu, ns per value:", rows, cols);
#define REPORT(name) printf(" %s %.3f", #name, best_time(b, work_##name) / (double)(rows * cols));
  UNARY_LIST(REPORT)
  BINARY_LIST(REPORT)
  REPORT(cross_entropy)
  REPORT(mul_mul_add)
#undef REPORT
  printf("\n");
  free(x), free(y), free(b->c);
}

static int usage(void) {
  fputs("usage: bench_kernels [--simd portable|avx2|avx512|neon] [--ms N]\n", stderr);
  return 2;
}

int main(int argc, char **argv) {
  static const char *const levels[] = {"auto", "portable", "avx2", "avx512", "neon"};
  bench b = {.milliseconds = 30, .l2_bytes = edb_cpu_cache_sizes().l2_bytes};
  edb_simd simd = EDB_SIMD_AUTO;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc) return usage();
    if (strcmp(argv[i], "--ms") == 0) {
      b.milliseconds = strtod(argv[i + 1], NULL);
    } else if (strcmp(argv[i], "--simd") == 0) {
      while (simd <= EDB_SIMD_NEON && strcmp(levels[simd], argv[i + 1]) != 0) simd++;
      if (simd > EDB_SIMD_NEON) return usage();
    } else {
      return usage();
    }
  }
  b.k = edb_kernels_get(simd);
  if (b.k == NULL) {
    fputs("bench_kernels: this machine does not have that level\n", stderr);
    return 1;
  }
  choose_kernels(&b);
  printf(
      "level %s, peak %.0f GFLOP/s; products of few rows prefetch from the second-level cache: %s, "
      "from beyond: %s\n",
      levels[b.k->simd], edb_kernels_peak_gflops(b.k, 100), b.kernels[0]->prefetches ? "yes" : "no",
      b.kernels[1]->prefetches ? "yes" : "no");
  bench_products(&b);
  bench_matvec(&b, 64);
  bench_matvec(&b, 128);
  bench_elements(&b, 8, 256);
  bench_elements(&b, 32, 5);
  return 0;
}
