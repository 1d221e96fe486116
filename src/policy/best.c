/* policy/best.c: several rules are tried until one meets the bound; then, or at the end, the
 * shortest schedule is it. As depth and both agendas are among them, it is never longer than
 * theirs. */
#include "policy/best.h"

edb_status edb_attempts_init(edb_context *ctx, const edb_dag *dag, const edb_schema *schema,
                             edb_attempts *out, edb_error *error) {
  edb_attempts a = {.ctx = ctx, .schema = schema, .reverse = {.ctx = ctx}};
  EDB_TRY(edb_problem_init(ctx, dag, &a.forward, error));
  edb_status status = EDB_OK;
  EDB_TRY_GOTO(status, edb_state_init(ctx, &a.forward, &a.state, error), cleanup);
  EDB_TRY_GOTO(status, edb_batches_init(ctx, &a.forward, &a.best, error), cleanup);
  EDB_TRY_GOTO(status, edb_batches_init(ctx, &a.forward, &a.trial, error), cleanup);
  a.best.count = EDB_GAVE_UP;
  *out = a;
  return EDB_OK;
cleanup:
  edb_attempts_free(&a);
  return status;
}

void edb_attempts_free(edb_attempts *a) {
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
  edb_rule rule = {.kind = kind, .fsm = fsm, .schema = a->schema};
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

/* The cheapest and best come first. `sufficient` may be beyond its limit, which is then no failure.
 */
static edb_status attempt_all(edb_attempts *a, const struct edb_fsm *fsm, edb_error *error) {
  static const edb_policy_kind simple[] = {EDB_POLICY_AGENDA_STATIC, EDB_POLICY_AGENDA_RUNNING,
                                           EDB_POLICY_DEPTH};
  EDB_TRY(attempt_both_ways(a, EDB_POLICY_TIGHT, error));
  if (fsm != NULL && !edb_attempts_meet_bound(a))
    EDB_TRY(edb_attempt(a, EDB_POLICY_FSM, false, fsm, error));
  for (size_t i = 0; i < sizeof simple / sizeof *simple && !edb_attempts_meet_bound(a); i++)
    EDB_TRY(edb_attempt(a, simple[i], false, NULL, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  edb_error unused;
  edb_status status = attempt_both_ways(a, EDB_POLICY_SUFFICIENT, &unused);
  if (status == EDB_OK || status == EDB_ERROR_LIMIT) return EDB_OK;
  return edb_fail(error, status, "%s", unused.text);
}

edb_status edb_attempt_policy(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  switch (policy->kind) {
  case EDB_POLICY_BEST:
    return attempt_all(a, policy->fsm, error);
  case EDB_POLICY_SUFFICIENT:
  case EDB_POLICY_TIGHT:
    return attempt_both_ways(a, policy->kind, error);
  default:
    return edb_attempt(a, policy->kind, false, policy->fsm, error);
  }
}
