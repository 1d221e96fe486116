/* tools/plan_dot.c: a cell as a graph in the language of graphviz, its batches as clusters. */
#include "plan.h"

#include <stdio.h>

#include "layout/arrange_cell.h"

static void print_node(const edb_program *program, const edb_ir_cell *cell, uint32_t op) {
  char name[PLAN_NAME_BYTES];
  plan_value_name(program, cell, (edb_ref){EDB_REF_OP, op}, name);
  printf("    op%u [label=\"%s\\n%s\"];\n", op, name, edb_op_get(cell->ops[op].kind)->name);
}

static void print_edges(const edb_program *program, const edb_ir_cell *cell, uint32_t op) {
  for (uint32_t i = 0; i < cell->ops[op].n_operands; i++) {
    edb_ref ref = cell->operands[cell->ops[op].operand_start + i];
    char name[PLAN_NAME_BYTES];
    if (ref.kind == EDB_REF_OP) {
      printf("  op%u -> op%u;\n", ref.index, op);
    } else if (ref.kind != EDB_REF_NUMBER && ref.kind != EDB_REF_PARAM) {
      plan_value_name(program, cell, ref, name);
      printf("  \"%s\" [shape=plaintext];\n  \"%s\" -> op%u;\n", name, name, op);
    }
  }
}

int plan_print_dot(workplace *w, uint32_t number) {
  const edb_program *program = edb_model_program(w->model);
  const edb_ir_cell *cell = &program->cells[number];
  edb_cell_arrangement *a = NULL;
  if (edb_cell_arrange(w->ctx, program, number, EDB_LAYOUT_PLANNED, &a, &w->error) != EDB_OK)
    return workplace_failed(w);
  const edb_batching *b = a->batching;
  printf("digraph \"%s\" {\n  node [shape=box];\n", cell->name);
  for (uint32_t i = 0; i < b->n_batches; i++) {
    printf("  subgraph cluster_%u {\n    label=\"batch %u\";\n", i, i + 1);
    for (uint32_t k = b->batch_start[i]; k < b->batch_start[i + 1]; k++)
      print_node(program, cell, b->ops[k]);
    printf("  }\n");
  }
  for (uint32_t op = 0; op < cell->n_ops; op++) {
    if (b->role[op] != EDB_ROLE_KERNEL) print_node(program, cell, op);
    print_edges(program, cell, op);
  }
  printf("}\n");
  edb_cell_arrangement_destroy(a);
  return 0;
}
