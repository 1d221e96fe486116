/* policy/components.c: Tarjan's algorithm (SIAM J. Comput. 1, 1972) with its recursion unrolled, on
 * a bit matrix. */
#include "policy/components.h"

#include "base/bitset.h"

#define UNSEEN UINT32_MAX

typedef struct search {
  const uint64_t *adjacency;
  uint32_t n_types;
  uint32_t *order;     /* number at which a type was reached, or UNSEEN */
  uint32_t *low;       /* lowest order reachable through the types above it on the path */
  uint32_t *next;      /* where the scan of a type's row goes on */
  uint32_t *open;      /* stack: types without a component yet */
  uint32_t *path;      /* stack: the recursion */
  uint32_t *component; /* UNSEEN while open */
  uint32_t n_ordered, n_open, n_path, n_components;
} search;

size_t edb_components_scratch(uint32_t n_types) {
  return (size_t)n_types * 5;
}

static void enter(search *s, uint32_t type) {
  s->order[type] = s->low[type] = s->n_ordered++;
  s->next[type] = 0;
  s->open[s->n_open++] = type;
  s->path[s->n_path++] = type;
}

static void leave(search *s, uint32_t type) {
  s->n_path--;
  if (s->low[type] == s->order[type]) { /* the root of a component: everything above it is in it */
    uint32_t member;
    do {
      member = s->open[--s->n_open];
      s->component[member] = s->n_components;
    } while (member != type);
    s->n_components++;
  }
  if (s->n_path == 0) return;
  uint32_t parent = s->path[s->n_path - 1];
  if (s->low[type] < s->low[parent]) s->low[parent] = s->low[type];
}

static void search_from(search *s, uint32_t root) {
  size_t words = EDB_BITSET_WORDS(s->n_types);
  enter(s, root);
  while (s->n_path > 0) {
    uint32_t type = s->path[s->n_path - 1];
    size_t found = edb_bitset_next(s->adjacency + type * words, words, s->next[type]);
    if (found >= s->n_types) {
      leave(s, type);
      continue;
    }
    uint32_t target = (uint32_t)found;
    s->next[type] = target + 1;
    if (s->order[target] == UNSEEN) {
      enter(s, target);
    } else if (s->component[target] == UNSEEN && s->order[target] < s->low[type]) {
      s->low[type] = s->order[target];
    }
  }
}

uint32_t edb_components_find(const uint64_t *adjacency, uint32_t n_types, uint32_t *scratch,
                             uint32_t *component, uint32_t *column, uint32_t *component_size) {
  size_t n = n_types;
  search s = {.adjacency = adjacency,
              .n_types = n_types,
              .order = scratch,
              .low = scratch + n,
              .next = scratch + 2 * n,
              .open = scratch + 3 * n,
              .path = scratch + 4 * n,
              .component = component};
  for (uint32_t t = 0; t < n_types; t++) s.order[t] = component[t] = UNSEEN;
  for (uint32_t t = 0; t < n_types; t++) {
    if (s.order[t] == UNSEEN) search_from(&s, t);
  }
  /* Sinks are completed first: turned round, the numbers are a topological order. */
  for (uint32_t c = 0; c < s.n_components; c++) component_size[c] = 0;
  for (uint32_t t = 0; t < n_types; t++) {
    component[t] = s.n_components - 1 - component[t];
    column[t] = component_size[component[t]]++;
  }
  return s.n_components;
}
