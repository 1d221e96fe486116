/* policy/fsm.h: the learned policy: a table from states (encoded frontiers) to the type to run.
 *
 * An FSM has types of its own: those of the model it was learned for, identified by name and key
 * (or, for raw graphs, by number), sorted by name. A binding maps them to the renumbered types of
 * one problem; it is made once per schedule and holds the scratch of the look-ups, so that an FSM
 * itself is immutable and can be shared by threads.
 *
 *     edb_fsm_binding binding;
 *     EDB_TRY(edb_fsm_bind(ctx, policy->fsm, problem, graph->schema, &binding, error));
 *     edb_fsm_attach(&binding, &state); ...
 *     type = edb_state_forced(&state);
 *         if (type == EDB_TYPE_NONE) type = edb_fsm_choose(&binding, &state); ...
 *     misses = binding.misses;
 *     edb_fsm_unbind(ctx, &binding); */
#ifndef EDB_POLICY_FSM_H
#define EDB_POLICY_FSM_H

#include "base/map.h"
#include "policy/encoding.h"

/* Version of the policy file that is written and read (docs/policy-file.md). */
#define EDB_POLICY_FILE_VERSION 2
/* The oldest version that is read. */
#define EDB_POLICY_FILE_OLDEST 1

/* In place of a type to run: this state is left to the rule (edb_fsm_rule). That is no miss. */
#define EDB_FSM_RULE (UINT32_MAX - 1)

/* Which ready types a state is made of. Names in files: "component", "graph". */
typedef enum edb_fsm_scope {
  EDB_FSM_COMPONENT, /* those of the first unfinished component of types (components.h) */
  EDB_FSM_GRAPH,     /* all */
  EDB_FSM_SCOPE_COUNT
} edb_fsm_scope;

const char *edb_fsm_scope_name(edb_fsm_scope scope);

const char *edb_fsm_granularity_name(edb_fsm_granularity granularity);

typedef struct edb_fsm_type {
  const char *name; /* unique in the FSM; a schema's second "x" is "x#2" */
  const char *key;  /* edb_type_sig.key; "" for raw graphs */
  uint32_t source;  /* number in the schema, or the raw number */
} edb_fsm_type;

/* How a table came about; kept with it, printed. Whole graphs are scheduled by what it says of the
 * bound (best.c). */
typedef struct edb_fsm_record {
  bool present;
  uint32_t episodes, n_graphs;
  uint64_t seed, batches, bound;
  edb_reward reward;
  edb_teacher teacher;
} edb_fsm_record;

typedef struct edb_fsm {
  edb_context *ctx;
  edb_fsm_granularity granularity;
  edb_encoding encoding;
  edb_fsm_scope scope; /* of a new FSM: components */
  const char *file;    /* that it was read from, for errors; NULL: none */
  uint32_t n_types;
  edb_fsm_type *types;   /* [n_types], sorted: by name, raw ones by number */
  uint32_t *from_schema; /* [n_types] schema type -> type here; raw: not used */
  edb_map names;         /* name -> type */
  edb_map states;        /* tokens (native uint32_t) -> type to run */
  uint32_t longest;      /* tokens of the state that has most */
  edb_fsm_record record;
  edb_arena arena; /* names, keys, arrays */
} edb_fsm;

/* Remembers a copy of the name. */
EDB_MUST_CHECK edb_status edb_fsm_set_file(edb_fsm *fsm, const char *file, edb_error *error);

/* An FSM without states over the types of a schema. */
EDB_MUST_CHECK edb_status edb_fsm_create(edb_context *ctx, const edb_schema *schema,
                                         edb_fsm_granularity granularity, edb_encoding encoding,
                                         edb_fsm **out, edb_error *error);
/* The same over raw type numbers, in any order, repeated or not. */
EDB_MUST_CHECK edb_status edb_fsm_create_raw(edb_context *ctx, const uint32_t *numbers,
                                             uint32_t count, edb_encoding encoding, edb_fsm **out,
                                             edb_error *error);
EDB_MUST_CHECK edb_status edb_fsm_copy(edb_context *ctx, const edb_fsm *fsm, edb_fsm **out,
                                       edb_error *error);
void edb_fsm_destroy(edb_fsm *fsm);
/* The policy that an FSM is; on success it owns the FSM. */
EDB_MUST_CHECK edb_status edb_fsm_to_policy(edb_fsm *fsm, edb_policy **out, edb_error *error);

/* Adds a state or sets its type anew. The tokens are as edb_encode gives them, `run` is one of
 * their types, or EDB_FSM_RULE. */
EDB_MUST_CHECK edb_status edb_fsm_set(edb_fsm *fsm, const edb_token *tokens, uint32_t count,
                                      uint32_t run, edb_error *error);
static inline uint32_t edb_fsm_state_count(const edb_fsm *fsm) {
  return (uint32_t)fsm->states.length;
}
/* Tokens of state i into `tokens` [n_types]; gives their number and the type to run. */
uint32_t edb_fsm_state(const edb_fsm *fsm, uint32_t i, edb_token *tokens, uint32_t *run);
/* The states in the order of files (their tokens, lexicographically) into `order` [states]. */
void edb_fsm_order(const edb_fsm *fsm, uint32_t *order);
/* The type of this name, or UINT32_MAX. */
uint32_t edb_fsm_find_type(const edb_fsm *fsm, const char *name, size_t length);
/* EDB_ERROR_MISMATCH for a type whose key is not the model's; shows where they part. */
edb_status edb_fsm_fail_key(edb_error *error, const char *file, uint32_t line, uint32_t column,
                            const char *name, const char *policy_key, const char *model_key);

typedef struct edb_fsm_binding {
  const edb_fsm *fsm;
  uint32_t *to_fsm;       /* [problem types] */
  uint32_t *to_problem;   /* [FSM types]; UINT32_MAX: does not appear */
  edb_token *tokens;      /* [problem types] */
  const uint32_t *height; /* [problem nodes], for the encoding that asks for it; else NULL */
  uint32_t misses;        /* frontiers that the table does not have */
  void *memory;
  size_t memory_bytes;
} edb_fsm_binding;

/* Binds to a problem, in its direction, whose original types are those of `schema` (NULL: a raw
 * graph). The binding refers to the fsm and the problem. EDB_ERROR_MISMATCH: the schema's types
 * are not the FSM's; says which. */
EDB_MUST_CHECK edb_status edb_fsm_bind(edb_context *ctx, const edb_fsm *fsm,
                                       const edb_problem *problem, const edb_schema *schema,
                                       edb_fsm_binding *out, edb_error *error);
void edb_fsm_unbind(edb_context *ctx, edb_fsm_binding *binding);

/* To be called before a state of the problem is reset and the FSM is asked about it; the binding
 * must outlive that use. */
static inline void edb_fsm_attach(const edb_fsm_binding *binding, edb_state *state) {
  state->height = binding->height;
  state->by_mass = binding->fsm->encoding == EDB_ENCODING_MASS;
}

/* The type that runs next whatever the table says, or EDB_TYPE_NONE; then *component is what the
 * choice is among. */
uint32_t edb_fsm_forced(const edb_fsm *fsm, const edb_state *state, uint32_t *component);
/* What decides without a table: the type that leads, for lead and mass; tight, for all others. */
uint32_t edb_fsm_rule(const edb_fsm *fsm, const edb_state *state, uint32_t component);

/* The (renumbered) type to run, where edb_state_forced leaves a choice. A frontier that the table
 * does not have is counted in `misses`, and the rule decides. */
uint32_t edb_fsm_choose(edb_fsm_binding *binding, const edb_state *state);

#endif
