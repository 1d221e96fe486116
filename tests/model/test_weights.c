/* tests/model/test_weights.c: weights made, set, saved and loaded, and what a file may not do. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "model/model.h"
#include "model/weights.h"
#include "support/faulty.h"

static const char tiny_text[] =
    "edb 1\n"
    "model tiny\n"
    "const hidden = 3, embed = hidden, labels = 2\n"
    "vocab words\n"
    "param E[words, embed], W[hidden, embed], b[hidden]\n"
    "param Wout[labels, hidden]\n"
    "cell leaf(word: index words) -> (h[hidden]):\n"
    "  h = tanh(W @ E[word] + b)\n"
    "cell score(h[hidden], label: index labels) -> (logits[labels], loss):\n"
    "  logits = Wout @ h\n"
    "  loss = cross_entropy(logits, label)\n";

static char folder[] = "/tmp/edb_weights_XXXXXX";
static char path[64];

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return -1;
  (void)snprintf(path, sizeof path, "%s/w.safetensors", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  (void)remove(path);
  return rmdir(folder); /* fails if a temporary file was left behind */
}

static edb_model *parse_with(edb_context *ctx, const char *text, const char *set, int64_t value) {
  edb_model_params params = EDB_PARAMS(edb_model_params);
  edb_constant constant = {set, value};
  edb_model *model = NULL;
  edb_error error = {0};
  params.set = &constant;
  params.n_set = set ? 1 : 0;
  if (edb_model_parse(ctx, text, strlen(text), "tiny.edb", &params, &model, &error) != EDB_OK)
    fail_msg("%s", error.text);
  return model;
}

static edb_model *parse(edb_context *ctx) {
  return parse_with(ctx, tiny_text, NULL, 0);
}

static void add_words(edb_model *model) {
  uint32_t id;
  assert_int_equal(edb_model_vocab_add(model, 0, "good", 4, &id, NULL), EDB_OK);
  assert_int_equal(edb_model_vocab_add(model, 0, "gr\xc3\xbcn \"x\"", 9, &id, NULL), EDB_OK);
  assert_int_equal(id, 2);
}

static edb_weights *create(edb_context *ctx, edb_model *model, uint64_t seed) {
  edb_weights *weights = NULL;
  edb_error error = {0};
  if (edb_weights_create(ctx, model, seed, &weights, &error) != EDB_OK) fail_msg("%s", error.text);
  return weights;
}

static edb_weights *load(edb_context *ctx, edb_model *model) {
  edb_weights *weights = NULL;
  edb_error error = {0};
  if (edb_weights_load(ctx, model, path, &weights, &error) != EDB_OK) fail_msg("%s", error.text);
  return weights;
}

static void assert_same_values(const edb_weights *a, const edb_weights *b) {
  assert_int_equal(a->n_params, b->n_params);
  for (uint32_t p = 0; p < a->n_params; p++) {
    size_t count = edb_shape_size(edb_model_program(a->model)->params[p].shape);
    assert_memory_equal(edb_weights_param(a, p), edb_weights_param(b, p), count * sizeof(float));
  }
}

/* The model has to be as it was, which its printed text and the size of its vocabulary show. */
static void assert_not_loaded(edb_context *ctx, edb_model *model, edb_status status,
                              const char *text) {
  edb_weights *weights = NULL;
  edb_error error = {0};
  char *before = NULL, *after = NULL;
  uint32_t size = edb_model_vocab_size(model, 0);
  bool sealed = edb_model_is_sealed(model);
  assert_int_equal(edb_model_print(model, &before, NULL), EDB_OK);
  edb_status found = edb_weights_load(ctx, model, path, &weights, &error);
  if (found != status || !strstr(error.text, text))
    fail_msg("%s: %s; expected %s with \"%s\"", edb_status_name(found), error.text,
             edb_status_name(status), text);
  assert_null(weights);
  assert_int_equal(edb_model_print(model, &after, NULL), EDB_OK);
  assert_string_equal(before, after);
  assert_int_equal(edb_model_vocab_size(model, 0), size);
  assert_int_equal(edb_model_is_sealed(model), sealed);
  edb_string_destroy(ctx, before);
  edb_string_destroy(ctx, after);
}

/* In place: edb_file_write waits for the disk each time. */
static void write_bytes(const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

/* Writes a file with this header and `bytes` bytes of zeros. */
static void write_file(const char *header, size_t bytes) {
  char data[4096] = {0};
  size_t length = strlen(header);
  assert_true(8 + length + bytes <= sizeof data);
  for (int i = 0; i < 8; i++) data[i] = (char)((uint64_t)length >> (8 * i));
  memcpy(data + 8, header, length);
  write_bytes(data, 8 + length + bytes);
}

/* A file for the tiny model with 4 words, all F32 zeros, with this metadata. */
static void write_tiny(const char *metadata) {
  char header[2048];
  (void)snprintf(header, sizeof header,
                 "{\"__metadata__\":{%s},"
                 "\"E\":{\"dtype\":\"F32\",\"shape\":[4,3],\"data_offsets\":[0,48]},"
                 "\"W\":{\"dtype\":\"F32\",\"shape\":[3,3],\"data_offsets\":[48,84]},"
                 "\"b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[84,96]},"
                 "\"Wout\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[96,120]}}",
                 metadata);
  write_file(header, 120);
}

/* Loading the tiny file with this metadata into a fresh tiny model fails like this. */
static void assert_metadata_refused(const char *metadata, edb_status status, const char *text) {
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  write_tiny(metadata);
  assert_not_loaded(ctx, model, status, text);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void assert_header_refused(const char *header, size_t bytes, edb_status status,
                                  const char *text) {
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  write_file(header, bytes);
  assert_not_loaded(ctx, model, status, text);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

/* ---- Made, set and read ---------------------------------------------------------------------- */

static void new_weights_have_their_defaults_and_seal_the_model(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  add_words(model);
  edb_weights *w = create(ctx, model, 1);
  float table[9], bias[3];
  assert_true(edb_model_is_sealed(model));
  assert_int_equal(edb_weights_get(w, "E", table, 9, NULL), EDB_OK);
  assert_int_equal(edb_weights_get(w, "b", bias, 3, NULL), EDB_OK);
  for (int i = 0; i < 9; i++) assert_true(table[i] != 0 && fabs(table[i]) <= 1);
  assert_true(bias[0] == 0 && bias[2] == 0);
  assert_int_equal((uintptr_t)edb_weights_param(w, 1) % 64, 0);
  edb_weights_destroy(w);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void another_parameter_leaves_the_values_of_the_others(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  char text[1024];
  size_t before = (size_t)(strstr(tiny_text, "param E") - tiny_text);
  (void)snprintf(text, sizeof text, "%.*sparam extra[hidden]\n%s", (int)before, tiny_text,
                 tiny_text + before);
  edb_model *a = parse(ctx), *b = parse_with(ctx, text, NULL, 0);
  add_words(a);
  add_words(b);
  edb_weights *wa = create(ctx, a, 5), *wb = create(ctx, b, 5);
  float x[9], y[9];
  assert_int_equal(edb_weights_get(wa, "W", x, 9, NULL), EDB_OK);
  assert_int_equal(edb_weights_get(wb, "W", y, 9, NULL), EDB_OK);
  assert_memory_equal(x, y, sizeof x);
  edb_weights_destroy(wa);
  edb_weights_destroy(wb);
  edb_model_destroy(a);
  edb_model_destroy(b);
  faulty_destroy(&f);
}

static void set_values_are_got_back_and_raise_the_version(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  add_words(model);
  edb_weights *w = create(ctx, model, 1);
  float values[3] = {1, -2, 3}, found[3];
  uint64_t version = edb_weights_version(w);
  assert_int_equal(edb_weights_set(w, "b", values, 3, NULL), EDB_OK);
  assert_true(edb_weights_version(w) > version);
  assert_int_equal(edb_weights_get(w, "b", found, 3, NULL), EDB_OK);
  assert_memory_equal(values, found, sizeof values);
  edb_weights_destroy(w);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void unknown_parameters_and_wrong_counts_are_named(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  add_words(model);
  edb_weights *w = create(ctx, model, 1);
  float values[9] = {0};
  edb_error error = {0};
  assert_int_equal(edb_weights_set(w, "Wx", values, 9, &error), EDB_ERROR_NAME);
  assert_string_equal(error.text, "model \"tiny\" has no parameter \"Wx\"; did you mean \"W\"?");
  assert_int_equal(edb_weights_get(w, "hidden", values, 9, &error), EDB_ERROR_NAME);
  assert_int_equal(edb_weights_set(w, "W", values, 8, &error), EDB_ERROR_SHAPE);
  assert_non_null(strstr(error.text, "8 values, expected 9 for [3, 3]"));
  assert_int_equal(edb_weights_version(w), 1);
  edb_weights_destroy(w);
  edb_model_destroy(model);
  edb_weights_destroy(NULL);
  faulty_destroy(&f);
}

/* ---- Round trips ----------------------------------------------------------------------------- */

/* Saves weights of the tiny model with hidden = 5 and three words. */
static void save_five(edb_context *ctx) {
  edb_model *model = parse_with(ctx, tiny_text, "hidden", 5);
  add_words(model);
  edb_weights *w = create(ctx, model, 9);
  edb_error error = {0};
  if (edb_weights_save(w, path, &error) != EDB_OK) fail_msg("%s", error.text);
  edb_weights_destroy(w);
  edb_model_destroy(model);
}

static void a_saved_file_restores_values_constants_and_words(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  edb_model *model = parse(ctx), *same = parse_with(ctx, tiny_text, "hidden", 5);
  add_words(same);
  edb_weights *loaded = load(ctx, model), *made = create(ctx, same, 9);
  int64_t hidden = 0, embed = 0;
  assert_true(edb_model_constant(model, "hidden", &hidden) && hidden == 5);
  assert_true(edb_model_constant(model, "embed", &embed) && embed == 5);
  assert_int_equal(edb_model_vocab_size(model, 0), 3);
  assert_string_equal(edb_model_vocab_word(model, 0, 0), "<unk>");
  assert_string_equal(edb_model_vocab_word(model, 0, 2), "gr\xc3\xbcn \"x\"");
  assert_int_equal(edb_model_vocab_find(model, 0, "good", 4), 1);
  assert_int_equal(loaded->offset[4], made->offset[4]);
  assert_same_values(loaded, made);
  assert_null(loaded->values_f64);
  assert_true(edb_model_is_sealed(model));
  edb_weights_destroy(loaded);
  edb_weights_destroy(made);
  edb_model_destroy(model);
  edb_model_destroy(same);
  faulty_destroy(&f);
}

static void the_data_of_a_saved_file_is_aligned(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  edb_file file;
  assert_int_equal(edb_file_open(ctx, path, &file, NULL), EDB_OK);
  assert_int_equal((file.bytes - (3 * 5 + 5 * 5 + 5 + 2 * 5) * sizeof(float)) % 64, 0);
  edb_file_close(&file);
  faulty_destroy(&f);
}

static void a_vocabulary_without_words_keeps_its_size(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx), *fresh = parse(ctx);
  assert_int_equal(edb_model_vocab_resize(model, 0, 7, NULL), EDB_OK);
  edb_weights *w = create(ctx, model, 1);
  assert_int_equal(edb_weights_save(w, path, NULL), EDB_OK);
  edb_weights *again = load(ctx, fresh);
  assert_int_equal(edb_model_vocab_size(fresh, 0), 7);
  assert_null(edb_model_vocab_word(fresh, 0, 0));
  edb_weights_destroy(w);
  edb_weights_destroy(again);
  edb_model_destroy(model);
  edb_model_destroy(fresh);
  faulty_destroy(&f);
}

static void a_file_loads_again_into_the_model_that_it_sealed(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  edb_model *model = parse(ctx);
  edb_weights *first = load(ctx, model), *second = load(ctx, model);
  assert_same_values(first, second);
  edb_weights_destroy(first);
  edb_weights_destroy(second);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void f32_values_stay_in_the_file_until_they_change(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  edb_model *model = parse(ctx);
  edb_weights *changed = load(ctx, model), *other = load(ctx, model), *again;
  float before[5], values[5] = {1, 2, 3, 4, 5}, found[5];
  assert_null(changed->values);
  assert_non_null(changed->mapped.map);
  assert_int_equal(edb_weights_get(other, "b", before, 5, NULL), EDB_OK);
  assert_int_equal(edb_weights_set(changed, "b", values, 5, NULL), EDB_OK);
  assert_int_equal(edb_weights_get(changed, "b", found, 5, NULL), EDB_OK);
  assert_memory_equal(found, values, sizeof values);
  again = load(ctx, model); /* neither the file nor others see it */
  assert_same_values(other, again);
  assert_int_equal(edb_weights_get(again, "b", found, 5, NULL), EDB_OK);
  assert_memory_equal(found, before, sizeof before);
  edb_weights_destroy(changed);
  edb_weights_destroy(other);
  edb_weights_destroy(again);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void weights_can_be_saved_over_the_file_that_they_are_read_from(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  edb_model *model = parse(ctx);
  edb_weights *w = load(ctx, model), *again;
  float values[5] = {1, 2, 3, 4, 5};
  assert_int_equal(edb_weights_set(w, "b", values, 5, NULL), EDB_OK);
  assert_int_equal(edb_weights_save(w, path, NULL), EDB_OK);
  again = load(ctx, model);
  assert_same_values(w, again);
  edb_weights_destroy(w);
  edb_weights_destroy(again);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

/* A header of every length from 0 to 7 modulo 8: floats in place, or copied where they are not
 * aligned to one. */
static void values_at_odd_addresses_are_copied(void **state) {
  (void)state;
  for (int pad = 0; pad < 8; pad++) {
    faulty f;
    edb_context *ctx = faulty_context(&f, 0);
    char metadata[64];
    (void)snprintf(metadata, sizeof metadata, "\"pad\":\"%.*s\"", pad, "xxxxxxxx");
    write_tiny(metadata);
    edb_model *model = parse(ctx);
    edb_weights *w = load(ctx, model);
    bool aligned = true;
    for (uint32_t p = 0; p < w->n_params; p++) {
      aligned &= (uintptr_t)edb_weights_param(w, p) % sizeof(float) == 0;
      assert_true(edb_weights_param(w, p)[0] == 0);
    }
    assert_true(aligned);
    edb_weights_destroy(w);
    edb_model_destroy(model);
    faulty_destroy(&f);
  }
}

static void *feed_pipe(void *argument) {
  FILE *from = fopen(path, "rb"), *to = fopen(argument, "wb");
  for (int c; from && to && (c = fgetc(from)) != EOF;) fputc(c, to);
  if (from) fclose(from);
  if (to) fclose(to);
  return NULL;
}

static void weights_come_through_a_pipe_as_well(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  char pipe[80];
  pthread_t feeder;
  (void)snprintf(pipe, sizeof pipe, "%s.pipe", path);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  edb_model *model = parse(ctx);
  edb_weights *w = load(ctx, model), *piped = NULL;
  assert_int_equal(pthread_create(&feeder, NULL, feed_pipe, pipe), 0);
  assert_int_equal(edb_weights_load(ctx, model, pipe, &piped, NULL), EDB_OK);
  assert_int_equal(pthread_join(feeder, NULL), 0);
  assert_non_null(piped->values);
  assert_same_values(w, piped);
  (void)remove(pipe);
  edb_weights_destroy(w);
  edb_weights_destroy(piped);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void a_place_that_cannot_be_written_is_named(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  add_words(model);
  edb_weights *w = create(ctx, model, 1);
  edb_error error = {0};
  assert_int_equal(edb_weights_save(w, "/nonexistent/w.safetensors", &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "/nonexistent/w.safetensors"));
  edb_weights_destroy(w);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

/* ---- Files of others ------------------------------------------------------------------------- */

static void without_metadata_a_vocabulary_gets_its_size_from_the_tensors(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  write_tiny("\"format\":\"pt\"");
  edb_weights *w = load(ctx, model);
  assert_int_equal(edb_model_vocab_size(model, 0), 4);
  assert_int_equal(edb_model_program(model)->cells[0].sig.indices[0].bound, 4);
  edb_weights_destroy(w);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void float64_is_kept_beside_fp32(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  static const char text[] = "edb 1\nmodel m\nparam a[2], b[2]\n"
                             "cell c(x[2]) -> (y[2]):\n  y = a * x + b\n";
  const char header[] = "{\"b\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                        "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[16,20]}}   ";
  char data[8 + sizeof header - 1 + 20] = {0};
  double b[2] = {1.0 / 3, 2};
  data[0] = (char)(sizeof header - 1);
  memcpy(data + 8, header, sizeof header - 1);
  memcpy(data + 8 + sizeof header - 1, b, sizeof b);
  memcpy(data + 8 + sizeof header - 1 + 16, "\x80\x3f\x00\xc0", 4);
  write_bytes(data, sizeof data);
  edb_model *model = parse_with(ctx, text, NULL, 0);
  edb_weights *w = load(ctx, model);
  assert_non_null(w->values_f64);
  assert_true(w->values_f64[w->offset[1]] == 1.0 / 3);
  assert_true(w->values[w->offset[1]] == 1.0f / 3);
  assert_true(w->values[0] == 1 && w->values[1] == -2 && w->values_f64[1] == -2);
  float other[2] = {5, 6};
  assert_int_equal(edb_weights_set(w, "b", other, 2, NULL), EDB_OK);
  assert_true(w->values_f64[w->offset[1] + 1] == 6);
  edb_weights_destroy(w);
  edb_model_destroy(model);
  faulty_destroy(&f);
}

/* ---- What does not fit ----------------------------------------------------------------------- */

static void a_constant_that_was_given_otherwise_is_a_mismatch(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  save_five(ctx);
  edb_model *other = parse_with(ctx, tiny_text, "hidden", 6);
  edb_model *same = parse_with(ctx, tiny_text, "hidden", 5), *later = parse(ctx);
  assert_int_equal(edb_model_set_constant(later, "hidden", 7, NULL), EDB_OK);
  assert_not_loaded(ctx, later, EDB_ERROR_MISMATCH, "was given hidden = 7");
  edb_model_destroy(later);
  assert_not_loaded(ctx, other, EDB_ERROR_MISMATCH,
                    "made with hidden = 5, but the model was given hidden = 6");
  edb_weights *w = load(ctx, same);
  edb_weights_destroy(w);
  edb_model_destroy(other);
  edb_model_destroy(same);
  faulty_destroy(&f);
}

static void a_sealed_model_with_other_sizes_or_words_is_a_mismatch(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *sizes = parse(ctx), *words = parse_with(ctx, tiny_text, "hidden", 5);
  uint32_t id;
  add_words(sizes);
  assert_int_equal(edb_model_vocab_add(words, 0, "bad", 3, &id, NULL), EDB_OK);
  assert_int_equal(edb_model_vocab_add(words, 0, "good", 4, &id, NULL), EDB_OK);
  edb_weights *a = create(ctx, sizes, 1), *b = create(ctx, words, 1);
  save_five(ctx);
  assert_not_loaded(ctx, sizes, EDB_ERROR_MISMATCH, "is sealed with hidden = 3");
  assert_not_loaded(ctx, words, EDB_ERROR_MISMATCH, "word 1 of \"words\" is \"good\"");
  edb_weights_destroy(a);
  edb_weights_destroy(b);
  edb_model_destroy(sizes);
  edb_model_destroy(words);
  faulty_destroy(&f);
}

static void a_vocabulary_that_has_grown_is_a_mismatch(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  uint32_t id;
  save_five(ctx);
  add_words(model);
  assert_int_equal(edb_model_vocab_add(model, 0, "more", 4, &id, NULL), EDB_OK);
  assert_not_loaded(ctx, model, EDB_ERROR_MISMATCH, "made with 3 words, but the model has 4");
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void metadata_is_checked(void **state) {
  (void)state;
  assert_metadata_refused("\"edbatch.format\":\"2\"", EDB_ERROR_UNSUPPORTED, "version 2");
  assert_metadata_refused("\"edbatch.format\":\"x\"", EDB_ERROR_FORMAT, "expected an integer");
  assert_metadata_refused("\"edbatch.const.hidden\":\"three\"", EDB_ERROR_FORMAT,
                          "constant \"hidden\" is \"three\"");
  assert_metadata_refused("\"edbatch.const.hidden\":\"9223372036854775808\"", EDB_ERROR_FORMAT,
                          "expected an integer");
  assert_metadata_refused("\"edbatch.const.hidden\":\"-3\"", EDB_ERROR_LIMIT, "");
  assert_metadata_refused("\"edbatch.const.width\":\"3\"", EDB_ERROR_MISMATCH,
                          "constant \"width\", model \"tiny\" has none");
  assert_metadata_refused("\"edbatch.vocab.hidden\":\"3\"", EDB_ERROR_MISMATCH,
                          "vocabulary \"hidden\", model \"tiny\" has none");
  assert_metadata_refused("\"edbatch.const.hidden\":\"4\"", EDB_ERROR_SHAPE,
                          "tensor \"E\" is [4, 3], but the parameter of model \"tiny\" is [4, 4]");
}

static void word_lists_are_checked(void **state) {
  (void)state;
  assert_metadata_refused("\"edbatch.vocab.words\":\"[1,2]\"", EDB_ERROR_FORMAT, "list of words");
  assert_metadata_refused("\"edbatch.vocab.words\":\"{}\"", EDB_ERROR_FORMAT, "list of words");
  assert_metadata_refused("\"edbatch.vocab.words\":\"-1\"", EDB_ERROR_FORMAT, "or a size");
  assert_metadata_refused("\"edbatch.vocab.words\":\"3000000000\"", EDB_ERROR_FORMAT, "or a size");
  assert_metadata_refused("\"edbatch.vocab.words\":\"[\\\"a\\\"\"", EDB_ERROR_FORMAT, "");
  assert_metadata_refused("\"edbatch.vocab.words\":\"[\\\"a\\\",\\\"a\\\"]\"", EDB_ERROR_NAME,
                          "words 0 and 1 of \"words\" are both \"a\"");
  assert_metadata_refused("\"edbatch.vocab.words\":\"[\\\"a\\\\u0000b\\\"]\"", EDB_ERROR_FORMAT,
                          "zero byte");
  assert_metadata_refused("\"edbatch.vocab.words\":\"[\\\"a\\\",\\\"b\\\"]\"", EDB_ERROR_SHAPE,
                          "tensor \"E\" is [4, 3], but the parameter of model \"tiny\" is [2, 3]");
}

static void missing_and_unknown_tensors_are_named(void **state) {
  (void)state;
  assert_header_refused("{\"W\":{\"dtype\":\"F32\",\"shape\":[3,3],\"data_offsets\":[0,36]}}", 36,
                        EDB_ERROR_NAME,
                        "3 of 4 parameters of model \"tiny\" are missing: E, b, Wout");
  assert_header_refused("{\"Wuot\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
                        EDB_ERROR_NAME, "has no parameter \"Wuot\"; did you mean \"Wout\"?");
  assert_header_refused("{\"hidden\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
                        EDB_ERROR_NAME, "has no parameter \"hidden\"");
}

static void only_the_first_missing_tensors_are_listed(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse_with(ctx,
                                "edb 1\nmodel m\nparam a[1], b[1], c[1], d[1], e[1], g[1], i[1]\n"
                                "cell k(x[1]) -> (y[1]):\n  y = x + a + b + c + d + e + g + i\n",
                                NULL, 0);
  edb_error error = {0};
  edb_weights *w = NULL;
  write_file("{}", 0);
  assert_int_equal(edb_weights_load(ctx, model, path, &w, &error), EDB_ERROR_NAME);
  assert_non_null(strstr(error.text, "7 of 7"));
  assert_non_null(strstr(error.text, "missing: a, b, c, d, e, ..."));
  edb_model_destroy(model);
  faulty_destroy(&f);
}

static void a_file_that_is_not_there_is_named(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_model *model = parse(ctx);
  edb_weights *w = NULL;
  edb_error error = {0};
  assert_int_equal(edb_weights_load(ctx, model, "/nonexistent", &w, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "/nonexistent"));
  edb_model_destroy(model);
  faulty_destroy(&f);
}

/* ---- Damage ---------------------------------------------------------------------------------- */

static void damaged_files_are_refused_or_load_and_the_model_stays_good(void **state) {
  (void)state;
  faulty f;
  edb_context *ctx = faulty_context(&f, 0);
  edb_rng rng;
  edb_file file;
  char whole[4096], bytes[4096];
  save_five(ctx);
  assert_int_equal(edb_file_open(ctx, path, &file, NULL), EDB_OK);
  size_t size = file.bytes;
  assert_true(size <= sizeof bytes);
  memcpy(whole, file.data, size);
  edb_file_close(&file);
  edb_rng_seed(&rng, 77);
  for (int round = 0; round < 1500; round++) {
    memcpy(bytes, whole, size);
    uint32_t changes = 1 + edb_rng_below(&rng, 3);
    for (uint32_t i = 0; i < changes; i++) {
      bytes[edb_rng_below(&rng, (uint32_t)size)] = (char)(32 + edb_rng_below(&rng, 96));
    }
    size_t cut = edb_rng_below(&rng, 4) ? size : edb_rng_below(&rng, (uint32_t)size);
    write_bytes(bytes, cut);
    edb_model *model = parse(ctx);
    edb_weights *w = NULL;
    if (edb_weights_load(ctx, model, path, &w, NULL) != EDB_OK) {
      assert_false(edb_model_is_sealed(model));
      assert_int_equal(edb_model_vocab_size(model, 0), 0);
      add_words(model);
      w = create(ctx, model, 1);
    }
    edb_weights_destroy(w);
    edb_model_destroy(model);
  }
  faulty_destroy(&f);
}

static void every_failing_allocation_of_saving_is_survived(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    f.counting = false;
    edb_model *model = parse(ctx);
    add_words(model);
    f.counting = true;
    edb_weights *w = NULL;
    edb_status status = edb_weights_create(ctx, model, 1, &w, NULL);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) {
      status = edb_weights_save(w, path, NULL);
      assert_true(faulty_status(&f, status));
    }
    edb_weights_destroy(w);
    edb_model_destroy(model);
  }
}

static void every_failing_allocation_of_loading_is_survived(void **state) {
  (void)state;
  faulty f;
  edb_context *good = faulty_context(&f, 0);
  save_five(good);
  faulty_destroy(&f);
  FAULTY_FOR_EACH(&f, ctx) {
    f.counting = false;
    edb_model *model = parse(ctx);
    f.counting = true;
    edb_weights *w = NULL;
    edb_status status = edb_weights_load(ctx, model, path, &w, NULL);
    assert_true(faulty_status(&f, status));
    f.counting = false;
    if (status != EDB_OK) {
      assert_null(w);
      assert_int_equal(edb_model_vocab_size(model, 0), 0);
      w = load(ctx, model);
    }
    edb_weights_destroy(w);
    edb_model_destroy(model);
    f.counting = true;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(new_weights_have_their_defaults_and_seal_the_model),
      cmocka_unit_test(another_parameter_leaves_the_values_of_the_others),
      cmocka_unit_test(set_values_are_got_back_and_raise_the_version),
      cmocka_unit_test(unknown_parameters_and_wrong_counts_are_named),
      cmocka_unit_test(a_saved_file_restores_values_constants_and_words),
      cmocka_unit_test(the_data_of_a_saved_file_is_aligned),
      cmocka_unit_test(a_vocabulary_without_words_keeps_its_size),
      cmocka_unit_test(a_file_loads_again_into_the_model_that_it_sealed),
      cmocka_unit_test(f32_values_stay_in_the_file_until_they_change),
      cmocka_unit_test(weights_can_be_saved_over_the_file_that_they_are_read_from),
      cmocka_unit_test(values_at_odd_addresses_are_copied),
      cmocka_unit_test(weights_come_through_a_pipe_as_well),
      cmocka_unit_test(a_place_that_cannot_be_written_is_named),
      cmocka_unit_test(without_metadata_a_vocabulary_gets_its_size_from_the_tensors),
      cmocka_unit_test(float64_is_kept_beside_fp32),
      cmocka_unit_test(a_constant_that_was_given_otherwise_is_a_mismatch),
      cmocka_unit_test(a_sealed_model_with_other_sizes_or_words_is_a_mismatch),
      cmocka_unit_test(a_vocabulary_that_has_grown_is_a_mismatch),
      cmocka_unit_test(metadata_is_checked),
      cmocka_unit_test(word_lists_are_checked),
      cmocka_unit_test(missing_and_unknown_tensors_are_named),
      cmocka_unit_test(only_the_first_missing_tensors_are_listed),
      cmocka_unit_test(a_file_that_is_not_there_is_named),
      cmocka_unit_test(damaged_files_are_refused_or_load_and_the_model_stays_good),
      cmocka_unit_test(every_failing_allocation_of_saving_is_survived),
      cmocka_unit_test(every_failing_allocation_of_loading_is_survived),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
