/* data/chains.h: rules that run along sequences: tokens, the target of a pair, characters of a
 * token.
 *
 * A reader fills the items of an instance; running it applies every rule to its whole sequence, in
 * the order of the model file, those of the target after all of the tokens'. A rule of a chain goes
 * from neighbour to neighbour, in its direction. An argument that names a cell means that cell's
 * call at the same item, or, of another sequence, its last call. */
#ifndef EDB_DATA_CHAINS_H
#define EDB_DATA_CHAINS_H

#include "base/map.h"
#include "data/lines.h"

/* What there is for the attributes of a call; which of them, the form says. */
typedef struct edb_chain_item {
  edb_atom word, tag, next;
} edb_chain_item;

typedef EDB_VEC(edb_chain_item) edb_chain_items;

typedef struct edb_chains {
  edb_context *ctx;
  edb_read_rules rules;
  edb_place place[EDB_SEQUENCE_COUNT]; /* file and line of each sequence */
  edb_chain_items items[EDB_SEQUENCE_COUNT];
  /* Calls of rule r at item i: calls.data[r * stride + i]. */
  EDB_VEC(edb_rule_node) calls;
  size_t stride;
  EDB_VEC(edb_rule_node) spelt;   /* per token: its call of `known` or `rare` */
  EDB_VEC(edb_rule_node) started; /* per rule: its call, if it is a `start` that was needed */
  bool spells;                    /* there is a rule `rare` */
  uint32_t vocab;                 /* of the words that `known` takes */
  edb_map counts;                 /* of words in the file, where rare ones are spelt */
} edb_chains;

/* Compiles the form's rules. Free it in any case. */
EDB_MUST_CHECK edb_status edb_chains_open(edb_chains *chains, edb_reader *reader,
                                          const edb_form *form, edb_error *error);
void edb_chains_free(edb_chains *chains);

/* Counts a word of the file; needed before the first instance where `spells` is set and the
 * vocabulary grows. */
EDB_MUST_CHECK edb_status edb_chains_count(edb_chains *chains, const edb_atom *word,
                                           edb_error *error);

/* Begins an instance: no items. */
void edb_chains_clear(edb_chains *chains);
EDB_MUST_CHECK edb_status edb_chains_add(edb_chains *chains, edb_sequence_id sequence,
                                         edb_chain_item item, edb_error *error);
/* Makes all calls of the instance. Every sequence that has rules has an item. */
EDB_MUST_CHECK edb_status edb_chains_run(edb_chains *chains, edb_error *error);

#endif
