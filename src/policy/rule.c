/* policy/rule.c: one pass by the name of its rule. */
#include "policy/agenda.h"
#include "policy/fsm.h"
#include "policy/rules.h"

static uint32_t choose_fsm(void *self, const edb_state *state) {
  return edb_fsm_choose(self, state);
}

/* What the rule compares where types are many: the first unfinished component goes first. */
static bool beats(void *self, const edb_state *s, uint32_t type, uint32_t other) {
  const edb_fsm *fsm = ((const edb_fsm_binding *)self)->fsm;
  const uint32_t *component = s->problem->component;
  if (fsm->scope == EDB_FSM_COMPONENT && component[type] != component[other])
    return component[type] < component[other];
  if (!edb_encoding_leads(fsm->encoding)) return edb_tight_beats(s, type, other);
  return edb_lead_beats(s, type, other);
}

/* No state of the table has so many types. */
static bool knows_none(void *self, const edb_state *s, uint32_t type) {
  edb_fsm_binding *binding = self;
  const edb_problem *p = s->problem;
  uint32_t others = 0; /* at most so many ready types are not part of the state */
  if (binding->fsm->scope == EDB_FSM_COMPONENT)
    others = p->n_types - p->component_size[p->component[type]];
  if (s->n_ready_types <= others || s->n_ready_types - others <= binding->fsm->longest)
    return false;
  binding->misses++;
  return true;
}

static uint32_t choose_by_rule(void *self, const edb_state *state) {
  const edb_fsm_binding *binding = self;
  uint32_t component, type = edb_fsm_forced(binding->fsm, state, &component);
  return type != EDB_TYPE_NONE ? type : edb_fsm_rule(binding->fsm, state, component);
}

static edb_status fsm_pass(edb_context *ctx, const edb_rule *rule, edb_state *state,
                           edb_batches *out, uint32_t *misses, edb_error *error) {
  edb_fsm_binding binding;
  EDB_TRY(edb_fsm_bind(ctx, rule->fsm, state->problem, rule->schema, &binding, error));
  edb_chooser chooser = {.choose = choose_by_rule, .beats = beats, .self = &binding};
  if (!rule->table_aside) {
    chooser.choose = choose_fsm;
    chooser.settles = knows_none;
  }
  edb_fsm_attach(&binding, state);
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
  state->height = NULL; /* the binding's */
  *misses = binding.misses;
  edb_fsm_unbind(ctx, &binding);
  return EDB_OK;
}

static edb_status agenda_pass(edb_context *ctx, edb_state *state, bool running, uint32_t limit,
                              edb_batches *out, edb_error *error) {
  edb_agenda agenda;
  EDB_TRY(edb_agenda_init(ctx, state->problem, &agenda, error));
  edb_agenda_pass(&agenda, state, running, limit, out);
  edb_agenda_free(ctx, &agenda);
  return EDB_OK;
}

edb_status edb_rule_pass(edb_context *ctx, const edb_rule *rule, edb_state *state, uint32_t limit,
                         edb_batches *out, uint32_t *misses, edb_error *error) {
  *misses = 0;
  out->count = 0;
  if (state->problem->n_nodes == 0) return EDB_OK;
  switch (rule->kind) {
  case EDB_POLICY_UNBATCHED:
    edb_unbatched_pass(state->problem, out);
    return EDB_OK;
  case EDB_POLICY_DEPTH:
    return edb_depth_pass(ctx, state->problem, out, error);
  case EDB_POLICY_AGENDA_STATIC:
  case EDB_POLICY_AGENDA_RUNNING:
    return agenda_pass(ctx, state, rule->kind == EDB_POLICY_AGENDA_RUNNING, limit, out, error);
  case EDB_POLICY_SUFFICIENT:
    return edb_sufficient_pass(ctx, state, out, error);
  case EDB_POLICY_TIGHT:
    edb_tight_pass(state, limit, out);
    return EDB_OK;
  case EDB_POLICY_FSM:
    return fsm_pass(ctx, rule, state, out, misses, error);
  case EDB_POLICY_EXACT:
    return edb_exact_pass(ctx, state, rule->deadline, out, error);
  default:
    return edb_fail(error, EDB_ERROR_ARGUMENT, "policy %d has no rule of its own", (int)rule->kind);
  }
}
