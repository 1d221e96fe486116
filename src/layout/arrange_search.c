/* layout/arrange_search.c: chooses which tuples are placed, at the least cost in copied bytes:
 * branch and bound over minimal sets of tuples that cannot be met together. */
#include <string.h>

#include "layout/arrange_impl.h"

/* Sets of tuples that the search tries after the first one: at least MIN, and of at most ELEMENTS
 * in all. Beyond that the best set found so far is taken. So cells of 40 operators are planned in
 * less than a millisecond, and of 3600 random ones but one lost a gather to it. */
#define TRIES_MIN      64u
#define TRIES_ELEMENTS (1u << 12)

/* A minimal set of tuples that cannot be met together: one of them has to go. */
typedef struct core {
  uint32_t start, count; /* in search.members */
  uint32_t chosen;       /* the member that is dropped now */
} core;

typedef struct cost {
  size_t bytes;
  uint32_t tuples;
} cost;

typedef struct search {
  edb_arranger *a;
  uint32_t *open; /* [n_open] tuples that may be dropped, most bytes first */
  uint32_t n_open;
  uint8_t *best; /* [n_open] whether the best solution drops it */
  cost best_cost;
  EDB_VEC(core) cores;
  EDB_VEC(uint32_t) members;
  uint32_t tries;
  bool exact;
} search;

static bool is_less(cost a, cost b) {
  return a.bytes != b.bytes ? a.bytes < b.bytes : a.tuples < b.tuples;
}

static edb_tuple *open_tuple(const search *s, uint32_t i) {
  return &s->a->tuples[s->open[i]];
}

/* Of what is dropped now. Sums cannot overflow: the bytes of all tuples were summed when read. */
static cost cost_of(const search *s) {
  cost c = {0, 0};
  for (uint32_t i = 0; i < s->n_open; i++) {
    const edb_tuple *t = open_tuple(s, i);
    if (t->state != EDB_TUPLE_DROPPED) continue;
    c.bytes += t->bytes;
    c.tuples++;
  }
  return c;
}

static void note_best(search *s) {
  s->best_cost = cost_of(s);
  for (uint32_t i = 0; i < s->n_open; i++)
    s->best[i] = open_tuple(s, i)->state == EDB_TUPLE_DROPPED;
}

static void set_all(search *s, edb_tuple_state state) {
  for (uint32_t i = 0; i < s->n_open; i++) open_tuple(s, i)->state = state;
}

/* A first solution: tuples come in one by one, the most bytes first, and stay if they can. */
static edb_status insert_greedily(search *s) {
  edb_status status = EDB_OK;
  size_t mark = edb_pqtree_mark(s->a->tree);
  set_all(s, EDB_TUPLE_DROPPED);
  for (uint32_t i = 0; i < s->n_open && status == EDB_OK; i++) {
    bool possible = false;
    open_tuple(s, i)->state = EDB_TUPLE_OPEN;
    status = edb_arrange_solve(s->a, true, &possible);
    if (!possible) open_tuple(s, i)->state = EDB_TUPLE_DROPPED;
  }
  edb_pqtree_undo(s->a->tree, mark);
  note_best(s);
  return status;
}

/* What is open cannot be met: leaves out one after the other as long as that stays so. The rest is
 * a core. */
static edb_status find_core(search *s) {
  core c = {.start = (uint32_t)s->members.length, .chosen = UINT32_MAX};
  for (uint32_t i = 0; i < s->n_open; i++) {
    edb_tuple *t = open_tuple(s, i);
    bool possible;
    if (t->state != EDB_TUPLE_OPEN) continue;
    t->state = EDB_TUPLE_SPARED;
    s->tries++;
    EDB_TRY(edb_arrange_solve(s->a, false, &possible));
    if (!possible) continue;
    t->state = EDB_TUPLE_OPEN;
    if (!edb_vec_push(s->a->ctx, &s->members, s->open[i]))
      return edb_fail_memory(s->a->error, sizeof(uint32_t), "a set of tuples");
    c.count++;
  }
  for (uint32_t i = 0; i < s->n_open; i++)
    if (open_tuple(s, i)->state == EDB_TUPLE_SPARED) open_tuple(s, i)->state = EDB_TUPLE_OPEN;
  if (!edb_vec_push(s->a->ctx, &s->cores, c))
    return edb_fail_memory(s->a->error, sizeof c, "a set of tuples");
  return EDB_OK;
}

/* Goes on to the next choice: the member dropped so far stays in, the next one goes. Cores without
 * one are left. false: all is tried. */
static bool advance(search *s) {
  while (s->cores.length > 0) {
    core *c = &s->cores.data[s->cores.length - 1];
    const uint32_t *member = s->members.data + c->start;
    if (c->chosen != UINT32_MAX) s->a->tuples[member[c->chosen]].state = EDB_TUPLE_ON;
    c->chosen++; /* UINT32_MAX: to the first */
    if (c->chosen < c->count) {
      s->a->tuples[member[c->chosen]].state = EDB_TUPLE_DROPPED;
      return true;
    }
    for (uint32_t i = 0; i < c->count; i++) s->a->tuples[member[i]].state = EDB_TUPLE_OPEN;
    s->members.length = c->start;
    s->cores.length--;
  }
  return false;
}

/* Branch and bound: every solution drops a member of every core. Choice i of a core drops member i
 * and insists on those before it, so no set of tuples is looked at twice. */
static edb_status branch(search *s, uint32_t max_tries) {
  do {
    bool possible = false;
    if (s->tries > max_tries) {
      s->exact = false;
      return EDB_OK;
    }
    if (!is_less(cost_of(s), s->best_cost)) continue;
    s->tries++;
    EDB_TRY(edb_arrange_solve(s->a, false, &possible));
    if (possible)
      note_best(s);
    else
      EDB_TRY(find_core(s));
  } while (advance(s));
  return EDB_OK;
}

static void sort_open(search *s) {
  for (uint32_t i = 1; i < s->n_open; i++) { /* by insertion: stable */
    uint32_t t = s->open[i], j = i;
    size_t bytes = s->a->tuples[t].bytes;
    for (; j > 0 && s->a->tuples[s->open[j - 1]].bytes < bytes; j--) s->open[j] = s->open[j - 1];
    s->open[j] = t;
  }
}

/* Decides on the open tuples: those that are met become ON, the others stay DROPPED. */
static edb_status decide(search *s, size_t elements) {
  bool possible = false;
  sort_open(s);
  EDB_TRY(edb_arrange_solve(s->a, false, &possible));
  memset(s->best, 0, s->n_open);
  if (!possible) {
    EDB_TRY(insert_greedily(s));
    set_all(s, EDB_TUPLE_OPEN);
    size_t most = TRIES_ELEMENTS / (elements + 1);
    EDB_TRY(branch(s, most < TRIES_MIN ? TRIES_MIN : (uint32_t)most));
  }
  for (uint32_t i = 0; i < s->n_open; i++)
    open_tuple(s, i)->state = s->best[i] ? EDB_TUPLE_DROPPED : EDB_TUPLE_ON;
  s->cores.length = s->members.length = 0;
  return EDB_OK;
}

/* First results among themselves, then operands: results are kept if they can be. */
edb_status edb_arrange_search(edb_arranger *a, size_t elements, bool *exact) {
  search s = {.a = a, .exact = true};
  size_t bytes = a->n_tuples * (sizeof *s.open + sizeof *s.best) + 1;
  edb_status status = EDB_OK;
  s.open = edb_alloc(a->ctx, bytes);
  if (!s.open) return edb_fail_memory(a->error, bytes, "a search over tuples");
  s.best = (uint8_t *)(s.open + a->n_tuples);
  for (int results = 1; results >= 0 && status == EDB_OK; results--) {
    s.n_open = 0;
    for (uint32_t i = 0; i < a->n_tuples; i++) {
      edb_tuple *t = &a->tuples[i];
      if (t->fate != EDB_TUPLE_PLACED || t->is_result != (results == 1)) continue;
      t->state = EDB_TUPLE_OPEN;
      s.open[s.n_open++] = i;
    }
    status = decide(&s, elements);
  }
  bool possible = true;
  if (status == EDB_OK) status = edb_arrange_solve(a, false, &possible);
  EDB_ASSERT(status != EDB_OK || possible);
  *exact = s.exact;
  edb_vec_free(a->ctx, &s.cores);
  edb_vec_free(a->ctx, &s.members);
  edb_free(a->ctx, s.open, bytes);
  return status;
}

edb_status edb_arrange_find_rivals(edb_arranger *a, uint32_t lost, uint8_t *rivals) {
  bool possible = true;
  if (a->tuples[lost].state != EDB_TUPLE_DROPPED) return EDB_OK;
  a->tuples[lost].state = EDB_TUPLE_ON;
  EDB_TRY(edb_arrange_solve(a, false, &possible));
  for (uint32_t i = 0; !possible && i < a->n_tuples; i++) {
    bool without = false;
    if (i == lost || a->tuples[i].state != EDB_TUPLE_ON) continue;
    a->tuples[i].state = EDB_TUPLE_SPARED;
    EDB_TRY(edb_arrange_solve(a, false, &without));
    if (!without) continue; /* it is not to blame */
    a->tuples[i].state = EDB_TUPLE_ON;
    rivals[i] = 1;
  }
  return EDB_OK;
}
