/* tests/policy/fsms.h: schemas, learning and texts of policies, in few words. Include cmocka.h
 * first. */
#ifndef EDB_TESTS_POLICY_FSMS_H
#define EDB_TESTS_POLICY_FSMS_H

#include "policy/dags.h"
#include "policy/fsm.h"

/* Two types as a model of trees has them, and the same in the other order. */
static const edb_type_sig tree_types[] = {{.name = "leaf", .key = "embed(word)"},
                                          {.name = "node", .key = "lstm(h, h)"}};
static const edb_schema tree_schema = {.n_types = 2, .types = tree_types};
static const edb_type_sig turned_types[] = {{.name = "node", .key = "lstm(h, h)"},
                                            {.name = "leaf", .key = "embed(word)"}};
static const edb_schema turned_schema = {.n_types = 2, .types = turned_types};

/* Leaves and nodes are ready together, and it is better to wait with the nodes. */
static const char tree_text[] = "0:A() 1:B(0) 2:A() 3:A(2) 4:B(3) 5:B(4,1)";

/* The schedule of an FSM; its misses are in *misses. */
static inline uint32_t fsm_batches(edb_context *ctx, const edb_policy *policy, const edb_dag *dag,
                                   uint32_t *misses) {
  edb_schedule *schedule = NULL;
  edb_error error;
  if (edb_schedule_dag(ctx, policy, dag, &schedule, &error) != EDB_OK) fail_msg("%s", error.text);
  assert_valid_schedule(dag, schedule);
  edb_schedule_info info = edb_schedule_describe(schedule);
  if (misses != NULL) *misses = info.misses;
  edb_schedule_destroy(schedule);
  return info.n_batches;
}

/* Learns from raw graphs; fails the test on an error. */
static inline edb_policy *learn_raw(edb_context *ctx, const edb_dag *dags, uint32_t n_dags,
                                    const edb_learn_params *params) {
  edb_policy *policy = NULL;
  edb_error error;
  if (edb_policy_learn_dags(ctx, dags, n_dags, NULL, EDB_FSM_RAW, params, &policy, &error) !=
      EDB_OK)
    fail_msg("%s", error.text);
  return policy;
}

/* The policy's text, 0-terminated; to be freed with edb_text_free. */
static inline edb_text text_of(edb_context *ctx, const edb_policy *policy) {
  edb_text text;
  edb_error error;
  edb_text_init(&text, ctx);
  if (edb_policy_print(policy, &text, &error) != EDB_OK) fail_msg("%s", error.text);
  return text;
}

#endif
