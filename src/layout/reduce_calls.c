/* layout/reduce_calls.c: calls of an execution graph: drafted behind its arrays, found again by
 * hash and comparison. */
#include <string.h>

#include "graph/store.h"
#include "layout/reduce_impl.h"

/* Where so many slots in a row are taken by others, a call is not looked for any further: it runs
 * by itself. */
#define MAX_PROBES 32

/* ---- Drafts ------------------------------------------------------------------------------------
 */

static uint64_t hash_draft(const edb_graph *x, const edb_draft *d) {
  const uint32_t *node = x->edge_node + x->edge_count;
  const uint16_t *output = x->edge_output + x->edge_count;
  const int32_t *ints = x->ints + x->int_count;
  uint64_t factor = UINT64_C(0x9E3779B97F4A7C15), sum = (d->type + UINT64_C(1)) * factor;
  /* Powers of one odd number: independent of the words, so that the sums do not wait. */
  for (size_t i = 0; i < d->n_edges; i++) {
    factor *= UINT64_C(0xD1342543DE82EF95);
    sum += ((uint64_t)node[i] << 16 | output[i]) * factor;
  }
  for (size_t i = 0; i < d->n_ints; i++) {
    factor *= UINT64_C(0xD1342543DE82EF95);
    sum += (uint32_t)ints[i] * factor;
  }
  for (size_t i = 0; i < d->n_floats; i++) {
    uint32_t bits;
    memcpy(&bits, x->floats + x->float_count + i, sizeof bits);
    factor *= UINT64_C(0xD1342543DE82EF95);
    sum += bits * factor;
  }
  sum ^= sum >> 32;
  return sum * UINT64_C(0x9E3779B97F4A7C15);
}

static bool same(const void *a, const void *b, size_t bytes) {
  return bytes == 0 || memcmp(a, b, bytes) == 0;
}

/* Whether a node is the call that was drafted. Calls of one type have as many dense numbers. */
static bool equals(const edb_graph *x, uint32_t node, const edb_draft *d) {
  uint32_t edge = x->edge_start[node], word = x->int_start[node];
  size_t ints = x->int_start[node + 1] - word - (d->n_floats > 0);
  if (x->type[node] != d->type || x->edge_start[node + 1] - edge != d->n_edges ||
      ints != d->n_ints ||
      !same(x->edge_node + edge, x->edge_node + x->edge_count, d->n_edges * sizeof(uint32_t)) ||
      !same(x->edge_output + edge, x->edge_output + x->edge_count, d->n_edges * sizeof(uint16_t)) ||
      !same(x->ints + word, x->ints + x->int_count, d->n_ints * sizeof(int32_t)))
    return false;
  return d->n_floats == 0 || same(x->floats + (uint32_t)*edb_graph_dense_offset(x, node),
                                  x->floats + x->float_count, d->n_floats * sizeof(float));
}

static uint32_t commit(edb_graph *x, const edb_draft *d) {
  uint32_t node = x->n_nodes++;
  x->edge_count += d->n_edges;
  x->int_count += d->n_ints;
  if (d->n_floats > 0) x->ints[x->int_count++] = (int32_t)(uint32_t)x->float_count;
  x->float_count += d->n_floats;
  x->type[node] = d->type;
  x->edge_start[node + 1] = (uint32_t)x->edge_count;
  x->int_start[node + 1] = (uint32_t)x->int_count;
  return node;
}

edb_node edb_reduce_intern(edb_reducer *r, const edb_draft *d, bool *is_new) {
  *is_new = true;
  if (!r->params->share) return commit(r->graph, d);
  uint64_t hash = hash_draft(r->graph, d) >> 32;
  size_t at = hash & r->mask;
  for (uint32_t i = 0; i < MAX_PROBES; i++, at = (at + 1) & r->mask) {
    if (r->slots[at] == 0) {
      uint32_t node = commit(r->graph, d);
      r->slots[at] = hash << 32 | (node + UINT64_C(1));
      return node;
    }
    uint32_t node = (uint32_t)r->slots[at] - 1;
    if (r->slots[at] >> 32 != hash || node < r->to->n_imports || !equals(r->graph, node, d))
      continue;
    *is_new = false;
    return node;
  }
  return commit(r->graph, d);
}

/* ---- Imports -----------------------------------------------------------------------------------
 *
 * They have no records; in the hash table they stand under their number in the source. */

static size_t import_slot(const edb_reducer *r, edb_node from) {
  size_t at = (from * UINT64_C(0x9E3779B97F4A7C15) >> 32) & r->mask;
  while (r->slots[at] != 0) {
    uint32_t node = (uint32_t)r->slots[at] - 1;
    if (node < r->to->n_imports && r->to->imports[node] == from) break;
    at = (at + 1) & r->mask;
  }
  return at;
}

void edb_reduce_imports(edb_reducer *r) {
  const edb_graph *g = r->source;
  if (!r->to->imports) return;
  for (uint32_t e = g->edge_start[g->first - g->base]; e < g->edge_start[g->n_nodes]; e++) {
    edb_node from = g->edge_node[e];
    if (from >= g->first) continue;
    size_t at = import_slot(r, from);
    if (r->slots[at] != 0) continue;
    edb_draft d = {.type = g->type[from - g->base]};
    uint32_t node = commit(r->graph, &d);
    r->to->imports[r->to->n_imports++] = from;
    r->slots[at] = node + UINT64_C(1);
  }
}

/* The execution node of an input; EDB_NO_NODE: it has not run, so the schedule is not one of the
 * graph. */
static inline uint32_t map_input(const edb_reducer *r, edb_node from) {
  if (from >= r->source->first) return r->to->runs_as[from - r->source->first];
  return (uint32_t)r->slots[import_slot(r, from)] - 1;
}

/* ---- Calls -------------------------------------------------------------------------------------
 */

static inline bool draft_edges(const edb_reducer *r, uint32_t first, uint32_t count, edb_draft *d) {
  const edb_graph *g = r->source;
  edb_graph *x = r->graph;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t node = map_input(r, g->edge_node[first + i]);
    if (node == EDB_NO_NODE) return false;
    x->edge_node[x->edge_count + d->n_edges] = node;
    x->edge_output[x->edge_count + d->n_edges++] = g->edge_output[first + i];
  }
  return true;
}

/* The call of a whole cell, or of what is left of it. */
bool edb_draft_call(const edb_reducer *r, uint32_t index, size_t dense, edb_draft *d) {
  const edb_graph *g = r->source;
  edb_graph *x = r->graph;
  uint32_t edge = g->edge_start[index], word = g->int_start[index];
  *d = (edb_draft){.type = g->type[index],
                   .n_ints = g->int_start[index + 1] - word - (dense > 0),
                   .n_floats = dense};
  if (!draft_edges(r, edge, g->edge_start[index + 1] - edge, d)) return false;
  if (edb_has_early(r, d->type)) {
    x->edge_node[x->edge_count + d->n_edges] = r->early_of[index - (g->first - g->base)];
    x->edge_output[x->edge_count + d->n_edges++] = 0;
  }
  for (size_t i = 0; i < d->n_ints; i++) x->ints[x->int_count + i] = g->ints[word + i];
  if (dense > 0)
    memcpy(x->floats + x->float_count, g->floats + (uint32_t)*edb_graph_dense_offset(g, index),
           dense * sizeof(float));
  return true;
}

/* The early part of a call; false when not all of its inputs have run. Inputs of early parts are
 * not variadic, but ones before them can be. */
bool edb_draft_early(const edb_reducer *r, uint32_t index, edb_draft *d) {
  const edb_graph *g = r->source;
  edb_graph *x = r->graph;
  const edb_early_part *part = &r->params->split->early[g->type[index]];
  const edb_type_sig *whole = &g->schema->types[g->type[index]];
  const edb_type_sig *sig = &r->params->split->program.schema.types[part->cell];
  *d = (edb_draft){.type = part->cell, .n_ints = sig->n_indices};
  for (uint32_t k = 0; k < sig->n_inputs; k++) {
    const int32_t *arity = edb_graph_arities(g, index);
    uint32_t edge = g->edge_start[index];
    for (uint32_t i = 0; i < part->inputs[k]; i++)
      edge += whole->inputs[i].variadic ? (uint32_t)*arity++ : 1;
    if (!draft_edges(r, edge, 1, d)) return false;
  }
  const int32_t *indices = edb_graph_indices(g, index);
  for (uint32_t k = 0; k < sig->n_indices; k++)
    x->ints[x->int_count + k] = indices[part->indices[k]];
  for (uint32_t k = 0; k < sig->n_dense; k++) {
    memcpy(x->floats + x->float_count + d->n_floats, edb_graph_dense(g, index, part->dense[k]),
           sig->dense[k].length * sizeof(float));
    d->n_floats += sig->dense[k].length;
  }
  return true;
}
