/* data/chains.c: rules that run along sequences. */
#include "data/chains.h"

#include <string.h>

#include "base/utf8.h"

#define DEFAULT_MIN_COUNT 5
#define PADDING           "<*>" /* before the first character of a word and behind its last */

/* ---- Opening
 * ------------------------------------------------------------------------------------- */

/* Where rare words are spelt, the others come in by `known` alone: its vocabulary is what tells
 * them apart. */
static edb_status open_spelling(edb_chains *chains, edb_error *error) {
  edb_read_rules *rules = &chains->rules;
  const edb_rule *known = edb_read_rules_next(rules, EDB_KNOWN, NULL);
  const edb_rule *rare = edb_read_rules_next(rules, EDB_RARE, NULL);
  chains->vocab = EDB_BIND_NONE;
  chains->spells = rare != NULL;
  for (uint32_t i = 0; known != NULL && i < known->sig->n_indices; i++) {
    if (rules->offers.data[known->first_offer + i] != EDB_OFFER_WORD) continue;
    chains->vocab = edb_model_index_vocab(rules->reader->model, known->cell, i);
  }
  if (rare == NULL || chains->vocab != EDB_BIND_NONE) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_FORMAT, rules->file, rare->source->line, rare->source->column,
                     "found \"rare\" without a rule \"known -> ...\" that takes the word, by whose "
                     "vocabulary words are known");
}

/* The call before a chain's first one must not need the chain itself. */
static edb_status check_starts(const edb_read_rules *rules, edb_error *error) {
  for (size_t i = 0; i < rules->rules.length; i++) {
    const edb_rule *rule = &rules->rules.data[i];
    if (!rule->pattern->chain || rule->pattern->sequence == EDB_SEQUENCE_TARGET) continue;
    const edb_rule *start = &rules->rules.data[rule->start];
    const size_t *range = rules->source_start.data + start->first_source;
    if (range[0] == range[start->sig->n_inputs]) continue;
    return edb_fail_at(
        error, EDB_ERROR_FORMAT, rules->file, start->source->line, start->source->column,
        "this is what a chain of cell \"%s\" begins with, so it cannot take calls of "
        "a source; expected a rule \"start(%s) -> ...\" without inputs",
        rule->sig->name, rule->sig->name);
  }
  return EDB_OK;
}

/* Patterns of trees and lattices have no sequence; the numbers of theirs mean something else. */
static bool has_spelling(const edb_form *form) {
  return form->patterns == edb_form_tags.patterns;
}

edb_status edb_chains_open(edb_chains *chains, edb_reader *reader, const edb_form *form,
                           edb_error *error) {
  *chains = (edb_chains){.ctx = reader->ctx, .vocab = EDB_BIND_NONE};
  edb_map_init(&chains->counts, reader->ctx);
  EDB_TRY(edb_read_rules_compile(&chains->rules, reader, form, error));
  EDB_TRY(check_starts(&chains->rules, error));
  return has_spelling(form) ? open_spelling(chains, error) : EDB_OK;
}

void edb_chains_free(edb_chains *chains) {
  for (int i = 0; i < EDB_SEQUENCE_COUNT; i++) edb_vec_free(chains->ctx, &chains->items[i]);
  edb_read_rules_free(&chains->rules);
  edb_vec_free(chains->ctx, &chains->calls);
  edb_vec_free(chains->ctx, &chains->spelt);
  edb_vec_free(chains->ctx, &chains->started);
  edb_map_free(&chains->counts);
}

/* ---- Items
 * ---------------------------------------------------------------------------------------- */

void edb_chains_clear(edb_chains *chains) {
  for (int i = 0; i < EDB_SEQUENCE_COUNT; i++) chains->items[i].length = 0;
}

edb_status edb_chains_add(edb_chains *chains, edb_sequence_id sequence, edb_chain_item item,
                          edb_error *error) {
  if (edb_vec_push(chains->ctx, &chains->items[sequence], item)) return EDB_OK;
  return edb_fail_memory(error, sizeof item, "the tokens of a line");
}

edb_status edb_chains_count(edb_chains *chains, const edb_atom *word, edb_error *error) {
  uint32_t count = edb_map_get(&chains->counts, word->text, word->length);
  if (edb_map_put(&chains->counts, word->text, word->length, count == EDB_MAP_NONE ? 1 : count + 1))
    return EDB_OK;
  return edb_fail_memory(error, word->length, "the words of a file");
}

/* A word is known when it is in the vocabulary, or comes into it: often enough in the file. */
static bool is_known(const edb_chains *chains, const edb_atom *word) {
  const edb_reader *reader = chains->rules.reader;
  if (!chains->spells) return true;
  uint32_t id = edb_model_vocab_find(reader->model, chains->vocab, word->text, word->length);
  const char *found =
      id == EDB_BIND_NONE ? NULL : edb_model_vocab_word(reader->model, chains->vocab, id);
  if (found != NULL && strlen(found) == word->length &&
      memcmp(found, word->text, word->length) == 0)
    return true;
  uint32_t least = reader->params.min_count != 0 ? reader->params.min_count : DEFAULT_MIN_COUNT;
  uint32_t count = edb_map_get(&chains->counts, word->text, word->length);
  return reader->grows && count != EDB_MAP_NONE && count >= least;
}

/* The characters of a word, padded at both ends. Bytes that are no UTF-8 stand for themselves; as
 * words they are refused. */
static edb_status add_chars(edb_chains *chains, const edb_atom *word, edb_error *error) {
  static const char padding[] = PADDING;
  edb_chain_item pad = {.word = {padding, sizeof padding - 1, word->line, word->column}};
  chains->items[EDB_SEQUENCE_CHARS].length = 0;
  EDB_TRY(edb_chains_add(chains, EDB_SEQUENCE_CHARS, pad, error));
  for (size_t at = 0; at < word->length;) {
    size_t bytes = edb_utf8_length(word->text + at, word->text + word->length);
    if (bytes == 0) bytes = 1;
    edb_atom c = {word->text + at, bytes, word->line, word->column + (uint32_t)at};
    EDB_TRY(edb_chains_add(chains, EDB_SEQUENCE_CHARS, (edb_chain_item){.word = c}, error));
    at += bytes;
  }
  return edb_chains_add(chains, EDB_SEQUENCE_CHARS, pad, error);
}

/* ---- Calls
 * ---------------------------------------------------------------------------------------- */

static edb_rule_node *call_at(const edb_chains *chains, const edb_rule *rule, size_t item) {
  return &chains->calls.data[(size_t)(rule - chains->rules.rules.data) * chains->stride + item];
}

static const edb_rule_node *last_call(const edb_chains *chains, const edb_rule *rule) {
  size_t n = chains->items[rule->pattern->sequence].length;
  return call_at(chains, rule, rule->pattern->backward ? 0 : n - 1);
}

/* Looks up the calls that cells' names among the arguments mean. */
static void find_current(edb_chains *chains, const edb_rule *rule, size_t item) {
  edb_read_rules *rules = &chains->rules;
  const size_t *range = rules->source_start.data + rule->first_source;
  for (size_t s = range[0]; s < range[rule->sig->n_inputs]; s++) {
    const edb_rule_source *source = &rules->sources.data[s];
    if (!source->cell) continue;
    const edb_rule *named = &rules->rules.data[source->slot];
    bool here = named->pattern->sequence == rule->pattern->sequence;
    rules->current.data[source->slot] =
        here ? *call_at(chains, named, item) : *last_call(chains, named);
  }
}

static edb_status apply_at(edb_chains *chains, const edb_rule *rule, size_t item,
                           const edb_rule_node *bound, size_t n_bound, const edb_chain_item *what,
                           edb_rule_node *node, edb_error *error) {
  edb_rule_args args = {
      .bound = bound, .n_bound = n_bound, .place = chains->place[rule->pattern->sequence]};
  if (what != NULL) {
    args.atoms[EDB_OFFER_WORD] = args.atoms[EDB_OFFER_CHAR] = &what->word;
    args.atoms[EDB_OFFER_TAG] = &what->tag;
    args.atoms[EDB_OFFER_NEXT] = &what->next;
    args.place.line = what->word.line;
    args.place.column = what->word.column;
  }
  find_current(chains, rule, item);
  return edb_rule_apply(&chains->rules, rule, &args, node, error);
}

/* What stands for the neighbour of a chain's first item. */
static edb_status find_start(edb_chains *chains, const edb_rule *rule, edb_rule_node *node,
                             edb_error *error) {
  const edb_rule *start = &chains->rules.rules.data[rule->start];
  if (!start->pattern->names_cells) {
    *node = *last_call(chains, start);
    return EDB_OK;
  }
  edb_rule_node *started = &chains->started.data[rule->start];
  if (started->cell == EDB_BIND_NONE)
    EDB_TRY(apply_at(chains, start, 0, NULL, 0, NULL, started, error));
  *node = *started;
  return EDB_OK;
}

static edb_status run_rule(edb_chains *chains, const edb_rule *rule, edb_error *error) {
  const edb_chain_items *items = &chains->items[rule->pattern->sequence];
  bool chain = rule->pattern->chain;
  edb_rule_node previous = {.node = 0}, bound[2];
  if (chain) EDB_TRY(find_start(chains, rule, &previous, error));
  for (size_t k = 0; k < items->length; k++) {
    size_t i = rule->pattern->backward ? items->length - 1 - k : k;
    edb_rule_node *node = call_at(chains, rule, i);
    size_t n_bound = 0;
    if (chain) bound[n_bound++] = previous;
    if (n_bound < rule->n_slots) bound[n_bound++] = chains->spelt.data[i];
    *node = (edb_rule_node){.node = 0};
    EDB_TRY(apply_at(chains, rule, i, bound, n_bound, &items->data[i], node, error));
    previous = *node;
  }
  return EDB_OK;
}

static edb_status run_sequence(edb_chains *chains, edb_sequence_id sequence, edb_error *error) {
  for (size_t r = 0; r < chains->rules.rules.length; r++) {
    const edb_rule *rule = &chains->rules.rules.data[r];
    if (rule->pattern->sequence == sequence) EDB_TRY(run_rule(chains, rule, error));
  }
  return EDB_OK;
}

/* ---- Instances
 * ------------------------------------------------------------------------------------ */

/* Room for the calls of all rules at all items, and of the longest word's characters. */
static edb_status reserve(edb_chains *chains, edb_error *error) {
  const edb_chain_items *tokens = &chains->items[EDB_SEQUENCE_TOKENS];
  size_t n_rules = chains->rules.rules.length, n = chains->items[EDB_SEQUENCE_TARGET].length;
  if (tokens->length > n) n = tokens->length;
  for (size_t i = 0; chains->spells && i < tokens->length; i++) {
    if (tokens->data[i].word.length + 2 > n) n = tokens->data[i].word.length + 2;
  }
  size_t all = 0;
  if (!edb_mul_size(n, n_rules, &all) || !edb_vec_reserve(chains->ctx, &chains->calls, all) ||
      !edb_vec_reserve(chains->ctx, &chains->spelt, tokens->length) ||
      !edb_vec_reserve(chains->ctx, &chains->started, n_rules)) {
    return edb_fail_memory(error, n * sizeof(edb_rule_node), "the calls of a line");
  }
  chains->stride = n;
  for (size_t r = 0; r < n_rules; r++) {
    chains->started.data[r] = (edb_rule_node){.cell = EDB_BIND_NONE};
  }
  return EDB_OK;
}

/* The calls of `known` and `rare`, before all others. */
static edb_status spell(edb_chains *chains, edb_error *error) {
  const edb_rule *known = edb_read_rules_next(&chains->rules, EDB_KNOWN, NULL);
  const edb_rule *rare = edb_read_rules_next(&chains->rules, EDB_RARE, NULL);
  const edb_chain_items *tokens = &chains->items[EDB_SEQUENCE_TOKENS];
  for (size_t i = 0; i < tokens->length; i++) {
    const edb_chain_item *token = &tokens->data[i];
    bool whole = is_known(chains, &token->word);
    chains->spelt.data[i] = (edb_rule_node){.node = 0};
    if (!whole) {
      EDB_TRY(add_chars(chains, &token->word, error));
      EDB_TRY(run_sequence(chains, EDB_SEQUENCE_CHARS, error));
    }
    EDB_TRY(
        apply_at(chains, whole ? known : rare, i, NULL, 0, token, &chains->spelt.data[i], error));
  }
  return EDB_OK;
}

edb_status edb_chains_run(edb_chains *chains, edb_error *error) {
  EDB_TRY(reserve(chains, error));
  chains->place[EDB_SEQUENCE_CHARS] = chains->place[EDB_SEQUENCE_NONE] =
      chains->place[EDB_SEQUENCE_TOKENS];
  if (chains->vocab != EDB_BIND_NONE) EDB_TRY(spell(chains, error));
  EDB_TRY(run_sequence(chains, EDB_SEQUENCE_TOKENS, error));
  return run_sequence(chains, EDB_SEQUENCE_TARGET, error);
}
