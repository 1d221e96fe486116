/* policy/problem.c: what never changes while a dag is scheduled: edges both ways, components of
 * types, own-type path lengths, the lower bound. */
#include "base/bitset.h"
#include "base/carve.h"
#include "policy/columns.h"
#include "policy/components.h"
#include "policy/state.h"

#include <string.h>

/* ---- Types and edges --------------------------------------------------------------------------
 */

/* The arrays of a problem while they are being filled; all lie in one block. */
typedef struct arrays {
  uint32_t *type, *in_start, *in, *out_start, *out, *own, *height;
  uint32_t *original_type, *type_count, *max_own, *own_start, *component, *column, *component_size;
  uint32_t *rank, *by_rank, *first_rank;
  uint32_t *own_count;
  uint8_t *unbatchable;
} arrays;

static uint32_t dag_edges(const edb_dag *dag) {
  return dag->n_nodes == 0 ? 0 : dag->in_start[dag->n_nodes] - dag->in_start[0];
}

/* With room for at most `types` types. */
static size_t lay_out(arrays *a, size_t nodes, size_t edges, size_t types, void *base) {
  edb_carver c = {.base = base};
  EDB_CARVE(&c, a->type, nodes);
  EDB_CARVE(&c, a->in_start, nodes + 2);
  EDB_CARVE(&c, a->in, edges);
  EDB_CARVE(&c, a->out_start, nodes + 2);
  EDB_CARVE(&c, a->out, edges);
  EDB_CARVE(&c, a->own, nodes);
  EDB_CARVE(&c, a->height, nodes);
  EDB_CARVE(&c, a->original_type, types);
  EDB_CARVE(&c, a->type_count, types);
  EDB_CARVE(&c, a->max_own, types);
  EDB_CARVE(&c, a->own_start, types);
  EDB_CARVE(&c, a->component, types);
  EDB_CARVE(&c, a->column, types);
  EDB_CARVE(&c, a->component_size, types);
  EDB_CARVE(&c, a->rank, types);
  EDB_CARVE(&c, a->by_rank, types);
  EDB_CARVE(&c, a->first_rank, types + 1);
  EDB_CARVE(&c, a->own_count, nodes + types);
  EDB_CARVE(&c, a->unbatchable, types);
  return c.at;
}

/* What the reverse does not share. */
static size_t lay_out_reverse(arrays *a, const edb_problem *p, void *base) {
  edb_carver c = {.base = base};
  EDB_CARVE(&c, a->own, p->n_nodes);
  EDB_CARVE(&c, a->height, p->n_nodes);
  EDB_CARVE(&c, a->max_own, p->n_types);
  EDB_CARVE(&c, a->own_start, p->n_types);
  EDB_CARVE(&c, a->own_count, p->own_count_length);
  EDB_CARVE(&c, a->component, p->n_types);
  EDB_CARVE(&c, a->component_size, p->n_components);
  EDB_CARVE(&c, a->rank, p->n_types);
  EDB_CARVE(&c, a->by_rank, p->n_types);
  EDB_CARVE(&c, a->first_rank, (size_t)p->n_components + 1);
  return c.at;
}

/* The number of a type, new when it appears. */
static inline uint32_t renumber(uint32_t original, uint32_t *number, uint32_t *n_types,
                                const edb_dag *dag, arrays *a) {
  EDB_ASSERT(original < dag->n_types);
  uint32_t t = number[original];
  if (t != EDB_TYPE_NONE) return t;
  t = number[original] = (*n_types)++;
  a->original_type[t] = original;
  a->unbatchable[t] = dag->unbatchable != NULL && dag->unbatchable[original];
  return t;
}

/* Whether edge e, not the first of the edges from `start` on, takes what one before it takes: the
 * one right before, or that half of all edges before it. Cells with states take most inputs twice,
 * as h c or as h1 h2 .. c1 c2 ... */
static inline bool is_repeated(const uint32_t *in_node, uint32_t start, uint32_t half, uint32_t e) {
  uint32_t far = e - start >= half ? e - half : e - 1;
  return (in_node[e] == in_node[e - 1]) | (in_node[e] == in_node[far]);
}

/* Types and inputs. Those that are done are left out, as are most that a node takes twice. With
 * `takes`, the sets of types that a type takes, if there are no more than 64. out_start counts at
 * [u + 2]. `number`: [dag->n_types], all EDB_TYPE_NONE. */
static inline __attribute__((always_inline)) void
link_inputs(const edb_dag *dag, uint32_t *number, edb_problem *p, arrays *a, uint64_t *takes) {
  const uint32_t *in_node = dag->in_node, *in_start = dag->in_start, origin = dag->origin;
  uint32_t *restrict in = a->in, *restrict type = a->type, *restrict takers = a->out_start + 2;
  uint32_t n_edges = 0, n_types = 0, n = dag->n_nodes;
  memset(a->out_start, 0, ((size_t)n + 2) * sizeof *a->out_start);
  for (uint32_t v = 0; v < n; v++) {
    uint32_t t = renumber(dag->type[v], number, &n_types, dag, a);
    uint64_t taken = 0;
    type[v] = t;
    a->in_start[v] = n_edges;
    uint32_t start = in_start[v], end = in_start[v + 1], half = (end - start) / 2;
    for (uint32_t e = start; e < end; e++) {
      if (in_node[e] < origin) continue;
      uint32_t u = in_node[e] - origin;
      uint32_t is_new = e == start || !is_repeated(in_node, start, half, e);
      EDB_ASSERT(u < v);
      in[n_edges] = u;
      n_edges += is_new;
      takers[u] += is_new;
      if (takes != NULL) taken |= UINT64_C(1) << type[u];
    }
    if (takes != NULL) takes[t] |= taken;
  }
  a->in_start[n] = n_edges;
  p->n_edges = n_edges;
  p->n_types = n_types;
}

/* out_start is filled at [u + 1], so that it ends as starts without a second array. */
static void link_outputs(uint32_t n, arrays *a) {
  const uint32_t *in_start = a->in_start, *in = a->in;
  uint32_t *restrict end = a->out_start + 1, *restrict out = a->out, sum = 0;
  for (uint32_t u = 0; u <= n; u++) end[u] = sum += end[u];
  for (uint32_t v = 0, e = 0; v < n; v++) {
    for (; e < in_start[v + 1]; e++) out[end[in[e]]++] = v;
  }
}

/* ---- Components of types ----------------------------------------------------------------------
 */

#define FEW_TYPES 64 /* a set of them is a word */

/* `takes`: by type, unless there are more than a few. */
static void fill_adjacency(const edb_problem *p, const uint64_t *takes, uint64_t *adjacency) {
  size_t words = EDB_BITSET_WORDS(p->n_types);
  memset(adjacency, 0, p->n_types * words * sizeof *adjacency);
  for (uint32_t t = 0; takes != NULL && t < p->n_types; t++) {
    for (uint64_t left = takes[t]; left != 0; left &= left - 1)
      edb_bitset_add(adjacency + (size_t)__builtin_ctzll(left) * words, t);
  }
  for (uint32_t v = 0; takes == NULL && v < p->n_nodes; v++) {
    uint32_t t = p->type[v];
    for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++)
      edb_bitset_add(adjacency + p->type[p->in[e]] * words, t);
  }
}

static edb_status find_components(edb_problem *p, arrays *a, const uint64_t *takes,
                                  edb_error *error) {
  if (p->n_types > EDB_COMPONENT_TYPES) {
    for (uint32_t t = 0; t < p->n_types; t++) {
      a->component[t] = 0;
      a->column[t] = t;
    }
    a->component_size[0] = p->n_types;
    p->n_components = 1;
    return EDB_OK;
  }
  size_t matrix = p->n_types * EDB_BITSET_WORDS(p->n_types) * sizeof(uint64_t);
  size_t bytes = matrix + edb_components_scratch(p->n_types) * sizeof(uint32_t);
  uint64_t *scratch = edb_alloc(p->ctx, bytes);
  if (scratch == NULL) return edb_fail_memory(error, bytes, "the components of a graph's types");
  fill_adjacency(p, takes, scratch);
  p->n_components =
      edb_components_find(scratch, p->n_types, (uint32_t *)(void *)((char *)scratch + matrix),
                          a->component, a->column, a->component_size);
  edb_free(p->ctx, scratch, bytes);
  return EDB_OK;
}

/* The order of the types by component. Columns ascend with the types. */
static void rank_types(const edb_problem *p, arrays *a) {
  a->first_rank[0] = 0;
  for (uint32_t c = 0; c < p->n_components; c++)
    a->first_rank[c + 1] = a->first_rank[c] + a->component_size[c];
  for (uint32_t t = 0; t < p->n_types; t++) {
    a->rank[t] = a->first_rank[a->component[t]] + p->column[t];
    a->by_rank[a->rank[t]] = t;
  }
}

/* The nodes by component, where whoever looks at one component after the other would go through all
 * nodes several times. */
static edb_status list_members(edb_problem *p, edb_error *error) {
  uint32_t several = 0;
  for (uint32_t c = 0; c < p->n_components; c++) several += p->component_size[c] > 1;
  if (several < 2) return EDB_OK;
  size_t bytes = ((size_t)p->n_nodes + p->n_components + 2) * sizeof(uint32_t);
  uint32_t *start = edb_alloc(p->ctx, bytes);
  if (start == NULL) return edb_fail_memory(error, bytes, "the nodes of a graph by component");
  uint32_t *members = start + p->n_components + 2; /* start is filled at [c + 1], see out_start */
  memset(start, 0, ((size_t)p->n_components + 2) * sizeof *start);
  for (uint32_t v = 0; v < p->n_nodes; v++) start[p->component[p->type[v]] + 2]++;
  for (uint32_t c = 0; c < p->n_components; c++) start[c + 2] += start[c + 1];
  for (uint32_t v = 0; v < p->n_nodes; v++) members[start[p->component[p->type[v]] + 1]++] = v;
  p->member_start = start;
  p->members = members;
  p->members_bytes = bytes;
  return EDB_OK;
}

/* Types, edges and components. */
static edb_status link_nodes(edb_problem *p, const edb_dag *dag, arrays *a, edb_error *error) {
  uint64_t takes[FEW_TYPES] = {0};
  bool few = dag->n_types <= FEW_TYPES;
  size_t bytes = dag->n_types * sizeof(uint32_t);
  uint32_t *number = edb_alloc(p->ctx, bytes);
  if (number == NULL) return edb_fail_memory(error, bytes, "the numbers of a graph's types");
  memset(number, 0xff, bytes);
  if (few)
    link_inputs(dag, number, p, a, takes);
  else
    link_inputs(dag, number, p, a, NULL);
  edb_free(p->ctx, number, bytes);
  link_outputs(p->n_nodes, a);
  EDB_TRY(find_components(p, a, few ? takes : NULL, error));
  rank_types(p, a);
  return list_members(p, error);
}

/* ---- own: nodes of v's type on the longest path starting at v -----------------------------------
 */

/* Four columns of a row. A vector type, because a row whose elements are stored one by one would
 * stall the load of the whole that follows. */
typedef int32_t lanes __attribute__((vector_size(16)));

static inline lanes larger(lanes a, lanes b) {
  lanes more = a > b;
  return (a & more) | (b & ~more);
}

static inline void set_own(const edb_problem *p, arrays *a, uint32_t v, uint32_t own) {
  uint32_t *max = &a->max_own[p->type[v]];
  a->own[v] = own;
  if (own > *max) *max = own;
}

/* One sweep from the sinks for 4 * `width` columns of every component: rows[v * width ...] has the
 * largest number of nodes of each column from `first` on, of v's component, on a path starting at
 * v. Inlined with a constant width. With `height`, the last column, which no type has, counts the
 * batchable nodes of all types. `columns`: of nodes; NULL: those of their types. */
static inline __attribute__((always_inline)) void own_sweep(const edb_problem *p, uint32_t first,
                                                            const uint32_t *columns, lanes *rows,
                                                            arrays *a, uint32_t *height,
                                                            const uint32_t width) {
  static const lanes unit[4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
  const lanes none = {0, 0, 0, 0};
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? i : p->n_nodes - 1 - i;
    uint32_t type = p->type[v], component = p->component[type];
    lanes row[4] = {{0}}, *to = rows + (size_t)v * width;
    for (uint32_t e = p->out_start[v]; e < p->out_start[v + 1]; e++) {
      uint32_t u = p->out[e];
      if (p->component[p->type[u]] != component) continue;
      const lanes *other = rows + (size_t)u * width;
      for (uint32_t c = 0; c < width; c++) row[c] = larger(row[c], other[c]);
    }
    uint32_t column = (columns != NULL ? columns[v] : p->column[type]) - first;
    if (height != NULL) row[width - 1] += p->unbatchable[type] ? none : unit[3];
    for (uint32_t c = 0; c < width; c++)
      to[c] = column / 4 == c ? row[c] + unit[column % 4] : row[c];
    if (column < width * 4) set_own(p, a, v, (uint32_t)to[column / 4][column % 4]);
    if (height != NULL) height[v] = (uint32_t)to[width - 1][3];
  }
}

/* The same for 64 columns at once, where there are so many that no type has more nodes than a byte
 * can count. */
typedef int8_t octets __attribute__((vector_size(16)));
#define MOST_IN_BYTES    INT8_MAX
#define COLUMNS_IN_BYTES 64
#define ROW_BYTES        64

static void own_sweep_bytes(const edb_problem *p, uint32_t first, const uint32_t *columns,
                            octets *rows, arrays *a) {
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? i : p->n_nodes - 1 - i;
    uint32_t type = p->type[v], component = p->component[type], column = columns[v] - first;
    octets row[4] = {{0}}, *to = rows + (size_t)v * 4;
    for (uint32_t e = p->out_start[v]; e < p->out_start[v + 1]; e++) {
      uint32_t u = p->out[e];
      if (p->component[p->type[u]] != component) continue;
      const octets *other = rows + (size_t)u * 4;
      for (uint32_t c = 0; c < 4; c++) {
        octets more = row[c] > other[c];
        row[c] = (row[c] & more) | (other[c] & ~more);
      }
    }
    memcpy(to, row, sizeof row);
    if (column >= COLUMNS_IN_BYTES) continue;
    int8_t *mine = (int8_t *)to + column;
    *mine += 1;
    set_own(p, a, v, (uint32_t)*mine);
  }
}

/* Components of one type need no rows beside own itself. */
static void own_single(const edb_problem *p, arrays *a) {
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? i : p->n_nodes - 1 - i;
    uint32_t longest = 0;
    for (uint32_t e = p->out_start[v]; e < p->out_start[v + 1]; e++) {
      uint32_t u = p->out[e];
      if (p->type[u] == p->type[v] && a->own[u] > longest) longest = a->own[u];
    }
    set_own(p, a, v, longest + 1);
  }
}

/* Types of the largest component. */
static uint32_t find_widest(const edb_problem *p) {
  uint32_t widest = 0;
  for (uint32_t c = 0; c < p->n_components; c++) {
    if (p->component_size[c] > widest) widest = p->component_size[c];
  }
  return widest;
}

bool edb_problem_has_choices(const edb_problem *problem) {
  return find_widest(problem) > 1;
}

/* Components of many types: as many sweeps as the instance with most columns needs. */
static edb_status sweep_columns(edb_problem *p, arrays *a, edb_error *error) {
  edb_columns columns;
  EDB_TRY(edb_columns_init(p->ctx, p, &columns, error));
  size_t bytes = (size_t)p->n_nodes * ROW_BYTES;
  lanes *rows = edb_alloc(p->ctx, bytes);
  edb_status status = EDB_OK;
  if (rows == NULL) status = edb_fail_memory(error, bytes, "the path lengths of a graph");
  uint32_t widest = status == EDB_OK ? columns.widest : 0, step = ROW_BYTES / sizeof(int32_t);
  bool in_bytes = widest > step && columns.most <= MOST_IN_BYTES;
  for (uint32_t v = 0; v < p->n_nodes; v++) set_own(p, a, v, 1);
  if (in_bytes) step = COLUMNS_IN_BYTES;
  p->height = status == EDB_OK && widest < step && !in_bytes ? a->height : NULL;
  for (uint32_t first = 0; first < widest || (first == 0 && p->height != NULL); first += step) {
    if (in_bytes)
      own_sweep_bytes(p, first, columns.column, (octets *)rows, a);
    else
      own_sweep(p, first, columns.column, rows, a, p->height != NULL ? a->height : NULL, 4);
  }
  edb_free(p->ctx, rows, bytes);
  edb_columns_free(p->ctx, &columns);
  return status;
}

/* Own of all nodes, and where a row has a column to spare, their heights. */
static edb_status sweep_own(edb_problem *p, arrays *a, edb_error *error) {
  uint32_t widest = find_widest(p);
  p->height = NULL;
  memset(a->max_own, 0, p->n_types * sizeof *a->max_own);
  if (widest <= 1) {
    own_single(p, a);
    return EDB_OK;
  }
  if (widest > 16) return sweep_columns(p, a, error);
  uint32_t width = widest <= 4 ? 1 : widest <= 8 ? 2 : 4;
  size_t bytes = (size_t)p->n_nodes * width * sizeof(lanes);
  lanes *rows = edb_alloc(p->ctx, bytes);
  if (rows == NULL) return edb_fail_memory(error, bytes, "the path lengths of a graph");
  uint32_t *spare = widest < width * 4 ? a->height : NULL;
  p->height = spare;
  if (width == 1) own_sweep(p, 0, NULL, rows, a, spare, 1);
  if (width == 2) own_sweep(p, 0, NULL, rows, a, spare, 2);
  if (width == 4) own_sweep(p, 0, NULL, rows, a, spare, 4);
  edb_free(p->ctx, rows, bytes);
  return EDB_OK;
}

void edb_problem_heights(const edb_problem *p, uint32_t *height) {
  for (uint32_t i = 0; i < p->n_nodes; i++) {
    uint32_t v = p->reversed ? i : p->n_nodes - 1 - i, type = p->type[v];
    uint32_t component = p->component[type], longest = 0;
    for (uint32_t e = p->out_start[v]; e < p->out_start[v + 1]; e++) {
      uint32_t u = p->out[e];
      if (height[u] > longest && p->component[p->type[u]] == component) longest = height[u];
    }
    height[v] = longest + !p->unbatchable[type];
  }
}

/* How often each own stands among the nodes of each type. */
static void count_own(edb_problem *p, arrays *a) {
  uint32_t length = 0;
  for (uint32_t t = 0; t < p->n_types; t++) {
    a->own_start[t] = length;
    length += a->max_own[t] + 1;
  }
  p->own_count_length = length;
  memset(a->own_count, 0, length * sizeof *a->own_count);
  for (uint32_t v = 0; v < p->n_nodes; v++) a->own_count[a->own_start[p->type[v]] + p->own[v]]++;
}

/* A count of its own while the types are read would wait for its last value at each node. */
static void count_types(const edb_problem *p, arrays *a) {
  for (uint32_t t = 0; t < p->n_types; t++) {
    a->type_count[t] = 0;
    for (uint32_t h = 1; h <= p->max_own[t]; h++)
      a->type_count[t] += p->own_count[p->own_start[t] + h];
  }
}

/* Own of all nodes, its histogram for each type, and the lower bound. */
static edb_status find_own(edb_problem *p, arrays *a, edb_error *error) {
  EDB_TRY(sweep_own(p, a, error));
  count_own(p, a);
  if (a->type_count != NULL) count_types(p, a); /* which the reverse shares */
  p->bound = 0;
  for (uint32_t t = 0; t < p->n_types; t++)
    p->bound += p->unbatchable[t] ? p->type_count[t] : p->max_own[t];
  return EDB_OK;
}

/* ---- Making and freeing -------------------------------------------------------------------------
 */

static void publish(edb_problem *p, const arrays *a) {
  p->type = a->type;
  p->original_type = a->original_type;
  p->type_count = a->type_count;
  p->unbatchable = a->unbatchable;
  p->in_start = a->in_start;
  p->in = a->in;
  p->out_start = a->out_start;
  p->out = a->out;
  p->own = a->own;
  p->max_own = a->max_own;
  p->own_start = a->own_start;
  p->own_count = a->own_count;
  p->component = a->component;
  p->column = a->column;
  p->component_size = a->component_size;
  p->rank = a->rank;
  p->by_rank = a->by_rank;
  p->first_rank = a->first_rank;
}

edb_status edb_problem_init(edb_context *ctx, const edb_dag *dag, edb_problem *out,
                            edb_error *error) {
  edb_problem p = {.ctx = ctx, .n_nodes = dag->n_nodes};
  uint32_t most_types = dag->n_types < dag->n_nodes ? dag->n_types : dag->n_nodes;
  arrays a;
  p.memory_bytes = lay_out(&a, dag->n_nodes, dag_edges(dag), most_types, NULL);
  p.memory = edb_alloc(ctx, p.memory_bytes);
  if (p.memory == NULL) return edb_fail_memory(error, p.memory_bytes, "a scheduling problem");
  edb_status status = EDB_OK;
  (void)lay_out(&a, dag->n_nodes, dag_edges(dag), most_types, p.memory);
  publish(&p, &a);
  a.in_start[0] = a.out_start[0] = 0;
  if (dag->n_nodes > 0) {
    EDB_TRY_GOTO(status, link_nodes(&p, dag, &a, error), cleanup);
    EDB_TRY_GOTO(status, find_own(&p, &a, error), cleanup);
  }
  *out = p;
  return EDB_OK;
cleanup:
  edb_problem_free(&p);
  return status;
}

edb_status edb_problem_init_reverse(edb_context *ctx, const edb_problem *problem, edb_problem *out,
                                    edb_error *error) {
  edb_problem p = *problem;
  arrays a = {0};
  p.ctx = ctx;
  p.reversed = !problem->reversed;
  p.in_start = problem->out_start;
  p.in = problem->out;
  p.out_start = problem->in_start;
  p.out = problem->in;
  p.members_bytes = 0; /* the problem's */
  p.memory_bytes = lay_out_reverse(&a, problem, NULL);
  p.memory = edb_alloc(ctx, p.memory_bytes);
  if (p.memory == NULL) return edb_fail_memory(error, p.memory_bytes, "a reversed problem");
  (void)lay_out_reverse(&a, problem, p.memory);
  for (uint32_t t = 0; t < p.n_types; t++)
    a.component[t] = p.n_components - 1 - problem->component[t];
  for (uint32_t c = 0; c < p.n_components; c++)
    a.component_size[c] = problem->component_size[p.n_components - 1 - c];
  p.own = a.own;
  p.max_own = a.max_own;
  p.own_start = a.own_start;
  p.own_count = a.own_count;
  p.component = a.component;
  p.component_size = a.component_size;
  p.rank = a.rank;
  p.by_rank = a.by_rank;
  p.first_rank = a.first_rank;
  rank_types(&p, &a);
  edb_status status = find_own(&p, &a, error);
  if (status != EDB_OK) {
    edb_problem_free(&p);
    return status;
  }
  EDB_ASSERT(p.bound == problem->bound);
  *out = p;
  return EDB_OK;
}

void edb_problem_free(edb_problem *problem) {
  if (problem->members_bytes > 0)
    edb_free(problem->ctx, (uint32_t *)problem->member_start, problem->members_bytes);
  problem->members_bytes = 0;
  edb_free(problem->ctx, problem->memory, problem->memory_bytes);
  problem->memory = NULL;
  problem->memory_bytes = 0;
}
