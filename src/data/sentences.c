/* data/sentences.c: the readers of lines of words: tagged tokens, plain text, pairs of lines. */
#include "data/chains.h"

#include <string.h>

/* ---- What they share --------------------------------------------------------------------------
 */

/* Takes the instance that the line's items make. */
static edb_status take_line(edb_chains *chains, edb_error *error) {
  edb_reader *reader = chains->rules.reader;
  EDB_TRY(edb_reader_begin(reader, error));
  return edb_chains_run(chains, error);
}

/* Items of one line; the second span is the target of a pair. */
typedef edb_status edb_line_fn(edb_chains *chains, edb_span line, edb_span second,
                               edb_error *error);

/* Counts all words, so that each is known or rare from its first place on. */
static edb_status count_words(edb_chains *chains, edb_line_fn *add, edb_error *error) {
  edb_reader *reader = chains->rules.reader;
  edb_lines lines = {reader->text, reader->end, 0};
  edb_span line;
  if (!chains->spells || !reader->grows) return EDB_OK;
  while (edb_lines_next(&lines, &line)) {
    edb_error unread;
    edb_chains_clear(chains);
    if (add(chains, line, line, &unread) == EDB_ERROR_MEMORY)
      return edb_fail(error, EDB_ERROR_MEMORY, "%s", unread.text);
    const edb_chain_items *tokens = &chains->items[EDB_SEQUENCE_TOKENS];
    for (size_t i = 0; i < tokens->length; i++)
      EDB_TRY(edb_chains_count(chains, &tokens->data[i].word, error));
  }
  return EDB_OK;
}

static edb_status read_line(edb_chains *chains, edb_span line, edb_span second, edb_line_fn *add,
                            edb_error *error) {
  edb_reader *reader = chains->rules.reader;
  edb_chains_clear(chains);
  chains->place[EDB_SEQUENCE_TOKENS] = edb_reader_place(reader, line.line, 1);
  chains->place[EDB_SEQUENCE_TARGET] = (edb_place){reader->second.name, second.line, 1};
  edb_status status = add(chains, line, second, error);
  if (status == EDB_OK) status = take_line(chains, error);
  if (status == EDB_OK) return edb_reader_commit(reader, NULL, error);
  return edb_reader_skips(reader, status, error) ? EDB_OK : status;
}

static edb_status read_lines(edb_chains *chains, edb_line_fn *add, edb_error *error) {
  edb_reader *reader = chains->rules.reader;
  edb_lines lines = {reader->text, reader->end, 0};
  edb_span line;
  EDB_TRY(count_words(chains, add, error));
  while (!edb_reader_full(reader) && edb_lines_next(&lines, &line)) {
    if (!edb_span_is_blank(&line)) EDB_TRY(read_line(chains, line, line, add, error));
  }
  return EDB_OK;
}

/* ---- Tags
 * ----------------------------------------------------------------------------------------- */

/* word|TAG; the last bar counts, and without one there is no tag. */
static edb_status split_tag(const edb_chains *chains, const edb_atom *token, edb_chain_item *item,
                            edb_error *error) {
  *item = (edb_chain_item){.word = *token};
  size_t bar = token->length;
  while (bar > 0 && token->text[bar - 1] != '|') bar--;
  if (bar == 0) return EDB_OK;
  item->word.length = bar - 1;
  item->tag = (edb_atom){token->text + bar, token->length - bar, token->line,
                         token->column + (uint32_t)bar};
  if (item->word.length > 0 && item->tag.length > 0) return EDB_OK;
  return edb_fail_atom(chains->rules.reader->name, token, "word|TAG", error);
}

static edb_status add_tags(edb_chains *chains, edb_span line, edb_span second, edb_error *error) {
  edb_atom token;
  (void)second;
  while (edb_span_word(&line, &token)) {
    edb_chain_item item;
    EDB_TRY(split_tag(chains, &token, &item, error));
    EDB_TRY(edb_chains_add(chains, EDB_SEQUENCE_TOKENS, item, error));
  }
  return EDB_OK;
}

/* ---- Text
 * ----------------------------------------------------------------------------------------- */

/* Steps that each have a word and the word after it: <s> a b </s> are three. */
static edb_status add_steps(edb_chains *chains, edb_span line, edb_sequence_id sequence,
                            edb_error *error) {
  edb_atom begin = {"<s>", 3, line.line, 1};
  edb_chain_item item = {.word = begin};
  while (edb_span_word(&line, &item.next)) {
    EDB_TRY(edb_chains_add(chains, sequence, item, error));
    item.word = item.next;
  }
  item.next = (edb_atom){"</s>", 4, line.line, (uint32_t)(line.end - line.line_start) + 1};
  return edb_chains_add(chains, sequence, item, error);
}

static edb_status add_text(edb_chains *chains, edb_span line, edb_span second, edb_error *error) {
  (void)second;
  return add_steps(chains, line, EDB_SEQUENCE_TOKENS, error);
}

/* ---- Pairs
 * ---------------------------------------------------------------------------------------- */

static edb_status add_pair(edb_chains *chains, edb_span source, edb_span target, edb_error *error) {
  const edb_reader *reader = chains->rules.reader;
  edb_chain_item item = {.word = {.text = NULL}};
  if (edb_span_is_blank(&source) || edb_span_is_blank(&target)) {
    bool first = edb_span_is_blank(&source);
    return edb_fail_span(first ? reader->name : reader->second.name, first ? &source : &target,
                         first ? "no source" : "no target", "words on both sides", error);
  }
  while (edb_span_word(&source, &item.word))
    EDB_TRY(edb_chains_add(chains, EDB_SEQUENCE_TOKENS, item, error));
  return add_steps(chains, target, EDB_SEQUENCE_TARGET, error);
}

/* source<tab>target on one line. */
static edb_status add_tabbed(edb_chains *chains, edb_span line, edb_span second, edb_error *error) {
  const edb_reader *reader = chains->rules.reader;
  const char *tab = memchr(line.at, '\t', (size_t)(line.end - line.at));
  if (tab == NULL) return edb_fail_span(reader->name, &line, "no tab", "source<tab>target", error);
  second.at = tab + 1;
  line.end = tab;
  return add_pair(chains, line, second, error);
}

/* A line of one file belongs to the same line of the other. */
static edb_status read_two(edb_chains *chains, edb_error *error) {
  edb_reader *reader = chains->rules.reader;
  edb_lines sources = {reader->text, reader->end, 0};
  edb_lines targets = {reader->second.text, reader->second.end, 0};
  while (!edb_reader_full(reader)) {
    edb_span source, target;
    bool more = edb_lines_next(&sources, &source), other = edb_lines_next(&targets, &target);
    if (!more && !other) return EDB_OK;
    if (more != other) {
      const edb_span *line = more ? &source : &target;
      if (edb_span_is_blank(line)) continue;
      return edb_fail_span(more ? reader->name : reader->second.name, line,
                           "a line more than the other file has", "as many lines in both", error);
    }
    if (edb_span_is_blank(&source) && edb_span_is_blank(&target)) continue;
    EDB_TRY(read_line(chains, source, target, add_pair, error));
  }
  return EDB_OK;
}

static edb_status read_pairs(edb_chains *chains, edb_line_fn *add, edb_error *error) {
  edb_reader *reader = chains->rules.reader;
  if (reader->second.name != NULL) return read_two(chains, error);
  reader->second.name = reader->name;
  return read_lines(chains, add, error);
}

/* ---- The readers
 * ---------------------------------------------------------------------------------- */

static edb_status read_by_rules(edb_reader *reader, const edb_form *form, edb_line_fn *add,
                                edb_error *error) {
  edb_chains chains;
  edb_status status = edb_chains_open(&chains, reader, form, error);
  if (status == EDB_OK && form == &edb_form_pairs)
    status = read_pairs(&chains, add, error);
  else if (status == EDB_OK)
    status = read_lines(&chains, add, error);
  edb_chains_free(&chains);
  return status;
}

edb_status edb_read_tags(edb_reader *reader, edb_error *error) {
  return read_by_rules(reader, &edb_form_tags, add_tags, error);
}

edb_status edb_read_text(edb_reader *reader, edb_error *error) {
  return read_by_rules(reader, &edb_form_text, add_text, error);
}

edb_status edb_read_pairs(edb_reader *reader, edb_error *error) {
  return read_by_rules(reader, &edb_form_pairs, add_tabbed, error);
}
