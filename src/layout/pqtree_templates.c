/* layout/pqtree_templates.c: the templates L1, P1-P6 and Q1-Q3 of REDUCE. Each looks at one node
 * whose children are labelled empty, partial or full, and rewrites it so that the full leaves below
 * stand together: at one end where more of the set lies outside, anywhere at the root of the set.
 *
 * A partial node is a Q node with its empty leaves at one end and its full ones at the other. It
 * lives only until its parent is done: a P node puts more children at its ends, a Q node takes its
 * children in, so no node is ever left with fewer children than its kind must have.
 *
 *     P4, P6    a P node of empty children and  [empty | full] [full | empty]  and full children
 *               keeps the empty ones beside     [empty | full full full | empty]
 *     P5        not at the root: empty children go to the empty end, full ones to the full end
 *     Q2, Q3    a Q node  e e [e | f] f f [f | e] e  becomes  e e e f f f f e e */
#include "layout/pqtree_impl.h"

/* ---- Nodes and their places ------------------------------------------------------------------ */

static uint32_t new_node(edb_pqtree *t, edb_pqtree_kind kind) {
  uint32_t x = t->free;
  EDB_ASSERT(x != EDB_PQ_NONE);
  edb_pq_note(t, EDB_PQ_NONE, 1, x);
  t->free = edb_pq_get(t, x, EDB_PQ_PARENT);
  edb_pq_set(t, x, EDB_PQ_KIND, kind);
  edb_pq_set(t, x, EDB_PQ_END, EDB_PQ_NONE);
  edb_pq_set(t, x, EDB_PQ_END_2, EDB_PQ_NONE);
  edb_pq_set(t, x, EDB_PQ_CHILDREN, 0);
  edb_pq_see(t, x);
  t->marks[x] = (edb_pq_mark){.visit = EDB_PQ_QUEUED};
  return x;
}

static void free_node(edb_pqtree *t, uint32_t x) {
  edb_pq_set(t, x, EDB_PQ_PARENT, t->free);
  edb_pq_note(t, EDB_PQ_NONE, 1, t->free);
  t->free = x;
}

static void set_links(edb_pqtree *t, uint32_t x, uint32_t a, uint32_t b) {
  edb_pq_set(t, x, EDB_PQ_LINK, a);
  edb_pq_set(t, x, EDB_PQ_LINK_2, b);
}

/* Changes one neighbour of x, or nothing if x is NONE. */
static void relink(edb_pqtree *t, uint32_t x, uint32_t from, uint32_t to) {
  if (x == EDB_PQ_NONE) return;
  uint32_t side = edb_pq_get(t, x, EDB_PQ_LINK) == from ? 0 : 1;
  edb_pq_set(t, x, EDB_PQ_LINK + side, to);
}

/* The neighbour of x in a Q node that is not `previous`. */
static uint32_t beyond(const edb_pqtree *t, uint32_t x, uint32_t previous) {
  uint32_t link = edb_pq_get(t, x, EDB_PQ_LINK);
  return link == previous ? edb_pq_get(t, x, EDB_PQ_LINK_2) : link;
}

static void p_add(edb_pqtree *t, uint32_t p, uint32_t x) {
  uint32_t first = edb_pq_get(t, p, EDB_PQ_END);
  edb_pq_set(t, x, EDB_PQ_PARENT, p);
  edb_pq_set(t, x, EDB_PQ_OF_Q, 0);
  edb_pq_set(t, p, EDB_PQ_CHILDREN, edb_pq_get(t, p, EDB_PQ_CHILDREN) + 1);
  if (first == EDB_PQ_NONE) {
    set_links(t, x, x, x);
    edb_pq_set(t, p, EDB_PQ_END, x);
    return;
  }
  uint32_t last = edb_pq_get(t, first, EDB_PQ_LINK);
  set_links(t, x, last, first);
  edb_pq_set(t, last, EDB_PQ_LINK_2, x);
  edb_pq_set(t, first, EDB_PQ_LINK, x);
}

static void p_remove(edb_pqtree *t, uint32_t p, uint32_t x) {
  uint32_t previous = edb_pq_get(t, x, EDB_PQ_LINK), next = edb_pq_get(t, x, EDB_PQ_LINK_2);
  edb_pq_set(t, previous, EDB_PQ_LINK_2, next);
  edb_pq_set(t, next, EDB_PQ_LINK, previous);
  edb_pq_set(t, p, EDB_PQ_CHILDREN, edb_pq_get(t, p, EDB_PQ_CHILDREN) - 1);
  if (edb_pq_get(t, p, EDB_PQ_END) == x)
    edb_pq_set(t, p, EDB_PQ_END, next == x ? EDB_PQ_NONE : next);
}

/* A Q node of two children, which are nowhere yet. */
static void q_make(edb_pqtree *t, uint32_t q, uint32_t a, uint32_t b) {
  for (uint32_t i = 0; i < 2; i++) {
    uint32_t x = i == 0 ? a : b;
    set_links(t, x, i == 0 ? b : a, EDB_PQ_NONE);
    edb_pq_set(t, x, EDB_PQ_PARENT, q);
    edb_pq_set(t, x, EDB_PQ_OF_Q, 1);
    edb_pq_set(t, q, EDB_PQ_END + i, x);
  }
}

/* x becomes the child of a Q node beyond its endmost child on one side. */
static void q_extend(edb_pqtree *t, uint32_t q, uint32_t side, uint32_t x) {
  uint32_t last = edb_pq_get(t, q, EDB_PQ_END + side);
  relink(t, last, EDB_PQ_NONE, x);
  set_links(t, x, last, EDB_PQ_NONE);
  edb_pq_set(t, x, EDB_PQ_PARENT, q);
  edb_pq_set(t, x, EDB_PQ_OF_Q, 1);
  edb_pq_set(t, q, EDB_PQ_END + side, x);
}

/* y takes the place of x, which is then nowhere. y stands nowhere yet, or below x. */
static void replace(edb_pqtree *t, uint32_t x, uint32_t y) {
  uint32_t parent = edb_pq_get(t, x, EDB_PQ_PARENT);
  uint32_t a = edb_pq_get(t, x, EDB_PQ_LINK), b = edb_pq_get(t, x, EDB_PQ_LINK_2);
  edb_pq_set(t, y, EDB_PQ_OF_Q, edb_pq_get(t, x, EDB_PQ_OF_Q));
  edb_pq_set(t, y, EDB_PQ_PARENT, parent);
  if (x == t->root) {
    edb_pq_note(t, EDB_PQ_NONE, 0, x);
    t->root = y;
    set_links(t, y, EDB_PQ_NONE, EDB_PQ_NONE);
    return;
  }
  /* Whoever links to x now links to y; the parent may do so by its ends only. */
  if (edb_pq_get(t, x, EDB_PQ_OF_Q)) {
    set_links(t, y, a, b);
    relink(t, a, x, y);
    relink(t, b, x, y);
    bool in_pseudo = t->pseudo != EDB_PQ_NONE && parent == t->pseudo;
    if (a != EDB_PQ_NONE && b != EDB_PQ_NONE && !in_pseudo) return; /* no end of anything */
  } else {
    set_links(t, y, a, b);
    edb_pq_set(t, a, EDB_PQ_LINK_2, y);
    edb_pq_set(t, b, EDB_PQ_LINK, y);
  }
  for (uint32_t i = 0; i < 2; i++)
    if (edb_pq_get(t, parent, EDB_PQ_END + i) == x) edb_pq_set(t, parent, EDB_PQ_END + i, y);
}

static uint32_t label_of(const edb_pqtree *t, uint32_t x) {
  return x == EDB_PQ_NONE ? EDB_PQ_EMPTY : t->marks[x].label;
}

static uint32_t labelled(edb_pqtree *t, uint32_t x, edb_pq_label label) {
  edb_pq_see(t, x);
  t->marks[x].label = label;
  return x;
}

/* ---- P nodes --------------------------------------------------------------------------------- */

/* Takes the full children out of P node x: one as it is, several under a new P node; NONE if none.
 */
static uint32_t take_full(edb_pqtree *t, uint32_t x) {
  edb_pq_mark *m = &t->marks[x];
  if (m->full == 0) return EDB_PQ_NONE;
  uint32_t group = m->full == 1 ? m->first_full : new_node(t, EDB_PQTREE_P);
  uint32_t child = m->first_full;
  for (uint32_t i = 0; i < m->full; i++) {
    uint32_t next = t->marks[child].next_full;
    p_remove(t, x, child);
    if (group != child) p_add(t, group, child);
    child = next;
  }
  return labelled(t, group, EDB_PQ_FULL);
}

/* What is left of P node x once its full and partial children are taken out, and standing nowhere:
 * x itself, its only child, or NONE. x has given its place away. */
static uint32_t take_rest(edb_pqtree *t, uint32_t x) {
  uint32_t left = edb_pq_get(t, x, EDB_PQ_CHILDREN);
  if (left > 1) return labelled(t, x, EDB_PQ_EMPTY);
  uint32_t child = left == 1 ? edb_pq_get(t, x, EDB_PQ_END) : EDB_PQ_NONE;
  free_node(t, x);
  return child;
}

/* The side of a partial Q node where its full leaves are. */
static uint32_t full_side(const edb_pqtree *t, uint32_t q) {
  return label_of(t, edb_pq_get(t, q, EDB_PQ_END)) == EDB_PQ_FULL ? 0 : 1;
}

/* P1 is seen by the caller. P2: the full children go below a P node of their own. */
static uint32_t template_p2(edb_pqtree *t, uint32_t x) {
  if (t->marks[x].full > 1) p_add(t, x, take_full(t, x));
  return x;
}

/* P3, not at the root: empty children to one end of a new Q node, full ones to the other. */
static uint32_t template_p3(edb_pqtree *t, uint32_t x) {
  uint32_t q = new_node(t, EDB_PQTREE_Q);
  uint32_t full = take_full(t, x);
  replace(t, x, q);
  uint32_t rest = take_rest(t, x);
  q_make(t, q, rest, full);
  return labelled(t, q, EDB_PQ_PARTIAL);
}

/* A P node at the root of the set that is left with one child makes room for it. */
static uint32_t collapse(edb_pqtree *t, uint32_t x) {
  if (edb_pq_get(t, x, EDB_PQ_CHILDREN) > 1) return x;
  uint32_t child = edb_pq_get(t, x, EDB_PQ_END);
  replace(t, x, child);
  free_node(t, x);
  return child;
}

/* P4 and P6: the full children stand at the full end of the partial one, or between two. */
static uint32_t template_p4_p6(edb_pqtree *t, uint32_t x) {
  const edb_pq_mark *m = &t->marks[x];
  uint32_t q = m->partial[0], other = m->partial[1], n_partial = m->n_partial;
  uint32_t full = take_full(t, x), side = full_side(t, q);
  if (full != EDB_PQ_NONE) q_extend(t, q, side, full);
  if (n_partial == 2) {
    /* The other one follows, full end first; its parent's name matters at its far end only. */
    uint32_t far = full_side(t, other), last = edb_pq_get(t, q, EDB_PQ_END + side);
    uint32_t joint = edb_pq_get(t, other, EDB_PQ_END + far);
    uint32_t end = edb_pq_get(t, other, EDB_PQ_END + (1 - far));
    p_remove(t, x, other);
    relink(t, last, EDB_PQ_NONE, joint);
    relink(t, joint, EDB_PQ_NONE, last);
    edb_pq_set(t, q, EDB_PQ_END + side, end);
    edb_pq_set(t, end, EDB_PQ_PARENT, q);
    free_node(t, other);
  }
  return collapse(t, x);
}

/* P5: the partial child takes the node's place, the full children at its full end, the empty ones
 * at the other. */
static uint32_t template_p5(edb_pqtree *t, uint32_t x) {
  uint32_t q = t->marks[x].partial[0];
  uint32_t full = take_full(t, x), side = full_side(t, q);
  p_remove(t, x, q);
  replace(t, x, q);
  if (full != EDB_PQ_NONE) q_extend(t, q, side, full);
  uint32_t rest = take_rest(t, x);
  if (rest != EDB_PQ_NONE) q_extend(t, q, 1 - side, rest);
  return labelled(t, q, EDB_PQ_PARTIAL);
}

static uint32_t match_p(edb_pqtree *t, uint32_t x, bool is_root) {
  const edb_pq_mark *m = &t->marks[x];
  if (m->full == edb_pq_get(t, x, EDB_PQ_CHILDREN)) return labelled(t, x, EDB_PQ_FULL);
  if (m->n_partial == 0) return is_root ? template_p2(t, x) : template_p3(t, x);
  if (is_root) return template_p4_p6(t, x);
  return m->n_partial == 1 ? template_p5(t, x) : EDB_PQ_NONE;
}

/* ---- Q nodes --------------------------------------------------------------------------------- */

/* The children of partial node y take its place in Q node x, the full ones towards `towards`: a
 * neighbour, or NONE for the end of x. */
static void dissolve(edb_pqtree *t, uint32_t x, uint32_t y, uint32_t towards) {
  uint32_t away = beyond(t, y, towards), side = full_side(t, y);
  uint32_t near = edb_pq_get(t, y, EDB_PQ_END + side),
           far = edb_pq_get(t, y, EDB_PQ_END + (1 - side));
  relink(t, towards, y, near);
  relink(t, away, y, far);
  relink(t, near, EDB_PQ_NONE, towards);
  relink(t, far, EDB_PQ_NONE, away);
  for (uint32_t i = 0; i < 2; i++) {
    if (edb_pq_get(t, x, EDB_PQ_END + i) != y) continue;
    /* A pseudo node's end has a neighbour on either side, and is no end of the true node. */
    uint32_t end = towards == EDB_PQ_NONE ? near : far;
    edb_pq_set(t, x, EDB_PQ_END + i, end);
    edb_pq_set(t, end, EDB_PQ_PARENT, x);
  }
  free_node(t, y);
}

/* Q1 and Q2: full children at one end, then at most one partial one, then empty ones. */
static uint32_t template_q2(edb_pqtree *t, uint32_t x) {
  const edb_pq_mark *m = &t->marks[x];
  uint32_t partial = m->n_partial == 1 ? m->partial[0] : EDB_PQ_NONE, side = 0;
  if (m->n_partial > 1) return EDB_PQ_NONE;
  uint32_t wanted = m->full > 0 ? EDB_PQ_FULL : EDB_PQ_PARTIAL;
  if (label_of(t, edb_pq_get(t, x, EDB_PQ_END)) != wanted) side = 1;
  uint32_t at = edb_pq_get(t, x, EDB_PQ_END + side), previous = EDB_PQ_NONE, full = 0;
  while (label_of(t, at) == EDB_PQ_FULL) {
    uint32_t next = beyond(t, at, previous);
    previous = at;
    at = next;
    full++;
  }
  if (full < m->full || (partial != EDB_PQ_NONE && at != partial)) return EDB_PQ_NONE;
  if (at == EDB_PQ_NONE) return labelled(t, x, EDB_PQ_FULL);
  if (partial != EDB_PQ_NONE) dissolve(t, x, partial, previous);
  return labelled(t, x, EDB_PQ_PARTIAL);
}

/* Q3: full children next to each other, with at most one partial one on either side. */
static uint32_t template_q3(edb_pqtree *t, uint32_t x) {
  const edb_pq_mark *m = &t->marks[x];
  uint32_t n_partial = m->n_partial, a = m->partial[0], b = m->partial[1];
  if (m->full == 0) {
    if (n_partial != 2) return EDB_PQ_NONE; /* one alone would itself be the root of the set */
    bool adjacent = edb_pq_get(t, a, EDB_PQ_LINK) == b || edb_pq_get(t, a, EDB_PQ_LINK_2) == b;
    if (!adjacent) return EDB_PQ_NONE;
    uint32_t side = full_side(t, b), near = edb_pq_get(t, b, EDB_PQ_END + side);
    dissolve(t, x, b, a);
    dissolve(t, x, a, near);
    return x;
  }
  /* From one full child to both sides: all full ones must be met, and any partial one right after.
   */
  uint32_t found = 1, bounded = 0, start = m->first_full;
  uint32_t inner[2], outer[2];
  for (uint32_t side = 0; side < 2; side++) {
    uint32_t previous = start, at = edb_pq_get(t, start, EDB_PQ_LINK + side);
    while (label_of(t, at) == EDB_PQ_FULL) {
      uint32_t next = beyond(t, at, previous);
      previous = at;
      at = next;
      found++;
    }
    inner[side] = previous;
    outer[side] = at;
    bounded += label_of(t, at) == EDB_PQ_PARTIAL;
  }
  if (found < m->full || bounded < n_partial) return EDB_PQ_NONE;
  for (uint32_t side = 0; side < 2; side++)
    if (label_of(t, outer[side]) == EDB_PQ_PARTIAL) dissolve(t, x, outer[side], inner[side]);
  return x;
}

uint32_t edb_pq_match(edb_pqtree *t, uint32_t x, bool is_root) {
  switch ((edb_pqtree_kind)edb_pq_get(t, x, EDB_PQ_KIND)) {
  case EDB_PQTREE_LEAF:
    return labelled(t, x, EDB_PQ_FULL);
  case EDB_PQTREE_P:
    return match_p(t, x, is_root);
  case EDB_PQTREE_Q:
    break;
  }
  return is_root ? template_q3(t, x) : template_q2(t, x);
}
