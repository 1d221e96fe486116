/* tests/tools/command.h: runs the edbatch command as users do and looks at what it prints. */
#ifndef EDB_TESTS_TOOLS_COMMAND_H
#define EDB_TESTS_TOOLS_COMMAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#define TREE_LSTM EDB_SOURCE_DIR "/models/tree_lstm.edb"
#define TREE_GRU  EDB_SOURCE_DIR "/models/tree_gru.edb"
#define SMALL     " --set hidden=16"

/* What a command printed (stdout, and stderr where the line says 2>&1) and its exit code. */
typedef struct result {
  char *text; /* the caller frees it, or hands it to expect or expect_json */
  int code;
} result;

/* Set-up and tear-down of a group of tests: a new folder that every command works in. In it are
 * trees.txt (40 generated trees) and two.txt (two written ones). */
int command_begin(void **state);
int command_end(void **state);
const char *command_folder(void);
void write_file(const char *name, const char *text);

/* The command with these arguments and redirections. */
__attribute__((format(printf, 1, 2))) result run(const char *format, ...);

void expect_code(result r, int code);
/* Exit code and a part of the text, which is freed. */
void expect(result r, int code, const char *part);
/* Exit code 0 and one JSON value, which the caller releases; the text is freed. */
json_t *expect_json(result r);

#endif
