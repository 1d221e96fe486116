/* policy/state.c: the frontier of a scheduler, kept up to date node by node. */
#include "policy/state.h"

#include "base/bitset.h"
#include "base/carve.h"
#include "policy/contest.h"

#include <string.h>

static size_t lay_out(edb_state *s, void *base) {
  const edb_problem *p = s->problem;
  edb_carver c = {.base = base};
  size_t nodes = p->n_nodes, types = p->n_types, contest = edb_contest_length(p->n_types);
  EDB_CARVE(&c, s->ready_own, types);
  EDB_CARVE(&c, s->ready_mass, types);
  EDB_CARVE(&c, s->ready_types, EDB_BITSET_WORDS(types));
  EDB_CARVE(&c, s->ready_ranks, EDB_BITSET_WORDS(types));
  EDB_CARVE(&c, s->pending, nodes);
  EDB_CARVE(&c, s->fresh, nodes);
  EDB_CARVE(&c, s->ready, nodes);
  EDB_CARVE(&c, s->ready_count, types);
  EDB_CARVE(&c, s->type_start, types);
  EDB_CARVE(&c, s->max_own, types);
  EDB_CARVE(&c, s->at_max, types);
  EDB_CARVE(&c, s->ready_at_max, types);
  EDB_CARVE(&c, s->ready_top, types);
  EDB_CARVE(&c, s->ready_at_top, types);
  EDB_CARVE(&c, s->own_count, p->own_count_length);
  if (contest > 0) EDB_CARVE(&c, s->winners, contest);
  return c.at;
}

edb_status edb_state_init(edb_context *ctx, const edb_problem *problem, edb_state *out,
                          edb_error *error) {
  edb_state s = {.problem = problem};
  s.memory_bytes = lay_out(&s, NULL);
  if (s.memory_bytes > 0) {
    s.memory = edb_alloc(ctx, s.memory_bytes);
    if (s.memory == NULL) return edb_fail_memory(error, s.memory_bytes, "a scheduler's state");
    (void)lay_out(&s, s.memory);
  }
  *out = s;
  return EDB_OK;
}

void edb_state_free(edb_context *ctx, edb_state *state) {
  edb_free(ctx, state->memory, state->memory_bytes);
  state->memory = NULL;
  state->memory_bytes = 0;
}

static inline void note_height(edb_state *s, uint32_t type, uint32_t height) {
  uint32_t top = s->ready_top[type];
  if (height > top) {
    s->ready_mass[type] = height - top > 63 ? 0 : s->ready_mass[type] >> (height - top);
    s->ready_top[type] = top = height;
    s->ready_at_top[type] = 0;
  }
  s->ready_at_top[type] += height == top;
  if (top - height <= 32) s->ready_mass[type] += UINT64_C(1) << (32 - (top - height));
}

static void enter_type(edb_state *s, uint32_t type) {
  s->n_ready_types++;
  s->n_ready_unbatchable += s->problem->unbatchable[type];
  edb_bitset_add(s->ready_types, type);
  edb_bitset_add(s->ready_ranks, s->problem->rank[type]);
}

static void leave_type(edb_state *s, uint32_t type) {
  s->n_ready_types--;
  s->n_ready_unbatchable -= s->problem->unbatchable[type];
  edb_bitset_remove(s->ready_types, type);
  edb_bitset_remove(s->ready_ranks, s->problem->rank[type]);
}

/* Segments of `ready` never overflow: a node enters that of its type exactly once. */
static inline void make_ready_plain(edb_state *s, uint32_t node) {
  uint32_t t = s->problem->type[node], count = s->ready_count[t]++;
  if (count == 0) enter_type(s, t);
  s->ready[s->type_start[t] + count] = node;
}

static inline void make_ready(edb_state *s, uint32_t node) {
  const edb_problem *p = s->problem;
  uint32_t t = p->type[node], own = p->own[node];
  make_ready_plain(s, node);
  s->ready_own[t] += own;
  s->ready_at_max[t] += own == s->max_own[t];
  if (s->height != NULL) note_height(s, t, s->height[node]);
}

void edb_state_reset(edb_state *s) {
  const edb_problem *p = s->problem;
  s->n_done = s->n_ready_types = s->n_ready_unbatchable = 0;
  s->plain = false;
  s->remaining_bound = p->bound;
  if (p->n_nodes == 0) return;
  size_t type_bytes = p->n_types * sizeof(uint32_t);
  memcpy(s->own_count, p->own_count, p->own_count_length * sizeof(uint32_t));
  memcpy(s->max_own, p->max_own, type_bytes);
  memset(s->ready_count, 0, type_bytes);
  memset(s->ready_at_max, 0, type_bytes);
  memset(s->ready_top, 0, type_bytes);
  memset(s->ready_at_top, 0, type_bytes);
  memset(s->ready_own, 0, p->n_types * sizeof(uint64_t));
  memset(s->ready_mass, 0, p->n_types * sizeof(uint64_t));
  memset(s->ready_types, 0, EDB_BITSET_WORDS(p->n_types) * sizeof(uint64_t));
  memset(s->ready_ranks, 0, EDB_BITSET_WORDS(p->n_types) * sizeof(uint64_t));
  s->first_word = 0;
  uint32_t start = 0;
  for (uint32_t t = 0; t < p->n_types; t++) {
    s->type_start[t] = start;
    start += p->type_count[t];
    s->at_max[t] = s->own_count[p->own_start[t] + s->max_own[t]];
  }
  uint32_t n_fresh = 0;
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    s->pending[v] = p->in_start[v + 1] - p->in_start[v];
    s->fresh[n_fresh] = v;
    n_fresh += s->pending[v] == 0;
  }
  for (uint32_t i = 0; i < n_fresh; i++) make_ready(s, s->fresh[i]);
}

/* The own of what is ready. */
static void sum_ready(edb_state *s, uint32_t type) {
  const uint32_t *own = s->problem->own, *ready = s->ready + s->type_start[type];
  s->ready_own[type] = s->ready_at_max[type] = 0;
  for (uint32_t i = 0; i < s->ready_count[type]; i++) {
    s->ready_own[type] += own[ready[i]];
    s->ready_at_max[type] += own[ready[i]] == s->max_own[type];
  }
}

void edb_state_catch_up(edb_state *s) {
  const edb_problem *p = s->problem;
  EDB_ASSERT(s->plain && s->height == NULL);
  s->plain = false;
  memset(s->own_count, 0, p->own_count_length * sizeof *s->own_count);
  for (uint32_t v = 0; v < p->n_nodes; v++)
    if (s->pending[v] > 0) s->own_count[p->own_start[p->type[v]] + p->own[v]]++;
  s->remaining_bound = 0;
  for (uint32_t t = 0, end = 0; t < p->n_types; t++) {
    uint32_t *histogram = s->own_count + p->own_start[t], max = p->max_own[t];
    end += p->type_count[t];
    for (uint32_t i = 0; i < s->ready_count[t]; i++)
      histogram[p->own[s->ready[s->type_start[t] + i]]]++;
    while (max > 0 && histogram[max] == 0) max--;
    s->max_own[t] = max;
    s->at_max[t] = histogram[max];
    s->remaining_bound += p->unbatchable[t] ? end - s->type_start[t] : max;
    sum_ready(s, t);
  }
}

static inline uint32_t next_bit(const uint64_t *set, uint32_t from, uint32_t end) {
  if (from >= end) return UINT32_MAX;
  size_t word = from >> 6;
  uint64_t bits = set[word] & (~UINT64_C(0) << (from & 63));
  while (bits == 0) {
    if (++word >= EDB_BITSET_WORDS(end)) return UINT32_MAX;
    bits = set[word];
  }
  uint32_t bit = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
  return bit < end ? bit : UINT32_MAX;
}

uint32_t edb_state_next_ready(const edb_state *s, uint32_t from) {
  return next_bit(s->ready_types, from, s->problem->n_types);
}

uint32_t edb_state_next_in(const edb_state *s, uint32_t component, uint32_t type) {
  const edb_problem *p = s->problem;
  if (component == EDB_COMPONENT_ANY)
    return edb_state_next_ready(s, type == EDB_TYPE_NONE ? 0 : type + 1);
  uint32_t from = type == EDB_TYPE_NONE ? p->first_rank[component] : p->rank[type] + 1;
  uint32_t rank = next_bit(s->ready_ranks, from, p->first_rank[component + 1]);
  return rank == UINT32_MAX ? EDB_TYPE_NONE : p->by_rank[rank];
}

uint32_t edb_state_component(const edb_state *s, uint32_t *type) {
  const edb_problem *p = s->problem;
  uint32_t rank = next_bit(s->ready_ranks, s->first_word * 64, p->n_types);
  uint32_t first = p->component[p->by_rank[rank]];
  uint32_t other = next_bit(s->ready_ranks, rank + 1, p->first_rank[first + 1]);
  *type = other == UINT32_MAX ? p->by_rank[rank] : EDB_TYPE_NONE;
  return first;
}

uint32_t edb_state_forced(const edb_state *s) {
  if (s->n_ready_unbatchable > 0) {
    uint32_t t = edb_state_next_ready(s, 0);
    while (!s->problem->unbatchable[t]) t = edb_state_next_ready(s, t + 1);
    return t;
  }
  return s->n_ready_types == 1 ? edb_state_next_ready(s, 0) : EDB_TYPE_NONE;
}

/* Takes a batch out of the unfinished nodes before its successors become ready. The batch is all of
 * the type's ready nodes, so what is ready at the maximum starts again from zero. */
static void finish_batch(edb_state *s, uint32_t type, const uint32_t *batch, uint32_t count) {
  const edb_problem *p = s->problem;
  uint32_t *histogram = s->own_count + p->own_start[type];
  for (uint32_t i = 0; i < count; i++) histogram[p->own[batch[i]]]--;
  uint32_t max = s->max_own[type];
  while (max > 0 && histogram[max] == 0) max--;
  s->remaining_bound -= s->max_own[type] - max;
  s->max_own[type] = max;
  s->at_max[type] = histogram[max];
  s->ready_at_max[type] = 0;
  s->ready_top[type] = s->ready_at_top[type] = 0;
  s->ready_mass[type] = 0;
  s->ready_own[type] = 0;
}

#define FEW_NODES 8

static inline void enter(edb_state *s, uint32_t node, const bool plain) {
  if (plain)
    make_ready_plain(s, node);
  else
    make_ready(s, node);
}

/* Of the nodes that take these. */
static inline __attribute__((always_inline)) void finish_few(edb_state *s, const uint32_t *batch,
                                                             uint32_t count, const bool plain) {
  const edb_problem *p = s->problem;
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t e = p->out_start[batch[i]]; e < p->out_start[batch[i] + 1]; e++)
      if (--s->pending[p->out[e]] == 0) enter(s, p->out[e], plain);
  }
}

/* The same of many: whether a node becomes ready is hard to foretell, so nothing branches on it. */
static inline __attribute__((always_inline)) void finish_many(edb_state *s, const uint32_t *batch,
                                                              uint32_t count, const bool plain) {
  const uint32_t *out_start = s->problem->out_start, *out = s->problem->out;
  uint32_t *pending = s->pending, *fresh = s->fresh, n_fresh = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t v = batch[i];
    for (uint32_t e = out_start[v]; e < out_start[v + 1]; e++) {
      uint32_t u = out[e], left = --pending[u];
      fresh[n_fresh] = u;
      n_fresh += left == 0;
    }
  }
  for (uint32_t i = 0; i < n_fresh; i++) enter(s, fresh[i], plain);
}

/* The batch is done; its successors may become ready. */
static inline __attribute__((always_inline)) void finish(edb_state *s, const uint32_t *batch,
                                                         uint32_t count, const bool plain) {
  if (count <= FEW_NODES)
    finish_few(s, batch, count, plain);
  else
    finish_many(s, batch, count, plain);
}

#define FEW_TYPES 64 /* a set of them is a word */

/* Components before that of the first ready rank are done: whatever is not done of them would be
 * ready before it. */
static void pass_done_components(edb_state *s) {
  const edb_problem *p = s->problem;
  uint32_t rank = next_bit(s->ready_ranks, s->first_word * 64, p->n_types);
  if (rank != UINT32_MAX) s->first_word = p->first_rank[p->component[p->by_rank[rank]]] / 64;
}

uint32_t edb_state_run(edb_state *s, uint32_t type, uint32_t *nodes) {
  const edb_problem *p = s->problem;
  const uint32_t *batch = s->ready + s->type_start[type];
  uint32_t count = s->ready_count[type];
  EDB_ASSERT(type < p->n_types && count > 0);
  if (p->unbatchable[type]) {
    count = 1;
    s->remaining_bound--;
  } else if (!s->plain) {
    finish_batch(s, type, batch, count);
  }
  s->n_done += count;
  s->type_start[type] += count;
  s->ready_count[type] -= count;
  if (s->ready_count[type] == 0) leave_type(s, type);
  if (nodes != NULL) memcpy(nodes, batch, count * sizeof *nodes);
  if (s->plain)
    finish(s, batch, count, true);
  else
    finish(s, batch, count, false);
  if (p->n_types > FEW_TYPES) pass_done_components(s);
  return count;
}
