/* policy/attempts.c: see attempts.h. */
#include "policy/attempts.h"

#include "policy/rules.h"

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

edb_status edb_attempts_make_reverse(edb_attempts *a, edb_error *error) {
  if (a->reverse.memory != NULL) return EDB_OK;
  return edb_problem_init_reverse(a->ctx, &a->forward, &a->reverse, error);
}

edb_status edb_attempt(edb_attempts *a, edb_policy_kind kind, bool reverse,
                       const struct edb_fsm *fsm, edb_error *error) {
  if (kind == EDB_POLICY_TIGHT && a->tight[reverse]) return EDB_OK;
  a->tight[reverse] |= kind == EDB_POLICY_TIGHT;
  if (reverse) EDB_TRY(edb_attempts_make_reverse(a, error));
  a->state.problem = reverse ? &a->reverse : &a->forward;
  edb_rule rule = {.kind = kind, .fsm = fsm, .schema = a->schema, .deadline = a->deadline};
  uint32_t misses = 0;
  EDB_TRY(edb_rule_pass(a->ctx, &rule, &a->state, a->best.count, &a->trial, &misses, error));
  if (a->trial.count >= a->best.count) return EDB_OK;
  if (reverse)
    edb_batches_reverse(&a->trial, &a->best);
  else
    edb_attempts_keep_shorter(a);
  a->kind = kind;
  a->misses = misses;
  return EDB_OK;
}

edb_status edb_attempt_both_ways(edb_attempts *a, edb_policy_kind kind, edb_error *error) {
  EDB_TRY(edb_attempt(a, kind, false, NULL, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  return edb_attempt(a, kind, true, NULL, error);
}

/* ---- Putting schedules together -----------------------------------------------------------------
 */

edb_status edb_attempts_begin_words(edb_attempts *a, edb_error *error) {
  if (a->words.memory == NULL) {
    EDB_TRY(edb_words_init(a->ctx, &a->forward, NULL, &a->words, error));
    edb_words_take_levels(&a->words, &a->forward);
  }
  edb_words_take(&a->words, &a->forward, &a->best);
  return EDB_OK;
}

void edb_attempts_keep_words(edb_attempts *a, edb_policy_kind kind) {
  if (edb_words_batches(&a->words, &a->forward) >= a->best.count) return;
  a->state.problem = &a->forward;
  edb_words_run(&a->words, &a->state, &a->trial);
  EDB_ASSERT(a->trial.count < a->best.count);
  edb_attempts_keep_shorter(a);
  a->kind = kind;
  a->misses = 0;
}

edb_status edb_attempts_contribute(edb_attempts *a, edb_policy_kind kind, const struct edb_fsm *fsm,
                                   edb_error *error) {
  if (edb_attempts_words_meet_bound(a)) return EDB_OK;
  EDB_TRY(edb_attempt(a, kind, false, fsm, error));
  edb_words_take(&a->words, &a->forward, &a->best);
  edb_words_take(&a->words, &a->forward, &a->trial);
  return EDB_OK;
}

void edb_attempts_contribute_tight(edb_attempts *a, bool reverse) {
  if (a->tight[reverse] || edb_attempts_words_meet_bound(a)) return;
  a->tight[reverse] = true;
  a->state.problem = reverse ? &a->reverse : &a->forward;
  edb_tight_pass(&a->state, edb_words_batches(&a->words, &a->forward), &a->trial);
  if (reverse)
    edb_words_take_reversed(&a->words, &a->forward, &a->trial);
  else
    edb_words_take(&a->words, &a->forward, &a->trial);
}

double edb_attempts_weigh(const edb_attempts *a, const edb_batches *batches) {
  double sum = 0;
  for (uint32_t i = 0; i < batches->count; i++) sum += a->weight[batches->type[i]];
  return sum;
}
