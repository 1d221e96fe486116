/* data/read_rules.h: the `read` section of a model for one form of data, checked and ready to be
 * applied.
 *
 *     read trees:
 *       leaf -> leaf(word)                          a leaf; offers word and label
 *       inner(left, right) -> node(left, right)     an inner node with two children; offers label
 *       every(node) -> score(node, label)           every node, after its own call; offers label
 *
 *     read tags:
 *       start -> init()                             once per sentence, before the chains
 *       forward(previous) -> step(previous, word)   every token, after the one before it
 *       every -> out(step.h, tag)                   every token, given its call of cell `step`
 *
 * Everything is checked when a file is opened, for all cells that may stand behind a name, so that
 * applying a rule cannot fail for reasons of the model. docs/data.md is the reference. */
#ifndef EDB_DATA_READ_RULES_H
#define EDB_DATA_READ_RULES_H

#include "data/read_forms.h"

/* One element, or with `rest` any number of elements, of an input. */
typedef struct edb_rule_source {
  uint32_t slot;  /* bound name; or, with `cell`, the rule whose call is meant */
  bool cell;      /* the argument is the name of a cell that an earlier rule calls */
  bool rest;      /* the bound name stands for all further nodes */
  size_t outputs; /* into edb_read_rules.outputs: the output to take, by cell of the node */
} edb_rule_source;

typedef struct edb_rule {
  const edb_read_rule *source;
  const edb_type_sig *sig;
  const edb_pattern *pattern;
  uint32_t kind; /* number of the pattern in its form */
  uint32_t cell;
  uint32_t n_slots;    /* bound names, the rest name included */
  bool rest;           /* the last of them is a rest name */
  uint32_t start;      /* chains: the rule behind the first call's neighbour */
  size_t first_source; /* into edb_read_rules.source_start: one range per input */
  size_t first_offer;  /* into edb_read_rules.offers: one per index attribute */
  size_t first_key;    /* forms with keys: into edb_read_rules.keys, one per index attribute, then
                          one per dense one */
} edb_rule;

/* A piece of a file's text. */
typedef struct edb_atom {
  const char *text; /* NULL: not there */
  size_t length;
  uint32_t line, column; /* in the file */
} edb_atom;

/* A call that has been made, and the label of what it was made for. */
typedef struct edb_rule_node {
  edb_node node;
  uint32_t cell;
  edb_atom label;
} edb_rule_node;

typedef struct edb_read_rules {
  edb_reader *reader;
  const edb_form *form;
  const char *file;        /* of the model */
  uint32_t line, column;   /* of the first rule */
  EDB_VEC(edb_rule) rules; /* in the order of the file */
  EDB_VEC(edb_rule_source) sources;
  EDB_VEC(size_t) source_start;
  EDB_VEC(uint32_t) outputs;
  EDB_VEC(edb_offer) offers;
  EDB_VEC(uint32_t) keys; /* into `key_names`, or EDB_BIND_NONE: nothing fills the attribute */
  EDB_VEC(const char *) key_names;
  /* Per rule: the call that its cell's name stands for as an argument; the reader sets it. */
  EDB_VEC(edb_rule_node) current;
  /* Room for the call that is being made. */
  EDB_VEC(edb_value) values;
  EDB_VEC(uint32_t) arities;
  EDB_VEC(int32_t) indices;
  EDB_VEC(const float *) dense;
} edb_read_rules;

/* What a rule is applied to: the nodes behind its bound names, and what there is for attributes. */
typedef struct edb_rule_args {
  const edb_rule_node *bound;
  size_t n_bound;
  const edb_atom *atoms[EDB_OFFER_COUNT]; /* by offer; NULL = not there */
  edb_place place;
} edb_rule_args;

/* Compiles the rules of a form. Errors, at the rule in the model file: EDB_ERROR_NAME (no such
 * pattern, bound name, output, attribute), EDB_ERROR_SHAPE, EDB_ERROR_FORMAT (arguments that do not
 * cover the inputs, missing or repeated rules). Free it in any case. */
EDB_MUST_CHECK edb_status edb_read_rules_compile(edb_read_rules *rules, edb_reader *reader,
                                                 const edb_form *form, edb_error *error);
void edb_read_rules_free(edb_read_rules *rules);

/* Binds one rule's arguments, once all rules are there (bind_rules.c). */
EDB_MUST_CHECK edb_status edb_rule_bind(edb_read_rules *rules, edb_rule *rule, edb_error *error);
/* The same for its attributes in a form with keys (bind_keys.c). */
EDB_MUST_CHECK edb_status edb_rule_bind_keys(edb_read_rules *rules, edb_rule *rule,
                                             edb_error *error);
/* "rule "inner" of 'read trees': WHAT "NAME", expected EXPECTED", at the rule in the model file. */
edb_status edb_read_rules_fail(const edb_read_rules *rules, const edb_read_rule *source,
                               edb_error *error, edb_status status, const char *what,
                               const char *name, const char *expected);

/* The first rule of a pattern behind `after` (NULL: of all), or NULL. */
const edb_rule *edb_read_rules_next(const edb_read_rules *rules, uint32_t kind,
                                    const edb_rule *after);
/* The rule of a pattern for so many nodes: one with exactly as many names, else the one with the
 * most of those that have "..."; or NULL. */
const edb_rule *edb_read_rules_choose(const edb_read_rules *rules, uint32_t kind, size_t n_nodes);
/* How many nodes rules of the pattern take: "1, 3 or more". */
edb_name_list edb_read_rules_arities(const edb_read_rules *rules, uint32_t kind);

/* Whether a name of the data is a name of the model file: "Hash Join" is hash_join. Letters of
 * ASCII in either case are the same, and what is neither letter nor digit is an underscore. */
bool edb_read_name_is(const char *name, const char *text, size_t length);
/* The rule for a node of a kind with so many inputs, else the one of `other`. Errors:
 * EDB_ERROR_FORMAT, at `place` (no rule for the kind, or for so many inputs). */
EDB_MUST_CHECK edb_status edb_read_rules_choose_kind(const edb_read_rules *rules,
                                                     const edb_atom *kind, size_t n_nodes,
                                                     edb_place place, const edb_rule **out,
                                                     edb_error *error);

/* Makes the call of a rule. In a form with keys `indices` and `dense` hold its attributes already.
 */
EDB_MUST_CHECK edb_status edb_rule_apply(edb_read_rules *rules, const edb_rule *rule,
                                         const edb_rule_args *args, edb_rule_node *node,
                                         edb_error *error);

#endif
