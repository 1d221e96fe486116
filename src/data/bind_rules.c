/* data/bind_rules.c: what the arguments of a rule's call stand for: bound names, attributes, cells.
 */
#include <string.h>

#include "data/read_rules.h"

static edb_place place_of(const edb_read_rules *rules, const edb_read_rule *source) {
  return (edb_place){rules->file, source->line, source->column};
}

/* ---- Inputs ------------------------------------------------------------------------------- */

static bool offers(const edb_read_rules *rules, const edb_rule *rule, const char *name,
                   edb_offer *out) {
  if (rules->form->keyed) return true; /* as edb_rule_bind_keys has it */
  uint32_t set = rule->pattern->offers & rules->form->offers;
  for (uint32_t i = 0; i < EDB_OFFER_COUNT; i++) {
    *out = (edb_offer)i;
    if ((set & EDB_BIT(i)) && strcmp(edb_offer_name(*out), name) == 0) return true;
  }
  return false;
}

/* The bound name of an argument, or EDB_BIND_NONE. */
static uint32_t slot_of(const edb_rule *rule, const edb_read_term *argument) {
  for (uint32_t i = 0; i < rule->n_slots && !rule->pattern->names_cells; i++) {
    if (strcmp(rule->source->bound[i].name, argument->name) == 0) return i;
  }
  return EDB_BIND_NONE;
}

/* The earlier rule whose cell has the argument's name, where the pattern can see it. */
static uint32_t rule_of(const edb_read_rules *rules, const edb_rule *rule,
                        const edb_read_term *argument, uint32_t *count) {
  uint32_t found = EDB_BIND_NONE;
  *count = 0;
  for (const edb_rule *r = rules->rules.data; r < rules->rules.data + rules->rules.length; r++) {
    bool earlier = r < rule || rule->pattern->names_cells;
    bool seen = (rule->pattern->cells & EDB_BIT(r->kind)) != 0;
    if (!earlier || !seen || strcmp(r->sig->name, argument->name) != 0) continue;
    found = (uint32_t)(r - rules->rules.data);
    ++*count;
  }
  return found;
}

/* Whether an argument stands for calls, and which: a bound name, else a cell, unless it is an
 * attribute. */
static edb_status find_source(const edb_read_rules *rules, const edb_rule *rule,
                              const edb_read_term *argument, edb_rule_source *out, bool *found,
                              edb_error *error) {
  edb_offer ignored;
  uint32_t count = 0, slot = slot_of(rule, argument);
  *found = slot != EDB_BIND_NONE;
  *out = (edb_rule_source){.slot = slot, .rest = *found && rule->source->bound[slot].rest};
  if (*found || (argument->output == NULL && offers(rules, rule, argument->name, &ignored))) {
    return EDB_OK;
  }
  *out = (edb_rule_source){.slot = rule_of(rules, rule, argument, &count), .cell = true};
  *found = count > 0;
  if (count < 2) return EDB_OK;
  return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_NAME, "found argument",
                             argument->name, "a cell that only one rule before this one calls");
}

/* Whether calls of `producer` may stand behind a source. */
static bool may_stand(const edb_read_rules *rules, const edb_rule *rule,
                      const edb_rule_source *source, const edb_rule *producer) {
  const edb_pattern *pattern = rule->pattern;
  uint32_t number = (uint32_t)(producer - rules->rules.data);
  if (source->cell) return source->slot == number;
  if (source->slot == 0 && pattern->chain) return producer == rule || rule->start == number;
  uint32_t kinds = source->slot == 0 ? pattern->first : pattern->others;
  if (source->slot == 0 && pattern->unmerged != 0 &&
      edb_read_rules_choose(rules, EDB_LATTICE_MERGE, 1) == NULL)
    kinds |= pattern->unmerged;
  return (kinds & EDB_BIT(producer->kind)) != 0;
}

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
                              const edb_read_term *argument, const edb_rule_source *source,
                              uint32_t input, uint32_t position, edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  size_t at = rules->outputs.length, n_cells = rules->reader->schema->n_types;
  bool any = false;
  if (!edb_vec_reserve(ctx, &rules->outputs, at + n_cells)) {
    return edb_fail_memory(error, n_cells * sizeof(uint32_t), "a read rule");
  }
  rules->outputs.length += n_cells;
  for (size_t c = 0; c < n_cells; c++) rules->outputs.data[at + c] = EDB_BIND_NONE;
  for (size_t i = 0; i < rules->rules.length; i++) {
    const edb_rule *producer = &rules->rules.data[i];
    if (!may_stand(rules, rule, source, producer)) continue;
    any = true;
    EDB_TRY(choose_output(rules, rule, argument, input, position, producer->cell,
                          &rules->outputs.data[at + producer->cell], error));
  }
  if (any) return EDB_OK;
  return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_FORMAT,
                             "no rule makes calls for", argument->name, "one");
}

/* The sources of one input: all arguments whose share it is in. */
static edb_status add_sources(edb_read_rules *rules, const edb_rule *rule, uint32_t input,
                              const edb_bind_arg *shares, edb_error *error) {
  edb_context *ctx = rules->reader->ctx;
  for (uint32_t i = 0, share = 0; i < rule->source->n_arguments; i++) {
    const edb_read_term *argument = &rule->source->arguments[i];
    edb_rule_source source;
    bool found = false;
    EDB_TRY(find_source(rules, rule, argument, &source, &found, error));
    if (!found) continue;
    uint32_t position = edb_bind_position(rule->sig, &shares[share++], input);
    if (position == EDB_BIND_NONE) continue;
    source.outputs = rules->outputs.length;
    if (!edb_vec_push(ctx, &rules->sources, source)) {
      return edb_fail_memory(error, sizeof source, "a read rule");
    }
    EDB_TRY(add_outputs(rules, rule, argument, &source, input, position, error));
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
    edb_rule_source argument;
    bool found = false;
    EDB_TRY_GOTO(status, find_source(rules, rule, &source->arguments[i], &argument, &found, error),
                 cleanup);
    if (!found) continue;
    edb_bind_arg share = {.group = argument.rest, .qualified = source->arguments[i].output != NULL};
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

/* Offers that are texts need a vocabulary. Labels may be numbers, and ids always are. */
static edb_status check_text_attribute(const edb_read_rules *rules, const edb_rule *rule,
                                       uint32_t attribute, edb_offer offer, edb_error *error) {
  bool text = offer == EDB_OFFER_WORD || offer == EDB_OFFER_CHAR || offer == EDB_OFFER_NEXT;
  if (!text ||
      edb_model_index_vocab(rules->reader->model, rule->cell, attribute) != EDB_BIND_NONE) {
    return EDB_OK;
  }
  return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, rule->source->line, rule->source->column,
                     "\"%s\" fills attribute \"%s\" of cell \"%s\", which is bounded by a number, "
                     "expected a vocabulary",
                     edb_offer_name(offer), rule->sig->indices[attribute].name, rule->sig->name);
}

/* "word, label or a name that the pattern binds". */
static edb_status fail_argument(const edb_read_rules *rules, const edb_rule *rule,
                                const edb_read_term *argument, edb_error *error) {
  edb_name_list known = {.count = 0};
  uint32_t set = rule->pattern->offers & rules->form->offers;
  for (uint32_t i = 0; i < EDB_OFFER_COUNT; i++) {
    if (set & EDB_BIT(i)) edb_name_list_add(&known, edb_offer_name((edb_offer)i));
  }
  if (rule->n_slots > 0 && !rule->pattern->names_cells)
    edb_name_list_add(&known, "a name that the pattern binds");
  if (rule->pattern->cells != 0) edb_name_list_add(&known, "a cell called by an earlier rule");
  return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_NAME, "found argument",
                             argument->name, known.count > 0 ? known.text : "none");
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
                                const edb_read_term *argument, bool by_name, edb_error *error) {
  edb_offer offer = EDB_OFFER_NOTHING;
  if (argument->output != NULL || !offers(rules, rule, argument->name, &offer))
    return fail_argument(rules, rule, argument, error);
  edb_offer *filled = rules->offers.data + rule->first_offer;
  uint32_t named = attribute_named(rule->sig, argument->name);
  if (by_name != (named != EDB_BIND_NONE)) return EDB_OK; /* the other pass */
  uint32_t attribute = by_name ? named : attribute_free(rule->sig, filled);
  if (attribute == EDB_BIND_NONE || filled[attribute] != EDB_OFFER_NOTHING) {
    return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_NAME, "found argument",
                               argument->name,
                               "no more arguments than the cell has index attributes");
  }
  filled[attribute] = offer;
  return check_text_attribute(rules, rule, attribute, offer, error);
}

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
  return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_FORMAT,
                             "nothing fills attribute", missing, "an argument for it");
}

/* In two passes over the arguments: those with the name of an attribute, then the others in order.
 */
static edb_status bind_attributes(edb_read_rules *rules, edb_rule *rule, edb_error *error) {
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
    edb_rule_source ignored;
    bool call = false;
    EDB_TRY(find_source(rules, rule, argument, &ignored, &call, error));
    if (!call) EDB_TRY(fill_argument(rules, rule, argument, by_name, error));
  }
  return check_filled(rules, rule, error);
}

edb_status edb_rule_bind(edb_read_rules *rules, edb_rule *rule, edb_error *error) {
  EDB_TRY(rules->form->keyed ? edb_rule_bind_keys(rules, rule, error)
                             : bind_attributes(rules, rule, error));
  return bind_inputs(rules, rule, error);
}
