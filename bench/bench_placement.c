/* bench/bench_placement.c: what placement costs per node as mini-batches of trees, chains and
 * lattices grow, and what it takes.
 *
 *     bench_placement [SECONDS [KIND]]
 *
 * One line per graph and kind of placement: nodes, batches, nanoseconds of the processor per node
 * (best of some runs, about SECONDS in all per line, default 0.2), second stores per node, the slab
 * over the values that are alive at the same time. KIND is a number of edb_placement_kind; without
 * one all are measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/rng.h"
#include "layout/placement.h"
#include "model/lower.h"

static const char model_text[] =
    "edb 1\n"
    "model shapes\n"
    "const n = 64\n"
    "param E[100, n], V[n, 2*n], U[n, n], W[n, n], O[5, n], z[n]\n"
    "cell leaf(word: index 100) -> (h[n], c[n]):\n"
    "  c = E[word]\n"
    "  h = tanh(c)\n"
    "cell inner(h1[n], c1[n], h2[n], c2[n]) -> (h[n], c[n]):\n"
    "  e = [h1; h2]\n"
    "  c = sigmoid(V @ e) * c1 + c2\n"
    "  h = tanh(c)\n"
    "cell start() -> (h[n], c[n]):\n"
    "  h = z\n"
    "  c = z\n"
    "cell step(h_prev[n], c_prev[n], word: index 100) -> (h[n], c[n]):\n"
    "  c = sigmoid(W @ E[word] + U @ h_prev) * c_prev\n"
    "  h = tanh(c)\n"
    "cell word(h_prev[n], c_prev[n], word: index 100) -> (h[n], c[n]):\n"
    "  c = sigmoid(U @ E[word] + W @ h_prev) * c_prev\n"
    "  h = tanh(c)\n"
    "cell merge(hs[n]..., cs[n]...) -> (h[n], c[n]):\n"
    "  h = sum(hs)\n"
    "  c = sum(cs)\n"
    "cell score(h[n]) -> (loss):\n"
    "  loss = sum(O @ h)\n"
    "cell pair(fw[n], bw[n]) -> (loss):\n"
    "  loss = sum(O @ tanh(V @ [fw; bw]))\n";

enum { LEAF, INNER, START, STEP, WORD, MERGE, SCORE, PAIR };

typedef struct world {
  edb_context *ctx;
  edb_model *model;
  edb_graph *graph;
  edb_plan_inputs *inputs;
  edb_rng rng;
  edb_error error;
} world;

static void must(const world *w, edb_status status) {
  if (status == EDB_OK) return;
  fprintf(stderr, "%s\n", w->error.text);
  exit(1);
}

/* ---- Graphs ------------------------------------------------------------------------------------
 */

static edb_node call(world *w, uint32_t cell, const edb_value *inputs, uint32_t n_inputs,
                     bool word) {
  int32_t index = word ? (int32_t)edb_rng_below(&w->rng, 100) : 0;
  uint32_t arities[2] = {n_inputs / 2, n_inputs / 2};
  edb_call c = {.cell = cell,
                .inputs = inputs,
                .n_inputs = n_inputs,
                .arities = cell == MERGE ? arities : NULL,
                .indices = &index};
  edb_node node = 0;
  must(w, edb_graph_append(w->graph, &c, &node, &w->error));
  return node;
}

static void score(world *w, edb_node node) {
  edb_value h = {node, 0};
  (void)call(w, SCORE, &h, 1, false);
}

/* A random binary tree, all of its nodes scored. */
static void add_tree(world *w) {
  edb_node open[40];
  uint32_t n = 5 + edb_rng_below(&w->rng, 30);
  for (uint32_t i = 0; i < n; i++) open[i] = call(w, LEAF, NULL, 0, true);
  for (uint32_t i = 0; i < n; i++) score(w, open[i]);
  for (; n > 1; n--) {
    uint32_t at = edb_rng_below(&w->rng, n - 1);
    edb_value in[4] = {{open[at], 0}, {open[at], 1}, {open[at + 1], 0}, {open[at + 1], 1}};
    open[at] = call(w, INNER, in, 4, false);
    score(w, open[at]);
    memmove(open + at + 1, open + at + 2, (n - at - 2) * sizeof *open);
  }
}

/* Two chains over the same words, in both directions, and a pair for each word. */
static void add_chains(world *w) {
  edb_node at[2][40];
  uint32_t n = 5 + edb_rng_below(&w->rng, 35);
  for (int d = 0; d < 2; d++) {
    edb_node last = call(w, START, NULL, 0, false);
    for (uint32_t i = 0; i < n; i++) {
      edb_value in[2] = {{last, 0}, {last, 1}};
      last = at[d][d ? n - 1 - i : i] = call(w, d ? WORD : STEP, in, 2, true);
    }
  }
  for (uint32_t i = 0; i < n; i++) {
    edb_value in[2] = {{at[0][i], 0}, {at[1][i], 0}};
    (void)call(w, PAIR, in, 2, false);
  }
}

/* A chain of characters with words over some of them; where words end, the states are merged. */
static void add_lattice(world *w) {
  edb_node state[60];
  uint32_t n = 10 + edb_rng_below(&w->rng, 40);
  state[0] = call(w, START, NULL, 0, false);
  for (uint32_t i = 1; i <= n; i++) {
    edb_value in[2] = {{state[i - 1], 0}, {state[i - 1], 1}}, arcs[8];
    uint32_t k = 1, words = edb_rng_below(&w->rng, 3);
    edb_node ends[4] = {call(w, STEP, in, 2, true)};
    for (uint32_t j = 0; j < words && i >= 2; j++) {
      edb_node from = state[i - 2 - edb_rng_below(&w->rng, i - 1 < 3 ? i - 1 : 3)];
      edb_value word[2] = {{from, 0}, {from, 1}};
      ends[k++] = call(w, WORD, word, 2, true);
    }
    for (uint32_t j = 0; j < k; j++) {
      arcs[j] = (edb_value){ends[j], 0};
      arcs[k + j] = (edb_value){ends[j], 1};
    }
    state[i] = k > 1 ? call(w, MERGE, arcs, 2 * k, false) : ends[0];
    score(w, state[i]);
  }
}

/* ---- Measuring ---------------------------------------------------------------------------------
 */

/* Of the processor: others may run on it, too. */
static uint64_t cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void measure_kind(world *w, const char *name, const edb_schedule *schedule,
                         edb_placement_kind kind, double seconds) {
  static const char *const kinds[] = {"auto", "arrival", "ordered", "direct"};
  edb_placement_request request = {.program = edb_model_program(w->model),
                                   .inputs = w->inputs,
                                   .kind = kind,
                                   .keep = &(edb_keep){(const char *const[]){"loss"}, 1}};
  uint64_t begin = edb_clock_ns(), best = UINT64_MAX, again = 0;
  double slab = 0;
  for (int runs = 0; runs < 3 || (double)(edb_clock_ns() - begin) < seconds * 1e9; runs++) {
    edb_placement *placement = NULL;
    request.count_live = runs == 0;
    uint64_t from = cpu_ns();
    must(w, edb_placement_make(w->ctx, &request, w->graph, schedule, &placement, &w->error));
    uint64_t took = cpu_ns() - from;
    if (took < best && runs > 0) best = took;
    again = placement->stores.length;
    if (runs == 0)
      slab = (double)(placement->slab_floats * sizeof(float)) / (double)placement->live_bytes;
    edb_placement_destroy(placement);
  }
  double nodes = edb_graph_node_count(w->graph);
  printf("%-8s %8.0f %8u  %-8s %8.1f %12.2f %10.2f\n", name, nodes, schedule->info.n_batches,
         kinds[kind], (double)best / nodes, (double)again / nodes, slab);
  fflush(stdout);
}

static void measure(world *w, const char *name, void (*add)(world *), uint32_t nodes,
                    double seconds, int kind) {
  edb_policy *policy = NULL;
  edb_schedule *schedule = NULL;
  edb_rng_seed(&w->rng, nodes);
  must(w, edb_graph_create(w->ctx, w->model, &w->graph, &w->error));
  while (edb_graph_node_count(w->graph) < nodes) {
    must(w, edb_graph_begin_instance(w->graph, &w->error));
    add(w);
  }
  must(w, edb_policy_create(w->ctx, EDB_POLICY_TIGHT, &policy, &w->error));
  must(w, edb_schedule_create(w->ctx, policy, w->graph, &schedule, &w->error));
  for (int k = EDB_PLACEMENT_ARRIVAL; k <= EDB_PLACEMENT_DIRECT; k++)
    if (kind < 0 || kind == k) measure_kind(w, name, schedule, (edb_placement_kind)k, seconds);
  edb_schedule_destroy(schedule);
  edb_policy_destroy(policy);
  edb_graph_destroy(w->graph);
}

static void open_world(world *w) {
  must(w, edb_context_create(NULL, &w->ctx, &w->error));
  must(w, edb_model_parse(w->ctx, model_text, strlen(model_text), "shapes", NULL, &w->model,
                          &w->error));
  const edb_program *program = edb_model_program(w->model);
  w->inputs = calloc(program->n_cells, sizeof *w->inputs);
  if (w->inputs == NULL) exit(1);
  for (uint32_t c = 0; c < program->n_cells; c++) {
    edb_plan *plan = NULL;
    must(w, edb_plan_create(w->ctx, program, c, NULL, &plan, &w->error));
    must(w, edb_plan_inputs_create(w->ctx, plan, &w->inputs[c], &w->error));
    edb_plan_destroy(plan);
  }
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.2;
  int kind = argc > 2 ? atoi(argv[2]) : -1;
  world w = {0};
  open_world(&w);
  printf("graph       nodes  batches  kind      ns/node stores/node  slab/live\n");
  for (uint32_t n = 2000; n <= 2000000; n *= n < 200000 ? 10 : 5) {
    measure(&w, "trees", add_tree, n, seconds, kind);
    measure(&w, "chains", add_chains, n, seconds, kind);
    measure(&w, "lattices", add_lattice, n, seconds, kind);
  }
  for (uint32_t c = 0; c < edb_model_program(w.model)->n_cells; c++)
    edb_plan_inputs_destroy(&w.inputs[c]);
  free(w.inputs);
  edb_model_destroy(w.model);
  edb_context_destroy(w.ctx);
  return 0;
}
