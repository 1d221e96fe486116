/* policy/levels.h: schedules of what lies on no cycle of types.
 *
 * Where no path leads from a type to another and back, its component of types is itself, and a
 * batch per level is as few as can be: a node's level is the number of nodes of its type on the
 * longest path that ends at it, which stays inside the type. There is nothing to choose; one walk
 * over the edges finds levels and the order of types, one over the nodes hands out their places.
 *
 * Types that do lie on cycles are the core of the graph, a graph of its own: what else its nodes
 * take is done before, as components of types can run one after the other. A rule makes batches of
 * it, and these take their place among the others. */
#ifndef EDB_POLICY_LEVELS_H
#define EDB_POLICY_LEVELS_H

#include "policy/rules.h"

/* Graphs of more types are left to the rules: sets of types have a word or few. */
#define EDB_LEVELS_TYPES 256

/* The nodes of types on cycles, and of their inputs those of the same component. The key of such a
 * node has its number in here for a batch. */
typedef struct edb_core {
  bool *has;      /* [n_types] types on cycles; NULL: there are none */
  edb_dag dag;    /* local numbers; types as in the graph */
  uint32_t *type; /* [nodes], the dag's arrays */
  uint32_t *in_start, *in_node;
  uint32_t *node; /* [nodes] number in the graph */
  void *memory;
  size_t memory_bytes;
} edb_core;

typedef struct edb_levels {
  const edb_dag *dag;
  uint64_t *key;      /* [n_nodes] type and batch */
  uint32_t *next;     /* [n_types + n_nodes] the batch after a batch; of a type, its first */
  uint32_t *size;     /* [n_types + n_nodes] nodes of a batch */
  uint32_t *type;     /* [n_types + n_nodes] of a batch */
  uint32_t *order;    /* [n_nodes] the batches as they run */
  uint64_t *takes;    /* [n_types] sets of types: those that a type takes */
  uint32_t *types;    /* [n_types] that appear, in topological order */
  uint32_t *last;     /* [n_types] last batch of an unbatchable type, and of a cycle */
  uint32_t *leader;   /* [n_types] the first type of those on a cycle with a type; else itself */
  uint32_t n_found;   /* types that appear */
  uint32_t n_batches; /* their numbers begin at n_types */
  bool left;          /* to the rules, and nothing else here is of use */
  edb_core core;
  void *memory;
  size_t memory_bytes;
} edb_levels;

/* Levels of a graph of at most EDB_LEVELS_TYPES types. It is left to the rules if it has a core
 * that is more than this part of its first nodes. */
EDB_MUST_CHECK edb_status edb_levels_init(edb_context *ctx, const edb_dag *dag, double most_core,
                                          edb_levels *out, edb_error *error);
void edb_levels_free(edb_context *ctx, edb_levels *levels);

/* The batches of the core, whose types are numbers into `original`. */
void edb_levels_take_core(edb_levels *levels, const edb_batches *batches, const uint32_t *original);

/* The schedule: component by component; the core, if there is one, has its batches. With `grouped`,
 * types of many levels take turns, as values wait for their readers: up to EDB_REGROUP_MOST levels
 * of a type follow each other. To be called once. */
EDB_MUST_CHECK edb_status edb_levels_schedule(edb_context *ctx, edb_levels *levels, bool grouped,
                                              edb_schedule **out, edb_error *error);

#endif
