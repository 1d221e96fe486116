/* policy/wide.c: a beam whose entries are whole schedulers that can go back.
 *
 * An entry runs batches as the runner does, and keeps sums over what is unfinished and over what is
 * ready, so that a candidate (entry, column) is scored in O(1) without being run. Only the entries
 * that survive run. One that does not survive becomes a copy of another by undoing its batches back
 * to their last common step and redoing the other's: neighbours in a beam parted a few steps ago,
 * so that costs a few batches where copying would cost all nodes.
 *
 * A segment of `ready` holds a column's done nodes and behind them its ready ones, both in the
 * order in which they became ready. Batches take from the front and new nodes come to the end, so
 * the last batch is undone by walking its nodes backwards. */
#include "policy/wide.h"

#include <string.h>

#include "base/rng.h"
#include "policy/instances.h"
#include "policy/rules.h"

#define TABLE   320 /* levels below the base that have a weight */
#define REBASE  128 /* levels the longest may fall before weights are taken anew */
#define NO_STEP UINT32_MAX

/* Sums of weights: 1 at the base, exp(-soft d) at d levels below it. */
typedef struct sums {
  uint32_t base;
  double left, ready; /* of unfinished nodes, of ready ones */
} sums;

typedef struct column {
  uint32_t start, count;                          /* ready nodes: ready[start ...] */
  uint32_t longest, at_longest, ready_at_longest; /* own of unfinished nodes */
  sums own;
  double ready_height; /* weights by height of the ready nodes */
  uint64_t ready_hash;
} column;

typedef struct entry {
  uint32_t *pending, *ready; /* [n_nodes] */
  uint32_t *own_count;       /* by column: unfinished nodes of each own */
  uint32_t *height_count;    /* unfinished nodes of each height */
  column *columns;           /* [n_types] */
  uint32_t n_done, bound, last, depth;
  uint32_t tallest; /* height of unfinished nodes */
  sums height;      /* over all columns; `ready` is not used */
  double score;
  uint64_t hash;
} entry;

/* A batch of some entry: the way back. */
typedef struct step {
  uint32_t parent, letter, count;
} step;

typedef struct candidate {
  double score;
  uint64_t hash;
  uint32_t entry, letter;
} candidate;

typedef struct wide {
  edb_context *ctx;
  const edb_part *part;
  const edb_wide_params *params;
  uint32_t width, n_entries, n_kept, tallest;
  uint32_t most;       /* candidates of this step: what the work that is left allows */
  entry *entries;      /* [width] */
  candidate *kept;     /* [width + 1] by falling score */
  uint32_t *first;     /* [n_types] where segments begin */
  uint32_t *histogram; /* [n_types + 1] where those of own begin */
  uint64_t *hashes;    /* [n_nodes] */
  EDB_VEC(step) trace;
  EDB_VEC(uint32_t) path; /* steps to be redone */
  double powers[TABLE], hard;
  uint64_t work;
  void *memory;
  size_t memory_bytes;
} wide;

/* ---- Weights ------------------------------------------------------------------------------------
 */

static inline double weight(const wide *w, uint32_t base, uint32_t level) {
  return base - level < TABLE ? w->powers[base - level] : 0;
}

/* The sum over a histogram; what is done counts as level 0, once per instance. */
static double weigh(const wide *w, uint32_t base, const uint32_t *histogram) {
  double sum = weight(w, base, 0) * w->part->n_instances;
  uint32_t nothing = base < TABLE ? 0 : base - TABLE; /* weighs from here down */
  for (uint32_t d = base; d > nothing; d--) sum += weight(w, base, d) * histogram[d];
  return sum;
}

static void rebase_column(const wide *w, entry *e, uint32_t c) {
  column *k = &e->columns[c];
  k->own = (sums){.base = k->longest};
  k->own.left = weigh(w, k->longest, e->own_count + w->histogram[c]);
  for (uint32_t i = k->start; i < k->start + k->count; i++)
    k->own.ready += weight(w, k->longest, w->part->own[e->ready[i]]);
}

static void rebase_heights(const wide *w, entry *e) {
  e->height = (sums){.base = e->tallest};
  e->height.left = weigh(w, e->tallest, e->height_count);
  for (uint32_t c = 0; c < w->part->n_types; c++) {
    column *k = &e->columns[c];
    k->ready_height = 0;
    for (uint32_t i = k->start; i < k->start + k->count; i++)
      k->ready_height += weight(w, e->tallest, w->part->height[e->ready[i]]);
  }
}

/* ---- Running and undoing ------------------------------------------------------------------------
 */

static inline void enter_ready(const wide *w, entry *e, uint32_t x) {
  const edb_part *p = w->part;
  column *k = &e->columns[p->column[x]];
  e->ready[k->start + k->count++] = x;
  k->ready_at_longest += p->own[x] == k->longest;
  k->own.ready += weight(w, k->own.base, p->own[x]);
  k->ready_height += weight(w, e->height.base, p->height[x]);
  k->ready_hash += w->hashes[x];
}

/* The last that entered its column. */
static inline void leave_ready(const wide *w, entry *e, uint32_t x) {
  const edb_part *p = w->part;
  column *k = &e->columns[p->column[x]];
  EDB_ASSERT(e->ready[k->start + k->count - 1] == x);
  k->count--;
  k->ready_at_longest -= p->own[x] == k->longest;
  k->own.ready -= weight(w, k->own.base, p->own[x]);
  k->ready_height -= weight(w, e->height.base, p->height[x]);
  k->ready_hash -= w->hashes[x];
}

/* A batch is out of what is unfinished before its successors become ready. */
static void finish_batch(const wide *w, entry *e, uint32_t c) {
  const edb_part *p = w->part;
  column *k = &e->columns[c];
  uint32_t *histogram = e->own_count + w->histogram[c];
  for (uint32_t i = k->start; i < k->start + k->count; i++) {
    histogram[p->own[e->ready[i]]]--;
    e->height_count[p->height[e->ready[i]]]--;
  }
  e->n_done += k->count;
  e->hash += k->ready_hash;
  for (; k->longest > 0 && histogram[k->longest] == 0; k->longest--) e->bound--;
  while (e->tallest > 0 && e->height_count[e->tallest] == 0) e->tallest--;
  k->at_longest = histogram[k->longest];
  k->own.left -= k->own.ready;
  e->height.left -= k->ready_height;
  k->own.ready = k->ready_height = 0;
  k->ready_at_longest = 0;
  k->ready_hash = 0;
  k->start += k->count;
  k->count = 0;
}

static uint32_t run(wide *w, entry *e, uint32_t c) {
  const edb_part *p = w->part;
  column *k = &e->columns[c];
  const uint32_t *batch = e->ready + k->start;
  uint32_t count = k->count;
  finish_batch(w, e, c);
  if (k->own.base - k->longest >= REBASE) rebase_column(w, e, c);
  if (e->height.base - e->tallest >= REBASE) rebase_heights(w, e);
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t s = p->out_start[batch[i]]; s < p->out_start[batch[i] + 1]; s++) {
      if (--e->pending[p->out[s]] == 0) enter_ready(w, e, p->out[s]);
    }
  }
  w->work += 20 + 15 * (uint64_t)count;
  return count;
}

/* The batch is unfinished and ready again. */
static void restore_batch(const wide *w, entry *e, uint32_t c, uint32_t count) {
  const edb_part *p = w->part;
  column *k = &e->columns[c];
  uint32_t *histogram = e->own_count + w->histogram[c];
  EDB_ASSERT(k->count == 0);
  k->start -= count;
  k->count = count;
  e->n_done -= count;
  uint32_t longest = k->longest;
  k->own.ready = k->ready_height = 0;
  for (uint32_t i = k->start; i < k->start + count; i++) {
    uint32_t x = e->ready[i];
    histogram[p->own[x]]++;
    e->height_count[p->height[x]]++;
    if (p->own[x] > k->longest) k->longest = p->own[x];
    if (p->height[x] > e->tallest) e->tallest = p->height[x];
    k->own.ready += weight(w, k->own.base, p->own[x]);
    k->ready_height += weight(w, e->height.base, p->height[x]);
    k->ready_hash += w->hashes[x];
  }
  e->bound += k->longest - longest;
  e->hash -= k->ready_hash;
  k->at_longest = histogram[k->longest];
  k->ready_at_longest = 0;
  for (uint32_t i = k->start; i < k->start + count; i++)
    k->ready_at_longest += p->own[e->ready[i]] == k->longest;
  k->own.left += k->own.ready;
  e->height.left += k->ready_height;
  if (k->longest > k->own.base) rebase_column(w, e, c);
  if (e->tallest > e->height.base) rebase_heights(w, e);
}

static void undo(wide *w, entry *e, step s) {
  const edb_part *p = w->part;
  const uint32_t *batch = e->ready + e->columns[s.letter].start - s.count;
  for (uint32_t i = s.count; i-- > 0;) {
    for (uint32_t k = p->out_start[batch[i] + 1]; k-- > p->out_start[batch[i]];) {
      if (e->pending[p->out[k]]++ == 0) leave_ready(w, e, p->out[k]);
    }
  }
  restore_batch(w, e, s.letter, s.count);
  w->work += 20 + 15 * (uint64_t)s.count;
}

/* Makes `e` stand where `other` stands. */
static edb_status become(wide *w, entry *e, const entry *other, edb_error *error) {
  uint32_t from = e->last, to = other->last;
  w->path.length = 0;
  for (uint32_t depth = other->depth; depth > e->depth || from != to; depth--) {
    if (!edb_vec_push(w->ctx, &w->path, to))
      return edb_fail_memory(error, sizeof to, "the steps of a beam");
    to = w->trace.data[to].parent;
    if (depth > e->depth) continue;
    undo(w, e, w->trace.data[from]);
    from = w->trace.data[from].parent;
    e->depth--;
  }
  while (w->path.length > 0) run(w, e, w->trace.data[w->path.data[--w->path.length]].letter);
  EDB_ASSERT(e->n_done == other->n_done && e->hash == other->hash);
  e->last = other->last;
  e->depth = other->depth;
  return EDB_OK;
}

/* ---- Candidates ---------------------------------------------------------------------------------
 */

static void offer(wide *w, candidate c) {
  uint32_t at = w->n_kept;
  if (at == w->most && c.score <= w->kept[at - 1].score) return;
  for (uint32_t i = 0; i < at; i++) {
    if (w->kept[i].hash == c.hash) return; /* the same nodes done, or else one beside the other */
  }
  if (at == w->most)
    at--;
  else
    w->n_kept++;
  for (; at > 0 && w->kept[at - 1].score < c.score; at--) w->kept[at] = w->kept[at - 1];
  w->kept[at] = c;
}

/* Never 0: what would be is less than any weight that counts. */
static inline double positive(double sum) {
  return sum > 1e-13 ? sum : 1e-13;
}

static void offer_all(wide *w) {
  w->n_kept = 0;
  for (uint32_t i = 0; i < w->n_entries; i++) {
    const entry *e = &w->entries[i];
    for (uint32_t c = 0; c < w->part->n_types; c++) {
      const column *k = &e->columns[c];
      if (k->count == 0) continue;
      bool tight = k->ready_at_longest == k->at_longest;
      if (e->depth + 1 + e->bound - tight >= w->params->limit) continue;
      candidate next = {.entry = i, .letter = c, .hash = e->hash + k->ready_hash};
      next.score =
          e->score * positive(k->own.left) * positive(e->height.left) /
          (positive(k->own.left - k->own.ready) * positive(e->height.left - k->ready_height));
      if (tight) next.score *= w->hard;
      offer(w, next);
    }
  }
  w->work += (uint64_t)w->n_entries * w->part->n_types * 4;
}

/* ---- The search ---------------------------------------------------------------------------------
 */

static edb_status step_to(wide *w, entry *e, const candidate *c, edb_error *error) {
  step s = {.parent = e->last, .letter = c->letter};
  s.count = run(w, e, c->letter);
  if (!edb_vec_push(w->ctx, &w->trace, s))
    return edb_fail_memory(error, sizeof s, "the steps of a beam");
  e->last = (uint32_t)w->trace.length - 1;
  e->depth++;
  e->score = c->score / w->kept[0].score;
  return EDB_OK;
}

static void swap_entries(wide *w, uint32_t a, uint32_t b) {
  entry e = w->entries[a];
  w->entries[a] = w->entries[b];
  w->entries[b] = e;
}

/* The kept candidates become the entries: the first of each entry in place, the others in entries
 * that have none. */
static edb_status advance(wide *w, edb_error *error) {
  uint32_t n = w->n_kept, target[EDB_MAX_WIDTH];
  bool used[EDB_MAX_WIDTH] = {false};
  for (uint32_t i = 0; i < n; i++) {
    uint32_t from = w->kept[i].entry;
    target[i] = used[from] ? NO_STEP : from;
    used[from] = true;
  }
  for (uint32_t i = 0, spare = 0; i < n; i++) {
    if (target[i] != NO_STEP) continue;
    while (used[spare]) spare++;
    used[spare] = true;
    target[i] = spare;
    EDB_TRY(become(w, &w->entries[spare], &w->entries[w->kept[i].entry], error));
  }
  for (uint32_t i = 0; i < n; i++) EDB_TRY(step_to(w, &w->entries[target[i]], &w->kept[i], error));
  /* The used ones to the front. */
  for (uint32_t front = 0, i = 0; i < w->width; i++) {
    if (used[i]) swap_entries(w, front++, i);
  }
  w->n_entries = n;
  return EDB_OK;
}

static void read_word(const wide *w, const entry *e, edb_word *word) {
  uint32_t at = word->length = e->depth;
  for (uint32_t s = e->last; s != NO_STEP; s = w->trace.data[s].parent)
    word->letters[--at] = w->trace.data[s].letter;
}

/* About what a width of 1 costs from here on. */
static uint64_t unit_work(const edb_part *p, uint32_t n_done, uint32_t bound) {
  return (uint64_t)(p->n_nodes - n_done) * 40 + (uint64_t)(bound + 1) * p->n_types * 4;
}

/* A search that runs short of work goes on with fewer entries, to the end. The best one is first.
 */
static void choose_most(wide *w) {
  const entry *best = &w->entries[0];
  uint64_t left = w->params->max_work > w->work ? w->params->max_work - w->work : 0;
  uint64_t affordable = left / unit_work(w->part, best->n_done, best->bound);
  w->most = affordable < w->width ? (uint32_t)affordable : w->width;
  if (w->most == 0) w->most = 1;
}

static edb_status search(wide *w, edb_word *word, edb_error *error) {
  word->length = EDB_GAVE_UP;
  for (;;) {
    for (uint32_t i = 0; i < w->n_entries; i++) {
      if (w->entries[i].n_done < w->part->n_nodes) continue;
      read_word(w, &w->entries[i], word);
      return EDB_OK;
    }
    choose_most(w);
    offer_all(w);
    if (w->n_kept == 0 || w->work / 2 > w->params->max_work) return EDB_OK;
    EDB_TRY(advance(w, error));
  }
}

/* ---- Making -------------------------------------------------------------------------------------
 */

static void choose_width(wide *w, uint32_t bound) {
  w->width = w->params->width;
  while (w->width > 1 && w->width * unit_work(w->part, 0, bound) > w->params->max_work)
    w->width = (w->width + 1) / 2;
}

/* [n_types + 1] starts of the histograms; gives the sum of the longest. */
static uint32_t measure(const edb_part *p, uint32_t *histogram, uint32_t *tallest) {
  uint32_t bound = 0, length = 0;
  *tallest = 0;
  memset(histogram, 0, ((size_t)p->n_types + 1) * sizeof *histogram);
  for (uint32_t x = 0; x < p->n_nodes; x++) {
    if (p->own[x] > histogram[p->column[x]]) histogram[p->column[x]] = p->own[x];
    if (p->height[x] > *tallest) *tallest = p->height[x];
  }
  for (uint32_t c = 0; c <= p->n_types; c++) {
    uint32_t longest = histogram[c];
    bound += longest;
    histogram[c] = length;
    length += longest + 1;
  }
  return bound;
}

static edb_status wide_alloc(wide *w, size_t own_levels, edb_error *error) {
  size_t n = w->part->n_nodes, types = w->part->n_types;
  size_t numbers = n * 2 + own_levels + w->tallest + 1;
  size_t each = sizeof(entry) + types * sizeof(column) + numbers * sizeof(uint32_t);
  each = (each + 7) & ~(size_t)7;
  w->memory_bytes = w->width * each + (w->width + 1) * sizeof(candidate) + n * sizeof(uint64_t) +
                    types * sizeof(uint32_t);
  w->memory = edb_alloc(w->ctx, w->memory_bytes);
  if (w->memory == NULL) return edb_fail_memory(error, w->memory_bytes, "a beam");
  w->hashes = w->memory;
  w->kept = (candidate *)(w->hashes + n);
  w->entries = (entry *)(w->kept + w->width + 1);
  column *columns = (column *)(w->entries + w->width);
  uint32_t *next = (uint32_t *)(columns + types * w->width);
  for (uint32_t i = 0; i < w->width; i++) {
    entry *e = &w->entries[i];
    *e = (entry){.columns = columns + types * i, .last = NO_STEP, .score = 1};
    e->pending = next;
    e->ready = e->pending + n;
    e->own_count = e->ready + n;
    e->height_count = e->own_count + own_levels;
    next = e->height_count + w->tallest + 1;
  }
  w->first = next;
  return EDB_OK;
}

/* The initial state. */
static void fill_entry(const wide *w, uint32_t bound, entry *e) {
  const edb_part *p = w->part;
  memset(e->own_count, 0, w->histogram[p->n_types] * sizeof *e->own_count);
  memset(e->height_count, 0, ((size_t)w->tallest + 1) * sizeof *e->height_count);
  memset(e->columns, 0, p->n_types * sizeof *e->columns);
  e->bound = bound;
  e->tallest = w->tallest;
  for (uint32_t x = 0; x < p->n_nodes; x++) {
    uint32_t c = p->column[x];
    e->own_count[w->histogram[c] + p->own[x]]++;
    e->height_count[p->height[x]]++;
    if (p->own[x] > e->columns[c].longest) e->columns[c].longest = p->own[x];
  }
  for (uint32_t c = 0; c < p->n_types; c++) {
    column *k = &e->columns[c];
    k->start = w->first[c];
    k->at_longest = e->own_count[w->histogram[c] + k->longest];
    rebase_column(w, e, c);
  }
  rebase_heights(w, e);
  for (uint32_t x = 0; x < p->n_nodes; x++) {
    e->pending[x] = p->in_start[x + 1] - p->in_start[x];
    if (e->pending[x] == 0) enter_ready(w, e, x);
  }
}

static void fill_shared(wide *w) {
  const edb_part *p = w->part;
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  memset(w->first, 0, p->n_types * sizeof *w->first);
  for (uint32_t x = 0; x < p->n_nodes; x++) {
    w->hashes[x] = edb_rng_u64(&rng);
    w->first[p->column[x]]++;
  }
  uint32_t start = 0;
  for (uint32_t c = 0; c < p->n_types; c++) {
    uint32_t count = w->first[c];
    w->first[c] = start;
    start += count;
  }
  double powers[2];
  edb_fill_powers(w->params->soft, TABLE, w->powers);
  edb_fill_powers(w->params->bound_weight + w->params->soft, 2, powers);
  w->hard = 1 / powers[1];
}

edb_status edb_wide_search(edb_context *ctx, const edb_part *part, const edb_wide_params *params,
                           edb_word *word, uint64_t *work, edb_error *error) {
  wide w = {.ctx = ctx, .part = part, .params = params, .n_entries = 1};
  word->length = EDB_GAVE_UP;
  if (part->n_batchable < part->n_nodes) return EDB_OK; /* unbatchable nodes have no letter */
  size_t bytes = ((size_t)part->n_types + 1) * sizeof(uint32_t);
  w.histogram = edb_alloc(ctx, bytes);
  if (w.histogram == NULL) return edb_fail_memory(error, bytes, "a beam");
  uint32_t bound = measure(part, w.histogram, &w.tallest);
  edb_status status = EDB_OK;
  choose_width(&w, bound);
  if (w.width * unit_work(part, 0, bound) / 2 <= params->max_work) {
    status = wide_alloc(&w, w.histogram[part->n_types], error);
    if (status == EDB_OK) {
      fill_shared(&w);
      for (uint32_t i = 0; i < w.width; i++) fill_entry(&w, bound, &w.entries[i]);
      status = search(&w, word, error);
      *work += w.work;
    }
  }
  edb_vec_free(ctx, &w.trace);
  edb_vec_free(ctx, &w.path);
  edb_free(ctx, w.memory, w.memory_bytes);
  edb_free(ctx, w.histogram, bytes);
  return status;
}
