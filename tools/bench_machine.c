/* tools/bench_machine.c: what the machine can do at most, measured in the same run as all else. */
#include <pthread.h>
#include <stdlib.h>

#include "bench.h"

#define PEAK_MS   20
#define CACHE_MS  10
#define MEMORY_MS 40
#define ROUNDS    2 /* the better one counts */

#define MEMORY_FACTOR 4 /* a block that is surely not in the last cache */

typedef struct prober {
  edb_context *ctx;
  size_t bytes; /* to read; 0: arithmetic */
  uint32_t milliseconds;
  double result;
} prober;

static void *probe(void *argument) {
  prober *p = argument;
  if (p->bytes == 0)
    p->result = edb_measure_peak_gflops(p->ctx, p->milliseconds);
  else if (edb_measure_read_gbs(p->ctx, p->bytes, p->milliseconds, &p->result, NULL) != EDB_OK)
    p->result = 0;
  return NULL;
}

/* The same probe on all threads at once; the sum of what they reach. */
static double probe_together(edb_context *ctx, uint32_t threads, size_t bytes,
                             uint32_t milliseconds) {
  prober *probers = calloc(threads, sizeof *probers);
  pthread_t *ids = calloc(threads, sizeof *ids);
  bool *started = calloc(threads, sizeof *started);
  double sum = 0;
  for (uint32_t i = 0; probers && ids && started && i < threads; i++) {
    probers[i] = (prober){.ctx = ctx, .bytes = bytes, .milliseconds = milliseconds};
    if (i > 0) started[i] = pthread_create(&ids[i], NULL, probe, &probers[i]) == 0;
  }
  for (uint32_t i = 0; probers && ids && started && i < threads; i++) {
    if (i == 0) probe(&probers[0]);
    if (started[i]) pthread_join(ids[i], NULL);
    sum += probers[i].result;
  }
  free(probers);
  free(ids);
  free(started);
  return sum;
}

double machine_peak(edb_context *ctx, uint32_t threads) {
  return probe_together(ctx, threads, 0, PEAK_MS);
}

static void raise(double *best, double value) {
  if (value > *best) *best = value;
}

/* Blocks that are surely in the cache that is meant, and in none before it: half of the second
 * level, a quarter of the third, of which each thread reads its part. */
static void measure_speed(edb_context *ctx, uint32_t threads, machine_speed *s) {
  edb_machine caches = edb_machine_describe();
  size_t l3_bytes = caches.l3_bytes / 4 / threads;
  if (l3_bytes < 2 * caches.l2_bytes) l3_bytes = 2 * caches.l2_bytes;
  s->threads = threads;
  raise(&s->peak_gflops, machine_peak(ctx, threads));
  raise(&s->l2_gbs, probe_together(ctx, threads, caches.l2_bytes / 2, CACHE_MS));
  raise(&s->l3_gbs, probe_together(ctx, threads, l3_bytes, CACHE_MS));
  raise(&s->memory_gbs, probe_together(ctx, threads, MEMORY_FACTOR * caches.l3_bytes, MEMORY_MS));
}

int machine_measure(const workplace *w, uint32_t threads, machine_report *m) {
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.simd = edb_context_simd(w->ctx);
  edb_context *ctx;
  workplace own = *w;
  uint32_t all = edb_machine_describe().processors;
  if (edb_context_create(&params, &ctx, &own.error) != EDB_OK) return workplace_failed(&own);
  for (int i = 0; i < ROUNDS; i++) {
    measure_speed(ctx, 1, &m->one);
    measure_speed(ctx, all, &m->all);
    if (threads != 1 && threads != all) measure_speed(ctx, threads, &m->used);
  }
  edb_context_destroy(ctx);
  double peak = m->used.peak_gflops; /* of the windows */
  if (threads == 1 || threads == all) m->used = threads == 1 ? m->one : m->all;
  raise(&m->used.peak_gflops, peak);
  return 0;
}

static json_t *speed_json(const machine_speed *s) {
  return json_pack("{s:I, s:f, s:f, s:f, s:f}", "threads", (json_int_t)s->threads, "peak_gflops",
                   s->peak_gflops, "l2_gbs", s->l2_gbs, "l3_gbs", s->l3_gbs, "memory_gbs",
                   s->memory_gbs);
}

json_t *machine_json(const machine_report *m) {
  edb_machine caches = edb_machine_describe();
  return json_pack("{s:I, s:I, s:o, s:o, s:o}", "l2_bytes", (json_int_t)caches.l2_bytes, "l3_bytes",
                   (json_int_t)caches.l3_bytes, "one_thread", speed_json(&m->one), "used_threads",
                   speed_json(&m->used), "all_threads", speed_json(&m->all));
}

/* ---- The roofline -------------------------------------------------------------------------------
 */

/* Second-level caches are private: columns split over threads leave each its slice of the weights.
 */
static double bandwidth_for(const roofline *r, double bytes) {
  const machine_speed *s = &r->speed;
  if (bytes <= (double)r->caches.l2_bytes * s->threads) return s->l2_gbs;
  return bytes <= (double)r->caches.l3_bytes ? s->l3_gbs : s->memory_gbs;
}

int roofline_begin(roofline *r, const edb_model *model, const machine_speed *speed) {
  uint32_t n_cells = edb_model_cell_count(model);
  *r = (roofline){.model = model, .speed = *speed, .caches = edb_machine_describe()};
  r->recent = malloc(((size_t)n_cells + 1) * sizeof *r->recent);
  for (uint32_t c = 0; r->recent && c < n_cells; c++) r->recent[c] = c;
  return r->recent ? 0 : EXIT_FAILED;
}

void roofline_end(roofline *r) {
  free(r->recent);
}

/* Makes a cell the most recent one, and gives the bytes of the weights that were read since it last
 * ran, its own included: a cache that holds so many still has them. */
static double touch(roofline *r, uint32_t cell) {
  double bytes = 0;
  uint32_t moved = cell;
  for (uint32_t i = 0;; i++) {
    uint32_t here = r->recent[i];
    bytes += edb_model_cell_weight_bytes(r->model, here);
    r->recent[i] = moved;
    moved = here;
    if (here == cell) return bytes;
  }
}

void roofline_add(roofline *r, const edb_schedule *schedule) {
  uint32_t n_batches = edb_schedule_describe(schedule).n_batches;
  for (uint32_t i = 0; i < n_batches; i++) {
    uint32_t cell;
    const edb_node *nodes;
    uint32_t n = edb_schedule_batch(schedule, i, &cell, &nodes);
    double flops = n * edb_model_cell_flops(r->model, cell);
    double compute_ns = flops / r->speed.peak_gflops;
    double read_ns = edb_model_cell_weight_bytes(r->model, cell) / bandwidth_for(r, touch(r, cell));
    r->ns += compute_ns > read_ns ? compute_ns : read_ns;
    r->flops += flops;
  }
}

double roofline_gflops(const roofline *r) {
  return r->ns > 0 ? r->flops / r->ns : 0;
}
