/* layout/pqtree.c: a PQ tree's life, its journal, and the two passes of REDUCE. */
#include "layout/pqtree_impl.h"

#include <string.h>

/* ---- Life ---------------------------------------------------------------------------------------
 */

static void make_ring(edb_pqtree *t, uint32_t parent) {
  uint32_t n = t->n_leaves;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t *field = t->nodes[i].field;
    field[EDB_PQ_PARENT] = parent;
    field[EDB_PQ_LINK] = i == 0 ? n - 1 : i - 1;
    field[EDB_PQ_LINK_2] = i == n - 1 ? 0 : i + 1;
  }
  uint32_t *field = t->nodes[parent].field;
  field[EDB_PQ_KIND] = EDB_PQTREE_P;
  field[EDB_PQ_END] = 0;
  field[EDB_PQ_CHILDREN] = n;
}

static void make_universal(edb_pqtree *t) {
  for (uint32_t i = 0; i < t->n_nodes; i++) {
    uint32_t *field = t->nodes[i].field;
    for (uint32_t f = 0; f < EDB_PQ_FIELDS; f++) field[f] = EDB_PQ_NONE;
    field[EDB_PQ_KIND] = EDB_PQTREE_LEAF;
    field[EDB_PQ_OF_Q] = 0;
    field[EDB_PQ_CHILDREN] = 0;
    if (i >= t->n_leaves) field[EDB_PQ_PARENT] = i + 1 < t->n_nodes ? i + 1 : EDB_PQ_NONE;
  }
  t->root = t->n_leaves == 0 ? EDB_PQ_NONE : 0;
  t->free = t->n_leaves;
  if (t->n_leaves < 2) return;
  t->root = t->free;
  t->free = edb_pq_get(t, t->root, EDB_PQ_PARENT);
  t->nodes[t->root].field[EDB_PQ_PARENT] = EDB_PQ_NONE;
  make_ring(t, t->root);
}

edb_status edb_pqtree_create(edb_context *ctx, uint32_t n_leaves, edb_pqtree **out,
                             edb_error *error) {
  EDB_FAIL_IF(n_leaves > EDB_PQTREE_MAX_LEAVES, error, EDB_ERROR_LIMIT,
              "a PQ tree of %u leaves: at most %u are possible", n_leaves, EDB_PQTREE_MAX_LEAVES);
  edb_pqtree *t = edb_alloc_zero(ctx, sizeof *t);
  if (!t) return edb_fail_memory(error, sizeof *t, "a PQ tree");
  /* A proper tree has fewer inner nodes than leaves; a template makes a few before it frees others.
   */
  size_t n = 2 * (size_t)n_leaves + 8;
  *t =
      (edb_pqtree){.ctx = ctx, .n_leaves = n_leaves, .n_nodes = (uint32_t)n, .pseudo = EDB_PQ_NONE};
  t->nodes = edb_alloc(ctx, n * sizeof *t->nodes);
  t->marks = edb_alloc_zero(ctx, n * sizeof *t->marks);
  t->queue = edb_alloc(ctx, n * sizeof *t->queue);
  t->seen = edb_alloc(ctx, n * sizeof *t->seen);
  if (!t->nodes || !t->marks || !t->queue || !t->seen) {
    edb_pqtree_destroy(t);
    return edb_fail_memory(error, n * sizeof *t->nodes, "a PQ tree");
  }
  make_universal(t);
  *out = t;
  return EDB_OK;
}

void edb_pqtree_destroy(edb_pqtree *t) {
  if (!t) return;
  edb_context *ctx = t->ctx;
  size_t n = t->n_nodes;
  edb_free(ctx, t->nodes, t->nodes ? n * sizeof *t->nodes : 0);
  edb_free(ctx, t->marks, t->marks ? n * sizeof *t->marks : 0);
  edb_free(ctx, t->queue, t->queue ? n * sizeof *t->queue : 0);
  edb_free(ctx, t->seen, t->seen ? n * sizeof *t->seen : 0);
  edb_vec_free(ctx, &t->journal);
  edb_free(ctx, t, sizeof *t);
}

uint32_t edb_pqtree_leaf_count(const edb_pqtree *t) {
  return t->n_leaves;
}

/* ---- The journal --------------------------------------------------------------------------------
 */

size_t edb_pqtree_mark(edb_pqtree *t) {
  t->keeps_journal = true;
  return t->journal.length;
}

void edb_pqtree_undo(edb_pqtree *t, size_t mark) {
  while (t->journal.length > mark) {
    edb_pq_entry e = t->journal.data[--t->journal.length];
    if (e.node != EDB_PQ_NONE)
      t->nodes[e.node].field[e.field] = e.value;
    else if (e.field == 0)
      t->root = e.value;
    else
      t->free = e.value;
  }
}

void edb_pqtree_commit(edb_pqtree *t) {
  t->keeps_journal = false;
  t->journal.length = 0;
}

/* ---- Marks of one REDUCE ------------------------------------------------------------------------
 */

void edb_pq_see(edb_pqtree *t, uint32_t node) {
  if (t->marks[node].visit != EDB_PQ_UNSEEN) return;
  t->marks[node].visit = EDB_PQ_QUEUED;
  t->seen[t->n_seen++] = node;
}

static void clear_marks(edb_pqtree *t) {
  for (uint32_t i = 0; i < t->n_seen; i++) t->marks[t->seen[i]] = (edb_pq_mark){0};
  t->n_seen = 0;
}

/* Room in the journal for `entries`, and those that any template or pseudo node writes. */
static edb_status reserve(edb_pqtree *t, size_t entries, edb_error *error) {
  size_t wanted = t->journal.length + EDB_PQ_ENTRIES_TEMPLATE + entries;
  if (edb_vec_reserve(t->ctx, &t->journal, wanted)) return EDB_OK;
  return edb_fail_memory(error, wanted * sizeof(edb_pq_entry), "the journal of a PQ tree");
}

static bool is_inside_q(const edb_pqtree *t, uint32_t x) {
  return edb_pq_get(t, x, EDB_PQ_OF_Q) && edb_pq_get(t, x, EDB_PQ_LINK) != EDB_PQ_NONE &&
         edb_pq_get(t, x, EDB_PQ_LINK_2) != EDB_PQ_NONE;
}

/* ---- First pass: bubble
 * --------------------------------------------------------------------------- Finds the parent of
 * every node with leaves of the set below it, from the leaves up, and counts its children of that
 * kind. A child inside a Q node asks its neighbours; runs of such children of which none knows the
 * parent are blocked. Parents that are found are noted in the journal: the field is stale now, but
 * was good before the child got inside, and undoing must bring that back. */

typedef struct bubbling {
  uint32_t head, tail; /* of the queue */
  uint32_t runs;       /* blocked runs */
  uint32_t off_top;    /* 1: the root was reached */
  uint32_t blocked;    /* the last node that was blocked */
} bubbling;

static void count_child(edb_pqtree *t, bubbling *b, uint32_t parent) {
  t->marks[parent].due++;
  if (t->marks[parent].visit != EDB_PQ_UNSEEN) return;
  edb_pq_see(t, parent);
  t->queue[b->tail++] = parent;
}

/* The blocked nodes in a row on one side of x, which has found its parent. */
static void unblock_run(edb_pqtree *t, bubbling *b, uint32_t x, uint32_t neighbour) {
  uint32_t parent = edb_pq_get(t, x, EDB_PQ_PARENT), previous = x;
  while (neighbour != EDB_PQ_NONE && t->marks[neighbour].visit == EDB_PQ_BLOCKED) {
    t->marks[neighbour].visit = EDB_PQ_UNBLOCKED;
    edb_pq_set(t, neighbour, EDB_PQ_PARENT, parent);
    count_child(t, b, parent);
    uint32_t link = edb_pq_get(t, neighbour, EDB_PQ_LINK);
    uint32_t next = link == previous ? edb_pq_get(t, neighbour, EDB_PQ_LINK_2) : link;
    previous = neighbour;
    neighbour = next;
  }
}

static void bubble_node(edb_pqtree *t, bubbling *b, uint32_t x) {
  uint32_t blocked_sides = 0;
  bool knows_parent = !is_inside_q(t, x);
  for (uint32_t side = 0; side < 2 && edb_pq_get(t, x, EDB_PQ_OF_Q); side++) {
    uint32_t s = edb_pq_get(t, x, EDB_PQ_LINK + side);
    if (s == EDB_PQ_NONE) continue;
    blocked_sides += t->marks[s].visit == EDB_PQ_BLOCKED;
    if (knows_parent || t->marks[s].visit != EDB_PQ_UNBLOCKED) continue;
    edb_pq_set(t, x, EDB_PQ_PARENT, edb_pq_get(t, s, EDB_PQ_PARENT));
    knows_parent = true;
  }
  b->runs -= blocked_sides;
  if (!knows_parent) {
    t->marks[x].visit = EDB_PQ_BLOCKED;
    b->blocked = x;
    b->runs++;
    return;
  }
  t->marks[x].visit = EDB_PQ_UNBLOCKED;
  uint32_t parent = edb_pq_get(t, x, EDB_PQ_PARENT);
  if (parent == EDB_PQ_NONE) {
    b->off_top = 1;
    return;
  }
  for (uint32_t side = 0; side < 2 && blocked_sides > 0; side++)
    unblock_run(t, b, x, edb_pq_get(t, x, EDB_PQ_LINK + side));
  count_child(t, b, parent);
}

/* All children left over stand in one run inside a Q node that nobody knows: a pseudo node is their
 * parent until the end of this REDUCE. */
static void make_pseudo(edb_pqtree *t, uint32_t member) {
  uint32_t p = t->free;
  t->pseudo = p;
  edb_pq_note(t, EDB_PQ_NONE, 1, t->free);
  t->free = edb_pq_get(t, p, EDB_PQ_PARENT);
  edb_pq_see(t, p);
  edb_pq_set(t, p, EDB_PQ_KIND, EDB_PQTREE_Q);
  edb_pq_set(t, member, EDB_PQ_PARENT, p);
  t->marks[p].due = 1;
  for (uint32_t side = 0; side < 2; side++) {
    uint32_t x = edb_pq_get(t, member, EDB_PQ_LINK + side), previous = member;
    while (t->marks[x].visit == EDB_PQ_BLOCKED) {
      edb_pq_set(t, x, EDB_PQ_PARENT, p);
      t->marks[p].due++;
      uint32_t link = edb_pq_get(t, x, EDB_PQ_LINK);
      uint32_t next = link == previous ? edb_pq_get(t, x, EDB_PQ_LINK_2) : link;
      previous = x;
      x = next;
    }
    edb_pq_set(t, p, EDB_PQ_END + side, previous);
  }
}

/* *possible = false: the set lies in several places that can never meet. */
static edb_status bubble(edb_pqtree *t, uint32_t count, bool *possible, edb_error *error) {
  bubbling b = {.tail = count, .blocked = EDB_PQ_NONE};
  *possible = false;
  /* One thing left means that all paths have met: a node, a run, or the root. */
  while (b.tail - b.head + b.runs + b.off_top > 1) {
    if (b.head == b.tail) return EDB_OK;   /* runs that nothing can bring together */
    EDB_TRY(reserve(t, t->n_seen, error)); /* each node finds its parent once */
    bubble_node(t, &b, t->queue[b.head++]);
  }
  *possible = true;
  EDB_TRY(reserve(t, t->n_seen, error));
  if (b.head == b.tail && b.runs == 1) make_pseudo(t, b.blocked);
  return EDB_OK;
}

/* ---- Second pass: templates from the leaves up to the root of the set ------------------------ */

/* Tells the parent of a finished node. false: more partial children than any template has. */
static bool report(edb_pqtree *t, uint32_t parent, uint32_t x) {
  edb_pq_mark *m = &t->marks[parent];
  m->leaves += t->marks[x].leaves;
  m->due--;
  if (t->marks[x].label == EDB_PQ_FULL) {
    t->marks[x].next_full = m->first_full;
    m->first_full = x;
    m->full++;
    return true;
  }
  if (m->n_partial == 2) return false;
  m->partial[m->n_partial++] = x;
  return true;
}

static edb_status apply_templates(edb_pqtree *t, const uint32_t *set, uint32_t count,
                                  bool *possible, edb_error *error) {
  uint32_t head = 0, tail = count;
  memcpy(t->queue, set, count * sizeof *set);
  for (uint32_t i = 0; i < count; i++) t->marks[set[i]].leaves = 1;
  *possible = false;
  while (head < tail) {
    uint32_t x = t->queue[head++], leaves = t->marks[x].leaves;
    EDB_TRY(reserve(t, (size_t)t->marks[x].full * EDB_PQ_ENTRIES_CHILD, error));
    /* A template may put another node into x's place, but the parent stays. */
    uint32_t parent = leaves < count ? edb_pq_get(t, x, EDB_PQ_PARENT) : EDB_PQ_NONE;
    uint32_t y = edb_pq_match(t, x, leaves == count);
    if (y == EDB_PQ_NONE) return EDB_OK;
    if (leaves == count) break;
    t->marks[y].leaves = leaves;
    if (!report(t, parent, y)) return EDB_OK;
    if (t->marks[parent].due == 0) t->queue[tail++] = parent;
  }
  *possible = true;
  return EDB_OK;
}

static void drop_pseudo(edb_pqtree *t) {
  if (t->pseudo == EDB_PQ_NONE) return;
  edb_pq_set(t, t->pseudo, EDB_PQ_PARENT, t->free);
  edb_pq_note(t, EDB_PQ_NONE, 1, t->free);
  t->free = t->pseudo;
  t->pseudo = EDB_PQ_NONE;
}

static edb_status check_set(edb_pqtree *t, const uint32_t *set, uint32_t count, edb_error *error) {
  for (uint32_t i = 0; i < count; i++) {
    EDB_FAIL_IF(set[i] >= t->n_leaves, error, EDB_ERROR_ARGUMENT,
                "leaf %u of a set: the PQ tree has %u leaves", set[i], t->n_leaves);
    EDB_FAIL_IF(t->marks[set[i]].visit != EDB_PQ_UNSEEN, error, EDB_ERROR_ARGUMENT,
                "leaf %u stands in a set twice", set[i]);
    edb_pq_see(t, set[i]);
    t->queue[i] = set[i];
  }
  return EDB_OK;
}

edb_status edb_pqtree_reduce(edb_pqtree *t, const uint32_t *set, uint32_t count,
                             edb_pqtree_result *result, edb_error *error) {
  size_t start = t->journal.length, before = start;
  bool possible = true;
  edb_status status = check_set(t, set, count, error);
  if (status == EDB_OK && count > 1) {
    status = bubble(t, count, &possible, error);
    before = t->journal.length;
    if (status == EDB_OK && possible) status = apply_templates(t, set, count, &possible, error);
  }
  bool same = t->journal.length == before;
  if (status != EDB_OK || !possible || same) {
    edb_pqtree_undo(t, start);
    t->pseudo = EDB_PQ_NONE;
  }
  drop_pseudo(t);
  clear_marks(t);
  if (!t->keeps_journal) t->journal.length = 0;
  if (status == EDB_OK)
    *result = !possible ? EDB_PQTREE_IMPOSSIBLE : same ? EDB_PQTREE_SAME : EDB_PQTREE_CHANGED;
  return status;
}
