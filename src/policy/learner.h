/* policy/learner.h: what learning works on: mini-batches, the states met so far with a value per
 * choice, and tables (a choice per state) with the best one found.
 *
 * Only frontiers that leave a choice are states: unbatchable nodes and a single ready type are
 * forced. */
#ifndef EDB_POLICY_LEARNER_H
#define EDB_POLICY_LEARNER_H

#include "base/rng.h"
#include "base/vec.h"
#include "policy/fsm.h"
#include "policy/shares.h"

/* One type that a state may run. */
typedef struct edb_action {
  uint32_t type;  /* of the FSM */
  uint32_t votes; /* how often the teacher chose it here */
  double value;   /* Q(state, type) */
} edb_action;

/* A choice of a row: an action, or to leave the state to the rule. */
#define EDB_LEAVE UINT32_MAX

/* One state. */
typedef struct edb_row {
  uint32_t first, count; /* actions: the ready types in the order of the tokens */
  uint32_t prior;        /* action preferred among equals */
  uint32_t choice;       /* of the table being tried */
  uint32_t visits;       /* of the last runs of a table */
} edb_row;

typedef struct edb_best_row {
  uint32_t choice;
  bool used;    /* the table's run came through here */
  bool dropped; /* not to be one of the FSM's states */
} edb_best_row;

/* An FSM has no more states than this: it is there to be read. */
#define EDB_MOST_STATES 512
/* Ready types of all states that learning may meet, together; beyond that it gives up. */
#define EDB_MOST_TOKENS (1u << 22)

/* One mini-batch, or a cut of one. */
typedef struct edb_world {
  uint64_t rule_batches; /* of the rule */
  edb_problem problem;
  edb_state state;
  edb_fsm_binding binding;
  edb_shares shares; /* only for the reward that looks at them */
} edb_world;

typedef struct edb_learner {
  edb_context *ctx;
  edb_learn_params params;   /* defaults filled in */
  const edb_schema *schema;  /* NULL: of raw graphs */
  edb_fsm *fsm;              /* gets the states at the end */
  EDB_VEC(edb_world) worlds; /* the mini-batches, their cuts, and what is held out: other cuts */
  uint32_t n_graphs;         /* mini-batches */
  uint32_t n_worlds;         /* without those held out */
  edb_map states;            /* tokens -> row */
  EDB_VEC(edb_row) rows;
  EDB_VEC(edb_action) actions;
  EDB_VEC(edb_best_row) best; /* rows that were met after the best table was kept are not in it */
  EDB_VEC(edb_token) tokens;  /* scratch: one per type of the FSM */
  EDB_VEC(uint32_t) nodes;    /* scratch: as many as the largest world has */
  uint64_t bound, rule_batches, best_batches; /* summed over the n_worlds */
  uint32_t episodes;
  bool settled; /* no more tables are tried: new states are left to the rule, as by the FSM */
  edb_rng rng;
} edb_learner;

/* `out` is to be torn down whatever the status. */
EDB_MUST_CHECK edb_status edb_learner_set_up(edb_learner *out, edb_context *ctx,
                                             const edb_dag *dags, uint32_t n_dags,
                                             const edb_schema *schema,
                                             edb_fsm_granularity granularity,
                                             const edb_learn_params *params, edb_error *error);
void edb_learner_tear_down(edb_learner *learner);

/* The row of the world's state, a choice inside `component`, made on the first visit, with the
 * rule's choice as its prior (as published: none, the first type), which is a table's choice until
 * the best is settled. EDB_ERROR_LIMIT: there are too
 * many states to learn anything. */
EDB_MUST_CHECK edb_status edb_learner_row(edb_learner *learner, const edb_world *world,
                                          uint32_t component, uint32_t *out, edb_error *error);
/* The action of the largest value; among equals the prior, then the first. */
uint32_t edb_learner_greedy(const edb_learner *learner, uint32_t row);
static inline uint32_t edb_learner_type(const edb_learner *learner, const edb_world *world,
                                        uint32_t action) {
  return world->binding.to_problem[learner->actions.data[action].type];
}
/* Schedules the n_worlds by the table of the rows' choices and keeps it if it is the best so far.
 * Stops as soon as it cannot be. */
EDB_MUST_CHECK edb_status edb_learner_try(edb_learner *learner, bool *better, edb_error *error);
/* Keeps the table of the rows' choices as the best, with a number of batches that is known. */
EDB_MUST_CHECK edb_status edb_learner_keep(edb_learner *learner, uint64_t batches,
                                           edb_error *error);
/* Batches of the best table, and of the rule, on what is held out. */
EDB_MUST_CHECK edb_status edb_learner_hold_out(edb_learner *learner, uint64_t *table,
                                               uint64_t *rule, edb_error *error);
/* After EDB_ERROR_LIMIT: an FSM without states, which leaves everything to the rule. */
EDB_MUST_CHECK edb_status edb_learner_give_up(edb_learner *learner, uint64_t *batches,
                                              uint64_t *bound, edb_error *error);
/* The best table becomes the FSM's. *batches, *bound: of the mini-batches without their cuts. */
EDB_MUST_CHECK edb_status edb_learner_finish(edb_learner *learner, uint64_t *batches,
                                             uint64_t *bound, edb_error *error);

#endif
