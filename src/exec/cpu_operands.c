/* exec/cpu_operands.c: where the slots of a chunk are: inputs are read in place where their rows
 * are evenly spaced, else gathered; outputs are stored where placement wants them. */
#include <string.h>

#include "exec/cpu.h"

/* Arity of each variadic group at a node: that of any of its inputs. */
uint32_t edb_cpu_group_arity(const edb_type_sig *sig, const int32_t *arities, uint32_t group) {
  uint32_t v = 0;
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    if (!sig->inputs[i].variadic) continue;
    if (sig->inputs[i].group == group) return (uint32_t)arities[v];
    v++;
  }
  return 0;
}

/* ---- Operands -----------------------------------------------------------------------------------
 */

/* First edge of input `input` of a node. */
static uint32_t input_edge(const edb_type_sig *sig, const edb_graph *g, uint32_t index,
                           uint32_t input) {
  uint32_t edge = g->edge_start[index];
  if (sig->n_variadic == 0) return edge + input;
  const int32_t *arities = edb_graph_arities(g, index);
  uint32_t v = 0;
  for (uint32_t i = 0; i < input; i++) edge += sig->inputs[i].variadic ? (uint32_t)arities[v++] : 1;
  return edge;
}

/* Addresses of an input's rows in the chunk, in frame->pointers; returns their number. */
static size_t point_at_input(edb_frame *f, uint32_t input) {
  const edb_type_sig *sig = &f->cell->plan->cell->sig;
  const edb_graph *g = f->graph;
  size_t n = 0, nodes = f->rows[EDB_DOMAIN_NODE];
  bool variadic = sig->inputs[input].variadic;
  for (size_t i = 0; i < nodes; i++) {
    uint32_t index = f->nodes[i] - g->base, edge = input_edge(sig, g, index, input);
    uint32_t arity =
        variadic ? edb_cpu_group_arity(sig, edb_graph_arities(g, index), sig->inputs[input].group)
                 : 1;
    for (uint32_t e = edge; e < edge + arity; e++)
      f->pointers[n++] =
          (const float *)(const void *)edb_store_row(f->store, g->edge_node[e], g->edge_output[e]);
  }
  return n;
}

/* Whether the rows pointed at are evenly spaced, so that they can be read where they are. */
static bool evenly_spaced(const float *const *rows, size_t n, ptrdiff_t *stride) {
  *stride = 0;
  if (n < 2) return true;
  ptrdiff_t bytes = (const char *)rows[1] - (const char *)rows[0];
  if (bytes % (ptrdiff_t)sizeof(float) != 0) return false;
  for (size_t i = 2; i < n; i++)
    if ((const char *)rows[i] - (const char *)rows[i - 1] != bytes) return false;
  *stride = bytes / (ptrdiff_t)sizeof(float);
  return true;
}

typedef struct gather {
  const float *const *from;
  edb_block to;
  size_t width;
} gather;

static edb_status gather_some_rows(edb_frame *f, const void *arg, size_t row, size_t count) {
  const gather *g = arg;
  f->cpu->kernels->gather(count, g->width, g->from + row,
                          g->to.data + (ptrdiff_t)row * g->to.stride, g->to.stride);
  return EDB_OK;
}

void edb_cpu_gather_rows(edb_frame *f, uint32_t slot, size_t n) {
  uint32_t width = f->cell->plan->slots[slot].width;
  gather g = {f->pointers, f->blocks[slot], width};
  (void)!edb_cpu_run_over_rows(f, &(edb_cpu_rows){.rows = n,
                                                  .most = n,
                                                  .ns = (double)n * width * EDB_CPU_GATHER_NS,
                                                  .fn = gather_some_rows,
                                                  .arg = &g});
  f->stats->kernels++;
}

/* Rows of inputs and attributes, to where the cell wants them. */
static void count_gather(edb_frame *f, size_t bytes) {
  f->stats->bytes_copied += bytes;
  f->stats->input_gathers++;
}

static void gather_input(edb_frame *f, uint32_t slot, size_t n) {
  edb_cpu_gather_rows(f, slot, n);
  count_gather(f, n * f->cell->plan->slots[slot].width * sizeof(float));
}

static void gather_dense(edb_frame *f, const edb_step *step) {
  const edb_type_sig *sig = &f->cell->plan->cell->sig;
  uint32_t attribute = step->source - sig->n_inputs;
  edb_block to = f->blocks[step->result];
  size_t bytes = f->cell->plan->slots[step->result].width * sizeof(float);
  for (size_t i = 0; i < f->rows[EDB_DOMAIN_NODE]; i++) {
    const float *from = edb_graph_dense(f->graph, f->nodes[i] - f->graph->base, attribute);
    float *row = to.data + (ptrdiff_t)i * to.stride;
    if (from)
      memcpy(row, from, bytes);
    else
      memset(row, 0, bytes);
  }
  count_gather(f, f->rows[EDB_DOMAIN_NODE] * bytes);
  f->stats->kernels++;
}

void edb_cpu_run_gather(edb_frame *f, const edb_step *step) {
  if (step->source >= f->cell->plan->cell->sig.n_inputs)
    gather_dense(f, step);
  else
    gather_input(f, step->result, point_at_input(f, step->source));
}

/* Inputs that are read in place if they can be. */
static void bind_inputs(edb_frame *f) {
  const edb_plan *plan = f->cell->plan;
  for (uint32_t i = 0; i < plan->cell->sig.n_inputs; i++) {
    uint32_t slot = plan->input_slot[i];
    if (slot == EDB_SLOT_NONE || plan->slots[slot].kind != EDB_SLOT_INPUT) continue;
    ptrdiff_t stride;
    size_t n = point_at_input(f, i);
    if (n == 0) continue;
    if (evenly_spaced(f->pointers, n, &stride))
      f->blocks[slot] = (edb_block){(float *)(uintptr_t)f->pointers[0], stride};
    else
      gather_input(f, slot, n);
  }
}

/* ---- The frame of a chunk
 * ------------------------------------------------------------------------ */

static void bind_outputs(edb_frame *f) {
  const edb_plan *plan = f->cell->plan;
  for (uint32_t o = 0; o < plan->cell->sig.n_outputs; o++) {
    uint32_t slot = plan->output_slot[o];
    char *row = edb_store_row(f->store, f->nodes[0], o);
    f->blocks[slot] =
        (edb_block){(float *)(void *)row, (ptrdiff_t)edb_row_stride(plan->slots[slot].width)};
  }
}

/* Slots with memory of their own, then the parts, which follow their roots. */
void edb_cpu_bind_slots(edb_frame *f, float *const *domain_base) {
  const edb_plan *plan = f->cell->plan;
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    const edb_slot *s = &plan->slots[i];
    size_t rows = s->local ? f->cell->tile_rows : f->rows[s->domain];
    float *base = s->local ? f->tile : domain_base[s->domain];
    if (s->kind == EDB_SLOT_SCRATCH || s->kind == EDB_SLOT_INPUT)
      f->blocks[i] =
          (edb_block){base + s->position * rows,
                      s->domain == EDB_DOMAIN_STATIC ? 0 : (ptrdiff_t)edb_cpu_align16(s->width)};
    else if (s->kind == EDB_SLOT_PARAM)
      f->blocks[i] =
          (edb_block){(float *)(uintptr_t)edb_weights_param(f->cpu->weights, s->index), 0};
    else if (s->kind == EDB_SLOT_STACK)
      f->blocks[i] = (edb_block){f->cell->rows + s->position, 0};
    else if (s->kind == EDB_SLOT_NUMBER)
      f->blocks[i] = (edb_block){(float *)(uintptr_t)(f->cell->numbers + s->index), 0};
  }
  bind_outputs(f);
  bind_inputs(f);
  for (uint32_t i = 0; i < plan->n_slots; i++) {
    if (plan->slots[i].kind != EDB_SLOT_PART) continue;
    size_t offset;
    edb_block root = f->blocks[edb_plan_root(plan, i, &offset)];
    f->blocks[i] = (edb_block){root.data + offset, root.stride};
  }
  f->views_open = false; /* those that were opened to gather do not know all blocks */
}

void edb_cpu_bind_rows(edb_frame *f, size_t nodes) {
  const edb_plan *plan = f->cell->plan;
  f->rows[EDB_DOMAIN_STATIC] = 1;
  f->rows[EDB_DOMAIN_NODE] = nodes;
  for (uint32_t g = 0; g < plan->n_domains - EDB_DOMAIN_GROUP; g++) {
    uint32_t sum = 0;
    for (size_t i = 0; i < nodes; i++) {
      f->first[g][i] = sum;
      sum += edb_cpu_group_arity(&plan->cell->sig,
                                 edb_graph_arities(f->graph, f->nodes[i] - f->graph->base), g);
    }
    f->first[g][nodes] = sum;
    f->rows[EDB_DOMAIN_GROUP + g] = sum;
  }
  f->labels = !f->cell->has_labels;
  for (size_t i = 0; i < nodes && !f->labels; i++)
    f->labels = edb_graph_has_labels(f->graph, f->nodes[i] - f->graph->base);
}
