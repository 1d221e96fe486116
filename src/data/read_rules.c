/* data/read_rules.c: compiling the `read trees` section of a model. */
#include "data/read_rules.h"

#include <string.h>

/* How each pattern binds, and what it offers. */
typedef struct edb_pattern {
  const char *name;
  const char *form; /* for errors */
  uint32_t min_bound, max_bound;
  bool word, rest;
} edb_pattern;

typedef enum edb_pattern_kind {
  PATTERN_LEAF,
  PATTERN_INNER,
  PATTERN_EVERY,
  PATTERN_ROOT,
  PATTERN_COUNT
} edb_pattern_kind;

static const edb_pattern patterns[PATTERN_COUNT] = {
    [PATTERN_LEAF] = {"leaf", "leaf", 0, 0, true, false},
    [PATTERN_INNER] = {"inner", "inner(left, right) or inner(children...)", 1, UINT32_MAX, false,
                       true},
    [PATTERN_EVERY] = {"every", "every(node)", 1, 1, false, false},
    [PATTERN_ROOT] = {"root", "root(node)", 1, 1, false, false}};

static edb_place place_of(const edb_read_rules *rules, const edb_read_rule *source) {
  return (edb_place){rules->file, source->line, source->column};
}

/* "rule "inner" of "read trees": WHAT "NAME", expected EXPECTED", at the rule. */
static edb_status fail_rule(const edb_read_rules *rules, const edb_read_rule *source,
                            edb_error *error, edb_status status, const char *what, const char *name,
                            const char *expected) {
  return edb_fail_at(error, status, rules->file, source->line, source->column,
                     "rule \"%s\" of 'read %s': %s \"%s\", expected %s", source->pattern,
                     source->reader, what, name, expected);
}

/* ---- Patterns ----------------------------------------------------------------------------- */

static edb_status find_pattern(const edb_read_rules *rules, const edb_read_rule *source,
                               edb_pattern_kind *kind, edb_error *error) {
  for (uint32_t k = 0; k < PATTERN_COUNT; k++) {
    if (strcmp(patterns[k].name, source->pattern) != 0) continue;
    *kind = (edb_pattern_kind)k;
    return EDB_OK;
  }
  return fail_rule(rules, source, error, EDB_ERROR_NAME, "found pattern", source->pattern,
                   "leaf, inner, every or root");
}

/* Only the last bound name can be a rest name. */
static bool has_rest(const edb_read_rule *source) {
  return source->n_bound > 0 && source->bound[source->n_bound - 1].rest;
}

/* That bound names differ and that only the last has "..." is the model file's own law. */
static edb_status check_bound(const edb_read_rules *rules, const edb_read_rule *source,
                              const edb_pattern *pattern, edb_error *error) {
  if (source->n_bound < pattern->min_bound || source->n_bound > pattern->max_bound) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, source->line, source->column,
                       "found %u names in pattern \"%s\", expected %s", source->n_bound,
                       pattern->name, pattern->form);
  }
  if (!pattern->rest && has_rest(source)) {
    return fail_rule(rules, source, error, EDB_ERROR_FORMAT, "found '...' after",
                     source->bound[source->n_bound - 1].name, pattern->form);
  }
  return EDB_OK;
}

/* Two rules for one structure would leave open which holds; `every` and `root` may have several. */
static edb_status check_repeated(const edb_read_rules *rules, edb_pattern_kind kind,
                                 const edb_read_rule *source, edb_error *error) {
  const edb_read_rule *other = NULL;
  if (kind == PATTERN_LEAF && rules->leaf.length > 0) other = rules->leaf.data[0].source;
  for (size_t i = 0; kind == PATTERN_INNER && i < rules->inner.length; i++) {
    const edb_rule *inner = &rules->inner.data[i];
    if (inner->n_slots == source->n_bound && inner->rest == has_rest(source)) other = inner->source;
  }
  if (other == NULL) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_NAME, rules->file, source->line, source->column,
                     "found a second rule for the same \"%s\"; the first is on line %u",
                     source->pattern, other->line);
}

/* First pass: all rules by their patterns, so that the second knows every cell that may be a child.
 */
static edb_status add_rule(edb_read_rules *rules, const edb_read_rule *source, edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  edb_pattern_kind kind = PATTERN_LEAF;
  EDB_TRY(find_pattern(rules, source, &kind, error));
  EDB_TRY(check_bound(rules, source, &patterns[kind], error));
  EDB_TRY(check_repeated(rules, kind, source, error));
  edb_rule rule = {.source = source,
                   .sig = &rules->reader->schema->types[source->cell],
                   .cell = source->cell,
                   .n_slots = source->n_bound,
                   .rest = has_rest(source)};
  bool added = kind == PATTERN_LEAF    ? edb_vec_push(ctx, &rules->leaf, rule)
               : kind == PATTERN_INNER ? edb_vec_push(ctx, &rules->inner, rule)
               : kind == PATTERN_EVERY ? edb_vec_push(ctx, &rules->every, rule)
                                       : edb_vec_push(ctx, &rules->root, rule);
  return added ? EDB_OK : edb_fail_memory(error, sizeof rule, "a read rule");
}

/* ---- Inputs ------------------------------------------------------------------------------- */

/* The bound name of an argument, or EDB_BIND_NONE: then it is an attribute that the pattern offers.
 */
static uint32_t slot_of(const edb_read_rule *source, const edb_read_term *argument) {
  for (uint32_t i = 0; i < source->n_bound; i++) {
    if (strcmp(source->bound[i].name, argument->name) == 0) return i;
  }
  return EDB_BIND_NONE;
}

/* The output that an argument means if its node is a call of `producer`. */
static edb_status choose_output(edb_read_rules *rules, const edb_rule *rule,
                                const edb_read_term *argument, uint32_t input, uint32_t position,
                                uint32_t producer, uint32_t *output, edb_error *error) {
  const edb_type_sig *sig = &rules->reader->schema->types[producer];
  *output = argument->output != NULL ? edb_bind_output_named(sig, argument->output)
                                     : edb_bind_output(&rule->sig->inputs[input], position, sig);
  if (*output == EDB_BIND_NONE) {
    const char *wanted =
        argument->output != NULL ? argument->output : rule->sig->inputs[input].name;
    edb_name_list names = edb_bind_output_names(sig);
    return edb_fail_at(
        error, EDB_ERROR_NAME, rules->file, rule->source->line, rule->source->column,
        "\"%s\" may be a call of cell \"%s\", which has no output for \"%s\"; it has %s",
        argument->name, sig->name, wanted, names.count > 0 ? names.text : "none");
  }
  return edb_bind_check(rules->reader->program, rule->sig, input, sig, *output,
                        place_of(rules, rule->source), error);
}

/* For every cell that may stand behind a bound name, the output that the argument means for an
 * input. */
static edb_status add_outputs(edb_read_rules *rules, const edb_rule *rule,
                              const edb_read_term *argument, uint32_t input, uint32_t position,
                              edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  size_t at = rules->outputs.length, n_cells = rules->reader->schema->n_types;
  if (!edb_vec_reserve(ctx, &rules->outputs, at + n_cells)) {
    return edb_fail_memory(error, n_cells * sizeof(uint32_t), "a read rule");
  }
  rules->outputs.length += n_cells;
  for (size_t c = 0; c < n_cells; c++) rules->outputs.data[at + c] = EDB_BIND_NONE;
  for (size_t i = 0; i < rules->leaf.length + rules->inner.length; i++) {
    const edb_rule *producer =
        i < rules->leaf.length ? &rules->leaf.data[i] : &rules->inner.data[i - rules->leaf.length];
    EDB_TRY(choose_output(rules, rule, argument, input, position, producer->cell,
                          &rules->outputs.data[at + producer->cell], error));
  }
  return EDB_OK;
}

/* The sources of one input: all arguments whose share it is in. */
static edb_status add_sources(edb_read_rules *rules, const edb_rule *rule, uint32_t input,
                              const edb_bind_arg *shares, edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  for (uint32_t i = 0, share = 0; i < rule->source->n_arguments; i++) {
    const edb_read_term *argument = &rule->source->arguments[i];
    uint32_t slot = slot_of(rule->source, argument);
    if (slot == EDB_BIND_NONE) continue;
    uint32_t position = edb_bind_position(rule->sig, &shares[share++], input);
    if (position == EDB_BIND_NONE) continue;
    edb_rule_source source = {slot, rule->source->bound[slot].rest, rules->outputs.length};
    if (!edb_vec_push(ctx, &rules->sources, source)) {
      return edb_fail_memory(error, sizeof source, "a read rule");
    }
    EDB_TRY(add_outputs(rules, rule, argument, input, position, error));
  }
  return EDB_OK;
}

/* Shares out the inputs as a call would, then keeps for each input where its values come from. */
static edb_status bind_inputs(edb_read_rules *rules, edb_rule *rule, edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  const edb_read_rule *source = rule->source;
  EDB_VEC(edb_bind_arg) shares = {0};
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i < source->n_arguments; i++) {
    uint32_t slot = slot_of(source, &source->arguments[i]);
    if (slot == EDB_BIND_NONE) continue;
    edb_bind_arg share = {.group = source->bound[slot].rest,
                          .qualified = source->arguments[i].output != NULL};
    if (!edb_vec_push(ctx, &shares, share)) {
      status = edb_fail_memory(error, sizeof share, "a read rule");
      goto cleanup;
    }
  }
  EDB_TRY_GOTO(status,
               edb_bind_share(rule->sig, shares.data, (uint32_t)shares.length,
                              place_of(rules, source), error),
               cleanup);
  rule->first_source = rules->source_start.length;
  for (uint32_t i = 0; i <= rule->sig->n_inputs; i++) {
    if (!edb_vec_push(ctx, &rules->source_start, rules->sources.length)) {
      status = edb_fail_memory(error, sizeof(size_t), "a read rule");
      goto cleanup;
    }
    if (i == rule->sig->n_inputs) break;
    EDB_TRY_GOTO(status, add_sources(rules, rule, i, shares.data, error), cleanup);
  }
cleanup:
  edb_vec_free(ctx, &shares);
  return status;
}

/* ---- Attributes --------------------------------------------------------------------------- */

/* Words have ids in a vocabulary only. */
static edb_status check_word_attribute(const edb_read_rules *rules, const edb_rule *rule,
                                       uint32_t attribute, edb_error *error) {
  if (edb_model_index_vocab(rules->reader->model, rule->cell, attribute) != EDB_BIND_NONE) {
    return EDB_OK;
  }
  return edb_fail_at(
      error, EDB_ERROR_FORMAT, rules->file, rule->source->line, rule->source->column,
      "\"word\" fills attribute \"%s\" of cell \"%s\", which is bounded by a number, "
      "expected a vocabulary",
      rule->sig->indices[attribute].name, rule->sig->name);
}

static uint32_t attribute_named(const edb_type_sig *sig, const char *name) {
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    if (strcmp(sig->indices[i].name, name) == 0) return i;
  }
  return EDB_BIND_NONE;
}

static uint32_t attribute_free(const edb_type_sig *sig, const edb_offer *offers) {
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    if (offers[i] == EDB_OFFER_NOTHING) return i;
  }
  return EDB_BIND_NONE;
}

/* Gives what the argument offers to the attribute of its name, or to the first that is still free.
 */
static edb_status fill_argument(edb_read_rules *rules, const edb_rule *rule,
                                const edb_pattern *pattern, const edb_read_term *argument,
                                bool by_name, edb_error *error) {
  bool word = pattern->word && strcmp(argument->name, "word") == 0;
  if ((!word && strcmp(argument->name, "label") != 0) || argument->output != NULL) {
    return fail_rule(rules, rule->source, error, EDB_ERROR_NAME, "found argument", argument->name,
                     pattern->word ? "word or label" : "a name that the pattern binds, or label");
  }
  edb_offer *offers = rules->offers.data + rule->first_offer;
  uint32_t named = attribute_named(rule->sig, argument->name);
  if (by_name != (named != EDB_BIND_NONE)) return EDB_OK; /* the other pass */
  uint32_t attribute = by_name ? named : attribute_free(rule->sig, offers);
  if (attribute == EDB_BIND_NONE || offers[attribute] != EDB_OFFER_NOTHING) {
    return fail_rule(rules, rule->source, error, EDB_ERROR_NAME, "found argument", argument->name,
                     "no more arguments than the cell has index attributes");
  }
  offers[attribute] = word ? EDB_OFFER_WORD : EDB_OFFER_LABEL;
  return word ? check_word_attribute(rules, rule, attribute, error) : EDB_OK;
}

/* Trees offer no dense attributes, and only labels may be absent. */
static edb_status check_filled(const edb_read_rules *rules, const edb_rule *rule,
                               edb_error *error) {
  const edb_type_sig *sig = rule->sig;
  const char *missing = NULL;
  for (uint32_t i = 0; i < sig->n_indices; i++) {
    bool filled = rules->offers.data[rule->first_offer + i] != EDB_OFFER_NOTHING;
    if (!filled && !sig->indices[i].is_label) missing = sig->indices[i].name;
  }
  for (uint32_t i = 0; i < sig->n_dense; i++) {
    if (!sig->dense[i].is_label) missing = sig->dense[i].name;
  }
  if (missing == NULL) return EDB_OK;
  return fail_rule(rules, rule->source, error, EDB_ERROR_FORMAT, "nothing fills attribute", missing,
                   "an argument for it (trees offer word and label)");
}

/* In two passes over the arguments: those with the name of an attribute, then the others in order.
 */
static edb_status bind_attributes(edb_read_rules *rules, edb_rule *rule, const edb_pattern *pattern,
                                  edb_error *error) {
  const edb_read_rule *source = rule->source;
  rule->first_offer = rules->offers.length;
  for (uint32_t i = 0; i < rule->sig->n_indices; i++) {
    if (!edb_vec_push(rules->reader->ctx, &rules->offers, EDB_OFFER_NOTHING)) {
      return edb_fail_memory(error, sizeof(edb_offer), "a read rule");
    }
  }
  for (uint32_t i = 0; i < 2 * source->n_arguments; i++) {
    bool by_name = i < source->n_arguments;
    const edb_read_term *argument = &source->arguments[by_name ? i : i - source->n_arguments];
    if (slot_of(source, argument) != EDB_BIND_NONE) continue;
    EDB_TRY(fill_argument(rules, rule, pattern, argument, by_name, error));
  }
  return check_filled(rules, rule, error);
}

/* ---- All of it ---------------------------------------------------------------------------- */

/* Second pass, for the rules of one pattern. */
static edb_status bind_rules(edb_read_rules *rules, edb_rule *list, size_t length,
                             edb_pattern_kind kind, edb_error *error) {
  for (size_t i = 0; i < length; i++) {
    EDB_TRY(bind_attributes(rules, &list[i], &patterns[kind], error));
    EDB_TRY(bind_inputs(rules, &list[i], error));
  }
  return EDB_OK;
}

/* Room for the largest call, so that applying a rule allocates for its variadic inputs only. */
static edb_status reserve_call(edb_read_rules *rules, edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  uint32_t indices = 1, dense = 1, variadic = 1;
  for (uint32_t t = 0; t < rules->reader->schema->n_types; t++) {
    const edb_type_sig *sig = &rules->reader->schema->types[t];
    if (sig->n_indices > indices) indices = sig->n_indices;
    if (sig->n_dense > dense) dense = sig->n_dense;
    if (sig->n_variadic > variadic) variadic = sig->n_variadic;
  }
  if (!edb_vec_reserve(ctx, &rules->indices, indices) ||
      !edb_vec_reserve(ctx, &rules->dense, dense) ||
      !edb_vec_reserve(ctx, &rules->arities, variadic)) {
    return edb_fail_memory(error, (size_t)indices + dense + variadic, "a call");
  }
  for (uint32_t i = 0; i < dense; i++) rules->dense.data[i] = NULL; /* trees offer labels only */
  return EDB_OK;
}

edb_status edb_read_rules_compile(edb_read_rules *rules, edb_reader *reader, edb_error *error) {
  *rules = (edb_read_rules){.reader = reader, .file = edb_model_file_name(reader->model)};
  uint32_t count = 0;
  const edb_read_rule *sources = edb_model_read_rules(reader->model, &count);
  for (uint32_t i = 0; i < count; i++) {
    if (strcmp(sources[i].reader, "trees") != 0) continue;
    if (rules->line == 0) {
      rules->line = sources[i].line;
      rules->column = sources[i].column;
    }
    EDB_TRY(add_rule(rules, &sources[i], error));
  }
  if (rules->leaf.length == 0) {
    return edb_fail_at(
        error, EDB_ERROR_FORMAT, rules->file, rules->line, rules->column,
        "model \"%s\" has no rule 'leaf -> ...' under 'read trees:', which trees need",
        edb_model_name(reader->model));
  }
  EDB_TRY(bind_rules(rules, rules->leaf.data, rules->leaf.length, PATTERN_LEAF, error));
  EDB_TRY(bind_rules(rules, rules->inner.data, rules->inner.length, PATTERN_INNER, error));
  EDB_TRY(bind_rules(rules, rules->every.data, rules->every.length, PATTERN_EVERY, error));
  EDB_TRY(bind_rules(rules, rules->root.data, rules->root.length, PATTERN_ROOT, error));
  return reserve_call(rules, error);
}

void edb_read_rules_free(edb_read_rules *rules) {
  edb_context *ctx = rules->reader->ctx;
  edb_vec_free(ctx, &rules->leaf);
  edb_vec_free(ctx, &rules->inner);
  edb_vec_free(ctx, &rules->every);
  edb_vec_free(ctx, &rules->root);
  edb_vec_free(ctx, &rules->sources);
  edb_vec_free(ctx, &rules->source_start);
  edb_vec_free(ctx, &rules->outputs);
  edb_vec_free(ctx, &rules->offers);
  edb_vec_free(ctx, &rules->values);
  edb_vec_free(ctx, &rules->arities);
  edb_vec_free(ctx, &rules->indices);
  edb_vec_free(ctx, &rules->dense);
}
