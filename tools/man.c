/* tools/man.c: see man.h. */
#include "man.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <edbatch/edbatch.h>

/* As it stands: no character has a meaning to roff. Lines stay lines. */
static void put_part(const char *text, size_t length) {
  bool at_start = true;
  for (const char *end = text + length; text < end; text++) {
    if (at_start && (*text == '.' || *text == '\'')) printf("\\&");
    if (*text == '-')
      printf("\\-");
    else if (*text == '\\')
      printf("\\e");
    else
      putchar(*text);
    at_start = *text == '\n';
  }
}

static void put_text(const char *text) {
  put_part(text, strlen(text));
}

/* Lines that keep their ends. */
static void put_lines(const char *text) {
  printf(".PP\n.EX\n");
  put_text(text);
  printf("\n.EE\n");
}

/* The ways to call a command; in its help all but the first stand below "Usage: ". */
static void put_usage(const char *usage) {
  printf(".PP\n.EX\nedbatch ");
  for (const char *end; (end = strchr(usage, '\n')); usage = end + 1 + strspn(end + 1, " ")) {
    put_part(usage, (size_t)(end - usage));
    putchar('\n');
  }
  put_text(usage);
  printf("\n.EE\n");
}

/* Paragraphs, with an empty line between two, whose lines are filled. */
static void put_paragraphs(const char *text) {
  for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) {
    printf(".PP\n");
    put_part(text, (size_t)(end - text));
    putchar('\n');
  }
  printf(".PP\n");
  put_text(text);
  putchar('\n');
}

static void put_option(const option_row *r) {
  printf(".TP\n");
  if (r->letter) printf("\\fB\\-%c\\fR, ", r->letter);
  printf("\\fB\\-\\-");
  put_text(r->name);
  printf("\\fR");
  if (r->argument) {
    printf(" \\fI");
    put_text(r->argument);
    printf("\\fR");
  }
  putchar('\n');
  put_text(r->help);
  putchar('\n');
}

static void put_command(const command *c) {
  printf(".SS edbatch %s\n", c->name);
  put_text(c->summary);
  printf(".\n");
  put_usage(c->usage);
  if (c->details) put_paragraphs(c->details);
  for (const option_id *id = c->accepts;; id++) {
    option_row row = option_of(c, *id);
    put_option(&row);
    if (*id == OPTION_HELP) break;
  }
  printf(".PP\nExample:\n");
  put_lines(c->example);
}

void man_page(const command *const *commands, size_t n_commands) {
  printf(".TH EDBATCH 1 \"\" \"edbatch %s\" \"User Commands\"\n", edb_version());
  printf(
      ".SH NAME\nedbatch \\- batched execution of dynamic neural networks\n"
      ".SH SYNOPSIS\n.B edbatch\n.I COMMAND\n.RI [ ARGUMENTS ]\n"
      ".SH DESCRIPTION\n"
      "Networks whose shape depends on the input, as of trees, lattices and sentences, run in\n"
      "mini\\-batches whose operators are batched by a policy, which is learned from examples or\n"
      "chosen by name. Models, data, weights and policies are files.\n"
      ".PP\nThe first lines:\n");
  put_lines("  edbatch generate trees --count 512 -o trees.txt\n"
            "  edbatch learn models/tree_lstm.edb --data trees.txt -o policy.json\n"
            "  edbatch run models/tree_lstm.edb --data trees.txt --policy policy.json");
  printf(".SH COMMANDS\n");
  for (size_t i = 0; i < n_commands; i++) put_command(commands[i]);
  printf(".SH OPTIONS\n"
         "These stand in the place of a command.\n"
         ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nthe commands\n"
         ".TP\n\\fB\\-\\-version\\fR\nthe version\n"
         ".TP\n\\fB\\-\\-man\\fR\nthis page\n"
         ".SH EXIT STATUS\n"
         ".TP\n0\ndone\n.TP\n1\nfailed\n.TP\n2\nwrong usage\n");
}
