/* policy/learned.c: what goes beside a learned table on a whole graph. What one step sees is not
 * enough where several types lie on a cycle, and a table is about one direction. */
#include "policy/learned.h"

#include "policy/ahead.h"
#include "policy/fsm.h"
#include "policy/rules.h"

#define BEHIND        64   /* decided: at most this part of the batches comes behind the words */
#define FEW_LOOKED_AT 2000 /* nodes: in graphs below, tight goes before the look ahead */

/* A pass that follows the few instances that decide, and those that `last` came to last, if it is
 * not NULL. Its schedule is the trial; *decided: few batches were left behind them. */
static edb_status pass_ahead(edb_attempts *a, const edb_batches *last, bool *decided,
                             edb_error *error) {
  edb_ahead ahead;
  EDB_TRY(edb_ahead_init(a->ctx, &a->forward, last, &ahead, error));
  a->trial.count = EDB_GAVE_UP;
  if (ahead.start[ahead.n_components] > 0) { /* of some component */
    a->state.problem = &a->forward;
    edb_ahead_pass(&ahead, &a->state, &a->trial);
    *decided = ahead.behind <= a->trial.count / BEHIND;
  }
  edb_ahead_free(a->ctx, &ahead);
  return EDB_OK;
}

/* What few instances decide; where the first few were not all that do, once more. */
static edb_status contribute_ahead(edb_attempts *a, bool *decided, edb_error *error) {
  EDB_TRY(pass_ahead(a, NULL, decided, error));
  if (a->trial.count == EDB_GAVE_UP) return EDB_OK;
  edb_attempts_keep_shorter(a);
  if (*decided || edb_attempts_meet_bound(a) || a->forward.members != NULL) return EDB_OK;
  EDB_TRY(pass_ahead(a, &a->best, decided, error));
  edb_attempts_keep_shorter(a);
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
  EDB_TRY(edb_attempts_make_reverse(a, error));
  EDB_TRY(edb_attempts_begin_words(a, error));
  edb_words_take(&a->words, &a->forward, &a->trial);
  if (late) edb_attempts_contribute_tight(a, true);
  if (late && !decided) {
    EDB_TRY(edb_attempts_contribute(a, EDB_POLICY_FSM, fsm, error));
    misses = a->misses;
  }
  if (!decided && !edb_attempts_words_meet_bound(a)) EDB_TRY(cross(a, fsm, error));
  if (!late) {
    edb_attempts_contribute_tight(a, true);
    edb_attempts_contribute_tight(a, false);
  }
  edb_attempts_keep_words(a, EDB_POLICY_FSM);
  a->misses = misses;
  return EDB_OK;
}

/* A whole graph gets a look ahead at the instances that decide; a table that is known to come short
 * is not even asked before. Where few have decided, tight would have to find a
 * shorter word for these: in a large graph that is not worth two passes. In a small one the few are
 * much of it: there tight goes first, and nothing learned is ever worse. */
static edb_status look_further(edb_attempts *a, const struct edb_fsm *fsm, bool late,
                               edb_error *error) {
  bool decided = false, small = a->forward.n_nodes < FEW_LOOKED_AT;
  if (late && small) EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, false, NULL, error));
  if (edb_attempts_meet_bound(a)) return EDB_OK;
  EDB_TRY(contribute_ahead(a, &decided, error));
  if (edb_attempts_meet_bound(a) || (decided && !small)) return EDB_OK;
  if (late && !small) EDB_TRY(edb_attempt(a, EDB_POLICY_TIGHT, false, NULL, error));
  return edb_attempts_meet_bound(a) ? EDB_OK : improve_fsm(a, fsm, late, decided, error);
}

edb_status edb_attempt_fsm(edb_attempts *a, const struct edb_fsm *fsm, edb_error *error) {
  bool alone = fsm->scope != EDB_FSM_COMPONENT, late = false;
  if (!alone) EDB_TRY(falls_short(a, fsm, &late, error));
  if (!late) EDB_TRY(edb_attempt(a, EDB_POLICY_FSM, false, fsm, error));
  if (!alone && !edb_attempts_meet_bound(a)) EDB_TRY(look_further(a, fsm, late, error));
  a->kind = EDB_POLICY_FSM;
  return EDB_OK;
}
