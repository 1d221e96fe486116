/* layout/arrange_solve.c: decides whether a set of tuples can be met at once: adjacency by REDUCE,
 * and what it implies spread within each batch until nothing changes. */
#include "layout/arrange_impl.h"

/* ---- The outline, and where a tuple lies in it ----------------------------------------------- */

static void read_outline(edb_arranger *a) {
  if (!a->outline_is_stale) return;
  a->outline_is_stale = false;
  a->n_nodes = edb_pqtree_outline(a->tree, a->nodes, a->leaves);
  for (uint32_t i = 0; i < a->problem->n_variables; i++) a->place[a->leaves[i]] = i;
}

edb_tree_run edb_arrange_cover(const edb_arranger *a, const edb_tuple *t, uint32_t *position) {
  uint32_t low = UINT32_MAX;
  for (uint32_t i = 0; i < t->size; i++) {
    uint32_t place = a->place[t->elements[i]];
    if (place < low) low = place;
    position[t->elements[i]] = i;
  }
  uint32_t high = low + t->size, node = 0, child = 1;
  while (child < a->nodes[node].next) { /* down, as long as one child has it all */
    const edb_pqtree_node *c = &a->nodes[child];
    if (c->begin <= low && high <= c->end)
      node = child++;
    else
      child = c->next;
  }
  edb_tree_run run = {.node = node, .first = node + 1, .end = a->nodes[node].next};
  while (a->nodes[run.first].begin < low) run.first = a->nodes[run.first].next;
  run.end = run.first;
  while (run.end < a->nodes[node].next && a->nodes[run.end].begin < high)
    run.end = a->nodes[run.end].next;
  return run;
}

/* ---- Adjacency ------------------------------------------------------------------------------- */

typedef struct progress {
  bool possible, changed;
} progress;

static edb_status reduce(edb_arranger *a, const uint32_t *set, uint32_t count, progress *p) {
  edb_pqtree_result result;
  EDB_TRY(edb_pqtree_reduce(a->tree, set, count, &result, a->error));
  p->changed |= result == EDB_PQTREE_CHANGED;
  a->outline_is_stale |= result == EDB_PQTREE_CHANGED;
  p->possible &= result != EDB_PQTREE_IMPOSSIBLE;
  return EDB_OK;
}

static edb_status reduce_tuples(edb_arranger *a, progress *p) {
  for (uint32_t i = 0; i < a->n_tuples && p->possible; i++) {
    const edb_tuple *t = &a->tuples[i];
    if (!edb_tuple_is_active(t)) continue;
    EDB_TRY(reduce(a, t->elements, t->size, p));
    if (!a->problem->batches[t->batch].in_order) continue;
    for (uint32_t k = 0; k + 1 < t->size; k++) EDB_TRY(reduce(a, t->elements + k, 2, p));
  }
  return EDB_OK;
}

/* ---- Broadcast ------------------------------------------------------------------------------- */

/* Leaves begin .. end - 1 are together in all orders, and belong to tuple `from`: the same
 * operators of its batch shall be together in the other tuples. */
static edb_status spread_set(edb_arranger *a, const edb_tuple *from, uint32_t begin, uint32_t end,
                             progress *p) {
  for (uint32_t i = a->tuple_start[from->batch]; i < a->tuple_start[from->batch + 1]; i++) {
    const edb_tuple *to = &a->tuples[i];
    if (to == from || !edb_tuple_is_active(to)) continue;
    for (uint32_t k = begin; k < end; k++)
      a->set[k - begin] = to->elements[a->position[a->leaves[k]]];
    EDB_TRY(reduce(a, a->set, end - begin, p));
  }
  return EDB_OK;
}

/* Each two neighbours among the children first .. end - 1 of a Q node. */
static edb_status spread_pairs(edb_arranger *a, const edb_tuple *from, uint32_t first, uint32_t end,
                               progress *p) {
  for (uint32_t c = first; a->nodes[c].next < end && p->possible; c = a->nodes[c].next)
    EDB_TRY(spread_set(a, from, a->nodes[c].begin, a->nodes[a->nodes[c].next].end, p));
  return EDB_OK;
}

/* All sets that the tree implies inside one tuple. */
static edb_status spread_tuple(edb_arranger *a, const edb_tuple *from, progress *p) {
  edb_tree_run run = edb_arrange_cover(a, from, a->position);
  if (a->nodes[run.node].kind == EDB_PQTREE_Q)
    EDB_TRY(spread_pairs(a, from, run.first, run.end, p));
  for (uint32_t x = run.first; x < run.end && p->possible; x++) {
    const edb_pqtree_node *node = &a->nodes[x];
    if (node->kind == EDB_PQTREE_LEAF) continue;
    EDB_TRY(spread_set(a, from, node->begin, node->end, p));
    if (node->kind == EDB_PQTREE_Q) EDB_TRY(spread_pairs(a, from, x + 1, node->next, p));
  }
  return EDB_OK;
}

/* Until nothing changes: the tuples of each batch then have the same tree. What an outline implies
 * stays implied while the tree changes, so it is read anew at most once per tuple. */
static edb_status spread(edb_arranger *a, progress *p) {
  p->changed = true;
  while (p->changed && p->possible) {
    p->changed = false;
    for (uint32_t i = 0; i < a->n_tuples && p->possible; i++) {
      if (!edb_tuple_is_active(&a->tuples[i])) continue;
      read_outline(a);
      EDB_TRY(spread_tuple(a, &a->tuples[i], p));
    }
  }
  return EDB_OK;
}

edb_status edb_arrange_solve(edb_arranger *a, bool keep, bool *possible) {
  progress p = {.possible = true};
  size_t mark = edb_pqtree_mark(a->tree);
  a->outline_is_stale = true;
  edb_status status = reduce_tuples(a, &p);
  if (status == EDB_OK) status = spread(a, &p);
  if (status == EDB_OK && p.possible) {
    read_outline(a);
    p.possible = edb_arrange_align(a);
  }
  if (status != EDB_OK || !p.possible || !keep) edb_pqtree_undo(a->tree, mark);
  *possible = p.possible;
  return status;
}
