/* tests/layout/test_placement.c: where rows of random graphs are placed, replayed row by row: every
 * operand finds its rows, whatever is kept. */
#include "exec/exec_support.h"
#include "exec/zoo.h"
#include "layout/placement.h"
#include "support/faulty.h"

#define NOBODY UINT32_MAX

/* The slab, float by float: which number stands there. A run is replayed on it with whole rows,
 * batch by batch, the operands checked before the outputs are stored. Every entry of every value is
 * a number of its own, but for outputs that are their inputs side by side. */
typedef struct replay {
  const edb_program *program;
  const edb_plan_inputs *inputs;
  const edb_graph *graph;
  const edb_schedule *schedule;
  const edb_placement *placement;
  uint32_t *slab;   /* [slab floats] */
  edb_home *places; /* [nodes] batch and row of each */
  uint32_t *start;  /* [values] into numbers */
  uint32_t *number; /* of the entries of all values */
  uint64_t stored_again;
} replay;

static uint32_t output_of(const replay *r, edb_node node, uint32_t output) {
  return r->placement->output_start[r->places[node - r->placement->first].block] + output;
}

static uint32_t value_of(const replay *r, edb_node node, uint32_t output) {
  return r->placement->value_start[output_of(r, node, output)] +
         r->places[node - r->placement->first].row;
}

static size_t home_of(const replay *r, edb_node node, uint32_t output) {
  return edb_placement_offset(r->placement, output_of(r, node, output),
                              r->places[node - r->placement->first].row);
}

static size_t width_of(const replay *r, edb_node node, uint32_t output) {
  uint32_t type = r->graph->type[node - r->graph->base];
  return edb_shape_size(r->program->cells[type].outputs[output].shape);
}

static void put_row(replay *r, edb_node node, uint32_t output, size_t at) {
  size_t width = width_of(r, node, output);
  assert_true(at + width <= r->placement->slab_floats);
  for (size_t i = 0; i < width; i++)
    r->slab[at + i] = r->number[r->start[value_of(r, node, output)] + i];
}

static void assert_row(const replay *r, edb_node node, uint32_t output, size_t at,
                       const char *what) {
  size_t width = width_of(r, node, output);
  assert_true(at + width <= r->placement->slab_floats);
  for (size_t i = 0; i < width; i++)
    if (r->slab[at + i] != r->number[r->start[value_of(r, node, output)] + i])
      fail_msg("%s: entry %zu of output %u of node %u is not where it should be", what, i, output,
               node);
}

/* The first edge of one input of a node, and the end of its edges. */
static uint32_t input_edges(const replay *r, edb_node node, uint32_t input, uint32_t *end) {
  uint32_t index = node - r->graph->base, e = r->graph->edge_start[index], v = 0;
  const edb_type_sig *sig = &r->program->cells[r->graph->type[index]].sig;
  const int32_t *arities = edb_graph_arities(r->graph, index);
  for (uint32_t k = 0; k < input; k++) e += sig->inputs[k].variadic ? (uint32_t)arities[v++] : 1;
  *end = e + (sig->inputs[input].variadic ? (uint32_t)arities[v] : 1);
  return e;
}

/* What stands in the rows of one input of a batch. */
static void check_input(const replay *r, uint32_t batch, edb_input_part part) {
  const edb_graph *g = r->graph;
  const edb_placement *p = r->placement;
  const edb_type_sig *sig = &r->program->cells[r->schedule->batch_type[batch]].sig;
  const edb_input_sig *input = &sig->inputs[part.input];
  const edb_rows *rows = NULL;
  size_t row = 0;
  if (p->direct && part.operand != EDB_OPERAND_MIXED)
    rows = &p->operands[p->operand_start[batch] + part.operand];
  if (rows && rows->offset == EDB_ROWS_APART) rows = NULL;
  for (uint32_t i = p->batch_start[batch]; i < p->batch_start[batch + 1]; i++) {
    uint32_t end, e = input_edges(r, p->nodes[i], part.input, &end);
    uint32_t n = p->batch_start[batch + 1] - p->batch_start[batch];
    if (p->direct && input->variadic)
      assert_int_equal(
          p->elements[p->element_start[batch] + input->group * n + (i - p->batch_start[batch])],
          row);
    for (; e < end; e++, row++) {
      if (g->edge_node[e] < p->first) {
        if (rows) assert_true(rows->past); /* it is copied in */
        continue;
      }
      size_t at = home_of(r, g->edge_node[e], g->edge_output[e]);
      if (rows) at = rows->offset + row * rows->stride + part.column;
      assert_row(r, g->edge_node[e], g->edge_output[e], at, rows ? "operand" : "row by address");
    }
  }
}

/* `placed` only: those parts of operands that placement has put side by side. */
static void check_inputs(const replay *r, uint32_t batch, bool placed) {
  const edb_plan_inputs *in = &r->inputs[r->schedule->batch_type[batch]];
  for (uint32_t i = 0; i < in->n_parts; i++)
    if (!placed || (r->placement->direct && in->parts[i].operand != EDB_OPERAND_MIXED))
      check_input(r, batch, in->parts[i]);
}

/* An output that is an operand of its own batch has the numbers of the operand. */
static void number_output(replay *r, uint32_t batch, uint32_t output) {
  const edb_placement *p = r->placement;
  const edb_plan_inputs *in = &r->inputs[r->schedule->batch_type[batch]];
  for (uint32_t i = 0; p->direct && i < in->n_parts; i++) {
    uint32_t operand = in->parts[i].operand;
    if (operand == EDB_OPERAND_MIXED || in->operands[operand].output != output) continue;
    if (p->operands[p->operand_start[batch] + operand].offset == EDB_ROWS_APART) continue;
    for (uint32_t k = p->batch_start[batch]; k < p->batch_start[batch + 1]; k++) {
      uint32_t end, e = input_edges(r, p->nodes[k], in->parts[i].input, &end);
      edb_node from = r->graph->edge_node[e];
      if (from < p->first) continue;
      uint32_t made = r->graph->edge_output[e];
      memcpy(r->number + r->start[value_of(r, p->nodes[k], output)] + in->parts[i].column,
             r->number + r->start[value_of(r, from, made)],
             width_of(r, from, made) * sizeof *r->number);
    }
  }
}

static void store_outputs(replay *r, uint32_t batch) {
  const edb_placement *p = r->placement;
  uint32_t type = r->schedule->batch_type[batch];
  for (uint32_t o = 0; o < r->program->cells[type].sig.n_outputs; o++) {
    const edb_rows *rows = &p->outputs[p->output_start[batch] + o];
    uint64_t again = 0;
    number_output(r, batch, o);
    for (uint32_t i = p->batch_start[batch]; i < p->batch_start[batch + 1]; i++) {
      uint32_t value = value_of(r, p->nodes[i], o);
      size_t row = i - p->batch_start[batch];
      if (rows->offset != EDB_ROWS_APART)
        assert_int_equal(home_of(r, p->nodes[i], o), rows->offset + row * rows->stride);
      put_row(r, p->nodes[i], o, home_of(r, p->nodes[i], o));
      for (uint32_t s = rows->again ? p->again[value] : EDB_AGAIN_END; s != EDB_AGAIN_END;
           s = p->stores.data[s].next, again++)
        put_row(r, p->nodes[i], o, edb_placement_at(p, p->stores.data[s].at));
    }
    assert_true((again > 0) == rows->again);
    r->stored_again += again;
  }
}

/* Every batch has the nodes that the schedule gives it. */
static void check_nodes(const replay *r) {
  const edb_placement *p = r->placement;
  uint8_t *seen = calloc(p->n_nodes + 1, 1);
  assert_non_null(seen);
  for (uint32_t b = 0; b < r->schedule->info.n_batches; b++) {
    uint32_t from = r->schedule->batch_start[b], to = r->schedule->batch_start[b + 1];
    assert_int_equal(p->batch_start[b], from);
    assert_int_equal(p->batch_start[b + 1], to);
    for (uint32_t i = from; i < to; i++) seen[r->schedule->nodes[i] - p->first]++;
    for (uint32_t i = from; i < to; i++) assert_int_equal(seen[p->nodes[i] - p->first]++, 1);
  }
  free(seen);
}

static void check_kept(const replay *r) {
  const edb_placement *p = r->placement;
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t type = r->graph->type[p->first - r->graph->base + i];
    for (uint32_t o = 0; o < r->program->cells[type].sig.n_outputs; o++)
      if (p->kept[p->kept_start[type] + o])
        assert_row(r, p->first + i, o, home_of(r, p->first + i, o), "kept");
  }
}

static void number_values(replay *r) {
  const edb_placement *p = r->placement;
  uint32_t n = 0;
  for (uint32_t b = 0; b < p->n_batches; b++)
    for (uint32_t i = p->batch_start[b]; i < p->batch_start[b + 1]; i++) {
      uint32_t type = r->schedule->batch_type[b];
      r->places[p->nodes[i] - p->first] = (edb_home){b, i - p->batch_start[b]};
      for (uint32_t o = 0; o < r->program->cells[type].sig.n_outputs; o++) {
        r->start[value_of(r, p->nodes[i], o)] = n;
        n += (uint32_t)width_of(r, p->nodes[i], o);
      }
    }
  r->number = malloc((n + 1) * sizeof *r->number);
  assert_non_null(r->number);
  for (uint32_t i = 0; i < n; i++) r->number[i] = i;
}

/* Replays a placement: every operand finds its rows, kept values outlive the run. */
static uint64_t check_replay(const edb_program *program, const edb_plan_inputs *inputs,
                             const edb_graph *g, const edb_schedule *s, const edb_placement *p) {
  replay r = {.program = program,
              .inputs = inputs,
              .graph = g,
              .schedule = s,
              .placement = p,
              .slab = malloc((p->slab_floats + 1) * sizeof(uint32_t)),
              .places = calloc(p->n_nodes + 1, sizeof(edb_home)),
              .start = malloc((edb_placement_values(p) + 1) * sizeof(uint32_t))};
  assert_true(r.slab != NULL && r.start != NULL && r.places != NULL);
  memset(r.slab, 0xff, p->slab_floats * sizeof *r.slab);
  check_nodes(&r);
  number_values(&r);
  for (uint32_t b = 0; b < s->info.n_batches; b++) {
    check_inputs(&r, b, false);
    store_outputs(&r, b);
    check_inputs(&r, b, true); /* outputs are stored while operands are still read */
  }
  check_kept(&r);
  assert_int_equal(r.stored_again, p->stores.length);
  free(r.slab);
  free(r.start);
  free(r.places);
  free(r.number);
  return r.stored_again;
}

/* ---- Placements of a world's graphs ---------------------------------------------------------- */

static edb_plan_inputs *inputs_of(const world *w) {
  const edb_program *program = edb_model_program(w->model);
  edb_plan_inputs *inputs = calloc(program->n_cells, sizeof *inputs);
  edb_error error = {0};
  assert_non_null(inputs);
  for (uint32_t c = 0; c < program->n_cells; c++) {
    edb_plan *plan = NULL;
    MUST(edb_plan_create(w->ctx, program, c, NULL, &plan, &error), error);
    MUST(edb_plan_inputs_create(w->ctx, plan, &inputs[c], &error), error);
    edb_plan_destroy(plan);
  }
  return inputs;
}

static void free_inputs(const world *w, edb_plan_inputs *inputs) {
  for (uint32_t c = 0; c < edb_model_program(w->model)->n_cells; c++)
    edb_plan_inputs_destroy(&inputs[c]);
  free(inputs);
}

static edb_schedule *schedule_of(const world *w, const edb_graph *graph, edb_policy_kind kind) {
  edb_policy *policy = policy_of(w, kind);
  edb_schedule *schedule = NULL;
  edb_error error = {0};
  MUST(edb_schedule_create(w->ctx, policy, graph, &schedule, &error), error);
  edb_policy_destroy(policy);
  return schedule;
}

typedef enum lives { LIVES_WHOLE, LIVES_BY_PARTS } lives;

/* Floats of the slab; what it stores twice is added to *again. */
static size_t check_kind(const world *w, const edb_graph *graph, const edb_schedule *schedule,
                         const edb_keep *keep, edb_placement_kind kind, lives lives,
                         uint64_t *again) {
  edb_plan_inputs *inputs = inputs_of(w);
  edb_placement_request request = {.program = edb_model_program(w->model),
                                   .inputs = inputs,
                                   .kind = kind,
                                   .keep = keep,
                                   .count_live = true,
                                   .large_bytes = lives == LIVES_BY_PARTS ? 1 : 0};
  edb_placement *p = NULL;
  edb_error error = {0};
  MUST(edb_placement_make(w->ctx, &request, graph, schedule, &p, &error), error);
  assert_int_equal(p->direct, kind == EDB_PLACEMENT_DIRECT);
  *again += check_replay(request.program, inputs, graph, schedule, p);
  assert_int_equal(edb_placement_peak_bytes(p),
                   p->slab_floats * sizeof(float) + edb_placement_table_bytes(p));
  assert_true(p->n_nodes == 0 || p->live_bytes > 0);
  assert_true(p->live_bytes <= p->slab_floats * sizeof(float));
  size_t floats = p->slab_floats;
  edb_placement_destroy(p);
  free_inputs(w, inputs);
  return floats;
}

/* The most numbers that are alive at the same time, by brute force: a value lives from its batch to
 * the last one that reads it, or for good. */
static size_t live_floats(const world *w, const edb_graph *g, const edb_schedule *s,
                          const edb_keep *keep) {
  const edb_program *program = edb_model_program(w->model);
  uint32_t *batch = calloc(g->n_nodes + 1, sizeof *batch);
  size_t *alive = calloc(s->info.n_batches + 1, sizeof *alive), most = 0;
  assert_true(batch != NULL && alive != NULL);
  for (uint32_t b = 0; b < s->info.n_batches; b++)
    for (uint32_t i = s->batch_start[b]; i < s->batch_start[b + 1]; i++)
      batch[s->nodes[i] - g->base] = b;
  for (uint32_t i = g->first - g->base; i < g->n_nodes; i++) {
    const edb_ir_cell *cell = &program->cells[g->type[i]];
    for (uint32_t o = 0; o < cell->sig.n_outputs; o++) {
      uint32_t last = batch[i];
      for (uint32_t n = i + 1; n < g->n_nodes; n++)
        for (uint32_t e = g->edge_start[n]; e < g->edge_start[n + 1]; e++)
          if (g->edge_node[e] == g->base + i && g->edge_output[e] == o && batch[n] > last)
            last = batch[n];
      if (!keep || keep->n_outputs == 0) last = s->info.n_batches - 1;
      for (uint32_t k = 0; keep && k < keep->n_outputs; k++)
        if (strcmp(keep->outputs[k], cell->outputs[o].name) == 0) last = s->info.n_batches - 1;
      for (uint32_t b = batch[i]; b <= last; b++)
        alive[b] += edb_shape_size(cell->outputs[o].shape);
    }
  }
  for (uint32_t b = 0; b < s->info.n_batches; b++)
    if (alive[b] > most) most = alive[b];
  free(batch);
  free(alive);
  return most;
}

/* All kinds; floats of the slab of arrival. */
static size_t check_placement(const world *w, const edb_graph *graph, const edb_schedule *schedule,
                              const edb_keep *keep) {
  uint64_t again = 0;
  size_t ordered = check_kind(w, graph, schedule, keep, EDB_PLACEMENT_ORDERED, LIVES_WHOLE, &again),
         live;
  size_t direct = check_kind(w, graph, schedule, keep, EDB_PLACEMENT_DIRECT, LIVES_WHOLE, &again);
  live = live_floats(w, graph, schedule, keep);
  assert_true(direct <= ordered || (double)direct <= EDB_PLACEMENT_MOST * (double)live);
  return check_kind(w, graph, schedule, keep, EDB_PLACEMENT_ARRIVAL, LIVES_WHOLE, &again);
}

static void every_operand_finds_its_rows_and_what_is_kept_stays(void **state) {
  (void)state;
  static const edb_policy_kind policies[] = {EDB_POLICY_UNBATCHED, EDB_POLICY_DEPTH,
                                             EDB_POLICY_BEST};
  const char *one[] = {"h"}, *two[] = {"c", "h"};
  const edb_keep keeps[] = {{NULL, 0}, {one, 1}, {two, 2}};
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    world w = world_of(EDB_SIMD_PORTABLE, zoo[m].text);
    for (uint64_t seed = 1; seed <= 3; seed++) {
      edb_graph *graph = random_graph(&w, seed, 80, LABELS_SOME);
      edb_schedule *schedule = schedule_of(&w, graph, policies[seed % 3]);
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

static void rows_that_are_given_back_by_parts_are_not_read_any_more(void **state) {
  (void)state;
  static const edb_policy_kind policies[] = {EDB_POLICY_DEPTH, EDB_POLICY_BEST};
  static const edb_placement_kind kinds[] = {EDB_PLACEMENT_ARRIVAL, EDB_PLACEMENT_ORDERED};
  const char *name = "h";
  const edb_keep keeps[] = {{NULL, 0}, {&name, 1}};
  uint64_t again = 0;
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    world w = world_of(EDB_SIMD_PORTABLE, zoo[m].text);
    edb_graph *graph = random_graph(&w, m, 1500, LABELS_SOME);
    for (int i = 0; i < 4; i++) {
      edb_schedule *schedule = schedule_of(&w, graph, policies[i / 2]);
      for (int k = 0; k < 2; k++)
        (void)check_kind(&w, graph, schedule, &keeps[i % 2], kinds[k], LIVES_BY_PARTS, &again);
      edb_schedule_destroy(schedule);
    }
    edb_graph_destroy(graph);
    world_close(&w);
  }
  assert_int_equal(again, 0);
}

static edb_node append(edb_graph *graph, uint32_t cell, const edb_value *inputs, uint32_t n,
                       const float *const *dense) {
  edb_call call = {.cell = cell, .inputs = inputs, .n_inputs = n, .dense = dense};
  edb_node node = 0;
  edb_error error = {0};
  MUST(edb_graph_append(graph, &call, &node, &error), error);
  return node;
}

/* One batch of starts; every other one is read at once, the rest by the last batch, which is as
 * large: of the outputs of the first batch one half has made room by then. */
static void rows_that_are_read_early_make_room_for_others(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_PORTABLE, "edb 1\nmodel halves\nconst n = 16\n"
                                        "cell start(x: dense [n]) -> (h[n]):\n  h = tanh(x)\n"
                                        "cell next(h[n]) -> (k[n]):\n  k = tanh(h)\n"
                                        "cell end(k[n], h[n]) -> (q):\n  q = dot(k, h)\n");
  edb_graph *graph = graph_of(&w);
  float x[16] = {0};
  const float *dense = x;
  const char *name = "q";
  const edb_keep keep = {&name, 1};
  uint64_t again = 0;
  enum { PAIRS = 256 };
  for (int i = 0; i < PAIRS; i++) {
    edb_value early = {append(graph, 0, NULL, 0, &dense), 0};
    edb_value late = {append(graph, 0, NULL, 0, &dense), 0};
    for (int k = 0; k < 3; k++) early.node = append(graph, 1, &early, 1, NULL);
    (void)append(graph, 2, (edb_value[]){early, late}, 2, NULL);
  }
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
  assert_int_equal(
      check_kind(&w, graph, schedule, &keep, EDB_PLACEMENT_ARRIVAL, LIVES_BY_PARTS, &again),
      16 * 3 * PAIRS);
  assert_true(check_kind(&w, graph, schedule, &keep, EDB_PLACEMENT_ARRIVAL, LIVES_WHOLE, &again) >=
              16 * 4 * PAIRS);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  world_close(&w);
}

/* Products and elementwise operators read rows where they are; other operands are direct. */
static void an_operand_is_direct_where_that_is_measured_to_be_faster(void **state) {
  (void)state;
  const edb_row_costs costs = {.gather_ns = {900, 900, 900, 900}, .store_ns = {1, 1, 1, 1}};
  const edb_row_rule rule = {.measured = true, .rows = {costs, costs}};
  uint32_t direct = 0, apart = 0;
  for (size_t m = 0; m < ZOO_COUNT; m++) {
    world w = world_of(EDB_SIMD_PORTABLE, zoo[m].text);
    edb_plan_inputs *inputs = inputs_of(&w);
    edb_graph *graph = random_graph(&w, m, 120, LABELS_SOME);
    edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_BEST);
    edb_placement_request request = {
        .program = edb_model_program(w.model), .inputs = inputs, .rule = &rule};
    edb_placement *p = NULL;
    edb_error error = {0};
    MUST(edb_placement_make(w.ctx, &request, graph, schedule, &p, &error), error);
    (void)check_replay(request.program, inputs, graph, schedule, p);
    for (uint32_t k = 0; p->direct && k < p->operand_start[p->n_batches]; k++) {
      direct += p->operands[k].offset != EDB_ROWS_APART;
      apart += p->operands[k].offset == EDB_ROWS_APART;
    }
    edb_placement_destroy(p);
    edb_schedule_destroy(schedule);
    edb_graph_destroy(graph);
    free_inputs(&w, inputs);
    world_close(&w);
  }
  assert_true(direct > 0 && apart > 0);
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

/* Bytes of the tables per node of a direct placement, which is replayed. */
static double direct_bytes_per_node(const world *w, uint32_t nodes) {
  const char *name = "h";
  const edb_keep keep = {&name, 1};
  edb_plan_inputs *inputs = inputs_of(w);
  edb_graph *graph = random_graph(w, 3, nodes, LABELS_SOME);
  edb_schedule *schedule = schedule_of(w, graph, EDB_POLICY_DEPTH);
  edb_placement_request request = {.program = edb_model_program(w->model),
                                   .inputs = inputs,
                                   .kind = EDB_PLACEMENT_DIRECT,
                                   .keep = &keep};
  edb_placement *p = NULL;
  edb_error error = {0};
  MUST(edb_placement_make(w->ctx, &request, graph, schedule, &p, &error), error);
  (void)check_replay(request.program, inputs, graph, schedule, p);
  double bytes = (double)edb_placement_table_bytes(p) / edb_graph_node_count(graph);
  edb_placement_destroy(p);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  free_inputs(w, inputs);
  return bytes;
}

static void tables_of_direct_placement_grow_with_the_nodes(void **state) {
  (void)state;
  world w = world_of(EDB_SIMD_PORTABLE, zoo[0].text);
  double few = direct_bytes_per_node(&w, 500), many = direct_bytes_per_node(&w, 8000);
  assert_true(many < 1.5 * few && many < 200);
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
  edb_placement_request request = {.program = edb_model_program(w.model), .keep = &keep};
  assert_int_equal(edb_placement_make(w.ctx, &request, graph, schedule, &p, &error),
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

static void check_failures(const world *w, const edb_graph *graph, const edb_schedule *schedule,
                           const edb_placement_request *request) {
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_placement *p = NULL;
    edb_error error = {0};
    edb_status status = edb_placement_make(ctx, request, graph, schedule, &p, &error);
    assert_true(faulty_status(&f, status));
    if (status == EDB_OK)
      (void)check_replay(edb_model_program(w->model), request->inputs, graph, schedule, p);
    else
      assert_null(p);
    edb_placement_destroy(p);
  }
}

static void placement_survives_every_failure_of_memory(void **state) {
  (void)state;
  const char *name = "h";
  const edb_keep keep = {&name, 1};
  world w = world_of(EDB_SIMD_PORTABLE, zoo[0].text);
  edb_graph *graph = random_graph(&w, 1, 200, LABELS_ALL);
  edb_schedule *schedule = schedule_of(&w, graph, EDB_POLICY_DEPTH);
  edb_plan_inputs *inputs = inputs_of(&w);
  static const edb_placement_kind kinds[] = {EDB_PLACEMENT_ARRIVAL, EDB_PLACEMENT_ORDERED,
                                             EDB_PLACEMENT_DIRECT};
  for (int k = 0; k < 3; k++)
    check_failures(&w, graph, schedule,
                   &(edb_placement_request){.program = edb_model_program(w.model),
                                            .inputs = inputs,
                                            .kind = kinds[k],
                                            .keep = &keep,
                                            .large_bytes = 1});
  free_inputs(&w, inputs);
  edb_schedule_destroy(schedule);
  edb_graph_destroy(graph);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_operand_finds_its_rows_and_what_is_kept_stays),
      cmocka_unit_test(rows_that_are_given_back_by_parts_are_not_read_any_more),
      cmocka_unit_test(rows_that_are_read_early_make_room_for_others),
      cmocka_unit_test(an_operand_is_direct_where_that_is_measured_to_be_faster),
      cmocka_unit_test(a_graph_that_has_grown_is_placed_from_its_first_pending_node_on),
      cmocka_unit_test(a_chain_that_keeps_nothing_needs_two_rows),
      cmocka_unit_test(tables_of_direct_placement_grow_with_the_nodes),
      cmocka_unit_test(unknown_names_are_refused),
      cmocka_unit_test(nothing_pending_is_placed_nowhere),
      cmocka_unit_test(placement_survives_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
