/* data/read_forms.h: which patterns the `read` section of a model may have for each form of data.
 *
 * A form is a row of patterns; all that differs between forms is in these tables, so that the rules
 * of every form are compiled (read_rules.c) and applied (apply_rules.c) by the same code.
 * docs/data.md is the reference. */
#ifndef EDB_DATA_READ_FORMS_H
#define EDB_DATA_READ_FORMS_H

#include "data/reader.h"

/* What a structure offers for attributes. */
#define EDB_OFFER_LIST(X)                                      \
  X(WORD, "word") /* of a vocabulary */                        \
  X(CHAR, "char") /* a character of a word, of a vocabulary */ \
  X(NEXT, "next") /* the word that comes after this one */     \
  X(LABEL, "label")                                            \
  X(TAG, "tag")                                                \
  X(ID, "id") /* a number */

typedef enum edb_offer {
#define EDB_OFFER_ENUM(id, name) EDB_OFFER_##id,
  EDB_OFFER_LIST(EDB_OFFER_ENUM)
#undef EDB_OFFER_ENUM
      EDB_OFFER_COUNT,
  EDB_OFFER_NOTHING = EDB_OFFER_COUNT
} edb_offer;

const char *edb_offer_name(edb_offer offer);

/* Sets of offers and of patterns are bits. */
#define EDB_BIT(i) (UINT32_C(1) << (i))

/* Sequences that the patterns of chains run over. */
typedef enum edb_sequence_id {
  EDB_SEQUENCE_NONE,
  EDB_SEQUENCE_TOKENS, /* of a sentence, or of the source of a pair */
  EDB_SEQUENCE_TARGET, /* of the target of a pair */
  EDB_SEQUENCE_CHARS,  /* of one token */
  EDB_SEQUENCE_COUNT
} edb_sequence_id;

typedef struct edb_pattern {
  const char *name;
  const char *usage; /* for errors */
  uint32_t min_bound, max_bound;
  bool rest;        /* the last name may have "..." */
  bool single;      /* at most one rule */
  bool by_arity;    /* at most one rule for each number of names */
  bool required;    /* at least one rule */
  bool names_cells; /* what it binds are cells of chains, see `start` */
  bool open;        /* any other name is this pattern: of a kind of nodes, as the data name it */
  uint32_t offers;
  /* Patterns whose calls may stand behind the first bound name, and behind the others. */
  uint32_t first, others;
  uint32_t unmerged; /* and behind the first where no rule of `merge` takes a single arc */
  /* Patterns whose cells may be arguments by their own names. */
  uint32_t cells;
  /* Chains: the first bound name is the rule's own call at the neighbour, or, before the first,
   * that of a `start` rule; without one, what the same rule of pattern `continues` ended with. */
  edb_sequence_id sequence;
  bool chain, backward;
  uint32_t continues; /* a bit */
} edb_pattern;

typedef struct edb_form {
  const char *name;
  const char *pattern_names; /* "leaf, inner, every or root" */
  const edb_pattern *patterns;
  uint32_t n_patterns;
  uint32_t offers; /* of those of the patterns, what this form really has */
  bool numbers;    /* labels and tags are numbers, even where a vocabulary bounds them */
  bool keyed;      /* an argument that no name is bound for is a key of the data */
} edb_form;

/* Patterns of trees and grids. */
enum { EDB_LEAF, EDB_INNER, EDB_EVERY, EDB_ROOT, EDB_INNER0, EDB_INNER1 };
/* Of tags and text. */
enum {
  EDB_START,
  EDB_FORWARD,
  EDB_BACKWARD,
  EDB_EACH,
  EDB_KNOWN,
  EDB_RARE,
  EDB_CHAR_FORWARD,
  EDB_CHAR_BACKWARD
};
/* Of pairs; EDB_START is the first. */
enum { EDB_SOURCE = 1, EDB_SOURCE_BACKWARD, EDB_TARGET, EDB_OUTPUT };
/* Of lattices. */
enum {
  EDB_LATTICE_START,
  EDB_LATTICE_CHAR,
  EDB_LATTICE_WORD,
  EDB_LATTICE_MERGE,
  EDB_LATTICE_EVERY
};

/* Of plans and graphs. */
enum { EDB_KIND, EDB_OTHER, EDB_KIND_EVERY, EDB_KIND_ROOT };

extern const edb_form edb_form_trees, edb_form_grids, edb_form_tags, edb_form_text, edb_form_pairs,
    edb_form_lattices, edb_form_dags, edb_form_plans;

#endif
