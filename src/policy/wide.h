/* policy/wide.h: beam search over whole states of a part, for where no few instances decide: one
 * giant instance, or very many that differ. */
#ifndef EDB_POLICY_WIDE_H
#define EDB_POLICY_WIDE_H

#include "policy/part.h"

typedef struct edb_wide_params {
  uint32_t width;
  uint32_t limit;    /* words of this length or more are of no use */
  uint64_t max_work; /* about nanoseconds; the width shrinks to it, and it gives up at twice that */
  double soft, bound_weight;
} edb_wide_params;

/* As edb_beam_search; adds to *work what it took. Memory: about 12 bytes per node and unit of
 * width.
 */
EDB_MUST_CHECK edb_status edb_wide_search(edb_context *ctx, const edb_part *part,
                                          const edb_wide_params *params, edb_word *word,
                                          uint64_t *work, edb_error *error);

#endif
