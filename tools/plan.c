/* tools/plan.c: `edbatch plan`: how cells are compiled, and what that saves. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "output.h"

static const option_id accepts[] = {OPTION_SET, OPTION_JSON, OPTION_DOT, OPTION_NO_FUSE,
                                    OPTION_HELP};

#define TRIES 5 /* at planning; the fastest counts */

/* All that is said of one cell. */
typedef struct report {
  const char *cell;
  edb_plan *plan; /* the one that is mapped */
  edb_plan_reasons reasons;
  double plan_us;
  plan_counters created, planned, fused; /* created and planned: unfused */
} report;

typedef struct reports {
  uint32_t n;
  report *cells;
} reports;

/* ---- Planning -------------------------------------------------------------------------------- */

static int plan_cell(workplace *w, uint32_t cell, report *r) {
  edb_plan_params params = {.unfused = has_option(w->options, OPTION_NO_FUSE)};
  const edb_program *program = edb_model_program(w->model);
  r->cell = program->cells[cell].name;
  for (int i = 0; i < TRIES; i++) {
    edb_plan_destroy(r->plan);
    r->plan = NULL;
    uint64_t then = edb_clock_ns();
    if (edb_plan_create(w->ctx, program, cell, &params, &r->plan, &w->error) != EDB_OK)
      return workplace_failed(w);
    double us = (double)(edb_clock_ns() - then) * 1e-3;
    if (i == 0 || us < r->plan_us) r->plan_us = us;
  }
  if (edb_plan_find_reasons(w->ctx, r->plan, &r->reasons, &w->error) != EDB_OK)
    return workplace_failed(w);
  return 0;
}

static int count(workplace *w, reports *all) {
  plan_counters *counters = calloc(3 * (size_t)all->n + 1, sizeof *counters);
  if (!counters) return workplace_no_memory(w);
  plan_counters *created = counters, *planned = created + all->n, *fused = planned + all->n;
  int failed = plan_run(w, all->n, EDB_LAYOUT_CREATED, true, created);
  if (!failed) failed = plan_run(w, all->n, EDB_LAYOUT_PLANNED, true, planned);
  if (!failed) failed = plan_run(w, all->n, EDB_LAYOUT_PLANNED, false, fused);
  for (uint32_t i = 0; i < all->n && !failed; i++) {
    all->cells[i].created = created[i];
    all->cells[i].planned = planned[i];
    all->cells[i].fused = fused[i];
  }
  free(counters);
  return failed;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static json_t *report_json(const report *r) {
  return json_pack(
      "{s:s, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:f, s:I, s:I, s:f, s:b, s:o}", "cell", r->cell,
      "operators", (json_int_t)r->plan->n_operators, "kernels", (json_int_t)r->planned.kernels,
      "gathers", (json_int_t)r->planned.gathers, "bytes_copied", r->planned.bytes, "input_gathers",
      (json_int_t)r->planned.input_gathers, "naive_kernels", (json_int_t)r->created.kernels,
      "naive_gathers", (json_int_t)r->created.gathers, "naive_bytes_copied", r->created.bytes,
      "naive_input_gathers", (json_int_t)r->created.input_gathers, "fused_kernels",
      (json_int_t)r->fused.kernels, "plan_us", r->plan_us, "exact", r->plan->exact, "copies",
      plan_reasons_json(r->plan, &r->reasons));
}

static void print_json(const reports *all) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < all->n; i++) json_array_append_new(list, report_json(&all->cells[i]));
  output_json(list, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
}

static void print_counters(const char *name, const plan_counters *c) {
  printf("  %-18s %8llu %8llu %10.0f %14llu\n", name, (unsigned long long)c->kernels,
         (unsigned long long)c->gathers, c->bytes, (unsigned long long)c->input_gathers);
}

static void print_text(const reports *all) {
  for (uint32_t i = 0; i < all->n; i++) {
    const report *r = &all->cells[i];
    printf("%scell %s: %u operator%s, planned in %.0f us\n", i ? "\n" : "", r->cell,
           r->plan->n_operators, PLURAL(r->plan->n_operators), r->plan_us);
    printf("  %-18s %8s %8s %10s %14s\n", "", "kernels", "gathers", "bytes", "input gathers");
    print_counters("order of creation", &r->created);
    print_counters("planned", &r->planned);
    print_counters("planned and fused", &r->fused);
    plan_print_reasons(r->plan, &r->reasons);
    plan_print_map(r->plan);
  }
}

static int open_model(workplace *w) {
  const options *o = w->options;
  if (o->n_positional != 1)
    return usage_error(&command_plan, "needs one MODEL, found %u arguments", o->n_positional);
  if (has_option(o, OPTION_DOT) && has_option(o, OPTION_JSON))
    return usage_error(&command_plan, "prints --json or --dot, not both");
  int failed = workplace_open_context(w, &command_plan, o, EDB_SIMD_AUTO);
  return failed ? failed : workplace_open_model(w, o->positional[0]);
}

static int report_model(workplace *w) {
  reports all = {.n = edb_model_cell_count(w->model)};
  int failed = plan_add_sources(w);
  all.cells = calloc(all.n + 1u, sizeof *all.cells);
  if (!all.cells) return workplace_no_memory(w);
  if (!failed && edb_weights_create(w->ctx, w->model, 1, &w->weights, &w->error) != EDB_OK)
    failed = workplace_failed(w);
  for (uint32_t i = 0; i < all.n && !failed; i++) failed = plan_cell(w, i, &all.cells[i]);
  if (!failed) failed = count(w, &all);
  if (!failed && has_option(w->options, OPTION_JSON))
    print_json(&all);
  else if (!failed)
    print_text(&all);
  for (uint32_t i = 0; i < all.n; i++) {
    edb_plan_reasons_free(&all.cells[i].reasons);
    edb_plan_destroy(all.cells[i].plan);
  }
  free(all.cells);
  return failed;
}

static int run_plan(const options *o) {
  workplace w = {.command = &command_plan, .options = o};
  int failed = open_model(&w);
  if (!failed && has_option(o, OPTION_DOT)) {
    uint32_t n = edb_model_cell_count(w.model);
    for (uint32_t i = 0; i < n && !failed; i++) failed = plan_print_dot(&w, i);
  } else if (!failed) {
    failed = report_model(&w);
  }
  workplace_close(&w);
  return failed;
}

const command command_plan = {
    .name = "plan",
    .summary = "shows how cells are compiled: batches, memory, copies",
    .usage = "plan MODEL [--json | --dot] [--no-fuse]",
    .details =
        "Compiles every cell three times, runs a batch of four nodes of each (two elements per\n"
        "variadic input) and prints what the executor counted: for the order of creation, where\n"
        "values stand as they are created; for the plan, where they stand so that batched\n"
        "operators find them in place; and for the plan with operators joined into passes, which\n"
        "is what runs otherwise. Kernels: launches that compute; a batch of operators is one,\n"
        "also where it takes the same value for each of them or has weights of its own for each.\n"
        "Gathers: launches that copy values within a cell, to where an operator or an output "
        "wants\n"
        "them. Bytes: what these copy, per node. Input gathers: launches that copy rows of inputs\n"
        "and attributes into the cell's memory.\n\n"
        "Then a map of the memory: the values that stand beside each other, and which kernel "
        "reads\n"
        "or writes how many of them in one piece. Before it, a line for each copy that is left, "
        "or\n"
        "that some mini-batches need: what is copied, how many bytes per node or element, to "
        "where\n"
        "and why; where several operators want a value, which others it would have to move away\n"
        "from. Kernels are named by their numbers in the map. With --json: \"copies\".",
    .example = "  edbatch plan models/tree_lstm.edb --set hidden=64",
    .accepts = accepts,
    .run = run_plan,
};
