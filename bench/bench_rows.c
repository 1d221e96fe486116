/* bench/bench_rows.c: what rows that lie apart cost: gathered before they are read, or read through
 * a pointer each; and stored apart.
 *
 *     bench_rows [ROWS]
 *
 * One line per width and size of the memory in which rows are scattered: nanoseconds of the
 * processor per row, over chunks of ROWS rows (default 48), best of some runs, the ways taken in
 * turn. `product` is one with four times as many columns as its operand has, `elementwise`
 * x0 * x1 + x2 * x3 with x1 apart, `store` tanh(x0) * x1, computed where it stays, or in a buffer
 * and moved to where it belongs; `asked`: with prefetches of the rows before. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/ask.h"
#include "kernel/kernel.h"

typedef struct bench {
  const edb_kernels *k;
  size_t rows, width, columns, n_rows, at; /* rows of a chunk; all rows; the next one */
  float *all, *block, *packed, *c, *x;
  const float **order; /* all rows, shuffled */
  const float **from;  /* of the chunk */
  float **to;
} bench;

static uint64_t cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *take(size_t bytes) {
  void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (p == NULL) {
    fputs("bench_rows: out of memory\n", stderr);
    exit(1);
  }
  return p;
}

static float *numbers(size_t count) {
  float *p = take(count * sizeof *p);
  for (size_t i = 0; i < count; i++) p[i] = (float)(i % 1013) * 1e-3f - 0.5f;
  return p;
}

/* ---- Ways --------------------------------------------------------------------------------------
 */

static void gather(bench *b) {
  b->k->gather(b->rows, b->width, b->from, b->block, (ptrdiff_t)b->width);
}

static void product_gathered(bench *b) {
  gather(b);
  b->k->product_packed(b->rows, b->columns, b->width, b->block, (ptrdiff_t)b->width, b->packed,
                       b->c, (ptrdiff_t)b->columns);
}

static void product_asked(bench *b) {
  for (size_t r = 0; r < b->rows; r++) edb_ask_row(b->from[r], b->width, false);
  b->k->product_packed_rows(b->rows, b->columns, b->width, b->from, b->packed, b->c,
                            (ptrdiff_t)b->columns, NULL, 0);
}

static void elementwise_asked(bench *b) {
  for (size_t r = 0; r < b->rows; r++) {
    const float *x0 = b->x + r * b->width;
    edb_span x[4] = {{x0, 0, 1}, {b->from[r], 0, 1}, {x0, 0, 1}, {x0, 0, 1}};
    if (r + 4 < b->rows) edb_ask_row(b->from[r + 4], b->width, false);
    b->k->mul_mul_add(1, b->width, x, b->c + r * b->width, 0);
  }
}

static void compute(bench *b, float *y) {
  edb_span x = {b->x, (ptrdiff_t)b->width, 1};
  b->k->tanh_mul(b->rows, b->width, x, x, y, (ptrdiff_t)b->width);
}

/* Sixteen rows are asked for before they are gathered. */
static void gather_asked(bench *b) {
  for (size_t r = 0; r < b->rows; r += 16) {
    size_t n = b->rows - r < 16 ? b->rows - r : 16;
    for (size_t i = r; i < r + n; i++) edb_ask_row(b->from[i], b->width, false);
    b->k->gather(n, b->width, b->from + r, b->block + r * b->width, (ptrdiff_t)b->width);
  }
}

static void store_asked(bench *b) {
  compute(b, b->c);
  for (size_t r = 0; r < b->rows; r++) b->from[r] = b->c + r * b->width;
  for (size_t r = 0; r < b->rows; r += 16) {
    size_t n = b->rows - r < 16 ? b->rows - r : 16;
    for (size_t i = r; i < r + n; i++) edb_ask_row(b->to[i], b->width, true);
    b->k->move(n, b->width, b->from + r, b->to + r);
  }
}

static void product_pointers(bench *b) {
  b->k->product_packed_rows(b->rows, b->columns, b->width, b->from, b->packed, b->c,
                            (ptrdiff_t)b->columns, NULL, 0);
}

static void elementwise_gathered(bench *b) {
  ptrdiff_t width = (ptrdiff_t)b->width;
  gather(b);
  edb_span x[4] = {{b->x, width, 1}, {b->block, width, 1}, {b->x, width, 1}, {b->x, width, 1}};
  b->k->mul_mul_add(b->rows, b->width, x, b->c, width);
}

static void elementwise_pointers(bench *b) {
  for (size_t r = 0; r < b->rows; r++) {
    const float *x0 = b->x + r * b->width;
    edb_span x[4] = {{x0, 0, 1}, {b->from[r], 0, 1}, {x0, 0, 1}, {x0, 0, 1}};
    b->k->mul_mul_add(1, b->width, x, b->c + r * b->width, 0);
  }
}

static void store_in_place(bench *b) {
  compute(b, b->all + b->at * b->width);
}

static void store_moved(bench *b) {
  compute(b, b->c);
  for (size_t r = 0; r < b->rows; r++) b->from[r] = b->c + r * b->width;
  b->k->move(b->rows, b->width, b->from, b->to);
}

static void store_rows(bench *b) {
  for (size_t r = 0; r < b->rows; r++) {
    edb_span x = {b->x + r * b->width, 0, 1};
    b->k->tanh_mul(1, b->width, x, x, b->to[r], 0);
  }
}

typedef void (*way_fn)(bench *b);
static const way_fn ways[] = {
    gather,         gather_asked,         product_gathered,     product_pointers,
    product_asked,  elementwise_gathered, elementwise_pointers, elementwise_asked,
    store_in_place, store_moved,          store_asked,          store_rows};
static const char *const names[] = {"gather",   "asked",    "gathered", "pointers",
                                    "asked",    "gathered", "pointers", "asked",
                                    "in place", "moved",    "asked",    "one by 1"};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- Measuring ---------------------------------------------------------------------------------
 */

/* Chunk after chunk, so that each row was last touched when all others were in between. */
static double chunks(bench *b, way_fn way) {
  size_t count = b->n_rows / b->rows;
  if (count * b->rows < 4096) count = 4096 / b->rows;
  if (count * b->rows > 40000) count = 40000 / b->rows;
  uint64_t from = cpu_ns();
  for (size_t i = 0; i < count; i++) {
    if (b->at + b->rows > b->n_rows) b->at = 0;
    for (size_t r = 0; r < b->rows; r++) {
      b->from[r] = b->order[b->at + r];
      b->to[r] = (float *)(uintptr_t)b->order[b->at + r];
    }
    way(b);
    b->at += b->rows;
  }
  return (double)(cpu_ns() - from) / (double)(count * b->rows);
}

static void measure(const edb_kernels *k, size_t rows, size_t width, size_t bytes) {
  bench b = {.k = k, .rows = rows, .width = width, .columns = 4 * width};
  double best[WAYS];
  b.n_rows = bytes / (width * sizeof(float));
  b.all = numbers(b.n_rows * width);
  b.block = numbers(rows * width);
  b.x = numbers(rows * width);
  b.c = numbers(rows * b.columns);
  b.packed = numbers(edb_packed_size(k, b.columns, width));
  b.order = take(b.n_rows * sizeof *b.order);
  b.from = take(rows * sizeof *b.from);
  b.to = take(rows * sizeof *b.to);
  uint64_t state = 1;
  for (size_t i = 0; i < b.n_rows; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    size_t j = (size_t)(state >> 33) % (i + 1);
    b.order[i] = b.order[j];
    b.order[j] = b.all + i * width;
  }
  for (size_t w = 0; w < WAYS; w++) best[w] = INFINITY;
  for (int repeat = 0; repeat < 9; repeat++)
    for (size_t w = 0; w < WAYS; w++) best[w] = fmin(best[w], chunks(&b, ways[w]));
  printf("%6zu %8zu", width, bytes >> 10);
  for (size_t w = 0; w < WAYS; w++) printf(" %9.1f", best[w]);
  printf("\n");
  fflush(stdout);
  free(b.all), free(b.block), free(b.x), free(b.c), free(b.packed);
  free((void *)b.order), free((void *)b.from), free(b.to);
}

int main(int argc, char **argv) {
  size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 48;
  const edb_kernels *k = edb_kernels_get(EDB_SIMD_AUTO);
  if (rows == 0 || rows > 256) return 2;
  printf("%-16s%-20s%-30s%-30s%s\n", "", " rows", " product", " elementwise", " store");
  printf("%6s %8s", "width", "KiB");
  for (size_t w = 0; w < WAYS; w++) printf(" %9s", names[w]);
  printf("\n");
  for (size_t width = 64; width <= 512; width *= 2)
    for (size_t kib = 256; kib <= 64 << 10; kib *= 4) measure(k, rows, width, kib << 10);
  return 0;
}
