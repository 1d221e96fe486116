/* policy/levels.h: schedules of graphs whose types make no cycle.
 *
 * Where no path leads from one type to another and back, every component of types has one type, and
 * a batch per type and level is a schedule at the lower bound: a node's level is the number of
 * nodes of its type on the longest path that ends at it, which stays inside the type. There is
 * nothing to choose; one walk over the edges finds levels and the order of types, one over the
 * nodes hands out their places. */
#ifndef EDB_POLICY_LEVELS_H
#define EDB_POLICY_LEVELS_H

#include "policy/policy.h"

/* Graphs of more types are left to the rules: sets of types have a word or few. */
#define EDB_LEVELS_TYPES 256

typedef struct edb_levels {
  const edb_dag *dag;
  uint64_t *key;      /* [n_nodes] type and batch */
  uint32_t *next;     /* [n_types + n_nodes] the batch after a batch; of a type, its first */
  uint32_t *size;     /* [n_types + n_nodes] nodes of a batch */
  uint32_t *type;     /* [n_types + n_nodes] of a batch */
  uint32_t *order;    /* [n_nodes] the batches as they run */
  uint64_t *takes;    /* [n_types] sets of types: those that a type takes */
  uint32_t *types;    /* [n_types] that appear, in topological order */
  uint32_t *last;     /* [n_types] last batch of an unbatchable type */
  uint32_t n_found;   /* types that appear */
  uint32_t n_batches; /* their numbers begin at n_types */
  bool acyclic;       /* else nothing but this is of use */
  void *memory;
  size_t memory_bytes;
} edb_levels;

/* Levels of a graph of at most EDB_LEVELS_TYPES types. */
EDB_MUST_CHECK edb_status edb_levels_init(edb_context *ctx, const edb_dag *dag, edb_levels *out,
                                          edb_error *error);
void edb_levels_free(edb_context *ctx, edb_levels *levels);

/* The schedule: type by type. With `grouped`, types of many levels take turns, as values wait for
 * their readers: up to EDB_REGROUP_MOST levels of a type follow each other. To be called once. */
EDB_MUST_CHECK edb_status edb_levels_schedule(edb_context *ctx, edb_levels *levels, bool grouped,
                                              edb_schedule **out, edb_error *error);

#endif
