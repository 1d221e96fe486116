/* tools/paper_print.c: `edbatch paper`: the results as Markdown. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "paper.h"

static const char *text_of(const json_t *row, const char *key) {
  const char *text = json_string_value(json_object_get(row, key));
  return text ? text : "";
}

static double number_of(const json_t *row, const char *key) {
  return json_number_value(json_object_get(row, key));
}

static bool same_text(const json_t *a, const json_t *b, const char *key) {
  return strcmp(text_of(a, key), text_of(b, key)) == 0;
}

static bool same_cell(const json_t *a, const json_t *b) {
  return same_text(a, b, "model") && number_of(a, "hidden") == number_of(b, "hidden") &&
         number_of(a, "batch") == number_of(b, "batch");
}

/* ---- Table a ------------------------------------------------------------------------------------
 */

#define MAX_POLICIES (EDB_POLICY_COUNT + EDB_ENCODING_COUNT)

/* Names of the columns: all policies but exact, `fsm` once per encoding. */
static uint32_t list_policies(char names[MAX_POLICIES][32]) {
  uint32_t n = 0;
  for (int kind = 0; kind < EDB_POLICY_COUNT; kind++)
    if (kind != EDB_POLICY_FSM && kind != EDB_POLICY_EXACT)
      snprintf(names[n++], sizeof names[0], "%s", edb_policy_kind_name((edb_policy_kind)kind));
  for (int e = 0; e < EDB_ENCODING_COUNT; e++)
    snprintf(names[n++], sizeof names[0], "fsm %s", edb_encoding_name((edb_encoding)e));
  return n;
}

static const json_t *find_schedule(const json_t *rows, const json_t *like, const char *policy) {
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    if (same_text(row, like, "model") && same_text(row, like, "granularity") &&
        strcmp(text_of(row, "policy"), policy) == 0)
      return row;
  }
  return NULL;
}

static void print_schedules(const json_t *rows, const char *granularity, FILE *to) {
  char policies[MAX_POLICIES][32];
  uint32_t n_policies = list_policies(policies);
  fprintf(to, "\n| %s | nodes | bound", granularity);
  for (uint32_t k = 0; k < n_policies; k++) fprintf(to, " | %s", policies[k]);
  fprintf(to, " |\n|---|---|---");
  for (uint32_t k = 0; k < n_policies; k++) fprintf(to, "|---");
  fprintf(to, "|\n");
  const char *last = "";
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    if (strcmp(text_of(row, "granularity"), granularity) != 0) continue;
    if (strcmp(text_of(row, "model"), last) == 0) continue;
    last = text_of(row, "model");
    fprintf(to, "| %s | %.0f | %.1f", last, number_of(row, "nodes"), number_of(row, "bound"));
    for (uint32_t k = 0; k < n_policies; k++) {
      const json_t *found = find_schedule(rows, row, policies[k]);
      if (found)
        fprintf(to, " | %.1f", number_of(found, "batches"));
      else
        fprintf(to, " | -");
    }
    fprintf(to, " |\n");
  }
}

/* ---- Table b ------------------------------------------------------------------------------------
 */

static void print_cells(const json_t *rows, FILE *to) {
  fprintf(to, "\n| model | cell | hidden | nodes per batch | us per batch | us, planned | faster | "
              "kernels per batch | kernels, planned | KiB moved per batch | KiB, planned |\n"
              "|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    double ns = number_of(row, "ns_per_batch"), planned = number_of(row, "ns_per_batch_planned");
    fprintf(to, "| %s | %s | %.0f | %.1f | %.1f | %.1f | %.2fx | %.1f | %.1f | %.1f | %.1f |\n",
            text_of(row, "model"), text_of(row, "cell"), number_of(row, "hidden"),
            number_of(row, "nodes_per_batch"), ns * 1e-3, planned * 1e-3,
            planned > 0 ? ns / planned : 0, number_of(row, "kernels_per_batch"),
            number_of(row, "kernels_per_batch_planned"), number_of(row, "bytes_per_batch") / 1024,
            number_of(row, "bytes_per_batch_planned") / 1024);
  }
}

/* ---- Table c ------------------------------------------------------------------------------------
 */

static const json_t *find_speed(const json_t *rows, const json_t *like, const char *way) {
  const json_t *best = NULL;
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    if (same_cell(row, like) && strcmp(text_of(row, "way"), way) == 0 &&
        (!best || number_of(row, "instances_per_s") > number_of(best, "instances_per_s")))
      best = row;
  }
  return best;
}

double paper_rate(const json_t *results, const json_t *like, const char *way) {
  const json_t *row = find_speed(json_object_get(results, "speeds"), like, way);
  return row ? number_of(row, "instances_per_s") : 0;
}

/* A way over the better baseline: vanilla counts where it was fast enough to be measured. 0 where
 * the way or Cavs-like is missing. */
static double speedup(const json_t *results, const json_t *like, const char *way) {
  double vanilla = paper_rate(results, like, "vanilla"),
         cavs = paper_rate(results, like, "cavs-like");
  return cavs > 0 ? paper_rate(results, like, way) / (vanilla > cavs ? vanilla : cavs) : 0;
}

static void print_way(const json_t *rows, const json_t *like, const char *way, FILE *to) {
  const json_t *row = find_speed(rows, like, way);
  if (!row) {
    fprintf(to, " | -");
    return;
  }
  double rate = number_of(row, "instances_per_s");
  double spread = (number_of(row, "fastest") - number_of(row, "slowest")) / rate * 50;
  fprintf(to, " | %.0f +-%.0f%%", rate, spread);
  if (strcmp(way, "vanilla") == 0 || strcmp(way, "cavs-like") == 0)
    fprintf(to, " (%s)", strcmp(text_of(row, "policy"), "depth") == 0 ? "depth" : "agenda");
}

/* The rows of one model, size and mini-batch stand together. */
static bool is_first(const json_t *rows, size_t i) {
  return i == 0 || !same_cell(json_array_get(rows, i), json_array_get(rows, i - 1));
}

static void print_ratio(double ratio, FILE *to) {
  if (ratio > 0)
    fprintf(to, " | %.2fx", ratio);
  else
    fprintf(to, " | -");
}

static void print_speeds(const json_t *results, FILE *to) {
  static const char *const ways[] = {"unbatched", "vanilla", "cavs-like", "learned", "planned"};
  const json_t *rows = json_object_get(results, "speeds");
  fprintf(to, "\n| model | hidden | batch | unbatched | vanilla | Cavs-like | learned | learned + "
              "planning | learned over the better | with planning | planning over learned "
              "alone |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    if (!is_first(rows, i)) continue;
    fprintf(to, "| %s | %.0f | %.0f", text_of(row, "model"), number_of(row, "hidden"),
            number_of(row, "batch"));
    for (size_t k = 0; k < 5; k++) print_way(rows, row, ways[k], to);
    double learned = paper_rate(results, row, "learned");
    print_ratio(speedup(results, row, "learned"), to);
    print_ratio(speedup(results, row, "planned"), to);
    print_ratio(learned > 0 ? paper_rate(results, row, "planned") / learned : 0, to);
    fprintf(to, " |\n");
  }
}

static void print_split(const json_t *results, FILE *to) {
  static const char *const ways[] = {"vanilla", "cavs-like", "learned", "planned"};
  static const char *const parts[] = {"graph",   "schedule",    "placement", "copy",
                                      "product", "elementwise", "rest"};
  const json_t *rows = json_object_get(results, "speeds");
  fprintf(to, "\n| model | hidden | batch | way | graph | schedule | placement | copy | product | "
              "elementwise | rest |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < json_array_size(rows); i++) {
    if (!is_first(rows, i)) continue;
    for (size_t k = 0; k < 4; k++) {
      const json_t *row = find_speed(rows, json_array_get(rows, i), ways[k]);
      if (!row) continue;
      fprintf(to, "| %s | %.0f | %.0f | %s", text_of(row, "model"), number_of(row, "hidden"),
              number_of(row, "batch"), ways[k]);
      for (size_t part = 0; part < 7; part++)
        fprintf(to, " | %.0f", number_of(json_object_get(row, "percent_of_time"), parts[part]));
      fprintf(to, " |\n");
    }
  }
}

/* Speedups of one way over a family: their geometric mean, least and most. */
typedef struct spread {
  double log_sum, least, most;
  uint32_t n;
} spread;

static spread family_spread(const json_t *results, const char *family, const char *way) {
  const json_t *rows = json_object_get(results, "speeds");
  spread s = {0};
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    if (!is_first(rows, i) || strcmp(text_of(row, "family"), family) != 0) continue;
    double ratio = speedup(results, row, way);
    if (ratio <= 0) continue;
    s.log_sum += log(ratio);
    if (s.n == 0 || ratio < s.least) s.least = ratio;
    if (s.n == 0 || ratio > s.most) s.most = ratio;
    s.n++;
  }
  return s;
}

static void print_families(const json_t *results, FILE *to) {
  static const struct {
    const char *name, *published;
  } families[] = {{"chain", "1.15x"}, {"tree", "1.39x"}, {"lattice", "2.45x"}};
  fprintf(to, "\n| family | learned over the better of vanilla and Cavs-like (geometric mean) | "
              "least | most | with planning | least | most | the paper |\n"
              "|---|---|---|---|---|---|---|---|\n");
  for (size_t f = 0; f < 3; f++) {
    spread alone = family_spread(results, families[f].name, "learned");
    spread planned = family_spread(results, families[f].name, "planned");
    if (alone.n == 0 || planned.n == 0) continue;
    fprintf(to, "| %ss | %.2fx | %.2fx | %.2fx | %.2fx | %.2fx | %.2fx | %s |\n", families[f].name,
            exp(alone.log_sum / alone.n), alone.least, alone.most, exp(planned.log_sum / planned.n),
            planned.least, planned.most, families[f].published);
  }
}

/* ---- Table d ------------------------------------------------------------------------------------
 */

static void print_learning(const json_t *rows, FILE *to) {
  fprintf(to,
          "\n| model | granularity | encoding | ms | mini-batches | episodes | states | over the "
          "bound, seen | unseen | misses per unseen mini-batch |\n"
          "|---|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    fprintf(to, "| %s | %s | %s | %.1f | %.0f | %.0f | %.0f | %.2f %% | %.2f %% | %.1f |\n",
            text_of(row, "model"), text_of(row, "granularity"), text_of(row, "encoding"),
            number_of(row, "milliseconds"), number_of(row, "mini_batches"),
            number_of(row, "episodes"), number_of(row, "states"),
            number_of(row, "over_bound_seen") * 100, number_of(row, "over_bound_unseen") * 100,
            number_of(row, "misses_unseen"));
  }
}

/* A line per reason. */
static void print_skipped(const json_t *rows, FILE *to) {
  fprintf(to, "\n## Skipped\n\n");
  if (json_array_size(rows) == 0) fprintf(to, "Nothing.\n");
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    bool known = false;
    for (size_t k = 0; k < i && !known; k++) known = same_text(json_array_get(rows, k), row, "why");
    if (known) continue;
    fprintf(to, "- %s: ", text_of(row, "why"));
    const char *comma = "";
    for (size_t k = i; k < json_array_size(rows); k++, comma = "; ") {
      while (k < json_array_size(rows) && !same_text(json_array_get(rows, k), row, "why")) k++;
      if (k < json_array_size(rows))
        fprintf(to, "%s%s", comma, text_of(json_array_get(rows, k), "what"));
    }
    fprintf(to, ".\n");
  }
}

void paper_markdown(const json_t *results, FILE *to) {
  fprintf(to, "# The comparison of ED-Batch on this machine\n\nOne thread%s, %.0f s.\n",
          json_is_true(json_object_get(results, "quick")) ? ", --quick" : "",
          number_of(results, "seconds"));
  fprintf(to, "Data:");
  const char *form, *comma = "";
  json_t *file;
  json_object_foreach(json_object_get(results, "data"), form, file) {
    fprintf(to, "%s %s %s", comma, form, json_string_value(file));
    comma = ",";
  }
  fprintf(to, ".\n");
  fprintf(to,
          "\n## a. Batches of a mini-batch of %d (mean of %.0f mini-batches that no policy was "
          "learned from)\n",
          PAPER_BATCH, number_of(results, "counted"));
  print_schedules(json_object_get(results, "schedules"), "cell", to);
  print_schedules(json_object_get(results, "schedules"), "op", to);
  fprintf(to,
          "\n## b. Cells\n\nBatch by batch of a mini-batch of %d, with values laid out in "
          "order of creation and\nas planned. Medians of repeats that take turns.\n",
          PAPER_BATCH);
  print_cells(json_object_get(results, "cells"), to);
  fprintf(
      to,
      "\n## c. Instances per second\n\nOf one processor's time. Medians of interleaved repeats, "
      "with half the range. "
      "Vanilla: operators are the nodes;\nCavs-like: cells; each the better of depth and "
      "agenda. These and learned have their values in order\nof creation; with planning they are "
      "laid out as planned.\n");
  print_speeds(results, to);
  print_families(results, to);
  fprintf(to, "\nWhere the time goes, in percent:\n");
  print_split(results, to);
  fprintf(to, "\n## d. Learning\n");
  print_learning(json_object_get(results, "learning"), to);
  print_skipped(json_object_get(results, "skipped"), to);
}
