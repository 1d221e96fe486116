/* examples/greedy_decoding.c: translation where each next word depends on the last output. The
 * graph grows while it runs; all sentences of the mini-batch go in step, so that every round is one
 * batch of the decoder and one of the output; a sentence that is finished leaves.
 *
 *     greedy_decoding [models/lstm_nmt.edb]
 *
 * The weights are initial ones, so what comes out are words but no translation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edbatch/edbatch.h>

#define SENTENCES  8
#define MAX_LENGTH 40

static const char *const sources[SENTENCES] = {"eins",
                                               "eins zwei",
                                               "zwei eins drei",
                                               "vier drei",
                                               "eins zwei drei vier",
                                               "drei drei drei",
                                               "vier",
                                               "zwei drei vier eins zwei drei"};
static const char pairs[] = "eins zwei drei vier\tone two three four\n";

typedef struct sentence {
  edb_node dec, out;
  int32_t words[MAX_LENGTH];
  int length, limit;
  bool finished;
} sentence;

typedef struct decoder {
  edb_model *model;
  edb_session *session;
  edb_graph *graph;
  edb_frontier *frontier;
  uint32_t init, enc, dec, out, best, source, target, batches;
} decoder;

static edb_error error;

static void must(edb_status status) {
  if (status == EDB_OK) return;
  fprintf(stderr, "greedy_decoding: %s\n", error.text);
  exit(1);
}

/* `previous` gives h and c, or h alone, or nothing. */
static edb_node call(decoder *d, uint32_t cell, edb_node previous, uint32_t n_inputs,
                     int32_t index) {
  edb_node node;
  edb_value inputs[] = {{previous, 0}, {previous, 1}};
  edb_call call = {.cell = cell, .inputs = inputs, .n_inputs = n_inputs, .indices = &index};
  must(edb_graph_append(d->graph, &call, &node, &error));
  return node;
}

static int32_t id_of(const decoder *d, uint32_t vocab, const char *word, size_t length) {
  return (int32_t)edb_model_vocab_find(d->model, vocab, word, length);
}

/* One step of the decoder on a word; a `next` of -1 is no label. */
static void append_step(decoder *d, sentence *s, edb_node previous, int32_t word) {
  s->dec = call(d, d->dec, previous, 2, word);
  s->out = call(d, d->out, s->dec, 1, -1);
}

/* The encoder, and the decoder's first step. */
static void begin_sentence(decoder *d, sentence *s, const char *text) {
  *s = (sentence){.limit = 2};
  must(edb_graph_begin_instance(d->graph, &error));
  edb_node state = call(d, d->init, 0, 0, 0);
  while (*text) {
    size_t length = strcspn(text, " ");
    state = call(d, d->enc, state, 2, id_of(d, d->source, text, length));
    text += length + (text[length] == ' ');
    s->limit += 3;
  }
  append_step(d, s, state, id_of(d, d->target, "<s>", 3));
}

/* Runs all that is ready: one batch after another, as the policy chooses. */
static void run_ready(decoder *d) {
  uint32_t count = 0;
  must(edb_frontier_sync(d->frontier, &error));
  do {
    must(edb_session_step(d->session, d->graph, d->frontier, &count, &error));
    d->batches += count > 0;
  } while (count > 0);
}

/* Reads the word that came out and appends the step that takes it in, or lets the sentence leave.
 * What will not be read again gives its memory back. */
static void continue_sentence(decoder *d, sentence *s) {
  float best;
  edb_node before = s->dec, read = s->out;
  must(edb_session_read(d->session, d->graph, (edb_value){s->out, d->best}, &best, 1, &error));
  int32_t word = (int32_t)best;
  s->finished = word == id_of(d, d->target, "</s>", 4) || s->length == s->limit;
  if (!s->finished) {
    s->words[s->length++] = word;
    append_step(d, s, before, word);
  }
  must(edb_session_release(d->session, d->graph, read, &error));
}

/* How many rounds it took. */
static int translate(decoder *d, sentence *s, const char *const *texts, int n) {
  int rounds = 0, live = n;
  for (int i = 0; i < n; i++) begin_sentence(d, &s[i], texts[i]);
  for (; live > 0; rounds++) {
    run_ready(d);
    live = 0;
    for (int i = 0; i < n; i++) {
      if (!s[i].finished) continue_sentence(d, &s[i]);
      live += !s[i].finished;
    }
  }
  return rounds;
}

static void open_decoder(decoder *d, edb_context *ctx, const edb_policy *policy,
                         const edb_weights *weights) {
  must(edb_session_create(ctx, d->model, weights, NULL, &d->session, &error));
  must(edb_graph_create(ctx, d->model, &d->graph, &error));
  must(edb_frontier_create(ctx, policy, d->graph, &d->frontier, &error));
  d->init = edb_model_cell(d->model, "init");
  d->enc = edb_model_cell(d->model, "enc");
  d->dec = edb_model_cell(d->model, "dec");
  d->out = edb_model_cell(d->model, "out");
  d->best = edb_model_output(d->model, d->out, "best");
  d->source = edb_model_vocab(d->model, "source");
  d->target = edb_model_vocab(d->model, "target");
  d->batches = 0;
}

static void close_decoder(decoder *d) {
  edb_frontier_destroy(d->frontier);
  edb_graph_destroy(d->graph);
  edb_session_destroy(d->session);
}

int main(int argc, char **argv) {
  edb_context *ctx;
  edb_dataset *words;
  edb_weights *weights;
  edb_policy *policy;
  decoder d;
  sentence together[SENTENCES], alone;
  int same = 0;

  must(edb_context_create(NULL, &ctx, &error));
  edb_model_params params = EDB_PARAMS(edb_model_params);
  params.set = &(edb_constant){"hidden", 32};
  params.n_set = 1;
  must(edb_model_load(ctx, argc > 1 ? argv[1] : "models/lstm_nmt.edb", &params, &d.model, &error));
  must(edb_dataset_parse(ctx, d.model, pairs, sizeof pairs - 1, "pairs", NULL, &words, &error));
  must(edb_weights_create(ctx, d.model, 7, &weights, &error)); /* or edb_weights_load */
  must(edb_policy_create(ctx, EDB_POLICY_TIGHT, &policy, &error));

  open_decoder(&d, ctx, policy, weights);
  int rounds = translate(&d, together, sources, SENTENCES);
  printf("%d sentences, %d rounds, %u nodes in %u batches\n", SENTENCES, rounds,
         edb_graph_node_count(d.graph), d.batches);
  close_decoder(&d);

  /* Alone, every sentence comes out the same. */
  for (int i = 0; i < SENTENCES; i++) {
    open_decoder(&d, ctx, policy, weights);
    (void)translate(&d, &alone, &sources[i], 1);
    close_decoder(&d);
    bool equal = alone.length == together[i].length &&
                 memcmp(alone.words, together[i].words, sizeof alone.words) == 0;
    same += equal;
    printf("%-30s ->", sources[i]);
    for (int k = 0; k < together[i].length; k++)
      printf(" %s", edb_model_vocab_word(d.model, d.target, (uint32_t)together[i].words[k]));
    printf("%s\n", equal ? "" : "  (differs when alone)");
  }

  edb_policy_destroy(policy);
  edb_weights_destroy(weights);
  edb_dataset_destroy(words);
  edb_model_destroy(d.model);
  edb_context_destroy(ctx);
  return same == SENTENCES ? 0 : 1;
}
