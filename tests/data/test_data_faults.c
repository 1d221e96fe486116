/* tests/data/test_data_faults.c: readers whose memory fails at every point, and mutated files. */
#include "data/data_support.h"

#include "base/rng.h"
#include "support/faulty.h"

static const char model_text[] = CELLS BINARY_RULES "  inner(all...) -> merge(all)\n"
                                                    "  root(node) -> score(node)\n";
static const char trees[] = "(3 (2 a) (2 (1 b) (? c)))\n( (4 (2 d) (2 e) (2 f)) )\n(1\n  (0 g))\n";
static const char lines[] =
    "{\"id\":\"one\",\"nodes\":[{\"cell\":\"leaf\",\"word\":\"a\"},{\"cell\":\"score\",\"inputs\":["
    "2],"
    "\"label\":3},{\"cell\":\"node\",\"inputs\":[0,{\"node\":3,\"output\":\"c\"},\"3.h\"]},{"
    "\"cell\":"
    "\"leaf\",\"word\":1}]}\n"
    "{\"nodes\":[{\"cell\":\"plan\",\"x\":[1,2.5],\"m\":[[1,2,3],[4,5,6]],\"s\":-1e3},{\"cell\":"
    "\"leaf\",\"word\":\"b\"},{\"cell\":\"merge\",\"inputs\":[[1,1],[\"1.h\"]]},{\"cell\":\"fold\","
    "\"inputs\":{\"x\":\"1.c\",\"h_\":[1,2]}}]}\n";

static void read_with_failures(const char *text) {
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_model *model = NULL;
    edb_dataset *dataset = NULL;
    edb_graph *graph = NULL;
    edb_error error = {.text = ""};
    edb_status status =
        edb_model_parse(ctx, model_text, sizeof model_text - 1, "m.edb", NULL, &model, &error);
    if (status == EDB_OK) {
      status = edb_dataset_parse(ctx, model, text, strlen(text), "d", NULL, &dataset, &error);
      if (status != EDB_OK) assert_null(dataset);
    }
    if (status == EDB_OK) status = edb_graph_create(ctx, model, &graph, &error);
    for (uint32_t i = 0; status == EDB_OK && i < edb_dataset_count(dataset); i++) {
      status = edb_dataset_append(dataset, i, graph, &error);
    }
    if (!faulty_status(&f, status)) fail_msg("%s: %s", edb_status_name(status), error.text);
    edb_graph_destroy(graph);
    edb_dataset_destroy(dataset);
    edb_model_destroy(model);
  }
}

static void trees_survive_every_failure_of_memory(void **state) {
  (void)state;
  read_with_failures(trees);
}

static void lines_survive_every_failure_of_memory(void **state) {
  (void)state;
  read_with_failures(lines);
}

static void a_bad_instance_is_not_blamed_for_lack_of_memory(void **state) {
  (void)state;
  faulty f;
  edb_data_params params = EDB_PARAMS(edb_data_params);
  params.skip_bad = true;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_model *model = NULL;
    edb_dataset *dataset = NULL;
    edb_status status =
        edb_model_parse(ctx, model_text, sizeof model_text - 1, "m.edb", NULL, &model, NULL);
    if (status == EDB_OK) status = parse_with(ctx, model, trees, &params, &dataset, NULL);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) assert_int_equal(edb_dataset_skipped(dataset), 0);
    edb_dataset_destroy(dataset);
    edb_model_destroy(model);
  }
}

/* Bytes that mean something to one reader or the other. */
static void mutate(edb_rng *rng, char *text, size_t *bytes, size_t room) {
  static const char useful[] = "(){}[]\",:.?- \n09ab\\\xc3\xff";
  for (uint32_t n = 1 + edb_rng_below(rng, 4); n > 0; n--) {
    size_t at = edb_rng_below(rng, (uint32_t)*bytes);
    size_t left = *bytes - at;
    switch (edb_rng_below(rng, 3)) {
    case 0:
      text[at] = useful[edb_rng_below(rng, sizeof useful)];
      break;
    case 1: /* one byte less */
      if (*bytes < 2) break;
      memmove(text + at, text + at + 1, left - 1);
      --*bytes;
      break;
    default: /* a piece of itself again */
      if (*bytes + 8 > room || left < 8) break;
      memmove(text + at + 8, text + at, left);
      *bytes += 8;
    }
  }
}

static void read_mutated(fixture *f, const char *original, edb_rng *rng, const edb_data_params *p) {
  char text[1024];
  size_t bytes = strlen(original);
  edb_dataset *dataset = NULL;
  edb_error error = {.text = ""};
  memcpy(text, original, bytes);
  mutate(rng, text, &bytes, sizeof text);
  edb_status status = edb_dataset_parse(f->ctx, f->model, text, bytes, "d", p, &dataset, &error);
  if (status == EDB_OK) {
    edb_graph *graph = NULL;
    assert_int_equal(edb_graph_create(f->ctx, f->model, &graph, NULL), EDB_OK);
    for (uint32_t i = 0; i < edb_dataset_count(dataset); i++) {
      assert_int_equal(edb_dataset_append(dataset, i, graph, NULL), EDB_OK);
    }
    edb_graph_destroy(graph);
  } else {
    assert_null(dataset);
    assert_memory_equal(error.text, "d:", 2);
  }
  edb_dataset_destroy(dataset);
}

static void mutated_files_are_read_or_refused(void **state) {
  fixture *f = *state;
  edb_rng rng;
  edb_data_params skip = EDB_PARAMS(edb_data_params);
  skip.skip_bad = true;
  edb_rng_seed(&rng, 7);
  for (int i = 0; i < 4000; i++) {
    read_mutated(f, i % 2 ? trees : lines, &rng, i % 4 < 2 ? NULL : &skip);
  }
}

static int setup_fuzz(void **state) {
  return setup_model(state, model_text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trees_survive_every_failure_of_memory),
      cmocka_unit_test(lines_survive_every_failure_of_memory),
      cmocka_unit_test(a_bad_instance_is_not_blamed_for_lack_of_memory),
      cmocka_unit_test_setup_teardown(mutated_files_are_read_or_refused, setup_fuzz, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
