/* data/lattices.c: the reader of lattices of characters and words.
 *
 *     2                      number of lattices
 *     3                      positions of this one
 *     0 4 4                  a tag for each
 *     0                      arcs that end at position 0: none
 *     1 0 17                 at 1: one, from 0 with id 17; from the position before: a character
 *     2 1 8 0 305            at 2: a character from 1, and a word from 0
 *
 * The lines of a lattice stand together; blank lines stand between lattices. */
#include "data/lines.h"

#include <stdio.h>

typedef struct edb_lattices {
  edb_context *ctx;
  edb_read_rules rules;
  edb_lines lines;
  edb_span line; /* that is being read */
  EDB_VEC(edb_atom) tags;
  EDB_VEC(edb_rule_node) states; /* of the positions so far */
  EDB_VEC(edb_rule_node) arcs;   /* into this position */
} edb_lattices;

/* ---- Numbers
 * ------------------------------------------------------------------------------------- */

/* A whole number below `limit`. */
static edb_status parse_number(const edb_lattices *l, const edb_atom *atom, uint32_t limit,
                               const char *what, uint32_t *out, edb_error *error) {
  uint64_t value = 0;
  for (size_t i = 0; i < atom->length; i++) {
    char c = atom->text[i];
    if (c < '0' || c > '9') return edb_fail_atom(l->rules.reader->name, atom, what, error);
    if (value <= UINT32_MAX) value = value * 10 + (uint64_t)(c - '0');
  }
  *out = (uint32_t)value;
  if (value < limit) return EDB_OK;
  char expected[96];
  (void)snprintf(expected, sizeof expected, "%s below %u", what, limit);
  return edb_fail_atom(l->rules.reader->name, atom, expected, error);
}

static edb_status next_atom(edb_lattices *l, const char *what, edb_atom *out, edb_error *error) {
  if (edb_span_word(&l->line, out)) return EDB_OK;
  return edb_fail_span(l->rules.reader->name, &l->line, "the end of the line", what, error);
}

static edb_status end_line(edb_lattices *l, edb_error *error) {
  edb_atom more;
  if (!edb_span_word(&l->line, &more)) return EDB_OK;
  return edb_fail_atom(l->rules.reader->name, &more, "the end of the line", error);
}

/* The next line, which must be there and belong to the same lattice. */
static edb_status next_line(edb_lattices *l, const char *what, edb_error *error) {
  const edb_reader *reader = l->rules.reader;
  if (!edb_lines_next(&l->lines, &l->line)) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, reader->name, l->lines.line, 0,
                       "found the end of the text, expected %s", what);
  }
  if (!edb_span_is_blank(&l->line)) return EDB_OK;
  return edb_fail_span(reader->name, &l->line, "a blank line", what, error);
}

/* A line that is one number. */
static edb_status read_count(edb_lattices *l, const char *what, uint32_t *out, edb_error *error) {
  edb_atom atom;
  EDB_TRY(next_atom(l, what, &atom, error));
  EDB_TRY(parse_number(l, &atom, UINT32_MAX, what, out, error));
  return end_line(l, error);
}

/* ---- One lattice
 * ---------------------------------------------------------------------------------- */

static edb_status read_tags(edb_lattices *l, uint32_t count, edb_error *error) {
  l->tags.length = 0;
  EDB_TRY(next_line(l, "a line of tags", error));
  for (uint32_t i = 0; i < count; i++) {
    edb_atom tag;
    EDB_TRY(next_atom(l, "a tag for each position", &tag, error));
    if (!edb_vec_push(l->ctx, &l->tags, tag))
      return edb_fail_memory(error, sizeof tag, "the tags of a lattice");
  }
  return end_line(l, error);
}

static edb_status fail_rule(const edb_lattices *l, const char *found, uint32_t kind,
                            edb_error *error) {
  char expected[192];
  (void)snprintf(expected, sizeof expected, "what model \"%.64s\" has a rule \"%s -> ...\" for",
                 edb_model_name(l->rules.reader->model), l->rules.form->patterns[kind].usage);
  return edb_fail_span(l->rules.reader->name, &l->line, found, expected, error);
}

/* from id: the call of `char` or `word`. */
static edb_status read_arc(edb_lattices *l, uint32_t position, edb_error *error) {
  edb_atom from, id;
  uint32_t state = 0;
  edb_rule_node node = {.node = 0};
  EDB_TRY(next_atom(l, "the position that an arc comes from", &from, error));
  EDB_TRY(parse_number(l, &from, position, "a position", &state, error));
  EDB_TRY(next_atom(l, "the id of an arc", &id, error));
  uint32_t kind = state + 1 == position ? EDB_LATTICE_CHAR : EDB_LATTICE_WORD;
  const edb_rule *rule = edb_read_rules_next(&l->rules, kind, NULL);
  if (rule == NULL) {
    return fail_rule(l, kind == EDB_LATTICE_CHAR ? "the arc of a character" : "the arc of a word",
                     kind, error);
  }
  edb_rule_args args = {.bound = &l->states.data[state],
                        .n_bound = 1,
                        .place = edb_reader_place(l->rules.reader, from.line, from.column)};
  args.atoms[EDB_OFFER_ID] = &id;
  EDB_TRY(edb_rule_apply(&l->rules, rule, &args, &node, error));
  if (edb_vec_push(l->ctx, &l->arcs, node)) return EDB_OK;
  return edb_fail_memory(error, sizeof node, "the arcs of a position");
}

/* The state of the position whose arcs have been read. A single arc that no rule merges is the
 * state itself. */
static edb_status make_state(edb_lattices *l, edb_place place, edb_rule_node *state,
                             edb_error *error) {
  size_t n = l->arcs.length;
  edb_rule_args args = {.bound = l->arcs.data, .n_bound = n, .place = place};
  const edb_rule *rule = n == 0 ? edb_read_rules_next(&l->rules, EDB_LATTICE_START, NULL)
                                : edb_read_rules_choose(&l->rules, EDB_LATTICE_MERGE, n);
  if (rule != NULL) return edb_rule_apply(&l->rules, rule, &args, state, error);
  if (n != 1) return fail_rule(l, "several arcs", EDB_LATTICE_MERGE, error);
  *state = l->arcs.data[0];
  return EDB_OK;
}

static edb_status call_every(edb_lattices *l, const edb_rule_node *state, const edb_atom *tag,
                             edb_place place, edb_error *error) {
  edb_rule_node ignored = {.node = 0};
  edb_rule_args args = {.bound = state, .n_bound = 1, .place = place};
  args.atoms[EDB_OFFER_TAG] = tag;
  const edb_rule *rule = NULL;
  while ((rule = edb_read_rules_next(&l->rules, EDB_LATTICE_EVERY, rule)) != NULL)
    EDB_TRY(edb_rule_apply(&l->rules, rule, &args, &ignored, error));
  return EDB_OK;
}

static edb_status read_position(edb_lattices *l, uint32_t position, edb_error *error) {
  uint32_t n_arcs = 0;
  edb_atom count;
  edb_rule_node state = {.node = 0};
  EDB_TRY(next_line(l, "the arcs of a position", error));
  EDB_TRY(next_atom(l, "a number of arcs", &count, error));
  EDB_TRY(parse_number(l, &count, UINT32_MAX, "a number of arcs", &n_arcs, error));
  edb_place place = edb_reader_place(l->rules.reader, count.line, count.column);
  l->arcs.length = 0;
  for (uint32_t i = 0; i < n_arcs; i++) EDB_TRY(read_arc(l, position, error));
  EDB_TRY(end_line(l, error));
  EDB_TRY(make_state(l, place, &state, error));
  if (!edb_vec_push(l->ctx, &l->states, state))
    return edb_fail_memory(error, sizeof state, "the positions of a lattice");
  return call_every(l, &state, &l->tags.data[position], place, error);
}

/* At the line with the number of positions. */
static edb_status read_lattice(edb_lattices *l, edb_error *error) {
  uint32_t n = 0;
  EDB_TRY(edb_reader_begin(l->rules.reader, error));
  EDB_TRY(read_count(l, "a number of positions", &n, error));
  if (n == 0)
    return edb_fail_span(l->rules.reader->name, &l->line, "no positions", "1 or more", error);
  EDB_TRY(read_tags(l, n, error));
  l->states.length = 0;
  for (uint32_t i = 0; i < n; i++) EDB_TRY(read_position(l, i, error));
  return EDB_OK;
}

/* ---- The file
 * ------------------------------------------------------------------------------------- */

/* The next line that is not blank. */
static bool find_line(edb_lattices *l) {
  while (edb_lines_next(&l->lines, &l->line)) {
    if (!edb_span_is_blank(&l->line)) return true;
  }
  return false;
}

/* A bad lattice ends with a blank line. */
static void skip_lattice(edb_lattices *l) {
  bool blank = false;
  while (!blank) {
    l->line.at = l->line.line_start; /* it was read in part */
    blank = edb_span_is_blank(&l->line) || !edb_lines_next(&l->lines, &l->line);
  }
}

static edb_status fail_total(const edb_lattices *l, uint32_t total, uint32_t found,
                             edb_error *error) {
  if (found > total)
    return edb_fail_span(l->rules.reader->name, &l->line, "another lattice",
                         "as many as the first line says", error);
  return edb_fail_at(error, EDB_ERROR_FORMAT, l->rules.reader->name, l->lines.line, 0,
                     "found the end of the text after %u lattice%s, expected %u, as the first line "
                     "says",
                     found, EDB_S(found), total);
}

static edb_status read_all(edb_lattices *l, edb_error *error) {
  edb_reader *reader = l->rules.reader;
  uint32_t total = 0, found = 0;
  if (!find_line(l)) return EDB_OK;
  EDB_TRY(read_count(l, "a number of lattices", &total, error));
  while (!edb_reader_full(reader) && find_line(l)) {
    if (++found > total && !reader->params.skip_bad) return fail_total(l, total, found, error);
    edb_status status = read_lattice(l, error);
    if (status == EDB_OK) {
      EDB_TRY(edb_reader_commit(reader, NULL, error));
      continue;
    }
    if (!edb_reader_skips(reader, status, error)) return status;
    skip_lattice(l);
  }
  if (edb_reader_full(reader) || found >= total || reader->params.skip_bad) return EDB_OK;
  return fail_total(l, total, found, error);
}

edb_status edb_read_lattices(edb_reader *reader, edb_error *error) {
  edb_lattices l = {.ctx = reader->ctx, .lines = {reader->text, reader->end, 0}};
  edb_status status = edb_read_rules_compile(&l.rules, reader, &edb_form_lattices, error);
  if (status == EDB_OK) status = read_all(&l, error);
  edb_read_rules_free(&l.rules);
  edb_vec_free(l.ctx, &l.tags);
  edb_vec_free(l.ctx, &l.states);
  edb_vec_free(l.ctx, &l.arcs);
  return status;
}
