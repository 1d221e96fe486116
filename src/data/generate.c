/* data/generate.c: synthetic data with the size statistics of the real.
 *
 * "trees" are binary sentiment trees like those of the Stanford Sentiment Treebank (Socher et al.,
 * 2013), from a small model whose figures were fitted to it; no text is copied.
 *
 *   leaves   gamma distributed (shape 4.1, scale 4.72), rounded, those outside 2 .. 52 drawn again:
 *            19.1 on average
 *   shape    a node of n leaves is split, from the root down: one word on the left with probability
 *            0.75 - 0.18 ln(n/3), one word on the right with 0.18, else anywhere, rather left than
 *            right. Never more than 30 nodes on a path
 *   words    rank r with a probability proportional to max(r, 2.3)^-1.06, r <= 30,000: some 18,000
 *            different words in 8,550 trees, 57 % of the words of 32 trees are different ones. A
 * word is spelt from its rank, a syllable per digit labels   each word has a polarity from -2 to 2,
 * mostly 0 and the rarer the word the less so, the same for every seed. A node's sentiment is 1.06
 * times the sum of its children's; after one of the three negators it is -0.8 times the other
 * child's. The label is 2 near 0, 1 and 3 up to 2.9, 0 and 4 beyond: it follows from the words, so
 * it can be learned. */
#include <math.h>
#include <string.h>

#include <edbatch/data.h>

#include "base/file.h"
#include "base/map.h"
#include "base/rng.h"

#define WORDS      30000
#define MIN_LEAVES 2
#define MAX_LEAVES 52
#define MAX_NODES  (2 * MAX_LEAVES - 1)
#define MAX_EDGES  29 /* on a path from the root */

/* The nodes of one tree in pre-order: a left child stands right behind its parent. */
typedef struct tree_node {
  uint32_t leaves, edges; /* edges from the root */
  uint32_t right;         /* right child, 0: a leaf */
  uint32_t ends;          /* nodes that end with the last leaf of this one, itself included */
  uint32_t rank;          /* of a leaf's word */
  double sentiment;
} tree_node;

typedef struct tree_maker {
  edb_rng rng;
  double *cumulative; /* [WORDS], of the words' probabilities, not normalised */
  tree_node nodes[MAX_NODES];
  uint32_t n_nodes;
} tree_maker;

/* ---- Distributions ------------------------------------------------------------------------ */

static void fill_cumulative(double *cumulative) {
  double sum = 0;
  for (uint32_t i = 0; i < WORDS; i++) {
    double rank = i + 1.0 > 2.3 ? i + 1.0 : 2.3;
    sum += pow(rank, -1.06);
    cumulative[i] = sum;
  }
}

static uint32_t draw_rank(tree_maker *m) {
  double at = edb_rng_uniform(&m->rng) * m->cumulative[WORDS - 1];
  uint32_t low = 0, high = WORDS - 1;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (m->cumulative[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low + 1;
}

/* Gamma by the method of Marsaglia and Tsang (2000), for a shape of at least 1. */
static double draw_gamma(edb_rng *rng, double shape, double scale) {
  double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = edb_rng_normal(rng), v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    double u = 1 - edb_rng_uniform(rng);
    if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v * scale;
  }
}

static uint32_t draw_leaves(tree_maker *m) {
  for (;;) {
    double leaves = floor(draw_gamma(&m->rng, 4.1, 4.72) + 0.5);
    if (leaves >= MIN_LEAVES && leaves <= MAX_LEAVES) return (uint32_t)leaves;
  }
}

/* Leaves of the left child of a node. Both children must fit below what is left of the path. */
static uint32_t draw_left(tree_maker *m, const tree_node *node) {
  uint32_t n = node->leaves, left = 1;
  if (n == 2) return 1;
  double u = edb_rng_uniform(&m->rng), one_left = 0.75 - 0.18 * log(n / 3.0);
  if (u >= one_left && n == 3)
    left = 2;
  else if (u >= one_left && u < one_left + 0.18)
    left = n - 1;
  else if (u >= one_left)
    left = 2 + (uint32_t)((n - 3) * pow(edb_rng_uniform(&m->rng), 1.2));
  uint32_t below = MAX_EDGES - node->edges - 1;
  uint32_t most = below >= 6 ? n - 1 : UINT32_C(1) << below;
  if (left > most) left = most;
  return n - left > most ? n - most : left;
}

/* ---- Words -------------------------------------------------------------------------------- */

/* A number in [0, 1) that belongs to the word alone. */
static double word_chance(uint32_t rank) {
  unsigned char bytes[4] = {(unsigned char)rank, (unsigned char)(rank >> 8),
                            (unsigned char)(rank >> 16), (unsigned char)(rank >> 24)};
  return (double)(edb_hash(bytes, sizeof bytes) >> 11) * 0x1p-53;
}

static bool is_negator(uint32_t rank) {
  return rank == 27 || rank == 41 || rank == 66;
}

static int word_polarity(uint32_t rank) {
  static const double share[4] = {0.022, 0.110, 0.112, 0.030};
  static const int polarity[4] = {-2, -1, 1, 2};
  if (rank < 12) return 0;
  double weight = log(rank + 1.0) / log(3000.0), sum = 0, chance = word_chance(rank);
  if (weight > 1) weight = 1;
  for (int i = 0; i < 4; i++) {
    sum += share[i] * weight;
    if (chance < sum) return polarity[i];
  }
  return 0;
}

/* One of a hundred syllables per digit of the rank, so that frequent words are short. */
static void append_word(edb_text *text, uint32_t rank) {
  static const char consonants[] = "bcdfghjklmnprstvwxyz";
  static const char vowels[] = "aeiou";
  char word[16];
  size_t at = sizeof word;
  for (uint32_t left = rank; left > 0; left = (left - 1) / 100) {
    uint32_t digit = (left - 1) % 100;
    word[--at] = vowels[digit % 5];
    word[--at] = consonants[digit / 5];
  }
  edb_text_append(text, word + at, sizeof word - at);
}

/* ---- Trees -------------------------------------------------------------------------------- */

static void grow_tree(tree_maker *m) {
  uint32_t open[MAX_LEAVES], n_open = 0; /* right children that wait for their place */
  tree_node node = {.leaves = draw_leaves(m), .ends = 1};
  tree_node rights[MAX_LEAVES];
  for (m->n_nodes = 0;;) {
    uint32_t i = m->n_nodes++;
    m->nodes[i] = node;
    if (node.leaves > 1) {
      uint32_t left = draw_left(m, &node);
      rights[n_open] =
          (tree_node){.leaves = node.leaves - left, .edges = node.edges + 1, .ends = node.ends + 1};
      open[n_open++] = i;
      node = (tree_node){.leaves = left, .edges = node.edges + 1, .ends = 1};
      continue;
    }
    m->nodes[i].rank = draw_rank(m);
    if (n_open == 0) return;
    node = rights[--n_open];
    m->nodes[open[n_open]].right = m->n_nodes;
  }
}

/* Children stand behind their parents, so from the end. */
static void score_nodes(tree_maker *m) {
  for (uint32_t i = m->n_nodes; i-- > 0;) {
    tree_node *node = &m->nodes[i];
    if (node->right == 0) {
      node->sentiment = word_polarity(node->rank);
      continue;
    }
    const tree_node *left = &m->nodes[i + 1], *right = &m->nodes[node->right];
    bool negated = left->right == 0 && is_negator(left->rank);
    node->sentiment =
        negated ? -0.8 * right->sentiment : 1.06 * (left->sentiment + right->sentiment);
  }
}

static int label_of(const tree_node *node) {
  double s = node->sentiment, size = fabs(s);
  if (node->right == 0) return (int)s + 2;
  if (size < 0.5) return 2;
  return size < 2.9 ? (s > 0 ? 3 : 1) : (s > 0 ? 4 : 0);
}

static void append_tree(const tree_maker *m, edb_text *text) {
  for (uint32_t i = 0; i < m->n_nodes; i++) {
    const tree_node *node = &m->nodes[i];
    edb_text_printf(text, "%s(%d", i > 0 ? " " : "", label_of(node));
    if (node->right != 0) continue;
    edb_text_append(text, " ", 1);
    append_word(text, node->rank);
    for (uint32_t k = 0; k < node->ends; k++) edb_text_append(text, ")", 1);
  }
  edb_text_append(text, "\n", 1);
}

static edb_status generate_trees(edb_context *ctx, uint32_t count, uint64_t seed, edb_text *text,
                                 edb_error *error) {
  tree_maker m;
  m.cumulative = edb_alloc(ctx, WORDS * sizeof *m.cumulative);
  if (m.cumulative == NULL) {
    return edb_fail_memory(error, WORDS * sizeof *m.cumulative, "the words of a generator");
  }
  edb_rng_seed_named(&m.rng, seed, "trees");
  fill_cumulative(m.cumulative);
  for (uint32_t i = 0; i < count && !text->failed; i++) {
    grow_tree(&m);
    score_nodes(&m);
    append_tree(&m, text);
  }
  edb_free(ctx, m.cumulative, WORDS * sizeof *m.cumulative);
  return EDB_OK;
}

edb_status edb_generate(edb_context *ctx, const char *form, uint32_t count, uint64_t seed,
                        const char *path, edb_error *error) {
  EDB_FAIL_IF(strcmp(form, "trees") != 0, error, EDB_ERROR_NAME,
              "there is no generator \"%.64s\", expected: trees", form);
  EDB_FAIL_IF(count == 0, error, EDB_ERROR_ARGUMENT, "found a count of 0, expected at least 1");
  edb_text text;
  edb_text_init(&text, ctx);
  edb_status status = generate_trees(ctx, count, seed, &text, error);
  if (status == EDB_OK && text.failed) {
    status = edb_fail_memory(error, text.length, "generated data");
  }
  if (status == EDB_OK) status = edb_file_write(path, text.data, text.length, error);
  edb_text_free(&text);
  return status;
}
