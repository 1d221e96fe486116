/* layout/placement.h: where the rows of a scheduled mini-batch live, decided before it runs.
 *
 * All rows of one run lie in one slab, in blocks of evenly spaced rows. Batches write outputs and
 * read operands (layout/plan_inputs.h), and placement makes as many outputs as it can be the
 * operands of later batches:
 *
 *     view     the operand's rows stand together already, in a block of another reader
 *              (chains: the state of the step before)
 *     direct   the operand has a block of its own, from its first producer's batch on; producers
 *              store their rows straight into it
 *     apart    neither: rows are found by their addresses when the batch runs
 *
 * Auto is arrival order, unless the rows of some operand cost less when they are stored directly;
 * then it is direct for operands of that kind, and the others are views or apart.
 *
 * Rows of earlier runs, or of tables, that a direct operand takes beside others are copied in when
 * its batch runs.
 *
 * The home of a value is the row that it is stored to first: that of its last reader, whose block
 * has to live that long anyway. Readers before it read it there if they can, or have a second store
 * of it. A value that nothing reads stands in a block of its output.
 *
 *     slab | batch 0: c rows | operand [h1; h2] of batch 1: filled by batch 0 | (reused ...) |
 *
 * The order inside a batch follows its consumers, whose order is fixed before; batches that nothing
 * consumes follow their producers. A block is reused as soon as its last reader is done, unless it
 * holds values that are kept; in large mini-batches rows of one output that are read last by the
 * same batch stand together and are reused before the others. Two walks over the edges, linear in
 * nodes + edges. */
#ifndef EDB_LAYOUT_PLACEMENT_H
#define EDB_LAYOUT_PLACEMENT_H

#include <edbatch/session.h>

#include "base/vec.h"
#include "layout/borrow.h"
#include "layout/plan_inputs.h"
#include "layout/row_rule.h"
#include "model/ir.h"
#include "policy/policy.h"

struct edb_reduced;

/* Rows of an output or an operand of one batch: row i begins at offset + i * stride. */
typedef struct edb_rows {
  size_t offset;   /* floats from the slab's start; EDB_ROWS_APART: each row by its address;
                      EDB_ROWS_BORROWED: outputs whose rows are parameters */
  uint32_t stride; /* floats */
  bool again;      /* outputs: some rows are stored a second time */
  bool past;       /* operands: some rows are of earlier runs, and copied in before it is read */
} edb_rows;

#define EDB_ROWS_APART    SIZE_MAX
#define EDB_ROWS_BORROWED (SIZE_MAX - 1)

/* A row of a block. */
typedef struct edb_home {
  uint32_t block; /* EDB_HOME_NONE while nothing has been decided */
  uint32_t row;
} edb_home;

#define EDB_HOME_NONE UINT32_MAX

/* A second store of a value. */
typedef struct edb_again {
  edb_home at;
  uint32_t next; /* of the same value; EDB_AGAIN_END */
} edb_again;

#define EDB_AGAIN_END UINT32_MAX

struct edb_placement {
  edb_context *ctx;
  const edb_graph *graph; /* these say what it was made for; the graph is not looked into */
  uint64_t generation, schedule_hash;
  uint64_t session;        /* whose scratch it counts, filled in by the session */
  uint32_t first, n_nodes; /* nodes first .. first + n_nodes - 1 are placed */
  uint32_t n_batches;
  bool direct;             /* some operands have rows of their own, some values second stores */
  edb_node *nodes;         /* [n_nodes] batch by batch, in the order of their rows */
  uint32_t *batch_start;   /* [n_batches + 1] into nodes */
  uint32_t *output_start;  /* [n_batches + 1] into outputs */
  edb_rows *outputs;       /* of each batch, by output */
  uint32_t *value_start;   /* [outputs + 1] values of the rows of an output begin here */
  uint32_t *operand_start; /* [n_batches + 1] into operands */
  edb_rows *operands;      /* of each batch, by operand of its type's plan */
  uint32_t *element_start; /* [n_batches] into elements */
  uint32_t *elements;      /* per group of the type, per node of the batch: its first element */
  /* Direct only: */
  edb_rows *blocks; /* of outputs, then of the parts of operands */
  edb_home *homes;  /* [values] of those whose output is EDB_ROWS_APART */
  uint32_t *again;  /* [values] first second store, where the output has any */
  EDB_VEC(edb_again) stores;
  size_t slab_floats;
  size_t live_bytes;    /* most bytes of values that are still to be read at the same time; 0 unless
                           asked for */
  size_t scratch_bytes; /* of the largest batch, filled in by the session's backend */
  size_t peak_bytes;    /* slab + scratch + tables */
  uint8_t *kept;        /* [outputs of all types] whether its values outlive the run */
  const edb_borrow *borrows; /* [outputs of all types] the request's, unless direct */
  uint8_t *lends;            /* [n_types] whether any of its outputs is borrowed */
  uint32_t *kept_start;      /* [n_types + 1] into kept */
  uint32_t n_types;
  /* When an execution graph runs in place of the graph (both owned): the tables are those of
   * `inner`, and here stand what it was made for and the memory. */
  struct edb_reduced *reduced;
  edb_placement *inner;
  bool sought;  /* whether equal calls were looked for; filled in by the session */
  void *memory; /* of the arrays, but for `stores` */
  size_t memory_bytes;
};

/* Most memory of rows, in terms of the bytes of values that are alive at the same time. */
#define EDB_PLACEMENT_MOST 2.5

/* Where all rows together take so many bytes, and reuse saves less than half of that, rows are
 * given back by parts (unless direct): for another walk over the edges. */
#define EDB_PLACEMENT_LARGE ((size_t)32 << 20)

/* Whether the rows of an output of a type are parameters: nobody keeps them. */
static inline bool edb_placement_borrows(const edb_placement *p, uint32_t type, uint32_t output) {
  uint32_t k = p->kept_start[type] + output;
  return p->borrows && p->borrows[k].param != EDB_BORROW_NOTHING && !p->kept[k];
}

/* Floats from one row of an output to the next. */
static inline size_t edb_row_stride(size_t width) {
  return width < 16 ? width : (width + 15) / 16 * 16;
}

/* Floats from the slab's start to a row of a block. */
static inline size_t edb_placement_at(const edb_placement *p, edb_home home) {
  return p->blocks[home.block].offset + (size_t)home.row * p->blocks[home.block].stride;
}
/* The same to row `row` of an output. */
static inline size_t edb_placement_offset(const edb_placement *p, uint32_t output, uint32_t row) {
  const edb_rows *rows = &p->outputs[output];
  return rows->offset == EDB_ROWS_APART
             ? edb_placement_at(p, p->homes[p->value_start[output] + row])
             : rows->offset + (size_t)row * rows->stride;
}
static inline uint32_t edb_placement_values(const edb_placement *p) {
  return p->value_start[p->output_start[p->n_batches]];
}

/* What is placed how. */
typedef struct edb_placement_request {
  const edb_program *program;
  const edb_plan_inputs *inputs; /* [n_cells]; NULL: batches read every row by its address */
  edb_placement_kind kind;       /* without `inputs`, direct is as ordered */
  const edb_keep *keep;
  const uint8_t *kept;       /* as edb_keep_mark makes it; NULL: of `keep` */
  const edb_borrow *borrows; /* of the program's outputs, as long as the placement; NULL: none */
  bool count_live;           /* live_bytes is asked for */
  size_t large_bytes;        /* 0: EDB_PLACEMENT_LARGE */
  const edb_row_rule *rule;  /* of auto; NULL: as in arrival order */
} edb_placement_request;

/* Tables only; the session adds its scratch. An unknown name in `keep` is EDB_ERROR_NAME, a
 * schedule that is not one of the graph EDB_ERROR_ARGUMENT. */
EDB_MUST_CHECK edb_status edb_placement_make(edb_context *ctx, const edb_placement_request *request,
                                             const edb_graph *graph, const edb_schedule *schedule,
                                             edb_placement **out, edb_error *error);

/* The placement of a graph that runs as `reduced`, placed by `inner`; takes both over on success.
 */
EDB_MUST_CHECK edb_status edb_placement_wrap(edb_context *ctx, const edb_graph *graph,
                                             const edb_schedule *schedule,
                                             struct edb_reduced *reduced, edb_placement *inner,
                                             edb_placement **out, edb_error *error);

/* All names must be those of outputs of the program. */
EDB_MUST_CHECK edb_status edb_keep_check(const edb_program *program, const edb_keep *keep,
                                         edb_error *error);

/* A byte per output of every cell, one cell after the other: whether its values outlive the run. */
void edb_keep_mark(const edb_program *program, const edb_keep *keep, uint8_t *kept);

/* Whether the placement was made for this schedule. */
bool edb_placement_fits(const edb_placement *placement, const edb_schedule *schedule);

/* Bytes of the tables of a placement. */
size_t edb_placement_table_bytes(const edb_placement *placement);

#endif
