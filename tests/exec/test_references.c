/* tests/exec/test_references.c: trees, chains and lattices against numbers that were computed
 * elsewhere: every state, all logits and losses, on both devices at both granularities. */
#include <edbatch/data.h>

#include "data/reader.h"
#include "exec/reference_files.h"

static world open_model(const char *text, const json_t *file) {
  world w = {.ctx = context_at(EDB_SIMD_AUTO)};
  edb_error error = {0};
  edb_constant set[] = {{"hidden", 8},
                        {"labels", member(json_object_get(file, "sizes"), "classes")}};
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = set;
  params.n_set = 2;
  MUST(edb_model_parse(w.ctx, text, strlen(text), "test.edb", &params, &w.model, &error), error);
  load_weights(&w, json_object_get(file, "weights"));
  return w;
}

static char *read_text(const char *name) {
  char path[1024];
  (void)snprintf(path, sizeof path, "%s/models/%s.edb", EDB_SOURCE_DIR, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = calloc(1, 1 << 16);
  assert_non_null(text);
  size_t bytes = fread(text, 1, (1 << 16) - 1, file);
  assert_true(bytes > 0);
  (void)fclose(file);
  return text;
}

/* ---- Trees ----------------------------------------------------------------------------------- */

/* Lines like {"nodes": [{"cell": "leaf", "word": 3}, {"cell": "node", "inputs": [0, 1]}, ...]}: the
 * states of a tree, then their scores. */
static char *tree_lines(const json_t *file) {
  char *text = malloc(1 << 18);
  size_t at = 0, room = 1 << 18;
  assert_non_null(text);
  size_t i, n;
  json_t *instance, *node;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *nodes = json_object_get(instance, "nodes");
    at += (size_t)snprintf(text + at, room - at, "{\"nodes\":[");
    json_array_foreach(nodes, n, node) {
      const char *comma = n ? "," : "";
      if (json_object_get(node, "word"))
        at += (size_t)snprintf(text + at, room - at, "%s{\"cell\":\"leaf\",\"word\":%d}", comma,
                               (int)member(node, "word"));
      else
        at += (size_t)snprintf(text + at, room - at, "%s{\"cell\":\"node\",\"inputs\":[%d,%d]}",
                               comma, (int)member(node, "left"), (int)member(node, "right"));
    }
    json_array_foreach(nodes, n, node) at += (size_t)snprintf(
        text + at, room - at, ",{\"cell\":\"score\",\"inputs\":[%zu],\"label\":%d}", n,
        (int)member(node, "label"));
    at += (size_t)snprintf(text + at, room - at, "]}\n");
  }
  return text;
}

/* One tree in brackets. */
static size_t put_tree(const json_t *nodes, size_t n, char *text, size_t at, size_t room) {
  const json_t *node = json_array_get(nodes, n), *token = json_object_get(node, "token");
  at += (size_t)snprintf(text + at, room - at, "(%d ", (int)member(node, "label"));
  if (json_object_get(node, "word")) {
    at += (size_t)snprintf(text + at, room - at, "%s", json_string_value(token));
  } else {
    at = put_tree(nodes, (size_t)member(node, "left"), text, at, room);
    at += (size_t)snprintf(text + at, room - at, " ");
    at = put_tree(nodes, (size_t)member(node, "right"), text, at, room);
  }
  at += (size_t)snprintf(text + at, room - at, ")");
  return at;
}

static char *tree_brackets(const json_t *file) {
  char *text = malloc(1 << 18);
  size_t at = 0, room = 1 << 18, i;
  json_t *instance;
  assert_non_null(text);
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *nodes = json_object_get(instance, "nodes");
    at = put_tree(nodes, json_array_size(nodes) - 1, text, at, room);
    at += (size_t)snprintf(text + at, room - at, "\n");
  }
  return text;
}

/* States and scores of a graph of trees. States come in post-order, as in the file; a score belongs
 * to the state it takes. */
static void find_tree_nodes(const world *w, built *b) {
  static uint32_t order[2 * MOST_NODES];
  uint32_t score = edb_model_cell(w->model, "score");
  b->count = 0;
  for (edb_node n = 0; n < edb_graph_node_count(b->graph); n++) {
    if (edb_graph_node_cell(b->graph, n) == score) {
      b->score[order[b->graph->edge_node[b->graph->edge_start[n]]]] = n;
    } else {
      order[n] = b->count;
      b->state[b->count++] = n;
    }
  }
}

static built build_from(const world *w, char *text) {
  built b = {.graph = graph_of(w)};
  edb_dataset *dataset = NULL;
  edb_error error = {0};
  MUST(edb_dataset_parse(w->ctx, w->model, text, strlen(text), "trees", NULL, &dataset, &error),
       error);
  for (uint32_t i = 0; i < edb_dataset_count(dataset); i++)
    MUST(edb_dataset_append(dataset, i, b.graph, &error), error);
  edb_dataset_destroy(dataset);
  find_tree_nodes(w, &b);
  free(text);
  return b;
}

static built build_lines(const world *w, const json_t *file) {
  return build_from(w, tree_lines(file));
}

static built build_brackets(const world *w, const json_t *file) {
  return build_from(w, tree_brackets(file));
}

static void tree_model(const char *model, const char *reference) {
  json_t *file = reference_open(reference);
  if (file == NULL) skip();
  char *text = read_text(model);
  world w = open_model(text, file);
  built b = build_lines(&w, file);
  assert_all_ways(&w, &b, file, "h", build_lines);
  world_close(&w);
  free(text);
  json_decref(file);
}

/* The table of the file for the vocabulary that was read: rows in its order, and one for <unk>. */
static void reorder_words(const world *w, json_t *file) {
  json_t *weights = json_object_get(file, "weights"), *old = json_object_get(weights, "E");
  json_t *table = json_array(), *instance, *node;
  uint32_t size = edb_model_vocab_size(w->model, 0);
  size_t i, n;
  for (uint32_t k = 0; k < size; k++)
    (void)json_array_append_new(table, json_deep_copy(json_array_get(old, 0)));
  json_array_foreach(json_object_get(file, "instances"), i,
                     instance){json_array_foreach(json_object_get(instance, "nodes"), n, node){
      const char *token = json_string_value(json_object_get(node, "token"));
  if (token == NULL) continue;
  uint32_t id = edb_model_vocab_find(w->model, 0, token, strlen(token));
  if (id == 0 || id >= size) fail_msg("%s is not in the vocabulary", token);
  json_t *row = json_array_get(old, (size_t)member(node, "word"));
  (void)json_array_set_new(table, id, json_deep_copy(row));
}
}
(void)json_object_set_new(weights, "E", table);
}

static void bracket_model(const char *model, const char *reference) {
  json_t *file = reference_open(reference);
  if (file == NULL) skip();
  char *text = read_text(model), *brackets = tree_brackets(file);
  world w = {.ctx = context_at(EDB_SIMD_AUTO)};
  edb_error error = {0};
  edb_constant set = {"hidden", 8};
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = &set;
  params.n_set = 1;
  MUST(edb_model_parse(w.ctx, text, strlen(text), "test.edb", &params, &w.model, &error), error);
  edb_dataset *words = NULL;
  MUST(edb_dataset_parse(w.ctx, w.model, brackets, strlen(brackets), "t", NULL, &words, &error),
       error);
  edb_dataset_destroy(words);
  reorder_words(&w, file);
  load_weights(&w, json_object_get(file, "weights"));
  built b = build_brackets(&w, file);
  assert_all_ways(&w, &b, file, "h", build_brackets);
  world_close(&w);
  free(brackets);
  free(text);
  json_decref(file);
}

static void tree_lstm_gives_the_numbers_of_the_reference(void **state) {
  (void)state;
  tree_model("tree_lstm", "treelstm");
}

static void tree_gru_gives_the_numbers_of_the_reference(void **state) {
  (void)state;
  tree_model("tree_gru", "treegru");
}

static void trees_in_brackets_give_the_numbers_of_the_reference(void **state) {
  (void)state;
  bracket_model("tree_lstm", "treelstm");
  bracket_model("tree_gru", "treegru");
}

/* ---- Cells of the other models --------------------------------------------------------------- */

typedef struct text {
  char data[1 << 15];
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

/* A step of an LSTM on x. `s` ends the names of the parameters, `one` is added to the forget gate.
 */
static void add_lstm(text *t, const char *s, const char *one) {
  static const char gates[] = {'i', 'f', 'o', 'g'};
  for (int k = 0; k < 4; k++)
    add(t, "  a%c = X%c_%s @ x + H%c_%s @ hp + b%c_%s\n", gates[k], gates[k], s, gates[k], s,
        gates[k], s);
  add(t, "  f = sigmoid(af%s)\n  i = sigmoid(ai)\n  o = sigmoid(ao)\n  g = tanh(ag)\n", one);
  add(t, "  c = i * g + f * cp\n  h = o * tanh(c)\n");
}

static void add_lstm_params(text *t, const char *s) {
  for (const char *gate = "ifog"; *gate; gate++)
    add(t, "param X%c_%s[hidden, hidden], H%c_%s[hidden, hidden], b%c_%s[hidden]\n", *gate, s,
        *gate, s, *gate, s);
}

/* ---- Chains ---------------------------------------------------------------------------------- */

static const char *const stacks[] = {"fw", "bw"};

static void bilstm_text(text *t) {
  add(t, "edb 1\nmodel bilstm\nconst hidden = 256, labels = 5\nvocab words\n");
  add(t, "param E[words, hidden], Wmlp[hidden, 2*hidden], Wout[labels, hidden]\n");
  for (int l = 0; l < 2; l++) add(t, "param h0_%d[hidden], c0_%d[hidden]\n", l, l);
  for (int k = 0; k < 4; k++) {
    char s[8];
    (void)snprintf(s, sizeof s, "%s%d", stacks[k / 2], k % 2);
    add_lstm_params(t, s);
    if (k % 2 == 0)
      add(t,
          "cell %s(hp[hidden], cp[hidden], word: index words) -> (h[hidden], c[hidden]):\n"
          "  x = E[word]\n",
          s);
    else
      add(t, "cell %s(hp[hidden], cp[hidden], x[hidden]) -> (h[hidden], c[hidden]):\n", s);
    add_lstm(t, s, " + 1");
  }
  for (int l = 0; l < 2; l++)
    add(t,
        "cell init%d() -> (h[hidden], c[hidden]):\n"
        "  h = reshape(h0_%d, [hidden])\n  c = reshape(c0_%d, [hidden])\n",
        l, l, l);
  add(t,
      "cell out(f[hidden], b[hidden], tag: index labels) -> (h[2*hidden], logits[labels], loss):\n"
      "  h = [f; b]\n"
      "  logits = Wout @ tanh(Wmlp @ h)\n"
      "  loss = cross_entropy(logits, tag)\n");
}

/* One direction of a sentence: step[l][k] of layer l at token k. */
static void build_stack(const world *w, edb_graph *g, const json_t *nodes, int d,
                        edb_node step[2][MOST_NODES]) {
  size_t count = json_array_size(nodes);
  for (int l = 0; l < 2; l++) {
    char init[8], cell[8];
    (void)snprintf(init, sizeof init, "init%d", l);
    (void)snprintf(cell, sizeof cell, "%s%d", stacks[d], l);
    edb_node before = call_cell(g, w->model, init, NULL, 0, NULL, NULL);
    for (size_t k = 0; k < count; k++) {
      size_t at = d ? count - 1 - k : k;
      int32_t word = (int32_t)member(json_array_get(nodes, at), "word");
      edb_value inputs[3] = {{before, 0}, {before, 1}, {step[0][at], 0}};
      before = step[l][at] =
          call_cell(g, w->model, cell, inputs, l ? 3 : 2, l ? NULL : &word, NULL);
    }
  }
}

static built build_chains(const world *w, const json_t *file) {
  static edb_node step[2][2][MOST_NODES];
  built b = {.graph = graph_of(w)};
  json_t *instance, *node;
  size_t i, n;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const json_t *nodes = json_object_get(instance, "nodes");
    for (int d = 0; d < 2; d++) build_stack(w, b.graph, nodes, d, step[d]);
    json_array_foreach(nodes, n, node) {
      int32_t tag = (int32_t)member(node, "tag");
      edb_value inputs[2] = {{step[0][1][n], 0}, {step[1][1][n], 0}};
      b.state[b.count] = b.score[b.count] =
          call_cell(b.graph, w->model, "out", inputs, 2, &tag, NULL);
      b.count++;
    }
  }
  return b;
}

static void two_layers_of_lstm_in_both_directions_give_the_numbers_of_the_reference(void **state) {
  (void)state;
  json_t *file = reference_open("bilstm");
  if (file == NULL) skip();
  text *t = calloc(1, sizeof *t);
  assert_non_null(t);
  bilstm_text(t);
  world w = open_model(t->data, file);
  built b = build_chains(&w, file);
  assert_all_ways(&w, &b, file, "h", build_chains);
  world_close(&w);
  free(t);
  json_decref(file);
}

/* ---- Lattices -------------------------------------------------------------------------------- */

static void lattice_text(text *t) {
  add(t, "edb 1\nmodel lattice\nconst hidden = 256, labels = 5\nvocab chars\nvocab words\n");
  add(t,
      "param Ec[chars, hidden], Ew[words, hidden], h0[hidden], c0[hidden], Wout[labels, hidden]\n");
  for (int k = 0; k < 2; k++) {
    const char *s = k ? "w" : "c";
    add_lstm_params(t, s);
    add(t,
        "cell %s(hp[hidden], cp[hidden], id: index %s) -> (h[hidden], c[hidden]):\n"
        "  x = E%s[id]\n",
        k ? "word" : "char", k ? "words" : "chars", s);
    add_lstm(t, s, "");
  }
  add(t, "cell start() -> (h[hidden], c[hidden]):\n"
         "  h = reshape(h0, [hidden])\n  c = reshape(c0, [hidden])\n"
         "cell merge(ha[hidden]..., ca[hidden]...) -> (h[hidden], c[hidden]):\n"
         "  h = sum(ha)\n  c = sum(ca)\n"
         "cell out(h[hidden], tag: index labels) -> (logits[labels], loss):\n"
         "  logits = Wout @ h\n"
         "  loss = cross_entropy(logits, tag)\n");
}

/* The state after the arcs into one position. */
static edb_node build_position(const world *w, edb_graph *g, const json_t *arcs,
                               const edb_node *states) {
  edb_value merged[2 * 64];
  uint32_t n = (uint32_t)json_array_size(arcs), arities[2] = {n, n};
  if (n == 0) return call_cell(g, w->model, "start", NULL, 0, NULL, NULL);
  assert_true(n <= 64);
  for (uint32_t a = 0; a < n; a++) {
    const json_t *arc = json_array_get(arcs, a);
    edb_node from = states[member(arc, "from")];
    int32_t id = (int32_t)member(arc, "id");
    edb_value inputs[2] = {{from, 0}, {from, 1}};
    const char *kind = json_string_value(json_object_get(arc, "kind"));
    edb_node node = call_cell(g, w->model, kind, inputs, 2, &id, NULL);
    merged[a] = (edb_value){node, 0};
    merged[n + a] = (edb_value){node, 1};
  }
  return call_cell(g, w->model, "merge", merged, 2 * n, NULL, arities);
}

static built build_lattices(const world *w, const json_t *file) {
  built b = {.graph = graph_of(w)};
  json_t *instance, *node;
  size_t i, n;
  json_array_foreach(json_object_get(file, "instances"), i, instance) {
    const edb_node *states = b.state + b.count;
    json_array_foreach(json_object_get(instance, "nodes"), n, node) {
      int32_t tag = (int32_t)member(node, "tag");
      edb_node state = build_position(w, b.graph, json_object_get(node, "arcs"), states);
      edb_value input = {state, 0};
      b.state[b.count] = state;
      b.score[b.count++] = call_cell(b.graph, w->model, "out", &input, 1, &tag, NULL);
    }
  }
  return b;
}

static void lattices_give_the_numbers_of_the_reference(void **state) {
  (void)state;
  json_t *file = reference_open("latticelstm");
  if (file == NULL) skip();
  text *t = calloc(1, sizeof *t);
  assert_non_null(t);
  lattice_text(t);
  world w = open_model(t->data, file);
  built b = build_lattices(&w, file);
  assert_all_ways(&w, &b, file, "h", build_lattices);
  world_close(&w);
  free(t);
  json_decref(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tree_lstm_gives_the_numbers_of_the_reference),
      cmocka_unit_test(tree_gru_gives_the_numbers_of_the_reference),
      cmocka_unit_test(trees_in_brackets_give_the_numbers_of_the_reference),
      cmocka_unit_test(two_layers_of_lstm_in_both_directions_give_the_numbers_of_the_reference),
      cmocka_unit_test(lattices_give_the_numbers_of_the_reference),
  };
  return cmocka_run_group_tests_name("references", tests, NULL, NULL);
}
