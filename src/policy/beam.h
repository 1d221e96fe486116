/* policy/beam.h: beam search for a short word of a part.
 *
 * Few instances decide how long the word must be. The search looks at the most critical ones only,
 * as a tuple of automaton states; the word it finds is run on all instances, those that are left
 * unfinished join the tuple, and it starts again. */
#ifndef EDB_POLICY_BEAM_H
#define EDB_POLICY_BEAM_H

#include "policy/instances.h"

#define EDB_BEAM_WIDTH 16

typedef struct edb_beam_params {
  uint32_t width;
  uint32_t limit;     /* words of this length or more are of no use */
  uint64_t max_work;  /* about nanoseconds; then it gives up */
  size_t max_bytes;   /* of the automata */
  uint32_t instances; /* of the first round */
  double soft, bound_weight;
  double slack; /* schedules that score less than this part of the best are not gone on with */
} edb_beam_params;

/* How it went. */
typedef struct edb_beam_report {
  uint64_t work;
  bool decided; /* the tuple's word finished all instances, or was stopped by the limit: there is no
                   use in looking at more of them */
} edb_beam_report;

/* Overwrites the word, which has room for part->n_batchable letters; its length is EDB_GAVE_UP when
 * there is no complete one shorter than the limit. Stops after a round that leaves very many
 * instances unfinished. */
EDB_MUST_CHECK edb_status edb_beam_search(edb_context *ctx, const edb_part *part,
                                          const edb_beam_params *params, edb_runner *runner,
                                          edb_word *word, edb_beam_report *report,
                                          edb_error *error);

#endif
