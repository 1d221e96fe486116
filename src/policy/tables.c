/* policy/tables.c: see tables.h. */
#include "policy/tables.h"

#include <string.h>

#include "base/bitset.h"
#include "base/clock.h"

/* ---- Machines -----------------------------------------------------------------------------------
 */

#define AUTOMATON_BYTES ((size_t)1 << 28)

#define CLOCK_EVERY 64 /* states */

/* Makes every state that words lead to. False: too many, no time, or no memory (then a->failed). */
static bool make_all(edb_automaton *a, uint64_t deadline) {
  for (uint32_t s = 0; s < a->n_states; s++) {
    if (a->n_states > EDB_MACHINE_STATES) return false;
    if (s % CLOCK_EVERY == 0 && edb_clock_ns() >= deadline) return false;
    for (uint32_t c = 0; c < a->n_types; c++) {
      if (edb_automaton_step(a, s, c) == EDB_STATE_NONE) return false;
    }
  }
  return a->n_states <= EDB_MACHINE_STATES;
}

/* rank[state]: by falling number of done nodes. A letter that moves does nodes, so ranks fall.
 * `count`: [n_nodes + 2] scratch. */
static void rank_states(const edb_automaton *a, uint32_t *count, uint32_t *rank) {
  memset(count, 0, ((size_t)a->n_nodes + 2) * sizeof *count);
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t s = 0; s < a->n_states; s++) {
      size_t done = edb_bitset_count(a->sets.data + (size_t)s * a->words * 2, a->words);
      size_t left = a->n_nodes - done;
      if (pass == 0)
        count[left + 1]++;
      else
        rank[s] = count[left]++;
    }
    for (uint32_t i = 0; pass == 0 && i <= a->n_nodes; i++) count[i + 1] += count[i];
  }
}

static edb_status fill_machine(edb_context *ctx, const edb_automaton *a, edb_machine *m,
                               edb_error *error) {
  size_t cells = (size_t)a->n_states * a->n_types;
  size_t bytes = ((size_t)a->n_nodes + 2 + a->n_states) * sizeof(uint32_t);
  uint32_t *count = edb_alloc(ctx, bytes), *rank = count + a->n_nodes + 2;
  if (count == NULL) return edb_fail_memory(error, bytes, "the order of an instance's states");
  *m = (edb_machine){.n_states = a->n_states, .n_types = a->n_types};
  m->memory_bytes = cells * (sizeof *m->own + sizeof *m->next);
  m->memory = edb_alloc(ctx, m->memory_bytes);
  if (m->memory == NULL) {
    edb_free(ctx, count, bytes);
    return edb_fail_memory(error, m->memory_bytes, "the states of an instance");
  }
  m->own = m->memory;
  m->next = (uint16_t *)(m->own + cells);
  rank_states(a, count, rank);
  for (uint32_t s = 0; s < a->n_states; s++) {
    const uint32_t *row = edb_automaton_row(a, s);
    size_t to = (size_t)rank[s] * a->n_types;
    for (uint32_t c = 0; c < a->n_types; c++) {
      m->next[to + c] = (uint16_t)rank[row[1 + c]];
      m->own[to + c] = row[1 + a->n_types + c];
    }
  }
  edb_free(ctx, count, bytes);
  return EDB_OK;
}

edb_status edb_machine_init(edb_context *ctx, const edb_part *part, uint32_t instance,
                            uint64_t deadline, edb_machine *out, bool *complete, edb_error *error) {
  edb_automaton a;
  uint64_t work = 0;
  EDB_TRY(edb_automaton_init(ctx, part, instance, AUTOMATON_BYTES, &work, &a, error));
  edb_status status = EDB_OK;
  *complete = make_all(&a, deadline);
  if (*complete)
    status = fill_machine(ctx, &a, out, error);
  else if (a.failed)
    status = edb_fail_memory(error, (size_t)a.words * 16, "the states of an instance");
  edb_automaton_free(&a);
  return status;
}

void edb_machine_free(edb_context *ctx, edb_machine *m) {
  edb_free(ctx, m->memory, m->memory_bytes);
  m->memory = NULL;
  m->memory_bytes = 0;
}

/* ---- Cost to go ---------------------------------------------------------------------------------
 */

static inline uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* A row or a plane of a table takes no more than some 10 ms, so once each is often enough. */
static bool in_time(uint64_t deadline) {
  return edb_clock_ns() < deadline;
}

/* False: no time. */
static bool fill_pair(const edb_machine *a, const edb_machine *b, uint64_t deadline,
                      uint16_t *cost) {
  size_t types = a->n_types, width = b->n_states;
  for (size_t i = 0; i < a->n_states; i++) {
    if (!in_time(deadline)) return false;
    for (size_t k = 0; k < width; k++) {
      uint32_t best = i + k == 0 ? 0 : UINT16_MAX;
      for (size_t c = 0; c < types; c++) {
        size_t ni = a->next[i * types + c], nk = b->next[k * types + c];
        if (ni != i || nk != k) best = least(best, cost[ni * width + nk] + 1u);
      }
      cost[i * width + k] = (uint16_t)best;
    }
  }
  return true;
}

static bool fill_triple(const edb_machine *a, const edb_machine *b, const edb_machine *d,
                        uint64_t deadline, uint16_t *cost) {
  size_t types = a->n_types, depth = d->n_states;
  for (size_t i = 0; i < a->n_states; i++) {
    for (size_t k = 0; k < b->n_states; k++) {
      if (!in_time(deadline)) return false;
      size_t row = i * b->n_states + k;
      for (size_t m = 0; m < depth; m++) cost[row * depth + m] = row + m == 0 ? 0 : UINT16_MAX;
      for (size_t c = 0; c < types; c++) {
        size_t to = (size_t)a->next[i * types + c] * b->n_states + b->next[k * types + c];
        for (size_t m = 0; to != row && m < depth; m++) {
          uint32_t next = cost[to * depth + d->next[m * types + c]] + 1u;
          if (next < cost[row * depth + m]) cost[row * depth + m] = (uint16_t)next;
        }
      }
      for (size_t m = 0; m < depth; m++) { /* letters that move the third machine only */
        for (size_t c = 0; c < types; c++) {
          size_t nm = d->next[m * types + c];
          if (nm == m || a->next[i * types + c] != i || b->next[k * types + c] != k) continue;
          uint32_t next = cost[row * depth + nm] + 1u;
          if (next < cost[row * depth + m]) cost[row * depth + m] = (uint16_t)next;
        }
      }
    }
  }
  return true;
}

edb_status edb_cost_table_init(edb_context *ctx, const edb_machine *machines,
                               const uint32_t *member, uint32_t n_members, size_t max_cells,
                               uint64_t deadline, edb_cost_table *out, bool *made,
                               edb_error *error) {
  edb_cost_table t = {.n_machines = n_members};
  size_t cells = 1;
  uint64_t longest = 0;
  *made = false;
  for (uint32_t i = 0; i < n_members; i++) {
    const edb_machine *m = &machines[member[i]];
    t.member[i] = member[i];
    t.size[i] = m->n_states;
    if (m->n_states > max_cells / cells) return EDB_OK;
    cells *= m->n_states;
    longest += m->n_states;
  }
  if (longest >= UINT16_MAX) return EDB_OK; /* no word is longer than the states it passes */
  t.memory_bytes = cells * sizeof *t.cost;
  t.cost = edb_alloc(ctx, t.memory_bytes);
  if (t.cost == NULL) return edb_fail_memory(error, t.memory_bytes, "a table of costs to go");
  const edb_machine *a = &machines[member[0]], *b = &machines[member[1]];
  if (n_members == 2)
    *made = fill_pair(a, b, deadline, t.cost);
  else
    *made = fill_triple(a, b, &machines[member[2]], deadline, t.cost);
  if (*made)
    *out = t;
  else
    edb_cost_table_free(ctx, &t);
  return EDB_OK;
}

void edb_cost_table_free(edb_context *ctx, edb_cost_table *t) {
  edb_free(ctx, t->cost, t->memory_bytes);
  t->cost = NULL;
  t->memory_bytes = 0;
}
