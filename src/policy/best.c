/* policy/best.c: several rules are tried until one meets the bound; then, or at the end, the
 * shortest schedule is it. Where no schedule meets the bound, the shortest words of the components
 * are put together. As depth and both agendas are among the rules, the best is never longer than
 * theirs. */
#include "policy/best.h"

#include "base/clock.h"
#include "policy/agenda.h"
#include "policy/ahead.h"
#include "policy/cost.h"
#include "policy/fsm.h"
#include "policy/improve.h"

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
/* A look ahead has decided when at most this part of the batches comes behind the ends of its
 * words.
 */
#define BEHIND        16
#define FEW_LOOKED_AT 2000 /* nodes: in graphs below, tight goes before the look ahead */

edb_status edb_attempts_init(edb_context *ctx, const edb_dag *dag, const edb_schema *schema,
                             edb_attempts *out, edb_error *error) {
  edb_attempts a = {.ctx = ctx, .schema = schema, .reverse = {.ctx = ctx}};
  EDB_TRY(edb_problem_init(ctx, dag, &a.forward, error));
  edb_status status = EDB_OK;
  EDB_TRY_GOTO(status, edb_state_init(ctx, &a.forward, &a.state, error), cleanup);
  EDB_TRY_GOTO(status, edb_batches_init(ctx, &a.forward, &a.best, error), cleanup);
  EDB_TRY_GOTO(status, edb_batches_init(ctx, &a.forward, &a.trial, error), cleanup);
  a.best.count = EDB_GAVE_UP;
  a.proven = a.forward.bound;
  *out = a;
  return EDB_OK;
cleanup:
  edb_attempts_free(&a);
  return status;
}

void edb_attempts_free(edb_attempts *a) {
  edb_words_free(a->ctx, &a->light);
  edb_free(a->ctx, a->weight, a->weight == NULL ? 0 : a->forward.n_types * sizeof *a->weight);
  edb_words_free(a->ctx, &a->words);
  edb_batches_free(a->ctx, &a->trial);
  edb_batches_free(a->ctx, &a->best);
  edb_state_free(a->ctx, &a->state);
  edb_problem_free(&a->reverse);
  edb_problem_free(&a->forward);
}

edb_status edb_attempt(edb_attempts *a, edb_policy_kind kind, bool reverse,
                       const struct edb_fsm *fsm, edb_error *error) {
  if (reverse && a->reverse.memory == NULL)
    EDB_TRY(edb_problem_init_reverse(a->ctx, &a->forward, &a->reverse, error));
  a->state.problem = reverse ? &a->reverse : &a->forward;
  edb_rule rule = {.kind = kind, .fsm = fsm, .schema = a->schema, .deadline = a->deadline};
  uint32_t misses = 0;
  EDB_TRY(edb_rule_pass(a->ctx, &rule, &a->state, a->best.count, &a->trial, &misses, error));
  if (a->trial.count >= a->best.count) return EDB_OK;
  if (reverse) {
    edb_batches_reverse(&a->trial, &a->best);
  } else {
    edb_batches shorter = a->trial;
    a->trial = a->best;
    a->best = shorter;
  }
  a->kind = kind;
  a->misses = misses;
  return EDB_OK;
}

static edb_status attempt_both_ways(edb_attempts *a, edb_policy_kind kind, edb_error *error) {
  EDB_TRY(edb_attempt(a, kind, false, NULL, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  return edb_attempt(a, kind, true, NULL, error);
}

/* ---- Putting schedules together -----------------------------------------------------------------
 */

/* From the best schedule so far, which is complete and forwards. */
static edb_status begin_words(edb_attempts *a, edb_error *error) {
  if (a->words.memory == NULL) {
    EDB_TRY(edb_words_init(a->ctx, &a->forward, NULL, &a->words, error));
    edb_words_take_levels(&a->words, &a->forward);
  }
  edb_words_take(&a->words, &a->forward, &a->best);
  return EDB_OK;
}

static bool words_meet_bound(const edb_attempts *a) {
  return edb_words_batches(&a->words, &a->forward) <= a->forward.bound;
}

/* Runs the words, if that gives fewer batches than the best so far. */
static void keep_words(edb_attempts *a, edb_policy_kind kind) {
  if (edb_words_batches(&a->words, &a->forward) >= a->best.count) return;
  a->state.problem = &a->forward;
  edb_words_run(&a->words, &a->state, &a->trial);
  EDB_ASSERT(a->trial.count < a->best.count);
  edb_batches shorter = a->trial;
  a->trial = a->best;
  a->best = shorter;
  a->kind = kind;
  a->misses = 0;
}

/* A forward pass that also lends its words to the components for which they are the shortest. Of
 * the trial and the best, one is its schedule, unless it gave up. */
static edb_status contribute(edb_attempts *a, edb_policy_kind kind, const struct edb_fsm *fsm,
                             edb_error *error) {
  if (words_meet_bound(a)) return EDB_OK;
  EDB_TRY(edb_attempt(a, kind, false, fsm, error));
  edb_words_take(&a->words, &a->forward, &a->best);
  edb_words_take(&a->words, &a->forward, &a->trial);
  return EDB_OK;
}

/* Depth and both agendas. They seldom win, but then nobody has to compare; mostly their first
 * batches, or a count of depths, already tell that they do not. */
static edb_status contribute_by_depth(edb_attempts *a, edb_error *error) {
  edb_agenda agenda;
  if (words_meet_bound(a)) return EDB_OK;
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
  return contribute(a, EDB_POLICY_DEPTH, NULL, error);
}

/* What is quadratic or has a limit of its own is left to small graphs, and may fail. */
static edb_status attempt_sufficient(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  bool small = a->forward.n_nodes <= SMALL_GRAPH || policy->budget >= SUFFICIENT_BUDGET;
  if (edb_attempts_meet_bound(a) || !small) return EDB_OK;
  edb_error unused;
  edb_status status = attempt_both_ways(a, EDB_POLICY_SUFFICIENT, &unused);
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
  if (words_meet_bound(a)) return EDB_OK;
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
  if (words_meet_bound(a)) return EDB_OK;
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

static double weigh(const edb_attempts *a, const edb_batches *batches) {
  double sum = 0;
  for (uint32_t i = 0; i < batches->count; i++) sum += a->weight[batches->type[i]];
  return sum;
}

/* Nanoseconds that fewer batches can save at most: each type needs those of its longest chain. */
static double find_saving(const edb_attempts *a) {
  const edb_problem *p = &a->forward;
  double saving = weigh(a, &a->best);
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
  EDB_TRY(attempt_both_ways(a, EDB_POLICY_TIGHT, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  EDB_TRY(begin_words(a, error));
  EDB_TRY(contribute_leads(a, error));
  EDB_TRY(edb_words_improve(a->ctx, &a->reverse, policy->width, work, &a->words, &decided, error));
  keep_words(a, EDB_POLICY_BEAM);
  return EDB_OK;
}

/* A pass that follows the few instances that decide. *decided: few batches were left behind them.
 */
static edb_status contribute_ahead(edb_attempts *a, bool *decided, edb_error *error) {
  edb_ahead ahead;
  EDB_TRY(edb_ahead_init(a->ctx, &a->forward, &ahead, error));
  if (ahead.start[ahead.n_components] == 0) { /* of no component */
    edb_ahead_free(a->ctx, &ahead);
    a->trial.count = EDB_GAVE_UP;
    return EDB_OK;
  }
  a->state.problem = &a->forward;
  edb_ahead_pass(&ahead, &a->state, &a->trial);
  *decided = ahead.behind <= a->trial.count / BEHIND;
  edb_ahead_free(a->ctx, &ahead);
  if (a->trial.count < a->best.count) {
    edb_batches shorter = a->trial;
    a->trial = a->best;
    a->best = shorter;
  }
  return EDB_OK;
}

/* The FSM's rule backwards. Each component keeps the shorter of its word so far, this one, and the
 * best of those that begin as the table's and end as this one. */
static edb_status cross(edb_attempts *a, const struct edb_fsm *fsm, edb_error *error) {
  edb_rule rule = {.kind = EDB_POLICY_FSM, .fsm = fsm, .schema = a->schema, .table_aside = true};
  uint32_t unused;
  a->state.problem = &a->reverse;
  EDB_TRY(edb_rule_pass(a->ctx, &rule, &a->state, EDB_GAVE_UP, &a->trial, &unused, error));
  edb_words_cross(&a->words, &a->forward, &a->best, &a->trial, a->state.pending);
  return EDB_OK;
}

/* The tight rule in one direction, unless that cannot be shorter than the words. */
static void contribute_tight(edb_attempts *a, bool reverse) {
  if (words_meet_bound(a)) return;
  a->state.problem = reverse ? &a->reverse : &a->forward;
  edb_tight_pass(&a->state, edb_words_batches(&a->words, &a->forward), &a->trial);
  if (reverse)
    edb_words_take_reversed(&a->words, &a->forward, &a->trial);
  else
    edb_words_take(&a->words, &a->forward, &a->trial);
}

/* Whether the table is known to come short of the bound on graphs of these types, as far as there
 * is something to decide about them: then it does not go first. Types that are not the FSM's are an
 * error either way. */
static edb_status falls_short(const edb_attempts *a, const struct edb_fsm *fsm, bool *out,
                              edb_error *error) {
  const edb_problem *p = &a->forward;
  edb_fsm_binding binding;
  *out = fsm->record.present && fsm->record.batches > fsm->record.bound;
  if (!*out) return EDB_OK;
  *out = edb_problem_has_choices(p);
  EDB_TRY(edb_fsm_bind(a->ctx, fsm, p, a->schema, &binding, error));
  for (uint32_t t = 0; t < p->n_types; t++)
    *out &= p->unbatchable[t] || p->component_size[p->component[t]] == 1 ||
            binding.to_fsm[t] != UINT32_MAX;
  edb_fsm_unbind(a->ctx, &binding);
  return EDB_OK;
}

/* Tight, and where few instances have not decided, what the rule does backwards, behind the
 * beginning of what the table does. Of a table that comes `late`, tight forwards has been there
 * before. The shortest words of all are put together. */
static edb_status improve_fsm(edb_attempts *a, const struct edb_fsm *fsm, bool late, bool decided,
                              edb_error *error) {
  uint32_t misses = a->misses;
  EDB_TRY(edb_problem_init_reverse(a->ctx, &a->forward, &a->reverse, error));
  EDB_TRY(begin_words(a, error));
  edb_words_take(&a->words, &a->forward, &a->trial);
  if (late) contribute_tight(a, true);
  if (late && !decided) {
    EDB_TRY(contribute(a, EDB_POLICY_FSM, fsm, error));
    misses = a->misses;
  }
  if (!decided && !words_meet_bound(a)) EDB_TRY(cross(a, fsm, error));
  if (!late) {
    contribute_tight(a, true);
    contribute_tight(a, false);
  }
  keep_words(a, EDB_POLICY_FSM);
  a->misses = misses;
  return EDB_OK;
}

/* Whether the best so far is no farther from its bound than the table was where it was learned. */
static bool does_as_learned(const edb_attempts *a, const struct edb_fsm *fsm) {
  const edb_fsm_record *r = &fsm->record;
  return r->present &&
         (double)a->best.count * (double)r->bound <= (double)r->batches * a->forward.bound;
}

/* What one step sees is not enough where several types lie on a cycle, and a table is about one
 * direction. So a whole graph gets a look ahead at the instances that decide; a table that is known
 * to come short is not even asked before. Where few have decided, tight would have to find a
 * shorter word for these: in a large graph that is not worth two passes. In a small one the few are
 * much of it: there tight goes first, and nothing learned is ever worse. */
static edb_status look_further(edb_attempts *a, const struct edb_fsm *fsm, bool late,
                               edb_error *error) {
  bool decided = false, small = a->forward.n_nodes < FEW_LOOKED_AT;
  if (late && small) EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, false, NULL, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  EDB_TRY(contribute_ahead(a, &decided, error));
  if (edb_attempts_meet_bound(a) || (decided && !small && does_as_learned(a, fsm))) return EDB_OK;
  if (late && !small) EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, false, NULL, error));
  return edb_attempts_meet_bound(a) ? EDB_OK : improve_fsm(a, fsm, late, decided, error);
}

/* As published, the table is alone. */
static edb_status attempt_fsm(edb_attempts *a, const struct edb_fsm *fsm, edb_error *error) {
  bool alone = fsm->scope != EDB_FSM_COMPONENT, late = false;
  if (!alone) EDB_TRY(falls_short(a, fsm, &late, error));
  if (!late) EDB_TRY(edb_attempt(a, EDB_POLICY_FSM, false, fsm, error));
  if (!alone && !edb_attempts_meet_bound(a)) EDB_TRY(look_further(a, fsm, late, error));
  a->kind = EDB_POLICY_FSM;
  return EDB_OK;
}

/* The cheapest and best come first; before them a table that is given, as nothing may be longer
 * than that. */
static edb_status attempt_all(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  bool decided;
  if (policy->fsm != NULL) EDB_TRY(attempt_fsm(a, policy->fsm, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, false, NULL, error));
  if (edb_attempts_meet_bound(a) || !pays(a, policy, PASS_NS, PASS_NODES)) return EDB_OK;
  EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, true, NULL, error));
  if (edb_attempts_meet_bound(a) || !pays(a, policy, PASS_NS, PASS_NODES)) return EDB_OK;
  EDB_TRY(begin_words(a, error));
  EDB_TRY(contribute_leads(a, error));
  if (!pays(a, policy, BEAM_NS * BEAM_SAVES, BEAM_NODES)) return EDB_OK;
  uint64_t work = (uint64_t)find_budget(a, policy) + 1;
  EDB_TRY(edb_words_improve(a->ctx, &a->reverse, policy->width, work, &a->words, &decided, error));
  if (!decided) EDB_TRY(contribute_masses(a, error));
  keep_words(a, EDB_POLICY_BEAM);
  if (!pays(a, policy, BEAM_NS * BEAM_SAVES, BEAM_NODES)) return EDB_OK;
  EDB_TRY(contribute_by_depth(a, error));
  keep_words(a, EDB_POLICY_BEST);
  return pays(a, policy, SUFFICIENT_NS, PASS_NODES) ? attempt_sufficient(a, policy, error) : EDB_OK;
}

/* ---- By time ------------------------------------------------------------------------------------
 */

/* What decides when time counts: a tight type costs nothing, as its batch has to be; of the others,
 * the most own per weight. */
static bool beats_light(void *self, const edb_state *s, uint32_t type, uint32_t other) {
  const double *weight = self;
  bool tight = edb_state_is_tight(s, type), other_tight = edb_state_is_tight(s, other);
  double value = (double)s->ready_own[type], other_value = (double)s->ready_own[other];
  if (tight != other_tight) return tight;
  if (!tight && weight[type] > 0) value /= weight[type];
  if (!tight && weight[other] > 0) other_value /= weight[other];
  return value > other_value;
}

static uint32_t choose_light(void *self, const edb_state *s) {
  uint32_t best = edb_state_next_ready(s, 0);
  for (uint32_t t = edb_state_next_ready(s, best + 1); t != EDB_TYPE_NONE;
       t = edb_state_next_ready(s, t + 1)) {
    if (beats_light(self, s, t, best)) best = t;
  }
  return best;
}

/* A whole pass, forwards or backwards, whose words are taken where they are lighter. */
static edb_status lighten(edb_attempts *a, const edb_policy *policy, edb_policy_kind kind,
                          bool reverse, edb_error *error) {
  edb_rule rule = {.kind = kind, .fsm = policy->fsm, .schema = a->schema};
  uint32_t misses;
  a->state.problem = reverse ? &a->reverse : &a->forward;
  if (kind == EDB_POLICY_BEST) {
    edb_chooser chooser = {.choose = choose_light, .beats = beats_light, .self = a->weight};
    edb_pass(&a->state, &chooser, EDB_GAVE_UP, &a->trial);
  } else {
    EDB_TRY(edb_rule_pass(a->ctx, &rule, &a->state, EDB_GAVE_UP, &a->trial, &misses, error));
  }
  if (reverse)
    edb_words_take_reversed(&a->light, &a->forward, &a->trial);
  else
    edb_words_take(&a->light, &a->forward, &a->trial);
  return EDB_OK;
}

/* Costs of other types are an error on every graph. */
static edb_status find_weights(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  size_t bytes = a->forward.n_types * sizeof *a->weight;
  a->weight = edb_alloc(a->ctx, bytes);
  if (a->weight == NULL && bytes > 0) return edb_fail_memory(error, bytes, "the weights of types");
  return edb_costs_weights(a->ctx, policy->costs, &a->forward, a->schema, a->weight, error);
}

#define LIGHT_PASSES 7

/* The lightest words of all passes; a schedule at the bound cannot be lighter. */
static edb_status attempt_light(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  if (edb_attempts_meet_bound(a) || !pays(a, policy, PASS_NS * LIGHT_PASSES, PASS_NODES))
    return EDB_OK;
  EDB_TRY(edb_words_init(a->ctx, &a->forward, a->weight, &a->light, error));
  edb_words_take(&a->light, &a->forward, &a->best);
  for (int reverse = 0; reverse < 2; reverse++) {
    EDB_TRY(lighten(a, policy, EDB_POLICY_TIGHT, reverse, error));
    EDB_TRY(lighten(a, policy, EDB_POLICY_BEST, reverse, error));
  }
  if (policy->fsm != NULL) EDB_TRY(lighten(a, policy, EDB_POLICY_FSM, false, error));
  EDB_TRY(lighten(a, policy, EDB_POLICY_AGENDA_STATIC, false, error));
  EDB_TRY(lighten(a, policy, EDB_POLICY_AGENDA_RUNNING, false, error));
  EDB_TRY(lighten(a, policy, EDB_POLICY_DEPTH, false, error));
  a->state.problem = &a->forward;
  edb_words_run(&a->light, &a->state, &a->trial);
  if (weigh(a, &a->trial) >= weigh(a, &a->best)) return EDB_OK;
  edb_batches lighter = a->trial;
  a->trial = a->best;
  a->best = lighter;
  a->kind = EDB_POLICY_BEST;
  a->misses = 0;
  return EDB_OK;
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
    keep_words(a, EDB_POLICY_EXACT);
    a->proven = edb_words_bound(&a->words, &a->forward);
  }
  a->kind = EDB_POLICY_EXACT;
  return EDB_OK;
}

edb_status edb_attempt_policy(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  switch (policy->kind) {
  case EDB_POLICY_BEST:
    if (policy->costs != NULL) EDB_TRY(find_weights(a, policy, error));
    EDB_TRY(attempt_all(a, policy, error));
    return policy->costs == NULL ? EDB_OK : attempt_light(a, policy, error);
  case EDB_POLICY_BEAM:
    return attempt_beam(a, policy, 0, error);
  case EDB_POLICY_EXACT:
    return attempt_exact(a, policy, error);
  case EDB_POLICY_FSM:
    return attempt_fsm(a, policy->fsm, error);
  case EDB_POLICY_SUFFICIENT:
  case EDB_POLICY_TIGHT:
    return attempt_both_ways(a, policy->kind, error);
  default:
    return edb_attempt(a, policy->kind, false, NULL, error);
  }
}
