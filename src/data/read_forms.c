/* data/read_forms.c: the tables of patterns. */
#include "data/read_forms.h"

#define LENGTH(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))
#define ANY           UINT32_MAX

#define WORD  EDB_BIT(EDB_OFFER_WORD)
#define CHAR  EDB_BIT(EDB_OFFER_CHAR)
#define NEXT  EDB_BIT(EDB_OFFER_NEXT)
#define LABEL EDB_BIT(EDB_OFFER_LABEL)
#define TAG   EDB_BIT(EDB_OFFER_TAG)
#define ID    EDB_BIT(EDB_OFFER_ID)

const char *edb_offer_name(edb_offer offer) {
  static const char *const names[EDB_OFFER_COUNT] = {
#define OFFER_NAME(id, name) name,
      EDB_OFFER_LIST(OFFER_NAME)
#undef OFFER_NAME
  };
  return names[offer];
}

/* ---- Trees and grids ----------------------------------------------------------------------------
 */

#define TREE_NODES \
  (EDB_BIT(EDB_LEAF) | EDB_BIT(EDB_INNER) | EDB_BIT(EDB_INNER0) | EDB_BIT(EDB_INNER1))

#define INNER_PATTERN(text, usage_text)                                                    \
  {                                                                                        \
    .name = (text), .usage = (usage_text), .min_bound = 1, .max_bound = ANY, .rest = true, \
    .by_arity = true, .offers = LABEL, .first = TREE_NODES, .others = TREE_NODES           \
  }

static const edb_pattern tree_patterns[] = {
    [EDB_LEAF] =
        {.name = "leaf", .usage = "leaf", .single = true, .required = true, .offers = WORD | LABEL},
    [EDB_INNER] = INNER_PATTERN("inner", "inner(left, right) or inner(children...)"),
    [EDB_EVERY] = {.name = "every",
                   .usage = "every(node)",
                   .min_bound = 1,
                   .max_bound = 1,
                   .offers = LABEL,
                   .first = TREE_NODES},
    [EDB_ROOT] = {.name = "root",
                  .usage = "root(node)",
                  .min_bound = 1,
                  .max_bound = 1,
                  .offers = LABEL,
                  .first = TREE_NODES},
    [EDB_INNER0] = INNER_PATTERN("inner0", "inner0(left, right) or inner0(children...)"),
    [EDB_INNER1] = INNER_PATTERN("inner1", "inner1(left, right) or inner1(children...)")};

const edb_form edb_form_trees = {.name = "trees",
                                 .pattern_names = "leaf, inner, inner0, inner1, every or root",
                                 .patterns = tree_patterns,
                                 .n_patterns = LENGTH(tree_patterns),
                                 .offers = WORD | LABEL};

#define GRID_NODES (EDB_BIT(EDB_LEAF) | EDB_BIT(EDB_INNER))

static const edb_pattern grid_patterns[] = {[EDB_LEAF] = {.name = "leaf",
                                                          .usage = "leaf",
                                                          .single = true,
                                                          .required = true,
                                                          .offers = WORD},
                                            [EDB_INNER] = {.name = "inner",
                                                           .usage = "inner(left, right)",
                                                           .min_bound = 2,
                                                           .max_bound = 2,
                                                           .single = true,
                                                           .required = true,
                                                           .first = GRID_NODES,
                                                           .others = GRID_NODES},
                                            [EDB_EVERY] = {.name = "every",
                                                           .usage = "every(node)",
                                                           .min_bound = 1,
                                                           .max_bound = 1,
                                                           .first = GRID_NODES},
                                            [EDB_ROOT] = {.name = "root",
                                                          .usage = "root(node)",
                                                          .min_bound = 1,
                                                          .max_bound = 1,
                                                          .offers = LABEL,
                                                          .first = GRID_NODES}};

const edb_form edb_form_grids = {.name = "grids",
                                 .pattern_names = "leaf, inner, every or root",
                                 .patterns = grid_patterns,
                                 .n_patterns = LENGTH(grid_patterns),
                                 .offers = WORD | LABEL};

/* ---- Chains
 * --------------------------------------------------------------------------------------- */

#define CHAINS     (EDB_BIT(EDB_FORWARD) | EDB_BIT(EDB_BACKWARD))
#define CHAR_CHAIN (EDB_BIT(EDB_CHAR_FORWARD) | EDB_BIT(EDB_CHAR_BACKWARD))
#define SPELLING   (EDB_BIT(EDB_KNOWN) | EDB_BIT(EDB_RARE))

static const edb_pattern token_patterns[] = {
    [EDB_START] = {.name = "start",
                   .usage = "start or start(cells, ...)",
                   .max_bound = ANY,
                   .names_cells = true},
    [EDB_FORWARD] = {.name = "forward",
                     .usage = "forward(previous) or forward(previous, token)",
                     .min_bound = 1,
                     .max_bound = 2,
                     .offers = WORD | TAG | NEXT,
                     .others = SPELLING,
                     .cells = CHAINS,
                     .sequence = EDB_SEQUENCE_TOKENS,
                     .chain = true},
    [EDB_BACKWARD] = {.name = "backward",
                      .usage = "backward(next) or backward(next, token)",
                      .min_bound = 1,
                      .max_bound = 2,
                      .offers = WORD | TAG | NEXT,
                      .others = SPELLING,
                      .cells = CHAINS,
                      .sequence = EDB_SEQUENCE_TOKENS,
                      .chain = true,
                      .backward = true},
    [EDB_EACH] = {.name = "every",
                  .usage = "every or every(token)",
                  .max_bound = 1,
                  .offers = WORD | TAG | NEXT,
                  .first = SPELLING,
                  .cells = CHAINS | EDB_BIT(EDB_EACH),
                  .sequence = EDB_SEQUENCE_TOKENS},
    [EDB_KNOWN] = {.name = "known", .usage = "known", .single = true, .offers = WORD},
    [EDB_RARE] = {.name = "rare", .usage = "rare", .single = true, .cells = CHAR_CHAIN},
    [EDB_CHAR_FORWARD] = {.name = "char_forward",
                          .usage = "char_forward(previous)",
                          .min_bound = 1,
                          .max_bound = 1,
                          .offers = CHAR,
                          .cells = CHAR_CHAIN,
                          .sequence = EDB_SEQUENCE_CHARS,
                          .chain = true},
    [EDB_CHAR_BACKWARD] = {.name = "char_backward",
                           .usage = "char_backward(next)",
                           .min_bound = 1,
                           .max_bound = 1,
                           .offers = CHAR,
                           .cells = CHAR_CHAIN,
                           .sequence = EDB_SEQUENCE_CHARS,
                           .chain = true,
                           .backward = true}};

#define TOKEN_PATTERNS "start, forward, backward, every, known, rare, char_forward or char_backward"

const edb_form edb_form_tags = {.name = "tags",
                                .pattern_names = TOKEN_PATTERNS,
                                .patterns = token_patterns,
                                .n_patterns = LENGTH(token_patterns),
                                .offers = WORD | CHAR | TAG};
const edb_form edb_form_text = {.name = "text",
                                .pattern_names = TOKEN_PATTERNS,
                                .patterns = token_patterns,
                                .n_patterns = LENGTH(token_patterns),
                                .offers = WORD | CHAR | NEXT};

#define SOURCES (EDB_BIT(EDB_SOURCE) | EDB_BIT(EDB_SOURCE_BACKWARD))

static const edb_pattern pair_patterns[] = {
    [EDB_START] = {.name = "start",
                   .usage = "start or start(cells, ...)",
                   .max_bound = ANY,
                   .names_cells = true,
                   .cells = SOURCES},
    [EDB_SOURCE] = {.name = "source",
                    .usage = "source(previous)",
                    .min_bound = 1,
                    .max_bound = 1,
                    .offers = WORD,
                    .cells = SOURCES,
                    .sequence = EDB_SEQUENCE_TOKENS,
                    .chain = true},
    [EDB_SOURCE_BACKWARD] = {.name = "source_backward",
                             .usage = "source_backward(next)",
                             .min_bound = 1,
                             .max_bound = 1,
                             .offers = WORD,
                             .cells = SOURCES,
                             .sequence = EDB_SEQUENCE_TOKENS,
                             .chain = true,
                             .backward = true},
    [EDB_TARGET] = {.name = "target",
                    .usage = "target(previous)",
                    .min_bound = 1,
                    .max_bound = 1,
                    .offers = WORD | NEXT,
                    .cells = SOURCES | EDB_BIT(EDB_TARGET),
                    .sequence = EDB_SEQUENCE_TARGET,
                    .chain = true,
                    .continues = EDB_BIT(EDB_SOURCE)},
    [EDB_OUTPUT] = {.name = "output",
                    .usage = "output",
                    .offers = WORD | NEXT,
                    .cells = SOURCES | EDB_BIT(EDB_TARGET) | EDB_BIT(EDB_OUTPUT),
                    .sequence = EDB_SEQUENCE_TARGET}};

const edb_form edb_form_pairs = {.name = "pairs",
                                 .pattern_names =
                                     "start, source, source_backward, target or output",
                                 .patterns = pair_patterns,
                                 .n_patterns = LENGTH(pair_patterns),
                                 .offers = WORD | NEXT};

/* ---- Lattices
 * ------------------------------------------------------------------------------------ */

#define ARCS      (EDB_BIT(EDB_LATTICE_CHAR) | EDB_BIT(EDB_LATTICE_WORD))
#define POSITIONS (EDB_BIT(EDB_LATTICE_START) | EDB_BIT(EDB_LATTICE_MERGE))

static const edb_pattern lattice_patterns[] = {
    [EDB_LATTICE_START] = {.name = "start", .usage = "start", .single = true, .required = true},
    [EDB_LATTICE_CHAR] = {.name = "char",
                          .usage = "char(from)",
                          .min_bound = 1,
                          .max_bound = 1,
                          .single = true,
                          .offers = ID,
                          .first = POSITIONS,
                          .unmerged = ARCS},
    [EDB_LATTICE_WORD] = {.name = "word",
                          .usage = "word(from)",
                          .min_bound = 1,
                          .max_bound = 1,
                          .single = true,
                          .offers = ID,
                          .first = POSITIONS,
                          .unmerged = ARCS},
    [EDB_LATTICE_MERGE] = {.name = "merge",
                           .usage = "merge(a, b) or merge(arcs...)",
                           .min_bound = 1,
                           .max_bound = ANY,
                           .rest = true,
                           .by_arity = true,
                           .first = ARCS,
                           .others = ARCS},
    [EDB_LATTICE_EVERY] = {.name = "every",
                           .usage = "every(node)",
                           .min_bound = 1,
                           .max_bound = 1,
                           .offers = TAG,
                           .first = POSITIONS,
                           .unmerged = ARCS}};

const edb_form edb_form_lattices = {.name = "lattices",
                                    .pattern_names = "start, char, word, merge or every",
                                    .patterns = lattice_patterns,
                                    .n_patterns = LENGTH(lattice_patterns),
                                    .offers = ID | TAG,
                                    .numbers = true};

/* ---- Nodes of named kinds -----------------------------------------------------------------------
 */

#define KIND_NODES (EDB_BIT(EDB_KIND) | EDB_BIT(EDB_OTHER))
#define VALUES     (WORD | ID | LABEL)

#define KIND_PATTERN(text, usage_text, is_open)                                              \
  {                                                                                          \
    .name = (text), .usage = (usage_text), .max_bound = ANY, .rest = true, .by_arity = true, \
    .open = (is_open), .offers = VALUES, .first = KIND_NODES, .others = KIND_NODES           \
  }
#define KIND_AFTER(text, usage_text)                                                         \
  {                                                                                          \
    .name = (text), .usage = (usage_text), .min_bound = 1, .max_bound = 1, .offers = VALUES, \
    .first = KIND_NODES                                                                      \
  }

static const edb_pattern kind_patterns[] = {
    [EDB_KIND] = KIND_PATTERN("KIND", "KIND(inputs...) or KIND(a, b)", true),
    [EDB_OTHER] = KIND_PATTERN("other", "other(inputs...) or other(a, b)", false),
    [EDB_KIND_EVERY] = KIND_AFTER("every", "every(node)"),
    [EDB_KIND_ROOT] = KIND_AFTER("root", "root(node)")};

#define KIND_PATTERNS "a kind of nodes, other, every or root"

const edb_form edb_form_dags = {.name = "dags",
                                .pattern_names = KIND_PATTERNS,
                                .patterns = kind_patterns,
                                .n_patterns = LENGTH(kind_patterns),
                                .offers = VALUES};
const edb_form edb_form_plans = {.name = "plans",
                                 .pattern_names = KIND_PATTERNS,
                                 .patterns = kind_patterns,
                                 .n_patterns = LENGTH(kind_patterns),
                                 .keyed = true};
