/* tests/layout/test_placement.c: where rows of random graphs are placed: no two that live at once
 * share memory, whatever is kept. */
#include "exec/exec_support.h"
#include "exec/zoo.h"
#include "layout/placement.h"
#include "support/faulty.h"

typedef struct row {
  size_t offset, width;
  uint32_t born, dies; /* batches, both included; UINT32_MAX: kept */
} row;

/* Lives of all values of the placed nodes, by the placement's own numbering. */
static row *find_rows(const edb_program *program, const edb_graph *g, const edb_schedule *s,
                      const edb_placement *p) {
  uint32_t *batch = calloc(p->n_nodes + 1, sizeof *batch);
  row *rows = calloc(p->value_start[p->n_nodes] + 1, sizeof *rows);
  assert_true(batch != NULL && rows != NULL);
  for (uint32_t b = 0; b < s->info.n_batches; b++)
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++)
      batch[s->nodes[i] - p->first] = b;
  for (uint32_t n = 0; n < p->n_nodes; n++) {
    uint32_t type = g->type[p->first - g->base + n];
    for (uint32_t v = p->value_start[n]; v < p->value_start[n + 1]; v++) {
      uint32_t o = v - p->value_start[n];
      bool kept = p->kept[p->kept_start[type] + o];
      rows[v] = (row){.offset = p->offset[v],
                      .width = edb_shape_size(program->cells[type].outputs[o].shape),
                      .born = batch[n],
                      .dies = kept ? UINT32_MAX : batch[n]};
    }
  }
  for (uint32_t n = 0; n < p->n_nodes; n++) {
    uint32_t index = p->first - g->base + n;
    for (uint32_t e = g->edge_start[index]; e < g->edge_start[index + 1]; e++) {
      if (g->edge_node[e] < p->first) continue;
      row *r = &rows[p->value_start[g->edge_node[e] - p->first] + g->edge_output[e]];
      if (r->dies < batch[n]) r->dies = batch[n];
    }
  }
  free(batch);
  return rows;
}

static void assert_rows_are_apart(const row *rows, uint32_t count, size_t slab) {
  for (uint32_t i = 0; i < count; i++) {
    assert_true(rows[i].offset + rows[i].width <= slab);
    for (uint32_t k = 0; k < i; k++) {
      const row *a = &rows[i], *b = &rows[k];
      if (a->born > b->dies || b->born > a->dies) continue;
      if (a->offset < b->offset + b->width && b->offset < a->offset + a->width)
        fail_msg("values %u and %u live at once in the same memory", k, i);
    }
  }
}

/* Rows of one output of one batch follow each other, a row stride apart. */
static void assert_batches_stand_together(const edb_program *program, const edb_schedule *s,
                                          const edb_placement *p) {
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    const edb_ir_cell *cell = &program->cells[s->batch_type[b]];
    for (uint32_t i = s->batch_start[b] + 1; i < s->batch_start[b + 1]; i++) {
      uint32_t before = p->value_start[s->nodes[i - 1] - p->first];
      uint32_t now = p->value_start[s->nodes[i] - p->first];
      for (uint32_t o = 0; o < cell->sig.n_outputs; o++)
        assert_int_equal(p->offset[now + o] - p->offset[before + o],
                         edb_row_stride(edb_shape_size(cell->outputs[o].shape)));
    }
  }
}

static edb_schedule *schedule_of(const world *w, const edb_graph *graph, edb_policy_kind kind) {
  edb_policy *policy = policy_of(w, kind);
  edb_schedule *schedule = NULL;
  edb_error error = {0};
  MUST(edb_schedule_create(w->ctx, policy, graph, &schedule, &error), error);
  edb_policy_destroy(policy);
  return schedule;
}

static size_t check_placement(const world *w, const edb_graph *graph, const edb_schedule *schedule,
                              const edb_keep *keep) {
  const edb_program *program = edb_model_program(w->model);
  edb_placement *p = NULL;
  edb_error error = {0};
  MUST(edb_placement_make(w->ctx, program, graph, schedule, keep, &p, &error), error);
  row *rows = find_rows(program, graph, schedule, p);
  assert_rows_are_apart(rows, p->value_start[p->n_nodes], p->slab_floats);
  assert_batches_stand_together(program, schedule, p);
  assert_int_equal(edb_placement_peak_bytes(p),
                   p->slab_floats * sizeof(float) + edb_placement_table_bytes(p));
  size_t floats = p->slab_floats;
  free(rows);
  edb_placement_destroy(p);
  return floats;
}

static void rows_that_live_at_once_never_overlap(void **state) {
  (void)state;
  static const edb_policy_kind kinds[] = {EDB_POLICY_UNBATCHED, EDB_POLICY_DEPTH, EDB_POLICY_BEST};
  const char *one[] = {"h"}, *two[] = {"c", "h"};
  const edb_keep keeps[] = {{NULL, 0}, {one, 1}, {two, 2}};
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    world w = world_of(EDB_SIMD_PORTABLE, zoo[m].text);
    for (uint64_t seed = 1; seed <= 3; seed++) {
      edb_graph *graph = random_graph(&w, seed, 80, LABELS_SOME);
      edb_schedule *schedule = schedule_of(&w, graph, kinds[seed % 3]);
      size_t all = check_placement(&w, graph, schedule, &keeps[0]);
      assert_int_equal(check_placement(&w, graph, schedule, NULL), all);
      for (int k = 1; k < 3; k++)
        assert_true(check_placement(&w, graph, schedule, &keeps[k]) <= all);
      edb_schedule_destroy(schedule);
      edb_graph_destroy(graph);
    }
    world_close(&w);
  }
}

static void a_graph_that_has_grown_is_placed_from_its_first_pending_node_on(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_PORTABLE, zoo[0].text);
  edb_graph *graph = graph_of(&w);
  grower g;
  grower_start(&g, graph, w.model, 5, LABELS_ALL);
  for (int i = 0; i < 4; i++) {
    grow(&g, 40);
    edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
    (void)check_placement(&w, graph, schedule, NULL);
    edb_graph_mark_run(graph);
    edb_schedule_destroy(schedule);
  }
  grower_free(&g);
  edb_graph_destroy(graph);
  world_close(&w);
}

/* A chain: all but the last two values are dead, so the slab does not grow with its length. */
static void a_chain_that_keeps_nothing_needs_two_rows(void **state) {
  (void)state;
  world w =
      world_of(EDB_SIMD_PORTABLE, "edb 1\nmodel chain\nconst n = 32\n"
                                  "cell start(x: dense [n]) -> (h[n]):\n  h = tanh(x)\n"
                                  "cell next(h[n]) -> (k[n], q):\n  k = tanh(h)\n  q = sum(h)\n");
  edb_graph *graph = graph_of(&w);
  float x[32] = {0};
  const float *dense = x;
  edb_node node = 0;
  edb_error error = {0};
  edb_call start = {.cell = 0, .dense = &dense};
  MUST(edb_graph_append(graph, &start, &node, &error), error);
  for (int i = 0; i < 100; i++) {
    edb_value input = {node, 0};
    edb_call next = {.cell = 1, .inputs = &input, .n_inputs = 1};
    MUST(edb_graph_append(graph, &next, &node, &error), error);
  }
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
  const char *name = "h";
  edb_keep keep = {&name, 1};
  assert_true(check_placement(&w, graph, schedule, &keep) <= 32 + 2 * 32 + 2 * 16);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void unknown_names_are_refused(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_PORTABLE, zoo[0].text);
  edb_graph *graph = random_graph(&w, 1, 10, LABELS_ALL);
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
  edb_placement *p = NULL;
  edb_error error = {0};
  const char *names[] = {"h", "nothing"};
  edb_keep keep = {names, 2};
  assert_int_equal(
      edb_placement_make(w.ctx, edb_model_program(w.model), graph, schedule, &keep, &p, &error),
      EDB_ERROR_NAME);
  assert_string_equal(error.text, "no cell of the model has an output \"nothing\"");
  assert_null(p);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void nothing_pending_is_placed_nowhere(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_PORTABLE, zoo[0].text);
  edb_graph *graph = graph_of(&w);
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
  assert_int_equal(check_placement(&w, graph, schedule, NULL), 0);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  world_close(&w);
}

static void placement_survives_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  const char *name = "h";
  const edb_keep keep = {&name, 1};
  world w = world_of(EDB_SIMD_PORTABLE, zoo[0].text);
  edb_graph *graph = random_graph(&w, 1, 60, LABELS_ALL);
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_DEPTH);
  FAULTY_FOR_EACH(&f, ctx) {
    edb_placement *p = NULL;
    edb_error error = {0};
    edb_status status =
        edb_placement_make(ctx, edb_model_program(w.model), graph, schedule, &keep, &p, &error);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK) {
      row *rows = find_rows(edb_model_program(w.model), graph, schedule, p);
      assert_rows_are_apart(rows, p->value_start[p->n_nodes], p->slab_floats);
      free(rows);
    } else {
      assert_null(p);
    }
    edb_placement_destroy(p);
  }
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_that_live_at_once_never_overlap),
      cmocka_unit_test(a_graph_that_has_grown_is_placed_from_its_first_pending_node_on),
      cmocka_unit_test(a_chain_that_keeps_nothing_needs_two_rows),
      cmocka_unit_test(unknown_names_are_refused),
      cmocka_unit_test(nothing_pending_is_placed_nowhere),
      cmocka_unit_test(placement_survives_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
