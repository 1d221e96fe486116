/* layout/placer.h: what the files of placement share while one is made. */
#ifndef EDB_LAYOUT_PLACER_H
#define EDB_LAYOUT_PLACER_H

#include "layout/placement.h"

#define EDB_NONE UINT32_MAX

/* Where a node stands in the schedule. */
typedef struct edb_spot {
  uint32_t batch, value; /* of its first output; EDB_NONE: not ordered yet */
} edb_spot;

/* A batch whose rows are given to its nodes, one after the other. */
typedef struct edb_filling {
  uint32_t at;     /* position of the next node in placement->nodes */
  uint32_t shift;  /* from a position to the value of the first output, modulo 2^32 */
  uint32_t rows;   /* from a value to that of the next output */
  uint32_t output; /* the first one */
} edb_filling;

/* A piece of the slab: rows of an output, or of an operand. */
typedef struct edb_piece {
  size_t size, offset;
  uint32_t rows, stride;
  uint32_t first_use, last_use;  /* batches; last EDB_NONE: kept */
  uint32_t next_born, next_dead; /* lists of the pieces that begin and end with the same batch */
} edb_piece;

/* Rows of a piece that end before others do, in floats from its start. */
typedef struct edb_piece_part {
  uint32_t piece, next_dead; /* list of the parts that end with the same batch */
  size_t offset, size;
} edb_piece_part;

/* Where an operand of one batch is. */
typedef struct edb_consumed {
  uint32_t piece; /* EDB_NONE: its rows are apart */
  uint32_t stride;
  size_t start; /* of row 0 in the piece */
  bool past;    /* some rows are of earlier runs */
} edb_consumed;

/* A value that stands in a row of an operand. */
typedef struct edb_taken {
  uint32_t value; /* EDB_NONE: of an earlier run */
  uint32_t output;
} edb_taken;

/* Of an output, while homes are given. */
enum {
  EDB_OUTPUT_KEPT = 1,
  EDB_OUTPUT_OPERAND = 2, /* it is an operand of its batch: its rows are that's */
  EDB_OUTPUT_APART = 4,   /* some rows are read apart: all have places in its own piece */
  EDB_OUTPUT_HOMED = 8    /* some values have homes */
};

typedef struct edb_placer {
  edb_context *ctx;
  const edb_program *program;
  const edb_plan_inputs *inputs; /* by type; NULL unless direct */
  const edb_graph *graph;
  const edb_schedule *schedule;
  edb_placement *placement;
  edb_error *error;
  edb_spot *spots;       /* [n_nodes]; only ordered */
  edb_filling *fillings; /* [n_batches]; only ordered */
  uint32_t *strides;     /* [outputs of all types] from row to row; 0: borrowed */
  uint32_t *made;        /* [n_nodes] first output of the node's batch; only as they arrived */
  uint32_t *read;   /* [outputs of batches] last batch that reads it, or makes it; with `made` */
  uint8_t *is_read; /* [n_batches] whether any batch reads it */
  uint32_t *head;   /* [n_nodes] by position: the first node that follows the one there */
  uint32_t *next;   /* [n_nodes] by position in the schedule, of batches that nothing reads: the
                       node's first producer, then the next one that follows the same */
  edb_taken *taken; /* room for the rows of an operand */
  edb_consumed *consumed; /* as placement->operands */
  edb_piece *pieces;      /* of outputs, then of operands */
  uint32_t *block_piece;  /* [blocks] */
  uint8_t *marks;         /* [outputs of batches] EDB_OUTPUT_..., together */
  uint32_t *part_start;   /* [n_batches] blocks of parts of operands */
  uint32_t *born, *dead;  /* [n_batches] */
  size_t *dying;          /* [n_batches] bytes of values that it reads last */
  size_t all_floats;      /* of all rows */
  size_t large_bytes;
  bool by_parts; /* rows are given back before all others of their output are done */
  EDB_VEC(edb_piece_part) parts;
  uint32_t *last_read; /* [n_nodes * most_outputs] last batch that reads the value, or 0; NULL until
                          that is asked for */
  uint32_t *dead_part; /* [n_batches] */
  uint16_t *classes;   /* [most_rows] */
  edb_node *grouped;   /* [most_rows] */
  uint32_t most_outputs, most_rows;
  void *lives; /* memory of these arrays */
  size_t lives_bytes;
  uint32_t n_produced, n_consumed, n_blocks;
  size_t most_taken; /* rows of the parts of an operand */
  bool ordered;      /* from the consumers backwards */
  bool count_live;
  const edb_row_rule *rule; /* what is worth rows of its own; NULL: every operand */
  bool far;                 /* the rows are not in a near cache */
  uint32_t longest_wait;    /* most batches from the first row of a direct operand to its reader */
  char *near_memory;        /* the caller's: of the arrays, where it is enough */
  size_t near_bytes;
  void *memory; /* of the arrays elsewhere */
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
/* Floats of a row that a piece has to have room for. */
static inline uint32_t edb_placer_stored(const edb_placer *p, uint32_t type, uint32_t output) {
  if (edb_placement_borrows(p->placement, type, output)) return 0;
  return edb_placer_width(p, type, output);
}
static inline size_t edb_piece_size(const edb_piece *piece) {
  return ((size_t)piece->stride * piece->rows + 15) / 16 * 16;
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

/* The edges of an input of a node (by its index): the first one, and their end. */
static inline uint32_t edb_placer_edges(const edb_graph *g, const edb_type_sig *sig, uint32_t index,
                                        uint32_t input, uint32_t *end) {
  uint32_t edge = g->edge_start[index] + input, v = 0;
  *end = edge + 1;
  if (sig->n_variadic == 0) return edge;
  const int32_t *arities = edb_graph_arities(g, index);
  edge -= input;
  for (uint32_t i = 0; i < input; i++) edge += sig->inputs[i].variadic ? (uint32_t)arities[v++] : 1;
  *end = edge + (sig->inputs[input].variadic ? (uint32_t)arities[v] : 1);
  return edge;
}

/* Order inside batches: placement->nodes and spots. Checks that each pending node stands in one
 * batch, which is of its type, and reads earlier batches only. Lives of outputs in pieces of their
 * own, unless direct. */
EDB_MUST_CHECK edb_status edb_placer_arrival(edb_placer *p);
EDB_MUST_CHECK edb_status edb_placer_order(edb_placer *p);

/* Unless direct: the last reader of each value, and bytes of values by the batch that reads them
 * last. */
EDB_MUST_CHECK edb_status edb_placer_find_last_reads(edb_placer *p);
void edb_placer_forget_lives(edb_placer *p);
/* Nodes with values that the same batch reads last stand together, otherwise as they stood; rows in
 * `spots` are not followed. */
void edb_placer_group(edb_placer *p);
/* Cuts outputs into parts by their last readers. */
EDB_MUST_CHECK edb_status edb_placer_cut(edb_placer *p);
/* The most bytes that are alive at the same time, each value once: what no placement undercuts. */
void edb_placer_count_live(edb_placer *p);

/* At first every output stands in a piece of its own. */
void edb_placer_start_outputs(edb_placer *p);
/* Direct: homes, operands and second stores, in pieces with their sizes and lives; bytes of values
 * by the batch that reads them last. */
EDB_MUST_CHECK edb_status edb_placer_settle(edb_placer *p);

#endif
