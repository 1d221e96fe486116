/* policy/beam.c: see beam.h. */
#include "policy/beam.h"

#include <string.h>

#include "policy/rules.h"

#define MAX_TUPLE 64
#define TABLE     256
#define DIFFUSE   64 /* more nodes than this, ready when a word ends: too many instances matter */
#define FEW       4  /* up to this many: one more instance will do */

/* A step of one entry of the beam, for the way back. */
typedef struct origin {
  uint32_t parent, letter;
} origin;

typedef struct candidate {
  double score;
  uint64_t hash;
  uint32_t parent, letter, bound;
  uint32_t own, height; /* largest own left of the letter, longest path left: over the tuple */
  double own_sum, height_sum;
  uint32_t ids[MAX_TUPLE];
} candidate;

/* Where a candidate stands in the pool, and what it is compared by. */
typedef struct rank {
  double score;
  uint64_t hash;
  uint32_t slot;
} rank;

/* A tuple of states. Its columns' largest own and sums stand in arrays of the beam. */
typedef struct entry {
  double score;
  uint32_t bound, height;
  double height_sum;
  uint32_t ids[MAX_TUPLE];
} entry;

/* The entries of one step, the best first. */
typedef struct front {
  uint32_t steps, count;
  entry *entries;  /* [width] */
  uint32_t *own;   /* [width * n_types] */
  double *own_sum; /* [width * n_types] */
} front;

typedef struct beam {
  edb_context *ctx;
  const edb_part *part;
  const edb_beam_params *params;
  uint32_t n_types, n_tuple;
  uint32_t width;              /* of this step: what the work that is left allows */
  uint32_t members[MAX_TUPLE]; /* instances */
  edb_automaton automata[MAX_TUPLE];
  front now, next;
  front joint;       /* where instances join that were left unfinished; count 0: not reached yet */
  uint32_t bound;    /* at the start */
  uint32_t n_kept;   /* candidates for the next front */
  candidate *pool;   /* [width + 1] */
  rank *kept;        /* [width] by falling score */
  uint32_t spare;    /* of the pool: where the next candidate is made */
  uint32_t *letters; /* [n_batchable] of the round's word */
  EDB_VEC(origin) trace;           /* [steps * width] */
  double soft[TABLE], hard[TABLE]; /* exp(-soft d), exp(-(soft + bound_weight) d) */
  uint64_t work;
  bool decided;
  void *memory;
  size_t memory_bytes;
} beam;

static inline double lookup(const double *table, uint32_t d) {
  return table[d < TABLE ? d : TABLE - 1];
}

static uint64_t mix(uint64_t h, uint32_t id) {
  h = (h ^ id) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

/* ---- Candidates ---------------------------------------------------------------------------------
 */

static bool is_same(const beam *b, const candidate *x, const candidate *y) {
  return memcmp(x->ids, y->ids, b->n_tuple * sizeof *x->ids) == 0;
}

/* Keeps the best `width` different tuples, the better first. The candidate is the spare one. */
static void offer(beam *b) {
  uint32_t at = b->n_kept, slot = b->spare;
  const candidate *c = &b->pool[slot];
  if (at == b->width && c->score <= b->kept[at - 1].score) return;
  for (uint32_t i = 0; i < b->n_kept; i++) {
    if (b->kept[i].hash == c->hash && is_same(b, &b->pool[b->kept[i].slot], c)) return;
  }
  if (at == b->width) {
    b->spare = b->kept[--at].slot;
  } else {
    b->spare = ++b->n_kept; /* the first slots are taken in turn */
  }
  for (; at > 0 && b->kept[at - 1].score < c->score; at--) b->kept[at] = b->kept[at - 1];
  b->kept[at] = (rank){.score = c->score, .hash = c->hash, .slot = slot};
}

/* Scores the tuple that `c` holds. False: it is of no use. */
static inline __attribute__((always_inline)) bool score(const beam *b, candidate *c, uint32_t steps,
                                                        const uint32_t n_tuple) {
  const entry *from = &b->now.entries[c->parent];
  uint32_t own[MAX_TUPLE], height[MAX_TUPLE], longest = 0, tallest = 0;
  for (uint32_t i = 0; i < n_tuple; i++) {
    const uint32_t *row = edb_automaton_row(&b->automata[i], c->ids[i]);
    height[i] = row[0];
    own[i] = row[1 + b->n_types + c->letter];
    longest = own[i] > longest ? own[i] : longest;
    tallest = height[i] > tallest ? height[i] : tallest;
  }
  size_t at = (size_t)c->parent * b->n_types + c->letter;
  uint32_t own_fall = b->now.own[at] - longest, height_fall = from->height - tallest;
  c->own = longest;
  c->height = tallest;
  c->bound = from->bound - own_fall;
  uint32_t least = c->bound > tallest ? c->bound : tallest;
  if (steps + 1 + least >= b->params->limit) return false;
  double own_sum = 0, height_sum = 0;
  for (uint32_t i = 0; i < n_tuple; i++) {
    own_sum += lookup(b->soft, longest - own[i]);
    height_sum += lookup(b->soft, tallest - height[i]);
  }
  c->own_sum = own_sum;
  c->height_sum = height_sum;
  c->score = from->score * b->now.own_sum[at] * from->height_sum /
             (own_sum * height_sum * lookup(b->hard, own_fall) * lookup(b->soft, height_fall));
  return true;
}

/* The tuple after a letter. False: an automaton is full. */
static inline __attribute__((always_inline)) bool
try_letter_of(beam *b, uint32_t parent, uint32_t letter, uint32_t steps, const uint32_t n_tuple) {
  const entry *from = &b->now.entries[parent];
  candidate *c = &b->pool[b->spare];
  uint64_t hash = 0;
  bool moved = false;
  for (uint32_t i = 0; i < n_tuple; i++) {
    uint32_t next = edb_automaton_step(&b->automata[i], from->ids[i], letter);
    if (next == EDB_STATE_NONE) return false;
    c->ids[i] = next;
    hash = mix(hash, next);
    moved |= next != from->ids[i];
  }
  c->hash = hash;
  c->parent = parent;
  c->letter = letter;
  if (moved && score(b, c, steps, n_tuple)) offer(b);
  return true;
}

/* The loops over the tuple unroll where its size is the usual one. */
static bool try_letter(beam *b, uint32_t parent, uint32_t letter, uint32_t steps) {
  if (b->n_tuple == 4) return try_letter_of(b, parent, letter, steps, 4);
  return try_letter_of(b, parent, letter, steps, b->n_tuple);
}

/* The kept candidates become the entries. */
static bool advance(beam *b) {
  uint32_t width = b->params->width, steps = b->now.steps;
  size_t row = b->n_types;
  front *next = &b->next;
  if (!edb_vec_reserve(b->ctx, &b->trace, ((size_t)steps + 1) * width)) return false;
  double top = b->kept[0].score;
  while (b->n_kept > 1 && b->kept[b->n_kept - 1].score < b->params->slack * top) b->n_kept--;
  for (uint32_t i = 0; i < b->n_kept; i++) {
    const candidate *c = &b->pool[b->kept[i].slot];
    entry *to = &next->entries[i];
    b->trace.data[(size_t)steps * width + i] = (origin){c->parent, c->letter};
    to->score = c->score / top;
    to->bound = c->bound;
    to->height = c->height;
    to->height_sum = c->height_sum;
    memcpy(to->ids, c->ids, b->n_tuple * sizeof *c->ids);
    memcpy(next->own + i * row, b->now.own + c->parent * row, row * sizeof *next->own);
    memcpy(next->own_sum + i * row, b->now.own_sum + c->parent * row, row * sizeof *next->own_sum);
    next->own[i * row + c->letter] = c->own;
    next->own_sum[i * row + c->letter] = c->own_sum;
  }
  next->count = b->n_kept;
  next->steps = steps + 1;
  front swap = b->now;
  b->now = b->next;
  b->next = swap;
  return true;
}

static void copy_front(const beam *b, const front *from, front *to) {
  size_t cells = (size_t)from->count * b->n_types;
  memcpy(to->entries, from->entries, from->count * sizeof *from->entries);
  memcpy(to->own, from->own, cells * sizeof *from->own);
  memcpy(to->own_sum, from->own_sum, cells * sizeof *from->own_sum);
  to->count = from->count;
  to->steps = from->steps;
}

static void start(beam *b) {
  entry *first = &b->now.entries[0];
  *first = (entry){.score = 1};
  b->now.count = 1;
  b->now.steps = b->joint.count = 0;
  for (uint32_t i = 0; i < b->n_tuple; i++) {
    uint32_t height = edb_automaton_height(&b->automata[i], 0);
    if (height > first->height) first->height = height;
  }
  for (uint32_t i = 0; i < b->n_tuple; i++)
    first->height_sum += lookup(b->soft, first->height - edb_automaton_height(&b->automata[i], 0));
  for (uint32_t c = 0; c < b->n_types; c++) {
    b->now.own[c] = 0;
    b->now.own_sum[c] = 0;
    for (uint32_t i = 0; i < b->n_tuple; i++) {
      uint32_t own = edb_automaton_own(&b->automata[i], 0, c);
      if (own > b->now.own[c]) b->now.own[c] = own;
    }
    for (uint32_t i = 0; i < b->n_tuple; i++)
      b->now.own_sum[c] +=
          lookup(b->soft, b->now.own[c] - edb_automaton_own(&b->automata[i], 0, c));
    first->bound += b->now.own[c];
  }
  b->bound = first->bound;
}

/* The letters of an entry. */
static void read_word(const beam *b, uint32_t steps, uint32_t slot, edb_word *word) {
  word->length = steps;
  while (steps-- > 0) {
    origin from = b->trace.data[(size_t)steps * b->params->width + slot];
    word->letters[steps] = from.letter;
    slot = from.parent;
  }
}

/* About nanoseconds for a candidate, and for the states of one more instance per letter. */
static uint64_t letter_work(uint32_t n_tuple) {
  return 12 + 6 * (uint64_t)n_tuple;
}
#define STATES_WORK 350

/* A step of one entry: all columns that it has left. */
static uint64_t entry_work(const beam *b, uint32_t n_tuple) {
  uint64_t columns = 0;
  for (uint32_t c = 0; c < b->n_types; c++) columns += b->now.own[c] > 0;
  return columns * letter_work(n_tuple);
}

/* The width of a step. The second half of a word matters less: it is narrower. A search that runs
 * short of work goes on with what the rest of the round can afford, to the end; the best entry
 * comes first, so what is cut are the worst. False: there is not even work for one. */
static bool choose_width(beam *b) {
  uint64_t most = b->params->max_work, left = most > b->work ? most - b->work : 0;
  uint64_t one = (b->now.entries[0].bound + 1) * entry_work(b, b->n_tuple);
  b->width = b->params->width;
  if (b->now.entries[0].bound < b->bound / 2) b->width -= b->width / 4;
  if (b->width * one > left) b->width = left / one < 1 ? 1 : (uint32_t)(left / one);
  if (b->now.count > b->width) b->now.count = b->width;
  return b->work <= most + most / 4;
}

/* All letters of all entries. False: an automaton is full. */
static bool try_letters(beam *b) {
  b->n_kept = b->spare = 0;
  for (uint32_t e = 0; e < b->now.count; e++) {
    for (uint32_t c = 0; c < b->n_types; c++) {
      if (b->now.own[(size_t)e * b->n_types + c] == 0) continue;
      if (!try_letter(b, e, c, b->now.steps)) return false;
      b->work += letter_work(b->n_tuple);
    }
  }
  return true;
}

static edb_status check_automata(const beam *b, edb_error *error) {
  for (uint32_t i = 0; i < b->n_tuple; i++)
    if (b->automata[i].failed) return edb_fail_memory(error, 0, "the states of an instance");
  return EDB_OK;
}

/* The shortest word for the tuple that the beam meets, from where it stands; its length is
 * EDB_GAVE_UP if none. */
static edb_status search_tuple(beam *b, edb_word *word, edb_error *error) {
  const entry *best = &b->now.entries[0];
  word->length = EDB_GAVE_UP;
  for (; best->height > 0; best = &b->now.entries[0]) {
    if (!choose_width(b)) return EDB_OK;
    if (!try_letters(b)) return check_automata(b, error);
    b->decided = b->n_kept == 0; /* nothing below the limit */
    if (b->decided) return EDB_OK;
    if (!advance(b)) return edb_fail_memory(error, 0, "the steps of a beam");
    if (b->joint.count == 0 && b->now.entries[0].bound <= b->bound - b->bound / 4)
      copy_front(b, &b->now, &b->joint);
  }
  read_word(b, b->now.steps, 0, word);
  return EDB_OK;
}

/* ---- Instances ----------------------------------------------------------------------------------
 */

static edb_status add_instance(beam *b, uint32_t instance, edb_error *error) {
  EDB_TRY(edb_automaton_init(b->ctx, b->part, instance, b->params->max_bytes, &b->work,
                             &b->automata[b->n_tuple], error));
  b->members[b->n_tuple++] = instance;
  return EDB_OK;
}

/* The first tuple. */
static edb_status add_critical(beam *b, edb_error *error) {
  uint32_t instances[MAX_TUPLE], count = b->params->instances;
  EDB_TRY(edb_critical_instances(b->ctx, b->part, b->params->soft, &count, instances, error));
  for (uint32_t i = 0; i < count; i++) EDB_TRY(add_instance(b, instances[i], error));
  return EDB_OK;
}

/* The last instance joins an entry of that front: its state after the entry's letters. False: its
 * automaton is full. */
static bool join_entry(beam *b, uint32_t i) {
  front *f = &b->joint;
  entry *e = &f->entries[i];
  edb_automaton *a = &b->automata[b->n_tuple - 1];
  edb_word path = {.letters = b->letters};
  uint32_t state = 0;
  read_word(b, f->steps, i, &path);
  for (uint32_t k = 0; k < path.length; k++) {
    state = edb_automaton_step(a, state, path.letters[k]);
    if (state == EDB_STATE_NONE) return false;
  }
  b->work += (size_t)path.length * 4;
  e->ids[b->n_tuple - 1] = state;
  for (uint32_t c = 0; c < b->n_types; c++) {
    size_t at = (size_t)i * b->n_types + c;
    uint32_t own = edb_automaton_own(a, state, c), most = f->own[at] > own ? f->own[at] : own;
    double sum = f->own_sum[at] * lookup(b->soft, most - f->own[at]) + lookup(b->soft, most - own);
    if (most == 0) continue;
    e->score *= f->own_sum[at] / sum * lookup(b->hard, most - f->own[at]);
    e->bound += most - f->own[at];
    f->own[at] = most;
    f->own_sum[at] = sum;
  }
  uint32_t height = edb_automaton_height(a, state), tallest = e->height;
  if (height > tallest) tallest = height;
  double sum =
      e->height_sum * lookup(b->soft, tallest - e->height) + lookup(b->soft, tallest - height);
  e->score *= e->height_sum / sum * lookup(b->soft, tallest - e->height);
  e->height = tallest;
  e->height_sum = sum;
  return true;
}

/* Another round with one more instance: the begin of the word hardly changes for it. */
static edb_status join_late(beam *b, uint32_t instance, bool *joined, edb_error *error) {
  EDB_TRY(add_instance(b, instance, error));
  *joined = true;
  for (uint32_t i = 0; i < b->joint.count && *joined; i++) *joined = join_entry(b, i);
  if (!*joined) return check_automata(b, error);
  copy_front(b, &b->joint, &b->now);
  return EDB_OK;
}

/* ---- The search ---------------------------------------------------------------------------------
 */

static edb_status beam_alloc(beam *b, edb_error *error) {
  size_t width = b->params->width, cells = width * b->n_types;
  b->memory_bytes = (width + 1) * sizeof(candidate) + width * 3 * sizeof(entry) +
                    width * sizeof(rank) + cells * 3 * (sizeof(double) + sizeof(uint32_t)) +
                    b->part->n_batchable * sizeof(uint32_t);
  b->memory = edb_alloc(b->ctx, b->memory_bytes);
  if (b->memory == NULL) return edb_fail_memory(error, b->memory_bytes, "a beam");
  front *fronts[] = {&b->now, &b->next, &b->joint};
  b->pool = b->memory;
  b->kept = (rank *)(b->pool + width + 1);
  entry *entries = (entry *)(b->kept + width);
  double *sums = (double *)(entries + 3 * width);
  uint32_t *numbers = (uint32_t *)(sums + 3 * cells);
  for (size_t i = 0; i < 3; i++)
    *fronts[i] = (front){
        .entries = entries + i * width, .own = numbers + i * cells, .own_sum = sums + i * cells};
  b->letters = numbers + 3 * cells;
  return EDB_OK;
}

static void fill_tables(beam *b) {
  edb_fill_powers(b->params->soft, TABLE, b->soft);
  edb_fill_powers(b->params->soft + b->params->bound_weight, TABLE, b->hard);
}

/* A word of the tuple, completed, is kept if it is the shortest so far. */
static void keep_shorter(const edb_word *found, edb_word *best) {
  if (found->length >= best->length) return;
  memcpy(best->letters, found->letters, found->length * sizeof *found->letters);
  best->length = found->length;
}

static uint32_t count_ready(const edb_part *p, const edb_runner *r) {
  uint32_t ready = 0;
  for (uint32_t c = 0; c < p->n_types; c++) ready += r->ready_count[c];
  return ready;
}

/* Unfinished instances that should join the tuple, behind its members: one, or as many as it has.
 */
static uint32_t choose_joining(beam *b, const edb_runner *r, uint32_t ready) {
  uint32_t want = ready <= FEW ? 1 : b->n_tuple, count = 0;
  while (count < want && b->n_tuple + count < MAX_TUPLE) {
    uint32_t next = edb_runner_unfinished(r, b->part, b->members, b->n_tuple + count);
    if (next == UINT32_MAX) break;
    b->members[b->n_tuple + count++] = next;
  }
  return count;
}

/* Whether there is work left for a round with so many more instances, about this long. */
static bool can_afford(const beam *b, uint32_t joining, uint32_t length) {
  uint64_t width = b->params->width < 4 ? 1 : 4, columns = b->n_types < 3 ? b->n_types : 3;
  uint64_t round =
      width * columns * letter_work(b->n_tuple + joining) + (uint64_t)joining * STATES_WORK;
  return b->work + round * length <= b->params->max_work;
}

/* Each round's word is a valid one once it is completed greedily, so running out of work in a later
 * round loses nothing. */
static edb_status search_rounds(beam *b, edb_runner *runner, edb_word *word, edb_error *error) {
  edb_word found = {.letters = b->letters};
  word->length = b->params->limit;
  EDB_TRY(add_critical(b, error));
  for (start(b);;) {
    EDB_TRY(search_tuple(b, &found, error));
    if (found.length == EDB_GAVE_UP) break;
    edb_runner_run(runner, b->part, false, &found);
    uint32_t ready = count_ready(b->part, runner);
    uint32_t joining = choose_joining(b, runner, ready);
    edb_runner_finish(runner, b->part, &found);
    keep_shorter(&found, word);
    b->decided = ready == 0;
    if (joining == 0 || ready > DIFFUSE || !can_afford(b, joining, found.length)) break;
    if (joining == 1 && b->joint.count > 0) {
      bool joined;
      EDB_TRY(join_late(b, b->members[b->n_tuple], &joined, error));
      if (!joined) break;
      continue;
    }
    while (joining-- > 0) EDB_TRY(add_instance(b, b->members[b->n_tuple], error));
    start(b);
  }
  if (word->length == b->params->limit) word->length = EDB_GAVE_UP;
  return EDB_OK;
}

edb_status edb_beam_search(edb_context *ctx, const edb_part *part, const edb_beam_params *params,
                           edb_runner *runner, edb_word *word, edb_beam_report *report,
                           edb_error *error) {
  beam b = {.ctx = ctx, .part = part, .params = params, .n_types = part->n_types};
  EDB_TRY(beam_alloc(&b, error));
  fill_tables(&b);
  edb_status status = search_rounds(&b, runner, word, error);
  *report = (edb_beam_report){.work = b.work, .decided = b.decided};
  for (uint32_t i = 0; i < b.n_tuple; i++) edb_automaton_free(&b.automata[i]);
  edb_vec_free(ctx, &b.trace);
  edb_free(ctx, b.memory, b.memory_bytes);
  return status;
}
