/* policy/depth.c: one batch per depth and type (TensorFlow Fold; Looks et al., ICLR 2017). */
#include <string.h>

#include "base/bitset.h"
#include "policy/agenda.h"

#define BITS_PER_NODE 64 /* of the set of pairs (depth, type), at most */

void edb_node_depths(const edb_problem *p, uint32_t *depth) {
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? p->n_nodes - 1 - i : i;
    depth[v] = 0;
    for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++) {
      uint32_t below = depth[p->in[e]] + 1;
      if (below > depth[v]) depth[v] = below;
    }
  }
}

/* Stable counting sort of `from` (NULL: 0, 1, 2, ...) by key[node]; `count` has room for all keys
 * + 1. */
static void sort_by(const uint32_t *key, uint32_t n_keys, const uint32_t *from, uint32_t n,
                    uint32_t *count, uint32_t *to) {
  memset(count, 0, ((size_t)n_keys + 1) * sizeof *count);
  for (uint32_t v = 0; v < n; v++) count[key[v] + 1]++;
  for (uint32_t k = 0; k < n_keys; k++) count[k + 1] += count[k];
  for (uint32_t i = 0; i < n; i++) {
    uint32_t v = from == NULL ? i : from[i];
    to[count[key[v]]++] = v;
  }
}

/* Cuts the sorted nodes where depth or type changes, and around every unbatchable node. */
static void cut(const edb_problem *p, const uint32_t *depth, edb_batches *out) {
  out->count = 0;
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = out->nodes[i], type = p->type[v];
    bool same = i > 0 && type == out->type[out->count - 1] && !p->unbatchable[type] &&
                depth[v] == depth[out->nodes[i - 1]];
    if (same) continue;
    out->type[out->count] = type;
    out->start[out->count++] = i;
  }
  out->start[out->count] = p->n_nodes;
}

edb_status edb_depth_pass(edb_context *ctx, const edb_problem *p, edb_batches *out,
                          edb_error *error) {
  size_t n = p->n_nodes; /* neither depths nor types are more than that */
  size_t bytes = (n * 3 + 1) * sizeof(uint32_t);
  uint32_t *depth = edb_alloc(ctx, bytes);
  if (depth == NULL) return edb_fail_memory(error, bytes, "the depths of a graph");
  uint32_t *by_type = depth + n, *count = by_type + n;
  edb_node_depths(p, depth);
  sort_by(p->type, p->n_types, NULL, p->n_nodes, count, by_type);
  sort_by(depth, p->n_nodes, by_type, p->n_nodes, count, out->nodes);
  cut(p, depth, out);
  edb_free(ctx, depth, bytes);
  return EDB_OK;
}

/* ---- Counting -----------------------------------------------------------------------------------
 */

/* Different pairs of depth and batchable type, per component into `count`. */
static void count_pairs(const edb_problem *p, const uint32_t *depth, uint64_t *pairs,
                        uint32_t *count) {
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    uint32_t t = p->type[v];
    size_t pair = (size_t)depth[v] * p->n_types + t;
    if (edb_bitset_has(pairs, pair)) continue;
    edb_bitset_add(pairs, pair);
    count[p->component[t]] += !p->unbatchable[t];
  }
}

edb_status edb_depth_is_shorter(edb_context *ctx, const edb_problem *p, const uint32_t *depth,
                                const uint32_t *length, bool *shorter, edb_error *error) {
  size_t levels = 0;
  for (uint32_t v = 0; v < p->n_nodes; v++) levels = depth[v] >= levels ? depth[v] + 1 : levels;
  *shorter = true; /* or nobody knows */
  if (levels > (size_t)p->n_nodes * BITS_PER_NODE / p->n_types) return EDB_OK;
  size_t words = EDB_BITSET_WORDS(levels * p->n_types);
  size_t bytes = words * sizeof(uint64_t) + p->n_components * sizeof(uint32_t);
  uint64_t *pairs = edb_alloc_zero(ctx, bytes);
  if (pairs == NULL) return edb_fail_memory(error, bytes, "the depths of types");
  uint32_t *count = (uint32_t *)(pairs + words);
  count_pairs(p, depth, pairs, count);
  *shorter = false;
  for (uint32_t c = 0; c < p->n_components; c++) *shorter |= count[c] < length[c];
  edb_free(ctx, pairs, bytes);
  return EDB_OK;
}
