/* policy/state.h: a scheduling problem (what never changes while a dag is scheduled) and the state
 * of a scheduler on it (ready nodes per type, and the quantities that policies look at).
 *
 * A problem is made once per dag and shared by all policies, directions and episodes that look at
 * it; a state is reset for every pass. Nodes are local numbers 0 .. n - 1, types are renumbered in
 * order of first appearance (ties go to the lower renumbered type).
 *
 * Unbatchable nodes run alone, as soon as they are ready, before a type is chosen. A scheduling
 * loop is
 *
 *     edb_state_reset(&state);
 *     while (state.n_done < problem.n_nodes) {
 *       uint32_t type = edb_state_forced(&state);
 *       if (type == EDB_TYPE_NONE) type = choose(&state);
 *       done += edb_state_run(&state, type, nodes + done);
 *     } */
#ifndef EDB_POLICY_STATE_H
#define EDB_POLICY_STATE_H

#include "policy/policy.h"

#define EDB_TYPE_NONE UINT32_MAX

typedef struct edb_problem {
  edb_context *ctx;
  uint32_t n_nodes, n_types; /* types that appear */
  uint32_t n_edges;          /* between nodes of the problem; repeated inputs are mostly left out */
  bool reversed;             /* inputs have higher numbers than their users, not lower */
  const uint32_t *type;      /* [n_nodes], renumbered */
  const uint32_t *original_type;   /* [n_types] -> the dag's type */
  const uint32_t *type_count;      /* [n_types] */
  const uint8_t *unbatchable;      /* [n_types] */
  const uint32_t *in_start, *in;   /* local; done inputs left out */
  const uint32_t *out_start, *out; /* successors */
  const uint32_t *own;       /* [n_nodes] nodes of v's type on the longest path starting at v */
  const uint32_t *max_own;   /* [n_types] largest own of the type's nodes */
  const uint32_t *own_start; /* [n_types] the histogram of own of type t: */
  const uint32_t *own_count; /*   own_count[own_start[t] + h] nodes have own == h */
  uint32_t own_count_length;
  const uint32_t *height; /* [n_nodes] as edb_problem_heights gives them, where they came for free;
                             else NULL */
  /* The types fall into strongly connected components of the type graph (t -> u if some u takes a
   * t): every path between two nodes of one type stays inside the type's component. */
  uint32_t n_components;
  const uint32_t *component;      /* [n_types] in topological order: inputs come from lower ones */
  const uint32_t *column;         /* [n_types] number of the type inside its component */
  const uint32_t *component_size; /* [n_components] types */
  const uint32_t *rank;           /* [n_types] place of a type by component, inside it by number */
  const uint32_t *by_rank;        /* [n_types] the types in this order; */
  const uint32_t *first_rank; /* [n_components + 1]   those of component c from first_rank[c] on */
  const uint32_t *members;    /* [n_nodes] nodes by component, ascending: those of component c (of
                                 the problem that is not reversed) from member_start[c] on; NULL
                                 where at most one component has several types */
  const uint32_t *member_start; /* [n_components + 1] */
  uint32_t bound; /* lower bound: sum over types of max own, + 1 per unbatchable node */
  void *memory;
  size_t memory_bytes, members_bytes;
} edb_problem;

EDB_MUST_CHECK edb_status edb_problem_init(edb_context *ctx, const edb_dag *dag, edb_problem *out,
                                           edb_error *error);
/* The same problem with all edges turned round (for the reverse direction): a valid schedule of it
 * is, read backwards, one of `problem`, which must outlive it (most arrays are shared). */
EDB_MUST_CHECK edb_status edb_problem_init_reverse(edb_context *ctx, const edb_problem *problem,
                                                   edb_problem *out, edb_error *error);
void edb_problem_free(edb_problem *problem);
/* Batchable nodes on the longest path from each node that stays inside its component of types. */
void edb_problem_heights(const edb_problem *problem, uint32_t *height);
/* Whether some component has several types, so that there is anything to choose inside one. */
bool edb_problem_has_choices(const edb_problem *problem);

/* Nodes among which all of a component are, ascending: *nodes, or where that is NULL the numbers
 * below the count that is returned. */
static inline uint32_t edb_problem_nodes(const edb_problem *p, uint32_t component,
                                         const uint32_t **nodes) {
  *nodes = NULL;
  if (p->members == NULL) return p->n_nodes;
  uint32_t c = p->reversed ? p->n_components - 1 - component : component;
  *nodes = p->members + p->member_start[c];
  return p->member_start[c + 1] - p->member_start[c];
}

typedef struct edb_state {
  const edb_problem *problem;
  uint32_t *pending; /* [n_nodes] inputs not done */
  uint32_t *fresh;   /* [n_nodes] scratch */
  uint32_t n_done;
  uint32_t n_ready_types;       /* types with ready_count > 0 */
  uint32_t n_ready_unbatchable; /* of these, types whose nodes run alone */
  uint32_t *ready;        /* [n_nodes] ready nodes: those of type t are the ready_count[t] ones from
                             ready[type_start[t]], in the order in which they became ready */
  uint32_t *ready_count;  /* [n_types] */
  uint32_t *type_start;   /* [n_types] moves on as nodes run: what lies before it is done */
  uint64_t *ready_types;  /* bit set over types with ready_count > 0 */
  uint64_t *ready_ranks;  /* the same over their ranks */
  uint32_t first_word;    /* of ready_ranks: those before it are zero for good */
  uint32_t *max_own;      /* [n_types] m_t: max own over unfinished nodes */
  uint32_t *at_max;       /* [n_types] unfinished nodes with own == m_t */
  uint32_t *ready_at_max; /* [n_types] of these, ready: t is tight iff equal to at_max */
  uint64_t *ready_own;    /* [n_types] sum of own over the ready nodes */
  /* Lengths of paths (edb_problem_heights), or NULL when nobody asks which type leads. To be set
   * before the state is reset. */
  const uint32_t *height;   /* [n_nodes] */
  uint32_t *ready_top;      /* [n_types] largest height of a ready node */
  uint32_t *ready_at_top;   /* [n_types] ready nodes of that height */
  uint64_t *ready_mass;     /* [n_types] sum over the ready nodes of 2^(32 + height - ready_top) */
  bool by_mass;             /* the type leads whose ready nodes have the largest sum of 2^height */
  uint32_t remaining_bound; /* sum of m_t over batchable types (+ unfinished unbatchable nodes) */
  uint32_t *own_count;      /* the problem's histograms, of unfinished nodes */
  uint32_t *winners;        /* scratch of a contest (contest.h); NULL: few types */
  bool plain; /* only what is ready is kept up to date: all from max_own to ready_mass, and what is
                 left of own, are of no use until edb_state_catch_up. To be set after the reset */
  void *memory;
  size_t memory_bytes;
} edb_state;

/* Makes a state, which must be reset before use. It serves the problem and its reverse (same
 * sizes): to change over, set `problem` and reset. */
EDB_MUST_CHECK edb_status edb_state_init(edb_context *ctx, const edb_problem *problem,
                                         edb_state *out, edb_error *error);
/* Nothing is done, the sources are ready. */
void edb_state_reset(edb_state *state);
void edb_state_free(edb_context *ctx, edb_state *state);
/* A plain state, of a pass that needed no more, becomes one that rules can look at. It knows no
 * heights. */
void edb_state_catch_up(edb_state *state);

/* All unfinished nodes of the type that bound what is left are ready: running it lowers the bound.
 */
static inline bool edb_state_is_tight(const edb_state *s, uint32_t type) {
  return s->ready_count[type] > 0 && s->ready_at_max[type] == s->at_max[type];
}

/* The first ready type >= from, or EDB_TYPE_NONE. */
uint32_t edb_state_next_ready(const edb_state *state, uint32_t from);
/* The ready types of a component (below: or of all), ascending: from EDB_TYPE_NONE to it. */
uint32_t edb_state_next_in(const edb_state *state, uint32_t component, uint32_t type);

/* The type that runs next whatever the policy: an unbatchable one, or the only one; else
 * EDB_TYPE_NONE. */
uint32_t edb_state_forced(const edb_state *state);

/* In place of a component: all of them. */
#define EDB_COMPONENT_ANY UINT32_MAX

/* The first component with unfinished nodes: the lowest of a ready type. *type: its only ready
 * type, or EDB_TYPE_NONE. Some type must be ready. */
uint32_t edb_state_component(const edb_state *state, uint32_t *type);
static inline bool edb_state_in(const edb_state *s, uint32_t type, uint32_t component) {
  return component == EDB_COMPONENT_ANY || s->problem->component[type] == component;
}

/* The choice of the tight rule (tight.c). Some type must be ready. */
uint32_t edb_tight_choose(const edb_state *state);
bool edb_tight_beats(const edb_state *state, uint32_t type, uint32_t other);
/* The same among the types of one component. */
uint32_t edb_tight_choose_in(const edb_state *state, uint32_t component);
/* Whether the ready nodes of `a` have the larger mass, the sum of 2^height: a path that is one node
 * shorter counts half. */
static inline bool edb_state_outweighs(const edb_state *s, uint32_t a, uint32_t b) {
  uint32_t top_a = s->ready_top[a], top_b = s->ready_top[b];
  uint64_t mass_a = s->ready_mass[a], mass_b = s->ready_mass[b];
  if (top_a >= top_b) return top_a - top_b > 63 || mass_a > mass_b >> (top_a - top_b);
  return top_b - top_a <= 63 && mass_a >> (top_b - top_a) > mass_b;
}
/* Whether `a` leads `b`: it has the longer path ahead; among equals more of them, then the larger
 * sum of own. Or, by mass, that alone and then the sum of own. The state knows heights. */
static inline bool edb_state_leads(const edb_state *s, uint32_t a, uint32_t b) {
  if (s->by_mass) {
    if (edb_state_outweighs(s, a, b)) return true;
    return !edb_state_outweighs(s, b, a) && s->ready_own[a] > s->ready_own[b];
  }
  if (s->ready_top[a] != s->ready_top[b]) return s->ready_top[a] > s->ready_top[b];
  if (s->ready_at_top[a] != s->ready_at_top[b]) return s->ready_at_top[a] > s->ready_at_top[b];
  return s->ready_own[a] > s->ready_own[b];
}
/* What goes first by the rule of the encodings that ask who leads (lead.c): the one that leads; in
 * a component of more than few types a tight one before others. */
#define EDB_LEAD_FEW_TYPES 8
bool edb_lead_beats(const edb_state *state, uint32_t type, uint32_t other);
/* The type that goes first, the lower one among equals. */
uint32_t edb_lead_choose_in(const edb_state *state, uint32_t component);

/* Runs all ready nodes of a type as one batch (of an unbatchable type the first ready node): they
 * are done, their successors may become ready. The batch's nodes are copied to `nodes` when it is
 * not NULL; returns their number. The type must be ready. */
uint32_t edb_state_run(edb_state *state, uint32_t type, uint32_t *nodes);

#endif
