/* policy/instances.h: an instance as a deterministic automaton over types.
 *
 * A batch runs all ready nodes of its type, so an instance goes from state to state by the letters
 * of the word alone. Most instances have only a few hundred states that words can lead to. They are
 * made when first asked for, and found again by a hash of the set of done nodes, compared in full.
 *
 *     edb_automaton a;
 *     EDB_TRY(edb_automaton_init(ctx, part, instance, max_bytes, &work, &a, error));
 *     uint32_t next = edb_automaton_step(&a, 0, column);   // from the initial state
 *     edb_automaton_free(&a); */
#ifndef EDB_POLICY_INSTANCES_H
#define EDB_POLICY_INSTANCES_H

#include "policy/part.h"

/* No state: the automaton has outgrown its memory (or there is none, see `failed`). */
#define EDB_STATE_NONE UINT32_MAX

typedef struct edb_automaton {
  edb_context *ctx;
  uint32_t n_nodes, n_types;
  uint32_t words; /* of a set of nodes */
  uint32_t n_states, max_states;
  uint32_t initial; /* always 0 once made */
  bool failed;      /* an allocation did */
  bool has_unbatchable;
  uint64_t *work; /* adds about the nanoseconds that making states takes */
  /* Nodes are numbered by column, inside a column by falling own: the first that is not done has
   * the largest own that is left. */
  uint32_t *column_start;          /* [n_types + 1] */
  uint32_t *own, *height, *column; /* [n_nodes] */
  uint32_t *fresh, n_fresh;        /* [n_nodes] what became ready in the step being made */
  uint32_t *in_start, *in, *out_start, *out;
  const uint8_t *unbatchable; /* the part's */
  EDB_VEC(uint64_t) sets;     /* per state: done, ready */
  EDB_VEC(uint32_t) rows;     /* per state: see below */
  uint32_t *slots;            /* [slot_count] state + 1 or 0 */
  uint32_t slot_count;
  uint64_t *scratch; /* [words * 2] */
  void *memory;
  size_t memory_bytes;
} edb_automaton;

EDB_MUST_CHECK edb_status edb_automaton_init(edb_context *ctx, const edb_part *part,
                                             uint32_t instance, size_t max_bytes, uint64_t *work,
                                             edb_automaton *out, edb_error *error);
void edb_automaton_free(edb_automaton *automaton);

/* The row of a state: [height][next per column][largest own left per column]. `next` is the state
 * itself where no node of the column is ready, EDB_STATE_NONE where it was not made yet. */
static inline const uint32_t *edb_automaton_row(const edb_automaton *a, uint32_t state) {
  return a->rows.data + (size_t)state * (1 + 2 * (size_t)a->n_types);
}
/* Batchable nodes on the longest path that is left; 0: all is done. */
static inline uint32_t edb_automaton_height(const edb_automaton *a, uint32_t state) {
  return edb_automaton_row(a, state)[0];
}
static inline uint32_t edb_automaton_own(const edb_automaton *a, uint32_t state, uint32_t column) {
  return edb_automaton_row(a, state)[1 + a->n_types + column];
}

/* Makes the state after a letter; EDB_STATE_NONE: not possible. */
uint32_t edb_automaton_make(edb_automaton *a, uint32_t state, uint32_t column);

static inline uint32_t edb_automaton_step(edb_automaton *a, uint32_t state, uint32_t column) {
  uint32_t next = edb_automaton_row(a, state)[1 + column];
  return next != EDB_STATE_NONE ? next : edb_automaton_make(a, state, column);
}

/* table[d] = exp(-rate d), the same on every machine. */
void edb_fill_powers(double rate, uint32_t length, double *table);

/* The instances that most probably decide how long the word must be: paths, of all types and of
 * each one, near the longest there are (exp(-soft d) for being d shorter), the first the most.
 * *count: how many are wanted, then given. */
EDB_MUST_CHECK edb_status edb_critical_instances(edb_context *ctx, const edb_part *part,
                                                 double soft, uint32_t *count, uint32_t *instances,
                                                 edb_error *error);

#endif
