/* policy/light.c: schedules by time: the lightest words of all passes. */
#include "policy/light.h"

#include "policy/cost.h"
#include "policy/rules.h"

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

edb_status edb_attempts_find_weights(edb_attempts *a, const edb_policy *policy, edb_error *error) {
  size_t bytes = a->forward.n_types * sizeof *a->weight;
  a->weight = edb_alloc(a->ctx, bytes);
  if (a->weight == NULL && bytes > 0) return edb_fail_memory(error, bytes, "the weights of types");
  return edb_costs_weights(a->ctx, policy->costs, &a->forward, a->schema, a->weight, error);
}

edb_status edb_attempt_light(edb_attempts *a, const edb_policy *policy, edb_error *error) {
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
  if (edb_attempts_weigh(a, &a->trial) >= edb_attempts_weigh(a, &a->best)) return EDB_OK;
  edb_batches lighter = a->trial; /* which may have more batches */
  a->trial = a->best;
  a->best = lighter;
  a->kind = EDB_POLICY_BEST;
  a->misses = 0;
  return EDB_OK;
}
