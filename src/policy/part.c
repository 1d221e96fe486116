/* policy/part.c: the nodes of one component of types, their instances, and running words on them.
 */
#include "policy/part.h"

#include <string.h>

#include "base/bitset.h"
#include "base/carve.h"
#include "policy/columns.h"

/* ---- Making -------------------------------------------------------------------------------------
 */

/* The nodes of a part in topological order, and the number of each there. */
typedef struct numbering {
  uint32_t *nodes; /* [part->n_nodes] */
  uint32_t *local; /* [n_nodes of the problem] only of nodes of the part */
} numbering;

static void number_node(const edb_problem *p, uint32_t v, numbering *n, edb_part *part) {
  n->local[v] = part->n_nodes;
  n->nodes[part->n_nodes++] = v;
  part->n_batchable += !p->unbatchable[p->type[v]];
  part->n_edges += p->in_start[v + 1] - p->in_start[v];
}

static void number_component(const edb_problem *p, uint32_t component, numbering *n,
                             edb_part *part) {
  const uint32_t *nodes;
  uint32_t count = edb_problem_nodes(p, component, &nodes);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t k = p->reversed ? count - 1 - i : i, v = nodes == NULL ? k : nodes[k];
    if (p->component[p->type[v]] == component) number_node(p, v, n, part);
  }
}

static void number_chosen(const edb_problem *p, const edb_chosen *chosen, numbering *n,
                          edb_part *part) {
  uint32_t first = chosen->first / 64, last = chosen->last / 64;
  for (uint32_t i = 0; i <= last - first; i++) {
    uint32_t w = p->reversed ? last - i : first + i;
    for (uint64_t bits = chosen->set[w]; bits != 0;) {
      uint32_t bit = (uint32_t)(p->reversed ? 63 - __builtin_clzll(bits) : __builtin_ctzll(bits));
      bits ^= UINT64_C(1) << bit;
      number_node(p, w * 64 + bit, n, part);
    }
  }
}

static size_t lay_out(edb_part *part, void *base) {
  edb_carver c = {.base = base};
  size_t n = part->n_nodes;
  EDB_CARVE(&c, part->column, n);
  EDB_CARVE(&c, part->own, n);
  EDB_CARVE(&c, part->height, n);
  EDB_CARVE(&c, part->instance, n);
  EDB_CARVE(&c, part->members, n * 2); /* the half behind is scratch of find_instances */
  EDB_CARVE(&c, part->in_start, n + 1);
  EDB_CARVE(&c, part->out_start, n + 2);
  EDB_CARVE(&c, part->instance_start, n + 1);
  EDB_CARVE(&c, part->in, part->n_edges);
  EDB_CARVE(&c, part->out, part->n_edges);
  EDB_CARVE(&c, part->type, part->n_types);
  EDB_CARVE(&c, part->unbatchable, part->n_types);
  return c.at;
}

static edb_status part_alloc(edb_context *ctx, edb_part *part, edb_error *error) {
  part->memory_bytes = lay_out(part, NULL);
  part->memory = edb_alloc(ctx, part->memory_bytes);
  if (part->memory == NULL)
    return edb_fail_memory(error, part->memory_bytes, "a component of a graph");
  (void)lay_out(part, part->memory);
  return EDB_OK;
}

/* Neighbours of the same component are of the part as well. */
static void copy_nodes(const edb_problem *p, uint32_t component, const numbering *n,
                       edb_part *part) {
  uint32_t n_edges = 0;
  memset(part->out_start, 0, ((size_t)part->n_nodes + 2) * sizeof *part->out_start);
  for (uint32_t x = 0; x < part->n_nodes; x++) {
    uint32_t v = n->nodes[x];
    part->column[x] = p->column[p->type[v]];
    part->in_start[x] = n_edges;
    for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++) {
      if (p->component[p->type[p->in[e]]] != component) continue;
      uint32_t u = n->local[p->in[e]];
      part->in[n_edges++] = u;
      part->out_start[u + 2]++;
    }
  }
  part->in_start[part->n_nodes] = part->n_edges = n_edges;
}

static void copy_own(const edb_problem *p, const numbering *n, edb_part *part) {
  for (uint32_t x = 0; x < part->n_nodes; x++) part->own[x] = p->own[n->nodes[x]];
}

/* Own of a part whose problem does not have it. `rows`: [n_nodes * n_types]. */
static void find_own(edb_part *part, uint32_t *rows) {
  size_t columns = part->n_types;
  for (uint32_t x = part->n_nodes; x-- > 0;) {
    uint32_t *row = rows + x * columns;
    memset(row, 0, columns * sizeof *row);
    for (uint32_t e = part->out_start[x]; e < part->out_start[x + 1]; e++) {
      const uint32_t *other = rows + part->out[e] * columns;
      for (size_t c = 0; c < columns; c++) row[c] = other[c] > row[c] ? other[c] : row[c];
    }
    part->own[x] = ++row[part->column[x]];
  }
}

/* out_start was counted at [u + 2] and is filled at [u + 1], so that it ends as starts. */
static void link_successors(edb_part *part) {
  uint32_t n = part->n_nodes;
  for (uint32_t u = 0; u < n; u++) part->out_start[u + 2] += part->out_start[u + 1];
  for (uint32_t x = 0; x < n; x++) {
    for (uint32_t e = part->in_start[x]; e < part->in_start[x + 1]; e++)
      part->out[part->out_start[part->in[e] + 1]++] = x;
  }
  for (uint32_t i = n; i-- > 0;) {
    uint32_t longest = 0;
    for (uint32_t e = part->out_start[i]; e < part->out_start[i + 1]; e++) {
      uint32_t below = part->height[part->out[e]];
      if (below > longest) longest = below;
    }
    part->height[i] = longest + !part->unbatchable[part->column[i]];
  }
}

static void find_instances(edb_part *part) {
  uint32_t n = part->n_nodes, *parent = part->members + n;
  for (uint32_t x = 0; x < n; x++) {
    parent[x] = x;
    uint32_t root = x;
    for (uint32_t e = part->in_start[x]; e < part->in_start[x + 1]; e++) {
      uint32_t other = edb_find_root(parent, part->in[e]);
      uint32_t low = other < root ? other : root, high = other < root ? root : other;
      parent[high] = root = low;
    }
  }
  part->n_instances = 0;
  for (uint32_t x = 0; x < n; x++) { /* a root is the lowest of its instance: numbered before */
    uint32_t root = edb_find_root(parent, x);
    part->instance[x] = root == x ? part->n_instances++ : part->instance[root];
  }
  uint32_t *start = part->instance_start;
  memset(start, 0, ((size_t)part->n_instances + 1) * sizeof *start);
  for (uint32_t x = 0; x < n; x++) start[part->instance[x] + 1]++;
  for (uint32_t i = 0; i < part->n_instances; i++) start[i + 1] += start[i];
  for (uint32_t i = 0; i < part->n_instances; i++) parent[i] = start[i];
  for (uint32_t x = 0; x < n; x++) part->members[parent[part->instance[x]]++] = x;
}

/* The part of the numbered nodes, without own. */
static edb_status fill_part(edb_context *ctx, const edb_problem *p, uint32_t component,
                            const numbering *n, edb_part *part, edb_error *error) {
  EDB_TRY(part_alloc(ctx, part, error));
  for (uint32_t c = 0; c < part->n_types; c++) {
    part->type[c] = p->by_rank[p->first_rank[component] + c];
    part->unbatchable[c] = p->unbatchable[part->type[c]];
  }
  copy_nodes(p, component, n, part);
  link_successors(part);
  find_instances(part);
  return EDB_OK;
}

edb_status edb_part_init_chosen(edb_context *ctx, const edb_problem *problem, uint32_t component,
                                const edb_chosen *chosen, edb_part *out, edb_error *error) {
  edb_problem turned = *problem;
  edb_part part = {.n_types = problem->component_size[component]};
  size_t n_nodes = problem->n_nodes, bytes = n_nodes * 2 * sizeof(uint32_t);
  turned.reversed = !problem->reversed;
  turned.in_start = problem->out_start;
  turned.in = problem->out;
  numbering n = {.nodes = edb_alloc(ctx, bytes)};
  if (n.nodes == NULL) return edb_fail_memory(error, bytes, "the nodes of a component");
  n.local = n.nodes + n_nodes;
  number_chosen(&turned, chosen, &n, &part);
  edb_status status = fill_part(ctx, &turned, component, &n, &part, error);
  edb_free(ctx, n.nodes, bytes);
  if (status != EDB_OK) return status;
  bytes = (size_t)part.n_nodes * part.n_types * sizeof(uint32_t);
  uint32_t *rows = edb_alloc(ctx, bytes);
  if (rows == NULL) {
    edb_part_free(ctx, &part);
    return edb_fail_memory(error, bytes, "the path lengths of a component");
  }
  find_own(&part, rows);
  edb_free(ctx, rows, bytes);
  *out = part;
  return EDB_OK;
}

edb_status edb_part_init(edb_context *ctx, const edb_problem *problem, uint32_t component,
                         edb_part *out, edb_error *error) {
  edb_part part = {.n_types = problem->component_size[component]};
  size_t n_nodes = problem->n_nodes, bytes = n_nodes * 2 * sizeof(uint32_t);
  numbering n = {.nodes = edb_alloc(ctx, bytes)};
  if (n.nodes == NULL) return edb_fail_memory(error, bytes, "the nodes of a component");
  n.local = n.nodes + n_nodes;
  number_component(problem, component, &n, &part);
  edb_status status = fill_part(ctx, problem, component, &n, &part, error);
  if (status == EDB_OK) {
    copy_own(problem, &n, &part);
    *out = part;
  }
  edb_free(ctx, n.nodes, bytes);
  return status;
}

void edb_part_free(edb_context *ctx, edb_part *part) {
  edb_free(ctx, part->memory, part->memory_bytes);
  part->memory = NULL;
  part->memory_bytes = 0;
}

/* ---- Running words ------------------------------------------------------------------------------
 */

edb_status edb_runner_init(edb_context *ctx, const edb_part *part, edb_runner *out,
                           edb_error *error) {
  size_t n = part->n_nodes, types = part->n_types;
  edb_runner r = {.memory_bytes = (n * 2 + types * 3) * sizeof(uint32_t)};
  r.memory = edb_alloc(ctx, r.memory_bytes);
  if (r.memory == NULL) return edb_fail_memory(error, r.memory_bytes, "running a word");
  r.pending = r.memory;
  r.ready = r.pending + n;
  r.ready_start = r.ready + n;
  r.ready_count = r.ready_start + types;
  r.first = r.ready_count + types;
  memset(r.first, 0, types * sizeof *r.first);
  for (uint32_t x = 0; x < n; x++) r.first[part->column[x]]++;
  uint32_t start = 0;
  for (uint32_t c = 0; c < types; c++) {
    uint32_t count = r.first[c];
    r.first[c] = start;
    start += count;
  }
  *out = r;
  return EDB_OK;
}

void edb_runner_free(edb_context *ctx, edb_runner *runner) {
  edb_free(ctx, runner->memory, runner->memory_bytes);
  runner->memory = NULL;
  runner->memory_bytes = 0;
}

/* Runs what is ready of a column; its nodes stay where they are, the segment moves on. */
static void run_column(edb_runner *r, const edb_part *part, bool backwards, uint32_t column) {
  const uint32_t *next_start = backwards ? part->in_start : part->out_start;
  const uint32_t *next = backwards ? part->in : part->out;
  const uint32_t *batch = r->ready + r->ready_start[column];
  uint32_t count = r->ready_count[column];
  r->ready_start[column] += count;
  r->ready_count[column] = 0;
  r->n_done += count;
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t e = next_start[batch[i]]; e < next_start[batch[i] + 1]; e++) {
      uint32_t u = next[e], c = part->column[u];
      if (--r->pending[u] == 0) r->ready[r->ready_start[c] + r->ready_count[c]++] = u;
    }
  }
}

static void run_unbatchable(edb_runner *r, const edb_part *part, bool backwards) {
  if (part->n_batchable == part->n_nodes) return;
  for (bool any = true; any;) {
    any = false;
    for (uint32_t c = 0; c < part->n_types; c++) {
      if (!part->unbatchable[c] || r->ready_count[c] == 0) continue;
      run_column(r, part, backwards, c);
      any = true;
    }
  }
}

void edb_runner_run(edb_runner *r, const edb_part *part, bool backwards, edb_word *word) {
  const uint32_t *start = backwards ? part->out_start : part->in_start;
  r->n_done = 0;
  memcpy(r->ready_start, r->first, part->n_types * sizeof *r->first);
  memset(r->ready_count, 0, part->n_types * sizeof *r->ready_count);
  for (uint32_t x = 0; x < part->n_nodes; x++) {
    uint32_t c = part->column[x];
    r->pending[x] = start[x + 1] - start[x];
    if (r->pending[x] == 0) r->ready[r->ready_start[c] + r->ready_count[c]++] = x;
  }
  run_unbatchable(r, part, backwards);
  uint32_t kept = 0, length = word->length, *letters = word->letters;
  for (uint32_t i = 0; i < length; i++) {
    uint32_t column = letters[backwards ? length - 1 - i : i];
    if (r->ready_count[column] == 0) continue;
    letters[backwards ? length - 1 - kept : kept] = column;
    kept++;
    run_column(r, part, backwards, column);
    run_unbatchable(r, part, backwards);
  }
  if (backwards) memmove(letters, letters + (length - kept), kept * sizeof *letters);
  word->length = kept;
}

void edb_runner_finish(edb_runner *r, const edb_part *part, edb_word *word) {
  while (r->n_done < part->n_nodes) {
    uint32_t best = EDB_TYPE_NONE, best_height = 0;
    for (uint32_t c = 0; c < part->n_types; c++) {
      const uint32_t *ready = r->ready + r->ready_start[c];
      for (uint32_t i = 0; i < r->ready_count[c]; i++) {
        if (part->height[ready[i]] <= best_height) continue;
        best = c;
        best_height = part->height[ready[i]];
      }
    }
    word->letters[word->length++] = best;
    run_column(r, part, false, best);
    run_unbatchable(r, part, false);
  }
}

static bool is_among(const uint32_t *members, uint32_t n_members, uint32_t instance) {
  for (uint32_t i = 0; i < n_members; i++) {
    if (members[i] == instance) return true;
  }
  return false;
}

uint32_t edb_runner_unfinished(const edb_runner *r, const edb_part *part, const uint32_t *members,
                               uint32_t n_members) {
  uint32_t best = UINT32_MAX, height = 0;
  for (uint32_t c = 0; c < part->n_types; c++) {
    const uint32_t *ready = r->ready + r->ready_start[c];
    for (uint32_t k = 0; k < r->ready_count[c]; k++) {
      uint32_t x = ready[k], instance = part->instance[x];
      if (part->height[x] <= height || is_among(members, n_members, instance)) continue;
      best = instance;
      height = part->height[x];
    }
  }
  return best;
}
