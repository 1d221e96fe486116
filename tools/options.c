/* tools/options.c: reads the command line by the one table of options; prints help. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edbatch/policy.h>

#include "model/lexer.h"

static const option_row table[N_OPTIONS] = {
#define OPTION_ROW(id, name, letter, argument, help) {name, letter, argument, help},
    OPTION_LIST(OPTION_ROW)
#undef OPTION_ROW
};

int usage_error(const command *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "edbatch %s: ", c->name);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\nTry \"edbatch %s --help\".\n", c->name);
  va_end(arguments);
  return EXIT_USAGE;
}

const char *nearest_name(const char *wanted, const char *const *names, size_t n) {
  edb_suggestion s;
  edb_suggest_begin(&s, wanted, strlen(wanted));
  for (size_t i = 0; i < n; i++) edb_suggest(&s, names[i]);
  return s.best;
}

option_row option_of(const command *c, option_id id) {
  option_row row = table[id];
  for (const option_help *own = c->own; own && own->id != OPTION_HELP; own++)
    if (own->id == id) row.help = own->help;
  return row;
}

void command_help(const command *c) {
  printf("edbatch %s: %s\n\nUsage: edbatch %s\n", c->name, c->summary, c->usage);
  if (c->details) printf("\n%s\n", c->details);
  printf("\nOptions:\n");
  for (const option_id *id = c->accepts;; id++) {
    option_row r = option_of(c, *id);
    char left[64];
    snprintf(left, sizeof left, "%s--%s%s%s", r.letter ? "" : "    ", r.name, r.argument ? " " : "",
             r.argument ? r.argument : "");
    if (r.letter)
      printf("  -%c, %-26s %s\n", r.letter, left, r.help);
    else
      printf("  %-30s %s\n", left, r.help);
    if (*id == OPTION_HELP) break;
  }
  printf("\nExample:\n%s\n", c->example);
}

/* ---- Values -------------------------------------------------------------------------------------
 */

/* The options that are whole numbers: the range, and what holds where none is given. */
static const struct {
  option_id id;
  uint64_t least, most, otherwise;
} numbers[] = {
    {OPTION_BATCH, 1, UINT32_MAX, 32},   {OPTION_BATCHES, 1, UINT32_MAX, 4},
    {OPTION_THREADS, 1, UINT32_MAX, 1},  {OPTION_SESSIONS, 1, 1024, 1},
    {OPTION_LIMIT, 1, UINT32_MAX, 0},    {OPTION_SEED, 0, INT64_MAX, 1},
    {OPTION_COUNT, 1, UINT32_MAX, 1000}, {OPTION_EPISODES, 1, UINT32_MAX, 0},
    {OPTION_FOLD_IDS, 1, UINT32_MAX, 0}, {OPTION_MIN_COUNT, 1, UINT32_MAX, 0},
    {OPTION_WIDTH, 1, EDB_MAX_WIDTH, 0}, {OPTION_TABLE_MIB, 1, UINT32_MAX, 0},
};
#define N_NUMBERS (sizeof numbers / sizeof *numbers)

/* Its row among the numbers; N_NUMBERS: it is none. */
static size_t find_number(option_id id) {
  size_t i = 0;
  while (i < N_NUMBERS && numbers[i].id != id) i++;
  return i;
}

static int read_number(const command *c, size_t row, const char *text, options *o) {
  char *end;
  const char *name = table[numbers[row].id].name;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end)
    return usage_error(c, "--%s needs a whole number, found \"%s\"", name, text);
  if (errno || n > numbers[row].most)
    return usage_error(c, "--%s must be at most %llu, found %s", name,
                       (unsigned long long)numbers[row].most, text);
  if (n < numbers[row].least)
    return usage_error(c, "--%s must be at least %llu", name,
                       (unsigned long long)numbers[row].least);
  o->number[numbers[row].id] = n;
  return 0;
}

static int read_seconds(const command *c, const char *text, double *out) {
  char *end;
  double s = strtod(text, &end);
  if (end == text || *end || !(s > 0) || s > 3600)
    return usage_error(c, "--seconds needs a time in (0, 3600], found \"%s\"", text);
  *out = s;
  return 0;
}

/* NAME=VALUE; the name is cut off in place. */
static int read_set(const command *c, char *text, options *o) {
  char *equals = strchr(text, '='), *end;
  if (!equals || equals == text || !equals[1])
    return usage_error(c, "--set needs NAME=VALUE, found \"%s\"", text);
  if (o->n_sets == MAX_SETS) return usage_error(c, "more than %d times --set", MAX_SETS);
  errno = 0;
  long long value = strtoll(equals + 1, &end, 10);
  if (*end) return usage_error(c, "--set needs a whole number, found \"%s\"", equals + 1);
  if (errno) return usage_error(c, "--set: %s is out of range", equals + 1);
  *equals = 0;
  o->set_names[o->n_sets] = text;
  o->set_values[o->n_sets++] = value;
  return 0;
}

static int read_sweep(const command *c, char *text, options *o) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text || !equals[1])
    return usage_error(c, "--sweep needs NAME=VALUE,..., found \"%s\"", text);
  if (o->n_sweeps == MAX_SWEEPS) return usage_error(c, "more than %d times --sweep", MAX_SWEEPS);
  o->sweeps[o->n_sweeps++] = text;
  return 0;
}

static int take_option(const command *c, option_id id, char *argument, options *o) {
  o->text[id] = argument ? argument : "";
  if (!argument) return 0;
  size_t row = find_number(id);
  if (row < N_NUMBERS) return read_number(c, row, argument, o);
  if (id == OPTION_SECONDS) return read_seconds(c, argument, &o->seconds);
  if (id == OPTION_SET) return read_set(c, argument, o);
  if (id == OPTION_SWEEP) return read_sweep(c, argument, o);
  if (id == OPTION_GRAPH) o->positional[o->n_positional++] = argument;
  return 0;
}

/* ---- The command line ---------------------------------------------------------------------------
 */

/* getopt's own tables for the options that the command accepts. */
static void make_tables(const command *c, struct option *longs, char *shorts) {
  size_t n = 0, s = 0;
  shorts[s++] = ':';
  for (const option_id *id = c->accepts;; id++) {
    const option_row *r = &table[*id];
    longs[n++] = (struct option){r->name, r->argument ? required_argument : no_argument, NULL,
                                 256 + (int)*id};
    if (r->letter) shorts[s++] = (char)r->letter;
    if (r->letter && r->argument) shorts[s++] = ':';
    if (*id == OPTION_HELP) break;
  }
  longs[n] = (struct option){0};
  shorts[s] = 0;
}

/* The word of the command line that getopt has read an option from. */
static const char *last_word(char **argv) {
  return optarg && optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1];
}

/* getopt takes the beginning of a name for the name. What is meant must be said whole: the next
 * version may have another option that begins so. */
static bool is_whole(const char *word, const char *name) {
  return strncmp(word, "--", 2) != 0 || strcspn(word + 2, "=") == strlen(name);
}

/* Of the command's options the one that begins so, or else is near; or NULL. */
static const char *nearest_option(const command *c, const char *name) {
  const char *names[N_OPTIONS];
  size_t n = 0;
  for (const option_id *id = c->accepts;; id++) {
    names[n++] = table[*id].name;
    if (*name && strncmp(names[n - 1], name, strlen(name)) == 0) return names[n - 1];
    if (*id == OPTION_HELP) return nearest_name(name, names, n);
  }
}

static int no_such_option(const command *c, const char *word) {
  char name[EDB_NAME_MAX + 1] = "";
  size_t length = strcspn(word, "=");
  if (strncmp(word, "--", 2) == 0 && length - 2 < sizeof name) memcpy(name, word + 2, length - 2);
  const char *near = nearest_option(c, name);
  if (near)
    return usage_error(c, "there is no option %.*s; did you mean \"--%s\"?", (int)length, word,
                       near);
  return usage_error(c, "there is no option %.*s", (int)length, word);
}

static option_id find_letter(int letter) {
  for (int id = 0; id < N_OPTIONS; id++)
    if (table[id].letter == letter) return (option_id)id;
  return OPTION_HELP;
}

int options_parse(const command *c, int argc, char **argv, options *o) {
  struct option longs[N_OPTIONS + 1];
  char shorts[3 * N_OPTIONS + 2];
  *o = (options){.seconds = 1, .positional = calloc((size_t)argc + 1, sizeof(char *))};
  if (!o->positional) return usage_error(c, "out of memory");
  for (size_t i = 0; i < N_NUMBERS; i++) o->number[numbers[i].id] = numbers[i].otherwise;
  make_tables(c, longs, shorts);
  opterr = 0;
  int got;
  while ((got = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
    if (got == ':') return usage_error(c, "%s needs a value", argv[optind - 1]);
    if (got == '?') return no_such_option(c, argv[optind - 1]);
    option_id id = got >= 256 ? (option_id)(got - 256) : find_letter(got);
    if (got >= 256 && !is_whole(last_word(argv), table[id].name))
      return no_such_option(c, last_word(argv));
    if (id == OPTION_HELP) {
      command_help(c);
      return -1;
    }
    int failed = take_option(c, id, optarg, o);
    if (failed) return failed;
  }
  while (optind < argc) o->positional[o->n_positional++] = argv[optind++];
  return 0;
}
