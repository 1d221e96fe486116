/* tools/paper.c: `edbatch paper`: the published comparison on this machine, in one command. */
#include "paper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "progress.h"

static const option_id accepts[] = {OPTION_DATA_DIR, OPTION_MODELS, OPTION_QUICK,    OPTION_SECONDS,
                                    OPTION_COUNT,    OPTION_LIMIT,  OPTION_FOLD_IDS, OPTION_SEED,
                                    OPTION_SIMD,     OPTION_OUT,    OPTION_JSON,     OPTION_HELP};

#define QUICK_SECONDS 240
#define FULL_SECONDS  3000
#define COUNT_SHARE   0.3 /* of the time, for learning and counting */

static const paper_model models[] = {
    {"bilstm_tagger", "chain", "tags"},    {"bilstm_tagger_char", "chain", "tags"},
    {"lstm_nmt", "chain", "pairs"},        {"tree_lstm", "tree", "trees"},
    {"tree_gru", "tree", "trees"},         {"mv_rnn", "tree", "trees"},
    {"tree_lstm_2type", "tree", "trees"},  {"lattice_lstm", "lattice", "lattices"},
    {"lattice_gru", "lattice", "lattices"}};
#define N_MODELS (sizeof models / sizeof *models)

static const uint32_t quick_sizes[] = {64, 256}, quick_batches[] = {32, 256};
static const uint32_t full_sizes[] = {64, 128, 256, 512}, full_batches[] = {1, 8, 32, 64, 128, 256};

void paper_skip(paper *p, const char *why, const char *format, ...) {
  char what[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  json_array_append_new(p->skipped, json_pack("{s:s, s:s}", "what", what, "why", why));
}

void paper_policy_path(const paper *p, const paper_model *m, char *path, size_t bytes) {
  snprintf(path, bytes, "%s/%s.json", p->scratch, m->name);
}

json_t *paper_json(const paper *p) {
  return json_pack("{s:b, s:f, s:I, s:I, s:O, s:O, s:O, s:O, s:O, s:O}", "quick",
                   has_option(p->options, OPTION_QUICK), "seconds", seconds_now() - p->begin,
                   "learned_from", (json_int_t)p->learned_from, "counted", (json_int_t)p->counted,
                   "data", p->data, "schedules", p->schedules, "cells", p->cells, "speeds",
                   p->speeds, "learning", p->learning, "skipped", p->skipped);
}

/* ---- Models and data ----------------------------------------------------------------------------
 */

static int cannot(const char *what, const char *path) {
  progress_clear();
  fprintf(stderr, "edbatch paper: cannot %s %s: %s\n", what, path, strerror(errno));
  return EXIT_FAILED;
}

/* A comma-separated list, or all without the option. */
static bool is_wanted(const options *o, const char *name) {
  const char *list = o->text[OPTION_MODELS];
  size_t length = strlen(name);
  if (!list) return true;
  for (const char *at = list; (at = strstr(at, name)); at += length)
    if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return true;
  return false;
}

/* The tables of mv_rnn hold a matrix per word, so the paper has it at two sizes. */
static bool has_size(const paper_model *m, uint32_t hidden) {
  return strcmp(m->name, "mv_rnn") != 0 || hidden <= 128;
}

/* Where a folder has the data of a form: as FORM.txt, else as data sets are usually kept. A comma
 * stands between the two files of pairs. */
static const struct {
  const char *form, *files;
} usual_files[] = {{"trees", "trees/train.txt"},       {"tags", "tags/train.txt"},
                   {"lattices", "lattice/train.txt"},  {"lattices", "lattices/train.txt"},
                   {"pairs", "nmt/train.vi,train.en"}, {"pairs", "pairs/train.txt"}};

static bool is_readable(const char *folder, const char *file, char *path, size_t bytes) {
  int length = snprintf(path, bytes, "%s/%s", folder, file);
  return length >= 0 && (size_t)length < bytes && access(path, R_OK) == 0;
}

/* "nmt/train.vi,train.en" in a folder. */
static bool are_readable(const char *folder, const char *files, char *path, size_t bytes) {
  char first[512], second[512], name[64], subfolder[512];
  const char *comma = strchr(files, ','), *slash = strchr(files, '/');
  if (!comma) return is_readable(folder, files, path, bytes);
  snprintf(name, sizeof name, "%.*s", (int)(comma - files), files);
  snprintf(subfolder, sizeof subfolder, "%s/%.*s", folder, (int)(slash - files), files);
  bool both = is_readable(folder, name, first, sizeof first) &&
              is_readable(subfolder, comma + 1, second, sizeof second);
  return both && (size_t)snprintf(path, bytes, "%s,%s", first, second) < bytes;
}

static bool find_own(const char *folder, const char *form, char *path, size_t bytes) {
  char file[64];
  snprintf(file, sizeof file, "%s.txt", form);
  if (is_readable(folder, file, path, bytes)) return true;
  for (size_t i = 0; i < sizeof usual_files / sizeof *usual_files; i++)
    if (strcmp(usual_files[i].form, form) == 0 &&
        are_readable(folder, usual_files[i].files, path, bytes))
      return true;
  return false;
}

/* The user's data, else generated ones, made once. */
static int find_data(paper *p, const paper_model *m, char *path, size_t bytes) {
  const options *o = p->options;
  edb_context *ctx;
  edb_error error;
  if (has_option(o, OPTION_DATA_DIR) && find_own(o->text[OPTION_DATA_DIR], m->form, path, bytes)) {
    json_object_set_new(p->data, m->form, json_string(path));
    return 0;
  }
  snprintf(path, bytes, "%s/%s.txt", p->scratch, m->form);
  json_object_set_new(p->data, m->form, json_string("generated"));
  if (access(path, R_OK) == 0) return 0;
  edb_status status = edb_context_create(NULL, &ctx, &error);
  if (status == EDB_OK) {
    status = edb_generate(ctx, m->form, (uint32_t)o->number[OPTION_COUNT], o->number[OPTION_SEED],
                          path, &error);
    edb_context_destroy(ctx);
  }
  if (status != EDB_OK) fprintf(stderr, "edbatch paper: %s\n", error.text);
  return status == EDB_OK ? 0 : EXIT_FAILED;
}

/* A model with its data, and the options that its workplace goes by. */
typedef struct place {
  workplace w;
  options own;
  const char *model;
  char model_path[512], data_path[1100];
} place;

static int open_model(paper *p, const paper_model *m, uint32_t hidden, place *to) {
  bool halved = strcmp(m->name, "bilstm_tagger_char") == 0;
  *to = (place){.own = *p->options, .model = to->model_path};
  int failed = find_data(p, m, to->data_path, sizeof to->data_path);
  if (failed) return failed;
  snprintf(to->model_path, sizeof to->model_path, "%s/%s.edb", p->models_dir, m->name);
  to->own.positional = &to->model;
  to->own.n_positional = 1;
  to->own.text[OPTION_DATA] = to->data_path;
  to->own.set_names[0] = halved ? "half" : "hidden";
  to->own.set_values[0] = halved ? hidden / 2 : hidden;
  to->own.n_sets = 1;
  /* The comparison is about batching: every call runs, as it was made. */
  to->own.text[OPTION_NO_HOIST] = to->own.text[OPTION_NO_SHARE] = to->own.text[OPTION_NO_TABLE] =
      "";
  return workplace_open(&to->w, &command_paper, &to->own);
}

/* ---- The comparison -----------------------------------------------------------------------------
 */

/* Time that is left for each of `parts` parts, `keep` seconds kept back. */
static double share(const paper *p, double keep, uint32_t parts) {
  double left = p->seconds - (seconds_now() - p->begin) - keep;
  return left > 0 ? left / parts : 0;
}

/* What one model of this size takes with mini-batches of this size, roughly: so much per
 * mini-batch, and per instance the products and what grows with the size only. */
static double contest_work(uint32_t hidden, uint32_t batch) {
  double scale = hidden / 128.0;
  return 4 + batch * (1 + scale * scale) / 8;
}

static double all_work(const paper *p) {
  double work = 0;
  for (size_t i = 0; i < N_MODELS; i++)
    for (uint32_t s = 0; s < p->n_sizes; s++)
      for (uint32_t b = 0; b < p->n_batches; b++)
        if (is_wanted(p->options, models[i].name) && has_size(&models[i], p->sizes[s]))
          work += contest_work(p->sizes[s], p->batches[b]);
  return work;
}

static int count_model(paper *p, const paper_model *m, edb_granularity granularity,
                       uint32_t parts_left) {
  place at;
  uint32_t need = (p->learned_from + p->counted) * PAPER_BATCH;
  int failed = open_model(p, m, p->sizes[0], &at);
  if (!failed && edb_dataset_count(at.w.data) < need)
    failed = usage_error(&command_paper, "%s has %u instance%s, needed are %u at least",
                         at.own.text[OPTION_DATA], edb_dataset_count(at.w.data),
                         PLURAL(edb_dataset_count(at.w.data)), need);
  double seconds = share(p, p->seconds * (1 - COUNT_SHARE), parts_left);
  if (!failed) failed = paper_count(p, m, &at.w, granularity, seconds_now() + seconds);
  workplace_close(&at.w);
  return failed;
}

static int time_size(paper *p, const paper_model *m, uint32_t hidden) {
  place at;
  int failed = open_model(p, m, hidden, &at);
  if (!failed && share(p, 0, 1) > 0)
    failed = paper_cells(p, m, &at.w, hidden);
  else if (!failed)
    paper_skip(p, "no time was left", "cells of %s, hidden %u", m->name, hidden);
  for (uint32_t b = 0; b < p->n_batches && !failed; b++) {
    double work = contest_work(hidden, p->batches[b]), all = all_work(p);
    progress_show("speeds", (uint64_t)(all - p->work), (uint64_t)all);
    double seconds = share(p, 0, 1) * work / p->work;
    p->work -= work;
    /* Too few instances are the reason whatever time is left. */
    if (seconds > 0 || edb_dataset_count(at.w.data) < p->batches[b])
      failed = paper_speed(p, m, &at.w, hidden, p->batches[b], seconds);
    else
      paper_skip(p, "no time was left", "speed of %s, hidden %u, batch %u", m->name, hidden,
                 p->batches[b]);
  }
  workplace_close(&at.w);
  return failed;
}

static int compare_all(paper *p) {
  uint32_t n_wanted = 0, done = 0;
  int failed = 0;
  for (size_t i = 0; i < N_MODELS; i++) n_wanted += is_wanted(p->options, models[i].name);
  if (n_wanted == 0)
    return usage_error(&command_paper, "--models names none of the paper's models, found \"%s\"",
                       p->options->text[OPTION_MODELS]);
  for (uint32_t part = 0; part < 2 * N_MODELS && !failed;
       part++) { /* cells of all, then operators */
    const paper_model *m = &models[part % N_MODELS];
    if (!is_wanted(p->options, m->name)) continue;
    progress_show("policies", done, (uint64_t)2 * n_wanted);
    failed = count_model(p, m, part < N_MODELS ? EDB_GRANULARITY_CELL : EDB_GRANULARITY_OP,
                         2 * n_wanted - done++);
  }
  /* All models at the small sizes first: should time run out, each has something to show. */
  p->work = all_work(p);
  for (uint32_t s = 0; s < p->n_sizes && !failed; s++)
    for (size_t i = 0; i < N_MODELS && !failed; i++)
      if (is_wanted(p->options, models[i].name) && has_size(&models[i], p->sizes[s]))
        failed = time_size(p, &models[i], p->sizes[s]);
  progress_clear();
  return failed;
}

/* ---- Output -------------------------------------------------------------------------------------
 */

static int write_files(const json_t *results, const char *folder) {
  char path[512];
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) return cannot("make", folder);
  snprintf(path, sizeof path, "%s/paper.json", folder);
  if (json_dump_file(results, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
    return cannot("write", path);
  snprintf(path, sizeof path, "%s/paper.md", folder);
  FILE *file = fopen(path, "w");
  if (!file) return cannot("write", path);
  paper_markdown(results, file);
  bool bad = ferror(file) != 0;
  if (fclose(file) != 0 || bad) return cannot("write", path);
  return paper_plots(results, folder);
}

static int write_results(const paper *p) {
  const char *folder = p->options->text[OPTION_OUT];
  json_t *results = paper_json(p);
  int failed = results ? 0 : EXIT_FAILED;
  if (!failed && folder) failed = write_files(results, folder);
  if (!failed && has_option(p->options, OPTION_JSON)) {
    output_json(json_incref(results), JSON_INDENT(1) | JSON_REAL_PRECISION(6));
  } else if (!failed && !folder) {
    paper_markdown(results, stdout);
  }
  json_decref(results);
  return failed;
}

static void remove_scratch(const paper *p) {
  static const char *const forms[] = {"tags", "pairs", "trees", "lattices"};
  char path[128];
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    snprintf(path, sizeof path, "%s/%s.txt", p->scratch, forms[i]);
    unlink(path);
  }
  for (size_t i = 0; i < N_MODELS; i++) {
    paper_policy_path(p, &models[i], path, sizeof path);
    unlink(path);
  }
  rmdir(p->scratch);
}

/* ---- Setting up ---------------------------------------------------------------------------------
 */

static void set_extent(paper *p, bool quick) {
  p->learned_from = quick ? 2 : 4;
  p->counted = quick ? 3 : 8;
  p->windows = quick ? 3 : 5;
  p->sizes = quick ? quick_sizes : full_sizes;
  p->n_sizes = quick ? 2 : 4;
  p->batches = quick ? quick_batches : full_batches;
  p->n_batches = quick ? 2 : 6;
  p->seconds = quick ? QUICK_SECONDS : FULL_SECONDS;
  if (has_option(p->options, OPTION_SECONDS)) p->seconds = p->options->seconds;
}

static int run_paper(const options *o) {
  paper p = {.options = o, .begin = seconds_now(), .scratch = "/tmp/edbatch-paper-XXXXXX"};
  if (o->n_positional > 1)
    return usage_error(&command_paper, "needs at most one folder of models, found %u",
                       o->n_positional);
  p.models_dir = o->n_positional ? o->positional[0] : "models";
  set_extent(&p, has_option(o, OPTION_QUICK));
  if (!mkdtemp(p.scratch)) return cannot("make", p.scratch);
  json_t **tables[] = {&p.schedules, &p.cells, &p.speeds, &p.learning, &p.skipped, &p.data};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    *tables[i] = tables[i] == &p.data ? json_object() : json_array();
  int code = compare_all(&p);
  if (!code) code = write_results(&p);
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) json_decref(*tables[i]);
  remove_scratch(&p);
  return code;
}

static const option_help own_help[] = {
    {OPTION_SECONDS, "for the whole of it (default 3000, with --quick 240)"},
    {OPTION_COUNT, "instances to generate where data are missing (default 1000)"},
    {OPTION_OUT, "folder of paper.md, paper.json and plots (default: paper.md to stdout)"},
    {OPTION_HELP, NULL}};

const command command_paper = {
    .name = "paper",
    .summary = "makes the comparison of the ED-Batch paper on this machine",
    .usage = "paper [MODELS] [--data-dir DIR] [--quick] [--models LIST] [--json] [-o DIR]",
    .details =
        "For the models in the folder MODELS (default: models): batches by every policy, the time "
        "of\n"
        "every cell, instances per second against the baselines, what learning takes. Data are\n"
        "trees.txt, lattices.txt, tags.txt and pairs.txt in --data-dir, or trees/train.txt,\n"
        "lattice/train.txt, tags/train.txt and nmt/train.vi with train.en there, generated where\n"
        "they are missing. Markdown, or files paper.md, paper.json and plots in the folder of -o. "
        "--seconds\n"
        "limits the whole of it (default 3000, with --quick 240); what did not fit is listed.",
    .example = "  edbatch paper --quick -o results",
    .accepts = accepts,
    .own = own_help,
    .run = run_paper,
};
