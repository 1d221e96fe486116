/* tests/tools/command.c: starts the edbatch command in a folder of its own. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char folder[64]; /* of this run's files; the working directory of every command */

const char *command_folder(void) {
  return folder;
}

result run(const char *format, ...) {
  char arguments[2048], line[4096];
  va_list list;
  va_start(list, format);
  vsnprintf(arguments, sizeof arguments, format, list);
  va_end(list);
  snprintf(line, sizeof line, "cd %s && </dev/null %s %s", folder, EDB_COMMAND, arguments);
  FILE *pipe = popen(line, "r");
  assert_non_null(pipe);
  result r = {.text = calloc(1, 1)};
  size_t length = 0;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0; length += n) {
    r.text = realloc(r.text, length + n + 1);
    assert_non_null(r.text);
    memcpy(r.text + length, buffer, n);
    r.text[length + n] = 0;
  }
  int status = pclose(pipe);
  r.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return r;
}

void expect_code(result r, int code) {
  if (r.code != code) fail_msg("exit code %d instead of %d:\n%s", r.code, code, r.text);
}

void expect(result r, int code, const char *part) {
  expect_code(r, code);
  if (!strstr(r.text, part)) fail_msg("no \"%s\" in:\n%s", part, r.text);
  free(r.text);
}

json_t *expect_json(result r) {
  expect_code(r, 0);
  json_error_t error;
  json_t *object = json_loads(r.text, 0, &error);
  if (!object) fail_msg("%s in:\n%s", error.text, r.text);
  free(r.text);
  return object;
}

void write_file(const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

int command_begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/edbatch-test-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  write_file("two.txt", "(3 (2 good) (2 film))\n(1 (2 bad) (1 (2 , ) (2 film)))\n");
  result r = run("generate trees --count 40 --seed 3 -o trees.txt 2>&1");
  free(r.text);
  return r.code;
}

int command_end(void **state) {
  (void)state;
  char line[128];
  snprintf(line, sizeof line, "rm -r %s", folder);
  return system(line);
}
