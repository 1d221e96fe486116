/* tools/progress.c: the progress bar. */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH  40
#define LINE_EVERY 30 /* seconds, without a terminal */

static struct {
  double begin, drawn, said;
  bool visible, started;
  const char *what;
} bar;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static unsigned long long percent(uint64_t done, uint64_t all) {
  return all ? done * 100 / all : 0;
}

/* A line now and then, whatever it is that goes on. */
static void say(double t, const char *what, uint64_t done, uint64_t all) {
  if (bar.said == 0) bar.said = t;
  if (t - bar.said < LINE_EVERY) return;
  bar.said = t;
  fprintf(stderr, "edbatch: %s %llu %%\n", what, percent(done, all));
}

void progress_show(const char *what, uint64_t done, uint64_t all) {
  double t = now();
  if (!bar.started || bar.what != what) {
    bar.begin = bar.drawn = t;
    bar.what = what;
    bar.started = true;
  }
  if (!isatty(STDERR_FILENO)) {
    say(t, what, done, all);
    return;
  }
  if (t - bar.begin < 1 || t - bar.drawn < 0.1) return;
  bar.drawn = t;
  bar.visible = true;
  uint64_t filled = all ? done * BAR_WIDTH / all : 0;
  if (filled > BAR_WIDTH) filled = BAR_WIDTH;
  char cells[BAR_WIDTH + 1];
  memset(cells, '.', BAR_WIDTH);
  memset(cells, '#', (size_t)filled);
  cells[BAR_WIDTH] = 0;
  fprintf(stderr, "\r%s [%s] %3llu %%", what, cells, percent(done, all));
}

void progress_clear(void) {
  if (bar.visible) fprintf(stderr, "\r\033[K");
  bar.visible = bar.started = false;
}
