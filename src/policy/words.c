/* policy/words.c: see words.h. */
#include "policy/words.h"

#include <float.h>
#include <string.h>

edb_status edb_words_init(edb_context *ctx, const edb_problem *p, const double *weight,
                          edb_words *out, edb_error *error) {
  size_t parts = p->n_components, nodes = p->n_nodes;
  edb_words w = {.n_components = p->n_components, .weight = weight};
  w.memory_bytes = parts * 2 * sizeof(double) + (parts * 4 + nodes) * sizeof(uint32_t);
  w.memory = edb_alloc(ctx, w.memory_bytes);
  if (w.memory == NULL) return edb_fail_memory(error, w.memory_bytes, "the words of a graph");
  w.total = w.memory;
  w.sum = w.total + parts;
  w.bound = (uint32_t *)(w.sum + parts);
  w.length = w.bound + parts;
  w.start = w.length + parts;
  w.count = w.start + parts;
  w.letters = w.count + parts;
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
  edb_chooser chooser = {.choose = choose, .ran = ran, .self = &r};
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
}
