/* layout/placement.h: where the rows of a scheduled mini-batch live, decided before it runs.
 *
 * All rows of one run lie in one slab. The rows of one output of one batch stand together, in the
 * order of the batch, one row stride apart, so that a consumer whose operands come from one batch
 * in order reads them in place. A block is reused as soon as its last consumer is done, unless its
 * values are kept.
 *
 *     slab | batch 0: h rows | c rows | batch 1: h rows | c rows | (reused by batch 7: h rows) |
 * ...
 *
 * Linear in nodes + edges. */
#ifndef EDB_LAYOUT_PLACEMENT_H
#define EDB_LAYOUT_PLACEMENT_H

#include <edbatch/session.h>

#include "model/ir.h"
#include "policy/policy.h"

struct edb_reduced;

struct edb_placement {
  edb_context *ctx;
  const edb_graph *graph; /* these say what it was made for; the graph is not looked into */
  uint64_t generation, schedule_hash;
  uint64_t session;        /* whose scratch it counts, filled in by the session */
  uint32_t first, n_nodes; /* nodes first .. first + n_nodes - 1 are placed */
  uint32_t *value_start;   /* [n_nodes + 1] values of node first + i begin here */
  size_t *offset;          /* [value_start[n_nodes]] floats from the slab's start */
  size_t slab_floats;
  size_t scratch_bytes; /* of the largest batch, filled in by the session's backend */
  size_t peak_bytes;    /* slab + scratch + tables */
  uint8_t *kept;        /* [outputs of all types] whether its values outlive the run */
  uint32_t *kept_start; /* [n_types + 1] into kept */
  uint32_t n_types;
  /* When an execution graph runs in place of the graph (both owned): the tables are those of
   * `inner`, and here stand what it was made for and the memory. */
  struct edb_reduced *reduced;
  edb_placement *inner;
};

/* Floats from one row of an output to the next. */
static inline size_t edb_row_stride(size_t width) {
  return width < 16 ? width : (width + 15) / 16 * 16;
}

/* Tables only; the session adds its scratch. An unknown name in `keep` is EDB_ERROR_NAME, a
 * schedule that is not one of the graph EDB_ERROR_ARGUMENT. */
EDB_MUST_CHECK edb_status edb_placement_make(edb_context *ctx, const edb_program *program,
                                             const edb_graph *graph, const edb_schedule *schedule,
                                             const edb_keep *keep, edb_placement **out,
                                             edb_error *error);

/* The placement of a graph that runs as `reduced`, placed by `inner`; takes both over on success.
 */
EDB_MUST_CHECK edb_status edb_placement_wrap(edb_context *ctx, const edb_graph *graph,
                                             const edb_schedule *schedule,
                                             struct edb_reduced *reduced, edb_placement *inner,
                                             edb_placement **out, edb_error *error);

/* All names must be those of outputs of the program. */
EDB_MUST_CHECK edb_status edb_keep_check(const edb_program *program, const edb_keep *keep,
                                         edb_error *error);

/* Whether the placement was made for this schedule. */
bool edb_placement_fits(const edb_placement *placement, const edb_schedule *schedule);

/* Bytes of the tables of a placement. */
size_t edb_placement_table_bytes(const edb_placement *placement);

#endif
