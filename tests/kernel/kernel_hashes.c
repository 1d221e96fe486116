/* tests/kernel/kernel_hashes.c: prints one number for all the bits that each kernel of a level
 * gives on fixed inputs. All levels of all machines must print the same text; scripts/check-aarch64
 * compares two processors with it.
 *
 *   kernel_hashes LEVEL */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"

enum { ROWS = 7, COLS = 83, STRIDE = 90, DEPTH = 37 };

static uint64_t hash;

/* FNV-1a. All NaNs count as one. */
static void take(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (isnan(x)) bits = 0x7fc00000;
  for (int i = 0; i < 32; i += 8) hash = (hash ^ (bits >> i & 0xff)) * 0x100000001b3u;
}

static void begin(void) {
  hash = 0xcbf29ce484222325u;
}

static void print(const char *name) {
  printf("%-20s %016llx\n", name, (unsigned long long)hash);
}

/* Numbers of many magnitudes, every eighth one special. */
static void fill(float *x, size_t n, uint32_t state, int magnitudes) {
  static const float special[] = {0.0f,    -0.0f,  INFINITY, -INFINITY, NAN,   88.8f,
                                  -103.9f, 1e-40f, 3e38f,    -2.5e7f,   1e20f, 0x1p24f};
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    const float value = (float)(int32_t)(state & 0xffffff00) / 0x1p31f;
    const int exponent = (int)(state >> 2 & 31) % (2 * magnitudes + 1) - magnitudes;
    x[i] = magnitudes > 0 && i % 8 == 7 ? special[i / 8 % (sizeof special / sizeof *special)]
                                        : ldexpf(value, exponent);
  }
}

typedef struct data {
  float a[ROWS * STRIDE], b[ROWS * STRIDE], c[ROWS * STRIDE], d[ROWS * STRIDE];
  float pairs[ROWS * STRIDE], weights[DEPTH * STRIDE], packed[DEPTH * (STRIDE + 16)],
      y[STRIDE * STRIDE];
} data;

static edb_span span(const float *x) {
  return (edb_span){x, STRIDE, 1};
}

/* Takes all of y, so that what should be untouched counts too, and wipes it. */
static void finish(data *t, const char *name) {
  begin();
  for (size_t i = 0; i < sizeof t->y / sizeof *t->y; i++) take(t->y[i]);
  memset(t->y, 0, sizeof t->y);
  print(name);
}

static void elementwise(const edb_kernels *k, data *t) {
#define UNARY(name)                                   \
  k->name(ROWS, COLS, span(t->a), t->y, STRIDE);      \
  finish(t, #name);                                   \
  k->name(1, ROWS *STRIDE, span(t->b), t->y, STRIDE); \
  finish(t, #name)
#define BINARY(name)                                                     \
  k->name(ROWS, COLS, span(t->a), span(t->b), t->y, STRIDE);             \
  finish(t, #name);                                                      \
  k->name(ROWS, COLS, span(t->a), (edb_span){t->b, 1, 0}, t->y, STRIDE); \
  finish(t, #name)
#define COMBINED(name)                                                                             \
  k->name(ROWS, COLS, (edb_span[]){span(t->a), span(t->b), span(t->c), span(t->d)}, t->y, STRIDE); \
  finish(t, #name)
  UNARY(neg);
  UNARY(sigmoid);
  UNARY(tanh);
  UNARY(relu);
  UNARY(gelu);
  UNARY(exp);
  UNARY(log);
  UNARY(sqrt);
  UNARY(abs);
  UNARY(sin);
  UNARY(cos);
  UNARY(copy);
  BINARY(add);
  BINARY(sub);
  BINARY(mul);
  BINARY(div);
  BINARY(min);
  BINARY(max);
  BINARY(add_sigmoid);
  BINARY(add_tanh);
  BINARY(tanh_mul);
  BINARY(mul_tanh);
  COMBINED(mul_add);
  COMBINED(add_mul);
  COMBINED(add_add_sigmoid);
  COMBINED(add_add_tanh);
  COMBINED(mul_mul_add);
}

/* Short rows and long ones, of ordinary numbers: with infinities all would be NaN. */
static void reductions(const edb_kernels *k, data *t) {
  static const uint32_t first[] = {0, 0, 3, 4, ROWS};
  static const int32_t label[ROWS] = {4, 0, -1, 2, 1, 3, 0};
  const edb_rows_in in = {.data = t->c, .stride = STRIDE};
#define ROW_WISE(name)                           \
  k->name(ROWS, COLS, span(t->c), t->y, STRIDE); \
  finish(t, #name);                              \
  k->name(ROWS, 5, span(t->c), t->y, STRIDE);    \
  finish(t, #name)
#define OVER(name)                           \
  k->name(4, first, COLS, in, t->y, STRIDE); \
  finish(t, #name)
#define PAIRS(name)                                          \
  k->name(ROWS, COLS, span(t->c), span(t->d), t->y, STRIDE); \
  finish(t, #name)
  ROW_WISE(softmax);
  ROW_WISE(log_softmax);
  ROW_WISE(sum);
  ROW_WISE(mean);
  ROW_WISE(maximum);
  ROW_WISE(argmax);
  OVER(sum_over);
  OVER(mean_over);
  OVER(max_over);
  OVER(softmax_over);
  PAIRS(dot);
  PAIRS(squared_error);
  k->layer_norm(ROWS, COLS, span(t->c), span(t->d), (edb_span){t->d, 0, 1}, t->y, STRIDE);
  finish(t, "layer_norm");
  k->cross_entropy(ROWS, 5, span(t->c), label, t->y, STRIDE);
  finish(t, "cross_entropy");
}

static void products(const edb_kernels *k, data *t) {
  const float *rows[ROWS];
  for (size_t r = 0; r < ROWS; r++) rows[r] = t->c + r * STRIDE;
  edb_pack_begin(k, t->packed, COLS, DEPTH);
  edb_pack_columns(k, t->packed, COLS, DEPTH, 0, COLS, t->weights, STRIDE);
  for (size_t n = 1; n <= ROWS; n++) {
    k->product_packed(n, COLS, DEPTH, t->c, STRIDE, t->packed, t->y, STRIDE);
    finish(t, "product_packed");
  }
  k->product_packed_rows(ROWS, COLS, DEPTH, rows, t->packed, t->y, STRIDE, NULL, 0);
  finish(t, "product_packed_rows");
  k->product(ROWS, COLS, DEPTH, t->c, STRIDE, t->weights, STRIDE, t->y, STRIDE);
  finish(t, "product");
  edb_pack_begin(k, t->packed, COLS, (DEPTH + 1) / 2);
  edb_pack_bf16_columns(k, t->packed, COLS, DEPTH, 0, COLS, t->weights, STRIDE);
  k->to_bf16(ROWS, DEPTH, t->c, STRIDE, t->pairs, STRIDE);
  k->product_bf16(ROWS, COLS, (DEPTH + 1) / 2, t->pairs, STRIDE, t->packed, t->y, STRIDE);
  finish(t, "product_bf16");
  k->matvec(DEPTH, COLS, t->weights, STRIDE, t->d, t->y);
  finish(t, "matvec");
  k->transpose(DEPTH, COLS, t->weights, STRIDE, t->y, STRIDE);
  finish(t, "transpose");
  k->gather(ROWS, COLS, rows, t->y, STRIDE);
  finish(t, "gather");
}

int main(int argc, char **argv) {
  edb_simd simd = EDB_SIMD_PORTABLE;
  while (argc == 2 && simd < EDB_SIMD_NEON && strcmp(edb_simd_name(simd), argv[1]) != 0) simd++;
  if (argc != 2 || strcmp(edb_simd_name(simd), argv[1]) != 0) {
    fputs("usage: kernel_hashes portable|avx2|avx512|neon\n", stderr);
    return 2;
  }
  const edb_kernels *k = edb_kernels_get(simd);
  if (k == NULL) {
    fprintf(stderr, "kernel_hashes: this machine does not have %s\n", argv[1]);
    return 3;
  }
  static data t;
  fill(t.a, ROWS * STRIDE, 1, 20);
  fill(t.b, ROWS * STRIDE, 2, 4);
  fill(t.c, ROWS * STRIDE, 3, 0);
  fill(t.d, ROWS * STRIDE, 4, 0);
  fill(t.weights, DEPTH * STRIDE, 5, 0);
  elementwise(k, &t);
  reductions(k, &t);
  products(k, &t);
  return 0;
}
