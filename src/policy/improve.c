/* policy/improve.c: see improve.h. */
#include "policy/improve.h"

#include "policy/beam.h"
#include "policy/optimum.h"
#include "policy/prune.h"
#include "policy/wide.h"

/* Automata may take so much memory, for all instances of a beam together. */
#define BYTES_PER_NODE 256
#define BYTES_FLOOR    (1u << 20)
#define NO_LIMIT       (UINT64_MAX / 4)
/* Instances of more nodes have states too large to keep; with more columns they have too many, few
 * of which are met twice. */
#define LARGE_INSTANCE 4096
#define MAX_COLUMNS    8

static bool is_open(const edb_words *w, uint32_t component) {
  uint32_t c = w->n_components - 1 - component;
  return w->length[c] > w->bound[c];
}

/* From the words of the forward problem to letters of the reversed part, and back. */
static void read_word(const edb_words *w, const edb_problem *p, uint32_t c, edb_word *word) {
  word->length = w->length[c];
  for (uint32_t i = 0; i < word->length; i++)
    word->letters[word->length - 1 - i] = p->column[w->letters[w->start[c] + i]];
}

static void write_word(edb_words *w, const edb_part *part, uint32_t c, const edb_word *word) {
  if (word->length >= w->length[c]) return;
  w->length[c] = word->length;
  for (uint32_t i = 0; i < word->length; i++)
    w->letters[w->start[c] + i] = part->type[word->letters[word->length - 1 - i]];
}

/* One component above its bound: its nodes, its word so far. */
typedef struct task {
  edb_context *ctx;
  const edb_problem *reverse;
  edb_words *words;
  uint32_t c; /* component of the forward problem */
  edb_part part;
  edb_runner runner;
  edb_word word;
  size_t word_bytes;
} task;

static void task_end(task *t) {
  edb_free(t->ctx, t->word.letters, t->word_bytes);
  edb_runner_free(t->ctx, &t->runner);
  edb_part_free(t->ctx, &t->part);
}

/* `component`: of the reversed problem. Ends by itself on failure. */
static edb_status task_begin(edb_context *ctx, const edb_problem *reverse, uint32_t component,
                             edb_words *words, task *out, edb_error *error) {
  task t = {.ctx = ctx, .reverse = reverse, .words = words};
  t.c = words->n_components - 1 - component;
  EDB_TRY(edb_part_init(ctx, reverse, component, &t.part, error));
  t.word_bytes = t.part.n_batchable * sizeof(uint32_t);
  t.word.letters = edb_alloc(ctx, t.word_bytes);
  edb_status status = EDB_OK;
  if (t.word.letters == NULL) status = edb_fail_memory(error, t.word_bytes, "a word");
  if (status == EDB_OK) status = edb_runner_init(ctx, &t.part, &t.runner, error);
  if (status != EDB_OK) {
    task_end(&t);
    return status;
  }
  read_word(words, reverse, t.c, &t.word);
  *out = t;
  return EDB_OK;
}

static uint32_t largest_instance(const edb_part *p) {
  uint32_t largest = 0;
  for (uint32_t i = 0; i < p->n_instances; i++) {
    uint32_t size = p->instance_start[i + 1] - p->instance_start[i];
    if (size > largest) largest = size;
  }
  return largest;
}

/* The word that a search found, or, where it found none that is shorter, what was there; pruned. */
static void take_word(task *t) {
  if (t->word.length == EDB_GAVE_UP) read_word(t->words, t->reverse, t->c, &t->word);
  edb_prune(&t->part, &t->runner, &t->word);
  write_word(t->words, &t->part, t->c, &t->word);
}

/* Over few critical instances. */
static edb_status search_tuples(task *t, uint32_t width, uint64_t max_work, edb_beam_report *report,
                                edb_error *error) {
  edb_beam_params params = {.width = width, .max_work = max_work, .instances = 4};
  params.limit = t->words->length[t->c];
  params.max_bytes = BYTES_FLOOR + (size_t)t->part.n_nodes * BYTES_PER_NODE;
  params.soft = 0.1;
  params.bound_weight = 0.05;
  EDB_TRY(edb_beam_search(t->ctx, &t->part, &params, &t->runner, &t->word, report, error));
  take_word(t);
  return EDB_OK;
}

/* Over whole states, with growing width as long as there is work left: a wider search is not always
 * better, and one that does not come to its end is worth nothing. */
static edb_status search_wide(task *t, uint32_t width, uint64_t max_work, uint64_t *work,
                              edb_error *error) {
  uint32_t most = (width + 3) / 4;
  for (uint32_t w = 1; w <= most && *work < max_work; w = w < most && w * 2 > most ? most : w * 2) {
    edb_wide_params params = {.width = w, .max_work = max_work - *work};
    params.limit = t->words->length[t->c];
    params.soft = 0.2;
    params.bound_weight = 0.3;
    if (params.limit <= t->words->bound[t->c]) break;
    EDB_TRY(edb_wide_search(t->ctx, &t->part, &params, &t->word, work, error));
    take_word(t);
  }
  return EDB_OK;
}

/* Over few instances, and where those are none or do not decide, over whole states. */
static edb_status improve(task *t, uint32_t width, uint64_t max_work, uint64_t *work, bool *decided,
                          edb_error *error) {
  edb_beam_report report = {0};
  bool tuples = t->part.n_instances > 1 && t->part.n_types <= MAX_COLUMNS &&
                largest_instance(&t->part) <= LARGE_INSTANCE;
  if (tuples) EDB_TRY(search_tuples(t, width, max_work, &report, error));
  *work = report.work;
  *decided &= report.decided;
  return report.decided ? EDB_OK : search_wide(t, width, max_work, work, error);
}

static edb_status prove(task *t, uint64_t deadline, edb_error *error) {
  uint32_t *proven = &t->words->bound[t->c];
  EDB_TRY(edb_optimum_search(t->ctx, &t->part, deadline, &t->runner, &t->word, proven, error));
  write_word(t->words, &t->part, t->c, &t->word);
  return EDB_OK;
}

static uint64_t count_nodes(const edb_problem *p, uint32_t component) {
  uint64_t nodes = 0;
  for (uint32_t r = p->first_rank[component]; r < p->first_rank[component + 1]; r++)
    nodes += p->type_count[p->by_rank[r]];
  return nodes;
}

/* Nodes of the components above their bound. */
static uint64_t count_open(const edb_words *w, const edb_problem *reverse) {
  uint64_t nodes = 0;
  for (uint32_t c = 0; c < w->n_components; c++)
    if (is_open(w, c)) nodes += count_nodes(reverse, c);
  return nodes;
}

/* A component's share goes by its nodes; what it leaves is for those that follow. */
edb_status edb_words_improve(edb_context *ctx, const edb_problem *reverse, uint32_t width,
                             uint64_t allowed, edb_words *words, bool *decided, edb_error *error) {
  uint64_t left = allowed > 0 ? allowed : NO_LIMIT, nodes = count_open(words, reverse);
  *decided = true;
  for (uint32_t c = 0; c < words->n_components; c++) {
    if (!is_open(words, c)) continue;
    uint64_t own = count_nodes(reverse, c), work = 0;
    double share = (double)own / (double)nodes;
    uint64_t max_work = allowed == 0 ? NO_LIMIT : (uint64_t)((double)left * share);
    task t;
    EDB_TRY(task_begin(ctx, reverse, c, words, &t, error));
    edb_status status = improve(&t, width, max_work, &work, decided, error);
    task_end(&t);
    if (status != EDB_OK) return status;
    left -= work < left ? work : left;
    nodes -= own;
  }
  return EDB_OK;
}

edb_status edb_words_prove(edb_context *ctx, const edb_problem *reverse, uint64_t deadline,
                           edb_words *words, edb_error *error) {
  for (uint32_t c = 0; c < words->n_components; c++) {
    if (!is_open(words, c)) continue;
    task t;
    EDB_TRY(task_begin(ctx, reverse, c, words, &t, error));
    edb_status status = prove(&t, deadline, error);
    task_end(&t);
    if (status != EDB_OK) return status;
  }
  return EDB_OK;
}
