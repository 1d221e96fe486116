/* exec/cpu.h: the CPU backend's state, and the frame in which the steps of one chunk of a batch
 * run.
 *
 * A batch is cut into chunks of rows that fit the second-level cache together with their scratch;
 * within a chunk the steps of the plan run one after another, runs of elementwise steps tile by
 * tile. */
#ifndef EDB_EXEC_CPU_H
#define EDB_EXEC_CPU_H

#include <stdalign.h>

#include "exec/session.h"
#include "kernel/ask.h"
#include "kernel/bf16.h"
#include "kernel/kernel.h"
#include "layout/borrow.h"
#include "layout/plan_inputs.h"
#include "layout/row_rule.h"

/* An operand of a launch, or its result. */
typedef struct edb_launch_operand {
  uint32_t slot;
  uint32_t root; /* in whose columns it stands, from `column` on */
  uint32_t column;
  bool local;         /* its rows begin with the tile's */
  bool of_node;       /* one row, that of the node whose elements the others are */
  uint8_t col_stride; /* 0: one number for a row; of columns: for a row of the matrix */
} edb_launch_operand;

typedef enum edb_launch_form {
  EDB_LAUNCH_NONE, /* not elementwise: see edb_cpu_run_operators */
  EDB_LAUNCH_UNARY,
  EDB_LAUNCH_BINARY,
  EDB_LAUNCH_COMBINED,
  EDB_LAUNCH_COLUMNS /* a matrix and a vector, which stands for each of its columns */
} edb_launch_form;

/* An elementwise step: its kernel, and what does not change from batch to batch of operands. */
typedef struct edb_launch {
  edb_launch_form form;
  uint32_t width, rows; /* of the result; COLUMNS: of its matrix */
  uint32_t n_operands, group;
  bool spread; /* over the elements of `group`, with operands of their nodes */
  union {
    edb_unary_fn unary;
    edb_binary_fn binary;
    edb_combined_fn combined;
  } fn;
  edb_launch_operand operand[EDB_STEP_OPERANDS], result;
} edb_launch;

/* A slot's rows in a chunk. */
typedef struct edb_block {
  float *data;
  ptrdiff_t stride; /* floats; 0: one row for all */
} edb_block;

/* One cell, ready to run. */
typedef struct edb_cpu_cell {
  edb_plan *plan;
  edb_launch *launches; /* [n_steps] */
  edb_block *fixed; /* [n_slots] parameters, literals and parts of them; moves with the weights */
  uint32_t *moving; /* the other slots: n_roots with memory of their own, n_parts of others */
  uint32_t n_roots, n_parts;
  float **packed;        /* [n_steps] packed weights of product steps, else NULL */
  float *rows;           /* packed rows of parameters, slots of kind STACK */
  uint64_t version;      /* of the weights that these were made of; 0: of none yet */
  float *numbers;        /* literals, in fp32 */
  size_t chunk_nodes;    /* most nodes of a chunk */
  size_t chunk_elements; /* most elements of one variadic group in a chunk of several nodes */
  size_t tile_rows;      /* rows of an elementwise tile */
  uint32_t longest;      /* the product step that takes longest; UINT32_MAX: none */
  edb_cost cost;         /* about; elements of variadic groups count once */
  size_t pairs;          /* of bf16 in an operand row of any product, at most; 0 in fp32 */
  size_t staged_floats;  /* of a row of all outputs */
  size_t node_bytes;     /* scratch memory of a chunk of one node with one element per group */
  bool has_labels;
} edb_cpu_cell;

typedef struct edb_cpu {
  edb_context *ctx;
  const edb_program *program;
  const edb_weights *weights;
  const edb_kernels *kernels;
  edb_product_fn product; /* rows with packed weights, in the session's precision */
  bool bf16;
  edb_pool *pool;
  float *packed; /* weights of all cells; NULL while it rests */
  size_t packed_bytes;
  uint64_t version; /* of the weights that this run takes */
  edb_cpu_cell *cells;
  edb_row_rule rule;
  bool near_weights;              /* the second-level cache has them all, and room to spare */
  double share_ns, move_ns;       /* what sharing work among threads costs */
  struct edb_cpu_worker *workers; /* [threads of the pool] */
  struct edb_cpu *strands; /* [threads of the pool] for a thread alone, with the cells and weights
                              of this one; NULL: there is one thread, or this is one of them */
  bool is_strand;
  edb_plan_inputs *inputs; /* by cell */
  edb_borrow *borrows;     /* by output of each cell */
  size_t n_borrows;
  char *scratch;
  size_t scratch_bytes;
  bool timing;
} edb_cpu;

/* Most nodes of a chunk, and most elements of its largest group. */
typedef struct edb_cpu_room {
  size_t nodes, elements;
} edb_cpu_room;

typedef struct edb_frame {
  edb_cpu *cpu;
  const edb_cpu_cell *cell;
  const edb_plan_inputs *inputs; /* of the cell */
  const edb_graph *graph;
  const edb_store *store;
  const edb_node *nodes; /* of the chunk */
  size_t *rows;          /* [n_domains] rows of each domain in the chunk */
  uint32_t **first;      /* [n_groups] first element of each node, and the end */
  edb_block *blocks;     /* [n_slots] */
  const float *const *
      *apart;             /* [n_slots] rows of inputs that are read through pointers; else NULL */
  const float **pointers; /* room for the row pointers of the largest domain */
  int32_t *ids;           /* room for its indices */
  float *tile;            /* room for a tile's local values */
  float *pairs;           /* bf16: room for the operand rows of a product */
  float *staged;          /* room for rows of outputs that are stored apart */
  bool labels;            /* at least one node has labels */
  edb_run_stats *stats;
  edb_error *error;
  /* For steps that threads share: */
  edb_cpu_room room;
  char *view_memory; /* for the threads' views of the chunk; NULL: steps are not shared */
  bool views_open;
} edb_frame;

/* A thread of the session. */
typedef struct edb_cpu_worker {
  alignas(EDB_ALIGN) edb_run_stats stats; /* not yet added to those of the run */
  edb_frame view;                         /* of a chunk whose steps are shared */
  edb_error error;
  uint32_t failed; /* first part of a task that failed here; UINT32_MAX: none */
  edb_status status;
  edb_error first_error; /* of that part */
} edb_cpu_worker;

static inline size_t edb_cpu_align16(size_t n) {
  return (n + 15) / 16 * 16;
}

/* Depth of a product step's packed weights and rows: pairs, where they are bf16. */
static inline size_t edb_cpu_depth(const edb_cpu *cpu, const edb_step *step) {
  return cpu->bf16 ? edb_bf16_pairs(step->depth) : step->depth;
}

/* Memory for packed weights: made with the cells, filled when a cell runs for the first time or the
 * weights' version has moved since. */
EDB_MUST_CHECK edb_status edb_cpu_weights_create(edb_cpu *cpu, edb_error *error);
/* The memory, which can be given back between runs. */
EDB_MUST_CHECK edb_status edb_cpu_weights_open(edb_cpu *cpu, edb_error *error);
void edb_cpu_weights_close(edb_cpu *cpu);
void edb_cpu_weights_refill(edb_cpu *cpu, edb_cpu_cell *cell);
void edb_cpu_weights_destroy(edb_cpu *cpu);

/* Rows `row` .. `row + count - 1` of a slot as the kernels want them. */
static inline edb_block edb_frame_rows(const edb_frame *f, uint32_t slot, size_t row) {
  edb_block b = f->blocks[slot];
  if (!f->cell->plan->slots[slot].local) b.data += (ptrdiff_t)row * b.stride;
  return b;
}

/* ---- Scratch memory (exec/cpu.c) ---------------------------------------------------------------
 */

/* Lays a thread's own part of a frame out at `base`; gives its size, also without a frame. */
size_t edb_cpu_layout_view(const edb_cpu_cell *cell, edb_cpu_room room, edb_frame *frame,
                           char *base);

/* ---- Sharing (exec/cpu_share.c) ---------------------------------------------------------------
 */

/* What sharing costs: the dispatch (bench_pool: 250 to 650), and each number of a product's operand
 * and result, which go from cache to cache. Measured with 2 threads where these are near and where
 * they are far: without the second, products of a few rows at hidden size 64 were shared at a loss
 * of up to 40 %; at 256 it makes no difference. */
#define EDB_CPU_SHARE_NS 500
#define EDB_CPU_MOVE_NS  0.4

/* Part `part` of a task, on thread `worker`, whose `error` gets the text of a failure. */
typedef edb_status (*edb_cpu_part_fn)(void *arg, uint32_t worker, uint32_t part);

/* Runs parts 0 .. n_parts - 1 on the session's threads. Of those that fail the first one counts. */
EDB_MUST_CHECK edb_status edb_cpu_share(edb_cpu *cpu, uint32_t n_parts, edb_cpu_part_fn fn,
                                        void *arg, edb_error *error);

/* How a batch is cut: `parts` stretches of `rows` nodes (the last one of the rest), run side by
 * side; one part: step by step. */
typedef struct edb_cpu_cut {
  uint32_t parts;
  size_t rows;
} edb_cpu_cut;
/* Most rows of a part, if there are several. */
#define EDB_CPU_MOST_ROWS 72
edb_cpu_cut edb_cpu_cut_batch(const edb_cpu *cpu, const edb_cpu_cell *cell, size_t count);
void edb_cpu_collect_stats(edb_cpu *cpu, edb_run_stats *stats);

/* About what a gathered value takes: rows come from afar. */
#define EDB_CPU_GATHER_NS 0.1

/* Rows that threads may share: fn(view, arg, row, count) with counts of `most` or fewer, one after
 * another on `frame` itself where sharing does not pay. */
typedef struct edb_cpu_rows {
  size_t rows, most;
  double ns; /* about what they take on one thread */
  edb_status (*fn)(edb_frame *view, const void *arg, size_t row, size_t count);
  bool same_frame; /* fn writes nothing of a thread's own: it gets the frame, not a view */
  const void *arg;
} edb_cpu_rows;
EDB_MUST_CHECK edb_status edb_cpu_run_over_rows(edb_frame *frame, const edb_cpu_rows *what);

/* C = A * packed weights, by columns. */
typedef struct edb_product {
  size_t rows, columns, depth;
  const float *a, *packed;
  const float *const *a_rows; /* rows of A by pointers; NULL: from a on */
  ptrdiff_t a_stride, c_stride;
  float *c;
  const edb_wanted *wanted; /* what to ask for on the way, where no threads share it */
  size_t n_wanted;
} edb_product;
/* Several that do not read each other's results; threads take their panels in one task. */
#define EDB_CPU_MOST_PRODUCTS 8
void edb_cpu_run_products(edb_frame *frame, const edb_product *products, size_t count);

/* About what a node takes, and steps from .. to - 1 over so many rows, on one thread. */
edb_cost edb_cpu_cost(const edb_cpu *cpu, const edb_plan *plan);
double edb_cpu_steps_ns(const edb_frame *frame, uint32_t from, uint32_t to, size_t rows);

/* ---- Operands (exec/cpu_operands.c) -----------------------------------------------------------
 */

/* Rows that lie apart come as layout/row_rule.h says. What `bench_rows` says of asking for them: a
 * product has to, and gathers and scattered stores gain a third where the rows are not in the
 * second-level cache, and lose otherwise. */
static inline bool edb_cpu_is_far(const edb_frame *f) {
  return f->store->run_bytes > f->cpu->rule.near_bytes;
}

/* Numbers of rows of the chunk's domains, from its nodes. */
void edb_cpu_bind_rows(edb_frame *frame, size_t nodes);
/* Tells the slots of a cell whose blocks move from chunk to chunk from those that do not. */
EDB_MUST_CHECK edb_status edb_cpu_slots_create(edb_context *ctx, edb_cpu_cell *cell,
                                               edb_error *error);
void edb_cpu_slots_destroy(edb_context *ctx, edb_cpu_cell *cell);
/* The blocks of those that do not, from the weights. */
void edb_cpu_bind_fixed(const edb_cpu *cpu, edb_cpu_cell *cell);
/* All blocks of the chunk; gathers inputs that cannot be read in place. */
void edb_cpu_bind_slots(edb_frame *frame, float *const *domain_base);
/* Rows frame->pointers[0 .. n - 1] to a slot. */
void edb_cpu_gather_rows(edb_frame *frame, uint32_t slot, size_t n);
void edb_cpu_run_gather(edb_frame *frame, const edb_step *step);
/* Rows of a slot that are matrices of so many columns, each in one part or several below each
 * other: those from row `first` of the chunk on. */
typedef struct edb_matrices {
  uint32_t n_parts;
  size_t first;
  size_t height[EDB_MATRIX_PARTS];            /* rows of each part */
  const float *const *rows[EDB_MATRIX_PARTS]; /* it is at rows[part][row of the chunk] */
  edb_block block;                            /* if rows[0] is NULL: all is here */
} edb_matrices;
edb_matrices edb_cpu_find_matrices(const edb_frame *frame, uint32_t slot, size_t columns,
                                   size_t first);
/* The parts of matrix `i`; `more`: there is another one. */
static inline void edb_cpu_matrix_at(const edb_matrices *m, size_t i, bool more,
                                     edb_matrix_part *parts) {
  for (uint32_t k = 0; k < m->n_parts; k++) {
    const float *const *rows = m->rows[k];
    const float *at = rows ? rows[m->first + i] : m->block.data + (ptrdiff_t)i * m->block.stride;
    const float *next = rows ? (more ? rows[m->first + i + 1] : NULL)
                             : (more && m->block.stride ? at + m->block.stride : NULL);
    parts[k] = (edb_matrix_part){at, m->height[k], next};
  }
}
/* Stores rows of the outputs that steps from .. to - 1 have completed wherever placement wants them
 * beside, or instead of, the slot's own rows. */
void edb_cpu_store_rows(edb_frame *frame, uint32_t from, uint32_t to, size_t row, size_t count);
/* Where the arity of a variadic group stands among those of a node: that of any of its inputs. */
uint32_t edb_cpu_group_place(const edb_type_sig *sig, uint32_t group);

/* ---- Steps (exec/cpu_steps.c, exec/cpu_launch.c, exec/cpu_ops.c) ------------------------------
 */

/* All steps of the plan over the chunk's nodes. */
EDB_MUST_CHECK edb_status edb_cpu_run_chunk(edb_frame *frame, size_t nodes,
                                            float *const *domain_base);
edb_launch edb_cpu_launch_of(const edb_kernels *kernels, const edb_plan *plan,
                             const edb_step *step);
/* Rows row .. row + count - 1 of an elementwise step. */
void edb_cpu_run_launch(const edb_frame *frame, const edb_launch *launch, size_t row, size_t count);
/* Runs a step of another operator over rows row .. row + count - 1 of its
 * domain; one that reduces over the inputs of a node over those of the nodes. */
EDB_MUST_CHECK edb_status edb_cpu_run_operators(edb_frame *frame, const edb_step *step, size_t row,
                                                size_t count);
/* Indices of an index attribute for those rows, into frame->ids. */
void edb_cpu_indices(edb_frame *frame, const edb_step *step, size_t row, size_t count);
/* The node (position in the chunk) of each element of a group. */
size_t edb_cpu_node_of(const edb_frame *frame, uint32_t group, size_t element);
/* The first element behind those of a node, but `end` at most. */
static inline size_t edb_cpu_elements_end(const edb_frame *f, uint32_t group, size_t node,
                                          size_t end) {
  size_t next = f->first[group][node + 1];
  return next < end ? next : end;
}

#endif
