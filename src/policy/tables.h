/* policy/tables.h: complete automata of instances, and the exact cost to go of pairs and triples of
 * them.
 *
 * The states of a machine are numbered from the end: 0 is the done one, every letter leads to a
 * lower number or stays, the last is the initial one. So the fewest letters that finish two or
 * three machines together, from any of their states, come out of one sweep over the dense table.
 * What two or three instances need, all together need as well: a lower bound. */
#ifndef EDB_POLICY_TABLES_H
#define EDB_POLICY_TABLES_H

#include "policy/instances.h"

typedef struct edb_machine {
  uint32_t n_states, n_types;
  uint16_t *next; /* [n_states * n_types] the state itself where nothing is ready */
  uint32_t *own;  /* [n_states * n_types] largest own left */
  void *memory;
  size_t memory_bytes;
} edb_machine;

/* At most this many, so that a number takes 16 bits. */
#define EDB_MACHINE_STATES 65535

/* All states of an instance. *complete = false, and nothing to free, when they are too many, or not
 * made before the deadline (edb_clock_ns). */
EDB_MUST_CHECK edb_status edb_machine_init(edb_context *ctx, const edb_part *part,
                                           uint32_t instance, uint64_t deadline, edb_machine *out,
                                           bool *complete, edb_error *error);
void edb_machine_free(edb_context *ctx, edb_machine *machine);

typedef struct edb_cost_table {
  uint32_t n_machines; /* 2 or 3 */
  uint32_t member[3];  /* which */
  uint32_t size[3];
  uint16_t *cost; /* row-major over their states */
  size_t memory_bytes;
} edb_cost_table;

/* The table of some of `machines`; *made = false when it would have more than max_cells, or is not
 * filled before the deadline. */
EDB_MUST_CHECK edb_status edb_cost_table_init(edb_context *ctx, const edb_machine *machines,
                                              const uint32_t *member, uint32_t n_members,
                                              size_t max_cells, uint64_t deadline,
                                              edb_cost_table *out, bool *made, edb_error *error);
void edb_cost_table_free(edb_context *ctx, edb_cost_table *table);

/* `states`: of all machines. */
static inline uint32_t edb_cost_to_go(const edb_cost_table *t, const uint16_t *states) {
  size_t at = (size_t)states[t->member[0]] * t->size[1] + states[t->member[1]];
  if (t->n_machines == 3) at = at * t->size[2] + states[t->member[2]];
  return t->cost[at];
}

#endif
