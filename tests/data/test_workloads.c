/* tests/data/test_workloads.c: models of the zoo against numbers that were computed elsewhere, with
 * instances in JSON lines and, where the form of the data allows it, through their readers. */
#include <edbatch/data.h>

#include "data/reader.h"
#include "exec/reference_files.h"

typedef struct text {
  char data[1 << 17];
  size_t length;
} text;

static void add(text *t, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  t->length +=
      (size_t)vsnprintf(t->data + t->length, sizeof t->data - t->length, format, arguments);
  va_end(arguments);
  assert_true(t->length < sizeof t->data);
}

static text *new_text(void) {
  text *t = calloc(1, sizeof *t);
  assert_non_null(t);
  return t;
}

static world open_zoo(const char *name, const json_t *file) {
  char path[1024];
  world w = {.ctx = context_at(EDB_SIMD_AUTO)};
  edb_error error = {0};
  edb_constant set = {"hidden", 8};
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = &set;
  params.n_set = 1;
  (void)snprintf(path, sizeof path, "%s/models/%s.edb", EDB_SOURCE_DIR, name);
  MUST(edb_model_load(w.ctx, path, &params, &w.model, &error), error);
  if (file != NULL) load_weights(&w, json_object_get(file, "weights"));
  return w;
}

/* Nodes of one cell are the states, those of another the scores, both in the order of the file. */
static built build(const world *w, text *t, const char *const *states, const char *score) {
  built b = {.graph = graph_of(w)};
  edb_dataset *dataset = NULL;
  edb_error error = {0};
  uint32_t n_scores = 0;
  MUST(edb_dataset_parse(w->ctx, w->model, t->data, t->length, "d", NULL, &dataset, &error), error);
  for (uint32_t i = 0; i < edb_dataset_count(dataset); i++)
    MUST(edb_dataset_append(dataset, i, b.graph, &error), error);
  edb_dataset_destroy(dataset);
  free(t);
  for (edb_node n = 0; n < edb_graph_node_count(b.graph); n++) {
    uint32_t cell = edb_graph_node_cell(b.graph, n);
    if (cell == edb_model_cell(w->model, score)) b.score[n_scores++] = n;
    for (const char *const *s = states; *s; s++)
      if (cell == edb_model_cell(w->model, *s)) b.state[b.count++] = n;
  }
  assert_int_equal(b.count, n_scores);
  return b;
}

/* ---- Taggers
 * -------------------------------------------------------------------------------------- */

/* A layer of one direction whose first call is node `first`; `start` comes before it. `below` is
 * the first call of the layer that it takes. */
static void add_layer(text *t, const json_t *nodes, const char *cell, bool backward, size_t start,
                      size_t first, size_t below) {
  size_t n = json_array_size(nodes);
  for (size_t k = 0; k < n; k++) {
    size_t before = k > 0 ? first + k - 1 : start;
    add(t, ",{\"cell\":\"%s\",\"inputs\":[\"%zu.h\",\"%zu.c\"", cell, before, before);
    if (below)
      add(t, ",\"%zu.h\"]}", below + k);
    else
      add(t, "],\"word\":%d}",
          (int)member(json_array_get(nodes, backward ? n - 1 - k : k), "word"));
  }
}

static text *tagger_lines(const json_t *file) {
  text *t = new_text();
  json_t *instance;
  size_t i;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *nodes = json_object_get(instance, "nodes");
    size_t n = json_array_size(nodes);
    add(t, "{\"nodes\":[{\"cell\":\"init0\"},{\"cell\":\"init1\"}");
    add_layer(t, nodes, "fw0", false, 0, 2, 0);
    add_layer(t, nodes, "fw1", false, 1, 2 + n, 2);
    add_layer(t, nodes, "bw0", true, 0, 2 + 2 * n, 0);
    add_layer(t, nodes, "bw1", true, 1, 2 + 3 * n, 2 + 2 * n);
    for (size_t k = 0; k < n; k++)
      add(t, ",{\"cell\":\"out\",\"inputs\":[\"%zu.h\",\"%zu.h\"],\"tag\":%d}", 2 + n + k,
          2 + 4 * n - 1 - k, (int)member(json_array_get(nodes, k), "tag"));
    add(t, "]}\n");
  }
  return t;
}

static const char *const tagger_states[] = {"out", NULL};

static built tagger_from_lines(const world *w, const json_t *file) {
  return build(w, tagger_lines(file), tagger_states, "out");
}

static void bilstm_tagger_gives_the_numbers_of_the_reference(void **state) {
  (void)state;
  json_t *file = reference_open("bilstm");
  if (file == NULL) skip();
  world w = open_zoo("bilstm_tagger", file);
  built b = tagger_from_lines(&w, file);
  assert_all_ways(&w, &b, file, "h", tagger_from_lines);
  world_close(&w);
  json_decref(file);
}

static text *tagger_tokens(const json_t *file) {
  text *t = new_text();
  json_t *instance, *node;
  size_t i, n;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    json_array_foreach(json_object_get(instance, "nodes"), n, node)
        add(t, "%s%s|T%d", n > 0 ? " " : "", json_string_value(json_object_get(node, "token")),
            (int)member(node, "tag"));
    add(t, "\n");
  }
  return t;
}

/* Rows of a table for the vocabulary that was read: `<unk>` gets the first one. */
static void reorder(const world *w, json_t *file, const char *param, const char *vocab,
                    const char *key, const char *prefix) {
  json_t *weights = json_object_get(file, "weights"), *old = json_object_get(weights, param);
  json_t *table = json_array(), *instance, *node;
  uint32_t v = edb_model_vocab(w->model, vocab);
  size_t i, n;
  for (uint32_t k = 0; k < edb_model_vocab_size(w->model, v); k++)
    (void)json_array_append_new(table, json_deep_copy(json_array_get(old, 0)));
  json_array_foreach(json_object_get(file, "instances"), i, instance){
      json_array_foreach(json_object_get(instance, "nodes"), n, node){char word[128];
  if (prefix)
    (void)snprintf(word, sizeof word, "%s%d", prefix, (int)member(node, key));
  else
    (void)snprintf(word, sizeof word, "%s", json_string_value(json_object_get(node, "token")));
  uint32_t id = edb_model_vocab_find(w->model, v, word, strlen(word));
  assert_true(id > 0);
  (void)json_array_set_new(table, id,
                           json_deep_copy(json_array_get(old, (size_t)member(node, key))));
}
}
(void)json_object_set_new(weights, param, table);
}

/* The tags have an <unk> that the reference has not, so that states are compared and not losses. */
static void tagged_tokens_give_the_states_of_the_reference(void **state) {
  (void)state;
  json_t *file = reference_open("bilstm"), *instance;
  if (file == NULL) skip();
  world w = open_zoo("bilstm_tagger", NULL);
  edb_error error = {0};
  edb_dataset *words = NULL;
  text *t = tagger_tokens(file);
  MUST(edb_dataset_parse(w.ctx, w.model, t->data, t->length, "d", NULL, &words, &error), error);
  edb_dataset_destroy(words);
  reorder(&w, file, "E", "words", "word", NULL);
  reorder(&w, file, "Wout", "tags", "tag", "T");
  load_weights(&w, json_object_get(file, "weights"));
  built b = build(&w, t, tagger_states, "out");
  edb_session *session = session_of(&w, EDB_DEVICE_CPU, EDB_GRANULARITY_CELL);
  edb_policy *policy = policy_of(&w, EDB_POLICY_BEST);
  run_all(session, b.graph, policy);
  uint32_t at = 0;
  size_t i;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *h = json_object_get(instance, "h");
    for (size_t n = 0; n < json_array_size(h); n++, at++)
      assert_vector(&w, session, b.graph, b.state[at], "h", json_array_get(h, n), 1e-5);
  }
  assert_int_equal(at, b.count);
  edb_policy_destroy(policy);
  edb_session_destroy(session);
  edb_graph_destroy(b.graph);
  world_close(&w);
  json_decref(file);
}

/* ---- Lattices
 * ------------------------------------------------------------------------------------- */

static text *lattice_lines(const json_t *file) {
  text *t = new_text();
  json_t *instance, *node, *arc;
  size_t i, n, a, states[256];
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    size_t at = 0;
    add(t, "{\"nodes\":[");
    json_array_foreach(json_object_get(instance, "nodes"), n, node) {
      const json_t *arcs = json_object_get(node, "arcs");
      size_t first = at;
      json_array_foreach(arcs, a, arc) {
        add(t, "%s{\"cell\":\"%s\",\"inputs\":[%zu],\"id\":%d}", at ? "," : "",
            json_string_value(json_object_get(arc, "kind")), states[member(arc, "from")],
            (int)member(arc, "id"));
        at++;
      }
      states[n] = at;
      if (json_array_size(arcs) == 0) {
        add(t, "%s{\"cell\":\"init\"}", at ? "," : "");
      } else {
        add(t, ",{\"cell\":\"merge\",\"inputs\":[[");
        for (; first < at; first++) add(t, first + 1 < at ? "%zu," : "%zu", first);
        add(t, "]]}");
      }
      at++;
    }
    json_array_foreach(json_object_get(instance, "nodes"), n, node)
        add(t, ",{\"cell\":\"out\",\"inputs\":[\"%zu.h\"],\"tag\":%d}", states[n],
            (int)member(node, "tag"));
    add(t, "]}\n");
  }
  return t;
}

/* The same in the form of files. */
static text *lattice_file(const json_t *file) {
  text *t = new_text();
  json_t *instance, *node, *arc;
  size_t i, n, a;
  add(t, "%zu\n", json_array_size(json_object_get(file, "instances")));
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *nodes = json_object_get(instance, "nodes");
    add(t, "%zu\n", json_array_size(nodes));
    json_array_foreach(nodes, n, node) add(t, "%d ", (int)member(node, "tag"));
    json_array_foreach(nodes, n, node) {
      const json_t *arcs = json_object_get(node, "arcs");
      add(t, "\n%zu", json_array_size(arcs));
      json_array_foreach(arcs, a, arc)
          add(t, " %d %d", (int)member(arc, "from"), (int)member(arc, "id"));
    }
    add(t, "\n\n");
  }
  return t;
}

static const char *const lattice_states[] = {"init", "merge", NULL};

static built lattices_from_lines(const world *w, const json_t *file) {
  return build(w, lattice_lines(file), lattice_states, "out");
}

static built lattices_from_file(const world *w, const json_t *file) {
  return build(w, lattice_file(file), lattice_states, "out");
}

static void lattice_lstm_gives_the_numbers_of_the_reference(void **state) {
  (void)state;
  json_t *file = reference_open("latticelstm");
  if (file == NULL) skip();
  world w = open_zoo("lattice_lstm", file);
  built b = lattices_from_lines(&w, file);
  assert_all_ways(&w, &b, file, "h", lattices_from_lines);
  b = lattices_from_file(&w, file);
  assert_all_ways(&w, &b, file, "h", lattices_from_file);
  world_close(&w);
  json_decref(file);
}

/* ---- Trees of two kinds
 * --------------------------------------------------------------------------- */

static void put_tree(text *t, const json_t *nodes, size_t n) {
  const json_t *node = json_array_get(nodes, n);
  add(t, "(%d ", (int)member(node, "label"));
  if (json_object_get(node, "word")) {
    add(t, "%s)", json_string_value(json_object_get(node, "token")));
    return;
  }
  put_tree(t, nodes, (size_t)member(node, "left"));
  add(t, " ");
  put_tree(t, nodes, (size_t)member(node, "right"));
  add(t, ")");
}

/* Other trees stand before each, so that it has the number that it has in its file. */
static void kinds_of_inner_nodes_are_those_of_the_reference(void **state) {
  (void)state;
  json_t *file = reference_open("treelstm"), *instance, *node;
  if (file == NULL) skip();
  world w = open_zoo("tree_lstm_2type", NULL);
  size_t i, checked = 0;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *nodes = json_object_get(instance, "nodes");
    uint32_t line = (uint32_t)member(instance, "line"), next = 0;
    edb_dataset *dataset = NULL;
    edb_error error = {0};
    text *t = new_text();
    for (uint32_t k = 0; k < line; k++) add(t, "(0 x)\n");
    put_tree(t, nodes, json_array_size(nodes) - 1);
    MUST(edb_dataset_parse(w.ctx, w.model, t->data, t->length, "d", NULL, &dataset, &error), error);
    const edb_graph *g = dataset->graph;
    for (edb_node k = edb_graph_instance_begin(g, line); k < edb_graph_node_count(g); k++) {
      const char *cell = edb_model_cell_name(w.model, g->type[k]);
      if (strcmp(cell, "score") == 0) continue;
      node = json_array_get(nodes, next++);
      if (json_object_get(node, "left") == NULL) continue;
      assert_string_equal(cell, member(node, "type") ? "node1" : "node0");
      checked++;
    }
    assert_int_equal(next, json_array_size(nodes));
    edb_dataset_destroy(dataset);
    free(t);
  }
  assert_true(checked > 10);
  edb_model_destroy(w.model);
  edb_context_destroy(w.ctx);
  json_decref(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bilstm_tagger_gives_the_numbers_of_the_reference),
      cmocka_unit_test(tagged_tokens_give_the_states_of_the_reference),
      cmocka_unit_test(lattice_lstm_gives_the_numbers_of_the_reference),
      cmocka_unit_test(kinds_of_inner_nodes_are_those_of_the_reference),
  };
  return cmocka_run_group_tests_name("workloads", tests, NULL, NULL);
}
