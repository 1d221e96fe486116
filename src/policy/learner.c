/* policy/learner.c: the states that learning meets, and how good a table of choices is. */
#include "policy/learner.h"

#include "policy/cuts.h"
#include "policy/rules.h"

#include <string.h>

/* First value of the choices that are not the prior: one batch lost. */
#define DOUBT (-1.0)

/* ---- Set-up ------------------------------------------------------------- */

static edb_status add_world(edb_learner *l, const edb_dag *dag, edb_error *error) {
  edb_world w = {0};
  if (!edb_vec_reserve(l->ctx, &l->worlds, l->worlds.length + 1))
    return edb_fail_memory(error, sizeof w, "the mini-batches to learn from");
  EDB_TRY(edb_problem_init(l->ctx, dag, &w.problem, error));
  l->worlds.data[l->worlds.length++] = w;
  if (edb_vec_reserve(l->ctx, &l->nodes, w.problem.n_nodes)) return EDB_OK;
  return edb_fail_memory(error, w.problem.n_nodes * sizeof(uint32_t), "the nodes of a batch");
}

/* The cuts of one mini-batch. */
static edb_status add_cuts(edb_learner *l, uint32_t world, const edb_dag *dag, edb_error *error) {
  edb_problem problem = l->worlds.data[world].problem; /* the worlds may move */
  for (uint32_t c = 0; c < problem.n_components; c++) {
    edb_cuts cuts;
    edb_status status = EDB_OK;
    EDB_TRY(edb_cuts_init(l->ctx, &problem, c, dag, &l->rng, &cuts, error));
    for (uint32_t i = 0; i < cuts.count && status == EDB_OK; i++)
      status = add_world(l, &cuts.dags[i], error);
    edb_cuts_free(l->ctx, &cuts);
    if (status != EDB_OK) return status;
  }
  return EDB_OK;
}

/* Once no more worlds are added: a state refers to the world's problem. */
static edb_status open_world(edb_learner *l, edb_world *w, const edb_schema *schema,
                             edb_error *error) {
  EDB_TRY(edb_state_init(l->ctx, &w->problem, &w->state, error));
  EDB_TRY(edb_fsm_bind(l->ctx, l->fsm, &w->problem, schema, &w->binding, error));
  edb_fsm_attach(&w->binding, &w->state);
  if (l->params.reward != EDB_REWARD_FRONTIER) return EDB_OK;
  return edb_shares_init(l->ctx, &w->problem, &w->shares, error);
}

/* The batchable types that appear in raw graphs; only these are ever part of a state. */
static edb_status make_raw_fsm(edb_learner *l, edb_error *error) {
  EDB_VEC(uint32_t) numbers = {0};
  edb_status status = EDB_OK;
  for (uint32_t i = 0; i < l->n_graphs && status == EDB_OK; i++) {
    const edb_problem *problem = &l->worlds.data[i].problem;
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

edb_status edb_learner_set_up(edb_learner *out, edb_context *ctx, const edb_dag *dags,
                              uint32_t n_dags, const edb_schema *schema,
                              edb_fsm_granularity granularity, const edb_learn_params *params,
                              edb_error *error) {
  edb_learner *l = out;
  *l = (edb_learner){.ctx = ctx, .params = *params, .schema = schema, .best_batches = UINT64_MAX};
  edb_map_init(&l->states, ctx);
  edb_rng_seed(&l->rng, params->seed);
  for (uint32_t i = 0; i < n_dags; i++) EDB_TRY(add_world(l, &dags[i], error));
  l->n_graphs = n_dags;
  for (uint32_t i = 0; i < n_dags && !params->as_published; i++)
    EDB_TRY(add_cuts(l, i, &dags[i], error));
  l->n_worlds = (uint32_t)l->worlds.length;
  for (uint32_t i = 0; i < l->n_worlds; i++) l->bound += l->worlds.data[i].problem.bound;
  for (uint32_t i = 0; i < n_dags && !params->as_published; i++)
    EDB_TRY(add_cuts(l, i, &dags[i], error));
  if (schema == NULL)
    EDB_TRY(make_raw_fsm(l, error));
  else
    EDB_TRY(edb_fsm_create(ctx, schema, granularity, params->encoding, &l->fsm, error));
  l->fsm->scope = params->as_published ? EDB_FSM_GRAPH : EDB_FSM_COMPONENT;
  for (size_t i = 0; i < l->worlds.length; i++)
    EDB_TRY(open_world(l, &l->worlds.data[i], schema, error));
  if (!edb_vec_reserve(ctx, &l->tokens, (size_t)l->fsm->n_types + 1))
    return edb_fail_memory(error, l->fsm->n_types * sizeof(edb_token), "the states of a policy");
  return EDB_OK;
}

void edb_learner_tear_down(edb_learner *l) {
  for (size_t i = 0; i < l->worlds.length; i++) {
    edb_world *w = &l->worlds.data[i];
    edb_shares_free(l->ctx, &w->shares);
    edb_fsm_unbind(l->ctx, &w->binding);
    edb_state_free(l->ctx, &w->state);
    edb_problem_free(&w->problem);
  }
  edb_vec_free(l->ctx, &l->worlds);
  edb_fsm_destroy(l->fsm);
  edb_map_free(&l->states);
  edb_vec_free(l->ctx, &l->rows);
  edb_vec_free(l->ctx, &l->actions);
  edb_vec_free(l->ctx, &l->best);
  edb_vec_free(l->ctx, &l->tokens);
  edb_vec_free(l->ctx, &l->nodes);
}

/* ---- Rows --------------------------------------------------------------- */

static edb_status add_row(edb_learner *l, const edb_world *w, uint32_t component, uint32_t count,
                          uint32_t *out, edb_error *error) {
  const edb_token *tokens = w->binding.tokens;
  uint32_t rule = w->binding.to_fsm[edb_fsm_rule(l->fsm, &w->state, component)];
  edb_row row = {.first = (uint32_t)l->actions.length, .count = count};
  EDB_FAIL_IF(l->actions.length + count > EDB_MOST_TOKENS, error, EDB_ERROR_LIMIT,
              "%zu states, the next one of %u ready types, are too many to learn from",
              l->rows.length, count);
  if (!edb_vec_reserve(l->ctx, &l->rows, l->rows.length + 1) ||
      !edb_vec_reserve(l->ctx, &l->actions, l->actions.length + count) ||
      !edb_map_put(&l->states, tokens, count * sizeof *tokens, (uint32_t)l->rows.length))
    return edb_fail_memory(error, count * sizeof(edb_action), "the states of learning");
  row.prior = row.first;
  for (uint32_t i = 0; i < count; i++) {
    edb_action action = {.type = edb_token_type(tokens[i])};
    if (!l->params.as_published) {
      if (action.type == rule) row.prior = row.first + i;
      action.value = action.type == rule ? 0 : DOUBT;
    }
    l->actions.data[l->actions.length++] = action;
  }
  row.choice = l->settled ? EDB_LEAVE : row.prior;
  *out = (uint32_t)l->rows.length;
  l->rows.data[l->rows.length++] = row;
  return EDB_OK;
}

edb_status edb_learner_row(edb_learner *l, const edb_world *w, uint32_t component, uint32_t *out,
                           edb_error *error) {
  edb_token *tokens = w->binding.tokens;
  uint32_t count = edb_encode(l->params.encoding, &w->state, component, w->binding.to_fsm, tokens);
  EDB_ASSERT(count != UINT32_MAX);
  *out = edb_map_get(&l->states, tokens, count * sizeof *tokens);
  return *out != EDB_MAP_NONE ? EDB_OK : add_row(l, w, component, count, out, error);
}

uint32_t edb_learner_greedy(const edb_learner *l, uint32_t at) {
  const edb_row *row = &l->rows.data[at];
  const edb_action *actions = l->actions.data;
  uint32_t best = row->prior;
  for (uint32_t i = row->first; i < row->first + row->count; i++)
    if (actions[i].value > actions[best].value) best = i;
  return best;
}

/* ---- Tables ------------------------------------------------------------- */

/* Batches of the table on one world; once they cannot be fewer than `limit`, a number that is not.
 */
static edb_status run_table(edb_learner *l, edb_world *w, uint64_t limit, uint64_t *batches,
                            edb_error *error) {
  edb_state *s = &w->state;
  uint64_t count = 0;
  edb_state_reset(s);
  while (s->n_done < w->problem.n_nodes && count + s->remaining_bound < limit) {
    uint32_t at = 0, component, type = edb_fsm_forced(l->fsm, s, &component);
    if (type == EDB_TYPE_NONE) {
      EDB_TRY(edb_learner_row(l, w, component, &at, error));
      uint32_t choice = l->rows.data[at].choice;
      l->rows.data[at].visits++;
      type =
          choice == EDB_LEAVE ? edb_fsm_rule(l->fsm, s, component) : edb_learner_type(l, w, choice);
    }
    edb_state_run(s, type, NULL);
    count++;
  }
  *batches = count + s->remaining_bound;
  return EDB_OK;
}

edb_status edb_learner_keep(edb_learner *l, uint64_t batches, edb_error *error) {
  if (!edb_vec_reserve(l->ctx, &l->best, l->rows.length))
    return edb_fail_memory(error, l->rows.length * sizeof(edb_best_row), "the best table");
  for (size_t at = 0; at < l->rows.length; at++)
    l->best.data[at] =
        (edb_best_row){.choice = l->rows.data[at].choice, .used = l->rows.data[at].visits > 0};
  l->best.length = l->rows.length;
  l->best_batches = batches;
  return EDB_OK;
}

edb_status edb_learner_try(edb_learner *l, bool *better, edb_error *error) {
  uint64_t total = 0, rest = l->bound; /* of the worlds that are still to come */
  for (size_t at = 0; at < l->rows.length; at++) l->rows.data[at].visits = 0;
  for (size_t i = 0; i < l->n_worlds && total + rest < l->best_batches; i++) {
    uint64_t batches = 0;
    rest -= l->worlds.data[i].problem.bound;
    EDB_TRY(run_table(l, &l->worlds.data[i], l->best_batches - total - rest, &batches, error));
    total += batches;
  }
  *better = total + rest < l->best_batches;
  return *better ? edb_learner_keep(l, total, error) : EDB_OK;
}

/* Batches of the best table on the mini-batches alone, without the states that were dropped. */
static edb_status count_batches(edb_learner *l, uint64_t *batches, uint64_t *bound,
                                edb_error *error) {
  *batches = *bound = 0;
  l->settled = true;
  for (size_t at = 0; at < l->rows.length; at++) {
    bool known = at < l->best.length && !l->best.data[at].dropped;
    l->rows.data[at].choice = known ? l->best.data[at].choice : EDB_LEAVE;
    l->rows.data[at].visits = 0;
  }
  for (uint32_t i = 0; i < l->n_graphs; i++) {
    uint64_t count = 0;
    EDB_TRY(run_table(l, &l->worlds.data[i], UINT64_MAX, &count, error));
    *batches += count;
    *bound += l->worlds.data[i].problem.bound;
  }
  return EDB_OK;
}

/* Drops the states that were visited least, so that no more than EDB_MOST_STATES are left. */
static void drop_states(edb_learner *l) {
  uint32_t least = 0, more = 0;
  do { /* the fewest visits that a state may have: at most 32 rounds, as they double */
    least = least == 0 ? 1 : least * 2;
    more = 0;
    for (size_t at = 0; at < l->best.length; at++) more += l->rows.data[at].visits >= least;
  } while (more > EDB_MOST_STATES);
  for (size_t at = 0; at < l->best.length; at++)
    l->best.data[at].dropped = l->rows.data[at].visits < least;
}

/* A table that nobody can read is no use: what is rare is left to the rule, and everything where
 * that is better. */
static edb_status cut_table(edb_learner *l, uint64_t *batches, uint64_t *bound, edb_error *error) {
  uint64_t rule = 0;
  if (l->best.length <= EDB_MOST_STATES) return EDB_OK;
  drop_states(l);
  EDB_TRY(count_batches(l, batches, bound, error));
  edb_best_row *rows = l->best.data;
  for (uint32_t i = 0; i < l->n_graphs; i++) rule += l->worlds.data[i].rule_batches;
  if (rule > *batches) return EDB_OK;
  for (size_t at = 0; at < l->best.length; at++) rows[at].dropped = true;
  *batches = rule;
  return EDB_OK;
}

edb_status edb_learner_hold_out(edb_learner *l, uint64_t *table, uint64_t *rule, edb_error *error) {
  uint64_t *sums[] = {table, rule};
  l->settled = true;
  for (size_t k = 0; k < 2; k++) {
    *sums[k] = 0;
    for (size_t at = 0; at < l->rows.length; at++)
      l->rows.data[at].choice = k == 0 && at < l->best.length ? l->best.data[at].choice : EDB_LEAVE;
    for (size_t i = l->n_worlds; i < l->worlds.length; i++) {
      uint64_t count = 0;
      EDB_TRY(run_table(l, &l->worlds.data[i], UINT64_MAX, &count, error));
      *sums[k] += count;
    }
  }
  return EDB_OK;
}

static void record(edb_learner *l, uint64_t batches, uint64_t bound) {
  l->fsm->record = (edb_fsm_record){.present = true,
                                    .episodes = l->episodes,
                                    .n_graphs = l->n_graphs,
                                    .seed = l->params.seed,
                                    .batches = batches,
                                    .bound = bound,
                                    .reward = l->params.reward,
                                    .teacher = l->params.teacher};
}

/* Batches of the rule on one mini-batch. */
static edb_status count_by_rule(edb_learner *l, edb_world *w, uint64_t *count, edb_error *error) {
  edb_rule rule = {.kind = EDB_POLICY_FSM, .fsm = l->fsm, .schema = l->schema, .table_aside = true};
  edb_batches batches;
  uint32_t unused;
  EDB_TRY(edb_batches_init(l->ctx, &w->problem, &batches, error));
  edb_status status =
      edb_rule_pass(l->ctx, &rule, &w->state, EDB_GAVE_UP, &batches, &unused, error);
  *count = batches.count;
  edb_batches_free(l->ctx, &batches);
  return status;
}

edb_status edb_learner_give_up(edb_learner *l, uint64_t *batches, uint64_t *bound,
                               edb_error *error) {
  *batches = *bound = 0;
  for (uint32_t i = 0; i < l->n_graphs; i++) {
    uint64_t count = 0;
    EDB_TRY(count_by_rule(l, &l->worlds.data[i], &count, error));
    *batches += count;
    *bound += l->worlds.data[i].problem.bound;
  }
  record(l, *batches, *bound);
  return EDB_OK;
}

edb_status edb_learner_finish(edb_learner *l, uint64_t *batches, uint64_t *bound,
                              edb_error *error) {
  EDB_TRY(count_batches(l, batches, bound, error));
  EDB_TRY(cut_table(l, batches, bound, error));
  for (size_t at = 0; at < l->best.length; at++) {
    if (l->best.data[at].dropped) continue;
    uint32_t choice = l->best.data[at].choice, count = l->rows.data[at].count;
    uint32_t run = choice == EDB_LEAVE ? EDB_FSM_RULE : l->actions.data[choice].type;
    memcpy(l->tokens.data, edb_map_key(&l->states, at), count * sizeof(edb_token));
    EDB_TRY(edb_fsm_set(l->fsm, l->tokens.data, count, run, error));
  }
  record(l, *batches, *bound);
  return EDB_OK;
}
