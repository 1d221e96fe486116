/* tools/options.h: the options of all commands, declared once, and the commands that accept them.
 */
#ifndef EDB_TOOLS_OPTIONS_H
#define EDB_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXIT_FAILED 1
#define EXIT_USAGE  2

/* X(ENUM, long name, short or 0, argument or NULL, help) */
#define OPTION_LIST(X)                                                                            \
  X(DATA, "data", 'd', "FILE", "instances, in a form of docs/data.md; - is stdin")                \
  X(FORMAT, "format", 0, "NAME", "trees, tags, ... (default: by file and model)")                 \
  X(WEIGHTS, "weights", 'w', "FILE", "safetensors (else seeded initial values)")                  \
  X(POLICY, "policy", 'p', "NAME|FILE", "a policy by name, or a learned one by its file")         \
  X(POLICY_FILE, "policy-file", 'P', "FILE", "the learned policy for fsm and best")               \
  X(OUTPUTS, "outputs", 0, "LIST", "outputs to print, e.g. h,logits")                             \
  X(CELLS, "cells", 0, "LIST", "nodes to print: of these cells, e.g. score")                      \
  X(LAST, "last", 0, NULL, "of each cell the last node of an instance only")                      \
  X(DEVICE, "device", 0, "NAME", "cpu (default) or reference")                                    \
  X(PRECISION, "precision", 0, "NAME", "of products: f32 (default) or bf16, summed in fp32")      \
  X(GRANULARITY, "granularity", 'g', "NAME",                                                      \
    "cell or op (default: that of the policy file, or cell)")                                     \
  X(PLACEMENT, "placement", 0, "NAME", "auto (default), arrival, ordered or direct")              \
  X(SIMD, "simd", 0, "NAME", "auto (default), avx512, avx2, neon or portable")                    \
  X(NO_HOIST, "no-hoist", 0, NULL, "products of attributes run in their turn, not early")         \
  X(NO_SHARE, "no-share", 0, NULL, "equal calls run as often as they are made")                   \
  X(NO_TABLE, "no-table", 0, NULL, "values of one index are not kept from run to run")            \
  X(TABLE_MIB, "table-mib", 0, "N", "memory of these (default 64)")                               \
  X(SET, "set", 's', "NAME=VALUE", "overrides a constant of the model; repeatable")               \
  X(BATCH, "batch", 'b', "N", "instances of a mini-batch (default 32)")                           \
  X(BATCHES, "batches", 0, "N", "mini-batches to learn from (default 4)")                         \
  X(THREADS, "threads", 't', "N", "threads that run a mini-batch together (default 1)")           \
  X(THREADS_BY, "threads-by", 0, "NAME", "what threads share: auto (default), batch or instance") \
  X(PIN, "pin", 0, NULL, "each thread that a session starts stays on one processor")              \
  X(SESSIONS, "sessions", 0, "N", "sessions side by side, each with threads of its own")          \
  X(SWEEP, "sweep", 0, "NAME=LIST", "a row per value of batch, threads, nodes or a constant")     \
  X(PLOT, "plot", 0, "FILE", "with one --sweep: an SVG of times and memory per node")             \
  X(SECONDS, "seconds", 0, "S", "time per policy (default 1)")                                    \
  X(WIDTH, "width", 0, "N", "schedules that beam and best keep side by side (default 16)")        \
  X(COSTS, "costs", 0, "FILE",                                                                    \
    "what batches cost, as \"edbatch calibrate\" measured it, not estimated")                     \
  X(MINIMISE, "minimise", 0, "NAME",                                                              \
    "for best: batches, time, or total: scheduling, too (default of run, bench)")                 \
  X(COMPARE, "compare", 0, NULL, "a table of all policies instead of one schedule")               \
  X(LIMIT, "limit", 'n', "N", "use at most so many instances")                                    \
  X(SKIP_BAD, "skip-bad", 0, NULL, "count bad instances and go on")                               \
  X(NO_LABELS, "no-labels", 0, NULL, "ignore labels: inference")                                  \
  X(FOLD_IDS, "fold-ids", 0, "N", "ids of lattices modulo N, as published benchmarks")            \
  X(MIN_COUNT, "min-count", 0, "N", "spell words seen less often (default 5)")                    \
  X(SEED, "seed", 0, "N", "seed of everything random (default 1)")                                \
  X(ENCODING, "encoding", 'e', "NAME",                                                            \
    "states of the FSM: mass (default), lead, base, max, sort, tight")                            \
  X(REWARD, "reward", 0, "NAME", "bound (default) or frontier (as published)")                    \
  X(TEACHER, "teacher", 0, "NAME", "what learning starts from: rule (default) or beam")           \
  X(EPISODES, "episodes", 0, "N", "learn for at most so many (default 1000)")                     \
  X(GRAPH, "graph", 0, "FILE...", "raw graphs instead of a model and data")                       \
  X(COUNT, "count", 'c', "N", "instances to generate (default 1000)")                             \
  X(DATA_DIR, "data-dir", 0, "DIR", "trees.txt, tags.txt, ... (else generated)")                  \
  X(MODELS, "models", 0, "LIST", "of these models only, e.g. tree_lstm,mv_rnn")                   \
  X(QUICK, "quick", 0, NULL, "fewer sizes and repeats")                                           \
  X(DOT, "dot", 0, NULL, "the cells as graphs for graphviz, batches as clusters")                 \
  X(NO_FUSE, "no-fuse", 0, NULL, "map the plan before operators are joined")                      \
  X(OUT, "output", 'o', "FILE", "where to write")                                                 \
  X(JSON, "json", 'j', NULL, "print JSON for machines")                                           \
  X(HELP, "help", 'h', NULL, "this help")

typedef enum option_id {
#define OPTION_ENUM(id, name, letter, argument, help) OPTION_##id,
  OPTION_LIST(OPTION_ENUM)
#undef OPTION_ENUM
      N_OPTIONS
} option_id;

#define MAX_SETS   64
#define MAX_SWEEPS 4

/* What the command line says. Strings belong to argv. */
typedef struct options {
  const char *text[N_OPTIONS]; /* argument of each option given; "" for flags; NULL: not given */
  uint64_t number[N_OPTIONS];  /* of those that are numbers, defaults filled in */
  double seconds;
  const char *set_names[MAX_SETS];
  int64_t set_values[MAX_SETS];
  uint32_t n_sets;
  char *sweeps[MAX_SWEEPS]; /* NAME=LIST, as given */
  uint32_t n_sweeps;
  const char **positional; /* MODEL, or files after --graph */
  uint32_t n_positional;
} options;

static inline bool has_option(const options *o, option_id id) {
  return o->text[id] != NULL;
}

/* What an option is for one command, where that is not what it is for the others. */
typedef struct option_help {
  option_id id;
  const char *help;
} option_help;

typedef struct command {
  const char *name, *summary, *usage, *details, *example;
  const option_id *accepts; /* ends with OPTION_HELP */
  const option_help *own;   /* ends with OPTION_HELP; may be NULL */
  int (*run)(const options *o);
} command;

/* An option as the table has it. */
typedef struct option_row {
  const char *name;
  int letter;                  /* 0: it has none */
  const char *argument, *help; /* argument is NULL for flags */
} option_row;

/* With what it is for this command. */
option_row option_of(const command *c, option_id id);

/* 0 and filled options; EXIT_USAGE after a message; -1 after printing help. */
int options_parse(const command *c, int argc, char **argv, options *o);
void command_help(const command *c);
/* A message on stderr that names the command's help; gives EXIT_USAGE. */
int usage_error(const command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The nearest of the names, or NULL if none is near. */
const char *nearest_name(const char *wanted, const char *const *names, size_t n);

extern const command command_run, command_learn, command_inspect, command_check, command_schedule,
    command_bench, command_calibrate, command_generate, command_init, command_paper, command_plan;

#endif
