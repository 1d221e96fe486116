/* data/apply_rules.c: from a node of a tree and its rule to a call of a cell. */
#include <string.h>

#include "data/read_rules.h"

/* A rule for exactly this number comes before one with a rest name; of those, the one that names
 * most children. */
const edb_rule *edb_read_rules_inner(const edb_read_rules *rules, size_t n_children) {
  const edb_rule *best = NULL;
  for (size_t i = 0; i < rules->inner.length; i++) {
    const edb_rule *rule = &rules->inner.data[i];
    if (!rule->rest && rule->n_slots == n_children) return rule;
    bool takes = rule->rest && rule->n_slots - 1 <= n_children;
    if (takes && (best == NULL || rule->n_slots > best->n_slots)) best = rule;
  }
  return best;
}

/* The elements that one argument gives to an input: one, or all children that its name stands for.
 * What output to take was decided when the rules were compiled, for each cell that a child may be.
 */
static edb_status push_source(edb_read_rules *rules, const edb_rule_source *source,
                              const edb_rule_node *bound, size_t n_bound, edb_error *error) {
  size_t end = source->rest ? n_bound : (size_t)source->slot + 1;
  for (size_t i = source->slot; i < end; i++) {
    edb_value value = {bound[i].node, rules->outputs.data[source->outputs + bound[i].cell]};
    if (!edb_vec_push(rules->reader->ctx, &rules->values, value)) {
      return edb_fail_memory(error, sizeof value, "the inputs of a call");
    }
  }
  return EDB_OK;
}

/* Values in the order of the cell's inputs; those of a variadic input stand together and are
 * counted. */
static edb_status push_inputs(edb_read_rules *rules, const edb_rule *rule,
                              const edb_rule_node *bound, size_t n_bound, edb_error *error) {
  rules->values.length = 0;
  rules->arities.length = 0;
  const size_t *start = rules->source_start.data + rule->first_source;
  for (uint32_t input = 0; input < rule->sig->n_inputs; input++) {
    size_t before = rules->values.length;
    for (size_t s = start[input]; s < start[input + 1]; s++) {
      EDB_TRY(push_source(rules, &rules->sources.data[s], bound, n_bound, error));
    }
    if (!rule->sig->inputs[input].variadic) continue;
    rules->arities.data[rules->arities.length++] = (uint32_t)(rules->values.length - before);
  }
  return EDB_OK;
}

/* Whether an atom says that there is no label. */
static bool is_absent(const edb_atom *atom) {
  return atom->text == NULL ||
         (atom->length == 1 && (atom->text[0] == '?' || atom->text[0] == '-'));
}

/* A label that is a number, as in the Stanford Sentiment Treebank. */
static edb_status read_label_number(edb_reader *reader, uint32_t cell, uint32_t attribute,
                                    const edb_atom *label, int32_t *index, edb_error *error) {
  edb_place place = edb_reader_place(reader, label->line, label->column);
  const edb_index_sig *sig = &reader->schema->types[cell].indices[attribute];
  int64_t value = 0;
  bool number = true;
  for (size_t i = 0; i < label->length; i++) {
    char c = label->text[i];
    if (c < '0' || c > '9')
      number = false;
    else if (value <= INT32_MAX)
      value = value * 10 + (c - '0');
  }
  if (!number) {
    int shown = label->length < 64 ? (int)label->length : 64;
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found label \"%.*s\", expected a number below %u, or ? or - for none (data "
                       "can be read without labels)",
                       shown, label->text, sig->bound);
  }
  return edb_reader_id(reader, cell, attribute, value, place, index, error);
}

/* -1 stays where there is no label or none is wanted. A label may be used as a value too (a
 * syntactic category that is looked up): it is then no label for the model and cannot be absent. */
static edb_status read_label(edb_reader *reader, uint32_t cell, uint32_t attribute,
                             const edb_atom *label, edb_place place, int32_t *index,
                             edb_error *error) {
  const edb_type_sig *sig = &reader->schema->types[cell];
  if (edb_reader_drops(reader, sig->indices[attribute].is_label)) return EDB_OK;
  if (is_absent(label)) {
    if (sig->indices[attribute].is_label) return EDB_OK;
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found a node without a label, which cell \"%s\" needs as attribute \"%s\"",
                       sig->name, sig->indices[attribute].name);
  }
  if (edb_model_index_vocab(reader->model, cell, attribute) == EDB_BIND_NONE) {
    return read_label_number(reader, cell, attribute, label, index, error);
  }
  return edb_reader_word(reader, cell, attribute, label->text, label->length,
                         edb_reader_place(reader, label->line, label->column), index, error);
}

/* What nothing fills stays -1: the compiler of the rules has made sure that this is a label. */
static edb_status push_attributes(edb_read_rules *rules, const edb_rule *rule, const edb_atom *word,
                                  const edb_atom *label, edb_place place, edb_error *error) {
  edb_reader *reader = rules->reader;
  for (uint32_t i = 0; i < rule->sig->n_indices; i++) {
    edb_offer offer = rules->offers.data[rule->first_offer + i];
    int32_t index = -1;
    if (offer == EDB_OFFER_LABEL) {
      EDB_TRY(read_label(reader, rule->cell, i, label, place, &index, error));
    } else if (offer == EDB_OFFER_WORD) {
      EDB_TRY(edb_reader_word(reader, rule->cell, i, word->text, word->length,
                              edb_reader_place(reader, word->line, word->column), &index, error));
    }
    rules->indices.data[i] = index;
  }
  return EDB_OK;
}

edb_status edb_rule_apply(edb_read_rules *rules, const edb_rule *rule, const edb_rule_node *bound,
                          size_t n_bound, const edb_atom *word, const edb_atom *label,
                          edb_place place, edb_node *node, edb_error *error) {
  EDB_TRY(push_inputs(rules, rule, bound, n_bound, error));
  EDB_TRY(push_attributes(rules, rule, word, label, place, error));
  edb_call call = {.cell = rule->cell,
                   .inputs = rules->values.data,
                   .n_inputs = (uint32_t)rules->values.length,
                   .arities = rules->arities.data,
                   .indices = rules->indices.data,
                   .dense = rules->dense.data};
  return edb_reader_call(rules->reader, &call, place, node, error);
}
