/* tests/exec/random_cells.h: the text of a model with random cells: operators of all kinds on
 * whatever values there are, plain and variadic, some of them outputs; or gates, as recurrent cells
 * have them: many operators of few kinds, whose values stay between -1 and 1. */
#ifndef EDB_TESTS_EXEC_RANDOM_CELLS_H
#define EDB_TESTS_EXEC_RANDOM_CELLS_H

#include "exec/exec_support.h"

/* Scalars, vectors [n] and [2*n], matrices [n, n]. */
typedef enum rc_shape { RC_S, RC_V, RC_W, RC_M } rc_shape;

typedef struct rc_value {
  char name[12];
  rc_shape shape;
  bool variadic, output; /* output: it may be one */
} rc_value;

typedef struct rc_writer {
  edb_rng rng;
  char text[1 << 14];
  size_t length;
  rc_value values[128];
  uint32_t n_values;
  bool gates;
  uint32_t most_lines; /* of a cell */
} rc_writer;

static inline void rc_put(rc_writer *w, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  w->length +=
      (size_t)vsnprintf(w->text + w->length, sizeof w->text - w->length, format, arguments);
  va_end(arguments);
  assert_true(w->length < sizeof w->text);
}

static inline bool rc_chance(rc_writer *w, uint32_t percent) {
  return edb_rng_below(&w->rng, 100) < percent;
}

static inline void rc_declare(rc_writer *w, const char *name, rc_shape shape, bool variadic,
                              bool output) {
  rc_value *v = &w->values[w->n_values++];
  assert_true(w->n_values <= 128);
  *v = (rc_value){.shape = shape, .variadic = variadic, .output = output};
  (void)snprintf(v->name, sizeof v->name, "%s", name);
}

/* A value of a shape, rarely a parameter or a number. */
static inline const char *rc_pick(rc_writer *w, rc_shape shape, bool *variadic) {
  static const char *const params[4][3] = {
      {"0.5", "s", "-1.25"}, {"b", "g", "b"}, {"d", "d", "d"}, {"A", "B", "A"}};
  uint32_t fit = 0;
  const rc_value *found = NULL;
  for (uint32_t i = 0; i < w->n_values; i++)
    if (w->values[i].shape == shape && edb_rng_below(&w->rng, ++fit) == 0) found = &w->values[i];
  if (!found || rc_chance(w, 12)) return params[shape][edb_rng_below(&w->rng, 3)];
  *variadic |= found->variadic;
  return found->name;
}

/* A shape that goes along with `shape` in an elementwise operator. */
static inline rc_shape rc_beside(rc_writer *w, rc_shape shape) {
  if (rc_chance(w, 60)) return shape;
  return shape == RC_M && rc_chance(w, 50) ? RC_V : RC_S;
}

static inline void rc_elementwise(rc_writer *w, rc_shape shape, bool *variadic) {
  static const char *const one[] = {"tanh", "sigmoid", "relu", "gelu", "sin",
                                    "cos",  "abs",     "-",    "exp",  "sqrt"};
  static const char *const two[] = {"+", "-", "*", "/", "min", "max"};
  uint32_t kind = edb_rng_below(&w->rng, 16);
  if (kind < 10) {
    rc_put(w, "%s(%s)", one[kind], rc_pick(w, shape, variadic));
    return;
  }
  const char *operator= two[kind - 10], *a = rc_pick(w, shape, variadic);
  const char *b = rc_pick(w, rc_beside(w, shape), variadic);
  bool swap = rc_chance(w, 30);
  if (kind < 14)
    rc_put(w, "%s %s %s", swap ? b : a, operator, swap ? a : b);
  else
    rc_put(w, "%s(%s, %s)", operator, swap ? b : a, swap ? a : b);
}

static inline void rc_vector(rc_writer *w, bool *variadic) {
  uint32_t kind = edb_rng_below(&w->rng, 13);
  const char *v =
      kind == 5 || kind == 8 || kind == 9 || kind == 11 ? "" : rc_pick(w, RC_V, variadic);
  switch (kind) {
  case 0:
  case 1:
    rc_put(w, "A @ %s", v);
    return;
  case 2:
    rc_put(w, "B @ %s", v);
    return;
  case 3:
    rc_put(w, "%s @ B", v);
    return;
  case 4:
    rc_put(w, "%s @ %s", rc_pick(w, RC_M, variadic), v);
    return;
  case 5:
    rc_put(w, "C @ %s", rc_pick(w, RC_W, variadic));
    return;
  case 6:
    rc_put(w, "log_softmax(%s)", v);
    return;
  case 7:
    rc_put(w, "layer_norm(%s, g, %s)", v, rc_pick(w, RC_V, variadic));
    return;
  case 8:
    rc_put(w, "%s[0:n]", rc_pick(w, RC_W, variadic));
    return;
  case 9:
    rc_put(w, "%s[n-2:2*n-2]", rc_pick(w, RC_W, variadic));
    return;
  case 10:
    rc_put(w, "E[argmax(%s)]", v);
    return;
  case 11:
    rc_put(w, "reshape(%s[1:2], [n])", rc_pick(w, RC_M, variadic));
    return;
  default:
    rc_put(w, "dropout(%s, 0.5)", v);
    return;
  }
}

static inline void rc_wide(rc_writer *w, bool *variadic) {
  uint32_t kind = edb_rng_below(&w->rng, 4);
  const char *v = rc_pick(w, RC_V, variadic), *u = kind == 0 ? "" : rc_pick(w, RC_V, variadic);
  switch (kind) {
  case 0:
    rc_put(w, "[%s; %s]", v, v);
    return;
  case 1:
    rc_put(w, "[%s; [%s[1:n]; %s]]", v, u, rc_pick(w, RC_S, variadic));
    return;
  default:
    rc_put(w, "[%s; %s]", v, u);
    return;
  }
}

static inline void rc_matrix(rc_writer *w, bool *variadic) {
  uint32_t kind = edb_rng_below(&w->rng, 7);
  const char *m = kind == 4 ? "" : rc_pick(w, RC_M, variadic);
  switch (kind) {
  case 0:
    rc_put(w, "A @ %s", m);
    return;
  case 1:
    rc_put(w, "%s @ B", m);
    return;
  case 2:
    rc_put(w, "%s @ %s", m, rc_pick(w, RC_M, variadic));
    return;
  case 3:
    rc_put(w, "transpose(%s)", m);
    return;
  case 4:
    rc_put(w, "broadcast(%s, n)", rc_pick(w, RC_V, variadic));
    return;
  case 5:
    rc_put(w, "[%s; %s][1:n+1]", m, rc_pick(w, RC_M, variadic));
    return;
  default:
    rc_put(w, "reshape(reshape(%s, [n*n]), [n, n])", m);
    return;
  }
}

static inline void rc_scalar(rc_writer *w, bool *variadic) {
  uint32_t kind = edb_rng_below(&w->rng, 5);
  const char *v = kind == 3 ? "" : rc_pick(w, RC_V, variadic);
  const char *u = kind < 3 ? rc_pick(w, RC_V, variadic) : "";
  switch (kind) {
  case 0:
    rc_put(w, "dot(%s, %s)", v, u);
    return;
  case 1:
    rc_put(w, "squared_error(%s, %s)", v, u);
    return;
  case 2:
    rc_put(w, "cross_entropy(%s, argmax(%s))", v, u);
    return;
  case 3:
    rc_put(w, "maximum(%s)", rc_pick(w, RC_M, variadic));
    return;
  default:
    rc_put(w, "maximum(%s)", v);
    return;
  }
}

/* What cells of recurrent networks are made of. */
static inline rc_shape rc_gate(rc_writer *w, bool *variadic) {
  uint32_t kind = edb_rng_below(&w->rng, 14);
  const char *weights = edb_rng_below(&w->rng, 2) ? "A" : "B", *bias = rc_chance(w, 50) ? "b" : "g";
  bool many[3] = {false, false, false};
  const char *a = rc_pick(w, RC_V, &many[0]), *b = rc_pick(w, RC_V, &many[1]);
  const char *wide = rc_pick(w, RC_W, &many[2]);
  bool takes_wide = kind == 4 || kind == 6 || kind == 10;
  bool takes_b = kind == 2 || kind == 3 || kind == 5 || kind == 7 || kind == 8 || kind > 11;
  *variadic = takes_wide ? many[2] : many[0] || (takes_b && many[1]);
  switch (kind) {
  case 0:
  case 1:
    rc_put(w, "sigmoid(%s @ %s + %s)", weights, a, bias);
    return RC_V;
  case 2:
    rc_put(w, "tanh(%s @ %s + %s @ %s)", weights, a, weights, b);
    return RC_V;
  case 3:
    rc_put(w, "tanh(C @ [%s; %s] + %s)", a, b, bias);
    return RC_V;
  case 4:
    rc_put(w, "sigmoid(C @ %s)", wide);
    return RC_V;
  case 5:
    rc_put(w, "[%s; %s]", a, b);
    return RC_W;
  case 6:
    rc_put(w, "%s[%s]", wide, rc_chance(w, 50) ? "0:n" : rc_chance(w, 50) ? "n:2*n" : "1:n+1");
    return RC_V;
  case 7:
    rc_put(w, "(%s + %s) * 0.5", a, b);
    return RC_V;
  case 8:
    rc_put(w, "%s * %s + (1 - %s) * %s", a, b, a, b);
    return RC_V;
  case 9:
    rc_put(w, "%s * %s", a, a);
    return RC_V;
  case 10:
    rc_put(w, "%s(%s)", rc_chance(w, 50) ? "tanh" : "sigmoid", wide);
    return RC_W;
  case 11:
    rc_put(w, "%s(%s)", rc_chance(w, 50) ? "tanh" : "sigmoid", a);
    return RC_V;
  default:
    rc_put(w, "%s * %s", a, b);
    return RC_V;
  }
}

/* Over the elements of a variadic value; false if there is none. */
static inline bool rc_over(rc_writer *w, rc_shape *shape, bool *variadic) {
  static const char *const over[] = {"sum", "sum", "mean", "max", "softmax"};
  uint32_t fit = 0, kind = edb_rng_below(&w->rng, 5);
  const rc_value *found = NULL;
  for (uint32_t i = 0; i < w->n_values; i++)
    if (w->values[i].variadic && edb_rng_below(&w->rng, ++fit) == 0) found = &w->values[i];
  if (!found) return false;
  rc_put(w, "%s(%s)", over[kind], found->name);
  *shape = found->shape;
  *variadic = kind == 4;
  return true;
}

static inline void rc_line(rc_writer *w, uint32_t number) {
  char name[12];
  bool variadic = false;
  rc_shape shape = (rc_shape)edb_rng_below(&w->rng, 4);
  (void)snprintf(name, sizeof name, "v%u", number);
  rc_put(w, "  %s = ", name);
  if (w->gates && !rc_chance(w, 15)) {
    shape = rc_gate(w, &variadic);
  } else if (!(rc_chance(w, 25) && rc_over(w, &shape, &variadic))) {
    if (w->gates)
      rc_put(w, "tanh(%s)", rc_pick(w, shape, &variadic));
    else if (rc_chance(w, 45))
      rc_elementwise(w, shape, &variadic);
    else if (shape == RC_S)
      rc_scalar(w, &variadic);
    else if (shape == RC_V)
      rc_vector(w, &variadic);
    else if (shape == RC_W)
      rc_wide(w, &variadic);
    else
      rc_matrix(w, &variadic);
  }
  rc_put(w, "\n");
  rc_declare(w, name, shape, variadic, !variadic);
}

/* A random subset of these inputs, always with h. */
static inline void rc_inputs(rc_writer *w) {
  static const struct {
    const char *name, *type;
    rc_shape shape;
    bool variadic;
  } inputs[] = {
      {"h", "[n]", RC_V, false},      {"c", "[n]", RC_V, false}, {"w", "[2*n]", RC_W, false},
      {"M", "[n, n]", RC_M, false},   {"a", "", RC_S, false},    {"hs", "[n]...", RC_V, true},
      {"ws", "[2*n]...", RC_W, true}, {"as", "...", RC_S, true}, {"Ms", "[n, n]...", RC_M, true}};
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
    if (i > 0 && rc_chance(w, 55)) continue;
    rc_put(w, "%s%s%s", i ? ", " : "", inputs[i].name, inputs[i].type);
    rc_declare(w, inputs[i].name, inputs[i].shape, inputs[i].variadic, !inputs[i].variadic);
  }
  if (rc_chance(w, 30)) {
    rc_put(w, ", x: dense [n]");
    rc_declare(w, "x", RC_V, false, false);
  }
}

/* The head needs the outputs, so the body is written first and put behind it. */
static inline void rc_cell(rc_writer *w, const char *name) {
  static char body[1 << 14];
  w->n_values = 0;
  rc_put(w, "cell %s(", name);
  rc_inputs(w);
  size_t head = w->length;
  uint32_t lines = 3 + edb_rng_below(&w->rng, w->most_lines - 2), outputs = 0;
  for (uint32_t i = 0; i < lines; i++) rc_line(w, i);
  memcpy(body, w->text + head, w->length - head + 1);
  w->length = head;
  rc_put(w, ") -> (");
  for (uint32_t i = 0; i < w->n_values; i++) {
    if (!w->values[i].output || !rc_chance(w, i + 1 == w->n_values ? 90 : 20)) continue;
    rc_put(w, "%s%s[...]", outputs++ ? ", " : "", w->values[i].name);
  }
  if (outputs == 0) rc_put(w, "h[...]");
  rc_put(w, "):\n%s", body);
}

static inline const char *rc_model(uint64_t seed, uint32_t n, uint32_t cells, bool gates,
                                   uint32_t most_lines) {
  static rc_writer w;
  w.length = w.n_values = 0;
  w.gates = gates;
  w.most_lines = most_lines;
  edb_rng_seed(&w.rng, seed);
  rc_put(&w,
         "edb 1\nmodel random\nconst n = %u\n"
         "param A[n, n], B[n, n], C[n, 2*n], E[n, n], b[n], g[n], d[2*n], s[]\n"
         "cell source(i: index n, x: dense [n], y: dense [n]) -> (h[n], a, w[2*n], M[n, n]):\n"
         "  h = tanh(x + E[i])\n"
         "  a = dot(x, y)\n"
         "  w = [y; h]\n"
         "  M = A * y\n",
         n);
  for (uint32_t c = 0; c < cells; c++) {
    char name[12];
    (void)snprintf(name, sizeof name, "f%u", c);
    rc_cell(&w, name);
  }
  return w.text;
}

/* A model of `cells` random cells, and one that begins. The text lives until the next call. */
static inline const char *random_model(uint64_t seed, uint32_t n, uint32_t cells) {
  return rc_model(seed, n, cells, false, 24);
}

/* The same of gates. */
static inline const char *random_gates(uint64_t seed, uint32_t n, uint32_t cells) {
  return rc_model(seed, n, cells, true, 14);
}

#endif
