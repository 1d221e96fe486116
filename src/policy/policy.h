/* policy/policy.h: what the files of this layer share: the lookahead-free quantities of a graph,
 * the scheduler's state, and the schedule being built. */
#ifndef EDB_POLICY_POLICY_H
#define EDB_POLICY_POLICY_H

#include <edbatch/policy.h>

#include "base/file.h"
#include "graph/graph.h"

struct edb_fsm;

/* Immutable. `fsm` (owned) is set for EDB_POLICY_FSM, and for EDB_POLICY_BEST that tries it as
 * well. */
struct edb_policy {
  edb_context *ctx;
  edb_policy_kind kind;
  struct edb_fsm *fsm;
  uint32_t width;   /* of beams */
  double budget;    /* nanoseconds per node that `best` may search for */
  double seconds;   /* that `exact` may */
  edb_costs *costs; /* owned; NULL: batches are counted */
  bool once;        /* with costs: scheduling counts as well */
  edb_learn_report learned;
};

struct edb_schedule {
  edb_context *ctx;
  edb_schedule_info info;
  uint32_t *batch_type;  /* [n_batches] */
  uint32_t *batch_start; /* [n_batches + 1], into nodes */
  edb_node *nodes;       /* graph ids, each pending node once */
  void *memory;          /* of the three arrays, behind the schedule itself */
  size_t memory_bytes;
};

/* Room for a schedule of so many batches and nodes. */
EDB_MUST_CHECK edb_status edb_schedule_new(edb_context *ctx, size_t batches, size_t nodes,
                                           edb_schedule **out, edb_error *error);

/* The layer's entry points on a bare dag, for raw graphs and tests; an FSM must be one for raw
 * graphs. */
EDB_MUST_CHECK edb_status edb_schedule_dag(edb_context *ctx, const edb_policy *policy,
                                           const edb_dag *dag, edb_schedule **out,
                                           edb_error *error);
EDB_MUST_CHECK edb_status edb_lower_bound(edb_context *ctx, const edb_dag *dag, uint32_t *bound,
                                          edb_error *error);
/* Whose types an FSM is about. Names in files: "raw", "cell", "op". */
typedef enum edb_fsm_granularity {
  EDB_FSM_RAW, /* raw graphs: types are the file's numbers */
  EDB_FSM_CELL,
  EDB_FSM_OP,
  EDB_FSM_GRANULARITY_COUNT
} edb_fsm_granularity;

/* `schema` NULL = raw; the granularity is then EDB_FSM_RAW, and with a schema it is not. */
EDB_MUST_CHECK edb_status edb_policy_learn_dags(edb_context *ctx, const edb_dag *dags,
                                                uint32_t n_dags, const edb_schema *schema,
                                                edb_fsm_granularity granularity,
                                                const edb_learn_params *params, edb_policy **out,
                                                edb_error *error);
/* The granularity that the text of a policy file names, so that the caller can choose the schema to
 * parse it with. Reads no further than it must; the rest is checked by edb_policy_parse. */
EDB_MUST_CHECK edb_status edb_policy_peek_granularity(edb_context *ctx, const char *text,
                                                      size_t bytes, const char *name,
                                                      edb_fsm_granularity *out, edb_error *error);
/* As text, for tools and tests; `schema` NULL = raw: types are the file's numbers. */
EDB_MUST_CHECK edb_status edb_policy_print(const edb_policy *policy, edb_text *out,
                                           edb_error *error);
EDB_MUST_CHECK edb_status edb_policy_parse(edb_context *ctx, const char *text, size_t bytes,
                                           const char *name, const edb_schema *schema,
                                           edb_policy **out, edb_error *error);

#endif
