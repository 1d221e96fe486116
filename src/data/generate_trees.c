/* data/generate_trees.c: binary sentiment trees like those of the Stanford Sentiment Treebank
 * (Socher et al., 2013), from a small model whose figures were fitted to it; no text is copied.
 *
 *   leaves   gamma distributed (shape 4.1, scale 4.72), rounded, those outside 2 .. 52 drawn again:
 *            19.1 on average
 *   shape    a node of n leaves is split, from the root down: one word on the left with probability
 *            0.75 - 0.18 ln(n/3), one word on the right with 0.18, else anywhere, rather left than
 *            right. Never more than 30 nodes on a path
 *   words    rank r with a probability proportional to max(r, 2.3)^-1.06, r <= 30,000: some 18,000
 *            different words in 8,550 trees, 57 % of the words of 32 trees are different ones
 *   labels   each word has a polarity from -2 to 2,
 * mostly 0 and the rarer the word the less so, the same for every seed. A node's sentiment is 1.06
 * times the sum of its children's; after one of the three negators it is -0.8 times the other
 * child's. The label is 2 near 0, 1 and 3 up to 2.9, 0 and 4 beyond: it follows from the words, so
 * it can be learned. */
#include <math.h>
#include <string.h>

#include "data/generate.h"

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
  edb_rng *rng;
  edb_zipf words;
  tree_node nodes[MAX_NODES];
  uint32_t n_nodes;
} tree_maker;

/* ---- Shape --------------------------------------------------------------------------------- */

/* Leaves of the left child of a node. Both children must fit below what is left of the path. */
static uint32_t draw_left(tree_maker *m, const tree_node *node) {
  uint32_t n = node->leaves, left = 1;
  if (n == 2) return 1;
  double u = edb_rng_uniform(m->rng), one_left = 0.75 - 0.18 * log(n / 3.0);
  if (u >= one_left && n == 3)
    left = 2;
  else if (u >= one_left && u < one_left + 0.18)
    left = n - 1;
  else if (u >= one_left)
    left = 2 + (uint32_t)((n - 3) * pow(edb_rng_uniform(m->rng), 1.2));
  uint32_t below = MAX_EDGES - node->edges - 1;
  uint32_t most = below >= 6 ? n - 1 : UINT32_C(1) << below;
  if (left > most) left = most;
  return n - left > most ? n - most : left;
}

/* ---- Words -------------------------------------------------------------------------------- */

static bool is_negator(uint32_t rank) {
  return rank == 27 || rank == 41 || rank == 66;
}

static int word_polarity(uint32_t rank) {
  static const double share[4] = {0.022, 0.110, 0.112, 0.030};
  static const int polarity[4] = {-2, -1, 1, 2};
  if (rank < 12) return 0;
  double weight = log(rank + 1.0) / log(3000.0), sum = 0, chance = edb_word_chance(rank);
  if (weight > 1) weight = 1;
  for (int i = 0; i < 4; i++) {
    sum += share[i] * weight;
    if (chance < sum) return polarity[i];
  }
  return 0;
}

/* ---- Trees -------------------------------------------------------------------------------- */

static void grow_tree(tree_maker *m) {
  uint32_t open[MAX_LEAVES], n_open = 0; /* right children that wait for their place */
  tree_node node = {.leaves = edb_draw_size(m->rng, 4.1, 4.72, MIN_LEAVES, MAX_LEAVES), .ends = 1};
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
    m->nodes[i].rank = edb_zipf_draw(&m->words, m->rng);
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
    edb_append_word(text, node->rank, EDB_VOWELS_LAST, false);
    for (uint32_t k = 0; k < node->ends; k++) edb_text_append(text, ")", 1);
  }
  edb_text_append(text, "\n", 1);
}

/* The words of a tree in a row, behind the label of its root. */
static void append_grid(const tree_maker *m, edb_text *text) {
  edb_text_printf(text, "%d", label_of(&m->nodes[0]));
  const char *before = "\t";
  for (uint32_t i = 0; i < m->n_nodes; i++) {
    if (m->nodes[i].right != 0) continue;
    edb_text_append(text, before, 1);
    edb_append_word(text, m->nodes[i].rank, EDB_VOWELS_LAST, false);
    before = " ";
  }
  edb_text_append(text, "\n", 1);
}

static edb_status generate(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                           void (*append)(const tree_maker *, edb_text *), edb_error *error) {
  tree_maker m = {.rng = rng};
  EDB_TRY(edb_zipf_open(ctx, WORDS, 2.3, 1.06, &m.words, error));
  for (uint32_t i = 0; i < count && !text->failed; i++) {
    grow_tree(&m);
    score_nodes(&m);
    append(&m, text);
  }
  edb_zipf_close(&m.words);
  return EDB_OK;
}

edb_status edb_generate_trees(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                              edb_error *error) {
  return generate(ctx, count, rng, text, append_tree, error);
}

edb_status edb_generate_grids(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                              edb_error *error) {
  return generate(ctx, count, rng, text, append_grid, error);
}
