/* exec/cpu_steps.c: the steps of a plan over one chunk: products, copies, runs of elementwise steps
 * tile by tile. */
#include "base/clock.h"
#include "exec/cpu.h"

/* ---- Steps --------------------------------------------------------------------------------------
 */

/* A copy within the cell, or of an input to where the cell or an output wants it; parameters are
 * repeated for each node by a kernel like others. */
static void count_copy(edb_frame *f, const edb_step *step) {
  const edb_plan *plan = f->cell->plan;
  edb_slot_kind from = plan->slots[edb_plan_root(plan, step->operand[0], NULL)].kind;
  size_t bytes = f->rows[step->domain] * plan->slots[step->result].width * sizeof(float);
  if (from == EDB_SLOT_INPUT) {
    f->stats->input_gathers += !step->joined;
    f->stats->bytes_copied += bytes;
  } else if (plan->slots[step->operand[0]].domain != EDB_DOMAIN_STATIC) {
    f->stats->internal_gathers += !step->joined;
    f->stats->internal_bytes += bytes;
  }
}

/* `count` rows of a product's operand, the first of them row `first` of all that the step takes, as
 * its kernel wants them. */
static edb_block factor(edb_frame *f, const edb_step *step, edb_block a, size_t first,
                        size_t count) {
  if (!f->cpu->bf16) return a;
  size_t pairs = edb_bf16_pairs(step->depth);
  float *to = f->pairs + first * pairs;
  f->cpu->kernels->to_bf16(count, step->depth, a.data, a.stride, to, (ptrdiff_t)pairs);
  return (edb_block){to, (ptrdiff_t)pairs};
}

/* Rows that lie apart, as a product in bf16 wants them: rounding brings them together. */
static edb_block factor_apart(edb_frame *f, const edb_step *step, const float *const *rows,
                              size_t count) {
  size_t pairs = edb_bf16_pairs(step->depth);
  for (size_t r = 0; r < count; r++)
    f->cpu->kernels->to_bf16(1, step->depth, rows[r], 0, f->pairs + r * pairs, (ptrdiff_t)pairs);
  return (edb_block){f->pairs, (ptrdiff_t)pairs};
}

/* Operands that are matrices: a product for each row, of as many rows as the matrix has. */
static edb_status run_matrices(edb_frame *f, const void *arg, size_t row, size_t count) {
  const uint32_t index = *(const uint32_t *)arg;
  const edb_step *step = &f->cell->plan->steps[index];
  edb_matrices a = edb_cpu_find_matrices(f, step->operand[0], step->depth, row);
  edb_block c = f->blocks[step->result];
  for (size_t r = row; r < row + count; r++) {
    edb_matrix_part part[EDB_MATRIX_PARTS] = {{0}};
    edb_cpu_matrix_at(&a, r - row, false, part);
    for (size_t i = 0, done = 0; i < a.n_parts; done += part[i++].rows) {
      edb_block matrix = {(float *)(uintptr_t)part[i].data, step->depth};
      matrix = factor(f, step, matrix, r * step->repeat + done, part[i].rows);
      f->cpu->product(part[i].rows, step->columns, edb_cpu_depth(f->cpu, step), matrix.data,
                      matrix.stride, f->cell->packed[index],
                      c.data + (ptrdiff_t)r * c.stride + done * step->columns, step->columns);
    }
  }
  return EDB_OK;
}

static edb_status run_matrix_product(edb_frame *f, uint32_t index) {
  size_t rows = f->rows[f->cell->plan->steps[index].domain];
  f->stats->kernels += !f->cell->plan->steps[index].joined;
  return edb_cpu_run_over_rows(f, &(edb_cpu_rows){.rows = rows,
                                                  .most = rows,
                                                  .ns = edb_cpu_steps_ns(f, index, index + 1, rows),
                                                  .fn = run_matrices,
                                                  .arg = &index});
}

/* Rows of fewer columns gain nothing. */
#define WANTED_COLUMNS 128
#define MOST_WANTED    16

/* Rows that lie far away and that the chunk's other steps need: those that elementwise steps read
 * through pointers, and those that its outputs are stored in. */
static size_t find_wanted(const edb_frame *f, uint32_t index, edb_wanted *wanted) {
  const edb_plan *plan = f->cell->plan;
  const edb_type_sig *sig = &plan->cell->sig;
  size_t n = 0;
  for (uint32_t i = 0; i < sig->n_inputs && n < MOST_WANTED; i++) {
    uint32_t slot = plan->input_slot[i];
    if (slot == EDB_SLOT_NONE || !f->apart[slot] || plan->slots[slot].width < WANTED_COLUMNS)
      continue;
    uint32_t k = edb_plan_inputs_find(f->inputs, slot);
    if (k == EDB_OPERAND_MIXED || f->inputs->operands[k].reader != EDB_READER_ELEMENTWISE) continue;
    wanted[n++] = (edb_wanted){.pointers = f->apart[slot],
                               .rows = f->rows[plan->slots[slot].domain],
                               .columns = plan->slots[slot].width};
  }
  for (uint32_t o = 0; o < sig->n_outputs && n < MOST_WANTED; o++) {
    uint32_t slot = plan->output_slot[o];
    if (plan->slots[slot].width < WANTED_COLUMNS || f->inputs->last_step[o] < index) continue;
    wanted[n++] = (edb_wanted){.first = f->blocks[slot].data,
                               .stride = f->blocks[slot].stride,
                               .rows = f->rows[EDB_DOMAIN_NODE],
                               .columns = plan->slots[slot].width};
  }
  return n;
}

/* A product of rows; `wanted` gets what it asks for on the way. */
static edb_product product_of(edb_frame *f, uint32_t index, edb_wanted *wanted) {
  const edb_step *step = &f->cell->plan->steps[index];
  edb_block a = f->blocks[step->operand[0]], c = f->blocks[step->result];
  size_t rows = f->rows[step->domain];
  const float *const *apart = f->apart[step->operand[0]];
  for (size_t r = 0; apart && r < rows; r++) edb_ask_row(apart[r], step->depth, false);
  a = apart && f->cpu->bf16 ? factor_apart(f, step, apart, rows) : factor(f, step, a, 0, rows);
  bool asks = index == f->cell->longest && edb_cpu_is_far(f) && !f->cpu->bf16;
  return (edb_product){.rows = rows,
                       .columns = step->columns,
                       .depth = edb_cpu_depth(f->cpu, step),
                       .a = a.data,
                       .a_rows = f->cpu->bf16 ? NULL : apart,
                       .packed = f->cell->packed[index],
                       .a_stride = a.stride,
                       .c_stride = c.stride,
                       .c = c.data,
                       .wanted = wanted,
                       .n_wanted = asks ? find_wanted(f, index, wanted) : 0};
}

/* Whether a product can run beside those of the steps from .. index - 1: it reads nothing of what
 * they make. (No scratch memory is used twice.) */
static bool is_beside(const edb_frame *f, uint32_t from, uint32_t index) {
  const edb_plan *plan = f->cell->plan;
  const edb_step *step = &plan->steps[index];
  if (step->kind != EDB_STEP_PRODUCT || step->repeat > 1 || f->rows[step->domain] == 0 ||
      (step->needs_labels && !f->labels))
    return false;
  uint32_t root = edb_plan_root(plan, step->operand[0], NULL);
  for (uint32_t i = from; i < index; i++)
    if (edb_plan_root(plan, plan->steps[i].result, NULL) == root) return false;
  return true;
}

/* The product at step `index`, and those after it that threads can share together with it: they
 * wait for each other once. In bf16 there is room for the operand of one only. *next gets the step
 * after them. */
static edb_status run_products(edb_frame *f, uint32_t index, uint32_t *next) {
  const edb_plan *plan = f->cell->plan;
  if (plan->steps[index].repeat > 1) return run_matrix_product(f, index);
  uint32_t end = index + 1;
  while (f->view_memory && !f->cpu->bf16 && end < plan->n_steps &&
         end - index < EDB_CPU_MOST_PRODUCTS && is_beside(f, index, end))
    end++;
  edb_product products[EDB_CPU_MOST_PRODUCTS];
  edb_wanted wanted[MOST_WANTED];
  for (uint32_t i = index; i < end; i++) {
    products[i - index] = product_of(f, i, wanted);
    f->stats->kernels += !plan->steps[i].joined;
  }
  edb_cpu_run_products(f, products, end - index);
  *next = end;
  return EDB_OK;
}

static void run_expand(edb_frame *f, const edb_step *step) {
  edb_block from = f->blocks[step->operand[0]];
  const uint32_t *first = f->first[step->group];
  for (size_t i = 0; i < f->rows[EDB_DOMAIN_NODE]; i++)
    for (uint32_t e = first[i]; e < first[i + 1]; e++)
      f->pointers[e] = from.data + (ptrdiff_t)i * from.stride;
  edb_cpu_gather_rows(f, step->result, f->rows[step->domain]);
  count_copy(f, step);
}

/* Of a batch that lends: whether the step would make an output whose rows are parameters. */
static bool makes_borrowed(const edb_frame *f, const edb_step *step) {
  const edb_plan *plan = f->cell->plan;
  const edb_slot *root = &plan->slots[edb_plan_root(plan, step->result, NULL)];
  return root->kind == EDB_SLOT_OUTPUT &&
         f->store->outputs[root->index].offset == EDB_ROWS_BORROWED;
}

typedef struct stretch {
  uint32_t from, to;
} stretch;

static edb_status run_stretch(edb_frame *f, const void *arg, size_t row, size_t count) {
  const stretch *s = arg;
  bool lends = f->store->outputs != NULL;
  for (uint32_t i = s->from; i < s->to; i++) {
    const edb_launch *launch = &f->cell->launches[i];
    if (lends && makes_borrowed(f, &f->cell->plan->steps[i])) continue;
    if (launch->form != EDB_LAUNCH_NONE)
      edb_cpu_run_launch(f, launch, row, count);
    else
      EDB_TRY(edb_cpu_run_operators(f, &f->cell->plan->steps[i], row, count));
  }
  edb_cpu_store_rows(f, s->from, s->to, row, count);
  return EDB_OK;
}

/* Steps from .. to - 1, row by row: those of a run tile by tile. */
static edb_status run_row_steps(edb_frame *f, uint32_t from, uint32_t to) {
  const edb_plan *plan = f->cell->plan;
  const edb_step *step = &plan->steps[from];
  bool over = step->kind == EDB_STEP_OP && edb_op_is_over(plan->cell->ops[step->op].kind);
  size_t rows = f->rows[over ? EDB_DOMAIN_NODE : step->domain];
  for (uint32_t i = from; i < to; i++) {
    if (f->store->outputs && makes_borrowed(f, &plan->steps[i])) continue;
    f->stats->kernels += !plan->steps[i].joined;
    if (plan->steps[i].kind == EDB_STEP_COPY) count_copy(f, &plan->steps[i]);
  }
  return edb_cpu_run_over_rows(
      f, &(edb_cpu_rows){.rows = rows,
                         .most = step->run ? f->cell->tile_rows : rows,
                         .ns = edb_cpu_steps_ns(f, from, to, f->rows[step->domain]),
                         .fn = run_stretch,
                         .arg = &(stretch){from, to}});
}

/* One step, or all steps of its run; *next gets the step after them. */
static edb_status run_step(edb_frame *f, uint32_t index, uint32_t *next) {
  const edb_plan *plan = f->cell->plan;
  const edb_step *step = &plan->steps[index];
  *next = index + 1;
  while (step->run && *next < plan->n_steps && plan->steps[*next].run == step->run) (*next)++;
  if ((step->needs_labels && !f->labels) || f->rows[step->domain] == 0) return EDB_OK;
  switch (step->kind) {
  case EDB_STEP_PRODUCT:
    EDB_TRY(run_products(f, index, next));
    break;
  case EDB_STEP_GATHER:
    edb_cpu_run_gather(f, step);
    break;
  case EDB_STEP_EXPAND:
    run_expand(f, step);
    break;
  case EDB_STEP_COPY:
  case EDB_STEP_FUSED:
  case EDB_STEP_OP:
    return run_row_steps(f, index, *next);
  }
  edb_cpu_store_rows(f, index, *next, 0, f->rows[EDB_DOMAIN_NODE]);
  return EDB_OK;
}

static uint64_t *time_of(edb_run_stats *stats, const edb_plan *plan, const edb_step *step) {
  bool is_product = step->kind == EDB_STEP_PRODUCT ||
                    (step->kind == EDB_STEP_OP && plan->cell->ops[step->op].kind == EDB_OP_PRODUCT);
  if (is_product) return &stats->product_ns;
  if (step->kind == EDB_STEP_GATHER || step->kind == EDB_STEP_EXPAND) return &stats->copy_ns;
  return &stats->elementwise_ns;
}

edb_status edb_cpu_run_chunk(edb_frame *f, size_t nodes, float *const *domain_base) {
  bool timing = f->cpu->timing;
  uint64_t then = timing ? edb_clock_ns() : 0;
  edb_cpu_bind_rows(f, nodes);
  edb_cpu_bind_slots(f, domain_base);
  if (timing) {
    uint64_t now = edb_clock_ns();
    f->stats->copy_ns += now - then;
    then = now;
  }
  for (uint32_t i = 0, next; i < f->cell->plan->n_steps; i = next) {
    EDB_TRY(run_step(f, i, &next));
    if (!timing) continue;
    uint64_t now = edb_clock_ns();
    *time_of(f->stats, f->cell->plan, &f->cell->plan->steps[i]) += now - then;
    then = now;
  }
  return EDB_OK;
}
