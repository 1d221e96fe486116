/* policy/levels_schedule.c: the schedule that levels make, and the turns of its types. */
#include <string.h>

#include "base/bitset.h"
#include "policy/levels_impl.h"
#include "policy/regroup.h"

/* ---- Taking turns -------------------------------------------------------------------------------
 *
 * Batches get rounds: no earlier than those of their inputs, and at most EDB_REGROUP_MOST of a type
 * have the same one. Round by round, and inside of a round type by type, inputs come first. */

typedef struct turns {
  const edb_levels *levels;
  uint32_t *round; /* [n_types + n_nodes] of a batch; of a type or a cycle's leader, its last one */
  uint32_t *nodes; /* [n_nodes] batch by batch */
  uint32_t *start; /* [n_batches + 1] of the batch at this place; then of the rounds */
  uint32_t *order; /* [n_batches] */
} turns;

/* Nodes to their batches, in ascending order; size[] then says where each of these ends. */
static void place_nodes(edb_levels *l, uint32_t origin, uint32_t *nodes) {
  for (uint32_t v = 0; v < l->dag->n_nodes; v++)
    nodes[l->size[edb_levels_batch_of(l->key[v])]++] = origin + v;
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
      uint32_t round = u < v ? t->round[edb_levels_batch_of(l->key[u])] : 0;
      latest = round > latest ? round : latest;
    }
  }
  return latest;
}

/* The latest round of any batch of the types that one, or those on a cycle with it, take. */
static uint32_t types_round(const turns *t, uint32_t type) {
  const edb_levels *l = t->levels;
  size_t words = EDB_BITSET_WORDS(l->dag->n_types);
  const uint64_t *takes = l->takes + type * words;
  uint32_t latest = 0;
  for (size_t i = edb_bitset_next(takes, words, 0); i != SIZE_MAX;
       i = edb_bitset_next(takes, words, i + 1)) {
    uint32_t leader = l->leader[i];
    if (leader != l->leader[type] && t->round[leader] > latest) latest = t->round[leader];
  }
  return latest;
}

/* Of the batches of a type, or of a cycle, at the places from .. to - 1. Only where they may have
 * to wait, one longer than another, the nodes are asked. */
static void find_rounds(turns *t, uint32_t leader, uint32_t from, uint32_t to) {
  uint32_t wait = types_round(t, leader), round = to - from == 1 ? wait : 0, run = 0;
  for (uint32_t i = from; i < to; i++) {
    uint32_t least = wait > 0 && to - from > 1 ? inputs_round(t, i) : 0;
    if (run == EDB_REGROUP_MOST || least > round) {
      round = least > round ? least : round + 1;
      run = 0;
    }
    t->round[t->levels->order[i]] = round;
    run++;
  }
  t->round[leader] = round;
}

/* The type that stands for all on a cycle with that of the batch at this place. */
static uint32_t leader_at(const edb_levels *l, uint32_t place) {
  return l->leader[l->type[l->order[place]]];
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
    uint32_t leader = leader_at(l, i);
    for (end = i + 1; end < l->n_batches && leader_at(l, end) == leader;) end++;
    find_rounds(&t, leader, i, end);
  }
  for (uint32_t i = 0; i < l->n_batches; i++) l->size[l->order[i]] = t.start[i + 1] - t.start[i];
  sort_by_round(&t, l->order);
  edb_free(ctx, memory, words * sizeof *memory);
  return EDB_OK;
}

/* ---- The schedule -------------------------------------------------------------------------------
 */

/* Component by component, each where the first of its types is in the order; whether several have
 * more batches than may follow each other. */
static bool list_batches(edb_levels *l) {
  uint32_t n = 0, n_long = 0;
  for (uint32_t i = 0; i < l->n_found; i++) {
    uint32_t before = n, *first = &l->next[l->leader[l->types[i]]];
    for (uint32_t b = *first; b != EDB_LEVELS_NONE; b = l->next[b]) l->order[n++] = b;
    *first = EDB_LEVELS_NONE; /* it has had its place */
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
