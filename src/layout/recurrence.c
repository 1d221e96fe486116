/* layout/recurrence.c: the type graph of a mini-batch, and who gives each input. */
#include "layout/recurrence.h"

#include <string.h>

#include "base/bitset.h"
#include "policy/components.h"

/* From so many rows on a product runs at the speed of arithmetic, not of reading its weights. */
#define THIN_ROWS 6

size_t edb_input_count(const edb_schema *schema) {
  size_t n = 0;
  for (uint32_t t = 0; t < schema->n_types; t++) n += schema->types[t].n_inputs;
  return n;
}

typedef struct finder {
  const edb_graph *graph;
  const edb_schedule *schedule;
  uint32_t n_types;
  size_t words;
  uint64_t *leads;  /* [types][words] t -> u: some u takes a t */
  uint64_t *givers; /* [inputs][words] types that give the input */
  uint32_t *nodes, *batches;
  uint32_t *component, *column, *size, *scratch; /* of components */
} finder;

/* Whether any type that takes inputs has thin batches. A schedule of another graph can have any
 * types. */
static bool count_batches(finder *f) {
  const edb_schedule *s = f->schedule;
  bool any = false;
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    if (s->batch_type[b] >= f->n_types) return false;
    f->nodes[s->batch_type[b]] += s->batch_start[b + 1] - s->batch_start[b];
    f->batches[s->batch_type[b]]++;
  }
  for (uint32_t t = 0; t < f->n_types; t++)
    any |= f->graph->schema->types[t].n_inputs > 0 && f->batches[t] > 1 &&
           f->nodes[t] < (uint64_t)THIN_ROWS * f->batches[t];
  return any;
}

static void note_node(finder *f, uint32_t index, const uint32_t *input_start) {
  const edb_graph *g = f->graph;
  uint32_t type = g->type[index], edge = g->edge_start[index];
  const edb_type_sig *sig = &g->schema->types[type];
  const int32_t *arity = edb_graph_arities(g, index);
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    uint32_t end = edge + (sig->inputs[i].variadic ? (uint32_t)*arity++ : 1);
    for (; edge < end; edge++) {
      if (g->edge_node[edge] < g->first) continue;
      uint32_t giver = g->type[g->edge_node[edge] - g->base];
      edb_bitset_add(f->leads + giver * f->words, type);
      edb_bitset_add(f->givers + (input_start[type] + i) * f->words, giver);
    }
  }
}

static bool gives(const finder *f, size_t input, uint32_t component) {
  const uint64_t *givers = f->givers + input * f->words;
  for (size_t t = edb_bitset_next(givers, f->words, 0); t < f->n_types;
       t = edb_bitset_next(givers, f->words, t + 1))
    if (f->component[t] == component) return true;
  return false;
}

/* A type that gives its own input, or that others of its component come back to. */
static bool is_recurrent(const finder *f, uint32_t type) {
  return f->size[f->component[type]] > 1 || edb_bitset_has(f->leads + type * f->words, type);
}

static bool mark_known(finder *f, const uint32_t *input_start, uint8_t *known) {
  bool any = false;
  (void)edb_components_find(f->leads, f->n_types, f->scratch, f->component, f->column, f->size);
  for (uint32_t t = 0; t < f->n_types; t++) {
    const edb_type_sig *sig = &f->graph->schema->types[t];
    bool thin = f->batches[t] > 1 && f->nodes[t] < (uint64_t)THIN_ROWS * f->batches[t];
    for (uint32_t i = 0; i < sig->n_inputs && thin && is_recurrent(f, t); i++) {
      if (sig->inputs[i].variadic || gives(f, input_start[t] + i, f->component[t])) continue;
      known[input_start[t] + i] = true;
      any = true;
    }
  }
  return any;
}

static bool find(finder *f, uint32_t *input_start, uint8_t *known) {
  uint32_t done = f->graph->first - f->graph->base, start = 0;
  if (!count_batches(f)) return false;
  for (uint32_t t = 0; t < f->n_types; t++) {
    input_start[t] = start;
    start += f->graph->schema->types[t].n_inputs;
  }
  for (uint32_t i = done; i < f->graph->n_nodes; i++) note_node(f, i, input_start);
  return mark_known(f, input_start, known);
}

edb_status edb_find_known_inputs(edb_context *ctx, const edb_graph *graph,
                                 const edb_schedule *schedule, uint8_t *known, uint32_t *component,
                                 bool *any, edb_error *error) {
  finder f = {.graph = graph, .schedule = schedule, .n_types = graph->schema->n_types};
  size_t inputs = edb_input_count(graph->schema), n = f.n_types;
  f.words = EDB_BITSET_WORDS(n);
  *any = false;
  if (inputs > 0) memset(known, 0, inputs);
  if (n > EDB_RECURRENCE_TYPES || inputs == 0) return EDB_OK;
  size_t bits = (n + inputs) * f.words;
  size_t bytes =
      bits * sizeof(uint64_t) + (5 * n + edb_components_scratch(f.n_types)) * sizeof(uint32_t);
  f.leads = edb_alloc_zero(ctx, bytes);
  if (!f.leads) return edb_fail_memory(error, bytes, "the types of a graph");
  f.givers = f.leads + n * f.words;
  f.nodes = (uint32_t *)(f.leads + bits);
  f.batches = f.nodes + n;
  f.component = component;
  f.column = f.batches + n;
  f.size = f.column + n;
  uint32_t *input_start = f.size + n;
  f.scratch = input_start + n;
  *any = find(&f, input_start, known);
  edb_free(ctx, f.leads, bytes);
  return EDB_OK;
}
