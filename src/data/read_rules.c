/* data/read_rules.c: compiling the `read` section of a model for one form of data. */
#include "data/read_rules.h"

#include <string.h>

edb_status edb_read_rules_fail(const edb_read_rules *rules, const edb_read_rule *source,
                               edb_error *error, edb_status status, const char *what,
                               const char *name, const char *expected) {
  return edb_fail_at(error, status, rules->file, source->line, source->column,
                     "rule \"%s\" of \"read %s\": %s \"%s\", expected %s", source->pattern,
                     source->reader, what, name, expected);
}

/* ---- Patterns ------------------------------------------------------------------------------ */

const edb_rule *edb_read_rules_next(const edb_read_rules *rules, uint32_t kind,
                                    const edb_rule *after) {
  for (size_t i = after != NULL ? (size_t)(after - rules->rules.data) + 1 : 0;
       i < rules->rules.length; i++) {
    if (rules->rules.data[i].kind == kind) return &rules->rules.data[i];
  }
  return NULL;
}

static edb_status find_pattern(const edb_read_rules *rules, const edb_read_rule *source,
                               uint32_t *kind, edb_error *error) {
  const edb_form *form = rules->form;
  for (*kind = 0; *kind < form->n_patterns; ++*kind) {
    const edb_pattern *pattern = &form->patterns[*kind];
    if (!pattern->open && strcmp(pattern->name, source->pattern) == 0) return EDB_OK;
  }
  for (*kind = 0; *kind < form->n_patterns; ++*kind) {
    if (form->patterns[*kind].open) return EDB_OK;
  }
  return edb_read_rules_fail(rules, source, error, EDB_ERROR_NAME, "found pattern", source->pattern,
                             form->pattern_names);
}

/* Only the last bound name can be a rest name. */
static bool has_rest(const edb_read_rule *source) {
  return source->n_bound > 0 && source->bound[source->n_bound - 1].rest;
}

static edb_status check_bound(const edb_read_rules *rules, const edb_read_rule *source,
                              const edb_pattern *pattern, edb_error *error) {
  if (source->n_bound < pattern->min_bound || source->n_bound > pattern->max_bound) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, source->line, source->column,
                       "found %u name%s in pattern \"%s\", expected %s", source->n_bound,
                       EDB_S(source->n_bound), pattern->name, pattern->usage);
  }
  if (!pattern->rest && has_rest(source)) {
    return edb_read_rules_fail(rules, source, error, EDB_ERROR_FORMAT, "found \"...\" after",
                               source->bound[source->n_bound - 1].name, pattern->usage);
  }
  return EDB_OK;
}

static edb_status check_repeated(const edb_read_rules *rules, uint32_t kind,
                                 const edb_read_rule *source, edb_error *error) {
  const edb_pattern *pattern = &rules->form->patterns[kind];
  const edb_rule *other = edb_read_rules_next(rules, kind, NULL);
  while (other != NULL && pattern->by_arity &&
         (other->n_slots != source->n_bound || other->rest != has_rest(source) ||
          !edb_read_name_is(other->source->pattern, source->pattern, strlen(source->pattern)))) {
    other = edb_read_rules_next(rules, kind, other);
  }
  if (other == NULL || !(pattern->single || pattern->by_arity)) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_NAME, rules->file, source->line, source->column,
                     "found a second rule for the same \"%s\"; the first is on line %u",
                     source->pattern, other->source->line);
}

static edb_status add_rule(edb_read_rules *rules, const edb_read_rule *source, edb_error *error) {
  uint32_t kind = 0;
  EDB_TRY(find_pattern(rules, source, &kind, error));
  EDB_TRY(check_bound(rules, source, &rules->form->patterns[kind], error));
  EDB_TRY(check_repeated(rules, kind, source, error));
  edb_rule rule = {.source = source,
                   .sig = &rules->reader->schema->types[source->cell],
                   .pattern = &rules->form->patterns[kind],
                   .kind = kind,
                   .cell = source->cell,
                   .n_slots = source->n_bound,
                   .rest = has_rest(source),
                   .start = EDB_BIND_NONE};
  if (edb_vec_push(rules->reader->ctx, &rules->rules, rule)) return EDB_OK;
  return edb_fail_memory(error, sizeof rule, "a read rule");
}

static edb_status check_required(const edb_read_rules *rules, edb_error *error) {
  for (uint32_t k = 0; k < rules->form->n_patterns; k++) {
    const edb_pattern *pattern = &rules->form->patterns[k];
    if (!pattern->required || edb_read_rules_next(rules, k, NULL) != NULL) continue;
    return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, rules->line, rules->column,
                       "model \"%s\" has no rule \"%s -> ...\" under \"read %s:\", which %s need",
                       edb_model_name(rules->reader->model), pattern->usage, rules->form->name,
                       rules->form->name);
  }
  if (rules->rules.length > 0) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, 0, 0, "model \"%s\" has no \"read %s:\"",
                     edb_model_name(rules->reader->model), rules->form->name);
}

/* ---- Chains -------------------------------------------------------------------------------- */

static bool names_cell(const edb_read_rule *source, const char *cell) {
  for (uint32_t i = 0; i < source->n_bound; i++) {
    if (strcmp(source->bound[i].name, cell) == 0) return true;
  }
  return false;
}

/* The `start` rule that names the cell, else the one that names none. */
static uint32_t find_start(const edb_read_rules *rules, const edb_rule *rule) {
  uint32_t found = EDB_BIND_NONE;
  for (uint32_t i = 0; i < rules->rules.length; i++) {
    const edb_rule *start = &rules->rules.data[i];
    if (!start->pattern->names_cells) continue;
    if (names_cell(start->source, rule->sig->name)) return i;
    if (start->n_slots == 0) found = i;
  }
  return found;
}

/* The rule of pattern `continues` with as many of its kind before it as this rule has. */
static uint32_t find_continued(const edb_read_rules *rules, const edb_rule *rule) {
  uint32_t rank = 0;
  for (const edb_rule *r = rules->rules.data; r < rule; r++) rank += r->kind == rule->kind;
  for (uint32_t i = 0; i < rules->rules.length; i++) {
    if ((rule->pattern->continues & EDB_BIT(rules->rules.data[i].kind)) && rank-- == 0) return i;
  }
  return EDB_BIND_NONE;
}

static edb_status link_chain(edb_read_rules *rules, edb_rule *rule, edb_error *error) {
  if (!rule->pattern->chain) return EDB_OK;
  rule->start = find_start(rules, rule);
  if (rule->start == EDB_BIND_NONE) rule->start = find_continued(rules, rule);
  if (rule->start != EDB_BIND_NONE) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, rule->source->line, rule->source->column,
                     "nothing stands for \"%s\" where a chain of cell \"%s\" begins, expected a "
                     "rule \"start(%s) -> ...\" or \"start -> ...\"",
                     rule->source->bound[0].name, rule->sig->name, rule->sig->name);
}

/* The names that a `start` rule binds are cells of chains. */
static edb_status check_start(const edb_read_rules *rules, const edb_rule *rule, edb_error *error) {
  for (uint32_t i = 0; rule->pattern->names_cells && i < rule->n_slots; i++) {
    bool found = false;
    for (size_t k = 0; k < rules->rules.length; k++) {
      const edb_rule *chain = &rules->rules.data[k];
      found = found ||
              (chain->pattern->chain && strcmp(chain->sig->name, rule->source->bound[i].name) == 0);
    }
    if (!found) {
      return edb_read_rules_fail(rules, rule->source, error, EDB_ERROR_NAME, "found",
                                 rule->source->bound[i].name,
                                 "a cell that is called along a chain");
    }
  }
  return EDB_OK;
}

/* ---- All of it ----------------------------------------------------------------------------- */

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
  for (uint32_t i = 0; i < dense; i++) rules->dense.data[i] = NULL; /* most forms have none */
  return EDB_OK;
}

edb_status edb_read_rules_compile(edb_read_rules *rules, edb_reader *reader, const edb_form *form,
                                  edb_error *error) {
  *rules =
      (edb_read_rules){.reader = reader, .form = form, .file = edb_model_file_name(reader->model)};
  uint32_t count = 0;
  const edb_read_rule *sources = edb_model_read_rules(reader->model, &count);
  for (uint32_t i = 0; i < count; i++) {
    if (strcmp(sources[i].reader, form->name) != 0) continue;
    if (rules->line == 0) {
      rules->line = sources[i].line;
      rules->column = sources[i].column;
    }
    EDB_TRY(add_rule(rules, &sources[i], error));
  }
  EDB_TRY(check_required(rules, error));
  for (size_t i = 0; i < rules->rules.length; i++) {
    EDB_TRY(check_start(rules, &rules->rules.data[i], error));
    EDB_TRY(link_chain(rules, &rules->rules.data[i], error));
  }
  for (size_t i = 0; i < rules->rules.length; i++) {
    EDB_TRY(edb_rule_bind(rules, &rules->rules.data[i], error));
    if (!edb_vec_push(reader->ctx, &rules->current, (edb_rule_node){.cell = EDB_BIND_NONE})) {
      return edb_fail_memory(error, sizeof(edb_rule_node), "a read rule");
    }
  }
  return reserve_call(rules, error);
}

void edb_read_rules_free(edb_read_rules *rules) {
  edb_context *ctx = rules->reader->ctx;
  edb_vec_free(ctx, &rules->rules);
  edb_vec_free(ctx, &rules->sources);
  edb_vec_free(ctx, &rules->source_start);
  edb_vec_free(ctx, &rules->outputs);
  edb_vec_free(ctx, &rules->offers);
  edb_vec_free(ctx, &rules->keys);
  edb_vec_free(ctx, &rules->key_names);
  edb_vec_free(ctx, &rules->current);
  edb_vec_free(ctx, &rules->values);
  edb_vec_free(ctx, &rules->arities);
  edb_vec_free(ctx, &rules->indices);
  edb_vec_free(ctx, &rules->dense);
}
