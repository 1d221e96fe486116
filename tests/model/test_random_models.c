/* tests/model/test_random_models.c: random models survive printing and reading unchanged; damaged
 * texts are read or refused, and nothing worse. Seeded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models.h"

#ifndef EDB_SOURCE_DIR
#error "EDB_SOURCE_DIR names the folder of the models"
#endif

#define MODELS    300
#define MUTATIONS 4000

/* A model being made at random, call by call. */
typedef struct maker {
  edb_rng rng;
  edb_model *model;
  edb_cell *cell;
  edb_expr values[256];
  uint32_t n_values;
} maker;

static const char *const dims[] = {"", "n", "2*n", "n, n", "n, 2*n", "k"};

static uint32_t below(maker *m, uint32_t bound) {
  return edb_rng_below(&m->rng, bound);
}

static edb_expr any(maker *m) {
  /* Mostly a recent value, so that expressions nest; sometimes any, so that some are used twice. */
  uint32_t recent = m->n_values < 6 ? m->n_values : 6;
  if (below(m, 3)) return m->values[m->n_values - 1 - below(m, recent)];
  return m->values[below(m, m->n_values)];
}

static void add_arguments(maker *m) {
  char name[16];
  m->n_values = 0;
  for (uint32_t i = 0, count = 1 + below(m, 5); i < count; i++) {
    (void)snprintf(name, sizeof name, "x%u", i);
    const char *shape = dims[below(m, 6)];
    bool variadic = below(m, 4) == 0;
    m->values[m->n_values++] =
        variadic ? edb_cell_variadic(m->cell, name, shape) : edb_cell_input(m->cell, name, shape);
  }
  for (uint32_t i = 0, count = below(m, 3); i < count; i++) {
    (void)snprintf(name, sizeof name, "i%u", i);
    m->values[m->n_values++] = edb_cell_index(m->cell, name, below(m, 2) ? "words" : "k");
  }
  if (below(m, 3) == 0) m->values[m->n_values++] = edb_cell_constant(m->cell, "n");
  for (uint32_t i = 0, count = below(m, 3); i < count; i++) {
    (void)snprintf(name, sizeof name, "d%u", i);
    m->values[m->n_values++] = edb_cell_dense(m->cell, name, dims[below(m, 6)]);
  }
  static const char *const params[] = {"W", "V", "b", "E", "T"};
  for (uint32_t i = 0; i < 5; i++) m->values[m->n_values++] = edb_cell_param(m->cell, params[i]);
}

/* Whether the operator would be accepted: the builder's errors are sticky, so its checks are asked
 * first, about operands that are not part of the cell yet. */
static bool would_fit(maker *m, edb_op_kind kind, const edb_expr *operands, uint32_t count,
                      const char *const *immediates, uint32_t n_immediates) {
  edb_dim parsed[2];
  edb_cell *cell = m->cell;
  size_t start = cell->operands.length;
  edb_ir_op op = {.kind = kind, .n_operands = count, .operand_start = (uint32_t)start};
  assert_true(edb_vec_reserve(m->model->ctx, &cell->operands, start + count));
  for (uint32_t i = 0; i < count; i++) {
    cell->operands.data[start + i] = cell->values.data[operands[i]]; /* behind the end */
  }
  edb_ir_cell view = *edb_cell_view(cell);
  double rate = 0.5;
  view.numbers = kind == EDB_OP_DROPOUT ? &rate : view.numbers;
  for (uint32_t i = 0; i < n_immediates && kind != EDB_OP_DROPOUT; i++) {
    edb_lexer lexer;
    if (edb_lexer_init(&lexer, m->model->ctx, immediates[i], strlen(immediates[i]), "", false,
                       NULL) ||
        edb_dim_parse(m->model, &lexer, false, &parsed[i], NULL)) {
      return false;
    }
  }
  edb_op_dims all = {.op = 0, .count = kind == EDB_OP_DROPOUT ? 0 : n_immediates};
  for (uint32_t i = 0; i < all.count; i++) all.dim[i] = parsed[i];
  return edb_op_set_dims(m->model, &op, &all, NULL) == EDB_OK &&
         edb_op_infer(m->model, &view, &op, NULL) == EDB_OK;
}

static void add_op(maker *m) {
  static const char *const immediates[] = {"n", "2*n", "k", "1", "0"};
  edb_op_kind kind = (edb_op_kind)below(m, EDB_OP_COUNT);
  const edb_op_info *info = edb_op_get(kind);
  uint32_t count = info->max_operands ? info->max_operands : 1 + below(m, 4);
  uint32_t n_immediates = info->n_immediates;
  if (kind == EDB_OP_RESHAPE) n_immediates = 1 + below(m, 2);
  const char *texts[2];
  edb_expr operands[8];
  for (uint32_t i = 0; i < n_immediates; i++) {
    texts[i] = kind == EDB_OP_DROPOUT ? "0.5" : immediates[below(m, 5)];
  }
  for (uint32_t i = 0; i < count; i++) {
    bool literal = below(m, 12) == 0;
    operands[i] = literal ? edb_cell_number(m->cell, below(m, 7) * 0.75 - 2) : any(m);
  }
  if (m->n_values == 256 || !would_fit(m, kind, operands, count, texts, n_immediates)) return;
  edb_expr value = edb_cell_op_with(m->cell, info->name, operands, count, texts, n_immediates);
  if (m->cell->failure.status != EDB_OK) fail_msg("%s", m->cell->failure.text);
  if (below(m, 3) == 0) {
    char name[16];
    (void)snprintf(name, sizeof name, "v%u", m->n_values);
    (void)edb_cell_name(m->cell, value, name);
  }
  m->values[m->n_values++] = value;
}

static void add_outputs(maker *m) {
  uint32_t wanted = 1 + below(m, 3), found = 0;
  for (uint32_t tries = 0; tries < 200 && found < wanted; tries++) {
    edb_expr value = any(m);
    edb_ref ref = m->cell->values.data[value];
    bool variadic;
    edb_shape shape = edb_ir_ref_shape(&m->model->program, edb_cell_view(m->cell), ref, &variadic);
    bool allowed = ref.kind != EDB_REF_INDEX && !variadic && shape.rank < 3;
    if (!allowed) continue;
    char name[16];
    (void)snprintf(name, sizeof name, "o%u", found++);
    edb_cell_output(m->cell, value, name);
  }
  if (found == 0) edb_cell_output(m->cell, edb_cell_input(m->cell, "only", "n"), "only");
}

static edb_model *random_model(edb_context *ctx, uint64_t seed) {
  maker m = {0};
  edb_rng_seed(&m.rng, seed);
  assert_int_equal(edb_model_create(ctx, "random", NULL, &m.model, NULL), EDB_OK);
  assert_int_equal(edb_model_add_constant(m.model, "n", "4", NULL), EDB_OK);
  assert_int_equal(edb_model_add_constant(m.model, "k", "n - 1", NULL), EDB_OK);
  assert_int_equal(edb_model_add_vocab(m.model, "words", NULL), EDB_OK);
  assert_int_equal(edb_model_add_param(m.model, "W", "n, n", NULL, NULL), EDB_OK);
  assert_int_equal(edb_model_add_param(m.model, "V", "2*n, n", "normal(0.25)", NULL), EDB_OK);
  assert_int_equal(edb_model_add_param(m.model, "b", "n", "ones", NULL), EDB_OK);
  assert_int_equal(edb_model_add_param(m.model, "E", "words, n", NULL, NULL), EDB_OK);
  assert_int_equal(edb_model_add_param(m.model, "T", "k, n, n", "uniform(1e-3)", NULL), EDB_OK);
  for (uint32_t c = 0, cells = 1 + below(&m, 3); c < cells; c++) {
    char name[16];
    edb_error error = {0};
    (void)snprintf(name, sizeof name, "cell%u", c);
    assert_int_equal(edb_cell_begin(m.model, name, &m.cell, NULL), EDB_OK);
    add_arguments(&m);
    for (uint32_t i = 0, tries = 20 + below(&m, 400); i < tries; i++) add_op(&m);
    add_outputs(&m);
    if (edb_cell_end(m.cell, &error) != EDB_OK) fail_msg("seed %u: %s", (unsigned)seed, error.text);
  }
  return m.model;
}

static void random_models_survive_printing_and_reading(void **state) {
  (void)state;
  size_t ops = 0;
  for (uint64_t seed = 1; seed <= MODELS; seed++) {
    edb_context *ctx = new_context();
    edb_model *model = random_model(ctx, seed);
    for (uint32_t c = 0; c < edb_model_cell_count(model); c++) {
      ops += edb_model_program(model)->cells[c].n_ops;
    }
    assert_round_trip(ctx, model);
    edb_model_destroy(model);
    drop_context(ctx);
  }
  assert_true(ops > 20 * MODELS); /* the generator still makes something of substance */
}

static void random_models_survive_a_change_of_a_constant_and_back(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= MODELS / 4; seed++) {
    edb_context *ctx = new_context();
    edb_model *model = random_model(ctx, seed), *same = random_model(ctx, seed);
    uint32_t id = 0;
    if (edb_model_set_constant(model, "n", 9, NULL) == EDB_OK) {
      assert_int_equal(edb_model_set_constant(model, "n", 4, NULL), EDB_OK);
    }
    assert_same_model(model, same);
    assert_int_equal(edb_model_vocab_add(model, 0, "a", 1, &id, NULL), EDB_OK);
    (void)edb_model_program(model);
    assert_round_trip(ctx, same);
    edb_model_destroy(same);
    edb_model_destroy(model);
    drop_context(ctx);
  }
}

/* ---- Damaged texts --------------------------------------------------------------------------- */

static size_t mutate(edb_rng *rng, char *text, size_t bytes, size_t capacity) {
  static const char *const pieces[] = {"(", ")",          "[",      "]",    "@",     "...", "->",
                                       ":", "\n",         "  ",     "=",    "-",     "0",   "1",
                                       ",", "#",          "\t",     "\r",   "\"",    "\0",  "cell ",
                                       "h", "9999999999", "index ", "\xff", "words", ";",   "e"};
  for (uint32_t i = 0, changes = 1 + edb_rng_below(rng, 4); i < changes && bytes > 1; i++) {
    size_t at = edb_rng_below(rng, (uint32_t)bytes);
    if (edb_rng_below(rng, 3) == 0) { /* drop some */
      size_t drop = 1 + edb_rng_below(rng, 12);
      if (drop > bytes - at) drop = bytes - at;
      memmove(text + at, text + at + drop, bytes - at - drop);
      bytes -= drop;
      continue;
    }
    const char *piece = pieces[edb_rng_below(rng, sizeof pieces / sizeof pieces[0])];
    size_t length = *piece ? strlen(piece) : 1;
    if (bytes + length > capacity) continue;
    memmove(text + at + length, text + at, bytes - at);
    memcpy(text + at, piece, length);
    bytes += length;
  }
  return bytes;
}

static size_t read_whole(const char *name, char *buffer, size_t capacity) {
  char path[1024];
  (void)snprintf(path, sizeof path, EDB_SOURCE_DIR "/models/%s", name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t bytes = fread(buffer, 1, capacity, file);
  (void)fclose(file);
  return bytes;
}

static void damaged_models_are_read_or_refused(void **state) {
  (void)state;
  static const char *const files[] = {"tree_lstm.edb", "tree_gru.edb"};
  static char original[16384], text[17000];
  edb_context *ctx = new_context();
  edb_rng rng;
  edb_rng_seed(&rng, 7);
  uint32_t refused = 0;
  for (uint32_t i = 0; i < MUTATIONS; i++) {
    size_t bytes = read_whole(files[i % 2], original, sizeof original);
    memcpy(text, original, bytes);
    bytes = mutate(&rng, text, bytes, sizeof text);
    edb_model *model = NULL;
    edb_error error = {0};
    char *exact = malloc(bytes); /* so that a sanitizer sees every byte read behind the end */
    assert_non_null(exact);
    memcpy(exact, text, bytes);
    if (edb_model_parse(ctx, exact, bytes, "m.edb", NULL, &model, &error) == EDB_OK) {
      assert_round_trip(ctx, model);
      edb_model_destroy(model);
    } else {
      assert_null(model);
      assert_true(strncmp(error.text, "m.edb:", 6) == 0 || strncmp(error.text, "model ", 6) == 0);
      refused++;
    }
    free(exact);
  }
  assert_true(refused > MUTATIONS / 4);
  drop_context(ctx);
}

static void random_bytes_are_refused(void **state) {
  (void)state;
  edb_rng rng;
  edb_rng_seed(&rng, 3);
  edb_context *ctx = new_context();
  for (uint32_t i = 0; i < 2000; i++) {
    char text[64];
    size_t bytes = edb_rng_below(&rng, sizeof text);
    for (size_t j = 0; j < bytes; j++) text[j] = (char)edb_rng_below(&rng, 256);
    edb_model *model = NULL;
    assert_int_not_equal(edb_model_parse(ctx, text, bytes, "m.edb", NULL, &model, NULL), EDB_OK);
  }
  drop_context(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_models_survive_printing_and_reading),
      cmocka_unit_test(random_models_survive_a_change_of_a_constant_and_back),
      cmocka_unit_test(damaged_models_are_read_or_refused),
      cmocka_unit_test(random_bytes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
