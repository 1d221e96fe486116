/* tests/model/models.h: models from texts, what is wrong with a text, and whether two models are
 * the same. Include cmocka.h first. */
#ifndef EDB_TESTS_MODEL_MODELS_H
#define EDB_TESTS_MODEL_MODELS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static inline edb_context *new_context(void) {
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  return ctx;
}

/* Destroys a context, of which nothing may be left. */
static inline void drop_context(edb_context *ctx) {
  edb_context *empty = new_context();
  assert_int_equal(edb_context_memory(ctx).current_bytes, edb_context_memory(empty).current_bytes);
  edb_context_destroy(empty);
  edb_context_destroy(ctx);
}

static inline edb_model *parse_model(edb_context *ctx, const char *text) {
  edb_model *model = NULL;
  edb_error error = {0};
  if (edb_model_parse(ctx, text, strlen(text), "m.edb", NULL, &model, &error) != EDB_OK) {
    fail_msg("%s\nin\n%s", error.text, text);
  }
  return model;
}

/* Reading the text fails with this status, and an error that begins with `start`. */
static inline void assert_refused_bytes(const char *text, size_t bytes, edb_status status,
                                        const char *start) {
  edb_context *ctx = new_context();
  edb_model *model = NULL;
  edb_error error = {0};
  edb_status found = edb_model_parse(ctx, text, bytes, "m.edb", NULL, &model, &error);
  if (found == EDB_OK) fail_msg("expected \"%s\", but it was read:\n%.2000s", start, text);
  assert_null(model);
  if (strncmp(error.text, start, strlen(start)) != 0) {
    fail_msg("expected \"%s\", found \"%s\"", start, error.text);
  }
  assert_string_equal(edb_status_name(found), edb_status_name(status));
  assert_int_equal(error.status, status);
  drop_context(ctx);
}

static inline void assert_refused(const char *text, edb_status status, const char *start) {
  assert_refused_bytes(text, strlen(text), status, start);
}

/* A model with one cell `f`, whose body is `body` and whose head is `arguments`. Its declarations
 * fill one line each, so that the body begins in line 8. Caller frees. */
static inline char *cell_text(const char *arguments, const char *outputs, const char *body) {
  static const char format[] =
      "edb 1\n"
      "model m\n"
      "const n = 4, k = 3\n"
      "vocab words\n"
      "param W[n, k], V[k, n], b[n], g[n], s[], E[words, n], B[words], T[words, n, k], L[n, n]\n"
      "# a cell\n"
      "cell f(%s) -> (%s):\n%s";
  size_t bytes = sizeof format + strlen(arguments) + strlen(outputs) + strlen(body);
  char *text = malloc(bytes);
  assert_non_null(text);
  (void)snprintf(text, bytes, format, arguments, outputs, body);
  return text;
}

static inline void assert_cell_refused(const char *arguments, const char *outputs, const char *body,
                                       edb_status status, const char *start) {
  char *text = cell_text(arguments, outputs, body);
  assert_refused(text, status, start);
  free(text);
}

static inline edb_model *parse_cell_model(edb_context *ctx, const char *arguments,
                                          const char *outputs, const char *body) {
  char *text = cell_text(arguments, outputs, body);
  edb_model *model = parse_model(ctx, text);
  free(text);
  return model;
}

static inline char *print_model(const edb_model *model) {
  char *text = NULL;
  assert_int_equal(edb_model_print(model, &text, NULL), EDB_OK);
  return text;
}

/* ---- Sameness -------------------------------------------------------------------------------- */

static inline void assert_same_name(const char *a, const char *b) {
  if (a == NULL || b == NULL) {
    assert_true(a == b);
  } else {
    assert_string_equal(a, b);
  }
}

static inline void assert_same_sig(const edb_type_sig *a, const edb_type_sig *b) {
  assert_string_equal(a->name, b->name);
  assert_string_equal(a->key, b->key);
  assert_int_equal(a->n_inputs, b->n_inputs);
  assert_int_equal(a->n_variadic, b->n_variadic);
  assert_int_equal(a->n_outputs, b->n_outputs);
  assert_int_equal(a->n_indices, b->n_indices);
  assert_int_equal(a->n_dense, b->n_dense);
  for (uint32_t i = 0; i < a->n_inputs; i++) {
    assert_string_equal(a->inputs[i].name, b->inputs[i].name);
    assert_int_equal(a->inputs[i].shape, b->inputs[i].shape);
    assert_int_equal(a->inputs[i].variadic, b->inputs[i].variadic);
    assert_int_equal(a->inputs[i].nonempty, b->inputs[i].nonempty);
    assert_int_equal(a->inputs[i].group, b->inputs[i].group);
  }
  for (uint32_t i = 0; i < a->n_outputs; i++) {
    assert_string_equal(a->outputs[i].name, b->outputs[i].name);
    assert_int_equal(a->outputs[i].shape, b->outputs[i].shape);
    assert_int_equal(a->outputs[i].needs_labels, b->outputs[i].needs_labels);
  }
  for (uint32_t i = 0; i < a->n_indices; i++) {
    assert_string_equal(a->indices[i].name, b->indices[i].name);
    assert_int_equal(a->indices[i].bound, b->indices[i].bound);
    assert_int_equal(a->indices[i].is_label, b->indices[i].is_label);
  }
  for (uint32_t i = 0; i < a->n_dense; i++) {
    assert_string_equal(a->dense[i].name, b->dense[i].name);
    assert_int_equal(a->dense[i].length, b->dense[i].length);
    assert_int_equal(a->dense[i].is_label, b->dense[i].is_label);
  }
}

static inline void assert_same_cell(const edb_ir_cell *a, const edb_ir_cell *b) {
  assert_same_sig(&a->sig, &b->sig);
  assert_int_equal(a->n_ops, b->n_ops);
  assert_int_equal(a->n_operands, b->n_operands);
  assert_int_equal(a->n_numbers, b->n_numbers);
  for (uint32_t i = 0; i < a->n_ops; i++) {
    const edb_ir_op *p = &a->ops[i], *q = &b->ops[i];
    assert_int_equal(p->kind, q->kind);
    assert_int_equal(p->n_operands, q->n_operands);
    assert_int_equal(p->operand_start, q->operand_start);
    assert_int_equal(p->immediate[0], q->immediate[0]);
    assert_int_equal(p->immediate[1], q->immediate[1]);
    assert_true(edb_shape_equal(p->shape, q->shape));
    assert_int_equal(p->variadic, q->variadic);
    assert_int_equal(p->group, q->group);
    assert_int_equal(p->is_index, q->is_index);
    assert_int_equal(p->needs_labels, q->needs_labels);
    assert_same_name(p->name, q->name);
  }
  for (uint32_t i = 0; i < a->n_operands; i++) {
    assert_int_equal(a->operands[i].kind, b->operands[i].kind);
    assert_int_equal(a->operands[i].index, b->operands[i].index);
  }
  for (uint32_t i = 0; i < a->n_numbers; i++) {
    assert_memory_equal(&a->numbers[i], &b->numbers[i], sizeof(double));
  }
  for (uint32_t i = 0; i < a->sig.n_outputs; i++) {
    assert_int_equal(a->outputs[i].value.kind, b->outputs[i].value.kind);
    assert_int_equal(a->outputs[i].value.index, b->outputs[i].value.index);
    assert_true(edb_shape_equal(a->outputs[i].shape, b->outputs[i].shape));
  }
  assert_true(a->flops == b->flops && a->flops_per_element == b->flops_per_element);
}

/* Same structure, names, sizes and rules. */
static inline void assert_same_model(const edb_model *a, const edb_model *b) {
  const edb_program *p = edb_model_program(a), *q = edb_model_program(b);
  assert_string_equal(edb_model_name(a), edb_model_name(b));
  assert_int_equal(p->n_params, q->n_params);
  assert_int_equal(p->n_cells, q->n_cells);
  assert_int_equal(p->schema.n_shapes, q->schema.n_shapes);
  for (uint32_t i = 0; i < p->n_params; i++) {
    assert_string_equal(p->params[i].name, q->params[i].name);
    assert_true(edb_shape_equal(p->params[i].shape, q->params[i].shape));
    edb_init x = edb_model_param_init(a, i), y = edb_model_param_init(b, i);
    assert_true(x.kind == y.kind && x.a == y.a);
  }
  for (uint32_t i = 0; i < p->n_cells; i++) {
    assert_same_cell(&p->cells[i], &q->cells[i]);
    assert_same_sig(&p->schema.types[i], &q->schema.types[i]);
  }
  uint32_t n = 0, m = 0;
  const edb_read_rule *r = edb_model_read_rules(a, &n), *s = edb_model_read_rules(b, &m);
  assert_int_equal(n, m);
  for (uint32_t i = 0; i < n; i++) {
    assert_string_equal(r[i].reader, s[i].reader);
    assert_string_equal(r[i].pattern, s[i].pattern);
    assert_int_equal(r[i].cell, s[i].cell);
    assert_int_equal(r[i].n_bound, s[i].n_bound);
    assert_int_equal(r[i].n_arguments, s[i].n_arguments);
    for (uint32_t j = 0; j < r[i].n_bound; j++) {
      assert_string_equal(r[i].bound[j].name, s[i].bound[j].name);
      assert_int_equal(r[i].bound[j].rest, s[i].bound[j].rest);
    }
    for (uint32_t j = 0; j < r[i].n_arguments; j++) {
      assert_string_equal(r[i].arguments[j].name, s[i].arguments[j].name);
      assert_same_name(r[i].arguments[j].output, s[i].arguments[j].output);
    }
  }
}

/* Printing and reading gives the model again, and printing that the same text. */
static inline void assert_round_trip(edb_context *ctx, const edb_model *model) {
  char *text = print_model(model);
  edb_model *again = parse_model(ctx, text);
  assert_same_model(model, again);
  char *second = print_model(again);
  assert_string_equal(text, second);
  edb_string_destroy(ctx, second);
  edb_model_destroy(again);
  edb_string_destroy(ctx, text);
}

#endif
