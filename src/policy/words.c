/* policy/words.c: see words.h. */
#include "policy/words.h"

#include <float.h>
#include <string.h>

edb_status edb_words_init(edb_context *ctx, const edb_problem *p, const double *weight,
                          edb_words *out, edb_error *error) {
  size_t parts = p->n_components, nodes = p->n_nodes;
  edb_words w = {.n_components = p->n_components, .weight = weight};
  w.memory_bytes = parts * 2 * sizeof(double) + (parts * 7 + nodes) * sizeof(uint32_t);
  w.memory = edb_alloc(ctx, w.memory_bytes);
  if (w.memory == NULL) return edb_fail_memory(error, w.memory_bytes, "the words of a graph");
  w.total = w.memory;
  w.sum = w.total + parts;
  w.bound = (uint32_t *)(w.sum + parts);
  w.length = w.bound + parts;
  w.start = w.length + parts;
  w.count = w.start + parts;
  w.head = w.count + parts;
  w.tail = w.head + parts;
  w.need = w.tail + parts;
  w.letters = w.need + parts;
  for (size_t c = 0; c < parts; c++) {
    w.total[c] = DBL_MAX;
    w.length[c] = EDB_GAVE_UP;
    w.bound[c] = w.count[c] = 0;
  }
  for (uint32_t t = 0; t < p->n_types; t++) {
    if (p->unbatchable[t]) continue;
    w.bound[p->component[t]] += p->max_own[t];
    w.count[p->component[t]] += p->type_count[t];
  }
  for (size_t c = 0, start = 0; c < parts; start += w.count[c++]) w.start[c] = (uint32_t)start;
  *out = w;
  return EDB_OK;
}

void edb_words_free(edb_context *ctx, edb_words *words) {
  edb_free(ctx, words->memory, words->memory_bytes);
  words->memory = NULL;
  words->memory_bytes = 0;
}

void edb_words_take_levels(edb_words *w, const edb_problem *p) {
  for (uint32_t t = 0; t < p->n_types; t++) {
    uint32_t c = p->component[t];
    if (p->component_size[c] > 1 || p->unbatchable[t]) continue;
    w->length[c] = w->bound[c];
    for (uint32_t i = 0; i < w->length[c]; i++) w->letters[w->start[c] + i] = t;
    if (w->weight != NULL) w->total[c] = w->bound[c] * w->weight[t];
  }
}

/* Letters and weight of the words that these batches have. */
static void measure(edb_words *w, const edb_problem *p, const edb_batches *batches) {
  memset(w->count, 0, w->n_components * sizeof *w->count);
  memset(w->sum, 0, w->n_components * sizeof *w->sum);
  for (uint32_t i = 0; i < batches->count; i++) {
    uint32_t type = batches->type[i];
    if (p->unbatchable[type]) continue;
    w->count[p->component[type]]++;
    if (w->weight != NULL) w->sum[p->component[type]] += w->weight[type];
  }
}

static void take(edb_words *w, const edb_problem *p, const edb_batches *batches, bool reversed) {
  if (batches->count == EDB_GAVE_UP) return;
  measure(w, p, batches);
  for (uint32_t c = 0; c < w->n_components; c++) {
    bool better = w->weight == NULL ? w->count[c] < w->length[c] : w->sum[c] < w->total[c];
    if (better) {
      w->length[c] = w->count[c];
      w->total[c] = w->sum[c];
    }
    w->count[c] = better ? 0 : EDB_GAVE_UP; /* letters taken over so far */
  }
  for (uint32_t i = 0; i < batches->count; i++) {
    uint32_t type = batches->type[reversed ? batches->count - 1 - i : i], c = p->component[type];
    if (p->unbatchable[type] || w->count[c] == EDB_GAVE_UP) continue;
    w->letters[w->start[c] + w->count[c]++] = type;
  }
}

void edb_words_take(edb_words *w, const edb_problem *forward, const edb_batches *batches) {
  take(w, forward, batches, false);
}

void edb_words_take_reversed(edb_words *w, const edb_problem *forward, const edb_batches *batches) {
  take(w, forward, batches, true);
}

/* ---- Crossing -----------------------------------------------------------------------------------
 *
 * Forwards a node runs as early as its word allows, backwards as late. So after a part of the one
 * word, a part of the other finishes everything if it is long enough for each node that is not done
 * yet: what such a node waits for either is done or runs before it.
 */

/* For every batchable node the letters of its component that are left from its own on. */
static void count_left(edb_words *w, const edb_problem *p, const edb_batches *tail,
                       uint32_t *left) {
  memset(w->count, 0, w->n_components * sizeof *w->count);
  for (uint32_t i = 0; i < tail->count; i++) {
    uint32_t type = tail->type[i];
    if (p->unbatchable[type]) continue;
    uint32_t letters = ++w->count[p->component[type]];
    for (uint32_t k = tail->start[i]; k < tail->start[i + 1]; k++) left[tail->nodes[k]] = letters;
  }
}

static void note_crossing(edb_words *w, uint32_t c, uint32_t head, uint32_t tail) {
  if (head + tail >= w->length[c]) return;
  w->length[c] = head + tail;
  w->head[c] = head;
  w->tail[c] = tail;
}

/* Goes through the batches of `head` from the last on; count[c] is the letters up to here, need[c]
 * the letters of `tail` that what comes behind needs. head[c] = EDB_GAVE_UP: nothing shorter. */
static void find_crossings(edb_words *w, const edb_problem *p, const edb_batches *head,
                           const uint32_t *left) {
  memset(w->count, 0, w->n_components * sizeof *w->count);
  memset(w->need, 0, w->n_components * sizeof *w->need);
  for (uint32_t c = 0; c < w->n_components; c++) w->head[c] = EDB_GAVE_UP;
  for (uint32_t i = 0; i < head->count; i++)
    w->count[p->component[head->type[i]]] += !p->unbatchable[head->type[i]];
  for (uint32_t i = head->count; i-- > 0;) {
    uint32_t c = p->component[head->type[i]], need = w->need[c];
    if (p->unbatchable[head->type[i]]) continue;
    note_crossing(w, c, w->count[c]--, need);
    for (uint32_t k = head->start[i]; k < head->start[i + 1]; k++)
      need = left[head->nodes[k]] > need ? left[head->nodes[k]] : need;
    w->need[c] = need;
  }
  for (uint32_t c = 0; c < w->n_components; c++) note_crossing(w, c, 0, w->need[c]);
}

static void write_crossings(edb_words *w, const edb_problem *p, const edb_batches *head,
                            const edb_batches *tail) {
  memset(w->count, 0, w->n_components * sizeof *w->count);
  for (uint32_t i = 0; i < head->count; i++) {
    uint32_t type = head->type[i], c = p->component[type];
    if (w->head[c] == EDB_GAVE_UP || p->unbatchable[type] || w->count[c] == w->head[c]) continue;
    w->letters[w->start[c] + w->count[c]++] = type;
  }
  memset(w->count, 0, w->n_components * sizeof *w->count);
  for (uint32_t i = 0; i < tail->count; i++) {
    uint32_t type = tail->type[i], c = p->component[type];
    if (w->head[c] == EDB_GAVE_UP || p->unbatchable[type] || w->count[c] == w->tail[c]) continue;
    w->letters[w->start[c] + w->length[c] - ++w->count[c]] = type;
  }
}

void edb_words_cross(edb_words *w, const edb_problem *forward, const edb_batches *head,
                     const edb_batches *tail, uint32_t *scratch) {
  EDB_ASSERT(w->weight == NULL && head->count != EDB_GAVE_UP && tail->count != EDB_GAVE_UP);
  count_left(w, forward, tail, scratch);
  find_crossings(w, forward, head, scratch);
  write_crossings(w, forward, head, tail);
}

/* Sum over the components, and the unbatchable nodes. */
static uint32_t total(const edb_problem *p, const uint32_t *letters) {
  uint32_t batches = 0;
  for (uint32_t c = 0; c < p->n_components; c++) batches += letters[c];
  for (uint32_t t = 0; t < p->n_types; t++) batches += p->unbatchable[t] ? p->type_count[t] : 0;
  return batches;
}

uint32_t edb_words_batches(const edb_words *w, const edb_problem *forward) {
  return total(forward, w->length);
}

uint32_t edb_words_bound(const edb_words *w, const edb_problem *forward) {
  return total(forward, w->bound);
}

/* ---- Running ------------------------------------------------------------------------------------
 */

/* Where the words are read next. Letters that find no ready node are passed over. */
typedef struct reader {
  const edb_words *words;
  uint32_t component, at;
} reader;

static uint32_t current(reader *r) {
  while (r->at == r->words->length[r->component]) {
    r->component++;
    r->at = 0;
  }
  return r->words->letters[r->words->start[r->component] + r->at];
}

static uint32_t choose(void *self, const edb_state *state) {
  reader *r = self;
  while (state->ready_count[current(r)] == 0) r->at++;
  return current(r);
}

/* A type that ran because nothing else was ready is the next letter of it. */
static void ran(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
                uint32_t count) {
  reader *r = self;
  (void)nodes;
  (void)count;
  if (state->problem->unbatchable[type]) return;
  while (current(r) != type) r->at++;
  r->at++;
}

void edb_words_run(const edb_words *words, edb_state *state, edb_batches *out) {
  reader r = {.words = words};
  edb_chooser chooser = {.choose = choose, .ran = ran, .self = &r, .plain = true};
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
}
