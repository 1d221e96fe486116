/* policy/learn.c: learns an FSM by tabular Q-learning over one or several mini-batches.
 *
 * One episode is one schedule of one mini-batch, the mini-batches in turn. A step is one choice of
 * a type; the rewards of what is forced count for the choice before it. The value of a choice moves
 * towards the rewards of the next n steps, plus, with bootstrap, the best value of the state they
 * lead to. Every so often the greedy table is tried, and the best one is kept.
 *
 * Five things are added to what was published, unless `as_published` asks for that alone:
 *   - States speak of one component of types.
 *   - Learning starts from a teacher, the rule or the beam. What it mostly chooses in a state is
 * preferred until its value falls, and the first table that is tried is made of these choices.
 *   - Cuts of the mini-batches are scheduled beside them (cuts.h).
 *   - A local search follows: one choice of the best table at a time is changed, also to "leave the
 * state to the rule", and what helps is kept. Where the rule itself is still better, as it is when
 * states are too coarse to tell apart what it does, the search starts again from the rule's own
 * table: an FSM never does worse than the rule on what it learned from.
 *   - Cuts are held out. Where the table is not clearly better than the rule on them, the rule's
 * own table is what was learned. */
#include "base/clock.h"
#include "base/sized.h"
#include "policy/learner.h"

#include <string.h>

/* A table must need fewer batches than the rule by one in so many, where it is tried on what it was
 * not learned from: less is chance. */
#define WORTH 100

static const char *const teacher_names[] = {
#define EDB_TEACHER_NAME(name, text, help) text,
    EDB_TEACHER_LIST(EDB_TEACHER_NAME)
#undef EDB_TEACHER_NAME
};

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

const char *edb_teacher_name(edb_teacher teacher) {
  return (unsigned)teacher < EDB_TEACHER_COUNT ? teacher_names[teacher] : "unknown";
}

bool edb_teacher_from_name(const char *name, edb_teacher *out) {
  if (name == NULL) return false;
  for (uint32_t i = 0; i < EDB_TEACHER_COUNT; i++) {
    if (strcmp(name, teacher_names[i]) != 0) continue;
    *out = (edb_teacher)i;
    return true;
  }
  return false;
}

/* ---- Teachers ----------------------------------------------------------- */

/* One vote for a type in the world's state. */
static edb_status vote(edb_learner *l, edb_world *w, uint32_t component, uint32_t type,
                       edb_error *error) {
  uint32_t at = 0;
  EDB_TRY(edb_learner_row(l, w, component, &at, error));
  uint32_t i = l->rows.data[at].first;
  while (edb_learner_type(l, w, i) != type) i++;
  l->actions.data[i].votes++;
  return EDB_OK;
}

/* Counts the rule's choices per state, and its batches. */
static edb_status watch_rule(edb_learner *l, edb_world *w, edb_error *error) {
  edb_state *s = &w->state;
  edb_state_reset(s);
  while (s->n_done < w->problem.n_nodes) {
    uint32_t component, type = edb_fsm_forced(l->fsm, s, &component);
    if (type == EDB_TYPE_NONE) {
      type = edb_fsm_rule(l->fsm, s, component);
      EDB_TRY(vote(l, w, component, type, error));
    }
    edb_state_run(s, type, NULL);
    w->rule_batches++;
  }
  return EDB_OK;
}

/* A problem as a dag of its own numbers. */
static edb_dag dag_of(const edb_problem *p) {
  return (edb_dag){.n_nodes = p->n_nodes,
                   .n_types = p->n_types,
                   .type = p->type,
                   .in_start = p->in_start,
                   .in_node = p->in,
                   .unbatchable = p->unbatchable};
}

/* Counts the choices of a schedule made by another policy. */
static edb_status watch_schedule(edb_learner *l, edb_world *w, const edb_schedule *schedule,
                                 edb_error *error) {
  edb_state *s = &w->state;
  const edb_node *nodes = NULL;
  uint32_t n_batches = edb_schedule_describe(schedule).n_batches, type = 0;
  edb_state_reset(s);
  for (uint32_t i = 0; i < n_batches; i++) {
    uint32_t component, count = edb_schedule_batch(schedule, i, &type, &nodes);
    EDB_ASSERT(count > 0 && s->ready_count[type] > 0);
    if (edb_fsm_forced(l->fsm, s, &component) == EDB_TYPE_NONE && edb_state_in(s, type, component))
      EDB_TRY(vote(l, w, component, type, error));
    edb_state_run(s, type, NULL);
  }
  return EDB_OK;
}

static edb_status watch_beam(edb_learner *l, edb_error *error) {
  edb_policy *beam = NULL;
  EDB_TRY(edb_policy_create(l->ctx, EDB_POLICY_BEAM, &beam, error));
  edb_status status = EDB_OK;
  for (size_t i = 0; i < l->n_worlds && status == EDB_OK; i++) {
    edb_world *w = &l->worlds.data[i];
    edb_schedule *schedule = NULL;
    edb_dag dag = dag_of(&w->problem);
    status = edb_schedule_dag(l->ctx, beam, &dag, &schedule, error);
    if (status == EDB_OK) status = watch_schedule(l, w, schedule, error);
    edb_schedule_destroy(schedule);
  }
  edb_policy_destroy(beam);
  return status;
}

/* The majority becomes the prior; the values follow it. */
static void set_priors(edb_learner *l) {
  for (size_t at = 0; at < l->rows.length; at++) {
    edb_row *row = &l->rows.data[at];
    edb_action *actions = l->actions.data;
    uint32_t first = row->prior;
    for (uint32_t i = row->first; i < row->first + row->count; i++)
      if (actions[i].votes > actions[row->prior].votes) row->prior = i;
    double value = actions[first].value;
    actions[first].value = actions[row->prior].value;
    actions[row->prior].value = value;
  }
}

/* The rule as a table: what it always chose the same in, the other states left to it. Votes of
 * another teacher only tell which states come up. */
static edb_status keep_rule(edb_learner *l, edb_error *error) {
  for (size_t at = 0; at < l->rows.length; at++) {
    edb_row *row = &l->rows.data[at];
    row->choice = EDB_LEAVE;
    row->visits = 0;
    for (uint32_t i = row->first; i < row->first + row->count; i++) {
      if (l->actions.data[i].votes == 0) continue;
      row->choice = row->visits > 0 || l->params.teacher != EDB_TEACHER_RULE ? EDB_LEAVE : i;
      row->visits++;
    }
  }
  return edb_learner_keep(l, l->rule_batches, error);
}

/* ---- Q-learning --------------------------------------------------------- */

typedef struct step {
  uint32_t action;
  double before; /* rewards of the episode before this step */
} step;

typedef struct episode {
  edb_learner *learner;
  edb_world *world;
  double epsilon;
  double rewards; /* so far */
  EDB_VEC(step) steps;
} episode;

static void settle(episode *e, const step *s, double target) {
  double *value = &e->learner->actions.data[s->action].value;
  *value += e->learner->params.learning_rate * (target - *value);
}

/* Greedy, but with probability epsilon any of the ready types. */
static uint32_t explore(edb_learner *l, uint32_t at, double epsilon) {
  const edb_row *row = &l->rows.data[at];
  if (edb_rng_uniform(&l->rng) >= epsilon) return edb_learner_greedy(l, at);
  return row->first + edb_rng_below(&l->rng, row->count);
}

/* Chooses the type of one step, and settles the step that lies n steps back. */
static edb_status take_step(episode *e, uint32_t component, uint32_t *type, edb_error *error) {
  edb_learner *l = e->learner;
  uint32_t at = 0, n = l->params.n_step;
  EDB_TRY(edb_learner_row(l, e->world, component, &at, error));
  if (e->steps.length >= n) {
    EDB_ASSERT(e->steps.data != NULL); /* n > 0 */
    const step *old = &e->steps.data[e->steps.length - n];
    double ahead = l->params.bootstrap ? l->actions.data[edb_learner_greedy(l, at)].value : 0;
    settle(e, old, e->rewards - old->before + ahead);
  }
  step next = {.action = explore(l, at, e->epsilon), .before = e->rewards};
  *type = edb_learner_type(l, e->world, next.action);
  if (!edb_vec_push(l->ctx, &e->steps, next))
    return edb_fail_memory(error, sizeof next, "the steps of an episode");
  return EDB_OK;
}

/* Runs a batch; its reward. */
static double run_batch(episode *e, uint32_t type) {
  edb_world *w = e->world;
  edb_state *s = &w->state;
  if (e->learner->params.reward == EDB_REWARD_BOUND) {
    uint32_t before = s->remaining_bound;
    edb_state_run(s, type, NULL);
    return (double)(before - s->remaining_bound) - 1;
  }
  double share = (double)s->ready_count[type] / w->shares.frontier[type];
  uint32_t count = edb_state_run(s, type, e->learner->nodes.data);
  edb_shares_ran(&w->shares, type, e->learner->nodes.data, count);
  return w->problem.unbatchable[type] ? 0 : share - 1;
}

static edb_status run_episode(episode *e, edb_error *error) {
  edb_state *s = &e->world->state;
  e->rewards = 0;
  e->steps.length = 0;
  edb_state_reset(s);
  if (e->learner->params.reward == EDB_REWARD_FRONTIER) edb_shares_reset(&e->world->shares);
  while (s->n_done < e->world->problem.n_nodes) {
    uint32_t component, type = edb_fsm_forced(e->learner->fsm, s, &component);
    if (type == EDB_TYPE_NONE) EDB_TRY(take_step(e, component, &type, error));
    e->rewards += run_batch(e, type);
  }
  size_t n = e->learner->params.n_step, length = e->steps.length;
  for (size_t i = length > n ? length - n : 0; i < length; i++)
    settle(e, &e->steps.data[i], e->rewards - e->steps.data[i].before);
  return EDB_OK;
}

/* ---- The course of learning --------------------------------------------- */

static bool good_enough(const edb_learner *l) {
  return (double)(l->best_batches - l->bound) <= l->params.stop_within * (double)l->bound;
}

static edb_status report_progress(const edb_learner *l, edb_error *error) {
  if (l->params.progress == NULL) return EDB_OK;
  edb_learn_progress progress = {.episode = l->episodes,
                                 .max_episodes = l->params.max_episodes,
                                 .batches = l->best_batches,
                                 .bound = l->bound,
                                 .states = (uint32_t)l->best.length};
  EDB_FAIL_IF(!l->params.progress(l->params.progress_user, &progress), error, EDB_ERROR_CANCELLED,
              "learning was cancelled after %u episode%s", l->episodes, EDB_S(l->episodes));
  return EDB_OK;
}

static edb_status evaluate(edb_learner *l, edb_error *error) {
  bool better = false;
  for (uint32_t at = 0; at < l->rows.length; at++)
    l->rows.data[at].choice = edb_learner_greedy(l, at);
  EDB_TRY(edb_learner_try(l, &better, error));
  return report_progress(l, error);
}

static edb_status run_episodes(edb_learner *l, episode *e, edb_error *error) {
  const edb_learn_params *p = &l->params;
  double epsilon = p->epsilon_start;
  EDB_TRY(evaluate(l, error));
  while (l->episodes < p->max_episodes && !good_enough(l)) {
    e->world = &l->worlds.data[l->episodes % l->n_worlds];
    e->epsilon = epsilon > p->epsilon_end ? epsilon : p->epsilon_end;
    EDB_TRY(run_episode(e, error));
    epsilon *= p->epsilon_decay;
    l->episodes++;
    if (l->episodes % p->evaluate_every == 0 || l->episodes == p->max_episodes)
      EDB_TRY(evaluate(l, error));
  }
  return EDB_OK;
}

/* Tries the other choices of one row of the best table. */
static edb_status improve_row(edb_learner *l, uint32_t at, uint32_t *tries, bool *better,
                              edb_error *error) {
  const edb_row row = l->rows.data[at];
  for (uint32_t i = 0; i <= row.count; i++) {
    uint32_t choice = i < row.count ? row.first + i : EDB_LEAVE;
    bool kept = false;
    if (choice == l->best.data[at].choice) continue;
    l->rows.data[at].choice = choice;
    EDB_TRY(edb_learner_try(l, &kept, error));
    ++*tries;
    if (kept) *better = true;
    l->rows.data[at].choice = l->best.data[at].choice;
  }
  return EDB_OK;
}

/* Sweeps over the rows that the best table uses until nothing helps or `most` tables were tried. */
static edb_status improve(edb_learner *l, uint32_t most, edb_error *error) {
  uint32_t tries = 0;
  bool better = true;
  for (size_t at = 0; at < l->best.length; at++) l->rows.data[at].choice = l->best.data[at].choice;
  while (better && tries < most) {
    better = false;
    for (uint32_t at = 0; at < l->best.length && tries < most && !good_enough(l); at++)
      if (l->best.data[at].used) EDB_TRY(improve_row(l, at, &tries, &better, error));
    EDB_TRY(report_progress(l, error));
  }
  return EDB_OK;
}

/* Each search makes at most half as many schedules as episodes are allowed. */
static edb_status search(edb_learner *l, edb_error *error) {
  uint32_t most = l->params.max_episodes / l->n_graphs / 2;
  EDB_TRY(improve(l, most, error));
  if (l->rule_batches >= l->best_batches) return EDB_OK;
  EDB_TRY(keep_rule(l, error));
  return improve(l, most, error);
}

/* Cuts that nothing was learned from: a table that is not clearly better than the rule there has
 * learned its mini-batches by heart, and the rule is kept instead. */
static edb_status confirm(edb_learner *l, edb_error *error) {
  uint64_t table, rule;
  if (l->n_worlds == l->worlds.length) return EDB_OK;
  EDB_TRY(edb_learner_hold_out(l, &table, &rule, error));
  if (table + rule / WORTH <= rule && table < rule) return EDB_OK;
  for (size_t i = l->n_worlds; i < l->worlds.length; i++)
    EDB_TRY(watch_rule(l, &l->worlds.data[i], error));
  return keep_rule(l, error);
}

static edb_status learn_table(edb_learner *l, edb_error *error) {
  for (size_t i = 0; i < l->n_worlds; i++) {
    EDB_TRY(watch_rule(l, &l->worlds.data[i], error));
    l->rule_batches += l->worlds.data[i].rule_batches;
  }
  if (!l->params.as_published) {
    if (l->params.teacher == EDB_TEACHER_BEAM) {
      for (size_t i = 0; i < l->actions.length; i++) l->actions.data[i].votes = 0;
      EDB_TRY(watch_beam(l, error));
    }
    set_priors(l);
  }
  episode e = {.learner = l};
  edb_status status = run_episodes(l, &e, error);
  edb_vec_free(l->ctx, &e.steps);
  if (status == EDB_OK && !l->params.as_published && !good_enough(l)) {
    status = search(l, error);
    if (status == EDB_OK) status = confirm(l, error);
  }
  return status;
}

static edb_status learn(edb_learner *l, uint64_t *batches, uint64_t *bound, edb_error *error) {
  edb_error why;
  edb_status status = learn_table(l, &why);
  if (status == EDB_OK) status = edb_learner_finish(l, batches, bound, &why);
  if (status == EDB_ERROR_LIMIT) return edb_learner_give_up(l, batches, bound, error);
  return status == EDB_OK ? EDB_OK : edb_fail(error, status, "%s", why.text);
}

/* ---- Entry points ------------------------------------------------------- */

static edb_status check_params(const edb_learn_params *p, edb_error *error) {
  EDB_FAIL_IF((unsigned)p->encoding >= EDB_ENCODING_COUNT, error, EDB_ERROR_ARGUMENT,
              "encoding %d does not exist", (int)p->encoding);
  EDB_FAIL_IF((unsigned)p->teacher >= EDB_TEACHER_COUNT, error, EDB_ERROR_ARGUMENT,
              "teacher %d does not exist", (int)p->teacher);
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
  EDB_TAKE_PARAMS(edb_learn_params, p, given, error);
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

edb_status edb_policy_learn_dags(edb_context *ctx, const edb_dag *dags, uint32_t n_dags,
                                 const edb_schema *schema, edb_fsm_granularity granularity,
                                 const edb_learn_params *params, edb_policy **out,
                                 edb_error *error) {
  uint64_t start = edb_clock_ns();
  edb_learn_params filled;
  edb_learner l;
  uint64_t batches = 0, bound = 0;
  EDB_FAIL_IF(n_dags == 0, error, EDB_ERROR_ARGUMENT, "learning needs at least one graph");
  EDB_FAIL_IF((schema == NULL) != (granularity == EDB_FSM_RAW), error, EDB_ERROR_ARGUMENT,
              "granularity \"%s\" %s a schema", edb_fsm_granularity_name(granularity),
              schema == NULL ? "needs" : "has no");
  EDB_TRY(fill_params(params, &filled, error));
  edb_status status =
      edb_learner_set_up(&l, ctx, dags, n_dags, schema, granularity, &filled, error);
  if (status == EDB_OK) status = learn(&l, &batches, &bound, error);
  if (status == EDB_OK) status = edb_fsm_to_policy(l.fsm, out, error);
  if (status == EDB_OK) {
    (*out)->learned = (edb_learn_report){.episodes = l.episodes,
                                         .states = edb_fsm_state_count(l.fsm),
                                         .batches = batches,
                                         .bound = bound,
                                         .nanoseconds = edb_clock_ns() - start};
    l.fsm = NULL; /* the policy's */
  }
  edb_learner_tear_down(&l);
  return status;
}

edb_status edb_policy_learn(edb_context *ctx, const edb_graph *const *graphs, uint32_t n_graphs,
                            const edb_learn_params *params, edb_policy **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, out);
  EDB_REQUIRE_EACH(error, graphs, n_graphs);
  EDB_FAIL_IF(n_graphs == 0, error, EDB_ERROR_ARGUMENT, "learning needs at least one graph");
  edb_dag *dags = edb_alloc(ctx, n_graphs * sizeof *dags);
  if (dags == NULL) return edb_fail_memory(error, n_graphs * sizeof *dags, "the views of graphs");
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i < n_graphs && status == EDB_OK; i++) {
    dags[i] = edb_graph_pending(graphs[i]);
    if (graphs[i]->schema != graphs[0]->schema)
      status = edb_fail(error, EDB_ERROR_ARGUMENT,
                        "graph %u of %u to learn from belongs to another model than the first", i,
                        n_graphs);
  }
  const edb_schema *schema = graphs[0]->schema;
  edb_fsm_granularity granularity = schema->of_operators ? EDB_FSM_OP : EDB_FSM_CELL;
  if (status == EDB_OK)
    status = edb_policy_learn_dags(ctx, dags, n_graphs, schema, granularity, params, out, error);
  edb_free(ctx, dags, n_graphs * sizeof *dags);
  return status;
}
