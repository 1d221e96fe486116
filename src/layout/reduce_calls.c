/* layout/reduce_calls.c: calls of an execution graph: drafted behind its arrays, and looked for
 * among those that are there. */
#include <string.h>

#include "graph/store.h"
#include "layout/reduce_impl.h"

/* So many calls with one newest input are compared one after the other; more are found by hash. */
#define MOST_TAKERS 4

/* Where so many slots in a row are taken by others, a call is not looked for any further: it runs
 * by itself. */
#define MAX_PROBES 32

/* A call written behind the arrays of the graph; it counts once it is found to be new. */
typedef struct draft {
  uint32_t type;
  uint32_t newest; /* of the nodes that it takes; 0 without edges */
  uint32_t n_edges;
  size_t n_ints, n_floats; /* ints: without the offset of the floats */
} draft;

/* ---- Equal calls -------------------------------------------------------------------------------
 *
 * Equal calls take the same newest node. Most nodes are taken by one or two calls, so those that
 * take a node are a list, a new one at its head. What takes no node, or one that MOST_TAKERS take
 * already, is in the hash table. */

static uint64_t hash_draft(const edb_graph *x, const draft *d) {
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
  return sum * UINT64_C(0x9E3779B97F4A7C15) >> 32;
}

/* Most calls have a few words of each kind: not worth a call of memcmp. */
static inline bool same_words(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < n; i++) {
    uint32_t p, q;
    memcpy(&p, x + 4 * i, sizeof p);
    memcpy(&q, y + 4 * i, sizeof q);
    if (p != q) return false;
  }
  return true;
}

/* Whether a node is the call that was drafted. Calls of one type have as many dense numbers. */
static bool equals(const edb_graph *x, uint32_t node, const draft *d) {
  if (x->type[node] != d->type) return false;
  uint32_t edge = x->edge_start[node], word = x->int_start[node];
  if (x->edge_start[node + 1] - edge != d->n_edges ||
      x->int_start[node + 1] - word - (d->n_floats > 0) != d->n_ints)
    return false;
  if (!same_words(x->edge_node + edge, x->edge_node + x->edge_count, d->n_edges) ||
      !same_words(x->ints + word, x->ints + x->int_count, d->n_ints))
    return false;
  for (uint32_t i = 0; i < d->n_edges; i++)
    if (x->edge_output[edge + i] != x->edge_output[x->edge_count + i]) return false;
  return d->n_floats == 0 || same_words(x->floats + (uint32_t)*edb_graph_dense_offset(x, node),
                                        x->floats + x->float_count, d->n_floats);
}

static inline uint32_t commit(edb_reducer *r, const draft *d) {
  edb_graph *x = r->graph;
  uint32_t node = x->n_nodes++;
  x->edge_count += d->n_edges;
  x->int_count += d->n_ints;
  if (d->n_floats > 0) x->ints[x->int_count++] = (int32_t)(uint32_t)x->float_count;
  x->float_count += d->n_floats;
  x->type[node] = d->type;
  x->edge_start[node + 1] = (uint32_t)x->edge_count;
  x->int_start[node + 1] = (uint32_t)x->int_count;
  if (r->params->share) r->taker[node] = EDB_NO_NODE;
  return node;
}

static uint32_t intern_by_hash(edb_reducer *r, const draft *d, bool *is_new) {
  size_t at = hash_draft(r->graph, d) & r->mask;
  for (uint32_t i = 0; i < MAX_PROBES; i++, at = (at + 1) & r->mask) {
    if (r->slots[at] == 0) {
      uint32_t node = commit(r, d);
      r->slots[at] = node + 1;
      return node;
    }
    uint32_t node = r->slots[at] - 1;
    if (node < r->to->n_imports || !equals(r->graph, node, d)) continue;
    *is_new = false;
    return node;
  }
  return commit(r, d);
}

/* The node of the call that was drafted: an equal one that is there, or a new one. */
static inline uint32_t intern(edb_reducer *r, const draft *d, bool *is_new) {
  uint32_t n = 0;
  *is_new = true;
  if (!r->params->share) return commit(r, d);
  if (d->n_edges == 0) return intern_by_hash(r, d, is_new);
  for (uint32_t other = r->taker[d->newest]; other != EDB_NO_NODE;
       other = r->next_taker[other], n++) {
    if (!equals(r->graph, other, d)) continue;
    *is_new = false;
    return other;
  }
  if (n >= MOST_TAKERS) return intern_by_hash(r, d, is_new);
  uint32_t node = commit(r, d);
  r->next_taker[node] = r->taker[d->newest];
  r->taker[d->newest] = node;
  return node;
}

/* ---- Imports -----------------------------------------------------------------------------------
 *
 * They have no records; in the hash table they stand under their number in the source. */

static size_t import_slot(const edb_reducer *r, edb_node from) {
  size_t at = (from * UINT64_C(0x9E3779B97F4A7C15) >> 32) & r->mask;
  while (r->slots[at] != 0) {
    uint32_t node = r->slots[at] - 1;
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
    draft d = {.type = g->type[from - g->base]};
    uint32_t node = commit(r, &d);
    r->to->imports[r->to->n_imports++] = from;
    r->slots[at] = node + 1;
  }
}

/* The execution node of an input; EDB_NO_NODE: it has not run, so the schedule is not one of the
 * graph.
 */
static inline uint32_t map_input(const edb_reducer *r, edb_node from) {
  if (from >= r->source->first) return r->to->runs_as[from - r->source->first];
  return r->slots[import_slot(r, from)] - 1;
}

/* ---- Drafts ------------------------------------------------------------------------------------
 */

static inline void draft_edge(const edb_graph *x, draft *d, uint32_t node, uint16_t output) {
  size_t at = x->edge_count + d->n_edges++;
  x->edge_node[at] = node;
  x->edge_output[at] = output;
  if (node > d->newest) d->newest = node;
}

static inline bool draft_edges(const edb_reducer *r, uint32_t first, uint32_t end, draft *d) {
  const edb_graph *g = r->source;
  for (uint32_t e = first; e < end; e++) {
    uint32_t node = map_input(r, g->edge_node[e]);
    if (node == EDB_NO_NODE) return false;
    draft_edge(r->graph, d, node, g->edge_output[e]);
  }
  return true;
}

/* The call of a whole cell, or of what is left of it; `dense`: numbers of all its dense attributes.
 * False when an input has not run. */
static inline bool draft_call(const edb_reducer *r, uint32_t index, size_t dense, bool has_early,
                              draft *d) {
  const edb_graph *g = r->source;
  edb_graph *x = r->graph;
  uint32_t word = g->int_start[index];
  d->newest = d->n_edges = 0;
  d->n_ints = g->int_start[index + 1] - word - (dense > 0);
  if (!draft_edges(r, g->edge_start[index], g->edge_start[index + 1], d)) return false;
  if (has_early) draft_edge(x, d, r->early_of[index - (g->first - g->base)], 0);
  for (size_t i = 0; i < d->n_ints; i++) x->ints[x->int_count + i] = g->ints[word + i];
  if (dense > 0)
    memcpy(x->floats + x->float_count, g->floats + (uint32_t)*edb_graph_dense_offset(g, index),
           dense * sizeof(float));
  return true;
}

/* The early part of a call. Inputs of early parts are not variadic, but ones before them can be. */
static bool draft_early(const edb_reducer *r, uint32_t index, draft *d) {
  const edb_graph *g = r->source;
  edb_graph *x = r->graph;
  const edb_early_part *part = &r->params->split->early[g->type[index]];
  const edb_type_sig *whole = &g->schema->types[g->type[index]];
  const edb_type_sig *sig = &r->params->split->program.schema.types[part->cell];
  *d = (draft){.type = part->cell, .n_ints = sig->n_indices};
  for (uint32_t k = 0; k < sig->n_inputs; k++) {
    const int32_t *arity = edb_graph_arities(g, index);
    uint32_t edge = g->edge_start[index];
    for (uint32_t i = 0; i < part->inputs[k]; i++)
      edge += whole->inputs[i].variadic ? (uint32_t)*arity++ : 1;
    if (!draft_edges(r, edge, edge + 1, d)) return false;
  }
  const int32_t *indices = edb_graph_arities(g, index) + whole->n_variadic;
  for (uint32_t k = 0; k < sig->n_indices; k++)
    x->ints[x->int_count + k] = indices[part->indices[k]];
  for (uint32_t k = 0; k < sig->n_dense; k++) {
    memcpy(x->floats + x->float_count + d->n_floats, edb_graph_dense(g, index, part->dense[k]),
           sig->dense[k].length * sizeof(float));
    d->n_floats += sig->dense[k].length;
  }
  return true;
}

/* ---- Batches -----------------------------------------------------------------------------------
 */

/* Whether a node of the schedule is a pending one of the graph, of its batch's type. */
static inline bool is_of(const edb_reducer *r, edb_node node, uint32_t type) {
  const edb_graph *g = r->source;
  uint32_t index = node - g->base;
  return node >= g->first && index < g->n_nodes && g->type[index] == type;
}

void edb_reduce_early(edb_reducer *r, uint32_t type) {
  const edb_schedule *s = r->schedule;
  uint32_t first = r->source->first, base = r->source->base;
  while (r->cursor[type] != EDB_NO_NODE) {
    uint32_t b = r->cursor[type], row = r->cursor_row[type];
    for (; s->batch_start[b] + row < s->batch_start[b + 1]; row++) {
      edb_node node = s->nodes[s->batch_start[b] + row];
      draft d;
      bool is_new;
      if (!is_of(r, node, type) || !draft_early(r, node - base, &d)) {
        r->cursor_row[type] = row;
        return;
      }
      r->early_of[node - first] = intern(r, &d, &is_new);
    }
    r->cursor[type] = r->next[b];
    r->cursor_row[type] = 0;
  }
}

bool edb_reduce_batch(edb_reducer *r, uint32_t b) {
  const edb_schedule *s = r->schedule;
  const edb_graph *g = r->source;
  uint32_t type = s->batch_type[b], shared = 0;
  bool has_early = edb_has_early(r, type);
  draft d = {.type = type, .n_floats = edb_type_dense_length(&g->schema->types[type])};
  for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++) {
    edb_node node = s->nodes[i];
    bool is_new;
    if (!is_of(r, node, type) || r->to->runs_as[node - g->first] != EDB_NO_NODE ||
        !draft_call(r, node - g->base, d.n_floats, has_early, &d))
      return false;
    r->to->runs_as[node - g->first] = intern(r, &d, &is_new);
    shared += !is_new;
  }
  r->to->n_shared += shared;
  return true;
}
