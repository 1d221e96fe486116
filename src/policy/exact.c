/* policy/exact.c: the shortest schedule, by search; for small graphs.
 *
 * A search state is the set of executed nodes; states are kept once. The lower bound on the rest
 * never falls by more than the cost of a batch, so cost + bound stays the same or rises by one
 * along a schedule, and A* needs no heap: two stacks, states of the current sum and of the next
 * one.
 *
 * Batches of a component of the type graph that comes later are put off: they can only grow by
 * that, and no batch of an earlier component is lost. Unbatchable nodes run at once, as everywhere.
 */
#include <string.h>

#include "base/bitset.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "policy/rules.h"

#define MAX_NODES  1024
#define MAX_STATES (UINT32_C(1) << 20)
#define MAX_WORK   (UINT32_C(1) << 25) /* states times nodes: some seconds */

typedef struct found_state {
  uint32_t parent, type; /* how it was reached at the least cost so far */
  uint32_t cost;         /* batches */
  bool expanded;
} found_state;

typedef struct entry {
  uint32_t state, cost;
} entry;
typedef EDB_VEC(entry) entry_stack;

typedef struct search {
  edb_context *ctx;
  const edb_problem *p;
  edb_error *error;
  size_t words;
  uint64_t deadline; /* 0: none */
  uint32_t max_states;
  edb_map seen; /* set of executed nodes -> state, which is also its number in the map */
  EDB_VEC(found_state) states;
  entry_stack now, next; /* by cost + bound: the least there is, and one more */
  uint64_t *done;        /* [words] the state being expanded */
  uint64_t *child;       /* [words] */
  uint32_t *max_own;     /* [n_types] */
  uint8_t *ready;        /* [n_nodes] in the state being expanded */
} search;

static bool is_ready(const search *s, const uint64_t *done, uint32_t v) {
  if (edb_bitset_has(done, v)) return false;
  for (uint32_t e = s->p->in_start[v]; e < s->p->in_start[v + 1]; e++) {
    if (!edb_bitset_has(done, s->p->in[e])) return false;
  }
  return true;
}

/* Runs every unbatchable node that is ready or becomes so; returns their number. One sweep in
 * topological order is enough. */
static uint32_t run_unbatchable(const search *s, uint64_t *done) {
  const edb_problem *p = s->p;
  uint32_t count = 0;
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? p->n_nodes - 1 - i : i;
    if (!p->unbatchable[p->type[v]] || !is_ready(s, done, v)) continue;
    edb_bitset_add(done, v);
    count++;
  }
  return count;
}

static uint32_t bound_of(search *s, const uint64_t *done) {
  const edb_problem *p = s->p;
  uint32_t bound = 0;
  memset(s->max_own, 0, p->n_types * sizeof *s->max_own);
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    uint32_t t = p->type[v];
    if (edb_bitset_has(done, v)) continue;
    if (p->unbatchable[t]) {
      bound++;
    } else if (p->own[v] > s->max_own[t]) {
      bound += p->own[v] - s->max_own[t];
      s->max_own[t] = p->own[v];
    }
  }
  return bound;
}

/* Makes the state of `done` known at this cost, unless it is known at no more; puts it on the
 * stack. */
static edb_status offer(search *s, const uint64_t *done, found_state how, entry_stack *stack) {
  size_t key = s->words * sizeof *done;
  uint32_t id = edb_map_get(&s->seen, done, key);
  if (id != EDB_MAP_NONE) {
    if (s->states.data[id].cost <= how.cost) return EDB_OK;
    s->states.data[id] = how;
  } else {
    id = (uint32_t)s->states.length;
    EDB_FAIL_IF(id >= s->max_states, s->error, EDB_ERROR_LIMIT,
                "the exact search met more than %u different frontiers; it is for small graphs",
                s->max_states);
    if (!edb_vec_push(s->ctx, &s->states, how) || !edb_map_put(&s->seen, done, key, id))
      return edb_fail_memory(s->error, key, "a state of the exact search");
  }
  if (!edb_vec_push(s->ctx, stack, (entry){id, how.cost}))
    return edb_fail_memory(s->error, sizeof(entry), "a state of the exact search");
  return EDB_OK;
}

/* The component that is to be worked on: the first that has ready nodes. */
static uint32_t find_ready(search *s) {
  const edb_problem *p = s->p;
  uint32_t first = UINT32_MAX;
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    s->ready[v] = is_ready(s, s->done, v);
    if (s->ready[v] && p->component[p->type[v]] < first) first = p->component[p->type[v]];
  }
  return first;
}

/* The state after a batch of all ready nodes of a type; *none when there are none. */
static edb_status expand_type(search *s, uint32_t id, uint32_t type, uint32_t bound) {
  const edb_problem *p = s->p;
  bool any = false;
  memcpy(s->child, s->done, s->words * sizeof *s->child);
  for (uint32_t v = 0; v < p->n_nodes; v++) {
    if (!s->ready[v] || p->type[v] != type) continue;
    edb_bitset_add(s->child, v);
    any = true;
  }
  if (!any) return EDB_OK;
  uint32_t cost = 1 + run_unbatchable(s, s->child);
  uint32_t left = bound_of(s, s->child);
  EDB_ASSERT(left + cost == bound || left + cost == bound + 1);
  found_state how = {.parent = id, .type = type, .cost = s->states.data[id].cost + cost};
  return offer(s, s->child, how, left + cost == bound ? &s->now : &s->next);
}

static edb_status expand(search *s, uint32_t id, uint32_t bound) {
  uint32_t component = find_ready(s);
  for (uint32_t t = 0; t < s->p->n_types; t++) {
    if (s->p->component[t] == component) EDB_TRY(expand_type(s, id, t, bound));
  }
  return EDB_OK;
}

/* Gives the goal: the first state without a bound left. */
static edb_status search_goal(search *s, uint32_t *goal) {
  memset(s->child, 0, s->words * sizeof *s->child);
  found_state root = {.parent = EDB_MAP_NONE, .type = EDB_TYPE_NONE};
  root.cost = run_unbatchable(s, s->child);
  EDB_TRY(offer(s, s->child, root, &s->now));
  for (;;) { /* a step takes O(nodes), so the clock is no matter */
    EDB_FAIL_IF(s->deadline != 0 && edb_clock_ns() >= s->deadline, s->error, EDB_ERROR_LIMIT,
                "the exact search ran out of time after %zu frontiers", s->states.length);
    if (s->now.length == 0) {
      entry_stack empty = s->now;
      s->now = s->next;
      s->next = empty;
    }
    EDB_ASSERT(s->now.length > 0);
    entry top = s->now.data[--s->now.length];
    found_state *state = &s->states.data[top.state];
    if (state->expanded || state->cost < top.cost) continue;
    state->expanded = true;
    memcpy(s->done, edb_map_key(&s->seen, top.state), s->words * sizeof *s->done);
    uint32_t bound = bound_of(s, s->done);
    if (bound == 0) {
      *goal = top.state;
      return EDB_OK;
    }
    EDB_TRY(expand(s, top.state, bound));
  }
}

/* ---- The schedule -------------------------------------------------------------------------------
 */

/* The types of the batchable batches of a schedule, to be run in order. */
typedef struct script {
  const uint32_t *types;
} script;

static uint32_t script_choose(void *self, const edb_state *state) {
  (void)state;
  return *((script *)self)->types;
}

static void script_ran(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
                       uint32_t count) {
  (void)nodes;
  (void)count;
  if (!state->problem->unbatchable[type]) ((script *)self)->types++;
}

static void replay(const search *s, uint32_t goal, edb_state *state, edb_batches *out) {
  uint32_t *types = out->type + s->p->n_nodes; /* written from the end, read from the start */
  uint32_t *first = types;
  for (uint32_t id = goal; s->states.data[id].parent != EDB_MAP_NONE;
       id = s->states.data[id].parent)
    *--first = s->states.data[id].type;
  /* The pass writes its own batches into the same array, never past what it has read: each batch
   * reads at most one entry, and the script lies at the end. */
  script path = {first};
  edb_chooser chooser = {.choose = script_choose, .ran = script_ran, .self = &path};
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
}

static edb_status search_init(search *s, void **memory, size_t *bytes) {
  const edb_problem *p = s->p;
  s->words = EDB_BITSET_WORDS(p->n_nodes);
  s->max_states = MAX_WORK / p->n_nodes < MAX_STATES ? MAX_WORK / p->n_nodes : MAX_STATES;
  *bytes = s->words * 2 * sizeof(uint64_t) + p->n_types * sizeof(uint32_t) + p->n_nodes;
  *memory = edb_alloc(s->ctx, *bytes);
  if (*memory == NULL) return edb_fail_memory(s->error, *bytes, "the exact search");
  s->done = *memory;
  s->child = s->done + s->words;
  s->max_own = (uint32_t *)(s->child + s->words);
  s->ready = (uint8_t *)(s->max_own + p->n_types);
  edb_map_init(&s->seen, s->ctx);
  return EDB_OK;
}

edb_status edb_exact_pass(edb_context *ctx, edb_state *state, uint64_t deadline, edb_batches *out,
                          edb_error *error) {
  const edb_problem *p = state->problem;
  EDB_FAIL_IF(p->n_nodes > MAX_NODES, error, EDB_ERROR_LIMIT,
              "the exact search takes graphs of at most %d nodes, found %u", MAX_NODES, p->n_nodes);
  search s = {.ctx = ctx, .p = p, .error = error, .deadline = deadline};
  void *memory = NULL;
  size_t bytes = 0;
  EDB_TRY(search_init(&s, &memory, &bytes));
  uint32_t goal = 0;
  edb_status status = search_goal(&s, &goal);
  if (status == EDB_OK) replay(&s, goal, state, out);
  edb_map_free(&s.seen);
  edb_vec_free(ctx, &s.states);
  edb_vec_free(ctx, &s.now);
  edb_vec_free(ctx, &s.next);
  edb_free(ctx, memory, bytes);
  return status;
}
