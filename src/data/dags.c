/* data/dags.c: the reader of graphs of named kinds of nodes, a graph per line.
 *
 *     source=17 source=4 a(0,1) b(2) a(0,2,3)
 *
 * A node is KIND, KIND=VALUE, KIND(INPUTS) or KIND=VALUE(INPUTS); inputs are the numbers of nodes
 * before it on the line, from 0. */
#include "data/lines.h"

#include <stdio.h>
#include <string.h>

typedef struct edb_dags {
  edb_context *ctx;
  edb_read_rules rules;
  EDB_VEC(edb_rule_node) nodes;  /* of the line */
  EDB_VEC(edb_rule_node) inputs; /* of the node that is being read */
} edb_dags;

/* A node as it stands on the line. */
typedef struct edb_dag_token {
  edb_atom kind, value, inputs; /* value and inputs: text == NULL for none */
} edb_dag_token;

static edb_atom part_of(const edb_atom *whole, const char *begin, const char *end) {
  return (edb_atom){begin, (size_t)(end - begin), whole->line,
                    whole->column + (uint32_t)(begin - whole->text)};
}

static edb_status split(const edb_dags *dags, const edb_atom *token, edb_dag_token *out,
                        edb_error *error) {
  const char *end = token->text + token->length;
  const char *open = memchr(token->text, '(', token->length);
  const char *head = open != NULL ? open : end;
  const char *equals = memchr(token->text, '=', (size_t)(head - token->text));
  *out = (edb_dag_token){.kind = part_of(token, token->text, equals != NULL ? equals : head)};
  if (equals != NULL) out->value = part_of(token, equals + 1, head);
  if (open != NULL) out->inputs = part_of(token, open + 1, end - 1);
  bool closed = open == NULL || (end > open + 1 && end[-1] == ')');
  bool valued = equals == NULL || out->value.length > 0;
  if (closed && valued && out->kind.length > 0) return EDB_OK;
  return edb_fail_atom(dags->rules.reader->name, token, "KIND, KIND=VALUE or KIND(0,1,...)", error);
}

/* One number of the list in parentheses. */
static edb_status add_input(edb_dags *dags, const edb_atom *number, edb_error *error) {
  uint64_t value = 0;
  bool digits = number->length > 0;
  for (size_t i = 0; i < number->length && digits; i++) {
    char c = number->text[i];
    digits = c >= '0' && c <= '9';
    if (value <= UINT32_MAX) value = value * 10 + (uint64_t)(c - '0');
  }
  if (!digits || value >= dags->nodes.length) {
    char expected[64];
    (void)snprintf(expected, sizeof expected, "the number of a node before it, below %zu",
                   dags->nodes.length);
    return edb_fail_atom(dags->rules.reader->name, number, expected, error);
  }
  if (edb_vec_push(dags->ctx, &dags->inputs, dags->nodes.data[value])) return EDB_OK;
  return edb_fail_memory(error, sizeof(edb_rule_node), "the inputs of a node");
}

static edb_status read_inputs(edb_dags *dags, const edb_atom *list, edb_error *error) {
  dags->inputs.length = 0;
  if (list->text == NULL || list->length == 0) return EDB_OK;
  const char *at = list->text, *end = at + list->length;
  for (;;) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    edb_atom number = part_of(list, at, comma != NULL ? comma : end);
    EDB_TRY(add_input(dags, &number, error));
    if (comma == NULL) return EDB_OK;
    at = comma + 1;
  }
}

static edb_rule_args args_of(const edb_dags *dags, const edb_dag_token *token) {
  edb_rule_args args = {
      .bound = dags->inputs.data,
      .n_bound = dags->inputs.length,
      .place = edb_reader_place(dags->rules.reader, token->kind.line, token->kind.column)};
  args.atoms[EDB_OFFER_WORD] = args.atoms[EDB_OFFER_ID] = args.atoms[EDB_OFFER_LABEL] =
      &token->value;
  return args;
}

static edb_status call_all(edb_dags *dags, uint32_t kind, const edb_rule_node *node,
                           const edb_dag_token *token, edb_error *error) {
  edb_rule_node ignored = {.node = 0};
  edb_rule_args args = args_of(dags, token);
  args.bound = node;
  args.n_bound = 1;
  const edb_rule *rule = NULL;
  while ((rule = edb_read_rules_next(&dags->rules, kind, rule)) != NULL)
    EDB_TRY(edb_rule_apply(&dags->rules, rule, &args, &ignored, error));
  return EDB_OK;
}

static edb_status read_node(edb_dags *dags, const edb_dag_token *token, edb_error *error) {
  edb_rule_node node = {.node = 0};
  const edb_rule *rule = NULL;
  EDB_TRY(read_inputs(dags, &token->inputs, error));
  edb_rule_args args = args_of(dags, token);
  EDB_TRY(edb_read_rules_choose_kind(&dags->rules, &token->kind, args.n_bound, args.place, &rule,
                                     error));
  EDB_TRY(edb_rule_apply(&dags->rules, rule, &args, &node, error));
  if (!edb_vec_push(dags->ctx, &dags->nodes, node))
    return edb_fail_memory(error, sizeof node, "the nodes of a graph");
  return call_all(dags, EDB_KIND_EVERY, &node, token, error);
}

/* The last node of a line is its root. */
static edb_status read_dag(edb_dags *dags, edb_span line, edb_error *error) {
  edb_atom atom;
  edb_dag_token token = {.kind = {.text = NULL}};
  dags->nodes.length = 0;
  EDB_TRY(edb_reader_begin(dags->rules.reader, error));
  while (edb_span_word(&line, &atom)) {
    EDB_TRY(split(dags, &atom, &token, error));
    EDB_TRY(read_node(dags, &token, error));
  }
  return call_all(dags, EDB_KIND_ROOT, &dags->nodes.data[dags->nodes.length - 1], &token, error);
}

static edb_status read_all(edb_dags *dags, edb_error *error) {
  edb_reader *reader = dags->rules.reader;
  edb_lines lines = {reader->text, reader->end, 0};
  edb_span line;
  while (!edb_reader_full(reader) && edb_lines_next(&lines, &line)) {
    if (edb_span_is_blank(&line)) continue;
    edb_status status = read_dag(dags, line, error);
    if (status == EDB_OK)
      EDB_TRY(edb_reader_commit(reader, NULL, error));
    else if (!edb_reader_skips(reader, status, error))
      return status;
  }
  return EDB_OK;
}

edb_status edb_read_dags(edb_reader *reader, edb_error *error) {
  edb_dags dags = {.ctx = reader->ctx};
  edb_status status = edb_read_rules_compile(&dags.rules, reader, &edb_form_dags, error);
  if (status == EDB_OK) status = read_all(&dags, error);
  edb_read_rules_free(&dags.rules);
  edb_vec_free(dags.ctx, &dags.nodes);
  edb_vec_free(dags.ctx, &dags.inputs);
  return status;
}
