/* exec/strands.h: whether the threads of a session share every batch of a mini-batch, or each
 * schedules, places and runs a strand of it (layout/strands.h), which needs no waiting but has
 * fewer rows in a batch.
 *
 * Which is faster depends on the model, the machine and the mini-batch: both ways are tried on the
 * first mini-batches of about a size, the faster one is kept, and the other one is looked at again
 * now and then. Values are the same bit for bit. */
#ifndef EDB_EXEC_STRANDS_H
#define EDB_EXEC_STRANDS_H

#include <edbatch/session.h>

#define EDB_STRAND_SIZES 32

/* What is known of mini-batches of 2^i to 2^(i + 1) - 1 nodes. */
typedef struct edb_strand_record {
  double ns[2], operations[2]; /* of runs all together, and in strands; old ones count less */
  uint32_t runs[2];
  uint32_t since; /* runs since the slower way was tried last */
} edb_strand_record;

typedef struct edb_strand_choice {
  edb_strand_record records[EDB_STRAND_SIZES];
} edb_strand_choice;

/* Whether the next run of a graph with so many pending nodes shall be in strands. */
bool edb_strands_wanted(edb_session *session, uint32_t n_nodes);

/* Runs the pending nodes in strands; the graph is not marked as run. *done = false, and nothing has
 * happened, when they cannot be cut so, or would need more memory than the session may use. */
EDB_MUST_CHECK edb_status edb_strands_run(edb_session *session, const edb_graph *graph,
                                          const edb_policy *policy, const edb_keep *keep,
                                          bool *done, edb_error *error);

/* After a run of so many nodes that took so long, with everything. */
void edb_strands_note(edb_session *session, uint32_t n_nodes, bool in_strands, uint64_t ns);

#endif
