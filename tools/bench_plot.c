/* tools/bench_plot.c: `edbatch bench --plot`: time and memory per node over one variable, as SVG.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define WIDTH   760
#define PANEL_H 230
#define PANEL_W 520
#define LEFT    70
#define TOP     48
#define GAP     74
#define LABEL_X (LEFT + PANEL_W + 14)
#define LABEL_H 15

typedef struct series {
  const char *field, *label, *colour;
  const char *object; /* of the row that has the field, or NULL */
} series;

static const series times[] = {{"graph_ns", "graph", "#7f9bb8", NULL},
                               {"schedule_ns", "schedule", "#d9822b", NULL},
                               {"placement_ns", "placement", "#b8860b", NULL},
                               {"copy_ns", "copy", "#6a9955", NULL},
                               {"product_ns", "product", "#3f6c9b", NULL},
                               {"elementwise_ns", "elementwise", "#a05a8c", NULL},
                               {"other_ns", "other", "#999999", NULL}};
static const series sizes[] = {{"graph_bytes", "graph", "#7f9bb8", "memory"},
                               {"schedule_bytes", "schedule", "#d9822b", "memory"},
                               {"placement_bytes", "placement", "#b8860b", "memory"},
                               {"run_bytes", "run", "#3f6c9b", "memory"},
                               {"peak_bytes", "planned peak", "#c0392b", NULL}};

typedef struct axis {
  double low, high; /* powers of ten */
} axis;

typedef struct panel {
  const json_t *rows;
  const char *variable, *title;
  const series *series;
  uint32_t n_series, top;
  bool per_node; /* divide by the nodes of the row */
  axis x, y;
} panel;

static double x_of(const panel *p, const json_t *row) {
  return json_number_value(json_object_get(row, p->variable));
}

static double y_of(const panel *p, const json_t *row, const series *s) {
  const json_t *object = s->object ? json_object_get(row, s->object) : row;
  double value = json_number_value(json_object_get(object, s->field));
  if (!p->per_node) return value;
  double nodes = json_number_value(json_object_get(s->object ? object : row, "nodes"));
  return nodes > 0 ? value / nodes : 0;
}

static void stretch_exactly(axis *a, double value) {
  if (!(value > 0)) return;
  if (a->low == 0 || value < a->low) a->low = value;
  if (value > a->high) a->high = value;
}

/* Widens an axis, to whole powers of ten, so that it has the value. */
static void stretch(axis *a, double value) {
  if (!(value > 0)) return;
  double low = pow(10, floor(log10(value))), high = pow(10, ceil(log10(value)));
  if (high <= low) high = low * 10;
  if (a->low == 0 || low < a->low) a->low = low;
  if (high > a->high) a->high = high;
}

static double place(const axis *a, double value, double length) {
  if (!(value > a->low) || !(a->high > a->low)) return 0;
  return length * log10(value / a->low) / log10(a->high / a->low);
}

static double to_x(const panel *p, double value) {
  return LEFT + place(&p->x, value, PANEL_W);
}

static double to_y(const panel *p, double value) {
  return p->top + PANEL_H - place(&p->y, value, PANEL_H);
}

static void draw_frame(const panel *p, FILE *to) {
  fprintf(to, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", LEFT, (int)p->top - 12,
          p->title);
  double line = p->y.low;
  while (line <= p->y.high * 1.001) {
    fprintf(to,
            "<path d=\"M%d %.1fh%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" "
            "text-anchor=\"end\">%g</text>\n",
            LEFT, to_y(p, line), PANEL_W, LEFT - 8, to_y(p, line) + 4, line);
    line *= 10;
  }
  for (size_t r = 0; r < json_array_size(p->rows); r++) {
    double v = x_of(p, json_array_get(p->rows, r));
    fprintf(to,
            "<path d=\"M%.1f %uv%d\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"%u\" "
            "text-anchor=\"middle\">%.0f</text>\n",
            to_x(p, v), p->top, PANEL_H, to_x(p, v), p->top + PANEL_H + 18, v);
  }
  fprintf(to, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">%s</text>\n", LEFT + PANEL_W,
          p->top + PANEL_H + 36, p->variable);
}

typedef struct label {
  const series *series;
  double y;
} label;

static int by_height(const void *a, const void *b) {
  double x = ((const label *)a)->y, y = ((const label *)b)->y;
  return (x > y) - (x < y);
}

/* A name beside the end of each line, moved apart where lines end close together. */
static void draw_labels(const panel *p, FILE *to) {
  label labels[16];
  const json_t *last = json_array_get(p->rows, json_array_size(p->rows) - 1);
  uint32_t n = p->n_series < 16 ? p->n_series : 16;
  for (uint32_t i = 0; i < n; i++)
    labels[i] = (label){&p->series[i], to_y(p, y_of(p, last, &p->series[i]))};
  qsort(labels, n, sizeof *labels, by_height);
  for (uint32_t i = 1; i < n; i++)
    if (labels[i].y < labels[i - 1].y + LABEL_H) labels[i].y = labels[i - 1].y + LABEL_H;
  for (uint32_t i = 0; i < n; i++)
    fprintf(to, "<text x=\"%d\" y=\"%.1f\" fill=\"%s\">%s %.4g</text>\n", LABEL_X, labels[i].y + 4,
            labels[i].series->colour, labels[i].series->label, y_of(p, last, labels[i].series));
}

static void draw_panel(panel *p, FILE *to) {
  size_t n = json_array_size(p->rows);
  for (size_t r = 0; r < n; r++) {
    const json_t *row = json_array_get(p->rows, r);
    stretch_exactly(&p->x, x_of(p, row));
    for (uint32_t i = 0; i < p->n_series; i++) stretch(&p->y, y_of(p, row, &p->series[i]));
  }
  draw_frame(p, to);
  for (uint32_t i = 0; i < p->n_series; i++) {
    const series *s = &p->series[i];
    fprintf(to, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", s->colour);
    for (size_t r = 0; r < n; r++) {
      const json_t *row = json_array_get(p->rows, r);
      fprintf(to, "%.1f,%.1f ", to_x(p, x_of(p, row)), to_y(p, y_of(p, row, s)));
    }
    fprintf(to, "\"/>\n");
  }
  draw_labels(p, to);
}

static void draw(const json_t *rows, const char *variable, FILE *to) {
  uint32_t height = TOP + 2 * PANEL_H + GAP + 60;
  panel time = {.rows = rows,
                .variable = variable,
                .title = "ns per node",
                .series = times,
                .n_series = sizeof times / sizeof *times,
                .top = TOP};
  panel size = {.rows = rows,
                .variable = variable,
                .title = "bytes per node",
                .series = sizes,
                .n_series = sizeof sizes / sizeof *sizes,
                .top = TOP + PANEL_H + GAP,
                .per_node = true};
  fprintf(to,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
          "viewBox=\"0 0 %d %u\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
          "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
          WIDTH, height, WIDTH, height);
  draw_panel(&time, to);
  draw_panel(&size, to);
  fprintf(to, "</svg>\n");
}

int bench_plot(const json_t *rows, const char *variable, const char *path) {
  FILE *file = fopen(path, "w");
  if (file) draw(rows, variable, file);
  bool bad = !file || ferror(file) != 0;
  if (file && fclose(file) != 0) bad = true;
  if (bad) fprintf(stderr, "edbatch bench: cannot write %s: %s\n", path, strerror(errno));
  return bad ? EXIT_FAILED : 0;
}
