/* tools/paper_plot.c: `edbatch paper`: bars of instances per second, one SVG per size. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "paper.h"

#define COLUMNS    3
#define PANEL_W    258
#define PANEL_H    138
#define TOP        62
#define MARGIN     16
#define LABEL_W    74
#define BAR_W      110
#define BAR_H      15
#define BAR_STEP   20
#define MAX_PANELS 32

static const struct {
  const char *way, *label, *colour;
} bars[] = {{"unbatched", "unbatched", "#b8bec6"},
            {"vanilla", "vanilla", "#7f9bb8"},
            {"cavs-like", "Cavs-like", "#3f6c9b"},
            {"learned", "learned", "#e3a869"},
            {"planned", "+ planning", "#d9822b"}};
#define N_BARS (sizeof bars / sizeof *bars)

/* Each panel has a scale of its own: models differ by orders of magnitude, ways are compared. */
static void draw_panel(const json_t *results, const json_t *row, uint32_t x, uint32_t y, FILE *to) {
  double rates[N_BARS], most = 0;
  for (size_t i = 0; i < N_BARS; i++) {
    rates[i] = paper_rate(results, row, bars[i].way);
    if (rates[i] > most) most = rates[i];
  }
  fprintf(to, "<text x=\"%u\" y=\"%u\" font-weight=\"bold\">%s</text>\n", x, y,
          json_string_value(json_object_get(row, "model")));
  for (size_t i = 0; i < N_BARS; i++) {
    uint32_t top = y + 10 + BAR_STEP * (uint32_t)i;
    double width = most > 0 ? BAR_W * rates[i] / most : 0;
    fprintf(to, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\" fill=\"#555\">%s</text>\n",
            (int)x + LABEL_W - 6, top + 12, bars[i].label);
    fprintf(to, "<rect x=\"%u\" y=\"%u\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x + LABEL_W,
            top, width, BAR_H, bars[i].colour);
    if (rates[i] > 0)
      fprintf(to, "<text x=\"%.1f\" y=\"%u\">%.0f</text>\n", x + LABEL_W + width + 5, top + 12,
              rates[i]);
    else
      fprintf(to, "<text x=\"%u\" y=\"%u\" fill=\"#999\">skipped</text>\n", x + LABEL_W + 5,
              top + 12);
  }
}

static bool same_size(const json_t *a, const json_t *b) {
  return json_equal(json_object_get(a, "hidden"), json_object_get(b, "hidden")) &&
         json_equal(json_object_get(a, "batch"), json_object_get(b, "batch"));
}

/* One row per model of this size. */
static uint32_t find_panels(const json_t *rows, const json_t *like, const json_t **panels) {
  uint32_t n = 0;
  for (size_t i = 0; i < json_array_size(rows) && n < MAX_PANELS; i++) {
    const json_t *row = json_array_get(rows, i);
    if (!same_size(row, like)) continue;
    if (n > 0 && json_equal(json_object_get(panels[n - 1], "model"), json_object_get(row, "model")))
      continue;
    panels[n++] = row;
  }
  return n;
}

static void draw(const json_t *results, const json_t *row, FILE *to) {
  const json_t *panels[MAX_PANELS];
  uint32_t n = find_panels(json_object_get(results, "speeds"), row, panels);
  uint32_t lines = (n + COLUMNS - 1) / COLUMNS;
  uint32_t width = 2 * MARGIN + COLUMNS * PANEL_W, height = TOP + lines * PANEL_H;
  fprintf(
      to,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
      "viewBox=\"0 0 %u %u\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
      "<text x=\"%d\" y=\"26\" font-size=\"15\">Instances per second: hidden %d, mini-batches of "
      "%d, one thread; longer is better</text>\n",
      width, height, width, height, MARGIN, (int)json_number_value(json_object_get(row, "hidden")),
      (int)json_number_value(json_object_get(row, "batch")));
  for (uint32_t i = 0; i < n; i++)
    draw_panel(results, panels[i], MARGIN + i % COLUMNS * PANEL_W, TOP + i / COLUMNS * PANEL_H, to);
  fprintf(to, "</svg>\n");
}

static int write_plot(const json_t *results, const json_t *row, const char *folder) {
  char path[512];
  snprintf(path, sizeof path, "%s/speed_h%d_b%d.svg", folder,
           (int)json_number_value(json_object_get(row, "hidden")),
           (int)json_number_value(json_object_get(row, "batch")));
  FILE *file = fopen(path, "w");
  if (file) draw(results, row, file);
  bool bad = !file || ferror(file) != 0;
  if (file && fclose(file) != 0) bad = true;
  if (bad) fprintf(stderr, "edbatch paper: cannot write %s: %s\n", path, strerror(errno));
  return bad ? EXIT_FAILED : 0;
}

int paper_plots(const json_t *results, const char *folder) {
  const json_t *rows = json_object_get(results, "speeds");
  int failed = 0;
  for (size_t i = 0; i < json_array_size(rows) && !failed; i++) {
    const json_t *row = json_array_get(rows, i);
    bool known = false;
    for (size_t k = 0; k < i && !known; k++) known = same_size(json_array_get(rows, k), row);
    if (!known) failed = write_plot(results, row, folder);
  }
  return failed;
}
