/* policy/improve.c: see improve.h. */
#include "policy/improve.h"

#include "policy/beam.h"
#include "policy/prune.h"

/* Automata may take so much memory, for all instances of a beam together. */
#define BYTES_PER_NODE 256
#define BYTES_FLOOR    (1u << 20)
/* A small graph may have this many nanoseconds whatever the budget per node says. */
#define WORK_FLOOR 30000
#define ALL        UINT32_MAX

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

/* The beam's word, or, where it has none that is shorter, what was there; pruned. */
static edb_status improve_word(edb_context *ctx, const edb_problem *reverse, const edb_part *part,
                               edb_beam_params *params, edb_runner *runner, edb_words *words,
                               uint32_t c, edb_word *word, edb_error *error) {
  params->limit = words->length[c];
  EDB_TRY(edb_beam_search(ctx, part, params, runner, word, error));
  if (word->length == EDB_GAVE_UP) read_word(words, reverse, c, word);
  edb_prune(part, runner, word);
  write_word(words, part, c, word);
  return EDB_OK;
}

static edb_status improve_component(edb_context *ctx, const edb_problem *reverse,
                                    uint32_t component, edb_beam_params *params, edb_words *words,
                                    edb_error *error) {
  edb_part part;
  edb_runner runner = {0};
  uint32_t c = words->n_components - 1 - component;
  EDB_TRY(edb_part_init(ctx, reverse, component, &part, error));
  size_t bytes = part.n_batchable * sizeof(uint32_t);
  edb_word word = {.letters = edb_alloc(ctx, bytes)};
  edb_status status = EDB_OK;
  if (word.letters == NULL) {
    status = edb_fail_memory(error, bytes, "a word");
    goto cleanup;
  }
  EDB_TRY_GOTO(status, edb_runner_init(ctx, &part, &runner, error), cleanup);
  status = improve_word(ctx, reverse, &part, params, &runner, words, c, &word, error);
cleanup:
  edb_free(ctx, word.letters, bytes);
  edb_runner_free(ctx, &runner);
  edb_part_free(ctx, &part);
  return status;
}

/* Batchable nodes of the components above their bound (of one component: of that). */
static uint64_t open_nodes(const edb_words *w, const edb_problem *reverse, uint32_t component) {
  uint64_t nodes = 0;
  for (uint32_t t = 0; t < reverse->n_types; t++) {
    uint32_t c = reverse->component[t];
    if ((component == ALL || component == c) && is_open(w, c)) nodes += reverse->type_count[t];
  }
  return nodes;
}

edb_status edb_words_improve(edb_context *ctx, const edb_problem *reverse, uint32_t width,
                             double work_per_node, edb_words *words, edb_error *error) {
  edb_beam_params params = {.width = width, .instances = 4, .soft = 0.1, .bound_weight = 0.05};
  params.max_bytes = BYTES_FLOOR + (size_t)reverse->n_nodes * BYTES_PER_NODE;
  double all = (double)open_nodes(words, reverse, ALL), work = work_per_node * reverse->n_nodes;
  for (uint32_t c = 0; c < words->n_components; c++) {
    if (!is_open(words, c)) continue;
    double share = (double)open_nodes(words, reverse, c) / all;
    params.max_work = work > 0 ? WORK_FLOOR + (uint64_t)(work * share) : UINT64_MAX;
    EDB_TRY(improve_component(ctx, reverse, c, &params, words, error));
  }
  return EDB_OK;
}
