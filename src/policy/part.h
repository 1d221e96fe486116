/* policy/part.h: one component of types as a graph of its own, in the direction of a problem.
 *
 * Components can be scheduled one after the other, so whatever searches for a better order works on
 * the nodes of one of them. Its result is a word: the types to run, one letter per batch.
 * Unbatchable nodes have no letter; they run as soon as they are ready. Nodes are numbered in
 * topological order and types by their column in the component.
 *
 * Instances are the connected components of these nodes: a batch runs all ready nodes of its type,
 * so each instance moves from state to state by itself. */
#ifndef EDB_POLICY_PART_H
#define EDB_POLICY_PART_H

#include "base/vec.h"
#include "policy/state.h"

typedef struct edb_part {
  uint32_t n_nodes, n_types, n_edges, n_instances;
  uint32_t n_batchable;    /* nodes that are not unbatchable */
  uint32_t *column;        /* [n_nodes] type inside the component */
  uint32_t *own, *height;  /* [n_nodes] batchable nodes on the longest path from here: of the
                              node's type, of all types */
  uint32_t *in_start, *in; /* inputs have lower numbers */
  uint32_t *out_start, *out;
  uint32_t *instance;       /* [n_nodes] */
  uint32_t *instance_start; /* [n_instances + 1], into members */
  uint32_t *members;        /* [n_nodes] nodes by instance, ascending */
  uint32_t *type;           /* [n_types] column -> type of the problem */
  uint8_t *unbatchable;     /* [n_types] */
  void *memory;
  size_t memory_bytes;
} edb_part;

EDB_MUST_CHECK edb_status edb_part_init(edb_context *ctx, const edb_problem *problem,
                                        uint32_t component, edb_part *out, edb_error *error);
/* Whole instances: a bit set over a problem's nodes, none of them below `first` or behind `last`.
 */
typedef struct edb_chosen {
  uint64_t *set;
  uint32_t first, last;
} edb_chosen;
/* The same of the chosen nodes alone, turned round. Takes time by what is chosen, but for the look
 * at the set. */
EDB_MUST_CHECK edb_status edb_part_init_chosen(edb_context *ctx, const edb_problem *problem,
                                               uint32_t component, const edb_chosen *chosen,
                                               edb_part *out, edb_error *error);
void edb_part_free(edb_context *ctx, edb_part *part);

/* Letters: columns of a part. */
typedef struct edb_word {
  uint32_t *letters;
  uint32_t length;
} edb_word;

/* What running a word over all nodes needs. */
typedef struct edb_runner {
  uint32_t *pending; /* [n_nodes] */
  uint32_t *ready;   /* [n_nodes] those of column c: ready_count[c] from ready[ready_start[c]] */
  uint32_t *ready_start; /* [n_types] */
  uint32_t *ready_count; /* [n_types] */
  uint32_t *first;       /* [n_types] where the segments begin */
  uint32_t n_done;
  void *memory;
  size_t memory_bytes;
} edb_runner;

EDB_MUST_CHECK edb_status edb_runner_init(edb_context *ctx, const edb_part *part, edb_runner *out,
                                          edb_error *error);
void edb_runner_free(edb_context *ctx, edb_runner *runner);
/* Runs the word from the sources, or, `backwards`, its letters from the last to the first from the
 * sinks. Letters that find no ready node are taken out of the word. The word is complete iff
 * runner->n_done comes to n_nodes. */
void edb_runner_run(edb_runner *runner, const edb_part *part, bool backwards, edb_word *word);
/* Adds letters until all is done: the column whose ready nodes have the highest node. The word has
 * room for n_batchable letters. */
void edb_runner_finish(edb_runner *runner, const edb_part *part, edb_word *word);
/* The unfinished instance with the longest path left that is not among `members`; UINT32_MAX: none.
 */
uint32_t edb_runner_unfinished(const edb_runner *runner, const edb_part *part,
                               const uint32_t *members, uint32_t n_members);

#endif
