/* data/grids.c: the reader of triangular grids: a row of leaves, one per word of a line; over each
 * two neighbours an inner node; so on to the root.
 *
 *     3<tab>a fine film       a label and words; without a tab there is no label */
#include "data/lines.h"

#include <string.h>

typedef struct edb_grids {
  edb_context *ctx;
  edb_read_rules rules;
  EDB_VEC(edb_rule_node) row;
} edb_grids;

static edb_status call_all(edb_grids *grids, uint32_t kind, const edb_rule_node *node,
                           const edb_atom *label, edb_place place, edb_error *error) {
  edb_rule_node ignored = {.node = 0};
  edb_rule_args args = {.bound = node, .n_bound = 1, .place = place};
  args.atoms[EDB_OFFER_LABEL] = label;
  const edb_rule *rule = NULL;
  while ((rule = edb_read_rules_next(&grids->rules, kind, rule)) != NULL)
    EDB_TRY(edb_rule_apply(&grids->rules, rule, &args, &ignored, error));
  return EDB_OK;
}

static edb_status read_leaves(edb_grids *grids, edb_span line, edb_error *error) {
  edb_atom word;
  grids->row.length = 0;
  while (edb_span_word(&line, &word)) {
    edb_rule_node node = {.node = 0};
    edb_rule_args args = {.place = {grids->rules.reader->name, word.line, word.column}};
    args.atoms[EDB_OFFER_WORD] = &word;
    EDB_TRY(edb_rule_apply(&grids->rules, edb_read_rules_next(&grids->rules, EDB_LEAF, NULL), &args,
                           &node, error));
    EDB_TRY(call_all(grids, EDB_EVERY, &node, NULL, args.place, error));
    if (!edb_vec_push(grids->ctx, &grids->row, node))
      return edb_fail_memory(error, sizeof node, "a row of a grid");
  }
  return EDB_OK;
}

/* Each node of a row with its right neighbour makes one of the next, in the row's own place. */
static edb_status join_rows(edb_grids *grids, edb_place place, edb_error *error) {
  const edb_rule *rule = edb_read_rules_next(&grids->rules, EDB_INNER, NULL);
  for (; grids->row.length > 1; grids->row.length--) {
    for (size_t i = 0; i + 1 < grids->row.length; i++) {
      edb_rule_node node = {.node = 0};
      edb_rule_args args = {.bound = grids->row.data + i, .n_bound = 2, .place = place};
      EDB_TRY(edb_rule_apply(&grids->rules, rule, &args, &node, error));
      EDB_TRY(call_all(grids, EDB_EVERY, &node, NULL, place, error));
      grids->row.data[i] = node;
    }
  }
  return EDB_OK;
}

static edb_status read_grid(edb_grids *grids, edb_span line, edb_error *error) {
  edb_reader *reader = grids->rules.reader;
  edb_atom label = {.text = NULL};
  const char *tab = memchr(line.at, '\t', (size_t)(line.end - line.at));
  if (tab != NULL) {
    edb_span head = {line.at, tab, line.line_start, line.line};
    bool one = edb_span_word(&head, &label) && edb_span_is_blank(&head);
    if (!one)
      return edb_fail_span(reader->name, &line, "no single label", "label<tab>words", error);
    line.at = tab + 1;
  }
  edb_place place = edb_reader_place(reader, line.line, 1);
  EDB_TRY(edb_reader_begin(reader, error));
  EDB_TRY(read_leaves(grids, line, error));
  if (grids->row.length == 0) return edb_fail_span(reader->name, &line, "no words", "some", error);
  EDB_TRY(join_rows(grids, place, error));
  return call_all(grids, EDB_ROOT, &grids->row.data[0], &label, place, error);
}

static edb_status read_all(edb_grids *grids, edb_error *error) {
  edb_reader *reader = grids->rules.reader;
  edb_lines lines = {reader->text, reader->end, 0};
  edb_span line;
  while (!edb_reader_full(reader) && edb_lines_next(&lines, &line)) {
    if (edb_span_is_blank(&line)) continue;
    edb_status status = read_grid(grids, line, error);
    if (status == EDB_OK)
      EDB_TRY(edb_reader_commit(reader, NULL, error));
    else if (!edb_reader_skips(reader, status, error))
      return status;
  }
  return EDB_OK;
}

edb_status edb_read_grids(edb_reader *reader, edb_error *error) {
  edb_grids grids = {.ctx = reader->ctx};
  edb_status status = edb_read_rules_compile(&grids.rules, reader, &edb_form_grids, error);
  if (status == EDB_OK) status = read_all(&grids, error);
  edb_read_rules_free(&grids.rules);
  edb_vec_free(grids.ctx, &grids.row);
  return status;
}
