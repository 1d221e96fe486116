/* tools/main.c: the edbatch command; each subcommand has a file of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edbatch/edbatch.h>

#include "man.h"
#include "options.h"
#include "output.h"

static const command *const commands[] = {
    &command_run,      &command_learn,     &command_schedule, &command_check,
    &command_bench,    &command_calibrate, &command_inspect,  &command_init,
    &command_generate, &command_paper,     &command_plan,
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static void help(FILE *to) {
  fprintf(to,
          "edbatch %s: batched execution of dynamic neural networks\n\n"
          "Usage: edbatch COMMAND [ARGUMENTS]\n\nCommands:\n",
          edb_version());
  for (size_t i = 0; i < N_COMMANDS; i++)
    fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
  fprintf(to, "\n\"edbatch COMMAND --help\" tells all of a command, with an example.\n"
              "\"edbatch --version\" prints the version, \"edbatch --man\" the manual page.\n"
              "Exit codes: 0 done, 1 failed, 2 wrong usage.\n\n"
              "Example:\n"
              "  edbatch generate trees --count 512 -o trees.txt\n"
              "  edbatch learn models/tree_lstm.edb --data trees.txt -o policy.json\n"
              "  edbatch run models/tree_lstm.edb --data trees.txt --policy policy.json\n");
}

static int run_command(const command *c, int argc, char **argv) {
  options o;
  int failed = options_parse(c, argc, argv, &o);
  int code = failed == 0 ? c->run(&o) : failed < 0 ? EXIT_SUCCESS : failed;
  free((void *)o.positional);
  return code;
}

static const command *find_command(const char *name) {
  for (size_t i = 0; i < N_COMMANDS; i++)
    if (strcmp(name, commands[i]->name) == 0) return commands[i];
  return NULL;
}

static int no_such_command(const char *name) {
  const char *names[N_COMMANDS], *near;
  for (size_t i = 0; i < N_COMMANDS; i++) names[i] = commands[i]->name;
  near = nearest_name(name, names, N_COMMANDS);
  if (near) {
    fprintf(stderr, "edbatch: there is no command \"%s\"; did you mean \"%s\"?\n", name, near);
  } else {
    fprintf(stderr, "edbatch: there is no command \"%s\"\n\n", name);
    help(stderr);
  }
  return EXIT_USAGE;
}

/* Of a command, or of all. */
static int show_help(const char *name) {
  const command *c = name ? find_command(name) : NULL;
  if (name && !c) return no_such_command(name);
  if (c)
    command_help(c);
  else
    help(stdout);
  return EXIT_SUCCESS;
}

static int run_any(int argc, char **argv) {
  if (argc < 2) {
    help(stderr);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
    return show_help(argc > 2 ? argv[2] : NULL);
  if (strcmp(argv[1], "--version") == 0) {
    printf("edbatch %s\n", edb_version());
    return EXIT_SUCCESS;
  }
  if (strcmp(argv[1], "--man") == 0) {
    man_page(commands, N_COMMANDS);
    return EXIT_SUCCESS;
  }
  const command *c = find_command(argv[1]);
  return c ? run_command(c, argc - 1, argv + 1) : no_such_command(argv[1]);
}

int main(int argc, char **argv) {
  output_open();
  return output_close(run_any(argc, argv));
}
