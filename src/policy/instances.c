/* policy/instances.c: automata of instances, made state by state. */
#include "policy/instances.h"

#include <string.h>

#include "base/bitset.h"
#include "base/carve.h"

#define FIRST_STATES 512

/* ---- The nodes of an instance -------------------------------------------------------------------
 */

static size_t lay_out(edb_automaton *a, size_t edges, void *base) {
  edb_carver c = {.base = base};
  size_t n = a->n_nodes;
  EDB_CARVE(&c, a->scratch, (size_t)a->words * 2);
  EDB_CARVE(&c, a->column_start, (size_t)a->n_types + 1);
  EDB_CARVE(&c, a->own, n);
  EDB_CARVE(&c, a->height, n);
  EDB_CARVE(&c, a->column, n);
  EDB_CARVE(&c, a->fresh, n);
  EDB_CARVE(&c, a->in_start, n + 1);
  EDB_CARVE(&c, a->out_start, n + 1);
  EDB_CARVE(&c, a->in, edges);
  EDB_CARVE(&c, a->out, edges);
  return c.at;
}

static edb_status automaton_alloc(edb_automaton *a, size_t edges, edb_error *error) {
  a->memory_bytes = lay_out(a, edges, NULL);
  a->memory = edb_alloc(a->ctx, a->memory_bytes);
  if (a->memory == NULL) return edb_fail_memory(error, a->memory_bytes, "an instance");
  (void)lay_out(a, edges, a->memory);
  return EDB_OK;
}

/* Sorts an instance's nodes by column and falling own: order[bit] = node, bit[node - all] = bit.
 * Counting sorts; `order` and `other` have room for the nodes, `count` for n + types + 1. */
static void sort_nodes(const edb_automaton *a, const edb_part *part, const uint32_t *members,
                       uint32_t *order, uint32_t *other, uint32_t *count) {
  uint32_t n = a->n_nodes, most = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (part->own[members[i]] > most) most = part->own[members[i]];
  }
  memset(count, 0, ((size_t)most + 2) * sizeof *count);
  for (uint32_t i = 0; i < n; i++) count[most - part->own[members[i]] + 1]++;
  for (uint32_t h = 0; h < most; h++) count[h + 1] += count[h];
  for (uint32_t i = 0; i < n; i++) other[count[most - part->own[members[i]]]++] = members[i];
  memset(a->column_start, 0, ((size_t)a->n_types + 1) * sizeof *count);
  for (uint32_t i = 0; i < n; i++) a->column_start[part->column[other[i]] + 1]++;
  for (uint32_t c = 0; c < a->n_types; c++) a->column_start[c + 1] += a->column_start[c];
  memcpy(count, a->column_start, a->n_types * sizeof *count);
  for (uint32_t i = 0; i < n; i++) order[count[part->column[other[i]]]++] = other[i];
}

static void link_nodes(edb_automaton *a, const edb_part *part, const uint32_t *order,
                       const uint32_t *bit, uint32_t base) {
  uint32_t in = 0, out = 0;
  for (uint32_t b = 0; b < a->n_nodes; b++) {
    uint32_t x = order[b];
    a->own[b] = part->own[x];
    a->height[b] = part->height[x];
    a->column[b] = part->column[x];
    a->in_start[b] = in;
    a->out_start[b] = out;
    for (uint32_t e = part->in_start[x]; e < part->in_start[x + 1]; e++)
      a->in[in++] = bit[part->in[e] - base];
    for (uint32_t e = part->out_start[x]; e < part->out_start[x + 1]; e++)
      a->out[out++] = bit[part->out[e] - base];
  }
  a->in_start[a->n_nodes] = in;
  a->out_start[a->n_nodes] = out;
}

/* ---- States -------------------------------------------------------------------------------------
 */

static uint64_t hash_set(const uint64_t *set, uint32_t words) {
  uint64_t h = 0x9e3779b97f4a7c15u;
  for (uint32_t w = 0; w < words; w++) {
    h = (h ^ set[w]) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  }
  return h;
}

/* Sets have a few words: too few for a call of memcpy to pay. */
static inline void copy_words(uint64_t *to, const uint64_t *from, size_t words) {
  for (size_t w = 0; w < words; w++) to[w] = from[w];
}

static bool grow_slots(edb_automaton *a) {
  uint32_t count = a->slot_count == 0 ? 64 : a->slot_count * 2;
  while (count < a->n_nodes * 2) count *= 2; /* about as many states as nodes are usual */
  uint32_t *slots = edb_alloc_zero(a->ctx, count * sizeof *slots);
  if (slots == NULL) return false;
  for (uint32_t s = 0; s < a->n_states; s++) {
    uint64_t at = hash_set(a->sets.data + (size_t)s * a->words * 2, a->words);
    while (slots[at & (count - 1)] != 0) at++;
    slots[at & (count - 1)] = s + 1;
  }
  edb_free(a->ctx, a->slots, a->slot_count * sizeof *slots);
  a->slots = slots;
  a->slot_count = count;
  return true;
}

/* Bits of a set from `from` to `end`, as far as its word goes. */
static inline uint64_t bits_from(const uint64_t *set, uint32_t from, uint32_t end) {
  uint64_t bits = set[from >> 6] >> (from & 63);
  return end - from < 64 ? bits & ((UINT64_C(1) << (end - from)) - 1) : bits;
}

/* The largest own of a column's nodes that are not done: that of the first. */
static uint32_t own_left(const edb_automaton *a, uint32_t column) {
  uint32_t end = a->column_start[column + 1];
  for (uint32_t b = a->column_start[column]; b < end; b = (b | 63) + 1) {
    uint64_t open = ~a->scratch[b >> 6] >> (b & 63);
    if (open == 0) continue;
    b += (uint32_t)__builtin_ctzll(open);
    return b < end ? a->own[b] : 0;
  }
  return 0;
}

static uint32_t height_left(const edb_automaton *a) {
  const uint64_t *ready = a->scratch + a->words;
  uint32_t height = 0;
  for (uint32_t w = 0; w < a->words; w++) {
    for (uint64_t bits = ready[w]; bits != 0; bits &= bits - 1) {
      uint32_t b = w * 64 + (uint32_t)__builtin_ctzll(bits);
      if (a->height[b] > height) height = a->height[b];
    }
  }
  return height;
}

/* What is left in the state of the scratch sets, which comes after `from` by a letter: only the
 * letter's column lost nodes, and only what is fresh became ready. */
static void fill_row(edb_automaton *a, uint32_t state, uint32_t from, uint32_t column) {
  size_t row_length = 1 + 2 * (size_t)a->n_types;
  uint32_t *row = a->rows.data + state * row_length, *next = row + 1, *own = next + a->n_types;
  const uint32_t *old = a->rows.data + from * row_length;
  row[0] = height_left(a);
  for (uint32_t c = 0; c < a->n_types; c++) {
    next[c] = old[1 + c] == from || c == column ? state : EDB_STATE_NONE;
    own[c] = old[1 + a->n_types + c];
  }
  own[column] = own_left(a, column);
  for (uint32_t i = 0; i < a->n_fresh; i++)
    if (edb_bitset_has(a->scratch + a->words, a->fresh[i]))
      next[a->column[a->fresh[i]]] = EDB_STATE_NONE;
}

/* The same of the initial state. */
static void fill_first_row(edb_automaton *a) {
  uint32_t *row = a->rows.data, *next = row + 1, *own = next + a->n_types;
  row[0] = height_left(a);
  for (uint32_t c = 0; c < a->n_types; c++) {
    next[c] = 0;
    own[c] = a->unbatchable[c] ? 0 : own_left(a, c);
  }
  for (uint32_t b = 0; b < a->n_nodes; b++)
    if (edb_bitset_has(a->scratch + a->words, b)) next[a->column[b]] = EDB_STATE_NONE;
}

/* The state whose set of done nodes is that of the scratch sets; EDB_STATE_NONE: there is none. The
 * initial state is there, so the table has slots. */
static uint32_t find_state(const edb_automaton *a, uint64_t hash) {
  EDB_ASSERT(a->slot_count > 0);
  for (uint64_t at = hash; a->slots[at & (a->slot_count - 1)] != 0; at++) {
    uint32_t s = a->slots[at & (a->slot_count - 1)] - 1, w = 0;
    const uint64_t *done = a->sets.data + (size_t)s * a->words * 2;
    while (w < a->words && done[w] == a->scratch[w]) w++;
    if (w == a->words) return s;
  }
  return EDB_STATE_NONE;
}

/* A new state with the scratch sets, its row still to be filled. */
static uint32_t add_state(edb_automaton *a, uint64_t hash) {
  if (a->n_states >= a->max_states) return EDB_STATE_NONE;
  size_t row = 1 + 2 * (size_t)a->n_types, states = (size_t)a->n_states + 1, words = a->words;
  if (!edb_vec_reserve(a->ctx, &a->sets, states * words * 2) ||
      !edb_vec_reserve(a->ctx, &a->rows, states * row) ||
      (states * 2 > a->slot_count && !grow_slots(a))) {
    a->failed = true;
    return EDB_STATE_NONE;
  }
  uint32_t state = a->n_states++;
  copy_words(a->sets.data + state * words * 2, a->scratch, words * 2);
  uint64_t at = hash;
  while (a->slots[at & (a->slot_count - 1)] != 0) at++;
  a->slots[at & (a->slot_count - 1)] = state + 1;
  return state;
}

static bool inputs_done(const edb_automaton *a, uint32_t b) {
  for (uint32_t e = a->in_start[b]; e < a->in_start[b + 1]; e++) {
    if (!edb_bitset_has(a->scratch, a->in[e])) return false;
  }
  return true;
}

/* Runs the ready nodes of a column in the scratch sets. `batch` bits are taken word by word, and a
 * node that becomes ready on the way must wait: its input is in the batch, so it is not of the
 * words still to come unless it is ready already. */
static void run_node(edb_automaton *a, uint32_t b) {
  uint64_t *done = a->scratch, *ready = a->scratch + a->words;
  edb_bitset_add(done, b);
  edb_bitset_remove(ready, b);
  for (uint32_t e = a->out_start[b]; e < a->out_start[b + 1]; e++) {
    uint32_t u = a->out[e];
    if (!inputs_done(a, u) || edb_bitset_has(ready, u)) continue;
    edb_bitset_add(ready, u);
    a->fresh[a->n_fresh++] = u;
  }
  *a->work += 4 * ((uint64_t)1 + a->out_start[b + 1] - a->out_start[b]);
}

/* Own falls along paths inside a column, so what a batch makes ready in its own column comes behind
 * (higher bits): the nodes of the batch are those ready before any ran, taken from the state. */
static void run_column(edb_automaton *a, const uint64_t *ready, uint32_t column) {
  uint32_t end = a->column_start[column + 1];
  for (uint32_t r = a->column_start[column]; r < end; r = (r | 63) + 1) {
    for (uint64_t bits = bits_from(ready, r, end); bits != 0; bits &= bits - 1)
      run_node(a, r + (uint32_t)__builtin_ctzll(bits));
  }
}

/* Unbatchable nodes run as soon as they are ready. */
static void run_unbatchable(edb_automaton *a) {
  const uint64_t *ready = a->scratch + a->words;
  if (!a->has_unbatchable) return;
  for (uint32_t c = 0; c < a->n_types; c++) {
    if (!a->unbatchable[c]) continue;
    for (uint32_t b = a->column_start[c]; b < a->column_start[c + 1]; b++) {
      if (!edb_bitset_has(ready, b)) continue;
      run_node(a, b);
      c = UINT32_MAX; /* from the first again: it may have made others ready */
      break;
    }
  }
}

uint32_t edb_automaton_make(edb_automaton *a, uint32_t state, uint32_t column) {
  size_t words = a->words;
  const uint64_t *sets = a->sets.data + state * words * 2;
  copy_words(a->scratch, sets, words * 2);
  a->n_fresh = 0;
  run_column(a, sets + words, column);
  run_unbatchable(a);
  *a->work += 60 + words * 6 + (uint64_t)a->n_types * 4;
  uint64_t hash = hash_set(a->scratch, a->words);
  uint32_t next = find_state(a, hash);
  if (next == EDB_STATE_NONE) {
    next = add_state(a, hash);
    if (next == EDB_STATE_NONE) return next;
    fill_row(a, next, state, column);
  }
  a->rows.data[state * (1 + 2 * (size_t)a->n_types) + 1 + column] = next;
  return next;
}

/* ---- Making and freeing -------------------------------------------------------------------------
 */

/* Room for about as many states as there will be, unless that is much. */
static bool reserve_states(edb_automaton *a) {
  size_t states = a->n_nodes + (size_t)a->n_nodes / 2;
  if (states > FIRST_STATES) states = FIRST_STATES;
  if (states > a->max_states) states = a->max_states;
  return edb_vec_reserve(a->ctx, &a->sets, states * a->words * 2) &&
         edb_vec_reserve(a->ctx, &a->rows, states * (1 + 2 * (size_t)a->n_types));
}

static edb_status make_initial(edb_automaton *a, edb_error *error) {
  memset(a->scratch, 0, (size_t)a->words * 2 * sizeof *a->scratch);
  for (uint32_t b = 0; b < a->n_nodes; b++) {
    if (a->in_start[b] == a->in_start[b + 1]) edb_bitset_add(a->scratch + a->words, b);
  }
  run_unbatchable(a);
  if (!reserve_states(a) || add_state(a, hash_set(a->scratch, a->words)) == EDB_STATE_NONE)
    return edb_fail_memory(error, (size_t)a->words * 2 * sizeof *a->scratch,
                           "the states of an instance");
  fill_first_row(a);
  return EDB_OK;
}

edb_status edb_automaton_init(edb_context *ctx, const edb_part *part, uint32_t instance,
                              size_t max_bytes, uint64_t *work, edb_automaton *out,
                              edb_error *error) {
  const uint32_t *members = part->members + part->instance_start[instance];
  edb_automaton a = {
      .ctx = ctx, .n_types = part->n_types, .unbatchable = part->unbatchable, .work = work};
  a.n_nodes = part->instance_start[instance + 1] - part->instance_start[instance];
  a.words = (uint32_t)EDB_BITSET_WORDS(a.n_nodes);
  for (uint32_t c = 0; c < a.n_types; c++) a.has_unbatchable |= a.unbatchable[c] != 0;
  size_t edges = 0, state_bytes = (size_t)a.words * 16 + (1 + 2 * (size_t)a.n_types) * 4 + 8;
  for (uint32_t i = 0; i < a.n_nodes; i++)
    edges += part->in_start[members[i] + 1] - part->in_start[members[i]];
  size_t most = max_bytes / state_bytes;
  a.max_states = most < 2 ? 2 : most > EDB_STATE_NONE / 4 ? EDB_STATE_NONE / 4 : (uint32_t)most;
  /* Scratch: order, other, count (n + types + 2), and the bit of each node between the lowest and
   * the highest member. */
  uint32_t base = members[0];
  size_t span = (size_t)members[a.n_nodes - 1] - base + 1, n = a.n_nodes;
  size_t bytes = (n * 3 + a.n_types + 2 + span) * sizeof(uint32_t);
  uint32_t *order = edb_alloc(ctx, bytes);
  if (order == NULL) return edb_fail_memory(error, bytes, "the order of an instance's nodes");
  uint32_t *bit = order + n * 3 + a.n_types + 2;
  edb_status status = automaton_alloc(&a, edges, error);
  if (status == EDB_OK) {
    sort_nodes(&a, part, members, order, order + n, order + n * 2);
    for (uint32_t b = 0; b < a.n_nodes; b++) bit[order[b] - base] = b;
    link_nodes(&a, part, order, bit, base);
    status = make_initial(&a, error);
  }
  edb_free(ctx, order, bytes);
  if (status != EDB_OK) {
    edb_automaton_free(&a);
    return status;
  }
  *out = a;
  return EDB_OK;
}

void edb_automaton_free(edb_automaton *a) {
  edb_vec_free(a->ctx, &a->sets);
  edb_vec_free(a->ctx, &a->rows);
  edb_free(a->ctx, a->slots, a->slot_count * sizeof *a->slots);
  edb_free(a->ctx, a->memory, a->memory_bytes);
  a->slots = NULL;
  a->slot_count = 0;
  a->memory = NULL;
  a->memory_bytes = 0;
}

/* ---- Which instances matter ---------------------------------------------------------------------
 */

#define POWERS 256

/* The library's exp differs between machines in its last bits; this series does not. */
static double exp_minus(double x) {
  double term = 1, sum = 1;
  for (int k = 1; k < 20; k++) {
    term *= -x / k;
    sum += term;
  }
  return sum;
}

void edb_fill_powers(double rate, uint32_t length, double *table) {
  double factor = exp_minus(rate);
  table[0] = 1;
  for (uint32_t d = 1; d < length; d++) table[d] = table[d - 1] * factor;
}

static double power(const double *powers, uint32_t d) {
  return powers[d < POWERS ? d : POWERS - 1];
}

/* `most`: [n_types] largest own of all; `own`: [n_types] zeros, and again afterwards. */
static double rank_of(const edb_part *p, uint32_t instance, const double *powers,
                      const uint32_t *most, uint32_t longest, uint32_t *own) {
  uint32_t begin = p->instance_start[instance], end = p->instance_start[instance + 1], height = 0;
  double rank = 0;
  for (uint32_t k = begin; k < end; k++) {
    uint32_t x = p->members[k];
    if (p->own[x] > own[p->column[x]]) own[p->column[x]] = p->own[x];
    if (p->height[x] > height) height = p->height[x];
  }
  for (uint32_t k = begin; k < end; k++) {
    uint32_t c = p->column[p->members[k]];
    if (own[c] > 0 && !p->unbatchable[c]) rank += power(powers, most[c] - own[c]);
    own[c] = 0;
  }
  return rank + power(powers, longest - height);
}

edb_status edb_critical_instances(edb_context *ctx, const edb_part *p, double soft, uint32_t *count,
                                  uint32_t *instances, edb_error *error) {
  size_t numbers = (size_t)p->n_types * 2;
  size_t bytes = (POWERS + p->n_instances) * sizeof(double) + numbers * sizeof(uint32_t);
  double *powers = edb_alloc(ctx, bytes);
  if (powers == NULL) return edb_fail_memory(error, bytes, "the ranks of instances");
  double *rank = powers + POWERS;
  uint32_t *most = (uint32_t *)(rank + p->n_instances), longest = 0;
  memset(most, 0, numbers * sizeof *most);
  edb_fill_powers(soft, POWERS, powers);
  for (uint32_t x = 0; x < p->n_nodes; x++) {
    if (p->own[x] > most[p->column[x]]) most[p->column[x]] = p->own[x];
    if (p->height[x] > longest) longest = p->height[x];
  }
  for (uint32_t i = 0; i < p->n_instances; i++)
    rank[i] = rank_of(p, i, powers, most, longest, most + p->n_types);
  if (*count > p->n_instances) *count = p->n_instances;
  for (uint32_t k = 0; k < *count; k++) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < p->n_instances; i++) {
      if (rank[i] > rank[best]) best = i;
    }
    rank[best] = -1;
    instances[k] = best;
  }
  edb_free(ctx, powers, bytes);
  return EDB_OK;
}
