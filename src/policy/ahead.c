/* policy/ahead.c: see ahead.h. */
#include "policy/ahead.h"

#include <string.h>

#include "base/bitset.h"
#include "policy/beam.h"

#define INSTANCES      4 /* looked at; of a large graph one per so many nodes, up to MOST */
#define PER_NODES      2000
#define MOST_INSTANCES 16
#define MORE           2 /* of a second look */
#define WIDTH          4
#define MAX_COLUMNS    8    /* of a component: more have too many states */
#define MAX_MEMBERS    4096 /* nodes of an instance: larger ones have states too large to keep */
#define SOFT           0.1
#define BOUND_WEIGHT   0.05
#define SLACK          0.9
#define NEAR           10     /* paths that are so much shorter than the longest hardly decide */
#define NEAR_EACH      2      /* more such paths per instance looked at: not few decide */
#define WORK_PER_NODE  40     /* about nanoseconds of a search, per node of the graph */
#define WORK_FLOOR     250000 /* a small graph may take that in all */
#define BYTES_PER_NODE 256
#define BYTES_FLOOR    (1u << 20)

/* ---- Which instances ----------------------------------------------------------------------------
 */

/* The nodes of the instances of a component that were chosen so far. */
typedef struct choice {
  const edb_problem *p;
  const uint32_t *height;
  uint32_t component, tallest; /* longest path of the component */
  const uint32_t *nodes;       /* [n_nodes] edb_problem_nodes */
  uint32_t n_nodes;
  edb_chosen chosen;
  uint32_t *members, n_members; /* [nodes of the problem] what is chosen */
  uint32_t *sources; /* [n_nodes] nodes without inputs in the component, with paths that may matter
                      */
  uint32_t n_sources, n_instances, wanted;
} choice;

static inline uint32_t nth_node(const choice *c, uint32_t i) {
  return c->nodes == NULL ? i : c->nodes[i];
}

static bool has_inputs(const edb_problem *p, uint32_t v) {
  uint32_t component = p->component[p->type[v]];
  for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++) {
    if (p->component[p->type[p->in[e]]] == component) return true;
  }
  return false;
}

static void choose_node(choice *c, uint32_t v) {
  edb_chosen *chosen = &c->chosen;
  if (edb_bitset_has(chosen->set, v)) return;
  edb_bitset_add(chosen->set, v);
  if (v < chosen->first) chosen->first = v;
  if (v > chosen->last) chosen->last = v;
  c->members[c->n_members++] = v;
}

static void choose_neighbours(choice *c, const uint32_t *nodes, uint32_t n_nodes) {
  const edb_problem *p = c->p;
  for (uint32_t i = 0; i < n_nodes; i++)
    if (p->component[p->type[nodes[i]]] == c->component) choose_node(c, nodes[i]);
}

/* The instance of a node. False: it is too large. */
static bool choose_instance(choice *c, uint32_t node) {
  const edb_problem *p = c->p;
  uint32_t begin = c->n_members;
  if (edb_bitset_has(c->chosen.set, node)) return true;
  choose_node(c, node);
  for (uint32_t i = begin; i < c->n_members && c->n_members - begin <= MAX_MEMBERS; i++) {
    uint32_t v = c->members[i], in = p->in_start[v], out = p->out_start[v];
    choose_neighbours(c, p->in + in, p->in_start[v + 1] - in);
    choose_neighbours(c, p->out + out, p->out_start[v + 1] - out);
  }
  c->n_instances++;
  return c->n_members - begin <= MAX_MEMBERS;
}

/* The source of the longest path among instances not chosen yet. Every instance has a source on its
 * longest path. */
static uint32_t longest_source(const choice *c) {
  uint32_t best = EDB_TYPE_NONE;
  for (uint32_t i = 0; i < c->n_sources; i++) {
    uint32_t v = c->sources[i];
    if (edb_bitset_has(c->chosen.set, v)) continue;
    if (best == EDB_TYPE_NONE || c->height[v] > c->height[best]) best = v;
  }
  return best;
}

/* For each type of the component a node with the longest path of that; and the tallest of all. */
static void find_longest(choice *c, uint32_t *longest) {
  const edb_problem *p = c->p;
  uint32_t tallest = 0;
  for (uint32_t i = 0; i < c->n_nodes; i++) {
    uint32_t v = nth_node(c, i), t = p->type[v];
    if (p->component[t] != c->component) continue;
    if (p->own[v] == p->max_own[t]) longest[p->column[t]] = v;
    tallest = c->height[v] > tallest ? c->height[v] : tallest;
  }
  c->tallest = tallest;
}

/* Instances of less than a half of the longest path decide nothing. */
static void find_sources(choice *c) {
  const edb_problem *p = c->p;
  for (uint32_t i = 0; i < c->n_nodes; i++) {
    uint32_t v = nth_node(c, i);
    if (c->height[v] <= c->tallest / 2 || p->component[p->type[v]] != c->component) continue;
    if (!has_inputs(p, v)) c->sources[c->n_sources++] = v;
  }
}

/* Whether few decide; then all that have such a path are wanted. */
static bool are_few(choice *c) {
  uint32_t near = 0;
  for (uint32_t i = 0; i < c->n_sources; i++) near += c->height[c->sources[i]] + NEAR >= c->tallest;
  if (near > NEAR_EACH * c->wanted) return false;
  uint32_t most = c->wanted + c->wanted / 2;
  c->wanted = near < INSTANCES ? INSTANCES : near < most ? near : most;
  return true;
}

/* The longest path of all, then the longest of each type, then the next longest of all. False: few
 * do not decide, or there is a too large one. */
static bool choose_longest(choice *c) {
  uint32_t longest[MAX_COLUMNS] = {0}, columns = c->p->component_size[c->component];
  find_longest(c, longest);
  find_sources(c);
  if (!are_few(c)) return false;
  uint32_t next = longest_source(c);
  for (uint32_t k = 0; next != EDB_TYPE_NONE && c->n_instances < c->wanted;) {
    if (!choose_instance(c, next)) return false;
    next = k < columns ? longest[k++] : longest_source(c);
  }
  return true;
}

/* What a pass that followed the word of fewer instances came to last, `more` instances. False:
 * there is a too large one. */
static bool choose_last(choice *c, const edb_batches *pass, uint32_t more) {
  uint32_t wanted = c->n_instances + more;
  for (uint32_t i = c->p->n_nodes; i-- > 0 && c->n_instances < wanted;) {
    uint32_t v = pass->nodes[i];
    if (c->p->component[c->p->type[v]] == c->component && !choose_instance(c, v)) return false;
  }
  return true;
}

/* ---- Their word ---------------------------------------------------------------------------------
 */

/* The beam's word for the chosen nodes, its letters turned round into `letters`. */
static edb_status search_word(edb_context *ctx, uint64_t work, const edb_part *part,
                              uint32_t *letters, uint32_t *length, edb_error *error) {
  edb_beam_params params = {.width = WIDTH,
                            .limit = EDB_GAVE_UP,
                            .max_work = work,
                            .max_bytes = BYTES_FLOOR + (size_t)part->n_nodes * BYTES_PER_NODE,
                            .instances = MOST_INSTANCES,
                            .soft = SOFT,
                            .bound_weight = BOUND_WEIGHT,
                            .slack = SLACK};
  edb_beam_report report;
  edb_runner runner;
  size_t bytes = part->n_batchable * sizeof(uint32_t);
  edb_word word = {.letters = edb_alloc(ctx, bytes)};
  if (word.letters == NULL && bytes > 0) return edb_fail_memory(error, bytes, "a word");
  edb_status status = edb_runner_init(ctx, part, &runner, error);
  if (status == EDB_OK) {
    status = edb_beam_search(ctx, part, &params, &runner, &word, &report, error);
    edb_runner_free(ctx, &runner);
  }
  if (status == EDB_OK && word.length != EDB_GAVE_UP) {
    *length = word.length;
    for (uint32_t i = 0; i < word.length; i++)
      letters[i] = part->type[word.letters[word.length - 1 - i]];
  }
  edb_free(ctx, word.letters, bytes);
  return status;
}

/* The instances that a word of the component is looked for, as above. False: it has none. */
static bool choose_instances(choice *c, const edb_batches *pass) {
  if (!choose_longest(c)) return false;
  if (pass != NULL && c->nodes == NULL && !choose_last(c, pass, MORE)) return false;
  return c->n_instances > 1;
}

/* What looking at one component after the other goes on with. */
typedef struct glance {
  edb_context *ctx;
  const edb_problem *p; /* forward */
  const uint32_t *height;
  const edb_batches *pass;
  uint64_t *set;               /* bit set over the nodes, empty between components */
  uint32_t *members, *sources; /* [n_nodes] */
} glance;

/* About nanoseconds that the search in a component may take: its part, by nodes, of what the graph
 * may take. A component that is the only one to have something to decide has all of it. */
static uint64_t find_work(const edb_problem *p, uint32_t n_nodes) {
  uint64_t work = (uint64_t)p->n_nodes * WORK_PER_NODE;
  if (work < WORK_FLOOR) work = WORK_FLOOR;
  return (uint64_t)((double)work * n_nodes / p->n_nodes) + 1;
}

/* The word of a component; *length: 0 where there is none. */
static edb_status look(const glance *g, uint32_t component, uint32_t *letters, uint32_t *length,
                       edb_error *error) {
  choice c = {.p = g->p, .height = g->height, .component = component};
  c.chosen = (edb_chosen){.set = g->set, .first = UINT32_MAX};
  c.members = g->members;
  c.sources = g->sources;
  c.n_nodes = edb_problem_nodes(g->p, component, &c.nodes);
  c.wanted = c.n_nodes / PER_NODES;
  if (c.wanted < INSTANCES) c.wanted = INSTANCES;
  if (c.wanted > MOST_INSTANCES) c.wanted = MOST_INSTANCES;
  edb_status status = EDB_OK;
  *length = 0;
  if (choose_instances(&c, g->pass)) {
    edb_part part;
    status = edb_part_init_chosen(g->ctx, g->p, component, &c.chosen, &part, error);
    if (status == EDB_OK) {
      status = search_word(g->ctx, find_work(g->p, c.n_nodes), &part, letters, length, error);
      edb_part_free(g->ctx, &part);
    }
  }
  for (uint32_t i = 0; i < c.n_members; i++) edb_bitset_remove(g->set, c.members[i]);
  return status;
}

/* The words of all components that have something to decide. */
static edb_status look_at_all(const glance *g, edb_ahead *a, edb_error *error) {
  a->start[0] = 0;
  for (uint32_t c = 0; c < a->n_components; c++) {
    uint32_t length = 0, types = g->p->component_size[c];
    if (types > 1 && types <= MAX_COLUMNS)
      EDB_TRY(look(g, c, a->letters + a->start[c], &length, error));
    a->start[c + 1] = a->start[c] + length;
  }
  return EDB_OK;
}

/* With the scratch that all components share. */
static edb_status look_around(edb_context *ctx, const edb_problem *forward, const uint32_t *height,
                              const edb_batches *pass, edb_ahead *a, edb_error *error) {
  size_t n = forward->n_nodes, words = EDB_BITSET_WORDS(n);
  size_t bytes = words * sizeof(uint64_t) + n * 2 * sizeof(uint32_t);
  glance g = {.ctx = ctx, .p = forward, .height = height, .pass = pass};
  g.set = edb_alloc(ctx, bytes);
  if (g.set == NULL) return edb_fail_memory(error, bytes, "the instances that decide");
  g.members = (uint32_t *)(g.set + words);
  g.sources = g.members + n;
  memset(g.set, 0, words * sizeof *g.set);
  edb_status status = look_at_all(&g, a, error);
  edb_free(ctx, g.set, bytes);
  return status;
}

edb_status edb_ahead_init(edb_context *ctx, const edb_problem *forward, const edb_batches *pass,
                          edb_ahead *out, edb_error *error) {
  size_t parts = forward->n_components, n = forward->n_nodes;
  edb_ahead a = {.n_components = forward->n_components};
  a.memory_bytes = (parts * 2 + 1 + n * 2) * sizeof(uint32_t);
  a.memory = edb_alloc(ctx, a.memory_bytes);
  if (a.memory == NULL) return edb_fail_memory(error, a.memory_bytes, "the words of a look ahead");
  a.start = a.memory;
  a.at = a.start + parts + 1;
  a.letters = a.at + parts;
  uint32_t *height = a.letters + n;
  if (forward->height == NULL) edb_problem_heights(forward, height);
  edb_status status =
      look_around(ctx, forward, forward->height ? forward->height : height, pass, &a, error);
  if (status != EDB_OK) {
    edb_ahead_free(ctx, &a);
    return status;
  }
  *out = a;
  return EDB_OK;
}

void edb_ahead_free(edb_context *ctx, edb_ahead *ahead) {
  edb_free(ctx, ahead->memory, ahead->memory_bytes);
  *ahead = (edb_ahead){0};
}

/* ---- The pass -----------------------------------------------------------------------------------
 *
 * The search went backwards. Forwards a letter may find nothing ready, and is passed over.
 */

static uint32_t choose(void *self, const edb_state *s) {
  edb_ahead *a = self;
  uint32_t type, c = edb_state_component(s, &type);
  if (type != EDB_TYPE_NONE) return type;
  while (a->at[c] < a->start[c + 1] && s->ready_count[a->letters[a->at[c]]] == 0) a->at[c]++;
  if (a->at[c] < a->start[c + 1]) return a->letters[a->at[c]];
  if (a->state->plain) edb_state_catch_up(a->state);
  return edb_tight_choose_in(s, c);
}

/* What ran because nothing else was ready is the next letter of it: nothing before that is ready
 * either. */
static void ran(void *self, const edb_state *s, uint32_t type, const uint32_t *nodes,
                uint32_t count) {
  edb_ahead *a = self;
  uint32_t c = s->problem->component[type], end = a->start[c + 1];
  (void)nodes;
  (void)count;
  if (s->problem->unbatchable[type] || s->problem->component_size[c] == 1) return;
  while (a->at[c] < end && a->letters[a->at[c]] != type) a->at[c]++;
  if (a->at[c] < end)
    a->at[c]++;
  else
    a->behind++;
}

void edb_ahead_pass(edb_ahead *ahead, edb_state *state, edb_batches *out) {
  edb_chooser chooser = {.choose = choose, .ran = ran, .self = ahead, .plain = true};
  ahead->behind = 0;
  ahead->state = state;
  memcpy(ahead->at, ahead->start, ahead->n_components * sizeof *ahead->at);
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
}
