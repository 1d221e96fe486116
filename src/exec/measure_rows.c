/* exec/measure_rows.c: what it takes on this machine to bring rows together, to read them where
 * they are, and to store them elsewhere. */
#include <string.h>

#include "base/carve.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "exec/session.h"
#include "kernel/ask.h"
#include "kernel/kernel.h"
#include "policy/cost.h"

#define CHUNK   48  /* rows */
#define CHUNKS  32  /* of one repeat */
#define REPEATS 9   /* the least time counts: what else the machine does can only add to it */
#define COLUMNS 256 /* of the product */
#define ASKED   16  /* rows that are asked for before they are read or stored */

typedef struct rows {
  const edb_kernels *kernels;
  size_t width, n_rows, next; /* rows: all of them; the next to be used */
  bool far;
  float *all, *block, *other, *packed, *result;
  const float **order;  /* [n_rows] all rows, shuffled */
  const float **beside; /* [CHUNK] those of the block */
  float **target;       /* [CHUNK] */
} rows;

static const float *const *chunk(const rows *r) {
  return r->order + r->next;
}

/* ---- Ways --------------------------------------------------------------------------------------
 */

static void gather(rows *r) {
  for (size_t k = 0; k < CHUNK; k += ASKED) {
    for (size_t i = k; i < k + ASKED && r->far; i++) edb_ask_row(chunk(r)[i], r->width, false);
    r->kernels->gather(ASKED, r->width, chunk(r) + k, r->block + k * r->width, (ptrdiff_t)r->width);
  }
}

static void product(rows *r) {
  r->kernels->product_packed(CHUNK, COLUMNS, r->width, r->block, (ptrdiff_t)r->width, r->packed,
                             r->result, COLUMNS);
}

static void product_by_pointers(rows *r) {
  for (size_t i = 0; i < CHUNK; i++) edb_ask_row(chunk(r)[i], r->width, false);
  r->kernels->product_packed_rows(CHUNK, COLUMNS, r->width, chunk(r), r->packed, r->result, COLUMNS,
                                  NULL, 0);
}

static void elementwise(rows *r) {
  ptrdiff_t w = (ptrdiff_t)r->width;
  edb_span x[4] = {{r->other, w, 1}, {r->block, w, 1}, {r->other, w, 1}, {r->other, w, 1}};
  r->kernels->mul_mul_add(CHUNK, r->width, x, r->result, w);
}

static void elementwise_by_pointers(rows *r) {
  for (size_t i = 0; i < CHUNK; i++) {
    const float *other = r->other + i * r->width;
    edb_span x[4] = {{other, 0, 1}, {chunk(r)[i], 0, 1}, {other, 0, 1}, {other, 0, 1}};
    if (i + 4 < CHUNK) edb_ask_row(chunk(r)[i + 4], r->width, false);
    r->kernels->mul_mul_add(1, r->width, x, r->result + i * r->width, 0);
  }
}

static void store(rows *r) {
  for (size_t i = 0; i < CHUNK; i++) r->target[i] = (float *)(uintptr_t)chunk(r)[i];
  for (size_t k = 0; k < CHUNK; k += ASKED) {
    for (size_t i = k; i < k + ASKED && r->far; i++) edb_ask_row(r->target[i], r->width, true);
    r->kernels->move(ASKED, r->width, r->beside + k, r->target + k);
  }
}

enum { GATHER, PRODUCT, PRODUCT_POINTERS, ELEMENTWISE, ELEMENTWISE_POINTERS, STORE, WAYS };
static void (*const ways[WAYS])(rows *r) = {
    gather, product, product_by_pointers, elementwise, elementwise_by_pointers, store};

/* ---- Measuring ---------------------------------------------------------------------------------
 */

/* Chunk after chunk, so that each row was last touched when all others were in between. */
static double row_ns(rows *r, int way) {
  uint64_t begin = edb_clock_ns();
  for (int i = 0; i < CHUNKS; i++) {
    if (r->next + CHUNK > r->n_rows) r->next = 0;
    ways[way](r);
    r->next += CHUNK;
  }
  return (double)(edb_clock_ns() - begin) / (CHUNKS * CHUNK);
}

static double more(double a, double b) {
  return a > b ? a - b : 0;
}

static void measure_width(rows *r, uint32_t i, edb_row_costs *out) {
  double least[WAYS];
  for (int repeat = 0; repeat <= REPEATS; repeat++) /* the first one finds nothing in a cache */
    for (int way = 0; way < WAYS; way++) {
      double ns = row_ns(r, way);
      if (repeat <= 1 || ns < least[way]) least[way] = ns;
    }
  out->gather_ns[i] = least[GATHER];
  out->product_ns[i] = more(least[PRODUCT_POINTERS], least[PRODUCT]);
  out->elementwise_ns[i] = more(least[ELEMENTWISE_POINTERS], least[ELEMENTWISE]);
  out->store_ns[i] = least[STORE];
}

static size_t lay_out(rows *r, size_t bytes, char *base) {
  const size_t widest = (size_t)EDB_ROW_FIRST_WIDTH << (EDB_ROW_WIDTHS - 1);
  edb_carver c = {.base = base};
  EDB_CARVE(&c, r->all, bytes / sizeof(float));
  EDB_CARVE(&c, r->block, CHUNK * widest);
  EDB_CARVE(&c, r->other, CHUNK * widest);
  EDB_CARVE(&c, r->result, CHUNK * widest);
  EDB_CARVE(&c, r->packed, COLUMNS * widest);
  EDB_CARVE(&c, r->order, bytes / (EDB_ROW_FIRST_WIDTH * sizeof(float)));
  EDB_CARVE(&c, r->beside, (size_t)CHUNK);
  EDB_CARVE(&c, r->target, (size_t)CHUNK);
  return c.at;
}

static void shuffle(rows *r) {
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  for (size_t i = 0; i < r->n_rows; i++) {
    size_t k = edb_rng_below(&rng, (uint32_t)(i + 1));
    r->order[i] = r->order[k];
    r->order[k] = r->all + i * r->width;
  }
  for (size_t i = 0; i < CHUNK; i++) r->beside[i] = r->block + i * r->width;
  r->next = 0;
}

/* Rows that are scattered in so many bytes; a chunk of the widest at least. */
static edb_status measure(edb_context *ctx, size_t bytes, bool far, edb_row_costs *out,
                          edb_error *error) {
  const size_t widest = (size_t)EDB_ROW_FIRST_WIDTH << (EDB_ROW_WIDTHS - 1),
               least = CHUNK * widest * sizeof(float);
  if (bytes < least) bytes = least;
  rows r = {.kernels = edb_kernels_get(ctx->simd), .far = far};
  size_t all = lay_out(&r, bytes, NULL);
  char *memory = edb_alloc(ctx, all);
  if (!memory) return edb_fail_memory(error, all, "rows to measure with");
  memset(memory, 0, all); /* untouched pages would all be one page */
  (void)lay_out(&r, bytes, memory);
  for (uint32_t i = 0; i < EDB_ROW_WIDTHS; i++) {
    r.width = (size_t)EDB_ROW_FIRST_WIDTH << i;
    r.n_rows = bytes / (r.width * sizeof(float));
    shuffle(&r);
    measure_width(&r, i, out);
  }
  edb_free(ctx, memory, all);
  return EDB_OK;
}

edb_status edb_costs_measure_rows(edb_costs *costs, edb_error *error) {
  EDB_REQUIRE(error, costs);
  edb_cpu_caches caches = edb_cpu_cache_sizes();
  edb_row_costs near_rows, far_rows;
  EDB_TRY(measure(costs->ctx, caches.l2_bytes, false, &near_rows, error));
  EDB_TRY(measure(costs->ctx, 2 * caches.l3_bytes, true, &far_rows, error));
  costs->rows[0] = near_rows;
  costs->rows[1] = far_rows;
  costs->has_rows = true;
  return EDB_OK;
}
