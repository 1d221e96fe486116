/* layout/placer.h: what the files of placement share while one is made. */
#ifndef EDB_LAYOUT_PLACER_H
#define EDB_LAYOUT_PLACER_H

#include "layout/placement.h"

#define EDB_NONE UINT32_MAX

/* Where a node stands in the schedule. */
typedef struct edb_spot {
  uint32_t batch, row; /* row EDB_NONE: not ordered yet */
} edb_spot;

/* A piece of the slab: rows of an output, or of an operand. */
typedef struct edb_piece {
  size_t size, offset;
  uint32_t first_use, last_use;  /* batches; last EDB_NONE: kept */
  uint32_t next_born, next_dead; /* lists of the pieces that begin and end with the same batch */
} edb_piece;

typedef enum edb_home {
  EDB_HOME_OWN,     /* in a piece of the output's own */
  EDB_HOME_OPERAND, /* evenly spaced in the piece of one operand */
  EDB_HOME_APART    /* each row in an operand that reads it */
} edb_home;

/* One output of one batch. */
typedef struct edb_produced {
  edb_home home;
  uint32_t piece; /* OWN, OPERAND */
  uint32_t stride;
  size_t start; /* OPERAND: of row 0 in the piece */
  bool viewed;  /* an operand reads consecutive rows in place */
  bool fixed;   /* an operand of the same batch is the output */
  bool kept;
  bool placed; /* APART: some row has a home in an operand */
} edb_produced;

typedef enum edb_binding { EDB_BIND_APART, EDB_BIND_VIEW, EDB_BIND_DIRECT } edb_binding;

/* One operand of one batch. */
typedef struct edb_consumed {
  edb_binding binding;
  uint32_t piece; /* DIRECT */
  bool past;      /* DIRECT: some rows are of earlier runs */
  uint32_t stride;
  uint32_t produced; /* VIEW: what it reads, from this row on */
  uint32_t row;
} edb_consumed;

/* A value that stands in a row of an operand. */
typedef struct edb_taken {
  uint32_t node; /* local; EDB_NONE: of an earlier run */
  uint32_t output;
} edb_taken;

typedef struct edb_placer {
  edb_context *ctx;
  const edb_program *program;
  const edb_plan_inputs *inputs; /* by type; NULL unless direct */
  const edb_graph *graph;
  const edb_schedule *schedule;
  edb_placement *placement;
  edb_error *error;
  edb_spot *spots;        /* [n_nodes] */
  uint32_t *last_read;    /* [values] last batch that reads it; NULL unless live bytes count */
  uint32_t *home_piece;   /* [values] APART outputs only; direct only */
  uint8_t *is_read;       /* [n_batches] whether any batch reads it */
  uint32_t *filled;       /* [n_batches] nodes of the batch that are ordered */
  edb_taken *taken;       /* room for the rows of one input of a batch */
  edb_produced *produced; /* as placement->outputs */
  edb_consumed *consumed; /* as placement->operands */
  edb_piece *pieces;      /* of outputs, then of operands */
  uint32_t *born, *dead;  /* [n_batches] */
  size_t *dying;          /* [n_batches] bytes of values that it reads last */
  uint32_t n_produced, n_consumed;
  size_t most_edges; /* of one batch */
  bool count_live;
  uint32_t longest_wait; /* most batches from the first row of a direct operand to its reader */
  void *memory;
  size_t memory_bytes;
} edb_placer;

static inline uint32_t edb_placer_outputs(const edb_placer *p, uint32_t type) {
  return p->program->cells[type].sig.n_outputs;
}
static inline uint32_t edb_placer_width(const edb_placer *p, uint32_t type, uint32_t output) {
  return (uint32_t)edb_shape_size(p->program->cells[type].outputs[output].shape);
}
static inline uint32_t edb_placer_rows(const edb_placer *p, uint32_t batch) {
  return p->schedule->batch_start[batch + 1] - p->schedule->batch_start[batch];
}
static inline bool edb_placer_keeps(const edb_placer *p, uint32_t type, uint32_t output) {
  return p->placement->kept[p->placement->kept_start[type] + output];
}
static inline edb_produced *edb_placer_produced(const edb_placer *p, edb_taken value) {
  return &p->produced[p->placement->output_start[p->spots[value.node].batch] + value.output];
}

/* Number of independent variadic inputs of a type, and the arity of one at a node. */
uint32_t edb_group_count(const edb_type_sig *sig);
static inline uint32_t edb_group_arity(const edb_type_sig *sig, const int32_t *arities,
                                       uint32_t group) {
  for (uint32_t i = 0, v = 0; i < sig->n_inputs; i++) {
    if (!sig->inputs[i].variadic) continue;
    if (sig->inputs[i].group == group) return (uint32_t)arities[v];
    v++;
  }
  return 0;
}

/* The values that input `input` of a batch takes, in the order of its nodes, to
 * p->taken; returns their number. */
size_t edb_placer_take(edb_placer *p, uint32_t batch, uint32_t input);

/* Order inside batches: placement->nodes and rows of the spots. */
void edb_placer_arrival(edb_placer *p);
EDB_MUST_CHECK edb_status edb_placer_order(edb_placer *p);

/* At first every output stands in a piece of its own. */
void edb_placer_start_outputs(edb_placer *p);
/* Homes, operands and second stores: pieces with their sizes and lives, offsets in them. */
EDB_MUST_CHECK edb_status edb_placer_settle(edb_placer *p);

#endif
