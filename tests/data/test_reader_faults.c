/* tests/data/test_reader_faults.c: readers of all forms but trees and JSON lines whose memory
 * fails at every point, and mutated files. */
#include "data/data_support.h"

#include "base/rng.h"
#include "support/faulty.h"

/* One model that reads every form; the form is asked for. */
static const char model_text[] =
    "edb 1\nmodel m\nconst n = 2\nvocab words, chars, ids, tags\n"
    "param E[words, n], C[chars, n], D[ids, n], W[tags, n], V[words, n], z[n]\n"
    "cell init() -> (h[n]):\n  h = z\n"
    "cell f(p[n], x[n]) -> (h[n]):\n  h = p + x\n"
    "cell b(p[n], word: index words) -> (h[n]):\n  h = p - E[word]\n"
    "cell embed(word: index words) -> (h[n]):\n  h = E[word]\n"
    "cell c(p[n], char: index chars) -> (h[n]):\n  h = p + C[char]\n"
    "cell arc(p[n], id: index ids) -> (h[n]):\n  h = p + D[id]\n"
    "cell join(hs[n]...) -> (h[n]):\n  h = sum(hs)\n"
    "cell tag(x[n], tag: index tags) -> (l):\n  l = cross_entropy(W @ x, tag)\n"
    "cell next(x[n], next: index words) -> (l):\n  l = cross_entropy(V @ x, next)\n"
    "read tags:\n  start -> init()\n  char_forward(p) -> c(p, char)\n  known -> embed(word)\n"
    "  rare -> join(c)\n  forward(p, token) -> f(p, token)\n  backward(n) -> b(n, word)\n"
    "  every -> tag(f.h, tag)\n"
    "read text:\n  start -> init()\n  backward(p) -> b(p, word)\n  every -> next(b.h, next)\n"
    "read pairs:\n  start(b) -> init()\n  source(p) -> b(p, word)\n  start(f) -> join(b)\n"
    "  target(p) -> f(p, b)\n  output -> next(f.h, next)\n"
    "read grids:\n  leaf -> embed(word)\n  inner(l, r) -> join(l, r)\n  every(x) -> join(x)\n"
    "  root(x) -> tag(x.h, label)\n"
    "read lattices:\n  start -> init()\n  char(from) -> arc(from, id)\n"
    "  word(from) -> arc(from, id)\n  merge(arcs...) -> join(arcs)\n  every(x) -> tag(x.h, tag)\n"
    "cell sized(hs[n]..., size: dense, t: dense) -> (h[n], loss):\n  h = sum(hs) * size\n"
    "  loss = squared_error(sum(h), t)\n"
    "read dags:\n  a -> embed(word)\n  b(ins...) -> join(ins)\n  every(x) -> tag(x.h, label)\n"
    "read plans:\n  a -> embed(table)\n  other(ins...) -> sized(ins, size)\n"
    "  every(x) -> sized(x, size, time)\n";

static const struct {
  edb_data_format format;
  const char *text;
} files[] = {
    {EDB_DATA_TAGS, "a|X b|Y\nxy\xc3\xa4|X a|? b\n\n a|b|X\r\n"},
    {EDB_DATA_TEXT, "a b c\n\nd\n"},
    {EDB_DATA_PAIRS, "a b\tx y\nc\tz\n"},
    {EDB_DATA_GRIDS, "1\ta b c\nd\n"},
    {EDB_DATA_LATTICES, "2\n3\n0 1 -\n0\n1 0 4\n2 1 5 0 3\n\n2\n0 1\n0\n1 0 2\n"},
    {EDB_DATA_DAGS, "a=x a=1 b(0,1)\n\na=y b(0) b=1(1,0)\n"},
    {EDB_DATA_PLANS,
     "{\"operator\":\"a\",\"table\":\"t\",\"size\":2}\n[{\"Plan\":{\"Node Type\":\"j\","
     "\"size\":1,\"time\":3,\"z\":[0],\n\"Plans\":[{\"operator\":\"a\",\"size\":1,"
     "\"table\":\"u\"}]}}]\n"},
};
#define N_FILES (sizeof files / sizeof files[0])

static edb_status read_file(edb_context *ctx, size_t i, bool skip, const char *text, size_t bytes,
                            edb_error *error) {
  edb_model *model = NULL;
  edb_dataset *dataset = NULL;
  edb_graph *graph = NULL;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.format = files[i].format;
  params.min_count = 2;
  params.skip_bad = skip;
  edb_status status =
      edb_model_parse(ctx, model_text, sizeof model_text - 1, "m.edb", NULL, &model, error);
  if (status == EDB_OK) {
    status = edb_dataset_parse(ctx, model, text, bytes, "d", &params, &dataset, error);
    if (status != EDB_OK) assert_null(dataset);
  }
  if (status == EDB_OK) status = edb_graph_create(ctx, model, &graph, error);
  for (uint32_t k = 0; status == EDB_OK && k < edb_dataset_count(dataset); k++)
    status = edb_dataset_append(dataset, k, graph, error);
  edb_graph_destroy(graph);
  edb_dataset_destroy(dataset);
  edb_model_destroy(model);
  return status;
}

static void every_failure_of_memory_is_survived(void **state) {
  (void)state;
  for (size_t i = 0; i < N_FILES; i++) {
    faulty f;
    FAULTY_FOR_EACH(&f, ctx) {
      edb_error error = {.text = ""};
      edb_status status = read_file(ctx, i, false, files[i].text, strlen(files[i].text), &error);
      if (!faulty_status(&f, status)) fail_msg("file %zu: %s", i, error.text);
    }
  }
}

static size_t mutate(edb_rng *rng, char *text, size_t bytes, size_t room) {
  static const char useful[] = "|\t\n\r -?01979ab\\\xc3\xff()=,{}[]\"";
  for (uint32_t n = 1 + edb_rng_below(rng, 4); n > 0; n--) {
    size_t at = edb_rng_below(rng, (uint32_t)bytes), left = bytes - at;
    uint32_t what = edb_rng_below(rng, 3);
    if (what == 0) {
      text[at] = useful[edb_rng_below(rng, sizeof useful)];
    } else if (what == 1 && bytes > 1) {
      memmove(text + at, text + at + 1, left - 1);
      bytes--;
    } else if (bytes + 4 <= room && left >= 4) {
      memmove(text + at + 4, text + at, left);
      bytes += 4;
    }
  }
  return bytes;
}

static void mutated_files_are_read_or_refused(void **state) {
  fixture *f = *state;
  edb_rng rng;
  edb_rng_seed(&rng, 11);
  for (size_t k = 0; k < 3500; k++) {
    size_t i = k % N_FILES, bytes = strlen(files[i].text);
    char text[256];
    edb_error error = {.text = ""};
    memcpy(text, files[i].text, bytes);
    bytes = mutate(&rng, text, bytes, sizeof text);
    if (read_file(f->ctx, i, k / N_FILES % 2, text, bytes, &error) != EDB_OK)
      assert_memory_equal(error.text, "d:", 2);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_failure_of_memory_is_survived),
      cmocka_unit_test_setup_teardown(mutated_files_are_read_or_refused, setup_context, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
