/* policy/agenda.h: mean depths of types, and the passes that go by them. */
#ifndef EDB_POLICY_AGENDA_H
#define EDB_POLICY_AGENDA_H

#include "policy/rules.h"

/* Per type; the sums of whole numbers stay exact in a double. */
typedef struct edb_agenda {
  double *sum, *count; /* [n_types] depths of the nodes, and how many they are */
  uint32_t *depth;     /* [n_nodes] */
  void *memory;
  size_t memory_bytes;
} edb_agenda;

EDB_MUST_CHECK edb_status edb_agenda_init(edb_context *ctx, const edb_problem *problem,
                                          edb_agenda *out, edb_error *error);
void edb_agenda_free(edb_context *ctx, edb_agenda *agenda);
/* Means over all nodes of a type, or `running`, over those that remain; that uses the sums up. The
 * state's problem is the agenda's. `limit` as for edb_pass. */
void edb_agenda_pass(edb_agenda *agenda, edb_state *state, bool running, uint32_t limit,
                     edb_batches *out);

/* Whether the batches by depth and type have, for some component, a shorter word than `length` (per
 * component; without unbatchable nodes). EDB_ERROR_MEMORY. */
EDB_MUST_CHECK edb_status edb_depth_is_shorter(edb_context *ctx, const edb_problem *problem,
                                               const uint32_t *depth, const uint32_t *length,
                                               bool *shorter, edb_error *error);

#endif
