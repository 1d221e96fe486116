/* tools/plan_map.c: the memory of a plan as text: what stands beside what, and which kernels read
 * and write it in one piece. */
#include "output.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 160 /* characters of a block; what is behind is left out */

const char *plan_value_name(const edb_program *program, const edb_ir_cell *cell, edb_ref ref,
                            char *buffer) {
  switch (ref.kind) {
  case EDB_REF_INPUT:
    snprintf(buffer, PLAN_NAME_BYTES, "%s", cell->sig.inputs[ref.index].name);
    return buffer;
  case EDB_REF_DENSE:
    snprintf(buffer, PLAN_NAME_BYTES, "%s", cell->sig.dense[ref.index].name);
    return buffer;
  case EDB_REF_INDEX:
    snprintf(buffer, PLAN_NAME_BYTES, "%s", cell->sig.indices[ref.index].name);
    return buffer;
  case EDB_REF_PARAM:
    snprintf(buffer, PLAN_NAME_BYTES, "%s", program->params[ref.index].name);
    return buffer;
  case EDB_REF_NUMBER:
    snprintf(buffer, PLAN_NAME_BYTES, "%g", cell->numbers[ref.index]);
    return buffer;
  case EDB_REF_OP:
    break;
  }
  const edb_ir_op *op = &cell->ops[ref.index];
  if (op->name) {
    snprintf(buffer, PLAN_NAME_BYTES, "%s", op->name);
    return buffer;
  }
  for (uint32_t i = 0; i < op->n_operands; i++) {
    edb_ref operand = cell->operands[op->operand_start + i];
    if (op->kind != EDB_OP_PRODUCT || operand.kind != EDB_REF_PARAM) continue;
    snprintf(buffer, PLAN_NAME_BYTES, "%s@", program->params[operand.index].name);
    return buffer;
  }
  snprintf(buffer, PLAN_NAME_BYTES, "%s_%u", edb_op_get(op->kind)->name, ref.index);
  return buffer;
}

/* ---- Kernels --------------------------------------------------------------------------------- */

static const char *const fusion_names[] = {
#define FUSION_NAME(id, kernel, first, second, position) #kernel,
    EDB_FUSION_PAIRS(FUSION_NAME) EDB_FUSION_TRIPLES(FUSION_NAME)
#undef FUSION_NAME
};

const char *plan_kernel_name(const edb_plan *plan, const edb_step *s) {
  switch (s->kind) {
  case EDB_STEP_PRODUCT:
    return "product";
  case EDB_STEP_GATHER:
    return "gather of an input";
  case EDB_STEP_EXPAND:
    return "copy to each element";
  case EDB_STEP_COPY:
    return "copy";
  case EDB_STEP_FUSED:
    return fusion_names[s->fusion];
  case EDB_STEP_OP:
    break;
  }
  return edb_op_get(plan->cell->ops[s->op].kind)->name;
}

/* ---- One block ------------------------------------------------------------------------------- */

typedef struct column {
  uint32_t offset, width; /* floats */
  uint32_t at;            /* characters before it */
  char name[PLAN_NAME_BYTES];
} column;

typedef struct block_map {
  const edb_plan *plan;
  uint32_t slot;
  column *columns;
  uint32_t n_columns, length; /* characters */
} block_map;

static void add_column(block_map *m, uint32_t offset, uint32_t width, edb_ref ref) {
  column *c = &m->columns[m->n_columns];
  for (uint32_t i = 0; i < m->n_columns; i++)
    if (m->columns[i].offset < offset + width &&
        offset < m->columns[i].offset + m->columns[i].width)
      return; /* another view of what is there */
  *c = (column){.offset = offset, .width = width};
  plan_value_name(m->plan->program, m->plan->cell, ref, c->name);
  m->n_columns++;
}

static bool is_container(edb_op_kind kind) {
  return kind == EDB_OP_CONCAT || kind == EDB_OP_SLICE || kind == EDB_OP_RESHAPE ||
         kind == EDB_OP_DROPOUT;
}

static int by_offset(const void *a, const void *b) {
  const column *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint32_t root_place(const edb_plan *plan, uint32_t slot, uint32_t *offset) {
  size_t first;
  uint32_t root = edb_plan_root(plan, slot, &first);
  *offset = (uint32_t)first;
  return root;
}

/* The values that stand in the block; what is made in it goes before views of it. */
static void find_columns(block_map *m) {
  const edb_plan *plan = m->plan;
  for (uint32_t i = 0; i < plan->n_steps; i++) {
    const edb_step *s = &plan->steps[i];
    uint32_t offset, n_inputs = plan->cell->sig.n_inputs;
    if (s->kind != EDB_STEP_GATHER || root_place(plan, s->result, &offset) != m->slot) continue;
    edb_ref ref = {.kind = s->source < n_inputs ? EDB_REF_INPUT : EDB_REF_DENSE,
                   .index = s->source < n_inputs ? s->source : s->source - n_inputs};
    add_column(m, offset, plan->slots[s->result].width, ref);
  }
  for (int views = 0; views < 2; views++)
    for (uint32_t i = 0; i < plan->cell->n_ops; i++) {
      edb_place place = plan->op_place[i];
      if (place.slot == m->slot && is_container(plan->cell->ops[i].kind) == (views == 1))
        add_column(m, place.offset, place.width, (edb_ref){EDB_REF_OP, i});
    }
  if (plan->slots[m->slot].kind == EDB_SLOT_INPUT)
    add_column(m, 0, plan->slots[m->slot].width,
               (edb_ref){EDB_REF_INPUT, plan->slots[m->slot].index});
  qsort(m->columns, m->n_columns, sizeof *m->columns, by_offset);
  m->length = 0;
  for (uint32_t i = 0; i < m->n_columns; i++) {
    column *c = &m->columns[i];
    size_t wanted = strlen(c->name) + 1;
    c->at = m->length;
    m->length += wanted < 6 ? 6 : (uint32_t)wanted;
  }
}

/* Where a float of the block is in the line: the edge of the column it begins or is in. */
static uint32_t character(const block_map *m, uint32_t offset, bool end) {
  for (uint32_t i = 0; i < m->n_columns; i++) {
    const column *c = &m->columns[i];
    uint32_t next = i + 1 < m->n_columns ? m->columns[i + 1].at : m->length;
    if (offset > c->offset + c->width || (!end && offset == c->offset + c->width)) continue;
    return end && offset > c->offset ? next : c->at;
  }
  return m->length;
}

static void print_span(const block_map *m, uint32_t slot, uint32_t number, const edb_step *s,
                       const char *what) {
  uint32_t offset, root = root_place(m->plan, slot, &offset);
  if (root != m->slot || m->length > MOST_COLUMNS) return;
  uint32_t from = character(m, offset, false);
  uint32_t to = character(m, offset + m->plan->slots[slot].width, true);
  printf("    %*s<", (int)from, "");
  for (uint32_t i = from + 1; i + 1 < to; i++) putchar('-');
  printf(">%*s %s by %u %s\n", (int)(m->length > to ? m->length - to : 0), "", what, number,
         plan_kernel_name(m->plan, s));
}

static const char *kind_text(const edb_slot *s) {
  switch (s->kind) {
  case EDB_SLOT_INPUT:
    return "an input, read in place";
  case EDB_SLOT_OUTPUT:
    return "an output";
  default:
    return s->local ? "in a tile" : "scratch";
  }
}

static void print_block(block_map *m) {
  const edb_slot *s = &m->plan->slots[m->slot];
  uint32_t kernel = 0;
  find_columns(m);
  if (m->n_columns == 0) return;
  printf("    ");
  for (uint32_t i = 0; i < m->n_columns; i++) {
    uint32_t next = i + 1 < m->n_columns ? m->columns[i + 1].at : m->length;
    printf("|%-*s", (int)(next - m->columns[i].at) - 1, m->columns[i].name);
  }
  printf("| %u float%s%s, %s\n", s->width, PLURAL(s->width),
         s->domain >= EDB_DOMAIN_GROUP    ? " per element"
         : s->domain == EDB_DOMAIN_STATIC ? " in all"
                                          : "",
         kind_text(s));
  for (uint32_t i = 0; i < m->plan->n_steps; i++) {
    const edb_step *step = &m->plan->steps[i];
    kernel += !step->joined;
    print_span(m, step->result, kernel, step, "written");
    for (uint32_t k = 0; k < step->n_operands; k++)
      if (step->operand[k] != EDB_SLOT_NONE) print_span(m, step->operand[k], kernel, step, "read");
  }
}

void plan_print_map(const edb_plan *plan) {
  size_t room = (size_t)plan->n_steps + plan->cell->n_ops + 1;
  column *columns = calloc(room, sizeof *columns);
  for (uint32_t i = 0; columns && i < plan->n_slots; i++) {
    edb_slot_kind kind = plan->slots[i].kind;
    block_map map = {.plan = plan, .slot = i, .columns = columns};
    if (kind == EDB_SLOT_SCRATCH || kind == EDB_SLOT_INPUT || kind == EDB_SLOT_OUTPUT)
      print_block(&map);
  }
  free(columns);
}
