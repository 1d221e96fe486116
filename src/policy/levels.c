/* policy/levels.c: see levels.h. */
#include "policy/levels.h"

#include <string.h>

#include "base/bitset.h"
#include "base/carve.h"
#include "policy/regroup.h"

#define NONE UINT32_MAX

/* ---- Levels -------------------------------------------------------------------------------------
 */

/* Both in one word, so that an input costs one load. */
static inline uint64_t key_of(uint32_t type, uint32_t batch) {
  return (uint64_t)type << 32 | batch;
}

static inline uint32_t batch_of(uint64_t key) {
  return (uint32_t)key;
}

/* A batch behind `before`: of the same type, or the type itself, which then appears. */
static uint32_t open_batch(edb_levels *l, uint32_t type, uint32_t before) {
  uint32_t batch = l->dag->n_types + l->n_batches++;
  if (before == type) l->types[l->n_found++] = type;
  l->next[before] = batch;
  l->next[batch] = NONE;
  l->size[batch] = 0;
  l->type[batch] = type;
  l->last[type] = batch;
  return batch;
}

/* The nodes from .. to - 1. Batches of one type have ascending numbers, so the largest of the
 * inputs' says which level comes next; the type's own number, below all of them, stands for none.
 * Inlined with constant `words` of a set of types and without `alone`, where no type is
 * unbatchable. */
static inline __attribute__((always_inline)) void walk(edb_levels *l, uint32_t from, uint32_t to,
                                                       const size_t words, const uint8_t *alone) {
  const edb_dag *dag = l->dag;
  const uint32_t *start = dag->in_start, *in_node = dag->in_node, *type = dag->type;
  uint64_t *key = l->key;
  uint32_t origin = dag->origin;
  for (uint32_t v = from; v < to; v++) {
    uint32_t t = type[v];
    EDB_ASSERT(t < dag->n_types);
    uint64_t own = key_of(t, 0), most = t, taken = 0;
    for (uint32_t e = start[v]; e < start[v + 1]; e++) {
      uint32_t u = in_node[e] - origin; /* wraps where the input is done */
      if (u >= v) continue;
      uint64_t input = key[u], beyond = input - own; /* small: of the same type */
      if (words == 1)
        taken |= UINT64_C(1) << (input >> 32);
      else
        edb_bitset_add(l->takes + t * words, input >> 32);
      beyond = beyond <= UINT32_MAX ? beyond : 0;
      most = beyond > most ? beyond : most;
    }
    if (words == 1) l->takes[t] |= taken;
    uint32_t before = alone != NULL && alone[t] ? l->last[t] : (uint32_t)most;
    uint32_t batch = l->next[before];
    if (batch == NONE) batch = open_batch(l, t, before);
    key[v] = own | batch;
    l->size[batch]++;
  }
}

/* ---- The order of types -------------------------------------------------------------------------
 */

/* Whether all types that one takes, but for itself, are done. */
static bool is_free(const edb_levels *l, const uint64_t *done, uint32_t type, size_t words) {
  const uint64_t *takes = l->takes + type * words;
  for (size_t w = 0; w < words; w++) {
    uint64_t open = takes[w] & ~done[w];
    if (w == type / 64) open &= ~(UINT64_C(1) << (type % 64));
    if (open != 0) return false;
  }
  return true;
}

/* Puts the types into topological order; false: they make a cycle. Types appear in almost that
 * order: each behind the inputs of its first node. */
static bool order_types(edb_levels *l, size_t words) {
  uint64_t done[EDB_BITSET_WORDS(EDB_LEVELS_TYPES)] = {0};
  for (uint32_t ordered = 0; ordered < l->n_found;) {
    uint32_t before = ordered;
    for (uint32_t i = ordered; i < l->n_found; i++) {
      uint32_t type = l->types[i];
      if (!is_free(l, done, type, words)) continue;
      edb_bitset_add(done, type);
      memmove(l->types + ordered + 1, l->types + ordered, (i - ordered) * sizeof *l->types);
      l->types[ordered++] = type;
    }
    if (ordered == before) return false;
  }
  return true;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

#define FIRST_LOOK 12
#define LAST_LOOK  192

/* Types that make a cycle mostly do so in the first instance, and among its first nodes: it is not
 * worth going on to the end to learn of it. */
static bool find_levels(edb_levels *l) {
  const edb_dag *dag = l->dag;
  size_t words = EDB_BITSET_WORDS(dag->n_types);
  for (uint32_t from = 0, to; from < dag->n_nodes; from = to) {
    to = from == 0 ? FIRST_LOOK : from < LAST_LOOK ? from * 4 : dag->n_nodes;
    if (to > dag->n_nodes) to = dag->n_nodes;
    if (words == 1 && dag->unbatchable == NULL)
      walk(l, from, to, 1, NULL);
    else
      walk(l, from, to, words, dag->unbatchable);
    if (!order_types(l, words)) return false;
  }
  return true;
}

static size_t lay_out(edb_levels *l, char *base) {
  edb_carver c = {.base = base};
  size_t nodes = l->dag->n_nodes, types = l->dag->n_types;
  EDB_CARVE(&c, l->key, nodes);
  EDB_CARVE(&c, l->next, types + nodes);
  EDB_CARVE(&c, l->size, types + nodes);
  EDB_CARVE(&c, l->type, types + nodes);
  EDB_CARVE(&c, l->order, nodes);
  EDB_CARVE(&c, l->takes, types * EDB_BITSET_WORDS(types));
  EDB_CARVE(&c, l->types, types);
  EDB_CARVE(&c, l->last, types);
  return c.at;
}

edb_status edb_levels_init(edb_context *ctx, const edb_dag *dag, edb_levels *out,
                           edb_error *error) {
  edb_levels l = {.dag = dag};
  size_t words = EDB_BITSET_WORDS(dag->n_types);
  EDB_ASSERT(dag->n_types <= EDB_LEVELS_TYPES);
  l.memory_bytes = lay_out(&l, NULL);
  l.memory = edb_alloc(ctx, l.memory_bytes);
  if (l.memory == NULL && l.memory_bytes > 0)
    return edb_fail_memory(error, l.memory_bytes, "the levels of a graph");
  (void)lay_out(&l, l.memory);
  for (uint32_t t = 0; t < dag->n_types; t++) {
    l.next[t] = NONE;
    l.last[t] = t;
    for (size_t w = 0; w < words; w++) l.takes[t * words + w] = 0;
  }
  l.acyclic = find_levels(&l);
  *out = l;
  return EDB_OK;
}

void edb_levels_free(edb_context *ctx, edb_levels *levels) {
  edb_free(ctx, levels->memory, levels->memory_bytes);
  *levels = (edb_levels){0};
}

/* ---- Taking turns -------------------------------------------------------------------------------
 *
 * Batches get rounds: no earlier than those of their inputs, and at most EDB_REGROUP_MOST of a type
 * have the same one. Round by round, and inside of a round type by type, inputs come first. */

typedef struct turns {
  const edb_levels *levels;
  uint32_t *round; /* [n_types + n_nodes] of a batch; of a type, its last one */
  uint32_t *nodes; /* [n_nodes] batch by batch */
  uint32_t *start; /* [n_batches + 1] of the batch at this place; then of the rounds */
  uint32_t *order; /* [n_batches] */
} turns;

/* Nodes to their batches, in ascending order; size[] then says where each of these ends. */
static void place_nodes(edb_levels *l, uint32_t origin, uint32_t *nodes) {
  for (uint32_t v = 0; v < l->dag->n_nodes; v++) nodes[l->size[batch_of(l->key[v])]++] = origin + v;
}

/* The latest round of what a batch takes. */
static uint32_t inputs_round(const turns *t, uint32_t place) {
  const edb_levels *l = t->levels;
  const edb_dag *dag = l->dag;
  uint32_t latest = 0;
  for (uint32_t i = t->start[place]; i < t->start[place + 1]; i++) {
    uint32_t v = t->nodes[i];
    for (uint32_t e = dag->in_start[v]; e < dag->in_start[v + 1]; e++) {
      uint32_t u = dag->in_node[e] - dag->origin;
      uint32_t round = u < v ? t->round[batch_of(l->key[u])] : 0;
      latest = round > latest ? round : latest;
    }
  }
  return latest;
}

/* The latest round of any batch of the types that one takes. */
static uint32_t types_round(const turns *t, uint32_t type) {
  const edb_levels *l = t->levels;
  size_t words = EDB_BITSET_WORDS(l->dag->n_types);
  const uint64_t *takes = l->takes + type * words;
  uint32_t latest = 0;
  for (size_t i = edb_bitset_next(takes, words, 0); i != SIZE_MAX;
       i = edb_bitset_next(takes, words, i + 1)) {
    if (i != type && t->round[i] > latest) latest = t->round[i];
  }
  return latest;
}

/* Of the batches of a type, at the places from .. to - 1. Only where they may have to wait, one
 * longer than another, the nodes are asked. */
static void find_rounds(turns *t, uint32_t type, uint32_t from, uint32_t to) {
  uint32_t wait = types_round(t, type), round = to - from == 1 ? wait : 0, run = 0;
  for (uint32_t i = from; i < to; i++) {
    uint32_t least = wait > 0 && to - from > 1 ? inputs_round(t, i) : 0;
    if (run == EDB_REGROUP_MOST || least > round) {
      round = least > round ? least : round + 1;
      run = 0;
    }
    t->round[t->levels->order[i]] = round;
    run++;
  }
  t->round[type] = round;
}

/* Sorts the batches by their rounds; those of one round stay in their order. */
static void sort_by_round(turns *t, uint32_t *order) {
  uint32_t n = t->levels->n_batches, *first = t->start;
  memset(first, 0, ((size_t)n + 1) * sizeof *first);
  for (uint32_t i = 0; i < n; i++) first[t->round[order[i]] + 1]++;
  for (uint32_t r = 0; r < n; r++) first[r + 1] += first[r];
  for (uint32_t i = 0; i < n; i++) t->order[first[t->round[order[i]]]++] = order[i];
  memcpy(order, t->order, n * sizeof *order);
}

static edb_status take_turns(edb_context *ctx, edb_levels *l, edb_error *error) {
  size_t nodes = l->dag->n_nodes, words = nodes + (size_t)l->n_batches * 2 + 1;
  turns t = {.levels = l, .round = l->next};
  uint32_t *memory = edb_alloc(ctx, words * sizeof *memory);
  if (memory == NULL) return edb_fail_memory(error, words * sizeof *memory, "the order of batches");
  t.nodes = memory;
  t.start = t.nodes + nodes;
  t.order = t.start + l->n_batches + 1;
  for (uint32_t i = 0, sum = 0; i <= l->n_batches; i++) {
    t.start[i] = sum;
    if (i == l->n_batches) break;
    uint32_t *size = &l->size[l->order[i]];
    sum += *size;
    *size = t.start[i];
  }
  place_nodes(l, 0, t.nodes);
  for (uint32_t i = 0, end; i < l->n_batches; i = end) {
    uint32_t type = l->type[l->order[i]];
    for (end = i + 1; end < l->n_batches && l->type[l->order[end]] == type;) end++;
    find_rounds(&t, type, i, end);
  }
  for (uint32_t i = 0; i < l->n_batches; i++) l->size[l->order[i]] = t.start[i + 1] - t.start[i];
  sort_by_round(&t, l->order);
  edb_free(ctx, memory, words * sizeof *memory);
  return EDB_OK;
}

/* ---- The schedule -------------------------------------------------------------------------------
 */

/* Type by type; whether several types have more levels than may follow each other. */
static bool list_batches(edb_levels *l) {
  uint32_t n = 0, n_long = 0;
  for (uint32_t i = 0; i < l->n_found; i++) {
    uint32_t before = n;
    for (uint32_t b = l->next[l->types[i]]; b != NONE; b = l->next[b]) l->order[n++] = b;
    n_long += n - before > EDB_REGROUP_MOST;
  }
  return n_long > 1;
}

edb_status edb_levels_schedule(edb_context *ctx, edb_levels *l, bool grouped, edb_schedule **out,
                               edb_error *error) {
  uint32_t n = l->n_batches, start = 0;
  edb_schedule *s = NULL;
  if (list_batches(l) && grouped) EDB_TRY(take_turns(ctx, l, error));
  EDB_TRY(edb_schedule_new(ctx, n, l->dag->n_nodes, &s, error));
  for (uint32_t i = 0; i < n; i++) {
    uint32_t *size = &l->size[l->order[i]], end = start + *size;
    s->batch_type[i] = l->type[l->order[i]];
    s->batch_start[i] = *size = start;
    start = end;
  }
  s->batch_start[n] = start;
  place_nodes(l, l->dag->origin, s->nodes);
  s->info = (edb_schedule_info){
      .n_batches = n, .bound = n, .proven_bound = n, .n_nodes = l->dag->n_nodes};
  *out = s;
  return EDB_OK;
}
