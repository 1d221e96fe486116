/* policy/optimum.c: A* over tuples of instance states.
 *
 * The bound on what is left of a tuple is the largest cost to go of any two or three of its
 * machines (tables.h), and the sum over types of the largest own. A letter lowers each of these by
 * one at most, so letters + bound stays the same or rises by one along a word: two stacks do for a
 * heap. */
#include "policy/optimum.h"

#include <string.h>

#include "base/clock.h"
#include "policy/tables.h"

#define MAX_MACHINES  12
#define FIRST         3
#define MAX_TABLES    64
#define TRIPLE_CELLS  ((size_t)1 << 26)   /* of one table */
#define ALL_CELLS     ((size_t)1 << 28)   /* of all */
#define CELL_NS       4                   /* about, per type */
#define PAIR_NODES    ((uint32_t)1 << 18) /* then triples are worth their tables */
#define MAX_NODES     ((uint32_t)1 << 23)
#define CLOCK_EVERY   1024 /* letters */
#define SLOTS_AT_ONCE 1024

/* A tuple that was met; its states stand in `keys`. */
typedef struct node {
  uint32_t parent;
  uint16_t letter, cost;
} node;

typedef struct entry {
  uint32_t node, cost;
} entry;
typedef EDB_VEC(entry) entry_stack;

typedef struct search {
  edb_context *ctx;
  const edb_part *part;
  edb_error *error;
  uint64_t deadline;
  uint32_t limit; /* words of this length are known */
  bool triples;   /* pairs alone were not enough */
  uint32_t n_machines, n_tables;
  uint32_t members[MAX_MACHINES];
  edb_machine machines[MAX_MACHINES];
  edb_cost_table tables[MAX_TABLES];
  size_t cells;
  EDB_VEC(node) nodes;
  EDB_VEC(uint16_t) keys; /* [n_machines] per node */
  uint32_t *slots;        /* node + 1, or 0 */
  size_t slot_count;
  entry_stack now, next;
} search;

/* ---- Machines and tables ------------------------------------------------------------------------
 */

static edb_status add_table(search *s, const uint32_t *member, uint32_t n_members,
                            size_t max_cells) {
  bool made = false;
  uint64_t time = edb_clock_ns();
  if (s->n_tables == MAX_TABLES || time >= s->deadline) return EDB_OK;
  uint64_t in_time = (s->deadline - time) / (CELL_NS * (uint64_t)s->part->n_types);
  if (max_cells > ALL_CELLS - s->cells) max_cells = ALL_CELLS - s->cells;
  if (max_cells > in_time) max_cells = in_time;
  EDB_TRY(edb_cost_table_init(s->ctx, s->machines, member, n_members, max_cells, s->deadline,
                              &s->tables[s->n_tables], &made, s->error));
  if (made) s->cells += s->tables[s->n_tables++].memory_bytes / sizeof(uint16_t);
  return EDB_OK;
}

/* Tables of a machine with those before it: pairs, or triples with the first one. */
static edb_status add_tables(search *s, uint32_t last) {
  for (uint32_t i = 0; i < last && !s->triples; i++)
    EDB_TRY(add_table(s, (uint32_t[]){i, last}, 2, TRIPLE_CELLS));
  for (uint32_t k = 1; k < last && s->triples; k++)
    EDB_TRY(add_table(s, (uint32_t[]){0, k, last}, 3, TRIPLE_CELLS));
  return EDB_OK;
}

/* Triples for all machines, beside the pairs there are. */
static edb_status add_triples(search *s) {
  s->triples = true;
  for (uint32_t i = 0; i < s->n_machines; i++) EDB_TRY(add_tables(s, i));
  return EDB_OK;
}

static edb_status add_machine(search *s, uint32_t instance, bool *added) {
  *added = false;
  if (s->n_machines == MAX_MACHINES) return EDB_OK;
  EDB_TRY(edb_machine_init(s->ctx, s->part, instance, s->deadline, &s->machines[s->n_machines],
                           added, s->error));
  if (!*added) return EDB_OK;
  s->members[s->n_machines++] = instance;
  return add_tables(s, s->n_machines - 1);
}

/* ---- Nodes --------------------------------------------------------------------------------------
 */

static uint64_t hash_key(const uint16_t *key, uint32_t n) {
  uint64_t h = 0x9e3779b97f4a7c15u;
  for (uint32_t i = 0; i < n; i++) {
    h = (h ^ key[i]) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  }
  return h;
}

static uint32_t bound_of(const search *s, const uint16_t *key) {
  uint32_t best = 0, sum = 0, types = s->part->n_types;
  for (uint32_t t = 0; t < s->n_tables; t++) {
    uint32_t cost = edb_cost_to_go(&s->tables[t], key);
    if (cost > best) best = cost;
  }
  for (uint32_t c = 0; c < types; c++) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < s->n_machines; i++) {
      uint32_t own = s->machines[i].own[(size_t)key[i] * types + c];
      if (own > most) most = own;
    }
    sum += most;
  }
  return sum > best ? sum : best;
}

static bool grow_slots(search *s) {
  size_t count = s->slot_count == 0 ? SLOTS_AT_ONCE : s->slot_count * 2;
  uint32_t *slots = edb_alloc_zero(s->ctx, count * sizeof *slots);
  if (slots == NULL) return false;
  for (size_t i = 0; i < s->nodes.length; i++) {
    uint64_t at = hash_key(s->keys.data + i * s->n_machines, s->n_machines);
    while (slots[at & (count - 1)] != 0) at++;
    slots[at & (count - 1)] = (uint32_t)i + 1;
  }
  edb_free(s->ctx, s->slots, s->slot_count * sizeof *slots);
  s->slots = slots;
  s->slot_count = count;
  return true;
}

/* The node of a key, or a new one with cost UINT16_MAX; UINT32_MAX: no memory. */
static uint32_t find_node(search *s, const uint16_t *key) {
  uint32_t k = s->n_machines;
  if ((s->nodes.length + 1) * 2 > s->slot_count && !grow_slots(s)) return UINT32_MAX;
  uint64_t at = hash_key(key, k);
  for (; s->slots[at & (s->slot_count - 1)] != 0; at++) {
    uint32_t found = s->slots[at & (s->slot_count - 1)] - 1;
    if (memcmp(s->keys.data + (size_t)found * k, key, k * sizeof *key) == 0) return found;
  }
  if (!edb_vec_reserve(s->ctx, &s->keys, (s->nodes.length + 1) * k) ||
      !edb_vec_push(s->ctx, &s->nodes, (node){.cost = UINT16_MAX}))
    return UINT32_MAX;
  uint32_t id = (uint32_t)s->nodes.length - 1;
  memcpy(s->keys.data + (size_t)id * k, key, k * sizeof *key);
  s->slots[at & (s->slot_count - 1)] = id + 1;
  return id;
}

/* ---- A* -----------------------------------------------------------------------------------------
 */

/* A tuple reached by `how`; `sum`: cost + bound of its parent. */
static edb_status offer(search *s, const uint16_t *key, node how, uint32_t sum) {
  uint32_t total = how.cost + bound_of(s, key);
  EDB_ASSERT(total == sum || total == sum + 1);
  if (total >= s->limit) return EDB_OK;
  uint32_t id = find_node(s, key);
  if (id == UINT32_MAX) return edb_fail_memory(s->error, sizeof(node), "the exact search");
  if (s->nodes.data[id].cost <= how.cost) return EDB_OK;
  s->nodes.data[id] = how;
  entry_stack *stack = total == sum ? &s->now : &s->next;
  if (!edb_vec_push(s->ctx, stack, (entry){id, how.cost}))
    return edb_fail_memory(s->error, sizeof(entry), "the exact search");
  return EDB_OK;
}

static edb_status expand(search *s, uint32_t id, uint32_t sum) {
  uint32_t k = s->n_machines, types = s->part->n_types;
  uint16_t from[MAX_MACHINES], to[MAX_MACHINES];
  memcpy(from, s->keys.data + (size_t)id * k, k * sizeof *from);
  node how = {.parent = id, .cost = (uint16_t)(s->nodes.data[id].cost + 1)};
  for (uint32_t c = 0; c < types; c++) {
    bool moved = false;
    for (uint32_t i = 0; i < k; i++) {
      to[i] = s->machines[i].next[(size_t)from[i] * types + c];
      moved |= to[i] != from[i];
    }
    how.letter = (uint16_t)c;
    if (moved) EDB_TRY(offer(s, to, how, sum));
  }
  return EDB_OK;
}

static bool is_done(const search *s, uint32_t id) {
  const uint16_t *key = s->keys.data + (size_t)id * s->n_machines;
  for (uint32_t i = 0; i < s->n_machines; i++) {
    if (key[i] != 0) return false;
  }
  return true;
}

static void clear_nodes(search *s) {
  s->nodes.length = s->now.length = s->next.length = 0;
  if (s->slot_count > 0) memset(s->slots, 0, s->slot_count * sizeof *s->slots);
}

typedef enum outcome { FOUND, NONE_SHORTER, STOPPED } outcome;

/* The shortest word for the tuple, if it is below the limit. *proven rises to what is sure. */
static edb_status search_tuple(search *s, uint32_t *goal, uint32_t *proven, outcome *out) {
  uint16_t key[MAX_MACHINES];
  clear_nodes(s);
  for (uint32_t i = 0; i < s->n_machines; i++) key[i] = (uint16_t)(s->machines[i].n_states - 1);
  uint32_t sum = bound_of(s, key);
  EDB_TRY(offer(s, key, (node){.parent = UINT32_MAX}, sum));
  for (uint64_t letters = 0, asked = 0;; letters += s->part->n_types) {
    if (sum > *proven) *proven = sum < s->limit ? sum : s->limit;
    *out = STOPPED;
    if (s->nodes.length > (s->triples ? MAX_NODES : PAIR_NODES)) return EDB_OK;
    if (letters - asked >= CLOCK_EVERY) {
      asked = letters;
      if (edb_clock_ns() >= s->deadline) return EDB_OK;
    }
    if (s->now.length == 0) {
      entry_stack empty = s->now;
      s->now = s->next;
      s->next = empty;
      sum++;
      *out = NONE_SHORTER;
      if (s->now.length == 0) return EDB_OK;
      continue;
    }
    entry top = s->now.data[--s->now.length];
    if (s->nodes.data[top.node].cost != top.cost) continue; /* reached at less since */
    *goal = top.node;
    *out = FOUND;
    if (is_done(s, top.node)) return EDB_OK;
    EDB_TRY(expand(s, top.node, sum));
  }
}

static void read_word(const search *s, uint32_t goal, edb_word *word) {
  word->length = s->nodes.data[goal].cost;
  for (uint32_t at = word->length; at-- > 0; goal = s->nodes.data[goal].parent)
    word->letters[at] = s->nodes.data[goal].letter;
}

/* ---- Rounds -------------------------------------------------------------------------------------
 */

static edb_status add_first(search *s, bool *added) {
  uint32_t instances[FIRST], count = FIRST;
  EDB_TRY(edb_critical_instances(s->ctx, s->part, 0.1, &count, instances, s->error));
  *added = true;
  for (uint32_t i = 0; i < count && *added; i++) EDB_TRY(add_machine(s, instances[i], added));
  return EDB_OK;
}

static edb_status search_rounds(search *s, edb_runner *runner, edb_word *found, edb_word *best,
                                uint32_t *proven) {
  bool added = false;
  EDB_TRY(add_first(s, &added));
  while (added && *proven < best->length) {
    outcome ended;
    uint32_t goal = 0;
    s->limit = best->length;
    EDB_TRY(search_tuple(s, &goal, proven, &ended));
    if (ended == NONE_SHORTER) *proven = best->length;
    if (ended == STOPPED && !s->triples && edb_clock_ns() < s->deadline) {
      EDB_TRY(add_triples(s));
      continue;
    }
    if (ended != FOUND) return EDB_OK;
    read_word(s, goal, found);
    edb_runner_run(runner, s->part, false, found);
    uint32_t next = edb_runner_unfinished(runner, s->part, s->members, s->n_machines);
    edb_runner_finish(runner, s->part, found);
    if (found->length < best->length) {
      best->length = found->length;
      memcpy(best->letters, found->letters, found->length * sizeof *found->letters);
    }
    if (next == UINT32_MAX) return EDB_OK;
    EDB_TRY(add_machine(s, next, &added));
  }
  return EDB_OK;
}

edb_status edb_optimum_search(edb_context *ctx, const edb_part *part, uint64_t deadline,
                              edb_runner *runner, edb_word *word, uint32_t *proven,
                              edb_error *error) {
  if (word->length >= UINT16_MAX || part->n_types > UINT16_MAX) return EDB_OK; /* nodes are small */
  size_t bytes = part->n_batchable * sizeof(uint32_t);
  edb_word found = {.letters = edb_alloc(ctx, bytes)};
  if (found.letters == NULL) return edb_fail_memory(error, bytes, "a word");
  search s = {.ctx = ctx, .part = part, .error = error, .deadline = deadline};
  edb_status status = search_rounds(&s, runner, &found, word, proven);
  for (uint32_t i = 0; i < s.n_machines; i++) edb_machine_free(ctx, &s.machines[i]);
  for (uint32_t t = 0; t < s.n_tables; t++) edb_cost_table_free(ctx, &s.tables[t]);
  edb_vec_free(ctx, &s.nodes);
  edb_vec_free(ctx, &s.keys);
  edb_vec_free(ctx, &s.now);
  edb_vec_free(ctx, &s.next);
  edb_free(ctx, s.slots, s.slot_count * sizeof *s.slots);
  edb_free(ctx, found.letters, bytes);
  return status;
}
