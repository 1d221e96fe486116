/* policy/lead.c: prefer the type of the ready node with the longest path ahead.
 *
 * The instance that such a node belongs to decides how long the schedule must be, if any single one
 * does; the tight rule looks at one type at a time and does not see it. Where a component has many
 * types, as at operator granularity, no single instance decides: there a type goes first whose
 * batch lowers the bound on what is left, and only among several the one that leads. (The tight
 * rule's own tie-break, the sum of own, prefers the types that many kinds of nodes lead to, which
 * had better wait for these.) */
#include "policy/rules.h"

bool edb_lead_beats(const edb_state *s, uint32_t type, uint32_t other) {
  const edb_problem *p = s->problem;
  if (p->component_size[p->component[type]] > EDB_LEAD_FEW_TYPES) {
    bool tight = edb_state_is_tight(s, type);
    if (tight != edb_state_is_tight(s, other)) return tight;
  }
  return edb_state_leads(s, type, other);
}

uint32_t edb_lead_choose_in(const edb_state *s, uint32_t component) {
  uint32_t best = EDB_TYPE_NONE;
  EDB_ASSERT(s->height != NULL);
  for (uint32_t t = edb_state_next_in(s, component, EDB_TYPE_NONE); t != EDB_TYPE_NONE;
       t = edb_state_next_in(s, component, t)) {
    if (best == EDB_TYPE_NONE || edb_lead_beats(s, t, best)) best = t;
  }
  return best;
}

static uint32_t choose(void *self, const edb_state *s) {
  (void)self;
  return edb_lead_choose_in(s, EDB_COMPONENT_ANY);
}

static bool beats(void *self, const edb_state *s, uint32_t type, uint32_t other) {
  (void)self;
  return edb_lead_beats(s, type, other);
}

void edb_lead_pass(edb_state *state, uint32_t limit, edb_batches *out) {
  edb_chooser chooser = {.choose = choose, .beats = beats};
  edb_pass(state, &chooser, limit, out);
}
