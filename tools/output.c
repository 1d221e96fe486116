/* tools/output.c: see output.h. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

void output_open(void) {
  /* open gives the lowest number that is free. */
  for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
    if (fcntl(i, F_GETFD) < 0 && errno == EBADF &&
        open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
      return;
}

int output_close(int code) {
  errno = 0; /* of an earlier write that failed the reason is not known any more */
  if ((fflush(stdout) == 0 && !ferror(stdout)) || code != 0) return code;
  fprintf(stderr, "edbatch: cannot write the output%s%s\n", errno ? ": " : "",
          errno ? strerror(errno) : "");
  return EXIT_FAILED;
}
