/* policy/levels.c: see levels.h. The walk over the edges, and what lies on cycles. */
#include "policy/levels.h"

#include <string.h>

#include "base/bitset.h"
#include "base/carve.h"
#include "policy/components.h"
#include "policy/levels_impl.h"

/* ---- Levels -------------------------------------------------------------------------------------
 */

/* A batch behind `before`: of the same type, or the type itself, which then appears. */
static uint32_t open_batch(edb_levels *l, uint32_t type, uint32_t before) {
  if (before == type) l->types[l->n_found++] = type;
  return edb_levels_add_batch(l, type, before, type);
}

/* A node of a type on a cycle goes to the core, with those of its inputs that do, too, and are of
 * its component. */
static inline __attribute__((always_inline)) void enter_core(edb_levels *l, uint32_t v) {
  const edb_dag *dag = l->dag;
  const uint32_t *in_node = dag->in_node, *leader = l->leader;
  edb_core *core = &l->core;
  uint32_t type = dag->type[v], index = core->dag.n_nodes++, n = core->in_start[index];
  for (uint32_t e = dag->in_start[v]; e < dag->in_start[v + 1]; e++) {
    uint32_t u = in_node[e] - dag->origin;
    uint64_t input = u < v ? l->key[u] : 0;
    core->in_node[n] = edb_levels_batch_of(input);
    n += u < v && leader[input >> 32] == leader[type];
  }
  core->type[index] = type;
  core->node[index] = v;
  core->in_start[index + 1] = n;
  l->key[v] = edb_levels_key(type, index);
}

/* The nodes from .. to - 1. Batches of one type have ascending numbers, so the largest of the
 * inputs' says which level comes next; the type's own number, below all of them, stands for none.
 * Inlined with constant `words` of a set of types, without `alone` where no type is unbatchable,
 * and without `has` where none lies on a cycle. */
static inline __attribute__((always_inline)) void walk(edb_levels *l, uint32_t from, uint32_t to,
                                                       const size_t words, const uint8_t *alone,
                                                       const bool *has) {
  const edb_dag *dag = l->dag;
  const uint32_t *start = dag->in_start, *in_node = dag->in_node, *type = dag->type;
  uint64_t *key = l->key;
  uint32_t origin = dag->origin;
  for (uint32_t v = from; v < to; v++) {
    uint32_t t = type[v];
    EDB_ASSERT(t < dag->n_types);
    uint64_t own = edb_levels_key(t, 0), most = t, taken = 0;
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
    if (has != NULL && has[t]) {
      enter_core(l, v);
      continue;
    }
    uint32_t before = alone != NULL && alone[t] ? l->last[t] : (uint32_t)most;
    uint32_t batch = l->next[before];
    if (batch == EDB_LEVELS_NONE) batch = open_batch(l, t, before);
    key[v] = own | batch;
    l->size[batch]++;
  }
}

/* ---- The order of types -------------------------------------------------------------------------
 */

/* Whether all types that one takes, but for itself and those on a cycle with it, are done. */
static bool is_free(const edb_levels *l, const uint64_t *done, uint32_t type, size_t words) {
  const uint64_t *takes = l->takes + type * words;
  for (size_t w = 0; w < words; w++)
    for (uint64_t open = takes[w] & ~done[w]; open != 0; open &= open - 1)
      if (l->leader[w * 64 + (size_t)__builtin_ctzll(open)] != l->leader[type]) return false;
  return true;
}

/* Puts the types into topological order; false: there is a cycle beside those that are known. Types
 * appear in almost that order: each behind the inputs of its first node. */
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

/* ---- Cycles -------------------------------------------------------------------------------------
 */

static size_t lay_out_core(edb_core *core, const edb_dag *dag, char *base) {
  edb_carver c = {.base = base};
  size_t nodes = dag->n_nodes, edges = nodes == 0 ? 0 : dag->in_start[nodes] - dag->in_start[0];
  EDB_CARVE(&c, core->type, nodes);
  EDB_CARVE(&c, core->node, nodes);
  EDB_CARVE(&c, core->in_start, nodes + 1);
  EDB_CARVE(&c, core->in_node, edges + 1);
  EDB_CARVE(&c, core->has, dag->n_types);
  return c.at;
}

static edb_status make_core(edb_context *ctx, edb_levels *l, edb_error *error) {
  edb_core *core = &l->core;
  if (core->memory != NULL) return EDB_OK;
  core->memory_bytes = lay_out_core(core, l->dag, NULL);
  core->memory = edb_alloc(ctx, core->memory_bytes);
  if (core->memory == NULL)
    return edb_fail_memory(error, core->memory_bytes, "the nodes whose types make a cycle");
  (void)lay_out_core(core, l->dag, core->memory);
  core->dag = (edb_dag){.n_types = l->dag->n_types,
                        .type = core->type,
                        .in_start = core->in_start,
                        .in_node = core->in_node,
                        .unbatchable = l->dag->unbatchable};
  return EDB_OK;
}

/* The matrix is turned round for the search: who takes a type. */
static edb_status find_cycles(edb_context *ctx, edb_levels *l, edb_error *error) {
  uint32_t n = l->dag->n_types, *first = l->last;
  size_t words = EDB_BITSET_WORDS(n), matrix = n * words * sizeof(uint64_t);
  size_t bytes = matrix + (edb_components_scratch(n) + 3 * (size_t)n) * sizeof(uint32_t);
  EDB_TRY(make_core(ctx, l, error));
  uint64_t *takers = edb_alloc_zero(ctx, bytes);
  if (takers == NULL) return edb_fail_memory(error, bytes, "the components of a graph's types");
  uint32_t *component = (uint32_t *)(void *)((char *)takers + matrix), *column = component + n;
  uint32_t *size = column + n;
  for (uint32_t t = 0; t < n; t++)
    for (size_t u = edb_bitset_next(l->takes + t * words, words, 0); u != SIZE_MAX;
         u = edb_bitset_next(l->takes + t * words, words, u + 1))
      edb_bitset_add(takers + u * words, t);
  (void)edb_components_find(takers, n, size + n, component, column, size);
  for (uint32_t t = 0; t < n; t++) {
    if (column[t] == 0) first[component[t]] = t;
    l->leader[t] = first[component[t]];
    l->core.has[t] = size[component[t]] > 1;
  }
  edb_free(ctx, takers, bytes);
  return EDB_OK;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

/* Nothing has been walked over. What types take stays known. Those on cycles appear at once. */
static void begin(edb_levels *l) {
  uint32_t n = l->dag->n_types;
  l->n_found = l->n_batches = 0;
  for (uint32_t t = 0; t < n; t++) {
    l->next[t] = EDB_LEVELS_NONE;
    l->last[t] = t;
    if (l->core.has != NULL && l->core.has[t]) l->types[l->n_found++] = t;
  }
  l->core.dag.n_nodes = 0;
  if (l->core.has != NULL) l->core.in_start[0] = 0;
}

/* What one type on a cycle takes, all of them wait for. */
static void unite_cycles(edb_levels *l, size_t words) {
  if (l->core.has == NULL) return;
  for (int back = 0; back < 2; back++)
    for (uint32_t t = 0; t < l->dag->n_types; t++) {
      uint32_t from = back ? l->leader[t] : t, to = back ? t : l->leader[t];
      for (size_t w = 0; from != to && w < words; w++)
        l->takes[to * words + w] |= l->takes[from * words + w];
    }
}

#define FIRST_LOOK 12
#define LAST_LOOK  192

static void walk_on(edb_levels *l, uint32_t from, uint32_t to, size_t words) {
  const uint8_t *alone = l->dag->unbatchable;
  const bool *has = l->core.has;
  if (words > 1 || alone != NULL)
    walk(l, from, to, words, alone, has);
  else if (has != NULL)
    walk(l, from, to, 1, NULL, has);
  else
    walk(l, from, to, 1, NULL, NULL);
  unite_cycles(l, words);
}

/* Types that make a cycle mostly do so in the first instance, and among its first nodes, which also
 * tell how much of the graph is core: it is not worth going on to the end to learn of that. Behind
 * a new cycle, the walk begins anew. */
static edb_status find_levels(edb_context *ctx, edb_levels *l, double most_core, edb_error *error) {
  const edb_dag *dag = l->dag;
  size_t words = EDB_BITSET_WORDS(dag->n_types);
  begin(l);
  for (uint32_t from = 0, to; from < dag->n_nodes; from = to) {
    to = from == 0 ? FIRST_LOOK : from < LAST_LOOK ? from * 4 : dag->n_nodes;
    if (to > dag->n_nodes) to = dag->n_nodes;
    for (walk_on(l, from, to, words); !order_types(l, words); walk_on(l, 0, to, words)) {
      l->left = most_core <= 0;
      if (l->left) return EDB_OK;
      EDB_TRY(find_cycles(ctx, l, error));
      begin(l);
    }
    l->left = to == LAST_LOOK && l->core.dag.n_nodes > most_core * to;
    if (l->left) return EDB_OK;
  }
  return EDB_OK;
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
  EDB_CARVE(&c, l->leader, types);
  return c.at;
}

edb_status edb_levels_init(edb_context *ctx, const edb_dag *dag, double most_core, edb_levels *out,
                           edb_error *error) {
  edb_levels l = {.dag = dag};
  EDB_ASSERT(dag->n_types <= EDB_LEVELS_TYPES);
  l.memory_bytes = lay_out(&l, NULL);
  l.memory = edb_alloc(ctx, l.memory_bytes);
  if (l.memory == NULL && l.memory_bytes > 0)
    return edb_fail_memory(error, l.memory_bytes, "the levels of a graph");
  (void)lay_out(&l, l.memory);
  for (uint32_t t = 0; t < dag->n_types; t++) l.leader[t] = t;
  memset(l.takes, 0, dag->n_types * EDB_BITSET_WORDS(dag->n_types) * sizeof *l.takes);
  edb_status status = find_levels(ctx, &l, most_core, error);
  if (status != EDB_OK) {
    edb_levels_free(ctx, &l);
    return status;
  }
  *out = l;
  return EDB_OK;
}

void edb_levels_free(edb_context *ctx, edb_levels *levels) {
  edb_free(ctx, levels->core.memory, levels->core.memory_bytes);
  edb_free(ctx, levels->memory, levels->memory_bytes);
  *levels = (edb_levels){0};
}

void edb_levels_take_core(edb_levels *l, const edb_batches *batches, const uint32_t *original) {
  for (uint32_t i = 0; i < batches->count; i++) {
    uint32_t type = original[batches->type[i]], leader = l->leader[type];
    uint32_t batch = edb_levels_add_batch(l, type, l->last[leader], leader);
    l->size[batch] = batches->start[i + 1] - batches->start[i];
    for (uint32_t k = batches->start[i]; k < batches->start[i + 1]; k++)
      l->key[l->core.node[batches->nodes[k]]] = edb_levels_key(type, batch);
  }
}
