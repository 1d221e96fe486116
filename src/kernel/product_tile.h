/* kernel/product_tile.h: the tiles of matrix products, and how they cover one; compiled once per
 * level.
 *
 * A tile keeps up to VF_TILE_ROWS_v rows x v vectors of C in registers and runs over the whole
 * depth: one chain per element, from +0, k ascending, so the cut into tiles cannot be seen in the
 * result. Panels are the outer loop: a panel of B stays in the near caches while all rows pass by.
 */
#ifndef EDB_KERNEL_PRODUCT_TILE_H
#define EDB_KERNEL_PRODUCT_TILE_H

#include <string.h>

#include "kernel/vec_common.h"
#include "kernel/wanted_impl.h"

#define EDB_TILE_MAX_ROWS 12

#ifndef VF_KEEP
#define VF_KEEP(v) (void)(v) /* where panels are narrow no tile needs it */
#endif

/* What a tile brings to the second-level cache on its way down: at each row the lines at two
 * addresses, which move on by `step` bytes. Two tiles can bring a whole panel so. */
#define EDB_STREAMS 2
typedef struct product_stream {
  uintptr_t at; /* 0: nothing */
  size_t step;
  size_t apart; /* distance of the second address from the first */
} product_stream;

/* The columns of B that one tile takes. B may stand in memory in parts, one below the other. */
typedef struct product_columns {
  const float *first;            /* row 0 */
  ptrdiff_t stride;              /* of rows */
  size_t depth;                  /* rows of this part */
  struct product_columns *below; /* the next part; NULL: that was the last one */
  size_t apart;                  /* of a tile across panels: from a vector to the next */
  size_t ahead_bytes; /* how far ahead of each row to ask memory for its like; 0: nothing */
  product_stream stream;
  size_t last; /* columns of the last vector that are wanted */
} product_columns;

typedef void (*product_tile_fn)(const float *const *a, const product_columns *b, float *c,
                                ptrdiff_t c_stride);

/* One step of a chain: what a factor of A and a vector of B add to a sum. */
typedef edb_vf (*product_step)(edb_vf factor, edb_vf column, edb_vf sum);

/* Both may ask for what is beyond B. */
VF_INLINE void prefetch_ahead(const float *b, size_t ahead_bytes) {
  __builtin_prefetch((const void *)((uintptr_t)b + ahead_bytes));
}
VF_INLINE void prefetch_stream(const product_stream *s, uintptr_t at) {
  VF_UNROLL
  for (size_t i = 0; i < EDB_STREAMS; i++)
    __builtin_prefetch((const void *)(at + i * s->apart), 0, 2);
}

/* What a tile is, besides its rows and vectors. */
typedef enum product_form {
  PRODUCT_TILE,
  PRODUCT_EXACT,  /* B ends with the last column: it must be loaded with a mask */
  PRODUCT_ACROSS, /* a vector each of several panels */
  PRODUCT_PLAIN   /* asks for nothing ahead, and loads each vector of B once */
} product_form;

/* A tile's sums over one part of B. rows, vectors, form and `streams` are constants where this is
 * used, and all arrays live in registers: a loop that also asks whether there is a stream is slower
 * by a hundredth or two.
 *
 * Compilers load a vector of B anew for each row, as an operand of the multiply-add. Those that ask
 * ahead are faster so from beyond the second-level cache, those that do not are slower. */
VF_INLINE void product_tile_part(const size_t rows, const size_t vectors, const product_form form,
                                 const bool streams, product_step step, const float *const *row,
                                 const product_columns *columns, edb_vf (*sum)[VF_TILE_VECTORS]) {
  const float *b = columns->first;
  const ptrdiff_t b_stride = columns->stride;
  const size_t depth = columns->depth, last = columns->last, ahead = columns->ahead_bytes;
  const size_t apart = form == PRODUCT_ACROSS ? columns->apart : VF_LANES;
  const product_stream stream = columns->stream;
  uintptr_t at = stream.at;
  for (size_t k = 0; k < depth; k++, b += b_stride) {
    if (streams) {
      prefetch_stream(&stream, at);
      at += stream.step;
    }
    edb_vf column[VF_TILE_VECTORS];
    VF_UNROLL
    for (size_t v = 0; v < vectors; v++) {
      const float *vector = b + v * apart;
      const bool masked = form == PRODUCT_EXACT && v + 1 == vectors;
      if (form != PRODUCT_PLAIN) prefetch_ahead(vector, ahead);
      column[v] = masked ? vf_load_n(vector, last) : vf_load(vector);
      if (form == PRODUCT_PLAIN && rows > 1) VF_KEEP(column[v]);
    }
    VF_UNROLL
    for (size_t r = 0; r < rows; r++) {
      const edb_vf factor = vf_set1(row[r][k]);
      VF_UNROLL
      for (size_t v = 0; v < vectors; v++) sum[r][v] = step(factor, column[v], sum[r][v]);
    }
  }
}

/* rows, vectors and form are constants where this is used. */
VF_INLINE void product_tile(const size_t rows, const size_t vectors, const product_form form,
                            product_step step, const float *const *a,
                            const product_columns *columns, float *c, ptrdiff_t c_stride) {
  const size_t last = columns->last;
  edb_vf sum[EDB_TILE_MAX_ROWS][VF_TILE_VECTORS];
  const float *row[EDB_TILE_MAX_ROWS];
  VF_UNROLL
  for (size_t r = 0; r < rows; r++) {
    row[r] = a[r];
    VF_UNROLL
    for (size_t v = 0; v < vectors; v++) sum[r][v] = vf_set1(0.0f);
  }
  for (; columns != NULL; columns = columns->below) {
    if (form != PRODUCT_PLAIN && columns->stream.at != 0)
      product_tile_part(rows, vectors, form, true, step, row, columns, sum);
    else
      product_tile_part(rows, vectors, form, false, step, row, columns, sum);
    VF_UNROLL
    for (size_t r = 0; r < rows; r++) row[r] += columns->depth;
  }
  VF_UNROLL
  for (size_t r = 0; r < rows; r++) {
    float *out = c + (ptrdiff_t)r * c_stride;
    VF_UNROLL
    for (size_t v = 0; v + 1 < vectors; v++) vf_store(out + v * VF_LANES, sum[r][v]);
    vf_store_n(out + (vectors - 1) * VF_LANES, sum[r][vectors - 1], last);
  }
}

#define EDB_TILE(name, rows, vectors, form, step)                                                  \
  static void name##_##vectors##_##rows(const float *const *a, const product_columns *b, float *c, \
                                        ptrdiff_t c_stride) {                                      \
    product_tile(rows, vectors, form, step, a, b, c, c_stride);                                    \
  }

/* X(name, rows, vectors, form, step) for all rows of a tile of so many vectors. */
#define EDB_ROWS_4(X, n, v, e, s) \
  X(n, 1, v, e, s) X(n, 2, v, e, s) X(n, 3, v, e, s) X(n, 4, v, e, s)
#define EDB_ROWS_6(X, n, v, e, s) EDB_ROWS_4(X, n, v, e, s) X(n, 5, v, e, s) X(n, 6, v, e, s)
#define EDB_ROWS_8(X, n, v, e, s) EDB_ROWS_6(X, n, v, e, s) X(n, 7, v, e, s) X(n, 8, v, e, s)
#define EDB_ROWS_12(X, n, v, e, s) \
  EDB_ROWS_8(X, n, v, e, s)        \
  X(n, 9, v, e, s) X(n, 10, v, e, s) X(n, 11, v, e, s) X(n, 12, v, e, s)
#define EDB_ROWS_OF_(rows, X, n, v, e, s)              EDB_ROWS_##rows(X, n, v, e, s)
#define EDB_ROWS_OF(rows, X, n, v, e, s)               EDB_ROWS_OF_(rows, X, n, v, e, s)
#define EDB_TILE_NAME(name, rows, vectors, form, step) name##_##vectors##_##rows,

/* NAME[v - 1][r - 1]: the tiles of v vectors and r rows.
 * NAME_few[r - 1]: those of whole panels that ask for nothing, where panels are wide; to read
 * narrow ones so is slower in the run (AVX2, Zen 4).
 *
 * NAME_across[r - 1]: where panels are so narrow that the sums of a few rows would wait for each
 * other, tiles of r rows and several panels. */
#if VF_PANEL_VECTORS == 4
#define EDB_TILES(name, step)                                                                 \
  EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE, name, 1, PRODUCT_TILE, step)                          \
  EDB_ROWS_OF(VF_TILE_ROWS_2, EDB_TILE, name, 2, PRODUCT_TILE, step)                          \
  EDB_ROWS_OF(VF_TILE_ROWS_3, EDB_TILE, name, 3, PRODUCT_TILE, step)                          \
  EDB_ROWS_OF(VF_TILE_ROWS_4, EDB_TILE, name, 4, PRODUCT_TILE, step)                          \
  EDB_ROWS_OF(VF_TILE_ROWS_4, EDB_TILE, name##_few, 4, PRODUCT_PLAIN, step)                   \
  static const product_tile_fn name[VF_PANEL_VECTORS][EDB_TILE_MAX_ROWS] = {                  \
      {EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE_NAME, name, 1, PRODUCT_TILE, step)},              \
      {EDB_ROWS_OF(VF_TILE_ROWS_2, EDB_TILE_NAME, name, 2, PRODUCT_TILE, step)},              \
      {EDB_ROWS_OF(VF_TILE_ROWS_3, EDB_TILE_NAME, name, 3, PRODUCT_TILE, step)},              \
      {EDB_ROWS_OF(VF_TILE_ROWS_4, EDB_TILE_NAME, name, 4, PRODUCT_TILE, step)}};             \
  static const product_tile_fn name##_few[EDB_TILE_MAX_ROWS] = {                              \
      EDB_ROWS_OF(VF_TILE_ROWS_4, EDB_TILE_NAME, name##_few, 4, PRODUCT_PLAIN, step)};        \
  static const product_tiles name##_ahead = {name, (name)[VF_PANEL_VECTORS - 1], NULL, true}; \
  static const product_tiles name##_plain = {name, name##_few, NULL, false};
static const size_t tile_rows[VF_PANEL_VECTORS] = {VF_TILE_ROWS_1, VF_TILE_ROWS_2, VF_TILE_ROWS_3,
                                                   VF_TILE_ROWS_4};
#define EDB_ACROSS_ROWS 0
static const size_t across_panels[1] = {1};
#else
#define EDB_TILES(name, step)                                                     \
  EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE, name, 1, PRODUCT_TILE, step)              \
  static const product_tile_fn name[VF_PANEL_VECTORS][EDB_TILE_MAX_ROWS] = {      \
      {EDB_ROWS_OF(VF_TILE_ROWS_1, EDB_TILE_NAME, name, 1, PRODUCT_TILE, step)}}; \
  EDB_TILE(name##_across, 1, VF_ACROSS_PANELS_1, PRODUCT_ACROSS, step)            \
  EDB_TILE(name##_across, 2, VF_ACROSS_PANELS_2, PRODUCT_ACROSS, step)            \
  EDB_TILE(name##_across, 3, VF_ACROSS_PANELS_3, PRODUCT_ACROSS, step)            \
  static const product_tile_fn name##_across[] = {                                \
      EDB_TILE_NAME(name##_across, 1, VF_ACROSS_PANELS_1, , )                     \
          EDB_TILE_NAME(name##_across, 2, VF_ACROSS_PANELS_2, , )                 \
              EDB_TILE_NAME(name##_across, 3, VF_ACROSS_PANELS_3, , )};           \
  static const product_tiles name##_ahead = {name, (name)[0], name##_across, false};
static const size_t tile_rows[VF_PANEL_VECTORS] = {VF_TILE_ROWS_1};
#define EDB_ACROSS_ROWS 3
static const size_t across_panels[] = {VF_ACROSS_PANELS_1, VF_ACROSS_PANELS_2, VF_ACROSS_PANELS_3};
#endif

/* What products take their tiles from. */
typedef struct product_tiles {
  const product_tile_fn (*any)[EDB_TILE_MAX_ROWS]; /* by vectors, then rows */
  const product_tile_fn *few;                      /* the only one of a whole panel, by rows */
  const product_tile_fn *across;                   /* of several panels; NULL: none */
  bool halves; /* a little more than a tile takes each panel by halves */
} product_tiles;

/* The rows of A: by pointers, or from a first one on with a stride. */
typedef struct product_rows {
  const float *const *pointers; /* NULL: use first and stride */
  const float *first;
  ptrdiff_t stride;
  wanted_cursor *wanted; /* what to ask for before each tile; NULL: nothing */
} product_rows;

VF_INLINE const float *product_row(const product_rows *a, size_t r) {
  return a->pointers != NULL ? a->pointers[r] : a->first + (ptrdiff_t)r * a->stride;
}

VF_INLINE size_t tile_count(size_t rows, size_t most) {
  return (rows + most - 1) / most;
}

/* Parts of B bring what stands at `next` while `tiles` tiles pass over them. */
VF_INLINE void begin_stream(product_columns *b, const float *next, size_t tiles) {
  const size_t row = (size_t)b->stride * sizeof *next;
  const size_t step = (row + tiles * EDB_STREAMS - 1) / (tiles * EDB_STREAMS);
  b->stream = (product_stream){(uintptr_t)next, step, step * b->depth};
}

/* All rows against one panel. The rows are cut into tiles of nearly equal height: two tiles of four
 * rows keep the multipliers busier than one of six and one of two. */
VF_INLINE void product_panel(const product_tile_fn *tile, size_t most, size_t rows, product_rows a,
                             product_columns *b, float *c, ptrdiff_t c_stride) {
  const size_t count = tile_count(rows, most);
  const size_t height = rows / count, taller = rows % count;
  const float *pointers[EDB_TILE_MAX_ROWS];
  for (size_t i = 0, r = 0; i < count; i++) {
    const size_t h = height + (i < taller ? 1 : 0);
    const float *const *p = pointers;
    if (a.wanted != NULL) wanted_ask(a.wanted);
    if (a.pointers != NULL) {
      p = a.pointers + r;
    } else {
      for (size_t j = 0; j < h; j++) pointers[j] = product_row(&a, r + j);
    }
    tile[h - 1](p, b, c + (ptrdiff_t)r * c_stride, c_stride);
    for (product_columns *part = b; part != NULL; part = part->below)
      if (part->stream.at != 0) part->stream.at += EDB_STREAMS * part->stream.apart;
    r += h;
  }
}

/* All rows against one panel of packed columns.
 *
 * `next` is the panel after this one, or NULL: it comes from afar while several tiles pass over
 * this one, each of which asks for a part. Otherwise memory would rest until the first tile of the
 * next panel had to wait for it. A single tile must wait anyway, and is faster with nothing else to
 * ask for.
 *
 * Seven or eight rows are too many for one tile of whole panels and would make two low ones, each
 * of which waits for B: they pass once over each half of the panel instead, the first time asking
 * for both. Where tiles do not ask for what they read, two low ones wait less. */
VF_INLINE void product_packed_panel(const product_tiles *tiles, size_t vectors, size_t rows,
                                    product_rows a, product_columns b, const float *next, float *c,
                                    ptrdiff_t c_stride) {
  const size_t most = tile_rows[vectors - 1], count = tile_count(rows, most);
#if VF_PANEL_VECTORS == 4
  if (tiles->halves && vectors == 4 && (rows == 7 || rows == 8)) {
    product_columns half = b;
    half.last = VF_LANES;
    b.first += (size_t)2 * VF_LANES;
    half.stream = (product_stream){(uintptr_t)b.first + b.ahead_bytes,
                                   (size_t)b.stride * sizeof(float), VF_LANES * sizeof(float)};
    product_panel(tiles->any[1], tile_rows[1], rows, a, &half, c, c_stride);
    product_panel(tiles->any[1], tile_rows[1], rows, a, &b, c + (size_t)2 * VF_LANES, c_stride);
    return;
  }
#endif
  if (count > 1 && next != NULL) begin_stream(&b, next, count);
  const bool few = count == 1 && vectors == VF_PANEL_VECTORS;
  product_panel(few ? tiles->few : tiles->any[vectors - 1], most, rows, a, &b, c, c_stride);
}

/* Without a depth there may be no A and B at all. */
VF_INLINE void product_of_nothing(size_t rows, size_t cols, float *c, ptrdiff_t c_stride) {
  for (size_t r = 0; r < rows; r++) memset(c + (ptrdiff_t)r * c_stride, 0, cols * sizeof *c);
}

/* How far ahead of itself a tile asks for the rows of a panel. Panels lie one after another, so
 * this also brings the beginning of the next. 2 KB hide the third-level cache. A single tile waits
 * for memory all the time: it asks farther ahead where the product is so large that its weights and
 * those of others may come from beyond that cache. */
#define EDB_LEAST_AHEAD ((size_t)2048)
#define EDB_MOST_AHEAD  ((size_t)16384)
#define EDB_AHEAD_PART  256 /* of the bytes of the product */
VF_INLINE size_t bytes_ahead(size_t rows, size_t cols, size_t depth) {
  const size_t bytes = cols * depth * sizeof(float) / EDB_AHEAD_PART;
  if (rows > tile_rows[VF_PANEL_VECTORS - 1] || bytes < EDB_LEAST_AHEAD) return EDB_LEAST_AHEAD;
  return bytes < EDB_MOST_AHEAD ? bytes : EDB_MOST_AHEAD;
}

/* One tile across panels. The last rows of each panel bring the beginning of that which stands so
 * many panels after it, as those before them bring its own. */
VF_INLINE void product_across(const product_tile_fn *across, size_t panels, size_t rows,
                              product_rows a, product_columns b, float *c, ptrdiff_t c_stride) {
  const size_t row = (size_t)b.stride * sizeof(float);
  b.ahead_bytes /= panels;
  product_columns last = b;
  last.depth = b.ahead_bytes / row < b.depth ? b.ahead_bytes / row : b.depth;
  last.ahead_bytes += (panels - 1) * b.apart * sizeof(float);
  b.depth -= last.depth;
  last.first += (ptrdiff_t)b.depth * b.stride;
  b.below = &last;
  product_panel(across, rows, rows, a, b.depth > 0 ? &b : &last, c, c_stride);
}

/* Panel after panel, or some of them at a time; the last one has as many vectors as its columns
 * need. */
VF_INLINE void product_all(const product_tiles *tiles, size_t rows, size_t cols, size_t depth,
                           product_rows a, const float *packed, float *c, ptrdiff_t c_stride) {
  const size_t panel = VF_PANEL_VECTORS * (size_t)VF_LANES, ahead = bytes_ahead(rows, cols, depth);
  const size_t most = rows <= EDB_ACROSS_ROWS ? across_panels[rows - 1] : 1;
  if (depth == 0) {
    product_of_nothing(rows, cols, c, c_stride);
    return;
  }
  for (size_t j = 0, panels; j < cols; j += panels * panel) {
    panels = cols - j > (most - 1) * panel ? most : 1;
    const size_t width = cols - j < panels * panel ? cols - j : panels * panel;
    const size_t vectors = (width + VF_LANES - 1) / VF_LANES;
    product_columns b = {
        .first = packed + j * depth,
        .stride = (ptrdiff_t)(vectors / panels * VF_LANES),
        .apart = depth * panel,
        .depth = depth,
        .ahead_bytes = ahead,
        .last = width - (vectors - 1) * VF_LANES,
    };
    const float *next = j + panel < cols ? packed + (j + panel) * depth : NULL;
    if (panels > 1)
      product_across(tiles->across, panels, rows, a, b, c + j, c_stride);
    else
      product_packed_panel(tiles, vectors, rows, a, b, next, c + j, c_stride);
  }
}

#endif
