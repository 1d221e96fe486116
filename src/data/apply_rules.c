/* data/apply_rules.c: from a part of a structure and its rule to a call of a cell. */
#include <stdio.h>

#include "data/read_rules.h"

/* A rule for exactly this number comes before one with a rest name; of those, the one that names
 * most children. NULL: neither takes so many. */
static const edb_rule *closer(const edb_rule *best, const edb_rule *rule, size_t n_nodes) {
  if (!rule->rest) return rule->n_slots == n_nodes ? rule : best;
  bool takes = rule->n_slots - 1 <= n_nodes;
  bool closest = best == NULL || (best->rest && rule->n_slots > best->n_slots);
  return takes && closest ? rule : best;
}

const edb_rule *edb_read_rules_choose(const edb_read_rules *rules, uint32_t kind, size_t n_nodes) {
  const edb_rule *best = NULL;
  for (size_t i = 0; i < rules->rules.length; i++) {
    const edb_rule *rule = &rules->rules.data[i];
    if (rule->kind == kind) best = closer(best, rule, n_nodes);
  }
  return best;
}

static void add_arity(edb_name_list *known, const edb_rule *rule) {
  char text[48];
  (void)snprintf(text, sizeof text, "%u%s", rule->rest ? rule->n_slots - 1 : rule->n_slots,
                 rule->rest ? " or more" : "");
  edb_name_list_add(known, text);
}

/* Letters of either case are one, and all that no name of a model file can have is an underscore.
 */
static char plain(char c) {
  if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
  bool stays = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  return stays ? c : '_';
}

bool edb_read_name_is(const char *name, const char *text, size_t length) {
  size_t i = 0;
  while (i < length && name[i] != 0 && plain(name[i]) == plain(text[i])) i++;
  return i == length && name[i] == 0;
}

/* As edb_read_rules_choose, of the rules for one kind of nodes; *known: there are any. */
static const edb_rule *choose_named(const edb_read_rules *rules, const edb_atom *kind,
                                    size_t n_nodes, edb_name_list *known) {
  const edb_rule *best = NULL;
  for (size_t i = 0; i < rules->rules.length; i++) {
    const edb_rule *rule = &rules->rules.data[i];
    if (!rule->pattern->open || !edb_read_name_is(rule->source->pattern, kind->text, kind->length))
      continue;
    add_arity(known, rule);
    best = closer(best, rule, n_nodes);
  }
  return best;
}

static edb_status fail_kind(const edb_read_rules *rules, const edb_atom *kind, edb_place place,
                            edb_error *error) {
  edb_name_list names = {.count = 0};
  int shown = kind->length < 64 ? (int)kind->length : 64;
  for (size_t i = 0; i < rules->rules.length; i++) {
    const edb_rule *rule = &rules->rules.data[i];
    if (rule->pattern->open) edb_name_list_add(&names, rule->source->pattern);
  }
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found a node of the kind \"%.*s\", expected one that \"read %s\" of model "
                     "\"%s\" has a rule for: %s",
                     shown, kind->text, rules->form->name, edb_model_name(rules->reader->model),
                     names.count > 0 ? names.text : "none");
}

edb_status edb_read_rules_choose_kind(const edb_read_rules *rules, const edb_atom *kind,
                                      size_t n_nodes, edb_place place, const edb_rule **out,
                                      edb_error *error) {
  edb_name_list known = {.count = 0};
  *out = choose_named(rules, kind, n_nodes, &known);
  bool named = known.count > 0;
  if (*out == NULL) *out = edb_read_rules_choose(rules, EDB_OTHER, n_nodes);
  if (*out != NULL) return EDB_OK;
  if (!named && edb_read_rules_next(rules, EDB_OTHER, NULL) == NULL)
    return fail_kind(rules, kind, place, error);
  if (!named) known = edb_read_rules_arities(rules, EDB_OTHER);
  int shown = kind->length < 64 ? (int)kind->length : 64;
  return edb_fail_at(
      error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
      "found a node of the kind \"%.*s\" with %zu input%s, expected %s (the rules of "
      "model \"%s\")",
      shown, kind->text, n_nodes, EDB_S(n_nodes), known.text, edb_model_name(rules->reader->model));
}

edb_name_list edb_read_rules_arities(const edb_read_rules *rules, uint32_t kind) {
  edb_name_list known = {.count = 0};
  const edb_rule *rule = NULL;
  while ((rule = edb_read_rules_next(rules, kind, rule)) != NULL) add_arity(&known, rule);
  if (known.count == 0) edb_name_list_add(&known, "none");
  return known;
}

static edb_status push_source(edb_read_rules *rules, const edb_rule_source *source,
                              const edb_rule_args *args, edb_error *error) {
  const edb_rule_node *bound = source->cell ? rules->current.data : args->bound;
  size_t n_bound = args->n_bound, end = source->rest ? n_bound : (size_t)source->slot + 1;
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
                              const edb_rule_args *args, edb_error *error) {
  rules->values.length = 0;
  rules->arities.length = 0;
  const size_t *start = rules->source_start.data + rule->first_source;
  for (uint32_t input = 0; input < rule->sig->n_inputs; input++) {
    size_t before = rules->values.length;
    for (size_t s = start[input]; s < start[input + 1]; s++) {
      EDB_TRY(push_source(rules, &rules->sources.data[s], args, error));
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

/* The value of a text of digits, INT64_MAX when it is very large, -1 when there is anything else.
 */
static int64_t digits_value(const edb_atom *atom) {
  int64_t value = 0;
  for (size_t i = 0; i < atom->length; i++) {
    char c = atom->text[i];
    if (c < '0' || c > '9') return -1;
    value = value <= INT32_MAX ? value * 10 + (c - '0') : INT64_MAX;
  }
  return atom->length > 0 ? value : -1;
}

static edb_status fail_number(const edb_atom *atom, edb_place place, const char *what,
                              const char *expected, edb_error *error) {
  int shown = atom->length < 64 ? (int)atom->length : 64;
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found %s \"%.*s\", expected %s", what, shown, atom->text, expected);
}

/* A label that is a number, as in the Stanford Sentiment Treebank. */
static edb_status read_label_number(edb_reader *reader, uint32_t cell, uint32_t attribute,
                                    const edb_atom *label, edb_place place, int32_t *index,
                                    edb_error *error) {
  int64_t value = digits_value(label);
  if (value < 0) {
    char expected[128];
    (void)snprintf(expected, sizeof expected,
                   "a number below %u, or ? or - for none (data can be read without labels)",
                   reader->schema->types[cell].indices[attribute].bound);
    return fail_number(label, place, "label", expected, error);
  }
  return edb_reader_id(reader, cell, attribute, value, place, index, error);
}

/* -1 stays where there is no label or none is wanted. A label may be used as a value too (a
 * syntactic category that is looked up): it is then no label for the model and cannot be absent. */
static edb_status read_label(edb_read_rules *rules, uint32_t cell, uint32_t attribute,
                             const edb_atom *label, edb_place place, int32_t *index,
                             edb_error *error) {
  edb_reader *reader = rules->reader;
  const edb_type_sig *sig = &reader->schema->types[cell];
  if (edb_reader_drops(reader, sig->indices[attribute].is_label)) return EDB_OK;
  if (label == NULL || is_absent(label)) {
    if (sig->indices[attribute].is_label) return EDB_OK;
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found a node without a label, which cell \"%s\" needs as attribute \"%s\"",
                       sig->name, sig->indices[attribute].name);
  }
  place.line = label->line;
  place.column = label->column;
  if (rules->form->numbers ||
      edb_model_index_vocab(reader->model, cell, attribute) == EDB_BIND_NONE) {
    return read_label_number(reader, cell, attribute, label, place, index, error);
  }
  return edb_reader_word(reader, cell, attribute, label->text, label->length, place, index, error);
}

static edb_status read_id(edb_reader *reader, uint32_t cell, uint32_t attribute, const edb_atom *id,
                          edb_place place, int32_t *index, edb_error *error) {
  int64_t value = digits_value(id);
  if (value < 0) return fail_number(id, place, "id", "a whole number", error);
  if (reader->params.fold_ids != 0) value %= reader->params.fold_ids;
  uint32_t vocab = edb_model_index_vocab(reader->model, cell, attribute);
  bool unknown = !reader->grows && vocab != EDB_BIND_NONE &&
                 value >= edb_model_vocab_size(reader->model, vocab);
  if (unknown) value = 0; /* as <unk> of words */
  return edb_reader_id(reader, cell, attribute, value, place, index, error);
}

/* Index `attribute` of a call, from what there is for it. */
static edb_status read_index(edb_read_rules *rules, const edb_rule *rule, uint32_t attribute,
                             edb_offer offer, const edb_rule_args *args, int32_t *index,
                             edb_error *error) {
  edb_reader *reader = rules->reader;
  const edb_atom *atom = args->atoms[offer];
  if (offer == EDB_OFFER_LABEL || offer == EDB_OFFER_TAG) {
    return read_label(rules, rule->cell, attribute, atom, args->place, index, error);
  }
  if (edb_reader_drops(reader, rule->sig->indices[attribute].is_label)) return EDB_OK;
  if (atom == NULL || atom->text == NULL) {
    if (rule->sig->indices[attribute].is_label) return EDB_OK;
    return edb_fail_at(error, EDB_ERROR_FORMAT, args->place.file, args->place.line,
                       args->place.column,
                       "found a node without a value, expected one: cell \"%s\" needs it as "
                       "attribute \"%s\"",
                       rule->sig->name, rule->sig->indices[attribute].name);
  }
  edb_place place = {args->place.file, atom->line, atom->column};
  if (offer == EDB_OFFER_ID) {
    return read_id(reader, rule->cell, attribute, atom, place, index, error);
  }
  return edb_reader_word(reader, rule->cell, attribute, atom->text, atom->length, place, index,
                         error);
}

/* What nothing fills stays -1: the compiler of the rules has made sure that this is a label. */
static edb_status push_attributes(edb_read_rules *rules, const edb_rule *rule,
                                  const edb_rule_args *args, edb_error *error) {
  for (uint32_t i = 0; i < rule->sig->n_indices; i++) {
    edb_offer offer = rules->offers.data[rule->first_offer + i];
    int32_t index = -1;
    if (offer != EDB_OFFER_NOTHING) EDB_TRY(read_index(rules, rule, i, offer, args, &index, error));
    rules->indices.data[i] = index;
  }
  return EDB_OK;
}

edb_status edb_rule_apply(edb_read_rules *rules, const edb_rule *rule, const edb_rule_args *args,
                          edb_rule_node *node, edb_error *error) {
  EDB_TRY(push_inputs(rules, rule, args, error));
  if (!rules->form->keyed) EDB_TRY(push_attributes(rules, rule, args, error));
  edb_call call = {.cell = rule->cell,
                   .inputs = rules->values.data,
                   .n_inputs = (uint32_t)rules->values.length,
                   .arities = rules->arities.data,
                   .indices = rules->indices.data,
                   .dense = rules->dense.data};
  node->cell = rule->cell;
  return edb_reader_call(rules->reader, &call, args->place, &node->node, error);
}
