/* tests/data/test_generate.c: generated trees: reproducible, readable, with the statistics of the
 * real ones; and the real ones themselves, where they are at hand. */
#include <unistd.h>

#include "data/data_support.h"

#include "base/bitset.h"
#include "base/file.h"
#include "base/rng.h"

#define PATH "test_generate.tmp"

typedef struct tree_stats {
  double mean_leaves, unique_share;
  uint32_t min_leaves, max_leaves, max_depth, n_words;
  uint32_t label[5]; /* of roots */
} tree_stats;

/* Cells as in CELLS: 0 leaf, 1 node, 3 score. */
static uint32_t leaves_and_depth(const edb_graph *g, uint32_t begin, uint32_t end,
                                 uint32_t *depth) {
  uint32_t leaves = 0, n = end - begin;
  uint32_t *levels = calloc(n, sizeof *levels);
  assert_non_null(levels);
  for (uint32_t i = begin; i < end; i++) {
    leaves += g->type[i] == 0;
    for (uint32_t e = g->edge_start[i]; g->type[i] == 1 && e < g->edge_start[i + 1]; e++) {
      uint32_t below = levels[g->edge_node[e] - begin] + 1;
      if (below > levels[i - begin]) levels[i - begin] = below;
    }
    if (levels[i - begin] > *depth) *depth = levels[i - begin];
  }
  free(levels);
  return leaves;
}

/* Share of different words among the words of 32 trees drawn at random, over 50 draws. */
static double unique_share(const edb_graph *g, uint32_t n_words) {
  size_t words = EDB_BITSET_WORDS(n_words), unique = 0, tokens = 0;
  uint64_t *seen = calloc(words, sizeof *seen);
  edb_rng rng;
  assert_non_null(seen);
  edb_rng_seed(&rng, 1);
  for (int draw = 0; draw < 50; draw++) {
    memset(seen, 0, words * sizeof *seen);
    for (int k = 0; k < 32; k++) {
      uint32_t instance = edb_rng_below(&rng, g->n_instances);
      uint32_t end = edb_graph_instance_begin(g, instance + 1);
      for (uint32_t i = edb_graph_instance_begin(g, instance); i < end; i++) {
        if (g->type[i] != 0) continue;
        tokens++;
        edb_bitset_add(seen, (uint32_t)edb_graph_indices(g, i)[0]);
      }
    }
    unique += edb_bitset_count(seen, words);
  }
  free(seen);
  return (double)unique / (double)tokens;
}

static tree_stats stats_of(const edb_dataset *dataset, const edb_model *model) {
  const edb_graph *g = dataset->graph;
  tree_stats s = {.min_leaves = UINT32_MAX};
  for (uint32_t t = 0; t < g->n_instances; t++) {
    uint32_t begin = edb_graph_instance_begin(g, t), end = edb_graph_instance_begin(g, t + 1);
    uint32_t leaves = leaves_and_depth(g, begin, end, &s.max_depth);
    s.mean_leaves += leaves;
    if (leaves < s.min_leaves) s.min_leaves = leaves;
    if (leaves > s.max_leaves) s.max_leaves = leaves;
    s.label[edb_graph_indices(g, end - 1)[0]]++; /* the last call is the score of the root */
  }
  s.mean_leaves /= g->n_instances;
  s.n_words = edb_model_vocab_size(model, edb_model_vocab(model, "words"));
  s.unique_share = unique_share(g, s.n_words);
  return s;
}

static edb_dataset *load(fixture *f, const char *path) {
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  if (edb_dataset_load(f->ctx, f->model, path, NULL, &dataset, &error) != EDB_OK) {
    fail_msg("%s", error.text);
  }
  return dataset;
}

static void generated_trees_have_the_statistics_of_the_real(void **state) {
  fixture *f = *state;
  assert_int_equal(edb_generate(f->ctx, "trees", 8550, 1, PATH, NULL), EDB_OK);
  edb_dataset *dataset = load(f, PATH);
  unlink(PATH);
  assert_int_equal(edb_dataset_count(dataset), 8550);
  tree_stats s = stats_of(dataset, f->model);
  print_message("generated: %.2f leaves (%u .. %u), %u deep, %u words, %.3f unique at 32; roots %u "
                "%u %u %u %u\n",
                s.mean_leaves, s.min_leaves, s.max_leaves, s.max_depth, s.n_words, s.unique_share,
                s.label[0], s.label[1], s.label[2], s.label[3], s.label[4]);
  assert_true(s.mean_leaves > 18.6 && s.mean_leaves < 19.6);
  assert_true(s.min_leaves >= 2 && s.max_leaves <= 52 && s.max_leaves >= 45);
  assert_true(s.max_depth <= 29 && s.max_depth >= 22);
  assert_true(s.n_words > 15000 && s.n_words < 20000);
  assert_true(s.unique_share > 0.55 && s.unique_share < 0.60);
  for (int i = 0; i < 5; i++) assert_true(s.label[i] > 855);
  edb_dataset_destroy(dataset);
}

static char *generated(fixture *f, uint32_t count, uint64_t seed) {
  edb_file file;
  assert_int_equal(edb_generate(f->ctx, "trees", count, seed, PATH, NULL), EDB_OK);
  assert_int_equal(edb_file_open(f->ctx, PATH, &file, NULL), EDB_OK);
  char *text = calloc(file.bytes + 1, 1);
  assert_non_null(text);
  memcpy(text, file.data, file.bytes);
  edb_file_close(&file);
  unlink(PATH);
  return text;
}

static void a_seed_gives_the_same_trees_and_another_others(void **state) {
  fixture *f = *state;
  char *one = generated(f, 20, 5), *again = generated(f, 20, 5), *other = generated(f, 20, 6);
  char *more = generated(f, 40, 5);
  assert_string_equal(one, again);
  assert_string_not_equal(one, other);
  assert_memory_equal(one, more, strlen(one));
  free(one);
  free(again);
  free(other);
  free(more);
}

/* The pairs of leaves in a line of which the first word is neutral and the second is positive: how
 * many are positive, and how many are negative, which three words do that come first. */
static void count_pairs(const char *line, uint32_t *positive, uint32_t *negative, char turns[3][32],
                        uint32_t *n_turns) {
  for (const char *at = line; (at = strchr(at, '(')); at++) {
    int whole, left, right;
    char word[32], other[32], end;
    if (sscanf(at, "(%d (%d %31[^ ()]) (%d %31[^ ()])%c", &whole, &left, word, &right, other,
               &end) != 6 ||
        end != ')' || left != 2 || right < 3)
      continue;
    *positive += whole > 2;
    if (whole > 2) continue;
    ++*negative;
    uint32_t i = 0;
    while (i < *n_turns && strcmp(turns[i], word) != 0) i++;
    assert_true(i < 3); /* a fourth would be no negator */
    strcpy(turns[i], word);
    if (i == *n_turns) ++*n_turns;
  }
}

static void three_words_turn_the_sentiment_of_what_follows(void **state) {
  char *text = generated(*state, 4000, 2), turns[3][32];
  uint32_t positive = 0, negative = 0, n_turns = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    count_pairs(line, &positive, &negative, turns, &n_turns);
  assert_true(negative > 0);
  assert_true(positive > 5 * negative);
  free(text);
}

static void what_cannot_be_generated_is_refused(void **state) {
  fixture *f = *state;
  edb_error error;
  assert_int_equal(edb_generate(f->ctx, "forests", 5, 1, PATH, &error), EDB_ERROR_NAME);
  assert_non_null(strstr(error.text, "there is no generator \"forests\", expected: trees, grids"));
  assert_int_equal(edb_generate(f->ctx, "trees", 0, 1, PATH, &error), EDB_ERROR_ARGUMENT);
  assert_int_equal(edb_generate(f->ctx, "trees", 1, 1, "/nowhere/at/all", &error), EDB_ERROR_IO);
  assert_int_not_equal(access(PATH, F_OK), 0);
}

static void the_real_trees_are_read_completely(void **state) {
  fixture *f = *state;
  const char *path = EDB_SOURCE_DIR "/../shared/data/trees/train.txt";
  if (access(path, R_OK) != 0) {
    print_message("skipped: there is no %s\n", path);
    skip();
  }
  edb_dataset *dataset = load(f, path);
  tree_stats s = stats_of(dataset, f->model);
  print_message("real: %.2f leaves (%u .. %u), %u deep, %u words, %.3f unique at 32\n",
                s.mean_leaves, s.min_leaves, s.max_leaves, s.max_depth, s.n_words, s.unique_share);
  assert_int_equal(edb_dataset_count(dataset), 8550);
  assert_true(s.mean_leaves > 19.05 && s.mean_leaves < 19.15);
  assert_int_equal(s.max_leaves, 52);
  assert_int_equal(s.max_depth, 29);
  assert_int_equal(s.n_words, 18283 + 1);
  edb_dataset_destroy(dataset);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_binary, teardown)
  const struct CMUnitTest tests[] = {
      TEST(generated_trees_have_the_statistics_of_the_real),
      TEST(a_seed_gives_the_same_trees_and_another_others),
      TEST(three_words_turn_the_sentiment_of_what_follows),
      TEST(what_cannot_be_generated_is_refused),
      TEST(the_real_trees_are_read_completely),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
