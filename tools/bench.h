/* tools/bench.h: what `edbatch bench` measures of one model, one size and one or more policies. */
#ifndef EDB_TOOLS_BENCH_H
#define EDB_TOOLS_BENCH_H

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>

#include "measure.h"

#define BENCH_WINDOWS 5 /* timed windows per policy, interleaved with those of the others */

/* ---- The machine (bench_machine.c) --------------------------------------------------------------
 */

/* What so many threads can do together, each on work of its own: multiply-adds, and reads from the
 * levels of memory. */
typedef struct machine_speed {
  uint32_t threads;
  double peak_gflops, l2_gbs, l3_gbs, memory_gbs;
} machine_speed;

/* Memory of one thread, the threads of the run, all processors; threads of 0: not measured. */
typedef struct machine_report {
  machine_speed one, used, all;
} machine_report;

/* The sum of all threads' peaks, measured at the same time, in GFLOP/s. */
double machine_peak(edb_context *ctx, uint32_t threads);
/* Everything. In a context of its own, so that no account of memory sees the blocks that are read.
 */
int machine_measure(const workplace *w, uint32_t threads, machine_report *m);
json_t *machine_json(const machine_report *m);

/* GFLOP/s that a schedule reaches at most: per batch the longer of arithmetic at the peak, and of
 * reading the cell's weights once from the level of memory that still has them
 * (docs/benchmarks.md). */
typedef struct roofline {
  const edb_model *model;
  machine_speed speed;
  edb_machine caches;
  uint32_t *recent; /* cells, the one that ran last first */
  double ns, flops; /* summed over the schedules added */
} roofline;

/* EXIT_FAILED without memory. Ends with roofline_end in any case. */
int roofline_begin(roofline *r, const edb_model *model, const machine_speed *speed);
void roofline_end(roofline *r);
void roofline_add(roofline *r, const edb_schedule *schedule);
double roofline_gflops(const roofline *r);

/* ---- Memory of one mini-batch (bench_memory.c) --------------------------------------------------
 */

typedef struct memory_use {
  uint32_t nodes;
  size_t data_bytes;                  /* model, vocabularies and instances */
  size_t weights_bytes, packed_bytes; /* as loaded; session: as packed, with its plans */
  size_t graph_bytes, schedule_bytes, placement_bytes, run_bytes; /* that each stage adds */
  size_t live_bytes;     /* most bytes of values that are needed at one time */
  size_t peak_bytes;     /* of the library, all of its objects together */
  size_t resident_bytes; /* of the process, at most so far */
} memory_use;

/* Before the first session is opened. */
void memory_begin(const workplace *w, memory_use *m);
/* Runs the first mini-batch in the new session of a runner and looks at the account of the context
 * after every stage. */
int memory_measure(runner *r, const edb_policy *policy, memory_use *m);
json_t *memory_json(const memory_use *m);

/* ---- One bench ----------------------------------------------------------------------------------
 */

typedef struct bench bench;

/* One thread: a session and a graph of its own. */
typedef struct lane {
  bench *b;
  const edb_policy *policy;
  runner runner;
  double seconds; /* of a window */
  bool split, failed;
  pthread_t thread; /* of all but the first, while a window lasts */
} lane;

typedef struct bench_row {
  const char *name;
  edb_policy *policy;
  double rate[BENCH_WINDOWS], gflops[BENCH_WINDOWS];
  sums timed, split; /* split: of a window with the time split on */
  double batches, bound, misses, roofline_gflops;
  double cold_rate; /* of the first window, from empty tables; 0: not measured */
} bench_row;

struct bench {
  workplace *w;
  edb_granularity granularity;
  uint32_t batch, n_batches, n_lanes;
  uint32_t n_threads; /* of all lanes */
  uint64_t nodes;     /* of a mini-batch, at least; 0: `batch` instances */
  lane *lanes;
  bench_row rows[EDB_POLICY_COUNT];
  uint32_t n_rows;
  memory_use memory; /* of a bench of one policy */
  machine_report machine;
};

/* Measures what the options say and gives the rows as JSON (docs/benchmarks.md), one per policy.
 * `nodes` > 0: mini-batches of so many instances that they have at least so many nodes. */
int bench_measure(const options *o, uint64_t nodes, json_t **rows);
/* Whether the data has such mini-batches and the model such constants. */
int bench_try(const options *o, uint64_t nodes);

/* ---- Output (bench_print.c, bench_plot.c) -------------------------------------------------------
 */

json_t *bench_row_json(const bench *b, const bench_row *r);
void bench_print_table(const json_t *rows, FILE *to);
/* Peaks and bandwidths of the machine, as a row has them. */
void bench_print_machine(const json_t *row, FILE *to);

/* Several benches, one per combination of the values of --sweep (bench_sweep.c). */
int bench_sweep(const options *o);

/* Rates, times and memory per node over the values of one variable, as SVG. */
int bench_plot(const json_t *rows, const char *variable, const char *path);

#endif
