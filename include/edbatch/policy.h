/* edbatch/policy.h: policies decide which type of node runs next; a schedule is what they decide
 * for a whole graph.
 *
 * The scheduler repeats: encode the frontier (the ready nodes) as a state, let the policy choose a
 * type, run all ready nodes of that type as one batch. Source: Chen et al., ED-Batch, ICML 2023. */
#ifndef EDBATCH_POLICY_H
#define EDBATCH_POLICY_H

#include <edbatch/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One list gives the enum and the names on the command line. */
#define EDB_POLICY_LIST(X)                                                                      \
  X(EDB_POLICY_UNBATCHED, "unbatched", "every node alone, in order")                            \
  X(EDB_POLICY_DEPTH, "depth", "one batch per depth and type (TensorFlow Fold)")                \
  X(EDB_POLICY_AGENDA_STATIC, "agenda-static",                                                  \
    "lowest mean depth over all nodes of the type (DyNet)")                                     \
  X(EDB_POLICY_AGENDA_RUNNING, "agenda-running", "lowest mean depth over the remaining nodes")  \
  X(EDB_POLICY_SUFFICIENT, "sufficient",                                                        \
    "largest share of the type's own frontier, better of both directions")                      \
  X(EDB_POLICY_TIGHT, "tight", "types whose batch lowers the bound, better of both directions") \
  X(EDB_POLICY_FSM, "fsm", "a learned finite state machine")                                    \
  X(EDB_POLICY_BEAM, "beam", "beam search over the instances that decide, after tight")         \
  X(EDB_POLICY_BEST, "best", "the first of fsm, tight, beam at the bound, else the shortest")   \
  X(EDB_POLICY_EXACT, "exact", "shortest of all, by search, within a time limit")

typedef enum edb_policy_kind {
#define EDB_POLICY_ENUM(name, text, help) name,
  EDB_POLICY_LIST(EDB_POLICY_ENUM)
#undef EDB_POLICY_ENUM
      EDB_POLICY_COUNT
} edb_policy_kind;

EDB_API const char *edb_policy_kind_name(edb_policy_kind kind); /* "agenda-static" */
EDB_API const char *edb_policy_kind_help(edb_policy_kind kind);
/* false if there is no such policy. */
EDB_API bool edb_policy_kind_from_name(const char *name, edb_policy_kind *out);

/* How a frontier becomes a state of the FSM. */
#define EDB_ENCODING_LIST(X)                                                       \
  X(EDB_ENCODING_MASS, "mass",                                                     \
    "ready types, the one with most long paths ahead first, and which are tight")  \
  X(EDB_ENCODING_LEAD, "lead",                                                     \
    "ready types, the one with the longest path ahead first, and which are tight") \
  X(EDB_ENCODING_TIGHT, "tight", "ready types, each with whether it is tight")     \
  X(EDB_ENCODING_BASE, "base", "the set of ready types")                           \
  X(EDB_ENCODING_MAX, "max", "base, and the most numerous ready type")             \
  X(EDB_ENCODING_SORT, "sort", "ready types by decreasing number of ready nodes")

typedef enum edb_encoding {
#define EDB_ENCODING_ENUM(name, text, help) name,
  EDB_ENCODING_LIST(EDB_ENCODING_ENUM)
#undef EDB_ENCODING_ENUM
      EDB_ENCODING_COUNT
} edb_encoding;

EDB_API const char *edb_encoding_name(edb_encoding encoding);
EDB_API bool edb_encoding_from_name(const char *name, edb_encoding *out);

/* What learning rewards a batch with. */
#define EDB_REWARD_LIST(X)                                               \
  X(EDB_REWARD_BOUND, "bound",                                           \
    "(bound before - bound after) - 1; sums to exactly bound - batches") \
  X(EDB_REWARD_FRONTIER, "frontier", "as published: -1 + |ready(t)| / |F_t|")

typedef enum edb_reward {
#define EDB_REWARD_ENUM(name, text, help) name,
  EDB_REWARD_LIST(EDB_REWARD_ENUM)
#undef EDB_REWARD_ENUM
      EDB_REWARD_COUNT
} edb_reward;

EDB_API const char *edb_reward_name(edb_reward reward);
EDB_API bool edb_reward_from_name(const char *name, edb_reward *out);

/* Whose choices learning imitates at first; episodes and search go on from there. */
#define EDB_TEACHER_LIST(X)                                                       \
  X(EDB_TEACHER_RULE, "rule", "the rule that unknown states are left to as well") \
  X(EDB_TEACHER_BEAM, "beam", "the schedules that beam search finds: what they run most often")

typedef enum edb_teacher {
#define EDB_TEACHER_ENUM(name, text, help) name,
  EDB_TEACHER_LIST(EDB_TEACHER_ENUM)
#undef EDB_TEACHER_ENUM
      EDB_TEACHER_COUNT
} edb_teacher;

EDB_API const char *edb_teacher_name(edb_teacher teacher);
EDB_API bool edb_teacher_from_name(const char *name, edb_teacher *out);

/* A policy is immutable and may be used by several threads. */
typedef struct edb_policy edb_policy;

/* Any kind but FSM; EDB_POLICY_FSM is EDB_ERROR_ARGUMENT (learn or load one). */
EDB_API EDB_MUST_CHECK edb_status edb_policy_create(edb_context *ctx, edb_policy_kind kind,
                                                    edb_policy **out, edb_error *error);
/* What batches cost: a batch of n nodes of a type takes batch_ns + n * node_ns nanoseconds.
 * Measured by edb_session_calibrate for one machine and one size of the model. Immutable. */
typedef struct edb_costs edb_costs;
typedef struct edb_cost {
  double batch_ns, node_ns;
} edb_cost;

/* How well costs fit the runs that they were measured in. */
typedef struct edb_calibration {
  uint32_t mini_batches;            /* graphs times schedules */
  uint64_t batches;                 /* of all of them */
  double measured_ns, predicted_ns; /* sums over the mini-batches; lower quartiles of the repeats */
  double error;                     /* mean of |predicted - measured| / measured */
} edb_calibration;

/* What it takes to bring a row that lies apart from others to its reader, in nanoseconds, for rows
 * of 64, 128, 256 and 512 fp32 numbers: to gather it beside the others; what a product, or an
 * elementwise operator, takes longer if it reads the row where it is; to store it a second time,
 * where it will be read. */
#define EDB_ROW_FIRST_WIDTH 64
#define EDB_ROW_WIDTHS      4
typedef struct edb_row_costs {
  double gather_ns[EDB_ROW_WIDTHS], product_ns[EDB_ROW_WIDTHS], elementwise_ns[EDB_ROW_WIDTHS],
      store_ns[EDB_ROW_WIDTHS];
} edb_row_costs;

#define EDB_MAX_WIDTH   1024
#define EDB_MAX_BUDGET  1e6
#define EDB_MAX_SECONDS 1e6

/* How hard a policy searches. Zeros are the defaults. */
typedef struct edb_policy_params {
  size_t struct_bytes;
  uint32_t width;            /* beam and best: schedules kept side by side; 0: 16 */
  double budget_ns_per_node; /* best: what its beam may cost, about; counted in operations, so a
                                schedule never depends on the clock; 0: 150 */
  double seconds;            /* exact, beyond small graphs: by the clock; 0: 10 */
  const edb_policy *fsm;     /* best: a policy "fsm" to be tried as well; copied; may be NULL */
  const edb_costs *costs;    /* best: the schedule of least predicted time, not of fewest batches;
                                copied; may be NULL */
  bool once; /* best with costs: the schedule runs once, so the time of scheduling counts as well:
                nothing is searched for that costs more than it can save */
} edb_policy_params;

EDB_API EDB_MUST_CHECK edb_status edb_policy_create_with(edb_context *ctx, edb_policy_kind kind,
                                                         const edb_policy_params *params,
                                                         edb_policy **out, edb_error *error);
/* `best` that tries `fsm` as well. The fsm is copied. */
EDB_API EDB_MUST_CHECK edb_status edb_policy_create_best(edb_context *ctx, const edb_policy *fsm,
                                                         edb_policy **out, edb_error *error);
EDB_API void edb_policy_destroy(edb_policy *policy);
EDB_API edb_policy_kind edb_policy_get_kind(const edb_policy *policy);

typedef struct edb_learn_progress {
  uint32_t episode, max_episodes;
  uint64_t batches, bound; /* of the best table so far, summed over the mini-batches */
  uint32_t states;
} edb_learn_progress;

typedef struct edb_learn_params {
  size_t struct_bytes;
  edb_encoding encoding;
  edb_reward reward;
  edb_teacher teacher;
  uint64_t seed;
  uint32_t max_episodes;   /* 0: 1000 */
  uint32_t evaluate_every; /* 0: 50 */
  uint32_t n_step;         /* 0: 10 */
  double learning_rate;    /* 0: 0.4 */
  double epsilon_start;    /* 0: 0.5 */
  double epsilon_decay;    /* 0: 0.9 per episode */
  double epsilon_end;      /* 0: 0.05 */
  double stop_within;      /* 0: 0.01: stop when greedy is within 1 % of the lower bound */
  bool bootstrap;          /* false: as released (a truncated n-step return) */
  bool as_published;       /* false: per component of types, starts from a teacher and ends with a
                              local search (docs/policy-file.md) */
  /* Gives false to stop (EDB_ERROR_CANCELLED). What it is given is the library's: do not copy it.
   */
  bool (*progress)(void *user, const edb_learn_progress *progress);
  void *progress_user;
} edb_learn_params;

typedef struct edb_learn_report {
  uint32_t episodes; /* 0: no learning was needed */
  uint32_t states;
  uint64_t batches, bound; /* greedy, summed over the mini-batches */
  uint64_t nanoseconds;
} edb_learn_report;

/* Learns an FSM from mini-batches (pending nodes of graphs over the same model). Reproducible for a
 * seed. */
EDB_API EDB_MUST_CHECK edb_status edb_policy_learn(edb_context *ctx, const edb_graph *const *graphs,
                                                   uint32_t n_graphs,
                                                   const edb_learn_params *params, edb_policy **out,
                                                   edb_error *error);
/* How it was learned; all zeros for a policy that was loaded or created. */
EDB_API void edb_policy_learned_into(const edb_policy *policy, edb_learn_report *out, size_t bytes);
static inline edb_learn_report edb_policy_learned(const edb_policy *policy) {
  edb_learn_report out;
  edb_policy_learned_into(policy, &out, sizeof out);
  return out;
}

/* FSMs as versioned, human-readable JSON (docs/policy-file.md). Loading checks the types against
 * the model at the granularity that the file names: EDB_ERROR_MISMATCH says what differs. A NULL
 * model is for policies of raw graphs. */
EDB_API EDB_MUST_CHECK edb_status edb_policy_save(const edb_policy *policy, const char *path,
                                                  edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_policy_load(edb_context *ctx, const char *path,
                                                  const edb_model *model, edb_policy **out,
                                                  edb_error *error);

typedef struct edb_policy_info {
  edb_policy_kind kind;
  edb_encoding encoding;
  uint32_t n_types, n_states;
} edb_policy_info;
EDB_API void edb_policy_describe_into(const edb_policy *policy, edb_policy_info *out, size_t bytes);
static inline edb_policy_info edb_policy_describe(const edb_policy *policy) {
  edb_policy_info out;
  edb_policy_describe_into(policy, &out, sizeof out);
  return out;
}

/* A schedule: batches in order, each a type and nodes. Immutable. */
typedef struct edb_schedule edb_schedule;

typedef struct edb_schedule_info {
  uint32_t n_batches;
  uint32_t bound;        /* lower bound on the number of batches of any schedule */
  uint32_t proven_bound; /* the same, or more where `exact` has proven more: a schedule of so many
                            batches is a shortest one */
  uint32_t n_nodes;
  uint32_t misses;        /* frontiers that the FSM had not seen; a rule decided */
  edb_policy_kind policy; /* whose schedule it is; for `best`, the one that won */
} edb_schedule_info;

/* Schedules the pending nodes of a graph. EDB_ERROR_MISMATCH (an fsm for other types),
 * EDB_ERROR_LIMIT (sufficient: too large), EDB_ERROR_MEMORY. */
EDB_API EDB_MUST_CHECK edb_status edb_schedule_create(edb_context *ctx, const edb_policy *policy,
                                                      const edb_graph *graph, edb_schedule **out,
                                                      edb_error *error);
EDB_API void edb_schedule_destroy(edb_schedule *schedule);
EDB_API void edb_schedule_describe_into(const edb_schedule *schedule, edb_schedule_info *out,
                                        size_t bytes);
static inline edb_schedule_info edb_schedule_describe(const edb_schedule *schedule) {
  edb_schedule_info out;
  edb_schedule_describe_into(schedule, &out, sizeof out);
  return out;
}
/* Batch i: its type (a cell at cell granularity), and its nodes; nodes stay valid with the
 * schedule. */
EDB_API uint32_t edb_schedule_batch(const edb_schedule *schedule, uint32_t i, uint32_t *type,
                                    const edb_node **nodes); /* returns the number of nodes */

/* Costs as versioned, readable JSON (docs/policy-file.md), of a model at one granularity, or of raw
 * graphs (NULL model). Loading checks the types as edb_policy_load does, but sizes are not known to
 * them: costs are those of the sizes that were measured. */
EDB_API EDB_MUST_CHECK edb_status edb_costs_save(const edb_costs *costs, const char *path,
                                                 edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_costs_load(edb_context *ctx, const char *path,
                                                 const edb_model *model, edb_costs **out,
                                                 edb_error *error);
EDB_API void edb_costs_destroy(edb_costs *costs);
/* Types in the order of the file. NULL and zeros: no such type. */
EDB_API uint32_t edb_costs_type_count(const edb_costs *costs);
EDB_API const char *edb_costs_type_name(const edb_costs *costs, uint32_t i);
EDB_API edb_cost edb_costs_get(const edb_costs *costs, uint32_t i);
/* All zeros for costs that were loaded. */
EDB_API void edb_costs_calibration_into(const edb_costs *costs, edb_calibration *out, size_t bytes);
static inline edb_calibration edb_costs_calibration(const edb_costs *costs) {
  edb_calibration out;
  edb_costs_calibration_into(costs, &out, sizeof out);
  return out;
}
/* What a mini-batch costs beside its batches: once, and per node. */
EDB_API edb_cost edb_costs_mini_batch(const edb_costs *costs);
/* What rows cost: those of small mini-batches, which stand in a near cache, and of large ones
 * (far). false: that was not measured, and *out stays as it is. */
EDB_API bool edb_costs_rows(const edb_costs *costs, bool far, edb_row_costs *out);
/* Time of a run by this schedule, of a graph whose types are those of the costs.
 * EDB_ERROR_MISMATCH: a type without a cost. */
EDB_API EDB_MUST_CHECK edb_status edb_costs_predict(const edb_costs *costs,
                                                    const edb_schedule *schedule,
                                                    double *nanoseconds, edb_error *error);

/* Step by step: the frontier changes from outside. The graph may grow between steps
 * (edb_frontier_sync takes the new nodes in; then a node that has been ready for too many steps
 * comes first, whatever the policy), and a step's nodes count as run once edb_frontier_next is
 * called again. Graph and policy must outlive the frontier. `best` follows its fsm, or else, like
 * `beam`, the tight rule; `exact` is EDB_ERROR_UNSUPPORTED. EDB_ERROR_STATE: the graph was cleared.
 */
typedef struct edb_frontier edb_frontier;
EDB_API EDB_MUST_CHECK edb_status edb_frontier_create(edb_context *ctx, const edb_policy *policy,
                                                      const edb_graph *graph, edb_frontier **out,
                                                      edb_error *error);
EDB_API void edb_frontier_destroy(edb_frontier *frontier);
EDB_API EDB_MUST_CHECK edb_status edb_frontier_sync(edb_frontier *frontier, edb_error *error);
/* The next batch; *count = 0 when nothing is ready. Nodes stay valid until the next call. */
EDB_API EDB_MUST_CHECK edb_status edb_frontier_next(edb_frontier *frontier, uint32_t *type,
                                                    const edb_node **nodes, uint32_t *count,
                                                    edb_error *error);

#ifdef __cplusplus
}
#endif
#endif
