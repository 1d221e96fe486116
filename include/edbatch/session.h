/* edbatch/session.h: running graphs of one model on one device.
 *
 * A session owns a workspace and packed weights. Sessions are independent of each other: one per
 * thread. The way of one mini-batch is schedule -> placement -> run -> read; the first two need
 * only the graph, so those of the next mini-batch can be made while one runs. */
#ifndef EDBATCH_SESSION_H
#define EDBATCH_SESSION_H

#include <edbatch/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum edb_device {
  EDB_DEVICE_CPU,      /* fp32, batched, packed kernels */
  EDB_DEVICE_REFERENCE /* float64, one node and one operator at a time: the oracle */
} edb_device;

/* What runs as a node. */
typedef enum edb_granularity {
  EDB_GRANULARITY_CELL,
  EDB_GRANULARITY_OP /* every operator of every cell a node: the vanilla baseline */
} edb_granularity;

/* Where the values of a cell stand while it runs. Results are the same bits either way. */
typedef enum edb_layout {
  EDB_LAYOUT_PLANNED, /* in an order in which batched operators need no copies */
  EDB_LAYOUT_CREATED  /* as they are created; what does not stand together is copied: to compare */
} edb_layout;

/* Of the products of parameters with values, on the CPU. Everything else is fp32. */
typedef enum edb_precision {
  EDB_PRECISION_F32,
  EDB_PRECISION_BF16 /* both factors rounded to bf16, sums in fp32: faster, about 3 digits. Bits
                        depend on whether the machine has AVX-512 BF16, on nothing else */
} edb_precision;

/* How the rows of a mini-batch are placed. Values are the same bit for bit. */
typedef enum edb_placement_kind {
  EDB_PLACEMENT_AUTO,    /* what is fastest, by measured rules */
  EDB_PLACEMENT_ARRIVAL, /* nodes inside batches in the order in which they became ready */
  EDB_PLACEMENT_ORDERED, /* in the order of their consumers */
  EDB_PLACEMENT_DIRECT   /* and rows are stored where their consumers read them */
} edb_placement_kind;

/* How threads run a mini-batch together. Values are the same bit for bit. */
typedef enum edb_threads_by {
  EDB_THREADS_AUTO,     /* what turns out to be faster: both are tried, and timed */
  EDB_THREADS_BATCHES,  /* they share every batch, and wait for each other after it */
  EDB_THREADS_INSTANCES /* each schedules, places and runs some of the instances; where instances
                           take values from others, there is only one, or the memory cap is too
                           small for that, as above */
} edb_threads_by;

typedef struct edb_session_params {
  size_t struct_bytes;
  edb_device device;
  edb_granularity granularity;
  edb_placement_kind placement;
  size_t memory_cap_bytes; /* of one mini-batch; 0: none. A larger one is EDB_ERROR_LIMIT before it
                              runs */
  uint32_t threads; /* that run a mini-batch together, the caller's included; 0: 1. Values are the
                       same bit for bit. Of the context's executor, if it has one; else started with
                       the session, no more than there are processors, fewer if the system gives
                       fewer */
  bool pin_threads; /* each started thread stays on a processor of its own; the caller's does not */
  edb_layout layout;
  edb_precision precision;
  bool unfused; /* every operator in a pass of its own: to compare */
  /* Less work, on the CPU at cell granularity; values are the same bit for bit. */
  bool no_hoist;      /* products that depend on attributes only run in their turn, not early */
  bool no_share;      /* equal calls run as often as they are made */
  bool no_table;      /* values that depend on one index only are not kept from run to run */
  size_t table_bytes; /* memory of these, beside that of mini-batches; 0: 64 MiB */
  /* How rows come to their readers is decided by what that costs here, if these costs say it, and
   * else by what it cost elsewhere. Values are the same bit for bit. NULL, or they must outlive the
   * session. */
  const edb_costs *costs;
  edb_threads_by threads_by; /* of edb_session_run; edb_session_run_placed shares batches */
} edb_session_params;

typedef struct edb_session edb_session;

/* Model and weights must outlive the session. */
EDB_API EDB_MUST_CHECK edb_status edb_session_create(edb_context *ctx, const edb_model *model,
                                                     const edb_weights *weights,
                                                     const edb_session_params *params,
                                                     edb_session **out, edb_error *error);
EDB_API void edb_session_destroy(edb_session *session);
/* Threads that run a mini-batch together: as many as were asked for, or fewer. */
EDB_API uint32_t edb_session_threads(const edb_session *session);

/* Which values will be read after the run. NULL or n_outputs == 0: all. Otherwise only outputs of
 * these names; the memory of the others is reused as soon as their last consumer is done, and they
 * can neither be read nor be inputs of nodes appended later. */
typedef struct edb_keep {
  const char *const *outputs;
  uint32_t n_outputs;
} edb_keep;

/* The graph that is scheduled and placed: `graph` itself at cell granularity; at operator
 * granularity the graph of its operators, which the session owns and which is valid until the next
 * call. */
EDB_API EDB_MUST_CHECK edb_status edb_session_lower(edb_session *session, const edb_graph *graph,
                                                    const edb_graph **out, edb_error *error);

/* The policy of runs that name none: `best`, for schedules that run once, so that it searches no
 * longer than it can save; by the costs of edb_session_estimate. Made by the first call, and then
 * the same as long as the session. EDB_ERROR_MEMORY. */
EDB_API EDB_MUST_CHECK edb_status edb_session_policy(edb_session *session, const edb_policy **out,
                                                     edb_error *error);

/* Number of types that the session schedules, and their names: cells, or operators such as
 * "product(Wi, row)". NULL: no such type. */
EDB_API uint32_t edb_session_type_count(const edb_session *session);
EDB_API const char *edb_session_type_name(const edb_session *session, uint32_t type);

/* Where everything of one mini-batch lives. Made from a lowered graph and its schedule; immutable.
 * An unknown name in `keep` is EDB_ERROR_NAME; more than the session's cap is EDB_ERROR_LIMIT.
 * It reads only what does not change in a session: at cell granularity the next mini-batch can be
 * lowered, scheduled and placed by one thread while another runs one. */
typedef struct edb_placement edb_placement;
EDB_API EDB_MUST_CHECK edb_status edb_placement_create(const edb_session *session,
                                                       const edb_graph *lowered,
                                                       const edb_schedule *schedule,
                                                       const edb_keep *keep, edb_placement **out,
                                                       edb_error *error);
EDB_API void edb_placement_destroy(edb_placement *placement);
/* Peak memory of the mini-batch, all of it, before it runs; beside it is what a session keeps from
 * run to run: tables, packed weights. */
EDB_API size_t edb_placement_peak_bytes(const edb_placement *placement);

/* Runs the pending nodes of `graph` (not of the lowered one) and marks them as run. After an error
 * the graph is as it was; nothing of the failed run can be read. EDB_ERROR_STATE when an input was
 * not kept. */
EDB_API EDB_MUST_CHECK edb_status edb_session_run_placed(edb_session *session, edb_graph *graph,
                                                         const edb_schedule *schedule,
                                                         const edb_placement *placement,
                                                         edb_error *error);
/* All of it in one call, at the session's granularity. policy NULL: that of edb_session_policy. */
EDB_API EDB_MUST_CHECK edb_status edb_session_run(edb_session *session, edb_graph *graph,
                                                  const edb_policy *policy, const edb_keep *keep,
                                                  edb_error *error);

/* Step by step, at cell granularity: runs the next batch that the frontier chooses and keeps all
 * its values; *count gets its size, 0 when nothing is ready (the graph then counts as run). The
 * graph may grow between steps. */
EDB_API EDB_MUST_CHECK edb_status edb_session_step(edb_session *session, edb_graph *graph,
                                                   edb_frontier *frontier, uint32_t *count,
                                                   edb_error *error);

/* edb_graph_release, and the memory of the node's values comes back once all nodes that share its
 * slab are released. */
EDB_API EDB_MUST_CHECK edb_status edb_session_release(edb_session *session, edb_graph *graph,
                                                      edb_node node, edb_error *error);

/* Copies a value out; count must be its number of elements. EDB_ERROR_STATE: not run, not kept,
 * released; EDB_ERROR_ARGUMENT; an output that needs absent labels is EDB_ERROR_STATE as well. */
EDB_API EDB_MUST_CHECK edb_status edb_session_read(const edb_session *session,
                                                   const edb_graph *graph, edb_value value,
                                                   float *out, size_t count, edb_error *error);
/* The same in the precision of the device (float64 on the reference). */
EDB_API EDB_MUST_CHECK edb_status edb_session_read_f64(const edb_session *session,
                                                       const edb_graph *graph, edb_value value,
                                                       double *out, size_t count, edb_error *error);
EDB_API bool edb_session_has(const edb_session *session, const edb_graph *graph, edb_value value);

/* Of the last run (and of its schedule and placement, when edb_session_run made them). Where
 * threads ran instances of their own, sums over them: of batches, bounds and bytes too; times are
 * the part of the run that they are. */
typedef struct edb_run_stats {
  uint32_t nodes, batches, bound, misses;
  uint64_t schedule_ns, placement_ns;
  uint64_t copy_ns, product_ns, elementwise_ns; /* 0 unless timing is on */
  uint64_t run_ns;
  uint64_t kernels;      /* kernel launches, those that copy included */
  uint64_t bytes_copied; /* by gathers of operand rows */
  /* Of the kernels, those that copy: rows of inputs and attributes to where a cell wants them, and
   * values within a cell that do not stand where an operator or an output needs them. */
  uint64_t input_gathers, internal_gathers;
  uint64_t internal_bytes;        /* copied by internal gathers */
  uint64_t rows_stored_again;     /* rows stored beyond the first, into another operand */
  uint64_t rows_through_pointers; /* operand rows read where they are, each by its address */
  double flops;                   /* naive: 2 M K per product per call as written */
  uint32_t shared;                /* nodes that ran as another one, equal to them */
  uint32_t looked_up;             /* nodes whose values a table has */
  uint32_t table_rows;            /* rows that were made for tables */
  uint32_t hoisted_batches;       /* batches of parts of cells, run before their cell's first */
  size_t peak_bytes;              /* of the mini-batch, all of it */
  size_t slab_bytes;              /* of it, the rows of values */
  size_t live_bytes; /* most bytes of values that are still needed at one time; 0 unless
                        timing is on */
} edb_run_stats;
EDB_API void edb_session_stats_into(const edb_session *session, edb_run_stats *out, size_t bytes);
static inline edb_run_stats edb_session_stats(const edb_session *session) {
  edb_run_stats out;
  edb_session_stats_into(session, &out, sizeof out);
  return out;
}
/* Time split on or off (off costs nothing). */
EDB_API void edb_session_set_timing(edb_session *session, bool on);

/* A policy for a session at operator granularity is learned on operator graphs: */
EDB_API EDB_MUST_CHECK edb_status edb_session_learn(edb_session *session,
                                                    const edb_graph *const *graphs,
                                                    uint32_t n_graphs,
                                                    const edb_learn_params *params,
                                                    edb_policy **out, edb_error *error);

/* Measures what batches cost: runs the graphs (none of whose nodes may have run) by several
 * schedules, `repeats` times each (0: 8), and fits a line per type to the lower quartile of the
 * times of every batch. Give graphs of several numbers of instances, so that batches of many sizes
 * are seen. What the session held of earlier runs is forgotten. */
EDB_API EDB_MUST_CHECK edb_status edb_session_calibrate(edb_session *session,
                                                        const edb_graph *const *graphs,
                                                        uint32_t n_graphs, uint32_t repeats,
                                                        edb_costs **out, edb_error *error);

/* What batches cost about, without a run: told from the sizes of their cells' operators, which is
 * enough to tell dear batches from cheap ones, and a search that pays from one that does not. All
 * zeros where batches cost nothing (reference). EDB_ERROR_MEMORY. */
EDB_API EDB_MUST_CHECK edb_status edb_session_estimate(const edb_session *session, edb_costs **out,
                                                       edb_error *error);

/* Measures what it takes on this machine to bring rows together, and notes it beside the costs of
 * batches; a few tenths of a second. The costs must not be in use. */
EDB_API EDB_MUST_CHECK edb_status edb_costs_measure_rows(edb_costs *costs, edb_error *error);

/* Measured peak of this machine, one thread, fp32 fused multiply-adds, in GFLOP/s; takes about
 * `milliseconds`. */
EDB_API double edb_measure_peak_gflops(edb_context *ctx, uint32_t milliseconds);

/* Processors that this process may use, and the sizes of one core's second-level cache and of the
 * third-level one; usual ones where the system does not tell. */
typedef struct edb_machine {
  uint32_t processors;
  size_t l2_bytes, l3_bytes;
} edb_machine;
EDB_API void edb_machine_describe_into(edb_machine *out, size_t bytes);
static inline edb_machine edb_machine_describe(void) {
  edb_machine out;
  edb_machine_describe_into(&out, sizeof out);
  return out;
}

/* Measured read bandwidth of one thread over a block of `bytes` (half a cache: that cache's;
 * several times the last: that of memory), in GB/s = bytes per nanosecond; takes about
 * `milliseconds`. EDB_ERROR_ARGUMENT (fewer than 512 bytes), EDB_ERROR_MEMORY. */
EDB_API EDB_MUST_CHECK edb_status edb_measure_read_gbs(edb_context *ctx, size_t bytes,
                                                       uint32_t milliseconds, double *out,
                                                       edb_error *error);

#ifdef __cplusplus
}
#endif
#endif
