/* data/read_rules.h: the `read trees` section of a model, checked and ready to be applied.
 *
 *     read trees:
 *       leaf -> leaf(word)                          a leaf; offers word and label
 *       inner(left, right) -> node(left, right)     an inner node with two children; offers label
 *       inner(children...) -> merge(children)       an inner node of any other number of children
 *       every(node) -> score(node, label)           every node, after its own call; offers label
 *       root(node) -> out(node)                     the root, after everything else; offers label
 *
 * Everything is checked when a file is opened, for all cells that may stand behind a bound name, so
 * that applying a rule cannot fail for reasons of the model. docs/data.md is the reference. */
#ifndef EDB_DATA_READ_RULES_H
#define EDB_DATA_READ_RULES_H

#include "data/reader.h"

/* What a structure offers for attributes. */
typedef enum edb_offer { EDB_OFFER_NOTHING, EDB_OFFER_WORD, EDB_OFFER_LABEL } edb_offer;

/* One element, or with `rest` any number of elements, of an input. */
typedef struct edb_rule_source {
  uint32_t slot;  /* bound name */
  bool rest;      /* the bound name stands for all further children */
  size_t outputs; /* into edb_read_rules.outputs: the output to take, by cell of the child */
} edb_rule_source;

typedef struct edb_rule {
  const edb_read_rule *source;
  const edb_type_sig *sig;
  uint32_t cell;
  uint32_t n_slots;    /* bound names, the rest name included */
  bool rest;           /* the last of them is a rest name */
  size_t first_source; /* into edb_read_rules.source_start: one range per input */
  size_t first_offer;  /* into edb_read_rules.offers: one per index attribute */
} edb_rule;

typedef struct edb_read_rules {
  edb_reader *reader;
  const char *file;      /* of the model */
  uint32_t line, column; /* of the first rule */
  EDB_VEC(edb_rule) leaf, inner, every, root;
  EDB_VEC(edb_rule_source) sources;
  EDB_VEC(size_t) source_start;
  EDB_VEC(uint32_t) outputs;
  EDB_VEC(edb_offer) offers;
  /* Room for the call that is being made. */
  EDB_VEC(edb_value) values;
  EDB_VEC(uint32_t) arities;
  EDB_VEC(int32_t) indices;
  EDB_VEC(const float *) dense;
} edb_read_rules;

/* A text of the file and where it stands; NULL: not there. */
typedef struct edb_atom {
  const char *text;
  size_t length;
  uint32_t line, column;
} edb_atom;

/* A node of the structure that has been read. */
typedef struct edb_rule_node {
  edb_node node;
  uint32_t cell;
  edb_atom label;
} edb_rule_node;

/* Compiles the rules of `trees`. Errors, at the rule in the model file: EDB_ERROR_NAME (no such
 * pattern, bound name, output, attribute), EDB_ERROR_SHAPE, EDB_ERROR_FORMAT (arguments that do not
 * cover the inputs, missing or repeated rules). Free it in any case. */
EDB_MUST_CHECK edb_status edb_read_rules_compile(edb_read_rules *rules, edb_reader *reader,
                                                 edb_error *error);
void edb_read_rules_free(edb_read_rules *rules);

/* The rule for an inner node of so many children, or NULL. */
const edb_rule *edb_read_rules_inner(const edb_read_rules *rules, size_t n_children);

/* Makes the call of a rule for `n_bound` bound nodes. */
EDB_MUST_CHECK edb_status edb_rule_apply(edb_read_rules *rules, const edb_rule *rule,
                                         const edb_rule_node *bound, size_t n_bound,
                                         const edb_atom *word, const edb_atom *label,
                                         edb_place place, edb_node *node, edb_error *error);

#endif
