/* policy/best.c: several rules are tried until one meets the bound; then, or at the end, the
 * shortest schedule is it. Where no schedule meets the bound, the shortest words of the components
 * are put together. As depth and both agendas are among the rules, the best is never longer than
 * theirs. */
#include "policy/best.h"

#include "base/clock.h"
#include "policy/agenda.h"
#include "policy/improve.h"
#include "policy/learned.h"
#include "policy/light.h"
#include "policy/rules.h"

#define SMALL_GRAPH 1024   /* nodes */
#define LEAST_BEAM  1000.0 /* nanoseconds per node that exact gives its beam, whatever its limit */
/* About the nanoseconds per node that a pass takes, and the least that a beam does; and what each
 * takes however small the graph is. */
#define PASS_NS           10.0
#define BEAM_NS           40.0
#define PASS_NODES        100 /* as if there were so many more */
#define BEAM_NODES        500
#define BEAM_SAVES        8 /* of so many batches above the bound a beam finds about one */
#define SUFFICIENT_NS     1000.0
#define SUFFICIENT_BUDGET 5000.0 /* with more, graphs of any size may have it */
/* A search on a small graph may take this many nanoseconds, whatever the budget per node says. */
#define WORK_FLOOR 250000.0
/* Depth and both agendas. They seldom win, but then nobody has to compare; mostly their first
 * batches, or a count of depths, already tell that they do not. */
static edb_status contribute_by_depth(edb_attempts *a, edb_error *error) {
  edb_agenda agenda;
  if (edb_attempts_words_meet_bound(a)) return EDB_OK;
  EDB_TRY(edb_agenda_init(a->ctx, &a->forward, &agenda, error));
  bool shorter = false;
  edb_status status =
      edb_depth_is_shorter(a->ctx, &a->forward, agenda.depth, a->words.length, &shorter, error);
  a->state.problem = &a->forward;
  for (int running = 0; running < 2 && status == EDB_OK; running++) {
    edb_agenda_pass(&agenda, &a->state, running, a->best.count, &a->trial);
    edb_words_take(&a->words, &a->forward, &a->trial);
  }
  edb_agenda_free(a->ctx, &agenda);
  if (status != EDB_OK || !shorter) return status;
  return edb_attempts_contribute(a, EDB_POLICY_DEPTH, NULL, error);
}

/* What is quadratic or has a limit of its own is left to small graphs, and may fail. */
static edb_status attempt_sufficient(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  bool small = a->forward.n_nodes <= SMALL_GRAPH || policy->budget >= SUFFICIENT_BUDGET;
  if (edb_attempts_meet_bound(a) || !small) return EDB_OK;
  edb_error unused;
  edb_status status = edb_attempt_both_ways(a, EDB_POLICY_SUFFICIENT, &unused);
  if (status == EDB_OK || status == EDB_ERROR_LIMIT) return EDB_OK;
  return edb_fail(error, status, "%s", unused.text);
}

/* The lead rule in one direction, into the trial; gives up at `limit`. */
static edb_status attempt_lead(edb_attempts *a, bool reverse, bool by_mass, uint32_t limit,
                               edb_error *error) {
  edb_problem *p = reverse ? &a->reverse : &a->forward;
  size_t bytes = p->n_nodes * sizeof(uint32_t);
  uint32_t *height = edb_alloc(a->ctx, bytes);
  if (height == NULL) return edb_fail_memory(error, bytes, "the path lengths of a graph");
  edb_problem_heights(p, height);
  a->state.problem = p;
  a->state.height = height;
  a->state.by_mass = by_mass;
  edb_lead_pass(&a->state, limit, &a->trial);
  a->state.height = NULL;
  edb_free(a->ctx, height, bytes);
  return EDB_OK;
}

/* Takes its words, unless it cannot be shorter than those there are. */
static edb_status contribute_lead(edb_attempts *a, bool reverse, edb_error *error) {
  if (edb_attempts_words_meet_bound(a)) return EDB_OK;
  uint32_t limit = edb_words_batches(&a->words, &a->forward);
  EDB_TRY(attempt_lead(a, reverse, false, limit, error));
  if (reverse)
    edb_words_take_reversed(&a->words, &a->forward, &a->trial);
  else
    edb_words_take(&a->words, &a->forward, &a->trial);
  return EDB_OK;
}

/* Where few instances do not decide: whose ready nodes weigh most goes first, both ways, and the
 * best of what begins as the one and ends as the other. */
static edb_status contribute_masses(edb_attempts *a, edb_error *error) {
  if (edb_attempts_words_meet_bound(a)) return EDB_OK;
  edb_batches forward;
  EDB_TRY(edb_batches_init(a->ctx, &a->forward, &forward, error));
  edb_status status = attempt_lead(a, false, true, EDB_GAVE_UP, error);
  if (status == EDB_OK) {
    edb_words_take(&a->words, &a->forward, &a->trial);
    edb_batches swap = forward;
    forward = a->trial;
    a->trial = swap;
    status = attempt_lead(a, true, true, EDB_GAVE_UP, error);
  }
  if (status == EDB_OK) {
    edb_words_take_reversed(&a->words, &a->forward, &a->trial);
    edb_words_cross(&a->words, &a->forward, &forward, &a->trial, a->state.pending);
  }
  edb_batches_free(a->ctx, &forward);
  return status;
}

/* Where components have too many types for tuples of states, operators mostly. */
static edb_status contribute_leads(edb_attempts *a, edb_error *error) {
  uint32_t widest = 0;
  for (uint32_t c = 0; c < a->forward.n_components; c++) {
    if (a->words.length[c] > a->words.bound[c] && a->forward.component_size[c] > widest)
      widest = a->forward.component_size[c];
  }
  if (widest <= EDB_LEAD_FEW_TYPES) return EDB_OK;
  EDB_TRY(contribute_lead(a, false, error));
  return contribute_lead(a, true, error);
}

/* Nanoseconds that fewer batches can save at most: each type needs those of its longest chain. */
static double find_saving(const edb_attempts *a) {
  const edb_problem *p = &a->forward;
  double saving = edb_attempts_weigh(a, &a->best);
  for (uint32_t t = 0; t < p->n_types; t++)
    saving -= a->weight[t] * (p->unbatchable[t] ? p->type_count[t] : p->max_own[t]);
  return saving;
}

/* Nanoseconds that a search may take; where a schedule runs once, no more than it can save. */
static double find_budget(const edb_attempts *a, const edb_policy *policy) {
  double most = policy->budget * a->forward.n_nodes;
  if (most < WORK_FLOOR) most = WORK_FLOOR;
  if (!policy->once) return most;
  double saving = find_saving(a);
  return saving < most ? saving : most;
}

/* Whether to do something that takes so many nanoseconds per node, and as if there were `more`. */
static bool pays(const edb_attempts *a, const edb_policy *policy, double nanoseconds,
                 uint32_t more) {
  return !policy->once || find_saving(a) >= nanoseconds * (a->forward.n_nodes + more);
}

/* `work`: nanoseconds, 0: no limit. */
static edb_status attempt_beam(edb_attempts *a, const edb_policy *policy, uint64_t work,
                               edb_error *error) {
  bool decided;
  EDB_TRY(edb_attempt_both_ways(a, EDB_POLICY_TIGHT, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  EDB_TRY(edb_attempts_begin_words(a, error));
  EDB_TRY(contribute_leads(a, error));
  EDB_TRY(edb_words_improve(a->ctx, &a->reverse, policy->width, work, &a->words, &decided, error));
  edb_attempts_keep_words(a, EDB_POLICY_BEAM);
  return EDB_OK;
}

/* The cheapest and best come first; before them a table that is given, as nothing may be longer
 * than that. */
static edb_status attempt_all(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  bool decided;
  if (policy->fsm != NULL) EDB_TRY(edb_attempt_fsm(a, policy->fsm, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, false, NULL, error));
  if (edb_attempts_meet_bound(a) || !pays(a, policy, PASS_NS, PASS_NODES)) return EDB_OK;
  EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, true, NULL, error));
  if (edb_attempts_meet_bound(a) || !pays(a, policy, PASS_NS, PASS_NODES)) return EDB_OK;
  EDB_TRY(edb_attempts_begin_words(a, error));
  EDB_TRY(contribute_leads(a, error));
  if (!pays(a, policy, BEAM_NS * BEAM_SAVES, BEAM_NODES)) return EDB_OK;
  uint64_t work = (uint64_t)find_budget(a, policy) + 1;
  EDB_TRY(edb_words_improve(a->ctx, &a->reverse, policy->width, work, &a->words, &decided, error));
  if (!decided) EDB_TRY(contribute_masses(a, error));
  edb_attempts_keep_words(a, EDB_POLICY_BEAM);
  if (!pays(a, policy, BEAM_NS * BEAM_SAVES, BEAM_NODES)) return EDB_OK;
  EDB_TRY(contribute_by_depth(a, error));
  edb_attempts_keep_words(a, EDB_POLICY_BEST);
  return pays(a, policy, SUFFICIENT_NS, PASS_NODES) ? attempt_sufficient(a, policy, error) : EDB_OK;
}

/* A schedule at the bound cannot be lighter. */
static edb_status attempt_light(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  if (edb_attempts_meet_bound(a) || !pays(a, policy, PASS_NS * EDB_LIGHT_PASSES, PASS_NODES))
    return EDB_OK;
  return edb_attempt_light(a, policy, error);
}

/* Small graphs as a whole; others, and those whose frontiers are too many, component by component,
 * from the beam's schedule on. Each of the two that come first may take half of what is left. */
static edb_status attempt_exact(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  double time = policy->seconds * 1e9;
  uint64_t begin = edb_clock_ns(), deadline = begin + (uint64_t)time;
  if (a->forward.n_nodes <= SMALL_GRAPH) {
    edb_error unused;
    a->deadline = begin + (uint64_t)(time / 2);
    edb_status status = edb_attempt(a, EDB_POLICY_EXACT, false, NULL, &unused);
    if (status == EDB_OK) a->proven = a->best.count;
    if (status == EDB_OK) return EDB_OK;
    if (status != EDB_ERROR_LIMIT) return edb_fail(error, status, "%s", unused.text);
  }
  double work = time / 4, least = LEAST_BEAM * a->forward.n_nodes;
  EDB_TRY(attempt_beam(a, policy, (uint64_t)(work > least ? work : least) + 1, error));
  if (!edb_attempts_meet_bound(a)) {
    EDB_TRY(edb_words_prove(a->ctx, &a->reverse, deadline, &a->words, error));
    edb_attempts_keep_words(a, EDB_POLICY_EXACT);
    a->proven = edb_words_bound(&a->words, &a->forward);
  }
  a->kind = EDB_POLICY_EXACT;
  return EDB_OK;
}

edb_status edb_attempt_policy(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  switch (policy->kind) {
  case EDB_POLICY_BEST:
    if (policy->costs != NULL) EDB_TRY(edb_attempts_find_weights(a, policy, error));
    EDB_TRY(attempt_all(a, policy, error));
    return policy->costs == NULL ? EDB_OK : attempt_light(a, policy, error);
  case EDB_POLICY_BEAM:
    return attempt_beam(a, policy, 0, error);
  case EDB_POLICY_EXACT:
    return attempt_exact(a, policy, error);
  case EDB_POLICY_FSM:
    return edb_attempt_fsm(a, policy->fsm, error);
  case EDB_POLICY_SUFFICIENT:
  case EDB_POLICY_TIGHT:
    return edb_attempt_both_ways(a, policy->kind, error);
  default:
    return edb_attempt(a, policy->kind, false, NULL, error);
  }
}
