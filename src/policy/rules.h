/* policy/rules.h: one pass of one rule over one problem, and the batches it finds.
 *
 * A pass runs forwards on the problem that its state is set to; on a reversed problem the batches
 * are turned round afterwards (edb_batches_reverse). The passes overwrite `out` and leave the state
 * used. */
#ifndef EDB_POLICY_RULES_H
#define EDB_POLICY_RULES_H

#include "policy/state.h"

/* The batches of a pass: batch i is nodes[start[i]] .. nodes[start[i + 1] - 1], all of (renumbered)
 * type type[i]. Room for as many batches as nodes. */
typedef struct edb_batches {
  uint32_t count;
  uint32_t *type;  /* [n_nodes] */
  uint32_t *start; /* [n_nodes + 1] */
  uint32_t *nodes; /* [n_nodes] local numbers */
  void *memory;
  size_t memory_bytes;
} edb_batches;

EDB_MUST_CHECK edb_status edb_batches_init(edb_context *ctx, const edb_problem *problem,
                                           edb_batches *out, edb_error *error);
void edb_batches_free(edb_context *ctx, edb_batches *batches);
/* `from` with the last batch first; the nodes inside a batch keep their order. */
void edb_batches_reverse(const edb_batches *from, edb_batches *to);

/* What decides when several batchable types are ready and no unbatchable one is. */
typedef struct edb_chooser {
  uint32_t (*choose)(void *self, const edb_state *state);
  /* Whether a ready type is to run rather than another; asked where there are many types, so that
   * not all are looked at in every step. It depends on their own ready nodes, which change with a
   * batch that is theirs or makes a node of theirs ready. NULL: `choose` is cheap enough. */
  bool (*beats)(void *self, const edb_state *state, uint32_t type, uint32_t other);
  /* Whether the type that beats all others runs without asking `choose`; NULL: it does. */
  bool (*settles)(void *self, const edb_state *state, uint32_t type);
  /* After every batch, forced ones included; NULL when the rule keeps no account. */
  void (*ran)(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
              uint32_t count);
  void *self;
  bool
      plain; /* needs to know what is ready, nothing else (edb_state.plain); then without a limit */
} edb_chooser;

#define EDB_GAVE_UP UINT32_MAX

/* Resets the state and runs it to the end. Gives up (out->count = EDB_GAVE_UP) as soon as the
 * batches so far and the bound on the rest come to `limit`; EDB_GAVE_UP = never. */
void edb_pass(edb_state *state, const edb_chooser *chooser, uint32_t limit, edb_batches *out);

/* The rules, on problems that have nodes. Those that keep an account need memory for it and can
 * fail. EDB_ERROR_LIMIT: the graph is too large for the rule, or the deadline has passed. */
void edb_unbatched_pass(const edb_problem *problem, edb_batches *out);
EDB_MUST_CHECK edb_status edb_depth_pass(edb_context *ctx, const edb_problem *problem,
                                         edb_batches *out, edb_error *error);
EDB_MUST_CHECK edb_status edb_sufficient_pass(edb_context *ctx, edb_state *state, edb_batches *out,
                                              edb_error *error);
/* The state knows heights. */
void edb_lead_pass(edb_state *state, uint32_t limit, edb_batches *out);
void edb_tight_pass(edb_state *state, uint32_t limit, edb_batches *out);
EDB_MUST_CHECK edb_status edb_exact_pass(edb_context *ctx, edb_state *state, uint64_t deadline,
                                         edb_batches *out, edb_error *error);

/* Which rule a pass follows; `fsm` and `schema` (NULL: raw types) only for EDB_POLICY_FSM. */
typedef struct edb_rule {
  edb_policy_kind kind; /* not EDB_POLICY_BEAM or EDB_POLICY_BEST */
  const struct edb_fsm *fsm;
  const edb_schema *schema;
  bool table_aside;  /* the FSM's rule alone: its table is of the other direction */
  uint64_t deadline; /* of EDB_POLICY_EXACT (edb_clock_ns), or 0: none */
} edb_rule;

/* One pass of the rule in the direction of the state's problem. *misses: frontiers that the FSM did
 * not know. `limit` as for edb_pass; tight and the agendas heed it. */
EDB_MUST_CHECK edb_status edb_rule_pass(edb_context *ctx, const edb_rule *rule, edb_state *state,
                                        uint32_t limit, edb_batches *out, uint32_t *misses,
                                        edb_error *error);

/* Depth of every node: 1 + the largest depth of its inputs, 0 without any. */
void edb_node_depths(const edb_problem *problem, uint32_t *depth);

#endif
