/* tools/measure.h: runs mini-batches against the clock, and sums up where the time goes. */
#ifndef EDB_TOOLS_MEASURE_H
#define EDB_TOOLS_MEASURE_H

#include "prepare.h"

/* Sums over mini-batches. */
typedef struct sums {
  uint64_t instances, nodes, mini_batches, kernels, bytes_copied;
  uint64_t shared, looked_up, table_rows, hoisted_batches;
  uint64_t rows_stored_again, rows_through_pointers;
  uint64_t graph_ns, schedule_ns, placement_ns, copy_ns, product_ns, elementwise_ns, all_ns;
  uint64_t
      cpu_ns; /* of the thread that runs them, in all_ns: less when others have the processor */
  uint64_t waited_ns; /* of graph, schedule and placement, for how long nothing ran */
  double flops, loss;
  size_t peak_bytes, slab_bytes, live_bytes; /* of the mini-batch that needs most */
} sums;

/* One thread's means to run the mini-batches of a dataset in turn: number i holds the instances
 * from first + i * batch on. */
typedef struct runner {
  workplace *w;
  edb_session *session;
  edb_graph *graph; /* of runner_build */
  preparer preparer;
  uint32_t first, batch, n_batches;
  uint32_t next;  /* mini-batch to run next */
  uint32_t *loss; /* per cell: its output of that name, or UINT32_MAX */
  sums sums;
  edb_error error;
} runner;

/* Session and graph; the mini-batches are set by the caller. Close in any case. */
edb_status runner_open(runner *r, workplace *w, edb_granularity granularity);
edb_status runner_open_with(runner *r, workplace *w, const edb_session_params *params);
void runner_close(runner *r);

/* Whether a cell has an output `loss`: then runs are for the losses, else for all values. */
bool runner_has_loss(const edb_model *model);

/* Builds the graph of a mini-batch; *lowered is what the session schedules. */
edb_status runner_build(runner *r, uint32_t mini_batch, const edb_graph **lowered);
/* Runs the next mini-batch, from instances in memory to losses read, and adds it to the sums. */
edb_status runner_run(runner *r, const edb_policy *policy);
/* Schedules a mini-batch without running it. */
edb_status runner_schedule(runner *r, const edb_policy *policy, uint32_t mini_batch,
                           edb_schedule **out);
edb_status runner_describe(runner *r, const edb_policy *policy, uint32_t mini_batch,
                           edb_schedule_info *info);
/* At least one mini-batch, and until about `seconds` have passed; the sums are of these alone. */
edb_status runner_window(runner *r, const edb_policy *policy, double seconds, bool split);

void add_sums(sums *to, const sums *s);

double seconds_now(void);
/* Of at most 64 values. */
double median_of(const double *values, uint32_t n);

#endif
