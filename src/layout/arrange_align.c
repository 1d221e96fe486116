/* layout/arrange_align.c: turns the nodes of a tree so that the tuples of each batch stand in one
 * order.
 *
 * Corresponding nodes of two tuples of a batch must show their children in the same order. For a Q
 * node that is one bit: turned or not; for a P node a permutation of its children. Union-find
 * carries them: each node knows how it stands to the one it is linked to, and a cycle that does not
 * come back to itself is a conflict. */
#include "layout/arrange_impl.h"

#include <string.h>

/* Whether its order is one bit; else any permutation of three children or more. */
static bool is_bit(const edb_arranger *a, uint32_t node) {
  return a->nodes[node].kind == EDB_PQTREE_Q || a->nodes[node].n_children == 2;
}

/* ---- Union-find ------------------------------------------------------------------------------ */

static uint32_t find_bit(const edb_arranger *a, uint32_t x, uint8_t *turned) {
  *turned = 0;
  for (; a->link[x] != x; x = a->link[x]) *turned ^= a->turned[x];
  return x;
}

static bool unite_bits(edb_arranger *a, uint32_t x, uint32_t y, uint8_t turned) {
  uint8_t tx, ty;
  x = find_bit(a, x, &tx);
  y = find_bit(a, y, &ty);
  if (x == y) return (tx ^ ty) == turned;
  if (x == 2 * a->problem->n_variables) { /* the ground stays a root: it is never turned */
    uint32_t swap = x;
    x = y;
    y = swap;
  }
  a->link[x] = y;
  a->turned[x] = tx ^ ty ^ turned;
  return true;
}

/* way[k]: the child of x that stands where child k of the root would. */
static uint32_t find_way(const edb_arranger *a, uint32_t x, uint32_t *way) {
  uint32_t n = a->nodes[x].n_children, *next = a->way + 2 * (size_t)a->largest;
  for (uint32_t k = 0; k < n; k++) way[k] = k;
  for (; a->link[x] != x; x = a->link[x]) {
    for (uint32_t k = 0; k < n; k++) next[k] = way[a->weight[a->child_start[x] + k]];
    memcpy(way, next, n * sizeof *way);
  }
  return x;
}

/* Child map[k] of y stands where child k of x does. */
static bool unite_ways(edb_arranger *a, uint32_t x, uint32_t y, const uint32_t *map) {
  uint32_t n = a->nodes[x].n_children, *wx = a->way, *wy = a->way + a->largest;
  uint32_t rx = find_way(a, x, wx), ry = find_way(a, y, wy);
  if (rx == ry) {
    for (uint32_t k = 0; k < n; k++)
      if (map[wx[k]] != wy[k]) return false;
    return true;
  }
  uint32_t *inverse = a->way + 2 * (size_t)a->largest;
  for (uint32_t k = 0; k < n; k++) inverse[wy[k]] = k;
  for (uint32_t k = 0; k < n; k++) a->weight[a->child_start[ry] + k] = inverse[map[wx[k]]];
  a->link[ry] = rx;
  return true;
}

/* ---- Corresponding nodes --------------------------------------------------------------------- */

static bool is_whole(const edb_arranger *a, edb_tree_run run) {
  return run.first == run.node + 1 && run.end == a->nodes[run.node].next;
}

static uint32_t run_length(const edb_arranger *a, edb_tree_run run) {
  uint32_t n = 0;
  for (uint32_t c = run.first; c < run.end; c = a->nodes[c].next) n++;
  return n;
}

/* map[i]: the child of y with the operators of child i of x. false: the runs differ. */
static bool map_children(edb_arranger *a, edb_tree_run x, edb_tree_run y, uint32_t *map) {
  uint32_t n = 0;
  for (uint32_t c = y.first; c < y.end; c = a->nodes[c].next, n++)
    for (uint32_t l = a->nodes[c].begin; l < a->nodes[c].end; l++)
      a->owner[a->position_2[a->leaves[l]]] = n;
  uint32_t i = 0;
  for (uint32_t c = x.first; c < x.end; c = a->nodes[c].next, i++) {
    map[i] = a->owner[a->position[a->leaves[a->nodes[c].begin]]];
    for (uint32_t l = a->nodes[c].begin; l < a->nodes[c].end; l++)
      if (a->owner[a->position[a->leaves[l]]] != map[i]) return false;
  }
  return i == n;
}

/* At the fixpoint of the broadcast the tuples of a batch have the same tree, so corresponding nodes
 * are of one kind; a run of children of a larger Q node counts as a Q node of its own, turned with
 * it. */
static bool unite_runs(edb_arranger *a, edb_tree_run x, edb_tree_run y, const uint32_t *map) {
  uint32_t n = run_length(a, x);
  bool is_way = n > 2 && !is_bit(a, x.node);
  if (is_way != (n > 2 && !is_bit(a, y.node))) return false;
  if (is_way) return is_whole(a, x) && is_whole(a, y) && unite_ways(a, x.node, y.node, map);
  uint8_t turned = map[0] != 0;
  for (uint32_t i = 0; i < n; i++)
    if (map[i] != (turned ? n - 1 - i : i)) return false;
  return unite_bits(a, x.node, y.node, turned);
}

static uint32_t child_at(const edb_arranger *a, edb_tree_run run, uint32_t index) {
  uint32_t c = run.first;
  while (index-- > 0) c = a->nodes[c].next;
  return c;
}

static edb_tree_run whole(const edb_arranger *a, uint32_t node) {
  return (edb_tree_run){.node = node, .first = node + 1, .end = a->nodes[node].next};
}

/* Two tuples of a batch: their runs, and then the nodes below, pair by pair. */
static bool match_tuples(edb_arranger *a, const edb_tuple *t, const edb_tuple *u) {
  uint32_t depth = 0, *map = a->set;
  a->stack[depth++] = edb_arrange_cover(a, t, a->position);
  a->stack[depth++] = edb_arrange_cover(a, u, a->position_2);
  while (depth > 0) {
    edb_tree_run y = a->stack[--depth], x = a->stack[--depth];
    if (!map_children(a, x, y, map) || !unite_runs(a, x, y, map)) return false;
    uint32_t i = 0;
    for (uint32_t c = x.first; c < x.end; c = a->nodes[c].next, i++) {
      uint32_t d = child_at(a, y, map[i]);
      if (a->nodes[c].kind == EDB_PQTREE_LEAF) continue;
      if (a->nodes[d].kind == EDB_PQTREE_LEAF) return false;
      a->stack[depth++] = whole(a, c);
      a->stack[depth++] = whole(a, d);
    }
  }
  return true;
}

/* A tuple in its own order is a run of leaves of a Q node, since all its pairs are together. */
static bool match_ground(edb_arranger *a, const edb_tuple *t) {
  edb_tree_run run = edb_arrange_cover(a, t, a->position);
  uint8_t turned = a->position[a->leaves[a->nodes[run.first].begin]] != 0;
  return unite_bits(a, run.node, 2 * a->problem->n_variables, turned);
}

static bool match_batch(edb_arranger *a, uint32_t batch) {
  const edb_tuple *first = NULL;
  for (uint32_t i = a->tuple_start[batch]; i < a->tuple_start[batch + 1]; i++) {
    const edb_tuple *t = &a->tuples[i];
    if (!edb_tuple_is_active(t)) continue;
    if (a->problem->batches[batch].in_order && !match_ground(a, t)) return false;
    if (!first)
      first = t;
    else if (!match_tuples(a, first, t))
      return false;
  }
  return true;
}

/* ---- The order ------------------------------------------------------------------------------- */

static void begin_ways(edb_arranger *a) {
  uint32_t n = 0, ground = 2 * a->problem->n_variables;
  for (uint32_t x = 0; x < a->n_nodes; x++) {
    a->link[x] = x;
    a->child_start[x] = n;
    if (a->nodes[x].kind == EDB_PQTREE_LEAF) continue;
    for (uint32_t c = x + 1; c < a->nodes[x].next; c = a->nodes[c].next) a->children[n++] = c;
  }
  a->link[ground] = ground;
}

/* Child number k of node x as it stands now. */
static void push_children(edb_arranger *a, uint32_t x, uint32_t *depth) {
  uint32_t n = a->nodes[x].n_children, start = a->child_start[x];
  uint32_t *way = a->set;
  if (is_bit(a, x)) {
    uint8_t turned;
    (void)find_bit(a, x, &turned);
    for (uint32_t k = 0; k < n; k++)
      a->stack[(*depth)++].node = a->children[start + (turned ? k : n - 1 - k)];
    return;
  }
  bool linked = a->link[x] != x; /* only nodes inside a tuple are */
  if (linked) (void)find_way(a, x, way);
  for (uint32_t k = n; k-- > 0;)
    a->stack[(*depth)++].node = a->children[start + (linked ? way[k] : k)];
}

static void read_order(edb_arranger *a) {
  uint32_t depth = 0, n = 0;
  if (a->n_nodes > 0) a->stack[depth++].node = 0;
  while (depth > 0) {
    uint32_t x = a->stack[--depth].node;
    if (a->nodes[x].kind == EDB_PQTREE_LEAF)
      a->order[n++] = a->nodes[x].leaf;
    else
      push_children(a, x, &depth);
  }
}

bool edb_arrange_align(edb_arranger *a) {
  begin_ways(a);
  for (uint32_t b = 0; b < a->problem->n_batches; b++)
    if (!match_batch(a, b)) return false;
  read_order(a);
  return true;
}
