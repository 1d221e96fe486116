/* tests/exec/reference_files.h: the numeric references of shared/refs: weights, instances and what
 * a correct implementation gives, computed elsewhere in float64. */
#ifndef EDB_TESTS_EXEC_REFERENCE_FILES_H
#define EDB_TESTS_EXEC_REFERENCE_FILES_H

#include <math.h>
#include <unistd.h>

#include <jansson.h>

#include "exec/exec_support.h"

/* NULL, with a message, when the file is not there. */
static inline json_t *reference_open(const char *name) {
  char path[1024];
  json_error_t error;
  (void)snprintf(path, sizeof path, "%s/../shared/refs/%s.json", EDB_SOURCE_DIR, name);
  if (access(path, R_OK) != 0) {
    print_message("skipped: there is no %s\n", path);
    return NULL;
  }
  json_t *file = json_load_file(path, 0, &error);
  if (file == NULL) fail_msg("%s: %s", path, error.text);
  return file;
}

static inline int64_t member(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) fail_msg("no whole number %s", key);
  return json_integer_value(value);
}

/* Numbers of nested lists, one after another. */
static inline size_t flatten(const json_t *value, double *out, size_t at) {
  if (!json_is_array(value)) {
    if (out != NULL) out[at] = json_number_value(value);
    return at + 1;
  }
  for (size_t i = 0; i < json_array_size(value); i++)
    at = flatten(json_array_get(value, i), out, at);
  return at;
}

/* Shape of nested lists, as "8,16". */
static inline void shape_text(const json_t *value, char *out, size_t bytes) {
  size_t at = 0;
  out[0] = 0;
  for (; json_is_array(value); value = json_array_get(value, 0))
    at += (size_t)snprintf(out + at, bytes - at, "%s%zu", at ? "," : "", json_array_size(value));
}

/* All weights as a safetensors file of float64 (the machine's order of bytes is the file's). */
static inline void write_weights(json_t *weights, const char *path) {
  static char header[1 << 16];
  const char *name;
  json_t *value;
  size_t at = 0, count = 0;
  json_object_foreach(weights, name, value) {
    char shape[64];
    size_t begin = count;
    count = flatten(value, NULL, count);
    shape_text(value, shape, sizeof shape);
    at += (size_t)snprintf(header + at, sizeof header - at,
                           "%s\"%s\":{\"dtype\":\"F64\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                           at ? "," : "{", name, shape, begin * 8, count * 8);
  }
  at += (size_t)snprintf(header + at, sizeof header - at, "}");
  while (at % 8 != 0) header[at++] = ' ';
  double *data = malloc(count * sizeof *data);
  assert_non_null(data);
  count = 0;
  json_object_foreach(weights, name, value) count = flatten(value, data, count);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  uint64_t length = at;
  assert_int_equal(fwrite(&length, sizeof length, 1, file), 1);
  assert_int_equal(fwrite(header, 1, at, file), at);
  assert_int_equal(fwrite(data, sizeof *data, count, file), count);
  assert_int_equal(fclose(file), 0);
  free(data);
}

/* Weights of the model as in the file, in float64. */
static inline void load_weights(world *w, json_t *weights) {
  char path[] = "/tmp/edb-weights-XXXXXX";
  edb_error error = {0};
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  write_weights(weights, path);
  edb_status status = edb_weights_load(w->ctx, w->model, path, &w->weights, &error);
  (void)close(fd);
  (void)unlink(path);
  if (status != EDB_OK) fail_msg("%s", error.text);
}

/* ---- What was built from the instances ------------------------------------------------------- */

#define MOST_NODES 1024

/* Per node of the file, in order, over all instances: the node with its state, and its score. */
typedef struct built {
  edb_graph *graph;
  edb_node state[MOST_NODES], score[MOST_NODES];
  uint32_t count;
} built;

static inline edb_node call_cell(edb_graph *graph, const edb_model *model, const char *cell,
                                 const edb_value *inputs, uint32_t n, const int32_t *indices,
                                 const uint32_t *arities) {
  edb_node node = 0;
  edb_error error = {0};
  edb_call call = {.cell = edb_model_cell(model, cell),
                   .inputs = inputs,
                   .n_inputs = n,
                   .arities = arities,
                   .indices = indices};
  MUST(edb_graph_append(graph, &call, &node, &error), error);
  return node;
}

/* ---- Comparison ------------------------------------------------------------------------------ */

/* The largest difference may be `tolerance` times the largest number. */
static inline void assert_vector(const world *w, const edb_session *session, const edb_graph *graph,
                                 edb_node node, const char *output, const json_t *expected,
                                 double tolerance) {
  double found[256], wanted[256], largest = 0, difference = 0;
  edb_error error = {0};
  uint32_t cell = edb_graph_node_cell(graph, node);
  edb_value value = {node, edb_model_output(w->model, cell, output)};
  size_t count = flatten(expected, NULL, 0);
  assert_true(count <= 256);
  (void)flatten(expected, wanted, 0);
  MUST(edb_session_read_f64(session, graph, value, found, count, &error), error);
  for (size_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs(wanted[i]));
    difference = fmax(difference, fabs(wanted[i] - found[i]));
  }
  if (!(difference <= tolerance * largest))
    fail_msg("output %s of node %u: off by %g of %g", output, node, difference, largest);
}

static inline double read_loss(const world *w, const edb_session *session, const edb_graph *graph,
                               edb_node node) {
  double loss = 0;
  edb_error error = {0};
  uint32_t cell = edb_graph_node_cell(graph, node);
  edb_value value = {node, edb_model_output(w->model, cell, "loss")};
  MUST(edb_session_read_f64(session, graph, value, &loss, 1, &error), error);
  return loss;
}

/* Every node of every instance; `state` names the output that the file calls h. */
static inline void assert_reference(const world *w, const edb_session *session, const built *b,
                                    const json_t *file, const char *state, double tolerance) {
  const json_t *instances = json_object_get(file, "instances");
  uint32_t at = 0;
  double total = 0;
  for (size_t i = 0; i < json_array_size(instances); i++) {
    const json_t *instance = json_array_get(instances, i);
    const json_t *h = json_object_get(instance, "h"), *l = json_object_get(instance, "logits");
    double loss = 0, wanted = json_number_value(json_object_get(instance, "loss"));
    for (size_t n = 0; n < json_array_size(h); n++, at++) {
      assert_vector(w, session, b->graph, b->state[at], state, json_array_get(h, n), tolerance);
      assert_vector(w, session, b->graph, b->score[at], "logits", json_array_get(l, n), tolerance);
      loss += read_loss(w, session, b->graph, b->score[at]);
    }
    if (!(fabs(loss - wanted) <= tolerance * wanted))
      fail_msg("instance %zu: the loss is %.17g, expected %.17g", i, loss, wanted);
    total += loss;
  }
  assert_int_equal(at, b->count);
  double wanted = json_number_value(json_object_get(file, "loss"));
  if (!(fabs(total - wanted) <= tolerance * wanted))
    fail_msg("the loss is %.17g, expected %.17g", total, wanted);
}

/* On both devices at both granularities. */
static inline void assert_all_ways(const world *w, built *b, const json_t *file, const char *state,
                                   built (*again)(const world *, const json_t *)) {
  edb_policy *policy = policy_of(w, EDB_POLICY_BEST);
  for (int way = 0; way < 4; way++) {
    edb_device device = way & 1 ? EDB_DEVICE_REFERENCE : EDB_DEVICE_CPU;
    edb_granularity granularity = way & 2 ? EDB_GRANULARITY_OP : EDB_GRANULARITY_CELL;
    edb_session *session = session_of(w, device, granularity);
    run_all(session, b->graph, policy);
    assert_reference(w, session, b, file, state, device == EDB_DEVICE_CPU ? 1e-5 : 1e-12);
    edb_session_destroy(session);
    edb_graph_destroy(b->graph);
    *b = again(w, file);
  }
  edb_graph_destroy(b->graph);
  edb_policy_destroy(policy);
}

#endif
