/* policy/learn.c: learns an FSM by tabular Q-learning over one or several mini-batches.
 *
 * One episode is one schedule of one mini-batch, the mini-batches in turn. A step is one choice of a
 * type; what is forced (unbatchable nodes, a single ready type) is not a state, its rewards count for the
 * choice before it. The value of a choice moves towards the rewards of n steps, plus, with bootstrap,
 * the best value of the state they lead to.
 *
 * Learning starts from the tight rule: a first pass over all mini-batches counts what the rule chooses in
 * each state, the majority is the state's prior, which is preferred until its value falls. The best
 * table of all evaluations is kept. If even that needs more batches than the rule itself does, then the
 * states are too coarse for some of the rule's choices: the table is then what the rule always chose the
 * same in, and the other states are left to it as misses. */
#include "base/clock.h"
#include "base/rng.h"
#include "base/vec.h"
#include "policy/fsm.h"

#include <math.h>
#include <string.h>

/* First value of the choices that are not the prior: one batch lost. */
#define DOUBT (-1.0)

typedef struct action {
  uint32_t type;  /* of the FSM */
  uint32_t votes; /* of the tight rule */
  double value;
} action;

typedef struct row {
  uint32_t first, count; /* actions: the ready types in the order of the tokens */
  uint32_t prior;        /* preferred among equals */
} row;

typedef struct step {
  uint32_t action;
  double before; /* rewards of the episode before this step */
} step;

/* One mini-batch. */
typedef struct world {
  edb_problem problem;
  edb_state state;
  edb_fsm_binding binding;
} world;

typedef struct learner {
  edb_context *ctx;
  edb_learn_params params; /* defaults filled in */
  edb_fsm *fsm;            /* gets the states at the end */
  world *worlds;
  uint32_t n_worlds, n_ready_worlds; /* those below n_ready_worlds are initialised */
  edb_map states;                    /* tokens -> row */
  EDB_VEC(row) rows;
  EDB_VEC(action) actions;
  EDB_VEC(step) steps;
  EDB_VEC(uint32_t) best;    /* row -> action of the best table; newer rows are not in it */
  EDB_VEC(edb_token) tokens; /* scratch: one per type of the FSM */
  uint64_t best_batches, tight_batches, bound;
  uint32_t episodes;
  edb_rng rng;
} learner;

/* ---- Rows --------------------------------------------------------------------------------------- */

static edb_status add_row(learner *l, const world *w, uint32_t count, uint32_t *out,
                          edb_error *error) {
  const edb_token *tokens = w->binding.tokens;
  uint32_t tight = w->binding.to_fsm[edb_tight_choose(&w->state)];
  row r = {.first = (uint32_t)l->actions.length, .count = count};
  if (!edb_vec_reserve(l->ctx, &l->rows, l->rows.length + 1) ||
      !edb_vec_reserve(l->ctx, &l->actions, l->actions.length + count) ||
      !edb_map_put(&l->states, tokens, count * sizeof *tokens, (uint32_t)l->rows.length))
    return edb_fail_memory(error, count * sizeof(action), "the states of learning");
  for (uint32_t i = 0; i < count; i++) {
    uint32_t type = edb_token_type(tokens[i]);
    bool prior = type == tight || l->params.plain_start;
    if (type == tight && !l->params.plain_start) r.prior = r.first + i;
    l->actions.data[l->actions.length++] = (action){.type = type, .value = prior ? 0 : DOUBT};
  }
  if (l->params.plain_start) r.prior = r.first;
  *out = (uint32_t)l->rows.length;
  l->rows.data[l->rows.length++] = r;
  return EDB_OK;
}

/* The row of the world's state, made on the first visit. */
static edb_status find_row(learner *l, const world *w, uint32_t *out, edb_error *error) {
  edb_token *tokens = w->binding.tokens;
  uint32_t count = edb_encode(l->params.encoding, &w->state, w->binding.to_fsm, tokens);
  EDB_ASSERT(count != UINT32_MAX);
  *out = edb_map_get(&l->states, tokens, count * sizeof *tokens);
  return *out != EDB_MAP_NONE ? EDB_OK : add_row(l, w, count, out, error);
}

/* The action of the largest value; among equals the prior, then the first. */
static uint32_t greedy(const learner *l, uint32_t at) {
  const row *r = &l->rows.data[at];
  const action *actions = l->actions.data;
  uint32_t best = r->prior;
  for (uint32_t i = r->first; i < r->first + r->count; i++)
    if (actions[i].value > actions[best].value) best = i;
  return best;
}

static uint32_t problem_type(const learner *l, const world *w, uint32_t at) {
  return w->binding.to_problem[l->actions.data[at].type];
}

/* ---- Passes: the tight rule, greedy, learning --------------------------------------------------- */

/* Counts the tight rule's choices per state, and its batches. */
static edb_status watch_tight(learner *l, world *w, edb_error *error) {
  edb_state *s = &w->state;
  edb_state_reset(s);
  while (s->n_done < w->problem.n_nodes) {
    uint32_t type = edb_state_forced(s), at = 0;
    if (type == EDB_TYPE_NONE) {
      EDB_TRY(find_row(l, w, &at, error));
      type = edb_tight_choose(s);
      for (uint32_t i = l->rows.data[at].first;; i++) {
        if (l->actions.data[i].type != w->binding.to_fsm[type]) continue;
        l->actions.data[i].votes++;
        break;
      }
    }
    edb_state_run(s, type, NULL);
    l->tight_batches++;
  }
  return EDB_OK;
}

/* The majority becomes the prior. */
static void set_priors(learner *l) {
  for (size_t at = 0; at < l->rows.length; at++) {
    row *r = &l->rows.data[at];
    for (uint32_t i = r->first; i < r->first + r->count; i++)
      if (l->actions.data[i].votes > l->actions.data[r->prior].votes) r->prior = i;
    for (uint32_t i = r->first; i < r->first + r->count; i++)
      l->actions.data[i].value = i == r->prior ? 0 : DOUBT;
  }
}

/* Batches of the greedy policy; stops early, with what it has, once they cannot be fewer than `limit`. */
static edb_status run_greedy(learner *l, world *w, uint64_t limit, uint64_t *batches,
                             edb_error *error) {
  edb_state *s = &w->state;
  uint64_t count = 0;
  edb_state_reset(s);
  while (s->n_done < w->problem.n_nodes && count + s->remaining_bound < limit) {
    uint32_t type = edb_state_forced(s), at = 0;
    if (type == EDB_TYPE_NONE) {
      EDB_TRY(find_row(l, w, &at, error));
      type = problem_type(l, w, greedy(l, at));
    }
    edb_state_run(s, type, NULL);
    count++;
  }
  *batches = count + s->remaining_bound;
  return EDB_OK;
}

/* Keeps the table if it is the best so far. */
static edb_status evaluate(learner *l, edb_error *error) {
  uint64_t total = 0, rest = l->bound;
  for (uint32_t i = 0; i < l->n_worlds && total + rest < l->best_batches; i++) {
    uint64_t batches = 0;
    rest -= l->worlds[i].problem.bound;
    EDB_TRY(run_greedy(l, &l->worlds[i], l->best_batches - total - rest, &batches, error));
    total += batches;
  }
  if (total + rest >= l->best_batches) return EDB_OK;
  if (!edb_vec_reserve(l->ctx, &l->best, l->rows.length))
    return edb_fail_memory(error, l->rows.length * sizeof(uint32_t), "the best table");
  for (uint32_t at = 0; at < l->rows.length; at++) l->best.data[at] = greedy(l, at);
  l->best.length = l->rows.length;
  l->best_batches = total;
  return EDB_OK;
}

static void update(learner *l, const step *s, double target) {
  double *value = &l->actions.data[s->action].value;
  *value += l->params.learning_rate * (target - *value);
}

/* Greedy, but with probability epsilon any of the ready types. */
static uint32_t explore(learner *l, uint32_t at, double epsilon) {
  const row *r = &l->rows.data[at];
  if (edb_rng_uniform(&l->rng) >= epsilon) return greedy(l, at);
  return r->first + edb_rng_below(&l->rng, r->count);
}

/* Chooses the type of one step, and settles the step that lies n steps back. */
static edb_status choose_step(learner *l, const world *w, double epsilon, double rewards,
                              uint32_t *type, edb_error *error) {
  uint32_t at = 0, n = l->params.n_step;
  EDB_TRY(find_row(l, w, &at, error));
  if (l->steps.length >= n) {
    const step *old = &l->steps.data[l->steps.length - n];
    double ahead = l->params.bootstrap ? l->actions.data[greedy(l, at)].value : 0;
    update(l, old, rewards - old->before + ahead);
  }
  step next = {.action = explore(l, at, epsilon), .before = rewards};
  *type = problem_type(l, w, next.action);
  if (!edb_vec_push(l->ctx, &l->steps, next))
    return edb_fail_memory(error, sizeof next, "the steps of an episode");
  return EDB_OK;
}

static edb_status run_episode(learner *l, world *w, double epsilon, edb_error *error) {
  edb_state *s = &w->state;
  double rewards = 0;
  l->steps.length = 0;
  edb_state_reset(s);
  while (s->n_done < w->problem.n_nodes) {
    uint32_t type = edb_state_forced(s), before = s->remaining_bound;
    if (type == EDB_TYPE_NONE) EDB_TRY(choose_step(l, w, epsilon, rewards, &type, error));
    edb_state_run(s, type, NULL);
    rewards += (double)(before - s->remaining_bound) - 1;
  }
  size_t n = l->params.n_step, length = l->steps.length;
  for (size_t i = length > n ? length - n : 0; i < length; i++)
    update(l, &l->steps.data[i], rewards - l->steps.data[i].before);
  return EDB_OK;
}

/* ---- The course of learning --------------------------------------------------------------------- */

static bool good_enough(const learner *l) {
  return (double)(l->best_batches - l->bound) <= l->params.stop_within * (double)l->bound;
}

static edb_status report_progress(const learner *l, edb_error *error) {
  if (l->params.progress == NULL) return EDB_OK;
  edb_learn_progress progress = {.episode = l->episodes,
                                 .max_episodes = l->params.max_episodes,
                                 .batches = l->best_batches,
                                 .bound = l->bound,
                                 .states = (uint32_t)l->best.length};
  EDB_FAIL_IF(!l->params.progress(l->params.progress_user, &progress), error, EDB_ERROR_CANCELLED,
              "learning was cancelled after %u episodes", l->episodes);
  return EDB_OK;
}

static edb_status learn(learner *l, edb_error *error) {
  const edb_learn_params *params = &l->params;
  for (uint32_t i = 0; i < l->n_worlds; i++) EDB_TRY(watch_tight(l, &l->worlds[i], error));
  if (!params->plain_start) set_priors(l);
  EDB_TRY(evaluate(l, error));
  EDB_TRY(report_progress(l, error));
  double epsilon = params->epsilon_start;
  while (l->episodes < params->max_episodes && !good_enough(l)) {
    double e = epsilon > params->epsilon_end ? epsilon : params->epsilon_end;
    EDB_TRY(run_episode(l, &l->worlds[l->episodes % l->n_worlds], e, error));
    epsilon *= params->epsilon_decay;
    l->episodes++;
    if (l->episodes % params->evaluate_every != 0 && l->episodes != params->max_episodes) continue;
    EDB_TRY(evaluate(l, error));
    EDB_TRY(report_progress(l, error));
  }
  return EDB_OK;
}

/* The only action that the tight rule chose in this row, or UINT32_MAX. */
static uint32_t unanimous(const learner *l, const row *r) {
  uint32_t only = UINT32_MAX;
  for (uint32_t i = r->first; i < r->first + r->count; i++) {
    if (l->actions.data[i].votes == 0) continue;
    if (only != UINT32_MAX) return UINT32_MAX;
    only = i;
  }
  return only;
}

/* Fills the FSM with the best table, or with the tight rule where that is better. */
static edb_status fill_fsm(learner *l, edb_error *error) {
  bool rule = l->tight_batches < l->best_batches;
  size_t n_rows = rule ? l->rows.length : l->best.length;
  if (!edb_vec_reserve(l->ctx, &l->tokens, (size_t)l->fsm->n_types + 1))
    return edb_fail_memory(error, l->fsm->n_types * sizeof(edb_token), "the states of a policy");
  if (rule) l->best_batches = l->tight_batches;
  for (size_t at = 0; at < n_rows; at++) {
    uint32_t chosen = rule ? unanimous(l, &l->rows.data[at]) : l->best.data[at];
    if (chosen == UINT32_MAX) continue;
    uint32_t count = l->rows.data[at].count;
    memcpy(l->tokens.data, edb_map_key(&l->states, at), count * sizeof(edb_token));
    EDB_TRY(edb_fsm_set(l->fsm, l->tokens.data, count, l->actions.data[chosen].type, error));
  }
  l->fsm->record = (edb_fsm_record){.present = true,
                                    .episodes = l->episodes,
                                    .n_graphs = l->n_worlds,
                                    .seed = l->params.seed,
                                    .batches = l->best_batches,
                                    .bound = l->bound,
                                    .reward = l->params.reward};
  return EDB_OK;
}

/* ---- Before and after --------------------------------------------------------------------------- */

static edb_status check_params(const edb_learn_params *p, edb_error *error) {
  EDB_FAIL_IF(p->struct_bytes != sizeof *p, error, EDB_ERROR_ARGUMENT,
              "edb_learn_params.struct_bytes is %zu, expected %zu: use EDB_PARAMS", p->struct_bytes,
              sizeof *p);
  EDB_FAIL_IF((unsigned)p->encoding >= EDB_ENCODING_COUNT, error, EDB_ERROR_ARGUMENT,
              "encoding %d does not exist", (int)p->encoding);
  EDB_FAIL_IF((unsigned)p->reward >= EDB_REWARD_COUNT, error, EDB_ERROR_ARGUMENT,
              "reward %d does not exist", (int)p->reward);
  const double rates[] = {p->learning_rate, p->epsilon_start, p->epsilon_decay, p->epsilon_end};
  const char *const names[] = {"learning_rate", "epsilon_start", "epsilon_decay", "epsilon_end"};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
    EDB_FAIL_IF(!(rates[i] >= 0 && rates[i] <= 1), error, EDB_ERROR_ARGUMENT,
                "%s is %g, expected a number from 0 to 1", names[i], rates[i]);
  EDB_FAIL_IF(!(p->stop_within >= 0), error, EDB_ERROR_ARGUMENT,
              "stop_within is %g, expected a number that is not negative", p->stop_within);
  return EDB_OK;
}

static edb_status fill_params(const edb_learn_params *given, edb_learn_params *out,
                              edb_error *error) {
  edb_learn_params p = EDB_PARAMS(edb_learn_params);
  if (given != NULL) p = *given;
  EDB_TRY(check_params(&p, error));
  if (p.max_episodes == 0) p.max_episodes = 1000;
  if (p.evaluate_every == 0) p.evaluate_every = 50;
  if (p.n_step == 0) p.n_step = 10;
  if (p.learning_rate == 0) p.learning_rate = 0.4;
  if (p.epsilon_start == 0) p.epsilon_start = 0.5;
  if (p.epsilon_decay == 0) p.epsilon_decay = 0.9;
  if (p.epsilon_end == 0) p.epsilon_end = 0.05;
  if (p.stop_within == 0) p.stop_within = 0.01;
  *out = p;
  return EDB_OK;
}

static edb_status add_world(learner *l, const edb_dag *dag, edb_error *error) {
  world *w = &l->worlds[l->n_ready_worlds];
  EDB_TRY(edb_problem_init(l->ctx, dag, &w->problem, error));
  edb_status status = edb_state_init(l->ctx, &w->problem, &w->state, error);
  if (status != EDB_OK) {
    edb_problem_free(&w->problem);
    return status;
  }
  l->n_ready_worlds++;
  l->bound += w->problem.bound;
  return EDB_OK;
}

/* The batchable types that appear in raw graphs; only these are ever part of a state. */
static edb_status make_raw_fsm(learner *l, edb_error *error) {
  EDB_VEC(uint32_t) numbers = {0};
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i < l->n_worlds && status == EDB_OK; i++) {
    const edb_problem *problem = &l->worlds[i].problem;
    for (uint32_t t = 0; t < problem->n_types && status == EDB_OK; t++)
      if (!problem->unbatchable[t] && !edb_vec_push(l->ctx, &numbers, problem->original_type[t]))
        status = edb_fail_memory(error, sizeof(uint32_t), "the types of raw graphs");
  }
  if (status == EDB_OK)
    status = edb_fsm_create_raw(l->ctx, numbers.data, (uint32_t)numbers.length, l->params.encoding,
                                &l->fsm, error);
  edb_vec_free(l->ctx, &numbers);
  return status;
}

static edb_status set_up(learner *l, const edb_dag *dags, const edb_schema *schema,
                         edb_fsm_granularity granularity, edb_error *error) {
  l->worlds = edb_alloc_zero(l->ctx, l->n_worlds * sizeof *l->worlds);
  if (l->worlds == NULL)
    return edb_fail_memory(error, l->n_worlds * sizeof *l->worlds, "the mini-batches of learning");
  for (uint32_t i = 0; i < l->n_worlds; i++) EDB_TRY(add_world(l, &dags[i], error));
  if (schema == NULL)
    EDB_TRY(make_raw_fsm(l, error));
  else
    EDB_TRY(edb_fsm_create(l->ctx, schema, granularity, l->params.encoding, &l->fsm, error));
  for (uint32_t i = 0; i < l->n_worlds; i++)
    EDB_TRY(edb_fsm_bind(l->ctx, l->fsm, &l->worlds[i].problem, schema, &l->worlds[i].binding, error));
  return EDB_OK;
}

static void tear_down(learner *l) {
  for (uint32_t i = 0; i < l->n_ready_worlds; i++) {
    edb_fsm_unbind(l->ctx, &l->worlds[i].binding);
    edb_state_free(l->ctx, &l->worlds[i].state);
    edb_problem_free(&l->worlds[i].problem);
  }
  if (l->worlds != NULL) edb_free(l->ctx, l->worlds, l->n_worlds * sizeof *l->worlds);
  edb_map_free(&l->states);
  edb_vec_free(l->ctx, &l->rows);
  edb_vec_free(l->ctx, &l->actions);
  edb_vec_free(l->ctx, &l->steps);
  edb_vec_free(l->ctx, &l->best);
  edb_vec_free(l->ctx, &l->tokens);
}

edb_status edb_policy_learn_dags(edb_context *ctx, const edb_dag *dags, uint32_t n_dags,
                                 const edb_schema *schema, edb_fsm_granularity granularity,
                                 const edb_learn_params *params, edb_policy **out,
                                 edb_learn_report *report, edb_error *error) {
  uint64_t start = edb_clock_ns();
  EDB_FAIL_IF(n_dags == 0, error, EDB_ERROR_ARGUMENT, "learning needs at least one graph");
  EDB_FAIL_IF((schema == NULL) != (granularity == EDB_FSM_RAW), error, EDB_ERROR_ARGUMENT,
              "granularity \"%s\" %s a schema", edb_fsm_granularity_name(granularity),
              schema == NULL ? "needs" : "has no");
  learner l = {.ctx = ctx, .n_worlds = n_dags, .best_batches = UINT64_MAX};
  EDB_TRY(fill_params(params, &l.params, error));
  edb_map_init(&l.states, ctx);
  edb_rng_seed(&l.rng, l.params.seed);
  edb_status status = set_up(&l, dags, schema, granularity, error);
  if (status == EDB_OK) status = learn(&l, error);
  if (status == EDB_OK) status = fill_fsm(&l, error);
  if (status == EDB_OK) status = edb_fsm_to_policy(l.fsm, out, error);
  if (status != EDB_OK) edb_fsm_destroy(l.fsm);
  if (status == EDB_OK && report != NULL)
    *report = (edb_learn_report){.episodes = l.episodes,
                                 .states = edb_fsm_state_count(l.fsm),
                                 .batches = l.best_batches,
                                 .bound = l.bound,
                                 .nanoseconds = edb_clock_ns() - start};
  tear_down(&l);
  return status;
}

edb_status edb_policy_learn(edb_context *ctx, const edb_graph *const *graphs, uint32_t n_graphs,
                            const edb_learn_params *params, edb_policy **out,
                            edb_learn_report *report, edb_error *error) {
  EDB_FAIL_IF(n_graphs == 0, error, EDB_ERROR_ARGUMENT, "learning needs at least one graph");
  edb_dag *dags = edb_alloc(ctx, n_graphs * sizeof *dags);
  if (dags == NULL) return edb_fail_memory(error, n_graphs * sizeof *dags, "the views of graphs");
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i < n_graphs && status == EDB_OK; i++) {
    dags[i] = edb_graph_pending(graphs[i]);
    if (graphs[i]->schema != graphs[0]->schema)
      status = edb_fail(error, EDB_ERROR_ARGUMENT,
                        "graph %u of the %u to learn from belongs to another model than the first", i,
                        n_graphs);
  }
  if (status == EDB_OK)
    status = edb_policy_learn_dags(ctx, dags, n_graphs, graphs[0]->schema, EDB_FSM_CELL, params, out,
                                   report, error);
  edb_free(ctx, dags, n_graphs * sizeof *dags);
  return status;
}

static const char *const reward_names[] = {
#define EDB_REWARD_NAME(name, text, help) text,
    EDB_REWARD_LIST(EDB_REWARD_NAME)
#undef EDB_REWARD_NAME
};

const char *edb_reward_name(edb_reward reward) {
  return (unsigned)reward < EDB_REWARD_COUNT ? reward_names[reward] : "unknown";
}

bool edb_reward_from_name(const char *name, edb_reward *out) {
  if (name == NULL) return false;
  for (uint32_t i = 0; i < EDB_REWARD_COUNT; i++) {
    if (strcmp(name, reward_names[i]) != 0) continue;
    *out = (edb_reward)i;
    return true;
  }
  return false;
}
