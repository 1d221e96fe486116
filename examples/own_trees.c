/* examples/own_trees.c: a TreeLSTM over trees that a program has already: here arithmetic
 * expressions. No files of data: the program walks its own structs and calls the model's cells.
 *
 *     own_trees [models/tree_lstm.edb] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edbatch/edbatch.h>

/* ---- The program's own trees ------------------------------------------------------------------
 */

typedef struct expr {
  char op; /* '+', '*', or 0: a number */
  int number;
  const struct expr *left, *right;
} expr;

typedef struct parser {
  const char *at;
  expr nodes[64];
  int n_nodes;
} parser;

static const expr *parse_sum(parser *p);

static expr *new_node(parser *p, expr node) {
  if (p->n_nodes == 64) {
    fprintf(stderr, "own_trees: an expression of more than 64 nodes\n");
    exit(1);
  }
  p->nodes[p->n_nodes] = node;
  return &p->nodes[p->n_nodes++];
}

static const expr *parse_factor(parser *p) {
  if (*p->at == '(') {
    p->at++;
    const expr *inner = parse_sum(p);
    p->at += *p->at == ')';
    return inner;
  }
  return new_node(p, (expr){.number = (int)strtol(p->at, (char **)&p->at, 10)});
}

static const expr *parse_product(parser *p) {
  const expr *left = parse_factor(p);
  while (*p->at == '*') {
    p->at++;
    left = new_node(p, (expr){.op = '*', .left = left, .right = parse_factor(p)});
  }
  return left;
}

static const expr *parse_sum(parser *p) {
  const expr *left = parse_product(p);
  while (*p->at == '+') {
    p->at++;
    left = new_node(p, (expr){.op = '+', .left = left, .right = parse_product(p)});
  }
  return left;
}

/* ---- Calls of the model's cells ----------------------------------------------------------------
 */

typedef struct cells {
  edb_model *model;
  edb_graph *graph;
  uint32_t leaf, node, score;
} cells;

static edb_error error;

/* Every function of the library says what is wrong; here that is the end of the program. */
static void must(edb_status status) {
  if (status == EDB_OK) return;
  fprintf(stderr, "own_trees: %s\n", error.text);
  exit(1);
}

static edb_node call(cells *c, uint32_t cell, const edb_value *inputs, uint32_t n_inputs,
                     int32_t index) {
  edb_node node;
  edb_call call = {.cell = cell, .inputs = inputs, .n_inputs = n_inputs, .indices = &index};
  must(edb_graph_append(c->graph, &call, &node, &error));
  return node;
}

/* Children first, so that a node's inputs exist. Outputs 0 and 1 of a cell are h and c. */
static edb_node walk(cells *c, const expr *e) {
  if (e->op == 0) {
    char word[16];
    int length = snprintf(word, sizeof word, "%d", e->number);
    return call(c, c->leaf, NULL, 0,
                (int32_t)edb_model_vocab_find(c->model, 0, word, (size_t)length));
  }
  edb_node left = walk(c, e->left), right = walk(c, e->right);
  return call(c, c->node, (edb_value[]){{left, 0}, {left, 1}, {right, 0}, {right, 1}}, 4, 0);
}

int main(int argc, char **argv) {
  static const char *const texts[] = {"1+2", "1*2+3*4", "(1+2)*(3+4)*5", "7", "1+2+3+4+5+6*(7+8)"};
  enum { N = sizeof texts / sizeof *texts };
  edb_context *ctx;
  edb_weights *weights;
  edb_session *session;
  edb_node roots[N];
  cells c;

  must(edb_context_create(NULL, &ctx, &error));
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = &(edb_constant){"hidden", 32};
  params.n_set = 1;
  must(edb_model_load(ctx, argc > 1 ? argv[1] : "models/tree_lstm.edb", &params, &c.model, &error));
  for (int i = 0; i < 10; i++) {
    uint32_t id;
    must(edb_model_vocab_add(c.model, 0, (char[]){(char)('0' + i)}, 1, &id, &error));
  }
  must(edb_weights_create(ctx, c.model, 1, &weights, &error)); /* or edb_weights_load */
  must(edb_session_create(ctx, c.model, weights, NULL, &session, &error));
  must(edb_graph_create(ctx, c.model, &c.graph, &error));
  c.leaf = edb_model_cell(c.model, "leaf");
  c.node = edb_model_cell(c.model, "node");
  c.score = edb_model_cell(c.model, "score");

  /* The mini-batch: all trees in one graph. A label of -1 is none: logits are computed, no loss. */
  for (int i = 0; i < N; i++) {
    parser p = {.at = texts[i]};
    must(edb_graph_begin_instance(c.graph, &error));
    edb_node top = walk(&c, parse_sum(&p));
    roots[i] = call(&c, c.score, &(edb_value){top, 0}, 1, -1);
  }
  must(edb_session_run(session, c.graph, NULL, NULL, &error));

  for (int i = 0; i < N; i++) {
    float logits[5];
    edb_value value = {roots[i], edb_model_output(c.model, c.score, "logits")};
    must(edb_session_read(session, c.graph, value, logits, 5, &error));
    printf("%-20s", texts[i]);
    for (int k = 0; k < 5; k++) printf(" %7.4f", (double)logits[k]);
    printf("\n");
  }
  edb_run_stats stats = edb_session_stats(session);
  printf("%u nodes in %u batches; no schedule has less than %u\n", stats.nodes, stats.batches,
         stats.bound);

  edb_graph_destroy(c.graph);
  edb_session_destroy(session);
  edb_weights_destroy(weights);
  edb_model_destroy(c.model);
  edb_context_destroy(ctx);
  return stats.nodes > stats.batches ? 0 : 1;
}
