/* tools/output.c: see output.h. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

static bool missing; /* there was no memory for some of the output */

void output_open(void) {
  /* open gives the lowest number that is free. */
  for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
    if (fcntl(i, F_GETFD) < 0 && errno == EBADF &&
        open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
      return;
}

int output_close(int code) {
  errno = 0; /* of an earlier write that failed the reason is not known any more */
  bool written = fflush(stdout) == 0 && !ferror(stdout);
  if (code != 0 || (written && !missing)) return code;
  const char *reason = missing ? "out of memory" : strerror(errno);
  fprintf(stderr, "edbatch: cannot write the output%s%s\n", missing || errno ? ": " : "",
          missing || errno ? reason : "");
  return EXIT_FAILED;
}

json_t *output_number(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

void output_json(json_t *object, size_t flags) {
  missing |= object == NULL;
  json_dumpf(object, stdout, flags);
  putchar('\n');
  json_decref(object);
}
