/* data/bind_keys.c: which keys of the data fill the attributes of a call, in forms where an
 * argument that is no bound name is a key.
 *
 *     sort(children...) -> sort(children.h, features, log_time)
 *
 * An argument fills the attribute of its own name, else the first that is free: index attributes
 * before dense ones. */
#include <string.h>

#include "data/read_rules.h"

static uint32_t n_attributes(const edb_type_sig *sig) {
  return sig->n_indices + sig->n_dense;
}

static const char *attribute_name(const edb_type_sig *sig, uint32_t attribute) {
  return attribute < sig->n_indices ? sig->indices[attribute].name
                                    : sig->dense[attribute - sig->n_indices].name;
}

static bool is_label(const edb_type_sig *sig, uint32_t attribute) {
  return attribute < sig->n_indices ? sig->indices[attribute].is_label
                                    : sig->dense[attribute - sig->n_indices].is_label;
}

static bool is_bound(const edb_rule *rule, const char *name) {
  for (uint32_t i = 0; i < rule->n_slots; i++) {
    if (strcmp(rule->source->bound[i].name, name) == 0) return true;
  }
  return false;
}

/* The number of a key, which is a new one if no rule before has had it. */
static edb_status add_key(edb_read_rules *rules, const char *name, uint32_t *key,
                          edb_error *error) {
  for (*key = 0; *key < rules->key_names.length; ++*key) {
    if (edb_read_name_is(rules->key_names.data[*key], name, strlen(name))) return EDB_OK;
  }
  if (edb_vec_push(rules->reader->ctx, &rules->key_names, name)) return EDB_OK;
  return edb_fail_memory(error, sizeof name, "a read rule");
}

/* The attribute of this name, or with NULL the first that is free; EDB_BIND_NONE if there is none.
 */
static uint32_t find_attribute(const edb_read_rules *rules, const edb_rule *rule,
                               const char *name) {
  for (uint32_t i = 0; i < n_attributes(rule->sig); i++) {
    bool free = rules->keys.data[rule->first_key + i] == EDB_BIND_NONE;
    if (name != NULL ? strcmp(attribute_name(rule->sig, i), name) == 0 : free) return i;
  }
  return EDB_BIND_NONE;
}

static edb_status fill(edb_read_rules *rules, const edb_rule *rule, const edb_read_term *argument,
                       bool by_name, edb_error *error) {
  uint32_t named = find_attribute(rules, rule, argument->name);
  if (by_name != (named != EDB_BIND_NONE)) return EDB_OK; /* the other pass */
  uint32_t attribute = by_name ? named : find_attribute(rules, rule, NULL);
  if (attribute == EDB_BIND_NONE ||
      rules->keys.data[rule->first_key + attribute] != EDB_BIND_NONE) {
    return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_NAME, "found argument",
                               argument->name,
                               "no more keys of the data than the cell has attributes");
  }
  return add_key(rules, argument->name, &rules->keys.data[rule->first_key + attribute], error);
}

/* In two passes over the arguments: those with the name of an attribute, then the others. */
static edb_status fill_all(edb_read_rules *rules, const edb_rule *rule, edb_error *error) {
  const edb_read_rule *source = rule->source;
  for (uint32_t i = 0; i < 2 * source->n_arguments; i++) {
    bool by_name = i < source->n_arguments;
    const edb_read_term *argument = &source->arguments[by_name ? i : i - source->n_arguments];
    if (is_bound(rule, argument->name)) continue;
    if (argument->output != NULL) {
      return edb_read_rules_fail(rules, source, error, EDB_ERROR_NAME, "found argument",
                                 argument->name, "a name that the pattern binds before \".\"");
    }
    EDB_TRY(fill(rules, rule, argument, by_name, error));
  }
  return EDB_OK;
}

edb_status edb_rule_bind_keys(edb_read_rules *rules, edb_rule *rule, edb_error *error) {
  rule->first_key = rules->keys.length;
  for (uint32_t i = 0; i < n_attributes(rule->sig); i++) {
    if (!edb_vec_push(rules->reader->ctx, &rules->keys, EDB_BIND_NONE))
      return edb_fail_memory(error, sizeof(uint32_t), "a read rule");
  }
  EDB_TRY(fill_all(rules, rule, error));
  for (uint32_t i = 0; i < n_attributes(rule->sig); i++) {
    if (rules->keys.data[rule->first_key + i] != EDB_BIND_NONE || is_label(rule->sig, i)) continue;
    return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_FORMAT,
                               "nothing fills attribute", attribute_name(rule->sig, i),
                               "an argument for it");
  }
  return EDB_OK;
}
