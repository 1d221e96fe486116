/* exec/cpu_share.c: how the threads of a session share the work of the CPU backend.
 *
 * A batch of many rows is cut into stretches of rows; a thread runs all steps over its stretch,
 * with scratch memory of its own, and nobody waits before the end of the batch. A batch of fewer
 * rows runs step by step: of a product each thread takes the same columns of the weights every
 * time, so that they stay in the second-level cache of its core, and of products that do not read
 * each other's results in one go; other steps are cut by rows. What is too little to be worth the
 * while stays on the caller's thread. */
#include "exec/cpu.h"

#include <stdatomic.h>
#include <string.h>

/* Rows per thread from which a batch is cut into stretches: two tiles of a product. So many hold a
 * core as long as the third-level cache takes to give it the weights (at 5 to 7 rows), and the
 * steps need not wait for each other: 2 threads, TreeLSTM and LatticeLSTM of hidden size 256, 12
 * rows were as good as 8 and better than 24 by 2 to 5 %. */
#define ROWS_PER_THREAD 12

/* The same where the second-level cache of each core has the weights of all cells anyway: a tile.
 * At hidden size 64 better than 12 by up to 15 %. */
#define ROWS_PER_NEAR_THREAD 6

/* Rows of a stretch of many, about: small enough that those of a thread that is put aside are not
 * missed for long. */
#define STRETCH_ROWS 48

/* Rows that a product is cut into where it has too few columns to go round: two tiles. */
#define BLOCK_ROWS ((size_t)12)

/* ---- Parts --------------------------------------------------------------------------------------
 */

typedef struct sharing {
  edb_cpu *cpu;
  edb_cpu_part_fn fn;
  void *arg;
  atomic_uint failed; /* first part that failed */
} sharing;

/* Parts behind one that failed are left out: what they would say does not count. */
static void run_part(void *argument, uint32_t worker, uint32_t part) {
  sharing *s = argument;
  uint32_t failed = atomic_load(&s->failed);
  if (part > failed) return;
  edb_cpu_worker *w = &s->cpu->workers[worker];
  edb_status status = s->fn(s->arg, worker, part);
  if (status == EDB_OK) return;
  if (part < w->failed) {
    w->failed = part;
    w->status = status;
    w->first_error = w->error;
  }
  while (part < failed && !atomic_compare_exchange_weak(&s->failed, &failed, part)) {
  }
}

edb_status edb_cpu_share(edb_cpu *cpu, uint32_t n_parts, edb_cpu_part_fn fn, void *arg,
                         edb_error *error) {
  sharing s = {.cpu = cpu, .fn = fn, .arg = arg};
  atomic_init(&s.failed, UINT32_MAX);
  edb_pool_run(cpu->pool, n_parts, run_part, &s);
  uint32_t failed = atomic_load(&s.failed);
  if (failed == UINT32_MAX) return EDB_OK;
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i < edb_pool_threads(cpu->pool); i++) {
    edb_cpu_worker *w = &cpu->workers[i];
    if (w->failed == failed) {
      status = w->status;
      if (error) *error = w->first_error;
    }
    w->failed = UINT32_MAX;
  }
  return status;
}

/* ---- What work takes ----------------------------------------------------------------------------
 */

/* On one core, from the second-level cache; only to tell little work from much. */
typedef struct pace {
  double flops_per_ns, values_per_ns;
} pace;

static pace pace_of(edb_simd simd) {
  if (simd == EDB_SIMD_AVX512) return (pace){200, 10};
  if (simd == EDB_SIMD_AVX2) return (pace){100, 5};
  return (pace){4, 0.6};
}

/* Multiply-adds per value of a product of two values. */
static size_t inner_depth(const edb_plan *plan, const edb_step *step) {
  edb_shape shape = plan->cell->ops[step->op].shape;
  size_t a = plan->slots[step->operand[0]].width, b = plan->slots[step->operand[1]].width;
  if (shape.rank == 2) return a / shape.dim[0];
  return a > b ? a / shape.dim[0] : a;
}

/* Of one row of its domain. */
static double step_ns(const edb_cpu *cpu, const edb_plan *plan, const edb_step *step) {
  pace p = pace_of(cpu->kernels->simd);
  if (step->kind == EDB_STEP_PRODUCT)
    return 2.0 * step->depth * step->columns * step->repeat / p.flops_per_ns;
  size_t width = plan->slots[step->result].width;
  if (step->kind == EDB_STEP_OP && plan->cell->ops[step->op].kind == EDB_OP_PRODUCT)
    return 2.0 * (double)width * (double)inner_depth(plan, step) / p.flops_per_ns;
  for (uint32_t i = 0; i < step->n_operands && step->kind == EDB_STEP_OP; i++)
    if (step->operand[i] != EDB_SLOT_NONE && plan->slots[step->operand[i]].domain == step->domain &&
        plan->slots[step->operand[i]].width > width)
      width = plan->slots[step->operand[i]].width;
  return (double)width / p.values_per_ns;
}

/* Of a batch, beside its nodes: what a kernel takes before its first row, and for how many rows
 * more the weights of a product take that others have driven out of the nearest cache. Measured on
 * the zoo at hidden sizes 64 to 512 (edbatch calibrate). */
#define KERNEL_NS    40.0
#define WEIGHTS_ROWS 1.5

edb_cost edb_cpu_cost(const edb_cpu *cpu, const edb_plan *plan) {
  edb_cost cost = {0};
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *step = &plan->steps[i];
    double ns = step_ns(cpu, plan, step);
    cost.node_ns += ns;
    if (!step->joined) cost.batch_ns += KERNEL_NS;
    if (step->kind == EDB_STEP_PRODUCT) cost.batch_ns += WEIGHTS_ROWS * ns / step->repeat;
  }
  return cost;
}

double edb_cpu_steps_ns(const edb_frame *f, uint32_t from, uint32_t to, size_t rows) {
  double ns = 0;
  if (!f->view_memory) return 0; /* they are not shared whatever they take */
  for (uint32_t i = from; i < to; i++)
    ns += step_ns(f->cpu, f->cell->plan, &f->cell->plan->steps[i]);
  return ns * (double)rows;
}

static bool is_worth(const edb_cpu *cpu, double ns) {
  double threads = edb_pool_threads(cpu->pool);
  return ns * (threads - 1) >= cpu->share_ns * threads;
}

/* ---- Batches ------------------------------------------------------------------------------------
 */

edb_cpu_cut edb_cpu_cut_batch(const edb_cpu *cpu, const edb_cpu_cell *cell, size_t count) {
  size_t threads = edb_pool_threads(cpu->pool);
  size_t least = cpu->near_weights ? ROWS_PER_NEAR_THREAD : ROWS_PER_THREAD;
  if (threads == 1 || count < threads * least || !is_worth(cpu, cell->cost.node_ns * (double)count))
    return (edb_cpu_cut){.parts = 1, .rows = count};
  size_t rounds = (count + threads * STRETCH_ROWS / 2) / (threads * STRETCH_ROWS);
  size_t parts = threads * (rounds > 0 ? rounds : 1), rows = (count + parts - 1) / parts;
  EDB_ASSERT(rows <= EDB_CPU_MOST_ROWS);
  return (edb_cpu_cut){.parts = (uint32_t)((count + rows - 1) / rows), .rows = rows};
}

/* The threads' sums to the run's. Their times are those of all of them: a share each. */
void edb_cpu_collect_stats(edb_cpu *cpu, edb_run_stats *stats) {
  uint32_t threads = edb_pool_threads(cpu->pool);
  for (uint32_t i = 0; i < threads; i++) {
    edb_run_stats *s = &cpu->workers[i].stats;
    stats->copy_ns += s->copy_ns / threads;
    stats->product_ns += s->product_ns / threads;
    stats->elementwise_ns += s->elementwise_ns / threads;
    stats->kernels += s->kernels;
    stats->bytes_copied += s->bytes_copied;
    stats->input_gathers += s->input_gathers;
    stats->internal_gathers += s->internal_gathers;
    stats->internal_bytes += s->internal_bytes;
    stats->rows_stored_again += s->rows_stored_again;
    stats->rows_through_pointers += s->rows_through_pointers;
    stats->flops += s->flops;
    *s = (edb_run_stats){0};
  }
}

/* ---- Steps over rows ----------------------------------------------------------------------------
 */

/* The chunk as the threads see it: row pointers, indices and the tile are their own. */
static void open_views(edb_frame *f) {
  edb_cpu *cpu = f->cpu;
  const edb_plan *plan = f->cell->plan;
  char *memory = f->view_memory;
  f->views_open = true;
  for (uint32_t i = 0; i < edb_pool_threads(cpu->pool); i++) {
    edb_cpu_worker *w = &cpu->workers[i];
    edb_frame *view = &w->view;
    *view = *f;
    view->view_memory = NULL;
    view->stats = &w->stats;
    view->error = &w->error;
    memory += edb_cpu_layout_view(f->cell, f->room, view, memory);
    memcpy(view->blocks, f->blocks, plan->n_slots * sizeof *view->blocks);
    for (uint32_t s = 0; s < plan->n_slots; s++)
      if (plan->slots[s].local) view->blocks[s].data = view->tile + (f->blocks[s].data - f->tile);
  }
}

typedef struct rows_task {
  edb_frame *frame;
  const edb_cpu_rows *what;
  size_t per_part;
} rows_task;

/* Rows from .. to - 1, `most` at a time. */
static edb_status run_tiles(edb_frame *f, const edb_cpu_rows *what, size_t from, size_t to) {
  for (size_t row = from; row < to; row += what->most)
    EDB_TRY(what->fn(f, what->arg, row, to - row < what->most ? to - row : what->most));
  return EDB_OK;
}

static edb_status run_some_rows(void *argument, uint32_t worker, uint32_t part) {
  const rows_task *t = argument;
  size_t from = part * t->per_part, left = t->what->rows - from;
  return run_tiles(t->what->same_frame ? t->frame : &t->frame->cpu->workers[worker].view, t->what,
                   from, from + (left < t->per_part ? left : t->per_part));
}

edb_status edb_cpu_run_over_rows(edb_frame *f, const edb_cpu_rows *what) {
  if (what->rows < 2 || !f->view_memory || !is_worth(f->cpu, what->ns))
    return run_tiles(f, what, 0, what->rows);
  if (!what->same_frame && !f->views_open) open_views(f);
  uint32_t threads = edb_pool_threads(f->cpu->pool);
  rows_task task = {.frame = f, .what = what, .per_part = (what->rows + threads - 1) / threads};
  return edb_cpu_share(f->cpu, (uint32_t)((what->rows + task.per_part - 1) / task.per_part),
                       run_some_rows, &task, f->error);
}

/* ---- Products by columns ------------------------------------------------------------------------
 */

static void multiply(const edb_cpu *cpu, const edb_product *p, size_t row, size_t rows,
                     size_t column, size_t columns) {
  const float *packed = p->packed + column * p->depth;
  float *c = p->c + (ptrdiff_t)row * p->c_stride + column;
  if (p->a_rows)
    cpu->kernels->product_packed_rows(rows, columns, p->depth, p->a_rows + row, packed, c,
                                      p->c_stride, NULL, 0);
  else
    cpu->product(rows, columns, p->depth, p->a + (ptrdiff_t)row * p->a_stride, p->a_stride, packed,
                 c, p->c_stride);
}

/* All of it; its rows through pointers, as the kernel that asks for others wants them. */
static void multiply_alone(edb_frame *f, const edb_product *p) {
  const float *const *rows = p->a_rows;
  if (p->n_wanted == 0) {
    multiply(f->cpu, p, 0, p->rows, 0, p->columns);
    return;
  }
  for (size_t r = 0; !p->a_rows && r < p->rows; r++)
    f->pointers[r] = p->a + (ptrdiff_t)r * p->a_stride;
  if (!rows) rows = f->pointers;
  f->cpu->kernels->product_packed_rows(p->rows, p->columns, p->depth, rows, p->packed, p->c,
                                       p->c_stride, p->wanted, p->n_wanted);
}

/* How one of several products is cut: by panels, and blocks of rows where these are too few. */
typedef struct product_cut {
  const edb_product *p;
  uint32_t end;      /* first part behind its own */
  uint32_t blocks;   /* parts of the rows */
  size_t block_rows; /* of each but the last */
} product_cut;

typedef struct product_task {
  const edb_cpu *cpu;
  product_cut cuts[EDB_CPU_MOST_PRODUCTS];
} product_task;

/* Blocks of rows of a panel follow each other: a thread keeps to its panels. */
static edb_status run_panel(void *argument, uint32_t worker, uint32_t part) {
  const product_task *t = argument;
  const product_cut *cut = t->cuts;
  for (; part >= cut->end; cut++) {
  }
  const edb_product *p = cut->p;
  if (cut > t->cuts) part -= cut[-1].end;
  size_t panel = t->cpu->kernels->panel, column = (size_t)(part / cut->blocks) * panel;
  size_t row = part % cut->blocks * cut->block_rows;
  size_t columns = p->columns - column, rows = p->rows - row;
  (void)worker;
  multiply(t->cpu, p, row, rows < cut->block_rows ? rows : cut->block_rows, column,
           columns < panel ? columns : panel);
  return EDB_OK;
}

static uint32_t panels_of(const edb_cpu *cpu, const edb_product *p) {
  return (uint32_t)((p->columns - 1) / cpu->kernels->panel + 1);
}

static product_cut cut_product(const edb_cpu *cpu, const edb_product *p, size_t blocks,
                               uint32_t first_part) {
  size_t most = p->rows / BLOCK_ROWS;
  EDB_ASSERT(blocks > 0);
  if (blocks > most) blocks = most > 0 ? most : 1;
  size_t block_rows = (p->rows + blocks - 1) / blocks;
  if (blocks > 1) block_rows = (block_rows + 5) / 6 * 6;
  blocks = (p->rows + block_rows - 1) / block_rows;
  return (product_cut){.p = p,
                       .end = first_part + panels_of(cpu, p) * (uint32_t)blocks,
                       .blocks = (uint32_t)blocks,
                       .block_rows = block_rows};
}

/* About what threads could share of the time of products: the numbers they must move take it back.
 */
static double shared_ns(const edb_cpu *cpu, const edb_product *products, size_t count) {
  double ns = 0;
  for (size_t i = 0; i < count; i++) {
    double rows = (double)products[i].rows, columns = (double)products[i].columns,
           depth = (double)products[i].depth;
    ns += 2.0 * rows * columns * depth / pace_of(cpu->kernels->simd).flops_per_ns -
          rows * (columns + depth) * cpu->move_ns;
  }
  return ns;
}

void edb_cpu_run_products(edb_frame *f, const edb_product *products, size_t count) {
  if (!f->view_memory || !is_worth(f->cpu, shared_ns(f->cpu, products, count))) {
    for (size_t i = 0; i < count; i++) multiply_alone(f, &products[i]);
    return;
  }
  uint32_t wanted = 4 * edb_pool_threads(f->cpu->pool), panels = 0, parts = 0;
  product_task task = {.cpu = f->cpu};
  EDB_ASSERT(count <= EDB_CPU_MOST_PRODUCTS);
  for (size_t i = 0; i < count; i++) panels += panels_of(f->cpu, &products[i]);
  for (size_t i = 0; i < count; i++) {
    task.cuts[i] = cut_product(f->cpu, &products[i], (wanted - 1) / panels + 1, parts);
    parts = task.cuts[i].end;
  }
  /* Products cannot fail. */
  (void)!edb_cpu_share(f->cpu, parts, run_panel, &task, f->error);
}
