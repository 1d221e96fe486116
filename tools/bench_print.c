/* tools/bench_print.c: what `edbatch bench` measured, as JSON and as a table. */
#include <string.h>

#include "bench.h"
#include "output.h"

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static double per_node(double ns, const sums *s) {
  return s->nodes ? ns / (double)s->nodes : 0;
}

static double per_mini_batch(uint64_t n, const sums *s) {
  return s->mini_batches ? (double)n / (double)s->mini_batches : 0;
}

/* What no part of the library accounts for: dispatch, reading the losses, the clock itself. */
static double other_ns(const sums *s) {
  double known = (double)(s->waited_ns + s->copy_ns + s->product_ns + s->elementwise_ns);
  return (double)s->all_ns > known ? (double)s->all_ns - known : 0;
}

static double preparing_ns(const sums *s) {
  return (double)(s->graph_ns + s->schedule_ns + s->placement_ns);
}

/* Shares of the time of the window in which the split was on; they sum to 1, but for `ahead`: what
 * was prepared meanwhile, on a thread of its own. Of preparing, what nothing ran beside. */
static json_t *split_json(const sums *s) {
  double all = s->all_ns ? (double)s->all_ns : 1, preparing = preparing_ns(s);
  double waited = preparing > 0 ? (double)s->waited_ns / preparing / all : 0;
  return json_pack(
      "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "graph", (double)s->graph_ns * waited, "schedule",
      (double)s->schedule_ns * waited, "placement", (double)s->placement_ns * waited, "copy",
      (double)s->copy_ns / all, "product", (double)s->product_ns / all, "elementwise",
      (double)s->elementwise_ns / all, "other", other_ns(s) / all, "ahead",
      preparing > (double)s->waited_ns ? (preparing - (double)s->waited_ns) / all : 0.0);
}

static void add_rates(json_t *to, const bench *b, const bench_row *r) {
  double gflops = median_of(r->gflops, BENCH_WINDOWS), slowest = r->rate[0], fastest = r->rate[0];
  for (int i = 1; i < BENCH_WINDOWS; i++) {
    if (r->rate[i] < slowest) slowest = r->rate[i];
    if (r->rate[i] > fastest) fastest = r->rate[i];
  }
  double peak = b->machine.used.peak_gflops, roof = r->roofline_gflops;
  json_object_update_new(to,
                         json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "instances_per_s",
                                   median_of(r->rate, BENCH_WINDOWS), "instances_per_s_slowest",
                                   slowest, "instances_per_s_fastest", fastest, "gflops", gflops,
                                   "peak_gflops", peak, "share_of_peak", gflops / peak));
  /* Operators have no weights of their own: no roofline at operator granularity. */
  json_object_set_new(to, "roofline_gflops", roof > 0 ? json_real(roof) : json_null());
  json_object_set_new(to, "share_of_roofline", roof > 0 ? json_real(gflops / roof) : json_null());
}

static void add_work(json_t *to, const bench_row *r) {
  const sums *t = &r->timed, *s = &r->split;
  json_object_update_new(
      to, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "batches", r->batches, "bound", r->bound,
                    "misses", r->misses, "kernels", per_mini_batch(t->kernels, t), "bytes_copied",
                    per_mini_batch(t->bytes_copied, t), "nodes", per_mini_batch(t->nodes, t),
                    "peak_bytes", (json_int_t)t->peak_bytes));
  json_object_set_new(to, "cpu_share",
                      json_real(t->all_ns ? (double)t->cpu_ns / (double)t->all_ns : 0));
  json_object_update_new(to, json_pack("{s:f, s:f, s:f, s:f, s:f}", "instances_per_s_cold",
                                       r->cold_rate, "shared", per_mini_batch(t->shared, t),
                                       "looked_up", per_mini_batch(t->looked_up, t), "table_rows",
                                       per_mini_batch(t->table_rows, t), "hoisted_batches",
                                       per_mini_batch(t->hoisted_batches, t)));
  json_object_update_new(
      to, json_pack("{s:f, s:f, s:I, s:I}", "rows_stored_again",
                    per_mini_batch(t->rows_stored_again, t), "rows_through_pointers",
                    per_mini_batch(t->rows_through_pointers, t), "slab_bytes",
                    (json_int_t)s->slab_bytes, "live_bytes", (json_int_t)s->live_bytes));
  json_object_update_new(to, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "graph_ns",
                                       per_node((double)t->graph_ns, t), "schedule_ns",
                                       per_node((double)t->schedule_ns, t), "placement_ns",
                                       per_node((double)t->placement_ns, t), "copy_ns",
                                       per_node((double)s->copy_ns, s), "product_ns",
                                       per_node((double)s->product_ns, s), "elementwise_ns",
                                       per_node((double)s->elementwise_ns, s), "other_ns",
                                       per_node(other_ns(s), s), "time_split", split_json(s)));
}

json_t *bench_row_json(const bench *b, const bench_row *r) {
  json_t *to = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "model",
                         edb_model_name(b->w->model), "policy", r->name, "granularity",
                         b->granularity == EDB_GRANULARITY_OP ? "op" : "cell", "simd",
                         edb_simd_name(edb_context_simd(b->w->ctx)), "batch", (json_int_t)b->batch,
                         "threads", (json_int_t)b->n_threads, "sessions", (json_int_t)b->n_lanes);
  if (strcmp(r->name, "best") == 0)
    json_object_set_new(to, "minimise", json_string(workplace_aim(b->w)));
  int64_t hidden;
  if (edb_model_constant(b->w->model, "hidden", &hidden))
    json_object_set_new(to, "hidden", json_integer(hidden));
  add_rates(to, b, r);
  add_work(to, r);
  if (b->n_rows == 1) json_object_set_new(to, "memory", memory_json(&b->memory));
  json_object_set_new(to, "machine", machine_json(&b->machine));
  return to;
}

/* ---- Tables -------------------------------------------------------------------------------------
 */

static double number(const json_t *object, const char *name) {
  return json_number_value(json_object_get(object, name));
}

static void print_speed(const char *what, const json_t *s, FILE *to) {
  fprintf(to, "%-12s %8.1f GFLOP/s; reads of L2 %.0f, L3 %.0f, memory %.0f GB/s\n", what,
          number(s, "peak_gflops"), number(s, "l2_gbs"), number(s, "l3_gbs"),
          number(s, "memory_gbs"));
}

void bench_print_machine(const json_t *row, FILE *to) {
  const json_t *machine = json_object_get(row, "machine");
  const json_t *one = json_object_get(machine, "one_thread"),
               *used = json_object_get(machine, "used_threads"),
               *all = json_object_get(machine, "all_threads");
  char name[32];
  print_speed("1 thread", one, to);
  if (number(used, "threads") > 1 && number(used, "threads") != number(all, "threads")) {
    snprintf(name, sizeof name, "%.0f threads", number(used, "threads"));
    print_speed(name, used, to);
  }
  if (number(all, "threads") > 1) {
    snprintf(name, sizeof name, "%.0f threads", number(all, "threads"));
    print_speed(name, all, to);
  }
}

static void print_row(const json_t *row, FILE *to) {
  const json_t *split = json_object_get(row, "time_split");
  fprintf(to, "%-15s %9.1f %6.1f%% ", json_string_value(json_object_get(row, "policy")),
          number(row, "instances_per_s"), 100 * number(row, "share_of_peak"));
  if (json_is_number(json_object_get(row, "share_of_roofline")))
    fprintf(to, "%6.1f%% ", 100 * number(row, "share_of_roofline"));
  else
    fprintf(to, "%7s ", "-");
  fprintf(to, "%8.1f %7.1f | %6.1f %9.1f %6.1f |", number(row, "batches"), number(row, "bound"),
          number(row, "graph_ns"), number(row, "schedule_ns"), number(row, "placement_ns"));
  fprintf(to, " %5.1f %5.1f %8.1f %11.1f %6.1f |",
          100 * (number(split, "graph") + number(split, "schedule") + number(split, "placement")),
          100 * number(split, "copy"), 100 * number(split, "product"),
          100 * number(split, "elementwise"), 100 * number(split, "other"));
  fprintf(to, " %9.1f %8.2f\n", number(row, "bytes_copied") / 1024,
          number(row, "peak_bytes") / 1048576);
}

void bench_print_table(const json_t *rows, FILE *to) {
  const json_t *first = json_array_get(rows, 0);
  double threads = number(first, "threads");
  fprintf(to, "%s, %s granularity, mini-batches of %.0f, %.0f thread%s; peak %.1f GFLOP/s\n",
          json_string_value(json_object_get(first, "model")),
          json_string_value(json_object_get(first, "granularity")), number(first, "batch"), threads,
          PLURAL(threads), number(first, "peak_gflops"));
  bench_print_machine(first, to);
  fprintf(to, "\n%-15s %9s %7s %7s %8s %7s | %23s | %39s | %9s %8s\n", "", "instances", "share of",
          "", "", "", "ns per node", "% of the time", "copied", "memory");
  fprintf(to, "%-15s %9s %7s %7s %8s %7s | %6s %9s %6s | %5s %5s %8s %11s %6s | %9s %8s\n",
          "policy", "per s", "peak", "roof", "batches", "bound", "graph", "schedule", "place",
          "plan", "copy", "product", "elementwise", "other", "KiB", "MiB");
  for (size_t i = 0; i < json_array_size(rows); i++) print_row(json_array_get(rows, i), to);
}
