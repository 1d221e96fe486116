/* tools/bench_sweep.c: `edbatch bench --sweep`: the same bench over values of sizes and counts.
 *
 * Every point runs in a process of its own, so that neither the memory nor the caches of one have
 * anything to do with the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "output.h"

#define MAX_VALUES 32

typedef struct sweep {
  char name[64];
  uint64_t value[MAX_VALUES];
  uint32_t n_values;
} sweep;

typedef struct plan {
  const options *options;
  sweep sweeps[MAX_SWEEPS];
  uint32_t at[MAX_SWEEPS]; /* the point: an index per sweep */
  json_t *rows;
} plan;

/* ---- What to sweep ------------------------------------------------------------------------------
 */

static int read_sweep(const char *text, sweep *s) {
  const char *at = strchr(text, '=');
  size_t length = (size_t)(at - text);
  if (length >= sizeof s->name)
    return usage_error(&command_bench, "--sweep: a name of %zu bytes in \"%s\"", length, text);
  memcpy(s->name, text, length);
  s->name[length] = 0;
  for (s->n_values = 0; *at; s->n_values++) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(at + 1, &end, 10);
    if (at[1] < '0' || at[1] > '9' || errno || value == 0 || value > INT32_MAX ||
        (*end && *end != ','))
      return usage_error(&command_bench,
                         "--sweep needs NAME=VALUE,... of whole numbers from 1 to %d, found \"%s\"",
                         INT32_MAX, text);
    if (s->n_values == MAX_VALUES)
      return usage_error(&command_bench, "--sweep %s has more than %d values", s->name, MAX_VALUES);
    s->value[s->n_values] = value;
    at = end;
  }
  return 0;
}

/* The options of a point: those given, and the values of the sweeps; what is no count of its own is
 * a constant of the model. */
static int set_point(const plan *p, options *o, uint64_t *nodes) {
  *o = *p->options;
  for (uint32_t i = 0; i < o->n_sweeps; i++) {
    const sweep *s = &p->sweeps[i];
    uint64_t value = s->value[p->at[i]];
    if (strcmp(s->name, "batch") == 0) {
      o->number[OPTION_BATCH] = value;
      o->text[OPTION_BATCH] = s->name; /* it is given */
    } else if (strcmp(s->name, "threads") == 0) {
      o->number[OPTION_THREADS] = value;
    } else if (strcmp(s->name, "nodes") == 0) {
      *nodes = value;
    } else if (o->n_sets < MAX_SETS) {
      o->set_names[o->n_sets] = s->name;
      o->set_values[o->n_sets++] = (int64_t)value;
    } else {
      return usage_error(&command_bench, "too many times --set and --sweep");
    }
  }
  return 0;
}

/* ---- Points -------------------------------------------------------------------------------------
 */

/* In the child: the row goes through the pipe as JSON. */
static int run_child(const plan *p, int pipe_end) {
  options o;
  uint64_t nodes = 0;
  json_t *rows = NULL;
  int code = set_point(p, &o, &nodes);
  if (!code) code = bench_measure(&o, nodes, &rows);
  if (!code && json_dumpfd(json_array_get(rows, 0), pipe_end, JSON_COMPACT) != 0)
    code = EXIT_FAILED;
  json_decref(rows);
  return code;
}

static int run_point(const plan *p, json_t **row) {
  int ends[2], status = 0;
  *row = NULL;
  fflush(stdout);
  if (pipe(ends) != 0) {
    fprintf(stderr, "edbatch bench: cannot make a pipe: %s\n", strerror(errno));
    return EXIT_FAILED;
  }
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    exit(run_child(p, ends[1]));
  }
  close(ends[1]);
  json_error_t error;
  if (child > 0) *row = json_loadfd(ends[0], 0, &error);
  close(ends[0]);
  if (child < 0 || waitpid(child, &status, 0) != child) {
    fprintf(stderr, "edbatch bench: cannot start a process: %s\n", strerror(errno));
    return EXIT_FAILED;
  }
  if (*row && WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  if (!WIFEXITED(status))
    fprintf(stderr, "edbatch bench: a point of the sweep was ended by signal %d\n",
            WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* Odometer over all combinations, the last sweep fastest; false after the last one. */
static bool next_point(plan *p) {
  for (uint32_t i = p->options->n_sweeps; i-- > 0;) {
    if (++p->at[i] < p->sweeps[i].n_values) return true;
    p->at[i] = 0;
  }
  return false;
}

/* Opens what every point needs, in a process that is then gone: the last point shall not fail when
 * the others have been measured. */
static int try_points(plan *p) {
  int status = 0;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int code = 0;
    do {
      options o;
      uint64_t nodes = 0;
      code = set_point(p, &o, &nodes);
      if (!code) code = bench_try(&o, nodes);
    } while (!code && next_point(p));
    exit(code);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) {
    fprintf(stderr, "edbatch bench: cannot start a process: %s\n", strerror(errno));
    return EXIT_FAILED;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* ---- Output -------------------------------------------------------------------------------------
 */

static double number(const json_t *object, const char *name) {
  return json_number_value(json_object_get(object, name));
}

static void print_head(const plan *p, const json_t *row) {
  printf("%s, %s granularity, policy %s\n", json_string_value(json_object_get(row, "model")),
         json_string_value(json_object_get(row, "granularity")),
         json_string_value(json_object_get(row, "policy")));
  bench_print_machine(row, stdout);
  putchar('\n');
  for (uint32_t i = 0; i < p->options->n_sweeps; i++) printf("%9s ", p->sweeps[i].name);
  printf("%9s %9s %7s %7s | %7s %8s %7s %7s %8s %8s %7s | %10s %9s\n", "nodes", "inst/s", "of peak",
         "of roof", "graph", "schedule", "place", "copy", "product", "element.", "other",
         "bytes/node", "peak MiB");
}

static void print_point(const plan *p, const json_t *row) {
  static const char *const phases[] = {"graph_ns",   "schedule_ns",    "placement_ns", "copy_ns",
                                       "product_ns", "elementwise_ns", "other_ns"};
  static const int widths[] = {7, 8, 7, 7, 8, 8, 7};
  for (uint32_t i = 0; i < p->options->n_sweeps; i++)
    printf("%9llu ", (unsigned long long)p->sweeps[i].value[p->at[i]]);
  printf("%9.0f %9.1f %6.1f%% %6.1f%% |", number(row, "nodes"), number(row, "instances_per_s"),
         100 * number(row, "share_of_peak"), 100 * number(row, "share_of_roofline"));
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
    printf(" %*.1f", widths[i], number(row, phases[i]));
  printf(" | %10.1f %9.1f\n", number(row, "peak_bytes") / number(row, "nodes"),
         number(json_object_get(row, "memory"), "library_peak_bytes") / 1048576);
}

static void show_point(const plan *p, json_t *row) {
  if (has_option(p->options, OPTION_JSON)) {
    output_json(json_incref(row), JSON_COMPACT | JSON_REAL_PRECISION(6));
    return;
  }
  if (json_array_size(p->rows) == 1) print_head(p, row);
  print_point(p, row);
}

int bench_sweep(const options *o) {
  plan p = {.options = o};
  int failed = 0;
  if (has_option(o, OPTION_PLOT) && o->n_sweeps != 1)
    return usage_error(&command_bench, "--plot is for one --sweep, found %u", o->n_sweeps);
  if (has_option(o, OPTION_DATA) && strcmp(o->text[OPTION_DATA], "-") == 0)
    return usage_error(&command_bench, "--sweep reads the data more than once: --data is a file");
  for (uint32_t i = 0; i < o->n_sweeps && !failed; i++)
    failed = read_sweep(o->sweeps[i], &p.sweeps[i]);
  if (!failed) failed = try_points(&p);
  if (failed) return failed;
  p.rows = json_array();
  do {
    json_t *row;
    failed = run_point(&p, &row);
    if (!failed) {
      /* The value that was asked for, under its name: constants are in no other field. */
      for (uint32_t i = 0; i < o->n_sweeps; i++)
        if (strcmp(p.sweeps[i].name, "nodes") != 0)
          json_object_set_new(row, p.sweeps[i].name,
                              json_integer((json_int_t)p.sweeps[i].value[p.at[i]]));
      json_array_append(p.rows, row);
      show_point(&p, row);
    }
    json_decref(row);
  } while (!failed && next_point(&p));
  if (!failed && has_option(o, OPTION_PLOT))
    failed = bench_plot(p.rows, p.sweeps[0].name, o->text[OPTION_PLOT]);
  json_decref(p.rows);
  return failed;
}
